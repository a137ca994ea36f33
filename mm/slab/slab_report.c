/*
 * What is said about misuse of objects, in Linux's words and layout, which students and tools know.
 *
 *	=============================================================================
 *	BUG kmalloc-64 (Not tainted): Right Redzone overwritten
 *	-----------------------------------------------------------------------------
 *
 *	0xffff888001a2b0c8-0xffff888001a2b0cb @offset=200. First byte 0x78 instead of 0xcc
 *	Allocated in owner_of_it+0x1d/0x60 age=12 cpu=0 pid=1
 *	 owner_of_it+0x1d/0x60 ...
 *	Freed in ...
 *	Slab 0xffffea... objects=21 used=3 fp=0xffff... flags=0x...(slab)
 *	Object 0xffff888001a2b088 @offset=136 fp=0xffff...
 *
 *	Redzone  ffff888001a2b080: cc cc cc cc cc cc cc cc
 *	Object   ffff888001a2b088: ...
 *	Redzone  ...
 *	Padding  ...
 *	Call Trace: ...
 *	FIX kmalloc-64: Restoring Right Redzone ...
 *
 * 1. The culprit of "overwritten" has gone; what helps is whose object it is (SLAB_STORE_USER) and
 *    what the bytes look like. The culprit of a wrong free is on the stack.
 * 2. After a report the object is leaked or mended (slab_check.c), never used as it is.
 *
 * Locks: none are taken but the report's own (oops_begin); the caller may hold list_lock.
 * Mirrors the reporting part of Linux mm/slub.c. Exercised by the suites slab and slab_debug.
 */
#include "kernel/bug.h"
#include "kernel/printk.h"
#include "kernel/time.h"
#include "lib/printf.h"
#include "mm/debug/kfence.h"
#include "mm/debug/stackdepot.h"
#include "mm/slab/slab_internal.h"

struct track *get_track(const struct kmem_cache *s, void *object, enum track_item what)
{
	return (struct track *)((char *)object + get_info_end(s)) + what;
}

static bool freeptr_outside_object(const struct kmem_cache *s)
{
	return s->offset >= s->inuse;
}

unsigned int get_info_end(const struct kmem_cache *s)
{
	return freeptr_outside_object(s) ? s->inuse + sizeof(void *) : s->inuse;
}

static void slab_bug(const char *name, const char *fmt, va_list args)
{
	char taint[TAINT_TEXT_LEN], text[160];

	vsnprintf(text, sizeof(text), fmt, args);
	pr_err("=============================================================================\n");
	pr_err("BUG %s (%s): %s\n", name, print_tainted(taint), text);
	pr_err("-----------------------------------------------------------------------------\n\n");
}

static __printf(2, 3) void bug_line(const char *name, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	slab_bug(name, fmt, args);
	va_end(args);
}

