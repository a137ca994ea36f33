/*
 * Work queues.
 *
 * 1. work->pending bit 0 belongs to whoever set it from 0: until it is cleared nobody else queues
 *    the item. It is cleared just before the function runs, so the function may queue its own item
 *    again.
 * 2. A queue has workers, which sleep on `more` when the list is empty. queue_work() wakes one; if
 *    all are busy, a manager request makes another one, up to max_active. Threads are created by
 *    kthreadd, so queueing works in any context.
 * 3. A worker shows what it runs (current_work), so that two workers do not run one item at a time:
 *    the second one leaves it in the list until the first is done. flush_work() waits on `done`,
 *    which every finished item wakes.
 *
 * Lock: wq->lock, interrupts off. Mirrors Linux kernel/workqueue.c. Exercised by the kthread suite.
 */
#include "kernel/workqueue.h"

#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/kthread.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "lib/string.h"
#include "mm/phys/gfp.h"
#include "mm/slab/slab.h"

#define WQ_NAME_LEN    24
#define DEFAULT_ACTIVE 16

struct worker {
	struct list_head node; /* wq->workers */
	struct workqueue_struct *wq;
	struct work_struct
		*current_work; /* L what it runs; may be freed by its function, compared only */
	unsigned long seq;     /* L of current_work */
	struct task_struct *task;
};

struct workqueue_struct {
	spinlock_t lock;
	struct list_head works;		  /* L queued items, oldest first */
	struct list_head workers;	  /* L */
	unsigned int nr_workers, nr_idle; /* L */
	unsigned int max_active;	  /* - */
	unsigned int flags;		  /* - */
	bool creating, dying;		  /* L */
	unsigned long seq;		  /* L number of the item queued last */
	wait_queue_head_t more;		  /* workers wait here */
	wait_queue_head_t done;		  /* flushers wait here */
	struct list_head all;		  /* manager_lock */
	char name[WQ_NAME_LEN];
};

struct workqueue_struct *system_wq, *system_unbound_wq, *system_long_wq, *system_highpri_wq;

/* The manager thread makes workers for queues that asked. */
static DEFINE_SPINLOCK(manager_lock);
static LIST_HEAD(all_queues);
static DECLARE_WAIT_QUEUE_HEAD(manager_wait);
static bool manager_needed;

static void call_manager(void)
{
	WRITE_ONCE(manager_needed, true);
	wake_up(&manager_wait);
}

/* Work waits: a sleeping worker takes it, or a new one. */
static void call_helper(struct workqueue_struct *wq)
{
	if (READ_ONCE(wq->nr_idle))
		wake_up(&wq->more);
	if (!waitqueue_active(&wq->more) && READ_ONCE(wq->nr_workers) < wq->max_active)
		call_manager();
}

/* First item that no worker is running. => wq->lock held */
static struct work_struct *next_work(struct workqueue_struct *wq)
{
	struct work_struct *work;
	struct worker *w;

	list_for_each_entry(work, &wq->works, entry) {
		bool busy = false;

		list_for_each_entry(w, &wq->workers, node)
			busy |= w->current_work == work;
		if (!busy)
			return work;
	}
	return NULL;
}

static void run_work(struct worker *me, struct work_struct *work)
{
	struct workqueue_struct *wq = me->wq;
	work_func_t func = work->func;
	bool more;

	list_del_init(&work->entry);
	me->current_work = work;
	me->seq = work->seq;
	__atomic_and_fetch(&work->pending, ~1UL, __ATOMIC_SEQ_CST);
	/* This item may wait for the next one: somebody else has to run that. */
	more = next_work(wq);
	spin_unlock_irq(&wq->lock);
	if (more)
		call_helper(wq);
	func(work);
	cond_resched();
	spin_lock_irq(&wq->lock);
	me->current_work = NULL;
	if (waitqueue_active(&wq->done))
		wake_up_all(&wq->done);
}

static int worker_thread(void *arg)
{
	struct worker *me = arg;
	struct workqueue_struct *wq = me->wq;
	struct work_struct *work;

	spin_lock_irq(&wq->lock);
	for (;;) {
		DEFINE_WAIT(wait);

		while ((work = next_work(wq)))
			run_work(me, work);
		if (wq->dying)
			break;
		wq->nr_idle++;
		prepare_to_wait_exclusive(&wq->more, &wait, TASK_IDLE);
		spin_unlock_irq(&wq->lock);
		schedule();
		spin_lock_irq(&wq->lock);
		finish_wait(&wq->more, &wait);
		wq->nr_idle--;
	}
	list_del(&me->node);
	if (!--wq->nr_workers)
		wake_up_all(&wq->done);
	spin_unlock_irq(&wq->lock);
	kfree(me);
	return 0;
}

