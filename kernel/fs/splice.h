/*
 * splice: bytes between files without a copy in user memory. Pages go into a pipe as references and come out as page parts.
 *
 * Mirrors Linux include/linux/splice.h. Exercised by tests/user/splices.c.
 */
#pragma once

#include "kernel/fs/pipe.h"

#define SPLICE_F_MOVE	  0x01
#define SPLICE_F_NONBLOCK 0x02
#define SPLICE_F_MORE	  0x04
#define SPLICE_F_GIFT	  0x08
#define SPLICE_F_ALL	  0x0f

/*
 * For file_operations.splice_read of files whose contents are in the page cache: pushes up to len bytes' pages into the pipe and moves
 * *ppos. Bytes, 0 at the end of the file, or -errno. => pipe->lock held, not full; may sleep
 */
ssize_t filemap_splice_read(struct file *in, loff_t *ppos, struct pipe_inode_info *pipe,
			    size_t len);
/*
 * From one file to another. Bytes (fewer: the end, or the first error after them), or -errno. => may sleep
 */
ssize_t do_splice_direct(struct file *in, loff_t *ppos, struct file *out, loff_t *opos, size_t len);
