/*
 * The OOM killer: the last resort when an allocation that may wait finds no memory.
 *
 * 1. The victim is the process that frees most: badness is the pages it has in memory and in page tables, moved by
 *    oom_score_adj thousandths of all memory; -1000 exempts. Process 1 and the kernel's threads are never chosen.
 *    Where a memory policy confines the request to some nodes, who is bound to others is passed over.
 * 2. The one who asks need not be the one who dies. He sleeps a tick and tries again; the victim, woken by its
 *    signal, leaves the kernel, exits, and gives its pages back.
 * 3. One victim at a time. As long as its address space is not empty nobody else is killed, but not longer than
 *    VICTIM_PATIENCE: it may wait for a lock that somebody holds who waits for memory. Then the next one goes. When only
 *    dying ones are left the allocation fails and its caller deals with that, so the search always ends.
 * 5. When a process asks and nobody is left at all (every process is process 1 or has -1000), its fault would be repeated for
 *    ever: the kernel panics and says why. A kernel thread, and boot before process 1, get a failed allocation instead.
 * 4. Who has been killed already does not wait: his allocation fails, which lets go of what he holds.
 *
 * Locks: oom_lock (a mutex) around a decision; under it, the floor of tasks takes RCU and task locks.
 * Mirrors Linux mm/oom_kill.c. Exercised by tests/user/oom.c (tests/boot/test_oom.py).
 */
#include "mm/reclaim/oom_kill.h"

#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/mutex.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "mm/phys/buddy.h"
#include "mm/phys/mempolicy.h"
#include "mm/phys/vmstat.h"
#include "mm/reclaim/vmscan.h"

#define VICTIM_PATIENCE HZ /* jiffies */
#define K(pages)	((pages) << (PAGE_SHIFT - 10))

static const struct oom_task_ops *oom_ops;
static DEFINE_MUTEX(oom_lock);

/* The last victim, until its address space is empty: oom_lock. */
static struct mm_struct *victim_mm;
static unsigned long victim_since;

struct oom_choice {
	struct oom_candidate best;
	long points;
	bool somebody_dies;	    /* a process that has been killed has not gone yet */
	const nodemask_t *nodemask; /* where memory is wanted; NULL: anywhere */
};

/* Could its death free memory on these nodes? Not if it is bound to others. */
static bool eligible(struct task_struct *task, const nodemask_t *nodemask)
{
	struct mempolicy *pol;
	bool ok = true;

	if (!nodemask)
		return true;
	task_lock(task);
	pol = task->mempolicy;
	if (pol && pol->mode == MPOL_BIND)
		ok = pol->nodes.bits & nodemask->bits;
	task_unlock(task);
	return ok;
}

static long oom_badness(const struct oom_candidate *c)
{
	long pages = get_mm_rss(c->mm) + (atomic_long_read(&c->mm->pgtables_bytes) >> PAGE_SHIFT);

	if (c->score_adj == OOM_SCORE_ADJ_MIN)
		return LONG_MIN;
	return pages + c->score_adj * (long)(totalram_pages() / 1000);
}

static void consider(const struct oom_candidate *c, void *arg)
{
	struct oom_choice *choice = arg;
	long points = oom_badness(c);

	/* A dying one had its signal; victim_mm waits for it. */
	choice->somebody_dies |= c->dying;
	if (c->dying || points == LONG_MIN || points <= choice->points ||
	    !eligible(c->task, choice->nodemask))
		return;
	if (choice->best.task) {
		oom_ops->put(choice->best.task);
		mmdrop(choice->best.mm);
	}
	choice->best = *c;
	choice->points = points;
	oom_ops->get(c->task);
	mmgrab(c->mm);
}

static void kill_sharer(const struct oom_candidate *c, void *arg)
{
	if (c->mm == arg)
		oom_ops->kill(c->task);
}

/* Is the last victim still giving its memory back? */
static bool victim_pending(void)
{
	if (!victim_mm)
		return false;
	if ((atomic_read(&victim_mm->mm_users) || get_mm_rss(victim_mm)) &&
	    time_before(jiffies, victim_since + VICTIM_PATIENCE))
		return true;
	mmdrop(victim_mm);
	victim_mm = NULL;
	return false;
}

static void __noreturn __cold nobody_to_kill(gfp_t gfp, unsigned int order)
{
	char names[160];

	pr_warn("%s invoked oom-killer: gfp_mask=%#x(%s), order=%u\n", current->comm, gfp,
		gfp_flags_string(gfp, names, sizeof(names)), order);
	dump_stack();
	show_mem();
	pr_warn("Out of memory and no killable processes...\n");
	panic("System is deadlocked on memory\n");
}

/* => oom_lock held. False: there is nobody to kill */
static bool kill_one(gfp_t gfp, unsigned int order, const nodemask_t *nodemask)
{
	struct oom_choice choice = { .points = LONG_MIN, .nodemask = nodemask };
	struct mm_struct *mm;

	oom_ops->for_each(consider, &choice);
	if (!choice.best.task) {
		if (current->mm && !choice.somebody_dies)
			nobody_to_kill(gfp, order);
		return false;
	}
	mm = choice.best.mm;
	pr_err("Out of memory: Killed process %d (%s) total-vm:%lukB, anon-rss:%lukB, "
	       "file-rss:%lukB, shmem-rss:%lukB, "
	       "pgtables:%lukB oom_score_adj:%d\n",
	       choice.best.task->pid, choice.best.task->comm, K(mm->total_vm),
	       K(get_mm_counter(mm, MM_ANONPAGES)), K(get_mm_counter(mm, MM_FILEPAGES)),
	       K(get_mm_counter(mm, MM_SHMEMPAGES)), atomic_long_read(&mm->pgtables_bytes) >> 10,
	       choice.best.score_adj);
	count_vm_event(OOM_KILL);
	/* Who shares the address space would keep it: all go. */
	oom_ops->for_each(kill_sharer, mm);
	oom_ops->put(choice.best.task);
	victim_mm = mm;
	victim_since = jiffies;
	return true;
}

/* reclaim_ops->oom: true when it is worth trying again. */
static bool out_of_memory(gfp_t gfp, unsigned int order, const struct alloc_context *ac)
{
	bool again = true;

	if (fatal_signal_pending(current) || (current->flags & PF_EXITING))
		return false;
	if (mutex_trylock(&oom_lock)) {
		again = victim_pending() || kill_one(gfp, order, ac->nodemask);
		mutex_unlock(&oom_lock);
	}
	if (again)
		schedule_timeout_killable(1);
	return again;
}

void oom_init(const struct oom_task_ops *ops)
{
	static const struct reclaim_ops reclaim = { .direct_reclaim = try_to_free_pages,
						    .oom = out_of_memory };

	oom_ops = ops;
	register_reclaim_ops(&reclaim);
}
