/*
 * What the suites of lib/ share: they run in the kernel and, through tests/host/lib_host.c, on the
 * host under the address and undefined-behaviour sanitizers.
 */
#ifndef TESTS_KERNEL_LIB_TEST_H
#define TESTS_KERNEL_LIB_TEST_H

#include "kernel/ktest.h"
#include "lib/random.h"

#ifdef QUIRE_HOSTED
#define GFP_KERNEL 0U
#define GFP_ATOMIC 1U
/* Randomised rounds cost little here. */
#define LIB_TEST_ROUNDS 200000
/* While not 0, one allocation of a tree node in so many fails. */
extern unsigned int lib_test_fail_one_in;
/* Nodes handed out and not yet given back. */
extern long lib_test_nodes;
#else
#include "mm/phys/gfp.h"
#define LIB_TEST_ROUNDS 4000
#endif

#endif
