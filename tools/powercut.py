#!/usr/bin/python3
"""powercut.py - the power goes in the middle of a load of writes; is all there that fsync and sync had promised?

    tools/powercut.py                   twelve loads of 400 steps on blocks of 1, 2 and 4 KiB, 100 cuts of each: make test-powercut
    tools/powercut.py --seed 7 --block 1024 --steps 100 --cuts 20

1. The machine's disk logs each request (QEMU's blklogwrites). The load (tests/user/powercut.c) prints what it does and what it was
   promised, and waits for an answer then, so the length of the log at that moment is what had reached the disk.
2. A cut is a place in the log. All that was written before the last flush ahead of it is there. Of what came after, an arbitrary part is:
   nothing, everything, or each block by chance, as a disk with a cache may do it. One run gives as many cuts as one likes.
3. e2fsck must repair the result, and then each file must be where it was promised, with each sector as promised or as a change
   that was under way left it.
"""
import argparse
import bisect
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "tools"), os.path.join(ROOT, "tests", "boot")]
import ext2read  # noqa: E402
import machine  # noqa: E402

SECTOR = 512
FLUSH, FUA, DISCARD = 1, 2, 4
MASK = (1 << 64) - 1


def make_image(path, block):
    with open(path, "wb") as f:
        f.truncate(24 << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext2", "-b", str(block), path], check=True)


def qemu_words(image, log):
    return (f"-blockdev driver=file,filename={image},node-name=file0 -blockdev driver=file,filename={log},node-name=log0 "
            "-blockdev driver=blklogwrites,file=file0,log=log0,node-name=disk0 -device virtio-blk-pci,drive=disk0")


def record(folder, image, seed, steps, start=machine.Machine, **knobs):
    """Run the load and pull the plug at its end, or after some promises => (what it printed [(line, length of the log)], the log's path)."""
    log = os.path.join(folder, "log")
    with open(log, "wb"):
        pass
    with open(os.path.join(machine.BUILD, "usertest", "powercut"), "rb") as f:
        initramfs = machine.cpio_bytes(machine.archive(files={"powercut": (f.read(), 0o755)}))
    said = []
    with start(cmdline="panic=-1", initramfs=initramfs, args=qemu_words(image, log), **knobs) as m:
        m.prompt()
        m.run("mount -t ext2 /dev/vda /mnt")
        m.sendline(f"/powercut --helper load /mnt {seed} {steps}")
        while True:
            line = m.expect(r"(?:^|[\r\n])P ([^\r\n]+)\r*\n", 60).group(1)
            if line[0] == "!":
                m.fail(line)
            said.append((line, os.path.getsize(log)))
            if line == ".":
                break
            if line[0] in "aA":
                m.send("\n")
    return said, log


class Log:
    """The log of blklogwrites: entries of (place in the log, sector, sectors, flags, place of the data)."""

    def __init__(self, path, block):
        self.block = block
        with open(path, "rb") as f:
            self.data = f.read()
        at, self.entries = SECTOR, []
        while at + 32 <= len(self.data):
            sector, count, flags, _ = struct.unpack_from("<QQQQ", self.data, at)
            data = at + SECTOR
            end = data + (0 if flags & DISCARD else count * SECTOR)
            if end > len(self.data):
                break
            self.entries.append((at, sector, count, flags, data))
            at = end
        self.starts = [e[0] for e in self.entries]

    def entry_at(self, length):
        """=> how many entries are in the first `length` bytes"""
        return bisect.bisect_left(self.starts, length)

    def apply(self, image, entry, wanted=lambda: True):
        """Write those of an entry's blocks that are wanted; a disk writes a block of the file system whole."""
        _, sector, count, flags, data = entry
        if flags & DISCARD:
            return
        at, end = sector * SECTOR, (sector + count) * SECTOR
        while at < end:
            n = min(end, (at // self.block + 1) * self.block) - at
            if wanted():
                image[at:at + n] = self.data[data:data + n]
            at, data = at + n, data + n


class Model:
    """What a file may look like, from what was said: the last promise, and the changes since."""

    def __init__(self, said, cut):
        """said: [(line, entries of the log at that moment)]; cut: how many entries there are."""
        self.files = {}         # id => (dir or None, size, {sector: gen}) as promised
        now, self.later = {}, {}
        for line, reached in said:
            words = line.split()
            kind, numbers = words[0], [int(w) for w in words[1:]]
            if kind in "aA":
                ids = numbers or list(now)
                if reached <= cut:
                    for i in ids:
                        self.files[i] = (now[i][0], now[i][1], dict(now[i][2]))
                        self.later[i] = []
                continue
            if kind == ".":
                continue
            i = numbers[0]
            self.later.setdefault(i, []).append((kind, numbers[1:]))
            place, size, gens = now.get(i, (None, 0, {}))
            if kind == "c":
                place, size, gens = numbers[1], 0, {}
            elif kind == "m":
                place = numbers[1]
            elif kind == "u":
                place, size, gens = None, 0, {}
            elif kind == "t":
                size, gens = numbers[1], {s: g for s, g in gens.items() if s < numbers[1]}
            else:
                first, count, gen = numbers[1:]
                gens = {**gens, **{s: gen for s in range(first, first + count)}}
                size = max(size, first + count)
            now[i] = (place, size, gens)

    def check(self, fs):
        """=> [what is wrong]"""
        root, wrong = fs.listdir(), []
        names = {d: fs.listdir(root[f"d{d}"]) for d in range(3) if f"d{d}" in root}
        lost = [n for n in fs.listdir(root["lost+found"]).values() if fs.is_file(n)] if "lost+found" in root else []
        for i, (place, size, gens) in self.files.items():
            wrong += self.check_file(fs, i, place, size, gens, names, lost)
        return wrong

    def check_file(self, fs, i, place, size, gens, names, lost):
        name, later = f"file{i:02}", self.later[i]
        found = {d: entries[name] for d, entries in names.items() if name in entries}
        if place is None:
            if found and not any(kind == "c" for kind, _ in later):
                return [f"{name}: deleted and synced, but it is there"]
            return []
        if any(kind in "uc" for kind, _ in later):
            return []           # it goes, so nothing is promised until the next sync
        moved = {n[0] for kind, n in later if kind == "m"}
        inodes = {ino for d, ino in found.items() if d in moved | {place}}
        if not inodes and moved:        # between two names: e2fsck hangs it into lost+found
            inodes = {n for n in lost if owner(fs.read(n)) in (i, None)}
            if len(inodes) > 1:
                return []       # which of several empty ones cannot be said
        direct = 12 * fs.block_size // SECTOR
        if not inodes and any(kind == "w" and n[0] + n[1] > direct for kind, n in later):
            return []           # its inode came before a new indirect block: e2fsck finds nonsense there and takes the whole file
        if not inodes:
            return [f"{name}: promised in d{place}, not there (found in {found})"]
        return [f"{name}: {why}" for ino in inodes for why in check_contents(fs.read(ino), i, size, gens, later, fs.block_size // SECTOR)]


def owner(data):
    """=> whose file this is by its first stamped sector, None: none has a stamp"""
    for at in range(0, len(data) - 7, SECTOR):
        word, = struct.unpack_from("<Q", data, at)
        if word:
            return (word >> 48) - 1
    return None


def sector_bytes(i, sector, gen):
    first = (i + 1) << 48 | sector << 24 | gen
    base = first * 0x9e3779b97f4a7c15
    return struct.pack("<64Q", first, *[(base + n * 0x2545f4914f6cdd1d) & MASK for n in range(1, 64)])


def check_contents(data, i, size, gens, later, block):
    """block: sectors of one"""
    cuts = [n[0] for kind, n in later if kind == "t"]
    least = min([size] + cuts)
    if len(data) < least * SECTOR:
        return [f"{len(data)} bytes, promised {least * SECTOR}"]
    writes = [n for kind, n in later if kind == "w"]
    fresh = {page for first, count, _ in writes for page in range(first // 8, (first + count - 1) // 8 + 1)}
    for s in range(least):
        # A hole that a later change gives a block to: without a journal the inode may be there before the data.
        if s // 8 in fresh and not any(gens.get(n) for n in range(s // block * block, (s // block + 1) * block)):
            continue
        allowed = {gens.get(s, 0)} | {gen for first, count, gen in writes if first <= s < first + count}
        got = data[s * SECTOR:(s + 1) * SECTOR]
        if not any(got == (sector_bytes(i, s, g) if g else bytes(SECTOR)) for g in allowed):
            word, = struct.unpack_from("<Q", got)
            return [f"sector {s} of {size}: promised generation {gens.get(s, 0)} or {sorted(allowed)}, there is {word:#x}"]
    return []


def choose_cuts(log, said, count, rng):
    """Places in the log (numbers of entries): right after promises, and anywhere."""
    ends = [reached for line, reached in said if line[0] in "aA"]
    cuts = [rng.choice(ends) if n % 2 else rng.randrange(ends[0], len(log.entries) + 1) for n in range(count)]
    return sorted(cuts)


def check_cuts(folder, base, said, log, cuts, seed):
    """=> [what is wrong]. `base` is the image as it was before the run."""
    rng, wrong = random.Random(seed), []
    said = [(line, log.entry_at(length)) for line, length in said]
    with open(base, "rb") as f:
        durable = bytearray(f.read())
    done, path = 0, os.path.join(folder, "cut.img")
    for number, cut in enumerate(choose_cuts(log, said, cuts, rng)):
        flushes = [n for n in range(done, cut) if log.entries[n][3] & FLUSH]
        if flushes:
            for entry in log.entries[done:flushes[-1] + 1]:
                log.apply(durable, entry)
            done = flushes[-1] + 1
        image, how = bytearray(durable), ("nothing", "everything", "some", "few")[number % 4]
        chance = {"nothing": 0, "everything": 1, "some": 0.5, "few": 0.1}[how]
        for entry in log.entries[done:cut]:
            log.apply(image, entry, (lambda: True) if entry[3] & FUA else (lambda: rng.random() < chance))
        with open(path, "wb") as f:
            f.write(image)
        why = check_one(path, Model(said, cut))
        wrong += [f"cut {number} at entry {cut} of {len(log.entries)}, after the flush {how}: {w}" for w in why]
        if why:
            shutil.copy(path, os.path.join(machine.BUILD, "powercut-wrong.img"))
    return wrong


def check_one(path, model):
    repaired = subprocess.run(["e2fsck", "-fy", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if repaired.returncode > 2:
        return [f"e2fsck -fy: status {repaired.returncode}\n{repaired.stdout[-1500:]}"]
    with open(path, "rb") as f:
        fs = ext2read.Ext2(f.read())
    try:
        return model.check(fs)
    except (ValueError, KeyError, struct.error) as e:
        return [f"cannot be read after e2fsck: {e!r}"]


def run(seed, block, steps, cuts, start=machine.Machine, **knobs):
    """One load, many cuts => ([what is wrong], a line that says what was done)."""
    with tempfile.TemporaryDirectory(prefix="powercut", dir=machine.BUILD) as folder:
        base, image = os.path.join(folder, "base.img"), os.path.join(folder, "disk.img")
        make_image(base, block)
        shutil.copy(base, image)
        said, path = record(folder, image, seed, steps, start, **knobs)
        log = Log(path, block)
        wrong = check_cuts(folder, base, said, log, cuts, seed)
        promises = sum(1 for line, _ in said if line[0] in "aA")
        return wrong, f"seed {seed}, blocks of {block}: {cuts} cuts, {promises} promises, {len(log.entries)} requests, " \
                      f"{sum(1 for e in log.entries if e[3] & FLUSH)} flushes"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, action="append")
    p.add_argument("--block", type=int, action="append", choices=[1024, 2048, 4096])
    p.add_argument("--steps", type=int, default=400)
    p.add_argument("--cuts", type=int, default=100)
    args = p.parse_args()
    bad = 0
    for seed in args.seed or [1, 2, 3, 4]:
        for block in args.block or [1024, 2048, 4096]:
            wrong, text = run(seed, block, args.steps, args.cuts)
            print(text + (": FAILED" if wrong else ": all promises were kept"), flush=True)
            print("\n".join(wrong[:10]), end="\n" if wrong else "")
            bad += bool(wrong)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
