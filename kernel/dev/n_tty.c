/*
 * The line discipline's input half: what a person types, made into lines, signals and echo; and
 * read().
 *
 * 1. The input ring holds [in_tail, in_head). In canonical mode only [in_tail, canon_head) can be
 *    read; what stands behind is the line being typed, which erase, kill and word erase shorten.
 *    line_end marks the last byte of each complete line: its newline or end-of-line character, or a
 *    0 that stands for end of file and is never handed out.
 * 2. The ring takes TTY_BUF_SIZE - 1 bytes; the last place is for the character that ends a line.
 *    When no complete line is there to be read, more text is dropped (a reader could not make
 *    room), else the sender has to wait.
 * 3. Switching to raw mode lets readers have the half line as it is; switching back ends it where
 *    it is.
 *
 * Locks: tty->lock and, for echo, out.lock during processing; signals are sent and sleepers woken
 * after it.
 * Mirrors Linux drivers/tty/n_tty.c. Exercised by tests/user/{tty,pty}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/dev/tty.h"
#include "kernel/fs/poll.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "lib/bitmap.h"
#include "lib/string.h"

/* Free bytes at which the sender is asked to stop; it may go on at twice as many. */
#define THROTTLE_ROOM 256

/* What one call of n_tty_receive() has to do when the locks are dropped. */
struct rx_state {
	u64 signals;
	bool tx;	/* there is echo, or output may go on */
	bool restarted; /* flow_stopped ended: writers may go on */
};

static u32 in_used(const struct tty_struct *tty)
{
	return tty->in_head - tty->in_tail;
}

static u8 in_at(const struct tty_struct *tty, u32 pos)
{
	return tty->in[pos & TTY_BUF_MASK];
}

static bool is_control(u8 c)
{
	return c < ' ' || c == 127;
}

static bool is_word(u8 c)
{
	return isalnum(c) || c == '_' || c >= 128;
}

/* A control character that termios sets and c equals. */
static bool is_cc(const struct tty_struct *tty, int index, u8 c)
{
	return c == tty->termios.c_cc[index] && c != DISABLED_CHAR;
}

/* ---- into the ring ---- */

static void put_char(struct tty_struct *tty, u8 c)
{
	if (in_used(tty) < TTY_BUF_SIZE - 1)
		tty->in[tty->in_head++ & TTY_BUF_MASK] = c;
}

static void put_line_end(struct tty_struct *tty, u8 c)
{
	u32 at = tty->in_head & TTY_BUF_MASK;

	if (in_used(tty) == TTY_BUF_SIZE)
		return;
	tty->in[at] = c;
	tty->line_end[at / BITS_PER_LONG] |= BIT(at % BITS_PER_LONG);
	tty->canon_head = ++tty->in_head;
}

/* => lock held */
static void reset_input(struct tty_struct *tty)
{
	tty->in_tail = tty->canon_head = tty->in_head;
	tty->lnext = false;
	memset(tty->line_end, 0, sizeof(tty->line_end));
}

/* ---- editing ---- */

/*
 * Columns from the last tab before @pos (or the line's beginning) to @pos: how far the tab at @pos
 * jumped follows.
 */
static unsigned int columns_before(struct tty_struct *tty, u32 pos)
{
	unsigned int n = 0;

	while (pos != tty->canon_head) {
		u8 c = in_at(tty, --pos);

		if (c == '\t')
			return n & 7;
		if (is_control(c))
			n += L_FLAG(tty, ECHOCTL) ? 2 : 0;
		else if (!tty_is_continuation(tty, c))
			n++;
	}
	return (n + tty->canon_column) & 7;
}

static void echo_erased(struct tty_struct *tty, u8 c)
{
	if (c == '\t') {
		unsigned int n = 8 - columns_before(tty, tty->in_head);

		while (n--)
			n_tty_echo_plain(tty, "\b");
		return;
	}
	if (is_control(c) && !L_FLAG(tty, ECHOCTL))
		return;
	n_tty_echo_plain(tty, is_control(c) ? "\b \b\b \b" : "\b \b");
}

/*
 * Takes the last character (all its UTF-8 bytes) off the line; its first byte. => the line is not
 * empty
 */
static u8 erase_last(struct tty_struct *tty)
{
	u8 c;

	do {
		c = in_at(tty, --tty->in_head);
	} while (tty_is_continuation(tty, c) && tty->in_head != tty->canon_head);
	return c;
}

static void erase(struct tty_struct *tty)
{
	u8 c;

	if (tty->in_head == tty->canon_head)
		return;
	c = erase_last(tty);
	if (!L_FLAG(tty, ECHO))
		return;
	if (L_FLAG(tty, ECHOE))
		echo_erased(tty, c);
	else
		n_tty_echo(tty, tty->termios.c_cc[VERASE]);
}

