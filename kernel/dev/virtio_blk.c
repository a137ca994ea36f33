/*
 * virtio-blk: disks that a hypervisor plays, /dev/vda and so on.
 *
 * 1. A request of the block layer is one chain: a header that says what and where, the data's page parts, and a byte in which the device
 *    says how it ended. Tag n of hardware queue q has slot n of virtqueue q; headers and status bytes lie beside each other,
 *    made at the start. queue_rq writes addresses and lengths, nothing else.
 * 2. The interrupt takes all that has been used, asks for the next interrupt, looks again, and ends the requests without the
 *    queue's lock.
 * 3. A device that breaks the rules, asks for a reset, or does not answer for virtio_blk.timeout= seconds (default 120, 0: never)
 *    is reset, so that it touches no page any more, and only then its requests end with EIO; so do all later ones. A watch looks
 *    at what is under way every few seconds; it also finds what has ended without an interrupt, and says so.
 * 4. The status byte counts as an error unless the device has written "OK" there: it is 0xff before.
 *
 * Facts: VIRTIO 1.1, 5.2. Locks: the virtqueue's. Mirrors Linux drivers/block/virtio_blk.c.
 * Exercised by tests/boot/test_disk.py and the suite virtio.
 */
#include "kernel/block/blk-sysfs.h"
#include "kernel/bug.h"
#include "kernel/dev/virtio.h"
#include "kernel/init.h"
#include "kernel/params.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

/* Feature bits. */
#define F_SIZE_MAX     1
#define F_SEG_MAX      2
#define F_RO	       5
#define F_BLK_SIZE     6
#define F_FLUSH	       9
#define F_TOPOLOGY     10
#define F_CONFIG_WCE   11
#define F_MQ	       12
#define F_DISCARD      13
#define F_WRITE_ZEROES 14

/* Offsets in the configuration. */
#define CFG_CAPACITY	     0
#define CFG_SIZE_MAX	     8
#define CFG_SEG_MAX	     12
#define CFG_BLK_SIZE	     20
#define CFG_PHYSICAL_EXP     24
#define CFG_WRITEBACK	     32
#define CFG_NUM_QUEUES	     34
#define CFG_MAX_DISCARD	     36
#define CFG_DISCARD_ALIGN    44
#define CFG_MAX_WRITE_ZEROES 48

/* Types of requests, and how they end. */
#define T_IN	       0
#define T_OUT	       1
#define T_FLUSH	       4
#define T_GET_ID       8
#define T_DISCARD      11
#define T_WRITE_ZEROES 13
#define S_OK	       0
#define S_IOERR	       1
#define S_UNSUPP       2
#define S_NONE	       0xff

#define ID_BYTES	20
#define SLOTS		128
#define SLOT_DESCS	128
#define FRAME_DESCS	2 /* header and status */
#define MAX_SECTORS	2560
#define TIMEOUT_SECONDS 120UL
#define MAX_TIMEOUT	86400UL
#define WATCH_SECONDS	5UL
#define PROBE_SECONDS	30

/* What stands around the data of a request. The device reads all but the status. */
struct vblk_frame {
	u32 type, reserved;
	u64 sector;
	struct {
		u64 sector;
		u32 nr, flags;
	} range; /* the data of a discard */
	u8 id[ID_BYTES];
	u8 status;
} __aligned(64);

/* Legend: - constant once the disk is added. */
struct vblk_queue {
	struct virtio_blk *vb;
	struct virtqueue *vq;
	struct vblk_frame *frames; /* by slot */
	dma_addr_t frames_dma;
};

struct virtio_blk {
	struct virtio_device *vdev;  /* - */
	struct gendisk *disk;	     /* - */
	struct request_queue *q;     /* - */
	struct vblk_queue *queues;   /* - */
	unsigned int nr_queues;	     /* - */
	char serial[ID_BYTES + 1];   /* - */
	u64 timeout_ns;		     /* - 0: for ever */
	unsigned long watch_seconds; /* - between two looks */
	int watching;		     /* the watch will look; cmpxchg */
	u64 complained;		     /* the watch's: the start of the request that it spoke of */
	struct delayed_work watch;
	struct work_struct broken_work, config_work;
};

