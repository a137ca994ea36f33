/*
 * The kernel command line: words, some of the form name=value, split at blanks; "quotes" keep
 * blanks inside a value.
 *
 * 1. early_param handlers run once, in the order of the line, before there is any memory to
 *    allocate from.
 * 2. Everybody else asks for a value by name when he needs it; if a name comes twice the last one
 *    counts. '-' and '_' in names are the same.
 * 3. Words after "--" belong to init, and are neither.
 *
 * Mirrors Linux kernel/params.c. Exercised by tests/boot.
 */
#include "kernel/params.h"

#include "kernel/printk.h"
#include "lib/printf.h"
#include "lib/string.h"

extern const struct early_param __early_params_start[], __early_params_end[];

/*
 * Next word at *@pos: name is copied to @name, value (without quotes) to @value if there is one;
 * *pos moves behind it. False at the end. What does not fit is cut.
 */
static bool next_word(const char **pos, char *name, size_t nlen, char *value, size_t vlen,
		      bool *has_value)
{
	const char *p = skip_spaces(*pos);
	size_t n = 0, v = 0;
	bool quoted = false, in_value = false;

	if (!*p)
		return false;
	for (; *p && (quoted || !isspace(*p)); p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (*p == '=' && !in_value)
			in_value = true;
		else if (!in_value && n + 1 < nlen)
			name[n++] = *p;
		else if (in_value && v + 1 < vlen)
			value[v++] = *p;
	}
	name[n] = '\0';
	if (vlen)
		value[v] = '\0';
	*has_value = in_value;
	*pos = p;
	return true;
}

static bool name_eq(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

void __init parse_early_params(const char *cmdline)
{
	char name[64], value[256];
	bool has_value;

	while (next_word(&cmdline, name, sizeof(name), value, sizeof(value), &has_value)) {
		const struct early_param *ep;

		if (!strcmp(name, "--") && !has_value)
			break;
		for (ep = __early_params_start; ep < __early_params_end; ep++) {
			if (!name_eq(name, ep->name))
				continue;
			if (ep->fn(has_value ? value : NULL))
				pr_warn("Malformed early option '%s'\n", name);
		}
	}
}

/* Last occurrence of @name; false if absent. buf may be NULL with len 0. */
static bool lookup(const char *name, char *buf, size_t len, bool *has_value)
{
	const char *pos = boot_command_line;
	char word[64], value[512];
	bool found = false, hv;

	while (next_word(&pos, word, sizeof(word), value, sizeof(value), &hv)) {
		if (!strcmp(word, "--") && !hv)
			break;
		if (!name_eq(word, name))
			continue;
		found = true;
		*has_value = hv;
		if (len)
			strscpy(buf, value, len);
	}
	return found;
}

bool cmdline_get(const char *name, char *buf, size_t len)
{
	bool has_value;

	return lookup(name, buf, len, &has_value);
}

bool cmdline_has(const char *name)
{
	bool has_value;

	return lookup(name, NULL, 0, &has_value);
}

unsigned long cmdline_get_ulong(const char *name, unsigned long def)
{
	char buf[64], *end;
	unsigned long v;

	if (!cmdline_get(name, buf, sizeof(buf)) || !buf[0])
		return def;
	v = memparse(buf, &end);
	return *end ? def : v;
}

bool cmdline_get_bool(const char *name, bool def)
{
	char buf[16];
	bool has_value, v;

	if (!lookup(name, buf, sizeof(buf), &has_value))
		return def;
	if (!has_value)
		return true;
	return kstrtobool(buf, &v) ? def : v;
}
