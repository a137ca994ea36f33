/*
 * poll and select: sleeping until one of many files is ready.
 *
 * 1. The first round asks every file and puts an entry on each queue it names; if none is ready the task
 *    sleeps. A wake-up marks the table triggered; the next rounds only ask again.
 * 2. The table marks, and the sleeper checks the mark with its state already set, so a wake-up between a
 *    round and the sleep is never lost.
 * 3. Timeouts are absolute in the clock of ktime_get(); what is left goes back to the caller.
 *
 * Locks: none of its own; files referenced for the length of the call. Mirrors Linux fs/select.c.
 * Exercised by tests/user/pipes.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/poll.h"
#include "kernel/rlimit.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "kernel/timer.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

struct poll_entry {
	wait_queue_entry_t wait;
	wait_queue_head_t *head;
	struct file *file;
	unsigned int key;
	struct poll_wqueues *owner;
};

#define INLINE_ENTRIES 8

struct poll_entry_page {
	struct poll_entry_page *next;
	unsigned int nr;
	struct poll_entry entries[28];
};

struct poll_wqueues {
	struct poll_table pt;
	struct task_struct *task;
	int triggered;
	int error;
	unsigned int nr_inline;
	struct poll_entry inline_entries[INLINE_ENTRIES];
	struct poll_entry_page *pages;
};

static int poll_wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct poll_entry *e = container_of(wait, struct poll_entry, wait);

	if (key && !(key_to_poll(key) & e->key))
		return 0;
	WRITE_ONCE(e->owner->triggered, 1);
	smp_mb();
	return wake_up_process(e->owner->task);
}

static struct poll_entry *new_entry(struct poll_wqueues *w)
{
	struct poll_entry_page *page = w->pages;

	if (w->nr_inline < INLINE_ENTRIES)
		return &w->inline_entries[w->nr_inline++];
	if (!page || page->nr == ARRAY_SIZE(page->entries)) {
		page = kmalloc(sizeof(*page), GFP_KERNEL);
		if (!page) {
			w->error = -ENOMEM;
			return NULL;
		}
		page->nr = 0;
		page->next = w->pages;
		w->pages = page;
	}
	return &page->entries[page->nr++];
}

static void poll_queue(struct file *file, wait_queue_head_t *wq, struct poll_table *pt)
{
	struct poll_wqueues *w = container_of(pt, struct poll_wqueues, pt);
	struct poll_entry *e = new_entry(w);

	if (!e)
		return;
	e->file = get_file(file);
	e->head = wq;
	e->key = pt->key;
	e->owner = w;
	init_waitqueue_func_entry(&e->wait, poll_wake);
	add_wait_queue(wq, &e->wait);
}

static void poll_init(struct poll_wqueues *w)
{
	w->pt.queue = poll_queue;
	w->task = current;
	w->triggered = w->error = 0;
	w->nr_inline = 0;
	w->pages = NULL;
}

static void free_entry(struct poll_entry *e)
{
	remove_wait_queue(e->head, &e->wait);
	fput(e->file);
}

static void poll_free(struct poll_wqueues *w)
{
	struct poll_entry_page *page, *next;
	unsigned int i;

	for (i = 0; i < w->nr_inline; i++)
		free_entry(&w->inline_entries[i]);
	for (page = w->pages; page; page = next) {
		next = page->next;
		for (i = 0; i < page->nr; i++)
			free_entry(&page->entries[i]);
		kfree(page);
	}
}

/* Sleeps until triggered, a signal, or end (ns; NULL: no limit). 0: the time is over. */
static int poll_sleep(struct poll_wqueues *w, ktime_t *end)
{
	int ret = 1;

	set_current_state(TASK_INTERRUPTIBLE);
	if (!READ_ONCE(w->triggered))
		ret = schedule_hrtimeout(end, HRTIMER_MODE_ABS);
	__set_current_state(TASK_RUNNING);
	WRITE_ONCE(w->triggered, 0);
	smp_mb();
	return ret;
}

/*
 * Rounds until one finds something. round(what, pt) asks every file, with pt (which may be NULL) until one
 * is ready: how many are, or errno. Answers what the last round did, or errno; 0 at the end of the time.
 * end NULL: wait for ever; 0: only look.
 */
static int poll_rounds(int (*round)(void *what, struct poll_table *pt), void *what, ktime_t *end)
{
	bool timed_out = end && !*end;
	struct poll_wqueues w;
	struct poll_table *pt = timed_out ? NULL : &w.pt;
	int count;

	poll_init(&w);
	for (;;) {
		count = round(what, pt);
		pt = NULL;
		if (!count)
			count = w.error;
		if (!count && signal_pending(current))
			count = -ERESTARTNOHAND;
		if (count || timed_out)
			break;
		if (!poll_sleep(&w, end))
			timed_out = true;
	}
	poll_free(&w);
	return count;
}

/* --- poll --- */

struct pollfd {
	int fd;
	short events, revents;
};

