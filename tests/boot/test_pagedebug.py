"""The tools that find faults early (docs/debugging.md), each with its word on the command line: they find what is done wrong on purpose, and
everything that is right still works under all of them together."""
import re

import machine
import pytest

ALL = "page_owner=on page_poison=1 page_table_check=on debug_pagealloc=on page_alloc.shuffle=1 panic=-1"
DEBUG = "/sys/kernel/debug"
CRASH = DEBUG + "/provoke-crash/DIRECT"
FAIL = DEBUG + "/fail_page_alloc"


def in_order(log, patterns):
    """Every pattern, in this order."""
    at = 0
    for pattern in patterns:
        found = re.compile(pattern).search(log, at)
        assert found, f"the log has no {pattern!r} behind\n" + log[max(0, at - 1500):][:4000]
        at = found.end()


def boot(quire, words, **knobs):
    m = quire(cmdline=words + " panic=-1 kfence.sample_interval=0", **knobs)
    m.prompt()
    m.run(f"grep -q debugfs /proc/mounts || mount -t debugfs none {DEBUG}")
    return m


def suites(quire, words, **knobs):
    """Boot into in-kernel suites that must all pass => the log."""
    m = quire(cmdline=words + " panic=-1 kfence.sample_interval=0", timeout=240, **knobs)
    status = m.wait()
    passed, failed, _, complete = machine.count_ktap(m.log)
    if status != machine.PASS or failed or not passed or not complete:
        m.fail(f"status {status}, {passed} passed, failed: {failed}")
    return m.log


def skipped(log):
    return set(re.findall(r"ok \d+ (\w+) # SKIP", log))


# ---- all at once ----

def test_suites_pass_under_all_tools(quire):
    """The allocator's, slab's and the page tables' own suites with every tool on: no false alarm, nothing else breaks."""
    log = suites(quire, "selftest=pagedebug,buddy,slab,vmalloc,pgtable,pgperm,percpu " + ALL, cpus=4)
    assert not re.search(r"pagealloc: (?:memory corruption|single bit)|page_table_check:", log)
    assert skipped(log) & {"freed_page_cannot_be_touched", "page_owner_knows_who_and_from_where", "checker_counts_entries"} == set()


@pytest.mark.parametrize("words,case", [
    ("page_poison=1", "poison_sees_use_after_free"),
    ("init_on_alloc=1", "init_on_alloc_and_free_leave_no_old_bytes"),
    ("init_on_free=1", "init_on_alloc_and_free_leave_no_old_bytes"),
])
def test_one_tool(quire, words, case):
    """A tool alone: its case runs and passes."""
    log = suites(quire, "selftest=pagedebug " + words)
    assert case not in skipped(log)
    if words == "page_poison=1":
        in_order(log, ["pagealloc: single bit error", r"1 bytes from offset 0x4d2", "000004d2: ba", "poison_sees_use_after_free"])


def test_two_nodes_under_page_owner(quire):
    """Records lie on two nodes, with a hole between: every page has one."""
    log = suites(quire, "selftest=pagedebug page_owner=on page_alloc.shuffle=1", nodes=2, mem="600M")
    assert "page_ext_has_a_record_for_each_page" not in skipped(log)


@pytest.mark.parametrize("mem", ["16M", "5G"])
def test_sizes(quire, mem):
    """Smallest and above 4 GiB: the tools' memory is found, or the tool says that it is off."""
    m = boot(quire, "page_owner=on page_table_check=on", mem=mem)
    m.run("sh -c 'for i in 1 2 3 4 5 6 7 8; do (true) & done; wait'")
    assert "page_ext: 80 bytes for each page" in m.log


def test_programs_run_under_all_tools(quire):
    """Programs that map, fork, fault and exit, on four processors: the checker counts every entry right, nothing uses a freed page."""
    m = quire(cmdline=ALL + " tests=[fmsv][oimpt]*", initramfs="test", cpus=4, timeout=400)
    status = m.wait()
    passed, failed, _, complete = machine.count_ktap(m.log)
    if status != machine.POWER_OFF or failed or not passed or not complete:
        m.fail(f"status {status}, {passed} passed, failed: {failed}")
    trouble = re.search(machine.TROUBLE + "|pagealloc: |page_table_check: ", m.log)
    assert not trouble, m.log[trouble.start():][:3000]


