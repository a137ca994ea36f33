/*
 * Suite locks: what each primitive promises, with as many threads as there are CPUs (at least four,
 * so that they also interleave on one CPU).
 *
 * Exclusion is proven by data that only stays consistent when nobody else is inside: two counters
 * that are changed one after the other with time in between. Liveness is proven by every thread
 * reaching its end.
 */
#include "arch/x86/atomic.h"
#include "kernel/bug.h"
#include "kernel/completion.h"
#include "kernel/kthread.h"
#include "kernel/mutex.h"
#include "kernel/rcu.h"
#include "kernel/rwsem.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/spinlock.h"
#include "kernel/time.h"
#include "kernel/wait.h"
#include "tests/kernel/crew.h"

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
			down_read(&rws);
			atomic_inc(&inside);
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
	run_crew(t, rwsem_crew);
	KTEST_EXPECT_EQ(t, atomic_read(&broken), 0);
	KTEST_EXPECT_EQ(t, rws.count, 0L);
	KTEST_EXPECT_TRUE(t, list_empty(&rws.wait_list));
	KTEST_EXPECT_EQ(t, twin_a, twin_b);
}

/* Nobody leaves before all are in; whoever waits a minute for that was kept out. */
static int reader_crew(struct crew *c, int me)
{
	unsigned long end = jiffies + 60 * HZ;

	down_read(&rws);
	atomic_inc(&inside);
	while (atomic_read(&inside) < c->n && time_before(jiffies, end))
		yield();
	if (atomic_read(&inside) < c->n)
		atomic_inc(&broken);
	up_read(&rws);
	return 0;
}

static void rwsem_readers_are_in_together(struct ktest *t)
{
	atomic_set(&broken, 0);
	atomic_set(&inside, 0);
	run_crew(t, reader_crew);
	KTEST_EXPECT_EQ(t, atomic_read(&broken), 0);
	KTEST_EXPECT_EQ(t, rws.count, 0L);
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

/* What another CPU does while a report is "printed" there. 1: printing, 2: enough. */
static int report_stage;

static int print_a_report(void *arg)
{
	unsigned long flags = oops_begin();

	smp_store_release(&report_stage, 1);
	while (smp_load_acquire(&report_stage) != 2)
		cpu_relax();
	oops_end(flags);
	complete(arg);
	return 0;
}

static void checker_goes_on_while_another_cpu_reports(struct ktest *t)
{
	static spinlock_t before, meanwhile;
	static struct completion done;
	struct task_struct *k;
	unsigned int caught;

	if (num_online_cpus() < 2) {
		ktest_skip(t, "needs two CPUs");
		return;
	}
	spin_lock_init(&before);
	spin_lock_init(&meanwhile);
	KTEST_ASSERT_FALSE(t, lockdep_off);
	caught = lockdep_caught;
	report_stage = 0;
	init_completion(&done);
	k = kthread_create(print_a_report, &done, "report");
	KTEST_ASSERT_FALSE(t, IS_ERR(k));
	lockdep_testing = true;
	/* From here on this CPU stays ours, so the thread needs another. */
	spin_lock(&before);
	kthread_bind(k, cpumask_first(cpu_online_mask & ~BIT(smp_processor_id())));
	wake_up_process(k);
	while (smp_load_acquire(&report_stage) != 1)
		cpu_relax();
	/* Taken before the report and given back in it; taken in it and given back after it. */
	spin_unlock(&before);
	spin_lock(&meanwhile);
	smp_store_release(&report_stage, 2);
	while (READ_ONCE(oops_in_progress))
		cpu_relax();
	spin_unlock(&meanwhile);
	wait_for_completion(&done);
	might_sleep();
	KTEST_EXPECT_EQ(t, lockdep_caught, caught);
	lockdep_testing = false;
}
#else
static void checker_goes_on_while_another_cpu_reports(struct ktest *t)
{
	ktest_skip(t, "only in debug kernels (make DEBUG=1)");
}

static void checker_sees_inverted_order(struct ktest *t)
{
	ktest_skip(t, "only in debug kernels (make DEBUG=1)");
}
#endif

static const struct ktest_case locks_cases[] = {
	KTEST_CASE(spinlock_states),
	KTEST_CASE(guards_unlock_on_every_way_out),
	KTEST_CASE(spinlock_excludes),
	KTEST_CASE(spin_trylock_excludes),
	KTEST_CASE(mutex_excludes_sleepers),
	KTEST_CASE(mutex_starves_nobody),
	KTEST_CASE(rwsem_trylocks),
	KTEST_CASE(rwsem_excludes_writers_only),
	KTEST_CASE(rwsem_readers_are_in_together),
	KTEST_CASE(wait_event_loses_no_wakeup),
	KTEST_CASE(exclusive_wakeups_reach_each_waiter),
	KTEST_CASE(wait_event_timeout_ends),
	KTEST_CASE(bit_lock_excludes),
	KTEST_CASE(checker_sees_inverted_order),
	KTEST_CASE(checker_goes_on_while_another_cpu_reports),
	{},
};
KTEST_SUITE(locks, locks_cases);
