/*
 * fuzz.h - what the fuzzing suites share: the clock, random numbers for each thread, workers without rights, the
 * files they play with, and the end of whoever is left of them.
 *
 * Whoever is left of a worker is killed by its user id. A process that survives SIGKILL, or a memory that does not
 * come back (judged on Quire only, where nobody else runs), is a failure.
 * FUZZ_SECONDS=N runs longer; FUZZ_ROOT=1 and FUZZ_TRACE=1: fuzz.c.
 */
#ifndef TESTS_USER_FUZZ_H
#define TESTS_USER_FUZZ_H

#include "test.h"
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <time.h>

#define WORKER_UID   54321
#define ARENA	     ((char *)0x200000000UL)
#define ARENA_PAGES  64UL
#define KILL_SECONDS 10

static unused int keep_rights, may_fork, trace;

static unused long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- one stream of random numbers a thread ---- */

static unused uint64_t next(uint64_t *r)
{
	*r ^= *r << 13;
	*r ^= *r >> 7;
	*r ^= *r << 17;
	return *r;
}

static unused uint64_t below(uint64_t *r, uint64_t n)
{
	return next(r) % n;
}

static unused void limit(int what, unsigned long value)
{
	struct rlimit l = { value, value };

	setrlimit(what, &l);
}

static unused int become_worker(const char *dir)
{
	if (chdir(dir))
		return -1;
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, 1 << 20);
	limit(RLIMIT_CPU, 3);
	limit(RLIMIT_NPROC, 40);
	limit(RLIMIT_AS, 256UL << 20);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	setsid();
	if (geteuid() == 0) {
		if ((!on_quire() || keep_rights) && chroot("."))
			return -1;
		if (!keep_rights && (setgid(WORKER_UID) || setuid(WORKER_UID)))
			return -1;
	}
	return 0;
}

static unused void make_playground(const char *dir)
{
	char target[512];

	ASSERT_OK(chmod(dir, 0777));
	make_file("file", "0123456789abcdef0123456789abcdef", 32);
	make_file("exe", "\177ELF\2\1\1", 7);
	make_file("script", "#!/nonexistent x\n", 17);
	make_file("hole", "x", 1);
	ASSERT_OK(truncate("hole", 300000));
	ASSERT_OK(mkdir("dir", 0777));
	snprintf(target, sizeof(target), "%s", "file");
	symlink(target, "link");
	symlink("loop", "loop");
	symlink("/proc/self/exe", "self");
	mkfifo("fifo", 0666);
	chmod("file", 0666);
	chmod("dir", 0777);
	chmod("exe", 0777);
	chmod("script", 0777);
	chmod("hole", 0666);
	chmod("fifo", 0666);
	if (keep_rights) {
		static const struct {
			const char *name;
			int major, minor;
		} nodes[] = { { "dev/null", 1, 3 },   { "dev/zero", 1, 5 },  { "dev/full", 1, 7 },
			      { "dev/random", 1, 8 }, { "dev/kmsg", 1, 11 }, { "dev/mem", 1, 1 },
			      { "dev/tty", 5, 0 },    { "dev/ptmx", 5, 2 } };
		static const char *const types[][2] = { { "proc", "proc" },
							{ "sysfs", "sys" },
							{ "devpts", "dev/pts" } };

		mkdir("dev", 0755);
		for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
			mknod(nodes[i].name, S_IFCHR | 0666,
			      makedev(nodes[i].major, nodes[i].minor));
		for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
			mkdir(types[i][1], 0755);
			if (mount(types[i][0], types[i][1], types[i][0], 0, NULL))
				say("# mount %s: %s\n", types[i][1], strerror(errno));
		}
	}
}

/* End everybody of the workers' user id, by one of them. */
static unused void kill_workers(void)
{
	if (geteuid() != 0)
		return;
	if (keep_rights) { /* whoever was born after the supervisor */
		DIR *d = opendir("/proc");
		struct dirent *e;

		while (d && (e = readdir(d)))
			if (atoi(e->d_name) > getpid())
				kill(atoi(e->d_name), SIGKILL);
		if (d)
			closedir(d);
		return;
	}
	pid_t pid = fork();

	if (pid == 0) {
		if (setuid(WORKER_UID) == 0)
			kill(-1, SIGKILL);
		_exit(0);
	}
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
}

/* All children gone, killed again and again. => 0, or the number of a process that does not die. */
static unused int reap_all(void)
{
	long end = now_ms() + KILL_SECONDS * 1000;
	int status;

	while (1) {
		pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);

		if (pid < 0 && errno == ECHILD)
			return 0;
		if (pid > 0)
			continue;
		kill_workers();
		if (now_ms() > end)
			return 1;
		usleep(2000);
	}
}

static unused long free_kib(void)
{
	struct sysinfo si;

	sysinfo(&si);
	return si.freeram * (unsigned long)si.mem_unit / 1024;
}

static unused void start(void)
{
	keep_rights = on_quire() && getenv("FUZZ_ROOT");
	may_fork = geteuid() == 0;
	trace = getenv("FUZZ_TRACE") != NULL;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

static unused long run_ms(long usual)
{
	const char *s = getenv("FUZZ_SECONDS");

	return s ? atol(s) * 1000 : usual;
}

#endif
