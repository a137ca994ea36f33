/*
 * copy_file_range: from one regular file to another of the same file system, by way of the page cache.
 *
 * The range ends at the end of the source. Nothing is shared between the files: their pages are copied once, in the kernel.
 *
 * Locks: those of reading and writing. Mirrors Linux vfs_copy_file_range() of fs/read_write.c.
 * Exercised by tests/user/splices.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/fs/splice.h"
#include "kernel/rlimit.h"
#include "kernel/syscall.h"
#include "mm/cache/pagemap.h"

#define MAX_RW_COUNT (0x7fffffffUL & PAGE_MASK)

static int may_copy(const struct file *in, const struct file *out, unsigned int flags)
{
	const struct inode *from = file_inode(in), *to = file_inode(out);

	if (flags)
		return -EINVAL;
	if (S_ISDIR(from->i_mode) || S_ISDIR(to->i_mode))
		return -EISDIR;
	if (!S_ISREG(from->i_mode) || !S_ISREG(to->i_mode))
		return -EINVAL;
	if (!(in->f_mode & FMODE_READ) || !(out->f_mode & FMODE_WRITE) || (out->f_flags & O_APPEND))
		return -EBADF;
	return from->i_sb == to->i_sb ? 0 : -EXDEV;
}

/* Cuts the length to what there is and may be: 0 or -errno. */
static int check_ranges(const struct file *in, loff_t pos_in, const struct file *out,
			loff_t pos_out, size_t *len)
{
	const struct inode *from = file_inode(in);
	loff_t size = READ_ONCE(from->i_size);
	u64 limit = rlimit(RLIMIT_FSIZE);

	if ((u64)pos_in + *len < (u64)pos_in || (u64)pos_out + *len < (u64)pos_out)
		return -EOVERFLOW;
	if (pos_in < 0 || pos_out < 0)
		return -EINVAL;
	*len = pos_in >= size ? 0 : min((u64)*len, (u64)(size - pos_in));
	if (*len && (u64)pos_out >= limit)
		return fsize_exceeded();
	*len = min((u64)*len, limit - min((u64)pos_out, limit));
	if (from == file_inode(out) && pos_out < pos_in + (loff_t)*len &&
	    pos_in < pos_out + (loff_t)*len)
		return -EINVAL;
	return 0;
}

static ssize_t vfs_copy_file_range(struct file *in, loff_t *pos_in, struct file *out,
				   loff_t *pos_out, size_t len, unsigned int flags)
{
	int err = may_copy(in, out, flags);

	if (!err)
		err = check_ranges(in, *pos_in, out, *pos_out, &len);
	if (err || !len)
		return err;
	return do_splice_direct(in, pos_in, out, pos_out, min(len, MAX_RW_COUNT));
}

static ssize_t copy_at(struct file *in, loff_t __user *uin, struct file *out, loff_t __user *uout,
		       size_t len, unsigned int flags)
{
	loff_t pos_in = in->f_pos, pos_out = out->f_pos;
	ssize_t ret;

	if ((uin && get_user(pos_in, uin)) || (uout && get_user(pos_out, uout)))
		return -EFAULT;
	ret = vfs_copy_file_range(in, &pos_in, out, &pos_out, len, flags);
	if (ret <= 0)
		return ret;
	current->ioac.rchar += ret;
	current->ioac.wchar += ret;
	if (!uin)
		in->f_pos = pos_in;
	else if (put_user(pos_in, uin))
		ret = -EFAULT;
	if (!uout)
		out->f_pos = pos_out;
	else if (put_user(pos_out, uout))
		ret = -EFAULT;
	return ret;
}

static long sys_copy_file_range(int fd_in, loff_t __user *off_in, int fd_out,
				loff_t __user *off_out, size_t len, unsigned int flags)
{
	struct fd in = fdget(fd_in), out = fdget(fd_out);
	ssize_t ret = -EBADF;

	if (in.file && out.file)
		ret = copy_at(in.file, off_in, out.file, off_out, len, flags);
	fdput(out);
	fdput(in);
	return ret;
}
SYSCALL(326, copy_file_range);
