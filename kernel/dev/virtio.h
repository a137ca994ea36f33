/*
 * virtio: devices that a hypervisor plays, and the rings of memory through which they take work.
 *
 * 1. A device is found on PCI. Capabilities of its configuration space say where in its BARs its registers are: common ones,
 *    a word to ring for each queue, the interrupt status, and what belongs to its kind. Only devices of version 1 are driven.
 * 2. Setting one up: reset, ACKNOWLEDGE, DRIVER; of the features offered the driver takes what it knows (VERSION_1 always);
 *    FEATURES_OK, which the device must confirm; the queues; DRIVER_OK. FAILED says that it did not come about.
 * 3. A split virtqueue is three arrays: descriptors (address, length), the avail ring in which the driver puts heads of chains,
 *    and the used ring in which the device gives them back. Each side writes its own ring and an index that only grows.
 * 4. A queue here has slots. A slot is one chain's place, for one request at a time: with indirect descriptors a table of its
 *    own and ring descriptor n for slot n, else a fixed run of the ring's descriptors. So nothing is allocated or searched to
 *    issue a request, and what the device gives back names the slot.
 * 5. What comes from the device is not believed: an index too far ahead, a head that nobody gave it, more bytes written than
 *    it was allowed break the device (virtio_break). A broken device is told to the log and to its driver once, takes nothing
 *    more, and must be reset before the memory that it was given is used for something else.
 * 6. With event indexes each side says from which entry on it wants to hear of progress, so a bell rings, and an interrupt
 *    comes, only when the other side has caught up.
 *
 * Locks: vq->lock for both rings; taken with interrupts off.
 * Facts: Virtual I/O Device (VIRTIO) 1.1: 2 (facilities), 2.6 (split virtqueues), 3.1.1 (initialization), 4.1.4 (PCI).
 * Mirrors Linux include/linux/{virtio,virtio_config,virtio_ring}.h, drivers/virtio/. Exercised by the suite virtio
 * (tests/kernel/virtio.c) and tests/boot/test_disk.py.
 */
#pragma once

#include "arch/x86/bitops.h"
#include "kernel/dev/pci.h"
#include "kernel/spinlock.h"
#include "lib/types.h"

#define PCI_VENDOR_VIRTIO 0x1af4

#define VIRTIO_CONFIG_S_ACKNOWLEDGE 0x01
#define VIRTIO_CONFIG_S_DRIVER	    0x02
#define VIRTIO_CONFIG_S_DRIVER_OK   0x04
#define VIRTIO_CONFIG_S_FEATURES_OK 0x08
#define VIRTIO_CONFIG_S_NEEDS_RESET 0x40
#define VIRTIO_CONFIG_S_FAILED	    0x80

/* Numbers of feature bits. */
#define VIRTIO_RING_F_INDIRECT_DESC 28
#define VIRTIO_RING_F_EVENT_IDX	    29
#define VIRTIO_F_VERSION_1	    32
#define VIRTIO_F_ACCESS_PLATFORM    33

#define VRING_DESC_F_NEXT     1 /* the chain goes on with ->next */
#define VRING_DESC_F_WRITE    2 /* the device writes it, else it reads it */
#define VRING_DESC_F_INDIRECT 4 /* it is a table of descriptors */

struct vring_desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

struct vring_avail {
	u16 flags, idx;
	u16 ring[]; /* and behind it the used index from which on an interrupt is wanted */
};

struct vring_used_elem {
	u32 id, len;
};

struct vring_used {
	u16 flags, idx;
	struct vring_used_elem
		ring[]; /* and behind it the avail index from which on a bell is wanted */
};

struct virtio_device;

/* One queue. Legend: - constant once set up; Q its lock; D the device writes it. */
struct virtqueue {
	struct virtio_device *vdev;	      /* - */
	unsigned int index, size;	      /* - size: entries of its rings */
	unsigned int nr_slots, slot_descs;    /* - slots, and descriptors of each */
	bool indirect, event;		      /* - */
	bool broken;			      /* Q */
	u16 avail_idx, kicked_idx, last_used; /* Q */
	spinlock_t lock;		      /* Q */
	struct vring_desc *desc;	      /* - */
	struct vring_avail *avail;	      /* - */
	struct vring_used *used;	      /* D */
	struct vring_desc *tables;	      /* - slot n's begins at n * slot_descs */
	u32 *writable;			      /* Q by slot: bytes that the device may write */
	unsigned long *in_flight;	      /* Q bit set: the device has the slot */
	u16 __iomem *notify;		      /* - */
	void (*callback)(
		struct virtqueue *vq); /* - in interrupt context: there may be something used */
	void *priv;		       /* - the driver's */
	void *mem;		       /* - rings and tables */
	size_t mem_size;	       /* - */
	dma_addr_t mem_dma;	       /* - */
	char name[24];		       /* - "virtio0-req.1", for /proc/interrupts */
};

