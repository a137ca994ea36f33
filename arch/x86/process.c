/*
 * Threads: what a switch changes beyond the stack, how a new one comes to life, TLS.
 *
 * 1. The kernel stack of a user thread has its struct pt_regs at the very top. A new thread gets, below that, a
 *    frame as __switch_to_asm leaves it, which returns to ret_from_fork.
 * 2. FS and GS base are registers of the CPU, loaded for the next user thread; kernel threads leave them alone. While the
 *    kernel runs, the user's GS base is in MSR_KERNEL_GS_BASE. A program can change its bases behind our back by loading
 *    selectors: other than null ones are dropped at the next switch; a null one leaves nothing but a base of 0, so a base
 *    that is not 0 is always written, and one that is 0 unless this CPU has had nothing else (cpu_fsbase, cpu_gsbase).
 *
 * thread_struct is touched by its own task, or by the switch. Mirrors Linux arch/x86/kernel/{process,process_64}.c.
 * Exercised by tests/user/fork*.c and threads.c.
 */
#include "arch/x86/asm_offsets.h"
#undef CS
#undef SS
#include "arch/x86/desc.h"
#include "arch/x86/entry.h"
#include "arch/x86/fpu.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/msr.h"
#include "arch/x86/page.h"
#include "arch/x86/switch.h"
#include "arch/x86/syscall.h"
#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "lib/string.h"

static_assert(offsetof(struct task_struct, flags_ti) == TASK_flags_ti);
static_assert(offsetof(struct task_struct, stack) == TASK_stack);
static_assert(offsetof(struct task_struct, thread.sp) == TASK_thread_sp);
static_assert(offsetof(struct pt_regs, ax) == RAX && offsetof(struct pt_regs, r10) == R10);
static_assert(offsetof(struct pt_regs, r8) == R8 && offsetof(struct pt_regs, r9) == R9);
static_assert(offsetof(struct pt_regs, dx) == RDX && offsetof(struct pt_regs, si) == RSI);
static_assert(offsetof(struct pt_regs, di) == RDI && offsetof(struct pt_regs, orig_ax) == ORIG_RAX);
static_assert(offsetof(struct pt_regs, ip) == RIP && offsetof(struct pt_regs, flags) == EFLAGS);
static_assert(offsetof(struct pt_regs, sp) == RSP && sizeof(struct pt_regs) == PT_REGS_SIZE);
static_assert(_TIF_WORK_MASK == TIF_WORK_MASK_ASM);
static_assert(__KERNEL_CS == ASM_KERNEL_CS && __USER_DS == ASM_USER_DS && __USER_CS == ASM_USER_CS);

#define CLONE_SETTLS 0x00080000ULL

/* The user bases that this CPU was given last; the register may have become 0 since. */
static DEFINE_PER_CPU(unsigned long, cpu_fsbase);
static DEFINE_PER_CPU(unsigned long, cpu_gsbase);

static __always_inline unsigned int user_selectors(void)
{
	unsigned int fs, gs;

	__asm__ __volatile__("movl %%fs, %0\n\tmovl %%gs, %1" : "=r"(fs), "=r"(gs));
	return fs | gs;
}

/* Loading a null selector may or may not clear the base: afterwards both bases are written. => interrupts off */
static noinline void drop_user_selectors(void)
{
	__asm__ __volatile__("movl %0, %%fs\n\t"
			     "swapgs\n\t"
			     "movl %0, %%gs\n\t"
			     "swapgs"
			     :
			     : "r"(0)
			     : "memory");
	wrmsrl(MSR_FS_BASE, 0);
	wrmsrl(MSR_KERNEL_GS_BASE, 0);
	this_cpu_write(cpu_fsbase, 0);
	this_cpu_write(cpu_gsbase, 0);
}

static __always_inline void load_user_bases(const struct thread_struct *t)
{
	if (unlikely(user_selectors()))
		drop_user_selectors();
	if (likely(this_cpu_read(cpu_fsbase) | t->fsbase)) {
		wrmsrl(MSR_FS_BASE, t->fsbase);
		this_cpu_write(cpu_fsbase, t->fsbase);
	}
	if (unlikely(this_cpu_read(cpu_gsbase) | t->gsbase)) {
		wrmsrl(MSR_KERNEL_GS_BASE, t->gsbase);
		this_cpu_write(cpu_gsbase, t->gsbase);
	}
}

