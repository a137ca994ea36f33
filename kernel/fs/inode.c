/*
 * Inodes: allocation, reference counts, links, attributes.
 *
 * 1. i_count counts users in memory, i_nlink names. An inode dies when the last user goes; if no name is
 *    left its data goes too (evict_inode). File systems in memory hold their inodes through pinned dentries.
 * 2. A hashed inode (insert_inode_hash) that still has a name is kept when its last user goes: count 0, on the list
 *    of unused inodes, found again by ilookup(). The shrinker takes the oldest; one that was used again meanwhile is
 *    only taken off the list then. I_FREEING: it is on its way out, and can no longer be found; who wants
 *    one of the same number (iget_locked) waits for its end.
 * 3. setattr_prepare holds the permission rules of chmod, chown, utimes and truncate in one place.
 *
 * Locks: inode_hash_lock for the hash, and for the step of a hashed inode's count to and from 0; s_inode_list_lock, outside it;
 * i_lock, innermost, for i_state, counts of blocks and times; i_rwsem for attributes. Mirrors Linux fs/inode.c, attr.c.
 * Exercised by tests/user/files.c, caches.c.
 */
#include "kernel/block/genhd.h"
#include "kernel/bug.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "mm/cache/pagemap.h"
#include "mm/slab/list_lru.h"
#include "mm/slab/shrinker.h"
#include "mm/slab/slab.h"

#define INODE_HASH_BITS 8

static struct kmem_cache *inode_cachep;
static struct hlist_head inode_hashtable[1 << INODE_HASH_BITS];
static DEFINE_SPINLOCK(inode_hash_lock);
static struct list_lru inode_lru;
static DECLARE_WAIT_QUEUE_HEAD(inode_wait); /* for the end of I_NEW and of I_FREEING */
static atomic_long_t nr_inodes;

struct timespec64 current_time(struct inode *inode)
{
	struct timespec64 ts;

	ktime_get_real_ts64(&ts);
	/* What the disk cannot keep must not be seen either. */
	if (inode->i_sb && inode->i_sb->s_time_gran >= NSEC_PER_SEC)
		ts.tv_nsec = 0;
	return ts;
}

struct inode *new_inode(struct super_block *sb)
{
	struct inode *inode = kmem_cache_zalloc(inode_cachep, GFP_KERNEL);

	if (!inode)
		return NULL;
	address_space_init(&inode->i_data, inode, GFP_HIGHUSER_MOVABLE);
	inode->i_mapping = &inode->i_data;
	inode->i_sb = sb;
	inode->i_nlink = 1;
	inode->i_blkbits = PAGE_SHIFT;
	if (sb)
		inode->i_data.bdi = sb->s_bdi;
	inode->i_ino = sb ? atomic_long_inc_return(&sb->s_next_ino) : 0;
	atomic_set(&inode->i_count, 1);
	init_rwsem(&inode->i_rwsem);
	spin_lock_init(&inode->i_lock);
	INIT_LIST_HEAD(&inode->i_dentry);
	INIT_LIST_HEAD(&inode->i_sb_list);
	INIT_LIST_HEAD(&inode->i_lru);
	INIT_LIST_HEAD(&inode->i_io_list);
	atomic_long_inc(&nr_inodes);
	inode->i_atime = inode->i_mtime = inode->i_ctime = current_time(inode);
	if (sb && bdi_can_writeback(sb->s_bdi)) {
		guard(spinlock)(&sb->s_inode_list_lock);
		list_add(&inode->i_sb_list, &sb->s_inodes);
	}
	return inode;
}

void init_special_inode(struct inode *inode, umode_t mode, dev_t rdev)
{
	inode->i_mode = mode;
	inode->i_rdev = rdev;
	if (S_ISCHR(mode))
		inode->i_fop = &def_chr_fops;
	else if (S_ISBLK(mode))
		inode->i_fop = &def_blk_fops;
	else if (S_ISFIFO(mode))
		inode->i_fop = &pipefifo_fops;
}

void inode_init_owner(struct inode *inode, const struct inode *dir, umode_t mode)
{
	inode->i_uid = current_fsuid();
	inode->i_gid = current_fsgid();
	if (dir && (dir->i_mode & S_ISGID)) {
		inode->i_gid = dir->i_gid;
		if (S_ISDIR(mode))
			mode |= S_ISGID;
	}
	inode->i_mode = mode;
}

