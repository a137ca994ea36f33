/*
 * execmem: memory for code that is made at run time.
 *
 * 1. It lies in reach of the kernel's own text (a call has 32 bits of distance), in module space.
 * 2. W^X: what execmem_alloc() returns for code is read-only and executable from the start, and full of
 *    INT3, so that running into it is an oops. It is never writable and executable at one time: either
 *    it is written through another address (execmem_update_copy), or made writable and not executable
 *    for a while (execmem_make_temp_rw .. execmem_restore_rox).
 *
 * Mirrors Linux include/linux/execmem.h. Exercised by the execmem suite.
 */
#pragma once

#include "lib/types.h"

enum execmem_type {
	EXECMEM_DEFAULT,
	EXECMEM_MODULE_TEXT = EXECMEM_DEFAULT,
	EXECMEM_KPROBES,
	EXECMEM_FTRACE,
	EXECMEM_BPF,
	EXECMEM_MODULE_DATA, /* writable, never executable */
	EXECMEM_TYPE_MAX,
};

/* size bytes, at least a page; NULL when out of memory or for a size that cannot be. => may sleep */
void *execmem_alloc(enum execmem_type type, size_t size) __malloc;
/* Code that may run must have ended. NULL is fine. => may sleep */
void execmem_free(void *ptr);

/* Copies code into memory that stays read-only; dst, or NULL if it is not execmem. => may sleep */
void *execmem_update_copy(void *dst, const void *src, size_t size);
/* The pages around [ptr, ptr + size): writable and not executable; and back. 0 or -errno. => may sleep */
int execmem_make_temp_rw(void *ptr, size_t size);
int execmem_restore_rox(void *ptr, size_t size);
