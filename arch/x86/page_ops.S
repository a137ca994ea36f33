/*
 * Page-sized memory operations, with 16-byte moves.
 *
 * Registers: rdi to, rsi from; xmm registers are saved on the stack, unaligned, and restored. Unrolled so that the
 * loop around the moves costs less than one instruction in fifty. Header: page_ops.h.
 */
	.macro	SAVE_XMM4
	sub	$64, %rsp
	movups	%xmm0, (%rsp)
	movups	%xmm1, 16(%rsp)
	movups	%xmm2, 32(%rsp)
	movups	%xmm3, 48(%rsp)
	.endm

	.macro	RESTORE_XMM4
	movups	(%rsp), %xmm0
	movups	16(%rsp), %xmm1
	movups	32(%rsp), %xmm2
	movups	48(%rsp), %xmm3
	add	$64, %rsp
	.endm

	/* 64 bytes to rdi + at */
	.macro	STORE_XMM4 at
	movaps	%xmm0, \at(%rdi)
	movaps	%xmm1, \at + 16(%rdi)
	movaps	%xmm2, \at + 32(%rdi)
	movaps	%xmm3, \at + 48(%rdi)
	.endm

	.text

	.globl	clear_page
	.type	clear_page, @function
	.align	64
clear_page:
	sub	$16, %rsp
	movups	%xmm0, (%rsp)
	xorps	%xmm0, %xmm0
	lea	4096(%rdi), %rax
1:
	.set	off, 0
	.rept	64
	movaps	%xmm0, off(%rdi)
	.set	off, off + 16
	.endr
	add	$1024, %rdi
	cmp	%rax, %rdi
	jne	1b
	movups	(%rsp), %xmm0
	add	$16, %rsp
	ret
	.size	clear_page, . - clear_page

	.globl	copy_page
	.type	copy_page, @function
	.align	64
copy_page:
	SAVE_XMM4
	lea	4096(%rdi), %rax
1:
	.set	off, 0
	.rept	8
	movaps	off(%rsi), %xmm0
	movaps	off + 16(%rsi), %xmm1
	movaps	off + 32(%rsi), %xmm2
	movaps	off + 48(%rsi), %xmm3
	STORE_XMM4 off
	.set	off, off + 64
	.endr
	add	$512, %rsi
	add	$512, %rdi
	cmp	%rax, %rdi
	jne	1b
	RESTORE_XMM4
	ret
	.size	copy_page, . - copy_page

	/* rdi to, rsi pattern, rdx number of 64-byte blocks */
	.globl	fill_blocks64
	.type	fill_blocks64, @function
	.align	64
fill_blocks64:
	SAVE_XMM4
	movups	(%rsi), %xmm0
	movups	16(%rsi), %xmm1
	movups	32(%rsi), %xmm2
	movups	48(%rsi), %xmm3
	mov	%rdx, %rcx
	shr	$3, %rcx
	jz	2f
1:
	.set	off, 0
	.rept	8
	STORE_XMM4 off
	.set	off, off + 64
	.endr
	add	$512, %rdi
	dec	%rcx
	jnz	1b
2:
	and	$7, %edx
	jz	4f
3:
	STORE_XMM4 0
	add	$64, %rdi
	dec	%edx
	jnz	3b
4:
	RESTORE_XMM4
	ret
	.size	fill_blocks64, . - fill_blocks64
