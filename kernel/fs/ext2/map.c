/*
 * From the blocks of a file to blocks of the disk: the tree of block numbers of an ext2 inode.
 *
 * 1. A path is the way from the inode to one number: up to four places (i_data, then blocks of numbers), of which those behind a 0
 *    do not exist. The last place leads to the data block.
 * 2. Neighbours in the last block that follow each other on the disk are one extent; so are neighbours that are all 0.
 * 3. Allocating makes first everything that is new (blocks of numbers, data), and hangs it into the tree by one number at the end.
 * 4. Freeing goes through the part of the tree behind the new end, or between the ends of a hole that is being made. Each block of numbers must be marked as in use before its contents are
 *    believed: so a tree with a circle in it, or one block in two places, ends with an error and not in an endless walk.
 *
 * Locks: ei->tree_lock; sbi->lock inside. Mirrors Linux fs/ext2/inode.c. Exercised by tests/user/ext2.c.
 */
#include "kernel/bug.h"
#include "kernel/fs/ext2/ext2.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "lib/string.h"

#define MAX_DEPTH 4

struct ext2_path {
	int depth;	    /* numbers on the way; the last one is the data's */
	int level;	    /* the last place that exists */
	u32 off[MAX_DEPTH]; /* place of the number in its array */
	u32 room;	    /* places from the last one to the end of its array */
	__le32 *slot[MAX_DEPTH];
	struct buf buf[MAX_DEPTH]; /* that slot is in; none for 0 */
};

/* False: a file has no such block. */
static bool block_to_path(const struct ext2_sb_info *sbi, u64 lblk, struct ext2_path *p)
{
	u64 ptrs = sbi->addr_per_block;
	unsigned int bits = sbi->addr_bits;
	int i;

	if (lblk < EXT2_NDIR_BLOCKS) {
		p->depth = 1;
		p->off[0] = lblk;
		p->room = EXT2_NDIR_BLOCKS - lblk;
		return true;
	}
	lblk -= EXT2_NDIR_BLOCKS;
	for (p->depth = 2; p->depth <= MAX_DEPTH; p->depth++) {
		u64 span = 1ULL << (bits * (p->depth - 1));

		if (lblk < span)
			break;
		lblk -= span;
	}
	if (p->depth > MAX_DEPTH)
		return false;
	p->off[0] = EXT2_IND_BLOCK + p->depth - 2;
	for (i = p->depth - 1; i > 0; i--) {
		p->off[i] = lblk & (ptrs - 1);
		lblk >>= bits;
	}
	p->room = ptrs - p->off[p->depth - 1];
	return true;
}

static void path_release(struct ext2_path *p)
{
	int i;

	for (i = 1; i <= p->level; i++)
		brelse(&p->buf[i]);
	p->level = 0;
}

/* As far as the tree goes. => tree_lock; path_release(), also after an error */
static int path_walk_tree(struct inode *inode, struct ext2_path *p)
{
	struct super_block *sb = inode->i_sb;
	u32 block;
	int err;

	p->level = 0;
	p->slot[0] = EXT2_I(inode)->i_data + p->off[0];
	while (p->level < p->depth - 1) {
		block = le32_to_cpu(*p->slot[p->level]);
		if (!block)
			return 0;
		if (!ext2_data_block_valid(EXT2_SB(sb), block, 1))
			return ext2_error(sb, "inode %llu: block of numbers at %u", inode->i_ino,
					  block);
		err = bread(sb, block, &p->buf[p->level + 1]);
		if (err)
			return err;
		p->level++;
		p->slot[p->level] = (__le32 *)p->buf[p->level].data + p->off[p->level];
	}
	return 0;
}

/* Blocks of the file from this path's on that are missing together, because the number at its last place is 0. */
static u32 hole_below(const struct ext2_sb_info *sbi, const struct ext2_path *p)
{
	u64 span = 1, pos = 0;
	int i;

	for (i = p->depth - 1; i > p->level; i--) {
		pos += p->off[i] * span;
		span <<= sbi->addr_bits;
	}
	return span - pos;
}

