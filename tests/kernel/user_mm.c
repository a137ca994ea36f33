/*
 * Address spaces for in-kernel suites: the calls. Theory in user_mm.h.
 *
 * Exercised by the suites rmap and rmap_storm.
 */
#include "tests/kernel/user_mm.h"

#include "arch/x86/uaccess.h"
#include "kernel/syscall.h"
#include "mm/phys/buddy.h"

long um_call(struct mm_struct *mm, unsigned int nr, unsigned long a, unsigned long b,
	     unsigned long c, unsigned long d, unsigned long e)
{
	long ret;

	kthread_use_mm(mm);
	ret = sys_call_table[nr](a, b, c, d, e, 0);
	kthread_unuse_mm(mm);
	return ret;
}

long um_mmap(struct mm_struct *mm, unsigned long addr, unsigned long len, unsigned long prot,
	     unsigned long flags, struct file *file, pgoff_t pgoff)
{
	unsigned long ret;

	kthread_use_mm(mm);
	ret = vm_mmap(file, addr, len, prot, flags | MAP_FIXED, pgoff << PAGE_SHIFT);
	kthread_unuse_mm(mm);
	return ret == addr ? 0 : (long)ret;
}

int um_write(struct mm_struct *mm, unsigned long addr, u8 value)
{
	int err;

	kthread_use_mm(mm);
	err = put_user(value, (u8 __user *)addr);
	kthread_unuse_mm(mm);
	return err;
}

int um_read(struct mm_struct *mm, unsigned long addr, u8 *value)
{
	int err;

	kthread_use_mm(mm);
	err = get_user(*value, (const u8 __user *)addr);
	kthread_unuse_mm(mm);
	return err;
}

pte_t um_pte(struct mm_struct *mm, unsigned long addr)
{
	pmd_t *pmd = mm_find_pmd(mm, addr);
	pte_t pte;

	if (!pmd)
		return __pte(0);
	spin_lock(pte_lockptr(*pmd));
	pte = ptep_get(pte_offset_kernel(pmd, addr));
	spin_unlock(pte_lockptr(*pmd));
	return pte;
}

struct folio *um_folio(struct mm_struct *mm, unsigned long addr)
{
	pte_t pte = um_pte(mm, addr);
	struct folio *folio;

	if (!pte_present(pte) || pte_special(pte))
		return NULL;
	folio = page_folio(pfn_to_page(pte_pfn(pte)));
	folio_get(folio);
	return folio;
}

struct folio *um_new_folio(struct folio *src, void *arg)
{
	return (struct folio *)alloc_pages(GFP_HIGHUSER_MOVABLE, folio_order(src));
}
