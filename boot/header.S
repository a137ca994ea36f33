/*
 * From the boot loader to 64-bit C.
 *
 * 1. The multiboot2 header asks the loader for what bootinfo.c reads. From BIOS and from UEFI alike
 *    GRUB enters at multiboot2_entry: 32 bits, flat segments, no paging, interrupts off, EAX the magic,
 *    EBX the boot information. This part runs where it was loaded, at 1 MiB.
 * 2. It checks the magic and that the processor has long mode, says on the first serial port what is
 *    wrong if not, and halts.
 * 3. The first page tables map the first 4 GiB twice, at 0 and at PAGE_OFFSET, and 16 MiB of kernel image
 *    at KERNEL_IMAGE_START, all in 2 MiB pages. They live until init_mem_mapping() builds the real ones.
 * 4. startup_64 is the first instruction at a high address (a good breakpoint). It leaves everything that
 *    lies low: stack, GDT; makes GS base 0, so that per-CPU accesses reach the static template; and calls C.
 *
 * Facts: Multiboot2 Specification 2.0, 3.1 and 3.3; Intel SDM volume 3A, 9.8.5. Mirrors Linux
 * arch/x86/boot/compressed/head_64.S and arch/x86/kernel/head_64.S. Exercised by tests/boot.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/msr.h"

#define MB2_HEADER_MAGIC 0xe85250d6
#define MB2_LOADER_MAGIC 0x36d76289
#define MB2_ARCH_I386 0
#define MB2_OPTIONAL 1

#define BOOT_CS32 0x08
#define BOOT_CS64 0x10
#define BOOT_DS 0x18

#define COM1 0x3f8
#define LSR_THRE 0x20

#define PTE_TABLE 0x63		/* present, writable, accessed, dirty */
#define PTE_LARGE 0xe3		/* the same, 2 MiB page */
#define KERNEL_LOAD_PHYS 0x200000
#define BOOT_IMAGE_PAGES 8	/* 2 MiB pages of kernel image */
#define PGD_LINEAR 273		/* pgd_index(PAGE_OFFSET) */
#ifdef CONFIG_KASAN
#define INIT_STACK_SIZE 32768
#define PGD_SHADOW 472		/* pgd_index(KASAN_SHADOW_START); 32 entries */
#else
#define INIT_STACK_SIZE 16384
#endif
	.set KERNEL_DELTA, 0xffffffff80e00000 /* virtual - physical, as in linker.ld */

/* ---- what the loader looks for ---- */

	.section .multiboot2, "a"
	.balign 8
mb2_header:
	.long MB2_HEADER_MAGIC, MB2_ARCH_I386, mb2_end - mb2_header
	.long -(MB2_HEADER_MAGIC + MB2_ARCH_I386 + (mb2_end - mb2_header))
1:	/* information request: command line, loader name, modules, memory map, both RSDPs, UEFI's own map */
	.short 1, MB2_OPTIONAL
	.long 2f - 1b
	.long 1, 2, 3, 4, 6, 14, 15, 17
2:	.balign 8
1:	/* entry address */
	.short 3, 0
	.long 2f - 1b
	.long multiboot2_entry
2:	.balign 8
1:	/* modules on page boundaries: files of the initramfs may be mapped where they lie */
	.short 6, 0
	.long 2f - 1b
2:	.balign 8
	.short 0, 0
	.long 8
mb2_end:

/* ---- 32 bits ---- */

	.section .boot32.text, "ax"
	.code32
	.globl multiboot2_entry
