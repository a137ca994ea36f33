/*
 * stat, statx, statfs, readlink: what is known about a file.
 *
 * Structures are the x86-64 user ABI. Mirrors Linux fs/stat.c, fs/statfs.c. Exercised by tests/user/attrs.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/block/blkdev.h"
#include "kernel/block/genhd.h"
#include "kernel/fs/fs.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

struct stat {
	u64 st_dev, st_ino, st_nlink;
	u32 st_mode, st_uid, st_gid, pad0;
	u64 st_rdev;
	s64 st_size, st_blksize, st_blocks;
	u64 st_atime, st_atime_nsec, st_mtime, st_mtime_nsec, st_ctime, st_ctime_nsec;
	s64 unused[3];
};

struct statx_timestamp {
	s64 tv_sec;
	u32 tv_nsec;
	s32 pad;
};

struct statx {
	u32 stx_mask, stx_blksize;
	u64 stx_attributes;
	u32 stx_nlink, stx_uid, stx_gid;
	u16 stx_mode, pad0;
	u64 stx_ino, stx_size, stx_blocks, stx_attributes_mask;
	struct statx_timestamp stx_atime, stx_btime, stx_ctime, stx_mtime;
	u32 stx_rdev_major, stx_rdev_minor, stx_dev_major, stx_dev_minor;
	u64 stx_mnt_id;
	u32 stx_dio_mem_align, stx_dio_offset_align;
	u64 spare[12];
};

#define STATX_BASIC_STATS 0x7ffu
#define STATX_MNT_ID	  0x1000u
#define STATX_DIOALIGN	  0x2000u

int vfs_getattr(const struct path *path, struct kstat *stat)
{
	struct inode *inode = d_inode(path->dentry);

	if (inode->i_op && inode->i_op->getattr)
		return inode->i_op->getattr(path, stat);
	generic_fillattr(inode, stat);
	return 0;
}

/* Device number as user space unpacks it (gnu_dev_makedev). */
static u64 new_encode_dev(dev_t dev)
{
	return (MINOR(dev) & 0xff) | (MAJOR(dev) << 8) | ((u64)(MINOR(dev) & ~0xffu) << 12);
}

static int cp_stat(const struct kstat *k, struct stat __user *to)
{
	struct stat st = {
		.st_dev = new_encode_dev(k->dev),
		.st_ino = k->ino,
		.st_nlink = k->nlink,
		.st_mode = k->mode,
		.st_uid = k->uid,
		.st_gid = k->gid,
		.st_rdev = new_encode_dev(k->rdev),
		.st_size = k->size,
		.st_blksize = k->blksize,
		.st_blocks = k->blocks,
		.st_atime = k->atime.tv_sec,
		.st_atime_nsec = k->atime.tv_nsec,
		.st_mtime = k->mtime.tv_sec,
		.st_mtime_nsec = k->mtime.tv_nsec,
		.st_ctime = k->ctime.tv_sec,
		.st_ctime_nsec = k->ctime.tv_nsec,
	};

	return copy_to_user(to, &st, sizeof(st)) ? -EFAULT : 0;
}

/* What O_DIRECT needs addresses, lengths and positions to be multiples of; 0: it is not to be had, or goes through the cache. */
static unsigned int dio_align(const struct inode *inode)
{
	struct block_device *bdev;
	unsigned int align = 0;

	if (S_ISREG(inode->i_mode))
		return inode->i_sb->s_bdev && (inode->i_fop->fop_flags & FOP_DIRECT)
			       ? bdev_limits(inode->i_sb->s_bdev)->logical_block_size
			       : 0;
	bdev = S_ISBLK(inode->i_mode) ? bdev_lookup(inode->i_rdev) : NULL;
	if (bdev) {
		align = bdev_limits(bdev)->logical_block_size;
		bdev_put(bdev);
	}
	return align;
}

static int vfs_statat(int dfd, const char __user *name, int flags, struct kstat *stat, int *mnt_id)
{
	unsigned int how = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct path path;
	int err;

	if (flags & AT_EMPTY_PATH)
		how |= LOOKUP_EMPTY;
	err = user_path_at(dfd, name, how, &path);
	if (err)
		return err;
	err = vfs_getattr(&path, stat);
	if (mnt_id) {
		*mnt_id = path.mnt->mnt_id;
		stat->dio_align = dio_align(d_inode(path.dentry));
	}
	path_put(&path);
	return err;
}

static long sys_newfstatat(int dfd, const char __user *name, struct stat __user *to, int flags)
{
	struct kstat stat;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	err = vfs_statat(dfd, name, flags, &stat, NULL);
	return err ? err : cp_stat(&stat, to);
}
SYSCALL(262, newfstatat);

static long sys_stat(const char __user *name, struct stat __user *to)
{
	return sys_newfstatat(AT_FDCWD, name, to, 0);
}
SYSCALL(4, stat);

static long sys_lstat(const char __user *name, struct stat __user *to)
{
	return sys_newfstatat(AT_FDCWD, name, to, AT_SYMLINK_NOFOLLOW);
}
SYSCALL(6, lstat);

static long sys_fstat(unsigned int fd, struct stat __user *to)
{
	struct fd f = fdget_raw(fd);
	struct kstat stat;
	int err;

	if (!f.file)
		return -EBADF;
	err = vfs_getattr(&f.file->f_path, &stat);
	fdput(f);
	return err ? err : cp_stat(&stat, to);
}
SYSCALL(5, fstat);

