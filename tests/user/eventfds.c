/*
 * eventfds.c - eventfd and timerfd: counters and clocks as files; their names and texts in /proc.
 */
#include "test.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

#define MS 1000000L

static int ready(int f, int events)
{
	struct pollfd p = { .fd = f, .events = events };

	ASSERT_OK(poll(&p, 1, 0));
	return p.revents;
}

static void add(int fd, uint64_t n)
{
	ASSERT_EQ(write(fd, &n, 8), 8);
}

static uint64_t take(int fd)
{
	uint64_t n = 0;

	ASSERT_EQ(read(fd, &n, 8), 8);
	return n;
}

TEST(eventfd_adds_and_takes_all)
{
	int fd = eventfd(5, EFD_NONBLOCK);
	uint64_t n = ~0UL;

	ASSERT_OK(fd);
	EXPECT_EQ(ready(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	add(fd, 37);
	EXPECT_EQ(take(fd), 42);
	EXPECT_ERR(read(fd, &n, 8), EAGAIN);
	EXPECT_EQ(ready(fd, POLLIN | POLLOUT), POLLOUT);
	EXPECT_ERR(write(fd, &n, 8), EINVAL);
	add(fd, ~0UL - 1);
	EXPECT_EQ(ready(fd, POLLIN | POLLOUT), POLLIN);
	n = 1;
	EXPECT_ERR(write(fd, &n, 8), EAGAIN);
	n = 0;
	EXPECT_EQ(write(fd, &n, 8), 8);
	EXPECT_EQ(take(fd), ~0UL - 1);
	EXPECT_ERR(read(fd, &n, 7), EINVAL);
	EXPECT_ERR(write(fd, &n, 4), EINVAL);
	EXPECT_ERR(pread(fd, &n, 8, 0), ESPIPE);
	EXPECT_ERR(write(fd, (void *)8, 8), EFAULT);
}

TEST(a_semaphore_gives_one_at_a_time)
{
	int fd = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
	uint64_t n;

	ASSERT_OK(fd);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(take(fd), 1);
	EXPECT_ERR(read(fd, &n, 8), EAGAIN);
}

TEST(eventfd_flags)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	ASSERT_OK(fd);
	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
	EXPECT_ERR(eventfd(0, 2), EINVAL);
	fd = syscall(SYS_eventfd, 1);
	ASSERT_OK(fd);
	EXPECT_EQ(fcntl(fd, F_GETFD), 0);
}

/* A child blocks in each direction, and goes on when the parent makes room or fills. */
TEST(eventfd_readers_and_writers_wait_for_each_other)
{
	int fd = eventfd(0, 0);
	uint64_t sum = 0;
	pid_t pid = test_fork();

	if (!pid) {
		for (int i = 0; i < 100; i++)
			add(fd, ~0UL - 1);
		_exit(0);
	}
	for (int i = 0; i < 100; i++)
		sum += take(fd);
	EXPECT_EQ(sum, (~0UL - 1) * 100);
	EXPECT_EXIT(pid, 0);
}

TEST(eventfd_counts_every_wake_up_of_many_writers)
{
	int fd = eventfd(0, EFD_SEMAPHORE);
	pid_t pid[4];

	for (int i = 0; i < 4; i++) {
		pid[i] = test_fork();
		if (!pid[i]) {
			for (int j = 0; j < 500; j++)
				add(fd, 1);
			_exit(0);
		}
	}
	for (int i = 0; i < 2000; i++)
		EXPECT_EQ(take(fd), 1);
	for (int i = 0; i < 4; i++)
		EXPECT_EXIT(pid[i], 0);
	EXPECT_EQ(ready(fd, POLLIN), 0);
}

static void on_alarm(int sig unused)
{
}

TEST(a_signal_interrupts_a_waiting_read)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerspec its = { .it_value.tv_sec = 3600 };
	int fd = eventfd(0, 0), tfd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t n;

	sigaction(SIGALRM, &sa, NULL);
	alarm(1);
	EXPECT_ERR(read(fd, &n, 8), EINTR);
	ASSERT_OK(timerfd_settime(tfd, 0, &its, NULL));
	alarm(1);
	EXPECT_ERR(read(tfd, &n, 8), EINTR);
}

