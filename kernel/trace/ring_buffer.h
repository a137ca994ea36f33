/*
 * The ring buffer of a CPU: the last records that were written there, in order.
 *
 * 1. Two positions count bytes since the buffer was made or cleared and only grow: records lie in [tail, head), and a
 *    position modulo the size is a place. A record is a struct ring_record and its bytes, rounded up to 16; it never
 *    crosses the end of the memory: what does not fit there is filled with a record without bytes (padding).
 * 2. One writer: the CPU itself, with interrupts off from reservation to commit. So there is nothing to nest: an interrupt
 *    comes before or after a record, and records and time stamps are in order. (Linux lets interrupts nest inside a
 *    reservation by a local cmpxchg and pays with delta time stamps that must be corrected; here a record takes less time
 *    than that would.) What comes all the same while a record is open (an exception inside) is dropped and counted.
 * 3. Room is made before the reservation: tail moves over the oldest records (overwrite mode), or the new record is dropped.
 *    What is overwritten unread is an overrun. Every record has a number, so that a reader knows how many it missed.
 * 4. Readers take no lock against the writer: they copy a record out and then look whether tail has passed it. If so the
 *    copy may be torn, is thrown away, and the reader goes on at the new tail. x86 keeps stores in order and loads in
 *    order, so this needs compiler barriers only.
 * 5. Consuming readers (trace_pipe) share one position, read. Overwrite mode does not care for it; without overwriting the
 *    writer stops short of it. Other readers have positions of their own.
 * 6. Memory is replaced (size, clear) by a function that runs on the CPU of the buffer with interrupts off: no writer is
 *    inside then. reader_mutex keeps readers away.
 *
 * Invariant: read <= head, tail <= head, head - tail <= size; the numbers of the records in the buffer follow each other.
 * Legend: W this CPU with interrupts off; R reader_mutex. Mirrors Linux kernel/trace/ring_buffer.c. Exercised by the trace
 * suite (tests/kernel/trace.c).
 */
#pragma once

#include "kernel/mutex.h"
#include "kernel/percpu.h"
#include "lib/types.h"

/* 16 bytes; the record's bytes follow. */
struct ring_record {
	u64 ts;	 /* trace clock */
	u32 len; /* bytes that follow, rounded up to 16; RING_PAD set: nothing but a gap */
	u32 nr;	 /* number of the record, low bits */
};
#define RING_PAD       0x80000000U
#define RING_MAX_BYTES 1024U /* longest record */
#define RING_MIN_SIZE  4096UL

struct ring_buffer {
	char *data;		       /* W R NULL: none yet */
	unsigned long size;	       /* W R bytes, whole pages */
	bool overwrite;		       /* the newest records win; else the oldest. Any time */
	bool open;		       /* W a record is being written */
	u64 head, tail;		       /* W read by everybody */
	u64 next;		       /* W head after the commit */
	u32 head_nr;		       /* W number of the next record */
	u32 tail_nr;		       /* W number of the record at tail */
	u64 written, overrun, dropped; /* W records since the buffer was cleared */
	struct mutex reader_mutex;
	u64 read;	/* R what was consumed */
	u32 read_nr;	/* R number of the next record to consume; read by the writer */
	u64 read_count; /* R records consumed */
	u32 gen;	/* W R how often the memory was replaced or cleared */
};

DECLARE_PER_CPU(struct ring_buffer, trace_rings);

/* A record copied out of a buffer. */
struct ring_copy {
	struct ring_record rec;
	u64 bytes[RING_MAX_BYTES / 8];
};

/* A place in one buffer. */
struct ring_iter {
	u64 pos;
	u32 nr;	 /* number of the record there */
	u32 gen; /* positions before a change of memory mean nothing after it */
};

/* Boot: every CPU's mutex. */
void ring_buffers_init(void);
/*
 * Memory of size bytes (rounded up to pages; 0: none) for this CPU's buffer, which is empty then. -ENOMEM: the old one stays.
 * => may sleep, interrupts on
 */
int ring_buffer_resize(int cpu, unsigned long size);
/* Empties the buffer and its counters. => as above */
void ring_buffer_reset(int cpu);

/*
 * Room for len bytes in this CPU's buffer, aligned to 8. NULL: no memory, longer than RING_MAX_BYTES, another record is
 * open, or full without overwriting. => interrupts off until ring_commit()
 */
void *ring_reserve(struct ring_buffer *rb, size_t len, u64 ts);
void ring_commit(struct ring_buffer *rb);

/* The oldest record that was not consumed. */
void ring_iter_reset(struct ring_buffer *rb, struct ring_iter *it);
/*
 * Copies the record at *it, or the oldest there is if that one is gone, and leaves *it there; *lost grows by the records
 * skipped. False: nothing is there. => reader_mutex
 */
bool ring_peek(struct ring_buffer *rb, struct ring_iter *it, struct ring_copy *copy,
	       unsigned long *lost);
/* *it moves behind the record that ring_peek() copied. */
void ring_advance(struct ring_iter *it, const struct ring_copy *copy);
/* Where consuming readers are, and moving on. => reader_mutex */
void ring_read_pos(struct ring_buffer *rb, struct ring_iter *it);
void ring_consume(struct ring_buffer *rb, const struct ring_iter *it);
/* Is there anything that was not consumed? A hint, without locks. */
bool ring_has_unread(struct ring_buffer *rb);
/* Records in the buffer that were not consumed. */
unsigned long ring_entries(struct ring_buffer *rb);
