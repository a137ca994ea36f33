/*
 * Suite kthread: kernel threads start, park and stop; work runs once each time it is queued; the scheduler obeys
 * affinity at once and shares a CPU by nice level.
 *
 * Shares are proven by the run time that the threads themselves were given, with room for the length of an epoch.
 */
#include "kernel/kthread.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "kernel/workqueue.h"
#include "lib/err.h"
#include "tests/kernel/crew.h"

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
	for (int i = 0; i < 500 && !atomic_read(&beats); i++)
		schedule_timeout_uninterruptible(1);
	KTEST_EXPECT_GT(t, atomic_read(&beats), 0);
	kthread_park(k);
	before = atomic_read(&beats);
	schedule_timeout_uninterruptible(5);
	KTEST_EXPECT_EQ(t, atomic_read(&beats), before);
	kthread_unpark(k);
	/* A busy host may run the thread's CPU late. */
	for (int i = 0; i < 500 && atomic_read(&beats) == before; i++)
		schedule_timeout_uninterruptible(1);
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

static atomic_t inside;
static u64 share[3];
static int share_stop;
static bool share_disturbed;

#define SHARE_END (400 * (u64)NSEC_PER_MSEC)

/*
 * Busy threads on one CPU; kernel code is not preempted, so they ask at each round. A round takes microseconds of the
 * thread's own time; ticks in one round are the host's, which kept the whole CPU waiting and charged it to whoever ran.
 */
static int share_crew(struct crew *c, int me)
{
	u64 begin, last, now;

	set_cpus_allowed_ptr(current, BIT(cpumask_first(cpu_online_mask)));
	set_user_nice(current, me * 5);
	atomic_inc(&inside);
	while (atomic_read(&inside) < 3)
		yield();
	begin = last = task_sched_runtime(current); /* without what the waiting took */
	do {
		spin_a_little(50);
		cond_resched();
		now = task_sched_runtime(current);
		if (now - last > 2 * TICK_NSEC)
			WRITE_ONCE(share_disturbed, true);
		if (now - begin > SHARE_END || READ_ONCE(share_disturbed))
			WRITE_ONCE(share_stop, 1);
		last = now;
	} while (!READ_ONCE(share_stop));
	share[me] = last - begin;
	return 0;
}

static void nice_levels_share_the_cpu(struct ktest *t)
{
	for (int tries = 0; tries < 50; tries++) {
		share_stop = share_disturbed = 0;
		atomic_set(&inside, 0);
		run_crew_of(t, 3, share_crew);
		if (!share_disturbed)
			break;
	}
	atomic_set(&inside, 0);
	if (share_disturbed)
		return ktest_skip(t, "the host never left this CPU alone for half a second");
	/* Five levels are a factor of 3.05; an epoch is 12 ms of some 550, ticks are 4 ms. */
	ktest_info(t, "nice 0, 5, 10: %llu, %llu, %llu us", share[0] / 1000, share[1] / 1000,
		   share[2] / 1000);
	KTEST_EXPECT_GT(t, share[0], share[1] * 2);
	KTEST_EXPECT_LT(t, share[0], share[1] * 5);
	KTEST_EXPECT_GT(t, share[1], share[2] * 2);
	KTEST_EXPECT_LT(t, share[1], share[2] * 6);
}

static const struct ktest_case kthread_cases[] = {
	KTEST_CASE(work_runs_once_each_time),
	KTEST_CASE(work_may_wait_for_work),
	KTEST_CASE(delayed_work_can_be_cancelled),
	KTEST_CASE(kthread_stops_and_parks),
	KTEST_CASE(affinity_moves_at_once),
	KTEST_CASE(nice_levels_share_the_cpu),
	{},
};
KTEST_SUITE(kthread, kthread_cases);
