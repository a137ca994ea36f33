/*
 * KFENCE: memory errors found by sampling, cheaply enough to be on always.
 *
 * 1. The pool is a row of pages, G G O G O G O G ...: object pages between guard pages that are not present. Now and then one
 *    allocation of the whole kernel gets its object from there. It lies at the left or the right end of its page, by chance, so
 *    that an access past that end faults. The rest of the page holds a pattern, which is verified when the object is
 *    freed. The page of a free object is not present, and freed objects are used again as late as possible.
 * 2. A fault in the pool is a report (kfence_report.c), not an oops: the page is made accessible, and the kernel goes on. The
 *    object remembers that page, and it is closed again when the object is freed.
 * 3. The gate. Every sample_interval milliseconds a timer sets a bit of slab_debug_hooks; the next allocation of a
 *    fitting size takes it away. So a closed gate costs the fast path nothing that it does not pay anyway. With
 *    kfence.deferrable=1 the timer is started by the allocation that goes through, and an idle machine is not woken.
 * 4. An object's page looks like a slab of its cache, which no CPU has as its own: kfree() finds the cache as ever, leaves the
 *    fast path as for any other slab that is not current, and comes here from the slow one.
 * 5. The pool comes from memblock, and its part of the linear map is split into 4 KiB entries that nobody unites again. To
 *    open and close a page is one write and a flush on this CPU; the others may miss an access, never find one.
 * 6. When most of the pool is taken, allocations whose stack is in it already are let pass by (a counting Bloom filter of
 *    stacks), so that long-lived objects of one place do not fill it.
 * 7. A small machine gets a small pool: a 512th of its memory, and none below 32 MiB.
 *
 * Locks: kfence_freelist_lock; each object's lock, of which an oops's lock is inside. They are taken with interrupts off, and
 * nothing else under them. Mirrors Linux mm/kfence/core.c. Exercised by the kfence suite.
 */
#include "arch/x86/bitops.h"
#include "arch/x86/stacktrace.h"
#include "arch/x86/tlb.h"
#include "arch/x86/traps.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/init.h"
#include "kernel/mutex.h"
#include "kernel/params.h"
#include "kernel/printk.h"
#include "kernel/random.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "kernel/timer.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"
#include "mm/phys/deferred.h"
#include "mm/debug/debug_internal.h"
#include "mm/debug/kfence_internal.h"
#include "mm/debug/kmemleak.h"
#include "mm/kva/set_memory.h"
#include "mm/slab/slab_internal.h"

#define MAX_OBJECTS	65535
#define DEFAULT_OBJECTS 255
#define MIN_MACHINE	(32UL << 20)

unsigned long kfence_pool_start __ro_after_init, kfence_pool_size __ro_after_init;
struct kfence_metadata *kfence_metadata __ro_after_init;
unsigned int kfence_num_objects __ro_after_init;
#ifdef CONFIG_KASAN
unsigned int kfence_sample_interval; /* the shadow sees every access, not a sample */
#else
unsigned int kfence_sample_interval = 100;
#endif
unsigned int kfence_skip_covered_thresh = 75;
bool kfence_deferrable __ro_after_init;
atomic_long_t kfence_counters[KFENCE_COUNTER_COUNT];

static unsigned int wanted_objects __initdata; /* 0: as many as the machine deserves */
static bool interval_given __initdata;
static DEFINE_SPINLOCK(kfence_freelist_lock);
static LIST_HEAD(kfence_freelist); /* kfence_freelist_lock */

static void count(enum kfence_counter_id what, long n)
{
	atomic_long_add(n, &kfence_counters[what]);
}

unsigned long kfence_nr_bugs(void)
{
	return atomic_long_read(&kfence_counters[KFENCE_COUNTER_BUGS]);
}

/* ---- the command line ---- */

static int __init parse_number(const char *word, const char *value, unsigned long min,
			       unsigned long max, unsigned int *out)
{
	unsigned long n;

	if (!value || kstrtoul(value, 0, &n) || n < min || n > max)
		pr_warn("kfence.%s=%s: not a number from %lu to %lu; ignored\n", word,
			value ? value : "", min, max);
	else
		*out = n;
	return 0;
}

