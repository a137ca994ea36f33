/*
 * Message-signalled interrupts of PCI devices: MSI and MSI-X.
 *
 * 1. An interrupt is a write that the device makes: a value (the vector) to an address (a CPU's local APIC). MSI keeps one pair in
 *    configuration space; MSI-X a table of them in a BAR, each with a mask bit, so every queue of a device may have its own
 *    vector and CPU.
 * 2. MSI-X: the table is written with all entries masked, then the capability is enabled. A message raised while its entry is
 *    masked stays pending in the device and is sent when the mask goes.
 * 3. MSI: one vector. It has a mask bit only if the capability says so; without one, masking switches the capability off, and
 *    what the device raises meanwhile is lost, as the specification allows. Lines (INTx) are switched off in both cases.
 *
 * Facts: PCI Local Bus Specification 3.0, 6.8. Locks: the descriptor's (kernel/irq.c) around mask and unmask.
 * Mirrors Linux drivers/pci/msi/. Exercised by the suite pci and tests/boot/test_pci.py.
 */
#include "arch/x86/io.h"
#include "kernel/dev/pci.h"
#include "kernel/irq.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "lib/errno.h"
#include "mm/kva/ioremap.h"
#include "mm/slab/slab.h"

#define MSI_FLAGS	 2
#define MSI_FLAGS_ENABLE 0x0001
#define MSI_FLAGS_QSIZE	 0x0070
#define MSI_FLAGS_64BIT	 0x0080
#define MSI_FLAGS_MASK	 0x0100

#define MSIX_FLAGS	   2
#define MSIX_FLAGS_QSIZE   0x07ff
#define MSIX_FLAGS_MASKALL 0x4000
#define MSIX_FLAGS_ENABLE  0x8000
#define MSIX_TABLE	   4
#define MSIX_TABLE_BIR	   7
#define MSIX_ENTRY_SIZE	   16
#define MSIX_ENTRY_ADDR	   0
#define MSIX_ENTRY_DATA	   8
#define MSIX_ENTRY_CTRL	   12
#define MSIX_CTRL_MASK	   1

/* One message of a device. entry: its row of the MSI-X table; NULL: MSI. */
struct msi_vector {
	struct pci_dev *pdev;
	u8 __iomem *entry;
	int irq; /* negative: none */
};

static void msix_mask(void *data)
{
	struct msi_vector *v = data;

	writel(MSIX_CTRL_MASK, v->entry + MSIX_ENTRY_CTRL);
	readl(v->entry + MSIX_ENTRY_CTRL); /* has arrived */
}

static void msix_unmask(void *data)
{
	struct msi_vector *v = data;

	writel(0, v->entry + MSIX_ENTRY_CTRL);
}

static const struct irq_chip msix_chip = { "PCI-MSIX", msix_mask, msix_unmask };

static unsigned int msi_mask_reg(const struct pci_dev *pdev, u16 flags)
{
	return pdev->msi_cap + (flags & MSI_FLAGS_64BIT ? 16 : 12);
}

static void msi_set_mask(struct pci_dev *pdev, bool mask)
{
	u16 flags = pci_read_config_word(pdev, pdev->msi_cap + MSI_FLAGS);

	if (flags & MSI_FLAGS_MASK)
		pci_write_config_dword(pdev, msi_mask_reg(pdev, flags), mask);
	flags &= ~(MSI_FLAGS_ENABLE | MSI_FLAGS_QSIZE);
	if (!mask)
		flags |= MSI_FLAGS_ENABLE;
	pci_write_config_word(pdev, pdev->msi_cap + MSI_FLAGS, flags);
}

static void msi_mask(void *data)
{
	msi_set_mask(((struct msi_vector *)data)->pdev, true);
}

static void msi_unmask(void *data)
{
	msi_set_mask(((struct msi_vector *)data)->pdev, false);
}

static const struct irq_chip msi_chip = { "PCI-MSI ", msi_mask, msi_unmask };

static void msi_write_msg(struct pci_dev *pdev, const struct msi_msg *msg)
{
	u16 flags = pci_read_config_word(pdev, pdev->msi_cap + MSI_FLAGS);

	pci_write_config_dword(pdev, pdev->msi_cap + 4, msg->address);
	if (flags & MSI_FLAGS_64BIT) {
		pci_write_config_dword(pdev, pdev->msi_cap + 8, msg->address >> 32);
		pci_write_config_word(pdev, pdev->msi_cap + 12, msg->data);
	} else {
		pci_write_config_word(pdev, pdev->msi_cap + 8, msg->data);
	}
}

static void msix_write_msg(struct msi_vector *v, const struct msi_msg *msg)
{
	writel(MSIX_CTRL_MASK, v->entry + MSIX_ENTRY_CTRL);
	writel(msg->address, v->entry + MSIX_ENTRY_ADDR);
	writel(msg->address >> 32, v->entry + MSIX_ENTRY_ADDR + 4);
	writel(msg->data, v->entry + MSIX_ENTRY_DATA);
}

