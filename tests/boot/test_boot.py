"""The kernel reaches its shell on machines of many shapes, and sees them as they are."""
import re

import pytest

MIB = 1024      # in kB


def mib(size):
    return int(size[:-1]) * {"M": 1, "G": 1024}[size[-1]]


@pytest.mark.parametrize("mem", ["8M", "16M", "24M", "32M", "64M", "128M", "512M", "1G", "2G", "3G", "4G", "16G", "64G"])
def test_memory_size(quire, mem):
    """Every size from 8 MiB to 64 GiB boots, and MemTotal is what the machine has less at most what the kernel may keep."""
    m = quire(mem=mem, cpus=1, cmdline="panic=-1", timeout=120).prompt()
    total = m.meminfo()["MemTotal"]
    size = mib(mem) * MIB
    assert total < size
    # Below 64 MiB fixed costs (kernel image, initramfs) outweigh the share that grows with memory.
    assert total > size * 0.96 - 5 * MIB


def test_size_not_a_power_of_two(quire):
    """A size that ends within a section and within a block of the highest order boots."""
    m = quire(mem="333M", cmdline="panic=-1").prompt()
    assert 0.95 * 333 * MIB < m.meminfo()["MemTotal"] < 333 * MIB


@pytest.mark.parametrize("cpus", [1, 2, 4, 8])
def test_cpus(quire, cpus):
    """All processors come up, and each runs user tasks."""
    m = quire(cpus=cpus, cmdline="panic=-1").prompt()
    assert m.run("grep -c ^processor /proc/cpuinfo").strip() == str(cpus)
    assert m.run("cat /sys/devices/system/cpu/online").strip() == ("0" if cpus == 1 else f"0-{cpus - 1}")
    for cpu in range(cpus):
        mask = 1 << cpu
        assert "here" in m.run(f"taskset {mask:#x} echo here")


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_firmware(quire, firmware):
    """GRUB loads the kernel from BIOS and from UEFI."""
    m = quire(firmware=firmware, mem="256M", cmdline="panic=-1").prompt()
    assert "Linux" in m.run("uname")


@pytest.mark.parametrize("cpu", ["qemu64", "max"])
def test_cpu_model(quire, cpu):
    """The oldest model (no SMEP, SMAP, PCID, 1 GiB pages) and the newest boot."""
    m = quire(cpu=cpu, cmdline="panic=-1").prompt()
    flags = m.run("grep -m1 ^flags /proc/cpuinfo")
    assert "nx" in flags.split()
    assert ("smep" in flags.split()) == (cpu == "max")


def test_two_nodes(quire):
    """The nodes of the SRAT table reach the memory manager."""
    m = quire(nodes=2, cpus=2, mem="512M", cmdline="panic=-1").prompt()
    log = m.run("dmesg")
    assert re.search(r"node +0: \[mem ", log) and re.search(r"node +1: \[mem ", log)
    assert 0.95 * 512 * MIB < m.meminfo()["MemTotal"] < 512 * MIB


def test_without_acpi(quire):
    """Without ACPI tables the kernel boots on one processor."""
    m = quire(machine="pc,acpi=off", cpus=2, cmdline="panic=-1").prompt()
    assert m.run("grep -c ^processor /proc/cpuinfo").strip() == "1"


def test_older_chipset(quire):
    """The i440FX machine, with another memory hole and another power-off port, boots and powers off."""
    m = quire(machine="pc", mem="4G", cmdline="panic=-1").prompt()
    assert m.meminfo()["MemTotal"] > 3.8 * 1024 * MIB
    m.sendline("poweroff -f")
    assert m.wait() == 0


def test_mem_parameter(quire):
    """mem= hides what lies above it."""
    m = quire(mem="512M", cmdline="panic=-1 mem=64M").prompt()
    assert 50 * MIB < m.meminfo()["MemTotal"] < 64 * MIB


def test_kernel_keeps_at_most_three_percent(quire):
    """With 512 MiB, RAM minus MemFree at the prompt is at most 3 % of RAM, the array of struct page included."""
    m = quire(mem="512M", cpus=1, cmdline="panic=-1").prompt()
    size = 512 * MIB
    assert size - m.meminfo()["MemFree"] <= 0.03 * size


def test_boot_log_in_linux_words(quire):
    """The stages of memory management speak in Linux's words, in Linux's order, with a time stamp."""
    m = quire(cmdline="panic=-1 a=b").prompt()
    log = m.run("dmesg")
    at = -1
    for words in (r"Linux version 6\.12\.0-quire", r"Command line:.*a=b", r"BIOS-e820: \[mem 0x[0-9a-f]{16}-0x[0-9a-f]{16}\] usable",
                  r"Zone ranges:", r"DMA +\[mem 0x", r"DMA32 +\[mem 0x", r"Early memory node ranges", r"node +0: \[mem 0x",
                  r"Memory: \d+K/\d+K available \("):
        match = re.search(words, log)
        assert match, f"{words} is not in the log:\n{log}"
        assert match.start() > at, f"{words} comes too early:\n{log}"
        at = match.start()
    assert re.search(r"^\[ *\d+\.\d{6}\] ", log, re.M)


def test_long_and_odd_command_line(quire):
    """Unknown, empty, long and doubled parameters do no harm."""
    junk = " ".join(f"junk{i}={'x' * (i % 40)}" for i in range(60))
    m = quire(cmdline=f"panic=-1 = == mem= init= quiet=1 {junk} panic=-1").prompt()
    assert "junk59=" in m.run("cat /proc/cmdline")
