/*
 * Suite "tlb": no CPU keeps a translation that was taken away, none is interrupted without need, and PCIDs are not mixed up.
 *
 * An address space of one page table is all that most cases need; CPUs are made to load it, look, go lazy and leave by calls.
 * Two pages differ in their first word, so a look tells which of them each address shows. With one CPU the suite proves the
 * local half; without PCIDs (QEMU's TCG has none) the slots are proven against a model of a tagged TLB.
 */
#include "arch/x86/tlb.h"

#include "arch/x86/atomic.h"
#include "arch/x86/barrier.h"
#include "arch/x86/cpufeature.h"
#include "arch/x86/irqflags.h"
#include "kernel/kthread.h"
#include "kernel/ktest.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kva/ptdump.h"
#include "mm/phys/buddy.h"
#include "mm/phys/gfp.h"
#include "mm/phys/vmstat.h"
#include "mm/slab/slab.h"
#include "tests/kernel/crew.h"

#define TEST_ADDR     0x0000123456600000UL /* in the user half, mapped for the kernel only */
#define NR_TEST_PAGES 64

/* An address space of one page table. */
static struct {
	struct mm_context ctx;
	pgd_t *pgd;
	pud_t *pud;
	pmd_t *pmd;
	pte_t *pte;
	u64 *data[2]; /* pages that say 0 and 1 in their first word */
} space;

static int tlb_init(void)
{
	unsigned long pages[6];

	for (int i = 0; i < 6; i++) {
		pages[i] = get_zeroed_page(GFP_KERNEL);
		if (!pages[i])
			return -ENOMEM;
	}
	space.pgd = (pgd_t *)pages[0];
	space.pud = (pud_t *)pages[1];
	space.pmd = (pmd_t *)pages[2];
	space.pte = (pte_t *)pages[3];
	space.data[0] = (u64 *)pages[4];
	space.data[1] = (u64 *)pages[5];
	*space.data[1] = 1;
	memcpy(space.pgd + 256, swapper_pg_dir + 256, 256 * sizeof(pgd_t));
	set_pgd(space.pgd + pgd_index(TEST_ADDR), __pgd(__pa(space.pud) | _KERNPG_TABLE));
	set_pud(space.pud + pud_index(TEST_ADDR), __pud(__pa(space.pmd) | _KERNPG_TABLE));
	set_pmd(space.pmd + pmd_index(TEST_ADDR), __pmd(__pa(space.pte) | _KERNPG_TABLE));
	init_new_context(&space.ctx, space.pgd);
	return 0;
}

static void tlb_exit(void)
{
	destroy_context(&space.ctx);
	free_page((unsigned long)space.pgd);
	free_page((unsigned long)space.pud);
	free_page((unsigned long)space.pmd);
	free_page((unsigned long)space.pte);
	free_page((unsigned long)space.data[0]);
	free_page((unsigned long)space.data[1]);
}

static unsigned long test_addr(int i)
{
	return TEST_ADDR + i * PAGE_SIZE;
}

static void map_all(int which)
{
	for (int i = 0; i < NR_TEST_PAGES; i++)
		set_pte(space.pte + pte_index(test_addr(i)),
			pfn_pte(__pa(space.data[which]) >> PAGE_SHIFT,
				__pgprot(_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_NX)));
}

struct look {
	u64 sum; /* over the first words of all pages, one bit each */
	bool go_lazy;
};

/* In the test's address space, whatever was loaded before: which page does each address show? */
static __no_kasan void look_at_pages(void *arg)
{
	struct look *l = arg;

	switch_mm_irqs_off(NULL, &space.ctx, NULL);
	l->sum = 0;
	for (int i = 0; i < NR_TEST_PAGES; i++)
		l->sum |= *(volatile u64 *)test_addr(i) << i;
	if (l->go_lazy)
		enter_lazy_tlb(&space.ctx, NULL);
}

static u64 look_from(int cpu, bool go_lazy)
{
	struct look l = { .go_lazy = go_lazy };

	smp_call_function_single(cpu, look_at_pages, &l, true);
	return l.sum;
}

