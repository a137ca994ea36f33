/*
 * The system-call table, and the registers that lead to it.
 *
 * Every room registers its calls with SYSCALL() (kernel/syscall.h); the linker gathers the lines, syscall_init() puts
 * each in its place. Two rooms that claim one number are an error of ours, reported at boot. Constant after boot.
 *
 * Mirrors Linux arch/x86/entry/syscall_64.c. Exercised by every user-space suite.
 */
#include "arch/x86/syscall.h"

#include "arch/x86/asm_offsets.h"
#include "arch/x86/entry.h"
#include "arch/x86/msr.h"
#include "kernel/init.h"
#include "kernel/percpu.h"
#include "kernel/printk.h"
#include "kernel/syscall.h"
#include "lib/errno.h"

static_assert(ASM_NR_SYSCALLS == NR_SYSCALLS);
static_assert(ASM_ENOSYS == ENOSYS);

sys_call_ptr_t sys_call_table[NR_SYSCALLS] __ro_after_init;
const char *sys_call_names[NR_SYSCALLS] __ro_after_init;

DEFINE_PER_CPU(unsigned long, cpu_user_rsp); /* entry.S: between SYSCALL and the first push */

extern const struct syscall_entry __syscalls_start[], __syscalls_end[];

static long sys_ni_syscall(unsigned long a, unsigned long b, unsigned long c, unsigned long d,
			   unsigned long e, unsigned long f)
{
	return -ENOSYS;
}

void __init syscall_init(void)
{
	for (unsigned int i = 0; i < NR_SYSCALLS; i++)
		sys_call_table[i] = sys_ni_syscall;
	for (const struct syscall_entry *s = __syscalls_start; s < __syscalls_end; s++) {
		if (s->nr >= NR_SYSCALLS || sys_call_names[s->nr]) {
			pr_err("syscall: number %u of %s is taken or too large\n", s->nr, s->name);
			continue;
		}
		sys_call_table[s->nr] = (sys_call_ptr_t)s->fn;
		sys_call_names[s->nr] = s->name;
	}
}

void syscall_init_cpu(void)
{
	/* SYSRET takes SS from +8 and CS from +16 of its base. */
	wrmsrl(MSR_STAR, (u64)__USER32_CS << 48 | (u64)__KERNEL_CS << 32);
	wrmsrl(MSR_LSTAR, (u64)entry_SYSCALL_64);
	wrmsrl(MSR_SYSCALL_MASK, X86_EFLAGS_CF | X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF |
					 X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_RF |
					 X86_EFLAGS_AC | X86_EFLAGS_ID);
}
