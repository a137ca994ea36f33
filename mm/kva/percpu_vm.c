/*
 * Further chunks for the per-CPU allocator: ranges of vmalloc space with given distances from one
 * another.
 *
 * The copies of one per-CPU variable lie __per_cpu_offset[cpu] apart, in every chunk
 * (mm/slab/percpu.c). So a chunk is a set of ranges, one for each CPU, whose distances are those of
 * the first chunk's units. The search goes from the top of vmalloc space down, out of the way of
 * everything else, and moves the whole set down to the next free area whenever one of its ranges is
 * taken. A new set has no memory behind it; pages come and go one by one, each from its CPU's node.
 *
 * Mirrors pcpu_get_vm_areas() of Linux mm/vmalloc.c and mm/percpu-vm.c. Exercised by the percpu
 * suite.
 */
#include "mm/kva/kva_internal.h"

#include "arch/x86/numa.h"
#include "kernel/smp.h"
#include "lib/err.h"
#include "lib/string.h"
#include "mm/debug/kasan.h"
#include "mm/phys/buddy.h"
#include "mm/slab/percpu.h"
#include "mm/slab/slab.h"

static unsigned long lowest_offset(void)
{
	unsigned long lowest = ~0UL;
	int cpu;

	for_each_possible_cpu(cpu)
		lowest = min(lowest, __per_cpu_offset[cpu]);
	return lowest;
}

/* Address for the lowest unit so that all units are free; 0 if there is none. */
static unsigned long find_base(size_t size, unsigned long lowest)
{
	unsigned long span = size, base;
	int cpu;

	for_each_possible_cpu(cpu)
		span = max(span, __per_cpu_offset[cpu] - lowest + size);
	if (span > VMALLOC_USED_END - VMALLOC_START)
		return 0;
	base = VMALLOC_USED_END - span;
again:
	for_each_possible_cpu(cpu) {
		unsigned long d = __per_cpu_offset[cpu] - lowest, retry;

		if (!vmap_range_busy(base + d, base + d + size, &retry))
			continue;
		if (retry < VMALLOC_START + d + size)
			return 0;
		base = retry - d - size;
		goto again;
	}
	return base;
}

/* Takes the addresses of a unit, in caller's name (/proc/vmallocinfo). 0 or -errno. */
static int make_unit(unsigned long addr, size_t size, const void *caller)
{
	struct vmap_area *va = alloc_vmap_area_at(addr, size);

	if (IS_ERR(va))
		return PTR_ERR(va);
	kasan_unpoison_vmalloc((void *)addr, size);
	va->vm = (struct vm_struct){ .addr = (void *)addr,
				     .size = size,
				     .caller = caller,
				     .flags = VM_PERCPU | VM_NO_GUARD };
	return 0;
}

/* A zeroed page of the CPU's node at addr. 0 or -ENOMEM. */
static int populate_one(unsigned long addr, int cpu)
{
	struct page *page = alloc_pages_node(cpu_to_node(cpu), GFP_KERNEL | __GFP_ZERO, 0);
	int err = page ? vmap_pages_range(addr, &page, 1, PAGE_KERNEL) : -ENOMEM;

	if (err && page)
		__free_page(page);
	return err;
}

/* Unmaps the page at addr on the CPUs below end, and frees them after one flush of each. */
static void depopulate_below(unsigned long addr, int end)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		unsigned long a = addr + __per_cpu_offset[cpu];
		struct page *page = cpu < end ? vmalloc_to_page((void *)a) : NULL;

		if (!page)
			continue;
		vunmap_range(a, a + PAGE_SIZE);
		__free_page(page);
	}
}

static int pcpu_vm_populate(unsigned long addr)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		if (!populate_one(addr + __per_cpu_offset[cpu], cpu))
			continue;
		depopulate_below(addr, cpu);
		return -ENOMEM;
	}
	return 0;
}

static void pcpu_vm_depopulate(unsigned long addr)
{
	depopulate_below(addr, INT_MAX);
}

static void pcpu_vm_destroy(unsigned long base, size_t size)
{
	int cpu;

	for (unsigned long a = base; a < base + size; a += PAGE_SIZE)
		pcpu_vm_depopulate(a);
	for_each_possible_cpu(cpu)
		free_vmap_area_lazy(find_unlink_vmap_area(base + __per_cpu_offset[cpu]));
}

static unsigned long pcpu_vm_create(size_t size)
{
	unsigned long lowest = lowest_offset(), base;
	int cpu, done, err;

	for (int tries = 0; tries < 3; tries++) {
		base = find_base(size, lowest);
		if (!base)
			return 0;
		base -= lowest;
		err = 0;
		for_each_possible_cpu(cpu) {
			err = make_unit(base + __per_cpu_offset[cpu], size, pcpu_vm_create);
			if (err)
				break;
		}
		if (!err)
			return base;
		for_each_possible_cpu(done) {
			if (done == cpu)
				break;
			free_vmap_area_now(find_unlink_vmap_area(base + __per_cpu_offset[done]));
		}
		if (err != -EBUSY) /* else somebody took a range between the search and here */
			return 0;
	}
	return 0;
}

static const struct pcpu_chunk_ops pcpu_vm_ops = {
	.create = pcpu_vm_create,
	.destroy = pcpu_vm_destroy,
	.populate = pcpu_vm_populate,
	.depopulate = pcpu_vm_depopulate,
};

void __init pcpu_vm_init(void)
{
	pcpu_set_chunk_ops(&pcpu_vm_ops);
}
