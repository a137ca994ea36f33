/*
 * Trace events: places in the kernel that tell, when asked, what happens there.
 *
 * 1. TRACE_EVENT(name, ...) declares the function trace_NAME(), which the place calls, and a descriptor: system, name,
 *    number, the fields of the record and how it is printed. The headers kernel/trace/{kmem,sched,exceptions}.h
 *    hold all events; kernel/trace/points.c includes them with CREATE_TRACE_POINTS and so defines what others see declared.
 * 2. Off, an event is one byte that is tested and a branch that is predicted not taken. No text is patched (Linux's jump
 *    labels): the text is read-only, patching it needs a writable alias and an interrupt to all CPUs, and the two events
 *    of each of the two hottest paths cost nothing at all, because they hang behind a word that is tested there anyway
 *    (slab_debug_hooks, page_debug).
 * 3. On, the function reserves room in this CPU's ring buffer, fills the record in place and commits it, with interrupts
 *    off from the first to the last (kernel/trace/ring_buffer.h). So it may be called from any context that is not an NMI,
 *    under any lock: it takes none, never allocates, and never sleeps.
 * 4. A record begins with struct trace_entry, then the fields as C lays a struct out, then the text of its strings. That
 *    layout is what events/SYSTEM/NAME/format describes to programs.
 *
 * How to declare one:
 *
 *	TRACE_EVENT(kfree,
 *		    TP_PROTO(unsigned long call_site, const void *ptr), TP_ARGS(call_site, ptr),
 *		    TP_FIELDS((field, unsigned long, call_site), (field, const void *, ptr)),
 *		    TP_fast_assign(__entry->call_site = call_site; __entry->ptr = ptr;),
 *		    TP_printk("call_site=%pS ptr=%p", (void *)REC->call_site, REC->ptr))
 *
 * Kinds of fields: (field, type, name), (array, type, name, length), (string, name, text: a C string of any length).
 *
 * Mirrors Linux include/linux/{tracepoint,trace_events}.h and include/trace/. Exercised by the trace suite
 * (tests/kernel/trace.c) and tests/user/tracefs.c; docs/tracing.md explains the files.
 */
#pragma once

#include "lib/types.h"

/* What every record begins with. Linux's layout: programs know it. */
struct trace_entry {
	u16 type;	  /* number of the event */
	u8 flags;	  /* TRACE_FLAG_* */
	u8 preempt_count; /* always 0: the kernel is not preempted */
	int pid;
};
#define TRACE_FLAG_IRQS_OFF	0x01
#define TRACE_FLAG_NEED_RESCHED 0x04
#define TRACE_FLAG_HARDIRQ	0x08

struct trace_field {
	const char *type, *name;
	const char *dims; /* "[16]" or "" */
	u16 offset, size;
	bool is_signed;
};

struct trace_event_call {
	bool enabled; /* event_mutex for writing; read by everybody */
	u16 id;	      /* - once booted */
	u16 nr_fields;
	const char *system, *name;
	const struct trace_field *fields;
	/* The text behind "name: "; => trace_print_mutex */
	int (*print)(char *buf, size_t size, const void *rec);
	const char *print_fmt; /* source of the above: TP_printk(...) */
	void (*changed)(void); /* enabled has changed; may be NULL. => event_mutex */
};

/* A reservation: from trace_event_reserve() to trace_event_commit(). */
struct trace_reserve {
	void *slot;
	unsigned long irqflags;
};

/*
 * Room for a record of len bytes with its struct trace_entry filled; interrupts are off until the commit. NULL: tracing is
 * off, or the record is lost (and counted); then there is nothing to commit. => any context but NMI
 */
void *trace_event_reserve(struct trace_reserve *r, const struct trace_event_call *call, size_t len);
void trace_event_commit(struct trace_reserve *r);

/* Longest text that a string field keeps, and its length with the NUL. */
#define TRACE_STRING_MAX 256
size_t trace_string_size(const char *s);
/* Puts the text at offset *at of the record; the word for its field. => reserved for it */
u32 trace_put_string(void *rec, u32 *at, const char *s);

