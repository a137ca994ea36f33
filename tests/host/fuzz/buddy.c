/*
 * mm/phys/buddy.c against a model that knows every page: two small zones side by side, with holes, on the host.
 *
 * An input chooses where one zone ends and the other begins, which pages are holes, and then a sequence of operations:
 * take a block of some order and type, give one back (whole, in halves, or page by page), let a block look movable, turn a
 * pageblock into one of another type. After some of them, and at the end, all free lists are walked: each entry must be
 * what its list says, no page may be in two blocks or be free and owned, no two buddies that may unite are both free, and
 * all counters must be the sums of the lists. A refused allocation must have had nothing to take. In the end everything is
 * given back: then every page is free.
 *
 * The struct pages lie in a mapping of exactly their size with nothing around it.
 */
// needs: lib/string.c lib/random.c
#define CONFIG_DEBUG_VM 1
#include "tests/host/host.h"

#undef VMEMMAP_START
#define VMEMMAP_START 0x20000000UL

#include "mm/phys/buddy.c"

#define FIRST 4096UL /* frame number */
#define PAGES (2 * MAX_ORDER_NR_PAGES)
#define OWNED 512

static pg_data_t node;
static struct mem_section section;
pg_data_t *node_data[MAX_NUMNODES] = { &node };
struct zone *zone_table[MAX_NUMNODES << ZONES_SHIFT];
struct mem_section *mem_sections = &section;
unsigned long nr_mem_sections = 1;
int watermark_boost_factor;
bool page_shuffle;

static enum { HOLE, FREE, USED } model[PAGES];
static struct block {
	unsigned long pfn;
	unsigned int order;
} owned[OWNED];
static unsigned int nr_owned;
static unsigned long taken, refused, given, retyped;

static struct zone *zones[2] = { &node.node_zones[ZONE_DMA32], &node.node_zones[ZONE_NORMAL] };

/* ---- the machine ---- */

static void init_zone(struct zone *z, unsigned long start, unsigned long end)
{
	memset(z, 0, sizeof(*z));
	z->zone_pgdat = &node;
	z->zone_start_pfn = start;
	z->spanned_pages = end - start;
	z->present_pages = end - start;
	atomic_long_set(&z->managed_pages, end - start);
	for (int order = 0; order < NR_PAGE_ORDERS; order++)
		for (int mt = 0; mt < MIGRATE_TYPES; mt++)
			INIT_LIST_HEAD(&z->free_area[order].free_list[mt]);
	zone_table[zone_idx(z)] = z;
}

static void free_block(unsigned long pfn, unsigned int order)
{
	int mt = get_pfnblock_migratetype(pfn);

	/* What spans pageblocks of different kinds goes back in parts, as the callers do it. */
	if (order > pageblock_order && mt != get_pfnblock_migratetype(pfn + pageblock_nr_pages)) {
		free_block(pfn, order - 1);
		free_block(pfn + BIT(order - 1), order - 1);
		return;
	}
	for (unsigned long i = pfn; i < pfn + BIT(order); i++) {
		must(model[i - FIRST] == USED);
		model[i - FIRST] = FREE;
		pfn_to_page(i)->flags &= ZONE_NODE_MASK;
	}
	set_page_count(pfn_to_page(pfn), 0);
	__free_one_page(page_zone(pfn_to_page(pfn)), pfn, order, mt);
	given++;
}

static void init_machine(struct input *in)
{
	unsigned long border = FIRST + take(in, 2) % (PAGES + 1);
	unsigned int holes = take_below(in, 8);
	bool overlap;

	if (take8(in) & 1)
		border = ALIGN_DOWN(border, pageblock_nr_pages);
	memset(pfn_to_page(FIRST), 0, PAGES * sizeof(struct page));
	memset(&section, 0, sizeof(section));
	section.subsection_map = ~0UL;
	nr_owned = 0;
	/* With kernelcore=mirror the spans of two zones overlap: then only a page itself knows its zone. */
	overlap = take8(in) & 1;
	init_zone(zones[0], FIRST, overlap ? FIRST + PAGES : border);
	init_zone(zones[1], overlap ? FIRST : border, FIRST + PAGES);
	for (unsigned long i = 0; i < PAGES; i++) {
		struct page *page = pfn_to_page(FIRST + i);

		page->flags = (unsigned long)zone_idx(zones[FIRST + i >= border]) << ZONES_PGSHIFT;
		page->page_type = ~0U;
		model[i] = USED;
		if (!(i % pageblock_nr_pages))
			set_pfnblock_migratetype(FIRST + i, MIGRATE_MOVABLE);
	}
	while (holes--) {
		unsigned long start = take(in, 2) % PAGES;
		unsigned long len = 1 + take_below(in, 64);

		for (unsigned long i = start; i < min(start + len, PAGES); i++) {
			model[i] = HOLE;
			__SetPageReserved(pfn_to_page(FIRST + i));
			set_page_count(pfn_to_page(FIRST + i), 1);
		}
	}
	for (unsigned long i = 0; i < PAGES; i++)
		if (model[i] == USED)
			free_block(FIRST + i, 0);
}

