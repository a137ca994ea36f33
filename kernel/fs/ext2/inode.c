/*
 * Inodes of an ext2: from the table to memory and back, their size, their end.
 *
 * 1. ext2_iget() reads an inode and believes nothing of it: type, size, blocks of its own are checked before anybody sees it.
 * 2. ext2_update_inode() copies the fields to the table's block as soon as they have changed. The block is dirty then, and goes to the
 *    disk with the device's other pages, or by fsync. (Two who do it at once copy what holds for both: i_lock.)
 * 3. An inode that nobody uses and no name leads to gives back its blocks, then its number. Until then it may be used as ever.
 * 4. A file that gets shorter inside a block has the rest of the block zeroed on the disk as well: growing again shows zeroes.
 *
 * Locks: i_rwsem for the fields; see ext2.h. Mirrors Linux fs/ext2/inode.c. Exercised by tests/user/ext2.c.
 */
#include "kernel/block/blkdev.h"
#include "kernel/bug.h"
#include "kernel/fs/ext2/ext2.h"
#include "kernel/fs/internal.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/cache/pagemap.h"
#include "mm/slab/slab.h"

static struct kmem_cache *ext2_inode_cachep;

void ext2_inode_caches_init(void)
{
	ext2_inode_cachep = kmem_cache_create("ext2_inode_cache", sizeof(struct ext2_inode_info), 0,
					      SLAB_RECLAIM_ACCOUNT | SLAB_PANIC, NULL);
}

int ext2_init_inode(struct inode *inode)
{
	struct ext2_inode_info *ei = kmem_cache_zalloc(ext2_inode_cachep, GFP_KERNEL);

	if (!ei)
		return -ENOMEM;
	init_rwsem(&ei->tree_lock);
	mutex_init(&ei->sync_lock);
	inode->i_private = ei;
	inode->i_data.bdi = inode->i_sb->s_bdev->bd_disk->bdi;
	inode->i_blkbits = inode->i_sb->s_blocksize_bits;
	return 0;
}

loff_t ext2_max_size(unsigned int blkbits)
{
	u64 ptrs = 1ULL << (blkbits - 2);
	u64 data = EXT2_NDIR_BLOCKS + ptrs + ptrs * ptrs + ptrs * ptrs * ptrs;
	/* i_blocks counts 512 bytes in 32 bits, the blocks of numbers included: for n of data n / ptrs and a few. */
	u64 counted = (u64)U32_MAX >> (blkbits - 9);

	counted -= counted / ptrs + counted / ptrs / ptrs + 4;
	return min(data, counted) << blkbits;
}

void ext2_set_ops(struct inode *inode)
{
	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &ext2_file_iops;
		inode->i_fop = &ext2_file_fops;
		inode->i_data.a_ops = &ext2_aops;
		break;
	case S_IFDIR:
		inode->i_op = &ext2_dir_iops;
		inode->i_fop = &ext2_dir_fops;
		break;
	case S_IFLNK:
		inode->i_op = &ext2_symlink_iops;
		break;
	default:
		inode->i_op = &ext2_special_iops;
		init_special_inode(inode, inode->i_mode, inode->i_rdev);
		break;
	}
}

/* ---- the table ---- */

/* The inode's block of the table; *raw points into it. brelse() */
static int read_raw(struct super_block *sb, u32 ino, struct buf *b, struct ext2_inode **raw)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	u32 index = (ino - 1) % sbi->inodes_per_group;
	const struct ext2_group_desc *desc =
		ext2_group_desc(sbi, (ino - 1) / sbi->inodes_per_group);
	int err = bread(sb, le32_to_cpu(desc->bg_inode_table) + index / sbi->inodes_per_block, b);

	if (err)
		pr_err_ratelimited("EXT2-fs: cannot read inode %u: error %d\n", ino, err);
	else
		*raw = b->data + (index % sbi->inodes_per_block) * sbi->inode_size;
	return err;
}

/* A device's number: 16 bits in the first place as old systems wrote it, else 32 bits in the second. */
static dev_t decode_rdev(const __le32 *block)
{
	u32 old = le32_to_cpu(block[0]), dev = le32_to_cpu(block[1]);

	if (old)
		return MKDEV(old >> 8 & 0xff, old & 0xff);
	return MKDEV((dev & 0xfff00) >> 8, (dev & 0xff) | (dev >> 12 & 0xfff00));
}

static void encode_rdev(dev_t dev, __le32 *block)
{
	block[0] = block[1] = 0;
	if (MAJOR(dev) < 256 && MINOR(dev) < 256)
		block[0] = cpu_to_le32(MAJOR(dev) << 8 | MINOR(dev));
	else
		block[1] = cpu_to_le32((MINOR(dev) & 0xff) | MAJOR(dev) << 8 |
				       (MINOR(dev) & ~0xffu) << 12);
}

