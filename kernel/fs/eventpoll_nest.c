/*
 * epoll sets that watch epoll sets: which chains may be made.
 *
 * 1. No circle, and no chain of more than EP_MAX_NESTS links: a wake-up that runs up comes to an end.
 * 2. A wake-up does its work once for each way up. None of the sets may have more than EP_MAX_WAYS of them.
 * 3. Both are asked by walks over the sets above and below; a walk marks where it has been by its number, so sets that
 *    are reached on many ways are looked at once.
 *
 * Lock: epmutex. Mirrors Linux fs/eventpoll.c (ep_loop_check, reverse_path_check). Exercised by tests/user/epolls.c.
 */
#include "kernel/fs/eventpoll_internal.h"

static unsigned long walk_nr; /* E */

/* ---- chains of sets. => epmutex held: sets do not end, no link is made ---- */

/* How many sets stand below @ep on the longest way; more than EP_MAX_NESTS: @forbidden is among them, or too many. */
static int depth_below(struct eventpoll *ep, const struct eventpoll *forbidden, int level)
{
	struct rb_node *n;
	int deepest = 0;

	if (ep == forbidden || level > EP_MAX_NESTS)
		return EP_MAX_NESTS + 1;
	if (ep->walk_down == walk_nr)
		return ep->depth;
	mutex_lock_nested(&ep->mtx, 1);
	for (n = rb_first(&ep->rbr); n; n = rb_next(n)) {
		struct file *file = rb_entry(n, struct epitem, rbn)->file;

		if (is_file_epoll(file))
			deepest = max(deepest,
				      1 + depth_below(file->private_data, forbidden, level + 1));
	}
	mutex_unlock(&ep->mtx);
	ep->walk_down = walk_nr;
	ep->depth = deepest;
	return deepest;
}

/* How many sets stand above @ep on the longest way; ep->ways: how many a wake-up of it reaches, each way counted. */
static int look_above(struct eventpoll *ep)
{
	struct epitem *epi;
	int highest = 0, ways = 1;

	if (ep->walk_up == walk_nr)
		return ep->depth;
	spin_lock_nested(&ep->file->f_lock, 1);
	hlist_for_each_entry(epi, &ep->file->f_ep, fllink) {
		highest = max(highest, 1 + look_above(epi->ep));
		ways = min(ways + epi->ep->ways, EP_MAX_WAYS + 1);
	}
	spin_unlock(&ep->file->f_lock);
	ep->walk_up = walk_nr;
	ep->depth = highest;
	ep->ways = ways;
	return highest;
}

/* May @ep watch the epoll file of @to? 0, or -ELOOP: a circle, or a chain that is too long. */
static int ep_loop_check(struct eventpoll *ep, struct eventpoll *to)
{
	int above, below;

	walk_nr++;
	above = look_above(ep);
	walk_nr++;
	below = depth_below(to, ep, 0);
	return above + 1 + below > EP_MAX_NESTS ? -ELOOP : 0;
}

/* A wake-up below does its work once for each way up: none of the sets from @ep down may have too many. */
static bool too_many_ways(struct eventpoll *ep)
{
	bool bad = false;
	struct rb_node *n;

	look_above(ep);
	if (ep->ways > EP_MAX_WAYS)
		return true;
	mutex_lock_nested(&ep->mtx, 1);
	for (n = rb_first(&ep->rbr); n && !bad; n = rb_next(n)) {
		struct file *file = rb_entry(n, struct epitem, rbn)->file;

		bad = is_file_epoll(file) && too_many_ways(file->private_data);
	}
	mutex_unlock(&ep->mtx);
	return bad;
}

/* A set into a set: only if the chains that come of it are sound. */
int ctl_add_nested(struct eventpoll *ep, struct epoll_event *event, struct file *file, int fd)
{
	int err;

	guard(mutex)(&epmutex);
	err = ep_loop_check(ep, file->private_data);
	if (!err)
		err = ctl_add(ep, event, file, fd);
	if (err)
		return err;
	walk_nr++;
	if (!too_many_ways(file->private_data))
		return 0;
	ctl_change(ep, EPOLL_CTL_DEL, event, file, fd);
	return -EINVAL;
}
