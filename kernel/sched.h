/*
 * The scheduler as the rest of the kernel sees it: sleeping, waking, being born, being charged.
 *
 * 1. Each CPU has a run queue. A task belongs to the queue of task->cpu, waiting there or running.
 *    Kernel code is never preempted; user code is, on the way back to user mode, when
 *    TIF_NEED_RESCHED is set. Long kernel loops call cond_resched().
 * 2. To sleep: set_current_state(STATE), look at the condition, schedule(). try_to_wake_up() makes
 *    a task whose state is in the given set runnable; both go through the run-queue lock, so no
 *    wake-up is lost.
 * 3. Fairness: time is cut into epochs. In each, a runnable task may use a slice of time weighted
 *    by its nice level; who has used it up waits for the next epoch. Everything is O(1).
 *    kernel/sched/fair.c tells the whole story.
 * 4. Real-time tasks (SCHED_FIFO, SCHED_RR) go before all others.
 *
 * Locks: rq->lock (interrupts off) is the innermost lock of the kernel. Nothing is taken under it
 * but another rq->lock, in address order.
 * Mirrors Linux include/linux/sched.h, kernel/sched/. Exercised by the kthread suite and
 * tests/user/sched.c.
 */
#pragma once

#include "kernel/current.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "kernel/wait.h"
#include "lib/types.h"

#define SCHED_NORMAL	    0
#define SCHED_OTHER	    0
#define SCHED_FIFO	    1
#define SCHED_RR	    2
#define SCHED_BATCH	    3
#define SCHED_IDLE	    5
#define SCHED_RESET_ON_FORK 0x40000000
#define MAX_RT_PRIO	    100
#define MIN_NICE	    (-20)
#define MAX_NICE	    19
#define TASK_WAKING	    0x200 /* between two run queues */

struct sched_param {
	int sched_priority;
};

static __always_inline bool rt_task(const struct task_struct *p)
{
	return p->se.rt_priority != 0;
}

static __always_inline bool is_idle_task(const struct task_struct *p)
{
	return p->flags & PF_IDLE;
}

static __always_inline int task_nice(const struct task_struct *p)
{
	return p->se.nice;
}

/*
 * As in field 18 of /proc/PID/stat: 0..39 for ordinary tasks, -1 - rt_priority for real-time ones.
 */
static __always_inline int task_prio(const struct task_struct *p)
{
	return rt_task(p) ? -1 - (int)p->se.rt_priority : 20 + p->se.nice;
}

static __always_inline unsigned int task_cpu(const struct task_struct *p)
{
	return READ_ONCE(p->cpu);
}

/* ---- sleeping ---- */

/* Without a barrier: for states that are set before a lock is taken or while nobody can wake. */
#define __set_current_state(state) WRITE_ONCE(current->__state, (state))
/* Full barrier: the condition is read after the state is visible to wakers. */
#define set_current_state(state) smp_store_mb(current->__state, (unsigned int)(state))
#define get_current_state()	 READ_ONCE(current->__state)
#define task_is_running(t)	 (READ_ONCE((t)->__state) == TASK_RUNNING)
#define task_is_stopped(t)	 ((READ_ONCE((t)->__state) & __TASK_STOPPED) != 0)
#define task_is_traced(t)	 ((READ_ONCE((t)->__state) & __TASK_TRACED) != 0)

/* => may sleep; interrupts on, no spinlock held */
void schedule(void);
/* The same, counted as waiting for a device. */
void io_schedule(void);
long io_schedule_timeout(long timeout);
/*
 * Sleeps in the state that was set for at most that many jiffies (MAX_SCHEDULE_TIMEOUT: no limit):
 * jiffies left.
 */
