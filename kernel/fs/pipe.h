/*
 * Pipes: a ring of pages between writers and readers.
 *
 * Mirrors Linux fs/pipe.c. Exercised by tests/user/pipes.c.
 */
#pragma once

#include "kernel/fs/fs.h"

#define PIPE_BUF 4096

/* F_GETPIPE_SZ and F_SETPIPE_SZ: bytes, or errno. */
long pipe_fcntl(struct file *file, bool set, unsigned long size);
