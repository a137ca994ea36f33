/*
 * Inodes of an ext2: which numbers are free, taking and giving back one.
 *
 * 1. Files go into the group of their directory, so that both are near each other; if it has no inode or no block left, into one found by
 *    jumps that double, then into any.
 * 2. Directories in the root are spread: the group with the fewest directories among those with more free inodes and blocks than the
 *    average. Others stay with their parent while its group is not worse than the average.
 *
 * Invariant: free_inodes and dirs are the sums of the groups' counts. Locks: sbi->lock. Mirrors Linux fs/ext2/ialloc.c.
 * Exercised by tests/user/ext2.c.
 */
#include "kernel/fs/ext2/ext2.h"
#include "kernel/random.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/string.h"

static u32 group_free_inodes(const struct ext2_sb_info *sbi, unsigned int group)
{
	return le16_to_cpu(ext2_group_desc(sbi, group)->bg_free_inodes_count);
}

static u32 group_free_blocks(const struct ext2_sb_info *sbi, unsigned int group)
{
	return le16_to_cpu(ext2_group_desc(sbi, group)->bg_free_blocks_count);
}

static u32 group_dirs(const struct ext2_sb_info *sbi, unsigned int group)
{
	return le16_to_cpu(ext2_group_desc(sbi, group)->bg_used_dirs_count);
}

/* At least as much free as the average group. */
static bool is_roomy(const struct ext2_sb_info *sbi, unsigned int group)
{
	return group_free_inodes(sbi, group) &&
	       group_free_inodes(sbi, group) >= sbi->free_inodes / sbi->groups_count &&
	       group_free_blocks(sbi, group) >= sbi->free_blocks / sbi->groups_count;
}

static unsigned int group_for_dir(const struct ext2_sb_info *sbi, unsigned int parent, bool top)
{
	unsigned int group, best = parent;
	u32 fewest = U32_MAX;

	if (!top && is_roomy(sbi, parent))
		return parent;
	for (group = 0; group < sbi->groups_count; group++) {
		if (is_roomy(sbi, group) && group_dirs(sbi, group) < fewest) {
			fewest = group_dirs(sbi, group);
			best = group;
		}
	}
	return best;
}

static unsigned int group_for_file(const struct ext2_sb_info *sbi, unsigned int parent)
{
	unsigned int group = parent, step;

	if (group_free_inodes(sbi, group) && group_free_blocks(sbi, group))
		return group;
	for (step = 1; step < sbi->groups_count; step <<= 1) {
		group = (group + step) % sbi->groups_count;
		if (group_free_inodes(sbi, group) && group_free_blocks(sbi, group))
			return group;
	}
	return parent;
}

/* The group's bitmap: the reserved inodes must be taken in the first one. => sbi->lock; brelse() */
static int read_inode_bitmap(struct super_block *sb, unsigned int group, struct buf *b)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	int err = bread(sb, le32_to_cpu(ext2_group_desc(sbi, group)->bg_inode_bitmap), b);

	if (err) {
		pr_err_ratelimited("EXT2-fs: cannot read the inode bitmap of group %u: error %d\n",
				   group, err);
		return err;
	}
	if (!group && find_next_zero_bit(b->data, sbi->first_ino - 1, 0) < sbi->first_ino - 1) {
		brelse(b);
		return ext2_error(sb, "inode bitmap: a reserved inode is free in it");
	}
	return 0;
}

/*
 * Takes one in this group: its number, 0: there is none. *used: somebody has it already, to be dropped without the lock.
 * => sbi->lock
 */
static int take_in_group(struct super_block *sb, unsigned int group, bool isdir, u32 *ino,
			 struct inode **used)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	struct ext2_group_desc *desc = ext2_group_desc(sbi, group);
	struct buf b;
	u32 bit;
	int err;

	*ino = 0;
	if (!desc->bg_free_inodes_count)
		return 0;
	err = read_inode_bitmap(sb, group, &b);
	if (err)
		return err;
	bit = find_first_zero_bit(b.data, sbi->inodes_per_group);
	if (bit < sbi->inodes_per_group) {
		*ino = group * sbi->inodes_per_group + bit + 1;
		*used = ilookup(sb, *ino);
		__set_bit(bit, b.data);
		buf_dirty(&b);
		desc->bg_free_inodes_count =
			cpu_to_le16(le16_to_cpu(desc->bg_free_inodes_count) - 1);
		sbi->free_inodes -= sbi->free_inodes ? 1 : 0;
		if (*used) {
			/* It stays marked: nobody shall stumble over it again. */
			err = ext2_error(sb, "inode %u is in use and free at once", *ino);
		} else if (isdir) {
			desc->bg_used_dirs_count =
				cpu_to_le16(le16_to_cpu(desc->bg_used_dirs_count) + 1);
			sbi->dirs++;
		}
		ext2_desc_dirty(sbi, group);
	}
	brelse(&b);
	return err;
}

