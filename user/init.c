/*
 * init: process 1. Mounts the pseudo file systems, then runs one of
 *	/etc/rc		when the initramfs has it (the test run; its exit status ends the machine), or
 *	sh -l		on the console, as leader of a session with job control.
 * When that program ends, the machine is powered off. Orphans are reaped meanwhile, as process 1 must.
 *
 * The console is the tty that becomes the session's controlling terminal: /dev/console cannot be
 * one on Linux, so the tty behind it is tried first. Each step's failure is reported on the console and is
 * not fatal: a shell without /proc is better than no shell.
 *
 * Runs on Linux as well (tools/bench.py boots it there). Exercised by tests/boot/test_shell.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void complain(const char *what, const char *name)
{
	dprintf(2, "init: %s %s: %s\n", what, name, strerror(errno));
}

static void mount_on(const char *type, const char *dir)
{
	mkdir(dir, 0755);
	/* EBUSY: the kernel mounted it before starting us. */
	if (mount(type, dir, type, 0, NULL) && errno != EBUSY)
		complain("mount", dir);
}

/* Make a tty standard input, output and error. => 0, or -1 with errno. */
static int take_terminal(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY);

	if (fd < 0)
		return -1;
	if (!isatty(fd)) {
		close(fd);
		errno = ENOTTY;
		return -1;
	}
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
	return 0;
}

static void run_session(int scripted)
{
	static const char *const ttys[] = { "/dev/ttyS0", "/dev/console" };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (setsid() < 0)
		complain("setsid", "");
	for (size_t i = 0; i < sizeof(ttys) / sizeof(ttys[0]); i++) {
		if (take_terminal(ttys[i]))
			continue;
		if (ioctl(0, TIOCSCTTY, 1) == 0)
			break;
		complain("no job control on", ttys[i]);
	}
	if (scripted)
		execl("/etc/rc", "rc", (char *)NULL);
	else
		execl("/bin/sh", "-sh", "-l", (char *)NULL);
	complain("cannot run", scripted ? "/etc/rc" : "/bin/sh");
	_exit(127);
}

int main(void)
{
	int scripted = access("/etc/rc", X_OK) == 0;
	pid_t session, pid;

	umask(022);
	mount_on("devtmpfs", "/dev");
	/* The kernel opened /dev/console for us if it had one; without it, take what is there now. */
	if (fcntl(0, F_GETFD) < 0)
		take_terminal("/dev/console");
	mount_on("proc", "/proc");
	mount_on("sysfs", "/sys");
	mount_on("debugfs", "/sys/kernel/debug");
	mount_on("tracefs", "/sys/kernel/tracing");
	mount_on("devpts", "/dev/pts");
	sethostname("quire", 5);

	session = fork();
	if (session == 0)
		run_session(scripted);
	if (session < 0)
		complain("fork", "");
	while (session > 0 && (pid = wait(NULL)) != session)
		if (pid < 0 && errno == ECHILD)
			break;

	kill(-1, SIGTERM);
	sync();
	reboot(RB_POWER_OFF);
	complain("power off", "");
	for (;;)
		pause();
}