#define MAX_SCHEDULE_TIMEOUT LONG_MAX
long schedule_timeout(long timeout);
long schedule_timeout_interruptible(long timeout);
long schedule_timeout_killable(long timeout);
long schedule_timeout_uninterruptible(long timeout);
long schedule_timeout_idle(long timeout);
void msleep(unsigned int msecs);
unsigned long msleep_interruptible(unsigned int msecs); /* milliseconds left */
void usleep_range(unsigned long min, unsigned long max);
#define fsleep(us) usleep_range(us, 2 * (us))

static __always_inline bool need_resched(void)
{
	return READ_ONCE(current->flags_ti) & _TIF_NEED_RESCHED;
}
void __cond_resched(void);
/* Lets others run if they should. => may sleep */
#define cond_resched()                      \
	({                                  \
		bool __cr = need_resched(); \
		if (unlikely(__cr))         \
			__cond_resched();   \
		__cr;                       \
	})
/* Also drops @lock meanwhile: true if it did. */
bool __cond_resched_lock(spinlock_t *lock);
#define cond_resched_lock(lock) \
	((need_resched() || spin_is_contended(lock)) && __cond_resched_lock(lock))
void yield(void);

/* Return addresses of a task that sleeps, innermost first; how many. 0: it runs, or is gone. => any context */
unsigned int sched_sleeper_stack(struct task_struct *p, unsigned long *entries, unsigned int max);

/* ---- signals, as far as sleeping is concerned ---- */

static __always_inline bool signal_pending(const struct task_struct *p)
{
	return READ_ONCE(p->flags_ti) & (_TIF_SIGPENDING | _TIF_NOTIFY_SIGNAL);
}

/* SIGKILL is pending. */
static __always_inline bool fatal_signal_pending(const struct task_struct *p)
{
	return (READ_ONCE(p->flags_ti) & _TIF_SIGPENDING) &&
	       (READ_ONCE(p->pending.signal) & BIT(8));
}

/* A signal is pending that ends a sleep in @state. */
static __always_inline bool signal_pending_state(unsigned int state, const struct task_struct *p)
{
	if (!(state & (TASK_INTERRUPTIBLE | TASK_WAKEKILL)) || !signal_pending(p))
		return false;
	return (state & TASK_INTERRUPTIBLE) || fatal_signal_pending(p);
}

/* ---- waking. => any context, no run-queue lock held ---- */

#define WF_SYNC 0x10 /* the waker is about to sleep */
#define WF_FORK 0x08

/*
 * 1 if the task was asleep in one of the states and is now runnable. A full barrier before the
 * task's state is read.
 */
int try_to_wake_up(struct task_struct *p, unsigned int state, int wake_flags);
int wake_up_process(struct task_struct *p); /* any of TASK_NORMAL */
int wake_up_state(struct task_struct *p, unsigned int state);
/* If it runs on another CPU in user mode, makes it enter the kernel soon (a signal was set). */
void kick_process(struct task_struct *p);
/* Sets TIF_NEED_RESCHED of what runs on @cpu and tells it. */
void resched_cpu(int cpu);
void set_tsk_need_resched(struct task_struct *p);
#define clear_tsk_need_resched(t) clear_tsk_thread_flag(t, TIF_NEED_RESCHED)

/*
 * Wakes several tasks after a lock was dropped: wake_q_add() takes a reference, wake_up_q() wakes
 * and drops it.
 */
struct wake_q_head {
	struct task_struct *first, **lastp;
};
#define WAKE_Q_TAIL	    ((struct task_struct *)1)
#define DEFINE_WAKE_Q(name) struct wake_q_head name = { WAKE_Q_TAIL, &name.first }
void wake_q_add(struct wake_q_head *head, struct task_struct *task);
void wake_up_q(struct wake_q_head *head);
static inline bool wake_q_empty(const struct wake_q_head *head)
{
	return head->first == WAKE_Q_TAIL;
}

/* ---- birth and death: for kernel/fork.c and kernel/exit.c ---- */

/*
 * Scheduler fields of a new task from its parent (current), state TASK_NEW. Before it is visible to
 * anyone.
 */