void ihold(struct inode *inode)
{
	atomic_inc(&inode->i_count);
}

static void inode_free_rcu(struct rcu_head *head)
{
	kmem_cache_free(inode_cachep, container_of((void **)head, struct inode, rcu_next[0]));
}

static void inode_sb_list_del(struct inode *inode)
{
	if (list_empty(&inode->i_sb_list))
		return;
	guard(spinlock)(&inode->i_sb->s_inode_list_lock);
	list_del_init(&inode->i_sb_list);
}

/* Who looks for an inode in between waits: what it was is on the disk only when it is out of the hash. */
static void unhash_and_wake(struct inode *inode)
{
	if (hlist_unhashed(&inode->i_hash))
		return;
	spin_lock(&inode_hash_lock);
	hlist_del_init(&inode->i_hash);
	spin_unlock(&inode_hash_lock);
	wake_up_all(&inode_wait);
}

/* From now on it is found by nobody; its super block waits for its end. => inode_hash_lock held */
static void begin_evicting(struct inode *inode)
{
	set_inode_state(inode, I_FREEING);
	if (inode->i_sb && inode->i_sb->s_bdev)
		atomic_inc(&inode->i_sb->s_evicting);
}

/* Whoever waits may free the super block at once. */
static void end_evicting(struct super_block *sb)
{
	if (sb && sb->s_bdev && atomic_dec_and_test(&sb->s_evicting))
		wake_up_all(&inode_wait);
}

/* Nobody can get it any more, and nobody has it. */
static void evict(struct inode *inode)
{
	bool began = inode->i_state & I_FREEING; /* not if it was never in the hash */

	if (bdi_can_writeback(inode_to_bdi(inode))) {
		inode_io_list_del(inode);
		inode_sb_list_del(inode);
		inode_wait_for_writeback(inode);
	}
	if (inode->i_sb && inode->i_sb->s_op && inode->i_sb->s_op->evict_inode)
		inode->i_sb->s_op->evict_inode(inode);
	if (inode->i_data.nrpages)
		truncate_inode_pages_range(&inode->i_data, 0, -1);
	unhash_and_wake(inode);
	if (began)
		end_evicting(inode->i_sb);
	kfree(inode->i_link);
	kfree(inode->i_flctx);
	atomic_long_dec(&nr_inodes);
	call_rcu((struct rcu_head *)inode->rcu_next, inode_free_rcu);
}

static struct hlist_head *inode_bucket(const struct super_block *sb, u64 ino)
{
	return &inode_hashtable[hash_64(ino ^ (unsigned long)sb, INODE_HASH_BITS)];
}

void insert_inode_hash(struct inode *inode)
{
	spin_lock(&inode_hash_lock);
	hlist_add_head(&inode->i_hash, inode_bucket(inode->i_sb, inode->i_ino));
	spin_unlock(&inode_hash_lock);
}

void set_inode_state(struct inode *inode, unsigned long bits)
{
	spin_lock(&inode->i_lock);
	inode->i_state |= bits;
	spin_unlock(&inode->i_lock);
}

void clear_inode_state(struct inode *inode, unsigned long bits)
{
	spin_lock(&inode->i_lock);
	inode->i_state &= ~bits;
	spin_unlock(&inode->i_lock);
}

/* With a reference, or NULL; *freeing: there is one on its way out. => inode_hash_lock held */
static struct inode *find_inode(struct super_block *sb, u64 ino, bool *freeing)
{
	struct inode *inode;

	*freeing = false;
	hlist_for_each_entry(inode, inode_bucket(sb, ino), i_hash) {
		if (inode->i_sb != sb || inode->i_ino != ino)
			continue;
		if (inode->i_state & I_FREEING) {
			*freeing = true;
			continue;
		}
		ihold(inode);
		set_inode_state(inode, I_REFERENCED);
		return inode;
	}
	return NULL;
}

struct inode *ilookup(struct super_block *sb, u64 ino)
{
	struct inode *inode;
	bool freeing;

