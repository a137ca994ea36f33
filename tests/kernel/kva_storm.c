/*
 * Suite kva_storm: vmalloc, vfree, vmap and set_memory_*() on at least four threads at once, at random.
 *
 * Each thread has areas of its own, each area a pattern made of its seed. Before an area is freed or
 * changed, the pattern is compared; who writes where he must not is found. What is left at the end is
 * compared with the beginning: areas, pages, and the linear map. The seed is in the log (ktest).
 *
 * And one at a time: everything with each of its allocations failing once.
 */
#include "arch/x86/uaccess.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/debug/fail_page_alloc.h"
#include "mm/debug/failslab.h"
#include "mm/kva/execmem.h"
#include "mm/kva/ioremap.h"
#include "mm/kva/memtype.h"
#include "mm/kva/ptdump.h"
#include "mm/kva/set_memory.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "tests/kernel/crew.h"

#define SLOTS 12
#define STEPS 400
#define NONE  (~0U)

struct slot {
	u64 *p, seed;
	unsigned int pages, ro; /* ro: a page that is read-only now, or NONE */
	u64 *alias;		/* a vmap() of the same pages, or NULL */
};

static atomic_t bad_patterns, missed_faults, failed_changes, seeds;

static u64 next_random(u64 *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

static u64 *word(const struct slot *s, u64 *base, unsigned int page)
{
	return base + page * (PAGE_SIZE / 8) + (s->seed ^ page * 7919) % (PAGE_SIZE / 8);
}

static void fill(struct slot *s)
{
	for (unsigned int i = 0; i < s->pages; i++)
		*word(s, s->p, i) = s->seed + i;
}

static void compare(struct slot *s)
{
	for (unsigned int i = 0; i < s->pages; i++) {
		if (*word(s, s->p, i) != s->seed + i)
			atomic_inc(&bad_patterns);
		if (s->alias && *word(s, s->alias, i) != s->seed + i)
			atomic_inc(&bad_patterns);
	}
}

static void make(struct slot *s, u64 *rnd)
{
	bool huge = next_random(rnd) % 32 == 0;

	s->pages = huge ? 512 + next_random(rnd) % 64 : 1 + next_random(rnd) % 40;
	s->seed = next_random(rnd) << 20 | next_random(rnd);
	s->ro = NONE;
	s->alias = NULL;
	s->p = huge ? vmalloc_huge((unsigned long)s->pages << PAGE_SHIFT, GFP_KERNEL)
		    : vmalloc((unsigned long)s->pages << PAGE_SHIFT);
	if (s->p)
		fill(s);
}

static void make_read_only(struct slot *s, u64 *rnd)
{
	unsigned long addr;
	u8 byte = 0;

	s->ro = next_random(rnd) % s->pages;
	addr = (unsigned long)s->p + s->ro * PAGE_SIZE;
	if (set_memory_ro(addr, 1))
		atomic_inc(&failed_changes);
	else if (!copy_to_kernel_nofault((void *)addr, &byte, 1))
		atomic_inc(&missed_faults);
}

static void make_writable(struct slot *s)
{
	if (set_memory_rw((unsigned long)s->p + s->ro * PAGE_SIZE, 1))
		atomic_inc(&failed_changes);
	s->ro = NONE;
	s->seed += 1000;
	fill(s);
}

/* Threads map the same device memory in different ways at one time: all that get it agree. */
static void map_device(u64 *rnd)
{
	static void __iomem *(*const how[])(phys_addr_t, unsigned long) = { ioremap, ioremap_uc };
	phys_addr_t phys = 0xfd000000UL + next_random(rnd) % 8 * PAGE_SIZE;
	void __iomem *p = how[next_random(rnd) % 2](phys, (1 + next_random(rnd) % 3) * PAGE_SIZE);

	if (p && vmalloc_to_pfn(p) != PHYS_PFN(phys))
		atomic_inc(&bad_patterns);
	iounmap(p);
}

static void unmake(struct slot *s, u64 *rnd)
{
	vunmap(s->alias);
	if (next_random(rnd) % 8 == 0)
		vfree_atomic(s->p);
	else
		vfree(s->p); /* read-only pages and all */
	s->p = NULL;
}

static int storm(struct crew *c, int me)
{
	u64 rnd = atomic_inc_return(&seeds) * 0x9e3779b97f4a7c15ULL + c->t->seed;
	struct slot slots[SLOTS];

	memset(slots, 0, sizeof(slots));
	for (int step = 0; step < STEPS; step++) {
		struct slot *s = &slots[next_random(&rnd) % SLOTS];

		if (!s->p) {
			make(s, &rnd);
			continue;
		}
		compare(s);
		switch (next_random(&rnd) % 6) {
		case 0:
			if (s->ro == NONE)
				make_read_only(s, &rnd);
			else
				make_writable(s);
			break;
		case 1:
			if (!s->alias)
				s->alias =
					vmap(find_vm_area(s->p)->pages, s->pages, 0, PAGE_KERNEL);
			break;
		case 2:
			if (next_random(&rnd) % 16 == 0)
				vm_unmap_aliases();
			map_device(&rnd);
			cond_resched();
			break;
		default:
			unmake(s, &rnd);
		}
	}
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].p)
			unmake(&slots[i], &rnd);
	return 0;
}

