/*
 * current: the task that runs on this CPU.
 *
 * One load. The compiler may keep the value in a register: it is the same for a thread whenever
 * that thread runs. The context switch alone writes current_task.
 *
 * Mirrors Linux arch/x86/include/asm/current.h. Exercised by every boot.
 */
#pragma once

#include "kernel/percpu.h"

struct task_struct;

DECLARE_PER_CPU(struct task_struct *, current_task);

static __always_inline struct task_struct *get_current(void)
{
	return this_cpu_read_stable(current_task);
}
#define current get_current()
