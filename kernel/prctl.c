/*
 * prctl: settings of a thread or its process that have no call of their own.
 *
 * What belongs to a machine or a mechanism that is not here (floating-point emulation, endianness, MPX, seccomp filters,
 * speculation) is EINVAL, as on a Linux without it.
 *
 * Locks: tasklist_lock for the family; mmap_lock for PR_SET_MM and names of areas. Mirrors Linux kernel/sys.c.
 * Exercised by tests/user/{process,prctls}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/coredump.h"
#include "kernel/cred.h"
#include "kernel/elf.h"
#include "kernel/fork.h"
#include "kernel/fs/fdtable.h"
#include "kernel/fs/fs.h"
#include "kernel/pid.h"
#include "kernel/rlimit.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/user/anon_name.h"
#include "mm/user/mm.h"
#include "mm/user/vma.h"

#define PR_SET_PDEATHSIG       1
#define PR_GET_PDEATHSIG       2
#define PR_GET_DUMPABLE	       3
#define PR_SET_DUMPABLE	       4
#define PR_GET_KEEPCAPS	       7
#define PR_SET_NAME	       15
#define PR_GET_NAME	       16
#define PR_GET_TIMING	       13
#define PR_SET_TIMING	       14
#define PR_GET_SECCOMP	       21
#define PR_CAPBSET_READ	       23
#define PR_CAPBSET_DROP	       24
#define PR_GET_TSC	       25
#define PR_TSC_ENABLE	       1
#define PR_GET_SECUREBITS      27
#define PR_SET_SECUREBITS      28
#define PR_SET_TIMERSLACK      29
#define PR_GET_TIMERSLACK      30
#define PR_SET_MM	       35
#define PR_SET_CHILD_SUBREAPER 36
#define PR_GET_CHILD_SUBREAPER 37
#define PR_SET_NO_NEW_PRIVS    38
#define PR_GET_NO_NEW_PRIVS    39
#define PR_GET_TID_ADDRESS     40
#define PR_SET_TSC	       26
#define PR_SET_THP_DISABLE     41
#define PR_GET_THP_DISABLE     42
#define PR_CAP_AMBIENT	       47
#define PR_SET_VMA	       0x53564d41
#define PR_GET_AUXV	       0x41555856
/* PR_SET_MM */
#define PR_SET_MM_START_CODE 1
#define PR_SET_MM_START_BRK  6
#define PR_SET_MM_BRK	     7
#define PR_SET_MM_ENV_END    11
#define PR_SET_MM_AUXV	     12
/* PR_SET_VMA */
#define PR_SET_VMA_ANON_NAME 0
/* PR_CAP_AMBIENT */
#define PR_CAP_AMBIENT_IS_SET	 1
#define PR_CAP_AMBIENT_RAISE	 2
#define PR_CAP_AMBIENT_LOWER	 3
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#define DEFAULT_TIMER_SLACK	 50000UL

/* Orphans of such a process may end up with current. => tasklist_lock held */
static bool descends_from_current(struct task_struct *p)
{
	for (p = p->real_parent; p != &init_task; p = p->real_parent)
		if (same_thread_group(p, current))
			return true;
	return false;
}

static long set_child_subreaper(bool on)
{
	struct task_struct *p;

	current->signal->is_child_subreaper = on;
	if (!on)
		return 0;
	guard(spinlock_irq)(&tasklist_lock);
	for_each_process(p)
		if (descends_from_current(p))
			p->signal->has_child_subreaper = true;
	return 0;
}

static long prctl_set_name(const char __user *name)
{
	char comm[TASK_COMM_LEN] = { 0 };

	if (strncpy_from_user(comm, name, sizeof(comm) - 1) < 0)
		return -EFAULT;
	set_task_comm(current, comm);
	return 0;
}

static long prctl_get_name(char __user *name)
{
	char comm[TASK_COMM_LEN];

	get_task_comm(comm, current);
	return copy_to_user(name, comm, sizeof(comm)) ? -EFAULT : 0;
}

/* ---- what /proc shows of an address space ---- */

/* The eleven addresses, as PR_SET_MM numbers them from 1. */
union mm_map {
	struct {
		unsigned long start_code, end_code, start_data, end_data, start_stack, start_brk,
			brk, arg_start, arg_end, env_start, env_end;
	};
	unsigned long addr[PR_SET_MM_ENV_END];
};

