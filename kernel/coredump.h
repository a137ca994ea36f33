/*
 * Core dumps: what a program was when a signal ended it, as an ELF file that gdb reads.
 *
 * 1. The thread that takes the signal sends the others to their end, and waits until each of them stands in
 *    coredump_task_exit(): from then on nobody changes the address space, and the registers with which each left
 *    user mode lie at the top of its kernel stack.
 * 2. It opens the file that kernel.core_pattern names and writes headers, notes and memory (elfcore.c). Then it lets the
 *    others go on dying.
 * 3. RLIMIT_CORE is the most bytes that are written; 0 means none. Pages that were never touched are holes.
 *    prctl(PR_SET_DUMPABLE), MADV_DONTDUMP and /proc/PID/coredump_filter say what may be seen.
 * 4. SIGKILL stops a dump. There is no pipe to a program: a pattern that begins with | is refused when it is written.
 *
 * Locks: siglock for signal->core_state and PF_POSTCOREDUMP; mmap_lock for reading while memory is looked at.
 * Mirrors Linux include/linux/coredump.h, fs/coredump.c. Exercised by tests/user/coredumps.c and tests/boot/test_coredump.py.
 */
#pragma once

#include "kernel/completion.h"
#include "kernel/signal.h"
#include "lib/types.h"

struct file;

/* mm->flags: who may see the memory, then the filter's nine bits. */
#define SUID_DUMP_DISABLE	0
#define SUID_DUMP_USER		1
#define SUID_DUMP_ROOT		2 /* dumped, but only root may read it */
#define MMF_DUMPABLE_MASK	3UL
#define MMF_DUMP_FILTER_SHIFT	2
#define MMF_DUMP_FILTER_MASK	(0x1ffUL << MMF_DUMP_FILTER_SHIFT)
#define MMF_DUMP_ANON_PRIVATE	BIT(0)
#define MMF_DUMP_ANON_SHARED	BIT(1)
#define MMF_DUMP_MAPPED_PRIVATE BIT(2)
#define MMF_DUMP_MAPPED_SHARED	BIT(3)
#define MMF_DUMP_ELF_HEADERS	BIT(4)
#define MMF_DISABLE_THP		BIT(24) /* prctl; bits 16 to 22 are membarrier's */
#define MMF_INIT_MASK		(MMF_DUMP_FILTER_MASK | MMF_DISABLE_THP) /* survives exec */
#define MMF_DUMP_FILTER_DEFAULT (0x33UL << MMF_DUMP_FILTER_SHIFT)

extern int suid_dumpable; /* fs.suid_dumpable: of programs that changed their identity */

/* One thread that waits for the dump to end; on its stack. */
struct core_thread {
	struct list_head node;
	struct task_struct *task; /* NULL: go on */
};

struct core_state {
	struct list_head threads; /* siglock */
	int missing;		  /* siglock: threads that are not here yet */
	struct completion startup;
};

/* What is written, and where. */
struct coredump_params {
	const struct kernel_siginfo *siginfo;
	struct core_state *state;
	struct file *file;
	unsigned long limit, written; /* bytes */
	loff_t pos;
	bool hole; /* what was written last is one */
	unsigned long mm_flags;
};

/* Writes the core of current if it may have one. => die_of_signal(), no locks; may sleep long */
void do_coredump(const struct kernel_siginfo *info);
/* current exits: if its process is being dumped, it waits here. => may sleep */
void coredump_task_exit(struct task_struct *tsk);
/* The file's contents. False: the limit, an error or SIGKILL ended it. */
bool elf_core_dump(struct coredump_params *cprm);
/* Appends bytes, or a hole of so many. False: no more. */
bool dump_emit(struct coredump_params *cprm, const void *data, size_t len);
bool dump_skip(struct coredump_params *cprm, size_t len);

static __always_inline unsigned int get_dumpable(unsigned long mm_flags)
{
	return mm_flags & MMF_DUMPABLE_MASK;
}
void set_dumpable(struct mm_struct *mm, unsigned int value);
