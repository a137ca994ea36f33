/*
 * Free lists in random order. The idea is in shuffle.h.
 *
 * 1. shuffle_zone() is Fisher-Yates over the places where a block of SHUFFLE_ORDER could stand: the block at each place
 *    that holds a free one changes list positions with that at a random place. A place that turns out not to hold one (in
 *    use, a hole, another migrate type) is drawn again a few times and then left: order is what is
 *    randomised, not membership, so no list gains or loses a block.
 * 2. The zone lock is dropped every few blocks: with 64 GiB there are 16384 of them.
 * 3. One random bit per freed block is enough for shuffle_pick_tail(); 64 are drawn at a time. Two CPUs on two zones may
 *    see the same bit, which does no harm.
 *
 * Lock: zone->lock. Mirrors Linux mm/shuffle.c. Exercised by the pagedebug suite.
 */
#include "mm/debug/shuffle.h"

#include "kernel/fs/sysfs/sysfs.h"
#include "kernel/init.h"
#include "kernel/kthread.h"
#include "kernel/random.h"
#include "kernel/sched.h"
#include "kernel/spinlock.h"
#include "mm/debug/debug_internal.h"
#include "mm/phys/buddy.h"
#include "mm/phys/deferred.h"

#define RETRIES	       10
#define BLOCKS_AT_ONCE 100

bool page_shuffle;

static int __init param_shuffle(char *value)
{
	page_shuffle = debug_param_bool("page_alloc.shuffle", value);
	return 0;
}
early_param("page_alloc.shuffle", param_shuffle);

bool shuffle_pick_tail(void)
{
	static u64 bits;
	static u8 left;
	bool tail;

	if (!left) {
		left = 64;
		bits = get_random_u64();
	}
	left--;
	tail = bits & 1;
	bits >>= 1;
	return tail;
}

/* The free block of SHUFFLE_ORDER that starts at pfn, NULL if none does. => zone->lock held */
static struct page *free_block(struct zone *zone, unsigned long pfn)
{
	struct page *page;

	if (!zone_spans_pfn(zone, pfn) || !pfn_valid(pfn))
		return NULL;
	page = pfn_to_page(pfn);
	if (page_zone(page) != zone || !PageBuddy(page) || page->private != SHUFFLE_ORDER)
		return NULL;
	return page;
}

void shuffle_zone(struct zone *zone)
{
	unsigned long start = ALIGN(zone->zone_start_pfn, BIT(SHUFFLE_ORDER));
	unsigned long end = zone_end_pfn(zone), blocks, flags;

	if (start >= end)
		return;
	blocks = DIV_ROUND_UP(end - start, BIT(SHUFFLE_ORDER));
	spin_lock_irqsave(&zone->lock, flags);
	for (unsigned long i = 0; i < blocks; i++) {
		unsigned long pfn = start + (i << SHUFFLE_ORDER);
		struct page *page = free_block(zone, pfn), *other = NULL;

		for (int try = 0; page && !other && try < RETRIES; try++) {
			unsigned long j = i + get_random_u64() % (blocks - i);

			other = free_block(zone, start + (j << SHUFFLE_ORDER));
			if (other && get_pfnblock_migratetype(page_to_pfn(other)) !=
					     get_pfnblock_migratetype(pfn))
				other = NULL;
		}
		if (other && other != page)
			list_swap(&page->buddy_list, &other->buddy_list);
		if (i % BLOCKS_AT_ONCE == BLOCKS_AT_ONCE - 1) {
			spin_unlock_irqrestore(&zone->lock, flags);
			spin_lock_irqsave(&zone->lock, flags);
		}
	}
	spin_unlock_irqrestore(&zone->lock, flags);
}

void shuffle_free_memory(void)
{
	struct zone *zone;

	if (!page_shuffle)
		return;
	for_each_populated_zone(zone)
		shuffle_zone(zone);
}

/* The pages that boot had deferred have joined by now, or join while we wait. */
static int shuffle_rest(void *unused)
{
	deferred_init_wait();
	shuffle_free_memory();
	return 0;
}

static int shuffle_late(void)
{
	return page_shuffle ? PTR_ERR_OR_ZERO(kthread_run(shuffle_rest, NULL, "shuffle")) : 0;
}
late_initcall(shuffle_late);

/* ---- /sys/module/page_alloc/parameters/shuffle ---- */

static ssize_t shuffle_show(char *buf, void *data)
{
	return sysfs_emit(buf, "%c\n", page_shuffle ? 'Y' : 'N');
}

static int shuffle_sysfs_init(void)
{
	struct kernfs_node *dir = sysfs_module_parameters("page_alloc");

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	dir = sysfs_create_file(dir, "shuffle", 0400, shuffle_show, NULL, NULL);
	return PTR_ERR_OR_ZERO(dir);
}
device_initcall(shuffle_sysfs_init);