/* Could a program look like this? 0, -EINVAL */
static int check_mm_map(const union mm_map *m)
{
	unsigned long limit = rlimit(RLIMIT_DATA);

	for (unsigned int i = 0; i < PR_SET_MM_ENV_END; i++)
		if (m->addr[i] >= TASK_SIZE)
			return -EINVAL;
	if (m->start_code >= m->end_code || m->start_data > m->end_data || m->start_brk > m->brk ||
	    m->arg_start > m->arg_end || m->env_start > m->env_end)
		return -EINVAL;
	return limit != RLIM_INFINITY && m->brk - m->start_brk + m->end_data - m->start_data > limit
		       ? -EINVAL
		       : 0;
}

static long set_mm_auxv(struct mm_struct *mm, const void __user *from, unsigned long len)
{
	unsigned long auxv[AT_VECTOR_SIZE] = { 0 };

	if (!from || len > sizeof(auxv))
		return -EINVAL;
	if (copy_from_user(auxv, from, len))
		return -EFAULT;
	/* Its readers go up to AT_NULL. */
	auxv[AT_VECTOR_SIZE - 2] = auxv[AT_VECTOR_SIZE - 1] = AT_NULL;
	mmap_write_lock(mm);
	memcpy(mm->saved_auxv, auxv, sizeof(auxv));
	mmap_write_unlock(mm);
	return 0;
}

static long prctl_set_mm(unsigned long which, unsigned long addr, unsigned long len,
			 unsigned long arg5)
{
	struct mm_struct *mm = current->mm;
	union mm_map m;
	int err = -EINVAL;

	if (arg5 || (len && which != PR_SET_MM_AUXV))
		return -EINVAL;
	if (!capable(CAP_SYS_RESOURCE))
		return -EPERM;
	if (which == PR_SET_MM_AUXV)
		return set_mm_auxv(mm, (const void __user *)addr, len);
	if (which < PR_SET_MM_START_CODE || which > PR_SET_MM_ENV_END || addr >= TASK_SIZE)
		return -EINVAL;
	mmap_write_lock(mm);
	m = (union mm_map){ { mm->start_code, mm->end_code, mm->start_data, mm->end_data,
			      mm->start_stack, mm->start_brk, mm->brk, mm->arg_start, mm->arg_end,
			      mm->env_start, mm->env_end } };
	m.addr[which - PR_SET_MM_START_CODE] = addr;
	/* What /proc reads through them must be there; the heap's bounds may lie where nothing is yet. */
	if (which == PR_SET_MM_START_BRK || which == PR_SET_MM_BRK || find_vma(mm, addr))
		err = check_mm_map(&m);
	if (!err) {
		mm->start_code = m.start_code;
		mm->end_code = m.end_code;
		mm->start_data = m.start_data;
		mm->end_data = m.end_data;
		mm->start_stack = m.start_stack;
		mm->start_brk = m.start_brk;
		mm->brk = m.brk;
		mm->arg_start = m.arg_start;
		mm->arg_end = m.arg_end;
		mm->env_start = m.env_start;
		mm->env_end = m.env_end;
	}
	mmap_write_unlock(mm);
	return err;
}

static long prctl_get_auxv(void __user *to, unsigned long len)
{
	const struct mm_struct *mm = current->mm;

	return copy_to_user(to, mm->saved_auxv, min(len, sizeof(mm->saved_auxv)))
		       ? -EFAULT
		       : (long)sizeof(mm->saved_auxv);
}

/* ---- names of areas ---- */

static bool good_name_char(char c)
{
	return c > 0x1f && c < 0x7f && !strchr("\\`$[]", c);
}

static long prctl_set_vma(unsigned long what, unsigned long start, unsigned long len,
			  const char __user *uname)
{
	char text[ANON_VMA_NAME_MAX_LEN];
	struct anon_vma_name *name = NULL;
	long n;
	int err;

	if (what != PR_SET_VMA_ANON_NAME)
		return -EINVAL;
	if (uname) {
		n = strncpy_from_user(text, uname, sizeof(text));
		if (n < 0)
			return n;
		if (n == sizeof(text))
			return -EINVAL;
		for (const char *c = text; *c; c++)
			if (!good_name_char(*c))
				return -EINVAL;
		name = kmalloc(sizeof(*name) + n + 1, GFP_KERNEL);
		if (!name)
			return -ENOMEM;
		atomic_set(&name->count, 1);
		memcpy(name->name, text, n + 1);
	}
	err = set_anon_vma_name(current->mm, start, len, name);
	anon_vma_name_put(name);
	return err;
}

/* ---- the rest ---- */

