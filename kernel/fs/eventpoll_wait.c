/*
 * epoll_wait and its relatives: events from a set to the user.
 *
 * 1. A waiter sleeps exclusively: one event wakes one. Whoever leaves the set with more still ready wakes the next.
 * 2. While one waiter looks through the ready items (ep->scanning), others do not believe the empty list, and wait for
 *    ep->mtx.
 *
 * Locks: ep->mtx, inside it user memory and ep->lock. Mirrors Linux fs/eventpoll.c. Exercised by tests/user/epolls.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/eventpoll_internal.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/timer.h"

/* ---- epoll_wait ---- */

/* What became of an item that was reported: how and whether it can be again. => ep->mtx held */
static void ep_reported(struct eventpoll *ep, struct epitem *epi)
{
	if (epi->event.events & EPOLLONESHOT) {
		guard(spinlock_irqsave)(&ep->lock);
		epi->event.events &= EP_PRIVATE_BITS;
	} else if (!(epi->event.events & EPOLLET)) {
		push_ready(ep, epi, &ep->rdllist, false);
	}
}

/* Events for the user: how many, or -EFAULT if not even one could be written. */
static int ep_send_events(struct eventpoll *ep, struct epoll_event __user *events, int maxevents)
{
	struct epitem *epi;
	LIST_HEAD(txlist);
	int res = 0;

	/* A killed process need not be served, and its user memory may never come. */
	if (fatal_signal_pending(current))
		return -EINTR;
	mutex_lock(&ep->mtx);
	ep_start_scan(ep, &txlist);
	while (res < maxevents && (epi = pop_ready(ep, &txlist))) {
		struct epoll_event out = { ep_item_poll(epi, NULL), epi->event.data };

		if (!out.events)
			continue;
		if (copy_to_user(events + res, &out, sizeof(out))) {
			push_ready(ep, epi, &txlist, true);
			if (!res)
				res = -EFAULT;
			break;
		}
		res++;
		ep_reported(ep, epi);
	}
	ep_done_scan(ep, &txlist);
	mutex_unlock(&ep->mtx);
	return res;
}

static bool ep_events_available(struct eventpoll *ep)
{
	return !list_empty_careful(&ep->rdllist) || READ_ONCE(ep->scanning);
}

/* Sleeps until something may be ready. 0: the time is over (end), 1 otherwise. */
static int ep_sleep(struct eventpoll *ep, ktime_t *end)
{
	int ret = 1;
	DEFINE_WAIT(wait);

	prepare_to_wait_exclusive(&ep->wq, &wait, TASK_INTERRUPTIBLE);
	if (!ep_events_available(ep) && !signal_pending(current))
		ret = schedule_hrtimeout(end, HRTIMER_MODE_ABS) != 0;
	/* Woken by an event and by something else at once: the event belongs to the next in the queue, or to us. */
	finish_wait(&ep->wq, &wait);
	return ret || ep_events_available(ep);
}

/* end: NULL for ever, 0 only look. */
static int ep_poll(struct eventpoll *ep, struct epoll_event __user *events, int maxevents,
		   ktime_t *end)
{
	bool timed_out = end && !*end;

	for (;;) {
		if (ep_events_available(ep)) {
			int res = ep_send_events(ep, events, maxevents);

			if (res)
				return res;
		}
		if (timed_out)
			return 0;
		if (signal_pending(current))
			return -EINTR;
		timed_out = !ep_sleep(ep, end);
	}
}

static long do_epoll_wait(int epfd, struct epoll_event __user *events, int maxevents, ktime_t *end)
{
	struct fd f;
	long ret;

	if (maxevents <= 0 || maxevents > EP_MAX_EVENTS)
		return -EINVAL;
	if (!access_ok(events, maxevents * sizeof(*events)))
		return -EFAULT;
	f = fdget(epfd);
	if (!f.file)
		return -EBADF;
	ret = is_file_epoll(f.file) ? ep_poll(f.file->private_data, events, maxevents, end)
				    : -EINVAL;
	fdput(f);
	return ret;
}

/* Milliseconds as an absolute end in *at; NULL for a negative number: for ever. */
static ktime_t *end_of_ms(int ms, ktime_t *at)
{
	if (ms < 0)
		return NULL;
	*at = ms ? ktime_add_safe(ktime_get(), ms_to_ktime(ms)) : 0;
	return at;
}

static long sys_epoll_wait(int epfd, struct epoll_event __user *events, int maxevents, int timeout)
{
	ktime_t at;

	return do_epoll_wait(epfd, events, maxevents, end_of_ms(timeout, &at));
}
SYSCALL(232, epoll_wait);

static long do_epoll_pwait(int epfd, struct epoll_event __user *events, int maxevents, ktime_t *end,
			   const u64 __user *sigmask, size_t size)
{
	long ret = set_user_sigmask(sigmask, size);

	if (ret)
		return ret;
	ret = do_epoll_wait(epfd, events, maxevents, end);
	restore_saved_sigmask_unless(ret == -EINTR);
	return ret;
}

static long sys_epoll_pwait(int epfd, struct epoll_event __user *events, int maxevents, int timeout,
			    const u64 __user *sigmask, size_t size)
{
	ktime_t at;

	return do_epoll_pwait(epfd, events, maxevents, end_of_ms(timeout, &at), sigmask, size);
}
SYSCALL(281, epoll_pwait);

static long sys_epoll_pwait2(int epfd, struct epoll_event __user *events, int maxevents,
			     const struct timespec64 __user *uts, const u64 __user *sigmask,
			     size_t size)
{
	struct timespec64 ts;
	ktime_t span, at = 0;

	if (!uts)
		return do_epoll_pwait(epfd, events, maxevents, NULL, sigmask, size);
	if (copy_from_user(&ts, uts, sizeof(ts)))
		return -EFAULT;
	if (!timespec64_valid(&ts))
		return -EINVAL;
	span = timespec64_to_ktime(ts);
	if (span)
		at = ktime_add_safe(ktime_get(), span);
	return do_epoll_pwait(epfd, events, maxevents, &at, sigmask, size);
}
SYSCALL(441, epoll_pwait2);
