/*
 * The ring buffer of a CPU (ring_buffer.h has the theory).
 *
 * The writer's half runs with interrupts off on its own CPU; the readers' half on any, under reader_mutex. Mirrors Linux
 * kernel/trace/ring_buffer.c. Exercised by the trace suite.
 */
#include "kernel/trace/ring_buffer.h"

#include "arch/x86/barrier.h"
#include "kernel/bug.h"
#include "kernel/smp.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kva/vmalloc.h"

#define RING_ALIGN 16U

DEFINE_PER_CPU_ALIGNED(struct ring_buffer, trace_rings);

void ring_buffers_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct ring_buffer *rb = per_cpu_ptr(&trace_rings, cpu);

		mutex_init(&rb->reader_mutex);
		rb->overwrite = true;
	}
}

/* ---- writing ---- */

static __always_inline struct ring_record *record_at(const struct ring_buffer *rb, u64 pos)
{
	return (struct ring_record *)(rb->data + pos % rb->size);
}

/* The oldest record goes. Its bytes are written only after everybody can see that. => tail < head */
static void drop_oldest(struct ring_buffer *rb)
{
	const struct ring_record *rec = record_at(rb, rb->tail);
	u32 len = rec->len;

	if (!(len & RING_PAD)) {
		if ((s32)(rb->tail_nr - READ_ONCE(rb->read_nr)) >= 0)
			rb->overrun++;
		rb->tail_nr++;
	}
	WRITE_ONCE(rb->tail, rb->tail + sizeof(*rec) + (len & ~RING_PAD));
}

/* Makes bytes from head on free. False: they are full of what nobody may overwrite. */
static bool make_room(struct ring_buffer *rb, unsigned long bytes)
{
	u64 end = rb->head + bytes;

	if (!rb->overwrite && end - max(READ_ONCE(rb->read), rb->tail) > rb->size)
		return false;
	while (end - rb->tail > rb->size)
		drop_oldest(rb);
	barrier();
	return true;
}

void *ring_reserve(struct ring_buffer *rb, size_t len, u64 ts)
{
	unsigned long bytes = ALIGN(len + sizeof(struct ring_record), RING_ALIGN), gap = 0;
	struct ring_record *rec;

	if (unlikely(!rb->data))
		return NULL;
	if (unlikely(rb->open || len > RING_MAX_BYTES))
		goto drop;
	if (unlikely(rb->head % rb->size + bytes > rb->size))
		gap = rb->size - rb->head % rb->size;
	if (unlikely(!make_room(rb, gap + bytes)))
		goto drop;
	if (unlikely(gap)) {
		rec = record_at(rb, rb->head);
		*rec = (struct ring_record){ .ts = ts,
					     .len = RING_PAD | (gap - sizeof(*rec)),
					     .nr = rb->head_nr };
	}
	rec = record_at(rb, rb->head + gap);
	*rec = (struct ring_record){ .ts = ts, .len = bytes - sizeof(*rec), .nr = rb->head_nr };
	rb->next = rb->head + gap + bytes;
	rb->open = true;
	return rec + 1;
drop:
	rb->dropped++;
	return NULL;
}

void ring_commit(struct ring_buffer *rb)
{
	rb->head_nr++;
	rb->written++;
	smp_store_release(&rb->head, rb->next);
	rb->open = false;
}

/* ---- reading ---- */

void ring_iter_reset(struct ring_buffer *rb, struct ring_iter *it)
{
	u64 tail = READ_ONCE(rb->tail), read = READ_ONCE(rb->read);

	/* Number and place need not belong together; ring_peek() finds the number in the record. */
	it->pos = max(tail, read);
	it->nr = read >= tail ? READ_ONCE(rb->read_nr) : READ_ONCE(rb->tail_nr);
	it->gen = READ_ONCE(rb->gen);
}

