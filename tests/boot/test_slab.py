"""Slab: slub_debug= and the other words, /sys/kernel/slab, /proc/slabinfo as procps reads it, merging, failslab. What the options find is
proven in suite slab_debug; here they run under everything else and must be silent."""
import os
import re
import shutil
import subprocess

import machine
import pytest

SLAB = "/sys/kernel/slab"
DEBUG = "/sys/kernel/debug"
FAIL = DEBUG + "/failslab"
# Reports that a test did not commit itself: those of the suites slab and slab_debug carry these names.
REPORT = re.compile(r"BUG (?!test_|kmalloc \()\S+ \(|FIX (?!test_|kmalloc:)\S+:")

# Linux 6.1's, those that need nothing that Quire has not.
RO = ["aliases", "align", "cache_dma", "cpu_slabs", "ctor", "destroy_by_rcu", "hwcache_align", "object_size", "objects",
      "objects_partial", "objs_per_slab", "order", "partial", "poison", "reclaim_account", "red_zone", "sanity_checks", "slab_size",
      "slabs", "slabs_cpu_partial", "store_user", "total_objects", "trace", "usersize"]
RW = ["cpu_partial", "failslab", "min_partial", "remote_node_defrag_ratio", "shrink", "validate"]


def boot(quire, words="", **knobs):
    m = quire(cmdline=words + " panic=-1 kfence.sample_interval=0", **knobs)
    m.prompt()
    m.run(f"grep -q debugfs /proc/mounts || mount -t debugfs none {DEBUG}")
    return m


def silent(m):
    trouble = REPORT.search(m.log)
    assert not trouble, m.log[trouble.start():][:3000]


def suites(quire, words, **knobs):
    m = quire(cmdline=words + " panic=-1 kfence.sample_interval=0", timeout=400, **knobs)
    status = m.wait()
    passed, failed, _, complete = machine.count_ktap(m.log)
    if status != machine.PASS or failed or not passed or not complete:
        m.fail(f"status {status}, {passed} passed, failed: {failed}")
    silent(m)
    return m.log


def slabinfo(m):
    """=> {name: [active_objs, num_objs, objsize, objperslab, pagesperslab, active_slabs, num_slabs]}."""
    text = m.run("cat /proc/slabinfo").replace("\r", "")
    lines = text.splitlines()
    assert lines[0] == "slabinfo - version: 2.1"
    assert lines[1] == ("# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> "
                        "<sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>")
    result = {}
    for line in lines[2:]:
        match = re.match(r"^(\S+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) : tunables +0 +0 +0 : slabdata +(\d+) +(\d+) +0$", line)
        assert match, line
        result[match.group(1)] = [int(n) for n in match.groups()[1:]]
    return result


def attributes(m, cache):
    """=> {attribute: text} of a cache's directory."""
    text = m.run(f"cd {SLAB}/{cache} && grep '' * 2>/dev/null; cd /", status=None).replace("\r", "")
    return dict(line.split(":", 1) for line in text.splitlines() if re.match(r"^[a-z_]+:", line))


def number(text):
    """The total of "total N0=n N1=n", which must be the sum of the nodes."""
    total, *nodes = text.split()
    assert int(total) == sum(int(n.split("=")[1]) for n in nodes), text
    return int(total)


# ---- everything under slub_debug ----

def test_all_suites_under_slub_debug(quire):
    """Every in-kernel suite with all options for all caches, on four processors and two nodes: nothing fails, no report."""
    suites(quire, "selftest slub_debug=FZPU", cpus=4, nodes=2, mem="1G")


@pytest.mark.parametrize("letters", ["F", "Z", "P", "U", "FO", "-"])
def test_suites_under_one_option(quire, letters):
    suites(quire, f"selftest=slab,slab_debug,percpu,vmalloc,rcu slub_debug={letters}", cpus=2)


@pytest.mark.parametrize("programs", ["[a-eg-s]*", "f[i-z]*", "t[it]*", "v*"])
def test_programs_under_slub_debug(quire, programs):
    """The user suites; but failnth allows each operation 128 pages, and the thread suites' limits in seconds are for the fast path."""
    m = quire(cmdline=f"slub_debug panic=-1 tests={programs}", initramfs="test", cpus=4, mem="1G", timeout=500)
    status = m.wait()
    passed, failed, _, complete = machine.count_ktap(m.log)
    if status != machine.POWER_OFF or failed or not passed or not complete:
        m.fail(f"status {status}, {passed} passed, failed: {failed}")
    silent(m)


