"""Archives and command lines that nobody would write: every boot ends in a shell, in a clean power off, or in one clear line and the failing
status of panic=-1; never in a triple fault, a hang or a kernel in trouble.

Deterministic mutants, a handful of boots: several broken things share one boot where each would be survived. `test_badboot.py COUNT [SEED]`, run as
a program, boots COUNT random mutants instead and prints the ones that end otherwise."""
import os
import random
import re
import struct
import sys

sys.path.insert(0, os.path.dirname(__file__))
import machine  # noqa: E402

TROUBLE = r"BUG: |Oops: |kernel BUG at|WARNING: (?:CPU|at )|general protection fault, |lockdep: (?!class)|possible deadlock|lock check failed"
S_FILE, S_DIR, S_LINK, S_FIFO, S_CHAR = 0o100000, 0o040000, 0o120000, 0o010000, 0o020000


def entry(name, mode, body=b"", ino=0, nlink=1, **fields):
    """One newc member; name is bytes, its size counts the NUL that is added. fields override header words by number: f6=..."""
    words = [ino, mode, 0, 0, nlink, 0, len(body), 0, 0, 0, 0, len(name) + 1, 0]
    for key, value in fields.items():
        words[int(key[1:])] = value & 0xFFFFFFFF
    head = b"070701" + b"".join(b"%08X" % w for w in words) + name + b"\0"
    head += b"\0" * (-len(head) % 4)
    return head + body + b"\0" * (-len(body) % 4)


TRAILER = entry(b"TRAILER!!!", 0)


def with_shell(*extra):
    """The default archive with further members in front of its end."""
    with open(os.path.join(machine.BUILD, "initramfs.cpio"), "rb") as f:
        data = f.read()
    return data[:data.rindex(b"070701")] + b"".join(extra) + TRAILER


def outcome(m, timeout=40):
    """=> how the boot ended: "shell", or QEMU's status with the panic's line. Trouble, a hang and a reset fail the test."""
    which = m.child.expect([machine.PROMPT, machine.pexpect.EOF, machine.pexpect.TIMEOUT], timeout=timeout * machine.scale())
    if re.search(TROUBLE, m.log):
        m.fail("the kernel is in trouble")
    if which == 0:
        return "shell"
    if which == 2:
        m.fail("neither a prompt nor an end")
    m.child.close()
    panic = re.search(r"Kernel panic - not syncing: (.*)", m.log)
    power_off = re.search(r"reboot: Power down", m.log)
    if not (panic and m.child.exitstatus == machine.FAIL) and not (power_off and m.child.exitstatus == machine.POWER_OFF):
        m.fail(f"QEMU ended with status {m.child.exitstatus} and without a clear line")
    return panic.group(1) if panic else "power off"


def odd_members():
    """Members that are wrong or absurd one by one; the archive around them is fine."""
    long_name = b"/".join([b"d" * 200] * 20)[:4094]
    yield entry(b"../../up", S_FILE | 0o644, b"up\n")
    yield entry(b"/abs", S_FILE | 0o644, b"abs\n")
    yield entry(b"tmp/../tmp/./dots", S_FILE | 0o644, b"dots\n")
    yield entry(b"no/such/folder/x", S_FILE | 0o644, b"x")
    yield entry(b"x" * 256, S_FILE | 0o644, b"x")
    yield entry(long_name, S_FILE | 0o644, b"x")
    yield entry(b"y" * 4095, S_FILE | 0o644, b"y")
    yield entry(b"", S_FILE | 0o644, b"z")
    yield entry(b"etc", S_FILE | 0o644, b"a file over a folder")
    yield entry(b"etc/passwd", S_DIR | 0o755)
    yield entry(b"loop", S_LINK | 0o777, b"loop")
    yield entry(b"loop/x", S_FILE | 0o644, b"x")
    yield entry(b"emptylink", S_LINK | 0o777, b"")
    yield entry(b"longlink", S_LINK | 0o777, b"l" * 5000)
    yield entry(b"notype", 0o644, b"x")
    yield entry(b"alltypes", 0xFFFFFFFF, b"x")
    yield entry(b"fifo", S_FIFO | 0o644, b"with a body")
    yield entry(b"device", S_CHAR | 0o644, f9=0xFFFFFFFF, f10=0xFFFFFFFF)
    yield entry(b"orphan1", S_FILE | 0o644, b"", ino=77, nlink=2)
    yield entry(b"orphan2", S_FILE | 0o644, b"body of both", ino=77, nlink=2)
    yield entry(b"orphan1/below", S_FILE | 0o644, b"", ino=77, nlink=2)
    yield entry(b"linkdir", S_DIR | 0o755, b"", ino=77, nlink=2)
    yield entry(b"owner", S_FILE | 0o644, b"", f2=0xFFFFFFFF, f3=0xFFFFFFFF, f5=0xFFFFFFFF)
    yield entry(b"dev/null", S_FILE | 0o644, b"not a device")
    yield entry(b"proc", S_FILE | 0o644, b"")


