/*
 * The devices behind the page cache. Mirrors Linux mm/backing-dev.c. Exercised by tests/user/readaheads.c.
 */
#include "mm/cache/backing-dev.h"

#include "mm/slab/slab.h"

struct backing_dev_info noop_backing_dev_info;

struct backing_dev_info *bdi_alloc(void)
{
	struct backing_dev_info *bdi = kzalloc(sizeof(*bdi), GFP_KERNEL);

	if (bdi)
		bdi->ra_pages = bdi->io_pages = VM_READAHEAD_PAGES;
	return bdi;
}

void bdi_free(struct backing_dev_info *bdi)
{
	kfree(bdi);
}
