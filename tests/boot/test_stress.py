"""Debian's stress-ng, unpacked from its packages (tools/debroot.py), with --verify: each stressor does its work and finds it done right."""
import os
import re
import subprocess

import machine
import pytest

# Each with the number of operations after which it is done. All of a group run at once and compete.
# Left out: vm-segv and ptrace (there is no ptrace: vm-segv stops its child and never sees it go on), userfaultfd, and what
# stress-ng itself calls pathological.
MAPPING = {"mmap": 4, "mmapaddr": 200, "mmapfixed": 500, "mmapfork": 2, "mremap": 10, "vm": 20, "vm-addr": 2, "vm-rw": 4, "brk": 5000,
           "malloc": 5000, "mincore": 200, "mlock": 100, "mprotect": 50, "msync": 50, "munmap": 20, "pagemove": 2,
           "remap": 2, "rmap": 20, "shm": 4, "shm-sysv": 4, "memfd": 4, "seal": 100, "fault": 200, "stack": 50, "stackmmap": 4}
PROCESSES = {"fork": 60, "vfork": 200, "clone": 40, "zombie": 40, "exit-group": 20, "spawn": 5, "wait": 20, "sigsegv": 500, "sigq": 200,
             "signal": 500, "switch": 500, "schedpolicy": 100, "affinity": 100, "yield": 1000, "nanosleep": 20, "itimer": 50, "rlimit": 50}
THREADS = {"pthread": 60, "mutex": 200, "futex": 500, "pipe": 500, "poll": 50, "eventfd": 200, "timerfd": 20, "sem": 500, "membarrier": 20,
           "tlb-shootdown": 4, "memthrash": 2, "ring-pipe": 50, "sigfd": 200, "fifo": 100, "dekker": 100}
MEMORY = "128m"         # of each stressor that asks how much it may take


@pytest.fixture(scope="module")
def stress(tmp_path_factory):
    """A machine with stress-ng and its libraries."""
    root = str(tmp_path_factory.mktemp("stress"))
    made = subprocess.run([os.path.join(machine.ROOT, "tools/debroot.py"), "--output", root, "--cache", os.path.join(machine.BUILD, "debs"),
                           "--only", "usr/bin/*", "stress-ng"], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip("stress-ng's packages cannot be had here: " + made.stderr.strip().splitlines()[-1])
    with machine.Machine(mem="1G", cmdline="panic=-1", initramfs=machine.cpio_bytes(machine.archive(overlay=root))) as one:
        one.prompt()
        yield one


def together(stress, group):
    """Run one worker of each stressor, all at once, until each has done its operations; stress-ng must find no fault in any."""
    words = " ".join(f"--{name} 1 --{name}-ops {ops}" for name, ops in group.items())
    out = stress.run(f"stress-ng {words} --vm-bytes {MEMORY} --mmap-bytes {MEMORY} --verify --metrics -t 100", timeout=120)
    assert "successful run completed" in out, out
    assert not re.search(r"stress-ng: (fail|error|warn):|skipped|not supported", out), out
    done = {name: int(ops) for name, ops in re.findall(r"metrc:\s+\[\d+\]\s+([a-z-]+)\s+(\d+)\s", out)}
    short = {name: (done.get(name), ops) for name, ops in group.items() if done.get(name, 0) < ops}
    assert not short, f"operations done and wanted: {short}\n{out}"


def test_mappings(stress):
    """mmap and its family, faults, shared memory, each beside all others."""
    together(stress, MAPPING)


def test_processes(stress):
    """Processes that come and go, signals, scheduling."""
    together(stress, PROCESSES)


def test_threads(stress):
    """Threads, futexes and what passes between them."""
    together(stress, THREADS)
