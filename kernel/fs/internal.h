/*
 * Calls inside kernel/fs that no other room makes.
 *
 * Mirrors Linux fs/internal.h. Exercised by tests/user/names.c.
 */
#pragma once

#include "kernel/fs/fs.h"

void dcache_init(void);
void inode_init(void);
/* How many there are, and how many of them nobody uses. */
void get_dentry_stat(unsigned long *nr, unsigned long *unused);
void get_inode_stat(unsigned long *nr, unsigned long *unused);
/* /proc/sys/vm/vfs_cache_pressure: percent of its share that the VFS tells reclaim it has; 0: nothing. */
extern int sysctl_vfs_cache_pressure;
unsigned long vfs_pressure_ratio(unsigned long nr);
void file_table_init(void);
void mount_init(void);
/* Frees what is kept of a file system that ends, names before inodes. => nobody looks up in it any more */
void shrink_dcache_sb(struct super_block *sb);
void evict_inodes(struct super_block *sb);
void d_set_mounted(struct dentry *dentry, bool mounted);
/* dentry's parent with a reference. */
struct dentry *dget_parent(struct dentry *dentry);
/*
 * Children of a directory, the newest first: the first positive and hashed one behind after (a child or a cursor of
 * dir; NULL: from the start), with a reference. => dir's i_rwsem held, so that after stays in dir
 */
struct dentry *d_next_child(struct dentry *dir, struct dentry *after);
/* A cursor is a negative child that is not hashed: puts it behind after, or at the end (NULL). */
void d_move_cursor(struct dentry *cursor, struct dentry *after);

void mount_lock_read(void);
void mount_unlock_read(void);
/* The mount on (mnt, dentry), with reference, or NULL. */
struct mount *lookup_mnt(const struct path *path);
/* The oldest pinned child of dir with a reference, or NULL. */
struct dentry *d_first_pinned(struct dentry *dir);
/* where is fs's root or pwd: path from now on. */
void set_fs_path(struct fs_struct *fs, struct path *where, const struct path *path);
/* The super block on this device with one activity more, or NULL; deactivate_super() gives it back, the last one ends it. */
struct super_block *get_active_super(dev_t dev);
void deactivate_super(struct super_block *sb);
/* Frees a super block that never got mounted. */
void free_super(struct super_block *sb);
/* ->tmpfile: points an empty file at path and opens it. */
int file_open_on(struct file *file, const struct path *path);
void fsize_limit_init(void);
void writeback_init(void);
/* Off the list of dirty inodes for good; then nobody writes it any more. => it is being freed, and has a bdi with writeback; may sleep */
void inode_io_list_del(struct inode *inode);
void inode_wait_for_writeback(struct inode *inode);
/* /sys/class/bdi/NAME, once it is registered. => may sleep */
void bdi_sysfs_add(struct backing_dev_info *bdi);
/* dirty_writeback_centisecs has changed. */
void wakeup_dirty_flushers(void);
void for_each_filesystem(void (*fn)(struct file_system_type *fs, void *arg), void *arg);
long do_sys_open(int dfd, const char __user *name, int flags, umode_t mode);
int vfs_open_file(struct file *file, const struct path *path, int flags);
struct file *alloc_empty_file(int flags);
void file_free(struct file *file);
