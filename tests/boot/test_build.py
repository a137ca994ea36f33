"""The commands that a person types: the Makefile's own promises."""
import os
import re
import subprocess

import machine


def make(*words, **env):
    """Run make on the build folder of this test run, as a person would: without the variables of an outer make."""
    clean = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "CMDLINE", "EXTRA")}
    return subprocess.run(["make", f"O={os.environ.get('O', 'build')}", *words], cwd=machine.ROOT, env={**clean, **env},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300 * machine.scale())


def test_help_lists_every_target():
    """make help has a line for each target that a person may call."""
    with open(os.path.join(machine.ROOT, "Makefile")) as f:
        text = f.read()
    targets = {word for line in re.findall(r"^\.PHONY: (.*)$", text, re.M) for word in line.split()}
    shown = make("help").stdout
    for target in targets - {"FORCE", "all", "user-tests", "host-tests"}:
        assert re.search(rf"^make {target}\b", shown, re.M), f"make help does not list {target}"


def test_nothing_changed_nothing_made():
    """After a build, make has nothing to do."""
    assert make("all").returncode == 0
    again = make("all")
    assert again.returncode == 0
    assert again.stdout.strip() == "", again.stdout


def test_extra_files_and_command_line(quire, tmp_path):
    """make iso EXTRA=DIR CMDLINE=... lays the folder over the root and adds the words; without them the plain ISO comes back."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "note").write_text("laid over\n")
    plain = machine.file_digest(os.path.join(machine.BUILD, "initramfs.cpio"))
    try:
        done = make("iso", f"EXTRA={tmp_path}", "CMDLINE=panic=-1 course=mm")
        assert done.returncode == 0, done.stdout + done.stderr
        m = quire(iso=os.path.join(machine.BUILD, "quire.iso")).prompt()
        assert m.run("cat /etc/note").strip() == "laid over"
        assert "course=mm" in m.run("cat /proc/cmdline").split()
    finally:
        assert make("iso").returncode == 0
    assert machine.file_digest(os.path.join(machine.BUILD, "initramfs.cpio")) == plain


def test_doctor_names_what_is_missing(tmp_path):
    """A missing tool and an old QEMU are named with their remedy, and the status says so."""
    old = tmp_path / "qemu-old"
    old.write_text("#!/bin/sh\necho 'QEMU emulator version 5.2.0'\n")
    old.chmod(0o755)
    done = make("doctor", QEMU=str(old))
    assert done.returncode != 0 and re.search(r"qemu +version 5\.2\.0, at least 6\.1", done.stdout)
    done = make("doctor", GRUB_LIB=str(tmp_path))
    assert done.returncode != 0 and "apt install grub-pc-bin" in done.stdout
    assert make("doctor").returncode == 0


def test_floors_check_finds_an_upward_include():
    """The check of the floors (make lint) finds an include of a room above, and lets the primitives through."""
    import floors
    assert list(floors.check("mm/phys/x.c", '#include "mm/user/mm.h"\n'))
    assert not list(floors.check("mm/user/x.c", '#include "mm/phys/page.h"\n#include "kernel/spinlock.h"\n'))


def test_function_names_in_the_kernel():
    """The kernel's own table of names agrees with the linker's."""
    elf = os.path.join(machine.BUILD, "quire.elf")
    symbols = {}
    for line in subprocess.run(["nm", elf], capture_output=True, text=True, check=True, timeout=60).stdout.splitlines():
        fields = line.split()
        if len(fields) == 3:
            symbols.setdefault(fields[2], int(fields[0], 16))
    data = read_virtual(elf, symbols["kallsyms_num"], 0x40000)
    count = int.from_bytes(data[:4], "little")
    offsets = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "little") for i in range(count + 1)]
    names = data[8 + 4 * count:].split(b"\0")[:count]
    assert count > 100 and offsets == sorted(offsets)
    table = dict(zip((n.decode() for n in names), offsets))
    assert table["start_kernel"] == symbols["start_kernel"] - symbols["_text"]
    assert all(name in symbols for name in table)


def read_virtual(elf, address, size):
    """Bytes of the ELF file at a virtual address."""
    with open(elf, "rb") as f:
        data = f.read()
    phoff = int.from_bytes(data[32:40], "little")
    for i in range(int.from_bytes(data[56:58], "little")):
        at = phoff + 56 * i
        offset, start = (int.from_bytes(data[at + 8 * k:at + 8 * k + 8], "little") for k in (1, 2))
        length = int.from_bytes(data[at + 32:at + 40], "little")
        if start <= address < start + length:
            return data[offset + address - start:offset + min(length, address - start + size)]
    raise AssertionError(f"{address:#x} is not in {elf}")
