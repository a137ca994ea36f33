/*
 * Overcommit: what the kernel promises before it has to keep it.
 *
 * 1. A private writable page costs nothing until it is written, and then a frame. The promise is counted where it is given: mmap
 *    and brk of private writable memory, a stack that grows, mprotect that makes a private area writable, fork (all of it
 *    twice), and shared memory: a mapping without a file at once, a tmpfs file page by page. An area that is counted carries VM_ACCOUNT,
 *    a shared file the size in its inode, so whatever ends them takes back what was counted, to the page.
 * 2. The mode decides what to do with the count (vm.overcommit_memory):
 *      0  refuse only what cannot be: one request for more than all memory
 *      1  refuse nothing
 *      2  keep the sum of all promises below CommitLimit, a ratio of memory (or a number of KiB), less a reserve for root
 *         and one for each process, so that somebody can still log in and kill
 *    MAP_NORESERVE areas are not counted, but in mode 2 nobody may ask for that.
 * 3. The count is one number per CPU: giving a promise is one instruction. Who needs the sum adds them up; it is exact.
 *
 * Locks: none. Mirrors Linux mm/util.c (__vm_enough_memory). Exercised by tests/user/overcommit.c.
 */
#include "mm/cache/overcommit.h"

#include "kernel/smp.h"
#include "lib/errno.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"

int sysctl_overcommit_memory = OVERCOMMIT_GUESS;
int sysctl_overcommit_ratio = 50;
int sysctl_overcommit_kbytes;
int sysctl_user_reserve_kbytes = 128 << 10;
int sysctl_admin_reserve_kbytes = 8 << 10;

DEFINE_PER_CPU(long, vm_committed_as);

static bool nobody(void)
{
	return false;
}
bool (*overcommit_privileged)(void) = nobody;

void overcommit_init(void)
{
	unsigned long part = global_zone_page_state(NR_FREE_PAGES) << (PAGE_SHIFT - 10) >> 5;

	sysctl_user_reserve_kbytes = min(part, 128UL << 10);
	sysctl_admin_reserve_kbytes = min(part, 8UL << 10);
}

unsigned long vm_memory_committed(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(&vm_committed_as, cpu));
	return max(sum, 0L);
}

unsigned long vm_commit_limit(void)
{
	int kbytes = READ_ONCE(sysctl_overcommit_kbytes);

	if (kbytes)
		return (unsigned long)kbytes >> (PAGE_SHIFT - 10);
	return totalram_pages() * READ_ONCE(sysctl_overcommit_ratio) / 100;
}

static bool below_limit(unsigned long total_vm)
{
	long allowed = vm_commit_limit();

	if (!overcommit_privileged())
		allowed -= sysctl_admin_reserve_kbytes >> (PAGE_SHIFT - 10);
	if (total_vm)
		allowed -= min(total_vm / 32,
			       (unsigned long)sysctl_user_reserve_kbytes >> (PAGE_SHIFT - 10));
	return (long)vm_memory_committed() < allowed;
}

int vm_enough_memory(unsigned long total_vm, long pages)
{
	int mode = READ_ONCE(sysctl_overcommit_memory);

	/* Counted first: two who ask at once see each other. */
	vm_acct_memory(pages);
	if (likely(mode == OVERCOMMIT_GUESS)) {
		if (likely(pages <= (long)totalram_pages()))
			return 0;
	} else if (mode == OVERCOMMIT_ALWAYS || below_limit(total_vm)) {
		return 0;
	}
	vm_unacct_memory(pages);
	return -ENOMEM;
}