def test_fork_storm_in_a_shell_under_all_tools(quire):
    """Shells that fork shells, and pages that come and go; afterwards the memory is back."""
    m = boot(quire, ALL, cpus=4)
    storm = "for i in $(seq 30); do (for j in 1 2 3 4; do (ls -lR /proc/self/ | sort >/dev/null 2>&1) & done; wait) & done; wait"
    m.run(storm, timeout=120)
    before = m.meminfo()["MemFree"]
    m.run(storm, timeout=120)
    assert m.meminfo()["MemFree"] > before - 4096


# ---- what they find ----

def test_debug_pagealloc_catches_a_read_after_free(quire):
    """A freed page is read: an oops at once, with the walk that ends in an absent entry, and with who had the page and who freed it."""
    m = boot(quire, "debug_pagealloc=on page_owner=on")
    m.sendline(f"echo READ_BUDDY_AFTER_FREE > {CRASH}")
    assert m.wait() == machine.FAIL, m.tail()
    in_order(m.log, [
        r"lkdtm: Attempting to read from freed memory",
        r"BUG: unable to handle page fault for address: ffff888[0-9a-f]{9}",
        r"#PF: supervisor read access in kernel mode",
        r"error_code\(0x0000\) - not-present page",
        r"Page walk of ffff888",
        r"PTE\[\d+\] = [0-9a-f]{16}: not present",
        r"debug_pagealloc: the page at this address is free",
        r"page_owner tracks the page as freed",
        r"page last allocated via order 0, migratetype Unmovable, gfp_mask 0x[0-9a-f]+\(GFP_KERNEL\), pid \d+, tgid \d+ \(sh\), ts \d+, free_ts \d+",
        r" read_buddy_after_free\+0x",
        r"page last free pid \d+ tgid \d+ stack trace:",
        r" read_buddy_after_free\+0x",
        r"RIP: 0010:read_buddy_after_free\+0x",
        r"Kernel panic - not syncing: Fatal exception",
    ])


def test_debug_pagealloc_catches_a_write_after_free(quire):
    """The same for a write, without page_owner."""
    m = boot(quire, "debug_pagealloc=on")
    m.sendline(f"echo WRITE_BUDDY_AFTER_FREE > {CRASH}")
    assert m.wait() == machine.FAIL, m.tail()
    in_order(m.log, [r"#PF: supervisor write access", r"debug_pagealloc: the page at this address is free",
                     r"RIP: 0010:write_buddy_after_free\+0x"])


def test_poison_reports_a_write_after_free(quire):
    """A freed page is written to: reported when it is allocated again, with offset, bytes and owner; the machine goes on."""
    m = boot(quire, "page_poison=1 page_owner=on", cpus=1)
    m.run(f"echo WRITE_BUDDY_AFTER_FREE > {CRASH}")
    in_order(m.log, [r"pagealloc: memory corruption", r"8 bytes from offset 0x88 on", r"00000088: ef be ad de 00 00 00 00",
                     r"page dumped because: pagealloc: corrupted page details", r"page_owner tracks the page as freed",
                     r"page last free pid \d+", r" write_buddy_after_free\+0x"])
    m.run("true")


def test_without_tools_nothing_is_noticed(quire):
    """The same mistakes on a normal boot go by: what the tests above see is the tools' work. Unknown names are refused."""
    m = boot(quire, "")
    assert "not poisoned" not in m.log
    m.run(f"echo READ_BUDDY_AFTER_FREE > {CRASH}")
    assert "the freed page was not poisoned" in m.log
    m.run(f"echo NO_SUCH_CRIME > {CRASH}", status=1)
    assert "READ_BUDDY_AFTER_FREE" in m.run(f"cat {CRASH}")
    m.run(f"ls {DEBUG}/page_owner", status=1)
    assert m.run("cat /sys/module/page_alloc/parameters/shuffle").strip() == "N"


RECORD = re.compile(
    r"Page allocated via order (\d+), mask 0x[0-9a-f]+\([A-Z_|0-9a-fx]+\), pid (\d+), tgid (\d+) \((.*)\), ts (\d+) ns\n"
    r"PFN 0x([0-9a-f]+) type \w+ Block (\d+) type \w+ Flags 0x[0-9a-f]+\(.*\)\n"
    r"((?: [\w.]+\+0x[0-9a-f]+/0x[0-9a-f]+\n)+)$")


