/*
 * The page-fault handler: from an address that the processor could not translate to an entry in the table.
 *
 * 1. Find the area that holds the address (growing a stack if it lies just below one); check that the
 *    access is allowed by the area. If not, the program gets SIGSEGV: MAPERR without an area, ACCERR
 *    against its rights.
 * 2. handle_mm_fault descends to the PTE, making tables, and looks at what is there:
 *      nothing, anonymous area  -> do_anonymous_page: the shared zero page on a read, a fresh page on a write
 *      nothing, file area       -> do_read_fault (map what the cache has, and its neighbours),
 *                                  do_cow_fault (private write: copy at once), do_shared_fault
 *      present, write refused   -> do_wp_page: reuse the page if this is its only user, else copy it
 *      present, all in order    -> another thread was faster: a spurious fault, nothing to do
 * 3. The entry is read without its lock first; after everything that may sleep (allocating, reading) the
 *    lock is taken and the entry compared again. If it changed, the work is dropped and the access simply
 *    repeats. So no lock is ever held across an allocation.
 * 4. A private page may be written in place exactly when no other process can map it: it is marked exclusive. fork takes
 *    the mark away on both sides; the first to write takes a copy, which is exclusive, and the last one, whose entry holds
 *    the only reference, gets the mark back.
 * 5. Who pins a page to read it wants the mark without the write bit (FAULT_FLAG_UNSHARE, gup.h): then do_wp_page does the
 *    same work and leaves the entry read-only.
 *
 * 5. A fault from user mode locks only its area (vma_lock.h). What that lock cannot give - a stack that grows, an area that
 *    is being changed, the neighbours' anon_vmas - is done under mmap_lock, where the fault begins again.
 *
 * Locks: the area's lock, or mmap_lock for reading; then a table's ptl. Mirrors Linux mm/memory.c and arch/x86/mm/fault.c.
 * Exercised by tests/user/{anon_map,fork_cow,file_map,stack,mprotect}.c.
 */
#include "mm/user/fault.h"

#include "arch/x86/page_ops.h"
#include "arch/x86/ptrace.h"
#include "arch/x86/tlb.h"
#include "arch/x86/traps.h"
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "mm/cache/dirty-throttle.h"
#include "mm/cache/pagemap.h"
#include "mm/cache/writeback.h"
#include "mm/debug/page_table_check.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"
#include "mm/user/lazyfree.h"
#include "mm/user/leafops.h"
#include "mm/user/memory.h"
#include "mm/user/mempolicy.h"
#include "mm/user/migrate.h"
#include "mm/user/rmap.h"
#include "mm/user/vma.h"
#include "mm/user/vma_lock.h"

#define SIGBUS	    7
#define SIGSEGV	    11
#define SEGV_MAPERR 1
#define SEGV_ACCERR 2
#define BUS_ADRERR  2

/* Beside VM_FAULT_SIGSEGV, inside this file: an area is there, but its rights forbid it. */
#define VM_FAULT_BADACCESS 0x80000000u

/* Locks the entry of vmf and checks that it still is what was read; true when the caller may set it. */
static inline bool fault_lock_pte(struct vm_fault *vmf)
{
	vmf->ptl = pte_lockptr(*vmf->pmd);
	spin_lock(vmf->ptl);
	vmf->pte = pte_offset_kernel(vmf->pmd, vmf->address);
	if (likely(pte_same(*vmf->pte, vmf->orig_pte)))
		return true;
	spin_unlock(vmf->ptl);
	return false;
}

static inline pte_t maybe_mkwrite(pte_t pte, const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_WRITE ? pte_mkwrite(pte) : pte;
}

/* The area's first private page. Its anon_vma may be a neighbour's, and neighbours are seen under mmap_lock only. */
static noinline unsigned int __vmf_anon_prepare(struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	int err;

	/* A try: who waits here would be waited for by the writer that wants the area. */
	if ((vmf->flags & FAULT_FLAG_VMA_LOCK) && !down_read_trylock(&mm->mmap_lock))
		return VM_FAULT_RETRY;
	err = anon_vma_prepare(vmf->vma);
	if (vmf->flags & FAULT_FLAG_VMA_LOCK)
		mmap_read_unlock(mm);
	return err ? VM_FAULT_OOM : 0;
}

/* 0, VM_FAULT_OOM, VM_FAULT_RETRY */
static __always_inline unsigned int vmf_anon_prepare(struct vm_fault *vmf)
{
	return likely(READ_ONCE(vmf->vma->anon_vma) != NULL) ? 0 : __vmf_anon_prepare(vmf);
}

