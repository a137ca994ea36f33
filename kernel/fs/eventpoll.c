/*
 * epoll: a file that watches many files, and keeps a list of those that may be ready.
 *
 * 1. Each watched (file, descriptor number) is an epitem in the set's tree. It puts entries on the wait queues that the
 *    file's ->poll names. A wake-up there calls ep_poll_callback(), which puts the item on the ready list and wakes
 *    whoever waits for the set: a wait costs what is ready, not what is watched.
 * 2. An item on the ready list is only a guess. epoll_wait takes it off, asks the file, and reports what holds now. A
 *    level-triggered item that was reported goes back to the tail, an edge-triggered one waits for the next wake-up, a
 *    one-shot one is switched off (no events but EP_PRIVATE_BITS) until EPOLL_CTL_MOD.
 * 3. An epoll file can be watched itself. Chains have at most EP_MAX_NESTS links and no circles: that is checked, with
 *    epmutex held, before a link is made. So a wake-up that runs up a chain comes to an end, and takes the locks of
 *    one kind (ep->mtx, poll_wait.lock) in the order of the chain.
 * 4. An item holds no reference on its file. The last fput() takes the items out of their sets first; that, and the end
 *    of a set, exclude each other by epmutex. A file with count 0 may still be asked under ep->mtx until that is done.
 *
 * Legend: M ep->mtx; L ep->lock; E epmutex.
 * Locks: epmutex > ep->mtx > (the watched file's) > its wait queue's lock > ep->lock > ep->wq.lock; after ep->lock was
 * dropped, ep->poll_wait.lock. User memory is written under ep->mtx: a file that can be polled cannot be mapped.
 * Mirrors Linux fs/eventpoll.c. Exercised by tests/user/epolls.c.
 */
#include "kernel/fs/eventpoll_internal.h"

#include "arch/x86/uaccess.h"
#include "kernel/fs/anon_inodes.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/fs/seq_file.h"
#include "kernel/init.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"

struct ep_pqueue {
	struct poll_table pt;
	struct epitem *epi; /* NULL: no memory for an entry */
};

DEFINE_MUTEX(epmutex);
static struct kmem_cache *epi_cache, *pwq_cache;
static atomic_long_t nr_watches;
static int max_watches;
static const struct file_operations eventpoll_fops;

bool is_file_epoll(const struct file *f)
{
	return f->f_op == &eventpoll_fops;
}

/* ---- the tree ---- */

static int cmp_item(const struct file *file, int fd, const struct epitem *epi)
{
	if (file != epi->file)
		return file < epi->file ? -1 : 1;
	return fd - epi->fd;
}

struct epitem *ep_find(struct eventpoll *ep, const struct file *file, int fd)
{
	struct rb_node *n = ep->rbr.rb_node;

	while (n) {
		struct epitem *epi = rb_entry(n, struct epitem, rbn);
		int c = cmp_item(file, fd, epi);

		if (!c)
			return epi;
		n = c < 0 ? n->rb_left : n->rb_right;
	}
	return NULL;
}

static void ep_rbtree_insert(struct eventpoll *ep, struct epitem *epi)
{
	struct rb_node **link = &ep->rbr.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = cmp_item(epi->file, epi->fd, rb_entry(parent, struct epitem, rbn)) < 0
			       ? &parent->rb_left
			       : &parent->rb_right;
	}
	rb_link_node(&epi->rbn, parent, link);
	rb_insert_color(&epi->rbn, &ep->rbr);
}

/* ---- wake-ups ---- */

/* Who watches the set learns of it. Sets that watch sets: the locks nest in the order of the chain. */
static void ep_poll_safewake(struct eventpoll *ep)
{
	unsigned long flags;

	local_irq_save(flags);
	spin_lock_nested(&ep->poll_wait.lock, 1);
	__wake_up_locked_key(&ep->poll_wait, TASK_NORMAL, poll_to_key(EPOLLIN));
	spin_unlock(&ep->poll_wait.lock);
	local_irq_restore(flags);
}

