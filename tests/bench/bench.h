/*
 * bench.h - what the two files of the benchmark program share: bench.c (the frame, system calls, processes) and vm_bench.c
 * (address spaces). bench.c says how one figure is made.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#define _GNU_SOURCE
#include <stdint.h>
#include <sys/types.h>

#define PAGE 4096UL

struct op {
	const char *name;
	uint64_t (*round)(int per_round); /* one round: its ticks, for per_round operations */
	int per_round, rounds;
};

extern const struct op vm_ops[]; /* the last one has no name */

/* The program's own path, for exec: with the argument "exit" it leaves at once. */
extern const char *self;
/* A file of 64 pages that is in the page cache. */
extern const char *const file_name;

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

/* Says what failed and ends the benchmark. */
void die(const char *what) __attribute__((noreturn));
/* Private anonymous pages, or die. */
void *map_anon(size_t pages);
/* fork(2) itself, without the C library's locks and signal masking; or die. */
pid_t raw_fork(void);
/* Waits for that child, or dies. */
void reap(pid_t pid);
uint64_t op_fork_exit_wait(int n);

#endif
