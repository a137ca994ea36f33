/*
 * Who used the CPU: user, system and idle time.
 *
 * The tick charges all time since the last one to whom it interrupted: a sample, but nothing is spent on it at each
 * entry to the kernel. The scheduler knows the exact sum for each task (task_sched_runtime), so what programs see is that sum,
 * divided in the ratio of the samples.
 *
 * Per-CPU counters are written by their CPU in the tick; task->utime and stime by the CPU that runs the task.
 * Mirrors Linux kernel/sched/cputime.c. Exercised by the time suite.
 */
#include "kernel/current.h"
#include "kernel/percpu.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "kernel/time/internal.h"

static DEFINE_PER_CPU(u64[NR_CPUTIME], cpustat);

static void charge(enum cpu_usage_stat which, u64 ns)
{
	(*this_cpu_ptr(&cpustat))[which] += ns;
}

void account_idle_ns(u64 ns)
{
	charge(nr_iowait_cpu(smp_processor_id()) ? CPUTIME_IOWAIT : CPUTIME_IDLE, ns);
}

void account_tick(bool user, u64 ns)
{
	struct task_struct *task = current;

	if (is_idle_task(task)) {
		account_idle_ns(ns);
		return;
	}
	if (user) {
		task->utime += ns;
		charge(task_nice(task) > 0 ? CPUTIME_NICE : CPUTIME_USER, ns);
	} else {
		task->stime += ns;
		charge(CPUTIME_SYSTEM, ns);
	}
	run_itimers(user, ns);
}

u64 kcpustat_read(int cpu, enum cpu_usage_stat which)
{
	return READ_ONCE(per_cpu(cpustat, cpu)[which]);
}

void split_cputime(u64 sum, u64 *utime, u64 *stime)
{
	u64 samples = *utime + *stime, part, high;

	if (!*stime) {
		*utime = sum;
		return;
	}
	/* sum * stime / samples; the quotient is at most sum. */
	__asm__("mulq %3\n\tdivq %4"
		: "=a"(part), "=&d"(high)
		: "0"(sum), "rm"(*stime), "r"(samples)
		: "cc");
	*stime = part;
	*utime = sum - part;
}

void task_cputime_adjusted(struct task_struct *t, u64 *utime, u64 *stime)
{
	*utime = READ_ONCE(t->utime);
	*stime = READ_ONCE(t->stime);
	split_cputime(task_sched_runtime(t), utime, stime);
}
