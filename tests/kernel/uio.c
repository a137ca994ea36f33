/*
 * Suite uio: an iov_iter against a flat array. Random elements (kernel ranges, and parts of pages that may run over several
 * pages), then random copies, zeroings, skips and steps back: what was moved, what is left and every byte must agree.
 *
 * User memory is tested from programs (tests/user/{files,vfs}.c): a kernel thread has none.
 */
#include "kernel/ktest.h"
#include "lib/random.h"
#include "lib/string.h"
#include "mm/cache/uio.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"

#define UIO_ORDER 3
#define UIO_BYTES ((size_t)PAGE_SIZE << UIO_ORDER)
#define UIO_SEGS  12

/* The memory behind the iterator, what the model says about it, and the kernel's side of a copy. */
static struct uio_model {
	struct page *pages;
	u8 *there;	    /* the pages */
	u8 want[UIO_BYTES]; /* what they must hold */
	u8 here[UIO_BYTES]; /* copied from or to */
	u16 at[UIO_BYTES];  /* position in the iterator -> byte of there */
	size_t total, pos;  /* bytes of the iterator, and how many are done */
	struct kvec kvec[UIO_SEGS];
	struct bio_vec bvec[UIO_SEGS];
} * m;

/* Elements that do not overlap, in any order, some of them empty, with holes between. */
static unsigned int uio_elements(struct rnd_state *rnd)
{
	unsigned int nr = 1 + prandom_below(rnd, UIO_SEGS), s, order[UIO_SEGS];
	size_t slot = UIO_BYTES / nr;

	for (s = 0; s < nr; s++)
		order[s] = s;
	for (s = nr - 1; s; s--)
		swap(order[s], order[prandom_below(rnd, s + 1)]);
	m->total = m->pos = 0;
	for (s = 0; s < nr; s++) {
		size_t start = order[s] * slot + prandom_below(rnd, slot / 2), len, i;

		len = prandom_below(rnd, 5) ? prandom_below(rnd, slot / 2) : 0;
		m->kvec[s] = (struct kvec){ m->there + start, len };
		m->bvec[s] =
			(struct bio_vec){ m->pages + start / PAGE_SIZE, len, start % PAGE_SIZE };
		for (i = 0; i < len; i++)
			m->at[m->total++] = start + i;
	}
	return nr;
}

static void uio_dest_step(struct ktest *t, struct iov_iter *iter, size_t n, bool zero)
{
	size_t will = min(n, m->total - m->pos), i;

	for (i = 0; i < will; i++)
		m->want[m->at[m->pos + i]] = zero ? 0 : m->here[i];
	KTEST_ASSERT_EQ(t, zero ? iov_iter_zero(n, iter) : copy_to_iter(m->here, n, iter), will);
	m->pos += will;
}

static void uio_source_step(struct ktest *t, struct iov_iter *iter, size_t n, bool full)
{
	size_t will = min(n, m->total - m->pos), i;

	if (full && will < n) {
		KTEST_ASSERT_FALSE(t, copy_from_iter_full(m->here, n, iter));
		return;
	}
	KTEST_ASSERT_EQ(t, copy_from_iter(m->here, n, iter), will);
	for (i = 0; i < will; i++)
		KTEST_ASSERT_EQ(t, m->here[i], m->want[m->at[m->pos + i]]);
	m->pos += will;
}

static void uio_step(struct ktest *t, struct iov_iter *iter, struct rnd_state *rnd)
{
	size_t n = prandom_below(rnd, prandom_below(rnd, 4) ? 300 : UIO_BYTES);

	switch (prandom_below(rnd, 4)) {
	case 0:
		n = min(n, m->total - m->pos);
		iov_iter_advance(iter, n);
		m->pos += n;
		break;
	case 1:
		n = min(n, m->pos);
		iov_iter_revert(iter, n);
		m->pos -= n;
		break;
	default:
		if (iter->data_source)
			uio_source_step(t, iter, n, prandom_below(rnd, 2));
		else
			uio_dest_step(t, iter, n, !prandom_below(rnd, 3));
	}
	KTEST_ASSERT_EQ(t, iov_iter_count(iter), m->total - m->pos);
}

static void uio_round(struct ktest *t, struct rnd_state *rnd)
{
	unsigned int nr = uio_elements(rnd), dir = prandom_below(rnd, 2), i;
	struct iov_iter iter;

	if (prandom_below(rnd, 2))
		iov_iter_kvec(&iter, dir, m->kvec, nr, m->total);
	else
		iov_iter_bvec(&iter, dir, m->bvec, nr, m->total);
	for (i = 0; i < UIO_BYTES; i++)
		m->here[i] = prandom_below(rnd, 256);
	for (i = 0; i < 40 && !t->failed; i++)
		uio_step(t, &iter, rnd);
	KTEST_ASSERT_EQ(t, memcmp(m->there, m->want, UIO_BYTES), 0);
}

static void agrees_with_a_flat_array(struct ktest *t)
{
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, t->seed);
	m = kvzalloc(sizeof(*m), GFP_KERNEL);
	KTEST_ASSERT_NOT_NULL(t, m);
	m->pages = alloc_pages(GFP_KERNEL | __GFP_ZERO, UIO_ORDER);
	if (m->pages) {
		m->there = page_address(m->pages);
		for (i = 0; i < 100 && !t->failed; i++)
			uio_round(t, &rnd);
		__free_pages(m->pages, UIO_ORDER);
	}
	KTEST_EXPECT_NOT_NULL(t, m->pages);
	kvfree(m);
}

static void truncate_hides_the_rest(struct ktest *t)
{
	char a[8] = "........", b[8] = "________";
	const struct kvec vec[] = { { a, 8 }, { b, 8 } };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_DEST, vec, 2, 16);
	iov_iter_truncate(&iter, 10);
	KTEST_EXPECT_EQ(t, copy_to_iter("0123456789abcdef", 16, &iter), 10UL);
	KTEST_EXPECT_EQ(t, memcmp(b, "89______", 8), 0);
	iov_iter_reexpand(&iter, 6);
	KTEST_EXPECT_EQ(t, iov_iter_single_seg_count(&iter), 6UL);
	KTEST_EXPECT_EQ(t, copy_to_iter("abcdef", 6, &iter), 6UL);
	KTEST_EXPECT_EQ(t, memcmp(b, "89abcdef", 8), 0);
}

static void alignment_is_all_of_it_ored(struct ktest *t)
{
	const struct kvec vec[] = { { (void *)0x1000, 512 }, { (void *)0x2200, 1024 } };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_SOURCE, vec, 2, 1536);
	KTEST_EXPECT_EQ(t, iov_iter_alignment(&iter) & 511, 0UL);
	iov_iter_advance(&iter, 1);
	KTEST_EXPECT_EQ(t, iov_iter_alignment(&iter) & 511, 511UL);
	iov_iter_kvec(&iter, ITER_SOURCE, vec, 2, 0);
	KTEST_EXPECT_EQ(t, iov_iter_alignment(&iter), 0UL);
}

static const struct ktest_case uio_cases[] = {
	KTEST_CASE(agrees_with_a_flat_array),
	KTEST_CASE(truncate_hides_the_rest),
	KTEST_CASE(alignment_is_all_of_it_ored),
	{},
};
KTEST_SUITE(uio, uio_cases);
