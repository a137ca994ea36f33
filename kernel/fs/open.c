/*
 * open, and the calls that change a file's size, rights, owner or times by name or descriptor.
 *
 * open walks to the parent; if the last component exists it is opened (following a link at the end), else
 * it is created under the parent's lock when O_CREAT asks for it. What a file's type adds (a device's
 * driver, a pipe's two ends) happens in its ->open.
 *
 * Locks: parent i_rwsem for creation; the file's i_rwsem for truncation. Mirrors Linux fs/open.c, namei.c.
 * Exercised by tests/user/files.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/namei.h"
#include "kernel/rlimit.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/cache/pagemap.h"
#include "mm/slab/slab.h"

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
	/* Terminals looked at it; fcntl(F_GETFL) does not show it. */
	file->f_flags &= ~O_NOCTTY;
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
		if (nd->last_type != LAST_NORM || nd->trailing_slash)
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
		file->f_inode->i_state &= ~I_LINKABLE;
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
	else if (!S_ISREG(inode->i_mode) || (path.mnt->mnt_flags & MS_NOEXEC))
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

/* --- size --- */

#define FALLOC_FL_KEEP_SIZE  0x01
#define FALLOC_FL_PUNCH_HOLE 0x02

static void send_sigxfsz(void)
{
	send_sig(SIGXFSZ, current, 0);
}

void fsize_limit_init(void)
{
	fsize_limit_hook = send_sigxfsz;
}

/* New length for inode, to which current may write. */
static int truncate_inode(struct dentry *dentry, loff_t length)
{
	if (length > d_inode(dentry)->i_size && (unsigned long)length > rlimit(RLIMIT_FSIZE))
		return fsize_exceeded();
	return do_truncate(dentry, length);
}

static long sys_truncate(const char __user *name, loff_t length)
{
	struct inode *inode;
	struct path path;
	int err;

	if (length < 0)
		return -EINVAL;
	err = user_path_at(AT_FDCWD, name, LOOKUP_FOLLOW, &path);
	if (err)
		return err;
	inode = d_inode(path.dentry);
	if (S_ISDIR(inode->i_mode))
		err = -EISDIR;
	else if (!S_ISREG(inode->i_mode))
		err = -EINVAL;
	else if (mnt_is_readonly(path.mnt))
		err = -EROFS;
	else
		err = inode_permission(inode, MAY_WRITE);
	if (!err)
		err = get_write_access(inode);
	if (!err) {
		err = truncate_inode(path.dentry, length);
		put_write_access(inode);
	}
	path_put(&path);
	return err;
}
SYSCALL(76, truncate);

static long sys_ftruncate(unsigned int fd, loff_t length)
{
	struct fd f;
	long err;

	if (length < 0)
		return -EINVAL;
	f = fdget(fd);
	if (!f.file)
		return -EBADF;
	if (!S_ISREG(file_inode(f.file)->i_mode) || !(f.file->f_mode & FMODE_WRITE))
		err = -EINVAL;
	else
		err = truncate_inode(f.file->f_path.dentry, length);
	fdput(f);
	return err;
}
SYSCALL(77, ftruncate);

static long sys_fallocate(unsigned int fd, int mode, loff_t offset, loff_t len)
{
	struct fd f;
	long err;

	if (offset < 0 || len <= 0)
		return -EINVAL;
	if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) == FALLOC_FL_PUNCH_HOLE)
		return -EOPNOTSUPP;
	f = fdget(fd);
	if (!f.file)
		return -EBADF;
	if (!(f.file->f_mode & FMODE_WRITE))
		err = -EBADF;
	else if (S_ISFIFO(file_inode(f.file)->i_mode))
		err = -ESPIPE;
	else if (S_ISDIR(file_inode(f.file)->i_mode))
		err = -EISDIR;
	else if (!S_ISREG(file_inode(f.file)->i_mode))
		err = -ENODEV;
	else if (offset + len < 0)
		err = -EFBIG;
	else
		err = f.file->f_op->fallocate ? f.file->f_op->fallocate(f.file, mode, offset, len)
					      : -EOPNOTSUPP;
	fdput(f);
	return err;
}
SYSCALL(285, fallocate);

/* --- rights, owner, times --- */

