/*
 * The recorder: what happens between an event's function and the ring buffer.
 *
 * 1. A record gets its number, the process, and whether interrupts were off, a reschedule was wanted, an interrupt ran; its
 *    time stamp is taken with interrupts off, so a buffer's stamps never go back. The clock is the TSC in ns; others may be
 *    chosen, and then the buffers start anew.
 * 2. A CPU's buffer is made when the first event is switched on (or written by trace_marker), 1408 KiB unless
 *    buffer_size_kb or trace_buf_size= says otherwise: a machine that traces nothing pays nothing. Linux keeps a few KiB.
 * 3. Lines name processes by pid and name, records hold the pid only. The names stand in a small table, one place for each
 *    pid modulo its size; a later process may take the place, and then the older lines say <...>. Writers take its lock by
 *    trying: they may be in any context. That is also Linux's way (saved_cmdlines).
 * 4. A writer may hold any lock, so it wakes nobody. While somebody waits for records, a timer looks every 20 ms
 *    whether there are some, and wakes him.
 *
 * Locks: none in the recorder; cmdline_lock is only tried there. Mirrors Linux kernel/trace/{trace,trace_clock,
 * trace_sched_switch}.c. Exercised by the trace suite and tests/user/tracefs.c.
 */
#include "kernel/trace/trace.h"

#include "arch/x86/irqflags.h"
#include "arch/x86/traps.h"
#include "arch/x86/tsc.h"
#include "kernel/current.h"
#include "kernel/init.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "kernel/timer.h"
#include "lib/string.h"

DEFINE_MUTEX(event_mutex);
bool tracing_is_on = true;
bool trace_irq_info = true;
bool trace_markers = true;
bool trace_expanded;
unsigned long trace_buffer_size = 1408UL << 10;

/* ---- clocks ---- */

const char *const trace_clock_names[TRACE_NR_CLOCKS] = {
	"local", "global", "counter", "uptime", "mono", "boot", "x86-tsc",
};
int trace_clock_id;
static u64 trace_counter;

bool trace_clock_in_ns(void)
{
	return trace_clock_id != TRACE_CLOCK_COUNTER && trace_clock_id != TRACE_CLOCK_TSC;
}

u64 trace_clock_now(void)
{
	switch (READ_ONCE(trace_clock_id)) {
	case TRACE_CLOCK_COUNTER:
		return __atomic_add_fetch(&trace_counter, 1, __ATOMIC_RELAXED);
	case TRACE_CLOCK_UPTIME:
		return (u64)jiffies * TICK_NSEC;
	case TRACE_CLOCK_MONO:
	case TRACE_CLOCK_BOOT:
		return ktime_get_ns();
	case TRACE_CLOCK_TSC:
		return rdtsc();
	default:
		return sched_clock();
	}
}

int trace_clock_set(const char *name)
{
	int id = match_string(trace_clock_names, TRACE_NR_CLOCKS, name);

	if (id < 0)
		return -EINVAL;
	WRITE_ONCE(trace_clock_id, id);
	trace_reset(-1);
	return 0;
}

/* ---- names of tasks ---- */

#define NR_CMDLINES 512

struct cmdline {
	int pid;
	char comm[TASK_COMM_LEN];
};
static struct cmdline cmdlines[NR_CMDLINES]; /* cmdline_lock for writing */
static DEFINE_SPINLOCK(cmdline_lock);

/* => interrupts off */
static __always_inline void remember_cmdline(const struct task_struct *p)
{
	struct cmdline *c = &cmdlines[(unsigned int)p->pid % NR_CMDLINES];

	if (likely(c->pid == p->pid && !memcmp(c->comm, p->comm, TASK_COMM_LEN)) || !p->pid)
		return;
	if (!spin_trylock(&cmdline_lock))
		return;
	c->pid = p->pid;
	memcpy(c->comm, p->comm, TASK_COMM_LEN);
	spin_unlock(&cmdline_lock);
}

void trace_find_cmdline(int pid, char *comm)
{
	const struct cmdline *c = &cmdlines[(unsigned int)pid % NR_CMDLINES];

	if (!pid) {
		strscpy(comm, "<idle>", TASK_COMM_LEN);
		return;
	}
	guard(spinlock_irqsave)(&cmdline_lock);
	if (c->pid == pid)
		strscpy(comm, c->comm, TASK_COMM_LEN);
	else
		strscpy(comm, "<...>", TASK_COMM_LEN);
}

