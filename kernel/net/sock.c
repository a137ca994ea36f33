/*
 * struct sock and struct sk_buff: what all families of sockets share.
 *
 * The charge: a message belongs to its sender's sk_wmem_alloc from allocation until it is freed, wherever it lies. Senders wait while
 * the sum is at SO_SNDBUF or above; they are woken when it has fallen to a quarter, so that a wake-up is worth its cost.
 *
 * Locks: queue->lock, a leaf for spin users; counts are atomic. Mirrors Linux net/core/{sock,skbuff}.c.
 * Exercised by tests/user/unix_{stream,dgram}.c.
 */
#include "kernel/net/sock.h"

#include "kernel/bug.h"
#include "kernel/pid.h"
#include "kernel/signal.h"
#include "mm/slab/slab.h"

int sysctl_wmem_default = SK_MEM_DEFAULT, sysctl_rmem_default = SK_MEM_DEFAULT;

/* ---- messages ---- */

struct sk_buff *alloc_skb(unsigned int len)
{
	size_t size = sizeof(struct sk_buff) + len;
	struct sk_buff *skb = kvmalloc(size, GFP_KERNEL);

	if (!skb)
		return NULL;
	*skb = (struct sk_buff){
		.len = len, .truesize = ALIGN(size, 64), .uid = OVERFLOW_ID, .gid = OVERFLOW_ID
	};
	return skb;
}

void skb_set_owner_w(struct sk_buff *skb, struct sock *sk)
{
	sock_hold(sk);
	skb->sk = sk;
	atomic_add(skb->truesize, &sk->sk_wmem_alloc);
}

void kfree_skb(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	scm_fp_put(skb->fp);
	put_pid(skb->pid);
	if (sk) {
		atomic_sub(skb->truesize, &sk->sk_wmem_alloc);
		sk->sk_write_space(sk);
		sock_put(sk);
	}
	kvfree(skb);
}

void skb_queue_tail(struct sk_buff_head *q, struct sk_buff *skb)
{
	spin_lock(&q->lock);
	list_add_tail(&skb->list, &q->list);
	q->qlen++;
	spin_unlock(&q->lock);
}

struct sk_buff *skb_dequeue(struct sk_buff_head *q)
{
	struct sk_buff *skb;

	spin_lock(&q->lock);
	skb = list_first_entry_or_null(&q->list, struct sk_buff, list);
	if (skb) {
		list_del(&skb->list);
		q->qlen--;
	}
	spin_unlock(&q->lock);
	return skb;
}

struct sk_buff *skb_peek_next(struct sk_buff_head *q, struct sk_buff *skb)
{
	struct list_head *next;

	guard(spinlock)(&q->lock);
	next = skb ? skb->list.next : q->list.next;
	return next == &q->list ? NULL : list_entry(next, struct sk_buff, list);
}

void skb_unlink(struct sk_buff_head *q, struct sk_buff *skb)
{
	spin_lock(&q->lock);
	list_del(&skb->list);
	q->qlen--;
	spin_unlock(&q->lock);
}

bool skb_copy_to_iter(const struct sk_buff *skb, unsigned int offset, size_t n, struct iov_iter *to)
{
	size_t done = copy_to_iter(skb->data + offset, n, to);

	if (likely(done == n))
		return true;
	iov_iter_revert(to, done);
	return false;
}

/* ---- struct sock ---- */

void sock_init_data(struct socket *sock, struct sock *sk, int type)
{
	atomic_set(&sk->sk_refcnt, 1);
	sk->sk_socket = sock;
	sk->sk_type = type;
	sk->sk_state = TCP_CLOSE;
	init_waitqueue_head(&sk->sk_wq);
	skb_queue_head_init(&sk->sk_receive_queue);
	sk->sk_sndbuf = READ_ONCE(sysctl_wmem_default);
	sk->sk_rcvbuf = READ_ONCE(sysctl_rmem_default);
	sk->sk_rcvlowat = 1;
	sk->sk_rcvtimeo = sk->sk_sndtimeo = MAX_SCHEDULE_TIMEOUT;
	if (sock)
		sock->sk = sk;
}

void sock_put(struct sock *sk)
{
	if (!atomic_dec_and_test(&sk->sk_refcnt))
		return;
	VM_BUG_ON(atomic_read(&sk->sk_wmem_alloc));
	sock_set_peercred(sk, NULL, NULL);
	sk->sk_destruct(sk);
}

void sock_set_peercred(struct sock *sk, struct pid *pid, const struct cred *cred)
{
	put_pid(sk->sk_peer_pid);
	if (sk->sk_peer_cred)
		put_cred(sk->sk_peer_cred);
	sk->sk_peer_pid = get_pid(pid);
	sk->sk_peer_cred = cred ? get_cred(cred) : NULL;
}

/* Must a sender look again? */
static bool send_may_go_on(struct sock *sk)
{
	return atomic_read(&sk->sk_wmem_alloc) < READ_ONCE(sk->sk_sndbuf) ||
	       READ_ONCE(sk->sk_err) || (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN);
}

/* 0: there is space. */
static int sock_wait_for_wmem(struct sock *sk, bool noblock)
{
	long timeo = sock_sndtimeo(sk, noblock), left;

	for (;;) {
		int err = sock_error(sk);

		if (err)
			return err;
		if (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
			return -EPIPE;
		if (atomic_read(&sk->sk_wmem_alloc) < READ_ONCE(sk->sk_sndbuf))
			return 0;
		if (!timeo)
			return -EAGAIN;
		left = wait_event_interruptible_timeout(sk->sk_wq, send_may_go_on(sk), timeo);
		if (left < 0)
			return sock_intr_errno(timeo);
		timeo = left;
	}
}

struct sk_buff *sock_alloc_send_skb(struct sock *sk, unsigned int len, bool noblock)
{
	int err = sock_wait_for_wmem(sk, noblock);
	struct sk_buff *skb;

	if (err)
		return ERR_PTR(err);
	skb = alloc_skb(len);
	if (!skb)
		return ERR_PTR(-ENOBUFS);
	skb_set_owner_w(skb, sk);
	return skb;
}
