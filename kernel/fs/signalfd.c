/*
 * signalfd: pending signals of a set, read from a file instead of delivered to a handler.
 *
 * 1. The file holds only the set. Who reads or polls it gets his own signals: those pending for the reading thread and
 *    for its process, whoever made the file.
 * 2. Waiters sleep at a queue of the sighand_struct that they share with those who send to them. A poll entry (of epoll)
 *    may outlive the process that made it: before a sighand_struct is freed its queue is woken with POLLFREE, and every
 *    entry takes itself off.
 *
 * Locks: siglock, inside it the queue's lock. Mirrors Linux fs/signalfd.c. Exercised by tests/user/signalfds.c.
 */
#include "kernel/fs/signalfd.h"

#include "arch/x86/uaccess.h"
#include "kernel/fs/anon_inodes.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/seq_file.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

struct signalfd_ctx {
	u64 blocked; /* siglock of the writer; the complement of the set: what is not taken */
};

/* As user programs read it. */
struct signalfd_siginfo {
	u32 ssi_signo;
	s32 ssi_errno, ssi_code;
	u32 ssi_pid, ssi_uid;
	s32 ssi_fd;
	u32 ssi_tid, ssi_band, ssi_overrun, ssi_trapno;
	s32 ssi_status, ssi_int;
	u64 ssi_ptr, ssi_utime, ssi_stime, ssi_addr;
	u16 ssi_addr_lsb, __pad2;
	s32 ssi_syscall;
	u64 ssi_call_addr;
	u32 ssi_arch;
	u8 __pad[28];
};
BUILD_BUG_ON(sizeof(struct signalfd_siginfo) != 128);

void signalfd_cleanup(struct sighand_struct *sighand)
{
	wait_queue_head_t *wqh = &sighand->signalfd_wqh;

	if (likely(!waitqueue_active(wqh)))
		return;
	__wake_up(wqh, TASK_NORMAL, 0, poll_to_key(EPOLLHUP | POLLFREE));
}

static int signalfd_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static unsigned int signalfd_poll(struct file *file, struct poll_table *wait)
{
	struct signalfd_ctx *ctx = file->private_data;
	unsigned int events = 0;

	poll_wait(file, &current->sighand->signalfd_wqh, wait);
	spin_lock_irq(&current->sighand->siglock);
	if ((current->pending.signal | current->signal->shared_pending.signal) & ~ctx->blocked)
		events |= EPOLLIN;
	spin_unlock_irq(&current->sighand->siglock);
	return events;
}

static void fill_common(struct signalfd_siginfo *s, const struct kernel_siginfo *info)
{
	memset(s, 0, sizeof(*s));
	s->ssi_signo = info->si_signo;
	s->ssi_errno = info->si_errno;
	s->ssi_code = info->si_code;
}

/* Which fields of a siginfo hold something depends on the signal and on who sent it. */
static void fill_siginfo(struct signalfd_siginfo *s, const struct kernel_siginfo *info)
{
	bool kernel = info->si_code > 0 && info->si_code < SI_KERNEL;

	fill_common(s, info);
	if (info->si_code == SI_TIMER) {
		s->ssi_tid = info->si_tid;
		s->ssi_overrun = info->si_overrun;
		s->ssi_ptr = (u64)info->si_timer_value.sival_ptr;
		s->ssi_int = info->si_timer_value.sival_int;
	} else if (info->si_code == SI_SIGIO || (kernel && info->si_signo == SIGPOLL)) {
		s->ssi_band = info->si_band;
		s->ssi_fd = info->si_fd;
	} else if (kernel && (sigmask(info->si_signo) & SYNCHRONOUS_MASK)) {
		s->ssi_addr = (u64)info->si_addr;
		s->ssi_addr_lsb = info->si_addr_lsb;
	} else {
		s->ssi_pid = info->si_pid;
		s->ssi_uid = info->si_uid;
		if (kernel && info->si_signo == SIGCHLD) {
			s->ssi_status = info->si_status;
			s->ssi_utime = info->si_utime;
			s->ssi_stime = info->si_stime;
		} else if (info->si_code < 0) {
			s->ssi_ptr = (u64)info->si_value.sival_ptr;
			s->ssi_int = info->si_value.sival_int;
		}
	}
}

