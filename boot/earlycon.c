/*
 * Polled serial output on COM1: the console of the first messages and of the last ones.
 *
 * The transmitter has a FIFO of 16 bytes: when it reports empty, 16 bytes go out with one string instruction,
 * which keeps the cost of a line near one instruction a byte. Used with the console lock held or in panic.
 *
 * Facts: 16550A data sheet. Mirrors Linux arch/x86/kernel/early_printk.c. Exercised by every boot.
 */
#include "boot/earlycon.h"

#include "arch/x86/barrier.h"
#include "arch/x86/io.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/types.h"

#define COM1	   0x3f8
#define UART_TX	   0
#define UART_DLL   0
#define UART_IER   1
#define UART_DLM   1
#define UART_FCR   2
#define UART_LCR   3
#define UART_MCR   4
#define UART_LSR   5
#define UART_SCR   7
#define LSR_THRE   0x20
#define LCR_DLAB   0x80
#define LCR_8N1	   0x03
#define FIFO_BYTES 16
#define SPIN_LIMIT 1000000

/* A transmitter that never gets ready (flow control, no reader) must not stop the kernel. */
static void wait_ready(void)
{
	for (unsigned int i = 0; i < SPIN_LIMIT && !(inb(COM1 + UART_LSR) & LSR_THRE); i++)
		cpu_relax();
}

static void put_bytes(const char *s, unsigned int n)
{
	while (n) {
		unsigned int chunk = min(n, (unsigned int)FIFO_BYTES);

		wait_ready();
		outsb(COM1 + UART_TX, s, chunk);
		s += chunk;
		n -= chunk;
	}
}

/* A terminal wants a carriage return before each line feed. */
static void earlycon_write(struct console *con, const char *s, unsigned int n)
{
	while (n) {
		unsigned int len = 0;

		while (len < n && s[len] != '\n')
			len++;
		put_bytes(s, len);
		if (len < n) {
			put_bytes("\r\n", 2);
			len++;
		}
		s += len;
		n -= len;
	}
}

static struct console earlycon = {
	.name = "earlyser",
	.write = earlycon_write,
	.flags = CON_PRINTBUFFER | CON_BOOT | CON_ENABLED,
};

/* The scratch register keeps what is written; an empty bus does not. */
static bool uart_exists(void)
{
	outb(0xa5, COM1 + UART_SCR);
	if (inb(COM1 + UART_SCR) != 0xa5)
		return false;
	outb(0x5a, COM1 + UART_SCR);
	return inb(COM1 + UART_SCR) == 0x5a;
}

void __init early_console_init(void)
{
	if (!uart_exists())
		return;
	outb(0, COM1 + UART_IER);
	outb(LCR_8N1 | LCR_DLAB, COM1 + UART_LCR);
	outb(1, COM1 + UART_DLL); /* 115200 baud */
	outb(0, COM1 + UART_DLM);
	outb(LCR_8N1, COM1 + UART_LCR);
	outb(0x07, COM1 + UART_FCR); /* FIFOs on and empty */
	outb(0x0b, COM1 + UART_MCR); /* DTR, RTS, OUT2 */
	register_console(&earlycon);
}
