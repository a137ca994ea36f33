/*
 * The first serial port (16550): terminal ttyS0 and, after boot, the kernel's console.
 *
 * 1. Sending: whoever puts bytes into the output ring also hands the transmitter what its FIFO
 *    takes, 16 bytes with one string instruction. Only if bytes are left the interrupt is enabled
 *    that tells when the FIFO is empty again.
 * 2. Receiving: the interrupt reads everything that is there and gives it to the line discipline at
 *    once. When the terminal's ring is nearly full the receive interrupt is switched off, so that
 *    the sender's own flow control works.
 * 3. The kernel's messages go out at once, by polling, before what programs wrote and is still in
 *    the ring; a program's half line is completed from the ring or ended first, so that a message
 *    always has a line of its own.
 *
 * Lock: the tty's out.lock, also for the port's registers; the console takes it under printk_lock,
 * so nothing is printed or woken under it. In a panic the console does not insist on it.
 * Facts: 16550A data sheet. Mirrors Linux drivers/tty/serial/8250/8250_port.c. Exercised by
 * tests/boot/test_shell.py.
 */
#include "arch/x86/barrier.h"
#include "arch/x86/io.h"
#include "kernel/bug.h"
#include "kernel/dev/chrdev.h"
#include "kernel/dev/tty.h"
#include "kernel/fs/poll.h"
#include "kernel/init.h"
#include "kernel/irq.h"
#include "kernel/printk.h"
#include "kernel/sched.h"

#define COM1	   0x3f8
#define COM1_IRQ   4
#define UART_CLOCK 115200 /* divisor 1 */
#define UART_RX	   0
#define UART_TX	   0
#define UART_DLL   0
#define UART_IER   1
#define UART_DLM   1
#define UART_IIR   2
#define UART_FCR   2
#define UART_LCR   3
#define UART_MCR   4
#define UART_LSR   5
#define UART_MSR   6
#define UART_SCR   7
#define IER_RDI	   0x01
#define IER_THRI   0x02
#define IIR_NO_INT 0x01
#define LCR_DLAB   0x80
#define LCR_SBC	   0x40
#define LCR_EPAR   0x10
#define LCR_PARITY 0x08
#define LCR_STOP   0x04
#define LSR_TEMT   0x40
#define LSR_THRE   0x20
#define LSR_BI	   0x10
#define LSR_DR	   0x01
#define FIFO_BYTES 16
#define RX_BATCH   64
#define SPIN_LIMIT 1000000
#define LINE_LIMIT 256 /* of a program's half line, sent in front of a kernel message */

struct uart_port {
	struct tty_struct tty;
	u16 base;      /* - */
	u8 ier, lcr;   /* out.lock; the registers' values */
	bool mid_line; /* out.lock; the last byte a program sent did not end a line */
	bool running;  /* the interrupt is installed */
};

static struct uart_port com1 = { .base = COM1 };

static struct uart_port *to_port(struct tty_struct *tty)
{
	return container_of(tty, struct uart_port, tty);
}

static u8 uart_in(const struct uart_port *port, u16 reg)
{
	return inb(port->base + reg);
}

static void uart_out(const struct uart_port *port, u8 value, u16 reg)
{
	outb(value, port->base + reg);
}

/* ---- sending; => out.lock held ---- */

static void set_ier(struct uart_port *port, u8 ier)
{
	if (port->ier != ier) {
		port->ier = ier;
		uart_out(port, ier, UART_IER);
	}
}

/* Moves at most @n bytes, and at most one FIFO's worth, from the ring to the empty transmitter. */
static u32 send_burst(struct uart_port *port, u32 n)
{
	struct tty_ring *r = &port->tty.out;
	u32 at = r->tail & TTY_BUF_MASK;

	n = min(n, (u32)FIFO_BYTES);
	n = min(n, TTY_BUF_SIZE - at);
	outsb(port->base + UART_TX, r->buf + at, n);
	r->tail += n;
	port->mid_line = r->buf[(r->tail - 1) & TTY_BUF_MASK] != '\n';
	return n;
}

/* As much as the transmitter takes without waiting. */
static void send_pending(struct uart_port *port)
{
	struct tty_ring *r = &port->tty.out;
	bool stopped = READ_ONCE(port->tty.flow_stopped);

	while (r->head != r->tail && !stopped && (uart_in(port, UART_LSR) & LSR_THRE))
		send_burst(port, r->head - r->tail);
	if (r->head != r->tail && !stopped)
		set_ier(port, port->ier | IER_THRI);
	else
		set_ier(port, port->ier & ~IER_THRI);
}

