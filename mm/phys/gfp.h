/*
 * GFP flags: what an allocation may use, may do and must not fail at.
 *
 * 1. A flag word answers three questions. Where from: the zone modifiers, the lowest four bits, and
 *    __GFP_THISNODE. How hard: the reclaim modifiers (may it sleep, start I/O, enter a file system,
 *    dip into the reserves). What shape: __GFP_ZERO, __GFP_COMP.
 * 2. Two flags, __GFP_MOVABLE and __GFP_RECLAIMABLE, also choose the migrate type, that is the kind
 *    of pageblock that the page comes from. They stand side by side, so the type is their bits shifted.
 * 3. Callers use the named combinations (GFP_KERNEL, GFP_ATOMIC ...), single flags only to modify them.
 *
 * Values are Linux's. Mirrors Linux include/linux/gfp_types.h. Exercised by the buddy suite.
 */
#pragma once

#include "lib/types.h"

/* Zone modifiers. */
#define __GFP_DMA     ((gfp_t)0x01)
#define __GFP_HIGHMEM ((gfp_t)0x02) /* no zone of its own on x86-64: user pages say it */
#define __GFP_DMA32   ((gfp_t)0x04)
#define __GFP_MOVABLE ((gfp_t)0x08) /* can be migrated; together with HIGHMEM allows ZONE_MOVABLE */
#define GFP_ZONEMASK  (__GFP_DMA | __GFP_HIGHMEM | __GFP_DMA32 | __GFP_MOVABLE)

/* Mobility and placement. */
#define __GFP_RECLAIMABLE ((gfp_t)0x10)	  /* slab that a shrinker can free */
#define __GFP_WRITE	  ((gfp_t)0x1000) /* will be dirtied soon */
#define __GFP_HARDWALL	  ((gfp_t)0x100000)
#define __GFP_THISNODE	  ((gfp_t)0x200000) /* this node or NULL */
#define __GFP_ACCOUNT	  ((gfp_t)0x400000) /* charge to the memory cgroup */
#define GFP_MOVABLE_MASK  (__GFP_RECLAIMABLE | __GFP_MOVABLE)
#define GFP_MOVABLE_SHIFT 3

/* Reserves. */
#define __GFP_HIGH	 ((gfp_t)0x20)	  /* may go half below the min watermark */
#define __GFP_MEMALLOC	 ((gfp_t)0x20000) /* no watermark at all: only who frees memory by it */
#define __GFP_NOMEMALLOC ((gfp_t)0x80000) /* never the reserves, wins over MEMALLOC */

/* Reclaim. */
#define __GFP_IO	     ((gfp_t)0x40)
#define __GFP_FS	     ((gfp_t)0x80)
#define __GFP_DIRECT_RECLAIM ((gfp_t)0x400) /* the caller may sleep */
#define __GFP_KSWAPD_RECLAIM ((gfp_t)0x800) /* wake kswapd at the low watermark */
#define __GFP_RECLAIM	     (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)
#define __GFP_RETRY_MAYFAIL  ((gfp_t)0x4000)
#define __GFP_NOFAIL	     ((gfp_t)0x8000)
#define __GFP_NORETRY	     ((gfp_t)0x10000)

/* Action. */
#define __GFP_ZERO     ((gfp_t)0x100)
#define __GFP_NOWARN   ((gfp_t)0x2000)
#define __GFP_COMP     ((gfp_t)0x40000) /* one compound page (a folio), not 2^order single ones */
#define __GFP_ZEROTAGS ((gfp_t)0x800000)

/* The combinations that callers use. */
#define GFP_ATOMIC	     (__GFP_HIGH | __GFP_KSWAPD_RECLAIM) /* interrupts, under spinlocks */
#define GFP_NOWAIT	     (__GFP_KSWAPD_RECLAIM | __GFP_NOWARN)
#define GFP_KERNEL	     (__GFP_RECLAIM | __GFP_IO | __GFP_FS) /* process context, may sleep */
#define GFP_KERNEL_ACCOUNT   (GFP_KERNEL | __GFP_ACCOUNT)
#define GFP_NOIO	     (__GFP_RECLAIM)
#define GFP_NOFS	     (__GFP_RECLAIM | __GFP_IO)
#define GFP_USER	     (__GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HARDWALL)
#define GFP_DMA		     __GFP_DMA
#define GFP_DMA32	     __GFP_DMA32
#define GFP_HIGHUSER	     (GFP_USER | __GFP_HIGHMEM)
#define GFP_HIGHUSER_MOVABLE (GFP_HIGHUSER | __GFP_MOVABLE)
#define GFP_TRANSHUGE_LIGHT \
	((GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN) & ~__GFP_RECLAIM)
#define GFP_TRANSHUGE (GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM)

/* May an allocation with these flags sleep? */
static __always_inline bool gfpflags_allow_blocking(gfp_t gfp)
{
	return gfp & __GFP_DIRECT_RECLAIM;
}

/* MIGRATE_UNMOVABLE, MIGRATE_MOVABLE or MIGRATE_RECLAIMABLE: the two flag bits are the number. */
static __always_inline int gfp_migratetype(gfp_t gfp)
{
	return (gfp & GFP_MOVABLE_MASK) >> GFP_MOVABLE_SHIFT;
}

/* "GFP_KERNEL|__GFP_COMP" into buf, cut off at len; returns buf. */
char *gfp_flags_string(gfp_t gfp, char *buf, size_t len);
