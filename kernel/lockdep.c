/*
 * The lock-order checker of debug kernels; see kernel/lockdep.h for the idea.
 *
 * edges[a] is the set of classes that were taken while a was held. Before a new edge a -> b is
 * stored, a search from b looks whether a can be reached: then two code paths disagree about the
 * order, and two CPUs on these paths could wait for each other for ever.
 *
 * Held locks: spinlocks in a stack of the CPU (kernel code is not preempted, so only interrupt
 * handlers come in between, and they leave the stack as it was); sleeping locks in a small table of
 * the task. Both only remember class and address.
 *
 * The checker's own lock is a plain spinlock that it does not check itself.
 * Mirrors Linux kernel/locking/lockdep.c. Exercised by the locks suite in debug kernels.
 */
#include "kernel/lockdep.h"

#ifdef CONFIG_DEBUG_LOCKS

#include "arch/x86/irqflags.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/spinlock.h"
#include "lib/string.h"

#define MAX_CLASSES  255
#define MAX_HELD     24
#define MAX_SLEEPING 12
#define MAX_TASKS    64

struct held {
	const void *lock;
	u8 class, subclass;
};

struct held_stack {
	struct held held[MAX_HELD];
	int depth;
};

/* Sleeping locks of one task; a slot is free when task is NULL. */
struct held_task {
	struct task_struct *task;
	struct held held[MAX_SLEEPING];
	int depth;
};

bool lockdep_off, lockdep_testing;
unsigned int lockdep_caught;

static DEFINE_PER_CPU(struct held_stack, held_spin);
static struct held_task held_tasks[MAX_TASKS];
static const char *class_name[MAX_CLASSES + 1];
static unsigned long edges[MAX_CLASSES + 1][(MAX_CLASSES + 1) / 64];
static unsigned int nr_classes;
static spinlock_t graph_lock;

static unsigned long graph_enter(void)
{
	unsigned long flags;

	local_irq_save(flags);
	__raw_spin_lock(&graph_lock);
	return flags;
}

static void graph_leave(unsigned long flags)
{
	__raw_spin_unlock(&graph_lock);
	local_irq_restore(flags);
}

/* The first finding is the one that counts: true if this is it. */
static bool report_begin(void)
{
	if (lockdep_testing) {
		lockdep_caught++;
		return false;
	}
	return !__atomic_exchange_n(&lockdep_off, true, __ATOMIC_SEQ_CST);
}

void lockdep_report(const char *what, const char *file, int line)
{
	if (!report_begin())
		return;
	printk(KERN_ERR "======== lock check failed: %s (%s:%d) ========\n", what, file, line);
	dump_stack();
}

/* => graph lock held */
static u8 new_class(const char *name)
{
	if (nr_classes + 1 >= LOCKDEP_NONE)
		return LOCKDEP_NONE;
	class_name[++nr_classes] = name;
	return nr_classes;
}

u8 lockdep_class(struct lock_class_key *key, const char *name)
{
	unsigned long flags;

	if (key->id)
		return key->id;
	flags = graph_enter();
	if (!key->id)
		key->id = new_class(name);
	graph_leave(flags);
	return key->id;
}

static bool has_edge(u8 a, u8 b)
{
	return edges[a][b / 64] >> (b & 63) & 1;
}

/* Can @to be reached from @from? => graph lock held */
static bool reachable(u8 from, u8 to)
{
	static unsigned long seen[(MAX_CLASSES + 1) / 64];
	static u8 todo[MAX_CLASSES + 1];
	int n = 0;

	memset(seen, 0, sizeof(seen));
	todo[n++] = from;
	while (n) {
		u8 c = todo[--n];

		if (c == to)
			return true;
		for (int w = 0; w < ARRAY_SIZE(seen); w++) {
			unsigned long next = edges[c][w] & ~seen[w];

			seen[w] |= next;
			for (; next; next &= next - 1)
				todo[n++] = w * 64 + __builtin_ctzl(next);
		}
	}
	return false;
}

static void report_inversion(u8 held, u8 class)
{
	if (!report_begin())
		return;
	printk(KERN_ERR "======== possible deadlock: %s is taken while %s is held,\n",
	       class_name[class], class_name[held]);
	printk(KERN_ERR "======== but elsewhere %s is taken while %s is held ========\n",
	       class_name[held], class_name[class]);
	dump_stack();
}

static void add_edges(const struct held *held, int depth, u8 class, int subclass)
{
	bool bad = false;
	u8 other = 0;

	for (int i = 0; i < depth; i++) {
		u8 h = held[i].class;
		unsigned long flags;

		if (h == LOCKDEP_NONE || class == LOCKDEP_NONE)
			continue;
		if (h == class) {
			if (!subclass && held[i].subclass == 0)
				bad = true, other = h;
			continue;
		}
		if (has_edge(h, class))
			continue;
		flags = graph_enter();
		if (reachable(class, h))
			bad = true, other = h;
		else
			edges[h][class / 64] |= BIT(class & 63);
		graph_leave(flags);
	}
	if (bad)
		report_inversion(other, class);
}