static void link_is(int fd, const char *want)
{
	char path[64], text[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ASSERT_OK(readlink(path, text, sizeof(text) - 1));
	EXPECT_STR(text, want);
}

/* The text of /proc/self/fdinfo/fd. */
static char *fdinfo(int fd)
{
	char path[64], *text;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	text = read_text(path);
	ASSERT(text);
	return text;
}

TEST(proc_shows_names_and_contents)
{
	int fd = eventfd(255, EFD_CLOEXEC | EFD_NONBLOCK), tfd = timerfd_create(CLOCK_BOOTTIME, 0);
	int file = open("/proc/self/exe", O_RDONLY);
	struct itimerspec its = { { 7, 0 }, { 1000, 0 } };
	char *text;

	link_is(fd, "anon_inode:[eventfd]");
	link_is(tfd, "anon_inode:[timerfd]");
	text = fdinfo(fd);
	EXPECT(strstr(text, "pos:\t0\n"));
	EXPECT(strstr(text, "flags:\t02004002\n"));
	EXPECT(strstr(text, "mnt_id:\t"));
	EXPECT(strstr(text, "eventfd-count:               ff\n"));
	ASSERT_OK(timerfd_settime(tfd, 0, &its, NULL));
	text = fdinfo(tfd);
	EXPECT(strstr(text, "clockid: 7\nticks: 0\nsettime flags: 00\nit_value: (999, "));
	EXPECT(strstr(text, "it_interval: (7, 0)\n"));
	ASSERT_OK(file);
	ASSERT_EQ(lseek(file, 77, SEEK_SET), 77);
	EXPECT(strstr(fdinfo(file), "pos:\t77\n"));
	EXPECT_ERR(open("/proc/self/fdinfo/999", O_RDONLY), ENOENT);
}

TEST(the_anonymous_inode_has_no_type)
{
	struct stat st;
	int fd = eventfd(0, 0);

	ASSERT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_mode & 0777, 0600);
	EXPECT_EQ(st.st_mode & S_IFMT, 0);
}

/* ---- timerfd ---- */

static struct itimerspec left(int fd)
{
	struct itimerspec its;

	ASSERT_OK(timerfd_gettime(fd, &its));
	return its;
}

TEST(a_single_timer_expires_once)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct itimerspec its = { .it_value.tv_nsec = 20 * MS }, old;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t n;

	ASSERT_OK(fd);
	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_ERR(read(fd, &n, 8), EAGAIN);
	EXPECT_EQ(left(fd).it_value.tv_sec, 0);
	EXPECT_EQ(left(fd).it_value.tv_nsec, 0);
	ASSERT_OK(timerfd_settime(fd, 0, &its, NULL));
	EXPECT_EQ(poll(&p, 1, 15000), 1);
	EXPECT_ERR(read(fd, &n, 4), EINVAL);
	EXPECT_EQ(take(fd), 1);
	EXPECT_ERR(read(fd, &n, 8), EAGAIN);
	EXPECT_EQ(left(fd).it_value.tv_nsec, 0);
	its.it_value.tv_sec = 100;
	its.it_interval.tv_sec = 3;
	ASSERT_OK(timerfd_settime(fd, 0, &its, &old));
	EXPECT_EQ(old.it_value.tv_sec, 0);
	EXPECT_EQ(old.it_value.tv_nsec, 0);
	EXPECT_GE(left(fd).it_value.tv_sec, 80);
	EXPECT_LE(left(fd).it_value.tv_sec, 100);
	EXPECT_EQ(left(fd).it_interval.tv_sec, 3);
	its.it_value.tv_sec = its.it_value.tv_nsec = 0;
	ASSERT_OK(timerfd_settime(fd, 0, &its, &old));
	EXPECT_GE(old.it_value.tv_sec, 80);
	EXPECT_EQ(old.it_interval.tv_sec, 3);
	EXPECT_EQ(left(fd).it_value.tv_sec, 0);
	EXPECT_ERR(read(fd, &n, 8), EAGAIN);
}

