/*
 * /proc/PID/smaps, smaps_rollup and clear_refs: what the pages of an address space cost.
 *
 * 1. Each entry is looked at: it adds a page to Rss, and 1/n of one to Pss if n entries of all processes together map the page.
 *    So the Pss of all processes add up to the memory they use, however they share it. Pss is summed in 4096ths of a byte.
 * 2. Shared is what more than one entry maps, Private the rest; dirty is what an entry or the page itself says is dirty.
 * 3. Referenced counts entries with the accessed bit (and pages somebody else found used); clear_refs takes both away:
 *    1 from all pages, 2 anonymous, 3 those of files. 5 makes the present resident size the peak. 4 is about
 *    soft-dirty bits, which are not kept: it is accepted and does nothing, as in a Linux without them.
 *
 * Locks: mmap_lock for reading, a table's lock while its entries are looked at. Mirrors Linux fs/proc/task_mmu.c.
 * Exercised by tests/user/smaps.c.
 */
#include "arch/x86/tlb.h"
#include "arch/x86/uaccess.h"
#include "kernel/fs/proc/task_mmu.h"
#include "kernel/sched.h"
#include "lib/err.h"
#include "lib/string.h"
#include "mm/user/memory.h"

#define PSS_SHIFT 12

struct mem_size_stats {
	unsigned long resident, referenced, anonymous, lazyfree;
	unsigned long shared_clean, shared_dirty, private_clean, private_dirty;
	u64 pss, pss_anon, pss_file, pss_shmem, pss_locked, pss_dirty;
	bool locked; /* the area that is gathered just now */
};

/* => the entry's table locked */
static void smaps_account(struct page *page, pte_t *ptep, void *arg)
{
	struct mem_size_stats *st = arg;
	pte_t pte = *ptep;
	struct folio *folio = page_folio(page);
	bool dirty = pte_dirty(pte) || folio_test_dirty(folio);
	int mapcount = page_mapcount(page);
	u64 pss = (u64)PAGE_SIZE << PSS_SHIFT;

	st->resident += PAGE_SIZE;
	if (folio_test_anon(folio))
		st->anonymous += PAGE_SIZE;
	if (folio_test_anon(folio) && !folio_test_swapbacked(folio) && !dirty)
		st->lazyfree += PAGE_SIZE;
	if (pte_young(pte) || folio_test_young(folio) || folio_test_referenced(folio))
		st->referenced += PAGE_SIZE;
	if (mapcount > 1) {
		pss /= (unsigned int)mapcount;
		*(dirty ? &st->shared_dirty : &st->shared_clean) += PAGE_SIZE;
	} else {
		*(dirty ? &st->private_dirty : &st->private_clean) += PAGE_SIZE;
	}
	st->pss += pss;
	if (dirty)
		st->pss_dirty += pss;
	if (st->locked)
		st->pss_locked += pss;
	if (folio_test_anon(folio))
		st->pss_anon += pss;
	else
		*(folio_test_swapbacked(folio) ? &st->pss_shmem : &st->pss_file) += pss;
}

/* => mmap_lock held */
static void smaps_gather(struct vm_area_struct *vma, struct mem_size_stats *st)
{
	st->locked = vma->vm_flags & VM_LOCKED;
	walk_mapped_pages(vma, smaps_account, st);
}

static void show_kb(struct seq_file *m, const char *name, u64 bytes)
{
	seq_put_kb(m, name, bytes >> 10);
}

static void show_smap(struct seq_file *m, const struct mem_size_stats *st, bool rollup)
{
	show_kb(m, "Rss:", st->resident);
	show_kb(m, "Pss:", st->pss >> PSS_SHIFT);
	show_kb(m, "Pss_Dirty:", st->pss_dirty >> PSS_SHIFT);
	if (rollup) {
		show_kb(m, "Pss_Anon:", st->pss_anon >> PSS_SHIFT);
		show_kb(m, "Pss_File:", st->pss_file >> PSS_SHIFT);
		show_kb(m, "Pss_Shmem:", st->pss_shmem >> PSS_SHIFT);
	}
	show_kb(m, "Shared_Clean:", st->shared_clean);
	show_kb(m, "Shared_Dirty:", st->shared_dirty);
	show_kb(m, "Private_Clean:", st->private_clean);
	show_kb(m, "Private_Dirty:", st->private_dirty);
	show_kb(m, "Referenced:", st->referenced);
	show_kb(m, "Anonymous:", st->anonymous);
	/* There are no such pages, and no swap. */
	show_kb(m, "KSM:", 0);
	show_kb(m, "LazyFree:", st->lazyfree);
	show_kb(m, "AnonHugePages:", 0);
	show_kb(m, "ShmemPmdMapped:", 0);
	show_kb(m, "FilePmdMapped:", 0);
	show_kb(m, "Shared_Hugetlb:", 0);
	show_kb(m, "Private_Hugetlb:", 0);
	show_kb(m, "Swap:", 0);
	show_kb(m, "SwapPss:", 0);
	show_kb(m, "Locked:", st->pss_locked >> PSS_SHIFT);
}

