/*
 * Where a process stands: root and current directory, umask; chdir, chroot, getcwd.
 *
 * Locks: fs->lock for both paths. Mirrors Linux fs/fs_struct.c, fs/open.c.
 * Exercised by tests/user/{names,process}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/block/genhd.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

struct fs_struct init_fs = {
	.users = 1,
	.lock = __SPIN_LOCK_UNLOCKED(init_fs.lock),
	.umask = 0022,
};

void get_fs_root(struct fs_struct *fs, struct path *root)
{
	spin_lock(&fs->lock);
	*root = fs->root;
	path_get(root);
	spin_unlock(&fs->lock);
}

void get_fs_pwd(struct fs_struct *fs, struct path *pwd)
{
	spin_lock(&fs->lock);
	*pwd = fs->pwd;
	path_get(pwd);
	spin_unlock(&fs->lock);
}

void set_fs_path(struct fs_struct *fs, struct path *where, const struct path *path)
{
	struct path old;

	path_get(path);
	spin_lock(&fs->lock);
	old = *where;
	*where = *path;
	spin_unlock(&fs->lock);
	if (old.dentry)
		path_put(&old);
}

struct fs_struct *copy_fs_struct(struct fs_struct *old)
{
	struct fs_struct *fs = kmalloc(sizeof(*fs), GFP_KERNEL);

	if (!fs)
		return NULL;
	fs->users = 1;
	spin_lock_init(&fs->lock);
	fs->umask = old->umask;
	get_fs_root(old, &fs->root);
	get_fs_pwd(old, &fs->pwd);
	return fs;
}

void exit_fs(struct task_struct *tsk)
{
	struct fs_struct *fs = tsk->fs;
	int users;

	if (!fs)
		return;
	task_lock(tsk);
	tsk->fs = NULL;
	task_unlock(tsk);
	spin_lock(&fs->lock);
	users = --fs->users;
	spin_unlock(&fs->lock);
	if (users)
		return;
	path_put(&fs->root);
	path_put(&fs->pwd);
	kfree(fs);
}

static int may_chdir(const struct path *path)
{
	struct inode *inode = d_inode(path->dentry);

	return S_ISDIR(inode->i_mode) ? inode_permission(inode, MAY_EXEC) : -ENOTDIR;
}

static long sys_chdir(const char __user *name)
{
	struct path path;
	long err = user_path_at(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (err)
		return err;
	err = may_chdir(&path);
	if (!err)
		set_fs_path(current->fs, &current->fs->pwd, &path);
	path_put(&path);
	return err;
}
SYSCALL(80, chdir);

static long sys_fchdir(unsigned int fd)
{
	struct fd f = fdget_raw(fd);
	long err;

	if (!f.file)
		return -EBADF;
	err = may_chdir(&f.file->f_path);
	if (!err)
		set_fs_path(current->fs, &current->fs->pwd, &f.file->f_path);
	fdput(f);
	return err;
}
SYSCALL(81, fchdir);

static long sys_chroot(const char __user *name)
{
	struct path path;
	long err = user_path_at(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (err)
		return err;
	err = may_chdir(&path);
	if (!err && !capable(CAP_SYS_CHROOT))
		err = -EPERM;
	if (!err)
		set_fs_path(current->fs, &current->fs->root, &path);
	path_put(&path);
	return err;
}
SYSCALL(161, chroot);

static long sys_getcwd(char __user *buf, unsigned long size)
{
	char *page = kmalloc(PATH_MAX, GFP_KERNEL), *p;
	struct path pwd;
	long len;

	if (!page)
		return -ENOMEM;
	get_fs_pwd(current->fs, &pwd);
	p = d_path(&pwd, page, PATH_MAX);
	len = PTR_ERR_OR_ZERO(p);
	if (!len && !d_inode(pwd.dentry)->i_nlink)
		len = -ENOENT;
	path_put(&pwd);
	if (!len) {
		len = strlen(p) + 1;
		if ((unsigned long)len > size)
			len = -ERANGE;
		else if (copy_to_user(buf, p, len))
			len = -EFAULT;
	}
	kfree(page);
	return len;
}
SYSCALL(79, getcwd);

static long sys_umask(int mask)
{
	int old = current->fs->umask;

	current->fs->umask = mask & 0777;
	return old;
}
SYSCALL(95, umask);
