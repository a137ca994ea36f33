/*
 * struct task_struct: one thread of execution, and what every room keeps about it.
 *
 * Each group of fields belongs to one room, which is named in its heading; the letter behind a field
 * says what protects it:
 *   C  only current touches it, or nobody while the task is not running
 *   T  tasklist_lock for writing; RCU or tasklist_lock for reading
 *   R  the run-queue lock of the task's CPU
 *   S  sighand->siglock
 *   A  alloc_lock (task_lock)
 *   -  constant after creation
 * The first fields are read from assembly (arch/x86/asm_offsets.h): keep their order.
 *
 * Mirrors Linux include/linux/sched.h. Exercised by tests/user/process.c and threads.c.
 */
#pragma once

#include "arch/x86/page.h"
#include "kernel/spinlock.h"
#include "lib/list.h"
#include "lib/types.h"

struct mm_struct;
struct vm_area_struct;
struct signal_struct;
struct sighand_struct;
struct files_struct;
struct fs_struct;
struct cred;
struct pid;
struct completion;
struct mempolicy;
struct pt_regs;

/* task->flags_ti: work to do before the return to user mode. */
#define TIF_SIGPENDING	     0
#define TIF_NEED_RESCHED     1
#define TIF_NOTIFY_SIGNAL    2
#define TIF_RESTORE_SIGMASK  3
#define TIF_NEED_FPU_LOAD    4
#define TIF_NOTIFY_RESUME    5 /* rseq: it was off its CPU */
#define _TIF_SIGPENDING	     BIT(TIF_SIGPENDING)
#define _TIF_NEED_RESCHED    BIT(TIF_NEED_RESCHED)
#define _TIF_NOTIFY_SIGNAL   BIT(TIF_NOTIFY_SIGNAL)
#define _TIF_RESTORE_SIGMASK BIT(TIF_RESTORE_SIGMASK)
#define _TIF_NEED_FPU_LOAD   BIT(TIF_NEED_FPU_LOAD)
#define _TIF_NOTIFY_RESUME   BIT(TIF_NOTIFY_RESUME)
#define _TIF_WORK_MASK                                                                     \
	(_TIF_SIGPENDING | _TIF_NEED_RESCHED | _TIF_NOTIFY_SIGNAL | _TIF_RESTORE_SIGMASK | \
	 _TIF_NOTIFY_RESUME)

/* task->__state: what a wake-up must match. */
#define TASK_RUNNING	     0x0
#define TASK_INTERRUPTIBLE   0x1
#define TASK_UNINTERRUPTIBLE 0x2
#define __TASK_STOPPED	     0x4
#define __TASK_TRACED	     0x8
#define TASK_DEAD	     0x80
#define TASK_WAKEKILL	     0x100
#define TASK_NEW	     0x800
#define TASK_NOLOAD	     0x400
#define TASK_IDLE	     (TASK_UNINTERRUPTIBLE | TASK_NOLOAD)
#define TASK_KILLABLE	     (TASK_WAKEKILL | TASK_UNINTERRUPTIBLE)
#define TASK_STOPPED	     (TASK_WAKEKILL | __TASK_STOPPED)
#define TASK_NORMAL	     (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE)
/* task->exit_state */
#define EXIT_DEAD   0x10
#define EXIT_ZOMBIE 0x20

/* task->flags */
#define PF_IDLE		 0x00000002
#define PF_EXITING	 0x00000004
#define PF_POSTCOREDUMP	 0x00000008 /* S too late to be part of a core dump */
#define PF_FORKNOEXEC	 0x00000040
#define PF_SIGNALED	 0x00000400
#define PF_MEMALLOC	 0x00000800
#define PF_MEMALLOC_NOFS 0x00040000 /* mm/phys/memalloc.h */
#define PF_MEMALLOC_NOIO 0x00080000
#define PF_KTHREAD	 0x00200000

#ifdef CONFIG_KASAN
#define THREAD_SIZE (32UL << 10) /* red zones around everything that lies on it */
#else
#define THREAD_SIZE (16UL << 10) /* kernel stack, one guard page below it */
#endif
#define TASK_COMM_LEN 16

