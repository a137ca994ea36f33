/*
 * /proc/PID/stat, statm and status: one task in numbers.
 *
 * Field order and names are Linux's (proc(5)); ps and top parse them. Mirrors Linux
 * fs/proc/array.c. Exercised by tests/user/procfs.c.
 */
#include "kernel/bug.h"
#include "kernel/fork.h"
#include "kernel/fs/fdtable.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/pid.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/time.h"
#include "lib/bitmap.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/user/mm.h"

static char task_state_char(struct task_struct *task)
{
	unsigned int state = READ_ONCE(task->__state) | READ_ONCE(task->exit_state);

	if (state & EXIT_DEAD)
		return 'X';
	if (state & EXIT_ZOMBIE)
		return 'Z';
	if (state & __TASK_STOPPED)
		return 'T';
	if ((state & TASK_IDLE) == TASK_IDLE)
		return 'I';
	if (state & TASK_UNINTERRUPTIBLE)
		return 'D';
	return state & TASK_INTERRUPTIBLE ? 'S' : 'R';
}

static const char *task_state_name(char c)
{
	switch (c) {
	case 'R':
		return "R (running)";
	case 'S':
		return "S (sleeping)";
	case 'D':
		return "D (disk sleep)";
	case 'T':
		return "T (stopped)";
	case 'Z':
		return "Z (zombie)";
	case 'X':
		return "X (dead)";
	}
	return "I (idle)";
}

static u64 ns_to_clock(u64 ns)
{
	return ns / (NSEC_PER_SEC / USER_HZ);
}

/* Signal sets of a process: what it ignores and what it catches. */
static void collect_sigs(struct task_struct *task, u64 *ign, u64 *catch)
{
	struct sighand_struct *sh;
	int i;

	*ign = *catch = 0;
	rcu_read_lock();
	sh = READ_ONCE(task->sighand);
	for (i = 0; sh && i < _NSIG; i++) {
		if (sh->action[i].sa_handler == SIG_IGN)
			*ign |= BIT(i);
		else if (sh->action[i].sa_handler != SIG_DFL)
			*catch |= BIT(i);
	}
	rcu_read_unlock();
}

void (*proc_tty_numbers)(struct task_struct *task, int *nr, int *pgrp);

struct stat_numbers {
	u64 utime, stime;
	unsigned long vsize, rss, start_code, end_code, start_stack, min_flt, maj_flt;
	unsigned long start_data, end_data, start_brk, arg_start, arg_end, env_start, env_end;
};

static void collect_mm(struct task_struct *task, struct stat_numbers *s)
{
	struct mm_struct *mm = get_task_mm(task);

	if (!mm)
		return;
	s->vsize = mm->total_vm << PAGE_SHIFT;
	s->rss = get_mm_rss(mm);
	s->start_code = mm->start_code;
	s->end_code = mm->end_code;
	s->start_stack = mm->start_stack;
	s->start_data = mm->start_data;
	s->end_data = mm->end_data;
	s->start_brk = mm->start_brk;
	s->arg_start = mm->arg_start;
	s->arg_end = mm->arg_end;
	s->env_start = mm->env_start;
	s->env_end = mm->env_end;
	mmput(mm);
}

static void collect_times(struct task_struct *task, bool whole, struct stat_numbers *s)
{
	struct task_struct *t;

	if (!whole) {
		task_cputime_adjusted(task, &s->utime, &s->stime);
		s->min_flt = task->min_flt;
		s->maj_flt = task->maj_flt;
		return;
	}
	thread_group_cputime_adjusted(task, &s->utime, &s->stime);
	s->min_flt = task->signal->min_flt;
	s->maj_flt = task->signal->maj_flt;
	rcu_read_lock();
	for_each_thread(task, t) {
		s->min_flt += t->min_flt;
		s->maj_flt += t->maj_flt;
	}
	rcu_read_unlock();
}

