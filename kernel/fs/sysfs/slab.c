/*
 * /sys/kernel/slab/CACHE/: what a cache is and has. debugfs slab/CACHE/{alloc,free}_traces: who holds its objects.
 *
 * 1. A cache that others may be merged with has a directory whose name says what its objects are (":0000064"), and each of its
 *    names is a link there; any other cache has a directory of its own name.
 * 2. Caches come and go, so both folders are brought up to date when somebody looks (kernfs refresh), if slab_generation says
 *    that there is something to do. Files know the directory's name and look the cache up for each access.
 * 3. Counts are as exact as can be without stopping the machine. What CPUs hold is asked of each of them.
 *
 * Locks: slab_mutex for each access; the nodes' list_lock inside. Mirrors the sysfs and debugfs parts of Linux mm/slub.c.
 * Exercised by tests/boot/test_slab.py.
 */
#include "kernel/fs/sysfs/debugfs.h"
#include "kernel/fs/sysfs/sysfs.h"
#include "kernel/init.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/printf.h"
#include "lib/sort.h"
#include "mm/debug/stackdepot.h"
#include "mm/slab/slab_internal.h"

#define ID_LEN 64

/* The name of the cache's directory. */
static const char *dir_name(const struct kmem_cache *s, char buf[ID_LEN])
{
	char *p = buf;

	if (slab_unmergeable(s))
		return s->name;
	*p++ = ':';
	if (s->flags & SLAB_CACHE_DMA)
		*p++ = 'd';
	if (s->flags & SLAB_RECLAIM_ACCOUNT)
		*p++ = 'a';
	if (s->flags & SLAB_ACCOUNT)
		*p++ = 'A';
	if (p != buf + 1)
		*p++ = '-';
	snprintf(p, ID_LEN - 8, "%07u", s->size);
	return buf;
}

/* => slab_mutex held */
static struct kmem_cache *find_cache(const char *dir)
{
	struct kmem_cache *s;
	char buf[ID_LEN];

	list_for_each_entry(s, &slab_caches, list)
		if (!strcmp(dir_name(s, buf), dir))
			return s;
	return NULL;
}

/* ---- what is shown: "total N0=n N1=n" ---- */

struct per_node {
	unsigned long n[MAX_NUMNODES];
};

static ssize_t emit_nodes(char *buf, const struct per_node *v)
{
	unsigned long total = 0;
	int len;

	for (int nid = 0; nid < MAX_NUMNODES; nid++)
		total += v->n[nid];
	len = sysfs_emit(buf, "%lu", total);
	for (int nid = 0; nid < MAX_NUMNODES; nid++)
		if (v->n[nid])
			len += sysfs_emit_at(buf, len, " N%d=%lu", nid, v->n[nid]);
	return len + sysfs_emit_at(buf, len, "\n");
}

#define COUNT_ATTR(name, expr)                                      \
	static ssize_t name##_show(struct kmem_cache *s, char *buf) \
	{                                                           \
		struct per_node v = { 0 };                          \
                                                                    \
		for (int nid = 0; nid < slab_nr_nodes; nid++) {     \
			struct slab_counts c;                       \
                                                                    \
			slab_count_node(s, nid, &c);                \
			v.n[nid] = (expr);                          \
		}                                                   \
		return emit_nodes(buf, &v);                         \
	}
COUNT_ATTR(slabs, c.slabs)
COUNT_ATTR(total_objects, c.total_objects)
COUNT_ATTR(objects, c.total_objects - min(c.partial_free, c.total_objects))
COUNT_ATTR(partial, c.partial)
COUNT_ATTR(objects_partial, c.partial_objects)

struct cpu_count {
	struct kmem_cache *s;
	unsigned long nodes[MAX_NUMNODES]; /* slabs of all CPUs; atomic */
	unsigned int partial[NR_CPUS];
};

