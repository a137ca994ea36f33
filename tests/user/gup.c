/*
 * gup.c - get_user_pages and pins: what was pinned stays the memory of the process that pinned it.
 *
 * The proof is always what a device would see: PIN_READ gives the bytes of the pinned frames, and they must be what the
 * process has written by ordinary stores, whatever happened between pin and store (fork, copy on write, unmapping).
 * Needs gup_test in debugfs: Quire has it always, Linux with CONFIG_GUP_TEST.
 */
#include "gup.h"
#include "threads.h"
#include <sys/resource.h>
#include <sys/syscall.h>

enum { N = 4 };

/* Four kinds of memory, and what happened to it before. */
static char *anon_untouched(void)
{
	return map_pages(N);
}

static char *anon_read(void)
{
	char *p = map_pages(N);

	EXPECT(all_equal(p, N * PAGE, 0));
	return p;
}

static char *anon_written(void)
{
	char *p = map_pages(N);

	memset(p, 'o', N * PAGE);
	return p;
}

static int file_of_pages(void)
{
	char old[N * PAGE];
	int fd = memfd_create("gup", MFD_ALLOW_SEALING);

	ASSERT_OK(fd);
	memset(old, 'o', sizeof(old));
	ASSERT_OK(write_all(fd, old, sizeof(old)));
	return fd;
}

static char *map_file(int flags)
{
	int fd = file_of_pages();
	char *p = mmap(NULL, N * PAGE, RW, flags, fd, 0);

	ASSERT(p != MAP_FAILED);
	close(fd);
	return p;
}

static char *file_private(void)
{
	return map_file(MAP_PRIVATE);
}

static char *file_private_read(void)
{
	char *p = map_file(MAP_PRIVATE);

	EXPECT(all_equal(p, N * PAGE, 'o'));
	return p;
}

static char *file_shared(void)
{
	return map_file(MAP_SHARED);
}

static pid_t sleeper;

/* A child shares the pages, and lives. */
static char *anon_shared_with_child(void)
{
	char *p = anon_written();

	sleeper = test_fork();
	if (!sleeper)
		for (;;)
			pause();
	return p;
}

static void end_sleeper(void)
{
	if (sleeper) {
		kill(sleeper, SIGKILL);
		EXPECT_KILLED(sleeper, SIGKILL);
	}
	sleeper = 0;
}

static char *(*const kinds[])(void) = { anon_untouched,	       anon_read,   anon_written,
					file_private,	       file_shared, file_private_read,
					anon_shared_with_child };

static void each_kind(void (*check)(int fd, char *p, unsigned int flags))
{
	for (unsigned int k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (unsigned int flags = 0; flags < 4; flags++) {
			int fd = gup_open();
			char *p = kinds[k]();

			say("# kind %u, %s, %s\n", k, flags & PIN_WRITE ? "write" : "read",
			    flags & PIN_FAST ? "fast" : "slow");
			check(fd, p, flags);
			close(fd);
			munmap(p, N * PAGE);
			end_sleeper();
		}
	}
}

static void store_and_look(int fd, char *p, unsigned int flags)
{
	ASSERT_OK(pin(fd, p, N, flags));
	EXPECT(!memcmp(pinned_bytes(fd), p, N * PAGE));
	memset(p, 'n', N * PAGE);
	EXPECT(all_equal(pinned_bytes(fd), N * PAGE, 'n'));
}

TEST(stores_after_the_pin_reach_the_pinned_pages)
{
	each_kind(store_and_look);
}

static void fork_and_look(int fd, char *p, unsigned int flags)
{
	char before = *p;
	pid_t pid;

	ASSERT_OK(pin(fd, p, N, flags));
	pid = test_fork();
	if (!pid) {
		/* Shared memory may have the parent's new bytes already. */
		ASSERT(*p == before || *p == 'n');
		for (;;)
			pause();
	}
	memset(p, 'n', N * PAGE);
	EXPECT(all_equal(pinned_bytes(fd), N * PAGE, 'n'));
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
	memset(p, 'm', N * PAGE);
	EXPECT(all_equal(pinned_bytes(fd), N * PAGE, 'm'));
}

TEST(fork_leaves_pinned_pages_to_the_parent)
{
	each_kind(fork_and_look);
}