static int create_worker(struct workqueue_struct *wq)
{
	struct worker *w = kzalloc(sizeof(*w), GFP_KERNEL);

	if (!w)
		return -ENOMEM;
	w->wq = wq;
	w->task = kthread_create(worker_thread, w, "kworker/%s", wq->name);
	if (IS_ERR(w->task)) {
		int err = PTR_ERR(w->task);

		kfree(w);
		return err;
	}
	spin_lock_irq(&wq->lock);
	list_add_tail(&w->node, &wq->workers);
	wq->nr_workers++;
	spin_unlock_irq(&wq->lock);
	if (wq->flags & WQ_HIGHPRI)
		set_user_nice(w->task, MIN_NICE);
	wake_up_process(w->task);
	return 0;
}

/* A queue that wants a worker, marked as being served. */
static struct workqueue_struct *queue_in_need(void)
{
	struct workqueue_struct *wq;

	guard(spinlock_irqsave)(&manager_lock);
	list_for_each_entry(wq, &all_queues, all) {
		bool need;

		spin_lock(&wq->lock);
		need = !list_empty(&wq->works) && !wq->nr_idle && wq->nr_workers < wq->max_active &&
		       !wq->creating && !wq->dying;
		if (need)
			wq->creating = true;
		spin_unlock(&wq->lock);
		if (need)
			return wq;
	}
	return NULL;
}

static int manager_thread(void *unused)
{
	struct workqueue_struct *wq;

	for (;;) {
		wait_event_idle(manager_wait, READ_ONCE(manager_needed));
		WRITE_ONCE(manager_needed, false);
		smp_mb();
		while ((wq = queue_in_need())) {
			int err = create_worker(wq);

			spin_lock_irq(&wq->lock);
			wq->creating = false;
			wake_up_all(&wq->done);
			spin_unlock_irq(&wq->lock);
			if (err) {
				/*
				 * The workers there are go on; without any, try again when there
				 * may be memory.
				 */
				schedule_timeout_idle(HZ / 10);
				WRITE_ONCE(manager_needed, true);
				break;
			}
		}
	}
	return 0;
}

/* ---- queueing ---- */

static bool claim(struct work_struct *work)
{
	return !(__atomic_fetch_or(&work->pending, 1UL, __ATOMIC_SEQ_CST) & 1);
}

/* => pending claimed */
static void insert_work(struct workqueue_struct *wq, struct work_struct *work)
{
	unsigned long flags;

	spin_lock_irqsave(&wq->lock, flags);
	WRITE_ONCE(work->wq, wq);
	work->seq = ++wq->seq;
	list_add_tail(&work->entry, &wq->works);
	spin_unlock_irqrestore(&wq->lock, flags);
	call_helper(wq);
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	if (!claim(work))
		return false;
	insert_work(wq, work);
	return true;
}

void delayed_work_timer_fn(struct timer_list *t)
{
	struct delayed_work *dw = from_timer(dw, t, timer);

	insert_work(dw->wq, &dw->work);
}

static void start_delayed(struct workqueue_struct *wq, struct delayed_work *dw, unsigned long delay)
{
	dw->wq = wq;
	if (delay)
		mod_timer(&dw->timer, jiffies + delay);
	else
		insert_work(wq, &dw->work);
}

bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, unsigned long delay)
{
	if (!claim(&dw->work))
		return false;
	start_delayed(wq, dw, delay);
	return true;
}

/* Takes a queued item out of its list: true if it was in one. It stays claimed by the caller. */
static bool steal(struct work_struct *work)
{
	struct workqueue_struct *wq = READ_ONCE(work->wq);
	bool was = false;

	if (!wq)
		return false;
	guard(spinlock_irqsave)(&wq->lock);
	if (work->wq == wq && !list_empty(&work->entry)) {
		list_del_init(&work->entry);
		if (waitqueue_active(&wq->done))
			wake_up_all(&wq->done);
		was = true;
	}
	return was;
}

/*
 * Takes the item back, whether its timer runs or it is queued; claims it. True if it was waiting.
 */
static bool grab(struct work_struct *work, struct delayed_work *dw)
{
	for (;;) {
		if (dw && del_timer(&dw->timer))
			return true;
		if (claim(work))
			return false;
		if (steal(work))
			return true;
		cpu_relax(); /* its timer fires, or a worker has just taken it */
	}
}

bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, unsigned long delay)
{
	bool was = grab(&dw->work, dw);

	start_delayed(wq, dw, delay);
	return was;
}

/* ---- flushing and cancelling ---- */

static bool work_running(struct workqueue_struct *wq, struct work_struct *work)
{
	struct worker *w;

	guard(spinlock_irqsave)(&wq->lock);
	list_for_each_entry(w, &wq->workers, node)
		if (w->current_work == work)
			return true;
	return false;
}

