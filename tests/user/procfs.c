/*
 * procfs.c - the files of /proc that this issue promises: they parse as on Linux and tell the truth.
 *
 * Each number is checked against something that the test did (mapped, touched, forked, opened), not
 * only for being there.
 */
#include "test.h"
#include <ctype.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#define RW (PROT_READ | PROT_WRITE)

static void need_proc(void)
{
	struct statfs s;

	ASSERT_OK(statfs("/proc", &s));
	ASSERT_EQ(s.f_type, 0x9fa0);
}

/* The text of a proc file, which must exist. */
static char *text_of(const char *path)
{
	char *text = read_text(path);

	if (!text) {
		check_failed(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
		_exit(1);
	}
	return text;
}

/* Value of a "Name:   123 kB" line; -1 if there is none. */
static long field(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = text; p && *p; p = strchr(p, '\n'), p += p != NULL)
		if (!strncmp(p, name, len) && p[len] == ':')
			return strtol(p + len + 1, NULL, 10);
	return -1;
}

/* Field n (from 1) of a stat line; the name may hold blanks and brackets. */
static long stat_field(const char *text, int n)
{
	const char *p = strrchr(text, ')');

	ASSERT(p);
	p += 2;
	for (int i = 3; i < n; i++) {
		p = strchr(p, ' ');
		ASSERT(p);
		p++;
	}
	return isalpha((unsigned char)*p) ? *p : strtol(p, NULL, 10);
}

