/*
 * Kernel threads: kthreadd and its children.
 *
 * The asker puts a request into kthread_create_list and wakes kthreadd, which makes the new task.
 * That reports its task_struct, sleeps uninterruptibly until somebody wakes it, and runs its
 * function. struct kthread hangs at task->worker_private and is freed with the task_struct. A stop
 * sets a flag, wakes, and waits for `exited`.
 *
 * Lock: kthread_create_lock for the list. Mirrors Linux kernel/kthread.c. Exercised by the locks
 * suite.
 */
#include "kernel/kthread.h"

#include "arch/x86/bitops.h"
#include "arch/x86/tlb.h"
#include "kernel/bug.h"
#include "kernel/completion.h"
#include "kernel/exit.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/phys/gfp.h"
#include "mm/slab/slab.h"
#include "mm/user/mm.h"

#define CLONE_FS    0x00000200
#define CLONE_FILES 0x00000400
#define SIGCHLD_NR  17

enum { KTHREAD_STOP, KTHREAD_PARK, KTHREAD_PARKED };

struct kthread {
	unsigned long flags;
	int (*fn)(void *);
	void *data;
	int result;
	struct completion parked, exited;
};

struct create_request {
	struct list_head list;
	int (*fn)(void *);
	void *data;
	char name[TASK_COMM_LEN];
	struct task_struct *result; /* or ERR_PTR */
	struct completion done;
};

static DEFINE_SPINLOCK(kthread_create_lock);
static LIST_HEAD(kthread_create_list);
static struct task_struct *kthreadd_task;

static struct kthread *to_kthread(struct task_struct *k)
{
	return k->worker_private;
}

void free_kthread_struct(struct task_struct *k)
{
	if ((k->flags & PF_KTHREAD) && k->worker_private)
		kfree(k->worker_private);
}

void kthread_exit(long result)
{
	struct kthread *self = to_kthread(current);

	self->result = result;
	complete_all(&self->exited);
	do_exit(0);
}

static int kthread_main(void *arg)
{
	struct create_request *req = arg;
	int (*fn)(void *) = req->fn;
	void *data = req->data;
	struct kthread *self = kzalloc(sizeof(*self), GFP_KERNEL);
	int ret = -EINTR;

	current->worker_private = self;
	if (!self) {
		req->result = ERR_PTR(-ENOMEM);
		complete(&req->done);
		do_exit(0);
	}
	self->fn = fn;
	self->data = data;
	init_completion(&self->parked);
	init_completion(&self->exited);
	strscpy(current->comm, req->name, sizeof(current->comm));
	req->result = current;
	/* The state first: the asker may wake us as soon as it knows us. */
	__set_current_state(TASK_UNINTERRUPTIBLE | TASK_NOLOAD);
	complete(&req->done);
	schedule();
	if (!test_bit(KTHREAD_STOP, &self->flags)) {
		kthread_parkme();
		ret = fn(data);
	}
	kthread_exit(ret);
}

static void create_one(struct create_request *req)
{
	pid_t pid =
		kernel_thread(kthread_main, req, req->name, CLONE_FS | CLONE_FILES | SIGCHLD_NR);

	if (pid < 0) {
		req->result = ERR_PTR(pid);
		complete(&req->done);
	}
}

int kthreadd(void *unused)
{
	struct create_request *req;

	strscpy(current->comm, "kthreadd", sizeof(current->comm));
	/* Its children, all kernel threads, inherit that. */
	ignore_signals(current);
	WRITE_ONCE(kthreadd_task, current);
	for (;;) {
		set_current_state(TASK_IDLE);
		if (list_empty(&kthread_create_list))
			schedule();
		__set_current_state(TASK_RUNNING);
		spin_lock(&kthread_create_lock);
		while ((req = list_first_entry_or_null(&kthread_create_list, struct create_request,
						       list))) {
			list_del_init(&req->list);
			spin_unlock(&kthread_create_lock);
			create_one(req);
			spin_lock(&kthread_create_lock);
		}
		spin_unlock(&kthread_create_lock);
	}
	return 0;
}

