/*
 * backing_dev_info: what writeback knows of a device, and bdi_writeback: its flusher.
 *
 * 1. Each disk has one bdi; each mapping points at the bdi that its pages go to (mapping->bdi). A file system without a disk has
 *    noop_backing_dev_info: nothing there is ever written back, and nothing is counted.
 * 2. An inode with something to write is on one of four lists of its bdi's bdi_writeback. b_dirty: by the time it became dirty, the
 *    newest first. b_io: being written in this round. b_more_io: more of it in the next round. b_dirty_time: only its times are newer
 *    than on the disk, which may wait for half a day.
 * 3. The flusher is one work item (kernel/fs/fs-writeback.c): it runs when somebody asks (sync), when too much is dirty, and every
 *    dirty_writeback_centisecs as long as any inode is dirty.
 * 4. stat[] counts pages of this device. What it writes in a second (avg_write_bandwidth) and what share of all writing it does
 *    (completions) give its part of the dirty limit, and how long those who write to it pause (dirty-throttle.c).
 *
 * Legend: L list_lock; W work_lock; B bw_lock; - constant once visible.
 * Locks: list_lock > inode->i_lock. i_pages_lock > bw_lock is not needed: counters are atomic.
 * Mirrors Linux include/linux/backing-dev{,-defs}.h. Exercised by the suite writeback and tests/user/wback.c.
 */
#pragma once

#include "arch/x86/atomic.h"
#include "kernel/spinlock.h"
#include "kernel/workqueue.h"
#include "lib/list.h"
#include "lib/types.h"
#include "mm/cache/file.h"
#include "mm/phys/page.h"

enum wb_stat_item {
	WB_RECLAIMABLE, /* pages that are dirty */
	WB_WRITEBACK,	/* pages that are being written */
	WB_DIRTIED,	/* ever made dirty */
	WB_WRITTEN,	/* ever written */
	NR_WB_STAT_ITEMS
};

/* Bits of bdi_writeback.state. */
#define WB_writeback_running 0 /* the flusher is at it */
#define WB_has_dirty_io	     1 /* some list is not empty: L */
#define WB_start_all	     2 /* somebody wants everything written, without waiting */

/* A share of what all devices have written lately, halved in each period that ends. */
struct wb_completions {
	atomic_long_t events;
	unsigned long period; /* atomic: the one up to which events were halved */
};

struct backing_dev_info;

struct bdi_writeback {
	struct backing_dev_info *bdi; /* - */
	unsigned long state;	      /* WB_*, atomic bits */
	unsigned long last_old_flush; /* jiffies: the last look for old inodes */

	spinlock_t list_lock;
	struct list_head b_dirty, b_io, b_more_io, b_dirty_time; /* L */

	spinlock_t work_lock;
	struct list_head work_list; /* W */
	struct delayed_work dwork;

	atomic_long_t stat[NR_WB_STAT_ITEMS];
	struct wb_completions completions;

	/* Speeds are pages a second. */
	spinlock_t bw_lock;
	unsigned long bw_time_stamp;		/* B jiffies of the last estimate */
	unsigned long dirtied_stamp;		/* B WB_DIRTIED then */
	unsigned long written_stamp;		/* B WB_WRITTEN then */
	unsigned long write_bandwidth;		/* B of the last seconds */
	unsigned long avg_write_bandwidth;	/* B smoothed, for positions */
	unsigned long dirty_ratelimit;		/* B what each writer may dirty */
	unsigned long balanced_dirty_ratelimit; /* B what it should be */
	bool dirty_exceeded;			/* over its limit: look more often */
};

#define BDI_CAP_WRITEBACK BIT(0)

#define VM_READAHEAD_PAGES (128 * 1024 / PAGE_SIZE)
#define BDI_NAME_LEN	   16

struct backing_dev_info {
	struct list_head bdi_list; /* bdi_lock */
	char name[BDI_NAME_LEN];   /* "254:0", - */
	unsigned int capabilities; /* - BDI_CAP_* */
	unsigned long ra_pages;	   /* most that is read ahead; 0: nothing. READ_ONCE */
	unsigned long io_pages;	   /* what one request of the device takes at most */
	unsigned int min_ratio;	   /* bdi_lock: percent of the dirty limit that is its own */
	unsigned int max_ratio;	   /* bdi_lock: and the most it may have */
	struct bdi_writeback wb;
};

/* Of everything without a disk. */
extern struct backing_dev_info noop_backing_dev_info;
extern struct list_head bdi_list;
extern spinlock_t bdi_lock;

/* One that nobody knows yet; NULL: no memory. => may sleep */
struct backing_dev_info *bdi_alloc(void);
/* Its name, for /sys and the flusher; it is found from now on. => may sleep */
void bdi_register(struct backing_dev_info *bdi, unsigned int major, unsigned int minor);
/* => none of its inodes is left. Ends its flusher and frees it; NULL is fine. May sleep. */
void bdi_free(struct backing_dev_info *bdi);
/* 0, -EINVAL: above 100, min above max, or the minima of all devices together above 100. => bdi_lock held */
int bdi_set_min_ratio(struct backing_dev_info *bdi, unsigned int ratio);
int bdi_set_max_ratio(struct backing_dev_info *bdi, unsigned int ratio);

static inline bool bdi_can_writeback(const struct backing_dev_info *bdi)
{
	return bdi->capabilities & BDI_CAP_WRITEBACK;
}

static inline bool mapping_can_writeback(const struct address_space *mapping)
{
	return mapping->bdi && bdi_can_writeback(mapping->bdi);
}

static inline bool wb_has_dirty_io(const struct bdi_writeback *wb)
{
	return test_bit(WB_has_dirty_io, &wb->state);
}

static inline bool writeback_in_progress(const struct bdi_writeback *wb)
{
	return test_bit(WB_writeback_running, &wb->state);
}

static inline void wb_stat_mod(struct bdi_writeback *wb, enum wb_stat_item item, long nr)
{
	atomic_long_add(nr, &wb->stat[item]);
}

static inline unsigned long wb_stat(struct bdi_writeback *wb, enum wb_stat_item item)
{
	long n = atomic_long_read(&wb->stat[item]);

	return n < 0 ? 0 : (unsigned long)n;
}

/* What the floor above does: the flusher, and the lists of inodes. It registers itself at boot. */
struct writeback_hooks {
	/* Pages of it are dirty. => any context that may take i_lock */
	void (*mark_inode_dirty)(struct inode *inode, int flags);
	/* An error of a write to one of its pages. => any context */
	void (*write_error)(struct inode *inode, int err);
	/* The flusher's function. */
	void (*workfn)(struct work_struct *work);
	/* Too much is dirty: write until it is not. => any context */
	void (*start_background)(struct bdi_writeback *wb);
	/* Before the bdi goes. => may sleep */
	void (*shutdown)(struct bdi_writeback *wb);
};
extern const struct writeback_hooks *writeback_hooks;