multiboot2_entry:
	cld
	cli
	movl	$boot32_stack_top, %esp
	pushl	$0
	popfl
	movl	%eax, %ebp
	cmpl	$MB2_LOADER_MAGIC, %eax
	jne	bad_magic
	movl	%eax, boot_magic - KERNEL_DELTA
	movl	%ebx, boot_info_phys - KERNEL_DELTA

	/* CPUID exists if its flag can be changed. */
	pushfl
	popl	%eax
	movl	%eax, %ecx
	xorl	$(1 << 21), %eax
	pushl	%eax
	popfl
	pushfl
	popl	%eax
	cmpl	%eax, %ecx
	je	no_long_mode
	movl	$0x80000000, %eax
	cpuid
	cmpl	$0x80000001, %eax
	jb	no_long_mode
	movl	$0x80000001, %eax
	cpuid
	btl	$29, %edx
	jnc	no_long_mode
	movl	%edx, %ebp		/* bit 20: no-execute */

	/* What firmware and loader took; everything later is the kernel's own time. */
	rdtsc
	movl	%eax, boot_entry_tsc - KERNEL_DELTA
	movl	%edx, boot_entry_tsc + 4 - KERNEL_DELTA

	/* Four tables of 512 large pages: the first 4 GiB. */
	movl	$boot_pmd, %edi
	movl	$PTE_LARGE, %eax
1:	movl	%eax, (%edi)
	movl	$0, 4(%edi)
	addl	$8, %edi
	addl	$0x200000, %eax
	jnc	1b

	movl	$boot_pmd + PTE_TABLE, %eax
	movl	%eax, boot_pud
	addl	$4096, %eax
	movl	%eax, boot_pud + 8
	addl	$4096, %eax
	movl	%eax, boot_pud + 16
	addl	$4096, %eax
	movl	%eax, boot_pud + 24

	movl	$boot_pmd_image + 8 * 8, %edi
	movl	$KERNEL_LOAD_PHYS + PTE_LARGE, %eax
	movl	$BOOT_IMAGE_PAGES, %ecx
1:	movl	%eax, (%edi)
	addl	$8, %edi
	addl	$0x200000, %eax
	decl	%ecx
	jnz	1b
	movl	$boot_pmd_image + PTE_TABLE, boot_pud_image + 510 * 8

	movl	$boot_pud + PTE_TABLE, boot_pgd
	movl	$boot_pud + PTE_TABLE, boot_pgd + PGD_LINEAR * 8
	movl	$boot_pud_image + PTE_TABLE, boot_pgd + 511 * 8

#ifdef CONFIG_KASAN
	/* All of the shadow is one page, through one table of each level (mm/debug/kasan_init.c). */
	movl	$512, %ecx
1:	movl	$kasan_early_shadow_pmd - KERNEL_DELTA + PTE_TABLE, kasan_early_shadow_pud - KERNEL_DELTA - 8(, %ecx, 8)
	movl	$kasan_early_shadow_pte - KERNEL_DELTA + PTE_TABLE, kasan_early_shadow_pmd - KERNEL_DELTA - 8(, %ecx, 8)
	movl	$kasan_early_shadow_page - KERNEL_DELTA + PTE_TABLE, kasan_early_shadow_pte - KERNEL_DELTA - 8(, %ecx, 8)
	loop	1b
	movl	$32, %ecx
1:	movl	$kasan_early_shadow_pud - KERNEL_DELTA + PTE_TABLE, boot_pgd + (PGD_SHADOW - 1) * 8(, %ecx, 8)
	loop	1b
#endif

	/* 64-bit paging: PAE, top table, long mode (with NX if there), then paging itself. */
	movl	%cr4, %eax
	orl	$(X86_CR4_PAE | X86_CR4_PSE), %eax
	movl	%eax, %cr4
	movl	$boot_pgd, %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$(EFER_LME | EFER_SCE), %eax
	btl	$20, %ebp
	jnc	1f
	orl	$EFER_NX, %eax
1:	wrmsr
	movl	$CR0_STATE, %eax
	movl	%eax, %cr0
	lgdt	boot_gdt_descr
	ljmp	$BOOT_CS64, $1f

	.code64
1:	movabsq	$startup_64, %rax
	jmpq	*%rax

	.code32
bad_magic:
	call	serial_init
	movl	$msg_bad_magic, %esi
	call	serial_puts
	movl	%ebp, %edx
	movl	$8, %ecx
1:	roll	$4, %edx
	movl	%edx, %eax
	andl	$15, %eax
	movb	hex_digits(%eax), %al
	call	serial_putc
	decl	%ecx
	jnz	1b
	movl	$msg_bad_magic_end, %esi
	jmp	die

