"""Direct I/O, splice and coherence on an ext2 behind virtio-blk: the user suites run with TMPDIR there, and e2fsck has nothing to say afterwards."""
import os
import subprocess

import machine
import pytest

SUITES = ("directio", "splices", "coherence")


def with_suites(**knobs):
    """=> a machine with the suites in /tests."""
    files = {}
    for name in SUITES:
        with open(os.path.join(machine.BUILD, "usertest", name), "rb") as f:
            files[f"tests/{name}"] = (f.read(), 0o755)
    return machine.Machine(initramfs=machine.cpio_bytes(machine.archive(files=files)), timeout=120, **knobs)


@pytest.mark.parametrize("block", [1024, 4096])
def test_suites_on_ext2(tmp_path, block):
    """Files of an ext2 with blocks of a quarter of a page and of a page."""
    path = tmp_path / "disk.img"
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext2", "-b", str(block), path, "16M"], check=True)
    args = f"-drive file={path},format=raw,if=none,id=d0 -device virtio-blk-pci,drive=d0 "
    with with_suites(args=args) as m:
        m.prompt()
        m.run("mkdir -p /mnt; mount -t ext2 /dev/vda /mnt")
        for name in SUITES:
            out = m.run(f"TMPDIR=/mnt /tests/{name}", timeout=200, status=None)
            passed, failed, _, complete = machine.count_ktap(out)
            if failed or not passed or not complete or "# SKIP" in out:
                m.fail(f"{name}: {passed} passed, failed: {failed}\n{out}")
        m.run("umount /mnt")
        m.sendline("poweroff -f")
        assert m.wait() == machine.POWER_OFF
    check = subprocess.run(["e2fsck", "-fn", path], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout
