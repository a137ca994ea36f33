/*
 * Futexes.
 *
 * 1. A waiter takes its bucket's lock, reads the word, and if that still has the expected value
 *    queues itself before it lets the lock go. A waker changes the word (in user mode) before it
 *    asks for the lock. So either the waiter sees the new value, or the waker finds the waiter.
 * 2. q->bucket says where a waiter is queued; NULL: it was woken and its waker is done with it. It
 *    changes when the waiter is requeued, so who wants to take himself out checks it again after
 *    locking.
 * 3. The word is read and changed under the bucket lock without sleeping; a page that is not there
 *    is brought in without the lock, and all starts again.
 * 4. Wake-ups happen after the locks are dropped (wake_q).
 *
 * Lock: bucket locks; two of them in address order.
 * Facts: futex(2), robust-futex-ABI. Mirrors Linux kernel/futex/. Exercised by tests/user/threads.c
 * and futex.c.
 */
#include "kernel/futex.h"

#include "arch/x86/uaccess.h"
#include "kernel/init.h"
#include "kernel/pid.h"
#include "kernel/cred.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/timer.h"
#include "lib/errno.h"
#include "mm/cache/pagemap.h"
#include "mm/user/gup.h"

#define FUTEX_BUCKET_BITS 8

struct futex_bucket {
	spinlock_t lock;
	struct list_head chain;
} __aligned(32);

struct futex_q {
	struct list_head list;
	struct task_struct *task;
	struct futex_bucket *bucket;
	struct futex_key key;
	u32 bitset;
};

static struct futex_bucket futex_buckets[1 << FUTEX_BUCKET_BITS];

static int __init futex_init(void)
{
	for (int i = 0; i < ARRAY_SIZE(futex_buckets); i++) {
		spin_lock_init(&futex_buckets[i].lock);
		INIT_LIST_HEAD(&futex_buckets[i].chain);
	}
	return 0;
}
core_initcall(futex_init);

/* ---- keys ---- */

#define KEY_INODE 1 /* in key->offset: a page of a file */
#define KEY_MM	  2 /* private memory, by a call that may also mean shared memory */

/* A number for each inode that is never given twice: unlike the inode, it cannot come back as another one. */
static u64 inode_sequence(struct inode *inode)
{
	static u64 last;
	u64 none = 0, mine;

	if (READ_ONCE(inode->i_sequence))
		return inode->i_sequence;
	mine = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
	__atomic_compare_exchange_n(&inode->i_sequence, &none, mine, false, __ATOMIC_RELAXED,
				    __ATOMIC_RELAXED);
	return inode->i_sequence;
}

/* The key of a file's page; -EFAULT: it is of no file (any more). => page referenced */
static int file_key(struct page *page, struct futex_key *key)
{
	struct folio *folio = page_folio(page);
	struct address_space *mapping;

	/* Truncation may take the folio out just now; but inodes are freed after a grace period. */
	guard(rcu)();
	mapping = READ_ONCE(folio->mapping);
	if (!mapping || ((unsigned long)mapping & PAGE_MAPPING_FLAGS) || !mapping->host)
		return -EFAULT;
	key->object = (void *)inode_sequence(mapping->host);
	key->index = folio->index + (page - &folio->page);
	key->offset |= KEY_INODE;
	return 0;
}

/*
 * What kind of memory it is the page tells. Asked for as if to write, so that a private page is the one that stays; a word of
 * a file that may only be read can still be waited for.
 */
static int shared_key(unsigned long addr, struct futex_key *key, bool write)
{
	struct page *page;
	bool readonly = false;
	int ret = get_user_pages_fast(addr, 1, FOLL_WRITE, &page);

	if (ret == -EFAULT && !write) {
		readonly = true;
		ret = get_user_pages_fast(addr, 1, 0, &page);
	}
	if (ret != 1)
		return ret;
	ret = 0;
	if (!PageAnon(page))
		ret = file_key(page, key);
	else if (readonly)
		ret = -EFAULT; /* nobody can ever change it */
	else
		key->offset |= KEY_MM;
	put_page(page);
	return ret;
}