/*
 * The table of current's sleeping locks; NULL if there are too many tasks with locks: then those
 * are not checked.
 */
static struct held_task *held_of_current(bool create)
{
	struct task_struct *me = current;
	struct held_task *free = NULL;
	unsigned long flags;

	for (int i = 0; i < MAX_TASKS; i++)
		if (READ_ONCE(held_tasks[i].task) == me)
			return &held_tasks[i];
	if (!create)
		return NULL;
	flags = graph_enter();
	for (int i = 0; i < MAX_TASKS && !free; i++) {
		if (!held_tasks[i].task) {
			free = &held_tasks[i];
			free->depth = 0;
			WRITE_ONCE(free->task, me);
		}
	}
	graph_leave(flags);
	return free;
}

static void set_class(u8 *class, const void *lock, const char *name)
{
	unsigned long flags;

	if (*class)
		return;
	flags = graph_enter();
	if (!*class)
		*class = new_class(name ? name : "a static lock");
	graph_leave(flags);
	if (!name && *class != LOCKDEP_NONE && !strcmp(class_name[*class], "a static lock"))
		printk(KERN_DEBUG "lockdep: class %u is %pS\n", *class, lock);
}

static void push_held(struct held *held, int *depth, int max, const void *lock, u8 class,
		      int subclass)
{
	if (*depth >= max) {
		lockdep_report("too many locks held", __FILE__, __LINE__);
		return;
	}
	held[*depth] = (struct held){ .lock = lock, .class = class, .subclass = subclass };
	++*depth;
}

/*
 * A CPU that prints a report takes locks as it can, and what it takes it gives back before the report ends: neither is noted.
 * The other CPUs go on, and so do their lists.
 */
static bool unlisted_here(void)
{
	return unlikely(READ_ONCE(oops_in_progress)) && oops_on_this_cpu();
}

void lock_acquire(u8 *class, const void *lock, const char *name, int subclass, bool sleeping,
		  bool trylock)
{
	struct held_stack *st;
	struct held_task *ht;
	unsigned long flags;

	if (lockdep_off || unlisted_here())
		return;
	set_class(class, lock, name);
	local_irq_save(flags);
	st = this_cpu_ptr(&held_spin);
	ht = held_of_current(sleeping);
	/* A try cannot wait, so it closes no circle; what is taken under it may. */
	if (!trylock) {
		add_edges(st->held, st->depth, *class, subclass);
		if (ht && ht->depth)
			add_edges(ht->held, ht->depth, *class, subclass);
	}
	if (!sleeping)
		push_held(st->held, &st->depth, MAX_HELD, lock, *class, subclass);
	else if (ht)
		push_held(ht->held, &ht->depth, MAX_SLEEPING, lock, *class, subclass);
	local_irq_restore(flags);
}

static bool pop_held(struct held *held, int *depth, const void *lock)
{
	for (int i = *depth - 1; i >= 0; i--) {
		if (held[i].lock != lock)
			continue;
		for (--*depth; i < *depth; i++)
			held[i] = held[i + 1];
		return true;
	}
	return false;
}

void lock_release(u8 *class, const void *lock, bool sleeping)
{
	unsigned long flags;

	if (lockdep_off || unlisted_here())
		return;
	local_irq_save(flags);
	if (!sleeping) {
		struct held_stack *st = this_cpu_ptr(&held_spin);

		if (!pop_held(st->held, &st->depth, lock))
			lockdep_report("a spinlock is released that this CPU does not hold",
				       __FILE__, __LINE__);
	} else {
		struct held_task *ht = held_of_current(false);

		/* Not found: another task took it (rwsem), or the table was full. */
		if (ht && pop_held(ht->held, &ht->depth, lock) && !ht->depth)
			WRITE_ONCE(ht->task, NULL);
	}
	local_irq_restore(flags);
}

bool lock_is_held(const void *lock)
{
	struct held_stack *st = this_cpu_ptr(&held_spin);
	struct held_task *ht = held_of_current(false);

	for (int i = 0; i < st->depth; i++)
		if (st->held[i].lock == lock)
			return true;
	for (int i = 0; ht && i < ht->depth; i++)
		if (ht->held[i].lock == lock)
			return true;
	return false;
}

void __might_sleep(const char *file, int line)
{
	struct held_stack *st = this_cpu_ptr(&held_spin);

	if (lockdep_off || unlisted_here() || panic_cpu != ~0U)
		return;
	if (st->depth)
		lockdep_report(class_name[st->held[st->depth - 1].class] ?: "a spinlock", file,
			       line);
	else if (irqs_disabled() && !is_idle_task(current))
		lockdep_report("sleeping with interrupts off", file, line);
	else if (current->rcu_read_depth)
		lockdep_report("sleeping inside rcu_read_lock()", file, line);
}

#endif
