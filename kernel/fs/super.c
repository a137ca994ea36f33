/*
 * Super blocks on block devices: from the name of a device to a mounted file system.
 *
 * 1. A device belongs to one super block; who mounts it a second time gets the same one. The device is opened with the super block
 *    as its holder, which keeps loop devices, other mounts and mkfs (O_EXCL) away.
 * 2. mount_bdev() gives the super block with one activity held for the caller, so that its last mount cannot end between being found
 *    and being mounted again.
 *
 * Locks: namespace_sem (mounting), mount_lock for the list of super blocks. Mirrors Linux fs/super.c.
 * Exercised by tests/user/ext2.c.
 */
#include "kernel/block/genhd.h"
#include "kernel/bug.h"
#include "kernel/fs/buffer.h"
#include "kernel/fs/internal.h"

/* The number of the block device that dev names. */
static int lookup_bdev(const char *dev, dev_t *out)
{
	struct path path;
	int err;

	if (!dev || !*dev)
		return -EINVAL;
	err = kern_path(dev, LOOKUP_FOLLOW, &path);
	if (err)
		return err;
	if (!S_ISBLK(d_inode(path.dentry)->i_mode))
		err = -ENOTBLK;
	else if (path.mnt->mnt_flags & MS_NODEV)
		err = -EACCES;
	else
		*out = d_inode(path.dentry)->i_rdev;
	path_put(&path);
	return err;
}

static struct super_block *share_super(struct super_block *sb, struct file_system_type *type,
				       int flags)
{
	if (sb->s_type == type && !((sb->s_flags ^ flags) & SB_RDONLY))
		return sb;
	deactivate_super(sb);
	return ERR_PTR(-EBUSY);
}

struct super_block *mount_bdev(struct file_system_type *type, int flags, const char *dev,
			       char *data,
			       int (*fill_super)(struct super_block *sb, char *data, bool silent))
{
	unsigned int mode = FMODE_READ | (flags & SB_RDONLY ? 0 : FMODE_WRITE);
	struct super_block *sb;
	dev_t devt;
	int err = lookup_bdev(dev, &devt);

	if (err)
		return ERR_PTR(err);
	sb = get_active_super(devt);
	if (sb)
		return share_super(sb, type, flags);
	sb = alloc_super(type, flags);
	if (!sb)
		return ERR_PTR(-ENOMEM);
	sb->s_bdev = blkdev_get_by_dev(devt, mode, sb);
	if (IS_ERR(sb->s_bdev)) {
		err = PTR_ERR(sb->s_bdev);
		free_super(sb);
		return ERR_PTR(err);
	}
	sb->s_dev = devt;
	sb->s_bdi = sb->s_bdev->bd_disk->bdi;
	/* Memory for its cache is asked for with locks of the file system held. */
	sb->s_bdev->bd_inode->i_data.gfp_mask &= ~__GFP_FS;
	err = fill_super(sb, data, flags & MS_SILENT);
	if (err) {
		evict_inodes(sb);
		blkdev_put(sb->s_bdev, sb);
		free_super(sb);
		return ERR_PTR(err);
	}
	sb->s_active = 1;
	return sb;
}

void kill_block_super(struct super_block *sb)
{
	dput(sb->s_root);
	sb->s_root = NULL;
}
