/*
 * debugfs: the tree. The rooms that know something put files into it; the memory manager's are in debugfs_mm.c.
 *
 * Mirrors Linux fs/debugfs/inode.c. Exercised by tests/user/sysfs.c.
 */
#include "kernel/fs/sysfs/debugfs.h"

#include "kernel/init.h"
#include "mm/slab/slab.h"

#define DEBUGFS_MAGIC 0x64626720

static struct kernfs_root debugfs_root = KERNFS_ROOT(debugfs_root, DEBUGFS_MAGIC);

struct single {
	int (*show)(struct seq_file *m, void *v);
	void *data;
};

struct kernfs_node *debugfs_create_dir(const char *name, struct kernfs_node *parent)
{
	return kernfs_create_dir(parent ? parent : &debugfs_root.kn, name, 0755);
}

struct kernfs_node *debugfs_create_file(const char *name, umode_t mode, struct kernfs_node *parent,
					void *data, const struct file_operations *fops)
{
	return kernfs_create_file(parent ? parent : &debugfs_root.kn, name, mode, fops, data);
}

static int debugfs_single_open(struct inode *inode, struct file *file)
{
	const struct single *s = kernfs_of(inode)->priv;

	return single_open(file, s->show, s->data);
}

static const struct file_operations debugfs_single_fops = {
	.open = debugfs_single_open,
	.read = seq_read,
	.read_kernel = seq_read_kernel,
	.llseek = seq_lseek,
	.release = single_release,
};

struct kernfs_node *debugfs_create_single(const char *name, umode_t mode,
					  struct kernfs_node *parent, void *data,
					  int (*show)(struct seq_file *, void *))
{
	struct single *s = kmalloc(sizeof(*s), GFP_KERNEL);
	struct kernfs_node *kn;

	if (!s)
		return ERR_PTR(-ENOMEM);
	*s = (struct single){ .show = show, .data = data };
	kn = debugfs_create_file(name, mode, parent, s, &debugfs_single_fops);
	if (IS_ERR(kn))
		kfree(s);
	return kn;
}

static struct super_block *debugfs_mount(struct file_system_type *type, int flags, const char *dev,
					 char *data)
{
	return kernfs_get_super(&debugfs_root, type);
}

static struct file_system_type debugfs_fs_type = { .name = "debugfs", .mount = debugfs_mount };

static int debugfs_init(void)
{
	return register_filesystem(&debugfs_fs_type);
}
subsys_initcall(debugfs_init);
