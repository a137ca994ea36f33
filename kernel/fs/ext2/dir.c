/*
 * Directories of an ext2: records in blocks.
 *
 * 1. The records of a block fill it exactly: each leads to the next by its length. A record with inode 0 is free; a name that goes
 *    gives its room to the record before it.
 * 2. No record is looked at before next_record() has found it possible: aligned, inside its block, long enough for its name, with an
 *    inode number that can be. A block whose records do not work out is an error, and the walk ends there.
 * 3. Blocks of a directory are metadata: they are in the device's cache. A hash tree that others have made is kept out of the way: its
 *    blocks look like one free record, and the first change takes the flag away.
 * 4. Where a new name finds room is remembered by the inode's hint, so that filling a directory does not read all of it each time.
 *
 * Locks: the directory's i_rwsem. Mirrors Linux fs/ext2/dir.c. Exercised by tests/user/ext2.c.
 */
#include "kernel/fs/ext2/ext2.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/cache/pagemap.h"

/* A name's record. */
struct dir_place {
	struct buf buf;
	struct ext2_dir_entry *de, *prev; /* prev: the one before it in the block, or NULL */
};

static u32 dir_blocks(const struct inode *dir)
{
	return dir->i_size >> dir->i_blkbits;
}

static int read_dir_block(struct inode *dir, u32 lblk, struct buf *b)
{
	struct ext2_extent ext;
	int err = ext2_map_blocks(dir, lblk, 1, false, &ext);

	b->folio = NULL;
	if (err)
		return err;
	if (!ext.phys)
		return ext2_error(dir->i_sb, "directory %llu: block %u is missing", dir->i_ino,
				  lblk);
	return bread(dir->i_sb, ext.phys, b);
}

/* The record at offset *off of the block, which moves behind it; NULL: the end. ERR_PTR(-EUCLEAN). */
static struct ext2_dir_entry *next_record(const struct inode *dir, const struct buf *b,
					  unsigned int *off)
{
	struct ext2_dir_entry *de = b->data + *off;
	unsigned int room = b->size - *off, len;

	if (!room)
		return NULL;
	if (room < EXT2_DIR_REC_LEN(1))
		goto bad;
	len = le16_to_cpu(de->rec_len);
	if (unlikely(len < EXT2_DIR_REC_LEN(de->name_len) || len & 3 || len > room ||
		     len < EXT2_DIR_REC_LEN(1) ||
		     le32_to_cpu(de->inode) > EXT2_SB(dir->i_sb)->inodes_count ||
		     (de->inode && !de->name_len)))
		goto bad;
	*off += len;
	return de;
bad:
	return ERR_PTR(ext2_error(dir->i_sb,
				  "directory %llu: bad record at offset %u of block %llu",
				  dir->i_ino, *off, b->block));
}

static bool is_name(const struct ext2_dir_entry *de, const struct qstr *name)
{
	return de->name_len == name->len && de->inode && !memcmp(de->name, name->name, name->len);
}

static int find_in_block(struct inode *dir, const struct qstr *name, struct dir_place *at)
{
	unsigned int off = 0;

	at->prev = NULL;
	for (;; at->prev = at->de) {
		at->de = next_record(dir, &at->buf, &off);
		if (IS_ERR(at->de))
			return PTR_ERR(at->de);
		if (!at->de)
			return -ENOENT;
		if (is_name(at->de, name))
			return 0;
	}
}

/* 0: found, brelse(&at->buf); -ENOENT; or another errno. */
static int find_entry(struct inode *dir, const struct qstr *name, struct dir_place *at)
{
	u32 lblk, n = dir_blocks(dir);
	int err = -ENOENT;

	for (lblk = 0; lblk < n && err == -ENOENT; lblk++) {
		err = read_dir_block(dir, lblk, &at->buf);
		if (!err)
			err = find_in_block(dir, name, at);
		if (err)
			brelse(&at->buf);
	}
	return err;
}

u32 ext2_inode_by_name(struct inode *dir, const struct qstr *name, int *err)
{
	struct dir_place at;
	u32 ino;

	*err = find_entry(dir, name, &at);
	if (*err) {
		if (*err == -ENOENT)
			*err = 0;
		return 0;
	}
	ino = le32_to_cpu(at.de->inode);
	brelse(&at.buf);
	return ino;
}

/* ---- changes ---- */