/* Does waking one waiter of the set for these events use up an exclusive wake-up? */
static bool counts_as_woken(const struct epitem *epi, unsigned int happened)
{
	unsigned int events = epi->event.events;

	if (!(events & EPOLLEXCLUSIVE) || (happened & POLLFREE))
		return false;
	switch (happened & EPOLLINOUT_BITS) {
	case EPOLLIN:
		return events & EPOLLIN;
	case EPOLLOUT:
		return events & EPOLLOUT;
	case 0:
		return true;
	}
	return false;
}

/* Something happened to a watched file. => its queue's lock held, interrupts off */
static int ep_poll_callback(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct eppoll_entry *pwq = container_of(wait, struct eppoll_entry, wait);
	struct epitem *epi = pwq->base;
	struct eventpoll *ep = epi->ep;
	unsigned int happened = key_to_poll(key);
	bool wake_pollers = false, woken = false;
	unsigned long flags;

	spin_lock_irqsave(&ep->lock, flags);
	if ((epi->event.events & ~EP_PRIVATE_BITS) &&
	    (!happened || (happened & epi->event.events))) {
		if (list_empty(&epi->rdllink))
			list_add_tail(&epi->rdllink, &ep->rdllist);
		if (waitqueue_active(&ep->wq)) {
			woken = counts_as_woken(epi, happened);
			wake_up(&ep->wq);
		}
		wake_pollers = waitqueue_active(&ep->poll_wait);
	}
	if (!(epi->event.events & EPOLLEXCLUSIVE))
		woken = true;
	spin_unlock_irqrestore(&ep->lock, flags);
	if (wake_pollers)
		ep_poll_safewake(ep);
	if (happened & POLLFREE) {
		list_del_init(&wait->entry);
		/* From here on the item may go, and this entry with it. */
		smp_store_release(&pwq->whead, NULL);
	}
	return woken;
}

static void ep_ptable_queue(struct file *file, wait_queue_head_t *whead, struct poll_table *pt)
{
	struct ep_pqueue *epq = container_of(pt, struct ep_pqueue, pt);
	struct epitem *epi = epq->epi;
	struct eppoll_entry *pwq;

	if (!epi)
		return;
	pwq = kmem_cache_alloc(pwq_cache, GFP_KERNEL);
	if (!pwq) {
		epq->epi = NULL;
		return;
	}
	init_waitqueue_func_entry(&pwq->wait, ep_poll_callback);
	pwq->whead = whead;
	pwq->base = epi;
	pwq->next = epi->pwq;
	epi->pwq = pwq;
	if (epi->event.events & EPOLLEXCLUSIVE)
		add_wait_queue_exclusive(whead, &pwq->wait);
	else
		add_wait_queue(whead, &pwq->wait);
}

/* => ep->mtx held */
static void ep_unregister_pollwait(struct epitem *epi)
{
	struct eppoll_entry *pwq;

	while ((pwq = epi->pwq)) {
		wait_queue_head_t *whead;

		epi->pwq = pwq->next;
		rcu_read_lock();
		/* A queue that is just going (POLLFREE) keeps being one until the end of the grace period. */
		whead = smp_load_acquire(&pwq->whead);
		if (whead)
			remove_wait_queue(whead, &pwq->wait);
		rcu_read_unlock();
		kmem_cache_free(pwq_cache, pwq);
	}
}

/* ---- asking the files ---- */

static unsigned int ep_poll_set(struct eventpoll *ep, bool nested);

/* What of the wanted events holds. => mtx of the item's set held */
unsigned int ep_item_poll(struct epitem *epi, struct poll_table *pt)
{
	struct file *file = epi->file;
	struct eventpoll *inner;

	if (pt)
		pt->key = epi->event.events;
	if (!is_file_epoll(file))
		return vfs_poll(file, pt) & epi->event.events;
	inner = file->private_data;
	poll_wait(file, &inner->poll_wait, pt);
	return ep_poll_set(inner, true) & epi->event.events;
}

/* The next item of a list that was taken from rdllist, off it; NULL: none is left. */
struct epitem *pop_ready(struct eventpoll *ep, struct list_head *from)
{
	struct epitem *epi;

	guard(spinlock_irqsave)(&ep->lock);
	epi = list_first_entry_or_null(from, struct epitem, rdllink);
	if (epi)
		list_del_init(&epi->rdllink);
	return epi;
}

