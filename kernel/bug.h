/*
 * What happens when something that cannot be, is.
 *
 * BUG(), BUG_ON(): the kernel cannot go on; report and panic. WARN*(): report with a backtrace and
 * go on; they give the value of their condition. VM_BUG_ON and VM_WARN_ON state invariants and are
 * checked in debug builds only (CONFIG_DEBUG_VM). panic(): one line that says why, a backtrace,
 * then what panic= on the command line asks for: panic=0 (default)  halt for good panic=N
 * restart after N seconds panic=-1           leave QEMU with a failing status (isa-debug-exit),
 * else halt
 *
 * Mirrors Linux include/linux/bug.h, kernel/panic.c. Exercised by tests/boot (errors at boot).
 */
#pragma once

#include "lib/types.h"

struct pt_regs;

/* => any context; never returns */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn __cold;
void __bug(const char *file, int line, const char *func) __noreturn __cold;
void __warn(const char *file, int line, const char *func) __cold;
void __warn_printf(const char *file, int line, const char *func, const char *fmt, ...)
	__printf(4, 5) __cold;

/*
 * Backtrace of the caller, or of @task (NULL: current) from @sp (NULL: where it is), to the log.
 * arch/x86 writes it.
 */
void dump_stack(void) __cold;

extern int panic_timeout; /* panic= */
extern int panic_on_oops;
extern int oops_in_progress;   /* a report is being printed: consoles must not wait for locks */
extern unsigned int panic_cpu; /* CPU that panics, or ~0U */
void bust_spinlocks(int yes);
/* Is it this CPU that prints a report, or panics? => not to be moved to another CPU meanwhile */
bool oops_on_this_cpu(void);

/* What an oops leaves in /proc/sys/kernel/tainted and in the next report. */
#define TAINT_BAD_PAGE 5
#define TAINT_DIE      7
#define TAINT_WARN     9
#define NR_TAINT_FLAGS 19 /* Linux's letters P to T */
void add_taint(unsigned int flag);
unsigned long get_taint(void);
/* "Not tainted", or "Tainted: " and Linux's letter for each bit, a space where it is clear (G: no proprietary module). */
#define TAINT_TEXT_LEN 32
const char *print_tainted(char buf[TAINT_TEXT_LEN]);
/* Between them reports of several CPUs do not mix; nests on one CPU. */
unsigned long oops_begin(void);
void oops_end(unsigned long flags);

#define BUG() __bug(__FILE__, __LINE__, __func__)
#define BUG_ON(cond)                \
	do {                        \
		if (unlikely(cond)) \
			BUG();      \
	} while (0)
#define WARN_ON(cond)                                         \
	({                                                    \
		bool __warn_on = !!(cond);                    \
		if (unlikely(__warn_on))                      \
			__warn(__FILE__, __LINE__, __func__); \
		unlikely(__warn_on);                          \
	})
#define WARN(cond, fmt...)                                                \
	({                                                                \
		bool __warn_on = !!(cond);                                \
		if (unlikely(__warn_on))                                  \
			__warn_printf(__FILE__, __LINE__, __func__, fmt); \
		unlikely(__warn_on);                                      \
	})
#define WARN_ON_ONCE(cond)                                    \
	({                                                    \
		static bool __warned;                         \
		bool __warn_on = !!(cond);                    \
		if (unlikely(__warn_on && !__warned)) {       \
			__warned = true;                      \
			__warn(__FILE__, __LINE__, __func__); \
		}                                             \
		unlikely(__warn_on);                          \
	})
#define WARN_ONCE(cond, fmt...)                                           \
	({                                                                \
		static bool __warned;                                     \
		bool __warn_on = !!(cond);                                \
		if (unlikely(__warn_on && !__warned)) {                   \
			__warned = true;                                  \
			__warn_printf(__FILE__, __LINE__, __func__, fmt); \
		}                                                         \
		unlikely(__warn_on);                                      \
	})

#ifdef CONFIG_DEBUG_VM
#define VM_BUG_ON(cond)		   BUG_ON(cond)
#define VM_WARN_ON(cond)	   ((void)WARN_ON(cond))
#define VM_WARN_ON_ONCE(cond)	   ((void)WARN_ON_ONCE(cond))
#define VM_WARN_ONCE(cond, fmt...) ((void)WARN_ONCE(cond, fmt))
#else
/* Compiled for its types and names, never evaluated. */
#define VM_BUG_ON(cond)		   ((void)sizeof((long)(cond)))
#define VM_WARN_ON(cond)	   ((void)sizeof((long)(cond)))
#define VM_WARN_ON_ONCE(cond)	   ((void)sizeof((long)(cond)))
#define VM_WARN_ONCE(cond, fmt...) ((void)sizeof((long)(cond)))
#endif
#define VM_BUG_ON_PAGE(cond, page)	   VM_BUG_ON(cond)
#define VM_BUG_ON_FOLIO(cond, folio)	   VM_BUG_ON(cond)
#define VM_BUG_ON_VMA(cond, vma)	   VM_BUG_ON(cond)
#define VM_BUG_ON_MM(cond, mm)		   VM_BUG_ON(cond)
#define VM_WARN_ON_ONCE_FOLIO(cond, folio) VM_WARN_ON_ONCE(cond)
