#!/usr/bin/python3
"""bench_disk.py - one table: what Quire and Debian's Linux spend on the same ext2 image behind the same virtio-blk.

Both kernels boot in the QEMU of bench.py, with the static tests/bench/disk_bench.c as process 1. Run it through `make bench-disk`, or:

    tools/bench_disk.py                 instructions (-icount shift=0); waiting is taken off, disk_bench.c says how
    BENCH=time tools/bench_disk.py      nanoseconds as the program sees them: no icount, interleaved runs, medians
    BENCH_FRESH=1 tools/bench_disk.py   measure Linux again instead of taking build/bench's cached figures
    tools/bench_disk.py --only quire    one kernel;  --json FILE also writes the figures;  --runs N

Linux mounts ext2 with its ext4 driver, since Debian builds no other; that and the virtio drivers are modules of its package, which
the initramfs holds in the order in which they need each other.

The image is a copy for each boot, and the host writes nothing through (cache=unsafe): its disk is not what is measured.
"""
import argparse
import hashlib
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import bench
from bench import ROOT, WORK, BenchError, log, run

PROGRAM = os.path.join(ROOT, "tests", "bench", "disk_bench.c")
MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
CACHE_FORMAT = 1
BIG, FOLDERS, FILES = 32 << 20, 100, 20
MKE2FS = ("mke2fs", "-q", "-t", "ext2", "-b", "4096", "-O", "none,filetype,sparse_super,large_file", "-F")
LIMIT = 0.6

OPS = {
    "disk_read": "raw disk, sequential read, a page",
    "disk_map": "raw disk, mapped and touched, a page",
    "file_read_cold": "file, sequential read, cold, a page",
    "file_read_hot": "the same, hot",
    "file_map_cold": "file, mapped and touched, cold",
    "file_map_hot": "the same, hot",
    "random_pread": "random pread of 4 KiB, cold",
    "random_map": "random page through mmap, cold",
    "write_fsync": "new file, write + fsync, a page",
    "create_small": "create + 1000 bytes + close",
    "delete_small": "delete of such a file",
    "find_cold": "find over a tree, cold, an entry",
    "find_hot": "the same, hot",
}


def build_image():
    """The image: /big, and a tree of small files. Always the same contents."""
    image = os.path.join(WORK, "disk.img")
    if os.path.exists(image):
        return image
    contents = random.Random(6)
    with tempfile.TemporaryDirectory() as root:
        bench.write_file(os.path.join(root, "big"), contents.randbytes(BIG))
        for i in range(FOLDERS):
            folder = os.path.join(root, "tree", f"folder{i}")
            os.makedirs(folder)
            for j in range(FILES):
                bench.write_file(os.path.join(folder, f"file{j}"), contents.randbytes(contents.randrange(4000)))
        run([*MKE2FS, "-d", root, image + ".new", "128M"])
    os.rename(image + ".new", image)
    return image


def module_order(folder, wanted):
    """=> the files of the wanted modules and of what they need, those first."""
    files = {name[:-3].replace("-", "_"): os.path.join(top, name)
             for top, _, names in os.walk(folder) for name in names if name.endswith(".ko")}
    order = []

    def add(name):
        path = files[name.replace("-", "_")]
        if path in order:
            return
        with open(path, "rb") as f:
            for needed in re.findall(rb"\0depends=([^\0]*)", f.read())[0].decode().split(","):
                if needed:
                    add(needed)
        order.append(path)

    for name in wanted:
        add(name)
    return order


def build_initramfs(vmlinuz):
    init = os.path.join(WORK, "disk_init")
    run(["musl-gcc", "-static", "-O2", "-Wall", "-Wextra", "-Werror", "-I", ROOT, "-o", init, PROGRAM])
    members = [(init, "init")]
    order = []
    if vmlinuz:
        folder = os.path.join(os.path.dirname(vmlinuz), "..", "lib", "modules", bench.linux_version(vmlinuz))
        for path in module_order(folder, MODULES):
            order.append("/modules/" + os.path.basename(path))
            members.append((path, order[-1][1:]))
    parts = [bench.cpio_entry(i + 1, name, 0o040755) for i, name in enumerate(("dev", "proc", "mnt", "modules"))]
    parts += [bench.cpio_entry(10, "dev/console", 0o020600, rdev=(5, 1)),
              bench.cpio_entry(11, "modules/order", 0o100644, "\n".join(order).encode())]
    for i, (path, name) in enumerate(members):
        with open(path, "rb") as f:
            parts.append(bench.cpio_entry(12 + i, name, 0o100755, f.read()))
    parts.append(bench.cpio_entry(0, "TRAILER!!!", 0))
    return bench.write_file(os.path.join(WORK, "disk.cpio"), b"".join(parts))


