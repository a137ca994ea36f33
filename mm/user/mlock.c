/*
 * mlock: pages that stay in memory.
 *
 * 1. Locking is a property of areas (VM_LOCKED): the range is cut out and merged like mprotect's, counted against
 *    RLIMIT_MEMLOCK, and then its pages are brought in. With MLOCK_ONFAULT (VM_LOCKONFAULT too) they come when they are used.
 * 2. mlockall changes all areas, and with MCL_FUTURE the flags that new ones begin with (mm->def_flags).
 * 3. locked_vm counts the pages of locked areas, there or not. munmap, mremap and exit keep it; fork's child has none locked.
 * 4. The pages are counted too (lazyfree.h): Mlocked and Unevictable in meminfo, each page once however many lock it. A page
 *    that migrates just while its area's flags change may be counted twice, or not at all, until it is freed; what keeps
 *    it is the area's flag, which every walk looks at.
 * 5. A locked area's pages cannot be given up: MADV_DONTNEED, COLD and PAGEOUT refuse them, and reclaim has to.
 *
 * Locks: mmap_lock for writing; pages come in under it for reading. Mirrors Linux mm/mlock.c.
 * Exercised by tests/user/mlock.c and vmfuzz.c.
 */
#include "kernel/current.h"
#include "kernel/rlimit.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/phys/vmstat.h"
#include "mm/user/fault.h"
#include "mm/user/file_ops.h"
#include "mm/user/lazyfree.h"
#include "mm/user/memory.h"
#include "mm/user/mman.h"
#include "mm/user/secretmem.h"
#include "mm/user/vma.h"
#include "mm/user/vma_lock.h"

bool can_do_mlock(void)
{
	return rlimit(RLIMIT_MEMLOCK) || mm_file_ops->capable_ipc_lock();
}

/* -EAGAIN: the limit of locked memory does not allow len more. */
int mlock_future_ok(const struct mm_struct *mm, unsigned long vm_flags, unsigned long len)
{
	if (!(vm_flags & VM_LOCKED) ||
	    mm->locked_vm + (len >> PAGE_SHIFT) <= rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT ||
	    mm_file_ops->capable_ipc_lock())
		return 0;
	return -EAGAIN;
}

/* ---- locked pages ---- */

static void count_mlocked(struct folio *folio, long nr)
{
	struct zone *zone = page_zone(&folio->page);

	node_stat_mod_folio(folio, NR_UNEVICTABLE, nr);
	mod_zone_page_state(zone, NR_ZONE_UNEVICTABLE, nr);
	mod_zone_page_state(zone, NR_MLOCK, nr);
}

void __mlock_folio(struct folio *folio)
{
	long nr = (long)folio_nr_pages(folio);

	/* What shall stay is not for reclaim to take. */
	if (unlikely(folio_test_anon(folio) && !folio_test_swapbacked(folio)))
		folio_unmark_lazyfree(folio);
	guard(spinlock_irqsave)(&folio_pgdat(folio)->__lruvec.lru_lock);
	if (!folio_test_set_mlocked(folio)) {
		folio_set_unevictable(folio);
		folio->mlock_count = 0;
		count_mlocked(folio, nr);
		count_vm_events(UNEVICTABLE_PGMLOCKED, nr);
	}
	folio->mlock_count++;
}

void __munlock_folio(struct folio *folio)
{
	long nr = (long)folio_nr_pages(folio);

	guard(spinlock_irqsave)(&folio_pgdat(folio)->__lruvec.lru_lock);
	if (!folio_test_mlocked(folio) || --folio->mlock_count)
		return;
	folio_clear_mlocked(folio);
	folio_clear_unevictable(folio);
	count_mlocked(folio, -nr);
	count_vm_events(UNEVICTABLE_PGMUNLOCKED, nr);
}

void folio_forget_mlock(struct folio *folio)
{
	folio->mlock_count = 1;
	__munlock_folio(folio);
}

/* The pages that are there; what comes later counts as it comes. => mmap_lock for writing */
static void count_range(struct mm_struct *mm, unsigned long addr, unsigned long end, bool lock)
{
	unsigned long next;
	pmd_t *pmd;

	for (; (pmd = mm_next_pmd(mm, &addr, end, &next)) != NULL; addr = next) {
		spinlock_t *ptl = pte_lockptr(*pmd);
		pte_t *pte = pte_offset_kernel(pmd, addr);

		spin_lock(ptl);
		for (; addr < next; addr += PAGE_SIZE, pte++) {
			if (!pte_present(*pte) || pte_special(*pte))
				continue;
			if (lock)
				__mlock_folio(page_folio(pfn_to_page(pte_pfn(*pte))));
			else
				__munlock_folio(page_folio(pfn_to_page(pte_pfn(*pte))));
		}
		spin_unlock(ptl);
		cond_resched();
	}
}