static int __init param_sample_interval(char *value)
{
	interval_given = true;
	return parse_number("sample_interval", value, 0, 3600 * 1000, &kfence_sample_interval);
}
early_param("kfence.sample_interval", param_sample_interval);

static int __init param_num_objects(char *value)
{
	return parse_number("num_objects", value, 1, MAX_OBJECTS, &wanted_objects);
}
early_param("kfence.num_objects", param_num_objects);

static int __init param_skip_covered(char *value)
{
	return parse_number("skip_covered_thresh", value, 0, 100, &kfence_skip_covered_thresh);
}
early_param("kfence.skip_covered_thresh", param_skip_covered);

static int __init param_deferrable(char *value)
{
	kfence_deferrable = debug_param_bool("kfence.deferrable", value);
	return 0;
}
early_param("kfence.deferrable", param_deferrable);

/* ---- pages and objects ---- */

static void protect(unsigned long addr, bool closed)
{
	debug_pagealloc_map(virt_to_page(addr & PAGE_MASK), 0, !closed);
}

/* The object whose page this is, or the one to the left of a guard page; NULL in front of the first. */
static struct kfence_metadata *addr_to_metadata(unsigned long addr)
{
	unsigned long i = (addr - kfence_pool_start) / (2 * PAGE_SIZE);

	return i && i <= kfence_num_objects ? &kfence_metadata[i - 1] : NULL;
}

static unsigned long metadata_to_pageaddr(const struct kfence_metadata *meta)
{
	return kfence_pool_start + ((meta - kfence_metadata) + 1) * 2 * PAGE_SIZE;
}

static void note(struct kfence_track *track, const unsigned long *entries, unsigned int nr)
{
	track->pid = current->pid;
	track->cpu = smp_processor_id();
	track->ts_nsec = local_clock();
	track->nr = nr;
	memcpy(track->entries, entries, nr * sizeof(*entries));
}

/* ---- the pattern beside the object ---- */

static void set_canary(const struct kfence_metadata *meta)
{
	unsigned long page = meta->addr & PAGE_MASK;

	for (unsigned long a = page; a < meta->addr; a++)
		*(u8 *)a = KFENCE_CANARY(a);
	for (unsigned long a = meta->addr + meta->size; a < page + PAGE_SIZE; a++)
		*(u8 *)a = KFENCE_CANARY(a);
}

/* One report for each side that has changed. */
static void check_canary_range(struct kfence_metadata *meta, unsigned long from, unsigned long to)
{
	unsigned long flags;

	for (unsigned long a = from; a < to; a++) {
		if (likely(*(u8 *)a == KFENCE_CANARY(a)))
			continue;
		count(KFENCE_COUNTER_BUGS, 1);
		spin_lock_irqsave(&meta->lock, flags);
		kfence_report_error(a, false, NULL, meta, KFENCE_ERROR_CORRUPTION);
		spin_unlock_irqrestore(&meta->lock, flags);
		return;
	}
}

static void check_canary(struct kfence_metadata *meta)
{
	unsigned long page = meta->addr & PAGE_MASK;

	check_canary_range(meta, page, meta->addr);
	check_canary_range(meta, meta->addr + meta->size, page + PAGE_SIZE);
}

/* ---- which stacks are in the pool ---- */

#define COVERED_ORDER  10
#define COVERED_HASHES 2
#define COVERED_DEPTH  8 /* innermost frames that make a stack the same */

static atomic_t covered[1 << COVERED_ORDER];

static u32 hash_stack(const unsigned long *entries, unsigned int nr)
{
	u64 h = 0xcbf29ce484222325ULL;

	for (unsigned int i = 0; i < min(nr, (unsigned int)COVERED_DEPTH); i++)
		h = (h ^ entries[i]) * 0x100000001b3ULL;
	return h ^ h >> 32;
}

static atomic_t *covered_slot(u32 hash, int i)
{
	return &covered[(hash >> (i * COVERED_ORDER)) & ((1 << COVERED_ORDER) - 1)];
}

static void covered_add(u32 hash, int n)
{
	for (int i = 0; i < COVERED_HASHES; i++)
		atomic_add(n, covered_slot(hash, i));
}

