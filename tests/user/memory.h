/*
 * memory.h - fresh anonymous pages, and whether memory still holds what was written, for the suites that map.
 */
#ifndef TESTS_USER_MEMORY_H
#define TESTS_USER_MEMORY_H

#include "test.h"
#include <sys/mman.h>

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static unused char *map_pages(size_t n)
{
	char *p = mmap(NULL, n * PAGE, RW, ANON, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	return p;
}

static unused int all_equal(const char *p, size_t len, char value)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != value)
			return 0;
	return 1;
}

#endif
