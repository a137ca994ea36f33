/*
 * Advisory locks on files: whole-file locks of an open file (flock) and record locks of a process (fcntl).
 *
 * 1. An inode's locks are one list: ranges with an owner and a type. Two conflict when they overlap, at
 *    least one is exclusive, their kinds are equal and their owners differ.
 * 2. Setting a record lock replaces what the owner had in the range (cutting what sticks out); waiting
 *    is on one queue per inode. Who would close a circle of waiting processes gets EDEADLK instead.
 * 3. The owner of a record lock is the descriptor table (any close of the file by it drops the lock), or, for the
 *    F_OFD_ requests, the open file.
 *
 * Locks: the context's own mutex; waiters_lock. Mirrors Linux fs/locks.c. Exercised by tests/user/filelocks.c.
 */
#include "kernel/fs/locks.h"

#include "arch/x86/uaccess.h"
#include "kernel/syscall.h"
#include "kernel/wait.h"
#include "mm/slab/slab.h"

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2

#define LOCK_SH	  1
#define LOCK_EX	  2
#define LOCK_NB	  4
#define LOCK_UN	  8
#define LOCK_MAND 32

struct flock {
	short l_type, l_whence;
	loff_t l_start, l_len;
	int l_pid;
};

struct file_lock {
	struct list_head list;
	void *owner; /* struct file (flock) or files_struct (record lock) */
	bool posix;
	bool exclusive;
	loff_t start, end; /* inclusive; end LLONG_MAX: to the end of the file */
	int pid;
};

struct lock_context {
	struct mutex lock;
	struct list_head locks;
	wait_queue_head_t wait;
	unsigned int generation; /* rises when a lock goes */
};

/* A task that waits for a record lock, for the look-out for circles. */
struct lock_waiter {
	struct list_head list; /* waiters_lock */
	void *owner, *blocker;
};

static DEFINE_SPINLOCK(waiters_lock); /* innermost */
static LIST_HEAD(waiters);

/* Would owner, waiting for blocker, wait for itself? => waiters_lock held */
static bool would_deadlock(void *owner, void *blocker)
{
	struct lock_waiter *w;
	int steps;

	/* As far as Linux looks; a longer circle waits. */
	for (steps = 0; steps < 10; steps++) {
		void *next = NULL;

		if (blocker == owner)
			return true;
		list_for_each_entry(w, &waiters, list) {
			if (w->owner == blocker)
				next = w->blocker;
		}
		if (!next)
			return false;
		blocker = next;
	}
	return false;
}

static struct lock_context *get_context(struct inode *inode)
{
	struct lock_context *ctx = READ_ONCE(inode->i_flctx);

	if (ctx)
		return ctx;
	ctx = kmalloc(sizeof(*ctx), GFP_KERNEL);
	if (!ctx)
		return NULL;
	mutex_init(&ctx->lock);
	INIT_LIST_HEAD(&ctx->locks);
	init_waitqueue_head(&ctx->wait);
	ctx->generation = 0;
	spin_lock(&inode->i_lock);
	if (inode->i_flctx) {
		kfree(ctx);
		ctx = inode->i_flctx;
	} else {
		smp_store_release(&inode->i_flctx, (void *)ctx);
	}
	spin_unlock(&inode->i_lock);
	return ctx;
}

static struct file_lock *find_conflict(struct lock_context *ctx, const struct file_lock *want)
{
	struct file_lock *l;

	list_for_each_entry(l, &ctx->locks, list) {
		if (l->posix == want->posix && l->owner != want->owner &&
		    (l->exclusive || want->exclusive) && l->start <= want->end &&
		    want->start <= l->end)
			return l;
	}
	return NULL;
}

/* Takes [start, end] out of the owner's locks. spare is used when a lock is cut in two; true if it was. */
static bool remove_range(struct lock_context *ctx, const struct file_lock *r,
			 struct file_lock *spare)
{
	struct file_lock *l, *n;
	bool used = false;

