/*
 * Mounting an ext2: the super block, the descriptors of the groups, options, and the end.
 *
 * 1. A file system is mounted only if all numbers that are used later without another look fit together: sizes, counts, and where each
 *    group's bitmaps and table are. Features that are not known are refused: for writing, or at all.
 * 2. Mounted for writing, the super block says so on the disk (s_state), until the file system has been unmounted: then everything else
 *    is written first. Whoever finds it otherwise knows that e2fsck is due.
 * 3. Damage that is found (ext2_error) is marked in s_state for good; errors= says what follows: nothing more (continue), no
 *    writing (remount-ro), or panic. A disk that asks for panic by itself gets remount-ro: only who mounts may ask for that.
 *
 * Locks: sbi->lock for the counts. Mirrors Linux fs/ext2/super.c. Exercised by tests/user/ext2.c, tests/boot/test_ext2.py.
 */
#include "kernel/block/genhd.h"
#include "kernel/bug.h"
#include "kernel/fs/ext2/ext2.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/seq_file.h"
#include "kernel/init.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/kva/vmalloc.h"
#include "mm/slab/slab.h"

#define SUPER_OFFSET 1024

/* "ram0", in a buffer on the caller's stack. */
#define SB_NAME(sb) bdev_name((sb)->s_bdev, (char[BDEVNAME_SIZE]){ 0 }, BDEVNAME_SIZE)

int ext2_error(struct super_block *sb, const char *fmt, ...)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	static struct ratelimit_state limit;
	char text[160];
	va_list args;

	va_start(args, fmt);
	vscnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (___ratelimit(&limit, __func__))
		pr_err("EXT2-fs (%s): error: %s\n", SB_NAME(sb), text);
	if (sb->s_flags & SB_RDONLY)
		return -EUCLEAN;
	sbi->mount_state |= EXT2_ERROR_FS;
	sbi->es->s_state |= cpu_to_le16(EXT2_ERROR_FS);
	buf_dirty(&sbi->sbuf);
	if (sbi->errors == EXT2_ERRORS_PANIC)
		panic("EXT2-fs (%s): panic forced after error", SB_NAME(sb));
	if (sbi->errors == EXT2_ERRORS_RO) {
		pr_err("EXT2-fs (%s): from now on read-only\n", SB_NAME(sb));
		sb->s_flags |= SB_RDONLY;
	}
	return -EUCLEAN;
}

/* ---- options ---- */

struct ext2_options {
	unsigned int errors;
	u32 resuid, resgid;
	bool minix_df, grpid;
};

static bool parse_errors(const char *value, unsigned int *errors)
{
	if (!strcmp(value, "continue"))
		*errors = EXT2_ERRORS_CONTINUE;
	else if (!strcmp(value, "remount-ro"))
		*errors = EXT2_ERRORS_RO;
	else if (!strcmp(value, "panic"))
		*errors = EXT2_ERRORS_PANIC;
	else
		return false;
	return true;
}

/* One word without a value. */
static bool parse_flag(const char *word, struct ext2_options *opt)
{
	if (!strcmp(word, "minixdf"))
		opt->minix_df = true;
	else if (!strcmp(word, "bsddf"))
		opt->minix_df = false;
	else if (!strcmp(word, "grpid") || !strcmp(word, "bsdgroups"))
		opt->grpid = true;
	else if (!strcmp(word, "nogrpid") || !strcmp(word, "sysvgroups"))
		opt->grpid = false;
	else
		/* What is so anyway. */
		return !strcmp(word, "nocheck") || !strcmp(word, "noacl") ||
		       !strcmp(word, "nouser_xattr") || !strcmp(word, "noquota");
	return true;
}

static bool parse_value(const char *word, const char *value, struct ext2_options *opt)
{
	if (!strcmp(word, "errors"))
		return parse_errors(value, &opt->errors);
	if (!strcmp(word, "resuid"))
		return !kstrtouint(value, 10, &opt->resuid);
	if (!strcmp(word, "resgid"))
		return !kstrtouint(value, 10, &opt->resgid);
	return !strcmp(word, "check") && !strcmp(value, "none");
}

