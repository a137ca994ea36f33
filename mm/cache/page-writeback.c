/*
 * Dirty and writeback state of folios, and the pass that writes a range of a mapping. See writeback.h.
 *
 * 1. Each change of state is one flag, one mark in the tree and one counter, made together under i_pages_lock. A folio that truncation
 *    has taken out meanwhile has no mapping: its flag changes alone.
 * 2. The pass looks up marked folios a few at a time with a reference each, then locks one after the other and looks again whether
 *    it is still there and dirty. So it holds no lock across the search, and truncation need not wait for it.
 *
 * Mirrors Linux mm/page-writeback.c, mm/filemap.c. Exercised by the suite writeback.
 */
#include "mm/cache/writeback.h"

#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/percpu.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "mm/cache/backing-dev.h"
#include "mm/cache/dirty-throttle.h"
#include "mm/cache/pagemap.h"
#include "mm/phys/vmstat.h"

#define BATCH 15

/* Of its device: pages of this state, more or fewer. */
static void wb_count(const struct address_space *mapping, const struct folio *folio,
		     enum wb_stat_item item, int sign)
{
	if (mapping_can_writeback(mapping))
		wb_stat_mod(&mapping->bdi->wb, item, sign * (long)folio_nr_pages(folio));
}

static void folio_account_dirtied(struct folio *folio, struct address_space *mapping)
{
	node_stat_add_folio(folio, NR_FILE_DIRTY);
	node_stat_add_folio(folio, NR_DIRTIED);
	wb_count(mapping, folio, WB_RECLAIMABLE, 1);
	wb_count(mapping, folio, WB_DIRTIED, 1);
	current->nr_dirtied += folio_nr_pages(folio);
	this_cpu_add(bdp_ratelimits, (int)folio_nr_pages(folio));
}

static void folio_account_cleaned(struct folio *folio, struct address_space *mapping)
{
	node_stat_sub_folio(folio, NR_FILE_DIRTY);
	wb_count(mapping, folio, WB_RECLAIMABLE, -1);
}

void mapping_set_error(struct address_space *mapping, int err)
{
	if (likely(!err))
		return;
	errseq_set(&mapping->wb_err, err);
	if (mapping->host && mapping_can_writeback(mapping))
		writeback_hooks->write_error(mapping->host, err);
}

bool filemap_dirty_folio(struct address_space *mapping, struct folio *folio)
{
	unsigned long flags;

	if (folio_test_set_dirty(folio))
		return false;
	spin_lock_irqsave(&mapping->i_pages_lock, flags);
	if (folio->mapping == mapping) {
		xa_set_mark(&mapping->i_pages, folio->index, PAGECACHE_TAG_DIRTY);
		folio_account_dirtied(folio, mapping);
	}
	spin_unlock_irqrestore(&mapping->i_pages_lock, flags);
	if (mapping_can_writeback(mapping))
		writeback_hooks->mark_inode_dirty(mapping->host, I_DIRTY_PAGES);
	return true;
}

bool folio_mark_dirty(struct folio *folio)
{
	struct address_space *mapping = folio_mapping(folio);

	if (likely(mapping && mapping->a_ops && mapping->a_ops->dirty_folio))
		return mapping->a_ops->dirty_folio(mapping, folio);
	return !folio_test_set_dirty(folio);
}

bool folio_clear_dirty_for_io(struct folio *folio)
{
	struct address_space *mapping = folio->mapping;

	VM_BUG_ON(!folio_test_locked(folio));
	/*
	 * A store through a page table after this one is noticed, because the entry is write-protected; what was stored before is in
	 * the entry's dirty bit, which goes into the folio here, and out with the rest.
	 */
	if (mapping && mapping_ops->mkclean(folio))
		folio_mark_dirty(folio);
	if (!folio_test_clear_dirty(folio))
		return false;
	if (mapping)
		folio_account_cleaned(folio, mapping);
	return true;
}

void folio_cancel_dirty(struct folio *folio)
{
	if (folio_test_clear_dirty(folio) && folio->mapping && folio->mapping->a_ops &&
	    folio->mapping->a_ops->dirty_folio)
		folio_account_cleaned(folio, folio->mapping);
}

