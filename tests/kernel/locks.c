/*
 * Suite locks: what each primitive promises, with as many threads as there are CPUs (at least four,
 * so that they also interleave on one CPU).
 *
 * Exclusion is proven by data that only stays consistent when nobody else is inside: two counters
 * that are changed one after the other with time in between. Liveness is proven by every thread
 * reaching its end. RCU is proven by readers that hold on to an object across as much time as they
 * can and check that it is not poisoned.
 */
#include "arch/x86/atomic.h"
#include "kernel/completion.h"
#include "kernel/kthread.h"
#include "kernel/ktest.h"
#include "kernel/mutex.h"
#include "kernel/percpu.h"
#include "kernel/rcu.h"
#include "kernel/rwsem.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/spinlock.h"
#include "kernel/wait.h"
#include "kernel/workqueue.h"
#include "lib/err.h"
#include "lib/string.h"
#include "mm/phys/gfp.h"
#include "mm/slab/slab.h"

#define MAX_THREADS 16
#define ROUNDS	    3000

static struct crew {
	struct ktest *t;
	int (*fn)(struct crew *c, int me);
	int n;
	atomic_t ready, left, next;
	struct completion done;
} crew;

static int crew_main(void *arg)
{
	struct crew *c = arg;
	int me = atomic_inc_return(&c->next) - 1;

	/* All begin together, or there is nothing to fight about. */
	atomic_inc(&c->ready);
	while (atomic_read(&c->ready) < c->n)
		yield();
	c->fn(c, me);
	if (atomic_dec_and_test(&c->left))
		complete(&c->done);
	return 0;
}

/* Runs fn(crew, 0..n-1) in n threads and waits for all. */
static void run_crew_of(struct ktest *t, int n, int (*fn)(struct crew *, int))
{
	crew = (struct crew){ .t = t, .fn = fn, .n = n, .left = ATOMIC_INIT(n) };
	init_completion(&crew.done);
	for (int i = 0; i < n; i++) {
		struct task_struct *k = kthread_run(crew_main, &crew, "locks/%d", i);

		if (IS_ERR(k)) {
			KTEST_FAIL(t, "thread %d: %ld", i, PTR_ERR(k));
			atomic_sub(1, &crew.left);
			crew.n--;
		}
	}
	KTEST_EXPECT_GT(t, wait_for_completion_timeout(&crew.done, 60 * HZ), 0UL);
}

static int crew_size(void)
{
	return clamp((int)num_online_cpus() * 2, 4, MAX_THREADS);
}

static void run_crew(struct ktest *t, int (*fn)(struct crew *, int))
{
	run_crew_of(t, crew_size(), fn);
}

static void spin_a_little(int n)
{
	for (int i = 0; i < n; i++)
		cpu_relax();
}

/* ---- spinlocks ---- */

static DEFINE_SPINLOCK(spin);
static unsigned long twin_a, twin_b;
static atomic_t inside, broken;

static int spin_crew(struct crew *c, int me)
{
	for (int i = 0; i < ROUNDS; i++) {
		unsigned long flags;

		spin_lock_irqsave(&spin, flags);
		if (twin_a != twin_b)
			atomic_inc(&broken);
		twin_a++;
		spin_a_little(i & 3);
		twin_b++;
		spin_unlock_irqrestore(&spin, flags);
		if (!(i & 63))
			cond_resched();
	}
	return 0;
}

static void spinlock_excludes(struct ktest *t)
{
	twin_a = twin_b = 0;
	atomic_set(&broken, 0);
	run_crew(t, spin_crew);
	KTEST_EXPECT_EQ(t, atomic_read(&broken), 0);
	KTEST_EXPECT_EQ(t, twin_a, (unsigned long)crew.n * ROUNDS);
	KTEST_EXPECT_EQ(t, twin_b, twin_a);
	KTEST_EXPECT_FALSE(t, spin_is_locked(&spin));
	KTEST_EXPECT_FALSE(t, spin_is_contended(&spin));
}