static void show_vm_flags(struct seq_file *m, unsigned long vm_flags)
{
	static const struct {
		unsigned long flag;
		char name[4];
	} names[] = {
		{ VM_READ, "rd " },	  { VM_WRITE, "wr " },	     { VM_EXEC, "ex " },
		{ VM_SHARED, "sh " },	  { VM_MAYREAD, "mr " },     { VM_MAYWRITE, "mw " },
		{ VM_MAYEXEC, "me " },	  { VM_MAYSHARE, "ms " },    { VM_GROWSDOWN, "gd " },
		{ VM_PFNMAP, "pf " },	  { VM_LOCKED, "lo " },	     { VM_IO, "io " },
		{ VM_SEQ_READ, "sr " },	  { VM_RAND_READ, "rr " },   { VM_DONTCOPY, "dc " },
		{ VM_DONTEXPAND, "de " }, { VM_LOCKONFAULT, "lf " }, { VM_ACCOUNT, "ac " },
		{ VM_NORESERVE, "nr " },  { VM_WIPEONFORK, "wf " },  { VM_DONTDUMP, "dd " },
		{ VM_MIXEDMAP, "mm " },	  { VM_SEALED, "sl " },
	};

	seq_puts(m, "VmFlags: ");
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (vm_flags & names[i].flag)
			seq_write(m, names[i].name, 3);
	seq_putc(m, '\n');
}

static int smaps_show(struct seq_file *m, void *v)
{
	struct mem_size_stats st = {};
	struct vm_area_struct *vma = v;

	smaps_gather(vma, &st);
	maps_show(m, v);
	show_kb(m, "Size:", vma->vm_end - vma->vm_start);
	show_kb(m, "KernelPageSize:", PAGE_SIZE);
	show_kb(m, "MMUPageSize:", PAGE_SIZE);
	show_smap(m, &st, false);
	seq_puts(m, "THPeligible:           0\n");
	show_vm_flags(m, vma->vm_flags);
	return 0;
}

static const struct seq_operations smaps_ops = {
	.start = maps_start,
	.next = maps_next,
	.stop = maps_stop,
	.show = smaps_show,
};

static int smaps_open(struct inode *inode, struct file *file)
{
	return do_maps_open(inode, file, &smaps_ops);
}

const struct file_operations proc_smaps_fops = {
	.open = smaps_open,
	.read = seq_read,
	.read_kernel = seq_read_kernel,
	.llseek = seq_lseek,
	.release = maps_release,
};

/* ---- smaps_rollup: one record, for all areas ---- */

static void *rollup_start(struct seq_file *m, loff_t *pos)
{
	loff_t first = 0;

	return *pos ? NULL : maps_start(m, &first);
}

static void *rollup_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return NULL;
}

static int rollup_show(struct seq_file *m, void *v)
{
	struct vm_area_struct *vma = v, *last = v;
	struct mem_size_stats st = {};
	unsigned long start = vma->vm_start;
	size_t begin = m->count;

	for (; vma; vma = vma_next(vma->vm_mm, vma)) {
		smaps_gather(vma, &st);
		last = vma;
	}
	seq_printf(m, "%08lx-%08lx ---p 00000000 00:00 0 ", start, last->vm_end);
	while (!seq_has_overflowed(m) && m->count - begin < 73)
		seq_putc(m, ' ');
	seq_puts(m, "[rollup]\n");
	show_smap(m, &st, true);
	return 0;
}

static const struct seq_operations rollup_ops = {
	.start = rollup_start,
	.next = rollup_next,
	.stop = maps_stop,
	.show = rollup_show,
};

static int rollup_open(struct inode *inode, struct file *file)
{
	return do_maps_open(inode, file, &rollup_ops);
}

const struct file_operations proc_smaps_rollup_fops = {
	.open = rollup_open,
	.read = seq_read,
	.read_kernel = seq_read_kernel,
	.llseek = seq_lseek,
	.release = maps_release,
};

/* ---- clear_refs ---- */

enum {
	CLEAR_REFS_ALL = 1,
	CLEAR_REFS_ANON,
	CLEAR_REFS_MAPPED,
	CLEAR_REFS_SOFT_DIRTY,
	CLEAR_REFS_MM_HIWATER_RSS,
	CLEAR_REFS_LAST
};

static void clear_refs_page(struct page *page, pte_t *pte, void *arg)
{
	ptep_test_and_clear_young(pte);
	ClearPageYoung(page);
	ClearPageReferenced(page);
}

static void clear_refs_mm(struct mm_struct *mm, int what)
{
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	for_each_vma_mm(mm, vma) {
		if ((what == CLEAR_REFS_ANON && vma->vm_file) ||
		    (what == CLEAR_REFS_MAPPED && !vma->vm_file))
			continue;
		walk_mapped_pages(vma, clear_refs_page, NULL);
	}
	/* An entry that a TLB keeps would not be marked again. */
	flush_tlb_mm_range(&mm->context, 0, TLB_FLUSH_ALL, PAGE_SHIFT, false);
	mmap_read_unlock(mm);
}

static ssize_t clear_refs_write(struct file *file, const char __user *ubuf, size_t count,
				loff_t *ppos)
{
	struct task_struct *task;
	struct mm_struct *mm;
	char text[16] = "";
	int what;

	if (copy_from_user(text, ubuf, min(count, sizeof(text) - 1)))
		return -EFAULT;
	if (kstrtoint(strim(text), 10, &what))
		return -EINVAL;
	if (what < CLEAR_REFS_ALL || what >= CLEAR_REFS_LAST)
		return -EINVAL;
	task = get_proc_task(file_inode(file));
	if (!task)
		return -ESRCH;
	mm = get_task_mm(task);
	put_task_struct(task);
	if (!mm)
		return (ssize_t)count;
	if (what == CLEAR_REFS_MM_HIWATER_RSS) {
		mmap_write_lock(mm);
		mm->hiwater_rss = get_mm_rss(mm);
		mmap_write_unlock(mm);
	} else if (what != CLEAR_REFS_SOFT_DIRTY) {
		clear_refs_mm(mm, what);
	}
	mmput(mm);
	return (ssize_t)count;
}

const struct file_operations proc_clear_refs_fops = { .write = clear_refs_write };
