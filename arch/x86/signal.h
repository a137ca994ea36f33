/*
 * Signal delivery, the half that knows registers: frames on the user stack, and the way back.
 *
 * kernel/signal.c decides which signal comes next and carries out default actions; this half writes the
 * frame (Linux's struct rt_sigframe, so that handlers find their ucontext) and reads it back in
 * rt_sigreturn. The upper half registers itself in signal_ops.
 *
 * Mirrors Linux arch/x86/kernel/signal.c and signal_64.c. Exercised by tests/user/signals.c.
 */
#pragma once

#include "arch/x86/ptrace.h"
#include "lib/types.h"

#define SA_NOCLDSTOP  0x00000001UL
#define SA_NOCLDWAIT  0x00000002UL
#define SA_SIGINFO    0x00000004UL
#define SA_RESTORER   0x04000000UL
#define SA_ONSTACK    0x08000000UL
#define SA_RESTART    0x10000000UL
#define SA_NODEFER    0x40000000UL
#define SA_RESETHAND  0x80000000UL
#define SS_ONSTACK    1
#define SS_DISABLE    2
#define SS_AUTODISARM (1U << 31)
#define MINSIGSTKSZ   2048
#define SIGINFO_SIZE  128

/* A signal on its way to a handler. */
struct ksignal {
	int sig;
	unsigned long sa_handler, sa_flags, sa_restorer;
	u64 sa_mask;
	u8 info[SIGINFO_SIZE] __aligned(8); /* siginfo_t as the program will see it */
};

/* What a program calls stack_t. */
struct user_stack {
	unsigned long ss_sp;
	int ss_flags;
	size_t ss_size;
};

struct signal_ops {
	/*
	 * Takes the next signal that has a handler, its action as it was (SA_RESETHAND then done). Default
	 * actions happen inside: stopping sleeps here, termination does not return. False: none left.
	 */
	bool (*get_signal)(struct ksignal *ks);
	/* The frame is written: block sa_mask and the signal. Or it could not be: force SIGSEGV. */
	void (*setup_done)(struct ksignal *ks, bool failed);
	void (*set_current_blocked)(u64 mask);
	/* No handler ran: back to saved_sigmask if TIF_RESTORE_SIGMASK. */
	void (*restore_saved_sigmask)(void);
	/*
	 * TIF_NOTIFY_RESUME, or a signal is about to be delivered: a restartable sequence is aborted in
	 * @regs. => may sleep
	 */
	void (*rseq_notify_resume)(struct pt_regs *regs);
	/* SIGSEGV from the kernel (SI_KERNEL) for a bad frame or address. */
	void (*force_sigsegv)(void);
};
extern const struct signal_ops *signal_ops;

/*
 * All signal work before a return to user mode: delivers each pending signal that has a handler, restarts or
 * ends the interrupted system call. => interrupts on, at the top of the kernel stack
 */
void arch_do_signal(struct pt_regs *regs);
/* Is @sp on current's alternate stack? */
bool on_sig_stack(unsigned long sp);
long sys_rt_sigreturn(void);
