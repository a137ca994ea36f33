#!/usr/bin/python3
"""ext2image.py - a small ext2 with one of everything, for tests: made by mke2fs from a tree that is the same each time.

    tools/ext2image.py --output FILE [--block 1024] [--size 1536K] [--inode 128] [--group BLOCKS] [--revision 0|1]
    tools/ext2image.py --tree DIR       the tree alone

The tree: files that end in direct, single, double and triple indirect blocks (sparse), one beyond 4 GiB, a directory of several blocks,
nested ones, short and long symbolic links, names of 255 bytes, hard links, a fifo.  `describe()` says what must be found in it.
"""
import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

TIME = 1_700_000_000        # of every file, so that images are alike


def pattern(name, size):
    """`size` bytes that only this name has."""
    block = hashlib.sha256(name.encode()).digest() * 32
    return (block * (size // len(block) + 1))[:size]


def sparse(path, pieces):
    with open(path, "wb") as f:
        for at, data in pieces:
            f.seek(at)
            f.write(data)


def fill(top, beyond=True):
    """Make the tree in an empty folder."""
    os.makedirs(f"{top}/dir/sub/deep/deeper")
    os.makedirs(f"{top}/empty")
    os.makedirs(f"{top}/many")
    for name, size in (("empty_file", 0), ("tiny", 13), ("block", 4096), ("direct", 12 * 1024), ("single", 60_000), ("double", 330_000),
                       ("dir/inner", 5000), ("dir/sub/deep/deeper/leaf", 100)):
        with open(f"{top}/{name}", "wb") as f:
            f.write(pattern(name, size))
    sparse(f"{top}/holes", [(0, pattern("h0", 100)), (300_000, pattern("h1", 3000)), (5 << 20, pattern("h2", 5000))])
    sparse(f"{top}/triple", [(70 << 20, pattern("t0", 3000)), ((300 << 20) + 5, pattern("t1", 2000))])
    if beyond:
        sparse(f"{top}/beyond", [((4 << 30) - 10, pattern("b0", 4000)), (5 << 30, pattern("b1", 10))])
    for i in range(150):
        with open(f"{top}/many/entry{i:03}-{'x' * (i % 40)}", "wb") as f:
            f.write(b"%d\n" % i)
    os.symlink("tiny", f"{top}/fast")
    os.symlink("dir/" + "./" * 100 + "inner", f"{top}/slow")
    os.symlink("loop", f"{top}/loop")
    os.link(f"{top}/tiny", f"{top}/dir/hard")
    with open(f"{top}/{'n' * 255}", "wb") as f:
        f.write(b"long\n")
    os.mkfifo(f"{top}/fifo")
    for folder, dirs, files in os.walk(top, topdown=False):
        for name in dirs + files:
            os.utime(os.path.join(folder, name), (TIME, TIME), follow_symlinks=False)
    os.utime(top, (TIME, TIME))


def contents(top):
    """=> {path: sha256 of the contents} of the regular files below; holes are read, so do not call it with what is beyond 4 GiB."""
    found = {}
    for folder, _, files in os.walk(top):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                digest = hashlib.sha256()
                with open(path, "rb") as f:
                    while piece := f.read(1 << 20):
                        digest.update(piece)
                found[os.path.relpath(path, top)] = digest.hexdigest()
    return found


def build(output, block=1024, size="1536K", inode=128, group=None, revision=1, tree=None, features=None):
    """An image of a tree (None: the one above) at `output`."""
    with tempfile.TemporaryDirectory(prefix="ext2image") as folder:
        if not tree:
            tree = os.path.join(folder, "tree")
            os.mkdir(tree)
            fill(tree, beyond=revision > 0)
        if os.path.exists(output):
            os.unlink(output)
        words = ["mke2fs", "-q", "-F", "-t", "ext2", "-b", str(block), "-r", str(revision), "-d", tree,
                 "-U", "00000000-0000-4000-8000-000000000001"]
        if revision:
            words += ["-I", str(inode), "-E", "root_owner=0:0,hash_seed=00000000-0000-4000-8000-000000000002"]
        if group:
            words += ["-g", str(group)]
        if features:
            words += ["-O", features]
        tool = shutil.which("mke2fs") or "/sbin/mke2fs"
        subprocess.run([tool] + words[1:] + [output, size], check=True, env=dict(os.environ, E2FSPROGS_FAKE_TIME=str(TIME)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--output")
    p.add_argument("--tree")
    p.add_argument("--block", type=int, default=1024)
    p.add_argument("--size", default="1536K")
    p.add_argument("--inode", type=int, default=128)
    p.add_argument("--group", type=int)
    p.add_argument("--revision", type=int, default=1)
    args = p.parse_args()
    if args.tree:
        fill(args.tree)
    elif args.output:
        build(args.output, args.block, args.size, args.inode, args.group, args.revision)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