static u8 type_of(const struct super_block *sb, const struct inode *inode)
{
	static const u8 types[16] = { [DT_REG] = 1,  [DT_DIR] = 2,  [DT_CHR] = 3, [DT_BLK] = 4,
				      [DT_FIFO] = 5, [DT_SOCK] = 6, [DT_LNK] = 7 };

	return EXT2_SB(sb)->has_filetype ? types[(inode->i_mode & S_IFMT) >> 12] : 0;
}

static void set_record(struct inode *dir, struct ext2_dir_entry *de, const struct inode *inode)
{
	de->inode = cpu_to_le32(inode->i_ino);
	de->file_type = type_of(dir->i_sb, inode);
}

/*
 * The directory has changed: its times, and it has no hash tree any more. If its inode cannot be written the name is in its block all
 * the same, and that is what counts: whoever called must not take the change for failed.
 */
static void dir_changed(struct inode *dir)
{
	dir->i_mtime = dir->i_ctime = current_time(dir);
	EXT2_I(dir)->flags &= ~EXT2_INDEX_FL;
	ext2_update_inode(dir, true);
}

/*
 * Room for a record of len bytes in this block: *out is a free record there, its rec_len set. -ENOSPC: none. The block may be on its way
 * to the disk meanwhile: at each step it is right.
 */
static int make_room(struct inode *dir, const struct buf *b, unsigned int len,
		     struct ext2_dir_entry **out)
{
	struct ext2_dir_entry *de, *rest;
	unsigned int off = 0, used, rec_len;

	while ((de = next_record(dir, b, &off))) {
		if (IS_ERR(de))
			return PTR_ERR(de);
		rec_len = le16_to_cpu(de->rec_len);
		used = de->inode ? EXT2_DIR_REC_LEN(de->name_len) : 0;
		if (rec_len < used + len)
			continue;
		rest = (void *)de + used;
		if (used) {
			rest->inode = 0;
			rest->rec_len = cpu_to_le16(rec_len - used);
			smp_wmb();
			de->rec_len = cpu_to_le16(used);
		}
		*out = rest;
		return 0;
	}
	return -ENOSPC;
}

/* One block more at the end, all of it one free record. */
static int append_block(struct inode *dir, struct buf *b)
{
	struct ext2_dir_entry *de;
	struct ext2_extent ext;
	int err;

	if (dir->i_size + (loff_t)dir->i_sb->s_blocksize > S32_MAX)
		return -EFBIG;
	err = ext2_map_blocks(dir, dir_blocks(dir), 1, true, &ext);
	if (!err)
		err = getblk(dir->i_sb, ext.phys, b);
	if (err)
		return err;
	de = b->data;
	de->rec_len = cpu_to_le16(b->size);
	dir->i_size += b->size;
	return 0;
}

/* A block with room for len more bytes; the hint first. */
static int find_room(struct inode *dir, unsigned int len, struct buf *b, struct ext2_dir_entry **de)
{
	struct ext2_inode_info *ei = EXT2_I(dir);
	u32 lblk, n = dir_blocks(dir);
	int err;

	for (lblk = min(ei->room_hint, n); lblk < n; lblk++) {
		err = read_dir_block(dir, lblk, b);
		if (!err)
			err = make_room(dir, b, len, de);
		if (!err)
			ei->room_hint = lblk;
		if (err != -ENOSPC) {
			if (err)
				brelse(b);
			return err;
		}
		brelse(b);
	}
	err = append_block(dir, b);
	if (!err) {
		ei->room_hint = n;
		*de = b->data;
	}
	return err;
}

int ext2_add_link(struct inode *dir, const struct qstr *name, struct inode *inode)
{
	struct ext2_dir_entry *de = NULL;
	struct buf b = { .folio = NULL };
	int err = find_room(dir, EXT2_DIR_REC_LEN(name->len), &b, &de);

	if (err)
		return err;
	de->name_len = name->len;
	memcpy(de->name, name->name, name->len);
	smp_wmb();
	set_record(dir, de, inode);
	buf_dirty(&b);
	brelse(&b);
	dir_changed(dir);
	return 0;
}

int ext2_delete_entry(struct inode *dir, const struct qstr *name)
{
	struct dir_place at;
	int err = find_entry(dir, name, &at);

	if (err)
		return err;
	if (at.prev)
		at.prev->rec_len =
			cpu_to_le16(le16_to_cpu(at.prev->rec_len) + le16_to_cpu(at.de->rec_len));
	at.de->inode = 0;
	buf_dirty(&at.buf);
	brelse(&at.buf);
	EXT2_I(dir)->room_hint = 0;
	dir_changed(dir);
	return 0;
}

