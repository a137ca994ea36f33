/*
 * The stack depot: millions of allocations come from a few thousand places, so a trace is stored once and named by 32 bits.
 *
 * 1. A hash table of chains finds a trace that is known. Looking takes no lock: records are never changed nor freed, and
 *    a chain is extended at its head by one store (release), after the record is complete.
 * 2. A new trace is added under depot_lock; the chain is searched once more, as another CPU may have been faster.
 * 3. Records lie one behind the other in pools of 16 KiB. A handle is the number of the pool and the place in it, in
 *    units of 16 bytes, plus 1.
 * 4. The hash table and the first pools come from memblock. Later ones come from the page allocator, whose own hooks save
 *    traces here. So the next pool is fetched when the current one is half full, outside the lock, from a request that may
 *    neither sleep nor wake anybody; what this request itself wants to save meanwhile goes into the other half and does not
 *    ask for memory (per-CPU mark `growing`). Recursion is so at most one deep.
 * 5. The depot is bounded: MAX_POOLS, 32 MiB. When it is full, or growing failed, a new trace gets handle 0.
 *
 * Lock: depot_lock, a leaf, irqs off. Mirrors Linux lib/stackdepot.c. Exercised by the pagedebug suite; seen in
 * /sys/kernel/debug/stackdepot/stats.
 */
#include "mm/debug/stackdepot.h"

#include "arch/x86/stacktrace.h"
#include "kernel/fs/sysfs/debugfs.h"
#include "kernel/init.h"
#include "kernel/percpu.h"
#include "kernel/printk.h"
#include "kernel/spinlock.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"
#include "mm/phys/buddy.h"

#define POOL_ORDER   2
#define POOL_SIZE    (PAGE_SIZE << POOL_ORDER)
#define GRAIN_SHIFT  4
#define GRAINS_SHIFT (PAGE_SHIFT + POOL_ORDER - GRAIN_SHIFT) /* log2 of the grains of a pool */
#define MAX_POOLS    2048
#define EARLY_POOLS  4

struct stack_record {
	struct stack_record *next; /* in its chain */
	u32 hash;
	u16 size; /* entries */
	depot_stack_handle_t handle;
	unsigned long entries[];
} __aligned(1 << GRAIN_SHIFT);

static DEFINE_SPINLOCK(depot_lock);
static struct stack_record **table; /* heads of chains; NULL: no depot */
static unsigned int table_bits;
static void *pools[MAX_POOLS];
static unsigned int nr_pools;	 /* depot_lock; those that are there */
static unsigned int pool;	 /* depot_lock; the one being filled */
static unsigned long pool_used;	 /* depot_lock; bytes of it */
static unsigned long nr_records; /* depot_lock */
static bool wanted;
static DEFINE_PER_CPU(unsigned long, growing);

void stack_depot_request_early_init(void)
{
	wanted = true;
}

int __init stack_depot_early_init(void)
{
	void *mem;

	if (!wanted || table)
		return 0;
	/* A chain head for every 64 KiB of RAM. */
	table_bits = clamp(ilog2((memblock_phys_mem_size() >> 16) | 1), 10, 16);
	mem = memblock_alloc(EARLY_POOLS * POOL_SIZE, POOL_SIZE);
	if (mem)
		table = memblock_alloc(sizeof(*table) << table_bits, 64);
	if (!table)
		return -ENOMEM;
	for (nr_pools = 0; nr_pools < EARLY_POOLS; nr_pools++)
		pools[nr_pools] = mem + nr_pools * POOL_SIZE;
	pr_info("stackdepot: %lu chains, %u pools of %lu KiB\n", BIT(table_bits), nr_pools,
		POOL_SIZE >> 10);
	return 0;
}

bool stack_depot_growing(void)
{
	return this_cpu_read(growing);
}

/* One more pool if the last one is half full. Any context: takes nothing that it would have to wait for. */
static void grow(void)
{
	unsigned long flags;
	struct page *page;

	if (READ_ONCE(nr_pools) > READ_ONCE(pool) + 1 || READ_ONCE(pool_used) < POOL_SIZE / 2 ||
	    READ_ONCE(nr_pools) == MAX_POOLS || this_cpu_read(growing))
		return;
	this_cpu_write(growing, 1);
	page = alloc_pages(__GFP_NOWARN | __GFP_NOMEMALLOC, POOL_ORDER);
	this_cpu_write(growing, 0);
	if (!page)
		return;
	spin_lock_irqsave(&depot_lock, flags);
	if (nr_pools < MAX_POOLS) {
		pools[nr_pools] = page_address(page);
		WRITE_ONCE(nr_pools, nr_pools + 1);
		page = NULL;
	}
	spin_unlock_irqrestore(&depot_lock, flags);
	if (page)
		__free_pages(page, POOL_ORDER);
}

