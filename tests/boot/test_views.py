"""The views of physical memory on machines that differ: zones, holes, nodes, sizes. The suites of tests/user judge the files; here are the
machines, and what only the machine's builder knows: how much memory it has, and where."""
import os
import re

import machine
import pytest

SUITES = ("physviews", "memnodes", "kpage", "vmsettings")


def with_suites(**knobs):
    """=> a machine at its prompt, with the suites in /tests."""
    files = {}
    for name in SUITES:
        with open(os.path.join(machine.BUILD, "usertest", name), "rb") as f:
            files[f"tests/{name}"] = (f.read(), 0o755)
    initramfs = machine.cpio_bytes(machine.archive(files=files))
    return machine.Machine(initramfs=initramfs, timeout=120, **knobs)


def run_suites(m):
    for name in SUITES:
        out = m.run(f"/tests/{name}", timeout=200, status=None)
        passed, failed, _, complete = machine.count_ktap(out)
        if failed or not passed or not complete:
            m.fail(f"{name}: {passed} passed, failed: {failed}\n{out}")


def zones(m):
    """=> {(node, zone): {word: pages}} of the populated zones in /proc/zoneinfo."""
    result = {}
    for part in re.split(r"(?m)^Node ", m.run("cat /proc/zoneinfo"))[1:]:
        node, name = re.match(r"(\d+), zone +(\w+)", part).groups()
        numbers = {k: int(v) for k, v in re.findall(r"(?m)^ +(?:pages )?(free|spanned|present|managed) +(\d+)", part)}
        if numbers["present"]:
            result[int(node), name] = numbers
    return result


@pytest.mark.parametrize("mem, nodes, cpus, cmdline, expected", [
    pytest.param("64M", 1, 1, "", {(0, "DMA"), (0, "DMA32")}, id="one-cpu-64M"),
    pytest.param("512M", 2, 4, "", {(0, "DMA"), (0, "DMA32"), (1, "DMA32")}, id="two-nodes"),
    pytest.param("512M", 1, 2, "memmap=48M$0x9000000", {(0, "DMA"), (0, "DMA32")}, id="hole"),
    pytest.param("5G", 1, 2, "", {(0, "DMA"), (0, "DMA32"), (0, "Normal")}, id="three-zones"),
    pytest.param("512M", 1, 2, "kernelcore=256M", {(0, "DMA"), (0, "DMA32"), (0, "Movable")}, id="movable"),
])
def test_views_agree(mem, nodes, cpus, cmdline, expected):
    """Formats and sums hold on every machine, and the zones are those that its memory has."""
    with with_suites(mem=mem, nodes=nodes, cpus=cpus, cmdline=cmdline + " panic=-1") as m:
        m.prompt()
        assert set(zones(m)) == expected
        run_suites(m)
        total = sum(z["managed"] for z in zones(m).values())
        assert total * 4 == m.meminfo()["MemTotal"]


def test_struct_pages_are_counted():
    """vmstat has the size of all struct pages: 64 bytes for each of 131072 frames."""
    with machine.Machine(mem="512M", cmdline="panic=-1") as m:
        pages = int(re.search(r"nr_memmap_boot_pages (\d+)", m.prompt().run("cat /proc/vmstat")).group(1))
        assert 2048 * 0.9 <= pages <= 2048 * 1.1


def test_a_hole_is_no_page():
    """Frames of a hole of whole sections have no struct page; spanned counts them, present does not."""
    with with_suites(mem="512M", cmdline="memmap=256M$0x8000000 panic=-1") as m:
        m.prompt()
        zone = zones(m)[0, "DMA32"]
        assert zone["spanned"] - zone["present"] >= 256 << 8
        # Eight bytes a frame: what od prints of frame 0x10000, in the middle of the hole, is bit 20 alone.
        flags = m.run("dd if=/proc/kpageflags bs=8 skip=65536 count=1 2>/dev/null | od -A n -t x8").strip()
        assert int(flags, 16) == 1 << 20
        blocks = m.run("cd /sys/devices/system/memory; echo memory*").split()
        assert blocks == ["memory0", "memory3"]


def test_two_nodes_as_numactl_reads_them():
    """What numactl --hardware and numastat print of a machine of two nodes is what QEMU was told."""
    with machine.Machine(mem="512M", nodes=2, cpus=4, cmdline="panic=-1") as m:
        m.prompt()
        node = "/sys/devices/system/node"
        assert m.run(f"cat {node}/online").strip() == "0-1"
        cpus = set()
        for nid in (0, 1):
            info = m.run(f"cat {node}/node{nid}/meminfo")
            size = int(re.search(rf"(?m)^Node {nid} MemTotal: +(\d+) kB", info).group(1))
            assert 230 << 10 < size <= 256 << 10
            distance = [int(d) for d in m.run(f"cat {node}/node{nid}/distance").split()]
            assert len(distance) == 2 and distance[nid] == 10 and distance[1 - nid] > 10
            mine = m.run(f"ls -d {node}/node{nid}/cpu[0-9]*").split()
            assert len(mine) == 2
            cpus |= {os.path.basename(c) for c in mine}
            stat = dict(line.split() for line in m.run(f"cat {node}/node{nid}/numastat").splitlines() if line.strip())
            assert list(stat) == ["numa_hit", "numa_miss", "numa_foreign", "interleave_hit", "local_node", "other_node"]
            blocks = m.run(f"ls -d {node}/node{nid}/memory[0-9]*").split()
            assert len(blocks) == 2
        assert cpus == {"cpu0", "cpu1", "cpu2", "cpu3"}


def test_large_memory_has_large_blocks():
    """From 64 GiB on a memory block is 2 GiB; what boot left to threads is in the sums of the first reader."""
    with machine.Machine(mem="64G", cpus=2, cmdline="panic=-1", timeout=180) as m:
        m.prompt()
        memory = m.meminfo()
        assert memory["MemTotal"] > 62 << 20
        assert memory["MemFree"] > memory["MemTotal"] * 0.97
        free = sum(int(n) << order for line in m.run("cat /proc/buddyinfo").splitlines() if line.startswith("Node")
                   for order, n in enumerate(line.split()[4:]))
        assert abs(free * 4 - memory["MemFree"]) < 16 << 10
        assert m.run("cat /sys/devices/system/memory/block_size_bytes").strip() == "80000000"
        assert len(m.run("ls -d /sys/devices/system/memory/memory*").split()) == 32
