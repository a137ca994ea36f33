/*
 * Wait queues and completions.
 *
 * A waker that finds the queue empty after a full barrier need not take its lock: a waiter that
 * comes later sets its state, with a full barrier, before it looks at the condition, and so sees
 * what the waker did.
 *
 * Mirrors Linux kernel/sched/{wait,completion}.c. Exercised by the locks suite.
 */
#include "kernel/wait.h"

#include "kernel/completion.h"
#include "kernel/sched.h"

int default_wake_function(wait_queue_entry_t *e, unsigned int mode, int flags, void *key)
{
	return try_to_wake_up(e->private, mode, flags);
}

int autoremove_wake_function(wait_queue_entry_t *e, unsigned int mode, int flags, void *key)
{
	/*
	 * The task may run from here on, but finish_wait() keeps it until the entry points at
	 * itself or the lock is free.
	 */
	int ret = try_to_wake_up(e->private, mode, flags);

	if (ret)
		list_del_init(&e->entry);
	return ret;
}

/* => wq->lock held */
static void wake_up_common(wait_queue_head_t *wq, unsigned int mode, int nr, int wake_flags,
			   void *key)
{
	wait_queue_entry_t *e, *next;

	list_for_each_entry_safe(e, next, &wq->head, entry) {
		unsigned int flags = e->flags;
		int ret = e->func(e, mode, wake_flags, key);

		if (ret < 0 || (ret && (flags & WQ_FLAG_EXCLUSIVE) && !--nr))
			break;
	}
}

int __wake_up(wait_queue_head_t *wq, unsigned int mode, int nr, void *key)
{
	unsigned long flags;

	if (!wq_has_sleeper(wq))
		return 0;
	spin_lock_irqsave(&wq->lock, flags);
	wake_up_common(wq, mode, nr, 0, key);
	spin_unlock_irqrestore(&wq->lock, flags);
	return 1;
}

int __wake_up_sync_key(wait_queue_head_t *wq, unsigned int mode, void *key)
{
	unsigned long flags;

	if (!wq_has_sleeper(wq))
		return 0;
	spin_lock_irqsave(&wq->lock, flags);
	wake_up_common(wq, mode, 1, WF_SYNC, key);
	spin_unlock_irqrestore(&wq->lock, flags);
	return 1;
}

void __wake_up_locked(wait_queue_head_t *wq, unsigned int mode, int nr)
{
	wake_up_common(wq, mode, nr, 0, NULL);
}

void __wake_up_locked_key(wait_queue_head_t *wq, unsigned int mode, void *key)
{
	wake_up_common(wq, mode, 1, 0, key);
}

void add_wait_queue(wait_queue_head_t *wq, wait_queue_entry_t *e)
{
	guard(spinlock_irqsave)(&wq->lock);
	e->flags &= ~WQ_FLAG_EXCLUSIVE;
	list_add(&e->entry, &wq->head);
}

void add_wait_queue_exclusive(wait_queue_head_t *wq, wait_queue_entry_t *e)
{
	guard(spinlock_irqsave)(&wq->lock);
	e->flags |= WQ_FLAG_EXCLUSIVE;
	list_add_tail(&e->entry, &wq->head);
}

void remove_wait_queue(wait_queue_head_t *wq, wait_queue_entry_t *e)
{
	guard(spinlock_irqsave)(&wq->lock);
	list_del(&e->entry);
}

void prepare_to_wait(wait_queue_head_t *wq, wait_queue_entry_t *e, int state)
{
	guard(spinlock_irqsave)(&wq->lock);
	e->flags &= ~WQ_FLAG_EXCLUSIVE;
	if (list_empty(&e->entry))
		list_add(&e->entry, &wq->head);
	set_current_state(state);
}

bool prepare_to_wait_exclusive(wait_queue_head_t *wq, wait_queue_entry_t *e, int state)
{
	bool was_empty = false;

	guard(spinlock_irqsave)(&wq->lock);
	e->flags |= WQ_FLAG_EXCLUSIVE;
	if (list_empty(&e->entry)) {
		was_empty = list_empty(&wq->head);
		list_add_tail(&e->entry, &wq->head);
	}
	set_current_state(state);
	return was_empty;
}

long prepare_to_wait_event(wait_queue_head_t *wq, wait_queue_entry_t *e, int state)
{
	unsigned long flags;
	long ret = 0;

	spin_lock_irqsave(&wq->lock, flags);
	if (unlikely(signal_pending_state(state, current))) {
		/*
		 * Out of the queue: an exclusive wake-up from here on goes to somebody who still
		 * waits.
		 */
		list_del_init(&e->entry);
		ret = -ERESTARTSYS;
	} else {
		if (list_empty(&e->entry)) {
			if (e->flags & WQ_FLAG_EXCLUSIVE)
				list_add_tail(&e->entry, &wq->head);
			else
				list_add(&e->entry, &wq->head);
		}
		set_current_state(state);
	}
	spin_unlock_irqrestore(&wq->lock, flags);
	return ret;
}

