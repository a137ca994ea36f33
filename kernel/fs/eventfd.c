/*
 * eventfd: a 64-bit counter as a file. write adds, read takes; a reader waits for "not zero".
 *
 * 1. The counter never reaches ULLONG_MAX: a write that would get there waits (or EAGAIN). So the file is writable while
 *    at least 1 can be added, readable while the counter is above 0.
 * 2. read takes the whole counter; with EFD_SEMAPHORE it takes 1.
 * 3. The counter is protected by the lock of the wait queue that its readers, writers and pollers sleep on: a change
 *    and its wake-up are one step.
 *
 * Lock: wqh.lock, interrupts off. Mirrors Linux fs/eventfd.c. Exercised by tests/user/eventfds.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/anon_inodes.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/seq_file.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "mm/slab/slab.h"

#define EFD_SEMAPHORE 1

struct eventfd_ctx {
	wait_queue_head_t wqh;
	u64 count; /* wqh.lock */
	int flags, id;
};

static atomic_t next_id;

static int eventfd_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static unsigned int eventfd_poll(struct file *file, struct poll_table *wait)
{
	struct eventfd_ctx *ctx = file->private_data;
	unsigned int events = 0;
	u64 count;

	poll_wait(file, &ctx->wqh, wait);
	/* Not earlier than the entry into the queue. */
	smp_mb();
	count = READ_ONCE(ctx->count);
	if (count > 0)
		events |= EPOLLIN;
	if (count == ULLONG_MAX)
		events |= EPOLLERR;
	if (ULLONG_MAX - 1 > count)
		events |= EPOLLOUT;
	return events;
}

/* Sleeps until *count lets @adding in (0: until there is something to take). => wqh.lock held, as on return */
static int eventfd_wait(struct eventfd_ctx *ctx, u64 adding)
{
	return wait_event_interruptible_locked_irq(
		ctx->wqh, adding ? ULLONG_MAX - ctx->count > adding : ctx->count > 0);
}

/* => wqh.lock held */
static void eventfd_wake(struct eventfd_ctx *ctx, unsigned int events)
{
	if (waitqueue_active(&ctx->wqh))
		__wake_up_locked_key(&ctx->wqh, TASK_NORMAL, poll_to_key(events));
}

static ssize_t eventfd_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct eventfd_ctx *ctx = file->private_data;
	u64 got;
	int err;

	if (count < sizeof(got))
		return -EINVAL;
	spin_lock_irq(&ctx->wqh.lock);
	if (!ctx->count) {
		err = file->f_flags & O_NONBLOCK ? -EAGAIN : eventfd_wait(ctx, 0);
		if (err) {
			spin_unlock_irq(&ctx->wqh.lock);
			return err;
		}
	}
	got = ctx->flags & EFD_SEMAPHORE ? 1 : ctx->count;
	ctx->count -= got;
	eventfd_wake(ctx, EPOLLOUT);
	spin_unlock_irq(&ctx->wqh.lock);
	return copy_to_user(buf, &got, sizeof(got)) ? -EFAULT : (ssize_t)sizeof(got);
}

static ssize_t eventfd_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	struct eventfd_ctx *ctx = file->private_data;
	ssize_t ret = sizeof(u64);
	u64 add;

	if (count != sizeof(add))
		return -EINVAL;
	if (copy_from_user(&add, buf, sizeof(add)))
		return -EFAULT;
	if (add == ULLONG_MAX)
		return -EINVAL;
	spin_lock_irq(&ctx->wqh.lock);
	if (ULLONG_MAX - ctx->count <= add) {
		int err = file->f_flags & O_NONBLOCK ? -EAGAIN : eventfd_wait(ctx, add);

		if (err)
			ret = err;
	}
	if (ret > 0) {
		ctx->count += add;
		eventfd_wake(ctx, EPOLLIN);
	}
	spin_unlock_irq(&ctx->wqh.lock);
	return ret;
}

static void eventfd_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct eventfd_ctx *ctx = file->private_data;

	seq_printf(m, "eventfd-count: %16llx\neventfd-id: %d\neventfd-semaphore: %d\n",
		   READ_ONCE(ctx->count), ctx->id, !!(ctx->flags & EFD_SEMAPHORE));
}

static const struct file_operations eventfd_fops = {
	.release = eventfd_release,
	.poll = eventfd_poll,
	.read = eventfd_read,
	.write = eventfd_write,
	.llseek = noop_llseek,
	.show_fdinfo = eventfd_show_fdinfo,
};

static long do_eventfd(unsigned int count, int flags)
{
	struct eventfd_ctx *ctx;
	int fd;

	if (flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	ctx = kmalloc(sizeof(*ctx), GFP_KERNEL);
	if (!ctx)
		return -ENOMEM;
	init_waitqueue_head(&ctx->wqh);
	ctx->count = count;
	ctx->flags = flags;
	ctx->id = atomic_inc_return(&next_id) - 1;
	fd = anon_inode_getfd("[eventfd]", &eventfd_fops, ctx, O_RDWR | (flags & ~EFD_SEMAPHORE));
	if (fd < 0)
		kfree(ctx);
	return fd;
}

static long sys_eventfd2(unsigned int count, int flags)
{
	return do_eventfd(count, flags);
}
SYSCALL(290, eventfd2);

static long sys_eventfd(unsigned int count)
{
	return do_eventfd(count, 0);
}
SYSCALL(284, eventfd);
