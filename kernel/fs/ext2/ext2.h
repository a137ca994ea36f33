/*
 * ext2: the format on the disk, what is kept of it in memory, and the calls between the files of this room.
 *
 * 1. The disk is cut into groups of blocks. Each has a bitmap of its blocks, a bitmap of its inodes, a table of inodes, and the rest is
 *    data. Some groups begin with a copy of the super block and of the table of group descriptors.
 * 2. An inode has 15 block numbers: 12 of data, then a block of numbers, a block of blocks of numbers, and one level more. A 0 is a
 *    hole. A directory is a file of records (inode, length, name) that fill each block exactly.
 * 3. All metadata are read and written through kernel/fs/buffer.h; only contents of regular files are in their own inode's cache.
 *    An inode's fields are copied into its block of the table as soon as they change (ext2_update_inode), so evicting
 *    it writes nothing but its data.
 * 4. Nothing on the disk is believed. What is used as a number of a block, a length or an index is checked where it is read; what cannot
 *    be is an ext2_error(): one line in the log, the error mark in the super block, -EUCLEAN for the caller.
 *
 * Locks, in this order: the inode's i_rwsem; invalidate_lock; folio lock; ei->tree_lock (i_data and the blocks of numbers: shared
 * to look up, exclusive to change); sbi->lock (bitmaps, descriptors, counts); folio locks of the device's cache.
 * Writing the device: ei->sync_lock (fsync); the device's bd_order_lock; sbi->order_lock; then from the folio lock on as above.
 *
 * Sources of facts: the kernel's documentation of ext2 and ext4, e2fsprogs' debugfs(8), mke2fs(8). Mirrors Linux fs/ext2/ext2.h.
 * Exercised by tests/user/ext2.c, tests/boot/test_ext2.py.
 */
#pragma once

#include "kernel/fs/buffer.h"
#include "kernel/fs/iomap.h"
#include "kernel/mutex.h"
#include "kernel/printk.h"

#define EXT2_SUPER_MAGIC 0xef53
#define EXT2_ROOT_INO	 2
#define EXT2_LINK_MAX	 32000
#define EXT2_NAME_LEN	 255

#define EXT2_NDIR_BLOCKS 12
#define EXT2_IND_BLOCK	 12
#define EXT2_DIND_BLOCK	 13
#define EXT2_TIND_BLOCK	 14
#define EXT2_N_BLOCKS	 15

#define EXT2_VALID_FS 1 /* s_state: was unmounted */
#define EXT2_ERROR_FS 2

#define EXT2_ERRORS_CONTINUE 1
#define EXT2_ERRORS_RO	     2
#define EXT2_ERRORS_PANIC    3

#define EXT2_FEATURE_INCOMPAT_FILETYPE	    0x2
#define EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER 0x1
#define EXT2_FEATURE_RO_COMPAT_LARGE_FILE   0x2
#define EXT2_FEATURE_RO_COMPAT_BTREE_DIR    0x4
#define EXT2_FEATURE_COMPAT_DIR_INDEX	    0x20
#define EXT2_INCOMPAT_SUPP		    EXT2_FEATURE_INCOMPAT_FILETYPE
#define EXT2_RO_COMPAT_SUPP                                                        \
	(EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE | \
	 EXT2_FEATURE_RO_COMPAT_BTREE_DIR)

#define EXT2_SYNC_FL	  0x8
#define EXT2_IMMUTABLE_FL 0x10
#define EXT2_APPEND_FL	  0x20
#define EXT2_NOATIME_FL	  0x80
#define EXT2_INDEX_FL	  0x1000 /* the directory has a hash tree, which we do not keep */
#define EXT2_FL_INHERITED (0x1 | 0x2 | 0x4 | EXT2_SYNC_FL | 0x40 | EXT2_NOATIME_FL | 0x10000)

#define EXT2_XATTR_MAGIC 0xea020000

