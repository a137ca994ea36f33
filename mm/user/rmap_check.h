/*
 * The rmap checker: does every entry of an address space agree with what reverse mapping says? Theory in rmap_check.c.
 */
#pragma once

#include "mm/user/mm.h"

struct rmap_report {
	unsigned long entries;	   /* looked at */
	unsigned long unreachable; /* entries that a walk from their page does not find */
	unsigned long
		miscounted; /* pages whose mapcount is not what a walk finds; others may be changing it just now */
	unsigned long shared; /* entries that break the rules of exclusive pages */
};

/* Adds mm's entries to r. => mmap_lock held for reading; may sleep */
void rmap_check_mm(struct mm_struct *mm, struct rmap_report *r);
