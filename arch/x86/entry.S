/*
 * Every way into the kernel, and every way back to user mode.
 *
 * 1. All entries leave the same frame, struct pt_regs, on the kernel stack, user mode's at its very top. GS base
 *    is the kernel's while the kernel runs: SWAPGS exchanges it with the user's at each border.
 * 2. A system call saves all registers, but its fast way out loads only those that C may have changed: the
 *    callee-saved ones still hold the user's values. Whoever changes the frame (exec, rt_sigreturn, a
 *    signal) makes orig_ax negative or sets work flags, and the slow way loads everything with IRETQ.
 * 3. Work flags are looked at with interrupts off, so none can be set between the look and the return without
 *    an interrupt, which comes right after it, in user mode.
 * 4. NMI, double fault and machine check can come between an entry and its SWAPGS: they ask the GS base
 *    itself whether it is the kernel's. So does a debug exception from kernel mode.
 * 5. No IRETQ here can fault: selectors are ours, flags are filtered, and exit_to_user_mode_loop() refuses
 *    non-canonical instruction pointers, which only the slow way can carry.
 *
 * Facts: Intel SDM volume 3A, 6.14; volume 2B, SYSCALL, SYSRET. Mirrors Linux arch/x86/entry/entry_64.S. Exercised
 * by every user-space suite.
 */
#include "arch/x86/alternative.h"
#include "arch/x86/asm_offsets.h"

	.macro PUSH_REST		/* below rdi */
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	%rax
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	.endm

	.macro PUSH_REGS		/* below orig_ax */
	pushq	%rdi
	PUSH_REST
	.endm

	.macro POP_REGS
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	addq	$8, %rsp
	.endm

	.macro FUNC name
	.globl	\name
	.type	\name, @function
	.balign	16
\name:
	.endm

	.macro END_FUNC name
	.size	\name, . - \name
	.endm

	.section .entry.text, "ax"
	.code64

/* ---- system calls: rcx return address, r11 flags, interrupts off by SFMASK ---- */

FUNC entry_SYSCALL_64
	swapgs
	movq	%rsp, %gs:cpu_user_rsp
	movq	%gs:cpu_current_top_of_stack, %rsp
	pushq	$ASM_USER_DS
	pushq	%gs:cpu_user_rsp
	pushq	%r11
	pushq	$ASM_USER_CS
	pushq	%rcx
	pushq	%rax
	PUSH_REGS
	sti
	movl	%eax, %eax		/* the number is 32 bits, whatever stands above them */
	cmpl	$ASM_NR_SYSCALLS, %eax
	jae	1f
	movq	%r10, %rcx
	call	*sys_call_table(, %rax, 8)
	.globl	syscall_return
syscall_return:
	cli
	movq	%gs:current_task, %rdx
	testl	$TIF_WORK_MASK_ASM, TASK_flags_ti(%rdx)
	jnz	syscall_slow_exit
	cmpl	$0, ORIG_RAX(%rsp)
	jl	syscall_slow_exit
	movq	RDI(%rsp), %rdi
	movq	RSI(%rsp), %rsi
	movq	RDX(%rsp), %rdx
	movq	R10(%rsp), %r10
	movq	R8(%rsp), %r8
	movq	R9(%rsp), %r9
	movq	RIP(%rsp), %rcx
	movq	EFLAGS(%rsp), %r11
	movq	RSP(%rsp), %rsp
	swapgs
	sysretq
1:	movq	$-ASM_ENOSYS, %rax
	jmp	syscall_return
syscall_slow_exit:
	movq	%rax, RAX(%rsp)
exit_work:
	movq	%rsp, %rdi
	call	exit_to_user_mode_loop
restore_user:
	POP_REGS
	swapgs
	iretq
END_FUNC entry_SYSCALL_64

/* First steps of a new thread, on its own stack: rax is the task that ran before, rbx a kernel function or 0. */
FUNC ret_from_fork
	movq	%rax, %rdi
	call	schedule_tail
	testq	%rbx, %rbx
	jz	1f
	movq	%r12, %rdi
	call	*%rbx
	movq	$0, RAX(%rsp)		/* it has become a user program */
1:	cli
	jmp	exit_work
END_FUNC ret_from_fork

/* ---- exceptions ---- */

