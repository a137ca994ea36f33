/*
 * devtmpfs: /dev, filled by the drivers.
 *
 * One tmpfs instance that exists before the drivers start; device_add_node() puts their names in.
 * It is laid over /dev before process 1 runs, and each mount of type devtmpfs shows the same
 * instance. Users may change it like any tmpfs.
 *
 * Locks: directories' i_rwsem. Mirrors Linux drivers/base/devtmpfs.c. Exercised by
 * tests/user/devices.c.
 */
#include "kernel/bug.h"
#include "kernel/dev/chrdev.h"
#include "kernel/fs/namei.h"
#include "kernel/fs/tmpfs.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/string.h"
#include "mm/debug/kmemleak.h"

static struct super_block *devtmpfs_sb;

static struct super_block *devtmpfs_get_sb(struct file_system_type *type, int flags,
					   const char *dev, char *data)
{
	return devtmpfs_sb;
}

static struct file_system_type devtmpfs_fs_type = { .name = "devtmpfs", .mount = devtmpfs_get_sb };

/* The dentry of one component under dir, whose i_rwsem is locked here if it is returned. */
static struct dentry *lock_child(struct dentry *dir, const char *name, unsigned int len)
{
	struct qstr q = { .name = name, .len = len };
	struct dentry *dentry;

	down_write(&d_inode(dir)->i_rwsem);
	dentry = __lookup_hash(&q, dir, LOOKUP_CREATE);
	if (IS_ERR(dentry))
		up_write(&d_inode(dir)->i_rwsem);
	return dentry;
}

/*
 * The directory that name is in, with a reference; *base: what stands behind the last slash.
 * ERR_PTR
 */
static struct dentry *parent_of(const char *name, const char **base)
{
	struct dentry *dir = devtmpfs_sb->s_root, *sub;
	const char *slash = strchr(name, '/');

	*base = slash ? slash + 1 : name;
	if (!slash)
		return dget(dir);
	sub = lock_child(dir, name, slash - name);
	if (IS_ERR(sub))
		return sub;
	up_write(&d_inode(dir)->i_rwsem);
	if (!d_inode(sub) || !S_ISDIR(d_inode(sub)->i_mode)) {
		dput(sub);
		return ERR_PTR(-ENOENT);
	}
	return sub;
}

/* target: a symbolic link, else by mode. */
static int add_entry(const char *name, umode_t mode, dev_t dev, const char *target)
{
	struct dentry *dir, *dentry;
	struct inode *inode;
	const char *base;
	int err;

	dir = parent_of(name, &base);
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	inode = d_inode(dir);
	dentry = lock_child(dir, base, strlen(base));
	err = PTR_ERR_OR_ZERO(dentry);
	if (!err) {
		if (d_inode(dentry))
			err = -EEXIST;
		else if (target)
			err = vfs_symlink(inode, dentry, target);
		else if (S_ISDIR(mode))
			err = vfs_mkdir(inode, dentry, mode & 07777);
		else
			err = vfs_mknod(inode, dentry, mode, dev);
		dput(dentry);
		up_write(&inode->i_rwsem);
	}
	dput(dir);
	if (err)
		pr_err("devtmpfs: cannot create /dev/%s: error %d\n", name, err);
	return err;
}

int device_add_node(const char *name, umode_t mode, dev_t dev)
{
	return add_entry(name, mode, dev, NULL);
}

int device_add_link(const char *name, const char *target)
{
	return add_entry(name, 0, 0, target);
}

/* No question of rights: whoever closes a device last may make its node go. */
void device_del_node(const char *name, dev_t dev)
{
	struct dentry *dir, *dentry;
	struct inode *inode;
	const char *base;
	bool gone = false;

	dir = parent_of(name, &base);
	if (IS_ERR(dir))
		return;
	dentry = lock_child(dir, base, strlen(base));
	if (!IS_ERR(dentry)) {
		inode = d_inode(dentry);
		if (inode && S_ISBLK(inode->i_mode) && inode->i_rdev == dev) {
			down_write_nested(&inode->i_rwsem, 2);
			gone = !(dentry->d_flags & DCACHE_MOUNTED) &&
			       !d_inode(dir)->i_op->unlink(d_inode(dir), dentry);
			up_write(&inode->i_rwsem);
		}
		if (gone)
			d_delete(dentry);
		up_write(&d_inode(dir)->i_rwsem);
		dput(dentry);
	}
	dput(dir);
}

int devtmpfs_mount(void)
{
	struct path parent;
	struct dentry *dentry = kern_path_create(AT_FDCWD, "/dev", &parent, LOOKUP_DIRECTORY);

	if (!IS_ERR(dentry)) {
		vfs_mkdir(d_inode(parent.dentry), dentry, 0755);
		done_path_create(&parent, dentry);
	}
	return do_mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, NULL);
}

static int __init devtmpfs_init(void)
{
	char options[] = "mode=0755,size=0,nr_inodes=0";
	struct mount *mnt;

	devtmpfs_sb = tmpfs_fs_type.mount(&devtmpfs_fs_type, 0, "devtmpfs", options);
	if (IS_ERR(devtmpfs_sb))
		panic("devtmpfs: cannot set up /dev: error %ld", PTR_ERR(devtmpfs_sb));
	mnt = kern_mount(&devtmpfs_fs_type); /* in no tree: keeps the instance for ever */
	kmemleak_not_leak(mnt);
	if (IS_ERR(mnt))
		panic("devtmpfs: no memory for its mount");
	register_filesystem(&devtmpfs_fs_type);
	device_add_node("pts", S_IFDIR | 0755, 0);
	device_add_node("shm", S_IFDIR | S_ISVTX | 0777, 0);
	device_add_link("fd", "/proc/self/fd");
	device_add_link("stdin", "/proc/self/fd/0");
	device_add_link("stdout", "/proc/self/fd/1");
	device_add_link("stderr", "/proc/self/fd/2");
	return 0;
}
fs_initcall(devtmpfs_init);
