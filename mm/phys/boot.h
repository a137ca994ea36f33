/*
 * Between the files of mm/phys that run at boot: memory as segments, and the limits of zones.
 *
 * Each step is described in the file that does it: nodes.c, zones.c, movable_zone.c, memmap_init.c, deferred.c,
 * zonelist.c, wmark.c, mem_init.c. Mirrors the boot half of Linux mm/internal.h.
 */
#pragma once

#include "mm/phys/mmzone.h"

/* ---- nodes.c ---- */

/* The node itself if it has memory, else the nearest one that has. => after initmem_init() */
int nearest_memory_node(int nid);

/* ---- zones.c, movable_zone.c ---- */

extern const char *const zone_names[MAX_NR_ZONES];
/* First frame of ZONE_MOVABLE on each node, a multiple of MAX_ORDER_NR_PAGES; 0: the node has none. */
extern unsigned long zone_movable_pfn[MAX_NUMNODES];
/* movable_node: hot-pluggable RAM is for what can be moved, so boot allocates elsewhere. */
extern bool movable_node_enabled;
/* kernelcore=mirror is in force: above zone_movable_pfn mirrored RAM still belongs to the zones of the kernel. */
extern bool mirrored_kernelcore;
/* The zone whose upper part ZONE_MOVABLE takes: the highest one below it that has any frame. */
extern enum zone_type movable_zone;
/* Frames [zone_low, zone_high) of a zone that goes by address alone, on any node. */
unsigned long zone_low(int zid);
unsigned long zone_high(int zid);
/* The zone of a frame of this node; *end becomes the next frame that may be in another one. */
enum zone_type pfn_zone(int nid, unsigned long pfn, bool mirrored, unsigned long *end);
/* Fills zone_movable_pfn[] from the command line. => node_states and max_pfn known */
void __init find_zone_movable_pfns(void);

/* ---- memmap_init.c ---- */

/* Frames in a row that have struct pages and are alike in node, zone, and whether they are RAM. */
struct memmap_segment {
	unsigned long start, end;
	int nid;
	enum zone_type zid;
	bool ram; /* false: not RAM, but shares a granule with some */
};

/* The first segment, cut to [pfn, limit); false if nothing there has struct pages. */
bool next_memmap_segment(struct memmap_segment *seg, unsigned long pfn, unsigned long limit);
#define for_each_memmap_segment(seg, from, limit) \
	for ((seg)->end = (from); next_memmap_segment(seg, (seg)->end, limit);)

/* End of the run of frames from pfn on that are all reserved, or all not; at most limit. => pfn is RAM */
unsigned long next_reserved_run(unsigned long pfn, unsigned long limit, bool *reserved);
/* Writes the struct pages of [start, end), makes pfn_valid() true there, and gives the free ones to the buddy
 * allocator. => whole granules; memblock is final; each frame once */
void memmap_init_range(unsigned long start, unsigned long end);

/* ---- deferred.c ---- */

/* Decides what is left for later, and does memmap_init_range() for all the rest. => memblock final */
void __init deferred_init_early(void);