static bool is_covered(u32 hash)
{
	for (int i = 0; i < COVERED_HASHES; i++)
		if (!atomic_read(covered_slot(hash, i)))
			return false;
	return true;
}

static bool pool_is_tight(void)
{
	unsigned long thresh = kfence_num_objects * READ_ONCE(kfence_skip_covered_thresh) / 100;

	return atomic_long_read(&kfence_counters[KFENCE_COUNTER_ALLOCATED]) > thresh;
}

/* ---- allocating ---- */

static struct kfence_metadata *take_free(void)
{
	struct kfence_metadata *meta;

	guard(spinlock_irqsave)(&kfence_freelist_lock);
	if (list_empty(&kfence_freelist))
		return NULL;
	meta = list_first_entry(&kfence_freelist, struct kfence_metadata, list);
	list_del_init(&meta->list);
	return meta;
}

static void put_free(struct kfence_metadata *meta)
{
	guard(spinlock_irqsave)(&kfence_freelist_lock);
	list_add_tail(&meta->list, &kfence_freelist);
}

/* The page becomes a slab of one object that is in use. */
static void become_slab(struct kmem_cache *s, unsigned long addr)
{
	struct slab *slab = page_slab(virt_to_page(addr));

	slab->freelist = NULL;
	slab->counters = 0;
	slab->objects = slab->inuse = 1;
	WRITE_ONCE(slab->slab_cache, s);
	__SetPageSlab(slab_page(slab));
}

static void *guarded_alloc(struct kmem_cache *s, size_t size, gfp_t gfp,
			   const unsigned long *entries, unsigned int nr, u32 hash)
{
	struct kfence_metadata *meta = take_free();
	unsigned long flags, addr;

	if (!meta) {
		count(KFENCE_COUNTER_SKIP_CAPACITY, 1);
		return NULL;
	}
	/* Somebody reports a use of it after it was freed: another time. */
	if (unlikely(!spin_trylock_irqsave(&meta->lock, flags))) {
		put_free(meta);
		return NULL;
	}
	addr = metadata_to_pageaddr(meta);
	if (meta->state == KFENCE_OBJECT_FREED)
		protect(addr, false);
	if (get_random_u32() & 1)
		addr = ALIGN_DOWN(addr + PAGE_SIZE - size, s->align);
	meta->addr = addr;
	meta->size = size;
	meta->cache = s;
	meta->alloc_stack_hash = hash;
	meta->state = KFENCE_OBJECT_ALLOCATED;
	note(&meta->alloc, entries, nr);
	spin_unlock_irqrestore(&meta->lock, flags);

	covered_add(hash, 1);
	set_canary(meta);
	become_slab(s, addr);
	if (gfp & __GFP_ZERO)
		memset((void *)addr, 0, size);
	if (s->ctor)
		s->ctor((void *)addr);
	count(KFENCE_COUNTER_ALLOCATED, 1);
	count(KFENCE_COUNTER_ALLOCS, 1);
	return (void *)addr;
}

static struct timer_list gate_timer;

static void start_gate_timer(void)
{
	unsigned int ms = READ_ONCE(kfence_sample_interval);

	if (ms)
		mod_timer(&gate_timer, jiffies + max(msecs_to_jiffies(ms), 1UL));
}

static void open_gate(struct timer_list *timer)
{
	if (!READ_ONCE(kfence_sample_interval))
		return;
	slab_hook_set(SLAB_HOOK_KFENCE, true);
	if (!kfence_deferrable)
		start_gate_timer();
}

void *kfence_alloc(struct kmem_cache *s, size_t size, gfp_t gfp)
{
	unsigned long entries[KFENCE_STACK_DEPTH];
	unsigned int nr;
	u32 hash;

	/* Before the gate closes: a request that cannot be served leaves it to the next. */
	if (size > PAGE_SIZE || s->align > PAGE_SIZE || (gfp & (__GFP_DMA | __GFP_DMA32)) ||
	    (s->flags & SLAB_CACHE_DMA)) {
		count(KFENCE_COUNTER_SKIP_INCOMPAT, 1);
		return NULL;
	}
	if (!test_and_clear_bit(SLAB_HOOK_KFENCE, &slab_debug_hooks))
		return NULL;
	if (kfence_deferrable)
		start_gate_timer();
	nr = stack_trace_save(entries, KFENCE_STACK_DEPTH, 0);
	hash = hash_stack(entries, nr);
	if (pool_is_tight() && is_covered(hash)) {
		count(KFENCE_COUNTER_SKIP_COVERED, 1);
		return NULL;
	}
	return guarded_alloc(s, size, gfp, entries, nr, hash);
}