static int path_setattr(const struct path *path, struct iattr *attr)
{
	struct inode *inode = d_inode(path->dentry);
	int err;

	if (mnt_is_readonly(path->mnt))
		return -EROFS;
	down_write(&inode->i_rwsem);
	err = notify_change(path->dentry, attr);
	up_write(&inode->i_rwsem);
	return err;
}

static long fd_setattr(unsigned int fd, struct iattr *attr)
{
	struct fd f = fdget(fd);
	long err;

	if (!f.file)
		return -EBADF;
	err = path_setattr(&f.file->f_path, attr);
	fdput(f);
	return err;
}

static long do_fchmodat(int dfd, const char __user *name, umode_t mode, unsigned int flags)
{
	struct iattr attr = { .ia_valid = ATTR_MODE | ATTR_CTIME, .ia_mode = mode & 07777 };
	struct path path;
	int err = user_path_at(dfd, name, flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &path);

	if (err)
		return err;
	err = S_ISLNK(d_inode(path.dentry)->i_mode) ? -EOPNOTSUPP : path_setattr(&path, &attr);
	path_put(&path);
	return err;
}

static long sys_chmod(const char __user *name, umode_t mode)
{
	return do_fchmodat(AT_FDCWD, name, mode, 0);
}
SYSCALL(90, chmod);

static long sys_fchmodat(int dfd, const char __user *name, umode_t mode)
{
	return do_fchmodat(dfd, name, mode, 0);
}
SYSCALL(268, fchmodat);

static long sys_fchmodat2(int dfd, const char __user *name, umode_t mode, unsigned int flags)
{
	return flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ? -EINVAL
							      : do_fchmodat(dfd, name, mode, flags);
}
SYSCALL(452, fchmodat2);

static long sys_fchmod(unsigned int fd, umode_t mode)
{
	struct iattr attr = { .ia_valid = ATTR_MODE | ATTR_CTIME, .ia_mode = mode & 07777 };

	return fd_setattr(fd, &attr);
}
SYSCALL(91, fchmod);

static void chown_attr(struct iattr *attr, u32 uid, u32 gid)
{
	memset(attr, 0, sizeof(*attr));
	attr->ia_valid = ATTR_CTIME;
	if (uid != (u32)-1) {
		attr->ia_valid |= ATTR_UID;
		attr->ia_uid = uid;
	}
	if (gid != (u32)-1) {
		attr->ia_valid |= ATTR_GID;
		attr->ia_gid = gid;
	}
}

static long do_fchownat(int dfd, const char __user *name, u32 uid, u32 gid, int flags)
{
	unsigned int how = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct iattr attr;
	struct path path;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		how |= LOOKUP_EMPTY;
	err = user_path_at(dfd, name, how, &path);
	if (err)
		return err;
	chown_attr(&attr, uid, gid);
	err = path_setattr(&path, &attr);
	path_put(&path);
	return err;
}

static long sys_fchownat(int dfd, const char __user *name, u32 uid, u32 gid, int flags)
{
	return do_fchownat(dfd, name, uid, gid, flags);
}
SYSCALL(260, fchownat);

static long sys_chown(const char __user *name, u32 uid, u32 gid)
{
	return do_fchownat(AT_FDCWD, name, uid, gid, 0);
}
SYSCALL(92, chown);

static long sys_lchown(const char __user *name, u32 uid, u32 gid)
{
	return do_fchownat(AT_FDCWD, name, uid, gid, AT_SYMLINK_NOFOLLOW);
}
SYSCALL(94, lchown);

static long sys_fchown(unsigned int fd, u32 uid, u32 gid)
{
	struct iattr attr;

	chown_attr(&attr, uid, gid);
	return fd_setattr(fd, &attr);
}
SYSCALL(93, fchown);

#define UTIME_NOW  0x3fffffff
#define UTIME_OMIT 0x3ffffffe

/* One of the two times of utimensat: what it sets; false when the value is bad. */
static bool utimes_one(const struct timespec64 *t, unsigned int bit, struct timespec64 *out,
		       struct iattr *attr, struct inode *inode)
{
	if (t && t->tv_nsec == UTIME_OMIT)
		return true;
	if (t && t->tv_nsec != UTIME_NOW && (t->tv_nsec < 0 || t->tv_nsec >= NSEC_PER_SEC))
		return false;
	attr->ia_valid |= bit;
	*out = t && t->tv_nsec != UTIME_NOW ? *t : current_time(inode);
	return true;
}

