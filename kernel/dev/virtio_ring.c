/*
 * Split virtqueues. What they are: virtio.h.
 *
 * Invariants: avail_idx - last_used = slots in flight <= nr_slots <= size, so the avail ring never overflows. A slot's table is
 * written only while its bit in in_flight is clear.
 *
 * Order: the table and the ring's entry are written before avail->idx; used->idx is read before the entry that it covers. Where each
 * side writes its own word and then reads the other's (avail->idx against the wish for a bell, the wish for an interrupt against
 * used->idx) a full barrier stands between.
 *
 * Mirrors Linux drivers/virtio/virtio_ring.c. Exercised by the suite virtio and tests/boot/test_disk.py.
 */
#include "arch/x86/barrier.h"
#include "arch/x86/io.h"
#include "kernel/bug.h"
#include "kernel/dev/virtio.h"
#include "lib/errno.h"
#include "mm/slab/slab.h"

#define USED_F_NO_NOTIFY 1
#define MIN_CHAIN	 3 /* what to do, data, how it ended */
/* Without indirect descriptors: so many of a ring's belong to a slot, if it is large enough for several slots. */
#define DIRECT_DESCS 16
#define RING_ALIGN   64

static u16 *used_event(const struct virtqueue *vq)
{
	return &vq->avail->ring[vq->size];
}

static u16 *avail_event(const struct virtqueue *vq)
{
	return (u16 *)&vq->used->ring[vq->size];
}

static int choose_slots(struct virtqueue *vq, unsigned int slots, unsigned int descs)
{
	/* No chain, indirect or not, may be longer than the ring. */
	descs = min(descs, vq->size);
	if (!vq->indirect)
		descs = min(descs, max(vq->size / 8, (unsigned int)MIN_CHAIN));
	if (!vq->indirect && descs > DIRECT_DESCS)
		descs = DIRECT_DESCS;
	if (descs < MIN_CHAIN || vq->size < MIN_CHAIN)
		return -EINVAL;
	vq->slot_descs = descs;
	vq->nr_slots = min(slots, vq->indirect ? vq->size : vq->size / descs);
	return 0;
}

/* What never changes: where each table is, and which descriptor follows which. */
static void link_tables(struct virtqueue *vq)
{
	dma_addr_t tables_dma = vq->mem_dma + ((u8 *)vq->tables - (u8 *)vq->mem);
	unsigned int slot, i;

	for (slot = 0; slot < vq->nr_slots; slot++) {
		unsigned int first = slot * vq->slot_descs;

		if (vq->indirect)
			vq->desc[slot] = (struct vring_desc){
				.addr = tables_dma + first * sizeof(struct vring_desc),
				.flags = VRING_DESC_F_INDIRECT,
			};
		for (i = 0; i < vq->slot_descs; i++)
			vq->tables[first + i].next = (vq->indirect ? 0 : first) + i + 1;
	}
}

int virtqueue_init(struct virtqueue *vq, struct device *dev, unsigned int slots, unsigned int descs)
{
	size_t avail_at, used_at, tables_at, size;
	int err = choose_slots(vq, slots, descs);

	if (err)
		return err;
	avail_at = vq->size * sizeof(struct vring_desc);
	used_at = ALIGN(avail_at + sizeof(struct vring_avail) + (vq->size + 1) * sizeof(u16),
			RING_ALIGN);
	tables_at = ALIGN(used_at + sizeof(struct vring_used) +
				  vq->size * sizeof(struct vring_used_elem) + sizeof(u16),
			  RING_ALIGN);
	size = tables_at;
	if (vq->indirect)
		size += (size_t)vq->nr_slots * vq->slot_descs * sizeof(struct vring_desc);
	vq->mem = dma_alloc_coherent(dev, size, &vq->mem_dma, GFP_KERNEL);
	vq->writable = kcalloc(vq->nr_slots, sizeof(*vq->writable), GFP_KERNEL);
	vq->in_flight = kcalloc(BITS_TO_LONGS(vq->nr_slots), sizeof(long), GFP_KERNEL);
	vq->mem_size = size;
	if (!vq->mem || !vq->writable || !vq->in_flight) {
		virtqueue_free(vq, dev);
		return -ENOMEM;
	}
	spin_lock_init(&vq->lock);
	vq->desc = vq->mem;
	vq->avail = vq->mem + avail_at;
	vq->used = vq->mem + used_at;
	vq->tables = vq->indirect ? vq->mem + tables_at : vq->desc;
	link_tables(vq);
	return 0;
}