static void expect_all_see(struct ktest *t, u64 want, bool go_lazy)
{
	int cpu;

	for_each_online_cpu(cpu)
		KTEST_EXPECT_EQ(t, look_from(cpu, go_lazy), want);
}

static void leave_all(void *arg)
{
	leave_mm();
}

/* Every CPU holds translations; the entries change; after the flush nobody sees the old page. */
static void check_flush(struct ktest *t, bool lazy, unsigned long start, unsigned long end,
			u64 changed)
{
	map_all(0);
	on_each_cpu(leave_all, NULL, true);
	expect_all_see(t, 0, lazy);
	KTEST_EXPECT_EQ(t, space.ctx.cpu_bitmap, cpu_online_mask);
	for (int i = 0; i < NR_TEST_PAGES; i++)
		if (changed & BIT(i))
			set_pte(space.pte + pte_index(test_addr(i)),
				pfn_pte(__pa(space.data[1]) >> PAGE_SHIFT,
					__pgprot(_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_NX)));
	flush_tlb_mm_range(&space.ctx, start, end, PAGE_SHIFT, false);
	expect_all_see(t, changed, lazy);
	on_each_cpu(leave_all, NULL, true);
	KTEST_EXPECT_EQ(t, space.ctx.cpu_bitmap, 0UL);
}

static void range_flush_reaches_every_cpu(struct ktest *t)
{
	check_flush(t, false, test_addr(3), test_addr(35), 0xffffffffUL << 3);
}

static void large_flush_reaches_every_cpu(struct ktest *t)
{
	check_flush(t, false, test_addr(0), test_addr(NR_TEST_PAGES), ~0UL);
}

static void full_flush_reaches_every_cpu(struct ktest *t)
{
	check_flush(t, false, 0, TLB_FLUSH_ALL, ~0UL);
}

static void lazy_cpus_flush_when_they_come_back(struct ktest *t)
{
	/* Many pages: a few may fall out of the TLB by themselves. */
	check_flush(t, true, test_addr(3), test_addr(35), 0xffffffffUL << 3);
}

static void page_flush_reaches_every_cpu(struct ktest *t)
{
	map_all(0);
	expect_all_see(t, 0, false);
	for (int i = 0; i < NR_TEST_PAGES; i++) {
		set_pte(space.pte + pte_index(test_addr(i)),
			pfn_pte(__pa(space.data[1]) >> PAGE_SHIFT,
				__pgprot(_PAGE_PRESENT | _PAGE_ACCESSED)));
		flush_tlb_page(&space.ctx, test_addr(i));
		expect_all_see(t, ~0UL >> (63 - i), false);
	}
	on_each_cpu(leave_all, NULL, true);
}

/* One CPU alone, also through the short way in flush_tlb_page(). */
static __no_kasan void local_flush_works_alone(struct ktest *t)
{
	unsigned long flags;
	u64 seen;

	map_all(0);
	on_each_cpu(leave_all, NULL, true);
	local_irq_save(flags);
	switch_mm_irqs_off(NULL, &space.ctx, NULL);
	seen = *(volatile u64 *)test_addr(7);
	KTEST_EXPECT_EQ(t, seen, 0ULL);
	set_pte(space.pte + pte_index(test_addr(7)),
		pfn_pte(__pa(space.data[1]) >> PAGE_SHIFT,
			__pgprot(_PAGE_PRESENT | _PAGE_ACCESSED)));
	flush_tlb_page(&space.ctx, test_addr(7));
	seen = *(volatile u64 *)test_addr(7);
	KTEST_EXPECT_EQ(t, seen, 1ULL);
	KTEST_EXPECT_EQ(t, this_cpu_read(cpu_tlbstate.loaded_tlb_gen), space.ctx.tlb_gen);
	leave_mm();
	local_irq_restore(flags);
	KTEST_EXPECT_EQ(t, space.ctx.cpu_bitmap, 0UL);
}

static void destroy_drives_lazy_cpus_out(struct ktest *t)
{
	map_all(0);
	expect_all_see(t, 0, true);
	destroy_context(&space.ctx);
	KTEST_EXPECT_EQ(t, space.ctx.cpu_bitmap, 0UL);
}