static void spinlock_states(struct ktest *t)
{
	DEFINE_SPINLOCK(l);

	l.class = LOCKDEP_NONE;
	for (int i = 0; i < 1000; i++) {
		spin_lock(&l);
		KTEST_EXPECT_TRUE(t, spin_is_locked(&l));
		KTEST_EXPECT_FALSE(t, spin_is_contended(&l));
		KTEST_EXPECT_FALSE(t, spin_trylock(&l));
		spin_unlock(&l);
		KTEST_ASSERT_TRUE(t, spin_trylock(&l));
		spin_unlock(&l);
	}
	KTEST_EXPECT_EQ(t, l.class, LOCKDEP_NONE);
	KTEST_EXPECT_EQ(t, sizeof(spinlock_t), 4UL);
}

static int try_crew(struct crew *c, int me)
{
	int got = 0;

	while (got < ROUNDS / 4) {
		if (!spin_trylock(&spin)) {
			cpu_relax();
			cond_resched();
			continue;
		}
		if (atomic_inc_return(&inside) != 1)
			atomic_inc(&broken);
		spin_a_little(2);
		atomic_dec(&inside);
		spin_unlock(&spin);
		got++;
	}
	return 0;
}

static void spin_trylock_excludes(struct ktest *t)
{
	atomic_set(&broken, 0);
	run_crew(t, try_crew);
	KTEST_EXPECT_EQ(t, atomic_read(&broken), 0);
}

/* ---- scopes ---- */

static int leave_early(spinlock_t *l, bool early)
{
	guard(spinlock)(l);
	if (early)
		return 1;
	return 2;
}

static void guards_unlock_on_every_way_out(struct ktest *t)
{
	unsigned long flags;
	int n = 0;

	KTEST_EXPECT_EQ(t, leave_early(&spin, true), 1);
	KTEST_EXPECT_FALSE(t, spin_is_locked(&spin));
	KTEST_EXPECT_EQ(t, leave_early(&spin, false), 2);
	KTEST_EXPECT_FALSE(t, spin_is_locked(&spin));
	scoped_guard(spinlock_irqsave, &spin) {
		KTEST_EXPECT_TRUE(t, irqs_disabled());
		KTEST_EXPECT_TRUE(t, spin_is_locked(&spin));
		n++;
	}
	KTEST_EXPECT_EQ(t, n, 1);
	KTEST_EXPECT_FALSE(t, spin_is_locked(&spin));
	local_save_flags(flags);
	KTEST_EXPECT_FALSE(t, irqs_disabled_flags(flags));
	for (int i = 0; i < 3; i++) {
		guard(spinlock)(&spin);
		if (i == 1)
			continue;
		n++;
	}
	KTEST_EXPECT_EQ(t, n, 3);
	KTEST_EXPECT_FALSE(t, spin_is_locked(&spin));
}

/* ---- mutexes ---- */

static DEFINE_MUTEX(mtx);

static int mutex_crew(struct crew *c, int me)
{
	for (int i = 0; i < ROUNDS / 4; i++) {
		mutex_lock(&mtx);
		if (twin_a != twin_b)
			atomic_inc(&broken);
		twin_a++;
		/*
		 * Now and then somebody sleeps or gives way inside, so that others have to queue.
		 */
		if ((i & 31) == me)
			schedule_timeout_uninterruptible(1);
		else if (!(i & 3))
			yield();
		twin_b++;
		mutex_unlock(&mtx);
	}
	return 0;
}

static void mutex_excludes_sleepers(struct ktest *t)
{
	twin_a = twin_b = 0;
	atomic_set(&broken, 0);
	run_crew(t, mutex_crew);
	KTEST_EXPECT_EQ(t, atomic_read(&broken), 0);
	KTEST_EXPECT_EQ(t, twin_a, (unsigned long)crew.n * (ROUNDS / 4));
	KTEST_EXPECT_EQ(t, mtx.owner, 0UL);
	KTEST_EXPECT_TRUE(t, list_empty(&mtx.wait_list));
}

static int greedy_stop;

/* Thread 0 locks and unlocks without a pause; the others each need the lock a few times. */
static int greedy_crew(struct crew *c, int me)
{
	if (me == 0) {
		while (!READ_ONCE(greedy_stop)) {
			mutex_lock(&mtx);
			yield();
			mutex_unlock(&mtx);
		}
		return 0;
	}
	for (int i = 0; i < 20; i++) {
		mutex_lock(&mtx);
		mutex_unlock(&mtx);
	}
	if (atomic_dec_return(&inside) == 0)
		WRITE_ONCE(greedy_stop, 1);
	return 0;
}

