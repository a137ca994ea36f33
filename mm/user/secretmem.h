/*
 * Secret memory: pages of a file that only the processes which map it can reach. The idea is in secretmem.c.
 *
 * Mirrors Linux include/linux/secretmem.h. Exercised by tests/user/secretmem.c.
 */
#pragma once

#include "arch/x86/bitops.h"
#include "mm/cache/file.h"
#include "mm/user/mm.h"

struct folio;
struct inode;

static inline bool vma_is_secretmem(const struct vm_area_struct *vma)
{
	return vma->vm_file && test_bit(AS_SECRETMEM, &vma->vm_file->f_mapping->flags);
}

/* Makes a fresh inode's pages secret. */
void secretmem_init_inode(struct inode *inode);
/* ->mmap of such a file: -EINVAL unless shared, -EAGAIN beyond RLIMIT_MEMLOCK. => mmap_lock for writing */
int secretmem_mmap(struct file *file, struct vm_area_struct *vma);