def test_odd_members_of_an_archive(quire):
    """Names that climb, absurd names, missing folders, wrong kinds, links to nowhere: the shell comes and the archive did not get out."""
    m = quire(cmdline="panic=-1", initramfs=with_shell(*odd_members()))
    assert outcome(m) == "shell"
    assert "up" in m.run("cat /up")
    assert "body of both" in m.run("cat /orphan1")
    m.run("ls -lR / >/dev/null 2>&1", status=None)


def test_ten_thousand_members(quire):
    """Many small files cost memory in proportion, not time by the square."""
    many = b"".join(entry(b"many/%d" % i, S_FILE | 0o644, b"", ino=1000 + i, nlink=2) for i in range(10000))
    m = quire(cmdline="panic=-1", initramfs=with_shell(entry(b"many", S_DIR | 0o755), many))
    assert outcome(m) == "shell"
    assert m.run("ls /many | wc -l").split()[-1] == "10000"


def test_the_mount_points_are_files(quire):
    """Without folders to mount on, init still gets to its end."""
    with open(os.path.join(machine.BUILD, "user", "init"), "rb") as f:
        init = f.read()
    names = (b"dev", b"proc", b"sys", b"bin", b"tmp")
    data = b"".join(entry(n, S_FILE | 0o644, b"x") for n in names) + entry(b"init", S_FILE | 0o755, init) + TRAILER
    outcome(quire(cmdline="panic=-1", initramfs=data))


NONSENSE = [
    "mem=-1 mem=0 mem=99999999999999999999999G mem=K mem= memmap=garbage memmap= memmap=1G memmap=1G@ memmap=@ memmap=0@0 "
    "memmap=0xffffffffffffffff$0xffffffffffffffff memmap=1T$0xfffffffffff00000 memmap=1$1 memmap=16E@1M",
    "nr_cpus=0 maxcpus=99999999999999 maxcpus=-1 nr_cpus= maxcpus=x numa=fake=99999 numa acpi=what memblock loglevel=zz loglevel=-5 loglevel "
    "selftest_seed=zz initcall_debug=2 oops oops=what norandmaps=1 ignore_loglevel=no console= earlycon=nobody,0",
    "= == =x x= \" \"\" a\"b c\" --x -- init=/no/such mem=1 \"unended quote",
    " ".join(f"word{i}=value{i}" for i in range(140)) + " " + "y" * 600 + "=" + "z" * 600,
]


def test_nonsense_on_the_command_line(quire):
    """Words that are unknown, malformed, enormous or unended change nothing that matters."""
    for line in NONSENSE:
        m = quire(cmdline=f"panic=-1 {line}"[:3000])
        assert outcome(m) == "shell", line
        m.child.close(force=True)


def test_odd_init(quire):
    """init= with a folder, a device, a script of nothing, an enormous name: one clear line."""
    for path in ("/", "/dev/null", "/" + "i" * 900, "/etc/passwd", '"/bin/ busybox"'):
        assert "init" in outcome(quire(cmdline=f"panic=-1 init={path}")), path


def test_twenty_thousand_hard_links(quire):
    """Each of 20000 inodes has two names, the body comes with the second: every pair is one file, whatever lies between them."""
    n = 20000
    first = [entry(b"l/a%d" % i, 0o100644, ino=100 + i, nlink=2) for i in range(n)]
    second = [entry(b"l/b%d" % i, 0o100644, b"%d\n" % i, ino=100 + i, nlink=2) for i in range(n)]
    m = quire(initramfs=with_shell(entry(b"l", 0o040755), *first, *second), cmdline="panic=-1")
    m.prompt()
    assert m.run("cat /l/a0 /l/a777 /l/a19999").split() == ["0", "777", "19999"]
    assert m.run("ls -i /l/a12345 | awk '{print $1}'") == m.run("ls -i /l/b12345 | awk '{print $1}'")
    assert m.run("stat -c %h /l/b19999").strip() == "2"
    assert m.run("find /l -type f -links 2 | wc -l").strip() == str(2 * n)