static int parse_options(struct super_block *sb, char *data, struct ext2_options *opt)
{
	char *word, *value;

	while (data && (word = strsep(&data, ",")) != NULL) {
		if (!*word)
			continue;
		value = strchr(word, '=');
		if (value)
			*value++ = 0;
		if (value ? parse_value(word, value, opt) : parse_flag(word, opt))
			continue;
		pr_err("EXT2-fs (%s): unknown mount option or bad value: %s%s%s\n", SB_NAME(sb),
		       word, value ? "=" : "", value ? value : "");
		return -EINVAL;
	}
	return 0;
}

static void get_options(const struct ext2_sb_info *sbi, struct ext2_options *opt)
{
	*opt = (struct ext2_options){ .errors = sbi->errors,
				      .resuid = sbi->resuid,
				      .resgid = sbi->resgid,
				      .minix_df = sbi->minix_df,
				      .grpid = sbi->grpid };
}

static void set_options(struct ext2_sb_info *sbi, const struct ext2_options *opt)
{
	sbi->errors = opt->errors;
	sbi->resuid = opt->resuid;
	sbi->resgid = opt->resgid;
	sbi->minix_df = opt->minix_df;
	sbi->grpid = opt->grpid;
}

static int ext2_show_options(struct seq_file *m, struct dentry *root)
{
	static const char *const names[] = { "continue", "remount-ro", "panic" };
	const struct ext2_sb_info *sbi = EXT2_SB(root->d_sb);

	seq_printf(m, ",errors=%s", names[sbi->errors - 1]);
	if (sbi->minix_df)
		seq_puts(m, ",minixdf");
	if (sbi->grpid)
		seq_puts(m, ",grpid");
	if (sbi->resuid != le16_to_cpu(sbi->es->s_def_resuid))
		seq_printf(m, ",resuid=%u", sbi->resuid);
	if (sbi->resgid != le16_to_cpu(sbi->es->s_def_resgid))
		seq_printf(m, ",resgid=%u", sbi->resgid);
	return 0;
}

/* ---- the super block ---- */

/* The counts that are kept in memory. */
static void store_counts(struct ext2_sb_info *sbi)
{
	struct ext2_super_block *es = sbi->es;

	guard(mutex)(&sbi->lock);
	if (le32_to_cpu(es->s_free_blocks_count) == sbi->free_blocks &&
	    le32_to_cpu(es->s_free_inodes_count) == sbi->free_inodes)
		return;
	es->s_free_blocks_count = cpu_to_le32(sbi->free_blocks);
	es->s_free_inodes_count = cpu_to_le32(sbi->free_inodes);
	buf_dirty(&sbi->sbuf);
}

static u32 now_seconds(void)
{
	struct timespec64 ts;

	ktime_get_real_ts64(&ts);
	return ts.tv_sec;
}

static int sync_device(struct super_block *sb)
{
	int err = filemap_write_and_wait(sb->s_bdev->bd_inode->i_mapping);
	int flush = blkdev_issue_flush(sb->s_bdev);

	return err ? err : flush;
}

static int write_state(struct super_block *sb, u16 state)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);

	sbi->es->s_state = cpu_to_le16(state);
	sbi->es->s_wtime = cpu_to_le32(now_seconds());
	buf_dirty(&sbi->sbuf);
	return buf_sync(&sbi->sbuf);
}

/* From now on it is written: the disk says that it is in use. */
static int start_writing(struct super_block *sb)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	struct ext2_super_block *es = sbi->es;

	sbi->mount_state = le16_to_cpu(es->s_state);
	sbi->wb_err = errseq_sample(&sb->s_bdev->bd_inode->i_mapping->wb_err);
	if (!(sbi->mount_state & EXT2_VALID_FS))
		pr_warn("EXT2-fs (%s): was not unmounted: running e2fsck is recommended\n",
			SB_NAME(sb));
	else if (sbi->mount_state & EXT2_ERROR_FS)
		pr_warn("EXT2-fs (%s): has errors: running e2fsck is recommended\n", SB_NAME(sb));
	es->s_mnt_count = cpu_to_le16(le16_to_cpu(es->s_mnt_count) + 1);
	es->s_mtime = cpu_to_le32(now_seconds());
	return write_state(sb, sbi->mount_state & ~EXT2_VALID_FS);
}

