/*
 * What fcntl calls for sealed files (kernel/fs/memfd.c).
 *
 * Mirrors Linux include/linux/memfd.h. Exercised by tests/user/memfds.c.
 */
#pragma once

#include "kernel/fs/fs.h"

/* F_ADD_SEALS of @seals: 0, -EPERM, -EBUSY, -EINVAL; or F_GET_SEALS: the seals, -EINVAL: no shmem file. May sleep. */
long memfd_fcntl(struct file *file, bool add, unsigned long seals);
