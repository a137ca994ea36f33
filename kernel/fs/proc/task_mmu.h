/*
 * What the views of an address space in /proc/PID share: going from area to area.
 *
 * Mirrors parts of Linux fs/proc/internal.h.
 */
#pragma once

#include "kernel/fs/proc/proc.h"
#include "mm/user/mm.h"

struct maps_private {
	struct mm_struct *mm;	  /* one mm_count reference; NULL for kernel threads */
	bool locked;		  /* between start and stop: mm_users and mmap_lock are held */
	struct task_struct *task; /* numa_maps: one reference */
};

/* The seq_operations of a file with one record for each area; v is the area. */
void *maps_start(struct seq_file *m, loff_t *pos);
void *maps_next(struct seq_file *m, void *v, loff_t *pos);
void maps_stop(struct seq_file *m, void *v);
/* The line of /proc/PID/maps. */
int maps_show(struct seq_file *m, void *v);
/* ->open and ->release of such a file. -ENOMEM, -ESRCH, -EACCES. */
int do_maps_open(struct inode *inode, struct file *file, const struct seq_operations *ops);
int maps_release(struct inode *inode, struct file *file);

/* Each page that an area maps, with its table locked; not the special ones. => mmap_lock held; sleeps between tables */
typedef void mapped_page_fn(struct page *page, pte_t *pte, void *arg);
void walk_mapped_pages(struct vm_area_struct *vma, mapped_page_fn *fn, void *arg);
