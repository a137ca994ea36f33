/*
 * What the files of mm/slab share: the cache, the per-CPU part, and struct slab, the view of a
 * struct page while its memory belongs to a cache.
 *
 * Legend of the fields:
 *   -  constant after creation
 *   M  slab_mutex
 *   N  the node's list_lock
 *   I  interrupts off on the CPU that owns it
 *   X  changed together with its neighbour by one cmpxchg16b
 *
 * Mirrors Linux mm/slab.h. Exercised by the slab suite.
 */
#pragma once

#include "arch/x86/atomic.h"
#include "kernel/mutex.h"
#include "kernel/percpu.h"
#include "kernel/rcu.h"
#include "kernel/spinlock.h"
#include "lib/list.h"
#include "mm/debug/kasan.h"
#include "mm/phys/mmzone.h"
#include "mm/phys/page.h"
#include "mm/slab/slab.h"

/* One struct page (the head page) seen as a slab. flags, mapcount and refcount stay the page's. */
struct slab {
	unsigned long __page_flags;
	struct kmem_cache *slab_cache; /* - owner; KMALLOC_LARGE_COOKIE for a large kmalloc */
	union {
		struct list_head slab_list; /* N node's partial or full list */
		struct {
			struct slab *next;  /* I per-CPU partial list */
			unsigned int slabs; /* I length of that list from here on */
		};
		struct rcu_head rcu_head; /* while a SLAB_TYPESAFE_BY_RCU slab waits to be freed */
	};
	void *freelist; /* X (debug caches: N) first free object, not counting the CPU's list */
	union {		/* X (debug caches: N) */
		unsigned long counters;
		struct {
			unsigned int inuse : 16;   /* objects that are not on freelist */
			unsigned int objects : 15; /* - in all */
			unsigned int frozen : 1;   /* belongs to a CPU: on no node list */
			unsigned int __unused_high;
		};
	};
	unsigned int __page_type;
	int __page_refcount;
	unsigned long obj_exts;
} __aligned(16);

static_assert(sizeof(struct slab) == sizeof(struct page), "a slab is a struct page");
static_assert(offsetof(struct slab, freelist) % 16 == 0, "freelist and counters change as one");
static_assert(offsetof(struct slab, __page_refcount) == offsetof(struct page, _refcount), "");

/* Per-CPU part of a cache: I throughout. */
struct kmem_cache_cpu {
	void *freelist;	      /* next object to hand out: linked through the objects */
	struct slab *slab;    /* the frozen slab that freelist comes from */
	struct slab *partial; /* further frozen slabs with free objects */
};

struct kmem_cache_node {
	spinlock_t list_lock;
	unsigned long nr_partial; /* N */
	struct list_head partial; /* N slabs with free and used objects, and some empty ones */
	struct list_head full;	  /* N slabs without a free object: debug caches only */
	atomic_long_t nr_slabs;	  /* all slabs of the node, wherever they are */
	atomic_long_t total_objects;
};

struct kmem_cache {
	struct kmem_cache_cpu __percpu *cpu_slab; /* - */
	unsigned long random;			  /* - what links are encoded with */
	unsigned int offset;			  /* - of the link in a free object */
	unsigned int size;			  /* - bytes from object to object */
	unsigned int object_size;		  /* - bytes the user asked for */
	unsigned int order;			  /* - of a slab */
	unsigned int min_order;			  /* - the same when memory is short */
	unsigned int objects;			  /* - in a slab of that order */
	unsigned int align;			  /* - */
	unsigned int inuse;			  /* - bytes up to the end of the right red zone */
	unsigned int red_left_pad;	/* - bytes in front of an object that are not its own */
	unsigned int min_partial;	/* empty slabs that a node keeps; one word, set by sysfs */
	unsigned int cpu_partial;	/* objects that a CPU's partial slabs may have; the same */
	unsigned int cpu_partial_slabs; /* the same as a number of slabs */
	unsigned int remote_node_defrag_ratio; /* of 1024 refills, so many look at other nodes */
	gfp_t allocflags;		       /* - added to every page allocation */
	unsigned long flags;		       /* - SLAB_* */
	void (*ctor)(void *);		       /* - */
	const char *name;		       /* - */
	int refcount;			       /* M; -1: never shared, never destroyed */
	unsigned int useroffset, usersize;     /* - */
#ifdef CONFIG_KASAN
	unsigned int kasan_offset; /* - of its metadata behind an object */
#endif
	struct list_head list; /* M slab_caches */
	/* - NULL: no such node. Allocated as far as there are nodes. */
	struct kmem_cache_node *node[MAX_NUMNODES];
};

