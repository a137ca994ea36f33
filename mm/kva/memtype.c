/*
 * The list of memory types.
 *
 * 1. A reservation is a physical range and a type. Reservations may overlap, the same range may even be
 *    there several times (two drivers' views), but then all that touch each other agree on the type.
 * 2. So a newcomer takes over the type of what he overlaps. Whether he can live with that is his
 *    decision: less caching than asked for is slower and right, more is wrong.
 * 3. They are few (one for each ioremap()), so a list sorted by start will do; a search ends at the
 *    first one that begins past the range.
 * 4. RAM is not here. Nobody may ioremap() it, and set_memory_uc() finds what a page has in its entry in
 *    the linear map.
 *
 * Lock: memtype_lock, a spinlock, nothing inside. Mirrors Linux arch/x86/mm/pat/memtype.c,
 * memtype_interval.c. Exercised by the ioremap suite; seen in /sys/kernel/debug/x86/pat_memtype_list.
 */
#include "mm/kva/memtype.h"

#include "arch/x86/cpufeature.h"
#include "kernel/printk.h"
#include "kernel/spinlock.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "mm/slab/slab.h"

struct memtype {
	struct list_head list; /* memtype_lock */
	u64 start, end;
	enum page_cache_mode type;
};

static DEFINE_SPINLOCK(memtype_lock);
static LIST_HEAD(memtypes); /* memtype_lock; by start */

const char *cattr_name(enum page_cache_mode mode)
{
	static const char *const names[_PAGE_CACHE_MODE_NUM] = {
		"write-back", "write-combining", "uncached-minus", "uncached", "write-through",
	};

	return names[mode];
}

u64 cachemode2protval(enum page_cache_mode mode)
{
	static const u64 bits[_PAGE_CACHE_MODE_NUM] = {
		0, _PAGE_CACHE_WC, _PAGE_CACHE_UC_MINUS, _PAGE_CACHE_UC, _PAGE_CACHE_WT,
	};

	if (mode != _PAGE_CACHE_MODE_WB && !boot_cpu_has(X86_FEATURE_PAT))
		return _PAGE_CACHE_UC;
	return bits[mode];
}

/*
 * The one type of everything that touches the range, in *type, which stays as it is if nothing does;
 * false if there are several. => memtype_lock held
 */
static bool type_of_range(u64 start, u64 end, enum page_cache_mode *type)
{
	struct memtype *m;
	bool found = false;

	list_for_each_entry(m, &memtypes, list) {
		if (m->start >= end)
			break;
		if (m->end <= start)
			continue;
		if (found && m->type != *type)
			return false;
		*type = m->type;
		found = true;
	}
	return true;
}

/* => memtype_lock held */
static void insert_memtype(struct memtype *new)
{
	struct memtype *m;

	list_for_each_entry(m, &memtypes, list)
		if (m->start > new->start)
			break;
	list_add_tail(&new->list, &m->list);
}

int memtype_reserve(u64 start, u64 end, enum page_cache_mode req, enum page_cache_mode *actual)
{
	enum page_cache_mode type = req;
	struct memtype *new;
	bool ok;

	if (start >= end)
		return -EINVAL;
	new = kmalloc(sizeof(*new), GFP_KERNEL);
	if (!new)
		return -ENOMEM;
	spin_lock(&memtype_lock);
	ok = type_of_range(start, end, &type) && (actual || type == req);
	if (ok) {
		*new = (struct memtype){ .start = start, .end = end, .type = type };
		insert_memtype(new);
	}
	spin_unlock(&memtype_lock);
	if (!ok) {
		kfree(new);
		pr_info("x86/PAT: conflicting memory types %#llx-%#llx %s<->%s\n", start, end,
			cattr_name(req), cattr_name(type));
		return -EBUSY;
	}
	if (actual)
		*actual = type;
	return 0;
}

int memtype_free(u64 start, u64 end)
{
	struct memtype *m, *found = NULL;

	spin_lock(&memtype_lock);
	list_for_each_entry(m, &memtypes, list) {
		if (m->start != start || m->end != end)
			continue;
		found = m;
		list_del(&m->list);
		break;
	}
	spin_unlock(&memtype_lock);
	if (!found) {
		pr_info("x86/PAT: freeing invalid memtype [mem %#llx-%#llx]\n", start, end - 1);
		return -EINVAL;
	}
	kfree(found);
	return 0;
}

enum page_cache_mode memtype_lookup(u64 start, u64 end)
{
	enum page_cache_mode type = _PAGE_CACHE_MODE_WB;

	spin_lock(&memtype_lock);
	type_of_range(start, end, &type);
	spin_unlock(&memtype_lock);
	return type;
}

int memtype_for_each(int (*fn)(u64 start, u64 end, enum page_cache_mode mode, void *arg), void *arg)
{
	struct memtype *m;
	int ret = 0;

	spin_lock(&memtype_lock);
	list_for_each_entry(m, &memtypes, list) {
		ret = fn(m->start, m->end, m->type, arg);
		if (ret)
			break;
	}
	spin_unlock(&memtype_lock);
	return ret;
}
