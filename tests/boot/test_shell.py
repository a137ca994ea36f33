"""What a person does at the shell works: pipelines, jobs, signals from the keyboard, the usual tools, power off."""
import re

import machine


def test_pipeline(shell):
    """A pipeline of programs passes its bytes on."""
    assert shell.run("seq 1 1000 | grep 7 | sort -rn | head -n 2").split() == ["997", "987"]
    assert shell.run("dd if=/dev/zero bs=4096 count=64 2>/dev/null | wc -c").strip() == str(64 * 4096)


def test_exit_status(shell):
    """The status of a program comes back."""
    shell.run("true", status=0)
    shell.run("false", status=1)
    shell.run("sh -c 'exit 42'", status=42)
    shell.run("/no/such/program", status=127)


def test_redirection_and_files(shell):
    """Files in the root keep what is written to them."""
    shell.run("mkdir -p /tmp/d && echo one > /tmp/d/f && echo two >> /tmp/d/f")
    assert shell.run("cat /tmp/d/f").split() == ["one", "two"]
    shell.run("mv /tmp/d/f /tmp/d/g && ln -s g /tmp/d/l")
    assert shell.run("cat /tmp/d/l | tail -n 1").strip() == "two"
    shell.run("rm -r /tmp/d")
    shell.run("ls /tmp/d", status=1)


def test_background_job(shell):
    """A job in the background runs while the shell goes on, and is waited for."""
    shell.run("sleep 1 > /dev/null & echo started")
    assert "sleep" in shell.run("jobs")
    shell.run("wait")
    assert "sleep" not in shell.run("jobs")


def test_interrupt_from_keyboard(shell):
    """^C ends the program in the foreground and not the shell."""
    shell.start("sleep 1000")
    shell.control("c")
    shell.prompt()
    shell.run("true")
    assert shell.run("ps | grep '[s]leep 1000' | wc -l").strip() == "0"


def test_interrupt_hits_the_whole_pipeline(shell):
    """^C goes to every process of the foreground group."""
    shell.sendline("cat /dev/zero | sleep 1000 | sh -c 'echo =ST\"\"ART=; exec cat'")
    shell.expect("=START=")
    shell.control("c")
    shell.prompt()
    assert shell.run("ps | grep -E '[s]leep 1000|[c]at /dev/zero' | wc -l").strip() == "0"


def test_stop_and_continue(shell):
    """^Z stops, bg goes on in the background, fg brings back."""
    shell.start("sleep 1001")
    shell.control("z")
    shell.expect(r"Stopped")
    shell.prompt()
    assert re.search(r"Stopped.*sleep 1001", shell.run("jobs"))
    shell.run("bg %1")
    assert re.search(r"Running.*sleep 1001", shell.run("jobs"))
    shell.sendline("fg %1")
    shell.expect(r"sleep 1001.*\n")
    shell.stays(0.5 * machine.scale())      # fg speaks before it hands over the terminal
    shell.control("c")
    shell.prompt()
    assert "sleep" not in shell.run("jobs")


def test_end_of_file(shell):
    """^D on an empty line ends the input of a program."""
    shell.start("cat > /tmp/typed")
    shell.sendline("hello")
    shell.control("d")
    shell.prompt()
    assert shell.run("cat /tmp/typed").strip() == "hello"


def test_line_editing_of_the_tty(shell):
    """In canonical mode the tty erases (^?), kills the line (^U)."""
    shell.start("cat > /tmp/typed")
    shell.send("junk\x15helxx\x7f\x7flo\r")
    shell.control("d")
    shell.prompt()
    assert shell.run("cat /tmp/typed").strip() == "hello"


def test_segmentation_fault_is_the_programs_own(shell):
    """A program killed by SIGSEGV leaves shell and kernel unharmed."""
    shell.run("sh -c 'kill -SEGV $$'", status=139)
    shell.run("true")


def test_name(shell):
    """The kernel calls itself what programs expect of a Linux, and says that it is Quire."""
    assert shell.run("uname -s -r -m").split() == ["Linux", "6.12.0-quire", "x86_64"]
    assert shell.run("cat /proc/sys/kernel/osrelease").strip() == "6.12.0-quire"


