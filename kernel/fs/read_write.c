/*
 * read, write and their relatives: the checks that are the same for every file, then the file's own call.
 *
 * A call that uses the file position holds f_pos_lock when the file is shared, so that two readers never
 * get the same bytes. Vectored calls go element by element and stop at the first short one, except where a file
 * has a writev of its own, which keeps the elements together.
 *
 * Locks: f_pos_lock outside everything the file takes. Mirrors Linux fs/read_write.c.
 * Exercised by tests/user/{files,pipes,badptr,vfs}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/fs/fs.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "mm/cache/pagemap.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"

#define MAX_RW_COUNT (0x7fffffffUL & PAGE_MASK)
#define UIO_MAXIOV   1024
#define SEEK_SET     0
#define SEEK_CUR     1
#define SEEK_END     2
#define SEEK_DATA    3
#define SEEK_HOLE    4

/* The checks on a user's range; *count is cut to what one call may move. */
static __always_inline int check_range(const void __user *buf, size_t *count)
{
	if (unlikely((ssize_t)*count < 0))
		return -EINVAL;
	if (unlikely(!access_ok(buf, *count)))
		return -EFAULT;
	if (*count > MAX_RW_COUNT)
		*count = MAX_RW_COUNT;
	return 0;
}

ssize_t vfs_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	int err;

	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	if (unlikely(!file->f_op->read))
		return S_ISDIR(file_inode(file)->i_mode) ? -EISDIR : -EINVAL;
	err = check_range(buf, &count);
	return unlikely(err) ? err : file->f_op->read(file, buf, count, pos);
}

ssize_t vfs_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	int err;

	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (unlikely(!file->f_op->write))
		return -EINVAL;
	err = check_range(buf, &count);
	return unlikely(err) ? err : file->f_op->write(file, buf, count, pos);
}

ssize_t kernel_read(struct file *file, void *buf, size_t count, loff_t *pos)
{
	ssize_t ret;

	if (file->f_op->read_kernel)
		ret = file->f_op->read_kernel(file, buf, count, *pos);
	else if (file->f_mapping->a_ops)
		ret = filemap_read_kernel(file, buf, count, *pos);
	else
		return -EINVAL;
	if (ret > 0)
		*pos += ret;
	return ret;
}

ssize_t kernel_write(struct file *file, const void *buf, size_t count, loff_t *pos)
{
	struct inode *inode = file_inode(file);
	ssize_t ret;

	if (!file->f_mapping->a_ops)
		return -EINVAL;
	ret = filemap_write_kernel(file, buf, count, pos);
	if (ret > 0)
		inode->i_mtime = inode->i_ctime = current_time(inode);
	return ret;
}

/* A descriptor whose position is ours until fdput_pos(). */
struct fd_pos {
	struct fd fd;
	bool locked;
};

/* The position belongs to the file: alone on it, no lock is needed. */
static __always_inline struct fd_pos fdget_pos(unsigned int fd)
{
	struct fd_pos f = { .fd = fdget(fd) };
	struct file *file = f.fd.file;

	if (likely(file) && (file->f_mode & FMODE_LSEEK) &&
	    (f.fd.ref || atomic_long_read(&file->f_count) != 1)) {
		down_write(&file->f_pos_lock);
		f.locked = true;
	}
	return f;
}

static __always_inline void fdput_pos(struct fd_pos f)
{
	if (f.locked)
		up_write(&f.fd.file->f_pos_lock);
	fdput(f.fd);
}

/* A descriptor for a call that brings its own position; -EINVAL, -EBADF or -ESPIPE. */
static int fdget_at(unsigned int fd, bool write, loff_t pos, struct fd *f)
{
	if (pos < 0)
		return -EINVAL;
	*f = fdget(fd);
	if (!f->file)
		return -EBADF;
	if (f->file->f_mode & (write ? FMODE_PWRITE : FMODE_PREAD))
		return 0;
	fdput(*f);
	return -ESPIPE;
}

static long sys_read(unsigned int fd, char __user *buf, size_t count)
{
	struct fd_pos f = fdget_pos(fd);
	ssize_t ret;

	if (unlikely(!f.fd.file))
		return -EBADF;
	ret = vfs_read(f.fd.file, buf, count, &f.fd.file->f_pos);
	fdput_pos(f);
	return ret;
}
SYSCALL(0, read);

static long sys_write(unsigned int fd, const char __user *buf, size_t count)
{
	struct fd_pos f = fdget_pos(fd);
	ssize_t ret;

	if (unlikely(!f.fd.file))
		return -EBADF;
	ret = vfs_write(f.fd.file, buf, count, &f.fd.file->f_pos);
	fdput_pos(f);
	return ret;
}
SYSCALL(1, write);