static unsigned int next_index; /* of the disk's name; probes come one after the other */

/* ---- issuing ---- */

static dma_addr_t frame_dma(const struct vblk_queue *bq, unsigned int slot)
{
	return bq->frames_dma + slot * sizeof(struct vblk_frame);
}

static void set_desc(struct vring_desc *d, dma_addr_t addr, u32 len, u16 flags)
{
	d->addr = addr;
	d->len = len;
	d->flags = flags;
}

static u32 request_type(const struct request *rq)
{
	switch (req_op(rq)) {
	case REQ_OP_READ:
		return T_IN;
	case REQ_OP_WRITE:
		return T_OUT;
	case REQ_OP_FLUSH:
		return T_FLUSH;
	case REQ_OP_DISCARD:
		return T_DISCARD;
	default:
		return T_WRITE_ZEROES;
	}
}

/* The data's descriptors behind the header; how many there are then. */
static unsigned int fill_data(struct vblk_queue *bq, struct request *rq, struct vring_desc *table)
{
	u16 flags = VRING_DESC_F_NEXT | (req_op(rq) == REQ_OP_READ ? VRING_DESC_F_WRITE : 0);
	unsigned int n = 1, most = bq->vb->q->limits.max_segment_size;
	struct bvec_iter it;
	struct bio_vec bv;
	struct bio *bio;

	rq_for_each_bvec(bv, rq, bio, it, most)
	{
		VM_BUG_ON(n + 1 >= bq->vq->slot_descs);
		set_desc(&table[n++], page_to_phys(bv.bv_page) + bv.bv_offset, bv.bv_len, flags);
	}
	return n;
}

static unsigned int fill_range(struct vblk_queue *bq, struct request *rq, struct vring_desc *table)
{
	struct vblk_frame *f = &bq->frames[rq->tag];

	f->range.sector = rq->sector;
	f->range.nr = rq->data_len >> SECTOR_SHIFT;
	f->range.flags = 0;
	set_desc(&table[1], frame_dma(bq, rq->tag) + offsetof(struct vblk_frame, range),
		 sizeof(f->range), VRING_DESC_F_NEXT);
	return 2;
}

static void kick(struct vblk_queue *bq)
{
	struct virtio_blk *vb = bq->vb;

	if (virtqueue_kick_prepare(bq->vq))
		virtqueue_notify(bq->vq);
	if (unlikely(!READ_ONCE(vb->watching)) && !cmpxchg(&vb->watching, 0, 1))
		schedule_delayed_work(&vb->watch, vb->watch_seconds * HZ);
}

static int vblk_queue_rq(struct blk_mq_hw_ctx *hctx, struct request *rq, bool last)
{
	struct vblk_queue *bq = hctx->driver_data;
	struct vring_desc *table = virtqueue_table(bq->vq, rq->tag);
	struct vblk_frame *f = &bq->frames[rq->tag];
	bool data = req_op(rq) <= REQ_OP_WRITE;
	unsigned int n = 1;
	int err;

	f->type = request_type(rq);
	f->sector = data ? rq->sector : 0;
	f->status = S_NONE;
	if (data)
		n = fill_data(bq, rq, table);
	else if (req_op(rq) != REQ_OP_FLUSH)
		n = fill_range(bq, rq, table);
	set_desc(&table[n], frame_dma(bq, rq->tag) + offsetof(struct vblk_frame, status), 1,
		 VRING_DESC_F_WRITE);
	err = virtqueue_add(bq->vq, rq->tag, n + 1,
			    1 + (req_op(rq) == REQ_OP_READ ? rq->data_len : 0));
	if (unlikely(err))
		return err;
	if (last)
		kick(bq);
	return 0;
}

static void vblk_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	kick(hctx->driver_data);
}

static const struct blk_mq_ops vblk_mq_ops = {
	.queue_rq = vblk_queue_rq,
	.commit_rqs = vblk_commit_rqs,
};

