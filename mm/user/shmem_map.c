/*
 * Mappings of shmem files: a fault in a hole makes the page, instead of failing.
 *
 * Locks: mmap_lock for reading, folio lock. Mirrors Linux mm/shmem.c (shmem_fault).
 * Exercised by tests/user/{file_map,anon_map,vmstress}.c.
 */
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/mempolicy.h"
#include "mm/cache/shmem.h"
#include "mm/user/memory.h"
#include "mm/user/rmap.h"

static unsigned int shmem_fault(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct folio *folio = shmem_get_folio_in_size(inode, vmf->pgoff);

	if (IS_ERR(folio))
		return PTR_ERR(folio) == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;

	vmf->page = &folio->page;
	return VM_FAULT_LOCKED;
}

static int shmem_set_policy(struct vm_area_struct *vma, struct mempolicy *pol)
{
	return mpol_set_shared(vma->vm_file->f_mapping, vma->vm_pgoff,
			       vma->vm_pgoff + vma_pages(vma) - 1, pol);
}

static struct mempolicy *shmem_get_policy(struct vm_area_struct *vma, unsigned long address)
{
	return mpol_shared_lookup(vma->vm_file->f_mapping,
				  vma->vm_pgoff + ((address - vma->vm_start) >> PAGE_SHIFT));
}

const struct vm_operations_struct shmem_vm_ops = {
	.fault = shmem_fault,
	.map_pages = filemap_map_pages,
	.set_policy = shmem_set_policy,
	.get_policy = shmem_get_policy,
};

int shmem_mmap(struct file *file, struct vm_area_struct *vma)
{
	/* A file that is sealed against writing can be mapped for reading, for good. */
	if ((READ_ONCE(file_inode(file)->i_seals) & F_SEAL_ANY_WRITE) &&
	    (vma->vm_flags & VM_SHARED)) {
		if (vma->vm_flags & VM_WRITE)
			return -EPERM;
		vma->vm_flags &= ~VM_MAYWRITE;
	}
	vma->vm_ops = &shmem_vm_ops;
	return 0;
}

const struct mapping_ops user_mapping_ops = {
	.mkclean = folio_mkclean,
	.unmap_pages = unmap_mapping_pages,
};
