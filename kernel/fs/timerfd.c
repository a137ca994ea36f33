/*
 * timerfd: a timer as a file. read gives how often it expired since the last read, and waits for the first time.
 *
 * 1. The timer is an hrtimer of CLOCK_MONOTONIC. Its function only notes that it expired and wakes; a periodic one is
 *    started again, for all periods that passed meanwhile, by whoever looks at it next (read, gettime): a period of a
 *    nanosecond costs nothing while nobody reads.
 * 2. A moment of the wall clock is turned into one of CLOCK_MONOTONIC. Such timers are in a list: when the wall clock is
 *    set each moves by the jump, and readers of those with TFD_TIMER_CANCEL_ON_SET get ECANCELED.
 *
 * Locks: wqh.lock of each, interrupts off; realtime_lock (the list) outside it. Mirrors Linux fs/timerfd.c.
 * Exercised by tests/user/eventfds.c.
 */
#include "kernel/fs/timerfd.h"

#include "arch/x86/uaccess.h"
#include "kernel/fs/anon_inodes.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/seq_file.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/timer.h"
#include "mm/slab/slab.h"

#define TFD_TIMER_ABSTIME	1
#define TFD_TIMER_CANCEL_ON_SET 2

struct itimerspec64 {
	struct timespec64 it_interval, it_value;
};

struct timerfd_ctx {
	struct hrtimer tmr;	   /* started and cancelled under wqh.lock */
	ktime_t interval;	   /* W */
	wait_queue_head_t wqh;	   /* W is its lock */
	u64 ticks;		   /* W expirations not yet read */
	bool expired;		   /* W the timer has to be started again for its next period */
	bool cancel_on_set;	   /* W */
	bool cancelled;		   /* W */
	unsigned int settime;	   /* W flags of the last settime */
	clockid_t clock;	   /* - */
	ktime_t wall;		   /* W wall clock minus monotonic, when the timer was set */
	struct list_head realtime; /* in the list: realtime_lock */
};

static LIST_HEAD(realtime_list);
static DEFINE_SPINLOCK(realtime_lock);

static bool wall_clock(clockid_t clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM;
}

static ktime_t wall_minus_mono(void)
{
	return ktime_get_real() - ktime_get();
}

static enum hrtimer_restart timerfd_fn(struct hrtimer *tmr)
{
	struct timerfd_ctx *ctx = container_of(tmr, struct timerfd_ctx, tmr);
	unsigned long flags;

	spin_lock_irqsave(&ctx->wqh.lock, flags);
	ctx->expired = true;
	ctx->ticks++;
	__wake_up_locked_key(&ctx->wqh, TASK_NORMAL, poll_to_key(EPOLLIN));
	spin_unlock_irqrestore(&ctx->wqh.lock, flags);
	return HRTIMER_NORESTART;
}

/* Takes wqh.lock with the timer neither queued nor running. */
static void lock_stopped(struct timerfd_ctx *ctx)
{
	for (;;) {
		spin_lock_irq(&ctx->wqh.lock);
		if (hrtimer_try_to_cancel(&ctx->tmr) >= 0)
			return;
		spin_unlock_irq(&ctx->wqh.lock);
		cpu_relax();
	}
}

/* A periodic timer that expired: counts the periods since, and starts the next one. => wqh.lock held */
static void timerfd_catch_up(struct timerfd_ctx *ctx)
{
	if (!ctx->expired || !ctx->interval)
		return;
	ctx->expired = false;
	ctx->ticks += hrtimer_forward_now(&ctx->tmr, ctx->interval) - 1;
	hrtimer_start(&ctx->tmr, hrtimer_get_expires(&ctx->tmr), HRTIMER_MODE_ABS);
}

/* The timer, not running, moves by the jump of the wall clock. => realtime_lock, wqh.lock held */
static void follow_wall_clock(struct timerfd_ctx *ctx, bool was_queued)
{
	ktime_t wall = wall_minus_mono(), moved = hrtimer_get_expires(&ctx->tmr);

	if (wall != ctx->wall && ctx->cancel_on_set) {
		ctx->cancelled = true;
		ctx->ticks++;
		__wake_up_locked_key(&ctx->wqh, TASK_NORMAL, poll_to_key(EPOLLIN));
	}
	if (moved != KTIME_MAX)
		moved = max(moved - (wall - ctx->wall), (ktime_t)0);
	ctx->wall = wall;
	hrtimer_set_expires(&ctx->tmr, moved);
	if (was_queued)
		hrtimer_start(&ctx->tmr, moved, HRTIMER_MODE_ABS);
}