/*
 * Marks the head page of a kmalloc that came straight from the buddy allocator. No pointer; bit 0
 * clear: no tail.
 */
#define KMALLOC_LARGE_COOKIE ((struct kmem_cache *)0x6b6d616c6c6f6300UL)

/* A cache with one of these has no per-CPU slabs: every step takes the slow way (slub_debug.c). */
#define SLAB_DEBUG_FLAGS \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE)
/* Those that make an object larger. */
#define SLAB_METADATA_FLAGS (SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)
#define __OBJECT_POISON	    0x80000000UL /* SLAB_POISON, and nobody minds the bytes of a free object */

/* Debugging tools that want to see each object: a bit each. 0 is all that the fast path tests. */
enum slab_hooks {
	SLAB_HOOK_FAIL,	    /* failslab has a probability */
	SLAB_HOOK_TRACE,    /* trace events of objects are on */
	SLAB_HOOK_KMEMLEAK, /* kmemleak=on: each object has a record */
	SLAB_HOOK_KFENCE,   /* the gate is open: the next allocation goes to KFENCE's pool */
};
extern unsigned long slab_debug_hooks;
void slab_hook_set(enum slab_hooks hook, bool on);

/* Another name of a merged cache. */
struct slab_alias {
	struct list_head list;
	struct kmem_cache *s;
	const char *name;
};

extern struct list_head slab_caches;  /* M every cache, oldest first */
extern struct list_head slab_aliases; /* M */
extern unsigned long slab_generation; /* M counts the changes of the two lists above */
extern struct mutex slab_mutex;
extern bool slab_up;
extern int slab_nr_nodes; /* - highest node number + 1 */
extern struct kmem_cache boot_kmem_cache, boot_kmem_cache_node;

static __always_inline struct slab *page_slab(const struct page *page)
{
	return (struct slab *)page;
}
static __always_inline struct page *slab_page(const struct slab *slab)
{
	return (struct page *)slab;
}
static __always_inline void *slab_address(const struct slab *slab)
{
	return page_address(slab_page(slab));
}

/* Slab or large-kmalloc head behind a linear-map address. */
static __always_inline struct slab *virt_to_slab_head(const void *p)
{
	return page_slab(
		compound_head(pfn_to_page(((unsigned long)p - PAGE_OFFSET) >> PAGE_SHIFT)));
}

static inline unsigned int obj_to_index(const struct kmem_cache *s, const struct slab *slab,
					const void *p)
{
	return (unsigned long)((const char *)p - (const char *)slab_address(slab)) / s->size;
}

/* freelist's neighbour in struct slab, taken apart */
union slab_counters {
	unsigned long counters;
	struct {
		unsigned int inuse : 16;
		unsigned int objects : 15;
		unsigned int frozen : 1;
		unsigned int high;
	};
};

/*
 * Links in free objects are hardened: the address xor a number of the cache xor the link's own
 * address, bytes swapped. Who overruns a free object cannot choose where the next allocation goes,
 * and a link that is not one decodes to an address that faults.
 */
static __always_inline void *freelist_ptr(const struct kmem_cache *s, void *ptr,
					  unsigned long ptr_addr)
{
	return (void *)((unsigned long)ptr ^ s->random ^ __builtin_bswap64(ptr_addr));
}

