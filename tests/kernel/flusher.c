/*
 * Suite flusher: a file system in memory with a device of its own, whose writes end when the test says so: who writes a dirty inode, and
 * when; what sync waits for; how writers are held back by a slow device, and that a broken one does not hold them.
 */
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/kthread.h"
#include "kernel/ktest.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/cache/dirty-throttle.h"
#include "mm/cache/pagemap.h"
#include "mm/cache/writeback.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"

#define FL_QUEUE 4096U

static struct fl_disk {
	struct super_block sb;
	struct inode *inode;
	spinlock_t lock;
	struct folio *queue[FL_QUEUE]; /* lock: in writeback, oldest first from tail */
	unsigned int head, tail;
	bool slow; /* writes go to the queue, and end when fl_disk_thread says so */
	int error; /* what writes end with */
	atomic_t written, inodes_written;
	unsigned long first_write; /* jiffies */
	unsigned long peak;	   /* most pages that were dirty or in writeback at once */
	/* What the test changes. */
	unsigned long bytes, bg_bytes;
	unsigned int expire, interval;
	int ratio, bg_ratio;
} * fl;

static void fl_end(struct folio *folio)
{
	mapping_set_error(folio->mapping, fl->error);
	atomic_inc(&fl->written);
	folio_end_writeback(folio);
}

static int fl_writepage(struct folio *folio, struct writeback_control *wbc, void *data)
{
	folio_start_writeback(folio);
	folio_unlock(folio);
	if (!fl->first_write)
		fl->first_write = jiffies;
	if (!fl->slow) {
		fl_end(folio);
		return 0;
	}
	guard(spinlock)(&fl->lock);
	fl->queue[fl->head++ % FL_QUEUE] = folio;
	return 0;
}

static int fl_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	return write_cache_pages(mapping, wbc, fl_writepage, NULL);
}

static const struct address_space_operations fl_aops = {
	.dirty_folio = filemap_dirty_folio,
	.writepages = fl_writepages,
};

static int fl_write_inode(struct inode *inode, struct writeback_control *wbc)
{
	atomic_inc(&fl->inodes_written);
	return 0;
}

static const struct super_operations fl_sops = { .write_inode = fl_write_inode };

static struct folio *fl_take(void)
{
	guard(spinlock)(&fl->lock);
	return fl->tail == fl->head ? NULL : fl->queue[fl->tail++ % FL_QUEUE];
}

/* Eight pages in each of its turns. */
static int fl_disk_thread(void *arg)
{
	struct folio *folio;
	int n;

	while (!kthread_should_stop()) {
		for (n = 0; n < 8 && (folio = fl_take()); n++)
			fl_end(folio);
		msleep(1);
	}
	while ((folio = fl_take()))
		fl_end(folio);
	return 0;
}

static bool fl_setup(struct ktest *t)
{
	fl = kvzalloc(sizeof(*fl), GFP_KERNEL);
	KTEST_EXPECT_NOT_NULL(t, fl);
	if (!fl)
		return false;
	fl->bytes = vm_dirty_bytes;
	fl->bg_bytes = dirty_background_bytes;
	fl->ratio = vm_dirty_ratio;
	fl->bg_ratio = dirty_background_ratio;
	fl->expire = dirty_expire_interval;
	fl->interval = dirty_writeback_interval;
	spin_lock_init(&fl->lock);
	spin_lock_init(&fl->sb.s_inode_list_lock);
	INIT_LIST_HEAD(&fl->sb.s_inodes);
	fl->sb.s_op = &fl_sops;
	fl->sb.s_bdi = bdi_alloc();
	fl->inode = fl->sb.s_bdi ? new_inode(&fl->sb) : NULL;
	KTEST_EXPECT_NOT_NULL(t, fl->inode);
	if (!fl->inode)
		return false;
	fl->inode->i_data.a_ops = &fl_aops;
	fl->inode->i_data.gfp_mask = GFP_KERNEL;
	return true;
}