static int alloc_ino(struct inode *dir, umode_t mode, u32 *ino)
{
	struct ext2_sb_info *sbi = EXT2_SB(dir->i_sb);
	unsigned int group = EXT2_I(dir)->group, i;
	bool isdir = S_ISDIR(mode);
	struct inode *used = NULL;
	int err = 0, one;

	*ino = 0;
	mutex_lock(&sbi->lock);
	group = isdir ? group_for_dir(sbi, group, dir->i_ino == EXT2_ROOT_INO)
		      : group_for_file(sbi, group);
	/* A group that cannot be read leaves the others. */
	for (i = 0; i < sbi->groups_count && !*ino; i++) {
		one = take_in_group(dir->i_sb, group, isdir, ino, &used);
		if (one)
			err = one;
		if (++group == sbi->groups_count)
			group = 0;
	}
	mutex_unlock(&sbi->lock);
	iput(used);
	return *ino ? 0 : err ? err : -ENOSPC;
}

/* Gives a number back. */
static int free_ino(struct super_block *sb, u32 ino, bool isdir)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	unsigned int group = (ino - 1) / sbi->inodes_per_group;
	struct ext2_group_desc *desc = ext2_group_desc(sbi, group);
	struct buf b;
	int err;

	if (ino < sbi->first_ino || ino > sbi->inodes_count)
		return ext2_error(sb, "inode %u is reserved and cannot be freed", ino);
	guard(mutex)(&sbi->lock);
	err = read_inode_bitmap(sb, group, &b);
	if (err)
		return err;
	if (!test_bit((ino - 1) % sbi->inodes_per_group, (unsigned long *)b.data)) {
		err = ext2_error(sb, "inode %u is free already", ino);
	} else {
		__clear_bit((ino - 1) % sbi->inodes_per_group, b.data);
		buf_dirty(&b);
		desc->bg_free_inodes_count = cpu_to_le16(min_t(
			u32, le16_to_cpu(desc->bg_free_inodes_count) + 1, sbi->inodes_per_group));
		sbi->free_inodes++;
		if (isdir && desc->bg_used_dirs_count) {
			desc->bg_used_dirs_count =
				cpu_to_le16(le16_to_cpu(desc->bg_used_dirs_count) - 1);
			sbi->dirs -= sbi->dirs ? 1 : 0;
		}
		ext2_desc_dirty(sbi, group);
	}
	brelse(&b);
	return err;
}

int ext2_free_inode(struct inode *inode)
{
	return free_ino(inode->i_sb, inode->i_ino, S_ISDIR(inode->i_mode));
}

struct inode *ext2_new_inode(struct inode *dir, umode_t mode)
{
	struct super_block *sb = dir->i_sb;
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	struct ext2_inode_info *ei;
	struct inode *inode;
	u32 ino;
	int err;

	inode = new_inode(sb);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->i_nlink = 1;
	err = ext2_init_inode(inode);
	if (!err)
		err = alloc_ino(dir, mode, &ino);
	if (err)
		goto fail;
	ei = EXT2_I(inode);
	inode_init_owner(inode, dir, mode);
	if (sbi->grpid)
		inode->i_gid = dir->i_gid;
	inode->i_ino = ino;
	ei->group = (ino - 1) / sbi->inodes_per_group;
	ei->generation = get_random_u32();
	ei->flags = EXT2_I(dir)->flags & EXT2_FL_INHERITED;
	if (!S_ISDIR(mode))
		ei->flags &= S_ISREG(mode) ? ~0x10000u : EXT2_NOATIME_FL;
	insert_inode_hash(inode);
	err = ext2_update_inode(inode, true);
	if (!err)
		return inode;
	clear_nlink(inode);
fail:
	iput(inode);
	return ERR_PTR(err);
}