/* Interrupts are off: the slabs stay this CPU's. */
static void count_cpu_slabs(void *info)
{
	struct cpu_count *c = info;
	const struct kmem_cache_cpu *mine = this_cpu_ptr(c->s->cpu_slab);

	if (mine->slab)
		__atomic_add_fetch(&c->nodes[page_to_nid(slab_page(mine->slab))], 1,
				   __ATOMIC_RELAXED);
	for (const struct slab *slab = mine->partial; slab; slab = slab->next) {
		__atomic_add_fetch(&c->nodes[page_to_nid(slab_page(slab))], 1, __ATOMIC_RELAXED);
		c->partial[smp_processor_id()]++;
	}
}

static ssize_t cpu_slabs_show(struct kmem_cache *s, char *buf)
{
	struct cpu_count c = { .s = s };
	struct per_node v;

	on_each_cpu(count_cpu_slabs, &c, true);
	memcpy(v.n, c.nodes, sizeof(v.n));
	return emit_nodes(buf, &v);
}

/* Objects are estimated, as on Linux: half of each such slab is free. */
static ssize_t slabs_cpu_partial_show(struct kmem_cache *s, char *buf)
{
	struct cpu_count c = { .s = s };
	unsigned int slabs = 0;
	int cpu, len;

	on_each_cpu(count_cpu_slabs, &c, true);
	for_each_online_cpu(cpu)
		slabs += c.partial[cpu];
	len = sysfs_emit(buf, "%u(%u)", slabs * s->objects / 2, slabs);
	for_each_online_cpu(cpu)
		if (c.partial[cpu])
			len += sysfs_emit_at(buf, len, " C%d=%u(%u)", cpu,
					     c.partial[cpu] * s->objects / 2, c.partial[cpu]);
	return len + sysfs_emit_at(buf, len, "\n");
}

/* ---- one number ---- */

#define NUMBER_ATTR(name, expr)                                       \
	static ssize_t name##_show(struct kmem_cache *s, char *buf)   \
	{                                                             \
		return sysfs_emit(buf, "%u\n", (unsigned int)(expr)); \
	}
#define FLAG_ATTR(name, flag) NUMBER_ATTR(name, !!(s->flags & (flag)))
NUMBER_ATTR(aliases, s->refcount < 0 ? 0 : s->refcount - 1)
NUMBER_ATTR(align, s->align)
NUMBER_ATTR(cpu_partial, s->cpu_partial)
NUMBER_ATTR(min_partial, s->min_partial)
NUMBER_ATTR(object_size, s->object_size)
NUMBER_ATTR(objs_per_slab, s->objects)
NUMBER_ATTR(order, s->order)
NUMBER_ATTR(slab_size, s->size)
NUMBER_ATTR(usersize, s->usersize)
NUMBER_ATTR(remote_node_defrag_ratio, s->remote_node_defrag_ratio / 10)
FLAG_ATTR(cache_dma, SLAB_CACHE_DMA)
FLAG_ATTR(destroy_by_rcu, SLAB_TYPESAFE_BY_RCU)
FLAG_ATTR(failslab, SLAB_FAILSLAB)
FLAG_ATTR(hwcache_align, SLAB_HWCACHE_ALIGN)
FLAG_ATTR(poison, SLAB_POISON)
FLAG_ATTR(reclaim_account, SLAB_RECLAIM_ACCOUNT)
FLAG_ATTR(red_zone, SLAB_RED_ZONE)
FLAG_ATTR(sanity_checks, SLAB_CONSISTENCY_CHECKS)
FLAG_ATTR(store_user, SLAB_STORE_USER)
FLAG_ATTR(trace, SLAB_TRACE)

static ssize_t ctor_show(struct kmem_cache *s, char *buf)
{
	return s->ctor ? sysfs_emit(buf, "%pS\n", s->ctor) : 0;
}

static ssize_t nothing_show(struct kmem_cache *s, char *buf)
{
	return 0;
}

/* ---- what may be written; 0 or -errno ---- */