/* What the path's end tells. */
static int read_extent(struct inode *inode, const struct ext2_path *p, u32 max,
		       struct ext2_extent *ext)
{
	const struct ext2_sb_info *sbi = EXT2_SB(inode->i_sb);
	const __le32 *slot = p->slot[p->level];
	u32 first = le32_to_cpu(*slot), n = 1;

	ext->fresh = false;
	ext->phys = first;
	if (p->level < p->depth - 1) {
		ext->len = hole_below(sbi, p);
		return 0;
	}
	max = min(max, p->room);
	while (n < max && le32_to_cpu(slot[n]) == (first ? first + n : 0))
		n++;
	ext->len = n;
	if (first && !ext2_data_block_valid(sbi, first, n))
		return ext2_error(inode->i_sb, "inode %llu: data at %u to %u", inode->i_ino, first,
				  first + n - 1);
	return 0;
}

static int lookup_extent(struct inode *inode, struct ext2_path *p, u32 max, struct ext2_extent *ext)
{
	int err = path_walk_tree(inode, p);

	if (!err)
		err = read_extent(inode, p, max, ext);
	return err;
}

/* ---- allocating ---- */

static u32 find_goal(struct inode *inode, const struct ext2_path *p, u32 lblk)
{
	const struct ext2_inode_info *ei = EXT2_I(inode);
	const __le32 *slot = p->slot[p->level];
	u32 i;

	if (ei->last_lblk && lblk == ei->last_lblk)
		return ei->last_pblk;
	for (i = 1; i <= p->off[p->level] && i <= 64; i++)
		if (slot[-(long)i])
			return le32_to_cpu(slot[-(long)i]) + i;
	return p->level ? p->buf[p->level].block + 1 : 0;
}

/* Blocks that are not in the tree yet. */
struct new_branch {
	int nr_ind;
	u32 ind[MAX_DEPTH], data, nr_data;
};

static void drop_branch(struct super_block *sb, struct new_branch *br)
{
	int i;

	for (i = 0; i < br->nr_ind; i++) {
		bforget(sb, br->ind[i], 1);
		ext2_free_blocks(sb, br->ind[i], 1);
	}
	if (br->nr_data)
		ext2_free_blocks(sb, br->data, br->nr_data);
}

/* Takes `missing` blocks of numbers and up to want of data. */
static int alloc_branch(struct inode *inode, u32 goal, int missing, u32 want, struct new_branch *br)
{
	u32 n;
	int err;

	br->nr_data = 0;
	for (br->nr_ind = 0; br->nr_ind < missing; br->nr_ind++) {
		n = 1;
		err = ext2_new_blocks(inode, goal, &br->ind[br->nr_ind], &n);
		if (err)
			goto fail;
		goal = br->ind[br->nr_ind] + 1;
	}
	br->nr_data = want;
	err = ext2_new_blocks(inode, goal, &br->data, &br->nr_data);
	if (!err)
		return 0;
fail:
	drop_branch(inode->i_sb, br);
	return err;
}

static void fill_run(__le32 *slot, u32 first, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		slot[i] = cpu_to_le32(first + i);
}

/* Writes the new blocks of numbers: each leads to the next, the last to the data. */
static int fill_branch(struct inode *inode, const struct ext2_path *p, const struct new_branch *br)
{
	int i, err;

	for (i = br->nr_ind - 1; i >= 0; i--) {
		bool last = i == br->nr_ind - 1;
		struct buf b;
		__le32 *slot;

		err = getblk(inode->i_sb, br->ind[i], &b);
		if (err)
			return err;
		slot = (__le32 *)b.data + p->off[p->level + 1 + i];
		fill_run(slot, last ? br->data : br->ind[i + 1], last ? br->nr_data : 1);
		buf_dirty(&b);
		brelse(&b);
	}
	return 0;
}

