/*
 * Trace events sched: who runs, who is woken, who comes and goes.
 *
 * Mirrors Linux include/trace/events/sched.h: the names, fields and formats are Linux 6.1's. Exercised by
 * tests/user/tracefs.c and the trace suite.
 */
#pragma once

#include "kernel/task.h"
#include "kernel/trace.h"

#undef TRACE_SYSTEM
#define TRACE_SYSTEM "sched"
#undef TRACE_CHANGED
#define TRACE_CHANGED NULL

/* What programs parse stays in one piece. */
/* clang-format off */
TRACE_EVENT(sched_switch,
	    TP_PROTO(const struct task_struct *prev, unsigned int state,
		     const struct task_struct *next),
	    TP_ARGS(prev, state, next),
	    TP_FIELDS((array, char, prev_comm, 16), (field, pid_t, prev_pid),
		      (field, int, prev_prio), (field, long, prev_state),
		      (array, char, next_comm, 16), (field, pid_t, next_pid),
		      (field, int, next_prio)),
	    TP_fast_assign(memcpy(__entry->prev_comm, prev->comm, 16);
			   __entry->prev_pid = prev->pid; __entry->prev_prio = trace_prio(prev);
			   __entry->prev_state = trace_state(state);
			   memcpy(__entry->next_comm, next->comm, 16);
			   __entry->next_pid = next->pid; __entry->next_prio = trace_prio(next)),
	    TP_printk("prev_comm=%s prev_pid=%d prev_prio=%d prev_state=%s ==> next_comm=%s next_pid=%d next_prio=%d",
		      REC->prev_comm, REC->prev_pid, REC->prev_prio,
		      show_task_state(REC->prev_state), REC->next_comm, REC->next_pid,
		      REC->next_prio))

TRACE_EVENT(sched_wakeup, TP_PROTO(const struct task_struct *p, int cpu), TP_ARGS(p, cpu),
	    TP_FIELDS((array, char, comm, 16), (field, pid_t, pid), (field, int, prio),
		      (field, int, target_cpu)),
	    TP_fast_assign(memcpy(__entry->comm, p->comm, 16); __entry->pid = p->pid;
			   __entry->prio = trace_prio(p); __entry->target_cpu = cpu),
	    TP_printk("comm=%s pid=%d prio=%d target_cpu=%03d", REC->comm, REC->pid, REC->prio,
		      REC->target_cpu))

TRACE_EVENT(sched_process_fork,
	    TP_PROTO(const struct task_struct *parent, const struct task_struct *child),
	    TP_ARGS(parent, child),
	    TP_FIELDS((array, char, parent_comm, 16), (field, pid_t, parent_pid),
		      (array, char, child_comm, 16), (field, pid_t, child_pid)),
	    TP_fast_assign(memcpy(__entry->parent_comm, parent->comm, 16);
			   __entry->parent_pid = parent->pid;
			   memcpy(__entry->child_comm, child->comm, 16);
			   __entry->child_pid = child->pid),
	    TP_printk("comm=%s pid=%d child_comm=%s child_pid=%d", REC->parent_comm,
		      REC->parent_pid, REC->child_comm, REC->child_pid))

TRACE_EVENT(sched_process_exec,
	    TP_PROTO(const struct task_struct *p, pid_t old_pid, const char *file),
	    TP_ARGS(p, old_pid, file),
	    TP_FIELDS((string, filename, file), (field, pid_t, pid), (field, pid_t, old_pid)),
	    TP_fast_assign(__entry->pid = p->pid; __entry->old_pid = old_pid),
	    TP_printk("filename=%s pid=%d old_pid=%d", __get_str(filename), REC->pid, REC->old_pid))

TRACE_EVENT(sched_process_exit, TP_PROTO(const struct task_struct *p), TP_ARGS(p),
	    TP_FIELDS((array, char, comm, 16), (field, pid_t, pid), (field, int, prio)),
	    TP_fast_assign(memcpy(__entry->comm, p->comm, 16); __entry->pid = p->pid;
			   __entry->prio = trace_prio(p)),
	    TP_printk("comm=%s pid=%d prio=%d", REC->comm, REC->pid, REC->prio))
/* clang-format on */
