/*
 * Pipes: a ring of page parts between writers and readers.
 *
 * 1. A buffer is part of a page, with a reference. Pages that write(2) filled belong to the pipe alone (PIPE_BUF_OWN); splice brings
 *    pages of the page cache or of a process's memory, and tee hands the same page to two pipes: those are only read.
 * 2. Only the last buffer may grow, and only if it may be appended to (CAN_MERGE).
 *
 * Legend: L lock; I inode->i_lock. Mirrors Linux include/linux/pipe_fs_i.h, fs/pipe.c.
 * Exercised by tests/user/{pipes,splices}.c.
 */
#pragma once

#include "kernel/fs/fs.h"
#include "kernel/mutex.h"
#include "kernel/wait.h"
#include "mm/phys/page.h"

#define PIPE_BUF       4096
#define PIPE_DEF_SLOTS 16

#define PIPE_BUF_PACKET \
	BIT(0) /* O_DIRECT: one write, read alone; what the reader does not take is lost */
#define PIPE_BUF_CAN_MERGE BIT(1) /* a write may go on behind it */
#define PIPE_BUF_OWN \
	BIT(2) /* allocated here: kept for the next write when it is empty and nobody else's */

struct pipe_buffer {
	struct page *page;
	unsigned int off, len, flags;
};

struct pipe_inode_info {
	struct mutex lock;
	wait_queue_head_t rd_wait, wr_wait;
	unsigned int head, tail;	   /* L slots used: [tail, head) modulo nslots */
	unsigned int nslots;		   /* L a power of two */
	unsigned int readers, writers;	   /* L */
	unsigned int r_counter, w_counter; /* L opens so far, for FIFO rendezvous */
	unsigned int files;		   /* I */
	bool watched;		  /* asked by poll: every write and read wakes, for epoll's edges */
	struct page *spare;	  /* L */
	struct pipe_buffer *bufs; /* L */
};

extern const struct file_operations pipefifo_fops;

static inline bool pipe_empty(const struct pipe_inode_info *p)
{
	return READ_ONCE(p->head) == READ_ONCE(p->tail);
}

static inline bool pipe_full(const struct pipe_inode_info *p)
{
	return READ_ONCE(p->head) - READ_ONCE(p->tail) >= READ_ONCE(p->nslots);
}

static inline struct pipe_buffer *pipe_slot(struct pipe_inode_info *p, unsigned int i)
{
	return &p->bufs[i & (p->nslots - 1)];
}

/* The pipe behind an open file, or NULL. */
static inline struct pipe_inode_info *get_pipe_info(const struct file *file)
{
	return file->f_op == &pipefifo_fops ? file->private_data : NULL;
}

/* A pipe without files, for whoever moves pages through it; NULL. */
struct pipe_inode_info *alloc_pipe_info(void);
void free_pipe_info(struct pipe_inode_info *p);

/* --- => lock held --- */

/* A part of a page, whose reference is handed over. => not full */
static inline void pipe_push(struct pipe_inode_info *p, struct page *page, unsigned int off,
			     unsigned int len, unsigned int flags)
{
	*pipe_slot(p, p->head) =
		(struct pipe_buffer){ .page = page, .off = off, .len = len, .flags = flags };
	p->head++;
}
/* n bytes of the first buffer were read; it leaves when it is empty. */
void pipe_consume(struct pipe_inode_info *p, unsigned int n);
/*
 * Until there is something to read / room. 0; -EAGAIN (nonblock), -ERESTARTSYS; wait_readable: 1, the writers are gone; wait_writable:
 * -EPIPE with SIGPIPE, the readers are gone. => the lock is dropped meanwhile
 */
int pipe_wait_readable(struct pipe_inode_info *p, bool nonblock);
int pipe_wait_writable(struct pipe_inode_info *p, bool nonblock);

/* After something was put in or taken out: whoever can go on now. => lock not held */
void pipe_wake(struct pipe_inode_info *p);

/* F_GETPIPE_SZ and F_SETPIPE_SZ: bytes, or errno. */
long pipe_fcntl(struct file *file, bool set, unsigned long size);
