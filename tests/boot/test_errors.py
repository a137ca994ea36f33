"""Bad boot data: one clear line that says what and what to do, then a halt, or a failing status under panic=-1; never a triple fault.

A triple fault would end QEMU (it is started with -no-reboot) with status 0 and without the line."""
import random
import re
import struct

import pytest

import machine

HALTS = 2       # seconds that a halted kernel is watched


def check_clear_end(quire, pattern, **knobs):
    """The line comes, and under panic=-1 QEMU ends with the failing status."""
    cmdline = knobs.pop("cmdline", "")
    m = quire(cmdline=f"panic=-1 {cmdline}".strip(), **knobs)
    m.expect(pattern, trouble_ok=True)
    assert m.wait() == machine.FAIL, m.tail()
    lines = [line for line in m.log.splitlines() if re.search(pattern, line)]
    assert lines, m.tail()


def check_halt(quire, pattern, **knobs):
    """Without panic= the machine says the line and stands still."""
    m = quire(**knobs)
    m.expect(pattern, trouble_ok=True)
    assert m.stays(HALTS), "the machine did not halt:\n" + m.tail()


NO_INITRAMFS = r"(?i)no initramfs"
BAD_CPIO = r"(?i)initramfs.*(?:corrupt|cpio|bad|broken|not a|truncated)"
NO_INIT = r"(?i)no (?:working )?init found"


def test_no_initramfs(quire):
    """Without a module the kernel says so."""
    check_clear_end(quire, NO_INITRAMFS, initramfs=None)


def test_no_initramfs_halts(quire):
    """Without panic= it halts."""
    check_halt(quire, NO_INITRAMFS, initramfs=None)


def broken_archives():
    good = machine.cpio_bytes(machine.archive(applets=False, files={"init": (b"x" * 5000, 0o755), "a/b": (b"y" * 100, 0o644)}))
    second = good.index(b"070701", 6)
    rng = random.Random(20)
    yield "noise", bytes(rng.randrange(256) for _ in range(4096))
    yield "truncated-header", good[:second + 50]
    yield "truncated-data", good[:-600][:len(good) // 2]
    yield "second-magic", good[:second] + b"999999" + good[second + 6:]
    yield "huge-size", good[:second + 54] + b"FFFFFFFF" + good[second + 62:]
    yield "huge-name", good[:second + 94] + b"FFFFFFF0" + good[second + 102:]
    yield "not-hexadecimal", good[:second + 54] + b"zzzzzzzz" + good[second + 62:]


@pytest.mark.parametrize("name,data", broken_archives(), ids=lambda v: v if isinstance(v, str) else "")
def test_corrupt_initramfs(quire, name, data):
    """An archive broken in any way is named as such."""
    check_clear_end(quire, BAD_CPIO, initramfs=data)


def test_no_init(quire):
    """An archive without /init, /sbin/init and /bin/sh: the kernel names what it looked for."""
    data = machine.cpio_bytes(machine.archive(applets=False, files={"etc/motd": (b"nothing to run\n", 0o644)}))
    check_clear_end(quire, NO_INIT, initramfs=data)
    check_halt(quire, NO_INIT, initramfs=data)


def test_init_is_no_program(quire):
    """An /init that is no executable format, and nothing else to run."""
    data = machine.cpio_bytes(machine.archive(applets=False, files={"init": (b"\x7fELF" + b"\xff" * 600, 0o755)}))
    check_clear_end(quire, NO_INIT, initramfs=data)


def test_requested_init_is_missing(quire):
    """init= that does not exist is named."""
    check_clear_end(quire, r"(?i)init.*/no/such/init", cmdline="init=/no/such/init")


def test_init_ends(quire):
    """When process 1 ends, the kernel says so."""
    check_clear_end(quire, r"Attempted to kill init", cmdline="init=/bin/true")


def test_no_usable_memory(quire):
    """A map in which everything belongs to the firmware."""
    check_clear_end(quire, r"(?i)(?:no usable|not enough|too little|out of) memory", cmdline="memmap=512M#0")


def test_too_small_limit_is_refused(quire):
    """mem= below what the kernel itself needs: a line that names the limit, and all memory is used."""
    m = quire(cmdline="panic=-1 mem=4M").prompt()
    assert "mem=4M: less than 8M" in m.run("dmesg")
    assert m.meminfo()["MemTotal"] > 400 << 10


def wrong_magic(kernel):
    """The kernel with a stub in front that puts another number where the loader puts its magic: a new program header in the padding
    after the table, the stub's bytes at the end of the file, and the multiboot2 header's entry-address tag moved to it."""
    data = bytearray(kernel)
    phoff, = struct.unpack_from("<Q", data, 32)
    tag = data.index(struct.pack("<I", 0xE85250D6)) + 16
    while struct.unpack_from("<H", data, tag)[0] != 3:
        length, = struct.unpack_from("<I", data, tag + 4)
        assert length, "the multiboot2 header has no entry-address tag"
        tag += (length + 7) & ~7
    entry, = struct.unpack_from("<I", data, tag + 8)
    size, count = struct.unpack_from("<HH", data, 54)
    stub_at = 0x1F0000      # below 2 MiB, behind the 32-bit entry
    stub = b"\xb8\xef\xbe\xad\xde" + b"\xe9" + struct.pack("<i", entry - (stub_at + 10))
    table_end = phoff + size * count
    assert not any(data[table_end:table_end + size]), "no room for another program header"
    offset = (len(data) + 4095) & ~4095
    struct.pack_into("<IIQQQQQQ", data, table_end, 1, 5, offset, stub_at, stub_at, len(stub), len(stub), 4096)
    struct.pack_into("<I", data, tag + 8, stub_at)
    struct.pack_into("<H", data, 56, count + 1)
    return bytes(data) + b"\0" * (offset - len(data)) + stub


def test_wrong_boot_magic(quire, tmp_path):
    """A loader that is not multiboot2: a line, and a halt (there is no command line to read panic= from)."""
    with open(machine.BUILD + "/quire.stripped", "rb") as f:
        patched = wrong_magic(f.read())
    kernel = tmp_path / "wrong.elf"
    kernel.write_bytes(patched)
    check_halt(quire, r"(?i)multiboot2", kernel=str(kernel))


def test_unknown_suite_is_named(quire):
    """A list of suites with a typo fails and says which word it was; the others have run."""
    m = quire(cmdline="selftest=bitmap,nosuch panic=-1")
    assert m.wait() == machine.FAIL
    assert "selftest=nosuch names no suite" in m.log
    assert machine.count_ktap(m.log)[0] > 0
