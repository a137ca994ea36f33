/*
 * Test results in KTAP version 1 (Linux's Documentation/dev-tools/ktap.rst): the protocol and the
 * choice of tests.
 *
 * The suites, cases and EXPECT macros are in kernel/ktest.h; kernel/ktest.c in the kernel and
 * tests/host/lib_host.c on the host run them and print through this. A report nests: ktap_open()
 * begins a subtest with its plan, ktap_close() ends it with one result line a level up, which fails
 * when anything inside failed.
 *
 *	ktap_init(&k, out, priv); ktap_plan(&k, 1);
 *	ktap_open(&k, "list", 2); ktap_result(&k, true, "add", NULL);
 *	ktap_result(&k, false, "del", NULL);
 *	ktap_close(&k, "list");
 * prints
 *	KTAP version 1
 *	1..1
 *	    KTAP version 1
 *	    # Subtest: list
 *	    1..2
 *	    ok 1 add
 *	    not ok 2 del
 *	not ok 1 list
 *
 * Mirrors the output half of Linux's lib/kunit/test.c. Exercised by tests/kernel/lib_printf.c.
 */
#ifndef LIB_KTAP_H
#define LIB_KTAP_H

#include "lib/types.h"

#define KTAP_DEPTH 4

struct ktap {
	void (*out)(void *priv, const char *line); /* one whole line, newline included */
	void *priv;
	unsigned int depth;
	struct {
		unsigned int planned, passed, failed, skipped;
	} level[KTAP_DEPTH];
};

void ktap_init(struct ktap *k, void (*out)(void *priv, const char *line), void *priv);
/* The version line and "1..n"; ktap_init() stands at the top level. */
void ktap_plan(struct ktap *k, unsigned int n);
/* A subtest of @n cases; at most KTAP_DEPTH levels. */
void ktap_open(struct ktap *k, const char *name, unsigned int n);
/* One case. @skip: NULL, or why it did not run (counts as passed). */
void ktap_result(struct ktap *k, bool ok, const char *name, const char *skip);
/*
 * Ends the subtest; true when all of it passed, that is nothing failed and as many cases ran as
 * planned.
 */
bool ktap_close(struct ktap *k, const char *name);
/* "# ..." at the present level; lines are cut at 400 bytes. */
void ktap_diag(struct ktap *k, const char *fmt, ...) __printf(2, 3);
void ktap_vdiag(struct ktap *k, const char *fmt, va_list args) __printf(2, 0);
/* Closes the report with "# Totals: pass:P fail:F skip:S total:T" of the top level; returns F. */
unsigned int ktap_finish(struct ktap *k);

/*
 * Does @list choose this suite, or this case of it? @list is words between commas, SUITE or
 * SUITE.CASE; NULL, "", "all" and "1" choose everything. With @test NULL: is anything of the suite
 * chosen?
 */
bool ktap_selected(const char *list, const char *suite, const char *test);
/* The command that repeats a failed case, for a diagnostic line. Returns @buf. */
const char *ktap_repeat_command(char *buf, size_t size, const char *suite, const char *test,
				u64 seed);

#endif /* LIB_KTAP_H */