/* As many ticks as periods fit into the time from the first look at the clock to the last. */
TEST(a_periodic_timer_counts_the_periods)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	struct itimerspec its = { { 0, 10 * MS }, { 0, 10 * MS } };
	struct timespec from, to;
	uint64_t ticks = 0;
	long ns;

	clock_gettime(CLOCK_MONOTONIC, &from);
	ASSERT_OK(timerfd_settime(fd, 0, &its, NULL));
	usleep(60000);
	while (ticks < 12)
		ticks += take(fd);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ns = (to.tv_sec - from.tv_sec) * 1000 * MS + to.tv_nsec - from.tv_nsec;
	EXPECT_LE(ticks, (uint64_t)(ns / (10 * MS)));
	EXPECT_LE(left(fd).it_value.tv_nsec, 10 * MS);
}

TEST(absolute_times_of_both_clocks)
{
	static const int clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME };

	for (unsigned int i = 0; i < ARRAY_SIZE(clocks); i++) {
		int fd = timerfd_create(clocks[i], 0);
		struct itimerspec its = { 0 };
		struct timespec now;

		ASSERT_OK(fd);
		clock_gettime(clocks[i], &its.it_value);
		its.it_value.tv_sec += 1;
		ASSERT_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL));
		EXPECT_EQ(take(fd), 1);
		clock_gettime(clocks[i], &now);
		EXPECT(now.tv_sec > its.it_value.tv_sec ||
		       (now.tv_sec == its.it_value.tv_sec && now.tv_nsec >= its.it_value.tv_nsec));
		/* A moment that is over expires at once. */
		its.it_value = (struct timespec){ 1, 0 };
		ASSERT_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL));
		EXPECT_EQ(take(fd), 1);
		close(fd);
	}
}

/* Setting the wall clock to what it shows is a jump, too, but for the nanoseconds that it takes. */
TEST(setting_the_clock_cancels_who_asked)
{
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	int other = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
	struct itimerspec its = { 0 };
	struct timespec now;
	uint64_t n;

	clock_gettime(CLOCK_REALTIME, &its.it_value);
	its.it_value.tv_sec += 10000;
	ASSERT_OK(timerfd_settime(fd, flags, &its, NULL));
	ASSERT_OK(timerfd_settime(other, TFD_TIMER_ABSTIME, &its, NULL));
	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += 1;
	if (clock_settime(CLOCK_REALTIME, &now))
		skip("may not set the clock");
	EXPECT_EQ(ready(fd, POLLIN), POLLIN);
	EXPECT_ERR(read(fd, &n, 8), ECANCELED);
	EXPECT_ERR(read(fd, &n, 8), EAGAIN);
	EXPECT_ERR(read(other, &n, 8), EAGAIN);
	/* What is left is counted on the clock as it is now. */
	EXPECT_LE(left(other).it_value.tv_sec, 9999);
	now.tv_sec -= 1;
	clock_settime(CLOCK_REALTIME, &now);
	EXPECT_ERR(timerfd_settime(fd, flags, &its, NULL), ECANCELED);
	EXPECT_OK(timerfd_settime(fd, flags, &its, NULL));
}

TEST(bad_timers_are_refused)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, 0), ev = eventfd(0, 0);
	struct itimerspec its = { .it_value.tv_nsec = 1000 * MS };

	EXPECT_ERR(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
	EXPECT_ERR(timerfd_create(99, 0), EINVAL);
	EXPECT_ERR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	EXPECT_ERR(timerfd_settime(fd, 0, &its, NULL), EINVAL);
	its.it_value.tv_nsec = 1;
	its.it_interval.tv_sec = -1;
	EXPECT_ERR(timerfd_settime(fd, 0, &its, NULL), EINVAL);
	its.it_interval.tv_sec = 0;
	EXPECT_ERR(timerfd_settime(fd, 4, &its, NULL), EINVAL);
	EXPECT_ERR(timerfd_settime(ev, 0, &its, NULL), EINVAL);
	EXPECT_ERR(timerfd_settime(999, 0, &its, NULL), EBADF);
	EXPECT_ERR(syscall(SYS_timerfd_settime, fd, 0, 8, NULL), EFAULT);
	EXPECT_ERR(timerfd_gettime(ev, &its), EINVAL);
	EXPECT_ERR(syscall(SYS_timerfd_gettime, fd, 8), EFAULT);
}
