/*
 * tty.c - the terminal line discipline through a pseudo terminal pair from /dev/ptmx.
 *
 * The test holds the master (the "keyboard and screen"), children hold the slave.  Proves line
 * editing, echo, signals from ^C ^Z ^\, end of file, raw mode, window size and SIGWINCH, job
 * control (background read and write), hangup.  Without /dev/ptmx the suite skips.
 */
#include "pty.h"

static int input_waits(void)
{
	struct pollfd p = { .fd = slave, .events = POLLIN };

	return poll(&p, 1, 50) == 1;
}

/* One read of the slave, as a string. */
static const char *line(void)
{
	static char text[5000];
	ssize_t n = 0;

	if (!input_waits())
		return "(nothing)";
	n = read(slave, text, sizeof(text) - 1);
	if (n < 0)
		return "(error)";
	text[n] = 0;
	return text;
}

static struct termios get(void)
{
	struct termios t;

	ASSERT_OK(tcgetattr(slave, &t));
	return t;
}

static void set_lflag(tcflag_t off, tcflag_t on)
{
	struct termios t = get();

	t.c_lflag = (t.c_lflag & ~off) | on;
	ASSERT_OK(tcsetattr(slave, TCSANOW, &t));
}

TEST(both_ends_are_terminals_with_the_usual_settings)
{
	struct stat st;
	int fd[2];

	open_pair();
	EXPECT(isatty(slave));
	EXPECT(isatty(master));
	ASSERT_OK(fstat(slave, &st));
	EXPECT(S_ISCHR(st.st_mode));
	struct termios t = get();

	EXPECT_EQ(t.c_lflag & (ICANON | ECHO | ISIG | IEXTEN), ICANON | ECHO | ISIG | IEXTEN);
	EXPECT(t.c_iflag & ICRNL);
	EXPECT_EQ(t.c_oflag & (OPOST | ONLCR), OPOST | ONLCR);
	EXPECT_EQ(t.c_cc[VINTR], 3);
	EXPECT_EQ(t.c_cc[VEOF], 4);
	EXPECT_EQ(t.c_cc[VERASE], 127);
	EXPECT_EQ(t.c_cc[VKILL], 21);
	EXPECT_EQ(t.c_cc[VSUSP], 26);
	ASSERT_OK(pipe(fd));
	EXPECT_ERR(tcgetattr(fd[0], &t), ENOTTY);
}

TEST(a_line_comes_whole_and_only_after_its_end)
{
	open_pair();
	type("hel");
	EXPECT(!input_waits());
	type("lo\nnext");
	EXPECT_STR(line(), "hello\n");
	EXPECT(!input_waits());
	type("\n");
	EXPECT_STR(line(), "next\n");
	type("cr\r");
	EXPECT_STR(line(), "cr\n");
	type("one\ntwo\n");
	EXPECT_STR(line(), "one\n"); /* one line a read */
	EXPECT_STR(line(), "two\n");
	type("long line\n");
	char buf[4];

	EXPECT_EQ(read(slave, buf, 4), 4);
	EXPECT(!memcmp(buf, "long", 4));
	EXPECT_STR(line(), " line\n");
}

TEST(erase_and_kill_edit_the_line)
{
	open_pair();
	type("abX\177c\n");
	EXPECT_STR(line(), "abc\n");
	type("\177\177\177d\n");
	EXPECT_STR(line(), "d\n");
	type("wrong\025right\n");
	EXPECT_STR(line(), "right\n");
	type("two words\027one\n"); /* ^W takes a word */
	EXPECT_STR(line(), "two one\n");
	type("\026\003\n"); /* ^V takes the next literally */
	EXPECT_STR(line(), "\003\n");
}

TEST(echo_shows_what_is_typed)
{
	open_pair();
	type("abc\n");
	EXPECT_STR(screen(), "abc\r\n");
	type("x\177");
	EXPECT_STR(screen(), "x\b \b");
	type("\001");
	EXPECT_STR(screen(), "^A");
	type("\n");
	EXPECT_STR(screen(), "\r\n");
	set_lflag(ECHO, 0);
	type("secret\n");
	EXPECT_STR(screen(), "");
	line();
	line();
	EXPECT_STR(line(), "secret\n");
}

TEST(output_gets_its_carriage_returns)
{
	open_pair();
	ASSERT_OK(write_all(slave, "a\nb\n", 4));
	EXPECT_STR(screen(), "a\r\nb\r\n");
	struct termios t = get();

	t.c_oflag &= ~OPOST;
	ASSERT_OK(tcsetattr(slave, TCSADRAIN, &t));
	ASSERT_OK(write_all(slave, "a\nb\n", 4));
	EXPECT_STR(screen(), "a\nb\n");
}

