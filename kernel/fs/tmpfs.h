/*
 * tmpfs for the rest of the kernel: the root, shared memory without a name.
 *
 * Mirrors Linux include/linux/shmem_fs.h. Exercised by tests/user/file_map.c.
 */
#pragma once

#include "kernel/fs/fs.h"

extern struct file_system_type tmpfs_fs_type;
void tmpfs_init(void);
/* An unlinked file of size bytes, open read-write; ERR_PTR. May sleep. */
struct file *shmem_file_setup(const char *name, loff_t size);
bool is_shmem_file(const struct file *file);