/* At the tail (or the head) of the ready items, unless a wake-up has put it there already. */
void push_ready(struct eventpoll *ep, struct epitem *epi, struct list_head *to, bool head)
{
	guard(spinlock_irqsave)(&ep->lock);
	if (!list_empty(&epi->rdllink))
		return;
	if (head)
		list_add(&epi->rdllink, to);
	else
		list_add_tail(&epi->rdllink, to);
}

/* All that is ready now goes to @txlist. => ep->mtx held */
void ep_start_scan(struct eventpoll *ep, struct list_head *txlist)
{
	guard(spinlock_irqsave)(&ep->lock);
	list_splice_init(&ep->rdllist, txlist);
	WRITE_ONCE(ep->scanning, true);
}

/* What was not looked at comes first the next time; who waits may take it at once. */
void ep_done_scan(struct eventpoll *ep, struct list_head *txlist)
{
	guard(spinlock_irqsave)(&ep->lock);
	list_splice(txlist, &ep->rdllist);
	WRITE_ONCE(ep->scanning, false);
	if (!list_empty(&ep->rdllist) && waitqueue_active(&ep->wq))
		wake_up(&ep->wq);
}

/* EPOLLIN if something in the set is ready; guesses that were wrong are dropped. */
static unsigned int ep_poll_set(struct eventpoll *ep, bool nested)
{
	unsigned int ret = 0;
	struct epitem *epi;
	LIST_HEAD(txlist);

	if (nested)
		mutex_lock_nested(&ep->mtx, 1);
	else
		mutex_lock(&ep->mtx);
	ep_start_scan(ep, &txlist);
	while (!ret && (epi = pop_ready(ep, &txlist))) {
		if (ep_item_poll(epi, NULL)) {
			push_ready(ep, epi, &txlist, true);
			ret = EPOLLIN | EPOLLRDNORM;
		}
	}
	ep_done_scan(ep, &txlist);
	mutex_unlock(&ep->mtx);
	return ret;
}

static unsigned int ep_eventpoll_poll(struct file *file, struct poll_table *wait)
{
	struct eventpoll *ep = file->private_data;

	poll_wait(file, &ep->poll_wait, wait);
	return ep_poll_set(ep, false);
}

/* ---- adding, changing, removing ---- */

/* => ep->mtx held */
void ep_remove(struct eventpoll *ep, struct epitem *epi)
{
	struct file *file = epi->file;
	unsigned long flags;

	ep_unregister_pollwait(epi);
	/* As soon as the file's list is empty its last fput() may go on: nothing of it is used after this. */
	spin_lock(&file->f_lock);
	hlist_del_init(&epi->fllink);
	spin_unlock(&file->f_lock);
	rb_erase(&epi->rbn, &ep->rbr);
	spin_lock_irqsave(&ep->lock, flags);
	if (!list_empty(&epi->rdllink))
		list_del_init(&epi->rdllink);
	spin_unlock_irqrestore(&ep->lock, flags);
	kmem_cache_free(epi_cache, epi);
	atomic_long_dec(&nr_watches);
}

void eventpoll_release(struct file *file)
{
	struct epitem *epi;

	mutex_lock(&epmutex);
	for (;;) {
		struct eventpoll *ep;

		spin_lock(&file->f_lock);
		epi = hlist_entry_safe(file->f_ep.first, struct epitem, fllink);
		spin_unlock(&file->f_lock);
		if (!epi)
			break;
		/* EPOLL_CTL_DEL takes no epmutex, but the item's set stays: its end does. */
		ep = epi->ep;
		mutex_lock(&ep->mtx);
		if (ep_find(ep, file, epi->fd) == epi)
			ep_remove(ep, epi);
		mutex_unlock(&ep->mtx);
	}
	mutex_unlock(&epmutex);
}

static int ep_eventpoll_release(struct inode *inode, struct file *file)
{
	struct eventpoll *ep = file->private_data;
	struct rb_node *n;

	mutex_lock(&epmutex);
	mutex_lock(&ep->mtx);
	while ((n = rb_first(&ep->rbr))) {
		ep_remove(ep, rb_entry(n, struct epitem, rbn));
		cond_resched();
	}
	mutex_unlock(&ep->mtx);
	mutex_unlock(&epmutex);
	kfree(ep);
	return 0;
}

