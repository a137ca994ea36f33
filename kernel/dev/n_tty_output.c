/*
 * The line discipline's output half: what programs write and what is echoed, on its way into the
 * output ring.
 *
 * 1. With OPOST some characters change (newline gets its carriage return) and the cursor's column
 *    is kept, so that tabs can be expanded and erased. Text without such characters, the usual
 *    case, is found eight bytes at a time and copied as it is.
 * 2. Writers leave TTY_ECHO_ROOM bytes free: a program that floods the screen does not swallow what
 *    is typed.
 *
 * Locks: tty->lock, then out.lock. Mirrors Linux drivers/tty/n_tty.c (output). Exercised by
 * tests/user/{tty,pty}.c.
 */
#include "kernel/dev/tty.h"
#include "lib/string.h"

static u32 ring_room(const struct tty_ring *r, u32 keep)
{
	u32 used = r->head - r->tail;

	return used + keep < TTY_BUF_SIZE ? TTY_BUF_SIZE - keep - used : 0;
}

static void ring_put(struct tty_ring *r, u8 c)
{
	r->buf[r->head & TTY_BUF_MASK] = c;
	r->head++;
}

static void ring_put_bytes(struct tty_ring *r, const u8 *p, u32 n)
{
	u32 at = r->head & TTY_BUF_MASK, first = min(n, TTY_BUF_SIZE - at);

	memcpy(r->buf + at, p, first);
	memcpy(r->buf, p + first, n - first);
	r->head += n;
}

size_t tty_ring_get(struct tty_ring *r, u8 *to, size_t n)
{
	unsigned long flags;
	u32 at, first;

	spin_lock_irqsave(&r->lock, flags);
	n = min(n, (size_t)(r->head - r->tail));
	at = r->tail & TTY_BUF_MASK;
	first = min((u32)n, TTY_BUF_SIZE - at);
	memcpy(to, r->buf + at, first);
	memcpy(to + first, r->buf, n - first);
	r->tail += n;
	spin_unlock_irqrestore(&r->lock, flags);
	return n;
}

static bool is_control(u8 c)
{
	return c < ' ' || c == 127;
}

/*
 * One character with OPOST into at most @room bytes. False: it does not fit.
 * => lock and out.lock held
 */
static bool output_char(struct tty_struct *tty, u8 c, u32 room)
{
	struct tty_ring *r = &tty->out;
	unsigned int spaces;

	if (!room)
		return false;
	switch (c) {
	case '\n':
		if (O_FLAG(tty, ONLRET))
			tty->column = 0;
		if (O_FLAG(tty, ONLCR)) {
			if (room < 2)
				return false;
			tty->column = 0;
			ring_put(r, '\r');
		}
		tty->canon_column = tty->column;
		break;
	case '\r':
		if (O_FLAG(tty, ONOCR) && !tty->column)
			return true;
		if (O_FLAG(tty, OCRNL)) {
			c = '\n';
			if (!O_FLAG(tty, ONLRET))
				break;
		}
		tty->canon_column = tty->column = 0;
		break;
	case '\t':
		spaces = 8 - (tty->column & 7);
		if (O_FLAG(tty, TABDLY) == XTABS) {
			if (room < spaces)
				return false;
			tty->column += spaces;
			ring_put_bytes(r, (const u8 *)"        ", spaces);
			return true;
		}
		tty->column += spaces;
		break;
	case '\b':
		if (tty->column)
			tty->column--;
		break;
	default:
		if (is_control(c))
			break;
		if (O_FLAG(tty, OLCUC) && c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		if (!tty_is_continuation(tty, c))
			tty->column++;
	}
	ring_put(r, c);
	return true;
}

/* How many bytes from p on are printable ASCII. */
static size_t plain_span(const u8 *p, size_t n)
{
	const u64 ones = 0x0101010101010101ULL;
	size_t i = 0;

	while (i + 8 <= n) {
		u64 x;

		memcpy(&x, p + i, 8);
		/* Bit 7 of some byte: below ' ' (borrow), 127 (carry), or 128 and more. */
		if (((x - ones * ' ') | (x + ones) | x) & ones << 7)
			break;
		i += 8;
	}
	while (i < n && p[i] >= ' ' && p[i] < 127)
		i++;
	return i;
}

/* => lock and out.lock held. Bytes of p that went in */
static size_t output_block(struct tty_struct *tty, const u8 *p, size_t n)
{
	bool upper = O_FLAG(tty, OLCUC);
	size_t done = 0;

	while (done < n) {
		u32 room = ring_room(&tty->out, TTY_ECHO_ROOM);
		size_t span = upper ? 0 : min((size_t)room, plain_span(p + done, n - done));

		if (span) {
			ring_put_bytes(&tty->out, p + done, span);
			tty->column += span;
			done += span;
		} else {
			if (!output_char(tty, p[done], room))
				break;
			done++;
		}
	}
	return done;
}

size_t n_tty_write(struct tty_struct *tty, const u8 *p, size_t n)
{
	unsigned long flags;

	spin_lock_irqsave(&tty->lock, flags);
	if (tty->flow_stopped) {
		n = 0;
	} else {
		spin_lock(&tty->out.lock);
		if (O_FLAG(tty, OPOST)) {
			n = output_block(tty, p, n);
		} else {
			n = min(n, (size_t)ring_room(&tty->out, TTY_ECHO_ROOM));
			ring_put_bytes(&tty->out, p, n);
		}
		spin_unlock(&tty->out.lock);
		tty->ops->start_tx(tty);
	}
	spin_unlock_irqrestore(&tty->lock, flags);
	return n;
}

bool n_tty_write_ready(struct tty_struct *tty)
{
	return !READ_ONCE(tty->flow_stopped) && tty_ring_used(&tty->out) <= TTY_BUF_SIZE / 2;
}

void n_tty_flush_output(struct tty_struct *tty)
{
	scoped_guard(spinlock_irqsave, &tty->out.lock)
		tty->out.tail = tty->out.head;
	wake_up_interruptible_all(&tty->write_wait);
}

void n_tty_echo_raw(struct tty_struct *tty, u8 c)
{
	u32 room = ring_room(&tty->out, 0);

	if (O_FLAG(tty, OPOST))
		output_char(tty, c, room);
	else if (room)
		ring_put(&tty->out, c);
}

void n_tty_echo(struct tty_struct *tty, u8 c)
{
	if (L_FLAG(tty, ECHOCTL) && is_control(c) && c != '\t') {
		if (ring_room(&tty->out, 0) < 2)
			return;
		ring_put(&tty->out, '^');
		ring_put(&tty->out, c ^ 0100);
		tty->column += 2;
	} else {
		n_tty_echo_raw(tty, c);
	}
}

void n_tty_echo_plain(struct tty_struct *tty, const char *s)
{
	for (; *s && ring_room(&tty->out, 0); s++) {
		ring_put(&tty->out, *s);
		if (*s == '\b' && tty->column)
			tty->column--;
		else if (*s != '\b')
			tty->column++;
	}
}
