/*
 * Watermarks and reserves: the numbers behind /proc/sys/vm, and what recomputes from them.
 *
 * Theory in wmark.c. Mirrors Linux mm/page_alloc.c (min_free_kbytes_sysctl_handler and its neighbours). Exercised by the
 * zones suite and by tests/user/procsys.c.
 */
#pragma once

#include "mm/phys/mmzone.h"

/* KiB that all zones together keep free for those who must not wait. After a change: setup_per_zone_wmarks(). */
extern int min_free_kbytes;
/* Distance between watermarks, in 1/10000 of a zone: 1..3000, default 10. After a change: setup_per_zone_wmarks(). */
extern int watermark_scale_factor;
/* How much a mixed pageblock raises the watermarks for a while, in 1/10000 of high; 0: not at all. Read when used. */
extern int watermark_boost_factor;
/* 1/N of a zone may stand in per-CPU lists, 0 or at least 8: then as boot chose. After a change:
 * setup_per_zone_wmarks(). */
extern int percpu_pagelist_high_fraction;
/* 1/N of the memory above zone i is kept in zone i from requests that could go higher; 0: none. After a change:
 * setup_per_zone_lowmem_reserve(). */
extern int sysctl_lowmem_reserve_ratio[MAX_NR_ZONES];

/* Recomputes min, low, high, promo of all zones, per-CPU list sizes, and totalreserve_pages. => process context or boot */
void setup_per_zone_wmarks(void);
/* Recomputes every zone's lowmem_reserve[], and totalreserve_pages. => process context or boot */
void setup_per_zone_lowmem_reserve(void);
/* What an administrator wrote into min_free_kbytes; -1: nothing yet. The file's writer sets it. */
extern int user_min_free_kbytes;
/* Chooses min_free_kbytes for the memory there is now, unless the administrator asked for more. */
void calculate_min_free_kbytes(void);
/* Boot, once managed pages are known, and again when .init has come back: all of the above, in order. */
void init_per_zone_wmark_min(void);
