#!/usr/bin/python3
"""fsfuzz.py - the same random file operations on the host's Linux and in Quire, compared line by line.

    tools/fsfuzz.py                             four seeds of 20000 steps: tmpfs, and ext2 with blocks of 1, 2 and 4 KiB
    tools/fsfuzz.py --fs tmpfs --seed 7 --steps 3000
    tools/fsfuzz.py --fs ext2 --block 1024      one size of blocks
    tools/fsfuzz.py --seed 7 --show 1234        after the comparison: both kernels' trees right after step 1234

Run it through `make fsfuzz` (SEEDS="1 2" STEPS=20000 FS="tmpfs ext2").  What a step is stands in tests/user/fsfuzz.h.  At the first
difference the line of both kernels is printed, with the steps before it.  On ext2 each seed has a directory of its own on one image,
which is unmounted in between; e2fsck must find nothing afterwards, and Linux must see the tree that Quire left.  Status 0: every
line was the same.  Needs root, since Linux has to mount too.
"""
import argparse
import contextlib
import difflib
import os
import platform
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("O") or os.path.join(ROOT, "build"))
SUITE = os.path.join(BUILD, "usertest", "fsfuzz")
# Linux mounts ext2 by its driver of ext4, which can more than ext2 ever could: SEEK_HOLE, exchange. It allocates by fallocate only
# for files with extents, Quire for any.
LEAVE_OUT = {"ext2": "ahx"}


class Place:
    """One kind of file system: how it is made and mounted."""

    def __init__(self, fs, block):
        self.fs, self.block = fs, block
        self.name = fs if fs == "tmpfs" else f"{fs} with blocks of {block}"

    def letters(self, seed):
        """What to leave out. In tmpfs SEEK_DATA passes over what fallocate made and nobody wrote, in Quire it does not."""
        return ("h" if seed % 2 else "f") if self.fs == "tmpfs" else LEAVE_OUT[self.fs]

    def image(self, path):
        with open(path, "wb") as f:
            f.truncate(192 << 20)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext2", "-b", str(self.block), "-N", "16384", path], check=True)

    @contextlib.contextmanager
    def mounted(self, image):
        with tempfile.TemporaryDirectory(prefix="fsfuzz") as folder:
            words = ["-t", "tmpfs", "fsfuzz"] if self.fs == "tmpfs" else ["-t", "ext2", "-o", "loop", image]
            subprocess.run(["mount", *words, folder], check=True)
            try:
                yield folder
            finally:
                subprocess.run(["umount", folder], check=True)


def arguments(folder, seed, steps, args, letters):
    return ["--helper", "raw", folder, str(seed), str(steps), str(args.every), (letters + args.without) or "-"]


def on_linux(place, image, seed, steps, args, env=None):
    with place.mounted(image) as folder:
        sub = os.path.join(folder, f"s{seed}")
        os.mkdir(sub)
        return subprocess.run([SUITE] + arguments(sub, seed, steps, args, place.letters(seed)), stdout=subprocess.PIPE,
                              text=True, env=env, check=False).stdout.splitlines()


def quire_commands(place, seed, steps, args, env=""):
    mount = "mount -t tmpfs fsfuzz /mnt" if place.fs == "tmpfs" else "mount -t ext2 /dev/vda /mnt"
    letters = place.letters(seed) + ("" if place.fs == "tmpfs" else "d")
    return [f"{mount} && mkdir /mnt/s{seed}",
            f"{env} /tests/fsfuzz " + " ".join(arguments(f"/mnt/s{seed}", seed, steps, args, letters)), "umount /mnt"]


def make_image(folder, commands):
    """An ISO whose first process runs the commands, each between two marks."""
    rc = os.path.join(folder, "rc")
    with open(rc, "w", encoding="ascii") as f:
        f.write("#!/bin/sh\n")
        for c in commands:
            f.write(f"echo '# begin'\n{c}\necho \"# end $?\"\n")
        f.write("poweroff -f\n")
    os.chmod(rc, 0o755)
    cpio, iso = os.path.join(folder, "initramfs.cpio"), os.path.join(folder, "fsfuzz.iso")
    subprocess.run([sys.executable, os.path.join(ROOT, "tools", "mkinitramfs.py"), "--output", cpio, "--busybox",
                    "/bin/busybox", "--file", f"/init={BUILD}/user/init", "--file", f"/etc/rc={rc}",
                    "--file", f"/tests/fsfuzz={SUITE}"], check=True)
    words = os.environ.get("CMDLINE", "")
    subprocess.run([os.path.join(ROOT, "tools", "mkiso.sh"), iso, os.path.join(BUILD, "quire.stripped"), cpio,
                    "console=ttyS0 quiet panic=-1 " + words], check=True, env=dict(os.environ, O=BUILD))
    return iso


