/*
 * Secret memory (memfd_secret): not even the kernel has the pages in its linear map.
 *
 * 1. A page is made by the first fault in a hole of the file: zeroed, taken out of the linear map, then put into the page cache. From
 *    then on the page tables of the processes that map it are the only way to it: a stray pointer in the kernel faults instead of
 *    reading keys.
 * 2. Nobody may pin it (AS_SECRETMEM: mm/user/gup.c), because a pin ends in an access through the linear map: process_vm_readv,
 *    /proc/PID/mem, O_DIRECT and shared futexes fail with EFAULT or EIO. read(2) into it works: that copies to the user's address.
 * 3. It stays where it is: migration would have to copy it. Areas are locked (they count for RLIMIT_MEMLOCK) and are left out of core
 *    dumps.
 * 4. When the file goes, its pages come back into the linear map and are zeroed before anybody else gets them.
 *
 * The price is that the linear map is cut into small pages there, which never merge again while a page is secret.
 *
 * Locks: folio lock; mmap_lock for reading. Mirrors Linux mm/secretmem.c. Exercised by tests/user/{secretmem,errnos_shm}.c.
 */
#include "mm/user/secretmem.h"

#include "arch/x86/page_ops.h"
#include "arch/x86/tlb.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/pagemap.h"
#include "mm/kva/set_memory.h"
#include "mm/phys/buddy.h"
#include "mm/user/memory.h"
#include "mm/user/vma.h"

static void show_to_kernel(struct folio *folio)
{
	set_direct_map_default_noflush(&folio->page);
	clear_page(folio_address(folio));
}

/* A page for the hole at index, locked, with a reference. ERR_PTR(-EEXIST): another was faster. */
static struct folio *secretmem_add_folio(struct address_space *mapping, pgoff_t index)
{
	struct folio *folio = folio_alloc(mapping->gfp_mask | __GFP_ZERO, 0);
	unsigned long addr;
	int err;

	if (!folio)
		return ERR_PTR(-ENOMEM);
	err = set_direct_map_invalid_noflush(&folio->page);
	if (err) {
		folio_put(folio);
		return ERR_PTR(err);
	}
	addr = (unsigned long)folio_address(folio);
	__folio_set_uptodate(folio);
	err = filemap_add_folio(mapping, folio, index, mapping->gfp_mask);
	if (err) {
		set_direct_map_default_noflush(&folio->page);
		folio_put(folio);
		return ERR_PTR(err);
	}
	flush_tlb_kernel_range(addr, addr + PAGE_SIZE);
	return folio;
}

static unsigned int secretmem_fault(struct vm_fault *vmf)
{
	struct address_space *mapping = vmf->vma->vm_file->f_mapping;
	u64 size = READ_ONCE(mapping->host->i_size);
	struct folio *folio;

	/* The size is set once and never again, so this needs no second look. */
	if (((u64)vmf->pgoff << PAGE_SHIFT) >= size)
		return VM_FAULT_SIGBUS;
	do {
		folio = filemap_lock_folio(mapping, vmf->pgoff);
		if (!folio)
			folio = secretmem_add_folio(mapping, vmf->pgoff);
	} while (folio == ERR_PTR(-EEXIST));
	if (IS_ERR(folio))
		return PTR_ERR(folio) == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
	vmf->page = &folio->page;
	return VM_FAULT_LOCKED;
}

static const struct vm_operations_struct secretmem_vm_ops = { .fault = secretmem_fault };

int secretmem_mmap(struct file *file, struct vm_area_struct *vma)
{
	int err;

	if (!(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;
	err = mlock_future_ok(vma->vm_mm, vma->vm_flags | VM_LOCKED, vma->vm_end - vma->vm_start);
	if (err)
		return err;
	vma->vm_flags |= VM_LOCKED | VM_DONTDUMP;
	vma->vm_ops = &secretmem_vm_ops;
	return 0;
}

static void secretmem_free_folio(struct folio *folio, struct address_space *mapping)
{
	show_to_kernel(folio);
}

static const struct address_space_operations secretmem_aops = { .free_folio =
									secretmem_free_folio };

void secretmem_init_inode(struct inode *inode)
{
	inode->i_mapping->a_ops = &secretmem_aops;
	inode->i_mapping->gfp_mask = GFP_HIGHUSER;
	set_bit(AS_SECRETMEM, &inode->i_mapping->flags);
	set_bit(AS_UNEVICTABLE, &inode->i_mapping->flags);
}
