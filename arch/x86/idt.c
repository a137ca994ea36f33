/*
 * The interrupt descriptor table: one for all CPUs, all gates interrupt gates (interrupts off on entry).
 *
 * Only INT3 and INTO are open to user mode; INT 0x80 is not a system call here and gives SIGSEGV, as on a Linux
 * kernel without 32-bit support. The stubs lie at multiples of 16 bytes (entry.S).
 *
 * Mirrors Linux arch/x86/kernel/idt.c. Exercised by every boot.
 */
#include "arch/x86/desc.h"
#include "arch/x86/page.h"
#include "arch/x86/ptrace.h"
#include "arch/x86/traps.h"

#define STUB_SIZE      16
#define GATE_INTERRUPT 0x8e
#define GATE_DPL3      0x60

extern const char exception_stubs[], irq_stubs[];
extern const char asm_exc_page_fault[], asm_exc_debug[], asm_exc_nmi[], asm_exc_double_fault[],
	asm_exc_machine_check[];

static struct gate_struct idt_table[NR_VECTORS] __aligned(PAGE_SIZE) __ro_after_init;

static void set_gate(unsigned int vector, const char *entry, unsigned int dpl_bits,
		     unsigned int ist)
{
	unsigned long addr = (unsigned long)entry;

	idt_table[vector] = (struct gate_struct){
		.offset_low = addr,
		.offset_middle = addr >> 16,
		.offset_high = addr >> 32,
		.segment = __KERNEL_CS,
		.type = GATE_INTERRUPT | dpl_bits,
		.ist = ist,
	};
}

void load_idt(void)
{
	struct desc_ptr ptr = { sizeof(idt_table) - 1, (u64)idt_table };

	__asm__ __volatile__("lidt %0" : : "m"(ptr));
}

void idt_setup_early(void)
{
	unsigned int v;

	for (v = 0; v < FIRST_IRQ_VECTOR; v++)
		set_gate(v, exception_stubs + v * STUB_SIZE, 0, 0);
	for (; v < NR_VECTORS; v++)
		set_gate(v, irq_stubs + (v - FIRST_IRQ_VECTOR) * STUB_SIZE, 0, 0);
	set_gate(X86_TRAP_BP, exception_stubs + X86_TRAP_BP * STUB_SIZE, GATE_DPL3, 0);
	set_gate(X86_TRAP_OF, exception_stubs + X86_TRAP_OF * STUB_SIZE, GATE_DPL3, 0);
	set_gate(X86_TRAP_DB, asm_exc_debug, 0, 0);
	set_gate(X86_TRAP_NMI, asm_exc_nmi, 0, 0);
	set_gate(X86_TRAP_DF, asm_exc_double_fault, 0, 0);
	set_gate(X86_TRAP_PF, asm_exc_page_fault, 0, 0);
	set_gate(X86_TRAP_MC, asm_exc_machine_check, 0, 0);
	load_idt();
}

void idt_setup_final(void)
{
	set_gate(X86_TRAP_NMI, asm_exc_nmi, 0, IST_INDEX_NMI);
	set_gate(X86_TRAP_DF, asm_exc_double_fault, 0, IST_INDEX_FATAL);
	set_gate(X86_TRAP_MC, asm_exc_machine_check, 0, IST_INDEX_FATAL);
}
