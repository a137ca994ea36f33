/*
 * Between the files signal*.c.
 */
#pragma once

#include "kernel/signal.h"

static __always_inline bool is_si_special(const struct kernel_siginfo *info)
{
	return info <= SEND_SIG_PRIV;
}

/* A user program sends it, in its own name. */
static __always_inline bool si_fromuser(const struct kernel_siginfo *info)
{
	return info == SEND_SIG_NOINFO || (!is_si_special(info) && info->si_code <= 0);
}

static __always_inline void clear_siginfo(struct kernel_siginfo *info)
{
	*info = (struct kernel_siginfo){ 0 };
}

/* => siglock held, or the table is private */
void set_action(struct sighand_struct *sighand, int sig, const struct k_sigaction *act);
void flush_sigqueue_mask(u64 mask, struct sigpending *pending);
void sigqueue_free(struct sigqueue *q);
bool recalc_sigpending_tsk(struct task_struct *t);
/* Other threads take over the shared signals of @which that @tsk will not take. => siglock held */
void retarget_shared_pending(struct task_struct *tsk, u64 which);
void __set_task_blocked(struct task_struct *tsk, u64 mask);
bool task_set_jobctl_pending(struct task_struct *task, unsigned long mask);
/* The parent is told of a stop or its end. @why: CLD_STOPPED or CLD_CONTINUED. => tasklist_lock held */
void do_notify_parent_cldstop(struct task_struct *tsk, int why);
void signal_delivery_init(void); /* registers signal_ops with arch/x86 */
