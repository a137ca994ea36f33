/*
 * The first stack of a program: its pages, and the strings that exec copies there.
 *
 * The strings are copied once: from the caller's memory, which is still loaded, to the page of the new stack as the linear map
 * shows it. That page is faulted in by hand (no exception), and one such page is kept at hand, with a reference.
 *
 * Locks: mmap_lock of the new mm, the lock of the page table. Mirrors the first half of Linux fs/exec.c.
 * Exercised by tests/user/exec.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/exec.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/phys/page.h"
#include "mm/user/memory.h"
#include "mm/user/mm.h"

/* ---- pages of the new stack ---- */

void bprm_drop_page(struct linux_binprm *bprm)
{
	if (bprm->page)
		put_page(virt_to_page(bprm->page));
	bprm->page = NULL;
	bprm->page_addr = ~0UL;
}

/* The page at @addr, present and writable, with a reference. => mmap_lock held; may sleep */
static struct page *writable_page(struct mm_struct *mm, unsigned long addr)
{
	for (int tries = 0; tries < 4; tries++) {
		struct page *page = NULL;
		spinlock_t *ptl;
		pmd_t *pmd;
		pte_t pte;

		if (fixup_user_fault(mm, addr, true))
			return NULL;
		pmd = mm_find_pmd(mm, addr);
		if (!pmd)
			continue;
		ptl = pte_lockptr(*pmd);
		spin_lock(ptl);
		pte = *pte_offset_kernel(pmd, addr);
		if (pte_present(pte) && pte_write(pte)) {
			page = pfn_to_page(pte_pfn(pte));
			get_page(page);
		}
		spin_unlock(ptl);
		if (page)
			return page;
	}
	return NULL;
}

/* Makes the stack reach down to @addr. */
static int grow_stack(struct linux_binprm *bprm, unsigned long addr)
{
	int err;

	if (addr >= bprm->vma->vm_start)
		return 0;
	mmap_write_lock(bprm->mm);
	err = expand_stack(bprm->vma, addr);
	mmap_write_unlock(bprm->mm);
	return err;
}

char *bprm_other_stack_page(struct linux_binprm *bprm, unsigned long addr)
{
	unsigned long base = addr & PAGE_MASK;
	struct page *page;

	bprm_drop_page(bprm);
	if (grow_stack(bprm, base))
		return NULL;
	mmap_read_lock(bprm->mm);
	page = writable_page(bprm->mm, base);
	mmap_read_unlock(bprm->mm);
	if (!page)
		return NULL;
	bprm->page = page_address(page);
	bprm->page_addr = base;
	return bprm->page + (addr - base);
}

int bprm_write(struct linux_binprm *bprm, unsigned long addr, const void *from, size_t len)
{
	while (len) {
		size_t n = min(len, PAGE_SIZE - (addr & ~PAGE_MASK));
		char *to = bprm_stack_page(bprm, addr);

		if (!to)
			return -EFAULT;
		memcpy(to, from, n);
		addr += n;
		from += n;
		len -= n;
	}
	return 0;
}

/* Clears user memory of the new program, by the same way: no exception for the usual half page of bss. */
int exec_clear_page_tail(struct mm_struct *mm, unsigned long addr)
{
	unsigned long off = addr & ~PAGE_MASK;
	struct page *page;

	if (!off)
		return 0;
	mmap_read_lock(mm);
	page = writable_page(mm, addr & PAGE_MASK);
	mmap_read_unlock(mm);
	if (!page)
		return -EFAULT;
	memset((char *)page_address(page) + off, 0, PAGE_SIZE - off);
	put_page(page);
	return 0;
}

/* ---- argument strings ---- */

/* Entry @i: 0 and *str, which is NULL at the end; -EFAULT. */
static int get_arg(const struct arg_list *list, int i, const char **str)
{
	if (list->kern) {
		*str = list->kern[i];
		return 0;
	}
	return get_user(*str, list->user + i);
}

int bprm_count_args(const struct arg_list *list)
{
	const char *str;
	int i = 0;

	if (!list->kern && !list->user)
		return 0;
	for (;; i++) {
		if (get_arg(list, i, &str))
			return -EFAULT;
		if (!str)
			return i;
		if (i >= MAX_ARG_STRINGS)
			return -E2BIG;
		if ((i & 1023) == 1023 && fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

/* Pushes len bytes, of which the last shall be the terminator. */
static int push_string(struct linux_binprm *bprm, const char *str, unsigned long len,
		       bool from_kernel)
{
	unsigned long pos;

	if (len > bprm->p - bprm->argmin)
		return -E2BIG;
	bprm->p -= len;
	for (pos = bprm->p; len;) {
		unsigned long n = min(len, PAGE_SIZE - (pos & ~PAGE_MASK));
		char *to = bprm_stack_page(bprm, pos);

		if (!to)
			return -ENOMEM;
		if (from_kernel)
			memcpy(to, str, n);
		else if (copy_from_user(to, str, n))
			return -EFAULT;
		len -= n;
		pos += n;
		str += n;
		/* Another thread may have changed it since it was measured. */
		if (!len)
			to[n - 1] = 0;
	}
	return 0;
}

int copy_string_kernel(const char *arg, struct linux_binprm *bprm)
{
	unsigned long len = strnlen(arg, MAX_ARG_STRLEN) + 1;

	return len > MAX_ARG_STRLEN ? -E2BIG : push_string(bprm, arg, len, true);
}

static int copy_string_user(const char __user *str, struct linux_binprm *bprm)
{
	long len = strnlen_user(str, MAX_ARG_STRLEN);

	if (!len)
		return -EFAULT;
	return len > MAX_ARG_STRLEN ? -E2BIG : push_string(bprm, str, len, false);
}

int bprm_copy_strings(int n, const struct arg_list *list, struct linux_binprm *bprm)
{
	while (n-- > 0) {
		const char *str;
		int err = get_arg(list, n, &str);

		if (!err)
			err = list->kern ? copy_string_kernel(str, bprm)
					 : copy_string_user(str, bprm);
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

int remove_arg_zero(struct linux_binprm *bprm)
{
	char *page;

	if (!bprm->argc)
		return 0;
	do {
		page = bprm_stack_page(bprm, bprm->p);
		if (!page)
			return -EFAULT;
		bprm->p++;
	} while (*page);
	bprm->argc--;
	return 0;
}
