/*
 * Stack traces by number: each distinct one is stored once, and a 32-bit handle stands for it.
 *
 * Theory in stackdepot.c. Mirrors Linux include/linux/stackdepot.h. Exercised by the pagedebug suite.
 */
#pragma once

#include "lib/types.h"

typedef u32 depot_stack_handle_t; /* 0: none */

/* Deepest trace that is kept; what is longer is cut. */
#define STACK_DEPOT_MAX_FRAMES 64

/* While the command line is read: somebody will need the depot. */
void stack_depot_request_early_init(void);
/* Boot: its memory from memblock, if it was asked for. 0, -ENOMEM (then saving gives 0). => before mem_init() */
int stack_depot_early_init(void);
/* Handle of this trace (nr return addresses); 0 if there is no room left. Any context without zone->lock; sleeps never. */
depot_stack_handle_t stack_depot_save(const unsigned long *entries, unsigned int nr);
/* The trace of the caller, without the innermost skip frames above it; depth at most STACK_DEPOT_MAX_FRAMES. */
depot_stack_handle_t stack_depot_save_here(unsigned int depth, unsigned int skip);
/* *entries points at the stored addresses, which stay for ever; their number, 0 for a handle that is none. */
unsigned int stack_depot_fetch(depot_stack_handle_t handle, const unsigned long **entries);
/* To the log, a line each; and into a buffer of size bytes, spaces in front of each line: the length. */
void stack_depot_print(depot_stack_handle_t handle);
int stack_depot_snprint(depot_stack_handle_t handle, char *buf, size_t size, int spaces);
/* Is this CPU making the depot larger just now? Then its allocations are nobody's business. */
bool stack_depot_growing(void);
