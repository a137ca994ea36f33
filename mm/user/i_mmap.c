/*
 * The interval tree of a file's mappings, made from the template in lib/interval_tree.h.
 *
 * Locks: mapping->i_mmap_rwsem. Mirrors Linux mm/interval_tree.c. Exercised by tests/user/file_map.c.
 */
#include "mm/user/i_mmap.h"

#include "lib/interval_tree.h"

static inline unsigned long vma_start_pgoff(struct vm_area_struct *vma)
{
	return vma->vm_pgoff;
}

static inline unsigned long vma_last_pgoff(struct vm_area_struct *vma)
{
	return vma->vm_pgoff + vma_pages(vma) - 1;
}

INTERVAL_TREE_DEFINE(struct vm_area_struct, shared.rb, unsigned long, shared.rb_subtree_last,
		     vma_start_pgoff, vma_last_pgoff, , vma_interval_tree)