TEST(end_of_file)
{
	char buf[8];

	open_pair();
	type("\004");
	EXPECT_EQ(read(slave, buf, 8), 0);
	type("ab\004");
	EXPECT_EQ(read(slave, buf, 8), 2); /* in mid-line it only pushes what is there */
	type("next\n");
	EXPECT_STR(line(), "next\n");
}

TEST(raw_mode_gives_bytes_at_once)
{
	struct termios t;
	char buf[8];

	open_pair();
	t = get();
	t.c_lflag &= ~(ICANON | ECHO | ISIG | IEXTEN);
	t.c_iflag &= ~(ICRNL | IXON);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	ASSERT_OK(tcsetattr(slave, TCSANOW, &t));
	type("a");
	EXPECT_STR(line(), "a");
	type("\003\r\177");
	EXPECT_STR(line(), "\003\r\177");
	t.c_cc[VMIN] = 0;
	ASSERT_OK(tcsetattr(slave, TCSANOW, &t));
	EXPECT_EQ(read(slave, buf, 8), 0);
	t.c_cc[VTIME] = 1; /* a tenth of a second */
	ASSERT_OK(tcsetattr(slave, TCSANOW, &t));
	EXPECT_EQ(read(slave, buf, 8), 0);
	t.c_cc[VMIN] = 3;
	t.c_cc[VTIME] = 0;
	ASSERT_OK(tcsetattr(slave, TCSANOW, &t));
	pid_t pid = test_fork();

	if (!pid) {
		for (int i = 0; i < 3; i++) {
			usleep(20000);
			type("z");
		}
		_exit(0);
	}
	EXPECT_EQ(read(slave, buf, 8), 3);
	EXPECT_EXIT(pid, 0);
}

TEST(nonblocking_reads_and_flush)
{
	char buf[8];

	open_pair();
	ASSERT_OK(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK));
	EXPECT_ERR(read(slave, buf, 8), EAGAIN);
	type("gone\n");
	EXPECT(input_waits());
	ASSERT_OK(tcflush(slave, TCIFLUSH));
	EXPECT_ERR(read(slave, buf, 8), EAGAIN);
	int n = -1;

	type("four\n");
	EXPECT(input_waits());
	if (!ioctl(slave, FIONREAD, &n))
		EXPECT_EQ(n, 5);
}

static volatile int winch;

static void on_winch(int sig unused)
{
	winch++;
}

/* Become the leader of a session whose terminal is the slave. */
static void take_terminal(void)
{
	ASSERT_OK(setsid());
	ASSERT_OK(ioctl(slave, TIOCSCTTY, 0));
}

TEST(window_size_and_sigwinch)
{
	struct winsize ws = { 24, 80, 0, 0 }, got = { 0, 0, 0, 0 };

	open_pair();
	ASSERT_OK(ioctl(master, TIOCSWINSZ, &ws));
	ASSERT_OK(ioctl(slave, TIOCGWINSZ, &got));
	EXPECT_EQ(got.ws_row, 24);
	EXPECT_EQ(got.ws_col, 80);
	int ready[2];
	char c;

	ASSERT_OK(pipe(ready));
	pid_t pid = test_fork();

	if (!pid) {
		signal(SIGWINCH, on_winch);
		take_terminal();
		ASSERT_EQ(write(ready[1], "r", 1), 1);
		for (int i = 0; i < 2000 && !winch; i++)
			usleep(1000);
		ASSERT_OK(ioctl(slave, TIOCGWINSZ, &got));
		_exit(winch && got.ws_row == 50 ? 0 : 1);
	}
	ASSERT_EQ(read(ready[0], &c, 1), 1);
	ws.ws_row = 50;
	ASSERT_OK(ioctl(master, TIOCSWINSZ, &ws));
	EXPECT_EXIT(pid, 0);
}

