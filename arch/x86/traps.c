/*
 * Exceptions and interrupts in C. Theory in traps.h; what a broken kernel prints is in dumpstack.c.
 *
 * Interrupts are off when a handler here is entered, and must be off or may be on when it returns (entry.S
 * turns them off). The tables are written at boot and by set_irq_handler(), read without locks: a handler is
 * one pointer.
 *
 * Mirrors Linux arch/x86/kernel/{traps,irq}.c, arch/x86/mm/fault.c, kernel/entry/common.c. Exercised by
 * tests/user/fault*.c and every boot.
 */
#include "arch/x86/traps.h"

#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/dumpstack.h"
#include "arch/x86/entry.h"
#include "arch/x86/extable.h"
#include "arch/x86/fpu.h"
#include "arch/x86/ipi.h"
#include "arch/x86/irq_stat.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/page.h"
#include "arch/x86/signal.h"
#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "kernel/trace/exceptions.h"
#include "lib/string.h"

enum { SIG_ILL = 4, SIG_TRAP = 5, SIG_BUS = 7, SIG_FPE = 8, SIG_SEGV = 11 };
enum { CODE_KERNEL = 0x80, CODE_MAPERR = 1, CODE_ILLOPN = 2, CODE_ADRALN = 1, CODE_TRACE = 2 };
enum { FPE_INTDIV = 1, FPE_INTOVF, FPE_FLTDIV, FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES, FPE_FLTINV };

user_fault_fn user_fault_handler __ro_after_init;
bool (*kernel_fault_hook)(const struct pt_regs *regs, unsigned long error_code,
			  unsigned long address) __ro_after_init;
void (*force_sig_fault_hook)(int sig, int code, void __user *addr) __ro_after_init;

DEFINE_PER_CPU(unsigned int, irq_depth);
DEFINE_PER_CPU(struct pt_regs *, irq_regs);
DEFINE_PER_CPU(unsigned int, pagefault_disabled_depth);

/* ---- interrupts ---- */

static irq_vector_fn irq_handlers[NR_VECTORS];

void set_irq_handler(unsigned int vector, irq_vector_fn fn)
{
	if (vector >= FIRST_IRQ_VECTOR && vector < NR_VECTORS)
		WRITE_ONCE(irq_handlers[vector], fn);
}

void common_interrupt(struct pt_regs *regs)
{
	unsigned int vector = (u8)~regs->orig_ax;
	irq_vector_fn fn = READ_ONCE(irq_handlers[vector]);
	struct pt_regs *outer = this_cpu_read(irq_regs);

	if (unlikely(!fn)) {
		/* Without its end, the local APIC would hold back this and all lower vectors. */
		if (apic_present)
			apic_eoi();
		pr_err_ratelimited("interrupt on vector %u, which nobody handles\n", vector);
		return;
	}
	this_cpu_inc(irq_depth);
	this_cpu_write(irq_regs, regs);
	fn(regs);
	this_cpu_write(irq_regs, outer);
	this_cpu_dec(irq_depth);
}

/* ---- the way back to user mode ---- */

void exit_to_user_mode_loop(struct pt_regs *regs)
{
	for (;;) {
		unsigned long work = READ_ONCE(current->flags_ti) & _TIF_WORK_MASK;

		if (likely(!work)) {
			if (likely(regs->ip < 1UL << 47))
				return;
			/* IRETQ would fault on it in kernel mode. */
			local_irq_enable();
			do_trap_signal(regs, X86_TRAP_GP, 0, SIG_SEGV, CODE_KERNEL, 0);
		} else {
			local_irq_enable();
			if (work & _TIF_NEED_RESCHED)
				schedule();
			if (work & ~(_TIF_NEED_RESCHED | _TIF_NOTIFY_RESUME))
				arch_do_signal(regs);
			if (unlikely(work & _TIF_NOTIFY_RESUME) && signal_ops)
				signal_ops->rseq_notify_resume(regs);
		}
		local_irq_disable();
	}
}

/* ---- exceptions ---- */

struct exception {
	const char *name;
	u8 sig; /* in user mode; 0: never comes from there */
	u8 code;
	bool addr_is_ip;
};

