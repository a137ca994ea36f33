/*
 * What the signal code calls for signalfd (kernel/fs/signalfd.c).
 *
 * Mirrors Linux include/linux/signalfd.h. Exercised by tests/user/signalfds.c.
 */
#pragma once

#include "kernel/signal.h"

/* The table of actions goes: nobody may wait at its queue any more. */
void signalfd_cleanup(struct sighand_struct *sighand);
/* A signal became pending for @t. => siglock held */
static inline void signalfd_notify(struct task_struct *t)
{
	if (unlikely(waitqueue_active(&t->sighand->signalfd_wqh)))
		wake_up(&t->sighand->signalfd_wqh);
}
