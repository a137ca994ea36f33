"""Nodes, zones and odd memory maps: what firmware and the command line say about memory is what the memory manager does.

Where the in-kernel suite `zones` runs on a map it compares every struct page, pfn_valid() at each border, the place of data and the order of
fallback with memblock; so most odd maps here end with it.
"""
import os
import re
import struct
import subprocess

import pytest

import machine


def with_nodes(sizes, distances=(), cpus=None, **knobs):
    """=> arguments of quire() for nodes of these sizes in MiB (0: no memory); distances {(i, j): d}; cpus {node: "first-last"}."""
    words = []
    for n, size in enumerate(sizes):
        node = f"node,nodeid={n}"
        if size:
            words += ["-object", f"memory-backend-ram,id=n{n},size={size}M,reserve=off"]
            node += f",memdev=n{n}"
        if cpus and n in cpus:
            node += f",cpus={cpus[n]}"
        words += ["-numa", node]
    for (i, j), d in dict(distances).items():
        words += ["-numa", f"dist,src={i},dst={j},val={d}"]
    return {"mem": f"{sum(sizes)}M", "nodes": 0, "args": " ".join(words), **knobs}


def zones(m):
    """=> {(node, zone): {"present": MiB, "managed": MiB, "min": pages}} of the zones with pages, from /proc/zoneinfo."""
    result = {}
    for block in re.split(r"(?m)^(?=Node \d+, zone)", m.run("cat /proc/zoneinfo"))[1:]:
        head = re.match(r"Node (\d+), zone +(\w+)", block)
        fields = {k: int(v) for k, v in re.findall(r"(?m)^ +(min|present|managed) +(\d+)\s*$", block)}
        if fields["present"]:
            result[int(head.group(1)), head.group(2)] = {"present": fields["present"] / 256, "managed": fields["managed"] / 256,
                                                         "min": fields["min"]}
    return result


def near(value, wanted, slack=4.5):
    """Within a block of the highest order (4 MiB) of what was wanted."""
    return abs(value - wanted) <= slack


def suite_passes(m):
    """Wait for the end of a boot with selftest=zones: every case passed."""
    status = m.wait(90)
    passed, failed, _, complete = machine.count_ktap(m.log)
    if status != machine.PASS or failed or not complete or passed < 10:
        m.fail(f"status {status}, {passed} passed, failed: {failed}")


def fallback(m):
    """=> {node: [its order of fallback]}."""
    return {int(n): [int(x) for x in rest.split()] for n, rest in re.findall(r"Fallback order for Node (\d+):((?: \d+)+)", m.log)}


# ---- what firmware says ----


def test_ring_of_four_nodes(quire):
    """SLIT orders the fallback, equally near nodes are shared out among their neighbours, and all data is in its place."""
    ring = {(i, j): 10 if i == j else 20 if (i - j) % 4 in (1, 3) else 30 for i in range(4) for j in range(4)}
    m = quire(**with_nodes([256] * 4, ring, {n: n for n in range(4)}), cpus=4, cmdline="selftest=zones")
    suite_passes(m)
    order = fallback(m)
    assert all(order[n][0] == n and order[n][3] == (n + 2) % 4 for n in range(4)), order
    assert sorted(order[n][1] for n in range(4)) == [0, 1, 2, 3], order


def test_node_without_memory_and_node_without_cpus(quire):
    """CPUs of a node without memory allocate from the nearest; a node without CPUs is a node."""
    far = {(i, j): 10 if i == j else 15 if {i, j} == {0, 2} else 40 for i in range(3) for j in range(3)}
    m = quire(**with_nodes([0, 256, 256], far, {0: "0-1"}), cpus=2, cmdline="selftest=zones")
    suite_passes(m)
    assert fallback(m)[0] == [2, 1]
    assert "Initmem setup node 0 as memoryless" in m.log


def test_pages_of_each_node_are_used(quire):
    """A program with more memory than one node has gets it from the others."""
    m = quire(**with_nodes([256] * 3, cpus={0: "0-1"}), cpus=2, cmdline="panic=-1").prompt()
    m.run("dd if=/dev/zero of=/big bs=1M count=350")
    free = [int(x) for x in re.findall(r"MemFree: +(\d+) kB", m.run("cat /sys/devices/system/node/node*/meminfo"))]
    assert len(free) == 3 and free[0] < 60 * 1024 and min(free[1:]) < 200 * 1024, free


