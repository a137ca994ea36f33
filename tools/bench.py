#!/usr/bin/python3
"""bench.py - one table: what Quire and Debian's Linux spend on the same work in the same machine.

Both kernels boot in the same QEMU with the same initramfs, whose only program is the static
tests/bench/bench.c (with vm_bench.c) as process 1.  Run it through `make bench`, or by hand:

    tools/bench.py                  instructions (-icount shift=0: one TSC tick is one instruction)
    BENCH=time tools/bench.py       wall clock: no icount, interleaved runs, medians, nanoseconds
    BENCH=smp tools/bench.py        Quire alone: single pages a second on 1, 2 and 4 CPUs
    BENCH_FRESH=1 tools/bench.py    measure Linux again instead of taking build/bench's cached figures
    tools/bench.py --only linux     one kernel;  --json FILE also writes the figures;  --runs N

The page allocator is measured from inside the kernel by one source, tests/bench/page_alloc_bench.c, kernel
objects and addresses by another, kmem_bench.c: Linux loads them as modules, at the end of the same
program; Quire has them built in and gives them boots of their own (selftest=bench_page_alloc, selftest=bench_kmem).  The
modules need the package linux-headers-amd64 of the same version (`make bench` installs it on Debian);
without it those rows have no figure for Linux.

Where the zero of "boot" is.  The TSC starts at machine reset, so it has counted the firmware and
the loader when the kernel gets control.  That part is measured, not estimated.  Quire reads the TSC
at its entry and says it in its log.  Linux gets a *probe* run of the very same image, with the first
instructions of its entry point overwritten by "RDTSC, write it to port 0xe9, leave QEMU"; boot = TSC
at main() of process 1 - TSC at entry.  (A probe is good to a million cycles: while a loader polls a
disk it counts the time that the host takes.)
Linux is booted without its decompressor: vmlinux is unpacked from the package's vmlinuz and started
at its PVH entry point (the ELF note that QEMU's -kernel uses), 32-bit protected mode like Quire's
multiboot2 entry.  So both figures begin at the first instruction of the kernel proper.

What icount counts: `rep` string instructions count once per iteration; an idle CPU jumps to its
next timer (sleep=off), so waiting for a device or a timeout counts as the instructions that would
have fitted in, one per nanosecond, in both kernels; TLB misses and flushes cost nothing, which is
why the wall-clock mode exists.  That mode has no row for the boot: firmware and loader take seconds
that differ from run to run by more than Quire's whole boot, so there is nothing sound to subtract.
"""
import argparse
import gzip
import hashlib
import json
import lzma
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("O") or os.path.join(ROOT, "build"))
WORK = os.path.join(BUILD, "bench")
BENCH_C = [os.path.join(ROOT, "tests", "bench", f) for f in ("bench.c", "vm_bench.c", "bench.h")]
MODULES = ("page_alloc_bench", "kmem_bench")
INSIDE_H = os.path.join("tests", "bench", "inside.h")
INSIDE_C = [os.path.join(ROOT, "tests", "bench", m + ".c") for m in MODULES]
QEMU = os.environ.get("QEMU", "qemu-system-x86_64")

CACHE_FORMAT = 5
LINUX_PACKAGE = "linux-image-amd64"
LINUX_WORDS = ("init_on_alloc=0 mitigations=off nokaslr norandmaps transparent_hugepage=never "
               "console=ttyS0 quiet panic=-1")
QUIRE_WORDS = "console=ttyS0 quiet panic=-1"

