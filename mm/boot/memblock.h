/*
 * memblock: the allocator before the allocator.
 *
 * A struct memblock is two sorted arrays of physical ranges: `memory`, what RAM there is, and
 * `reserved`, what of it is taken. Free memory is the difference; allocating is adding to `reserved`.
 * The theory is in memblock.c. Every operation exists twice: on a struct memblock given (memblock_x_in),
 * which the suite feeds with odd maps, and on the machine's own one (memblock_x, in memblock_boot.c).
 *
 * Boot CPU only, no locks: at memblock_free_all() the arrays become constant, and stay.
 * Mirrors Linux include/linux/memblock.h. Exercised by the memblock suite; in gdb: q-memblock.
 */
#pragma once

#include "arch/x86/page.h"
#include "lib/types.h"

enum memblock_flags {
	MEMBLOCK_NONE = 0x0,
	MEMBLOCK_HOTPLUG = 0x1, /* can be unplugged: keep kernel allocations out if possible */
	MEMBLOCK_MIRROR = 0x2,	/* mirrored memory */
	MEMBLOCK_NOMAP = 0x4,	/* RAM, but not for the linear map nor for the allocator */
};

struct memblock_region {
	phys_addr_t base;
	phys_addr_t size;
	enum memblock_flags flags;
	int nid; /* NUMA_NO_NODE until the nodes are known */
};

struct memblock_type {
	unsigned long cnt; /* regions in use; sorted by base, disjoint, adjacent equals merged */
	unsigned long max; /* room in the array */
	phys_addr_t total_size;
	struct memblock_region *regions;
	phys_addr_t array_phys; /* where a grown array lies; 0: static, or not of this memblock */
	const char *name;
};

/* The first byte after it. */
static inline phys_addr_t memblock_region_end(const struct memblock_region *rgn)
{
	return rgn->base + rgn->size;
}

struct memblock {
	bool bottom_up;		   /* allocate from low addresses; default is from the top */
	unsigned int avoid;	   /* nothing is allocated in regions with one of these flags */
	phys_addr_t current_limit; /* nothing is allocated at or above it */
	struct memblock_type memory;
	struct memblock_type reserved;
	bool can_resize; /* the arrays may grow: their memory can be reached */
	/* Where larger arrays come from; NULL: from this memblock itself, as on the machine. */
	struct memblock_region *(*alloc_array)(size_t size);
};

extern struct memblock memblock;
extern bool memblock_debug;

#define MEMBLOCK_ALLOC_ANYWHERE	  (~(phys_addr_t)0) /* limits: none */
#define MEMBLOCK_ALLOC_ACCESSIBLE ((phys_addr_t)0)  /* up to current_limit */
/* For memblock_alloc_try_nid(): up to current_limit, and kmemleak need not know. */
#define MEMBLOCK_ALLOC_NOLEAKTRACE ((phys_addr_t)1)
#define MEMBLOCK_LOW_LIMIT	   ((phys_addr_t)0)

/* ---- on a struct given ---- */

/* Add a range to memory / reserved; overlaps and neighbours of the same kind merge. size 0 is a no-op; a
 * range that runs past the top of the address space is cut. 0 or -ENOMEM (the array is full and cannot grow). */
int memblock_add_in(struct memblock *mb, phys_addr_t base, phys_addr_t size, int nid,
		    enum memblock_flags flags);
int memblock_reserve_in(struct memblock *mb, phys_addr_t base, phys_addr_t size);
/* Take a range out of memory / reserved, whatever part of it is there. */
int memblock_remove_in(struct memblock *mb, phys_addr_t base, phys_addr_t size);
int memblock_phys_free_in(struct memblock *mb, phys_addr_t base, phys_addr_t size);
/* Free range of size bytes, aligned, inside [start, end); 0 if none. Does not reserve. */
phys_addr_t memblock_find_in_range(struct memblock *mb, phys_addr_t start, phys_addr_t end,
				   phys_addr_t size, phys_addr_t align, int nid);
/* The same, reserved. With exact_nid the node is a condition, without it a wish. */
phys_addr_t memblock_alloc_range_in(struct memblock *mb, phys_addr_t size, phys_addr_t align,
				    phys_addr_t start, phys_addr_t end, int nid, bool exact_nid);
int memblock_setclr_flag_in(struct memblock *mb, phys_addr_t base, phys_addr_t size, bool set,
			    enum memblock_flags flag);
int memblock_set_node_in(struct memblock *mb, phys_addr_t base, phys_addr_t size, int nid);
/* Cuts the ends of RAM ranges that are not whole units of align. */
void memblock_trim_memory_in(struct memblock *mb, phys_addr_t align);
bool memblock_is_memory_in(const struct memblock *mb, phys_addr_t addr);
bool memblock_is_reserved_in(const struct memblock *mb, phys_addr_t addr);
/* Is any byte of the range reserved? / is all of it RAM? */
bool memblock_is_region_reserved_in(const struct memblock *mb, phys_addr_t base, phys_addr_t size);
bool memblock_is_region_memory_in(const struct memblock *mb, phys_addr_t base, phys_addr_t size);
/* Index of the first region that ends above addr: the one that holds addr, or the next; cnt if there is none. */
unsigned long memblock_search(const struct memblock_type *type, phys_addr_t addr);
/* Sorted, disjoint, merged, totals right? For the suite and debug kernels. */
bool memblock_type_is_sane(const struct memblock_type *type);
/* Next free range at or after *idx (start with 0): true and *start, *end, *nid. Skips NOMAP. */
bool memblock_next_free(const struct memblock *mb, u64 *idx, int nid, phys_addr_t *start,
			phys_addr_t *end, int *out_nid);
