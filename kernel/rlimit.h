/*
 * Resource limits of the current process, as the memory manager and the VFS ask for them.
 *
 * Mirrors Linux include/linux/sched/signal.h (rlimit()). Exercised by tests/user/stack.c, process.c.
 */
#pragma once

#define RLIMIT_CPU	  0
#define RLIMIT_FSIZE	  1
#define RLIMIT_DATA	  2
#define RLIMIT_STACK	  3
#define RLIMIT_CORE	  4
#define RLIMIT_RSS	  5
#define RLIMIT_NPROC	  6
#define RLIMIT_NOFILE	  7
#define RLIMIT_MEMLOCK	  8
#define RLIMIT_AS	  9
#define RLIMIT_LOCKS	  10
#define RLIMIT_SIGPENDING 11
#define RLIMIT_MSGQUEUE	  12
#define RLIMIT_NICE	  13
#define RLIMIT_RTPRIO	  14
#define RLIMIT_RTTIME	  15
#define RLIM_NLIMITS	  16
#define RLIM_INFINITY	  (~0UL)

/* The current process's soft limit; RLIM_INFINITY for kernel threads. (kernel/sys.c) */
unsigned long rlimit(unsigned int limit);
extern int sysctl_nr_open; /* fs.nr_open: the most that RLIMIT_NOFILE may be set to */
