/*
 * The dentry cache: the part of the name space that is in use, as a tree in memory and a hash table.
 *
 * 1. A dentry's count is positive: somebody uses it; zero: nobody, but it is kept for the next look-up, on the
 *    list of unused dentries; DEAD: it is on its way out. A dentry holds a reference on its parent, so the
 *    path to the root stays. The memory goes after a grace period.
 * 2. Kept is what is hashed and what the file system does not refuse to keep (d_delete). One that is used
 *    again stays on the list, and gets a mark the next time nobody uses it: the shrinker takes the oldest
 *    that have no mark, and takes the used ones off the list as it meets them.
 * 3. Look-ups run under RCU: they walk a hash chain and take a reference unless the count is DEAD; so
 *    dying is a step of the count from 0 to DEAD that fails when a look-up was faster. A rename changes name and parent in place; rename_seq tells a look-up that it may have been
 *    misled, and it starts again.
 * 4. File systems that live in memory pin dentries (DCACHE_PINNED, one extra reference) as long as the
 *    file has that name.
 *
 * Locks: dcache_lock for hash chains, children lists, names and flags; inside it the lists of unused
 * dentries. A walk over those has them the other way round, and only tries dcache_lock. Mirrors Linux
 * fs/dcache.c. Exercised by tests/user/{names,vfs,caches}.c.
 */
#include "kernel/bug.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/rcu.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "mm/slab/list_lru.h"
#include "mm/slab/shrinker.h"
#include "mm/slab/slab.h"

#define DENTRY_HASH_BITS 9
#define DEAD		 (-128) /* far enough below 0 for nobody to count up to it */

static struct hlist_head dentry_hashtable[1 << DENTRY_HASH_BITS];
static DEFINE_SPINLOCK(dcache_lock);
static unsigned int rename_seq; /* odd while a rename changes names; dcache_lock for writing */
static struct kmem_cache *dentry_cache;
static struct list_lru dentry_lru;
static atomic_long_t nr_dentry;
int sysctl_vfs_cache_pressure = 100;

static struct hlist_head *d_bucket(unsigned int hash)
{
	return &dentry_hashtable[hash >> (32 - DENTRY_HASH_BITS)];
}