void timerfd_clock_was_set(void)
{
	struct timerfd_ctx *ctx;

	guard(spinlock)(&realtime_lock);
	list_for_each_entry(ctx, &realtime_list, realtime) {
		int queued;

		for (;;) {
			spin_lock_irq(&ctx->wqh.lock);
			queued = hrtimer_try_to_cancel(&ctx->tmr);
			if (queued >= 0)
				break;
			spin_unlock_irq(&ctx->wqh.lock);
			cpu_relax();
		}
		follow_wall_clock(ctx, queued > 0);
		spin_unlock_irq(&ctx->wqh.lock);
	}
}

static void set_realtime(struct timerfd_ctx *ctx, bool on)
{
	guard(spinlock)(&realtime_lock);
	if (on && list_empty(&ctx->realtime))
		list_add(&ctx->realtime, &realtime_list);
	else if (!on)
		list_del_init(&ctx->realtime);
}

static int timerfd_release(struct inode *inode, struct file *file)
{
	struct timerfd_ctx *ctx = file->private_data;

	set_realtime(ctx, false);
	hrtimer_cancel(&ctx->tmr);
	kfree(ctx);
	return 0;
}

static unsigned int timerfd_poll(struct file *file, struct poll_table *wait)
{
	struct timerfd_ctx *ctx = file->private_data;
	unsigned int events;

	poll_wait(file, &ctx->wqh, wait);
	spin_lock_irq(&ctx->wqh.lock);
	events = ctx->ticks ? EPOLLIN : 0;
	spin_unlock_irq(&ctx->wqh.lock);
	return events;
}

/* The wall clock jumped since the timer was set, and its owner wants to know. => wqh.lock held */
static bool take_cancelled(struct timerfd_ctx *ctx)
{
	bool cancelled = ctx->cancelled;

	ctx->cancelled = false;
	return cancelled;
}

static ssize_t timerfd_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct timerfd_ctx *ctx = file->private_data;
	u64 ticks = 0;
	int err = 0;

	if (count < sizeof(ticks))
		return -EINVAL;
	spin_lock_irq(&ctx->wqh.lock);
	if (!ctx->ticks)
		err = file->f_flags & O_NONBLOCK
			      ? -EAGAIN
			      : wait_event_interruptible_locked_irq(ctx->wqh, ctx->ticks);
	if (take_cancelled(ctx)) {
		ctx->ticks = 0;
		ctx->expired = false;
		err = -ECANCELED;
	}
	if (!err && ctx->ticks) {
		timerfd_catch_up(ctx);
		ticks = ctx->ticks;
		ctx->ticks = 0;
		ctx->expired = false;
	}
	spin_unlock_irq(&ctx->wqh.lock);
	if (err)
		return err;
	return copy_to_user(buf, &ticks, sizeof(ticks)) ? -EFAULT : (ssize_t)sizeof(ticks);
}

/* What is left and the period. => wqh.lock held */
static void timerfd_setting(struct timerfd_ctx *ctx, struct itimerspec64 *its)
{
	ktime_t left;

	timerfd_catch_up(ctx);
	left = hrtimer_get_remaining(&ctx->tmr);
	its->it_value = ns_to_timespec64(max(left, (ktime_t)0));
	its->it_interval = ns_to_timespec64(ctx->interval);
}

static void timerfd_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct timerfd_ctx *ctx = file->private_data;
	struct itimerspec64 its;
	unsigned int settime;
	u64 ticks;

	spin_lock_irq(&ctx->wqh.lock);
	its.it_value = ns_to_timespec64(max(hrtimer_get_remaining(&ctx->tmr), (ktime_t)0));
	its.it_interval = ns_to_timespec64(ctx->interval);
	ticks = ctx->ticks;
	settime = ctx->settime;
	spin_unlock_irq(&ctx->wqh.lock);
	seq_printf(m,
		   "clockid: %d\nticks: %llu\nsettime flags: 0%o\nit_value: (%llu, %llu)\n"
		   "it_interval: (%llu, %llu)\n",
		   ctx->clock, ticks, settime, (u64)its.it_value.tv_sec, (u64)its.it_value.tv_nsec,
		   (u64)its.it_interval.tv_sec, (u64)its.it_interval.tv_nsec);
}

static const struct file_operations timerfd_fops = {
	.release = timerfd_release,
	.poll = timerfd_poll,
	.read = timerfd_read,
	.llseek = noop_llseek,
	.show_fdinfo = timerfd_show_fdinfo,
};

