/*
 * pty.c - terminals under stress: flow control, full buffers, sessions that come and go, timing.
 *
 * Where tests/user/tty.c proves what a user sees, this suite proves the corners: writers that wait
 * and go on, input that nobody reads, tabs on the screen, the ways to get and to lose a terminal.
 */
#include "pty.h"
#include <time.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

static void set_flags(tcflag_t ioff, tcflag_t ion, tcflag_t ooff, tcflag_t oon, tcflag_t loff,
		      tcflag_t lon)
{
	struct termios t;

	ASSERT_OK(tcgetattr(slave, &t));
	t.c_iflag = (t.c_iflag & ~ioff) | ion;
	t.c_oflag = (t.c_oflag & ~ooff) | oon;
	t.c_lflag = (t.c_lflag & ~loff) | lon;
	ASSERT_OK(tcsetattr(slave, TCSANOW, &t));
}

static void set_raw(int vmin, int vtime)
{
	struct termios t;

	ASSERT_OK(tcgetattr(slave, &t));
	t.c_iflag = 0;
	t.c_oflag = 0;
	t.c_lflag = 0;
	t.c_cc[VMIN] = vmin;
	t.c_cc[VTIME] = vtime;
	ASSERT_OK(tcsetattr(slave, TCSANOW, &t));
}

static long ms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

TEST(a_locked_slave_cannot_be_opened)
{
	int one = 1, zero = 0, number, lock = -1;

	open_pair();
	close(slave);
	close(master);
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	ASSERT_OK(ioctl(master, TIOCGPTN, &number));
	snprintf(slave_name, sizeof(slave_name), "/dev/pts/%d", number);
	EXPECT_ERR(open(slave_name, O_RDWR | O_NOCTTY), EIO);
	ASSERT_OK(ioctl(master, TIOCSPTLCK, &zero));
	ASSERT_OK(slave = open(slave_name, O_RDWR | O_NOCTTY));
	ASSERT_OK(ioctl(master, TIOCSPTLCK, &one));
	EXPECT_ERR(open(slave_name, O_RDWR | O_NOCTTY), EIO);
	if (!ioctl(master, 0x80045439 /* TIOCGPTLCK */, &lock))
		EXPECT_EQ(lock, 1);
}

TEST(the_name_goes_with_the_master)
{
	struct stat st;

	open_pair();
	EXPECT_OK(stat(slave_name, &st));
	EXPECT_EQ(st.st_uid, getuid());
	close(slave);
	EXPECT_OK(stat(slave_name, &st));
	close(master);
	EXPECT_ERR(stat(slave_name, &st), ENOENT);
}

TEST(the_master_opens_its_peer_without_a_name)
{
	char buf[8];

	open_pair();
	int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);

	if (peer < 0 && (errno == EINVAL || errno == ENOTTY || errno == EIO))
		skip("no TIOCGPTPEER");
	ASSERT_OK(peer);
	type("hi\n");
	EXPECT_EQ(read(peer, buf, 8), 3);
	EXPECT(isatty(peer));
}

TEST(a_writer_waits_for_the_screen_and_goes_on)
{
	static char text[100000];
	size_t got = 0;

	open_pair();
	set_raw(1, 0);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = 'a' + i % 23;
	pid_t pid = test_fork();

	if (!pid) {
		close(master);
		ASSERT_OK(write_all(slave, text, sizeof(text)));
		_exit(0);
	}
	while (got < sizeof(text)) {
		char buf[700];
		ssize_t n = read(master, buf, sizeof(buf));

		ASSERT(n > 0);
		ASSERT(!memcmp(buf, text + got, n));
		got += n;
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_STR(screen(), "");
}

TEST(a_nonblocking_writer_gets_eagain_when_the_screen_is_full)
{
	char buf[1000];
	size_t sent = 0;
	ssize_t n;

	open_pair();
	set_raw(1, 0);
	memset(buf, 'x', sizeof(buf));
	ASSERT_OK(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK));
	while ((n = write(slave, buf, sizeof(buf))) > 0 && sent < 1000000)
		sent += n;
	EXPECT_EQ(n, -1);
	EXPECT_EQ(errno, EAGAIN);
	EXPECT(sent >= 2000);
	struct pollfd p = { .fd = slave, .events = POLLOUT };

	EXPECT_EQ(poll(&p, 1, 0), 0);
	for (size_t got = 0; got < sent; got += n)
		ASSERT((n = read(master, buf, sizeof(buf))) > 0);
	EXPECT_EQ(poll(&p, 1, 1000), 1);
}