/* Metadata that the flusher could not write are lost: syncfs says so, and the disk will, so that it gets checked. */
static void note_write_errors(struct super_block *sb)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	int err;

	guard(mutex)(&sbi->lock);
	err = errseq_check_and_advance(&sb->s_bdev->bd_inode->i_mapping->wb_err, &sbi->wb_err);
	if (!err)
		return;
	errseq_set(&sb->s_wb_err, err);
	sbi->mount_state |= EXT2_ERROR_FS;
}

/* Everything is on the disk, and only then the disk says so. */
static int end_writing(struct super_block *sb)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	int err;

	store_counts(sbi);
	err = sync_device(sb);
	note_write_errors(sb);
	if (!err)
		err = write_state(sb, sbi->mount_state);
	if (!err)
		err = blkdev_issue_flush(sb->s_bdev);
	if (err)
		pr_err("EXT2-fs (%s): could not be written out: error %d\n", SB_NAME(sb), err);
	return err;
}

static int ext2_sync_fs(struct super_block *sb, int wait)
{
	int err;

	if (sb->s_flags & SB_RDONLY)
		return 0;
	store_counts(EXT2_SB(sb));
	if (!wait)
		return 0;
	err = sync_device(sb);
	note_write_errors(sb);
	return err;
}

/* ---- data before metadata ---- */

void ext2_has_fresh(struct inode *inode)
{
	struct ext2_sb_info *sbi = EXT2_SB(inode->i_sb);
	unsigned long old = 0;

	if (!S_ISREG(inode->i_mode) || READ_ONCE(sbi->fresh) == inode->i_ino)
		return;
	if (!__atomic_compare_exchange_n(&sbi->fresh, &old, inode->i_ino, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED) &&
	    old != inode->i_ino)
		WRITE_ONCE(sbi->fresh, ~0UL);
}

static bool has_dirty_pages(const struct inode *inode)
{
	return mapping_tagged(&inode->i_data, PAGECACHE_TAG_DIRTY) ||
	       mapping_tagged(&inode->i_data, PAGECACHE_TAG_WRITEBACK);
}

static void write_data(struct inode *inode, void *arg)
{
	filemap_fdatawrite_range(&inode->i_data, 0, LLONG_MAX);
	filemap_fdatawait_range(&inode->i_data, 0, LLONG_MAX);
}

/*
 * What is at new blocks is written, and safe, before the metadata that lead there. Writing data looks blocks up and reads, and may be
 * the end of an inode; it never writes the device's cache, which would come back to here.
 */
static void order_data(struct super_block *sb)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	struct inode *inode;
	unsigned long fresh;

	/* Who finds nothing to be written waits for the one who is writing it. */
	guard(mutex)(&sbi->order_lock);
	fresh = __atomic_exchange_n(&sbi->fresh, 0, __ATOMIC_ACQ_REL);
	if (!fresh)
		return;
	if (fresh == ~0UL) {
		iterate_inodes(sb, has_dirty_pages, write_data, NULL);
	} else {
		inode = ilookup(sb, fresh);
		if (inode && has_dirty_pages(inode))
			write_data(inode, NULL);
		iput(inode);
	}
	blkdev_issue_flush(sb->s_bdev);
}

static void free_sb_info(struct ext2_sb_info *sbi)
{
	unsigned int i;

	for (i = 0; sbi->gdt && i < sbi->gdt_blocks; i++)
		brelse(&sbi->gdt[i]);
	brelse(&sbi->sbuf);
	kvfree(sbi->gdt);
	kvfree(sbi->checked);
	kfree(sbi);
}