def test_interleaved_and_holed_map(quire):
    """Holes in DMA and DMA32 and Normal, a border inside a block of 4 MiB: every count and pfn_valid() are right."""
    holes = "memmap=1M#9M memmap=100K#8200K memmap=3M#101M memmap=20K#64M memmap=8M#0x123456000 memmap=64K#0x17fff0000"
    m = quire(mem="6G", machine="pc", cmdline=f"selftest=zones {holes}")
    suite_passes(m)
    for zone in ("DMA", "DMA32", "Normal"):
        assert re.search(rf"On node 0, zone {zone}: [1-9]\d* pages in unavailable ranges", m.log)


def test_numa_off(quire):
    """numa=off: one node, whatever SRAT says."""
    m = quire(nodes=2, cmdline="panic=-1 numa=off").prompt()
    assert "NUMA turned off" in m.log
    assert m.run("cat /sys/devices/system/node/online").strip() == "0"


# ---- emulated nodes ----


def test_fake_four_nodes(quire):
    """numa=fake=4 makes four nodes of a quarter each, with the distances given, and the suite passes on them."""
    matrix = "10,20,30,40,20,10,20,30,30,20,10,20,40,30,20,10"
    m = quire(mem="1G", cmdline=f"selftest=zones numa=fake=4:{matrix}")
    suite_passes(m)
    sizes = [int(x) for x in re.findall(r"Faking node \d+ at .* \((\d+)MB\)", m.log)]
    assert len(sizes) == 4 and all(near(s, 256, 33) for s in sizes)
    assert fallback(m)[0] == [0, 1, 2, 3] and fallback(m)[3] == [3, 2, 1, 0]


def test_fake_size_on_two_real_nodes(quire):
    """numa=fake=128M cuts both real nodes; pieces of one parent are at distance 10, others at 20."""
    m = quire(nodes=2, mem="512M", cmdline="panic=-1 numa=fake=128M").prompt()
    assert m.run("cat /sys/devices/system/node/online").strip() == "0-3"
    assert m.run("cat /sys/devices/system/node/node0/distance").split() == ["10", "20", "10", "20"]


# ---- ZONE_MOVABLE ----


def test_movablecore_size(quire):
    """movablecore= takes the upper part of every node alike."""
    m = quire(nodes=2, mem="1G", cmdline="panic=-1 movablecore=256M").prompt()
    z = zones(m)
    assert near(z[0, "Movable"]["present"], 128) and near(z[1, "Movable"]["present"], 128), z
    assert len(re.findall(r"Movable zone start for each node\n(?:\[[^]]*\]   Node \d: 0x[0-9a-f]{16}\n){2}", m.log)) == 1
    assert 32 <= z[0, "Movable"]["min"] <= 128


def test_kernelcore_percent_and_suite(quire):
    """kernelcore=30% leaves 70 % to ZONE_MOVABLE; programs use it, and the suite passes on the result."""
    m = quire(nodes=2, mem="1G", cmdline="selftest=zones kernelcore=30%")
    suite_passes(m)
    assert m.log.count("   Node 0: 0x") == 1 and m.log.count("   Node 1: 0x") == 1


def test_both_cores_the_larger_kernel_counts(quire):
    """With both words the one that leaves more to the kernel counts; user pages go to ZONE_MOVABLE."""
    m = quire(mem="1G", cmdline="panic=-1 kernelcore=128M movablecore=25%").prompt()
    z = zones(m)
    assert near(z[0, "Movable"]["present"], 256, 9), z
    m.run("dd if=/dev/zero of=/big bs=1M count=100")
    free = re.search(r"zone +Movable\s+pages free +(\d+)", m.run("cat /proc/zoneinfo"))
    assert int(free.group(1)) / 256 < z[0, "Movable"]["managed"] - 90


def test_kernelcore_mirror(quire):
    """kernelcore=mirror: above 4 GiB the mirrored range is the kernel's, the rest is movable, and their spans overlap."""
    m = quire(mem="6G", cmdline="selftest=zones kernelcore=mirror mirror=0,4G mirror=5G,512M")
    suite_passes(m)
    assert re.search(r"Node 0: 0x0*100000000\n", m.log)


