/*
 * test.h - the user-space test harness: KTAP version 1, one forked child a test.
 *
 * A suite is one file that includes this header and holds TEST(what_it_proves) { ... } bodies; the
 * bodies register themselves through a linker section, so there is no list to keep.  The same
 * static program runs on the host's Linux, which proves the test, and on Quire, which is judged.
 *
 *	./suite			all tests
 *	./suite WORD		the tests whose name contains WORD
 *	./suite -l		names only
 *	SEED=0x... ./suite	repeats a randomised run; the seed of every run is printed
 *
 * How a test is judged:
 * 1. It runs in a child of its own with its own alarm, so a crash or a hang is one failed line.
 * 2. EXPECT_* prints file, line and both values and goes on; ASSERT_* also ends the process.
 * 3. A failed check in any descendant counts: each writes a byte to one pipe, which the parent
 *    drains up to its own end mark once the test's child is gone.
 * 4. A test that catches SIGALRM or waits for a stuck child is killed by the parent soon after.
 *
 * The harness itself needs only fork, wait4, pipe, write, alarm and rt_sigaction; kill is used for
 * point 4 alone, and directories only by tests that ask for test_dir().
 */
#ifndef TESTS_USER_TEST_H
#define TESTS_USER_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE	      4096UL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define TEST_SECONDS  20
#define unused	      __attribute__((unused))

struct test {
	const char *name;
	void (*body)(void);
	int seconds, line;
};

struct helper {
	const char *name;
	int (*body)(int argc, char **argv);
};

/* A test with the usual time limit, or with its own (in seconds). */
#define TEST(fn) TEST_LIMIT(fn, TEST_SECONDS)
#define TEST_LIMIT(fn, secs)                                                           \
	static void test_##fn(void);                                                   \
	static const struct test test_entry_##fn = { #fn, test_##fn, secs, __LINE__ }; \
	static const struct test *const test_pointer_##fn                              \
		__attribute__((used, section("test_list"))) = &test_entry_##fn;        \
	static void test_##fn(void)

/* What the suite does when it is executed as `self --helper NAME ...`; see exec_helper(). */
#define HELPER(fn)                                                                  \
	static int helper_##fn(int argc, char **argv);                              \
	static const struct helper helper_entry_##fn = { #fn, helper_##fn };        \
	static const struct helper *const helper_pointer_##fn                       \
		__attribute__((used, section("helper_list"))) = &helper_entry_##fn; \
	static int helper_##fn(int argc unused, char **argv unused)

extern const struct test *const __start_test_list[], *const __stop_test_list[];
extern const struct helper *const __start_helper_list[] __attribute__((weak));
extern const struct helper *const __stop_helper_list[] __attribute__((weak));

static uint64_t test_seed, test_random;
static int test_pipe[2] = { -1, -1 };
static int test_failed;
static char test_self[512];
static char test_dir_path[128];

/* ---- output ---- */

/* One line, one write(2), so that lines of several processes do not mix. */
static unused void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 1)
		n = sizeof(line) - 1;
	if (write(1, line, n) < 0)
		return;
}

static unused void test_fail(void)
{
	test_failed = 1;
	if (write(test_pipe[1], "F\n", 2) < 0)
		return;
}

/* ---- checks ---- */

static unused void check_failed(const char *file, int line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say("# %s:%d: %s\n", file, line, text);
	test_fail();
}

#define CHECK_OP(a, op, b, then)                                                                 \
	do {                                                                                     \
		long long a_ = (long long)(a), b_ = (long long)(b);                              \
		if (!(a_ op b_)) {                                                               \
			check_failed(__FILE__, __LINE__,                                         \
				     "%s " #op " %s: %lld (%#llx) against %lld (%#llx)", #a, #b, \
				     a_, a_, b_, b_);                                            \
			then;                                                                    \
		}                                                                                \
	} while (0)

