/*
 * The page cache: one copy of a file's pages for read, write and every mapping.
 *
 * 1. Look-up takes no lock: under RCU the tree gives a folio, folio_try_get takes a reference if it is
 *    not being freed, and a second look at the tree shows whether it still is the one. If not, again.
 * 2. Insertion and removal hold i_pages_lock; the folio comes in locked, so nobody uses it before its
 *    contents are right. Two that insert at once: the loser gets -EEXIST and takes the winner's.
 * 3. read copies from uptodate folios up to i_size, several at a time. A page that is absent is read in by readahead, with those
 *    behind it, or by read_folio; a
 *    file system without read_folio keeps all its data in the cache, so an absent page reads as zeroes.
 * 4. write asks the file system for each page (write_begin), copies, and hands it back (write_end). The
 *    copy is done with the folio locked; user memory that would fault is touched before, so that a fault
 *    on the same page cannot wait for its own lock.
 *
 * Locks: inode->i_rwsem for writers; folio lock; i_pages_lock innermost. Mirrors Linux mm/filemap.c.
 * Exercised by tests/user/{files,file_map}.c.
 */
#include "arch/x86/page_ops.h"
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/rcu.h"
#include "kernel/rlimit.h"
#include "kernel/sched.h"
#include "kernel/wait.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "mm/cache/backing-dev.h"
#include "mm/cache/dirty-throttle.h"
#include "mm/cache/pagemap.h"
#include "mm/cache/readahead.h"
#include "mm/cache/uio.h"
#include "mm/cache/writeback.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"

/* What of a folio's gfp holds for the nodes that lead to it: how hard to try, not where. */
#define NODE_GFP (__GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_NORETRY | __GFP_NOFAIL | __GFP_NOWARN)

#define FOLIO_WAIT_BITS 6

static wait_queue_head_t folio_wait_table[1 << FOLIO_WAIT_BITS];
const struct mapping_ops *mapping_ops;
void (*fsize_limit_hook)(void);

void filemap_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(folio_wait_table); i++)
		init_waitqueue_head(&folio_wait_table[i]);
}

void address_space_init(struct address_space *mapping, struct inode *host, gfp_t gfp_mask)
{
	memset(mapping, 0, sizeof(*mapping));
	mapping->host = host;
	mapping->gfp_mask = gfp_mask;
	xa_init(&mapping->i_pages);
	spin_lock_init(&mapping->i_pages_lock);
	init_rwsem(&mapping->invalidate_lock);
	init_rwsem(&mapping->i_mmap_rwsem);
	mapping->i_mmap = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&mapping->cached_list);
	mapping->bdi = &noop_backing_dev_info;
}

static wait_queue_head_t *folio_waitqueue(struct folio *folio)
{
	return &folio_wait_table[hash_ptr(folio, FOLIO_WAIT_BITS)];
}

static bool folio_lock_or_mark(struct folio *folio)
{
	set_bit(PG_waiters, &folio->flags);
	return folio_trylock(folio);
}

void __folio_lock(struct folio *folio)
{
	wait_event(*folio_waitqueue(folio), folio_lock_or_mark(folio));
}

/* Others may wait for another folio of the same hash: all look again, the mark is set anew by who must wait. */
void __folio_wake(struct folio *folio)
{
	clear_bit(PG_waiters, &folio->flags);
	wake_up_all(folio_waitqueue(folio));
}

void folio_wake_writeback(struct folio *folio)
{
	if (folio_test_waiters(folio))
		__folio_wake(folio);
}

static bool folio_written_or_mark(struct folio *folio)
{
	set_bit(PG_waiters, &folio->flags);
	return !folio_test_writeback(folio);
}

void folio_wait_writeback(struct folio *folio)
{
	if (folio_test_writeback(folio))
		io_wait_event(*folio_waitqueue(folio), folio_written_or_mark(folio));
}

static bool folio_unlocked_or_mark(struct folio *folio)
{
	set_bit(PG_waiters, &folio->flags);
	return !folio_test_locked(folio);
}