static void serial_start_tx(struct tty_struct *tty)
{
	guard(spinlock_irqsave)(&tty->out.lock);
	send_pending(to_port(tty));
}

/* ---- the interrupt ---- */

static void receive_pending(struct uart_port *port)
{
	struct tty_struct *tty = &port->tty;
	u8 batch[RX_BATCH], lsr;
	unsigned int n = 0;

	while (n < RX_BATCH && ((lsr = uart_in(port, UART_LSR)) & (LSR_DR | LSR_BI))) {
		u8 c = uart_in(port, UART_RX);

		if (lsr & LSR_BI) {
			if (n)
				n_tty_receive(tty, batch, n);
			n = 0;
			n_tty_break(tty);
			continue;
		}
		batch[n++] = c;
	}
	/* Typed while nobody has the terminal open: nobody wants it. */
	if (n && READ_ONCE(tty->count))
		n_tty_receive(tty, batch, n);
}

static irqreturn_t serial_interrupt(int irq, void *dev)
{
	struct uart_port *port = dev;
	irqreturn_t ret = IRQ_NONE;
	int rounds;

	for (rounds = 0; rounds < 256 && !(uart_in(port, UART_IIR) & IIR_NO_INT); rounds++) {
		bool receive;

		ret = IRQ_HANDLED;
		uart_in(port, UART_MSR);
		scoped_guard(spinlock, &port->tty.out.lock) {
			receive = port->ier & IER_RDI;
			send_pending(port);
		}
		if (receive)
			receive_pending(port);
	}
	if (ret == IRQ_HANDLED && n_tty_write_ready(&port->tty) &&
	    wq_has_sleeper(&port->tty.write_wait))
		wake_up_interruptible_poll(&port->tty.write_wait, EPOLLOUT | EPOLLWRNORM);
	return ret;
}

/* ---- terminal operations ---- */

static void serial_throttle(struct tty_struct *tty, bool on)
{
	struct uart_port *port = to_port(tty);

	guard(spinlock_irqsave)(&tty->out.lock);
	if (port->running)
		set_ier(port, on ? port->ier & ~IER_RDI : port->ier | IER_RDI);
}

static void serial_set_termios(struct tty_struct *tty)
{
	static const u8 bits[] = { 0, 1, 2, 3 };
	struct uart_port *port = to_port(tty);
	u32 cflag = tty->termios.c_cflag, baud = tty->termios.c_ospeed, divisor;
	u8 lcr = bits[(cflag & CSIZE) / CS6];

	guard(spinlock_irqsave)(&tty->out.lock);
	lcr |= cflag & CSTOPB ? LCR_STOP : 0;
	if (cflag & PARENB)
		lcr |= LCR_PARITY | (cflag & PARODD ? 0 : LCR_EPAR);
	port->lcr = lcr;
	/* No speed means: hang up the modem; the line keeps the old one. */
	divisor = clamp(UART_CLOCK / max(baud, 1U), 1U, 0xffffU);
	if (baud) {
		uart_out(port, lcr | LCR_DLAB, UART_LCR);
		uart_out(port, divisor & 0xff, UART_DLL);
		uart_out(port, divisor >> 8, UART_DLM);
	}
	uart_out(port, lcr, UART_LCR);
	uart_out(port, baud ? 0x0b : 0x08, UART_MCR); /* OUT2 lets interrupts through; DTR, RTS */
}

static bool serial_idle(struct tty_struct *tty)
{
	struct uart_port *port = to_port(tty);

	guard(spinlock_irqsave)(&tty->out.lock);
	return tty->out.head == tty->out.tail && (uart_in(port, UART_LSR) & LSR_TEMT);
}

static void serial_wait_until_sent(struct tty_struct *tty)
{
	/* The last bytes leave without an interrupt: look again each tick. */
	while (!serial_idle(tty) && !signal_pending(current))
		schedule_timeout_interruptible(1);
}

static int serial_tiocmget(struct tty_struct *tty)
{
	struct uart_port *port = to_port(tty);
	u8 msr, mcr;

	scoped_guard(spinlock_irqsave, &tty->out.lock) {
		msr = uart_in(port, UART_MSR);
		mcr = uart_in(port, UART_MCR);
	}
	return (mcr & 0x01 ? TIOCM_DTR : 0) | (mcr & 0x02 ? TIOCM_RTS : 0) |
	       (msr & 0x10 ? TIOCM_CTS : 0) | (msr & 0x20 ? TIOCM_DSR : 0) |
	       (msr & 0x40 ? TIOCM_RNG : 0) | (msr & 0x80 ? TIOCM_CAR : 0);
}