TEST(the_child_has_the_bytes_of_the_moment_of_fork)
{
	int fd = gup_open(), go[2];
	char *p = map_pages(512 + N), c;
	pid_t pid;

	/* Pages before and behind, over the end of a table. */
	for (int i = 0; i < 512 + N; i++)
		p[i * PAGE] = 'a' + i % 20;
	ASSERT_OK(pin(fd, p + 510 * PAGE, 4, PIN_WRITE));
	ASSERT_OK(pipe(go));
	pid = test_fork();
	if (!pid) {
		ASSERT_EQ(read(go[0], &c, 1), 1);
		for (int i = 0; i < 512 + N; i++)
			EXPECT_EQ(p[i * PAGE], 'a' + i % 20);
		memset(p, 'c', (512 + N) * PAGE);
		_exit(0);
	}
	memset(p, 'p', (512 + N) * PAGE);
	ASSERT_EQ(write(go[1], "", 1), 1);
	EXPECT_EXIT(pid, 0);
	EXPECT(all_equal(p, (512 + N) * PAGE, 'p'));
	EXPECT(all_equal(pinned_bytes(fd), 4 * PAGE, 'p'));
}

TEST(a_pin_in_the_child_does_not_see_the_parent)
{
	int fd = gup_open(), go[2], done[2];
	char *p = anon_written(), c;
	pid_t pid;

	ASSERT_OK(pipe(go));
	ASSERT_OK(pipe(done));
	pid = test_fork();
	if (!pid) {
		ASSERT_OK(pin(fd, p, N, 0));
		ASSERT_EQ(write(done[1], "", 1), 1);
		ASSERT_EQ(read(go[0], &c, 1), 1);
		EXPECT(all_equal(pinned_bytes(fd), N * PAGE, 'o'));
		memset(p, 'c', N * PAGE);
		EXPECT(all_equal(pinned_bytes(fd), N * PAGE, 'c'));
		_exit(0);
	}
	ASSERT_EQ(read(done[0], &c, 1), 1);
	memset(p, 'p', N * PAGE);
	ASSERT_EQ(write(go[1], "", 1), 1);
	EXPECT_EXIT(pid, 0);
	EXPECT(all_equal(p, N * PAGE, 'p'));
}

TEST(pinned_pages_outlive_their_mapping)
{
	int fd = gup_open();
	char *p = anon_written();

	ASSERT_OK(pin(fd, p, N, 0));
	ASSERT_OK(madvise(p, PAGE, MADV_DONTNEED));
	ASSERT_OK(munmap(p + PAGE, PAGE));
	/* Others use what memory is free now. */
	memset(map_pages(256), 'x', 256 * PAGE);
	EXPECT(all_equal(pinned_bytes(fd), N * PAGE, 'o'));
	EXPECT_EQ(*p, 0);
}

/* Other processes of the machine may pin, too: it is true within some tries. */
static void expect_pins(long want)
{
	for (int i = 0; i < 100 && pins_now() != want; i++)
		usleep(10000);
	EXPECT_EQ(pins_now(), want);
}

TEST(vmstat_and_status_count_pins)
{
	int fd = gup_open();
	char *p = anon_written();
	long before = pins_now();

	ASSERT_OK(pin(fd, p, N, PIN_FAST));
	expect_pins(before + N);
	if (on_quire()) {
		EXPECT(strstr(read_text("/proc/self/status"), "VmPin:\t      16 kB"));
	}
	EXPECT_ERR(pin(fd, p, N, PIN_FAST), EINVAL);
	ASSERT_OK(ioctl(fd, PIN_STOP));
	expect_pins(before);
	EXPECT(strstr(read_text("/proc/self/status"), "VmPin:\t       0 kB"));
	EXPECT_EQ(gup_call(fd, PIN_FAST_BENCH, p, N * PAGE, FOLL_WRITE), (long)(N * PAGE));
	EXPECT_EQ(gup_call(fd, PIN_BASIC, p, N * PAGE, FOLL_WRITE), (long)(N * PAGE));
	EXPECT_EQ(gup_call(fd, LONGTERM_BENCH, p, N * PAGE, 0), (long)(N * PAGE));
	EXPECT_EQ(gup_call(fd, FAST_BENCH, p, N * PAGE, 0), (long)(N * PAGE));
	EXPECT_EQ(gup_call(fd, GUP_BASIC, p, N * PAGE, 0), (long)(N * PAGE));
	expect_pins(before);
}