static struct task_struct *create_named(int (*fn)(void *), void *data, const char *fmt,
					va_list args)
{
	struct create_request req = { .fn = fn, .data = data };

	vscnprintf(req.name, sizeof(req.name), fmt, args);
	init_completion(&req.done);
	spin_lock(&kthread_create_lock);
	list_add_tail(&req.list, &kthread_create_list);
	spin_unlock(&kthread_create_lock);
	/* Before kthreadd's first line it looks at the list by itself. */
	if (READ_ONCE(kthreadd_task))
		wake_up_process(kthreadd_task);
	wait_for_completion(&req.done);
	return req.result;
}

struct task_struct *kthread_create_on_node(int (*fn)(void *), void *data, int node, const char *fmt,
					   ...)
{
	struct task_struct *t;
	va_list args;

	va_start(args, fmt);
	t = create_named(fn, data, fmt, args);
	va_end(args);
	return t;
}

struct task_struct *kthread_create_on_cpu(int (*fn)(void *), void *data, unsigned int cpu,
					  const char *namefmt)
{
	char name[TASK_COMM_LEN];
	const char *pct = strchr(namefmt, '%');
	struct task_struct *t;

	if (pct)
		scnprintf(name, sizeof(name), "%.*s%u", (int)(pct - namefmt), namefmt, cpu);
	else
		strscpy(name, namefmt, sizeof(name));
	t = kthread_create(fn, data, "%s", name);
	if (!IS_ERR(t))
		kthread_bind(t, cpu);
	return t;
}

void kthread_bind(struct task_struct *k, unsigned int cpu)
{
	set_cpus_allowed_ptr(k, BIT(cpu));
	k->flags |= PF_NO_SETAFFINITY;
}

bool kthread_should_stop(void)
{
	return test_bit(KTHREAD_STOP, &to_kthread(current)->flags);
}

bool kthread_should_park(void)
{
	return test_bit(KTHREAD_PARK, &to_kthread(current)->flags);
}

void kthread_parkme(void)
{
	struct kthread *self = to_kthread(current);

	while (test_bit(KTHREAD_PARK, &self->flags)) {
		set_current_state(TASK_IDLE);
		if (!test_bit(KTHREAD_PARK, &self->flags))
			break;
		if (!test_and_set_bit(KTHREAD_PARKED, &self->flags))
			complete(&self->parked);
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	clear_bit(KTHREAD_PARKED, &self->flags);
}

void kthread_park(struct task_struct *k)
{
	struct kthread *kt = to_kthread(k);

	reinit_completion(&kt->parked);
	set_bit(KTHREAD_PARK, &kt->flags);
	if (k != current) {
		wake_up_process(k);
		wait_for_completion(&kt->parked);
	}
}

void kthread_unpark(struct task_struct *k)
{
	clear_bit(KTHREAD_PARK, &to_kthread(k)->flags);
	wake_up_state(k, TASK_NORMAL);
}

int kthread_stop(struct task_struct *k)
{
	struct kthread *kt = to_kthread(k);
	int ret;

	get_task_struct(k);
	set_bit(KTHREAD_STOP, &kt->flags);
	kthread_unpark(k);
	wake_up_process(k);
	wait_for_completion(&kt->exited);
	ret = kt->result;
	put_task_struct(k);
	return ret;
}

void *kthread_data(struct task_struct *k)
{
	return to_kthread(k)->data;
}

void kthread_use_mm(struct mm_struct *mm)
{
	struct task_struct *tsk = current;

	WARN_ON_ONCE(!(tsk->flags & PF_KTHREAD) || tsk->mm);
	mmgrab(mm);
	task_lock(tsk);
	local_irq_disable();
	tsk->mm = tsk->active_mm = mm;
	switch_mm_irqs_off(NULL, &mm->context, tsk);
	local_irq_enable();
	task_unlock(tsk);
}

void kthread_unuse_mm(struct mm_struct *mm)
{
	struct task_struct *tsk = current;

	WARN_ON_ONCE(tsk->mm != mm);
	task_lock(tsk);
	local_irq_disable();
	tsk->mm = tsk->active_mm = NULL;
	/* The tables stay loaded until somebody needs others, or they are freed (destroy_context). */
	enter_lazy_tlb(&mm->context, tsk);
	local_irq_enable();
	task_unlock(tsk);
	mmdrop(mm);
}
