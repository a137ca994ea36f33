/*
 * brd: disks in memory, /dev/ram0 and so on, for tests and for who has no other disk.
 *
 * 1. A disk is an xarray of pages, made when they are first written; what was never written reads as zeroes. Discarding a whole page
 *    gives it back.
 * 2. A bio is served where it is submitted: no requests, no interrupts, nothing to wait for.
 * 3. Without memory for a page the write fails with ENOSPC: the contents of other pages are never given up.
 *
 * brd.rd_nr= on the command line says how many there are (default 2, at most 16), brd.rd_size= how large each (KiB, default 65536).
 *
 * Locks: brd->lock for the xarray's writers; readers use RCU. Mirrors Linux drivers/block/brd.c.
 * Exercised by the suite block and tests/user/blockdev.c.
 */
#include "kernel/block/genhd.h"
#include "kernel/init.h"
#include "kernel/params.h"
#include "kernel/printk.h"
#include "kernel/rcu.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/kmemleak.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"

#define BRD_MAX	     16
#define BRD_DEFAULT  2
#define BRD_KIB	     65536
#define PAGE_SECTORS (PAGE_SIZE >> SECTOR_SHIFT)

struct brd {
	struct gendisk *disk;
	struct mutex lock;
	struct xarray pages; /* by sector / PAGE_SECTORS */
};

/* With a reference, because a discard may take it away; NULL: never written. */
static struct page *brd_lookup(struct brd *brd, sector_t sector)
{
	struct page *page;

	guard(rcu)();
	for (;;) {
		page = xa_load(&brd->pages, sector / PAGE_SECTORS);
		if (!page)
			return NULL;
		if (!folio_try_get(page_folio(page)))
			continue;
		/* It may have become another disk's page between the two steps. */
		if (likely(xa_load(&brd->pages, sector / PAGE_SECTORS) == page))
			return page;
		put_page(page);
	}
}

static struct page *brd_insert(struct brd *brd, sector_t sector)
{
	struct page *page = brd_lookup(brd, sector);
	int err;

	if (likely(page))
		return page;
	page = alloc_page(GFP_NOIO | __GFP_ZERO | __GFP_HIGHMEM);
	if (!page)
		return NULL;
	guard(mutex)(&brd->lock);
	get_page(page);
	err = xa_insert(&brd->pages, sector / PAGE_SECTORS, page, GFP_NOIO);
	if (!err)
		return page;
	put_page(page);
	put_page(page);
	if (err != -EBUSY)
		return NULL;
	page = xa_load(&brd->pages, sector / PAGE_SECTORS);
	get_page(page);
	return page;
}

/* A part of a page of the bio, which may lie across two of the disk. */
static int brd_transfer(struct brd *brd, struct bio_vec bv, sector_t sector, bool write)
{
	u8 *mem = page_address(bv.bv_page) + bv.bv_offset;

	while (bv.bv_len) {
		unsigned int off = sector % PAGE_SECTORS << SECTOR_SHIFT;
		unsigned int n = min(bv.bv_len, (unsigned int)PAGE_SIZE - off);
		struct page *page = write ? brd_insert(brd, sector) : brd_lookup(brd, sector);

		if (write && !page)
			return -ENOSPC;
		if (write)
			memcpy(page_address(page) + off, mem, n);
		else if (page)
			memcpy(mem, page_address(page) + off, n);
		else
			memset(mem, 0, n);
		if (page)
			put_page(page);
		mem += n;
		bv.bv_len -= n;
		sector += n >> SECTOR_SHIFT;
	}
	return 0;
}

/* Pages that lie wholly inside go, of the others the part is zeroed: what was discarded reads as zeroes. */
static void brd_discard(struct brd *brd, sector_t sector, sector_t end)
{
	while (sector < end) {
		unsigned int off = sector % PAGE_SECTORS;
		sector_t n = min(end - sector, (sector_t)PAGE_SECTORS - off);
		struct page *page;

		mutex_lock(&brd->lock);
		if (n == PAGE_SECTORS) {
			page = xa_erase(&brd->pages, sector / PAGE_SECTORS);
		} else {
			page = xa_load(&brd->pages, sector / PAGE_SECTORS);
			if (page)
				memset(page_address(page) + (off << SECTOR_SHIFT), 0,
				       n << SECTOR_SHIFT);
			page = NULL;
		}
		mutex_unlock(&brd->lock);
		if (page)
			put_page(page);
		sector += n;
	}
}

static void brd_submit_bio(struct bio *bio)
{
	struct brd *brd = bio->bi_bdev->bd_disk->private_data;
	u64 start = ktime_get_ns();
	unsigned int sectors = bio_sectors(bio);
	struct bvec_iter it;
	struct bio_vec bv;
	int err = 0;

	blk_account_io_start(bio->bi_bdev, bio->bi_opf);
	if (bio_has_data(bio)) {
		bio_for_each_segment(bv, bio, it)
		{
			err = brd_transfer(brd, bv, it.bi_sector, op_is_write(bio->bi_opf));
			if (err)
				break;
		}
	} else {
		brd_discard(brd, bio->bi_iter.bi_sector, bio_end_sector(bio));
	}
	blk_account_io_done(bio->bi_bdev, bio->bi_opf, sectors, start);
	if (err)
		bio->bi_status = err;
	bio_endio(bio);
}

static const struct block_device_operations brd_fops = { .submit_bio = brd_submit_bio };

static int __init brd_make(unsigned int n, sector_t sectors)
{
	static const struct queue_limits limits = {
		.logical_block_size = SECTOR_SIZE,
		.physical_block_size = PAGE_SIZE,
		.max_sectors = 1 << 20,
		.max_segments = USHRT_MAX,
		.max_segment_size = UINT_MAX,
		.max_discard_sectors = 1 << 15,
		.max_write_zeroes_sectors = 1 << 15,
		.discard_granularity = PAGE_SIZE,
	};
	struct request_queue *q = blk_alloc_queue(&limits);
	struct brd *brd = kzalloc(sizeof(*brd), GFP_KERNEL);

	if (IS_ERR(q) || !brd)
		return -ENOMEM;
	mutex_init(&brd->lock);
	xa_init(&brd->pages);
	brd->disk = alloc_disk(q, &brd_fops, RAMDISK_MAJOR, n * DISK_MAX_PARTS);
	if (IS_ERR(brd->disk))
		return -ENOMEM;
	snprintf(brd->disk->disk_name, DISK_NAME_LEN, "ram%u", n);
	brd->disk->private_data = brd;
	set_capacity(brd->disk, sectors);
	kmemleak_not_leak(brd);
	return add_disk(brd->disk);
}

static int __init brd_init(void)
{
	unsigned long nr = cmdline_get_ulong("brd.rd_nr", BRD_DEFAULT), n;
	unsigned long kib = cmdline_get_ulong("brd.rd_size", BRD_KIB);

	if (nr > BRD_MAX) {
		pr_warn("brd: brd.rd_nr=%lu: at most %u\n", nr, BRD_MAX);
		nr = BRD_MAX;
	}
	if (!kib || kib > ULONG_MAX >> 11) {
		pr_warn("brd: brd.rd_size=%lu: not a size: %u\n", kib, BRD_KIB);
		kib = BRD_KIB;
	}
	register_blkdev(RAMDISK_MAJOR, "ramdisk");
	for (n = 0; n < nr; n++) {
		int err = brd_make(n, kib << 1);

		if (err) {
			pr_err("brd: cannot make ram%lu: error %d\n", n, err);
			return err;
		}
	}
	return 0;
}
device_initcall(brd_init);
