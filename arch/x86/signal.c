/*
 * Frames of signal handlers, in Linux's layout, and the restart of interrupted system calls.
 *
 * 1. From high to low on the user stack (or the alternate one): the floating-point state (64-byte aligned), struct
 *    rt_sigframe, whose first word is the return address: the C library's restorer, which calls rt_sigreturn.
 *    The red zone of 128 bytes below the interrupted stack pointer is left alone.
 * 2. The handler gets the signal, a pointer to siginfo and one to ucontext. What it changes in ucontext is loaded by
 *    rt_sigreturn, as far as a program may set it: selectors stay ours, flags are filtered.
 * 3. A system call that gave -ERESTART* is ended with -EINTR or begun again, by pointing ip at its SYSCALL
 *    instruction (two bytes long), as the action's SA_RESTART and the code say.
 *
 * Only current's own state is touched: no locks. Mirrors Linux arch/x86/kernel/{signal,signal_64}.c. Exercised by
 * tests/user/signals.c.
 */
#include "arch/x86/signal.h"

#include "arch/x86/fpu.h"
#include "arch/x86/page.h"
#include "arch/x86/syscall.h"
#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "lib/string.h"

#define NR_restart_syscall   219
#define RED_ZONE	     128
#define SIGKILL_AND_SIGSTOP  (BIT(9 - 1) | BIT(19 - 1))
#define UC_FP_XSTATE	     1
#define UC_SIGCONTEXT_SS     2
#define UC_STRICT_RESTORE_SS 4
/* Flags that a handler may change. */
#define FIX_EFLAGS                                                                            \
	(X86_EFLAGS_AC | BIT(11) /* OF */ | X86_EFLAGS_DF | X86_EFLAGS_TF | BIT(7) | BIT(6) | \
	 BIT(4) | BIT(2) | X86_EFLAGS_CF | X86_EFLAGS_RF)

struct sigcontext {
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 di, si, bp, bx, dx, ax, cx, sp, ip, flags;
	u16 cs, gs, fs, ss;
	u64 err, trapno, oldmask, cr2;
	u64 fpstate;
	u64 reserved1[8];
};

struct user_stack_t {
	u64 ss_sp;
	u32 ss_flags, pad;
	u64 ss_size;
};

struct ucontext {
	u64 uc_flags;
	u64 uc_link;
	struct user_stack_t uc_stack;
	struct sigcontext uc_mcontext;
	u64 uc_sigmask;
};

struct rt_sigframe {
	u64 pretcode;
	struct ucontext uc;
	u8 info[SIGINFO_SIZE];
};
static_assert(sizeof(struct sigcontext) == 256);
static_assert(sizeof(struct rt_sigframe) == 440);

const struct signal_ops *signal_ops __ro_after_init;

/* ---- alternate stack ---- */

bool on_sig_stack(unsigned long sp)
{
	if (current->sas_ss_flags & SS_AUTODISARM)
		return false;
	return sp > current->sas_ss_sp && sp - current->sas_ss_sp <= current->sas_ss_size;
}

static unsigned int sas_ss_flags(unsigned long sp)
{
	if (!current->sas_ss_size)
		return SS_DISABLE;
	return on_sig_stack(sp) ? SS_ONSTACK : 0;
}

/* Where the frame goes: 0 if it would overflow the alternate stack it must be on. */
static unsigned long frame_address(const struct pt_regs *regs, unsigned long sa_flags,
				   unsigned long *fpstate)
{
	unsigned long sp = regs->sp - RED_ZONE;
	bool nested = on_sig_stack(regs->sp), entering = false;

	if ((sa_flags & SA_ONSTACK) && !sas_ss_flags(regs->sp)) {
		sp = current->sas_ss_sp + current->sas_ss_size;
		entering = true;
	}
	*fpstate = ALIGN_DOWN(sp - fpu_sigframe_size(), 64);
	sp = ALIGN_DOWN(*fpstate - sizeof(struct rt_sigframe), 16) - 8;
	if ((nested || entering) &&
	    (sp <= current->sas_ss_sp || sp > current->sas_ss_sp + current->sas_ss_size))
		return 0;
	return sp;
}

/* ---- to the handler ---- */

#define PUT(value, field) unsafe_put_user((u64)(value), &(field), fault)

