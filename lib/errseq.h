/*
 * errseq: an error that must be told once to everybody who is interested.
 *
 * 1. One word in the object where errors happen holds the last error, a counter, and a mark "somebody has seen it". Everybody
 *    who waits for errors keeps a copy from when he began (errseq_sample) and later compares.
 * 2. Setting an error moves the counter on only if the last one was seen: errors between two looks are one error.
 * 3. A sample taken while the last error is unseen is 0, so that who comes later still hears of it.
 *
 * No locks: the word changes by compare and exchange. Mirrors Linux include/linux/errseq.h, lib/errseq.c. Exercised by the
 * suite errseq (tests/kernel/lib_errseq.c).
 */
#ifndef LIB_ERRSEQ_H
#define LIB_ERRSEQ_H

#include "lib/types.h"

typedef u32 errseq_t;

/* An error (negative errno) happened; anything else is ignored. => any context */
void errseq_set(errseq_t *eseq, int err);
/* For a later check: what happens from now on is news. */
errseq_t errseq_sample(const errseq_t *eseq);
/* The error since the sample, or 0; it stays news. */
int errseq_check(const errseq_t *eseq, errseq_t since);
/* The same, and *since moves on: told once. => calls with the same since exclude each other */
int errseq_check_and_advance(errseq_t *eseq, errseq_t *since);

#endif