	list_for_each_entry_safe(l, n, &ctx->locks, list) {
		if (l->posix != r->posix || l->owner != r->owner || l->start > r->end ||
		    r->start > l->end)
			continue;
		if (l->start < r->start && l->end > r->end) {
			*spare = *l;
			spare->start = r->end + 1;
			l->end = r->start - 1;
			list_add(&spare->list, &l->list);
			used = true;
		} else if (l->start < r->start) {
			l->end = r->start - 1;
		} else if (l->end > r->end) {
			l->start = r->end + 1;
		} else {
			list_del(&l->list);
			kfree(l);
		}
	}
	return used;
}

static void locks_wake(struct lock_context *ctx)
{
	WRITE_ONCE(ctx->generation, ctx->generation + 1);
	wake_up_all(&ctx->wait);
}

/* Waits until some lock of ctx went after generation gen. 0, -EDEADLK, -ERESTARTSYS */
static long wait_for_lock(struct lock_context *ctx, const struct file_lock *want, void *blocker,
			  unsigned int gen)
{
	struct lock_waiter me = { .owner = want->owner, .blocker = blocker };
	bool circle;
	long err;

	if (!want->posix || want->pid < 0)
		return wait_event_interruptible(ctx->wait, READ_ONCE(ctx->generation) != gen);
	spin_lock(&waiters_lock);
	circle = would_deadlock(me.owner, blocker);
	if (!circle)
		list_add(&me.list, &waiters);
	spin_unlock(&waiters_lock);
	if (circle)
		return -EDEADLK;
	err = wait_event_interruptible(ctx->wait, READ_ONCE(ctx->generation) != gen);
	spin_lock(&waiters_lock);
	list_del(&me.list);
	spin_unlock(&waiters_lock);
	return err;
}

/* Sets (or, with unlock, only removes) a lock; waits when asked. */
static long set_lock(struct inode *inode, const struct file_lock *want, bool unlock, bool wait)
{
	struct lock_context *ctx = get_context(inode);
	struct file_lock *new = kmalloc(sizeof(*new), GFP_KERNEL);
	struct file_lock *spare = kmalloc(sizeof(*spare), GFP_KERNEL), *conflict;
	long err = -ENOLCK;

	if (!ctx || !new || !spare)
		goto out;
	mutex_lock(&ctx->lock);
	while (!unlock && (conflict = find_conflict(ctx, want)) != NULL) {
		unsigned int gen = ctx->generation;
		void *blocker = conflict->owner;

		mutex_unlock(&ctx->lock);
		err = wait ? wait_for_lock(ctx, want, blocker, gen) : -EAGAIN;
		if (err)
			goto out;
		mutex_lock(&ctx->lock);
	}
	if (remove_range(ctx, want, spare))
		spare = NULL;
	if (!unlock) {
		*new = *want;
		list_add_tail(&new->list, &ctx->locks);
		new = NULL;
	}
	locks_wake(ctx);
	mutex_unlock(&ctx->lock);
	err = 0;
out:
	kfree(new);
	kfree(spare);
	return err;
}

static void remove_owner(struct inode *inode, void *owner, bool posix)
{
	struct lock_context *ctx = inode ? READ_ONCE(inode->i_flctx) : NULL;
	struct file_lock all = { .owner = owner, .posix = posix, .start = 0, .end = LLONG_MAX };

	if (!ctx)
		return;
	mutex_lock(&ctx->lock);
	remove_range(ctx, &all, NULL);
	locks_wake(ctx);
	mutex_unlock(&ctx->lock);
}

void locks_remove_file(struct file *file)
{
	remove_owner(file->f_inode, file, false);
	remove_owner(file->f_inode, file, true);
}

void locks_remove_posix(struct file *file, void *owner)
{
	remove_owner(file->f_inode, owner, true);
}

