/*
 * mmap, munmap and brk: how a process changes the set of its areas.
 *
 * 1. mmap chooses an address (the caller's, or the highest hole below mmap_base that is large enough:
 *    one descent of the maple tree, which knows the largest gap below every node), clears what is in
 *    the way for MAP_FIXED, and then merges the area into a neighbour or links a new VMA. No page is
 *    touched: faults bring pages when they are used.
 * 2. munmap cuts the VMAs at both ends, takes the whole range out of the tree with one store, and only
 *    then lets unmap_region free the pages: nobody can fault a page back in between, because faults
 *    need mmap_lock or the area's own lock, and the areas are marked (vma_lock.h).
 * 3. brk is mmap and munmap of one anonymous area that grows upwards from mm->start_brk.
 *
 * Locks: mmap_lock for writing. Mirrors Linux mm/mmap.c and mm/vma.c.
 * Exercised by tests/user/{anon_map,mmap_edge,brk,file_map}.c.
 */
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/rlimit.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/file.h"
#include "mm/cache/overcommit.h"
#include "mm/user/fault.h"
#include "mm/user/file_ops.h"
#include "mm/user/i_mmap.h"
#include "mm/user/mman.h"
#include "mm/user/memory.h"
#include "mm/user/vma.h"
#include "mm/user/vma_lock.h"

int sysctl_mmap_min_addr = 65536;

/* Below it only the privileged map: a null pointer of the kernel's must not find a program's memory there. */
static unsigned long mmap_min_addr(void)
{
	return PAGE_ALIGN((unsigned long)READ_ONCE(sysctl_mmap_min_addr));
}

const struct mm_file_ops *mm_file_ops;

static const u64 protection_map[16] = {
	[0] = _PAGE_ACCESSED | _PAGE_PROTNONE | _PAGE_NX,
	[VM_READ] = __PAGE_USER_BASE | _PAGE_NX,
	[VM_WRITE] = __PAGE_USER_BASE | _PAGE_NX,
	[VM_WRITE | VM_READ] = __PAGE_USER_BASE | _PAGE_NX,
	[VM_EXEC] = __PAGE_USER_BASE,
	[VM_EXEC | VM_READ] = __PAGE_USER_BASE,
	[VM_EXEC | VM_WRITE] = __PAGE_USER_BASE,
	[VM_EXEC | VM_WRITE | VM_READ] = __PAGE_USER_BASE,
	[VM_SHARED] = _PAGE_ACCESSED | _PAGE_PROTNONE | _PAGE_NX,
	[VM_SHARED | VM_READ] = __PAGE_USER_BASE | _PAGE_NX,
	[VM_SHARED | VM_WRITE] = __PAGE_USER_BASE | _PAGE_RW | _PAGE_NX,
	[VM_SHARED | VM_WRITE | VM_READ] = __PAGE_USER_BASE | _PAGE_RW | _PAGE_NX,
	[VM_SHARED | VM_EXEC] = __PAGE_USER_BASE,
	[VM_SHARED | VM_EXEC | VM_READ] = __PAGE_USER_BASE,
	[VM_SHARED | VM_EXEC | VM_WRITE] = __PAGE_USER_BASE | _PAGE_RW,
	[VM_SHARED | VM_EXEC | VM_WRITE | VM_READ] = __PAGE_USER_BASE | _PAGE_RW,
};

/* A private writable area starts read-only in the tables: the first write makes the copy. */
pgprot_t vm_get_page_prot(unsigned long vm_flags)
{
	return __pgprot(protection_map[vm_flags & (VM_ACCESS_FLAGS | VM_SHARED)]);
}

static unsigned long calc_vm_flags(unsigned long prot, unsigned long flags)
{
	unsigned long vm_flags = prot & (PROT_READ | PROT_WRITE | PROT_EXEC);

	if (flags & MAP_GROWSDOWN)
		vm_flags |= VM_GROWSDOWN;
	if (flags & MAP_LOCKED)
		vm_flags |= VM_LOCKED;
	/* Who may promise nothing that it cannot keep must count everything. */
	if ((flags & MAP_NORESERVE) && sysctl_overcommit_memory != OVERCOMMIT_NEVER)
		vm_flags |= VM_NORESERVE;
	return vm_flags;
}

