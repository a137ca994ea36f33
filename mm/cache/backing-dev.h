/*
 * backing_dev_info: what the page cache knows of a device.
 *
 * One per disk (disk->bdi); each mapping points at its own. Files without a disk have noop_backing_dev_info.
 * Mirrors Linux include/linux/backing-dev-defs.h.
 */
#pragma once

#include "lib/types.h"
#include "mm/phys/page.h"

#define VM_READAHEAD_PAGES (128 * 1024 / PAGE_SIZE)

struct backing_dev_info {
	unsigned long ra_pages; /* most that is read ahead; 0: nothing. READ_ONCE */
	unsigned long io_pages; /* what one request of the device takes at most */
};

/* Of everything without a disk. */
extern struct backing_dev_info noop_backing_dev_info;

/* NULL: no memory. => may sleep */
struct backing_dev_info *bdi_alloc(void);
/* => none of its inodes is left. NULL is fine. */
void bdi_free(struct backing_dev_info *bdi);
