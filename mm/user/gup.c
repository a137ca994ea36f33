/*
 * Access to another address space's memory: exec's argument copy, /proc/PID/cmdline and environ.
 *
 * Each page is faulted in if need be and copied under its table's lock, so it cannot go away meanwhile.
 *
 * Locks: the other mm's mmap_lock for reading. Mirrors Linux mm/memory.c (access_remote_vm) and gup.c.
 * Exercised by tests/user/procfs.c and exec.c.
 */
#include "kernel/current.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/user/memory.h"
#include "mm/user/vma.h"

/* Copies inside one page; 0, or -EFAULT when it cannot be had. => mmap_lock held for reading */
static int access_one_page(struct mm_struct *mm, unsigned long addr, void *buf, unsigned int len,
			   bool write)
{
	int tries, err;

	for (tries = 0; tries < 4; tries++) {
		pmd_t *pmd = mm_find_pmd(mm, addr);

		if (pmd) {
			spinlock_t *ptl = pte_lockptr(*pmd);
			pte_t pte;
			char *p;

			spin_lock(ptl);
			pte = *pte_offset_kernel(pmd, addr);
			if (pte_present(pte) && (!write || pte_write(pte))) {
				p = (char *)__va(pte_pfn(pte) << PAGE_SHIFT) + (addr & ~PAGE_MASK);
				if (write)
					memcpy(p, buf, len);
				else
					memcpy(buf, p, len);
				spin_unlock(ptl);
				return 0;
			}
			spin_unlock(ptl);
		}
		err = fixup_user_fault(mm, addr, write);
		if (err)
			return err;
	}
	return -EFAULT;
}

int access_remote_vm(struct mm_struct *mm, unsigned long addr, void *buf, int len,
		     unsigned int gup_flags)
{
	int done = 0;

	if (gup_flags & FOLL_WRITE) {
		mmap_write_lock(mm);
		if (!find_extend_vma_locked(mm, addr)) {
			mmap_write_unlock(mm);
			return 0;
		}
		mmap_write_unlock(mm);
	}
	mmap_read_lock(mm);
	while (done < len) {
		unsigned int n = min_t(unsigned long, len - done, PAGE_SIZE - (addr & ~PAGE_MASK));

		if (access_one_page(mm, addr, (char *)buf + done, n, gup_flags & FOLL_WRITE))
			break;
		done += n;
		addr += n;
	}
	mmap_read_unlock(mm);
	return done;
}
