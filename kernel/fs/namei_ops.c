/*
 * Calls that change directories: mknod, mkdir, rmdir, unlink, symlink, link, rename.
 *
 * Each walks to the parent, locks it (both parents of a rename, ancestor first, under one global mutex
 * that makes "is one below the other" a stable question), looks the name up under the lock, checks the
 * rules that every file system shares, and calls the file system.
 *
 * Locks: rename mutex, parent i_rwsem for writing, victim i_rwsem. Mirrors Linux fs/namei.c.
 * Exercised by tests/user/{names,vfs}.c.
 */
#include "kernel/bug.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/namei.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE	 2

static DEFINE_MUTEX(rename_mutex);

static int may_create(struct inode *dir, struct dentry *child)
{
	if (d_inode(child))
		return -EEXIST;
	if (!dir->i_nlink)
		return -ENOENT;
	return inode_permission(dir, MAY_WRITE | MAY_EXEC);
}

static int check_sticky(struct inode *dir, struct inode *inode)
{
	if (!(dir->i_mode & S_ISVTX) || current_fsuid() == inode->i_uid ||
	    current_fsuid() == dir->i_uid || capable(CAP_FOWNER))
		return 0;
	return -EPERM;
}

static int may_delete(struct inode *dir, struct dentry *victim, bool isdir)
{
	struct inode *inode = d_inode(victim);
	int err;

	if (!inode)
		return -ENOENT;
	err = inode_permission(dir, MAY_WRITE | MAY_EXEC);
	if (!err)
		err = check_sticky(dir, inode);
	if (err)
		return err;
	if (isdir && !S_ISDIR(inode->i_mode))
		return -ENOTDIR;
	if (!isdir && S_ISDIR(inode->i_mode))
		return -EISDIR;
	if (victim->d_flags & DCACHE_MOUNTED)
		return -EBUSY;
	return 0;
}

int vfs_create(struct inode *dir, struct dentry *dentry, umode_t mode, bool excl)
{
	int err = may_create(dir, dentry);

	if (err)
		return err;
	if (!dir->i_op->create)
		return -EACCES;
	return dir->i_op->create(dir, dentry, (mode & 07777) | S_IFREG, excl);
}

int vfs_mkdir(struct inode *dir, struct dentry *dentry, umode_t mode)
{
	int err = may_create(dir, dentry);

	if (err)
		return err;
	if (!dir->i_op->mkdir)
		return -EPERM;
	return dir->i_op->mkdir(dir, dentry, mode & 01777);
}

int vfs_mknod(struct inode *dir, struct dentry *dentry, umode_t mode, dev_t dev)
{
	int err = may_create(dir, dentry);

	if (err)
		return err;
	if ((S_ISCHR(mode) || S_ISBLK(mode)) && !capable(CAP_MKNOD))
		return -EPERM;
	if (!dir->i_op->mknod)
		return -EPERM;
	return dir->i_op->mknod(dir, dentry, mode, dev);
}

int vfs_symlink(struct inode *dir, struct dentry *dentry, const char *target)
{
	int err = may_create(dir, dentry);

	if (err)
		return err;
	if (!dir->i_op->symlink)
		return -EPERM;
	return dir->i_op->symlink(dir, dentry, target);
}

int vfs_link(struct dentry *old, struct inode *dir, struct dentry *new)
{
	struct inode *inode = d_inode(old);
	int err;

	if (!inode)
		return -ENOENT;
	err = may_create(dir, new);
	if (err)
		return err;
	if (dir->i_sb != inode->i_sb)
		return -EXDEV;
	if (S_ISDIR(inode->i_mode) || !dir->i_op->link)
		return -EPERM;
	down_write_nested(&inode->i_rwsem, 2);
	/* Without a name it can get one only if it was made for that (O_TMPFILE). */
	if (!inode->i_nlink && !(inode->i_state & I_LINKABLE))
		err = -ENOENT;
	else
		err = dir->i_op->link(old, dir, new);
	if (!err)
		clear_inode_state(inode, I_LINKABLE);
	up_write(&inode->i_rwsem);
	return err;
}

