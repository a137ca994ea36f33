/*
 * rseq(2), and what it costs on the way back to user mode. kernel/rseq.h has the theory.
 *
 * Current only: no locks. Mirrors Linux kernel/rseq.c. Exercised by tests/user/rseqs.c.
 */
#include "kernel/rseq.h"

#include "arch/x86/numa.h"
#include "arch/x86/syscall.h"
#include "arch/x86/uaccess.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "lib/errno.h"

static int write_cpu(struct rseq __user *rs)
{
	u32 cpu = smp_processor_id();

	if (!user_access_begin(rs, sizeof(*rs)))
		return -EFAULT;
	unsafe_put_user(cpu, &rs->cpu_id_start, fault);
	unsafe_put_user(cpu, &rs->cpu_id, fault);
	unsafe_put_user((u32)cpu_to_node(cpu), &rs->node_id, fault);
	user_access_end();
	return 0;
fault:
	user_access_end();
	return -EFAULT;
}

static int reset_cpu(struct rseq __user *rs)
{
	if (put_user(0, &rs->cpu_id_start) || put_user(RSEQ_CPU_ID_UNINITIALIZED, &rs->cpu_id) ||
	    put_user(0, &rs->node_id))
		return -EFAULT;
	return 0;
}

/* The descriptor at @ucs, checked. 0, -EFAULT, -EINVAL */
static int get_rseq_cs(const struct rseq_cs __user *ucs, struct rseq_cs *cs)
{
	u32 sig;

	if (copy_from_user(cs, ucs, sizeof(*cs)))
		return -EFAULT;
	if (cs->version || cs->flags)
		return -EINVAL;
	if (cs->start_ip >= TASK_SIZE || cs->abort_ip >= TASK_SIZE ||
	    cs->start_ip + cs->post_commit_offset < cs->start_ip ||
	    cs->start_ip + cs->post_commit_offset >= TASK_SIZE)
		return -EINVAL;
	/* An abort to the inside would never end. */
	if (cs->abort_ip - cs->start_ip < cs->post_commit_offset)
		return -EINVAL;
	if (get_user(sig, (const u32 __user *)(cs->abort_ip - sizeof(u32))))
		return -EFAULT;
	return sig == current->rseq_sig ? 0 : -EINVAL;
}

/* Out of the critical section, if @regs are in one. 0, -EFAULT, -EINVAL */
static int abort_section(struct pt_regs *regs)
{
	struct rseq __user *rs = current->rseq;
	struct rseq_cs cs;
	u64 ptr;
	u32 flags;
	int err;

	if (get_user(ptr, &rs->rseq_cs))
		return -EFAULT;
	if (likely(!ptr))
		return 0;
	if (ptr >= TASK_SIZE)
		return -EINVAL;
	err = get_rseq_cs((const struct rseq_cs __user *)ptr, &cs);
	if (err)
		return err;
	if (regs->ip - cs.start_ip < cs.post_commit_offset) {
		/* Once a way to ask for no abort; Linux refuses it since 6.1. */
		if (get_user(flags, &rs->flags))
			return -EFAULT;
		if (flags)
			return -EINVAL;
		regs->ip = cs.abort_ip;
		force_iret(regs);
	}
	/* Left, or aborted: either way it is over, and the descriptor's memory may go. */
	return put_user(0UL, &rs->rseq_cs);
}

void rseq_notify_resume(struct pt_regs *regs)
{
	clear_tsk_thread_flag(current, TIF_NOTIFY_RESUME);
	if (!current->rseq || (current->flags & PF_EXITING))
		return;
	if (abort_section(regs) || write_cpu(current->rseq))
		force_sig(SIGSEGV);
}

static long rseq_unregister(struct rseq __user *rs, u32 len, u32 sig)
{
	struct task_struct *me = current;

	if (!rs || me->rseq != rs || me->rseq_len != len)
		return -EINVAL;
	if (me->rseq_sig != sig)
		return -EPERM;
	if (reset_cpu(rs))
		return -EFAULT;
	me->rseq = NULL;
	me->rseq_len = me->rseq_sig = 0;
	return 0;
}

static long sys_rseq(struct rseq __user *rs, u32 len, int flags, u32 sig)
{
	struct task_struct *me = current;

	if (flags & RSEQ_FLAG_UNREGISTER)
		return flags & ~RSEQ_FLAG_UNREGISTER ? -EINVAL : rseq_unregister(rs, len, sig);
	if (flags)
		return -EINVAL;
	if (me->rseq) {
		if (me->rseq != rs || me->rseq_len != len)
			return -EINVAL;
		return me->rseq_sig != sig ? -EPERM : -EBUSY;
	}
	if (len < ORIG_RSEQ_SIZE || !IS_ALIGNED((unsigned long)rs, RSEQ_ALIGN))
		return -EINVAL;
	/* A descriptor left from an earlier life of this memory must not abort anything. */
	if (!access_ok(rs, len) || put_user(0UL, &rs->rseq_cs))
		return -EFAULT;
	me->rseq = rs;
	me->rseq_len = len;
	me->rseq_sig = sig;
	set_tsk_thread_flag(me, TIF_NOTIFY_RESUME);
	return 0;
}
SYSCALL(334, rseq);
