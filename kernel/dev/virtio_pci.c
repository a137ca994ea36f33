/*
 * virtio devices on PCI: where their registers are, how they are set up, how they interrupt.
 *
 * Each queue has an MSI-X message of its own, to the CPU whose number the queue has, and changes of the configuration another one. If
 * there are not so many, one message serves everything; without MSI-X a line does, and the interrupt status (which reading
 * clears) tells what it was. A message for everything cannot tell, so each queue is looked at.
 *
 * Facts: VIRTIO 1.1, 4.1.4 (layout), 4.1.5 (set-up, interrupts). Mirrors Linux drivers/virtio/virtio_pci_{modern,common}.c.
 * Exercised by tests/boot/test_disk.py.
 */
#include "arch/x86/atomic.h"
#include "arch/x86/io.h"
#include "kernel/dev/virtio.h"
#include "kernel/irq.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "mm/kva/ioremap.h"
#include "mm/slab/slab.h"

/* A capability of type "vendor" in configuration space. */
#define CAP_CFG_TYPE	 3
#define CAP_BAR		 4
#define CAP_OFFSET	 8
#define CAP_LENGTH	 12
#define CAP_NOTIFY_STEP	 16
#define CFG_TYPE_COMMON	 1
#define CFG_TYPE_NOTIFY	 2
#define CFG_TYPE_ISR	 3
#define CFG_TYPE_DEVICE	 4
#define MAX_CAPABILITIES 48

/* Common registers. */
#define DEVICE_FEATURE_SELECT 0
#define DEVICE_FEATURE	      4
#define DRIVER_FEATURE_SELECT 8
#define DRIVER_FEATURE	      12
#define MSIX_CONFIG	      16
#define NUM_QUEUES	      18
#define DEVICE_STATUS	      20
#define CONFIG_GENERATION     21
#define QUEUE_SELECT	      22
#define QUEUE_SIZE	      24
#define QUEUE_MSIX_VECTOR     26
#define QUEUE_ENABLE	      28
#define QUEUE_NOTIFY_OFF      30
#define QUEUE_DESC	      32
#define QUEUE_DRIVER	      40
#define QUEUE_DEVICE	      48
#define COMMON_LEN	      56

#define ISR_QUEUE     1
#define ISR_CONFIG    2
#define NO_VECTOR     0xffff
#define MAX_RING      1024 /* entries of a ring that are used, if the device has more */
#define RESET_SECONDS 10

/* ---- registers ---- */

static u8 get_status(const struct virtio_device *vdev)
{
	return readb(vdev->common + DEVICE_STATUS);
}

static void add_status(struct virtio_device *vdev, u8 bit)
{
	writeb(get_status(vdev) | bit, vdev->common + DEVICE_STATUS);
}

/* Two halves, as the specification wants it. */
static void write64(u64 value, u8 __iomem *at)
{
	writel(value, at);
	writel(value >> 32, at + 4);
}

static bool in_config(const struct virtio_device *vdev, unsigned int offset, unsigned int len)
{
	return offset <= vdev->config_len && len <= vdev->config_len - offset;
}

u8 virtio_cread8(const struct virtio_device *vdev, unsigned int offset)
{
	return in_config(vdev, offset, 1) ? readb(vdev->config + offset) : 0;
}

u16 virtio_cread16(const struct virtio_device *vdev, unsigned int offset)
{
	return in_config(vdev, offset, 2) ? readw(vdev->config + offset) : 0;
}

u32 virtio_cread32(const struct virtio_device *vdev, unsigned int offset)
{
	return in_config(vdev, offset, 4) ? readl(vdev->config + offset) : 0;
}

/* Two reads: again, if the device changed its mind in between. */
u64 virtio_cread64(const struct virtio_device *vdev, unsigned int offset)
{
	unsigned int tries;
	u64 value = 0;

	for (tries = 0; tries < 100; tries++) {
		u8 before = readb(vdev->common + CONFIG_GENERATION);

		value = virtio_cread32(vdev, offset) | (u64)virtio_cread32(vdev, offset + 4) << 32;
		if (readb(vdev->common + CONFIG_GENERATION) == before)
			break;
	}
	return value;
}

void virtio_cwrite8(struct virtio_device *vdev, unsigned int offset, u8 value)
{
	if (in_config(vdev, offset, 1))
		writeb(value, vdev->config + offset);
}

/* ---- finding the registers ---- */

