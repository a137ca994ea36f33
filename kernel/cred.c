/*
 * Credentials: whose programs these are, and the system calls that tell and change it.
 *
 * A struct cred never changes once a task carries it: prepare_creds() copies, the caller changes the copy, commit_creds()
 * exchanges. Readers of other tasks use RCU. fork shares the parent's.
 *
 * Mirrors Linux kernel/cred.c, kernel/groups.c and the first half of kernel/sys.c. Exercised by tests/user/process.c.
 */
#include "kernel/cred.h"

#include "arch/x86/uaccess.h"
#include "kernel/pid.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "lib/errno.h"
#include "lib/sort.h"
#include "mm/slab/slab.h"

struct cred init_cred = { .usage = 4 };

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

	rcu_assign_pointer(current->cred, new);
	/* Who gains rights is no longer its parent's to signal at death. */
	if (old->euid != new->euid || old->egid != new->egid || old->fsuid != new->fsuid ||
	    old->fsgid != new->fsgid)
		current->pdeath_signal = 0;
	put_cred(old);
}

static void abort_creds(struct cred *new)
{
	put_groups(new->group_info);
	kfree(new);
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

/* ---- user IDs ---- */

#define KEEP ((u32)-1)

static bool may_take_uid(const struct cred *c, u32 id)
{
	return id == KEEP || id == c->uid || id == c->euid || id == c->suid;
}

static bool may_take_gid(const struct cred *c, u32 id)
{
	return id == KEEP || id == c->gid || id == c->egid || id == c->sgid;
}

static long sys_setuid(u32 uid)
{
	struct cred *new;

	if (uid == KEEP)
		return -EINVAL;
	new = prepare_creds();
	if (!new)
		return -ENOMEM;
	if (capable(CAP_SETUID)) {
		new->uid = new->suid = uid;
	} else if (uid != new->uid && uid != new->suid) {
		abort_creds(new);
		return -EPERM;
	}
	new->euid = new->fsuid = uid;
	commit_creds(new);
	return 0;
}
SYSCALL(105, setuid);

static long sys_setgid(u32 gid)
{
	struct cred *new;

	if (gid == KEEP)
		return -EINVAL;
	new = prepare_creds();
	if (!new)
		return -ENOMEM;
	if (capable(CAP_SETGID)) {
		new->gid = new->sgid = gid;
	} else if (gid != new->gid && gid != new->sgid) {
		abort_creds(new);
		return -EPERM;
	}
	new->egid = new->fsgid = gid;
	commit_creds(new);
	return 0;
}
SYSCALL(106, setgid);

static long sys_setresuid(u32 ruid, u32 euid, u32 suid)
{
	const struct cred *old = current_cred();
	struct cred *new;

	if (!capable(CAP_SETUID) &&
	    !(may_take_uid(old, ruid) && may_take_uid(old, euid) && may_take_uid(old, suid)))
		return -EPERM;
	new = prepare_creds();
	if (!new)
		return -ENOMEM;
	if (ruid != KEEP)
		new->uid = ruid;
	if (euid != KEEP)
		new->euid = euid;
	if (suid != KEEP)
		new->suid = suid;
	new->fsuid = new->euid;
	commit_creds(new);
	return 0;
}
SYSCALL(117, setresuid);

static long sys_setresgid(u32 rgid, u32 egid, u32 sgid)
{
	const struct cred *old = current_cred();
	struct cred *new;

	if (!capable(CAP_SETGID) &&
	    !(may_take_gid(old, rgid) && may_take_gid(old, egid) && may_take_gid(old, sgid)))
		return -EPERM;
	new = prepare_creds();
	if (!new)
		return -ENOMEM;
	if (rgid != KEEP)
		new->gid = rgid;
	if (egid != KEEP)
		new->egid = egid;
	if (sgid != KEEP)
		new->sgid = sgid;
	new->fsgid = new->egid;
	commit_creds(new);
	return 0;
}
SYSCALL(119, setresgid);

static long sys_setreuid(u32 ruid, u32 euid)
{
	const struct cred *old = current_cred();
	struct cred *new;

	if (!capable(CAP_SETUID)) {
		if (ruid != KEEP && ruid != old->uid && ruid != old->euid)
			return -EPERM;
		if (!may_take_uid(old, euid))
			return -EPERM;
	}
	new = prepare_creds();
	if (!new)
		return -ENOMEM;
	if (ruid != KEEP)
		new->uid = ruid;
	if (euid != KEEP)
		new->euid = euid;
	if (ruid != KEEP || (euid != KEEP && euid != old->uid))
		new->suid = new->euid;
	new->fsuid = new->euid;
	commit_creds(new);
	return 0;
}
SYSCALL(113, setreuid);

static long sys_setregid(u32 rgid, u32 egid)
{
	const struct cred *old = current_cred();
	struct cred *new;

	if (!capable(CAP_SETGID)) {
		if (rgid != KEEP && rgid != old->gid && rgid != old->egid)
			return -EPERM;
		if (!may_take_gid(old, egid))
			return -EPERM;
	}
	new = prepare_creds();
	if (!new)
		return -ENOMEM;
	if (rgid != KEEP)
		new->gid = rgid;
	if (egid != KEEP)
		new->egid = egid;
	if (rgid != KEEP || (egid != KEEP && egid != old->gid))
		new->sgid = new->egid;
	new->fsgid = new->egid;
	commit_creds(new);
	return 0;
}
SYSCALL(114, setregid);

/* Both answer the old value, also when they refuse the new one. */
static long sys_setfsuid(u32 uid)
{
	u32 old = current_fsuid();
	struct cred *new;

	if (uid == KEEP || uid == old ||
	    !(may_take_uid(current_cred(), uid) || capable(CAP_SETUID)))
		return old;
	new = prepare_creds();
	if (!new)
		return old;
	new->fsuid = uid;
	commit_creds(new);
	return old;
}
SYSCALL(122, setfsuid);

static long sys_setfsgid(u32 gid)
{
	u32 old = current_fsgid();
	struct cred *new;

	if (gid == KEEP || gid == old ||
	    !(may_take_gid(current_cred(), gid) || capable(CAP_SETGID)))
		return old;
	new = prepare_creds();
	if (!new)
		return old;
	new->fsgid = gid;
	commit_creds(new);
	return old;
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

/* ---- capabilities: effective uid 0 has all, others none ---- */

#define LINUX_CAPABILITY_VERSION_1 0x19980330
#define LINUX_CAPABILITY_VERSION_2 0x20071026
#define LINUX_CAPABILITY_VERSION_3 0x20080522
#define CAP_LAST_CAP		   40

struct cap_header {
	u32 version;
	int pid;
};
struct cap_data {
	u32 effective, permitted, inheritable;
};

/* Words of each set that this version has; -EINVAL, and the version that the kernel prefers, if unknown. */
static int cap_words(struct cap_header __user *uheader, struct cap_header *header)
{
	if (copy_from_user(header, uheader, sizeof(*header)))
		return -EFAULT;
	switch (header->version) {
	case LINUX_CAPABILITY_VERSION_1:
		return 1;
	case LINUX_CAPABILITY_VERSION_2:
	case LINUX_CAPABILITY_VERSION_3:
		return 2;
	}
	return put_user((u32)LINUX_CAPABILITY_VERSION_3, &uheader->version) ? -EFAULT : -EINVAL;
}

static u64 cap_set_of(const struct cred *cred)
{
	return cred->euid ? 0 : BIT(CAP_LAST_CAP + 1) - 1;
}

static long sys_capget(struct cap_header __user *uheader, struct cap_data __user *udata)
{
	struct cap_data data[2] = { 0 };
	struct cap_header header;
	struct task_struct *t;
	int words = cap_words(uheader, &header);
	u64 caps;

	if (words == -EINVAL && !udata)
		return 0;
	if (words < 0)
		return words;
	if (header.pid < 0)
		return -EINVAL;
	rcu_read_lock();
	t = header.pid ? find_task_by_vpid(header.pid) : current;
	caps = t ? cap_set_of(rcu_dereference(t->cred)) : 0;
	rcu_read_unlock();
	if (!t)
		return -ESRCH;
	for (int i = 0; i < words; i++)
		data[i].effective = data[i].permitted = caps >> (32 * i);
	return udata && copy_to_user(udata, data, words * sizeof(data[0])) ? -EFAULT : 0;
}
SYSCALL(125, capget);

/* Sets follow from the user ID, so only what is so already can be set: a part cannot be given up. */
static long sys_capset(struct cap_header __user *uheader, const struct cap_data __user *udata)
{
	struct cap_data data[2] = { 0 };
	struct cap_header header;
	int words = cap_words(uheader, &header);
	u64 effective, permitted, caps = cap_set_of(current_cred()), known;

	if (words < 0)
		return words;
	if (header.pid && header.pid != task_pid_nr(current))
		return -EPERM;
	if (copy_from_user(data, udata, words * sizeof(data[0])))
		return -EFAULT;
	effective = data[0].effective | (u64)data[1].effective << 32;
	permitted = data[0].permitted | (u64)data[1].permitted << 32;
	known = words == 1 ? caps & U32_MAX : caps;
	return permitted == known && effective == known ? 0 : -EPERM;
}
SYSCALL(126, capset);
