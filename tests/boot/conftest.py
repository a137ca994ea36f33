"""Fixtures of the boot tests. `quire(...)` starts a machine (see machine.py) and ends it with the test; `shell` is one booted machine that all
tests of a module share. Each test states in its docstring what it proves."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import machine  # noqa: E402


def pytest_configure(config):
    missing = [f for f in ("quire.stripped", "initramfs.cpio") if not os.path.exists(os.path.join(machine.BUILD, f))]
    if missing:
        pytest.exit(f"{machine.BUILD}: {', '.join(missing)} missing; run: make test", returncode=2)


@pytest.fixture
def quire():
    """Start machines: quire(mem="16M", cmdline="...") => Machine."""
    started = []

    def start(**knobs):
        started.append(machine.Machine(**knobs))
        return started[-1]

    yield start
    for one in started:
        one.child.close(force=True)


@pytest.fixture(scope="module")
def shared_shell():
    with machine.Machine(cmdline="panic=-1") as one:
        one.prompt()
        yield one


@pytest.fixture
def shell(shared_shell):
    """A machine at its prompt, shared by the module; a test that breaks it makes the next one fail clearly."""
    if not shared_shell.child.isalive():
        pytest.fail("the shared machine ended in an earlier test:\n" + shared_shell.tail())
    return shared_shell