TEST(typing_far_ahead_loses_nothing)
{
	char line[64], want[64];

	open_pair();
	set_flags(0, 0, 0, 0, ECHO, 0);
	pid_t pid = test_fork();

	if (!pid) {
		close(slave);
		for (int i = 0; i < 1000; i++) {
			snprintf(line, sizeof(line), "line number %d\n", i);
			ASSERT_OK(write_all(master, line, strlen(line)));
		}
		_exit(0);
	}
	usleep(50000);
	for (int i = 0; i < 1000; i++) {
		ssize_t n = read(slave, line, sizeof(line));

		ASSERT(n > 0);
		line[n] = 0;
		snprintf(want, sizeof(want), "line number %d\n", i);
		ASSERT(!strcmp(line, want));
	}
	EXPECT_EXIT(pid, 0);
}

TEST(raw_bytes_arrive_unchanged)
{
	static char text[50000];
	char buf[333];
	size_t got = 0;

	open_pair();
	set_raw(1, 0);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i * 7 + (i >> 8);
	pid_t pid = test_fork();

	if (!pid) {
		close(slave);
		ASSERT_OK(write_all(master, text, sizeof(text)));
		_exit(0);
	}
	while (got < sizeof(text)) {
		ssize_t n = read(slave, buf, sizeof(buf));

		ASSERT(n > 0);
		ASSERT(!memcmp(buf, text + got, n));
		got += n;
	}
	EXPECT_EXIT(pid, 0);
}

TEST(flow_control_stops_and_starts_output)
{
	open_pair();
	type("\023");
	usleep(20000);
	pid_t pid = test_fork();

	if (!pid) {
		close(master);
		ASSERT_OK(write_all(slave, "held", 4));
		_exit(0);
	}
	EXPECT_STR(screen(), "");
	type("\021");
	EXPECT_STR(screen(), "held");
	EXPECT_EXIT(pid, 0);
	ASSERT_OK(tcflow(slave, TCOOFF));
	pid = test_fork();
	if (!pid) {
		close(master);
		ASSERT_OK(write_all(slave, "again", 5));
		_exit(0);
	}
	EXPECT_STR(screen(), "");
	ASSERT_OK(tcflow(slave, TCOON));
	EXPECT_STR(screen(), "again");
	EXPECT_EXIT(pid, 0);
}

TEST(tabs_are_erased_as_wide_as_they_are)
{
	open_pair();
	type("ab\tc\177\177");
	EXPECT_STR(screen(), "ab\tc\b \b\b\b\b\b\b\b");
	type("\025");
	EXPECT_STR(screen(), "\b \b\b \b");
	set_flags(0, 0, 0, TAB3, 0, 0);
	ASSERT_OK(write_all(slave, "\nabc\td\n", 7));
	EXPECT_STR(screen(), "\r\nabc     d\r\n");
}

TEST(a_character_of_several_bytes_is_erased_as_one)
{
	char buf[16];

	open_pair();
	set_flags(0, IUTF8, 0, 0, 0, 0);
	type("a\303\244\177b\n");
	EXPECT_EQ(read(slave, buf, sizeof(buf)), 3);
	EXPECT(!memcmp(buf, "ab\n", 3));
	EXPECT_STR(screen(), "a\303\244\b \bb\r\n");
}

TEST(reprint_shows_the_line_again)
{
	open_pair();
	type("abc\022");
	EXPECT_STR(screen(), "abc^R\r\nabc");
}

