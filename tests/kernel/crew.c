/*
 * Threads that begin together (crew.h).
 *
 * Each counts itself in and yields until all have: with fewer CPUs than threads they would otherwise run one after the
 * other, and fight about nothing. Used by the suites locks, rcu and kthread.
 */
#include "tests/kernel/crew.h"

#include "kernel/kthread.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "lib/err.h"

struct crew crew;

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

void run_crew_of(struct ktest *t, int n, int (*fn)(struct crew *, int))
{
	crew = (struct crew){ .t = t, .fn = fn, .n = n, .left = ATOMIC_INIT(n) };
	init_completion(&crew.done);
	for (int i = 0; i < n; i++) {
		struct task_struct *k = kthread_run(crew_main, &crew, "crew/%d", i);

		if (IS_ERR(k)) {
			KTEST_FAIL(t, "thread %d: %ld", i, PTR_ERR(k));
			atomic_sub(1, &crew.left);
			crew.n--;
		}
	}
	KTEST_EXPECT_GT(t, wait_for_completion_timeout(&crew.done, 300 * HZ), 0UL);
}

static int crew_size(void)
{
	return clamp((int)num_online_cpus() * 2, 4, MAX_THREADS);
}

void run_crew(struct ktest *t, int (*fn)(struct crew *, int))
{
	run_crew_of(t, crew_size(), fn);
}

void spin_a_little(int n)
{
	for (int i = 0; i < n; i++)
		cpu_relax();
}
