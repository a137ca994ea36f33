/*
 * open: from a name and flags to an open file.
 *
 * open walks to the parent; if the last component exists it is opened (following a link at the end), else
 * it is created under the parent's lock when O_CREAT asks for it. What a file's type adds (a device's
 * driver, a pipe's two ends) happens in its ->open.
 *
 * Locks: parent i_rwsem for creation; the file's i_rwsem for truncation. Mirrors Linux fs/open.c, namei.c.
 * Exercised by tests/user/files.c, vfs.c.
 */
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/namei.h"
#include "kernel/syscall.h"
#include "mm/cache/readahead.h"

static int open_flags_to_acc(int flags)
{
	static const int acc[4] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
				    MAY_READ | MAY_WRITE };

	return acc[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

/* May current open what path names with these flags? */
static int may_open(const struct path *path, int flags)
{
	struct inode *inode = d_inode(path->dentry);
	int acc = open_flags_to_acc(flags);
	int err;

	if (flags & O_PATH)
		return 0;
	if (S_ISLNK(inode->i_mode))
		return -ELOOP;
	if (S_ISDIR(inode->i_mode) && (acc & MAY_WRITE))
		return -EISDIR;
	if ((S_ISREG(inode->i_mode) || S_ISDIR(inode->i_mode)) && (acc & MAY_WRITE) &&
	    mnt_is_readonly(path->mnt))
		return -EROFS;
	err = inode_permission(inode, acc);
	if (err)
		return err;
	if ((flags & O_NOATIME) && !inode_owner_or_capable(inode))
		return -EPERM;
	return 0;
}

/* Fills file from path and calls the type's open. The file takes its own references. */
int vfs_open_file(struct file *file, const struct path *path, int flags)
{
	struct inode *inode = d_inode(path->dentry);
	int err;

	file->f_path = *path;
	path_get(path);
	file->f_inode = inode;
	file->f_mapping = inode->i_mapping;
	file->f_wb_err = errseq_sample(&inode->i_mapping->wb_err);
	file->f_sb_err = errseq_sample(&path->mnt->mnt_sb->s_wb_err);
	if (flags & O_PATH) {
		static const struct file_operations none;

		file->f_mode = FMODE_PATH;
		file->f_op = &none;
		file->f_flags = flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		return 0;
	}
	if ((file->f_mode & FMODE_WRITE) && S_ISREG(inode->i_mode)) {
		err = get_write_access(inode);
		if (err)
			return err;
		file->f_mode |= FMODE_WRITER;
		/* A remount that makes it read-only may have come in between; it sees the count, or is seen here. */
		if (unlikely(mnt_is_readonly(path->mnt)))
			return -EROFS;
	}
	file->f_op = inode->i_fop;
	if (!file->f_op)
		return S_ISSOCK(inode->i_mode) || S_ISBLK(inode->i_mode) ? -ENXIO : -ENODEV;
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	file->f_version = 1;
	if (file->f_op->open) {
		err = file->f_op->open(inode, file);
		if (err) {
			/* What did not open must not be released. */
			file->f_version = 0;
			return err;
		}
	}
	if ((file->f_flags & O_DIRECT) && !(file->f_op->fop_flags & FOP_DIRECT))
		return -EINVAL;
	file_ra_state_init(&file->f_ra, file->f_mapping);
	/* Terminals, tracefs and block devices look at one of them each; fcntl(F_GETFL) shows none. */
	file->f_flags &= ~(O_EXCL | O_NOCTTY | O_TRUNC);
	return 0;
}

int file_open_on(struct file *file, const struct path *path)
{
	return vfs_open_file(file, path, file->f_flags);
}

static struct file *open_path(const struct path *path, int flags)
{
	struct file *file = alloc_empty_file(flags);
	int err;

	if (IS_ERR(file))
		return file;
	err = vfs_open_file(file, path, flags);
	if (err) {
		fput(file);
		return ERR_PTR(err);
	}
	return file;
}

struct file *file_open_path(const struct path *path, int flags)
{
	int err = may_open(path, flags);

	return err ? ERR_PTR(err) : open_path(path, flags);
}

int do_truncate(struct dentry *dentry, loff_t length)
{
	struct iattr attr = { .ia_valid = ATTR_SIZE, .ia_size = length };
	struct inode *inode = d_inode(dentry);
	int err;

	if (length < 0)
		return -EINVAL;
	down_write(&inode->i_rwsem);
	err = notify_change(dentry, &attr);
	up_write(&inode->i_rwsem);
	return err;
}

/* O_TRUNC: also with O_RDONLY, so the right to write is taken for its own sake. */
static int open_truncate(const struct path *path)
{
	struct inode *inode = d_inode(path->dentry);
	int err = get_write_access(inode);

	if (err)
		return err;
	err = do_truncate(path->dentry, 0);
	put_write_access(inode);
	return err;
}

static struct file *open_existing(const struct path *path, int flags, bool created)
{
	struct inode *inode = d_inode(path->dentry);
	struct file *file;
	int err = 0;

	if ((flags & O_DIRECTORY) && !S_ISDIR(inode->i_mode))
		return ERR_PTR(-ENOTDIR);
	if ((flags & O_CREAT) && S_ISDIR(inode->i_mode))
		return ERR_PTR(-EISDIR);
	if (!created)
		err = may_open(path, flags);
	if (err)
		return ERR_PTR(err);
	file = open_path(path, flags);
	if (!IS_ERR(file) && (flags & O_TRUNC) && !created && S_ISREG(inode->i_mode)) {
		err = open_truncate(path);
		if (err) {
			fput(file);
			return ERR_PTR(err);
		}
	}
	return file;
}

/* The last component under the parent's lock: found or created. 0 and *dentry, or errno. */
static int lookup_or_create(struct nameidata *nd, int flags, umode_t mode, struct dentry **dentryp,
			    bool *created)
{
	struct dentry *dir = nd->path.dentry, *dentry;
	struct inode *inode = d_inode(dir);
	int err = 0;

	down_write(&inode->i_rwsem);
	dentry = __lookup_hash(&nd->last, dir, LOOKUP_CREATE);
	if (IS_ERR(dentry)) {
		err = PTR_ERR(dentry);
	} else if (d_inode(dentry)) {
		err = flags & O_EXCL ? -EEXIST : 0;
	} else if (mnt_is_readonly(nd->path.mnt)) {
		err = -EROFS;
	} else {
		err = vfs_create(inode, dentry, mode & ~current->fs->umask, flags & O_EXCL);
		*created = !err;
	}
	up_write(&inode->i_rwsem);
	if (err && !IS_ERR(dentry))
		dput(dentry);
	*dentryp = dentry;
	return err;
}

/* O_CREAT: nd stands at the parent of the last component. */
static struct file *open_last(struct nameidata *nd, int flags, umode_t mode)
{
	struct dentry *dentry;
	bool created = false;
	struct path path;
	struct file *file;
	int err;

	for (;;) {
		/* A magic link led straight to an object. */
		if (nd->last_type == LAST_BIND && !nd->trailing_slash)
			return open_existing(&nd->path, flags, false);
		if (nd->last_type != LAST_NORM)
			return ERR_PTR(flags & O_EXCL ? -EEXIST : -EISDIR);
		if (nd->trailing_slash)
			return ERR_PTR(-EISDIR);
		err = lookup_or_create(nd, flags, mode, &dentry, &created);
		if (err)
			return ERR_PTR(err);
		if (!S_ISLNK(d_inode(dentry)->i_mode))
			break;
		if (flags & O_NOFOLLOW) {
			dput(dentry);
			return ERR_PTR(-ELOOP);
		}
		err = path_follow_last(nd, dentry);
		if (err)
			return ERR_PTR(err);
	}
	path.mnt = mntget(nd->path.mnt);
	path.dentry = dentry;
	follow_mount(&path);
	file = open_existing(&path, flags, created);
	path_put(&path);
	return file;
}

static struct file *open_tmpfile(const struct path *dir, int flags, umode_t mode)
{
	struct inode *inode = d_inode(dir->dentry);
	struct file *file;
	int err;

	if (!inode->i_op->tmpfile)
		return ERR_PTR(-EOPNOTSUPP);
	err = inode_permission(inode, MAY_WRITE | MAY_EXEC);
	if (err)
		return ERR_PTR(err);
	file = alloc_empty_file(flags);
	if (IS_ERR(file))
		return file;
	file->f_path.mnt = mntget(dir->mnt);
	err = inode->i_op->tmpfile(inode, file, (mode & 07777 & ~current->fs->umask) | S_IFREG);
	if (err) {
		fput(file);
		return ERR_PTR(err);
	}
	if (flags & O_EXCL)
		clear_inode_state(file->f_inode, I_LINKABLE);
	return file;
}

struct file *do_filp_open(int dfd, const char *name, int flags, umode_t mode)
{
	struct nameidata nd;
	struct file *file;
	unsigned int how = 0;
	int err;

	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if ((flags & O_TMPFILE) == O_TMPFILE)
		how = LOOKUP_FOLLOW | LOOKUP_DIRECTORY;
	else if (flags & O_CREAT)
		how = LOOKUP_PARENT;
	else
		how = (flags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
		      (flags & O_DIRECTORY ? LOOKUP_DIRECTORY : 0);
	err = path_walk(&nd, dfd, name, how);
	if (err)
		file = ERR_PTR(err);
	else if ((flags & O_TMPFILE) == O_TMPFILE)
		file = flags & O_ACCMODE ? open_tmpfile(&nd.path, flags, mode) : ERR_PTR(-EINVAL);
	else if (flags & O_CREAT)
		file = open_last(&nd, flags, mode);
	else
		file = open_existing(&nd.path, flags, false);
	terminate_walk(&nd);
	return file;
}

struct file *filp_open(const char *name, int flags, umode_t mode)
{
	return do_filp_open(AT_FDCWD, name, flags, mode);
}

long do_sys_open(int dfd, const char __user *name, int flags, umode_t mode)
{
	struct filename *f;
	struct file *file;
	int fd;

	if ((flags & (O_TMPFILE & ~O_DIRECTORY)) && !(flags & O_DIRECTORY))
		return -EINVAL;
	if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return -EINVAL;
	f = getname(name);
	if (IS_ERR(f))
		return PTR_ERR(f);
	fd = get_unused_fd_flags(flags);
	if (fd >= 0) {
		file = do_filp_open(dfd, f->name, flags & ~O_CLOEXEC, mode & 07777);
		if (IS_ERR(file)) {
			put_unused_fd(fd);
			fd = PTR_ERR(file);
		} else {
			fd_install(fd, file);
		}
	}
	putname(f);
	return fd;
}

static long sys_openat(int dfd, const char __user *name, int flags, umode_t mode)
{
	return do_sys_open(dfd, name, flags | O_LARGEFILE, mode);
}
SYSCALL(257, openat);

static long sys_open(const char __user *name, int flags, umode_t mode)
{
	return do_sys_open(AT_FDCWD, name, flags | O_LARGEFILE, mode);
}
SYSCALL(2, open);

static long sys_creat(const char __user *name, umode_t mode)
{
	return do_sys_open(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC | O_LARGEFILE, mode);
}
SYSCALL(85, creat);

struct file *do_open_execat(int fd, const char *name, int at_flags)
{
	unsigned int how = at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct inode *inode;
	struct file *file;
	struct path path;
	int err;

	if (at_flags & AT_EMPTY_PATH)
		how |= LOOKUP_EMPTY;
	err = filename_lookup(fd, name, how, &path);
	if (err)
		return ERR_PTR(err);
	inode = d_inode(path.dentry);
	if (S_ISLNK(inode->i_mode))
		err = -ELOOP;
	else if (!S_ISREG(inode->i_mode) || path_noexec(&path))
		err = -EACCES;
	else
		err = inode_permission(inode, MAY_EXEC);
	file = err ? ERR_PTR(err) : open_path(&path, O_RDONLY | O_LARGEFILE);
	path_put(&path);
	if (IS_ERR(file))
		return file;
	err = deny_write_access(file);
	if (err) {
		fput(file);
		return ERR_PTR(err);
	}
	/* Denied for as long as this open file lives: the running program holds it. */
	file->f_mode |= FMODE_EXEC;
	return file;
}

struct file *open_exec(const char *name)
{
	return do_open_execat(AT_FDCWD, name, 0);
}
