/*
 * Writers of pages are faster than disks: who fills memory with dirty pages is made to wait, smoothly.
 *
 * 1. Two limits, as a share of the memory that could hold dirty pages (free pages and pages of files) or in bytes. Up to half way
 *    between background and hard limit nobody waits (freerun); above the background limit the flusher runs.
 * 2. Beyond, a writer looks every few pages and pauses after them: pages / rate. The rate aims at as much being made dirty in a second
 *    as the device writes. It is measured: if N writers at rate r dirty d pages a second, and the device writes w, then r * w / d is
 *    right (balanced). So nobody need count writers.
 * 3. The position corrects it: below the set point (the middle between freerun and limit) the rate is up to twice as high, at the limit
 *    it is 0. In between the curve is a cubic: flat at the set point, steep at the ends. The same for the device's own set point, which
 *    is its share of the limit: a slow stick does not fill what a fast disk could use.
 * 4. A device's share is its share of all pages written lately (completions, halved every 2 s).
 * 5. At rate 0 a writer pauses again and again, until the disk has caught up or somebody kills it. A write that fails makes its page
 *    clean as well, so a broken disk does not hold its writers.
 *
 * Locks: wb->bw_lock for the estimates. Mirrors Linux mm/page-writeback.c (balance_dirty_pages). Exercised by the suite writeback.
 */
#include "mm/cache/dirty-throttle.h"

#include "kernel/current.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "mm/phys/buddy.h"
#include "mm/phys/vmstat.h"

#define BANDWIDTH_INTERVAL (HZ / 5 > 1 ? HZ / 5 : 1)
#define MAX_PAUSE	   (HZ / 5 > 1 ? HZ / 5 : 1)
#define COMPLETION_SHIFT   9	/* a period: so many jiffies, as a power of two; 2 s */
#define BW_PERIOD	   1024 /* jiffies, a power of two: what the bandwidth is averaged over */
#define POS_SHIFT	   10
#define FRAC_SHIFT	   16
/* Pages between two looks of a task that has just begun. */
#define FIRST_LOOK (128 >> (PAGE_SHIFT - 10))

int vm_dirty_ratio = 20, dirty_background_ratio = 10;
unsigned long vm_dirty_bytes, dirty_background_bytes;
unsigned int dirty_writeback_interval = 5 * 100, dirty_expire_interval = 30 * 100;
unsigned int dirtytime_expire_interval = 12 * 60 * 60;
DEFINE_PER_CPU(int, bdp_ratelimits);

static struct wb_completions all_completions;
static int ratelimit_pages = 32;

/* All that is known at one look. Pages. */
struct dirty_state {
	unsigned long dirty, thresh, background; /* of all devices */
	unsigned long wb_dirty, wb_thresh;	 /* of this one */
	unsigned long pos_ratio;		 /* 1 << POS_SHIFT: just right */
};

/* ---- limits ---- */

static unsigned long dirtyable_memory(void)
{
	unsigned long pages = global_zone_page_state(NR_FREE_PAGES);
	unsigned long shmem = global_node_page_state(NR_SHMEM);
	unsigned long files = global_node_page_state(NR_FILE_PAGES);

	pages -= min(pages, totalreserve_pages);
	return pages + (files > shmem ? files - shmem : 0) + 1;
}

void global_dirty_limits(unsigned long *background, unsigned long *thresh)
{
	unsigned long memory = dirtyable_memory();
	unsigned long bytes = READ_ONCE(vm_dirty_bytes),
		      bg_bytes = READ_ONCE(dirty_background_bytes);

	*thresh = bytes ? DIV_ROUND_UP(bytes, PAGE_SIZE)
			: memory * (unsigned int)READ_ONCE(vm_dirty_ratio) / 100;
	*background = bg_bytes ? DIV_ROUND_UP(bg_bytes, PAGE_SIZE)
			       : memory * (unsigned int)READ_ONCE(dirty_background_ratio) / 100;
	if (*background >= *thresh)
		*background = *thresh / 2;
}

static unsigned long nr_dirty_pages(void)
{
	return global_node_page_state(NR_FILE_DIRTY) + global_node_page_state(NR_WRITEBACK);
}

