/*
 * Requests on terminals: settings, window size, flushing and flow control.
 *
 * A process in the background that changes something stops first (tty_check_change), except through
 * the master. A change of settings with TCSETSW waits until output was sent, with TCSETSF it also
 * throws unread input away.
 *
 * Locks: tty->lock for termios, ctrl_lock for the window size. Mirrors Linux
 * drivers/tty/{tty_ioctl,tty_io}.c. Exercised by tests/user/{tty,pty}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/dev/tty.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "lib/string.h"

static const u32 baud_rates[] = { 0,   50,   75,   110,	 134,  150,  200,   300,
				  600, 1200, 1800, 2400, 4800, 9600, 19200, 38400 };
static const u32 baud_rates_ext[] = {
	57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000
};

/* Bits per second that c_cflag names; 0 for BOTHER: c_ospeed says. */
static u32 cflag_baud(u32 cflag)
{
	u32 i = cflag & 0xf;

	if (!(cflag & BOTHER))
		return baud_rates[i];
	return i && i <= ARRAY_SIZE(baud_rates_ext) ? baud_rates_ext[i - 1] : 0;
}

static void wait_until_sent(struct tty_struct *tty)
{
	if (tty->ops->wait_until_sent)
		tty->ops->wait_until_sent(tty);
}

/* ---- settings ---- */

static void set_termios(struct tty_struct *tty, const struct ktermios *new)
{
	struct ktermios old;

	scoped_guard(spinlock_irqsave, &tty->lock) {
		old = tty->termios;
		tty->termios = *new;
		n_tty_set_termios(tty, &old);
		if (tty->ops->set_termios)
			tty->ops->set_termios(tty);
		if (!I_FLAG(tty, IXON) && (old.c_iflag & IXON) && tty->flow_stopped) {
			tty->flow_stopped = false;
			tty->ops->start_tx(tty);
		}
	}
	/* What a reader or a poller waits for may mean something else now. */
	wake_up_interruptible_all(&tty->read_wait);
	wake_up_interruptible_all(&tty->write_wait);
	if (tty->ops->input_room)
		tty->ops->input_room(tty, false);
}

static long ioctl_get_termios(struct tty_struct *tty, void __user *p, size_t size)
{
	struct ktermios t;

	scoped_guard(spinlock_irqsave, &tty->lock)
		t = tty->termios;
	return copy_to_user(p, &t, size) ? -EFAULT : 0;
}

/* how: 0 now, 1 when output was sent, 2 and without unread input. */
static long ioctl_set_termios(struct tty_struct *tty, const void __user *p, size_t size, int how,
			      bool from_master)
{
	struct ktermios t;
	u32 baud;
	int err = from_master ? 0 : tty_check_change(tty);

	if (err)
		return err;
	scoped_guard(spinlock_irqsave, &tty->lock)
		t = tty->termios;
	if (copy_from_user(&t, p, size))
		return -EFAULT;
	baud = cflag_baud(t.c_cflag);
	if (baud || !(t.c_cflag & BOTHER))
		t.c_ispeed = t.c_ospeed = baud;
	if (how == 2)
		n_tty_flush_input(tty);
	if (how) {
		wait_until_sent(tty);
		if (signal_pending(current))
			return -ERESTARTSYS;
	}
	set_termios(tty, &t);
	return 0;
}

/* ---- window ---- */

static long ioctl_get_winsize(struct tty_struct *tty, void __user *p)
{
	struct winsize ws;

	scoped_guard(spinlock_irqsave, &tty->ctrl_lock)
		ws = tty->winsize;
	return copy_to_user(p, &ws, sizeof(ws)) ? -EFAULT : 0;
}

static long ioctl_set_winsize(struct tty_struct *tty, const void __user *p)
{
	struct winsize ws;
	bool changed;

	if (copy_from_user(&ws, p, sizeof(ws)))
		return -EFAULT;
	scoped_guard(spinlock_irqsave, &tty->ctrl_lock) {
		changed = memcmp(&ws, &tty->winsize, sizeof(ws)) != 0;
		tty->winsize = ws;
	}
	if (changed)
		tty_signal_pgrp(tty, SIGWINCH);
	return 0;
}

/* ---- flow ---- */

static void set_flow(struct tty_struct *tty, bool stop)
{
	scoped_guard(spinlock_irqsave, &tty->lock) {
		tty->flow_stopped = stop;
		if (!stop)
			tty->ops->start_tx(tty);
	}
	if (!stop)
		wake_up_interruptible_all(&tty->write_wait);
}

static long ioctl_flow(struct tty_struct *tty, unsigned long arg)
{
	int err = tty_check_change(tty);
	u8 c;

	if (err)
		return err;
	switch (arg) {
	case TCOOFF:
	case TCOON:
		set_flow(tty, arg == TCOOFF);
		return 0;
	case TCIOFF:
	case TCION:
		c = tty->termios.c_cc[arg == TCIOFF ? VSTOP : VSTART];
		if (c != DISABLED_CHAR)
			n_tty_write(tty, &c, 1);
		return 0;
	}
	return -EINVAL;
}