int sched_fork(unsigned long clone_flags, struct task_struct *p);
/* First time on a run queue. */
void wake_up_new_task(struct task_struct *p);
/* First C code of a new task, from arch's ret_from_fork, with what __switch_to_asm returned. */
void schedule_tail(struct task_struct *prev);
/*
 * Last call of a dying task: it never runs again. finish_task_switch() on the next task then frees
 * its kernel stack (free_thread_stack) and drops the reference that a running task holds on itself.
 */
void do_task_dead(void) __noreturn;
/* Usage starts at 2 in fork: one for the task itself as above, one for whoever reaps it. */
void __put_task_struct(struct task_struct *t); /* kernel/fork.c: last reference; any context */
static __always_inline struct task_struct *get_task_struct(struct task_struct *t)
{
	__atomic_add_fetch(&t->usage, 1, __ATOMIC_SEQ_CST);
	return t;
}
static __always_inline void put_task_struct(struct task_struct *t)
{
	if (__atomic_sub_fetch(&t->usage, 1, __ATOMIC_SEQ_CST) == 0)
		__put_task_struct(t);
}
/*
 * Kernel threads: PID or -errno. @fn runs in the new thread, which shares everything with
 * init_task. (kernel/fork.c)
 */
pid_t kernel_thread(int (*fn)(void *), void *arg, const char *name, unsigned long flags);
/* Idle task of @cpu, with a stack, not on any list; ERR_PTR. (kernel/fork.c; calls init_idle) */
struct task_struct *fork_idle(int cpu);
void init_idle(struct task_struct *idle, int cpu);
struct task_struct *idle_task(int cpu);

/* ---- boot, tick, idle ---- */

void sched_init(void);	   /* boot CPU, early: current becomes CPU 0's idle task */
void sched_init_smp(void); /* all CPUs are up */
/* Each tick, interrupts off, on the CPU itself; @user: it interrupted user mode. */
void scheduler_tick(bool user);
/* The idle loop, on an idle task, for ever. => interrupts off or on */
void cpu_startup_entry(void) __noreturn;
/* A CPU is up and may get tasks. */
void sched_cpu_online(unsigned int cpu);

/* ---- settings ---- */

/*
 * 0; -EINVAL: no allowed CPU is possible, or the thread is bound. Moves a running or waiting task.
 * => may sleep
 */
int set_cpus_allowed_ptr(struct task_struct *p, unsigned long mask);
void set_user_nice(struct task_struct *p, int nice);
/* Without permission checks. @priority 1..99 for FIFO and RR, else 0. 0, -EINVAL. */
int sched_setscheduler_nocheck(struct task_struct *p, int policy, int priority);
void sched_set_fifo(struct task_struct *p);
void sched_set_normal(struct task_struct *p, int nice);
#define PF_NO_SETAFFINITY 0x04000000 /* task->flags: a per-CPU kernel thread */

/* ---- figures ---- */

unsigned int nr_running(void); /* running or waiting for a CPU, all CPUs */
unsigned int nr_running_cpu(int cpu);
unsigned int nr_iowait(void);
unsigned int nr_iowait_cpu(int cpu);
unsigned long nr_active(void); /* running or uninterruptible: the load average's input */
unsigned long long nr_context_switches(void);
struct task_struct *cpu_curr(int cpu);
bool idle_cpu(int cpu);
/* ns of CPU time, the running span included. */
u64 task_sched_runtime(struct task_struct *p);
/* One line a task, and the backtrace of those that sleep (sysrq). => any context but under a run queue's lock */
void show_state(void);

/* for the lowest rooms: bits of wait.h that must agree with the states */
BUILD_BUG_ON(__WAIT_INTERRUPTIBLE != TASK_INTERRUPTIBLE);
BUILD_BUG_ON(__WAIT_NORMAL != TASK_NORMAL);