static void erase_word(struct tty_struct *tty)
{
	bool in_word = false;

	while (tty->in_head != tty->canon_head) {
		u32 head = tty->in_head;
		u8 c = erase_last(tty);

		if (!is_word(c) && in_word) {
			tty->in_head = head;
			break;
		}
		in_word |= is_word(c);
		if (L_FLAG(tty, ECHO))
			echo_erased(tty, c);
	}
}

static void kill_line(struct tty_struct *tty)
{
	if (tty->in_head == tty->canon_head)
		return;
	if (L_FLAG(tty, ECHO) && L_FLAG(tty, ECHOK) && L_FLAG(tty, ECHOKE) && L_FLAG(tty, ECHOE)) {
		while (tty->in_head != tty->canon_head)
			echo_erased(tty, erase_last(tty));
		return;
	}
	tty->in_head = tty->canon_head;
	if (L_FLAG(tty, ECHO)) {
		n_tty_echo(tty, tty->termios.c_cc[VKILL]);
		if (L_FLAG(tty, ECHOK))
			n_tty_echo_raw(tty, '\n');
	}
}

static void reprint(struct tty_struct *tty, u8 c)
{
	u32 pos;

	n_tty_echo(tty, c);
	n_tty_echo_raw(tty, '\n');
	for (pos = tty->canon_head; pos != tty->in_head; pos++)
		n_tty_echo(tty, in_at(tty, pos));
}

/* ---- special characters; all => lock and out.lock held ---- */

static void make_signal(struct tty_struct *tty, struct rx_state *rx, int sig, u8 c)
{
	if (!L_FLAG(tty, NOFLSH)) {
		tty->out.tail = tty->out.head;
		reset_input(tty);
		rx->restarted = true;
	}
	if (I_FLAG(tty, IXON) && tty->flow_stopped) {
		tty->flow_stopped = false;
		rx->tx = rx->restarted = true;
	}
	if (L_FLAG(tty, ECHO))
		n_tty_echo(tty, c);
	rx->signals |= sigmask(sig);
}

/* Flow control and signals. True: c is used up. */
static bool receive_control(struct tty_struct *tty, struct rx_state *rx, u8 c)
{
	if (I_FLAG(tty, IXON)) {
		bool start = is_cc(tty, VSTART, c);

		if (start || is_cc(tty, VSTOP, c)) {
			rx->tx |= start && tty->flow_stopped;
			rx->restarted |= start;
			tty->flow_stopped = !start;
			return true;
		}
	}
	if (L_FLAG(tty, ISIG)) {
		int sig = is_cc(tty, VINTR, c)	 ? SIGINT
			  : is_cc(tty, VQUIT, c) ? SIGQUIT
			  : is_cc(tty, VSUSP, c) ? SIGTSTP
						 : 0;

		if (sig) {
			make_signal(tty, rx, sig, c);
			return true;
		}
	}
	return false;
}

/* Editing and line ends of canonical mode. True: c is used up. */
static bool receive_canonical(struct tty_struct *tty, u8 c)
{
	bool ext = L_FLAG(tty, IEXTEN), echo = L_FLAG(tty, ECHO);

	if (is_cc(tty, VERASE, c)) {
		erase(tty);
	} else if (is_cc(tty, VKILL, c)) {
		kill_line(tty);
	} else if (ext && is_cc(tty, VWERASE, c)) {
		erase_word(tty);
	} else if (ext && is_cc(tty, VLNEXT, c)) {
		tty->lnext = true;
		if (echo && L_FLAG(tty, ECHOCTL))
			n_tty_echo_plain(tty, "^\b");
	} else if (ext && echo && is_cc(tty, VREPRINT, c)) {
		reprint(tty, c);
	} else if (c == '\n') {
		if (echo || L_FLAG(tty, ECHONL))
			n_tty_echo_raw(tty, c);
		put_line_end(tty, c);
	} else if (is_cc(tty, VEOF, c)) {
		put_line_end(tty, DISABLED_CHAR);
	} else if (is_cc(tty, VEOL, c) || (ext && is_cc(tty, VEOL2, c))) {
		if (echo)
			n_tty_echo(tty, c);
		put_line_end(tty, c);
	} else {
		return false;
	}
	return true;
}

static void receive_text(struct tty_struct *tty, u8 c)
{
	if (L_FLAG(tty, ECHO)) {
		if (tty->in_head == tty->canon_head)
			tty->canon_column = tty->column;
		if (c == '\n')
			n_tty_echo_raw(tty, c);
		else
			n_tty_echo(tty, c);
	}
	put_char(tty, c);
}