/*
 * The highest hole of len bytes in [min, max]. A stack above it keeps its guard gap: then the search goes on below the gap.
 */
static unsigned long unmapped_area_topdown(struct mm_struct *mm, unsigned long min,
					   unsigned long max, unsigned long len)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *next;

	while (min < max && !mas_empty_area_rev(&mas, min, max, len)) {
		unsigned long end = mas.last + 1;

		next = find_vma(mm, end);
		if (!next || end <= vm_start_gap(next))
			return end - len;
		max = vm_start_gap(next) - 1;
		mas_init(&mas, &mm->mm_mt, 0);
	}
	return -ENOMEM;
}

/* The lowest one. */
static unsigned long unmapped_area(struct mm_struct *mm, unsigned long min, unsigned long max,
				   unsigned long len)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *next;

	while (min < max && !mas_empty_area(&mas, min, max, len)) {
		unsigned long start = mas.index;

		next = find_vma(mm, start + len);
		if (!next || start + len <= vm_start_gap(next))
			return start;
		min = next->vm_end;
		mas_init(&mas, &mm->mm_mt, 0);
	}
	return -ENOMEM;
}

unsigned long get_unmapped_area(struct file *file, unsigned long addr, unsigned long len,
				unsigned long pgoff, unsigned long flags)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;

	if (len > TASK_SIZE)
		return -ENOMEM;
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (addr & ~PAGE_MASK)
			return -EINVAL;
		if (addr > TASK_SIZE - len)
			return -ENOMEM;
		return addr < mmap_min_addr() && !mm_file_ops->capable_rawio() ? -EPERM : addr;
	}
	addr &= PAGE_MASK;
	if (addr) {
		addr = max(addr, mmap_min_addr());
		vma = find_vma(mm, addr);
		if (addr <= TASK_SIZE - len && (!vma || addr + len <= vm_start_gap(vma)))
			return addr;
	}
	if (flags & MAP_32BIT)
		return unmapped_area(mm, 0x40000000, 0x7fffffff, len);
	if (mm->mmap_legacy)
		return unmapped_area(mm, mm->mmap_base, TASK_SIZE - 1, len);
	addr = unmapped_area_topdown(mm, mmap_min_addr(), mm->mmap_base - 1, len);
	return IS_ERR_VALUE(addr) ? unmapped_area(mm, mm->mmap_base, TASK_SIZE - 1, len) : addr;
}

/* File mappings: what the open mode and the file system allow. */
static int mmap_file_flags(struct file *file, unsigned long prot, unsigned long flags,
			   unsigned long *vm_flags)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED_VALIDATE:
		if (flags & ~LEGACY_MAP_MASK)
			return -EOPNOTSUPP;
		fallthrough;
	case MAP_SHARED:
		if ((prot & PROT_WRITE) && !(file->f_mode & FMODE_WRITE))
			return -EACCES;
		*vm_flags |= VM_SHARED | VM_MAYSHARE;
		if (!(file->f_mode & FMODE_WRITE))
			*vm_flags &= ~(VM_MAYWRITE | VM_SHARED);
		fallthrough;
	case MAP_PRIVATE:
		if (!(file->f_mode & FMODE_READ))
			return -EACCES;
		if (unlikely(mm_file_ops->noexec(file))) {
			if (*vm_flags & VM_EXEC)
				return -EPERM;
			*vm_flags &= ~VM_MAYEXEC;
		}
		if (!file->f_op->mmap)
			return -ENODEV;
		if (*vm_flags & VM_GROWSDOWN)
			return -EINVAL;
		return 0;
	}
	return -EINVAL;
}