/* ---- ending ---- */

static int status_error(u8 status)
{
	return likely(status == S_OK) ? 0 : status == S_UNSUPP ? -EOPNOTSUPP : -EIO;
}

static void end_list(struct vblk_queue *bq, struct list_head *list)
{
	struct request *rq, *next;

	list_for_each_entry_safe(rq, next, list, queuelist) {
		list_del_init(&rq->queuelist);
		blk_mq_end_request(rq, status_error(READ_ONCE(bq->frames[rq->tag].status)));
	}
}

/* Ends all that the device has given back; how many. => any context */
static unsigned int take_used(struct vblk_queue *bq)
{
	struct blk_mq_hw_ctx *hctx = &bq->vb->q->hctx[bq->vq->index];
	struct virtqueue *vq = bq->vq;
	const char *why = NULL;
	unsigned int n = 0;
	unsigned long flags;
	LIST_HEAD(done);
	u32 len;
	int slot;

	spin_lock_irqsave(&vq->lock, flags);
	do {
		while ((slot = virtqueue_get(vq, &len, &why)) >= 0) {
			list_add_tail(&blk_mq_tag_to_rq(hctx, slot)->queuelist, &done);
			n++;
		}
	} while (!why && !vq->broken && !virtqueue_enable_cb(vq));
	spin_unlock_irqrestore(&vq->lock, flags);
	if (unlikely(why))
		virtio_break(bq->vb->vdev, why);
	end_list(bq, &done);
	return n;
}

static void vblk_done(struct virtqueue *vq)
{
	struct vblk_queue *bq = vq->priv;

	if (likely(bq))
		take_used(bq);
}

/* ---- a device that has failed ---- */

/* Takes back what a broken queue has under way. */
static void fail_queue(struct vblk_queue *bq)
{
	struct blk_mq_hw_ctx *hctx = &bq->vb->q->hctx[bq->vq->index];
	unsigned long flags;
	LIST_HEAD(lost);
	int slot;

	spin_lock_irqsave(&bq->vq->lock, flags);
	while ((slot = virtqueue_take_back(bq->vq)) >= 0) {
		bq->frames[slot].status = S_IOERR;
		list_add_tail(&blk_mq_tag_to_rq(hctx, slot)->queuelist, &lost);
	}
	spin_unlock_irqrestore(&bq->vq->lock, flags);
	end_list(bq, &lost);
}

static void broken_fn(struct work_struct *work)
{
	struct virtio_blk *vb = container_of(work, struct virtio_blk, broken_work);
	unsigned int i;

	pr_err("%s: reset; what is under way and all that follows fails\n", vb->disk->disk_name);
	if (!virtio_reset_device(vb->vdev))
		pci_clear_master(vb->vdev->pdev); /* then it reaches no memory at least */
	for (i = 0; i < vb->nr_queues; i++)
		fail_queue(&vb->queues[i]);
}

static void vblk_broke(struct virtio_device *vdev)
{
	struct virtio_blk *vb = vdev->priv;

	schedule_work(&vb->broken_work);
}

/* The start of the oldest request that the device has; 0: it has none. */
static u64 oldest(struct vblk_queue *bq)
{
	struct blk_mq_hw_ctx *hctx = &bq->vb->q->hctx[bq->vq->index];
	u64 start = 0;
	unsigned int slot;

	guard(spinlock_irqsave)(&bq->vq->lock);
	for_each_set_bit(slot, bq->vq->in_flight, bq->vq->nr_slots) {
		u64 at = blk_mq_tag_to_rq(hctx, slot)->start_ns;

		if (!start || at < start)
			start = at;
	}
	return start;
}

/* One queue: the age of its oldest request, after what has ended without an interrupt is taken. */
static u64 watch_queue(struct vblk_queue *bq, u64 now)
{
	u64 start = oldest(bq);

	if (!start || now - start < bq->vb->watch_seconds * NSEC_PER_SEC)
		return start;
	if (take_used(bq))
		pr_warn("%s: %s: requests had ended without an interrupt\n",
			bq->vb->disk->disk_name, bq->vq->name);
	return oldest(bq);
}

