"""virtio-blk: what stands in an image is what /dev/vda reads, what is written is in the image afterwards, on each of QEMU's boards and for each
kind of device that QEMU can play; errors of the disk reach the caller, and a disk that does not answer stops nobody for ever."""
import hashlib
import json
import random
import socket

import pytest

import machine

MIB = 1 << 20


def image(path, size, seed=1):
    """=> its bytes: random, by seed."""
    data = random.Random(seed).randbytes(size)
    path.write_bytes(data)
    return data


def disk(path, number, device="", drive=""):
    return (f"-drive file={path},format=raw,if=none,id=d{number}{drive} "
            f"-device virtio-blk-pci,drive=d{number}{device} ")


def md5(data):
    return hashlib.md5(data).hexdigest()


def lines(m, word):
    return [line for line in m.log.splitlines() if word in line]


KINDS = [  # letter, options of the device and of the drive, what the kernel says of it
    ("a", "", "", "MSI-X, write back"),
    ("b", ",serial=SECOND", ",readonly=on", "read-only"),
    ("c", ",logical_block_size=4096,physical_block_size=4096", "", "4096-byte blocks"),
    ("d", ",num-queues=1", "", "1 queue of"),
    ("e", ",vectors=1", "", "one MSI-X"),
    ("f", ",vectors=0", "", "interrupt line"),
    ("g", ",indirect_desc=off,event_idx=off", "", "no indirect descriptors, no event indexes"),
    ("h", ",queue-size=4,indirect_desc=off,seg-max-adjust=on", "", "no indirect descriptors"),
    ("i", ",config-wce=off", ",cache.writeback=off", "write through"),
    ("j", ",discard=off,write-zeroes=off,disable-legacy=on", "", "MSI-X"),
]


@pytest.mark.parametrize("board,cpus", [("pc", 1), ("q35", 2), ("q35", 4)])
def test_every_kind_of_device(quire, tmp_path, board, cpus):
    """Each kind is read whole, then takes the contents of the first one, which has been changed before; the images tell."""
    size = 2 * MIB
    paths = [tmp_path / f"{kind[0]}.img" for kind in KINDS]
    data = [image(path, size, seed) for seed, path in enumerate(paths)]
    m = quire(machine=board, cpus=cpus, mem="256M", args="".join(disk(p, k[0], k[1], k[2]) for p, k in zip(paths, KINDS)))
    m.prompt()
    sums = m.run("md5sum " + " ".join(f"/dev/vd{kind[0]}" for kind in KINDS)).split()
    assert sums[::2] == [md5(d) for d in data]
    for letter, _, _, said in KINDS:
        (line,) = lines(m, f"[vd{letter}]")
        assert said in line, line
    assert m.run("cd /sys/block; cat vdb/serial vdb/ro vdc/queue/logical_block_size vdj/queue/discard_max_bytes vdd/mq/0/cpu_list").split() \
        == ["SECOND", "1", "4096", "0", f"0-{cpus - 1}" if cpus > 1 else "0"]
    assert m.run("ls /sys/block/vda/mq | wc -l").strip() == str(cpus)
    changed = bytearray(data[0])
    changed[5000:5010] = b"0123456789"
    m.run("printf 0123456789 | dd of=/dev/vda bs=1 seek=5000 conv=notrunc 2>&1")
    for letter, *_ in KINDS[1:]:
        m.run(f"dd if=/dev/vda of=/dev/vd{letter} bs=64k conv=fsync,notrunc 2>&1", status=1 if letter == "b" else 0)
    m.run("sync")
    m.sendline("poweroff -f")
    assert m.wait() == machine.POWER_OFF
    for path, before, (letter, *_) in zip(paths, data, KINDS):
        assert path.read_bytes() == (before if letter == "b" else changed), f"vd{letter}"


def blkdebug(path, rules):
    """A disk whose reads and writes fail by rules: [{event, sector, ...}]."""
    drive = {"driver": "raw", "node-name": "top", "file": {"driver": "blkdebug", "image": {"driver": "file", "filename": str(path)},
                                                            "inject-error": rules}}
    return f"-blockdev {json.dumps(drive, separators=(',', ':'))} -device virtio-blk-pci,drive=top,rerror=report,werror=report"


