/*
 * /dev/frames: a device with sixteen pages of memory of its own, which programs read, write and map.
 *
 * What a frame buffer or a card's memory is for a real driver, in its shortest form: the frames belong to the device for ever, so
 * mapping them takes no references and no page is counted as mapped (VM_PFNMAP, remap_pfn_range). A shared mapping is the device's memory;
 * a private one gets copies of what is written to. Nobody can pin such pages; a debugger reaches shared ones
 * through ->access.
 *
 * Lock: none; bytes are bytes. Ours, in the place of Linux's drivers that call remap_pfn_range. Exercised by tests/user/pfnmap.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/dev/chrdev.h"
#include "kernel/init.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/user/memory.h"

#define MISC_MAJOR   10
#define FRAMES_MINOR 240
#define FRAMES_ORDER 4
#define FRAMES_SIZE  (PAGE_SIZE << FRAMES_ORDER)

static char *frames;

static ssize_t frames_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	if (*ppos >= (loff_t)FRAMES_SIZE)
		return 0;
	count = min(count, FRAMES_SIZE - (size_t)*ppos);
	if (_copy_to_user(buf, frames + *ppos, count))
		return -EFAULT;
	*ppos += count;
	return count;
}

static ssize_t frames_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	if (*ppos >= (loff_t)FRAMES_SIZE)
		return count ? -ENOSPC : 0;
	count = min(count, FRAMES_SIZE - (size_t)*ppos);
	if (_copy_from_user(frames + *ppos, buf, count))
		return -EFAULT;
	*ppos += count;
	return count;
}

/* A shared area's vm_pgoff is a place in the device; a private one's is a frame number, and its pages may be copies. */
static int frames_access(struct vm_area_struct *vma, unsigned long addr, void *buf, int len,
			 bool write)
{
	unsigned long at = (vma->vm_pgoff << PAGE_SHIFT) + (addr - vma->vm_start);

	if (!(vma->vm_flags & VM_SHARED) || (write && !(vma->vm_flags & VM_MAYWRITE)))
		return -EFAULT;
	memcpy(write ? frames + at : buf, write ? buf : frames + at, len);
	return len;
}

static const struct vm_operations_struct frames_vm_ops = { .access = frames_access };

static int frames_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long size = vma->vm_end - vma->vm_start, off = vma->vm_pgoff << PAGE_SHIFT;

	if (vma->vm_pgoff >= FRAMES_SIZE >> PAGE_SHIFT || size > FRAMES_SIZE - off)
		return -EINVAL;
	vma->vm_ops = &frames_vm_ops;
	return remap_pfn_range(vma, vma->vm_start, virt_to_pfn(frames + off), size,
			       vma->vm_page_prot);
}

static loff_t frames_llseek(struct file *file, loff_t offset, int whence)
{
	loff_t to = whence == 1	  ? file->f_pos + offset
		    : whence == 2 ? (loff_t)FRAMES_SIZE + offset
				  : offset;

	if (whence < 0 || whence > 2 || to < 0)
		return -EINVAL;
	file->f_pos = to;
	return to;
}

static const struct file_operations frames_fops = {
	.llseek = frames_llseek,
	.read = frames_read,
	.write = frames_write,
	.mmap = frames_mmap,
};

static int __init frames_init(void)
{
	frames = (char *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, FRAMES_ORDER);
	if (!frames)
		return -ENOMEM;
	register_chrdev(MISC_MAJOR, FRAMES_MINOR, 1, "misc", &frames_fops);
	return device_add_node("frames", S_IFCHR | 0600, MKDEV(MISC_MAJOR, FRAMES_MINOR));
}
device_initcall(frames_init);