/* The part [start, end) of vma is locked as lock says (0: not). *next: where what is so ends. */
static int mlock_fixup(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long start,
		       unsigned long end, unsigned long lock, unsigned long *next)
{
	unsigned long old = vma->vm_flags, new = (old & ~VM_LOCKED_MASK) | lock;
	unsigned long pages = (end - start) >> PAGE_SHIFT;

	*next = end;
	/* A device's memory is not ours to keep; secret memory stays, and so does what it counts. */
	if (new == old || (old & VM_SPECIAL) || vma_is_secretmem(vma))
		return 0;
	vma = vma_modify_flags(mm, vma, start, end, new);
	if (IS_ERR(vma))
		return PTR_ERR(vma);
	if (!(new &VM_LOCKED))
		mm->locked_vm -= pages;
	else if (!(old & VM_LOCKED))
		mm->locked_vm += pages;
	vm_flags_reset(vma, new);
	/* The area may be larger by now: it was merged with others that are locked. */
	if ((old ^ new) & VM_LOCKED)
		count_range(mm, start, end, new &VM_LOCKED);
	*next = vma->vm_end;
	return 0;
}

/* => mmap_lock for writing; end page aligned. -ENOMEM: a hole; what lies before it is done. */
static int apply_vma_lock_flags(struct mm_struct *mm, unsigned long start, unsigned long end,
				unsigned long lock)
{
	struct vm_area_struct *vma;
	int err;

	if (end < start)
		return -EINVAL;
	while (start < end) {
		vma = vma_lookup(mm, start);
		if (!vma)
			return -ENOMEM;
		err = mlock_fixup(mm, vma, start, min(vma->vm_end, end), lock, &start);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/* Pages of [start, end) that are locked already. */
static unsigned long locked_pages(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = find_vma(mm, start);
	unsigned long bytes = 0;

	for (; vma && vma->vm_start < end; vma = vma_next(mm, vma))
		if (vma->vm_flags & VM_LOCKED)
			bytes += min(vma->vm_end, end) - max(vma->vm_start, start);
	return bytes >> PAGE_SHIFT;
}

static bool within_limit(struct mm_struct *mm, unsigned long start, unsigned long len)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long locked = mm->locked_vm + (len >> PAGE_SHIFT);

	return locked <= limit || mm_file_ops->capable_ipc_lock() ||
	       locked - locked_pages(mm, start, start + len) <= limit;
}

static int do_mlock(unsigned long start, size_t len, unsigned long lock)
{
	struct mm_struct *mm = current->mm;
	int err = -ENOMEM;

	if (!can_do_mlock())
		return -EPERM;
	len = PAGE_ALIGN(len + (start & ~PAGE_MASK));
	start &= PAGE_MASK;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	if (within_limit(mm, start, len))
		err = apply_vma_lock_flags(mm, start, start + len, lock);
	mmap_write_unlock(mm);
	if (err)
		return err;
	err = __mm_populate(mm, start, len, false);
	/* POSIX: what cannot be touched is ENOMEM, no memory is EAGAIN. */
	if (err == -EFAULT)
		return -ENOMEM;
	return err == -ENOMEM ? -EAGAIN : err;
}

static long sys_mlock(unsigned long start, size_t len)
{
	return do_mlock(start, len, VM_LOCKED);
}
SYSCALL(149, mlock);

static long sys_mlock2(unsigned long start, size_t len, int flags)
{
	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return do_mlock(start, len, flags & MLOCK_ONFAULT ? VM_LOCKED_MASK : VM_LOCKED);
}
SYSCALL(325, mlock2);

static long sys_munlock(unsigned long start, size_t len)
{
	struct mm_struct *mm = current->mm;
	int err;

	len = PAGE_ALIGN(len + (start & ~PAGE_MASK));
	start &= PAGE_MASK;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	err = apply_vma_lock_flags(mm, start, start + len, 0);
	mmap_write_unlock(mm);
	return err;
}
SYSCALL(150, munlock);

/* => mmap_lock for writing */
static void apply_mlockall_flags(struct mm_struct *mm, int flags)
{
	unsigned long lock = flags & MCL_ONFAULT ? VM_LOCKED_MASK : VM_LOCKED, next;
	struct vm_area_struct *vma;

	mm->def_flags &= ~VM_LOCKED_MASK;
	if (flags & MCL_FUTURE) {
		mm->def_flags |= lock;
		if (!(flags & MCL_CURRENT))
			return;
	}
	/* An area that cannot be changed for want of memory is passed over. */
	for (vma = find_vma(mm, 0); vma; vma = find_vma(mm, next)) {
		mlock_fixup(mm, vma, vma->vm_start, vma->vm_end, flags & MCL_CURRENT ? lock : 0,
			    &next);
		cond_resched();
	}
}

static long sys_mlockall(int flags)
{
	struct mm_struct *mm = current->mm;
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	int err = 0;

	if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!can_do_mlock())
		return -EPERM;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	if ((flags & MCL_CURRENT) && mm->total_vm > limit && !mm_file_ops->capable_ipc_lock())
		err = -ENOMEM;
	else
		apply_mlockall_flags(mm, flags);
	mmap_write_unlock(mm);
	if (!err && (flags & MCL_CURRENT))
		mm_populate(mm, 0, TASK_SIZE);
	return err;
}
SYSCALL(151, mlockall);

static long sys_munlockall(void)
{
	struct mm_struct *mm = current->mm;

	if (mmap_write_lock_killable(mm))
		return -EINTR;
	apply_mlockall_flags(mm, 0);
	mmap_write_unlock(mm);
	return 0;
}
SYSCALL(152, munlockall);
