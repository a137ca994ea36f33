/*
 * Unix stream sockets: connect, send and receive; the operations tables of streams and seqpackets.
 *
 * 1. A send is cut into messages of at most half the send buffer; a receive takes bytes from the queue without regard to
 *    their borders, with two exceptions: it ends behind a message that brought files, and, with SO_PASSCRED, does not mix senders.
 * 2. connect makes the far end itself: a sock, its peer, with the listener's address, put as a message into the listener's queue. So
 *    connect is complete, and data may flow, before accept.
 * 3. Readers hold iolock, also while they copy to user memory: the message at the head stays theirs. They let go of it to sleep.
 *
 * Locks: iolock; state locks of both ends (connect), of the receiver (send). Mirrors Linux net/unix/af_unix.c.
 * Exercised by tests/user/unix_stream.c, unix_rights.c.
 */
#include "kernel/net/unix.h"
#include "kernel/pid.h"
#include "kernel/signal.h"

#define STREAM_CHUNK (32768 - sizeof(struct sk_buff))

/* ---- connect ---- */

/* A listener at addr that takes another connection, its state lock held, with a reference; waits for room. *timeo: jiffies, what is left. */
static struct sock *find_listener(struct sockaddr_storage *addr, int len, int type, long *timeo)
{
	struct sock *other;

	for (;;) {
		other = unix_find_other(addr, len, type);
		if (IS_ERR(other))
			return other;
		unix_state_lock(other);
		if (sock_flag(other, SOCK_DEAD) || other->sk_state != TCP_LISTEN ||
		    (other->sk_shutdown & RCV_SHUTDOWN)) {
			unix_state_unlock(other);
			sock_put(other);
			return ERR_PTR(-ECONNREFUSED);
		}
		if (!unix_recvq_full(other))
			return other;
		if (!*timeo) {
			unix_state_unlock(other);
			sock_put(other);
			return ERR_PTR(-EAGAIN);
		}
		*timeo = unix_wait_for_peer(other, *timeo);
		sock_put(other);
		if (signal_pending(current))
			return ERR_PTR(sock_intr_errno(*timeo));
	}
}

/* newsk becomes the far end of sk at the listener. => both state locks held, sk is not connected */
static void unix_link(struct sock *sk, struct sock *newsk, struct sock *listener)
{
	struct unix_sock *u = unix_sk(newsk), *l = unix_sk(listener);

	sock_hold(sk);
	u->peer = sk;
	newsk->sk_state = TCP_ESTABLISHED;
	sock_set_peercred(newsk, task_tgid(current), current_cred());
	atomic_inc(&l->addr->refcnt);
	smp_store_release(&u->addr, l->addr);
	sock_set_peercred(sk, listener->sk_peer_pid, listener->sk_peer_cred);
	sock_hold(newsk);
	WRITE_ONCE(sk->sk_state, TCP_ESTABLISHED);
	unix_sk(sk)->peer = newsk;
}

/* 0: connected, and skb (the connection) is in the listener's queue. 1: look for a listener again. */
static int try_connect(struct sock *sk, struct sk_buff *skb, struct sock *other)
{
	int err = 0;

	/* The order of the two locks is that of their addresses: let go, and look again. */
	unix_state_unlock(other);
	unix_state_double_lock(sk, other);
	if (sk->sk_state != TCP_CLOSE)
		err = sk->sk_state == TCP_ESTABLISHED ? -EISCONN : -EINVAL;
	else if (sock_flag(other, SOCK_DEAD) || other->sk_state != TCP_LISTEN ||
		 (other->sk_shutdown & RCV_SHUTDOWN) || unix_recvq_full(other))
		err = 1;
	if (!err) {
		unix_link(sk, skb->sk, other);
		skb_queue_tail(&other->sk_receive_queue, skb);
	}
	unix_state_double_unlock(sk, other);
	if (!err)
		sock_wake(other, EPOLLIN | EPOLLRDNORM);
	return err;
}

/* An end without descriptor, inside a message: skb->sk. The first reference of the sock stays with it until accept. */
static struct sk_buff *new_connection(int type)
{
	struct sock *newsk = unix_create1(NULL, type);
	struct sk_buff *skb;

	if (!newsk)
		return NULL;
	skb = alloc_skb(1);
	if (!skb) {
		unix_release_sock(newsk, false);
		return NULL;
	}
	skb->data[0] = 0;
	skb_set_owner_w(skb, newsk);
	return skb;
}

