"""Pins on machines where pages would like to be elsewhere: tests/user/gup.c where memory is movable, and where there are two nodes."""
import re

import machine


def run_gup(skips, **kw):
    with machine.Machine(cmdline=kw.pop("cmdline", "") + " tests=gup panic=-1", initramfs="test", cpus=2, timeout=120, **kw) as m:
        status = m.wait()
        passed, failed, skipped, complete = machine.count_ktap(m.log)
        assert status == machine.POWER_OFF and not failed and complete and passed and skipped == skips, m.tail()
        trouble = re.search(machine.TROUBLE, m.log)
        assert not trouble, m.log[trouble.start():][:2000]
        return m.log


def test_long_pins_leave_movable_memory():
    """Most of memory is movable: pages lie there, and what is pinned for long is moved out, contents and all."""
    log = run_gup(1, mem="512M", cmdline="kernelcore=96M")
    assert re.search(r"ok \d+ long_pins_leave_movable_memory\n", log.replace("\r", ""))


def test_pinned_pages_do_not_migrate():
    """move_pages(2) is refused while a page is pinned, and works afterwards."""
    log = run_gup(1, mem="512M", nodes=2)
    assert re.search(r"ok \d+ pinned_pages_do_not_migrate\n", log.replace("\r", ""))
