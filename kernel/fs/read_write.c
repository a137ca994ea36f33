/*
 * read, write and their relatives: the checks that are the same for every file, then the file's own call.
 *
 * A call that uses the file position holds f_pos_lock when the file is shared, so that two readers never
 * get the same bytes. Files with data of their own have read_iter and write_iter, which take any memory in one piece. With the
 * others, vectored calls go element by element and stop at the first short one, except where a file has a writev of its own.
 *
 * Locks: f_pos_lock outside everything the file takes. Mirrors Linux fs/read_write.c.
 * Exercised by tests/user/{files,pipes,badptr,vfs}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/fs/fs.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "mm/cache/uio.h"
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

static __always_inline int file_iocb_flags(const struct file *file)
{
	unsigned int f = file->f_flags;
	int flags = 0;

	if (likely(!(f & (O_APPEND | O_DIRECT | O_DSYNC))))
		return 0;
	if (f & O_APPEND)
		flags |= IOCB_APPEND;
	if (f & O_DIRECT)
		flags |= IOCB_DIRECT;
	if (f & O_DSYNC)
		flags |= IOCB_DSYNC;
	if ((f & O_SYNC) == O_SYNC)
		flags |= IOCB_SYNC;
	return flags;
}

/* One call of read_iter or write_iter; *pos moves with it. */
static __always_inline ssize_t call_iter(struct file *file, struct iov_iter *iter, loff_t *pos,
					 int flags)
{
	struct kiocb iocb = { .ki_filp = file,
			      .ki_pos = *pos,
			      .ki_flags = file_iocb_flags(file) | flags };
	ssize_t ret;

	if (unlikely(flags & IOCB_NOAPPEND))
		iocb.ki_flags &= ~IOCB_APPEND;
	if (iter->data_source == ITER_SOURCE)
		ret = file->f_op->write_iter(&iocb, iter);
	else
		ret = file->f_op->read_iter(&iocb, iter);
	*pos = iocb.ki_pos;
	return ret;
}

/* What /proc/PID/io counts. */
static __always_inline ssize_t count_read(ssize_t ret)
{
	struct task_struct *me = current;

	me->ioac.syscr++;
	if (likely(ret > 0))
		me->ioac.rchar += ret;
	return ret;
}

static __always_inline ssize_t count_write(ssize_t ret)
{
	struct task_struct *me = current;

	me->ioac.syscw++;
	if (likely(ret > 0))
		me->ioac.wchar += ret;
	return ret;
}

ssize_t vfs_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	const struct file_operations *op = file->f_op;
	struct iov_iter iter;
	int err;

	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	if (unlikely(!op->read && !op->read_iter))
		return S_ISDIR(file_inode(file)->i_mode) ? -EISDIR : -EINVAL;
	err = check_range(buf, &count);
	if (unlikely(err))
		return err;
	if (op->read)
		return count_read(op->read(file, buf, count, pos));
	iov_iter_ubuf(&iter, ITER_DEST, buf, count);
	return count_read(call_iter(file, &iter, pos, 0));
}

ssize_t vfs_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	const struct file_operations *op = file->f_op;
	struct iov_iter iter;
	int err;

	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (unlikely(!op->write && !op->write_iter))
		return -EINVAL;
	err = check_range(buf, &count);
	if (unlikely(err))
		return err;
	if (op->write)
		return count_write(op->write(file, buf, count, pos));
	iov_iter_ubuf(&iter, ITER_SOURCE, (void __user *)buf, count);
	return count_write(call_iter(file, &iter, pos, 0));
}

ssize_t kernel_read(struct file *file, void *buf, size_t count, loff_t *pos)
{
	struct kvec vec = { .iov_base = buf, .iov_len = count };
	struct iov_iter iter;
	ssize_t ret;

	if (file->f_op->read_iter) {
		iov_iter_kvec(&iter, ITER_DEST, &vec, 1, count);
		return call_iter(file, &iter, pos, 0);
	}
	if (!file->f_op->read_kernel)
		return -EINVAL;
	ret = file->f_op->read_kernel(file, buf, count, *pos);
	if (ret > 0)
		*pos += ret;
	return ret;
}

ssize_t kernel_write(struct file *file, const void *buf, size_t count, loff_t *pos)
{
	struct kvec vec = { .iov_base = (void *)buf, .iov_len = count };
	struct iov_iter iter;

	if (file->f_op->write_iter) {
		iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, count);
		return call_iter(file, &iter, pos, 0);
	}
	return file->f_op->write_kernel ? file->f_op->write_kernel(file, buf, count) : -EINVAL;
}

ssize_t vfs_iter_read(struct file *file, struct iov_iter *iter, loff_t *pos, int flags)
{
	if (!file->f_op->read_iter)
		return -EINVAL;
	return iov_iter_count(iter) ? call_iter(file, iter, pos, flags) : 0;
}