static unsigned int do_anonymous_page(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned int ret;
	struct page *page;

	if (!(vmf->flags & FAULT_FLAG_WRITE)) {
		if (!fault_lock_pte(vmf))
			return 0;
		set_user_pte(vmf->pte, pte_mkspecial(pfn_pte(zero_pfn, vma->vm_page_prot)));
		spin_unlock(vmf->ptl);
		return 0;
	}
	ret = vmf_anon_prepare(vmf);
	if (unlikely(ret))
		return ret;
	page = vma_alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_ZERO, vma, vmf->address);
	if (unlikely(!page))
		return VM_FAULT_OOM;
	if (unlikely(!fault_lock_pte(vmf))) {
		put_page(page);
		return 0;
	}
	folio_add_new_anon_rmap((struct folio *)page, vma, vmf->address);
	mlock_vma_folio((struct folio *)page, vma);
	add_mm_counter(vma->vm_mm, MM_ANONPAGES, 1);
	set_user_pte(vmf->pte,
		     maybe_mkwrite(pte_mkdirty(pfn_pte(page_to_pfn(page), vma->vm_page_prot)),
				   vma));
	spin_unlock(vmf->ptl);
	return 0;
}

/* Puts a file's page into the table; it comes with a reference, which the entry takes over. */
static void fault_set_file_pte(struct vm_fault *vmf, struct page *page, bool write)
{
	struct vm_area_struct *vma = vmf->vma;
	pte_t pte = pfn_pte(page_to_pfn(page), vma->vm_page_prot);

	if (write)
		pte = maybe_mkwrite(pte_mkdirty(pte), vma);
	else if (vma->vm_flags & VM_SHARED)
		pte = pte_wrprotect(pte);
	folio_add_file_rmap_pte(page_folio(page), page);
	mlock_vma_folio(page_folio(page), vma);
	add_mm_counter(vma->vm_mm, PageSwapBacked(page) ? MM_SHMEMPAGES : MM_FILEPAGES, 1);
	set_user_pte(vmf->pte, pte);
}

/* Somebody holds the page of the file just now, so the fault would wait for him. */
static noinline bool fault_would_wait(struct vm_fault *vmf)
{
	struct file *file = vmf->vma->vm_file;
	struct folio *folio = file ? filemap_get_folio(file->f_mapping, vmf->pgoff) : NULL;
	bool locked = folio && folio_test_locked(folio);

	if (folio)
		folio_put(folio);
	return locked;
}

/* Asks the file for the page: locked and with a reference, or an error. */
static unsigned int __do_fault(struct vm_fault *vmf)
{
	unsigned int ret;

	if (unlikely(vmf->flags & FAULT_FLAG_RETRY_NOWAIT) && fault_would_wait(vmf))
		return VM_FAULT_RETRY;
	ret = vmf->vma->vm_ops->fault(vmf);
	if (unlikely(ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY)))
		return ret;
	if (unlikely(!(ret & VM_FAULT_LOCKED)))
		lock_page(vmf->page);
	return ret | VM_FAULT_LOCKED;
}

static unsigned int do_read_fault(struct vm_fault *vmf)
{
	const struct vm_operations_struct *ops = vmf->vma->vm_ops;
	unsigned int ret;

	if (ops->map_pages) {
		pgoff_t first = vmf->pgoff & ~15UL;

		ret = ops->map_pages(vmf, first, first + 15);
		if (ret)
			return ret & VM_FAULT_NOPAGE ? 0 : ret;
	}
	ret = __do_fault(vmf);
	if (ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY))
		return ret;
	if (fault_lock_pte(vmf)) {
		fault_set_file_pte(vmf, vmf->page, false);
		spin_unlock(vmf->ptl);
		unlock_page(vmf->page);
		return ret & VM_FAULT_MAJOR;
	}
	unlock_page(vmf->page);
	put_page(vmf->page);
	return ret & VM_FAULT_MAJOR;
}