TEST(what_is_no_memory_or_not_allowed_is_refused)
{
	const unsigned long calls[] = { FAST_BENCH, PIN_FAST_BENCH, LONGTERM_BENCH, GUP_BASIC,
					PIN_BASIC };
	int fd = gup_open();
	char *p = anon_written(), *none = anon_written(), *ro = anon_written();

	ASSERT_OK(munmap(p + 2 * PAGE, PAGE));
	ASSERT_OK(mprotect(none, PAGE, PROT_NONE));
	ASSERT_OK(mprotect(ro, PAGE, PROT_READ));
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		EXPECT_EQ(gup_call(fd, calls[i], p, N * PAGE, 0), (long)(2 * PAGE));
		EXPECT_ERR(gup_call(fd, calls[i], p + 2 * PAGE, PAGE, 0), EFAULT);
		EXPECT_ERR(gup_call(fd, calls[i], none, PAGE, 0), EFAULT);
		EXPECT_EQ(gup_call(fd, calls[i], ro, PAGE, 0), (long)PAGE);
		EXPECT_ERR(gup_call(fd, calls[i], ro, PAGE, FOLL_WRITE), EFAULT);
		EXPECT_ERR(gup_call(fd, calls[i], (char *)0x7ffffffff000, PAGE, 0), EFAULT);
	}
	/* Holes are kept by those who only want what is there. */
	p = map_pages(1);
	EXPECT_ERR(gup_call(fd, GUP_BASIC, p, PAGE, FOLL_NOFAULT), EFAULT);
	EXPECT_ERR(gup_call(fd, GUP_BASIC, p, PAGE, FOLL_DUMP), EFAULT);
	*p = 1;
	EXPECT_EQ(gup_call(fd, GUP_BASIC, p, PAGE, FOLL_NOFAULT | FOLL_DUMP), (long)PAGE);
	EXPECT_ERR(pin(fd, p + 1, 1, 0), EINVAL);
	EXPECT_ERR(pin(fd, p, 0, 0), EINVAL);
	EXPECT_ERR(pin(fd, p, 1, 8), EINVAL);
	EXPECT_ERR(ioctl(fd, PIN_READ, p), EINVAL);
	EXPECT_ERR(ioctl(fd, 12345, p), EINVAL);
}

