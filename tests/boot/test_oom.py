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