# op: (what it is, target ratio or None); the order is the table's.
OPS = {
    "getpid": ("getpid", 0.5),
    "anon_fault": ("anonymous page, first write", 0.5),
    "zero_fault": ("anonymous page, first read", 0.5),
    "cow_fault": ("copy-on-write, other owner alive", 0.5),
    "fork_exit_wait": ("fork + exit + wait", 0.5),
    "pipe_round_trip": ("pipe round trip, two processes", 0.5),
    "segv": ("SIGSEGV to a handler and back", 0.5),
    "cow_reuse": ("copy-on-write, last owner", 0.8),
    "file_fault": ("private file page, read", 0.8),
    "fork_4m": ("fork + exit + wait with 4 MiB", 0.8),
    "fork_exec_wait": ("fork + exec + wait", None),
    "signal_self": ("kill(self) to a handler and back", 0.8),
    "pipe_self": ("pipe write + read, one process", None),
    "sched_yield": ("sched_yield, two: there and back", None),
    "yield_switch": ("the same, SCHED_FIFO: 2 switches", 0.8),
    "yield_alone": ("sched_yield, alone", None),
    "mmap_munmap": ("mmap + munmap, 16 pages untouched", None),
    "mmap_touch16_munmap": ("mmap + 16 writes + munmap", None),
    "mprotect_pair": ("mprotect read-only and back", 0.8),
    "brk_grow_shrink": ("brk up and down", None),
    "open_close": ("open + close", None),
    "create_unlink": ("create + close + unlink", None),
    "stat": ("stat", None),
    "read_4k": ("pread of 4 KiB, tmpfs", None),
    "write_4k": ("pwrite of 4 KiB, tmpfs", None),
    "zero_then_write": ("zero page, then a write", 0.8),
    "shared_anon_fault": ("shared anonymous page, first write", 0.8),
    "file_cow": ("private file page, write", 0.8),
    "file_shared_write": ("shared file page, write", 0.8),
    "populate": ("MAP_POPULATE of 4 MiB, each page", 0.8),
    "fork_16m": ("fork + exit + wait with 16 MiB", 0.8),
    "fork_64m": ("fork + exit + wait with 64 MiB", 0.8),
    "vfork_exec_wait": ("vfork + exec + exit + wait", 0.8),
    "mmap_munmap_1": ("mmap + munmap, a page untouched", 0.8),
    "mmap_touch_munmap_1": ("mmap + munmap, a page touched", 0.8),
    "mmap_munmap_4m": ("mmap + munmap, 4 MiB untouched", 0.8),
    "mmap_touch_munmap_4m": ("mmap + munmap, 4 MiB touched", 0.8),
    "munmap_middle": ("munmap of the middle page of three", 0.8),
    "brk_touch_shrink": ("brk up 16 pages, touch, down", 0.8),
    "mprotect_1024": ("mprotect of 1024 pages and back", 0.8),
    "mremap_4m_aligned": ("mremap of 4 MiB and back, aligned", 0.8),
    "mremap_4m_unaligned": ("mremap of 4 MiB and back, not so", 0.8),
    "dontneed_4m": ("madvise(DONTNEED) of 4 MiB", 0.8),
    "mincore_4m": ("mincore of 4 MiB", 0.8),
    "fault_beside_10": ("anonymous page, 10 areas beside", 0.8),
    "fault_beside_1000": ("anonymous page, 1000 areas beside", 0.8),
    "fault_beside_50000": ("anonymous page, 50000 beside", 0.8),
}
# The rows that stand for address spaces: together at most half of Linux's cost, none above 0.8.
SPACE_OPS = ("anon_fault fault_beside_1000 zero_fault zero_then_write shared_anon_fault cow_fault cow_reuse "
             "file_fault file_cow file_shared_write populate fork_exit_wait fork_16m fork_64m "
             "vfork_exec_wait mmap_munmap_1 mmap_touch_munmap_1 mmap_munmap_4m mmap_touch_munmap_4m "
             "munmap_middle brk_touch_shrink mprotect_pair mprotect_1024 mremap_4m_aligned "
             "mremap_4m_unaligned dontneed_4m mincore_4m signal_self yield_switch").split()
PAGE_OPS = {f"page_order{n}": (f"pages of order {n}: alloc + free", 0.5) for n in range(11)} | {
    "page_bulk_alloc": ("bulk of 1024: alloc, each page", 0.5),
    "page_bulk_free": ("bulk of 1024: free, each page", 0.5),
    "page_pile_alloc": ("1024 single pages: alloc, each", 0.5),
    "page_pile_free": ("1024 single pages: free, each", 0.5),
    "page_zeroed": ("zeroed page: alloc + free", 0.5),
}
KMEM_OPS = {f"kmalloc_{n}": (f"kmalloc({n}) + kfree", 0.5)
            for n in (8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192)} | {
    "cache_hot": ("kmem_cache object: alloc + free", 0.5)} | {
    f"batch_{n}_{what}": (f"1000 of {n} bytes: {what}, each", 0.5)
    for n in (8, 64, 256, 1024, 4096) for what in ("alloc", "free")} | {
    "vmalloc_4k": ("vmalloc(4 KiB) + vfree", 0.5),
    "vmalloc_64k": ("vmalloc(64 KiB) + vfree", 0.5),
    "vmalloc_4m": ("vmalloc(4 MiB) + vfree", 0.5),
}
INSIDE_OPS = PAGE_OPS | KMEM_OPS
OPS |= INSIDE_OPS