/* Halves what was counted in earlier periods; one of those who see that a period has ended does it. */
static unsigned long completions_now(struct wb_completions *c)
{
	unsigned long now = jiffies >> COMPLETION_SHIFT, then = READ_ONCE(c->period);

	if (unlikely(then != now) && cmpxchg(&c->period, then, now) == then) {
		long events = atomic_long_read(&c->events);
		unsigned long periods = min(now - then, BITS_PER_LONG - 1UL);

		atomic_long_sub(events - (events >> periods), &c->events);
	}
	return max(atomic_long_read(&c->events), 0L);
}

void wb_writeout_add(struct bdi_writeback *wb, long nr)
{
	completions_now(&wb->completions);
	completions_now(&all_completions);
	atomic_long_add(nr, &wb->completions.events);
	atomic_long_add(nr, &all_completions.events);
}

unsigned long wb_calc_thresh(struct bdi_writeback *wb, unsigned long thresh)
{
	unsigned long all, own, pages;

	all = completions_now(&all_completions);
	own = completions_now(&wb->completions);
	pages = all ? thresh * min(own, all) / all : 0;
	pages += thresh * READ_ONCE(wb->bdi->min_ratio) / 100;
	return min(pages, thresh * READ_ONCE(wb->bdi->max_ratio) / 100);
}

static unsigned long wb_dirty_pages(struct bdi_writeback *wb)
{
	return wb_stat(wb, WB_RECLAIMABLE) + wb_stat(wb, WB_WRITEBACK);
}

bool wb_over_bg_thresh(struct bdi_writeback *wb)
{
	unsigned long background, thresh, dirty = wb_stat(wb, WB_RECLAIMABLE);

	if (!dirty)
		return false;
	global_dirty_limits(&background, &thresh);
	return global_node_page_state(NR_FILE_DIRTY) > background ||
	       dirty > wb_calc_thresh(wb, background) + background / 8;
}

/* ---- position ---- */

static unsigned long freerun(const struct dirty_state *s)
{
	return (s->thresh + s->background) / 2;
}

/* 1 + ((setpoint - dirty) / (limit - setpoint))^3, at most 2 and at least 0. */
static long cubic(long setpoint, long dirty, long limit)
{
	long x = ((setpoint - dirty) * (1L << POS_SHIFT)) / (limit - setpoint + 1), pos;

	x = clamp(x, -(2L << POS_SHIFT), 2L << POS_SHIFT);
	pos = x * x >> POS_SHIFT;
	pos = (pos * x >> POS_SHIFT) + (1L << POS_SHIFT);
	return clamp(pos, 0L, 2L << POS_SHIFT);
}

static unsigned long position_ratio(const struct bdi_writeback *wb, const struct dirty_state *s)
{
	unsigned long setpoint = (freerun(s) + s->thresh) / 2,
		      bw = READ_ONCE(wb->avg_write_bandwidth);
	unsigned long own, frac, wb_setpoint, span, end;
	long pos;

	if (s->dirty >= s->thresh)
		return 0;
	pos = cubic(setpoint, s->dirty, s->thresh);
	/* One that has just begun to write has no share yet. */
	own = max(s->wb_thresh, (s->thresh - s->dirty) / 8);
	frac = (own << FRAC_SHIFT) / (s->thresh + 1);
	wb_setpoint = setpoint * frac >> FRAC_SHIFT;
	span = (s->thresh - min(own, s->thresh) + 8 * bw) * frac >> FRAC_SHIFT;
	end = wb_setpoint + span;
	if (s->wb_dirty < end - span / 4)
		pos = pos * (long)(end - s->wb_dirty) / (long)(span | 1);
	else
		pos /= 4;
	/* It must not run dry. */
	if (s->wb_dirty < own / 2)
		pos = s->wb_dirty > own / 16 ? pos * (long)(own / 2) / (long)s->wb_dirty : pos * 8;
	return pos;
}

static void look(struct bdi_writeback *wb, struct dirty_state *s)
{
	global_dirty_limits(&s->background, &s->thresh);
	s->dirty = nr_dirty_pages();
	s->wb_dirty = wb_dirty_pages(wb);
}

