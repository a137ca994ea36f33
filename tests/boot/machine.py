"""A Quire in QEMU, driven over its serial console: Machine. Also what a test run needs around it: KTAP counting, initramfs
variants, time limits that scale with the speed of the host. Used by conftest.py (boots) and by tools/test.py (suites).

Every machine is started by tools/qemu.sh, so the options stand in one place; ISOs are made by tools/mkiso.sh and kept by
content in $O/boot-iso. `Machine(...).command` is the one line that repeats a boot by hand.
"""
import functools
import hashlib
import io
import os
import re
import shlex
import subprocess
import sys
import time

import pexpect

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.join(ROOT, os.environ.get("O", "build"))
sys.path.insert(0, os.path.join(ROOT, "tools"))

# What a kernel in trouble says; seen in any output that did not ask for it, the test fails at once.
TROUBLE = r"Kernel panic - |BUG: |Oops: |kernel BUG at|WARNING: (?:CPU|at )|general protection fault, |lockdep: |possible deadlock|UBSAN: "
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
PROMPT = r"(?:^|[\r\n])[^\r\n#]*# (?:\x1b\[[0-9;]*[A-Za-z])*$"

CHECKED_SCALE = 5       # how much slower a kernel is that checks each access (make KASAN=1), about
PASS, FAIL, POWER_OFF = 33, 35, 0       # QEMU's status: isa-debug-exit with 0x10, 0x11, and ACPI power off


@functools.lru_cache(maxsize=None)
def checkers():
    """=> which of kasan, ubsan the kernel of this build has."""
    try:
        with open(os.path.join(BUILD, "kind"), encoding="utf-8") as f:
            kind = f.read()
    except FileNotFoundError:
        return ()
    return tuple(name for name in ("kasan", "ubsan") if "-" + name in kind)


def strict_words():
    """=> words for the command line: the first report ends the run."""
    return "".join(f" {name}.fault=panic" for name in checkers())


@functools.lru_cache(maxsize=None)
def host_scale():
    """How much slower than the author's machine this one is, at least 1."""
    start = time.process_time()
    total = 0
    for i in range(1_000_000):
        total += i * i & 0xFF
    return max(1.0, (time.process_time() - start) / 0.12) * float(os.environ.get("TIME_SCALE", "1"))


def scale():
    """What every time limit is multiplied by: how slow the host is, and how many others want its processors just now."""
    return host_scale() * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def archive(overlay=None, applets=True, files=None):
    """A fresh tools/mkinitramfs.py Archive: busybox and /init, and `files`: {path: (bytes, mode)}. applets=False: only `files`."""
    import mkinitramfs
    result = mkinitramfs.Archive()
    if applets:
        with open(os.path.join(BUILD, "initramfs.cpio"), "rb") as f:
            base = f.read()
        result = parse_cpio(base)
    for path, (data, mode) in (files or {}).items():
        result.file(path, data, mode)
    if overlay:
        result.overlay(overlay)
    return result


def parse_cpio(data):
    """newc bytes => Archive."""
    import mkinitramfs
    result, at = mkinitramfs.Archive(), 0
    while True:
        assert data[at:at + 6] == b"070701", f"no cpio header at {at}"
        words = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110:at + 110 + words[11] - 1].decode()
        body = (at + 110 + words[11] + 3) & ~3
        if name == "TRAILER!!!":
            return result
        result.entries[name] = (words[1], data[body:body + words[6]])
        at = (body + words[6] + 3) & ~3


def cpio_bytes(arch):
    out = io.BytesIO()
    arch.write(out)
    return out.getvalue()


