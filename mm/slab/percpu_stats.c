/*
 * What a chunk of the per-CPU allocator looks like: the numbers of /sys/kernel/debug/percpu_stats.
 *
 * 1. A chunk's two bitmaps are copied under pcpu_lock and read at leisure afterwards.
 * 2. They are cut into pieces: an allocation is one piece, and so is each free run in front of the
 *    last allocation (a fragment; what is behind it is simply free). Fragments count as negative
 *    lengths, so sorting puts them first, the longest at the very front.
 *
 * Locks: pcpu_lock for the copy. Mirrors Linux mm/percpu-stats.c. Exercised by the percpu suite and
 * tests/user/caches.c.
 */
#include "lib/errno.h"
#include "lib/sort.h"
#include "lib/string.h"
#include "mm/slab/percpu_internal.h"
#include "mm/slab/slab.h"

#define MAX_BITS (PCPU_MAX_UNIT_SIZE >> PCPU_MIN_ALLOC_SHIFT)

struct chunk_copy {
	struct pcpu_chunk c;
	DECLARE_BITMAP(alloc, MAX_BITS);
	DECLARE_BITMAP(bound, MAX_BITS + 1);
	int piece[MAX_BITS];
};

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Pieces up to the last allocation; their number. */
static unsigned int cut(struct chunk_copy *cc)
{
	unsigned int nr = 0, i = 0, end, bits = cc->c.nr_bits;

	while (i < bits) {
		bool taken = test_bit(i, cc->alloc);

		end = taken ? find_next_bit(cc->bound, bits, i + 1)
			    : find_next_bit(cc->alloc, bits, i);
		if (!taken && end >= bits)
			break;
		cc->piece[nr++] = (int)((end - i) << PCPU_MIN_ALLOC_SHIFT) * (taken ? 1 : -1);
		i = end;
	}
	sort(cc->piece, nr, sizeof(cc->piece[0]), compare, NULL);
	return nr;
}

static size_t longest_free_run(const struct chunk_copy *cc)
{
	unsigned long best = 0, i = 0, end, bits = cc->c.nr_bits;

	while ((i = find_next_zero_bit(cc->alloc, bits, i)) < bits) {
		end = find_next_bit(cc->alloc, bits, i);
		best = max(best, end - i);
		i = end;
	}
	return best << PCPU_MIN_ALLOC_SHIFT;
}

static unsigned int count_empty_pages(const struct chunk_copy *cc)
{
	unsigned int nr = 0;

	for (unsigned int p = 0; p < PCPU_MAX_PAGES; p++) {
		unsigned long from = p * PCPU_BITS_PER_PAGE, to = from + PCPU_BITS_PER_PAGE;

		nr += test_bit(p, cc->c.populated) && find_next_bit(cc->alloc, to, from) >= to;
	}
	return nr;
}

static void describe(struct chunk_copy *cc, bool first, struct pcpu_chunk_stats *st)
{
	unsigned int nr = cut(cc), frags = 0;

	*st = (struct pcpu_chunk_stats){
		.first = first,
		.nr_alloc = cc->c.nr_alloc,
		.max_alloc_size = cc->c.max_alloc_size,
		.empty_pop_pages = count_empty_pages(cc),
		.first_bit = cc->c.first_free,
		.free_bytes = (size_t)cc->c.free_bits << PCPU_MIN_ALLOC_SHIFT,
		.contig_bytes = longest_free_run(cc),
	};
	for (; frags < nr && cc->piece[frags] < 0; frags++) {
		st->sum_frag += -cc->piece[frags];
		st->max_frag = max(st->max_frag, (size_t)-cc->piece[frags]);
	}
	if (!nr)
		return;
	st->cur_min_alloc = cc->piece[frags];
	st->cur_med_alloc = cc->piece[(frags + nr - 1) / 2];
	st->cur_max_alloc = cc->piece[nr - 1];
}

/* Copies the n-th chunk; false: there are not so many. */
static bool copy_chunk(unsigned int n, struct chunk_copy *cc, bool *first)
{
	struct pcpu_chunk *c;

	guard(spinlock_irqsave)(&pcpu_lock);
	list_for_each_entry(c, &pcpu_chunks, list) {
		if (n--)
			continue;
		cc->c = *c;
		memset(cc->alloc, 0, sizeof(cc->alloc));
		memset(cc->bound, 0, sizeof(cc->bound));
		memcpy(cc->alloc, c->alloc_map, BITS_TO_LONGS(c->nr_bits) * sizeof(long));
		memcpy(cc->bound, c->bound_map, BITS_TO_LONGS(c->nr_bits + 1) * sizeof(long));
		*first = c == &pcpu_first_chunk;
		return true;
	}
	return false;
}

int pcpu_for_each_chunk(int (*fn)(const struct pcpu_chunk_stats *st, void *arg), void *arg)
{
	struct chunk_copy *cc = kmalloc(sizeof(*cc), GFP_KERNEL);
	struct pcpu_chunk_stats st;
	bool first;
	int ret = 0;

	if (!cc)
		return -ENOMEM;
	for (unsigned int n = 0; !ret && copy_chunk(n, cc, &first); n++) {
		describe(cc, first, &st);
		ret = fn(&st, arg);
	}
	kfree(cc);
	return ret;
}