int ext2_set_link(struct inode *dir, const struct qstr *name, struct inode *inode)
{
	struct dir_place at;
	int err = find_entry(dir, name, &at);

	if (err)
		return err;
	set_record(dir, at.de, inode);
	buf_dirty(&at.buf);
	brelse(&at.buf);
	dir_changed(dir);
	return 0;
}

int ext2_make_empty(struct inode *inode, struct inode *parent)
{
	unsigned int first = EXT2_DIR_REC_LEN(1);
	struct ext2_dir_entry *de;
	struct buf b;
	int err = append_block(inode, &b);

	if (err)
		return err;
	de = b.data;
	de->rec_len = cpu_to_le16(first);
	de->name_len = 1;
	memcpy(de->name, ".", 1);
	set_record(inode, de, inode);
	de = b.data + first;
	de->rec_len = cpu_to_le16(b.size - first);
	de->name_len = 2;
	memcpy(de->name, "..", 2);
	set_record(inode, de, parent);
	buf_dirty(&b);
	brelse(&b);
	return ext2_update_inode(inode, true);
}

static bool is_dots(const struct ext2_dir_entry *de)
{
	return de->name[0] == '.' &&
	       (de->name_len == 1 || (de->name_len == 2 && de->name[1] == '.'));
}

int ext2_empty_dir(struct inode *inode)
{
	u32 lblk, n = dir_blocks(inode);
	struct ext2_dir_entry *de;
	int empty = 1;

	for (lblk = 0; lblk < n && empty > 0; lblk++) {
		unsigned int off = 0;
		struct buf b;
		int err = read_dir_block(inode, lblk, &b);

		if (err)
			return err;
		while (empty > 0 && (de = next_record(inode, &b, &off))) {
			if (IS_ERR(de))
				empty = PTR_ERR(de);
			else if (de->inode && !is_dots(de))
				empty = 0;
		}
		brelse(&b);
	}
	return empty;
}

/* ---- reading ---- */

/* No program is given a name that cannot be one. */
static int check_name(const struct inode *dir, const struct ext2_dir_entry *de)
{
	if (likely(!memchr(de->name, '/', de->name_len) && !memchr(de->name, 0, de->name_len)))
		return 0;
	return ext2_error(dir->i_sb, "directory %llu: a name with a slash or a zero in it",
			  dir->i_ino);
}

/* The records of a block from offset `from` on; false: the reader has no room, or an error in *err. */
static bool emit_block(struct inode *dir, const struct buf *b, unsigned int from, loff_t base,
		       struct dir_context *ctx, int *err)
{
	static const u8 types[] = { DT_UNKNOWN, DT_REG,	 DT_DIR,  DT_CHR,
				    DT_BLK,	DT_FIFO, DT_SOCK, DT_LNK };
	bool known = EXT2_SB(dir->i_sb)->has_filetype;
	struct ext2_dir_entry *de;
	unsigned int off = 0;

	for (;;) {
		unsigned int at = off, type;

		de = next_record(dir, b, &off);
		if (IS_ERR_OR_NULL(de)) {
			*err = PTR_ERR_OR_ZERO(de);
			return !de;
		}
		/* A position inside a record is from before it grew over its neighbour. */
		if (at < from || !de->inode)
			continue;
		*err = check_name(dir, de);
		if (*err)
			return false;
		type = known && de->file_type < ARRAY_SIZE(types) ? types[de->file_type]
								  : DT_UNKNOWN;
		ctx->pos = base + at;
		if (!dir_emit(ctx, de->name, de->name_len, le32_to_cpu(de->inode), type))
			return false;
		ctx->pos = base + off;
	}
}

static int ext2_iterate(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);
	int err = 0;

	ext2_accessed(dir, file->f_path.mnt);
	while (ctx->pos < dir->i_size && !err) {
		u32 lblk = ctx->pos >> dir->i_blkbits;
		loff_t base = (loff_t)lblk << dir->i_blkbits;
		struct buf b;
		bool more;

		err = read_dir_block(dir, lblk, &b);
		if (err)
			break;
		more = emit_block(dir, &b, ctx->pos - base, base, ctx, &err);
		brelse(&b);
		if (!more)
			break;
		ctx->pos = base + b.size;
	}
	return err;
}

/* "." and ".." come from the disk like all others; the position is a byte of the directory. */
const struct file_operations ext2_dir_fops = {
	.llseek = generic_file_llseek,
	.iterate_shared = ext2_iterate,
	.fsync = ext2_fsync,
};