/* => inside user_access_begin() */
static __always_inline int put_sigcontext(struct sigcontext __user *sc, const struct pt_regs *regs,
					  unsigned long fpstate, u64 mask)
{
	const struct thread_struct *t = &current->thread;

	PUT(regs->r8, sc->r8);
	PUT(regs->r9, sc->r9);
	PUT(regs->r10, sc->r10);
	PUT(regs->r11, sc->r11);
	PUT(regs->r12, sc->r12);
	PUT(regs->r13, sc->r13);
	PUT(regs->r14, sc->r14);
	PUT(regs->r15, sc->r15);
	PUT(regs->di, sc->di);
	PUT(regs->si, sc->si);
	PUT(regs->bp, sc->bp);
	PUT(regs->bx, sc->bx);
	PUT(regs->dx, sc->dx);
	PUT(regs->ax, sc->ax);
	PUT(regs->cx, sc->cx);
	PUT(regs->sp, sc->sp);
	PUT(regs->ip, sc->ip);
	PUT(regs->flags, sc->flags);
	/* cs, gs, fs, ss in one word */
	PUT((u64)__USER_CS | (u64)__USER_DS << 48, *(u64 __user *)&sc->cs);
	PUT(t->error_code, sc->err);
	PUT(t->trap_nr, sc->trapno);
	PUT(mask, sc->oldmask);
	PUT(t->cr2, sc->cr2);
	PUT(fpstate, sc->fpstate);
	PUT(0, sc->reserved1[0]);
	PUT(0, sc->reserved1[1]);
	PUT(0, sc->reserved1[2]);
	PUT(0, sc->reserved1[3]);
	PUT(0, sc->reserved1[4]);
	PUT(0, sc->reserved1[5]);
	PUT(0, sc->reserved1[6]);
	PUT(0, sc->reserved1[7]);
	return 0;
fault:
	return -EFAULT;
}

static int put_frame(struct rt_sigframe __user *frame, const struct ksignal *ks,
		     const struct pt_regs *regs, unsigned long fpstate, u64 mask)
{
	if (!user_access_begin(frame, sizeof(*frame)))
		return -EFAULT;
	PUT(ks->sa_restorer, frame->pretcode);
	PUT((fpu_xfeatures ? UC_FP_XSTATE : 0) | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
	    frame->uc.uc_flags);
	PUT(0, frame->uc.uc_link);
	PUT(current->sas_ss_sp, frame->uc.uc_stack.ss_sp);
	PUT(sas_ss_flags(regs->sp) | (current->sas_ss_flags & SS_AUTODISARM),
	    *(u64 __user *)&frame->uc.uc_stack.ss_flags);
	PUT(current->sas_ss_size, frame->uc.uc_stack.ss_size);
	PUT(mask, frame->uc.uc_sigmask);
	if (put_sigcontext(&frame->uc.uc_mcontext, regs, fpstate, mask))
		goto fault;
	user_access_end();
	return __copy_to_user(frame->info, ks->info, SIGINFO_SIZE) ? -EFAULT : 0;
fault:
	user_access_end();
	return -EFAULT;
}

static int setup_rt_frame(struct ksignal *ks, struct pt_regs *regs)
{
	u64 mask = test_tsk_thread_flag(current, TIF_RESTORE_SIGMASK) ? current->saved_sigmask
								      : current->blocked;
	struct rt_sigframe __user *frame;
	unsigned long fpstate, sp;

	/* x86-64 has no other way back. */
	if (!(ks->sa_flags & SA_RESTORER))
		return -EFAULT;
	sp = frame_address(regs, ks->sa_flags, &fpstate);
	frame = (struct rt_sigframe __user *)sp;
	if (!sp || fpu_save_to_user((void __user *)fpstate) ||
	    put_frame(frame, ks, regs, fpstate, mask))
		return -EFAULT;
	if (current->sas_ss_flags & SS_AUTODISARM) {
		current->sas_ss_sp = 0;
		current->sas_ss_size = 0;
		current->sas_ss_flags = SS_DISABLE;
	}
	regs->di = ks->sig;
	regs->si = (unsigned long)frame->info;
	regs->dx = (unsigned long)&frame->uc;
	regs->ax = 0; /* number of vector arguments, should the handler be variadic */
	regs->sp = sp;
	regs->ip = ks->sa_handler;
	regs->cs = __USER_CS;
	regs->ss = __USER_DS;
	regs->flags &= ~(X86_EFLAGS_DF | X86_EFLAGS_RF | X86_EFLAGS_TF);
	return 0;
}