def test_usual_tools(shell):
    """The tools that a person reaches for first run and say something sensible."""
    assert re.search(r"\b1 .*init", shell.run("ps"))
    assert re.search(r"Mem: +\d+ +\d+ +\d+", shell.run("free"))
    assert re.search(r"load average", shell.run("uptime"))
    assert re.search(r"CPU:|Mem:", shell.run("top -b -n 1 | head -n 5"))
    assert "proc on /proc" in shell.run("mount")
    assert re.search(r"^tmpfs +\d+ +\d+ +\d+ +\d+% /\r*$", shell.run("df"), re.M)
    assert "quire" in shell.run("hostname")
    assert "uid=0(root)" in shell.run("id")
    assert "busybox" in shell.run("ls -l /bin/ls")
    assert shell.run("find /etc -name passwd").strip() == "/etc/passwd"
    assert shell.run("awk -F: '$3 == 0 { print $1 }' /etc/passwd").strip() == "root"
    shell.run("time true")
    shell.run("timeout 1 sleep 100", status=143)


def test_window_size(shell):
    """resize asks the terminal at the other end of the line for its size; programs then see it."""
    shell.sendline("resize 20")
    shell.expect(r"\x1b\[999;999H\x1b\[6n")
    shell.send("\x1b[50;132R")
    shell.prompt()
    assert shell.run("stty size").split() == ["50", "132"]
    shell.run("stty rows 24 cols 80")


def test_quiet_console(shell):
    """The kernel does not write between what a person types: after init there is nothing from it on the console."""
    shell.run("sleep 2")
    after = shell.log.split("as init process", 1)[1]
    assert not re.search(r"^\[ *\d+\.\d+\] ", after, re.M), after


def test_own_maps(shell):
    """/proc/self/maps shows the program, its heap and its stack with their permissions."""
    maps = shell.run("cat /proc/self/maps")
    assert re.search(r"^[0-9a-f]+-[0-9a-f]+ r-xp [0-9a-f]{8} \S+ \d+ +/bin/busybox$", maps, re.M)
    assert re.search(r"rw-p .*\[stack\]$", maps, re.M)
    assert not re.search(r"^[0-9a-f]+-[0-9a-f]+ rwx", maps, re.M)


def test_devices(shell):
    """The memory devices do what they do everywhere."""
    assert shell.run("head -c 4 /dev/zero | od -An -tx1").split() == ["00"] * 4
    shell.run("echo gone > /dev/null")
    shell.run("echo x > /dev/full", status=1)
    assert shell.run("head -c 64 /dev/urandom | wc -c").strip() == "64"
    assert shell.run("tty").strip().startswith("/dev/")


def test_thousand_programs_leave_no_trace(shell):
    """1000 times fork, exec and wait leave MemFree where it was, within 64 pages: nothing leaks."""
    loop = "i=0; while [ $i -lt %d ]; do /bin/busybox true; i=$((i+1)); done"
    shell.run(loop % 100, timeout=60)
    before = shell.meminfo()["MemFree"]
    shell.run(loop % 1000, timeout=240)
    after = shell.meminfo()["MemFree"]
    assert abs(after - before) <= 64 * 4, f"MemFree was {before} kB, is {after} kB"


def test_power_off(quire):
    """poweroff -f ends QEMU with status 0."""
    m = quire().prompt()
    m.sendline("poweroff -f")
    assert m.wait() == machine.POWER_OFF


def test_leaving_the_shell_powers_off(quire):
    """exit at the prompt ends the session, and init the machine."""
    m = quire().prompt()
    m.sendline("exit")
    assert m.wait() == machine.POWER_OFF


def test_reboot(quire):
    """reboot -f starts the machine again."""
    m = quire(reboot=True).prompt()
    m.run("echo mark > /tmp/mark")
    m.sendline("reboot -f")
    m.prompt()
    m.run("ls /tmp/mark", status=1)


def test_overlay_replaces_files(quire, tmp_path):
    """EXTRA=DIR: a file of the folder replaces the one in the root, and new ones are added."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "hostname").write_text("other\n")
    (tmp_path / "hello.sh").write_text("#!/bin/sh\necho hello from outside\n")
    (tmp_path / "hello.sh").chmod(0o755)
    m = quire(initramfs=machine.cpio_bytes(machine.archive(overlay=str(tmp_path)))).prompt()
    assert m.run("cat /etc/hostname").strip() == "other"
    assert m.run("/hello.sh").strip() == "hello from outside"