static struct statx_timestamp cp_time(struct timespec64 t)
{
	return (struct statx_timestamp){ .tv_sec = t.tv_sec, .tv_nsec = t.tv_nsec };
}

static long sys_statx(int dfd, const char __user *name, unsigned int flags, unsigned int mask,
		      struct statx __user *to)
{
	struct statx sx = { 0 };
	struct kstat k;
	int mnt_id, err;

	if (mask & 0x80000000u)
		return -EINVAL;
	if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | 0x6000)) ||
	    (flags & 0x6000) == 0x6000)
		return -EINVAL;
	err = vfs_statat(dfd, name, flags, &k, &mnt_id);
	if (err)
		return err;
	sx.stx_mask = STATX_BASIC_STATS | STATX_MNT_ID;
	sx.stx_blksize = k.blksize;
	sx.stx_nlink = k.nlink;
	sx.stx_uid = k.uid;
	sx.stx_gid = k.gid;
	sx.stx_mode = k.mode;
	sx.stx_ino = k.ino;
	sx.stx_size = k.size;
	sx.stx_blocks = k.blocks;
	sx.stx_atime = cp_time(k.atime);
	sx.stx_mtime = cp_time(k.mtime);
	sx.stx_ctime = cp_time(k.ctime);
	sx.stx_rdev_major = MAJOR(k.rdev);
	sx.stx_rdev_minor = MINOR(k.rdev);
	sx.stx_dev_major = MAJOR(k.dev);
	sx.stx_dev_minor = MINOR(k.dev);
	sx.stx_mnt_id = mnt_id;
	if ((mask & STATX_DIOALIGN) && k.dio_align) {
		sx.stx_mask |= STATX_DIOALIGN;
		sx.stx_dio_mem_align = sx.stx_dio_offset_align = k.dio_align;
	}
	return copy_to_user(to, &sx, sizeof(sx)) ? -EFAULT : 0;
}
SYSCALL(332, statx);

/* --- statfs --- */

struct statfs {
	s64 f_type, f_bsize;
	u64 f_blocks, f_bfree, f_bavail, f_files, f_ffree;
	s32 f_fsid[2];
	s64 f_namelen, f_frsize, f_flags, f_spare[4];
};

static long do_statfs(const struct path *path, struct statfs __user *to)
{
	struct super_block *sb = path->mnt->mnt_sb;
	struct kstatfs k = { 0 };
	struct statfs s = { 0 };
	int err = sb->s_op->statfs ? sb->s_op->statfs(sb, &k) : -ENOSYS;

	if (err)
		return err;
	s.f_type = k.f_type;
	s.f_bsize = k.f_bsize;
	s.f_blocks = k.f_blocks;
	s.f_bfree = k.f_bfree;
	s.f_bavail = k.f_bavail;
	s.f_files = k.f_files;
	s.f_ffree = k.f_ffree;
	s.f_fsid[0] = (s32)sb->s_dev;
	s.f_namelen = k.f_namelen;
	s.f_frsize = k.f_frsize ? k.f_frsize : k.f_bsize;
	s.f_flags = 0x20 | (mnt_is_readonly(path->mnt) ? 1 : 0);
	return copy_to_user(to, &s, sizeof(s)) ? -EFAULT : 0;
}

static long sys_statfs(const char __user *name, struct statfs __user *to)
{
	struct path path;
	long err = user_path_at(AT_FDCWD, name, LOOKUP_FOLLOW, &path);

	if (err)
		return err;
	err = do_statfs(&path, to);
	path_put(&path);
	return err;
}
SYSCALL(137, statfs);

static long sys_fstatfs(unsigned int fd, struct statfs __user *to)
{
	struct fd f = fdget_raw(fd);
	long err;

	if (!f.file)
		return -EBADF;
	err = do_statfs(&f.file->f_path, to);
	fdput(f);
	return err;
}
SYSCALL(138, fstatfs);

/* --- readlink --- */

static long do_readlinkat(int dfd, const char __user *name, char __user *buf, int size)
{
	struct filename *f;
	struct path path;
	struct inode *inode;
	char *text, *kbuf = NULL;
	bool empty;
	long ret;

	if (size <= 0)
		return -EINVAL;
	f = getname_flags(name, LOOKUP_EMPTY);
	if (IS_ERR(f))
		return PTR_ERR(f);
	empty = !*f->name;
	ret = filename_lookup(dfd, f->name, LOOKUP_EMPTY, &path);
	putname(f);
	if (ret)
		return ret;
	inode = d_inode(path.dentry);
	ret = empty ? -ENOENT : -EINVAL;

	if (S_ISLNK(inode->i_mode) && inode->i_op->get_link) {
		text = (char *)inode->i_op->get_link(path.dentry, inode, &kbuf);
		ret = PTR_ERR_OR_ZERO(text);
		if (!ret) {
			ret = min_t(long, strlen(text), size);
			if (copy_to_user(buf, text, ret))
				ret = -EFAULT;
		}
		kfree(kbuf);
	}
	path_put(&path);
	return ret;
}

static long sys_readlinkat(int dfd, const char __user *name, char __user *buf, int size)
{
	return do_readlinkat(dfd, name, buf, size);
}
SYSCALL(267, readlinkat);

static long sys_readlink(const char __user *name, char __user *buf, int size)
{
	return do_readlinkat(AT_FDCWD, name, buf, size);
}
SYSCALL(89, readlink);
