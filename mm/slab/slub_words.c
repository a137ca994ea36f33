/*
 * The command line's words for slab.
 *
 *	slub_debug=[letters][,cache...][;[letters][,cache...]]...   debugging; cache may end in *
 *	slub_min_order=N slub_max_order=N slub_min_objects=N        how large slabs are
 *	slab_nomerge, slub_nomerge                                  each cache stands alone
 *
 * 1. Letters: F consistency checks, Z red zones, P poison, U who allocated and freed, T a report for
 *    each step, O not for caches whose slabs would become larger by it, - nothing. No letters mean
 *    FZPU. A part without caches holds for all caches; parts with caches that name one win over it,
 *    the last of them over the others.
 * 2. Words are read before there is any allocator, so the text is copied; caches come later and look
 *    themselves up in it.
 * 3. What is wrong is refused with one line, and the default stays.
 *
 * Mirrors parse_slub_debug_flags() and its neighbours in Linux mm/slub.c. Exercised by
 * tests/boot/test_slab.py and the slab suite.
 */
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/stackdepot.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab_internal.h"

#define DEBUG_DEFAULT_FLAGS \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)

unsigned int slub_min_order, slub_max_order, slub_min_objects;
bool slab_nomerge, slub_debug_no_higher_order;

static int max_order_word = -1, min_objects_word = -1;
static char debug_text[200];	/* the parts, behind '='; shorter than what the parser cuts at */
static unsigned long debug_all; /* flags of the part that names no cache */

/* Flags of the letters at *p, which ends up behind them. Unknown letters are named if say. */
static unsigned long parse_letters(const char **p, bool say)
{
	unsigned long flags = 0;

	if (!**p || **p == ',' || **p == ';')
		return DEBUG_DEFAULT_FLAGS;
	for (; **p && **p != ',' && **p != ';'; ++*p) {
		switch (tolower(**p)) {
		case '-':
			flags = 0;
			break;
		case 'f':
			flags |= SLAB_CONSISTENCY_CHECKS;
			break;
		case 'z':
			flags |= SLAB_RED_ZONE;
			break;
		case 'p':
			flags |= SLAB_POISON;
			break;
		case 'u':
			flags |= SLAB_STORE_USER;
			break;
		case 't':
			flags |= SLAB_TRACE;
			break;
		case 'o':
			slub_debug_no_higher_order = true;
			break;
		default:
			if (say)
				pr_warn("slub_debug option '%c' unknown. skipped\n", **p);
		}
	}
	return flags;
}

static int __init param_slub_debug(char *value)
{
	const char *p = debug_text;

	if (value && strlen(value) >= sizeof(debug_text)) {
		pr_warn("slub_debug=%.20s...: longer than %zu characters; ignored\n", value,
			sizeof(debug_text) - 1);
		return 0;
	}
	strscpy(debug_text, value ? value : "", sizeof(debug_text));
	debug_all = 0;
	for (;;) {
		unsigned long flags;

		/* An empty block says nothing; a word without blocks says everything. */
		while (*p == ';')
			p++;
		if (!*p && p != debug_text)
			return 0;
		flags = parse_letters(&p, true);
		if (flags & SLAB_STORE_USER)
			stack_depot_request_early_init();
		if (*p != ',')
			debug_all = flags;
		p = strchrnul(p, ';');
		if (!*p++)
			return 0;
	}
}
early_param("slub_debug", param_slub_debug);

/* Does the list at p (",a,b*", up to a semicolon or the end) name the cache? */
static bool list_names(const char *p, const char *name)
{
	while (*p == ',') {
		const char *end = strpbrk(++p, ",;");
		size_t len = end ? (size_t)(end - p) : strlen(p);

		if (len && p[len - 1] == '*' ? !strncmp(name, p, len - 1)
					     : strlen(name) == len && !strncmp(name, p, len))
			return true;
		p += len;
	}
	return false;
}

unsigned long kmem_cache_flags(const char *name, unsigned long flags)
{
	unsigned long found = debug_all;
	const char *p = debug_text;

	while (*p) {
		unsigned long letters = parse_letters(&p, false);

		if (*p == ',' && list_names(p, name))
			found = letters;
		p = strchrnul(p, ';');
		if (*p)
			p++;
	}
	/* The leak detector's own objects: their stacks would be saved while a stack is being saved. */
	if (flags & SLAB_NOLEAKTRACE)
		found &= ~SLAB_STORE_USER;
	return flags | found;
}

/* ---- how large slabs are ---- */

static int parse_number(const char *word, const char *value, long min, long max, int *out)
{
	long n;

	if (!value || kstrtol(value, 0, &n) || n < min || n > max)
		pr_warn("%s=%s: not a number from %ld to %ld; ignored\n", word, value ? value : "",
			min, max);
	else
		*out = n;
	return 0;
}

static int __init param_min_order(char *value)
{
	return parse_number("slub_min_order", value, 0, MAX_PAGE_ORDER, (int *)&slub_min_order);
}
early_param("slub_min_order", param_min_order);

static int __init param_max_order(char *value)
{
	return parse_number("slub_max_order", value, 0, MAX_PAGE_ORDER, &max_order_word);
}
early_param("slub_max_order", param_max_order);

static int __init param_min_objects(char *value)
{
	return parse_number("slub_min_objects", value, 1, 32767, &min_objects_word);
}
early_param("slub_min_objects", param_min_objects);

static int __init param_nomerge(char *value)
{
	slab_nomerge = true;
	return 0;
}
early_param("slab_nomerge", param_nomerge);

static int __init param_slub_nomerge(char *value)
{
	return param_nomerge(value);
}
early_param("slub_nomerge", param_slub_nomerge);

/*
 * Machines with less than 768 MiB aim at 4 objects and order 1; larger ones at 16 and order 3, for
 * fewer trips to the buddy allocator.
 */
void __init slub_words_init(void)
{
	bool small = totalram_pages() < (768UL << (20 - PAGE_SHIFT));

	slub_min_objects = min_objects_word > 0 ? min_objects_word : small ? 4 : 16;
	slub_max_order = max_order_word >= 0 ? max_order_word : small ? 1 : 3;
	if (slub_min_order > slub_max_order) {
		if (max_order_word >= 0) {
			pr_warn("slub_min_order=%u: more than slub_max_order; %u\n", slub_min_order,
				slub_max_order);
			slub_min_order = slub_max_order;
		} else {
			slub_max_order = slub_min_order;
		}
	}
}
