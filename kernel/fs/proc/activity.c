/*
 * /proc/PID/io, stack and wchan: what a task has read and written, and where in the kernel it sleeps.
 *
 * io counts bytes and calls as programs see them. Nothing here is read from or written to a disk yet, so the other
 * three lines are 0. A stack is walked while the task's run queue is locked: it cannot wake meanwhile.
 *
 * Locks: siglock for the sums of threads that are gone; the run queue's in sched_sleeper_stack(). Mirrors Linux
 * fs/proc/base.c. Exercised by tests/user/procio.c.
 */
#include "kernel/cred.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/kallsyms.h"
#include "kernel/process_vm.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "lib/string.h"

#define MAX_STACK_TRACE_DEPTH 64

int proc_pid_io_show(struct seq_file *m, struct task_struct *task, bool whole)
{
	struct task_io io = task->ioac;
	struct task_struct *t;
	unsigned long flags;

	if (!task_may_attach(task))
		return -EACCES;
	if (whole && lock_task_sighand(task, &flags)) {
		io = task->signal->ioac;
		for_each_thread(task, t)
			task_io_add(&io, &t->ioac);
		unlock_task_sighand(task, &flags);
	}
	seq_printf(m, "rchar: %llu\nwchar: %llu\nsyscr: %llu\nsyscw: %llu\n", io.rchar, io.wchar,
		   io.syscr, io.syscw);
	seq_puts(m, "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
	return 0;
}

int proc_pid_stack_show(struct seq_file *m, struct task_struct *task)
{
	unsigned long entries[MAX_STACK_TRACE_DEPTH];
	unsigned int n;

	/* Addresses and names of the kernel's insides are for root. */
	if (!capable(CAP_SYS_ADMIN))
		return -EACCES;
	n = sched_sleeper_stack(task, entries, MAX_STACK_TRACE_DEPTH);
	for (unsigned int i = 0; i < n; i++)
		seq_printf(m, "[<0>] %pB\n", (void *)entries[i]);
	return 0;
}

/* Those that only wait for somebody else: what sleeps is who called them. */
static bool is_sched_function(const char *name)
{
	static const char *const prefixes[] = {
		"schedule",   "__schedule",  "io_schedule", "wait_for_completion",
		"mutex_lock", "down_",	     "__down_",	    "rwsem_",
		"msleep",     "do_wait_for",
	};

	for (unsigned int i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

int proc_pid_wchan_show(struct seq_file *m, struct task_struct *task)
{
	unsigned long entries[MAX_STACK_TRACE_DEPTH], size, offset;
	unsigned int n = task_may_attach(task)
				 ? sched_sleeper_stack(task, entries, MAX_STACK_TRACE_DEPTH)
				 : 0;

	for (unsigned int i = 0; i < n; i++) {
		const char *name = kallsyms_lookup(entries[i] - 1, &size, &offset);

		if (name && !is_sched_function(name)) {
			seq_puts(m, name);
			return 0;
		}
	}
	seq_putc(m, '0');
	return 0;
}
