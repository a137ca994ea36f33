/*
 * Signals: what is pending, what shall be done about it, and who may send what to whom.
 *
 * 1. A signal is pending for one thread (task->pending) or for the process (signal->shared_pending, any thread takes it).
 *    The set says which; the queue holds a siginfo for each. Signals below SIGRTMIN are queued once at most.
 * 2. A thread looks for work on its way back to user mode when TIF_SIGPENDING is set: get_signal() takes the
 *    lowest number first (faults before all), carries out default actions, and gives those with a handler to arch/x86/signal.c.
 * 3. struct signal_struct is what the threads of a process share as a process; struct sighand_struct is the table of
 *    actions, shared by threads and by clone(CLONE_SIGHAND).
 * 4. Job control: a stop signal makes every thread of the process stop in do_signal_stop(); the last one tells the
 *    parent. SIGCONT undoes it as it is sent, handled or not; SIGKILL ends it.
 *
 * Locks: sighand->siglock (S), interrupts off, inside tasklist_lock (T). lock_task_sighand() finds it for a task that may be exiting.
 * Mirrors Linux include/linux/sched/signal.h, signal_types.h, uapi siginfo.h. Exercised by tests/user/{signals,sigwait}.c.
 */
#pragma once

#include "arch/x86/signal.h"
#include "kernel/pid.h"
#include "kernel/rlimit.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "kernel/wait.h"
#include "lib/list.h"
#include "lib/types.h"

#define SIGHUP	  1
#define SIGINT	  2
#define SIGQUIT	  3
#define SIGILL	  4
#define SIGTRAP	  5
#define SIGABRT	  6
#define SIGBUS	  7
#define SIGFPE	  8
#define SIGKILL	  9
#define SIGUSR1	  10
#define SIGSEGV	  11
#define SIGUSR2	  12
#define SIGPIPE	  13
#define SIGALRM	  14
#define SIGTERM	  15
#define SIGSTKFLT 16
#define SIGCHLD	  17
#define SIGCONT	  18
#define SIGSTOP	  19
#define SIGTSTP	  20
#define SIGTTIN	  21
#define SIGTTOU	  22
#define SIGURG	  23
#define SIGXCPU	  24
#define SIGXFSZ	  25
#define SIGVTALRM 26
#define SIGPROF	  27
#define SIGWINCH  28
#define SIGIO	  29
#define SIGPOLL	  SIGIO
#define SIGPWR	  30
#define SIGSYS	  31
#define SIGRTMIN  32
#define SIGRTMAX  64
#define _NSIG	  64

#define SIG_DFL	    0UL
#define SIG_IGN	    1UL
#define SIG_BLOCK   0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

/* si_code: above 0 the kernel's, by signal; others say who made it. */
#define SI_USER	      0
#define SI_KERNEL     0x80
#define SI_QUEUE      (-1)
#define SI_TIMER      (-2)
#define SI_MESGQ      (-3)
#define SI_ASYNCIO    (-4)
#define SI_SIGIO      (-5)
#define SI_TKILL      (-6)
#define ILL_ILLOPC    1
#define ILL_ILLOPN    2
#define ILL_PRVOPC    5
#define ILL_BADSTK    8
#define FPE_INTDIV    1
#define FPE_INTOVF    2
#define FPE_FLTDIV    3
#define FPE_FLTOVF    4
#define FPE_FLTUND    5
#define FPE_FLTRES    6
#define FPE_FLTINV    7
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define SEGV_BNDERR   3
#define SEGV_PKUERR   4
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define BUS_OBJERR    3
#define BUS_MCEERR_AR 4
#define TRAP_BRKPT    1
#define TRAP_TRACE    2
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_TRAPPED   4
#define CLD_STOPPED   5
#define CLD_CONTINUED 6
#define POLL_IN	      1

typedef union sigval {
	int sival_int;
	void *sival_ptr;
} sigval_t;