/* arch/x86: state of a thread that is not on a CPU. */
struct thread_struct {
	unsigned long sp;     /* kernel stack pointer while switched out */
	unsigned long fsbase; /* user FS base: arch_prctl(ARCH_SET_FS), TLS */
	unsigned long gsbase; /* user GS base */
	void *fpu;	      /* FXSAVE/XSAVE area, 64-byte aligned, NULL for kernel threads */
	unsigned long cr2;    /* last user fault: address, error code, vector (signal frames) */
	unsigned long error_code;
	unsigned long trap_nr;
};

/* kernel/sched: what the scheduler keeps in a task. */
struct sched_entity {
	struct list_head run_list; /* R  in a run queue's list while it waits for the CPU */
	s64 time_slice;		   /* R  weighted ns left in this epoch; below 0: owed */
	u32 epoch;		   /* R  epoch of the run queue that time_slice belongs to */
	u32 scale;		   /* R  weighted ns for each ns, times 1024: 1024 for nice 0 */
	u64 exec_start;		  /* R  sched_clock() when it got the CPU or was last charged, ns */
	u64 sum_exec_runtime;	  /* R  ns */
	u64 rt_charged;		  /* R  of them charged to the queue's real-time share */
	int nice;		  /* R  -20..19 */
	int policy;		  /* R  SCHED_OTHER.. */
	unsigned int rt_priority; /* R  1..99, 0 for the others */
	unsigned int reset_on_fork; /* R */
};

/* kernel/signal: a set of pending signals and the queue of their details. */
struct sigpending {
	struct list_head list;
	u64 signal; /* bit n-1 is signal n */
};

/* Bytes that calls read and wrote, and how many calls. */
struct task_io {
	u64 rchar, wchar, syscr, syscw;
};

struct restart_block {
	long (*fn)(struct restart_block *);
	u64 arg[5];
};

struct task_struct {
	/* arch/x86: read by assembly */
	unsigned long flags_ti;	     /* TIF_* bits, changed atomically */
	void *stack;		     /* - lowest address of the kernel stack (vmalloc) */
	struct thread_struct thread; /* C */
	unsigned int flags;	     /* C PF_* */

	/* kernel/sched */
	unsigned int __state;	 /* R written by its owner before schedule() */
	int cpu;		 /* R CPU it runs on or is queued for */
	int on_cpu;		 /* R 1 while some CPU runs on its stack */
	int on_rq;		 /* R */
	int nr_cpus_allowed;	 /* R */
	unsigned long cpus_mask; /* R affinity, one bit a CPU (at most 64) */
	struct sched_entity se;
	spinlock_t pi_lock;	      /* serialises wake-ups of this task */
	unsigned long nvcsw, nivcsw;  /* R context switches */
	unsigned int in_iowait;	      /* C waits for a device: io_schedule() */
	void *worker_private;	      /* - kernel threads: kernel/kthread.c */
	int usage;		      /* references, atomic; freed after RCU at 0 */
	int exit_state;		      /* T */
	int exit_code, exit_signal;   /* T */
	int pdeath_signal;	      /* C */
	unsigned int personality;     /* C */
	unsigned int no_new_privs;    /* C prctl: exec honours no set-user-ID bits */
	unsigned long timer_slack_ns; /* C prctl */
	u64 rt_ran;		/* C RLIMIT_RTTIME: ns it ran as a real-time task without a sleep */
	unsigned long rt_slept; /* C nvcsw when that began */

	/* mm */
	struct mm_struct *mm;		/* A NULL for kernel threads */
	struct mm_struct *active_mm;	/* R page tables in use */
	unsigned long min_flt, maj_flt; /* C */
	struct blk_plug *plug; /* requests that wait for their neighbours; written by itself */
	int nr_dirtied;	       /* C pages since its last pause: mm/cache/dirty-throttle.h */
	int nr_dirtied_pause;  /* C so many until the next look; 0: the default */
	unsigned long dirty_paused_when; /* C jiffies; 0: never */
	struct mempolicy *mempolicy;	 /* A NULL: the default; written by itself */
	short il_prev;			 /* C node of the last interleaved page */