def test_small_machine_under_slub_debug(quire):
    """16 MiB are enough for a shell, with every object three times as large."""
    m = boot(quire, "slub_debug=FZP", mem="16M")
    m.run("sh -c 'for i in 1 2 3 4 5 6 7 8; do (true) & done; wait'")
    silent(m)


def test_shell_and_files_under_slub_debug(quire):
    """A storm of shells; every cache then validates, and alloc_traces accounts for each object that slabinfo counts."""
    m = boot(quire, "slub_debug=FZPU", cpus=4)
    m.run("for i in $(seq 20); do (for j in 1 2 3 4; do (ls -lR /proc/self/ | sort >/dev/null 2>&1) & done; wait) & done; wait", timeout=200)
    m.run(f"for c in {SLAB}/*; do echo 1 > $c/validate || echo bad $c; echo 1 > $c/shrink; done", timeout=60)
    silent(m)
    info = slabinfo(m)
    assert attributes(m, "kmalloc-64")["sanity_checks"] == "1"
    for cache in ("pid", "dentry", "vm_area_struct"):
        text = m.run(f"cat {DEBUG}/slab/{cache}/alloc_traces").replace("\r", "")
        entries = re.findall(r"^ *(\d+) (\S+) age=\d+(?:/\d+/\d+)? pid=\d+(?:-\d+)? cpus=[\d,-]+\n((?:        \S+\+0x\S+\n)+)\n", text, re.M)
        assert entries, (cache, text)
        counts = [int(e[0]) for e in entries]
        assert counts == sorted(counts, reverse=True)
        assert abs(sum(counts) - info[cache][0]) < 64, (cache, sum(counts), info[cache])
        assert "kmem_cache_alloc" in text or "kmalloc" in text
    assert re.search(r"^ *\d+ \S+\+0x", m.run(f"cat {DEBUG}/slab/pid/free_traces"), re.M)


def test_some_caches_only(quire):
    """Parts of the word: options for named caches, for a pattern, and for the rest; empty parts say nothing."""
    m = boot(quire, "slub_debug=F,kmalloc-64,pid*;;ZP,dentry;")
    flags = ("sanity_checks", "red_zone", "poison", "store_user")
    seen = {c: [attributes(m, c)[f] for f in flags] for c in ("kmalloc-64", "pid", "dentry", "kmalloc-128")}
    assert seen == {"kmalloc-64": ["1", "0", "0", "0"], "pid": ["1", "0", "0", "0"], "dentry": ["0", "1", "1", "0"],
                    "kmalloc-128": ["0", "0", "0", "0"]}
    m.run(f"echo 1 > {SLAB}/pid/validate")
    m.run(f"echo 1 > {SLAB}/kmalloc-128/validate", status=1)
    m.run(f"ls {DEBUG}/slab/kmalloc-64", status=1)
    silent(m)


def test_words_without_debugging(quire):
    m = boot(quire, "slub_debug=-")
    assert attributes(m, "kmalloc-64")["sanity_checks"] == "0"
    assert m.run(f"ls {DEBUG}/slab").strip() == ""


def test_bad_words_are_refused_one_line_each(quire):
    words = ["slub_debug=FxQ,pid", "slub_min_order=11", "slub_max_order=-1", "slub_min_objects=0", "slub_min_objects=many",
             "failslab=1,2,3"]
    m = boot(quire, " ".join(words))
    for line in ("slub_debug option 'x' unknown. skipped", "slub_debug option 'Q' unknown. skipped",
                 "slub_min_order=11: not a number from 0 to 10; ignored", "slub_max_order=-1: not a number from 0 to 10; ignored",
                 "slub_min_objects=0: not a number from 1 to 32767; ignored", "slub_min_objects=many: not a number from 1 to 32767; ignored",
                 "failslab=1,2,3: not interval,probability,space,times; off"):
        assert m.log.count(line) == 1, line
    assert attributes(m, "pid")["sanity_checks"] == "1"
    long = boot(quire, "slub_debug=F," + "a" * 210)
    assert "longer than 199 characters; ignored" in long.log


def test_order_words(quire):
    """Orders and objects of slabs follow the words."""
    m = boot(quire, "slub_min_order=2 slub_max_order=4 slub_min_objects=64")
    for cache in ("kmalloc-8", "kmalloc-64", "kmalloc-192", "kmalloc-512", "kmalloc-8k", "dentry"):
        a = attributes(m, cache)
        order, size, objects = int(a["order"]), int(a["slab_size"]), int(a["objs_per_slab"])
        assert 2 <= order <= 4 and objects == (4096 << order) // size, a
        assert objects >= 64 or order == 4, a
    assert "SLUB: HWalign=64, Order=2-4, MinObjects=64, CPUs=2, Nodes=1" in m.log
    m = boot(quire, "slub_max_order=0")
    assert int(attributes(m, "kmalloc-1k")["order"]) == 0


