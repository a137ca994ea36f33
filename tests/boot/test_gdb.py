"""gdb on the running kernel: breakpoints from the first 64-bit instruction, and the q- commands against the kernel's own numbers."""
import os
import re
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

import machine


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def scripts():
    folder = os.path.join(machine.ROOT, "tools", "gdb")
    main = os.path.join(folder, "quire.py")
    if os.path.exists(main):
        return [main]
    return [os.path.join(folder, f) for f in sorted(os.listdir(folder)) if f.endswith(".py")]


def gdb(port, *commands):
    """Run gdb in batch mode on the machine behind a port => what it printed; Python errors of a command fail the test."""
    words = ["gdb", "-nx", "-batch", os.path.join(machine.BUILD, "quire.elf"), "-ex", "set architecture i386:x86-64"]
    for script in scripts():
        words += ["-x", script]
    words += ["-ex", f"target remote 127.0.0.1:{port}"]
    for command in commands:
        words += ["-ex", f"echo >>> {command}\\n", "-ex", command]
    done = subprocess.run(words, cwd=machine.ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60 * machine.scale())
    text = done.stdout + done.stderr
    assert "Python Exception" not in text and "Undefined command" not in text, text
    return text


def part(text, command):
    """What one command printed."""
    return text.split(f">>> {command}\n", 1)[1].split(">>> ", 1)[0]


@pytest.fixture(scope="module")
def stopped():
    """A machine at its prompt with gdb's port open: (machine, port, what the kernel says of itself)."""
    port = free_port()
    with machine.Machine(cmdline="panic=-1", mem="256M", args=f"-gdb tcp:127.0.0.1:{port}") as m:
        m.prompt()
        said = {name: m.run(f"cat /proc/{name}") for name in ("buddyinfo", "meminfo")}
        said["ps"] = m.run("ps")
        yield m, port, said


@pytest.mark.parametrize("place", ["startup_64", "start_kernel"])
def test_breakpoint_early(tmp_path, place):
    """A breakpoint set before the machine starts is hit, at the first 64-bit instruction and at start_kernel."""
    script = tmp_path / "break.gdb"
    script.write_text(f"hbreak {place}\ncontinue\nbt 1\nkill\n")
    env = {**os.environ, "O": machine.BUILD, "GDBPORT": str(free_port()), "MEM": "64M", "GDB_ARGS": f"-batch -x {script}"}
    done = subprocess.run(["tools/gdb.sh"], cwd=machine.ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60 * machine.scale())
    assert re.search(rf"^#0 .*\b{place}\b", done.stdout, re.M), done.stdout + done.stderr


def look_at_once(m, port):
    """q-buddy at the moment in which the kernel begins to write /proc/buddyinfo => what both say."""
    with ThreadPoolExecutor(1) as pool:
        said = pool.submit(m.run, "sleep 3; cat /proc/buddyinfo", 60)
        shown = part(gdb(port, "hbreak buddyinfo_show", "continue", "q-buddy"), "q-buddy")
        return said.result(), shown


def same_blocks(said, shown):
    zones = re.findall(r"Node +\d+, zone +(\S+) +([\d ]+)", said)
    assert zones, said
    for zone, counts in zones:
        counts = [int(n) for n in counts.split()]
        rows = [[int(n) for n in re.findall(r"\b\d+\b", row)] for row in shown.splitlines() if re.search(rf"\b{zone}\b", row)]
        assert rows, f"q-buddy does not show zone {zone}:\n{shown}"
        if not any(row[-len(counts):] == counts for row in rows):
            return False
    return True


def test_buddy(stopped):
    """q-buddy counts the free blocks of each zone and order exactly as /proc/buddyinfo does."""
    m, port, _ = stopped
    # Another CPU may take or free a page within the few instructions between the two looks, but not each time.
    for _ in range(4):
        said, shown = look_at_once(m, port)
        if same_blocks(said, shown):
            return
    pytest.fail(f"{said}\nagainst\n{shown}")


def test_zones(stopped):
    """q-zones shows every zone of /proc/buddyinfo."""
    m, port, said = stopped
    shown = part(gdb(port, "q-zones"), "q-zones")
    for zone in re.findall(r"zone +(\S+)", said["buddyinfo"]):
        assert re.search(rf"\b{zone}\b", shown), shown


def test_processes(stopped):
    """q-ps lists the processes that ps lists."""
    m, port, said = stopped
    shown = part(gdb(port, "q-ps"), "q-ps")
    assert re.search(r"\b1\b.*\binit\b", shown), shown
    assert re.search(r"\bsh\b", shown), shown


def test_walk(stopped):
    """q-walk finds the physical address behind the first byte of the kernel."""
    m, port, said = stopped
    shown = part(gdb(port, "q-walk 0xffffffff81000000"), "q-walk 0xffffffff81000000")
    assert re.search(r"\b0x0*200000\b", shown), shown


def test_page(stopped):
    """q-page shows the struct page of the kernel's first frame: it is reserved."""
    m, port, said = stopped
    shown = part(gdb(port, "q-page 0x200"), "q-page 0x200")
    assert "reserved" in shown.lower(), shown


@pytest.mark.parametrize("when, pfn, says", [("free_area_init", "0x200", "has no struct page"),
                                             ("rest_init", "0xf0000", "has no struct page"), ("rest_init", "0x200", "reserved")])
def test_page_before_it_is_written(tmp_path, when, pfn, says):
    """q-page refuses a frame whose struct page nobody has written yet, before all of them and in the deferred part of 4 GiB."""
    script = tmp_path / "page.gdb"
    script.write_text(f"hbreak {when}\ncontinue\nq-page {pfn}\nkill\n")
    env = {**os.environ, "O": machine.BUILD, "GDBPORT": str(free_port()), "MEM": "6G", "GDB_ARGS": f"-batch -x {script}"}
    done = subprocess.run(["tools/gdb.sh"], cwd=machine.ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60 * machine.scale())
    assert says in done.stdout + done.stderr, done.stdout + done.stderr


def test_memblock(stopped):
    """q-memblock shows memory and reserved ranges; the kernel's own is among the reserved."""
    m, port, said = stopped
    shown = part(gdb(port, "q-memblock"), "q-memblock")
    assert "memory" in shown and "reserved" in shown, shown