static int count_area(const struct vm_struct *area, void *arg)
{
	++*(unsigned long *)arg;
	return 0;
}

static void random_areas_on_all_cpus(struct ktest *t)
{
	unsigned long areas = 0, after = 0, pages, before[PG_LEVEL_NUM], map[PG_LEVEL_NUM];

	vm_unmap_aliases();
	atomic_set(&bad_patterns, 0);
	atomic_set(&missed_faults, 0);
	atomic_set(&failed_changes, 0);
	atomic_set(&seeds, 0);
	run_crew_of(t, 4, storm); /* once for the tables, and for stacks that are kept */
	rcu_barrier();
	vmalloc_for_each(count_area, &areas);
	pages = vmalloc_nr_pages();
	direct_map_bytes(before);
	run_crew_of(t, 4, storm);
	rcu_barrier();
	KTEST_EXPECT_EQ(t, atomic_read(&bad_patterns), 0);
	KTEST_EXPECT_EQ(t, atomic_read(&missed_faults), 0);
	KTEST_EXPECT_EQ(t, atomic_read(&failed_changes), 0);
	vmalloc_for_each(count_area, &after);
	/* A thread's stack may come or go with its CPU's store. */
	KTEST_EXPECT_LE(t, after, areas + 8);
	KTEST_EXPECT_LE(t, vmalloc_nr_pages(), pages + 32);
	direct_map_bytes(map);
	KTEST_EXPECT_EQ(t, map[PG_LEVEL_4K] + map[PG_LEVEL_2M] + map[PG_LEVEL_1G],
			before[PG_LEVEL_4K] + before[PG_LEVEL_2M] + before[PG_LEVEL_1G]);
	KTEST_EXPECT_EQ(t, ptdump_check_wx(), 0UL);
}

static int ro_run(const struct ptdump_run *run, void *arg)
{
	unsigned long *pages = arg;

	if (run->start >= PAGE_OFFSET && run->end <= PAGE_OFFSET + LINEAR_MAP_SIZE && run->prot &&
	    !(run->prot & _PAGE_RW))
		*pages += (run->end - run->start) >> PAGE_SHIFT;
	return 0;
}

/* Of the linear map only what boot made so is read-only: the storm has left nothing. */
static void linear_map_is_writable_again(struct ktest *t)
{
	extern char _text[], __end_rodata[];
	unsigned long pages = 0,
		      image = (PAGE_ALIGN(__end_rodata) - (unsigned long)_text) >> PAGE_SHIFT;

	ptdump_walk_kernel(ro_run, &pages);
	KTEST_EXPECT_GE(t, pages, image);
	KTEST_EXPECT_LE(t, pages, image + num_possible_cpus());
}

/* ---- every allocation fails once ---- */

/* One thing that allocates; true if it worked. It leaves nothing behind, whether or not. */
struct op {
	const char *name;
	bool (*run)(void);
};

static bool op_vmalloc(void)
{
	void *p = vmalloc(5 * PAGE_SIZE);

	vfree(p);
	return p;
}

static bool op_vmalloc_large(void)
{
	void *p = vmalloc(1500 * PAGE_SIZE); /* its list of pages is a vmalloc area too */

	vfree(p);
	return p;
}

static bool op_vmalloc_huge(void)
{
	void *p = vmalloc_huge(2 * PMD_SIZE + PAGE_SIZE, GFP_KERNEL);

	vfree(p);
	return p;
}

