/*
 * poll: asking many files whether they are ready, and sleeping until one is.
 *
 * A file's ->poll puts the caller on the wait queues that its readiness depends on (poll_wait) and then
 * returns the events that hold now. Called again after a wake-up, with wait NULL, it only answers.
 *
 * Mirrors Linux include/linux/poll.h. Exercised by tests/user/pipes.c.
 */
#pragma once

#include "kernel/wait.h"
#include "mm/cache/file.h"

#define EPOLLIN	    0x0001u
#define EPOLLPRI    0x0002u
#define EPOLLOUT    0x0004u
#define EPOLLERR    0x0008u
#define EPOLLHUP    0x0010u
#define EPOLLNVAL   0x0020u
#define EPOLLRDNORM 0x0040u
#define EPOLLRDBAND 0x0080u
#define EPOLLWRNORM 0x0100u
#define EPOLLWRBAND 0x0200u
#define EPOLLRDHUP  0x2000u
/* Only in the key of a wake-up: the queue goes away, its entries take themselves off. */
#define POLLFREE	 0x4000u
#define DEFAULT_POLLMASK (EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM)

struct poll_table {
	/* Remembers that the caller waits on wq; NULL: no more queues are wanted. */
	void (*queue)(struct file *file, wait_queue_head_t *wq, struct poll_table *pt);
	unsigned int key; /* events the caller wants */
};

static inline void poll_wait(struct file *file, wait_queue_head_t *wq, struct poll_table *pt)
{
	if (pt && pt->queue)
		pt->queue(file, wq, pt);
}

static inline unsigned int vfs_poll(struct file *file, struct poll_table *pt)
{
	return file->f_op->poll ? file->f_op->poll(file, pt) : DEFAULT_POLLMASK;
}