static void watch_fn(struct work_struct *work)
{
	struct virtio_blk *vb = container_of(to_delayed_work(work), struct virtio_blk, watch);
	u64 now = ktime_get_ns(), first = 0;
	unsigned int i;

	for (i = 0; i < vb->nr_queues; i++) {
		u64 start = watch_queue(&vb->queues[i], now);

		if (start && (!first || start < first))
			first = start;
	}
	if (!first) {
		/* Whoever issues from here on sees that nobody watches; what was issued before is seen here. */
		xchg(&vb->watching, 0);
		for (i = 0; i < vb->nr_queues; i++)
			first |= oldest(&vb->queues[i]);
		if (!first || cmpxchg(&vb->watching, 0, 1))
			return;
	} else if (vb->timeout_ns && now > first && now - first >= vb->timeout_ns) {
		virtio_break(vb->vdev, "it does not answer");
	} else if (now > first && now - first >= 30 * NSEC_PER_SEC && vb->complained != first) {
		vb->complained = first;
		pr_warn("%s: no answer for %llu seconds\n", vb->disk->disk_name,
			(now - first) / NSEC_PER_SEC);
	}
	schedule_delayed_work(&vb->watch, vb->watch_seconds * HZ);
}

/* ---- changes of the configuration ---- */

static void config_fn(struct work_struct *work)
{
	struct virtio_blk *vb = container_of(work, struct virtio_blk, config_work);
	u64 sectors = virtio_cread64(vb->vdev, CFG_CAPACITY);

	if (sectors == bdev_nr_sectors(vb->disk->part0))
		return;
	pr_info("%s: now %llu sectors\n", vb->disk->disk_name, sectors);
	set_capacity(vb->disk, sectors);
}

static void vblk_config_changed(struct virtio_device *vdev)
{
	struct virtio_blk *vb = vdev->priv;

	if (vb && vb->disk)
		schedule_work(&vb->config_work);
}

/* ---- setting up ---- */

static int make_frames(struct virtio_blk *vb, struct vblk_queue *bq, struct virtqueue *vq)
{
	unsigned int slot;

	bq->vb = vb;
	bq->vq = vq;
	bq->frames = dma_alloc_coherent(&vb->vdev->pdev->dev,
					vq->nr_slots * sizeof(struct vblk_frame), &bq->frames_dma,
					GFP_KERNEL);
	if (!bq->frames)
		return -ENOMEM;
	for (slot = 0; slot < vq->nr_slots; slot++)
		set_desc(virtqueue_table(vq, slot), frame_dma(bq, slot),
			 offsetof(struct vblk_frame, range), VRING_DESC_F_NEXT);
	return 0;
}

static int make_queues(struct virtio_blk *vb)
{
	struct virtio_device *vdev = vb->vdev;
	unsigned int nr = 1, i;
	int err;

	if (virtio_has_feature(vdev, F_MQ))
		nr = virtio_cread16(vdev, CFG_NUM_QUEUES);
	nr = min3(nr, num_online_cpus(), (unsigned int)BLK_MAX_HW_QUEUES);
	nr = max(min(nr, virtio_max_vqs(vdev)), 1U);
	err = virtio_find_vqs(vdev, nr, SLOTS, SLOT_DESCS, "req", vblk_done);
	if (err)
		return err;
	vb->queues = kcalloc(nr, sizeof(*vb->queues), GFP_KERNEL);
	if (!vb->queues)
		return -ENOMEM;
	vb->nr_queues = nr;
	for (i = 0; i < nr; i++) {
		err = make_frames(vb, &vb->queues[i], &vdev->vqs[i]);
		if (err)
			return err;
	}
	return 0;
}

