/*
 * Which inodes are dirty, and the flusher that writes them.
 *
 * 1. __mark_inode_dirty() sets I_DIRTY_* and puts the inode on its device's list b_dirty, with the time (dirtied_when). An inode that
 *    is dirty already stays where it is: its age is that of the oldest change, so busy files are written in time too.
 * 2. A round takes what is old enough (queue_io: everything, or what has expired) from the end of b_dirty to b_io, and writes one
 *    inode after the other: pages, then the inode itself by ->write_inode. Large files get a slice of the round and go on b_more_io.
 * 3. I_SYNC: somebody writes this inode now. It keeps the inode in memory, without a reference: evict() takes the inode off its list
 *    and waits for I_SYNC to end. So the flusher needs neither references nor to know of unmounting.
 * 4. The flusher's work, in order: what was asked for (work_list), inodes older than dirty_expire_centisecs, and as long as more than
 *    the background limit is dirty. The latter two stop as soon as somebody asks for something.
 * 5. sync_filesystem(): start everything without waiting, then once more, waiting; then the device itself. Pages whose writing
 *    somebody else has begun are waited for too, on whichever inode they are.
 *
 * Invariant: an inode is on one of the lists if and only if it is dirty, not being freed, and nobody has I_SYNC.
 * Locks: list_lock > i_lock; s_inode_list_lock > inode_hash_lock. None of them is held while something is written.
 * Mirrors Linux fs/fs-writeback.c. Exercised by the suite writeback and tests/user/wback.c.
 */
#include "kernel/block/genhd.h"
#include "kernel/bug.h"
#include "kernel/completion.h"
#include "kernel/fs/internal.h"
#include "kernel/init.h"
#include "kernel/sched.h"
#include "mm/cache/backing-dev.h"
#include "mm/cache/dirty-throttle.h"
#include "mm/cache/writeback.h"

#define MIN_WRITEBACK_PAGES 1024L

/* What the flusher is asked for. On the stack of whoever waits for it. */
struct wb_writeback_work {
	long nr_pages;
	struct super_block *sb; /* only its inodes; NULL: all of the device */
	enum writeback_sync_modes sync_mode;
	bool tagged_writepages, for_kupdate, for_background, range_cyclic, for_sync;
	struct list_head list; /* wb->work_lock */
	struct completion *done;
};

static struct workqueue_struct *bdi_wq;

/* ---- lists ---- */

static struct bdi_writeback *inode_to_wb(const struct inode *inode)
{
	return &inode_to_bdi(inode)->wb;
}

static struct inode *wb_inode(struct list_head *entry)
{
	return list_entry(entry, struct inode, i_io_list);
}

/* => list_lock held */
static void wb_check_lists(struct bdi_writeback *wb)
{
	if (list_empty(&wb->b_dirty) && list_empty(&wb->b_io) && list_empty(&wb->b_more_io) &&
	    list_empty(&wb->b_dirty_time))
		clear_bit(WB_has_dirty_io, &wb->state);
	else
		set_bit(WB_has_dirty_io, &wb->state);
}

/* => list_lock and i_lock held */
static void inode_io_list_move(struct inode *inode, struct bdi_writeback *wb,
			       struct list_head *head)
{
	list_move(&inode->i_io_list, head);
	set_bit(WB_has_dirty_io, &wb->state);
}

static void inode_io_list_del_locked(struct inode *inode, struct bdi_writeback *wb)
{
	list_del_init(&inode->i_io_list);
	wb_check_lists(wb);
}

/* To the front of b_dirty, which stays in order of time. => list_lock and i_lock held */
static void redirty_tail(struct inode *inode, struct bdi_writeback *wb)
{
	if (!list_empty(&wb->b_dirty)) {
		const struct inode *newest = wb_inode(wb->b_dirty.next);

		if (time_before(inode->dirtied_when, newest->dirtied_when))
			inode->dirtied_when = jiffies;
	}
	inode_io_list_move(inode, wb, &wb->b_dirty);
}

