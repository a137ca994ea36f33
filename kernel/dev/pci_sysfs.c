/*
 * PCI devices in /sys: /sys/bus/pci/devices/NAME, links to /sys/devices/pciSSSS:BB/NAME, where lspci and udev look.
 *
 * A device's directory is filled when somebody first looks into it. `config` is configuration space as bytes: root reads all of
 * it, others the 64 bytes of the header, because reads further on may have side effects in a device. It is not written.
 *
 * Mirrors Linux drivers/pci/pci-sysfs.c. Exercised by tests/boot/test_pci.py.
 */
#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/dev/pci_internal.h"
#include "kernel/fs/sysfs/sysfs.h"
#include "kernel/printk.h"
#include "lib/printf.h"
#include "lib/string.h"

#define PCI_STD_HEADER_SIZEOF 64

#define PCI_SHOW(name, fmt, ...)                               \
	static ssize_t name##_show(char *buf, void *data)      \
	{                                                      \
		struct pci_dev *pdev = data;                   \
                                                               \
		return sysfs_emit(buf, fmt "\n", __VA_ARGS__); \
	}
PCI_SHOW(vendor, "0x%04x", pdev->vendor)
PCI_SHOW(device, "0x%04x", pdev->device)
PCI_SHOW(subsystem_vendor, "0x%04x", pdev->subsystem_vendor)
PCI_SHOW(subsystem_device, "0x%04x", pdev->subsystem_device)
PCI_SHOW(revision, "0x%02x", pdev->revision)
PCI_SHOW(class, "0x%06x", pdev->class)
PCI_SHOW(irq, "%u", pdev->irq)
PCI_SHOW(numa_node, "%d", pdev->dev.numa_node)
PCI_SHOW(modalias, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02x", pdev->vendor, pdev->device,
	 pdev->subsystem_vendor, pdev->subsystem_device, pdev->class >> 16, pdev->class >> 8 & 0xff,
	 pdev->class & 0xff)
#undef PCI_SHOW

static ssize_t enable_show(char *buf, void *data)
{
	u16 command = pci_read_config_word(data, PCI_COMMAND);

	return sysfs_emit(buf, "%d\n", !!(command & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)));
}

/* One line for each BAR, the expansion ROM's last: its place is there, but it is not looked for. */
static ssize_t resource_show(char *buf, void *data)
{
	struct pci_dev *pdev = data;
	unsigned int i;
	int at = 0;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		const struct resource *res = &pdev->resource[i];

		at += sysfs_emit_at(buf, at, "0x%016lx 0x%016lx 0x%016lx\n",
				    res->flags ? res->start : 0, res->flags ? res->end : 0,
				    res->flags);
	}
	return at + sysfs_emit_at(buf, at, "0x%016x 0x%016x 0x%016x\n", 0, 0, 0);
}

static ssize_t uevent_show(char *buf, void *data)
{
	struct pci_dev *pdev = data;
	int at = 0;

	if (pdev->driver)
		at = sysfs_emit(buf, "DRIVER=%s\n", pdev->driver->name);
	at += sysfs_emit_at(buf, at, "PCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\n",
			    pdev->class, pdev->vendor, pdev->device, pdev->subsystem_vendor,
			    pdev->subsystem_device);
	at += sysfs_emit_at(buf, at, "PCI_SLOT_NAME=%s\nMODALIAS=", pdev->name);
	return at + modalias_show(buf + at, pdev);
}

static ssize_t config_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	const struct pci_dev *pdev = kernfs_of(file_inode(file))->priv;
	unsigned int size = pci_cfg_space_size(pdev);
	size_t done;

	if (!capable(CAP_SYS_ADMIN))
		size = PCI_STD_HEADER_SIZEOF;
	if (*ppos < 0)
		return -EINVAL;
	for (done = 0; done < count && *ppos < size; done++, (*ppos)++)
		if (put_user(pci_read_config_byte(pdev, *ppos), buf + done))
			return done ? (ssize_t)done : -EFAULT;
	return done;
}

static const struct file_operations config_fops = { .read = config_read };

static void fill_device(struct kernfs_node *dir)
{
	static const struct {
		const char *name;
		sysfs_show_t show;
	} files[] = {
		{ "vendor", vendor_show },
		{ "device", device_show },
		{ "subsystem_vendor", subsystem_vendor_show },
		{ "subsystem_device", subsystem_device_show },
		{ "revision", revision_show },
		{ "class", class_show },
		{ "irq", irq_show },
		{ "numa_node", numa_node_show },
		{ "modalias", modalias_show },
		{ "enable", enable_show },
		{ "resource", resource_show },
		{ "uevent", uevent_show },
	};
	struct pci_dev *pdev = dir->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(files); i++)
		sysfs_create_file(dir, files[i].name, 0444, files[i].show, NULL, pdev);
	kernfs_create_file(dir, "config", S_IFREG | 0444, &config_fops, pdev);
}

/* pciSSSS:BB of the root bus that dev hangs below: one for each segment. */
static struct kernfs_node *root_dir(struct kernfs_node *devices, const struct pci_dev *pdev)
{
	static struct kernfs_node *last;
	static int last_segment = -1;
	char name[16];

	if (pdev->segment != last_segment) {
		snprintf(name, sizeof(name), "pci%04x:%02x", pdev->segment, pdev->bus);
		last = sysfs_create_dir(devices, name);
		last_segment = pdev->segment;
	}
	return last;
}

static void fill_links(struct kernfs_node *dir)
{
	struct pci_dev *pdev;

	list_for_each_entry(pdev, &pci_devices, list) {
		struct kernfs_node *root = root_dir(sysfs_devices, pdev), *node;

		node = IS_ERR(root) ? root : sysfs_create_dir(root, pdev->name);
		if (IS_ERR(node)) {
			pr_err("pci %s: no memory for its directory in /sys\n", pdev->name);
			continue;
		}
		node->priv = pdev;
		kernfs_set_populate(node, fill_device);
		sysfs_create_link(dir, pdev->name, node);
	}
}

void pci_sysfs_init(void)
{
	struct kernfs_node *bus = sysfs_create_dir(NULL, "bus"), *pci, *links;

	pci = IS_ERR(bus) ? bus : sysfs_create_dir(bus, "pci");
	links = IS_ERR(pci) ? pci : sysfs_create_dir(pci, "devices");
	if (IS_ERR(links))
		pr_err("pci: no memory for /sys/bus/pci\n");
	else
		fill_links(links);
}
