/*
 * Disks and partitions in /sys: /sys/devices/virtual/block/DISK, what is in it, and the links to it from /sys/block,
 * /sys/class/block and /sys/dev/block.
 *
 * 1. Disks and partitions come and go, nodes of kernfs stay: whenever somebody looks into one of these directories, refresh()
 *    goes through all block devices, adds what is new, and hides what has gone. What a file shows belongs to the device number
 *    that its directory has at present; without such a device it says ENODEV.
 * 2. The files of a disk are made when its directory is first looked into.
 * 3. queue/ has the limits that matter to a reader or a tuner, with Linux's names. What this kernel does not do (merging switched
 *    off, polling, an I/O scheduler) either says so by its value or is not there.
 *
 * Locks: populate_mutex of kernfs around refresh() and what it changes (entries). Mirrors Linux block/{genhd,blk-sysfs,
 * blk-mq-sysfs}.c. Exercised by tests/user/blocksys.c and tests/boot/test_disk.py.
 */
#include "kernel/block/blk-sysfs.h"

#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "lib/bitmap.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/cache/backing-dev.h"
#include "mm/debug/kmemleak.h"
#include "mm/slab/slab.h"

/* A name that a block device has, or had. Legend: - constant; P populate_mutex; dev is read without it. */
struct blk_entry {
	struct list_head list;		 /* P */
	dev_t dev;			 /* P the device that has the name; 0: none at present */
	bool seen;			 /* P refresh() has met it */
	struct kernfs_node *dir;	 /* - */
	struct kernfs_node *block_link;	 /* - /sys/block; NULL: a partition */
	struct kernfs_node *class_link;	 /* - /sys/class/block */
	struct kernfs_node *number_link; /* P /sys/dev/block */
	char name[BDEVNAME_SIZE];	 /* - */
};

static LIST_HEAD(entries);
static struct kernfs_node *disks_dir, *block_dir, *class_dir, *number_dir;

struct block_device *blk_sysfs_bdev(void *data)
{
	dev_t dev = READ_ONCE(((struct blk_entry *)data)->dev);
	struct block_device *bdev = dev ? bdev_lookup(dev) : NULL;

	return bdev ? bdev : ERR_PTR(-ENODEV);
}

/* ---- one value of a block device ---- */

typedef ssize_t (*bdev_show_t)(char *buf, struct block_device *bdev);

static ssize_t show_with(bdev_show_t show, char *buf, void *data)
{
	struct block_device *bdev = blk_sysfs_bdev(data);
	ssize_t n;

	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	n = show(buf, bdev);
	bdev_put(bdev);
	return n;
}

