/*
 * Deferred initialisation of struct pages: most of a large machine's memory can wait.
 *
 * 1. A struct page takes some instructions to write, and 64 GiB have 16 million of them: more work than all the rest of
 *    boot. So boot writes those of about 1 GiB, shared out to the nodes, and leaves the others to one thread per node,
 *    pgdatinitN, that runs on the node's own CPUs, when nobody else wants them, while boot goes on. All totals (present,
 *    managed, watermarks) come from memblock and are right from the start; only free pages appear little by little.
 * 2. The unit is a chunk of 8 MiB that lies in one zone of one node. Anything else (borders of zones, ends of ranges) is
 *    done at once. A chunk's state is one bit in its section, `deferred`: set, it waits; who clears it, atomically, has
 *    claimed it and writes it. No lock is needed: the claim is the bit, and what it protects nobody else touches.
 * 3. zone->deferred_left counts chunks that are not finished; zone->deferred_pfn is where to look for the next one. Who
 *    finds none to claim while some are not finished waits for another CPU to finish one. That is soon, as chunks
 *    are claimed and written with interrupts off, and it cannot be ourselves, for the same reason.
 * 4. Who needs pages does not wait for the thread: the allocator calls deferred_grow_zone() when a zone is short, and
 *    gets the next chunk. Who needs *all* pages (a sum, a walk over all frames) calls deferred_init_wait() and helps.
 * 5. pfn_valid() is false for a frame until its struct page is written, so walks that ask it are right at any time;
 *    they only see less.
 *
 * Mirrors Linux mm/mm_init.c (deferred_init_memmap, deferred_grow_zone), where the unit is a section and a lock of
 * the node the claim. Exercised by the zones suite and tests/boot/test_numa.py.
 */
#include "mm/phys/deferred.h"

#include "arch/x86/bitops.h"
#include "arch/x86/irqflags.h"
#include "kernel/init.h"
#include "kernel/kthread.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "mm/debug/page_debug.h"
#include "mm/phys/boot.h"

#define EARLY_PAGES	   PHYS_PFN(SZ_1G) /* written at boot, all nodes together */
#define CHUNK_PAGES	   PHYS_PFN(8UL << 20)
#define CHUNKS_PER_SECTION (PAGES_PER_SECTION / CHUNK_PAGES)
#define SECTION_BIT(pfn)   ((pfn) % PAGES_PER_SECTION / CHUNK_PAGES)
BUILD_BUG_ON(CHUNK_PAGES % MAX_ORDER_NR_PAGES);
BUILD_BUG_ON(CHUNKS_PER_SECTION > BITS_PER_LONG);

static unsigned long *chunk_word(unsigned long pfn)
{
	return &mem_sections[pfn_to_section_nr(pfn)].deferred;
}

static bool chunk_waits(unsigned long pfn)
{
	return test_bit(SECTION_BIT(pfn), chunk_word(pfn));
}

static bool claim(unsigned long pfn)
{
	return chunk_waits(pfn) && test_and_clear_bit(SECTION_BIT(pfn), chunk_word(pfn));
}

/* The zone of a chunk that waits: all its RAM is in one. */
static struct zone *chunk_zone(unsigned long pfn)
{
	struct memmap_segment seg;

	if (!next_memmap_segment(&seg, pfn, pfn + CHUNK_PAGES))
		return NULL;
	return &NODE_DATA(seg.nid)->node_zones[seg.zid];
}

/* => claimed by us, interrupts off since before that: one that came in between could wait for this chunk for ever */
static void init_chunk(struct zone *zone, unsigned long pfn)
{
	memmap_init_range(pfn, pfn + CHUNK_PAGES);
	atomic_long_dec(&zone->deferred_left);
}

/*
 * Claims the zone's next chunk; 0 if none waits. => interrupts off
 * The cursor may be set back by a slower CPU: it only says where to begin, and nothing below it waits.
 */
static unsigned long claim_next(struct zone *zone)
{
	unsigned long pfn = READ_ONCE(zone->deferred_pfn), end = zone_end_pfn(zone);

	while (pfn < end) {
		if (!READ_ONCE(*chunk_word(pfn))) {
			pfn = ALIGN(pfn + 1, PAGES_PER_SECTION);
			continue;
		}
		/* Between the zone's chunks may be those of others. */
		if (chunk_waits(pfn) && chunk_zone(pfn) == zone && claim(pfn)) {
			WRITE_ONCE(zone->deferred_pfn, pfn + CHUNK_PAGES);
			return pfn;
		}
		pfn += CHUNK_PAGES;
	}
	WRITE_ONCE(zone->deferred_pfn, end);
	return 0;
}

bool deferred_grow_zone(struct zone *zone, unsigned int order)
{
	long left = atomic_long_read(&zone->deferred_left);
	unsigned long pfn, flags;

	if (likely(!left))
		return false;
	local_irq_save(flags);
	pfn = claim_next(zone);
	if (pfn)
		init_chunk(zone, pfn);
	local_irq_restore(flags);
	if (pfn)
		return true;
	/* All that is left is being written by other CPUs. */
	while (atomic_long_read(&zone->deferred_left) == left)
		cpu_relax();
	return true;
}

