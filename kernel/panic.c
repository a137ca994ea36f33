/*
 * The end: panic, and the reports that lead to it or stop short of it.
 *
 * 1. The first CPU that panics wins (panic_cpu); others that follow stop themselves. It prints the
 *    reason and a backtrace, stops the other CPUs, and then does what panic= says.
 * 2. A report (oops, warning) is bracketed by oops_begin() and oops_end(): one CPU at a time,
 *    interrupts off. A fault inside a report on the same CPU may nest, so a broken report is not
 *    silent.
 * 3. While a report is printed oops_in_progress is not zero, and the log takes its lock only if it
 *    can.
 *
 * Mirrors Linux kernel/panic.c, lib/bust_spinlocks.c. Exercised by tests/boot (errors at boot).
 */
#include "arch/x86/atomic.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/reboot.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "lib/printf.h"
#include "lib/string.h"

int panic_timeout;
int panic_on_oops;
int oops_in_progress;
unsigned int panic_cpu = ~0U;

static unsigned long tainted;
static unsigned int oops_cpu = ~0U;
static unsigned int oops_nesting;

static int __init panic_param(char *value)
{
	return value ? kstrtoint(value, 10, &panic_timeout) : -1;
}
early_param("panic", panic_param);

static int __init oops_param(char *value)
{
	panic_on_oops = value && !strcmp(value, "panic");
	return 0;
}
early_param("oops", oops_param);

void add_taint(unsigned int flag)
{
	__atomic_or_fetch(&tainted, BIT(flag), __ATOMIC_RELAXED);
}

unsigned long get_taint(void)
{
	return READ_ONCE(tainted);
}

const char *print_tainted(char buf[TAINT_TEXT_LEN])
{
	static const char letters[] = "PFSRMBUDAWCIOELKXTN";
	unsigned long taint = get_taint();
	char *at = buf + scnprintf(buf, TAINT_TEXT_LEN, "Tainted: ");

	if (!taint)
		return "Not tainted";
	for (unsigned int i = 0; i < sizeof(letters) - 1; i++)
		*at++ = taint & BIT(i) ? letters[i] : i ? ' ' : 'G';
	*at = 0;
	return buf;
}

void bust_spinlocks(int yes)
{
	__atomic_add_fetch(&oops_in_progress, yes ? 1 : -1, __ATOMIC_SEQ_CST);
}

unsigned long oops_begin(void)
{
	unsigned int me = smp_processor_id(), none = ~0U;
	unsigned long flags;

	local_irq_save(flags);
	while (READ_ONCE(oops_cpu) != me) {
		none = ~0U;
		if (try_cmpxchg(&oops_cpu, &none, me))
			break;
		cpu_relax();
	}
	oops_nesting++;
	bust_spinlocks(1);
	return flags;
}

bool oops_on_this_cpu(void)
{
	unsigned int me = smp_processor_id();

	return READ_ONCE(oops_cpu) == me || READ_ONCE(panic_cpu) == me;
}

void oops_end(unsigned long flags)
{
	bust_spinlocks(0);
	if (--oops_nesting == 0)
		smp_store_release(&oops_cpu, ~0U);
	local_irq_restore(flags);
}

/* What panic= asks for. */
static void __noreturn panic_finish(void)
{
	if (panic_timeout < 0) {
		qemu_exit(0x11);
		machine_halt();
	}
	if (panic_timeout > 0) {
		pr_emerg("Rebooting in %d seconds..\n", panic_timeout);
		mdelay((unsigned long)panic_timeout * 1000);
		machine_restart();
	}
	machine_halt();
}

void panic(const char *fmt, ...)
{
	static char text[256];
	unsigned int none = ~0U, me = smp_processor_id();
	va_list args;

	local_irq_disable();
	if (!try_cmpxchg(&panic_cpu, &none, me)) {
		/*
		 * A second panic: of this CPU while it printed the first, or of another one, which
		 * will be stopped.
		 */
		if (none == me)
			panic_finish();
		for (;;)
			halt();
	}
	bust_spinlocks(1);
	if (console_loglevel < LOGLEVEL_DEBUG)
		console_loglevel = LOGLEVEL_DEBUG;
	va_start(args, fmt);
	vscnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (*text && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = '\0';
	pr_emerg("Kernel panic - not syncing: %s\n", text);
	dump_stack();
	smp_send_stop();
	pr_emerg("---[ end Kernel panic - not syncing: %s ]---\n", text);
	panic_finish();
}

void __bug(const char *file, int line, const char *func)
{
	oops_begin();
	add_taint(TAINT_DIE);
	pr_emerg("------------[ cut here ]------------\n");
	pr_emerg("kernel BUG at %s:%d!\n", file, line);
	panic("BUG in %s()", func);
}

static void warn_begin(const char *file, int line, const char *func)
{
	struct task_struct *t = current;

	add_taint(TAINT_WARN);
	pr_warn("------------[ cut here ]------------\n");
	pr_warn("WARNING: CPU: %d PID: %d at %s:%d %s()\n", smp_processor_id(), t ? t->pid : 0,
		file, line, func);
}

static void warn_end(void)
{
	dump_stack();
	pr_warn("---[ end trace ]---\n");
}

void __warn(const char *file, int line, const char *func)
{
	unsigned long flags = oops_begin();

	warn_begin(file, line, func);
	warn_end();
	oops_end(flags);
}

void __warn_printf(const char *file, int line, const char *func, const char *fmt, ...)
{
	unsigned long flags = oops_begin();
	va_list args;

	warn_begin(file, line, func);
	va_start(args, fmt);
	vprintk(fmt, args);
	va_end(args);
	warn_end();
	oops_end(flags);
}