void slab_fix(const struct kmem_cache *s, const char *fmt, ...)
{
	char text[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	pr_err("FIX %s: %s\n", s->name, text);
}

void print_section(const char *text, const void *p, size_t len)
{
	kasan_disable_current();
	print_hex_dump(KERN_ERR, text, DUMP_PREFIX_ADDRESS, p, len);
	kasan_enable_current();
}

static void print_track(const char *what, const struct track *t)
{
	if (!t->addr)
		return;
	pr_err("%s in %pS age=%lu cpu=%u pid=%d\n", what, (void *)t->addr, jiffies - t->when,
	       t->cpu, t->pid);
	if (t->handle)
		stack_depot_print(t->handle);
	else
		pr_err("object allocation/free stack trace missing\n");
}

static void print_tracking(const struct kmem_cache *s, void *object)
{
	if (!(s->flags & SLAB_STORE_USER))
		return;
	print_track("Allocated", get_track(s, object, TRACK_ALLOC));
	print_track("Freed", get_track(s, object, TRACK_FREE));
}

static void print_slab_info(const struct slab *slab)
{
	char flags[160];

	pr_err("Slab 0x%px objects=%u used=%u fp=0x%px flags=0x%lx(%s)\n", slab,
	       (unsigned int)slab->objects, (unsigned int)slab->inuse, slab->freelist,
	       slab->__page_flags, page_flags_string(slab->__page_flags, flags, sizeof(flags)));
}

/* Everything about one object: whose, where, and its bytes with their surroundings. */
static void print_trailer(struct kmem_cache *s, struct slab *slab, char *p)
{
	char *start = slab_address(slab);
	unsigned int off = get_info_end(s);

	print_tracking(s, p);
	print_slab_info(slab);
	pr_err("Object 0x%px @offset=%lu fp=0x%px\n\n", p, (unsigned long)(p - start),
	       get_freepointer(s, p));
	if (s->flags & SLAB_RED_ZONE)
		print_section("Redzone  ", p - s->red_left_pad, s->red_left_pad);
	else if (p > start + 16)
		print_section("Bytes b4 ", p - 16, 16);
	print_section("Object   ", p, min_t(unsigned int, s->object_size, PAGE_SIZE));
	if (s->flags & SLAB_RED_ZONE)
		print_section("Redzone  ", p + s->object_size, s->inuse - s->object_size);
	if (s->flags & SLAB_STORE_USER)
		off += 2 * sizeof(struct track);
	off += kasan_metadata_size(s);
	if (off != s->size - s->red_left_pad)
		print_section("Padding  ", p + off, s->size - s->red_left_pad - off);
}

void object_err(struct kmem_cache *s, struct slab *slab, void *object, const char *fmt, ...)
{
	unsigned long flags = oops_begin();
	va_list args;

	va_start(args, fmt);
	slab_bug(s->name, fmt, args);
	va_end(args);
	if (is_object(s, slab, object))
		print_trailer(s, slab, object);
	else
		print_slab_info(slab);
	dump_stack();
	add_taint(TAINT_BAD_PAGE);
	oops_end(flags);
}

void bytes_err(struct kmem_cache *s, struct slab *slab, void *object, const char *what, u8 *fault,
	       u8 *last, u8 value)
{
	unsigned long flags = oops_begin();

	bug_line(s->name, "%s overwritten", what);
	pr_err("0x%px-0x%px @offset=%lu. First byte 0x%x instead of 0x%x\n", fault, last,
	       (unsigned long)(fault - (u8 *)slab_address(slab)), fault[0], value);
	if (object) {
		print_trailer(s, slab, object);
	} else {
		print_slab_info(slab);
		print_section("Padding  ", fault, min_t(size_t, last + 1 - fault, 256));
	}
	dump_stack();
	add_taint(TAINT_BAD_PAGE);
	slab_fix(s, "Restoring %s 0x%px-0x%px=0x%x", what, fault, last, value);
	oops_end(flags);
}

void slab_err(struct kmem_cache *s, struct slab *slab, const char *fmt, ...)
{
	unsigned long flags = oops_begin();
	va_list args;

	va_start(args, fmt);
	slab_bug(s->name, fmt, args);
	va_end(args);
	print_slab_info(slab);
	dump_stack();
	add_taint(TAINT_BAD_PAGE);
	oops_end(flags);
}

/* The object of its own cache that the address lies in or in front of. */
static void describe_object(struct kmem_cache *owner, struct slab *slab, char *p)
{
	unsigned long off = p - (char *)slab_address(slab);
	unsigned int n = min_t(unsigned long, off / owner->size, slab->objects - 1);
	char *object = nth_object(owner, slab, n);

	pr_err("Address 0x%px is %ld bytes from the start of object %u of cache %s, size %u\n", p,
	       (long)(p - object), n, owner->name, owner->object_size);
	print_trailer(owner, slab, object);
}

/* What lies at an address that was freed wrongly. */
static void describe_address(struct kmem_cache *owner, struct slab *slab, void *object)
{
	if (kfence_describe(object))
		return;
	if (PageSlab(slab_page(slab)) && owner)
		describe_object(owner, slab, object);
	else if (owner == KMALLOC_LARGE_COOKIE)
		pr_err("Address 0x%px is %ld bytes into a large kmalloc at 0x%px\n", object,
		       (long)(object - slab_address(slab)), slab_address(slab));
	else
		pr_err("Address 0x%px is in no slab: page flags %lx, %d references\n", object,
		       slab->__page_flags, slab->__page_refcount);
}

void slab_report(struct kmem_cache *s, struct slab *slab, void *object, const char *what)
{
	struct kmem_cache *owner = slab->slab_cache;
	unsigned long flags = oops_begin();

	if (PageSlab(slab_page(slab)) && owner && s && s != owner)
		bug_line(s->name, "%s. %s but object is from %s", what, s->name, owner->name);
	else
		bug_line(s ? s->name : "kmalloc", "%s", what);
	describe_address(owner, slab, object);
	dump_stack();
	add_taint(TAINT_BAD_PAGE);
	pr_err("FIX %s: Object at 0x%px not freed\n", s ? s->name : "kmalloc", object);
	oops_end(flags);
}

void slab_report_foreign(const char *who, const void *p)
{
	unsigned long flags = oops_begin();

	bug_line("kmalloc", "%s of an address outside memory", who);
	pr_err("Address 0x%px: no page of RAM is there\n", p);
	dump_stack();
	add_taint(TAINT_BAD_PAGE);
	oops_end(flags);
}

/* Those of its objects that are not on its list are in use. => list_lock held */
static void list_slab_objects(struct kmem_cache *s, struct slab *slab)
{
	for (unsigned int i = 0; i < slab->objects; i++) {
		void *object = nth_object(s, slab, i), *p = slab->freelist;

		while (p && p != object && is_object(s, slab, p))
			p = get_freepointer(s, p);
		if (p == object)
			continue;
		pr_err("Object 0x%px @offset=%lu\n", object,
		       (unsigned long)(object - slab_address(slab)));
		print_tracking(s, object);
	}
}

void __list_remaining_objects(struct kmem_cache *s)
{
	unsigned long irqflags = oops_begin();
	struct slab *slab;

	bug_line(s->name, "Objects remaining in %s on __kmem_cache_shutdown()", s->name);
	for (int nid = 0; nid < slab_nr_nodes; nid++) {
		struct kmem_cache_node *n = s->node[nid];

		if (!n)
			continue;
		guard(spinlock_irqsave)(&n->list_lock);
		list_for_each_entry(slab, &n->partial, slab_list) {
			print_slab_info(slab);
			list_slab_objects(s, slab);
		}
		list_for_each_entry(slab, &n->full, slab_list) {
			print_slab_info(slab);
			list_slab_objects(s, slab);
		}
	}
	oops_end(irqflags);
}
