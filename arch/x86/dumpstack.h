/*
 * Reports of a kernel that cannot go on. See dumpstack.c.
 */
#pragma once

#include "arch/x86/ptrace.h"
#include "lib/types.h"

/* The same as die(), for a page fault: says what was accessed and how, with the page walk. => any context */
void die_page_fault(struct pt_regs *regs, unsigned long error_code, unsigned long address)
	__attribute__((__noreturn__));
/* mm/debug sets it: what is known of the page at a kernel address that faulted, to the log. NULL: nothing. */
extern bool (*die_explain_address)(unsigned long address);
