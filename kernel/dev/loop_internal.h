/*
 * A loop device inside its driver: what loop.c (binding, calls), loop_io.c (transfers) and loop_sysfs.c share.
 *
 * Legend: C loop_ctl_mutex; Q lo->lock, interrupts off; I lo->io_mutex for writing, with C; - constant.
 * Mirrors the top of Linux drivers/block/loop.c. Exercised by tests/user/loopdev.c.
 */
#pragma once

#include "kernel/block/genhd.h"
#include "kernel/dev/loop.h"

enum loop_state {
	LO_UNBOUND,  /* no file */
	LO_BOUND,    /* transfers go to the file */
	LO_RUNDOWN,  /* letting go of it: cannot be opened */
	LO_DELETING, /* about to be removed: cannot be opened */
};

struct loop_device {
	struct gendisk *disk;	      /* - */
	int number;		      /* - */
	enum loop_state state;	      /* C */
	int refcnt;		      /* C opens of the disk and its partitions */
	unsigned int flags;	      /* C LO_FLAGS_* */
	u64 sizelimit;		      /* C bytes; 0: none */
	char file_name[LO_NAME_SIZE]; /* C as it was told to us */

	struct mutex io_mutex;	   /* held for the time of a transfer */
	struct file *backing_file; /* I */
	u64 offset;		   /* I bytes in the file where the device begins */

	spinlock_t lock;
	bool accepting;		     /* Q requests may come */
	struct list_head pending;    /* Q requests */
	struct workqueue_struct *wq; /* Q there while accepting */
	struct work_struct work;
};

extern struct mutex loop_ctl_mutex;
extern const struct blk_mq_ops loop_mq_ops;

/* From now on requests are served, by a thread of the device's own. 0, -ENOMEM. => C */
int loop_start_io(struct loop_device *lo);
/* Requests fail with EIO from now on; those that were there have ended when it returns. => may sleep */
void loop_stop_io(struct loop_device *lo);
/* Prepares a new device for the two above. */
void loop_init_io(struct loop_device *lo);