#define BDEV_SHOW(name, fmt, ...)                                      \
	static ssize_t name##_of(char *buf, struct block_device *bdev) \
	{                                                              \
		return sysfs_emit(buf, fmt "\n", __VA_ARGS__);         \
	}                                                              \
	static ssize_t name##_show(char *buf, void *data)              \
	{                                                              \
		return show_with(name##_of, buf, data);                \
	}
#define LIMIT_SHOW(name, fmt, value)                                        \
	static ssize_t name##_of(char *buf, struct block_device *bdev)      \
	{                                                                   \
		const struct request_queue *q = bdev->bd_disk->queue;       \
		const struct queue_limits *lim __maybe_unused = &q->limits; \
                                                                            \
		return sysfs_emit(buf, fmt "\n", value);                    \
	}                                                                   \
	static ssize_t name##_show(char *buf, void *data)                   \
	{                                                                   \
		return show_with(name##_of, buf, data);                     \
	}

BDEV_SHOW(dev, "%u:%u", MAJOR(bdev->bd_dev), MINOR(bdev->bd_dev))
BDEV_SHOW(size, "%lu", bdev_nr_sectors(bdev))
BDEV_SHOW(ro, "%d", bdev_read_only(bdev))
BDEV_SHOW(start, "%lu", bdev->bd_start_sect)
BDEV_SHOW(partition, "%u", bdev->bd_partno)
BDEV_SHOW(range, "%d", bdev->bd_disk->minors)
BDEV_SHOW(ext_range, "%d", DISK_MAX_PARTNO + 1)

static ssize_t stat_of(char *buf, struct block_device *bdev)
{
	char line[256];

	bdev_format_stats(bdev, line, sizeof(line));
	return sysfs_emit(buf, "%s\n", line);
}

static ssize_t stat_show(char *buf, void *data)
{
	return show_with(stat_of, buf, data);
}

static ssize_t inflight_of(char *buf, struct block_device *bdev)
{
	struct disk_stats s;

	bdev_read_stats(bdev, &s);
	return sysfs_emit(buf, "%8u %8u\n", max(s.in_flight[0], 0), max(s.in_flight[1], 0));
}

static ssize_t inflight_show(char *buf, void *data)
{
	return show_with(inflight_of, buf, data);
}

static ssize_t uevent_of(char *buf, struct block_device *bdev)
{
	char name[BDEVNAME_SIZE];
	int at = sysfs_emit(buf, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=%s\n",
			    MAJOR(bdev->bd_dev), MINOR(bdev->bd_dev),
			    bdev_name(bdev, name, sizeof(name)),
			    bdev->bd_partno ? "partition" : "disk");

	if (bdev->bd_partno)
		at += sysfs_emit_at(buf, at, "PARTN=%u\n", bdev->bd_partno);
	return at;
}

static ssize_t uevent_show(char *buf, void *data)
{
	return show_with(uevent_of, buf, data);
}

static ssize_t zero_show(char *buf, void *data)
{
	return sysfs_emit(buf, "0\n");
}

/* ---- queue/ ---- */

LIMIT_SHOW(logical_block_size, "%u", lim->logical_block_size)
LIMIT_SHOW(physical_block_size, "%u", lim->physical_block_size)
LIMIT_SHOW(max_hw_sectors_kb, "%u", q->max_hw_sectors >> 1)
LIMIT_SHOW(max_sectors_kb, "%u", lim->max_sectors >> 1)
LIMIT_SHOW(max_segments, "%u", lim->max_segments)
LIMIT_SHOW(max_segment_size, "%u", lim->max_segment_size)
LIMIT_SHOW(nr_requests, "%u", q->depth)
BDEV_SHOW(read_ahead_kb, "%lu", READ_ONCE(bdev->bd_disk->bdi->ra_pages) * (PAGE_SIZE / 1024))
LIMIT_SHOW(rotational, "%d", lim->rotational)
LIMIT_SHOW(write_cache, "%s", lim->write_cache ? "write back" : "write through")
LIMIT_SHOW(discard_granularity, "%u", lim->discard_granularity)
LIMIT_SHOW(discard_max_bytes, "%llu", (u64)lim->max_discard_sectors << SECTOR_SHIFT)
LIMIT_SHOW(write_zeroes_max_bytes, "%llu", (u64)lim->max_write_zeroes_sectors << SECTOR_SHIFT)
LIMIT_SHOW(max_discard_segments, "%d", lim->max_discard_sectors ? 1 : 0)

static ssize_t scheduler_show(char *buf, void *data)
{
	return sysfs_emit(buf, "[none]\n");
}

static ssize_t scheduler_store(const char *buf, size_t len, void *data)
{
	return sysfs_streq(buf, "none") ? (ssize_t)len : -EINVAL;
}

static ssize_t zoned_show(char *buf, void *data)
{
	return sysfs_emit(buf, "none\n");
}

/* A number for one word of the disk, between two bounds. */
static ssize_t store_number(const char *buf, size_t len, void *data, unsigned long least,
			    unsigned long (*most)(const struct gendisk *disk),
			    void (*set)(struct gendisk *disk, unsigned long value))
{
	struct block_device *bdev = blk_sysfs_bdev(data);
	unsigned long value;
	int err;

	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	err = kstrtoul(buf, 10, &value);
	if (!err && (value < least || value > most(bdev->bd_disk)))
		err = -EINVAL;
	if (!err)
		set(bdev->bd_disk, value);
	bdev_put(bdev);
	return err ? err : (ssize_t)len;
}

static unsigned long most_read_ahead(const struct gendisk *disk)
{
	return BLK_MAX_RA_KB;
}

static void set_read_ahead(struct gendisk *disk, unsigned long kb)
{
	WRITE_ONCE(disk->bdi->ra_pages, kb / (PAGE_SIZE / 1024));
}

static ssize_t read_ahead_kb_store(const char *buf, size_t len, void *data)
{
	return store_number(buf, len, data, 0, most_read_ahead, set_read_ahead);
}

static unsigned long most_sectors_kb(const struct gendisk *disk)
{
	return disk->queue->max_hw_sectors >> 1;
}

static void set_max_sectors(struct gendisk *disk, unsigned long kb)
{
	WRITE_ONCE(disk->queue->limits.max_sectors, kb << 1);
}

/* At least a page: every transfer that the page cache makes fits then without a cut inside of a block. */
static ssize_t max_sectors_kb_store(const char *buf, size_t len, void *data)
{
	return store_number(buf, len, data, PAGE_SIZE >> 10, most_sectors_kb, set_max_sectors);
}

static unsigned long one(const struct gendisk *disk)
{
	return 1;
}

static void set_rotational(struct gendisk *disk, unsigned long on)
{
	WRITE_ONCE(disk->queue->limits.rotational, on);
}

static ssize_t rotational_store(const char *buf, size_t len, void *data)
{
	return store_number(buf, len, data, 0, one, set_rotational);
}

/* Who says that a cache is safe gets no flushes; a cache that the device does not have cannot be flushed. */
static ssize_t write_cache_store(const char *buf, size_t len, void *data)
{
	struct block_device *bdev = blk_sysfs_bdev(data);
	struct request_queue *q;
	int err = 0;

	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	q = bdev->bd_disk->queue;
	if (sysfs_streq(buf, "write through") || sysfs_streq(buf, "none"))
		WRITE_ONCE(q->limits.write_cache, false);
	else if (sysfs_streq(buf, "write back") && q->has_write_cache)
		WRITE_ONCE(q->limits.write_cache, true);
	else
		err = -EINVAL;
	bdev_put(bdev);
	return err ? err : (ssize_t)len;
}

struct attr {
	const char *name;
	sysfs_show_t show;
	sysfs_store_t store;
};

static void add_attrs(struct kernfs_node *dir, const struct attr *attrs, unsigned int nr,
		      struct blk_entry *e)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		sysfs_create_file(dir, attrs[i].name, attrs[i].store ? 0644 : 0444, attrs[i].show,
				  attrs[i].store, e);
}

static void fill_queue(struct kernfs_node *dir)
{
	static const struct attr attrs[] = {
		{ "logical_block_size", logical_block_size_show, NULL },
		{ "hw_sector_size", logical_block_size_show, NULL },
		{ "physical_block_size", physical_block_size_show, NULL },
		{ "minimum_io_size", physical_block_size_show, NULL },
		{ "optimal_io_size", zero_show, NULL },
		{ "max_hw_sectors_kb", max_hw_sectors_kb_show, NULL },
		{ "max_sectors_kb", max_sectors_kb_show, max_sectors_kb_store },
		{ "max_segments", max_segments_show, NULL },
		{ "max_segment_size", max_segment_size_show, NULL },
		{ "nr_requests", nr_requests_show, NULL },
		{ "read_ahead_kb", read_ahead_kb_show, read_ahead_kb_store },
		{ "rotational", rotational_show, rotational_store },
		{ "write_cache", write_cache_show, write_cache_store },
		{ "fua", zero_show, NULL },
		{ "discard_granularity", discard_granularity_show, NULL },
		{ "discard_max_bytes", discard_max_bytes_show, NULL },
		{ "discard_max_hw_bytes", discard_max_bytes_show, NULL },
		{ "discard_zeroes_data", zero_show, NULL },
		{ "max_discard_segments", max_discard_segments_show, NULL },
		{ "write_zeroes_max_bytes", write_zeroes_max_bytes_show, NULL },
		{ "write_same_max_bytes", zero_show, NULL },
		{ "chunk_sectors", zero_show, NULL },
		{ "io_poll", zero_show, NULL },
		{ "dax", zero_show, NULL },
		{ "nr_zones", zero_show, NULL },
		{ "zoned", zoned_show, NULL },
		{ "scheduler", scheduler_show, scheduler_store },
	};

	add_attrs(dir, attrs, ARRAY_SIZE(attrs), dir->priv);
}

/* ---- mq/N/ ---- */

static ssize_t nr_tags_show(char *buf, void *data)
{
	return nr_requests_show(buf, data);
}

/* The CPUs that use a hardware queue: those whose number leaves its own as the rest. */
static ssize_t cpu_list_show(char *buf, void *data)
{
	const struct blk_mq_hw_ctx *hctx = data;
	unsigned int cpu;
	cpumask_t mask = 0;

	for_each_possible_cpu(cpu)
		if (cpu % hctx->q->nr_hw_queues == hctx->queue_num)
			mask |= BIT(cpu);
	return sysfs_emit(buf, "%*pbl\n", NR_CPUS, &mask);
}

/* => the disk stays: drivers of requests have no free_disk */
static void fill_mq(struct kernfs_node *dir)
{
	struct block_device *bdev = blk_sysfs_bdev(dir->priv);
	struct request_queue *q;
	unsigned int n;
	char name[8];

	if (IS_ERR(bdev))
		return;
	q = bdev->bd_disk->queue;
	for (n = 0; n < q->nr_hw_queues; n++) {
		struct kernfs_node *sub;

		snprintf(name, sizeof(name), "%u", n);
		sub = sysfs_create_dir(dir, name);
		if (IS_ERR(sub))
			break;
		sysfs_create_file(sub, "nr_tags", 0444, nr_tags_show, NULL, dir->priv);
		sysfs_create_file(sub, "nr_reserved_tags", 0444, zero_show, NULL, NULL);
		sysfs_create_file(sub, "cpu_list", 0444, cpu_list_show, NULL, &q->hctx[n]);
	}
	bdev_put(bdev);
}

/* ---- directories ---- */

static const struct attr common_attrs[] = {
	{ "dev", dev_show, NULL },
	{ "size", size_show, NULL },
	{ "ro", ro_show, NULL },
	{ "stat", stat_show, NULL },
	{ "inflight", inflight_show, NULL },
	{ "uevent", uevent_show, NULL },
	{ "alignment_offset", zero_show, NULL },
	{ "discard_alignment", zero_show, NULL },
};

static void fill_part(struct kernfs_node *dir)
{
	static const struct attr attrs[] = {
		{ "partition", partition_show, NULL },
		{ "start", start_show, NULL },
	};

	add_attrs(dir, common_attrs, ARRAY_SIZE(common_attrs), dir->priv);
	add_attrs(dir, attrs, ARRAY_SIZE(attrs), dir->priv);
}

static void add_subdir(struct kernfs_node *dir, const char *name,
		       void (*fill)(struct kernfs_node *dir))
{
	struct kernfs_node *sub = sysfs_create_dir(dir, name);

	if (IS_ERR(sub))
		return;
	sub->priv = dir->priv;
	kernfs_set_populate(sub, fill);
}

static void fill_disk(struct kernfs_node *dir)
{
	static const struct attr attrs[] = {
		{ "range", range_show, NULL },	   { "ext_range", ext_range_show, NULL },
		{ "removable", zero_show, NULL },  { "hidden", zero_show, NULL },
		{ "capability", zero_show, NULL },
	};
	struct block_device *bdev = blk_sysfs_bdev(dir->priv);

	add_attrs(dir, common_attrs, ARRAY_SIZE(common_attrs), dir->priv);
	add_attrs(dir, attrs, ARRAY_SIZE(attrs), dir->priv);
	add_subdir(dir, "queue", fill_queue);
	if (IS_ERR(bdev))
		return;
	if (bdev->bd_disk->queue->mq_ops && !bdev->bd_disk->fops->free_disk)
		add_subdir(dir, "mq", fill_mq);
	if (bdev->bd_disk->fops->sysfs_attrs)
		bdev->bd_disk->fops->sysfs_attrs(dir, dir->priv);
	bdev_put(bdev);
}

static void refresh(struct kernfs_node *dir);

static struct blk_entry *find_entry(const char *name)
{
	struct blk_entry *e;

	list_for_each_entry(e, &entries, list)
		if (!strcmp(e->name, name))
			return e;
	return NULL;
}

static struct blk_entry *make_entry(const struct block_device *bdev, const char *name)
{
	struct kernfs_node *parent = disks_dir;
	struct blk_entry *e, *disk;

	if (bdev->bd_partno) {
		disk = find_entry(bdev->bd_disk->disk_name);
		if (!disk)
			return NULL;
		parent = disk->dir;
	}
	e = kzalloc(sizeof(*e), GFP_KERNEL);
	if (!e)
		return NULL;
	kmemleak_not_leak(e);
	strscpy(e->name, name, sizeof(e->name));
	e->dir = sysfs_create_dir(parent, name);
	if (IS_ERR(e->dir)) {
		kfree(e);
		return NULL;
	}
	e->dir->priv = e;
	kernfs_set_populate(e->dir, bdev->bd_partno ? fill_part : fill_disk);
	if (!bdev->bd_partno) {
		kernfs_set_refresh(e->dir, refresh);
		e->block_link = sysfs_create_link(block_dir, name, e->dir);
	}
	e->class_link = sysfs_create_link(class_dir, name, e->dir);
	list_add_tail(&e->list, &entries);
	return e;
}

static void show_link(struct kernfs_node *link, bool show)
{
	if (!IS_ERR_OR_NULL(link))
		kernfs_show(link, show, NULL);
}

/* The link by number is this entry's, whoever had the number before. */
static void take_number(struct blk_entry *e)
{
	char name[24];

	snprintf(name, sizeof(name), "%u:%u", MAJOR(e->dev), MINOR(e->dev));
	e->number_link = kernfs_find(number_dir, name);
	if (!e->number_link)
		e->number_link = sysfs_create_link(number_dir, name, e->dir);
	if (!IS_ERR(e->number_link))
		kernfs_show(e->number_link, true, e->dir);
}

static void set_present(struct blk_entry *e, bool present)
{
	kernfs_show(e->dir, present, NULL);
	show_link(e->block_link, present);
	show_link(e->class_link, present);
}

static void drop_number(struct blk_entry *e)
{
	if (!IS_ERR_OR_NULL(e->number_link) && e->number_link->target == e->dir)
		kernfs_show(e->number_link, false, NULL);
	e->number_link = NULL;
}

static int meet(struct block_device *bdev, void *arg)
{
	char name[BDEVNAME_SIZE];
	struct blk_entry *e;

	bdev_name(bdev, name, sizeof(name));
	e = find_entry(name);
	if (!e)
		e = make_entry(bdev, name);
	if (!e)
		return 0;
	e->seen = true;
	if (e->dev == bdev->bd_dev)
		return 0;
	if (e->dev)
		drop_number(e);
	WRITE_ONCE(e->dev, bdev->bd_dev);
	take_number(e);
	set_present(e, true);
	return 0;
}

/* => populate_mutex held, by kernfs */
static void refresh(struct kernfs_node *dir)
{
	struct blk_entry *e;

	list_for_each_entry(e, &entries, list)
		e->seen = false;
	for_each_bdev(meet, NULL);
	list_for_each_entry(e, &entries, list) {
		if (e->seen || !e->dev)
			continue;
		set_present(e, false);
		drop_number(e);
		WRITE_ONCE(e->dev, 0);
	}
}

static struct kernfs_node *refreshed_dir(struct kernfs_node *parent, const char *name)
{
	struct kernfs_node *dir = IS_ERR(parent) ? parent : sysfs_create_dir(parent, name);

	if (!IS_ERR(dir))
		kernfs_set_refresh(dir, refresh);
	return dir;
}

static int __init blk_sysfs_init(void)
{
	disks_dir = refreshed_dir(sysfs_get_dir(sysfs_devices, "virtual"), "block");
	block_dir = refreshed_dir(NULL, "block");
	class_dir = refreshed_dir(sysfs_get_dir(NULL, "class"), "block");
	number_dir = refreshed_dir(sysfs_get_dir(NULL, "dev"), "block");
	if (IS_ERR(disks_dir) || IS_ERR(block_dir) || IS_ERR(class_dir) || IS_ERR(number_dir)) {
		pr_err("block: no memory for /sys/block\n");
		return -ENOMEM;
	}
	return 0;
}
fs_initcall(blk_sysfs_init);