/* ---- what must be true ---- */

static bool may_unite(unsigned long pfn, unsigned int order)
{
	unsigned long other = pfn ^ BIT(order);
	struct page *page = pfn_to_page(pfn), *buddy = pfn_to_page(other);

	return order < MAX_PAGE_ORDER && PageBuddy(buddy) && buddy->private == order &&
	       page_zone(page) == page_zone(buddy) &&
	       (order < pageblock_order || pageblocks_mergeable(pfn, other));
}

static void check_block(struct zone *z, struct page *page, unsigned int order, int mt, u8 *seen)
{
	unsigned long pfn = page_to_pfn(page);

	must(PageBuddy(page) && page->private == order && !page_ref_count(page));
	must(IS_ALIGNED(pfn, BIT(order)) && page_zone(page) == z);
	must(zone_spans_pfn(z, pfn) && zone_spans_pfn(z, pfn + BIT(order) - 1));
	must(!may_unite(pfn, order));
	for (unsigned long i = pfn; i < pfn + BIT(order); i++) {
		int block = get_pfnblock_migratetype(i);

		must(model[i - FIRST] == FREE && !seen[i - FIRST]++);
		must(i == pfn || !PageBuddy(pfn_to_page(i)));
		must(block == mt || (block < MIGRATE_PCPTYPES && mt < MIGRATE_PCPTYPES));
	}
}

static void check_zone(struct zone *z, u8 *seen)
{
	unsigned long sums[MIGRATE_TYPES] = {}, total;

	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
		unsigned long blocks = 0;

		for (int mt = 0; mt < MIGRATE_TYPES; mt++) {
			struct list_head *list = &z->free_area[order].free_list[mt], *pos;

			for (pos = list->next; pos != list; pos = pos->next) {
				check_block(z, list_entry(pos, struct page, buddy_list), order, mt,
					    seen);
				sums[mt] += BIT(order);
				blocks++;
			}
		}
		must(blocks == z->free_area[order].nr_free);
	}
	total = sums[MIGRATE_UNMOVABLE] + sums[MIGRATE_MOVABLE] + sums[MIGRATE_RECLAIMABLE] +
		sums[MIGRATE_HIGHATOMIC] + sums[MIGRATE_CMA];
	must(zone_page_state(z, NR_FREE_PAGES) == total);
	must(zone_page_state(z, NR_FREE_CMA_PAGES) == sums[MIGRATE_CMA]);
	must(z->nr_free_highatomic == sums[MIGRATE_HIGHATOMIC]);
}

static void check_all(void)
{
	u8 seen[PAGES] = {};

	check_zone(zones[0], seen);
	check_zone(zones[1], seen);
	for (unsigned long i = 0; i < PAGES; i++)
		must(seen[i] == (model[i] == FREE));
}

/* Is there a block that a request like this could have been served from? */
static bool could_serve(struct zone *z, unsigned int order, int mt, unsigned int flags)
{
	for (unsigned int o = order; o < NR_PAGE_ORDERS; o++) {
		for (int from = 0; from < MIGRATE_TYPES; from++) {
			bool steal = mt < MIGRATE_PCPTYPES && from < MIGRATE_PCPTYPES &&
				     (o >= pageblock_order || !(flags & ALLOC_NOFRAGMENT));

			if (!list_empty(&z->free_area[o].free_list[from]) &&
			    (from == mt || steal || (from == MIGRATE_CMA && (flags & ALLOC_CMA))))
				return true;
		}
	}
	return false;
}

/* ---- the operations ---- */