/* ---- the macro ---- */

#define TP_PROTO(...)	    __VA_ARGS__
#define TP_ARGS(...)	    __VA_ARGS__
#define TP_FIELDS(...)	    __VA_ARGS__
#define TP_fast_assign(...) __VA_ARGS__
#define TP_printk(fmt, ...) scnprintf(buf, size, fmt, ##__VA_ARGS__)

#ifdef QUIRE_HOSTED /* parts of the kernel in a test on the host: nobody traces there */

#define TRACE_EVENT(event, proto, args, fields, assign, print)    \
	static __always_inline void trace_##event(proto)          \
	{                                                         \
	}                                                         \
	static __always_inline bool trace_##event##_enabled(void) \
	{                                                         \
		return false;                                     \
	}

#elif !defined(CREATE_TRACE_POINTS)

#define TRACE_EVENT(event, proto, args, fields, assign, print)           \
	extern struct trace_event_call trace_event_##event;              \
	void __trace_##event(proto);                                     \
	static __always_inline bool trace_##event##_enabled(void)        \
	{                                                                \
		return unlikely(READ_ONCE(trace_event_##event.enabled)); \
	}                                                                \
	static __always_inline void trace_##event(proto)                 \
	{                                                                \
		if (trace_##event##_enabled())                           \
			__trace_##event(args);                           \
	}

#else

/* EACH(m, ev, t1, t2 ...): m(ev, what is in t1) m(ev, what is in t2) ..., for up to eight tuples. */
#define __TP_OPEN(...)				  __VA_ARGS__
#define __TP_E1(m, ev, t)			  m(ev, __TP_OPEN t)
#define __TP_E2(m, ev, t, ...)			  m(ev, __TP_OPEN t) __TP_E1(m, ev, __VA_ARGS__)
#define __TP_E3(m, ev, t, ...)			  m(ev, __TP_OPEN t) __TP_E2(m, ev, __VA_ARGS__)
#define __TP_E4(m, ev, t, ...)			  m(ev, __TP_OPEN t) __TP_E3(m, ev, __VA_ARGS__)
#define __TP_E5(m, ev, t, ...)			  m(ev, __TP_OPEN t) __TP_E4(m, ev, __VA_ARGS__)
#define __TP_E6(m, ev, t, ...)			  m(ev, __TP_OPEN t) __TP_E5(m, ev, __VA_ARGS__)
#define __TP_E7(m, ev, t, ...)			  m(ev, __TP_OPEN t) __TP_E6(m, ev, __VA_ARGS__)
#define __TP_E8(m, ev, t, ...)			  m(ev, __TP_OPEN t) __TP_E7(m, ev, __VA_ARGS__)
#define __TP_PICK(a, b, c, d, e, f, g, h, n, ...) n
#define __TP_EACH(m, ev, ...)                                                                 \
	__TP_PICK(__VA_ARGS__, __TP_E8, __TP_E7, __TP_E6, __TP_E5, __TP_E4, __TP_E3, __TP_E2, \
		  __TP_E1, )                                                                  \
	(m, ev, __VA_ARGS__)

/* What a tuple becomes: a member, bytes behind the record, code that copies them there, a description. */
#define __TP_DECL(ev, ...)	       __TP_DECL_(ev, __VA_ARGS__)
#define __TP_DECL_(ev, kind, ...)      __TP_DECL_##kind(__VA_ARGS__)
#define __TP_DECL_field(type, name)    type name;
#define __TP_DECL_array(type, name, n) type name[n];
#define __TP_DECL_string(name, text)   u32 __data_loc_##name;

#define __TP_SIZE(ev, ...)	  __TP_SIZE_(ev, __VA_ARGS__)
#define __TP_SIZE_(ev, kind, ...) __TP_SIZE_##kind(__VA_ARGS__)
#define __TP_SIZE_field(type, name)
#define __TP_SIZE_array(type, name, n)
#define __TP_SIZE_string(name, text) +trace_string_size(text)

#define __TP_TEXT(ev, ...)	  __TP_TEXT_(ev, __VA_ARGS__)
#define __TP_TEXT_(ev, kind, ...) __TP_TEXT_##kind(__VA_ARGS__)
#define __TP_TEXT_field(type, name)
#define __TP_TEXT_array(type, name, n)
#define __TP_TEXT_string(name, text) \
	__entry->__data_loc_##name = trace_put_string(__entry, &__at, text);

#define __TP_IS_SIGNED(type)	  (((type)(-1)) < (type)1)
#define __TP_INFO(ev, ...)	  __TP_INFO_(ev, __VA_ARGS__)
#define __TP_INFO_(ev, kind, ...) __TP_INFO_##kind(ev, __VA_ARGS__)
#define __TP_INFO_field(ev, t, n)                       \
	{ .type = #t,                                   \
	  .name = #n,                                   \
	  .dims = "",                                   \
	  .offset = offsetof(struct trace_raw_##ev, n), \
	  .size = sizeof(t),                            \
	  .is_signed = __TP_IS_SIGNED(t) },
#define __TP_INFO_array(ev, t, n, len)                  \
	{ .type = #t,                                   \
	  .name = #n,                                   \
	  .dims = "[" #len "]",                         \
	  .offset = offsetof(struct trace_raw_##ev, n), \
	  .size = sizeof(t) * (len),                    \
	  .is_signed = __TP_IS_SIGNED(t) },
#define __TP_INFO_string(ev, n, text)                                \
	{ .type = "__data_loc char[]",                               \
	  .name = #n,                                                \
	  .dims = "",                                                \
	  .offset = offsetof(struct trace_raw_##ev, __data_loc_##n), \
	  .size = 4,                                                 \
	  .is_signed = true },

/* The text of a string field of REC, for TP_printk(). */
#define __get_str(name) ((const char *)REC + (REC->__data_loc_##name & 0xffff))

#define TRACE_EVENT(event, proto, args, fields_, assign, print_)                                \
	struct trace_raw_##event {                                                              \
		struct trace_entry ent;                                                         \
		__TP_EACH(__TP_DECL, event, fields_)                                            \
	};                                                                                      \
	static const struct trace_field trace_fields_##event[] = { __TP_EACH(__TP_INFO, event,  \
									     fields_) };        \
	static int trace_print_##event(char *buf, size_t size, const void *rec)                 \
	{                                                                                       \
		const struct trace_raw_##event *REC = rec;                                      \
		return print_;                                                                  \
	}                                                                                       \
	struct trace_event_call trace_event_##event = {                                         \
		.system = TRACE_SYSTEM,                                                         \
		.name = #event,                                                                 \
		.fields = trace_fields_##event,                                                 \
		.nr_fields = ARRAY_SIZE(trace_fields_##event),                                  \
		.print = trace_print_##event,                                                   \
		.print_fmt = #print_,                                                           \
		.changed = TRACE_CHANGED,                                                       \
	};                                                                                      \
	static struct trace_event_call *const trace_event_ptr_##event __used __section(         \
		".trace_events") = &trace_event_##event;                                        \
	void __trace_##event(proto);                                                            \
	void __trace_##event(proto)                                                             \
	{                                                                                       \
		struct trace_reserve __r;                                                       \
		u32 __at = sizeof(struct trace_raw_##event);                                    \
		struct trace_raw_##event *__entry = trace_event_reserve(                        \
			&__r, &trace_event_##event, __at __TP_EACH(__TP_SIZE, event, fields_)); \
		if (!__entry)                                                                   \
			return;                                                                 \
		(void)__at;                                                                     \
		__TP_EACH(__TP_TEXT, event, fields_)                                            \
		assign;                                                                         \
		trace_event_commit(&__r);                                                       \
	}

#endif