static bool op_ioremap(void)
{
	void __iomem *p = ioremap_wc(0xfd001000UL, 3 * PMD_SIZE);

	iounmap(p);
	return p;
}

static bool op_execmem(void)
{
	void *p = execmem_alloc(EXECMEM_DEFAULT, 3 * PAGE_SIZE);

	execmem_free(p);
	return p;
}

static bool op_split(void)
{
	u8 *p = vmalloc_huge(PMD_SIZE, GFP_KERNEL);
	int err = p ? set_memory_ro((unsigned long)p + PAGE_SIZE, 3) : -ENOMEM;

	vfree(p);
	return !err;
}

static bool op_vmap(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	void *p = page ? vmap(&page, 1, VM_MAP, PAGE_KERNEL) : NULL;

	vunmap(p);
	if (page)
		__free_page(page);
	return p;
}

static void inject(bool on)
{
	static struct fail_page_alloc old;
	static struct failslab old_slab;

	if (on) {
		old = fail_page_alloc;
		old_slab = failslab;
		/* Only fail_nth of this task decides: nobody has make-it-fail. */
		fail_page_alloc.attr.task_filter = failslab.attr.task_filter = true;
		fail_page_alloc.attr.probability = failslab.attr.probability = 100;
		fail_page_alloc.attr.verbose = failslab.attr.verbose = 0;
		fail_page_alloc.ignore_gfp_highmem = fail_page_alloc.ignore_gfp_reclaim = false;
		fail_page_alloc.min_order = 0;
		failslab.ignore_gfp_reclaim = false;
	} else {
		fail_page_alloc = old;
		failslab = old_slab;
	}
	fail_page_alloc.attr.changed(&fail_page_alloc.attr);
	failslab.attr.changed(&failslab.attr);
}

/* The op with its first, second, ... allocation failing, until none is left to fail. */
static void fail_each(struct ktest *t, const struct op *op)
{
	unsigned int nth, failed = 0;
	bool worked = false;

	for (nth = 1; nth < 4000; nth++) {
		current->fail_nth = nth;
		worked = op->run();
		if (current->fail_nth)
			break;
		failed += !worked;
		if (nth >= 40)
			nth += 37; /* page by page: some of them will do */
	}
	current->fail_nth = 0;
	KTEST_EXPECT_TRUE(t, worked);
	KTEST_EXPECT_GT(t, failed, 0U);
	ktest_info(t, "%s: %u allocations or fewer, %u failures", op->name, nth - 1, failed);
}

static void failed_allocations_leave_nothing(struct ktest *t)
{
	static const struct op ops[] = {
		{ "vmalloc", op_vmalloc },   { "large", op_vmalloc_large },
		{ "huge", op_vmalloc_huge }, { "ioremap", op_ioremap },
		{ "execmem", op_execmem },   { "split", op_split },
		{ "vmap", op_vmap },
	};
	unsigned long areas = 0, after = 0, pages, free;

	rcu_barrier();
	for (int i = 0; i < ARRAY_SIZE(ops); i++)
		KTEST_EXPECT_TRUE(t, ops[i].run());
	vm_unmap_aliases();
	vmalloc_for_each(count_area, &areas);
	pages = vmalloc_nr_pages();
	drain_all_pages(NULL);
	free = nr_free_pages();
	inject(true);
	for (int i = 0; i < ARRAY_SIZE(ops); i++)
		fail_each(t, &ops[i]);
	inject(false);
	vm_unmap_aliases();
	rcu_barrier();
	vmalloc_for_each(count_area, &after);
	KTEST_EXPECT_EQ(t, after, areas);
	KTEST_EXPECT_EQ(t, vmalloc_nr_pages(), pages);
	drain_all_pages(NULL);
	/* Tables and slabs may have been made; an area of the large kind would be missed. */
	KTEST_EXPECT_GE(t, nr_free_pages() + 256, free);
	KTEST_EXPECT_EQ(t, memtype_lookup(0xfd001000UL, 0xfd001000UL + 3 * PMD_SIZE),
			_PAGE_CACHE_MODE_WB);
}

static const struct ktest_case kva_storm_cases[] = {
	KTEST_CASE(random_areas_on_all_cpus),
	KTEST_CASE(failed_allocations_leave_nothing),
	KTEST_CASE(linear_map_is_writable_again),
	{},
};
KTEST_SUITE(kva_storm, kva_storm_cases);