class BenchError(Exception):
    pass


def log(text):
    print(text, file=sys.stderr, flush=True)


def run(cmd, **kw):
    kw.setdefault("check", True)
    return subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)


# ---------------------------------------------------------------- images


def build_init():
    out = os.path.join(WORK, "init")
    run(["musl-gcc", "-static", "-O2", "-Wall", "-Wextra", "-Werror", "-I", ROOT, "-o", out,
         *(f for f in BENCH_C if f.endswith(".c"))])
    return out


def cpio_entry(ino, name, mode, data=b"", rdev=(0, 0)):
    """One member of a newc archive."""
    fields = (ino, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
    head += b"\0" * (-len(head) % 4)
    return head + data + b"\0" * (-len(data) % 4)


def build_modules(version):
    """The benchmarks from the inside as modules for this Linux; none (and why) if it cannot be."""
    headers = linux_headers(version)
    if not os.path.isdir(headers):
        log(f"bench: no {headers} (package linux-headers-amd64): no rows from the inside for Linux")
        return []
    folder = os.path.join(WORK, "module")
    os.makedirs(os.path.join(folder, os.path.dirname(INSIDE_H)), exist_ok=True)
    shutil.copy(os.path.join(ROOT, INSIDE_H), os.path.join(folder, INSIDE_H))
    for source in INSIDE_C:
        shutil.copy(source, folder)
    names = " ".join(m + ".o" for m in MODULES)
    write_file(os.path.join(folder, "Makefile"), f"obj-m := {names}\nccflags-y := -I$(src)\n".encode())
    # Not with our make's variables: kbuild gives O, V, LLVM and CC a meaning of its own.
    built = run(["make", "-C", headers, f"M={folder}", "modules"], check=False,
                env={"PATH": os.environ.get("PATH", os.defpath)})
    if built.returncode:
        log(f"bench: the modules for Linux were not built:\n{built.stdout}")
        return []
    out = [os.path.join(folder, m + ".ko") for m in MODULES]
    run(["strip", "-g", *out])
    return out


def build_initramfs(modules):
    with open(build_init(), "rb") as f:
        program = f.read()
    parts = [cpio_entry(i + 1, name, 0o040755) for i, name in enumerate(("dev", "proc", "tmp"))]
    parts += [cpio_entry(10, "dev/console", 0o020600, rdev=(5, 1)),
              cpio_entry(11, "init", 0o100755, program)]
    for i, module in enumerate(modules):
        with open(module, "rb") as f:
            parts.append(cpio_entry(12 + i, os.path.basename(module), 0o100644, f.read()))
    parts.append(cpio_entry(0, "TRAILER!!!", 0))
    out = os.path.join(WORK, "initramfs.cpio")
    with open(out, "wb") as f:
        f.write(b"".join(parts))
    return out


def elf_offset_of(image, paddr):
    """File offset of a physical address in an ELF32 or ELF64 image."""
    if image[4] == 2:
        phoff, = struct.unpack_from("<Q", image, 32)
        size, count = struct.unpack_from("<HH", image, 54)
    else:
        phoff, = struct.unpack_from("<I", image, 28)
        size, count = struct.unpack_from("<HH", image, 42)
    for i in range(count):
        at = phoff + i * size
        if image[4] == 2:
            kind, _, offset, vaddr, phys, filesz = struct.unpack_from("<IIQQQQ", image, at)
        else:
            kind, offset, vaddr, phys, filesz = struct.unpack_from("<IIIII", image, at)
        if kind == 1:
            for base in (phys, vaddr):
                if base <= paddr < base + filesz:
                    return offset + paddr - base
    raise BenchError(f"no segment holds {paddr:#x}")


# RDTSC; the eight bytes, lowest first, to port 0xe9; then isa-debug-exit.  32-bit code.
OUT_EAX = b"\xee" + b"\xc1\xe8\x08\xee" * 3
PROBE = (b"\x0f\x31\x89\xd3\xba\xe9\x00\x00\x00" + OUT_EAX + b"\x89\xd8" + OUT_EAX +
         b"\xba\xf4\x00\x00\x00\x31\xc0\xef\xf4\xeb\xfd")


def with_probe(data, offset):
    return data[:offset] + PROBE + data[offset + len(PROBE):]


def write_file(path, data):
    with open(path, "wb") as f:
        f.write(data)
    return path


def linux_headers(version):
    return "/usr/src/linux-headers-" + version


def fetch_linux():
    """vmlinuz of Debian's kernel: downloaded and unpacked under build/bench, never installed."""
    boot = os.path.join(WORK, "root", "boot")
    have = [f for f in os.listdir(boot) if f.startswith("vmlinuz-")] if os.path.isdir(boot) else []
    if any(os.path.isdir(linux_headers(f.removeprefix("vmlinuz-"))) for f in have):
        have = [f for f in have if os.path.isdir(linux_headers(f.removeprefix("vmlinuz-")))]
        return os.path.join(boot, sorted(have)[-1])
    # None yet, or one that is older than the headers that are installed.
    depends = run(["apt-cache", "depends", LINUX_PACKAGE], check=False).stdout
    match = re.search(r"Depends: linux-image-(\S+)", depends)
    if match and f"vmlinuz-{match.group(1)}" not in have:
        package = "linux-image-" + match.group(1)
        log(f"bench: downloading {package} (not installed, only unpacked)")
        sandbox = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
        run(["apt-get", "download", *sandbox, package], cwd=WORK)
        deb = [f for f in os.listdir(WORK) if f.startswith(package) and f.endswith(".deb")]
        run(["dpkg", "-x", os.path.join(WORK, deb[0]), os.path.join(WORK, "root")])
        have = [f"vmlinuz-{match.group(1)}"]
    if not have:
        raise BenchError(f"apt knows no {LINUX_PACKAGE}; run apt-get update")
    return os.path.join(boot, sorted(have)[-1])


def unpack_vmlinux(vmlinuz):
    """The ELF kernel inside a bzImage (Documentation/arch/x86/boot.rst: payload_offset)."""
    with open(vmlinuz, "rb") as f:
        image = f.read()
    setup = ((image[0x1f1] or 4) + 1) * 512
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[setup + offset:setup + offset + length]
    if payload.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"\x1f\x8b"):
        return gzip.decompress(payload[:-4])
    raise BenchError("unknown compression of " + vmlinuz)


