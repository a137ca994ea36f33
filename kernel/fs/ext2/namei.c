/*
 * Names in an ext2: look-up, making, linking, renaming and removing.
 *
 * 1. A name is written to the directory after its inode, and removed before the inode goes: what a power cut leaves is at worst an
 *    inode without a name, which e2fsck finds.
 * 2. The number of links in the inode is believed no more than the rest: it is never counted below what is true in memory.
 * 3. A directory that appears under two names would be locked twice by one who walks: the second name is an error.
 *
 * Locks: the directories' i_rwsem, by the VFS. Mirrors Linux fs/ext2/namei.c, symlink.c. Exercised by tests/user/ext2.c.
 */
#include "kernel/fs/ext2/ext2.h"
#include "kernel/fs/internal.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

/* A dentry of the directory inode that somebody could find or has, with a reference; NULL. */
static struct dentry *directory_alias(struct inode *inode)
{
	struct dentry *alias, *found = NULL;

	spin_lock(&inode->i_lock);
	list_for_each_entry(alias, &inode->i_dentry, d_alias) {
		if (atomic_inc_unless_negative(&alias->d_count)) {
			found = alias;
			break;
		}
	}
	spin_unlock(&inode->i_lock);
	return found;
}

static struct dentry *ext2_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = NULL;
	struct dentry *alias;
	int err;
	u32 ino = ext2_inode_by_name(dir, &dentry->d_name, &err);

	if (err)
		goto fail;
	if (ino) {
		inode = ext2_iget(dir->i_sb, ino);
		if (IS_ERR(inode)) {
			err = PTR_ERR(inode);
			goto fail;
		}
		alias = S_ISDIR(inode->i_mode) ? directory_alias(inode) : NULL;
		if (alias) {
			err = ext2_error(dir->i_sb, "directory %u has a second name in %llu", ino,
					 dir->i_ino);
			iput(inode);
			dput(alias);
			goto fail;
		}
	}
	d_add(dentry, inode);
	return NULL;
fail:
	return ERR_PTR(err);
}

/* A new inode gets its name; or goes again. */
static int add_new(struct inode *dir, struct dentry *dentry, struct inode *inode)
{
	int err = ext2_add_link(dir, &dentry->d_name, inode);

	if (err) {
		clear_nlink(inode);
		iput(inode);
		return err;
	}
	d_instantiate(dentry, inode);
	return 0;
}

static int ext2_mknod(struct inode *dir, struct dentry *dentry, umode_t mode, dev_t dev)
{
	struct inode *inode = ext2_new_inode(dir, mode);
	int err;

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	inode->i_rdev = dev;
	ext2_set_ops(inode);
	err = ext2_update_inode(inode, true);
	if (err) {
		clear_nlink(inode);
		iput(inode);
		return err;
	}
	return add_new(dir, dentry, inode);
}

static int ext2_create(struct inode *dir, struct dentry *dentry, umode_t mode, bool excl)
{
	struct inode *inode = ext2_new_inode(dir, mode | S_IFREG);

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	ext2_set_ops(inode);
	return add_new(dir, dentry, inode);
}