/* A child in its own session on the slave; tells by a byte that it is there. */
static pid_t session_child(void (*body)(void))
{
	int ready[2];
	char c;

	ASSERT_OK(pipe(ready));
	pid_t pid = test_fork();

	if (!pid) {
		close(master);
		take_terminal();
		ASSERT_EQ(write(ready[1], "r", 1), 1);
		body();
		_exit(0);
	}
	ASSERT_EQ(read(ready[0], &c, 1), 1);
	return pid;
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

TEST(control_characters_send_signals_to_the_foreground)
{
	open_pair();
	pid_t pid = session_child(wait_for_ever);

	type("\003");
	EXPECT_KILLED(pid, SIGINT);
	EXPECT_STR(screen(), "^C");
	open_pair();
	pid = session_child(wait_for_ever);
	type("\034");
	EXPECT_KILLED(pid, SIGQUIT);
}

static void two_groups(void)
{
	/* The leader stays, a child group is in the foreground and stops by ^Z. */
	int status;
	pid_t pid = test_fork();

	if (!pid) {
		setpgid(0, 0);
		wait_for_ever();
	}
	setpgid(pid, pid);
	ASSERT_OK(tcsetpgrp(slave, pid));
	EXPECT_EQ(tcgetpgrp(slave), pid);
	ASSERT_OK(write_all(slave, "READY", 5));
	EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
	EXPECT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
	kill(pid, SIGCONT);
	signal(SIGTTOU, SIG_IGN);
	ASSERT_OK(tcsetpgrp(slave, getpid()));
	kill(pid, SIGTERM);
	EXPECT_KILLED(pid, SIGTERM);
}

static void wait_for_screen(const char *text)
{
	for (int i = 0; i < 50; i++)
		if (strstr(screen(), text))
			return;
	check_failed(__FILE__, __LINE__, "%s never came", text);
}

TEST(control_z_stops_only_the_foreground_group)
{
	open_pair();
	pid_t pid = session_child(two_groups);

	wait_for_screen("READY");
	type("\032");
	EXPECT_EXIT(pid, 0);
}

static void background_job(void)
{
	int status;
	char c;
	pid_t pid = test_fork();

	if (!pid) {
		setpgid(0, 0);
		c = read(slave, &c, 1) == 1;
		_exit(c);
	}
	setpgid(pid, pid);
	/* A background read stops the job. */
	EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
	EXPECT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
	kill(pid, SIGKILL);
	kill(pid, SIGCONT);
	EXPECT_KILLED(pid, SIGKILL);
	/* A background write does so only with TOSTOP. */
	pid = test_fork();
	if (!pid) {
		setpgid(0, 0);
		set_lflag(0, 0); /* tcsetattr in the background: SIGTTOU */
		_exit(0);
	}
	setpgid(pid, pid);
	EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
	EXPECT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
	pid = test_fork();
	if (!pid) {
		setpgid(0, 0);
		_exit(write(slave, "bg", 2) != 2);
	}
	EXPECT_EXIT(pid, 0);
	/* Ignoring SIGTTIN turns the read into EIO. */
	pid = test_fork();
	if (!pid) {
		setpgid(0, 0);
		signal(SIGTTIN, SIG_IGN);
		EXPECT_ERR(read(slave, &c, 1), EIO);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(background_reads_and_settings_stop_the_job)
{
	open_pair();
	EXPECT_EXIT(session_child(background_job), 0);
}

static void use_dev_tty(void)
{
	int fd = open("/dev/tty", O_RDWR);

	ASSERT_OK(fd);
	EXPECT_EQ(tcgetpgrp(fd), getpgrp());
	ASSERT_OK(write_all(fd, "via dev tty\n", 12));
}

TEST(dev_tty_is_the_sessions_terminal)
{
	open_pair();
	pid_t pid = session_child(use_dev_tty);

	EXPECT_STR(screen(), "via dev tty\r\n");
	EXPECT_EXIT(pid, 0);
}

TEST(closing_the_master_hangs_up)
{
	char c;

	open_pair();
	pid_t pid = session_child(wait_for_ever);
	int keep = dup(slave);

	close(master);
	EXPECT_KILLED(pid, SIGHUP);
	EXPECT_EQ(read(keep, &c, 1), 0);
	EXPECT_ERR(write(keep, "x", 1), EIO);
}

TEST(closing_the_last_slave_shows_on_the_master)
{
	char c;

	open_pair();
	ASSERT_OK(write_all(slave, "bye", 3));
	close(slave);
	EXPECT_STR(screen(), "bye");
	EXPECT_ERR(read(master, &c, 1), EIO);
	ASSERT_OK(slave = open(slave_name, O_RDWR | O_NOCTTY));
	ASSERT_OK(write_all(slave, "back", 4));
	EXPECT_STR(screen(), "back");
}

TEST(several_pairs_at_once)
{
	int m[8], s[8];
	char name[8][64];

	for (int i = 0; i < 8; i++) {
		open_pair();
		m[i] = master;
		s[i] = slave;
		strcpy(name[i], slave_name);
		for (int k = 0; k < i; k++)
			EXPECT(strcmp(name[i], name[k]));
	}
	for (int i = 0; i < 8; i++) {
		char text[8];

		master = m[i];
		slave = s[i];
		snprintf(text, sizeof(text), "n%d\n", i);
		type(text);
		EXPECT_STR(line(), text);
	}
}

/* 4095 bytes of a line are kept, what follows is dropped, and its end still ends it. */
TEST(a_line_longer_than_the_buffer_is_cut)
{
	char big[6000];

	open_pair();
	set_lflag(ECHO, 0);
	memset(big, 'x', sizeof(big));
	for (int at = 0; at < 5000; at += 500) {
		ASSERT_OK(write_all(master, big, 500));
		usleep(5000);
	}
	EXPECT(!input_waits());
	type("\nafter\n");
	EXPECT_EQ(read(slave, big, sizeof(big)), 4096);
	EXPECT_EQ(big[4094], 'x');
	EXPECT_EQ(big[4095], '\n');
	EXPECT_STR(line(), "after\n");
}