static int read_number(const char *buf, unsigned long max, unsigned long *n)
{
	int err = kstrtoul(buf, 10, n);

	return err ? err : *n > max ? -ERANGE : 0;
}

static int min_partial_store(struct kmem_cache *s, const char *buf)
{
	unsigned long n;
	int err = read_number(buf, INT_MAX, &n);

	if (!err)
		WRITE_ONCE(s->min_partial, n);
	return err;
}

static int cpu_partial_store(struct kmem_cache *s, const char *buf)
{
	unsigned long n;
	int err = read_number(buf, 1UL << 20, &n);

	if (err)
		return err;
	if (n && kmem_cache_debug(s))
		return -EINVAL;
	set_cpu_partial(s, n);
	on_each_cpu(flush_cpu_slab, s, true);
	return 0;
}

static int remote_node_defrag_ratio_store(struct kmem_cache *s, const char *buf)
{
	unsigned long n;
	int err = read_number(buf, 100, &n);

	if (!err)
		WRITE_ONCE(s->remote_node_defrag_ratio, n * 10);
	return err;
}

static int shrink_store(struct kmem_cache *s, const char *buf)
{
	if (buf[0] != '1')
		return -EINVAL;
	kmem_cache_shrink(s);
	return 0;
}

static int validate_store(struct kmem_cache *s, const char *buf)
{
	long bad = buf[0] == '1' ? validate_slab_cache(s) : -EINVAL;

	return bad < 0 ? bad : 0;
}

static int failslab_store(struct kmem_cache *s, const char *buf)
{
	bool on;

	if (s->refcount > 1 || kstrtobool(buf, &on))
		return -EINVAL;
	WRITE_ONCE(s->flags, on ? s->flags | SLAB_FAILSLAB : s->flags & ~SLAB_FAILSLAB);
	return 0;
}

/* ---- files ---- */

struct slab_attr {
	const char *name;
	ssize_t (*show)(struct kmem_cache *s, char *buf);
	int (*store)(struct kmem_cache *s, const char *buf);
};

#define RO(name)                         \
	{                                \
#name, name##_show, NULL \
	}
#define RW(name)                                 \
	{                                        \
#name, name##_show, name##_store \
	}
static const struct slab_attr slab_attrs[] = {
	RO(aliases),
	RO(align),
	RO(cache_dma),
	RW(cpu_partial),
	RO(cpu_slabs),
	RO(ctor),
	RO(destroy_by_rcu),
	RW(failslab),
	RO(hwcache_align),
	RW(min_partial),
	RO(object_size),
	RO(objects),
	RO(objects_partial),
	RO(objs_per_slab),
	RO(order),
	RO(partial),
	RO(poison),
	RO(reclaim_account),
	RO(red_zone),
	RW(remote_node_defrag_ratio),
	RO(sanity_checks),
	{ "shrink", nothing_show, shrink_store },
	RO(slab_size),
	RO(slabs),
	RO(slabs_cpu_partial),
	RO(store_user),
	RO(total_objects),
	RO(trace),
	RO(usersize),
	{ "validate", nothing_show, validate_store },
};

struct slab_file {
	const struct slab_attr *attr;
	const char *dir;
};

static ssize_t slab_attr_show(char *buf, void *data)
{
	const struct slab_file *f = data;
	struct kmem_cache *s;

	guard(mutex)(&slab_mutex);
	s = find_cache(f->dir);
	return s ? f->attr->show(s, buf) : -ENODEV;
}

static ssize_t slab_attr_store(const char *buf, size_t len, void *data)
{
	const struct slab_file *f = data;
	struct kmem_cache *s;
	int err;

	guard(mutex)(&slab_mutex);
	s = find_cache(f->dir);
	if (!s)
		return -ENODEV;
	err = f->attr->store(s, buf);
	return err ? err : (ssize_t)len;
}