static void account_blocks(struct inode *inode, s64 nr)
{
	s64 sectors = nr * (1LL << (inode->i_blkbits - 9));

	spin_lock(&inode->i_lock);
	inode->i_blocks = (s64)inode->i_blocks + sectors < 0 ? 0 : inode->i_blocks + sectors;
	spin_unlock(&inode->i_lock);
}

/* The path ends at a 0: a run of data there. => tree_lock for writing */
static int alloc_extent(struct inode *inode, struct ext2_path *p, u32 lblk, u32 max,
			struct ext2_extent *ext)
{
	struct ext2_inode_info *ei = EXT2_I(inode);
	int missing = p->depth - 1 - p->level, err;
	u32 want = missing ? min(max, p->room) : min(max, ext->len);
	struct new_branch br;

	err = alloc_branch(inode, find_goal(inode, p, lblk), missing, want, &br);
	if (err)
		return err;
	err = fill_branch(inode, p, &br);
	if (err) {
		drop_branch(inode->i_sb, &br);
		return err;
	}
	if (missing)
		fill_run(p->slot[p->level], br.ind[0], 1);
	else
		fill_run(p->slot[p->level], br.data, br.nr_data);
	if (p->level)
		buf_dirty(&p->buf[p->level]);
	ei->last_lblk = lblk + br.nr_data;
	ei->last_pblk = br.data + br.nr_data;
	account_blocks(inode, br.nr_ind + br.nr_data);
	ext2_has_fresh(inode);
	*ext = (struct ext2_extent){ .phys = br.data, .len = br.nr_data, .fresh = true };
	return 0;
}

int ext2_map_blocks(struct inode *inode, u32 lblk, u32 max, bool create, struct ext2_extent *ext)
{
	struct ext2_inode_info *ei = EXT2_I(inode);
	struct ext2_path p;
	int err;

	if (!block_to_path(EXT2_SB(inode->i_sb), lblk, &p))
		return -EFBIG;
	down_read(&ei->tree_lock);
	err = lookup_extent(inode, &p, max, ext);
	path_release(&p);
	up_read(&ei->tree_lock);
	if (err || ext->phys || !create)
		return err;
	if (unlikely(inode->i_sb->s_flags & SB_RDONLY))
		return -EROFS;
	down_write(&ei->tree_lock);
	err = lookup_extent(inode, &p, max, ext);
	if (!err && !ext->phys)
		err = alloc_extent(inode, &p, lblk, max, ext);
	path_release(&p);
	up_write(&ei->tree_lock);
	/* A disk that is full of errors is not written: the inode says nothing about it. */
	if (!err && ext->fresh)
		err = ext2_update_inode(inode, true);
	return err;
}

/* ---- freeing ---- */

static int free_run(struct inode *inode, u32 first, u32 nr)
{
	int err;

	if (!nr)
		return 0;
	/* Contents of these are in the device's cache. */
	if (!S_ISREG(inode->i_mode) && ext2_data_block_valid(EXT2_SB(inode->i_sb), first, nr))
		bforget(inode->i_sb, first, nr);
	err = ext2_free_blocks(inode->i_sb, first, nr);
	if (!err)
		account_blocks(inode, -(s64)nr);
	return err;
}

/* Data blocks that the numbers at slots lead to. */
static int free_data(struct inode *inode, __le32 *slots, u32 n)
{
	u32 i, first = 0, nr = 0;
	int err = 0;

	for (i = 0; i < n && !err; i++) {
		u32 block = le32_to_cpu(slots[i]);

		slots[i] = 0;
		if (nr && block == first + nr) {
			nr++;
			continue;
		}
		err = free_run(inode, first, nr);
		first = block;
		nr = block ? 1 : 0;
	}
	return err ? err : free_run(inode, first, nr);
}

static int free_slots(struct inode *inode, __le32 *slots, int depth, u64 from, u64 to);

