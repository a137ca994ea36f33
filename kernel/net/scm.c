/*
 * Control messages of sendmsg and recvmsg: SCM_RIGHTS (open files) and SCM_CREDENTIALS (who sends).
 *
 * 1. sendmsg: the files that SCM_RIGHTS names are looked up and referenced at once; what happens to the sender's descriptors later does
 *    not matter. Several SCM_RIGHTS of one call make one list. SCM_CREDENTIALS may claim only what the sender could become.
 * 2. recvmsg: each file gets a new descriptor. What does not fit into the buffer, or finds no free number, is closed,
 *    and MSG_CTRUNC says so.
 * 3. A file on its way may be a socket whose queue holds files on their way, and so on. fput() ends a file at once, here,
 *    so a long chain would end by recursion and overflow the stack. Therefore a task that is dropping files already only notes
 *    further lists, and its outermost call goes through them.
 *
 * Locks: drain_lock, a leaf. Mirrors Linux net/core/scm.c. Exercised by tests/user/unix_rights.c.
 */
#include "kernel/net/scm.h"

#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/net/sock.h"
#include "kernel/net/unix.h"
#include "kernel/pid.h"
#include "mm/slab/slab.h"

/* ---- dropping ---- */

/* A task that is dropping files. */
struct scm_drain {
	struct list_head node; /* drain_lock */
	struct list_head work; /* drain_lock: lists that are still to be dropped */
	struct task_struct *task;
};

static DEFINE_SPINLOCK(drain_lock);
static LIST_HEAD(drains);

/* Current's drain, if there is one. => drain_lock held */
static struct scm_drain *current_drain(void)
{
	struct scm_drain *d;

	list_for_each_entry(d, &drains, node)
		if (d->task == current)
			return d;
	return NULL;
}

static struct scm_fp_list *next_to_drop(struct scm_drain *d)
{
	struct scm_fp_list *fpl;

	guard(spinlock)(&drain_lock);
	fpl = list_first_entry_or_null(&d->work, struct scm_fp_list, link);
	if (fpl)
		list_del(&fpl->link);
	else
		list_del(&d->node);
	return fpl;
}

void scm_fp_put(struct scm_fp_list *fpl)
{
	struct scm_drain mine = { .work = LIST_HEAD_INIT(mine.work), .task = current }, *outer;
	int i;

	if (!fpl)
		return;
	unix_notinflight(fpl);
	spin_lock(&drain_lock);
	outer = current_drain();
	list_add_tail(&fpl->link, outer ? &outer->work : &mine.work);
	if (!outer)
		list_add(&mine.node, &drains);
	spin_unlock(&drain_lock);
	while (!outer && (fpl = next_to_drop(&mine))) {
		for (i = 0; i < fpl->count; i++)
			fput(fpl->fp[i]);
		kfree(fpl);
		cond_resched();
	}
}

static struct scm_fp_list *scm_fp_alloc(int count)
{
	struct scm_fp_list *fpl = kzalloc(sizeof(*fpl) + count * sizeof(struct file *), GFP_KERNEL);

	return fpl;
}

struct scm_fp_list *scm_fp_dup(struct scm_fp_list *fpl)
{
	struct scm_fp_list *copy = scm_fp_alloc(fpl->count);

	if (copy)
		unix_peek_fds(copy, fpl);
	return copy;
}

void scm_destroy(struct scm_cookie *scm)
{
	put_pid(scm->pid);
	scm->pid = NULL;
	scm_fp_put(scm->fp);
	scm->fp = NULL;
}

/* ---- sending ---- */

/* The control message at *at, which moves on; NULL: the end; ERR_PTR(-EINVAL). */
static const struct cmsghdr *next_cmsg(const struct msghdr *msg, size_t *at)
{
	const struct cmsghdr *c = msg->control + *at;
	size_t left = msg->msg_controllen - *at;

	if (*at >= msg->msg_controllen || left < sizeof(*c))
		return NULL;
	if (c->cmsg_len < sizeof(*c) || c->cmsg_len > left)
		return ERR_PTR(-EINVAL);
	*at += CMSG_ALIGN(c->cmsg_len);
	return c;
}

/* Adds the files of one SCM_RIGHTS. */
static int scm_fp_copy(const struct cmsghdr *c, struct scm_cookie *scm)
{
	const int *fds = (const int *)(c + 1);
	size_t i, nr = (c->cmsg_len - sizeof(*c)) / sizeof(int);

	if (!nr)
		return 0;
	if (nr > SCM_MAX_FD)
		return -EINVAL;
	if (!scm->fp)
		scm->fp = scm_fp_alloc(SCM_MAX_FD);
	if (!scm->fp)
		return -ENOMEM;
	if (scm->fp->count + nr > SCM_MAX_FD)
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		struct file *file = fds[i] < 0 ? NULL : fget_raw(fds[i]);

		if (!file)
			return -EBADF;
		scm->fp->fp[scm->fp->count++] = file;
	}
	return 0;
}

static bool may_claim(const struct ucred *claim)
{
	const struct cred *cred = current_cred();

	return (claim->pid == task_tgid_nr(current) || capable(CAP_SYS_ADMIN)) &&
	       (claim->uid == cred->uid || claim->uid == cred->euid || claim->uid == cred->suid ||
		capable(CAP_SETUID)) &&
	       (claim->gid == cred->gid || claim->gid == cred->egid || claim->gid == cred->sgid ||
		capable(CAP_SETGID));
}

