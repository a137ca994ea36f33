/*
 * Looking up where a faulting kernel instruction continues. The format is in extable.h.
 *
 * The table is sorted in place at boot, before it becomes read-only; entries are relative to themselves, so moving
 * one changes its contents. Constant afterwards: no locks. Mirrors Linux lib/extable.c and
 * arch/x86/mm/extable.c. Exercised by tests/kernel/uaccess.c.
 */
#include "arch/x86/extable.h"

#include "arch/x86/ptrace.h"

extern struct exception_table_entry __start___ex_table[], __stop___ex_table[];

static unsigned long ex_insn(const struct exception_table_entry *e)
{
	return (unsigned long)&e->insn + e->insn;
}

static unsigned long ex_fixup(const struct exception_table_entry *e)
{
	return (unsigned long)&e->fixup + e->fixup;
}

static void ex_set(struct exception_table_entry *e, unsigned long insn, unsigned long fixup)
{
	e->insn = insn - (unsigned long)&e->insn;
	e->fixup = fixup - (unsigned long)&e->fixup;
}

/* Insertion sort: the linker delivers nearly sorted runs. */
void sort_main_extable(void)
{
	for (struct exception_table_entry *e = __start___ex_table + 1; e < __stop___ex_table; e++) {
		unsigned long insn = ex_insn(e), fixup = ex_fixup(e);
		struct exception_table_entry *to = e;

		for (; to > __start___ex_table && ex_insn(to - 1) > insn; to--)
			ex_set(to, ex_insn(to - 1), ex_fixup(to - 1));
		if (to != e)
			ex_set(to, insn, fixup);
	}
}

const struct exception_table_entry *search_exception_tables(unsigned long addr)
{
	const struct exception_table_entry *low = __start___ex_table, *high = __stop___ex_table;

	while (low < high) {
		const struct exception_table_entry *mid = low + (high - low) / 2;
		unsigned long insn = ex_insn(mid);

		if (insn == addr)
			return mid;
		if (insn < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool fixup_exception(struct pt_regs *regs)
{
	const struct exception_table_entry *e = search_exception_tables(regs->ip);

	if (e)
		regs->ip = ex_fixup(e);
	return e != NULL;
}
