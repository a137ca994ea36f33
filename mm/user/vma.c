/*
 * VMAs: the set of ranges that make up an address space.
 *
 * 1. The set lives in mm->mm_mt, a maple tree keyed by [vm_start, vm_end - 1]: disjoint by
 *    construction, because storing a range replaces whatever was there.
 * 2. Two neighbours are one VMA when nothing tells them apart: same flags, same file and contiguous
 *    offset, same operations and memory policy, no private data. Merging keeps the tree small, so every change ends with
 *    an attempt to merge; splitting is its inverse. Areas with private pages of different anon_vmas stay apart.
 * 3. The one operation that can fail is the store into the tree (it may need a node). Each function
 *    here stores first and changes the rest after, so an error leaves the set as it was.
 *
 * Locks: mmap_lock for writing around all of it; the file's i_mmap_rwsem inside it.
 * Mirrors Linux mm/vma.c. Exercised by tests/user/{anon_map,mmap_edge,mprotect,vmstress}.c.
 */
#include "mm/user/vma.h"

#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/rlimit.h"
#include "kernel/task.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/cache/file.h"
#include "mm/cache/mempolicy.h"
#include "mm/cache/overcommit.h"
#include "mm/slab/slab.h"
#include "mm/user/anon_name.h"
#include "mm/user/anon_vma.h"
#include "mm/user/i_mmap.h"
#include "mm/user/vma_lock.h"

int sysctl_max_map_count = DEFAULT_MAX_MAP_COUNT;

static struct kmem_cache *vm_area_cachep;

void vma_cache_init(void)
{
	vm_area_cachep = kmem_cache_create("vm_area_struct", sizeof(struct vm_area_struct), 0,
					   SLAB_TYPESAFE_BY_RCU | SLAB_PANIC | SLAB_ACCOUNT, NULL);
}

struct vm_area_struct *vm_area_alloc(struct mm_struct *mm)
{
	struct vm_area_struct *vma = kmem_cache_zalloc(vm_area_cachep, GFP_KERNEL);

	if (vma) {
		vma->vm_mm = mm;
		INIT_LIST_HEAD(&vma->anon_vma_chain);
	}
	return vma;
}

struct vm_area_struct *vm_area_dup(const struct vm_area_struct *orig)
{
	struct vm_area_struct *vma = kmem_cache_alloc(vm_area_cachep, GFP_KERNEL);

	if (!vma)
		return NULL;
	memcpy(vma, orig, offsetof(struct vm_area_struct, vm_refcnt));
	vma->vm_refcnt = 0;
	INIT_LIST_HEAD(&vma->anon_vma_chain);
	vma->first_avc.anon_vma = NULL;
	mpol_get(vma->vm_policy);
	anon_vma_name_get(vma->anon_name);
	return vma;
}

void vm_area_free(struct vm_area_struct *vma)
{
	VM_BUG_ON(!list_empty(&vma->anon_vma_chain) || vma->vm_refcnt);
	mpol_put(vma->vm_policy);
	anon_vma_name_put(vma->anon_name);
	kmem_cache_free(vm_area_cachep, vma);
}

void remove_vma(struct vm_area_struct *vma)
{
	if (vma->vm_ops && vma->vm_ops->close)
		vma->vm_ops->close(vma);
	if (vma->vm_file)
		fput(vma->vm_file);
	vm_area_free(vma);
}

struct address_space *vma_lock_file(struct vm_area_struct *vma)
{
	struct address_space *mapping = vma->vm_file ? vma->vm_file->f_mapping : NULL;

	if (mapping)
		down_write(&mapping->i_mmap_rwsem);
	return mapping;
}

void vma_unlock_file(struct address_space *mapping)
{
	if (mapping)
		up_write(&mapping->i_mmap_rwsem);
}

/* => vma_lock_file() gave mapping */
static void i_mmap_insert(struct vm_area_struct *vma, struct address_space *mapping)
{
	if (!mapping)
		return;
	if (vma_shared_maywrite(vma))
		atomic_inc(&mapping->i_mmap_writable);
	vma_interval_tree_insert(vma, &mapping->i_mmap);
}

