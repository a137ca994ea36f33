/*
 * Credentials: whose programs these are, and the system calls that tell and change it.
 *
 * A struct cred never changes once a task carries it: prepare_creds() copies, the caller changes the copy, commit_creds()
 * exchanges. Readers of other tasks use RCU. fork shares the parent's.
 *
 * What privileges follow from the IDs is told in capability.c. Mirrors Linux kernel/cred.c, kernel/groups.c and the first half of
 * kernel/sys.c. Exercised by tests/user/process.c.
 */
#include "kernel/cred.h"

#include "arch/x86/uaccess.h"
#include "kernel/coredump.h"
#include "kernel/pid.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "lib/errno.h"
#include "lib/sort.h"
#include "mm/slab/slab.h"

struct cred init_cred = { .usage = 4,
			  .cap_permitted = CAP_FULL_SET,
			  .cap_effective = CAP_FULL_SET };

static void put_groups(struct group_info *gi)
{
	if (gi && __atomic_sub_fetch(&gi->usage, 1, __ATOMIC_SEQ_CST) == 0)
		kvfree(gi);
}

static void put_cred_rcu(struct rcu_head *head)
{
	struct cred *cred = container_of((void **)head, struct cred, rcu_next[0]);

	put_groups(cred->group_info);
	kfree(cred);
}

void put_cred(const struct cred *c)
{
	struct cred *cred = (struct cred *)c;

	if (__atomic_sub_fetch(&cred->usage, 1, __ATOMIC_SEQ_CST) == 0)
		call_rcu((struct rcu_head *)cred->rcu_next, put_cred_rcu);
}

struct cred *prepare_creds(void)
{
	struct cred *new = kmalloc(sizeof(*new), GFP_KERNEL);

	if (!new)
		return NULL;
	*new = *current_cred();
	new->usage = 1;
	if (new->group_info)
		__atomic_add_fetch(&new->group_info->usage, 1, __ATOMIC_RELAXED);
	return new;
}

void commit_creds(struct cred *new)
{
	const struct cred *old = current_cred();

	/* Who gains rights is no longer its parent's to signal at death. */
	if (old->euid != new->euid || old->egid != new->egid || old->fsuid != new->fsuid ||
	    old->fsgid != new->fsgid || (new->cap_permitted & ~old->cap_permitted)) {
		current->pdeath_signal = 0;
		/*
		 * The memory may hold what the new identity's user must not see. Who meets the new identity must meet this, too:
		 * task_may_attach() looks in the other order.
		 */
		if (current->mm)
			set_dumpable(current->mm, suid_dumpable);
		smp_wmb();
	}
	rcu_assign_pointer(current->cred, new);
	put_cred(old);
}

/* ---- who am I ---- */

static long sys_getuid(void)
{
	return current_uid();
}
SYSCALL(102, getuid);

static long sys_geteuid(void)
{
	return current_euid();
}
SYSCALL(107, geteuid);

static long sys_getgid(void)
{
	return current_gid();
}
SYSCALL(104, getgid);

static long sys_getegid(void)
{
	return current_egid();
}
SYSCALL(108, getegid);

static long put_three(u32 a, u32 b, u32 c, u32 __user *ua, u32 __user *ub, u32 __user *uc)
{
	return put_user(a, ua) || put_user(b, ub) || put_user(c, uc) ? -EFAULT : 0;
}

static long sys_getresuid(u32 __user *ruid, u32 __user *euid, u32 __user *suid)
{
	const struct cred *c = current_cred();

	return put_three(c->uid, c->euid, c->suid, ruid, euid, suid);
}
SYSCALL(118, getresuid);

static long sys_getresgid(u32 __user *rgid, u32 __user *egid, u32 __user *sgid)
{
	const struct cred *c = current_cred();

	return put_three(c->gid, c->egid, c->sgid, rgid, egid, sgid);
}
SYSCALL(120, getresgid);

/* ---- changing who I am: users and groups follow the same rules ---- */

#define KEEP ((u32)-1)

enum id_kind { USER_ID, GROUP_ID };

struct ids {
	u32 real, effective, saved, fs;
};

static struct ids current_ids(enum id_kind kind)
{
	const struct cred *c = current_cred();

	if (kind == USER_ID)
		return (struct ids){ c->uid, c->euid, c->suid, c->fsuid };
	return (struct ids){ c->gid, c->egid, c->sgid, c->fsgid };
}

static long commit_ids(enum id_kind kind, struct ids ids)
{
	const struct cred *old = current_cred();
	struct cred *new = prepare_creds();

	if (!new)
		return -ENOMEM;
	if (kind == USER_ID) {
		new->uid = ids.real;
		new->euid = ids.effective;
		new->suid = ids.saved;
		new->fsuid = ids.fs;
		cap_follow_ids(new, old);
	} else {
		new->gid = ids.real;
		new->egid = ids.effective;
		new->sgid = ids.saved;
		new->fsgid = ids.fs;
	}
	commit_creds(new);
	return 0;
}

/* May current take any ID, not only those that it has already? */
static bool may_take_any(enum id_kind kind)
{
	return capable(kind == USER_ID ? CAP_SETUID : CAP_SETGID);
}

static bool has_id(const struct ids *ids, u32 id)
{
	return id == ids->real || id == ids->effective || id == ids->saved;
}

