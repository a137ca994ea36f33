/*
 * move_pages and migrate_pages: where the pages of a process are, and moving them to other nodes.
 *
 * 1. move_pages without nodes is a question: for each address the node of its page, or why there is none. It is answered in
 *    pieces, so that a list of any length costs a small buffer.
 * 2. With nodes each page goes to its node, and the status says where it is then, or why it stayed. A page that cannot move
 *    now is counted in the answer. How a page moves is told in mm/user/migrate.c.
 * 3. Whose process: one's own, or one of the same user, or any with CAP_SYS_PTRACE.
 *
 * Locks: the process's mmap_lock for reading, for each piece. Mirrors the system calls of Linux mm/migrate.c and
 * mm/mempolicy.c. Exercised by tests/user/mempolicy.c and tests/boot/test_mempolicy.py.
 */
#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/current.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/pid.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/user/mempolicy.h"
#include "mm/user/migrate.h"

#define PAGES_AT_ONCE 16UL

/* The address space of pid (0: current's) with a reference; ERR_PTR(-ESRCH, -EPERM, -EINVAL: a kernel thread). */
static struct mm_struct *find_mm_struct(int pid)
{
	struct task_struct *task = pid ? find_get_task_by_vpid(pid) : current;
	struct mm_struct *mm;

	if (!task)
		return ERR_PTR(-ESRCH);
	if (task != current && !proc_may_access(task))
		mm = ERR_PTR(-EPERM);
	else
		mm = get_task_mm(task);
	if (pid)
		put_task_struct(task);
	return mm ? mm : ERR_PTR(-EINVAL);
}

static int stat_piece(struct mm_struct *mm, unsigned long nr, const void __user *__user *pages,
		      int __user *status)
{
	const void __user *addr[PAGES_AT_ONCE];
	int node[PAGES_AT_ONCE];

	if (copy_from_user(addr, pages, nr * sizeof(*addr)))
		return -EFAULT;
	mmap_read_lock(mm);
	for (unsigned long i = 0; i < nr; i++)
		node[i] = page_node_at(mm, (unsigned long)addr[i]);
	mmap_read_unlock(mm);
	return copy_to_user(status, node, nr * sizeof(*node)) ? -EFAULT : 0;
}

static long do_pages_stat(struct mm_struct *mm, unsigned long nr, const void __user *__user *pages,
			  int __user *status)
{
	int err = 0;

	while (nr && !err) {
		unsigned long n = min(nr, PAGES_AT_ONCE);

		err = stat_piece(mm, n, pages, status);
		pages += n;
		status += n;
		nr -= n;
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}
	return err;
}

/* As do_pages_stat(), but each page goes to its node first; the number of those that stayed elsewhere. */
static long move_piece(struct mm_struct *mm, unsigned long nr, const void __user *__user *pages,
		       const int __user *nodes, int __user *status, bool all)
{
	const void __user *addr[PAGES_AT_ONCE];
	int node[PAGES_AT_ONCE];
	long left = 0;

	if (copy_from_user(addr, pages, nr * sizeof(*addr)) ||
	    copy_from_user(node, nodes, nr * sizeof(*node)))
		return -EFAULT;
	for (unsigned long i = 0; i < nr; i++) {
		if (node[i] < 0 || node[i] >= MAX_NUMNODES || !node_state(node[i], N_MEMORY))
			return -ENODEV;
		mmap_read_lock(mm);
		node[i] = move_page_to_node(mm, (unsigned long)addr[i], node[i], all);
		mmap_read_unlock(mm);
		if (node[i] == -ENOMEM)
			return -ENOMEM;
		left += node[i] == -EBUSY;
	}
	return copy_to_user(status, node, nr * sizeof(*node)) ? -EFAULT : left;
}

static long do_pages_move(struct mm_struct *mm, unsigned long nr, const void __user *__user *pages,
			  const int __user *nodes, int __user *status, bool all)
{
	long left = 0;

	while (nr) {
		unsigned long n = min(nr, PAGES_AT_ONCE);
		long err = move_piece(mm, n, pages, nodes, status, all);

		if (err < 0)
			return err;
		left += err;
		pages += n;
		nodes += n;
		status += n;
		nr -= n;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return left;
}

static long sys_move_pages(int pid, unsigned long nr_pages, const void __user *__user *pages,
			   const int __user *nodes, int __user *status, int flags)
{
	struct mm_struct *mm;
	long ret;

	if (flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) && !capable(CAP_SYS_NICE))
		return -EPERM;
	mm = find_mm_struct(pid);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	if (nodes)
		ret = do_pages_move(mm, nr_pages, pages, nodes, status, flags & MPOL_MF_MOVE_ALL);
	else
		ret = do_pages_stat(mm, nr_pages, pages, status);
	mmput(mm);
	return ret;
}
SYSCALL(279, move_pages);

static long sys_migrate_pages(int pid, unsigned long maxnode, const unsigned long __user *old_nodes,
			      const unsigned long __user *new_nodes)
{
	struct mm_struct *mm;
	nodemask_t old, new;
	long err = get_nodes(&old, old_nodes, maxnode);

	if (!err)
		err = get_nodes(&new, new_nodes, maxnode);
	if (err)
		return err;
	mm = find_mm_struct(pid);
	if (IS_ERR(mm) && PTR_ERR(mm) != -EINVAL)
		return PTR_ERR(mm);
	if ((new.bits & ~node_online_map.bits) && !capable(CAP_SYS_NICE))
		err = -EPERM;
	new.bits &= node_states[N_MEMORY].bits;
	if (!err)
		err = IS_ERR(mm) || nodes_empty(new) ? -EINVAL : 0;
	if (!err)
		err = do_migrate_pages(mm, old, new, capable(CAP_SYS_NICE));
	if (!IS_ERR(mm))
		mmput(mm);
	return err;
}
SYSCALL(256, migrate_pages);
