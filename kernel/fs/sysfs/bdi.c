/*
 * /sys/class/bdi/MAJOR:MINOR: what writeback and readahead know of a device.
 *
 * A directory stays when its disk goes (sysfs takes nothing away): the files find the bdi by name each time, and are ENODEV then.
 *
 * Locks: bdi_lock while a value is read or set. Mirrors Linux mm/backing-dev.c (sysfs). Exercised by tests/user/wback.c.
 */
#include "kernel/fs/internal.h"
#include "kernel/fs/sysfs/sysfs.h"
#include "kernel/init.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

enum bdi_attr { BDI_READ_AHEAD_KB, BDI_MIN_RATIO, BDI_MAX_RATIO, BDI_STABLE_PAGES };

struct bdi_file {
	char name[BDI_NAME_LEN];
	enum bdi_attr attr;
};

static struct kernfs_node *bdi_class;

/* => bdi_lock held */
static struct backing_dev_info *find_bdi(const struct bdi_file *f)
{
	struct backing_dev_info *bdi;

	list_for_each_entry(bdi, &bdi_list, bdi_list) {
		if (!strcmp(bdi->name, f->name))
			return bdi;
	}
	return NULL;
}

static ssize_t bdi_show(char *buf, void *data)
{
	const struct bdi_file *f = data;
	struct backing_dev_info *bdi;
	unsigned long value = 0;

	scoped_guard(spinlock, &bdi_lock) {
		bdi = find_bdi(f);
		if (!bdi)
			return -ENODEV;
		if (f->attr == BDI_READ_AHEAD_KB)
			value = bdi->ra_pages << (PAGE_SHIFT - 10);
		else if (f->attr == BDI_MIN_RATIO)
			value = bdi->min_ratio;
		else if (f->attr == BDI_MAX_RATIO)
			value = bdi->max_ratio;
	}
	return sysfs_emit(buf, "%lu\n", value);
}

static ssize_t bdi_store(const char *buf, size_t len, void *data)
{
	const struct bdi_file *f = data;
	struct backing_dev_info *bdi;
	unsigned int value;
	int err = kstrtouint(buf, 10, &value);

	if (err)
		return err;
	guard(spinlock)(&bdi_lock);
	bdi = find_bdi(f);
	if (!bdi)
		return -ENODEV;
	if (f->attr == BDI_READ_AHEAD_KB)
		WRITE_ONCE(bdi->ra_pages, value >> (PAGE_SHIFT - 10));
	else if (f->attr == BDI_MIN_RATIO)
		err = bdi_set_min_ratio(bdi, value);
	else
		err = bdi_set_max_ratio(bdi, value);
	return err ? err : (ssize_t)len;
}

void bdi_sysfs_add(struct backing_dev_info *bdi)
{
	static const char *const names[] = { "read_ahead_kb", "min_ratio", "max_ratio",
					     "stable_pages_required" };
	struct kernfs_node *dir;
	unsigned int i;

	if (!bdi_class)
		return;
	dir = sysfs_create_dir(bdi_class, bdi->name);
	if (IS_ERR(dir))
		return; /* no memory, or a disk of this number was there before: then its files serve this one */
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		struct bdi_file *f = kmalloc(sizeof(*f), GFP_KERNEL);

		if (!f)
			return;
		strscpy(f->name, bdi->name, sizeof(f->name));
		f->attr = i;
		sysfs_create_file(dir, names[i], i == BDI_STABLE_PAGES ? 0444 : 0644, bdi_show,
				  i == BDI_STABLE_PAGES ? NULL : bdi_store, f);
	}
}

static int __init bdi_class_init(void)
{
	bdi_class = sysfs_create_dir(sysfs_class, "bdi");
	if (IS_ERR(bdi_class))
		bdi_class = NULL;
	return bdi_class ? 0 : -ENOMEM;
}
fs_initcall(bdi_class_init);