	spin_lock(&inode_hash_lock);
	inode = find_inode(sb, ino, &freeing);
	spin_unlock(&inode_hash_lock);
	return inode;
}

/* The inode, or mine in its place, once none of this number is on its way out. */
static bool find_or_insert(struct super_block *sb, u64 ino, struct inode *mine,
			   struct inode **found)
{
	bool freeing;

	spin_lock(&inode_hash_lock);
	*found = find_inode(sb, ino, &freeing);
	if (!*found && !freeing && mine) {
		hlist_add_head(&mine->i_hash, inode_bucket(sb, ino));
		*found = mine;
	}
	spin_unlock(&inode_hash_lock);
	return *found || !freeing;
}

struct inode *iget_locked(struct super_block *sb, u64 ino)
{
	struct inode *inode, *mine = NULL;

	for (;;) {
		wait_event(inode_wait, find_or_insert(sb, ino, mine, &inode));
		if (inode && inode == mine)
			return mine;
		if (inode) {
			wait_event(inode_wait, !(READ_ONCE(inode->i_state) & I_NEW));
			/* Whoever made it may have failed. */
			if (!hlist_unhashed(&inode->i_hash))
				break;
			iput(inode);
			continue;
		}
		mine = new_inode(sb);
		if (!mine)
			return NULL;
		mine->i_ino = ino;
		set_inode_state(mine, I_NEW);
	}
	iput(mine);
	return inode;
}

void unlock_new_inode(struct inode *inode)
{
	spin_lock(&inode_hash_lock);
	clear_inode_state(inode, I_NEW);
	spin_unlock(&inode_hash_lock);
	wake_up_all(&inode_wait);
}

void iget_failed(struct inode *inode)
{
	spin_lock(&inode_hash_lock);
	hlist_del_init(&inode->i_hash);
	clear_inode_state(inode, I_NEW);
	spin_unlock(&inode_hash_lock);
	wake_up_all(&inode_wait);
	iput(inode);
}

/* The last user of a hashed inode goes: kept, or on its way out, and true. => inode_hash_lock held */
static bool iput_final(struct inode *inode)
{
	if (inode->i_nlink) {
		list_lru_add(&inode_lru, &inode->i_lru);
		return false;
	}
	begin_evicting(inode);
	list_lru_del(&inode_lru, &inode->i_lru);
	return true;
}

void iput(struct inode *inode)
{
	bool dead;

	if (!inode || atomic_add_unless(&inode->i_count, -1, 1))
		return;
	/* Who holds the last reference is alone with an inode that cannot be looked up. */
	if (hlist_unhashed(&inode->i_hash)) {
		if (atomic_dec_and_test(&inode->i_count))
			evict(inode);
		return;
	}
	spin_lock(&inode_hash_lock);
	dead = atomic_dec_and_test(&inode->i_count) && iput_final(inode);
	spin_unlock(&inode_hash_lock);
	if (dead)
		evict(inode);
}

struct inode *igrab(struct inode *inode)
{
	bool there = true;

	guard(spinlock)(&inode_hash_lock);
	/* A hashed one may come back from no references, another one not. */
	if (READ_ONCE(inode->i_state) & (I_FREEING | I_NEW))
		there = false;
	else if (hlist_unhashed(&inode->i_hash))
		there = atomic_add_unless(&inode->i_count, 1, 0);
	else
		ihold(inode);
	return there ? inode : NULL;
}

void iterate_inodes(struct super_block *sb, bool (*want)(const struct inode *inode),
		    void (*fn)(struct inode *inode, void *arg), void *arg)
{
	struct inode *inode, *last = NULL;

	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		if (!want(inode) || !igrab(inode))
			continue;
		/* With a reference it stays in the list while the lock is dropped. */
		spin_unlock(&sb->s_inode_list_lock);
		iput(last);
		fn(inode, arg);
		last = inode;
		cond_resched();
		spin_lock(&sb->s_inode_list_lock);
	}
	spin_unlock(&sb->s_inode_list_lock);
	iput(last);
}

/* ---- unused inodes ---- */

struct inode_walk {
	struct super_block *sb; /* only of this one, used lately or not; NULL: all */
	bool missed;		/* the lock could not be had: there may be more */
	struct list_head dispose;
};

