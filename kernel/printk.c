/*
 * The kernel log.
 *
 * 1. log_buf is a ring of records, each a header and its text, kept 8-byte aligned and never split:
 *    where the end of the buffer is too near, a header of length 0 says "go on at the start".
 *    Adding a record drops the oldest ones until it fits.
 * 2. Every record has a number that only grows. A reader remembers the number of the next record it
 *    wants; if that is older than first_seq, the reader has missed some.
 * 3. A record whose text did not end in a newline stays open: KERN_CONT appends to it while it is
 *    the last.
 * 4. Everything, consoles included, happens under printk_lock with interrupts off. Whoever is
 *    called while its own CPU holds the lock (a fault inside printk, an NMI) does not wait: the
 *    message goes to the consoles as it is if a report is in progress, and is counted as lost
 *    otherwise.
 *
 * Lock: printk_lock is a leaf but for the consoles' own.
 * Mirrors Linux kernel/printk/printk.c. Exercised by every boot and tests/user/kmsg.c.
 */
#include "kernel/printk.h"

#include "kernel/init.h"
#include "kernel/smp.h"
#include "kernel/spinlock.h"
#include "kernel/bug.h"
#include "kernel/time.h"
#include "kernel/wait.h"
#include "kernel/printk_internal.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

#define LOG_BUF_SIZE (64U << 10)
#define LOG_LINE_MAX 1000

static char log_buf[LOG_BUF_SIZE] __aligned(8);
static u32 first_idx, next_idx;
static u64 first_seq, next_seq;
static u32 last_idx;  /* of record next_seq - 1 */
static u64 clear_seq; /* syslog(CLEAR): dmesg starts here */

static DEFINE_SPINLOCK(printk_lock);
static unsigned int printk_cpu = ~0U; /* holder of printk_lock */
static char text_buf[LOG_LINE_MAX + 24];
static char line_buf[LOG_LINE_MAX + 64];
static struct console *consoles;
static bool mid_line; /* the consoles' cursor is not at the start of a line */
static bool readers_pending;
static unsigned long lost; /* messages that came at an impossible moment */

int console_loglevel = 7;
int console_printk_default = 7;
DECLARE_WAIT_QUEUE_HEAD(log_wait);

static int __init loglevel_param(char *value)
{
	int level;

	if (!value || kstrtoint(value, 10, &level))
		pr_warn("loglevel=%s: not a number (1 to 15 count), ignored\n", value ?: "");
	else
		console_loglevel = clamp(level, 1, 15);
	return 0;
}
early_param("loglevel", loglevel_param);

static int __init quiet_param(char *value)
{
	console_loglevel = LOGLEVEL_WARNING;
	return 0;
}
early_param("quiet", quiet_param);

static int __init debug_param(char *value)
{
	console_loglevel = 10;
	return 0;
}
early_param("debug", debug_param);

static int __init ignore_loglevel_param(char *value)
{
	console_loglevel = 15;
	return 0;
}
early_param("ignore_loglevel", ignore_loglevel_param);

/* ---- the ring; all => printk_lock held ---- */

struct printk_log *log_record(u32 idx)
{
	struct printk_log *r = (struct printk_log *)(log_buf + idx);

	return r->len ? r : (struct printk_log *)log_buf;
}

u32 log_next_idx(u32 idx)
{
	struct printk_log *r = log_record(idx);

	return (u32)((char *)r - log_buf) + r->len;
}

u32 log_find(u64 seq)
{
	u32 idx = first_idx;
	u64 s;

	for (s = first_seq; s < seq; s++)
		idx = log_next_idx(idx);
	return idx;
}

/*
 * Room for @len bytes that begin at next_idx, or at 0 if the rest of the buffer is too short: the
 * oldest records go.
 */
static u32 log_make_room(u32 len)
{
	bool wrap = next_idx + len + sizeof(struct printk_log) > LOG_BUF_SIZE;
	u32 start = wrap ? 0 : next_idx, end = start + len + sizeof(struct printk_log);

	while (first_seq < next_seq) {
		u32 oldest = (u32)((char *)log_record(first_idx) - log_buf);
		bool behind = wrap &&
			      oldest >= next_idx; /* would be cut off by the new end marker */

		if (!behind && !(oldest >= start && oldest < end))
			break;
		/* Never at the end marker, which the records to come will overwrite. */
		first_idx = (u32)((char *)log_record(log_next_idx(first_idx)) - log_buf);
		first_seq++;
	}
	if (wrap)
		((struct printk_log *)(log_buf + next_idx))->len = 0;
	return start;
}

