/*
 * Partitions of a disk: read from its table when the disk appears or a program asks, or told by a program.
 *
 * 1. Each kind of table has a reader (part_efi.c, part_msdos.c) that fills a parsed_partitions; the first one that knows the table
 *    wins. What it says is then held against the disk: a partition that begins behind the end is left out, one that ends behind
 *    it is cut, each with a line in the log.
 * 2. A table is read anew only when no partition is open: then all go, and what the table says now comes.
 * 3. BLKPG makes, removes and resizes single ones; there they may not overlap.
 *
 * Locks: the disk's open_mutex for all changes. Mirrors Linux block/partitions/core.c, block/ioctl.c.
 * Exercised by tests/user/partitions.c.
 */
#include "kernel/block/partitions.h"

#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/printk.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/cache/pagemap.h"
#include "mm/slab/slab.h"

#define BLKPG_ADD_PARTITION    1
#define BLKPG_DEL_PARTITION    2
#define BLKPG_RESIZE_PARTITION 3

struct blkpg_ioctl_arg {
	int op, flags, datalen;
	void __user *data;
};

struct blkpg_partition {
	long long start, length; /* bytes */
	int pno;
	char devname[64], volname[64]; /* not looked at */
};

/* ---- for the readers ---- */

int part_read(struct parsed_partitions *state, sector_t sector, void *buf, unsigned int sectors)
{
	struct block_device *bdev = state->disk->part0;

	if (sectors > bdev_nr_sectors(bdev) || sector > bdev_nr_sectors(bdev) - sectors)
		return -EIO;
	for (; sectors; sectors--, sector++, buf += SECTOR_SIZE) {
		u64 pos = sector << SECTOR_SHIFT;
		struct folio *folio =
			read_mapping_folio(bdev->bd_inode->i_mapping, pos >> PAGE_SHIFT, NULL);

		if (IS_ERR(folio))
			return PTR_ERR(folio);
		memcpy(buf, folio_address(folio) + pos % PAGE_SIZE, SECTOR_SIZE);
		folio_put(folio);
	}
	return 0;
}

void part_text(struct parsed_partitions *state, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	state->len +=
		vscnprintf(state->text + state->len, sizeof(state->text) - state->len, fmt, args);
	va_end(args);
}

static char *part_name(const struct gendisk *disk, unsigned int n, char *buf)
{
	const struct block_device part = { .bd_disk = (struct gendisk *)disk, .bd_partno = n };

	return bdev_name(&part, buf, BDEVNAME_SIZE);
}

void put_partition(struct parsed_partitions *state, unsigned int n, sector_t from, sector_t size)
{
	char name[BDEVNAME_SIZE];

	if (n > DISK_MAX_PARTNO)
		return;
	state->parts[n].from = from;
	state->parts[n].size = size;
	part_text(state, " %s", part_name(state->disk, n, name));
}

/* ---- making and removing; all => open_mutex held ---- */

static int add_partition(struct gendisk *disk, unsigned int n, sector_t from, sector_t size)
{
	struct block_device *part = bdev_alloc(disk, n);
	int err;

	if (IS_ERR(part))
		return PTR_ERR(part);
	part->bd_start_sect = from;
	part->bd_nr_sectors = size;
	bdev_set_size(part);
	err = bdev_add(part);
	if (err)
		bdev_put(part);
	return err;
}

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

/* ---- the table ---- */

static int parse(struct parsed_partitions *state)
{
	static int (*const readers[])(struct parsed_partitions *) = { efi_partition,
								      msdos_partition };
	char name[BDEVNAME_SIZE];
	unsigned int i;
	int ret = 0;

	part_text(state, " %s:", bdev_name(state->disk->part0, name, sizeof(name)));
	for (i = 0; i < ARRAY_SIZE(readers) && !ret; i++)
		ret = readers[i](state);
	if (ret > 0)
		pr_info("%s\n", state->text);
	else if (ret)
		pr_warn("%s: unable to read partition table: error %d\n", name, ret);
	return ret;
}

static void take_over(struct parsed_partitions *state)
{
	struct gendisk *disk = state->disk;
	sector_t end = bdev_nr_sectors(disk->part0), from, size;
	char name[BDEVNAME_SIZE];
	unsigned int n;
	int err;

	for (n = 1; n <= DISK_MAX_PARTNO; n++) {
		from = state->parts[n].from;
		size = state->parts[n].size;
		if (!size)
			continue;
		if (from >= end) {
			pr_warn("%s: p%u starts at %lu, behind the end of the disk: left out\n",
				disk->disk_name, n, from);
			continue;
		}
		if (size > end - from) {
			pr_warn("%s: p%u of %lu sectors goes beyond the end of the disk: cut\n",
				disk->disk_name, n, size);
			size = end - from;
		}
		err = add_partition(disk, n, from, size);
		if (err)
			pr_err("%s: cannot make partition %s: error %d\n", disk->disk_name,
			       part_name(disk, n, name), err);
	}
}

