/*
 * sched_setattr and sched_getattr: all settings of a task in one struct that may grow.
 *
 * 1. The caller says how long his struct is. A longer one than ours must be zero behind what we know (-E2BIG, and our
 *    length is written into its size); of a shorter one the rest counts as zero.
 * 2. There is no deadline class and no utilisation clamping: that policy and those flags are refused.
 *
 * Facts: sched_setattr(2). Mirrors Linux kernel/sched/syscalls.c. Exercised by tests/user/schedattr.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/sched/sched.h"
#include "kernel/syscall.h"
#include "lib/errno.h"

#define SCHED_ATTR_SIZE_VER0	 48
#define SCHED_FLAG_RESET_ON_FORK 0x01
#define SCHED_FLAG_RECLAIM	 0x02
#define SCHED_FLAG_DL_OVERRUN	 0x04
#define SCHED_FLAG_KEEP_POLICY	 0x08
#define SCHED_FLAG_KEEP_PARAMS	 0x10
#define SCHED_FLAG_UTIL_CLAMP	 0x60
#define SCHED_FLAG_ALL		 0x7f

struct sched_attr {
	u32 size, sched_policy;
	u64 sched_flags;
	s32 sched_nice;
	u32 sched_priority;
	u64 sched_runtime, sched_deadline, sched_period;
	u32 sched_util_min, sched_util_max;
};

static int copy_attr(struct sched_attr __user *uattr, struct sched_attr *attr)
{
	u32 size;
	int err = -E2BIG;

	if (get_user(size, &uattr->size))
		return -EFAULT;
	if (!size)
		size = SCHED_ATTR_SIZE_VER0;
	if (size >= SCHED_ATTR_SIZE_VER0 && size <= PAGE_SIZE)
		err = copy_struct_from_user(attr, sizeof(*attr), uattr, size);
	if (err == -E2BIG)
		return put_user((u32)sizeof(*attr), &uattr->size) ? -EFAULT : err;
	if (err)
		return err;
	if ((attr->sched_flags & SCHED_FLAG_UTIL_CLAMP) && size < sizeof(*attr))
		return -EINVAL;
	attr->sched_nice = clamp(attr->sched_nice, MIN_NICE, MAX_NICE);
	return 0;
}

static long sys_sched_setattr(pid_t pid, struct sched_attr __user *uattr, unsigned int flags)
{
	struct task_struct *p __free(put_task) = NULL;
	struct sched_request r;
	struct sched_attr attr;
	int err;

	if (!uattr || pid < 0 || flags)
		return -EINVAL;
	err = copy_attr(uattr, &attr);
	if (err)
		return err;
	if ((int)attr.sched_policy < 0)
		return -EINVAL;
	p = sched_get_target(pid);
	if (!p)
		return -ESRCH;
	r.policy = attr.sched_flags & SCHED_FLAG_KEEP_POLICY ? p->se.policy
							     : (int)attr.sched_policy;
	r.reset_on_fork = attr.sched_flags & SCHED_FLAG_KEEP_POLICY
				  ? p->se.reset_on_fork
				  : attr.sched_flags & SCHED_FLAG_RESET_ON_FORK;
	r.nice = attr.sched_nice;
	r.priority = attr.sched_priority;
	/* Whatever policy is named: it keeps the one it has, and only reset-on-fork changes. */
	if (attr.sched_flags & SCHED_FLAG_KEEP_PARAMS) {
		r.policy = p->se.policy;
		r.nice = p->se.nice;
		r.priority = p->se.rt_priority;
	}
	if (attr.sched_flags & ~(u64)SCHED_FLAG_ALL)
		return -EINVAL;
	if (attr.sched_flags & SCHED_FLAG_UTIL_CLAMP)
		return -EOPNOTSUPP;
	return sched_set_checked(p, &r);
}
SYSCALL(314, sched_setattr);

static long sys_sched_getattr(pid_t pid, struct sched_attr __user *uattr, unsigned int usize,
			      unsigned int flags)
{
	struct task_struct *p __free(put_task) = NULL;
	struct sched_attr attr = { .size = min_t(u32, usize, sizeof(attr)) };

	if (!uattr || pid < 0 || usize > PAGE_SIZE || usize < SCHED_ATTR_SIZE_VER0 || flags)
		return -EINVAL;
	p = sched_get_target(pid);
	if (!p)
		return -ESRCH;
	attr.sched_policy = p->se.policy;
	if (p->se.reset_on_fork)
		attr.sched_flags = SCHED_FLAG_RESET_ON_FORK;
	if (rt_task(p))
		attr.sched_priority = p->se.rt_priority;
	else
		attr.sched_nice = p->se.nice;
	return copy_to_user(uattr, &attr, attr.size) ? -EFAULT : 0;
}
SYSCALL(315, sched_getattr);
