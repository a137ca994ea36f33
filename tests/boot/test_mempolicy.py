"""Memory policies on machines with several nodes: tests/user/mempolicy.c and mempolicy_nodes.c inside. Placement of every policy is proven
there by move_pages and numa_maps; here nothing may be skipped, the kernel must stay calm, and all policies must be gone afterwards."""
import re

import machine
import pytest


def check(m, skips=0):
    """Wait for the end of the test run => the console's text."""
    status = m.wait()
    passed, failed, skipped, complete = machine.count_ktap(m.log)
    if status != machine.POWER_OFF or failed or skipped != skips or not complete or not passed:
        m.fail(f"status {status}, {passed} passed, failed: {failed}, {skipped} skipped")
    trouble = re.search(machine.TROUBLE, m.log)
    assert not trouble, m.log[trouble.start():][:2000]
    return m.log


@pytest.mark.parametrize("nodes", [2, 4])
def test_placement(nodes):
    """Each policy puts each page where it must; a node that is full overflows or costs its user's life, and nobody else's."""
    with machine.Machine(cmdline="tests=mempolicy_nodes panic=-1", initramfs="test", mem="512M", cpus=4, nodes=nodes,
                         timeout=240) as m:
        log = check(m)
        # Both hogs, and nobody but them.
        assert len(re.findall(r"Out of memory: Killed process \d+ \(mempolicy_nodes\)", log)) == 2, m.tail()
        assert len(re.findall(r"Out of memory: Killed process", log)) == 2, m.tail()


def test_calls_on_two_nodes():
    """The suite that runs on one node passes on two as well."""
    with machine.Machine(cmdline="tests=mempolicy panic=-1", initramfs="test", mem="256M", nodes=2, timeout=120) as m:
        check(m)


def test_nodes_without_processors():
    """Four nodes, one processor: memory of the others is reached by policy."""
    with machine.Machine(cmdline="tests=mempolicy panic=-1", initramfs="test", mem="256M", cpus=1, nodes=4, timeout=120) as m:
        check(m)


def test_policies_do_not_leak():
    """After the suite no policy object is left but what per-CPU caches keep."""
    with machine.Machine(cmdline="slab_nomerge panic=-1", initramfs=machine.cpio_bytes(with_tests()), mem="256M", nodes=2,
                         timeout=120) as m:
        m.prompt()
        m.run("/tests/mempolicy > /dev/null")
        before = policies(m)
        for _ in range(3):
            m.run("/tests/mempolicy > /dev/null", timeout=60)
        assert policies(m) <= before + 8, (before, policies(m))


def with_tests():
    """The shell's initramfs with the suite in it."""
    with open(f"{machine.BUILD}/usertest/mempolicy", "rb") as f:
        return machine.archive(files={"/tests/mempolicy": (f.read(), 0o755)})


def policies(m):
    """Objects in use of the two caches."""
    text = m.run("cat /proc/slabinfo")
    counts = re.findall(r"^(?:numa_policy|shared_policy_node)\s+(\d+)", text, re.M)
    assert len(counts) == 2, text
    return sum(map(int, counts))


@pytest.mark.parametrize("suite", ["migrate", "rmap"])
def test_pages_move(suite):
    """Pages move between two nodes under programs that use them, and lose nothing; reverse mapping agrees with the tables."""
    with machine.Machine(cmdline=f"tests={suite} panic=-1", initramfs="test", mem="512M", cpus=4, nodes=2, timeout=400) as m:
        check(m)
