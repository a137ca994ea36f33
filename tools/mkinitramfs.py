#!/usr/bin/env python3
"""Write an initramfs: a newc cpio archive with busybox, its applet links and a few small files.

usage: mkinitramfs.py --output FILE --busybox PATH [--file /PATH=SOURCE]... [--overlay DIR]...

Needs no root and no mknod: the kernel fills /dev itself. The result depends on the contents alone (sorted order, owner
root, time 0), so equal inputs give equal bytes. An overlay's files replace those of the same path. The format is that of
Documentation/driver-api/early-userspace/buffer-format.rst: a header of 13 hexadecimal words, name and data padded to four bytes.
"""
import argparse
import os
import stat
import subprocess
import sys

DIRS = ["bin", "dev", "etc", "mnt", "proc", "root", "sbin", "sys", "tmp", "usr", "usr/bin", "usr/sbin"]

# A serial line does not tell how large the terminal at its other end is, so the terminal is asked: cursor to
# the far corner, where is it? Not while input waits that was typed ahead. No answer: 24 lines of 80.
PROFILE = r"""export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=${TERM:-linux}
PS1='\w \$ '

# Call it again after changing the size of the window.
resize() {
	printf '\033[s\033[999;999H\033[6n\033[u'
	IFS='[;' read -r -s -n 16 -d R -t "${1:-2}" _ROWS ROWS COLS && stty rows "$ROWS" cols "$COLS"
	unset _ROWS ROWS COLS
}

if [ -t 0 ] && [ -t 1 ]; then
	read -t 0 || resize 0.3
	echo 'To leave: poweroff -f, or ^A x (QEMU). After changing the size of the window: resize.'
fi
cd "$HOME"
"""

FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
                  "bin:x:2:2:bin:/bin:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\ndaemon:x:1:\nbin:x:2:\nnogroup:x:65534:\nnobody:x:65533:\n",
    "etc/hostname": "quire\n",
    "etc/profile": PROFILE,
    "etc/fstab": "proc /proc proc defaults 0 0\nsysfs /sys sysfs defaults 0 0\n",
}


class Archive:
    """path (without leading slash) -> (mode, data); written in sorted order, so a folder precedes its files."""

    def __init__(self):
        self.entries = {}

    def directory(self, path, mode=0o755):
        path = path.strip("/")
        if path and path not in self.entries:
            self.directory(os.path.dirname(path))
            self.entries[path] = (stat.S_IFDIR | mode, b"")

    def file(self, path, data, mode=0o644):
        path = path.strip("/")
        self.directory(os.path.dirname(path))
        self.entries[path] = (stat.S_IFREG | mode, data)

    def symlink(self, path, target):
        path = path.strip("/")
        self.directory(os.path.dirname(path))
        self.entries[path] = (stat.S_IFLNK | 0o777, target.encode())

    def overlay(self, folder):
        for top, dirs, names in os.walk(folder):
            dirs.sort()
            rel = os.path.relpath(top, folder)
            for name in sorted(dirs + names):
                source, path = os.path.join(top, name), os.path.normpath(os.path.join(rel, name))
                info = os.lstat(source)
                if stat.S_ISLNK(info.st_mode):
                    self.symlink(path, os.readlink(source))
                elif stat.S_ISDIR(info.st_mode):
                    self.directory(path, info.st_mode & 0o7777)
                elif stat.S_ISREG(info.st_mode):
                    with open(source, "rb") as f:
                        self.file(path, f.read(), info.st_mode & 0o7777)
                else:
                    sys.exit(f"mkinitramfs: {source}: only files, folders and links can be packed")

    def write(self, out):
        for ino, (path, (mode, data)) in enumerate(sorted(self.entries.items()), 1):
            self._record(out, ino, path, mode, data)
        self._record(out, 0, "TRAILER!!!", 0, b"")

    @staticmethod
    def _record(out, ino, path, mode, data):
        name = path.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        words = [ino, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name), 0]
        head = b"070701" + b"".join(b"%08x" % w for w in words) + name
        out.write(head + b"\0" * (-len(head) % 4))
        out.write(data + b"\0" * (-len(data) % 4))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--output", required=True)
    args.add_argument("--busybox", required=True)
    args.add_argument("--file", action="append", default=[], metavar="/PATH=SOURCE")
    args.add_argument("--overlay", action="append", default=[])
    args = args.parse_args()

    archive = Archive()
    for path in DIRS:
        archive.directory(path)
    archive.directory("root", 0o700)
    archive.entries["tmp"] = (stat.S_IFDIR | 0o1777, b"")
    for path, text in FILES.items():
        archive.file(path, text.encode())
    with open(args.busybox, "rb") as f:
        archive.file("bin/busybox", f.read(), 0o755)
    applets = subprocess.run([args.busybox, "--list-full"], check=True, capture_output=True, text=True).stdout.split()
    for path in applets:
        if path not in archive.entries:
            archive.symlink(path, "/bin/busybox")
    for item in args.file:
        path, source = item.split("=", 1)
        with open(source, "rb") as f:
            archive.file(path, f.read(), 0o755)
    for folder in args.overlay:
        if not os.path.isdir(folder):
            sys.exit(f"mkinitramfs: {folder}: not a folder (EXTRA= names the folder to lay over the root)")
        archive.overlay(folder)

    with open(args.output + ".new", "wb") as out:
        archive.write(out)
    os.replace(args.output + ".new", args.output)


if __name__ == "__main__":
    main()
