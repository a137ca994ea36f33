/*
 * Unix datagram sockets, and the messages of seqpackets: whole messages, one per receive.
 *
 * 1. A datagram goes to the address of the call or to the peer that connect set. A sock whose own peer is somebody else takes nothing
 *    from strangers (EPERM).
 * 2. Besides the sender's buffer, the receiver's queue is limited: max_dgram_qlen messages, but for two socks that are each
 *    other's peer. A sender waits on the receiver's peer_wait.
 * 3. poll of a sender must tell when the *receiver's* queue gets room. Its peer_wake entry on the receiver's peer_wait passes such a
 *    wake-up on to its own sk_wq; so a file that is polled waits on queues of its own sock only.
 * 4. What does not fit into the reader's buffer is lost (MSG_TRUNC).
 *
 * Locks: state locks of sender and receiver in order of address; iolock for readers; peer_wait.lock, then sk_wq.lock.
 * Mirrors Linux net/unix/af_unix.c. Exercised by tests/user/unix_dgram.c.
 */
#include "kernel/net/unix.h"
#include "kernel/pid.h"
#include "kernel/signal.h"

/* ---- the receiver's queue has room: told to pollers of the sender ---- */

static int peer_wake_relay(wait_queue_entry_t *entry, unsigned int mode, int flags, void *key)
{
	struct unix_sock *u = container_of(entry, struct unix_sock, peer_wake);
	struct sock *other = entry->private;

	__remove_wait_queue(&unix_sk(other)->peer_wait, entry);
	entry->private = NULL;
	wake_up_interruptible_poll(&u->sk.sk_wq, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	return 0;
}

void unix_dgram_peer_wake_init(struct unix_sock *u)
{
	init_waitqueue_func_entry(&u->peer_wake, peer_wake_relay);
}

static bool peer_wake_connect(struct sock *sk, struct sock *other)
{
	struct unix_sock *u = unix_sk(sk), *o = unix_sk(other);
	bool added = false;

	spin_lock_irq(&o->peer_wait.lock);
	if (!u->peer_wake.private) {
		u->peer_wake.private = other;
		__add_wait_queue(&o->peer_wait, &u->peer_wake);
		added = true;
	}
	spin_unlock_irq(&o->peer_wait.lock);
	return added;
}

void unix_dgram_peer_wake_disconnect(struct sock *sk, struct sock *other)
{
	struct unix_sock *u = unix_sk(sk), *o = unix_sk(other);

	spin_lock_irq(&o->peer_wait.lock);
	if (u->peer_wake.private == other) {
		__remove_wait_queue(&o->peer_wait, &u->peer_wake);
		u->peer_wake.private = NULL;
	}
	spin_unlock_irq(&o->peer_wait.lock);
}

/* True: other's queue is full, and sk will learn when it is not. => state lock of sk held, other is its peer */
static bool peer_wake_me(struct sock *sk, struct sock *other)
{
	bool added = peer_wake_connect(sk, other);

	if (unix_recvq_full(other) && !sock_flag(other, SOCK_DEAD))
		return true;
	if (added)
		unix_dgram_peer_wake_disconnect(sk, other);
	return false;
}

static unsigned int unix_dgram_poll(struct file *file, struct socket *sock, struct poll_table *wait)
{
	unsigned int mask = unix_poll(file, sock, wait);
	struct sock *sk = sock->sk, *peer;

	if (!(mask & EPOLLOUT))
		return mask;
	unix_state_lock(sk);
	peer = unix_sk(sk)->peer;
	if (peer && READ_ONCE(unix_sk(peer)->peer) != sk && unix_recvq_full(peer) &&
	    peer_wake_me(sk, peer))
		mask &= ~(EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	unix_state_unlock(sk);
	return mask;
}

/* ---- connect ---- */

/* The oldest message, with the reader, who may be looking at it, kept out. */
static struct sk_buff *take_unread(struct sock *sk)
{
	guard(mutex)(&unix_sk(sk)->iolock);
	return skb_dequeue(&sk->sk_receive_queue);
}

void unix_dgram_disconnected(struct sock *sk, struct sock *other)
{
	struct sk_buff *skb = take_unread(sk);

	if (!skb)
		return;
	for (; skb; skb = take_unread(sk))
		kfree_skb(skb);
	wake_up_interruptible_all(&unix_sk(sk)->peer_wait);
	if (!sock_flag(other, SOCK_DEAD) && READ_ONCE(unix_sk(other)->peer) == sk) {
		WRITE_ONCE(other->sk_err, ECONNRESET);
		sock_state_change(other);
	}
}

/* sk sends to other from now on (NULL: to nobody), whose reference it takes over. => the state locks of both held. The old peer. */
static struct sock *set_peer(struct sock *sk, struct sock *other)
{
	struct sock *old = unix_sk(sk)->peer;

	WRITE_ONCE(sk->sk_state, other ? TCP_ESTABLISHED : TCP_CLOSE);
	unix_sk(sk)->peer = other;
	if (old) {
		unix_dgram_peer_wake_disconnect(sk, old);
		/* Who polls waits for another one's queue now. */
		sock_wake(sk, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	}
	return old;
}

/* May sk send to other: has other no peer, or is it sk? => other's state lock held */
static bool unix_may_send(const struct sock *sk, const struct sock *other)
{
	return !unix_sk(other)->peer || unix_sk(other)->peer == sk;
}

/* The sock at addr, with a reference, and its state lock and sk's held. */
static struct sock *find_and_lock(struct sock *sk, struct sockaddr_storage *addr, int len)
{
	struct sock *other;

	for (;;) {
		other = unix_find_other(addr, len, sk->sk_type);
		if (IS_ERR(other))
			return other;
		unix_state_double_lock(sk, other);
		if (!sock_flag(other, SOCK_DEAD))
			return other;
		/* It closed just now: the next look finds another one or nobody. */
		unix_state_double_unlock(sk, other);
		sock_put(other);
		cond_resched();
	}
}

int unix_dgram_connect(struct socket *sock, struct sockaddr_storage *addr, int len, int flags)
{
	struct sock *sk = sock->sk, *other = NULL, *old;
	int err;

	if (len < (int)sizeof(addr->ss_family))
		return -EINVAL;
	if (addr->ss_family != AF_UNSPEC) {
		err = unix_validate_addr(addr, len);
		if (!err && sock_flag(sk, SOCK_PASSCRED))
			err = unix_autobind(sk);
		if (err)
			return err;
		other = find_and_lock(sk, addr, len);
		if (IS_ERR(other))
			return PTR_ERR(other);
		if (!unix_may_send(sk, other)) {
			unix_state_double_unlock(sk, other);
			sock_put(other);
			return -EPERM;
		}
	} else {
		unix_state_lock(sk);
	}
	old = set_peer(sk, other);
	unix_state_double_unlock(sk, other);
	if (old) {
		if (old != other)
			unix_dgram_disconnected(sk, old);
		sock_put(old);
	}
	return 0;
}

/* ---- send ---- */

/* The peer is gone: a datagram socket forgets it. => both state locks held, they are dropped */
static int peer_is_dead(struct sock *sk, struct sock *other)
{
	bool mine = unix_sk(sk)->peer == other;

	if (sk->sk_type == SOCK_SEQPACKET) {
		unix_state_double_unlock(sk, other);
		return -EPIPE;
	}
	if (mine)
		set_peer(sk, NULL);
	unix_state_double_unlock(sk, other);
	if (mine) {
		unix_dgram_disconnected(sk, other);
		sock_put(other);
	}
	return -ECONNREFUSED;
}

/* 0: queued. 1: there was no room, it waited, try again. Or errno. */
static int dgram_deliver(struct sock *sk, struct sock *other, struct sk_buff *skb, long *timeo)
{
	int err = 0;

	unix_state_double_lock(sk, other);
	if (sock_flag(other, SOCK_DEAD))
		return peer_is_dead(sk, other);
	if (!unix_may_send(sk, other))
		err = -EPERM;
	else if (other->sk_shutdown & RCV_SHUTDOWN)
		err = -EPIPE;
	else if (other != sk && unix_sk(other)->peer != sk && unix_recvq_full(other))
		err = *timeo ? 1 : -EAGAIN;
	if (!err) {
		unix_maybe_add_creds(skb, sk, other);
		skb_queue_tail(&other->sk_receive_queue, skb);
	}
	/* Who polls for room is told when there is some. */
	if (err == -EAGAIN && unix_sk(sk)->peer == other)
		peer_wake_me(sk, other);
	if (err != 1) {
		unix_state_double_unlock(sk, other);
		if (!err)
			sock_wake(other, EPOLLIN | EPOLLRDNORM | EPOLLPRI | EPOLLRDBAND);
		return err;
	}
	if (sk != other)
		unix_state_unlock(sk);
	*timeo = unix_wait_for_peer(other, *timeo);
	return signal_pending(current) ? sock_intr_errno(*timeo) : 1;
}

static struct sk_buff *dgram_make(struct sock *sk, struct msghdr *msg, size_t len,
				  struct scm_cookie *scm)
{
	struct sk_buff *skb;
	int err;

	if (len > READ_ONCE(sk->sk_sndbuf) - 32)
		return ERR_PTR(-EMSGSIZE);
	skb = sock_alloc_send_skb(sk, len, msg->msg_flags & MSG_DONTWAIT);
	if (IS_ERR(skb))
		return skb;
	err = copy_from_iter_full(skb->data, len, &msg->msg_iter) ? unix_scm_to_skb(scm, skb)
								  : -EFAULT;
	if (!err)
		return skb;
	kfree_skb(skb);
	return ERR_PTR(err);
}

/* Where the datagram goes, with a reference. */
static struct sock *dgram_target(struct sock *sk, struct msghdr *msg)
{
	struct sock *other;

	if (msg->msg_namelen)
		return unix_find_other(msg->msg_name, msg->msg_namelen, sk->sk_type);
	other = unix_peer_get(sk);
	return other ? other : ERR_PTR(-ENOTCONN);
}

static int dgram_send(struct sock *sk, struct msghdr *msg, size_t len, struct scm_cookie *scm)
{
	long timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	struct sock *other;
	struct sk_buff *skb;
	int err = 1;

	/* The peer first: without one nothing is read from the caller. */
	other = msg->msg_namelen ? NULL : dgram_target(sk, msg);
	if (IS_ERR(other))
		return PTR_ERR(other);
	skb = dgram_make(sk, msg, len, scm);
	if (IS_ERR(skb)) {
		if (other)
			sock_put(other);
		return PTR_ERR(skb);
	}
	while (err > 0) {
		if (!other)
			other = dgram_target(sk, msg);
		if (IS_ERR(other)) {
			err = PTR_ERR(other);
			break;
		}
		err = dgram_deliver(sk, other, skb, &timeo);
		sock_put(other);
		/* A name is looked up again: another one may have it by now. */
		other = NULL;
	}
	if (err)
		kfree_skb(skb);
	return err ? err : (int)len;
}

static int unix_dgram_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct sock *sk = sock->sk;
	struct scm_cookie scm;
	int err;

	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	err = scm_send(sock, msg, &scm, false);
	if (err)
		return err;
	if (msg->msg_namelen)
		err = unix_validate_addr(msg->msg_name, msg->msg_namelen);
	if (!err && sock_flag(sk, SOCK_PASSCRED))
		err = unix_autobind(sk);
	if (!err)
		err = dgram_send(sk, msg, len, &scm);
	scm_destroy(&scm);
	return err;
}

/* ---- receive ---- */

static bool dgram_ready(struct sock *sk)
{
	return !skb_queue_empty(&sk->sk_receive_queue) || READ_ONCE(sk->sk_err) ||
	       (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN);
}

/*
 * The next message, iolock held; it is still in the queue. NULL with *err: an error, or 0 for the end. => iolock not held
 */
static struct sk_buff *dgram_next(struct sock *sk, long timeo, int *err)
{
	struct sk_buff *skb;
	long left;

	for (;;) {
		*err = sock_error(sk);
		if (*err)
			return NULL;
		mutex_lock(&unix_sk(sk)->iolock);
		skb = skb_peek_next(&sk->sk_receive_queue, NULL);
		if (skb)
			return skb;
		mutex_unlock(&unix_sk(sk)->iolock);
		*err = -EAGAIN;
		if (!timeo)
			break;
		*err = 0;
		if (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN)
			return NULL;
		left = wait_event_interruptible_timeout(sk->sk_wq, dgram_ready(sk), timeo);
		*err = sock_intr_errno(timeo);
		if (left < 0)
			return NULL;
		timeo = left;
	}
	if (sk->sk_type == SOCK_SEQPACKET && (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN))
		*err = 0;
	return NULL;
}

static int dgram_copy(struct sk_buff *skb, struct msghdr *msg, size_t size, unsigned int flags)
{
	if (msg->msg_name)
		unix_copy_addr(msg, skb->sk);
	if (size > skb->len)
		size = skb->len;
	else if (size < skb->len)
		msg->msg_flags |= MSG_TRUNC;
	if (!skb_copy_to_iter(skb, 0, size, &msg->msg_iter))
		return -EFAULT;
	return flags & MSG_TRUNC ? skb->len : size;
}

static int unix_dgram_recvmsg(struct socket *sock, struct msghdr *msg, size_t size,
			      unsigned int flags)
{
	struct sock *sk = sock->sk;
	struct scm_cookie scm = { .uid = OVERFLOW_ID, .gid = OVERFLOW_ID };
	bool peek = flags & MSG_PEEK;
	struct sk_buff *skb;
	int ret, err;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	skb = dgram_next(sk, sock_rcvtimeo(sk, flags & MSG_DONTWAIT), &ret);
	if (!skb)
		return ret;
	if (!peek)
		skb_unlink(&sk->sk_receive_queue, skb);
	ret = dgram_copy(skb, msg, size, flags);
	if (ret >= 0) {
		unix_scm_creds(&scm, skb);
		err = unix_take_fds(&scm, skb, peek);
		if (err)
			ret = err;
	}
	mutex_unlock(&unix_sk(sk)->iolock);
	if (!peek) {
		if (wq_has_sleeper(&unix_sk(sk)->peer_wait))
			wake_up_interruptible_poll(&unix_sk(sk)->peer_wait,
						   EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
		kfree_skb(skb);
	}
	if (ret >= 0)
		scm_recv(sock, msg, &scm, flags);
	else
		scm_destroy(&scm);
	return ret;
}

const struct proto_ops unix_dgram_ops = {
	.family = PF_UNIX,
	.release = unix_release,
	.bind = unix_bind,
	.connect = unix_dgram_connect,
	.socketpair = unix_socketpair,
	.accept = unix_accept,
	.getname = unix_getname,
	.poll = unix_dgram_poll,
	.ioctl = unix_ioctl,
	.listen = unix_listen,
	.shutdown = unix_shutdown,
	.sendmsg = unix_dgram_sendmsg,
	.recvmsg = unix_dgram_recvmsg,
	.show_fdinfo = unix_show_fdinfo,
};
