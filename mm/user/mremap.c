/*
 * mremap: an area changes its size or its place. Moving moves page-table entries, never pages.
 *
 * 1. Shrinking is munmap of the tail. Growing in place needs a hole behind the area: the area is
 *    extended like mmap would extend it, and may so meet the next one and merge.
 * 2. Otherwise the new range becomes an area like the old one, or part of a neighbour that is alike; the entries are moved
 *    (cleared on the old side, set on the new, flushed), and the old range is unmapped, now empty. Where the old and the new
 *    range hold whole tables at the same places, the tables move, not their entries. An anonymous area without
 *    private pages gets the offset of its new place, so that it merges there like a new one.
 * 3. A move without a change of size may span several areas, which keep their distances (Linux 6.17). Each moves on its own: a
 *    failure leaves those before it at the new place.
 *
 * Locks: mmap_lock for writing; the file's i_mmap_rwsem and the anon_vma's lock until what moved is flushed; both tables'
 * locks, the new one first.
 * Mirrors Linux mm/mremap.c. Exercised by tests/user/{mremap,mmap_edge,anon_map,vmstress}.c.
 */
#include "arch/x86/tlb.h"
#include "kernel/current.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/file.h"
#include "mm/cache/overcommit.h"
#include "mm/debug/page_table_check.h"
#include "mm/user/anon_vma.h"
#include "mm/user/fault.h"
#include "mm/user/memory.h"
#include "mm/user/mman.h"
#include "mm/user/vma.h"
#include "mm/user/vma_lock.h"

/*
 * Who walks from a page to its entries goes from area to area, as truncate does: no page may slip from one still to be seen to
 * one already seen. Nor may they find an entry at its new place, and flush there, while a TLB still has the old one.
 */
static void take_rmap_locks(struct vm_area_struct *vma)
{
	struct address_space *mapping = vma->vm_file ? vma->vm_file->f_mapping : NULL;

	if (mapping)
		down_write(&mapping->i_mmap_rwsem);
	if (vma->anon_vma)
		anon_vma_lock_write(vma->anon_vma);
}

static void drop_rmap_locks(struct vm_area_struct *vma)
{
	struct address_space *mapping = vma->vm_file ? vma->vm_file->f_mapping : NULL;

	if (vma->anon_vma)
		anon_vma_unlock_write(vma->anon_vma);
	if (mapping)
		up_write(&mapping->i_mmap_rwsem);
}

/* Moves the entries of len bytes, which lie in the table of *old_pmd, to new; -ENOMEM. => rmap locks held */
static int move_ptes(struct mm_struct *mm, pmd_t *old_pmd, unsigned long old, unsigned long new,
		     unsigned long len)
{
	pmd_t *new_pmd = mm_alloc_pmd(mm, new);
	spinlock_t *old_ptl, *new_ptl;
	pte_t *src, *dst;

	if (!new_pmd || pte_alloc(mm, new_pmd))
		return -ENOMEM;
	/* mmap_lock is held for writing: nobody else takes two table locks of this mm. */
	new_ptl = pte_lockptr(*new_pmd);
	old_ptl = pte_lockptr(*old_pmd);
	spin_lock(new_ptl);
	if (old_ptl != new_ptl)
		spin_lock_nested(old_ptl, 1);
	dst = pte_offset_kernel(new_pmd, new);
	src = pte_offset_kernel(old_pmd, old);
	for (unsigned long i = 0; i < len >> PAGE_SHIFT; i++)
		if (!pte_none(src[i]))
			set_user_pte(&dst[i], user_ptep_get_and_clear(&src[i]));
	if (old_ptl != new_ptl)
		spin_unlock(old_ptl);
	spin_unlock(new_ptl);
	return 0;
}

/*
 * Both places are a whole table's span: the table itself moves, and its lock with it. False: there is a table at the new place,
 * or no memory for what is above. => rmap locks held, so that nobody waits for the table's lock by way of the old place
 */
