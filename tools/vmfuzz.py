#!/usr/bin/python3
"""vmfuzz.py - the same random memory calls on the host's Linux and in Quire, compared line by line.

    tools/vmfuzz.py                        four seeds of 100000 steps
    tools/vmfuzz.py --seed 7 --steps 3000  one seed
    tools/vmfuzz.py --every 16             look at /proc/self/maps after each 16th step only (faster)
    tools/vmfuzz.py --seed 7 --show 1234   after the comparison: both kernels' maps right after step 1234

Run it through `make vmfuzz` (SEEDS="1 2" STEPS=20000).  What a step is stands in tests/user/vmfuzz.h.  At the first
difference the line of both kernels is printed, with the steps before it.  Status 0: every line was the same.
"""
import argparse
import difflib
import os
import platform
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("O") or os.path.join(ROOT, "build"))
SUITE = os.path.join(BUILD, "usertest", "vmfuzz")


def arguments(seed, steps, args, first=0):
    return ["--helper", "raw", str(seed), str(steps), str(args.every), str(first)]


def on_linux(seed, steps, args, first=0, env=None):
    out = subprocess.run([SUITE] + arguments(seed, steps, args, first), stdout=subprocess.PIPE, text=True,
                         env=env, check=False).stdout
    return out.splitlines()


def make_image(folder, commands):
    """An ISO whose first process runs the commands, each between two marks."""
    rc = os.path.join(folder, "rc")
    with open(rc, "w", encoding="ascii") as f:
        f.write("#!/bin/sh\ncd /tmp\n")
        for c in commands:
            f.write(f"echo '# begin'\n{c}\necho \"# end $?\"\n")
        f.write("poweroff -f\n")
    os.chmod(rc, 0o755)
    cpio, iso = os.path.join(folder, "initramfs.cpio"), os.path.join(folder, "vmfuzz.iso")
    subprocess.run([sys.executable, os.path.join(ROOT, "tools", "mkinitramfs.py"), "--output", cpio, "--busybox",
                    "/bin/busybox", "--file", f"/init={BUILD}/user/init", "--file", f"/etc/rc={rc}",
                    "--file", f"/tests/vmfuzz={SUITE}"], check=True)
    words = os.environ.get("CMDLINE", "")
    subprocess.run([os.path.join(ROOT, "tools", "mkiso.sh"), iso, os.path.join(BUILD, "quire.stripped"), cpio,
                    "console=ttyS0 quiet panic=-1 " + words], check=True, env=dict(os.environ, O=BUILD))
    return iso


def in_quire(commands, limit):
    with tempfile.TemporaryDirectory(prefix="vmfuzz") as folder:
        iso = make_image(folder, commands)
        env = dict(os.environ, MODE="test", O=BUILD)
        run = subprocess.run(["timeout", str(limit), os.path.join(ROOT, "tools", "qemu.sh"), iso], env=env,
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    text = run.stdout.decode("latin-1").replace("\r", "")
    parts = re.findall(r"# begin\n(.*?)# end (\d+)", text, re.S)
    if len(parts) != len(commands):
        sys.stdout.write(text[-4000:])
        sys.exit("vmfuzz: Quire did not end all runs")
    return [p[0].splitlines() for p in parts]


def command(seed, steps, args, first=0, env=""):
    return f"{env} /tests/vmfuzz " + " ".join(arguments(seed, steps, args, first))


def compare(seed, linux, quire):
    if linux == quire:
        print(f"seed {seed}: {len(linux) - 1} lines, the same; {linux[-1]}")
        return True
    for n in range(max(len(linux), len(quire))):
        a, b = linux[n : n + 1], quire[n : n + 1]
        if a != b:
            break
    print(f"seed {seed}: line {n + 1} differs")
    for line in linux[max(0, n - 6) : n]:
        print("    ", line)
    print("linux", *a)
    print("quire", *b)
    return False


def show(seed, step, args):
    """The maps of both kernels after a step."""
    linux = on_linux(seed, step, args, step, dict(os.environ, VMFUZZ_MAPS="1"))
    quire = in_quire([command(seed, step, args, step, "VMFUZZ_MAPS=1")], args.limit)[0]
    for line in difflib.unified_diff(linux, quire, "linux", "quire", lineterm="", n=3):
        print(line)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, action="append")
    p.add_argument("--steps", type=int, default=100000)
    p.add_argument("--every", type=int, default=1)
    p.add_argument("--show", type=int)
    p.add_argument("--limit", type=int, default=3600, help="seconds for the machine")
    args = p.parse_args()
    seeds = args.seed or [1, 2, 3, 4]
    print(f"against Linux {platform.release()}")
    quire = in_quire([command(s, args.steps, args) for s in seeds], args.limit)
    good = [compare(s, on_linux(s, args.steps, args), q) for s, q in zip(seeds, quire)]
    if args.show:
        for seed in seeds:
            show(seed, args.show, args)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