/* remove: what the file system has for this kind; NULL: it cannot. */
static int remove_child(struct inode *dir, struct dentry *dentry, bool isdir,
			int (*remove)(struct inode *dir, struct dentry *dentry))
{
	struct inode *inode;
	int err = may_delete(dir, dentry, isdir);

	if (err)
		return err;
	if (!remove)
		return -EPERM;
	inode = d_inode(dentry);
	down_write_nested(&inode->i_rwsem, 2);
	/* A mount may have come over it before the lock. */
	err = dentry->d_flags & DCACHE_MOUNTED ? -EBUSY : remove(dir, dentry);
	up_write(&inode->i_rwsem);
	if (!err && isdir)
		shrink_dcache_parent(dentry);
	if (!err)
		d_delete(dentry);
	return err;
}

int vfs_unlink(struct inode *dir, struct dentry *dentry)
{
	return remove_child(dir, dentry, false, dir->i_op->unlink);
}

int vfs_rmdir(struct inode *dir, struct dentry *dentry)
{
	return remove_child(dir, dentry, true, dir->i_op->rmdir);
}

/*
 * Walks to the parent of name, locks it, and returns the child dentry (maybe negative). On success the
 * walk state holds the parent: end_parent() undoes it all.
 */
static struct dentry *start_parent(struct nameidata *nd, int dfd, const char *name)
{
	struct dentry *dentry;
	int err = path_walk(nd, dfd, name, LOOKUP_PARENT);

	if (err) {
		terminate_walk(nd);
		return ERR_PTR(err);
	}
	if (nd->last_type != LAST_NORM)
		return NULL;
	down_write(&d_inode(nd->path.dentry)->i_rwsem);
	dentry = __lookup_hash(&nd->last, nd->path.dentry, 0);
	if (IS_ERR(dentry)) {
		up_write(&d_inode(nd->path.dentry)->i_rwsem);
		terminate_walk(nd);
	}
	return dentry;
}

static void end_parent(struct nameidata *nd, struct dentry *dentry)
{
	dput(dentry);
	up_write(&d_inode(nd->path.dentry)->i_rwsem);
	terminate_walk(nd);
}

/* The same for a name that must not exist yet. */
static struct dentry *start_create(struct nameidata *nd, int dfd, const char *name, bool isdir)
{
	struct dentry *dentry = start_parent(nd, dfd, name);
	int err = 0;

	if (!dentry) {
		terminate_walk(nd);
		return ERR_PTR(-EEXIST);
	}
	if (IS_ERR(dentry))
		return dentry;
	if (d_inode(dentry))
		err = -EEXIST;
	else if (nd->trailing_slash && !isdir)
		err = -ENOENT;
	else if (mnt_is_readonly(nd->path.mnt))
		err = -EROFS;
	if (!err)
		return dentry;
	end_parent(nd, dentry);
	return ERR_PTR(err);
}

struct dentry *kern_path_create(int dfd, const char *name, struct path *parent, unsigned int flags)
{
	struct nameidata *nd = kmalloc(sizeof(*nd), GFP_KERNEL);
	struct dentry *dentry;

	if (!nd)
		return ERR_PTR(-ENOMEM);
	dentry = start_create(nd, dfd, name, flags & LOOKUP_DIRECTORY);
	if (!IS_ERR(dentry)) {
		*parent = nd->path;
		path_get(parent);
		terminate_walk(nd);
	}
	kfree(nd);
	return dentry;
}

void done_path_create(struct path *parent, struct dentry *dentry)
{
	dput(dentry);
	up_write(&d_inode(parent->dentry)->i_rwsem);
	path_put(parent);
}

static umode_t current_umask(void)
{
	return current->fs->umask;
}

static long do_mkdirat(int dfd, const char __user *name, umode_t mode)
{
	struct filename *f = getname(name);
	struct nameidata nd;
	struct dentry *dentry;
	long err;

	if (IS_ERR(f))
		return PTR_ERR(f);
	dentry = start_create(&nd, dfd, f->name, true);
	err = PTR_ERR_OR_ZERO(dentry);
	if (!err) {
		err = vfs_mkdir(d_inode(nd.path.dentry), dentry, mode & ~current_umask());
		end_parent(&nd, dentry);
	}
	putname(f);
	return err;
}

static long sys_mkdirat(int dfd, const char __user *name, umode_t mode)
{
	return do_mkdirat(dfd, name, mode);
}
SYSCALL(258, mkdirat);