struct ext2_super_block {
	__le32 s_inodes_count, s_blocks_count, s_r_blocks_count;
	__le32 s_free_blocks_count, s_free_inodes_count;
	__le32 s_first_data_block; /* the block that the super block is in */
	__le32 s_log_block_size, s_log_frag_size;
	__le32 s_blocks_per_group, s_frags_per_group, s_inodes_per_group;
	__le32 s_mtime, s_wtime;
	__le16 s_mnt_count, s_max_mnt_count, s_magic, s_state, s_errors, s_minor_rev_level;
	__le32 s_lastcheck, s_checkinterval, s_creator_os, s_rev_level;
	__le16 s_def_resuid, s_def_resgid;
	__le32 s_first_ino; /* revision 1 and up from here */
	__le16 s_inode_size, s_block_group_nr;
	__le32 s_feature_compat, s_feature_incompat, s_feature_ro_compat;
	u8 s_uuid[16];
	char s_volume_name[16], s_last_mounted[64];
	__le32 s_algorithm_usage_bitmap;
	u8 s_prealloc_blocks, s_prealloc_dir_blocks;
	__le16 s_reserved_gdt_blocks;
	u8 s_rest[816];
};

struct ext2_group_desc {
	__le32 bg_block_bitmap, bg_inode_bitmap, bg_inode_table;
	__le16 bg_free_blocks_count, bg_free_inodes_count, bg_used_dirs_count, bg_pad;
	__le32 bg_reserved[3];
};

struct ext2_inode {
	__le16 i_mode, i_uid;
	__le32 i_size, i_atime, i_ctime, i_mtime, i_dtime;
	__le16 i_gid, i_links_count;
	__le32 i_blocks; /* of 512 bytes */
	__le32 i_flags, i_osd1;
	__le32 i_block[EXT2_N_BLOCKS];
	__le32 i_generation, i_file_acl;
	__le32 i_size_high; /* regular files */
	__le32 i_faddr;
	u8 i_frag, i_fsize;
	__le16 i_pad1, i_uid_high, i_gid_high;
	__le32 i_reserved2;
};

struct ext2_dir_entry {
	__le32 inode; /* 0: the record is free */
	__le16 rec_len;
	u8 name_len, file_type;
	char name[];
};

#define EXT2_DIR_REC_LEN(name_len) (((name_len) + 8U + 3U) & ~3U)

struct ext2_xattr_header {
	__le32 h_magic, h_refcount, h_blocks, h_hash;
};

/* Legend: - constant while mounted; L lock. */
struct ext2_sb_info {
	struct buf sbuf;	     /* - the block with the super block */
	struct ext2_super_block *es; /* in it: L */
	struct buf *gdt;	     /* - blocks of descriptors; their contents L */
	u8 *checked;		     /* L by group: bitmaps that were found right */
	unsigned int groups_count, gdt_blocks, desc_per_block;	      /* - */
	unsigned int inodes_per_group, blocks_per_group;	      /* - */
	unsigned int inode_size, inodes_per_block, itb_per_group;     /* - */
	unsigned int first_ino, addr_per_block, addr_bits, reserved;  /* - */
	u32 first_data_block, blocks_count, inodes_count, generation; /* - but generation: L */
	loff_t max_size;					      /* - bytes of a file */
	struct mutex lock;
	struct mutex order_lock; /* from a look at fresh until those data are written */
	unsigned long
		fresh; /* atomic: the inode whose data are at new blocks since the last metadata were written; 0: none, ~0: some */
	u64 free_blocks, free_inodes; /* L */
	u32 dirs;		      /* L */
	unsigned int errors;	      /* EXT2_ERRORS_* */
	bool has_filetype;	      /* - */
	u16 mount_state;	      /* L s_state that unmounting puts back */
	errseq_t wb_err; /* L failed writes of the device's cache up to here have been noted */
	u32 resuid, resgid, r_blocks;
	u32 overhead; /* - blocks that hold no data */
	bool minix_df,
		grpid; /* options: count the overhead as data; group of new files from the directory */
};