int get_futex_key(u32 __user *uaddr, bool shared, struct futex_key *key, bool write)
{
	unsigned long addr = (unsigned long)uaddr;

	if (addr & 3)
		return -EINVAL;
	if (!access_ok(uaddr, sizeof(u32)))
		return -EFAULT;
	key->object = current->mm;
	key->index = addr & PAGE_MASK;
	key->offset = addr & ~PAGE_MASK;
	return shared ? shared_key(addr, key, write) : 0;
}

static bool key_eq(const struct futex_key *a, const struct futex_key *b)
{
	return a->object == b->object && a->index == b->index && a->offset == b->offset;
}

static struct futex_bucket *hash_key(const struct futex_key *key)
{
	unsigned long v = (unsigned long)key->object ^ key->index * 0x9e3779b97f4a7c15UL ^
			  (unsigned long)key->offset << 7;

	return &futex_buckets[v * 0x61c8864680b583ebUL >> (64 - FUTEX_BUCKET_BITS)];
}

static void lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a > b)
		swap(a, b);
	spin_lock(&a->lock);
	if (a != b)
		spin_lock_nested(&b->lock, 1);
}

static void unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

/* ---- the word ---- */

/* => bucket locked; 0 or -EFAULT: the page is not there */
static int read_word_locked(u32 *val, u32 __user *uaddr)
{
	int err;

	pagefault_disable();
	err = __get_user(*val, uaddr);
	pagefault_enable();
	return err;
}

static int fault_in_word(u32 __user *uaddr)
{
	struct mm_struct *mm = current->mm;
	int err;

	mmap_read_lock(mm);
	err = fixup_user_fault(mm, (unsigned long)uaddr, true);
	mmap_read_unlock(mm);
	return err;
}

/* ---- waking ---- */

/* => bucket locked */
static void wake_one(struct futex_q *q, struct wake_q_head *wq)
{
	struct task_struct *task = q->task;

	list_del(&q->list);
	wake_q_add(wq, task);
	/* From here on q may vanish: its owner need not come by the lock. */
	smp_store_release(&q->bucket, NULL);
}

/* Wakes up to nr of those queued in @b under @key. => @b locked */
static int wake_matching(struct futex_bucket *b, const struct futex_key *key, int nr, u32 bitset,
			 struct wake_q_head *wq)
{
	struct futex_q *q, *next;
	int woken = 0;

	list_for_each_entry_safe(q, next, &b->chain, list) {
		if (woken >= nr)
			break;
		if (!key_eq(&q->key, key) || !(q->bitset & bitset))
			continue;
		wake_one(q, wq);
		woken++;
	}
	return woken;
}

int futex_wake(u32 __user *uaddr, bool shared, int nr, u32 bitset)
{
	struct futex_bucket *b;
	struct futex_key key;
	DEFINE_WAKE_Q(wq);
	int ret;

	if (!bitset)
		return -EINVAL;
	ret = get_futex_key(uaddr, shared, &key, false);
	if (ret)
		return ret;
	b = hash_key(&key);
	spin_lock(&b->lock);
	if (!list_empty(&b->chain))
		ret = wake_matching(b, &key, max(nr, 1), bitset, &wq);
	spin_unlock(&b->lock);
	if (ret)
		wake_up_q(&wq);
	return ret;
}

/* ---- waiting ---- */

/* True if it was still queued: nobody woke us. */
static bool unqueue_me(struct futex_q *q)
{
	struct futex_bucket *b;

	while ((b = READ_ONCE(q->bucket))) {
		spin_lock(&b->lock);
		if (q->bucket == b) {
			list_del(&q->list);
			spin_unlock(&b->lock);
			return true;
		}
		spin_unlock(&b->lock);
	}
	return false;
}

