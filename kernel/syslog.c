/*
 * syslog(2): what dmesg and klogd use.
 *
 * READ takes records away one reader at a time (syslog_seq is shared by all callers, as on Linux)
 * and waits for new ones; READ_ALL gives the last records that fit, since the last CLEAR.
 *
 * Lock: syslog_mutex for syslog_seq and the text buffer.
 * Mirrors the syslog part of Linux kernel/printk/printk.c. Exercised by tests/user/kmsg.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/mutex.h"
#include "kernel/printk.h"
#include "kernel/printk_internal.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/wait.h"
#include "lib/errno.h"

enum {
	ACTION_CLOSE,
	ACTION_OPEN,
	ACTION_READ,
	ACTION_READ_ALL,
	ACTION_READ_CLEAR,
	ACTION_CLEAR,
	ACTION_CONSOLE_OFF,
	ACTION_CONSOLE_ON,
	ACTION_CONSOLE_LEVEL,
	ACTION_SIZE_UNREAD,
	ACTION_SIZE_BUFFER
};

static DEFINE_MUTEX(syslog_mutex);
static u64 syslog_seq;
static u32 syslog_partial; /* bytes of the record syslog_seq already given */
static char syslog_text[CONSOLE_EXT_LOG_MAX + 64];
static int saved_loglevel = -1;

static long syslog_read(char __user *buf, int len)
{
	long done = 0;

	if (wait_event_interruptible(log_wait, READ_ONCE(syslog_seq) < log_next_seq()))
		return -ERESTARTSYS;
	guard(mutex)(&syslog_mutex);
	while (done < len) {
		u64 seq = syslog_seq;
		long n = log_read_syslog(&seq, syslog_text, sizeof(syslog_text)), part;

		if (n <= 0)
			break;
		if (seq != syslog_seq + 1 || syslog_partial >= n)
			syslog_partial = 0; /* it was overwritten in between */
		part = min(n - syslog_partial, (long)len - done);
		if (copy_to_user(buf + done, syslog_text + syslog_partial, part))
			return done ? done : -EFAULT;
		done += part;
		syslog_partial += part;
		if (syslog_partial < n) {
			syslog_seq = seq - 1;
			break;
		}
		syslog_seq = seq;
		syslog_partial = 0;
	}
	return done;
}

static long syslog_read_all(char __user *buf, int len, bool clear)
{
	u64 seq = log_clear_seq(clear), s;
	long total = 0, done = 0, n;

	guard(mutex)(&syslog_mutex);
	for (s = seq; (n = log_read_syslog(&s, syslog_text, sizeof(syslog_text))) > 0;)
		total += n;
	/* The newest ones if not all fit. */
	for (s = seq;
	     total > len && (n = log_read_syslog(&s, syslog_text, sizeof(syslog_text))) > 0;)
		total -= n;
	while ((n = log_read_syslog(&s, syslog_text, sizeof(syslog_text))) > 0 && done + n <= len) {
		if (copy_to_user(buf + done, syslog_text, n))
			return -EFAULT;
		done += n;
		cond_resched();
	}
	return done;
}

static long syslog_size_unread(void)
{
	long total = 0, n;
	u64 s;

	guard(mutex)(&syslog_mutex);
	for (s = syslog_seq; (n = log_read_syslog(&s, syslog_text, sizeof(syslog_text))) > 0;)
		total += n;
	return max(total - (long)syslog_partial, 0L);
}

long do_syslog(int type, char __user *buf, int len)
{
	switch (type) {
	case ACTION_CLOSE:
	case ACTION_OPEN:
		return 0;
	case ACTION_READ:
	case ACTION_READ_ALL:
	case ACTION_READ_CLEAR:
		if (!buf || len < 0)
			return -EINVAL;
		if (!len)
			return 0;
		if (!access_ok(buf, len))
			return -EFAULT;
		return type == ACTION_READ ? syslog_read(buf, len)
					   : syslog_read_all(buf, len, type == ACTION_READ_CLEAR);
	case ACTION_CLEAR:
		log_clear_seq(true);
		return 0;
	case ACTION_CONSOLE_OFF:
		if (saved_loglevel < 0)
			saved_loglevel = console_loglevel;
		console_loglevel = 1;
		return 0;
	case ACTION_CONSOLE_ON:
		if (saved_loglevel >= 0)
			console_loglevel = saved_loglevel;
		saved_loglevel = -1;
		return 0;
	case ACTION_CONSOLE_LEVEL:
		if (len < 1 || len > 8)
			return -EINVAL;
		console_loglevel = len;
		saved_loglevel = -1;
		return 0;
	case ACTION_SIZE_UNREAD:
		return syslog_size_unread();
	case ACTION_SIZE_BUFFER:
		return log_buf_size();
	}
	return -EINVAL;
}

static long sys_syslog(int type, char __user *buf, int len)
{
	return do_syslog(type, buf, len);
}
SYSCALL(103, syslog);
