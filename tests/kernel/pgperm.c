/*
 * Suite pgperm: permissions of kernel pages, as the tables say and as stores and loads find them.
 */
#include "arch/x86/desc.h"
#include "arch/x86/pgtable.h"
#include "arch/x86/switch.h"
#include "arch/x86/uaccess.h"
#include "kernel/smp.h"
#include "kernel/ktest.h"
#include "lib/string.h"
#include "mm/debug/debug_pagealloc.h"
#include "mm/kva/ptdump.h"
#include "mm/kva/set_memory.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "mm/phys/pagewalk.h"
#include "mm/phys/vmstat.h"

extern char _text[], _etext[], __start_rodata[], __end_rodata[], _sdata[], _edata[];

static bool writable(void *p)
{
	u8 byte;

	return !copy_from_kernel_nofault(&byte, p, 1) && !copy_to_kernel_nofault(p, &byte, 1);
}

static u64 prot_of(const void *p)
{
	int level;
	u64 v = lookup_address_in_pgd(swapper_pg_dir, (unsigned long)p, &level);

	return level ? v : 0;
}

static void text_is_read_only_and_executable(struct ktest *t)
{
	for (char *p = _text; p < _etext; p += PAGE_SIZE) {
		KTEST_ASSERT_EQ(t, prot_of(p) & (_PAGE_PRESENT | _PAGE_RW | _PAGE_NX),
				(u64)_PAGE_PRESENT);
		KTEST_ASSERT_EQ(t, prot_of(__va(__pa(p))) & _PAGE_RW, 0ULL);
	}
	KTEST_EXPECT_FALSE(t, writable(_text));
	KTEST_EXPECT_FALSE(t, writable(__va(__pa(_text))));
}

static void rodata_is_read_only(struct ktest *t)
{
	u64 nx = __supported_pte_mask & _PAGE_NX;

	for (char *p = __start_rodata; p < __end_rodata; p += PAGE_SIZE)
		KTEST_ASSERT_EQ(t, prot_of(p) & (_PAGE_PRESENT | _PAGE_RW | _PAGE_NX),
				_PAGE_PRESENT | nx);
	KTEST_EXPECT_FALSE(t, writable(__start_rodata));
	KTEST_EXPECT_FALSE(t, writable(__va(__pa(__start_rodata))));
}

static void text_stays_read_only_whoever_asks(struct ktest *t)
{
	ktest_info(t, "one warning is expected: text is to be writable");
	KTEST_EXPECT_EQ(t, set_memory_rw((unsigned long)_text, 1), -EPERM);
	KTEST_EXPECT_EQ(t, set_memory_rw((unsigned long)__va(__pa(_text)), 1), -EPERM);
	KTEST_EXPECT_EQ(t, set_memory_rw((unsigned long)__start_rodata, 1), -EPERM);
	KTEST_EXPECT_EQ(t, set_memory_rw((unsigned long)__va(__pa(__start_rodata)), 1), -EPERM);
	KTEST_EXPECT_FALSE(t, writable(_text));
	KTEST_EXPECT_FALSE(t, writable(__va(__pa(__start_rodata))));
}

static void data_is_not_executable(struct ktest *t)
{
	u64 nx = __supported_pte_mask & _PAGE_NX;

	for (char *p = _sdata; p < _edata; p += PAGE_SIZE)
		KTEST_ASSERT_EQ(t, prot_of(p) & (_PAGE_PRESENT | _PAGE_RW | _PAGE_NX),
				_PAGE_PRESENT | _PAGE_RW | nx);
	KTEST_EXPECT_TRUE(t, writable(_sdata));
}

static void nothing_is_writable_and_executable(struct ktest *t)
{
	KTEST_EXPECT_EQ(t, ptdump_check_wx(), 0UL);
}

static void first_stack_has_a_guard_page(struct ktest *t)
{
	char *guard = (char *)((unsigned long)init_stack - PAGE_SIZE);

	KTEST_EXPECT_FALSE(t, writable(guard));
	KTEST_EXPECT_FALSE(t, writable(guard + PAGE_SIZE - 1));
	KTEST_EXPECT_TRUE(t, writable(init_stack));
	KTEST_EXPECT_EQ(t, prot_of(guard), 0ULL);
}