/* ---- freeing ---- */

static void guarded_free(unsigned long addr, struct kfence_metadata *meta, bool zombie)
{
	unsigned long entries[KFENCE_STACK_DEPTH], flags;
	unsigned int nr = stack_trace_save(entries, KFENCE_STACK_DEPTH, 0);

	spin_lock_irqsave(&meta->lock, flags);
	if (meta->state != KFENCE_OBJECT_ALLOCATED || meta->addr != addr) {
		count(KFENCE_COUNTER_BUGS, 1);
		kfence_report_error(addr, false, NULL, meta, KFENCE_ERROR_INVALID_FREE);
		spin_unlock_irqrestore(&meta->lock, flags);
		return;
	}
	/* What a report has opened for the culprit is closed again. */
	if (meta->unprotected_page) {
		memset((void *)meta->unprotected_page, 0, PAGE_SIZE);
		protect(meta->unprotected_page, true);
		meta->unprotected_page = 0;
	}
	meta->state = KFENCE_OBJECT_FREED;
	note(&meta->freed, entries, nr);
	spin_unlock_irqrestore(&meta->lock, flags);

	covered_add(meta->alloc_stack_hash, -1);
	check_canary(meta);
	protect(addr, true);
	count(KFENCE_COUNTER_ALLOCATED, -1);
	if (zombie) {
		count(KFENCE_COUNTER_ZOMBIES, 1);
		return;
	}
	count(KFENCE_COUNTER_FREES, 1);
	put_free(meta);
}

static void rcu_guarded_free(struct rcu_head *head)
{
	struct kfence_metadata *meta = container_of(head, struct kfence_metadata, rcu_head);

	guarded_free(meta->addr, meta, false);
}

void __kfence_free(void *p)
{
	struct kfence_metadata *meta = addr_to_metadata((unsigned long)p);
	struct kmem_cache *s;

	if (!meta) {
		count(KFENCE_COUNTER_BUGS, 1);
		kfence_report_error((unsigned long)p, false, NULL, NULL, KFENCE_ERROR_INVALID_FREE);
		return;
	}
	/* Readers under RCU may still look at an object of such a cache. */
	s = READ_ONCE(meta->cache);
	if (unlikely(s && (s->flags & SLAB_TYPESAFE_BY_RCU) &&
		     READ_ONCE(meta->state) == KFENCE_OBJECT_ALLOCATED &&
		     meta->addr == (unsigned long)p))
		call_rcu(&meta->rcu_head, rcu_guarded_free);
	else
		guarded_free((unsigned long)p, meta, false);
}

void kfence_shutdown_cache(struct kmem_cache *s)
{
	if (!kfence_metadata)
		return;
	if (s->flags & SLAB_TYPESAFE_BY_RCU)
		rcu_barrier();
	for (unsigned int i = 0; i < kfence_num_objects; i++) {
		struct kfence_metadata *meta = &kfence_metadata[i];
		unsigned long flags;
		bool in_use;

		if (READ_ONCE(meta->cache) != s)
			continue;
		spin_lock_irqsave(&meta->lock, flags);
		in_use = meta->cache == s && meta->state == KFENCE_OBJECT_ALLOCATED;
		spin_unlock_irqrestore(&meta->lock, flags);
		/* Never used again: who still uses it gets a report that says where the cache went. */
		if (in_use)
			guarded_free(meta->addr, meta, true);
		spin_lock_irqsave(&meta->lock, flags);
		if (meta->cache == s) {
			struct slab *slab = page_slab(virt_to_page(meta->addr));

			meta->cache = NULL;
			__ClearPageSlab(slab_page(slab));
			slab->slab_cache = NULL;
		}
		spin_unlock_irqrestore(&meta->lock, flags);
	}
}

/* ---- questions ---- */

size_t kfence_ksize(const void *p)
{
	struct kfence_metadata *meta = addr_to_metadata((unsigned long)p);

	return meta ? READ_ONCE(meta->size) : 0;
}