static unsigned int do_pollfd(struct pollfd *p, struct poll_table *pt)
{
	unsigned int mask, want = (u16)p->events | EPOLLERR | EPOLLHUP;
	struct fd f;

	p->revents = 0;
	if (p->fd < 0)
		return 0;
	f = fdget(p->fd);
	if (!f.file) {
		p->revents = EPOLLNVAL;
		return EPOLLNVAL;
	}
	if (pt)
		pt->key = want;
	mask = vfs_poll(f.file, pt) & want;
	fdput(f);
	p->revents = mask;
	return mask;
}

struct poll_list {
	struct pollfd *fds;
	unsigned int nfds;
};

static int poll_round(void *what, struct poll_table *pt)
{
	const struct poll_list *list = what;
	int count = 0;

	for (unsigned int i = 0; i < list->nfds; i++) {
		if (do_pollfd(&list->fds[i], pt)) {
			count++;
			pt = NULL;
		}
	}
	return count;
}

static int do_sys_poll(struct pollfd __user *ufds, unsigned int nfds, ktime_t *end)
{
	struct pollfd fast[16], *fds = fast;
	struct poll_list list;
	unsigned int i;
	int ret;

	if (nfds > rlimit(RLIMIT_NOFILE))
		return -EINVAL;
	if (nfds > ARRAY_SIZE(fast)) {
		fds = kvmalloc_array(nfds, sizeof(*fds), GFP_KERNEL);
		if (!fds)
			return -ENOMEM;
	}
	ret = -EFAULT;
	if (copy_from_user(fds, ufds, nfds * sizeof(*fds)))
		goto out;
	list = (struct poll_list){ fds, nfds };
	ret = poll_rounds(poll_round, &list, end);
	for (i = 0; i < nfds; i++) {
		if (put_user(fds[i].revents, &ufds[i].revents)) {
			ret = -EFAULT;
			break;
		}
	}
out:
	if (fds != fast)
		kvfree(fds);
	return ret;
}

/* A span, not negative, as absolute end; saturates. Zero stays 0: only look. */
static ktime_t end_after(ktime_t span)
{
	return span ? ktime_add_safe(ktime_get(), span) : 0;
}

static long poll_restart(struct restart_block *r);

/* poll, which after a signal goes on until the same end; end as in poll_rounds(). */
static long poll_until(struct pollfd __user *fds, unsigned int nfds, ktime_t *end)
{
	struct restart_block *r = &current->restart_block;
	int ret = do_sys_poll(fds, nfds, end);

	if (ret != -ERESTARTNOHAND)
		return ret;
	r->fn = poll_restart;
	r->arg[0] = (unsigned long)fds;
	r->arg[1] = nfds;
	r->arg[2] = end ? *end : 0;
	r->arg[3] = end != NULL;
	return -ERESTART_RESTARTBLOCK;
}

static long poll_restart(struct restart_block *r)
{
	ktime_t end = r->arg[2];

	return poll_until((struct pollfd __user *)r->arg[0], r->arg[1], r->arg[3] ? &end : NULL);
}

static long sys_poll(struct pollfd __user *fds, unsigned int nfds, int timeout_ms)
{
	ktime_t end;

	if (timeout_ms < 0)
		return poll_until(fds, nfds, NULL);
	end = end_after(ms_to_ktime(timeout_ms));
	return poll_until(fds, nfds, &end);
}
SYSCALL(7, poll);

static struct timespec64 time_left(ktime_t end)
{
	return ns_to_timespec64(end ? max(end - ktime_get(), (ktime_t)0) : 0);
}

/* How ppoll and pselect6 begin: the end, then the signals that may interrupt. 0, -EFAULT, -EINVAL. */
static int begin_masked(const struct timespec64 __user *uts, ktime_t *end,
			const u64 __user *sigmask, size_t sigsetsize)
{
	struct timespec64 ts;

	if (uts) {
		if (copy_from_user(&ts, uts, sizeof(ts)))
			return -EFAULT;
		if (!timespec64_valid(&ts))
			return -EINVAL;
		*end = end_after(timespec64_to_ktime(ts));
	}
	return set_user_sigmask(sigmask, sigsetsize);
}

/* And how they end: the mask goes back, and what is left of the time. What cannot be told cannot be restarted. */
static int end_masked(struct timespec64 __user *uts, ktime_t end, int ret)
{
	struct timespec64 left;

	restore_saved_sigmask_unless(ret == -ERESTARTNOHAND);
	if (uts) {
		left = time_left(end);
		if (copy_to_user(uts, &left, sizeof(left)) && ret == -ERESTARTNOHAND)
			ret = -EINTR;
	}
	return ret;
}

static long sys_ppoll(struct pollfd __user *fds, unsigned int nfds, struct timespec64 __user *uts,
		      const u64 __user *sigmask, size_t sigsetsize)
{
	ktime_t end = 0;
	int ret = begin_masked(uts, &end, sigmask, sigsetsize);

	return ret ? ret : end_masked(uts, end, do_sys_poll(fds, nfds, uts ? &end : NULL));
}
SYSCALL(271, ppoll);

