/*
 * Work queues: functions that run later in process context.
 *
 * 1. A work item is queued at most once; when its function runs it may already be queued again. The
 *    same item never runs twice at a time.
 * 2. A queue is a list and up to max_active kernel threads that serve it; threads are made when
 *    work waits and all are busy.
 *
 * Lock: workqueue_struct.lock, interrupts off. Mirrors Linux include/linux/workqueue.h. Exercised
 * by the kthread suite.
 */
#pragma once

#include "kernel/timer.h"
#include "lib/list.h"
#include "lib/types.h"

struct work_struct;
struct workqueue_struct;
typedef void (*work_func_t)(struct work_struct *work);

struct work_struct {
	unsigned long pending;	/* bit 0: queued or its timer runs */
	struct list_head entry; /* queue lock */
	work_func_t func;
	struct workqueue_struct *wq; /* queue it was last put on */
	unsigned long seq;	     /* queue lock; its number there */
};

struct delayed_work {
	struct work_struct work;
	struct timer_list timer;
	struct workqueue_struct *wq;
};

#define __WORK_INITIALIZER(n, f)                                              \
	{                                                                     \
		.pending = 0, .entry = LIST_HEAD_INIT((n).entry), .func = (f) \
	}
#define DECLARE_WORK(n, f)	 struct work_struct n = __WORK_INITIALIZER(n, f)
#define INIT_WORK(w, f)		 (*(w) = (struct work_struct)__WORK_INITIALIZER(*(w), f))
#define INIT_WORK_ONSTACK(w, f)	 INIT_WORK(w, f)
#define destroy_work_on_stack(w) ((void)(w))
void delayed_work_timer_fn(struct timer_list *t);
#define INIT_DELAYED_WORK(dw, f)                                     \
	do {                                                         \
		INIT_WORK(&(dw)->work, f);                           \
		timer_setup(&(dw)->timer, delayed_work_timer_fn, 0); \
	} while (0)

static inline struct delayed_work *to_delayed_work(struct work_struct *w)
{
	return container_of(w, struct delayed_work, work);
}

#define WQ_UNBOUND     2
#define WQ_MEM_RECLAIM 8
#define WQ_HIGHPRI     16
#define WQ_FREEZABLE   4
extern struct workqueue_struct *system_wq, *system_unbound_wq, *system_long_wq, *system_highpri_wq;

/*
 * max_active 0: 16. NULL without memory. WQ_MEM_RECLAIM: its first thread exists from the start. =>
 * may sleep
 */
struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags, int max_active);
#define alloc_ordered_workqueue(name, flags) alloc_workqueue(name, flags, 1)
#define create_singlethread_workqueue(name)  alloc_workqueue(name, WQ_MEM_RECLAIM, 1)
void destroy_workqueue(struct workqueue_struct *wq);

/* False if it was queued already. => any context */
bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, unsigned long delay);
/* Changes the delay of one that waits, or queues it: true if it was waiting. */
bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, unsigned long delay);
#define schedule_work(w)		 queue_work(system_wq, w)
#define schedule_delayed_work(dw, delay) queue_delayed_work(system_wq, dw, delay)
/*
 * => may sleep, not from the work itself. True if it had to wait (flush) or it was queued (cancel).
 */
bool flush_work(struct work_struct *work);
bool flush_delayed_work(struct delayed_work *dw);
bool cancel_work_sync(struct work_struct *work);
bool cancel_delayed_work(struct delayed_work *dw); /* does not wait for a running function */
bool cancel_delayed_work_sync(struct delayed_work *dw);
void flush_workqueue(struct workqueue_struct *wq);
#define drain_workqueue(wq)	 flush_workqueue(wq)
#define work_pending(w)		 (READ_ONCE((w)->pending) & 1)
#define delayed_work_pending(dw) work_pending(&(dw)->work)

void workqueue_init(void); /* after kthreadd */
