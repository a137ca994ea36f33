"""Memory runs out on a machine of 64 MiB: tests/user/oom.c inside, then the shell still works and the memory is free again."""
import re

import machine
import pytest


@pytest.mark.parametrize("cpus", [1, 2])
def test_memory_runs_out(cpus):
    with machine.Machine(cmdline="tests=oom panic=-1", initramfs="test", mem="64M", cpus=cpus, timeout=120) as m:
        status = m.wait()
        passed, failed, skipped, complete = machine.count_ktap(m.log)
        if status != machine.POWER_OFF or failed or skipped or not complete or not passed:
            m.fail(f"status {status}, {passed} passed, failed: {failed}, {skipped} skipped")
        trouble = re.search(machine.TROUBLE, m.log)
        assert not trouble, m.log[trouble.start():][:2000]
        assert "Out of memory: Killed process" in m.log


def test_nobody_to_kill(quire):
    """Every process has oom_score_adj -1000: the last one to fault panics with Linux's words instead of faulting for ever."""
    m = quire(cmdline="panic=-1", mem="64M").prompt()
    m.run("echo -1000 > /proc/self/oom_score_adj; echo -1000 > /proc/$$/oom_score_adj; cat /proc/$$/oom_score_adj")
    m.sendline("awk 'BEGIN { s = \"0123456789abcdef\"; while (1) s = s s }'")
    m.expect("Out of memory and no killable processes", 60, trouble_ok=True)
    m.expect("Kernel panic - not syncing: System is deadlocked on memory", trouble_ok=True)
    assert m.wait() == machine.FAIL
    assert re.search(r"awk invoked oom-killer: gfp_mask=0x\w+\(GFP_\w+.*\), order=0", m.log), m.tail(80)
    assert "Mem-Info:" in m.log and "Killed process" not in m.log


def test_one_that_may_be_killed_is(quire):
    """The same with one process that is not exempt: it dies in place of the others, and the shell goes on."""
    m = quire(cmdline="panic=-1", mem="64M").prompt()
    m.run("sleep 1000 & echo -1000 > /proc/$$/oom_score_adj")
    m.run("(echo 0 > /proc/self/oom_score_adj; exec awk 'BEGIN { s = \"0123456789abcdef\"; while (1) s = s s }')", 90, status=None)
    assert "Out of memory: Killed process" in m.log
    assert m.run("echo alive").strip() == "alive"