static int ext2_mkdir(struct inode *dir, struct dentry *dentry, umode_t mode)
{
	struct inode *inode;
	int err;

	if (dir->i_nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	inode = ext2_new_inode(dir, S_IFDIR | mode);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	ext2_set_ops(inode);
	err = ext2_make_empty(inode, dir);
	if (err) {
		clear_nlink(inode);
		iput(inode);
		return err;
	}
	/* Before the name: as one who looks at the directory counts its subdirectories. */
	inc_nlink(inode);
	inc_nlink(dir);
	ext2_update_inode(inode, true);
	err = add_new(dir, dentry, inode);
	if (err) {
		drop_nlink(dir);
		ext2_update_inode(dir, true);
	}
	return err;
}

/* The text of a long link into its one block. */
static int write_link(struct inode *inode, const char *target, size_t len)
{
	struct ext2_extent ext;
	struct buf b;
	int err = ext2_map_blocks(inode, 0, 1, true, &ext);

	if (!err)
		err = getblk(inode->i_sb, ext.phys, &b);
	if (err)
		return err;
	memcpy(b.data, target, len);
	buf_dirty(&b);
	brelse(&b);
	return 0;
}

static int ext2_symlink(struct inode *dir, struct dentry *dentry, const char *target)
{
	size_t len = strlen(target);
	struct inode *inode;
	int err = 0;

	if (len + 1 > dir->i_sb->s_blocksize)
		return -ENAMETOOLONG;
	inode = ext2_new_inode(dir, S_IFLNK | 0777);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	ext2_set_ops(inode);
	inode->i_size = len;
	if (len < sizeof(EXT2_I(inode)->i_data)) {
		inode->i_link = kstrdup(target, GFP_KERNEL);
		err = inode->i_link ? 0 : -ENOMEM;
		if (!err)
			memcpy(EXT2_I(inode)->i_data, target, len);
	} else {
		err = write_link(inode, target, len);
	}
	if (!err)
		err = ext2_update_inode(inode, true);
	if (!err)
		return add_new(dir, dentry, inode);
	clear_nlink(inode);
	iput(inode);
	return err;
}

static const char *ext2_get_link(struct dentry *dentry, struct inode *inode, char **buf)
{
	struct ext2_extent ext;
	struct buf b;
	int err;

	if (inode->i_link)
		return inode->i_link;
	err = ext2_map_blocks(inode, 0, 1, false, &ext);
	if (!err && !ext.phys)
		err = ext2_error(inode->i_sb, "symbolic link %llu has no text", inode->i_ino);
	if (!err)
		err = bread(inode->i_sb, ext.phys, &b);
	if (err)
		return ERR_PTR(err);
	/* Its length was checked to be below a block's. */
	*buf = kmemdup_nul(b.data, inode->i_size, GFP_KERNEL);
	brelse(&b);
	return *buf ? *buf : ERR_PTR(-ENOMEM);
}

static int ext2_link(struct dentry *old, struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(old);
	int err;

	if (inode->i_nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	if (EXT2_I(inode)->flags & (EXT2_IMMUTABLE_FL | EXT2_APPEND_FL))
		return -EPERM;
	inode->i_ctime = current_time(inode);
	inc_nlink(inode);
	err = ext2_update_inode(inode, true);
	if (!err)
		err = ext2_add_link(dir, &dentry->d_name, inode);
	if (err) {
		drop_nlink(inode);
		ext2_update_inode(inode, true);
		return err;
	}
	ihold(inode);
	d_instantiate(dentry, inode);
	return 0;
}

/* A name of inode is gone. */
static int one_name_less(struct inode *inode)
{
	inode->i_ctime = current_time(inode);
	if (inode->i_nlink)
		drop_nlink(inode);
	return ext2_update_inode(inode, true);
}

static int ext2_unlink(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	int err;

	if (EXT2_I(inode)->flags & (EXT2_IMMUTABLE_FL | EXT2_APPEND_FL))
		return -EPERM;
	err = ext2_delete_entry(dir, &dentry->d_name);
	return err ? err : one_name_less(inode);
}

/* A directory has no name any more, and its parent one ".." less. */
static int directory_gone(struct inode *dir, struct inode *inode)
{
	clear_nlink(inode);
	inode->i_ctime = current_time(inode);
	ext2_update_inode(inode, true);
	if (dir->i_nlink > 2)
		drop_nlink(dir);
	return ext2_update_inode(dir, true);
}

static int ext2_rmdir(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	int err = ext2_empty_dir(inode);

	if (err <= 0)
		return err ? err : -ENOTEMPTY;
	err = ext2_delete_entry(dir, &dentry->d_name);
	return err ? err : directory_gone(dir, inode);
}

/* What stands at the new name gives way. */
static int replace_target(struct inode *dir, struct dentry *new, struct inode *inode)
{
	struct inode *target = d_inode(new);
	bool isdir = S_ISDIR(inode->i_mode);
	int err;

	if (isdir) {
		err = ext2_empty_dir(target);
		if (err <= 0)
			return err ? err : -ENOTEMPTY;
	}
	err = ext2_set_link(dir, &new->d_name, inode);
	if (err)
		return err;
	if (!isdir)
		return one_name_less(target);
	clear_nlink(target);
	target->i_ctime = current_time(target);
	return ext2_update_inode(target, true);
}

/* A directory has moved, from old_dir to new_dir, where it may have replaced another. */
static int moved_directory(struct inode *inode, struct inode *old_dir, struct inode *new_dir,
			   bool replaced)
{
	static const struct qstr dotdot = { .name = "..", .len = 2 };
	int err = 0;

	if (old_dir != new_dir)
		err = ext2_set_link(inode, &dotdot, new_dir);
	if (!replaced)
		inc_nlink(new_dir);
	if (old_dir->i_nlink > 2)
		drop_nlink(old_dir);
	ext2_update_inode(new_dir, true);
	ext2_update_inode(old_dir, true);
	return err;
}

static int ext2_rename(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
		       struct dentry *new, unsigned int flags)
{
	struct inode *inode = d_inode(old), *target = d_inode(new);
	bool isdir = S_ISDIR(inode->i_mode);
	int err;

	if (flags & ~1u) /* RENAME_NOREPLACE, which the caller has looked after */
		return -EINVAL;
	if (isdir && !target && old_dir != new_dir && new_dir->i_nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	err = target ? replace_target(new_dir, new, inode)
		     : ext2_add_link(new_dir, &new->d_name, inode);
	if (err)
		return err;
	inode->i_ctime = current_time(inode);
	ext2_update_inode(inode, true);
	err = ext2_delete_entry(old_dir, &old->d_name);
	if (!err && isdir)
		err = moved_directory(inode, old_dir, new_dir, target);
	/* The new name is there: the caller must know, whatever became of the old one. */
	if (err)
		pr_err_ratelimited("EXT2-fs: rename of inode %llu is not complete: error %d\n",
				   inode->i_ino, err);
	return 0;
}

static int ext2_tmpfile(struct inode *dir, struct file *file, umode_t mode)
{
	static const struct qstr name = { .name = "#tmpfile", .len = 8 };
	struct path path = { .mnt = file->f_path.mnt };
	struct mount *mnt = file->f_path.mnt;
	struct inode *inode = ext2_new_inode(dir, mode);
	int err;

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	ext2_set_ops(inode);
	clear_nlink(inode);
	inode->i_state |= I_LINKABLE;
	ext2_update_inode(inode, true);
	path.dentry = d_alloc_pseudo(dir->i_sb, &name);
	if (!path.dentry) {
		iput(inode);
		return -ENOMEM;
	}
	d_instantiate(path.dentry, inode);
	err = file_open_on(file, &path);
	dput(path.dentry);
	mntput(mnt);
	return err;
}

const struct inode_operations ext2_dir_iops = {
	.lookup = ext2_lookup,
	.create = ext2_create,
	.link = ext2_link,
	.unlink = ext2_unlink,
	.symlink = ext2_symlink,
	.mkdir = ext2_mkdir,
	.rmdir = ext2_rmdir,
	.mknod = ext2_mknod,
	.rename = ext2_rename,
	.tmpfile = ext2_tmpfile,
	.setattr = ext2_setattr,
};

const struct inode_operations ext2_symlink_iops = {
	.get_link = ext2_get_link,
	.setattr = ext2_setattr,
};

const struct inode_operations ext2_special_iops = { .setattr = ext2_setattr };