static unsigned int do_cow_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct page *copy;
	unsigned int ret;

	ret = vmf_anon_prepare(vmf);
	if (unlikely(ret))
		return ret;
	copy = vma_alloc_page(GFP_HIGHUSER_MOVABLE, vma, vmf->address);
	if (!copy)
		return VM_FAULT_OOM;
	ret = __do_fault(vmf);
	if (ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY)) {
		put_page(copy);
		return ret;
	}
	copy_page(page_address(copy), page_address(vmf->page));
	unlock_page(vmf->page);
	put_page(vmf->page);
	if (!fault_lock_pte(vmf)) {
		put_page(copy);
		return ret & VM_FAULT_MAJOR;
	}
	folio_add_new_anon_rmap((struct folio *)copy, vma, vmf->address);
	mlock_vma_folio((struct folio *)copy, vma);
	add_mm_counter(vma->vm_mm, MM_ANONPAGES, 1);
	set_user_pte(vmf->pte,
		     maybe_mkwrite(pte_mkdirty(pfn_pte(page_to_pfn(copy), vma->vm_page_prot)),
				   vma));
	spin_unlock(vmf->ptl);
	return ret & VM_FAULT_MAJOR;
}

/* The file system may refuse (or prepare) a shared page's first write. The page is locked. */
static unsigned int do_page_mkwrite(struct vm_fault *vmf)
{
	const struct vm_operations_struct *ops = vmf->vma->vm_ops;
	unsigned int ret;

	if (!ops->page_mkwrite)
		return 0;
	unlock_page(vmf->page);
	ret = ops->page_mkwrite(vmf);
	if (ret & VM_FAULT_ERROR)
		return ret;
	if (!(ret & VM_FAULT_LOCKED))
		lock_page(vmf->page);
	if (!vmf->page->mapping) {
		unlock_page(vmf->page);
		return VM_FAULT_NOPAGE;
	}
	return 0;
}

static unsigned int do_shared_fault(struct vm_fault *vmf)
{
	unsigned int ret = __do_fault(vmf), mk;

	if (ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY))
		return ret;
	mk = do_page_mkwrite(vmf);
	if (mk) {
		put_page(vmf->page);
		return mk & VM_FAULT_ERROR ? mk : 0;
	}
	folio_mark_dirty(page_folio(vmf->page));
	if (fault_lock_pte(vmf)) {
		fault_set_file_pte(vmf, vmf->page, true);
		spin_unlock(vmf->ptl);
		unlock_page(vmf->page);
	} else {
		unlock_page(vmf->page);
		put_page(vmf->page);
	}
	balance_dirty_pages_once(vmf->vma->vm_file->f_mapping);
	return ret & VM_FAULT_MAJOR;
}

static unsigned int do_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;

	if (!vma->vm_ops->fault)
		return VM_FAULT_SIGBUS;
	if (!(vmf->flags & FAULT_FLAG_WRITE))
		return do_read_fault(vmf);
	if (!(vma->vm_flags & VM_SHARED))
		return do_cow_fault(vmf);
	return do_shared_fault(vmf);
}

/* The entry maps a page nobody else sees: it only lacks the write bit. => ptl held, released here */
static unsigned int wp_page_reuse(struct vm_fault *vmf)
{
	if (unlikely(vmf->flags & FAULT_FLAG_UNSHARE)) {
		spin_unlock(vmf->ptl);
		return 0;
	}
	set_user_pte(vmf->pte, maybe_mkwrite(pte_mkdirty(pte_mkyoung(vmf->orig_pte)), vmf->vma));
	flush_tlb_page(&vmf->vma->vm_mm->context, vmf->address);
	spin_unlock(vmf->ptl);
	return 0;
}

/*
 * Contents of a frame that has no struct page to hold on to, through the user's own address: that may be the only one it has. False:
 * it is not there any more.
 */
static noinline bool copy_device_page(struct vm_fault *vmf, struct page *new)
{
	if (vmf->vma->vm_mm != current->mm)
		return false;
	return !copy_from_user_inatomic(page_address(new), (const void __user *)vmf->address,
					PAGE_SIZE);
}

