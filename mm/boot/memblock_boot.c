/*
 * The machine's memblock: what boot code calls.
 *
 * 1. One struct memblock, with two static arrays to begin with, and for each operation of memblock.c a function on it.
 *    memblock=debug prints each of them with its caller.
 * 2. Allocations return addresses in the linear map, zeroed unless the name says otherwise, and NULL (or 0) if there is
 *    nothing; a node is a wish here, never a condition.
 * 3. for_each_mem_pfn_range() and its relatives in memblock.h walk the arrays; they may not be changed meanwhile.
 *
 * Boot CPU only, no locks. Mirrors Linux mm/memblock.c. Exercised by the memblock suite and every boot.
 */
#include "mm/boot/memblock.h"

#include "arch/x86/numa.h"
#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/string.h"
#include "mm/debug/kmemleak.h"

#define INIT_MEMBLOCK_REGIONS 64

static struct memblock_region memory_init_regions[INIT_MEMBLOCK_REGIONS];
static struct memblock_region reserved_init_regions[INIT_MEMBLOCK_REGIONS];

struct memblock memblock = {
	.current_limit = MEMBLOCK_ALLOC_ANYWHERE,
	.memory = {
		.max = INIT_MEMBLOCK_REGIONS,
		.regions = memory_init_regions,
		.name = "memory",
	},
	.reserved = {
		.max = INIT_MEMBLOCK_REGIONS,
		.regions = reserved_init_regions,
		.name = "reserved",
	},
};

