"""A Debian on an ext2 disk, installed by debootstrap (make debian-root): the kernel boots it, and its own programs run, write, and leave
a file system in order. Skipped where it cannot be installed (no debootstrap, no root, no network)."""
import os
import shutil
import subprocess

import machine
import pytest

IMAGE = os.path.join(machine.BUILD, "debian.img")
HELLO = r'#include <stdio.h>\nint main(int argc, char **argv) { printf("hello from %%s\\n", argv[1]); return argc - 2; }\n'


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A copy of the image."""
    made = subprocess.run([os.path.join(machine.ROOT, "tools/debimage.py"), "--output", IMAGE, "--init",
                           os.path.join(machine.BUILD, "user/init")], env={**os.environ, "O": machine.BUILD}, capture_output=True, text=True,
                          check=False)
    if made.returncode == 2:
        pytest.skip(made.stderr.splitlines()[-1])
    assert made.returncode == 0, made.stderr
    copy = str(tmp_path_factory.mktemp("debian") / "disk.img")
    subprocess.run(["cp", "--sparse=always", IMAGE, copy], check=True)
    yield copy
    os.unlink(copy)


@pytest.fixture(scope="module")
def debian(disk):
    """The machine, booted from the disk and at bash's prompt."""
    with machine.Machine(mem="512M", disk=disk, cmdline="panic=-1 root=/dev/vda rw", timeout=120) as one:
        one.prompt()
        yield one


def test_root_is_the_disk(debian):
    """/ is ext2 on /dev/vda, writable, and the shell is Debian's bash."""
    assert "/dev/vda / ext2 rw" in debian.run("cat /proc/mounts")
    assert "5." in debian.run("echo $BASH_VERSION")


def test_packages(debian):
    """apt-get and dpkg read their data bases; each installed package's state is ii."""
    assert "apt 2." in debian.run("apt-get --version")
    states = debian.run("dpkg -l | tail -n +6 | cut -c1-3 | sort | uniq -c", timeout=60).split()
    assert states[1:] == ["ii"] and int(states[0]) > 80, states
    assert "bash" in debian.run("dpkg -S /bin/bash")


def test_python(debian):
    """python3 starts, imports from the disk, and writes a file that another program reads."""
    debian.run("""python3 -c 'import os; open("/root/squares", "w").write("".join("%d\\n" % (i * i) for i in range(100000)))'""", timeout=60)
    assert "333328333350000" in debian.run("python3 -c 'print(sum(map(int, open(\"/root/squares\"))))'", timeout=60)


def test_gcc_compiles_and_runs(debian):
    """The compiler, assembler and linker make a program on the disk; it runs."""
    debian.run(f"printf '{HELLO}' > /root/hello.c")
    debian.run("gcc -O2 -Wall -o /root/hello /root/hello.c", timeout=120)
    assert "hello from gcc" in debian.run("/root/hello gcc")


def test_tar_and_back(debian):
    """A tree is packed, unpacked and compared; then all of it goes."""
    debian.run("cd /root && tar cf etc.tar /etc 2>/dev/null && mkdir copy && tar xf etc.tar -C copy && diff -r --no-dereference /etc copy/etc && rm -r copy etc.tar",
               timeout=60)


def test_dpkg_installs(debian):
    """dpkg-deb builds a package; dpkg installs, verifies and purges it (its data base is written with fsync and rename)."""
    debian.run("mkdir -p /root/p/DEBIAN /root/p/usr/share/quire && echo page > /root/p/usr/share/quire/one && printf "
               "'Package: quire-test\\nVersion: 1\\nArchitecture: all\\nMaintainer: nobody\\nDescription: one file\\n' "
               "> /root/p/DEBIAN/control && dpkg-deb -b /root/p /root/p.deb", timeout=60)
    debian.run("dpkg -i /root/p.deb && dpkg -V quire-test && grep page /usr/share/quire/one", timeout=60)
    debian.run("dpkg -P quire-test && test ! -e /usr/share/quire/one", timeout=60)


def test_disk_is_in_order(debian, disk):
    """After power off e2fsck finds nothing, and what was written is in the image."""
    debian.run("sync")
    debian.sendline("exit")
    debian.wait(60)
    assert shutil.which("e2fsck", path="/usr/sbin:/sbin:/usr/bin"), "e2fsprogs is not installed"
    check = subprocess.run(["/sbin/e2fsck", "-fn", disk], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout
    text = subprocess.run(["/sbin/debugfs", "-R", "cat /root/squares", disk], capture_output=True, text=True, check=True).stdout
    assert text.splitlines() == [str(i * i) for i in range(100000)]