static long sys_timerfd_create(clockid_t clock, int flags)
{
	bool alarm = clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
	struct timerfd_ctx *ctx;
	int fd;

	if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) ||
	    (clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME && clock != CLOCK_REALTIME &&
	     !alarm))
		return -EINVAL;
	if (alarm && !capable(CAP_WAKE_ALARM))
		return -EPERM;
	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL);
	if (!ctx)
		return -ENOMEM;
	init_waitqueue_head(&ctx->wqh);
	INIT_LIST_HEAD(&ctx->realtime);
	ctx->clock = clock;
	hrtimer_init(&ctx->tmr, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	ctx->tmr.function = timerfd_fn;
	fd = anon_inode_getfd("[timerfd]", &timerfd_fops, ctx, O_RDWR | flags);
	if (fd < 0)
		kfree(ctx);
	return fd;
}
SYSCALL(283, timerfd_create);

/* The moment of CLOCK_MONOTONIC that a setting means. */
static ktime_t timerfd_moment(struct timerfd_ctx *ctx, ktime_t value, int flags)
{
	if (!(flags & TFD_TIMER_ABSTIME))
		return ktime_add_safe(ktime_get(), value);
	if (!wall_clock(ctx->clock) || value == KTIME_MAX)
		return value;
	return max(value - ctx->wall, (ktime_t)1);
}

/* => wqh.lock held, timer stopped */
static void timerfd_set(struct timerfd_ctx *ctx, const struct itimerspec64 *new, int flags)
{
	ktime_t value = timespec64_to_ktime(new->it_value);

	ctx->settime = flags;
	ctx->expired = false;
	ctx->ticks = 0;
	ctx->interval = timespec64_to_ktime(new->it_interval);
	ctx->wall = wall_minus_mono();
	hrtimer_set_expires(&ctx->tmr, 0);
	if (value)
		hrtimer_start(&ctx->tmr, timerfd_moment(ctx, value, flags), HRTIMER_MODE_ABS);
}

static int timerfd_fdget(int ufd, struct fd *f)
{
	*f = fdget(ufd);
	if (!f->file)
		return -EBADF;
	if (f->file->f_op == &timerfd_fops)
		return 0;
	fdput(*f);
	return -EINVAL;
}

static int do_timerfd_settime(int ufd, int flags, const struct itimerspec64 *new,
			      struct itimerspec64 *old)
{
	bool absolute_wall = false, cancelled;
	struct timerfd_ctx *ctx;
	struct fd f;
	int err;

	if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) ||
	    !timespec64_valid(&new->it_value) || !timespec64_valid(&new->it_interval))
		return -EINVAL;
	err = timerfd_fdget(ufd, &f);
	if (err)
		return err;
	ctx = f.file->private_data;
	if (wall_clock(ctx->clock) && (flags & TFD_TIMER_ABSTIME))
		absolute_wall = true;
	set_realtime(ctx, absolute_wall);
	lock_stopped(ctx);
	timerfd_setting(ctx, old);
	/* That may have started the next period. */
	while (hrtimer_try_to_cancel(&ctx->tmr) < 0) {
		spin_unlock_irq(&ctx->wqh.lock);
		cpu_relax();
		spin_lock_irq(&ctx->wqh.lock);
	}
	cancelled = take_cancelled(ctx);
	timerfd_set(ctx, new, flags);
	ctx->cancel_on_set = absolute_wall && (flags & TFD_TIMER_CANCEL_ON_SET);
	/* Told only to who goes on watching the clock. */
	cancelled &= ctx->cancel_on_set;
	spin_unlock_irq(&ctx->wqh.lock);
	fdput(f);
	return cancelled ? -ECANCELED : 0;
}

static long sys_timerfd_settime(int ufd, int flags, const struct itimerspec64 __user *unew,
				struct itimerspec64 __user *uold)
{
	struct itimerspec64 new, old;
	int err;

	if (copy_from_user(&new, unew, sizeof(new)))
		return -EFAULT;
	err = do_timerfd_settime(ufd, flags, &new, &old);
	if (!err && uold && copy_to_user(uold, &old, sizeof(old)))
		return -EFAULT;
	return err;
}
SYSCALL(286, timerfd_settime);

static long sys_timerfd_gettime(int ufd, struct itimerspec64 __user *uits)
{
	struct itimerspec64 its;
	struct timerfd_ctx *ctx;
	struct fd f;
	int err = timerfd_fdget(ufd, &f);

	if (err)
		return err;
	ctx = f.file->private_data;
	spin_lock_irq(&ctx->wqh.lock);
	timerfd_setting(ctx, &its);
	spin_unlock_irq(&ctx->wqh.lock);
	fdput(f);
	return copy_to_user(uits, &its, sizeof(its)) ? -EFAULT : 0;
}
SYSCALL(287, timerfd_gettime);