static bool move_normal_pmd(struct mm_struct *mm, pmd_t *old_pmd, unsigned long new)
{
	pmd_t *new_pmd = mm_alloc_pmd(mm, new);

	if (!new_pmd || !pmd_none(*new_pmd))
		return false;
	spin_lock(&mm->page_table_lock);
	WRITE_ONCE(new_pmd->pmd, old_pmd->pmd);
	WRITE_ONCE(old_pmd->pmd, 0);
	spin_unlock(&mm->page_table_lock);
	return true;
}

/* => old and new do not overlap; vma is the area at old */
static int move_page_tables(struct vm_area_struct *vma, unsigned long old, unsigned long new,
			    unsigned long len)
{
	unsigned long at = old, end = old + len, flush = ~0UL, next, step;
	struct mm_struct *mm = vma->vm_mm;
	bool tables = false;
	pmd_t *pmd;
	int err = 0;

	take_rmap_locks(vma);
	for (; !err && (pmd = mm_next_pmd(mm, &at, end, &next)) != NULL; at += step) {
		unsigned long to = new + (at - old);

		step = min(next - at, PMD_SIZE - (to & ~PMD_MASK));
		flush = min(flush, at);
		if (step == PMD_SIZE && move_normal_pmd(mm, pmd, to))
			tables = true;
		else
			err = move_ptes(mm, pmd, at, to, step);
		if (need_resched()) {
			flush_tlb_mm_range(&mm->context, flush, at + step, PAGE_SHIFT, tables);
			flush = ~0UL;
			drop_rmap_locks(vma);
			cond_resched();
			take_rmap_locks(vma);
		}
	}
	if (flush < at)
		flush_tlb_mm_range(&mm->context, flush, min(at, end), PAGE_SHIFT, tables);
	drop_rmap_locks(vma);
	return err;
}

/* ---- one call ---- */

struct mremap_args {
	struct mm_struct *mm;
	struct vm_area_struct *vma; /* that holds addr */
	unsigned long addr, old_len, new_len, flags, new_addr;
	unsigned long charged; /* pages promised so far */
};

static bool has_new_addr(const struct mremap_args *m)
{
	return m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
}

/* Promises the pages that will be there more than before; false: not that many. */
static bool mremap_charge(struct mremap_args *m)
{
	unsigned long more = m->new_len > m->old_len ? m->new_len - m->old_len : 0;

	m->charged = 0;
	if (!(m->vma->vm_flags & VM_ACCOUNT))
		return true;
	if (m->flags & MREMAP_DONTUNMAP)
		more = m->new_len;
	if (vm_enough_memory(m->mm->total_vm, more >> PAGE_SHIFT))
		return false;
	m->charged = more >> PAGE_SHIFT;
	return true;
}

static void account_new(struct mm_struct *mm, unsigned long flags, unsigned long bytes)
{
	vm_stat_account(mm, flags, bytes >> PAGE_SHIFT);
	if (flags & VM_LOCKED)
		mm->locked_vm += bytes >> PAGE_SHIFT;
}

/* An area of its own at the new place, like the old one; NULL: no memory. */
static struct vm_area_struct *dup_at(struct mremap_args *m, pgoff_t pgoff)
{
	struct vm_area_struct *copy = vm_area_dup(m->vma);

	if (!copy)
		return NULL;
	copy->vm_start = m->new_addr;
	copy->vm_end = m->new_addr + m->new_len;
	copy->vm_pgoff = pgoff;
	/* The pages that will move over are found from the anon_vmas they have. */
	if (anon_vma_clone(copy, m->vma)) {
		vm_area_free(copy);
		return NULL;
	}
	if (copy->vm_file)
		get_file(copy->vm_file);
	if (copy->vm_ops && copy->vm_ops->open)
		copy->vm_ops->open(copy);
	if (vma_link(m->mm, copy)) {
		unlink_anon_vmas(copy);
		remove_vma(copy);
		return NULL;
	}
	return copy;
}

