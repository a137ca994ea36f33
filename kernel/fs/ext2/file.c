/*
 * Regular files of an ext2: the page cache on top of the block map, fsync, and the times of access and change.
 *
 * 1. Contents go through iomap; only where the blocks are is ours. A block is allocated when its page becomes dirty, so a full disk is
 *    told to the one who writes, not found later.
 * 2. A write that ends early, or fails, gives back what it had allocated behind the end of the file.
 * 3. fsync writes the file's pages and then all dirty metadata of the device: so a file that has just been made is found under its
 *    name after a power cut, too. fdatasync leaves the second step out when nothing has changed but times.
 * 4. The disk keeps whole seconds, so a file that is written all the time changes its time once a second.
 *
 * Locks: i_rwsem for writing; invalidate_lock where blocks are given back; sync_lock in fsync. Mirrors Linux fs/ext2/file.c, inode.c.
 * Exercised by tests/user/ext2.c.
 */
#include "kernel/block/blkdev.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/fs/ext2/ext2.h"
#include "kernel/fs/splice.h"
#include "lib/errno.h"
#include "mm/cache/pagemap.h"
#include "mm/user/mm.h"

#define SEEK_DATA 3
#define SEEK_HOLE 4
#define DAY	  86400

/* ---- address space ---- */

static int ext2_read_folio(struct file *file, struct folio *folio)
{
	return iomap_read_folio(folio, &ext2_iomap_ops);
}

static void ext2_readahead(struct readahead_control *rac)
{
	iomap_readahead(rac, &ext2_iomap_ops);
}

static int ext2_write_begin(struct file *file, struct address_space *mapping, loff_t pos,
			    unsigned int len, struct folio **foliop)
{
	int err = iomap_write_begin(mapping->host, pos, len, foliop, &ext2_iomap_ops);

	/* What was allocated before it failed has become zeroes. */
	if (err)
		ext2_has_fresh(mapping->host);
	return err;
}

static int ext2_write_end(struct file *file, struct address_space *mapping, loff_t pos,
			  unsigned int len, unsigned int copied, struct folio *folio)
{
	struct inode *inode = mapping->host;
	bool fresh = iomap_has_new(folio);
	int ret = iomap_write_end(inode, pos, len, copied, folio);

	if (fresh)
		ext2_has_fresh(inode);
	if (ret && pos + ret > inode->i_size)
		WRITE_ONCE(inode->i_size, pos + ret);
	folio_unlock(folio);
	folio_put(folio);
	return ret;
}

static int ext2_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	return iomap_writepages(mapping, wbc, &ext2_iomap_ops);
}

const struct address_space_operations ext2_aops = {
	.read_folio = ext2_read_folio,
	.readahead = ext2_readahead,
	.write_begin = ext2_write_begin,
	.write_end = ext2_write_end,
	.writepages = ext2_writepages,
	.dirty_folio = iomap_dirty_folio,
};

/* ---- times ---- */

static bool later(const struct timespec64 *a, const struct timespec64 *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

void ext2_accessed(struct inode *inode, const struct mount *mnt)
{
	struct timespec64 now;

	if ((mnt->mnt_flags & (MS_NOATIME | MS_RDONLY)) || (inode->i_sb->s_flags & SB_RDONLY) ||
	    (EXT2_I(inode)->flags & EXT2_NOATIME_FL))
		return;
	now = current_time(inode);
	/* relatime: once after each change, and once a day. */
	if (later(&inode->i_atime, &inode->i_mtime) && later(&inode->i_atime, &inode->i_ctime) &&
	    now.tv_sec - inode->i_atime.tv_sec < DAY)
		return;
	if (now.tv_sec == inode->i_atime.tv_sec)
		return;
	inode->i_atime = now;
	ext2_update_inode(inode, false);
}

static void file_accessed(struct file *file)
{
	if (!(file->f_flags & O_NOATIME))
		ext2_accessed(file_inode(file), file->f_path.mnt);
}

/* It is being written: its time. True if that is another second than before. */
static bool touch(struct inode *inode)
{
	struct timespec64 now = current_time(inode);

	if (inode->i_mtime.tv_sec == now.tv_sec && inode->i_ctime.tv_sec == now.tv_sec)
		return false;
	inode->i_mtime = inode->i_ctime = now;
	return true;
}

/* The set-id bits go. True if there were any. */
static bool remove_privs(struct inode *inode)
{
	umode_t old = inode->i_mode;

	if (!(old & (S_ISUID | S_ISGID)) || capable(CAP_FSETID))
		return false;
	inode->i_mode &= ~S_ISUID & ~(old & 0010 ? S_ISGID : 0);
	return inode->i_mode != old;
}

bool ext2_file_modified(struct inode *inode)
{
	bool changed = remove_privs(inode);

	return touch(inode) || changed;
}

/* ---- read and write ---- */

static ssize_t ext2_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	ssize_t ret;

	if (iocb->ki_flags & IOCB_DIRECT)
		ret = iomap_dio_read_iter(iocb, to, &ext2_iomap_ops);
	else
		ret = generic_file_read_iter(iocb, to);
	file_accessed(iocb->ki_filp);
	return ret;
}

void ext2_give_back(struct inode *inode)
{
	loff_t size = inode->i_size;

	down_write(&inode->i_mapping->invalidate_lock);
	truncate_pagecache(inode, size);
	ext2_free_from(inode, (size + inode->i_sb->s_blocksize - 1) >> inode->i_blkbits);
	up_write(&inode->i_mapping->invalidate_lock);
}

