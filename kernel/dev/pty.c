/*
 * Pseudo terminals: a terminal whose line is a file, for programs that play keyboard and screen.
 *
 * 1. Opening /dev/ptmx makes a pair: the file is the master, and /dev/pts/N the slave, an ordinary
 *    tty. Reading the master takes what the slave's programs wrote (and echo) out of the slave's
 *    output ring; writing it feeds the slave's line discipline as if it had been typed.
 * 2. What is typed while the slave's input ring is full of unread lines waits in the pair's typed
 *    buffer, and a writer only when that is full too: who types several lines need not fear that
 *    nobody reads the first.
 * 3. The slave cannot be opened while it is locked (TIOCSPTLCK), nor after the master was closed,
 *    which hangs it up. When the last slave is closed the master reads EIO until a slave is opened
 *    again.
 * 4. The number goes back when the master and all slaves are closed; the struct lives on while
 *    sessions refer to it.
 *
 * Locks: tty_mutex for the table, opening and closing; inside it type_mutex (Y), then as in tty.h.
 * Mirrors Linux drivers/tty/pty.c. Exercised by tests/user/{tty,pty}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/dev/chrdev.h"
#include "kernel/dev/devpts.h"
#include "kernel/dev/tty.h"
#include "kernel/fs/poll.h"
#include "kernel/init.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

#define PTY_MAX	   256
#define TYPED_SIZE 4096

struct pty {
	struct tty_struct tty;		      /* the slave */
	unsigned int index;		      /* - */
	bool locked;			      /* tty_mutex */
	bool master_closed;		      /* tty_mutex to write */
	bool slave_closed;		      /* tty_mutex to write: was open and is no more */
	struct dentry *dentry;		      /* - its name in devpts */
	struct mutex read_mutex, write_mutex; /* of the master; held while it sleeps */
	struct mutex type_mutex;	      /* Y */
	u8 *typed;     /* Y what the input ring did not take; made when first needed */
	u32 typed_len; /* Y */
	wait_queue_head_t master_wait; /* for output to read, room to type, slaves to come and go */
};

static struct pty *ptys[PTY_MAX]; /* tty_mutex */

static struct pty *to_pty(struct tty_struct *tty)
{
	return container_of(tty, struct pty, tty);
}

/* ---- the slave's operations ---- */

static void pty_start_tx(struct tty_struct *tty)
{
	struct pty *pty = to_pty(tty);

	if (wq_has_sleeper(&pty->master_wait))
		wake_up_interruptible_poll(&pty->master_wait, EPOLLIN | EPOLLRDNORM);
}

/* What waited is typed now, as far as it goes. => type_mutex held */
static void push_typed(struct pty *pty)
{
	size_t n = n_tty_receive(&pty->tty, pty->typed, pty->typed_len);

	memmove(pty->typed, pty->typed + n, pty->typed_len - n);
	WRITE_ONCE(pty->typed_len, pty->typed_len - n);
}

static void pty_input_room(struct tty_struct *tty, bool discard)
{
	struct pty *pty = to_pty(tty);

	if (!READ_ONCE(pty->typed_len))
		return;
	scoped_guard(mutex, &pty->type_mutex) {
		if (discard)
			WRITE_ONCE(pty->typed_len, 0);
		else if (pty->typed_len)
			push_typed(pty);
	}
	if (wq_has_sleeper(&pty->master_wait))
		wake_up_interruptible_poll(&pty->master_wait, EPOLLOUT | EPOLLWRNORM);
}

static bool pty_output_dead(struct tty_struct *tty)
{
	return READ_ONCE(to_pty(tty)->master_closed);
}

/* => tty_mutex held */
static void pty_release_index(struct pty *pty)
{
	if (pty->master_closed && !pty->tty.count)
		ptys[pty->index] = NULL;
}

static int pty_first_open(struct tty_struct *tty)
{
	WRITE_ONCE(to_pty(tty)->slave_closed, false);
	return 0;
}

static void pty_last_close(struct tty_struct *tty)
{
	struct pty *pty = to_pty(tty);

	WRITE_ONCE(pty->slave_closed, true);
	pty_release_index(pty);
	wake_up_all(&pty->master_wait);
}

static void pty_free(struct tty_struct *tty)
{
	tty_free_buffers(tty);
	kfree(to_pty(tty)->typed);
	kfree(to_pty(tty));
}

static const struct tty_operations pty_ops = {
	.start_tx = pty_start_tx,
	.input_room = pty_input_room,
	.output_dead = pty_output_dead,
	.first_open = pty_first_open,
	.last_close = pty_last_close,
	.free = pty_free,
};

struct tty_struct *pty_get_slave(unsigned int index)
{
	struct pty *pty = index < PTY_MAX ? ptys[index] : NULL;

