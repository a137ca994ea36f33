/*
 * physviews.h - reading the views of physical memory strictly: a line is read into numbers and printed again as Linux does,
 * and the two must be the same. For the suites that compare views: physviews, memnodes, kpage,
 * vmsettings, sysfs.
 */
#ifndef TESTS_USER_PHYSVIEWS_H
#define TESTS_USER_PHYSVIEWS_H

#include "test.h"
#include <sys/mman.h>

#define RW     (PROT_READ | PROT_WRITE)
#define ORDERS 11
#define ZONES  64
#define NODE   "/sys/devices/system/node"
#define MEMORY "/sys/devices/system/memory"
#define VM     "/proc/sys/vm/"

static unused char *text_or_skip(const char *path)
{
	char *text = read_text(path);

	if (!text)
		skip("not shown here");
	return strdup(text); /* the buffer of read_text() is used again */
}

/* How many numbers a list like "0-3,5" names. */
static unused int list_count(const char *s)
{
	int n = 0, a, b, len;

	while (sscanf(s, "%d%n", &a, &len) == 1) {
		s += len;
		b = a;
		if (*s == '-' && sscanf(s, "-%d%n", &b, &len) == 1)
			s += len;
		n += b - a + 1;
		if (*s++ != ',')
			break;
	}
	return n;
}

/* Pages by which two views may differ: lists of CPUs in motion, and on a busy host more. */
static unused long slack(long pages)
{
	return on_quire() ? 64 : 4096 + pages / 50;
}

/* The line at *p without its newline; *p moves to the next one. NULL at the end. The buffer is reused. */
static unused char *next_line(const char **p)
{
	static char line[1024];
	const char *end = strchr(*p, '\n');

	if (!end)
		return NULL;
	snprintf(line, sizeof(line), "%.*s", (int)(end - *p), *p);
	*p = end + 1;
	return line;
}

/* Value of a "Name:   123 kB" line; -1 if there is none. */
static unused long field(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = text; p && *p; p = strchr(p, '\n'), p += p != NULL)
		if (!strncmp(p, name, len) && p[len] == ':')
			return strtol(p + len + 1, NULL, 10);
	return -1;
}

static unused long meminfo(const char *name)
{
	return field(text_or_skip("/proc/meminfo"), name);
}

/* ---- rows of "Node 0, zone Normal ..." ---- */

struct row {
	int nid;
	char zone[16];
	long nr[ORDERS];
};

/* "Node 0, zone   Normal      1      2 ": the row, and the text must be exactly that. */
static unused void parse_buddy_line(const char *line, struct row *r)
{
	char again[512];
	int len, at;

	ASSERT_EQ(sscanf(line, "Node %d, zone %15s %n", &r->nid, r->zone, &at), 2);
	len = snprintf(again, sizeof(again), "Node %d, zone %8s ", r->nid, r->zone);
	for (int o = 0; o < ORDERS; o++) {
		int n = 0;

		ASSERT_EQ(sscanf(line + at, "%ld%n", &r->nr[o], &n), 1);
		at += n;
		len += snprintf(again + len, sizeof(again) - len, "%6lu ", r->nr[o]);
	}
	ASSERT_STR(again, line);
}

static unused int read_buddyinfo(struct row *rows)
{
	char *text = text_or_skip("/proc/buddyinfo");
	const char *p = text;
	int n = 0;

	for (char *line; n < ZONES && (line = next_line(&p)); n++)
		parse_buddy_line(line, &rows[n]);
	EXPECT(!*p);
	free(text);
	return n;
}

static unused long row_pages(const struct row *r)
{
	long sum = 0;

	for (int o = 0; o < ORDERS; o++)
		sum += r->nr[o] << o;
	return sum;
}

static unused long buddy_pages(void)
{
	struct row rows[ZONES];
	long sum = 0;
	int n = read_buddyinfo(rows);

	for (int i = 0; i < n; i++)
		sum += row_pages(&rows[i]);
	return sum;
}

/* ---- pagetypeinfo ---- */