/* Queued if the word is @val: 0; else -EAGAIN, -EFAULT, -EINVAL. State interruptible on success. */
static int queue_if_equal(u32 __user *uaddr, bool shared, u32 val, struct futex_q *q)
{
	struct futex_bucket *b;
	u32 word;
	int err;

	for (;;) {
		err = get_futex_key(uaddr, shared, &q->key, false);
		if (err)
			return err;
		b = hash_key(&q->key);
		spin_lock(&b->lock);
		err = read_word_locked(&word, uaddr);
		if (likely(!err))
			break;
		spin_unlock(&b->lock);
		if (get_user(word, uaddr))
			return -EFAULT;
	}
	if (word != val) {
		spin_unlock(&b->lock);
		return -EAGAIN;
	}
	q->bucket = b;
	list_add_tail(&q->list, &b->chain);
	set_current_state(TASK_INTERRUPTIBLE);
	spin_unlock(&b->lock);
	return 0;
}

static long futex_wait_restart(struct restart_block *restart);

/* @until: CLOCK_MONOTONIC, KTIME_MAX: for ever. */
static long futex_wait(u32 __user *uaddr, bool shared, u32 val, ktime_t until, u32 bitset)
{
	struct futex_q q = { .task = current, .bitset = bitset };
	struct restart_block *restart;
	int err, timed_out = 0;

	if (!bitset)
		return -EINVAL;
	for (;;) {
		err = queue_if_equal(uaddr, shared, val, &q);
		if (err)
			return err;
		if (likely(READ_ONCE(q.bucket))) {
			if (until == KTIME_MAX)
				schedule();
			else
				timed_out = !schedule_hrtimeout(&until, HRTIMER_MODE_ABS);
		}
		__set_current_state(TASK_RUNNING);
		if (!unqueue_me(&q))
			return 0;
		if (timed_out)
			return -ETIMEDOUT;
		if (signal_pending(current))
			break;
	}
	if (until == KTIME_MAX)
		return -ERESTARTSYS;
	restart = &current->restart_block;
	restart->fn = futex_wait_restart;
	restart->arg[0] = (unsigned long)uaddr;
	restart->arg[1] = val;
	restart->arg[2] = until;
	restart->arg[3] = bitset;
	restart->arg[4] = shared;
	return -ERESTART_RESTARTBLOCK;
}

static long futex_wait_restart(struct restart_block *r)
{
	return futex_wait((u32 __user *)r->arg[0], r->arg[4], r->arg[1], r->arg[2], r->arg[3]);
}

/* ---- requeue and wake-op ---- */

static void requeue_one(struct futex_q *q, struct futex_bucket *to, const struct futex_key *key)
{
	list_move_tail(&q->list, &to->chain);
	q->key = *key;
	WRITE_ONCE(q->bucket, to);
}

static int futex_requeue(u32 __user *uaddr1, u32 __user *uaddr2, bool shared, int nr_wake,
			 int nr_requeue, const u32 *expected)
{
	struct futex_bucket *b1, *b2;
	struct futex_key key1, key2;
	struct futex_q *q, *next;
	int ret, woken = 0, moved = 0;
	DEFINE_WAKE_Q(wq);
	u32 word;

	if (nr_wake < 0 || nr_requeue < 0)
		return -EINVAL;
retry:
	ret = get_futex_key(uaddr1, shared, &key1, false);
	if (!ret)
		ret = get_futex_key(uaddr2, shared, &key2, false);
	if (ret)
		return ret;
	b1 = hash_key(&key1);
	b2 = hash_key(&key2);
	lock_two(b1, b2);
	if (expected) {
		if (read_word_locked(&word, uaddr1)) {
			unlock_two(b1, b2);
			if (get_user(word, uaddr1))
				return -EFAULT;
			goto retry;
		}
		if (word != *expected) {
			unlock_two(b1, b2);
			return -EAGAIN;
		}
	}
	list_for_each_entry_safe(q, next, &b1->chain, list) {
		if (!key_eq(&q->key, &key1))
			continue;
		if (woken < nr_wake) {
			wake_one(q, &wq);
			woken++;
		} else if (moved < nr_requeue) {
			/* Onto itself: it is counted, and must not be met again. */
			if (!key_eq(&key1, &key2))
				requeue_one(q, b2, &key2);
			moved++;
		} else {
			break;
		}
	}
	unlock_two(b1, b2);
	wake_up_q(&wq);
	return woken + moved;
}