static const struct exception exceptions[FIRST_IRQ_VECTOR] = {
	[X86_TRAP_DE] = { "divide error", SIG_FPE, FPE_INTDIV, true },
	[X86_TRAP_DB] = { "debug", SIG_TRAP, CODE_TRACE, true },
	[X86_TRAP_BP] = { "int3", SIG_TRAP, CODE_KERNEL, false },
	[X86_TRAP_OF] = { "overflow", SIG_SEGV, CODE_KERNEL, false },
	[X86_TRAP_BR] = { "bounds", SIG_SEGV, CODE_KERNEL, false },
	[X86_TRAP_UD] = { "invalid opcode", SIG_ILL, CODE_ILLOPN, true },
	[X86_TRAP_NM] = { "device not available", SIG_SEGV, CODE_KERNEL, false },
	[X86_TRAP_OLD_MF] = { "coprocessor segment overrun", SIG_FPE, CODE_KERNEL, false },
	[X86_TRAP_TS] = { "invalid TSS", SIG_SEGV, CODE_KERNEL, false },
	[X86_TRAP_NP] = { "segment not present", SIG_BUS, CODE_KERNEL, false },
	[X86_TRAP_SS] = { "stack segment", SIG_BUS, CODE_KERNEL, false },
	[X86_TRAP_GP] = { "general protection fault", SIG_SEGV, CODE_KERNEL, false },
	[X86_TRAP_MF] = { "fpu exception", SIG_FPE, 0, true },
	[X86_TRAP_AC] = { "alignment check", SIG_BUS, CODE_ADRALN, false },
	[X86_TRAP_XF] = { "simd exception", SIG_FPE, 0, true },
};

void do_trap_signal(struct pt_regs *regs, int trapnr, unsigned long error_code, int sig, int code,
		    unsigned long addr)
{
	current->thread.trap_nr = trapnr;
	current->thread.error_code = error_code;
	if (trapnr == X86_TRAP_PF)
		current->thread.cr2 = addr;
	if (!force_sig_fault_hook)
		die("user exception before signals exist", regs, error_code);
	force_sig_fault_hook(sig, code, (void __user *)addr);
}

/* Which unmasked floating-point exception it was: the bits are the same in both status words. */
static int fpe_code(int trapnr)
{
	struct {
		u16 cwd, swd, twd, fop;
		u64 rip, rdp;
		u32 mxcsr;
	} head;
	unsigned int err;

	if (!current->thread.fpu)
		return CODE_KERNEL;
	fpu_save(current->thread.fpu);
	memcpy(&head, current->thread.fpu, sizeof(head));
	err = trapnr == X86_TRAP_MF ? head.swd & ~head.cwd : head.mxcsr & ~(head.mxcsr >> 7);
	if (err & 0x01)
		return FPE_FLTINV;
	if (err & 0x04)
		return FPE_FLTDIV;
	if (err & 0x08)
		return FPE_FLTOVF;
	if (err & 0x12)
		return FPE_FLTUND;
	if (err & 0x20)
		return FPE_FLTRES;
	return CODE_KERNEL;
}

/* Every exception but page fault, NMI, double fault and machine check. */
void do_exception(struct pt_regs *regs, unsigned long error_code, unsigned int vector)
{
	const struct exception *e = &exceptions[vector];
	int code = e->code;

	if (!user_mode(regs)) {
		if (fixup_exception(regs))
			return;
		die(e->name ? e->name : "unknown exception", regs, error_code);
	}
	local_irq_enable();
	if (!e->sig) {
		pr_warn_ratelimited("exception %u in user mode (%s[%d])\n", vector, current->comm,
				    current->pid);
		do_trap_signal(regs, vector, error_code, SIG_SEGV, CODE_KERNEL, 0);
		return;
	}
	if (vector == X86_TRAP_MF || vector == X86_TRAP_XF)
		code = fpe_code(vector);
	do_trap_signal(regs, vector, error_code, e->sig, code, e->addr_is_ip ? regs->ip : 0);
}

/* A debug exception of the kernel: a stray trap flag or breakpoint register. Switch it off and go on. */
void do_debug(struct pt_regs *regs, unsigned long error_code)
{
	regs->flags &= ~X86_EFLAGS_TF;
	__asm__ __volatile__("movq %0, %%dr7" : : "r"(0x400UL));
	__asm__ __volatile__("movq %0, %%dr6" : : "r"(0xffff0ff0UL));
	pr_warn_ratelimited("debug exception in the kernel at %pS\n", (void *)regs->ip);
}

