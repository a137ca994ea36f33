/*
 * vmsettings.c - /proc/sys/vm: what is refused, and what follows from a value that is not.
 *
 * Settings are changed on Quire only. Values that must be refused are also written on the host.
 */
#include "physviews.h"

static const struct {
	const char *name, *bad[8];
} settings[] = {
	{ "min_free_kbytes", { "-1", "99999999999", "many", "12x", "0x", " ", "--3" } },
	{ "watermark_scale_factor", { "0", "-1", "3001", "4294967297", "x", "\n" } },
	{ "watermark_boost_factor",
	  { "-1", "2147483648", "1e3",
	    ""
	    "\t" } },
	{ "lowmem_reserve_ratio", { "none", "9999999999", " ", "x 1 2 3" } },
	{ "percpu_pagelist_high_fraction", { "-8", "1", "7", "eight", "8589934592" } },
	{ "numa_zonelist_order", { "Zone", "zone\n", "?" } },
};

TEST(settings_refuse_bad_values_and_keep_the_old)
{
	char path[128];
	int seen = 0;

	if (geteuid())
		skip("for root");
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		snprintf(path, sizeof(path), VM "%s", settings[i].name);
		char *old = read_text(path);

		if (!old)
			continue;
		seen++;
		old = strdup(old);
		for (int k = 0; settings[i].bad[k]; k++) {
			errno = 0;
			/* Linux forgets to say so of one of them, but changes nothing either. */
			if ((write_file(path, settings[i].bad[k]) != -1 || errno != EINVAL) &&
			    (on_quire() || strcmp(settings[i].name, "lowmem_reserve_ratio")))
				check_failed(__FILE__, __LINE__, "%s took \"%s\": errno %d", path,
					     settings[i].bad[k], errno);
			EXPECT_STR(read_text(path), old);
		}
		EXPECT_ERR(write(open(path, O_WRONLY), NULL, 4), EFAULT);
		EXPECT_STR(read_text(path), old);
		EXPECT_EQ(pwrite(open(path, O_WRONLY), old, strlen(old), 0), strlen(old));
		EXPECT_STR(read_text(path), old);
	}
	EXPECT_GE(seen, 5);
}

TEST(settings_print_as_on_linux)
{
	char again[128], *text = text_or_skip(VM "lowmem_reserve_ratio");
	int v[8], len = 0, n = 0, at;

	for (char *p = text; n < 8 && sscanf(p, "%d%n", &v[n], &at) == 1; p += at, n++)
		len += snprintf(again + len, sizeof(again) - len, "%s%d", n ? "\t" : "", v[n]);
	snprintf(again + len, sizeof(again) - len, "\n");
	EXPECT_STR(text, again);
	EXPECT_EQ(n, 5);
	EXPECT_STR(text_or_skip(VM "numa_zonelist_order"), "Node\n");
	EXPECT_GE(atoi(text_or_skip(VM "watermark_scale_factor")), 1);
	if (geteuid())
		skip("for root");
	EXPECT_STR(text_or_skip(VM "stat_refresh"), "");
}

static void set(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void set(const char *name, const char *fmt, ...)
{
	char path[128], text[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(path, sizeof(path), VM "%s", name);
	if (write_file(path, text) != (ssize_t)strlen(text))
		check_failed(__FILE__, __LINE__, "%s refuses %s: %s", path, text, strerror(errno));
}

static void only_on_quire(void)
{
	if (!on_quire())
		skip("the host's settings are not ours to change");
	if (geteuid())
		skip("for root");
}

TEST(watermark_scale_factor_parts_the_watermarks)
{
	static struct zone z[ZONES];

	only_on_quire();
	set("watermark_scale_factor", "1000\n");
	for (int i = read_zoneinfo(z) - 1; i >= 0; i--)
		if (z[i].managed > 1000) {
			EXPECT_EQ(z[i].low - z[i].min, z[i].managed / 10);
			EXPECT_EQ(z[i].high - z[i].low, z[i].managed / 10);
		}
	set("watermark_scale_factor", "10");
	for (int i = read_zoneinfo(z) - 1; i >= 0; i--)
		if (z[i].managed > 1000)
			EXPECT_LT(z[i].low - z[i].min, z[i].managed / 10);
}

TEST(lowmem_reserve_ratio_protects_the_low_zones)
{
	static struct zone z[ZONES];
	long above = 0;
	int n;

	only_on_quire();
	set("lowmem_reserve_ratio", "16 0x20\t8\n"); /* the rest stays */
	EXPECT_STR(text_or_skip(VM "lowmem_reserve_ratio"), "16\t32\t8\t0\t0\n");
	n = read_zoneinfo(z);
	for (int i = 0; i < n && z[i].nid == z[0].nid; i++)
		above += i ? z[i].managed : 0;
	if (!strcmp(z[0].name, "DMA") && z[0].managed)
		EXPECT_EQ(z[0].protection[z[0].protections - 1], above / 16);
	set("lowmem_reserve_ratio", "-5");
	EXPECT_STR(text_or_skip(VM "lowmem_reserve_ratio"), "0\t32\t8\t0\t0\n");
	read_zoneinfo(z);
	EXPECT_EQ(z[0].protection[z[0].protections - 1], 0);
	set("lowmem_reserve_ratio", "256 256 32 0 0");
}

TEST(percpu_pagelist_high_fraction_sizes_the_lists)
{
	static struct zone z[ZONES], y[ZONES];
	int n;

	only_on_quire();
	n = read_zoneinfo(z);
	set("percpu_pagelist_high_fraction", "8");
	EXPECT_EQ(read_zoneinfo(y), n);
	for (int i = 0; i < n; i++)
		if (z[i].managed > 10000) {
			EXPECT_GT(y[i].pcp_high, z[i].pcp_high);
			EXPECT_LE(y[i].pcp_high, y[i].managed / 8 + y[i].cpus);
		}
	set("percpu_pagelist_high_fraction", "0");
	read_zoneinfo(y);
	for (int i = 0; i < n; i++)
		EXPECT_EQ(y[i].pcp_high, z[i].pcp_high);
}

/* Whoever writes last, the watermarks are those of the value that stays. */
TEST_LIMIT(settings_and_watermarks_agree_after_many_writers, 60)
{
	static struct zone z[ZONES];
	long old, now, sum = 0;
	pid_t pid[4];

	only_on_quire();
	old = atol(text_or_skip(VM "min_free_kbytes"));
	for (int k = 0; k < 4; k++) {
		pid[k] = test_fork();
		if (pid[k])
			continue;
		for (int i = 0; i < 200; i++) {
			test_random += k * 77 + 1;
			if (rnd_below(2))
				set("min_free_kbytes", "%d\n", 1000 + (int)rnd_below(4000));
			else
				set("watermark_scale_factor", "%d\n", 1 + (int)rnd_below(100));
		}
		_exit(test_failed);
	}
	for (int k = 0; k < 4; k++)
		EXPECT_EXIT(pid[k], 0);
	now = atol(text_or_skip(VM "min_free_kbytes"));
	for (int i = read_zoneinfo(z) - 1; i >= 0; i--)
		sum += z[i].min;
	EXPECT_LE(labs(sum - now / 4), 8 + 128);
	set("min_free_kbytes", "%ld", old);
	set("watermark_scale_factor", "10");
}