/* The area that holds [new_addr, new_addr + new_len), which was free. m->vma may have merged into it. NULL: no memory */
static struct vm_area_struct *copy_vma(struct mremap_args *m)
{
	struct vm_area_struct *vma = m->vma, *copy = NULL;
	struct vma_merge vmg = {
		.mm = m->mm,
		.prev = m->new_addr ? vma_lookup(m->mm, m->new_addr - 1) : NULL,
		.next = vma_lookup(m->mm, m->new_addr + m->new_len),
		.start = m->new_addr,
		.end = m->new_addr + m->new_len,
		.pgoff = vma->vm_pgoff + ((m->addr - vma->vm_start) >> PAGE_SHIFT),
		.flags = vma->vm_flags,
		.file = vma->vm_file,
		.ops = vma->vm_ops,
		.policy = vma->vm_policy,
		.anon_name = vma->anon_name,
		.anon = vma,
	};

	if (vma_is_anonymous(vma) && !vma->anon_vma)
		vmg.pgoff = m->new_addr >> PAGE_SHIFT;
	if (!vma->vm_private_data)
		copy = vma_merge_new_range(&vmg);
	if (!copy)
		return dup_at(m, vmg.pgoff);
	m->vma = vma_lookup(m->mm, m->addr);
	return copy;
}

/* The old range loses its area, which is empty now. Its promise went along, unless something was promised anew. */
static void unmap_source(struct mremap_args *m)
{
	struct vm_area_struct *vma = m->vma, *rest;
	unsigned long end = m->addr + m->old_len, start = vma->vm_start, vm_end = vma->vm_end;
	bool counts = vma->vm_flags & VM_ACCOUNT;

	if (!m->old_len)
		return;
	vm_flags_clear(vma, VM_ACCOUNT);
	/* Without memory for a cut the old area stays, empty, and counts again: the move itself is done. */
	if (do_vmi_munmap(m->mm, m->addr, end)) {
		if (counts)
			vm_acct_memory(m->old_len >> PAGE_SHIFT);
		start = m->addr - 1;
	}
	if (!counts)
		return;
	/* What is left of the area on both sides. */
	if (start < m->addr) {
		rest = vma_lookup(m->mm, start);
		if (rest)
			vm_flags_set(rest, VM_ACCOUNT);
	}
	if (vm_end > end) {
		rest = vma_lookup(m->mm, end);
		if (rest)
			vm_flags_set(rest, VM_ACCOUNT);
	}
}

/* The old range keeps its area, which is like a new one now but for its anon_vma. */
static void keep_source(struct mremap_args *m, struct vm_area_struct *copy)
{
	struct vm_area_struct *vma = m->vma;

	if (vma->vm_flags & VM_LOCKED)
		m->mm->locked_vm -= vma_pages(vma);
	vm_flags_clear(vma, VM_LOCKED_MASK);
	if (copy != vma && vma->vm_start == m->addr && vma->vm_end == m->addr + m->old_len)
		unlink_anon_vmas(vma);
}

/* => new_addr is chosen and free; old_len is at most new_len */
static unsigned long move_vma(struct mremap_args *m)
{
	unsigned long flags = m->vma->vm_flags;
	struct vm_area_struct *copy;

	/* Room for the new area and two cuts, so that nothing fails half way. */
	if (m->mm->map_count >= sysctl_max_map_count - 3 || !mremap_charge(m))
		return -ENOMEM;
	copy = copy_vma(m);
	if (!copy) {
		vm_unacct_memory(m->charged);
		return -ENOMEM;
	}
	account_new(m->mm, flags, m->new_len);
	/* The new place is marked since it is there. No fault at the old one may bring back what was moved away. */
	vma_start_write(m->vma);
	if (move_page_tables(m->vma, m->addr, m->new_addr, m->old_len)) {
		/* Bring back what moved: those tables exist, so this cannot fail. The new range counts old_len too much. */
		move_page_tables(copy, m->new_addr, m->addr, m->old_len);
		if ((flags & VM_ACCOUNT) && !(m->flags & MREMAP_DONTUNMAP))
			vm_acct_memory(min(m->old_len, m->new_len) >> PAGE_SHIFT);
		do_vmi_munmap(m->mm, m->new_addr, m->new_addr + m->new_len);
		return -ENOMEM;
	}
	if (m->flags & MREMAP_DONTUNMAP)
		keep_source(m, copy);
	else
		unmap_source(m);
	return m->new_addr;
}

