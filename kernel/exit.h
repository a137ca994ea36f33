/*
 * The end of a thread, a process, and the wait for it.
 *
 * 1. do_exit() gives back everything current holds. The last thread of a process makes it a zombie (exit_notify): its
 *    children go to a living thread, the nearest subreaper or process 1, and the parent is told.
 * 2. wait4() takes the exit status and release_task() frees the rest. A parent that ignores SIGCHLD gets no zombies.
 * 3. A process group is orphaned when nobody in it has a parent in the same session but another group: then nobody can continue
 *    its stopped members, and they get SIGHUP and SIGCONT.
 *
 * Mirrors Linux include/linux/sched/task.h, kernel/exit.c. Exercised by tests/user/{process,threadends}.c.
 */
#pragma once

#include "kernel/time.h"
#include "lib/types.h"

struct pid;
struct task_struct;

#define WNOHANG	    0x00000001
#define WUNTRACED   0x00000002
#define WSTOPPED    WUNTRACED
#define WEXITED	    0x00000004
#define WCONTINUED  0x00000008
#define WNOWAIT	    0x01000000
#define __WNOTHREAD 0x20000000
#define __WALL	    0x40000000
#define __WCLONE    0x80000000
#define P_ALL	    0
#define P_PID	    1
#define P_PGID	    2
#define P_PIDFD	    3

/* User layout of getrusage(2). Times, then KiB, then counts. */
struct rusage {
	struct timeval ru_utime, ru_stime;
	long ru_maxrss, ru_ixrss, ru_idrss, ru_isrss;
	long ru_minflt, ru_majflt, ru_nswap, ru_inblock, ru_oublock, ru_msgsnd, ru_msgrcv,
		ru_nsignals;
	long ru_nvcsw, ru_nivcsw;
};
#define RUSAGE_SELF	0
#define RUSAGE_CHILDREN (-1)
#define RUSAGE_BOTH	(-2)
#define RUSAGE_THREAD	1
void getrusage(struct task_struct *p, int who, struct rusage *r);

/* @code as wait reports it: exit status << 8 or a signal. => process context, no locks */
void do_exit(long code) __noreturn;
void do_group_exit(int exit_code) __noreturn;
/* Kills current out of a place that cannot go on (an oops of a user task). => process context */
void make_task_dead(int signr) __noreturn;
struct mm_struct;
struct signal_struct;
/* @mm is about to be left: its peak of resident memory counts for the process. */
void note_maxrss(struct signal_struct *sig, struct mm_struct *mm);
/* Takes a dead thread out of all lists and frees it. => no locks */
void release_task(struct task_struct *p);
/* In the kernel's name: number of the child, 0 with WNOHANG, -errno. stat, ru may be NULL. => may sleep */
long kernel_wait4(pid_t upid, int *stat, int options, struct rusage *ru);

/* Nobody can continue a stopped process of current's group: terminals refuse job control then. */
bool is_current_pgrp_orphaned(void);