static void ext2_put_super(struct super_block *sb)
{
	/*
	 * Who writes the device has no activity of ours, and order_data() may have held inodes while the others were evicted. All
	 * data are written: there is nothing to order any more.
	 */
	sb_order_writes(sb, NULL);
	evict_inodes(sb);
	if (!(sb->s_flags & SB_RDONLY))
		end_writing(sb);
	free_sb_info(EXT2_SB(sb));
	sb->s_fs_info = NULL;
}

static int ext2_statfs(struct super_block *sb, struct kstatfs *buf)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	u64 fsid;

	guard(mutex)(&sbi->lock);
	buf->f_type = EXT2_SUPER_MAGIC;
	buf->f_bsize = buf->f_frsize = sb->s_blocksize;
	buf->f_blocks = sbi->blocks_count - (sbi->minix_df ? 0 : sbi->overhead);
	buf->f_bfree = sbi->free_blocks;
	buf->f_bavail = sbi->free_blocks > sbi->r_blocks ? sbi->free_blocks - sbi->r_blocks : 0;
	buf->f_files = sbi->inodes_count;
	buf->f_ffree = sbi->free_inodes;
	buf->f_namelen = EXT2_NAME_LEN;
	memcpy(&fsid, sbi->es->s_uuid, sizeof(fsid));
	buf->f_fsid[0] = fsid;
	buf->f_fsid[1] = fsid >> 32;
	return 0;
}

/* Features that we do not have, for reading or for writing. */
static int check_features(struct super_block *sb, const struct ext2_super_block *es, bool write)
{
	u32 incompat = le32_to_cpu(es->s_feature_incompat) & ~EXT2_INCOMPAT_SUPP;
	u32 ro = le32_to_cpu(es->s_feature_ro_compat) & ~EXT2_RO_COMPAT_SUPP;

	if (!es->s_rev_level)
		return 0;
	if (incompat) {
		pr_err("EXT2-fs (%s): cannot mount: unsupported features (incompat %#x)\n",
		       SB_NAME(sb), incompat);
		return -EINVAL;
	}
	if (write && ro) {
		pr_err("EXT2-fs (%s): cannot mount for writing: unsupported features (ro_compat "
		       "%#x)\n",
		       SB_NAME(sb), ro);
		return -EROFS;
	}
	return 0;
}

static int ext2_remount(struct super_block *sb, int *flags, char *data)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	struct ext2_options opt;
	int err;

	get_options(sbi, &opt);
	err = parse_options(sb, data, &opt);
	if (err)
		return err;
	if ((*flags ^ sb->s_flags) & SB_RDONLY) {
		if (*flags & SB_RDONLY) {
			err = end_writing(sb);
		} else {
			err = check_features(sb, sbi->es, true);
			if (!err && bdev_read_only(sb->s_bdev))
				err = -EACCES;
			if (!err)
				err = start_writing(sb);
		}
		if (err)
			return err;
		sb->s_flags ^= SB_RDONLY;
	}
	set_options(sbi, &opt);
	return 0;
}

static const struct super_operations ext2_sops = {
	.evict_inode = ext2_evict_inode,
	.put_super = ext2_put_super,
	.statfs = ext2_statfs,
	.show_options = ext2_show_options,
	.sync_fs = ext2_sync_fs,
	.remount_fs = ext2_remount,
};

/* ---- mounting ---- */

