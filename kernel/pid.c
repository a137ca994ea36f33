/*
 * Numbers of processes: handing them out, finding who has one, and the lists of threads, groups and sessions.
 *
 * 1. A bitmap holds the numbers in use. The search goes on from the last one, so a number comes back as late as possible.
 * 2. A hash table of 1024 chains finds struct pid by number under RCU. Numbers run in sequence, so the low bits spread
 *    them evenly and a chain has nr_threads / 1024 members.
 * 3. The number is given back when the last list of a struct pid becomes empty; the struct follows after a grace
 *    period, or later when others still hold references.
 *
 * Locks: pidmap_lock (bitmap and chains) inside tasklist_lock, both with interrupts off.
 * Mirrors Linux kernel/pid.c. Exercised by tests/user/process.c.
 */
#include "kernel/pid.h"

#include "kernel/bug.h"
#include "kernel/signal.h"
#include "lib/bitmap.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/slab/slab.h"

#define PID_HASH_SIZE 1024

DEFINE_SPINLOCK(tasklist_lock);
static DEFINE_SPINLOCK(pidmap_lock);
static unsigned long pidmap[PID_MAX_DEFAULT / BITS_PER_LONG] = { 1 };
static struct hlist_head pid_hash[PID_HASH_SIZE];
static struct kmem_cache *pid_cachep;
static int last_pid;
int pid_max = PID_MAX_DEFAULT;

struct pid init_struct_pid = {
	.count = 1,
	.wait_pidfd = __WAIT_QUEUE_HEAD_INITIALIZER(init_struct_pid.wait_pidfd),
};

void pid_init(void)
{
	pid_cachep =
		kmem_cache_create("pid", sizeof(struct pid), 0, SLAB_PANIC | SLAB_ACCOUNT, NULL);
}

/* The next free number, marked as used; 0: there is none. => pidmap_lock held */
static pid_t pidmap_take(void)
{
	unsigned long limit = clamp(READ_ONCE(pid_max), RESERVED_PIDS + 1, PID_MAX_DEFAULT);
	unsigned long nr = find_next_zero_bit(pidmap, limit, last_pid + 1);

	if (nr >= limit) {
		nr = find_next_zero_bit(pidmap, limit, RESERVED_PIDS);
		if (nr >= limit)
			return 0;
	}
	pidmap[nr / BITS_PER_LONG] |= BIT(nr % BITS_PER_LONG);
	last_pid = nr;
	return nr;
}

/* This number, if it is free. => pidmap_lock held, 0 < want < PID_MAX_DEFAULT */
static pid_t pidmap_take_this(pid_t want)
{
	if (pidmap[want / BITS_PER_LONG] & BIT(want % BITS_PER_LONG))
		return 0;
	pidmap[want / BITS_PER_LONG] |= BIT(want % BITS_PER_LONG);
	return want;
}

pid_t last_pid_nr(void)
{
	return READ_ONCE(last_pid);
}

struct pid *alloc_pid(pid_t want)
{
	struct pid *pid = kmem_cache_alloc(pid_cachep, GFP_KERNEL);

	if (!pid)
		return ERR_PTR(-ENOMEM);
	pid->count = 1;
	for (int type = 0; type < PIDTYPE_MAX; type++)
		INIT_HLIST_HEAD(&pid->tasks[type]);
	init_waitqueue_head(&pid->wait_pidfd);
	spin_lock_irq(&pidmap_lock);
	pid->nr = unlikely(want) ? pidmap_take_this(want) : pidmap_take();
	if (pid->nr)
		hlist_add_head_rcu(&pid->hash, &pid_hash[pid->nr % PID_HASH_SIZE]);
	spin_unlock_irq(&pidmap_lock);
	if (!pid->nr) {
		kmem_cache_free(pid_cachep, pid);
		return ERR_PTR(want ? -EEXIST : -EAGAIN);
	}
	return pid;
}

void put_pid(struct pid *pid)
{
	if (pid && __atomic_sub_fetch(&pid->count, 1, __ATOMIC_SEQ_CST) == 0)
		kmem_cache_free(pid_cachep, pid);
}

static void delayed_put_pid(struct rcu_head *head)
{
	put_pid(container_of(head, struct pid, rcu));
}