/* => no reference is needed: nobody else can free it; may sleep */
void inode_io_list_del(struct inode *inode)
{
	struct bdi_writeback *wb = inode_to_wb(inode);

	spin_lock(&wb->list_lock);
	spin_lock(&inode->i_lock);
	/* From now on nobody puts it on a list again. */
	inode->i_state |= I_FREEING;
	inode_io_list_del_locked(inode, wb);
	spin_unlock(&inode->i_lock);
	spin_unlock(&wb->list_lock);
}

/* Sleeps until a moment when nobody writes the inode. => i_lock held, released; the inode may be gone on return */
static void inode_sleep_on_writeback(struct inode *inode)
{
	wait_queue_head_t *wq = bit_waitqueue(&inode->i_state, __I_SYNC);
	bool busy;
	DEFINE_WAIT(wait);

	prepare_to_wait(wq, &wait, TASK_UNINTERRUPTIBLE);
	busy = inode->i_state & I_SYNC;
	spin_unlock(&inode->i_lock);
	if (busy)
		schedule();
	finish_wait(wq, &wait);
}

void inode_wait_for_writeback(struct inode *inode)
{
	for (;;) {
		spin_lock(&inode->i_lock);
		if (!(inode->i_state & I_SYNC))
			break;
		inode_sleep_on_writeback(inode);
	}
	spin_unlock(&inode->i_lock);
}

/* => i_lock held */
static void inode_sync_complete(struct inode *inode)
{
	inode->i_state &= ~I_SYNC;
	wake_up_all(bit_waitqueue(&inode->i_state, __I_SYNC));
}

/* ---- becoming dirty ---- */

/* Whether the flusher must be woken: it sleeps as long as nothing is dirty. */
static bool queue_dirty_inode(struct inode *inode, struct bdi_writeback *wb)
{
	bool first = false;

	spin_lock(&wb->list_lock);
	spin_lock(&inode->i_lock);
	/* While it is being written it is put on its list by whoever writes. */
	if ((inode->i_state & I_DIRTY_ALL) && !(inode->i_state & (I_SYNC | I_FREEING))) {
		bool time_only = !(inode->i_state & I_DIRTY);

		first = !wb_has_dirty_io(wb);
		inode->dirtied_when = jiffies;
		if (time_only)
			inode->dirtied_time_when = jiffies;
		inode_io_list_move(inode, wb, time_only ? &wb->b_dirty_time : &wb->b_dirty);
	}
	spin_unlock(&inode->i_lock);
	spin_unlock(&wb->list_lock);
	return first;
}

static void wb_wakeup_delayed(struct bdi_writeback *wb)
{
	unsigned int centisecs = READ_ONCE(dirty_writeback_interval);

	if (centisecs)
		queue_delayed_work(bdi_wq, &wb->dwork, msecs_to_jiffies(centisecs * 10));
}

void __mark_inode_dirty(struct inode *inode, int flags)
{
	struct backing_dev_info *bdi = inode_to_bdi(inode);
	unsigned long before;

	if (!bdi_can_writeback(bdi))
		return;
	/* Against __writeback_single_inode(): it clears the state first, and looks at what it writes afterwards. */
	smp_mb();
	if ((READ_ONCE(inode->i_state) & flags) == (unsigned long)flags)
		return;
	spin_lock(&inode->i_lock);
	before = inode->i_state;
	if (flags & I_DIRTY_INODE)
		inode->i_state &= ~I_DIRTY_TIME; /* the times go with the rest */
	else if (flags == I_DIRTY_TIME && (before & I_DIRTY_INODE))
		flags = 0;
	inode->i_state |= flags;
	spin_unlock(&inode->i_lock);
	/* It has its place already, unless that is among those whose times alone are dirty. */
	if ((before & I_DIRTY) || (flags == I_DIRTY_TIME && (before & I_DIRTY_TIME)) || !flags)
		return;
	if (queue_dirty_inode(inode, &bdi->wb))
		wb_wakeup_delayed(&bdi->wb);
}

/* ---- one inode ---- */

