/*
 * Terminals as files: opening, closing, reading, writing, polling, hang-ups, and the special names.
 *
 *	/dev/ttySn   4:64+n  a serial line
 *	/dev/tty     5:0     the controlling terminal of whoever opens it
 *	/dev/console 5:1     the terminal behind the kernel's console; opening it gives no control
 *	/dev/pts/n   136:n   slaves of pseudo terminals (pty.c)
 *
 * A file holds a reference on its tty and counts in tty->count. Serial ttys are there for good.
 *
 * Locks: see tty.h. Mirrors Linux drivers/tty/tty_io.c. Exercised by tests/user/{tty,pty}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/cred.h"
#include "kernel/dev/chrdev.h"
#include "kernel/dev/tty.h"
#include "kernel/fs/poll.h"
#include "kernel/init.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

#define MAX_SERIAL   4
#define SERIAL_MINOR 64
#define DEV_TTY	     MKDEV(TTYAUX_MAJOR, 0)
#define DEV_CONSOLE  MKDEV(TTYAUX_MAJOR, 1)

DEFINE_MUTEX(tty_mutex);
static struct tty_struct *serial_ttys[MAX_SERIAL]; /* tty_mutex; set at boot */

const struct ktermios tty_std_termios = {
	.c_iflag = ICRNL | IXON,
	.c_oflag = OPOST | ONLCR,
	.c_cflag = B38400 | CS8 | CREAD | HUPCL,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc = {
		[VINTR] = 3, [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21, [VEOF] = 4, [VMIN] = 1,
		[VSTART] = 17, [VSTOP] = 19, [VSUSP] = 26, [VREPRINT] = 18, [VDISCARD] = 15,
		[VWERASE] = 23, [VLNEXT] = 22,
	},
	.c_ispeed = 38400,
	.c_ospeed = 38400,
};

int tty_init_struct(struct tty_struct *tty, const struct tty_operations *ops, dev_t dev)
{
	tty->in = kmalloc(TTY_BUF_SIZE, GFP_KERNEL);
	tty->out.buf = kmalloc(TTY_BUF_SIZE, GFP_KERNEL);
	if (!tty->in || !tty->out.buf) {
		tty_free_buffers(tty);
		return -ENOMEM;
	}
	tty->kref = 1;
	tty->ops = ops;
	tty->device = dev;
	tty->generation = 1;
	tty->termios = tty_std_termios;
	spin_lock_init(&tty->lock);
	spin_lock_init(&tty->out.lock);
	spin_lock_init(&tty->ctrl_lock);
	mutex_init(&tty->read_mutex);
	mutex_init(&tty->write_mutex);
	init_waitqueue_head(&tty->read_wait);
	init_waitqueue_head(&tty->write_wait);
	n_tty_set_termios(tty, NULL);
	return 0;
}

void tty_free_buffers(struct tty_struct *tty)
{
	kfree(tty->in);
	kfree(tty->out.buf);
	tty->in = tty->out.buf = NULL;
}

void tty_kref_put(struct tty_struct *tty)
{
	if (tty && !__atomic_sub_fetch(&tty->kref, 1, __ATOMIC_ACQ_REL) && tty->ops->free)
		tty->ops->free(tty);
}

bool tty_is_console(const struct file *file)
{
	return file->f_inode->i_rdev == DEV_CONSOLE;
}

bool tty_hung_up(const struct file *file)
{
	const struct tty_struct *tty = file->private_data;

	return file->f_version != READ_ONCE(tty->generation) && !tty_is_console(file);
}

static bool output_dead(struct tty_struct *tty)
{
	return tty->ops->output_dead && tty->ops->output_dead(tty);
}

/* ---- open and close ---- */

static struct tty_struct *first_serial(void)
{
	unsigned int i;

	for (i = 0; i < MAX_SERIAL; i++) {
		if (serial_ttys[i])
			return serial_ttys[i];
	}
	return NULL;
}

/* The tty behind a device number, with a reference; ERR_PTR. => tty_mutex held */
static struct tty_struct *tty_lookup(dev_t dev)
{
	unsigned int minor = MINOR(dev);
	struct tty_struct *tty;

	if (dev == DEV_TTY) {
		tty = get_current_tty();
		return tty ? tty : ERR_PTR(-ENXIO);
	}
	if (MAJOR(dev) == UNIX98_PTY_SLAVE_MAJOR)
		return pty_get_slave(minor);
	if (dev == DEV_CONSOLE)
		tty = first_serial();
	else
		tty = minor >= SERIAL_MINOR && minor - SERIAL_MINOR < MAX_SERIAL
			      ? serial_ttys[minor - SERIAL_MINOR]
			      : NULL;
	return tty ? tty_kref_get(tty) : ERR_PTR(dev == DEV_CONSOLE ? -ENODEV : -ENXIO);
}

static int tty_open(struct inode *inode, struct file *file)
{
	dev_t dev = inode->i_rdev;
	struct tty_struct *tty;
	int err = 0;

	guard(mutex)(&tty_mutex);
	tty = tty_lookup(dev);
	if (IS_ERR(tty))
		return PTR_ERR(tty);
	if (tty->exclusive && !capable(CAP_SYS_ADMIN))
		err = -EBUSY;
	else if (!tty->count && tty->ops->first_open)
		err = tty->ops->first_open(tty);
	if (err) {
		tty_kref_put(tty);
		return err;
	}
	tty->count++;
	nonseekable_open(inode, file);
	file->private_data = tty;
	file->f_version = tty->generation;
	if (!(file->f_flags & O_NOCTTY) && MAJOR(dev) != TTYAUX_MAJOR)
		tty_open_proc_set_tty(file, tty);
	return 0;
}

static int tty_release(struct inode *inode, struct file *file)
{
	struct tty_struct *tty = file->private_data;

	scoped_guard(mutex, &tty_mutex) {
		if (!--tty->count) {
			tty->exclusive = false;
			tty_leave_session(tty);
			if (tty->ops->last_close)
				tty->ops->last_close(tty);
		}
	}
	tty_kref_put(tty);
	return 0;
}

/* ---- hang-up ---- */

void __tty_hangup(struct tty_struct *tty, bool exit_session)
{
	unsigned int next = tty->generation + 1;

	WRITE_ONCE(tty->generation, next ? next : 1);
	tty_signal_session_leader(tty, exit_session);
	n_tty_flush_input(tty);
	scoped_guard(spinlock_irqsave, &tty->lock) {
		tty->flow_stopped = false;
		tty->ops->start_tx(tty);
	}
	wake_up_all(&tty->read_wait);
	wake_up_all(&tty->write_wait);
}

void tty_vhangup(struct tty_struct *tty)
{
	guard(mutex)(&tty_mutex);
	__tty_hangup(tty, false);
}

static long sys_vhangup(void)
{
	struct tty_struct *tty;

	if (!capable(CAP_SYS_TTY_CONFIG))
		return -EPERM;
	tty = get_current_tty();
	if (tty)
		tty_vhangup(tty);
	tty_kref_put(tty);
	return 0;
}
SYSCALL(153, vhangup);

/* ---- data ---- */

static ssize_t tty_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	if (tty_hung_up(file))
		return 0;
	return n_tty_read(file->private_data, file, buf, count);
}