/* ---- who is interrupted ---- */

enum role { ROLE_RUNS, ROLE_LAZY, ROLE_AWAY, NR_ROLES };

/* A thread that stays on its CPU, in kernel mode, with the test's space loaded, lazy or left. */
struct guest {
	enum role role;
	unsigned int cpu;
	struct task_struct *task;
	bool there, go, gone;
};

static int guest_main(void *arg)
{
	struct guest *g = arg;

	switch_mm(NULL, &space.ctx, NULL);
	if (g->role == ROLE_LAZY)
		enter_lazy_tlb(&space.ctx, NULL);
	if (g->role == ROLE_AWAY)
		leave_mm();
	smp_store_release(&g->there, true);
	while (!smp_load_acquire(&g->go))
		cpu_relax();
	leave_mm();
	smp_store_release(&g->gone, true);
	return 0;
}

static struct guest guests[NR_ROLES];

/* One on each of three other CPUs. => not to sleep before send_guests_home() */
static bool invite_guests(struct ktest *t)
{
	unsigned int cpu = smp_processor_id();

	if (num_online_cpus() < NR_ROLES + 1) {
		ktest_skip(t, "needs %d CPUs", NR_ROLES + 1);
		return false;
	}
	/* Making threads sleeps; whoever spins here must not share its CPU with a guest. */
	set_cpus_allowed_ptr(current, BIT(cpu));
	for (int i = 0; i < NR_ROLES; i++) {
		struct guest *g = &guests[i];

		cpu = (cpu + 1) % num_online_cpus();
		*g = (struct guest){ .role = i, .cpu = cpu };
		g->task = kthread_create_on_cpu(guest_main, g, cpu, "tlb_guest");
		if (IS_ERR(g->task)) {
			KTEST_FAIL(t, "no thread");
			return false;
		}
	}
	for (int i = 0; i < NR_ROLES; i++) {
		wake_up_process(guests[i].task);
		while (!smp_load_acquire(&guests[i].there))
			cpu_relax();
	}
	return true;
}

static void send_guests_home(void)
{
	for (int i = 0; i < NR_ROLES; i++) {
		smp_store_release(&guests[i].go, true);
		while (!smp_load_acquire(&guests[i].gone))
			cpu_relax();
	}
	set_cpus_allowed_ptr(current, cpu_online_mask);
}

static unsigned long events_of(unsigned int cpu, enum tlb_event event)
{
	return READ_ONCE(per_cpu(tlb_events, cpu)[event]);
}

struct tally {
	unsigned long sent, got[NR_ROLES], all[NR_ROLES], one[NR_ROLES];
};

static void take_tally(struct tally *y)
{
	y->sent = events_of(smp_processor_id(), TLB_REMOTE_FLUSH);
	for (int i = 0; i < NR_ROLES; i++) {
		y->got[i] = events_of(guests[i].cpu, TLB_REMOTE_FLUSH_RECEIVED);
		y->all[i] = events_of(guests[i].cpu, TLB_LOCAL_FLUSH_ALL);
		y->one[i] = events_of(guests[i].cpu, TLB_LOCAL_FLUSH_ONE);
	}
}

/* What a flush did: interrupted whom, and how the one that runs the space flushed. */
static void expect_tally(struct ktest *t, const struct tally *was, unsigned long lazy_got,
			 unsigned long all, unsigned long one)
{
	struct tally now;

	take_tally(&now);
	KTEST_EXPECT_EQ(t, now.sent - was->sent, 1UL);
	KTEST_EXPECT_EQ(t, now.got[ROLE_RUNS] - was->got[ROLE_RUNS], 1UL);
	KTEST_EXPECT_EQ(t, now.got[ROLE_LAZY] - was->got[ROLE_LAZY], lazy_got);
	KTEST_EXPECT_EQ(t, now.got[ROLE_AWAY] - was->got[ROLE_AWAY], 0UL);
	KTEST_EXPECT_EQ(t, now.all[ROLE_RUNS] - was->all[ROLE_RUNS], all);
	KTEST_EXPECT_EQ(t, now.one[ROLE_RUNS] - was->one[ROLE_RUNS], one);
}