static char *touch_pages(size_t n)
{
	char *p = mmap(NULL, n * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	memset(p, 1, n * PAGE);
	return p;
}

TEST(self_is_me)
{
	char buf[64] = "", want[64];

	need_proc();
	EXPECT_GT(readlink("/proc/self", buf, sizeof(buf) - 1), 0);
	EXPECT_EQ(atoi(buf), getpid());
	pid_t pid = test_fork();

	if (!pid) {
		memset(buf, 0, sizeof(buf));
		EXPECT_GT(readlink("/proc/self", buf, sizeof(buf) - 1), 0);
		EXPECT_EQ(atoi(buf), getpid());
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	snprintf(want, sizeof(want), "/proc/%d/stat", pid);
	EXPECT_ERR(open(want, O_RDONLY), ENOENT);
	EXPECT_ERR(open("/proc/999999999/stat", O_RDONLY), ENOENT);
	EXPECT_ERR(open("/proc/00001/stat", O_RDONLY), ENOENT);
}

TEST(stat_has_52_fields_that_are_right)
{
	char want[64];

	need_proc();
	touch_pages(1000); /* Linux shows small counts late */
	ASSERT_OK(prctl(PR_SET_NAME, "odd) (name"));
	char *p = text_of("/proc/self/stat");

	snprintf(want, sizeof(want), "%d (odd) (name) R ", getpid());
	EXPECT(!strncmp(p, want, strlen(want)));
	EXPECT_EQ(stat_field(p, 4), getppid());
	EXPECT_EQ(stat_field(p, 5), getpgrp());
	EXPECT_EQ(stat_field(p, 6), getsid(0));
	EXPECT_GT(stat_field(p, 10), 0); /* minor faults */
	EXPECT_EQ(stat_field(p, 20), 1); /* threads */
	EXPECT_GT(stat_field(p, 23), 0); /* vsize in bytes */
	EXPECT_GT(stat_field(p, 24), 0); /* rss in pages */
	int spaces = 0;

	for (char *s = strrchr(p, ')'); *s; s++)
		spaces += *s == ' ';
	EXPECT_EQ(spaces, 50);
	EXPECT_EQ(p[strlen(p) - 1], '\n');
}

TEST(states_of_other_processes)
{
	char path[64];
	int fd[2], status;

	need_proc();
	ASSERT_OK(pipe(fd));
	pid_t pid = test_fork();

	if (!pid) {
		char c;

		close(fd[1]);
		_exit(read(fd[0], &c, 1));
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0; i < 500 && stat_field(text_of(path), 3) != 'S'; i++)
		usleep(1000);
	EXPECT_EQ(stat_field(text_of(path), 3), 'S');
	EXPECT_EQ(stat_field(text_of(path), 4), getpid());
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	EXPECT_EQ(stat_field(text_of(path), 3), 'T');
	kill(pid, SIGCONT);
	close(fd[1]);
	for (int i = 0; i < 500 && stat_field(text_of(path), 3) != 'Z'; i++)
		usleep(1000);
	EXPECT_EQ(stat_field(text_of(path), 3), 'Z');
	EXPECT_EXIT(pid, 0);
	EXPECT_ERR(open(path, O_RDONLY), ENOENT);
}

TEST(an_open_proc_file_of_a_dead_process_gives_esrch)
{
	char path[64], buf[16];
	pid_t pid = test_fork();

	need_proc();
	if (!pid) {
		pause();
		_exit(0);
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY);

	ASSERT_OK(fd);
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
	EXPECT_ERR(read(fd, buf, 16), ESRCH);
}

TEST(statm_counts_pages)
{
	long size, rss, shared, text, lib, data, dt, size2, rss2;

	need_proc();
	EXPECT_EQ(sscanf(text_of("/proc/self/statm"), "%ld %ld %ld %ld %ld %ld %ld", &size, &rss,
			 &shared, &text, &lib, &data, &dt),
		  7);
	EXPECT_EQ(lib, 0);
	EXPECT_GT(text, 0);
	EXPECT_GE(size, rss);
	char *p = touch_pages(1000);

	EXPECT_EQ(sscanf(text_of("/proc/self/statm"), "%ld %ld", &size2, &rss2), 2);
	EXPECT_EQ(size2 - size, 1000);
	EXPECT_GE(rss2 - rss, 1000 - 70); /* Linux batches its counters */
	EXPECT_LE(rss2 - rss, 1000 + 70);
	munmap(p, 1000 * PAGE);
	EXPECT_EQ(sscanf(text_of("/proc/self/statm"), "%ld", &size2), 1);
	EXPECT_EQ(size2, size);
}

TEST(status_fields)
{
	char name[64], *p;

	need_proc();
	ASSERT_OK(prctl(PR_SET_NAME, "status-test"));
	char *map = touch_pages(1000);

	p = text_of("/proc/self/status");
	EXPECT_EQ(sscanf(p, "Name:\t%63s", name), 1);
	EXPECT_STR(name, "status-test");
	EXPECT(strstr(p, "\nState:\tR (running)\n"));
	EXPECT_EQ(field(p, "Pid"), getpid());
	EXPECT_EQ(field(p, "Tgid"), getpid());
	EXPECT_EQ(field(p, "PPid"), getppid());
	EXPECT_EQ(field(p, "Uid"), getuid());
	EXPECT_EQ(field(p, "Gid"), getgid());
	EXPECT_EQ(field(p, "Threads"), 1);
	long size = field(p, "VmSize"), rss = field(p, "VmRSS"), peak = field(p, "VmPeak");

	EXPECT_GE(size, 4000);
	EXPECT_GE(rss, 4000 - 280);
	EXPECT_GE(peak, size);
	EXPECT_GE(field(p, "VmHWM"), rss);
	EXPECT_GE(field(p, "VmData"), 4000);
	EXPECT_GT(field(p, "VmStk"), 0);
	EXPECT_GT(field(p, "VmExe"), 0);
	munmap(map, 1000 * PAGE);
	p = text_of("/proc/self/status");
	EXPECT_EQ(field(p, "VmSize"), size - 4000);
	EXPECT_EQ(field(p, "VmPeak"), peak);
}

TEST(maps_lists_ranges_in_order_with_their_rights)
{
	char perm[8], line[300], want[80];
	unsigned long start, end, last = 0, offset, ino;
	unsigned int major, minor;
	int exe = 0, stack = 0, code = 0;
	char *p = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need_proc();
	ASSERT_OK(mprotect(p + PAGE, PAGE, PROT_NONE));
	char *text = text_of("/proc/self/maps");

	for (char *at = text; *at; at = strchr(at, '\n') + 1) {
		snprintf(line, sizeof(line), "%.*s", (int)(strchr(at, '\n') - at), at);
		EXPECT_EQ(sscanf(line, "%lx-%lx %4s %lx %x:%x %lu", &start, &end, perm, &offset,
				 &major, &minor, &ino),
			  7);
		EXPECT(last <= start);
		EXPECT(start < end);
		EXPECT_EQ(start % PAGE, 0);
		last = end;
		exe += strstr(line, test_self) != NULL;
		code += strstr(line, test_self) && !strcmp(perm, "r-xp");
		stack += strstr(line, "[stack]") && !strcmp(perm, "rw-p");
		if (strchr(line, '/'))
			EXPECT_EQ(strchr(line, '/') - line, 73); /* names stand in one column */
	}
	EXPECT_GE(exe, 2);
	EXPECT_EQ(code, 1);
	EXPECT_EQ(stack, 1);
	snprintf(want, sizeof(want), "%lx-%lx ---p 00000000 00:00 0 ", (long)p + PAGE,
		 (long)p + 2 * PAGE);
	EXPECT(strstr(text, want));
}

TEST(maps_can_be_read_in_small_pieces)
{
	static char whole[65536], pieces[65536];
	size_t len = 0;
	ssize_t n;

	need_proc();
	for (int i = 0; i < 200; i++)
		ASSERT_NE(mmap(NULL, PAGE, i & 1 ? PROT_READ : PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			  MAP_FAILED);
	strcpy(whole, text_of("/proc/self/maps"));
	int fd = open("/proc/self/maps", O_RDONLY);

	while ((n = read(fd, pieces + len, 1 + rnd_below(100))) > 0)
		len += n;
	EXPECT_STR(pieces, whole);
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
	EXPECT_EQ(read(fd, pieces, 10), 10);
	EXPECT(!memcmp(pieces, whole, 10));
	EXPECT_EQ(pread(fd, pieces, 10, 50), 10);
	EXPECT(!memcmp(pieces, whole + 50, 10));
}

HELPER(show_cmdline)
{
	char buf[1000];
	int fd = open("/proc/self/cmdline", O_RDONLY), want = 0;
	ssize_t n = read(fd, buf, sizeof(buf));
	char *p = buf;

	for (int i = 0; i < argc; i++) {
		int len = strlen(argv[i]) + 1;

		if (p + len > buf + n || memcmp(p, argv[i], len))
			return 2;
		p += len;
		want += len;
	}
	return n == want ? 21 : 3;
}

TEST(cmdline_is_the_arguments_with_their_zero_bytes)
{
	pid_t pid = test_fork();

	need_proc();
	if (!pid) {
		char *argv[] = { test_self, "--helper", "show_cmdline", "", "a b", NULL };

		execve(test_self, argv, argv + 5);
		_exit(1);
	}
	EXPECT_EXIT(pid, 21);
}

TEST(exe_cwd_root_and_fd_are_links)
{
	char buf[600] = "", path[600], *dir;
	int p[2];

	need_proc();
	EXPECT_GT(readlink("/proc/self/exe", buf, sizeof(buf) - 1), 0);
	EXPECT_STR(buf, test_self);
	test_dir();
	memset(buf, 0, sizeof(buf));
	EXPECT_GT(readlink("/proc/self/cwd", buf, sizeof(buf) - 1), 0);
	dir = getcwd(path, 500);
	EXPECT_STR(buf, dir);
	make_file("f", "through the link", 16);
	int fd = open("f", O_RDONLY);

	strcat(path, "/f");
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	memset(buf, 0, sizeof(buf));
	EXPECT_GT(readlink(link, buf, sizeof(buf) - 1), 0);
	EXPECT_STR(buf, path);
	EXPECT_STR(text_of(link), "through the link");
	unlink("f");
	memset(buf, 0, sizeof(buf));
	EXPECT_GT(readlink(link, buf, sizeof(buf) - 1), 0);
	strcat(path, " (deleted)");
	EXPECT_STR(buf, path);
	ASSERT_OK(pipe(p));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", p[0]);
	memset(buf, 0, sizeof(buf));
	EXPECT_GT(readlink(link, buf, sizeof(buf) - 1), 0);
	EXPECT(!strncmp(buf, "pipe:[", 6));
	close(p[0]);
	EXPECT_ERR(readlink(link, buf, sizeof(buf)), ENOENT);
}

TEST(the_fd_directory_lists_what_is_open)
{
	struct dirent *e;
	int fd = open("/dev/null", O_RDONLY), seen = 0;

	need_proc();
	ASSERT_EQ(dup2(fd, 77), 77);
	DIR *d = opendir("/proc/self/fd");

	ASSERT(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		EXPECT_OK(fcntl(atoi(e->d_name), F_GETFD));
		seen += atoi(e->d_name) == 77 || atoi(e->d_name) == fd;
	}
	closedir(d);
	EXPECT_EQ(seen, 2);
}

static void *wait_a_while(void *arg unused)
{
	for (;;)
		pause();
	return NULL;
}

TEST(task_lists_threads_and_each_has_a_stat)
{
	struct dirent *e;
	char path[64];
	pthread_t t;
	int n = 0;

	need_proc();
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(pthread_create(&t, NULL, wait_a_while, NULL), 0);
	DIR *d = opendir("/proc/self/task");

	ASSERT(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		n++;
		snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat", e->d_name);
		EXPECT_EQ(atoi(text_of(path)), atoi(e->d_name));
	}
	EXPECT_EQ(n, 4);
	EXPECT_EQ(field(text_of("/proc/self/status"), "Threads"), 4);
	EXPECT_EQ(stat_field(text_of("/proc/self/stat"), 20), 4);
}

TEST(oom_score_adj_can_be_set)
{
	need_proc();
	int fd = open("/proc/self/oom_score_adj", O_RDWR);

	ASSERT_OK(fd);
	EXPECT_EQ(write(fd, "300\n", 4), 4);
	EXPECT_EQ(atoi(text_of("/proc/self/oom_score_adj")), 300);
	EXPECT_ERR(write(fd, "1001", 4), EINVAL);
	EXPECT_ERR(write(fd, "-1001", 5), EINVAL);
	EXPECT_ERR(write(fd, "x", 1), EINVAL);
	EXPECT_EQ(atoi(text_of("/proc/self/oom_score_adj")), 300);
	EXPECT_GE(atoi(text_of("/proc/self/oom_score")), 0);
	pid_t pid = test_fork();

	if (!pid) {
		EXPECT_EQ(atoi(text_of("/proc/self/oom_score_adj")), 300);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(meminfo_adds_up)
{
	static const char *const names[] = {
		"MemTotal",  "MemFree",	   "MemAvailable", "Buffers", "Cached",
		"SwapTotal", "SwapFree",   "AnonPages",	   "Mapped",  "Shmem",
		"Slab",	     "PageTables", "VmallocTotal",
	};

	need_proc();
	char *p = text_of("/proc/meminfo");

	EXPECT(!strncmp(p, "MemTotal:       ", 16));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (field(p, names[i]) < 0)
			check_failed(__FILE__, __LINE__, "no %s", names[i]);
	long total = field(p, "MemTotal"), free_kb = field(p, "MemFree");

	EXPECT_LT(free_kb, total);
	EXPECT_LE(field(p, "MemAvailable"), total);
	EXPECT_LE(field(p, "AnonPages") + free_kb, total);
	for (char *at = p; *at; at = strchr(at, '\n') + 1) {
		char name[64], unit[8] = "";
		long value;

		EXPECT_GE(sscanf(at, "%63[^:]: %ld %7s", name, &value, unit), 2);
		EXPECT_GE(value, 0);
	}
}

TEST(anonymous_memory_shows_in_meminfo)
{
	need_proc();
	/* MemFree lags behind on big Linux machines, whose per-CPU lists hold hundreds of megabytes. */
	long total = field(text_of("/proc/meminfo"), "MemTotal");
	int big = total > 4L << 20;

	for (int attempt = 0; attempt < 3; attempt++) {
		long anon = field(text_of("/proc/meminfo"), "AnonPages");
		long free_kb = field(text_of("/proc/meminfo"), "MemFree");

		touch_pages(2048);
		anon = field(text_of("/proc/meminfo"), "AnonPages") - anon;
		free_kb -= field(text_of("/proc/meminfo"), "MemFree");
		if (anon > 4096 && (big || free_kb > 4096))
			return;
	}
	check_failed(__FILE__, __LINE__, "touched memory did not show");
}

TEST(system_wide_files_parse)
{
	double up, idle, l1, l5, l15;
	int running, all, last;
	unsigned long u[7];
	char *p;
	struct utsname un;

	need_proc();
	EXPECT_EQ(sscanf(text_of("/proc/uptime"), "%lf %lf", &up, &idle), 2);
	EXPECT_GT(up * 100, 0);
	EXPECT_EQ(sscanf(text_of("/proc/loadavg"), "%lf %lf %lf %d/%d %d", &l1, &l5, &l15, &running,
			 &all, &last),
		  6);
	EXPECT_GE(running, 1);
	EXPECT_GE(all, running);
	p = text_of("/proc/stat");
	EXPECT_EQ(sscanf(p, "cpu  %lu %lu %lu %lu %lu %lu %lu", &u[0], &u[1], &u[2], &u[3], &u[4],
			 &u[5], &u[6]),
		  7);
	EXPECT(strstr(p, "\ncpu0 "));
	EXPECT(strstr(p, "\nbtime "));
	EXPECT(strstr(p, "\nctxt "));
	EXPECT(strstr(p, "\nprocesses "));
	EXPECT(strstr(p, "\nprocs_running "));
	p = text_of("/proc/mounts");
	EXPECT(strstr(p, " / "));
	EXPECT(strstr(p, " /proc proc "));
	p = text_of("/proc/filesystems");
	EXPECT(strstr(p, "nodev\tproc\n"));
	EXPECT(strstr(p, "nodev\ttmpfs\n"));
	p = text_of("/proc/cpuinfo");
	EXPECT(strstr(p, "processor\t: 0\n"));
	EXPECT(strstr(p, "\nflags\t\t: "));
	p = text_of("/proc/version");
	EXPECT(!strncmp(p, "Linux version ", 14));
	ASSERT_OK(uname(&un));
	EXPECT(!strncmp(p + 14, un.release, strlen(un.release)));
	text_of("/proc/cmdline");
	p = text_of("/proc/sys/kernel/osrelease");
	EXPECT(!strncmp(p, un.release, strlen(un.release)));
	EXPECT_GE(atoi(text_of("/proc/sys/kernel/pid_max")), 1000);
	p = text_of("/proc/buddyinfo");
	EXPECT(!strncmp(p, "Node 0, zone ", 13));
}

TEST(uptime_moves)
{
	double a, b;

	need_proc();
	sscanf(text_of("/proc/uptime"), "%lf", &a);
	usleep(120000);
	sscanf(text_of("/proc/uptime"), "%lf", &b);
	EXPECT_GE((b - a) * 100, 10);
}

TEST(proc_itself_lists_processes_and_cannot_be_changed)
{
	struct dirent *e;
	char want[16];
	int found = 0;

	need_proc();
	snprintf(want, sizeof(want), "%d", getpid());
	DIR *d = opendir("/proc");

	ASSERT(d);
	while ((e = readdir(d)))
		found += !strcmp(e->d_name, want) || !strcmp(e->d_name, "1") ||
			 !strcmp(e->d_name, "meminfo") || !strcmp(e->d_name, "self");
	closedir(d);
	EXPECT_EQ(found, 4);
	EXPECT_EQ(unlink("/proc/meminfo"), -1);
	EXPECT_EQ(open("/proc/new", O_CREAT | O_RDWR, 0600), -1);
	EXPECT_EQ(mkdir("/proc/new", 0700), -1);
}

/* Read everything while processes come and go: no file may fail with more than ESRCH or ENOENT. */
TEST_LIMIT(reading_while_processes_come_and_go, 60)
{
	static const char *const files[] = { "stat", "statm", "status", "maps", "cmdline" };

	need_proc();
	pid_t maker = test_fork();

	if (!maker) {
		for (int i = 0; i < 300; i++) {
			pid_t pid = test_fork();

			if (!pid)
				_exit(0);
			test_wait(pid);
		}
		_exit(0);
	}
	int status;

	while (waitpid(maker, &status, WNOHANG) == 0) {
		DIR *d = opendir("/proc");
		struct dirent *e;
		char path[64], buf[512];

		ASSERT(d);
		while ((e = readdir(d))) {
			if (!isdigit((unsigned char)e->d_name[0]) || atoi(e->d_name) < maker)
				continue;
			snprintf(path, sizeof(path), "/proc/%.20s/%s", e->d_name,
				 files[rnd_below(ARRAY_SIZE(files))]);
			int fd = open(path, O_RDONLY);

			if (fd < 0) {
				EXPECT(errno == ENOENT || errno == ESRCH);
				continue;
			}
			if (read(fd, buf, sizeof(buf)) < 0)
				EXPECT_EQ(errno, ESRCH);
			close(fd);
		}
		closedir(d);
	}
	EXPECT_EQ(status, 0);
}
