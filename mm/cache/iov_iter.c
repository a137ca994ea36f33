/*
 * The cursor of struct iov_iter, and the copies that move it.
 *
 * 1. Everything is iterate(): it cuts a number of bytes into pieces that lie in one element (and, for a bio_vec, in one page),
 *    hands each to a step function, and advances by what the step did. A step that does less ends it.
 * 2. The four element types differ in the step's address only: a user address, or a kernel one.
 * 3. Going back is the same walk from the other side: elements lie in an array, so the one before is at index -1.
 *
 * Mirrors Linux lib/iov_iter.c. Exercised by the suite uio (tests/kernel/uio.c).
 */
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "lib/string.h"
#include "mm/cache/uio.h"
#include "mm/phys/page.h"

/* What is done with a piece: how many of its bytes. */
typedef size_t (*user_step_t)(void __user *user, void *kernel, size_t n);
typedef size_t (*kernel_step_t)(void *there, void *kernel, size_t n);

static __always_inline size_t seg_len(const struct iov_iter *i)
{
	switch (i->iter_type) {
	case ITER_UBUF:
		return i->iov_offset + i->count;
	case ITER_BVEC:
		return i->bvec->bv_len;
	default: /* struct iovec and struct kvec look alike */
		return i->__iov->iov_len;
	}
}

static __always_inline void seg_move(struct iov_iter *i, long by)
{
	if (i->iter_type == ITER_BVEC)
		i->bvec += by;
	else
		i->__iov += by;
	i->nr_segs -= by;
}

/* Past elements that are used up. */
static __always_inline void seg_settle(struct iov_iter *i)
{
	while (i->count && unlikely(i->iov_offset == seg_len(i))) {
		seg_move(i, 1);
		i->iov_offset = 0;
	}
}

size_t iov_iter_single_seg_count(const struct iov_iter *i)
{
	return i->count ? min(i->count, seg_len(i) - i->iov_offset) : 0;
}

size_t iov_iter_element(struct iov_iter *i, unsigned long *addr)
{
	seg_settle(i);
	*addr = i->iter_type == ITER_UBUF    ? (unsigned long)i->ubuf + i->iov_offset
		: i->iter_type == ITER_IOVEC ? (unsigned long)i->__iov->iov_base + i->iov_offset
					     : 0;
	return iov_iter_single_seg_count(i);
}

static __always_inline void *seg_address(const struct iov_iter *i)
{
	if (i->iter_type == ITER_KVEC)
		return i->kvec->iov_base + i->iov_offset;
	return page_address(i->bvec->bv_page) + i->bvec->bv_offset + i->iov_offset;
}

static __always_inline size_t iterate(struct iov_iter *i, void *kernel, size_t bytes,
				      user_step_t user, kernel_step_t there)
{
	size_t done = 0;

	if (unlikely(bytes > i->count))
		bytes = i->count;
	if (likely(i->iter_type == ITER_UBUF)) {
		done = bytes ? user(i->ubuf + i->iov_offset, kernel, bytes) : 0;
		i->iov_offset += done;
		i->count -= done;
		return done;
	}
	while (done < bytes) {
		size_t n, got;

		seg_settle(i);
		n = min(bytes - done, seg_len(i) - i->iov_offset);
		if (i->iter_type == ITER_IOVEC)
			got = user(i->__iov->iov_base + i->iov_offset, kernel + done, n);
		else
			got = there(seg_address(i), kernel + done, n);
		i->iov_offset += got;
		i->count -= got;
		done += got;
		if (got < n)
			break;
	}
	return done;
}

static __always_inline size_t to_user(void __user *user, void *kernel, size_t n)
{
	return n - _copy_to_user(user, kernel, n);
}

static __always_inline size_t to_kernel(void *there, void *kernel, size_t n)
{
	memcpy(there, kernel, n);
	return n;
}

static __always_inline size_t from_user(void __user *user, void *kernel, size_t n)
{
	return n - _copy_from_user(kernel, user, n);
}

static __always_inline size_t from_user_atomic(void __user *user, void *kernel, size_t n)
{
	return n - copy_from_user_inatomic(kernel, user, n);
}