void finish_wait(wait_queue_head_t *wq, wait_queue_entry_t *e)
{
	unsigned long flags;

	__set_current_state(TASK_RUNNING);
	/*
	 * Both links checked: the waker has written the last of them when they point at the entry
	 * itself.
	 */
	if (!list_empty_careful(&e->entry)) {
		spin_lock_irqsave(&wq->lock, flags);
		list_del_init(&e->entry);
		spin_unlock_irqrestore(&wq->lock, flags);
	}
}

int wait_locked_irq(wait_queue_head_t *wq)
{
	DECLARE_WAITQUEUE(wait, current);

	if (signal_pending(current))
		return -ERESTARTSYS;
	/* Who makes the condition true holds the lock: nothing is missed between the caller's look and here. */
	__add_wait_queue(wq, &wait);
	set_current_state(TASK_INTERRUPTIBLE);
	spin_unlock_irq(&wq->lock);
	schedule();
	spin_lock_irq(&wq->lock);
	__remove_wait_queue(wq, &wait);
	return 0;
}

int woken_wake_function(wait_queue_entry_t *e, unsigned int mode, int flags, void *key)
{
	__atomic_or_fetch(&e->flags, WQ_FLAG_WOKEN, __ATOMIC_SEQ_CST);
	return default_wake_function(e, mode, flags, key);
}

long wait_woken(wait_queue_entry_t *e, unsigned int mode, long timeout)
{
	set_current_state(mode);
	if (!(READ_ONCE(e->flags) & WQ_FLAG_WOKEN))
		timeout = schedule_timeout(timeout);
	__set_current_state(TASK_RUNNING);
	__atomic_and_fetch(&e->flags, ~WQ_FLAG_WOKEN, __ATOMIC_SEQ_CST);
	return timeout;
}

/* ---- completions ---- */

void complete(struct completion *x)
{
	guard(spinlock_irqsave)(&x->wait.lock);
	if (x->done != UINT_MAX)
		x->done++;
	wake_up_common(&x->wait, TASK_NORMAL, 1, 0, NULL);
}

void complete_all(struct completion *x)
{
	guard(spinlock_irqsave)(&x->wait.lock);
	x->done = UINT_MAX;
	wake_up_common(&x->wait, TASK_NORMAL, 0, 0, NULL);
}

/* Jiffies left, at least 1; 0 the time ran out; -ERESTARTSYS. */
static long wait_for_common(struct completion *x, long timeout, unsigned int state, bool io)
{
	DEFINE_WAIT(wait);

	might_sleep();
	spin_lock_irq(&x->wait.lock);
	while (!x->done) {
		if (signal_pending_state(state, current)) {
			timeout = -ERESTARTSYS;
			break;
		}
		if (list_empty(&wait.entry)) {
			wait.flags |= WQ_FLAG_EXCLUSIVE;
			list_add_tail(&wait.entry, &x->wait.head);
		}
		__set_current_state(state);
		spin_unlock_irq(&x->wait.lock);
		timeout = io ? io_schedule_timeout(timeout) : schedule_timeout(timeout);
		spin_lock_irq(&x->wait.lock);
		if (!timeout)
			break;
	}
	list_del_init(&wait.entry);
	__set_current_state(TASK_RUNNING);
	if (x->done && timeout >= 0) {
		if (x->done != UINT_MAX)
			x->done--;
		timeout = timeout ?: 1;
	}
	spin_unlock_irq(&x->wait.lock);
	return timeout;
}

void wait_for_completion(struct completion *x)
{
	wait_for_common(x, MAX_SCHEDULE_TIMEOUT, TASK_UNINTERRUPTIBLE, false);
}

void wait_for_completion_io(struct completion *x)
{
	wait_for_common(x, MAX_SCHEDULE_TIMEOUT, TASK_UNINTERRUPTIBLE, true);
}

int wait_for_completion_state(struct completion *x, unsigned int state)
{
	long ret = wait_for_common(x, MAX_SCHEDULE_TIMEOUT, state, false);

	return ret < 0 ? ret : 0;
}

int wait_for_completion_interruptible(struct completion *x)
{
	return wait_for_completion_state(x, TASK_INTERRUPTIBLE);
}

int wait_for_completion_killable(struct completion *x)
{
	return wait_for_completion_state(x, TASK_KILLABLE);
}

unsigned long wait_for_completion_timeout(struct completion *x, unsigned long timeout)
{
	return wait_for_common(x, timeout, TASK_UNINTERRUPTIBLE, false);
}

long wait_for_completion_interruptible_timeout(struct completion *x, unsigned long timeout)
{
	return wait_for_common(x, timeout, TASK_INTERRUPTIBLE, false);
}

long wait_for_completion_killable_timeout(struct completion *x, unsigned long timeout)
{
	return wait_for_common(x, timeout, TASK_KILLABLE, false);
}

bool try_wait_for_completion(struct completion *x)
{
	guard(spinlock_irqsave)(&x->wait.lock);
	if (!x->done)
		return false;
	if (x->done != UINT_MAX)
		x->done--;
	return true;
}

bool completion_done(struct completion *x)
{
	guard(spinlock_irqsave)(&x->wait.lock);
	return x->done != 0;
}