static void serial_break_ctl(struct tty_struct *tty, bool on)
{
	struct uart_port *port = to_port(tty);

	guard(spinlock_irqsave)(&tty->out.lock);
	port->lcr = on ? port->lcr | LCR_SBC : port->lcr & ~LCR_SBC;
	uart_out(port, port->lcr, UART_LCR);
}

static void serial_last_close(struct tty_struct *tty)
{
	n_tty_flush_input(tty);
}

static const struct tty_operations serial_ops = {
	.start_tx = serial_start_tx,
	.throttle = serial_throttle,
	.set_termios = serial_set_termios,
	.wait_until_sent = serial_wait_until_sent,
	.tiocmget = serial_tiocmget,
	.break_ctl = serial_break_ctl,
	.last_close = serial_last_close,
};

/* ---- the kernel's console ---- */

static void poll_thre(const struct uart_port *port)
{
	unsigned int i;

	for (i = 0; i < SPIN_LIMIT && !(uart_in(port, UART_LSR) & LSR_THRE); i++)
		cpu_relax();
}

static void poll_send(const struct uart_port *port, const char *s, unsigned int n)
{
	while (n) {
		unsigned int chunk = min(n, (unsigned int)FIFO_BYTES);

		poll_thre(port);
		outsb(port->base + UART_TX, s, chunk);
		s += chunk;
		n -= chunk;
	}
}

/* Bytes up to and with the first newline in the ring, 0 if there is none near. */
static u32 rest_of_line(const struct tty_ring *r)
{
	u32 i, n = min(r->head - r->tail, (u32)LINE_LIMIT);

	for (i = 0; i < n; i++) {
		if (r->buf[(r->tail + i) & TTY_BUF_MASK] == '\n')
			return i + 1;
	}
	return 0;
}

static void end_half_line(struct uart_port *port)
{
	u32 n = rest_of_line(&port->tty.out);

	while (n) {
		poll_thre(port);
		n -= send_burst(port, n);
	}
	if (port->mid_line)
		poll_send(port, "\r\n", 2);
	port->mid_line = false;
}

static void console_send(struct uart_port *port, const char *s, unsigned int n)
{
	if (port->mid_line)
		end_half_line(port);
	while (n) {
		unsigned int len = 0;

		while (len < n && s[len] != '\n')
			len++;
		poll_send(port, s, len);
		if (len < n) {
			poll_send(port, "\r\n", 2);
			len++;
		}
		s += len;
		n -= len;
	}
}

static void serial_console_write(struct console *con, const char *s, unsigned int n)
{
	struct uart_port *port = con->data;
	spinlock_t *lock = &port->tty.out.lock;
	unsigned int spins = 0;
	bool locked = true;

	if (likely(!READ_ONCE(oops_in_progress))) {
		spin_lock(lock);
	} else {
		while (!(locked = spin_trylock(lock)) && ++spins < SPIN_LIMIT)
			cpu_relax();
	}
	console_send(port, s, n);
	if (locked)
		spin_unlock(lock);
}

static struct console serial_console = {
	.name = "ttyS0",
	.write = serial_console_write,
	.data = &com1,
};

/* ---- start ---- */

static bool uart_exists(const struct uart_port *port)
{
	uart_out(port, 0xa5, UART_SCR);
	if (uart_in(port, UART_SCR) != 0xa5)
		return false;
	uart_out(port, 0x5a, UART_SCR);
	return uart_in(port, UART_SCR) == 0x5a;
}

static int __init serial_init(void)
{
	struct uart_port *port = &com1;
	int err;

	if (!uart_exists(port))
		return 0;
	err = tty_init_struct(&port->tty, &serial_ops, MKDEV(TTY_MAJOR, 64));
	if (err)
		return err;
	port->tty.termios.c_cflag = B115200 | CS8 | CREAD | HUPCL | CLOCAL;
	port->tty.termios.c_ispeed = port->tty.termios.c_ospeed = UART_CLOCK;
	port->tty.winsize = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	/* The boot console has set speed, format and FIFOs; it is idle while nobody prints. */
	port->lcr = 3;
	register_console(&serial_console);
	err = request_irq(COM1_IRQ, serial_interrupt, 0, "ttyS0", port);
	if (err)
		return err;
	scoped_guard(spinlock_irqsave, &port->tty.out.lock) {
		port->running = true;
		set_ier(port, IER_RDI);
	}
	tty_register_serial(&port->tty, 0);
	pr_info("ttyS0 at I/O 0x%x (irq = %d, base_baud = %d) is a 16550A\n", port->base, COM1_IRQ,
		UART_CLOCK);
	return 0;
}
device_initcall(serial_init);
