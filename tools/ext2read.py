"""ext2read.py - reads an ext2 image without mounting it: directories and files. For tests; what is broken raises ValueError."""
import struct


class Ext2:
    def __init__(self, data):
        self.data = data
        sb = data[1024:2048]
        self.first, log = struct.unpack_from("<II", sb, 20)
        self.block_size = 1024 << log
        self.inodes_per_group, = struct.unpack_from("<I", sb, 40)
        revision, = struct.unpack_from("<I", sb, 76)
        self.inode_size = struct.unpack_from("<H", sb, 88)[0] if revision else 128

    def block(self, n):
        if not n:
            return bytes(self.block_size)
        found = self.data[n * self.block_size:(n + 1) * self.block_size]
        if len(found) != self.block_size:
            raise ValueError(f"block {n} is beyond the end")
        return found

    def inode(self, number):
        """=> (mode, size, links, the fifteen block numbers)"""
        group, index = divmod(number - 1, self.inodes_per_group)
        table, = struct.unpack_from("<I", self.data, (self.first + 1) * self.block_size + group * 32 + 8)
        at = table * self.block_size + index * self.inode_size
        mode, _, size = struct.unpack_from("<HHI", self.data, at)
        links, = struct.unpack_from("<H", self.data, at + 26)
        high, = struct.unpack_from("<I", self.data, at + 108)
        if mode >> 12 == 8:
            size |= high << 32
        return mode, size, links, struct.unpack_from("<15I", self.data, at + 40)

    def _find(self, blocks, n):
        """The number of a file's n-th block; 0: a hole."""
        per = self.block_size // 4
        if n < 12:
            return blocks[n]
        n -= 12
        for depth in (1, 2, 3):
            if n < per ** depth:
                at = blocks[11 + depth]
                for level in reversed(range(depth)):
                    if not at:
                        return 0
                    at, = struct.unpack_from("<I", self.block(at), 4 * (n // per ** level % per))
                return at
            n -= per ** depth
        raise ValueError("beyond what three levels reach")

    def read(self, number):
        """=> all bytes of a file. For small ones: holes are filled."""
        _, size, _, blocks = self.inode(number)
        count = -(-size // self.block_size)
        return b"".join(self.block(self._find(blocks, n)) for n in range(count))[:size]

    def listdir(self, number=2):
        """=> {name: inode number} without . and .."""
        data, found = self.read(number), {}
        at = 0
        while at < len(data):
            inode, length, name_len = struct.unpack_from("<IHB", data, at)
            if length < 8 or length % 4:
                raise ValueError(f"directory {number}: an entry of {length} bytes")
            name = data[at + 8:at + 8 + name_len]
            if inode and name not in (b".", b".."):
                found[name.decode("latin-1")] = inode
            at += length
        return found

    def is_dir(self, number):
        return self.inode(number)[0] >> 12 == 4

    def is_file(self, number):
        return self.inode(number)[0] >> 12 == 8