void deferred_init_pfns(unsigned long start, unsigned long end)
{
	unsigned long pfn, flags;

	for (pfn = ALIGN_DOWN(start, CHUNK_PAGES); pfn < end; pfn += CHUNK_PAGES) {
		struct zone *zone = chunk_waits(pfn) ? chunk_zone(pfn) : NULL;

		local_irq_save(flags);
		if (zone && claim(pfn))
			init_chunk(zone, pfn);
		local_irq_restore(flags);
		while (!pfn_valid(max(pfn, start)) && pfn_has_memmap(max(pfn, start)))
			cpu_relax();
	}
}

void deferred_init_wait(void)
{
	struct zone *zone;

	for_each_populated_zone(zone)
		while (deferred_grow_zone(zone, 0))
			cond_resched();
}

/* ---- the threads ---- */

static unsigned long node_chunks_left(pg_data_t *pgdat)
{
	unsigned long left = 0;

	for (int zid = 0; zid < MAX_NR_ZONES; zid++)
		left += atomic_long_read(&pgdat->node_zones[zid].deferred_left);
	return left;
}

static int deferred_init_memmap(void *data)
{
	pg_data_t *pgdat = data;
	u64 start = sched_clock();

	/* Highest zone first: that is where most requests begin. */
	for (int zid = MAX_NR_ZONES - 1; zid >= 0; zid--)
		while (deferred_grow_zone(&pgdat->node_zones[zid], 0))
			yield();
	/* For the log only: by now somebody types at the console. */
	printk(KERN_DEBUG "node %d deferred pages initialised in %lums\n", pgdat->node_id,
	       (unsigned long)((sched_clock() - start) / NSEC_PER_MSEC));
	return 0;
}

static unsigned long node_cpus(int nid)
{
	unsigned long mask = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		if (cpu_to_node(cpu) == nid)
			mask |= BIT(cpu);
	return mask;
}

/* If a thread cannot be made the pages come all the same, when somebody needs them. */
static int start_deferred_threads(void)
{
	pg_data_t *pgdat;

	for_each_online_pgdat(pgdat) {
		struct task_struct *t;

		if (!node_chunks_left(pgdat))
			continue;
		t = kthread_create_on_node(deferred_init_memmap, pgdat, pgdat->node_id,
					   "pgdatinit%d", pgdat->node_id);
		if (IS_ERR(t)) {
			pr_warn("node %d: no thread for deferred pages (error %ld)\n",
				pgdat->node_id, PTR_ERR(t));
			continue;
		}
		if (node_cpus(pgdat->node_id))
			set_cpus_allowed_ptr(t, node_cpus(pgdat->node_id));
		sched_setscheduler_nocheck(t, SCHED_IDLE, 0);
		wake_up_process(t);
	}
	return 0;
}
late_initcall(start_deferred_threads);

/* ---- boot ---- */

/* Leaves the whole chunks of a row of RAM for later, but for the first `early` pages; what is left of early. */
static unsigned long __init defer_segment(const struct memmap_segment *seg, unsigned long early)
{
	struct zone *zone = &NODE_DATA(seg->nid)->node_zones[seg->zid];
	unsigned long pages = seg->end - seg->start;
	unsigned long from = ALIGN(seg->start + min(early, pages), CHUNK_PAGES);
	unsigned long to = ALIGN_DOWN(seg->end, CHUNK_PAGES);

	if (from < to && !zone->deferred_pfn)
		zone->deferred_pfn = from;
	for (unsigned long pfn = from, next; pfn < to; pfn = next) {
		next = min(to, ALIGN(pfn + 1, PAGES_PER_SECTION));
		*chunk_word(pfn) |= GENMASK(SECTION_BIT(next - 1), SECTION_BIT(pfn));
	}
	if (from < to)
		atomic_long_add((to - from) / CHUNK_PAGES, &zone->deferred_left);
	return early - min(early, pages);
}

static void __init defer_all_but_the_first(void)
{
	unsigned long share =
		max(EARLY_PAGES / nodes_weight(node_states[N_MEMORY]), PAGES_PER_SECTION);
	unsigned long early[MAX_NUMNODES];
	struct memmap_segment seg;

	for (int nid = 0; nid < MAX_NUMNODES; nid++)
		early[nid] = share;
	for_each_memmap_segment(&seg, 0, ~0UL) if (seg.ram)
		early[seg.nid] = defer_segment(&seg, early[seg.nid]);
}

void __init deferred_init_early(void)
{
	unsigned long start = 0, pfn, next, end = section_nr_to_pfn(nr_mem_sections);

	/* The debugging tools want to see every page from the first moment. */
	if (!page_debug)
		defer_all_but_the_first();
	for (pfn = 0; pfn < end; pfn = next) {
		bool whole = *chunk_word(pfn) == GENMASK(CHUNKS_PER_SECTION - 1, 0);

		next = pfn + (whole ? PAGES_PER_SECTION : CHUNK_PAGES);
		if (!chunk_waits(pfn))
			continue;
		if (start < pfn)
			memmap_init_range(start, pfn);
		start = next;
	}
	if (start < end)
		memmap_init_range(start, end);
}
