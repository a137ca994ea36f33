"""The host's gdb reads a core that Quire wrote: threads, the frames of the one that died, its memory, the signal."""
import base64
import os
import re
import subprocess
import zlib

import machine


def test_gdb_reads_a_core(quire, tmp_path):
    program = str(tmp_path / "crasher")
    subprocess.run(["cc", "-g", "-O1", "-static", "-pthread", "-o", program, os.path.join(machine.ROOT, "tests", "boot", "crasher.c")],
                   check=True)
    with open(program, "rb") as f:
        initramfs = machine.archive(files={"crasher": (f.read(), 0o755)})
    m = quire(cmdline="panic=-1", initramfs=machine.cpio_bytes(initramfs))
    m.prompt()
    m.run("mkdir -p /tmp/c && cd /tmp/c && ulimit -c unlimited")
    m.run("/crasher", status=139)
    m.run("test -f core")
    text = m.run("gzip -c core | base64", timeout=60)
    packed = base64.b64decode("".join(line.strip() for line in text.splitlines()))
    core = tmp_path / "core"
    core.write_bytes(zlib.decompress(packed, 31))
    done = subprocess.run(["gdb", "-nx", "-batch", program, str(core), "-ex", "bt", "-ex", "info threads", "-ex", "p/x $r15",
                           "-ex", "x/s &said_in_core", "-ex", "p $_siginfo._sifields._sigfault.si_addr",
                           "-ex", "info auxv"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60 * machine.scale())
    said = done.stdout + done.stderr
    assert "Program terminated with signal SIGSEGV" in said, said
    assert re.search(r"#0 .*crash_innermost[^#]*#1 .*crash_outer[^#]*#2 .*main", said), said
    assert re.search(r"\* 1 .*\n\s+2 ", said), said
    assert "= 0x5ca1ab1e" in said, said
    assert '"Hello, post mortem"' in said, said
    assert re.search(r"= \(void \*\) 0x10\b", said), said
    assert "AT_ENTRY" in said, said