/* *vm_flags: what the area shall have, and then what its file made of it. */
static int mmap_new_vma(struct mm_struct *mm, struct file *file, unsigned long addr,
			unsigned long len, unsigned long *vm_flags, unsigned long pgoff)
{
	struct vm_area_struct *vma = vm_area_alloc(mm);
	int err;

	if (!vma)
		return -ENOMEM;
	vma->vm_start = addr;
	vma->vm_end = addr + len;
	vma->vm_flags = *vm_flags;
	vma->vm_page_prot = vm_get_page_prot(*vm_flags);
	vma->vm_pgoff = pgoff;
	if (file) {
		vma->vm_file = get_file(file);
		err = file->f_op->mmap(file, vma);
		if (err)
			goto out_put;
		/* A device's memory is not ours to keep: it is not locked, and does not count. */
		if (vma->vm_flags & VM_SPECIAL)
			vma->vm_flags &= ~VM_LOCKED_MASK;
		/* Counted before it can be seen: a seal against writing that comes now finds it, or is found. */
		if (vma_shared_maywrite(vma) && mapping_map_writable(file->f_mapping)) {
			err = -EPERM;
			goto out_put;
		}
	}
	err = vma_link(mm, vma);
	if (file && vma_shared_maywrite(vma))
		mapping_unmap_writable(file->f_mapping);
	if (err)
		goto out_put;
	*vm_flags = vma->vm_flags;
	return 0;
out_put:
	/* The file may have put pages in already (remap_pfn_range). */
	unmap_region(mm, vma, addr, addr + len);
	remove_vma(vma);
	return err;
}

/*
 * => the range is free and its pages, if they count, are promised; mmap_lock held for writing
 */
static unsigned long mmap_region(struct file *file, unsigned long addr, unsigned long len,
				 unsigned long vm_flags, unsigned long pgoff,
				 struct vm_area_struct *next)
{
	struct mm_struct *mm = current->mm;
	struct vma_merge vmg = {
		.mm = mm,
		.prev = addr ? vma_lookup(mm, addr - 1) : NULL,
		.next = next && next->vm_start == addr + len ? next : NULL,
		.start = addr,
		.end = addr + len,
		.pgoff = pgoff,
		.flags = vm_flags,
		.file = file,
	};
	bool mergeable = !file || mm_file_ops->mmap_vm_ops(file, &vmg.ops);
	int err;

	if (!mergeable || !vma_merge_new_range(&vmg)) {
		err = mmap_new_vma(mm, file, addr, len, &vm_flags, pgoff);
		if (err)
			return err;
	}
	vm_stat_account(mm, vm_flags, len >> PAGE_SHIFT);
	if (vm_flags & VM_LOCKED)
		mm->locked_vm += len >> PAGE_SHIFT;
	return addr;
}

/* What a fixed mapping replaces. */
struct overlap {
	unsigned long pages, accounted;
	struct vm_area_struct *after; /* the first area behind, or NULL */
	bool sealed;
};

static struct overlap find_overlap(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = find_vma(mm, start);
	struct overlap o = {};

	for (; vma && vma->vm_start < end; vma = vma_next(mm, vma)) {
		unsigned long n = (min(vma->vm_end, end) - max(vma->vm_start, start)) >> PAGE_SHIFT;

		o.pages += n;
		if (vma->vm_flags & VM_ACCOUNT)
			o.accounted += n;
		o.sealed |= (vma->vm_flags & VM_SEALED) != 0;
		cond_resched();
	}
	o.after = vma;
	return o;
}

/*
 * [addr, addr + len) is made free and a new area put there. What is replaced is given back first, also in the account of
 * what was promised; a mapping that fails before leaves the old one.
 */
static unsigned long mmap_replace(struct mm_struct *mm, struct file *file, unsigned long addr,
				  unsigned long len, unsigned long vm_flags, unsigned long pgoff)
{
	struct overlap old = find_overlap(mm, addr, addr + len);
	unsigned long pages = len >> PAGE_SHIFT, ret;
	bool counts = (vm_flags & (VM_NORESERVE | VM_SHARED | VM_WRITE)) == VM_WRITE;

	/* -EPERM, with the same cuts as munmap's. */
	if (unlikely(old.sealed))
		return do_vmi_munmap(mm, addr, addr + len);
	if (!may_expand_vm(mm, vm_flags, pages - old.pages))
		return -ENOMEM;
	if (counts) {
		if (vm_enough_memory(mm->total_vm, pages - old.accounted))
			return -ENOMEM;
		vm_acct_memory(old.accounted);
		vm_flags |= VM_ACCOUNT;
	}
	ret = 0;
	if (old.pages) {
		ret = do_vmi_munmap(mm, addr, addr + len);
		/* The area that was cut at the end goes on there. */
		old.after = find_vma(mm, addr + len);
	}
	if (!ret)
		ret = mmap_region(file, addr, len, vm_flags, pgoff, old.after);
	if (IS_ERR_VALUE(ret) && counts)
		vm_unacct_memory(pages);
	return ret;
}