# ---- what is found ----

OWNERS = [r"Allocated in lkdtm_\w+\+0x\S+ age=\d+ cpu=\d+ pid=\d+\n", r" (?:kmem_cache_alloc|kmalloc_trace)\+0x", r" lkdtm_\w+\+0x", r" direct_write\+0x",
          r"Freed in "]
CRIMES = {
    "SLAB_LINEAR_OVERFLOW": [r"BUG kmalloc-1k \(Not tainted\): Right Redzone overwritten", r"First byte 0x78 instead of 0xcc", OWNERS[:4],
                             r"Redzone  ffff888[0-9a-f]{9}: 78 56 34 12 cc cc cc cc", r"FIX kmalloc-1k: Restoring Right Redzone 0x",
                             r"FIX kmalloc-1k: Object at 0xffff888[0-9a-f]{9} not freed"],
    "WRITE_AFTER_FREE": [r"BUG kmalloc-1k \(Not tainted\): Poison overwritten", r"First byte 0xf0 instead of 0x6b", OWNERS,
                         r"Object   ffff888[0-9a-f]{9}: 6b 6b 6b 6b f0 de bc 0a 6b", r"FIX kmalloc-1k: Marking all objects used"],
    "READ_AFTER_FREE": [r"lkdtm: Memory correctly poisoned \(6b6b6b6b\)"],
    "SLAB_FREE_DOUBLE": [r"BUG lkdtm-heap-double_free \(Not tainted\): Object already free", OWNERS, r"Call Trace:",
                         r" lkdtm_slab_free_double\+0x", r"FIX lkdtm-heap-double_free: Object at 0x\S+ not freed"],
    "SLAB_FREE_CROSS": [r"BUG lkdtm-heap-b \(Not tainted\): Wrong slab cache. lkdtm-heap-b but object is from lkdtm-heap-a", OWNERS[:4],
                        r"Call Trace:", r" lkdtm_slab_free_cross\+0x"],
    "SLAB_FREE_PAGE": [r"BUG kmalloc \(Not tainted\): kfree of an address that kmalloc did not return", r"is in no slab"],
}


@pytest.mark.parametrize("crime", CRIMES)
def test_crime_is_reported(quire, crime):
    """A bug committed on demand: Linux's report, with the owners' stacks; the shell goes on."""
    m = boot(quire, "slub_debug=FZPU", cpus=1)
    m.run(f"echo {crime} > {DEBUG}/provoke-crash/DIRECT")
    at, log = 0, m.log.replace("\r", "")
    log = re.sub(r"(?m)^\[ *\d+\.\d+\] ?", "", log)
    for pattern in CRIMES[crime]:
        for part in [pattern] if isinstance(pattern, str) else pattern:
            found = re.compile(part).search(log, at)
            assert found, f"no {part!r} behind\n" + log[max(0, at - 800):][:4000]
            at = found.end()
    m.run("ls -lR /proc/self >/dev/null 2>&1", status=None)
    m.run("true")


def test_crimes_without_options(quire):
    """What costs nothing to see is seen always: double free, wrong cache, a page that is no object. The rest goes by."""
    m = boot(quire, "", cpus=1)
    for crime in CRIMES:
        m.run(f"echo {crime} > {DEBUG}/provoke-crash/DIRECT")
    assert re.findall(r"BUG (\S+) \(", m.log) == ["lkdtm-heap-double_free", "lkdtm-heap-b", "kmalloc"]
    assert "lkdtm: FAIL: Memory was not poisoned!" in m.log
    m.run("ls -lR /proc/self >/dev/null 2>&1", status=None)
    m.run("true")


# ---- /sys/kernel/slab, /proc/slabinfo ----

