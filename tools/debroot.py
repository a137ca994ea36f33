#!/usr/bin/env python3
"""Unpack Debian packages by name, with the libraries that their programs need, into a folder for EXTRA= (or an overlay of a test).

usage: debroot.py --output DIR [--cache DIR] [--only GLOB]... PACKAGE...

  tools/debroot.py --output /tmp/root stress-ng && make run EXTRA=/tmp/root MEM=1G     then: stress-ng --help

A named package is unpacked whole, without what no program reads (manual pages, documentation, translations); --only leaves of it
just the paths that match. Then each program and library is asked for its loader and the libraries that it was linked with
(readelf), and those alone are taken from the packages that the first ones depend on: what a dependency brings beyond is left out,
since every byte here lies in the guest's memory. Packages are fetched with `apt-get download` and kept in the cache; nothing is
installed, no script of a package is run, root is not needed.
"""
import argparse
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile

UNREAD = ["usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*", "usr/share/info/*", "usr/share/lintian/*",
          "usr/share/bash-completion/*", "usr/share/bug/*"]
LOADER = "ld-linux-x86-64.so.2"


def call(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, check=False, **more)


class Packages:
    """Fetched and unpacked packages: name => folder."""

    def __init__(self, cache, scratch):
        self.cache, self.scratch, self.folders = os.path.abspath(cache), scratch, {}
        os.makedirs(self.cache, exist_ok=True)

    def archive(self, name):
        """=> the path of the package's .deb, fetched if it is not in the cache; None: apt has no such package."""
        for _ in range(2):
            found = [f for f in os.listdir(self.cache) if f.startswith(name + "_") and f.endswith(".deb")]
            if found:
                return os.path.join(self.cache, sorted(found)[-1])
            call("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name, cwd=self.cache)
        return None

    def folder(self, name):
        """=> a folder with the package's files; None: there is no such package."""
        if name not in self.folders:
            deb = self.archive(name)
            self.folders[name] = None
            if deb:
                place = os.path.join(self.scratch, name)
                subprocess.run(["dpkg-deb", "-x", deb, place], check=True)
                self.folders[name] = place
        return self.folders[name]

    def depends(self, name):
        """=> the names that the package depends on, all sides of an alternative."""
        text = call("dpkg-deb", "-f", self.archive(name), "Pre-Depends", "Depends").stdout
        return [re.split(r"[\s:(]", word.strip())[0] for line in text.splitlines() for word in re.split(r"[,|]", line.split(":", 1)[1])]


def files(folder):
    """=> the paths of all files and links, relative to the folder."""
    for top, _, names in os.walk(folder):
        for name in names:
            yield os.path.relpath(os.path.join(top, name), folder)
    for top, names, _ in os.walk(folder):
        for name in names:
            if os.path.islink(os.path.join(top, name)):
                yield os.path.relpath(os.path.join(top, name), folder)


def put(source, root, path):
    target = os.path.join(root, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.lexists(target):
        os.unlink(target)
    shutil.copy2(os.path.join(source, path), target, follow_symlinks=False)


def needs(path):
    """=> the names of the libraries that this file was linked with; nothing when it is no dynamic program."""
    if os.path.islink(path) or not os.path.isfile(path):
        return set()
    with open(path, "rb") as f:
        if f.read(4) != b"\x7fELF":
            return set()
    found = set(re.findall(r"\(NEEDED\).*\[(.*)\]", call("readelf", "-dW", path).stdout))
    return found | ({LOADER} if found else set())


def put_library(source, root, soname):
    """Copy a library, under each path that the package has for it, and what its links lead to => a path; None: not in this package."""
    copied = None
    for path in sorted(files(source)):
        if os.path.basename(path) != soname or "/lib" not in "/" + os.path.dirname(path):
            continue
        at = path
        while os.path.islink(os.path.join(source, at)):
            put(source, root, at)
            to = os.readlink(os.path.join(source, at))
            at = to.lstrip("/") if to.startswith("/") else os.path.normpath(os.path.join(os.path.dirname(at), to))
        if os.path.isfile(os.path.join(source, at)):
            put(source, root, at)
            copied = at
    return copied


def complete(root, packages, holders):
    """Add the libraries that are needed, from what `holders` depend on and what those depend on => names that nothing has."""
    present = {os.path.basename(path) for path in files(root)}
    todo = [os.path.join(root, path) for path in files(root)]
    missing, holders = set(), list(holders)
    while todo:
        for soname in sorted(needs(todo.pop()) - present - missing):
            for name in dict.fromkeys(d for h in holders for d in packages.depends(h)):
                folder = packages.folder(name)
                path = folder and put_library(folder, root, soname)
                if path:
                    present.add(soname)
                    todo.append(os.path.join(root, path))
                    holders += [name] if name not in holders else []
                    break
            else:
                missing.add(soname)
    return missing


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--output", required=True)
    args.add_argument("--cache", default=os.path.join(os.environ.get("O", "build"), "debs"))
    args.add_argument("--only", action="append", default=[], metavar="GLOB")
    args.add_argument("packages", nargs="+", metavar="PACKAGE")
    args = args.parse_args()
    for tool in ("apt-get", "dpkg-deb", "readelf"):
        if not shutil.which(tool):
            sys.exit(f"debroot.py: {tool} is not here; this tool wants Debian or Ubuntu")

    with tempfile.TemporaryDirectory() as scratch:
        packages = Packages(args.cache, scratch)
        for name in args.packages:
            folder = packages.folder(name)
            if folder is None:
                sys.exit(f"debroot.py: {name}: apt cannot fetch a package of this name")
            for path in sorted(files(folder)):
                if any(fnmatch.fnmatch(path, glob) for glob in UNREAD):
                    continue
                if not args.only or any(fnmatch.fnmatch(path, glob) for glob in args.only):
                    put(folder, args.output, path)
        missing = complete(args.output, packages, args.packages)
    if missing:
        sys.exit("debroot.py: in no package: " + ", ".join(sorted(missing)))


if __name__ == "__main__":
    main()
