/*
 * UBSAN: what C leaves undefined and the kernel must not do, seen while it runs.
 *
 * 1. In a UBSAN=1 kernel the compiler tests, where it matters, each index of an array whose size it knows, each count of a
 *    shift, each divisor, each bool and enum that is read, and marks places that cannot be reached. If a test fails it calls
 *    a handler here with a description of the place, and the values. Signed overflow is not tested: the kernel is
 *    compiled with -fwrapv, so it is defined.
 * 2. A report in Linux's layout, once for each place: the description is marked.
 *
 *	UBSAN: array-index-out-of-bounds in tests/kernel/ubsan.c:31:9
 *	index 5 is out of range for type 'int [4]'
 *
 *    The kernel goes on with whatever the processor makes of it, tainted. ubsan.fault=panic: it does not (tests).
 * 3. The layout of the descriptions is the compilers', the same for gcc and clang.
 *
 * Locks: the report's own (oops_begin). Mirrors Linux lib/ubsan.c. Exercised by the ubsan suite (tests/kernel/ubsan.c).
 */
#include "kernel/bug.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/debug_internal.h"
#include "mm/debug/ubsan.h"

struct source {
	const char *file;
	u32 line;
	u32 column; /* REPORTED: seen */
};

struct type_descriptor {
	u16 kind; /* TYPE_INTEGER or else */
	u16 info; /* of an integer: bit 0 signed, above it the binary logarithm of its bits */
	char name[];
};

enum { TYPE_INTEGER = 0 };

struct out_of_bounds_data {
	struct source source;
	const struct type_descriptor *array, *index;
};
struct shift_data {
	struct source source;
	const struct type_descriptor *left, *right;
};
struct overflow_data {
	struct source source;
	const struct type_descriptor *type;
};
struct unreachable_data {
	struct source source;
};
struct invalid_value_data {
	struct source source;
	const struct type_descriptor *type;
};

#define REPORTED BIT(31)

static bool fault_panics;

static int __init param_fault(char *value)
{
	return param_report_or_panic("ubsan.fault", value, &fault_panics);
}
early_param("ubsan.fault", param_fault);

bool ubsan_save_fault_report(void)
{
	return __atomic_exchange_n(&fault_panics, false, __ATOMIC_RELAXED);
}

void ubsan_restore_fault(bool panic)
{
	WRITE_ONCE(fault_panics, panic);
}

/* ---- values ---- */

static bool is_signed(const struct type_descriptor *t)
{
	return t->kind == TYPE_INTEGER && (t->info & 1);
}

static unsigned int bits_of(const struct type_descriptor *t)
{
	return 1U << (t->info >> 1);
}

/* Up to 64 bits stand in the argument itself, wider ones behind it. */
static s64 value_of(const struct type_descriptor *t, const void *value)
{
	unsigned int unused;

	if (bits_of(t) > 64)
		return *(const s64 *)value;
	unused = 64 - bits_of(t);
	if (is_signed(t))
		return (s64)((u64)(unsigned long)value << unused) >> unused;
	return (s64)((u64)(unsigned long)value << unused >> unused);
}

static void value_text(char *buf, size_t size, const struct type_descriptor *t, const void *value)
{
	s64 v;

	if (t->kind != TYPE_INTEGER) {
		scnprintf(buf, size, "?");
		return;
	}
	v = value_of(t, value);
	if (is_signed(t))
		scnprintf(buf, size, "%lld", v);
	else
		scnprintf(buf, size, "%llu", (u64)v);
}

/* ---- the report ---- */

/* True the first time for this place. */
static bool first_time(struct source *s)
{
	return !(__atomic_fetch_or(&s->column, REPORTED, __ATOMIC_RELAXED) & REPORTED);
}

static unsigned long start_report(const struct source *s, const char *kind)
{
	unsigned long flags = oops_begin();

	pr_err("================================================================================"
	       "\n");
	pr_err("UBSAN: %s in %s:%u:%u\n", kind, s->file, s->line, s->column & ~(u32)REPORTED);
	return flags;
}

static void end_report(unsigned long flags)
{
	dump_stack();
	pr_err("================================================================================"
	       "\n");
	add_taint(TAINT_WARN);
	if (READ_ONCE(fault_panics))
		panic("ubsan.fault=panic set ...");
	oops_end(flags);
}

/* ---- what the compiler calls ---- */

void __ubsan_handle_out_of_bounds(struct out_of_bounds_data *d, void *index);
void __ubsan_handle_out_of_bounds(struct out_of_bounds_data *d, void *index)
{
	unsigned long flags;
	char text[32];

	if (!first_time(&d->source))
		return;
	flags = start_report(&d->source, "array-index-out-of-bounds");
	value_text(text, sizeof(text), d->index, index);
	pr_err("index %s is out of range for type %s\n", text, d->array->name);
	end_report(flags);
}

void __ubsan_handle_shift_out_of_bounds(struct shift_data *d, void *left, void *right);
void __ubsan_handle_shift_out_of_bounds(struct shift_data *d, void *left, void *right)
{
	s64 count = value_of(d->right, right);
	char l[32], r[32];
	unsigned long flags;

	if (!first_time(&d->source))
		return;
	flags = start_report(&d->source, "shift-out-of-bounds");
	value_text(l, sizeof(l), d->left, left);
	value_text(r, sizeof(r), d->right, right);
	if (is_signed(d->right) && count < 0)
		pr_err("shift exponent %s is negative\n", r);
	else if (count >= bits_of(d->left))
		pr_err("shift exponent %s is too large for %u-bit type %s\n", r, bits_of(d->left),
		       d->left->name);
	else if (is_signed(d->left) && value_of(d->left, left) < 0)
		pr_err("left shift of negative value %s\n", l);
	else
		pr_err("left shift of %s by %s places cannot be represented in type %s\n", l, r,
		       d->left->name);
	end_report(flags);
}

void __ubsan_handle_divrem_overflow(struct overflow_data *d, void *left, void *right);
void __ubsan_handle_divrem_overflow(struct overflow_data *d, void *left, void *right)
{
	unsigned long flags;
	char text[32];

	if (!first_time(&d->source))
		return;
	flags = start_report(&d->source, "division-overflow");
	value_text(text, sizeof(text), d->type, left);
	if (is_signed(d->type) && value_of(d->type, right) == -1)
		pr_err("division of %s by -1 cannot be represented in type %s\n", text,
		       d->type->name);
	else
		pr_err("division by zero\n");
	end_report(flags);
}

void __ubsan_handle_load_invalid_value(struct invalid_value_data *d, void *value);
void __ubsan_handle_load_invalid_value(struct invalid_value_data *d, void *value)
{
	unsigned long flags;
	char text[32];

	if (!first_time(&d->source))
		return;
	flags = start_report(&d->source, "invalid-load");
	value_text(text, sizeof(text), d->type, value);
	pr_err("load of value %s is not a valid value for type %s\n", text, d->type->name);
	end_report(flags);
}

void __ubsan_handle_builtin_unreachable(struct unreachable_data *d) __noreturn;
void __ubsan_handle_builtin_unreachable(struct unreachable_data *d)
{
	end_report(start_report(&d->source, "unreachable"));
	panic("can't return from %s", __func__);
}
