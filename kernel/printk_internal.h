/*
 * Inside the log: what printk.c and syslog.c share.
 *
 * Mirrors Linux kernel/printk/internal.h. Exercised with kernel/printk.c.
 */
#pragma once

#include "lib/types.h"

struct printk_log {
	u64 ts_nsec;
	u16 len; /* whole record, a multiple of 8; 0: go on at the start of the buffer */
	u16 text_len;
	u8 facility;
	u8 level;
	bool newline; /* complete: nothing may be appended */
	u8 unused;
	char text[];
};

/* => printk_lock held */
struct printk_log *log_record(u32 idx);
u32 log_next_idx(u32 idx);
u32 log_find(u64 seq); /* index of a record that is kept */
/* Lines with time stamps, and "<prio>" in front for syslog: bytes written. */
u32 log_format(const struct printk_log *r, bool syslog, char *buf, u32 size);

/* Take the lock themselves. */
ssize_t log_read_syslog(u64 *seq, char *buf,
			u32 size); /* next record as text; 0: none; *seq moves on */
u64 log_clear_seq(bool set);
u32 log_buf_size(void);