void do_nmi(struct pt_regs *regs, unsigned long error_code)
{
	this_cpu_inc(irq_stat[IRQ_STAT_NMI]);
	nmi_stop_this_cpu();
}

void do_double_fault(struct pt_regs *regs, unsigned long error_code)
{
	unsigned long address = read_cr2(), stack = (unsigned long)current->stack;

	/* The push onto a full stack faults, and so does the push for that fault: the guard page is below. */
	if (address < stack && stack - address <= PAGE_SIZE)
		die("kernel stack overflow (double fault)", regs, error_code);
	die("double fault", regs, error_code);
}

void do_machine_check(struct pt_regs *regs, unsigned long error_code)
{
	die("machine check: the hardware reports an error", regs, error_code);
}

/* ---- page faults ---- */

/* The fault is the kernel's, or on a kernel address. */
static noinline void bad_page_fault(struct pt_regs *regs, unsigned long error_code,
				    unsigned long address)
{
	if (user_mode(regs)) {
		local_irq_enable();
		/* A program must not learn which kernel addresses are mapped. */
		do_trap_signal(regs, X86_TRAP_PF, error_code | X86_PF_PROT, SIG_SEGV, CODE_MAPERR,
			       address);
		return;
	}
	if (fixup_exception(regs))
		return;
	if (kernel_fault_hook && kernel_fault_hook(regs, error_code, address))
		return;
	die_page_fault(regs, error_code, address);
}

/*
 * Only uaccess may touch user memory in kernel mode, and all its instructions are in the table. Anything else is a bug of the
 * kernel, a NULL pointer most of the time: no page is brought in for it, and no lock taken that its holder might have.
 */
static bool may_handle_kernel_mode_fault(const struct pt_regs *regs)
{
	return (regs->flags & X86_EFLAGS_IF) && !in_interrupt() &&
	       !this_cpu_read(pagefault_disabled_depth) && user_fault_handler && current->mm &&
	       search_exception_tables(regs->ip);
}

/* Apart, so that the usual fault need not keep its arguments. */
static noinline void traced_user_fault(struct pt_regs *regs, unsigned long error_code,
				       unsigned long address)
{
	trace_page_fault_user(address, regs->ip, error_code);
	user_fault_handler(regs, error_code, address);
}

void do_page_fault(struct pt_regs *regs, unsigned long error_code, unsigned long address)
{
	if (likely(error_code & X86_PF_USER && address < TASK_SIZE)) {
		local_irq_enable();
		if (unlikely(trace_page_fault_user_enabled()))
			traced_user_fault(regs, error_code, address);
		else
			user_fault_handler(regs, error_code, address);
		return;
	}
	trace_page_fault_kernel(address, regs->ip, error_code);
	if (address < TASK_SIZE && !(error_code & X86_PF_INSTR) &&
	    may_handle_kernel_mode_fault(regs)) {
		local_irq_enable();
		if (!user_fault_handler(regs, error_code, address))
			return;
		local_irq_disable();
	}
	bad_page_fault(regs, error_code, address);
}

/* ---- the log line of a program that dies of an exception ---- */

void show_unhandled_signal(int sig, const struct pt_regs *regs)
{
	const struct thread_struct *t = &current->thread;
	const char *name = NULL;

	if (sig != SIG_SEGV && sig != SIG_BUS && sig != SIG_ILL && sig != SIG_FPE &&
	    sig != SIG_TRAP)
		return;
	if (t->trap_nr == X86_TRAP_PF && (sig == SIG_SEGV || sig == SIG_BUS)) {
		pr_info_ratelimited("%s[%d]: %s at %lx ip %016lx sp %016lx error %lx\n",
				    current->comm, current->pid,
				    sig == SIG_BUS ? "bus error" : "segfault", t->cr2, regs->ip,
				    regs->sp, t->error_code);
		return;
	}
	if (t->trap_nr < FIRST_IRQ_VECTOR)
		name = exceptions[t->trap_nr].name;
	pr_info_ratelimited("traps: %s[%d] trap %s ip:%lx sp:%lx error:%lx\n", current->comm,
			    current->pid, name ? name : "unknown", regs->ip, regs->sp,
			    t->error_code);
}