static int read_sizes(struct virtio_blk *vb, struct queue_limits *lim)
{
	struct virtio_device *vdev = vb->vdev;
	unsigned int size = SECTOR_SIZE, exp = 0;

	if (virtio_has_feature(vdev, F_BLK_SIZE))
		size = virtio_cread32(vdev, CFG_BLK_SIZE);
	if (size < SECTOR_SIZE || size > PAGE_SIZE || size & (size - 1)) {
		pr_err("virtio_blk: %s: blocks of %u bytes: not driven\n", vdev->name, size);
		return -EINVAL;
	}
	if (virtio_has_feature(vdev, F_TOPOLOGY))
		exp = min(virtio_cread8(vdev, CFG_PHYSICAL_EXP), (u8)16);
	lim->logical_block_size = size;
	lim->physical_block_size = size << exp;
	return 0;
}

static unsigned int at_least_one(unsigned int n, unsigned int none)
{
	return n ? n : none;
}

/* The device sizes each queue for itself; a request may come to any. What all of them have. */
static void common_sizes(const struct virtio_blk *vb, unsigned int *slots, unsigned int *descs)
{
	unsigned int i;

	*slots = *descs = UINT_MAX;
	for (i = 0; i < vb->nr_queues; i++) {
		*slots = min(*slots, vb->vdev->vqs[i].nr_slots);
		*descs = min(*descs, vb->vdev->vqs[i].slot_descs);
	}
}

static int read_limits(struct virtio_blk *vb, struct queue_limits *lim)
{
	struct virtio_device *vdev = vb->vdev;
	unsigned int slots, descs;
	int err = read_sizes(vb, lim);

	if (err)
		return err;
	lim->max_sectors = MAX_SECTORS;
	lim->max_segment_size = UINT_MAX;
	if (virtio_has_feature(vdev, F_SIZE_MAX))
		lim->max_segment_size = at_least_one(virtio_cread32(vdev, CFG_SIZE_MAX), UINT_MAX);
	/* Segments are cut at multiples of a block. */
	lim->max_segment_size -= lim->max_segment_size % lim->logical_block_size;
	common_sizes(vb, &slots, &descs);
	lim->max_segments = descs - FRAME_DESCS;
	if (virtio_has_feature(vdev, F_SEG_MAX))
		lim->max_segments = min((unsigned int)lim->max_segments,
					at_least_one(virtio_cread32(vdev, CFG_SEG_MAX), 1));
	if (!lim->max_segment_size) {
		pr_err("virtio_blk: %s: segments smaller than a block\n", vdev->name);
		return -EINVAL;
	}
	if (virtio_has_feature(vdev, F_DISCARD)) {
		lim->max_discard_sectors =
			at_least_one(virtio_cread32(vdev, CFG_MAX_DISCARD), UINT_MAX);
		lim->discard_granularity =
			max(virtio_cread32(vdev, CFG_DISCARD_ALIGN) << SECTOR_SHIFT,
			    lim->logical_block_size);
	}
	if (virtio_has_feature(vdev, F_WRITE_ZEROES))
		lim->max_write_zeroes_sectors =
			at_least_one(virtio_cread32(vdev, CFG_MAX_WRITE_ZEROES), UINT_MAX);
	/* Without FLUSH what has ended is safe. */
	lim->write_cache = virtio_has_feature(vdev, F_FLUSH);
	if (virtio_has_feature(vdev, F_CONFIG_WCE))
		lim->write_cache = virtio_cread8(vdev, CFG_WRITEBACK);
	return 0;
}

