/*
 * Inside kernel/trace: the recorder, the list of events, the printer and the files.
 *
 * trace.c records (clock, buffers, names of tasks, on and off); trace_events.c switches events on and off; trace_output.c
 * turns a record into a line and an event into its format; trace_read.c is trace and trace_pipe; tracefs.c the small files.
 *
 * Locks, outermost first: event_mutex (which events are on, sizes of buffers), a reader's own mutex, trace_print_mutex,
 * ring_buffer.reader_mutex. Mirrors Linux kernel/trace/trace.h. Exercised by the trace suite and tests/user/tracefs.c.
 */
#pragma once

#include "kernel/fs/fs.h"
#include "kernel/mutex.h"
#include "kernel/trace.h"
#include "kernel/trace/ring_buffer.h"
#include "kernel/wait.h"

/* ---- trace.c ---- */

enum trace_clock_id {
	TRACE_CLOCK_LOCAL,
	TRACE_CLOCK_GLOBAL,
	TRACE_CLOCK_COUNTER,
	TRACE_CLOCK_UPTIME,
	TRACE_CLOCK_MONO,
	TRACE_CLOCK_BOOT,
	TRACE_CLOCK_TSC,
	TRACE_NR_CLOCKS
};
extern const char *const trace_clock_names[TRACE_NR_CLOCKS];
extern int trace_clock_id;
bool trace_clock_in_ns(void); /* else the stamps are counts */
u64 trace_clock_now(void);
/* Another clock; empties the buffers, whose stamps would mean nothing. -EINVAL. => event_mutex */
int trace_clock_set(const char *name);

extern struct mutex event_mutex;
extern bool tracing_is_on;		/* records are taken. Any time */
extern bool trace_irq_info;		/* option irq-info: the column of flags */
extern bool trace_markers;		/* option markers: writes to trace_marker are taken */
extern unsigned long trace_buffer_size; /* bytes a CPU once tracing is used. event_mutex */
extern bool trace_expanded;		/* the buffers exist. event_mutex */

/* Makes the buffers at the first use; -ENOMEM. => event_mutex */
int trace_expand(void);
/* Bytes for one CPU's buffer (-1: all, also those made later). -EINVAL, -ENOMEM. => event_mutex */
int trace_resize(int cpu, unsigned long size);
/* Empties one CPU's buffer (-1: all). */
void trace_reset(int cpu);
void trace_set_overwrite(bool on);
/* The name of a process that was recorded, "<...>" if it has been forgotten. comm: TASK_COMM_LEN bytes. */
void trace_find_cmdline(int pid, char *comm);
/* Calls fn for each name that is remembered. */
void trace_for_each_cmdline(void (*fn)(int pid, const char *comm, void *arg), void *arg);

/* Readers that wait for records, of any CPU. Woken while records are there, by a timer: a writer may be under any lock. */
extern wait_queue_head_t trace_wait;
void trace_wait_arm(void); /* => after the waiter is in the queue, and before it sleeps */

/* ---- trace_events.c ---- */

extern struct trace_event_call *const __trace_events_start[], *const __trace_events_end[];
#define for_each_event(p) for (p = __trace_events_start; p < __trace_events_end; p++)
#define FIRST_EVENT_ID	  20 /* below: Linux's built-in records */
#define TRACE_PRINT_ID	  5
extern struct trace_event_call trace_event_print; /* ftrace:print: what trace_marker writes */

struct trace_event_call *trace_event_of(unsigned int id); /* NULL: no such number */
/* "sys:event" with * and ?, "sys:", "event", "sys"; on or off. -EINVAL: none is called so; -ENOMEM. => event_mutex */
int trace_set_events(const char *pattern, bool on);
int trace_enable_event(struct trace_event_call *call, bool on); /* => event_mutex */
bool trace_mark(unsigned long ip,
		const char *text); /* a print record; false: lost, or tracing is off */

/* ---- trace_output.c ---- */

extern struct mutex trace_print_mutex; /* one printer at a time: its scratch buffers */
/* The line of a record; its length. => trace_print_mutex */
int trace_format_line(char *buf, size_t size, int cpu, const struct ring_copy *copy);
/* What events/SYSTEM/NAME/format says. */
int trace_format_event(char *buf, size_t size, const struct trace_event_call *call);
/* The lines above the records. */
int trace_format_header(char *buf, size_t size, int cpu);
/* For TP_printk(). => trace_print_mutex */
const char *show_gfp_flags(unsigned long flags);
const char *show_task_state(long state);
const void *trace_page(unsigned long pfn);
int trace_prio(const struct task_struct *p);
long trace_state(unsigned int state);
void trace_kmem_changed(void);

/* ---- trace_read.c ---- */

/* Files that read records; kernfs priv: 0 all CPUs, else CPU + 1. */
extern const struct file_operations trace_fops, trace_pipe_fops;