/*
 * What kind of area this is: its flags, and for shared anonymous memory the file that it is made of (a reference of the
 * caller's). *pgoff is set for areas without a file of the program's.
 */
static int mmap_kind(struct file **filep, unsigned long addr, unsigned long len, unsigned long prot,
		     unsigned long flags, unsigned long *vm_flags, unsigned long *pgoff)
{
	unsigned long type = flags & MAP_TYPE;
	struct file *file;

	if (*filep)
		return mmap_file_flags(*filep, prot, flags, vm_flags);
	if (type == MAP_PRIVATE) {
		*pgoff = addr >> PAGE_SHIFT;
		return 0;
	}
	if (type != MAP_SHARED || (*vm_flags & VM_GROWSDOWN))
		return -EINVAL;
	*vm_flags |= VM_SHARED | VM_MAYSHARE;
	*pgoff = 0;
	file = mm_file_ops->shmem_zero_file(len, !(*vm_flags & VM_NORESERVE));
	if (IS_ERR(file))
		return PTR_ERR(file);
	*filep = file;
	return 0;
}

unsigned long do_mmap(struct file *file, unsigned long addr, unsigned long len, unsigned long prot,
		      unsigned long flags, unsigned long vm_flags, unsigned long pgoff)
{
	struct file *of_program = file;
	struct mm_struct *mm = current->mm;
	unsigned long ret;
	int err;

	if (!len)
		return -EINVAL;
	len = PAGE_ALIGN(len);
	if (!len || len > TASK_SIZE)
		return -ENOMEM;
	if (pgoff + (len >> PAGE_SHIFT) < pgoff ||
	    (file && pgoff > (unsigned long)(LLONG_MAX - len) >> PAGE_SHIFT))
		return -EOVERFLOW;
	if (mm->map_count > sysctl_max_map_count)
		return -ENOMEM;
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
		addr &= PAGE_MASK;
	addr = get_unmapped_area(file, addr, len, pgoff, flags);
	if (IS_ERR_VALUE(addr))
		return addr;
	if (flags & MAP_FIXED_NOREPLACE) {
		struct vm_area_struct *there = find_vma(mm, addr);

		if (there && there->vm_start < addr + len)
			return -EEXIST;
	}
	if ((flags & MAP_LOCKED) && !can_do_mlock())
		return -EPERM;
	vm_flags |= calc_vm_flags(prot, flags) | mm->def_flags | VM_MAYREAD | VM_MAYWRITE |
		    VM_MAYEXEC;
	err = mlock_future_ok(mm, vm_flags, len);
	if (!err)
		err = mmap_kind(&file, addr, len, prot, flags, &vm_flags, &pgoff);
	if (err)
		return err;
	ret = mmap_replace(mm, file, addr, len, vm_flags, pgoff);
	if (file != of_program)
		fput(file);
	return ret;
}

unsigned long vm_mmap(struct file *file, unsigned long addr, unsigned long len, unsigned long prot,
		      unsigned long flags, unsigned long offset)
{
	struct mm_struct *mm = current->mm;
	bool populate;
	unsigned long ret;

	if (offset & ~PAGE_MASK)
		return -EINVAL;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	ret = do_mmap(file, addr, len, prot, flags, 0, offset >> PAGE_SHIFT);
	populate = (flags & MAP_LOCKED) || (mm->def_flags & VM_LOCKED) ||
		   (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE;
	mmap_write_unlock(mm);
	if (!IS_ERR_VALUE(ret) && populate)
		mm_populate(mm, ret, PAGE_ALIGN(len));
	return ret;
}

static long sys_mmap(unsigned long addr, unsigned long len, unsigned long prot, unsigned long flags,
		     int fd, unsigned long off)
{
	struct file *file = NULL;
	unsigned long ret;

	if (off & ~PAGE_MASK)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		file = mm_file_ops->fget(fd);
		if (!file)
			return -EBADF;
	}
	/* There is no pool of huge pages, and no file that is made of them. */
	if (flags & MAP_HUGETLB)
		ret = file ? -EINVAL : -ENOMEM;
	else
		ret = vm_mmap(file, addr, len, prot, flags, off);
	if (file)
		fput(file);
	return ret;
}
SYSCALL(9, mmap);

