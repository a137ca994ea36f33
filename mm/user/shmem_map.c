/*
 * Mappings of shmem files: a fault in a hole makes the page, instead of failing.
 *
 * Locks: mmap_lock for reading, folio lock. Mirrors Linux mm/shmem.c (shmem_fault).
 * Exercised by tests/user/{file_map,anon_map,vmstress}.c.
 */
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/shmem.h"
#include "mm/user/memory.h"

static unsigned int shmem_fault(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct folio *folio = shmem_get_folio_in_size(inode, vmf->pgoff);

	if (IS_ERR(folio))
		return PTR_ERR(folio) == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;

	vmf->page = &folio->page;
	return VM_FAULT_LOCKED;
}

const struct vm_operations_struct shmem_vm_ops = {
	.fault = shmem_fault,
	.map_pages = filemap_map_pages,
};

int shmem_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &shmem_vm_ops;
	return 0;
}

const struct mapping_ops user_mapping_ops = {
	.unmap_pages = unmap_mapping_pages,
};