static void receive_char(struct tty_struct *tty, struct rx_state *rx, u8 c)
{
	if (I_FLAG(tty, ISTRIP))
		c &= 0x7f;
	if (I_FLAG(tty, IUCLC) && L_FLAG(tty, IEXTEN) && c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	if (tty->lnext) {
		tty->lnext = false;
		receive_text(tty, c);
		return;
	}
	if (tty->char_map[c / 64] & BIT(c % 64)) {
		if (receive_control(tty, rx, c))
			return;
		if (c == '\r') {
			if (I_FLAG(tty, IGNCR))
				return;
			if (I_FLAG(tty, ICRNL))
				c = '\n';
		} else if (c == '\n' && I_FLAG(tty, INLCR)) {
			c = '\r';
		}
		if (L_FLAG(tty, ICANON) && receive_canonical(tty, c))
			return;
	}
	if (tty->flow_stopped && I_FLAG(tty, IXON) && I_FLAG(tty, IXANY)) {
		tty->flow_stopped = false;
		rx->tx = rx->restarted = true;
	}
	receive_text(tty, c);
}

/*
 * Full of what can be read: the sender has to wait. Full of one endless line: go on, text is
 * dropped.
 */
static bool in_blocked(const struct tty_struct *tty)
{
	return in_used(tty) >= TTY_BUF_SIZE - 1 &&
	       !(L_FLAG(tty, ICANON) && tty->canon_head == tty->in_tail);
}

static size_t receive_raw(struct tty_struct *tty, const u8 *p, size_t n)
{
	u32 at = tty->in_head & TTY_BUF_MASK,
	    room = TTY_BUF_SIZE - 1 - min(in_used(tty), TTY_BUF_SIZE - 1);
	u32 first;

	n = min(n, (size_t)room);
	first = min((u32)n, TTY_BUF_SIZE - at);
	memcpy(tty->in + at, p, first);
	memcpy(tty->in, p + first, n - first);
	tty->in_head += n;
	return n;
}

static size_t receive_cooked(struct tty_struct *tty, struct rx_state *rx, const u8 *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && !in_blocked(tty); i++)
		receive_char(tty, rx, p[i]);
	return i;
}

static void check_throttle(struct tty_struct *tty)
{
	u32 room = TTY_BUF_SIZE - in_used(tty);
	bool on = tty->throttled ? room < 2 * THROTTLE_ROOM : room < THROTTLE_ROOM;

	/* A line without end is not worth waiting for. */
	if (L_FLAG(tty, ICANON) && tty->canon_head == tty->in_tail)
		on = false;
	if (on != tty->throttled && tty->ops->throttle) {
		tty->throttled = on;
		tty->ops->throttle(tty, on);
	}
}

/* After processing, without locks. */
static void rx_finish(struct tty_struct *tty, const struct rx_state *rx, bool readable)
{
	u64 signals = rx->signals;

	if (readable)
		wake_up_interruptible_poll(&tty->read_wait, EPOLLIN | EPOLLRDNORM);
	if (rx->restarted)
		wake_up_interruptible_poll(&tty->write_wait, EPOLLOUT | EPOLLWRNORM);
	while (signals) {
		int sig = __builtin_ctzll(signals) + 1;

		signals &= signals - 1;
		tty_signal_pgrp(tty, sig);
	}
}

size_t n_tty_receive(struct tty_struct *tty, const u8 *p, size_t n)
{
	struct rx_state rx = { 0 };
	unsigned long flags;
	u32 out_head, canon;
	bool readable;

	spin_lock_irqsave(&tty->lock, flags);
	canon = tty->canon_head;
	if (tty->raw) {
		n = receive_raw(tty, p, n);
	} else {
		spin_lock(&tty->out.lock);
		out_head = tty->out.head;
		n = receive_cooked(tty, &rx, p, n);
		rx.tx |= tty->out.head != out_head;
		spin_unlock(&tty->out.lock);
	}
	if (rx.tx)
		tty->ops->start_tx(tty);
	check_throttle(tty);
	readable = L_FLAG(tty, ICANON) ? tty->canon_head != canon : n > 0;
	spin_unlock_irqrestore(&tty->lock, flags);
	rx_finish(tty, &rx, readable);
	return n;
}

