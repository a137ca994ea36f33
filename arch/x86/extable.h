/*
 * Exception table: instructions that may fault on purpose, and where to go on when they do.
 *
 * Each entry holds two offsets relative to itself, so the table needs no relocation. It is sorted
 * once at boot. A fault of the kernel whose address is in the table resumes at the fixup, which is
 * ordinary code in section .fixup; any other fault of the kernel is an oops.
 *
 * Mirrors Linux arch/x86/include/asm/extable.h and lib/extable.c. Exercised by tests/kernel/uaccess.c.
 */
#pragma once

#ifdef __ASSEMBLY__

/* A fault at label @from continues at label @to. */
/* clang-format off */
.macro _ASM_EXTABLE from, to
	.pushsection __ex_table, "a"
	.balign 4
	.long \from - .
	.long \to - .
	.popsection
.endm
/* clang-format on */

#else

#include "lib/types.h"

/* The labels as strings: clang-format takes the % of an operand for an operator. */
#define _ASM_EXTABLE_STR(from, to)           \
	".pushsection __ex_table, \"a\"\n\t" \
	".balign 4\n\t"                      \
	".long (" from ") - .\n\t"           \
	".long (" to ") - .\n\t"             \
	".popsection\n\t"
#define _ASM_EXTABLE(from, to) _ASM_EXTABLE_STR(#from, #to)

struct exception_table_entry {
	s32 insn, fixup;
};

struct pt_regs;

void sort_main_extable(void); /* boot CPU, once, before any fixup can be needed */
/* The entry of a faulting instruction, NULL if it has none. => any context */
const struct exception_table_entry *search_exception_tables(unsigned long addr);
/* Points @regs at the fixup of regs->ip; false if there is none. => from the fault handlers */
bool fixup_exception(struct pt_regs *regs);

#endif
