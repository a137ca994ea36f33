/*
 * Kernel stacks, and a little store of them on each CPU.
 *
 * 1. A stack is an area of vmalloc space: the guard page of the area below it catches an overflow,
 *    its own the opposite. THREAD_SIZE is 16 KiB (KASAN kernels: 32).
 * 2. A task that exits and one that is forked next usually meet on one CPU. Two slots on each CPU
 *    turn that into two instructions' worth of moving a pointer, where a new stack costs four pages
 *    and a TLB flush's share.
 * 3. Stacks are not cleared and keep what the last task left on them.
 *
 * Lock: interrupts off on the CPU whose slots are used. Mirrors Linux kernel/fork.c
 * (alloc_thread_stack_node).
 * Exercised by the vmalloc suite.
 */
#include "mm/kva/stack.h"

#include "arch/x86/irqflags.h"
#include "kernel/percpu.h"
#include "kernel/task.h"
#include "mm/debug/kasan.h"
#include "mm/debug/kmemleak.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/vmstat.h"

#define NR_CACHED_STACKS 2

static DEFINE_PER_CPU(void *, cached_stacks[NR_CACHED_STACKS]);
static atomic_long_t nr_stacks;

unsigned long nr_kernel_stacks(void)
{
	return atomic_long_read(&nr_stacks);
}

/* KernelStack: in /proc/meminfo counts stacks that exist, those in the slots too. */
static void account_stack(void *stack, int sign)
{
	struct page *page = vmalloc_to_page(stack);

	atomic_long_add(sign, &nr_stacks);
	mod_node_page_state(page_pgdat(page), NR_KERNEL_STACK_KB,
			    sign * (long)(THREAD_SIZE / 1024));
}

static noinline void *new_thread_stack(int node)
{
	void *stack = __vmalloc_node_range(THREAD_SIZE, PAGE_SIZE, VMALLOC_START, VMALLOC_END,
					   GFP_KERNEL, PAGE_KERNEL, VM_KSTACK, node,
					   __builtin_return_address(0));

	if (!stack)
		return NULL;
	kmemleak_no_scan(stack); /* it is searched as that of its task, or not at all */
	account_stack(stack, 1);
	return stack;
}

void *alloc_thread_stack(int node)
{
	unsigned long flags;
	void *stack;

	local_irq_save(flags);
	for (int i = 0; i < NR_CACHED_STACKS; i++) {
		stack = this_cpu_read(cached_stacks[i]);
		if (stack) {
			this_cpu_write(cached_stacks[i], NULL);
			local_irq_restore(flags);
			kasan_unpoison_range(
				stack,
				THREAD_SIZE); /* red zones of functions that never returned */
			return stack;
		}
	}
	local_irq_restore(flags);
	return new_thread_stack(node);
}

void free_thread_stack(void *stack)
{
	unsigned long flags;

	if (!stack)
		return;
	local_irq_save(flags);
	for (int i = 0; i < NR_CACHED_STACKS; i++) {
		if (!this_cpu_read(cached_stacks[i])) {
			this_cpu_write(cached_stacks[i], stack);
			local_irq_restore(flags);
			return;
		}
	}
	local_irq_restore(flags);
	account_stack(stack, -1);
	vfree_atomic(stack);
}
