/*
 * How much may be dirty, and what those do who make it more. The idea is in dirty-throttle.c.
 *
 * Mirrors Linux include/linux/writeback.h. Exercised by the suite writeback.
 */
#pragma once

#include "kernel/percpu.h"
#include "mm/cache/backing-dev.h"

/* /proc/sys/vm. Of each pair of ratio (percent of what could be dirty) and bytes one is 0: the other one counts. */
extern int vm_dirty_ratio, dirty_background_ratio;
extern unsigned long vm_dirty_bytes, dirty_background_bytes;
extern unsigned int dirty_writeback_interval, dirty_expire_interval; /* centiseconds */
extern unsigned int dirtytime_expire_interval;			     /* seconds */

/* Pages that this CPU has seen become dirty since somebody looked: many tasks may each write little. */
DECLARE_PER_CPU(int, bdp_ratelimits);

/* The two limits in pages: above the first one the flusher runs, above the second one writers stop. */
void global_dirty_limits(unsigned long *background, unsigned long *thresh);
/* Should the flusher of this device go on though nobody waits? */
bool wb_over_bg_thresh(struct bdi_writeback *wb);
/* A device's part of the hard limit, pages. */
unsigned long wb_calc_thresh(struct bdi_writeback *wb, unsigned long thresh);
/* Pages of it have been written. => any context */
void wb_writeout_add(struct bdi_writeback *wb, long nr);
/* New estimates, if the last ones are old. => process context */
void wb_update_bandwidth(struct bdi_writeback *wb);
/* After a time without writes: that time does not count. */
void wb_bandwidth_start(struct bdi_writeback *wb);
/* The limits depend on memory and CPUs: recomputes how seldom writers look. */
void writeback_set_ratelimit(void);

void __balance_dirty_pages_ratelimited(struct bdi_writeback *wb, bool once);

/* Pages of mapping have become dirty: pauses if there are too many. => no lock held; may sleep, as long as the disk needs; killable */
static inline void balance_dirty_pages_ratelimited(struct address_space *mapping)
{
	if (mapping_can_writeback(mapping))
		__balance_dirty_pages_ratelimited(&mapping->bdi->wb, false);
}

/* The same with a lock that others may want (a fault): one pause at most, 200 ms. */
static inline void balance_dirty_pages_once(struct address_space *mapping)
{
	if (mapping_can_writeback(mapping))
		__balance_dirty_pages_ratelimited(&mapping->bdi->wb, true);
}
