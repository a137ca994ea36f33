/*
 * membarrier: a memory barrier on every CPU that runs a thread of the caller, without those threads doing anything.
 *
 * 1. The expedited commands interrupt the CPUs: the handler is a full barrier, and the return from an interrupt (IRET)
 *    makes the core fetch its instructions anew, which is what SYNC_CORE promises. CPUs that switch tasks meanwhile pass a
 *    barrier there.
 * 2. Who wants them registers first, once per address space: threads that did not ask are not disturbed. The
 *    registrations go with exec and are copied by fork.
 * 3. MEMBARRIER_CMD_GLOBAL waits for a grace period: every CPU switched tasks, idled or ran user code since.
 *
 * Locks: none; the registrations are bits of mm->flags, set atomically. Mirrors Linux kernel/sched/membarrier.c.
 * Exercised by tests/user/processvm.c.
 */
#include "arch/x86/barrier.h"
#include "kernel/current.h"
#include "kernel/rcu.h"
#include "kernel/smp.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "mm/user/mm.h"

#define CMD_QUERY			0
#define CMD_GLOBAL			(1 << 0)
#define CMD_GLOBAL_EXPEDITED		(1 << 1)
#define CMD_REGISTER_GLOBAL_EXPEDITED	(1 << 2)
#define CMD_PRIVATE_EXPEDITED		(1 << 3)
#define CMD_REGISTER_PRIVATE_EXPEDITED	(1 << 4)
#define CMD_PRIVATE_EXPEDITED_SYNC_CORE (1 << 5)
#define CMD_REGISTER_PRIVATE_SYNC_CORE	(1 << 6)
#define CMD_GET_REGISTRATIONS		(1 << 9)
#define ALL_COMMANDS                                                         \
	(CMD_GLOBAL | CMD_GLOBAL_EXPEDITED | CMD_REGISTER_GLOBAL_EXPEDITED | \
	 CMD_PRIVATE_EXPEDITED | CMD_REGISTER_PRIVATE_EXPEDITED |            \
	 CMD_PRIVATE_EXPEDITED_SYNC_CORE | CMD_REGISTER_PRIVATE_SYNC_CORE | CMD_GET_REGISTRATIONS)

/* In mm->flags, at the place of the command that registered. */
#define REGISTERED_SHIFT 16
#define REGISTERED_MASK                                                   \
	(CMD_REGISTER_GLOBAL_EXPEDITED | CMD_REGISTER_PRIVATE_EXPEDITED | \
	 CMD_REGISTER_PRIVATE_SYNC_CORE)

static void barrier_here(void *info)
{
	smp_mb();
}

static long register_for(unsigned long commands)
{
	__atomic_or_fetch(&current->mm->flags, commands << REGISTERED_SHIFT, __ATOMIC_SEQ_CST);
	return 0;
}

static unsigned long registered(void)
{
	return READ_ONCE(current->mm->flags) >> REGISTERED_SHIFT & REGISTERED_MASK;
}

static void interrupt_cpus(cpumask_t mask)
{
	smp_mb();
	on_each_cpu_mask(mask & cpu_online_mask, barrier_here, NULL, true);
	smp_mb();
}

/* CPUs that may run a thread of this memory, or have it loaded. */
static long private_expedited(unsigned long needs)
{
	if (!(registered() & needs))
		return -EPERM;
	interrupt_cpus(READ_ONCE(current->mm->context.cpu_bitmap));
	return 0;
}

static long sys_membarrier(int cmd, unsigned int flags, int cpu)
{
	/* The one flag belongs to a command about rseq, which is not offered. */
	if (flags)
		return -EINVAL;
	switch (cmd) {
	case CMD_QUERY:
		return ALL_COMMANDS;
	case CMD_GLOBAL:
		if (num_online_cpus() > 1)
			synchronize_rcu();
		return 0;
	case CMD_GLOBAL_EXPEDITED:
		interrupt_cpus(cpu_online_mask);
		return 0;
	case CMD_REGISTER_GLOBAL_EXPEDITED:
	case CMD_REGISTER_PRIVATE_EXPEDITED:
	case CMD_REGISTER_PRIVATE_SYNC_CORE:
		return register_for(cmd);
	case CMD_PRIVATE_EXPEDITED:
		return private_expedited(CMD_REGISTER_PRIVATE_EXPEDITED);
	case CMD_PRIVATE_EXPEDITED_SYNC_CORE:
		return private_expedited(CMD_REGISTER_PRIVATE_SYNC_CORE);
	case CMD_GET_REGISTRATIONS:
		return registered();
	}
	return -EINVAL;
}
SYSCALL(324, membarrier);
