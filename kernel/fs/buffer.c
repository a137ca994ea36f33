/*
 * Blocks of a device by number, on top of its page cache. See buffer.h.
 *
 * A block never crosses a page: its size divides a page's, and numbers count from the device's start. The state of each block
 * (uptodate, dirty) is iomap's.
 *
 * Mirrors Linux fs/buffer.c. Exercised by tests/user/ext2.c.
 */
#include "kernel/fs/buffer.h"

#include "kernel/block/genhd.h"
#include "kernel/bug.h"
#include "kernel/fs/iomap.h"
#include "lib/string.h"
#include "mm/cache/pagemap.h"

static struct address_space *dev_mapping(const struct super_block *sb)
{
	return sb->s_bdev->bd_inode->i_mapping;
}

static bool on_device(const struct super_block *sb, u64 block)
{
	return block < (u64)READ_ONCE(sb->s_bdev->bd_inode->i_size) >> sb->s_blocksize_bits;
}

static void set_buf(struct buf *b, const struct super_block *sb, struct folio *folio, u64 block)
{
	b->folio = folio;
	b->data = folio_address(folio) + (block << sb->s_blocksize_bits & ~PAGE_MASK);
	b->block = block;
	b->size = sb->s_blocksize;
}

int bread(struct super_block *sb, u64 block, struct buf *b)
{
	struct folio *folio;

	b->folio = NULL;
	if (unlikely(!on_device(sb, block)))
		return -EIO;
	folio = read_mapping_folio(dev_mapping(sb), block << sb->s_blocksize_bits >> PAGE_SHIFT,
				   NULL);
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	set_buf(b, sb, folio, block);
	return 0;
}

int getblk(struct super_block *sb, u64 block, struct buf *b)
{
	struct address_space *mapping = dev_mapping(sb);
	loff_t pos = block << sb->s_blocksize_bits;
	struct folio *folio;
	int err;

	b->folio = NULL;
	if (unlikely(!on_device(sb, block)))
		return -EIO;
	err = mapping->a_ops->write_begin(NULL, mapping, pos, sb->s_blocksize, &folio);
	if (err)
		return err;
	folio_get(folio);
	set_buf(b, sb, folio, block);
	memset(b->data, 0, b->size);
	mapping->a_ops->write_end(NULL, mapping, pos, b->size, b->size, folio);
	return 0;
}

void buf_dirty(const struct buf *b)
{
	struct folio *folio = b->folio;

	VM_BUG_ON(!folio->mapping);
	iomap_dirty_range(folio->mapping, folio, ((unsigned long)b->data & ~PAGE_MASK), b->size);
}

int buf_sync(const struct buf *b)
{
	loff_t pos =
		((loff_t)b->folio->index << PAGE_SHIFT) + ((unsigned long)b->data & ~PAGE_MASK);

	return filemap_write_and_wait_range(b->folio->mapping, pos, pos + b->size - 1);
}

void brelse(struct buf *b)
{
	if (b->folio)
		folio_put(b->folio);
	b->folio = NULL;
}

void bforget(struct super_block *sb, u64 block, u64 nr)
{
	struct address_space *mapping = dev_mapping(sb);
	loff_t pos = block << sb->s_blocksize_bits, end = (block + nr) << sb->s_blocksize_bits;

	while (pos < end) {
		loff_t next = min((loff_t)((pos & PAGE_MASK) + PAGE_SIZE), end);
		struct folio *folio = filemap_lock_folio(mapping, pos >> PAGE_SHIFT);

		if (folio) {
			iomap_clean_range(folio, pos & ~PAGE_MASK, next - pos);
			folio_wait_writeback(folio);
			folio_unlock(folio);
			folio_put(folio);
		}
		pos = next;
	}
}

void sb_order_writes(struct super_block *sb, void (*fn)(struct super_block *sb))
{
	down_write(&sb->s_bdev->bd_order_lock);
	sb->s_bdev->bd_order = fn;
	up_write(&sb->s_bdev->bd_order_lock);
}

int sb_set_blocksize(struct super_block *sb, unsigned int size)
{
	struct inode *inode = sb->s_bdev->bd_inode;
	int err;

	if (size < SECTOR_SIZE || size > PAGE_SIZE || (size & (size - 1)) ||
	    size < bdev_limits(sb->s_bdev)->logical_block_size)
		return -EINVAL;
	set_bit(AS_METADATA, &inode->i_data.flags);
	down_write(&inode->i_rwsem);
	err = sync_blockdev(sb->s_bdev);
	if (!err && inode->i_blkbits != (unsigned int)__builtin_ctz(size)) {
		down_write(&inode->i_data.invalidate_lock);
		truncate_inode_pages_range(&inode->i_data, 0, -1);
		inode->i_blkbits = __builtin_ctz(size);
		up_write(&inode->i_data.invalidate_lock);
	}
	up_write(&inode->i_rwsem);
	sb->s_blocksize = size;
	sb->s_blocksize_bits = __builtin_ctz(size);
	return err;
}
