/*
 * The list of events: their numbers, switching them on and off by name, and the words of the command line.
 *
 * 1. Descriptors are everywhere in the data; the linker gathers pointers to them in .trace_events. The number of an event is
 *    its place there plus FIRST_EVENT_ID.
 * 2. trace_event=PATTERN[,PATTERN...] switches events on at boot; trace_buf_size=SIZE sets the size of a CPU's buffer. A
 *    pattern that names nothing, or a size that is none, is one line in the log.
 *
 * Lock: event_mutex. Mirrors Linux kernel/trace/trace_events.c. Exercised by tests/user/tracefs.c.
 */
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/trace/trace.h"
#include "lib/printf.h"
#include "lib/string.h"

/* ---- ftrace:print ---- */

struct trace_raw_print {
	struct trace_entry ent;
	unsigned long ip;
	char buf[];
};

static const struct trace_field print_fields[] = {
	{ "unsigned long", "ip", "", offsetof(struct trace_raw_print, ip), 8, false },
	{ "char", "buf", "[]", offsetof(struct trace_raw_print, buf), 0, true },
};

/* The name of a print record is that of the function that wrote it. */
static int print_text(char *buf, size_t size, const void *rec)
{
	const struct trace_raw_print *r = rec;

	return scnprintf(buf, size, "%s", r->buf);
}

struct trace_event_call trace_event_print = {
	.system = "ftrace",
	.name = "print",
	.id = TRACE_PRINT_ID,
	.fields = print_fields,
	.nr_fields = ARRAY_SIZE(print_fields),
	.print = print_text,
	.print_fmt = "TP_printk(\"%ps: %s\", (void *)REC->ip, REC->buf)",
};

bool trace_mark(unsigned long ip, const char *text)
{
	size_t len = min(strlen(text), (size_t)RING_MAX_BYTES - sizeof(struct trace_raw_print) - 1);
	struct trace_reserve r;
	struct trace_raw_print *rec =
		trace_event_reserve(&r, &trace_event_print, sizeof(*rec) + len + 1);

	if (!rec)
		return false;
	rec->ip = ip;
	memcpy(rec->buf, text, len);
	rec->buf[len] = '\0';
	trace_event_commit(&r);
	return true;
}

/* ---- the list ---- */

struct trace_event_call *trace_event_of(unsigned int id)
{
	if (id == TRACE_PRINT_ID)
		return &trace_event_print;
	if (id < FIRST_EVENT_ID || id - FIRST_EVENT_ID >= __trace_events_end - __trace_events_start)
		return NULL;
	return __trace_events_start[id - FIRST_EVENT_ID];
}

int trace_enable_event(struct trace_event_call *call, bool on)
{
	int err = on ? trace_expand() : 0;

	if (err || call->enabled == on)
		return err;
	WRITE_ONCE(call->enabled, on);
	if (call->changed)
		call->changed();
	return 0;
}

/* * is any text, ? any character; an empty pattern or NULL is everything. */
static bool glob_match(const char *pat, const char *s)
{
	const char *star = NULL, *again = NULL;

	if (!pat || !*pat)
		return true;
	while (*s) {
		if (*pat == '*') {
			star = pat++;
			again = s;
		} else if (*pat == '?' || *pat == *s) {
			pat++;
			s++;
		} else if (star) {
			pat = star + 1;
			s = ++again;
		} else {
			return false;
		}
	}
	while (*pat == '*')
		pat++;
	return !*pat;
}

int trace_set_events(const char *pattern, bool on)
{
	struct trace_event_call *const *p;
	char sys[64];
	const char *name = strchr(pattern, ':');
	int err = -EINVAL, one;

	if (!*pattern || strlen(pattern) >= sizeof(sys))
		return -EINVAL;
	strscpy(sys, pattern, sizeof(sys));
	if (name)
		sys[name++ - pattern] = '\0';
	for_each_event(p)
	{
		struct trace_event_call *call = *p;
		bool match = name ? glob_match(sys, call->system) && glob_match(name, call->name)
				  : glob_match(sys, call->system) || glob_match(sys, call->name);

		if (!match)
			continue;
		one = trace_enable_event(call, on);
		if (err == -EINVAL || one)
			err = one;
	}
	return err;
}

/* ---- boot ---- */

static void boot_buffer_size(void)
{
	char text[32], *end;
	unsigned long long size;

	if (!cmdline_get("trace_buf_size", text, sizeof(text)))
		return;
	size = memparse(text, &end);
	if (end == text || *end || size < RING_MIN_SIZE || size > 1UL << 40) {
		pr_warn("trace_buf_size=%s: not a size from 4096 bytes to 1T; %lu KiB it is\n",
			text, trace_buffer_size >> 10);
		return;
	}
	trace_buffer_size = PAGE_ALIGN(size);
}

static int trace_events_init(void)
{
	struct trace_event_call *const *p;
	char text[512], *rest = text, *word;
	unsigned int id = FIRST_EVENT_ID;

	for_each_event(p)(*p)->id = id++;
	boot_buffer_size();
	if (!cmdline_get("trace_event", text, sizeof(text)))
		return 0;
	guard(mutex)(&event_mutex);
	while ((word = strsep(&rest, ",")) != NULL) {
		int err = *word ? trace_set_events(word, true) : 0;

		if (err)
			pr_warn("trace_event=%s: %s\n", word,
				err == -ENOMEM ? "no memory for the buffers" : "no such event");
	}
	return 0;
}
subsys_initcall(trace_events_init);