def pvh_entry(vmlinux):
    """Physical address in the XEN_ELFNOTE_PHYS32_ENTRY note (owner Xen, type 18)."""
    phoff, = struct.unpack_from("<Q", vmlinux, 32)
    size, count = struct.unpack_from("<HH", vmlinux, 54)
    for i in range(count):
        kind, _, at, _, _, filesz = struct.unpack_from("<IIQQQQ", vmlinux, phoff + i * size)
        end = at + filesz
        while kind == 4 and at < end:
            namesz, descsz, note = struct.unpack_from("<III", vmlinux, at)
            name = vmlinux[at + 12:at + 12 + namesz]
            desc = at + 12 + (namesz + 3 & ~3)
            if name == b"Xen\0" and note == 18:
                return struct.unpack_from("<I", vmlinux, desc)[0]
            at = desc + (descsz + 3 & ~3)
    raise BenchError("this Linux has no PVH entry point")


def linux_version(vmlinuz):
    return os.path.basename(vmlinuz).replace("vmlinuz-", "")


class Linux:
    name = "Linux"

    def __init__(self, vmlinuz, initramfs):
        self.version = linux_version(vmlinuz)
        plain = os.path.join(WORK, "vmlinux-" + self.version)
        probe = plain + ".probe"
        if not os.path.exists(probe):
            data = unpack_vmlinux(vmlinuz)
            write_file(plain, data)
            write_file(probe, with_probe(data, elf_offset_of(data, pvh_entry(data))))
        self.plain, self.probe, self.initramfs = plain, probe, initramfs

    def inside(self, icount):
        """Linux ran the modules with the other operations."""
        return {}

    def args(self, words, probe):
        return ["-kernel", self.probe if probe else self.plain, "-initrd", self.initramfs,
                "-append", LINUX_WORDS + " " + words]