void __folio_wait_locked(struct folio *folio)
{
	io_wait_event(*folio_waitqueue(folio), folio_unlocked_or_mark(folio));
}

void folio_wait_locked_unlock(struct folio *folio, spinlock_t *ptl)
{
	wait_queue_head_t *wq = folio_waitqueue(folio);
	bool locked;
	DEFINE_WAIT(wait);

	prepare_to_wait(wq, &wait, TASK_UNINTERRUPTIBLE);
	set_bit(PG_waiters, &folio->flags);
	locked = folio_test_locked(folio);
	spin_unlock(ptl);
	if (locked)
		schedule();
	finish_wait(wq, &wait);
}

struct folio *filemap_get_folio(struct address_space *mapping, pgoff_t index)
{
	struct folio *folio;

	rcu_read_lock();
	for (;;) {
		folio = xa_load(&mapping->i_pages, index);
		if (!folio || xa_is_value(folio)) {
			folio = NULL;
			break;
		}
		if (likely(folio_try_get(folio))) {
			if (likely(xa_load(&mapping->i_pages, index) == folio))
				break;
			folio_put(folio);
		}
	}
	rcu_read_unlock();
	return folio;
}

struct folio *filemap_lock_folio(struct address_space *mapping, pgoff_t index)
{
	for (;;) {
		struct folio *folio = filemap_get_folio(mapping, index);

		if (!folio)
			return NULL;
		folio_lock(folio);
		if (likely(folio->mapping == mapping))
			return folio;
		folio_unlock(folio);
		folio_put(folio);
	}
}

bool filemap_has_page(struct address_space *mapping, pgoff_t index)
{
	struct folio *folio = filemap_get_folio(mapping, index);
	bool ret = folio && folio_test_uptodate(folio);

	if (folio)
		folio_put(folio);
	return ret;
}

/* Into the tree, which may need nodes: those that cannot be had at once are waited for without the lock, as gfp allows. */
static int insert_folio(struct address_space *mapping, struct folio *folio, gfp_t gfp)
{
	XA_STATE(xas, &mapping->i_pages, folio->index);
	unsigned long flags;

	xas.xa_gfp = GFP_NOWAIT;
	do {
		xas_reset(&xas);
		spin_lock_irqsave(&mapping->i_pages_lock, flags);
		if (xas_load(&xas))
			xas_set_err(&xas, -EEXIST);
		else
			xas_store(&xas, folio);
		if (!xas_error(&xas) && !mapping->nrpages++ &&
		    mapping->bdi != &noop_backing_dev_info)
			mapping_got_pages(mapping);
		spin_unlock_irqrestore(&mapping->i_pages_lock, flags);
	} while (xas_nomem(&xas, gfp & NODE_GFP));
	return xas_error(&xas);
}

int filemap_add_folio(struct address_space *mapping, struct folio *folio, pgoff_t index, gfp_t gfp)
{
	int err;

	__folio_set_locked(folio);
	folio_get(folio);
	folio->mapping = mapping;
	folio->index = index;
	err = insert_folio(mapping, folio, gfp);
	if (err) {
		folio->mapping = NULL;
		__folio_clear_locked(folio);
		folio_put(folio);
		return err;
	}
	node_stat_add_folio(folio, NR_FILE_PAGES);
	if (folio_test_swapbacked(folio))
		node_stat_add_folio(folio, NR_SHMEM);
	return 0;
}

/* All of leaving the cache but its reference. */
static void take_out(struct folio *folio)
{
	struct address_space *mapping = folio->mapping;
	unsigned long flags;

	spin_lock_irqsave(&mapping->i_pages_lock, flags);
	xa_erase(&mapping->i_pages, folio->index);
	if (!--mapping->nrpages && !list_empty(&mapping->cached_list))
		mapping_lost_pages(mapping);
	folio->mapping = NULL;
	spin_unlock_irqrestore(&mapping->i_pages_lock, flags);
	node_stat_sub_folio(folio, NR_FILE_PAGES);
	if (folio_test_swapbacked(folio))
		node_stat_sub_folio(folio, NR_SHMEM);
	if (mapping->a_ops && mapping->a_ops->free_folio)
		mapping->a_ops->free_folio(folio, mapping);
}

