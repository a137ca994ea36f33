/*
 * System calls about what of a file is in the cache: fadvise64, readahead, sync_file_range, cachestat.
 *
 * The work is done in mm/cache; here arguments are checked, in Linux's order. Locks: none. Mirrors Linux mm/fadvise.c,
 * mm/readahead.c, fs/sync.c, mm/filemap.c. Exercised by tests/user/readaheads.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/fdtable.h"
#include "kernel/fs/fs.h"
#include "kernel/syscall.h"
#include "mm/cache/readahead.h"
#include "mm/cache/writeback.h"

#define SYNC_FILE_RANGE_WAIT_BEFORE    1u
#define SYNC_FILE_RANGE_WRITE	       2u
#define SYNC_FILE_RANGE_WAIT_AFTER     4u
#define SYNC_FILE_RANGE_WRITE_AND_WAIT 7u

static long sys_fadvise64(unsigned int fd, loff_t offset, loff_t len, int advice)
{
	struct fd f = fdget(fd);
	long err;

	if (!f.file)
		return -EBADF;
	err = S_ISFIFO(file_inode(f.file)->i_mode) ? -ESPIPE
						   : vfs_fadvise(f.file, offset, len, advice);
	fdput(f);
	return err;
}
SYSCALL(221, fadvise64);

static long do_readahead(struct file *file, loff_t offset, size_t count)
{
	umode_t mode = file_inode(file)->i_mode;

	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	if (!S_ISREG(mode) && !S_ISBLK(mode))
		return -EINVAL;
	return vfs_fadvise(file, offset, count, POSIX_FADV_WILLNEED);
}

static long sys_readahead(unsigned int fd, loff_t offset, size_t count)
{
	struct fd f = fdget(fd);
	long err;

	if (!f.file)
		return -EBADF;
	err = do_readahead(f.file, offset, count);
	fdput(f);
	return err;
}
SYSCALL(187, readahead);

static long do_sync_file_range(struct file *file, loff_t offset, loff_t nbytes, unsigned int flags)
{
	struct address_space *mapping = file->f_mapping;
	loff_t end = (u64)offset + (u64)nbytes;
	umode_t mode = file_inode(file)->i_mode;
	int err = 0;

	if ((flags & ~SYNC_FILE_RANGE_WRITE_AND_WAIT) || offset < 0 || end < 0 || end < offset)
		return -EINVAL;
	if (!S_ISREG(mode) && !S_ISBLK(mode) && !S_ISDIR(mode) && !S_ISLNK(mode))
		return -ESPIPE;
	end = nbytes ? end - 1 : LLONG_MAX;
	if (flags & SYNC_FILE_RANGE_WAIT_BEFORE) {
		filemap_fdatawait_range(mapping, offset, end);
		err = file_check_and_advance_wb_err(file);
	}
	if (!err && (flags & SYNC_FILE_RANGE_WRITE))
		err = (flags & SYNC_FILE_RANGE_WRITE_AND_WAIT) == SYNC_FILE_RANGE_WRITE_AND_WAIT
			      ? filemap_fdatawrite_range(mapping, offset, end)
			      : filemap_fdatawrite_range_kick(mapping, offset, end);
	if (!err && (flags & SYNC_FILE_RANGE_WAIT_AFTER)) {
		filemap_fdatawait_range(mapping, offset, end);
		err = file_check_and_advance_wb_err(file);
	}
	return err;
}

static long sys_sync_file_range(unsigned int fd, loff_t offset, loff_t nbytes, unsigned int flags)
{
	struct fd f = fdget(fd);
	long err;

	if (!f.file)
		return -EBADF;
	err = do_sync_file_range(f.file, offset, nbytes, flags);
	fdput(f);
	return err;
}
SYSCALL(277, sync_file_range);

struct cachestat_range {
	u64 off, len; /* bytes; len 0: to the end */
};

/* What others have read of a file is not for everybody to see. */
static bool can_do_cachestat(struct file *file)
{
	return (file->f_mode & FMODE_WRITE) || inode_owner_or_capable(file_inode(file)) ||
	       !inode_permission(file_inode(file), MAY_WRITE);
}

static long do_cachestat(struct file *file, const struct cachestat_range __user *range,
			 struct cachestat __user *result, unsigned int flags)
{
	struct cachestat cs = { 0 };
	struct cachestat_range r;

	if (copy_from_user(&r, range, sizeof(r)))
		return -EFAULT;
	if (!can_do_cachestat(file))
		return -EPERM;
	if (flags)
		return -EINVAL;
	filemap_cachestat(file->f_mapping, r.off >> PAGE_SHIFT,
			  r.len ? (r.off + r.len - 1) >> PAGE_SHIFT : ULONG_MAX, &cs);
	return copy_to_user(result, &cs, sizeof(cs)) ? -EFAULT : 0;
}

static long sys_cachestat(unsigned int fd, const struct cachestat_range __user *range,
			  struct cachestat __user *result, unsigned int flags)
{
	struct fd f = fdget(fd);
	long err;

	if (!f.file)
		return -EBADF;
	err = do_cachestat(f.file, range, result, flags);
	fdput(f);
	return err;
}
SYSCALL(451, cachestat);
