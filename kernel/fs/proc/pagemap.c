/*
 * /proc/PID/pagemap: eight bytes for each page of an address space, which tell its frame.
 *
 * Bits: 0-54 frame number (0 for readers without CAP_SYS_ADMIN), 56 mapped only here, 61 page of
 * a file or of shared memory, 62 swapped out, 63 present. The file position is page number times
 * eight.
 *
 * Locks: mmap_lock for reading around each piece of 512 pages. Mirrors Linux fs/proc/task_mmu.c
 * (pagemap_read). Exercised by tests/user/fork_cow.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/sched.h"
#include "mm/phys/buddy.h"
#include "mm/phys/pagewalk.h"
#include "mm/user/memory.h"
#include "mm/user/mm.h"

#define PM_MMAP_EXCLUSIVE BIT(56)
#define PM_FILE		  BIT(61)
#define PM_PRESENT	  BIT(63)
#define PM_PIECE	  (PAGE_SIZE / sizeof(u64))

struct pagemap {
	u64 *entry; /* PM_PIECE of them */
	unsigned long start;
	bool show_pfn;
};

static void note_frames(struct pagemap *pm, unsigned long addr, unsigned long next,
			unsigned long pfn)
{
	for (; addr < next; addr += PAGE_SIZE, pfn++) {
		u64 v = PM_PRESENT | (pm->show_pfn ? pfn : 0);

		if (pfn != zero_pfn && pfn_valid(pfn)) {
			struct page *page = pfn_to_page(pfn);

			if (!PageAnon(&page_folio(page)->page))
				v |= PM_FILE;
			if (page_mapcount(page) == 1)
				v |= PM_MMAP_EXCLUSIVE;
		}
		pm->entry[(addr - pm->start) >> PAGE_SHIFT] = v;
	}
}

static int pagemap_pmd(pmd_t *pmd, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	if (pmd_leaf(*pmd))
		note_frames(walk->private, addr, next,
			    pmd_pfn(*pmd) + ((addr & ~PMD_MASK) >> PAGE_SHIFT));
	return 0;
}

static int pagemap_pte(pte_t *ptep, unsigned long addr, unsigned long next, struct pgwalk *walk)
{
	pte_t pte = ptep_get(ptep);

	if (pte_present(pte))
		note_frames(walk->private, addr, next, pte_pfn(pte));
	return 0;
}

static int pagemap_piece(struct mm_struct *mm, struct pagemap *pm, unsigned long n)
{
	static const struct pgwalk_ops ops = { .pmd_entry = pagemap_pmd, .pte_entry = pagemap_pte };
	int err;

	memset(pm->entry, 0, n * sizeof(u64));
	mmap_read_lock(mm);
	err = walk_pgd_range(mm->pgd, pm->start, pm->start + n * PAGE_SIZE, &ops, pm);
	mmap_read_unlock(mm);
	return err;
}

static ssize_t pagemap_copy(struct mm_struct *mm, struct pagemap *pm, char __user *buf,
			    unsigned long pages)
{
	unsigned long done = 0;

	while (done < pages) {
		unsigned long n = min(pages - done, PM_PIECE);
		int err = pagemap_piece(mm, pm, n);

		if (!err && copy_to_user(buf + done * 8, pm->entry, n * 8))
			err = -EFAULT;
		if (err)
			return done ? (ssize_t)(done * 8) : err;
		done += n;
		pm->start += n * PAGE_SIZE;
		cond_resched();
	}
	return done * 8;
}

static ssize_t pagemap_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct mm_struct *mm = file->private_data;
	struct pagemap pm = { .show_pfn = capable(CAP_SYS_ADMIN) };
	u64 page = *ppos / 8;
	ssize_t ret;

	if ((*ppos | count) & 7)
		return -EINVAL;
	if (page >= TASK_SIZE >> PAGE_SHIFT || !mm || !count || !mmget_not_zero(mm))
		return 0;
	pm.start = page << PAGE_SHIFT;
	pm.entry = (u64 *)__get_free_page(GFP_KERNEL);
	ret = pm.entry ? pagemap_copy(mm, &pm, buf,
				      min(count / 8, (TASK_SIZE - pm.start) >> PAGE_SHIFT))
		       : -ENOMEM;
	free_page((unsigned long)pm.entry);
	mmput(mm);
	if (ret > 0)
		*ppos += ret;
	return ret;
}

static int pagemap_open(struct inode *inode, struct file *file)
{
	struct mm_struct *mm = proc_mem_open(inode);

	if (IS_ERR(mm))
		return PTR_ERR(mm);
	file->private_data = mm;
	return 0;
}

static int pagemap_release(struct inode *inode, struct file *file)
{
	if (file->private_data)
		mmdrop(file->private_data);
	return 0;
}

const struct file_operations proc_pagemap_fops = {
	.open = pagemap_open,
	.read = pagemap_read,
	.llseek = seq_lseek,
	.release = pagemap_release,
};
