/*
 * Backtraces by frame pointers, register dumps and page walks, in symbols.
 *
 * Every read of a stack is checked against its bounds, every read of a page table goes through the
 * fault-tolerant copy, so a report about a broken kernel does not break it further.
 *
 * Mirrors Linux arch/x86/kernel/{dumpstack,stacktrace}.c. Exercised by tests/boot (oops).
 */
#pragma once

#include "arch/x86/ptrace.h"
#include "lib/types.h"

struct task_struct;

/* Return addresses, innermost first, of the caller; how many were stored. => any context */
unsigned int stack_trace_save(unsigned long *entries, unsigned int max, unsigned int skip);
/* The same up to where the interrupt or exception came in that the caller is in, if it is in one. */
unsigned int stack_trace_save_context(unsigned long *entries, unsigned int max, unsigned int skip);
/* The same for a task that is not running, or for an interrupted place. */
unsigned int stack_trace_save_tsk(struct task_struct *task, unsigned long *entries,
				  unsigned int max);
unsigned int stack_trace_save_regs(const struct pt_regs *regs, unsigned long *entries,
				   unsigned int max);
/* Backtrace of @task (NULL: current) to the log, with @loglvl in front of each line. */
void show_stack(struct task_struct *task, const char *loglvl);
/* All registers, the code around ip, and, for the kernel's own, the backtrace. */
void show_regs(const struct pt_regs *regs);
void show_trace_regs(const struct pt_regs *regs); /* the backtrace alone */
/* The walk of @address through the tables at CR3, one line, each level decoded. */
void dump_pagetable(unsigned long address);
void dump_stack(void);