/* The used part of the siginfo_t of user programs, which is padded with zeroes to SIGINFO_SIZE. */
struct kernel_siginfo {
	int si_signo, si_errno, si_code, __pad;
	union {
		struct {
			pid_t si_pid;
			u32 si_uid;
			union {
				sigval_t si_value; /* SI_QUEUE, SI_MESGQ */
				struct {
					int si_status; /* SIGCHLD: exit code or signal */
					int __pad2;
					long si_utime, si_stime; /* USER_HZ */
				};
			};
		};
		struct {
			int si_tid, si_overrun; /* SI_TIMER */
			sigval_t si_timer_value;
		};
		struct {
			void __user *si_addr; /* SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP */
			short si_addr_lsb;
		};
		struct {
			long si_band; /* SIGIO */
			int si_fd;
		};
		u64 __raw[4];
	};
};
BUILD_BUG_ON(sizeof(struct kernel_siginfo) != 48);

/* In place of a siginfo: "from a user program, current" and "from the kernel, no details". */
#define SEND_SIG_NOINFO ((struct kernel_siginfo *)0)
#define SEND_SIG_PRIV	((struct kernel_siginfo *)1)

struct k_sigaction {
	unsigned long sa_handler; /* SIG_DFL, SIG_IGN or a user address */
	unsigned long sa_flags;	  /* SA_* */
	unsigned long sa_restorer;
	u64 sa_mask;
};
BUILD_BUG_ON(sizeof(struct k_sigaction) != 32);

struct sigqueue {
	struct list_head list; /* S */
	struct kernel_siginfo info;
};

struct sighand_struct {
	spinlock_t siglock;
	int count;			/* tasks that use it, atomic */
	u64 used;			/* S bit n: action[n] is not all zero */
	wait_queue_head_t signalfd_wqh; /* readers and pollers of signalfds */
	struct k_sigaction
		action[_NSIG]; /* S [signal - 1]; changed only by set_action() of signal.c */
};

struct cpu_itimer {
	u64 expires, incr; /* S ns of CPU time of the process; 0: off */
};

struct core_state;
struct tty_struct;

struct signal_struct {
	int sigcnt;			  /* task_structs that point here, atomic */
	int live;			  /* threads that have not begun to exit, atomic */
	int nr_threads;			  /* T not yet released */
	struct list_head thread_head;	  /* T all threads; RCU readers */
	wait_queue_head_t wait_chldexit;  /* wait4() of any thread sleeps here */
	struct task_struct *curr_target;  /* S who got the last shared signal */
	struct sigpending shared_pending; /* S */

	int group_exit_code;		     /* S with SIGNAL_GROUP_EXIT, or of the group stop */
	int group_stop_count;		     /* S threads that have still to stop */
	int notify_count;		     /* S de_thread() waits for so many exits */
	struct task_struct *group_exec_task; /* S the thread that execs */
	struct core_state *core_state;	     /* S a core is being written (kernel/coredump.h) */
	unsigned int flags;		     /* S SIGNAL_* */
	bool is_child_subreaper;	     /* current's own; prctl */
	bool has_child_subreaper;	     /* T some ancestor is one */

	struct pid *pids[PIDTYPE_MAX]; /* T TGID, PGID, SID */
	int leader;		       /* S session leader */
	struct tty_struct *tty;	       /* S controlling terminal, one reference (signal_tty_ops) */
	struct pid
		*tty_old_pgrp; /* S the terminal's group when the leader lost it, with reference */

	/* kernel/time (itimer.c): all zero after fork; exit_itimers() at the end and in exec by nobody */
	struct hrtimer real_timer; /* ITIMER_REAL */
	ktime_t it_real_incr;	   /* S */
	struct cpu_itimer it[2];   /* S [0] ITIMER_PROF, [1] ITIMER_VIRTUAL */
	void *posix_timers;	   /* S */

	/* sums of threads that are gone, and of children that were waited for; S */
	u64 utime, stime, cutime, cstime, sum_sched_runtime;
	unsigned long nvcsw, nivcsw, cnvcsw, cnivcsw;
	unsigned long min_flt, maj_flt, cmin_flt, cmaj_flt;
	struct task_io ioac;
	unsigned long maxrss, cmaxrss; /* KiB */

	spinlock_t rlim_lock;
	struct {
		unsigned long rlim_cur, rlim_max;
	} rlim[RLIM_NLIMITS]; /* rlim_lock to write; single values are read without it */

	short oom_score_adj, oom_score_adj_min; /* /proc/PID/oom_score_adj */
	bool group_oom_killed;
};