/* Slot 0 of the first queue, before the block layer has it: does the device answer, and what is its serial number? */
static int read_serial(struct virtio_blk *vb)
{
	struct vblk_queue *bq = &vb->queues[0];
	struct vring_desc *table = virtqueue_table(bq->vq, 0);
	unsigned long end = jiffies + PROBE_SECONDS * HZ;
	struct vblk_frame *f = &bq->frames[0];
	const char *why = NULL;
	int slot = -1;
	u32 len;

	*f = (struct vblk_frame){ .type = T_GET_ID, .status = S_NONE };
	set_desc(&table[1], frame_dma(bq, 0) + offsetof(struct vblk_frame, id), ID_BYTES,
		 VRING_DESC_F_NEXT | VRING_DESC_F_WRITE);
	set_desc(&table[2], frame_dma(bq, 0) + offsetof(struct vblk_frame, status), 1,
		 VRING_DESC_F_WRITE);
	virtqueue_add(bq->vq, 0, 3, ID_BYTES + 1);
	if (virtqueue_kick_prepare(bq->vq))
		virtqueue_notify(bq->vq);
	while (slot < 0 && !why && !time_after(jiffies, end)) {
		spin_lock_irq(&bq->vq->lock);
		slot = virtqueue_get(bq->vq, &len, &why);
		virtqueue_enable_cb(bq->vq);
		spin_unlock_irq(&bq->vq->lock);
		if (slot < 0)
			cpu_relax();
	}
	if (slot < 0) {
		pr_err("virtio_blk: %s: %s\n", vb->vdev->name, why ? why : "does not answer");
		return -EIO;
	}
	if (f->status == S_OK)
		memcpy(vb->serial, f->id, ID_BYTES);
	return 0;
}

/* 0 is "a", 25 "z", 26 "aa". */
static void disk_letters(char *buf, size_t len, unsigned int n)
{
	char tmp[8];
	unsigned int at = sizeof(tmp) - 1;

	tmp[at] = 0;
	for (n++; n && at; n = (n - 1) / 26)
		tmp[--at] = 'a' + (n - 1) % 26;
	snprintf(buf, len, "vd%s", tmp + at);
}

static ssize_t serial_show(char *buf, void *data)
{
	struct block_device *bdev = blk_sysfs_bdev(data);
	struct virtio_blk *vb;

	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	vb = bdev->bd_disk->private_data;
	bdev_put(bdev);
	return sysfs_emit(buf, "%s\n", vb->serial); /* disks of this driver stay */
}

static void vblk_sysfs_attrs(struct kernfs_node *dir, void *data)
{
	sysfs_create_file(dir, "serial", 0444, serial_show, NULL, data);
}

static const struct block_device_operations vblk_fops = { .sysfs_attrs = vblk_sysfs_attrs };

static int make_disk(struct virtio_blk *vb, const struct queue_limits *lim)
{
	unsigned int slots, descs, i;

	common_sizes(vb, &slots, &descs);
	vb->q = blk_mq_alloc_queue(&vblk_mq_ops, lim, vb->nr_queues, slots, 0);
	if (IS_ERR(vb->q))
		return PTR_ERR(vb->q);
	for (i = 0; i < vb->nr_queues; i++)
		vb->q->hctx[i].driver_data = &vb->queues[i];
	vb->disk = alloc_disk(vb->q, &vblk_fops, VIRTBLK_MAJOR, next_index * DISK_MAX_PARTS);
	if (IS_ERR(vb->disk)) {
		int err = PTR_ERR(vb->disk);

		vb->disk = NULL;
		blk_free_queue(vb->q);
		return err;
	}
	disk_letters(vb->disk->disk_name, DISK_NAME_LEN, next_index);
	vb->disk->private_data = vb;
	vb->disk->read_only = virtio_has_feature(vb->vdev, F_RO);
	return 0;
}

static void announce(const struct virtio_blk *vb)
{
	const struct queue_limits *lim = &vb->q->limits;
	const struct virtqueue *vq = &vb->vdev->vqs[0];
	u64 sectors = bdev_nr_sectors(vb->disk->part0);

	pr_info("virtio_blk %s: [%s] %llu %u-byte blocks (%llu MiB), %u queue%s of %u, "
		"%s%s%s%s%s\n",
		vb->vdev->name, vb->disk->disk_name,
		sectors / (lim->logical_block_size >> SECTOR_SHIFT), lim->logical_block_size,
		sectors >> 11, vb->nr_queues, vb->nr_queues > 1 ? "s" : "", vb->q->depth,
		!vb->vdev->nr_vectors	   ? "interrupt line"
		: vb->vdev->nr_vectors > 1 ? "MSI-X"
					   : "one MSI-X",
		vq->indirect ? "" : ", no indirect descriptors",
		vq->event ? "" : ", no event indexes",
		lim->write_cache ? ", write back" : ", write through",
		vb->disk->read_only ? ", read-only" : "");
}

