/*
 * struct files_struct: a process's table of open files.
 *
 * Legend: F file_lock for writing, RCU for reading; a atomic.
 * Mirrors Linux include/linux/fdtable.h. Exercised by tests/user/files.c.
 */
#pragma once

#include "kernel/fs/fs.h"
#include "kernel/rcu.h"

#define NR_OPEN_DEFAULT 64
#define NR_OPEN_MAX	65536

struct fdtable {
	unsigned int max_fds;
	struct file **fd;	      /* F */
	unsigned long *open_fds;      /* F */
	unsigned long *close_on_exec; /* F */
	struct rcu_head rcu;
};

struct files_struct {
	atomic_t count;	     /* a tasks that share it */
	struct fdtable *fdt; /* F */
	struct fdtable fdtab;
	spinlock_t file_lock;
	unsigned int next_fd; /* F no free number below */
	unsigned long open_fds_init[1], close_on_exec_init[1];
	struct file *fd_array[NR_OPEN_DEFAULT];
};

long f_dupfd(unsigned int from, struct file *file, unsigned int flags); /* F_DUPFD */
bool get_close_on_exec(unsigned int fd);
void set_close_on_exec(unsigned int fd, bool on);
void fdtable_init(void);
