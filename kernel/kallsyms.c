/*
 * Address -> function name, from the table that tools/kallsyms.py makes.
 *
 * Offsets from _text, ascending, one more than there are names, so that sizes are differences; names are strings one
 * after the other, in the same order. Addresses are found by bisection; the name then by counting strings, which
 * only reports pay for. Constant data, no locks.
 *
 * Mirrors Linux kernel/kallsyms.c. Exercised by tests/boot (oops).
 */
#include "kernel/kallsyms.h"

#include "lib/printf.h"
#include "lib/string.h"

extern const u32 kallsyms_num __weak, kallsyms_offsets[] __weak;
extern const char kallsyms_names[] __weak;
extern char _text[], _etext[], _sinittext[], _einittext[];

bool kernel_text_address(unsigned long addr)
{
	return (addr >= (unsigned long)_text && addr < (unsigned long)_etext) ||
	       (addr >= (unsigned long)_sinittext && addr < (unsigned long)_einittext);
}

static const char *nth_name(u32 n)
{
	const char *s = kallsyms_names;

	while (n--)
		s += strlen(s) + 1;
	return s;
}

const char *kallsyms_lookup(unsigned long addr, unsigned long *size, unsigned long *offset)
{
	u32 low = 0, high, at = addr - (unsigned long)_text;

	if (!kernel_text_address(addr) || !kallsyms_num || at < kallsyms_offsets[0])
		return NULL;
	/* The last entry whose offset is not above @at. */
	high = kallsyms_num;
	while (high - low > 1) {
		u32 mid = low + (high - low) / 2;

		if (kallsyms_offsets[mid] <= at)
			low = mid;
		else
			high = mid;
	}
	*offset = at - kallsyms_offsets[low];
	*size = kallsyms_offsets[low + 1] - kallsyms_offsets[low];
	return nth_name(low);
}

unsigned long kallsyms_lookup_name(const char *name)
{
	const char *s = kallsyms_names;

	for (u32 i = 0; i < kallsyms_num; i++, s += strlen(s) + 1)
		if (!strcmp(s, name))
			return (unsigned long)_text + kallsyms_offsets[i];
	return 0;
}

int kallsyms_on_each_symbol(int (*fn)(void *data, const char *name, unsigned long addr), void *data)
{
	const char *s = kallsyms_names;
	int ret = 0;

	for (u32 i = 0; i < kallsyms_num && !ret; i++, s += strlen(s) + 1)
		ret = fn(data, s, (unsigned long)_text + kallsyms_offsets[i]);
	return ret;
}

/* The printf resolver's order of arguments: start offset first. */
static const char *resolve(unsigned long addr, unsigned long *offset, unsigned long *size)
{
	return kallsyms_lookup(addr, size, offset);
}

void kallsyms_init(void)
{
	printf_set_symbol_resolver(resolve);
}

int sprint_symbol(char *buf, unsigned long addr)
{
	return snprintf(buf, KSYM_SYMBOL_LEN, "%pS", (void *)addr);
}

int sprint_backtrace(char *buf, unsigned long addr)
{
	return snprintf(buf, KSYM_SYMBOL_LEN, "%pB", (void *)addr);
}
