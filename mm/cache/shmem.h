/*
 * shmem: files whose pages live nowhere but in the page cache. The data side of tmpfs.
 *
 * kernel/fs/tmpfs.c owns names and inodes; here are the pages. Mirrors Linux mm/shmem.c.
 * Exercised by tests/user/{files,file_map}.c.
 */
#pragma once

#include "arch/x86/atomic.h"
#include "mm/cache/pagemap.h"

/* Limits of one tmpfs instance; super_block->s_fs_info points to one. */
struct shmem_sb_info {
	unsigned long max_blocks;  /* pages; 0: no limit */
	atomic_long_t used_blocks; /* pages in its files */
	unsigned long max_inodes;
	atomic_long_t used_inodes;
};

extern const struct address_space_operations shmem_aops;
extern const struct vm_operations_struct shmem_vm_ops;

/* Makes inode's mapping a shmem one. info may be NULL (no limits: anonymous shared memory). */
void shmem_init_mapping(struct inode *inode, struct shmem_sb_info *info);
/* Promises memory for the whole size of an empty file, instead of for each page when it is made; -ENOMEM */
int shmem_account_size(struct inode *inode);
/* The folio at index with a reference, locked, made (zeroed) if absent; ERR_PTR -ENOSPC, -ENOMEM. May sleep. */
struct folio *shmem_get_folio(struct inode *inode, pgoff_t index);
/* The same for a mapping's fault: -EINVAL when index lies behind the end of the file, also if it is just shrinking. */
struct folio *shmem_get_folio_in_size(struct inode *inode, pgoff_t index);
int shmem_mmap(struct file *file, struct vm_area_struct *vma);
/* New length in bytes: frees what is behind. => i_rwsem for writing. -EFBIG.. */
int shmem_setsize(struct inode *inode, loff_t size);
/* FALLOC_FL_KEEP_SIZE and PUNCH_HOLE; -EOPNOTSUPP for other modes. */
long shmem_fallocate(struct file *file, int mode, loff_t offset, loff_t len);
/* SEEK_DATA and SEEK_HOLE positions, or -ENXIO. */
loff_t shmem_seek_hole_data(struct inode *inode, loff_t offset, bool hole);
/* All pages go: the inode dies. */
void shmem_evict(struct inode *inode);
