/*
 * The word of errseq.h: bits 0-11 the errno, bit 12 "seen", above them the counter, which may wrap: who sleeps through a million
 * errors that others have all seen may miss the last one.
 *
 * Mirrors Linux lib/errseq.c. Exercised by the suite errseq.
 */
#include "lib/errseq.h"

#include "lib/err.h"

#define ERRSEQ_SEEN	(1U << 12)
#define ERRSEQ_CTR_INC	(1U << 13)
#define ERRSEQ_ERR_MASK (ERRSEQ_SEEN - 1)

static bool exchange(errseq_t *eseq, errseq_t *old, errseq_t new)
{
	return __atomic_compare_exchange_n(eseq, old, new, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

void errseq_set(errseq_t *eseq, int err)
{
	errseq_t old = __atomic_load_n(eseq, __ATOMIC_RELAXED), new;

	if (err >= 0 || err < -MAX_ERRNO)
		return;
	do {
		new = (old & ~(ERRSEQ_ERR_MASK | ERRSEQ_SEEN)) | (errseq_t)-err;
		if (old & ERRSEQ_SEEN)
			new += ERRSEQ_CTR_INC;
	} while (new != old && !exchange(eseq, &old, new));
}

errseq_t errseq_sample(const errseq_t *eseq)
{
	errseq_t old = __atomic_load_n(eseq, __ATOMIC_RELAXED);

	return old & ERRSEQ_SEEN ? old : 0;
}

int errseq_check(const errseq_t *eseq, errseq_t since)
{
	errseq_t now = __atomic_load_n(eseq, __ATOMIC_RELAXED);

	return now == since ? 0 : -(int)(now & ERRSEQ_ERR_MASK);
}

int errseq_check_and_advance(errseq_t *eseq, errseq_t *since)
{
	errseq_t old = __atomic_load_n(eseq, __ATOMIC_RELAXED), new;

	if (old == *since)
		return 0;
	/* Another error may come in between: it is told next time. */
	new = old | ERRSEQ_SEEN;
	if (new != old)
		exchange(eseq, &old, new);
	*since = new;
	return -(int)(new &ERRSEQ_ERR_MASK);
}