static bool is_fast_symlink(const struct inode *inode)
{
	u64 own = EXT2_I(inode)->file_acl ? inode->i_sb->s_blocksize >> 9 : 0;

	return S_ISLNK(inode->i_mode) && inode->i_blocks == own;
}

/* Is what a fresh inode says possible for its type? */
static int check_inode(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;
	const struct ext2_inode_info *ei = EXT2_I(inode);
	loff_t size = inode->i_size;
	const char *what = NULL;

	if (ei->file_acl && !ext2_data_block_valid(EXT2_SB(sb), ei->file_acl, 1))
		what = "block of attributes";
	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		if (size < 0 || size > EXT2_SB(sb)->max_size)
			what = "size";
		break;
	case S_IFDIR:
		if (!size || size > S32_MAX || size & (sb->s_blocksize - 1))
			what = "size of a directory";
		break;
	case S_IFLNK:
		if (!size || size >= (is_fast_symlink(inode) ? (loff_t)sizeof(ei->i_data)
							     : (loff_t)sb->s_blocksize))
			what = "length of a symbolic link";
		break;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	default:
		what = "type";
	}
	return what ? ext2_error(sb, "inode %llu: bad %s (mode %o, size %lld)", inode->i_ino, what,
				 inode->i_mode, size)
		    : 0;
}

static struct timespec64 disk_time(__le32 t)
{
	return (struct timespec64){ .tv_sec = (s32)le32_to_cpu(t) };
}

static void copy_from_raw(struct inode *inode, const struct ext2_inode *raw)
{
	struct ext2_inode_info *ei = EXT2_I(inode);
	u64 size = le32_to_cpu(raw->i_size);

	inode->i_mode = le16_to_cpu(raw->i_mode);
	inode->i_uid = le16_to_cpu(raw->i_uid) | le16_to_cpu(raw->i_uid_high) << 16;
	inode->i_gid = le16_to_cpu(raw->i_gid) | le16_to_cpu(raw->i_gid_high) << 16;
	set_nlink(inode, le16_to_cpu(raw->i_links_count));
	if (S_ISREG(inode->i_mode))
		size |= (u64)le32_to_cpu(raw->i_size_high) << 32;
	inode->i_size = size;
	inode->i_atime = disk_time(raw->i_atime);
	inode->i_ctime = disk_time(raw->i_ctime);
	inode->i_mtime = disk_time(raw->i_mtime);
	inode->i_blocks = le32_to_cpu(raw->i_blocks);
	ei->flags = le32_to_cpu(raw->i_flags);
	ei->file_acl = le32_to_cpu(raw->i_file_acl);
	ei->dtime = le32_to_cpu(raw->i_dtime);
	ei->generation = le32_to_cpu(raw->i_generation);
	ei->group = (inode->i_ino - 1) / EXT2_SB(inode->i_sb)->inodes_per_group;
	memcpy(ei->i_data, raw->i_block, sizeof(ei->i_data));
	if (S_ISCHR(inode->i_mode) || S_ISBLK(inode->i_mode))
		inode->i_rdev = decode_rdev(ei->i_data);
}

/* It was here before, perhaps, and what it changed then may be in the device's cache alone: fsync must write that. */
static void inherit_dirty(struct inode *inode)
{
	const struct address_space *dev = inode->i_sb->s_bdev->bd_inode->i_mapping;

	if (mapping_tagged(dev, PAGECACHE_TAG_DIRTY) ||
	    mapping_tagged(dev, PAGECACHE_TAG_WRITEBACK))
		EXT2_I(inode)->dirty = BIT(EXT2_DIRTY_ANY) | BIT(EXT2_DIRTY_DATA);
}

static int fill_inode(struct inode *inode)
{
	struct ext2_inode *raw;
	struct buf b;
	int err = ext2_init_inode(inode);

	if (!err)
		err = read_raw(inode->i_sb, inode->i_ino, &b, &raw);
	if (err)
		return err;
	copy_from_raw(inode, raw);
	inherit_dirty(inode);
	brelse(&b);
	if (!inode->i_nlink && (!inode->i_mode || EXT2_I(inode)->dtime))
		err = ext2_error(inode->i_sb, "inode %llu is deleted, but has a name",
				 inode->i_ino);
	else if (!inode->i_nlink)
		err = ext2_error(inode->i_sb, "inode %llu has a name, but no links", inode->i_ino);
	else
		err = check_inode(inode);
	if (!err && is_fast_symlink(inode)) {
		inode->i_link = kmemdup_nul((char *)EXT2_I(inode)->i_data, inode->i_size, GFP_NOFS);
		err = inode->i_link ? 0 : -ENOMEM;
	}
	return err;
}

