/*
 * iomap: file contents between page cache and disk, for any file system that can say where a range of a file is.
 *
 * 1. A file system has one function: iomap_begin, which for a position tells the extent there: where on the device, how long, or that
 *    it is a hole. Reading, writing, readahead and writeback of cached pages are the same for all and stand here.
 * 2. A page may consist of several blocks of the file system. Which of them are uptodate and which are dirty is kept in folio->private
 *    (struct iomap_folio_state below): so a write of one block does not need the others read, and writes only its own.
 * 3. In the same word are the numbers of blocks that are being read and written: the folio is unlocked, or its writeback ends, when
 *    its number reaches 0, whichever bio ends last.
 *
 * Invariant: all blocks uptodate <=> PG_uptodate; a dirty block only in a folio with PG_dirty or one being written. Locks: the
 * folio's; the state word changes atomically. Mirrors Linux include/linux/iomap.h, fs/iomap/buffered-io.c.
 * Exercised by tests/user/{blockdev,directio}.c.
 */
#pragma once

#include "mm/cache/pagemap.h"
#include "mm/cache/uio.h"
#include "mm/cache/writeback.h"

#define IOMAP_NULL_ADDR (~0ULL)

enum iomap_type {
	IOMAP_HOLE,   /* reads as zeroes */
	IOMAP_MAPPED, /* at addr on the device */
};

#define IOMAP_F_NEW BIT(0) /* just allocated: what the device has there is not the file's */

struct block_device;
struct readahead_control;

struct iomap {
	u64 addr;      /* bytes on bdev, or IOMAP_NULL_ADDR */
	loff_t offset; /* of the extent in the file, bytes */
	u64 length;    /* bytes */
	enum iomap_type type;
	unsigned int flags; /* IOMAP_F_* */
	struct block_device *bdev;
};

#define IOMAP_WRITE  BIT(0) /* allocate what is a hole */
#define IOMAP_DIRECT BIT(1) /* without the cache: what is a hole stays one */

struct iomap_ops {
	/*
	 * The extent at pos, of which length bytes are of interest; it may be longer, must not be shorter than a block, and begins at pos or
	 * before. 0 or -errno. => may sleep, a folio locked
	 */
	int (*iomap_begin)(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
			   struct iomap *iomap);
};

/* For address_space_operations. */
int iomap_read_folio(struct folio *folio, const struct iomap_ops *ops);
/* Whole runs of pages in as few bios as the extents allow. */
void iomap_readahead(struct readahead_control *rac, const struct iomap_ops *ops);
int iomap_write_begin(struct inode *inode, loff_t pos, unsigned int len, struct folio **foliop,
		      const struct iomap_ops *ops);
/* Between write_begin and write_end: were blocks allocated for it? => folio locked */
bool iomap_has_new(struct folio *folio);
/* Bytes taken: copied, or 0. i_size is the caller's. */
int iomap_write_end(struct inode *inode, loff_t pos, unsigned int len, unsigned int copied,
		    struct folio *folio);
int iomap_writepages(struct address_space *mapping, struct writeback_control *wbc,
		     const struct iomap_ops *ops);
/* Blocks [off, off + len) of a folio are dirty now; or clean, whatever they were. => clean: locked */
void iomap_dirty_range(struct address_space *mapping, struct folio *folio, size_t off, size_t len);
void iomap_clean_range(struct folio *folio, size_t off, size_t len);
bool iomap_dirty_folio(struct address_space *mapping, struct folio *folio);
/* For vm_operations: a shared page's first store. Allocates what is a hole below it. VM_FAULT_* */
unsigned int iomap_page_mkwrite(struct vm_fault *vmf, const struct iomap_ops *ops);

/* --- O_DIRECT (iomap_dio.c); bytes or -errno; they move ki_pos and the iterator; may sleep --- */

/*
 * Between memory and the device. -EINVAL: not aligned to the device's logical blocks. -ENOTBLK: nothing was done, it must go through the
 * cache. Writes stop at a hole and at i_size, without having changed either. => for a write i_rwsem held for writing
 */
ssize_t iomap_dio_rw(struct kiocb *iocb, struct iov_iter *iter, const struct iomap_ops *ops);
/* All of a read or a write with IOCB_DIRECT, through the cache where it must. Write: => i_rwsem held, generic_write_checks() done */
ssize_t iomap_dio_read_iter(struct kiocb *iocb, struct iov_iter *to, const struct iomap_ops *ops);
ssize_t iomap_dio_write_iter(struct kiocb *iocb, struct iov_iter *from,
			     const struct iomap_ops *ops);
/* The device below a file; NULL: there is none. */
struct block_device *inode_dio_bdev(const struct inode *inode);