/* Legend: - constant once set up; D the device. */
struct virtio_device {
	struct pci_dev *pdev;			       /* - */
	u8 __iomem *common, *isr, *config;	       /* - */
	u8 __iomem *bells;			       /* - */
	unsigned int bells_len, bell_step, config_len; /* - */
	u64 features;				       /* - */
	unsigned int nr_vqs, nr_vectors;	       /* - nr_vectors 0: a line */
	struct virtqueue *vqs;			       /* - */
	bool config_irq, line_irq; /* - which handlers stand, beside the queues' */
	bool is_broken;		   /* by xchg */
	void (*config_changed)(struct virtio_device *vdev); /* - in interrupt context */
	void (*broke)(struct virtio_device *vdev); /* - once; any context, vq->lock may be held */
	void *priv;				   /* - the driver's */
	char name[16];				   /* - "virtio0" */
};

static inline bool virtio_has_feature(const struct virtio_device *vdev, unsigned int bit)
{
	return vdev->features >> bit & 1;
}

/* --- setting up; all in this order, may sleep --- */

/* Maps what the device's capabilities name and resets it. ERR_PTR(-ENODEV: not of version 1; -ENOMEM; -EIO). */
struct virtio_device *virtio_pci_open(struct pci_dev *pdev);
/* Takes those of wanted (and the rings' own) that the device offers. 0; -ENODEV; -EIO: it does not confirm. */
int virtio_negotiate(struct virtio_device *vdev, u64 wanted);
/*
 * Queues 0 .. nr-1, each with up to slots slots of up to descs descriptors, fewer if the device's rings are small; an interrupt
 * for each queue, or one for all. What there is afterwards stands in vdev->vqs[]. 0, -ENOMEM, -ENOENT: not so many queues,
 * -EINVAL: too small a ring for a chain of three.
 */
int virtio_find_vqs(struct virtio_device *vdev, unsigned int nr, unsigned int slots,
		    unsigned int descs, const char *name, void (*callback)(struct virtqueue *vq));
/* How many queues the device has, and how many queues could have an interrupt of their own. */
unsigned int virtio_max_vqs(const struct virtio_device *vdev);
/* The device may take work. */
void virtio_device_ready(struct virtio_device *vdev);
/* The device forgets all and touches no memory any more: true; false: it does not answer (one line). => may sleep */
bool virtio_reset_device(struct virtio_device *vdev);
/* Undoes open and find_vqs, with a reset; fail: it is told that the driver gave up. => may sleep */
void virtio_close(struct virtio_device *vdev, bool fail);

/* What belongs to the kind of device; 0 beyond what it has. Little endian. */
u8 virtio_cread8(const struct virtio_device *vdev, unsigned int offset);
u16 virtio_cread16(const struct virtio_device *vdev, unsigned int offset);
u32 virtio_cread32(const struct virtio_device *vdev, unsigned int offset);
u64 virtio_cread64(const struct virtio_device *vdev, unsigned int offset);
void virtio_cwrite8(struct virtio_device *vdev, unsigned int offset, u8 value);

/* It broke the rules, or asks for a reset: one line, broke() once, no queue takes more. => any context, no vq->lock */
void virtio_break(struct virtio_device *vdev, const char *why);

/* --- queues --- */

static inline struct vring_desc *virtqueue_table(const struct virtqueue *vq, unsigned int slot)
{
	return vq->tables + slot * vq->slot_descs;
}

/* Memory for the rings and tables of a queue whose size, features and name are set: 0, -ENOMEM, -EINVAL. => may sleep */
int virtqueue_init(struct virtqueue *vq, struct device *dev, unsigned int slots,
		   unsigned int descs);
void virtqueue_free(struct virtqueue *vq, struct device *dev);

/*
 * Gives the device the first nr descriptors of slot's table; of them it may write `writable` bytes in all. ->next is set already,
 * flags are the caller's. 0, or -EIO: broken. => the slot is the caller's
 */
int virtqueue_add(struct virtqueue *vq, unsigned int slot, unsigned int nr, u32 writable);
/* Has the device to be told? If so, virtqueue_notify(). => after virtqueue_add(), any context */
bool virtqueue_kick_prepare(struct virtqueue *vq);
void virtqueue_notify(struct virtqueue *vq);
/*
 * A slot that the device has given back, and how many bytes it wrote; -1: none. *why is set if the device broke the rules: the caller
 * drops the lock and calls virtio_break(). => vq->lock
 */
int virtqueue_get(struct virtqueue *vq, u32 *len, const char **why);
/* Asks for an interrupt at the next one; false: there is one already. => vq->lock */
bool virtqueue_enable_cb(struct virtqueue *vq);
/* Takes a slot of a broken and reset device back: -1: none is left. => vq->lock */
int virtqueue_take_back(struct virtqueue *vq);
