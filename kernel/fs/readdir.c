/*
 * getdents64: directory entries, packed into the user's buffer.
 *
 * Locks: f_pos_lock (position and cursor of the open directory), then the directory's i_rwsem for reading.
 * Mirrors Linux fs/readdir.c.
 * Exercised by tests/user/{names,vfs}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/fs.h"
#include "kernel/syscall.h"
#include "lib/string.h"

struct linux_dirent64 {
	u64 d_ino;
	s64 d_off;
	u16 d_reclen;
	u8 d_type;
	char d_name[];
};

struct getdents {
	struct dir_context ctx;
	char __user *buf, *prev;
	int left, error;
};

static bool fill_dirent(struct dir_context *ctx, const char *name, int len, loff_t pos, u64 ino,
			unsigned int type)
{
	struct getdents *g = container_of(ctx, struct getdents, ctx);
	char record[offsetof(struct linux_dirent64, d_name) + NAME_MAX + 9] __aligned(8);
	struct linux_dirent64 *d = (void *)record;
	int reclen = ALIGN(offsetof(struct linux_dirent64, d_name) + len + 1, 8);

	g->error = -EINVAL;
	if (reclen > g->left)
		return false;
	memset(record, 0, reclen);
	d->d_ino = ino;
	d->d_off = pos + 1;
	d->d_reclen = reclen;
	d->d_type = type;
	memcpy(d->d_name, name, len);
	g->error = -EFAULT;
	if (copy_to_user(g->buf, record, reclen))
		return false;
	/* The offset of an entry is where the next one begins. */
	if (g->prev &&
	    put_user((s64)pos, (s64 __user *)(g->prev + offsetof(struct linux_dirent64, d_off))))
		return false;
	g->prev = g->buf;
	g->buf += reclen;
	g->left -= reclen;
	g->error = 0;
	return true;
}

static long sys_getdents64(unsigned int fd, void __user *buf, unsigned int count)
{
	struct getdents g = { .ctx = { .actor = fill_dirent }, .buf = buf, .left = count };
	struct file *file = fget(fd);
	struct inode *inode;
	long err;

	if (!file)
		return -EBADF;
	inode = file_inode(file);
	err = -ENOTDIR;
	if (!file->f_op->iterate_shared)
		goto out;
	down_write(&file->f_pos_lock);
	down_read(&inode->i_rwsem);
	err = -ENOENT;
	if (inode->i_nlink) {
		g.ctx.pos = file->f_pos;
		err = file->f_op->iterate_shared(file, &g.ctx);
		file->f_pos = g.ctx.pos;
	}
	up_read(&inode->i_rwsem);
	up_write(&file->f_pos_lock);
	if (!err && g.prev &&
	    put_user((s64)g.ctx.pos,
		     (s64 __user *)(g.prev + offsetof(struct linux_dirent64, d_off))))
		err = -EFAULT;
	if (!err)
		err = g.prev ? (long)(count - g.left) : g.error;
out:
	fput(file);
	return err;
}
SYSCALL(217, getdents64);