static bool work_busy(struct workqueue_struct *wq, struct work_struct *work)
{
	struct worker *w;

	guard(spinlock_irqsave)(&wq->lock);
	if (!list_empty(&work->entry))
		return true;
	list_for_each_entry(w, &wq->workers, node)
		if (w->current_work == work)
			return true;
	return false;
}

bool flush_work(struct work_struct *work)
{
	struct workqueue_struct *wq = READ_ONCE(work->wq);

	might_sleep();
	if (!wq || !work_busy(wq, work))
		return false;
	wait_event(wq->done, !work_busy(wq, work));
	return true;
}

bool flush_delayed_work(struct delayed_work *dw)
{
	if (del_timer_sync(&dw->timer))
		insert_work(dw->wq, &dw->work);
	return flush_work(&dw->work);
}

static bool cancel_sync(struct work_struct *work, struct delayed_work *dw)
{
	bool was = grab(work, dw);
	struct workqueue_struct *wq = READ_ONCE(work->wq);

	might_sleep();
	/* Still claimed: a running function cannot queue it again before we are done. */
	if (wq)
		wait_event(wq->done, !work_running(wq, work));
	__atomic_and_fetch(&work->pending, ~1UL, __ATOMIC_SEQ_CST);
	return was;
}

bool cancel_work_sync(struct work_struct *work)
{
	return cancel_sync(work, NULL);
}

bool cancel_delayed_work_sync(struct delayed_work *dw)
{
	return cancel_sync(&dw->work, dw);
}

bool cancel_delayed_work(struct delayed_work *dw)
{
	bool was = grab(&dw->work, dw);

	__atomic_and_fetch(&dw->work.pending, ~1UL, __ATOMIC_SEQ_CST);
	return was;
}

/* Nothing up to number @seq waits or runs any more. */
static bool done_until(struct workqueue_struct *wq, unsigned long seq)
{
	struct work_struct *work;
	struct worker *w;

	guard(spinlock_irqsave)(&wq->lock);
	list_for_each_entry(work, &wq->works, entry)
		if (work->seq <= seq)
			return false;
	list_for_each_entry(w, &wq->workers, node)
		if (w->current_work && w->seq <= seq)
			return false;
	return true;
}

void flush_workqueue(struct workqueue_struct *wq)
{
	unsigned long until;

	might_sleep();
	spin_lock_irq(&wq->lock);
	until = wq->seq;
	spin_unlock_irq(&wq->lock);
	wait_event(wq->done, done_until(wq, until));
}

/* ---- making and ending queues ---- */

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags, int max_active)
{
	struct workqueue_struct *wq = kzalloc(sizeof(*wq), GFP_KERNEL);

	if (!wq)
		return NULL;
	spin_lock_init(&wq->lock);
	INIT_LIST_HEAD(&wq->works);
	INIT_LIST_HEAD(&wq->workers);
	init_waitqueue_head(&wq->more);
	init_waitqueue_head(&wq->done);
	wq->flags = flags;
	wq->max_active = max_active ? max_active : DEFAULT_ACTIVE;
	strscpy(wq->name, name, sizeof(wq->name));
	if ((flags & WQ_MEM_RECLAIM) && create_worker(wq)) {
		kfree(wq);
		return NULL;
	}
	spin_lock_irq(&manager_lock);
	list_add_tail(&wq->all, &all_queues);
	spin_unlock_irq(&manager_lock);
	return wq;
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	flush_workqueue(wq);
	spin_lock_irq(&manager_lock);
	list_del(&wq->all);
	spin_unlock_irq(&manager_lock);
	spin_lock_irq(&wq->lock);
	wq->dying = true;
	spin_unlock_irq(&wq->lock);
	wake_up_all(&wq->more);
	wait_event(wq->done, !READ_ONCE(wq->nr_workers) && !READ_ONCE(wq->creating));
	/* The last worker, or the manager, still holds the lock while it wakes us. */
	spin_lock_irq(&wq->lock);
	spin_unlock_irq(&wq->lock);
	kfree(wq);
}

void __init workqueue_init(void)
{
	struct task_struct *t = kthread_run(manager_thread, NULL, "kworker/manager");

	if (IS_ERR(t))
		panic("workqueue: no memory for the first thread");
	system_wq = alloc_workqueue("events", 0, 0);
	system_unbound_wq = alloc_workqueue("unbound", WQ_UNBOUND, 0);
	system_long_wq = alloc_workqueue("long", 0, 0);
	system_highpri_wq = alloc_workqueue("highpri", WQ_HIGHPRI, 0);
	if (!system_wq || !system_unbound_wq || !system_long_wq || !system_highpri_wq)
		panic("workqueue: no memory for the system's queues");
}
