/*
 * The interval tree of a file's mappings: which VMAs map pages [first, last] of an address_space.
 *
 * Keyed by page offset in the file; changed under mapping->i_mmap_rwsem held for writing, read under
 * it held for reading. Mirrors Linux mm/interval_tree.c. Exercised by tests/user/file_map.c (truncate).
 */
#pragma once

#include "mm/user/mm.h"

void vma_interval_tree_insert(struct vm_area_struct *vma, struct rb_root_cached *root);
void vma_interval_tree_remove(struct vm_area_struct *vma, struct rb_root_cached *root);
struct vm_area_struct *vma_interval_tree_iter_first(struct rb_root_cached *root,
						    unsigned long first, unsigned long last);
struct vm_area_struct *vma_interval_tree_iter_next(struct vm_area_struct *vma, unsigned long first,
						   unsigned long last);