class Quire:
    name = "Quire"

    def __init__(self, initramfs):
        self.initramfs = initramfs
        self.elf = os.path.join(BUILD, "quire.elf")
        if not os.path.exists(self.elf):
            raise BenchError(f"{self.elf} is not built yet")
        self.version = "quire"
        self.images = {}

    def image(self, words):
        """A GRUB image whose only entry boots at once."""
        if words not in self.images:
            iso = os.path.join(WORK, f"quire{len(self.images)}.iso")
            run([os.path.join(ROOT, "tools", "mkiso.sh"), iso, self.elf, self.initramfs,
                 f"{QUIRE_WORDS} {words}"], env={**os.environ, "O": BUILD})
            self.images[words] = iso
        return self.images[words]

    def inside(self, icount):
        """The figures from the inside: a boot for each suite."""
        out = {}
        for suite in ("bench_page_alloc", "bench_kmem"):
            out |= parse(boot(self, "1G", "selftest=" + suite, icount))["ops"]
        return out

    def args(self, words, probe):
        return ["-cdrom", self.image(words)]


# ---------------------------------------------------------------- runs


def qemu_version():
    return re.search(r"version (\S+)", run([QEMU, "--version"]).stdout).group(1)


def machine(memory, icount, cpus=1):
    accel = "tcg" if cpus == 1 else "tcg,thread=multi"
    args = [QEMU, "-accel", accel, "-cpu", "qemu64", "-smp", str(cpus), "-m", memory, "-display", "none",
            # Not reserved: the machine may be larger than the host.
            "-object", f"memory-backend-ram,id=ram,size={memory},reserve=off", "-machine", "memory-backend=ram",
            "-net", "none", "-monitor", "none", "-no-reboot", "-rtc", "base=2024-01-01,clock=vm",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    if icount:
        args += ["-icount", "shift=0,sleep=off,align=off"]
    return args


def boot(kernel, memory, words, icount, probe=False, limit=300, cpus=1):
    """Boot once; returns the serial text, or the bytes that the probe wrote."""
    port = os.path.join(WORK, "port-e9")
    cmd = machine(memory, icount, cpus) + kernel.args(words, probe) + [
        "-chardev", f"file,id=e9,path={port}", "-device", "isa-debugcon,iobase=0xe9,chardev=e9",
        "-serial", "stdio"]
    started = time.monotonic()
    write_file(port, b"")
    try:
        done = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=limit, check=False)
        text, complaint = done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        text, complaint = late.stdout or b"", b"time limit\n"
    what = f"{kernel.name} {memory} {'probe' if probe else words or 'all'}"
    log(f"bench: {what}: {time.monotonic() - started:.1f} s")
    if probe:
        with open(port, "rb") as f:
            return f.read()
    text = text.decode(errors="replace")
    if "BENCH end" not in text:
        tail = "\n".join(text.splitlines()[-5:] + complaint.decode().splitlines()[-3:])
        log(f"bench: {what} did not finish:\n{tail}")
    return text


def parse(text):
    got = {"ops": {}}
    for line in text.splitlines():
        at = line.find("BENCH ")
        if at < 0:
            continue
        fields = dict(f.split("=", 1) for f in line[at + 6:].split() if "=" in f)
        if "boot_tsc" in fields:
            got["boot_tsc"] = int(fields["boot_tsc"])
        elif "entry_tsc" in fields:
            got["entry_tsc"] = int(fields["entry_tsc"])
        elif "free_kb" in fields:
            got["free_kb"] = int(fields["free_kb"])
        elif "op" in fields and "median" in fields:
            got["ops"][fields["op"]] = int(fields["median"])
        elif "error" in fields:
            log("bench: " + line.strip())
    return got


def entry_tsc(kernel, memory, words, icount):
    data = boot(kernel, memory, words, icount, probe=True, limit=60)
    if len(data) < 8:
        raise BenchError(f"{kernel.name}'s entry point was not reached at {memory}")
    return struct.unpack_from("<Q", data)[0]


def boot_cost(kernel, memory, words, icount):
    """(ticks from the kernel's first instruction to main of process 1, all figures)"""
    got = parse(boot(kernel, memory, words, icount))
    if "boot_tsc" not in got:
        raise BenchError(f"{kernel.name} did not reach process 1 at {memory}")
    start = got.get("entry_tsc") or entry_tsc(kernel, memory, words, icount)
    return got["boot_tsc"] - start, got