struct types {
	int count, rows; /* types, rows of the first table */
	char name[8][16];
	struct row free[ZONES * 8];
	int zones;
	struct row blocks[ZONES]; /* nr[type] */
};

static unused void parse_type_row(const char *line, struct row *r, const char *type)
{
	char again[512], name[16], over[ORDERS];
	int at, len;

	ASSERT_EQ(sscanf(line, "Node %d, zone %15[^,], type %15s %n", &r->nid, r->zone, name, &at),
		  3);
	char *zone = r->zone + strspn(r->zone, " ");

	ASSERT_STR(name, type);
	len = snprintf(again, sizeof(again), "Node %4d, zone %8s, type %12s ", r->nid, zone, name);
	for (int o = 0; o < ORDERS; o++) {
		const char *s = line + at + strspn(line + at, " ");
		char *end;

		over[o] = *s == '>';
		r->nr[o] = strtol(s + over[o], &end, 10);
		at = end - line;
		len += snprintf(again + len, sizeof(again) - len, "%s%6lu ", over[o] ? ">" : "",
				r->nr[o]);
	}
	ASSERT_STR(again, line);
	memmove(r->zone, zone, strlen(zone) + 1);
}

static unused void parse_block_row(const char *line, struct row *r, int types)
{
	char again[512];
	int at, len;

	ASSERT_EQ(sscanf(line, "Node %d, zone %15s %n", &r->nid, r->zone, &at), 2);
	len = snprintf(again, sizeof(again), "Node %d, zone %8s ", r->nid, r->zone);
	for (int t = 0; t < types; t++) {
		int n = 0;

		ASSERT_EQ(sscanf(line + at, "%ld%n", &r->nr[t], &n), 1);
		at += n;
		len += snprintf(again + len, sizeof(again) - len, "%12lu ", r->nr[t]);
	}
	ASSERT_STR(again, line);
}

/* The names of the types stand above the second table. */
static unused void parse_type_names(const char *text, struct types *t)
{
	const char *p = strstr(text, "\nNumber of blocks type ");
	char again[512];
	int len, n;

	ASSERT(p);
	p++;
	len = snprintf(again, sizeof(again), "%-23s", "Number of blocks type ");
	for (const char *at = p + 22; sscanf(at, "%15s%n", t->name[t->count], &n) == 1; at += n) {
		len += snprintf(again + len, sizeof(again) - len, "%12s ", t->name[t->count]);
		t->count++;
		if (at[n + 1] == '\n' || t->count == 8)
			break;
	}
	ASSERT_STR(again, next_line(&p));
}

static unused void read_pagetypeinfo(struct types *t)
{
	char *text = text_or_skip("/proc/pagetypeinfo"), *line;
	const char *p = text;

	memset(t, 0, sizeof(*t));
	parse_type_names(text, t);
	ASSERT_STR(next_line(&p), "Page block order: 9");
	ASSERT_STR(next_line(&p), "Pages per block:  512");
	ASSERT_STR(next_line(&p), "");
	ASSERT_STR(next_line(&p),
		   "Free pages count per migrate type at order       0      1      2      3      4"
		   "      5      6      7      8      9     10 ");
	while ((line = next_line(&p)) && *line) {
		ASSERT_LT(t->rows, (int)ARRAY_SIZE(t->free));
		parse_type_row(line, &t->free[t->rows], t->name[t->rows % t->count]);
		t->rows++;
	}
	next_line(&p);
	while ((line = next_line(&p)) && !strncmp(line, "Node ", 5))
		parse_block_row(line, &t->blocks[t->zones++], t->count);
	ASSERT_EQ(t->rows, t->zones * t->count);
	free(text);
}

/* ---- zoneinfo ---- */

struct zone {
	int nid;
	char name[16];
	long free, boost, min, low, high, promo, spanned, present, managed, cma, start_pfn;
	long protection[8], pcp, pcp_high;
	int protections, cpus;
};

static char *zi_line;
static const char *zi_at;

static unused void zi_next(void)
{
	zi_line = next_line(&zi_at);
}

