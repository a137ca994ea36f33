/*
 * Blocks of an ext2: which are free, taking and giving back runs of them.
 *
 * 1. A bit for each block of a group, in one block of the device. Taking looks at the goal first (behind the file's last block), then
 *    for eight free ones in a row from there on, then for any; then in the next group. A run is taken at once: one look at the
 *    bitmap, however long it is.
 * 2. A bitmap is checked when its group is used for the first time: what the group's own metadata lie on must be taken.
 * 3. Some blocks are kept for the superuser (or resuid=, resgid=): others get ENOSPC when only these are left.
 *
 * Invariant: free_blocks is the sum of the groups' counts. Locks: sbi->lock. Mirrors Linux fs/ext2/balloc.c.
 * Exercised by tests/user/ext2.c.
 */
#include "kernel/cred.h"
#include "kernel/current.h"
#include "kernel/fs/ext2/ext2.h"
#include "lib/bitmap.h"
#include "lib/errno.h"

#define RUN_WISHED 8 /* free blocks in a row, for a file that has no place yet */

static bool is_power_of(unsigned int n, unsigned int base)
{
	while (n > base && n % base == 0)
		n /= base;
	return n == base;
}

bool ext2_bg_has_super(const struct ext2_sb_info *sbi, unsigned int group)
{
	if (!(sbi->es->s_feature_ro_compat & EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER) || group <= 1)
		return true;
	return (group & 1) &&
	       (is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7));
}

static bool overlaps(u32 a, u32 a_nr, u32 b, u32 b_nr)
{
	return a < b + b_nr && b < a + a_nr;
}

static bool hits_metadata(const struct ext2_sb_info *sbi, unsigned int group, u32 block, u32 nr)
{
	const struct ext2_group_desc *desc = ext2_group_desc(sbi, group);

	return overlaps(block, nr, le32_to_cpu(desc->bg_inode_table), sbi->itb_per_group) ||
	       overlaps(block, nr, le32_to_cpu(desc->bg_block_bitmap), 1) ||
	       overlaps(block, nr, le32_to_cpu(desc->bg_inode_bitmap), 1) ||
	       (ext2_bg_has_super(sbi, group) &&
		overlaps(block, nr, ext2_group_first_block(sbi, group), 1 + sbi->gdt_blocks));
}

bool ext2_data_block_valid(const struct ext2_sb_info *sbi, u32 block, u32 nr)
{
	unsigned int group, last;

	if (block < sbi->first_data_block || block >= sbi->blocks_count ||
	    nr > sbi->blocks_count - block)
		return false;
	last = ext2_group_of(sbi, block + nr - 1);
	for (group = ext2_group_of(sbi, block); group <= last; group++)
		if (hits_metadata(sbi, group, block, nr))
			return false;
	return true;
}

static bool range_set(const unsigned long *map, u32 from, u32 nr)
{
	return find_next_zero_bit(map, from + nr, from) >= from + nr;
}

/* The group's bitmap. => sbi->lock; brelse() */
static int read_block_bitmap(struct super_block *sb, unsigned int group, struct buf *b)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	const struct ext2_group_desc *desc = ext2_group_desc(sbi, group);
	u32 first = ext2_group_first_block(sbi, group);
	int err = bread(sb, le32_to_cpu(desc->bg_block_bitmap), b);

	if (err) {
		pr_err_ratelimited("EXT2-fs: cannot read the block bitmap of group %u: error %d\n",
				   group, err);
		return err;
	}
	if (likely(sbi->checked[group] & 1))
		return 0;
	if (!range_set(b->data, le32_to_cpu(desc->bg_block_bitmap) - first, 1) ||
	    !range_set(b->data, le32_to_cpu(desc->bg_inode_bitmap) - first, 1) ||
	    !range_set(b->data, le32_to_cpu(desc->bg_inode_table) - first, sbi->itb_per_group)) {
		brelse(b);
		return ext2_error(sb,
				  "block bitmap of group %u: the group's own blocks are free in it",
				  group);
	}
	sbi->checked[group] |= 1;
	return 0;
}

/* How many blocks current may take. => sbi->lock */
static u64 blocks_for_current(const struct ext2_sb_info *sbi)
{
	if (capable(CAP_SYS_RESOURCE) || current_fsuid() == sbi->resuid ||
	    (sbi->resgid && in_group_p(sbi->resgid)))
		return sbi->free_blocks;
	return sbi->free_blocks > sbi->r_blocks ? sbi->free_blocks - sbi->r_blocks : 0;
}

/* Where in the map a run should begin; size: nowhere. */
static u32 find_free(const unsigned long *map, u32 size, u32 start)
{
	u32 at = start;

	if (start < size && !test_bit(start, map))
		return start;
	at = bitmap_find_next_zero_area(map, size, start, RUN_WISHED, 0);
	if (at < size)
		return at;
	at = find_next_zero_bit(map, size, start);
	return at < size ? at : find_next_zero_bit(map, size, 0);
}

