/*
 * Sockets that only messages hold: the account of files under way, and the collector of circles.
 *
 * 1. A socket may be sent through a socket, its own peer included. When all descriptors of both are closed, each may still be held
 *    by a message in the other's queue: nobody can ever read it. Reference counts do not see that.
 * 2. So each unix socket counts the messages that carry it (inflight). If that is all its file's references, no descriptor leads to
 *    it: it is a candidate. A candidate is alive if a message that is not in a candidate's queue carries it (that of a live socket, or one
 *    just being sent or received), or if a live candidate's queue does. The rest is garbage.
 * 3. The collector counts this with gc_refs: inflight, less one for each message in a candidate's queue. Above zero is alive, and
 *    makes alive what its own queue carries. Then messages with files are taken out of the queues of the garbage and dropped;
 *    the sockets end as their last references go.
 * 4. Why nothing moves meanwhile: files get under way and arrive under unix_gc_lock only, before the message enters a queue and after it
 *    has left it. A candidate's queue can lose no message, as nobody can read it; what enters it late was counted in inflight already and so keeps its
 *    files alive.
 * 5. A user may have no more files under way than RLIMIT_NOFILE lets a process open (ETOOMANYREFS).
 *
 * Lock: unix_gc_lock, queue->lock inside. Mirrors Linux net/unix/garbage.c, as it was before 6.10. Exercised by
 * tests/user/unix_rights.c.
 */
#include "kernel/net/unix.h"
#include "kernel/rlimit.h"
#include "kernel/workqueue.h"
#include "mm/slab/slab.h"

/* A user with files under way. */
struct inflight_user {
	struct list_head link;
	u32 uid;
	unsigned long count;
};

static DEFINE_SPINLOCK(unix_gc_lock);
static LIST_HEAD(inflight_list);	/* socks with inflight > 0 */
static LIST_HEAD(inflight_users);	/* those with count > 0 */
static unsigned long unix_tot_inflight; /* of unix sockets */

struct sock *unix_get_socket(const struct file *file)
{
	struct socket *sock = file->f_mode & FMODE_PATH ? NULL : sock_from_file(file);

	return sock && sock->ops->family == PF_UNIX ? sock->sk : NULL;
}

/* ---- the account ---- */

/* Current's user, entered as new if it has no files under way yet. => unix_gc_lock held */
static struct inflight_user *find_user(struct inflight_user **new)
{
	struct inflight_user *user;

	list_for_each_entry(user, &inflight_users, link)
		if (user->uid == current_uid())
			return user;
	user = *new;
	*new = NULL;
	user->uid = current_uid();
	user->count = 0;
	list_add(&user->link, &inflight_users);
	return user;
}

static void count_in(struct file *file)
{
	struct sock *sk = unix_get_socket(file);

	if (!sk)
		return;
	if (!unix_sk(sk)->inflight++)
		list_add_tail(&unix_sk(sk)->inflight_link, &inflight_list);
	WRITE_ONCE(unix_tot_inflight, unix_tot_inflight + 1);
}

static void count_out(struct file *file)
{
	struct sock *sk = unix_get_socket(file);

	if (!sk)
		return;
	if (!--unix_sk(sk)->inflight)
		list_del(&unix_sk(sk)->inflight_link);
	WRITE_ONCE(unix_tot_inflight, unix_tot_inflight - 1);
}

int unix_inflight(struct scm_fp_list *fpl)
{
	struct inflight_user *new = kmalloc(sizeof(*new), GFP_KERNEL), *user;
	int i, err = 0;

	if (!new)
		return -ENOMEM;
	spin_lock(&unix_gc_lock);
	user = find_user(&new);
	if (user->count > rlimit(RLIMIT_NOFILE) && !capable(CAP_SYS_RESOURCE)) {
		err = -ETOOMANYREFS;
	} else {
		fpl->user = user;
		user->count += fpl->count;
		for (i = 0; i < fpl->count; i++)
			count_in(fpl->fp[i]);
	}
	spin_unlock(&unix_gc_lock);
	kfree(new);
	return err;
}

void unix_notinflight(struct scm_fp_list *fpl)
{
	struct inflight_user *user = fpl->user;
	int i;

	if (!user)
		return;
	spin_lock(&unix_gc_lock);
	for (i = 0; i < fpl->count; i++)
		count_out(fpl->fp[i]);
	user->count -= fpl->count;
	if (user->count)
		user = NULL;
	else
		list_del(&user->link);
	fpl->user = NULL;
	spin_unlock(&unix_gc_lock);
	kfree(user);
}

