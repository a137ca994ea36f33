"""PCI: the devices that QEMU was told to build are the devices found, on the old board (ports) and the new one (ECAM), behind
bridges too; and a teaching device's interrupts and DMA work (suite pci)."""
import pytest

import machine

EDU = "-device edu,addr=5"


@pytest.mark.parametrize("board", ["pc", "q35"])
def test_suite_with_a_teaching_device(quire, board):
    m = quire(machine=board, cpus=2, args=EDU, cmdline="selftest=pci")
    status = m.wait(90)
    passed, failed, _, complete = machine.count_ktap(m.log)
    if status != machine.PASS or failed or not complete or passed != 6:
        m.fail(f"status {status}, {passed} passed, failed: {failed}")
    assert ("pci: ECAM" in m.log) == (board == "q35")


def test_devices_behind_bridges_are_found(quire):
    """Two bridges in a row: the bus numbers are the firmware's, which has numbered them in the order of the walk."""
    m = quire(machine="q35", args="-device pcie-root-port,id=rp,chassis=1,addr=4 -device x3130-upstream,id=up,bus=rp "
              "-device xio3130-downstream,id=down,bus=up,chassis=2 -device virtio-rng-pci,bus=down " + EDU)
    m.prompt()
    names = m.run("ls /sys/bus/pci/devices").split()
    assert {"0000:00:04.0", "0000:01:00.0", "0000:02:00.0", "0000:03:00.0", "0000:00:05.0"} <= set(names), names
    base = "/sys/bus/pci/devices/"
    assert m.run(f"cat {base}0000:03:00.0/vendor").strip() == "0x1af4"
    assert m.run(f"cat {base}0000:00:05.0/class").strip() == "0x00ff00"
    assert "PCI_ID=1234:11E8" in m.run(f"cat {base}0000:00:05.0/uevent")
    assert m.run(f"readlink {base}0000:03:00.0").strip() == "../../../devices/pci0000:00/0000:03:00.0"
    # Express devices have 4096 bytes of configuration space, the old kind 256.
    assert m.run(f"wc -c < {base}0000:00:04.0/config").strip() == "4096"
    assert m.run(f"wc -c < {base}0000:00:05.0/config").strip() == "256"
    assert "0000:00:05.0" in m.run("cat /proc/iomem")


def test_without_pci(quire):
    m = quire(cmdline="pci=off")
    m.prompt()
    assert "pci: off by command line" in m.log
    assert m.run("ls /sys/bus/pci/devices 2>&1 | wc -l").strip() in ("0", "1")
