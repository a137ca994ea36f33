/*
 * devpts, as pty.c uses it: a name for each slave.
 *
 * Mirrors Linux include/linux/devpts_fs.h. Exercised by tests/user/tty.c.
 */
#pragma once

#include "kernel/fs/fs.h"

extern struct mount *devpts_kern_mount;
/* /dev/pts/INDEX, owned by current, with a reference; ERR_PTR(-ENOMEM). => may sleep */
struct dentry *devpts_new(unsigned int index, dev_t dev);
/* Removes the name and drops the reference. => may sleep */
void devpts_kill(struct dentry *dentry);
