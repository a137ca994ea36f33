/*
 * A crew: some threads that do the same thing at the same time, for the suites that fight over something.
 *
 * They begin together, once all of them run, and the runner waits for the last. One crew at a time. Without as many CPUs
 * they interleave on fewer: there are always at least four threads.
 */
#pragma once

#include "arch/x86/atomic.h"
#include "kernel/completion.h"
#include "kernel/ktest.h"

#define MAX_THREADS 16
#define ROUNDS	    3000

struct crew {
	struct ktest *t;
	int (*fn)(struct crew *c, int me);
	int n;
	atomic_t ready, left, next;
	struct completion done;
};

extern struct crew crew; /* the last that ran: crew.n says how many they were */

/* Runs fn(crew, 0..n-1) in n threads and waits for all. */
void run_crew_of(struct ktest *t, int n, int (*fn)(struct crew *c, int me));
/* The same with twice as many threads as CPUs, 4..MAX_THREADS. */
void run_crew(struct ktest *t, int (*fn)(struct crew *c, int me));
void spin_a_little(int n);