/*
 * Makes start a border: *vma, which holds it, becomes the area from there on. The number of areas may go over its limit by the
 * cut that makes room, but an area is not cut in three then. -EPERM: it is sealed.
 */
static int split_first(struct mm_struct *mm, struct vm_area_struct **vma, unsigned long start,
		       unsigned long end)
{
	if ((*vma)->vm_end > end && mm->map_count >= sysctl_max_map_count)
		return -ENOMEM;
	if ((*vma)->vm_flags & VM_SEALED)
		return -EPERM;
	return __split_vma(mm, *vma, start, vma);
}

/* Chains the areas of [.., end) from vma on through detached_next; the last one is cut there. 0, -ENOMEM, -EPERM (sealed) */
static int gather_areas(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long end)
{
	for (;;) {
		struct vm_area_struct *next = NULL;
		int err;

		if (unlikely(vma->vm_flags & VM_SEALED))
			return -EPERM;
		vma_start_write(vma);
		if (vma->vm_end > end) {
			err = __split_vma(mm, vma, end, NULL);
			if (err)
				return err;
		} else if (vma->vm_end < end) {
			next = vma_next(mm, vma);
			if (next && next->vm_start >= end)
				next = NULL;
		}
		vma->detached_next = next;
		if (!next)
			return 0;
		vma = next;
		cond_resched();
	}
}

/*
 * The areas leave the tree with one store, chained through detached_next; after that nothing can fail.
 */
int do_vmi_munmap(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	struct vm_area_struct *first = find_vma(mm, start), *vma;
	int err = 0;

	if (!first || first->vm_start >= end)
		return 0;
	if (first->vm_start < start)
		err = split_first(mm, &first, start, end);
	if (!err)
		err = gather_areas(mm, first, end);
	if (!err)
		err = vma_store(mm, NULL, start, end);
	if (err)
		return err;
	for (vma = first; vma; vma = vma->detached_next) {
		unsigned long pages = vma_pages(vma);

		vma_mark_detached(vma);
		unlink_file_vma(vma);
		mm->map_count--;
		vm_stat_account(mm, vma->vm_flags, -(long)pages);
		if (vma->vm_flags & VM_LOCKED)
			mm->locked_vm -= pages;
		if (vma->vm_flags & VM_ACCOUNT)
			vm_unacct_memory(pages);
		cond_resched();
	}
	unmap_region(mm, first, start, end);
	while (first) {
		vma = first;
		first = vma->detached_next;
		remove_vma(vma);
		cond_resched();
	}
	return 0;
}

int do_munmap(struct mm_struct *mm, unsigned long start, size_t len)
{
	if ((start & ~PAGE_MASK) || start > TASK_SIZE || len > TASK_SIZE - start)
		return -EINVAL;
	len = PAGE_ALIGN(len);
	if (!len)
		return -EINVAL;
	return do_vmi_munmap(mm, start, start + len);
}

int vm_munmap(unsigned long start, size_t len)
{
	struct mm_struct *mm = current->mm;
	int ret;

	if (mmap_write_lock_killable(mm))
		return -EINTR;
	ret = do_munmap(mm, start, len);
	mmap_write_unlock(mm);
	return ret;
}

static long sys_munmap(unsigned long addr, size_t len)
{
	return vm_munmap(addr, len);
}
SYSCALL(11, munmap);

/* Anonymous memory at [addr, addr + len), which is free. => mmap_lock for writing */
static int do_brk_flags(struct mm_struct *mm, unsigned long addr, unsigned long len,
			unsigned long flags)
{
	unsigned long pages = len >> PAGE_SHIFT;
	struct vma_merge vmg = {
		.mm = mm,
		.prev = vma_lookup(mm, addr - 1),
		.start = addr,
		.end = addr + len,
		.pgoff = addr >> PAGE_SHIFT,
		.flags = flags | VM_DATA_DEFAULT_FLAGS | VM_ACCOUNT | mm->def_flags,
		.just_expand = true,
	};
	int err;

	if (!may_expand_vm(mm, vmg.flags, pages) || mm->map_count > sysctl_max_map_count ||
	    vm_enough_memory(mm->total_vm, pages))
		return -ENOMEM;
	if (!vma_merge_new_range(&vmg)) {
		err = mmap_new_vma(mm, NULL, addr, len, &vmg.flags, vmg.pgoff);
		if (err) {
			vm_unacct_memory(pages);
			return err;
		}
	}
	vm_stat_account(mm, vmg.flags, pages);
	if (vmg.flags & VM_LOCKED)
		mm->locked_vm += pages;
	return 0;
}