void virtqueue_free(struct virtqueue *vq, struct device *dev)
{
	if (vq->mem)
		dma_free_coherent(dev, vq->mem_size, vq->mem, vq->mem_dma);
	kfree(vq->writable);
	kfree(vq->in_flight);
	vq->mem = NULL;
	vq->writable = NULL;
	vq->in_flight = NULL;
}

int virtqueue_add(struct virtqueue *vq, unsigned int slot, unsigned int nr, u32 writable)
{
	unsigned int head = vq->indirect ? slot : slot * vq->slot_descs;

	VM_BUG_ON(slot >= vq->nr_slots || !nr || nr > vq->slot_descs);
	guard(spinlock_irqsave)(&vq->lock);
	if (unlikely(vq->broken))
		return -EIO;
	VM_BUG_ON(test_bit(slot, vq->in_flight));
	if (vq->indirect)
		vq->desc[slot].len = nr * sizeof(struct vring_desc);
	__set_bit(slot, vq->in_flight);
	vq->writable[slot] = writable;
	vq->avail->ring[vq->avail_idx & (vq->size - 1)] = head;
	vq->avail_idx++;
	smp_store_release(&vq->avail->idx, vq->avail_idx);
	return 0;
}

bool virtqueue_kick_prepare(struct virtqueue *vq)
{
	u16 old, new;

	guard(spinlock_irqsave)(&vq->lock);
	smp_mb();
	old = vq->kicked_idx;
	new = vq->kicked_idx = vq->avail_idx;
	if (old == new || unlikely(vq->broken))
		return false;
	if (!vq->event)
		return !(READ_ONCE(vq->used->flags) & USED_F_NO_NOTIFY);
	/* Did the index pass the one that the device waits for? */
	return (u16)(new - READ_ONCE(*avail_event(vq)) - 1) < (u16)(new - old);
}

void virtqueue_notify(struct virtqueue *vq)
{
	writew(vq->index, vq->notify);
}

int virtqueue_get(struct virtqueue *vq, u32 *len, const char **why)
{
	u16 idx = smp_load_acquire(&vq->used->idx), ahead = idx - vq->last_used;
	struct vring_used_elem elem;
	unsigned int slot;

	if (!ahead || unlikely(vq->broken))
		return -1;
	if (unlikely(ahead > (u16)(vq->avail_idx - vq->last_used))) {
		*why = "its used index runs ahead";
		return -1;
	}
	/* Once: the device might change it between the check and the use. */
	elem.id = READ_ONCE(vq->used->ring[vq->last_used & (vq->size - 1)].id);
	elem.len = READ_ONCE(vq->used->ring[vq->last_used & (vq->size - 1)].len);
	slot = vq->indirect ? elem.id : elem.id / vq->slot_descs;
	if (unlikely(slot >= vq->nr_slots || !test_bit(slot, vq->in_flight) ||
		     (!vq->indirect && elem.id % vq->slot_descs))) {
		*why = "it gave back what it did not have";
		return -1;
	}
	if (unlikely(elem.len > vq->writable[slot])) {
		*why = "it wrote more than it was given";
		return -1;
	}
	vq->last_used++;
	__clear_bit(slot, vq->in_flight);
	*len = elem.len;
	return slot;
}

bool virtqueue_enable_cb(struct virtqueue *vq)
{
	if (vq->event)
		WRITE_ONCE(*used_event(vq), vq->last_used);
	smp_mb();
	return READ_ONCE(vq->used->idx) == vq->last_used;
}

int virtqueue_take_back(struct virtqueue *vq)
{
	unsigned int slot = find_first_bit(vq->in_flight, vq->nr_slots);

	if (slot >= vq->nr_slots)
		return -1;
	__clear_bit(slot, vq->in_flight);
	return slot;
}
