/*
 * Shrinkers: all caches that can give memory back, and how hard each is pressed.
 *
 * 1. A round asks each shrinker how much it has (freeable), and demands a part of that: at priority p
 *    freeable / 2^p, times 4, divided by seeks, the cost of making an object again. So with DEFAULT_SEEKS
 *    objects lose twice as fast as p says, and all of them have been looked at twice at priority 0: once
 *    to lose the mark of recent use, once to go.
 * 2. Work is handed over in batches. What does not fill one, or was refused (the allocation may not enter
 *    file systems), is not forgotten: it is deferred, by node, and a share of it is added the next time. A
 *    cache can never owe more than twice what it has.
 * 3. A round only tries for the list: while somebody registers or goes, reclaim does without shrinkers.
 *    Who goes waits for the rounds that run.
 *
 * Locks: shrinker_rwsem, read around each round, written to register. Shrinkers take their own locks
 * inside. Mirrors Linux mm/shrinker.c. Exercised by the shrinker suite (tests/kernel/shrinker.c).
 */
#include "mm/slab/shrinker.h"

#include "arch/x86/numa.h"
#include "kernel/bug.h"
#include "kernel/rwsem.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "mm/phys/vmstat.h"
#include "mm/slab/slab.h"

static LIST_HEAD(shrinker_list);
static DECLARE_RWSEM(shrinker_rwsem);

/* ---- making and ending ---- */

static int shrinker_prepare(struct shrinker *s, const char *fmt, va_list ap)
{
	unsigned int nr = s->flags & SHRINKER_NUMA_AWARE ? MAX_NUMNODES : 1;

	INIT_LIST_HEAD(&s->list);
	s->name = kvasprintf(GFP_KERNEL, fmt, ap);
	s->nr_deferred = kcalloc(nr, sizeof(*s->nr_deferred), GFP_KERNEL);
	if (s->name && s->nr_deferred)
		return 0;
	kfree(s->name);
	kfree(s->nr_deferred);
	s->name = NULL;
	s->nr_deferred = NULL;
	return -ENOMEM;
}

static void shrinker_leave(struct shrinker *s)
{
	down_write(&shrinker_rwsem);
	list_del_init(&s->list);
	up_write(&shrinker_rwsem);
	kfree(s->name);
	kfree(s->nr_deferred);
	s->name = NULL;
	s->nr_deferred = NULL;
}

struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...)
{
	struct shrinker *s = kzalloc(sizeof(*s), GFP_KERNEL);
	va_list ap;
	int err;

	if (!s)
		return NULL;
	s->flags = flags;
	s->seeks = DEFAULT_SEEKS;
	va_start(ap, fmt);
	err = shrinker_prepare(s, fmt, ap);
	va_end(ap);
	if (err) {
		kfree(s);
		return NULL;
	}
	return s;
}

void shrinker_register(struct shrinker *s)
{
	if (WARN_ON(!s->count_objects || !s->scan_objects || !list_empty(&s->list)))
		return;
	down_write(&shrinker_rwsem);
	list_add_tail(&s->list, &shrinker_list);
	up_write(&shrinker_rwsem);
}

void shrinker_free(struct shrinker *s)
{
	if (!s)
		return;
	shrinker_leave(s);
	kfree(s);
}

int register_shrinker(struct shrinker *s, const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = shrinker_prepare(s, fmt, ap);
	va_end(ap);
	if (!err)
		shrinker_register(s);
	return err;
}

void unregister_shrinker(struct shrinker *s)
{
	if (s->nr_deferred)
		shrinker_leave(s);
}

int shrinker_for_each(int (*fn)(struct shrinker *s, void *arg), void *arg)
{
	struct shrinker *s;
	int ret = 0;

	down_read(&shrinker_rwsem);
	list_for_each_entry(s, &shrinker_list, list) {
		ret = fn(s, arg);
		if (ret)
			break;
	}
	up_read(&shrinker_rwsem);
	return ret;
}

/* ---- rounds ---- */

/* How many objects to look at now: its share of this round, and of what is owed. */
static unsigned long demand(const struct shrinker *s, unsigned long freeable, unsigned long owed,
			    int priority)
{
	unsigned long share = freeable / 2;

	if (s->seeks)
		share = (freeable >> priority) * 4 / s->seeks;
	return min((owed >> priority) + share, 2 * freeable);
}

static unsigned long do_shrink_slab(struct shrinker *s, struct shrink_control *sc, int priority)
{
	unsigned long batch = s->batch ? s->batch : SHRINK_BATCH, freed = 0, scanned = 0;
	unsigned long freeable = s->count_objects(s, sc), owed, total, left, due;

	if (!freeable || freeable == SHRINK_EMPTY)
		return 0;
	owed = atomic_long_xchg(&s->nr_deferred[sc->nid], 0);
	total = left = demand(s, freeable, owed, priority);
	while (left >= batch || (left && left >= freeable)) {
		unsigned long ret;

		sc->nr_to_scan = sc->nr_scanned = min(batch, left);
		ret = s->scan_objects(s, sc);
		if (ret == SHRINK_STOP)
			break;
		freed += ret;
		count_vm_events(SLABS_SCANNED, sc->nr_scanned);
		scanned += sc->nr_scanned;
		left -= min(left, max(sc->nr_scanned, 1UL));
		cond_resched();
	}
	/* What this round took from the debt was a part of it; the rest stays due. */
	due = owed - (owed >> priority) + (total - min(total, scanned));
	atomic_long_add(min(due, 2 * freeable), &s->nr_deferred[sc->nid]);
	return freed;
}

unsigned long shrink_slab(gfp_t gfp, int nid, int priority)
{
	unsigned long freed = 0;
	struct shrinker *s;

	if (!down_read_trylock(&shrinker_rwsem))
		return 0;
	list_for_each_entry(s, &shrinker_list, list) {
		struct shrink_control sc = { .gfp_mask = gfp, .nid = nid };

		/* Who does not know nodes is asked for all of them, whichever is short. */
		if (!(s->flags & SHRINKER_NUMA_AWARE))
			sc.nid = 0;
		freed += do_shrink_slab(s, &sc, priority);
	}
	up_read(&shrinker_rwsem);
	cond_resched();
	return freed;
}

/* Rounds at full pressure, until one frees next to nothing; later ones must bring more to be repeated. */
static void drop_slab_node(int nid)
{
	unsigned long freed;
	int shift = 0;

	do {
		if (fatal_signal_pending(current))
			return;
		freed = shrink_slab(GFP_KERNEL, nid, 0);
	} while ((freed >> shift++) > 1);
}

void drop_slab(void)
{
	int nid;

	for_each_online_node(nid)
		drop_slab_node(nid);
	count_vm_event(DROP_SLAB);
}