TEST(input_is_translated_as_asked)
{
	char buf[32];

	open_pair();
	set_flags(ICRNL, INLCR | ISTRIP, 0, 0, ICANON | ECHO, 0);
	type("a\nb\301\r");
	usleep(20000);
	EXPECT_EQ(read(slave, buf, sizeof(buf)), 5);
	EXPECT(!memcmp(buf, "a\rbA\r", 5));
	set_flags(0, IGNCR, 0, 0, 0, 0);
	type("x\ry");
	usleep(20000);
	EXPECT_EQ(read(slave, buf, sizeof(buf)), 2);
	EXPECT(!memcmp(buf, "xy", 2));
}

TEST(a_half_line_can_be_read_when_the_mode_becomes_raw)
{
	char buf[16];

	open_pair();
	type("half");
	usleep(20000);
	set_flags(0, 0, 0, 0, ICANON, 0);
	EXPECT_EQ(read(slave, buf, sizeof(buf)), 4);
	type("more");
	usleep(20000);
	set_flags(0, 0, 0, 0, 0, ICANON);
	EXPECT_EQ(read(slave, buf, sizeof(buf)), 4);
	EXPECT(!memcmp(buf, "more", 4));
}

TEST(other_line_ends)
{
	struct termios t;
	char buf[16];

	open_pair();
	ASSERT_OK(tcgetattr(slave, &t));
	t.c_cc[VEOL] = ';';
	t.c_cc[VEOL2] = '|';
	ASSERT_OK(tcsetattr(slave, TCSANOW, &t));
	type("a;b|c\n");
	EXPECT_EQ(read(slave, buf, sizeof(buf)), 2);
	EXPECT(!memcmp(buf, "a;", 2));
	EXPECT_EQ(read(slave, buf, sizeof(buf)), 2);
	EXPECT(!memcmp(buf, "b|", 2));
	EXPECT_EQ(read(slave, buf, sizeof(buf)), 2);
}

TEST(the_time_between_bytes_ends_a_read)
{
	char buf[16];

	open_pair();
	set_raw(10, 2);
	pid_t pid = test_fork();

	if (!pid) {
		usleep(100000);
		type("a");
		usleep(50000);
		type("b");
		_exit(0);
	}
	long start = ms_now();

	EXPECT_EQ(read(slave, buf, sizeof(buf)), 2);
	EXPECT(ms_now() - start >= 300);
	EXPECT(ms_now() - start < 2000);
	EXPECT_EXIT(pid, 0);
}

TEST(the_interrupt_key_flushes_unless_told_not_to)
{
	char buf[16];

	open_pair();
	ASSERT_OK(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK));
	type("line\nhalf\003");
	usleep(20000);
	EXPECT_ERR(read(slave, buf, sizeof(buf)), EAGAIN);
	set_flags(0, 0, 0, 0, 0, NOFLSH);
	type("line\n\003");
	usleep(20000);
	EXPECT_EQ(read(slave, buf, sizeof(buf)), 5);
}

/* ---- sessions ---- */

static int told[2];

static void tell(void)
{
	ASSERT_EQ(write(told[1], "t", 1), 1);
}

static void wait_told(void)
{
	char c;

	ASSERT_EQ(read(told[0], &c, 1), 1);
}