static void only_cpus_that_run_it_are_interrupted(struct ktest *t)
{
	unsigned long ceiling = tlb_single_page_flush_ceiling;
	struct tally y;

	if (!invite_guests(t))
		return;
	take_tally(&y);
	flush_tlb_mm_range(&space.ctx, test_addr(1), test_addr(4), PAGE_SHIFT, false);
	expect_tally(t, &y, 0, 0, 3);
	take_tally(&y);
	flush_tlb_page(&space.ctx, test_addr(9));
	expect_tally(t, &y, 0, 0, 1);
	/* Every second page only. */
	take_tally(&y);
	flush_tlb_mm_range(&space.ctx, test_addr(0), test_addr(8), PAGE_SHIFT + 1, false);
	expect_tally(t, &y, 0, 0, 4);
	/* The ceiling itself is still worth a range, one more is not. */
	take_tally(&y);
	flush_tlb_mm_range(&space.ctx, test_addr(0), test_addr(33), PAGE_SHIFT, false);
	expect_tally(t, &y, 0, 0, 33);
	take_tally(&y);
	flush_tlb_mm_range(&space.ctx, test_addr(0), test_addr(34), PAGE_SHIFT, false);
	expect_tally(t, &y, 0, 1, 0);
	WRITE_ONCE(tlb_single_page_flush_ceiling, 2);
	take_tally(&y);
	flush_tlb_mm_range(&space.ctx, test_addr(1), test_addr(4), PAGE_SHIFT, false);
	expect_tally(t, &y, 0, 1, 0);
	WRITE_ONCE(tlb_single_page_flush_ceiling, ceiling);
	/* Tables go: the lazy one must hear of it, and leaves. */
	KTEST_EXPECT_TRUE(t, space.ctx.cpu_bitmap & BIT(guests[ROLE_LAZY].cpu));
	take_tally(&y);
	flush_tlb_mm_range(&space.ctx, test_addr(1), test_addr(2), PAGE_SHIFT, true);
	expect_tally(t, &y, 1, 0, 1);
	KTEST_EXPECT_EQ(t, space.ctx.cpu_bitmap, BIT(guests[ROLE_RUNS].cpu));
	send_guests_home();
	KTEST_EXPECT_EQ(t, space.ctx.cpu_bitmap, 0UL);
}

static void kernel_ranges_go_everywhere(struct ktest *t)
{
	unsigned long addr = (unsigned long)space.data[0];
	unsigned int me = smp_processor_id(), cpu;
	unsigned long got[NR_CPUS], one[NR_CPUS], all[NR_CPUS];

	for_each_online_cpu(cpu) {
		got[cpu] = events_of(cpu, TLB_REMOTE_FLUSH_RECEIVED);
		one[cpu] = events_of(cpu, TLB_LOCAL_FLUSH_ONE);
		all[cpu] = events_of(cpu, TLB_LOCAL_FLUSH_ALL);
	}
	flush_tlb_kernel_range(addr, addr + 2 * PAGE_SIZE);
	flush_tlb_kernel_range(addr, addr); /* nothing */
	flush_tlb_kernel_range(addr, addr + 34 * PAGE_SIZE);
	for_each_online_cpu(cpu) {
		KTEST_EXPECT_EQ(t, events_of(cpu, TLB_REMOTE_FLUSH_RECEIVED) - got[cpu],
				cpu == me ? 0UL : 2UL);
		KTEST_EXPECT_EQ(t, events_of(cpu, TLB_LOCAL_FLUSH_ONE) - one[cpu], 2UL);
		KTEST_EXPECT_EQ(t, events_of(cpu, TLB_LOCAL_FLUSH_ALL) - all[cpu], 1UL);
	}
}