static void mutex_starves_nobody(struct ktest *t)
{
	greedy_stop = 0;
	atomic_set(&inside, 3);
	run_crew_of(t, 4, greedy_crew);
	KTEST_EXPECT_EQ(t, atomic_read(&inside), 0);
	atomic_set(&inside, 0);
}

/* ---- rw_semaphores ---- */

static DECLARE_RWSEM(rws);
static atomic_t most_readers;

static int rwsem_crew(struct crew *c, int me)
{
	for (int i = 0; i < ROUNDS / 8; i++) {
		if ((i + me) % 5 == 0) {
			down_write(&rws);
			if (atomic_read(&inside))
				atomic_inc(&broken);
			twin_a++;
			if (i % 3 == 0)
				yield();
			twin_b++;
			if (i % 2) {
				/*
				 * As a reader it still sees its own write, with other readers
				 * perhaps.
				 */
				atomic_inc(&inside);
				downgrade_write(&rws);
				if (twin_a != twin_b)
					atomic_inc(&broken);
				atomic_dec(&inside);
				up_read(&rws);
			} else {
				up_write(&rws);
			}
		} else {
			int now;

			down_read(&rws);
			now = atomic_inc_return(&inside);
			if (now > atomic_read(&most_readers))
				atomic_set(&most_readers, now);
			if (twin_a != twin_b)
				atomic_inc(&broken);
			if (i % 7 == 0)
				yield();
			atomic_dec(&inside);
			up_read(&rws);
		}
	}
	return 0;
}

static void rwsem_excludes_writers_only(struct ktest *t)
{
	twin_a = twin_b = 0;
	atomic_set(&broken, 0);
	atomic_set(&inside, 0);
	atomic_set(&most_readers, 0);
	run_crew(t, rwsem_crew);
	KTEST_EXPECT_EQ(t, atomic_read(&broken), 0);
	KTEST_EXPECT_EQ(t, rws.count, 0L);
	KTEST_EXPECT_TRUE(t, list_empty(&rws.wait_list));
	KTEST_EXPECT_EQ(t, twin_a, twin_b);
	/* They gave way inside, so at least once two were in together. */
	KTEST_EXPECT_GE(t, atomic_read(&most_readers), 2);
}

static void rwsem_trylocks(struct ktest *t)
{
	KTEST_EXPECT_TRUE(t, down_read_trylock(&rws));
	KTEST_EXPECT_TRUE(t, down_read_trylock(&rws));
	KTEST_EXPECT_FALSE(t, down_write_trylock(&rws));
	up_read(&rws);
	up_read(&rws);
	KTEST_EXPECT_TRUE(t, down_write_trylock(&rws));
	KTEST_EXPECT_FALSE(t, down_read_trylock(&rws));
	KTEST_EXPECT_FALSE(t, down_write_trylock(&rws));
	up_write(&rws);
	KTEST_EXPECT_EQ(t, rws.count, 0L);
}

/* ---- wait queues and completions ---- */

static DECLARE_WAIT_QUEUE_HEAD(ring_wait);
static unsigned int ring[64], ring_head, ring_tail;
static atomic_long_t ring_sum;

/*
 * Even threads put numbers into a small ring, odd ones take them out: both sides wait for each
 * other all the time.
 */
static int ring_crew(struct crew *c, int me)
{
	for (int i = 0; i < ROUNDS / 4; i++) {
		bool ok = false;

		while (!ok) {
			if (me & 1)
				wait_event(ring_wait, READ_ONCE(ring_head) != READ_ONCE(ring_tail));
			else
				wait_event(ring_wait,
					   READ_ONCE(ring_head) - READ_ONCE(ring_tail) < 8);
			spin_lock(&spin);
			if ((me & 1) && ring_head != ring_tail) {
				atomic_long_add(ring[ring_tail % 64], &ring_sum);
				WRITE_ONCE(ring_tail, ring_tail + 1);
				ok = true;
			} else if (!(me & 1) && ring_head - ring_tail < 8) {
				ring[ring_head % 64] = i;
				WRITE_ONCE(ring_head, ring_head + 1);
				ok = true;
			}
			spin_unlock(&spin);
		}
		wake_up(&ring_wait);
	}
	return 0;
}

