/*
 * sync, syncfs, fsync, fdatasync: everything that was written is on the disk when they return.
 *
 * 1. A file: its pages, waited for; its inode, unless it is fdatasync and only times have changed; then the disk is told to empty its
 *    own cache.
 * 2. A file system: all its inodes in this way, what it keeps itself (sync_fs), its device's page cache, the disk's cache. In two
 *    passes: the first only starts, so that the second finds most of it done.
 * 3. An error of an earlier write in the background is told to each open file once, by fsync of that file or syncfs of any.
 *
 * Locks: none. Mirrors Linux fs/sync.c, fs/libfs.c. Exercised by tests/user/wback.c.
 */
#include "kernel/block/genhd.h"
#include "kernel/fs/internal.h"
#include "kernel/syscall.h"
#include "mm/cache/writeback.h"

static void sync_fs_one(struct super_block *sb, void *wait)
{
	if (!(sb->s_flags & SB_RDONLY) && sb->s_op->sync_fs)
		sb->s_op->sync_fs(sb, wait != NULL);
}

static void sync_inodes_one(struct super_block *sb, void *arg)
{
	if (!(sb->s_flags & SB_RDONLY))
		sync_inodes_sb(sb);
}

static long sys_sync(void)
{
	wakeup_flusher_threads();
	iterate_supers(sync_inodes_one, NULL);
	iterate_supers(sync_fs_one, NULL);
	iterate_supers(sync_fs_one, (void *)1);
	sync_bdevs(false);
	sync_bdevs(true);
	return 0;
}
SYSCALL(162, sync);

int sync_filesystem(struct super_block *sb)
{
	int err = 0, one = 0;

	if (sb->s_flags & SB_RDONLY)
		return 0;
	writeback_inodes_sb(sb);
	if (sb->s_op->sync_fs && sb->s_bdev)
		err = sb->s_op->sync_fs(sb, 0);
	sync_inodes_sb(sb);
	if (sb->s_op->sync_fs)
		one = sb->s_op->sync_fs(sb, 1);
	err = err ? err : one;
	if (!sb->s_bdev)
		return err;
	one = sync_blockdev(sb->s_bdev);
	err = err ? err : one;
	one = blkdev_issue_flush(sb->s_bdev);
	return err ? err : one;
}

static long sys_syncfs(unsigned int fd)
{
	struct fd f = fdget(fd);
	struct super_block *sb;
	long err;
	int told;

	if (!f.file)
		return -EBADF;
	sb = f.file->f_path.mnt->mnt_sb;
	err = sync_filesystem(sb);
	spin_lock(&f.file->f_lock);
	told = errseq_check_and_advance(&sb->s_wb_err, &f.file->f_sb_err);
	spin_unlock(&f.file->f_lock);
	fdput(f);
	return err ? err : told;
}
SYSCALL(306, syncfs);

int __generic_file_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file->f_mapping->host;
	int err = file_write_and_wait_range(file, start, end), one;

	/* Somebody may be writing it just now: then it is not dirty, and not there yet either. */
	if ((READ_ONCE(inode->i_state) & I_SYNC) ||
	    (READ_ONCE(inode->i_state) & (datasync ? I_DIRTY_DATASYNC : I_DIRTY_INODE))) {
		one = sync_inode_metadata(inode, 1);
		err = err ? err : one;
	}
	return err;
}

int generic_file_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct super_block *sb = file->f_mapping->host->i_sb;
	int err = __generic_file_fsync(file, start, end, datasync), one;

	if (!sb->s_bdev)
		return err;
	/* The flusher may have put the inode no further than there, and it is where the file's indirect blocks are. */
	one = sync_blockdev(sb->s_bdev);
	err = err ? err : one;
	one = blkdev_issue_flush(sb->s_bdev);
	return err ? err : one;
}

int vfs_fsync_range(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file->f_mapping->host;

	if (!file->f_op->fsync)
		return -EINVAL;
	if (!datasync && (READ_ONCE(inode->i_state) & I_DIRTY_TIME))
		mark_inode_dirty_sync(inode);
	return file->f_op->fsync(file, start, end, datasync);
}

int vfs_fsync(struct file *file, int datasync)
{
	return vfs_fsync_range(file, 0, LLONG_MAX, datasync);
}

static long do_fsync(unsigned int fd, int datasync)
{
	struct fd f = fdget(fd);
	long err;

	if (!f.file)
		return -EBADF;
	err = vfs_fsync(f.file, datasync);
	fdput(f);
	return err;
}

static long sys_fsync(unsigned int fd)
{
	return do_fsync(fd, 0);
}
SYSCALL(74, fsync);

static long sys_fdatasync(unsigned int fd)
{
	return do_fsync(fd, 1);
}
SYSCALL(75, fdatasync);
