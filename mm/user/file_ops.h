/*
 * What the memory manager asks of the floors above it: descriptors, privileges, shared anonymous files.
 *
 * kernel/fs registers one table at boot (vfs_init), before the first user program. Mirrors no Linux
 * file: Linux's mm calls the VFS directly. Exercised by tests/user/file_map.c.
 */
#pragma once

#include "lib/types.h"

struct file;
struct vm_operations_struct;

struct mm_file_ops {
	/* File behind descriptor fd of current with a reference (fput it), NULL: bad descriptor. */
	struct file *(*fget)(int fd);
	/* An unlinked shmem file of size bytes for MAP_SHARED|MAP_ANONYMOUS, or ERR_PTR. With account all of it is promised. May sleep. */
	struct file *(*shmem_zero_file)(size_t size, bool account);
	/* True when mappings of file use only *ops and keep no private data, so that they may merge. */
	bool (*mmap_vm_ops)(struct file *file, const struct vm_operations_struct **ops);
	/* True when no part of the file may ever be mapped PROT_EXEC (a mount with noexec, /proc). */
	bool (*noexec)(const struct file *file);
	bool (*capable_rawio)(void);
	bool (*capable_ipc_lock)(void);
	bool (*capable_sys_nice)(void);
};

extern const struct mm_file_ops *mm_file_ops;
