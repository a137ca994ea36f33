/*
 * Clearing, copying and filling whole pages: the loops that every fault runs through.
 *
 * The kernel is compiled without vector registers. These three functions use XMM ones all the same, because
 * sixteen bytes a move halve the work: they save what they use on the stack and put it back. So they may be called
 * in any context, interrupts included, and the user's registers survive. CR4.OSFXSR must be set.
 *
 * Mirrors Linux arch/x86/lib/{clear,copy}_page_64.S. Exercised by the buddy suite.
 */
#pragma once

#include "lib/types.h"

struct page;

void clear_page(void *page);		    /* 4 KiB of zeroes; page-aligned */
void copy_page(void *to, const void *from); /* 4 KiB; both page-aligned */
/* n copies of the 64 bytes at pattern, from to on; to is 64-byte aligned, n may be 0. */
void fill_blocks64(void *to, const void *pattern, size_t n);
