/*
 * The events themselves: descriptors and recording functions, made from the headers.
 *
 * Mirrors the files with CREATE_TRACE_POINTS of Linux. Exercised by tests/user/tracefs.c and the trace suite.
 */
#define CREATE_TRACE_POINTS
#include "kernel/trace/trace.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/page_debug.h"
#include "mm/slab/slab_internal.h"

#include "kernel/trace/exceptions.h"
#include "kernel/trace/kmem.h"
#include "kernel/trace/sched.h"

/* The places of the hot paths test a word of the allocator's: a bit there says that one of these is on. */
void trace_kmem_changed(void)
{
	slab_hook_set(SLAB_HOOK_TRACE, trace_event_kmalloc.enabled || trace_event_kfree.enabled ||
					       trace_event_kmem_cache_alloc.enabled ||
					       trace_event_kmem_cache_free.enabled);
	page_debug_set(PAGE_DEBUG_TRACE, trace_event_mm_page_alloc.enabled ||
						 trace_event_mm_page_free.enabled ||
						 trace_event_mm_page_free_batched.enabled);
}