	/* kernel/pid, fork, exit */
	pid_t pid, tgid;			  /* - */
	struct pid *thread_pid;			  /* T */
	struct task_struct *real_parent, *parent; /* T */
	struct list_head children, sibling;	  /* T */
	struct task_struct *group_leader;	  /* T */
	struct list_head thread_node;		  /* T in signal->thread_head */
	struct list_head tasks;			  /* T all thread-group leaders, from init_task */
	struct hlist_node pid_links[4];		  /* T PIDTYPE_* lists of struct pid */
	struct list_head dead_entry; /* T on its reaper's list between the end and release_task() */
	struct completion *vfork_done;	      /* A */
	int *set_child_tid, *clear_child_tid; /* C user addresses */
	void *robust_list;		      /* C user address */
	size_t robust_list_len;
	struct rseq *rseq;	/* C user address, NULL: not registered (kernel/rseq.h) */
	u32 rseq_len, rseq_sig; /* C */

	/* time */
	u64 utime, stime; /* C ns */
	u64 start_time;	  /* - ns since boot */
	u64 acct_tsc;	  /* C when the current user or system span began */

	/* kernel/signal */
	struct signal_struct *signal;		  /* T */
	struct sighand_struct *sighand;		  /* T */
	u64 blocked, real_blocked, saved_sigmask; /* S bit n-1 is signal n */
	struct sigpending pending;		  /* S private pending signals */
	unsigned long sas_ss_sp;		  /* C sigaltstack */
	size_t sas_ss_size;
	unsigned int sas_ss_flags;
	unsigned long jobctl;		    /* S */
	struct restart_block restart_block; /* C */

	/* kernel/fs */
	struct fs_struct *fs;	    /* A */
	struct files_struct *files; /* A */
	const struct cred *cred;    /* C written by itself; RCU for others */
	unsigned int link_count;    /* C symlinks followed in this path walk */

	/* kernel/fs: /proc/PID/io */
	struct task_io ioac; /* C */

	/* kernel */
	spinlock_t alloc_lock;	     /* A task_lock() */
	char comm[TASK_COMM_LEN];    /* A */
	void *rcu_next[2];	     /* rcu_head of the delayed free */
	unsigned int rcu_read_depth; /* C */
	void *wake_q_next;	     /* futex wake lists */
	void *journal_info;	     /* C owner-defined */
	struct list_head held_locks; /* C lock-order checker (test kernels) */
	void *uaccess_private;	     /* C */
	unsigned int make_it_fail;   /* - fault injection may hit it: /proc/PID/make-it-fail */
	unsigned int fail_nth;	     /* C its N-th call that can fail does: /proc/PID/fail-nth */
};

static __always_inline void task_io_add(struct task_io *sum, const struct task_io *io)
{
	sum->rchar += io->rchar;
	sum->wchar += io->wchar;
	sum->syscr += io->syscr;
	sum->syscw += io->syscw;
}

extern struct task_struct init_task;

#define task_lock(t)   spin_lock(&(t)->alloc_lock)
#define task_unlock(t) spin_unlock(&(t)->alloc_lock)

static __always_inline void set_tsk_thread_flag(struct task_struct *t, int flag)
{
	__atomic_or_fetch(&t->flags_ti, BIT(flag), __ATOMIC_SEQ_CST);
}

static __always_inline void clear_tsk_thread_flag(struct task_struct *t, int flag)
{
	__atomic_and_fetch(&t->flags_ti, ~BIT(flag), __ATOMIC_SEQ_CST);
}

static __always_inline bool test_tsk_thread_flag(const struct task_struct *t, int flag)
{
	return READ_ONCE(t->flags_ti) & BIT(flag);
}

/* The user register frame of a task: at the top of its kernel stack. */
#define task_pt_regs(t)	  ((struct pt_regs *)((char *)(t)->stack + THREAD_SIZE) - 1)
#define current_pt_regs() task_pt_regs(current)
