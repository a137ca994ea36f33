/*
 * KTAP version 1 output; the contracts are in ktap.h.
 *
 * Mirrors the output half of Linux's lib/kunit/test.c. Exercised by tests/kernel/lib_printf.c.
 */
#include "lib/ktap.h"
#include "lib/printf.h"
#include "lib/string.h"

static void emit(struct ktap *k, const char *fmt, ...) __printf(2, 3);

static void emit(struct ktap *k, const char *fmt, ...)
{
	char line[448];
	va_list args;
	int n = scnprintf(line, sizeof(line), "%*s", (int)(4 * k->depth), "");

	va_start(args, fmt);
	n += vscnprintf(line + n, sizeof(line) - n - 1, fmt, args);
	va_end(args);
	line[n] = '\n';
	line[n + 1] = '\0';
	k->out(k->priv, line);
}

void ktap_init(struct ktap *k, void (*out)(void *priv, const char *line), void *priv)
{
	memset(k, 0, sizeof(*k));
	k->out = out;
	k->priv = priv;
}

void ktap_plan(struct ktap *k, unsigned int n)
{
	k->level[k->depth].planned = n;
	emit(k, "KTAP version 1");
	emit(k, "1..%u", n);
}

void ktap_open(struct ktap *k, const char *name, unsigned int n)
{
	if (k->depth + 1 < KTAP_DEPTH)
		k->depth++;
	memset(&k->level[k->depth], 0, sizeof(k->level[0]));
	k->level[k->depth].planned = n;
	emit(k, "KTAP version 1");
	emit(k, "# Subtest: %s", name);
	emit(k, "1..%u", n);
}

void ktap_result(struct ktap *k, bool ok, const char *name, const char *skip)
{
	__auto_type l = &k->level[k->depth];
	unsigned int number;

	if (skip)
		l->skipped++;
	else if (ok)
		l->passed++;
	else
		l->failed++;
	number = l->passed + l->failed + l->skipped;
	if (skip)
		emit(k, "ok %u %s # SKIP %s", number, name, skip);
	else
		emit(k, "%s %u %s", ok ? "ok" : "not ok", number, name);
}

bool ktap_close(struct ktap *k, const char *name)
{
	__auto_type l = &k->level[k->depth];
	bool ok = !l->failed && l->passed + l->skipped == l->planned;

	if (!l->failed && !ok)
		ktap_diag(k, "planned %u cases, ran %u", l->planned, l->passed + l->skipped);
	if (k->depth)
		k->depth--;
	ktap_result(k, ok, name, NULL);
	return ok;
}

void ktap_vdiag(struct ktap *k, const char *fmt, va_list args)
{
	char text[400];
	char *rest = text, *line;

	vscnprintf(text, sizeof(text), fmt, args);
	while ((line = strsep(&rest, "\n")))
		if (*line || rest)
			emit(k, "# %s", line);
}

void ktap_diag(struct ktap *k, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	ktap_vdiag(k, fmt, args);
	va_end(args);
}

unsigned int ktap_finish(struct ktap *k)
{
	__auto_type l = &k->level[0];

	k->depth = 0;
	emit(k, "# Totals: pass:%u fail:%u skip:%u total:%u", l->passed, l->failed, l->skipped,
	     l->passed + l->failed + l->skipped);
	return l->failed;
}

bool ktap_selected(const char *list, const char *suite, const char *test)
{
	size_t ns = strlen(suite);

	if (!list || !*list || streq(list, "all") || streq(list, "1"))
		return true;
	while (*list) {
		size_t n = strcspn(list, ",");

		if (n >= ns && !strncmp(list, suite, ns)) {
			const char *rest = list + ns;
			size_t left = n - ns;

			if (!left)
				return true;
			if (*rest == '.' && (!test || (strlen(test) == left - 1 &&
						       !strncmp(rest + 1, test, left - 1))))
				return true;
		}
		list += n;
		list += *list == ',';
	}
	return false;
}

const char *ktap_repeat_command(char *buf, size_t size, const char *suite, const char *test,
				u64 seed)
{
	scnprintf(buf, size, "make run CMDLINE=\"selftest=%s%s%s selftest_seed=%llu\"", suite,
		  test ? "." : "", test ? test : "", seed);
	return buf;
}
