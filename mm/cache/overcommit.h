/*
 * Overcommit: how much memory may be promised. The idea is in overcommit.c.
 *
 * Mirrors Linux include/linux/mman.h. Exercised by tests/user/overcommit.c.
 */
#pragma once

#include "kernel/percpu.h"
#include "lib/types.h"

#define OVERCOMMIT_GUESS  0
#define OVERCOMMIT_ALWAYS 1
#define OVERCOMMIT_NEVER  2

/* /proc/sys/vm */
extern int sysctl_overcommit_memory, sysctl_overcommit_ratio, sysctl_overcommit_kbytes;
extern int sysctl_user_reserve_kbytes, sysctl_admin_reserve_kbytes;

DECLARE_PER_CPU(long, vm_committed_as); /* pages; only the sum over all CPUs means something */

static inline void vm_acct_memory(long pages)
{
	this_cpu_add(vm_committed_as, pages);
}
static inline void vm_unacct_memory(long pages)
{
	this_cpu_add(vm_committed_as, -pages);
}

/*
 * Promises pages more to an address space that has total_vm pages (0: to nobody's): 0, and they are counted, or -ENOMEM.
 */
int vm_enough_memory(unsigned long total_vm, long pages);
unsigned long vm_commit_limit(void);	 /* pages that mode 2 allows */
unsigned long vm_memory_committed(void); /* pages promised */
/* Whether current has CAP_SYS_ADMIN; upper floors set it at boot. */
extern bool (*overcommit_privileged)(void);
void overcommit_init(void); /* => free memory is counted */