#define CHECK_TRUE(cond, then)                                                  \
	do {                                                                    \
		if (!(cond)) {                                                  \
			check_failed(__FILE__, __LINE__, "%s is false", #cond); \
			then;                                                   \
		}                                                               \
	} while (0)

/* The call must not return -1; says which errno it gave. */
#define CHECK_OK(call, then)                                                                \
	do {                                                                                \
		if ((long)(call) == -1) {                                                   \
			check_failed(__FILE__, __LINE__, "%s: errno %d (%s)", #call, errno, \
				     strerror(errno));                                      \
			then;                                                               \
		}                                                                           \
	} while (0)

/* The call must return -1 with this errno. */
#define CHECK_ERR(call, want, then)                                                               \
	do {                                                                                      \
		errno = 0;                                                                        \
		long r_ = (long)(call);                                                           \
		int e_ = errno;                                                                   \
		if (r_ != -1 || e_ != (want)) {                                                   \
			check_failed(__FILE__, __LINE__,                                          \
				     "%s: returned %ld, errno %d (%s), not -1 and %s", #call, r_, \
				     e_, strerror(e_), #want);                                    \
			then;                                                                     \
		}                                                                                 \
	} while (0)

#define CHECK_STR(a, b, then)                                                                     \
	do {                                                                                      \
		const char *a_ = (a), *b_ = (b);                                                  \
		if (strcmp(a_, b_)) {                                                             \
			check_failed(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #a, a_, b_); \
			then;                                                                     \
		}                                                                                 \
	} while (0)

#define EXPECT(cond)	    CHECK_TRUE(cond, )
#define EXPECT_EQ(a, b)	    CHECK_OP(a, ==, b, )
#define EXPECT_NE(a, b)	    CHECK_OP(a, !=, b, )
#define EXPECT_LT(a, b)	    CHECK_OP(a, <, b, )
#define EXPECT_LE(a, b)	    CHECK_OP(a, <=, b, )
#define EXPECT_GT(a, b)	    CHECK_OP(a, >, b, )
#define EXPECT_GE(a, b)	    CHECK_OP(a, >=, b, )
#define EXPECT_OK(call)	    CHECK_OK(call, )
#define EXPECT_ERR(call, e) CHECK_ERR(call, e, )
#define EXPECT_STR(a, b)    CHECK_STR(a, b, )

#define ASSERT(cond)	    CHECK_TRUE(cond, _exit(1))
#define ASSERT_EQ(a, b)	    CHECK_OP(a, ==, b, _exit(1))
#define ASSERT_NE(a, b)	    CHECK_OP(a, !=, b, _exit(1))
#define ASSERT_LT(a, b)	    CHECK_OP(a, <, b, _exit(1))
#define ASSERT_LE(a, b)	    CHECK_OP(a, <=, b, _exit(1))
#define ASSERT_GT(a, b)	    CHECK_OP(a, >, b, _exit(1))
#define ASSERT_GE(a, b)	    CHECK_OP(a, >=, b, _exit(1))
#define ASSERT_OK(call)	    CHECK_OK(call, _exit(1))
#define ASSERT_ERR(call, e) CHECK_ERR(call, e, _exit(1))
#define ASSERT_STR(a, b)    CHECK_STR(a, b, _exit(1))

/* The machine cannot run this test; the reason goes on the result line. */
static unused void __attribute__((noreturn)) skip(const char *reason)
{
	char line[256];
	int n = snprintf(line, sizeof(line), "S%s\n", reason);

	if (write(test_pipe[1], line, n) < 0)
		_exit(1);
	_exit(test_failed);
}

/* Are we in Quire, where nobody else is, or on a Linux machine that others use too? */
static unused int on_quire(void)
{
	struct utsname u;

	return !uname(&u) && strstr(u.release, "quire");
}

/* ---- randomness: one seed a run, one stream a test ---- */

static unused uint64_t rnd(void)
{
	test_random ^= test_random << 13;
	test_random ^= test_random >> 7;
	test_random ^= test_random << 17;
	return test_random;
}

static unused uint64_t rnd_below(uint64_t n)
{
	return rnd() % n;
}

/* ---- processes ---- */

/* TIME_SCALE=N: all limits are N times as long, for a slow machine or a kernel that checks each access. */
static unused unsigned int test_time_scale(void)
{
	const char *given = getenv("TIME_SCALE");
	int scale = given ? atoi(given) : 1;

	return scale < 1 ? 1 : scale;
}

/* fork() whose child has its own alarm, so that a stuck one does not outlive its test for long. */
static unused pid_t test_fork(void)
{
	pid_t pid = fork();

	if (pid < 0) {
		check_failed(__FILE__, __LINE__, "fork: %s", strerror(errno));
		_exit(1);
	}
	if (pid == 0)
		alarm(TEST_SECONDS * test_time_scale());
	return pid;
}

/* Wait for one child and give its raw status. */
static unused int test_wait(pid_t pid)
{
	int status = -1;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got != pid) {
		check_failed(__FILE__, __LINE__, "waitpid(%d) gave %d: %s", pid, got,
			     strerror(errno));
		_exit(1);
	}
	return status;
}

/* The child must exit with this code / be killed by this signal. */
#define EXPECT_EXIT(pid, code)                                                                 \
	do {                                                                                   \
		int s_ = test_wait(pid);                                                       \
		if (!WIFEXITED(s_) || WEXITSTATUS(s_) != (code))                               \
			check_failed(__FILE__, __LINE__, "child: status %#x, not exit %d", s_, \
				     (int)(code));                                             \
	} while (0)
#define EXPECT_KILLED(pid, sig)                                                                  \
	do {                                                                                     \
		int s_ = test_wait(pid);                                                         \
		if (!WIFSIGNALED(s_) || WTERMSIG(s_) != (sig))                                   \
			check_failed(__FILE__, __LINE__, "child: status %#x, not signal %d", s_, \
				     (int)(sig));                                                \
	} while (0)

/* Replace this process by the suite's own program running HELPER(name); returns on failure only. */
static unused void exec_helper(const char *name, const char *arg)
{
	char *argv[] = { test_self, "--helper", (char *)name, (char *)arg, NULL };
	extern char **environ;

	execve(test_self, argv, environ);
}

/* ---- files ---- */

static unused void remove_tree(const char *path)
{
	char name[512];
	struct dirent *e;
	struct stat st;

	if (lstat(path, &st))
		return;
	if (S_ISDIR(st.st_mode)) {
		DIR *d = opendir(path);

		while (d && (e = readdir(d))) {
			if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
				continue;
			if (snprintf(name, sizeof(name), "%s/%s", path, e->d_name) <
			    (int)sizeof(name))
				remove_tree(name);
		}
		if (d)
			closedir(d);
		rmdir(path);
	} else {
		unlink(path);
	}
}

/* A fresh directory below `base`, removed after the test. */
static unused const char *test_dir_in(const char *base)
{
	snprintf(test_dir_path, sizeof(test_dir_path), "%s/quire-test-%d", base, getpid());
	if (mkdir(test_dir_path, 0755)) {
		check_failed(__FILE__, __LINE__, "mkdir %s: %s", test_dir_path, strerror(errno));
		_exit(1);
	}
	char line[160];
	int n = snprintf(line, sizeof(line), "D%s\n", test_dir_path);

	if (write(test_pipe[1], line, n) != n)
		_exit(1);
	return test_dir_path;
}

/* A fresh directory below $TMPDIR or /tmp or /, made the current one, removed after the test. */
static unused const char *test_dir(void)
{
	const char *base = getenv("TMPDIR");

	if (!base || access(base, W_OK))
		base = access("/tmp", W_OK) ? "" : "/tmp";
	const char *path = test_dir_in(base);

	ASSERT_OK(chdir(path));
	return path;
}

static unused int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

static unused void make_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);

	ASSERT_OK(fd);
	ASSERT_OK(write_all(fd, data, len));
	ASSERT_OK(close(fd));
}