#define SIGNAL_STOP_STOPPED   0x1  /* the whole process is stopped */
#define SIGNAL_STOP_CONTINUED 0x2  /* SIGCONT since wait saw it last */
#define SIGNAL_GROUP_EXIT     0x4  /* exit_group or a fatal signal */
#define SIGNAL_CLD_STOPPED    0x10 /* the parent is still to be told */
#define SIGNAL_CLD_CONTINUED  0x20
#define SIGNAL_CLD_MASK	      (SIGNAL_CLD_STOPPED | SIGNAL_CLD_CONTINUED)
#define SIGNAL_UNKILLABLE     0x40 /* process 1: only signals that it handles */

/* task->jobctl; the low bits are the stop signal. */
#define JOBCTL_STOP_SIGMASK  0xffffUL
#define JOBCTL_STOP_DEQUEUED BIT(16) /* a stop signal was dequeued, SIGCONT clears it */
#define JOBCTL_STOP_PENDING  BIT(17) /* shall stop */
#define JOBCTL_STOP_CONSUME  BIT(18) /* counts in group_stop_count */

extern struct signal_struct init_signals;
extern struct sighand_struct init_sighand;

void signals_init(void); /* caches, signal_ops, force_sig_fault_hook. => slab works */

/* ---- masks ---- */

#define sigmask(sig)	(1ULL << ((sig)-1))
#define SIG_KERNEL_ONLY (sigmask(SIGKILL) | sigmask(SIGSTOP))
#define SIG_KERNEL_STOP (sigmask(SIGSTOP) | sigmask(SIGTSTP) | sigmask(SIGTTIN) | sigmask(SIGTTOU))
#define SIG_KERNEL_IGNORE \
	(sigmask(SIGCONT) | sigmask(SIGCHLD) | sigmask(SIGWINCH) | sigmask(SIGURG))
#define SIG_KERNEL_COREDUMP                                                         \
	(sigmask(SIGQUIT) | sigmask(SIGILL) | sigmask(SIGTRAP) | sigmask(SIGABRT) | \
	 sigmask(SIGFPE) | sigmask(SIGSEGV) | sigmask(SIGBUS) | sigmask(SIGSYS) |   \
	 sigmask(SIGXCPU) | sigmask(SIGXFSZ))
#define SYNCHRONOUS_MASK                                                           \
	(sigmask(SIGSEGV) | sigmask(SIGBUS) | sigmask(SIGILL) | sigmask(SIGTRAP) | \
	 sigmask(SIGFPE) | sigmask(SIGSYS))

static __always_inline bool valid_signal(unsigned long sig)
{
	return sig <= _NSIG;
}

/* Takes siglock of a task that may be exiting; NULL: it has none any more. Unlock with unlock_task_sighand(). */
struct sighand_struct *lock_task_sighand(struct task_struct *task, unsigned long *flags);
#define unlock_task_sighand(task, flags) spin_unlock_irqrestore(&(task)->sighand->siglock, *(flags))

/* Is anything deliverable pending for @t? Sets or clears TIF_SIGPENDING. => siglock held */
void recalc_sigpending_and_wake(struct task_struct *t);
void recalc_sigpending(void); /* the same for current */
/* Replaces current's mask; SIGKILL and SIGSTOP stay out. Process signals that become blocked go to another thread. */
void set_current_blocked(u64 mask);
int sigprocmask(int how, const u64 *set, u64 *oldset);
/* ppoll, pselect6, ...: installs *umask until the call ends (restore_saved_sigmask); 0, -EFAULT, -EINVAL. NULL is fine. */
int set_user_sigmask(const u64 __user *umask, size_t sigsetsize);
/* End of such a call: the old mask comes back now, or, if a signal interrupted it, after the handler started. */
void restore_saved_sigmask_unless(bool interrupted);

/* ---- sending. 0, -ESRCH, -EPERM, -EAGAIN, -EINVAL. => any context unless said otherwise ---- */

/* To the process of @p, without permission checks. priv: from the kernel, else in the name of current. */
int send_sig(int sig, struct task_struct *p, int priv);
int send_sig_info(int sig, struct kernel_siginfo *info, struct task_struct *p); /* to the thread */
/* With permission checks when info says that a user sends it. type: PIDTYPE_PID thread, else its process. */
int group_send_sig_info(int sig, struct kernel_siginfo *info, struct task_struct *p,
			enum pid_type type);
int do_send_sig_info(int sig, struct kernel_siginfo *info, struct task_struct *p,
		     enum pid_type type);