/* Maps the first capability of this type with at least `least` bytes; *len becomes its length. */
static u8 __iomem *map_capability(struct pci_dev *pdev, u8 type, unsigned int least,
				  unsigned int *len, u8 *where)
{
	unsigned int steps;
	u8 pos = pci_find_capability(pdev, PCI_CAP_ID_VNDR);

	for (steps = 0; pos && steps < MAX_CAPABILITIES; steps++) {
		u32 offset = pci_read_config_dword(pdev, pos + CAP_OFFSET);
		u8 __iomem *at;

		*len = pci_read_config_dword(pdev, pos + CAP_LENGTH);
		*where = pos;
		if (pci_read_config_byte(pdev, pos + CAP_CFG_TYPE) == type && *len >= least) {
			at = pci_iomap_range(pdev, pci_read_config_byte(pdev, pos + CAP_BAR),
					     offset, *len);
			if (at)
				return at;
		}
		pos = pci_find_next_capability(pdev, pos, PCI_CAP_ID_VNDR);
	}
	*len = 0;
	return NULL;
}

static int map_registers(struct virtio_device *vdev)
{
	struct pci_dev *pdev = vdev->pdev;
	unsigned int len;
	u8 pos;

	vdev->common = map_capability(pdev, CFG_TYPE_COMMON, COMMON_LEN, &len, &pos);
	vdev->isr = map_capability(pdev, CFG_TYPE_ISR, 1, &len, &pos);
	vdev->config = map_capability(pdev, CFG_TYPE_DEVICE, 1, &vdev->config_len, &pos);
	vdev->bells = map_capability(pdev, CFG_TYPE_NOTIFY, 2, &vdev->bells_len, &pos);
	if (!vdev->common || !vdev->isr || !vdev->bells) {
		pr_info("%s: %s: not a device of version 1\n", vdev->name, pdev->name);
		return -ENODEV;
	}
	vdev->bell_step = pci_read_config_dword(pdev, pos + CAP_NOTIFY_STEP);
	return 0;
}

static void unmap_registers(struct virtio_device *vdev)
{
	u8 __iomem *maps[] = { vdev->common, vdev->isr, vdev->config, vdev->bells };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(maps); i++)
		if (maps[i])
			iounmap(maps[i]);
}

bool virtio_reset_device(struct virtio_device *vdev)
{
	unsigned long end = jiffies + RESET_SECONDS * HZ;

	writeb(0, vdev->common + DEVICE_STATUS);
	while (get_status(vdev)) {
		if (time_after(jiffies, end)) {
			pr_err("%s: does not end its reset\n", vdev->name);
			return false;
		}
		msleep(1);
	}
	return true;
}

struct virtio_device *virtio_pci_open(struct pci_dev *pdev)
{
	static unsigned int next_number; /* devices are probed one after the other */
	struct virtio_device *vdev = kzalloc(sizeof(*vdev), GFP_KERNEL);
	int err;

	if (!vdev)
		return ERR_PTR(-ENOMEM);
	vdev->pdev = pdev;
	snprintf(vdev->name, sizeof(vdev->name), "virtio%u", next_number++);
	err = pci_enable_device(pdev);
	if (!err)
		err = map_registers(vdev);
	if (!err && !virtio_reset_device(vdev))
		err = -EIO;
	if (err) {
		unmap_registers(vdev);
		kfree(vdev);
		return ERR_PTR(err);
	}
	pdev->driver_data = vdev;
	pdev->dev.coherent_dma_mask = DMA_BIT_MASK(64);
	pci_set_master(pdev);
	add_status(vdev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(vdev, VIRTIO_CONFIG_S_DRIVER);
	return vdev;
}

int virtio_negotiate(struct virtio_device *vdev, u64 wanted)
{
	unsigned int half;
	u64 offered = 0;

	for (half = 0; half < 2; half++) {
		writel(half, vdev->common + DEVICE_FEATURE_SELECT);
		offered |= (u64)readl(vdev->common + DEVICE_FEATURE) << 32 * half;
	}
	if (!(offered & BIT_ULL(VIRTIO_F_VERSION_1))) {
		pr_err("%s: does not offer version 1\n", vdev->name);
		return -ENODEV;
	}
	wanted |= BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |
		  BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);
	vdev->features = offered & wanted;
	for (half = 0; half < 2; half++) {
		writel(half, vdev->common + DRIVER_FEATURE_SELECT);
		writel(vdev->features >> 32 * half, vdev->common + DRIVER_FEATURE);
	}
	add_status(vdev, VIRTIO_CONFIG_S_FEATURES_OK);
	if (get_status(vdev) & VIRTIO_CONFIG_S_FEATURES_OK)
		return 0;
	pr_err("%s: does not accept the features %#llx\n", vdev->name, vdev->features);
	return -EIO;
}

/* ---- interrupts ---- */