void *kfence_object_start(const void *p)
{
	struct kfence_metadata *meta = addr_to_metadata((unsigned long)p);

	return meta ? (void *)READ_ONCE(meta->addr) : NULL;
}

bool kfence_valid_obj(const void *p)
{
	struct kfence_metadata *meta = addr_to_metadata((unsigned long)p);

	return meta && READ_ONCE(meta->state) == KFENCE_OBJECT_ALLOCATED &&
	       READ_ONCE(meta->addr) == (unsigned long)p;
}

bool kfence_describe(const void *p)
{
	struct kfence_metadata *meta;
	unsigned long flags;

	if (!is_kfence_address(p))
		return false;
	meta = addr_to_metadata((unsigned long)p);
	if (!meta)
		return false;
	spin_lock_irqsave(&meta->lock, flags);
	kfence_print_object(NULL, meta);
	spin_unlock_irqrestore(&meta->lock, flags);
	return true;
}

/* ---- faults ---- */

/* How far from the object's nearest byte an address on a guard page is; ~0 if there is no object in use. */
static unsigned long distance(const struct kfence_metadata *meta, unsigned long addr)
{
	unsigned long start, end;

	if (!meta || READ_ONCE(meta->state) != KFENCE_OBJECT_ALLOCATED)
		return ~0UL;
	start = READ_ONCE(meta->addr);
	end = start + READ_ONCE(meta->size);
	return addr < start ? start - addr : addr - end;
}

/* A guard page: the object to its left or to its right was meant, whichever is nearer. */
static struct kfence_metadata *nearest(unsigned long addr)
{
	struct kfence_metadata *left = addr_to_metadata(addr - PAGE_SIZE);
	struct kfence_metadata *right = addr_to_metadata(addr + PAGE_SIZE);
	unsigned long to_left, to_right;

	if (addr - kfence_pool_start < 2 * PAGE_SIZE)
		left = NULL;
	if (left == right)
		right = NULL;
	to_left = distance(left, addr);
	to_right = distance(right, addr);
	if (to_left == ~0UL && to_right == ~0UL)
		return NULL;
	return to_left <= to_right ? left : right;
}

/* Called by the page-fault handler for what no table entry repairs. True: run the instruction again. */
static bool handle_page_fault(const struct pt_regs *regs, unsigned long error_code,
			      unsigned long addr)
{
	bool guard_page, is_write = error_code & X86_PF_WRITE;
	struct kfence_metadata *meta;
	unsigned long flags;

	if (!is_kfence_address((void *)addr) || (error_code & (X86_PF_PROT | X86_PF_INSTR)))
		return false;
	count(KFENCE_COUNTER_BUGS, 1);
	guard_page = addr - kfence_pool_start < 2 * PAGE_SIZE ||
		     ((addr - kfence_pool_start) / PAGE_SIZE) % 2;
	meta = guard_page ? nearest(addr) : addr_to_metadata(addr);
	if (!meta) {
		kfence_report_error(addr, is_write, regs, NULL, KFENCE_ERROR_INVALID);
	} else {
		spin_lock_irqsave(&meta->lock, flags);
		if (guard_page)
			meta->unprotected_page = addr & PAGE_MASK;
		kfence_report_error(addr, is_write, regs, meta,
				    guard_page ? KFENCE_ERROR_OOB : KFENCE_ERROR_UAF);
		spin_unlock_irqrestore(&meta->lock, flags);
	}
	protect(addr, false);
	return true;
}

/* ---- starting ---- */