int proc_pid_stat_show(struct seq_file *m, struct task_struct *task, bool whole)
{
	struct signal_struct *sig = task->signal;
	struct stat_numbers s = { 0 };
	char comm[TASK_COMM_LEN];
	u64 ign, catch;
	int tty_nr = 0, tty_pgrp = -1;

	collect_mm(task, &s);
	collect_times(task, whole, &s);
	collect_sigs(task, &ign, &catch);
	if (proc_tty_numbers)
		proc_tty_numbers(task, &tty_nr, &tty_pgrp);
	seq_printf(m, "%d (%s) %c %d %d %d %d %d %u %lu %lu %lu %lu %llu %llu %lld %lld ",
		   task->pid, get_task_comm(comm, task), task_state_char(task), task_ppid_nr(task),
		   task_pgrp_nr(task), task_session_nr(task), tty_nr, tty_pgrp, task->flags,
		   s.min_flt, sig->cmin_flt, s.maj_flt, sig->cmaj_flt, ns_to_clock(s.utime),
		   ns_to_clock(s.stime), (s64)ns_to_clock(sig->cutime),
		   (s64)ns_to_clock(sig->cstime));
	seq_printf(m,
		   "%d %d %d 0 %llu %lu %lu %lu %lu %lu %lu 0 0 %lu %lu %lu %lu 0 0 0 %d %d %u %u "
		   "0 0 0 ",
		   task_prio(task), task->se.nice, sig->nr_threads, ns_to_clock(task->start_time),
		   s.vsize, s.rss, sig->rlim[RLIMIT_RSS].rlim_cur, s.start_code, s.end_code,
		   s.start_stack, (unsigned long)task->pending.signal & 0x7fffffff,
		   (unsigned long)task->blocked & 0x7fffffff, (unsigned long)ign & 0x7fffffff,
		   (unsigned long)catch & 0x7fffffff, task->exit_signal, task->cpu,
		   task->se.rt_priority, task->se.policy);
	seq_printf(m, "%lu %lu %lu %lu %lu %lu %lu %d\n", s.start_data, s.end_data, s.start_brk,
		   s.arg_start, s.arg_end, s.env_start, s.env_end, task->exit_code);
	return 0;
}

int proc_pid_statm_show(struct seq_file *m, struct task_struct *task)
{
	struct mm_struct *mm = get_task_mm(task);
	unsigned long shared, text;

	if (!mm) {
		seq_puts(m, "0 0 0 0 0 0 0\n");
		return 0;
	}
	shared = get_mm_counter(mm, MM_FILEPAGES) + get_mm_counter(mm, MM_SHMEMPAGES);
	text = (PAGE_ALIGN(mm->end_code) - (mm->start_code & PAGE_MASK)) >> PAGE_SHIFT;
	seq_printf(m, "%lu %lu %lu %lu 0 %lu 0\n", mm->total_vm, get_mm_rss(mm), shared, text,
		   mm->data_vm + mm->stack_vm);
	mmput(mm);
	return 0;
}

static void status_mm(struct seq_file *m, struct mm_struct *mm)
{
	unsigned long text = (PAGE_ALIGN(mm->end_code) - (mm->start_code & PAGE_MASK)) >> 10;
	unsigned long anon = get_mm_counter(mm, MM_ANONPAGES),
		      file = get_mm_counter(mm, MM_FILEPAGES);
	unsigned long shmem = get_mm_counter(mm, MM_SHMEMPAGES), rss = anon + file + shmem;
	unsigned long exec = mm->exec_vm << (PAGE_SHIFT - 10), lib = exec > text ? exec - text : 0;

#define K(pages) ((pages) << (PAGE_SHIFT - 10))
	seq_printf(m, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmPin:\t%8lu kB\n",
		   K(max(mm->hiwater_vm, mm->total_vm)), K(mm->total_vm), K(mm->locked_vm),
		   K((unsigned long)atomic_long_read(&mm->pinned_vm)));
	seq_printf(m,
		   "VmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\nRssAnon:\t%8lu kB\nRssFile:\t%8lu "
		   "kB\nRssShmem:\t%8lu kB\n",
		   K(max(mm->hiwater_rss, rss)), K(rss), K(anon), K(file), K(shmem));
	seq_printf(m,
		   "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\nVmLib:\t%8lu "
		   "kB\nVmPTE:\t%8lu kB\nVmSwap:\t%8lu kB\n",
		   K(mm->data_vm), K(mm->stack_vm), text, lib,
		   (unsigned long)atomic_long_read(&mm->pgtables_bytes) >> 10,
		   K(get_mm_counter(mm, MM_SWAPENTS)));
#undef K
}

/* Size of the descriptor table; it cannot go while the task is locked. */
static unsigned int task_max_fds(struct task_struct *task)
{
	unsigned int n;

	task_lock(task);
	n = task->files ? READ_ONCE(task->files->fdt)->max_fds : 0;
	task_unlock(task);
	return n;
}

