"""ext2 on virtio disks: Quire reads what mke2fs wrote, and e2fsck, debugfs and a reader of our own find what Quire wrote. One machine has a disk
for each size of blocks."""
import hashlib
import os
import shutil
import subprocess

import pytest

import machine
import ext2image
import ext2read

KINDS = {"vda": {"block": 1024}, "vdb": {"block": 2048, "inode": 256}, "vdc": {"block": 4096, "inode": 256},
         "vdd": {"block": 1024, "revision": 0}}


@pytest.fixture(autouse=True)
def needs_e2fsprogs():
    for tool in ("mke2fs", "e2fsck", "debugfs"):
        if not shutil.which(tool):
            pytest.skip(f"no {tool} here")


def disks(tmp_path, kinds=None, size="24M", **more):
    """=> ({name: path}, words for QEMU)"""
    paths, words = {}, []
    for name, how in (kinds or KINDS).items():
        paths[name] = str(tmp_path / f"{name}.img")
        ext2image.build(paths[name], size=size, **how, **more)
        words.append(f"-drive file={paths[name]},format=raw,if=none,id={name} -device virtio-blk-pci,drive={name}")
    return paths, " ".join(words)


def file_digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def assert_clean(path):
    found = subprocess.run(["e2fsck", "-fn", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert found.returncode == 0, found.stdout
    state = subprocess.run(["dumpe2fs", "-h", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    assert "Filesystem state:         clean" in state, state


def reader(path):
    with open(path, "rb") as f:
        return ext2read.Ext2(f.read())


def sums(m, folder):
    """=> {path: sha256} of the files below that are not huge, as the guest reads them"""
    text = m.run(f"cd {folder} && find . -type f -size -700000 -exec sha256sum {{}} +; cd /", timeout=120)
    return {line[66:].removeprefix("./"): line[:64] for line in text.splitlines() if len(line) > 66 and line[64:66] == "  "}


def test_reads_what_mke2fs_wrote(quire, tmp_path):
    """Every file, link and name of an image is there, holes and what lies beyond 4 GiB too; a read-only mount writes nothing."""
    paths, words = disks(tmp_path)
    tree = tmp_path / "tree"
    tree.mkdir()
    ext2image.fill(str(tree), beyond=False)
    want = {k: v for k, v in ext2image.contents(str(tree)).items() if os.path.getsize(tree / k) < 700000 * 512}
    before = {name: file_digest(path) for name, path in paths.items()}
    m = quire(cmdline="panic=-1", args=words)
    m.prompt()
    for name in paths:
        m.run(f"mount -t ext2 -o ro /dev/{name} /mnt")
        assert sums(m, "/mnt") == want, name
        assert m.run("readlink /mnt/fast; readlink /mnt/slow").split() == ["tiny", "dir/" + "./" * 100 + "inner"]
        assert m.run("stat -c '%h %s %F' /mnt/tiny /mnt/dir /mnt/fifo").splitlines()[0].strip() == "2 13 regular file"
        assert "Too many" in m.run("cat /mnt/loop", status=1)
        assert int(m.run("ls /mnt/many | wc -l")) == 150
        if KINDS[name].get("revision", 1):
            assert m.run("stat -c %s /mnt/beyond").strip() == str((5 << 30) + 10)
            got = m.run("dd if=/mnt/beyond bs=2 skip=$((5 << 29)) 2>/dev/null | sha256sum")
            assert hashlib.sha256(ext2image.pattern("b1", 10)).hexdigest() in got
        assert "Read-only" in m.run("touch /mnt/new", status=1)
        m.run("umount /mnt")
    m.sendline("poweroff -f")
    m.wait()
    assert {name: file_digest(path) for name, path in paths.items()} == before


WORK = [
    "cp /bin/busybox busybox", "mkdir -p a/b/c", "cp -a dir a/copy", "mv many a/b/names", "rm a/b/names/entry0*", "ln busybox a/hard",
    "ln -s ../busybox a/soft", "ln -s /" + "y" * 100 + " a/long", "mkfifo a/fifo", "mknod a/null c 1 3",
    "dd if=/bin/busybox of=sparse bs=1000 seek=70000 count=900 2>/dev/null", "truncate -s 100 double", "rm -r empty triple holes",
    "cat /bin/busybox /bin/busybox >>tiny", "mv single a/b/c/renamed", "chown 1000:70000 block", "chmod 4751 block",
    "for i in $(seq 300); do echo $i >a/f$i; done", "for i in $(seq 1 3 300); do rm a/f$i; done", "touch -d @1234567890 direct",
]


def test_tools_find_what_quire_wrote(quire, tmp_path):
    """A tree is changed in every way; e2fsck finds nothing, and each byte is read back from the image on the host."""
    paths, words = disks(tmp_path)
    script = "\n".join(["set -e", "mount -t ext2 /dev/$1 /mnt", "cd /mnt"] + WORK + ["cd /", "umount /mnt", "mount -t ext2 /dev/$1 /mnt",
                                                                                   "sha256sum /mnt/busybox", "umount /mnt"])
    m = quire(cmdline="panic=-1", args=words, initramfs=machine.cpio_bytes(machine.archive(files={"work": (script.encode(), 0o755)})))
    m.prompt()
    seen = {name: m.run(f"sh /work {name}", timeout=120) for name in paths}
    m.sendline("poweroff -f")
    m.wait()
    with open("/bin/busybox", "rb") as f:
        busybox = f.read()
    for name, path in paths.items():
        assert_clean(path)
        fs = reader(path)
        root = fs.listdir()
        a = fs.listdir(root["a"])
        assert fs.read(root["busybox"]) == busybox and a["hard"] == root["busybox"]
        assert fs.read(root["tiny"]) == ext2image.pattern("tiny", 13) + busybox * 2
        assert fs.read(root["sparse"]) == bytes(70_000_000) + busybox[:900_000]
        assert fs.read(root["double"]) == ext2image.pattern("double", 330_000)[:100]
        names = fs.listdir(fs.listdir(a["b"])["names"])
        assert len(names) == 50
        assert fs.read(fs.listdir(fs.listdir(a["b"])["c"])["renamed"]) == ext2image.pattern("single", 60_000)
        assert sorted(n for n in a if n.startswith("f") and n[1:].isdigit()) == sorted(f"f{i}" for i in range(1, 301) if i % 3 != 1)
        text = subprocess.run(["debugfs", "-R", "stat /block", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=True).stdout
        assert "Mode:  04751" in text and "User:  1000" in text and "Group: 70000" in text, text
        assert hashlib.sha256(busybox).hexdigest() in seen[name]


def test_a_full_disk_says_so(quire, tmp_path):
    """ENOSPC for data and for inodes; what was written before stays, and what is deleted can be used again."""
    paths, words = disks(tmp_path, {"vda": {"block": 1024}}, size="4M")
    m = quire(cmdline="panic=-1", args=words)
    m.prompt()
    m.run("mount -t ext2 /dev/vda /mnt && cd /mnt")
    assert "No space left" in m.run("dd if=/dev/zero of=big bs=64k; sync", timeout=60, status=None)
    m.run("test $(stat -c %s big) -gt 1000000")
    # Names need room in the directory, then inodes. (echo: a failed redirection of `:` would end the shell's line.)
    many = "for i in $(seq 2000); do echo -n >i$i || break; done"
    assert "No space left" in m.run(many, timeout=60, status=None)
    m.run("rm big i*; sync")
    assert "No space left" in m.run(many, timeout=60, status=None)
    assert int(m.run("ls | wc -l")) > 700
    m.run("rm i*; dd if=/dev/zero of=again bs=64k count=16 && sync", timeout=60)
    m.run("cd / && umount /mnt")
    m.sendline("poweroff -f")
    m.wait()
    assert_clean(paths["vda"])
    assert reader(paths["vda"]).read(reader(paths["vda"]).listdir()["again"]) == bytes(1 << 20)


def test_deleted_while_open(quire, tmp_path):
    """A file without a name is there until its last descriptor closes, and no block is lost."""
    paths, words = disks(tmp_path, {"vda": {"block": 1024}})
    m = quire(cmdline="panic=-1", args=words)
    m.prompt()
    m.run("mount -t ext2 /dev/vda /mnt && cp /bin/busybox /mnt/b && sync")
    free = m.run("df /mnt | tail -n 1 | awk '{print $4}'").strip()
    m.run("exec 9</mnt/b; rm /mnt/b; sync")
    assert m.run("sha256sum <&9").split()[0] == file_digest("/bin/busybox")
    assert "busy" in m.run("umount /mnt", status=1)
    assert m.run("df /mnt | tail -n 1 | awk '{print $4}'").strip() == free
    m.run("exec 9<&-; sync")
    assert int(m.run("df /mnt | tail -n 1 | awk '{print $4}'")) > int(free) + 500
    m.run("umount /mnt")
    m.sendline("poweroff -f")
    m.wait()
    assert_clean(paths["vda"])


def test_other_systems_are_refused(quire, tmp_path):
    """ext4's features, a disk of zeroes and one that is too short: no mount, and for those that look like an ext2 a line in the log."""
    four, zero, short = (str(tmp_path / n) for n in ("four.img", "zero.img", "short.img"))
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", four, "8M"], check=True)
    subprocess.run(["truncate", "-s", "8M", zero], check=True)
    ext2image.build(short, size="24M")
    os.truncate(short, 1 << 20)
    words = " ".join(f"-drive file={p},format=raw,if=none,id=d{i} -device virtio-blk-pci,drive=d{i}" for i, p in enumerate((four, zero, short)))
    m = quire(cmdline="panic=-1", args=words)
    m.prompt()
    for name in ("vda", "vdb", "vdc"):
        m.run("dmesg -c >/dev/null")
        m.run(f"mount -t ext2 /dev/{name} /mnt; test $? -ne 0")
        assert name == "vdb" or name in m.run("dmesg"), name
        assert "/mnt" not in m.run("cat /proc/mounts")
