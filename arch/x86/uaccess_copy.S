/*
 * The loops of uaccess: copying and clearing with string instructions, exact to the byte when a page is missing.
 *
 * After a fault in the eight-byte part the rest is tried byte by byte, so that everything up to the bad page has been copied;
 * the result is what is left. Header: uaccess.h. Mirrors Linux arch/x86/lib/copy_user_64.S.
 */
#include "arch/x86/alternative.h"
#include "arch/x86/extable.h"

	.text
	.code64

/* rdi to, rsi from, rdx n; rax bytes not copied */
	.globl	__copy_user
	.type	__copy_user, @function
	.balign	16
__copy_user:
	movq	%rdx, %rcx
	shrq	$3, %rcx
	andl	$7, %edx
	STAC
1:	rep movsq
	movl	%edx, %ecx
3:	rep movsb
	CLAC
	xorl	%eax, %eax
	ret
4:	/* in words: rcx words and edx bytes are left */
	leaq	(%rdx, %rcx, 8), %rcx
5:	rep movsb
6:	CLAC
	movq	%rcx, %rax
	ret
	_ASM_EXTABLE 1b, 4b
	_ASM_EXTABLE 3b, 6b
	_ASM_EXTABLE 5b, 6b
	.size	__copy_user, . - __copy_user

/* rdi to, rsi n; rax bytes not cleared */
	.globl	__clear_user
	.type	__clear_user, @function
	.balign	16
__clear_user:
	movq	%rsi, %rcx
	shrq	$3, %rcx
	andl	$7, %esi
	xorl	%eax, %eax
	STAC
1:	rep stosq
	movl	%esi, %ecx
3:	rep stosb
	CLAC
	ret
4:	leaq	(%rsi, %rcx, 8), %rcx
5:	rep stosb
6:	CLAC
	movq	%rcx, %rax
	ret
	_ASM_EXTABLE 1b, 4b
	_ASM_EXTABLE 3b, 6b
	_ASM_EXTABLE 5b, 6b
	.size	__clear_user, . - __clear_user

	.section .note.GNU-stack, "", @progbits