void folio_start_writeback(struct folio *folio)
{
	struct address_space *mapping = folio->mapping;
	unsigned long flags;

	VM_BUG_ON(!folio_test_locked(folio));
	spin_lock_irqsave(&mapping->i_pages_lock, flags);
	VM_BUG_ON(folio_test_writeback(folio));
	folio_set_writeback(folio);
	xa_set_mark(&mapping->i_pages, folio->index, PAGECACHE_TAG_WRITEBACK);
	if (!folio_test_dirty(folio))
		xa_clear_mark(&mapping->i_pages, folio->index, PAGECACHE_TAG_DIRTY);
	xa_clear_mark(&mapping->i_pages, folio->index, PAGECACHE_TAG_TOWRITE);
	node_stat_add_folio(folio, NR_WRITEBACK);
	wb_count(mapping, folio, WB_WRITEBACK, 1);
	spin_unlock_irqrestore(&mapping->i_pages_lock, flags);
}

void folio_end_writeback(struct folio *folio)
{
	struct address_space *mapping = folio->mapping;
	unsigned long flags;

	/* Who waits may free it as soon as the flag is gone. */
	folio_get(folio);
	spin_lock_irqsave(&mapping->i_pages_lock, flags);
	xa_clear_mark(&mapping->i_pages, folio->index, PAGECACHE_TAG_WRITEBACK);
	node_stat_sub_folio(folio, NR_WRITEBACK);
	node_stat_add_folio(folio, NR_WRITTEN);
	wb_count(mapping, folio, WB_WRITEBACK, -1);
	wb_count(mapping, folio, WB_WRITTEN, 1);
	if (mapping_can_writeback(mapping))
		wb_writeout_add(&mapping->bdi->wb, folio_nr_pages(folio));
	folio_clear_writeback(folio);
	spin_unlock_irqrestore(&mapping->i_pages_lock, flags);
	folio_wake_writeback(folio);
	folio_put(folio);
}

/* Up to BATCH folios from *index to last with this mark, each with a reference; *index: where to go on. */
static unsigned int get_folios_tag(struct address_space *mapping, unsigned long *index,
				   unsigned long last, xa_mark_t tag, struct folio **batch)
{
	unsigned int n = 0;
	struct folio *folio;

	rcu_read_lock();
	while (n < BATCH && *index <= last) {
		folio = xa_find(&mapping->i_pages, index, last, tag);
		if (!folio)
			break;
		if (xa_is_value(folio)) {
			(*index)++;
			continue;
		}
		/* It goes or moves just now: soon it is not there, or there again, and then it must not be passed over. */
		if (!folio_try_get(folio)) {
			cpu_relax();
			continue;
		}
		if (unlikely(xa_load(&mapping->i_pages, *index) != folio)) {
			folio_put(folio);
			continue;
		}
		batch[n++] = folio;
		if ((*index)++ == ULONG_MAX)
			break;
	}
	rcu_read_unlock();
	return n;
}

/* Everything that is dirty now gets the mark of what this pass must write. */
static void tag_pages_for_writeback(struct address_space *mapping, unsigned long first,
				    unsigned long last)
{
	unsigned long index = first, flags;
	unsigned int n = 0;

	spin_lock_irqsave(&mapping->i_pages_lock, flags);
	while (index <= last && xa_find(&mapping->i_pages, &index, last, PAGECACHE_TAG_DIRTY)) {
		xa_set_mark(&mapping->i_pages, index, PAGECACHE_TAG_TOWRITE);
		if (index++ == ULONG_MAX)
			break;
		if (++n % 1024)
			continue;
		spin_unlock_irqrestore(&mapping->i_pages_lock, flags);
		cond_resched();
		spin_lock_irqsave(&mapping->i_pages_lock, flags);
	}
	spin_unlock_irqrestore(&mapping->i_pages_lock, flags);
}

/* Is it still there and dirty, and not being written? Waits for a write under way if all must be written. => locked */
static bool ready_to_write(struct folio *folio, struct address_space *mapping,
			   const struct writeback_control *wbc)
{
	if (folio->mapping != mapping)
		return false;
	if (folio_test_writeback(folio)) {
		if (wbc->sync_mode == WB_SYNC_NONE)
			return false;
		folio_wait_writeback(folio);
	}
	return folio_clear_dirty_for_io(folio);
}

static int write_one_folio(struct folio *folio, struct address_space *mapping,
			   struct writeback_control *wbc, writepage_t writepage, void *data)
{
	folio_lock(folio);
	if (!ready_to_write(folio, mapping, wbc)) {
		folio_unlock(folio);
		return 0;
	}
	wbc->nr_to_write--;
	return writepage(folio, wbc, data);
}

static bool pass_done(const struct writeback_control *wbc, int err)
{
	return wbc->sync_mode == WB_SYNC_NONE && (err || wbc->nr_to_write <= 0);
}

