/*
 * posix_fadvise(2): what a program tells of its reading.
 *
 * A file without a disk takes every advice and needs none. The advice stays with the open file (f_ra, f_mode), but for WILLNEED and
 * DONTNEED, which are done at once: a page that only partly lies in the range of DONTNEED stays, unless the file ends in it.
 *
 * Locks: f_lock for f_mode. Mirrors Linux mm/fadvise.c. Exercised by tests/user/readaheads.c.
 */
#include "kernel/spinlock.h"
#include "mm/cache/backing-dev.h"
#include "mm/cache/readahead.h"
#include "mm/cache/writeback.h"

static void change_mode(struct file *file, unsigned int clear, unsigned int set)
{
	spin_lock(&file->f_lock);
	file->f_mode = (file->f_mode & ~clear) | set;
	spin_unlock(&file->f_lock);
}

static void advise_dontneed(struct address_space *mapping, loff_t offset, loff_t end)
{
	pgoff_t first = ((u64)offset + PAGE_SIZE - 1) >> PAGE_SHIFT, last = end >> PAGE_SHIFT;

	filemap_fdatawrite_range_kick(mapping, offset, end);
	if ((end & ~PAGE_MASK) != PAGE_SIZE - 1 && end != READ_ONCE(mapping->host->i_size) - 1) {
		if (!last)
			return;
		last--;
	}
	if (first <= last)
		invalidate_mapping_pages(mapping, first, last);
}

int vfs_fadvise(struct file *file, loff_t offset, loff_t len, int advice)
{
	struct address_space *mapping = file->f_mapping;
	/* Of a sum that is no offset, or of length 0, everything is meant. */
	loff_t end = !len || (u64)offset + (u64)len > LLONG_MAX ? LLONG_MAX : offset + len - 1;
	unsigned long ra_pages;

	if (!mapping || len < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE)
		return -EINVAL;
	if (mapping->bdi == &noop_backing_dev_info)
		return 0;
	ra_pages = READ_ONCE(mapping->bdi->ra_pages);
	switch (advice) {
	case POSIX_FADV_NORMAL:
		file->f_ra.ra_pages = ra_pages;
		change_mode(file, FMODE_RANDOM | FMODE_NOREUSE, 0);
		break;
	case POSIX_FADV_RANDOM:
		change_mode(file, 0, FMODE_RANDOM);
		break;
	case POSIX_FADV_SEQUENTIAL:
		file->f_ra.ra_pages = ra_pages * 2;
		change_mode(file, FMODE_RANDOM, 0);
		break;
	case POSIX_FADV_WILLNEED:
		force_page_cache_readahead(mapping, file, (u64)offset >> PAGE_SHIFT,
					   ((u64)end >> PAGE_SHIFT) - ((u64)offset >> PAGE_SHIFT) +
						   1);
		break;
	case POSIX_FADV_DONTNEED:
		advise_dontneed(mapping, offset, end);
		break;
	case POSIX_FADV_NOREUSE:
		change_mode(file, 0, FMODE_NOREUSE);
		break;
	}
	return 0;
}