static bool write_may_go_on(struct tty_struct *tty, struct file *file)
{
	return n_tty_write_ready(tty) || tty_hung_up(file) || output_dead(tty);
}

/*
 * All of chunk[0..n), sleeping for room as needed. Bytes written, or errno if none. => write_mutex
 * held
 */
static ssize_t write_chunk(struct file *file, const u8 *chunk, size_t n)
{
	struct tty_struct *tty = file->private_data;
	size_t done = 0;
	long err;

	for (;;) {
		if (tty_hung_up(file) || output_dead(tty))
			return -EIO;
		done += n_tty_write(tty, chunk + done, n - done);
		if (done == n)
			return done;
		err = file->f_flags & O_NONBLOCK
			      ? -EAGAIN
			      : wait_event_interruptible(tty->write_wait,
							 write_may_go_on(tty, file));
		if (err)
			return done ? done : err;
	}
}

ssize_t tty_write_chunks(struct file *file, const char __user *ubuf, const u8 *kbuf, size_t count,
			 ssize_t (*put)(struct file *file, const u8 *chunk, size_t n))
{
	u8 chunk[TTY_CHUNK];
	size_t done = 0;

	while (done < count) {
		size_t n = min(count - done, sizeof(chunk));
		const u8 *from = kbuf ? kbuf + done : chunk;
		ssize_t ret;

		if (!kbuf && copy_from_user(chunk, ubuf + done, n))
			return done ? done : -EFAULT;
		ret = put(file, from, n);
		if (ret < 0)
			return done ? done : ret;
		done += ret;
		if ((size_t)ret < n || (done < count && signal_pending(current)))
			break;
		cond_resched();
	}
	return done;
}