void filemap_remove_folio(struct folio *folio)
{
	folio_cancel_dirty(folio);
	take_out(folio);
	folio_put(folio);
}

bool remove_mapping(struct address_space *mapping, struct folio *folio)
{
	if (!folio_ref_freeze(folio, 2))
		return false;
	/* Nobody can take a reference now; who had one meanwhile may have made it dirty. */
	if (folio_test_dirty(folio)) {
		folio_ref_unfreeze(folio, 2);
		return false;
	}
	take_out(folio);
	folio_ref_unfreeze(folio, 1);
	return true;
}

/* A new folio at index, read in. => read_folio exists. -EEXIST: somebody else was faster. */
static int filemap_create_folio(struct address_space *mapping, pgoff_t index, struct file *file)
{
	struct folio *folio = folio_alloc(mapping->gfp_mask, 0);
	int err;

	if (!folio)
		return -ENOMEM;
	down_read(&mapping->invalidate_lock);
	err = filemap_add_folio(mapping, folio, index, mapping->gfp_mask);
	if (!err)
		err = mapping->a_ops->read_folio(file, folio);
	up_read(&mapping->invalidate_lock);
	folio_put(folio);
	return err;
}

/* What readahead or another reader has under way has arrived, or is read now. 0: it is uptodate, or has left the cache. */
static int filemap_update_folio(struct address_space *mapping, struct folio *folio,
				struct file *file)
{
	int err = 0;

	/* Mostly it is on its way already, and nobody needs to be kept out for that. */
	folio_wait_locked(folio);
	if (folio_test_uptodate(folio))
		return 0;
	down_read(&mapping->invalidate_lock);
	folio_lock(folio);
	if (!folio->mapping || folio_test_uptodate(folio)) {
		folio_unlock(folio);
	} else if (mapping->a_ops->read_folio) {
		err = mapping->a_ops->read_folio(file, folio);
		if (!err) {
			folio_wait_locked(folio);
			if (!folio_test_uptodate(folio) && folio->mapping)
				err = -EIO;
		}
	} else {
		folio_unlock(folio);
		err = -EIO;
	}
	up_read(&mapping->invalidate_lock);
	return err;
}

struct folio *read_mapping_folio(struct address_space *mapping, pgoff_t index, struct file *file)
{
	for (;;) {
		struct folio *folio = filemap_get_folio(mapping, index);
		int err;

		if (!folio) {
			if (!mapping->a_ops->read_folio)
				return NULL;
			err = filemap_create_folio(mapping, index, file);
			if (err && err != -EEXIST)
				return ERR_PTR(err);
			continue;
		}
		if (likely(folio_test_uptodate(folio)))
			return folio;
		err = filemap_update_folio(mapping, folio, file);
		folio_put(folio);
		if (err)
			return ERR_PTR(err);
	}
}

/* ---- read ---- */

/* Folios of [index, last] that follow each other, with references, up to one that needs attention: not uptodate, or marked. */
static unsigned int get_read_batch(struct address_space *mapping, pgoff_t index, pgoff_t last,
				   struct folio **batch)
{
	XA_STATE(xas, &mapping->i_pages, index);
	unsigned int n = 0;

	rcu_read_lock();
	while (n < FILEMAP_BATCH && index + n <= last) {
		struct folio *folio = xas_next(&xas);

		if (!folio || xa_is_value(folio) || !folio_try_get(folio))
			break;
		if (unlikely(xas_reload(&xas) != folio)) {
			folio_put(folio);
			break;
		}
		batch[n++] = folio;
		if (!folio_test_uptodate(folio) || folio_test_readahead(folio))
			break;
	}
	rcu_read_unlock();
	return n;
}

