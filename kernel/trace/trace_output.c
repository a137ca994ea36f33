/*
 * From records to text: the lines of trace and trace_pipe, and the description of an event.
 *
 * 1. A line is "NAME-PID [CPU] FLAGS TIME: EVENT: FIELDS"; FIELDS is what the event's TP_printk() makes of the record.
 * 2. format gives programs that read records the same expression as text. Functions of ours in it are spelled out there
 *    with what such programs understand: show_gfp_flags() becomes __print_flags() with all names.
 *
 * Lock: trace_print_mutex for the scratch buffers of helpers. Mirrors Linux kernel/trace/trace_output.c, trace.c
 * (print_trace_header) and include/trace/events/mmflags.h. Exercised by tests/user/tracefs.c.
 */
#include "arch/x86/page.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "kernel/trace/trace.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/phys/gfp.h"
#include "mm/phys/page.h"

DEFINE_MUTEX(trace_print_mutex);

/* ---- helpers of TP_printk() and TP_fast_assign() ---- */

const char *show_gfp_flags(unsigned long flags)
{
	static char names[256]; /* trace_print_mutex */

	return gfp_flags_string(flags, names, sizeof(names));
}

static const struct {
	long bit;
	char name[2];
} state_names[] = {
	{ 0x01, "S" }, { 0x02, "D" }, { 0x04, "T" }, { 0x08, "t" },
	{ 0x10, "X" }, { 0x20, "Z" }, { 0x40, "P" }, { 0x80, "I" },
};

const char *show_task_state(long state)
{
	static char names[32]; /* trace_print_mutex */
	int n = 0;

	if (!state)
		return "R";
	names[0] = '\0';
	for (int i = 0; i < ARRAY_SIZE(state_names); i++)
		if (state & state_names[i].bit)
			n += scnprintf(names + n, sizeof(names) - n, "%s%s", n ? "|" : "",
				       state_names[i].name);
	return names;
}

long trace_state(unsigned int state)
{
	if ((state & TASK_IDLE) == TASK_IDLE)
		return 0x80;
	if (state & TASK_DEAD)
		return 0x10;
	return state & 0x3f;
}

int trace_prio(const struct task_struct *p)
{
	return p->se.rt_priority ? 99 - (int)p->se.rt_priority : 120 + p->se.nice;
}

const void *trace_page(unsigned long pfn)
{
	return pfn_to_page(pfn);
}

/* ---- lines ---- */

static int format_stamp(char *buf, size_t size, u64 ts)
{
	u64 us = (ts + 500) / 1000;

	if (!trace_clock_in_ns())
		return scnprintf(buf, size, " %12llu: ", ts);
	return scnprintf(buf, size, " %5llu.%06llu: ", us / 1000000, us % 1000000);
}

int trace_format_line(char *buf, size_t size, int cpu, const struct ring_copy *copy)
{
	const struct trace_entry *ent = (const void *)copy->bytes;
	const struct trace_event_call *call = trace_event_of(ent->type);
	char comm[TASK_COMM_LEN];
	int n;

	trace_find_cmdline(ent->pid, comm);
	n = scnprintf(buf, size, "%16s-%-7d [%03d] ", comm, ent->pid, cpu);
	if (trace_irq_info)
		n += scnprintf(buf + n, size - n, "%c%c%c..",
			       ent->flags & TRACE_FLAG_IRQS_OFF ? 'd' : '.',
			       ent->flags & TRACE_FLAG_NEED_RESCHED ? 'n' : '.',
			       ent->flags & TRACE_FLAG_HARDIRQ ? 'h' : '.');
	n += format_stamp(buf + n, size - n, copy->rec.ts);
	if (!call)
		return n + scnprintf(buf + n, size - n, "# unknown event %u\n", ent->type);
	n += scnprintf(buf + n, size - n,
		       "%s: ", call == &trace_event_print ? "tracing_mark_write" : call->name);
	n += call->print(buf + n, size - n, ent);
	if (n && buf[n - 1] != '\n')
		n += scnprintf(buf + n, size - n, "\n");
	return n;
}

int trace_format_header(char *buf, size_t size, int cpu)
{
	unsigned long entries = 0;
	u64 written = 0;
	int c, n;

	for_each_online_cpu(c) {
		struct ring_buffer *rb = per_cpu_ptr(&trace_rings, c);

		if (cpu >= 0 && c != cpu)
			continue;
		entries += ring_entries(rb);
		written += ring_entries(rb) + READ_ONCE(rb->overrun);
	}
	n = scnprintf(buf, size, "# tracer: nop\n#\n");
	n += scnprintf(buf + n, size - n,
		       "# entries-in-buffer/entries-written: %lu/%llu   #P:%d\n#\n", entries,
		       written, (int)num_online_cpus());
	if (!trace_irq_info)
		return n + scnprintf(buf + n, size - n,
				     "#           TASK-PID     CPU#     TIMESTAMP  FUNCTION\n"
				     "#              | |         |         |         |\n");
	return n + scnprintf(buf + n, size - n,
			     "#                                _-----=> irqs-off/BH-disabled\n"
			     "#                               / _----=> need-resched\n"
			     "#                              | / _---=> hardirq/softirq\n"
			     "#                              || / _--=> preempt-depth\n"
			     "#                              ||| / _-=> migrate-disable\n"
			     "#                              |||| /     delay\n"
			     "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
			     "#              | |         |   |||||     |         |\n");
}

