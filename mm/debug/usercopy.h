/*
 * Hardened usercopy: what its parts say to each other. The check itself is asked for in arch/x86/uaccess.h; the idea is in
 * usercopy.c.
 */
#pragma once

#include "lib/types.h"

struct page;

/*
 * Reports a copy of @len bytes at @offset of the object (@name a kind, @detail which, or NULL) and kills the task, or
 * panics where no task can be killed. => any context
 */
void usercopy_abort(const char *name, const char *detail, bool to_user, unsigned long offset,
		    unsigned long len) __attribute__((__noreturn__)) __cold;

/* Of [ptr, ptr + n), in the slab of @page (its head): returns if it is one object's, and may be copied. mm/slab/usercopy.c */
void __check_heap_object(unsigned long ptr, unsigned long n, struct page *page, bool to_user);
