/*
 * Restartable sequences: per-CPU data for programs, without atomic instructions and without locks.
 *
 * 1. A thread registers a struct rseq of its own. The kernel writes into it on which CPU the thread runs, each time
 *    that this may have changed, before the thread executes its next instruction.
 * 2. The thread may announce a critical section in rseq->rseq_cs: [start_ip, start_ip + post_commit_offset), whose last
 *    instruction is the one store that makes its work valid. If it loses the CPU or gets a signal in there, the kernel
 *    sends it to abort_ip, from where it begins again, perhaps on another CPU.
 * 3. The four bytes before abort_ip must be the signature that was registered: else a stray rseq_cs could make the
 *    kernel jump to any place.
 * 4. TIF_NOTIFY_RESUME says that the thread was off its CPU; the work is done on the way back to user mode, where a fault
 *    on the struct may sleep. A fault that cannot be resolved, or a bad descriptor, is SIGSEGV.
 *
 * Only current's own fields, no locks. Mirrors Linux include/linux/rseq.h, include/uapi/linux/rseq.h and kernel/rseq.c.
 * Exercised by tests/user/rseqs.c.
 */
#pragma once

#include "arch/x86/ptrace.h"
#include "kernel/task.h"

#define RSEQ_CPU_ID_UNINITIALIZED ((u32)-1)
#define RSEQ_FLAG_UNREGISTER	  1
#define ORIG_RSEQ_SIZE		  32 /* bytes that every program since the first gives */
#define RSEQ_FEATURE_SIZE	  24 /* of them mean something: AT_RSEQ_FEATURE_SIZE */
#define RSEQ_ALIGN		  32

struct rseq {
	u32 cpu_id_start; /* always a possible CPU: may index an array before cpu_id was compared */
	u32 cpu_id;
	u64 rseq_cs; /* address of a struct rseq_cs, or 0 */
	u32 flags;
	u32 node_id;
} __aligned(RSEQ_ALIGN);

struct rseq_cs {
	u32 version, flags;
	u64 start_ip, post_commit_offset, abort_ip;
} __aligned(RSEQ_ALIGN);

/* The running thread leaves its CPU, or may have moved. => any context */
static __always_inline void rseq_preempt(struct task_struct *t)
{
	if (unlikely(t->rseq))
		set_tsk_thread_flag(t, TIF_NOTIFY_RESUME);
}

/* fork: threads register for themselves, a copied address space has the struct at the same place. */
static __always_inline void rseq_fork(struct task_struct *t, bool shares_vm)
{
	if (shares_vm)
		t->rseq = NULL;
	else
		rseq_preempt(t);
}

/* Aborts a critical section that current is in and tells it the CPU. => on the way to user mode, may sleep */
void rseq_notify_resume(struct pt_regs *regs);
