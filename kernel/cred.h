/*
 * Credentials: who a task is. Immutable once installed; a change makes a new copy (prepare, commit).
 *
 * Privileges are capabilities, one bit each (capability.c). capable() asks the effective set; the permitted set bounds it.
 *
 * Legend: all fields constant after commit_creds(); usage atomic.
 * Mirrors Linux include/linux/cred.h. Exercised by tests/user/{attrs,process}.c.
 */
#pragma once

#include "kernel/current.h"
#include "kernel/task.h"
#include "lib/types.h"

#define NGROUPS_MAX 65536

struct group_info {
	int usage;
	int ngroups;
	u32 gid[];
};

struct cred {
	int usage;
	u32 uid, gid, suid, sgid, euid, egid, fsuid, fsgid;
	u64 cap_inheritable, cap_permitted, cap_effective; /* effective is part of permitted */
	struct group_info *group_info;			   /* NULL: no supplementary groups */
	void *rcu_next[2];
};

extern struct cred init_cred;

#define current_cred()	(current->cred)
#define current_uid()	(current->cred->uid)
#define current_euid()	(current->cred->euid)
#define current_gid()	(current->cred->gid)
#define current_egid()	(current->cred->egid)
#define current_fsuid() (current->cred->fsuid)
#define current_fsgid() (current->cred->fsgid)

#define CAP_CHOWN	    0
#define CAP_DAC_OVERRIDE    1
#define CAP_DAC_READ_SEARCH 2
#define CAP_FOWNER	    3
#define CAP_FSETID	    4
#define CAP_KILL	    5
#define CAP_SETGID	    6
#define CAP_SETUID	    7
#define CAP_SETPCAP	    8
#define CAP_LINUX_IMMUTABLE 9
#define CAP_NET_ADMIN	    12
#define CAP_IPC_LOCK	    14
#define CAP_SYS_RAWIO	    17
#define CAP_SYS_CHROOT	    18
#define CAP_SYS_PTRACE	    19
#define CAP_SYS_ADMIN	    21
#define CAP_SYS_BOOT	    22
#define CAP_SYS_NICE	    23
#define CAP_SYS_RESOURCE    24
#define CAP_SYS_TIME	    25
#define CAP_SYS_TTY_CONFIG  26
#define CAP_MKNOD	    27
#define CAP_MAC_OVERRIDE    32
#define CAP_SYSLOG	    34
#define CAP_WAKE_ALARM	    35
#define CAP_BLOCK_SUSPEND   36
#define CAP_LAST_CAP	    40
#define CAP_FULL_SET	    (BIT(CAP_LAST_CAP + 1) - 1)

/* Does current's effective set have this privilege? */
static inline bool capable(int cap)
{
	return current->cred->cap_effective >> cap & 1;
}

static inline const struct cred *get_cred(const struct cred *c)
{
	__atomic_add_fetch((int *)&c->usage, 1, __ATOMIC_RELAXED);
	return c;
}

void put_cred(const struct cred *c); /* frees after a grace period */
struct cred *prepare_creds(void);    /* a copy of current's to change; NULL: no memory */
void commit_creds(struct cred *new); /* current becomes new; takes over the reference */
bool in_group_p(u32 gid);	     /* fsgid or a supplementary group of current */

/* What becomes of new's sets as the user IDs change from old's to new's. => new->fsuid and the other IDs are in place */
void cap_follow_ids(struct cred *new, const struct cred *old);

/* The sets of a program after exec: => new's user IDs are those of the program; no_new_privs: it may gain nothing over old */
void cap_follow_exec(struct cred *new, const struct cred *old, bool no_new_privs);