bool ring_peek(struct ring_buffer *rb, struct ring_iter *it, struct ring_copy *copy,
	       unsigned long *lost)
{
	if (it->gen != rb->gen)
		ring_iter_reset(rb, it);
	while (rb->data) {
		u64 tail = READ_ONCE(rb->tail), head = smp_load_acquire(&rb->head);
		const struct ring_record *rec;

		if (it->pos < tail)
			it->pos = tail;
		if (it->pos >= head)
			return false;
		rec = record_at(rb, it->pos);
		copy->rec = *(const volatile struct ring_record *)rec;
		barrier();
		if (READ_ONCE(rb->tail) > it->pos)
			continue;
		if (copy->rec.len & RING_PAD) {
			it->pos += sizeof(*rec) + (copy->rec.len & ~RING_PAD);
			continue;
		}
		if (WARN_ON_ONCE(copy->rec.len > RING_MAX_BYTES + RING_ALIGN))
			return false;
		memcpy(copy->bytes, rec + 1, min(copy->rec.len, RING_MAX_BYTES));
		barrier();
		if (READ_ONCE(rb->tail) > it->pos)
			continue;
		*lost += copy->rec.nr - it->nr;
		it->nr = copy->rec.nr;
		return true;
	}
	return false;
}

void ring_advance(struct ring_iter *it, const struct ring_copy *copy)
{
	it->pos += sizeof(copy->rec) + copy->rec.len;
	it->nr++;
}

void ring_read_pos(struct ring_buffer *rb, struct ring_iter *it)
{
	it->pos = rb->read;
	it->nr = rb->read_nr;
	it->gen = rb->gen;
}

void ring_consume(struct ring_buffer *rb, const struct ring_iter *it)
{
	rb->read_count++;
	WRITE_ONCE(rb->read_nr, it->nr);
	WRITE_ONCE(rb->read, it->pos);
}

bool ring_has_unread(struct ring_buffer *rb)
{
	return (s32)(READ_ONCE(rb->head_nr) - READ_ONCE(rb->read_nr)) > 0;
}

unsigned long ring_entries(struct ring_buffer *rb)
{
	u32 head = READ_ONCE(rb->head_nr), tail = READ_ONCE(rb->tail_nr),
	    read = READ_ONCE(rb->read_nr);
	s32 nr = head - ((s32)(read - tail) > 0 ? read : tail);

	return max(nr, 0);
}

/* ---- memory ---- */

struct swap {
	char *data;
	unsigned long size;
	bool keep; /* only empty it */
};

/* On the buffer's CPU, interrupts off: between two records. */
static void swap_memory(void *info)
{
	struct ring_buffer *rb = this_cpu_ptr(&trace_rings);
	struct swap *s = info;
	char *old = rb->data;

	if (!s->keep) {
		rb->data = s->data;
		rb->size = s->size;
		s->data = old;
	}
	rb->head = rb->tail = rb->read = 0;
	rb->head_nr = rb->tail_nr = rb->read_nr = 0;
	rb->gen++;
	rb->written = rb->overrun = rb->dropped = rb->read_count = 0;
}

int ring_buffer_resize(int cpu, unsigned long size)
{
	struct ring_buffer *rb = per_cpu_ptr(&trace_rings, cpu);
	struct swap s = { .size = PAGE_ALIGN(size) };
	int err;

	if (size) {
		s.data = __vmalloc(s.size, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		if (!s.data)
			return -ENOMEM;
	}
	mutex_lock(&rb->reader_mutex);
	err = smp_call_function_single(cpu, swap_memory, &s, true);
	mutex_unlock(&rb->reader_mutex);
	vfree(s.data);
	return err;
}

void ring_buffer_reset(int cpu)
{
	struct ring_buffer *rb = per_cpu_ptr(&trace_rings, cpu);
	struct swap s = { .keep = true };

	guard(mutex)(&rb->reader_mutex);
	smp_call_function_single(cpu, swap_memory, &s, true);
}
