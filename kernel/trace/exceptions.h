/*
 * Trace events exceptions: page faults, from user mode and in the kernel.
 *
 * Mirrors Linux arch/x86/include/asm/trace/exceptions.h: the names, fields and formats are Linux 6.1's. Exercised by
 * tests/user/tracefs.c and the trace suite.
 */
#pragma once

#include "kernel/trace.h"

#undef TRACE_SYSTEM
#define TRACE_SYSTEM "exceptions"
#undef TRACE_CHANGED
#define TRACE_CHANGED NULL

/* Both say the same; they differ in where the processor was. */
#define PAGE_FAULT_EVENT(name)                                                                   \
	TRACE_EVENT(name,                                                                        \
		    TP_PROTO(unsigned long address, unsigned long ip, unsigned long error_code), \
		    TP_ARGS(address, ip, error_code),                                            \
		    TP_FIELDS((field, unsigned long, address), (field, unsigned long, ip),       \
			      (field, unsigned long, error_code)),                               \
		    TP_fast_assign(__entry->address = address; __entry->ip = ip;                 \
				   __entry->error_code = error_code),                            \
		    TP_printk("address=%ps ip=%ps error_code=0x%lx", (void *)REC->address,       \
			      (void *)REC->ip, REC->error_code))

PAGE_FAULT_EVENT(page_fault_user)
PAGE_FAULT_EVENT(page_fault_kernel)