int filemap_get_pages(struct kiocb *iocb, pgoff_t index, pgoff_t last, struct folio **batch)
{
	struct file *file = iocb->ki_filp;
	struct address_space *mapping = file->f_mapping;
	struct readahead_control rac = {
		.file = file, .mapping = mapping, .ra = &file->f_ra, ._index = index
	};
	bool nowait = iocb->ki_flags & IOCB_NOWAIT;
	struct folio *folio;
	unsigned int n;
	int err;

	n = get_read_batch(mapping, index, last, batch);
	if (!n && !mapping->a_ops->read_folio)
		return 0;
	if (!n && nowait)
		return -EAGAIN;
	if (!n) {
		page_cache_sync_ra(&rac, last - index + 1);
		n = get_read_batch(mapping, index, last, batch);
	}
	if (!n) {
		folio = read_mapping_folio(mapping, index, file);
		if (IS_ERR(folio))
			return PTR_ERR(folio);
		batch[0] = folio;
		return 1;
	}
	folio = batch[n - 1];
	if (folio_test_readahead(folio) && !nowait) {
		rac._index = folio->index;
		page_cache_async_ra(&rac, folio, last - folio->index + 1);
	}
	if (likely(folio_test_uptodate(folio)))
		return n;
	err = nowait ? -EAGAIN : 0;
	/* What comes before it is copied first. */
	if (n == 1 && !err) {
		err = filemap_update_folio(mapping, folio, file);
		if (!err && folio_test_uptodate(folio))
			return 1;
	}
	folio_put(folio);
	if (--n)
		return n;
	return err ? err : AOP_TRUNCATED_PAGE;
}

/* Copies from pages that follow each other, the first one holding ki_pos, and drops them. False: the caller must not go on. */
static bool copy_pages(struct kiocb *iocb, struct iov_iter *to, struct folio **batch,
		       unsigned int nr, ssize_t *done)
{
	loff_t size = READ_ONCE(iocb->ki_filp->f_mapping->host->i_size);
	bool more = true;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		size_t off = iocb->ki_pos & ~PAGE_MASK, n = 0, got = 0;

		if (more && iocb->ki_pos < size) {
			n = min3((size_t)(PAGE_SIZE - off), iov_iter_count(to),
				 (size_t)(size - iocb->ki_pos));
			got = copy_to_iter(folio_address(batch[i]) + off, n, to);
			iocb->ki_pos += got;
			*done += got;
		}
		if (!n || got < n)
			more = false;
		if (got < n && !*done)
			*done = -EFAULT;
		folio_put(batch[i]);
	}
	return more;
}

/* A page that a file without a disk does not have. */
static bool copy_hole(struct kiocb *iocb, struct iov_iter *to, ssize_t *done)
{
	loff_t size = READ_ONCE(iocb->ki_filp->f_mapping->host->i_size);
	size_t n, got;

	if (iocb->ki_pos >= size)
		return false;
	n = min3((size_t)(PAGE_SIZE - (iocb->ki_pos & ~PAGE_MASK)), iov_iter_count(to),
		 (size_t)(size - iocb->ki_pos));
	got = iov_iter_zero(n, to);
	iocb->ki_pos += got;
	*done += got;
	if (got < n && !*done)
		*done = -EFAULT;
	return got == n;
}

/* From the cache to the iterator, up to the end of the file. */
static ssize_t filemap_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct address_space *mapping = file->f_mapping;
	struct folio *batch[FILEMAP_BATCH];
	bool more = true;
	ssize_t done = 0;

	while (more && iov_iter_count(to)) {
		loff_t pos = iocb->ki_pos;
		pgoff_t index = pos >> PAGE_SHIFT;
		pgoff_t last = (pos + iov_iter_count(to) - 1) >> PAGE_SHIFT;
		int nr = 1;

		if (pos >= READ_ONCE(mapping->host->i_size))
			break;
		/* A read within one page, the most frequent one. */
		batch[0] = index == last ? filemap_get_folio(mapping, index) : NULL;
		if (!batch[0] || !folio_test_uptodate(batch[0]) || folio_test_readahead(batch[0])) {
			if (batch[0])
				folio_put(batch[0]);
			nr = filemap_get_pages(iocb, index, last, batch);
		}
		if (unlikely(nr == AOP_TRUNCATED_PAGE))
			continue;
		if (unlikely(nr < 0)) {
			if (!done)
				done = nr;
			break;
		}
		more = nr ? copy_pages(iocb, to, batch, nr, &done) : copy_hole(iocb, to, &done);
		if (unlikely(fatal_signal_pending(current))) {
			if (!done)
				done = -EINTR;
			break;
		}
		cond_resched();
	}
	if (done > 0)
		file->f_ra.prev_pos = iocb->ki_pos;
	return done;
}