static struct printk_log *log_store(int facility, int level, bool newline, u64 ts, const char *text,
				    u32 n)
{
	u32 len = ALIGN(sizeof(struct printk_log) + n, 8);
	u32 idx = log_make_room(len);
	struct printk_log *r = (struct printk_log *)(log_buf + idx);

	r->ts_nsec = ts;
	r->len = len;
	r->text_len = n;
	r->facility = facility;
	r->level = level;
	r->newline = newline;
	memcpy(r->text, text, n);
	last_idx = idx;
	next_idx = idx + len;
	if (first_seq == next_seq)
		first_idx = idx;
	next_seq++;
	return r;
}

/* Appends to the last record if that is still open and there is room behind it; false otherwise. */
static bool log_extend(const char *text, u32 n, bool newline)
{
	struct printk_log *r = (struct printk_log *)(log_buf + last_idx);
	u32 len;

	if (first_seq == next_seq || r->newline || r->text_len + n > LOG_LINE_MAX)
		return false;
	len = ALIGN(sizeof(*r) + r->text_len + n, 8);
	if (len > r->len) {
		u32 more = len - r->len;

		/* Only where no record stands behind: simplest when that is plainly free. */
		if (next_idx + more + sizeof(*r) > LOG_BUF_SIZE ||
		    (first_idx >= next_idx && first_idx < next_idx + more + sizeof(*r) &&
		     first_seq + 1 < next_seq))
			return false;
		r->len = len;
		next_idx += more;
	}
	memcpy(r->text + r->text_len, text, n);
	r->text_len += n;
	r->newline = newline;
	return true;
}

/* ---- consoles; all => printk_lock held ---- */

static void consoles_write(const char *s, unsigned int n)
{
	struct console *con;

	for (con = consoles; con; con = con->next)
		if (con->flags & CON_ENABLED)
			con->write(con, s, n);
}

static u32 put_stamp(char *buf, size_t size, u64 ts)
{
	return scnprintf(buf, size, "[%5lu.%06lu] ", (unsigned long)(ts / NSEC_PER_SEC),
			 (unsigned long)(ts % NSEC_PER_SEC / 1000));
}

u32 log_format(const struct printk_log *r, bool syslog, char *buf, u32 size)
{
	const char *text = r->text, *end = text + r->text_len;
	u32 n = 0;

	do {
		const char *nl = memchr(text, '\n', end - text);
		u32 part = (nl ? nl : end) - text;

		if (syslog)
			n += scnprintf(buf + n, size - n, "<%u>", r->facility << 3 | r->level);
		n += put_stamp(buf + n, size - n, r->ts_nsec);
		if (n + part + 1 >= size)
			break;
		memcpy(buf + n, text, part);
		n += part;
		buf[n++] = '\n';
		text = nl ? nl + 1 : end;
	} while (text < end);
	return n;
}

/* A whole record, on lines of its own; an open record leaves its line open. */
static void show_record(const struct printk_log *r,
			void (*out)(struct console *, const char *, unsigned int),
			struct console *con)
{
	u32 n = log_format(r, false, line_buf, sizeof(line_buf));

	if (n && !r->newline)
		n--;
	if (con)
		out(con, line_buf, n);
	else
		consoles_write(line_buf, n);
	mid_line = !r->newline;
}

static void console_emit(const struct printk_log *r, bool extended, const char *text, u32 n)
{
	if (!consoles || r->level >= console_loglevel)
		return;
	if (extended && mid_line) {
		consoles_write(text, n);
		if (r->newline)
			consoles_write("\n", 1);
		mid_line = !r->newline;
		return;
	}
	if (mid_line)
		consoles_write("\n", 1);
	show_record(r, NULL, NULL);
}

/* ---- printk ---- */

/*
 * True with printk_lock held and interrupts off. In a panic, whoever held the lock may have been
 * stopped: wait for a while only, then go on without (locked says whether to unlock).
 */
static bool printk_enter(unsigned long *flags, bool *locked)
{
	unsigned int me;
	int spins = 0;

	local_irq_save(*flags);
	me = smp_processor_id();
	*locked = true;
	if (READ_ONCE(printk_cpu) == me) {
		if (!READ_ONCE(oops_in_progress)) {
			lost++;
			local_irq_restore(*flags);
			return false;
		}
		*locked = false;
		return true;
	}
	if (likely(!READ_ONCE(oops_in_progress))) {
		spin_lock(&printk_lock);
	} else {
		while (!spin_trylock(&printk_lock)) {
			if (++spins > 10000000) {
				*locked = false;
				return true;
			}
			cpu_relax();
		}
	}
	WRITE_ONCE(printk_cpu, me);
	return true;
}