/* old NULL: the zero page, or a device's frame. => no lock held; old has an extra reference of ours */
static unsigned int wp_page_copy(struct vm_fault *vmf, struct page *old)
{
	struct vm_area_struct *vma = vmf->vma;
	struct mm_struct *mm = vma->vm_mm;
	gfp_t gfp = GFP_HIGHUSER_MOVABLE | (old ? 0 : __GFP_ZERO);
	unsigned int ret = vmf_anon_prepare(vmf);
	struct page *new = NULL;
	pte_t pte;

	if (likely(!ret))
		new = vma_alloc_page(gfp, vma, vmf->address);
	if (unlikely(!new)) {
		if (old)
			put_page(old);
		return ret ? ret : VM_FAULT_OOM;
	}
	if (old)
		copy_page(page_address(new), page_address(old));
	else if (unlikely(pte_pfn(vmf->orig_pte) != zero_pfn) && !copy_device_page(vmf, new)) {
		put_page(new);
		return VM_FAULT_SIGBUS;
	}
	if (unlikely(!fault_lock_pte(vmf))) {
		put_page(new);
		if (old)
			put_page(old);
		return 0;
	}
	pte = pfn_pte(page_to_pfn(new), vma->vm_page_prot);
	if (likely(!(vmf->flags & FAULT_FLAG_UNSHARE)))
		pte = maybe_mkwrite(pte_mkdirty(pte), vma);
	/* No other CPU may read the old page once someone can write the new one. */
	set_user_pte(vmf->pte, __pte(0));
	flush_tlb_page(&mm->context, vmf->address);
	folio_add_new_anon_rmap((struct folio *)new, vma, vmf->address);
	mlock_vma_folio((struct folio *)new, vma);
	set_user_pte(vmf->pte, pte);
	if (!old) {
		add_mm_counter(mm, MM_ANONPAGES, 1);
		spin_unlock(vmf->ptl);
		return 0;
	}
	munlock_vma_folio(page_folio(old), vma);
	folio_remove_rmap_pte(page_folio(old), old);
	if (!PageAnon(old)) {
		add_mm_counter(mm, PageSwapBacked(old) ? MM_SHMEMPAGES : MM_FILEPAGES, -1);
		add_mm_counter(mm, MM_ANONPAGES, 1);
	}
	spin_unlock(vmf->ptl);
	put_page(old);
	put_page(old);
	return 0;
}

static unsigned int wp_page_shared(struct vm_fault *vmf, struct page *page)
{
	unsigned int ret;

	if ((vmf->flags & FAULT_FLAG_RETRY_NOWAIT) && PageLocked(page)) {
		spin_unlock(vmf->ptl);
		return VM_FAULT_RETRY;
	}
	get_page(page);
	spin_unlock(vmf->ptl);
	vmf->page = page;
	lock_page(page);
	ret = do_page_mkwrite(vmf);
	if (ret) {
		put_page(page);
		return ret & VM_FAULT_ERROR;
	}
	folio_mark_dirty(page_folio(page));
	if (fault_lock_pte(vmf))
		wp_page_reuse(vmf);
	unlock_page(page);
	put_page(page);
	if (vmf->vma->vm_file)
		balance_dirty_pages_once(vmf->vma->vm_file->f_mapping);
	return 0;
}

/*
 * The other owners of a page that fork shared are gone: it is ours alone again. A reference that is not this entry's may be
 * anything, a speculative one too; then the copy is made. A large folio would have to be counted as a whole.
 */
static bool wp_can_reuse_anon_folio(struct folio *folio, struct page *page,
				    struct vm_area_struct *vma)
{
	bool reuse;

	if (folio_ref_count(folio) != 1 || folio_test_large(folio) || !folio_trylock(folio))
		return false;
	/* Under the lock nobody migrates it, and nobody is on the way from it to its entries. */
	reuse = folio_ref_count(folio) == 1;
	if (reuse) {
		folio_move_anon_rmap(folio, vma);
		SetPageAnonExclusive(page);
	}
	folio_unlock(folio);
	return reuse;
}

/* A write to a present, write-protected entry. => ptl held, released here */
static unsigned int do_wp_page(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct folio *folio;
	struct page *page;

	if (unlikely(pte_special(vmf->orig_pte))) {
		if (vma->vm_flags & VM_SHARED)
			return wp_page_reuse(vmf);
		spin_unlock(vmf->ptl);
		return wp_page_copy(vmf, NULL);
	}
	page = pfn_to_page(pte_pfn(vmf->orig_pte));
	folio = page_folio(page);
	if (folio_test_anon(folio)) {
		if (PageAnonExclusive(page) || wp_can_reuse_anon_folio(folio, page, vma))
			return wp_page_reuse(vmf);
	} else if (vma->vm_flags & VM_SHARED) {
		return wp_page_shared(vmf, page);
	}
	folio_get(folio);
	spin_unlock(vmf->ptl);
	return wp_page_copy(vmf, page);
}

/* The entry says where the page is instead of mapping it. */
static unsigned int do_nonpresent_page(struct vm_fault *vmf)
{
	if (!softleaf_is_migration(softleaf_from_pte(vmf->orig_pte)))
		return VM_FAULT_SIGBUS;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	migration_entry_wait(vmf->pmd, vmf->address);
	return 0;
}