void n_tty_break(struct tty_struct *tty)
{
	struct rx_state rx = { 0 };
	unsigned long flags;

	spin_lock_irqsave(&tty->lock, flags);
	if (!I_FLAG(tty, IGNBRK)) {
		spin_lock(&tty->out.lock);
		if (I_FLAG(tty, BRKINT))
			make_signal(tty, &rx, SIGINT, tty->termios.c_cc[VINTR]);
		else
			put_char(tty, 0);
		spin_unlock(&tty->out.lock);
		tty->ops->start_tx(tty);
	}
	spin_unlock_irqrestore(&tty->lock, flags);
	rx_finish(tty, &rx, n_tty_input_available(tty, false));
}

/* ---- settings ---- */

static void map_char(struct tty_struct *tty, u8 c)
{
	if (c != DISABLED_CHAR)
		tty->char_map[c / 64] |= BIT(c % 64);
}

static void update_char_map(struct tty_struct *tty)
{
	static const u8 canon_cc[] = {
		VERASE, VKILL, VEOF, VEOL, VWERASE, VLNEXT, VEOL2, VREPRINT
	};
	const u8 *cc = tty->termios.c_cc;
	unsigned int i;

	memset(tty->char_map, 0, sizeof(tty->char_map));
	map_char(tty, '\n');
	map_char(tty, '\r');
	for (i = 0; L_FLAG(tty, ICANON) && i < ARRAY_SIZE(canon_cc); i++)
		map_char(tty, cc[canon_cc[i]]);
	if (I_FLAG(tty, IXON)) {
		map_char(tty, cc[VSTART]);
		map_char(tty, cc[VSTOP]);
	}
	if (L_FLAG(tty, ISIG)) {
		map_char(tty, cc[VINTR]);
		map_char(tty, cc[VQUIT]);
		map_char(tty, cc[VSUSP]);
	}
}

void n_tty_set_termios(struct tty_struct *tty, const struct ktermios *old)
{
	if (!old || (old->c_lflag ^ tty->termios.c_lflag) & ICANON) {
		memset(tty->line_end, 0, sizeof(tty->line_end));
		tty->canon_head = tty->in_tail;
		if (L_FLAG(tty, ICANON) && in_used(tty)) {
			u32 last = (tty->in_head - 1) & TTY_BUF_MASK;

			tty->line_end[last / BITS_PER_LONG] |= BIT(last % BITS_PER_LONG);
			tty->canon_head = tty->in_head;
		}
		tty->lnext = false;
	}
	tty->raw = !I_FLAG(tty, ISTRIP | IUCLC | IGNCR | ICRNL | INLCR | IXON) &&
		   !L_FLAG(tty, ICANON | ISIG | ECHO);
	update_char_map(tty);
	check_throttle(tty);
}

void n_tty_flush_input(struct tty_struct *tty)
{
	scoped_guard(spinlock_irqsave, &tty->lock) {
		reset_input(tty);
		check_throttle(tty);
	}
	if (tty->ops->input_room)
		tty->ops->input_room(tty, true);
}

/* ---- out of the ring ---- */

bool n_tty_input_available(struct tty_struct *tty, bool poll)
{
	const u8 *cc = tty->termios.c_cc;
	u32 want = 1;

	guard(spinlock_irqsave)(&tty->lock);
	if (L_FLAG(tty, ICANON))
		return tty->canon_head != tty->in_tail;
	if (poll && !cc[VTIME] && cc[VMIN])
		want = cc[VMIN];
	return in_used(tty) >= want;
}

/* Position of the first line end in [in_tail, canon_head). => there is one; lock held */
static u32 first_line_end(const struct tty_struct *tty)
{
	u32 at = tty->in_tail & TTY_BUF_MASK;
	unsigned long end = find_next_bit(tty->line_end, TTY_BUF_SIZE, at);

	if (end >= TTY_BUF_SIZE)
		end = TTY_BUF_SIZE + find_next_bit(tty->line_end, TTY_BUF_SIZE, 0);
	return tty->in_tail + (u32)(end - at);
}

static size_t copy_in_bytes(struct tty_struct *tty, u8 *to, size_t n)
{
	u32 at = tty->in_tail & TTY_BUF_MASK, first = min((u32)n, TTY_BUF_SIZE - at);

	memcpy(to, tty->in + at, first);
	memcpy(to + first, tty->in, n - first);
	tty->in_tail += n;
	return n;
}

/* Up to @n bytes of the first line; *ended: nothing of it is left. => lock held */
static size_t take_line(struct tty_struct *tty, u8 *to, size_t n, bool *ended)
{
	u32 end, len, at;
	bool eof;

	if (tty->canon_head == tty->in_tail)
		return 0;
	end = first_line_end(tty);
	at = end & TTY_BUF_MASK;
	eof = tty->in[at] == DISABLED_CHAR;
	len = end - tty->in_tail + !eof;
	if (n < len)
		return copy_in_bytes(tty, to, n);
	copy_in_bytes(tty, to, len);
	tty->line_end[at / BITS_PER_LONG] &= ~BIT(at % BITS_PER_LONG);
	tty->in_tail = end + 1;
	*ended = true;
	return len;
}