static struct stack_record *find(struct stack_record *r, const unsigned long *entries,
				 unsigned int nr, u32 hash)
{
	for (; r; r = r->next)
		if (r->hash == hash && r->size == nr &&
		    !memcmp(r->entries, entries, nr * sizeof(*entries)))
			return r;
	return NULL;
}

/* Room for a record, NULL if there is none. => depot_lock held */
static struct stack_record *new_record(unsigned int nr)
{
	size_t size = ALIGN(sizeof(struct stack_record) + nr * sizeof(long), BIT(GRAIN_SHIFT));
	struct stack_record *r;

	if (pool_used + size > POOL_SIZE) {
		if (pool + 1 >= nr_pools)
			return NULL;
		WRITE_ONCE(pool, pool + 1);
		pool_used = 0;
	}
	r = pools[pool] + pool_used;
	r->handle = (pool << GRAINS_SHIFT | pool_used >> GRAIN_SHIFT) + 1;
	WRITE_ONCE(pool_used, pool_used + size);
	nr_records++;
	return r;
}

depot_stack_handle_t stack_depot_save(const unsigned long *entries, unsigned int nr)
{
	struct stack_record **chain, *r;
	unsigned long flags;
	u32 hash;

	if (!table || !nr)
		return 0;
	nr = min(nr, (unsigned int)STACK_DEPOT_MAX_FRAMES);
	hash = jhash2((const u32 *)entries, nr * 2, 0);
	chain = &table[hash_32(hash, table_bits)];
	r = find(smp_load_acquire(chain), entries, nr, hash);
	if (r)
		return r->handle;

	grow();
	spin_lock_irqsave(&depot_lock, flags);
	r = find(*chain, entries, nr, hash);
	if (!r) {
		r = new_record(nr);
		if (r) {
			r->hash = hash;
			r->size = nr;
			memcpy(r->entries, entries, nr * sizeof(*entries));
			r->next = *chain;
			smp_store_release(chain, r);
		}
	}
	spin_unlock_irqrestore(&depot_lock, flags);
	return r ? r->handle : 0;
}

noinline depot_stack_handle_t stack_depot_save_here(unsigned int depth, unsigned int skip)
{
	unsigned long entries[STACK_DEPOT_MAX_FRAMES];

	depth = min(depth, (unsigned int)STACK_DEPOT_MAX_FRAMES);
	return stack_depot_save(entries, stack_trace_save(entries, depth, skip + 1));
}

unsigned int stack_depot_fetch(depot_stack_handle_t handle, const unsigned long **entries)
{
	unsigned int nr = (handle - 1) >> GRAINS_SHIFT;
	unsigned long at = ((handle - 1) & (BIT(GRAINS_SHIFT) - 1)) << GRAIN_SHIFT;
	const struct stack_record *r;

	if (!handle || nr >= READ_ONCE(nr_pools))
		return 0;
	r = pools[nr] + at;
	if (WARN_ON_ONCE(r->handle != handle))
		return 0;
	*entries = r->entries;
	return r->size;
}

void stack_depot_print(depot_stack_handle_t handle)
{
	const unsigned long *entries;
	unsigned int n = stack_depot_fetch(handle, &entries);

	for (unsigned int i = 0; i < n; i++)
		printk(KERN_DEFAULT " %pB\n", (void *)entries[i]);
}

int stack_depot_snprint(depot_stack_handle_t handle, char *buf, size_t size, int spaces)
{
	const unsigned long *entries;
	unsigned int n = stack_depot_fetch(handle, &entries);
	int len = 0;

	for (unsigned int i = 0; i < n && len < size; i++)
		len += scnprintf(buf + len, size - len, "%*s%pB\n", 1 + spaces, "",
				 (void *)entries[i]);
	return len;
}

static int stats_show(struct seq_file *m, void *v)
{
	unsigned long bytes;

	scoped_guard(spinlock_irqsave, &depot_lock)
		bytes = pool * POOL_SIZE + pool_used;
	seq_printf(m, "pools: %u\npersistent_count: %lu\npersistent_bytes: %lu\n",
		   READ_ONCE(nr_pools), READ_ONCE(nr_records), bytes);
	return 0;
}

static int stack_depot_debugfs(void)
{
	struct kernfs_node *dir;

	if (!table)
		return 0;
	dir = debugfs_create_dir("stackdepot", NULL);
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	return PTR_ERR_OR_ZERO(debugfs_create_single("stats", 0444, dir, NULL, stats_show));
}
late_initcall(stack_depot_debugfs);
