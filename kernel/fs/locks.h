/*
 * Advisory locks: flock(2) and fcntl(F_SETLK).
 *
 * Mirrors Linux fs/locks.c. Exercised by tests/user/filelocks.c.
 */
#pragma once

#include "kernel/fs/fs.h"

struct flock;

void locks_remove_file(struct file *file); /* last close: its flock locks */
void locks_remove_posix(struct file *file,
			void *owner); /* any close by the process: its record locks */
/* F_GETLK, F_SETLK, F_SETLKW, and with ofd their F_OFD_ kin; fd is file's descriptor. May sleep. */
long fcntl_getlk(struct file *file, bool ofd, struct flock __user *ul);
long fcntl_setlk(unsigned int fd, struct file *file, bool ofd, bool wait, struct flock __user *ul);