ssize_t vfs_iter_write(struct file *file, struct iov_iter *iter, loff_t *pos, int flags)
{
	if (!file->f_op->write_iter)
		return -EINVAL;
	return iov_iter_count(iter) ? call_iter(file, iter, pos, flags) : 0;
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

/* What a program may ask for one call alone: the RWF_ flags of preadv2(2). */
#define RWF_HIPRI    0x01
#define RWF_DSYNC    0x02
#define RWF_SYNC     0x04
#define RWF_NOWAIT   0x08
#define RWF_APPEND   0x10
#define RWF_NOAPPEND 0x20

/*
 * To IOCB_ flags, or -EOPNOTSUPP, -EINVAL. HIPRI is a wish about how to wait for a device, and granted by ignoring it; NOAPPEND is
 * turned round by call_iter().
 */
static int rwf_to_iocb(const struct file *file, int rwf)
{
	int flags = 0;

	if (likely(!(rwf & ~RWF_HIPRI)))
		return 0;
	if (rwf & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND | RWF_NOAPPEND) ||
	    !(file->f_op->read_iter || file->f_op->write_iter))
		return -EOPNOTSUPP;
	if ((rwf & RWF_APPEND) && (rwf & RWF_NOAPPEND))
		return -EINVAL;
	if (rwf & RWF_NOWAIT) {
		if (!(file->f_op->fop_flags & FOP_NOWAIT))
			return -EOPNOTSUPP;
		flags |= IOCB_NOWAIT;
	}
	if (rwf & RWF_DSYNC)
		flags |= IOCB_DSYNC;
	if (rwf & RWF_SYNC)
		flags |= IOCB_DSYNC | IOCB_SYNC;
	if (rwf & RWF_APPEND)
		flags |= IOCB_APPEND;
	if (rwf & RWF_NOAPPEND)
		flags |= IOCB_NOAPPEND;
	return flags;
}

static ssize_t rw_vec(struct file *file, bool write, const struct iovec *iov, unsigned long nr,
		      size_t total, loff_t *pos, int flags)
{
	struct iov_iter iter;

	if (write ? file->f_op->write_iter : file->f_op->read_iter) {
		ssize_t ret;

		iov_iter_init(&iter, write ? ITER_SOURCE : ITER_DEST, iov, nr, total);
		ret = call_iter(file, &iter, pos, flags);
		return write ? count_write(ret) : count_read(ret);
	}
	if (write && nr > 1 && file->f_op->writev)
		return count_write(file->f_op->writev(file, iov, nr, pos));
	return rw_each(file, write, iov, nr, pos);
}

static ssize_t do_rw_vec(struct file *file, bool write, const struct iovec __user *uvec,
			 unsigned long nr, loff_t *pos, int rwf)
{
	struct iovec fast[8], *iov;
	ssize_t ret;
	int flags;

	if (!(file->f_mode & (write ? FMODE_WRITE : FMODE_READ)))
		return -EBADF;
	ret = import_iovec(uvec, nr, fast, &iov);
	flags = rwf_to_iocb(file, rwf);
	if (ret > 0)
		ret = flags < 0 ? flags : rw_vec(file, write, iov, nr, ret, pos, flags);
	if (iov != fast)
		kfree(iov);
	return ret;
}

static long do_readv_writev(unsigned int fd, bool write, const struct iovec __user *vec,
			    unsigned long nr, int rwf)
{
	struct fd_pos f = fdget_pos(fd);
	ssize_t ret;

	if (!f.fd.file)
		return -EBADF;
	ret = do_rw_vec(f.fd.file, write, vec, nr, &f.fd.file->f_pos, rwf);
	fdput_pos(f);
	return ret;
}

static long sys_readv(unsigned int fd, const struct iovec __user *vec, unsigned long nr)
{
	return do_readv_writev(fd, false, vec, nr, 0);
}
SYSCALL(19, readv);

static long sys_writev(unsigned int fd, const struct iovec __user *vec, unsigned long nr)
{
	return do_readv_writev(fd, true, vec, nr, 0);
}
SYSCALL(20, writev);

static long do_prw_vec(unsigned int fd, bool write, const struct iovec __user *vec,
		       unsigned long nr, loff_t pos, int rwf)
{
	struct fd f;
	ssize_t ret = fdget_at(fd, write, pos, &f);

	if (ret)
		return ret;
	ret = do_rw_vec(f.file, write, vec, nr, &pos, rwf);
	fdput(f);
	return ret;
}

static long sys_preadv(unsigned int fd, const struct iovec __user *vec, unsigned long nr,
		       loff_t pos)
{
	return do_prw_vec(fd, false, vec, nr, pos, 0);
}
SYSCALL(295, preadv);

static long sys_pwritev(unsigned int fd, const struct iovec __user *vec, unsigned long nr,
			loff_t pos)
{
	return do_prw_vec(fd, true, vec, nr, pos, 0);
}
SYSCALL(296, pwritev);

static long sys_preadv2(unsigned int fd, const struct iovec __user *vec, unsigned long nr,
			loff_t pos, unsigned long pos_h, int rwf)
{
	return pos == -1 ? do_readv_writev(fd, false, vec, nr, rwf)
			 : do_prw_vec(fd, false, vec, nr, pos, rwf);
}
SYSCALL(327, preadv2);

static long sys_pwritev2(unsigned int fd, const struct iovec __user *vec, unsigned long nr,
			 loff_t pos, unsigned long pos_h, int rwf)
{
	return pos == -1 ? do_readv_writev(fd, true, vec, nr, rwf)
			 : do_prw_vec(fd, true, vec, nr, pos, rwf);
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
