/*
 * /proc/PID/maps and numa_maps: the areas of an address space, one line each.
 *
 * A read goes from area to area by address: between two reads the space may change, but no area
 * that stays is shown twice or left out.
 *
 * numa_maps says for each area which memory policy it follows, and looks at every page that its tables hold: what kind it
 * is, and on which node.
 *
 * Locks: the mm's mmap_lock for reading while a buffer is filled; a table's lock while its pages are counted. Mirrors Linux fs/proc/task_mmu.c.
 * Exercised by tests/user/procfs.c and mempolicy.c.
 */
#include "kernel/fs/proc/proc.h"
#include "kernel/fs/proc/task_mmu.h"
#include "kernel/pid.h"
#include "kernel/sched.h"
#include "lib/string.h"
#include "mm/slab/slab.h"
#include "mm/user/anon_name.h"
#include "mm/user/memory.h"
#include "mm/user/mempolicy.h"
#include "mm/user/mm.h"

void *maps_start(struct seq_file *m, loff_t *pos)
{
	struct maps_private *priv = m->private;

	if (!priv->mm || *pos == -1 || !mmget_not_zero(priv->mm))
		return NULL;
	mmap_read_lock(priv->mm);
	priv->locked = true;
	return find_vma(priv->mm, *pos);
}

/* The position of an area is its address: where the one before it ends it is not. */
void *maps_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct maps_private *priv = m->private;
	struct vm_area_struct *next = vma_next(priv->mm, v);

	*pos = next ? (loff_t)next->vm_start : -1;
	return next;
}

void maps_stop(struct seq_file *m, void *v)
{
	struct maps_private *priv = m->private;

	if (!priv->locked)
		return;
	priv->locked = false;
	mmap_read_unlock(priv->mm);
	mmput(priv->mm);
}

int maps_show(struct seq_file *m, void *v)
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
	if (file || name || vma->anon_name) {
		/* Names begin in column 74. */
		while (!seq_has_overflowed(m) && m->count - begin < 73)
			seq_putc(m, ' ');
		if (file && vma->anon_name)
			seq_printf(m, "[anon_shmem:%s]", vma->anon_name->name);
		else if (file)
			seq_file_path(m, file, "\n");
		else if (name)
			seq_puts(m, name);
		else
			seq_printf(m, "[anon:%s]", vma->anon_name->name);
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

/* ---- numa_maps ---- */

struct numa_stats {
	unsigned long pages, anon, dirty, active, writeback, swapcache;
	int mapcount_max;
	unsigned long node[MAX_NUMNODES];
};

static void count_page(struct page *page, pte_t *pte, void *arg)
{
	struct numa_stats *st = arg;
	struct folio *folio = page_folio(page);
	int mapcount = atomic_read(&page->_mapcount) + 1;

	if (PageReserved(page))
		return;
	st->pages++;
	st->anon += PageAnon(page);
	st->dirty += pte_dirty(*pte) || folio_test_dirty(folio);
	st->active += folio_test_active(folio) || folio_test_unevictable(folio);
	st->writeback += folio_test_writeback(folio);
	st->swapcache += folio_test_swapcache(folio);
	st->mapcount_max = max(st->mapcount_max, mapcount);
	st->node[page_to_nid(page)]++;
}

void walk_mapped_pages(struct vm_area_struct *vma, mapped_page_fn *fn, void *arg)
{
	unsigned long addr = vma->vm_start, next;
	pmd_t *pmd;

	for (; (pmd = mm_next_pmd(vma->vm_mm, &addr, vma->vm_end, &next)) != NULL; addr = next) {
		spinlock_t *ptl = pte_lockptr(*pmd);
		pte_t *pte = pte_offset_kernel(pmd, addr);

		spin_lock(ptl);
		for (; addr < next; addr += PAGE_SIZE, pte++)
			if (pte_present(*pte) && !pte_special(*pte))
				fn(pfn_to_page(pte_pfn(*pte)), pte, arg);
		spin_unlock(ptl);
		cond_resched();
	}
}

static void show_numa_policy(struct seq_file *m, struct vm_area_struct *vma)
{
	struct maps_private *priv = m->private;
	struct mempolicy *pol = get_vma_policy(vma, vma->vm_start);
	char text[64];

	if (!pol)
		pol = get_task_policy(priv->task);
	mpol_to_str(text, sizeof(text), pol);
	mpol_put(pol);
	seq_printf(m, "%08lx %s", vma->vm_start, text);
}

static void show_numa_kind(struct seq_file *m, struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;

	if (vma->vm_file) {
		seq_puts(m, " file=");
		seq_file_path(m, vma->vm_file, "\n\t= ");
	} else if (vma->vm_start <= mm->brk && vma->vm_end >= mm->start_brk) {
		seq_puts(m, " heap");
	} else if (vma->vm_start <= mm->start_stack && vma->vm_end >= mm->start_stack) {
		seq_puts(m, " stack");
	}
}

static void show_numa_count(struct seq_file *m, const char *name, unsigned long n)
{
	if (n)
		seq_printf(m, " %s=%lu", name, n);
}

static int numa_maps_show(struct seq_file *m, void *v)
{
	struct numa_stats st = {};
	int nid;

	show_numa_policy(m, v);
	show_numa_kind(m, v);
	walk_mapped_pages(v, count_page, &st);
	if (st.pages) {
		show_numa_count(m, "anon", st.anon);
		show_numa_count(m, "dirty", st.dirty);
		if (st.pages != st.anon && st.pages != st.dirty)
			seq_printf(m, " mapped=%lu", st.pages);
		if (st.mapcount_max > 1)
			seq_printf(m, " mapmax=%d", st.mapcount_max);
		show_numa_count(m, "swapcache", st.swapcache);
		if (st.active < st.pages)
			seq_printf(m, " active=%lu", st.active);
		show_numa_count(m, "writeback", st.writeback);
		for_each_online_node(nid)
			if (st.node[nid])
				seq_printf(m, " N%d=%lu", nid, st.node[nid]);
		seq_printf(m, " kernelpagesize_kB=%lu", PAGE_SIZE >> 10);
	}
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations numa_maps_ops = {
	.start = maps_start,
	.next = maps_next,
	.stop = maps_stop,
	.show = numa_maps_show,
};

/* ---- open and release ---- */

int do_maps_open(struct inode *inode, struct file *file, const struct seq_operations *ops)
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
	priv->task = get_proc_task(inode);
	err = priv->task ? seq_open(file, ops) : -ESRCH;
	if (err) {
		if (priv->task)
			put_task_struct(priv->task);
		if (priv->mm)
			mmdrop(priv->mm);
		kfree(priv);
		return err;
	}
	((struct seq_file *)file->private_data)->private = priv;
	return 0;
}

static int maps_open(struct inode *inode, struct file *file)
{
	return do_maps_open(inode, file, &maps_ops);
}

static int numa_maps_open(struct inode *inode, struct file *file)
{
	return do_maps_open(inode, file, &numa_maps_ops);
}

int maps_release(struct inode *inode, struct file *file)
{
	struct maps_private *priv = ((struct seq_file *)file->private_data)->private;

	put_task_struct(priv->task);
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

const struct file_operations proc_numa_maps_fops = {
	.open = numa_maps_open,
	.read = seq_read,
	.read_kernel = seq_read_kernel,
	.llseek = seq_lseek,
	.release = maps_release,
};