	if (!pty)
		return ERR_PTR(-ENXIO);
	if (pty->locked || pty->master_closed)
		return ERR_PTR(-EIO);
	return tty_kref_get(&pty->tty);
}

/* ---- the master ---- */

/* A pair with its number; ERR_PTR(-ENOMEM, -ENOSPC). */
static struct pty *pty_create(void)
{
	struct pty *pty = kzalloc(sizeof(*pty), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!pty)
		return ERR_PTR(-ENOMEM);
	err = tty_init_struct(&pty->tty, &pty_ops, 0);
	if (err) {
		kfree(pty);
		return ERR_PTR(err);
	}
	mutex_init(&pty->read_mutex);
	mutex_init(&pty->write_mutex);
	mutex_init(&pty->type_mutex);
	init_waitqueue_head(&pty->master_wait);
	pty->locked = true;
	scoped_guard(mutex, &tty_mutex) {
		for (i = 0; i < PTY_MAX && ptys[i]; i++)
			;
		if (i < PTY_MAX)
			ptys[i] = pty;
	}
	if (i == PTY_MAX) {
		pty_free(&pty->tty);
		return ERR_PTR(-ENOSPC);
	}
	pty->index = i;
	pty->tty.device = MKDEV(UNIX98_PTY_SLAVE_MAJOR, i);
	snprintf(pty->tty.name, sizeof(pty->tty.name), "pts/%u", i);
	return pty;
}

static int ptmx_open(struct inode *inode, struct file *file)
{
	struct pty *pty = pty_create();
	struct dentry *dentry;

	if (IS_ERR(pty))
		return PTR_ERR(pty);
	dentry = devpts_new(pty->index, pty->tty.device);
	if (IS_ERR(dentry)) {
		scoped_guard(mutex, &tty_mutex)
			ptys[pty->index] = NULL;
		tty_kref_put(&pty->tty);
		return PTR_ERR(dentry);
	}
	pty->dentry = dentry;
	nonseekable_open(inode, file);
	file->private_data = pty;
	return 0;
}

static int ptmx_release(struct inode *inode, struct file *file)
{
	struct pty *pty = file->private_data;

	devpts_kill(pty->dentry);
	scoped_guard(mutex, &tty_mutex) {
		WRITE_ONCE(pty->master_closed, true);
		__tty_hangup(&pty->tty, false);
		pty_release_index(pty);
	}
	tty_kref_put(&pty->tty);
	return 0;
}

static bool master_readable(struct pty *pty)
{
	return tty_ring_used(&pty->tty.out) || READ_ONCE(pty->slave_closed);
}

static ssize_t ptmx_do_read(struct pty *pty, struct file *file, char __user *buf, size_t count)
{
	u8 chunk[TTY_CHUNK];
	size_t done = 0;
	long err;

	while (done < count) {
		size_t n = tty_ring_get(&pty->tty.out, chunk, min(count - done, sizeof(chunk)));

		if (n) {
			if (copy_to_user(buf + done, chunk, n))
				return done ? done : -EFAULT;
			done += n;
			continue;
		}
		if (done)
			break;
		if (READ_ONCE(pty->slave_closed))
			return -EIO;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(pty->master_wait, master_readable(pty));
		if (err)
			return err;
	}
	return done;
}

static ssize_t ptmx_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct pty *pty = file->private_data;
	ssize_t ret;

	if (mutex_lock_interruptible(&pty->read_mutex))
		return -ERESTARTSYS;
	ret = ptmx_do_read(pty, file, buf, count);
	mutex_unlock(&pty->read_mutex);
	if (ret > 0 && n_tty_write_ready(&pty->tty) && wq_has_sleeper(&pty->tty.write_wait))
		wake_up_interruptible_poll(&pty->tty.write_wait, EPOLLOUT | EPOLLWRNORM);
	return ret;
}

static bool typed_has_room(const struct pty *pty)
{
	return READ_ONCE(pty->typed_len) <= TYPED_SIZE / 2;
}

/* Types what it can of chunk[0..n) without sleeping for readers; bytes taken. */
static size_t type_some(struct pty *pty, const u8 *chunk, size_t n)
{
	size_t done = 0, more;

	guard(mutex)(&pty->type_mutex);
	if (!pty->typed_len)
		done = n_tty_receive(&pty->tty, chunk, n);
	if (done == n)
		return done;
	if (!pty->typed)
		pty->typed = kmalloc(TYPED_SIZE, GFP_KERNEL);
	if (!pty->typed)
		return done;
	more = min(n - done, (size_t)(TYPED_SIZE - pty->typed_len));
	memcpy(pty->typed + pty->typed_len, chunk + done, more);
	WRITE_ONCE(pty->typed_len, pty->typed_len + more);
	/* The reader may have made room since, and not have seen these bytes. */
	push_typed(pty);
	return done + more;
}

