/*
 * pty.h - a pseudo terminal pair: the test holds the master, which is keyboard and screen, and looks at the slave as
 * the programs do. Without /dev/ptmx the test is skipped.
 */
#ifndef TESTS_USER_PTY_H
#define TESTS_USER_PTY_H

#include "test.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, slave;
static char slave_name[64];

static unused void open_pair(void)
{
	int zero = 0, number;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (master < 0)
		skip("no /dev/ptmx");
	ASSERT_OK(ioctl(master, TIOCSPTLCK, &zero));
	ASSERT_OK(ioctl(master, TIOCGPTN, &number));
	snprintf(slave_name, sizeof(slave_name), "/dev/pts/%d", number);
	ASSERT_OK(slave = open(slave_name, O_RDWR | O_NOCTTY));
}

static unused void type(const char *text)
{
	ASSERT_OK(write_all(master, text, strlen(text)));
}

/* What the screen shows within a moment, as a string. */
static unused const char *screen(void)
{
	static char text[8192];
	struct pollfd p = { .fd = master, .events = POLLIN };
	size_t len = 0;

	while (len < sizeof(text) - 1 && poll(&p, 1, 100) == 1 && (p.revents & POLLIN)) {
		ssize_t n = read(master, text + len, sizeof(text) - 1 - len);

		if (n <= 0)
			break;
		len += n;
	}
	text[len] = 0;
	return text;
}

#endif