void vma_unlink_file_locked(struct vm_area_struct *vma, struct address_space *mapping)
{
	if (!mapping)
		return;
	if (vma_shared_maywrite(vma))
		atomic_dec(&mapping->i_mmap_writable);
	vma_interval_tree_remove(vma, &mapping->i_mmap);
}

void vma_link_file(struct vm_area_struct *vma)
{
	struct address_space *mapping = vma_lock_file(vma);

	i_mmap_insert(vma, mapping);
	vma_unlock_file(mapping);
}

void unlink_file_vma(struct vm_area_struct *vma)
{
	struct address_space *mapping = vma_lock_file(vma);

	vma_unlink_file_locked(vma, mapping);
	vma_unlock_file(mapping);
}

int vma_store(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long start,
	      unsigned long end)
{
	/* Another process's, by process_madvise: its thread may be walking the tree. */
	if (unlikely(mm != current->mm))
		mm_tree_shared(mm);
	return mtree_store_range(&mm->mm_mt, start, end - 1, vma, GFP_KERNEL);
}

int vma_link(struct mm_struct *mm, struct vm_area_struct *vma)
{
	int err = vma_store(mm, vma, vma->vm_start, vma->vm_end);

	if (err)
		return err;
	vma_mark_attached(vma);
	vma_link_file(vma);
	mm->map_count++;
	return 0;
}

struct vm_area_struct *vma_lookup(struct mm_struct *mm, unsigned long addr)
{
	return mtree_load(&mm->mm_mt, addr);
}

struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long addr)
{
	unsigned long index = addr;

	return mt_find(&mm->mm_mt, &index, ULONG_MAX);
}

struct vm_area_struct *vma_next(struct mm_struct *mm, struct vm_area_struct *vma)
{
	return find_vma(mm, vma->vm_end);
}

struct vm_area_struct *vma_prev(struct mm_struct *mm, unsigned long addr)
{
	MA_STATE(mas, &mm->mm_mt, addr, addr);

	return addr ? mas_prev(&mas, 0) : NULL;
}

void vma_set_range_locked(struct vm_area_struct *vma, struct address_space *mapping,
			  unsigned long start, unsigned long end, pgoff_t pgoff)
{
	vma_assert_write_locked(vma);
	anon_vma_range_begin(vma);
	vma_unlink_file_locked(vma, mapping);
	vma->vm_start = start;
	vma->vm_end = end;
	vma->vm_pgoff = pgoff;
	i_mmap_insert(vma, mapping);
	anon_vma_range_end(vma);
}

void vma_set_range(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		   pgoff_t pgoff)
{
	struct address_space *mapping = vma_lock_file(vma);

	vma_set_range_locked(vma, mapping, start, end, pgoff);
	vma_unlock_file(mapping);
}

int split_vma(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long addr,
	      struct vm_area_struct **upper)
{
	return mm->map_count >= sysctl_max_map_count ? -ENOMEM : __split_vma(mm, vma, addr, upper);
}

int __split_vma(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long addr,
		struct vm_area_struct **upper)
{
	struct address_space *mapping;
	struct vm_area_struct *new;
	int err;

	new = vm_area_dup(vma);
	if (!new)
		return -ENOMEM;
	vma_start_write(vma);
	new->vm_start = addr;
	new->vm_pgoff += (addr - vma->vm_start) >> PAGE_SHIFT;
	err = anon_vma_clone(new, vma);
	if (!err) {
		err = vma_store(mm, new, addr, vma->vm_end);
		if (err)
			unlink_anon_vmas(new);
	}
	if (err) {
		vm_area_free(new);
		return err;
	}
	vma_mark_attached(new);
	if (new->vm_file)
		get_file(new->vm_file);
	if (new->vm_ops &&new->vm_ops->open)
		new->vm_ops->open(new);
	/* In one step: truncate must find every page of the file that is mapped here. */
	mapping = vma_lock_file(vma);
	vma_set_range_locked(vma, mapping, vma->vm_start, addr, vma->vm_pgoff);
	i_mmap_insert(new, mapping);
	vma_unlock_file(mapping);
	mm->map_count++;
	if (upper)
		*upper = new;
	return 0;
}