static int sign_extend12(u32 v)
{
	return (int)(v << 20) >> 20;
}

/* The comparison that FUTEX_WAKE_OP makes with the old value. */
static int op_compare(unsigned int cmp, int old, int arg)
{
	switch (cmp) {
	case 0:
		return old == arg;
	case 1:
		return old != arg;
	case 2:
		return old < arg;
	case 3:
		return old <= arg;
	case 4:
		return old > arg;
	case 5:
		return old >= arg;
	}
	return -ENOSYS;
}

static int futex_wake_op(u32 __user *uaddr1, u32 __user *uaddr2, bool shared, int nr_wake,
			 int nr_wake2, u32 op)
{
	u32 oparg = sign_extend12(op >> 12);
	struct futex_bucket *b1, *b2;
	struct futex_key key1, key2;
	int ret, old = 0, cmp;
	DEFINE_WAKE_Q(wq);

	if (op & 0x80000000U)
		oparg = 1U << (oparg & 31);
	if ((op >> 24 & 15) > 5)
		return -ENOSYS;
	for (;;) {
		ret = get_futex_key(uaddr1, shared, &key1, false);
		if (!ret)
			ret = get_futex_key(uaddr2, shared, &key2, true);
		if (ret)
			return ret;
		b1 = hash_key(&key1);
		b2 = hash_key(&key2);
		lock_two(b1, b2);
		pagefault_disable();
		ret = arch_futex_atomic_op_inuser(op >> 28 & 7, oparg, &old, uaddr2);
		pagefault_enable();
		if (likely(!ret))
			break;
		unlock_two(b1, b2);
		if (ret != -EFAULT)
			return ret;
		ret = fault_in_word(uaddr2);
		if (ret)
			return ret;
	}
	ret = wake_matching(b1, &key1, nr_wake, FUTEX_BITSET_MATCH_ANY, &wq);
	cmp = op_compare(op >> 24 & 15, old, sign_extend12(op));
	if (cmp > 0)
		ret += wake_matching(b2, &key2, nr_wake2, FUTEX_BITSET_MATCH_ANY, &wq);
	unlock_two(b1, b2);
	wake_up_q(&wq);
	return ret;
}

/* ---- the system call ---- */

/* When the wait ends, on CLOCK_MONOTONIC: 0, -EFAULT, -EINVAL. */
static int read_timeout(const struct timespec64 __user *uts, int op, ktime_t *until)
{
	struct timespec64 ts;

	*until = KTIME_MAX;
	if (!uts)
		return 0;
	if (copy_from_user(&ts, uts, sizeof(ts)))
		return -EFAULT;
	if (!timespec64_valid(&ts))
		return -EINVAL;
	*until = timespec64_to_ktime(ts);
	if ((op & FUTEX_CMD_MASK) == FUTEX_WAIT)
		*until = ktime_add_safe(ktime_get(), *until);
	else if (op & FUTEX_CLOCK_REALTIME)
		*until -= ktime_get_real() - ktime_get();
	return 0;
}