static void config_event(struct virtio_device *vdev)
{
	if (get_status(vdev) & VIRTIO_CONFIG_S_NEEDS_RESET)
		virtio_break(vdev, "it asks for a reset");
	else if (vdev->config_changed)
		vdev->config_changed(vdev);
}

static irqreturn_t vq_interrupt(int irq, void *dev)
{
	struct virtqueue *vq = dev;

	vq->callback(vq);
	return IRQ_HANDLED;
}

static irqreturn_t config_interrupt(int irq, void *dev)
{
	config_event(dev);
	return IRQ_HANDLED;
}

static void all_queues(struct virtio_device *vdev)
{
	unsigned int i;

	for (i = 0; i < vdev->nr_vqs; i++)
		vdev->vqs[i].callback(&vdev->vqs[i]);
}

static irqreturn_t shared_message(int irq, void *dev)
{
	all_queues(dev);
	config_event(dev);
	return IRQ_HANDLED;
}

static irqreturn_t line_interrupt(int irq, void *dev)
{
	struct virtio_device *vdev = dev;
	u8 why = readb(vdev->isr); /* the line goes down */

	if (why & ISR_QUEUE)
		all_queues(vdev);
	if (why & ISR_CONFIG)
		config_event(vdev);
	return why ? IRQ_HANDLED : IRQ_NONE;
}

static int line(struct virtio_device *vdev)
{
	struct pci_dev *pdev = vdev->pdev;
	int err;

	if (!pdev->irq || pdev->irq > 15)
		err = -ENOENT;
	else
		err = request_irq(pdev->irq, line_interrupt, IRQF_SHARED, vdev->name, vdev);
	vdev->line_irq = !err;
	if (err)
		pr_err("%s: no MSI-X, and no interrupt line (%u): error %d\n", vdev->name,
		       pdev->irq, err);
	return err;
}

static void free_vectors(struct virtio_device *vdev, unsigned int queues)
{
	unsigned int i;

	if (!vdev->nr_vectors)
		return;
	if (vdev->nr_vectors == 1) {
		free_irq(pci_irq_vector(vdev->pdev, 0), vdev);
	} else {
		for (i = 0; i < queues; i++)
			free_irq(pci_irq_vector(vdev->pdev, i), &vdev->vqs[i]);
		if (vdev->config_irq)
			free_irq(pci_irq_vector(vdev->pdev, vdev->nr_vqs), vdev);
	}
	vdev->nr_vectors = 0;
	vdev->config_irq = false;
	pci_free_irq_vectors(vdev->pdev);
}

/* A handler for each queue; the configuration's comes last, so that queue n has message n. */
static int request_vectors(struct virtio_device *vdev)
{
	unsigned int i;
	int err;

	if (vdev->nr_vectors == 1)
		return request_irq(pci_irq_vector(vdev->pdev, 0), shared_message, 0, vdev->name,
				   vdev);
	for (i = 0; i < vdev->nr_vqs; i++) {
		err = request_irq(pci_irq_vector(vdev->pdev, i), vq_interrupt, 0, vdev->vqs[i].name,
				  &vdev->vqs[i]);
		if (err) {
			free_vectors(vdev, i);
			return err;
		}
	}
	err = request_irq(pci_irq_vector(vdev->pdev, i), config_interrupt, 0, vdev->name, vdev);
	vdev->config_irq = !err;
	if (err)
		free_vectors(vdev, i);
	return err;
}

static int find_interrupts(struct virtio_device *vdev)
{
	struct pci_dev *pdev = vdev->pdev;
	int got = -ENOSPC;

	/* MSI is not for virtio: the device has registers for MSI-X messages only. */
	if (pdev->msix_cap) {
		got = pci_alloc_irq_vectors(pdev, vdev->nr_vqs + 1, vdev->nr_vqs + 1);
		if (got < 0)
			got = pci_alloc_irq_vectors(pdev, 1, 1);
	}
	if (got < 0)
		return line(vdev);
	vdev->nr_vectors = got;
	return request_vectors(vdev);
}

/* The number of the message that the device shall send; it confirms by having it. */
static bool set_vector(struct virtio_device *vdev, unsigned int reg, u16 message)
{
	writew(message, vdev->common + reg);
	if (readw(vdev->common + reg) == message)
		return true;
	pr_err("%s: does not accept message %u\n", vdev->name, message);
	return false;
}

/* ---- queues ---- */

unsigned int virtio_max_vqs(const struct virtio_device *vdev)
{
	return readw(vdev->common + NUM_QUEUES);
}