void free_pid(struct pid *pid)
{
	unsigned long flags;

	spin_lock_irqsave(&pidmap_lock, flags);
	hlist_del_rcu(&pid->hash);
	pidmap[pid->nr / BITS_PER_LONG] &= ~BIT(pid->nr % BITS_PER_LONG);
	spin_unlock_irqrestore(&pidmap_lock, flags);
	call_rcu(&pid->rcu, delayed_put_pid);
}

struct pid *find_vpid(pid_t nr)
{
	struct pid *pid;

	if (nr <= 0)
		return NULL;
	hlist_for_each_entry_rcu(pid, &pid_hash[nr % PID_HASH_SIZE], hash)
		if (pid->nr == nr)
			return pid;
	return NULL;
}

struct pid *find_ge_pid(pid_t nr)
{
	unsigned long n = nr < 1 ? 1 : nr;

	while ((n = find_next_bit(pidmap, PID_MAX_DEFAULT, n)) < PID_MAX_DEFAULT) {
		struct pid *pid = find_vpid(n);

		if (pid)
			return pid;
		n++;
	}
	return NULL;
}

struct task_struct *pid_task(struct pid *pid, enum pid_type type)
{
	struct hlist_node *first = pid ? rcu_dereference(pid->tasks[type].first) : NULL;

	return first ? hlist_entry(first, struct task_struct, pid_links[type]) : NULL;
}

struct task_struct *find_task_by_vpid(pid_t nr)
{
	return pid_task(find_vpid(nr), PIDTYPE_PID);
}

struct pid *find_get_pid(pid_t nr)
{
	struct pid *pid;

	rcu_read_lock();
	pid = get_pid(find_vpid(nr));
	rcu_read_unlock();
	return pid;
}

static struct pid **task_pid_ptr(struct task_struct *task, enum pid_type type)
{
	return type == PIDTYPE_PID ? &task->thread_pid : &task->signal->pids[type];
}

struct pid *task_pid_type(struct task_struct *task, enum pid_type type)
{
	return rcu_dereference(*task_pid_ptr(task, type));
}

struct pid *get_task_pid(struct task_struct *task, enum pid_type type)
{
	struct pid *pid;

	rcu_read_lock();
	pid = get_pid(task_pid_type(task, type));
	rcu_read_unlock();
	return pid;
}

struct task_struct *get_pid_task(struct pid *pid, enum pid_type type)
{
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(pid, type);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	return task;
}

struct task_struct *find_get_task_by_vpid(pid_t nr)
{
	struct task_struct *task;

	rcu_read_lock();
	task = find_task_by_vpid(nr);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	return task;
}

static pid_t task_pid_nr_type(struct task_struct *task, enum pid_type type)
{
	pid_t nr;

	rcu_read_lock();
	nr = pid_nr(task_pid_type(task, type));
	rcu_read_unlock();
	return nr;
}

pid_t task_pgrp_nr(struct task_struct *task)
{
	return task_pid_nr_type(task, PIDTYPE_PGID);
}

pid_t task_session_nr(struct task_struct *task)
{
	return task_pid_nr_type(task, PIDTYPE_SID);
}

pid_t task_ppid_nr(struct task_struct *task)
{
	pid_t nr;

	rcu_read_lock();
	nr = task_pid(task) ? rcu_dereference(task->real_parent)->tgid : 0;
	rcu_read_unlock();
	return nr;
}

void attach_pid(struct task_struct *task, enum pid_type type)
{
	struct pid *pid = *task_pid_ptr(task, type);

	hlist_add_head_rcu(&task->pid_links[type], &pid->tasks[type]);
}

static void __change_pid(struct task_struct *task, enum pid_type type, struct pid *new)
{
	struct pid **ptr = task_pid_ptr(task, type), *pid = *ptr;

	hlist_del_rcu(&task->pid_links[type]);
	WRITE_ONCE(*ptr, new);
	for (int i = 0; i < PIDTYPE_MAX; i++)
		if (!hlist_empty(&pid->tasks[i]))
			return;
	free_pid(pid);
}

void detach_pid(struct task_struct *task, enum pid_type type)
{
	__change_pid(task, type, NULL);
}

void change_pid(struct task_struct *task, enum pid_type type, struct pid *pid)
{
	__change_pid(task, type, pid);
	attach_pid(task, type);
}

void transfer_pid(struct task_struct *old, struct task_struct *new, enum pid_type type)
{
	struct pid *pid = *task_pid_ptr(old, type);

	hlist_del_rcu(&old->pid_links[type]);
	hlist_add_head_rcu(&new->pid_links[type], &pid->tasks[type]);
}