/* Under the lock: a reader that peeks must not make a file reachable behind the collector's back. */
void unix_peek_fds(struct scm_fp_list *copy, const struct scm_fp_list *fpl)
{
	spin_lock(&unix_gc_lock);
	for (copy->count = 0; copy->count < fpl->count; copy->count++)
		copy->fp[copy->count] = get_file(fpl->fp[copy->count]);
	spin_unlock(&unix_gc_lock);
}

/* ---- the collector ---- */

typedef void (*gc_visit_t)(struct unix_sock *u, struct list_head *arg);

/* fn for each candidate that a message in the queue of sk carries. */
static void scan_queue(struct sock *sk, gc_visit_t fn, struct list_head *arg)
{
	struct sk_buff *skb;
	struct sock *child;
	int i;

	spin_lock_nested(&sk->sk_receive_queue.lock, sk->sk_state != TCP_LISTEN);
	list_for_each_entry(skb, &sk->sk_receive_queue.list, list) {
		/* A listener's messages are connections with queues of their own. */
		if (sk->sk_state == TCP_LISTEN)
			scan_queue(skb->sk, fn, arg);
		for (i = 0; skb->fp && i < skb->fp->count; i++) {
			child = unix_get_socket(skb->fp->fp[i]);
			if (child && unix_sk(child)->gc_candidate)
				fn(unix_sk(child), arg);
		}
	}
	spin_unlock(&sk->sk_receive_queue.lock);
}

static void dec_refs(struct unix_sock *u, struct list_head *arg)
{
	u->gc_refs--;
}

static void mark_alive(struct unix_sock *u, struct list_head *alive)
{
	if (u->gc_alive)
		return;
	u->gc_alive = true;
	list_move_tail(&u->gc_link, alive);
}

static void find_candidates(struct list_head *candidates)
{
	struct unix_sock *u;

	list_for_each_entry(u, &inflight_list, inflight_link) {
		struct socket *sock = READ_ONCE(u->sk.sk_socket);

		u->gc_alive = false;
		u->gc_refs = u->inflight;
		u->gc_candidate = sock &&
				  atomic_long_read(&sock->file->f_count) == (long)u->inflight;
		if (u->gc_candidate)
			list_add_tail(&u->gc_link, candidates);
	}
	list_for_each_entry(u, candidates, gc_link)
		scan_queue(&u->sk, dec_refs, NULL);
}

/* Moves those that something alive holds out of candidates. */
static void keep_alive(struct list_head *candidates, struct list_head *alive)
{
	struct unix_sock *u, *next;

	list_for_each_entry_safe(u, next, candidates, gc_link)
		if (u->gc_refs)
			mark_alive(u, alive);
	/* The list grows at its tail while it is walked. */
	list_for_each_entry(u, alive, gc_link)
		scan_queue(&u->sk, mark_alive, alive);
}

/* Takes the messages with files out of the queue of a dead socket. */
static void take_messages(struct sock *sk, struct list_head *hits)
{
	struct sk_buff_head *q = &sk->sk_receive_queue;
	struct sk_buff *skb, *next;

	spin_lock_nested(&q->lock, sk->sk_state != TCP_LISTEN);
	list_for_each_entry_safe(skb, next, &q->list, list) {
		if (sk->sk_state == TCP_LISTEN)
			take_messages(skb->sk, hits);
		if (skb->fp) {
			list_move_tail(&skb->list, hits);
			q->qlen--;
		}
	}
	spin_unlock(&q->lock);
}

static void unix_gc(struct work_struct *work)
{
	LIST_HEAD(candidates);
	LIST_HEAD(alive);
	LIST_HEAD(hits);
	struct unix_sock *u;

	spin_lock(&unix_gc_lock);
	find_candidates(&candidates);
	keep_alive(&candidates, &alive);
	list_for_each_entry(u, &candidates, gc_link)
		take_messages(&u->sk, &hits);
	list_for_each_entry(u, &inflight_list, inflight_link)
		u->gc_candidate = false;
	spin_unlock(&unix_gc_lock);
	while (!list_empty(&hits)) {
		struct sk_buff *skb = list_first_entry(&hits, struct sk_buff, list);

		list_del(&skb->list);
		kfree_skb(skb);
		cond_resched();
	}
}

static DECLARE_WORK(unix_gc_work, unix_gc);

void unix_schedule_gc(void)
{
	if (READ_ONCE(unix_tot_inflight))
		queue_work(system_unbound_wq, &unix_gc_work);
}
