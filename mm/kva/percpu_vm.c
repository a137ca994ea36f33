/*
 * Further chunks for the per-CPU allocator: ranges of vmalloc space with given distances from one
 * another.
 *
 * The copies of one per-CPU variable lie __per_cpu_offset[cpu] apart, in every chunk
 * (mm/slab/percpu.c). So a chunk is a set of ranges, one for each CPU, whose distances are those of
 * the first chunk's units. The search goes from the top of vmalloc space down, out of the way of
 * everything else, and moves the whole set down to the next free area whenever one of its ranges is
 * taken.
 *
 * Mirrors pcpu_get_vm_areas() of Linux mm/vmalloc.c and mm/percpu-vm.c. Exercised by the percpu
 * suite.
 */
#include "mm/kva/kva_internal.h"

#include "arch/x86/numa.h"
#include "kernel/smp.h"
#include "lib/err.h"
#include "lib/string.h"
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

static void free_unit(unsigned long addr, size_t size)
{
	struct vmap_area *va = find_unlink_vmap_area(addr);

	for (unsigned long a = addr; a < addr + size; a += PAGE_SIZE) {
		struct page *page = vmalloc_to_page((void *)a);

		if (page)
			__free_page(page);
	}
	vunmap_range_noflush(addr, addr + size);
	free_vmap_area_lazy(va);
}

/* Maps zeroed pages of the CPU's node at addr. 0 or -errno, nothing is left then. */
static int make_unit(unsigned long addr, size_t size, int cpu)
{
	struct page *pages[PCPU_MAX_UNIT_SIZE / PAGE_SIZE];
	unsigned int nr = size >> PAGE_SHIFT, i;
	struct vmap_area *va = alloc_vmap_area_at(addr, size);

	if (IS_ERR(va))
		return PTR_ERR(va);
	va->vm = (struct vm_struct){ .addr = (void *)addr,
				     .size = size,
				     .caller = pcpu_set_chunk_ops,
				     .flags = VM_PERCPU | VM_NO_GUARD };
	for (i = 0; i < nr; i++) {
		pages[i] = alloc_pages_node(cpu_to_node(cpu), GFP_KERNEL | __GFP_ZERO, 0);
		if (!pages[i])
			break;
	}
	if (i == nr && !vmap_pages_range(addr, pages, nr, PAGE_KERNEL))
		return 0;
	while (i--)
		__free_page(pages[i]);
	free_vmap_area_lazy(find_unlink_vmap_area(addr));
	return -ENOMEM;
}

static void pcpu_vm_destroy(unsigned long base, size_t size)
{
	int cpu;

	for_each_possible_cpu(cpu)
		free_unit(base + __per_cpu_offset[cpu], size);
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
			err = make_unit(base + __per_cpu_offset[cpu], size, cpu);
			if (err)
				break;
		}
		if (!err)
			return base;
		for_each_possible_cpu(done) {
			if (done == cpu)
				break;
			free_unit(base + __per_cpu_offset[done], size);
		}
		if (err != -EBUSY) /* else somebody took a range between the search and here */
			return 0;
	}
	return 0;
}

static const struct pcpu_chunk_ops pcpu_vm_ops = {
	.create = pcpu_vm_create,
	.destroy = pcpu_vm_destroy,
};

void __init pcpu_vm_init(void)
{
	pcpu_set_chunk_ops(&pcpu_vm_ops);
}