def test_a_table_with_an_impossible_address(quire, tmp_path):
    """An HPET at an address that the processor cannot form is not used; the next clock is."""
    table = tmp_path / "hpet.bin"
    table.write_bytes(struct.pack("<IBBBBQBHB", 0x8086A201, 0, 64, 0, 0, 1 << 45, 0, 0, 0))
    m = quire(cmdline="panic=-1", machine="q35,hpet=off", args=f"-acpitable sig=HPET,data={table}")
    assert outcome(m) == "shell"
    assert "ACPI: HPET" in m.log and "measured against HPET" not in m.log


# ---- random mutants, by hand ----

def random_archive(rng):
    """=> (what was done, bytes)"""
    good = with_shell(*rng.sample(list(odd_members()), rng.randrange(6)))
    heads = [m.start() for m in re.finditer(b"070701", good)]
    data = bytearray(good)
    kind = rng.randrange(5)
    if kind == 0:
        cut = rng.randrange(len(good))
        return f"cut at {cut}", bytes(data[:cut])
    done = []
    for _ in range(rng.randrange(1, 4)):
        at = rng.choice(heads)
        if kind == 1:       # a bit of a header
            bit = rng.randrange(110 * 8)
            data[at + bit // 8] ^= 1 << bit % 8
            done.append(f"bit {bit} of {at}")
        elif kind == 2:     # a word of a header
            field, value = rng.randrange(13), rng.choice([0, 1, 2, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0x80000000, 4095, 4096, 4097, rng.randrange(2**32)])
            data[at + 6 + 8 * field:at + 14 + 8 * field] = b"%08X" % value
            done.append(f"word {field} of {at} = {value:#x}")
        elif kind == 3:     # bytes of a name or a body
            where = at + 110 + rng.randrange(40)
            if where < len(data):
                data[where] = rng.randrange(256)
            done.append(f"byte {where}")
        else:               # a member of random words
            words = [rng.choice([0, 1, 2, 100, 4096, 0o100755, 0o120777, rng.randrange(2**32)]) for _ in range(13)]
            words[11], words[6] = 8, rng.choice([0, 4, 100])
            data[at:at] = b"070701" + b"".join(b"%08x" % w for w in words) + b"random\0\0\0\0" + b"b" * ((words[6] + 3) & ~3)
            done.append(f"member at {at}: {words}")
    return "; ".join(done), bytes(data)


def random_line(rng):
    words = ["mem", "memmap", "nr_cpus", "maxcpus", "init", "selftest_seed", "panic", "loglevel", "quiet", "debug", "acpi", "numa", "memblock", "nosmp",
             "nolapic", "norandmaps", "initcall_debug", "oops", "--", "x"]
    values = ["", "0", "-1", "1", "999", "zz", "off", "on", "64M", "1G$2G", "1M@64K", "16M$16M", "512M$0", "100M@100M", "\"", "a" * 300, "0x", "/bin/sh", "4G@4G",
              "0x7ffffffffffff000", "1K$0x100000", "18446744073709551615", "128T@1M", "1P@1G", "48M"]
    return " ".join(rng.choice(words) + rng.choice(["", "="]) + rng.choice(values) for _ in range(rng.randrange(1, 9)))


def main(count, seed):
    rng, ends = random.Random(seed), {}
    for i in range(count):
        what, data = random_archive(rng) if i % 2 else ("", None)
        line = "" if i % 2 else random_line(rng)
        try:
            with machine.Machine(cmdline=f"panic=-1 {line}", initramfs=data or "default", mem=rng.choice(["64M", "256M", "512M"])) as m:
                end = outcome(m, 20)
                os.unlink(m.iso)
        except AssertionError as bad:
            end = "BAD"
            print(f"--- {i}: {what or line!r}\n{bad}", flush=True)
        end = re.sub(r"[0-9/].*", "", end)
        ends[end] = ends.get(end, 0) + 1
        print(f"{i}: {end}: {(what or line)[:150]}", flush=True)
    print(f"seed {seed}: {ends}")
    return "BAD" in ends


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)))