/* -1: a zombie has none. */
static int task_umask(struct task_struct *task)
{
	int umask;

	task_lock(task);
	umask = task->fs ? task->fs->umask : -1;
	task_unlock(task);
	return umask;
}

static void status_ids(struct seq_file *m, struct task_struct *task)
{
	const struct cred *c;
	int i;

	rcu_read_lock();
	c = task->cred;
	seq_printf(m, "Uid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid, c->fsuid);
	seq_printf(m, "Gid:\t%u\t%u\t%u\t%u\n", c->gid, c->egid, c->sgid, c->fsgid);
	seq_printf(m, "FDSize:\t%u\nGroups:\t", task_max_fds(task));
	for (i = 0; c->group_info && i < c->group_info->ngroups; i++)
		seq_printf(m, "%s%u", i ? " " : "", c->group_info->gid[i]);
	rcu_read_unlock();
	/* The blank at the end has always been there, and parsers have got used to it. One namespace: one number each. */
	seq_printf(m, " \nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t%d\n",
		   task->tgid, task->pid, task_pgrp_nr(task), task_session_nr(task),
		   !!(task->flags & PF_KTHREAD));
}

/* The bounding set is always full, the ambient one empty (kernel/capability.c). */
static void status_caps(struct seq_file *m, struct task_struct *task)
{
	u64 inheritable, permitted, effective;

	rcu_read_lock();
	inheritable = task->cred->cap_inheritable;
	permitted = task->cred->cap_permitted;
	effective = task->cred->cap_effective;
	rcu_read_unlock();
	seq_printf(m,
		   "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\n"
		   "CapAmb:\t%016llx\n",
		   inheritable, permitted, effective, (u64)CAP_FULL_SET, 0ULL);
}

static void status_signals(struct seq_file *m, struct task_struct *task)
{
	u64 ign, catch;

	collect_sigs(task, &ign, &catch);
	seq_printf(m,
		   "Threads:\t%d\nSigQ:\t%u/"
		   "%lu\nSigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\n"
		   "SigIgn:\t%016llx\nSigCgt:\t%016llx\n",
		   task->signal->nr_threads, nr_queued_signals(),
		   task->signal->rlim[RLIMIT_SIGPENDING].rlim_cur, task->pending.signal,
		   task->signal->shared_pending.signal, task->blocked, ign, catch);
}

int proc_pid_status_show(struct seq_file *m, struct task_struct *task)
{
	struct mm_struct *mm;
	char comm[TASK_COMM_LEN];
	int umask = task_umask(task);

	seq_puts(m, "Name:\t");
	seq_escape(m, get_task_comm(comm, task), "\n");
	if (umask >= 0)
		seq_printf(m, "\nUmask:\t%04o", umask);
	seq_printf(m, "\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		   task_state_name(task_state_char(task)), task->tgid, task->pid,
		   task_ppid_nr(task));
	status_ids(m, task);
	mm = get_task_mm(task);
	if (mm) {
		status_mm(m, mm);
		/* No huge pages; every bit of an address counts. */
		seq_printf(m, "CoreDumping:\t%d\nTHP_enabled:\t0\nuntag_mask:\t0x%016lx\n",
			   READ_ONCE(task->signal->core_state) != NULL, ~0UL);
		mmput(mm);
	}
	status_signals(m, task);
	status_caps(m, task);
	/* Nothing is known of what a processor may guess, and nothing can be set. */
	seq_printf(m,
		   "NoNewPrivs:\t%u\nSeccomp:\t0\nSpeculation_Store_Bypass:\tunknown\n"
		   "SpeculationIndirectBranch:\tunsupported\n",
		   task->no_new_privs);
	seq_printf(m, "Cpus_allowed:\t%lx\nCpus_allowed_list:\t%*pbl\n", task->cpus_mask, 64,
		   &task->cpus_mask);
	/* There are no cpusets: any node with memory. */
	seq_printf(m, "Mems_allowed:\t%*pb\nMems_allowed_list:\t%*pbl\n", MAX_NUMNODES,
		   &node_online_map, MAX_NUMNODES, &node_online_map);
	seq_printf(m, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		   task->nvcsw, task->nivcsw);
	return 0;
}