static unsigned int handle_pte_fault(struct vm_fault *vmf)
{
	if (pmd_none(*vmf->pmd)) {
		if (pte_alloc(vmf->vma->vm_mm, vmf->pmd))
			return VM_FAULT_OOM;
		vmf->orig_pte = __pte(0);
	} else {
		vmf->orig_pte = ptep_get(pte_offset_kernel(vmf->pmd, vmf->address));
	}
	if (pte_none(vmf->orig_pte))
		return vma_is_anonymous(vmf->vma) ? do_anonymous_page(vmf) : do_fault(vmf);
	if (unlikely(!pte_present(vmf->orig_pte)))
		return do_nonpresent_page(vmf);
	if (!fault_lock_pte(vmf))
		return 0;
	if ((vmf->flags & (FAULT_FLAG_WRITE | FAULT_FLAG_UNSHARE)) && !pte_write(vmf->orig_pte))
		return do_wp_page(vmf);
	flush_tlb_fix_spurious_fault(&vmf->vma->vm_mm->context, vmf->address);
	spin_unlock(vmf->ptl);
	return 0;
}

unsigned int handle_mm_fault(struct vm_area_struct *vma, unsigned long address, unsigned int flags)
{
	struct vm_fault vmf;

	vma_assert_locked(vma);
	vmf.vma = vma;
	vmf.address = address & PAGE_MASK;
	vmf.flags = flags;
	vmf.pgoff = vma->vm_pgoff + ((vmf.address - vma->vm_start) >> PAGE_SHIFT);
	vmf.gfp_mask = GFP_HIGHUSER_MOVABLE;
	vmf.pmd = mm_alloc_pmd(vma->vm_mm, vmf.address);
	if (unlikely(!vmf.pmd))
		return VM_FAULT_OOM;
	return handle_pte_fault(&vmf);
}

/* Do the area's rights forbid this access? */
static inline bool access_error(unsigned long error_code, const struct vm_area_struct *vma)
{
	unsigned long need = VM_ACCESS_FLAGS;

	if (error_code & X86_PF_WRITE)
		need = VM_WRITE;
	else if (error_code & X86_PF_INSTR)
		need = VM_EXEC;
	else if (unlikely(error_code & X86_PF_PROT))
		need = 0;
	return !(vma->vm_flags & need);
}

/* Below every area, or below a stack that may grow down to it: that needs mmap_lock for writing. */
static bool try_expand_stack(struct mm_struct *mm, unsigned long address)
{
	bool ok;

	mmap_read_unlock(mm);
	mmap_write_lock(mm);
	ok = find_extend_vma_locked(mm, address) != NULL;
	mmap_write_unlock(mm);
	mmap_read_lock(mm);
	return ok;
}

static int bad_area(struct pt_regs *regs, int sig, int code, unsigned long error_code,
		    unsigned long address)
{
	if (!user_mode(regs))
		return -EFAULT;
	current->thread.cr2 = address;
	current->thread.error_code = error_code | X86_PF_USER;
	current->thread.trap_nr = 14;
	force_sig_fault_hook(sig, code, (void __user *)address);
	return 0;
}

/*
 * The access is simply repeated: the allocator has already chosen whom to kill, and it was not us, or our signal is
 * pending and ends us on the way out. What is left are failures that pass (injected ones, a victim that takes long to
 * go), and for those a program must not die. The tick lets somebody else free memory meanwhile.
 */
static void pagefault_out_of_memory(void)
{
	if (fatal_signal_pending(current))
		return;
	pr_warn_ratelimited("Huh VM_FAULT_OOM leaked out to the #PF handler. Retrying PF\n");
	schedule_timeout_killable(1);
}

static int fault_error(struct pt_regs *regs, unsigned int fault, unsigned long error_code,
		       unsigned long address)
{
	if (fault & VM_FAULT_OOM) {
		if (!user_mode(regs))
			return -EFAULT;
		pagefault_out_of_memory();
		return 0;
	}
	if (fault & VM_FAULT_SIGBUS)
		return bad_area(regs, SIGBUS, BUS_ADRERR, error_code, address);
	return bad_area(regs, SIGSEGV, fault & VM_FAULT_BADACCESS ? SEGV_ACCERR : SEGV_MAPERR,
			error_code, address);
}