/* Legend: T tree_lock; - constant. */
struct ext2_inode_info {
	struct rw_semaphore tree_lock;
	__le32 i_data[EXT2_N_BLOCKS]; /* T */
	u32 last_lblk,
		last_pblk; /* T behind the last block that was allocated, in the file and on the disk */
	u32 room_hint;	   /* i_rwsem: blocks of a directory before it are full */
	u32 flags, file_acl, dtime; /* inode->i_rwsem */
	u32 generation, group;	    /* - */
	unsigned long dirty;	    /* EXT2_DIRTY_*, atomic: what fsync has not written */
	struct mutex sync_lock;	    /* clearing of them, and until that is written */
};

#define EXT2_DIRTY_ANY	0 /* bit numbers: something of the inode */
#define EXT2_DIRTY_DATA 1 /* something without which its data cannot be found */

static inline struct ext2_sb_info *EXT2_SB(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct ext2_inode_info *EXT2_I(const struct inode *inode)
{
	return inode->i_private;
}

static inline u32 ext2_group_first_block(const struct ext2_sb_info *sbi, unsigned int group)
{
	return sbi->first_data_block + group * sbi->blocks_per_group;
}

static inline unsigned int ext2_group_of(const struct ext2_sb_info *sbi, u32 block)
{
	return (block - sbi->first_data_block) / sbi->blocks_per_group;
}

/* Blocks that the group has: the last one may be short. */
static inline unsigned int ext2_group_blocks(const struct ext2_sb_info *sbi, unsigned int group)
{
	return min(sbi->blocks_per_group, sbi->blocks_count - ext2_group_first_block(sbi, group));
}

static inline struct ext2_group_desc *ext2_group_desc(const struct ext2_sb_info *sbi,
						      unsigned int group)
{
	return (struct ext2_group_desc *)sbi->gdt[group / sbi->desc_per_block].data +
	       group % sbi->desc_per_block;
}

static inline void ext2_desc_dirty(const struct ext2_sb_info *sbi, unsigned int group)
{
	buf_dirty(&sbi->gdt[group / sbi->desc_per_block]);
}

/* --- super.c --- */

/* The disk says what cannot be: logged (not too often), marked in the super block, and errors= obeyed. Gives -EUCLEAN. */
int ext2_error(struct super_block *sb, const char *fmt, ...) __printf(2, 3);

/*
 * New blocks belong to this inode: its data will be written before the metadata that say so, and a power cut does not show what was
 * in them before. Called when they are allocated, and again when their pages are dirty: who wrote metadata in between found
 * no data to write.
 */
void ext2_has_fresh(struct inode *inode);

/* --- balloc.c: blocks; all may sleep --- */

/* May data or blocks of numbers be at [block, block + nr)? Inside the disk, and not where the groups' own metadata are. */
bool ext2_data_block_valid(const struct ext2_sb_info *sbi, u32 block, u32 nr);
/* Does this group have a copy of the super block and of the descriptors? */
bool ext2_bg_has_super(const struct ext2_sb_info *sbi, unsigned int group);
/*
 * Up to *nr blocks in a row, near goal (0: anywhere near the inode): *first, *nr how many it became. -ENOSPC (nothing, or only
 * what is reserved), -EUCLEAN, -EIO.
 */
int ext2_new_blocks(struct inode *inode, u32 goal, u32 *first, u32 *nr);
/* [block, block + nr) become free. -EUCLEAN: they cannot be freed, or were free. */
int ext2_free_blocks(struct super_block *sb, u32 block, u32 nr);
/* Are all of them in use? The same errors. */
int ext2_blocks_in_use(struct super_block *sb, u32 block, u32 nr);

/* --- ialloc.c: inodes; may sleep --- */

/* A new inode for a name in dir, hashed and written to the table, one link. ERR_PTR. */
struct inode *ext2_new_inode(struct inode *dir, umode_t mode);
/* The inode is gone: its number is free. */
int ext2_free_inode(struct inode *inode);

/* --- inode.c --- */

struct inode *ext2_iget(struct super_block *sb, u32 ino);
/* Memory of ours for a new inode; -ENOMEM. */
int ext2_init_inode(struct inode *inode);
/* What the type of the inode lets do. */
void ext2_set_ops(struct inode *inode);
/* The inode into its block of the table; data: also what fdatasync must write. 0 or -errno. => may sleep */
int ext2_update_inode(struct inode *inode, bool data);
void ext2_evict_inode(struct inode *inode);
int ext2_setattr(struct dentry *dentry, struct iattr *attr);
void ext2_inode_caches_init(void);
/* The size that a file may have. */
loff_t ext2_max_size(unsigned int blkbits);

/* --- map.c: from blocks of a file to blocks of the disk --- */

/* A run of blocks of a file. phys 0: a hole. */
struct ext2_extent {
	u32 phys, len;
	bool fresh; /* allocated now */
};
/*
 * The run at block lblk, up to max blocks (a hole may be longer than max); create: what is a hole is allocated. 0, -EFBIG,
 * -ENOSPC, -EIO, -EUCLEAN. => may sleep
 */
int ext2_map_blocks(struct inode *inode, u32 lblk, u32 max, bool create, struct ext2_extent *ext);
/* Frees all blocks from lblk on. => i_rwsem and invalidate_lock for writing, or nobody else has the inode */
int ext2_free_from(struct inode *inode, u64 lblk);
/* The same for the blocks [first, end). => moreover none of them is in the page cache */
int ext2_free_range(struct inode *inode, u64 first, u64 end);
extern const struct iomap_ops ext2_iomap_ops;

/* --- dir.c --- */

extern const struct file_operations ext2_dir_fops;
/* The inode number of name: 0 none; -errno in *err. => dir's i_rwsem */
u32 ext2_inode_by_name(struct inode *dir, const struct qstr *name, int *err);
/* => dir's i_rwsem for writing, all of these; 0 or -errno */
int ext2_add_link(struct inode *dir, const struct qstr *name, struct inode *inode);
int ext2_delete_entry(struct inode *dir, const struct qstr *name);
/* The name leads to inode from now on. -ENOENT. */
int ext2_set_link(struct inode *dir, const struct qstr *name, struct inode *inode);
int ext2_make_empty(struct inode *inode, struct inode *parent);
/* 1 or 0, or -errno. */
int ext2_empty_dir(struct inode *inode);

/* n bytes at pos, all in one block, become zeroes, if the file has that block. => i_rwsem for writing */
int ext2_zero_part(struct inode *inode, loff_t pos, size_t n);
/* The bytes of its block behind size become zeroes, if the file has that block. => i_rwsem for writing */
int ext2_zero_tail(struct inode *inode, loff_t size);
/*
 * The file is about to grow past `old`: who has the page there mapped for writing asks again, and what it has behind `old` is
 * zeroes. (The block of `old` becomes so on the disk by ext2_zero_tail.) => i_rwsem for writing
 */
void ext2_protect_tail(struct inode *inode, loff_t old);

/* --- namei.c, file.c --- */

extern const struct inode_operations ext2_dir_iops, ext2_special_iops;
extern const struct inode_operations ext2_symlink_iops, ext2_file_iops;
extern const struct file_operations ext2_file_fops;
extern const struct address_space_operations ext2_aops;
int ext2_fsync(struct file *file, loff_t start, loff_t end, int datasync);
/* fallocate, falloc.c; 0 or -errno. => 0 <= offset, 0 < len, their sum does not overflow */
long ext2_fallocate(struct file *file, int mode, loff_t offset, loff_t len);
/* Its contents change: time, set-id bits. True if the inode has to be updated. => i_rwsem for writing */
bool ext2_file_modified(struct inode *inode);
/* Frees what was allocated behind the end of the file. => i_rwsem for writing */
void ext2_give_back(struct inode *inode);
/* It was read: the time of that, as the mount's options want it. */
void ext2_accessed(struct inode *inode, const struct mount *mnt);
