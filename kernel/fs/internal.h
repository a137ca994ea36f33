/*
 * Calls inside kernel/fs that no other room makes.
 *
 * Mirrors Linux fs/internal.h. Exercised by tests/user/files.c.
 */
#pragma once

#include "kernel/fs/fs.h"

void dcache_init(void);
void inode_init(void);
void file_table_init(void);
void mount_init(void);
void d_set_mounted(struct dentry *dentry, bool mounted);
/*
 * Children of a directory from the oldest on, positive and hashed only, each with a reference.
 * d_prev_child consumes the reference on child. d_seek_child: the one after last (kept), or the oldest.
 */
struct dentry *d_prev_child(struct dentry *dir, struct dentry *child);
struct dentry *d_seek_child(struct dentry *dir, struct dentry *last, bool from_start);
void mount_lock_read(void);
void mount_unlock_read(void);
/* The mount on (mnt, dentry), with reference, or NULL. */
struct mount *lookup_mnt(const struct path *path);
/* The oldest pinned child of dir with a reference, or NULL. */
struct dentry *d_first_pinned(struct dentry *dir);
/* Frees a super block that never got mounted. */
void free_super(struct super_block *sb);
/* ->tmpfile: points an empty file at path and opens it. */
int file_open_on(struct file *file, const struct path *path);
void fsize_limit_init(void);
void sync_filesystems(void);
void for_each_filesystem(void (*fn)(struct file_system_type *fs, void *arg), void *arg);
long do_sys_open(int dfd, const char __user *name, int flags, umode_t mode);
int vfs_open_file(struct file *file, const struct path *path, int flags);
struct file *alloc_empty_file(int flags);
void file_free(struct file *file);
