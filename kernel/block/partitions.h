/*
 * Partitions: parts of a disk that are block devices of their own.
 *
 * Mirrors Linux block/partitions/check.h and block/blk.h. Exercised by tests/user/partitions.c.
 */
#pragma once

#include "kernel/block/genhd.h"

/*
 * Reads the disk's partition table and makes its partitions anew. 0 (also without a table); -EBUSY: a partition is open; -EIO;
 * -ENOMEM. A disk that is not to be scanned (no_part_scan): -EINVAL. => may sleep, open_mutex not held
 */
int disk_scan_partitions(struct gendisk *disk);
/* All partitions go, unless one is open. => may sleep, open_mutex not held */
void disk_del_partitions(struct gendisk *disk);
/* ioctl(BLKRRPART), ioctl(BLKPG); exclusive: the caller has opened the device for himself alone. => may sleep */
int blk_reread_partitions(struct block_device *bdev, bool exclusive);
int blkpg_ioctl(struct block_device *bdev, void __user *arg);

/* --- between partitions.c and the readers of tables --- */

/* What a table says. Sectors of 512 bytes. */
struct parsed_partitions {
	struct gendisk *disk;
	struct {
		sector_t from, size; /* size 0: no such partition */
	} parts[DISK_MAX_PARTNO + 1];
	char text[256]; /* for the log: "vda: vda1 vda2 < vda5 >" */
	size_t len;
};

/* sectors of 512 bytes at `sector` copied to buf: 0, -EIO (also behind the end). => may sleep */
int part_read(struct parsed_partitions *state, sector_t sector, void *buf, unsigned int sectors);
void part_text(struct parsed_partitions *state, const char *fmt, ...) __printf(2, 3);
/* Notes partition n, and its name in the text. */
void put_partition(struct parsed_partitions *state, unsigned int n, sector_t from, sector_t size);

/* One for each kind of table: 1: it is mine (there may be no partition in it), 0: it is not, or -errno. */
int efi_partition(struct parsed_partitions *state);
int msdos_partition(struct parsed_partitions *state);