ssize_t generic_file_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	if (iocb->ki_pos < 0)
		return -EINVAL;
	return filemap_read(iocb, to);
}

/* One page's worth; bytes written, or errno. */
static ssize_t write_one(struct file *file, struct iov_iter *from, loff_t pos, size_t n)
{
	struct address_space *mapping = file->f_mapping;
	struct folio *folio;
	size_t copied;
	int ret;

	/* With the folio locked, a fault on this very page would wait for ourselves. */
	n -= fault_in_iov_iter_readable(from, n);
	if (unlikely(!n))
		return -EFAULT;
	ret = mapping->a_ops->write_begin(file, mapping, pos, n, &folio);
	if (ret)
		return ret;
	copied = copy_from_iter_atomic(folio_address(folio) + (pos & ~PAGE_MASK), n, from);
	ret = mapping->a_ops->write_end(file, mapping, pos, n, copied, folio);
	if (unlikely(ret < (int)copied))
		iov_iter_revert(from, copied - max(ret, 0));
	return ret;
}

ssize_t generic_perform_write(struct kiocb *iocb, struct iov_iter *from)
{
	ssize_t done = 0, got = 0;

	while (iov_iter_count(from)) {
		size_t room = PAGE_SIZE - (iocb->ki_pos & ~PAGE_MASK);

		got = write_one(iocb->ki_filp, from, iocb->ki_pos, min(room, iov_iter_count(from)));
		if (got < 0)
			break;
		iocb->ki_pos += got;
		done += got;
		balance_dirty_pages_ratelimited(iocb->ki_filp->f_mapping);
		if (unlikely(fatal_signal_pending(current))) {
			got = -EINTR;
			break;
		}
		cond_resched();
	}
	return done ? done : got;
}

ssize_t generic_write_checks(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = iocb->ki_filp->f_mapping->host;
	unsigned long limit = rlimit(RLIMIT_FSIZE), room = MAX_LFS_FILESIZE;

	if (!iov_iter_count(from))
		return 0;
	if (iocb->ki_flags & IOCB_APPEND)
		iocb->ki_pos = inode->i_size;
	if (iocb->ki_pos < 0)
		return -EINVAL;
	if ((unsigned long)iocb->ki_pos >= limit)
		return fsize_exceeded();
	if ((unsigned long)iocb->ki_pos >= room)
		return -EFBIG;
	iov_iter_truncate(from, min(limit, room) - iocb->ki_pos);
	return iov_iter_count(from);
}

ssize_t generic_write_sync(struct kiocb *iocb, ssize_t count)
{
	struct file *file = iocb->ki_filp;
	int err;

	if (likely(count <= 0 || !(iocb->ki_flags & IOCB_DSYNC)) || !file->f_op->fsync)
		return count;
	err = file->f_op->fsync(file, iocb->ki_pos - count, iocb->ki_pos - 1,
				!(iocb->ki_flags & IOCB_SYNC));
	return err ? err : count;
}

ssize_t generic_file_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = iocb->ki_filp->f_mapping->host;
	ssize_t ret;

	if (!iov_iter_count(from))
		return 0;
	down_write(&inode->i_rwsem);
	ret = generic_write_checks(iocb, from);
	if (ret > 0)
		ret = generic_perform_write(iocb, from);
	up_write(&inode->i_rwsem);
	return generic_write_sync(iocb, ret);
}