/* => siglock of @p held */
int send_signal_locked(int sig, struct kernel_siginfo *info, struct task_struct *p,
		       enum pid_type type);
/* Everyone in a process group. */
int kill_pgrp(struct pid *pid, int sig, int priv);
int __kill_pgrp_info(int sig, struct kernel_siginfo *info,
		     struct pid *pgrp); /* => tasklist_lock held */
int kill_pid(struct pid *pid, int sig, int priv);
int kill_pid_info(int sig, struct kernel_siginfo *info, struct pid *pid);

/*
 * To current, which cannot escape: blocked or ignored signals get their default action. force_sig_fault fills si_code and
 * si_addr; force_fatal_sig kills even if there is a handler. => process context
 */
void force_sig(int sig);
void force_fatal_sig(int sig);
void force_sigsegv(int sig); /* a frame for @sig could not be written */
int force_sig_fault(int sig, int code, void __user *addr);
int force_sig_info(struct kernel_siginfo *info);

/* May current send to @t? 0 or -EPERM. => RCU held */
int check_kill_permission(int sig, struct kernel_siginfo *info, struct task_struct *t);

/* ---- receiving ---- */

/* True if current ignores or blocks @sig: background reads of a terminal ask. */
bool is_ignored_or_blocked(int sig);
bool unhandled_signal(struct task_struct *tsk, int sig); /* the default action would come */
/* Takes one signal that is not in @mask; 0: none. => siglock of current held */
int dequeue_signal(u64 mask, struct kernel_siginfo *info);
/* The next one with a handler; see signal_ops in arch/x86/signal.h. */
bool get_signal(struct ksignal *ks);
int copy_siginfo_to_user(void __user *to, const struct kernel_siginfo *from);
long do_no_restart_syscall(struct restart_block *param);

/* ---- life: fork, exec, exit ---- */

static inline void init_sigpending(struct sigpending *p)
{
	p->signal = 0;
	INIT_LIST_HEAD(&p->list);
}
void flush_sigqueue(struct sigpending *queue);
void flush_signals(struct task_struct *t); /* kernel threads */
void flush_signal_handlers(
	struct sighand_struct *sighand);    /* exec: handlers become SIG_DFL. => siglock or alone */
void ignore_signals(struct task_struct *t); /* kernel threads */
/* Copy of @from's actions, count 1; NULL: no memory. => may sleep */
struct sighand_struct *alloc_sighand(struct sighand_struct *from);
void __cleanup_sighand(struct sighand_struct *sighand); /* drops a reference */
/* current begins to exit: its shared signals go to other threads, a group stop does not wait for it. */
void exit_signals(struct task_struct *tsk);
/* Kills every other thread of @p's group; how many. => siglock held */
int zap_other_threads(struct task_struct *p);
void signal_wake_up_state(struct task_struct *t, unsigned int state);
static inline void signal_wake_up(struct task_struct *t, bool fatal)
{
	signal_wake_up_state(t, fatal ? TASK_WAKEKILL : 0);
}
/* SIGCHLD (or @sig) with the reason for the parent; true: nobody wants the zombie. => tasklist_lock held */
bool do_notify_parent(struct task_struct *tsk, int sig);
void __wake_up_parent(struct task_struct *p, struct task_struct *parent);
void task_clear_jobctl_pending(struct task_struct *task, unsigned long mask);
bool task_participate_group_stop(struct task_struct *task);

static __always_inline bool thread_group_empty(struct task_struct *p)
{
	return p->signal->nr_threads == 1;
}
static __always_inline int get_nr_threads(struct task_struct *p)
{
	return p->signal->nr_threads;
}

/* ---- controlling terminals: kernel/dev/tty registers ---- */

struct signal_tty_ops {
	struct tty_struct *(*get)(struct tty_struct *tty); /* a reference; => siglock held */
	void (*put)(struct tty_struct *tty); /* => any context, perhaps tasklist_lock held */
	/* A session leader exits (1) or gives its terminal up (0): hang up, SIGHUP, SIGCONT. => may sleep */
	void (*disassociate_ctty)(int on_exit);
};
extern const struct signal_tty_ops *signal_tty_ops; /* NULL: no terminals */

/* Entries in all queues of the system, as RLIMIT_SIGPENDING counts them. => any context */
unsigned int nr_queued_signals(void);