static long ioctl_flush(struct tty_struct *tty, unsigned long arg)
{
	int err = tty_check_change(tty);

	if (err)
		return err;
	if (arg > TCIOFLUSH)
		return -EINVAL;
	if (arg != TCOFLUSH)
		n_tty_flush_input(tty);
	if (arg != TCIFLUSH)
		n_tty_flush_output(tty);
	return 0;
}

/* A break of @ms milliseconds after what is still to be sent; 0: only wait for that. */
static long ioctl_send_break(struct tty_struct *tty, unsigned int ms)
{
	int err = tty_check_change(tty);

	if (err)
		return err;
	wait_until_sent(tty);
	if (signal_pending(current))
		return -ERESTARTSYS;
	if (!ms || !tty->ops->break_ctl)
		return 0;
	tty->ops->break_ctl(tty, true);
	msleep_interruptible(ms);
	tty->ops->break_ctl(tty, false);
	return signal_pending(current) ? -EINTR : 0;
}

/* ---- the tables of requests ---- */

long tty_common_ioctl(struct tty_struct *tty, struct file *file, unsigned int cmd,
		      unsigned long arg, bool from_master)
{
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case TCGETS:
		return ioctl_get_termios(tty, p, TERMIOS_SIZE);
	case TCGETS2:
		return ioctl_get_termios(tty, p, sizeof(struct ktermios));
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return ioctl_set_termios(tty, p, TERMIOS_SIZE, cmd - TCSETS, from_master);
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		return ioctl_set_termios(tty, p, sizeof(struct ktermios), cmd - TCSETS2,
					 from_master);
	case TIOCGWINSZ:
		return ioctl_get_winsize(tty, p);
	case TIOCSWINSZ:
		return ioctl_set_winsize(tty, p);
	case TIOCGETD:
		return put_user(0, (int __user *)p);
	case TIOCSTI:
		return -EPERM;
	}
	return tty_jobctrl_ioctl(tty, file, cmd, arg, from_master);
}

static long ioctl_exclusive(struct tty_struct *tty, bool on)
{
	guard(mutex)(&tty_mutex);
	tty->exclusive = on;
	return 0;
}

static long ioctl_get_device(struct tty_struct *tty, unsigned int __user *p)
{
	unsigned int minor = MINOR(tty->device);

	return put_user((minor & 0xff) | MAJOR(tty->device) << 8 | (minor & ~0xffU) << 12, p);
}

static long ioctl_set_break(struct tty_struct *tty, bool on)
{
	int err = tty_check_change(tty);

	if (!err && tty->ops->break_ctl)
		tty->ops->break_ctl(tty, on);
	return err;
}

static long ioctl_set_ldisc(int __user *p)
{
	int number;

	if (get_user(number, p))
		return -EFAULT;
	return number ? -EINVAL : 0;
}

static long ioctl_vhangup(struct tty_struct *tty)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	tty_vhangup(tty);
	return 0;
}

static long tty_line_ioctl(struct tty_struct *tty, unsigned int cmd, unsigned long arg)
{
	unsigned int __user *p = (unsigned int __user *)arg;

	switch (cmd) {
	case TCSBRK:
		return ioctl_send_break(tty, arg ? 0 : 250);
	case TCSBRKP:
		return ioctl_send_break(tty, arg ? arg * 100 : 250);
	case TIOCSBRK:
	case TIOCCBRK:
		return ioctl_set_break(tty, cmd == TIOCSBRK);
	case TCXONC:
		return ioctl_flow(tty, arg);
	case TCFLSH:
		return ioctl_flush(tty, arg);
	case FIONREAD:
		return put_user(n_tty_chars_in_buffer(tty), p);
	case TIOCOUTQ:
		return put_user(tty->ops->wait_until_sent ? tty_ring_used(&tty->out) : 0, p);
	case TIOCMGET:
		return tty->ops->tiocmget ? put_user(tty->ops->tiocmget(tty), p) : -ENOTTY;
	case TIOCEXCL:
	case TIOCNXCL:
		return ioctl_exclusive(tty, cmd == TIOCEXCL);
	case TIOCGEXCL:
		return put_user((unsigned int)tty->exclusive, p);
	case TIOCGDEV:
		return ioctl_get_device(tty, p);
	case TIOCSETD:
		return ioctl_set_ldisc((int __user *)p);
	case TIOCVHANGUP:
		return ioctl_vhangup(tty);
	}
	return -ENOTTY;
}

long tty_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct tty_struct *tty = file->private_data;
	long ret;

	if (tty_hung_up(file))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	ret = tty_common_ioctl(tty, file, cmd, arg, false);
	return ret == -ENOIOCTLCMD ? tty_line_ioctl(tty, cmd, arg) : ret;
}
