/*
 * lkdtm: bugs on demand. Writing a name to /sys/kernel/debug/provoke-crash/DIRECT commits that bug, for the tests of the tools
 * that should find it. Reading the file lists the names.
 *
 * Root only, like everything in debugfs. What is done here is wrong by intent: a page is used after it was freed. Kernel objects
 * are in lkdtm_heap.c.
 *
 * Mirrors Linux drivers/misc/lkdtm. Exercised by tests/boot/test_pagedebug.py and test_usercopy.py.
 */
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/fs/sysfs/debugfs.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/debug/lkdtm.h"
#include "mm/phys/buddy.h"

static noinline void read_buddy_after_free(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned long *mem;

	if (!page)
		return;
	mem = page_address(page);
	WRITE_ONCE(*mem, 0x12345678);
	__free_page(page);
	pr_info("lkdtm: Attempting to read from freed memory\n");
	pr_info("lkdtm: read %#lx: %s\n", READ_ONCE(*mem),
		*mem == 0x12345678 ? "the freed page was not poisoned"
				   : "the freed page was filled");
}

static noinline void write_buddy_after_free(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned long *mem;

	if (!page)
		return;
	mem = page_address(page);
	__free_page(page);
	pr_info("lkdtm: Attempting to write to freed memory\n");
	WRITE_ONCE(mem[17], 0xdeadbeef);
	/* The last page freed is the next given out on this CPU: whoever checks it sees our mark. */
	page = alloc_page(GFP_KERNEL);
	if (page)
		__free_page(page);
}

static noinline void do_warning(void)
{
	WARN(1, "lkdtm: a warning on demand\n");
}

static noinline void do_bug(void)
{
	BUG();
}

static const struct {
	const char *name;
	void (*commit)(void);
} crimes[] = {
	{ "BUG", do_bug },
	{ "WARNING", do_warning },
	{ "READ_BUDDY_AFTER_FREE", read_buddy_after_free },
	{ "WRITE_BUDDY_AFTER_FREE", write_buddy_after_free },
	{ "USERCOPY_SLAB_SIZE_TO", lkdtm_usercopy_slab_size_to },
	{ "USERCOPY_SLAB_SIZE_FROM", lkdtm_usercopy_slab_size_from },
	{ "USERCOPY_SLAB_WHITELIST_TO", lkdtm_usercopy_slab_whitelist_to },
	{ "USERCOPY_SLAB_WHITELIST_FROM", lkdtm_usercopy_slab_whitelist_from },
	{ "USERCOPY_STACK_FRAME_TO", lkdtm_usercopy_stack_frame_to },
	{ "USERCOPY_STACK_FRAME_FROM", lkdtm_usercopy_stack_frame_from },
	{ "USERCOPY_STACK_BEYOND", lkdtm_usercopy_stack_beyond },
	{ "USERCOPY_PAGES", lkdtm_usercopy_pages },
	{ "USERCOPY_VMALLOC", lkdtm_usercopy_vmalloc },
	{ "USERCOPY_KERNEL", lkdtm_usercopy_kernel },
	{ "SLAB_LINEAR_OVERFLOW", lkdtm_slab_linear_overflow },
	{ "WRITE_AFTER_FREE", lkdtm_write_after_free },
	{ "READ_AFTER_FREE", lkdtm_read_after_free },
	{ "SLAB_FREE_DOUBLE", lkdtm_slab_free_double },
	{ "SLAB_FREE_CROSS", lkdtm_slab_free_cross },
	{ "SLAB_FREE_PAGE", lkdtm_slab_free_page },
	{ "SLAB_LEAK", lkdtm_slab_leak }, /* on Linux a module: samples/kmemleak */
};

static int direct_show(struct seq_file *m, void *v)
{
	seq_puts(m, "Available crash types:\n");
	for (int i = 0; i < ARRAY_SIZE(crimes); i++)
		seq_printf(m, "%s\n", crimes[i].name);
	return 0;
}

static int direct_open(struct inode *inode, struct file *file)
{
	return single_open(file, direct_show, NULL);
}

static ssize_t direct_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	char name[32];

	if (!count || count >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, buf, count))
		return -EFAULT;
	name[count] = '\0';
	for (int i = 0; i < ARRAY_SIZE(crimes); i++) {
		if (strcmp(strim(name), crimes[i].name))
			continue;
		pr_info("lkdtm: Performing direct entry %s\n", crimes[i].name);
		crimes[i].commit();
		return count;
	}
	return -EINVAL;
}

static const struct file_operations direct_fops = {
	.open = direct_open,
	.read = seq_read,
	.write = direct_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int lkdtm_init(void)
{
	struct kernfs_node *dir = debugfs_create_dir("provoke-crash", NULL);

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	return PTR_ERR_OR_ZERO(debugfs_create_file("DIRECT", 0644, dir, NULL, &direct_fops));
}
late_initcall(lkdtm_init);
