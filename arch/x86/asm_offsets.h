/*
 * Offsets of C structures for assembly. arch/x86/process.c checks each against the compiler.
 */
#pragma once

/* struct task_struct */
#define TASK_flags_ti  0
#define TASK_stack     8
#define TASK_thread_sp 16

/* struct pt_regs */
#define R15	     0x00
#define R14	     0x08
#define R13	     0x10
#define R12	     0x18
#define RBP	     0x20
#define RBX	     0x28
#define R11	     0x30
#define R10	     0x38
#define R9	     0x40
#define R8	     0x48
#define RAX	     0x50
#define RCX	     0x58
#define RDX	     0x60
#define RSI	     0x68
#define RDI	     0x70
#define ORIG_RAX     0x78
#define RIP	     0x80
#define CS	     0x88
#define EFLAGS	     0x90
#define RSP	     0x98
#define SS	     0xa0
#define PT_REGS_SIZE 0xa8

/* TIF bits: work before a return to user mode (_TIF_WORK_MASK). */
#define TIF_WORK_MASK_ASM 0x2f

/* Selectors, as in ptrace.h. */
#define ASM_KERNEL_CS 0x10
#define ASM_USER_DS   0x2b
#define ASM_USER_CS   0x33

#define ASM_NR_SYSCALLS 512
#define ASM_ENOSYS	38
#define ASM_GS_BASE	0xc0000101
