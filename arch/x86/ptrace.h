/*
 * Register frame that every entry into the kernel leaves on the kernel stack.
 *
 * The order is Linux's struct pt_regs (user_regs_struct too), so signal frames and gdb scripts can
 * copy runs of it. orig_ax holds the system-call number, or the error code / ~vector for traps and
 * interrupts. Mirrors Linux arch/x86/include/asm/ptrace.h. Exercised by tests/user/signals.c.
 */
#pragma once

#include "lib/types.h"

struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx;
	unsigned long r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax;
	unsigned long ip, cs, flags, sp, ss;
};

#define X86_EFLAGS_CF	 BIT(0)
#define X86_EFLAGS_FIXED BIT(1)
#define X86_EFLAGS_TF	 BIT(8)
#define X86_EFLAGS_IF	 BIT(9)
#define X86_EFLAGS_DF	 BIT(10)
#define X86_EFLAGS_IOPL	 (BIT(12) | BIT(13))
#define X86_EFLAGS_NT	 BIT(14)
#define X86_EFLAGS_RF	 BIT(16)
#define X86_EFLAGS_AC	 BIT(18)
#define X86_EFLAGS_ID	 BIT(21)

#define __KERNEL_CS 0x10
#define __KERNEL_DS 0x18
#define __USER32_CS 0x23
#define __USER_DS   0x2b
#define __USER_CS   0x33

static __always_inline bool user_mode(const struct pt_regs *regs)
{
	return regs->cs & 3;
}
