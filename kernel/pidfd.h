/*
 * Descriptors that stand for a process.
 *
 * Mirrors Linux include/linux/pidfd.h. Exercised by tests/user/pidfds.c.
 */
#pragma once

#include "kernel/fs/fs.h"

struct pid;
struct task_struct;

/* The process behind an open file, no reference of its own; NULL: that is no pidfd. */
struct pid *pidfd_pid(const struct file *file);
/* The task behind descriptor fd, with a reference; ERR_PTR(-EBADF, -ESRCH). */
struct task_struct *pidfd_get_task(int fd);
/* A new descriptor (close-on-exec), not yet installed, and its file. Its number, -errno. May sleep. */
int pidfd_prepare(struct pid *pid, unsigned int flags, struct file **file);