/* The ambient set is always empty: capabilities follow from the user ID. */
static long prctl_cap_ambient(unsigned long what, unsigned long cap, unsigned long arg4,
			      unsigned long arg5)
{
	if (arg4 || arg5 || (what == PR_CAP_AMBIENT_CLEAR_ALL ? cap != 0 : cap > CAP_LAST_CAP))
		return -EINVAL;
	switch (what) {
	case PR_CAP_AMBIENT_IS_SET:
	case PR_CAP_AMBIENT_LOWER:
	case PR_CAP_AMBIENT_CLEAR_ALL:
		return 0;
	case PR_CAP_AMBIENT_RAISE:
		return -EPERM;
	}
	return -EINVAL;
}

/* Remembered, inherited and shown; there are no huge pages yet that it would forbid. */
static long prctl_thp_disable(bool on)
{
	struct mm_struct *mm = current->mm;

	if (on)
		__atomic_or_fetch(&mm->flags, MMF_DISABLE_THP, __ATOMIC_SEQ_CST);
	else
		__atomic_and_fetch(&mm->flags, ~MMF_DISABLE_THP, __ATOMIC_SEQ_CST);
	return 0;
}

/* The options whose subject is memory or rights. */
static long prctl_more(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4,
		       unsigned long arg5)
{
	switch (option) {
	case PR_SET_MM:
		return prctl_set_mm(arg2, arg3, arg4, arg5);
	case PR_SET_VMA:
		return prctl_set_vma(arg2, arg3, arg4, (const char __user *)arg5);
	case PR_GET_AUXV:
		return arg4 || arg5 ? -EINVAL : prctl_get_auxv((void __user *)arg2, arg3);
	case PR_SET_THP_DISABLE:
		return arg3 || arg4 || arg5 ? -EINVAL : prctl_thp_disable(arg2);
	case PR_GET_THP_DISABLE:
		if (arg2 || arg3 || arg4 || arg5)
			return -EINVAL;
		return !!(READ_ONCE(current->mm->flags) & MMF_DISABLE_THP);
	case PR_CAP_AMBIENT:
		return prctl_cap_ambient(arg2, arg3, arg4, arg5);
	case PR_SET_TSC:
		/* The time-stamp counter is always readable. */
		return arg2 == PR_TSC_ENABLE ? 0 : -EINVAL;
	}
	return -EINVAL;
}

static long sys_prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4,
		      unsigned long arg5)
{
	struct task_struct *me = current;

	switch (option) {
	case PR_SET_PDEATHSIG:
		if (!valid_signal(arg2))
			return -EINVAL;
		me->pdeath_signal = arg2;
		return 0;
	case PR_GET_PDEATHSIG:
		return put_user(me->pdeath_signal, (int __user *)arg2);
	case PR_GET_DUMPABLE:
		return get_dumpable(me->mm->flags);
	case PR_SET_DUMPABLE:
		if (arg2 > 1)
			return -EINVAL;
		set_dumpable(me->mm, arg2);
		return 0;
	case PR_GET_KEEPCAPS:
		return 0;
	case PR_SET_NAME:
		return prctl_set_name((const char __user *)arg2);
	case PR_GET_NAME:
		return prctl_get_name((char __user *)arg2);
	case PR_GET_TIMING: /* by samples, and nothing else */
	case PR_GET_SECCOMP:
	case PR_GET_SECUREBITS:
		return 0;
	case PR_SET_TIMING:
		return arg2 ? -EINVAL : 0;
	case PR_GET_TSC:
		return put_user(PR_TSC_ENABLE, (int __user *)arg2);
	case PR_CAPBSET_READ:
		return arg2 > CAP_LAST_CAP ? -EINVAL : 1;
	case PR_CAPBSET_DROP:
	case PR_SET_SECUREBITS: /* the bounding set stays full (capability.c) */
		return capable(CAP_SETPCAP) ? -EINVAL : -EPERM;
	case PR_SET_TIMERSLACK:
		me->timer_slack_ns = (long)arg2 > 0 ? arg2 : DEFAULT_TIMER_SLACK;
		return 0;
	case PR_GET_TIMERSLACK:
		return me->timer_slack_ns;
	case PR_SET_CHILD_SUBREAPER:
		return set_child_subreaper(arg2);
	case PR_GET_CHILD_SUBREAPER:
		return put_user((int)me->signal->is_child_subreaper, (int __user *)arg2);
	case PR_SET_NO_NEW_PRIVS:
		if (arg2 != 1 || arg3 || arg4 || arg5)
			return -EINVAL;
		me->no_new_privs = 1;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return arg2 || arg3 || arg4 || arg5 ? -EINVAL : (long)me->no_new_privs;
	case PR_GET_TID_ADDRESS:
		return put_user((unsigned long)me->clear_child_tid, (unsigned long __user *)arg2);
	}
	return prctl_more(option, arg2, arg3, arg4, arg5);
}
SYSCALL(157, prctl);
