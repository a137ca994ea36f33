#!/usr/bin/python3
"""images.py - thousands of broken images of ext2, mounted and used in Quire; nothing may go wrong but their contents.

    tools/images.py                     10,000 mutants of five images; run it through `make test-images`, whose kernel has KASAN
    tools/images.py --count 200 --first 5000 --image 2k

What a mutant is and what is asked of it stands in tests/user/ext2mutants.c.  A boot does --batch of them.  Status 0: all were harmless.
"""
import argparse
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("O") or os.path.join(ROOT, "build"))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import ext2image  # noqa: E402

IMAGES = {
    "1k": {"block": 1024, "size": "1536K", "group": 512},
    "2k": {"block": 2048, "size": "2560K", "group": 768},
    "4k": {"block": 4096, "size": "4M", "group": 512},
    "inode256": {"block": 1024, "size": "1536K", "group": 512, "inode": 256},
    "rev0": {"block": 1024, "size": "1536K", "group": 512, "revision": 0},
}


def make_iso(folder, name, first, count):
    image, rc = os.path.join(folder, name + ".img"), os.path.join(folder, "rc")
    if not os.path.exists(image):
        ext2image.build(image, **IMAGES[name])
    with open(rc, "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\nexport TIME_SCALE=10\n/tests/ext2mutants --helper many {first} {count} {name}.img\necho \"# end $?\"\npoweroff -f\n")
    os.chmod(rc, 0o755)
    cpio, iso = os.path.join(folder, "initramfs.cpio"), os.path.join(folder, "images.iso")
    subprocess.run([sys.executable, os.path.join(ROOT, "tools", "mkinitramfs.py"), "--output", cpio, "--busybox", "/bin/busybox",
                    "--file", f"/init={BUILD}/user/init", "--file", f"/etc/rc={rc}", "--file", f"/images/{name}.img={image}",
                    "--file", f"/tests/ext2mutants={BUILD}/usertest/ext2mutants"], check=True)
    words = "kasan.fault=panic ubsan.fault=panic " + os.environ.get("CMDLINE", "")
    subprocess.run([os.path.join(ROOT, "tools", "mkiso.sh"), iso, os.path.join(BUILD, "quire.stripped"), cpio,
                    "console=ttyS0 quiet panic=-1 " + words], check=True, env=dict(os.environ, O=BUILD))
    return iso


def boot(folder, name, first, count, limit):
    """One machine => whether all went well; what it said is printed when not."""
    env = dict(os.environ, MODE="test", O=BUILD)
    run = subprocess.run(["timeout", str(limit), os.path.join(ROOT, "tools", "qemu.sh"), make_iso(folder, name, first, count)],
                         env=env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    text = run.stdout.decode("latin-1").replace("\r", "")
    summary = [line for line in text.splitlines() if "could be mounted" in line]
    print(*(summary or [f"# {name}: from {first}"]), flush=True)
    if "# done, good" in text and "# end 0" in text:
        return True
    print(text[-6000:], flush=True)
    return False


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--count", type=int, default=10000, help="of all images together")
    p.add_argument("--first", type=int, default=1)
    p.add_argument("--batch", type=int, default=500)
    p.add_argument("--image", action="append", choices=sorted(IMAGES))
    p.add_argument("--limit", type=int, default=3600, help="seconds for a machine")
    args = p.parse_args()
    names = args.image or list(IMAGES)
    each, good, done = -(-args.count // len(names)), True, 0
    with tempfile.TemporaryDirectory(prefix="images") as folder:
        for name in names:
            for first in range(args.first, args.first + each, args.batch):
                count = min(args.batch, args.first + each - first)
                good &= boot(folder, name, first, count, args.limit)
                done += count
    print(f"{done} mutants: {'all harmless' if good else 'FAILED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
