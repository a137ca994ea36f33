/*
 * rmap - random work on address spaces of a family of processes; after each step the kernel compares reverse mapping with a
 * full scan of all page tables (/sys/kernel/debug/rmap, which only Quire has).
 *
 * The family: this process and up to five descendants, each of which does what a pipe tells it. So in the first test everybody
 * stands still while the kernel looks, and every number must be right; in the second all work at once.
 */
#include "tests/user/test.h"

#include <stdbool.h>
#include <sys/mman.h>

#define CHECK_FILE "/sys/kernel/debug/rmap"
#define MEMBERS	   6
#define PAGES	   48
#define AREA	   ((char *)0x200000000UL)

struct report {
	unsigned long entries, unreachable, miscounted, shared;
};

static bool read_report(struct report *r)
{
	char text[256];
	int fd = open(CHECK_FILE, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	return sscanf(text, "entries %lu unreachable %lu miscounted %lu shared %lu", &r->entries,
		      &r->unreachable, &r->miscounted, &r->shared) == 4;
}

static void need_checker(void)
{
	struct report r;

	if (!read_report(&r))
		skip("no " CHECK_FILE);
}

/* Others in the system may be forking just now: counts get some chances. */
static void expect_right(int step, int what)
{
	struct report r;

	for (int tries = 0; tries < 50; tries++) {
		ASSERT(read_report(&r));
		if (r.unreachable || r.shared || !r.miscounted)
			break;
		usleep(10000);
	}
	if (r.unreachable || r.miscounted || r.shared || !r.entries) {
		say("# step %d, work %d: entries %lu unreachable %lu miscounted %lu shared %lu\n",
		    step, what, r.entries, r.unreachable, r.miscounted, r.shared);
		test_fail();
		_exit(1);
	}
}

/* ---- the work: each on random pages of the area, which is there or not ---- */

static int shared_fd = -1;

/* Pages may be missing or read-only: the kernel does the touching, and its errors do not matter. */
static void touch_pages(char *p, size_t n, bool write)
{
	static int zero = -1;

	if (zero < 0)
		zero = open("/dev/zero", O_RDONLY);
	for (size_t i = 0; i < n; i++)
		if (write ? read(zero, p + i * PAGE + 8, 8) : access(p + i * PAGE, F_OK))
			errno = 0;
}

static void map_some(char *p, size_t n, unsigned int kind)
{
	switch (kind % 3) {
	case 0:
		mmap(p, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		     -1, 0);
		break;
	case 1:
		mmap(p, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, shared_fd,
		     (p - AREA) % (PAGES * PAGE));
		break;
	default:
		mmap(p, n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, shared_fd,
		     (p - AREA) % (PAGES * PAGE));
	}
}

/* One piece of work out of eight; what is 0..255, from the pipe. */
static void work(unsigned int what, unsigned int a, unsigned int b, unsigned int c)
{
	char *p = AREA + a % PAGES * PAGE, *q = AREA + (PAGES + c % PAGES) * PAGE;
	size_t n = b % (PAGES - a % PAGES) + 1;

	if (n > 12)
		n = 12;
	switch (what % 8) {
	case 0:
		map_some(p, n, c);
		break;
	case 1:
		munmap(p, n * PAGE);
		break;
	case 2:
		/* There and back again, over what is there. */
		if (c & 1)
			mremap(p, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q);
		else
			mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p);
		break;
	case 3:
		mprotect(p, n * PAGE, c & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
		break;
	case 4:
		madvise(p, n * PAGE, MADV_DONTNEED);
		break;
	case 5:
		touch_pages(p, n, false);
		break;
	default:
		touch_pages(p, n, true);
	}
}

/* ---- the family ---- */

static struct {
	int to, from;
	pid_t pid;
} member[MEMBERS];

struct order {
	unsigned char what, a, b, c;
};

#define WHAT_FORK 250

static void serve(int in, int out);

/* The child gets its orders from a pipe that was made beforehand: all members inherit all ends. */
static int pipes[MEMBERS][4];

static void serve_as(int i)
{
	serve(pipes[i][0], pipes[i][3]);
}

static void serve(int in, int out)
{
	struct order o;
	char ok = 1;

	while (read(in, &o, sizeof(o)) == sizeof(o)) {
		if (o.what == WHAT_FORK) {
			pid_t pid = fork();

			if (pid == 0) {
				serve_as(o.a);
				_exit(0);
			}
			ok = pid > 0;
		} else if (o.what == WHAT_FORK + 1) {
			_exit(0);
		} else {
			work(o.what, o.a, o.b, o.c);
		}
		if (write(out, &ok, 1) != 1)
			_exit(1);
	}
	_exit(0);
}

static void tell(int i, struct order o)
{
	char ok = 0;

	ASSERT_EQ(write(pipes[i][1], &o, sizeof(o)), sizeof(o));
	if (o.what != WHAT_FORK + 1)
		ASSERT_EQ(read(pipes[i][2], &ok, 1), 1);
}

static void start_family(void)
{
	shared_fd = open("/tmp/rmap_file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	ASSERT_GE(shared_fd, 0);
	unlink("/tmp/rmap_file");
	ASSERT_OK(ftruncate(shared_fd, 2 * PAGES * PAGE));
	for (int i = 0; i < MEMBERS; i++) {
		ASSERT_OK(pipe(pipes[i]));
		ASSERT_OK(pipe(pipes[i] + 2));
	}
	member[0].pid = test_fork();
	if (member[0].pid == 0)
		serve_as(0);
}

/* Anybody alive but except, or -1. */
static int anybody(const bool *alive, int except)
{
	int start = rnd_below(MEMBERS);

	for (int i = 0; i < MEMBERS; i++)
		if (alive[(start + i) % MEMBERS] && (start + i) % MEMBERS != except)
			return (start + i) % MEMBERS;
	return -1;
}

TEST_LIMIT(every_entry_is_found_after_each_random_step, 200)
{
	bool alive[MEMBERS] = { true };

	need_checker();
	start_family();
	for (int step = 0; step < 500; step++) {
		int who = anybody(alive, -1), free = -1;
		struct order o = { rnd_below(250), rnd_below(256), rnd_below(256), rnd_below(256) };

		for (int i = 0; i < MEMBERS; i++)
			if (!alive[i])
				free = i;
		if (rnd_below(12) == 0 && free >= 0) {
			o = (struct order){ .what = WHAT_FORK, .a = free };
			alive[free] = true;
		} else if (rnd_below(25) == 0 && anybody(alive, who) >= 0) {
			o.what = WHAT_FORK + 1;
			alive[who] = false;
		}
		tell(who, o);
		expect_right(step, o.what);
	}
	for (int i = 0; i < MEMBERS; i++)
		if (alive[i])
			tell(i, (struct order){ .what = WHAT_FORK + 1 });
	expect_right(-1, 0);
}

/* All work at once, fork and end too; what is certain under load is asked meanwhile, everything at the end. */
TEST_LIMIT(every_entry_is_found_while_all_work_at_once, 200)
{
	pid_t pid[4];

	need_checker();
	shared_fd = open("/tmp/rmap_file2", O_RDWR | O_CREAT | O_TRUNC, 0600);
	ASSERT_GE(shared_fd, 0);
	unlink("/tmp/rmap_file2");
	ASSERT_OK(ftruncate(shared_fd, 2 * PAGES * PAGE));
	for (int i = 0; i < 4; i++) {
		pid[i] = test_fork();
		if (pid[i])
			continue;
		for (int j = 0; j < i * 1000; j++)
			rnd_below(2);
		for (int step = 0; step < 1500; step++) {
			work(rnd_below(250), rnd_below(256), rnd_below(256), rnd_below(256));
			if (step % 16)
				continue;
			pid_t child = fork();

			if (child == 0) {
				for (int k = 0; k < 12; k++)
					work(rnd_below(250), rnd_below(256), rnd_below(256),
					     rnd_below(256));
				_exit(0);
			}
			if (child > 0)
				waitpid(child, NULL, 0);
		}
		_exit(0);
	}
	for (int i = 0; i < 30; i++) {
		struct report r;

		ASSERT(read_report(&r));
		EXPECT_EQ(r.unreachable, 0);
		usleep(5000);
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EXIT(pid[i], 0);
	expect_right(-2, 0);
}
