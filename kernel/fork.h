/*
 * fork, vfork, clone, clone3: a new thread from current, sharing or copying each part as the flags say.
 *
 * 1. copy_process() makes everything in private, one part after another (copy_creds, copy_files, copy_fs, copy_sighand,
 *    copy_signal, copy_mm, copy_thread), and only at the end, under tasklist_lock and siglock, makes the child
 *    visible. An error undoes the parts in reverse order; a signal that came meanwhile makes fork start again.
 * 2. References: usage is 2 at birth (sched.h). The stack goes with the last context switch, the task_struct a grace
 *    period after it was reaped.
 *
 * Mirrors Linux include/linux/sched/task.h, kernel/fork.c. Exercised by tests/user/{process,threads,threadends,fork_cow}.c.
 */
#pragma once

#include "kernel/sched.h"
#include "lib/types.h"

#define CSIGNAL		     0x000000ffULL
#define CLONE_VM	     0x00000100ULL
#define CLONE_FS	     0x00000200ULL
#define CLONE_FILES	     0x00000400ULL
#define CLONE_SIGHAND	     0x00000800ULL
#define CLONE_PIDFD	     0x00001000ULL
#define CLONE_PTRACE	     0x00002000ULL
#define CLONE_VFORK	     0x00004000ULL
#define CLONE_PARENT	     0x00008000ULL
#define CLONE_THREAD	     0x00010000ULL
#define CLONE_NEWNS	     0x00020000ULL
#define CLONE_SYSVSEM	     0x00040000ULL
#define CLONE_SETTLS	     0x00080000ULL
#define CLONE_PARENT_SETTID  0x00100000ULL
#define CLONE_CHILD_CLEARTID 0x00200000ULL
#define CLONE_DETACHED	     0x00400000ULL
#define CLONE_UNTRACED	     0x00800000ULL
#define CLONE_CHILD_SETTID   0x01000000ULL
#define CLONE_NEWCGROUP	     0x02000000ULL
#define CLONE_NEWUTS	     0x04000000ULL
#define CLONE_NEWIPC	     0x08000000ULL
#define CLONE_NEWUSER	     0x10000000ULL
#define CLONE_NEWPID	     0x20000000ULL
#define CLONE_NEWNET	     0x40000000ULL
#define CLONE_IO	     0x80000000ULL
#define CLONE_CLEAR_SIGHAND  0x100000000ULL
#define CLONE_INTO_CGROUP    0x200000000ULL
#define CLONE_NEWTIME	     0x00000080ULL

struct kernel_clone_args {
	u64 flags; /* CLONE_*, without CSIGNAL */
	int __user *child_tid, *parent_tid, *pidfd;
	int exit_signal;
	unsigned long stack; /* highest address, 0: the parent's */
	unsigned long tls;
	pid_t set_tid;	   /* the wanted number, 0: any */
	int (*fn)(void *); /* kernel thread */
	void *fn_arg;
	const char *name;
	bool idle;
};

/* Number of the new thread or -errno; waits for CLONE_VFORK. => may sleep */
pid_t kernel_clone(struct kernel_clone_args *args);
/* kernel_thread() and fork_idle() are in kernel/sched.h; here the thread that becomes process 1 (it will exec). */
pid_t user_mode_thread(int (*fn)(void *), void *arg, unsigned long flags);
void fork_init(void);		 /* caches, thread limit. => slab and pid_init() done */
extern int max_threads;		 /* fork fails from here on: /proc/sys/kernel/threads-max */
int nr_threads_total(void);	 /* all threads of the system */
unsigned long total_forks(void); /* since boot: "processes" in /proc/stat */

extern struct task_struct *child_reaper; /* process 1, who inherits orphans */
void forget_thread(void);		 /* one less. => tasklist_lock held */

struct sighand_struct;
struct signal_struct;
void put_signal_struct(struct signal_struct *sig);
/* The thread lets go of @mm: clear_child_tid, robust futexes, the vfork parent. => current, at exit or exec */
void exit_mm_release(struct task_struct *tsk, struct mm_struct *mm);
void exec_mm_release(struct task_struct *tsk, struct mm_struct *mm);
void set_task_comm(struct task_struct *tsk, const char *name);
char *get_task_comm(char buf[TASK_COMM_LEN], struct task_struct *tsk);
