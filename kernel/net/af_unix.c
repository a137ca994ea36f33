/*
 * Unix-domain sockets: birth and death, connections, and what streams, datagrams and seqpackets have in common.
 *
 * 1. A sock's first reference belongs to its descriptor (or, before accept, to its place in the listener's queue); others to its peer, to
 *    messages it sent, to calls under way. unix_release_sock() is the end of the first: off the tables, the peer told, the
 *    queue dropped. The memory goes with the last.
 * 2. A peer that closes leaves EOF, EPIPE on writing, and, if it had not read everything, one ECONNRESET.
 * 3. What a listener's backlog holds counts like messages: connect waits on peer_wait while the queue is full.
 *
 * Locks: see unix.h. Mirrors Linux net/unix/af_unix.c. Exercised by tests/user/unix_{stream,dgram,names}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/seq_file.h"
#include "kernel/init.h"
#include "kernel/net/unix.h"
#include "kernel/pid.h"
#include "kernel/signal.h"
#include "mm/slab/slab.h"

int sysctl_max_dgram_qlen = 10;
static struct kmem_cache *unix_cachep;

/* ---- locks and peers ---- */

void unix_state_double_lock(struct sock *a, struct sock *b)
{
	if (a == b || !b) {
		unix_state_lock(a);
		return;
	}
	if (a > b)
		swap(a, b);
	unix_state_lock(a);
	spin_lock_nested(&unix_sk(b)->lock, 1);
}

void unix_state_double_unlock(struct sock *a, struct sock *b)
{
	unix_state_unlock(a);
	if (b && a != b)
		unix_state_unlock(b);
}

struct sock *unix_peer_get(struct sock *sk)
{
	struct sock *peer;

	unix_state_lock(sk);
	peer = unix_sk(sk)->peer;
	if (peer)
		sock_hold(peer);
	unix_state_unlock(sk);
	return peer;
}

/* ---- birth ---- */