def measure(kernel):
    """Everything that the instruction table needs, for one kernel."""
    out = {"version": kernel.version, "ops": {}}
    try:
        out["boot_1G"], full = boot_cost(kernel, "1G", "", True)
        out["ops"] = full["ops"] | kernel.inside(True)
        out["boot_256M"], _ = boot_cost(kernel, "256M", "bench=boot", True)
        out["boot_16G"], _ = boot_cost(kernel, "16G", "bench=boot", True)
        if isinstance(kernel, Quire):
            out["boot_64G"], _ = boot_cost(kernel, "64G", "bench=boot", True)
        small = parse(boot(kernel, "512M", "bench=boot", True))
        if "free_kb" in small:
            out["kept_512M_kb"] = 512 * 1024 - small["free_kb"]
    except BenchError as why:
        log(f"bench: {why}")
    return out


def file_hash(*paths):
    h = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as f:
            h.update(f.read())
    return h.hexdigest()[:16]


def measure_linux(kernel, modules):
    key = [CACHE_FORMAT, qemu_version(), kernel.version, LINUX_WORDS, file_hash(*BENCH_C, os.path.join(ROOT, INSIDE_H), *INSIDE_C),
           bool(modules)]
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    path = os.path.join(WORK, f"linux-{name}.json")
    if os.path.exists(path) and not os.environ.get("BENCH_FRESH"):
        log("bench: Linux's figures are cached (BENCH_FRESH=1 measures them again)")
        with open(path, encoding="ascii") as f:
            return json.load(f)
    out = measure(kernel)
    if set(out["ops"]) == (set(OPS) if modules else set(OPS) - set(INSIDE_OPS)) and "kept_512M_kb" in out:
        with open(path, "w", encoding="ascii") as f:
            json.dump(out, f, indent=1)
    return out


# ---------------------------------------------------------------- tables


def number(value, unit=""):
    return "-" if value is None else f"{value:,.0f}{unit}".replace(",", " ")


def row(label, ours, theirs, target=None, absolute=None):
    """absolute: (measured, limit, text) for a target that is no ratio."""
    ratio = ours / theirs if ours is not None and theirs else None
    goal, ok = "", ""
    if absolute:
        goal = absolute[2]
        ok = "" if absolute[0] is None else "yes" if absolute[0] <= absolute[1] else "NO"
    elif target is not None:
        goal = f"<= {target:g}"
        ok = "" if ratio is None else "yes" if ratio <= target else "NO"
    ratio = "-" if ratio is None else f"{ratio:.3f}"
    print(f"{label:<36} {number(ours):>15} {number(theirs):>15} {ratio:>8} {goal:>9} {ok:>4}")


def head(unit, quire, linux):
    print(f"\n{'benchmark (' + unit + ')':<36} {'Quire':>15} {'Linux':>15} {'ratio':>8} {'target':>9}"
          f" {'ok?':>4}")
    print(f"# Linux is {linux.get('version', '-')}, QEMU {qemu_version()}, qemu64, one CPU")
    if not quire.get("ops"):
        print("# '-': no figure; Quire did not run the program (see the messages above)")


def print_space_summary(quire, linux):
    """One line over the rows of address spaces; a missing row is named, not left out in silence."""
    ratios = {op: quire["ops"][op] / linux["ops"][op] for op in SPACE_OPS
              if quire["ops"].get(op) and linux["ops"].get(op)}
    missing = [op for op in SPACE_OPS if op not in ratios]
    if not ratios:
        return
    worst = max(ratios, key=ratios.get)
    mean = statistics.geometric_mean(ratios.values())
    print(f"# {len(ratios)} rows of address spaces: geometric mean {mean:.3f}, worst {worst} {ratios[worst]:.3f}"
          + (f"; missing: {' '.join(missing)}" if missing else ""))


def growth(figures):
    if "boot_16G" in figures and "boot_256M" in figures:
        return figures["boot_16G"] - figures["boot_256M"]
    return None