/* ---- estimates ---- */

/* => bw_lock held */
static void update_write_bandwidth(struct bdi_writeback *wb, unsigned long elapsed,
				   unsigned long written)
{
	unsigned long avg = wb->avg_write_bandwidth, old = wb->write_bandwidth;
	u64 bw = (u64)(written - wb->written_stamp) * HZ;

	if (elapsed > BW_PERIOD) {
		bw /= elapsed;
		avg = bw;
	} else {
		bw = (bw + (u64)old * (BW_PERIOD - elapsed)) / BW_PERIOD;
		/* Only what goes on for longer counts. */
		if (avg > old && old >= bw)
			avg -= (avg - old) >> 3;
		if (avg < old && old <= bw)
			avg += (old - avg) >> 3;
	}
	wb->write_bandwidth = bw;
	WRITE_ONCE(wb->avg_write_bandwidth, max(avg, 1UL));
}

/* Towards the balanced rate, by steps; against noise only when position and trend agree. => bw_lock held */
static void update_ratelimit(struct bdi_writeback *wb, const struct dirty_state *s,
			     unsigned long elapsed, unsigned long dirtied)
{
	unsigned long rate = wb->dirty_ratelimit, setpoint = (freerun(s) + s->thresh) / 2, step = 0;
	unsigned long made = (dirtied - wb->dirtied_stamp) * HZ / elapsed, x, shift;
	unsigned long task = (rate * s->pos_ratio >> POS_SHIFT) + 1;
	unsigned long balanced =
		min(task * wb->avg_write_bandwidth / (made | 1), wb->avg_write_bandwidth);
	bool up = s->dirty < setpoint;

	if (up) {
		x = min3(wb->balanced_dirty_ratelimit, balanced, task);
		step = rate < x ? x - rate : 0;
	} else {
		x = max3(wb->balanced_dirty_ratelimit, balanced, task);
		step = rate > x ? rate - x : 0;
	}
	shift = rate / (2 * step + 1);
	step = shift < BITS_PER_LONG ? ((step >> shift) + 7) / 8 : 0;
	WRITE_ONCE(wb->dirty_ratelimit, up ? rate + step : max(rate - min(step, rate), 1UL));
	wb->balanced_dirty_ratelimit = balanced;
}

/* s NULL: of the device alone. */
static void update_estimates(struct bdi_writeback *wb, const struct dirty_state *s)
{
	unsigned long now = jiffies, elapsed, dirtied, written;

	if (time_before(now, READ_ONCE(wb->bw_time_stamp) + BANDWIDTH_INTERVAL))
		return;
	guard(spinlock)(&wb->bw_lock);
	elapsed = now - wb->bw_time_stamp;
	if ((long)elapsed < BANDWIDTH_INTERVAL)
		return;
	dirtied = wb_stat(wb, WB_DIRTIED);
	written = wb_stat(wb, WB_WRITTEN);
	if (s)
		update_ratelimit(wb, s, elapsed, dirtied);
	update_write_bandwidth(wb, elapsed, written);
	wb->dirtied_stamp = dirtied;
	wb->written_stamp = written;
	WRITE_ONCE(wb->bw_time_stamp, now);
}

void wb_update_bandwidth(struct bdi_writeback *wb)
{
	update_estimates(wb, NULL);
}

void wb_bandwidth_start(struct bdi_writeback *wb)
{
	guard(spinlock)(&wb->bw_lock);
	if (time_before(jiffies, wb->bw_time_stamp + HZ))
		return;
	wb->dirtied_stamp = wb_stat(wb, WB_DIRTIED);
	wb->written_stamp = wb_stat(wb, WB_WRITTEN);
	WRITE_ONCE(wb->bw_time_stamp, jiffies);
}

/* ---- pauses ---- */

/* Looking costs: the farther from the limit, the seldomer. Pages. */
static int poll_interval(unsigned long dirty, unsigned long thresh)
{
	return thresh > dirty ? 1 << (ilog2(thresh - dirty) / 2) : 1;
}

