/*
 * page_ext: a second array beside struct page, with what debugging tools want to remember of each page.
 *
 * 1. A record is struct page_ext (flags) and behind it the data of each tool that the command line switched on, at an
 *    offset that boot computes. With no tool on, there are no records and no memory is taken.
 * 2. Each section with RAM has its own piece of the array, from memblock, on the section's node. It covers the granules
 *    (4 MiB, as struct pages do) from the first to the last that hold RAM, so small machines pay little.
 * 3. The memory is taken at boot and not written: 64 GiB of RAM need more than a GiB of records, and their struct pages are
 *    not there yet either. A bit for each granule says whether its records are zeroed; the first who asks
 *    does it. So page_ext_get() never returns garbage, and boot stays fast.
 * 4. Records are never freed, so a pointer to one stays good.
 *
 * Lock: ext_lock around the zeroing, a leaf, irqs off. Mirrors Linux mm/page_ext.c. Exercised by the pagedebug suite.
 */
#include "mm/debug/page_ext.h"

#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/spinlock.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"
#include "mm/phys/mmzone.h"
#include "mm/phys/page.h"

#define GRANULE_PAGES (MAX_ORDER_NR_PAGES)
#define GRANULES      (PAGES_PER_SECTION / GRANULE_PAGES)

struct section_ext {
	char *base; /* record of the section's first page, if it had one; NULL: no records */
	unsigned long there;  /* granules that have records */
	unsigned long zeroed; /* and of them those that were written; ext_lock */
};

BUILD_BUG_ON(GRANULES > 64);

static struct page_ext_operations *const clients[] = { &page_owner_ops, &page_table_check_ops };
static struct section_ext *sections; /* nr_mem_sections of them */
static size_t record_size;
static DEFINE_SPINLOCK(ext_lock);

/* The granules of section nr that hold RAM, the gaps between them included; 0 if none. */
static unsigned long __init granules_of(unsigned long nr, int *nid)
{
	unsigned long first = GRANULES, last = 0, start, end, base = section_nr_to_pfn(nr);
	int i, n;

	for_each_mem_pfn_range(i, NUMA_NO_NODE, &start, &end, &n) {
		if (end <= base || start >= base + PAGES_PER_SECTION)
			continue;
		start = max(start, base) - base;
		end = min(end, base + PAGES_PER_SECTION) - base;
		if (first == GRANULES)
			*nid = n;
		first = min(first, start / GRANULE_PAGES);
		last = max(last, (end - 1) / GRANULE_PAGES);
	}
	return first < GRANULES ? GENMASK(last, first) : 0;
}

static bool __init alloc_section(unsigned long nr)
{
	struct section_ext *s = &sections[nr];
	unsigned long first, granule_size = GRANULE_PAGES * record_size;
	int nid = NUMA_NO_NODE;
	phys_addr_t phys;

	s->there = granules_of(nr, &nid);
	if (!s->there)
		return true;
	first = __ffs(s->there);
	phys = memblock_alloc_range_in(&memblock, hweight_long(s->there) * granule_size, PAGE_SIZE,
				       0, MEMBLOCK_ALLOC_ACCESSIBLE, nid, false);
	if (!phys) {
		s->there = 0;
		return false;
	}
	s->base = (char *)__va(phys) - first * granule_size;
	return true;
}

static bool __init alloc_sections(void)
{
	sections = memblock_alloc(nr_mem_sections * sizeof(*sections), 64);
	if (!sections)
		return false;
	for (unsigned long nr = 0; nr < nr_mem_sections; nr++) {
		if (alloc_section(nr))
			continue;
		while (nr-- > 0) {
			struct section_ext *s = &sections[nr];
			unsigned long size = GRANULE_PAGES * record_size;

			if (s->there)
				memblock_free(s->base + __ffs(s->there) * size,
					      hweight_long(s->there) * size);
		}
		memblock_free(sections, nr_mem_sections * sizeof(*sections));
		sections = NULL;
		return false;
	}
	return true;
}

void __init page_ext_init(void)
{
	bool there;

	record_size = sizeof(struct page_ext);
	for (int i = 0; i < ARRAY_SIZE(clients); i++)
		if (clients[i]->need()) {
			clients[i]->offset = record_size;
			record_size += ALIGN(clients[i]->size, 8);
		}
	if (record_size == sizeof(struct page_ext))
		return;
	there = alloc_sections();
	if (there)
		pr_info("page_ext: %lu bytes for each page\n", record_size);
	for (int i = 0; i < ARRAY_SIZE(clients); i++) {
		if (!clients[i]->need())
			continue;
		if (!there)
			pr_err("page_ext: not enough memory: %s is off\n", clients[i]->name);
		clients[i]->ready(there);
	}
}

static noinline void zero_granule(struct section_ext *s, unsigned long granule)
{
	unsigned long size = GRANULE_PAGES * record_size;

	guard(spinlock_irqsave)(&ext_lock);
	if (s->zeroed & BIT(granule))
		return;
	memset(s->base + granule * size, 0, size);
	smp_store_release(&s->zeroed, s->zeroed | BIT(granule));
}

/* The section of a page and the place in it; NULL: no records there. */
static struct section_ext *find_section(const struct page *page, unsigned long *index)
{
	unsigned long pfn = page_to_pfn(page), nr = pfn_to_section_nr(pfn);
	struct section_ext *s;

	*index = pfn % PAGES_PER_SECTION;
	if (!sections || nr >= nr_mem_sections)
		return NULL;
	s = &sections[nr];
	return s->there & BIT(*index / GRANULE_PAGES) ? s : NULL;
}

struct page_ext *page_ext_get(const struct page *page)
{
	unsigned long index, granule;
	struct section_ext *s = find_section(page, &index);

	if (!s)
		return NULL;
	granule = index / GRANULE_PAGES;
	if (unlikely(!(smp_load_acquire(&s->zeroed) & BIT(granule))))
		zero_granule(s, granule);
	return (struct page_ext *)(s->base + index * record_size);
}

struct page_ext *page_ext_peek(const struct page *page)
{
	unsigned long index;
	struct section_ext *s = find_section(page, &index);

	if (!s || !(smp_load_acquire(&s->zeroed) & BIT(index / GRANULE_PAGES)))
		return NULL;
	return (struct page_ext *)(s->base + index * record_size);
}