static enum lru_status inode_lru_isolate(struct list_head *item, struct list_lru_node *l, void *arg)
{
	struct inode *inode = container_of(item, struct inode, i_lru);
	struct inode_walk *walk = arg;
	enum lru_status status = LRU_REMOVED;

	if (!spin_trylock(&inode_hash_lock)) {
		walk->missed = true;
		return LRU_SKIP;
	}
	if (walk->sb && inode->i_sb != walk->sb) {
		status = LRU_SKIP;
	} else if (atomic_read(&inode->i_count)) {
		list_lru_isolate(l, item);
	} else if (!walk->sb && (READ_ONCE(inode->i_state) & (I_DIRTY_ALL | I_SYNC))) {
		/* The flusher will write it: reclaim does not. */
		status = LRU_ROTATE;
	} else if (!walk->sb && (inode->i_state & I_REFERENCED)) {
		clear_inode_state(inode, I_REFERENCED);
		status = LRU_ROTATE;
	} else {
		begin_evicting(inode);
		list_lru_isolate_move(l, item, &walk->dispose);
	}
	spin_unlock(&inode_hash_lock);
	return status;
}

static unsigned long dispose_inodes(struct list_head *dispose)
{
	struct inode *inode, *next;
	unsigned long nr = 0;

	list_for_each_entry_safe(inode, next, dispose, i_lru) {
		list_del_init(&inode->i_lru);
		evict(inode);
		nr++;
	}
	return nr;
}

static unsigned long inode_count(struct shrinker *s, struct shrink_control *sc)
{
	return vfs_pressure_ratio(list_lru_shrink_count(&inode_lru, sc));
}

static unsigned long inode_scan(struct shrinker *s, struct shrink_control *sc)
{
	struct inode_walk walk = { .dispose = LIST_HEAD_INIT(walk.dispose) };

	/* Evicting takes locks of the file system, which the one who allocates may hold. */
	if (!(sc->gfp_mask & __GFP_FS))
		return SHRINK_STOP;
	list_lru_shrink_walk(&inode_lru, sc, inode_lru_isolate, &walk);
	return dispose_inodes(&walk.dispose);
}

void evict_inodes(struct super_block *sb)
{
	struct inode_walk walk = { .sb = sb, .dispose = LIST_HEAD_INIT(walk.dispose) };

	do {
		walk.missed = false;
		list_lru_walk(&inode_lru, inode_lru_isolate, &walk, ~0UL);
	} while (dispose_inodes(&walk.dispose) || walk.missed);
	/* The shrinker, or a last iput(), may have one in its hands. */
	wait_event(inode_wait, !atomic_read(&sb->s_evicting));
}

void get_inode_stat(unsigned long *nr, unsigned long *unused)
{
	*nr = atomic_long_read(&nr_inodes);
	*unused = list_lru_count(&inode_lru);
}

void inc_nlink(struct inode *inode)
{
	inode->i_nlink++;
}

void drop_nlink(struct inode *inode)
{
	WARN_ON(!inode->i_nlink);
	inode->i_nlink--;
}

void clear_nlink(struct inode *inode)
{
	inode->i_nlink = 0;
}

void set_nlink(struct inode *inode, unsigned int n)
{
	inode->i_nlink = n;
}

void generic_fillattr(struct inode *inode, struct kstat *stat)
{
	stat->dev = inode->i_sb ? inode->i_sb->s_dev : 0;
	stat->ino = inode->i_ino;
	stat->mode = inode->i_mode;
	stat->nlink = inode->i_nlink;
	stat->uid = inode->i_uid;
	stat->gid = inode->i_gid;
	stat->rdev = inode->i_rdev;
	stat->size = READ_ONCE(inode->i_size);
	stat->atime = inode->i_atime;
	stat->mtime = inode->i_mtime;
	stat->ctime = inode->i_ctime;
	memset(&stat->btime, 0, sizeof(stat->btime));
	stat->blksize = 1UL << inode->i_blkbits;
	stat->blocks = inode->i_blocks;
}

bool inode_owner_or_capable(const struct inode *inode)
{
	return current_fsuid() == inode->i_uid || capable(CAP_FOWNER);
}

