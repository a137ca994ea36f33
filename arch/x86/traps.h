/*
 * Exceptions and interrupts: how they come in, who handles them, and what the rest of the kernel sees.
 *
 * 1. entry.S saves every register as struct pt_regs on the kernel stack and calls C. Exceptions of user
 *    programs become signals; those of the kernel are looked up in the exception table, and are an oops
 *    if they are not there.
 * 2. Interrupts run on the kernel stack of the interrupted task, with interrupts off, one handler per
 *    vector. They do not nest, except that an NMI may come at any time.
 * 3. On the way back to user mode, and only there, pending work is done: rescheduling and signals. A
 *    return to kernel mode does nothing: the kernel is not preempted.
 * 4. NMI, double fault and machine check have stacks of their own.
 *
 * Mirrors Linux arch/x86/kernel/{traps,idt,irq}.c. Exercised by tests/user/fault*.c and every boot.
 */
#pragma once

#define X86_TRAP_DE	  0
#define X86_TRAP_DB	  1
#define X86_TRAP_NMI	  2
#define X86_TRAP_BP	  3
#define X86_TRAP_OF	  4
#define X86_TRAP_BR	  5
#define X86_TRAP_UD	  6
#define X86_TRAP_NM	  7
#define X86_TRAP_DF	  8
#define X86_TRAP_OLD_MF	  9
#define X86_TRAP_TS	  10
#define X86_TRAP_NP	  11
#define X86_TRAP_SS	  12
#define X86_TRAP_GP	  13
#define X86_TRAP_PF	  14
#define X86_TRAP_SPURIOUS 15
#define X86_TRAP_MF	  16
#define X86_TRAP_AC	  17
#define X86_TRAP_MC	  18
#define X86_TRAP_XF	  19
#define NR_VECTORS	  256
#define FIRST_IRQ_VECTOR  32

/* Error code of a page fault. */
#define X86_PF_PROT  BIT(0) /* the page was there, the access was not allowed */
#define X86_PF_WRITE BIT(1)
#define X86_PF_USER  BIT(2) /* from user mode */
#define X86_PF_RSVD  BIT(3) /* a reserved bit was set in an entry */
#define X86_PF_INSTR BIT(4) /* fetch of an instruction */
#define X86_PF_PK    BIT(5)

#ifndef __ASSEMBLY__

#include "arch/x86/ptrace.h"
#include "kernel/percpu.h"
#include "lib/types.h"

/* ---- what upper floors register ---- */

/*
 * Faults on user addresses, from user mode or from uaccess in the kernel. mm/user sets it once at boot.
 * 0: handled, run the instruction again. Else the access is bad: the handler has raised the signal if the
 * fault came from user mode; a fault of the kernel goes to the exception table.
 * => called with interrupts on; may sleep
 */
typedef int (*user_fault_fn)(struct pt_regs *regs, unsigned long error_code, unsigned long address);
extern user_fault_fn user_fault_handler;
/*
 * Faults of the kernel that the exception table does not repair: true if mm/debug did, and the instruction may run again. NULL:
 * nobody asked. => interrupts off, any context
 */
extern bool (*kernel_fault_hook)(const struct pt_regs *regs, unsigned long error_code,
				 unsigned long address);
/* Raises a signal that current can neither block nor ignore, with si_code and si_addr. Set by kernel/signal.c. */
extern void (*force_sig_fault_hook)(int sig, int code, void __user *addr);

/* ---- interrupts ---- */

typedef void (*irq_vector_fn)(struct pt_regs *regs);
/* Installs the handler of a vector of 32 or more; it must signal end of interrupt itself. NULL removes. */
void set_irq_handler(unsigned int vector, irq_vector_fn fn);

DECLARE_PER_CPU(unsigned int, irq_depth);
DECLARE_PER_CPU(struct pt_regs *, irq_regs);
/* True in an interrupt handler (not in an exception handler). */
#define in_interrupt() (this_cpu_read(irq_depth) != 0)
#define in_irq()       in_interrupt()
#define in_hardirq()   in_interrupt()
/* The interrupted registers, in an interrupt handler; else NULL. */
#define get_irq_regs() this_cpu_read(irq_regs)

/* ---- exceptions ---- */

/* The IDT for this CPU's first moments: every exception handled, no stacks of their own yet. */
void idt_setup_early(void);
/* The final IDT: NMI, double fault and machine check on their own stacks. => the TSS is loaded */
void idt_setup_final(void);
void load_idt(void); /* this CPU */

/*
 * An exception in the kernel that nothing can repair: registers, page walk, backtrace; then the kernel
 * stops (panic). => any context
 */
void die(const char *what, struct pt_regs *regs, unsigned long error_code) __noreturn __cold;
/*
 * One line "comm[pid]: segfault at ..." in the log for a signal that is about to kill current, rate
 * limited. The fault details are those of current->thread. => kernel/signal.c, before the default action
 */
void show_unhandled_signal(int sig, const struct pt_regs *regs);
/* Raises a signal on current after an exception: remembers trap number and error code for its frame. */
void do_trap_signal(struct pt_regs *regs, int trapnr, unsigned long error_code, int sig, int code,
		    unsigned long addr);

#endif
