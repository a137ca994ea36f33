/*
 * Descriptor tables: small integers to open files.
 *
 * 1. The table is an array of file pointers with two bitmaps beside it: open_fds says which numbers are
 *    taken (also while the file is still being opened), close_on_exec which go at exec. It starts with 64
 *    entries inside files_struct and grows by doubling; an old array is freed after a grace period.
 * 2. Look-ups run under RCU: load the array, load the pointer, take a reference unless the count is
 *    zero, look again. A process that does not share its table needs no reference for the length of a
 *    system call (fdget): nobody else can close the descriptor meanwhile.
 *
 * Locks: file_lock for changes. Mirrors Linux fs/file.c. Exercised by tests/user/{files,vfs}.c.
 */
#include "kernel/fs/fdtable.h"

#include "arch/x86/bitops.h"
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/rcu.h"
#include "kernel/rlimit.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/fs/locks.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

static struct kmem_cache *files_cachep;

struct files_struct init_files = {
	.count = ATOMIC_INIT(1),
	.file_lock = __SPIN_LOCK_UNLOCKED(init_files.file_lock),
	.fdt = &init_files.fdtab,
	.fdtab = {
		.max_fds = NR_OPEN_DEFAULT,
		.fd = init_files.fd_array,
		.open_fds = init_files.open_fds_init,
		.close_on_exec = init_files.close_on_exec_init,
	},
};

static void files_init_tab(struct files_struct *files)
{
	files->fdt = &files->fdtab;
	files->fdtab.max_fds = NR_OPEN_DEFAULT;
	files->fdtab.fd = files->fd_array;
	files->fdtab.open_fds = files->open_fds_init;
	files->fdtab.close_on_exec = files->close_on_exec_init;
}

static struct fdtable *alloc_fdtable(unsigned int nr)
{
	unsigned int longs = BITS_TO_LONGS(nr);
	struct fdtable *fdt =
		kvmalloc(sizeof(*fdt) + nr * sizeof(struct file *) + 2 * longs * sizeof(long),
			 GFP_KERNEL | __GFP_ZERO);

	if (!fdt)
		return NULL;
	fdt->max_fds = nr;
	fdt->fd = (struct file **)(fdt + 1);
	fdt->open_fds = (unsigned long *)(fdt->fd + nr);
	fdt->close_on_exec = fdt->open_fds + longs;
	return fdt;
}

static void free_fdtable_rcu(struct rcu_head *head)
{
	kvfree(container_of(head, struct fdtable, rcu));
}

static void copy_fdtable(struct fdtable *to, const struct fdtable *from)
{
	unsigned int longs = BITS_TO_LONGS(from->max_fds);

	memcpy(to->fd, from->fd, from->max_fds * sizeof(struct file *));
	memcpy(to->open_fds, from->open_fds, longs * sizeof(long));
	memcpy(to->close_on_exec, from->close_on_exec, longs * sizeof(long));
}

/* Room for descriptor nr. => file_lock held; may drop it while allocating. 1: dropped, 0: not, -ENOMEM.. */
static int expand_files(struct files_struct *files, unsigned int nr)
{
	struct fdtable *old = files->fdt, *new;

	if (nr < old->max_fds)
		return 0;
	if (nr >= NR_OPEN_MAX)
		return -EMFILE;
	spin_unlock(&files->file_lock);
	new = alloc_fdtable(roundup_pow_of_two(nr + 1));
	spin_lock(&files->file_lock);
	if (!new)
		return -ENOMEM;
	old = files->fdt;
	if (nr < old->max_fds) {
		/* Another thread was faster. A large table goes back with a lock that sleeps. */
		spin_unlock(&files->file_lock);
		kvfree(new);
		spin_lock(&files->file_lock);
		return 1;
	}
	copy_fdtable(new, old);
	rcu_assign_pointer(files->fdt, new);
	if (old != &files->fdtab)
		call_rcu(&old->rcu, free_fdtable_rcu);
	return 1;
}

