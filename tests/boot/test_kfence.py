"""KFENCE (docs/debugging.md) from outside: the pool follows the machine's size and the command line, its files are Linux's, and a
machine that takes a sample every millisecond runs programs as ever. What it reports is the in-kernel suite's subject."""
import re

import pytest

DEBUG = "/sys/kernel/debug"
PARAMETERS = "/sys/module/kfence/parameters"


def boot(quire, words="", **knobs):
    m = quire(cmdline=words + " panic=-1", **knobs)
    m.prompt()
    m.run(f"grep -q debugfs /proc/mounts || mount -t debugfs none {DEBUG}")
    return m


def stats(m):
    return {k: int(v) for k, v in re.findall(r"^([a-z][^:\r\n]*): (\d+)", m.run(f"cat {DEBUG}/kfence/stats"), re.M)}


@pytest.mark.parametrize("mem,line", [
    ("16M", r"kfence: off: less than 32 MiB of memory"),
    ("64M", r"kfence: initialized - using 122880 bytes for 14 objects at 0x[0-9a-f]+-0x[0-9a-f]+"),
    ("1G", r"kfence: initialized - using 2088960 bytes for 254 objects at 0x[0-9a-f]+-0x[0-9a-f]+"),
    ("2G", r"kfence: initialized - using 2097152 bytes for 255 objects at 0x[0-9a-f]+-0x[0-9a-f]+"),
])
def test_pool_follows_the_machine(quire, mem, line):
    """A 512th of the memory, at most Linux's 255 objects, and nothing on the smallest."""
    m = boot(quire, mem=mem)
    assert re.search(line, m.log), m.log[:6000]
    assert stats(m)["enabled"] == (mem != "16M")


@pytest.mark.parametrize("words,line", [
    ("kfence.sample_interval=never", "kfence.sample_interval=never: not a number from 0 to 3600000; ignored"),
    ("kfence.sample_interval=-1", "kfence.sample_interval=-1: not a number"),
    ("kfence.num_objects=0", "kfence.num_objects=0: not a number from 1 to 65535; ignored"),
    ("kfence.num_objects=65535", r"kfence: off: no 524288 KiB for 65535 objects"),
    ("kfence.skip_covered_thresh=101", "kfence.skip_covered_thresh=101: not a number from 0 to 100; ignored"),
    ("kfence.deferrable=perhaps", "kfence.deferrable=perhaps: not one of"),
])
def test_bad_words(quire, words, line):
    m = boot(quire, words)
    assert re.search(line, m.log), m.log[:6000]


def test_off(quire):
    m = boot(quire, "kfence.sample_interval=0")
    assert "kfence: initialized" not in m.log
    assert stats(m) == {"enabled": 0} | {k: 0 for k in list(stats(m))[1:]}
    m.run(f"echo 10 > {PARAMETERS}/sample_interval", status=1)


@pytest.mark.parametrize("words", ["", "kfence.deferrable=1", "slub_debug=FZPU"])
def test_samples_every_millisecond(quire, words):
    """Programs on 4 CPUs, and no report; the files tell what was sampled."""
    m = boot(quire, "kfence.sample_interval=1 kfence.num_objects=63 " + words, cpus=4)
    assert "using 524288 bytes for 63 objects" in m.log
    before = stats(m)
    m.run("sh -c 'for i in 1 2 3 4 5 6 7 8; do (ls -lR /bin > /dev/null; seq 1000 | sort > /tmp/s$i) & done; wait'", timeout=120)
    after = stats(m)
    assert list(after) == ["enabled", "currently allocated", "total allocations", "total frees", "zombie allocations", "total bugs",
                           "skipped allocations (incompatible)", "skipped allocations (capacity)", "skipped allocations (covered)"]
    assert after["enabled"] == 1 and after["total bugs"] == 0
    assert after["total allocations"] > before["total allocations"] + 10
    assert after["total allocations"] - after["total frees"] <= 63
    objects = m.run(f"cat {DEBUG}/kfence/objects").replace("\r", "")
    assert objects.count("---------------------------------\n") == 63
    assert re.search(r"kfence-#\d+: 0xffff[0-9a-f]{12}-0xffff[0-9a-f]{12}, size=\d+, cache=\S+\n\n"
                     r"allocated by task \d+ on cpu \d at \d+\.\d{6}s \(\d+\.\d{6}s ago\):\n (?:\S+\+0x)", objects), objects[:3000]


def test_parameters(quire):
    m = boot(quire, "kfence.sample_interval=1")
    assert m.run(f"cat {PARAMETERS}/sample_interval").split() == ["1"]
    m.run(f"echo 0 > {PARAMETERS}/sample_interval")
    assert stats(m)["enabled"] == 0
    still = stats(m)["total allocations"]
    m.run("ls /bin > /dev/null; sleep 1; ls / > /dev/null")
    assert stats(m)["total allocations"] == still
    m.run(f"echo 5 > {PARAMETERS}/sample_interval")
    m.run("for i in 1 2 3 4 5 6 7 8; do sleep 0.1; ls / > /dev/null; done")
    assert stats(m)["total allocations"] > still
    for name, value in (("sample_interval", "x"), ("sample_interval", "4000000"), ("skip_covered_thresh", "101")):
        m.run(f"echo {value} > {PARAMETERS}/{name}", status=1)
    m.run(f"echo 50 > {PARAMETERS}/skip_covered_thresh")
    assert m.run(f"cat {PARAMETERS}/skip_covered_thresh {PARAMETERS}/deferrable").split() == ["50", "N"]
