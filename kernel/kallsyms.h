/*
 * Names of the kernel's own functions: addresses to symbols and back.
 *
 * The table is made from the linked kernel by tools/kallsyms.py. Mirrors Linux include/linux/kallsyms.h.
 * Exercised by tests/boot (oops).
 */
#pragma once

#include "lib/types.h"

#define KSYM_NAME_LEN	128
#define KSYM_SYMBOL_LEN (KSYM_NAME_LEN + 40)

void kallsyms_init(void); /* printf's %pS knows names from here; first thing at boot */
/* Name of the function that holds @addr, its size and the offset into it; NULL if none. => any context */
const char *kallsyms_lookup(unsigned long addr, unsigned long *size, unsigned long *offset);
/* Address of a function by its name, 0 if there is none. */
unsigned long kallsyms_lookup_name(const char *name);
/* Calls fn for each symbol in address order until it returns non-zero, and returns that. */
int kallsyms_on_each_symbol(int (*fn)(void *data, const char *name, unsigned long addr),
			    void *data);
/* "name+0x12/0x34", or the bare address; the length. @buf of KSYM_SYMBOL_LEN bytes. */
int sprint_symbol(char *buf, unsigned long addr);
/* The same for a return address: the call before it is what is meant. */
int sprint_backtrace(char *buf, unsigned long addr);
/* Is this an address of kernel code? */
bool kernel_text_address(unsigned long addr);