static void exception_stacks_have_guard_pages(struct ktest *t)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		for (unsigned int n = 0; n < NR_IST_STACKS; n++) {
			char *guard = (char *)ist_guard_page(cpu, n);

			KTEST_EXPECT_FALSE(t, writable(guard));
			KTEST_EXPECT_FALSE(t, writable(guard + PAGE_SIZE - 1));
			KTEST_EXPECT_TRUE(t, writable(guard + PAGE_SIZE));
		}
	}
}

static void descriptor_tables_are_read_only(struct ktest *t)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		char *gdt = (char *)gdt_page_of(cpu);

		KTEST_EXPECT_EQ(t, (unsigned long)gdt & ~PAGE_MASK, 0UL);
		KTEST_EXPECT_FALSE(t, writable(gdt));
		KTEST_EXPECT_FALSE(t, writable(gdt + sizeof(struct gdt_page) - 1));
	}
}

static void linear_map_page_changes_and_recovers(struct ktest *t)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
	unsigned long addr;
	u8 *p;

	KTEST_ASSERT_NOT_NULL(t, page);
	p = page_address(page);
	addr = (unsigned long)p;
	memset(p, 0x5a, 4 * PAGE_SIZE);
	KTEST_EXPECT_EQ(t, set_memory_ro(addr + PAGE_SIZE, 2), 0);
	KTEST_EXPECT_TRUE(t, writable(p));
	KTEST_EXPECT_FALSE(t, writable(p + PAGE_SIZE));
	KTEST_EXPECT_FALSE(t, writable(p + 2 * PAGE_SIZE));
	KTEST_EXPECT_TRUE(t, writable(p + 3 * PAGE_SIZE));
	KTEST_EXPECT_EQ(t, set_memory_np(addr + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_EQ(t, prot_of(p + PAGE_SIZE), 0ULL);
	KTEST_EXPECT_EQ(t, set_memory_p(addr + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_EQ(t, set_memory_rw(addr + PAGE_SIZE, 2), 0);
	KTEST_EXPECT_TRUE(t, writable(p + PAGE_SIZE));
	KTEST_EXPECT_NULL(t, memchr_inv(p, 0x5a, 4 * PAGE_SIZE));
	KTEST_EXPECT_EQ(t, set_memory_uc(addr, 1), 0);
	KTEST_EXPECT_EQ(t, prot_of(p) & (_PAGE_PCD | _PAGE_PWT), (u64)_PAGE_CACHE_UC_MINUS);
	KTEST_EXPECT_EQ(t, set_memory_wb(addr, 1), 0);
	KTEST_EXPECT_EQ(t, prot_of(p) & (_PAGE_PCD | _PAGE_PWT), 0ULL);
	__free_pages(page, 2);
}

static void vmalloc_page_changes(struct ktest *t)
{
	u8 *p = vzalloc(3 * PAGE_SIZE);

	KTEST_ASSERT_NOT_NULL(t, p);
	KTEST_EXPECT_EQ(t, set_memory_ro((unsigned long)p + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_TRUE(t, writable(p));
	KTEST_EXPECT_FALSE(t, writable(p + PAGE_SIZE));
	KTEST_EXPECT_EQ(t, set_memory_x((unsigned long)p + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_EQ(t, prot_of(p + PAGE_SIZE) & _PAGE_NX, 0ULL);
	KTEST_EXPECT_EQ(t, set_memory_nx((unsigned long)p + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_EQ(t, set_memory_rw((unsigned long)p + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_TRUE(t, writable(p + PAGE_SIZE));
	vfree(p);
}

static void bad_ranges_are_refused(struct ktest *t)
{
	void *p = vmalloc(PAGE_SIZE);

	KTEST_EXPECT_EQ(t, set_memory_ro(0x1000, 1), -EINVAL);
	KTEST_EXPECT_EQ(t, set_memory_ro((unsigned long)p + 1, 1), -EINVAL);
	KTEST_EXPECT_EQ(t, set_memory_ro((unsigned long)p, 0), -EINVAL);
	KTEST_EXPECT_EQ(t, set_memory_ro((unsigned long)p + PAGE_SIZE, 1), -EINVAL); /* the guard */
	vfree(p);
}

static int count_run(const struct ptdump_run *run, void *arg)
{
	unsigned long *n = arg;

	n[0]++;
	if (run->start < n[1])
		n[2]++;
	n[1] = run->end;
	return 0;
}

static void dump_is_in_order(struct ktest *t)
{
	unsigned long n[3] = { 0 }, direct[PG_LEVEL_NUM];

	KTEST_EXPECT_EQ(t, ptdump_walk_kernel(count_run, n), 0);
	KTEST_EXPECT_GT(t, n[0], 5UL);
	KTEST_EXPECT_EQ(t, n[2], 0UL);
	direct_map_bytes(direct);
	KTEST_EXPECT_GE(t, direct[PG_LEVEL_4K] + direct[PG_LEVEL_2M] + direct[PG_LEVEL_1G],
			totalram_pages() << PAGE_SHIFT);
}

/* ---- what the other CPUs' TLBs know ---- */

struct touch {
	u8 *p;
	atomic_t readable, writable;
};

static void touch_on_this_cpu(void *arg)
{
	struct touch *touch = arg;
	u8 byte;

	if (copy_from_kernel_nofault(&byte, touch->p, 1))
		return;
	atomic_inc(&touch->readable);
	if (!copy_to_kernel_nofault(touch->p, &byte, 1))
		atomic_inc(&touch->writable);
}

/* On how many CPUs the byte can be read and written; each has it in its TLB afterwards. */
static void expect_touch(struct ktest *t, u8 *p, int readable, int writable)
{
	struct touch touch = { .p = p };

	on_each_cpu(touch_on_this_cpu, &touch, true);
	KTEST_EXPECT_EQ(t, atomic_read(&touch.readable), readable);
	KTEST_EXPECT_EQ(t, atomic_read(&touch.writable), writable);
}

static void all_cpus_see_a_change_at_once(struct ktest *t)
{
	int cpus = num_online_cpus();
	u8 *p = vzalloc(2 * PAGE_SIZE), *alias;

	KTEST_ASSERT_NOT_NULL(t, p);
	alias = page_address(vmalloc_to_page(p));
	expect_touch(t, p, cpus, cpus);
	expect_touch(t, alias, cpus, cpus);
	KTEST_EXPECT_EQ(t, set_memory_ro((unsigned long)p, 1), 0);
	expect_touch(t, p, cpus, 0);
	expect_touch(t, alias, cpus, 0);
	KTEST_EXPECT_EQ(t, set_memory_np((unsigned long)p, 1), 0);
	expect_touch(t, p, 0, 0);
	expect_touch(t, alias, 0, 0);
	KTEST_EXPECT_EQ(t, set_memory_p((unsigned long)p, 1), 0);
	KTEST_EXPECT_EQ(t, set_memory_rw((unsigned long)p, 1), 0);
	expect_touch(t, p, cpus, cpus);
	KTEST_EXPECT_EQ(t, set_memory_ro((unsigned long)alias, 1), 0);
	expect_touch(t, alias, cpus, 0);
	KTEST_EXPECT_EQ(t, set_memory_rw((unsigned long)alias, 1), 0);
	vfree(p);
	vm_unmap_aliases();
	expect_touch(t, p, 0, 0);
}

static unsigned long sum_of_levels(const unsigned long b[PG_LEVEL_NUM])
{
	return b[PG_LEVEL_4K] + b[PG_LEVEL_2M] + b[PG_LEVEL_1G];
}

/* A page in the middle of a large one: split, counted, and whole again when nothing is special. */
static void split_pages_are_merged_again(struct ktest *t)
{
	struct page *page = alloc_pages(GFP_KERNEL, PMD_SHIFT - PAGE_SHIFT);
	unsigned long a[PG_LEVEL_NUM], b[PG_LEVEL_NUM], addr;
	struct cpa_stats before;
	unsigned long events[NR_VM_EVENT_ITEMS], splits;
	int level;

	if (!page || debug_pagealloc_enabled()) {
		ktest_skip(t, "no large page");
		return;
	}
	addr = (unsigned long)page_address(page);
	set_memory_p(addr, 512); /* changes nothing, and unites what earlier tests have split */
	direct_map_bytes(a);
	before = cpa_stats;
	all_vm_events(events);
	splits = events[DIRECT_MAP_LEVEL2_SPLIT];
	lookup_address_in_pgd(swapper_pg_dir, addr, &level);
	if (level < 2) {
		ktest_skip(t, "small pages here");
		goto out;
	}
	KTEST_EXPECT_EQ(t, set_memory_ro(addr + 7 * PAGE_SIZE, 3), 0);
	direct_map_bytes(b);
	KTEST_EXPECT_EQ(t, b[PG_LEVEL_4K], a[PG_LEVEL_4K] + PMD_SIZE);
	KTEST_EXPECT_EQ(t, sum_of_levels(b), sum_of_levels(a));
	KTEST_EXPECT_EQ(t, cpa_stats.level[PG_LEVEL_2M].split, before.level[PG_LEVEL_2M].split + 1);
	all_vm_events(events);
	KTEST_EXPECT_EQ(t, events[DIRECT_MAP_LEVEL2_SPLIT], splits + 1);
	KTEST_EXPECT_EQ(t, set_memory_rw(addr + 7 * PAGE_SIZE, 2), 0);
	direct_map_bytes(b);
	KTEST_EXPECT_EQ(t, b[PG_LEVEL_4K], a[PG_LEVEL_4K] + PMD_SIZE); /* one is left */
	KTEST_EXPECT_EQ(t, set_memory_rw(addr + 9 * PAGE_SIZE, 1), 0);
	direct_map_bytes(b);
	for (int i = PG_LEVEL_4K; i < PG_LEVEL_NUM; i++)
		KTEST_EXPECT_EQ(t, b[i], a[i]);
	KTEST_EXPECT_EQ(t, cpa_stats.level[PG_LEVEL_2M].merged,
			before.level[PG_LEVEL_2M].merged + 1);
	KTEST_EXPECT_TRUE(t, writable((void *)(addr + 8 * PAGE_SIZE)));
	/* As a whole it is changed without a split. */
	KTEST_EXPECT_EQ(t, set_memory_ro(addr, 512), 0);
	KTEST_EXPECT_FALSE(t, writable((void *)addr));
	lookup_address_in_pgd(swapper_pg_dir, addr, &level);
	KTEST_EXPECT_EQ(t, level, 2);
	KTEST_EXPECT_EQ(t, set_memory_rw(addr, 512), 0);
	direct_map_bytes(b);
	KTEST_EXPECT_EQ(t, b[PG_LEVEL_4K], a[PG_LEVEL_4K]);
out:
	__free_pages(page, PMD_SHIFT - PAGE_SHIFT);
}

static void small_pages_for_good_stay_small(struct ktest *t)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);
	unsigned long addr;
	int level;

	KTEST_ASSERT_NOT_NULL(t, page);
	addr = (unsigned long)page_address(page);
	KTEST_EXPECT_EQ(t, set_memory_4k(addr, 1), 0);
	KTEST_EXPECT_EQ(t, set_memory_ro(addr, 1), 0);
	KTEST_EXPECT_EQ(t, set_memory_rw(addr, 1), 0);
	lookup_address_in_pgd(swapper_pg_dir, addr, &level);
	KTEST_EXPECT_EQ(t, level, 1);
	KTEST_EXPECT_TRUE(t, writable((void *)addr));
	__free_page(page);
}

static void alias_of_a_vmalloc_page_follows(struct ktest *t)
{
	u8 *p = vzalloc(3 * PAGE_SIZE), *alias;
	struct page *page;

	KTEST_ASSERT_NOT_NULL(t, p);
	alias = page_address(vmalloc_to_page(p + PAGE_SIZE));
	KTEST_EXPECT_EQ(t, set_memory_ro((unsigned long)p + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_FALSE(t, writable(alias));
	KTEST_EXPECT_TRUE(t, writable(page_address(vmalloc_to_page(p))));
	KTEST_EXPECT_EQ(t, set_memory_rox((unsigned long)p + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_EQ(t, prot_of(alias) & _PAGE_NX, __supported_pte_mask & _PAGE_NX);
	KTEST_EXPECT_EQ(t, set_memory_np((unsigned long)p + PAGE_SIZE, 1), 0);
	KTEST_EXPECT_EQ(t, prot_of(alias), 0ULL);
	page = virt_to_page(alias);
	get_page(page); /* debug_pagealloc would take a free page away again */
	vfree(p);	/* makes it ordinary memory */
	KTEST_EXPECT_TRUE(t, writable(alias));
	put_page(page);
}

static void cache_attributes_come_in_pairs(struct ktest *t)
{
	struct page *page = alloc_page(GFP_KERNEL);
	u8 *p = page_address(page);
	unsigned long addr = (unsigned long)p;

	KTEST_ASSERT_NOT_NULL(t, page);
	memset(p, 0x3c, PAGE_SIZE);
	KTEST_EXPECT_EQ(t, set_memory_wc(addr, 1), 0);
	KTEST_EXPECT_EQ(t, set_memory_wc(addr, 1), 0);
	KTEST_EXPECT_EQ(t, set_memory_uc(addr, 1), -EBUSY);
	KTEST_EXPECT_EQ(t, prot_of(p) & (_PAGE_PCD | _PAGE_PWT | _PAGE_PAT), (u64)_PAGE_CACHE_WC);
	KTEST_EXPECT_NULL(t, memchr_inv(p, 0x3c, PAGE_SIZE));
	KTEST_EXPECT_EQ(t, set_memory_wb(addr, 1), 0);
	KTEST_EXPECT_EQ(t, set_memory_wt(addr, 1), 0);
	KTEST_EXPECT_EQ(t, set_memory_wb(addr, 1), 0);
	KTEST_EXPECT_NULL(t, memchr_inv(p, 0x3c, PAGE_SIZE));
	__free_page(page);
}

static void dump_speaks_linux(struct ktest *t)
{
	static const struct ptdump_run small = {
		.start = 0xffff888000200000UL, .end = 0xffff888000203000UL,
		.prot = _PAGE_PRESENT | _PAGE_RW | _PAGE_GLOBAL | _PAGE_NX, .level = 1,
	}, large = {
		.start = 0xffffc94000000000UL, .end = 0xffffc94000400000UL,
		.prot = _PAGE_PRESENT | _PAGE_PCD | _PAGE_PWT | _PAGE_PAT | _PAGE_GLOBAL, .level = 2,
	}, hole = { .end = 0xffff800000000000UL, .level = 4 };
	char line[160];

	ptdump_format_run(line, sizeof(line), &small);
	KTEST_EXPECT_STREQ(t, line,
			   "0xffff888000200000-0xffff888000203000          12K     RW"
			   "                 GLB NX pte");
	ptdump_format_run(line, sizeof(line), &large);
	KTEST_EXPECT_STREQ(t, line,
			   "0xffffc94000000000-0xffffc94000400000           4M     ro"
			   " PWT PCD PSE PAT GLB x  pmd");
	ptdump_format_run(line, sizeof(line), &hole);
	KTEST_EXPECT_STREQ(t, line,
			   "0x0000000000000000-0xffff800000000000    16777088T"
			   "                               pgd");
}

static const struct ktest_case pgperm_cases[] = {
	KTEST_CASE(text_is_read_only_and_executable),
	KTEST_CASE(rodata_is_read_only),
	KTEST_CASE(text_stays_read_only_whoever_asks),
	KTEST_CASE(data_is_not_executable),
	KTEST_CASE(nothing_is_writable_and_executable),
	KTEST_CASE(first_stack_has_a_guard_page),
	KTEST_CASE(exception_stacks_have_guard_pages),
	KTEST_CASE(descriptor_tables_are_read_only),
	KTEST_CASE(linear_map_page_changes_and_recovers),
	KTEST_CASE(vmalloc_page_changes),
	KTEST_CASE(bad_ranges_are_refused),
	KTEST_CASE(dump_is_in_order),
	KTEST_CASE(all_cpus_see_a_change_at_once),
	KTEST_CASE(split_pages_are_merged_again),
	KTEST_CASE(small_pages_for_good_stay_small),
	KTEST_CASE(alias_of_a_vmalloc_page_follows),
	KTEST_CASE(cache_attributes_come_in_pairs),
	KTEST_CASE(dump_speaks_linux),
	{},
};
KTEST_SUITE(pgperm, pgperm_cases);
