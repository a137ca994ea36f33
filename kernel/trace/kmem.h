/*
 * Trace events kmem: objects and pages, allocated and freed. The allocators call them behind slab_debug_hooks and page_debug,
 * so that off they cost nothing.
 *
 * Mirrors Linux include/trace/events/kmem.h: the names, fields and formats are Linux 6.1's. Exercised by
 * tests/user/tracefs.c and the trace suite.
 */
#pragma once

#include "kernel/trace.h"

#undef TRACE_SYSTEM
#define TRACE_SYSTEM "kmem"
#undef TRACE_CHANGED
#define TRACE_CHANGED trace_kmem_changed

/* What programs parse stays in one piece. */
/* clang-format off */
TRACE_EVENT(kmem_cache_alloc,
	    TP_PROTO(unsigned long call_site, const void *ptr, size_t bytes_req, size_t bytes_alloc,
		     gfp_t gfp_flags, int node),
	    TP_ARGS(call_site, ptr, bytes_req, bytes_alloc, gfp_flags, node),
	    TP_FIELDS((field, unsigned long, call_site), (field, const void *, ptr),
		      (field, size_t, bytes_req), (field, size_t, bytes_alloc),
		      (field, unsigned long, gfp_flags), (field, int, node),
		      (field, bool, accounted)),
	    TP_fast_assign(__entry->call_site = call_site; __entry->ptr = ptr;
			   __entry->bytes_req = bytes_req; __entry->bytes_alloc = bytes_alloc;
			   __entry->gfp_flags = gfp_flags; __entry->node = node;
			   __entry->accounted = false),
	    TP_printk("call_site=%pS ptr=%p bytes_req=%zu bytes_alloc=%zu gfp_flags=%s node=%d accounted=%s",
		      (void *)REC->call_site, REC->ptr, REC->bytes_req, REC->bytes_alloc,
		      show_gfp_flags(REC->gfp_flags), REC->node, REC->accounted ? "true" : "false"))

TRACE_EVENT(kmalloc,
	    TP_PROTO(unsigned long call_site, const void *ptr, size_t bytes_req, size_t bytes_alloc,
		     gfp_t gfp_flags, int node),
	    TP_ARGS(call_site, ptr, bytes_req, bytes_alloc, gfp_flags, node),
	    TP_FIELDS((field, unsigned long, call_site), (field, const void *, ptr),
		      (field, size_t, bytes_req), (field, size_t, bytes_alloc),
		      (field, unsigned long, gfp_flags), (field, int, node)),
	    TP_fast_assign(__entry->call_site = call_site; __entry->ptr = ptr;
			   __entry->bytes_req = bytes_req; __entry->bytes_alloc = bytes_alloc;
			   __entry->gfp_flags = gfp_flags; __entry->node = node),
	    TP_printk("call_site=%pS ptr=%p bytes_req=%zu bytes_alloc=%zu gfp_flags=%s node=%d accounted=%s",
		      (void *)REC->call_site, REC->ptr, REC->bytes_req, REC->bytes_alloc,
		      show_gfp_flags(REC->gfp_flags), REC->node, "false"))

TRACE_EVENT(kfree, TP_PROTO(unsigned long call_site, const void *ptr), TP_ARGS(call_site, ptr),
	    TP_FIELDS((field, unsigned long, call_site), (field, const void *, ptr)),
	    TP_fast_assign(__entry->call_site = call_site; __entry->ptr = ptr),
	    TP_printk("call_site=%pS ptr=%p", (void *)REC->call_site, REC->ptr))

TRACE_EVENT(kmem_cache_free, TP_PROTO(unsigned long call_site, const void *ptr, const char *cache),
	    TP_ARGS(call_site, ptr, cache),
	    TP_FIELDS((field, unsigned long, call_site), (field, const void *, ptr),
		      (string, name, cache)),
	    TP_fast_assign(__entry->call_site = call_site; __entry->ptr = ptr),
	    TP_printk("call_site=%pS ptr=%p name=%s", (void *)REC->call_site, REC->ptr,
		      __get_str(name)))

TRACE_EVENT(mm_page_free, TP_PROTO(unsigned long pfn, unsigned int order), TP_ARGS(pfn, order),
	    TP_FIELDS((field, unsigned long, pfn), (field, unsigned int, order)),
	    TP_fast_assign(__entry->pfn = pfn; __entry->order = order),
	    TP_printk("page=%p pfn=0x%lx order=%d", trace_page(REC->pfn), REC->pfn, REC->order))

