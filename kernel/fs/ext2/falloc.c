/*
 * fallocate of regular files of an ext2: holes, and blocks for holes.
 *
 * 1. A hole: the blocks that lie wholly in the range leave the tree and are free; of the two at its ends the bytes in the range become
 *    zeroes. No page may show a freed block, or lead a store to it, so pages of the range are unmapped and dropped first. A page
 *    that has other blocks as well stays, with zeroes: through a mapping it is asked for again, and then the block is a new one.
 * 2. Allocating: ext2 has no mark for "allocated, not written", so the blocks are zeroes, dirty in the cache like a write's. The data
 *    are on the disk before the numbers that lead there (order_data in super.c), as for any new block.
 * 3. A file's size grows page by page, with the page locked: a page behind the end would be taken for clean by the flusher.
 * 4. Nothing is allocated behind the end of a file that keeps its size: e2fsck takes such blocks for a wrong size. EOPNOTSUPP.
 *
 * Locks: i_rwsem for writing > invalidate_lock > folio lock. Mirrors Linux fs/ext4/inode.c (ext4_punch_hole). Exercised by
 * tests/user/ext2falloc.c.
 */
#include "kernel/current.h"
#include "kernel/fs/ext2/ext2.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/cache/dirty-throttle.h"
#include "mm/cache/pagemap.h"

/* ---- holes ---- */

/* The blocks [pos, end) of one page, which has others too: zeroes that nobody writes. */
static void forget_blocks(struct address_space *mapping, loff_t pos, loff_t end)
{
	struct folio *folio = filemap_lock_folio(mapping, pos >> PAGE_SHIFT);
	size_t off = pos & ~PAGE_MASK;

	if (!folio)
		return;
	folio_wait_writeback(folio);
	memset((char *)folio_address(folio) + off, 0, end - pos);
	iomap_clean_range(folio, off, end - pos);
	folio_unlock(folio);
	folio_put(folio);
}

/* What is cached of the blocks [pos, end). => invalidate_lock for writing */
static void forget_range(struct address_space *mapping, loff_t pos, loff_t end)
{
	loff_t first = (pos + PAGE_SIZE - 1) & PAGE_MASK, last = end & PAGE_MASK;
	pgoff_t index = pos >> PAGE_SHIFT;

	mapping_ops->unmap_pages(mapping, index, ((end - 1) >> PAGE_SHIFT) - index + 1, false);
	if (first > last) {
		forget_blocks(mapping, pos, end);
		return;
	}
	if (pos < first)
		forget_blocks(mapping, pos, first);
	if (last < end)
		forget_blocks(mapping, last, end);
	if (first < last)
		truncate_inode_pages_range(mapping, first, last - 1);
}

/* => i_rwsem for writing, pos < i_size */
static int punch_hole(struct inode *inode, loff_t pos, loff_t end)
{
	struct address_space *mapping = inode->i_mapping;
	loff_t mask = inode->i_sb->s_blocksize - 1, first = (pos + mask) & ~mask, last;
	int err = 0;

	/* Behind the end of the file is nothing: its last block goes as a whole. */
	if (end >= inode->i_size)
		end = (inode->i_size + mask) & ~mask;
	last = end & ~mask;
	if (first > last)
		return ext2_zero_part(inode, pos, end - pos);
	if (pos < first)
		err = ext2_zero_part(inode, pos, first - pos);
	if (!err && last < end)
		err = ext2_zero_part(inode, last, end - last);
	if (err || first == last)
		return err;
	down_write(&mapping->invalidate_lock);
	forget_range(mapping, first, last);
	err = ext2_free_range(inode, first >> inode->i_blkbits, last >> inode->i_blkbits);
	up_write(&mapping->invalidate_lock);
	return err;
}

/* ---- allocating ---- */

/* Blocks of one page that are holes. A page that was dirtied meanwhile has its blocks: they are left alone. */
static int fill_page(struct inode *inode, loff_t pos, size_t n, loff_t size)
{
	struct folio *folio;
	int err = iomap_write_begin(inode, pos, n, &folio, &ext2_iomap_ops);

	if (err) {
		ext2_has_fresh(inode);
		return err;
	}
	/* A write of which nothing came: what is new is zeroes. */
	iomap_write_end(inode, pos, n, 0, folio);
	ext2_has_fresh(inode);
	size = min(size, pos + (loff_t)n);
	if (size > inode->i_size)
		WRITE_ONCE(inode->i_size, size);
	folio_unlock(folio);
	folio_put(folio);
	return 0;
}

/* Blocks for [pos, end), which is not behind size: that is the file's afterwards. => i_rwsem for writing */
static int fill_holes(struct inode *inode, loff_t pos, loff_t end, loff_t size)
{
	unsigned int bits = inode->i_blkbits;
	u64 lblk = (u64)pos >> bits, last = ((u64)end - 1) >> bits;
	struct ext2_extent ext;
	int err = 0;

	while (!err && lblk <= last) {
		u64 n;

		err = ext2_map_blocks(inode, lblk, min(last - lblk + 1, (u64)U32_MAX), false, &ext);
		if (err)
			break;
		n = min((u64)ext.len, last - lblk + 1);
		if (!ext.phys) {
			pos = (loff_t)lblk << bits;
			n = min(n, (u64)(PAGE_SIZE - (pos & ~PAGE_MASK)) >> bits);
			err = fill_page(inode, pos, n << bits, size);
			balance_dirty_pages_ratelimited(inode->i_mapping);
		}
		lblk += n;
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}
	return err;
}

/* => i_rwsem for writing */
static int allocate(struct inode *inode, loff_t pos, loff_t end, bool keep_size)
{
	loff_t old = inode->i_size, mask = inode->i_sb->s_blocksize - 1;
	bool grow = !keep_size && end > old;
	int err = 0, one;

	if (keep_size && end > ((old + mask) & ~mask))
		return -EOPNOTSUPP;
	if (grow && (u64)end > rlimit(RLIMIT_FSIZE))
		return fsize_exceeded();
	ext2_file_modified(inode);
	if (grow) {
		ext2_protect_tail(inode, old);
		err = ext2_zero_tail(inode, old);
	}
	if (!err)
		err = fill_holes(inode, pos, end, grow ? end : old);
	if (!err && grow)
		WRITE_ONCE(inode->i_size, end);
	if (err && grow)
		ext2_give_back(inode);
	one = ext2_update_inode(inode, true);
	return err ? err : one;
}

static long change(struct inode *inode, int mode, loff_t pos, loff_t end)
{
	bool punch = mode & FALLOC_FL_PUNCH_HOLE;

	if (inode->i_sb->s_flags & SB_RDONLY)
		return -EROFS;
	if (EXT2_I(inode)->flags & (punch ? EXT2_IMMUTABLE_FL | EXT2_APPEND_FL : EXT2_IMMUTABLE_FL))
		return -EPERM;
	if (end > EXT2_SB(inode->i_sb)->max_size)
		return -EFBIG;
	if (!punch)
		return allocate(inode, pos, end, mode & FALLOC_FL_KEEP_SIZE);
	if (pos >= inode->i_size)
		return 0;
	if (ext2_file_modified(inode))
		ext2_update_inode(inode, false);
	return punch_hole(inode, pos, end);
}

long ext2_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	long err;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	down_write(&inode->i_rwsem);
	err = change(inode, mode, offset, offset + len);
	up_write(&inode->i_rwsem);
	return err;
}