/* Pages and inode. => I_SYNC is the caller's */
static int __writeback_single_inode(struct inode *inode, struct writeback_control *wbc)
{
	struct address_space *mapping = inode->i_mapping;
	const struct super_operations *op = inode->i_sb->s_op;
	unsigned long dirty;
	int err, one;

	err = do_writepages(mapping, wbc);
	/* The inode may say where the data is: first that. sync waits for the data of all inodes together. */
	if (wbc->sync_mode == WB_SYNC_ALL && !wbc->for_sync) {
		errseq_t since = errseq_sample(&mapping->wb_err);

		filemap_fdatawait_range(mapping, 0, LLONG_MAX);
		one = errseq_check(&mapping->wb_err, since);
		err = err ? err : one;
	}
	spin_lock(&inode->i_lock);
	dirty = inode->i_state & I_DIRTY;
	if ((inode->i_state & I_DIRTY_TIME) &&
	    (dirty & I_DIRTY_INODE || wbc->sync_mode == WB_SYNC_ALL || wbc->for_sync ||
	     time_after(jiffies,
			inode->dirtied_time_when + dirtytime_expire_interval * (unsigned long)HZ)))
		dirty |= I_DIRTY_TIME;
	inode->i_state &= ~dirty;
	smp_mb();
	if (mapping_tagged(mapping, PAGECACHE_TAG_DIRTY))
		inode->i_state |= I_DIRTY_PAGES;
	spin_unlock(&inode->i_lock);
	if ((dirty & ~(unsigned long)I_DIRTY_PAGES) && op->write_inode) {
		one = op->write_inode(inode, wbc);
		err = err ? err : one;
	}
	return err;
}

/* Where it goes after its slice. => list_lock and i_lock held */
static void requeue_inode(struct inode *inode, struct bdi_writeback *wb,
			  const struct writeback_control *wbc)
{
	if (inode->i_state & I_FREEING)
		return;
	if ((inode->i_state & I_DIRTY) && (wbc->sync_mode == WB_SYNC_ALL || wbc->tagged_writepages))
		inode->dirtied_when = jiffies;
	if (mapping_tagged(inode->i_mapping, PAGECACHE_TAG_DIRTY) && wbc->nr_to_write <= 0)
		inode_io_list_move(inode, wb, &wb->b_more_io);
	else if (inode->i_state & I_DIRTY)
		redirty_tail(inode, wb);
	else if (inode->i_state & I_DIRTY_TIME)
		inode_io_list_move(inode, wb, &wb->b_dirty_time);
	else
		inode_io_list_del_locked(inode, wb);
}

/* For who has a reference: the flusher may be at it as well. */
static int writeback_single_inode(struct inode *inode, struct writeback_control *wbc)
{
	struct bdi_writeback *wb = inode_to_wb(inode);
	bool timed;
	int err;

	spin_lock(&inode->i_lock);
	while (inode->i_state & I_SYNC) {
		if (wbc->sync_mode != WB_SYNC_ALL) {
			spin_unlock(&inode->i_lock);
			return 0;
		}
		inode_sleep_on_writeback(inode);
		spin_lock(&inode->i_lock);
	}
	if (!(inode->i_state & I_DIRTY_ALL) &&
	    (wbc->sync_mode != WB_SYNC_ALL ||
	     !mapping_tagged(inode->i_mapping, PAGECACHE_TAG_WRITEBACK))) {
		spin_unlock(&inode->i_lock);
		return 0;
	}
	inode->i_state |= I_SYNC;
	timed = inode->i_state & I_DIRTY_TIME;
	spin_unlock(&inode->i_lock);
	err = __writeback_single_inode(inode, wbc);
	spin_lock(&wb->list_lock);
	spin_lock(&inode->i_lock);
	/* On b_io it stays where it is while there is something to write: its turn comes. */
	if (!(inode->i_state & I_DIRTY_ALL) || list_empty(&inode->i_io_list))
		requeue_inode(inode, wb, wbc);
	else if (timed && (inode->i_state & I_DIRTY)) /* that list has time, but now it has not */
		inode_io_list_move(inode, wb, &wb->b_more_io);
	inode_sync_complete(inode);
	spin_unlock(&inode->i_lock);
	spin_unlock(&wb->list_lock);
	return err;
}

int write_inode_now(struct inode *inode, int sync)
{
	struct writeback_control wbc = { .nr_to_write = LONG_MAX,
					 .range_end = LLONG_MAX,
					 .sync_mode = sync ? WB_SYNC_ALL : WB_SYNC_NONE };

	return bdi_can_writeback(inode_to_bdi(inode)) ? writeback_single_inode(inode, &wbc) : 0;
}