/* A ready item is announced to everybody. => ep->mtx held */
static void ep_announce(struct eventpoll *ep, struct epitem *epi)
{
	bool pollers;

	scoped_guard(spinlock_irqsave, &ep->lock) {
		if (!list_empty(&epi->rdllink))
			return;
		list_add_tail(&epi->rdllink, &ep->rdllist);
		if (waitqueue_active(&ep->wq))
			wake_up(&ep->wq);
		pollers = waitqueue_active(&ep->poll_wait);
	}
	if (pollers)
		ep_poll_safewake(ep);
}

int ep_insert(struct eventpoll *ep, const struct epoll_event *event, struct file *file, int fd)
{
	struct ep_pqueue epq;
	struct epitem *epi;
	unsigned int ready;

	if (atomic_long_inc_return(&nr_watches) > READ_ONCE(max_watches)) {
		atomic_long_dec(&nr_watches);
		return -ENOSPC;
	}
	epi = kmem_cache_zalloc(epi_cache, GFP_KERNEL);
	if (!epi) {
		atomic_long_dec(&nr_watches);
		return -ENOMEM;
	}
	INIT_LIST_HEAD(&epi->rdllink);
	epi->file = file;
	epi->fd = fd;
	epi->ep = ep;
	epi->event = *event;
	spin_lock(&file->f_lock);
	hlist_add_head(&epi->fllink, &file->f_ep);
	spin_unlock(&file->f_lock);
	ep_rbtree_insert(ep, epi);
	epq.epi = epi;
	epq.pt.queue = ep_ptable_queue;
	ready = ep_item_poll(epi, &epq.pt);
	if (!epq.epi) {
		ep_remove(ep, epi);
		return -ENOMEM;
	}
	if (ready)
		ep_announce(ep, epi);
	return 0;
}

void ep_modify(struct eventpoll *ep, struct epitem *epi, const struct epoll_event *event)
{
	scoped_guard(spinlock_irqsave, &ep->lock)
		epi->event = *event;
	/* What happened before a callback saw the new events must be seen by the question that follows. */
	smp_mb();
	if (ep_item_poll(epi, NULL))
		ep_announce(ep, epi);
}

/* ---- epoll_ctl ---- */

int ctl_add(struct eventpoll *ep, struct epoll_event *event, struct file *file, int fd)
{
	int err;

	mutex_lock(&ep->mtx);
	err = ep_find(ep, file, fd) ? -EEXIST : ep_insert(ep, event, file, fd);
	mutex_unlock(&ep->mtx);
	return err;
}

int ctl_change(struct eventpoll *ep, int op, struct epoll_event *event, struct file *file, int fd)
{
	struct epitem *epi;
	int err = 0;

	mutex_lock(&ep->mtx);
	epi = ep_find(ep, file, fd);
	if (!epi) {
		err = -ENOENT;
	} else if (op == EPOLL_CTL_DEL) {
		ep_remove(ep, epi);
	} else if (epi->event.events & EPOLLEXCLUSIVE) {
		err = -EINVAL;
	} else {
		event->events |= EPOLLERR | EPOLLHUP;
		ep_modify(ep, epi, event);
	}
	mutex_unlock(&ep->mtx);
	return err;
}

static int do_epoll_ctl(struct file *epfile, int op, struct epoll_event *event, struct file *file,
			int fd)
{
	if (!file->f_op->poll)
		return -EPERM;
	if (op != EPOLL_CTL_DEL && (event->events & EPOLLWAKEUP) && !capable(CAP_BLOCK_SUSPEND))
		event->events &= ~EPOLLWAKEUP;
	if (file == epfile || !is_file_epoll(epfile))
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && (event->events & EPOLLEXCLUSIVE)) {
		if (op == EPOLL_CTL_MOD)
			return -EINVAL;
		if (op == EPOLL_CTL_ADD &&
		    (is_file_epoll(file) || (event->events & ~EPOLLEXCLUSIVE_OK)))
			return -EINVAL;
	}
	if (op == EPOLL_CTL_ADD) {
		event->events |= EPOLLERR | EPOLLHUP;
		return is_file_epoll(file) ? ctl_add_nested(epfile->private_data, event, file, fd)
					   : ctl_add(epfile->private_data, event, file, fd);
	}
	if (op == EPOLL_CTL_DEL || op == EPOLL_CTL_MOD)
		return ctl_change(epfile->private_data, op, event, file, fd);
	return -EINVAL;
}