FUNC asm_exc_page_fault
	CLAC
	cld
	testb	$3, 16(%rsp)
	jz	1f
	swapgs
1:	PUSH_REGS
	movq	%rsp, %rdi
	movq	ORIG_RAX(%rsp), %rsi
	movq	$-1, ORIG_RAX(%rsp)
	movq	%cr2, %rdx
	call	do_page_fault
	.globl	ret_from_exception
ret_from_exception:
	cli
ret_from_interrupt:
	testb	$3, CS(%rsp)
	jz	1f
	movq	%gs:current_task, %rdx
	testl	$TIF_WORK_MASK_ASM, TASK_flags_ti(%rdx)
	jnz	exit_work
	POP_REGS
	swapgs
	iretq
1:	POP_REGS
	iretq
END_FUNC asm_exc_page_fault

/* On the stack: the vector, where rdi belongs; the error code; what the processor pushed. */
FUNC error_common
	CLAC
	cld
	xchgq	%rdi, (%rsp)
	testb	$3, 24(%rsp)
	jz	1f
	swapgs
1:	PUSH_REST
	movl	%edi, %edx
	movq	%rsp, %rdi
	movq	ORIG_RAX(%rsp), %rsi
	movq	$-1, ORIG_RAX(%rsp)
	call	do_exception
	jmp	ret_from_exception
END_FUNC error_common

	/* One that may come at any instruction of the kernel. rbx: was GS exchanged? */
	.macro PARANOID name, handler
FUNC \name
	.ifnc \name, asm_exc_double_fault
	pushq	$0
	.endif
	CLAC
	cld
	PUSH_REGS
	xorl	%ebx, %ebx
	movl	$ASM_GS_BASE, %ecx
	rdmsr
	testl	%edx, %edx
	js	1f
	swapgs
	incl	%ebx
1:	movq	%rsp, %rdi
	movq	ORIG_RAX(%rsp), %rsi
	movq	$-1, ORIG_RAX(%rsp)
	call	\handler
	jmp	paranoid_exit
END_FUNC \name
	.endm

PARANOID asm_exc_nmi, do_nmi
PARANOID asm_exc_double_fault, do_double_fault
PARANOID asm_exc_machine_check, do_machine_check
PARANOID asm_exc_debug_kernel, do_debug

FUNC paranoid_exit
	testl	%ebx, %ebx
	jz	1f
	swapgs
1:	POP_REGS
	iretq
END_FUNC paranoid_exit

FUNC asm_exc_debug
	testb	$3, 8(%rsp)
	jz	asm_exc_debug_kernel
	pushq	$0
	pushq	$1
	jmp	error_common
END_FUNC asm_exc_debug

	/* The other exceptions of the processor. Those with an error code: 8, 10-14, 17, 21, 29, 30. */
	.macro EXC_STUB vector
	.balign	16
	.if (\vector == 10) | (\vector == 11) | (\vector == 12) | (\vector == 13) | (\vector == 17) | (\vector == 21) | (\vector == 29) | (\vector == 30)
	.else
	pushq	$0
	.endif
	pushq	$\vector
	jmp	error_common
	.endm

	.globl	exception_stubs
	.balign	16
exception_stubs:
	.set	vector, 0
	.rept	32
	EXC_STUB vector
	.set	vector, vector + 1
	.endr

/* ---- interrupts: orig_ax is ~vector ---- */

	.globl	irq_stubs
	.balign	16
irq_stubs:
	.set	vector, 32
	.rept	224
	.balign	16
	pushq	$~vector
	jmp	asm_common_interrupt
	.set	vector, vector + 1
	.endr

FUNC asm_common_interrupt
	CLAC
	cld
	testb	$3, 16(%rsp)
	jz	1f
	swapgs
1:	PUSH_REGS
	movq	%rsp, %rdi
	call	common_interrupt
	jmp	ret_from_interrupt
END_FUNC asm_common_interrupt

/* ---- context switch: rdi from, rsi to ---- */

	.text
FUNC __switch_to_asm
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, TASK_thread_sp(%rdi)
	movq	TASK_thread_sp(%rsi), %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	jmp	__switch_to
END_FUNC __switch_to_asm

	.section .note.GNU-stack, "", @progbits
