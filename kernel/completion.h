/*
 * Completions: something happens once, and somebody waits for it.
 *
 * done counts how many waits may still pass: complete() lets one through, complete_all() all for
 * ever. The object may be on the waiter's stack: once the waiter returns, complete() does not touch
 * it any more.
 *
 * Mirrors Linux include/linux/completion.h. Exercised by the locks suite.
 */
#pragma once

#include "kernel/wait.h"

struct completion {
	unsigned int done; /* under wait.lock; UINT_MAX: for ever */
	wait_queue_head_t wait;
};

#define COMPLETION_INITIALIZER(work)                          \
	{                                                     \
		0, __WAIT_QUEUE_HEAD_INITIALIZER((work).wait) \
	}
#define DECLARE_COMPLETION(work)	 struct completion work = COMPLETION_INITIALIZER(work)
#define DECLARE_COMPLETION_ONSTACK(work) DECLARE_COMPLETION(work)

static inline void init_completion(struct completion *x)
{
	x->done = 0;
	init_waitqueue_head(&x->wait);
}

static inline void reinit_completion(struct completion *x)
{
	x->done = 0;
}

/* => any context */
void complete(struct completion *x);
void complete_all(struct completion *x);
/*
 * => may sleep. _interruptible and _killable: 0 or -ERESTARTSYS; _timeout: jiffies left, at least
 * 1, or 0.
 */
void wait_for_completion(struct completion *x);
void wait_for_completion_io(struct completion *x);
int wait_for_completion_interruptible(struct completion *x);
int wait_for_completion_killable(struct completion *x);
int wait_for_completion_state(struct completion *x, unsigned int state);
unsigned long wait_for_completion_timeout(struct completion *x, unsigned long timeout);
long wait_for_completion_interruptible_timeout(struct completion *x, unsigned long timeout);
long wait_for_completion_killable_timeout(struct completion *x, unsigned long timeout);
/* True, and one wait used up, if it would not have to wait. */
bool try_wait_for_completion(struct completion *x);
bool completion_done(struct completion *x);