/*
 * Of a block of numbers the blocks [from, to) behind it. If these are all it leads to, it goes as well; else it stays, even if only
 * zeroes are left in it. depth: 1 leads to data.
 */
static int free_tree(struct inode *inode, u32 block, int depth, u64 from, u64 to)
{
	struct super_block *sb = inode->i_sb;
	bool all = !from && to == 1ULL << (EXT2_SB(sb)->addr_bits * depth);
	struct buf b;
	int err = ext2_blocks_in_use(sb, block, 1);

	if (!err)
		err = bread(sb, block, &b);
	if (err)
		return err;
	err = free_slots(inode, b.data, depth - 1, from, to);
	buf_dirty(&b);
	brelse(&b);
	if (err || !all)
		return err;
	bforget(sb, block, 1);
	err = ext2_free_blocks(sb, block, 1);
	if (!err)
		account_blocks(inode, -1);
	return err;
}

/* The blocks [from, to), counted from the first number, each of which leads to addr_per_block ^ depth of them. */
static int free_slots(struct inode *inode, __le32 *slots, int depth, u64 from, u64 to)
{
	unsigned int shift = EXT2_SB(inode->i_sb)->addr_bits * depth;
	u64 span = 1ULL << shift, next;
	int err;

	if (!depth)
		return free_data(inode, slots + from, to - from);
	for (; from < to; from = next) {
		__le32 *slot = slots + (from >> shift);
		u64 base = from & ~(span - 1);
		u32 block = le32_to_cpu(*slot);

		next = min(base + span, to);
		if (!block)
			continue;
		err = free_tree(inode, block, depth, from - base, next - base);
		if (err)
			return err;
		if (next - from == span)
			*slot = 0;
		cond_resched();
	}
	return 0;
}

int ext2_free_range(struct inode *inode, u64 first, u64 end)
{
	struct ext2_sb_info *sbi = EXT2_SB(inode->i_sb);
	struct ext2_inode_info *ei = EXT2_I(inode);
	u64 base = 0;
	int depth, err = 0, one;

	down_write(&ei->tree_lock);
	ei->last_lblk = 0;
	for (depth = 0; depth < MAX_DEPTH && !err; depth++) {
		u64 span = depth ? 1ULL << (sbi->addr_bits * depth) : EXT2_NDIR_BLOCKS;
		u64 from = first > base ? first - base : 0;
		u64 to = end > base ? min(end - base, span) : 0;
		__le32 *slots = ei->i_data + (depth ? EXT2_IND_BLOCK + depth - 1 : 0);

		if (from < to)
			err = free_slots(inode, slots, depth, from, to);
		base += span;
	}
	up_write(&ei->tree_lock);
	one = ext2_update_inode(inode, true);
	return err ? err : one;
}

int ext2_free_from(struct inode *inode, u64 lblk)
{
	return ext2_free_range(inode, lblk, U64_MAX);
}

/* ---- for the page cache ---- */

static int ext2_iomap_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
			    struct iomap *iomap)
{
	unsigned int bits = inode->i_blkbits;
	u64 lblk = (u64)pos >> bits, last = (u64)(pos + length - 1) >> bits;
	struct ext2_extent ext;
	int err;

	if (lblk > U32_MAX)
		return -EFBIG;
	err = ext2_map_blocks(inode, lblk, min(last - lblk + 1, (u64)U32_MAX), flags & IOMAP_WRITE,
			      &ext);
	if (err)
		return err;
	*iomap = (struct iomap){
		.addr = ext.phys ? (u64)ext.phys << bits : IOMAP_NULL_ADDR,
		.offset = lblk << bits,
		.length = (u64)ext.len << bits,
		.type = ext.phys ? IOMAP_MAPPED : IOMAP_HOLE,
		.flags = ext.fresh ? IOMAP_F_NEW : 0,
		.bdev = inode->i_sb->s_bdev,
	};
	return 0;
}

const struct iomap_ops ext2_iomap_ops = { .iomap_begin = ext2_iomap_begin };
