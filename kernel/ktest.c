/*
 * Runs the in-kernel test suites and leaves QEMU with the verdict.
 *
 * Suites stand in a linker section in link order. lib/ktap.c prints the protocol and says which
 * cases were chosen; its lines go straight to the consoles, whatever the log level is. Random
 * numbers of a case depend on the seed of the run and the case's name, so one case alone gets the
 * same ones as in the full run.
 *
 * Mirrors Linux lib/kunit/{test,executor}.c. Exercised by itself: every boot of `make test`.
 */
#include "kernel/ktest.h"

#include "arch/x86/reboot.h"
#include "arch/x86/tsc.h"
#include "kernel/params.h"
#include "kernel/printk.h"
#include "kernel/spinlock.h"
#include "lib/ktap.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/kfence.h"
#include "mm/debug/kmemleak.h"

extern const struct ktest_suite __ktest_suites_start[], __ktest_suites_end[];

#define EXIT_PASS 0x10
#define EXIT_FAIL 0x11

static struct ktap report;
static DEFINE_SPINLOCK(report_lock); /* other threads of a case print too */

static void out(void *priv, const char *line)
{
	console_write_raw(line, strlen(line));
}

void ktest_info(struct ktest *t, const char *fmt, ...)
{
	va_list args;

	guard(spinlock_irqsave)(&report_lock);
	va_start(args, fmt);
	ktap_vdiag(&report, fmt, args);
	va_end(args);
}

void ktest_fail(struct ktest *t, const char *file, int line, const char *fmt, ...)
{
	char text[240];
	va_list args;

	va_start(args, fmt);
	vscnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	guard(spinlock_irqsave)(&report_lock);
	t->failed = true;
	ktap_diag(&report, "%s: %s:%d: %s", t->name, file, line, text);
}

void ktest_skip(struct ktest *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(t->reason, sizeof(t->reason), fmt, args);
	va_end(args);
	t->skipped = true;
}

bool __ktest_streq(struct ktest *t, const char *file, int line, const char *ea, const char *a,
		   const char *eb, const char *b)
{
	if (a && b && !strcmp(a, b))
		return true;
	ktest_fail(t, file, line, "%s == %s: \"%s\" == \"%s\"", ea, eb, a ? a : "(null)",
		   b ? b : "(null)");
	return false;
}

u64 ktest_random(struct ktest *t)
{
	u64 z = t->rnd += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static u64 seed_for(u64 seed, const char *name)
{
	for (; *name; name++)
		seed = seed * 1099511628211ULL + (u8)*name;
	return seed;
}

/* ---- kmemleak=on: a case more at the end of each suite ---- */

#define LEAK_CASE   "kmemleak_finds_nothing"
#define LEAK_ROUNDS 6 /* searches until the last thread, callback and work item has ended */

static bool leaks_wanted;

static void leak_line(void *arg, const char *line)
{
	ktap_diag(&report, "%.*s", (int)strcspn(line, "\n"), line);
}

static void check_leaks(const struct ktest_suite *s, u64 seed)
{
	char repeat[160], clear[] = "clear";
	unsigned int found = kmemleak_check(LEAK_ROUNDS, leak_line, NULL);
	bool ok = !found && kmemleak_enabled;

	if (!ok)
		ktap_diag(&report, "%u leaks%s; with kmemleak=on, repeat with: %s", found,
			  kmemleak_enabled ? "" : ", kmemleak has switched itself off",
			  ktap_repeat_command(repeat, sizeof(repeat), s->name, NULL, seed));
	if (found)
		kmemleak_command(clear); /* the next suite has its own */
	ktap_result(&report, ok, LEAK_CASE, NULL);
}

static unsigned int count_chosen(const char *list, const struct ktest_suite *s)
{
	const struct ktest_case *c;
	unsigned int n = 0;

	for (c = s->cases; c->run; c++)
		n += ktap_selected(list, s->name, c->name);
	return n;
}

static void run_case(const struct ktest_suite *s, const struct ktest_case *c, u64 seed)
{
	struct ktest t = {
		.suite = s->name, .name = c->name, .seed = seed, .rnd = seed_for(seed, c->name)
	};
	char repeat[160];

	c->run(&t);
	if (t.failed)
		ktap_diag(&report, "repeat with: %s",
			  ktap_repeat_command(repeat, sizeof(repeat), s->name, c->name, seed));
	ktap_result(&report, !t.failed, c->name, t.skipped && !t.failed ? t.reason : NULL);
}

static void run_suite(const char *list, const struct ktest_suite *s, u64 seed)
{
	const struct ktest_case *c;
	int err;

	ktap_open(&report, s->name, count_chosen(list, s) + leaks_wanted);
	err = s->init ? s->init() : 0;
	if (err)
		ktap_diag(&report, "%s: init failed: %d", s->name, err);
	for (c = s->cases; c->run; c++) {
		if (!ktap_selected(list, s->name, c->name))
			continue;
		if (err)
			ktap_result(&report, false, c->name, NULL);
		else
			run_case(s, c, seed);
	}
	if (!err && s->exit)
		s->exit();
	if (leaks_wanted)
		check_leaks(s, seed);
	ktap_close(&report, s->name);
}

/* Entries of the list that choose no case; each is named. A typo must not hide a suite. */
static unsigned int count_unknown(const char *list)
{
	const struct ktest_suite *s;
	unsigned int unknown = 0;

	while (*list) {
		size_t n = strcspn(list, ",");
		unsigned int chosen = 0;
		char one[96];

		strscpy(one, list, min(n + 1, sizeof(one)));
		for (s = __ktest_suites_start; s < __ktest_suites_end; s++)
			chosen += count_chosen(one, s);
		if (!chosen) {
			printk(KERN_ERR "selftest=%s names no suite\n", one);
			unknown++;
		}
		list += n;
		list += *list == ',';
	}
	return unknown;
}

int ktest_run_from_cmdline(void)
{
	const struct ktest_suite *s;
	unsigned int suites = 0, failed;
	char list[256] = "";
	u64 seed;

	if (!cmdline_has("selftest"))
		return 0;
	cmdline_get("selftest", list, sizeof(list));
	kfence_pause_for_tests();
	leaks_wanted = kmemleak_enabled;
	seed = cmdline_get_ulong("selftest_seed", rdtsc() & 0x7fffffff);
	for (s = __ktest_suites_start; s < __ktest_suites_end; s++)
		suites += count_chosen(list, s) != 0;
	ktap_init(&report, out, NULL);
	ktap_plan(&report, suites);
	ktap_diag(&report, "selftest_seed=%llu", seed);
	for (s = __ktest_suites_start; s < __ktest_suites_end; s++)
		if (count_chosen(list, s))
			run_suite(list, s, seed);
	failed = ktap_finish(&report) + count_unknown(list);
	qemu_exit(failed ? EXIT_FAIL : EXIT_PASS);
	return failed;
}