def file_digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def build_iso(cmdline, initramfs, kernel):
    """=> path of an ISO with this kernel file, these initramfs bytes (None: no module) and this command line."""
    folder = os.path.join(BUILD, "boot-iso")
    os.makedirs(folder, exist_ok=True)
    key = hashlib.sha256()
    for part in (file_digest(kernel), file_digest(os.path.join(ROOT, "iso/grub.cfg")),
                 file_digest(os.path.join(ROOT, "tools/mkiso.sh")), cmdline):
        key.update(part.encode() + b"\0")
    key.update(b"-" if initramfs is None else hashlib.sha256(initramfs).digest())
    iso = os.path.join(folder, key.hexdigest()[:24] + ".iso")
    if not os.path.exists(iso):
        part = f"{iso}.{os.getpid()}"           # several runners share the folder
        try:
            if initramfs is not None:
                with open(part + ".cpio", "wb") as f:
                    f.write(initramfs)
            subprocess.run([os.path.join(ROOT, "tools/mkiso.sh"), part, kernel,
                            "-" if initramfs is None else part + ".cpio", cmdline],
                           cwd=ROOT, env={**os.environ, "O": BUILD}, check=True, timeout=60 * scale())
            os.replace(part, iso)
        finally:
            for left in (part, part + ".cpio"):
                if os.path.exists(left):
                    os.unlink(left)
        prune(folder, 80)
    return iso


def prune(folder, keep):
    def age(path):
        return os.path.getmtime(path) if os.path.exists(path) else 0

    isos = sorted((os.path.join(folder, f) for f in os.listdir(folder) if f.endswith(".iso")), key=age)
    for old in isos[:-keep]:
        try:
            os.unlink(old)
        except FileNotFoundError:
            pass


class Machine:
    """One QEMU. Parameters are those of tools/qemu.sh; cmdline, initramfs (bytes, "default", "test", None) and kernel choose the ISO, or iso names a finished one.

    Use as a context manager, so that QEMU never outlives the test. `log` is all that the console said.
    """

    def __init__(self, cmdline="", initramfs="default", kernel=None, iso=None, mem="512M", cpus=2, cpu="max", firmware="bios",
                 nodes=1, disk=None, machine="q35", args="", reboot=False, timeout=60):
        kernel = kernel or os.path.join(BUILD, "quire.stripped")
        if isinstance(initramfs, str):
            name = {"default": "initramfs.cpio", "test": "initramfs-test.cpio"}[initramfs]
            with open(os.path.join(BUILD, name), "rb") as f:
                initramfs = f.read()
        self.iso = iso or build_iso(cmdline, initramfs, kernel)
        self.timeout = timeout
        knobs = {"MODE": "test", "MEM": mem, "CPUS": str(cpus), "CPU": cpu, "FIRMWARE": firmware, "NODES": str(nodes),
                 "DISK": disk or "", "MACHINE": machine, "QEMU_ARGS": args, "ACCEL": "tcg", "REBOOT": "1" if reboot else ""}
        env = {k: v for k, v in os.environ.items() if k not in knobs}
        self.command = " ".join(f"{k}={shlex.quote(v)}" for k, v in knobs.items() if v and k != "MODE") \
            + f" tools/qemu.sh {os.path.relpath(self.iso, ROOT)}"
        self.log_file = io.StringIO()
        self.marks = 0
        self.child = pexpect.spawn(os.path.join(ROOT, "tools/qemu.sh"), [self.iso], cwd=ROOT, env={**env, **knobs, "O": BUILD},
                                   encoding="utf-8", codec_errors="replace", timeout=self.limit(), echo=False,
                                   dimensions=(50, 200))
        self.child.logfile_read = self.log_file
        self.child.delaybeforesend = 0.02

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.close(force=True)

    @property
    def log(self):
        return ESCAPES.sub("", self.log_file.getvalue())

    def limit(self, seconds=None):
        """=> seconds to wait for something that takes at most this long on a fast and idle host; None: the machine's own limit."""
        return (self.timeout if seconds is None else seconds) * scale() * (CHECKED_SCALE if checkers() else 1)

    def tail(self, lines=40):
        return "\n".join(self.log.splitlines()[-lines:])

    def fail(self, why):
        raise AssertionError(f"{why}\n--- the last lines of the console:\n{self.tail()}\n--- repeat: {self.command}")

    def expect(self, pattern, timeout=None, trouble_ok=False):
        """Wait for a pattern on the console => its match. A kernel in trouble, the end of QEMU or the time limit fail the test."""
        wanted = [pattern, pexpect.EOF, pexpect.TIMEOUT] + ([] if trouble_ok else [TROUBLE])
        which = self.child.expect(wanted, timeout=self.limit(timeout))
        if which == 3:      # let the report finish
            self.child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=2)
        if which:
            self.fail(f"waiting for {pattern!r}: " + ["", "QEMU ended", "the time was up", "the kernel is in trouble"][which])
        return self.child.match

    def prompt(self, timeout=None):
        """Wait for the shell's prompt."""
        self.expect(PROMPT, timeout)
        return self

    def send(self, text):
        self.child.send(text)

    def sendline(self, text):
        self.child.send(text + "\r")

    def run(self, command, timeout=30, status=0):
        """Type a command; => what it printed. status: the exit status it must have, None for any."""
        self.marks += 1
        # The marks are typed with a quote inside, so that the echo of the line does not match.
        self.sendline(f'echo =B""EGIN={self.marks}; {command}\necho =E""ND={self.marks}:$?'.replace("\n", "; "
                      if not command.rstrip().endswith("&") else " "))
        self.expect(rf"=BEGIN={self.marks}\r*\n")
        got = self.expect(rf"=END={self.marks}:(\d+)\r*\n", timeout)
        output = ESCAPES.sub("", self.child.before)
        if status is not None and int(got.group(1)) != status:
            self.fail(f"{command}: status {got.group(1)}, expected {status}; it printed:\n{output}")
        self.prompt()
        return output

    def start(self, command):
        """Type a command and wait until it runs in the foreground: it has its own process group, and the tty is no longer the shell's.
        What is typed next goes to the command."""
        self.marks += 1
        quoted = shlex.quote(f'echo =ST""ART={self.marks}; exec {command}')
        self.sendline(f"sh -c {quoted}")
        self.expect(rf"=START={self.marks}\r*\n")

    def control(self, letter):
        self.child.send(chr(ord(letter.upper()) - 64))

    def wait(self, timeout=None):
        """Wait until QEMU ends => its status (PASS, FAIL, POWER_OFF or another)."""
        if self.child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=self.limit(timeout)):
            self.fail("QEMU does not end")
        self.child.close()
        return self.child.exitstatus

    def stays(self, seconds):
        """=> True when QEMU is still there after this time (a halted kernel, not one that reset)."""
        return self.child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=seconds) == 1

    def meminfo(self):
        """=> /proc/meminfo as {name: kB}."""
        return {k: int(v) for k, v in re.findall(r"(\w+(?:\(\w+\))?):\s+(\d+)", self.run("cat /proc/meminfo"))}