def print_instructions(quire, linux):
    head("instructions", quire, linux)
    row("boot at 1 GiB, to process 1", quire.get("boot_1G"), linux.get("boot_1G"), 0.03)
    row("boot at 256 MiB", quire.get("boot_256M"), linux.get("boot_256M"))
    row("boot at 16 GiB", quire.get("boot_16G"), linux.get("boot_16G"))
    first, largest = quire.get("boot_1G"), quire.get("boot_64G")
    row("boot at 64 GiB", largest, None,
        absolute=(largest, 1.5 * first, "<= 1.5x") if first and largest else None)
    row("growth from 256 MiB to 16 GiB", growth(quire), growth(linux), 1)
    for op, (label, target) in OPS.items():
        row(label, quire["ops"].get(op), linux["ops"].get(op), target)
    few, many = quire["ops"].get("fault_beside_10"), quire["ops"].get("fault_beside_50000")
    row("a fault with 50000 areas to one with 10", many, None,
        absolute=(many, 1.5 * few, "<= 1.5x") if few and many else None)
    kept = quire.get("kept_512M_kb")
    row("memory kept at 512 MiB (KiB)", kept, linux.get("kept_512M_kb"),
        absolute=(kept, 512 * 1024 * 0.03, "<= 3 %"))
    for name, figures in (("Quire", quire), ("Linux", linux)):
        if "kept_512M_kb" in figures:
            print(f"# {name} keeps {figures['kept_512M_kb'] / 5242.88:.1f} % of 512 MiB")
    print_space_summary(quire, linux)


def measure_time(kernels, runs):
    """Interleaved runs without icount; medians, in nanoseconds."""
    hz = float(run([os.path.join(WORK, "init"), "tsc-hz"]).stdout)
    samples = {k.name: [] for k in kernels}
    for _ in range(runs):
        for kernel in kernels:
            ops = parse(boot(kernel, "1G", "", False))["ops"] | kernel.inside(False)
            samples[kernel.name].append(ops)
    out = {}
    for kernel in kernels:
        got = samples[kernel.name]
        out[kernel.name] = {"version": kernel.version,
                            "ops": {op: statistics.median(s[op] for s in got if op in s) * 1e9 / hz
                                    for op in set().union(*got)}}
    return out


def print_time(quire, linux):
    head("nanoseconds", quire, linux)
    for op, (label, _) in OPS.items():
        row(label, quire["ops"].get(op), linux["ops"].get(op), 1)
    print_space_summary(quire, linux)


def print_smp(quire, runs):
    """Single pages on several CPUs at once, the best of some runs: a busy host only ever takes away."""
    got = [parse(boot(quire, "1G", "selftest=bench_page_throughput.pages_per_second", False, cpus=4))
           for _ in range(runs)]
    print(f"\n{'alloc + free of single pages':<36} {'pages/s':>15} {'ratio to 1':>11}")
    print(f"# {os.cpu_count()} CPUs of the host, -smp 4, best of {runs} runs")
    alone = None
    for cpus in (1, 2, 4):
        rates = [g["ops"][f"pages_on_{cpus}_cpus"] for g in got if f"pages_on_{cpus}_cpus" in g["ops"]]
        rate = max(rates, default=None)
        alone = alone or rate
        print(f"{f'{cpus} CPU' + 's' * (cpus > 1):<36} {number(rate):>15} "
              f"{rate / alone if rate else 0:>11.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--only", choices=("quire", "linux"))
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    parser.add_argument("--runs", type=int, default=3, help="interleaved runs of BENCH=time")
    options = parser.parse_args()
    os.makedirs(WORK, exist_ok=True)
    started = time.monotonic()
    mode, vmlinuz, modules = os.environ.get("BENCH", ""), None, []
    if mode not in ("", "time", "smp"):
        raise BenchError(f"BENCH={mode}: time, smp or nothing")
    if options.only != "quire" and mode != "smp":
        try:
            vmlinuz = os.environ.get("BENCH_VMLINUZ") or fetch_linux()
            modules = build_modules(linux_version(vmlinuz))
        except (OSError, BenchError, subprocess.CalledProcessError) as why:
            log(f"bench: no Linux column: {why}")
    # Both kernels get the same archive, modules and all.
    initramfs = build_initramfs(modules)
    kernels = {}
    if options.only != "linux":
        kernels["Quire"] = Quire(initramfs)
    if vmlinuz:
        kernels["Linux"] = Linux(vmlinuz, initramfs)
    if mode == "smp":
        return print_smp(kernels["Quire"], options.runs)
    figures = {"Quire": {"ops": {}}, "Linux": {"ops": {}}}
    if mode == "time":
        figures.update(measure_time(list(kernels.values()), options.runs))
        print_time(figures["Quire"], figures["Linux"])
    else:
        if "Linux" in kernels:
            figures["Linux"] = measure_linux(kernels["Linux"], modules)
        if "Quire" in kernels:
            figures["Quire"] = measure(kernels["Quire"])
        print_instructions(figures["Quire"], figures["Linux"])
    print(f"# {time.monotonic() - started:.0f} s")
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
