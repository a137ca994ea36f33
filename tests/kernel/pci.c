/*
 * Suite pci: configuration space, BARs, capabilities and message interrupts of whatever devices the machine has.
 *
 * With QEMU's `-device edu` (a device made for teaching) also registers, an interrupt by message, and DMA into memory. Facts:
 * QEMU docs/specs/edu.rst. tests/boot/test_pci.py runs it on both of QEMU's boards.
 */
#include "arch/x86/acpi.h"
#include "arch/x86/io.h"
#include "kernel/completion.h"
#include "kernel/dev/pci_internal.h"
#include "kernel/irq.h"
#include "kernel/ktest.h"
#include "kernel/time.h"
#include "lib/string.h"
#include "mm/kva/ioremap.h"

#define EDU_ID		0x00
#define EDU_LIVENESS	0x04
#define EDU_FACTORIAL	0x08
#define EDU_STATUS	0x20
#define EDU_STATUS_BUSY 0x01
#define EDU_STATUS_IRQ	0x80
#define EDU_IRQ_STATUS	0x24
#define EDU_IRQ_RAISE	0x60
#define EDU_IRQ_ACK	0x64
#define EDU_DMA_SRC	0x80
#define EDU_DMA_DST	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_CMD	0x98
#define EDU_DMA_START	0x01
#define EDU_DMA_TO_RAM	0x02
#define EDU_DMA_IRQ	0x04
#define EDU_DMA_BUFFER	0x40000 /* in the device's own address space */
#define EDU_IRQ_DMA	0x100

static struct edu {
	struct pci_dev *pdev;
	u8 __iomem *regs;
	struct completion done;
	u32 seen; /* reasons of the interrupts */
} edu;

static void both_ways_read_the_same_header(struct ktest *t)
{
	struct pci_dev *pdev;
	unsigned int where, n = 0;

	list_for_each_entry(pdev, &pci_devices, list) {
		if (pdev->segment)
			continue;
		for (where = 0; where < 64; where += 4) {
			u32 v = pci_read_config_dword(pdev, where);

			/* The upper half of the second one is the status, which may change. */
			if (where != PCI_COMMAND)
				KTEST_EXPECT_EQ(t, pci_conf1_read(pdev->bus, pdev->devfn, where, 4),
						v);
			KTEST_EXPECT_EQ(t, pci_read_config_word(pdev, where), v & 0xffff);
			KTEST_EXPECT_EQ(t, (u32)pci_read_config_byte(pdev, where + 3), v >> 24);
		}
		n++;
	}
	if (!n)
		ktest_skip(t, "no PCI");
}

static void absent_functions_read_as_ones(struct ktest *t)
{
	unsigned int slot, size;

	for (slot = 0; slot < 32; slot++) {
		u8 devfn = PCI_DEVFN(slot, 7);

		if (pci_bus_read_config(0, 0, devfn, PCI_VENDOR_ID, 2) == 0xffff)
			break;
	}
	KTEST_ASSERT_LT(t, slot, 32U);
	for (size = 1; size <= 4; size *= 2)
		KTEST_EXPECT_EQ(t, pci_bus_read_config(0, 0, PCI_DEVFN(slot, 7), 0, size),
				~0U >> (32 - 8 * size));
	/* No such segment, and what ports cannot reach. */
	KTEST_EXPECT_EQ(t, pci_bus_read_config(9, 0, 0, 0, 2), 0xffffU);
	if (!acpi_info.nr_ecams)
		KTEST_EXPECT_EQ(t, pci_bus_read_config(0, 0, 0, 256, 4), ~0U);
}

/* Reading a size writes ones into the register: afterwards it must hold what it held. */
static void bars_are_aligned_and_where_they_were(struct ktest *t)
{
	struct pci_dev *pdev;
	unsigned int i;

	list_for_each_entry(pdev, &pci_devices, list) {
		for (i = 0; i < PCI_STD_NUM_BARS; i++) {
			const struct resource *res = &pdev->resource[i];
			u64 now;

			if (!res->flags)
				continue;
			now = pci_read_config_dword(pdev, PCI_BASE_ADDRESS_0 + 4 * i) & ~15U;
			if (res->flags & IORESOURCE_MEM_64)
				now |= (u64)pci_read_config_dword(pdev,
								  PCI_BASE_ADDRESS_0 + 4 + 4 * i)
				       << 32;
			KTEST_EXPECT_EQ(t, (u64)res->start & ~15ULL, now);
			KTEST_EXPECT_EQ(t, res->start & (resource_size(res) - 1), 0UL);
			KTEST_EXPECT_EQ(t, resource_size(res) & (resource_size(res) - 1), 0UL);
		}
	}
}

static void capabilities_have_the_number_asked_for(struct ktest *t)
{
	struct pci_dev *pdev;
	unsigned int cap;

	list_for_each_entry(pdev, &pci_devices, list) {
		for (cap = 1; cap < 32; cap++) {
			u8 at = pci_find_capability(pdev, cap);
			unsigned int n = 0;

			while (at && n++ < 48) {
				KTEST_EXPECT_EQ(t, (unsigned int)pci_read_config_byte(pdev, at),
						cap);
				at = pci_find_next_capability(pdev, at, cap);
			}
			KTEST_EXPECT_LT(t, n, 48U);
		}
	}
}