/* Types all of chunk[0..n); bytes, or errno if none. */
static ssize_t ptmx_type(struct file *file, const u8 *chunk, size_t n)
{
	struct pty *pty = file->private_data;
	size_t done = 0;
	long err;

	for (;;) {
		done += type_some(pty, chunk + done, n - done);
		if (done == n)
			return done;
		if (!READ_ONCE(pty->typed))
			return done ? done : -ENOMEM;
		err = file->f_flags & O_NONBLOCK
			      ? -EAGAIN
			      : wait_event_interruptible(pty->master_wait, typed_has_room(pty));
		if (err)
			return done ? done : err;
	}
}

static ssize_t ptmx_write_from(struct file *file, const char __user *ubuf, const u8 *kbuf,
			       size_t count)
{
	struct pty *pty = file->private_data;
	ssize_t ret;

	if (mutex_lock_interruptible(&pty->write_mutex))
		return -ERESTARTSYS;
	ret = tty_write_chunks(file, ubuf, kbuf, count, ptmx_type);
	mutex_unlock(&pty->write_mutex);
	return ret;
}

static ssize_t ptmx_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	return ptmx_write_from(file, buf, NULL, count);
}

static ssize_t ptmx_write_kernel(struct file *file, const void *buf, size_t count)
{
	return ptmx_write_from(file, NULL, buf, count);
}

static unsigned int ptmx_poll(struct file *file, struct poll_table *wait)
{
	struct pty *pty = file->private_data;
	unsigned int mask = 0;

	poll_wait(file, &pty->master_wait, wait);
	if (tty_ring_used(&pty->tty.out))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(pty->slave_closed))
		mask |= EPOLLHUP;
	if (typed_has_room(pty))
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

static long ptmx_set_lock(struct pty *pty, int __user *p)
{
	int value;

	if (get_user(value, p))
		return -EFAULT;
	guard(mutex)(&tty_mutex);
	pty->locked = value != 0;
	return 0;
}

/* A descriptor of the slave, whatever /dev/pts shows the caller. */
static long ptmx_open_peer(struct pty *pty, int flags)
{
	struct path path;
	struct file *file;
	int fd = get_unused_fd_flags(flags);

	if (fd < 0)
		return fd;
	path.mnt = devpts_kern_mount;
	path.dentry = pty->dentry;
	file = file_open_path(&path, flags & ~O_CLOEXEC);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

static long ptmx_flush(struct pty *pty, unsigned long arg)
{
	if (arg > TCIOFLUSH)
		return -EINVAL;
	/* What is output for the slave is the master's input. */
	if (arg != TCOFLUSH)
		n_tty_flush_output(&pty->tty);
	if (arg != TCIFLUSH)
		n_tty_flush_input(&pty->tty);
	return 0;
}

/* TIOCSIG: a signal for the foreground group, in the terminal's name. */
#define TIOCSIG 0x40045436U

static long ptmx_signal(struct pty *pty, unsigned long sig)
{
	if (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP)
		return -EINVAL;
	tty_signal_pgrp(&pty->tty, sig);
	return 0;
}

static long ptmx_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct pty *pty = file->private_data;
	int __user *p = (int __user *)arg;
	long ret;

	switch (cmd) {
	case TIOCGPTN:
		return put_user((int)pty->index, p);
	case TIOCSPTLCK:
		return ptmx_set_lock(pty, p);
	case TIOCGPTLCK:
		return put_user((int)READ_ONCE(pty->locked), p);
	case TIOCGPTPEER:
		return ptmx_open_peer(pty, arg);
	case FIONREAD:
		return put_user((int)tty_ring_used(&pty->tty.out), p);
	case TIOCOUTQ:
		return put_user(0, p);
	case TCFLSH:
		return ptmx_flush(pty, arg);
	case TIOCSIG:
		return ptmx_signal(pty, arg);
	case TCSBRK:
	case TCSBRKP:
		return 0;
	}
	ret = tty_common_ioctl(&pty->tty, file, cmd, arg, true);
	return ret == -ENOIOCTLCMD ? -ENOTTY : ret;
}

static const struct file_operations ptmx_fops = {
	.llseek = no_llseek,
	.open = ptmx_open,
	.release = ptmx_release,
	.read = ptmx_read,
	.write = ptmx_write,
	.write_kernel = ptmx_write_kernel,
	.poll = ptmx_poll,
	.unlocked_ioctl = ptmx_ioctl,
};

static int __init pty_init(void)
{
	register_chrdev(TTYAUX_MAJOR, 2, 1, "/dev/ptmx", &ptmx_fops);
	register_chrdev(UNIX98_PTY_SLAVE_MAJOR, 0, PTY_MAX, "pts", &tty_fops);
	device_add_node("ptmx", S_IFCHR | 0666, MKDEV(TTYAUX_MAJOR, 2));
	return 0;
}
device_initcall(pty_init);
