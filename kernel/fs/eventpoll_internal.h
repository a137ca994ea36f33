/*
 * Between the files eventpoll*.c: sets, items, and the calls from one file into another.
 *
 * Legend: M ep->mtx; L ep->lock; E epmutex; - constant.
 */
#pragma once

#include "kernel/fs/eventpoll.h"
#include "kernel/fs/poll.h"
#include "kernel/mutex.h"
#include "kernel/wait.h"
#include "lib/rbtree.h"

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3

#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP    (1u << 29)
#define EPOLLONESHOT   (1u << 30)
#define EPOLLET	       (1u << 31)

#define EP_PRIVATE_BITS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define EPOLLINOUT_BITS (EPOLLIN | EPOLLOUT)
#define EPOLLEXCLUSIVE_OK \
	(EPOLLINOUT_BITS | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

#define EP_MAX_NESTS  4
#define EP_MAX_WAYS   1000
#define EP_MAX_EVENTS ((int)(INT_MAX / sizeof(struct epoll_event)))

struct epoll_event {
	u32 events;
	u64 data;
} __packed;

struct eventpoll {
	struct mutex mtx;
	wait_queue_head_t wq;	     /* who is in epoll_wait */
	wait_queue_head_t poll_wait; /* who watches the epoll file itself */
	spinlock_t lock;
	struct list_head rdllist; /* L items that may be ready */
	struct rb_root rbr;	  /* M all items */
	struct file *file;	  /* - */
	bool scanning; /* L a wait has taken items off rdllist, and may bring some back */
	/* E the last search that came by, and what it found: how deep, and how many ways lead up */
	unsigned long walk_down, walk_up;
	int depth, ways;
};

/* One entry on one wait queue of a watched file. */
struct eppoll_entry {
	struct eppoll_entry *next; /* M */
	struct epitem *base;
	wait_queue_entry_t wait;
	wait_queue_head_t *whead; /* NULL: the queue is gone (POLLFREE) */
};

struct epitem {
	struct rb_node rbn;	  /* M */
	struct list_head rdllink; /* L in rdllist, or on the list of a wait under way */
	struct hlist_node fllink; /* file->f_lock, in file->f_ep */
	struct file *file;	  /* - */
	int fd;			  /* - */
	struct eppoll_entry *pwq; /* M */
	struct eventpoll *ep;	  /* - */
	struct epoll_event event; /* M; events also L */
};

extern struct mutex epmutex;

bool is_file_epoll(const struct file *f);
struct epitem *ep_find(struct eventpoll *ep, const struct file *file, int fd);
/* 0, -ENOSPC, -ENOMEM. => mtx held */
int ep_insert(struct eventpoll *ep, const struct epoll_event *event, struct file *file, int fd);
void ep_modify(struct eventpoll *ep, struct epitem *epi, const struct epoll_event *event);
void ep_remove(struct eventpoll *ep, struct epitem *epi); /* => mtx held; frees the item */

/* What of the wanted events holds. => mtx of the item's set held */
unsigned int ep_item_poll(struct epitem *epi, struct poll_table *pt);
/*
 * A look at all that may be ready: start, then item by item with pop_ready(), done. push_ready() puts one back, at the
 * tail or the head, unless a wake-up has done so already. => mtx held throughout
 */
void ep_start_scan(struct eventpoll *ep, struct list_head *txlist);
struct epitem *pop_ready(struct eventpoll *ep, struct list_head *from);
void push_ready(struct eventpoll *ep, struct epitem *epi, struct list_head *to, bool head);
void ep_done_scan(struct eventpoll *ep, struct list_head *txlist);

/* eventpoll_nest.c: makes @ep watch another set. 0, -ELOOP, -EINVAL, or as ep_insert() */
int ctl_add_nested(struct eventpoll *ep, struct epoll_event *event, struct file *file, int fd);
/* 0, -EEXIST, or as ep_insert(); 0, -ENOENT, -EINVAL */
int ctl_add(struct eventpoll *ep, struct epoll_event *event, struct file *file, int fd);
int ctl_change(struct eventpoll *ep, int op, struct epoll_event *event, struct file *file, int fd);