/* The fault under mmap_lock: from the kernel, or one that could not be done without. */
static noinline unsigned int fault_under_mmap_lock(struct mm_struct *mm, struct pt_regs *regs,
						   unsigned long error_code, unsigned long address,
						   unsigned int flags)
{
	struct vm_area_struct *vma;
	unsigned int fault = VM_FAULT_SIGSEGV;

	/* Kernel code that touches user memory under mmap_lock is a bug; an exception-table miss would show it. */
	if (unlikely(!down_read_trylock(&mm->mmap_lock))) {
		if (!user_mode(regs) && !search_exception_tables(regs->ip))
			return fault;
		mmap_read_lock(mm);
	}
	vma = vma_lookup(mm, address);
	if (unlikely(!vma) && try_expand_stack(mm, address))
		vma = vma_lookup(mm, address);
	if (likely(vma))
		fault = likely(!access_error(error_code, vma))
				? handle_mm_fault(vma, address, flags)
				: VM_FAULT_SIGSEGV | VM_FAULT_BADACCESS;
	mmap_read_unlock(mm);
	return fault;
}

static __always_inline unsigned int fault_flags(unsigned long error_code)
{
	return (error_code & X86_PF_WRITE ? FAULT_FLAG_WRITE : 0) | FAULT_FLAG_ALLOW_RETRY |
	       (error_code & X86_PF_USER ? FAULT_FLAG_USER : 0);
}

/* What is left to do when the area's lock was not enough (fault: VM_FAULT_RETRY), or there is more to tell than "done". */
static noinline int fault_rest(struct pt_regs *regs, unsigned long error_code,
			       unsigned long address, unsigned int fault)
{
	struct task_struct *tsk = current;

	if (fault & VM_FAULT_RETRY) {
		if (unlikely(!tsk->mm))
			return -EFAULT;
		fault = fault_under_mmap_lock(tsk->mm, regs, error_code, address,
					      fault_flags(error_code));
	}
	if (unlikely(fault & VM_FAULT_ERROR))
		return fault_error(regs, fault, error_code, address);
	if (fault & VM_FAULT_MAJOR) {
		count_vm_event(PGMAJFAULT);
		tsk->maj_flt++;
	} else {
		tsk->min_flt++;
	}
	return 0;
}

int do_user_addr_fault(struct pt_regs *regs, unsigned long error_code, unsigned long address)
{
	struct vm_area_struct *vma = NULL;
	unsigned int fault = VM_FAULT_RETRY;

	count_vm_event(PGFAULT);
	/* The kernel's own touch may come from anywhere: it is looked at under mmap_lock. */
	if (likely(error_code & X86_PF_USER))
		vma = lock_vma_under_rcu(current->mm, address);
	if (unlikely(!vma))
		return fault_rest(regs, error_code, address, fault);
	fault = VM_FAULT_SIGSEGV | VM_FAULT_BADACCESS;
	if (likely(!access_error(error_code, vma)))
		fault = handle_mm_fault(vma, address,
					fault_flags(error_code) | FAULT_FLAG_VMA_LOCK);
	vma_end_read(vma);
	if (likely(!(fault & (VM_FAULT_ERROR | VM_FAULT_RETRY | VM_FAULT_MAJOR)))) {
		count_vm_event(VMA_LOCK_SUCCESS);
		current->min_flt++;
		return 0;
	}
	count_vm_event(fault & VM_FAULT_RETRY ? VMA_LOCK_RETRY : VMA_LOCK_SUCCESS);
	return fault_rest(regs, error_code, address, fault);
}

/* Does the entry allow the access? => mmap_lock held */
static bool entry_serves(struct mm_struct *mm, unsigned long address, bool write)
{
	pmd_t *pmd = mm_find_pmd(mm, address);
	pte_t pte = pmd ? ptep_get(pte_offset_kernel(pmd, address)) : __pte(0);

	return pte_present(pte) && (!write || pte_write(pte));
}

int fixup_user_fault(struct mm_struct *mm, unsigned long address, bool write)
{
	struct vm_area_struct *vma = vma_lookup(mm, address);
	unsigned int fault;

	if (!vma || !(vma->vm_flags & (write ? VM_WRITE : VM_ACCESS_FLAGS)))
		return -EFAULT;
	/* A fault that met another one has done nothing: a program would repeat the access. */
	do {
		fault = handle_mm_fault(vma, address, write ? FAULT_FLAG_WRITE : 0);
		if (fault & VM_FAULT_OOM)
			return -ENOMEM;
		if (fault & VM_FAULT_ERROR)
			return -EFAULT;
	} while (unlikely(!entry_serves(mm, address, write)) && !fatal_signal_pending(current));
	return 0;
}

void fault_init(void)
{
	user_fault_handler = do_user_addr_fault;
}
