/*
 * gup.h - pages pinned through /sys/kernel/debug/gup_test (Linux's, with CONFIG_GUP_TEST), for the suites that need pins.
 */
#ifndef TESTS_USER_GUP_H
#define TESTS_USER_GUP_H

#include "memory.h"
#include <sys/ioctl.h>

#define GUP_TEST "/sys/kernel/debug/gup_test"

struct gup_test {
	uint64_t get_usec, put_usec, addr, size;
	uint32_t per_call, gup_flags, test_flags, which[8];
};

struct pin_longterm {
	uint64_t addr, size;
	uint32_t flags;
};

#define FAST_BENCH     _IOWR('g', 1, struct gup_test)
#define PIN_FAST_BENCH _IOWR('g', 2, struct gup_test)
#define LONGTERM_BENCH _IOWR('g', 3, struct gup_test)
#define GUP_BASIC      _IOWR('g', 4, struct gup_test)
#define PIN_BASIC      _IOWR('g', 5, struct gup_test)
#define PIN_START      _IOW('g', 7, struct pin_longterm)
#define PIN_STOP       _IO('g', 8)
#define PIN_READ       _IOW('g', 9, uint64_t)

#define PIN_WRITE    1
#define PIN_FAST     2
#define FOLL_WRITE   1
#define FOLL_DUMP    4
#define FOLL_NOFAULT 0x20

static unused int gup_open(void)
{
	int fd = open(GUP_TEST, O_RDWR);

	if (fd < 0)
		skip("no " GUP_TEST);
	return fd;
}

static unused int pin(int fd, void *p, size_t pages, unsigned int flags)
{
	struct pin_longterm t = { (uintptr_t)p, pages * PAGE, flags };

	return ioctl(fd, PIN_START, &t);
}

/* What a device that has the pages would read there; static, big enough. */
static unused char *pinned_bytes(int fd)
{
	static char bytes[32 * PAGE] __attribute__((aligned(4096)));
	uint64_t to = (uintptr_t)bytes;

	ASSERT_OK(ioctl(fd, PIN_READ, &to));
	return bytes;
}

/* One of the calls that take a gup_test; bytes of pages that were had, or -1. */
static unused long gup_call(int fd, unsigned long call, void *p, size_t bytes, unsigned int flags)
{
	struct gup_test t = {
		.addr = (uintptr_t)p, .size = bytes, .per_call = 4, .gup_flags = flags
	};

	return ioctl(fd, call, &t) ? -1 : (long)t.size;
}

static unused long vmstat(const char *name)
{
	char *text = read_text("/proc/vmstat"), *at = text ? strstr(text, name) : NULL;

	ASSERT(at);
	return atol(at + strlen(name));
}

static unused long pins_now(void)
{
	return vmstat("nr_foll_pin_acquired ") - vmstat("nr_foll_pin_released ");
}

#endif