static void wait_event_loses_no_wakeup(struct ktest *t)
{
	long n = ROUNDS / 4;

	ring_head = ring_tail = 0;
	atomic_long_set(&ring_sum, 0);
	run_crew(t, ring_crew);
	KTEST_EXPECT_EQ(t, ring_head, ring_tail);
	KTEST_EXPECT_EQ(t, atomic_long_read(&ring_sum), crew.n / 2 * (n * (n - 1) / 2));
	KTEST_EXPECT_TRUE(t, list_empty(&ring_wait.head));
}

static DECLARE_WAIT_QUEUE_HEAD(excl_wait);
static atomic_t tokens, taken;

static bool take_token(void)
{
	return atomic_dec_if_positive(&tokens) >= 0;
}

static int excl_crew(struct crew *c, int me)
{
	if (me == 0) {
		for (int i = 0; i < 10 * (c->n - 1); i++) {
			atomic_inc(&tokens);
			wake_up(&excl_wait);
			if (!(i & 3))
				yield();
		}
		return 0;
	}
	for (int i = 0; i < 10; i++) {
		if (wait_event_interruptible_exclusive(excl_wait, take_token()))
			return -1;
		atomic_inc(&taken);
	}
	return 0;
}

static void exclusive_wakeups_reach_each_waiter(struct ktest *t)
{
	atomic_set(&tokens, 0);
	atomic_set(&taken, 0);
	run_crew(t, excl_crew);
	KTEST_EXPECT_EQ(t, atomic_read(&taken), 10 * (crew.n - 1));
	KTEST_EXPECT_EQ(t, atomic_read(&tokens), 0);
}

static void wait_event_timeout_ends(struct ktest *t)
{
	u64 begin = sched_clock();
	bool never = false;

	KTEST_EXPECT_EQ(t, wait_event_timeout(excl_wait, READ_ONCE(never), 5), 0L);
	KTEST_EXPECT_GE(t, sched_clock() - begin, 4 * (u64)TICK_NSEC);
	KTEST_EXPECT_GE(t, wait_event_timeout(excl_wait, true, 5), 1L);
}

static unsigned long bit_word;

static int bit_crew(struct crew *c, int me)
{
	for (int i = 0; i < ROUNDS / 8; i++) {
		wait_on_bit_lock(&bit_word, 5, TASK_UNINTERRUPTIBLE);
		if (atomic_inc_return(&inside) != 1)
			atomic_inc(&broken);
		if (!(i & 3))
			yield();
		atomic_dec(&inside);
		clear_and_wake_up_bit(5, &bit_word);
	}
	return 0;
}

static void bit_lock_excludes(struct ktest *t)
{
	bit_word = 0x10;
	atomic_set(&broken, 0);
	atomic_set(&inside, 0);
	run_crew(t, bit_crew);
	KTEST_EXPECT_EQ(t, atomic_read(&broken), 0);
	KTEST_EXPECT_EQ(t, bit_word, 0x10UL);
}

/* ---- RCU ---- */

struct guarded {
	struct rcu_head rcu;
	unsigned long value, copy;
};

#define POISON 0xdeadUL
static struct guarded *shared;
static atomic_t freed;
static int rcu_stop;

static void free_guarded(struct rcu_head *head)
{
	struct guarded *g = container_of(head, struct guarded, rcu);

	g->value = g->copy = POISON;
	kfree(g);
	atomic_inc(&freed);
}

static int rcu_crew(struct crew *c, int me)
{
	if (me == 0) {
		for (int i = 1; i <= 200; i++) {
			struct guarded *g = kmalloc(sizeof(*g), GFP_KERNEL), *old;

			if (!g)
				break;
			g->value = i;
			g->copy = ~(unsigned long)i;
			old = xchg(&shared, g);
			call_rcu(&old->rcu, free_guarded);
			if (i % 50 == 0)
				synchronize_rcu();
			/* On one CPU each reader then runs until the next tick. */
			if (i % 4 == 0)
				yield();
		}
		WRITE_ONCE(rcu_stop, 1);
		return 0;
	}
	while (!READ_ONCE(rcu_stop)) {
		rcu_read_lock();
		struct guarded *g = rcu_dereference(shared);
		unsigned long v = g->value;

		spin_a_little(me * 20);
		if (v == POISON || g->copy != ~v || g->value != v)
			atomic_inc(&broken);
		rcu_read_unlock();
		cond_resched();
	}
	return 0;
}