void trace_for_each_cmdline(void (*fn)(int pid, const char *comm, void *arg), void *arg)
{
	for (int i = 0; i < NR_CMDLINES; i++) {
		char comm[TASK_COMM_LEN];
		int pid = READ_ONCE(cmdlines[i].pid);

		if (!pid)
			continue;
		trace_find_cmdline(pid, comm);
		fn(pid, comm, arg);
	}
}

/* ---- recording ---- */

void *trace_event_reserve(struct trace_reserve *r, const struct trace_event_call *call, size_t len)
{
	struct task_struct *p = current;
	struct trace_entry *ent;

	if (unlikely(!READ_ONCE(tracing_is_on)))
		return NULL;
	local_irq_save(r->irqflags);
	ent = ring_reserve(this_cpu_ptr(&trace_rings), len, trace_clock_now());
	if (unlikely(!ent)) {
		local_irq_restore(r->irqflags);
		return NULL;
	}
	ent->type = call->id;
	ent->flags = (r->irqflags & X86_EFLAGS_IF ? 0 : TRACE_FLAG_IRQS_OFF) |
		     (test_tsk_thread_flag(p, TIF_NEED_RESCHED) ? TRACE_FLAG_NEED_RESCHED : 0) |
		     (in_hardirq() ? TRACE_FLAG_HARDIRQ : 0);
	ent->preempt_count = 0;
	ent->pid = p->pid;
	r->slot = ent;
	remember_cmdline(p);
	return ent;
}

void trace_event_commit(struct trace_reserve *r)
{
	ring_commit(this_cpu_ptr(&trace_rings));
	local_irq_restore(r->irqflags);
}

size_t trace_string_size(const char *s)
{
	return strnlen(s, TRACE_STRING_MAX - 1) + 1;
}

u32 trace_put_string(void *rec, u32 *at, const char *s)
{
	u32 len = trace_string_size(s), where = *at;

	memcpy((char *)rec + where, s, len - 1);
	((char *)rec)[where + len - 1] = '\0';
	*at += len;
	return len << 16 | where;
}

/* ---- buffers ---- */

int trace_resize(int cpu, unsigned long size)
{
	int err, c;

	if (size < RING_MIN_SIZE)
		size = RING_MIN_SIZE;
	if (size > 1UL << 40)
		return -EINVAL;
	if (cpu >= 0)
		return ring_buffer_resize(cpu, size);
	if (trace_expanded) {
		for_each_online_cpu(c) {
			err = ring_buffer_resize(c, size);
			if (err)
				return err;
		}
	}
	trace_buffer_size = PAGE_ALIGN(size);
	return 0;
}

int trace_expand(void)
{
	int cpu, err;

	if (trace_expanded)
		return 0;
	for_each_online_cpu(cpu) {
		if (per_cpu(trace_rings, cpu).data)
			continue;
		err = ring_buffer_resize(cpu, trace_buffer_size);
		if (err)
			return err;
	}
	trace_expanded = true;
	return 0;
}

void trace_reset(int cpu)
{
	int c;

	for_each_online_cpu(c)
		if (cpu < 0 || c == cpu)
			ring_buffer_reset(c);
}

void trace_set_overwrite(bool on)
{
	int cpu;

	for_each_possible_cpu(cpu)
		WRITE_ONCE(per_cpu(trace_rings, cpu).overwrite, on);
}

/* ---- waking readers ---- */

#define LOOK_JIFFIES (HZ / 50)

DECLARE_WAIT_QUEUE_HEAD(trace_wait);
static void look(struct timer_list *timer);
static struct timer_list look_timer;

static void look(struct timer_list *timer)
{
	int cpu;

	if (!waitqueue_active(&trace_wait))
		return;
	for_each_online_cpu(cpu) {
		if (ring_has_unread(per_cpu_ptr(&trace_rings, cpu))) {
			wake_up_poll(&trace_wait, 0x0041 /* EPOLLIN | EPOLLRDNORM */);
			break;
		}
	}
	mod_timer(timer, jiffies + LOOK_JIFFIES);
}

void trace_wait_arm(void)
{
	if (!timer_pending(&look_timer))
		mod_timer(&look_timer, jiffies + LOOK_JIFFIES);
}

static int trace_init(void)
{
	timer_setup(&look_timer, look, 0);
	ring_buffers_init();
	return 0;
}
core_initcall(trace_init);
