/*
 * The kernel log: records in a ring, copied to consoles as they come.
 *
 * 1. printk(KERN_INFO "text\n") adds one record: sequence number, time in ns since boot, level,
 *    text. A text without a newline at the end may be continued by pr_cont(). When the ring is full
 *    the oldest records go.
 * 2. A record with a level below console_loglevel is also written to every console, by the caller,
 *    with interrupts off. A console that registers later first gets what is in the ring
 *    (CON_PRINTBUFFER).
 * 3. Readers (/dev/kmsg, syslog(2)) hold a sequence number and take records one at a time; who
 *    waits for new ones sleeps on log_wait, which the next tick or idle loop wakes: printk itself
 *    wakes nobody, so it works under any lock.
 * 4. printk may be called anywhere, from the first C line on, in NMI and panic too.
 *
 * Mirrors Linux include/linux/printk.h, kernel/printk/. Exercised by every boot and
 * tests/user/kmsg.c.
 */
#pragma once

#include "lib/types.h"

#define KERN_SOH	 "\001"
#define KERN_EMERG	 KERN_SOH "0"
#define KERN_ALERT	 KERN_SOH "1"
#define KERN_CRIT	 KERN_SOH "2"
#define KERN_ERR	 KERN_SOH "3"
#define KERN_WARNING	 KERN_SOH "4"
#define KERN_NOTICE	 KERN_SOH "5"
#define KERN_INFO	 KERN_SOH "6"
#define KERN_DEBUG	 KERN_SOH "7"
#define KERN_DEFAULT	 ""
#define KERN_CONT	 KERN_SOH "c"
#define LOGLEVEL_EMERG	 0
#define LOGLEVEL_ALERT	 1
#define LOGLEVEL_CRIT	 2
#define LOGLEVEL_ERR	 3
#define LOGLEVEL_WARNING 4
#define LOGLEVEL_NOTICE	 5
#define LOGLEVEL_INFO	 6
#define LOGLEVEL_DEBUG	 7
#define LOGLEVEL_DEFAULT (-1)

/* Levels below this reach the consoles: loglevel=, quiet, syslog(2), /proc/sys/kernel/printk. */
extern int console_loglevel;
extern int console_printk_default; /* what syslog(CONSOLE_ON) goes back to */

/* Bytes of text stored. => any context */
int printk(const char *fmt, ...) __printf(1, 2);
int vprintk(const char *fmt, va_list args) __printf(1, 0);

/* A file that wants a prefix defines pr_fmt before its first include. */
#ifndef pr_fmt
#define pr_fmt(fmt) fmt
#endif
#define pr_emerg(fmt, ...)  printk(KERN_EMERG pr_fmt(fmt), ##__VA_ARGS__)
#define pr_alert(fmt, ...)  printk(KERN_ALERT pr_fmt(fmt), ##__VA_ARGS__)
#define pr_crit(fmt, ...)   printk(KERN_CRIT pr_fmt(fmt), ##__VA_ARGS__)
#define pr_err(fmt, ...)    printk(KERN_ERR pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn(fmt, ...)   printk(KERN_WARNING pr_fmt(fmt), ##__VA_ARGS__)
#define pr_notice(fmt, ...) printk(KERN_NOTICE pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info(fmt, ...)   printk(KERN_INFO pr_fmt(fmt), ##__VA_ARGS__)
#define pr_cont(fmt, ...)   printk(KERN_CONT fmt, ##__VA_ARGS__)
#define no_printk(fmt, ...)                         \
	({                                          \
		if (0)                              \
			printk(fmt, ##__VA_ARGS__); \
		0;                                  \
	})
#ifdef DEBUG
#define pr_debug(fmt, ...) printk(KERN_DEBUG pr_fmt(fmt), ##__VA_ARGS__)
#else
#define pr_debug(fmt, ...) no_printk(KERN_DEBUG pr_fmt(fmt), ##__VA_ARGS__)
#endif
#define printk_once(fmt, ...)                       \
	do {                                        \
		static bool __printed;              \
		if (!__printed) {                   \
			__printed = true;           \
			printk(fmt, ##__VA_ARGS__); \
		}                                   \
	} while (0)
#define pr_err_once(fmt, ...)	 printk_once(KERN_ERR pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn_once(fmt, ...)	 printk_once(KERN_WARNING pr_fmt(fmt), ##__VA_ARGS__)
#define pr_notice_once(fmt, ...) printk_once(KERN_NOTICE pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info_once(fmt, ...)	 printk_once(KERN_INFO pr_fmt(fmt), ##__VA_ARGS__)
/* True at most 10 times in 5 seconds for each place; then it says how many were dropped. */
struct ratelimit_state {
	u64 begin;
	unsigned int printed, missed;
};
bool ___ratelimit(struct ratelimit_state *rs, const char *func);
#define printk_ratelimited(fmt, ...)                \
	do {                                        \
		static struct ratelimit_state __rs; \
		if (___ratelimit(&__rs, __func__))  \
			printk(fmt, ##__VA_ARGS__); \
	} while (0)
#define pr_err_ratelimited(fmt, ...)  printk_ratelimited(KERN_ERR pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn_ratelimited(fmt, ...) printk_ratelimited(KERN_WARNING pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info_ratelimited(fmt, ...) printk_ratelimited(KERN_INFO pr_fmt(fmt), ##__VA_ARGS__)

#define DUMP_PREFIX_NONE    0
#define DUMP_PREFIX_ADDRESS 1
#define DUMP_PREFIX_OFFSET  2
/* Lines of 16 bytes in hexadecimal and ASCII. */
void print_hex_dump(const char *level, const char *prefix, int prefix_type, const void *buf,
		    size_t len);

/* ---- consoles ---- */

#define CON_PRINTBUFFER 1 /* wants the old records first */
#define CON_ENABLED	4
#define CON_BOOT	8 /* leaves when the first real console comes */

struct console {
	char name[16];
	/*
	 * Writes n bytes; '\n' alone ends a line. => interrupts off, console lock held, may not
	 * sleep or printk
	 */
	void (*write)(struct console *con, const char *s, unsigned int n);
	unsigned short flags;
	short index;
	void *data;
	struct console *next;
};
/* => any context but the console's own write() */
void register_console(struct console *con);
int unregister_console(struct console *con); /* 0, -ENODEV */
/* Straight to all consoles, not into the log: KTAP results, early failures. */
void console_write_raw(const char *s, size_t n);
/* The first enabled console (the tty that /dev/console is), or NULL. */
struct console *console_first(void);

/* ---- readers ---- */

#define CONSOLE_EXT_LOG_MAX 1200
extern struct wait_queue_head log_wait;
u64 log_first_seq(void); /* oldest record kept */
u64 log_next_seq(void);	 /* the one that will come next */
/*
 * The record *seq as /dev/kmsg gives it, "prio,seq,usec,-;text\n", into @buf; *seq is then the next
 * one. Length; 0: nothing new; -EPIPE: *seq was overwritten and is now the oldest kept; -EINVAL:
 * @size too small.
 */
ssize_t kmsg_read_record(u64 *seq, char *buf, size_t size);
/* A line that a user wrote to /dev/kmsg; "<N>" in front gives facility and level. */
void kmsg_write_line(const char *text, size_t len);
/* syslog(2) on kernel or user buffers; see the manual page for the types. */
long do_syslog(int type, char __user *buf, int len);

/* Wakes readers if there is something new. => scheduler tick and idle loop, no locks held */
void printk_wake_readers(void);