int sync_inode_metadata(struct inode *inode, int wait)
{
	struct writeback_control wbc = { .nr_to_write = 0, /* no pages */
					 .sync_mode = wait ? WB_SYNC_ALL : WB_SYNC_NONE };

	return bdi_can_writeback(inode_to_bdi(inode)) ? writeback_single_inode(inode, &wbc) : 0;
}

/* ---- a round of the flusher ---- */

/* What became dirty before, from the old end of one list to the front of another. => list_lock held */
static void move_expired_inodes(struct list_head *from, struct list_head *to, bool times,
				unsigned long before)
{
	while (!list_empty(from)) {
		struct inode *inode = wb_inode(from->prev);

		if (time_after(times ? inode->dirtied_time_when : inode->dirtied_when, before))
			break;
		list_move(&inode->i_io_list, to);
	}
}

static void queue_io(struct bdi_writeback *wb, const struct wb_writeback_work *work,
		     unsigned long before)
{
	unsigned long times_before = jiffies - dirtytime_expire_interval * (unsigned long)HZ;

	if (work->for_sync || work->sync_mode == WB_SYNC_ALL)
		times_before = jiffies;
	list_splice_init(&wb->b_more_io, &wb->b_io);
	move_expired_inodes(&wb->b_dirty, &wb->b_io, false, before);
	move_expired_inodes(&wb->b_dirty_time, &wb->b_io, true, times_before);
	wb_check_lists(wb);
}

/* Pages of one inode in a row. Half a second's worth, so that others come to their turn. */
static long writeback_chunk_size(struct bdi_writeback *wb, const struct wb_writeback_work *work)
{
	long pages;

	if (work->sync_mode == WB_SYNC_ALL || work->tagged_writepages)
		return LONG_MAX;
	pages = min(max((long)READ_ONCE(wb->avg_write_bandwidth) / 2, MIN_WRITEBACK_PAGES),
		    work->nr_pages);
	return max(pages & ~(MIN_WRITEBACK_PAGES - 1), MIN_WRITEBACK_PAGES);
}

/*
 * The inode at the end of b_io, with I_SYNC and without list_lock; or NULL: it must not be written now, and has been moved. => list_lock
 * held; dropped for a while where it had to be waited for
 */
static struct inode *take_inode(struct bdi_writeback *wb, const struct wb_writeback_work *work)
{
	struct inode *inode = wb_inode(wb->b_io.prev);

	spin_lock(&inode->i_lock);
	if ((work->sb && inode->i_sb != work->sb) || (inode->i_state & (I_FREEING | I_NEW))) {
		redirty_tail(inode, wb);
		spin_unlock(&inode->i_lock);
		return NULL;
	}
	if (!(inode->i_state & I_SYNC)) {
		inode->i_state |= I_SYNC;
		spin_unlock(&inode->i_lock);
		spin_unlock(&wb->list_lock);
		return inode;
	}
	if (work->sync_mode != WB_SYNC_ALL) {
		inode_io_list_move(inode, wb, &wb->b_more_io);
		spin_unlock(&inode->i_lock);
		return NULL;
	}
	spin_unlock(&wb->list_lock);
	inode_sleep_on_writeback(inode);
	spin_lock(&wb->list_lock);
	return NULL;
}

/* Writes inodes of b_io. How much it got done: pages, and inodes that are clean now. => list_lock held */
static long writeback_inodes(struct bdi_writeback *wb, struct wb_writeback_work *work)
{
	struct writeback_control wbc = { .sync_mode = work->sync_mode,
					 .tagged_writepages = work->tagged_writepages,
					 .for_kupdate = work->for_kupdate,
					 .for_background = work->for_background,
					 .for_sync = work->for_sync,
					 .range_cyclic = work->range_cyclic,
					 .range_end = LLONG_MAX };
	unsigned long start = jiffies;
	long done = 0;

	while (!list_empty(&wb->b_io)) {
		struct inode *inode = take_inode(wb, work);
		long chunk;

		if (!inode)
			continue;
		wbc.nr_to_write = chunk = writeback_chunk_size(wb, work);
		__writeback_single_inode(inode, &wbc);
		work->nr_pages -= chunk - wbc.nr_to_write;
		done += chunk - wbc.nr_to_write;
		wb_update_bandwidth(wb);
		cond_resched();
		spin_lock(&wb->list_lock);
		spin_lock(&inode->i_lock);
		if (!(inode->i_state & I_DIRTY_ALL))
			done++;
		requeue_inode(inode, wb, &wbc);
		inode_sync_complete(inode);
		spin_unlock(&inode->i_lock);
		if (done && (time_after(jiffies, start + HZ / 10) || work->nr_pages <= 0))
			break;
	}
	return done;
}

