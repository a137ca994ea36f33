/*
 * The ground that the kernel's pure parts stand on when they are built for the host: what lies below them there.
 *
 * A test file includes this first, then the .c files that it tests (so that their static functions can be reached, and the
 * fuzzer sees their branches). No header of the C library is included: its types are not ours.
 *
 * 1. Sections of the kernel image mean nothing here; boot parameters are called by the test, or not at all.
 * 2. BUG, WARN and panic end the program: no input may cause one unless the test says so. The sanitizer or the fuzzer then
 *    prints where, and keeps the input.
 * 3. A test reads its input through struct input, which gives zeroes when it is used up. So every sequence of bytes is
 *    a valid input, from a random generator (driver.c) as well as from libFuzzer.
 */
#pragma once

#include "arch/x86/page.h"
#include "lib/types.h"
#undef __section
#define __section(x)
#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/string.h"
#undef early_param
#define early_param(name, fn) static void *early_##fn __attribute__((unused)) = fn
#undef __init
#define __init
#undef __initdata
#define __initdata
#undef __initconst
#define __initconst

void *malloc(size_t size);
void free(void *p);
int printf(const char *fmt, ...) __printf(1, 2);
void abort(void) __noreturn;
void *mmap(void *addr, size_t len, int prot, int flags, int fd, long off);
#define MAP_HERE 0x100022 /* private, anonymous, fixed without replacing */

/* What every input goes to; libFuzzer's name for it. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
/* Printed after a random run. False: the inputs were of a kind that proves nothing. */
bool fuzz_summary(void);

struct input {
	const u8 *at, *end;
};

static inline u8 take8(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static inline u64 take(struct input *in, int bytes)
{
	u64 v = 0;

	while (bytes-- > 0)
		v = v << 8 | take8(in);
	return v;
}

/* Below n, which is at most 65536. */
static inline u32 take_below(struct input *in, u32 n)
{
	return (n <= 256 ? take8(in) : take(in, 2)) % n;
}

static inline bool used_up(const struct input *in)
{
	return in->at >= in->end;
}

/* The test's own assertion. */
#define must(cond)                                                                   \
	do {                                                                         \
		if (unlikely(!(cond))) {                                             \
			printf("# %s:%d: %s is false\n", __FILE__, __LINE__, #cond); \
			abort();                                                     \
		}                                                                    \
	} while (0)

/* ---- what the kernel would give ---- */

#ifndef HOST_OWN_PRINTK
int printk(const char *fmt, ...)
{
	return 0;
}
#endif

void __bug(const char *file, int line, const char *func)
{
	printf("# BUG at %s:%d in %s\n", file, line, func);
	abort();
}

void __warn(const char *file, int line, const char *func)
{
	printf("# WARNING at %s:%d in %s\n", file, line, func);
	abort();
}

void panic(const char *fmt, ...)
{
	printf("# panic: %s\n", fmt);
	abort();
}
