/*
 * procfs: the kernel's state as files.
 *
 * 1. Fixed files are proc_dir_entries, registered by the rooms that own the numbers. Each lookup
 *    makes a fresh inode that points at the entry; names are not pinned, so /proc costs nothing
 *    while unused.
 * 2. /proc/PID is made from the task at lookup: the inode holds the struct pid, not the task, and
 *    every read finds the task again (ESRCH when it is gone).
 *
 * Mirrors Linux fs/proc/internal.h, include/linux/proc_fs.h. Exercised by tests/user/procfs.c.
 */
#pragma once

#include "kernel/fs/fs.h"
#include "kernel/fs/seq_file.h"

struct pid;
struct task_struct;

struct proc_dir_entry {
	const char *name;
	umode_t mode;
	struct proc_dir_entry *parent;
	struct list_head children, sibling; /* registered at boot, never removed */
	const struct file_operations *fops;
	int (*show)(struct seq_file *m, void *v);
	const char *link;
	void *data;
	u64 ino;
};

/* parent NULL: /proc itself. NULL: no memory. => at boot, from initcalls */
struct proc_dir_entry *proc_mkdir(const char *name, struct proc_dir_entry *parent);
struct proc_dir_entry *proc_create_data(const char *name, umode_t mode,
					struct proc_dir_entry *parent,
					const struct file_operations *fops, void *data);
/* A file of one record. */
struct proc_dir_entry *proc_create_single(const char *name, umode_t mode,
					  struct proc_dir_entry *parent,
					  int (*show)(struct seq_file *, void *));
struct proc_dir_entry *proc_symlink(const char *name, struct proc_dir_entry *parent,
				    const char *target);
/* The ->data of the entry behind an inode. */
void *pde_data(const struct inode *inode);
/*
 * /proc/sys: an integer that root may change between min and max; the entry's data is the
 * proc_int.
 */
struct proc_int {
	int *value, min, max;
	void (*changed)(void); /* called after a write; may sleep; NULL at first */
};
struct proc_dir_entry *proc_create_int(const char *name, umode_t mode,
				       struct proc_dir_entry *parent, int *value, int min, int max);
struct proc_dir_entry *
proc_sys_dir(const char *name); /* "kernel", "vm": made when first asked for */

/*
 * Fields 7 and 8 of /proc/PID/stat: the device number of the task's terminal in the stat(2)
 * encoding, and the terminal's foreground group. Left alone (0, -1) for a task without one. The
 * tty layer sets the pointer at boot; NULL: there are no terminals. => may sleep, task held
 */
extern void (*proc_tty_numbers)(struct task_struct *task, int *nr, int *pgrp);

/* --- inside procfs --- */
extern struct proc_dir_entry proc_root;
struct inode *proc_get_inode(struct super_block *sb, struct proc_dir_entry *pde);
struct dentry *proc_pid_lookup(struct inode *dir, struct dentry *dentry);
int proc_pid_readdir(struct file *file, struct dir_context *ctx); /* from pos 2^16 + pid on */
#define FIRST_PID_POS 65536
struct inode *proc_pid_make_inode(struct super_block *sb, struct pid *pid, umode_t mode);
struct pid *proc_pid(const struct inode *inode);
struct task_struct *get_proc_task(const struct inode *inode); /* reference; NULL: gone */
/* May current look into the task: links, environment, map? Its own user and root may. */
bool proc_may_access(struct task_struct *task);
extern const struct dentry_operations pid_dentry_ops;
int pid_delete_dentry(const struct dentry *dentry); /* for d_delete: never kept */
extern const struct inode_operations proc_fd_iops;
extern const struct file_operations proc_fd_fops;
extern const struct inode_operations proc_fdinfo_iops;
extern const struct file_operations proc_fdinfo_fops;
extern const struct file_operations proc_smaps_fops, proc_smaps_rollup_fops, proc_clear_refs_fops;
extern const struct file_operations proc_maps_fops, proc_numa_maps_fops, proc_pagemap_fops,
	proc_mem_fops, proc_mounts_fops, proc_mountinfo_fops, proc_make_it_fail_fops,
	proc_fail_nth_fops;
/*
 * The task's mm with an mm_count reference (mmdrop), NULL for a kernel thread; ERR_PTR(-ESRCH,
 * -EACCES).
 */
struct mm_struct *proc_mem_open(struct inode *inode);
int proc_pid_stat_show(struct seq_file *m, struct task_struct *task, bool whole);
int proc_pid_status_show(struct seq_file *m, struct task_struct *task);
int proc_pid_io_show(struct seq_file *m, struct task_struct *task, bool whole);
int proc_pid_stack_show(struct seq_file *m, struct task_struct *task);
int proc_pid_wchan_show(struct seq_file *m, struct task_struct *task);
int proc_pid_statm_show(struct seq_file *m, struct task_struct *task);
void proc_pid_evict(struct inode *inode);