static long set_id(enum id_kind kind, u32 id)
{
	struct ids ids = current_ids(kind);

	if (id == KEEP)
		return -EINVAL;
	if (may_take_any(kind))
		ids.real = ids.saved = id;
	else if (id != ids.real && id != ids.saved)
		return -EPERM;
	ids.effective = ids.fs = id;
	return commit_ids(kind, ids);
}

static long set_res_id(enum id_kind kind, u32 real, u32 effective, u32 saved)
{
	struct ids ids = current_ids(kind);

	if (!may_take_any(kind) && !((real == KEEP || has_id(&ids, real)) &&
				     (effective == KEEP || has_id(&ids, effective)) &&
				     (saved == KEEP || has_id(&ids, saved))))
		return -EPERM;
	if (real != KEEP)
		ids.real = real;
	if (effective != KEEP)
		ids.effective = effective;
	if (saved != KEEP)
		ids.saved = saved;
	ids.fs = ids.effective;
	return commit_ids(kind, ids);
}

static long set_re_id(enum id_kind kind, u32 real, u32 effective)
{
	const struct ids old = current_ids(kind);
	struct ids ids = old;

	if (!may_take_any(kind)) {
		if (real != KEEP && real != old.real && real != old.effective)
			return -EPERM;
		if (effective != KEEP && !has_id(&old, effective))
			return -EPERM;
	}
	if (real != KEEP)
		ids.real = real;
	if (effective != KEEP)
		ids.effective = effective;
	/* Who takes a new identity cannot go back to the saved one. */
	if (real != KEEP || (effective != KEEP && effective != old.real))
		ids.saved = ids.effective;
	ids.fs = ids.effective;
	return commit_ids(kind, ids);
}

/* Answers the old value, also when it refuses the new one. */
static long set_fs_id(enum id_kind kind, u32 id)
{
	struct ids ids = current_ids(kind);
	u32 old = ids.fs;

	if (id != KEEP && id != old && (has_id(&ids, id) || may_take_any(kind))) {
		ids.fs = id;
		commit_ids(kind, ids);
	}
	return old;
}

static long sys_setuid(u32 uid)
{
	return set_id(USER_ID, uid);
}
SYSCALL(105, setuid);

static long sys_setgid(u32 gid)
{
	return set_id(GROUP_ID, gid);
}
SYSCALL(106, setgid);

static long sys_setresuid(u32 ruid, u32 euid, u32 suid)
{
	return set_res_id(USER_ID, ruid, euid, suid);
}
SYSCALL(117, setresuid);

static long sys_setresgid(u32 rgid, u32 egid, u32 sgid)
{
	return set_res_id(GROUP_ID, rgid, egid, sgid);
}
SYSCALL(119, setresgid);

static long sys_setreuid(u32 ruid, u32 euid)
{
	return set_re_id(USER_ID, ruid, euid);
}
SYSCALL(113, setreuid);

static long sys_setregid(u32 rgid, u32 egid)
{
	return set_re_id(GROUP_ID, rgid, egid);
}
SYSCALL(114, setregid);

static long sys_setfsuid(u32 uid)
{
	return set_fs_id(USER_ID, uid);
}
SYSCALL(122, setfsuid);

static long sys_setfsgid(u32 gid)
{
	return set_fs_id(GROUP_ID, gid);
}
SYSCALL(123, setfsgid);

/* ---- supplementary groups: sorted, so that asking is a binary search ---- */

static bool groups_search(const struct group_info *gi, u32 gid)
{
	int left = 0, right = gi ? gi->ngroups : 0;

	while (left < right) {
		int mid = (left + right) / 2;

		if (gi->gid[mid] == gid)
			return true;
		if (gi->gid[mid] < gid)
			left = mid + 1;
		else
			right = mid;
	}
	return false;
}

bool in_group_p(u32 gid)
{
	const struct cred *c = current_cred();

	return gid == c->fsgid || groups_search(c->group_info, gid);
}

static int gid_cmp(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

static long sys_getgroups(int size, u32 __user *list)
{
	const struct group_info *gi = current_cred()->group_info;
	int n = gi ? gi->ngroups : 0;

	if (size < 0)
		return -EINVAL;
	if (!size)
		return n;
	if (n > size)
		return -EINVAL;
	return n && copy_to_user(list, gi->gid, n * sizeof(u32)) ? -EFAULT : n;
}
SYSCALL(115, getgroups);

static long sys_setgroups(int size, const u32 __user *list)
{
	struct group_info *gi = NULL;
	struct cred *new;

	if (!capable(CAP_SETGID))
		return -EPERM;
	if ((unsigned int)size > NGROUPS_MAX)
		return -EINVAL;
	if (size) {
		gi = kvmalloc(struct_size(gi, gid, size), GFP_KERNEL);
		if (!gi)
			return -ENOMEM;
		gi->usage = 1;
		gi->ngroups = size;
		if (copy_from_user(gi->gid, list, size * sizeof(u32))) {
			kvfree(gi);
			return -EFAULT;
		}
		sort(gi->gid, size, sizeof(u32), gid_cmp, NULL);
	}
	new = prepare_creds();
	if (!new) {
		kvfree(gi);
		return -ENOMEM;
	}
	put_groups(new->group_info);
	new->group_info = gi;
	commit_creds(new);
	return 0;
}
SYSCALL(116, setgroups);