int disk_scan_partitions(struct gendisk *disk)
{
	struct parsed_partitions *state;
	int err;

	guard(mutex)(&disk->open_mutex);
	if (disk->no_part_scan)
		return -EINVAL;
	if (disk->part0->bd_gone)
		return -ENXIO;
	err = del_partitions(disk);
	if (err || !bdev_nr_sectors(disk->part0))
		return err;
	state = kvzalloc(sizeof(*state), GFP_KERNEL);
	if (!state)
		return -ENOMEM;
	state->disk = disk;
	err = parse(state);
	if (err > 0)
		take_over(state);
	kvfree(state);
	/* As after the last close: nobody uses what has been cached. */
	if (!disk->part0->bd_openers)
		truncate_inode_pages_range(disk->part0->bd_inode->i_mapping, 0, -1);
	return min(err, 0);
}

/* ---- ioctl ---- */

int blk_reread_partitions(struct block_device *bdev, bool exclusive)
{
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EACCES;
	if (bdev->bd_partno)
		return -EINVAL;
	if (exclusive)
		return disk_scan_partitions(bdev->bd_disk);
	err = bd_claim(bdev, blk_reread_partitions);
	if (err)
		return err;
	err = disk_scan_partitions(bdev->bd_disk);
	bd_release(bdev, blk_reread_partitions);
	return err;
}

/* Does another partition than n have some of these sectors? => open_mutex held */
static bool overlaps(struct gendisk *disk, unsigned int n, sector_t from, sector_t size)
{
	struct block_device *part;
	unsigned long i;

	xa_for_each_start(&disk->part_tbl, i, part, 1) {
		if (i != n && from < part->bd_start_sect + bdev_nr_sectors(part) &&
		    part->bd_start_sect < from + size)
			return true;
	}
	return false;
}

static int blkpg_add(struct gendisk *disk, unsigned int n, sector_t from, sector_t size)
{
	sector_t end = bdev_nr_sectors(disk->part0);

	if (xa_load(&disk->part_tbl, n) || overlaps(disk, n, from, size))
		return -EBUSY;
	if (from >= end || size > end - from)
		return -EINVAL;
	return add_partition(disk, n, from, size);
}

static int blkpg_resize(struct gendisk *disk, unsigned int n, sector_t from, sector_t size)
{
	struct block_device *part = xa_load(&disk->part_tbl, n);
	sector_t end = bdev_nr_sectors(disk->part0);

	if (!part)
		return -ENXIO;
	if (part->bd_start_sect != from || from >= end || size > end - from)
		return -EINVAL;
	if (overlaps(disk, n, from, size))
		return -EBUSY;
	WRITE_ONCE(part->bd_nr_sectors, size);
	bdev_set_size(part);
	return 0;
}

static int blkpg_del(struct gendisk *disk, unsigned int n)
{
	struct block_device *part = xa_load(&disk->part_tbl, n);

	if (!part)
		return -ENXIO;
	if (part->bd_openers)
		return -EBUSY;
	bdev_del(part);
	return 0;
}

static int blkpg_do(struct gendisk *disk, int op, const struct blkpg_partition *p)
{
	sector_t from = p->start >> SECTOR_SHIFT, size = p->length >> SECTOR_SHIFT;

	if (p->pno <= 0 || p->pno > DISK_MAX_PARTNO)
		return -EINVAL;
	guard(mutex)(&disk->open_mutex);
	if (disk->part0->bd_gone)
		return -ENXIO;
	if (op == BLKPG_DEL_PARTITION)
		return blkpg_del(disk, p->pno);
	if (p->start < 0 || p->length <= 0 || LLONG_MAX - p->length < p->start ||
	    (p->start | p->length) & (bdev_limits(disk->part0)->logical_block_size - 1))
		return -EINVAL;
	if (op == BLKPG_ADD_PARTITION)
		return blkpg_add(disk, p->pno, from, size);
	return blkpg_resize(disk, p->pno, from, size);
}

int blkpg_ioctl(struct block_device *bdev, void __user *arg)
{
	struct blkpg_ioctl_arg a;
	struct blkpg_partition p;

	if (copy_from_user(&a, arg, sizeof(a)))
		return -EFAULT;
	if (!capable(CAP_SYS_ADMIN))
		return -EACCES;
	if (copy_from_user(&p, a.data, sizeof(p)))
		return -EFAULT;
	if (bdev->bd_partno || a.op < BLKPG_ADD_PARTITION || a.op > BLKPG_RESIZE_PARTITION)
		return -EINVAL;
	return blkpg_do(bdev->bd_disk, a.op, &p);
}
