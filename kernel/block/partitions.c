/*
 * Partitions of a disk.
 *
 * Locks: the disk's open_mutex. Mirrors Linux block/partitions/core.c. Exercised by tests/user/partitions.c.
 */
#include "kernel/block/partitions.h"

#include "lib/errno.h"

/* => open_mutex held. -EBUSY: one is open, and none has gone */
static int del_partitions(struct gendisk *disk)
{
	struct block_device *part;
	unsigned long i;

	if (disk->open_parts)
		return -EBUSY;
	xa_for_each_start(&disk->part_tbl, i, part, 1)
		bdev_del(part);
	return 0;
}

void disk_del_partitions(struct gendisk *disk)
{
	guard(mutex)(&disk->open_mutex);
	del_partitions(disk);
}

int disk_scan_partitions(struct gendisk *disk)
{
	guard(mutex)(&disk->open_mutex);
	if (disk->no_part_scan)
		return -EINVAL;
	return del_partitions(disk);
}