static void handle_signal(struct ksignal *ks, struct pt_regs *regs)
{
	if (syscall_get_nr(regs) != -1) {
		switch ((long)regs->ax) {
		case -ERESTART_RESTARTBLOCK:
		case -ERESTARTNOHAND:
			regs->ax = -EINTR;
			break;
		case -ERESTARTSYS:
			if (!(ks->sa_flags & SA_RESTART)) {
				regs->ax = -EINTR;
				break;
			}
			fallthrough;
		case -ERESTARTNOINTR:
			regs->ax = regs->orig_ax;
			regs->ip -= 2;
			break;
		}
		/* A second signal must not wind back once more. */
		force_iret(regs);
	}
	/* The handler must not return into the middle of a restartable sequence. */
	if (unlikely(current->rseq))
		signal_ops->rseq_notify_resume(regs);
	signal_ops->setup_done(ks, setup_rt_frame(ks, regs) != 0);
}

void arch_do_signal(struct pt_regs *regs)
{
	struct ksignal ks;

	if (!signal_ops)
		return;
	if (READ_ONCE(current->flags_ti) & (_TIF_SIGPENDING | _TIF_NOTIFY_SIGNAL)) {
		if (signal_ops->get_signal(&ks)) {
			handle_signal(&ks, regs);
			return;
		}
	}
	if (syscall_get_nr(regs) != -1) {
		switch ((long)regs->ax) {
		case -ERESTARTNOHAND:
		case -ERESTARTSYS:
		case -ERESTARTNOINTR:
			regs->ax = regs->orig_ax;
			regs->ip -= 2;
			force_iret(regs);
			break;
		case -ERESTART_RESTARTBLOCK:
			regs->ax = NR_restart_syscall;
			regs->ip -= 2;
			force_iret(regs);
			break;
		}
	}
	signal_ops->restore_saved_sigmask();
}

/* ---- back from the handler ---- */

static int restore_sigcontext(struct pt_regs *regs, const struct sigcontext *sc)
{
	regs->r8 = sc->r8;
	regs->r9 = sc->r9;
	regs->r10 = sc->r10;
	regs->r11 = sc->r11;
	regs->r12 = sc->r12;
	regs->r13 = sc->r13;
	regs->r14 = sc->r14;
	regs->r15 = sc->r15;
	regs->di = sc->di;
	regs->si = sc->si;
	regs->bp = sc->bp;
	regs->bx = sc->bx;
	regs->dx = sc->dx;
	regs->ax = sc->ax;
	regs->cx = sc->cx;
	regs->sp = sc->sp;
	regs->ip = sc->ip;
	regs->cs = __USER_CS;
	regs->ss = __USER_DS;
	regs->flags = (regs->flags & ~FIX_EFLAGS) | (sc->flags & FIX_EFLAGS);
	force_iret(regs);
	return fpu_restore_from_user((const void __user *)sc->fpstate);
}

static void restore_altstack(const struct user_stack_t *ss, unsigned long sp)
{
	unsigned int mode = ss->ss_flags & ~SS_AUTODISARM;

	/* Errors are ignored, as sigaltstack() on the same stack would give them. */
	if (on_sig_stack(sp) || (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0))
		return;
	if (mode == SS_DISABLE) {
		current->sas_ss_sp = 0;
		current->sas_ss_size = 0;
	} else if (ss->ss_size >= MINSIGSTKSZ) {
		current->sas_ss_sp = ss->ss_sp;
		current->sas_ss_size = ss->ss_size;
	}
	current->sas_ss_flags = ss->ss_flags;
}

long sys_rt_sigreturn(void)
{
	struct pt_regs *regs = current_pt_regs();
	/* The restorer was returned to: the frame's first word has been popped. */
	const struct rt_sigframe __user *frame = (const struct rt_sigframe __user *)(regs->sp - 8);
	struct ucontext uc;

	if (copy_from_user(&uc, &frame->uc, sizeof(uc)))
		goto bad;
	signal_ops->set_current_blocked(uc.uc_sigmask & ~SIGKILL_AND_SIGSTOP);
	if (restore_sigcontext(regs, &uc.uc_mcontext))
		goto bad;
	restore_altstack(&uc.uc_stack, regs->sp);
	return regs->ax;
bad:
	force_iret(regs);
	signal_ops->force_sigsegv();
	return 0;
}
SYSCALL(15, rt_sigreturn);
