/*
 * Where a second CPU begins: from real mode to the kernel's 64-bit code.
 *
 * The blob between trampoline_start and trampoline_end is copied to a page below 1 MiB, since a STARTUP interrupt names
 * only such a page; smp_prepare_cpus() writes the physical addresses into the fields at its end. It runs through 16-bit,
 * 32-bit and 64-bit mode on page tables that map the first MiB one to one (trampoline_pgd), and jumps to
 * secondary_startup_64 in the kernel proper, which takes the kernel's tables, the CPU's per-CPU base and its idle stack.
 *
 * One CPU at a time: the fields and secondary_* belong to the CPU that is being started.
 * Mirrors Linux arch/x86/realmode/rm/trampoline_64.S and kernel/head_64.S. Exercised by boots with more than one CPU.
 */

#define REL(label) ((label) - trampoline_start)

	.section .init.rodata, "a"
	.balign 16
	.globl trampoline_start
trampoline_start:
	.code16
	cli
	cld
	xorl	%ebx, %ebx
	movw	%cs, %bx
	movw	%bx, %ds
	movw	%bx, %es
	movw	%bx, %ss
	shll	$4, %ebx		/* physical address of the blob, kept to the end */
	lidtl	REL(tr_no_idt)
	lgdtl	REL(tr_gdt_ptr)
	movl	%cr0, %eax
	orl	$1, %eax		/* PE */
	movl	%eax, %cr0
	ljmpl	*REL(tr_jump32)

	.code32
tr_32:
	movw	$0x18, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	xorl	%eax, %eax
	movw	%ax, %fs
	movw	%ax, %gs
	movl	$0x20, %eax		/* PAE, nothing else yet */
	movl	%eax, %cr4
	movl	REL(tr_cr3)(%ebx), %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx	/* EFER: LME, and NX if the tables use it */
	movl	REL(tr_efer)(%ebx), %eax
	xorl	%edx, %edx
	wrmsr
	movl	$0x80010031, %eax	/* PG WP NE ET PE */
	movl	%eax, %cr0
	ljmpl	*REL(tr_jump64)(%ebx)

	.code64
tr_64:
	movl	%ebx, %ebx
	jmpq	*REL(tr_entry)(%rbx)

	.balign 16
tr_gdt:
	.quad	0
	.quad	0x00cf9b000000ffff	/* 0x08: 32-bit code */
	.quad	0x00af9b000000ffff	/* 0x10: 64-bit code, as __KERNEL_CS */
	.quad	0x00cf93000000ffff	/* 0x18: data, as __KERNEL_DS */
tr_gdt_end:
tr_no_idt:
	.word	0
	.long	0
	.globl tr_gdt_ptr, tr_jump32, tr_jump64, tr_cr3, tr_efer, tr_entry
tr_gdt_ptr:
	.word	tr_gdt_end - tr_gdt - 1
	.long	REL(tr_gdt)		/* + base */
	.balign 4
tr_jump32:
	.long	REL(tr_32)		/* + base */
	.word	0x08
	.balign 4
tr_jump64:
	.long	REL(tr_64)		/* + base */
	.word	0x10
	.balign 8
tr_cr3:
	.long	0
tr_efer:
	.long	0
tr_entry:
	.quad	0
	.globl trampoline_end
trampoline_end:

	.text
	.code64
	.globl secondary_startup_64
	.type secondary_startup_64, @function
secondary_startup_64:
	movq	secondary_cr3(%rip), %rax
	movq	%rax, %cr3
	movl	$0xc0000101, %ecx	/* GS base: this CPU's per-CPU area */
	movl	secondary_gs(%rip), %eax
	movl	secondary_gs+4(%rip), %edx
	wrmsr
	movq	secondary_stack(%rip), %rsp
	xorl	%ebp, %ebp
	pushq	$0			/* end of every backtrace */
	call	start_secondary
1:	hlt
	jmp	1b
	.size secondary_startup_64, . - secondary_startup_64

	.section .note.GNU-stack, "", @progbits