/* => its queue is selected */
static int setup_vq(struct virtio_device *vdev, struct virtqueue *vq, unsigned int slots,
		    unsigned int descs)
{
	unsigned int size = readw(vdev->common + QUEUE_SIZE), bell;
	int err;

	if (!size || readw(vdev->common + QUEUE_ENABLE))
		return -ENOENT;
	if (size & (size - 1)) {
		pr_err("%s: queue of %u entries: not a power of two\n", vdev->name, size);
		return -EINVAL;
	}
	vq->size = min(size, (unsigned int)MAX_RING);
	if (vq->size < size)
		writew(vq->size, vdev->common + QUEUE_SIZE);
	bell = readw(vdev->common + QUEUE_NOTIFY_OFF) * vdev->bell_step;
	if (bell > vdev->bells_len - sizeof(u16)) {
		pr_err("%s: the bell of queue %u is out of reach\n", vdev->name, vq->index);
		return -EINVAL;
	}
	vq->notify = (u16 __iomem *)(vdev->bells + bell);
	vq->indirect = virtio_has_feature(vdev, VIRTIO_RING_F_INDIRECT_DESC);
	vq->event = virtio_has_feature(vdev, VIRTIO_RING_F_EVENT_IDX);
	err = virtqueue_init(vq, &vdev->pdev->dev, slots, descs);
	if (err)
		return err;
	write64(vq->mem_dma, vdev->common + QUEUE_DESC);
	write64(vq->mem_dma + ((u8 *)vq->avail - (u8 *)vq->mem), vdev->common + QUEUE_DRIVER);
	write64(vq->mem_dma + ((u8 *)vq->used - (u8 *)vq->mem), vdev->common + QUEUE_DEVICE);
	return 0;
}

static int enable_queues(struct virtio_device *vdev)
{
	bool shared = vdev->nr_vectors == 1;
	unsigned int i;

	if (vdev->nr_vectors && !set_vector(vdev, MSIX_CONFIG, shared ? 0 : vdev->nr_vqs))
		return -EIO;
	for (i = 0; i < vdev->nr_vqs; i++) {
		writew(i, vdev->common + QUEUE_SELECT);
		if (vdev->nr_vectors && !set_vector(vdev, QUEUE_MSIX_VECTOR, shared ? 0 : i))
			return -EIO;
		writew(1, vdev->common + QUEUE_ENABLE);
	}
	return 0;
}

int virtio_find_vqs(struct virtio_device *vdev, unsigned int nr, unsigned int slots,
		    unsigned int descs, const char *name, void (*callback)(struct virtqueue *vq))
{
	unsigned int i;
	int err;

	vdev->vqs = kcalloc(nr, sizeof(*vdev->vqs), GFP_KERNEL);
	if (!vdev->vqs)
		return -ENOMEM;
	vdev->nr_vqs = nr;
	for (i = 0; i < nr; i++) {
		struct virtqueue *vq = &vdev->vqs[i];

		vq->vdev = vdev;
		vq->index = i;
		vq->callback = callback;
		snprintf(vq->name, sizeof(vq->name), "%s-%s.%u", vdev->name, name, i);
		writew(i, vdev->common + QUEUE_SELECT);
		err = setup_vq(vdev, vq, slots, descs);
		if (err)
			return err;
	}
	err = find_interrupts(vdev);
	return err ? err : enable_queues(vdev);
}

void virtio_device_ready(struct virtio_device *vdev)
{
	add_status(vdev, VIRTIO_CONFIG_S_DRIVER_OK);
}

void virtio_close(struct virtio_device *vdev, bool fail)
{
	unsigned int i;

	virtio_reset_device(vdev);
	if (fail)
		add_status(vdev, VIRTIO_CONFIG_S_FAILED);
	pci_clear_master(vdev->pdev);
	free_vectors(vdev, vdev->nr_vqs);
	if (vdev->line_irq)
		free_irq(vdev->pdev->irq, vdev);
	for (i = 0; i < vdev->nr_vqs; i++)
		virtqueue_free(&vdev->vqs[i], &vdev->pdev->dev);
	unmap_registers(vdev);
	vdev->pdev->driver_data = NULL;
	kfree(vdev->vqs);
	kfree(vdev);
}

void virtio_break(struct virtio_device *vdev, const char *why)
{
	unsigned long flags;
	unsigned int i;

	if (xchg(&vdev->is_broken, true))
		return;
	pr_err("%s: the device is broken: %s\n", vdev->name, why);
	for (i = 0; i < vdev->nr_vqs; i++) {
		spin_lock_irqsave(&vdev->vqs[i].lock, flags);
		vdev->vqs[i].broken = true;
		spin_unlock_irqrestore(&vdev->vqs[i].lock, flags);
	}
	if (vdev->broke)
		vdev->broke(vdev);
}