/* The line must be `before` and a number, nothing else. */
static unused long zi_number(const char *before)
{
	char again[128];
	long v;

	ASSERT(zi_line);
	ASSERT_EQ(strncmp(zi_line, before, strlen(before)), 0);
	v = strtol(zi_line + strlen(before), NULL, 10);
	snprintf(again, sizeof(again), "%s%ld", before, v);
	ASSERT_STR(zi_line, again);
	zi_next();
	return v;
}

/* "      name         123" lines, whatever their names; the value of one of them. */
static unused long zi_stats(const char *want)
{
	char again[128], name[64];
	long v, found = -1;

	while (zi_line && !strncmp(zi_line, "      ", 6) && zi_line[6] != ' ') {
		ASSERT_EQ(sscanf(zi_line, "%63s %ld", name, &v), 2);
		snprintf(again, sizeof(again), "      %-12s %lu", name, v);
		ASSERT_STR(zi_line, again);
		if (!strcmp(name, want))
			found = v;
		zi_next();
	}
	return found;
}

static unused void zi_protection(struct zone *z)
{
	char again[256];
	int len = 0, n;
	const char *p = strchr(zi_line, '(');

	ASSERT(p);
	for (p++; z->protections < 8 && sscanf(p, "%ld%n", &z->protection[z->protections], &n) == 1;
	     p += n + 2) {
		z->protections++;
		if (p[n] == ')')
			break;
	}
	len = snprintf(again, sizeof(again), "        protection: (");
	for (int i = 0; i < z->protections; i++)
		len += snprintf(again + len, sizeof(again) - len, "%s%ld", i ? ", " : "",
				z->protection[i]);
	snprintf(again + len, sizeof(again) - len, ")");
	ASSERT_STR(zi_line, again);
	zi_next();
}

static unused void zi_pagesets(struct zone *z)
{
	ASSERT_STR(zi_line, "  pagesets");
	zi_next();
	while (zi_line && !strncmp(zi_line, "    cpu: ", 9)) {
		zi_number("    cpu: ");
		/* Linux 6.13 made room for two more lines. */
		int wide = zi_line && strlen(zi_line) > 24 && !strncmp(zi_line + 21, "   ", 3);

		z->pcp += zi_number(wide ? "              count:    " : "              count: ");
		z->pcp_high +=
			zi_number(wide ? "              high:     " : "              high:  ");
		EXPECT_GE(zi_number(wide ? "              batch:    " : "              batch: "),
			  1);
		if (wide) {
			zi_number("              high_min: ");
			zi_number("              high_max: ");
		}
		if (zi_line && !strncmp(zi_line, "  vm stats", 10))
			zi_number("  vm stats threshold: ");
		z->cpus++;
	}
}

static unused void zi_zone(struct zone *z)
{
	char again[64];

	memset(z, 0, sizeof(*z));
	ASSERT_EQ(sscanf(zi_line, "Node %d, zone %15s", &z->nid, z->name), 2);
	snprintf(again, sizeof(again), "Node %d, zone %8s", z->nid, z->name);
	ASSERT_STR(zi_line, again);
	zi_next();
	if (zi_line && !strcmp(zi_line, "  per-node stats")) {
		zi_next();
		EXPECT_GE(zi_stats("nr_anon_pages"), 0);
	}
	z->free = zi_number("  pages free     ");
	z->boost = zi_number("        boost    ");
	z->min = zi_number("        min      ");
	z->low = zi_number("        low      ");
	z->high = zi_number("        high     ");
	if (zi_line && !strncmp(zi_line, "        promo", 13))
		z->promo = zi_number("        promo    ");
	z->spanned = zi_number("        spanned  ");
	z->present = zi_number("        present  ");
	z->managed = zi_number("        managed  ");
	z->cma = zi_number("        cma      ");
	zi_protection(z);
	if (!z->present)
		return;
	EXPECT_GE(zi_stats("nr_free_pages"), 0);
	zi_pagesets(z);
	zi_number("  node_unreclaimable:  ");
	z->start_pfn = zi_number("  start_pfn:           ");
	while (zi_line && !strncmp(zi_line, "  ", 2)) /* what later versions add */
		zi_next();
}