static void printk_exit(unsigned long flags, bool locked)
{
	if (locked) {
		WRITE_ONCE(printk_cpu, ~0U);
		spin_unlock(&printk_lock);
	}
	local_irq_restore(flags);
}

/* => printk_lock held. facility 0 is the kernel. */
static void log_message(int facility, int level, bool cont, char *text, u32 n)
{
	bool newline = n && text[n - 1] == '\n', extended = false;
	struct printk_log *r;

	if (newline)
		n--;
	if (cont && log_extend(text, n, newline)) {
		r = (struct printk_log *)(log_buf + last_idx);
		extended = true;
	} else {
		r = log_store(facility, level, newline || !cont, sched_clock(), text, n);
		r->newline = newline;
	}
	readers_pending = true;
	console_emit(r, extended, text, n);
}

int vprintk(const char *fmt, va_list args)
{
	int level = LOGLEVEL_WARNING;
	unsigned long flags;
	bool cont = false, locked;
	char *text = text_buf;
	int n;

	if (!printk_enter(&flags, &locked))
		return 0;
	if (unlikely(lost)) {
		n = scnprintf(text_buf, sizeof(text_buf), "** %lu messages dropped **\n", lost);
		lost = 0;
		log_message(0, LOGLEVEL_WARNING, false, text_buf, n);
	}
	n = vscnprintf(text_buf, LOG_LINE_MAX, fmt, args);
	while (n >= 2 && text[0] == KERN_SOH[0]) {
		if (text[1] >= '0' && text[1] <= '7')
			level = text[1] - '0';
		else if (text[1] == 'c')
			cont = true;
		text += 2;
		n -= 2;
	}
	log_message(0, level, cont, text, n);
	printk_exit(flags, locked);
	return n;
}

int printk(const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vprintk(fmt, args);
	va_end(args);
	return n;
}

void kmsg_write_line(const char *text, size_t len)
{
	int facility = 1, level = LOGLEVEL_WARNING;
	unsigned long flags;
	bool locked;
	size_t n;

	if (len > 2 && text[0] == '<' && isdigit(text[1])) {
		size_t i = 1;
		unsigned int prio = 0;

		while (i < len && i < 5 && isdigit(text[i]))
			prio = prio * 10 + text[i++] - '0';
		if (i < len && text[i] == '>') {
			level = prio & 7;
			facility = prio >> 3 ? min(prio >> 3, 255U) : 1;
			text += i + 1;
			len -= i + 1;
		}
	}
	if (!printk_enter(&flags, &locked))
		return;
	n = min_t(size_t, len, LOG_LINE_MAX - 1);
	memcpy(text_buf, text, n);
	if (!n || text_buf[n - 1] != '\n')
		text_buf[n++] = '\n';
	log_message(facility, level, false, text_buf, n);
	printk_exit(flags, locked);
}

/* ---- consoles ---- */

void register_console(struct console *con)
{
	struct console **p, *c;
	unsigned long flags;
	bool locked, first = !(con->flags & CON_BOOT);

	if (!printk_enter(&flags, &locked))
		return;
	/*
	 * The first real console takes over from the boot consoles, which have shown everything
	 * until now.
	 */
	for (p = &consoles; first && (c = *p);) {
		if (c->flags & CON_BOOT) {
			*p = c->next;
			con->flags &= ~CON_PRINTBUFFER;
		} else {
			p = &c->next;
		}
	}
	for (p = &consoles; *p; p = &(*p)->next)
		;
	con->next = NULL;
	con->flags |= CON_ENABLED;
	if (con->flags & CON_PRINTBUFFER) {
		u32 idx = first_idx;
		u64 s;

		for (s = first_seq; s < next_seq; s++, idx = log_next_idx(idx))
			if (log_record(idx)->level < console_loglevel)
				show_record(log_record(idx), con->write, con);
	}
	*p = con;
	printk_exit(flags, locked);
}

int unregister_console(struct console *con)
{
	struct console **p;
	unsigned long flags;
	bool locked;
	int ret = -ENODEV;

	if (!printk_enter(&flags, &locked))
		return -EBUSY;
	for (p = &consoles; *p; p = &(*p)->next) {
		if (*p == con) {
			*p = con->next;
			con->flags &= ~CON_ENABLED;
			ret = 0;
			break;
		}
	}
	printk_exit(flags, locked);
	return ret;
}

struct console *console_first(void)
{
	return READ_ONCE(consoles);
}