static void unix_write_space(struct sock *sk)
{
	if (unix_writable(sk))
		sock_wake(sk, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
}

static void unix_sock_destruct(struct sock *sk)
{
	unix_address_put(unix_sk(sk)->addr);
	kmem_cache_free(unix_cachep, unix_sk(sk));
}

struct sock *unix_create1(struct socket *sock, int type)
{
	struct unix_sock *u = kmem_cache_zalloc(unix_cachep, GFP_KERNEL);

	if (!u)
		return NULL;
	sock_init_data(sock, &u->sk, type);
	u->sk.sk_write_space = unix_write_space;
	u->sk.sk_destruct = unix_sock_destruct;
	u->sk.sk_max_ack_backlog = READ_ONCE(sysctl_max_dgram_qlen);
	spin_lock_init(&u->lock);
	mutex_init(&u->iolock);
	mutex_init(&u->bindlock);
	init_waitqueue_head(&u->peer_wait);
	unix_dgram_peer_wake_init(u);
	unix_insert_sock(&u->sk);
	return &u->sk;
}

static int unix_create(struct socket *sock, int protocol)
{
	if (protocol && protocol != PF_UNIX)
		return -EPROTONOSUPPORT;
	switch (sock->type) {
	case SOCK_STREAM:
		sock->ops = &unix_stream_ops;
		break;
	case SOCK_RAW:
		sock->type = SOCK_DGRAM;
		fallthrough;
	case SOCK_DGRAM:
		sock->ops = &unix_dgram_ops;
		break;
	case SOCK_SEQPACKET:
		sock->ops = &unix_seqpacket_ops;
		break;
	default:
		return -ESOCKTNOSUPPORT;
	}
	return unix_create1(sock, sock->type) ? 0 : -ENOMEM;
}

int unix_socketpair(struct socket *a, struct socket *b)
{
	struct sock *ska = a->sk, *skb = b->sk;

	sock_hold(ska);
	sock_hold(skb);
	unix_sk(ska)->peer = skb;
	unix_sk(skb)->peer = ska;
	ska->sk_state = skb->sk_state = TCP_ESTABLISHED;
	sock_set_peercred(ska, task_tgid(current), current_cred());
	sock_set_peercred(skb, task_tgid(current), current_cred());
	return 0;
}

/* ---- death ---- */

/* Tells the peer of sk, which has just closed. */
static void release_peer(struct sock *sk, struct sock *peer, bool embryo)
{
	if (sk->sk_type != SOCK_DGRAM) {
		unix_state_lock(peer);
		WRITE_ONCE(peer->sk_shutdown, SHUTDOWN_MASK);
		if (!skb_queue_empty(&sk->sk_receive_queue) || embryo)
			WRITE_ONCE(peer->sk_err, ECONNRESET);
		unix_state_unlock(peer);
		sock_state_change(peer);
	}
	unix_dgram_peer_wake_disconnect(sk, peer);
	sock_put(peer);
}

void unix_release_sock(struct sock *sk, bool embryo)
{
	struct unix_sock *u = unix_sk(sk);
	struct sk_buff *skb;
	struct sock *peer;
	int state;

	unix_remove_sock(sk);
	unix_state_lock(sk);
	sock_set_flag(sk, SOCK_DEAD, true);
	sk->sk_socket = NULL;
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	state = sk->sk_state;
	WRITE_ONCE(sk->sk_state, TCP_CLOSE);
	peer = u->peer;
	u->peer = NULL;
	unix_state_unlock(sk);
	wake_up_interruptible_all(&u->peer_wait);
	if (peer)
		release_peer(sk, peer, embryo);
	while ((skb = skb_dequeue(&sk->sk_receive_queue))) {
		if (state == TCP_LISTEN)
			unix_release_sock(skb->sk, true);
		kfree_skb(skb);
	}
	if (u->path.dentry)
		path_put(&u->path);
	sock_put(sk);
	unix_schedule_gc();
}

void unix_release(struct socket *sock)
{
	if (sock->sk)
		unix_release_sock(sock->sk, false);
	sock->sk = NULL;
}

/* ---- connections ---- */

int unix_listen(struct socket *sock, int backlog)
{
	struct sock *sk = sock->sk;
	int err = -EINVAL;

	if (sock->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	if (!smp_load_acquire(&unix_sk(sk)->addr))
		return -EINVAL;
	unix_state_lock(sk);
	if (sk->sk_state == TCP_CLOSE || sk->sk_state == TCP_LISTEN) {
		if (backlog > sk->sk_max_ack_backlog)
			wake_up_interruptible_all(&unix_sk(sk)->peer_wait);
		WRITE_ONCE(sk->sk_max_ack_backlog, backlog);
		WRITE_ONCE(sk->sk_state, TCP_LISTEN);
		/* What connect will show of us. */
		sock_set_peercred(sk, task_tgid(current), current_cred());
		err = 0;
	}
	unix_state_unlock(sk);
	return err;
}

long unix_wait_for_peer(struct sock *other, long timeo)
{
	struct unix_sock *u = unix_sk(other);
	bool wait;
	DEFINE_WAIT(entry);

	prepare_to_wait_exclusive(&u->peer_wait, &entry, TASK_INTERRUPTIBLE);
	wait = !sock_flag(other, SOCK_DEAD) && !(other->sk_shutdown & RCV_SHUTDOWN) &&
	       unix_recvq_full(other);
	unix_state_unlock(other);
	if (wait && !signal_pending(current))
		timeo = schedule_timeout(timeo);
	finish_wait(&u->peer_wait, &entry);
	return timeo;
}

/* The next connection of a listener, or ERR_PTR. */
static struct sk_buff *next_connection(struct sock *sk, int flags)
{
	long timeo = sock_rcvtimeo(sk, flags & O_NONBLOCK), left;
	struct sk_buff *skb;

	for (;;) {
		skb = skb_dequeue(&sk->sk_receive_queue);
		if (skb)
			return skb;
		if (!timeo)
			return ERR_PTR(-EAGAIN);
		if (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN)
			return ERR_PTR(-EINVAL);
		left = wait_event_interruptible_timeout(sk->sk_wq,
							!skb_queue_empty(&sk->sk_receive_queue) ||
								(READ_ONCE(sk->sk_shutdown) &
								 RCV_SHUTDOWN),
							timeo);
		if (left < 0)
			return ERR_PTR(sock_intr_errno(timeo));
		timeo = left;
	}
}

int unix_accept(struct socket *sock, struct socket *newsock, int flags)
{
	struct sock *sk = sock->sk, *newsk;
	struct sk_buff *skb;

	if (sock->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	if (READ_ONCE(sk->sk_state) != TCP_LISTEN)
		return -EINVAL;
	skb = next_connection(sk, flags);
	if (IS_ERR(skb))
		return PTR_ERR(skb);
	newsk = skb->sk;
	kfree_skb(skb);
	wake_up_interruptible(&unix_sk(sk)->peer_wait);
	unix_state_lock(newsk);
	newsk->sk_socket = newsock;
	sock_set_flag(newsk, SOCK_PASSCRED, sock_flag(sk, SOCK_PASSCRED));
	newsock->sk = newsk;
	unix_state_unlock(newsk);
	return 0;
}

/* What shutting sk down means for its peer. */
static void shutdown_peer(struct sock *sk, struct sock *peer, int how)
{
	int theirs = (how & RCV_SHUTDOWN ? SEND_SHUTDOWN : 0) |
		     (how & SEND_SHUTDOWN ? RCV_SHUTDOWN : 0);

	unix_state_lock(peer);
	WRITE_ONCE(peer->sk_shutdown, peer->sk_shutdown | theirs);
	unix_state_unlock(peer);
	sock_state_change(peer);
}

int unix_shutdown(struct socket *sock, int how)
{
	struct sock *sk = sock->sk, *peer;

	unix_state_lock(sk);
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | how);
	peer = unix_sk(sk)->peer;
	if (peer)
		sock_hold(peer);
	unix_state_unlock(sk);
	sock_state_change(sk);
	wake_up_interruptible_all(&unix_sk(sk)->peer_wait);
	if (!peer)
		return 0;
	if (sk->sk_type != SOCK_DGRAM)
		shutdown_peer(sk, peer, how);
	sock_put(peer);
	return 0;
}

/* ---- the sender's name and files ---- */

int unix_scm_to_skb(struct scm_cookie *scm, struct sk_buff *skb)
{
	int err = scm->fp ? unix_inflight(scm->fp) : 0;

	if (err)
		return err;
	skb->fp = scm->fp;
	scm->fp = NULL;
	skb->pid = get_pid(scm->pid);
	skb->uid = scm->uid;
	skb->gid = scm->gid;
	return 0;
}

void unix_maybe_add_creds(struct sk_buff *skb, struct sock *sk, struct sock *other)
{
	/* An end that was not accepted yet may still come to want it. */
	if (skb->pid ||
	    (other->sk_socket && !sock_flag(sk, SOCK_PASSCRED) && !sock_flag(other, SOCK_PASSCRED)))
		return;
	skb->pid = get_pid(task_tgid(current));
	skb->uid = current_uid();
	skb->gid = current_gid();
}

void unix_scm_creds(struct scm_cookie *scm, const struct sk_buff *skb)
{
	scm->pid = get_pid(skb->pid);
	scm->uid = skb->uid;
	scm->gid = skb->gid;
}

int unix_take_fds(struct scm_cookie *scm, struct sk_buff *skb, bool peek)
{
	if (!skb->fp)
		return 0;
	if (peek) {
		scm->fp = scm_fp_dup(skb->fp);
		return scm->fp ? 0 : -ENOMEM;
	}
	scm->fp = skb->fp;
	skb->fp = NULL;
	unix_notinflight(scm->fp);
	return 0;
}

/* ---- poll, ioctl, fdinfo ---- */

unsigned int unix_poll(struct file *file, struct socket *sock, struct poll_table *wait)
{
	struct sock *sk = sock->sk;
	unsigned int mask = 0;
	int shutdown;

	poll_wait(file, &sk->sk_wq, wait);
	/* Not earlier than the entry into the queue. */
	smp_mb();
	shutdown = READ_ONCE(sk->sk_shutdown);
	if (READ_ONCE(sk->sk_err))
		mask |= EPOLLERR;
	if (shutdown == SHUTDOWN_MASK)
		mask |= EPOLLHUP;
	if (shutdown & RCV_SHUTDOWN)
		mask |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
	if (!skb_queue_empty(&sk->sk_receive_queue))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (sk->sk_type != SOCK_DGRAM && READ_ONCE(sk->sk_state) == TCP_CLOSE)
		mask |= EPOLLHUP;
	if (unix_writable(sk))
		mask |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
	return mask;
}

/* Bytes that wait: all of a stream, the next datagram. */
static long unix_inq_len(struct sock *sk)
{
	struct sk_buff *skb;
	long len = 0;

	if (READ_ONCE(sk->sk_state) == TCP_LISTEN)
		return -EINVAL;
	guard(spinlock)(&sk->sk_receive_queue.lock);
	list_for_each_entry(skb, &sk->sk_receive_queue.list, list) {
		len += skb->len - skb->consumed;
		if (sk->sk_type == SOCK_DGRAM)
			break;
	}
	return len;
}

long unix_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	long n;

	switch (cmd) {
	case SIOCINQ:
		n = unix_inq_len(sock->sk);
		break;
	case SIOCOUTQ:
		n = atomic_read(&sock->sk->sk_wmem_alloc);
		break;
	default:
		return -ENOTTY;
	}
	return n < 0 ? n : put_user((int)n, (int __user *)arg);
}

void unix_show_fdinfo(struct seq_file *m, struct socket *sock)
{
	struct sk_buff *skb;
	int files = 0;

	mutex_lock(&unix_sk(sock->sk)->iolock);
	spin_lock(&sock->sk->sk_receive_queue.lock);
	list_for_each_entry(skb, &sock->sk->sk_receive_queue.list, list)
		files += skb->fp ? skb->fp->count : 0;
	spin_unlock(&sock->sk->sk_receive_queue.lock);
	mutex_unlock(&unix_sk(sock->sk)->iolock);
	seq_printf(m, "scm_fds: %u\n", files);
}

static int af_unix_init(void)
{
	static const struct net_proto_family unix_family = { PF_UNIX, unix_create };

	unix_cachep = kmem_cache_create("UNIX", sizeof(struct unix_sock), 0,
					SLAB_HWCACHE_ALIGN | SLAB_PANIC, NULL);
	return sock_register(&unix_family);
}
fs_initcall(af_unix_init);
