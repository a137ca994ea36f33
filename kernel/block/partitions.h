/*
 * Partitions: parts of a disk that are block devices of their own.
 *
 * Mirrors Linux block/partitions/check.h and block/blk.h. Exercised by tests/user/partitions.c.
 */
#pragma once

#include "kernel/block/genhd.h"

/*
 * Reads the disk's partition table and makes its partitions anew. 0 (also without a table); -EBUSY: a partition is open; -EIO.
 * A disk that is not to be scanned (no_part_scan): -EINVAL. => may sleep, open_mutex not held
 */
int disk_scan_partitions(struct gendisk *disk);
/* All partitions that nobody has open go. => may sleep, open_mutex not held */
void disk_del_partitions(struct gendisk *disk);
