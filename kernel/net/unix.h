/*
 * Unix-domain sockets: addresses, peers, and the account of sockets that are under way in messages.
 *
 * 1. An address is a path of the file system (the socket file's inode leads to the socket) or an abstract name: bytes behind a zero, in a table of
 *    their own, gone with the socket. Addresses are set once and shared by count: an accepted socket shows its listener's.
 * 2. A stream or seqpacket connection is a pair of socks that point at each other, with a reference each. connect(2) makes the
 *    far end and puts it into the listener's queue inside a message; accept(2) gives it a descriptor. A datagram socket's
 *    peer is only where it sends by default.
 * 3. Closing or shutting down one end changes both: each has its own sk_shutdown and looks only at that.
 *
 * Legend: S the state lock (unix_sock.lock; two of them in order of address); T unix_table_lock; G unix_gc_lock; B bindlock.
 * Locks, outside in: directory i_rwsem, bindlock, T, S, queue->lock; iolock (readers; user memory is copied under it); G, queue->lock.
 * Mirrors Linux include/net/af_unix.h. Exercised by tests/user/unix_*.c.
 */
#pragma once

#include "kernel/mutex.h"
#include "kernel/net/sock.h"

struct unix_address {
	atomic_t refcnt; /* a */
	int len;	 /* - of name, with its family */
	bool abstract;	 /* - */
	struct sockaddr_un name;
	char end; /* the zero behind a path of all 108 bytes */
};

struct unix_sock {
	struct sock sk; /* the first field */
	spinlock_t lock;
	struct unix_address *addr; /* T and B; set once, read by smp_load_acquire() */
	struct path path;	   /* T and B; the socket file, with references */
	struct hlist_node bound;   /* T: by address */
	struct list_head all;	   /* T: /proc/net/unix */
	struct sock *peer;	   /* S a reference */
	struct mutex iolock;	   /* one reader at a time */
	struct mutex bindlock;
	wait_queue_head_t peer_wait; /* those who send to this sock and found its queue full */
	wait_queue_entry_t
		peer_wake; /* this one, on its peer's peer_wait; private: that peer. Its lock */
	struct list_head inflight_link; /* G in the list of those with inflight > 0 */
	unsigned long inflight;		/* G messages under way that carry this socket */
	/* G, while the collector runs */
	struct list_head gc_link;
	unsigned long gc_refs;
	bool gc_candidate, gc_alive;
};

#define unix_sk(s) container_of(s, struct unix_sock, sk)

static inline void unix_state_lock(struct sock *sk)
{
	spin_lock(&unix_sk(sk)->lock);
}
static inline void unix_state_unlock(struct sock *sk)
{
	spin_unlock(&unix_sk(sk)->lock);
}
/* b may be NULL or a. */
void unix_state_double_lock(struct sock *a, struct sock *b);
void unix_state_double_unlock(struct sock *a, struct sock *b);
/* The peer with a reference, or NULL. */
struct sock *unix_peer_get(struct sock *sk);

static inline bool unix_recvq_full(const struct sock *sk)
{
	return READ_ONCE(sk->sk_receive_queue.qlen) > READ_ONCE(sk->sk_max_ack_backlog);
}
/* A quarter of the send buffer is used: worth waking a sender. */
static inline bool unix_writable(const struct sock *sk)
{
	return sk->sk_state != TCP_LISTEN &&
	       ((u64)atomic_read(&sk->sk_wmem_alloc) << 2) <= READ_ONCE(sk->sk_sndbuf);
}

/* ---- af_unix.c ---- */
struct sock *unix_create1(struct socket *sock, int type); /* NULL: no memory */
/* The end of a sock, with its first reference; embryo: it was never accepted. */
void unix_release_sock(struct sock *sk, bool embryo);
/* Waits for room in the queue of other. => other's state lock held; it is dropped. Jiffies left */
long unix_wait_for_peer(struct sock *other, long timeo);

/* ---- unix_addr.c ---- */
int unix_validate_addr(const struct sockaddr_storage *addr, int len);
int unix_bind(struct socket *sock, struct sockaddr_storage *addr, int len);
int unix_autobind(struct sock *sk); /* an abstract name of five digits, if it has no name */
/* The sock that is bound to addr, with a reference. ERR_PTR(-ECONNREFUSED, -EPROTOTYPE, -EACCES, what look-up says) */
struct sock *unix_find_other(struct sockaddr_storage *addr, int len, int type);
int unix_getname(struct socket *sock, struct sockaddr_storage *addr, bool peer);
void unix_copy_addr(struct msghdr *msg, struct sock *sk);
void unix_address_put(struct unix_address *addr);
void unix_insert_sock(struct sock *sk); /* into the list of all */
void unix_remove_sock(struct sock *sk); /* out of all tables; sk->path is the caller's to put */

/* ---- unix_stream.c, unix_dgram.c ---- */
extern const struct proto_ops unix_stream_ops, unix_dgram_ops, unix_seqpacket_ops;
void unix_dgram_peer_wake_init(struct unix_sock *u);
void unix_dgram_peer_wake_disconnect(struct sock *sk, struct sock *other);
/* sk's peer changed from other to somebody else: what came from it is lost, and it learns of it. */
void unix_dgram_disconnected(struct sock *sk, struct sock *other);
int unix_dgram_connect(struct socket *sock, struct sockaddr_storage *addr, int len, int flags);
/* Moves the cookie's files and, where someone asked, the sender's name into the message. 0 or -ETOOMANYREFS. */
int unix_scm_to_skb(struct scm_cookie *scm, struct sk_buff *skb);
/* The sender's name, if either end wants it and the message has none. => other's state lock held */
void unix_maybe_add_creds(struct sk_buff *skb, struct sock *sk, struct sock *other);
/* The message's files: taken out, or a copy of the list for MSG_PEEK. 0 or -ENOMEM. => iolock held */
int unix_take_fds(struct scm_cookie *scm, struct sk_buff *skb, bool peek);
void unix_scm_creds(struct scm_cookie *scm, const struct sk_buff *skb);
unsigned int unix_poll(struct file *file, struct socket *sock, struct poll_table *wait);

/* ---- common calls (af_unix.c) ---- */
void unix_release(struct socket *sock);
int unix_socketpair(struct socket *a, struct socket *b);
int unix_listen(struct socket *sock, int backlog);
int unix_accept(struct socket *sock, struct socket *newsock, int flags);
int unix_shutdown(struct socket *sock, int how);
long unix_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg);
void unix_show_fdinfo(struct seq_file *m, struct socket *sock);

/* ---- unix_gc.c ---- */
/* The unix sock behind an open file, or NULL. */
struct sock *unix_get_socket(const struct file *file);
/* Files get under way in a message, or come out of one. -ETOOMANYREFS, -ENOMEM. */
int unix_inflight(struct scm_fp_list *fpl);
void unix_notinflight(struct scm_fp_list *fpl);
void unix_peek_fds(struct scm_fp_list *copy, const struct scm_fp_list *fpl);
/* A socket was closed: the collector looks, later, for those that only messages hold. => any context that may wake */
void unix_schedule_gc(void);

extern spinlock_t unix_table_lock;
extern struct list_head unix_sockets; /* unix_table_lock */
extern int sysctl_max_dgram_qlen;
