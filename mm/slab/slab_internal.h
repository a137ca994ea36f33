/*
 * What slub.c, slub_pages.c, slab_common.c and slab_check.c share: the cache, the per-CPU part, and struct slab,
 * the view of a struct page while its memory belongs to a cache.
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
#include "mm/phys/mmzone.h"
#include "mm/phys/page.h"
#include "mm/slab/slab.h"

/* One struct page (the head page) seen as a slab. flags, mapcount and refcount stay the page's. */
struct slab {
	unsigned long __page_flags;
	struct kmem_cache *slab_cache; /* - owner; KMALLOC_LARGE_COOKIE for a large kmalloc */
	union {
		struct list_head slab_list; /* N node's partial list */
		struct {
			struct slab *next;  /* I per-CPU partial list */
			unsigned int slabs; /* I length of that list from here on */
		};
		struct rcu_head rcu_head; /* while a SLAB_TYPESAFE_BY_RCU slab waits to be freed */
	};
	void *freelist; /* X first free object, not counting the CPU's list */
	union {		/* X */
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
	atomic_long_t nr_slabs;	  /* all slabs of the node, wherever they are */
	atomic_long_t total_objects;
};

struct kmem_cache {
	struct kmem_cache_cpu __percpu *cpu_slab; /* - */
	unsigned int offset;			  /* - of the link in a free object */
	unsigned int size;			  /* - bytes from object to object */
	unsigned int object_size;		  /* - bytes the user asked for */
	unsigned int order;			  /* - of a slab */
	unsigned int min_order;			  /* - the same when memory is short */
	unsigned int objects;			  /* - in a slab of that order */
	unsigned int align;			  /* - */
	unsigned int inuse;			  /* - bytes that the user may touch */
	unsigned int min_partial;		  /* - empty slabs that a node keeps */
	unsigned int cpu_partial;		  /* - slabs that a CPU keeps */
	gfp_t allocflags;			  /* - added to every page allocation */
	unsigned long flags;			  /* - SLAB_* */
	void (*ctor)(void *);			  /* - */
	const char *name;			  /* - */
	int refcount;				  /* M */
	unsigned int useroffset, usersize;	  /* - */
	struct list_head list;			  /* M slab_caches */
	/* - NULL: no such node. Allocated as far as there are nodes. */
	struct kmem_cache_node *node[MAX_NUMNODES];
};

/*
 * Marks the head page of a kmalloc that came straight from the buddy allocator. No pointer; bit 0
 * clear: no tail.
 */
#define KMALLOC_LARGE_COOKIE ((struct kmem_cache *)0x6b6d616c6c6f6300UL)

extern struct list_head slab_caches; /* M every cache, oldest first */
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

static __always_inline void set_freepointer(const struct kmem_cache *s, void *object, void *next)
{
	*(void **)((char *)object + s->offset) = next;
}

static __always_inline struct kmem_cache_node *slab_node(struct kmem_cache *s,
							 const struct slab *slab)
{
	return s->node[page_to_nid(slab_page(slab))];
}

/* slub_setup.c */
int __kmem_cache_setup(struct kmem_cache *s,
		       unsigned long flags);	 /* sizes, per-CPU part, nodes; 0 or -errno */
void __kmem_cache_release(struct kmem_cache *s); /* undoes it */
void __init slub_boot(void);
/* slub_pages.c */
/* A frozen slab, all its objects on its free list; NULL when out of memory. => sleeps as gfp allows */
struct slab *new_slab(struct kmem_cache *s, gfp_t gfp, int node);
void discard_slab(struct kmem_cache *s, struct slab *slab); /* empty, on no list. => any context */
/* slub.c */
int __kmem_cache_shutdown(struct kmem_cache *s); /* empties it: 0, or 1 if objects are left */
/* slab_check.c */
__cold void slab_report(const struct kmem_cache *s, const struct slab *slab, const void *object,
			const char *what);
bool slab_free_is_sane(struct kmem_cache *s, struct slab *slab, void *object);
