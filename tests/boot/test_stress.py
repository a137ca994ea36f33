"""Debian's stress-ng, unpacked from its packages (tools/debroot.py), with --verify: each stressor does its work and finds it done right."""
import os
import re
import subprocess

import machine
import pytest

# Each with the number of operations after which it is done. All of a group run at once and compete.
# Left out: vm-segv and ptrace (there is no ptrace: vm-segv stops its child and never sees it go on), userfaultfd, and what
# stress-ng itself calls pathological.
MAPPING = {"mmap": 1, "mmapaddr": 20, "mmapfixed": 10, "mremap": 1, "vm": 5, "vm-addr": 1, "vm-rw": 1, "brk": 100, "malloc": 500,
           "mincore": 50, "mlock": 10, "mprotect": 10, "msync": 10, "munmap": 2, "pagemove": 1, "remap": 1, "rmap": 5, "shm": 1,
           "shm-sysv": 1, "memfd": 1, "seal": 20, "fault": 50, "stackmmap": 1}
PROCESSES = {"fork": 10, "vfork": 20, "clone": 10, "futex": 50, "pipe": 50, "sigsegv": 100, "mutex": 20}
# How much memory is taken by each stressor that asks.
BYTES = {"mmap": "4m", "vm": "8m", "vm-rw": "4m", "mremap": "4m", "malloc": "1m", "shm": "1m", "memfd": "8m", "pagemove": "4m"}


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
    words += "".join(f" --{name}-bytes {size}" for name, size in BYTES.items() if name in group)
    out = stress.run(f"stress-ng {words} --verify --metrics -t {int(100 * machine.scale())}", timeout=120)
    assert "successful run completed" in out, out
    assert not re.search(r"stress-ng: (fail|error|warn):|skipped|not supported", out), out
    done = {name: int(ops) for name, ops in re.findall(r"metrc:\s+\[\d+\]\s+([a-z-]+)\s+(\d+)\s", out)}
    short = {name: (done.get(name), ops) for name, ops in group.items() if done.get(name, 0) < ops}
    assert not short, f"operations done and wanted: {short}\n{out}"


def test_mappings(stress):
    """mmap and its family, faults, shared memory, each beside all others."""
    together(stress, MAPPING)


def test_processes(stress):
    """Processes and threads that come and go, and what passes between them."""
    together(stress, PROCESSES)
