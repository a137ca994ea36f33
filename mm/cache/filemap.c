/*
 * The page cache: one copy of a file's pages for read, write and every mapping.
 *
 * 1. Look-up takes no lock: under RCU the tree gives a folio, folio_try_get takes a reference if it is
 *    not being freed, and a second look at the tree shows whether it still is the one. If not, again.
 * 2. Insertion and removal hold i_pages_lock; the folio comes in locked, so nobody uses it before its
 *    contents are right. Two that insert at once: the loser gets -EEXIST and takes the winner's.
 * 3. read copies from uptodate folios up to i_size. A page that is absent is read in by read_folio; a
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
#include "mm/cache/pagemap.h"
#include "mm/cache/uio.h"
#include "mm/cache/writeback.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"

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

int filemap_add_folio(struct address_space *mapping, struct folio *folio, pgoff_t index, gfp_t gfp)
{
	unsigned long flags;
	int err;

	__folio_set_locked(folio);
	folio_get(folio);
	folio->mapping = mapping;
	folio->index = index;
	spin_lock_irqsave(&mapping->i_pages_lock, flags);
	err = xa_insert(&mapping->i_pages, index, folio, GFP_NOWAIT);
	if (!err)
		mapping->nrpages++;
	spin_unlock_irqrestore(&mapping->i_pages_lock, flags);
	if (err) {
		folio->mapping = NULL;
		__folio_clear_locked(folio);
		folio_put(folio);
		return err == -EBUSY ? -EEXIST : err;
	}
	node_stat_add_folio(folio, NR_FILE_PAGES);
	if (folio_test_swapbacked(folio))
		node_stat_add_folio(folio, NR_SHMEM);
	return 0;
}

void filemap_remove_folio(struct folio *folio)
{
	struct address_space *mapping = folio->mapping;
	unsigned long flags;

	folio_cancel_dirty(folio);
	spin_lock_irqsave(&mapping->i_pages_lock, flags);
	xa_erase(&mapping->i_pages, folio->index);
	mapping->nrpages--;
	folio->mapping = NULL;
	spin_unlock_irqrestore(&mapping->i_pages_lock, flags);
	node_stat_sub_folio(folio, NR_FILE_PAGES);
	if (folio_test_swapbacked(folio))
		node_stat_sub_folio(folio, NR_SHMEM);
	if (mapping->a_ops && mapping->a_ops->free_folio)
		mapping->a_ops->free_folio(folio, mapping);
	folio_put(folio);
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
		folio_lock(folio);
		err = 0;
		if (folio->mapping && !folio_test_uptodate(folio)) {
			if (mapping->a_ops->read_folio)
				err = mapping->a_ops->read_folio(file, folio);
			else
				folio_unlock(folio);
			if (!err && !folio_test_uptodate(folio))
				err = -EIO;
		} else {
			folio_unlock(folio);
		}
		folio_put(folio);
		if (err)
			return ERR_PTR(err);
	}
}

/* From the cache to the iterator, up to the end of the file. */
static ssize_t filemap_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct address_space *mapping = file->f_mapping;
	struct inode *inode = mapping->host;
	ssize_t done = 0;

	while (iov_iter_count(to)) {
		loff_t pos = iocb->ki_pos, size = READ_ONCE(inode->i_size);
		size_t off = pos & ~PAGE_MASK, n, got;
		struct folio *folio;

		if (pos >= size)
			break;
		n = min3((size_t)(PAGE_SIZE - off), iov_iter_count(to), (size_t)(size - pos));
		folio = read_mapping_folio(mapping, pos >> PAGE_SHIFT, file);
		if (IS_ERR(folio))
			return done ? done : PTR_ERR(folio);
		if (folio) {
			got = copy_to_iter(folio_address(folio) + off, n, to);
			folio_put(folio);
		} else {
			got = iov_iter_zero(n, to);
		}
		iocb->ki_pos += got;
		done += got;
		if (got < n || unlikely(fatal_signal_pending(current))) {
			if (!done)
				done = -EFAULT;
			break;
		}
		cond_resched();
	}
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
	return ret;
}
