/*
 * Suite writeback: a mapping whose "disk" is an array of words, one for each page, driven at random and compared with a model:
 * which pages are dirty, which are being written, what is on the disk, who has heard of which error.
 *
 * A write is begun by ->writepages and ended later, by the test, in any order, with or without an error: as a disk would.
 */
#include "arch/x86/irqflags.h"
#include "kernel/kthread.h"
#include "kernel/ktest.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "lib/random.h"
#include "lib/string.h"
#include "mm/cache/pagemap.h"
#include "mm/cache/writeback.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"
#include "mm/slab/slab.h"

#define WB_PAGES 64U

static struct wb_disk {
	struct inode inode;
	struct address_space mapping;
	struct file file;
	u64 sector[WB_PAGES];		/* what was written */
	u64 cache[WB_PAGES];		/* model: contents; 0: not in the cache */
	bool dirty[WB_PAGES];		/* model */
	struct folio *flying[WB_PAGES]; /* between start and end of writeback */
	u64 taken[WB_PAGES];		/* contents when the write began */
	bool at_once;			/* writes end where they begin */
	long started;
} * d;

static u64 *word_of(struct folio *folio)
{
	return folio_address(folio);
}

static void end_write(unsigned int i, int err)
{
	struct folio *folio = d->flying[i];
	unsigned long flags;

	d->flying[i] = NULL;
	if (err) {
		mapping_set_error(&d->mapping, err);
		folio_mark_dirty(folio);
		d->dirty[i] = true;
	} else {
		d->sector[i] = d->taken[i];
	}
	local_irq_save(flags); /* as an interrupt would */
	folio_end_writeback(folio);
	local_irq_restore(flags);
}

static int wb_writepage(struct folio *folio, struct writeback_control *wbc, void *data)
{
	unsigned int i = folio->index;

	d->started++;
	d->dirty[i] = false;
	d->taken[i] = *word_of(folio);
	folio_start_writeback(folio);
	d->flying[i] = folio;
	folio_unlock(folio);
	if (d->at_once)
		end_write(i, 0);
	return 0;
}

static int wb_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	return write_cache_pages(mapping, wbc, wb_writepage, NULL);
}

static const struct address_space_operations wb_aops = {
	.dirty_folio = filemap_dirty_folio,
	.writepages = wb_writepages,
};

/* The page, locked, new and clean if it was not there. */
static struct folio *wb_folio(struct ktest *t, unsigned int i)
{
	struct folio *folio = filemap_lock_folio(&d->mapping, i);

	if (folio)
		return folio;
	folio = folio_alloc(GFP_KERNEL | __GFP_ZERO, 0);
	if (!folio || filemap_add_folio(&d->mapping, folio, i, GFP_KERNEL)) {
		KTEST_FAIL(t, "no memory");
		return NULL;
	}
	folio_set_uptodate(folio);
	return folio;
}

static void wb_store(struct ktest *t, unsigned int i, u64 value)
{
	struct folio *folio = wb_folio(t, i);

	if (!folio)
		return;
	*word_of(folio) = d->cache[i] = value;
	KTEST_EXPECT_EQ(t, folio_mark_dirty(folio), !d->dirty[i]);
	d->dirty[i] = true;
	folio_unlock(folio);
	folio_put(folio);
}

static void wb_compare(struct ktest *t)
{
	unsigned int i;

	for (i = 0; i < WB_PAGES; i++) {
		struct xarray *xa = &d->mapping.i_pages;

		KTEST_ASSERT_EQ(t, xa_get_mark(xa, i, PAGECACHE_TAG_DIRTY), d->dirty[i]);
		KTEST_ASSERT_EQ(t, xa_get_mark(xa, i, PAGECACHE_TAG_WRITEBACK),
				d->flying[i] != NULL);
		KTEST_ASSERT_FALSE(t, xa_get_mark(xa, i, PAGECACHE_TAG_TOWRITE));
		if (d->cache[i] && !d->dirty[i] && !d->flying[i])
			KTEST_ASSERT_EQ(t, d->sector[i], d->cache[i]);
	}
}

static bool wb_setup(struct ktest *t)
{
	d = kvzalloc(sizeof(*d), GFP_KERNEL);
	KTEST_EXPECT_NOT_NULL(t, d);
	if (!d)
		return false;
	address_space_init(&d->mapping, &d->inode, GFP_KERNEL);
	d->mapping.a_ops = &wb_aops;
	d->inode.i_mapping = d->file.f_mapping = &d->mapping;
	spin_lock_init(&d->file.f_lock);
	return true;
}

static void wb_teardown(struct ktest *t)
{
	unsigned int i;

	for (i = 0; i < WB_PAGES; i++)
		if (d->flying[i])
			end_write(i, 0);
	truncate_inode_pages_range(&d->mapping, 0, -1);
	KTEST_EXPECT_EQ(t, d->mapping.nrpages, 0UL);
	KTEST_EXPECT_FALSE(t, mapping_tagged(&d->mapping, PAGECACHE_TAG_DIRTY));
	kvfree(d);
}