static bool work_waits(struct bdi_writeback *wb)
{
	return !list_empty_careful(&wb->work_list);
}

/* Background work gives way to who asks, and ends below the limit. */
static bool round_is_over(struct bdi_writeback *wb, const struct wb_writeback_work *work)
{
	if (work->nr_pages <= 0)
		return true;
	if ((work->for_background || work->for_kupdate) && work_waits(wb))
		return true;
	return work->for_background && !wb_over_bg_thresh(wb);
}

/* One of them is being written by somebody else: waits for it. => list_lock held */
static void wait_for_more_io(struct bdi_writeback *wb)
{
	struct inode *inode = wb_inode(wb->b_more_io.prev);

	spin_lock(&inode->i_lock);
	spin_unlock(&wb->list_lock);
	inode_sleep_on_writeback(inode);
	spin_lock(&wb->list_lock);
}

static long wb_writeback(struct bdi_writeback *wb, struct wb_writeback_work *work)
{
	unsigned long before = jiffies;
	long asked = work->nr_pages, progress;
	struct blk_plug plug;

	wb_bandwidth_start(wb);
	blk_start_plug(&plug);
	spin_lock(&wb->list_lock);
	while (!round_is_over(wb, work)) {
		if (work->for_kupdate)
			before = jiffies - msecs_to_jiffies(dirty_expire_interval * 10);
		else if (work->for_background)
			before = jiffies;
		if (list_empty(&wb->b_io))
			queue_io(wb, work, before);
		progress = writeback_inodes(wb, work);
		if (progress)
			continue;
		if (list_empty(&wb->b_more_io))
			break;
		wait_for_more_io(wb);
	}
	spin_unlock(&wb->list_lock);
	blk_finish_plug(&plug);
	return asked - work->nr_pages;
}

/* ---- the flusher ---- */

static struct wb_writeback_work *next_work(struct bdi_writeback *wb)
{
	struct wb_writeback_work *work;

	guard(spinlock)(&wb->work_lock);
	work = list_first_entry_or_null(&wb->work_list, struct wb_writeback_work, list);
	if (work)
		list_del_init(&work->list);
	return work;
}

static void wb_check_start_all(struct bdi_writeback *wb)
{
	struct wb_writeback_work work = { .nr_pages = LONG_MAX, .range_cyclic = true };

	if (!test_bit(WB_start_all, &wb->state))
		return;
	work.nr_pages = wb_stat(wb, WB_RECLAIMABLE) + MIN_WRITEBACK_PAGES;
	wb_writeback(wb, &work);
	clear_bit(WB_start_all, &wb->state);
}

static void wb_check_old_data(struct bdi_writeback *wb)
{
	struct wb_writeback_work work = { .nr_pages = LONG_MAX,
					  .for_kupdate = true,
					  .range_cyclic = true };
	unsigned int centisecs = READ_ONCE(dirty_writeback_interval);

	if (!centisecs ||
	    time_before(jiffies, wb->last_old_flush + msecs_to_jiffies(centisecs * 10)))
		return;
	wb->last_old_flush = jiffies;
	wb_writeback(wb, &work);
}

static void wb_check_background(struct bdi_writeback *wb)
{
	struct wb_writeback_work work = { .nr_pages = LONG_MAX,
					  .for_background = true,
					  .range_cyclic = true };

	if (wb_over_bg_thresh(wb))
		wb_writeback(wb, &work);
}

