/*
 * Metadata blocks of a file system: parts of the page cache of its block device.
 *
 * 1. A block's bytes are in the cache of the device, one copy for whoever reads the device too. A buf is a handle by value: a reference
 *    on the folio, and where the block is in it. There is nothing to allocate, and nothing that reclaim must take apart first.
 * 2. bread() brings a block in. getblk() is for one that begins a new life: it reads nothing, and gives zeroes.
 * 3. After a change buf_dirty() says so. Only this block of the page becomes dirty, so that what else the page covers (perhaps a
 *    file's data, which are cached elsewhere) is never written from here.
 * 4. bforget() is for a block that is given back: what the cache would still write must not hit the block's next owner.
 *
 * Invariant: while a file system is mounted the blocks of the device's cache are as large as its own (sb_set_blocksize).
 * Locks: none; who changes a block holds the lock of its owner in the file system. Mirrors Linux include/linux/buffer_head.h,
 * fs/buffer.c. Exercised by tests/user/ext2.c and tests/boot/test_ext2.py.
 */
#pragma once

#include "kernel/fs/fs.h"
#include "mm/phys/page.h"

struct buf {
	struct folio *folio; /* with a reference; NULL: none */
	void *data;	     /* the block's bytes */
	u64 block;	     /* number on the device, in blocks of the file system */
	unsigned int size;   /* bytes */
};

/* The block, read in. 0, -EIO (also: beyond the device), -ENOMEM. => may sleep; brelse() */
int bread(struct super_block *sb, u64 block, struct buf *b);
/* The block as zeroes, dirty. 0 or -errno. => may sleep; nobody else uses the block; brelse() */
int getblk(struct super_block *sb, u64 block, struct buf *b);
/* It was changed. => any context */
void buf_dirty(const struct buf *b);
/* Writes it now and waits. 0 or -errno. => may sleep */
int buf_sync(const struct buf *b);
/* Lets go. Without a folio nothing. */
void brelse(struct buf *b);
/* Blocks [block, block + nr) are nobody's: nothing of them is written any more when this returns. => may sleep */
void bforget(struct super_block *sb, u64 block, u64 nr);

/*
 * From now on the device is read and written in blocks of size bytes (a power of two, 512 to a page); what is cached is written
 * and dropped. 0, -EINVAL (also: smaller than a sector of the device), -EIO. => may sleep; nobody has a buf
 */
int sb_set_blocksize(struct super_block *sb, unsigned int size);

/*
 * For file_system_type.mount of file systems on a block device: finds the device, opens it for this file system alone, and calls
 * fill_super() for a new super block, which sets s_op, s_root and all the rest. Mounted already: the same super block again, -EBUSY
 * if one is read-only and the other not. ERR_PTR: -ENOTBLK, -EACCES (no right to write, or nodev), -ENXIO... => may sleep
 */
struct super_block *mount_bdev(struct file_system_type *type, int flags, const char *dev,
			       char *data,
			       int (*fill_super)(struct super_block *sb, char *data, bool silent));
/*
 * fn is called before metadata are written, from any of those who write them (NULL: no longer): what must be on the disk by then is
 * its work. => fn may sleep, and holds no lock of the file system; from mounting and unmounting only
 */
void sb_order_writes(struct super_block *sb, void (*fn)(struct super_block *sb));
/* For kill_sb. put_super(), which comes later, still has the device. */
void kill_block_super(struct super_block *sb);
