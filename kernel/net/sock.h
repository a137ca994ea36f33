/*
 * Sockets inside the kernel: struct socket (the descriptor's half), struct sock (the protocol's half) and the messages
 * that lie between two of them.
 *
 * 1. socket(2) makes a file of sockfs whose private_data is a struct socket: type, state, and the family's operations. What the
 *    operations work on is its struct sock, which is counted: a peer or a message under way may outlive the descriptor.
 * 2. A message is a struct sk_buff: bytes, perhaps credentials, perhaps open files. It waits in the receive queue of the
 *    sock it was sent to, but its memory is charged to the sock that sent it (sk_wmem_alloc) until it is freed. So a sender that
 *    is faster than its reader stops at its own SO_SNDBUF.
 * 3. States keep the numbers of TCP, which /proc/net/unix and programs know: ESTABLISHED, CLOSE, LISTEN.
 * 4. All who wait for anything (data, space, a change of state, poll) wait on sk_wq and look again.
 *
 * Legend: S the family's state lock (unix: unix_sock.lock); - constant once visible; a atomic; plain words that one
 * store sets are read without a lock.
 * Mirrors Linux include/linux/{net,skbuff}.h, include/net/sock.h. Exercised by tests/user/unix_*.c.
 */
#pragma once

#include "kernel/cred.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/poll.h"
#include "kernel/net/scm.h"
#include "kernel/net/uapi.h"
#include "kernel/sched.h"
#include "kernel/wait.h"
#include "mm/cache/uio.h"

struct sk_buff;
struct sock;
struct socket;

/* ---- messages ---- */

struct sk_buff {
	struct list_head list; /* queue->lock */
	struct sock *sk;       /* - the sender, or the new socket of a connection; a reference */
	unsigned int len, truesize; /* - bytes of data, of memory */
	unsigned int consumed;	    /* unix_sock.iolock: a stream's reader has taken so many */
	struct pid *pid;	/* - the sender, where someone asked for credentials; a reference */
	u32 uid, gid;		/* - OVERFLOW_ID without */
	struct scm_fp_list *fp; /* - open files, or NULL; the reader takes them out under iolock */
	u8 data[];
};

struct sk_buff_head {
	spinlock_t lock;
	struct list_head list; /* lock */
	unsigned int qlen;     /* lock */
};

static inline void skb_queue_head_init(struct sk_buff_head *q)
{
	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->list);
	q->qlen = 0;
}

static inline bool skb_queue_empty(const struct sk_buff_head *q)
{
	return list_empty(&q->list);
}

/* A message with room for len bytes; NULL. Frees with what hangs on it. => may sleep */
struct sk_buff *alloc_skb(unsigned int len);
void kfree_skb(struct sk_buff *skb);
/* Charges skb to sk, which gets a reference. */
void skb_set_owner_w(struct sk_buff *skb, struct sock *sk);
void skb_queue_tail(struct sk_buff_head *q, struct sk_buff *skb);
/* The oldest message, taken off, or NULL. */
struct sk_buff *skb_dequeue(struct sk_buff_head *q);
/* The one behind skb (NULL: the oldest), left where it is, or NULL. => the caller keeps readers out */
struct sk_buff *skb_peek_next(struct sk_buff_head *q, struct sk_buff *skb);
void skb_unlink(struct sk_buff_head *q, struct sk_buff *skb);
/* All of n bytes from offset on, or false (a fault) with the iterator where it was. => may sleep */
bool skb_copy_to_iter(const struct sk_buff *skb, unsigned int offset, size_t n,
		      struct iov_iter *to);

/* ---- struct sock ---- */

enum { TCP_ESTABLISHED = 1, TCP_CLOSE = 7, TCP_LISTEN = 10 };

#define RCV_SHUTDOWN  1
#define SEND_SHUTDOWN 2
#define SHUTDOWN_MASK 3

