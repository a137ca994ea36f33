/*
 * mmap, munmap and brk: how a process changes the set of its areas.
 *
 * 1. mmap chooses an address (the caller's, or the highest hole below mmap_base that is large enough:
 *    one descent of the maple tree, which knows the largest gap below every node), clears what is in
 *    the way for MAP_FIXED, and then merges the area into a neighbour or links a new VMA. No page is
 *    touched: faults bring pages when they are used.
 * 2. munmap cuts the VMAs at both ends, takes the whole range out of the tree with one store, and only
 *    then lets unmap_region free the pages: nobody can fault a page back in between, because faults
 *    need mmap_lock.
 * 3. brk is mmap and munmap of one anonymous area that grows upwards from mm->start_brk.
 *
 * Locks: mmap_lock for writing. Mirrors Linux mm/mmap.c and mm/vma.c.
 * Exercised by tests/user/{anon_map,mmap_edge,brk,file_map}.c.
 */
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/rlimit.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/file.h"
#include "mm/user/fault.h"
#include "mm/user/file_ops.h"
#include "mm/user/i_mmap.h"
#include "mm/user/mman.h"
#include "mm/user/memory.h"
#include "mm/user/vma.h"

#define MMAP_MIN_ADDR 65536UL

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
	if (flags & MAP_NORESERVE)
		vm_flags |= VM_NORESERVE;
	return vm_flags;
}

unsigned long get_unmapped_area(struct file *file, unsigned long addr, unsigned long len,
				unsigned long pgoff, unsigned long flags)
{
	struct mm_struct *mm = current->mm;
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;

	if (len > TASK_SIZE)
		return -ENOMEM;
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (addr & ~PAGE_MASK)
			return -EINVAL;
		if (addr > TASK_SIZE - len)
			return -ENOMEM;
		return addr < MMAP_MIN_ADDR && !mm_file_ops->capable_rawio() ? -EPERM : addr;
	}
	if (addr) {
		addr = PAGE_ALIGN(addr);
		vma = find_vma(mm, addr);
		if (addr >= MMAP_MIN_ADDR && addr <= TASK_SIZE - len &&
		    (!vma || addr + len <= vm_start_gap(vma)))
			return addr;
	}
	if (flags & MAP_32BIT) {
		if (!mas_empty_area(&mas, 0x40000000, 0x7fffffff, len))
			return mas.index;
		return -ENOMEM;
	}
	if (!mas_empty_area_rev(&mas, MMAP_MIN_ADDR, mm->mmap_base - 1, len))
		return mas.last + 1 - len;
	mas_init(&mas, &mm->mm_mt, 0);
	if (!mas_empty_area(&mas, mm->mmap_base, TASK_SIZE - 1, len))
		return mas.index;
	return -ENOMEM;
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
		if (!file->f_op->mmap)
			return -ENODEV;
		if (*vm_flags & VM_GROWSDOWN)
			return -EINVAL;
		return 0;
	}
	return -EINVAL;
}

static int mmap_new_vma(struct mm_struct *mm, struct file *file, unsigned long addr,
			unsigned long len, unsigned long vm_flags, unsigned long pgoff)
{
	struct vm_area_struct *vma = vm_area_alloc(mm);
	int err;

	if (!vma)
		return -ENOMEM;
	vma->vm_start = addr;
	vma->vm_end = addr + len;
	vma->vm_flags = vm_flags;
	vma->vm_page_prot = vm_get_page_prot(vm_flags);
	vma->vm_pgoff = pgoff;
	if (file) {
		vma->vm_file = get_file(file);
		err = file->f_op->mmap(file, vma);
		if (err)
			goto out_put;
	}
	err = vma_link(mm, vma);
	if (err)
		goto out_put;
	return 0;
out_put:
	/* The file may have put pages in already (remap_pfn_range). */
	unmap_region(mm, vma, addr, addr + len);
	remove_vma(vma);
	return err;
}

/*
 * => the range is free; mmap_lock held for writing
 */
static unsigned long mmap_region(struct file *file, unsigned long addr, unsigned long len,
				 unsigned long vm_flags, unsigned long pgoff)
{
	struct mm_struct *mm = current->mm;
	const struct vm_operations_struct *ops = NULL;
	bool mergeable = !file || mm_file_ops->mmap_vm_ops(file, &ops);
	int err;

	if (!mergeable || !vma_merge_new(mm, addr, addr + len, vm_flags, file, pgoff, ops)) {
		err = mmap_new_vma(mm, file, addr, len, vm_flags, pgoff);
		if (err)
			return err;
	}
	vm_stat_account(mm, vm_flags, len >> PAGE_SHIFT);
	if (vm_flags & VM_LOCKED)
		mm->locked_vm += len >> PAGE_SHIFT;
	return addr;
}

/* Pages of [start, end) that areas cover. */
static unsigned long mapped_pages(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = find_vma(mm, start);
	unsigned long bytes = 0;

	for (; vma && vma->vm_start < end; vma = vma_next(mm, vma))
		bytes += min(vma->vm_end, end) - max(vma->vm_start, start);
	return bytes >> PAGE_SHIFT;
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
	file = mm_file_ops->shmem_zero_file(len);
	if (IS_ERR(file))
		return PTR_ERR(file);
	*filep = file;
	return 0;
}

