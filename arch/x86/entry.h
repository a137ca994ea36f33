/*
 * C functions that assembly calls, and nobody else. Contracts: entry.S and boot/header.S.
 */
#pragma once

#include "arch/x86/ptrace.h"
#include "lib/types.h"

struct task_struct;

void common_interrupt(struct pt_regs *regs);
void exit_to_user_mode_loop(struct pt_regs *regs);
void do_exception(struct pt_regs *regs, unsigned long error_code, unsigned int vector);
void do_page_fault(struct pt_regs *regs, unsigned long error_code, unsigned long address);
void do_debug(struct pt_regs *regs, unsigned long error_code);
void do_nmi(struct pt_regs *regs, unsigned long error_code);
void do_double_fault(struct pt_regs *regs, unsigned long error_code);
void do_machine_check(struct pt_regs *regs, unsigned long error_code);
struct task_struct *__switch_to(struct task_struct *prev, struct task_struct *next);
void x86_64_start_kernel(void) __attribute__((__noreturn__));
void entry_SYSCALL_64(void);
