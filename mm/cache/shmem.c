/*
 * shmem: files made of page-cache pages only.
 *
 * 1. The cache is the store: a page is born zeroed at its first write (or mapping fault) and lives until
 *    the file is truncated or dies. An absent page is a hole and reads as zeroes.
 * 2. Each page is charged to its file system's limit when it is made and uncharged when it leaves the
 *    cache (free_folio), so the count can never drift from the pages that exist.
 *    A page is also promised memory (overcommit.h); a file that backs an anonymous mapping was promised its size at once.
 * 3. Pages are PG_swapbacked: swap, not a disk file, will be their backing store.
 * 4. Where a page lies is up to the file's memory policy for it, if mbind(2) has set one, else the task's.
 * 5. Seals (kernel/fs/memfd.c) are looked at where the file would change: write_begin, setsize, fallocate, mmap.
 *
 * Locks: as in filemap.c. Mirrors Linux mm/shmem.c. Exercised by tests/user/{files,file_map,vfs,vmstress}.c.
 */
#include "mm/cache/shmem.h"

#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/rcu.h"
#include "kernel/rlimit.h"
#include "kernel/sched.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/cache/mempolicy.h"
#include "mm/cache/overcommit.h"
#include "mm/phys/buddy.h"

/* Pages that a file of this size has. */
static pgoff_t i_size_pages(const struct inode *inode)
{
	return ((u64)READ_ONCE(inode->i_size) + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

static struct timespec64 file_now(void)
{
	struct timespec64 ts;

	ktime_get_real_ts64(&ts);
	return ts;
}

static struct shmem_sb_info *mapping_info(struct address_space *mapping)
{
	return mapping->private_data;
}

static bool limit_charge(struct shmem_sb_info *info)
{
	if (!info || !info->max_blocks)
		return true;
	if (atomic_long_inc_return(&info->used_blocks) <= (long)info->max_blocks)
		return true;
	atomic_long_dec(&info->used_blocks);
	return false;
}

/* One more page of the limit, and one more promised; false when that cannot be. */
static bool shmem_charge(struct address_space *mapping)
{
	bool counts = !test_bit(AS_ACCT_SIZE, &mapping->flags);

	if (counts && vm_enough_memory(0, 1))
		return false;
	if (limit_charge(mapping_info(mapping)))
		return true;
	if (counts)
		vm_unacct_memory(1);
	return false;
}

static void shmem_uncharge(struct address_space *mapping)
{
	struct shmem_sb_info *info = mapping_info(mapping);

	if (info && info->max_blocks)
		atomic_long_dec(&info->used_blocks);
	if (!test_bit(AS_ACCT_SIZE, &mapping->flags))
		vm_unacct_memory(1);
}

static void shmem_free_folio(struct folio *folio, struct address_space *mapping)
{
	struct inode *inode = mapping->host;

	shmem_uncharge(mapping);
	spin_lock(&inode->i_lock);
	inode->i_blocks -= PAGE_SIZE / 512;
	spin_unlock(&inode->i_lock);
}

/* Where the file's policy for this page wants it, else the task's. */
static struct folio *shmem_alloc_folio(struct inode *inode, pgoff_t index)
{
	gfp_t gfp = inode->i_mapping->gfp_mask | __GFP_ZERO;
	struct mempolicy *pol = mpol_shared_lookup(inode->i_mapping, index);
	struct page *page;

	if (likely(!pol && !current->mempolicy))
		return folio_alloc(gfp, 0);
	/* Interleaved files begin at different nodes: small ones shall not all lie on the first. */
	page = alloc_pages_mpol(gfp, 0, pol ? pol : current->mempolicy, index + inode->i_ino,
				numa_mem_id());
	mpol_put(pol);
	return (struct folio *)page;
}

/* A zeroed folio into the hole at index; -EEXIST when another was faster. */
static int shmem_add_folio(struct inode *inode, pgoff_t index, struct folio **foliop)
{
	struct address_space *mapping = inode->i_mapping;
	struct folio *folio;
	int err;

	if (!shmem_charge(mapping))
		return -ENOSPC;
	folio = shmem_alloc_folio(inode, index);
	if (!folio) {
		shmem_uncharge(mapping);
		return -ENOMEM;
	}
	__folio_set_swapbacked(folio);
	__folio_set_uptodate(folio);
	err = filemap_add_folio(mapping, folio, index, mapping->gfp_mask);
	if (err) {
		shmem_uncharge(mapping);
		folio_put(folio);
		return err;
	}
	folio_set_dirty(folio);
	spin_lock(&inode->i_lock);
	inode->i_blocks += PAGE_SIZE / 512;
	spin_unlock(&inode->i_lock);
	*foliop = folio;
	return 0;
}

struct folio *shmem_get_folio(struct inode *inode, pgoff_t index)
{
	for (;;) {
		struct folio *folio = filemap_lock_folio(inode->i_mapping, index);
		int err;

		if (folio)
			return folio;
		err = shmem_add_folio(inode, index, &folio);
		if (!err)
			return folio;
		if (err != -EEXIST)
			return ERR_PTR(err);
	}
}

struct folio *shmem_get_folio_in_size(struct inode *inode, pgoff_t index)
{
	struct folio *folio;

	if (index >= i_size_pages(inode))
		return ERR_PTR(-EINVAL);
	folio = shmem_get_folio(inode, index);
	if (IS_ERR(folio) || likely(index < i_size_pages(inode)))
		return folio;
	/*
	 * Truncate lowers the size before it looks for pages: either it finds this one, or this look finds
	 * the new size. What lies behind the end must not stay: it would come back when the file grows.
	 */
	filemap_remove_folio(folio);
	folio_unlock(folio);
	folio_put(folio);
	return ERR_PTR(-EINVAL);
}

static int shmem_write_begin(struct file *file, struct address_space *mapping, loff_t pos,
			     unsigned int len, struct folio **foliop)
{
	struct inode *inode = mapping->host;
	struct folio *folio;

	if (unlikely(inode->i_seals & (F_SEAL_ANY_WRITE | F_SEAL_GROW))) {
		if (inode->i_seals & F_SEAL_ANY_WRITE)
			return -EPERM;
		if (pos + len > inode->i_size)
			return -EPERM;
	}
	folio = shmem_get_folio(inode, pos >> PAGE_SHIFT);
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	*foliop = folio;
	return 0;
}

static int shmem_write_end(struct file *file, struct address_space *mapping, loff_t pos,
			   unsigned int len, unsigned int copied, struct folio *folio)
{
	struct inode *inode = mapping->host;

	if (pos + copied > inode->i_size)
		WRITE_ONCE(inode->i_size, pos + copied);
	folio_unlock(folio);
	folio_put(folio);
	return copied;
}

const struct address_space_operations shmem_aops = {
	.write_begin = shmem_write_begin,
	.write_end = shmem_write_end,
	.free_folio = shmem_free_folio,
};

void shmem_init_mapping(struct inode *inode, struct shmem_sb_info *info)
{
	inode->i_mapping->a_ops = &shmem_aops;
	inode->i_mapping->gfp_mask = GFP_HIGHUSER_MOVABLE;
	inode->i_mapping->private_data = info;
	set_bit(AS_UNEVICTABLE, &inode->i_mapping->flags);
}

int shmem_account_size(struct inode *inode)
{
	int err = vm_enough_memory(0, i_size_pages(inode));

	if (!err)
		set_bit(AS_ACCT_SIZE, &inode->i_mapping->flags);
	return err;
}

/* A file whose size is promised gets another one. */
static int reaccount_size(struct inode *inode, loff_t size)
{
	long more = (long)(((u64)size + PAGE_SIZE - 1) >> PAGE_SHIFT) - (long)i_size_pages(inode);

	if (!test_bit(AS_ACCT_SIZE, &inode->i_mapping->flags))
		return 0;
	if (more > 0)
		return vm_enough_memory(0, more);
	vm_unacct_memory(-more);
	return 0;
}

int shmem_setsize(struct inode *inode, loff_t size)
{
	loff_t old = inode->i_size;
	int err;

	if (size < 0)
		return -EINVAL;
	if ((size < old && (inode->i_seals & F_SEAL_SHRINK)) ||
	    (size > old && (inode->i_seals & F_SEAL_GROW)))
		return -EPERM;
	err = reaccount_size(inode, size);
	if (err)
		return err;

	WRITE_ONCE(inode->i_size, size);
	if (size < old)
		truncate_pagecache(inode, size);
	return 0;
}

static void shmem_punch_hole(struct inode *inode, loff_t offset, loff_t len)
{
	struct address_space *mapping = inode->i_mapping;
	pgoff_t first = ((u64)offset + PAGE_SIZE - 1) >> PAGE_SHIFT;
	pgoff_t end = (offset + len) >> PAGE_SHIFT;

	if (end > first)
		mapping_ops->unmap_pages(mapping, first, end - first, false);
	truncate_inode_pages_range(mapping, offset, offset + len - 1);
	if (end > first)
		mapping_ops->unmap_pages(mapping, first, end - first, false);
}

/* Makes the absent pages of [first, last]. */
static long shmem_allocate_range(struct inode *inode, pgoff_t first, pgoff_t last)
{
	struct address_space *mapping = inode->i_mapping;
	/*
	 * On failure the new pages behind the file's end are taken back, as far as they follow on each other. Those
	 * inside it may have been mapped and written meanwhile.
	 */
	pgoff_t index, made = max(first, i_size_pages(inode));
	long err = 0;
	for (index = first; index <= last; index++) {
		bool was_there = filemap_has_page(mapping, index);
		struct folio *folio;

		folio = fatal_signal_pending(current) ? ERR_PTR(-EINTR)
						      : shmem_get_folio(inode, index);
		if (IS_ERR(folio)) {
			err = PTR_ERR(folio);
			break;
		}
		folio_unlock(folio);
		folio_put(folio);
		if (was_there)
			made = max(made, index + 1);
		cond_resched();
	}
	if (err && index > made)
		truncate_inode_pages_range(mapping, (loff_t)made << PAGE_SHIFT,
					   ((loff_t)index << PAGE_SHIFT) - 1);
	return err;
}

/* => 0 <= offset, 0 < len, their sum does not overflow */
long shmem_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	bool grow = !(mode & FALLOC_FL_KEEP_SIZE);
	long err = 0;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;

	down_write(&inode->i_rwsem);
	if (mode & FALLOC_FL_PUNCH_HOLE && inode->i_seals & F_SEAL_ANY_WRITE)
		err = -EPERM;
	else if (mode & FALLOC_FL_PUNCH_HOLE)
		shmem_punch_hole(inode, offset, len);
	else if (offset + len > inode->i_size && inode->i_seals & F_SEAL_GROW)
		err = -EPERM;
	else if (grow && offset + len > inode->i_size && (u64)(offset + len) > rlimit(RLIMIT_FSIZE))
		err = fsize_exceeded();
	else
		err = shmem_allocate_range(inode, offset >> PAGE_SHIFT,
					   (offset + len - 1) >> PAGE_SHIFT);
	if (!err && grow && offset + len > inode->i_size)
		WRITE_ONCE(inode->i_size, offset + len);
	if (!err)
		inode->i_mtime = inode->i_ctime = file_now();
	up_write(&inode->i_rwsem);
	return err;
}

loff_t shmem_seek_hole_data(struct inode *inode, loff_t offset, bool hole)
{
	struct address_space *mapping = inode->i_mapping;
	loff_t size = READ_ONCE(inode->i_size);
	unsigned long index = offset >> PAGE_SHIFT, end = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;

	if (offset < 0 || offset >= size)
		return -ENXIO;
	if (hole) {
		while (index < end && filemap_has_page(mapping, index) &&
		       !fatal_signal_pending(current))
			index++;
	} else {
		rcu_read_lock();
		if (!xa_find(&mapping->i_pages, &index, end - 1, XA_PRESENT))
			index = end;
		rcu_read_unlock();
	}
	if (index >= end)
		return hole ? size : -ENXIO;
	return max(offset, (loff_t)index << PAGE_SHIFT);
}

void shmem_evict(struct inode *inode)
{
	truncate_inode_pages_range(inode->i_mapping, 0, -1);
	if (test_bit(AS_ACCT_SIZE, &inode->i_mapping->flags))
		vm_unacct_memory(i_size_pages(inode));
	mpol_free_shared(inode->i_mapping);
}
