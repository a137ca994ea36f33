/*
 * Suite errseq: who is told of which error, by hand and against a model with a list of all that happened.
 */
#include "lib/errno.h"
#include "lib/errseq.h"
#include "lib/random.h"
#include "tests/kernel/lib_test.h"

#define WATCHERS 4

static void errseq_told_once_to_each(struct ktest *t)
{
	errseq_t e = 0, a = errseq_sample(&e), b = errseq_sample(&e), late;

	KTEST_EXPECT_EQ(t, errseq_check(&e, a), 0);
	errseq_set(&e, -EIO);
	KTEST_EXPECT_EQ(t, errseq_check(&e, a), -EIO);
	KTEST_EXPECT_EQ(t, errseq_check_and_advance(&e, &a), -EIO);
	KTEST_EXPECT_EQ(t, errseq_check_and_advance(&e, &a), 0);
	late = errseq_sample(&e); /* somebody has seen it: no news for who comes now */
	KTEST_EXPECT_EQ(t, errseq_check_and_advance(&e, &late), 0);
	KTEST_EXPECT_EQ(t, errseq_check_and_advance(&e, &b), -EIO);
	errseq_set(&e, -EIO); /* the same error again is another one */
	KTEST_EXPECT_EQ(t, errseq_check_and_advance(&e, &a), -EIO);
	KTEST_EXPECT_EQ(t, errseq_check_and_advance(&e, &late), -EIO);
}

static void errseq_unseen_error_waits_for_the_next(struct ktest *t)
{
	errseq_t e = 0, late;

	errseq_set(&e, -ENOSPC);
	late = errseq_sample(&e);
	KTEST_EXPECT_EQ(t, errseq_check_and_advance(&e, &late), -ENOSPC);
	errseq_set(&e, 0);
	errseq_set(&e, 5);
	errseq_set(&e, -5000);
	KTEST_EXPECT_EQ(t, errseq_check_and_advance(&e, &late), 0);
}

/* The model numbers the errors; a watcher hears of the last one exactly if there was one since he looked. */
static void errseq_follows_the_model(struct ktest *t)
{
	static const int errors[] = { -EIO, -ENOSPC, -EDQUOT };
	unsigned long happened = 0, heard[WATCHERS] = { 0 };
	errseq_t e = 0, since[WATCHERS] = { 0 };
	struct rnd_state rnd;
	int last = 0, step;

	prandom_seed_state(&rnd, t->seed);
	for (step = 0; step < LIB_TEST_ROUNDS && !t->failed; step++) {
		unsigned int w = prandom_below(&rnd, WATCHERS);

		if (!prandom_below(&rnd, 3)) {
			last = errors[prandom_below(&rnd, 3)];
			errseq_set(&e, last);
			happened++;
			continue;
		}
		KTEST_EXPECT_EQ(t, errseq_check_and_advance(&e, &since[w]),
				heard[w] < happened ? last : 0);
		heard[w] = happened;
	}
}

static const struct ktest_case errseq_cases[] = {
	KTEST_CASE(errseq_told_once_to_each),
	KTEST_CASE(errseq_unseen_error_waits_for_the_next),
	KTEST_CASE(errseq_follows_the_model),
	{},
};
KTEST_SUITE(errseq, errseq_cases);