/* sk_flags */
enum sock_flags {
	SOCK_DEAD,     /* S the descriptor is closed */
	SOCK_PASSCRED, /* from here on one bit for each switch of setsockopt(2) */
	SOCK_DBG,
	SOCK_REUSE,
	SOCK_LOCALROUTE,
	SOCK_BROADCAST,
	SOCK_KEEPOPEN,
	SOCK_URGINLINE,
	SOCK_RCVTSTAMP,
};

#define SOCK_MIN_SNDBUF 4608
#define SOCK_MIN_RCVBUF 2304
#define SK_MEM_DEFAULT	212992
#define SCM_OPTMEM_MAX	20480 /* bytes of control messages in one sendmsg */

struct sock {
	atomic_t sk_refcnt;	  /* a */
	struct socket *sk_socket; /* S NULL: not accepted yet, or closed */
	int sk_type;		  /* - SOCK_STREAM.. */
	int sk_state;		  /* S */
	int sk_shutdown;	  /* S RCV_SHUTDOWN, SEND_SHUTDOWN */
	int sk_err;		  /* the next call gets it, once */
	unsigned long sk_flags;	  /* a BIT(SOCK_*) */
	wait_queue_head_t sk_wq;
	struct sk_buff_head sk_receive_queue;
	atomic_t sk_wmem_alloc; /* a */
	int sk_sndbuf, sk_rcvbuf, sk_rcvlowat, sk_priority;
	struct linger sk_linger;
	long sk_rcvtimeo, sk_sndtimeo;	 /* jiffies */
	unsigned int sk_max_ack_backlog; /* S messages or connections that may wait in the queue */
	struct pid *sk_peer_pid; /* S who is at the other end, with references; NULL: nobody */
	const struct cred *sk_peer_cred;	 /* S */
	void (*sk_write_space)(struct sock *sk); /* - a message of sk was freed */
	void (*sk_destruct)(struct sock *sk);	 /* - the last reference is gone: frees it */
};

/* Sets what every family wants; one reference. */
void sock_init_data(struct socket *sock, struct sock *sk, int type);
static inline void sock_hold(struct sock *sk)
{
	atomic_inc(&sk->sk_refcnt);
}
void sock_put(struct sock *sk); /* => may sleep */

static inline bool sock_flag(const struct sock *sk, enum sock_flags flag)
{
	return READ_ONCE(sk->sk_flags) >> flag & 1;
}
static inline void sock_set_flag(struct sock *sk, enum sock_flags flag, bool on)
{
	if (on)
		__atomic_fetch_or(&sk->sk_flags, BIT(flag), __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&sk->sk_flags, ~BIT(flag), __ATOMIC_SEQ_CST);
}

/* Takes the pending error, as a negative number; 0: none. */
static inline int sock_error(struct sock *sk)
{
	return likely(!READ_ONCE(sk->sk_err))
		       ? 0
		       : -__atomic_exchange_n(&sk->sk_err, 0, __ATOMIC_SEQ_CST);
}

/* Jiffies that a call waits at most; 0: not at all. */
static inline long sock_rcvtimeo(const struct sock *sk, bool noblock)
{
	return noblock ? 0 : READ_ONCE(sk->sk_rcvtimeo);
}
static inline long sock_sndtimeo(const struct sock *sk, bool noblock)
{
	return noblock ? 0 : READ_ONCE(sk->sk_sndtimeo);
}
/* Bytes that a stream's reader waits for. */
static inline int sock_rcvlowat(const struct sock *sk, bool waitall, int len)
{
	int n = waitall ? len : min(READ_ONCE(sk->sk_rcvlowat), len);

	return n ? n : 1;
}
/* A signal came: a call without a time limit is begun again after the handler. */
static inline int sock_intr_errno(long timeo)
{
	return timeo == MAX_SCHEDULE_TIMEOUT ? -ERESTARTSYS : -EINTR;
}