TEST(a_seal_against_writing_waits_for_pins)
{
	int fd = gup_open(), file = file_of_pages();
	char *p = mmap(NULL, N * PAGE, RW, MAP_SHARED, file, 0);

	ASSERT(p != MAP_FAILED);
	ASSERT_OK(pin(fd, p, N, PIN_WRITE));
	ASSERT_OK(munmap(p, N * PAGE));
	EXPECT_ERR(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	EXPECT_EQ(fcntl(file, F_GET_SEALS), 0);
	ASSERT_OK(ioctl(fd, PIN_STOP));
	EXPECT_OK(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(fcntl(file, F_GET_SEALS), F_SEAL_WRITE);
}

TEST(locked_memory_limits_long_pins)
{
	struct rlimit two = { 2 * PAGE, 2 * PAGE };
	int fd = gup_open();
	char *p = anon_written();

	if (!on_quire() || getuid())
		skip("only Quire's gup_test charges, and it must be root's");
	ASSERT_OK(setrlimit(RLIMIT_MEMLOCK, &two));
	EXPECT_OK(pin(fd, p, N, 0));
	ASSERT_OK(ioctl(fd, PIN_STOP));
	ASSERT_OK(setresuid(1000, 1000, 1000));
	EXPECT_ERR(pin(fd, p, N, 0), ENOMEM);
	EXPECT_OK(pin(fd, p, 2, 0));
}

/* ---- all at once ---- */

static char *raced;
static volatile int done;

static void *fork_always(void *arg unused)
{
	while (!done) {
		pid_t pid = fork();

		if (!pid) {
			raced[0] = 'c';
			_exit(0);
		}
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
	return NULL;
}

static void *touch_always(void *arg)
{
	volatile char *p = raced + (N + 1 + (long)arg) * PAGE;

	while (!done) {
		*p = 1;
		madvise((void *)p, PAGE, MADV_DONTNEED);
		sched_yield();
	}
	return NULL;
}

/* Pins and stores of one thread, forks of another: no store may miss the pinned page. */
TEST_LIMIT(pins_hold_while_other_threads_fork, 60)
{
	int fd = gup_open();
	pthread_t forker, toucher;

	raced = map_pages(N + 4);
	memset(raced, 'o', N * PAGE);
	ASSERT_EQ(pthread_create(&forker, NULL, fork_always, NULL), 0);
	ASSERT_EQ(pthread_create(&toucher, NULL, touch_always, NULL), 0);
	for (int i = 0; i < 150; i++) {
		char value = 'a' + i % 20;

		ASSERT_OK(pin(fd, raced, N, rnd_below(4)));
		sched_yield();
		memset(raced, value, N * PAGE);
		ASSERT(all_equal(pinned_bytes(fd), N * PAGE, value));
		sched_yield();
		memset(raced, value + 1, N * PAGE);
		ASSERT(all_equal(pinned_bytes(fd), N * PAGE, value + 1));
		ASSERT_OK(ioctl(fd, PIN_STOP));
		if (gup_call(fd, PIN_FAST_BENCH, raced, (N + 2) * PAGE, FOLL_WRITE) < 0)
			EXPECT_EQ(errno, 0);
	}
	done = 1;
	pthread_join(forker, NULL);
	pthread_join(toucher, NULL);
}

/* ---- pages that would like to be elsewhere: tests/boot/test_gup.py starts the machines ---- */

static long frame_of(const void *p)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	ASSERT_OK(fd);
	ASSERT_EQ(pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8), 8);
	close(fd);
	return entry >> 63 ? (long)(entry & ((1ULL << 55) - 1)) : -1;
}

/* First and last frame of zone Movable, of the first node that has one; false: there is none. */
static int movable_frames(long *first, long *last)
{
	char *zone = strstr(read_text("/proc/zoneinfo"), "zone  Movable"), *at;
	long spanned;

	if (!zone)
		return 0;
	at = strstr(zone, "spanned");
	spanned = at ? atol(at + 7) : 0;
	at = strstr(zone, "start_pfn:");
	if (!at || !spanned)
		return 0;
	*first = atol(at + 10);
	*last = *first + spanned - 1;
	return 1;
}

TEST(long_pins_leave_movable_memory)
{
	int fd = gup_open();
	long first, last, frame;

	if (!movable_frames(&first, &last))
		skip("no memory in zone Movable");
	for (unsigned int flags = 0; flags < 4; flags++) {
		for (int shared = 0; shared < 2; shared++) {
			char *p = shared ? file_shared() : anon_written();

			for (int i = 0; i < N; i++) {
				p[i * PAGE] = 'a' + i;
				frame = frame_of(p + i * PAGE);
				EXPECT(frame >= first && frame <= last);
			}
			ASSERT_OK(pin(fd, p, N, flags));
			for (int i = 0; i < N; i++) {
				frame = frame_of(p + i * PAGE);
				EXPECT(frame >= 0 && (frame < first || frame > last));
				EXPECT_EQ(p[i * PAGE], 'a' + i);
				EXPECT_EQ(p[i * PAGE + 1], 'o');
			}
			memset(p, 'n', N * PAGE);
			EXPECT(all_equal(pinned_bytes(fd), N * PAGE, 'n'));
			ASSERT_OK(ioctl(fd, PIN_STOP));
			munmap(p, N * PAGE);
		}
	}
}

TEST(pinned_pages_do_not_migrate)
{
	int fd = gup_open(), node[1], status[1];
	char *p = anon_written(), *q = file_shared();
	void *pages[2] = { p, q };

	for (int i = 0; i < 2; i++) {
		char *page = pages[i];
		void *one[1] = { page };

		page[0] = 'x'; /* a page that is not mapped yet is on no node (-ENOENT) */
		status[0] = -1000;
		ASSERT_OK(syscall(SYS_move_pages, 0, 1UL, one, NULL, status, 0));
		ASSERT(status[0] == 0 || status[0] == 1);
		node[0] = !status[0];
		ASSERT_OK(pin(fd, page, 1, PIN_WRITE));
		if (syscall(SYS_move_pages, 0, 1UL, one, node, status, 2 /* MPOL_MF_MOVE */) < 0 &&
		    errno == ENODEV)
			skip("needs two nodes");
		EXPECT_NE(status[0], node[0]);
		page[1] = 'y';
		EXPECT(!memcmp(pinned_bytes(fd), "xy", 2));
		ASSERT_OK(ioctl(fd, PIN_STOP));
		ASSERT_OK(syscall(SYS_move_pages, 0, 1UL, one, node, status, 2));
		EXPECT_EQ(status[0], node[0]);
		EXPECT(!memcmp(page, "xy", 2));
	}
}