/* => i_rwsem for writing; the iterator is cut to what may be written */
static ssize_t write_locked(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t old = inode->i_size, max = EXT2_SB(inode->i_sb)->max_size;
	size_t count = iov_iter_count(from);
	bool changed;
	ssize_t ret = 0;

	if (inode->i_sb->s_flags & SB_RDONLY)
		return -EROFS;
	if (iocb->ki_pos >= max)
		return -EFBIG;
	if ((u64)(max - iocb->ki_pos) < count) {
		count = max - iocb->ki_pos;
		iov_iter_truncate(from, count);
	}
	if (iocb->ki_pos > old) {
		ext2_protect_tail(inode, old);
		ret = ext2_zero_tail(inode, old);
	}
	if (ret)
		return ret;
	changed = ext2_file_modified(inode);
	if (iocb->ki_flags & IOCB_DIRECT)
		ret = iomap_dio_write_iter(iocb, from, &ext2_iomap_ops);
	else
		ret = generic_perform_write(iocb, from);
	if (ret < (ssize_t)count)
		ext2_give_back(inode);
	if (changed || inode->i_size != old)
		ext2_update_inode(inode, inode->i_size != old);
	return ret;
}

static ssize_t ext2_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;
	int err;

	down_write(&inode->i_rwsem);
	ret = generic_write_checks(iocb, from);
	if (ret > 0)
		ret = write_locked(iocb, from);
	up_write(&inode->i_rwsem);
	if (ret > 0 && (iocb->ki_flags & (IOCB_DSYNC | IOCB_SYNC))) {
		err = ext2_fsync(iocb->ki_filp, iocb->ki_pos - ret, iocb->ki_pos - 1,
				 !(iocb->ki_flags & IOCB_SYNC));
		if (err)
			ret = err;
	}
	return ret;
}

/* Holes are where the map says so: what is dirty has its block already. */
static loff_t seek_hole_data(struct inode *inode, loff_t offset, bool hole)
{
	loff_t size = READ_ONCE(inode->i_size), pos = offset;
	struct ext2_extent ext;
	int err;

	if (offset < 0 || offset >= size)
		return -ENXIO;
	while (pos < size) {
		u32 lblk = pos >> inode->i_blkbits;

		err = ext2_map_blocks(inode, lblk, U32_MAX, false, &ext);
		if (err)
			return err;
		if (!ext.phys == hole)
			return max(pos, offset);
		pos = ((loff_t)lblk + ext.len) << inode->i_blkbits;
	}
	return hole ? size : -ENXIO;
}

static loff_t ext2_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return generic_file_llseek(file, offset, whence);
	down_read(&inode->i_rwsem);
	offset = seek_hole_data(inode, offset, whence == SEEK_HOLE);
	up_read(&inode->i_rwsem);
	if (offset >= 0)
		file->f_pos = offset;
	return offset;
}

/* Who finds the marks gone may rely on it that what they stood for is written: so he waits for the one who took them. */
static int sync_metadata(struct inode *inode, int datasync)
{
	struct ext2_inode_info *ei = EXT2_I(inode);
	int err;

	guard(mutex)(&ei->sync_lock);
	if (!test_bit(datasync ? EXT2_DIRTY_DATA : EXT2_DIRTY_ANY, &ei->dirty))
		return 0;
	clear_bit(EXT2_DIRTY_ANY, &ei->dirty);
	clear_bit(EXT2_DIRTY_DATA, &ei->dirty);
	err = filemap_write_and_wait(inode->i_sb->s_bdev->bd_inode->i_mapping);
	if (err) {
		set_bit(EXT2_DIRTY_ANY, &ei->dirty);
		set_bit(EXT2_DIRTY_DATA, &ei->dirty);
	}
	return err;
}

int ext2_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file_inode(file);
	struct block_device *bdev = inode->i_sb->s_bdev;
	int err = file_write_and_wait_range(file, start, end), flush;

	if (!err)
		err = sync_metadata(inode, datasync);
	flush = blkdev_issue_flush(bdev);
	return err ? err : flush;
}

/* ---- mmap ---- */

static unsigned int ext2_page_mkwrite(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	unsigned int ret;
	u64 blocks;

	down_read(&inode->i_mapping->invalidate_lock);
	blocks = READ_ONCE(inode->i_blocks);
	ret = iomap_page_mkwrite(vmf, &ext2_iomap_ops);
	/* Meanwhile nobody can have given blocks back. */
	if (READ_ONCE(inode->i_blocks) != blocks)
		ext2_has_fresh(inode);
	up_read(&inode->i_mapping->invalidate_lock);
	if (ret == VM_FAULT_LOCKED && touch(inode))
		ext2_update_inode(inode, false);
	return ret;
}

static const struct vm_operations_struct ext2_vm_ops = {
	.fault = filemap_fault,
	.map_pages = filemap_map_pages,
	.page_mkwrite = ext2_page_mkwrite,
};

static int ext2_mmap(struct file *file, struct vm_area_struct *vma)
{
	file_accessed(file);
	vma->vm_ops = &ext2_vm_ops;
	return 0;
}

const struct file_operations ext2_file_fops = {
	.fop_flags = FOP_DIRECT,
	.llseek = ext2_llseek,
	.read_iter = ext2_read_iter,
	.write_iter = ext2_write_iter,
	.splice_read = filemap_splice_read,
	.mmap = ext2_mmap,
	.fsync = ext2_fsync,
	.fallocate = ext2_fallocate,
};

const struct inode_operations ext2_file_iops = { .setattr = ext2_setattr };