TRACE_EVENT(mm_page_free_batched, TP_PROTO(unsigned long pfn), TP_ARGS(pfn),
	    TP_FIELDS((field, unsigned long, pfn)), TP_fast_assign(__entry->pfn = pfn),
	    TP_printk("page=%p pfn=0x%lx order=0", trace_page(REC->pfn), REC->pfn))

/* pfn is -1 when the allocation failed. */
TRACE_EVENT(mm_page_alloc,
	    TP_PROTO(unsigned long pfn, unsigned int order, gfp_t gfp_flags, int migratetype),
	    TP_ARGS(pfn, order, gfp_flags, migratetype),
	    TP_FIELDS((field, unsigned long, pfn), (field, unsigned int, order),
		      (field, unsigned long, gfp_flags), (field, int, migratetype)),
	    TP_fast_assign(__entry->pfn = pfn; __entry->order = order;
			   __entry->gfp_flags = gfp_flags; __entry->migratetype = migratetype),
	    TP_printk("page=%p pfn=0x%lx order=%d migratetype=%d gfp_flags=%s",
		      REC->pfn != -1UL ? trace_page(REC->pfn) : NULL,
		      REC->pfn != -1UL ? REC->pfn : 0, REC->order, REC->migratetype,
		      show_gfp_flags(REC->gfp_flags)))

TRACE_EVENT(mm_page_alloc_zone_locked,
	    TP_PROTO(unsigned long pfn, unsigned int order, int migratetype, int percpu_refill),
	    TP_ARGS(pfn, order, migratetype, percpu_refill),
	    TP_FIELDS((field, unsigned long, pfn), (field, unsigned int, order),
		      (field, int, migratetype), (field, int, percpu_refill)),
	    TP_fast_assign(__entry->pfn = pfn; __entry->order = order;
			   __entry->migratetype = migratetype;
			   __entry->percpu_refill = percpu_refill),
	    TP_printk("page=%p pfn=0x%lx order=%u migratetype=%d percpu_refill=%d",
		      trace_page(REC->pfn), REC->pfn, REC->order, REC->migratetype,
		      REC->percpu_refill))

TRACE_EVENT(mm_page_pcpu_drain, TP_PROTO(unsigned long pfn, unsigned int order, int migratetype),
	    TP_ARGS(pfn, order, migratetype),
	    TP_FIELDS((field, unsigned long, pfn), (field, unsigned int, order),
		      (field, int, migratetype)),
	    TP_fast_assign(__entry->pfn = pfn; __entry->order = order;
			   __entry->migratetype = migratetype),
	    TP_printk("page=%p pfn=0x%lx order=%d migratetype=%d", trace_page(REC->pfn), REC->pfn,
		      REC->order, REC->migratetype))

TRACE_EVENT(
	mm_page_alloc_extfrag,
	TP_PROTO(unsigned long pfn, int alloc_order, int fallback_order, int alloc_migratetype,
		 int fallback_migratetype, int change_ownership),
	TP_ARGS(pfn, alloc_order, fallback_order, alloc_migratetype, fallback_migratetype,
		change_ownership),
	TP_FIELDS((field, unsigned long, pfn), (field, int, alloc_order),
		  (field, int, fallback_order), (field, int, alloc_migratetype),
		  (field, int, fallback_migratetype), (field, int, change_ownership)),
	TP_fast_assign(__entry->pfn = pfn; __entry->alloc_order = alloc_order;
		       __entry->fallback_order = fallback_order;
		       __entry->alloc_migratetype = alloc_migratetype;
		       __entry->fallback_migratetype = fallback_migratetype;
		       __entry->change_ownership = change_ownership),
	TP_printk("page=%p pfn=0x%lx alloc_order=%d fallback_order=%d pageblock_order=%d alloc_migratetype=%d fallback_migratetype=%d fragmenting=%d change_ownership=%d",
		  trace_page(REC->pfn), REC->pfn, REC->alloc_order, REC->fallback_order, 9,
		  REC->alloc_migratetype, REC->fallback_migratetype, REC->fallback_order < 9,
		  REC->change_ownership))
/* clang-format on */
