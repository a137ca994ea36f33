/*
 * The bdis: making them, finding them, their shares of the dirty limit. What they are: backing-dev.h.
 *
 * Locks: bdi_lock for the list and the ratios. Mirrors Linux mm/backing-dev.c. Exercised by the suite writeback.
 */
#include "mm/cache/backing-dev.h"

#include "kernel/bug.h"
#include "kernel/time.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "mm/slab/slab.h"

/* Until it has been measured: 100 MB a second. */
#define INIT_BW (100 << (20 - PAGE_SHIFT))

struct backing_dev_info noop_backing_dev_info = {
	.name = "noop", .bdi_list = LIST_HEAD_INIT(noop_backing_dev_info.bdi_list)
};
LIST_HEAD(bdi_list);
DEFINE_SPINLOCK(bdi_lock);
const struct writeback_hooks *writeback_hooks;

static void wb_init(struct bdi_writeback *wb, struct backing_dev_info *bdi)
{
	wb->bdi = bdi;
	wb->last_old_flush = jiffies;
	spin_lock_init(&wb->list_lock);
	INIT_LIST_HEAD(&wb->b_dirty);
	INIT_LIST_HEAD(&wb->b_io);
	INIT_LIST_HEAD(&wb->b_more_io);
	INIT_LIST_HEAD(&wb->b_dirty_time);
	spin_lock_init(&wb->work_lock);
	INIT_LIST_HEAD(&wb->work_list);
	INIT_DELAYED_WORK(&wb->dwork, writeback_hooks->workfn);
	spin_lock_init(&wb->bw_lock);
	wb->bw_time_stamp = jiffies;
	wb->write_bandwidth = wb->avg_write_bandwidth = INIT_BW;
	wb->dirty_ratelimit = wb->balanced_dirty_ratelimit = INIT_BW;
}

struct backing_dev_info *bdi_alloc(void)
{
	struct backing_dev_info *bdi = kzalloc(sizeof(*bdi), GFP_KERNEL);

	if (!bdi)
		return NULL;
	INIT_LIST_HEAD(&bdi->bdi_list);
	bdi->capabilities = BDI_CAP_WRITEBACK;
	bdi->ra_pages = bdi->io_pages = VM_READAHEAD_PAGES;
	bdi->max_ratio = 100;
	wb_init(&bdi->wb, bdi);
	return bdi;
}

void bdi_register(struct backing_dev_info *bdi, unsigned int major, unsigned int minor)
{
	snprintf(bdi->name, sizeof(bdi->name), "%u:%u", major, minor);
	guard(spinlock)(&bdi_lock);
	list_add_tail(&bdi->bdi_list, &bdi_list);
}

void bdi_free(struct backing_dev_info *bdi)
{
	if (!bdi)
		return;
	spin_lock(&bdi_lock);
	list_del_init(&bdi->bdi_list);
	spin_unlock(&bdi_lock);
	writeback_hooks->shutdown(&bdi->wb);
	WARN_ON(wb_has_dirty_io(&bdi->wb));
	kfree(bdi);
}

int bdi_set_min_ratio(struct backing_dev_info *bdi, unsigned int ratio)
{
	struct backing_dev_info *b;
	unsigned int sum = ratio;

	list_for_each_entry(b, &bdi_list, bdi_list) {
		if (b != bdi)
			sum += b->min_ratio;
	}
	if (ratio > bdi->max_ratio || sum > 100)
		return -EINVAL;
	WRITE_ONCE(bdi->min_ratio, ratio);
	return 0;
}

int bdi_set_max_ratio(struct backing_dev_info *bdi, unsigned int ratio)
{
	if (ratio > 100 || bdi->min_ratio > ratio)
		return -EINVAL;
	WRITE_ONCE(bdi->max_ratio, ratio);
	return 0;
}
