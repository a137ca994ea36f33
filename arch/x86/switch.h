/*
 * Threads as the processor sees them: switching, creating, starting user mode.
 *
 * Mirrors Linux arch/x86/include/asm/{switch_to,processor}.h and arch/x86/kernel/process_64.c. Exercised by
 * the sched suite and tests/user/fork*.c.
 */
#pragma once

#include "arch/x86/ptrace.h"
#include "lib/types.h"

struct task_struct;

/*
 * Leaves @prev, continues @next where it left; returns, when @prev runs again, the task that ran before it.
 * => interrupts off, page tables already switched; the caller then finishes the switch for the task returned
 */
struct task_struct *__switch_to_asm(struct task_struct *prev, struct task_struct *next);
#define switch_to(prev, next, last) ((last) = __switch_to_asm((prev), (next)))

/*
 * Prepares the kernel stack and registers of @p, a copy of current whose stack is in p->stack.
 *   @fn not NULL: a kernel thread that calls fn(arg); if fn returns, @p must have become a user program (exec).
 *   else: @p returns from the same system call as current with 0, on stack @sp (0: the same), with TLS base
 *   @tls if CLONE_SETTLS is in @clone_flags.
 * Resets what must not be shared of p->thread. 0, -ENOMEM. => may sleep
 */
int copy_thread(struct task_struct *p, u64 clone_flags, unsigned long sp, int (*fn)(void *),
		void *arg, unsigned long tls);
/* Releases what copy_thread() took. => @p never runs again */
void exit_thread(struct task_struct *p);
/* exec: clean floating-point state and segment bases for current. 0, -ENOMEM. */
int flush_thread(void);
/* exec: current goes to @ip on stack @sp when it returns to user mode, all other registers 0. */
void start_thread(struct pt_regs *regs, unsigned long ip, unsigned long sp);

/* First code of a new thread; calls schedule_tail(prev) of kernel/sched. */
void ret_from_fork(void);
/* The idle tasks: @stack_top of the boot CPU's first task, for sp0. */
void arch_cpu_idle(void); /* => interrupts off; waits for one; returns with interrupts on */

/* Saved instruction pointer and stack pointer in user mode of @task (/proc/PID/stat). */
#define KSTK_EIP(task) (task_pt_regs(task)->ip)
#define KSTK_ESP(task) (task_pt_regs(task)->sp)

extern char init_stack[]; /* of init_task; THREAD_SIZE bytes */