/* Longest pause in jiffies: the device must not run dry meanwhile. */
static long longest_pause(const struct bdi_writeback *wb, unsigned long wb_dirty)
{
	unsigned long t = wb_dirty / (1 + READ_ONCE(wb->avg_write_bandwidth) / 32) + 1;

	return min(t, (unsigned long)MAX_PAUSE);
}

static void pause_for(struct task_struct *me, long pause, long now, unsigned long rate,
		      long longest)
{
	__set_current_state(TASK_KILLABLE);
	io_schedule_timeout(pause);
	me->dirty_paused_when = now + pause;
	me->nr_dirtied = 0;
	/* The next look after half of the longest pause's worth. */
	me->nr_dirtied_pause = clamp(rate * (unsigned long)longest / (2 * HZ), 1UL, 4096UL);
}

/* Nothing to wait for yet: what it dirtied is worth less than a jiffy, or it was slow on its own. */
static void no_pause(struct task_struct *me, long pause, long period, long now, int pages)
{
	if (pause < -HZ) {
		me->dirty_paused_when = now;
		me->nr_dirtied = 0;
	} else if (period) {
		me->dirty_paused_when += period;
		me->nr_dirtied = 0;
	} else if (me->nr_dirtied_pause <= pages) {
		me->nr_dirtied_pause += pages;
	}
}

static void balance_dirty_pages(struct bdi_writeback *wb, bool once)
{
	struct task_struct *me = current;
	int pages = me->nr_dirtied;
	struct dirty_state s;

	for (;;) {
		unsigned long rate;
		long now = jiffies, period, pause, longest;

		look(wb, &s);
		if (s.dirty > s.background && !writeback_in_progress(wb))
			writeback_hooks->start_background(wb);
		if (s.dirty <= freerun(&s)) {
			me->dirty_paused_when = now;
			me->nr_dirtied = 0;
			me->nr_dirtied_pause = poll_interval(s.dirty, freerun(&s));
			WRITE_ONCE(wb->dirty_exceeded, false);
			return;
		}
		s.wb_thresh = wb_calc_thresh(wb, s.thresh);
		WRITE_ONCE(wb->dirty_exceeded, s.dirty > s.thresh || s.wb_dirty > s.wb_thresh);
		s.pos_ratio = position_ratio(wb, &s);
		update_estimates(wb, &s);
		rate = READ_ONCE(wb->dirty_ratelimit) * s.pos_ratio >> POS_SHIFT;
		longest = longest_pause(wb, s.wb_dirty);
		period = rate ? HZ * (long)pages / (long)rate : longest;
		pause = period;
		if (rate && me->dirty_paused_when)
			pause -= now - (long)me->dirty_paused_when;
		if (rate && pause < 1) {
			no_pause(me, pause, period, now, pages);
			return;
		}
		pause_for(me, min(pause, longest), now, rate, longest);
		/* With nothing of its own on the way it would wait for other devices only. */
		if (rate || once || fatal_signal_pending(me) || wb_dirty_pages(wb) <= 1)
			return;
	}
}

void __balance_dirty_pages_ratelimited(struct bdi_writeback *wb, bool once)
{
	struct task_struct *me = current;
	int limit = me->nr_dirtied_pause ? me->nr_dirtied_pause : FIRST_LOOK;

	if (READ_ONCE(wb->dirty_exceeded))
		limit = min(limit, 32 >> (PAGE_SHIFT - 10));
	if (unlikely(me->nr_dirtied >= limit)) {
		this_cpu_write(bdp_ratelimits, 0);
	} else if (unlikely(this_cpu_read(bdp_ratelimits) >= READ_ONCE(ratelimit_pages))) {
		this_cpu_write(bdp_ratelimits, 0);
		limit = 0;
	}
	if (unlikely(me->nr_dirtied >= limit))
		balance_dirty_pages(wb, once);
}

void writeback_set_ratelimit(void)
{
	unsigned long background, thresh;

	global_dirty_limits(&background, &thresh);
	WRITE_ONCE(ratelimit_pages, (int)clamp(thresh / (num_online_cpus() * 32UL), 16UL, 1024UL));
}