static ssize_t tty_write_from(struct file *file, const char __user *ubuf, const u8 *kbuf,
			      size_t count)
{
	struct tty_struct *tty = file->private_data;
	ssize_t ret;

	if (tty_hung_up(file))
		return -EIO;
	if (L_FLAG(tty, TOSTOP) && !tty_is_console(file)) {
		ret = tty_check_change(tty);
		if (ret)
			return ret;
	}
	if (file->f_flags & O_NONBLOCK) {
		if (!mutex_trylock(&tty->write_mutex))
			return -EAGAIN;
	} else if (mutex_lock_interruptible(&tty->write_mutex)) {
		return -ERESTARTSYS;
	}
	ret = tty_write_chunks(file, ubuf, kbuf, count, write_chunk);
	mutex_unlock(&tty->write_mutex);
	return ret;
}

static ssize_t tty_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	return tty_write_from(file, buf, NULL, count);
}

static ssize_t tty_write_kernel(struct file *file, const void *buf, size_t count)
{
	return tty_write_from(file, NULL, buf, count);
}

static unsigned int tty_poll(struct file *file, struct poll_table *wait)
{
	struct tty_struct *tty = file->private_data;
	unsigned int mask = 0;

	poll_wait(file, &tty->read_wait, wait);
	poll_wait(file, &tty->write_wait, wait);
	if (tty_hung_up(file))
		return DEFAULT_POLLMASK | EPOLLERR | EPOLLHUP;
	if (n_tty_input_available(tty, true))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (output_dead(tty))
		mask |= EPOLLHUP;
	else if (n_tty_write_ready(tty))
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

const struct file_operations tty_fops = {
	.llseek = no_llseek,
	.open = tty_open,
	.release = tty_release,
	.read = tty_read,
	.write = tty_write,
	.write_kernel = tty_write_kernel,
	.poll = tty_poll,
	.unlocked_ioctl = tty_ioctl,
};

/* ---- names ---- */

void tty_register_serial(struct tty_struct *tty, unsigned int line)
{
	if (WARN_ON(line >= MAX_SERIAL))
		return;
	snprintf(tty->name, sizeof(tty->name), "ttyS%u", line);
	scoped_guard(mutex, &tty_mutex)
		serial_ttys[line] = tty;
	device_add_node(tty->name, S_IFCHR | 0660, tty->device);
}

static int __init tty_init(void)
{
	register_chrdev(TTY_MAJOR, SERIAL_MINOR, MAX_SERIAL, "ttyS", &tty_fops);
	register_chrdev(TTYAUX_MAJOR, 0, 1, "/dev/tty", &tty_fops);
	register_chrdev(TTYAUX_MAJOR, 1, 1, "/dev/console", &tty_fops);
	device_add_node("tty", S_IFCHR | 0666, DEV_TTY);
	device_add_node("console", S_IFCHR | 0600, DEV_CONSOLE);
	return 0;
}
device_initcall(tty_init);
