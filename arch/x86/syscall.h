/*
 * The system-call entry of a CPU, and reading a call's registers.
 *
 * Facts: Intel SDM volume 2B, SYSCALL. Mirrors Linux arch/x86/include/asm/syscall.h. Exercised by every
 * user-space suite.
 */
#pragma once

#include "arch/x86/ptrace.h"
#include "lib/types.h"

void syscall_init_cpu(void); /* MSRs; each CPU, from cpu_init() */

/* Number of the system call that @regs is in; -1 if it is in none: an interrupt left ~vector there, an exception -1. */
static __always_inline long syscall_get_nr(const struct pt_regs *regs)
{
	return (int)regs->orig_ax < 0 ? -1 : (int)regs->orig_ax;
}

static __always_inline long syscall_get_return_value(const struct pt_regs *regs)
{
	return regs->ax;
}

/*
 * The frame was changed: return to user mode by IRETQ with every register from the frame, and do not
 * restart a call. exec and rt_sigreturn say so.
 */
static __always_inline void force_iret(struct pt_regs *regs)
{
	regs->orig_ax = -1UL;
}
