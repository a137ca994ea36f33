/*
 * Walking the kernel's stacks by frame pointers.
 *
 * Every function pushes RBP and points it at the saved one (-fno-omit-frame-pointer), so frames form a list:
 * [next frame, return address]. The list ends at RBP 0 (start of a thread) or outside the stack. Where an
 * exception or interrupt came in, the return address lies in the entry text and a struct pt_regs
 * lies right above it; the walk goes on with the interrupted function.
 *
 * Mirrors Linux arch/x86/kernel/{unwind_frame,stacktrace,dumpstack}.c. Exercised by tests/boot (oops).
 */
#include "arch/x86/stacktrace.h"

#include "arch/x86/desc.h"
#include "arch/x86/page.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/task.h"

#define MAX_TRACE 48

extern char _text[], _etext[], _sinittext[], _einittext[], __entry_text_start[], __entry_text_end[];

struct unwind {
	unsigned long bp;
	unsigned long low, high; /* the stack */
	unsigned long ip;	 /* of the current step */
	bool this_context;	 /* end where an exception or interrupt came in */
};

static bool in_kernel_text(unsigned long a)
{
	return (a >= (unsigned long)_text && a < (unsigned long)_etext) ||
	       (a >= (unsigned long)_sinittext && a < (unsigned long)_einittext);
}

static bool in_entry_text(unsigned long a)
{
	return a >= (unsigned long)__entry_text_start && a < (unsigned long)__entry_text_end;
}

/* The bounds of the stack that holds @sp, one that has run over into its guard page included: @task's, or this CPU's own. */
static bool stack_bounds(struct unwind *u, struct task_struct *task, unsigned long sp)
{
	u->low = (unsigned long)task->stack;
	u->high = u->low + THREAD_SIZE;
	return (sp >= u->low - PAGE_SIZE && sp < u->high) ||
	       (task == current && in_ist_stack(sp, &u->low, &u->high));
}

static bool on_stack(const struct unwind *u, unsigned long p, unsigned long size)
{
	return IS_ALIGNED(p, 8) && p >= u->low && p + size <= u->high;
}

/* On to the calling frame: false at the end. */
static bool unwind_next(struct unwind *u, struct task_struct *task)
{
	const unsigned long *frame = (const unsigned long *)u->bp;
	const struct pt_regs *regs;
	unsigned long next;

	if (!on_stack(u, u->bp, 16))
		return false;
	u->ip = frame[1];
	next = frame[0];
	if (in_entry_text(u->ip)) {
		regs = (const struct pt_regs *)(frame + 2);
		if (!on_stack(u, (unsigned long)regs, sizeof(*regs)))
			return false;
		if (user_mode(regs) || u->this_context) {
			u->bp = 0; /* the entry itself is the last step */
			return true;
		}
		u->ip = regs->ip;
		u->bp = regs->bp;
		/* An exception on its own stack came from another one. */
		return stack_bounds(u, task, regs->sp);
	}
	if (next <= u->bp)
		u->bp = 0; /* last step */
	else
		u->bp = next;
	return in_kernel_text(u->ip);
}

static unsigned int collect(struct unwind *u, struct task_struct *task, unsigned long *entries,
			    unsigned int max, unsigned int skip)
{
	unsigned int n = 0;

	while (n < max && unwind_next(u, task)) {
		if (skip)
			skip--;
		else
			entries[n++] = u->ip;
	}
	return n;
}

unsigned int stack_trace_save(unsigned long *entries, unsigned int max, unsigned int skip)
{
	struct unwind u = { .bp = (unsigned long)__builtin_frame_address(0) };

	if (!stack_bounds(&u, current, u.bp))
		return 0;
	return collect(&u, current, entries, max, skip);
}

unsigned int stack_trace_save_context(unsigned long *entries, unsigned int max, unsigned int skip)
{
	struct unwind u = { .bp = (unsigned long)__builtin_frame_address(0), .this_context = true };

	if (!stack_bounds(&u, current, u.bp))
		return 0;
	return collect(&u, current, entries, max, skip);
}

unsigned int stack_trace_save_tsk(struct task_struct *task, unsigned long *entries,
				  unsigned int max)
{
	struct unwind u = { 0 };
	const unsigned long *sp;

	if (task == current)
		return stack_trace_save(entries, max, 1);
	sp = (const unsigned long *)task->thread.sp;
	if (!task->stack || !stack_bounds(&u, task, (unsigned long)sp))
		return 0;
	/* What __switch_to_asm pushed: r15 r14 r13 r12 rbx rbp, above them its return address. */
	if (!on_stack(&u, (unsigned long)sp, 56))
		return 0;
	u.bp = (unsigned long)(sp + 5);
	return collect(&u, task, entries, max, 0);
}

unsigned int stack_trace_save_regs(const struct pt_regs *regs, unsigned long *entries,
				   unsigned int max)
{
	struct unwind u = { .bp = regs->bp };
	unsigned int n = 1;

	if (max < 2 || user_mode(regs))
		return 0;
	entries[0] = regs->ip;
	if (!stack_bounds(&u, current, regs->sp))
		return 1;
	/* A call through a bad pointer has pushed its return address and nothing else. */
	if (!in_kernel_text(regs->ip) && on_stack(&u, regs->sp, 8))
		entries[n++] = *(const unsigned long *)regs->sp;
	return n + collect(&u, current, entries + n, max - n, 0);
}

static void print_trace(const unsigned long *entries, unsigned int n, const char *loglvl,
			bool first_is_ip)
{
	printk("%sCall Trace:\n", loglvl);
	for (unsigned int i = 0; i < n; i++) {
		if (i == 0 && first_is_ip)
			printk("%s %pS\n", loglvl, (void *)entries[i]);
		else
			printk("%s %pB\n", loglvl, (void *)entries[i]);
	}
	if (!n)
		printk("%s (none)\n", loglvl);
}

void show_trace_regs(const struct pt_regs *regs)
{
	unsigned long entries[MAX_TRACE];

	print_trace(entries, stack_trace_save_regs(regs, entries, MAX_TRACE), KERN_DEFAULT, true);
}

void show_stack(struct task_struct *task, const char *loglvl)
{
	unsigned long entries[MAX_TRACE];
	unsigned int n;

	if (!task || task == current)
		n = stack_trace_save(entries, MAX_TRACE, 1);
	else
		n = stack_trace_save_tsk(task, entries, MAX_TRACE);
	print_trace(entries, n, loglvl, false);
}

void dump_stack(void)
{
	printk(KERN_DEFAULT "CPU: %u PID: %d Comm: %.15s\n", (unsigned int)smp_processor_id(),
	       current->pid, current->comm);
	show_stack(NULL, KERN_DEFAULT);
}