static void rcu_keeps_what_readers_see(struct ktest *t)
{
	shared = kmalloc(sizeof(*shared), GFP_KERNEL);
	KTEST_ASSERT_NOT_NULL(t, shared);
	shared->value = 0;
	shared->copy = ~0UL;
	rcu_stop = 0;
	atomic_set(&broken, 0);
	atomic_set(&freed, 0);
	run_crew(t, rcu_crew);
	rcu_barrier();
	KTEST_EXPECT_EQ(t, atomic_read(&broken), 0);
	KTEST_EXPECT_EQ(t, atomic_read(&freed), 200);
	kfree(shared);
}

static atomic_t order_errors, order_next;

struct ordered {
	struct rcu_head rcu;
	int nr;
};

static void check_order(struct rcu_head *head)
{
	if (container_of(head, struct ordered, rcu)->nr != atomic_inc_return(&order_next) - 1)
		atomic_inc(&order_errors);
}

static void rcu_callbacks_run_in_order(struct ktest *t)
{
	static struct ordered o[50];
	unsigned long flags;

	atomic_set(&order_errors, 0);
	atomic_set(&order_next, 0);
	local_irq_save(flags); /* all on one CPU's list */
	for (int i = 0; i < 50; i++) {
		o[i].nr = i;
		call_rcu(&o[i].rcu, check_order);
	}
	local_irq_restore(flags);
	rcu_barrier();
	KTEST_EXPECT_EQ(t, atomic_read(&order_next), 50);
	KTEST_EXPECT_EQ(t, atomic_read(&order_errors), 0);
}

/* ---- work queues ---- */

static atomic_t work_runs;
static struct completion work_gate;

static void count_work(struct work_struct *w)
{
	atomic_inc(&work_runs);
}

static void gate_work(struct work_struct *w)
{
	wait_for_completion(&work_gate);
}

static void open_gate_work(struct work_struct *w)
{
	complete_all(&work_gate);
}

static int queue_crew(struct crew *c, int me)
{
	static struct work_struct works[MAX_THREADS];

	INIT_WORK(&works[me], count_work);
	for (int i = 0; i < 200; i++) {
		queue_work(system_wq, &works[me]);
		flush_work(&works[me]);
	}
	return 0;
}

static void work_runs_once_each_time(struct ktest *t)
{
	atomic_set(&work_runs, 0);
	run_crew(t, queue_crew);
	KTEST_EXPECT_EQ(t, atomic_read(&work_runs), 200 * crew.n);
}

static void work_may_wait_for_work(struct ktest *t)
{
	struct work_struct waits, opens;

	init_completion(&work_gate);
	INIT_WORK(&waits, gate_work);
	INIT_WORK(&opens, open_gate_work);
	queue_work(system_wq, &waits);
	queue_work(system_wq, &opens);
	flush_workqueue(system_wq);
	KTEST_EXPECT_TRUE(t, completion_done(&work_gate));
	KTEST_EXPECT_FALSE(t, work_pending(&waits));
}

static void delayed_work_can_be_cancelled(struct ktest *t)
{
	struct workqueue_struct *wq = alloc_ordered_workqueue("locktest", 0);
	struct delayed_work dw;

	KTEST_ASSERT_NOT_NULL(t, wq);
	atomic_set(&work_runs, 0);
	INIT_DELAYED_WORK(&dw, count_work);
	KTEST_EXPECT_TRUE(t, queue_delayed_work(wq, &dw, 100 * HZ));
	KTEST_EXPECT_FALSE(t, queue_delayed_work(wq, &dw, 1));
	KTEST_EXPECT_TRUE(t, cancel_delayed_work_sync(&dw));
	KTEST_EXPECT_FALSE(t, cancel_delayed_work_sync(&dw));
	KTEST_EXPECT_EQ(t, atomic_read(&work_runs), 0);
	KTEST_EXPECT_TRUE(t, queue_delayed_work(wq, &dw, 100 * HZ));
	KTEST_EXPECT_TRUE(t, mod_delayed_work(wq, &dw, 1));
	schedule_timeout_uninterruptible(4);
	flush_workqueue(wq);
	KTEST_EXPECT_EQ(t, atomic_read(&work_runs), 1);
	destroy_workqueue(wq);
}