unsigned int full_name_hash_dir(const struct dentry *parent, const char *name, unsigned int len)
{
	u32 h = (u32)((unsigned long)parent >> 6) * 0x9e3779b1u;
	unsigned int i;

	for (i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 0x01000193u;
	return h * 0x9e3779b1u;
}

static void dentry_free_rcu(struct rcu_head *head)
{
	struct dentry *dentry = container_of((void **)head, struct dentry, rcu_next[0]);

	if (dentry->d_name.name != dentry->d_iname)
		kfree(dentry->d_name.name);
	kmem_cache_free(dentry_cache, dentry);
}

static struct dentry *__d_alloc(struct super_block *sb, const struct qstr *name)
{
	struct dentry *dentry = kmem_cache_zalloc(dentry_cache, GFP_KERNEL);
	char *p;

	if (!dentry)
		return NULL;
	p = dentry->d_iname;
	if (name->len >= DNAME_INLINE_LEN) {
		p = kmalloc(name->len + 1, GFP_KERNEL);
		if (!p) {
			kmem_cache_free(dentry_cache, dentry);
			return NULL;
		}
	}
	memcpy(p, name->name, name->len);
	p[name->len] = 0;
	dentry->d_name.name = p;
	dentry->d_name.len = name->len;
	dentry->d_name.hash = name->hash;
	atomic_set(&dentry->d_count, 1);
	dentry->d_sb = sb;
	dentry->d_op = sb ? sb->s_d_op : NULL;
	dentry->d_parent = dentry;
	INIT_LIST_HEAD(&dentry->d_child);
	INIT_LIST_HEAD(&dentry->d_subdirs);
	INIT_LIST_HEAD(&dentry->d_alias);
	INIT_LIST_HEAD(&dentry->d_lru);
	atomic_long_inc(&nr_dentry);
	return dentry;
}

struct dentry *d_alloc(struct dentry *parent, const struct qstr *name)
{
	struct dentry *dentry = __d_alloc(parent->d_sb, name);

	if (!dentry)
		return NULL;
	dentry->d_name.hash = full_name_hash_dir(parent, name->name, name->len);
	dentry->d_parent = dget(parent);
	spin_lock(&dcache_lock);
	list_add(&dentry->d_child, &parent->d_subdirs);
	spin_unlock(&dcache_lock);
	return dentry;
}

struct dentry *d_alloc_name(struct dentry *parent, const char *name)
{
	struct qstr q = { .name = name, .len = strlen(name) };

	return d_alloc(parent, &q);
}

struct dentry *d_alloc_pseudo(struct super_block *sb, const struct qstr *name)
{
	return __d_alloc(sb, name);
}

struct dentry *d_make_root(struct inode *root_inode)
{
	static const struct qstr slash = { .name = "/", .len = 1 };
	struct dentry *dentry;

	if (!root_inode)
		return NULL;
	dentry = __d_alloc(root_inode->i_sb, &slash);
	if (!dentry)
		iput(root_inode);
	else
		d_instantiate(dentry, root_inode);
	return dentry;
}

void d_instantiate(struct dentry *dentry, struct inode *inode)
{
	if (!inode)
		return;
	spin_lock(&inode->i_lock);
	list_add(&dentry->d_alias, &inode->i_dentry);
	smp_store_release(&dentry->d_inode, inode);
	spin_unlock(&inode->i_lock);
}

static void __d_rehash(struct dentry *dentry)
{
	dentry->d_flags |= DCACHE_HASHED;
	hlist_add_head_rcu(&dentry->d_hash, d_bucket(dentry->d_name.hash));
}

static void __d_drop(struct dentry *dentry)
{
	if (dentry->d_flags & DCACHE_HASHED) {
		dentry->d_flags &= ~DCACHE_HASHED;
		hlist_del_init_rcu(&dentry->d_hash);
	}
}

void d_add(struct dentry *dentry, struct inode *inode)
{
	d_instantiate(dentry, inode);
	spin_lock(&dcache_lock);
	__d_rehash(dentry);
	spin_unlock(&dcache_lock);
}

void d_drop(struct dentry *dentry)
{
	spin_lock(&dcache_lock);
	__d_drop(dentry);
	spin_unlock(&dcache_lock);
}

void d_delete(struct dentry *dentry)
{
	d_drop(dentry);
}

void d_pin(struct dentry *dentry)
{
	spin_lock(&dcache_lock);
	WARN_ON(dentry->d_flags & DCACHE_PINNED);
	dentry->d_flags |= DCACHE_PINNED;
	atomic_inc(&dentry->d_count);
	spin_unlock(&dcache_lock);
}

void d_unpin(struct dentry *dentry)
{
	bool pinned;

	spin_lock(&dcache_lock);
	pinned = dentry->d_flags & DCACHE_PINNED;
	dentry->d_flags &= ~DCACHE_PINNED;
	spin_unlock(&dcache_lock);
	if (pinned)
		dput(dentry);
}

void d_set_mounted(struct dentry *dentry, bool mounted)
{
	spin_lock(&dcache_lock);
	if (mounted)
		dentry->d_flags |= DCACHE_MOUNTED;
	else
		dentry->d_flags &= ~DCACHE_MOUNTED;
	spin_unlock(&dcache_lock);
}

/* The count is DEAD and dcache_lock held, released here; returns the parent whose reference goes next. */
static struct dentry *dentry_kill(struct dentry *dentry)
{
	struct dentry *parent = dentry->d_parent == dentry ? NULL : dentry->d_parent;
	struct inode *inode = dentry->d_inode;

	__d_drop(dentry);
	list_del_init(&dentry->d_child);
	spin_unlock(&dcache_lock);
	if (inode) {
		spin_lock(&inode->i_lock);
		list_del_init(&dentry->d_alias);
		spin_unlock(&inode->i_lock);
		iput(inode);
	}
	atomic_long_dec(&nr_dentry);
	call_rcu((struct rcu_head *)dentry->rcu_next, dentry_free_rcu);
	return parent;
}

/* Nobody uses it: keep it for later? => dcache_lock held */
static bool retain_dentry(struct dentry *dentry)
{
	if (!(dentry->d_flags & DCACHE_HASHED) ||
	    (dentry->d_op && dentry->d_op->d_delete && dentry->d_op->d_delete(dentry)))
		return false;
	if (dentry->d_flags & DCACHE_LRU_LIST) {
		dentry->d_flags |= DCACHE_REFERENCED;
	} else {
		dentry->d_flags |= DCACHE_LRU_LIST;
		list_lru_add(&dentry_lru, &dentry->d_lru);
	}
	return true;
}

void dput(struct dentry *dentry)
{
	while (dentry) {
		if (atomic_add_unless(&dentry->d_count, -1, 1))
			return;
		spin_lock(&dcache_lock);
		/* The last one out; unless a look-up comes in again, who then will be. */
		if (!atomic_dec_and_test(&dentry->d_count) || retain_dentry(dentry) ||
		    atomic_cmpxchg(&dentry->d_count, 0, DEAD)) {
			spin_unlock(&dcache_lock);
			return;
		}
		if (dentry->d_flags & DCACHE_LRU_LIST) {
			dentry->d_flags &= ~DCACHE_LRU_LIST;
			list_lru_del(&dentry_lru, &dentry->d_lru);
		}
		dentry = dentry_kill(dentry);
	}
}

void path_put(const struct path *p)
{
	dput(p->dentry);
	mntput(p->mnt);
}

static struct dentry *__d_lookup_rcu(struct dentry *parent, const struct qstr *name,
				     unsigned int hash)
{
	struct dentry *dentry;

	hlist_for_each_entry_rcu(dentry, d_bucket(hash), d_hash) {
		if (dentry->d_name.hash == hash && READ_ONCE(dentry->d_parent) == parent &&
		    dentry->d_name.len == name->len &&
		    !memcmp(dentry->d_name.name, name->name, name->len) &&
		    atomic_inc_unless_negative(&dentry->d_count))
			return dentry;
	}
	return NULL;
}

struct dentry *d_lookup(struct dentry *parent, const struct qstr *name)
{
	unsigned int hash = full_name_hash_dir(parent, name->name, name->len), seq;
	struct dentry *dentry;

	for (;;) {
		seq = smp_load_acquire(&rename_seq);
		rcu_read_lock();
		dentry = __d_lookup_rcu(parent, name, hash);
		rcu_read_unlock();
		smp_rmb();
		if (likely(!(seq & 1) && READ_ONCE(rename_seq) == seq))
			return dentry;
		dput(dentry);
	}
}

static void swap_names(struct dentry *a, struct dentry *b)
{
	bool a_inline = a->d_name.name == a->d_iname, b_inline = b->d_name.name == b->d_iname;
	char tmp[DNAME_INLINE_LEN];

	memcpy(tmp, a->d_iname, sizeof(tmp));
	memcpy(a->d_iname, b->d_iname, sizeof(tmp));
	memcpy(b->d_iname, tmp, sizeof(tmp));
	swap(a->d_name, b->d_name);
	if (b_inline)
		a->d_name.name = a->d_iname;
	if (a_inline)
		b->d_name.name = b->d_iname;
}

static void __d_move(struct dentry *dentry, struct dentry *target, bool exchange)
{
	spin_lock(&dcache_lock);
	WRITE_ONCE(rename_seq, rename_seq + 1);
	smp_wmb();
	__d_drop(dentry);
	__d_drop(target);
	swap_names(dentry, target);
	swap(dentry->d_parent, target->d_parent);
	/* Hashes depend on the parent: swapped names came from swapped parents, so they fit. */
	/* Inside one directory a name keeps its place: a reader of the directory neither misses it nor meets it twice. */
	if (dentry->d_parent != target->d_parent) {
		list_move(&dentry->d_child, &dentry->d_parent->d_subdirs);
		list_move(&target->d_child, &target->d_parent->d_subdirs);
	}
	__d_rehash(dentry);
	if (exchange)
		__d_rehash(target);
	smp_wmb();
	WRITE_ONCE(rename_seq, rename_seq + 1);
	spin_unlock(&dcache_lock);
}

/* dentry takes target's place and name; target becomes an unhashed dentry in dentry's old place. */
void d_move(struct dentry *dentry, struct dentry *target)
{
	__d_move(dentry, target, false);
}

void d_exchange(struct dentry *a, struct dentry *b)
{
	__d_move(a, b, true);
}

bool is_subdir(struct dentry *a, struct dentry *b)
{
	bool ret = true;

	spin_lock(&dcache_lock);
	while (a != b) {
		if (a->d_parent == a) {
			ret = false;
			break;
		}
		a = a->d_parent;
	}
	spin_unlock(&dcache_lock);
	return ret;
}

/* One component in front of *p; false when the buffer is full. */
static bool prepend(char **p, char *buf, const char *s, unsigned int len)
{
	if (*p - buf < (long)len)
		return false;
	*p -= len;
	memcpy(*p, s, len);
	return true;
}

/* => dcache_lock and mount_lock held. Walks up to root, through mounts. */
static char *__d_path(const struct path *path, const struct path *root, char *buf, int len)
{
	struct dentry *dentry = path->dentry;
	struct mount *mnt = path->mnt;
	char *p = buf + len - 1;

	*p = 0;
	if (!(dentry->d_flags & DCACHE_HASHED) && dentry->d_parent != dentry &&
	    !prepend(&p, buf, " (deleted)", 10))
		return ERR_PTR(-ENAMETOOLONG);
	while (dentry != root->dentry || mnt != root->mnt) {
		if (dentry == mnt->mnt_root || dentry->d_parent == dentry) {
			if (mnt->mnt_parent == mnt)
				break;
			dentry = mnt->mnt_mountpoint;
			mnt = mnt->mnt_parent;
			continue;
		}
		if (!prepend(&p, buf, dentry->d_name.name, dentry->d_name.len) ||
		    !prepend(&p, buf, "/", 1))
			return ERR_PTR(-ENAMETOOLONG);
		dentry = dentry->d_parent;
	}
	if ((!*p || !strcmp(p, " (deleted)")) && !prepend(&p, buf, "/", 1))
		return ERR_PTR(-ENAMETOOLONG);
	return p;
}

char *d_path(const struct path *path, char *buf, int len)
{
	struct path root;
	char *p;

	if (path->dentry->d_op && path->dentry->d_op->d_dname &&
	    path->dentry->d_parent == path->dentry && path->dentry != path->mnt->mnt_root)
		return path->dentry->d_op->d_dname(path->dentry, buf, len);
	get_fs_root(current->fs ? current->fs : &init_fs, &root);
	mount_lock_read();
	spin_lock(&dcache_lock);
	p = __d_path(path, &root, buf, len);
	spin_unlock(&dcache_lock);
	mount_unlock_read();
	path_put(&root);
	return p;
}

char *file_path(struct file *f, char *buf, int len)
{
	return d_path(&f->f_path, buf, len);
}

struct dentry *dget_parent(struct dentry *dentry)
{
	struct dentry *parent;

	/* A rename may give dentry another parent and drop the old one. */
	spin_lock(&dcache_lock);
	parent = dget(dentry->d_parent);
	spin_unlock(&dcache_lock);
	return parent;
}

struct dentry *d_next_child(struct dentry *dir, struct dentry *after)
{
	struct list_head *pos;
	struct dentry *found = NULL;

	spin_lock(&dcache_lock);
	pos = after ? after->d_child.next : dir->d_subdirs.next;
	for (; !found && pos != &dir->d_subdirs; pos = pos->next) {
		struct dentry *child = list_entry(pos, struct dentry, d_child);

		if (child->d_inode && (child->d_flags & DCACHE_HASHED) &&
		    atomic_inc_unless_negative(&child->d_count))
			found = child;
	}
	spin_unlock(&dcache_lock);
	return found;
}

void d_move_cursor(struct dentry *cursor, struct dentry *after)
{
	spin_lock(&dcache_lock);
	if (after)
		list_move(&cursor->d_child, &after->d_child);
	else
		list_move_tail(&cursor->d_child, &cursor->d_parent->d_subdirs);
	spin_unlock(&dcache_lock);
}

struct dentry *d_first_pinned(struct dentry *dir)
{
	struct dentry *child, *found = NULL;

	spin_lock(&dcache_lock);
	list_for_each_entry_reverse(child, &dir->d_subdirs, d_child) {
		if ((child->d_flags & DCACHE_PINNED) &&
		    atomic_inc_unless_negative(&child->d_count)) {
			found = child;
			break;
		}
	}
	spin_unlock(&dcache_lock);
	return found;
}

bool simple_empty(struct dentry *dentry)
{
	struct dentry *child = d_next_child(dentry, NULL);

	dput(child);
	return !child;
}

/* ---- unused dentries ---- */

struct dentry_walk {
	struct super_block *sb; /* only of this one, used lately or not; NULL: all */
	bool missed;		/* the lock could not be had: there may be more */
	struct list_head dispose;
};

static enum lru_status dentry_lru_isolate(struct list_head *item, struct list_lru_node *l,
					  void *arg)
{
	struct dentry *dentry = container_of(item, struct dentry, d_lru);
	struct dentry_walk *walk = arg;
	enum lru_status status = LRU_REMOVED;

	if (!spin_trylock(&dcache_lock)) {
		walk->missed = true;
		return LRU_SKIP;
	}
	if (walk->sb && dentry->d_sb != walk->sb) {
		status = LRU_SKIP;
	} else if (!walk->sb && (dentry->d_flags & DCACHE_REFERENCED) &&
		   !atomic_read(&dentry->d_count)) {
		dentry->d_flags &= ~DCACHE_REFERENCED;
		status = LRU_ROTATE;
	} else if (atomic_cmpxchg(&dentry->d_count, 0, DEAD)) {
		dentry->d_flags &= ~(DCACHE_LRU_LIST | DCACHE_REFERENCED);
		list_lru_isolate(l, item);
	} else {
		__d_drop(dentry);
		list_lru_isolate_move(l, item, &walk->dispose);
	}
	spin_unlock(&dcache_lock);
	return status;
}

static unsigned long dispose_dentries(struct list_head *dispose)
{
	struct dentry *dentry, *next;
	unsigned long nr = 0;

	list_for_each_entry_safe(dentry, next, dispose, d_lru) {
		list_del_init(&dentry->d_lru);
		spin_lock(&dcache_lock);
		dput(dentry_kill(dentry));
		nr++;
	}
	return nr;
}

unsigned long vfs_pressure_ratio(unsigned long nr)
{
	return nr * READ_ONCE(sysctl_vfs_cache_pressure) / 100;
}

static unsigned long dentry_count(struct shrinker *s, struct shrink_control *sc)
{
	return vfs_pressure_ratio(list_lru_shrink_count(&dentry_lru, sc));
}

static unsigned long dentry_scan(struct shrinker *s, struct shrink_control *sc)
{
	struct dentry_walk walk = { .dispose = LIST_HEAD_INIT(walk.dispose) };

	/* The last reference of an inode may go, and the one who allocates may be inside its file system. */
	if (!(sc->gfp_mask & __GFP_FS))
		return SHRINK_STOP;
	list_lru_shrink_walk(&dentry_lru, sc, dentry_lru_isolate, &walk);
	return dispose_dentries(&walk.dispose);
}

/* A parent comes on the list when its last child goes: round by round until nothing is found. */
void shrink_dcache_sb(struct super_block *sb)
{
	struct dentry_walk walk = { .sb = sb, .dispose = LIST_HEAD_INIT(walk.dispose) };

	do {
		walk.missed = false;
		list_lru_walk(&dentry_lru, dentry_lru_isolate, &walk, ~0UL);
	} while (dispose_dentries(&walk.dispose) || walk.missed);
}

void shrink_dcache_parent(struct dentry *dir)
{
	struct dentry *child, *next;
	LIST_HEAD(dispose);

	spin_lock(&dcache_lock);
	list_for_each_entry_safe(child, next, &dir->d_subdirs, d_child) {
		if (atomic_cmpxchg(&child->d_count, 0, DEAD))
			continue;
		__d_drop(child);
		if (child->d_flags & DCACHE_LRU_LIST) {
			child->d_flags &= ~(DCACHE_LRU_LIST | DCACHE_REFERENCED);
			list_lru_del(&dentry_lru, &child->d_lru);
		}
		list_add(&child->d_lru, &dispose);
	}
	spin_unlock(&dcache_lock);
	dispose_dentries(&dispose);
}

void get_dentry_stat(unsigned long *nr, unsigned long *unused)
{
	*nr = atomic_long_read(&nr_dentry);
	*unused = list_lru_count(&dentry_lru);
}

void dcache_init(void)
{
	static struct shrinker shrinker = { .count_objects = dentry_count,
					    .scan_objects = dentry_scan,
					    .seeks = DEFAULT_SEEKS,
					    .flags = SHRINKER_NUMA_AWARE };

	dentry_cache = kmem_cache_create("dentry", sizeof(struct dentry), 0,
					 SLAB_RECLAIM_ACCOUNT | SLAB_PANIC, NULL);
	if (list_lru_init(&dentry_lru) || register_shrinker(&shrinker, "vfs-dentry"))
		panic("no memory for the dentry cache");
}
