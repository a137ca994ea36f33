/*
 * process_vm_readv, process_vm_writev: bytes between the memory of two processes, without a file between them. And advice
 * about another process's memory, process_madvise.
 *
 * 1. Some pages of the other process are pinned (mm/user/gup.h), and the ordinary user copies move bytes between them and this
 *    process. So each byte is copied once, and neither process's mmap_lock is held across the other's fault.
 * 2. The two vectors need not have elements of the same lengths. The first byte that cannot be had, on either side, ends
 *    the call: it answers what was copied before, or EFAULT when that is nothing.
 * 3. Allowed is what would be allowed to a debugger: the same user in all ids, and a memory that may be dumped.
 *
 * Locks: the other mm's mmap_lock. Mirrors Linux mm/process_vm_access.c and mm/madvise.c. Exercised by
 * tests/user/{processvm,errnos_advice}.c.
 */
#include "kernel/process_vm.h"

#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/fs/fs.h"
#include "kernel/pid.h"
#include "kernel/pidfd.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "mm/slab/slab.h"
#include "mm/user/gup.h"
#include "mm/user/mman.h"

#define UIO_MAXIOV 1024
#define NR_FAST	   8
#define NR_PINNED  16 /* pages at a time */

/* A place in a vector. */
struct cursor {
	const struct iovec *iov;
	unsigned long left; /* elements, this one included */
	size_t off;	    /* bytes of this one that are done */
};

/* Bytes that lie in one piece at the cursor; 0: the vector is at its end. */
static size_t piece(struct cursor *c)
{
	while (c->left && c->off == c->iov->iov_len) {
		c->iov++;
		c->left--;
		c->off = 0;
	}
	return c->left ? c->iov->iov_len - c->off : 0;
}

static unsigned long address(const struct cursor *c)
{
	return (unsigned long)c->iov->iov_base + c->off;
}

/* Bytes between a pinned page and this process; those that were copied. */
static size_t copy_page_part(char *p, unsigned long here, size_t n, bool write)
{
	if (!write)
		return n - _copy_to_user((void __user *)here, p, n);
	/* Not _copy_from_user(): what is behind the bytes that can be had belongs to the other process, and stays. */
	if (!access_ok((const void __user *)here, n))
		return 0;
	return n - __copy_from_user(p, (const void __user *)here, n);
}

/* Bytes of one step; fewer than n: one side has not all that was asked of it. */
static size_t copy_step(struct mm_struct *mm, unsigned long here, unsigned long there, size_t n,
			bool write)
{
	unsigned long off = there & ~PAGE_MASK, nr = (off + n + PAGE_SIZE - 1) >> PAGE_SHIFT;
	struct page *pages[NR_PINNED];
	size_t done = 0, part, got;
	long pinned;

	mmap_read_lock(mm);
	pinned = pin_user_pages_remote(mm, there, nr, write ? FOLL_WRITE : 0, pages);
	mmap_read_unlock(mm);
	for (long i = 0; i < pinned; i++, off = 0) {
		part = min(n - done, PAGE_SIZE - off);
		got = copy_page_part((char *)page_address(pages[i]) + off, here + done, part,
				     write);
		done += got;
		if (got < part)
			break;
	}
	if (pinned > 0)
		unpin_user_pages_dirty_lock(pages, pinned, write);
	return done;
}