/* Chooses, or checks, the new address. */
static unsigned long set_new_addr(struct mremap_args *m)
{
	unsigned long addr = get_unmapped_area(m->vma->vm_file, has_new_addr(m) ? m->new_addr : 0,
					       m->new_len, 0,
					       m->flags & MREMAP_FIXED ? MAP_FIXED : 0);

	if (!IS_ERR_VALUE(addr))
		m->new_addr = addr;
	return IS_ERR_VALUE(addr) ? addr : 0;
}

static unsigned long mremap_to(struct mremap_args *m)
{
	unsigned long err = 0;

	if (m->flags & MREMAP_FIXED) {
		err = do_munmap(m->mm, m->new_addr, m->new_len);
		if (err)
			return err;
		/* The new place may lie in the same area, which has then been cut. */
		m->vma = vma_lookup(m->mm, m->addr);
		if (!m->vma)
			return -EFAULT;
	}
	if (m->old_len > m->new_len) {
		err = do_munmap(m->mm, m->addr + m->new_len, m->old_len - m->new_len);
		if (err)
			return err;
		m->old_len = m->new_len;
		m->vma = vma_lookup(m->mm, m->addr);
	}
	if ((m->flags & MREMAP_DONTUNMAP) &&
	    !may_expand_vm(m->mm, m->vma->vm_flags, m->old_len >> PAGE_SHIFT))
		return -ENOMEM;
	err = set_new_addr(m);
	return err ? err : move_vma(m);
}

/* The area alone becomes longer: one with data of its own (a System V segment) does not merge, but grows. 0 or -ENOMEM */
static int extend_alone(struct vm_area_struct *vma, unsigned long end)
{
	int err;

	vma_start_write(vma);
	err = vma_store(vma->vm_mm, vma, vma->vm_start, end);
	if (!err)
		vma_set_range(vma, vma->vm_start, end, vma->vm_pgoff);
	return err;
}

/* The area grows at its end, and merges with what it meets there. -ENOMEM also when there is no room. */
static unsigned long grow_in_place(struct mremap_args *m)
{
	struct vm_area_struct *vma = m->vma, *next = find_vma(m->mm, vma->vm_end);
	unsigned long old_end = vma->vm_end, end = m->addr + m->new_len;
	struct vma_merge vmg = {
		.mm = m->mm,
		.prev = vma,
		.next = next && next->vm_start == end ? next : NULL,
		.start = old_end,
		.end = end,
		.pgoff = vma->vm_pgoff + vma_pages(vma),
		.flags = vma->vm_flags,
		.file = vma->vm_file,
		.ops = vma->vm_ops,
		.policy = vma->vm_policy,
		.anon_name = vma->anon_name,
		.anon = vma,
	};

	if (!mremap_charge(m))
		return -ENOMEM;
	if (!vma_merge_new_range(&vmg) && extend_alone(vma, end)) {
		vm_unacct_memory(m->charged);
		return -ENOMEM;
	}
	account_new(m->mm, vmg.flags, end - old_end);
	return m->addr;
}

static bool can_grow_in_place(const struct mremap_args *m)
{
	unsigned long end = m->addr + m->new_len;
	struct vm_area_struct *next;

	if (m->vma->vm_end != m->addr + m->old_len || end < m->addr || end > TASK_SIZE)
		return false;
	next = find_vma(m->mm, m->vma->vm_end);
	return !next || next->vm_start >= end;
}