/* Which writes a pass without waiting begins: dirty ones of the range that are not under way, up to a number. */
static void wb_pass(struct ktest *t, struct rnd_state *rnd)
{
	unsigned int first = prandom_below(rnd, WB_PAGES), last, i;
	struct writeback_control wbc = { .nr_to_write = 1 + prandom_below(rnd, WB_PAGES),
					 .sync_mode = WB_SYNC_NONE };
	long want = 0, before = d->started;

	last = first + prandom_below(rnd, WB_PAGES - first);
	wbc.range_start = (loff_t)first << PAGE_SHIFT;
	wbc.range_end = ((loff_t)last << PAGE_SHIFT) + prandom_below(rnd, PAGE_SIZE);
	for (i = first; i <= last; i++)
		want += d->dirty[i] && !d->flying[i];
	want = min(want, wbc.nr_to_write);
	KTEST_EXPECT_EQ(t, wb_writepages(&d->mapping, &wbc), 0);
	KTEST_EXPECT_EQ(t, d->started - before, want);
}

static void wb_step(struct ktest *t, struct rnd_state *rnd)
{
	unsigned int i = prandom_below(rnd, WB_PAGES), j;

	switch (prandom_below(rnd, 8)) {
	case 0:
		wb_pass(t, rnd);
		break;
	case 1:
	case 2:
	case 3:
		if (d->flying[i])
			end_write(i, prandom_below(rnd, 8) ? 0 : -EIO);
		break;
	case 4:
		if (prandom_below(rnd, 8))
			break;
		/* A hole is punched: nothing in it may be on its way, because nobody else would end it. */
		for (j = i; j < min(i + 4, WB_PAGES); j++) {
			if (d->flying[j])
				end_write(j, 0);
			d->cache[j] = 0;
			d->dirty[j] = false;
		}
		truncate_inode_pages_range(&d->mapping, (loff_t)i << PAGE_SHIFT,
					   ((loff_t)j << PAGE_SHIFT) - 1);
		break;
	default:
		wb_store(t, i, prandom_u64_state(rnd) | 1);
	}
}

static void random_writes_and_ends(struct ktest *t)
{
	unsigned long dirty, wb;
	struct rnd_state rnd;
	int i;

	if (!wb_setup(t))
		return;
	dirty = global_node_page_state(NR_FILE_DIRTY);
	wb = global_node_page_state(NR_WRITEBACK);
	prandom_seed_state(&rnd, t->seed);
	for (i = 0; i < 4000 && !t->failed; i++) {
		wb_step(t, &rnd);
		if (i % 16 == 0)
			wb_compare(t);
	}
	wb_teardown(t);
	/* Nobody else has a mapping with a disk while suites run. */
	KTEST_EXPECT_EQ(t, global_node_page_state(NR_FILE_DIRTY), dirty);
	KTEST_EXPECT_EQ(t, global_node_page_state(NR_WRITEBACK), wb);
}

static void each_open_file_hears_of_an_error_once(struct ktest *t)
{
	struct file second = { 0 };

	if (!wb_setup(t))
		return;
	second.f_mapping = &d->mapping;
	spin_lock_init(&second.f_lock);
	wb_store(t, 3, 42);
	KTEST_EXPECT_EQ(t, filemap_fdatawrite_range(&d->mapping, 0, LLONG_MAX), 0);
	end_write(3, -ENOSPC);
	d->at_once = true;
	KTEST_EXPECT_EQ(t, file_write_and_wait_range(&d->file, 0, LLONG_MAX), -ENOSPC);
	KTEST_EXPECT_EQ(t, d->sector[3], 42UL); /* tried again, and this time it worked */
	KTEST_EXPECT_EQ(t, file_write_and_wait_range(&d->file, 0, LLONG_MAX), 0);
	KTEST_EXPECT_EQ(t, file_write_and_wait_range(&second, 0, LLONG_MAX), -ENOSPC);
	KTEST_EXPECT_EQ(t, file_write_and_wait_range(&second, 0, LLONG_MAX), 0);
	KTEST_EXPECT_EQ(t, filemap_write_and_wait(&d->mapping), 0);
	wb_teardown(t);
}

/* The "disk" of the next test: ends writes as long as it is told to run. */
static int slow_disk(void *arg)
{
	while (!kthread_should_stop()) {
		unsigned int i;

		for (i = 0; i < WB_PAGES; i++)
			if (READ_ONCE(d->flying[i]))
				end_write(i, 0);
		msleep(1);
	}
	return 0;
}

static void fsync_waits_for_earlier_writes(struct ktest *t)
{
	struct task_struct *disk;
	unsigned int i, round;

	if (!wb_setup(t))
		return;
	disk = kthread_run(slow_disk, NULL, "slow_disk");
	KTEST_EXPECT_FALSE(t, IS_ERR(disk));
	for (round = 0; round < 10 && !IS_ERR(disk); round++) {
		/* Begun with the old contents, dirty again, then all that counts is the new. */
		for (i = 0; i < WB_PAGES; i += 3)
			wb_store(t, i, 1000 * round + i + 1);
		filemap_fdatawrite_range(&d->mapping, 0, LLONG_MAX);
		for (i = 0; i < WB_PAGES; i += 3)
			wb_store(t, i, 1000 * round + i + 500);
		KTEST_EXPECT_EQ(t, file_write_and_wait_range(&d->file, 0, LLONG_MAX), 0);
		for (i = 0; i < WB_PAGES; i += 3)
			KTEST_EXPECT_EQ(t, d->sector[i], 1000UL * round + i + 500);
	}
	if (!IS_ERR(disk))
		kthread_stop(disk);
	wb_teardown(t);
}

static const struct ktest_case writeback_cases[] = {
	KTEST_CASE(random_writes_and_ends),
	KTEST_CASE(each_open_file_hears_of_an_error_once),
	KTEST_CASE(fsync_waits_for_earlier_writes),
	{},
};
KTEST_SUITE(writeback, writeback_cases);
