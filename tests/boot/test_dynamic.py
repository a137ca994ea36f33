"""Debian's own dynamically linked programs, copied with their libraries from this machine into an initramfs: bash, coreutils, python3."""
import os
import shutil
import subprocess

import machine
import pytest

PYTHON = "/usr/bin/python3"
LIBRARY = "/usr/lib/python{version}"
# What no test below imports.
UNUSED = {"test", "idlelib", "tkinter", "lib2to3", "distutils", "ensurepip", "pydoc_data", "__pycache__", "dist-packages", "site-packages",
          "turtledemo", "unittest", "xmlrpc", "wsgiref"}
COREUTILS = ["ls", "sort", "seq", "wc", "stat"]
SCRIPTS = {
    "threads": """
import threading, queue
q = queue.Queue()
threads = [threading.Thread(target=lambda i=i: [q.put(i) for _ in range(100)]) for i in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print('sum', sum(q.get() for _ in range(800)))
""",
    "processes": """
import mmap, os, subprocess
print(subprocess.run(['/deb/seq', '3'], capture_output=True, check=True).stdout)
m = mmap.mmap(-1, 1 << 20)
if os.fork() == 0:
    m[4096:4101] = b'child'
    os._exit(0)
os.wait()
print(m[4096:4101])
""",
    "pool": """
import multiprocessing
if __name__ == '__main__':
    with multiprocessing.Pool(3) as pool:
        print('sum', sum(pool.map(abs, range(-100, 1))))
""",
    "events": """
import asyncio, socket, array, os

async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()

async def client(i):
    reader, writer = await asyncio.open_unix_connection('/tmp/sock')
    lines = []
    for k in range(5):
        writer.write(b'line %d %d\\n' % (i, k))
        lines.append(await reader.readline())
    writer.close()
    return lines

async def main():
    server = await asyncio.start_unix_server(serve, '/tmp/sock')
    got = await asyncio.gather(*(client(i) for i in range(10)))
    print('lines', sum(g == [b'LINE %d %d\\n' % (i, k) for k in range(5)] for i, g in enumerate(got)))
    process = await asyncio.create_subprocess_exec('/deb/seq', '2', stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    print('process', out, process.returncode)
    server.close()

asyncio.run(main())
a, b = socket.socketpair()
socket.send_fds(a, [b'fd'], [os.memfd_create('x')])
print('fds', socket.recv_fds(b, 10, 4)[0], b.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM)
""",
    "descriptors": """
import os, select
fd = os.memfd_create('x')
os.write(fd, b'memory')
e, p = os.eventfd(0), select.epoll()
p.register(e, select.EPOLLIN)
print(os.pread(fd, 6, 0), p.poll(0))
os.eventfd_write(e, 5)
print(p.poll(0) == [(e, select.EPOLLIN)], os.eventfd_read(e))
""",
}


def copy_with_libraries(root, source, target):
    """The program and everything that ldd names, at the same places below root."""
    wanted = {target: source}
    for word in subprocess.run(["ldd", source], capture_output=True, text=True, check=False).stdout.split():
        if word.startswith("/"):
            wanted[word] = word
    for place, file in wanted.items():
        full = root + place
        if not os.path.exists(full):
            os.makedirs(os.path.dirname(full), exist_ok=True)
            shutil.copy(os.path.realpath(file), full)


def copy_python(root):
    version = subprocess.run([PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True,
                             check=True).stdout.strip()
    library = LIBRARY.format(version=version)
    copy_with_libraries(root, PYTHON, PYTHON)
    for entry in sorted(os.listdir(library)):
        source = os.path.join(library, entry)
        if entry in UNUSED or entry.startswith("config-"):
            continue
        if os.path.isdir(source) and entry != "lib-dynload":
            shutil.copytree(source, root + source, ignore=shutil.ignore_patterns("__pycache__"))
        elif entry.endswith(".py"):
            os.makedirs(root + library, exist_ok=True)
            shutil.copy(source, root + source)
    for entry in sorted(os.listdir(library + "/lib-dynload")):
        copy_with_libraries(root, f"{library}/lib-dynload/{entry}", f"{library}/lib-dynload/{entry}")


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    """A machine whose initramfs holds the programs: coreutils and bash in /deb, python3 in /usr/bin."""
    if not os.path.exists("/usr/bin/ldd") or not os.path.exists("/bin/bash") or not os.path.exists(PYTHON):
        pytest.skip("no dynamically linked programs here")
    root = str(tmp_path_factory.mktemp("debian"))
    for name in COREUTILS + ["bash"]:
        copy_with_libraries(root, shutil.which(name, path="/usr/bin:/bin"), "/deb/" + name)
    copy_python(root)
    os.makedirs(root + "/scripts")
    for name, code in SCRIPTS.items():
        with open(f"{root}/scripts/{name}.py", "w", encoding="utf-8") as f:
            f.write(code)
    with machine.Machine(mem="1G", cmdline="panic=-1", initramfs=machine.cpio_bytes(machine.archive(overlay=root))) as one:
        one.prompt()
        yield one


def python(debian, name):
    return debian.run(f"python3 /scripts/{name}.py", timeout=60)


def test_bash_and_coreutils(debian):
    """The dynamic loader, bash's pipes and coreutils: what they print is right, and they complain about nothing."""
    out = debian.run("/deb/bash -c 'for i in 3 1 2; do echo $i; done | /deb/sort | /deb/wc -l'")
    assert "3" in out.split(), out
    out = debian.run("/deb/ls -l /deb")
    assert "bash" in out and "not implemented" not in out, out
    assert "regular file:755" in debian.run("/deb/stat -c %F:%a /deb/ls")


def test_python_threads(debian):
    """Eight threads of glibc hand numbers over through a queue."""
    assert "sum 2800" in python(debian, "threads")


def test_python_subprocess_and_mmap(debian):
    """subprocess (vfork, pipes, poll) and mmap (anonymous, shared with a child)."""
    out = python(debian, "processes")
    assert "b'1\\n2\\n3\\n'" in out and "b'child'" in out, out


def test_python_multiprocessing(debian):
    """A pool of processes: semaphores in shared memory, pipes, futexes between processes."""
    assert "sum 5050" in python(debian, "pool")


def test_python_asyncio(debian):
    """An event loop over epoll and unix-domain sockets: a server with ten clients, a child process; a file sent through a pair."""
    out = python(debian, "events")
    assert "lines 10" in out and "process b'1\\n2\\n' 0" in out and "fds b'fd' True" in out, out


def test_python_descriptors(debian):
    """memfd_create, eventfd and epoll as Python offers them."""
    out = python(debian, "descriptors")
    assert "b'memory' []" in out and "True 5" in out, out