/* The rest of the switch, on the new stack. Returns prev, which assembly hands to whoever continues. */
struct task_struct *__switch_to(struct task_struct *prev, struct task_struct *next)
{
	if (prev->thread.fpu)
		fpu_save(prev->thread.fpu);
	this_cpu_write(current_task, next);
	load_sp0((unsigned long)next->stack + THREAD_SIZE);
	if (next->thread.fpu) {
		fpu_restore(next->thread.fpu);
		load_user_bases(&next->thread);
	}
	return prev;
}

/* ---- birth ---- */

struct fork_frame {
	unsigned long r15, r14, r13, r12, bx, bp;
	unsigned long ret_addr;
	struct pt_regs regs;
};

int copy_thread(struct task_struct *p, u64 clone_flags, unsigned long sp, int (*fn)(void *),
		void *arg, unsigned long tls)
{
	struct fork_frame *frame = (struct fork_frame *)((char *)p->stack + THREAD_SIZE) - 1;

	frame->bp = 0;
	frame->ret_addr = (unsigned long)ret_from_fork;
	p->thread.sp = (unsigned long)frame;
	p->thread.fpu = NULL;
	if (fn) {
		memset(&frame->regs, 0, sizeof(frame->regs));
		frame->bx = (unsigned long)fn;
		frame->r12 = (unsigned long)arg;
		p->thread.fsbase = p->thread.gsbase = 0;
		return 0;
	}
	frame->bx = 0;
	frame->regs = *current_pt_regs();
	frame->regs.ax = 0;
	/* The child leaves by IRETQ, in no system call. */
	force_iret(&frame->regs);
	if (sp)
		frame->regs.sp = sp;
	if (clone_flags & CLONE_SETTLS) {
		if (tls >= TASK_SIZE_MAX)
			return -EPERM;
		p->thread.fsbase = tls;
	}
	return fpu_clone(p);
}

void exit_thread(struct task_struct *p)
{
	fpu_free(p);
}

/* ---- exec ---- */

static void set_user_base(u32 msr, unsigned long *field, unsigned long base)
{
	unsigned long flags;

	local_irq_save(flags);
	*field = base;
	wrmsrl(msr, base);
	if (msr == MSR_FS_BASE)
		this_cpu_write(cpu_fsbase, base);
	else
		this_cpu_write(cpu_gsbase, base);
	local_irq_restore(flags);
}

int flush_thread(void)
{
	unsigned long flags;

	local_irq_save(flags);
	if (user_selectors())
		drop_user_selectors();
	local_irq_restore(flags);
	set_user_base(MSR_FS_BASE, &current->thread.fsbase, 0);
	set_user_base(MSR_KERNEL_GS_BASE, &current->thread.gsbase, 0);
	return fpu_flush_current();
}

void start_thread(struct pt_regs *regs, unsigned long ip, unsigned long sp)
{
	memset(regs, 0, sizeof(*regs));
	regs->ip = ip;
	regs->sp = sp;
	regs->cs = __USER_CS;
	regs->ss = __USER_DS;
	regs->flags = X86_EFLAGS_IF | X86_EFLAGS_FIXED;
	force_iret(regs);
}

/* ---- arch_prctl ---- */

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004

static long sys_arch_prctl(int option, unsigned long addr)
{
	switch (option) {
	case ARCH_SET_GS:
		if (addr >= TASK_SIZE_MAX)
			return -EPERM;
		set_user_base(MSR_KERNEL_GS_BASE, &current->thread.gsbase, addr);
		return 0;
	case ARCH_SET_FS:
		if (addr >= TASK_SIZE_MAX)
			return -EPERM;
		set_user_base(MSR_FS_BASE, &current->thread.fsbase, addr);
		return 0;
	case ARCH_GET_FS:
		return put_user(current->thread.fsbase, (unsigned long __user *)addr);
	case ARCH_GET_GS:
		return put_user(current->thread.gsbase, (unsigned long __user *)addr);
	}
	return -EINVAL;
}
SYSCALL(158, arch_prctl);

void arch_cpu_idle(void)
{
	safe_halt();
}