void __init kfence_alloc_pool(void)
{
	unsigned long ram = memblock_phys_mem_size(), size, align;
	unsigned int n = wanted_objects;
	phys_addr_t phys = 0;

	if (!kfence_sample_interval)
		return;
	if (!n && ram < MIN_MACHINE) {
		pr_info("kfence: off: less than %lu MiB of memory\n", MIN_MACHINE >> 20);
		return;
	}
	if (!n)
		n = min(ram / 512 / (2 * PAGE_SIZE) - 1, (unsigned long)DEFAULT_OBJECTS);
	size = 2 * PAGE_SIZE * ((unsigned long)n + 1);
	/* In as few large pages of the linear map as can be. */
	align = min(PAGE_SIZE << order_base_2(size / PAGE_SIZE), PMD_SIZE);
	/* Not from memblock_alloc(): the leak detector would read pages that are absent. */
	if (size <= ram / 8)
		phys = memblock_alloc_range_in(&memblock, size, align, 0,
					       memblock_get_current_limit(), NUMA_NO_NODE, false);
	if (!phys) {
		pr_err("kfence: off: no %lu KiB for %u objects\n", size >> 10, n);
		return;
	}
	kfence_num_objects = n;
	kfence_pool_size = size;
	kfence_pool_start = (unsigned long)__va(phys);
}

/* The first page and each second one are not present from now on, for all CPUs. */
static void __init close_guards(unsigned long start, unsigned long end)
{
	const u64 bits = _PAGE_PRESENT | (__supported_pte_mask & _PAGE_GLOBAL);
	pte_t *pte = linear_pte(start);

	set_pte(pte, __pte(ptep_get(pte).pte & ~bits));
	for (unsigned long a = start + PAGE_SIZE; a < end; a += 2 * PAGE_SIZE, pte += 2) {
		/* A table ends behind an odd page. */
		if (a == start + PAGE_SIZE || IS_ALIGNED(a - PAGE_SIZE, PMD_SIZE))
			pte = linear_pte(a);
		set_pte(pte, __pte(ptep_get(pte).pte & ~bits));
	}
	flush_tlb_all();
}

static int __init setup_pool(void)
{
	unsigned long start = kfence_pool_start, size = kfence_pool_size;
	struct kfence_metadata *meta;
	int err;

	meta = kvmalloc_array(kfence_num_objects, sizeof(*meta), GFP_KERNEL);
	if (!meta)
		return -ENOMEM;
	err = set_memory_4k(start, size / PAGE_SIZE);
	if (err) {
		kvfree(meta);
		return err;
	}
	/* Those of its pages will say whose objects lie there: no thread may write them anew after that. */
	deferred_init_pfns(PHYS_PFN(__pa(start)), PHYS_PFN(__pa(start + size)));
	/* All but the stacks, which are read when there is one. */
	for (unsigned int i = 0; i < kfence_num_objects; i++) {
		spin_lock_init(&meta[i].lock);
		meta[i].state = KFENCE_OBJECT_UNUSED;
		meta[i].addr = start + (i + 1) * 2 * PAGE_SIZE;
		meta[i].size = 0;
		meta[i].cache = NULL;
		meta[i].unprotected_page = 0;
		list_add_tail(&meta[i].list, &kfence_freelist);
	}
	close_guards(start, start + size);
	kmemleak_no_scan(meta); /* it has a pointer to each object */
	kfence_metadata = meta;
	kernel_fault_hook = handle_page_fault;
	return 0;
}

static int __init kfence_init(void)
{
	int err;

	timer_setup(&gate_timer, open_gate, 0);
	if (!kfence_pool_size)
		return 0;
	err = setup_pool();
	if (err) {
		pr_err("kfence: off: %pe\n", ERR_PTR(err));
		kfence_pool_size = 0;
		return 0;
	}
	pr_info("kfence: initialized - using %lu bytes for %u objects at 0x%px-0x%px\n",
		kfence_pool_size, kfence_num_objects, (void *)kfence_pool_start,
		(void *)(kfence_pool_start + kfence_pool_size));
	start_gate_timer();
	return 0;
}
late_initcall(kfence_init);

unsigned int kfence_get_sample_interval(void)
{
	return READ_ONCE(kfence_sample_interval);
}

int kfence_set_sample_interval(unsigned int ms)
{
	static DEFINE_MUTEX(lock);

	if (ms && !kfence_metadata)
		return -ENODEV;
	guard(mutex)(&lock);
	WRITE_ONCE(kfence_sample_interval, ms);
	if (ms) {
		start_gate_timer();
	} else {
		del_timer_sync(&gate_timer);
		slab_hook_set(SLAB_HOOK_KFENCE, false);
	}
	return 0;
}

void kfence_pause_for_tests(void)
{
	if (!cmdline_has("kfence.sample_interval"))
		kfence_set_sample_interval(0);
}
