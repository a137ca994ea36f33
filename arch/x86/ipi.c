/*
 * Calls between CPUs: the queue of functions, rescheduling, stopping.
 *
 * 1. Each CPU has a list of calls in its per-CPU area; the head is a pointer that callers push to with compare-and-swap and the
 *    CPU empties with one exchange. Only the push that finds the list empty sends the interrupt: a non-empty list has one on
 *    its way.
 * 2. CSD_LOCK in an entry says that it is in use. The receiver clears it, with release order, after the function (waiting
 *    call) or before it (asynchronous: the function may reuse the entry).
 * 3. Who waits spins a moment and then halts: on a host with fewer CPUs than the machine has, the called CPU may be
 *    waiting for the very one that the caller burns. CSD_WAKE asks the receiver for an interrupt when it is through.
 * 4. A call to many CPUs uses one entry for each receiver, in the caller's per-CPU array: the array is free again when
 *    all locks are clear, so calls without wait wait for the previous one instead.
 *
 * Mirrors Linux kernel/smp.c and arch/x86/kernel/smp.c. Exercised by the smp suite.
 */
#include "arch/x86/ipi.h"

#include "arch/x86/apic.h"
#include "arch/x86/atomic.h"
#include "arch/x86/barrier.h"
#include "arch/x86/bitops.h"
#include "arch/x86/irq_stat.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/traps.h"
#include "arch/x86/tsc.h"
#include "kernel/bug.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "lib/errno.h"

#define CSD_LOCK	  1U
#define CSD_SYNC	  2U /* unlocked after the function */
#define CSD_WAKE	  4U /* the waiter has halted: unlocking interrupts it */
#define SPINS_BEFORE_HALT 64

static DEFINE_PER_CPU(struct call_single_data *, call_queue);
static DEFINE_PER_CPU(struct call_single_data[NR_CPUS], many_csd);

/* ---- the queue ---- */

static void csd_unlock(struct call_single_data *csd)
{
	int src = csd->src;

	if (unlikely(__atomic_exchange_n(&csd->flags, 0, __ATOMIC_SEQ_CST) & CSD_WAKE))
		apic_send_ipi(src, RESCHEDULE_VECTOR);
}

