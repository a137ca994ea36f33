/*
 * The suites of lib/ on the host, under the address and undefined-behaviour sanitizers. `make
 * host-tests` builds build/host/lib_host from this file and the sources named below;
 * `build/host/lib_host [SUITE,.. [SEED]]` runs it.
 *
 * Freed nodes go back to malloc at once, so a tree that looks at a node after giving it up is
 * caught; nodes that only readers may still see are first filled with junk. No C library header is
 * included: its types are not ours.
 */
// needs: lib/bitmap.c lib/errseq.c lib/hash.c lib/interval_tree.c lib/ktap.c lib/maple.c lib/maple_check.c lib/maple_store.c lib/node.c lib/printf.c lib/random.c lib/rbtree.c lib/scanf.c lib/sort.c lib/string.c lib/xarray.c lib/xarray_walk.c
#include "kernel/ktest.h"
#include "lib/ktap.h"
#include "lib/node.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "tests/kernel/lib_test.h"

#include "tests/kernel/lib_bitmap.c"
#include "tests/kernel/lib_errseq.c"
#include "tests/kernel/lib_list.c"
#include "tests/kernel/lib_maple.c"
#include "tests/kernel/lib_printf.c"
#include "tests/kernel/lib_rbtree.c"
#include "tests/kernel/lib_string.c"
#include "tests/kernel/lib_xarray.c"

void *malloc(size_t size);
void free(void *p);
long write(int fd, const void *buf, size_t n);
long time(long *t);

unsigned int lib_test_fail_one_in;
long lib_test_nodes;

static struct ktap report;
static struct rnd_state fail_rnd;

static void *host_alloc(size_t size, gfp_t gfp)
{
	void *p;

	if (lib_test_fail_one_in && !prandom_below(&fail_rnd, lib_test_fail_one_in))
		return NULL;
	p = malloc(size);
	memset(p, 0xa5, size);
	lib_test_nodes++;
	return p;
}

static void host_free(void *p, size_t size)
{
	memset(p, 0x5a, size);
	lib_test_nodes--;
	free(p);
}

static void host_out(void *priv, const char *line)
{
	if (write(1, line, strlen(line)) < 0)
		return;
}

void ktest_info(struct ktest *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	ktap_vdiag(&report, fmt, args);
	va_end(args);
}

void ktest_fail(struct ktest *t, const char *file, int line, const char *fmt, ...)
{
	char text[300];
	va_list args;

	va_start(args, fmt);
	vscnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!t->failed)
		ktap_diag(&report, "%s: failed at %s:%d\n%s\nrepeat with: lib_host %s %llu",
			  t->name, file, line, text, t->suite, t->seed);
	t->failed = true;
}

void ktest_skip(struct ktest *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(t->reason, sizeof(t->reason), fmt, args);
	va_end(args);
	t->skipped = true;
}

u64 ktest_random(struct ktest *t)
{
	u64 z = t->rnd += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	return z ^ z >> 29;
}

bool __ktest_streq(struct ktest *t, const char *file, int line, const char *ea, const char *a,
		   const char *eb, const char *b)
{
	if (streq(a, b))
		return true;
	ktest_fail(t, file, line, "%s == %s: \"%s\" and \"%s\"", ea, eb, a, b);
	return false;
}

static const struct ktest_suite *const suites[] = {
	&__ktest_suite_bitmap, &__ktest_suite_errseq, &__ktest_suite_list,   &__ktest_suite_maple,
	&__ktest_suite_printf, &__ktest_suite_rbtree, &__ktest_suite_string, &__ktest_suite_xarray,
};

static void run_suite(const struct ktest_suite *s, u64 seed)
{
	unsigned int n = 0;

	while (s->cases[n].name)
		n++;
	ktap_open(&report, s->name, n);
	for (const struct ktest_case *c = s->cases; c->name; c++) {
		struct ktest t = { .suite = s->name, .name = c->name, .seed = seed, .rnd = seed };
		long nodes = lib_test_nodes;

		c->run(&t);
		if (nodes != lib_test_nodes)
			KTEST_FAIL(&t, "%ld nodes leaked", lib_test_nodes - nodes);
		ktap_result(&report, !t.failed, t.name, t.skipped ? t.reason : NULL);
	}
	ktap_close(&report, s->name);
}

int main(int argc, char **argv)
{
	static const struct lib_node_ops ops = { .alloc = host_alloc,
						 .free = host_free,
						 .free_rcu = host_free };
	const char *list = argc > 1 ? argv[1] : NULL;
	u64 seed = argc > 2 ? simple_strtoull(argv[2], NULL, 0) : (u64)time(NULL);
	unsigned int n = 0;

	lib_set_node_ops(&ops);
	prandom_seed_state(&fail_rnd, seed);
	ktap_init(&report, host_out, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(suites); i++)
		n += ktap_selected(list, suites[i]->name, NULL);
	ktap_plan(&report, n);
	ktap_diag(&report, "seed %llu", seed);
	for (unsigned int i = 0; i < ARRAY_SIZE(suites); i++)
		if (ktap_selected(list, suites[i]->name, NULL))
			run_suite(suites[i], seed);
	return ktap_finish(&report) != 0;
}