#define memblock_dbg(fmt, ...)                       \
	do {                                         \
		if (memblock_debug)                  \
			pr_info(fmt, ##__VA_ARGS__); \
	} while (0)

static int __init early_memblock(char *arg)
{
	if (arg && streq(arg, "debug"))
		memblock_debug = true;
	else
		pr_warn("memblock=%s: not debug, ignored\n", arg ? arg : "");
	return 0;
}
early_param("memblock", early_memblock);

int memblock_add_node(phys_addr_t base, phys_addr_t size, int nid, enum memblock_flags flags)
{
	memblock_dbg("memblock_add: [%#018lx-%#018lx] nid=%d flags=%x\n", base, base + size - 1,
		     nid, flags);
	return memblock_add_in(&memblock, base, size, nid, flags);
}

int memblock_add(phys_addr_t base, phys_addr_t size)
{
	return memblock_add_node(base, size, NUMA_NO_NODE, MEMBLOCK_NONE);
}

int memblock_remove(phys_addr_t base, phys_addr_t size)
{
	memblock_dbg("memblock_remove: [%#018lx-%#018lx]\n", base, base + size - 1);
	return memblock_remove_in(&memblock, base, size);
}

int memblock_reserve(phys_addr_t base, phys_addr_t size)
{
	memblock_dbg("memblock_reserve: [%#018lx-%#018lx] %pS\n", base, base + size - 1,
		     __builtin_return_address(0));
	return memblock_reserve_in(&memblock, base, size);
}

int memblock_phys_free(phys_addr_t base, phys_addr_t size)
{
	memblock_dbg("memblock_phys_free: [%#018lx-%#018lx] %pS\n", base, base + size - 1,
		     __builtin_return_address(0));
	kmemleak_free_part_phys(base, size);
	return memblock_phys_free_in(&memblock, base, size);
}

void memblock_free(void *ptr, size_t size)
{
	if (ptr)
		memblock_phys_free(__pa(ptr), round_up(size, (size_t)SMP_CACHE_BYTES));
}

int memblock_set_node(phys_addr_t base, phys_addr_t size, int nid)
{
	return memblock_set_node_in(&memblock, base, size, nid);
}

int memblock_mark_hotplug(phys_addr_t base, phys_addr_t size)
{
	return memblock_setclr_flag_in(&memblock, base, size, true, MEMBLOCK_HOTPLUG);
}

int memblock_clear_hotplug(phys_addr_t base, phys_addr_t size)
{
	return memblock_setclr_flag_in(&memblock, base, size, false, MEMBLOCK_HOTPLUG);
}

int memblock_mark_mirror(phys_addr_t base, phys_addr_t size)
{
	return memblock_setclr_flag_in(&memblock, base, size, true, MEMBLOCK_MIRROR);
}

int memblock_clear_mirror(phys_addr_t base, phys_addr_t size)
{
	return memblock_setclr_flag_in(&memblock, base, size, false, MEMBLOCK_MIRROR);
}

int memblock_mark_nomap(phys_addr_t base, phys_addr_t size)
{
	return memblock_setclr_flag_in(&memblock, base, size, true, MEMBLOCK_NOMAP);
}

phys_addr_t memblock_phys_alloc_range(phys_addr_t size, phys_addr_t align, phys_addr_t start,
				      phys_addr_t end)
{
	phys_addr_t found =
		memblock_alloc_range_in(&memblock, size, align, start, end, NUMA_NO_NODE, false);

	memblock_dbg("memblock_phys_alloc: %lu bytes align=%#lx at %#lx %pS\n", size, align, found,
		     __builtin_return_address(0));
	if (found)
		kmemleak_alloc_phys(found, size, 0);
	return found;
}

phys_addr_t memblock_phys_alloc(phys_addr_t size, phys_addr_t align)
{
	return memblock_phys_alloc_range(size, align, 0, MEMBLOCK_ALLOC_ACCESSIBLE);
}

static void *alloc_virt(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
			phys_addr_t max_addr, int nid, bool zero)
{
	bool untracked = max_addr == MEMBLOCK_ALLOC_NOLEAKTRACE;
	phys_addr_t found;
	void *ptr;

	if (untracked)
		max_addr = MEMBLOCK_ALLOC_ACCESSIBLE;
	found = memblock_alloc_range_in(&memblock, size, align, min_addr, max_addr, nid, false);

	memblock_dbg("memblock_alloc: %lu bytes align=%#lx nid=%d at %#lx\n", size, align, nid,
		     found);
	if (!found)
		return NULL;
	if (!untracked)
		kmemleak_alloc_phys(found, size, 0);
	ptr = __va(found);
	if (zero)
		memset(ptr, 0, size);
	return ptr;
}

void *memblock_alloc(phys_addr_t size, phys_addr_t align)
{
	return alloc_virt(size, align, 0, MEMBLOCK_ALLOC_ACCESSIBLE, NUMA_NO_NODE, true);
}

void *memblock_alloc_raw(phys_addr_t size, phys_addr_t align)
{
	return alloc_virt(size, align, 0, MEMBLOCK_ALLOC_ACCESSIBLE, NUMA_NO_NODE, false);
}

void *memblock_alloc_or_panic(phys_addr_t size, phys_addr_t align)
{
	void *ptr = memblock_alloc(size, align);

	if (!ptr)
		panic("Out of memory at boot: no %lu bytes free; give the machine more memory\n",
		      size);
	return ptr;
}

void *memblock_alloc_try_nid(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
			     phys_addr_t max_addr, int nid)
{
	return alloc_virt(size, align, min_addr, max_addr, nid, true);
}

void *memblock_alloc_node(phys_addr_t size, phys_addr_t align, int nid)
{
	return alloc_virt(size, align, 0, MEMBLOCK_ALLOC_ACCESSIBLE, nid, true);
}

void memblock_set_bottom_up(bool enable)
{
	memblock.bottom_up = enable;
}

void memblock_set_avoid(unsigned int flags)
{
	memblock.avoid = flags;
}

void memblock_set_current_limit(phys_addr_t limit)
{
	memblock.current_limit = limit;
}

phys_addr_t memblock_get_current_limit(void)
{
	return memblock.current_limit;
}

void memblock_allow_resize(void)
{
	memblock.can_resize = true;
}

void memblock_trim_memory(phys_addr_t align)
{
	memblock_trim_memory_in(&memblock, align);
}

phys_addr_t memblock_phys_mem_size(void)
{
	return memblock.memory.total_size;
}

phys_addr_t memblock_reserved_size(void)
{
	return memblock.reserved.total_size;
}

phys_addr_t memblock_start_of_DRAM(void)
{
	return memblock.memory.cnt ? memblock.memory.regions[0].base : 0;
}

phys_addr_t memblock_end_of_DRAM(void)
{
	return memblock.memory.cnt
		       ? memblock_region_end(&memblock.memory.regions[memblock.memory.cnt - 1])
		       : 0;
}

bool memblock_is_memory(phys_addr_t addr)
{
	return memblock_is_memory_in(&memblock, addr);
}

bool memblock_is_reserved(phys_addr_t addr)
{
	return memblock_is_reserved_in(&memblock, addr);
}

bool memblock_is_region_reserved(phys_addr_t base, phys_addr_t size)
{
	return memblock_is_region_reserved_in(&memblock, base, size);
}

bool memblock_is_region_memory(phys_addr_t base, phys_addr_t size)
{
	return memblock_is_region_memory_in(&memblock, base, size);
}

bool memblock_next_mem(unsigned long *i, phys_addr_t *start, phys_addr_t *end)
{
	if (*i >= memblock.memory.cnt)
		return false;
	*start = memblock.memory.regions[*i].base;
	*end = memblock_region_end(&memblock.memory.regions[*i]);
	(*i)++;
	return true;
}

bool memblock_next_mem_pfn(int *i, int nid, unsigned long *start_pfn, unsigned long *end_pfn,
			   int *out_nid)
{
	while ((unsigned long)*i < memblock.memory.cnt) {
		struct memblock_region *rgn = &memblock.memory.regions[(*i)++];

		*start_pfn = PFN_UP(rgn->base);
		*end_pfn = PFN_DOWN(memblock_region_end(rgn));
		if (*start_pfn >= *end_pfn || (nid != NUMA_NO_NODE && nid != rgn->nid))
			continue;
		if (out_nid)
			*out_nid = rgn->nid;
		return true;
	}
	return false;
}

static void dump_type(const struct memblock_type *type)
{
	struct memblock_region *rgn;
	unsigned long i;

	pr_info(" %s.cnt  = 0x%lx\n", type->name, type->cnt);
	for_each_memblock_type(i, type, rgn) {
		if (rgn->nid == NUMA_NO_NODE)
			pr_info(" %s[%#lx]\t[%#018lx-%#018lx], %#018lx bytes flags: %#x\n",
				type->name, i, rgn->base, memblock_region_end(rgn) - 1, rgn->size,
				rgn->flags);
		else
			pr_info(" %s[%#lx]\t[%#018lx-%#018lx], %#018lx bytes on node %d flags: "
				"%#x\n",
				type->name, i, rgn->base, memblock_region_end(rgn) - 1, rgn->size,
				rgn->nid, rgn->flags);
	}
}

void memblock_dump_all(void)
{
	pr_info("MEMBLOCK configuration:\n");
	pr_info(" memory size = %#018lx reserved size = %#018lx\n", memblock.memory.total_size,
		memblock.reserved.total_size);
	dump_type(&memblock.memory);
	dump_type(&memblock.reserved);
}

void memblock_dump(void)
{
	if (memblock_debug)
		memblock_dump_all();
}
