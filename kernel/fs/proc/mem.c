/*
 * /proc/PID/mem: a process's memory as a file, the position is the address.
 *
 * 1. Who may open it is decided once: who could be the process's debugger. The open file belongs to that memory, not to
 *    the process: after an exec it still leads to the old one, and reads as an empty file when that is gone.
 * 2. Bytes go by access_remote_vm() with FOLL_FORCE: a debugger reads what the process itself may not, and writes
 *    into its read-only pages, of which private copies are made. What is mapped shared and read-only stays so.
 * 3. A first byte that cannot be had is EIO, a later one ends the call early.
 *
 * Locks: the other mm's mmap_lock. Mirrors Linux fs/proc/base.c (mem_rw). Exercised by tests/user/procmem.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/process_vm.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "mm/phys/buddy.h"
#include "mm/user/gup.h"

#define SEEK_SET 0
#define SEEK_CUR 1

static int mem_open(struct inode *inode, struct file *file)
{
	struct task_struct *task = get_proc_task(inode);
	struct mm_struct *mm;
	int err = 0;

	if (!task)
		return -ESRCH;
	mm = mm_access(task);
	if (!IS_ERR(mm)) {
		/* The struct, not the memory: that would stay as long as the file is open. */
		mmgrab(mm);
		file->private_data = mm;
		mmput(mm);
	} else if (PTR_ERR(mm) != -ESRCH) { /* without memory it opens, and is empty */
		err = -EACCES;
	}
	put_task_struct(task);
	return err;
}

static int mem_release(struct inode *inode, struct file *file)
{
	if (file->private_data)
		mmdrop(file->private_data);
	return 0;
}

/* One piece through @page; bytes, 0: nothing there, -EFAULT: the caller's own buffer. */
static int mem_piece(struct mm_struct *mm, char *page, char __user *buf, unsigned long addr,
		     int len, unsigned int flags)
{
	if ((flags & FOLL_WRITE) && _copy_from_user(page, buf, len))
		return -EFAULT;
	len = access_remote_vm(mm, addr, page, len, flags);
	if (!(flags & FOLL_WRITE) && len > 0 && _copy_to_user(buf, page, len))
		return -EFAULT;
	return len;
}

static ssize_t mem_rw(struct file *file, char __user *buf, size_t count, loff_t *ppos,
		      unsigned int flags)
{
	struct mm_struct *mm = file->private_data;
	unsigned long addr = *ppos;
	ssize_t done = 0;
	char *page;

	if (!mm || !mmget_not_zero(mm))
		return 0;
	page = (char *)__get_free_page(GFP_KERNEL);
	if (!page)
		done = -ENOMEM;
	while (page && (size_t)done < count) {
		int n = mem_piece(mm, page, buf + done, addr, min(count - done, PAGE_SIZE),
				  flags | FOLL_FORCE);

		if (n <= 0) {
			if (n || !done)
				done = n ? n : -EIO;
			break;
		}
		done += n;
		addr += n;
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	*ppos = addr;
	if (page)
		free_page((unsigned long)page);
	mmput(mm);
	return done;
}

static ssize_t mem_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	return mem_rw(file, buf, count, ppos, 0);
}

static ssize_t mem_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	return mem_rw(file, (char __user *)buf, count, ppos, FOLL_WRITE);
}

/* Any address may be the position; there is no end to count from. */
static loff_t mem_lseek(struct file *file, loff_t offset, int whence)
{
	if (whence != SEEK_SET && whence != SEEK_CUR)
		return -EINVAL;
	file->f_pos = whence == SEEK_SET ? offset : file->f_pos + offset;
	return file->f_pos;
}

const struct file_operations proc_mem_fops = {
	.open = mem_open,
	.release = mem_release,
	.read = mem_read,
	.write = mem_write,
	.llseek = mem_lseek,
};