def test_page_owner_file(quire):
    """Records as Linux's page_owner_sort reads them, in the order of frames, each frame once; reading on from a frame; the sum is what is used."""
    m = boot(quire, "page_owner=on", mem="64M", cpus=1)
    m.run(f"cat {DEBUG}/page_owner > /tmp/owner; wc /tmp/owner")
    counted = m.run("grep -o 'allocated via order [0-9]*' /tmp/owner | sort | uniq -c")
    used = sum(int(n) << int(order) for n, order in re.findall(r"(\d+) allocated via order (\d+)", counted))
    info = m.meminfo()
    assert abs(used * 4 - (info["MemTotal"] - info["MemFree"])) < 2048, (used * 4, info["MemTotal"] - info["MemFree"])
    text = m.run("head -c 20000 /tmp/owner", timeout=60).replace("\r", "")
    records = [r + "\n" for r in text.split("\n\n")[:-1]]
    assert len(records) > 20
    last = -1
    for record in records:
        match = RECORD.match(record)
        assert match, record
        pfn, order = int(match.group(6), 16), int(match.group(1))
        assert pfn > last and pfn % (1 << order) == 0 and int(match.group(7)) == pfn >> 9
        last = pfn + (1 << order) - 1
    assert int(m.run("grep -c '(init)\\|(sh)\\|(busybox)' /tmp/owner")) > 10
    assert "pools: " in m.run(f"cat {DEBUG}/stackdepot/stats")
    # The position is a frame: dd skips bytes by seeking.
    middle = last + 1
    text = m.run(f"dd if={DEBUG}/page_owner bs=1 skip={middle} count=0 2>/dev/null; dd if={DEBUG}/page_owner iflag=skip_bytes bs=4096 "
                 f"skip={middle} count=1 2>/dev/null").replace("\r", "")
    assert int(re.search(r"PFN 0x([0-9a-f]+)", text).group(1), 16) >= middle
    m.run(f"dd if={DEBUG}/page_owner bs=10 count=1", status=1)  # a record does not fit


def test_shuffle_is_shown(quire):
    m = boot(quire, "page_alloc.shuffle=1")
    assert m.run("cat /sys/module/page_alloc/parameters/shuffle").strip() == "Y"
    m.run("echo 0 > /sys/module/page_alloc/parameters/shuffle", status=1)


# ---- bad words ----

def test_bad_words_are_refused_one_line_each(quire):
    words = ["page_owner=maybe", "page_poison=2x", "debug_pagealloc=?", "page_alloc.shuffle=si", "init_on_alloc=7", "init_on_free=-",
             "page_table_check=sometimes", "fail_page_alloc=1,200,0,1"]
    m = boot(quire, " ".join(words))
    for word in words[:-1]:
        assert m.log.count(f"{word}: not one of 1, y, on, 0, n, off; off") == 1, word
    assert m.log.count("fail_page_alloc=1,200,0,1: probability must be 0..100; off") == 1
    assert m.run(f"cat {FAIL}/probability").strip() == "0"
    m.run(f"ls {DEBUG}/page_owner", status=1)


# ---- fault injection ----

def test_fail_page_alloc_files(quire):
    """Linux's files with Linux's defaults; what is no number or out of range is refused and changes nothing."""
    m = boot(quire, "")
    shown = {name: m.run(f"cat {FAIL}/{name}").strip() for name in m.run(f"ls {FAIL}").split()}
    assert shown == {"probability": "0", "interval": "1", "times": "1", "space": "0", "verbose": "2", "task-filter": "N",
                     "ignore-gfp-wait": "Y", "ignore-gfp-highmem": "Y", "min-order": "1"}
    for name, bad in (("probability", "101"), ("probability", "-1"), ("probability", "x"), ("times", "-2"), ("times", "2147483648"),
                      ("space", "-1"), ("interval", ""), ("task-filter", "maybe"), ("min-order", "11"), ("min-order", "1 2")):
        m.run(f"echo '{bad}' > {FAIL}/{name}", status=1)
        assert m.run(f"cat {FAIL}/{name}").strip() == shown[name]
    m.run(f"echo Y > {FAIL}/task-filter; echo 10 > {FAIL}/min-order; echo -1 > {FAIL}/times")
    assert m.run(f"cat {FAIL}/task-filter {FAIL}/min-order {FAIL}/times").split() == ["Y", "10", "-1"]
    assert m.run("cat /proc/self/make-it-fail /proc/self/fail-nth").split() == ["0", "0"]
    for bad in ("2", "-1", "x", ""):
        m.run(f"echo '{bad}' > /proc/self/make-it-fail", status=1)
    assert m.run("echo 1 > /proc/$$/make-it-fail; cat /proc/self/make-it-fail; echo 0 > /proc/$$/make-it-fail").strip() == "1"