static __always_inline size_t from_kernel(void *there, void *kernel, size_t n)
{
	memcpy(kernel, there, n);
	return n;
}

static __always_inline size_t zero_user(void __user *user, void *kernel, size_t n)
{
	return n - clear_user(user, n);
}

static __always_inline size_t zero_kernel(void *there, void *kernel, size_t n)
{
	memset(there, 0, n);
	return n;
}

size_t copy_to_iter(const void *from, size_t bytes, struct iov_iter *i)
{
	VM_BUG_ON(i->data_source);
	return iterate(i, (void *)from, bytes, to_user, to_kernel);
}

size_t copy_from_iter(void *to, size_t bytes, struct iov_iter *i)
{
	VM_BUG_ON(!i->data_source);
	return iterate(i, to, bytes, from_user, from_kernel);
}

size_t copy_from_iter_atomic(void *to, size_t bytes, struct iov_iter *i)
{
	VM_BUG_ON(!i->data_source);
	return iterate(i, to, bytes, from_user_atomic, from_kernel);
}

bool copy_from_iter_full(void *to, size_t bytes, struct iov_iter *i)
{
	size_t got = copy_from_iter(to, bytes, i);

	if (likely(got == bytes))
		return true;
	iov_iter_revert(i, got);
	return false;
}

size_t iov_iter_zero(size_t bytes, struct iov_iter *i)
{
	VM_BUG_ON(i->data_source);
	return iterate(i, NULL, bytes, zero_user, zero_kernel);
}

void iov_iter_advance(struct iov_iter *i, size_t bytes)
{
	bytes = min(bytes, i->count);
	while (bytes) {
		size_t n;

		seg_settle(i);
		n = min(bytes, seg_len(i) - i->iov_offset);
		i->iov_offset += n;
		i->count -= n;
		bytes -= n;
	}
}

void iov_iter_revert(struct iov_iter *i, size_t bytes)
{
	i->count += bytes;
	if (i->iter_type == ITER_UBUF) {
		VM_BUG_ON(bytes > i->iov_offset);
		i->iov_offset -= bytes;
		return;
	}
	while (bytes > i->iov_offset) {
		bytes -= i->iov_offset;
		seg_move(i, -1);
		i->iov_offset = seg_len(i);
	}
	i->iov_offset -= bytes;
}

unsigned long iov_iter_alignment(const struct iov_iter *iter)
{
	struct iov_iter i = *iter;
	unsigned long bits = 0;

	while (i.count) {
		size_t n;

		seg_settle(&i);
		n = min(i.count, seg_len(&i) - i.iov_offset);
		bits |= n;
		if (i.iter_type == ITER_UBUF)
			bits |= (unsigned long)i.ubuf + i.iov_offset;
		else if (i.iter_type == ITER_BVEC)
			bits |= i.bvec->bv_offset + i.iov_offset;
		else
			bits |= (unsigned long)i.__iov->iov_base + i.iov_offset;
		iov_iter_advance(&i, n);
	}
	return bits;
}

/* Reads one byte in each page of the range: the bytes from the first page on that is not there. */
static size_t fault_in_readable(const char __user *start, size_t n)
{
	unsigned long addr = (unsigned long)start, end = addr + n;
	char c;

	for (; addr < end; addr = (addr & PAGE_MASK) + PAGE_SIZE)
		if (unlikely(get_user(c, (const char __user *)addr)))
			return end - addr;
	(void)c;
	return 0;
}

size_t fault_in_iov_iter_readable(const struct iov_iter *iter, size_t bytes)
{
	struct iov_iter i = *iter;

	bytes = min(bytes, i.count);
	if (likely(i.iter_type == ITER_UBUF))
		return fault_in_readable(i.ubuf + i.iov_offset, bytes);
	if (!user_backed_iter(&i))
		return 0;
	while (bytes) {
		size_t n, missing;

		seg_settle(&i);
		n = min(bytes, seg_len(&i) - i.iov_offset);
		missing = fault_in_readable(i.__iov->iov_base + i.iov_offset, n);
		bytes -= n;
		if (missing)
			return bytes + missing;
		iov_iter_advance(&i, n);
	}
	return 0;
}