int vm_brk_flags(unsigned long addr, unsigned long request, unsigned long flags)
{
	struct mm_struct *mm = current->mm;
	unsigned long len = PAGE_ALIGN(request);
	int ret;

	if (len < request || addr + len > TASK_SIZE || addr + len < addr)
		return -ENOMEM;
	if (!len)
		return 0;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	ret = do_vmi_munmap(mm, addr, addr + len);
	if (!ret)
		ret = do_brk_flags(mm, addr, len, flags & VM_EXEC);
	mmap_write_unlock(mm);
	return ret;
}

/* May the break move up from oldbrk to newbrk? A stack keeps its distance, and a page more. */
static bool may_grow_brk(struct mm_struct *mm, unsigned long oldbrk, unsigned long newbrk)
{
	struct vm_area_struct *next = find_vma(mm, oldbrk);

	return newbrk <= TASK_SIZE && !mlock_future_ok(mm, mm->def_flags, newbrk - oldbrk) &&
	       (!next || newbrk + PAGE_SIZE <= vm_start_gap(next));
}

/* The break moves to brk; false when it cannot. => mmap_lock for writing */
static bool move_brk(struct mm_struct *mm, unsigned long brk)
{
	unsigned long newbrk = PAGE_ALIGN(brk), oldbrk = PAGE_ALIGN(mm->brk);
	struct vm_area_struct *vma;

	if (brk < mm->start_brk || brk > TASK_SIZE ||
	    brk - mm->start_brk + (mm->end_data - mm->start_data) > rlimit(RLIMIT_DATA))
		return false;
	if (newbrk < oldbrk) {
		/* What the program unmapped itself is not there to be given back. */
		vma = find_vma(mm, newbrk);
		if (!vma || vma->vm_start >= oldbrk || do_vmi_munmap(mm, newbrk, oldbrk))
			return false;
	} else if (newbrk > oldbrk) {
		if (!may_grow_brk(mm, oldbrk, newbrk) ||
		    do_brk_flags(mm, oldbrk, newbrk - oldbrk, 0))
			return false;
	}
	mm->brk = brk;
	return true;
}

/* brk(2): answers the new break, or the old one when it cannot move. */
static long sys_brk(unsigned long brk)
{
	struct mm_struct *mm = current->mm;
	unsigned long populate = 0, old, ret;

	if (mmap_write_lock_killable(mm))
		return -EINTR;
	old = PAGE_ALIGN(mm->brk);
	if (move_brk(mm, brk) && (mm->def_flags & VM_LOCKED) && PAGE_ALIGN(brk) > old)
		populate = PAGE_ALIGN(brk) - old;
	ret = mm->brk;
	mmap_write_unlock(mm);
	if (populate)
		mm_populate(mm, old, populate);
	return ret;
}
SYSCALL(12, brk);

int setup_new_stack(struct mm_struct *mm, unsigned long top, unsigned long vm_flags)
{
	struct vm_area_struct *vma = vm_area_alloc(mm);
	int err;

	if (!vma)
		return -ENOMEM;
	vma->vm_start = top - PAGE_SIZE;
	vma->vm_end = top;
	vma->vm_flags = VM_STACK_FLAGS | (vm_flags & VM_EXEC);
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	vma->vm_pgoff = vma->vm_start >> PAGE_SHIFT;
	mmap_write_lock(mm);
	err = vm_enough_memory(0, 1);
	if (!err) {
		err = vma_link(mm, vma);
		if (err)
			vm_unacct_memory(1);
		else
			vm_stat_account(mm, vma->vm_flags, 1);
	}
	mmap_write_unlock(mm);
	if (err)
		vm_area_free(vma);
	return err;
}

const char *arch_vma_name(struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;

	if (!mm || vma->vm_file)
		return NULL;
	if (vma->vm_start <= mm->brk && vma->vm_end >= mm->start_brk && mm->brk > mm->start_brk)
		return "[heap]";
	if (vma->vm_start <= mm->start_stack && vma->vm_end >= mm->start_stack)
		return "[stack]";
	return NULL;
}