/* Without a new address. */
static unsigned long mremap_at(struct mremap_args *m)
{
	unsigned long err;

	if (m->new_len == m->old_len)
		return m->addr;
	if (m->new_len < m->old_len) {
		err = do_munmap(m->mm, m->addr + m->new_len, m->old_len - m->new_len);
		return err ? err : m->addr;
	}
	if (can_grow_in_place(m))
		return grow_in_place(m);
	if (!(m->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	err = set_new_addr(m);
	return err ? err : move_vma(m);
}

/* Is it possible with this area? 0 or an errno. */
static int check_vma(const struct mremap_args *m)
{
	const struct vm_area_struct *vma = m->vma;
	unsigned long old_len = min(m->old_len, m->new_len), more = m->new_len - m->old_len;
	pgoff_t pgoff;

	if (!vma)
		return -EFAULT;
	if (vma->vm_flags & VM_SEALED)
		return -EPERM;
	if (m->new_len <= m->old_len && !has_new_addr(m))
		return 0;
	/* The old way to map a shared area twice. */
	if (!m->old_len && !(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;
	if ((m->flags & MREMAP_DONTUNMAP) && (vma->vm_flags & (VM_DONTEXPAND | VM_PFNMAP)))
		return -EINVAL;
	if (old_len > vma->vm_end - m->addr)
		return -EFAULT;
	if (m->new_len <= m->old_len)
		return 0;
	pgoff = vma->vm_pgoff + ((m->addr - vma->vm_start) >> PAGE_SHIFT);
	if (pgoff + (m->new_len >> PAGE_SHIFT) < pgoff)
		return -EINVAL;
	if (vma->vm_flags & (VM_DONTEXPAND | VM_PFNMAP))
		return -EFAULT;
	if (mlock_future_ok(m->mm, vma->vm_flags, more))
		return -EAGAIN;
	return may_expand_vm(m->mm, vma->vm_flags, more >> PAGE_SHIFT) ? 0 : -ENOMEM;
}

/* A move without a change of size, of all areas in the range. */
static unsigned long mremap_move(struct mremap_args *m)
{
	unsigned long start = m->addr, end = start + m->old_len, to = m->new_addr, at = start;
	unsigned long ret, first = -EFAULT;
	struct vm_area_struct *vma;

	while (at < end && (vma = find_vma(m->mm, at)) && vma->vm_start < end) {
		if (at == start && vma->vm_start > start)
			return -EFAULT;
		m->vma = vma;
		m->addr = max(vma->vm_start, start);
		m->new_addr = to + (m->addr - start);
		m->old_len = m->new_len = min(end, vma->vm_end) - m->addr;
		at = m->addr + m->old_len;
		ret = check_vma(m);
		if (!ret)
			ret = mremap_to(m);
		if (IS_ERR_VALUE(ret))
			return ret;
		if (IS_ERR_VALUE(first)) {
			first = ret;
			to = ret;
		}
	}
	return first;
}

static int check_args(const struct mremap_args *m)
{
	if ((m->flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) ||
	    (m->addr & ~PAGE_MASK) || !m->new_len || m->new_len > TASK_SIZE)
		return -EINVAL;
	if (!has_new_addr(m))
		return 0;
	if (m->new_addr > TASK_SIZE - m->new_len || (m->new_addr & ~PAGE_MASK) ||
	    !(m->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((m->flags & MREMAP_DONTUNMAP) && m->old_len != m->new_len)
		return -EINVAL;
	if (m->addr + m->old_len > m->new_addr && m->new_addr + m->new_len > m->addr)
		return -EINVAL;
	return m->mm->map_count + 2 >= sysctl_max_map_count - 3 ? -ENOMEM : 0;
}

static long sys_mremap(unsigned long addr, unsigned long old_len, unsigned long new_len,
		       unsigned long flags, unsigned long new_addr)
{
	struct mm_struct *mm = current->mm;
	struct mremap_args m = { .mm = mm,
				 .addr = addr,
				 .old_len = PAGE_ALIGN(old_len),
				 .new_len = PAGE_ALIGN(new_len),
				 .flags = flags,
				 .new_addr = new_addr };
	unsigned long grown = 0, old_pages = m.old_len;
	long ret = check_args(&m);

	if (ret)
		return ret;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	if ((flags & MREMAP_FIXED) && m.old_len == m.new_len) {
		ret = mremap_move(&m);
	} else {
		m.vma = vma_lookup(mm, addr);
		ret = check_vma(&m);
		/* What a locked area grows by is brought in. */
		if (!ret && m.new_len > m.old_len && (m.vma->vm_flags & VM_LOCKED))
			grown = m.new_len - m.old_len;
		if (!ret)
			ret = has_new_addr(&m) ? mremap_to(&m) : mremap_at(&m);
	}
	mmap_write_unlock(mm);
	if (grown && !IS_ERR_VALUE(ret))
		mm_populate(mm, ret + old_pages, grown);
	return ret;
}
SYSCALL(25, mremap);
