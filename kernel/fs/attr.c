/*
 * The calls that change or ask for a file's size, rights, owner or times, by name or by descriptor.
 *
 * Each finds the file, checks what the mount and the caller's rights allow, and hands one struct iattr to
 * notify_change(), where the common rules are (inode.c).
 *
 * Locks: the file's i_rwsem around notify_change(). Mirrors Linux fs/open.c, fs/utimes.c.
 * Exercised by tests/user/{attrs,files,vfs}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/rlimit.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/cache/pagemap.h"

/* --- size --- */

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

/* Modes exclude each other; which of them a file knows is for the file to say. */
static int check_falloc_mode(int mode)
{
	switch (mode & ~FALLOC_FL_KEEP_SIZE) {
	case 0:
	case FALLOC_FL_ZERO_RANGE:
	case FALLOC_FL_UNSHARE_RANGE:
		return 0;
	case FALLOC_FL_PUNCH_HOLE:
		return mode & FALLOC_FL_KEEP_SIZE ? 0 : -EOPNOTSUPP;
	case FALLOC_FL_COLLAPSE_RANGE:
	case FALLOC_FL_INSERT_RANGE:
		return mode & FALLOC_FL_KEEP_SIZE ? -EOPNOTSUPP : 0;
	default:
		return -EOPNOTSUPP;
	}
}

static long vfs_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	umode_t type = file_inode(file)->i_mode;
	int err;

	if (offset < 0 || len <= 0)
		return -EINVAL;
	err = check_falloc_mode(mode);
	if (err)
		return err;
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (S_ISFIFO(type))
		return -ESPIPE;
	if (S_ISDIR(type))
		return -EISDIR;
	if (!S_ISREG(type) && !S_ISBLK(type))
		return -ENODEV;
	if (offset + len < 0)
		return -EFBIG;
	return file->f_op->fallocate ? file->f_op->fallocate(file, mode, offset, len) : -EOPNOTSUPP;
}

static long sys_fallocate(unsigned int fd, int mode, loff_t offset, loff_t len)
{
	struct fd f = fdget(fd);
	long err = f.file ? vfs_fallocate(f.file, mode, offset, len) : -EBADF;

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

	/* Nothing to set: the file is not even looked for. */
	if (times && times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
		return 0;
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!name && dfd != AT_FDCWD) {
		struct fd f;

		if (flags)
			return -EINVAL;
		f = fdget(dfd);
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