/* ---- scheduler and kernel threads ---- */

static int until_stopped(void *arg)
{
	atomic_t *beats = arg;

	while (!kthread_should_stop()) {
		atomic_inc(beats);
		if (kthread_should_park())
			kthread_parkme();
		schedule_timeout_interruptible(1);
	}
	return 42;
}

static void kthread_stops_and_parks(struct ktest *t)
{
	static atomic_t beats;
	struct task_struct *k = kthread_run(until_stopped, &beats, "locks/stop");
	int before;

	KTEST_ASSERT_FALSE(t, IS_ERR(k));
	schedule_timeout_uninterruptible(5);
	KTEST_EXPECT_GT(t, atomic_read(&beats), 0);
	kthread_park(k);
	before = atomic_read(&beats);
	schedule_timeout_uninterruptible(5);
	KTEST_EXPECT_EQ(t, atomic_read(&beats), before);
	kthread_unpark(k);
	schedule_timeout_uninterruptible(5);
	KTEST_EXPECT_GT(t, atomic_read(&beats), before);
	KTEST_EXPECT_EQ(t, kthread_stop(k), 42);
	/* One that never ran ends too. */
	k = kthread_create(until_stopped, &beats, "locks/never");
	KTEST_ASSERT_FALSE(t, IS_ERR(k));
	KTEST_EXPECT_EQ(t, kthread_stop(k), -EINTR);
}

static void affinity_moves_at_once(struct ktest *t)
{
	unsigned long old = current->cpus_mask;
	int cpu;

	for_each_online_cpu(cpu) {
		KTEST_EXPECT_EQ(t, set_cpus_allowed_ptr(current, BIT(cpu)), 0);
		KTEST_EXPECT_EQ(t, (int)smp_processor_id(), cpu);
		yield();
		KTEST_EXPECT_EQ(t, (int)smp_processor_id(), cpu);
	}
	KTEST_EXPECT_EQ(t, set_cpus_allowed_ptr(current, 0), -EINVAL);
	KTEST_EXPECT_EQ(t, set_cpus_allowed_ptr(current, old), 0);
}

static u64 share[3];
static int share_stop;

/* Busy threads on one CPU; kernel code is not preempted, so they ask at each round. */
static int share_crew(struct crew *c, int me)
{
	set_cpus_allowed_ptr(current, BIT(cpumask_first(cpu_online_mask)));
	set_user_nice(current, me * 5);
	atomic_inc(&inside);
	while (atomic_read(&inside) < 3)
		yield();
	while (!READ_ONCE(share_stop)) {
		spin_a_little(50);
		cond_resched();
		if (task_sched_runtime(current) > 400 * (u64)NSEC_PER_MSEC)
			WRITE_ONCE(share_stop, 1);
	}
	share[me] = task_sched_runtime(current);
	return 0;
}

static void nice_levels_share_the_cpu(struct ktest *t)
{
	share_stop = 0;
	atomic_set(&inside, 0);
	run_crew_of(t, 3, share_crew);
	atomic_set(&inside, 0);
	/* Five levels are a factor of 3.05; an epoch is 12 ms of some 550, ticks are 4 ms. */
	ktest_info(t, "nice 0, 5, 10: %llu, %llu, %llu us", share[0] / 1000, share[1] / 1000,
		   share[2] / 1000);
	KTEST_EXPECT_GT(t, share[0], share[1] * 2);
	KTEST_EXPECT_LT(t, share[0], share[1] * 5);
	KTEST_EXPECT_GT(t, share[1], share[2] * 2);
	KTEST_EXPECT_LT(t, share[1], share[2] * 6);
}

/* ---- lock-order checker ---- */

#ifdef CONFIG_DEBUG_LOCKS
static void in_order(spinlock_t *first, spinlock_t *second)
{
	spin_lock(first);
	spin_lock(second);
	spin_unlock(second);
	spin_unlock(first);
}