/* The super block into sbi->sbuf, with the device set to the file system's blocks. */
static int read_super(struct super_block *sb, bool silent)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	unsigned int size = max(1024U, bdev_limits(sb->s_bdev)->logical_block_size), bits;
	int err, round;

	for (round = 0; round < 2; round++) {
		err = sb_set_blocksize(sb, size);
		if (!err)
			err = bread(sb, SUPER_OFFSET / size, &sbi->sbuf);
		if (err) {
			pr_err("EXT2-fs (%s): cannot read the super block: error %d\n", SB_NAME(sb),
			       err);
			return err;
		}
		sbi->es = sbi->sbuf.data + SUPER_OFFSET % size;
		if (le16_to_cpu(sbi->es->s_magic) != EXT2_SUPER_MAGIC) {
			if (!silent)
				pr_err("EXT2-fs (%s): there is no ext2 file system\n", SB_NAME(sb));
			return -EINVAL;
		}
		bits = le32_to_cpu(sbi->es->s_log_block_size);
		if (bits > PAGE_SHIFT - 10 ||
		    1024U << bits < bdev_limits(sb->s_bdev)->logical_block_size) {
			pr_err("EXT2-fs (%s): cannot mount: blocks of 1024 << %u bytes\n",
			       SB_NAME(sb), bits);
			return -EINVAL;
		}
		if (1024U << bits == size)
			return 0;
		size = 1024U << bits;
		brelse(&sbi->sbuf);
	}
	return -EINVAL;
}

/* Numbers from the super block, as they are used. */
static void copy_super(struct super_block *sb)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	const struct ext2_super_block *es = sbi->es;
	bool old = !es->s_rev_level;

	sbi->inode_size = old ? 128 : le16_to_cpu(es->s_inode_size);
	sbi->first_ino = old ? 11 : le32_to_cpu(es->s_first_ino);
	sbi->has_filetype = !old && es->s_feature_incompat & EXT2_FEATURE_INCOMPAT_FILETYPE;
	sbi->blocks_count = le32_to_cpu(es->s_blocks_count);
	sbi->inodes_count = le32_to_cpu(es->s_inodes_count);
	sbi->first_data_block = le32_to_cpu(es->s_first_data_block);
	sbi->blocks_per_group = le32_to_cpu(es->s_blocks_per_group);
	sbi->inodes_per_group = le32_to_cpu(es->s_inodes_per_group);
	sbi->r_blocks = le32_to_cpu(es->s_r_blocks_count);
	sbi->addr_per_block = sb->s_blocksize / sizeof(u32);
	sbi->addr_bits = sb->s_blocksize_bits - 2;
	sbi->desc_per_block = sb->s_blocksize / sizeof(struct ext2_group_desc);
	sbi->max_size = ext2_max_size(sb->s_blocksize_bits);
}

/* Why these numbers cannot be, or NULL. */
static const char *bad_geometry(const struct super_block *sb)
{
	const struct ext2_sb_info *sbi = EXT2_SB(sb);
	u32 bits = sb->s_blocksize * 8;
	u64 on_device = (u64)bdev_nr_sectors(sb->s_bdev) >> (sb->s_blocksize_bits - SECTOR_SHIFT);

	if (sbi->inode_size < 128 || sbi->inode_size > sb->s_blocksize ||
	    (sbi->inode_size & (sbi->inode_size - 1)))
		return "size of an inode";
	if (sbi->first_ino < 11 || sbi->first_ino > sbi->inodes_per_group)
		return "first inode";
	if (sbi->first_data_block != (sb->s_blocksize == 1024))
		return "first data block";
	if (sbi->blocks_per_group < 8 || sbi->blocks_per_group > bits || sbi->blocks_per_group % 8)
		return "blocks of a group";
	if (!sbi->inodes_per_group || sbi->inodes_per_group > bits ||
	    sbi->inodes_per_group % (sb->s_blocksize / sbi->inode_size))
		return "inodes of a group";
	if (sbi->blocks_count <= sbi->first_data_block + 1)
		return "number of blocks";
	if (sbi->blocks_count > on_device)
		return "number of blocks: the device is smaller";
	if (sbi->r_blocks > sbi->blocks_count)
		return "number of reserved blocks";
	return NULL;
}

static const char *bad_groups(struct ext2_sb_info *sbi)
{
	u64 data = sbi->blocks_count - sbi->first_data_block;

	sbi->groups_count = (data + sbi->blocks_per_group - 1) / sbi->blocks_per_group;
	if ((u64)sbi->groups_count * sbi->inodes_per_group != sbi->inodes_count)
		return "number of inodes";
	sbi->gdt_blocks = (sbi->groups_count + sbi->desc_per_block - 1) / sbi->desc_per_block;
	if (1 + sbi->gdt_blocks >= sbi->blocks_per_group)
		return "number of groups";
	return NULL;
}