/* Somebody looks into a cache's directory for the first time. */
static void make_files(struct kernfs_node *dir)
{
	struct slab_file *files = kmalloc_array(ARRAY_SIZE(slab_attrs), sizeof(*files), GFP_KERNEL);

	if (!files)
		return;
	for (int i = 0; i < ARRAY_SIZE(slab_attrs); i++) {
		const struct slab_attr *a = &slab_attrs[i];

		files[i] = (struct slab_file){ a, dir->name };
		sysfs_create_file(dir, a->name, a->store ? 0600 : 0400, slab_attr_show,
				  a->store ? slab_attr_store : NULL, &files[i]);
	}
}

/* ---- the folder ---- */

/* The child, shown: made if it was never there. NULL without memory, or if the name is another kind's. */
static struct kernfs_node *show_dir(struct kernfs_node *parent, const char *name,
				    void (*populate)(struct kernfs_node *))
{
	struct kernfs_node *kn = kernfs_find(parent, name);

	if (!kn) {
		kn = kernfs_create_dir(parent, name, 0755);
		if (IS_ERR(kn))
			return NULL;
		kernfs_set_populate(kn, populate);
	}
	if (!S_ISDIR(kn->mode))
		return NULL;
	kernfs_show(kn, true, NULL);
	return kn;
}

static void show_link(struct kernfs_node *parent, const char *name, struct kernfs_node *target)
{
	struct kernfs_node *kn = kernfs_find(parent, name);

	if (!kn)
		kernfs_create_link(parent, name, target);
	else if (S_ISLNK(kn->mode))
		kernfs_show(kn, true, target);
}

static void hide_all(struct kernfs_node *dir)
{
	struct kernfs_node *kn;

	list_for_each_entry(kn, &dir->children, sibling)
		kernfs_show(kn, false, NULL);
}

static void refresh_slab(struct kernfs_node *dir)
{
	static unsigned long seen;
	struct slab_alias *a;
	struct kmem_cache *s;
	char buf[ID_LEN];

	guard(mutex)(&slab_mutex);
	if (seen == slab_generation)
		return;
	seen = slab_generation;
	hide_all(dir);
	list_for_each_entry(s, &slab_caches, list) {
		struct kernfs_node *kn = show_dir(dir, dir_name(s, buf), make_files);

		if (kn && !slab_unmergeable(s))
			show_link(dir, s->name, kn);
	}
	list_for_each_entry(a, &slab_aliases, list) {
		struct kernfs_node *kn = kernfs_find(dir, dir_name(a->s, buf));

		if (kn)
			show_link(dir, a->name, kn);
	}
}

/* ---- debugfs: who holds the objects ---- */

struct location {
	unsigned long addr, count;
	u32 handle;
	unsigned long sum_time, min_time, max_time;
	int min_pid, max_pid;
	unsigned long cpus, nodes;
};

/* A hash table that is never full; an entry without a count is free. */
struct loc_track {
	struct location *loc;
	unsigned long count, max, lost;
};

static void add_location(const struct track *t, int nid, void *arg)
{
	unsigned long age = jiffies - t->when;
	unsigned long i = hash_long(t->addr ^ t->handle, 32);
	struct loc_track *lt = arg;
	struct location *l;

	while ((l = &lt->loc[i++ % lt->max])->count)
		if (l->addr == t->addr && l->handle == t->handle)
			break;
	if (!l->count) {
		if (lt->count > lt->max / 2) {
			lt->lost++;
			return;
		}
		lt->count++;
		*l = (struct location){
			.addr = t->addr, .handle = t->handle, .min_time = ~0UL, .min_pid = INT_MAX
		};
	}
	l->count++;
	if (!t->addr)
		return;
	l->sum_time += age;
	l->min_time = min(l->min_time, age);
	l->max_time = max(l->max_time, age);
	l->min_pid = min(l->min_pid, t->pid);
	l->max_pid = max(l->max_pid, t->pid);
	l->cpus |= BIT(t->cpu);
	l->nodes |= BIT(nid);
}

