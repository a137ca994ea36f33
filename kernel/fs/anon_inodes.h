/*
 * Open files that stand for an object of the kernel and have no place in any directory: eventfd, epoll, ...
 *
 * Mirrors Linux include/linux/anon_inodes.h. Exercised by tests/user/eventfds.c.
 */
#pragma once

#include "kernel/fs/fs.h"

/*
 * An open file of @priv with these operations, shown as "anon_inode:@name" (constant text). flags: O_RDONLY..O_RDWR,
 * O_NONBLOCK. On an error priv stays the caller's. ERR_PTR. => may sleep
 */
struct file *anon_inode_getfile(const char *name, const struct file_operations *fops, void *priv,
				int flags);
/* The same behind a new descriptor of current (O_CLOEXEC counts); its number or -errno. */
int anon_inode_getfd(const char *name, const struct file_operations *fops, void *priv, int flags);
