/*
 * Advisory locks on files: whole-file locks of an open file (flock) and record locks of a process (fcntl).
 *
 * 1. An inode's locks are one list: ranges with an owner and a type. Two conflict when they overlap, at
 *    least one is exclusive, their kinds are equal and their owners differ.
 * 2. Setting a record lock replaces what the owner had in the range (cutting what sticks out); waiting
 *    is on one queue per inode.
 *
 * Locks: the context's own mutex. Mirrors Linux fs/locks.c. Exercised by tests/user/files.c.
 */
#include "kernel/fs/locks.h"

#include "arch/x86/uaccess.h"
#include "kernel/syscall.h"
#include "kernel/wait.h"
#include "mm/slab/slab.h"

#define F_RDLCK	 0
#define F_WRLCK	 1
#define F_UNLCK	 2
#define F_GETLK	 5
#define F_SETLK	 6
#define F_SETLKW 7
#define LOCK_SH	 1
#define LOCK_EX	 2
#define LOCK_NB	 4
#define LOCK_UN	 8

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

/* Sets (or, with unlock, only removes) a lock; waits when asked. */
static long set_lock(struct inode *inode, const struct file_lock *want, bool unlock, bool wait)
{
	struct lock_context *ctx = get_context(inode);
	struct file_lock *new = kmalloc(sizeof(*new), GFP_KERNEL);
	struct file_lock *spare = kmalloc(sizeof(*spare), GFP_KERNEL);
	long err = -ENOLCK;

	if (!ctx || !new || !spare)
		goto out;
	mutex_lock(&ctx->lock);
	while (!unlock && find_conflict(ctx, want)) {
		unsigned int gen = ctx->generation;

		mutex_unlock(&ctx->lock);
		err = wait ? wait_event_interruptible(ctx->wait, READ_ONCE(ctx->generation) != gen)
			   : -EAGAIN;
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

/* The user's range as absolute, inclusive positions. */
static int flock_range(struct file *file, const struct flock *ul, struct file_lock *l)
{
	loff_t start = ul->l_start;

	if (ul->l_whence == 1)
		start += file->f_pos;
	else if (ul->l_whence == 2)
		start += file_inode(file)->i_size;
	else if (ul->l_whence != 0)
		return -EINVAL;
	l->start = ul->l_len < 0 ? start + ul->l_len : start;
	l->end = ul->l_len > 0 ? start + ul->l_len - 1 : ul->l_len < 0 ? start - 1 : LLONG_MAX;
	if (l->start < 0 || l->end < l->start)
		return -EINVAL;
	l->owner = current->files;
	l->posix = true;
	l->exclusive = ul->l_type == F_WRLCK;
	l->pid = current->tgid;
	return ul->l_type < F_RDLCK || ul->l_type > F_UNLCK ? -EINVAL : 0;
}

long fcntl_getlk(struct file *file, struct flock __user *uptr)
{
	struct lock_context *ctx = get_context(file_inode(file));
	struct file_lock want, *l;
	struct flock ul;
	int err;

	if (copy_from_user(&ul, uptr, sizeof(ul)))
		return -EFAULT;
	err = ul.l_type == F_UNLCK ? -EINVAL : flock_range(file, &ul, &want);
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

long fcntl_setlk(struct file *file, unsigned int cmd, struct flock __user *uptr)
{
	struct file_lock want;
	struct flock ul;
	int err;

	if (copy_from_user(&ul, uptr, sizeof(ul)))
		return -EFAULT;
	err = flock_range(file, &ul, &want);
	if (err)
		return err;
	if ((ul.l_type == F_RDLCK && !(file->f_mode & FMODE_READ)) ||
	    (ul.l_type == F_WRLCK && !(file->f_mode & FMODE_WRITE)))
		return -EBADF;
	return set_lock(file_inode(file), &want, ul.l_type == F_UNLCK, cmd == F_SETLKW);
}