/* -EAGAIN: the limit of locked memory does not allow len more. */
static int mlock_future_ok(const struct mm_struct *mm, unsigned long vm_flags, unsigned long len)
{
	if (!(vm_flags & VM_LOCKED) || mm_file_ops->capable_ipc_lock() ||
	    mm->locked_vm + (len >> PAGE_SHIFT) <= rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT)
		return 0;
	return -EAGAIN;
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
	if (mm->map_count >= DEFAULT_MAX_MAP_COUNT)
		return -ENOMEM;
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
		addr &= PAGE_MASK;
	addr = get_unmapped_area(file, addr, len, pgoff, flags);
	if (IS_ERR_VALUE(addr))
		return addr;
	if ((flags & MAP_FIXED_NOREPLACE) && mapped_pages(mm, addr, addr + len))
		return -EEXIST;
	vm_flags |= calc_vm_flags(prot, flags) | mm->def_flags | VM_MAYREAD | VM_MAYWRITE |
		    VM_MAYEXEC;
	err = mlock_future_ok(mm, vm_flags, len);
	if (!err)
		err = mmap_kind(&file, addr, len, prot, flags, &vm_flags, &pgoff);
	if (err)
		return err;
	/* What a fixed mapping replaces is given back first. */
	if (!may_expand_vm(mm, vm_flags, (len >> PAGE_SHIFT) - mapped_pages(mm, addr, addr + len)))
		ret = -ENOMEM;
	else
		ret = do_vmi_munmap(mm, addr, addr + len);
	if (!ret)
		ret = mmap_region(file, addr, len, vm_flags, pgoff);
	if (file != of_program)
		fput(file);
	return ret;
}

unsigned long vm_mmap(struct file *file, unsigned long addr, unsigned long len, unsigned long prot,
		      unsigned long flags, unsigned long offset)
{
	struct mm_struct *mm = current->mm;
	unsigned long ret;

	if (offset & ~PAGE_MASK)
		return -EINVAL;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	ret = do_mmap(file, addr, len, prot, flags, 0, offset >> PAGE_SHIFT);
	mmap_write_unlock(mm);
	if (!IS_ERR_VALUE(ret) && len &&
	    ((flags & MAP_LOCKED) || (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE))
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

/* Cuts VMAs so that start and end are borders; start..end may hold several VMAs and holes. */
static int split_borders(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = vma_lookup(mm, start);
	int err;

	if (vma && vma->vm_start < start) {
		err = split_vma(mm, vma, start, NULL);
		if (err)
			return err;
	}
	vma = vma_lookup(mm, end - 1);
	if (vma && vma->vm_end > end)
		return split_vma(mm, vma, end, NULL);
	return 0;
}

/*
 * The areas leave the tree with one store, chained through detached_next; after that nothing can fail.
 */
int do_vmi_munmap(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = find_vma(mm, start), *first = NULL, **link = &first;
	int err;

	if (!vma || vma->vm_start >= end)
		return 0;
	err = split_borders(mm, start, end);
	if (err)
		return err;
	for (vma = find_vma(mm, start); vma && vma->vm_start < end; vma = vma_next(mm, vma)) {
		*link = vma;
		link = &vma->detached_next;
	}
	*link = NULL;
	if (!first)
		return 0;
	err = mtree_store_range(&mm->mm_mt, start, end - 1, NULL, GFP_KERNEL);
	if (err)
		return err;
	for (vma = first; vma; vma = vma->detached_next) {
		unlink_file_vma(vma);
		mm->map_count--;
		vm_stat_account(mm, vma->vm_flags, -(long)vma_pages(vma));
		if (vma->vm_flags & VM_LOCKED)
			mm->locked_vm -= vma_pages(vma);
	}
	unmap_region(mm, first, start, end);
	while (first) {
		vma = first;
		first = vma->detached_next;
		remove_vma(vma);
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
	struct vm_area_struct *vma;
	unsigned long ret;

	flags |= VM_DATA_DEFAULT_FLAGS | mm->def_flags;
	if (!may_expand_vm(mm, flags, len >> PAGE_SHIFT) || mm->map_count >= DEFAULT_MAX_MAP_COUNT)
		return -ENOMEM;
	vma = vma_merge_new(mm, addr, addr + len, flags, NULL, addr >> PAGE_SHIFT, NULL);
	if (vma) {
		vm_stat_account(mm, flags, len >> PAGE_SHIFT);
		return 0;
	}
	ret = mmap_region(NULL, addr, len, flags, addr >> PAGE_SHIFT);
	return IS_ERR_VALUE(ret) ? (int)ret : 0;
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

/* brk(2): answers the new break, or the old one when it cannot move. */
static long sys_brk(unsigned long brk)
{
	struct mm_struct *mm = current->mm;
	unsigned long oldbrk, newbrk, ret;
	struct vm_area_struct *next;

	if (mmap_write_lock_killable(mm))
		return -EINTR;
	ret = mm->brk;
	if (brk < mm->start_brk || brk > TASK_SIZE)
		goto out;
	if (brk - mm->start_brk + (mm->end_data - mm->start_data) > rlimit(RLIMIT_DATA))
		goto out;
	newbrk = PAGE_ALIGN(brk);
	oldbrk = PAGE_ALIGN(mm->brk);
	if (newbrk < oldbrk) {
		if (do_vmi_munmap(mm, newbrk, oldbrk))
			goto out;
	} else if (newbrk > oldbrk) {
		next = find_vma(mm, oldbrk);
		if (next && newbrk > vm_start_gap(next))
			goto out;
		if (do_brk_flags(mm, oldbrk, newbrk - oldbrk, 0))
			goto out;
	}
	mm->brk = brk;
	ret = brk;
out:
	mmap_write_unlock(mm);
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
	vma->vm_flags = VM_STACK_FLAGS & ~VM_ACCOUNT;
	vma->vm_flags |= vm_flags & VM_EXEC;
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	vma->vm_pgoff = vma->vm_start >> PAGE_SHIFT;
	mmap_write_lock(mm);
	err = vma_link(mm, vma);
	if (!err)
		vm_stat_account(mm, vma->vm_flags, 1);
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