RESULT = re.compile(r"^(\s*)(not ok|ok) (\d+)(?: -)?\s*(.*)$")
STAMP = re.compile(r"^\[ *\d+\.\d+\] ?")


def count_ktap(text):
    """Read KTAP => (passed, failed names, skipped, complete). Only the innermost results count; an outer `not ok` whose inner results all
    passed counts as one failure of its own. complete: every plan `1..N` was fulfilled, and there was a result at all."""
    passed, skipped, failed = 0, 0, []
    seen, plans, inner_failed = {}, {}, {}      # per indentation: results since the plan, planned, failures within
    complete = True
    for line in text.splitlines():
        line = STAMP.sub("", ESCAPES.sub("", line))
        plan = re.match(r"^(\s*)1\.\.(\d+)", line)
        if plan:
            plans[len(plan.group(1))] = int(plan.group(2))
            seen[len(plan.group(1))] = 0
            continue
        match = RESULT.match(line)
        if not match:
            continue
        depth, verdict, _, name = len(match.group(1)), match.group(2), match.group(3), match.group(4)
        seen[depth] = seen.get(depth, 0) + 1
        deeper = [d for d in seen if d > depth]
        had_inner, bad_inner = bool(deeper), sum(inner_failed.pop(d, 0) for d in deeper)
        for d in deeper:
            complete &= seen.pop(d) == plans.pop(d, -1)
        if verdict == "not ok":
            inner_failed[depth] = inner_failed.get(depth, 0) + 1
            if not bad_inner:
                failed.append(name)
        elif "# SKIP" in name:
            skipped += 1
        elif not had_inner:
            passed += 1
    complete &= bool(seen) and all(seen[d] == plans.get(d, -1) for d in seen)
    return passed, failed, skipped, complete