/* The lowest free number from start on, below end; marks it taken. */
static int alloc_fd(unsigned int start, unsigned int end, unsigned int flags)
{
	struct files_struct *files = current->files;
	struct fdtable *fdt;
	unsigned int fd;
	int err;

	spin_lock(&files->file_lock);
	do {
		fdt = files->fdt;
		fd = max(start, files->next_fd);
		if (fd < fdt->max_fds)
			fd = find_next_zero_bit(fdt->open_fds, fdt->max_fds, fd);
		err = -EMFILE;
		if (fd >= end)
			goto out;
		err = expand_files(files, fd);
		if (err < 0)
			goto out;
	} while (err);
	if (start <= files->next_fd)
		files->next_fd = fd + 1;
	__set_bit(fd, fdt->open_fds);
	if (flags & O_CLOEXEC)
		__set_bit(fd, fdt->close_on_exec);
	else
		__clear_bit(fd, fdt->close_on_exec);
	err = fd;
out:
	spin_unlock(&files->file_lock);
	return err;
}

int get_unused_fd_flags(unsigned int flags)
{
	return alloc_fd(0, min(rlimit(RLIMIT_NOFILE), (unsigned long)NR_OPEN_MAX), flags);
}

static void __put_unused_fd(struct files_struct *files, unsigned int fd)
{
	__clear_bit(fd, files->fdt->open_fds);
	if (fd < files->next_fd)
		files->next_fd = fd;
}

void put_unused_fd(unsigned int fd)
{
	struct files_struct *files = current->files;

	spin_lock(&files->file_lock);
	__put_unused_fd(files, fd);
	spin_unlock(&files->file_lock);
}

void fd_install(unsigned int fd, struct file *file)
{
	struct files_struct *files = current->files;

	spin_lock(&files->file_lock);
	rcu_assign_pointer(files->fdt->fd[fd], file);
	spin_unlock(&files->file_lock);
}

int fd_install_pair(struct file *files[2], int __user *ufds, int flags)
{
	int fds[2], err;

	fds[0] = err = get_unused_fd_flags(flags);
	if (err < 0)
		goto out_files;
	fds[1] = err = get_unused_fd_flags(flags);
	if (err < 0)
		goto out_fd0;
	err = -EFAULT;
	if (copy_to_user(ufds, fds, sizeof(fds)))
		goto out_fd1;
	fd_install(fds[0], files[0]);
	fd_install(fds[1], files[1]);
	return 0;
out_fd1:
	put_unused_fd(fds[1]);
out_fd0:
	put_unused_fd(fds[0]);
out_files:
	fput(files[0]);
	fput(files[1]);
	return err;
}

static struct file *fd_load(struct fdtable *fdt, unsigned int fd)
{
	return fd < fdt->max_fds ? rcu_dereference(fdt->fd[fd]) : NULL;
}

struct file *files_lookup_fd(struct files_struct *files, unsigned int fd)
{
	for (;;) {
		struct file *file;
		bool held, there;

		rcu_read_lock();
		file = fd_load(rcu_dereference(files->fdt), fd);
		held = file && atomic_long_inc_not_zero(&file->f_count);
		there = held && fd_load(rcu_dereference(files->fdt), fd) == file;
		rcu_read_unlock();
		if (!file || likely(there))
			return file;
		/* It was closed meanwhile, and we may hold the last reference: that may sleep. */
		if (held)
			fput(file);
	}
}

struct file *fget_raw(unsigned int fd)
{
	return files_lookup_fd(current->files, fd);
}

struct file *fget(unsigned int fd)
{
	struct file *file = fget_raw(fd);

	if (file && (file->f_mode & FMODE_PATH)) {
		fput(file);
		return NULL;
	}
	return file;
}

static struct fd __fdget(unsigned int fd, unsigned int mask)
{
	struct files_struct *files = current->files;
	struct fd f = { .ref = false };

	if (likely(atomic_read(&files->count) == 1)) {
		f.file = fd_load(files->fdt, fd);
	} else {
		f.file = files_lookup_fd(files, fd);
		f.ref = f.file != NULL;
	}
	if (f.file && unlikely(f.file->f_mode & mask)) {
		fdput(f);
		f.file = NULL;
		f.ref = false;
	}
	return f;
}

struct fd fdget(unsigned int fd)
{
	return __fdget(fd, FMODE_PATH);
}

struct fd fdget_raw(unsigned int fd)
{
	return __fdget(fd, 0);
}

/* A descriptor of files goes: record locks belong to the table that is asked, not to current's. */
static int filp_close(struct file *file, struct files_struct *files)
{
	int ret = file->f_op && file->f_op->flush ? file->f_op->flush(file) : 0;

	locks_remove_posix(file, files);
	fput(file);
	return ret;
}

/* Takes the file out of the table. => file_lock held */
static struct file *pick_file(struct files_struct *files, unsigned int fd)
{
	struct fdtable *fdt = files->fdt;
	struct file *file = fd < fdt->max_fds ? fdt->fd[fd] : NULL;