static int check_super(struct super_block *sb)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	const char *bad;

	if (le32_to_cpu(sbi->es->s_rev_level) > 1) {
		pr_err("EXT2-fs (%s): cannot mount: unknown revision %u\n", SB_NAME(sb),
		       le32_to_cpu(sbi->es->s_rev_level));
		return -EINVAL;
	}
	copy_super(sb);
	bad = bad_geometry(sb);
	if (!bad) {
		sbi->inodes_per_block = sb->s_blocksize / sbi->inode_size;
		sbi->itb_per_group = sbi->inodes_per_group / sbi->inodes_per_block;
		bad = bad_groups(sbi);
	}
	if (bad)
		pr_err("EXT2-fs (%s): error: bad super block: %s\n", SB_NAME(sb), bad);
	return bad ? -EUCLEAN : 0;
}

static bool in_group(const struct ext2_sb_info *sbi, unsigned int group, u32 block, u32 nr)
{
	u32 first = ext2_group_first_block(sbi, group), n = ext2_group_blocks(sbi, group);

	/* The super block and the descriptors are in front of everything else. */
	if (ext2_bg_has_super(sbi, group)) {
		first += 1 + sbi->gdt_blocks;
		n -= min(n, 1 + sbi->gdt_blocks);
	}
	return block >= first && nr <= n && block - first <= n - nr;
}

static bool apart(u32 a, u32 a_nr, u32 b, u32 b_nr)
{
	return a + a_nr <= b || b + b_nr <= a;
}

static const char *bad_desc(const struct ext2_sb_info *sbi, unsigned int group)
{
	const struct ext2_group_desc *desc = ext2_group_desc(sbi, group);
	u32 bb = le32_to_cpu(desc->bg_block_bitmap), ib = le32_to_cpu(desc->bg_inode_bitmap);
	u32 table = le32_to_cpu(desc->bg_inode_table);

	if (!in_group(sbi, group, bb, 1))
		return "block bitmap is not in the group";
	if (!in_group(sbi, group, ib, 1))
		return "inode bitmap is not in the group";
	if (!in_group(sbi, group, table, sbi->itb_per_group))
		return "inode table is not in the group";
	if (bb == ib || !apart(bb, 1, table, sbi->itb_per_group) ||
	    !apart(ib, 1, table, sbi->itb_per_group))
		return "bitmaps and inode table overlap";
	if (le16_to_cpu(desc->bg_free_blocks_count) > ext2_group_blocks(sbi, group))
		return "more blocks are free than there are";
	if (le16_to_cpu(desc->bg_free_inodes_count) > sbi->inodes_per_group ||
	    le16_to_cpu(desc->bg_used_dirs_count) > sbi->inodes_per_group)
		return "more inodes are free or directories than there are";
	return NULL;
}

static int read_descriptors(struct super_block *sb)
{
	struct ext2_sb_info *sbi = EXT2_SB(sb);
	unsigned int i;
	int err;

	sbi->gdt = kvcalloc(sbi->gdt_blocks, sizeof(*sbi->gdt), GFP_KERNEL);
	sbi->checked = kvcalloc(sbi->groups_count, 1, GFP_KERNEL);
	if (!sbi->gdt || !sbi->checked)
		return -ENOMEM;
	for (i = 0; i < sbi->gdt_blocks; i++) {
		err = bread(sb, sbi->first_data_block + 1 + i, &sbi->gdt[i]);
		if (err) {
			pr_err("EXT2-fs (%s): cannot read the group descriptors: error %d\n",
			       SB_NAME(sb), err);
			return err;
		}
	}
	sbi->overhead = sbi->first_data_block;
	for (i = 0; i < sbi->groups_count; i++) {
		const struct ext2_group_desc *desc = ext2_group_desc(sbi, i);
		const char *bad = bad_desc(sbi, i);

		if (bad) {
			pr_err("EXT2-fs (%s): error: descriptor of group %u: %s\n", SB_NAME(sb), i,
			       bad);
			return -EUCLEAN;
		}
		sbi->free_blocks += le16_to_cpu(desc->bg_free_blocks_count);
		sbi->free_inodes += le16_to_cpu(desc->bg_free_inodes_count);
		sbi->dirs += le16_to_cpu(desc->bg_used_dirs_count);
		sbi->overhead += 2 + sbi->itb_per_group +
				 (ext2_bg_has_super(sbi, i) ? 1 + sbi->gdt_blocks : 0);
	}
	return 0;
}