/* The same from the top; start with *idx = ULLONG_MAX. */
bool memblock_next_free_rev(const struct memblock *mb, u64 *idx, int nid, phys_addr_t *start,
			    phys_addr_t *end, int *out_nid);

/* ---- on the machine's ---- */

int memblock_add(phys_addr_t base, phys_addr_t size);
int memblock_add_node(phys_addr_t base, phys_addr_t size, int nid, enum memblock_flags flags);
int memblock_remove(phys_addr_t base, phys_addr_t size);
int memblock_reserve(phys_addr_t base, phys_addr_t size);
/* Gives an allocation or reservation back, before memblock_free_all(). */
int memblock_phys_free(phys_addr_t base, phys_addr_t size);
void memblock_free(void *ptr, size_t size);
int memblock_set_node(phys_addr_t base, phys_addr_t size, int nid);
int memblock_mark_hotplug(phys_addr_t base, phys_addr_t size);
int memblock_clear_hotplug(phys_addr_t base, phys_addr_t size);
int memblock_mark_mirror(phys_addr_t base, phys_addr_t size);
int memblock_clear_mirror(phys_addr_t base, phys_addr_t size);
int memblock_mark_nomap(phys_addr_t base, phys_addr_t size);

/* Physical address of size bytes aligned to align (0: 64), 0 if there is none. Contents undefined. */
phys_addr_t memblock_phys_alloc(phys_addr_t size, phys_addr_t align);
phys_addr_t memblock_phys_alloc_range(phys_addr_t size, phys_addr_t align, phys_addr_t start,
				      phys_addr_t end);
/* Linear-map address of zeroed memory, or NULL. _raw is not zeroed; _or_panic never returns NULL. */
void *memblock_alloc(phys_addr_t size, phys_addr_t align);
void *memblock_alloc_raw(phys_addr_t size, phys_addr_t align);
void *memblock_alloc_or_panic(phys_addr_t size, phys_addr_t align);
/* On node nid if it has room, else anywhere; min, max bound the address (max 0: current_limit). */
void *memblock_alloc_try_nid(phys_addr_t size, phys_addr_t align, phys_addr_t min, phys_addr_t max,
			     int nid);
void *memblock_alloc_node(phys_addr_t size, phys_addr_t align, int nid);

void memblock_set_bottom_up(bool enable);
/* From now on nothing is allocated where one of these flags is; 0: everywhere again. */
void memblock_set_avoid(unsigned int flags);
void memblock_set_current_limit(phys_addr_t limit);
phys_addr_t memblock_get_current_limit(void);
/* From now on the arrays may grow. => the linear map reaches all memory that can be allocated */
void memblock_allow_resize(void);
void memblock_trim_memory(phys_addr_t align);

phys_addr_t memblock_phys_mem_size(void);
phys_addr_t memblock_reserved_size(void);
phys_addr_t memblock_start_of_DRAM(void);
phys_addr_t memblock_end_of_DRAM(void);
bool memblock_is_memory(phys_addr_t addr);
bool memblock_is_reserved(phys_addr_t addr);
bool memblock_is_region_reserved(phys_addr_t base, phys_addr_t size);
bool memblock_is_region_memory(phys_addr_t base, phys_addr_t size);

/* Both arrays on the console, if memblock=debug was given; _all always. */
void memblock_dump(void);
void memblock_dump_all(void);

/* ---- iteration ---- */

#define for_each_memblock_type(i, type, rgn) \
	for (i = 0, rgn = &(type)->regions[0]; i < (type)->cnt; i++, rgn = &(type)->regions[i])

#define for_each_mem_region(rgn)                                                                 \
	for (rgn = memblock.memory.regions; rgn < memblock.memory.regions + memblock.memory.cnt; \
	     rgn++)
#define for_each_reserved_mem_region(rgn)     \
	for (rgn = memblock.reserved.regions; \
	     rgn < memblock.reserved.regions + memblock.reserved.cnt; rgn++)

/* Free ranges: RAM that is not reserved. i is a u64; nid NUMA_NO_NODE for all nodes. */
#define for_each_free_mem_range(i, node, p_start, p_end, p_nid) \
	for (i = 0; memblock_next_free(&memblock, &i, node, p_start, p_end, p_nid);)
#define for_each_free_mem_range_reverse(i, node, p_start, p_end, p_nid) \
	for (i = ULLONG_MAX; memblock_next_free_rev(&memblock, &i, node, p_start, p_end, p_nid);)

/* RAM ranges, reserved or not. i is an unsigned long. */
bool memblock_next_mem(unsigned long *i, phys_addr_t *start, phys_addr_t *end);
#define for_each_mem_range(i, p_start, p_end) for (i = 0; memblock_next_mem(&i, p_start, p_end);)

/* Whole pages of RAM on a node (NUMA_NO_NODE: all) as frame numbers. i is an int. */
bool memblock_next_mem_pfn(int *i, int nid, unsigned long *start_pfn, unsigned long *end_pfn,
			   int *out_nid);
#define for_each_mem_pfn_range(i, nid, p_start, p_end, p_nid) \
	for (i = 0; memblock_next_mem_pfn(&i, nid, p_start, p_end, p_nid);)