	if (file) {
		rcu_assign_pointer(fdt->fd[fd], NULL);
		__put_unused_fd(files, fd);
	}
	return file;
}

int close_fd(unsigned int fd)
{
	struct files_struct *files = current->files;
	struct file *file;

	spin_lock(&files->file_lock);
	file = pick_file(files, fd);
	spin_unlock(&files->file_lock);
	return file ? filp_close(file, files) : -EBADF;
}

static long sys_close(unsigned int fd)
{
	return close_fd(fd);
}
SYSCALL(3, close);

#define CLOSE_RANGE_UNSHARE 2
#define CLOSE_RANGE_CLOEXEC 4

static long sys_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	struct files_struct *files;
	unsigned int fd;
	int err;

	if ((flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) || first > last)
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE) {
		err = unshare_files();
		if (err)
			return err;
	}
	files = current->files;
	last = min(last, files->fdt->max_fds - 1);
	for (fd = first; fd <= last && fd < files->fdt->max_fds; fd++) {
		if (!(flags & CLOSE_RANGE_CLOEXEC)) {
			close_fd(fd);
			continue;
		}
		spin_lock(&files->file_lock);
		if (test_bit(fd, files->fdt->open_fds))
			__set_bit(fd, files->fdt->close_on_exec);
		spin_unlock(&files->file_lock);
	}
	return 0;
}
SYSCALL(436, close_range);

/* --- dup --- */

/* file takes over descriptor fd; its old file is closed. The reference moves. => fd below the limit */
static int replace_fd(unsigned int fd, struct file *file, unsigned int flags)
{
	struct files_struct *files = current->files;
	struct file *old;
	struct fdtable *fdt;
	int err;

	spin_lock(&files->file_lock);
	do {
		err = expand_files(files, fd);
	} while (err > 0);
	if (err < 0) {
		spin_unlock(&files->file_lock);
		return err;
	}
	fdt = files->fdt;
	old = fdt->fd[fd];
	if (!old && test_bit(fd, fdt->open_fds)) {
		/* Another thread is opening into this number just now. */
		spin_unlock(&files->file_lock);
		return -EBUSY;
	}
	rcu_assign_pointer(fdt->fd[fd], file);
	__set_bit(fd, fdt->open_fds);
	if (flags & O_CLOEXEC)
		__set_bit(fd, fdt->close_on_exec);
	else
		__clear_bit(fd, fdt->close_on_exec);
	spin_unlock(&files->file_lock);
	if (old)
		filp_close(old, files);
	return fd;
}

static long do_dup3(unsigned int oldfd, unsigned int newfd, int flags)
{
	struct file *file;
	int ret;

	if (newfd >= rlimit(RLIMIT_NOFILE) || newfd >= NR_OPEN_MAX)
		return -EBADF;
	file = fget_raw(oldfd);
	if (!file)
		return -EBADF;
	ret = replace_fd(newfd, file, flags);
	if (ret < 0)
		fput(file);
	return ret;
}

static long sys_dup3(unsigned int oldfd, unsigned int newfd, int flags)
{
	if ((flags & ~O_CLOEXEC) || oldfd == newfd)
		return -EINVAL;
	return do_dup3(oldfd, newfd, flags);
}
SYSCALL(292, dup3);

static long sys_dup2(unsigned int oldfd, unsigned int newfd)
{
	struct file *file;

	if (oldfd != newfd)
		return do_dup3(oldfd, newfd, 0);
	file = fget_raw(oldfd);
	if (!file)
		return -EBADF;
	fput(file);
	return newfd;
}
SYSCALL(33, dup2);

long f_dupfd(unsigned int from, struct file *file, unsigned int flags)
{
	unsigned long limit = min(rlimit(RLIMIT_NOFILE), (unsigned long)NR_OPEN_MAX);
	int fd;

	if (from >= limit)
		return -EINVAL;
	fd = alloc_fd(from, limit, flags);
	if (fd >= 0)
		fd_install(fd, get_file(file));
	return fd;
}

static long sys_dup(unsigned int oldfd)
{
	struct file *file = fget_raw(oldfd);
	int fd;

	if (!file)
		return -EBADF;
	fd = get_unused_fd_flags(0);
	if (fd < 0)
		fput(file);
	else
		fd_install(fd, file);
	return fd;
}
SYSCALL(32, dup);