static void take_block(struct input *in)
{
	static const int types[] = { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE,
				     MIGRATE_MOVABLE, MIGRATE_HIGHATOMIC };
	struct zone *z = zones[take8(in) & 1];
	unsigned int order = take_below(in, NR_PAGE_ORDERS), flags = 0;
	int mt = types[take_below(in, ARRAY_SIZE(types))], from;
	struct page *page;
	unsigned long pfn;

	if (nr_owned == OWNED)
		return;
	if (take8(in) < 64)
		flags |= ALLOC_NOFRAGMENT;
	if (mt == MIGRATE_MOVABLE && take8(in) & 1)
		flags |= ALLOC_CMA;
	page = mt == MIGRATE_HIGHATOMIC ? __rmqueue_smallest(z, order, mt)
					: __rmqueue(z, order, mt, flags);
	if (!page) {
		refused++;
		must(!could_serve(z, order, mt, flags));
		return;
	}
	taken++;
	pfn = page_to_pfn(page);
	from = get_pfnblock_migratetype(pfn);
	must(IS_ALIGNED(pfn, BIT(order)) && page_zone(page) == z);
	must(from != MIGRATE_ISOLATE && (from == MIGRATE_HIGHATOMIC) == (mt == MIGRATE_HIGHATOMIC));
	must(from != MIGRATE_CMA || (flags & ALLOC_CMA));
	for (unsigned long i = pfn; i < pfn + BIT(order); i++) {
		must(model[i - FIRST] == FREE && !PageBuddy(pfn_to_page(i)));
		model[i - FIRST] = USED;
	}
	page->private = 0;
	set_page_count(page, 1);
	owned[nr_owned++] = (struct block){ pfn, order };
}

static void give_block(struct input *in)
{
	struct block b;
	unsigned int i;

	if (!nr_owned)
		return;
	i = take(in, 2) % nr_owned;
	b = owned[i];
	owned[i] = owned[--nr_owned];
	switch (take_below(in, 4)) {
	case 0: /* the upper half only; the lower one remains */
		if (b.order && nr_owned < OWNED) {
			owned[nr_owned++] = (struct block){ b.pfn, b.order - 1 };
			set_page_count(pfn_to_page(b.pfn + BIT(b.order - 1)), 1);
			b = (struct block){ b.pfn + BIT(b.order - 1), b.order - 1 };
		}
		break;
	case 1:
		if (b.order > 6)
			break;
		set_page_count(pfn_to_page(b.pfn), 0);
		for (unsigned long p = b.pfn + BIT(b.order); p-- > b.pfn;)
			free_block(p, 0);
		return;
	}
	free_block(b.pfn, b.order);
}

static void look_movable(struct input *in)
{
	struct block b;

	if (!nr_owned)
		return;
	b = owned[take(in, 2) % nr_owned];
	for (unsigned long i = b.pfn; i < b.pfn + BIT(b.order); i++)
		pfn_to_page(i)->flags |= BIT(PG_lru);
}

/* Special types are for pageblocks of one zone; isolation gives up for others too. */
static void retype(struct input *in)
{
	unsigned long pfn = FIRST + take_below(in, PAGES / pageblock_nr_pages) * pageblock_nr_pages;
	struct zone *z = page_zone(pfn_to_page(pfn));
	int mt = take_below(in, MIGRATE_TYPES);

	if (z != page_zone(pfn_to_page(pfn + pageblock_nr_pages - 1)))
		return;
	change_pageblock_type(z, pfn, mt);
	merge_pageblock(z, pfn);
	retyped++;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static bool mapped;
	struct input in = { data, data + size };

	if (!mapped)
		must(mmap(pfn_to_page(FIRST), PAGES * sizeof(struct page), 3, MAP_HERE, -1, 0) ==
		     pfn_to_page(FIRST));
	mapped = true;
	init_machine(&in);
	check_all();
	while (!used_up(&in)) {
		u8 op = take8(&in);

		if (op < 110)
			take_block(&in);
		else if (op < 200)
			give_block(&in);
		else if (op < 220)
			look_movable(&in);
		else if (op < 240)
			retype(&in);
		else
			check_all();
	}
	check_all();
	while (nr_owned--)
		free_block(owned[nr_owned].pfn, owned[nr_owned].order);
	check_all();
	for (unsigned long i = 0; i < PAGES; i++)
		must(model[i] != USED);
	return 0;
}

bool fuzz_summary(void)
{
	printf("# %lu blocks taken, %lu refused, %lu given back, %lu pageblocks changed type\n",
	       taken, refused, given, retyped);
	return taken > 10000 && refused > 1000 && retyped > 1000;
}
