/*
 * Control messages: open files and credentials that travel with the bytes of a message.
 *
 * Mirrors Linux include/net/scm.h. Exercised by tests/user/unix_rights.c.
 */
#pragma once

#include "kernel/net/uapi.h"
#include "lib/list.h"

struct file;
struct msghdr;
struct pid;
struct sock;
struct socket;
struct inflight_user;

/* Open files on their way, each with a reference. */
struct scm_fp_list {
	struct list_head link;	    /* waits to be dropped */
	struct inflight_user *user; /* not NULL: counted as in flight (unix_gc.c) */
	int count;
	struct file *fp[];
};

/* What sendmsg read or recvmsg will hand over. */
struct scm_cookie {
	struct pid *pid; /* a reference; NULL: not known */
	u32 uid, gid;
	struct scm_fp_list *fp;
};

/*
 * Reads msg's control messages. With creds the sender's own are filled in where it gave none. 0, -EINVAL, -EBADF, -EPERM, -ESRCH, -ENOMEM;
 * scm_destroy() after success only. => may sleep
 */
int scm_send(struct socket *sock, struct msghdr *msg, struct scm_cookie *scm, bool creds);
/* Writes them to the receiver's buffer (what does not fit: MSG_CTRUNC) and destroys the cookie. */
void scm_recv(struct socket *sock, struct msghdr *msg, struct scm_cookie *scm, unsigned int flags);
void scm_destroy(struct scm_cookie *scm);

/* The same files once more; NULL: no memory. */
struct scm_fp_list *scm_fp_dup(struct scm_fp_list *fpl);
/* Drops the files. Sockets that hold sockets in their queues end one after another, not one inside another. NULL is fine. */
void scm_fp_put(struct scm_fp_list *fpl);