bool get_close_on_exec(unsigned int fd)
{
	struct files_struct *files = current->files;
	bool ret;

	spin_lock(&files->file_lock);
	ret = fd < files->fdt->max_fds && test_bit(fd, files->fdt->close_on_exec);
	spin_unlock(&files->file_lock);
	return ret;
}

void set_close_on_exec(unsigned int fd, bool on)
{
	struct files_struct *files = current->files;

	spin_lock(&files->file_lock);
	if (fd < files->fdt->max_fds) {
		if (on)
			__set_bit(fd, files->fdt->close_on_exec);
		else
			__clear_bit(fd, files->fdt->close_on_exec);
	}
	spin_unlock(&files->file_lock);
}

/* --- tables of processes --- */

struct files_struct *dup_fd(struct files_struct *old, int *err)
{
	struct files_struct *new = kmem_cache_zalloc(files_cachep, GFP_KERNEL);
	struct fdtable *from, *to;
	unsigned int i;

	*err = -ENOMEM;
	if (!new)
		return NULL;
	atomic_set(&new->count, 1);
	spin_lock_init(&new->file_lock);
	files_init_tab(new);
	spin_lock(&old->file_lock);
	while (old->fdt->max_fds > new->fdt->max_fds) {
		unsigned int nr = old->fdt->max_fds;

		spin_unlock(&old->file_lock);
		if (new->fdt != &new->fdtab)
			kvfree(new->fdt);
		new->fdt = alloc_fdtable(nr);
		if (!new->fdt) {
			kmem_cache_free(files_cachep, new);
			return NULL;
		}
		spin_lock(&old->file_lock);
	}
	from = old->fdt;
	to = new->fdt;
	new->next_fd = old->next_fd;
	memcpy(to->open_fds, from->open_fds, BITS_TO_LONGS(from->max_fds) * sizeof(long));
	memcpy(to->close_on_exec, from->close_on_exec, BITS_TO_LONGS(from->max_fds) * sizeof(long));
	for_each_set_bit(i, from->open_fds, from->max_fds) {
		if (from->fd[i]) {
			to->fd[i] = get_file(from->fd[i]);
			continue;
		}
		/* Another thread is opening into this number: the copy has it free. */
		__clear_bit(i, to->open_fds);
		new->next_fd = min(new->next_fd, i);
	}
	spin_unlock(&old->file_lock);
	*err = 0;
	return new;
}

void put_files_struct(struct files_struct *files)
{
	struct fdtable *fdt;
	unsigned int i;

	if (!files || !atomic_dec_and_test(&files->count))
		return;
	fdt = files->fdt;
	for_each_set_bit(i, fdt->open_fds, fdt->max_fds) {
		if (fdt->fd[i])
			filp_close(fdt->fd[i], files);
		cond_resched();
	}
	if (fdt != &files->fdtab)
		kvfree(fdt);
	kmem_cache_free(files_cachep, files);
}

void exit_files(struct task_struct *tsk)
{
	struct files_struct *files = tsk->files;

	if (!files)
		return;
	task_lock(tsk);
	tsk->files = NULL;
	task_unlock(tsk);
	put_files_struct(files);
}

int unshare_files(void)
{
	struct files_struct *old = current->files, *new;
	int err;

	if (atomic_read(&old->count) == 1)
		return 0;
	new = dup_fd(old, &err);
	if (!new)
		return err;
	task_lock(current);
	current->files = new;
	task_unlock(current);
	put_files_struct(old);
	return 0;
}

void do_close_on_exec(struct files_struct *files)
{
	struct fdtable *fdt = files->fdt;
	unsigned int fd;

	for_each_set_bit(fd, fdt->close_on_exec, fdt->max_fds) {
		struct file *file;

		spin_lock(&files->file_lock);
		file = pick_file(files, fd);
		__clear_bit(fd, fdt->close_on_exec);
		spin_unlock(&files->file_lock);
		if (file)
			filp_close(file, files);
	}
}

struct file *files_next_fd(struct files_struct *files, unsigned int *fd)
{
	struct file *file = NULL;

	for (; !file && *fd < READ_ONCE(files->fdt)->max_fds; (*fd)++) {
		file = files_lookup_fd(files, *fd);
		if (file)
			break;
	}
	return file;
}

void fdtable_init(void)
{
	files_cachep = kmem_cache_create("files_cache", sizeof(struct files_struct), 0,
					 SLAB_HWCACHE_ALIGN | SLAB_PANIC, NULL);
}
