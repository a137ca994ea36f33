"""Hardened usercopy (mm/debug/usercopy.c): a copy to or from user space that crosses the bounds of its object is stopped before a byte of it is
made, the report names the object, and only the task that tried dies."""
import re

import pytest

DEBUG = "/sys/kernel/debug"
CRASH = DEBUG + "/provoke-crash/DIRECT"

CRIMES = [
    ("USERCOPY_SLAB_SIZE_TO", r"exposure attempt detected from SLUB object 'kmalloc-64' \(offset 0, size 128\)!"),
    ("USERCOPY_SLAB_SIZE_FROM", r"overwrite attempt detected to SLUB object 'kmalloc-64' \(offset 0, size 128\)!"),
    ("USERCOPY_SLAB_WHITELIST_TO", r"exposure attempt detected from SLUB object 'lkdtm-usercopy' \(offset 255, size 64\)!"),
    ("USERCOPY_SLAB_WHITELIST_FROM", r"overwrite attempt detected to SLUB object 'lkdtm-usercopy' \(offset 255, size 64\)!"),
    ("USERCOPY_STACK_FRAME_TO", r"exposure attempt detected from process stack \(offset \d+, size 64\)!"),
    ("USERCOPY_STACK_FRAME_FROM", r"overwrite attempt detected to process stack \(offset \d+, size 64\)!"),
    ("USERCOPY_STACK_BEYOND", r"exposure attempt detected from process stack \(offset 16376, size 64\)!"),
    ("USERCOPY_PAGES", r"exposure attempt detected from page alloc \(offset 16320, size 65\)!"),
    ("USERCOPY_VMALLOC", r"exposure attempt detected from vmalloc \(offset 4096, size 4097\)!"),
    ("USERCOPY_KERNEL", r"exposure attempt detected from kernel text \(offset \d+, size 64\)!"),
]


def boot(quire, words="", **knobs):
    m = quire(cmdline=words + " panic=-1 kfence.sample_interval=0", **knobs)
    m.prompt()
    m.run(f"grep -q debugfs /proc/mounts || mount -t debugfs none {DEBUG}")
    return m


def commit(m, crime):
    """A shell of its own does it => what the console says meanwhile."""
    before = len(m.log)
    m.sendline(f"sh -c 'echo {crime} > {CRASH}'; echo =ST\"\"ATUS=$?=")
    m.expect(r"=STATUS=\d+=", timeout=30, trouble_ok=True)
    m.prompt()
    return m.log[before:]


@pytest.mark.parametrize("words", ["", "slub_debug=FZPU"])
def test_each_kind_is_stopped(quire, words):
    """The right copy is made, the wrong one is not; the log names object, offset and size, then the stack; the machine goes on."""
    m = boot(quire, words)
    for crime, report in CRIMES:
        log = commit(m, crime)
        assert "attempting bad copy" in log, log
        assert "good copy failed" not in log and "was not stopped" not in log and "but not by the check" not in log, log
        assert re.search("usercopy: Kernel memory " + report, log), log
        assert "=STATUS=137=" in log, log
        assert re.search(r" copy_twice\+0x", log), log
    m.run("cat /proc/meminfo > /dev/null")


def test_off_means_off(quire):
    """hardened_usercopy=off: the same mistake goes by. What the test above sees is the check's work."""
    m = boot(quire, "hardened_usercopy=off")
    assert "was not stopped" in commit(m, "USERCOPY_SLAB_SIZE_TO")


def test_a_bad_word_changes_nothing(quire):
    """hardened_usercopy= knows on and off; else one line, and the check stays on."""
    m = boot(quire, "hardened_usercopy=perhaps")
    assert "hardened_usercopy=perhaps: on or off; it stays on" in m.log
    assert "usercopy: Kernel memory exposure attempt" in commit(m, "USERCOPY_SLAB_SIZE_TO")


def test_oops_panic(quire):
    """With oops=panic it is the end."""
    m = boot(quire, "oops=panic")
    m.sendline(f"echo USERCOPY_KERNEL > {CRASH}")
    m.wait()
    assert "usercopy: Kernel memory exposure" in m.log and "Kernel panic - not syncing" in m.log, m.tail()