static long sys_pread64(unsigned int fd, char __user *buf, size_t count, loff_t pos)
{
	struct fd f;
	ssize_t ret = fdget_at(fd, false, pos, &f);

	if (ret)
		return ret;
	ret = vfs_read(f.file, buf, count, &pos);
	fdput(f);
	return ret;
}
SYSCALL(17, pread64);

static long sys_pwrite64(unsigned int fd, const char __user *buf, size_t count, loff_t pos)
{
	struct fd f;
	ssize_t ret = fdget_at(fd, true, pos, &f);

	if (ret)
		return ret;
	ret = vfs_write(f.file, buf, count, &pos);
	fdput(f);
	return ret;
}
SYSCALL(18, pwrite64);

/* --- vectors --- */

ssize_t import_iovec(const struct iovec __user *uvec, unsigned long nr, struct iovec *fast,
		     struct iovec **out)
{
	struct iovec *iov = fast;
	ssize_t total = 0;
	unsigned long i;

	*out = NULL;
	if (nr > UIO_MAXIOV)
		return -EINVAL;
	if (nr > 8) {
		iov = kmalloc_array(nr, sizeof(*iov), GFP_KERNEL);
		if (!iov)
			return -ENOMEM;
	}
	*out = iov;
	if (copy_from_user(iov, uvec, nr * sizeof(*iov)))
		return -EFAULT;
	for (i = 0; i < nr; i++) {
		if ((ssize_t)iov[i].iov_len < 0)
			return -EINVAL;
		if (!access_ok(iov[i].iov_base, iov[i].iov_len))
			return -EFAULT;
		if (iov[i].iov_len > MAX_RW_COUNT - total)
			iov[i].iov_len = MAX_RW_COUNT - total;
		total += iov[i].iov_len;
	}
	return total;
}

/* Element by element; stops at the first short one. */
static ssize_t rw_each(struct file *file, bool write, const struct iovec *iov, unsigned long nr,
		       loff_t *pos)
{
	ssize_t ret = 0, done = 0;
	unsigned long i;

	for (i = 0; i < nr; i++) {
		if (write)
			ret = vfs_write(file, iov[i].iov_base, iov[i].iov_len, pos);
		else
			ret = vfs_read(file, iov[i].iov_base, iov[i].iov_len, pos);
		if (ret < 0)
			break;
		done += ret;
		if ((size_t)ret < iov[i].iov_len)
			break;
	}
	return done ? done : ret;
}

static ssize_t do_rw_vec(struct file *file, bool write, const struct iovec __user *uvec,
			 unsigned long nr, loff_t *pos)
{
	struct iovec fast[8], *iov;
	ssize_t ret;

	if (!(file->f_mode & (write ? FMODE_WRITE : FMODE_READ)))
		return -EBADF;
	ret = import_iovec(uvec, nr, fast, &iov);
	if (ret > 0) {
		if (write && nr > 1 && file->f_op->writev)
			ret = file->f_op->writev(file, iov, nr, pos);
		else
			ret = rw_each(file, write, iov, nr, pos);
	}
	if (iov != fast)
		kfree(iov);
	return ret;
}

static long do_readv_writev(unsigned int fd, bool write, const struct iovec __user *vec,
			    unsigned long nr)
{
	struct fd_pos f = fdget_pos(fd);
	ssize_t ret;

	if (!f.fd.file)
		return -EBADF;
	ret = do_rw_vec(f.fd.file, write, vec, nr, &f.fd.file->f_pos);
	fdput_pos(f);
	return ret;
}

static long sys_readv(unsigned int fd, const struct iovec __user *vec, unsigned long nr)
{
	return do_readv_writev(fd, false, vec, nr);
}
SYSCALL(19, readv);

static long sys_writev(unsigned int fd, const struct iovec __user *vec, unsigned long nr)
{
	return do_readv_writev(fd, true, vec, nr);
}
SYSCALL(20, writev);

static long do_prw_vec(unsigned int fd, bool write, const struct iovec __user *vec,
		       unsigned long nr, loff_t pos)
{
	struct fd f;
	ssize_t ret = fdget_at(fd, write, pos, &f);

	if (ret)
		return ret;
	ret = do_rw_vec(f.file, write, vec, nr, &pos);
	fdput(f);
	return ret;
}

static long sys_preadv(unsigned int fd, const struct iovec __user *vec, unsigned long nr,
		       loff_t pos)
{
	return do_prw_vec(fd, false, vec, nr, pos);
}
SYSCALL(295, preadv);

static long sys_pwritev(unsigned int fd, const struct iovec __user *vec, unsigned long nr,
			loff_t pos)
{
	return do_prw_vec(fd, true, vec, nr, pos);
}
SYSCALL(296, pwritev);

