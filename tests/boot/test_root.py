"""The kernel goes to a disk itself: root= without an initramfs, or with one that has no /init."""
import os
import re
import shutil
import subprocess

import pytest

import machine

INIT = b"#!/bin/sh\nmount -t proc proc /proc\nexec </dev/console >/dev/console 2>&1\nexec /bin/sh -l\n"


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """An ext2 image with busybox and an /sbin/init."""
    if not shutil.which("mke2fs"):
        pytest.skip("no mke2fs here")
    where = tmp_path_factory.mktemp("root")
    tree = where / "tree"
    for folder in ("bin", "sbin", "dev", "proc", "root"):
        (tree / folder).mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin/busybox")
    for name in ("sh", "mount", "cat", "echo", "ls", "sync", "poweroff", "umount", "grep"):
        os.symlink("busybox", tree / "bin" / name)
    (tree / "sbin/init").write_bytes(INIT)
    (tree / "sbin/init").chmod(0o755)
    image = where / "root.img"
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext2", "-d", tree, image, "16M"], check=True)
    return image


def virtio(image):
    return f"-drive file={image},format=raw,if=none,id=root,snapshot=on -device virtio-blk-pci,drive=root"


@pytest.mark.parametrize("words, options", [("root=/dev/vda rw", "rw"), ("root=254:0 rootfstype=ext2 rootwait", "ro"),
                                            ("root=/dev/vda rootfstype=tar,ext2 rw", "rw")], ids=["name", "number", "list"])
def test_root_without_an_initramfs(quire, disk, words, options):
    """/ is the disk, read-only if nothing else is asked; its init runs with /dev there."""
    m = quire(cmdline=f"panic=-1 {words}", initramfs=None, args=virtio(disk))
    m.prompt()
    mounts = m.run("cat /proc/mounts")
    assert re.search(rf"^/dev/vda / ext2 {options}\b", mounts, re.M), mounts
    assert m.run("echo x > /new && cat /new || echo refused").strip().endswith("x" if options == "rw" else "refused")
    assert "vda" in m.run("ls /dev")


def test_initramfs_without_init(quire, disk):
    """An initramfs that has no /init leaves root= to the kernel."""
    files = machine.archive(files={"/note": (b"first\n", 0o644)}, applets=False)
    m = quire(cmdline="panic=-1 root=/dev/vda rw", initramfs=machine.cpio_bytes(files), args=virtio(disk))
    m.prompt()
    assert m.run("cat /note; echo $?").strip().endswith("1")


@pytest.mark.parametrize("words", ["root=/dev/vdb", "root=254:77", "root=/dev/vda rootfstype=tar", "root=PARTUUID=1234-01"],
                         ids=["name", "number", "type", "other"])
def test_a_root_that_is_not_there(quire, disk, words):
    """The end is a panic that names what was asked for, after a list of the disks that there are."""
    m = quire(cmdline=f"panic=-1 {words}", initramfs=None, args=virtio(disk))
    m.wait()
    assert re.search(r"Cannot open root device \"" + re.escape(words.split()[0][5:].replace("254:0", "/dev/vda")), m.log), m.tail()
    assert re.search(r"254:0 16384 KiB vda", m.log), m.tail()
    assert "Unable to mount root fs" in m.log