static int start(struct virtio_blk *vb)
{
	struct queue_limits lim = {};
	unsigned int i;
	int err = make_queues(vb);

	if (!err)
		err = read_limits(vb, &lim);
	if (err)
		return err;
	virtio_device_ready(vb->vdev);
	err = read_serial(vb);
	if (!err)
		err = make_disk(vb, &lim);
	if (err)
		return err;
	for (i = 0; i < vb->nr_queues; i++)
		vb->vdev->vqs[i].priv = &vb->queues[i];
	vb->vdev->broke = vblk_broke;
	vb->vdev->config_changed = vblk_config_changed;
	set_capacity(vb->disk, virtio_cread64(vb->vdev, CFG_CAPACITY));
	announce(vb);
	next_index++;
	return add_disk(vb->disk);
}

/* => the device is reset */
static void discard_parts(struct virtio_blk *vb)
{
	unsigned int i;

	for (i = 0; i < vb->nr_queues; i++)
		if (vb->queues[i].frames)
			dma_free_coherent(&vb->vdev->pdev->dev,
					  vb->queues[i].vq->nr_slots * sizeof(struct vblk_frame),
					  vb->queues[i].frames, vb->queues[i].frames_dma);
	kfree(vb->queues);
	kfree(vb);
}

static int vblk_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	static const u64 wanted = BIT_ULL(F_SIZE_MAX) | BIT_ULL(F_SEG_MAX) | BIT_ULL(F_RO) |
				  BIT_ULL(F_BLK_SIZE) | BIT_ULL(F_FLUSH) | BIT_ULL(F_TOPOLOGY) |
				  BIT_ULL(F_CONFIG_WCE) | BIT_ULL(F_MQ) | BIT_ULL(F_DISCARD) |
				  BIT_ULL(F_WRITE_ZEROES);
	struct virtio_device *vdev = virtio_pci_open(pdev);
	unsigned long seconds = cmdline_get_ulong("virtio_blk.timeout", TIMEOUT_SECONDS);
	struct virtio_blk *vb;
	int err;

	if (seconds > MAX_TIMEOUT) {
		pr_warn("virtio_blk.timeout=%lu: at most %lu seconds: %lu\n", seconds, MAX_TIMEOUT,
			TIMEOUT_SECONDS);
		seconds = TIMEOUT_SECONDS;
	}
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	vb = kzalloc(sizeof(*vb), GFP_KERNEL);
	err = vb ? virtio_negotiate(vdev, wanted) : -ENOMEM;
	if (err) {
		kfree(vb);
		virtio_close(vdev, true);
		return err;
	}
	vb->vdev = vdev;
	vdev->priv = vb;
	vb->timeout_ns = seconds * NSEC_PER_SEC;
	vb->watch_seconds = seconds ? clamp(seconds / 4, 1UL, WATCH_SECONDS) : WATCH_SECONDS;
	INIT_DELAYED_WORK(&vb->watch, watch_fn);
	INIT_WORK(&vb->broken_work, broken_fn);
	INIT_WORK(&vb->config_work, config_fn);
	err = start(vb);
	/* With a disk it stays, even if its number was taken. */
	if (err && !vb->disk) {
		virtio_reset_device(vdev);
		discard_parts(vb);
		virtio_close(vdev, true);
	}
	return err;
}

static const struct pci_device_id vblk_ids[] = {
	{ PCI_VENDOR_VIRTIO, 0x1001 }, /* also speaks the protocol before version 1 */
	{ PCI_VENDOR_VIRTIO, 0x1042 },
	{},
};

static const struct pci_driver vblk_driver = {
	.name = "virtio_blk",
	.id_table = vblk_ids,
	.probe = vblk_probe,
};

static int __init vblk_init(void)
{
	register_blkdev(VIRTBLK_MAJOR, "virtblk");
	pci_register_driver(&vblk_driver);
	return 0;
}
device_initcall(vblk_init);