static __always_inline void *get_freepointer(const struct kmem_cache *s, const void *object)
{
	unsigned long at = (unsigned long)object + s->offset;

	return freelist_ptr(s, *(void **)at, at);
}

static __always_inline void set_freepointer(const struct kmem_cache *s, void *object, void *next)
{
	unsigned long at = (unsigned long)object + s->offset;

	*(void **)at = freelist_ptr(s, next, at);
}

static __always_inline bool kmem_cache_debug(const struct kmem_cache *s)
{
	return s->flags & SLAB_DEBUG_FLAGS;
}

/* Is p the start of an object of the slab? */
static inline bool is_object(const struct kmem_cache *s, const struct slab *slab, const void *p)
{
	unsigned long off = (unsigned long)p - s->red_left_pad - (unsigned long)slab_address(slab);

	return off % s->size == 0 && off / s->size < slab->objects;
}

/* Object number n of the slab. */
static inline void *nth_object(const struct kmem_cache *s, const struct slab *slab, unsigned int n)
{
	return (char *)slab_address(slab) + s->red_left_pad + (size_t)n * s->size;
}

static __always_inline struct kmem_cache_node *slab_node(struct kmem_cache *s,
							 const struct slab *slab)
{
	return s->node[page_to_nid(slab_page(slab))];
}

/* ---- slub_setup.c ---- */
/* Sizes, per-CPU part, nodes; flags gain what slub_debug= says. 0 or -errno. */
int __kmem_cache_setup(struct kmem_cache *s, unsigned long flags);
void __kmem_cache_release(struct kmem_cache *s); /* undoes it */
/* What flags and the wish (0: none) make of the alignment of objects of a size. */
unsigned int calculate_alignment(unsigned long flags, unsigned int align, unsigned int size);
void set_cpu_partial(struct kmem_cache *s, unsigned int objects);
void __init slub_boot(void);
/* ---- slub_words.c: the command line ---- */
extern unsigned int slub_min_order, slub_max_order,
	slub_min_objects; /* - after slub_words_init() */
extern bool slab_nomerge;
void __init
slub_words_init(void); /* defaults that depend on the machine; refuses what does not fit */
/* The flags of a cache of this name: those given, and what slub_debug= adds. */
unsigned long kmem_cache_flags(const char *name, unsigned long flags);
extern bool slub_debug_no_higher_order; /* O: not where the order of a slab would grow */
/* ---- slab_common.c ---- */
/* What no cache has: 0 bytes, whole pages, too many. */
void *__kmalloc_pages(size_t size, gfp_t gfp, int node, unsigned long caller);
bool slab_unmergeable(const struct kmem_cache *s); /* will it never have another name? */
void __kfree_large(struct slab *slab, void *p, unsigned long caller);
extern const u8 kmalloc_size_index[24]; /* class of (size - 1) / 8 for sizes up to 192 */
/* => 1 <= size <= KMALLOC_MAX_CACHE_SIZE */
static __always_inline struct kmem_cache *kmalloc_slab(size_t size)
{
	unsigned int index = size <= 192 ? kmalloc_size_index[(size - 1) / 8]
					 : 64 - __builtin_clzl(size - 1);

	return kmalloc_caches[index];
}
/* ---- slub_pages.c ---- */
/* A frozen slab, all its objects on its free list; NULL when out of memory. => sleeps as gfp allows */
struct slab *new_slab(struct kmem_cache *s, gfp_t gfp, int node);
void discard_slab(struct kmem_cache *s, struct slab *slab); /* empty, on no list. => any context */
/* ---- slub.c ---- */
#ifdef CONFIG_KASAN
/* What kmem_cache_free() ends in, once nobody wants to know of the object any more. => any context */
void slab_free_unpoisoned(struct kmem_cache *s, void *object);
#endif
void flush_cpu_slab(void *info); /* this CPU gives up its slabs of the cache. => interrupts off */
/* ---- slub_shrink.c ---- */
int __kmem_cache_shutdown(struct kmem_cache *s); /* empties it: 0, or 1 if objects are left */
/* What a node has, for sysfs. */
struct slab_counts {
	unsigned long slabs, total_objects, partial, partial_objects, partial_free;
};
void slab_count_node(struct kmem_cache *s, int nid, struct slab_counts *c);
/* ---- slab_report.c: what is said about misuse ---- */
enum track_item { TRACK_ALLOC, TRACK_FREE };
/* Who did it: two behind each object with SLAB_STORE_USER. */
struct track {
	unsigned long addr; /* caller; 0: never happened */
	u32 handle;	    /* stack */
	int cpu, pid;
	unsigned long when; /* jiffies */
};
struct track *get_track(const struct kmem_cache *s, void *object, enum track_item what);
/* Where the user's bytes and the link end: the tracks follow. */
unsigned int get_info_end(const struct kmem_cache *s);
/* "BUG cache (taint): text", everything known about the object or slab, and a backtrace. */
__cold void object_err(struct kmem_cache *s, struct slab *slab, void *object, const char *fmt, ...)
	__printf(4, 5);