/* Between the look at the entry and the halt no interrupt comes, so the wake-up is not missed. */
static void csd_halt(struct call_single_data *csd)
{
	unsigned int flags;

	local_irq_disable();
	flags = READ_ONCE(csd->flags);
	if ((flags & CSD_LOCK) &&
	    __atomic_compare_exchange_n(&csd->flags, &flags, flags | CSD_WAKE, false,
					__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		safe_halt();
	else
		local_irq_enable();
}

static void csd_wait(struct call_single_data *csd)
{
	unsigned int spins = 0;

	while (smp_load_acquire(&csd->flags) & CSD_LOCK) {
		cpu_relax();
		if (++spins % SPINS_BEFORE_HALT == 0 && !irqs_disabled())
			csd_halt(csd);
	}
}

static void csd_queue(unsigned int cpu, struct call_single_data *csd)
{
	struct call_single_data **head = &per_cpu(call_queue, cpu), *first = READ_ONCE(*head);

	do {
		csd->next = first;
	} while (!__atomic_compare_exchange_n(head, &first, csd, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	if (!first)
		apic_send_ipi(cpu, CALL_FUNCTION_VECTOR);
}

void flush_smp_call_function_queue(void)
{
	struct call_single_data **head = this_cpu_ptr(&call_queue);
	struct call_single_data *list = __atomic_exchange_n(head, NULL, __ATOMIC_SEQ_CST),
				*reversed = NULL, *next;

	/* Pushed in front: turned round, so that calls run in the order they were made. */
	for (; list; list = next) {
		next = list->next;
		list->next = reversed;
		reversed = list;
	}
	for (; reversed; reversed = next) {
		smp_call_func_t func = reversed->func;
		void *info = reversed->info;
		bool sync = reversed->flags & CSD_SYNC;

		next = reversed->next;
		if (!sync)
			csd_unlock(reversed);
		func(info);
		if (sync)
			csd_unlock(reversed);
	}
}

static void run_here(smp_call_func_t func, void *info)
{
	unsigned long flags;

	local_irq_save(flags);
	func(info);
	local_irq_restore(flags);
}

/* Two CPUs that wait for each other with interrupts off would never end. */
static void check_may_wait(void)
{
	WARN_ON_ONCE(irqs_disabled() && num_online_cpus() > 1);
}

int smp_call_function_single(int cpu, smp_call_func_t func, void *info, bool wait)
{
	if (cpu == smp_processor_id()) {
		run_here(func, info);
		return 0;
	}
	if (cpu < 0 || cpu >= NR_CPUS || !cpu_online(cpu))
		return -ENXIO;
	smp_call_function_many(BIT(cpu), func, info, wait);
	return 0;
}

int smp_call_function_single_async(int cpu, struct call_single_data *csd)
{
	unsigned long flags;

	if (cpu < 0 || cpu >= NR_CPUS || !cpu_online(cpu))
		return -ENXIO;
	if (__atomic_exchange_n(&csd->flags, CSD_LOCK, __ATOMIC_ACQUIRE) & CSD_LOCK)
		return -EBUSY;
	if (cpu != smp_processor_id()) {
		csd_queue(cpu, csd);
		return 0;
	}
	local_irq_save(flags);
	csd_unlock(csd);
	csd->func(csd->info);
	local_irq_restore(flags);
	return 0;
}

void smp_call_function_many(cpumask_t mask, smp_call_func_t func, void *info, bool wait)
{
	struct call_single_data *csds = *this_cpu_ptr(&many_csd);
	unsigned int cpu;

	mask &= READ_ONCE(cpu_online_mask) & ~BIT(smp_processor_id());
	if (!mask)
		return;
	check_may_wait();
	for_each_cpu(cpu, mask) {
		struct call_single_data *csd = &csds[cpu];

		csd_wait(csd);
		csd->func = func;
		csd->info = info;
		csd->src = smp_processor_id();
		csd->flags = CSD_LOCK | (wait ? CSD_SYNC : 0);
		csd_queue(cpu, csd);
	}
	if (wait)
		for_each_cpu(cpu, mask)
			csd_wait(&csds[cpu]);
}

void smp_call_function(smp_call_func_t func, void *info, bool wait)
{
	smp_call_function_many(READ_ONCE(cpu_online_mask), func, info, wait);
}

void on_each_cpu_mask(cpumask_t mask, smp_call_func_t func, void *info, bool wait)
{
	smp_call_function_many(mask, func, info, wait);
	if (mask & BIT(smp_processor_id()))
		run_here(func, info);
}

void on_each_cpu(smp_call_func_t func, void *info, bool wait)
{
	on_each_cpu_mask(READ_ONCE(cpu_online_mask), func, info, wait);
}

/* ---- rescheduling and stopping ---- */

void smp_send_reschedule(int cpu)
{
	if (cpu == smp_processor_id() || !cpu_online(cpu))
		return;
	apic_send_ipi(cpu, RESCHEDULE_VECTOR);
}

static cpumask_t smp_stop_by_nmi; /* CPUs that have to stop at their next NMI */

void nmi_stop_this_cpu(void)
{
	if (READ_ONCE(smp_stop_by_nmi) & BIT(smp_processor_id()))
		stop_this_cpu();
}

void stop_this_cpu(void)
{
	local_irq_disable();
	clear_bit(smp_processor_id(), &cpu_online_mask);
	for (;;)
		halt();
}

static void wait_for_stop(unsigned long ms)
{
	u64 end = sched_clock() + ms * NSEC_PER_MSEC;

	/* Bounded by polls too: before calibration the clock stands still. */
	for (unsigned long i = 0; i < 100000000; i++) {
		if (num_online_cpus() <= 1 || sched_clock() > end)
			return;
		cpu_relax();
	}
}

void smp_send_stop(void)
{
	static int stopping = -1;
	int self = smp_processor_id(), none = -1;
	cpumask_t others;

	/* The first CPU to come here stops the others, another one that panics as well included. */
	if (!__atomic_compare_exchange_n(&stopping, &none, self, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED) &&
	    none != self)
		stop_this_cpu();
	others = READ_ONCE(cpu_online_mask) & ~BIT(self);
	if (!others || !apic_present)
		return;
	apic_send_ipi_mask(others, REBOOT_VECTOR);
	wait_for_stop(500);
	/* Who had interrupts off gets what cannot be refused; the NMI handler calls nmi_stop_this_cpu(). */
	others = READ_ONCE(cpu_online_mask) & ~BIT(self);
	WRITE_ONCE(smp_stop_by_nmi, others);
	if (others) {
		unsigned int cpu;

		for_each_cpu(cpu, others)
			apic_send_nmi(cpu);
		wait_for_stop(500);
	}
}

/* ---- vectors ---- */

static void reschedule_interrupt(struct pt_regs *regs)
{
	/* The sender has set TIF_NEED_RESCHED; the way out of the interrupt looks at it. */
	apic_eoi();
	this_cpu_inc(irq_stat[IRQ_STAT_RES]);
	tick_irq_enter();
}

static void call_function_interrupt(struct pt_regs *regs)
{
	apic_eoi();
	this_cpu_inc(irq_stat[IRQ_STAT_CAL]);
	tick_irq_enter();
	flush_smp_call_function_queue();
}

static void reboot_interrupt(struct pt_regs *regs)
{
	apic_eoi();
	stop_this_cpu();
}

void __init ipi_init(void)
{
	set_irq_handler(RESCHEDULE_VECTOR, reschedule_interrupt);
	set_irq_handler(CALL_FUNCTION_VECTOR, call_function_interrupt);
	set_irq_handler(REBOOT_VECTOR, reboot_interrupt);
}