static void vmstat_adds_up_the_counters(struct ktest *t)
{
	static unsigned long before[NR_VM_EVENT_ITEMS], after[NR_VM_EVENT_ITEMS];
	unsigned long others = num_online_cpus() - 1;

	all_vm_events(before);
	flush_tlb_all();
	all_vm_events(after);
	KTEST_EXPECT_EQ(t, after[NR_TLB_REMOTE_FLUSH] - before[NR_TLB_REMOTE_FLUSH],
			others ? 1UL : 0UL);
	KTEST_EXPECT_EQ(t,
			after[NR_TLB_REMOTE_FLUSH_RECEIVED] - before[NR_TLB_REMOTE_FLUSH_RECEIVED],
			others);
	KTEST_EXPECT_EQ(t, after[NR_TLB_LOCAL_FLUSH_ALL] - before[NR_TLB_LOCAL_FLUSH_ALL],
			others + 1);
	KTEST_EXPECT_EQ(t, after[NR_TLB_LOCAL_FLUSH_ONE] - before[NR_TLB_LOCAL_FLUSH_ONE], 0UL);
}

/* ---- PCIDs ---- */

static void check_pcid_on(void *arg)
{
	struct ktest *t = arg;

	KTEST_EXPECT_TRUE(t, read_cr4() & X86_CR4_PCIDE);
	leave_mm();
	KTEST_EXPECT_EQ(t, read_cr3() & 0xfff, 0UL);
	switch_mm_irqs_off(NULL, &space.ctx, NULL);
	KTEST_EXPECT_EQ(t, read_cr3() & 0xfff,
			(unsigned long)this_cpu_read(cpu_tlbstate.loaded_asid) + 1);
	leave_mm();
}

static void each_cpu_tags_its_entries(struct ktest *t)
{
	if (!boot_cpu_has(X86_FEATURE_PCID)) {
		KTEST_EXPECT_FALSE(t, read_cr4() & X86_CR4_PCIDE);
		ktest_skip(t, "no PCIDs");
		return;
	}
	on_each_cpu(check_pcid_on, t, true);
}

/* A page of the kernel that is not global would be in several PCIDs, and INVLPG reaches one. */
static int count_not_global(const struct ptdump_run *run, void *arg)
{
	if ((run->prot & _PAGE_PRESENT) && run->start >= PAGE_OFFSET && !(run->prot & _PAGE_GLOBAL))
		*(unsigned long *)arg += (run->end - run->start) >> PAGE_SHIFT;
	return 0;
}

static void kernel_mappings_are_global(struct ktest *t)
{
	unsigned long pages = 0;

	if (!boot_cpu_has(X86_FEATURE_PGE)) {
		ktest_skip(t, "no global pages");
		return;
	}
	ptdump_walk_kernel(count_not_global, &pages);
	KTEST_EXPECT_EQ(t, pages, 0UL);
}

#define MODEL_SPACES 10
#define MODEL_STEPS  20000

/* The slots against what a tagged TLB would hold: never older than the space, never flushed without need. */
static void slots_follow_the_model(struct ktest *t)
{
	static struct tlb_state state;
	struct tlb_context tag[TLB_NR_DYN_ASIDS] = { { 0, 0 } };
	u64 gen[MODEL_SPACES];
	int loaded = -1, hits = 0, misses = 0;

	memset(&state, 0, sizeof(state));
	for (int i = 0; i < MODEL_SPACES; i++)
		gen[i] = 1;
	for (int step = 0; step < MODEL_STEPS; step++) {
		int k = ktest_random_below(t, step & 4096 ? MODEL_SPACES : TLB_NR_DYN_ASIDS - 1);
		unsigned int asid, fresh = 0;
		bool need_flush;

		if (ktest_random_below(t, 4) == 0)
			gen[ktest_random_below(t, MODEL_SPACES)]++;
		if (k == loaded)
			continue;
		for (int i = 0; i < TLB_NR_DYN_ASIDS; i++)
			fresh |= tag[i].ctx_id == k + 1 && tag[i].tlb_gen == gen[k];
		asid = choose_new_asid(&state, k + 1, gen[k], &need_flush);
		KTEST_ASSERT_LT(t, asid, TLB_NR_DYN_ASIDS);
		KTEST_ASSERT_EQ(t, need_flush, !fresh);
		if (need_flush)
			tag[asid] = (struct tlb_context){ k + 1, gen[k] };
		KTEST_ASSERT_EQ(t, tag[asid].ctx_id, k + 1ULL);
		KTEST_ASSERT_EQ(t, tag[asid].tlb_gen, gen[k]);
		loaded = k;
		hits += !need_flush;
		misses += need_flush;
	}
	KTEST_EXPECT_GT(t, hits, 100);
	KTEST_EXPECT_GT(t, misses, 100);
}