static long sys_epoll_ctl(int epfd, int op, int fd, struct epoll_event __user *uevent)
{
	struct epoll_event event = { 0 };
	struct fd f, target;
	long err = -EBADF;

	if (op != EPOLL_CTL_DEL && copy_from_user(&event, uevent, sizeof(event)))
		return -EFAULT;
	f = fdget(epfd);
	if (!f.file)
		return -EBADF;
	target = fdget(fd);
	if (target.file) {
		err = do_epoll_ctl(f.file, op, &event, target.file, fd);
		fdput(target);
	}
	fdput(f);
	return err;
}
SYSCALL(233, epoll_ctl);

/* ---- making one ---- */

static void ep_show_fdinfo(struct seq_file *m, struct file *f)
{
	struct eventpoll *ep = f->private_data;
	struct rb_node *n;

	mutex_lock(&ep->mtx);
	for (n = rb_first(&ep->rbr); n; n = rb_next(n)) {
		struct epitem *epi = rb_entry(n, struct epitem, rbn);
		struct inode *inode = file_inode(epi->file);

		seq_printf(m, "tfd: %8d events: %8x data: %16llx  pos:%lli ino:%llx sdev:%x\n",
			   epi->fd, epi->event.events, epi->event.data, epi->file->f_pos,
			   inode->i_ino, inode->i_sb->s_dev);
	}
	mutex_unlock(&ep->mtx);
}

static const struct file_operations eventpoll_fops = {
	.release = ep_eventpoll_release,
	.poll = ep_eventpoll_poll,
	.llseek = noop_llseek,
	.show_fdinfo = ep_show_fdinfo,
};

static long do_epoll_create(int flags)
{
	struct eventpoll *ep;
	struct file *file;
	int fd;

	if (flags & ~O_CLOEXEC)
		return -EINVAL;
	ep = kzalloc(sizeof(*ep), GFP_KERNEL);
	if (!ep)
		return -ENOMEM;
	mutex_init(&ep->mtx);
	spin_lock_init(&ep->lock);
	init_waitqueue_head(&ep->wq);
	init_waitqueue_head(&ep->poll_wait);
	INIT_LIST_HEAD(&ep->rdllist);
	ep->rbr = RB_ROOT;
	fd = get_unused_fd_flags(flags);
	if (fd < 0) {
		kfree(ep);
		return fd;
	}
	file = anon_inode_getfile("[eventpoll]", &eventpoll_fops, ep, O_RDWR);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		kfree(ep);
		return PTR_ERR(file);
	}
	ep->file = file;
	fd_install(fd, file);
	return fd;
}

static long sys_epoll_create1(int flags)
{
	return do_epoll_create(flags);
}
SYSCALL(291, epoll_create1);

static long sys_epoll_create(int size)
{
	return size <= 0 ? -EINVAL : do_epoll_create(0);
}
SYSCALL(213, epoll_create);

/* /proc/sys/fs/epoll/max_user_watches: 4 % of memory may go into items. */
static int eventpoll_init(void)
{
	unsigned long room = (totalram_pages() << PAGE_SHIFT) / 25;
	struct proc_dir_entry *dir = proc_sys_dir("fs");

	max_watches = min(room / (sizeof(struct epitem) + sizeof(struct eppoll_entry)),
			  (unsigned long)INT_MAX);
	epi_cache = kmem_cache_create("eventpoll_epi", sizeof(struct epitem), 0,
				      SLAB_HWCACHE_ALIGN | SLAB_PANIC, NULL);
	pwq_cache = kmem_cache_create("eventpoll_pwq", sizeof(struct eppoll_entry), 0, SLAB_PANIC,
				      NULL);
	dir = dir ? proc_mkdir("epoll", dir) : NULL;
	if (!dir)
		return -ENOMEM;
	proc_create_int("max_user_watches", 0644, dir, &max_watches, 0, INT_MAX);
	return 0;
}
fs_initcall(eventpoll_init);