/* What is there now, at most @n bytes. *ended: a line was finished. *canon: the mode. */
static size_t take_input(struct tty_struct *tty, u8 *to, size_t n, bool *canon, bool *ended)
{
	guard(spinlock_irqsave)(&tty->lock);
	*canon = L_FLAG(tty, ICANON);
	if (*canon)
		n = take_line(tty, to, n, ended);
	else
		n = copy_in_bytes(tty, to, min(n, (size_t)in_used(tty)));
	check_throttle(tty);
	return n;
}

/*
 * VMIN and VTIME: how many bytes satisfy a read, and how long the first may take (jiffies; then
 * each after another).
 */
struct read_limits {
	size_t min;
	long first, between;
};

static struct read_limits read_limits(struct tty_struct *tty)
{
	const u8 *cc = tty->termios.c_cc;
	long time = cc[VTIME] * HZ / 10;

	if (L_FLAG(tty, ICANON))
		return (struct read_limits){ .min = 1, .first = MAX_SCHEDULE_TIMEOUT };
	if (cc[VMIN])
		return (struct read_limits){ .min = cc[VMIN],
					     .first = MAX_SCHEDULE_TIMEOUT,
					     .between = time };
	return (struct read_limits){ .min = 1, .first = time };
}

static bool read_may_go_on(struct tty_struct *tty, struct file *file)
{
	return n_tty_input_available(tty, false) || tty_hung_up(file);
}

/*
 * Sleeps for input. Jiffies left, 0: the time is over or the terminal gone; -EAGAIN, -ERESTARTSYS.
 */
static long wait_for_input(struct tty_struct *tty, struct file *file, long timeout)
{
	if (tty_hung_up(file) || !timeout)
		return 0;
	if (file->f_flags & O_NONBLOCK)
		return -EAGAIN;
	return wait_event_interruptible_timeout(tty->read_wait, read_may_go_on(tty, file), timeout);
}

/* => read_mutex held */
static ssize_t do_read(struct tty_struct *tty, struct file *file, char __user *buf, size_t count)
{
	struct read_limits lim = read_limits(tty);
	long timeout = lim.first;
	size_t done = 0;
	u8 chunk[TTY_CHUNK];

	while (done < count) {
		bool canon, ended = false;
		size_t n = take_input(tty, chunk, min(count - done, sizeof(chunk)), &canon, &ended);

		if (!n && !ended) {
			/* The time that was over while bytes came in is not over. */
			bool last = !timeout;

			timeout = wait_for_input(tty, file, timeout);
			if (timeout < 0)
				return done ? done : timeout;
			if (!timeout && (last || !n_tty_input_available(tty, false)))
				break;
			continue;
		}
		if (copy_to_user(buf + done, chunk, n))
			return done ? done : -EFAULT;
		done += n;
		if (ended || (!canon && done >= lim.min && !n_tty_input_available(tty, false)))
			break;
		if (lim.between)
			timeout = lim.between;
	}
	return done;
}

ssize_t n_tty_read(struct tty_struct *tty, struct file *file, char __user *buf, size_t count)
{
	ssize_t ret;

	if (!tty_is_console(file)) {
		ret = __tty_check_change(tty, SIGTTIN);
		if (ret)
			return ret;
	}
	if (file->f_flags & O_NONBLOCK) {
		if (!mutex_trylock(&tty->read_mutex))
			return -EAGAIN;
	} else if (mutex_lock_interruptible(&tty->read_mutex)) {
		return -ERESTARTSYS;
	}
	ret = do_read(tty, file, buf, count);
	mutex_unlock(&tty->read_mutex);
	if (tty->ops->input_room)
		tty->ops->input_room(tty, false);
	return ret;
}

unsigned int n_tty_chars_in_buffer(struct tty_struct *tty)
{
	unsigned int n;
	u32 pos;

	guard(spinlock_irqsave)(&tty->lock);
	if (!L_FLAG(tty, ICANON))
		return in_used(tty);
	n = tty->canon_head - tty->in_tail;
	for (pos = tty->in_tail; pos != tty->canon_head; pos++) {
		u32 at = pos & TTY_BUF_MASK;

		if ((tty->line_end[at / BITS_PER_LONG] >> at % BITS_PER_LONG & 1) &&
		    tty->in[at] == DISABLED_CHAR)
			n--;
	}
	return n;
}
