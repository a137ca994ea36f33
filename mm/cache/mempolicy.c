/*
 * Memory policies as objects, and by range on shmem files: see mm/cache/mempolicy.h.
 *
 * Setting the policy of a range replaces what was there. An older range that sticks out on one side is only trimmed: the
 * tree still holds it there after the store. One that sticks out on both sides becomes two, and that second piece is
 * stored first, so that a failure at either step leaves the same policies on the same pages.
 */
#include "mm/cache/mempolicy.h"

#include "kernel/bug.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "mm/cache/file.h"
#include "mm/slab/slab.h"

struct sp_node {
	pgoff_t first, last; /* pages */
	struct mempolicy *policy;
	struct sp_node *next_gone; /* chain of those that a store replaced */
};

static struct kmem_cache *policy_cache, *sn_cache;

void numa_policy_init(void)
{
	policy_cache =
		kmem_cache_create("numa_policy", sizeof(struct mempolicy), 0, SLAB_PANIC, NULL);
	sn_cache = kmem_cache_create("shared_policy_node", sizeof(struct sp_node), 0, SLAB_PANIC,
				     NULL);
}

/* ---- objects ---- */

/* RELATIVE: node n of the program is the n-th node with memory, counted round and round. */
static nodemask_t relative_nodes(nodemask_t user)
{
	nodemask_t folded = {}, nodes = {};
	int n = 0, nid, online = num_online_nodes();

	for (nid = 0; nid < MAX_NUMNODES; nid++)
		if (node_isset(nid, user))
			node_set(nid % online, folded);
	for_each_online_node(nid)
		if (node_isset(n++, folded))
			node_set(nid, nodes);
	return nodes;
}

/* The mode that is meant, or -EINVAL: which modes want nodes, and which none. */
static int checked_mode(unsigned short mode, unsigned short flags, nodemask_t nodes)
{
	if (mode == MPOL_DEFAULT)
		return nodes_empty(nodes) ? MPOL_DEFAULT : -EINVAL;
	if (mode == MPOL_PREFERRED && nodes_empty(nodes))
		return flags ? -EINVAL : MPOL_LOCAL;
	if (mode == MPOL_LOCAL)
		return nodes_empty(nodes) && !flags ? MPOL_LOCAL : -EINVAL;
	return nodes_empty(nodes) ? -EINVAL : mode;
}

struct mempolicy *mpol_new(unsigned short mode, unsigned short flags, nodemask_t user)
{
	nodemask_t nodes = { user.bits & node_online_map.bits };
	struct mempolicy *pol;
	int kind = checked_mode(mode, flags, user);

	if (kind <= MPOL_DEFAULT)
		return ERR_PTR(kind);
	if (flags & MPOL_F_RELATIVE_NODES)
		nodes = relative_nodes(user);
	if (kind != MPOL_LOCAL && nodes_empty(nodes))
		return ERR_PTR(-EINVAL);
	pol = kmem_cache_alloc(policy_cache, GFP_KERNEL);
	if (!pol)
		return ERR_PTR(-ENOMEM);
	/* One node is preferred, however many are named. */
	if (kind == MPOL_PREFERRED)
		nodes.bits &= -nodes.bits;
	atomic_set(&pol->refcnt, 1);
	pol->mode = kind;
	pol->flags = flags;
	pol->home_node = NUMA_NO_NODE;
	pol->nodes = nodes;
	pol->zone = mpol_lowest_zone(nodes);
	pol->user_nodemask = user;
	return pol;
}

struct mempolicy *mpol_with_home(const struct mempolicy *old, int home_node)
{
	struct mempolicy *pol = kmem_cache_alloc(policy_cache, GFP_KERNEL);

	if (!pol)
		return ERR_PTR(-ENOMEM);
	*pol = *old;
	atomic_set(&pol->refcnt, 1);
	pol->home_node = home_node;
	return pol;
}

void __mpol_free(struct mempolicy *pol)
{
	kmem_cache_free(policy_cache, pol);
}

bool __mpol_equal(const struct mempolicy *a, const struct mempolicy *b)
{
	return a->mode == b->mode && a->flags == b->flags && a->home_node == b->home_node &&
	       a->nodes.bits == b->nodes.bits &&
	       (!a->flags || a->user_nodemask.bits == b->user_nodemask.bits);
}

void mpol_to_str(char *buf, int len, const struct mempolicy *pol)
{
	static const char *const names[MPOL_MAX] = {
		[MPOL_DEFAULT] = "default", [MPOL_PREFERRED] = "prefer",
		[MPOL_BIND] = "bind",	    [MPOL_INTERLEAVE] = "interleave",
		[MPOL_LOCAL] = "local",	    [MPOL_PREFERRED_MANY] = "prefer (many)",
	};
	int n = scnprintf(buf, len, "%s", names[pol ? pol->mode : MPOL_DEFAULT]);

	if (!pol)
		return;
	if (pol->flags)
		n += scnprintf(buf + n, len - n, "=%s",
			       pol->flags & MPOL_F_STATIC_NODES ? "static" : "relative");
	if (!nodes_empty(pol->nodes))
		scnprintf(buf + n, len - n, ":%*pbl", MAX_NUMNODES, &pol->nodes);
}