static void fl_teardown(struct ktest *t)
{
	vm_dirty_bytes = fl->bytes;
	dirty_background_bytes = fl->bg_bytes;
	vm_dirty_ratio = fl->ratio;
	dirty_background_ratio = fl->bg_ratio;
	dirty_expire_interval = fl->expire;
	dirty_writeback_interval = fl->interval;
	iput(fl->inode);
	KTEST_EXPECT_FALSE(t, wb_has_dirty_io(&fl->sb.s_bdi->wb));
	KTEST_EXPECT_EQ(t, wb_stat(&fl->sb.s_bdi->wb, WB_RECLAIMABLE), 0UL);
	KTEST_EXPECT_EQ(t, wb_stat(&fl->sb.s_bdi->wb, WB_WRITEBACK), 0UL);
	KTEST_EXPECT_TRUE(t, list_empty(&fl->sb.s_inodes));
	bdi_free(fl->sb.s_bdi);
	kvfree(fl);
}

static bool fl_store(struct ktest *t, unsigned long i)
{
	struct address_space *mapping = &fl->inode->i_data;
	struct folio *folio = filemap_lock_folio(mapping, i);

	if (!folio) {
		folio = folio_alloc(GFP_KERNEL | __GFP_ZERO, 0);
		if (!folio || filemap_add_folio(mapping, folio, i, GFP_KERNEL)) {
			KTEST_FAIL(t, "no memory");
			return false;
		}
		folio_set_uptodate(folio);
	}
	folio_mark_dirty(folio);
	folio_unlock(folio);
	folio_put(folio);
	return true;
}

/* Waits, for long if need be, until so many pages have been written. */
static bool fl_wait_written(int n)
{
	unsigned long end = jiffies + 60 * HZ;

	while (atomic_read(&fl->written) < n && time_before(jiffies, end))
		msleep(10);
	return atomic_read(&fl->written) >= n;
}

static void old_inodes_are_written_and_young_ones_not(struct ktest *t)
{
	unsigned long start;

	if (!fl_setup(t))
		return;
	dirty_expire_interval = 30; /* 300 ms */
	dirty_writeback_interval = 5;
	start = jiffies;
	fl_store(t, 0);
	mark_inode_dirty(fl->inode);
	KTEST_EXPECT_TRUE(t, wb_has_dirty_io(&fl->sb.s_bdi->wb));
	KTEST_EXPECT_TRUE(t, fl_wait_written(1));
	KTEST_EXPECT_TRUE(t, fl->first_write - start >= msecs_to_jiffies(300) - 1);
	inode_wait_for_writeback(fl->inode);
	KTEST_EXPECT_EQ(t, atomic_read(&fl->inodes_written), 1);
	KTEST_EXPECT_EQ(t, fl->inode->i_state & I_DIRTY_ALL, 0UL);
	fl_teardown(t);
}

static void sync_writes_all_and_waits_for_all(struct ktest *t)
{
	struct task_struct *disk;
	unsigned long i;

	if (!fl_setup(t))
		return;
	fl->slow = true;
	disk = kthread_run(fl_disk_thread, NULL, "fl_disk");
	KTEST_EXPECT_FALSE(t, IS_ERR(disk));
	if (!IS_ERR(disk)) {
		for (i = 0; i < 100; i++)
			fl_store(t, i * 7);
		mark_inode_dirty(fl->inode);
		sync_inodes_sb(&fl->sb);
		KTEST_EXPECT_EQ(t, atomic_read(&fl->written), 100);
		KTEST_EXPECT_EQ(t, atomic_read(&fl->inodes_written), 1);
		/* Begun by somebody else, so clean: waited for all the same. */
		fl_store(t, 3);
		filemap_fdatawrite_range(&fl->inode->i_data, 0, LLONG_MAX);
		sync_inodes_sb(&fl->sb);
		KTEST_EXPECT_EQ(t, atomic_read(&fl->written), 101);
		KTEST_EXPECT_EQ(t, atomic_read(&fl->inodes_written), 1);
		mark_inode_dirty_sync(fl->inode);
		KTEST_EXPECT_EQ(t, sync_inode_metadata(fl->inode, 1), 0);
		KTEST_EXPECT_EQ(t, atomic_read(&fl->inodes_written), 2);
		kthread_stop(disk);
	}
	fl_teardown(t);
}

