/*
 * sysfs: attribute files over kernfs, and the first directories of /sys.
 *
 * A read prints the whole value anew at position 0; what a reader sees in pieces is one value.
 * Each write is one store.
 *
 * Mirrors Linux fs/sysfs/{file,dir,symlink,mount}.c. Exercised by tests/user/sysfs.c.
 */
#include "kernel/fs/sysfs/sysfs.h"

#include "arch/x86/uaccess.h"
#include "kernel/fs/seq_file.h"
#include "kernel/init.h"
#include "lib/printf.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"

struct sysfs_attr {
	sysfs_show_t show;
	sysfs_store_t store;
	void *data;
};

static struct kernfs_root sysfs_root = KERNFS_ROOT(sysfs_root, SYSFS_MAGIC);
struct kernfs_node *sysfs_kernel, *sysfs_kernel_mm, *sysfs_devices, *sysfs_devices_system,
	*sysfs_class;

int sysfs_emit_at(char *buf, int at, const char *fmt, ...)
{
	va_list args;
	int len;

	if (at < 0 || at >= (int)PAGE_SIZE)
		return 0;
	va_start(args, fmt);
	len = vscnprintf(buf + at, PAGE_SIZE - at, fmt, args);
	va_end(args);
	return len;
}

int sysfs_emit(char *buf, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vscnprintf(buf, PAGE_SIZE, fmt, args);
	va_end(args);
	return len;
}

static int attr_show(struct seq_file *m, void *v)
{
	const struct sysfs_attr *attr = m->private;
	char *page;
	ssize_t len;

	if (!attr->show)
		return -EIO;
	page = (char *)__get_free_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	len = attr->show(page, attr->data);
	if (len > 0)
		seq_write(m, page, len);
	free_page((unsigned long)page);
	return len < 0 ? len : 0;
}

static int attr_open(struct inode *inode, struct file *file)
{
	int err = single_open(file, attr_show, kernfs_of(inode)->priv);

	/* seq_file takes it away; an attribute may be written at a position, which means nothing. */
	if (!err)
		file->f_mode |= FMODE_PWRITE;
	return err;
}

static ssize_t attr_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	const struct sysfs_attr *attr = kernfs_of(file_inode(file))->priv;
	char *page;
	ssize_t ret;

	if (!attr->store)
		return -EIO;
	if (!count)
		return 0;
	count = min(count, PAGE_SIZE - 1);
	page = (char *)__get_free_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	ret = -EFAULT;
	if (!copy_from_user(page, buf, count)) {
		page[count] = 0;
		ret = attr->store(page, count, attr->data);
	}
	free_page((unsigned long)page);
	if (ret > 0)
		*ppos += ret;
	return ret;
}

static const struct file_operations attr_fops = {
	.open = attr_open,
	.read = seq_read,
	.write = attr_write,
	.read_kernel = seq_read_kernel,
	.llseek = seq_lseek,
	.release = single_release,
};

struct kernfs_node *sysfs_create_dir(struct kernfs_node *parent, const char *name)
{
	return kernfs_create_dir(parent ? parent : &sysfs_root.kn, name, 0755);
}

struct kernfs_node *sysfs_get_dir(struct kernfs_node *parent, const char *name)
{
	struct kernfs_node *dir = kernfs_find(parent ? parent : &sysfs_root.kn, name);

	return dir ? dir : sysfs_create_dir(parent, name);
}

struct kernfs_node *sysfs_create_file(struct kernfs_node *dir, const char *name, umode_t mode,
				      sysfs_show_t show, sysfs_store_t store, void *data)
{
	struct sysfs_attr *attr = kmalloc(sizeof(*attr), GFP_KERNEL);
	struct kernfs_node *kn;

	if (!attr)
		return ERR_PTR(-ENOMEM);
	*attr = (struct sysfs_attr){ .show = show, .store = store, .data = data };
	kn = kernfs_create_file(dir, name, mode, &attr_fops, attr);
	if (IS_ERR(kn))
		kfree(attr);
	return kn;
}

struct kernfs_node *sysfs_module_parameters(const char *module)
{
	static struct kernfs_node *modules;
	struct kernfs_node *dir;

	if (!modules) {
		dir = sysfs_create_dir(NULL, "module");
		if (IS_ERR(dir))
			return dir;
		modules = dir;
	}
	dir = sysfs_create_dir(modules, module);
	return IS_ERR(dir) ? dir : sysfs_create_dir(dir, "parameters");
}

struct kernfs_node *sysfs_create_link(struct kernfs_node *dir, const char *name,
				      const struct kernfs_node *target)
{
	return kernfs_create_link(dir, name, target);
}

static struct super_block *sysfs_mount(struct file_system_type *type, int flags, const char *dev,
				       char *data)
{
	return kernfs_get_super(&sysfs_root, type);
}

static struct file_system_type sysfs_fs_type = { .name = "sysfs", .mount = sysfs_mount };

static int sysfs_init(void)
{
	struct kernfs_node *debug;

	sysfs_devices = sysfs_create_dir(NULL, "devices");
	if (IS_ERR(sysfs_devices))
		return PTR_ERR(sysfs_devices);
	sysfs_devices_system = sysfs_create_dir(sysfs_devices, "system");
	sysfs_class = sysfs_create_dir(NULL, "class");
	sysfs_kernel = sysfs_create_dir(NULL, "kernel");
	if (IS_ERR(sysfs_devices_system) || IS_ERR(sysfs_class) || IS_ERR(sysfs_kernel))
		return -ENOMEM;
	sysfs_kernel_mm = sysfs_create_dir(sysfs_kernel, "mm");
	debug = sysfs_create_dir(sysfs_kernel, "debug"); /* debugfs is mounted on it */
	if (IS_ERR(sysfs_kernel_mm) || IS_ERR(debug))
		return -ENOMEM;
	return register_filesystem(&sysfs_fs_type);
}
core_initcall(sysfs_init);