static void intx(struct pci_dev *pdev, bool on)
{
	u16 command = pci_read_config_word(pdev, PCI_COMMAND);

	command = on ? command & ~PCI_COMMAND_INTX_DISABLE : command | PCI_COMMAND_INTX_DISABLE;
	pci_write_config_word(pdev, PCI_COMMAND, command);
}

static void msix_enable(struct pci_dev *pdev, bool on)
{
	u16 flags = pci_read_config_word(pdev, pdev->msix_cap + MSIX_FLAGS);

	flags &= ~(MSIX_FLAGS_MASKALL | MSIX_FLAGS_ENABLE);
	if (on)
		flags |= MSIX_FLAGS_ENABLE;
	pci_write_config_word(pdev, pdev->msix_cap + MSIX_FLAGS, flags);
}

/* Numbers and messages for up to nr vectors: how many it became. */
static unsigned int assign(struct pci_dev *pdev, const struct irq_chip *chip, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct msi_vector *v = &pdev->msi[i];
		struct msi_msg msg;

		v->irq = irq_alloc_msi(chip, v, i % num_online_cpus(), &msg);
		if (v->irq < 0)
			break;
		if (v->entry)
			msix_write_msg(v, &msg);
		else
			msi_write_msg(pdev, &msg);
	}
	return i;
}

static int finish(struct pci_dev *pdev, unsigned int got, unsigned int min)
{
	pdev->nr_msi = got;
	if (got >= min)
		return got;
	pci_free_irq_vectors(pdev);
	return -ENOSPC;
}

static int enable_msix(struct pci_dev *pdev, unsigned int min, unsigned int max)
{
	unsigned int size, i, nr;
	u8 __iomem *table;
	u32 where;

	size = (pci_read_config_word(pdev, pdev->msix_cap + MSIX_FLAGS) & MSIX_FLAGS_QSIZE) + 1;
	where = pci_read_config_dword(pdev, pdev->msix_cap + MSIX_TABLE);
	nr = min(size, max);
	if (nr < min)
		return -ENOSPC;
	table = pci_iomap_range(pdev, where & MSIX_TABLE_BIR, where & ~MSIX_TABLE_BIR,
				size * MSIX_ENTRY_SIZE);
	if (!table) {
		pr_warn("pci %s: its MSI-X table is not in a BAR\n", pdev->name);
		return -EINVAL;
	}
	pdev->msi = kcalloc(nr, sizeof(*pdev->msi), GFP_KERNEL);
	if (!pdev->msi) {
		iounmap(table);
		return -ENOMEM;
	}
	for (i = 0; i < size; i++)
		writel(MSIX_CTRL_MASK, table + i * MSIX_ENTRY_SIZE + MSIX_ENTRY_CTRL);
	for (i = 0; i < nr; i++)
		pdev->msi[i] = (struct msi_vector){ pdev, table + i * MSIX_ENTRY_SIZE, -1 };
	intx(pdev, false);
	msix_enable(pdev, true);
	return finish(pdev, assign(pdev, &msix_chip, nr), min);
}

static int enable_msi(struct pci_dev *pdev, unsigned int min)
{
	if (min > 1)
		return -ENOSPC;
	pdev->msi = kzalloc(sizeof(*pdev->msi), GFP_KERNEL);
	if (!pdev->msi)
		return -ENOMEM;
	pdev->msi[0] = (struct msi_vector){ pdev, NULL, -1 };
	intx(pdev, false);
	msi_set_mask(pdev, true);
	return finish(pdev, assign(pdev, &msi_chip, 1), min);
}

int pci_alloc_irq_vectors(struct pci_dev *pdev, unsigned int min, unsigned int max)
{
	int ret = -ENOSPC;

	if (!min || max < min || pdev->msi)
		return -EINVAL;
	if (pdev->msix_cap)
		ret = enable_msix(pdev, min, max);
	if (ret < 0 && pdev->msi_cap)
		ret = enable_msi(pdev, min);
	return ret;
}

void pci_free_irq_vectors(struct pci_dev *pdev)
{
	struct msi_vector *msi = pdev->msi;
	unsigned int i;

	if (!msi)
		return;
	for (i = 0; i < pdev->nr_msi; i++)
		irq_free_msi(msi[i].irq);
	if (msi[0].entry) {
		msix_enable(pdev, false);
		iounmap(msi[0].entry);
	} else {
		msi_set_mask(pdev, true);
	}
	intx(pdev, true);
	pdev->msi = NULL;
	pdev->nr_msi = 0;
	kfree(msi);
}

int pci_irq_vector(const struct pci_dev *pdev, unsigned int nr)
{
	return nr < pdev->nr_msi ? pdev->msi[nr].irq : -EINVAL;
}