static bool chown_ok(const struct inode *inode, const struct iattr *attr)
{
	if (capable(CAP_CHOWN))
		return true;
	if ((attr->ia_valid & ATTR_UID) &&
	    (current_fsuid() != inode->i_uid || attr->ia_uid != inode->i_uid))
		return false;
	if ((attr->ia_valid & ATTR_GID) &&
	    (current_fsuid() != inode->i_uid ||
	     (attr->ia_gid != inode->i_gid && !in_group_p(attr->ia_gid))))
		return false;
	return true;
}

int setattr_prepare(struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);

	if ((attr->ia_valid & (ATTR_UID | ATTR_GID)) && !chown_ok(inode, attr))
		return -EPERM;
	if (attr->ia_valid & ATTR_MODE) {
		if (!inode_owner_or_capable(inode))
			return -EPERM;
		if (!in_group_p(inode->i_gid) && !capable(CAP_FSETID))
			attr->ia_mode &= ~S_ISGID;
	}
	return 0;
}

void setattr_copy(struct inode *inode, const struct iattr *attr)
{
	if (attr->ia_valid & ATTR_UID)
		inode->i_uid = attr->ia_uid;
	if (attr->ia_valid & ATTR_GID)
		inode->i_gid = attr->ia_gid;
	if (attr->ia_valid & ATTR_ATIME)
		inode->i_atime = attr->ia_atime;
	if (attr->ia_valid & ATTR_MTIME)
		inode->i_mtime = attr->ia_mtime;
	if (attr->ia_valid & ATTR_MODE)
		inode->i_mode = (inode->i_mode & S_IFMT) | (attr->ia_mode & 07777);
	inode->i_ctime = current_time(inode);
}

/* chown and truncate of an executable take its set-id bits away. */
static void kill_suid(struct inode *inode, struct iattr *attr)
{
	bool owner = attr->ia_valid & (ATTR_UID | ATTR_GID);

	if (!owner && (!(attr->ia_valid & ATTR_SIZE) || capable(CAP_FSETID)))
		return;
	if (S_ISDIR(inode->i_mode) || (attr->ia_valid & ATTR_MODE) ||
	    !(inode->i_mode & (S_ISUID | S_ISGID)))
		return;
	attr->ia_valid |= ATTR_MODE;
	attr->ia_mode = inode->i_mode & ~S_ISUID;
	if (attr->ia_mode & 0010)
		attr->ia_mode &= ~S_ISGID;
}

int notify_change(struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	unsigned int valid = attr->ia_valid;
	int err;

	if (inode->i_op && inode->i_op->setattr) {
		err = setattr_prepare(dentry, attr);
		if (err)
			return err;
		kill_suid(inode, attr);
		err = inode->i_op->setattr(dentry, attr);
		attr->ia_valid = valid;
		return err;
	}
	err = setattr_prepare(dentry, attr);
	if (err)
		return err;
	kill_suid(inode, attr);
	setattr_copy(inode, attr);
	attr->ia_valid = valid;
	return 0;
}

int get_write_access(struct inode *inode)
{
	return atomic_inc_unless_negative(&inode->i_writecount) ? 0 : -ETXTBSY;
}

void put_write_access(struct inode *inode)
{
	atomic_dec(&inode->i_writecount);
}

int deny_write_access(struct file *file)
{
	atomic_t *count = &file_inode(file)->i_writecount;
	int old = atomic_read(count);

	while (old <= 0) {
		if (atomic_try_cmpxchg(count, &old, old - 1))
			return 0;
	}
	return -ETXTBSY;
}

void allow_write_access(struct file *file)
{
	if (file)
		atomic_inc(&file_inode(file)->i_writecount);
}

void inode_init(void)
{
	static struct shrinker shrinker = { .count_objects = inode_count,
					    .scan_objects = inode_scan,
					    .seeks = DEFAULT_SEEKS,
					    .flags = SHRINKER_NUMA_AWARE };

	inode_cachep = kmem_cache_create("inode_cache", sizeof(struct inode), 0,
					 SLAB_RECLAIM_ACCOUNT | SLAB_PANIC, NULL);
	if (list_lru_init(&inode_lru) || register_shrinker(&shrinker, "vfs-inode"))
		panic("no memory for the inode cache");
}