/* --- select --- */

#define SELECT_IN  (EPOLLRDNORM | EPOLLRDBAND | EPOLLIN | EPOLLHUP | EPOLLERR)
#define SELECT_OUT (EPOLLWRBAND | EPOLLWRNORM | EPOLLOUT | EPOLLERR)
#define SELECT_EX  EPOLLPRI

/* in[0..2]: the sets asked for; out[0..2]: the answers. */
struct select_sets {
	unsigned long *in[3], *out[3];
	unsigned int n, longs;
};

static int select_one(struct select_sets *s, unsigned int fd, struct poll_table *pt)
{
	static const unsigned int events[3] = { SELECT_IN, SELECT_OUT, SELECT_EX };
	unsigned int mask, want = 0, i;
	int count = 0;
	struct fd f;

	for (i = 0; i < 3; i++)
		if (test_bit(fd, s->in[i]))
			want |= events[i];
	if (!want)
		return 0;
	f = fdget(fd);
	if (!f.file)
		return -EBADF;
	if (pt)
		pt->key = want | EPOLLERR | EPOLLHUP;
	mask = vfs_poll(f.file, pt);
	fdput(f);
	for (i = 0; i < 3; i++) {
		if (test_bit(fd, s->in[i]) && (mask & events[i])) {
			__set_bit(fd, s->out[i]);
			count++;
		}
	}
	return count;
}

static int select_round(void *what, struct poll_table *pt)
{
	struct select_sets *s = what;
	int count = 0;

	for (unsigned int fd = 0; fd < s->n; fd++) {
		int ret = select_one(s, fd, pt);

		if (ret < 0)
			return ret;
		count += ret;
		if (ret)
			pt = NULL;
	}
	return count;
}

static int core_select(int n, unsigned long __user *usets[3], ktime_t *end)
{
	unsigned long fast[6 * 4], *bits = fast;
	struct select_sets s;
	int ret, i;

	if (n < 0)
		return -EINVAL;
	s.n = min_t(unsigned int, n, 65536);
	s.longs = BITS_TO_LONGS(s.n);
	if (s.longs > 4) {
		bits = kvmalloc_array(6 * s.longs, sizeof(long), GFP_KERNEL);
		if (!bits)
			return -ENOMEM;
	}
	memset(bits, 0, 6 * s.longs * sizeof(long));
	ret = -EFAULT;
	for (i = 0; i < 3; i++) {
		s.in[i] = bits + i * s.longs;
		s.out[i] = bits + (i + 3) * s.longs;
		if (usets[i] && copy_from_user(s.in[i], usets[i], s.longs * sizeof(long)))
			goto out;
	}
	ret = poll_rounds(select_round, &s, end);
	if (ret >= 0) {
		for (i = 0; i < 3; i++) {
			if (usets[i] && copy_to_user(usets[i], s.out[i], s.longs * sizeof(long)))
				ret = -EFAULT;
		}
	}
out:
	if (bits != fast)
		kvfree(bits);
	return ret;
}

static long sys_select(int n, unsigned long __user *in, unsigned long __user *out,
		       unsigned long __user *ex, struct timeval __user *utv)
{
	unsigned long __user *sets[3] = { in, out, ex };
	struct timespec64 left;
	struct timeval tv;
	ktime_t end = 0;
	int ret;

	if (utv) {
		if (copy_from_user(&tv, utv, sizeof(tv)))
			return -EFAULT;
		if (tv.tv_sec < 0 || tv.tv_usec < 0)
			return -EINVAL;
		end = end_after(
			ktime_add_safe(ktime_set(tv.tv_sec, 0),
				       ktime_set(tv.tv_usec / USEC_PER_SEC,
						 tv.tv_usec % USEC_PER_SEC * NSEC_PER_USEC)));
	}
	ret = core_select(n, sets, utv ? &end : NULL);
	if (utv) {
		left = time_left(end);
		tv.tv_sec = left.tv_sec;
		tv.tv_usec = left.tv_nsec / NSEC_PER_USEC;
		if (copy_to_user(utv, &tv, sizeof(tv)) && ret == -ERESTARTNOHAND)
			ret = -EINTR;
	}
	return ret;
}
SYSCALL(23, select);

struct sigset_argpack {
	const u64 __user *mask;
	size_t size;
};

static long sys_pselect6(int n, unsigned long __user *in, unsigned long __user *out,
			 unsigned long __user *ex, struct timespec64 __user *uts,
			 struct sigset_argpack __user *usig)
{
	unsigned long __user *sets[3] = { in, out, ex };
	struct sigset_argpack sig = { NULL, 0 };
	ktime_t end = 0;
	int ret;

	if (usig && copy_from_user(&sig, usig, sizeof(sig)))
		return -EFAULT;
	ret = begin_masked(uts, &end, sig.mask, sig.size);
	return ret ? ret : end_masked(uts, end, core_select(n, sets, uts ? &end : NULL));
}
SYSCALL(270, pselect6);