static long sys_mkdir(const char __user *name, umode_t mode)
{
	return do_mkdirat(AT_FDCWD, name, mode);
}
SYSCALL(83, mkdir);

/* dev as user space packs it: 12 bits of major in the middle (makedev(3)). */
static dev_t new_decode_dev(unsigned int dev)
{
	return MKDEV((dev & 0xfff00) >> 8, (dev & 0xff) | ((dev >> 12) & 0xfff00));
}

static long do_mknodat(int dfd, const char __user *name, umode_t mode, unsigned int dev)
{
	struct filename *f;
	struct nameidata nd;
	struct dentry *dentry;
	struct inode *dir;
	long err;

	switch (mode & S_IFMT) {
	case 0:
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	f = getname(name);
	if (IS_ERR(f))
		return PTR_ERR(f);
	dentry = start_create(&nd, dfd, f->name, false);
	err = PTR_ERR_OR_ZERO(dentry);
	if (!err) {
		dir = d_inode(nd.path.dentry);
		mode &= ~current_umask();
		if (!(mode & S_IFMT) || S_ISREG(mode))
			err = vfs_create(dir, dentry, mode, true);
		else
			err = vfs_mknod(dir, dentry, mode, new_decode_dev(dev));
		end_parent(&nd, dentry);
	}
	putname(f);
	return err;
}

static long sys_mknodat(int dfd, const char __user *name, umode_t mode, unsigned int dev)
{
	return do_mknodat(dfd, name, mode, dev);
}
SYSCALL(259, mknodat);

static long sys_mknod(const char __user *name, umode_t mode, unsigned int dev)
{
	return do_mknodat(AT_FDCWD, name, mode, dev);
}
SYSCALL(133, mknod);

static long do_rmdir_walked(struct nameidata *nd, struct dentry *dentry)
{
	static const int type_errno[] = {
		[LAST_ROOT] = -EBUSY, [LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY
	};
	long err;

	if (!dentry) {
		err = type_errno[nd->last_type];
		terminate_walk(nd);
		return err;
	}
	err = mnt_is_readonly(nd->path.mnt) ? -EROFS : vfs_rmdir(d_inode(nd->path.dentry), dentry);
	end_parent(nd, dentry);
	return err;
}

static long do_unlink_walked(struct nameidata *nd, struct dentry *dentry)
{
	struct inode *dir = d_inode(nd->path.dentry), *inode;
	long err;

	if (!dentry) {
		terminate_walk(nd);
		return -EISDIR;
	}
	inode = d_inode(dentry);
	if (inode)
		ihold(inode);
	if (nd->trailing_slash)
		err = !inode ? -ENOENT : S_ISDIR(inode->i_mode) ? -EISDIR : -ENOTDIR;
	else
		err = mnt_is_readonly(nd->path.mnt) ? -EROFS : vfs_unlink(dir, dentry);
	dput(dentry);
	up_write(&dir->i_rwsem);
	/*
	 * The data go after the directory is unlocked (freeing a large file takes long), but before the walk lets
	 * go of the mount.
	 */
	iput(inode);
	terminate_walk(nd);
	return err;
}

static long do_unlinkat(int dfd, const char __user *name, int flag)
{
	struct filename *f = getname(name);
	struct nameidata nd;
	struct dentry *dentry;
	long err;

	if (IS_ERR(f))
		return PTR_ERR(f);
	dentry = start_parent(&nd, dfd, f->name);
	if (IS_ERR(dentry))
		err = PTR_ERR(dentry);
	else if (flag & AT_REMOVEDIR)
		err = do_rmdir_walked(&nd, dentry);
	else
		err = do_unlink_walked(&nd, dentry);
	putname(f);
	return err;
}

static long sys_unlinkat(int dfd, const char __user *name, int flag)
{
	return flag & ~AT_REMOVEDIR ? -EINVAL : do_unlinkat(dfd, name, flag);
}
SYSCALL(263, unlinkat);

static long sys_unlink(const char __user *name)
{
	return do_unlinkat(AT_FDCWD, name, 0);
}
SYSCALL(87, unlink);

static long sys_rmdir(const char __user *name)
{
	return do_unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}
SYSCALL(84, rmdir);

static long do_symlinkat(const char __user *target, int dfd, const char __user *name)
{
	struct filename *from = getname(target), *to = getname(name);
	struct nameidata nd;
	struct dentry *dentry;
	long err = IS_ERR(from) ? PTR_ERR(from) : IS_ERR(to) ? PTR_ERR(to) : 0;

	if (!err) {
		dentry = start_create(&nd, dfd, to->name, false);
		err = PTR_ERR_OR_ZERO(dentry);
		if (!err) {
			err = vfs_symlink(d_inode(nd.path.dentry), dentry, from->name);
			end_parent(&nd, dentry);
		}
	}
	putname(from);
	putname(to);
	return err;
}

static long sys_symlinkat(const char __user *target, int dfd, const char __user *name)
{
	return do_symlinkat(target, dfd, name);
}
SYSCALL(266, symlinkat);

static long sys_symlink(const char __user *target, const char __user *name)
{
	return do_symlinkat(target, AT_FDCWD, name);
}
SYSCALL(88, symlink);

static long do_linkat(int olddfd, const char __user *old, int newdfd, const char __user *new,
		      int flags)
{
	unsigned int how = flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;
	struct filename *to;
	struct nameidata nd;
	struct dentry *dentry;
	struct path path;
	long err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		how |= LOOKUP_EMPTY;
	err = user_path_at(olddfd, old, how, &path);
	if (err)
		return err;
	to = getname(new);
	err = PTR_ERR_OR_ZERO(to);
	if (err)
		goto out;
	dentry = start_create(&nd, newdfd, to->name, false);
	err = PTR_ERR_OR_ZERO(dentry);
	if (!err) {
		err = path.mnt != nd.path.mnt
			      ? -EXDEV
			      : vfs_link(path.dentry, d_inode(nd.path.dentry), dentry);
		end_parent(&nd, dentry);
	}
	putname(to);
out:
	path_put(&path);
	return err;
}

static long sys_linkat(int olddfd, const char __user *old, int newdfd, const char __user *new,
		       int flags)
{
	return do_linkat(olddfd, old, newdfd, new, flags);
}
SYSCALL(265, linkat);

static long sys_link(const char __user *old, const char __user *new)
{
	return do_linkat(AT_FDCWD, old, AT_FDCWD, new, 0);
}
SYSCALL(86, link);

/* Locks both directories, the ancestor first. */
static void lock_rename(struct dentry *a, struct dentry *b)
{
	if (a == b) {
		down_write(&d_inode(a)->i_rwsem);
		return;
	}
	mutex_lock(&rename_mutex);
	if (is_subdir(a, b))
		swap(a, b);
	down_write(&d_inode(a)->i_rwsem);
	down_write_nested(&d_inode(b)->i_rwsem, 1);
}

static void unlock_rename(struct dentry *a, struct dentry *b)
{
	up_write(&d_inode(a)->i_rwsem);
	if (a != b) {
		up_write(&d_inode(b)->i_rwsem);
		mutex_unlock(&rename_mutex);
	}
}

static int rename_allowed(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
			  struct dentry *new, unsigned int flags)
{
	bool isdir = S_ISDIR(d_inode(old)->i_mode);
	int err = may_delete(old_dir, old, isdir);

	if (err)
		return err;
	if (!d_inode(new))
		err = flags & RENAME_EXCHANGE ? -ENOENT : may_create(new_dir, new);
	else if (flags & RENAME_EXCHANGE)
		err = may_delete(new_dir, new, S_ISDIR(d_inode(new)->i_mode));
	else
		err = may_delete(new_dir, new, isdir);
	if (!err && isdir && old_dir != new_dir)
		err = inode_permission(d_inode(old), MAY_WRITE);
	return err;
}

static int vfs_rename(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
		      struct dentry *new, unsigned int flags)
{
	struct inode *target = d_inode(new);
	int err;

	if (d_inode(old) == target)
		return 0;
	err = rename_allowed(old_dir, old, new_dir, new, flags);
	if (err)
		return err;
	if (!old_dir->i_op->rename)
		return -EPERM;
	/* What is replaced is locked, so that nothing is made in a directory that is going. */
	if (target)
		down_write_nested(&target->i_rwsem, 2);
	if ((old->d_flags | new->d_flags) & DCACHE_MOUNTED)
		err = -EBUSY;
	else
		err = old_dir->i_op->rename(old_dir, old, new_dir, new, flags);
	if (target)
		up_write(&target->i_rwsem);
	if (err)
		return err;
	if (flags & RENAME_EXCHANGE) {
		d_exchange(old, new);
		return 0;
	}
	if (target && S_ISDIR(target->i_mode))
		shrink_dcache_parent(new);
	d_move(old, new);
	return 0;
}

/* Both parents are locked; looks both names up and renames. */
static long rename_locked(struct nameidata *from, struct nameidata *to, unsigned int flags)
{
	struct dentry *old, *new;
	long err;

	old = __lookup_hash(&from->last, from->path.dentry, 0);
	if (IS_ERR(old))
		return PTR_ERR(old);
	if (!d_inode(old)) {
		dput(old);
		return -ENOENT;
	}
	new = __lookup_hash(&to->last, to->path.dentry, LOOKUP_RENAME_TARGET);
	if (IS_ERR(new)) {
		dput(old);
		return PTR_ERR(new);
	}
	err = -EEXIST;
	if ((flags & RENAME_NOREPLACE) && d_inode(new))
		goto out;
	err = -ENOENT;
	if ((flags & RENAME_EXCHANGE) && !d_inode(new))
		goto out;
	err = -ENOTDIR;
	if ((flags & RENAME_EXCHANGE) && !S_ISDIR(d_inode(new)->i_mode) && to->trailing_slash)
		goto out;
	if (!S_ISDIR(d_inode(old)->i_mode) &&
	    (from->trailing_slash || (to->trailing_slash && !(flags & RENAME_EXCHANGE))))
		goto out;
	err = -EINVAL;
	if (is_subdir(to->path.dentry, old))
		goto out;
	err = flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	if (is_subdir(from->path.dentry, new))
		goto out;
	err = vfs_rename(d_inode(from->path.dentry), old, d_inode(to->path.dentry), new, flags);
out:
	dput(new);
	dput(old);
	return err;
}

static long rename_walked(struct nameidata *from, struct nameidata *to, unsigned int flags)
{
	long err;

	if (from->path.mnt != to->path.mnt)
		return -EXDEV;
	if (from->last_type != LAST_NORM)
		return -EBUSY;
	if (to->last_type != LAST_NORM)
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (mnt_is_readonly(from->path.mnt))
		return -EROFS;
	lock_rename(from->path.dentry, to->path.dentry);
	err = rename_locked(from, to, flags);
	unlock_rename(from->path.dentry, to->path.dentry);
	return err;
}

static long do_renameat2(int olddfd, const char __user *old, int newdfd, const char __user *new,
			 unsigned int flags)
{
	struct nameidata *nd;
	struct filename *f, *t;
	long err;

	if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	nd = kmalloc_array(2, sizeof(*nd), GFP_KERNEL);
	if (!nd)
		return -ENOMEM;
	f = getname(old);
	t = getname(new);
	err = PTR_ERR_OR_ZERO(f);
	if (err)
		goto out;
	/* What is wrong with the new name counts only when the old one's parents are there. */
	err = path_walk(&nd[0], olddfd, f->name, LOOKUP_PARENT);
	if (!err)
		err = PTR_ERR_OR_ZERO(t);
	if (!err) {
		err = path_walk(&nd[1], newdfd, t->name, LOOKUP_PARENT);
		if (!err)
			err = rename_walked(&nd[0], &nd[1], flags);
		terminate_walk(&nd[1]);
	}
	terminate_walk(&nd[0]);
out:
	putname(f);
	putname(t);
	kfree(nd);
	return err;
}

static long sys_renameat2(int olddfd, const char __user *old, int newdfd, const char __user *new,
			  unsigned int flags)
{
	return do_renameat2(olddfd, old, newdfd, new, flags);
}
SYSCALL(316, renameat2);

static long sys_renameat(int olddfd, const char __user *old, int newdfd, const char __user *new)
{
	return do_renameat2(olddfd, old, newdfd, new, 0);
}
SYSCALL(264, renameat);

static long sys_rename(const char __user *old, const char __user *new)
{
	return do_renameat2(AT_FDCWD, old, AT_FDCWD, new, 0);
}
SYSCALL(82, rename);