static int unix_stream_connect(struct socket *sock, struct sockaddr_storage *addr, int len,
			       int flags)
{
	struct sock *sk = sock->sk, *other;
	long timeo = sock_sndtimeo(sk, flags & O_NONBLOCK);
	struct sk_buff *skb;
	int err = unix_validate_addr(addr, len);

	if (!err && sock_flag(sk, SOCK_PASSCRED))
		err = unix_autobind(sk);
	if (err)
		return err;
	skb = new_connection(sk->sk_type);
	if (!skb)
		return -ENOMEM;
	do {
		other = find_listener(addr, len, sk->sk_type, &timeo);
		if (IS_ERR(other)) {
			err = PTR_ERR(other);
			break;
		}
		err = try_connect(sk, skb, other);
		sock_put(other);
	} while (err > 0);
	if (err) {
		unix_release_sock(skb->sk, false);
		kfree_skb(skb);
	}
	return err;
}

/* ---- send ---- */

/* Hands the message to the peer. -EPIPE: it does not read any more. */
static int stream_deliver(struct sock *sk, struct sock *other, struct sk_buff *skb)
{
	unix_state_lock(other);
	if (sock_flag(other, SOCK_DEAD) || (other->sk_shutdown & RCV_SHUTDOWN)) {
		unix_state_unlock(other);
		return -EPIPE;
	}
	unix_maybe_add_creds(skb, sk, other);
	skb_queue_tail(&other->sk_receive_queue, skb);
	unix_state_unlock(other);
	sock_wake(other, EPOLLIN | EPOLLRDNORM | EPOLLPRI | EPOLLRDBAND);
	return 0;
}

/* One message of the stream: bytes, or errno. */
static int stream_send_chunk(struct sock *sk, struct sock *other, struct msghdr *msg,
			     struct scm_cookie *scm)
{
	size_t max = (READ_ONCE(sk->sk_sndbuf) >> 1) - 64;
	int err, size = min(msg->msg_iter.count, min(max, STREAM_CHUNK));
	struct sk_buff *skb = sock_alloc_send_skb(sk, size, msg->msg_flags & MSG_DONTWAIT);

	if (IS_ERR(skb))
		return PTR_ERR(skb);
	err = copy_from_iter_full(skb->data, size, &msg->msg_iter) ? unix_scm_to_skb(scm, skb)
								   : -EFAULT;
	if (!err)
		err = stream_deliver(sk, other, skb);
	if (err)
		kfree_skb(skb);
	return err ? err : size;
}

static int unix_stream_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct sock *sk = sock->sk, *other;
	struct scm_cookie scm;
	int sent = 0, err;

	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (msg->msg_namelen)
		return READ_ONCE(sk->sk_state) == TCP_ESTABLISHED ? -EISCONN : -EOPNOTSUPP;
	err = scm_send(sock, msg, &scm, false);
	if (err)
		return err;
	other = unix_peer_get(sk);
	if (!other)
		err = -ENOTCONN;
	if (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
		err = -EPIPE;
	while (!err && sent < len) {
		int n = stream_send_chunk(sk, other, msg, &scm);

		if (n < 0)
			err = n;
		else
			sent += n;
	}
	if (err == -EPIPE && !sent && !(msg->msg_flags & MSG_NOSIGNAL))
		send_sig(SIGPIPE, current, 0);
	if (other)
		sock_put(other);
	scm_destroy(&scm);
	return sent ? sent : err;
}

/* ---- receive ---- */

/* A receive under way. */
struct stream_read {
	struct sock *sk;
	struct msghdr *msg;
	struct scm_cookie scm;
	size_t size; /* still wanted */
	int copied, target;
	long timeo;
	bool peek, have_creds;
	struct sk_buff *last; /* peek: looked at so far */
};

static bool stream_ready(struct sock *sk)
{
	return !skb_queue_empty(&sk->sk_receive_queue) || READ_ONCE(sk->sk_err) ||
	       (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN);
}

/* The queue is empty. 1: look again; 0: end of the stream; or errno. => iolock held; not after an error of the wait */
static int stream_wait(struct stream_read *r, bool *locked)
{
	struct sock *sk = r->sk;
	int err = sock_error(sk);
	long left;

	if (err)
		return err;
	if (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN)
		return !skb_queue_empty(&sk->sk_receive_queue);
	if (!r->timeo)
		return -EAGAIN;
	mutex_unlock(&unix_sk(sk)->iolock);
	left = wait_event_interruptible_timeout(sk->sk_wq, stream_ready(sk), r->timeo);
	if (left < 0) {
		*locked = false;
		return sock_intr_errno(r->timeo);
	}
	r->timeo = left;
	mutex_lock(&unix_sk(sk)->iolock);
	return 1;
}

/* With SO_PASSCRED one receive tells of one sender. */
static bool same_sender(const struct scm_cookie *scm, const struct sk_buff *skb)
{
	return scm->pid == skb->pid && scm->uid == skb->uid && scm->gid == skb->gid;
}

