/*
 * struct pid: the kernel's name for a process, a thread, a process group or a session.
 *
 * 1. A number is taken from a bitmap when a thread is born and goes back when no thread, group or session
 *    carries it any more. Numbers are handed out upwards and start again at RESERVED_PIDS.
 * 2. struct pid outlives the number: who stores one (a terminal's foreground group, a file's owner) holds a
 *    reference and can ask at any time who is still behind it. A reused number gets a new struct pid, so an old
 *    reference never hits a stranger.
 * 3. tasks[type] lists who uses it as: thread (at most one), thread group (its leader), process group, session (leaders).
 *    Lists change under tasklist_lock and are read under it or under RCU.
 *
 * tasklist_lock protects all family ties: parents, children, thread lists, pid lists, exit states. It is taken with interrupts
 * off, so interrupt handlers may send signals to groups; siglock is taken inside it.
 * Mirrors Linux include/linux/pid.h, kernel/pid.c. Exercised by tests/user/process.c.
 */
#pragma once

#include "kernel/rcu.h"
#include "kernel/spinlock.h"
#include "kernel/task.h"
#include "kernel/wait.h"
#include "lib/list.h"
#include "lib/types.h"

enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID, PIDTYPE_MAX };

#define PID_MAX_DEFAULT 0x8000 /* numbers are below it */
#define RESERVED_PIDS	300    /* not used again after the first round */

struct pid {
	int count;			      /* references, atomic */
	pid_t nr;			      /* - */
	struct hlist_head tasks[PIDTYPE_MAX]; /* tasklist_lock; RCU readers */
	struct hlist_node hash;		      /* pidmap_lock; RCU readers */
	wait_queue_head_t wait_pidfd; /* who polls a pidfd: woken when the process has ended */
	struct rcu_head rcu;
};

extern spinlock_t tasklist_lock;
extern struct pid init_struct_pid; /* number 0: the idle tasks */
extern int pid_max;		   /* /proc/sys/kernel/pid_max */

void pid_init(void); /* => slab works, before the first fork */

/*
 * A new number with one reference, which free_pid() drops; want: this one, 0: any. ERR_PTR(-EAGAIN: none is free, -EEXIST: the
 * wanted one is not, -ENOMEM). => may sleep
 */
struct pid *alloc_pid(pid_t want);
/* Gives the number back; the struct goes with its last reference, after a grace period. */
void free_pid(struct pid *pid);
void put_pid(struct pid *pid); /* NULL is fine. => any context */
static inline struct pid *get_pid(struct pid *pid)
{
	if (pid)
		__atomic_add_fetch(&pid->count, 1, __ATOMIC_SEQ_CST);
	return pid;
}

/* => under RCU or tasklist_lock, results valid as long as that is held; NULL: nobody */
struct pid *find_vpid(pid_t nr);
struct pid *find_ge_pid(pid_t nr); /* the first number in use from @nr on */
struct task_struct *pid_task(struct pid *pid, enum pid_type type);
struct task_struct *find_task_by_vpid(pid_t nr); /* the thread @nr */
/* With a reference: put_pid(), put_task_struct(). */
struct pid *find_get_pid(pid_t nr);
struct pid *get_task_pid(struct task_struct *task, enum pid_type type);
struct task_struct *get_pid_task(struct pid *pid, enum pid_type type);
struct task_struct *find_get_task_by_vpid(pid_t nr);

/* The struct pid by which @task is known as @type. => under RCU or tasklist_lock, or for current */
struct pid *task_pid_type(struct task_struct *task, enum pid_type type);
#define task_pid(t)	((t)->thread_pid)
#define task_tgid(t)	task_pid_type(t, PIDTYPE_TGID)
#define task_pgrp(t)	task_pid_type(t, PIDTYPE_PGID)
#define task_session(t) task_pid_type(t, PIDTYPE_SID)

static inline pid_t pid_nr(const struct pid *pid)
{
	return pid ? pid->nr : 0;
}
#define pid_vnr(pid)	 pid_nr(pid)
#define task_pid_nr(t)	 ((t)->pid)
#define task_tgid_nr(t)	 ((t)->tgid)
#define task_pid_vnr(t)	 ((t)->pid)
#define task_tgid_vnr(t) ((t)->tgid)
/* 0 when the task is gone. => any context */
pid_t task_pgrp_nr(struct task_struct *task);
pid_t task_session_nr(struct task_struct *task);
pid_t task_ppid_nr(struct task_struct *task);
pid_t last_pid_nr(void); /* the number handed out last (/proc/loadavg) */
#define task_pgrp_vnr(t)    task_pgrp_nr(t)
#define task_session_vnr(t) task_session_nr(t)

/* Enters @task in, takes it off, or moves it between lists; the last one off frees the number. => tasklist_lock held */
void attach_pid(struct task_struct *task, enum pid_type type);
void detach_pid(struct task_struct *task, enum pid_type type);
void change_pid(struct task_struct *task, enum pid_type type, struct pid *pid);
/* exec by a thread: @new takes the leader's place in the list. */
void transfer_pid(struct task_struct *old, struct task_struct *new, enum pid_type type);

static __always_inline bool thread_group_leader(const struct task_struct *p)
{
	return p->exit_signal >= 0;
}
static __always_inline bool has_group_leader_pid(const struct task_struct *p)
{
	return p->pid == p->tgid;
}
static __always_inline bool same_thread_group(const struct task_struct *a,
					      const struct task_struct *b)
{
	return a->signal == b->signal;
}

/* Processes (leaders), from the one after init_task; threads of one process. => RCU or tasklist_lock */
#define next_task(p)	      list_entry_rcu((p)->tasks.next, struct task_struct, tasks)
#define for_each_process(p)   for ((p) = &init_task; ((p) = next_task(p)) != &init_task;)
#define for_each_thread(p, t) list_for_each_entry_rcu(t, &(p)->signal->thread_head, thread_node)
#define for_each_process_thread(p, t) \
	for_each_process(p)           \
		for_each_thread(p, t)
/* Everyone in a group or session (leaders). => RCU or tasklist_lock */
#define do_each_pid_task(who, type, task) \
	do {                              \
		struct pid *__dp = (who); \
		if (__dp)                 \
			hlist_for_each_entry_rcu((task), &__dp->tasks[type], pid_links[type]) {
#define while_each_pid_task(who, type, task) \
	}                                    \
	}                                    \
	while (0)