TEST(a_leader_gets_a_terminal_by_opening_it)
{
	open_pair();
	close(slave);
	pid_t pid = test_fork();

	if (!pid) {
		setsid();
		int fd = open(slave_name, O_RDWR | O_NOCTTY);

		EXPECT_ERR(open("/dev/tty", O_RDWR), ENXIO);
		EXPECT_ERR(tcgetpgrp(fd), ENOTTY);
		ASSERT_OK(fd = open(slave_name, O_RDWR));
		EXPECT_OK(open("/dev/tty", O_RDWR));
		EXPECT_EQ(tcgetpgrp(fd), getpid());
		EXPECT_EQ(tcgetsid(fd), getpid());
		pid_t child = test_fork();

		if (!child) {
			EXPECT_EQ(tcgetsid(fd), getppid());
			ASSERT_OK(setsid());
			EXPECT_ERR(open("/dev/tty", O_RDWR), ENXIO);
			EXPECT_ERR(ioctl(fd, TIOCSCTTY, 0), EPERM); /* another session's */
			_exit(0);
		}
		EXPECT_EXIT(child, 0);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(foreground_groups_are_of_the_same_session)
{
	open_pair();
	pid_t pid = test_fork();

	if (!pid) {
		setsid();
		ASSERT_OK(ioctl(slave, TIOCSCTTY, 0));
		EXPECT_ERR(tcsetpgrp(slave, getppid()), EPERM);
		EXPECT_ERR(tcsetpgrp(slave, 32000), ESRCH);
		EXPECT_ERR(tcsetpgrp(slave, -1), EINVAL);
		EXPECT_OK(tcsetpgrp(slave, getpid()));
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_ERR(tcsetpgrp(slave, getpid()), ENOTTY);
}

TEST(the_end_of_the_leader_hangs_up_the_foreground)
{
	ASSERT_OK(pipe(told));
	open_pair();
	pid_t pid = test_fork();

	if (!pid) {
		close(told[0]);
		setsid();
		ASSERT_OK(ioctl(slave, TIOCSCTTY, 0));
		/*
		 * The foreground group is the leader's own: its child gets SIGHUP when the leader
		 * is gone.
		 */
		if (!test_fork()) {
			alarm(10);
			for (;;)
				pause();
		}
		usleep(20000);
		_exit(0);
	}
	close(told[1]);
	EXPECT_EXIT(pid, 0);
	/* The child's end of the pipe closes as it dies of SIGHUP, long before its alarm. */
	struct pollfd p = { .fd = told[0], .events = POLLIN };

	EXPECT_EQ(poll(&p, 1, 3000), 1);
	/* The terminal is free for another session. */
	pid = test_fork();
	if (!pid) {
		setsid();
		_exit(ioctl(slave, TIOCSCTTY, 0) != 0);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(giving_the_terminal_up)
{
	open_pair();
	pid_t pid = test_fork();

	if (!pid) {
		signal(SIGHUP, SIG_IGN);
		setsid();
		ASSERT_OK(ioctl(slave, TIOCSCTTY, 0));
		ASSERT_OK(ioctl(slave, TIOCNOTTY));
		EXPECT_ERR(open("/dev/tty", O_RDWR), ENXIO);
		EXPECT_ERR(ioctl(slave, TIOCNOTTY), ENOTTY);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(an_orphaned_background_reader_gets_eio)
{
	ASSERT_OK(pipe(told));
	open_pair();
	pid_t pid = test_fork();

	if (!pid) {
		setsid();
		ASSERT_OK(ioctl(slave, TIOCSCTTY, 0));
		pid_t middle = test_fork();

		if (!middle) {
			if (!test_fork()) {
				char c;

				setpgid(0, 0);
				while (getppid() == 0)
					;
				usleep(100000); /* the parent is gone: nobody of this session cares */
				EXPECT_ERR(read(slave, &c, 1), EIO);
				tell();
				_exit(0);
			}
			_exit(0);
		}
		EXPECT_EXIT(middle, 0);
		wait_told();
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(tostop_stops_background_output)
{
	int status;

	open_pair();
	pid_t pid = test_fork();

	if (!pid) {
		setsid();
		ASSERT_OK(ioctl(slave, TIOCSCTTY, 0));
		set_flags(0, 0, 0, 0, 0, TOSTOP);
		pid_t job = test_fork();

		if (!job) {
			setpgid(0, 0);
			_exit(write(slave, "x", 1) != 1);
		}
		setpgid(job, job);
		EXPECT_EQ(waitpid(job, &status, WUNTRACED), job);
		EXPECT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
		signal(SIGTTOU, SIG_IGN);
		ASSERT_OK(tcsetpgrp(slave, job));
		kill(job, SIGCONT);
		EXPECT_EXIT(job, 0);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_STR(screen(), "x");
}

TEST_LIMIT(pairs_made_and_dropped_leave_nothing, 60)
{
	open_pair();
	char first[64];

	strcpy(first, slave_name);
	close(slave);
	close(master);
	for (int i = 0; i < 500; i++) {
		open_pair();
		type("x\n");
		close(i & 1 ? master : slave);
		close(i & 1 ? slave : master);
	}
	open_pair();
	EXPECT_STR(slave_name, first);
}
