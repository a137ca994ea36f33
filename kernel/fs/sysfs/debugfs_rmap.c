/*
 * /sys/kernel/debug/rmap: reverse mapping held against a full scan of the page tables of all processes.
 *
 * One line a number: entries looked at, and three kinds of faults, all of which must be 0. "miscounted" may be above 0 for a moment
 * while processes fork or end. Each address space is locked for reading while it is scanned. For tests: it costs a
 * walk for each entry.
 *
 * Ours, not Linux's. Theory in mm/user/rmap_check.c. Exercised by tests/user/rmap.c.
 */
#include "kernel/fs/sysfs/debugfs.h"
#include "kernel/init.h"
#include "kernel/pid.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "lib/err.h"
#include "mm/user/rmap_check.h"

/* The first process numbered nr or above, with a reference, and its number in *nr; NULL: none. */
static struct task_struct *process_from(pid_t *nr)
{
	struct task_struct *task = NULL;
	struct pid *pid;

	rcu_read_lock();
	while (!task && (pid = find_ge_pid(*nr)) != NULL) {
		*nr = pid_nr(pid);
		task = pid_task(pid, PIDTYPE_TGID);
		if (task)
			get_task_struct(task);
		else
			++*nr;
	}
	rcu_read_unlock();
	return task;
}

static int rmap_show(struct seq_file *m, void *v)
{
	struct rmap_report r = {};
	struct task_struct *task;

	for (pid_t nr = 1; (task = process_from(&nr)) != NULL; nr++) {
		struct mm_struct *mm = get_task_mm(task);

		put_task_struct(task);
		if (!mm)
			continue;
		mmap_read_lock(mm);
		rmap_check_mm(mm, &r);
		mmap_read_unlock(mm);
		mmput(mm);
		cond_resched();
	}
	seq_printf(m, "entries %lu\nunreachable %lu\nmiscounted %lu\nshared %lu\n", r.entries,
		   r.unreachable, r.miscounted, r.shared);
	return 0;
}

static int debugfs_rmap_init(void)
{
	return PTR_ERR_OR_ZERO(debugfs_create_single("rmap", 0400, NULL, NULL, rmap_show));
}
late_initcall(debugfs_rmap_init);
