/*
 * What simple file systems share: directories that live in the dentry tree, and small reads.
 *
 * A directory of such a file system is its children list. readdir holds its place by a cursor dentry, which
 * is not positive and so invisible to others. It goes from the front of the list to its end, and new names
 * go to the front, behind the reader's back: each name that existed all the time is seen exactly once, and a
 * reader that makes a name for each one it sees comes to an end.
 *
 * Locks: the directory's i_rwsem. Mirrors Linux fs/libfs.c. Exercised by tests/user/{names,vfs}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

bool dir_emit_dots(struct file *file, struct dir_context *ctx)
{
	struct dentry *dir = file->f_path.dentry, *parent;
	bool room;

	if (ctx->pos == 0) {
		if (!dir_emit(ctx, ".", 1, d_inode(dir)->i_ino, DT_DIR))
			return false;
		ctx->pos = 1;
	}
	if (ctx->pos == 1) {
		parent = dget_parent(dir);
		room = dir_emit(ctx, "..", 2, d_inode(parent)->i_ino, DT_DIR);
		dput(parent);
		if (!room)
			return false;
		ctx->pos = 2;
	}
	return true;
}

static int simple_dir_open(struct inode *inode, struct file *file)
{
	file->private_data = d_alloc_name(file->f_path.dentry, ".");
	return file->private_data ? 0 : -ENOMEM;
}

/* Position n + 2 is the n-th child; where it is in the list, the cursor knows. */
static int simple_dir_iterate(struct file *file, struct dir_context *ctx)
{
	struct dentry *dir = file->f_path.dentry, *cursor = file->private_data, *child;

	if (!dir_emit_dots(file, ctx))
		return 0;
	child = d_next_child(dir, ctx->pos == 2 ? NULL : cursor);
	while (child) {
		struct inode *inode = d_inode(child);
		bool room = dir_emit(ctx, child->d_name.name, child->d_name.len, inode->i_ino,
				     (inode->i_mode & S_IFMT) >> 12);

		if (room)
			d_move_cursor(cursor, child);
		dput(child);
		if (!room)
			break;
		ctx->pos++;
		child = d_next_child(dir, cursor);
	}
	return 0;
}

static int simple_dir_release(struct inode *inode, struct file *file)
{
	dput(file->private_data);
	return 0;
}

/* rewinddir and seekdir: to the start, or by counting from it. */
static loff_t simple_dir_llseek(struct file *file, loff_t offset, int whence)
{
	struct dentry *dir = file->f_path.dentry, *child = NULL, *next;
	loff_t n;

	if (whence == 1)
		offset += file->f_pos;
	else if (whence != 0)
		return -EINVAL;
	if (offset < 0)
		return -EINVAL;
	down_read(&file_inode(file)->i_rwsem);
	for (n = 2; n < offset; n++) {
		next = d_next_child(dir, child);
		dput(child);
		child = next;
		if (!child)
			break;
	}
	d_move_cursor(file->private_data, child);
	dput(child);
	file->f_pos = offset;
	up_read(&file_inode(file)->i_rwsem);
	return offset;
}

const struct file_operations simple_dir_operations = {
	.open = simple_dir_open,
	.iterate_shared = simple_dir_iterate,
	.llseek = simple_dir_llseek,
	.release = simple_dir_release,
	.fsync = simple_fsync,
};

static int always_delete_dentry(const struct dentry *dentry)
{
	return 1;
}

const struct dentry_operations simple_dentry_operations = { .d_delete = always_delete_dentry };

int simple_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	return 0;
}

struct dentry *simple_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	/* What is not in the tree does not exist. */
	d_add(dentry, NULL);
	return NULL;
}

static void dir_touch(struct inode *dir)
{
	dir->i_mtime = dir->i_ctime = current_time(dir);
}

int simple_link(struct dentry *old, struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(old);

	inode->i_ctime = current_time(inode);
	dir_touch(dir);
	inc_nlink(inode);
	ihold(inode);
	d_instantiate(dentry, inode);
	d_pin(dentry);
	return 0;
}

int simple_unlink(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);

	inode->i_ctime = current_time(inode);
	dir_touch(dir);
	drop_nlink(inode);
	d_unpin(dentry);
	return 0;
}

int simple_rmdir(struct inode *dir, struct dentry *dentry)
{
	if (!simple_empty(dentry))
		return -ENOTEMPTY;
	clear_nlink(d_inode(dentry));
	dir_touch(dir);
	drop_nlink(dir);
	d_unpin(dentry);
	return 0;
}

int simple_rename(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
		  struct dentry *new, unsigned int flags)
{
	struct inode *inode = d_inode(old), *target = d_inode(new);
	bool isdir = S_ISDIR(inode->i_mode);

	if (flags & 2) {
		bool target_dir = S_ISDIR(target->i_mode);

		if (old_dir != new_dir && isdir != target_dir) {
			if (isdir) {
				drop_nlink(old_dir);
				inc_nlink(new_dir);
			} else {
				drop_nlink(new_dir);
				inc_nlink(old_dir);
			}
		}
	} else {
		if (target && S_ISDIR(target->i_mode) && !simple_empty(new))
			return -ENOTEMPTY;
		if (target) {
			if (isdir) {
				clear_nlink(target);
				drop_nlink(new_dir);
			} else {
				drop_nlink(target);
			}
			target->i_ctime = current_time(target);
			d_unpin(new);
		}
		if (isdir && old_dir != new_dir) {
			drop_nlink(old_dir);
			inc_nlink(new_dir);
		}
	}
	inode->i_ctime = current_time(inode);
	dir_touch(old_dir);
	dir_touch(new_dir);
	return 0;
}

int simple_setattr(struct dentry *dentry, struct iattr *attr)
{
	setattr_copy(d_inode(dentry), attr);
	return 0;
}

int simple_statfs(struct super_block *sb, struct kstatfs *buf)
{
	buf->f_type = sb->s_magic;
	buf->f_bsize = PAGE_SIZE;
	buf->f_namelen = NAME_MAX;
	return 0;
}

struct super_block *mount_pseudo(struct file_system_type *type, int flags, unsigned long magic)
{
	static const struct super_operations sops = { .statfs = simple_statfs };
	struct super_block *sb = alloc_super(type, flags);
	struct inode *root;

	if (!sb)
		return ERR_PTR(-ENOMEM);
	sb->s_op = &sops;
	sb->s_magic = magic;
	root = new_inode(sb);
	if (root)
		root->i_mode = S_IFDIR | 0600;
	sb->s_root = d_make_root(root);
	return sb->s_root ? sb : ERR_PTR(-ENOMEM);
}

const char *simple_get_link(struct dentry *dentry, struct inode *inode, char **buf)
{
	return inode->i_link;
}

ssize_t simple_read_from_buffer(void __user *to, size_t count, loff_t *ppos, const void *from,
				size_t available)
{
	loff_t pos = *ppos;
	size_t left;

	if (pos < 0)
		return -EINVAL;
	if (pos >= (loff_t)available || !count)
		return 0;
	count = min(count, (size_t)(available - pos));
	left = copy_to_user(to, (const char *)from + pos, count);
	count -= left;
	if (!count)
		return -EFAULT;
	*ppos = pos + count;
	return count;
}