static long sys_futex(u32 __user *uaddr, int op, u32 val, const struct timespec64 __user *utime,
		      u32 __user *uaddr2, u32 val3)
{
	bool shared = !(op & FUTEX_PRIVATE_FLAG);
	int cmd = op & FUTEX_CMD_MASK, val2 = (int)(unsigned long)utime;
	ktime_t until;
	int err;

	if ((op & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_WAIT_BITSET)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_WAIT:
		val3 = FUTEX_BITSET_MATCH_ANY;
		fallthrough;
	case FUTEX_WAIT_BITSET:
		err = read_timeout(utime, op, &until);
		return err ? err : futex_wait(uaddr, shared, val, until, val3);
	case FUTEX_WAKE:
		val3 = FUTEX_BITSET_MATCH_ANY;
		fallthrough;
	case FUTEX_WAKE_BITSET:
		return futex_wake(uaddr, shared, val, val3);
	case FUTEX_REQUEUE:
		return futex_requeue(uaddr, uaddr2, shared, val, val2, NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(uaddr, uaddr2, shared, val, val2, &val3);
	case FUTEX_WAKE_OP:
		return futex_wake_op(uaddr, uaddr2, shared, val, val2, val3);
	}
	return -ENOSYS;
}
SYSCALL(202, futex);

/* ---- robust lists ---- */

static long sys_set_robust_list(struct robust_list_head __user *head, size_t len)
{
	if (len != sizeof(*head))
		return -EINVAL;
	current->robust_list = head;
	current->robust_list_len = len;
	return 0;
}
SYSCALL(273, set_robust_list);

static long sys_get_robust_list(int pid, void __user *__user *head, size_t __user *len)
{
	struct task_struct *p = pid ? find_get_task_by_vpid(pid) : get_task_struct(current);
	void __user *value;

	if (!p)
		return -ESRCH;
	if (p != current && !same_thread_group(p, current) && !capable(CAP_SYS_ADMIN)) {
		put_task_struct(p);
		return -EPERM;
	}
	value = p->robust_list;
	put_task_struct(p);
	if (put_user(sizeof(struct robust_list_head), len))
		return -EFAULT;
	return put_user((unsigned long)value, (unsigned long __user *)head);
}
SYSCALL(274, get_robust_list);

/* One lock that a dying thread may hold. -1: stop here. */
static int robust_owner_died(u32 __user *uaddr, struct task_struct *curr, bool pending)
{
	u32 word, found;
	int err;

	if ((unsigned long)uaddr & 3)
		return -1;
	for (;;) {
		if (get_user(word, uaddr))
			return -1;
		/* It died between freeing the lock and waking a waiter. */
		if (pending && !word) {
			futex_wake(uaddr, true, 1, FUTEX_BITSET_MATCH_ANY);
			return 0;
		}
		if ((word & FUTEX_TID_MASK) != (u32)curr->pid)
			return 0;
		pagefault_disable();
		err = futex_atomic_cmpxchg_inatomic(&found, uaddr, word,
						    (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
		pagefault_enable();
		if (!err && found == word)
			break;
		if (err && fault_in_word(uaddr))
			return -1;
		cond_resched();
	}
	if (word & FUTEX_WAITERS)
		futex_wake(uaddr, true, 1, FUTEX_BITSET_MATCH_ANY);
	return 0;
}

/* A link; bit 0 of the pointer marks a priority-inheritance lock, which this kernel has not. */
static int fetch_link(struct robust_list __user **entry, struct robust_list __user *__user *from,
		      bool *pi)
{
	unsigned long v;

	if (get_user(v, (unsigned long __user *)from))
		return -EFAULT;
	*pi = v & 1;
	*entry = (struct robust_list __user *)(v & ~1UL);
	return 0;
}

void exit_robust_list(struct task_struct *curr)
{
	struct robust_list_head __user *head = curr->robust_list;
	struct robust_list __user *entry, *next, *pending;
	bool pi, next_pi, pending_pi;
	int err, limit = ROBUST_LIST_LIMIT;
	long offset;

	if (fetch_link(&entry, &head->list.next, &pi) || get_user(offset, &head->futex_offset) ||
	    fetch_link(&pending, &head->list_op_pending, &pending_pi))
		return;
	while (entry != &head->list && --limit) {
		/* Before the word is released: then its owner may take the entry out. */
		err = fetch_link(&next, &entry->next, &next_pi);
		if (entry != pending && !pi &&
		    robust_owner_died((u32 __user *)((char *)entry + offset), curr, false))
			return;
		if (err)
			return;
		entry = next;
		pi = next_pi;
		cond_resched();
	}
	if (pending && !pending_pi)
		robust_owner_died((u32 __user *)((char *)pending + offset), curr, true);
}

void futex_exit_release(struct task_struct *tsk)
{
	if (unlikely(tsk->robust_list)) {
		exit_robust_list(tsk);
		tsk->robust_list = NULL;
	}
}