void vm_stat_account(struct mm_struct *mm, unsigned long vm_flags, long pages)
{
	mm->total_vm += pages;
	if ((vm_flags & (VM_EXEC | VM_WRITE | VM_STACK)) == VM_EXEC)
		mm->exec_vm += pages;
	else if (vm_flags & VM_STACK)
		mm->stack_vm += pages;
	else if ((vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		mm->data_vm += pages;
	if (mm->total_vm > mm->hiwater_vm)
		mm->hiwater_vm = mm->total_vm;
}

bool may_expand_vm(struct mm_struct *mm, unsigned long vm_flags, unsigned long pages)
{
	if (mm->total_vm + pages > rlimit(RLIMIT_AS) >> PAGE_SHIFT)
		return false;
	if ((vm_flags & (VM_WRITE | VM_SHARED | VM_STACK)) == VM_WRITE &&
	    mm->data_vm + pages > rlimit(RLIMIT_DATA) >> PAGE_SHIFT)
		return false;
	return true;
}

/* May a stack grow by this many pages to size bytes? The pages are promised then, if it counts. */
static int acct_stack_growth(struct vm_area_struct *vma, unsigned long size, unsigned long grow)
{
	struct mm_struct *mm = vma->vm_mm;

	if (!may_expand_vm(mm, vma->vm_flags, grow) || size > rlimit(RLIMIT_STACK) ||
	    mlock_future_ok(mm, vma->vm_flags, grow << PAGE_SHIFT))
		return -ENOMEM;
	return vma->vm_flags & VM_ACCOUNT ? vm_enough_memory(mm->total_vm, grow) : 0;
}

/*
 * The stack grows by whole pages down to address, when the limit and the guard gap below allow it. Another stack right below
 * it is no danger: it belongs to the same program's thinking; neither is what cannot be accessed.
 */
int expand_stack(struct vm_area_struct *vma, unsigned long address)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vm_area_struct *prev;
	unsigned long grow;
	int err;

	address &= PAGE_MASK;
	if (address >= vma->vm_start)
		return 0;
	if (!(vma->vm_flags & VM_GROWSDOWN) || address < PAGE_SIZE * 16)
		return -ENOMEM;
	prev = vma_prev(mm, vma->vm_start);
	if (prev && !(prev->vm_flags & VM_GROWSDOWN) && (prev->vm_flags & VM_ACCESS_FLAGS) &&
	    address < prev->vm_end + STACK_GUARD_GAP)
		return -ENOMEM;
	grow = (vma->vm_start - address) >> PAGE_SHIFT;
	if ((prev && address < prev->vm_end) || grow > vma->vm_pgoff || anon_vma_prepare(vma))
		return -ENOMEM;
	err = acct_stack_growth(vma, vma->vm_end - address, grow);
	if (err)
		return err;
	vma_start_write(vma);
	err = vma_store(mm, vma, address, vma->vm_end);
	if (err) {
		if (vma->vm_flags & VM_ACCOUNT)
			vm_unacct_memory(grow);
		return err;
	}
	anon_vma_range_begin(vma);
	vma->vm_start = address;
	vma->vm_pgoff -= grow;
	anon_vma_range_end(vma);
	vm_stat_account(mm, vma->vm_flags, grow);
	if (vma->vm_flags & VM_LOCKED)
		mm->locked_vm += grow;
	return 0;
}

struct vm_area_struct *find_extend_vma_locked(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	if (!vma)
		return NULL;
	if (vma->vm_start <= addr)
		return vma;
	return expand_stack(vma, addr) ? NULL : vma;
}