static unused int read_zoneinfo(struct zone *zones)
{
	char *text = text_or_skip("/proc/zoneinfo");
	int n = 0;

	zi_at = text;
	for (zi_next(); zi_line && n < ZONES; n++)
		zi_zone(&zones[n]);
	EXPECT(!zi_line);
	free(text);
	return n;
}

/* ---- sums of zones and nodes ---- */

static unused long managed_pages(void)
{
	static struct zone z[ZONES];
	int n = read_zoneinfo(z);
	long sum = 0;

	for (int i = 0; i < n; i++)
		sum += z[i].managed;
	return sum;
}

static unused int nodes_online(int *nids, int max)
{
	char *text = text_or_skip(NODE "/online");
	int n = 0, a, b, len;

	for (char *s = text; sscanf(s, "%d%n", &a, &len) == 1; s++) {
		s += len;
		b = a;
		if (*s == '-' && sscanf(s, "-%d%n", &b, &len) == 1)
			s += len;
		for (; a <= b && n < max; a++)
			nids[n++] = a;
		if (*s != ',')
			break;
	}
	free(text);
	ASSERT_GE(n, 1);
	return n;
}

static unused char *node_file(int nid, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), NODE "/node%d/%s", nid, name);
	return text_or_skip(path);
}

/* "Node 0 MemTotal:  123 kB" */
static unused long node_meminfo(int nid, const char *name)
{
	char *text = node_file(nid, "meminfo"), want[64];

	snprintf(want, sizeof(want), "Node %d %s", nid, name);
	return field(text, want);
}

/* The names of a file of "name value" lines. */
static unused int stat_names(char *text, char (*names)[48], long *values, int max)
{
	const char *p = text;
	char again[1024], *line;
	int n = 0;

	for (; n < max && (line = next_line(&p)); n++) {
		ASSERT_EQ(sscanf(line, "%47s %ld", names[n], &values[n]), 2);
		snprintf(again, sizeof(again), "%s %lu", names[n], values[n]);
		EXPECT_STR(line, again);
	}
	return n;
}

/* ---- flags of frames ---- */

enum {
	KPF_LRU = 5,
	KPF_SLAB = 7,
	KPF_BUDDY = 10,
	KPF_MMAP = 11,
	KPF_ANON = 12,
	KPF_HEAD = 15,
	KPF_TAIL = 16,
	KPF_NOPAGE = 20,
	KPF_ZERO_PAGE = 24,
	KPF_PGTABLE = 26,
	KPF_RESERVED = 32,
};
#define HAS(flags, bit) ((flags) >> (bit)&1)

static unused int open_or_skip(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		skip("not readable here");
	return fd;
}

/* How many frames have which bit; checks what must hold for each. => frames in the file */
static unused unsigned long count_flags(unsigned long nr[64])
{
	static uint64_t buf[8192];
	int fd = open_or_skip("/proc/kpageflags");
	unsigned long frames = 0, odd = 0;
	uint64_t last = 0;
	ssize_t n;

	memset(nr, 0, 64 * sizeof(nr[0]));
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n / 8; i++) {
			uint64_t f = buf[i];

			/* KFENCE's objects: memory of boot, which no count of slab pages has. */
			if (HAS(f, KPF_RESERVED))
				f &= ~(1ULL << KPF_SLAB);
			for (; f; f &= f - 1)
				nr[__builtin_ctzll(f)]++;
			/* Pages change while they are looked at: a few may be odd. */
			odd += HAS(buf[i], KPF_TAIL) && !HAS(last, KPF_TAIL) &&
			       !HAS(last, KPF_HEAD);
			odd += HAS(buf[i], KPF_BUDDY) && HAS(buf[i], KPF_MMAP);
			odd += HAS(buf[i], KPF_NOPAGE) && buf[i] != 1UL << KPF_NOPAGE;
			last = buf[i];
		}
		frames += n / 8;
	}
	EXPECT_EQ(n, 0);
	EXPECT_LE(odd, on_quire() ? 8 : 8 + frames / 1000);
	close(fd);
	return frames;
}

/* ---- files that are written ---- */

static unused ssize_t write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n;
}

#endif
