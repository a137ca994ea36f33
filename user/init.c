/*
 * init: process 1. Mounts the pseudo file systems, then runs one of
 *	/etc/rc		when the root has it (the test run; its exit status ends the machine), or
 *	sh -l		on the console, as leader of a session with job control; root's shell of /etc/passwd, if there is one.
 * When that program ends, the machine is powered off. Orphans are reaped meanwhile, as process 1 must.
 *
 * As /init of the initramfs it goes to the disk first when the kernel's command line says root=: that is mounted (rootfstype=, ext2 if
 * nothing is said; rootflags=; ro or rw; the device is waited for), becomes /, and its init runs in our place. This program is also the
 * /sbin/init of disk images (tools/debimage.py).
 *
 * The console is the tty that becomes the session's controlling terminal: /dev/console cannot be
 * one on Linux, so the tty behind it is tried first. Each step's failure is reported on the console and is
 * not fatal: a shell without /proc is better than no shell.
 *
 * Runs on Linux as well (tools/bench.py boots it there). Exercised by tests/boot/test_shell.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

/* What /etc/passwd says of root; returns if it says nothing that can be run. */
static void run_login_shell(void)
{
	struct passwd *root = getpwuid(0);
	char name[64];

	if (!root || !root->pw_shell[0] || access(root->pw_shell, X_OK))
		return;
	setenv("HOME", root->pw_dir, 1);
	setenv("SHELL", root->pw_shell, 1);
	setenv("USER", root->pw_name, 1);
	setenv("LOGNAME", root->pw_name, 1);
	if (chdir(root->pw_dir))
		complain("chdir", root->pw_dir);
	snprintf(name, sizeof(name), "-%s", basename(root->pw_shell));
	execl(root->pw_shell, name, (char *)NULL);
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
	if (scripted) {
		execl("/etc/rc", "rc", (char *)NULL);
	} else {
		run_login_shell();
		execl("/bin/sh", "-sh", "-l", (char *)NULL);
	}
	complain("cannot run", scripted ? "/etc/rc" : "/bin/sh");
	_exit(127);
}

/* The value of a word of the kernel's command line, the last one that is there: "" for a bare word. => NULL: it is not there. */
static const char *boot_word(const char *name)
{
	static char line[4096];
	const char *found = NULL;
	size_t len = strlen(name);
	int fd = open("/proc/cmdline", O_RDONLY);
	ssize_t got = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);

	if (fd >= 0)
		close(fd);
	line[got > 0 ? got : 0] = 0;
	for (char *save, *word = strtok_r(line, " \n", &save); word;
	     word = strtok_r(NULL, " \n", &save))
		if (!strncmp(word, name, len) && (!word[len] || word[len] == '='))
			found = strdup(word + len + (word[len] == '='));
	return found;
}

static void run_init_of_disk(void)
{
	static const char *const inits[] = { "/sbin/init", "/etc/init", "/bin/init", "/bin/sh" };
	const char *asked = boot_word("init");

	if (asked)
		execl(asked, asked, (char *)NULL);
	for (size_t i = 0; i < sizeof(inits) / sizeof(inits[0]) && !asked; i++)
		execl(inits[i], inits[i], (char *)NULL);
	complain("cannot run", asked ? asked : "an init of the disk");
}

/* Go to the disk that root= names. Returns if it cannot be mounted: then the initramfs is all there is. */
static void switch_root(void)
{
	const char *device = boot_word("root"), *type = boot_word("rootfstype");
	static const char *const moved[][2] = { { "/dev", "/mnt/dev" }, { "/proc", "/mnt/proc" } };

	if (!device || !*device)
		return;
	for (int i = 0; access(device, F_OK) && i < 100; i++)
		usleep(50000);
	mkdir("/mnt", 0755);
	if (mount(device, "/mnt", type && *type ? type : "ext2", boot_word("rw") ? 0 : MS_RDONLY,
		  boot_word("rootflags"))) {
		complain("mount", device);
		return;
	}
	for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++)
		if (mount(moved[i][0], moved[i][1], NULL, MS_MOVE, NULL))
			complain("move", moved[i][0]);
	if (chdir("/mnt") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/")) {
		complain("cannot make / of", device);
		return;
	}
	run_init_of_disk();
}

int main(int argc, char **argv)
{
	pid_t session, pid;
	int scripted;

	umask(022);
	mount_on("devtmpfs", "/dev");
	/* The kernel opened /dev/console for us if it had one; without it, take what is there now. */
	if (fcntl(0, F_GETFD) < 0)
		take_terminal("/dev/console");
	mount_on("proc", "/proc");
	if (argc > 0 && !strcmp(argv[0], "/init"))
		switch_root();
	scripted = access("/etc/rc", X_OK) == 0;
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