/* ---- the policies of a shmem file ---- */

static struct sp_node *sp_node_new(pgoff_t first, pgoff_t last, struct mempolicy *pol)
{
	struct sp_node *n = kmem_cache_alloc(sn_cache, GFP_KERNEL);

	if (n)
		*n = (struct sp_node){ .first = first, .last = last, .policy = mpol_get(pol) };
	return n;
}

static void sp_node_free(struct sp_node *n)
{
	if (!n)
		return;
	mpol_put(n->policy);
	kmem_cache_free(sn_cache, n);
}

struct mempolicy *mpol_shared_lookup(struct address_space *mapping, pgoff_t index)
{
	struct shared_policy *sp = READ_ONCE(mapping->shared_policy);
	struct mempolicy *pol = NULL;
	struct sp_node *n;

	if (likely(!sp))
		return NULL;
	down_read(&sp->lock);
	n = mtree_load(&sp->tree, index);
	if (n)
		pol = mpol_get(n->policy);
	up_read(&sp->lock);
	return pol;
}

/* The file's policies, made if there are none yet. NULL: no memory. */
static struct shared_policy *shared_policy_of(struct address_space *mapping)
{
	struct shared_policy *old = NULL, *sp = READ_ONCE(mapping->shared_policy);

	if (sp)
		return sp;
	sp = kmalloc(sizeof(*sp), GFP_KERNEL);
	if (!sp)
		return NULL;
	init_rwsem(&sp->lock);
	/* Readers hold the lock, too. */
	mt_init_flags(&sp->tree, MT_FLAGS_EXCLUSIVE);
	if (__atomic_compare_exchange_n(&mapping->shared_policy, &old, sp, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return sp;
	kfree(sp);
	return old;
}

/* The nodes that hold some page of [first, last], chained. => lock held */
static struct sp_node *overlapping(struct shared_policy *sp, pgoff_t first, pgoff_t last)
{
	struct sp_node *n, *chain = NULL;
	unsigned long index = first;

	mt_for_each(&sp->tree, n, index, last) {
		n->next_gone = chain;
		chain = n;
	}
	return chain;
}

/* [first, last] is another node's now: these end or begin outside of it, or are gone. => lock held */
static void trim(struct sp_node *chain, pgoff_t first, pgoff_t last)
{
	struct sp_node *n;

	while ((n = chain) != NULL) {
		chain = n->next_gone;
		if (n->first < first)
			n->last = first - 1;
		else if (n->last > last)
			n->first = last + 1;
		else
			sp_node_free(n);
	}
}

/* A node that reaches beyond [first, last] on both sides is cut behind last. => lock held */
static int cut_surrounding(struct shared_policy *sp, pgoff_t first, pgoff_t last)
{
	struct sp_node *tail, *n = mtree_load(&sp->tree, first);
	int err;

	if (!n || n->first >= first || n->last <= last)
		return 0;
	tail = sp_node_new(last + 1, n->last, n->policy);
	if (!tail)
		return -ENOMEM;
	err = mtree_store_range(&sp->tree, tail->first, tail->last, tail, GFP_KERNEL);
	if (err)
		sp_node_free(tail);
	else
		n->last = last;
	return err;
}

int mpol_set_shared(struct address_space *mapping, pgoff_t first, pgoff_t last,
		    struct mempolicy *pol)
{
	struct shared_policy *sp = READ_ONCE(mapping->shared_policy);
	struct sp_node *new = NULL, *old;
	int err;

	if (!sp && !pol)
		return 0;
	sp = shared_policy_of(mapping);
	if (!sp)
		return -ENOMEM;
	if (pol) {
		new = sp_node_new(first, last, pol);
		if (!new)
			return -ENOMEM;
	}
	down_write(&sp->lock);
	err = cut_surrounding(sp, first, last);
	if (!err) {
		old = overlapping(sp, first, last);
		err = mtree_store_range(&sp->tree, first, last, new, GFP_KERNEL);
		if (!err)
			trim(old, first, last);
	}
	up_write(&sp->lock);
	if (err)
		sp_node_free(new);
	return err;
}

void mpol_free_shared(struct address_space *mapping)
{
	struct shared_policy *sp = mapping->shared_policy;
	unsigned long index = 0;
	struct sp_node *n;

	if (likely(!sp))
		return;
	mapping->shared_policy = NULL;
	mt_for_each(&sp->tree, n, index, ULONG_MAX)
		sp_node_free(n);
	mtree_destroy(&sp->tree);
	kfree(sp);
}