class WithDisk:
    """A kernel of bench.py, in a machine with a fresh copy of the image."""

    def __init__(self, kernel, image):
        self.kernel, self.image = kernel, image
        self.name, self.version = kernel.name, kernel.version

    def args(self, words, probe):
        copy = os.path.join(WORK, f"disk-{self.name}.img")
        shutil.copyfile(self.image, copy)
        return self.kernel.args(words, probe) + [
            "-drive", f"file={copy},format=raw,if=none,id=disk0,cache=unsafe",
            "-device", "virtio-blk-pci,drive=disk0,disable-legacy=on"]

    def measure(self, icount):
        ops = bench.parse(bench.boot(self, "1G", "spin" if icount else "", icount))["ops"]
        copy = os.path.join(WORK, f"disk-{self.name}.img")
        check = run(["e2fsck", "-fn", copy], check=False)
        if check.returncode:
            log(f"bench: e2fsck after {self.name}:\n{check.stdout}")
        return ops


def linux_figures(kernel):
    key = [CACHE_FORMAT, bench.qemu_version(), kernel.version, bench.LINUX_WORDS, bench.file_hash(PROGRAM), MKE2FS, BIG, FOLDERS, FILES]
    path = os.path.join(WORK, f"linux-disk-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}.json")
    if os.path.exists(path) and not os.environ.get("BENCH_FRESH"):
        log("bench: Linux's figures are cached (BENCH_FRESH=1 measures them again)")
        with open(path, encoding="ascii") as f:
            return json.load(f)
    ops = kernel.measure(True)
    if set(ops) == set(OPS):
        with open(path, "w", encoding="ascii") as f:
            json.dump(ops, f, indent=1)
    return ops


def measure_time(kernels, runs):
    hz = float(run([os.path.join(WORK, "init"), "tsc-hz"]).stdout)
    samples = {k.name: [] for k in kernels}
    for _ in range(runs):
        for kernel in kernels:
            samples[kernel.name].append(kernel.measure(False))
    return {name: {op: statistics.median(s[op] for s in got if op in s) * 1e9 / hz for op in set().union(*got)}
            for name, got in samples.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--only", choices=("quire", "linux"))
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    parser.add_argument("--runs", type=int, default=3, help="interleaved runs of BENCH=time")
    options = parser.parse_args()
    timed = os.environ.get("BENCH") == "time"
    os.makedirs(WORK, exist_ok=True)
    bench.build_init()
    vmlinuz = None
    if options.only != "quire":
        try:
            vmlinuz = os.environ.get("BENCH_VMLINUZ") or bench.fetch_linux()
        except (OSError, BenchError, subprocess.CalledProcessError) as why:
            log(f"bench: no Linux column: {why}")
    image, initramfs = build_image(), build_initramfs(vmlinuz)
    kernels = {}
    if options.only != "linux":
        kernels["Quire"] = WithDisk(bench.Quire(initramfs), image)
    if vmlinuz:
        kernels["Linux"] = WithDisk(bench.Linux(vmlinuz, initramfs), image)
    if timed:
        figures = measure_time(list(kernels.values()), options.runs)
    else:
        figures = {name: linux_figures(k) if name == "Linux" else k.measure(True) for name, k in kernels.items()}
    ours, theirs = figures.get("Quire", {}), figures.get("Linux", {})
    bench.head("nanoseconds" if timed else "instructions", {"ops": ours},
               {"version": kernels["Linux"].version} if vmlinuz else {})
    for op, label in OPS.items():
        bench.row(label, ours.get(op), theirs.get(op), 1 if timed else LIMIT)
    if options.json:
        with open(options.json, "w", encoding="ascii") as f:
            json.dump(figures, f, indent=1)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failed:
        sys.exit(f"bench: {' '.join(failed.cmd)} failed:\n{failed.output}")
    except (BenchError, FileNotFoundError) as failed:
        sys.exit(f"bench: {failed}")