static int scm_take_creds(const struct cmsghdr *c, struct scm_cookie *scm)
{
	const struct ucred *claim = (const struct ucred *)(c + 1);
	struct pid *pid;

	if (c->cmsg_len != CMSG_LEN(sizeof(*claim)))
		return -EINVAL;
	if (!may_claim(claim))
		return -EPERM;
	pid = find_get_pid(claim->pid);
	if (!pid)
		return -ESRCH;
	put_pid(scm->pid);
	scm->pid = pid;
	scm->uid = claim->uid;
	scm->gid = claim->gid;
	return 0;
}

static int scm_take_one(struct socket *sock, const struct cmsghdr *c, struct scm_cookie *scm)
{
	if (c->cmsg_level != SOL_SOCKET)
		return 0;
	switch (c->cmsg_type) {
	case SCM_RIGHTS:
		return sock->ops->family == PF_UNIX ? scm_fp_copy(c, scm) : -EINVAL;
	case SCM_CREDENTIALS:
		return scm_take_creds(c, scm);
	}
	return -EINVAL;
}

/* The list was made for as many as there can be: a message under way keeps only what it needs. */
static int scm_fp_trim(struct scm_cookie *scm)
{
	struct scm_fp_list *big = scm->fp, *fpl;
	int i;

	if (!big)
		return 0;
	fpl = scm_fp_alloc(big->count);
	if (!fpl)
		return -ENOMEM;
	fpl->count = big->count;
	for (i = 0; i < big->count; i++)
		fpl->fp[i] = big->fp[i];
	kfree(big);
	scm->fp = fpl;
	return 0;
}

int scm_send(struct socket *sock, struct msghdr *msg, struct scm_cookie *scm, bool creds)
{
	const struct cmsghdr *c;
	size_t at = 0;
	int err = 0;

	*scm = (struct scm_cookie){ .uid = OVERFLOW_ID, .gid = OVERFLOW_ID };
	if (creds) {
		scm->pid = get_pid(task_tgid(current));
		scm->uid = current_uid();
		scm->gid = current_gid();
	}
	while (!err && (c = next_cmsg(msg, &at)))
		err = IS_ERR(c) ? PTR_ERR(c) : scm_take_one(sock, c, scm);
	if (!err)
		err = scm_fp_trim(scm);
	if (err)
		scm_destroy(scm);
	return err;
}

/* ---- receiving ---- */

/* One control message of len bytes behind what is there; what does not fit is cut off. */
static void put_cmsg(struct msghdr *msg, int type, const void *data, size_t len)
{
	struct cmsghdr c = { CMSG_LEN(len), SOL_SOCKET, type };
	size_t space;

	if (!msg->msg_control || msg->msg_controllen < sizeof(c)) {
		msg->msg_flags |= MSG_CTRUNC;
		return;
	}
	if (msg->msg_controllen < c.cmsg_len) {
		msg->msg_flags |= MSG_CTRUNC;
		c.cmsg_len = msg->msg_controllen;
	}
	if (copy_to_user(msg->msg_control, &c, sizeof(c)) ||
	    copy_to_user(msg->msg_control + sizeof(c), data, c.cmsg_len - sizeof(c)))
		return;
	space = min(CMSG_SPACE(len), msg->msg_controllen);
	msg->msg_control += space;
	msg->msg_controllen -= space;
}

static void put_creds(struct msghdr *msg, const struct scm_cookie *scm)
{
	struct ucred creds = { pid_nr(scm->pid), scm->uid, scm->gid };

	put_cmsg(msg, SCM_CREDENTIALS, &creds, sizeof(creds));
}

/* A descriptor of current for file, its number written to *ufd. */
static int receive_fd_user(struct file *file, int __user *ufd, unsigned int flags)
{
	int fd = get_unused_fd_flags(flags & MSG_CMSG_CLOEXEC ? O_CLOEXEC : 0);

	if (fd < 0)
		return fd;
	if (put_user(fd, ufd)) {
		put_unused_fd(fd);
		return -EFAULT;
	}
	fd_install(fd, get_file(file));
	return 0;
}

static void scm_detach_fds(struct msghdr *msg, struct scm_fp_list *fpl, unsigned int flags)
{
	struct cmsghdr __user *uc = msg->msg_control;
	size_t room = uc && msg->msg_controllen > sizeof(*uc)
			      ? (msg->msg_controllen - sizeof(*uc)) / sizeof(int)
			      : 0;
	struct cmsghdr c = { 0, SOL_SOCKET, SCM_RIGHTS };
	size_t i = 0, space;

	while (i < fpl->count && i < room &&
	       !receive_fd_user(fpl->fp[i], (int __user *)(uc + 1) + i, flags))
		i++;
	if (i < fpl->count)
		msg->msg_flags |= MSG_CTRUNC;
	if (!i)
		return;
	c.cmsg_len = CMSG_LEN(i * sizeof(int));
	if (copy_to_user(uc, &c, sizeof(c)))
		return;
	space = min(CMSG_SPACE(i * sizeof(int)), msg->msg_controllen);
	msg->msg_control += space;
	msg->msg_controllen -= space;
}

void scm_recv(struct socket *sock, struct msghdr *msg, struct scm_cookie *scm, unsigned int flags)
{
	bool creds = sock_flag(sock->sk, SOCK_PASSCRED);

	if (!msg->msg_control) {
		if (creds || scm->fp)
			msg->msg_flags |= MSG_CTRUNC;
	} else {
		if (creds)
			put_creds(msg, scm);
		if (scm->fp)
			scm_detach_fds(msg, scm->fp, flags);
	}
	scm_destroy(scm);
}
