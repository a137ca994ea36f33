/*
 * Several CPUs: who am I, who else is there, and how to run a function on another CPU.
 *
 * 1. A set of CPUs is one unsigned long, passed by value: bit n is CPU n (NR_CPUS is 64). cpu_possible_mask is fixed
 *    after ACPI was read, cpu_present_mask too; cpu_online_mask grows in smp_init() and shrinks only in panic.
 * 2. A function call to another CPU is an entry in that CPU's lock-free list and one interrupt; the interrupt
 *    takes the whole list and runs it in order. With wait, the caller spins until its entry is marked done. Functions run
 *    with interrupts off, must be short and must not wait.
 * 3. Two CPUs that call each other while waiting do not deadlock as long as both have interrupts on.
 *    => so the waiting calls below must not be made with interrupts off, or under a lock that an interrupt handler takes.
 *
 * Mirrors Linux include/linux/{smp,cpumask}.h and kernel/smp.c. Exercised by the smp suite.
 */
#pragma once

#include "kernel/percpu.h"
#include "lib/bitmap.h"
#include "lib/types.h"

#ifndef NR_CPUS
#define NR_CPUS 64
#endif

typedef unsigned long cpumask_t;

extern cpumask_t
	cpu_possible_mask; /* CPUs that firmware names as usable, within NR_CPUS and maxcpus= */
extern cpumask_t cpu_present_mask;
extern cpumask_t cpu_online_mask; /* run the scheduler and take interrupts */
extern unsigned int nr_cpu_ids;	  /* highest possible CPU + 1 */

#define cpu_online(cpu)	    ((READ_ONCE(cpu_online_mask) >> (cpu)) & 1)
#define cpu_possible(cpu)   ((cpu_possible_mask >> (cpu)) & 1)
#define num_online_cpus()   (hweight_long(READ_ONCE(cpu_online_mask)))
#define num_possible_cpus() (hweight_long(cpu_possible_mask))
#define num_present_cpus()  (hweight_long(cpu_present_mask))
#define cpumask_of(cpu)	    BIT(cpu)

/* Lowest CPU in @mask, NR_CPUS if it is empty. */
static __always_inline unsigned int cpumask_first(cpumask_t mask)
{
	return mask ? (unsigned int)__builtin_ctzl(mask) : NR_CPUS;
}

/* Lowest CPU in @mask above @cpu (-1 to begin), NR_CPUS if none. */
static __always_inline unsigned int cpumask_next(int cpu, cpumask_t mask)
{
	return cpu >= NR_CPUS - 1 ? NR_CPUS : cpumask_first(mask & (~0UL << (cpu + 1)));
}

/* @mask is read once, at the start of the loop. */
#define for_each_cpu(cpu, mask)                \
	for (unsigned long __m_##cpu = (mask); \
	     __m_##cpu && ((cpu) = __builtin_ctzl(__m_##cpu), 1); __m_##cpu &= __m_##cpu - 1)
#define for_each_possible_cpu(cpu) for_each_cpu(cpu, cpu_possible_mask)
#define for_each_present_cpu(cpu)  for_each_cpu(cpu, cpu_present_mask)
#define for_each_online_cpu(cpu)   for_each_cpu(cpu, READ_ONCE(cpu_online_mask))

/* This CPU's number. Stable until the caller sleeps: kernel code is not preempted. */
DECLARE_PER_CPU(int, cpu_number);
#define raw_smp_processor_id() this_cpu_read(cpu_number)
#define smp_processor_id()     raw_smp_processor_id()
#define get_cpu()	       smp_processor_id()
#define put_cpu()	       barrier()

typedef void (*smp_call_func_t)(void *info);

/* One call in flight to one CPU; owned by the queue from the call until the function has begun (or ended: wait). */
struct call_single_data {
	struct call_single_data *next;
	smp_call_func_t func;
	void *info;
	unsigned int flags;
	int src; /* CPU that waits */
};

/*
 * Runs func(info) on @cpu, or here if @cpu is this one; wait: returns after it ran.
 * 0, or -ENXIO if @cpu is not online. => see 3 above
 */
int smp_call_function_single(int cpu, smp_call_func_t func, void *info, bool wait);
/* Without waiting, with the caller's @csd, which must stay and not be reused until func runs; any context. -EBUSY if in flight. */
int smp_call_function_single_async(int cpu, struct call_single_data *csd);
/* On every online CPU of @mask but this one. */
void smp_call_function_many(cpumask_t mask, smp_call_func_t func, void *info, bool wait);
/* On every online CPU but this one. */
void smp_call_function(smp_call_func_t func, void *info, bool wait);
/* On every online CPU, here too (with interrupts off). */
void on_each_cpu(smp_call_func_t func, void *info, bool wait);
void on_each_cpu_mask(cpumask_t mask, smp_call_func_t func, void *info, bool wait);

/* Makes @cpu look at TIF_NEED_RESCHED of its current task; any context; never waits. */
void smp_send_reschedule(int cpu);
/* Stops all other CPUs for good (panic, power off); any context; waits up to a second for them. */
void smp_send_stop(void);

/* Boot, in this order. Each is called once on the boot CPU. */
void smp_prepare_boot_cpu(
	void); /* after setup_per_cpu_areas(): CPU numbers and nodes; this CPU is 0, online */
void smp_prepare_cpus(void); /* after mm: local APICs, call queues, trampoline */
void smp_init(void);	     /* starts the other CPUs; needs idle tasks (fork_idle) and the tick */
/* First C function of another CPU, from the trampoline, on its idle task's stack; never returns. */
void start_secondary(void) __noreturn;
/* Each CPU's highest use of physical package ids, for /proc/cpuinfo. */
unsigned int cpu_to_apicid(unsigned int cpu);
