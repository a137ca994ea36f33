/*
 * Advisory locks: flock(2) and fcntl(F_SETLK).
 *
 * Mirrors Linux fs/locks.c. Exercised by tests/user/files.c.
 */
#pragma once

#include "kernel/fs/fs.h"

struct flock;

void locks_remove_file(struct file *file); /* last close: its flock locks */
void locks_remove_posix(struct file *file,
			void *owner); /* any close by the process: its record locks */
/* F_GETLK, F_SETLK, F_SETLKW; may sleep */
long fcntl_getlk(struct file *file, struct flock __user *ul);
long fcntl_setlk(struct file *file, unsigned int cmd, struct flock __user *ul);
