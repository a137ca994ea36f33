#!/usr/bin/env python3
"""Make an ext2 image with a Debian in it, by package name: what `make debian-root` runs.

usage: debimage.py --output IMAGE [--cache DIR] [--init FILE] [--suite NAME] [--spare MIB] [PACKAGE...]

  make debian-root                                  minbase, python3-minimal, gcc, libc6-dev
  make debian-root DEBIAN_PKGS="python3-minimal"    minbase and what is named
  make run DISK=build/debian.img CMDLINE="root=/dev/vda rw" MEM=1G

debootstrap installs the packages (their scripts run in a chroot: root or sudo is needed), what no program reads is left out (manual
pages, translations, documentation but for copyrights), and mke2fs -d puts the tree into an image that has --spare MiB free. Our init
becomes /sbin/init, since minbase has none. Packages stay in the cache; an image that is newer than all that it is made of, and was made
of the same words, is left alone.

Status: 0 the image is there, 2 it cannot be made on this machine (no debootstrap, no root, no network), 1 anything else.
"""
import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile

PACKAGES = ["python3-minimal", "gcc", "libc6-dev"]
UNREAD = ["/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/doc/*"]
KEPT = ["/usr/share/doc/*/copyright"]
DPKG = "".join(f"path-exclude={p}\n" for p in UNREAD) + "".join(f"path-include={p}\n" for p in KEPT)
FILES = {
    "etc/hostname": "quire\n",
    "etc/fstab": "/dev/vda / ext2 defaults 0 1\n",
    "etc/dpkg/dpkg.cfg.d/quire": DPKG,
}
SCRATCH = "var/cache/apt", "var/lib/apt/lists", "debootstrap", "var/log/bootstrap.log"
MIRROR = "http://deb.debian.org/debian"


def impossible(why):
    print("debimage.py: " + why, file=sys.stderr)
    sys.exit(2)


def write(root, path, text):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="ascii") as f:
        f.write(text)


def bootstrap(root, options):
    """Install into the folder root."""
    # While it installs, nothing need survive a power cut.
    write(root, "etc/dpkg/dpkg.cfg.d/quire", DPKG + "force-unsafe-io\n")
    command = ["debootstrap", "--variant=minbase", "--cache-dir=" + options.cache]
    if options.packages:
        command.append("--include=" + ",".join(options.packages))
    done = subprocess.run([*command, options.suite, root, os.environ.get("DEBIAN_MIRROR", MIRROR)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        impossible("debootstrap did not end well; without a network nothing can be fetched")
    for path in SCRATCH:
        shutil.rmtree(os.path.join(root, path), ignore_errors=True)
    os.makedirs(os.path.join(root, "var/cache/apt/archives/partial"), exist_ok=True)
    os.makedirs(os.path.join(root, "var/lib/apt/lists/partial"), exist_ok=True)
    for path, text in FILES.items():
        write(root, path, text)
    if options.init:
        shutil.copy(options.init, os.path.join(root, "sbin/init"))


def tree_size(root):
    """=> (bytes in whole blocks, files) of a tree."""
    size = count = 0
    for top, folders, names in os.walk(root):
        for name in folders + names:
            count += 1
            size += -(-os.lstat(os.path.join(top, name)).st_size // 4096) * 4096
    return size, count


def make_image(root, options):
    size, count = tree_size(root)
    mib = (size * 103 // 100 >> 20) + options.spare
    part = options.output + ".part"
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext2", "-b", "4096", "-m", "1", "-N", str(count + 16384), "-L", "quire-debian",
                    "-d", root, part, f"{mib}M"], check=True, stdout=subprocess.DEVNULL)
    if "SUDO_UID" in os.environ:
        os.chown(part, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))
    os.replace(part, options.output)


def recipe(options):
    return " ".join([options.suite, str(options.spare), *options.packages]) + "\n"


def finished(options):
    """=> True if the image is there and made of what is asked for."""
    try:
        with open(options.output + ".recipe", encoding="ascii") as f:
            same = f.read() == recipe(options)
        made = os.path.getmtime(options.output)
    except FileNotFoundError:
        return False
    return same and all(os.path.getmtime(f) <= made for f in (options.init, os.path.abspath(__file__)) if f)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--output", required=True)
    args.add_argument("--cache", default=os.path.join(os.environ.get("O", "build"), "debs"))
    args.add_argument("--init", metavar="FILE", help="becomes /sbin/init")
    args.add_argument("--suite", default="bookworm")
    args.add_argument("--spare", type=int, default=192, help="MiB that stay free")
    args.add_argument("packages", nargs="*", metavar="PACKAGE")
    options = args.parse_args()
    options.packages = options.packages or PACKAGES
    options.cache, options.output = os.path.abspath(options.cache), os.path.abspath(options.output)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if finished(options):
        return
    for tool in ("debootstrap", "mke2fs"):
        if not shutil.which(tool):
            impossible(f"{tool} is not here; on Debian and Ubuntu: apt-get install debootstrap e2fsprogs")
    if os.geteuid():
        if not shutil.which("sudo"):
            impossible("debootstrap wants root, and there is no sudo")
        sys.exit(subprocess.call(["sudo", "env", "PATH=" + os.environ["PATH"], sys.executable, os.path.abspath(__file__),
                                  *sys.argv[1:]]))
    os.makedirs(options.cache, exist_ok=True)
    with open(options.output + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)    # several tests may want it at once
        if finished(options):
            return
        with tempfile.TemporaryDirectory(prefix="quire-debian-") as scratch:
            root = os.path.join(scratch, "root")
            os.makedirs(root)
            bootstrap(root, options)
            make_image(root, options)
        with open(options.output + ".recipe", "w", encoding="ascii") as f:
            f.write(recipe(options))


if __name__ == "__main__":
    main()