static void wb_workfn(struct work_struct *w)
{
	struct bdi_writeback *wb = container_of(to_delayed_work(w), struct bdi_writeback, dwork);
	struct wb_writeback_work *work;

	do {
		set_bit(WB_writeback_running, &wb->state);
		while ((work = next_work(wb))) {
			struct completion *done = work->done;

			wb_writeback(wb, work);
			complete(done);
		}
		wb_check_start_all(wb);
		wb_check_old_data(wb);
		wb_check_background(wb);
		clear_bit(WB_writeback_running, &wb->state);
		smp_mb();
	} while (work_waits(wb));
	if (wb_has_dirty_io(wb))
		wb_wakeup_delayed(wb);
}

static void wb_wakeup(struct bdi_writeback *wb)
{
	mod_delayed_work(bdi_wq, &wb->dwork, 0);
}

/* => may sleep */
static void wb_do_work(struct bdi_writeback *wb, struct wb_writeback_work *work)
{
	DECLARE_COMPLETION_ONSTACK(done);

	work->done = &done;
	spin_lock(&wb->work_lock);
	list_add_tail(&work->list, &wb->work_list);
	spin_unlock(&wb->work_lock);
	wb_wakeup(wb);
	wait_for_completion_io(&done);
}

static void wb_shutdown(struct bdi_writeback *wb)
{
	/* No inode is left: what still runs finds nothing, and does not queue itself again. */
	cancel_delayed_work_sync(&wb->dwork);
	while (work_waits(wb))
		wb_workfn(&wb->dwork.work);
}

void wakeup_flusher_threads(void)
{
	struct backing_dev_info *bdi;

	guard(spinlock)(&bdi_lock);
	list_for_each_entry(bdi, &bdi_list, bdi_list) {
		if (!wb_has_dirty_io(&bdi->wb))
			continue;
		set_bit(WB_start_all, &bdi->wb.state);
		wb_wakeup(&bdi->wb);
	}
}

/* The interval has changed: none waits for the end of the old one. */
void wakeup_dirty_flushers(void)
{
	struct backing_dev_info *bdi;

	guard(spinlock)(&bdi_lock);
	list_for_each_entry(bdi, &bdi_list, bdi_list) {
		if (wb_has_dirty_io(&bdi->wb))
			wb_wakeup(&bdi->wb);
	}
}

/* ---- a whole file system ---- */

void writeback_inodes_sb(struct super_block *sb)
{
	struct wb_writeback_work work = {
		.nr_pages = LONG_MAX, .sb = sb, .tagged_writepages = true, .for_sync = true
	};

	if (bdi_can_writeback(sb->s_bdi) && wb_has_dirty_io(&sb->s_bdi->wb))
		wb_do_work(&sb->s_bdi->wb, &work);
}

static bool inode_in_writeback(const struct inode *inode)
{
	return mapping_tagged(inode->i_mapping, PAGECACHE_TAG_WRITEBACK);
}

static void wait_for_inode(struct inode *inode, void *arg)
{
	filemap_fdatawait_range(inode->i_mapping, 0, LLONG_MAX);
}

void sync_inodes_sb(struct super_block *sb)
{
	struct wb_writeback_work work = {
		.nr_pages = LONG_MAX, .sb = sb, .sync_mode = WB_SYNC_ALL, .for_sync = true
	};

	if (!bdi_can_writeback(sb->s_bdi))
		return;
	wb_do_work(&sb->s_bdi->wb, &work);
	iterate_inodes(sb, inode_in_writeback, wait_for_inode, NULL);
}

static void sb_write_error(struct inode *inode, int err)
{
	if (inode->i_sb)
		errseq_set(&inode->i_sb->s_wb_err, err);
}

void writeback_init(void)
{
	static const struct writeback_hooks hooks = {
		.mark_inode_dirty = __mark_inode_dirty,
		.write_error = sb_write_error,
		.workfn = wb_workfn,
		.start_background = wb_wakeup,
		.shutdown = wb_shutdown,
	};

	writeback_hooks = &hooks;
}

static int __init bdi_wq_init(void)
{
	bdi_wq = alloc_workqueue("writeback", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!bdi_wq)
		panic("no memory for the flusher");
	return 0;
}
subsys_initcall(bdi_wq_init);