void console_write_raw(const char *s, size_t n)
{
	unsigned long flags;
	bool locked;

	if (!printk_enter(&flags, &locked))
		return;
	if (mid_line)
		consoles_write("\n", 1);
	mid_line = n && s[n - 1] != '\n';
	consoles_write(s, n);
	printk_exit(flags, locked);
}

/* ---- readers ---- */

void printk_wake_readers(void)
{
	if (likely(!READ_ONCE(readers_pending)))
		return;
	WRITE_ONCE(readers_pending, false);
	if (wq_has_sleeper(&log_wait))
		wake_up_interruptible_all(&log_wait);
}

u64 log_first_seq(void)
{
	return READ_ONCE(first_seq);
}

u64 log_next_seq(void)
{
	return READ_ONCE(next_seq);
}

u64 log_clear_seq(bool set)
{
	unsigned long flags;
	u64 old;

	spin_lock_irqsave(&printk_lock, flags);
	old = max(clear_seq, first_seq);
	if (set)
		clear_seq = next_seq;
	spin_unlock_irqrestore(&printk_lock, flags);
	return old;
}

u32 log_buf_size(void)
{
	return LOG_BUF_SIZE;
}

ssize_t log_read_syslog(u64 *seq, char *buf, u32 size)
{
	unsigned long flags;
	ssize_t n = 0;

	spin_lock_irqsave(&printk_lock, flags);
	if (*seq < first_seq)
		*seq = first_seq;
	if (*seq < next_seq) {
		n = log_format(log_record(log_find(*seq)), true, buf, size);
		++*seq;
	}
	spin_unlock_irqrestore(&printk_lock, flags);
	return n;
}

/* Bytes that cannot stand in a line of /dev/kmsg are written as \xNN. */
static u32 put_escaped(char *buf, u32 size, const char *text, u32 len)
{
	u32 i, n = 0;

	for (i = 0; i < len && n + 5 < size; i++) {
		unsigned char c = text[i];

		if (c < ' ' || c >= 127 || c == '\\')
			n += scnprintf(buf + n, size - n, "\\x%02x", c);
		else
			buf[n++] = c;
	}
	return n;
}

ssize_t kmsg_read_record(u64 *seq, char *buf, size_t size)
{
	struct printk_log *r;
	unsigned long flags;
	ssize_t n = 0;

	spin_lock_irqsave(&printk_lock, flags);
	if (*seq < first_seq) {
		*seq = first_seq;
		n = -EPIPE;
		goto out;
	}
	if (*seq >= next_seq)
		goto out;
	r = log_record(log_find(*seq));
	if (size < r->text_len + 64UL) {
		n = -EINVAL;
		goto out;
	}
	n = scnprintf(buf, size, "%u,%llu,%llu,-;", r->facility << 3 | r->level, *seq,
		      r->ts_nsec / 1000);
	n += put_escaped(buf + n, size - n - 1, r->text, r->text_len);
	buf[n++] = '\n';
	++*seq;
out:
	spin_unlock_irqrestore(&printk_lock, flags);
	return n;
}

/* ---- helpers that print ---- */

bool ___ratelimit(struct ratelimit_state *rs, const char *func)
{
	u64 now = sched_clock();

	if (now - rs->begin > 5 * (u64)NSEC_PER_SEC || !rs->begin) {
		if (rs->missed)
			printk(KERN_WARNING "%s: %u messages suppressed\n", func, rs->missed);
		rs->begin = now | 1;
		rs->printed = rs->missed = 0;
	}
	if (rs->printed < 10) {
		rs->printed++;
		return true;
	}
	rs->missed++;
	return false;
}

void print_hex_dump(const char *level, const char *prefix, int prefix_type, const void *buf,
		    size_t len)
{
	const u8 *p = buf;
	size_t off, i;

	for (off = 0; off < len; off += 16) {
		char hex[16 * 3 + 1], ascii[17];
		size_t n = min_t(size_t, 16, len - off);

		for (i = 0; i < 16; i++) {
			if (i < n)
				scnprintf(hex + i * 3, 4, "%02x ", p[off + i]);
			else
				memcpy(hex + i * 3, "   ", 4);
			ascii[i] = i < n && isprint(p[off + i]) ? p[off + i] : i < n ? '.' : ' ';
		}
		ascii[16] = '\0';
		if (prefix_type == DUMP_PREFIX_ADDRESS)
			printk("%s%s%px: %s %s\n", level, prefix, p + off, hex, ascii);
		else if (prefix_type == DUMP_PREFIX_OFFSET)
			printk("%s%s%08zx: %s %s\n", level, prefix, off, hex, ascii);
		else
			printk("%s%s%s %s\n", level, prefix, hex, ascii);
	}
}