/* ---- format ---- */

struct text {
	char *buf;
	size_t size, len;
};

static void __printf(2, 3) add(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	t->len += vscnprintf(t->buf + t->len, t->size - t->len, fmt, args);
	va_end(args);
}

static void add_field(struct text *t, const char *type, const char *name, const char *dims,
		      unsigned int offset, unsigned int size, bool is_signed)
{
	add(t, "\tfield:%s %s%s;\toffset:%u;\tsize:%u;\tsigned:%d;\n",
	    !strcmp(type, "_Bool") ? "bool" : type, name, dims, offset, size, is_signed);
}

static void add_gfp_flags(struct text *t, const char *arg, int len)
{
	static const gfp_t combinations[] = {
		GFP_TRANSHUGE,
		GFP_TRANSHUGE_LIGHT,
		GFP_HIGHUSER_MOVABLE,
		GFP_HIGHUSER,
		GFP_USER,
		GFP_KERNEL_ACCOUNT,
		GFP_KERNEL,
		GFP_NOFS,
		GFP_ATOMIC,
		GFP_NOIO,
		GFP_NOWAIT,
		__GFP_RECLAIM,
	};
	char name[64];

	add(t, "(%.*s) ? __print_flags(%.*s, \"|\"", len, arg, len, arg);
	for (int i = 0; i < ARRAY_SIZE(combinations) + 32; i++) {
		gfp_t flags = i < ARRAY_SIZE(combinations) ? combinations[i]
							   : BIT(i - ARRAY_SIZE(combinations));

		gfp_flags_string(flags, name, sizeof(name));
		if (*name != '0' && !strchr(name, '|'))
			add(t, ", {(unsigned long)0x%x, \"%s\"}", flags, name);
	}
	add(t, ") : \"none\"");
}

static void add_task_state(struct text *t, const char *arg, int len)
{
	add(t, "(%.*s) ? __print_flags(%.*s, \"|\"", len, arg, len, arg);
	for (int i = 0; i < ARRAY_SIZE(state_names); i++)
		add(t, ", { 0x%02lx, \"%s\" }", state_names[i].bit, state_names[i].name);
	add(t, ") : \"R\"");
}

static void add_page(struct text *t, const char *arg, int len)
{
	add(t, "(((struct page *)vmemmap_base) + (%.*s))", len, arg);
}

static const struct {
	const char *name; /* with its bracket */
	void (*spell)(struct text *t, const char *arg, int len);
} spelled[] = {
	{ "show_gfp_flags(", add_gfp_flags },
	{ "show_task_state(", add_task_state },
	{ "trace_page(", add_page },
};

/* TP_printk("...", args): what is in the brackets, our functions spelled out. Their arguments have no brackets. */
static void add_print_fmt(struct text *t, const char *s)
{
	s += str_has_prefix(s, "TP_printk(");
	while (*s && (s[1] || *s != ')')) {
		size_t skip = 0;

		for (int i = 0; i < ARRAY_SIZE(spelled) && !skip; i++) {
			skip = str_has_prefix(s, spelled[i].name);
			if (skip) {
				int len = strcspn(s + skip, ")");

				spelled[i].spell(t, s + skip, len);
				skip += len + 1;
			}
		}
		if (!skip)
			add(t, "%c", *s);
		s += skip ? skip : 1;
	}
}

int trace_format_event(char *buf, size_t size, const struct trace_event_call *call)
{
	struct text t = { .buf = buf, .size = size };

	add(&t, "name: %s\nID: %u\nformat:\n", call->name, call->id);
	add_field(&t, "unsigned short", "common_type", "", 0, 2, false);
	add_field(&t, "unsigned char", "common_flags", "", 2, 1, false);
	add_field(&t, "unsigned char", "common_preempt_count", "", 3, 1, false);
	add_field(&t, "int", "common_pid", "", 4, 4, true);
	add(&t, "\n");
	for (int i = 0; i < call->nr_fields; i++) {
		const struct trace_field *f = &call->fields[i];

		add_field(&t, f->type, f->name, f->dims, f->offset, f->size, f->is_signed);
	}
	add(&t, "\nprint fmt: ");
	add_print_fmt(&t, call->print_fmt);
	add(&t, "\n");
	return t.len;
}