struct inode *ext2_iget(struct super_block *sb, u32 ino)
{
	const struct ext2_sb_info *sbi = EXT2_SB(sb);
	struct inode *inode;
	int err;

	if ((ino != EXT2_ROOT_INO && ino < sbi->first_ino) || ino > sbi->inodes_count)
		return ERR_PTR(ext2_error(sb, "there can be no inode %u here", ino));
	inode = iget_locked(sb, ino);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (!(READ_ONCE(inode->i_state) & I_NEW))
		return inode;
	err = fill_inode(inode);
	if (err) {
		/* Evicting it must not free what it says is its own. */
		set_nlink(inode, 1);
		iget_failed(inode);
		return ERR_PTR(err);
	}
	ext2_set_ops(inode);
	unlock_new_inode(inode);
	return inode;
}

static void copy_to_raw(const struct inode *inode, struct ext2_inode *raw)
{
	const struct ext2_inode_info *ei = EXT2_I(inode);

	raw->i_mode = cpu_to_le16(inode->i_mode);
	raw->i_uid = cpu_to_le16(inode->i_uid);
	raw->i_uid_high = cpu_to_le16(inode->i_uid >> 16);
	raw->i_gid = cpu_to_le16(inode->i_gid);
	raw->i_gid_high = cpu_to_le16(inode->i_gid >> 16);
	raw->i_links_count = cpu_to_le16(inode->i_nlink);
	raw->i_size = cpu_to_le32(inode->i_size);
	if (S_ISREG(inode->i_mode))
		raw->i_size_high = cpu_to_le32(inode->i_size >> 32);
	raw->i_atime = cpu_to_le32(inode->i_atime.tv_sec);
	raw->i_ctime = cpu_to_le32(inode->i_ctime.tv_sec);
	raw->i_mtime = cpu_to_le32(inode->i_mtime.tv_sec);
	raw->i_dtime = cpu_to_le32(ei->dtime);
	raw->i_blocks = cpu_to_le32(inode->i_blocks);
	raw->i_flags = cpu_to_le32(ei->flags);
	raw->i_generation = cpu_to_le32(ei->generation);
	raw->i_file_acl = cpu_to_le32(ei->file_acl);
	if (S_ISCHR(inode->i_mode) || S_ISBLK(inode->i_mode))
		encode_rdev(inode->i_rdev, raw->i_block);
	else
		memcpy(raw->i_block, ei->i_data, sizeof(raw->i_block));
}

int ext2_update_inode(struct inode *inode, bool data)
{
	struct ext2_inode_info *ei = EXT2_I(inode);
	struct ext2_inode *raw;
	struct buf b;
	int err = read_raw(inode->i_sb, inode->i_ino, &b, &raw);

	if (err)
		return err;
	spin_lock(&inode->i_lock);
	/* What the last owner of the place had behind the 128 bytes is not ours. */
	if (!raw->i_mode || raw->i_dtime)
		memset(raw, 0, EXT2_SB(inode->i_sb)->inode_size);
	copy_to_raw(inode, raw);
	spin_unlock(&inode->i_lock);
	buf_dirty(&b);
	brelse(&b);
	if (!test_bit(EXT2_DIRTY_ANY, &ei->dirty))
		set_bit(EXT2_DIRTY_ANY, &ei->dirty);
	if (data && !test_bit(EXT2_DIRTY_DATA, &ei->dirty))
		set_bit(EXT2_DIRTY_DATA, &ei->dirty);
	return 0;
}

/* ---- the end of an inode ---- */

/* The block of extended attributes, which other inodes may share. */
static void free_attributes(struct inode *inode)
{
	struct ext2_inode_info *ei = EXT2_I(inode);
	struct super_block *sb = inode->i_sb;
	struct ext2_xattr_header *h;
	struct buf b;
	u32 refs;

	if (!ei->file_acl || ext2_blocks_in_use(sb, ei->file_acl, 1) || bread(sb, ei->file_acl, &b))
		return;
	h = b.data;
	refs = le32_to_cpu(h->h_refcount);
	if (h->h_magic != cpu_to_le32(EXT2_XATTR_MAGIC) || !refs) {
		ext2_error(sb, "inode %llu: bad attributes at block %u", inode->i_ino,
			   ei->file_acl);
	} else if (refs > 1) {
		h->h_refcount = cpu_to_le32(refs - 1);
		buf_dirty(&b);
	} else {
		bforget(sb, ei->file_acl, 1);
		ext2_free_blocks(sb, ei->file_acl, 1);
	}
	brelse(&b);
	ei->file_acl = 0;
}