def test_attributes_are_those_of_linux(quire):
    """Every file of every cache can be read; names, modes and values are right and agree with slabinfo."""
    m = boot(quire, "slab_nomerge", nodes=2, cpus=4)
    listing = m.run(f"ls -l {SLAB}/kmalloc-64").replace("\r", "")
    modes = {name: mode for mode, name in re.findall(r"^-(\S{9}) .* (\w+)$", listing, re.M)}
    assert modes == {**{n: "r--------" for n in RO}, **{n: "rw-------" for n in RW}}
    m.run(f"for f in {SLAB}/*/*; do cat $f >/dev/null || echo $f; done", timeout=120)
    m.run(f"echo 1 > {SLAB}/kmalloc-64/shrink")
    info = slabinfo(m)
    assert sorted(info) == sorted(m.run(f"ls -1 {SLAB}").split())
    for cache, (active, objs, size, per_slab, pages, _, slabs) in info.items():
        if cache not in ("kmalloc-64", "kmalloc-8k", "mm_struct", "kmem_cache_node", "sighand_cache", "dentry"):
            continue
        a = attributes(m, cache)
        assert (int(a["slab_size"]), int(a["objs_per_slab"]), 1 << int(a["order"])) == (size, per_slab, pages)
        assert abs(number(a["total_objects"]) - objs) <= 4 * per_slab and abs(number(a["objects"]) - active) <= 4 * per_slab
        assert number(a["slabs"]) >= number(a["partial"]) and number(a["total_objects"]) >= number(a["objects"])
        assert number(a["objects_partial"]) <= number(a["partial"]) * per_slab
        assert int(a["object_size"]) <= size and int(a["align"]) and size % int(a["align"]) == 0
        assert re.match(r"^\d+\(\d+\)( C\d+=\d+\(\d+\))*$", a["slabs_cpu_partial"])
        assert a["destroy_by_rcu"] == ("1" if cache == "sighand_cache" else "0")
        assert a["reclaim_account"] == ("1" if cache == "dentry" else "0")
        assert a["cpu_slabs"].split()[0].isdigit() and a["remote_node_defrag_ratio"] == "100"
        assert a["aliases"] == "0"


def test_attributes_can_be_written(quire):
    m = boot(quire, "slab_nomerge")
    c = f"{SLAB}/kmalloc-256"
    m.run(f"echo 9 > {c}/min_partial; echo 0 > {c}/cpu_partial; echo 50 > {c}/remote_node_defrag_ratio; echo 1 > {c}/failslab")
    assert m.run(f"cat {c}/min_partial {c}/cpu_partial {c}/remote_node_defrag_ratio {c}/failslab").split() == ["9", "0", "50", "1"]
    m.run("ls -lR /proc/self >/dev/null 2>&1", status=None)
    assert attributes(m, "kmalloc-256")["slabs_cpu_partial"] == "0(0)"
    m.run(f"echo 30 > {c}/cpu_partial; echo 0 > {c}/failslab")
    for name, bad in (("min_partial", "x"), ("min_partial", "-1"), ("cpu_partial", "99999999"), ("remote_node_defrag_ratio", "101"),
                      ("shrink", "2"), ("validate", "0"), ("validate", "1"), ("failslab", "maybe"), ("order", "1"), ("slabs", "1")):
        m.run(f"echo {bad} > {c}/{name}", status=1)
    assert m.run(f"cat {c}/min_partial {c}/cpu_partial").split() == ["9", "30"]


def test_shrink_gives_pages_back(quire):
    """Objects of a burst are freed; shrink leaves no more slabs than the objects in use need, give or take what is scattered."""
    m = boot(quire, "slab_nomerge")
    c = f"{SLAB}/dentry"
    m.run("mkdir /tmp/d; cd /tmp/d; for i in $(seq 600); do : > f$i; done; cd /; rm -rf /tmp/d", timeout=120)
    m.run(f"echo 1 > {c}/shrink")
    a = attributes(m, "dentry")
    assert number(a["slabs"]) * int(a["objs_per_slab"]) == number(a["total_objects"])
    assert number(a["slabs"]) == number(a["partial"]) + number(a["cpu_slabs"]) + (number(a["objects"]) - number(a["objects_partial"])) \
        // int(a["objs_per_slab"]) or number(a["cpu_slabs"]) > 0


def test_merged_caches_are_links(quire):
    """Names of like caches lead to one directory; aliases counts them; slab_nomerge gives each its own."""
    m = boot(quire, "")
    names = m.run(f"ls -1 {SLAB}").split()
    links = dict(re.findall(r" (\S+) -> (\S+)", m.run(f"ls -l {SLAB}").replace("\r", "")))
    dirs = [n for n in names if n.startswith(":")]
    assert dirs and set(links.values()) == set(dirs)
    for directory in dirs:
        assert re.match(r"^:(?:[daA]+-)?\d{7}$", directory)
        linked = [n for n, d in links.items() if d == directory]
        assert int(attributes(m, directory)["aliases"]) == len(linked) - 1, (directory, linked)
    assert max(int(attributes(m, d)["aliases"]) for d in dirs) >= 1, "no two caches are alike"
    info = slabinfo(m)
    assert len(info) < len(names) - len(dirs), "an alias has a line of its own"
    m = boot(quire, "slab_nomerge")
    alone = m.run(f"ls -1 {SLAB}").split()
    assert not [n for n in alone if n.startswith(":")]
    assert set(n for n in names if not n.startswith(":")) == set(alone) == set(slabinfo(m))