/* ---- the storm: more spaces than slots, a thread on each CPU ---- */

#define STORM_SPACES (TLB_NR_DYN_ASIDS + 3)
#define STORM_PAGES  16
#define STORM_STEPS  6000

/* One page of a space: what it shows is settled while ver is even; its owner makes it odd, changes, flushes, settles. */
struct storm_page {
	unsigned long ver;
	u64 shows;
};

static struct storm_space {
	struct mm_context ctx;
	unsigned long table[4]; /* pgd, pud, pmd, pte */
	u64 *data[2];		/* say 2k and 2k + 1 */
	struct storm_page page[STORM_PAGES];
} * storm;

static pte_t storm_entry(struct storm_space *s, int which)
{
	return pfn_pte(__pa(s->data[which]) >> PAGE_SHIFT,
		       __pgprot(_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_NX));
}

static pte_t *storm_pte(struct storm_space *s, int i)
{
	return (pte_t *)s->table[3] + pte_index(test_addr(i));
}

static bool storm_make(struct storm_space *s, int k)
{
	for (int i = 0; i < 4; i++)
		if (!(s->table[i] = get_zeroed_page(GFP_KERNEL)))
			return false;
	for (int i = 0; i < 2; i++) {
		s->data[i] = (u64 *)get_zeroed_page(GFP_KERNEL);
		if (!s->data[i])
			return false;
		*s->data[i] = 2 * k + i;
	}
	memcpy((pgd_t *)s->table[0] + 256, swapper_pg_dir + 256, 256 * sizeof(pgd_t));
	set_pgd((pgd_t *)s->table[0] + pgd_index(TEST_ADDR),
		__pgd(__pa(s->table[1]) | _KERNPG_TABLE));
	set_pud((pud_t *)s->table[1] + pud_index(TEST_ADDR),
		__pud(__pa(s->table[2]) | _KERNPG_TABLE));
	set_pmd((pmd_t *)s->table[2] + pmd_index(TEST_ADDR),
		__pmd(__pa(s->table[3]) | _KERNPG_TABLE));
	for (int i = 0; i < STORM_PAGES; i++) {
		set_pte(storm_pte(s, i), storm_entry(s, 0));
		s->page[i].shows = *s->data[0];
	}
	init_new_context(&s->ctx, (pgd_t *)s->table[0]);
	return true;
}

static void storm_free(struct storm_space *s)
{
	if (s->ctx.pgd)
		destroy_context(&s->ctx);
	for (int i = 0; i < 4; i++)
		free_page(s->table[i]);
	free_page((unsigned long)s->data[0]);
	free_page((unsigned long)s->data[1]);
}

static u64 storm_random(u64 *x)
{
	*x = *x * 6364136223846793005ULL + 1442695040888963407ULL;
	return *x >> 33;
}

/* The owner turns some of its pages over, whether or not the space is loaded here or anywhere. */
static void storm_change(struct storm_space *s, int me, int n, u64 *rnd)
{
	int count = 1 + storm_random(rnd) % 3, first = -1, last = -1;

	for (int i = me; i < STORM_PAGES && count; i += n) {
		struct storm_page *p = &s->page[i];

		if (storm_random(rnd) & 1)
			continue;
		__atomic_fetch_add(&p->ver, 1, __ATOMIC_SEQ_CST);
		p->shows ^= 1;
		set_pte(storm_pte(s, i), storm_entry(s, p->shows & 1));
		first = first < 0 ? i : first;
		last = i;
		count--;
	}
	if (first < 0)
		return;
	if (first == last)
		flush_tlb_page(&s->ctx, test_addr(first));
	else
		flush_tlb_mm_range(&s->ctx, test_addr(first), test_addr(last + 1), PAGE_SHIFT,
				   storm_random(rnd) % 8 == 0);
	for (int i = first; i <= last; i += n)
		if (s->page[i].ver & 1)
			__atomic_fetch_add(&s->page[i].ver, 1, __ATOMIC_SEQ_CST);
}