static void checker_sees_inverted_order(struct ktest *t)
{
	static spinlock_t a, b, c;
	unsigned int before;

	spin_lock_init(&a);
	spin_lock_init(&b);
	spin_lock_init(&c);
	KTEST_ASSERT_FALSE(t, lockdep_off);
	lockdep_testing = true;
	before = lockdep_caught;
	in_order(&a, &b);
	in_order(&b, &c);
	in_order(&a, &c);
	KTEST_EXPECT_EQ(t, lockdep_caught, before);
	in_order(&c, &a); /* a, b, c, a: a circle of three */
	KTEST_EXPECT_EQ(t, lockdep_caught, before + 1);
	spin_lock(&a);
	might_sleep();
	KTEST_EXPECT_EQ(t, lockdep_caught, before + 2);
	lockdep_assert_held(&a);
	KTEST_EXPECT_EQ(t, lockdep_caught, before + 2);
	lockdep_assert_held(&b);
	KTEST_EXPECT_EQ(t, lockdep_caught, before + 3);
	spin_unlock(&a);
	rcu_read_lock();
	might_sleep();
	KTEST_EXPECT_EQ(t, lockdep_caught, before + 4);
	rcu_read_unlock();
	lockdep_testing = false;
}
#else
static void checker_sees_inverted_order(struct ktest *t)
{
	ktest_skip(t, "only in debug kernels (make DEBUG=1)");
}
#endif

/* ---- per-CPU variables ---- */

static DEFINE_PER_CPU(u8, pc8);
static DEFINE_PER_CPU(u16, pc16);
static DEFINE_PER_CPU(u32, pc32) = 7;
static DEFINE_PER_CPU(u64, pc64);

static void percpu_operations(struct ktest *t)
{
	int cpu;

	for_each_online_cpu(cpu)
		KTEST_EXPECT_EQ(t, per_cpu(pc32, cpu), 7U);
	this_cpu_write(pc8, 250);
	this_cpu_add(pc8, 10);
	KTEST_EXPECT_EQ(t, this_cpu_read(pc8), 4);
	this_cpu_inc(pc16);
	this_cpu_sub(pc16, 2);
	KTEST_EXPECT_EQ(t, this_cpu_read(pc16), 0xffff);
	KTEST_EXPECT_EQ(t, this_cpu_add_return(pc32, 5), 12U);
	KTEST_EXPECT_EQ(t, this_cpu_cmpxchg(pc32, 12, 7), 12U);
	KTEST_EXPECT_EQ(t, this_cpu_cmpxchg(pc32, 12, 9), 7U);
	KTEST_EXPECT_EQ(t, this_cpu_xchg(pc64, 1ULL << 40), 0ULL);
	KTEST_EXPECT_EQ(t, *this_cpu_ptr(&pc64), 1ULL << 40);
	KTEST_EXPECT_EQ(t, per_cpu(pc64, smp_processor_id()), 1ULL << 40);
	KTEST_EXPECT_EQ(t, (unsigned long)this_cpu_ptr(&pc64),
			(unsigned long)&per_cpu(pc64, smp_processor_id()));
	this_cpu_write(pc64, 0);
	this_cpu_write(pc8, 0);
	this_cpu_write(pc16, 0);
}

static const struct ktest_case locks_cases[] = {
	KTEST_CASE(spinlock_states),
	KTEST_CASE(guards_unlock_on_every_way_out),
	KTEST_CASE(percpu_operations),
	KTEST_CASE(spinlock_excludes),
	KTEST_CASE(spin_trylock_excludes),
	KTEST_CASE(mutex_excludes_sleepers),
	KTEST_CASE(mutex_starves_nobody),
	KTEST_CASE(rwsem_trylocks),
	KTEST_CASE(rwsem_excludes_writers_only),
	KTEST_CASE(wait_event_loses_no_wakeup),
	KTEST_CASE(exclusive_wakeups_reach_each_waiter),
	KTEST_CASE(wait_event_timeout_ends),
	KTEST_CASE(bit_lock_excludes),
	KTEST_CASE(rcu_keeps_what_readers_see),
	KTEST_CASE(rcu_callbacks_run_in_order),
	KTEST_CASE(work_runs_once_each_time),
	KTEST_CASE(work_may_wait_for_work),
	KTEST_CASE(delayed_work_can_be_cancelled),
	KTEST_CASE(kthread_stops_and_parks),
	KTEST_CASE(affinity_moves_at_once),
	KTEST_CASE(nice_levels_share_the_cpu),
	KTEST_CASE(checker_sees_inverted_order),
	{},
};
KTEST_SUITE(locks, locks_cases);