@pytest.mark.skipif(not shutil.which("slabtop"), reason="needs procps' slabtop")
def test_slabtop_reads_slabinfo(quire):
    """Debian's own slabtop, with its libraries, inside."""
    tool = shutil.which("slabtop")
    libs = re.findall(r"(/\S+\.so\S*)", subprocess.run(["ldd", tool], capture_output=True, text=True, check=True).stdout)
    files = {}
    for path in [tool] + libs:
        with open(os.path.realpath(path), "rb") as f:
            files[path] = (f.read(), 0o755)
    m = boot(quire, "", initramfs=machine.cpio_bytes(machine.archive(files=files)))
    text = m.run("TERM=vt100 slabtop -o").replace("\r", "")
    match = re.search(r"Active / Total Objects \(% used\) +: (\d+) / (\d+) \(", text)
    assert match, text
    info = slabinfo(m)
    assert abs(int(match.group(2)) - sum(v[1] for v in info.values())) < 500
    assert re.search(r"^ *OBJS +ACTIVE +USE +OBJ SIZE +SLABS +OBJ/SLAB +CACHE SIZE +NAME", text, re.M), text
    assert re.search(r"^ *\d+ +\d+ +\d+% +\d+\.\d+K +\d+ +\d+ +\d+K +\S*kmalloc-64", text, re.M), text


# ---- failslab ----

def test_failslab_files(quire):
    m = boot(quire, "")
    shown = {name: m.run(f"cat {FAIL}/{name}").strip() for name in m.run(f"ls {FAIL}").split()}
    assert shown == {"probability": "0", "interval": "1", "times": "1", "space": "0", "verbose": "2", "task-filter": "N",
                     "ignore-gfp-wait": "Y", "cache-filter": "N"}
    m.run(f"echo 101 > {FAIL}/probability", status=1)


def test_one_cache_fails(quire):
    """cache-filter: only the cache that is marked; its users get ENOMEM, the others nothing."""
    m = boot(quire, "slab_nomerge")
    m.run(f"echo 1 > {SLAB}/filp/failslab; cd {FAIL}; echo N > ignore-gfp-wait; echo Y > cache-filter; echo -1 > times; "
          "echo 0 > verbose; echo Y > task-filter; echo 100 > probability; cd /")
    assert "out of memory" in m.run("sh -c 'echo 1 > /proc/self/make-it-fail; exec cat /proc/version' 2>&1", status=None).lower() \
        or "cannot allocate" in m.run("sh -c 'echo 1 > /proc/$$/make-it-fail; cat /proc/version' 2>&1", status=None).lower()
    m.run(f"echo 0 > {FAIL}/probability; cat /proc/version")


def test_programs_survive_failing_objects(quire):
    """Marked programs whose kernel objects fail to be allocated by chance: calls fail, programs end, the kernel neither stops nor loses
    memory; under slub_debug no error path frees twice or uses what it freed."""
    with open(machine.BUILD + "/initramfs-test.cpio", "rb") as f:
        arch = machine.parse_cpio(f.read())
    arch.entries.pop("etc/rc", None)
    m = boot(quire, "slub_debug=FZP", initramfs=machine.cpio_bytes(arch), mem="512M", timeout=400)
    m.run(f"cd {FAIL}; echo N > ignore-gfp-wait; echo 1000000000 > times; echo 0 > verbose; echo Y > task-filter; cd /tmp")
    run = ("for t in fork_cow anon_map mmap_edge threads pipes files exec; do timeout -s KILL 60 "
           "sh -c 'echo 1 > /proc/$$/make-it-fail; exec /tests/$0' $t >/dev/null 2>&1; done")
    m.run("/tests/pipes >/dev/null")
    m.run("sync; rm -rf /tmp/*; sleep 1")
    before = m.meminfo()
    for percent in (1, 10):
        m.run(f"echo {percent} > {FAIL}/probability")
        m.run(run, timeout=280, status=None)
        m.run("for i in $(seq 40); do sh -c 'echo 1 > /proc/$$/make-it-fail; ls -lR /proc/self/ | sort' >/dev/null 2>&1; done", timeout=120,
              status=None)
    m.run(f"echo 0 > {FAIL}/probability")
    assert int(m.run(f"cat {FAIL}/times")) < 1000000000 - 100, "hardly an allocation failed"
    m.run("rm -rf /tmp/*; sleep 1")
    after = m.meminfo()
    assert after["MemFree"] > before["MemFree"] - 6144, (before, after)
    m.run("/tests/pipes >/dev/null")
    silent(m)