/* A settled page shows what it should. => @s loaded here */
static bool storm_look(struct ktest *t, struct storm_space *s, int i)
{
	struct storm_page *p = &s->page[i];
	unsigned long ver = __atomic_load_n(&p->ver, __ATOMIC_SEQ_CST);
	u64 want = READ_ONCE(p->shows), seen = *(volatile u64 *)test_addr(i);

	if ((ver & 1) || __atomic_load_n(&p->ver, __ATOMIC_SEQ_CST) != ver || seen == want)
		return true;
	KTEST_FAIL(t, "space %d page %d on CPU %u shows %llu, not %llu", (int)(s - storm), i,
		   smp_processor_id(), seen, want);
	return false;
}

static int storm_on_this_cpu(struct crew *c, int me)
{
	u64 rnd = c->t->seed + me * 7919;
	struct storm_space *s;

	set_cpus_allowed_ptr(current, BIT(me));
	for (int step = 0; step < STORM_STEPS && !c->t->failed; step++) {
		s = &storm[storm_random(&rnd) % STORM_SPACES];
		switch_mm(NULL, &s->ctx, NULL);
		for (int i = 0; i < STORM_PAGES; i++)
			if (!storm_look(c->t, s, i))
				break;
		if (storm_random(&rnd) % 4 == 0)
			storm_change(&storm[storm_random(&rnd) % STORM_SPACES], me, c->n, &rnd);
		if (storm_random(&rnd) % 8 == 0) {
			enter_lazy_tlb(&s->ctx, NULL);
			spin_a_little(storm_random(&rnd) % 200);
			switch_mm(NULL, &s->ctx, NULL);
			for (int i = 0; i < STORM_PAGES; i++)
				storm_look(c->t, s, i);
		}
	}
	leave_mm();
	return 0;
}

static void no_cpu_sees_what_was_taken_away(struct ktest *t)
{
	bool ok = true;

	storm = kcalloc(STORM_SPACES, sizeof(*storm), GFP_KERNEL);
	KTEST_ASSERT_NOT_NULL(t, storm);
	for (int k = 0; k < STORM_SPACES; k++)
		ok &= storm_make(&storm[k], k);
	KTEST_EXPECT_TRUE(t, ok);
	ktest_info(t, "seed %llu, %d spaces, %d CPUs", t->seed, STORM_SPACES, num_online_cpus());
	if (ok)
		run_crew_of(t, num_online_cpus(), storm_on_this_cpu);
	for (int k = 0; k < STORM_SPACES; k++)
		storm_free(&storm[k]);
	kfree(storm);
}

static const struct ktest_case tlb_cases[] = {
	KTEST_CASE(local_flush_works_alone),
	KTEST_CASE(range_flush_reaches_every_cpu),
	KTEST_CASE(large_flush_reaches_every_cpu),
	KTEST_CASE(full_flush_reaches_every_cpu),
	KTEST_CASE(lazy_cpus_flush_when_they_come_back),
	KTEST_CASE(page_flush_reaches_every_cpu),
	KTEST_CASE(destroy_drives_lazy_cpus_out),
	KTEST_CASE(only_cpus_that_run_it_are_interrupted),
	KTEST_CASE(kernel_ranges_go_everywhere),
	KTEST_CASE(vmstat_adds_up_the_counters),
	KTEST_CASE(each_cpu_tags_its_entries),
	KTEST_CASE(kernel_mappings_are_global),
	KTEST_CASE(slots_follow_the_model),
	KTEST_CASE(no_cpu_sees_what_was_taken_away),
	{},
};
KTEST_SUITE_FULL(tlb, tlb_cases, tlb_init, tlb_exit);