static irqreturn_t edu_interrupt(int irq, void *dev)
{
	struct edu *e = dev;
	u32 why = readl(e->regs + EDU_IRQ_STATUS);

	if (!why)
		return IRQ_NONE;
	writel(why, e->regs + EDU_IRQ_ACK);
	e->seen |= why;
	complete(&e->done);
	return IRQ_HANDLED;
}

/* Registers and one message interrupt; false: no such device, or it failed. */
static bool edu_open(struct ktest *t)
{
	edu.pdev = pci_get_device(0x1234, 0x11e8, NULL);
	if (!edu.pdev) {
		ktest_skip(t, "no edu device (-device edu)");
		return false;
	}
	edu.regs = NULL;
	init_completion(&edu.done);
	edu.seen = 0;
	KTEST_EXPECT_EQ(t, pci_enable_device(edu.pdev), 0);
	edu.regs = pci_iomap_range(edu.pdev, 0, 0, 0);
	KTEST_EXPECT_NOT_NULL(t, edu.regs);
	pci_set_master(edu.pdev);
	KTEST_EXPECT_EQ(t, pci_alloc_irq_vectors(edu.pdev, 1, 4), 1); /* it has MSI */
	KTEST_EXPECT_EQ(t, request_irq(pci_irq_vector(edu.pdev, 0), edu_interrupt, 0, "edu", &edu),
			0);
	return !t->failed;
}

static void edu_close(struct ktest *t)
{
	int irq = pci_irq_vector(edu.pdev, 0);

	if (irq >= 0)
		free_irq(irq, &edu);
	pci_free_irq_vectors(edu.pdev);
	KTEST_EXPECT_EQ(t, pci_irq_vector(edu.pdev, 0), -EINVAL);
	KTEST_EXPECT_EQ(t, request_irq(irq, edu_interrupt, 0, "edu", &edu), -EINVAL);
	pci_clear_master(edu.pdev);
	if (edu.regs)
		iounmap(edu.regs);
}

static bool edu_wait(void)
{
	return wait_for_completion_timeout(&edu.done, 60 * HZ) != 0;
}

static void edu_registers_and_messages(struct ktest *t)
{
	unsigned int i;

	if (!edu_open(t))
		return;
	KTEST_EXPECT_EQ(t, readl(edu.regs + EDU_ID) & 0xff, 0xedU);
	writel(0x12345678, edu.regs + EDU_LIVENESS);
	KTEST_EXPECT_EQ(t, readl(edu.regs + EDU_LIVENESS), ~0x12345678U);
	for (i = 1; i <= 16; i <<= 1) {
		writel(i, edu.regs + EDU_IRQ_RAISE);
		KTEST_ASSERT_TRUE(t, edu_wait());
	}
	KTEST_EXPECT_EQ(t, edu.seen, 31U);
	writel(EDU_STATUS_IRQ, edu.regs + EDU_STATUS);
	writel(10, edu.regs + EDU_FACTORIAL);
	KTEST_EXPECT_TRUE(t, edu_wait());
	KTEST_EXPECT_EQ(t, readl(edu.regs + EDU_FACTORIAL), 3628800U);
	edu_close(t);
}

static void edu_dma(struct ktest *t, dma_addr_t from, dma_addr_t to, bool to_ram)
{
	writeq(from, edu.regs + EDU_DMA_SRC);
	writeq(to, edu.regs + EDU_DMA_DST);
	writeq(256, edu.regs + EDU_DMA_COUNT);
	writeq(EDU_DMA_START | EDU_DMA_IRQ | (to_ram ? EDU_DMA_TO_RAM : 0), edu.regs + EDU_DMA_CMD);
	KTEST_EXPECT_TRUE(t, edu_wait());
	KTEST_EXPECT_TRUE(t, edu.seen & EDU_IRQ_DMA);
}

static void edu_reads_and_writes_memory(struct ktest *t)
{
	dma_addr_t dma;
	unsigned int i;
	u8 *buf;

	if (!edu_open(t))
		return;
	edu.pdev->dev.coherent_dma_mask = DMA_BIT_MASK(28); /* as the device is made */
	buf = dma_alloc_coherent(&edu.pdev->dev, 512, &dma, GFP_KERNEL);
	KTEST_EXPECT_NOT_NULL(t, buf);
	if (buf) {
		for (i = 0; i < 256; i++)
			buf[i] = i ^ 0x5a;
		edu_dma(t, dma, EDU_DMA_BUFFER, false);
		edu_dma(t, EDU_DMA_BUFFER, dma + 256, true);
		KTEST_EXPECT_EQ(t, memcmp(buf, buf + 256, 256), 0);
		dma_free_coherent(&edu.pdev->dev, 512, buf, dma);
	}
	edu_close(t);
}

static const struct ktest_case pci_cases[] = {
	KTEST_CASE(both_ways_read_the_same_header),
	KTEST_CASE(absent_functions_read_as_ones),
	KTEST_CASE(bars_are_aligned_and_where_they_were),
	KTEST_CASE(capabilities_have_the_number_asked_for),
	KTEST_CASE(edu_registers_and_messages),
	KTEST_CASE(edu_reads_and_writes_memory),
	{},
};
KTEST_SUITE(pci, pci_cases);