def srat(path, nodes):
    """Write SRAT's body for QEMU's -acpitable: nodes [(first MiB, MiB, hot-pluggable)], CPU n on node n."""
    body = struct.pack("<IQ", 1, 0)
    for n, (base, size, hotplug) in enumerate(nodes):
        body += struct.pack("<BBBBIBBBBI", 0, 16, n, n, 1, 0, 0, 0, 0, 0)
        body += struct.pack("<BBIHQQIIQ", 1, 40, n, 0, base << 20, size << 20, 0, 3 if hotplug else 1, 0)
    path.write_bytes(body)
    return f"-acpitable sig=SRAT,rev=3,data={path}"


def test_movable_node(quire, tmp_path):
    """movable_node: the node that SRAT calls hot-pluggable is all ZONE_MOVABLE, and boot keeps nothing on it."""
    table = srat(tmp_path / "srat", [(0, 256, False), (256, 256, True)])
    m = quire(mem="512M", cmdline="panic=-1 movable_node", args=table).prompt()
    assert re.search(r"SRAT: Node 1 PXM 1 \[mem 0x0*10000000-0x0*1fffffff\] hotplug", m.log)
    z = zones(m)
    assert {k for k in z if k[0] == 1} == {(1, "Movable")} and (0, "Movable") not in z, z
    assert near(z[1, "Movable"]["managed"], 256, 1.5), z         # firmware's tables at the end; no struct pages
    for start, end in re.findall(r"0x(\w+)\.\.0x(\w+)", m.run("cat /sys/kernel/debug/memblock/reserved")):
        assert int(end, 16) < 256 << 20 or int(start, 16) >= 512 << 20, f"boot allocated {start}..{end}"
    text = m.run("cat /sys/devices/system/node/node1/meminfo")
    assert re.search(r"Slab: +0 kB", text) and re.search(r"PageTables: +0 kB", text), text


def test_movable_node_suite(quire, tmp_path):
    """The zones suite with such a node below the others."""
    table = srat(tmp_path / "srat", [(0, 1024, False), (1024, 512, True), (1536, 512, False)])
    suite_passes(quire(mem="2G", cpus=3, cmdline="selftest=zones movable_node", args=table))


def test_movable_node_with_the_kernel_on_it(quire, tmp_path):
    """A node that holds the kernel image cannot be unplugged, whatever SRAT says; without the word nothing is movable."""
    table = srat(tmp_path / "srat", [(0, 256, True), (256, 256, True)])
    m = quire(mem="512M", cmdline="panic=-1 movable_node", args=table).prompt()
    assert {k for k in zones(m) if k[1] == "Movable"} == {(1, "Movable")}
    m = quire(mem="512M", cmdline="panic=-1", args=table).prompt()
    assert not [k for k in zones(m) if k[1] == "Movable"]


