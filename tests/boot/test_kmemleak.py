"""kmemleak: the in-kernel suites, a shell's work and user programs leave nothing behind; what is lost on purpose is told as on Linux; the words of
the debugfs file. That each kind of memory and each way to reach it is known is proven by suite kmemleak."""
import re

import machine

FILE = "/sys/kernel/debug/kmemleak"
REPORT = re.compile(r"unreferenced object(?: \(percpu\))? 0x([0-9a-f]{8,16}) \(size (\d+)\):\n"
                    r'  comm "([^"\n]*)", pid (\d+), jiffies \d+\n'
                    r"  hex dump \(first (\d+) bytes(?: on cpu \d+)?\):\n"
                    r"((?:    (?:[0-9a-f]{2} )+ +.*\n)+)"
                    r"  backtrace \(crc [0-9a-f]+\):\n"
                    r"((?:    \[<[0-9a-f]{16}>\] \S+\+0x[0-9a-f]+/0x[0-9a-f]+\n)+)")


def boot(quire, words="kmemleak=on", **knobs):
    m = quire(cmdline=words + " panic=-1", **knobs)
    m.prompt()
    m.run("grep -q debugfs /proc/mounts || mount -t debugfs none /sys/kernel/debug")
    return m


def scan(m):
    """Two searches, the second of which believes what has not changed since the first; what there is now must be 5 seconds old."""
    m.run(f"sleep 6; echo scan > {FILE}; echo scan > {FILE}", timeout=60)
    return m.run(f"cat {FILE}", timeout=60).replace("\r", "")


def refused(m, word, error):
    out = m.run(f"echo '{word}' > {FILE}", status=1)
    assert error in out, (word, out)


def suites(quire, **knobs):
    m = quire(cmdline="kmemleak=on selftest panic=-1", timeout=300, **knobs)
    status = m.wait()
    passed, failed, _, complete = machine.count_ktap(m.log)
    if status != machine.PASS or failed or not passed or not complete:
        m.fail(f"status {status}, {passed} passed, failed: {failed}")
    return m.log


def test_suites_leave_nothing(quire):
    """After each in-kernel suite a search finds nothing; it is a case of each suite."""
    log = suites(quire)
    planned = int(re.search(r"^1\.\.(\d+)", log, re.M).group(1))
    assert len(re.findall(r"^    ok \d+ kmemleak_finds_nothing", log, re.M)) == planned


def test_suite_on_four_cpus_and_two_nodes(quire):
    """The suite kmemleak itself, where threads really run beside the search and memory is on two nodes."""
    m = quire(cmdline="kmemleak=on selftest=kmemleak panic=-1", cpus=4, nodes=2, mem="1G", timeout=200)
    assert m.wait() == machine.PASS, m.tail(80)


def test_shell_and_words(quire):
    """A shell's work leaves nothing; then objects are lost, told with address, size, content and stack, and forgotten by clear; words that are
    none are refused; off is for good."""
    m = boot(quire)
    m.run("ls -lR /proc/self /sys/kernel >/dev/null; seq 1 2000 | sort | tail -1; mkdir -p /tmp/a/b; cp /bin/busybox /tmp/a/b; rm -rf /tmp/a")
    m.run("for i in 1 2 3 4 5 6 7 8; do (sleep 1 | cat) & done; wait", timeout=60)
    m.run("mkdir -p /mnt; mount -t tmpfs none /mnt; echo x > /mnt/x; umount /mnt")
    assert scan(m) == "", "something was lost by the boot or the shell"
    assert "new suspected memory leaks" not in m.log

    m.run("echo SLAB_LEAK > /sys/kernel/debug/provoke-crash/DIRECT")
    text = scan(m)
    found = list(REPORT.finditer(text))
    assert REPORT.sub("", text) == "", f"not Linux's format:\n{text}"
    assert 5 <= len(found) <= 8, text          # by chance a number may look like one's address
    for one in found:
        assert one.group(2) == "512" and one.group(3) == "sh" and one.group(5) == "32", one.group(0)
        assert "66 6f 72 67 6f 74 74 65 6e 00" in one.group(6) and "forgotten." in one.group(6)
        assert " lkdtm_slab_leak+0x" in one.group(7) and " direct_write+0x" in one.group(7)
    line = re.search(r"kmemleak: (\d+) new suspected memory leaks \(see /sys/kernel/debug/kmemleak\)", m.log)
    assert line and int(line.group(1)) == len(found)

    m.run(f"echo dump=0x{found[0].group(1)} > {FILE}")
    assert f"kmemleak: Object 0x{found[0].group(1)} (size 512):" in m.run("dmesg | tail -40")
    assert m.run(f"dd if={FILE} bs=100 2>/dev/null").replace("\r", "") == text, "a small buffer sees something else"
    m.run(f"echo clear > {FILE}")
    assert scan(m) == ""
    for word in ("scam", "scan=never", "dump=0", "stack", "x" * 100):
        refused(m, word, "Invalid argument")
    m.run(f"echo scan=1 > {FILE}; echo SLAB_LEAK > /sys/kernel/debug/provoke-crash/DIRECT")
    m.run("ps | grep -q '[k]memleak'")
    m.run(f"for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 1; grep -q lkdtm_slab_leak {FILE} && break; done; "
          f"grep -q lkdtm_slab_leak {FILE}", timeout=120)
    m.run(f"echo scan=off > {FILE}; ! ps | grep -q '[k]memleak'")
    # A worker tells the end of it, which must not come behind the prompt.
    m.run(f"echo off > {FILE}; for i in $(seq 60); do dmesg | grep -q 'disabled without freeing' && break; sleep 1; done", timeout=90)
    assert "Kernel memory leak detector disabled" in m.run("dmesg | tail")
    refused(m, "scan", "Operation not permitted")
    m.run(f"sleep 1; echo clear > {FILE}; cat {FILE} | wc -c | grep -qx 0")
    m.run("seq 1 2000 | sort | tail -1")


def test_off_and_bad_words(quire):
    """Without the word, or with one that it does not know, it is off: one line in the log, an empty file, EPERM."""
    m = boot(quire, "kmemleak=perhaps")
    assert "kmemleak=perhaps: not on or off; off" in m.log
    assert m.run(f"cat {FILE}") == ""
    refused(m, "scan", "Operation not permitted")
    m.run(f"echo clear > {FILE}")


def test_user_programs_leave_nothing(quire):
    """Programs that use most kinds of objects: processes, pipes, terminals, files of proc. Without tests= it is all of them."""
    m = quire(cmdline="kmemleak=on tests=p[irt]* panic=-1", initramfs="test", timeout=300)
    assert m.wait() == machine.POWER_OFF
    found = re.search(r"# leaks\n(.*?)# end of leaks", m.log, re.S)
    assert found and found.group(1) == "", m.tail(120)
    assert "detector disabled" not in m.log
