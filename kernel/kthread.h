/*
 * Kernel threads.
 *
 * kthreadd (process 2) creates them on request, so they inherit nothing from who asked. A new
 * thread sleeps until the first wake_up_process(); kthread_run() does both. Its function ends by
 * returning; the value goes to kthread_stop().
 *
 * Mirrors Linux include/linux/kthread.h. Exercised by the kthread suite.
 */
#pragma once

#include "lib/err.h"
#include "lib/types.h"

struct task_struct;

/* ERR_PTR(-ENOMEM, -EINTR). => may sleep; after kthreadd runs */
struct task_struct *kthread_create_on_node(int (*threadfn)(void *data), void *data, int node,
					   const char *namefmt, ...) __printf(4, 5);
#define kthread_create(fn, data, fmt, ...) kthread_create_on_node(fn, data, -1, fmt, ##__VA_ARGS__)
/* The name is "@namefmt" with the CPU for %u. Bound to @cpu. */
struct task_struct *kthread_create_on_cpu(int (*threadfn)(void *data), void *data, unsigned int cpu,
					  const char *namefmt);
#define kthread_run(fn, data, fmt, ...)                                                 \
	({                                                                              \
		struct task_struct *__k = kthread_create(fn, data, fmt, ##__VA_ARGS__); \
		if (!IS_ERR(__k))                                                       \
			wake_up_process(__k);                                           \
		__k;                                                                    \
	})
int wake_up_process(struct task_struct *p);

/* A thread not yet woken: it may only run on @cpu, and users cannot change that. */
void kthread_bind(struct task_struct *k, unsigned int cpu);
/*
 * Sets the stop flag, wakes it, waits for its end: what its function returned, -EINTR if it never
 * ran. => may sleep
 */
int kthread_stop(struct task_struct *k);
bool kthread_should_stop(void);
void kthread_park(
	struct task_struct *k); /* asks it to wait in kthread_parkme(), and waits until it does */
void kthread_unpark(struct task_struct *k);
bool kthread_should_park(void);
void kthread_parkme(void);
void kthread_exit(long result) __noreturn;
void *kthread_data(struct task_struct *k);

/*
 * A kernel thread works in a process's address space for a while: user pointers mean mm's memory, and faults on them are
 * handled. It stays a kernel thread: nobody finds mm through it (get_task_mm). Pairs, not nested.
 * => mm has a user (mm_users) until kthread_unuse_mm(); the thread has no address space of its own
 */
struct mm_struct;
void kthread_use_mm(struct mm_struct *mm);
void kthread_unuse_mm(struct mm_struct *mm);

/* First function of process 2. */
int kthreadd(void *unused);
/* What a kernel thread's struct keeps beside it; called when the task_struct is freed. */
void free_kthread_struct(struct task_struct *k);