@pytest.fixture(scope="module")
def mirror_firmware(tmp_path_factory):
    """=> the program of mirrorfw.c, which makes OVMF mark memory as mirrored."""
    here, out = os.path.dirname(os.path.abspath(__file__)), str(tmp_path_factory.mktemp("efi") / "mirror.efi")
    subprocess.run([os.environ.get("HOSTCC", "gcc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fpie",
                    "-fvisibility=hidden", "-mno-red-zone", "-mgeneral-regs-only", "-fno-stack-protector", "-fcf-protection=none",
                    "-fno-asynchronous-unwind-tables", "-nostdlib", "-static-pie", f"-Wl,-T,{here}/mirrorfw.ld",
                    "-Wl,--build-id=none,--no-dynamic-linker", "-o", out, f"{here}/mirrorfw.c"], check=True)
    return out


def starts(m):
    """=> {(node, zone): first address} of the zones with pages, from /proc/zoneinfo."""
    text = m.run("cat /proc/zoneinfo")
    return {(int(n), z): int(pfn) << 12 for n, z, pfn in re.findall(r"Node (\d+), zone +(\w+)(?:(?!Node ).)*?start_pfn: +(\d+)", text, re.S)}


def test_mirror_marked_by_firmware(quire, mirror_firmware):
    """UEFI marks all below 4 GiB and one range on each of two nodes: the kernel gets those, ZONE_MOVABLE the rest."""
    G, M = 1 << 30, 1 << 20
    marked = "0-100000000:120000000-130000000:140000000-160000000"
    m = quire(mem="6G", nodes=2, firmware="uefi", cmdline="panic=-1 kernelcore=mirror", timeout=120,
              args=f"-kernel {mirror_firmware} -append {marked}").prompt()
    assert re.search(r"efi: memory map of \d+ descriptors, [1-9]\d* of them mirrored", m.log)
    size, total = map(int, re.search(r"Memory: (\d+)M/(\d+)M mirrored memory", m.log).groups())
    assert near(size, 2048 + 256 + 512, 20) and near(total, 6144, 20), (size, total)
    assert re.search(r"Node 0: 0x0*100000000\s+(?:\[[^]]*\] +)?Node 1: 0x0*160000000\s", m.log)
    z = zones(m)
    assert {k: v["present"] for k, v in z.items() if k[1] in ("Normal", "Movable")} == {
        (0, "Normal"): 256, (0, "Movable"): 768, (1, "Normal"): 512, (1, "Movable"): 2560}, z
    first = starts(m)
    assert first[0, "Normal"] == 4 * G and first[0, "Movable"] == 4 * G and first[1, "Normal"] == 5 * G, first
    assert first[1, "Movable"] == 5 * G + 512 * M, first
    # The kernel's own memory grows in the marked ranges; programs and files fill the others.
    m.run("dd if=/dev/zero of=/big bs=1M count=600")
    text = m.run("cat /proc/zoneinfo")
    free = {(int(n), z): int(f) / 256 for n, z, f in re.findall(r"Node (\d+), zone +(\w+)(?:(?!Node ).)*?pages free +(\d+)", text, re.S)}
    assert sum(z[k]["managed"] - free[k] for k in z if k[1] == "Movable") > 590, free


def test_mirror_marked_by_firmware_suite(quire, mirror_firmware):
    """The zones suite on such a map; a mark that fills no block of 4 MiB counts for nothing."""
    m = quire(mem="5G", firmware="uefi", cmdline="selftest=zones kernelcore=mirror", timeout=120,
              args=f"-kernel {mirror_firmware} -append 110000000-120000000:130001000-1303ff000")
    suite_passes(m)
    assert re.search(r"Memory: 256M/\d+M mirrored memory", m.log)
    assert "memory below 4 GiB is not mirrored" in m.log


def test_mirror_without_marks(quire):
    """UEFI that marks nothing: one line, and no ZONE_MOVABLE."""
    m = quire(mem="512M", firmware="uefi", cmdline="panic=-1 kernelcore=mirror", timeout=120).prompt()
    assert re.search(r"efi: memory map of \d+ descriptors, 0 of them mirrored", m.log)
    assert m.log.count("kernelcore=mirror: the system has no mirrored memory, ignored") == 1
    assert not any(zone == "Movable" for _, zone in zones(m))


# ---- large machines ----


def test_deferred_memory_all_comes(quire):
    """On 64 GiB and two nodes boot leaves most struct pages for later; a sum waits for all of them."""
    m = quire(mem="64G", nodes=2, cmdline="panic=-1", timeout=120).prompt()
    info = m.meminfo()
    assert info["MemFree"] > 62 << 20 and info["MemTotal"] > 62 << 20
    log = m.run("dmesg")
    assert re.search(r"node 0 deferred pages initialised in \d+ms", log) and re.search(r"node 1 deferred pages initialised", log)


def test_deferred_suite(quire):
    """The suite on a machine of which three quarters are deferred."""
    suite_passes(quire(mem="4G", nodes=2, cmdline="selftest=zones"))


def test_memtest(quire):
    """memtest=2 goes over all free memory twice and the machine is whole afterwards."""
    m = quire(mem="128M", cmdline="panic=-1 memtest=2").prompt()
    assert "early_memtest: # of tests: 2" in m.log
    tested = sum(int(b, 16) - int(a, 16) for a, b in re.findall(r"  (0x\w+) - (0x\w+) pattern 0000000000000000", m.log))
    assert tested > 100 << 20
    assert m.meminfo()["MemTotal"] > 115 << 10


def test_iomem_tree(quire):
    """/proc/iomem: RAM, what firmware keeps, and the kernel's sections inside RAM."""
    m = quire(mem="512M", cmdline="panic=-1 memmap=1M#100M memmap=16K#300M").prompt()
    tree = m.run("cat /proc/iomem").replace("\r", "")
    for words in (r"(?m)^[0-9a-f]+-[0-9a-f]+ : System RAM$", r"(?m)^[0-9a-f]+-[0-9a-f]+ : Reserved$", r"(?m)^  [0-9a-f]+-[0-9a-f]+ : Kernel code$",
                  r"(?m)^  [0-9a-f]+-[0-9a-f]+ : Kernel bss$", r"(?m)^06400000-064fffff : ACPI Tables$",
                  r"(?m)^b0000000-bfffffff : PCI ECAM 0000 \[bus 00-ff\]$", r"(?m)^  b0000000-bfffffff : Reserved$",
                  r"(?m)^fec00000-fec003ff : IOAPIC 0$", r"(?m)^fed00000-fed003ff : HPET 0$", r"(?m)^fee00000-fee00fff : Local APIC$"):
        assert re.search(words, tree), f"{words}:\n{tree}"
    ports = m.run("cat /proc/ioports")
    for words in (r"(?m)^0000-001f : dma1\r?$", r"(?m)^00a0-00a1 : pic2\r?$", r"(?m)^0608-060b : ACPI PM_TMR\r?$"):
        assert re.search(words, ports), ports
    blocks = m.run("cat /sys/kernel/debug/memblock/memory", status=None)
    if "No such file" in blocks:
        m.run("mkdir -p /d; mount -t debugfs debugfs /d")
        blocks = m.run("cat /d/memblock/memory")
    assert re.search(r"0: 0x0+1000\.\.0x0+9", blocks), blocks


# ---- bad input ----

BAD = ["mem=abc", "mem=0", "mem=4M", "mem=", "mem=-1", "mem=99999999999999999999T",
       "memmap=1M?3", "memmap=1M@", "memmap=0@1M", "memmap=exactmap", "memmap=-1$-1", "memmap=",
       "numa=on", "numa=", "numa=fake", "numa=fake=9",
       "kernelcore=-1", "kernelcore=0", "kernelcore=101%", "kernelcore=12Q", "kernelcore=mirrors", "kernelcore=%",
       "movablecore=", "movablecore=999999T", "movablecore=0%", "movablecore=1.5G",
       "mirror=1M", "mirror=0,0", "mirror=,1M", "mirror=1M,2M,", "mirror=-1,-1",
       "memtest=18", "memtest=x", "memtest=-1", "memtest=", "memblock=foo", "memblock="]


def test_bad_words_are_refused_by_name(quire):
    """Each malformed or excessive value costs one line with its word and the limit, and the default is used."""
    m = quire(mem="512M", cmdline="panic=-1 " + " ".join(BAD)).prompt()
    log = m.run("dmesg")
    for word in BAD:
        name, value = word.split("=", 1)
        lines = re.findall(rf"(?m)\] {name}={re.escape(value)}: .*ignored\r?$", log)
        assert len(lines) == 1, f"{word} has {len(lines)} lines in:\n{log}"
    assert len(re.findall(r"ignored\r?\n", log)) == len(BAD)
    assert "Malformed early option" not in log
    assert 500 << 10 < m.meminfo()["MemTotal"] < 512 << 10
    assert m.run("cat /sys/devices/system/node/online").strip() == "0"
    assert not any(zone == "Movable" for _, zone in zones(m))


@pytest.mark.parametrize("words, nodes", [      # tests/host/fuzz/fakenodes.c has the others
    ("numa=fake=-1", "0-1"), ("numa=fake=", "0-1"), ("numa=fake=4:9,9", "0-3"), ("numa=fake=4 numa=fake=5U", "0-1"),
    ("numa=fake=2U numa=bad", "0-3"), ("numa=off numa=fake=4", "0-3"), ("numa=fake=" + "1" * 200, "0-1")])
def test_numa_words(quire, words, nodes):
    """numa=: what makes no sense costs one line and leaves the nodes alone; of several fake= the last counts, off takes the real ones."""
    m = quire(nodes=2, mem="512M", cmdline="panic=-1 " + words).prompt()
    log = m.run("dmesg")
    refused = len(re.findall(r"numa=\S+: .*ignored", log))
    assert refused == (nodes == "0-1" or ":9" in words or "bad" in words), log
    assert m.run("cat /sys/devices/system/node/online").strip() == nodes
    assert 500 << 10 < m.meminfo()["MemTotal"] < 512 << 10


def test_fake_too_small(quire):
    """Nodes below 32 MiB are refused, with real nodes left as they are."""
    m = quire(nodes=2, mem="128M", cmdline="panic=-1 numa=fake=8").prompt()
    assert re.search(r"numa=fake=8: a node has 32M at least, ignored", m.log)
    assert m.run("cat /sys/devices/system/node/online").strip() == "0-1"