/* The whole text of a small file (procfs too), or NULL. The buffer is reused. */
static unused char *read_text(const char *path)
{
	static char text[65536];
	size_t len = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return NULL;
	while (len < sizeof(text) - 1 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	text[len] = 0;
	close(fd);
	return text;
}

/* ---- the runner ---- */

static pid_t test_child;

static void test_overdue(int sig unused)
{
	kill(test_child, SIGKILL);
}

static uint64_t name_hash(const char *name)
{
	uint64_t h = 1469598103934665603ULL;

	while (*name)
		h = (h ^ (unsigned char)*name++) * 1099511628211ULL;
	return h;
}

static void __attribute__((noreturn)) run_child(const struct test *t)
{
	signal(SIGALRM, SIG_DFL);
	alarm(t->seconds * test_time_scale());
	close(test_pipe[0]);
	test_random = test_seed ^ name_hash(t->name);
	if (!test_random)
		test_random = 1;
	t->body();
	_exit(test_failed);
}

/* Read the records of the finished test; the end mark is our own. */
static int drain_pipe(char *reason, size_t size)
{
	char line[300];
	size_t len = 0;
	int failed = 0;
	char c;

	reason[0] = 0;
	if (write(test_pipe[1], "E\n", 2) != 2)
		return 1;
	while (read(test_pipe[0], &c, 1) == 1) {
		if (c != '\n') {
			if (len < sizeof(line) - 1)
				line[len++] = c;
			continue;
		}
		line[len] = 0;
		len = 0;
		if (line[0] == 'E')
			break;
		if (line[0] == 'F')
			failed = 1;
		else if (line[0] == 'S')
			snprintf(reason, size, "%s", line + 1);
		else if (line[0] == 'D')
			remove_tree(line + 1);
	}
	return failed;
}

/* => returns 0 if the test passed or was skipped */
static int run_test(const struct test *t, int number)
{
	struct sigaction sa = { .sa_handler = test_overdue };
	char reason[300];
	int status = 0;

	if (pipe(test_pipe)) {
		say("not ok %d %s # no pipe\n", number, t->name);
		return 1;
	}
	test_child = fork();
	if (test_child == 0)
		run_child(t);
	sigaction(SIGALRM, &sa, NULL);
	alarm(t->seconds * test_time_scale() + 3);
	while (test_child > 0 && waitpid(test_child, &status, 0) < 0 && errno == EINTR)
		;
	alarm(0);
	int failed = drain_pipe(reason, sizeof(reason)) || test_child < 0;

	close(test_pipe[0]);
	close(test_pipe[1]);
	if (WIFSIGNALED(status)) {
		int sig = WTERMSIG(status);

		say("# %s: killed by signal %d%s\n", t->name, sig,
		    sig == SIGALRM || sig == SIGKILL ? " (time limit)" : "");
		failed = 1;
	} else if (WEXITSTATUS(status)) {
		failed = 1;
	}
	if (failed)
		say("# repeat with: SEED=%#llx %s %s\n", (unsigned long long)test_seed, test_self,
		    t->name);
	say("%s %d %s%s%s\n", failed ? "not ok" : "ok", number, t->name,
	    !failed && reason[0] ? " # SKIP " : "", failed ? "" : reason);
	return failed;
}

static int by_line(const void *a, const void *b)
{
	return (*(const struct test *const *)a)->line - (*(const struct test *const *)b)->line;
}

static void pick_seed(void)
{
	const char *given = getenv("SEED");
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	test_seed = given ? strtoull(given, NULL, 0)
			  : ((uint64_t)lo << 20 ^ hi ^ lo) & 0xffffffffff;
}

int main(int argc, char **argv)
{
	static const struct test *list[256];
	int count = 0, failures = 0;
	const char *word = argc > 1 ? argv[1] : "";
	ssize_t n = readlink("/proc/self/exe", test_self, sizeof(test_self) - 1);

	if (n > 0)
		test_self[n] = 0;
	else
		snprintf(test_self, sizeof(test_self), "%s", argc ? argv[0] : "");
	if (argc > 2 && !strcmp(word, "--helper")) {
		const struct helper *const *h = __start_helper_list;

		for (; h && h < __stop_helper_list; h++)
			if (!strcmp((*h)->name, argv[2]))
				return (*h)->body(argc, argv);
		return 126;
	}
	int names = !strcmp(word, "-l");

	for (const struct test *const *t = __start_test_list; t < __stop_test_list; t++)
		if (names || strstr((*t)->name, word))
			list[count++] = *t;
	qsort(list, count, sizeof(list[0]), by_line);
	pick_seed();
	if (!names)
		say("KTAP version 1\n# seed %#llx\n1..%d\n", (unsigned long long)test_seed, count);
	for (int i = 0; i < count; i++) {
		if (names)
			say("%s\n", list[i]->name);
		else
			failures += run_test(list[i], i + 1);
	}
	return failures != 0;
}

#endif
