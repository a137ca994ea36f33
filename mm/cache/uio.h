/*
 * iov_iter: where the bytes of a read go to, or those of a write come from; and kiocb, the call itself.
 *
 * 1. Four kinds of memory: one user range (UBUF), a user's vector (IOVEC), kernel ranges (KVEC), parts of pages (BVEC). The
 *    page cache, a file system or a device copies with copy_to_iter() and copy_from_iter() and need not know which.
 * 2. The iterator is a cursor: each copy advances it by what was copied; count is what is left. iov_iter_revert() steps back
 *    over bytes that were taken and could not be used.
 * 3. User ranges have been checked with access_ok() when the iterator is made (import_ubuf, import_iovec). A copy that meets
 *    an address without memory stops there: the caller sees fewer bytes.
 *
 * Invariant: iov_offset lies within the current element, or count is 0. No locks: an iterator belongs to one call.
 * Mirrors Linux include/linux/uio.h and struct kiocb of include/linux/fs.h. Exercised by the suite uio (tests/kernel/uio.c)
 * and tests/user/{files,vfs}.c.
 */
#pragma once

#include "lib/types.h"
#include "mm/cache/file.h"

struct kvec {
	void *iov_base;
	size_t iov_len;
};

/* Part of a page, or of several pages in a row. */
struct bio_vec {
	struct page *bv_page;
	unsigned int bv_len, bv_offset; /* bytes */
};

enum iter_type { ITER_UBUF, ITER_IOVEC, ITER_KVEC, ITER_BVEC };

#define ITER_DEST   0 /* the iterator is filled: a read */
#define ITER_SOURCE 1 /* it is emptied: a write */

struct iov_iter {
	u8 iter_type;
	bool data_source;
	size_t iov_offset; /* bytes of the current element that are done */
	size_t count;	   /* bytes left */
	union {
		void __user *ubuf;
		const struct iovec *__iov; /* the current element */
		const struct kvec *kvec;
		const struct bio_vec *bvec;
	};
	unsigned long nr_segs; /* elements left, the current one included */
};

#define IOCB_APPEND   BIT(0)
#define IOCB_DIRECT   BIT(1)
#define IOCB_DSYNC    BIT(2)
#define IOCB_SYNC     BIT(3)
#define IOCB_NOWAIT   BIT(4) /* -EAGAIN rather than sleep for a device or a lock */
#define IOCB_NOAPPEND BIT(5) /* at ki_pos though the file says append */

/* One read or write call on an open file. */
struct kiocb {
	struct file *ki_filp;
	loff_t ki_pos; /* bytes; the file moves it on */
	int ki_flags;  /* IOCB_* */
};

static inline size_t iov_iter_count(const struct iov_iter *i)
{
	return i->count;
}

static inline bool user_backed_iter(const struct iov_iter *i)
{
	return i->iter_type <= ITER_IOVEC;
}

/* => [buf, buf + count) passed access_ok() */
static inline void iov_iter_ubuf(struct iov_iter *i, unsigned int dir, void __user *buf,
				 size_t count)
{
	*i = (struct iov_iter){ .iter_type = ITER_UBUF,
				.data_source = dir,
				.ubuf = buf,
				.count = count,
				.nr_segs = 1 };
}

/* count: the sum of the lengths, or less. => each element passed access_ok() */
static inline void iov_iter_init(struct iov_iter *i, unsigned int dir, const struct iovec *iov,
				 unsigned long nr, size_t count)
{
	*i = (struct iov_iter){ .iter_type = ITER_IOVEC,
				.data_source = dir,
				.__iov = iov,
				.count = count,
				.nr_segs = nr };
}

static inline void iov_iter_kvec(struct iov_iter *i, unsigned int dir, const struct kvec *kvec,
				 unsigned long nr, size_t count)
{
	*i = (struct iov_iter){ .iter_type = ITER_KVEC,
				.data_source = dir,
				.kvec = kvec,
				.count = count,
				.nr_segs = nr };
}

static inline void iov_iter_bvec(struct iov_iter *i, unsigned int dir, const struct bio_vec *bvec,
				 unsigned long nr, size_t count)
{
	*i = (struct iov_iter){ .iter_type = ITER_BVEC,
				.data_source = dir,
				.bvec = bvec,
				.count = count,
				.nr_segs = nr };
}

/* Only the next count bytes are used: the iterator is shortened to them. */
static inline void iov_iter_truncate(struct iov_iter *i, size_t count)
{
	if (i->count > count)
		i->count = count;
}

/* After iov_iter_truncate(): count bytes are left again. */
static inline void iov_iter_reexpand(struct iov_iter *i, size_t count)
{
	i->count = count;
}

/* Bytes up to the end of the current element, at most count. */
size_t iov_iter_single_seg_count(const struct iov_iter *i);
/*
 * The same, and of user memory the address (of others 0). The iterator steps over elements that are used up, so that ->bvec and
 * ->iov_offset are the current ones.
 */
size_t iov_iter_element(struct iov_iter *i, unsigned long *addr);
/* All addresses and lengths ORed: how well they are aligned. 0 for an empty one. */
unsigned long iov_iter_alignment(const struct iov_iter *i);
/* Skips bytes; at most count. */
void iov_iter_advance(struct iov_iter *i, size_t bytes);
/* Goes back over bytes that were advanced over since the iterator was made. */
void iov_iter_revert(struct iov_iter *i, size_t bytes);

/*
 * Bytes copied; fewer than asked: the iterator ended, or its user memory is not there. The kernel's side must be bounded by the
 * caller (it is not checked against its object). => may sleep for user memory
 */
size_t copy_to_iter(const void *from, size_t bytes, struct iov_iter *i);
size_t copy_from_iter(void *to, size_t bytes, struct iov_iter *i);
size_t iov_iter_zero(size_t bytes, struct iov_iter *i);
/* The same without sleeping: user memory that a fault would have to bring in ends it. */
size_t copy_from_iter_atomic(void *to, size_t bytes, struct iov_iter *i);
/* All of bytes, or false with the iterator where it was. => may sleep */
bool copy_from_iter_full(void *to, size_t bytes, struct iov_iter *i);

/*
 * Touches the next bytes of user memory that a write will be read from, so that a copy without sleeping finds them: the number
 * of bytes that cannot be had (0: all there). => may sleep, no folio lock held
 */
size_t fault_in_iov_iter_readable(const struct iov_iter *i, size_t bytes);