def in_quire(commands, limit, image):
    """=> what each command printed. A command that fails, or a machine that does not come to its end, ends the program."""
    with tempfile.TemporaryDirectory(prefix="fsfuzz") as folder:
        env = dict(os.environ, MODE="test", O=BUILD, DISK=image or "")
        run = subprocess.run(["timeout", str(limit), os.path.join(ROOT, "tools", "qemu.sh"), make_image(folder, commands)],
                             env=env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    text = run.stdout.decode("latin-1").replace("\r", "")
    parts = re.findall(r"# begin\n(.*?)# end (\d+)", text, re.S)
    for command, part in zip(commands, parts):
        if part[1] != "0":
            print(f"{command}: status {part[1]}\n{part[0][-3000:]}")
    if len(parts) != len(commands) or any(p[1] != "0" for p in parts):
        sys.exit(f"fsfuzz: Quire did not end all runs; the last words:\n{text[-1500:]}")
    return [p[0].splitlines() for p in parts]


def compare(what, linux, quire):
    if linux == quire:
        print(f"{what}: {len(linux) - 1} lines, the same; {linux[-1]}", flush=True)
        return True
    for n in range(max(len(linux), len(quire))):
        a, b = linux[n : n + 1], quire[n : n + 1]
        if a != b:
            break
    print(f"{what}: line {n + 1} differs")
    for line in linux[max(0, n - 6) : n]:
        print("    ", line)
    print("linux", *a)
    print("quire", *b, flush=True)
    return False


def check_image(place, image, seeds, quire):
    """e2fsck finds nothing, and Linux sees what Quire saw last."""
    found = subprocess.run(["e2fsck", "-fn", image], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if found.returncode:
        print(f"{place.name}: e2fsck says {found.returncode}\n{found.stdout[-3000:]}")
        return False
    good = True
    with place.mounted(image) as folder:
        for seed, lines in zip(seeds, quire):
            seen = subprocess.run([SUITE, "--helper", "tree", os.path.join(folder, f"s{seed}")], stdout=subprocess.PIPE,
                                  text=True, check=True).stdout.strip()
            if len(lines) < 2 or not lines[-2].endswith(seen):
                print(f"{place.name}, seed {seed}: Linux sees {seen}, Quire saw {lines[-2:]}")
                good = False
    return good


def run(place, seeds, steps, args, env=None):
    """=> [(seed, lines of Linux, lines of Quire)], and whether the image that Quire left is right."""
    with tempfile.TemporaryDirectory(prefix="fsfuzz", dir=BUILD) as folder:
        images = [None, None]
        if place.fs != "tmpfs":
            images = [os.path.join(folder, n + ".img") for n in ("linux", "quire")]
            for image in images:
                place.image(image)
        words = " ".join(f"{k}={v}" for k, v in (env or {}).items())
        commands = [c for s in seeds for c in quire_commands(place, s, steps, args, words)]
        quire = in_quire(commands, args.limit, images[1])[1::3]
        linux = [on_linux(place, images[0], s, steps, args, dict(os.environ, **(env or {}))) for s in seeds]
        good = place.fs == "tmpfs" or check_image(place, images[1], seeds, quire)
        return list(zip(seeds, linux, quire)), good


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--fs", action="append", choices=["tmpfs", "ext2"])
    p.add_argument("--block", type=int, action="append", choices=[1024, 2048, 4096])
    p.add_argument("--seed", type=int, action="append")
    p.add_argument("--steps", type=int, default=20000)
    p.add_argument("--every", type=int, default=50, help="steps from one hash of the tree to the next")
    p.add_argument("--without", default="", help="letters of fsfuzz.h (4) to leave out")
    p.add_argument("--show", type=int)
    p.add_argument("--limit", type=int, default=3600, help="seconds for a machine")
    args = p.parse_args()
    if os.geteuid():
        sys.exit("fsfuzz: needs root, since Linux has to mount too")
    seeds, good = args.seed or [1, 2, 3, 4], True
    print(f"against Linux {platform.release()}")
    for fs in args.fs or ["tmpfs", "ext2"]:
        for block in (args.block or [1024, 2048, 4096]) if fs != "tmpfs" else [0]:
            place = Place(fs, block)
            results, sound = run(place, seeds, args.steps, args)
            good &= sound
            for seed, linux, quire in results:
                good &= compare(f"{place.name}, seed {seed}", linux, quire)
            if args.show:
                for seed, linux, quire in run(place, seeds, args.show, args, {"FSFUZZ_TREE": "1"})[0]:
                    print("\n".join(difflib.unified_diff(linux, quire, "linux", "quire", lineterm="", n=3)))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
