/*
 * Character device numbers and their drivers.
 *
 * 1. A driver owns ranges of minors of a major number; ranges never overlap. They are registered
 *    for good, so a look-up needs no reference on the driver.
 * 2. An inode of a character device opens through def_chr_fops: its open finds the driver's
 *    operations by the inode's number, puts them into the file and goes on with the driver's own
 *    open.
 *
 * Lock: chrdevs_mutex for writers; the list only grows, readers walk it under RCU rules.
 * Mirrors Linux fs/char_dev.c. Exercised by tests/user/devices.c.
 */
#include "kernel/dev/chrdev.h"

#include "kernel/fs/seq_file.h"
#include "mm/slab/slab.h"

struct chrdev_range {
	struct list_head list;
	unsigned int major, minor, count;
	const char *name;
	const struct file_operations *fops;
};

static LIST_HEAD(chrdevs); /* sorted by major, minor */
static DEFINE_MUTEX(chrdevs_mutex);

static bool range_before(const struct chrdev_range *a, const struct chrdev_range *b)
{
	return a->major < b->major || (a->major == b->major && a->minor + a->count <= b->minor);
}

int register_chrdev(unsigned int major, unsigned int minor, unsigned int count, const char *name,
		    const struct file_operations *fops)
{
	struct chrdev_range *r, *new = kzalloc(sizeof(*new), GFP_KERNEL);

	if (!new)
		return -ENOMEM;
	*new = (struct chrdev_range){
		.major = major, .minor = minor, .count = count, .name = name, .fops = fops
	};
	guard(mutex)(&chrdevs_mutex);
	list_for_each_entry(r, &chrdevs, list) {
		if (range_before(r, new))
			continue;
		if (!range_before(new, r)) {
			kfree(new);
			return -EBUSY;
		}
		break;
	}
	list_add_tail_rcu(&new->list, &r->list);
	return 0;
}

const struct file_operations *chrdev_fops(dev_t dev)
{
	unsigned int major = MAJOR(dev), minor = MINOR(dev);
	struct chrdev_range *r;

	list_for_each_entry_rcu(r, &chrdevs, list) {
		if (r->major == major && minor >= r->minor && minor - r->minor < r->count)
			return r->fops;
	}
	return NULL;
}

static int chrdev_open(struct inode *inode, struct file *file)
{
	const struct file_operations *fops = chrdev_fops(inode->i_rdev);

	if (!fops)
		return -ENXIO;
	file->f_op = fops;
	return fops->open ? fops->open(inode, file) : 0;
}

const struct file_operations def_chr_fops = {
	.open = chrdev_open,
	.llseek = noop_llseek,
};

int chrdev_show(struct seq_file *m)
{
	const struct chrdev_range *r, *last = NULL;

	seq_puts(m, "Character devices:\n");
	guard(mutex)(&chrdevs_mutex);
	list_for_each_entry(r, &chrdevs, list) {
		if (!last || last->major != r->major || last->name != r->name)
			seq_printf(m, "%3u %s\n", r->major, r->name);
		last = r;
	}
	return 0;
}