static void default_options(const struct super_block *sb, struct ext2_options *opt)
{
	const struct ext2_super_block *es = EXT2_SB(sb)->es;
	unsigned int errors = le16_to_cpu(es->s_errors);

	*opt = (struct ext2_options){ .errors = EXT2_ERRORS_CONTINUE,
				      .resuid = le16_to_cpu(es->s_def_resuid),
				      .resgid = le16_to_cpu(es->s_def_resgid) };
	if (errors == EXT2_ERRORS_RO || errors == EXT2_ERRORS_PANIC)
		opt->errors = EXT2_ERRORS_RO;
}

static int make_root(struct super_block *sb)
{
	struct inode *root = ext2_iget(sb, EXT2_ROOT_INO);

	if (IS_ERR(root)) {
		pr_err("EXT2-fs (%s): cannot mount: no root directory: error %ld\n", SB_NAME(sb),
		       PTR_ERR(root));
		return PTR_ERR(root);
	}
	if (!S_ISDIR(root->i_mode)) {
		pr_err("EXT2-fs (%s): error: the root is not a directory\n", SB_NAME(sb));
		iput(root);
		return -EUCLEAN;
	}
	sb->s_root = d_make_root(root);
	return sb->s_root ? 0 : -ENOMEM;
}

static int setup_super(struct super_block *sb, char *data, bool silent)
{
	bool write = !(sb->s_flags & SB_RDONLY);
	struct ext2_options opt;
	int err = read_super(sb, silent);

	if (!err)
		err = check_features(sb, EXT2_SB(sb)->es, write);
	if (!err)
		err = check_super(sb);
	if (err)
		return err;
	default_options(sb, &opt);
	err = parse_options(sb, data, &opt);
	if (!err)
		err = read_descriptors(sb);
	if (err)
		return err;
	set_options(EXT2_SB(sb), &opt);
	sb->s_op = &ext2_sops;
	sb->s_magic = EXT2_SUPER_MAGIC;
	sb->s_time_gran = NSEC_PER_SEC;
	err = make_root(sb);
	if (!err && write)
		err = start_writing(sb);
	if (!err)
		sb_order_writes(sb, order_data);
	return err;
}

static int ext2_fill_super(struct super_block *sb, char *data, bool silent)
{
	struct ext2_sb_info *sbi = kzalloc(sizeof(*sbi), GFP_KERNEL);
	int err;

	if (!sbi)
		return -ENOMEM;
	mutex_init(&sbi->lock);
	mutex_init(&sbi->order_lock);
	sb->s_fs_info = sbi;
	err = setup_super(sb, data, silent);
	if (!err)
		return 0;
	if (sb->s_root) {
		shrink_dcache_sb(sb);
		dput(sb->s_root);
	}
	evict_inodes(sb);
	free_sb_info(sbi);
	return err;
}

static struct super_block *ext2_mount(struct file_system_type *type, int flags, const char *dev,
				      char *data)
{
	return mount_bdev(type, flags, dev, data, ext2_fill_super);
}

static struct file_system_type ext2_fs_type = {
	.name = "ext2",
	.fs_flags = FS_REQUIRES_DEV,
	.mount = ext2_mount,
	.kill_sb = kill_block_super,
};

static int __init ext2_init(void)
{
	ext2_inode_caches_init();
	return register_filesystem(&ext2_fs_type);
}
fs_initcall(ext2_init);