static long sys_preadv2(unsigned int fd, const struct iovec __user *vec, unsigned long nr,
			loff_t pos, unsigned long pos_h, int flags)
{
	if (flags)
		return -EOPNOTSUPP;
	return pos == -1 ? do_readv_writev(fd, false, vec, nr)
			 : do_prw_vec(fd, false, vec, nr, pos);
}
SYSCALL(327, preadv2);

static long sys_pwritev2(unsigned int fd, const struct iovec __user *vec, unsigned long nr,
			 loff_t pos, unsigned long pos_h, int flags)
{
	if (flags)
		return -EOPNOTSUPP;
	return pos == -1 ? do_readv_writev(fd, true, vec, nr) : do_prw_vec(fd, true, vec, nr, pos);
}
SYSCALL(328, pwritev2);

/* --- position --- */

loff_t generic_file_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file->f_mapping->host;

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		offset += file->f_pos;
		break;
	case SEEK_END:
		offset += READ_ONCE(inode->i_size);
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (offset < 0 || offset >= READ_ONCE(inode->i_size))
			return -ENXIO;
		if (whence == SEEK_HOLE)
			offset = inode->i_size;
		break;
	default:
		return -EINVAL;
	}
	if (offset < 0)
		return -EINVAL;
	file->f_pos = offset;
	return offset;
}

loff_t no_llseek(struct file *file, loff_t offset, int whence)
{
	return -ESPIPE;
}

loff_t noop_llseek(struct file *file, loff_t offset, int whence)
{
	return file->f_pos;
}

int generic_file_open(struct inode *inode, struct file *file)
{
	return 0;
}

int nonseekable_open(struct inode *inode, struct file *file)
{
	file->f_mode &= ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
	return 0;
}

int stream_open(struct inode *inode, struct file *file)
{
	return nonseekable_open(inode, file);
}

static long sys_lseek(unsigned int fd, loff_t offset, unsigned int whence)
{
	struct fd_pos f = fdget_pos(fd);
	struct file *file = f.fd.file;
	loff_t ret = -ESPIPE;

	if (!file)
		return -EBADF;
	if (file->f_mode & (FMODE_LSEEK | FMODE_NOPOS))
		ret = whence > SEEK_HOLE   ? -EINVAL
		      : file->f_op->llseek ? file->f_op->llseek(file, offset, whence)
					   : generic_file_llseek(file, offset, whence);
	fdput_pos(f);
	return ret;
}
SYSCALL(8, lseek);

/* --- sendfile: through one kernel page --- */

/* Writes kernel bytes to any file: the page cache directly, others through their own kernel write. */
static ssize_t write_any(struct file *out, const void *buf, size_t n, loff_t *pos)
{
	if (out->f_mapping->a_ops)
		return kernel_write(out, buf, n, pos);
	return out->f_op->write_kernel ? out->f_op->write_kernel(out, buf, n) : -EINVAL;
}

static ssize_t do_sendfile(struct file *out, struct file *in, loff_t *ppos, size_t count)
{
	void *page = (void *)__get_free_page(GFP_KERNEL);
	ssize_t done = 0, got, put = 0;

	if (!page)
		return -ENOMEM;
	while (count) {
		loff_t pos = *ppos;

		got = kernel_read(in, page, min(count, PAGE_SIZE), &pos);
		if (got <= 0) {
			done = done ? done : got;
			break;
		}
		put = write_any(out, page, got, &out->f_pos);
		if (put <= 0) {
			done = done ? done : put;
			break;
		}
		*ppos += put;
		done += put;
		count -= put;
		if (put < got || fatal_signal_pending(current))
			break;
		cond_resched();
	}
	free_page((unsigned long)page);
	return done;
}

static long sys_sendfile(int out_fd, int in_fd, loff_t __user *offset, size_t count)
{
	struct fd in = fdget(in_fd), out = fdget(out_fd);
	loff_t pos = 0;
	ssize_t ret = -EBADF;

	if (!in.file || !out.file || !(in.file->f_mode & FMODE_READ) ||
	    !(out.file->f_mode & FMODE_WRITE))
		goto out;
	ret = -EFAULT;
	if (offset && get_user(pos, offset))
		goto out;
	ret = -EINVAL;
	if (pos < 0 || (ssize_t)count < 0 || (out.file->f_flags & O_APPEND) ||
	    (!in.file->f_mapping->a_ops && !in.file->f_op->read_kernel))
		goto out;
	ret = do_sendfile(out.file, in.file, offset ? &pos : &in.file->f_pos,
			  min(count, MAX_RW_COUNT));
	if (ret > 0 && offset && put_user(pos, offset))
		ret = -EFAULT;
out:
	fdput(out);
	fdput(in);
	return ret;
}
SYSCALL(40, sendfile);