def test_errors_reach_the_caller(quire, tmp_path):
    """QEMU fails transfers that touch a sector: the call that wanted it fails, one time for a write, and all others work."""
    data = image(tmp_path / "bad.img", MIB)
    m = quire(args=blkdebug(tmp_path / "bad.img", [
        {"event": "read_aio", "sector": 800, "errno": 5, "once": False},
        {"event": "write_aio", "sector": 1600, "errno": 5, "once": False}]))
    m.prompt()
    got = m.run("dd if=/dev/vda of=/dev/null bs=512 skip=800 count=1 2>&1", status=1)
    assert "I/O error" in got, got
    assert lines(m, "I/O error -5, dev vda, sector 800 op READ")
    # The neighbourhood can be read, whatever was tried to read ahead.
    assert m.run("dd if=/dev/vda bs=4096 count=99 2>/dev/null | md5sum").split()[0] == md5(data[:99 * 4096])
    assert m.run("dd if=/dev/vda bs=4096 skip=101 2>/dev/null | md5sum").split()[0] == md5(data[101 * 4096:])
    m.run("dd if=/dev/zero of=/dev/vda bs=512 seek=1600 count=1 conv=fsync,notrunc 2>&1", status=1)
    assert lines(m, "I/O error -5, dev vda, sector 1600 op WRITE")
    m.run("dd if=/dev/zero of=/dev/vda bs=512 seek=1700 count=1 conv=fsync,notrunc 2>&1")
    m.run("sync")
    m.sendline("poweroff -f")
    assert m.wait() == machine.POWER_OFF
    after = (tmp_path / "bad.img").read_bytes()
    assert after[1600 * 512:1601 * 512] == data[1600 * 512:1601 * 512]
    assert after[1700 * 512:1701 * 512] == bytes(512)


def test_a_flush_that_fails(quire, tmp_path):
    image(tmp_path / "bad.img", MIB)
    m = quire(args=blkdebug(tmp_path / "bad.img", [{"event": "flush_to_disk", "iotype": "flush", "errno": 5, "once": True}]))
    m.prompt()
    m.run("dd if=/dev/zero of=/dev/vda bs=4096 count=1 conv=fsync,notrunc 2>&1", status=1)
    assert lines(m, "op FLUSH")
    m.run("dd if=/dev/zero of=/dev/vda bs=4096 count=1 conv=fsync,notrunc 2>&1")


def test_a_disk_that_does_not_answer(quire):
    """Transfers take longer than virtio_blk.timeout: the device is reset, whoever waits gets EIO, and so does everybody later. Another
    disk goes on. (Firmware and boot loader do not read disks with blocks of 4096 bytes, and so do not wait, too.)"""
    m = quire(cmdline="virtio_blk.timeout=2", args="-blockdev driver=null-co,node-name=slow,size=1048576,latency-ns=5000000000,read-zeroes=on "
              "-device virtio-blk-pci,drive=slow,logical_block_size=4096,physical_block_size=4096 -blockdev driver=null-co,node-name=good,size=1048576,read-zeroes=on "
              "-device virtio-blk-pci,drive=good")
    m.prompt()
    m.run("dd if=/dev/vda of=/dev/null bs=4096 count=1 2>&1", status=1)
    assert lines(m, "the device is broken: it does not answer")
    m.run("dd if=/dev/vda of=/dev/null bs=4096 count=1 2>&1", status=1)
    assert m.run("dd if=/dev/vdb bs=4096 2>/dev/null | md5sum").split()[0] == md5(bytes(MIB))


def test_a_disk_that_grows(quire, tmp_path):
    image(tmp_path / "small.img", MIB)
    m = quire(args=disk(tmp_path / "small.img", 0) + f"-qmp unix:{tmp_path}/qmp,server=on,wait=off")
    m.prompt()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(m.limit(60))
        s.connect(f"{tmp_path}/qmp")
        f = s.makefile("rw")
        f.readline()
        for command in ({"execute": "qmp_capabilities"},
                        {"execute": "block_resize", "arguments": {"device": "d0", "size": 3 * MIB}}):
            f.write(json.dumps(command) + "\n")
            f.flush()
            while "return" not in json.loads(f.readline()):
                pass
    m.run("until grep -q '3072 vda' /proc/partitions; do sleep 0.1; done", timeout=60)
    assert m.run("dd if=/dev/vda bs=1M 2>/dev/null | wc -c").strip() == str(3 * MIB)


def test_a_disk_larger_than_memory(quire, tmp_path):
    """Reading, by read and by a mapping's faults, what does not fit in memory ends with the last byte: clean pages go, nobody is killed."""
    path = tmp_path / "large.img"
    with path.open("wb") as f:
        f.truncate(384 * MIB)
        f.seek(384 * MIB - 5)
        f.write(b"last\n")
    m = quire(mem="160M", args=disk(path, 0))
    m.prompt()
    assert m.run("dd if=/dev/vda of=/dev/null bs=1M 2>&1 && tail -c 5 /dev/vda").splitlines()[-1] == "last"
    freed = m.run("grep pgsteal_direct /proc/vmstat").split()
    assert int(freed[-1]) > 100 * 256, freed
    assert not lines(m, "Out of memory")
