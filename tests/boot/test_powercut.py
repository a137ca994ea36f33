"""The power goes in the middle of a load of writes: after e2fsck all is there that fsync, msync and sync had promised (tools/powercut.py).
A longer run: make test-powercut."""
import os
import shutil

import pytest

import machine  # noqa: F401  (puts tools/ on the path)
import powercut


@pytest.fixture(autouse=True)
def needs_e2fsck():
    if not shutil.which("e2fsck"):
        pytest.skip("no e2fsck here")


def test_promises_hold_after_a_power_cut():
    """Twenty-four cuts of one load."""
    seed = int(os.environ.get("SEED") or 20)
    wrong, text = powercut.run(seed, 1024, 60, 24)
    assert not wrong, text + "\n" + "\n".join(wrong[:10])