/* Wakes who waits on sk for these events, after the change. => any lock but sk_wq's */
static inline void sock_wake(struct sock *sk, unsigned int events)
{
	if (wq_has_sleeper(&sk->sk_wq))
		__wake_up(&sk->sk_wq, __WAIT_INTERRUPTIBLE, 1, poll_to_key(events));
}
/* Everybody: the state changed. */
static inline void sock_state_change(struct sock *sk)
{
	if (wq_has_sleeper(&sk->sk_wq))
		wake_up_interruptible_all(&sk->sk_wq);
}

/*
 * A message of len bytes charged to sk, after a wait for space that the socket's time limit and noblock bound. ERR_PTR: the
 * pending error, -EPIPE (may not send any more), -EAGAIN, -ENOBUFS, -EINTR. => may sleep
 */
struct sk_buff *sock_alloc_send_skb(struct sock *sk, unsigned int len, bool noblock);
/* Current becomes the one that SO_PEERCRED shows; NULL: nobody. => S or not visible yet */
void sock_set_peercred(struct sock *sk, struct pid *pid, const struct cred *cred);

/* ---- struct socket ---- */

struct msghdr {
	void *msg_name;	 /* struct sockaddr_storage, or NULL: not wanted, not given */
	int msg_namelen; /* recvmsg: set to 0, filled in by the family */
	unsigned int msg_flags;
	struct iov_iter msg_iter;
	/* sendmsg: in kernel memory (control); recvmsg: the user's buffer (msg_control), moved on as it fills. */
	void *control;
	void __user *msg_control;
	size_t msg_controllen;
};

struct proto_ops {
	int family;
	/* Contracts are those of the system calls; the socket exists, addr is len bytes in kernel memory. */
	void (*release)(struct socket *sock);
	int (*bind)(struct socket *sock, struct sockaddr_storage *addr, int len);
	int (*connect)(struct socket *sock, struct sockaddr_storage *addr, int len, int flags);
	int (*socketpair)(struct socket *a, struct socket *b);
	int (*accept)(struct socket *sock, struct socket *newsock, int flags);
	/* Length of the address written to addr; peer: the other end's. */
	int (*getname)(struct socket *sock, struct sockaddr_storage *addr, bool peer);
	unsigned int (*poll)(struct file *file, struct socket *sock, struct poll_table *wait);
	long (*ioctl)(struct socket *sock, unsigned int cmd, unsigned long arg);
	int (*listen)(struct socket *sock, int backlog);
	int (*shutdown)(struct socket *sock, int how); /* RCV_SHUTDOWN | SEND_SHUTDOWN */
	int (*sendmsg)(struct socket *sock, struct msghdr *msg, size_t len);
	int (*recvmsg)(struct socket *sock, struct msghdr *msg, size_t size, unsigned int flags);
	void (*show_fdinfo)(struct seq_file *m, struct socket *sock);
};

struct socket {
	int type; /* - */
	struct file *file;
	const struct proto_ops *ops; /* - */
	struct sock *sk;	     /* - after creation or accept */
};

struct net_proto_family {
	int family;
	/* Fills sock->ops and sock->sk. -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -ENOMEM. */
	int (*create)(struct socket *sock, int protocol);
};
int sock_register(const struct net_proto_family *family); /* => at boot */

/* The socket behind an open file; NULL: it is no socket. */
struct socket *sock_from_file(const struct file *file);
/* The socket of a descriptor, until fdput(*f); ERR_PTR(-EBADF, -ENOTSOCK). */
struct socket *sockfd_lookup(int fd, struct fd *f);
int sock_sendmsg(struct socket *sock, struct msghdr *msg);
int sock_recvmsg(struct socket *sock, struct msghdr *msg, unsigned int flags);
/* Addresses from and to the user. 0, -EFAULT, -EINVAL. */
int move_addr_to_kernel(const void __user *uaddr, int len, struct sockaddr_storage *addr);
int move_addr_to_user(const struct sockaddr_storage *addr, int len, void __user *uaddr,
		      int __user *ulen);

extern int sysctl_somaxconn, sysctl_wmem_max, sysctl_rmem_max, sysctl_wmem_default,
	sysctl_rmem_default;