/* What has the mark in [*index, last], until it is enough; *index: the first one not looked at. The first error. */
static int write_tagged(struct address_space *mapping, struct writeback_control *wbc,
			unsigned long *index, unsigned long last, xa_mark_t tag,
			writepage_t writepage, void *data)
{
	struct folio *batch[BATCH];
	unsigned int n, i;
	int err = 0, one;

	while (!pass_done(wbc, err) && (n = get_folios_tag(mapping, index, last, tag, batch))) {
		for (i = 0; i < n; i++) {
			if (pass_done(wbc, err)) {
				*index = min(*index, batch[i]->index);
				folio_put(batch[i]);
				continue;
			}
			one = write_one_folio(batch[i], mapping, wbc, writepage, data);
			if (!err)
				err = one;
			folio_put(batch[i]);
		}
		cond_resched();
	}
	return err;
}

int write_cache_pages(struct address_space *mapping, struct writeback_control *wbc,
		      writepage_t writepage, void *data)
{
	unsigned long first = wbc->range_start >> PAGE_SHIFT, last = wbc->range_end >> PAGE_SHIFT;
	unsigned long index = first;
	xa_mark_t tag = PAGECACHE_TAG_DIRTY;
	int err;

	if (wbc->range_cyclic) {
		first = 0;
		last = ULONG_MAX;
		index = READ_ONCE(mapping->writeback_index);
	}
	if (wbc->sync_mode == WB_SYNC_ALL || wbc->tagged_writepages) {
		tag_pages_for_writeback(mapping, first, last);
		tag = PAGECACHE_TAG_TOWRITE;
	}
	err = write_tagged(mapping, wbc, &index, last, tag, writepage, data);
	if (!wbc->range_cyclic)
		return err;
	/*
	 * At the end it does not go on at the start: pages that it writes may not be on their way yet, and whoever holds an earlier one
	 * may be waiting for one of them.
	 */
	WRITE_ONCE(mapping->writeback_index, pass_done(wbc, err) ? index : 0);
	return err;
}

int do_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	if (wbc->nr_to_write <= 0 || !mapping->a_ops || !mapping->a_ops->writepages ||
	    !mapping_tagged(mapping, PAGECACHE_TAG_DIRTY))
		return 0;
	return mapping->a_ops->writepages(mapping, wbc);
}

int filemap_fdatawrite_range_kick(struct address_space *mapping, loff_t start, loff_t end)
{
	struct writeback_control wbc = { .nr_to_write = LONG_MAX,
					 .range_start = start,
					 .range_end = end,
					 .sync_mode = WB_SYNC_NONE };

	return do_writepages(mapping, &wbc);
}

int filemap_fdatawrite_range(struct address_space *mapping, loff_t start, loff_t end)
{
	struct writeback_control wbc = { .nr_to_write = LONG_MAX,
					 .range_start = start,
					 .range_end = end,
					 .sync_mode = WB_SYNC_ALL };

	return do_writepages(mapping, &wbc);
}

void filemap_fdatawait_range(struct address_space *mapping, loff_t start, loff_t end)
{
	unsigned long index = start >> PAGE_SHIFT, last = end >> PAGE_SHIFT;
	struct folio *batch[BATCH];
	unsigned int n, i;

	while (mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK) &&
	       (n = get_folios_tag(mapping, &index, last, PAGECACHE_TAG_WRITEBACK, batch))) {
		for (i = 0; i < n; i++) {
			folio_wait_writeback(batch[i]);
			folio_put(batch[i]);
		}
		cond_resched();
	}
}

int filemap_write_and_wait_range(struct address_space *mapping, loff_t start, loff_t end)
{
	errseq_t since = errseq_sample(&mapping->wb_err);
	int err = filemap_fdatawrite_range(mapping, start, end), told;

	filemap_fdatawait_range(mapping, start, end);
	/* It counts as told: an old error must not end every later call. Who has the file open hears of it all the same. */
	told = errseq_check_and_advance(&mapping->wb_err, &since);
	return err ? err : told;
}

int file_check_and_advance_wb_err(struct file *file)
{
	int err;

	spin_lock(&file->f_lock);
	err = errseq_check_and_advance(&file->f_mapping->wb_err, &file->f_wb_err);
	spin_unlock(&file->f_lock);
	return err;
}

int file_write_and_wait_range(struct file *file, loff_t start, loff_t end)
{
	struct address_space *mapping = file->f_mapping;
	int err = filemap_fdatawrite_range(mapping, start, end), told;

	filemap_fdatawait_range(mapping, start, end);
	told = file_check_and_advance_wb_err(file);
	return told ? told : err;
}