no_long_mode:
	call	serial_init
	movl	$msg_no_long_mode, %esi
die:	call	serial_puts
1:	cli
	hlt
	jmp	1b

/* 115200 baud, 8n1, FIFO on. Ports that nothing answers at do no harm. */
serial_init:
	movl	$serial_setup, %esi
1:	movzwl	(%esi), %edx
	testl	%edx, %edx
	jz	2f
	movb	2(%esi), %al
	outb	%al, %dx
	addl	$4, %esi
	jmp	1b
2:	ret

serial_puts:
	movb	(%esi), %al
	testb	%al, %al
	jz	1f
	call	serial_putc
	incl	%esi
	jmp	serial_puts
1:	ret

/* The character in AL. Gives up waiting for a transmitter that is never ready. */
serial_putc:
	pushl	%ecx
	pushl	%edx
	pushl	%eax
	movl	$100000, %ecx
	movl	$COM1 + 5, %edx
1:	inb	%dx, %al
	testb	$LSR_THRE, %al
	jnz	2f
	decl	%ecx
	jnz	1b
2:	popl	%eax
	movl	$COM1, %edx
	outb	%al, %dx
	popl	%edx
	popl	%ecx
	ret

	.section .boot32.rodata, "a"
msg_bad_magic:
	.asciz "Quire: not started by a multiboot2 loader (magic 0x"
msg_bad_magic_end:
	.asciz "). Boot it with GRUB: make run.\r\n"
msg_no_long_mode:
	.asciz "Quire: this processor has no 64-bit mode. Use a 64-bit one (QEMU: qemu-system-x86_64).\r\n"
hex_digits:
	.ascii "0123456789abcdef"
	.balign 4
serial_setup:	/* port, value */
	.short COM1 + 1, 0x00
	.short COM1 + 3, 0x80
	.short COM1 + 0, 0x01
	.short COM1 + 1, 0x00
	.short COM1 + 3, 0x03
	.short COM1 + 2, 0x07
	.short COM1 + 4, 0x03
	.short 0, 0

	.section .boot32.data, "aw"
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* 32-bit code */
	.quad 0x00af9b000000ffff	/* 64-bit code */
	.quad 0x00cf93000000ffff	/* data */
boot_gdt_descr:
	.short . - boot_gdt - 1
	.long boot_gdt

	.section .boot32.bss, "aw", @nobits
	.balign 4096
	.globl boot_pgd
boot_pgd:	.skip 4096
boot_pud:	.skip 4096
boot_pmd:	.skip 4 * 4096
boot_pud_image:	.skip 4096
boot_pmd_image:	.skip 4096
boot32_stack:	.skip 1024
boot32_stack_top:

/* ---- 64 bits, high addresses ---- */

	.section .head.text, "ax"
	.code64
	.globl startup_64
	.type startup_64, @function
startup_64:
	movq	$init_stack + INIT_STACK_SIZE, %rsp
	lgdt	early_gdt_descr(%rip)
	movl	$BOOT_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	pushq	$BOOT_CS64
	pushq	$1f
	lretq
1:	movl	$MSR_GS_BASE, %ecx
	xorl	%eax, %eax
	xorl	%edx, %edx
	wrmsr
	xorl	%ebp, %ebp		/* the backtrace ends here */
	pushq	$0
	pushq	$0
	call	x86_64_start_kernel
1:	cli
	hlt
	jmp	1b
	.size startup_64, . - startup_64

	.section .data, "aw"
	.balign 8
early_gdt_descr:
	.short 16 * 8 - 1
	.quad gdt_page		/* in the per-CPU template */

	.section .bss..page_aligned, "aw", @nobits
	.balign 4096
	.skip 4096		/* the guard: mark_rodata_ro() takes it out of the tables */
	.globl init_stack
init_stack:
	.skip INIT_STACK_SIZE

#ifdef CONFIG_KASAN
	.balign 4096
	.irp	name, pud, pmd, pte, page
	.globl	kasan_early_shadow_\name
kasan_early_shadow_\name:
	.skip	4096
	.endr
#endif

	.section .note.GNU-stack, "", @progbits
