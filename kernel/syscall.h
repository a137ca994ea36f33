/*
 * How a room offers a system call: next to the function, one line SYSCALL(number, name).
 *
 * The lines land in the linker section .syscalls; syscall_init() copies them into sys_call_table at
 * boot, whose other entries answer -ENOSYS. Arguments arrive in registers in the C calling order, so
 * a handler is an ordinary function `long sys_name(...)` of up to six integer or pointer parameters.
 * A handler that needs the whole register frame (fork, execve, rt_sigreturn) takes current_pt_regs().
 *
 * Numbers: Linux arch/x86/entry/syscalls/syscall_64.tbl. Exercised by every user-space suite.
 */
#pragma once

#include "lib/types.h"

#define NR_SYSCALLS 512

struct syscall_entry {
	unsigned int nr;
	void *fn;
	const char *name;
};

#define SYSCALL(number, sysname)                                                            \
	static const struct syscall_entry __syscall_##sysname __used __section(".syscalls") \
		__aligned(8) = { .nr = (number), .fn = (void *)sys_##sysname, .name = #sysname }

typedef long (*sys_call_ptr_t)(unsigned long, unsigned long, unsigned long, unsigned long,
			       unsigned long, unsigned long);
extern sys_call_ptr_t sys_call_table[NR_SYSCALLS];
extern const char *sys_call_names[NR_SYSCALLS];

void syscall_init(void); /* fills the table; boot CPU, once */
