/*
 * Capabilities: root's power in 41 parts, and the system calls that tell and give up parts of it.
 *
 * 1. Each cred has three sets. `effective` is what capable() asks; `permitted` is what effective may be made of; `inheritable` is
 *    kept over exec. Files carry no capabilities here, so nothing but user ID 0 brings any: the bounding set is always full,
 *    the ambient set empty, inheritable without effect.
 * 2. The sets follow the user IDs. The last ID that was 0 goes: permitted and effective become empty. The effective ID leaves 0:
 *    effective becomes empty, and full again (as far as permitted) when it comes back. The file system's ID takes along only
 *    the rights over files.
 * 3. exec by or as user 0 fills the sets again; by anyone else it empties them. With no_new_privs it can only take away.
 * 4. capset() takes parts away for good: permitted never grows by it.
 *
 * Invariant: effective is part of permitted. Locks: none, creds do not change (cred.h).
 * Mirrors Linux kernel/capability.c and security/commoncap.c; capabilities(7). Exercised by tests/user/capabilities.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/pid.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "lib/errno.h"

#define LINUX_CAPABILITY_VERSION_1 0x19980330
#define LINUX_CAPABILITY_VERSION_2 0x20071026
#define LINUX_CAPABILITY_VERSION_3 0x20080522

/* What the file system's user ID stands for. */
#define CAP_FS_SET                                                                             \
	(BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) | \
	 BIT(CAP_FSETID) | BIT(CAP_LINUX_IMMUTABLE) | BIT(CAP_MKNOD) | BIT(CAP_MAC_OVERRIDE))

struct cap_header {
	u32 version;
	int pid;
};
struct cap_data {
	u32 effective, permitted, inheritable;
};

void cap_follow_ids(struct cred *new, const struct cred *old)
{
	const bool had_root = !old->uid || !old->euid || !old->suid;
	const bool has_root = !new->uid || !new->euid || !new->suid;

	if (had_root && !has_root)
		new->cap_permitted = new->cap_effective = 0;
	if (!old->euid && new->euid)
		new->cap_effective = 0;
	else if (old->euid && !new->euid)
		new->cap_effective = new->cap_permitted;
	/* Only setfsuid() moves this ID alone. */
	if (old->euid == new->euid && !old->fsuid &&new->fsuid)
		new->cap_effective &= ~CAP_FS_SET;
	else if (old->euid == new->euid && old->fsuid && !new->fsuid)
		new->cap_effective |= new->cap_permitted &CAP_FS_SET;
}

void cap_follow_exec(struct cred *new, const struct cred *old, bool no_new_privs)
{
	new->cap_permitted = !new->uid || !new->euid ? CAP_FULL_SET : 0;
	if (no_new_privs)
		new->cap_permitted &= old->cap_permitted;
	new->cap_effective = new->euid ? 0 : new->cap_permitted;
}

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

static long sys_capget(struct cap_header __user *uheader, struct cap_data __user *udata)
{
	struct cap_data data[2] = { 0 };
	struct cap_header header;
	struct task_struct *t;
	int words = cap_words(uheader, &header);

	if (words == -EINVAL && !udata)
		return 0;
	if (words < 0)
		return words;
	if (header.pid < 0)
		return -EINVAL;
	rcu_read_lock();
	t = header.pid ? find_task_by_vpid(header.pid) : current;
	if (t) {
		const struct cred *c = rcu_dereference(t->cred);

		for (int i = 0; i < words; i++) {
			data[i].effective = c->cap_effective >> (32 * i);
			data[i].permitted = c->cap_permitted >> (32 * i);
			data[i].inheritable = c->cap_inheritable >> (32 * i);
		}
	}
	rcu_read_unlock();
	if (!t)
		return -ESRCH;
	return udata && copy_to_user(udata, data, words * sizeof(data[0])) ? -EFAULT : 0;
}
SYSCALL(125, capget);

static u64 cap_set(u32 low, u32 high)
{
	return (low | (u64)high << 32) & CAP_FULL_SET;
}

static long sys_capset(struct cap_header __user *uheader, const struct cap_data __user *udata)
{
	const struct cred *old = current_cred();
	u64 effective, permitted, inheritable;
	struct cap_data data[2] = { 0 };
	struct cap_header header;
	struct cred *new;
	int words = cap_words(uheader, &header);

	if (words < 0)
		return words;
	if (header.pid && header.pid != task_pid_nr(current))
		return -EPERM;
	if (copy_from_user(data, udata, words * sizeof(data[0])))
		return -EFAULT;
	effective = cap_set(data[0].effective, data[1].effective);
	permitted = cap_set(data[0].permitted, data[1].permitted);
	inheritable = cap_set(data[0].inheritable, data[1].inheritable);
	if (inheritable & ~(old->cap_inheritable | old->cap_permitted) && !capable(CAP_SETPCAP))
		return -EPERM;
	if (permitted & ~old->cap_permitted || effective & ~permitted)
		return -EPERM;
	new = prepare_creds();
	if (!new)
		return -ENOMEM;
	new->cap_effective = effective;
	new->cap_permitted = permitted;
	new->cap_inheritable = inheritable;
	commit_creds(new);
	return 0;
}
SYSCALL(126, capset);