/* Takes from one message what is wanted. 1: go on with the next; 0: that was all; or errno. */
static int stream_take(struct stream_read *r, struct sk_buff *skb)
{
	size_t n = min(r->size, (size_t)(skb->len - skb->consumed));
	int err;

	if (r->have_creds && !same_sender(&r->scm, skb))
		return 0;
	if (!r->have_creds && sock_flag(r->sk, SOCK_PASSCRED)) {
		unix_scm_creds(&r->scm, skb);
		r->have_creds = true;
	}
	if (!r->copied && r->msg->msg_name)
		unix_copy_addr(r->msg, skb->sk);
	if (!skb_copy_to_iter(skb, skb->consumed, n, &r->msg->msg_iter))
		return -EFAULT;
	r->copied += n;
	r->size -= n;
	err = unix_take_fds(&r->scm, skb, r->peek);
	if (err)
		return err;
	if (r->peek) {
		r->last = skb;
		return r->size && !r->scm.fp;
	}
	skb->consumed += n;
	if (skb->consumed < skb->len)
		return 0;
	skb_unlink(&r->sk->sk_receive_queue, skb);
	kfree_skb(skb);
	return r->size && !r->scm.fp;
}

/* All of it: 0 or errno, which counts only if nothing was copied. */
static int stream_read_loop(struct stream_read *r)
{
	struct unix_sock *u = unix_sk(r->sk);
	struct sk_buff *skb;
	bool locked = true;
	int more = 1;

	mutex_lock(&u->iolock);
	while (more > 0) {
		skb = skb_peek_next(&r->sk->sk_receive_queue, r->last);
		if (skb)
			more = stream_take(r, skb);
		else if (r->last || r->copied >= r->target)
			more = 0;
		else
			more = stream_wait(r, &locked);
	}
	if (locked)
		mutex_unlock(&u->iolock);
	return more;
}

static int unix_stream_recvmsg(struct socket *sock, struct msghdr *msg, size_t size,
			       unsigned int flags)
{
	struct sock *sk = sock->sk;
	struct stream_read r = { .sk = sk, .msg = msg, .size = size, .peek = flags & MSG_PEEK };
	int err;

	if (READ_ONCE(sk->sk_state) != TCP_ESTABLISHED)
		return -EINVAL;
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	r.scm.uid = r.scm.gid = OVERFLOW_ID;
	r.timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	r.target = sock_rcvlowat(sk, flags & MSG_WAITALL, min(size, (size_t)INT_MAX));
	err = stream_read_loop(&r);
	scm_recv(sock, msg, &r.scm, flags);
	return r.copied ? r.copied : err;
}

const struct proto_ops unix_stream_ops = {
	.family = PF_UNIX,
	.release = unix_release,
	.bind = unix_bind,
	.connect = unix_stream_connect,
	.socketpair = unix_socketpair,
	.accept = unix_accept,
	.getname = unix_getname,
	.poll = unix_poll,
	.ioctl = unix_ioctl,
	.listen = unix_listen,
	.shutdown = unix_shutdown,
	.sendmsg = unix_stream_sendmsg,
	.recvmsg = unix_stream_recvmsg,
	.show_fdinfo = unix_show_fdinfo,
};

/* ---- seqpacket: connections of streams, messages of datagrams ---- */

static int unix_seqpacket_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	int err = sock_error(sock->sk);

	if (err)
		return err;
	if (READ_ONCE(sock->sk->sk_state) != TCP_ESTABLISHED)
		return -ENOTCONN;
	msg->msg_namelen = 0;
	return unix_dgram_ops.sendmsg(sock, msg, len);
}

static int unix_seqpacket_recvmsg(struct socket *sock, struct msghdr *msg, size_t size,
				  unsigned int flags)
{
	if (READ_ONCE(sock->sk->sk_state) != TCP_ESTABLISHED)
		return -ENOTCONN;
	return unix_dgram_ops.recvmsg(sock, msg, size, flags);
}

static unsigned int unix_seqpacket_poll(struct file *file, struct socket *sock,
					struct poll_table *wait)
{
	return unix_dgram_ops.poll(file, sock, wait);
}

const struct proto_ops unix_seqpacket_ops = {
	.family = PF_UNIX,
	.release = unix_release,
	.bind = unix_bind,
	.connect = unix_stream_connect,
	.socketpair = unix_socketpair,
	.accept = unix_accept,
	.getname = unix_getname,
	.poll = unix_seqpacket_poll,
	.ioctl = unix_ioctl,
	.listen = unix_listen,
	.shutdown = unix_shutdown,
	.sendmsg = unix_seqpacket_sendmsg,
	.recvmsg = unix_seqpacket_recvmsg,
	.show_fdinfo = unix_show_fdinfo,
};