static bool has_blocks(const struct inode *inode)
{
	return S_ISREG(inode->i_mode) || S_ISDIR(inode->i_mode) ||
	       (S_ISLNK(inode->i_mode) && !inode->i_link);
}

static void delete_inode(struct inode *inode)
{
	struct ext2_inode_info *ei = EXT2_I(inode);

	inode->i_size = 0;
	if (has_blocks(inode) && ext2_free_from(inode, 0))
		pr_err_ratelimited("EXT2-fs: not all blocks of the deleted inode %llu are free\n",
				   inode->i_ino);
	free_attributes(inode);
	inode->i_blocks = 0;
	ei->dtime = current_time(inode).tv_sec;
	ext2_update_inode(inode, true);
	ext2_free_inode(inode);
}

void ext2_evict_inode(struct inode *inode)
{
	struct ext2_inode_info *ei = EXT2_I(inode);
	bool hashed = !hlist_unhashed(&inode->i_hash);

	if (!ei)
		return;
	if (inode->i_nlink && inode->i_data.nrpages && hashed)
		filemap_write_and_wait(&inode->i_data);
	truncate_inode_pages_range(&inode->i_data, 0, -1);
	if (!inode->i_nlink && hashed && !(inode->i_sb->s_flags & SB_RDONLY))
		delete_inode(inode);
	inode->i_private = NULL;
	kmem_cache_free(ext2_inode_cachep, ei);
}

/* ---- size ---- */

int ext2_zero_part(struct inode *inode, loff_t pos, size_t n)
{
	size_t in = pos & ~PAGE_MASK;
	struct ext2_extent ext;
	struct folio *folio;
	int err;

	err = ext2_map_blocks(inode, pos >> inode->i_blkbits, 1, false, &ext);
	if (err || !ext.phys)
		return err;
	folio = read_mapping_folio(inode->i_mapping, pos >> PAGE_SHIFT, NULL);
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	folio_lock(folio);
	if (folio->mapping == inode->i_mapping) {
		memset(folio_address(folio) + in, 0, n);
		iomap_dirty_range(inode->i_mapping, folio, in, n);
	}
	folio_unlock(folio);
	folio_put(folio);
	return 0;
}

int ext2_zero_tail(struct inode *inode, loff_t size)
{
	size_t block = inode->i_sb->s_blocksize, off = size & (block - 1);

	return off ? ext2_zero_part(inode, size, block - off) : 0;
}

/*
 * Not all blocks of that page had to exist so far. And a mapping may have stored behind the end of the file, where ext2_zero_tail()
 * clears one block only: what the file gets now is zeroes.
 */
void ext2_protect_tail(struct inode *inode, loff_t old)
{
	struct folio *folio;

	if (inode->i_sb->s_blocksize == PAGE_SIZE || !(old & ~PAGE_MASK))
		return;
	folio = filemap_lock_folio(inode->i_mapping, old >> PAGE_SHIFT);
	if (!folio)
		return;
	if (mapping_ops->mkclean(folio))
		folio_mark_dirty(folio);
	memset(folio_address(folio) + (old & ~PAGE_MASK), 0, PAGE_SIZE - (old & ~PAGE_MASK));
	folio_unlock(folio);
	folio_put(folio);
}

static int set_size(struct inode *inode, loff_t size)
{
	loff_t old = inode->i_size;
	int err;

	if (size > EXT2_SB(inode->i_sb)->max_size)
		return -EFBIG;
	err = ext2_zero_tail(inode, min(size, old));
	if (err)
		return err;
	inode->i_mtime = inode->i_ctime = current_time(inode);
	if (size >= old) {
		ext2_protect_tail(inode, old);
		WRITE_ONCE(inode->i_size, size);
		return ext2_update_inode(inode, true);
	}
	down_write(&inode->i_mapping->invalidate_lock);
	WRITE_ONCE(inode->i_size, size);
	truncate_pagecache(inode, size);
	err = ext2_free_from(inode, (size + inode->i_sb->s_blocksize - 1) >> inode->i_blkbits);
	up_write(&inode->i_mapping->invalidate_lock);
	return err;
}

int ext2_setattr(struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int err;

	if (EXT2_I(inode)->flags & (EXT2_IMMUTABLE_FL | EXT2_APPEND_FL))
		return -EPERM;
	if (attr->ia_valid & ATTR_SIZE) {
		if (!S_ISREG(inode->i_mode))
			return -EINVAL;
		err = set_size(inode, attr->ia_size);
		if (err)
			return err;
	}
	/* The disk has seconds. */
	attr->ia_atime.tv_nsec = attr->ia_mtime.tv_nsec = 0;
	setattr_copy(inode, attr);
	return ext2_update_inode(inode, false);
}