/* Takes a run in one group. 0: *nr became 0, it has none. => sbi->lock */
static int take_in_group(struct super_block *sb, unsigned int group, u32 start, u32 *first, u32 *nr)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	struct ext2_group_desc *desc = ext2_group_desc(sbi, group);
	u32 size = ext2_group_blocks(sbi, group), at, n = 0, max = *nr;
	struct buf b;
	int err;

	*nr = 0;
	max = min_t(u32, max, le16_to_cpu(desc->bg_free_blocks_count));
	if (!max)
		return 0;
	err = read_block_bitmap(sb, group, &b);
	if (err)
		return err;
	at = find_free(b.data, size, start);
	while (at + n < size && n < max && !test_bit(at + n, (unsigned long *)b.data))
		n++;
	*first = ext2_group_first_block(sbi, group) + at;
	if (n && !ext2_data_block_valid(sbi, *first, n)) {
		err = ext2_error(sb, "block bitmap of group %u: metadata at %u are free in it",
				 group, *first);
	} else if (n) {
		bitmap_set(b.data, at, n);
		buf_dirty(&b);
		desc->bg_free_blocks_count =
			cpu_to_le16(le16_to_cpu(desc->bg_free_blocks_count) - n);
		ext2_desc_dirty(sbi, group);
		sbi->free_blocks -= min_t(u64, n, sbi->free_blocks);
		*nr = n;
	}
	brelse(&b);
	return err;
}

int ext2_new_blocks(struct inode *inode, u32 goal, u32 *first, u32 *nr)
{
	struct super_block *sb = inode->i_sb;
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	u32 want = *nr, start;
	unsigned int group, i;
	int err = 0, one;

	if (goal < sbi->first_data_block || goal >= sbi->blocks_count)
		goal = ext2_group_first_block(sbi, EXT2_I(inode)->group);
	group = ext2_group_of(sbi, goal);
	start = goal - ext2_group_first_block(sbi, group);
	guard(mutex)(&sbi->lock);
	want = min_t(u64, want, blocks_for_current(sbi));
	/* The first group once more at the end, from its start. */
	for (i = 0; want && i <= sbi->groups_count; i++) {
		*nr = want;
		one = take_in_group(sb, group, start, first, nr);
		if (!one && *nr)
			return 0;
		if (one)
			err = one;
		if (++group == sbi->groups_count)
			group = 0;
		start = 0;
	}
	*nr = 0;
	return err ? err : -ENOSPC;
}

/* The part of [*block, *block + *nr) that is in one group, checked to be data. => sbi->lock; brelse() */
static int run_in_group(struct super_block *sb, u32 block, u32 nr, u32 *n, struct buf *b)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	unsigned int group = ext2_group_of(sbi, block);
	u32 at = block - ext2_group_first_block(sbi, group);
	int err;

	*n = min(nr, ext2_group_blocks(sbi, group) - at);
	err = read_block_bitmap(sb, group, b);
	if (!err && !range_set(b->data, at, *n)) {
		brelse(b);
		err = ext2_error(sb, "blocks %u to %u are in use and free at once", block,
				 block + *n - 1);
	}
	return err;
}

int ext2_free_blocks(struct super_block *sb, u32 block, u32 nr)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	int err = 0;
	u32 n;

	if (!ext2_data_block_valid(sbi, block, nr))
		return ext2_error(sb, "blocks %u, %u of them, are not data", block, nr);
	guard(mutex)(&sbi->lock);
	for (; nr; block += n, nr -= n) {
		unsigned int group = ext2_group_of(sbi, block);
		struct ext2_group_desc *desc = ext2_group_desc(sbi, group);
		struct buf b;

		err = run_in_group(sb, block, nr, &n, &b);
		if (err)
			break;
		bitmap_clear(b.data, block - ext2_group_first_block(sbi, group), n);
		buf_dirty(&b);
		brelse(&b);
		desc->bg_free_blocks_count =
			cpu_to_le16(min_t(u32, le16_to_cpu(desc->bg_free_blocks_count) + n,
					  ext2_group_blocks(sbi, group)));
		ext2_desc_dirty(sbi, group);
		sbi->free_blocks += n;
	}
	return err;
}

int ext2_blocks_in_use(struct super_block *sb, u32 block, u32 nr)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	struct buf b;
	int err = 0;
	u32 n;

	if (!ext2_data_block_valid(sbi, block, nr))
		return ext2_error(sb, "blocks %u, %u of them, are not data", block, nr);
	guard(mutex)(&sbi->lock);
	for (; nr && !err; block += n, nr -= n) {
		err = run_in_group(sb, block, nr, &n, &b);
		if (!err)
			brelse(&b);
	}
	return err;
}
