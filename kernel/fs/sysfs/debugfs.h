/*
 * debugfs: files for whoever works on the kernel itself. Mounted at /sys/kernel/debug.
 *
 * Mirrors Linux include/linux/debugfs.h. Exercised by tests/user/sysfs.c.
 */
#pragma once

#include "kernel/fs/seq_file.h"
#include "kernel/fs/sysfs/kernfs.h"

/* parent NULL: the top. ERR_PTR(-EEXIST, -ENOMEM). What is made stays. => may sleep */
struct kernfs_node *debugfs_create_dir(const char *name, struct kernfs_node *parent);
/* A file with operations of its own: kernfs_of(inode)->priv is data. */
struct kernfs_node *debugfs_create_file(const char *name, umode_t mode, struct kernfs_node *parent,
					void *data, const struct file_operations *fops);
/* A file that show prints whole; m->private is data. */
struct kernfs_node *debugfs_create_single(const char *name, umode_t mode,
					  struct kernfs_node *parent, void *data,
					  int (*show)(struct seq_file *, void *));