static void fl_limit(unsigned long pages)
{
	vm_dirty_bytes = pages * PAGE_SIZE;
	dirty_background_bytes = pages / 4 * PAGE_SIZE;
	writeback_set_ratelimit();
}

static void fl_write_much(struct ktest *t, unsigned long pages)
{
	struct bdi_writeback *wb = &fl->sb.s_bdi->wb;
	unsigned long i;

	for (i = 0; i < pages && fl_store(t, i % 1024); i++) {
		fl->peak = max(fl->peak, wb_stat(wb, WB_RECLAIMABLE) + wb_stat(wb, WB_WRITEBACK));
		balance_dirty_pages_ratelimited(&fl->inode->i_data);
		cond_resched();
	}
}

static void a_slow_device_holds_its_writers_at_the_limit(struct ktest *t)
{
	struct task_struct *disk;

	if (!fl_setup(t))
		return;
	fl->slow = true;
	fl_limit(256);
	disk = kthread_run(fl_disk_thread, NULL, "fl_disk");
	KTEST_EXPECT_FALSE(t, IS_ERR(disk));
	if (!IS_ERR(disk)) {
		fl_write_much(t, 3000);
		/* What a task may dirty between two looks comes on top. */
		KTEST_EXPECT_TRUE(t, fl->peak <= 256 + 32 + 16);
		KTEST_EXPECT_TRUE(t, fl->peak > 64);
		sync_inodes_sb(&fl->sb);
		KTEST_EXPECT_FALSE(t, mapping_tagged(&fl->inode->i_data, PAGECACHE_TAG_DIRTY));
		kthread_stop(disk);
	}
	fl_teardown(t);
}

static void a_broken_device_does_not_hold_them(struct ktest *t)
{
	errseq_t since;

	if (!fl_setup(t))
		return;
	fl->error = -EIO;
	fl_limit(64);
	since = errseq_sample(&fl->sb.s_wb_err);
	fl_write_much(t, 1000);
	sync_inodes_sb(&fl->sb);
	KTEST_EXPECT_EQ(t, errseq_check(&fl->sb.s_wb_err, since), -EIO);
	KTEST_EXPECT_FALSE(t, mapping_tagged(&fl->inode->i_data, PAGECACHE_TAG_DIRTY));
	fl_teardown(t);
}

static void shares_of_devices_add_up(struct ktest *t)
{
	struct backing_dev_info *a = bdi_alloc(), *b = bdi_alloc();

	KTEST_EXPECT_TRUE(t, a && b);
	if (a && b) {
		spin_lock(&bdi_lock);
		KTEST_EXPECT_EQ(t, bdi_set_min_ratio(a, 101), -EINVAL);
		KTEST_EXPECT_EQ(t, bdi_set_max_ratio(a, 40), 0);
		KTEST_EXPECT_EQ(t, bdi_set_min_ratio(a, 41), -EINVAL);
		KTEST_EXPECT_EQ(t, bdi_set_min_ratio(a, 40), 0);
		KTEST_EXPECT_EQ(t, bdi_set_max_ratio(a, 39), -EINVAL);
		spin_unlock(&bdi_lock);
		/* All that is written is b's: its share is nearly all, a has its minimum. */
		wb_writeout_add(&b->wb, 1 << 17);
		KTEST_EXPECT_TRUE(t, wb_calc_thresh(&b->wb, 1000) >= 900);
		KTEST_EXPECT_EQ(t, wb_calc_thresh(&a->wb, 1000), 400UL);
	}
	bdi_free(a);
	bdi_free(b);
}

static const struct ktest_case flusher_cases[] = {
	KTEST_CASE(old_inodes_are_written_and_young_ones_not),
	KTEST_CASE(sync_writes_all_and_waits_for_all),
	KTEST_CASE(a_slow_device_holds_its_writers_at_the_limit),
	KTEST_CASE(a_broken_device_does_not_hold_them),
	KTEST_CASE(shares_of_devices_add_up),
	{},
};
KTEST_SUITE(flusher, flusher_cases);