/* Takes one signal of the set. Its number, -EAGAIN, -ERESTARTSYS. */
static int signalfd_dequeue(struct signalfd_ctx *ctx, struct kernel_siginfo *info, bool nonblock)
{
	struct sighand_struct *sighand = current->sighand;
	DECLARE_WAITQUEUE(wait, current);
	int ret;

	spin_lock_irq(&sighand->siglock);
	ret = dequeue_signal(ctx->blocked, info);
	if (ret || nonblock) {
		spin_unlock_irq(&sighand->siglock);
		return ret ? ret : -EAGAIN;
	}
	add_wait_queue(&sighand->signalfd_wqh, &wait);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		ret = dequeue_signal(ctx->blocked, info);
		if (ret)
			break;
		if (signal_pending(current)) {
			ret = -ERESTARTSYS;
			break;
		}
		spin_unlock_irq(&sighand->siglock);
		schedule();
		spin_lock_irq(&sighand->siglock);
	}
	spin_unlock_irq(&sighand->siglock);
	remove_wait_queue(&sighand->signalfd_wqh, &wait);
	__set_current_state(TASK_RUNNING);
	return ret;
}

static ssize_t signalfd_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct signalfd_ctx *ctx = file->private_data;
	bool nonblock = file->f_flags & O_NONBLOCK;
	struct kernel_siginfo info = { 0 };
	struct signalfd_siginfo s;
	ssize_t done = 0;
	int ret = 0;

	if (count < sizeof(s))
		return -EINVAL;
	/* The first may be waited for; further ones are taken while they are there. */
	while (count - done >= sizeof(s)) {
		ret = signalfd_dequeue(ctx, &info, nonblock);
		if (ret <= 0)
			break;
		fill_siginfo(&s, &info);
		if (copy_to_user(buf + done, &s, sizeof(s))) {
			ret = -EFAULT;
			break;
		}
		done += sizeof(s);
		nonblock = true;
	}
	return done ? done : ret;
}

static void signalfd_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct signalfd_ctx *ctx = file->private_data;

	seq_printf(m, "sigmask:\t%016llx\n", ~READ_ONCE(ctx->blocked));
}

static const struct file_operations signalfd_fops = {
	.release = signalfd_release,
	.poll = signalfd_poll,
	.read = signalfd_read,
	.llseek = noop_llseek,
	.show_fdinfo = signalfd_show_fdinfo,
};

/* An existing signalfd gets another set. */
static int signalfd_change(int ufd, u64 blocked)
{
	struct fd f = fdget(ufd);
	struct signalfd_ctx *ctx;

	if (!f.file)
		return -EBADF;
	if (f.file->f_op != &signalfd_fops) {
		fdput(f);
		return -EINVAL;
	}
	ctx = f.file->private_data;
	spin_lock_irq(&current->sighand->siglock);
	ctx->blocked = blocked;
	spin_unlock_irq(&current->sighand->siglock);
	wake_up(&current->sighand->signalfd_wqh);
	fdput(f);
	return ufd;
}

static long do_signalfd(int ufd, const u64 __user *uset, size_t size, int flags)
{
	struct signalfd_ctx *ctx;
	u64 set;
	int fd;

	if (size != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, uset, sizeof(set)))
		return -EFAULT;
	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	set &= ~SIG_KERNEL_ONLY;
	if (ufd != -1)
		return signalfd_change(ufd, ~set);
	ctx = kmalloc(sizeof(*ctx), GFP_KERNEL);
	if (!ctx)
		return -ENOMEM;
	ctx->blocked = ~set;
	fd = anon_inode_getfd("[signalfd]", &signalfd_fops, ctx, O_RDWR | flags);
	if (fd < 0)
		kfree(ctx);
	return fd;
}

static long sys_signalfd4(int ufd, const u64 __user *set, size_t size, int flags)
{
	return do_signalfd(ufd, set, size, flags);
}
SYSCALL(289, signalfd4);

static long sys_signalfd(int ufd, const u64 __user *set, size_t size)
{
	return do_signalfd(ufd, set, size, 0);
}
SYSCALL(282, signalfd);