static int utimes_path(const struct path *path, const struct timespec64 *times)
{
	struct inode *inode = d_inode(path->dentry);
	struct iattr attr = { .ia_valid = ATTR_CTIME };
	bool now = !times || (times[0].tv_nsec == UTIME_NOW && times[1].tv_nsec == UTIME_NOW);

	if (times && times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
		return 0;
	if (!utimes_one(times, ATTR_ATIME, &attr.ia_atime, &attr, inode) ||
	    !utimes_one(times ? times + 1 : NULL, ATTR_MTIME, &attr.ia_mtime, &attr, inode))
		return -EINVAL;
	if (!inode_owner_or_capable(inode)) {
		if (!now)
			return -EPERM;
		if (inode_permission(inode, MAY_WRITE))
			return -EACCES;
	}
	return path_setattr(path, &attr);
}

static long do_utimes(int dfd, const char __user *name, const struct timespec64 *times, int flags)
{
	unsigned int how = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct path path;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!name && dfd != AT_FDCWD) {
		struct fd f = fdget(dfd);

		if (!f.file)
			return -EBADF;
		err = utimes_path(&f.file->f_path, times);
		fdput(f);
		return err;
	}
	if (flags & AT_EMPTY_PATH)
		how |= LOOKUP_EMPTY;
	err = user_path_at(dfd, name, how, &path);
	if (err)
		return err;
	err = utimes_path(&path, times);
	path_put(&path);
	return err;
}

static long sys_utimensat(int dfd, const char __user *name, const struct timespec64 __user *utimes,
			  int flags)
{
	struct timespec64 times[2];

	if (utimes && copy_from_user(times, utimes, sizeof(times)))
		return -EFAULT;
	return do_utimes(dfd, name, utimes ? times : NULL, flags);
}
SYSCALL(280, utimensat);

static long sys_utimes(const char __user *name, const struct timeval __user *utv)
{
	struct timespec64 times[2];
	struct timeval tv[2];
	int i;

	if (utv && copy_from_user(tv, utv, sizeof(tv)))
		return -EFAULT;
	for (i = 0; utv && i < 2; i++) {
		if (tv[i].tv_usec < 0 || tv[i].tv_usec >= USEC_PER_SEC)
			return -EINVAL;
		times[i].tv_sec = tv[i].tv_sec;
		times[i].tv_nsec = tv[i].tv_usec * 1000;
	}
	return do_utimes(AT_FDCWD, name, utv ? times : NULL, 0);
}
SYSCALL(235, utimes);

/* --- access --- */

static long do_faccessat(int dfd, const char __user *name, int mode, int flags)
{
	unsigned int how = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	const struct cred *mine = current->cred;
	struct cred *real = NULL;
	struct path path;
	long err;

	if ((mode & ~7) || (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		how |= LOOKUP_EMPTY;
	/* access(2) asks for the real user: a copy of the credentials, as others may look at them meanwhile. */
	if (!(flags & AT_EACCESS) && (mine->fsuid != mine->uid || mine->fsgid != mine->gid)) {
		real = prepare_creds();
		if (!real)
			return -ENOMEM;
		real->fsuid = real->uid;
		real->fsgid = real->gid;
		WRITE_ONCE(current->cred, real);
	}

	err = user_path_at(dfd, name, how, &path);
	if (!err) {
		struct inode *inode = d_inode(path.dentry);

		if ((mode & MAY_WRITE) && mnt_is_readonly(path.mnt) && !S_ISCHR(inode->i_mode))
			err = -EROFS;
		else
			err = mode ? inode_permission(inode, mode | MAY_ACCESS) : 0;
		path_put(&path);
	}
	if (real) {
		WRITE_ONCE(current->cred, mine);
		put_cred(real);
	}
	return err;
}

static long sys_access(const char __user *name, int mode)
{
	return do_faccessat(AT_FDCWD, name, mode, 0);
}
SYSCALL(21, access);

static long sys_faccessat(int dfd, const char __user *name, int mode)
{
	return do_faccessat(dfd, name, mode, 0);
}
SYSCALL(269, faccessat);

static long sys_faccessat2(int dfd, const char __user *name, int mode, int flags)
{
	return do_faccessat(dfd, name, mode, flags);
}
SYSCALL(439, faccessat2);
