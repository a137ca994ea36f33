/*
 * The root from a disk, as root= on the command line names it.
 *
 * 1. The first root is an empty tmpfs, which the initramfs fills. If that brings an /init, finding the disk is its work (user/init.c).
 *    Without one the kernel does it: root=/dev/vda1 or root=MAJOR:MINOR, rootfstype= (a list; else every file system for
 *    disks), rootflags=, ro (as if nothing is said) or rw, rootdelay=SECONDS, rootwait: wait for the disk, however long.
 * 2. The disk is mounted on /root, moved to /, and becomes root and working directory of process 1 to be.
 *
 * Locks: none of its own; before process 1 runs. Mirrors Linux init/do_mounts.c. Exercised by tests/boot/test_root.py.
 */
#include "kernel/block/genhd.h"
#include "kernel/dev/chrdev.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/init.h"
#include "kernel/bug.h"
#include "kernel/params.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

#define WORD_MAX  128
#define POLL_TIME (HZ / 20)

static bool __init exists(const char *name)
{
	struct path path;

	if (kern_path(name, LOOKUP_FOLLOW, &path))
		return false;
	path_put(&path);
	return true;
}

static int __init make_dir(const char *name)
{
	struct path parent;
	struct dentry *dentry = kern_path_create(AT_FDCWD, name, &parent, LOOKUP_DIRECTORY);
	int err;

	if (IS_ERR(dentry))
		return PTR_ERR(dentry) == -EEXIST ? 0 : PTR_ERR(dentry);
	err = vfs_mkdir(d_inode(parent.dentry), dentry, 0700);
	done_path_create(&parent, dentry);
	return err;
}

/* "254:1" to a number. */
static bool __init parse_devt(const char *name, dev_t *dev)
{
	const char *colon = strchr(name, ':');
	unsigned int major, minor;
	char first[8];

	if (!colon || colon - name >= (long)sizeof(first))
		return false;
	strscpy(first, name, colon - name + 1);
	if (kstrtouint(first, 10, &major) || kstrtouint(colon + 1, 10, &minor) || major > 4095 ||
	    minor > 0xfffff)
		return false;
	*dev = MKDEV(major, minor);
	return true;
}

/* The disk has a name in /dev, or can be given one: then *name is that. */
static bool __init root_there(char *name, size_t size)
{
	struct block_device *bdev;
	char disk[BDEVNAME_SIZE];
	dev_t dev;

	if (!parse_devt(name, &dev))
		return exists(name);
	bdev = bdev_lookup(dev);
	if (!bdev)
		return false;
	snprintf(name, size, "/dev/%s", bdev_name(bdev, disk, sizeof(disk)));
	bdev_put(bdev);
	return true;
}

static void __init wait_for_root(char *name, size_t size)
{
	unsigned long delay = cmdline_get_ulong("rootdelay", 0);
	bool told = false;

	if (delay) {
		pr_info("Waiting %lu sec before mounting root device...\n", delay);
		schedule_timeout_uninterruptible(min(delay, 3600UL) * HZ);
	}
	while (!root_there(name, size) && cmdline_has("rootwait")) {
		if (!told)
			pr_info("Waiting for root device %s...\n", name);
		told = true;
		schedule_timeout_uninterruptible(POLL_TIME);
	}
}

/* Each of a list of types, with commas between; *tried gets the last one. A type that is not this disk's says EINVAL. */
static int __init mount_types(const char *name, char *types, unsigned long flags, char *data)
{
	int err = -ENODEV, one;
	char *type;

	while ((type = strsep(&types, ",")) != NULL) {
		one = do_mount(name, "/root", type, flags, data);
		/* Writing is not allowed: a root that can be read is better than none. */
		if ((one == -EACCES || one == -EROFS) && !(flags & MS_RDONLY))
			one = do_mount(name, "/root", type, flags | MS_RDONLY, data);
		if (!one) {
			pr_info("VFS: Mounted root (%s filesystem)%s from %s\n", type,
				flags & MS_RDONLY ? " readonly" : "", name);
			return 0;
		}
		if (err == -ENODEV || one != -EINVAL)
			err = one;
	}
	return err;
}

static int __init print_bdev(struct block_device *bdev, void *unused)
{
	char name[BDEVNAME_SIZE];

	pr_emerg("  %u:%u %lu KiB %s\n", MAJOR(bdev->bd_dev), MINOR(bdev->bd_dev),
		 bdev_nr_sectors(bdev) >> 1, bdev_name(bdev, name, sizeof(name)));
	return 0;
}

static void __init __cold no_root(const char *name, int err)
{
	pr_emerg("VFS: Cannot open root device \"%s\": error %d\n", name, err);
	pr_emerg("Append a correct root= (and rootfstype=); these are the disks:\n");
	for_each_bdev(print_bdev, NULL);
	panic("VFS: Unable to mount root fs on %s", name);
}

static int __init go_there(void)
{
	struct path root;
	int err = kern_path("/root", LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &root);

	if (err)
		return err;
	err = do_mount("/root", "/", NULL, MS_MOVE, NULL);
	if (!err) {
		set_fs_path(current->fs, &current->fs->root, &root);
		set_fs_path(current->fs, &current->fs->pwd, &root);
	}
	path_put(&root);
	return err;
}

int __init prepare_namespace(void)
{
	unsigned long flags = MS_SILENT | (cmdline_has("rw") ? 0 : MS_RDONLY);
	char name[WORD_MAX], types[WORD_MAX], data[WORD_MAX];
	int err;

	if (exists("/init") || !cmdline_get("root", name, sizeof(name)) || !name[0])
		return -ENOENT;
	if (!cmdline_get("rootfstype", types, sizeof(types)) || !types[0])
		strscpy(types, "ext2", sizeof(types));
	if (!cmdline_get("rootflags", data, sizeof(data)))
		data[0] = 0;
	wait_for_root(name, sizeof(name));
	err = make_dir("/root");
	if (!err)
		err = mount_types(name, types, flags, data);
	if (!err)
		err = go_there();
	if (err)
		no_root(name, err);
	devtmpfs_mount();
	return 0;
}