static long sys_flock(unsigned int fd, unsigned int cmd)
{
	struct file_lock want = { .start = 0, .end = LLONG_MAX };
	struct fd f;
	long err;

	/* Share modes of old: accepted and without effect since Linux 5.18. */
	if (cmd & LOCK_MAND)
		return 0;
	if ((cmd & ~LOCK_NB) != LOCK_SH && (cmd & ~LOCK_NB) != LOCK_EX &&
	    (cmd & ~LOCK_NB) != LOCK_UN)
		return -EINVAL;
	f = fdget(fd);
	if (!f.file)
		return -EBADF;
	want.owner = f.file;
	want.exclusive = cmd & LOCK_EX;
	err = set_lock(file_inode(f.file), &want, cmd & LOCK_UN, !(cmd & LOCK_NB));
	fdput(f);
	return err;
}
SYSCALL(73, flock);

/* start + off without running over; false: it would. */
static bool add_offset(loff_t *start, loff_t off)
{
	return !__builtin_add_overflow(*start, off, start);
}

/* The user's range as absolute, inclusive positions. ofd: the lock belongs to the open file. */
static int flock_range(struct file *file, const struct flock *ul, bool ofd, struct file_lock *l)
{
	loff_t base = ul->l_whence == 1	  ? file->f_pos
		      : ul->l_whence == 2 ? file_inode(file)->i_size
					  : 0;

	if (ul->l_whence < 0 || ul->l_whence > 2 || ul->l_type < F_RDLCK || ul->l_type > F_UNLCK)
		return -EINVAL;
	l->start = ul->l_start;
	if (!add_offset(&l->start, base))
		return -EOVERFLOW;
	l->end = LLONG_MAX;
	if (ul->l_len > 0) {
		l->end = l->start;
		if (!add_offset(&l->end, ul->l_len - 1))
			return -EOVERFLOW;
	} else if (ul->l_len < 0) {
		l->end = l->start - 1;
		if (!add_offset(&l->start, ul->l_len))
			return -EINVAL;
	}
	if (l->start < 0 || l->end < l->start || (ofd && ul->l_pid))
		return -EINVAL;
	l->owner = ofd ? (void *)file : current->files;
	l->posix = true;
	l->exclusive = ul->l_type == F_WRLCK;
	l->pid = ofd ? -1 : current->tgid;
	return 0;
}

long fcntl_getlk(struct file *file, bool ofd, struct flock __user *uptr)
{
	struct lock_context *ctx = get_context(file_inode(file));
	struct file_lock want, *l;
	struct flock ul;
	int err;

	if (copy_from_user(&ul, uptr, sizeof(ul)))
		return -EFAULT;
	err = ul.l_type == F_UNLCK ? -EINVAL : flock_range(file, &ul, ofd, &want);
	if (err || !ctx)
		return err ? err : -ENOMEM;
	mutex_lock(&ctx->lock);
	l = find_conflict(ctx, &want);
	ul.l_type = F_UNLCK;
	if (l) {
		ul.l_type = l->exclusive ? F_WRLCK : F_RDLCK;
		ul.l_whence = 0;
		ul.l_start = l->start;
		ul.l_len = l->end == LLONG_MAX ? 0 : l->end - l->start + 1;
		ul.l_pid = l->pid;
	}
	mutex_unlock(&ctx->lock);
	return copy_to_user(uptr, &ul, sizeof(ul)) ? -EFAULT : 0;
}

long fcntl_setlk(unsigned int fd, struct file *file, bool ofd, bool wait, struct flock __user *uptr)
{
	struct file *now;
	struct file_lock want;
	struct flock ul;
	int err;

	if (copy_from_user(&ul, uptr, sizeof(ul)))
		return -EFAULT;
	err = flock_range(file, &ul, ofd, &want);
	if (err)
		return err;
	if ((ul.l_type == F_RDLCK && !(file->f_mode & FMODE_READ)) ||
	    (ul.l_type == F_WRLCK && !(file->f_mode & FMODE_WRITE)))
		return -EBADF;
	err = set_lock(file_inode(file), &want, ul.l_type == F_UNLCK, wait);
	if (err || ofd || ul.l_type == F_UNLCK)
		return err;
	/* Another thread's close() may have passed by before the lock was there. */
	now = fget_raw(fd);
	if (now != file)
		locks_remove_posix(file, want.owner);
	if (now)
		fput(now);
	return 0;
}
