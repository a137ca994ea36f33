/*
 * /proc/PID/maps: the areas of an address space, one line each.
 *
 * A read goes from area to area by address: between two reads the space may change, but no area
 * that stays is shown twice or left out.
 *
 * Locks: the mm's mmap_lock for reading while a buffer is filled. Mirrors Linux fs/proc/task_mmu.c.
 * Exercised by tests/user/procfs.c.
 */
#include "kernel/fs/proc/proc.h"
#include "kernel/pid.h"
#include "kernel/sched.h"
#include "lib/string.h"
#include "mm/slab/slab.h"
#include "mm/user/mm.h"

struct maps_private {
	struct mm_struct *mm; /* one mm_count reference; NULL for kernel threads */
	bool locked;	      /* between start and stop: mm_users and mmap_lock are held */
};

static void *maps_start(struct seq_file *m, loff_t *pos)
{
	struct maps_private *priv = m->private;

	if (!priv->mm || *pos == -1 || !mmget_not_zero(priv->mm))
		return NULL;
	mmap_read_lock(priv->mm);
	priv->locked = true;
	return find_vma(priv->mm, *pos);
}

/* The position of an area is its address: where the one before it ends it is not. */
static void *maps_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct maps_private *priv = m->private;
	struct vm_area_struct *next = vma_next(priv->mm, v);

	*pos = next ? (loff_t)next->vm_start : -1;
	return next;
}

static void maps_stop(struct seq_file *m, void *v)
{
	struct maps_private *priv = m->private;

	if (!priv->locked)
		return;
	priv->locked = false;
	mmap_read_unlock(priv->mm);
	mmput(priv->mm);
}

static int maps_show(struct seq_file *m, void *v)
{
	struct vm_area_struct *vma = v;
	struct file *file = vma->vm_file;
	const char *name = NULL;
	size_t begin = m->count;
	u64 ino = 0, dev = 0;
	loff_t off = 0;

	if (file) {
		ino = file_inode(file)->i_ino;
		dev = file_inode(file)->i_sb->s_dev;
		off = (loff_t)vma->vm_pgoff << PAGE_SHIFT;
	}
	seq_printf(m, "%08lx-%08lx %c%c%c%c %08llx %02x:%02x %llu ", vma->vm_start, vma->vm_end,
		   vma->vm_flags & VM_READ ? 'r' : '-', vma->vm_flags & VM_WRITE ? 'w' : '-',
		   vma->vm_flags & VM_EXEC ? 'x' : '-', vma->vm_flags & VM_MAYSHARE ? 's' : 'p',
		   (u64)off, MAJOR(dev), MINOR(dev), ino);
	if (!file)
		name = vma->vm_ops && vma->vm_ops->name ? vma->vm_ops->name(vma)
							: arch_vma_name(vma);
	if (file || name) {
		/* Names begin in column 74. */
		while (!seq_has_overflowed(m) && m->count - begin < 73)
			seq_putc(m, ' ');
		if (file)
			seq_file_path(m, file, "\n");
		else
			seq_puts(m, name);
	}
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations maps_ops = {
	.start = maps_start,
	.next = maps_next,
	.stop = maps_stop,
	.show = maps_show,
};

struct mm_struct *proc_mem_open(struct inode *inode)
{
	struct task_struct *task = get_proc_task(inode);
	struct mm_struct *mm;

	if (!task)
		return ERR_PTR(-ESRCH);
	mm = proc_may_access(task) ? get_task_mm(task) : ERR_PTR(-EACCES);
	put_task_struct(task);
	/*
	 * The file keeps the struct, not the space: a process may end while someone has its maps
	 * open.
	 */
	if (!IS_ERR_OR_NULL(mm)) {
		mmgrab(mm);
		mmput(mm);
	}
	return mm;
}

static int maps_open(struct inode *inode, struct file *file)
{
	struct maps_private *priv = kzalloc(sizeof(*priv), GFP_KERNEL);
	int err;

	if (!priv)
		return -ENOMEM;
	priv->mm = proc_mem_open(inode);
	if (IS_ERR(priv->mm)) {
		err = PTR_ERR(priv->mm);
		kfree(priv);
		return err;
	}
	err = seq_open(file, &maps_ops);
	if (err) {
		if (priv->mm)
			mmdrop(priv->mm);
		kfree(priv);
		return err;
	}
	((struct seq_file *)file->private_data)->private = priv;
	return 0;
}

static int maps_release(struct inode *inode, struct file *file)
{
	struct maps_private *priv = ((struct seq_file *)file->private_data)->private;

	if (priv->mm)
		mmdrop(priv->mm);
	kfree(priv);
	return seq_release(inode, file);
}

const struct file_operations proc_maps_fops = {
	.open = maps_open,
	.read = seq_read,
	.read_kernel = seq_read_kernel,
	.llseek = seq_lseek,
	.release = maps_release,
};
