"""The report of a kernel bug is whole: what, where in the tables, registers, code, names of functions, the task; then the panic that
panic= asks for. A program's own fault is the program's end and nobody else's."""
import re

import machine

CRASH = "echo c > /proc/sysrq-trigger"
REPORT = [
    r"BUG: kernel NULL pointer dereference, address: 0000000000000000",
    r"#PF: supervisor write access in kernel mode",
    r"#PF: error_code\(0x0002\) - not-present page",
    r"Page walk of 0000000000000000, top table at phys 0x[0-9a-f]+:",
    r"  PGD\[0\] = ",
    r"Oops: page fault: 0002 \[#1\] SMP",
    r"CPU: \d+ PID: \d+ Comm: sh Not tainted",
    r"RIP: 0010:sysrq_crash\+0x[0-9a-f]+/0x[0-9a-f]+",
    r"Code: (?:[0-9a-f]{2} )+<[0-9a-f]{2}> ",
    r"RSP: 0018:ffffc9[0-9a-f]{10} EFLAGS: ",
    r"RAX: [0-9a-f]{16} RBX: [0-9a-f]{16} RCX: [0-9a-f]{16}",
    r"CR0: [0-9a-f]{16} CR2: 0{16} CR3: ",
    r"Call Trace:",
    r" sysrq_crash\+0x",
    r" (?:handle_sysrq|sysrq_write)\+0x",
    r" (?:vfs_write|sys_write|ksys_write)\+0x",
    r" entry_SYSCALL_64\+0x",
    r"Kernel panic - not syncing: Fatal exception",
    r"---\[ end Kernel panic - not syncing: Fatal exception \]---",
]


def check_report(log):
    """Every line, in this order."""
    at = 0
    for pattern in REPORT:
        found = re.compile(pattern).search(log, at)
        assert found, f"the report has no {pattern!r} behind\n" + log[max(0, at - 600):]
        at = found.end()


def crash(quire, **knobs):
    m = quire(**knobs)
    m.prompt()
    m.sendline(CRASH)
    return m


def test_kernel_null_pointer(quire):
    """A NULL dereference in a system call, on a machine with SMAP and four processors: full report, failing status."""
    m = crash(quire, cmdline="panic=-1", cpus=4)
    assert m.wait() == machine.FAIL, m.tail()
    check_report(m.log)


def test_kernel_null_pointer_without_smap(quire):
    """The same on one processor that cannot tell kernel from user accesses."""
    m = crash(quire, cmdline="panic=-1", cpus=1, cpu="qemu64")
    assert m.wait() == machine.FAIL, m.tail()
    check_report(m.log)


def test_panic_halts_by_default(quire):
    """Without panic= the report stays on the screen: the machine stands still."""
    m = crash(quire)
    m.expect(r"end Kernel panic", trouble_ok=True)
    assert m.stays(2), "the machine did not halt:\n" + m.tail()
    check_report(m.log)


def test_panic_restarts_after_a_while(quire):
    """panic=1: the machine starts again after a second (QEMU runs with -no-reboot, so it ends)."""
    m = crash(quire, cmdline="panic=1")
    assert m.wait() == 0, m.tail()
    assert "Rebooting in 1 seconds.." in m.log and "Restarting system" in m.log, m.tail()


def test_taint_is_told_in_letters(quire):
    """What happened before a report stands in it, a letter for each bit in its column: D (7) and W (9)."""
    m = quire(cmdline="panic=-1")
    m.prompt()
    m.run("echo 640 > /proc/sys/kernel/tainted")
    m.sendline(CRASH)
    assert m.wait() == machine.FAIL, m.tail()
    assert "Comm: sh Tainted: G      D W" in m.log, m.tail()


def test_program_fault_ends_the_program_alone(shell):
    """A program that faults is killed with a line in the log; the shell goes on."""
    shell.run("sh -c 'kill -SEGV $$'", status=139)
    shell.run("true")


def test_show_tasks(shell):
    """sysrq t names every task and what sleepers wait in."""
    shell.run("sleep 1000 &")
    shell.run("dmesg -c > /dev/null; echo t > /proc/sysrq-trigger")
    text = shell.run("dmesg | grep -A 6 'task:sleep '")
    assert re.search(r"task:sleep +state:S pid:\d+", text), text
    assert re.search(r"nanosleep", text), text
    shell.run("kill %1; wait")