static int more_first(const void *a, const void *b)
{
	const struct location *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

static void show_location(struct seq_file *m, const struct location *l)
{
	const unsigned long *entries;
	unsigned int n = stack_depot_fetch(l->handle, &entries);

	seq_printf(m, "%7lu ", l->count);
	if (!l->addr) {
		seq_puts(m, "<not-available>\n\n");
		return;
	}
	seq_printf(m, "%pS age=", (void *)l->addr);
	if (l->sum_time != l->min_time)
		seq_printf(m, "%lu/%lu/%lu", l->min_time, l->sum_time / l->count, l->max_time);
	else
		seq_printf(m, "%lu", l->min_time);
	if (l->min_pid != l->max_pid)
		seq_printf(m, " pid=%d-%d", l->min_pid, l->max_pid);
	else
		seq_printf(m, " pid=%d", l->min_pid);
	if (num_online_cpus() > 1)
		seq_printf(m, " cpus=%*pbl", NR_CPUS, &l->cpus);
	if (num_online_nodes() > 1)
		seq_printf(m, " nodes=%*pbl", MAX_NUMNODES, &l->nodes);
	seq_putc(m, '\n');
	for (unsigned int i = 0; i < n; i++)
		seq_printf(m, "        %pS\n", (void *)entries[i]);
	seq_putc(m, '\n');
}

/* Counts into lt->loc, which is made larger until all fits. */
static int collect(const char *name, enum track_item what, struct loc_track *lt)
{
	struct kmem_cache *s;

	guard(mutex)(&slab_mutex);
	s = find_cache(name);
	if (!s)
		return -ENODEV;
	for (lt->max = 256;; lt->max *= 4) {
		lt->loc = kvcalloc(lt->max, sizeof(*lt->loc), GFP_KERNEL);
		if (!lt->loc)
			return -ENOMEM;
		lt->count = lt->lost = 0;
		debug_for_each_track(s, what, add_location, lt);
		if (!lt->lost)
			return 0;
		kvfree(lt->loc);
	}
}

static int traces_show(struct seq_file *m, enum track_item what)
{
	struct loc_track lt = { 0 };
	int err = collect(m->private, what, &lt);

	if (err)
		return err;
	sort(lt.loc, lt.max, sizeof(*lt.loc), more_first, NULL);
	for (unsigned long i = 0; i < lt.count; i++)
		show_location(m, &lt.loc[i]);
	if (!lt.count)
		seq_puts(m, "No data\n");
	kvfree(lt.loc);
	return 0;
}

static int alloc_traces_show(struct seq_file *m, void *v)
{
	return traces_show(m, TRACK_ALLOC);
}

static int free_traces_show(struct seq_file *m, void *v)
{
	return traces_show(m, TRACK_FREE);
}

static void make_trace_files(struct kernfs_node *dir)
{
	debugfs_create_single("alloc_traces", 0400, dir, (void *)dir->name, alloc_traces_show);
	debugfs_create_single("free_traces", 0400, dir, (void *)dir->name, free_traces_show);
}

static void refresh_traces(struct kernfs_node *dir)
{
	static unsigned long seen;
	struct kmem_cache *s;

	guard(mutex)(&slab_mutex);
	if (seen == slab_generation)
		return;
	seen = slab_generation;
	hide_all(dir);
	list_for_each_entry(s, &slab_caches, list)
		if (s->flags & SLAB_STORE_USER)
			show_dir(dir, s->name, make_trace_files);
}

static int slab_sysfs_init(void)
{
	struct kernfs_node *dir = sysfs_create_dir(sysfs_kernel, "slab");

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	kernfs_set_refresh(dir, refresh_slab);
	dir = debugfs_create_dir("slab", NULL);
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	kernfs_set_refresh(dir, refresh_traces);
	return 0;
}
fs_initcall(slab_sysfs_init);