static ssize_t copy_vectors(struct mm_struct *mm, struct cursor *here, struct cursor *there,
			    bool write)
{
	ssize_t done = 0;
	size_t n, got;

	for (;;) {
		n = min(piece(here), piece(there));
		if (!n)
			break;
		n = min(n, NR_PINNED * PAGE_SIZE - (address(there) & ~PAGE_MASK));
		got = copy_step(mm, address(here), address(there), n, write);
		here->off += got;
		there->off += got;
		done += got;
		if (got < n) {
			done = done ? done : -EFAULT;
			break;
		}
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	return done;
}

/* The same identity throughout, and no right that current lacks. */
static bool creds_may_attach(struct task_struct *task)
{
	const struct cred *me = current_cred(), *c;

	guard(rcu)();
	c = rcu_dereference(task->cred);
	return me->uid == c->uid && me->uid == c->euid && me->uid == c->suid && me->gid == c->gid &&
	       me->gid == c->egid && me->gid == c->sgid && !(c->cap_permitted & ~me->cap_permitted);
}

bool task_may_attach(struct task_struct *task)
{
	bool dumpable = true;

	if (same_thread_group(task, current) || capable(CAP_SYS_PTRACE))
		return true;
	if (!creds_may_attach(task))
		return false;
	smp_rmb(); /* commit_creds() stores in the other order */
	task_lock(task);
	if (task->mm)
		dumpable = (READ_ONCE(task->mm->flags) & 3) == 1;
	task_unlock(task);
	return dumpable;
}

struct mm_struct *mm_access(struct task_struct *task)
{
	struct mm_struct *mm = get_task_mm(task);
	bool same;

	if (!mm)
		return ERR_PTR(-ESRCH);
	if (mm == current->mm)
		return mm;
	if (task_may_attach(task)) {
		/* After an exec in between it was not this memory that was looked at. */
		task_lock(task);
		same = task->mm == mm;
		task_unlock(task);
		if (same || capable(CAP_SYS_PTRACE))
			return mm;
	}
	mmput(mm);
	return ERR_PTR(-EPERM);
}

/* The memory of a process, with a reference (mmput); ERR_PTR(-ESRCH, -EPERM). */
static struct mm_struct *open_memory(pid_t pid)
{
	struct task_struct *task = find_get_task_by_vpid(pid);
	struct mm_struct *mm;

	if (!task)
		return ERR_PTR(-ESRCH);
	mm = mm_access(task);
	put_task_struct(task);
	return mm;
}

/* The other's vector: its addresses are not checked against our own address space. 0 or -errno */
static int import_remote(const struct iovec __user *uvec, unsigned long nr, struct iovec **out)
{
	struct iovec *iov;
	unsigned long i;

	if (nr > UIO_MAXIOV)
		return -EINVAL;
	iov = kmalloc_array(max(nr, 1UL), sizeof(*iov), GFP_KERNEL);
	if (!iov)
		return -ENOMEM;
	*out = iov;
	if (copy_from_user(iov, uvec, nr * sizeof(*iov)))
		return -EFAULT;
	for (i = 0; i < nr; i++)
		if ((ssize_t)iov[i].iov_len < 0)
			return -EINVAL;
	return 0;
}

static ssize_t process_vm_rw(pid_t pid, const struct iovec __user *lvec, unsigned long nl,
			     const struct iovec __user *rvec, unsigned long nr, unsigned long flags,
			     bool write)
{
	struct iovec fast[NR_FAST], *local = fast, *remote = NULL;
	struct mm_struct *mm;
	ssize_t ret;

	if (flags)
		return -EINVAL;
	ret = import_iovec(lvec, nl, fast, &local);
	if (ret <= 0)
		goto out;
	ret = import_remote(rvec, nr, &remote);
	if (ret || !nr)
		goto out;
	mm = open_memory(pid);
	ret = PTR_ERR_OR_ZERO(mm);
	if (!ret) {
		struct cursor here = { .iov = local, .left = nl },
			      there = { .iov = remote, .left = nr };

		ret = copy_vectors(mm, &here, &there, write);
		mmput(mm);
	}
out:
	kfree(remote);
	if (local != fast)
		kfree(local);
	return ret;
}

static long sys_process_vm_readv(pid_t pid, const struct iovec __user *lvec, unsigned long nl,
				 const struct iovec __user *rvec, unsigned long nr,
				 unsigned long flags)
{
	return process_vm_rw(pid, lvec, nl, rvec, nr, flags, false);
}
SYSCALL(310, process_vm_readv);

static long sys_process_vm_writev(pid_t pid, const struct iovec __user *lvec, unsigned long nl,
				  const struct iovec __user *rvec, unsigned long nr,
				  unsigned long flags)
{
	return process_vm_rw(pid, lvec, nl, rvec, nr, flags, true);
}
SYSCALL(311, process_vm_writev);

/* ---- process_madvise ---- */

/* For others only what changes nothing but speed. */
static bool remote_advice(int advice)
{
	return advice == MADV_COLD || advice == MADV_PAGEOUT || advice == MADV_WILLNEED;
}

/* Range after range; bytes, or the error of the first. */
static ssize_t advise_vector(struct mm_struct *mm, const struct iovec *iov, unsigned long nr,
			     int advice)
{
	ssize_t done = 0;
	int err = 0;

	for (unsigned long i = 0; i < nr && !err; i++) {
		err = do_madvise(mm, (unsigned long)iov[i].iov_base, iov[i].iov_len, advice);
		if (!err)
			done += iov[i].iov_len;
	}
	return done ? done : err;
}

/* The memory of the process, with a reference (mmput), if current may give this advice; ERR_PTR. */
static struct mm_struct *advised_memory(int pidfd, int advice)
{
	struct task_struct *task = pidfd_get_task(pidfd);
	struct mm_struct *mm;
	int err = 0;

	if (IS_ERR(task))
		return ERR_CAST(task);
	mm = mm_access(task);
	if (IS_ERR(mm))
		err = PTR_ERR(mm) == -EPERM ? -EACCES : PTR_ERR(mm);
	else if (mm != current->mm && !remote_advice(advice))
		err = -EINVAL;
	else if (mm != current->mm && !capable(CAP_SYS_NICE))
		err = -EPERM;
	put_task_struct(task);
	if (err && !IS_ERR(mm))
		mmput(mm);
	return err ? ERR_PTR(err) : mm;
}

static long sys_process_madvise(int pidfd, const struct iovec __user *vec, unsigned long nr,
				int advice, unsigned int flags)
{
	struct iovec fast[NR_FAST], *iov = fast;
	struct mm_struct *mm;
	ssize_t ret;

	if (flags)
		return -EINVAL;
	ret = import_iovec(vec, nr, fast, &iov);
	if (ret >= 0) {
		mm = advised_memory(pidfd, advice);
		ret = PTR_ERR_OR_ZERO(mm);
		if (!ret) {
			ret = advise_vector(mm, iov, nr, advice);
			mmput(mm);
		}
	}
	if (iov != fast)
		kfree(iov);
	return ret;
}
SYSCALL(440, process_madvise);