def test_fail_page_alloc_from_the_command_line(quire):
    """times=3: three failures are forced in the boot, each with its line and its stack, and the shell comes up all the same."""
    m = boot(quire, "fail_page_alloc=1,100,0,3")
    assert m.run(f"cat {FAIL}/probability {FAIL}/times").split()[0] == "100"
    left = int(m.run(f"cat {FAIL}/times"))
    forced = m.log.count("FAULT_INJECTION: forcing a failure.")
    assert forced + left <= 3 and (forced or left == 3)


PROGRAMS = "vmstress fork_cow anon_map mmap_edge threads pipes files exec"


def test_programs_survive_failing_allocations(quire):
    """Marked programs whose page allocations fail by chance: calls fail, programs end, the kernel neither stops nor loses memory."""
    m = boot(quire, "", initramfs=initramfs_with_tests(), mem="256M", timeout=300)
    m.run(f"cd {FAIL}; echo N > ignore-gfp-wait; echo N > ignore-gfp-highmem; echo 0 > min-order; echo 1000000000 > times; "
          "echo 0 > verbose; echo Y > task-filter; cd /tmp")
    m.run("dmesg -n 3")  # whom the OOM killer ends is said at any moment, also behind the prompt that is waited for
    run = f"for t in {PROGRAMS}; do timeout -s KILL 15 sh -c 'echo 1 > /proc/$$/make-it-fail; exec /tests/$0' $t >/dev/null 2>&1; done"
    m.run("/tests/pipes >/dev/null")
    m.run("sync; rm -rf /tmp/*; sleep 1")
    before = m.meminfo()
    for percent in (1, 3, 10):
        m.run(f"echo {percent} > {FAIL}/probability")
        m.run(run, timeout=280, status=None)
    m.run(f"echo 0 > {FAIL}/probability")
    forced = 1000000000 - int(m.run(f"cat {FAIL}/times"))
    assert forced > 300, f"only {forced} requests failed: the programs end before they meet any"  # about 1100
    m.run("rm -rf /tmp/*; sleep 1")
    after = m.meminfo()
    assert after["MemFree"] > before["MemFree"] - 3072, (before, after)
    m.run("/tests/pipes >/dev/null")


def test_each_nth_allocation_of_a_fork_fails(quire):
    """fail-nth, one after the other, over a whole fork and exec: every error path in it is taken once; none leaks or stops the kernel."""
    m = boot(quire, "", mem="128M")
    m.run(f"cd {FAIL}; echo N > ignore-gfp-wait; echo N > ignore-gfp-highmem; echo 0 > min-order; echo 1 > verbose; cd /")
    m.run("true")
    before = m.meminfo()["MemFree"]
    m.run("n=1; while [ $n -le 60 ]; do sh -c 'echo $0 > /proc/$$/fail-nth; (ls /proc/1 | sort)' $n >/dev/null 2>&1; n=$((n+1)); done",
          timeout=120, status=None)
    m.run("sleep 1")
    assert m.log.count("FAULT_INJECTION: forcing a failure.") >= 10 # the rest is rate-limited
    assert m.meminfo()["MemFree"] > before - 2048


def initramfs_with_tests():
    """The test programs in /tests, and a shell."""
    with open(machine.BUILD + "/initramfs-test.cpio", "rb") as f:
        arch = machine.parse_cpio(f.read())
    arch.entries.pop("etc/rc", None)
    return machine.cpio_bytes(arch)