/* Bytes fault .. last are not value; object NULL: they belong to none. Says that they are put right. */
__cold void bytes_err(struct kmem_cache *s, struct slab *slab, void *object, const char *what,
		      u8 *fault, u8 *last, u8 value);
__cold void slab_err(struct kmem_cache *s, struct slab *slab, const char *fmt, ...) __printf(3, 4);
__cold void slab_fix(const struct kmem_cache *s, const char *fmt, ...) __printf(2, 3);
__cold void print_section(const char *text, const void *p, size_t len);
/* Misuse of an object of any cache or of none; s is the cache that the caller named, or NULL. */
__cold void slab_report(struct kmem_cache *s, struct slab *slab, void *object, const char *what);
/* kfree of what no page structure describes. */
__cold void slab_report_foreign(const char *who, const void *p);
void __list_remaining_objects(struct kmem_cache *s); /* what kmem_cache_destroy() found */
/* ---- slab_check.c: what is right ---- */
#define SLUB_RED_INACTIVE 0xbb
#define SLUB_RED_ACTIVE	  0xcc
#define POISON_INUSE	  0x5a /* uninitialised: a fresh object, padding */
#define POISON_FREE	  0x6b
#define POISON_END	  0xa5 /* last byte of a free object */
void init_object(struct kmem_cache *s, void *object, u8 val);
/* True when all is well; else it was reported and mended as far as possible. val: SLUB_RED_*. */
bool check_object(struct kmem_cache *s, struct slab *slab, void *object, u8 val);
bool check_slab(struct kmem_cache *s, struct slab *slab);
bool check_slab_pad(struct kmem_cache *s, struct slab *slab);
/* Is the object on slab->freelist? Reports and cuts a list that is broken. */
bool on_freelist(struct kmem_cache *s, struct slab *slab, const void *object);
bool slab_free_is_sane(struct kmem_cache *s, struct slab *slab, void *object);
/* ---- slub_debug.c: caches that are debugged ---- */
void *debug_alloc(struct kmem_cache *s, gfp_t gfp, int node, unsigned long addr);
void debug_free(struct kmem_cache *s, struct slab *slab, void *object, unsigned long addr);
void debug_setup_slab(struct kmem_cache *s,
		      struct slab *slab); /* fresh pages, objects not linked yet */
void debug_check_dying_slab(struct kmem_cache *s, struct slab *slab);
/* Calls fn (list_lock held) for each object in use, with its track. => slab_mutex held */
void debug_for_each_track(struct kmem_cache *s, enum track_item what,
			  void (*fn)(const struct track *t, int nid, void *arg), void *arg);
