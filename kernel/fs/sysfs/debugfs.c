/*
 * debugfs: the tree, and the memory manager's first files in it: memblock and kernel_page_tables.
 *
 * memblock's arrays stay readable after boot only if memblock_free_all() kept them; what it left
 * is shown.
 * Mirrors Linux fs/debugfs/inode.c, mm/memblock.c (memblock_debug_show),
 * arch/x86/mm/debug_pagetables.c. Exercised by tests/user/sysfs.c.
 */
#include "kernel/fs/sysfs/debugfs.h"

#include "kernel/init.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"
#include "mm/kva/ptdump.h"
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

/* --- memblock/memory, memblock/reserved --- */

static int memblock_show(struct seq_file *m, void *v)
{
	const struct memblock_type *type = m->private;
	const struct memblock_region *rgn;
	unsigned long i;

	for_each_memblock_type(i, type, rgn)
		seq_printf(m, "%4lu: 0x%016llx..0x%016llx %4d %s\n", i, (u64)rgn->base,
			   (u64)(rgn->base + rgn->size - 1), rgn->nid,
			   rgn->flags & MEMBLOCK_NOMAP	   ? "NOMAP"
			   : rgn->flags & MEMBLOCK_MIRROR  ? "MIRROR"
			   : rgn->flags & MEMBLOCK_HOTPLUG ? "HOTPLUG"
							   : "NONE");
	return 0;
}

/* --- kernel_page_tables --- */

struct dump_state {
	struct seq_file *m;
	const char *region;
};

static int dump_run(const struct ptdump_run *run, void *arg)
{
	struct dump_state *st = arg;
	char line[160];

	if (run->region != st->region)
		seq_printf(st->m, "---[ %s ]---\n", run->region);
	st->region = run->region;
	ptdump_format_run(line, sizeof(line), run);
	seq_printf(st->m, "%s\n", line);
	return seq_has_overflowed(st->m); /* it will be walked again, with a larger buffer */
}

static int page_tables_show(struct seq_file *m, void *v)
{
	struct dump_state st = { .m = m };

	ptdump_walk_kernel(dump_run, &st);
	return 0;
}

static int debugfs_init(void)
{
	struct kernfs_node *dir = debugfs_create_dir("memblock", NULL);

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	debugfs_create_single("memory", 0444, dir, &memblock.memory, memblock_show);
	debugfs_create_single("reserved", 0444, dir, &memblock.reserved, memblock_show);
	debugfs_create_single("kernel_page_tables", 0400, NULL, NULL, page_tables_show);
	return register_filesystem(&debugfs_fs_type);
}
fs_initcall(debugfs_init);
