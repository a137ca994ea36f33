/*
 * caches.c - what the kernel keeps for later, and that drop_caches takes it away: dentry-state, inode-nr, drop_caches,
 * vfs_cache_pressure, percpu_stats.
 */
#include "physviews.h"

#include <sys/mount.h>

#define FS   "/proc/sys/fs/"
#define DROP VM "drop_caches"

static long number_of(const char *path, int n)
{
	char *p = text_or_skip(path);
	long v = 0;

	for (int i = 0; i <= n; i++)
		v = strtol(p, &p, 10);
	return v;
}

/* Looks at every name below path, so that they are cached. */
static int visit(const char *path, int depth)
{
	DIR *d = opendir(path);
	struct dirent *e;
	struct stat st;
	char name[512];
	int seen = 0;

	while (d && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		seen += !lstat(name, &st);
		if (depth && !lstat(name, &st) && S_ISDIR(st.st_mode))
			seen += visit(name, depth - 1);
	}
	if (d)
		closedir(d);
	return seen;
}

static void root_only(void)
{
	if (geteuid() || access(DROP, W_OK))
		skip("for root, with a /proc/sys that may be written");
}

TEST(unused_names_are_kept_and_dropped)
{
	long idle, after;
	int names;

	root_only();
	ASSERT_EQ(write_file(DROP, "2"), 1);
	visit("/sys/kernel", 2);
	ASSERT_EQ(write_file(DROP, "2"), 1);
	idle = number_of(FS "dentry-state", 1);
	names = visit("/sys/devices/system", 2);
	ASSERT_GE(names, 20);
	after = number_of(FS "dentry-state", 1);
	if (on_quire())
		EXPECT_GE(after, idle + names / 2);
	EXPECT_GE(number_of(FS "dentry-state", 0), after);
	ASSERT_EQ(write_file(DROP, "2"), 1);
	if (on_quire())
		EXPECT_LE(number_of(FS "dentry-state", 1), idle + 20);
	/* All of them are still there to be found. */
	EXPECT_EQ(visit("/sys/devices/system", 2), names);
}

TEST(inodes_outlive_their_names_until_they_are_dropped)
{
	struct stat a, b;
	long nr;

	root_only();
	ASSERT_EQ(stat("/sys/kernel", &a), 0);
	visit("/sys/devices/system", 3);
	nr = number_of(FS "inode-nr", 0);
	EXPECT_GE(nr, number_of(FS "inode-nr", 1));
	EXPECT_EQ(number_of(FS "inode-state", 0) > 0, 1);
	ASSERT_EQ(write_file(DROP, "3"), 1);
	if (on_quire())
		EXPECT_LE(number_of(FS "inode-nr", 0), nr - 20);
	/* The same file has the same number, however often it is forgotten. */
	ASSERT_EQ(stat("/sys/kernel", &b), 0);
	EXPECT_EQ(a.st_ino, b.st_ino);
	EXPECT_EQ(a.st_nlink, b.st_nlink);
}

TEST(drop_caches_refuses_nonsense)
{
	static const char *const bad[] = { "0", "-1", "x", "1x", "99999999999", " ", "\n" };
	int fd;

	root_only();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		errno = 0;
		/* Linux takes a blank for no number at all, which changes nothing. */
		if (write_file(DROP, bad[i]) != -1 && (on_quire() || bad[i][strspn(bad[i], " \n")]))
			check_failed(__FILE__, __LINE__, "took \"%s\"", bad[i]);
	}
	/* Later versions of Linux take any bits. */
	if (on_quire()) {
		EXPECT_EQ(write_file(DROP, "5"), -1);
		EXPECT_EQ(write_file(DROP, "8"), -1);
	}
	EXPECT_ERR(open(DROP, O_RDONLY), EACCES);
	fd = open(DROP, O_WRONLY);
	ASSERT_GE(fd, 0);
	EXPECT_ERR(write(fd, NULL, 2), EFAULT);
	EXPECT_EQ(write(fd, "1\n", 2), 2);
	close(fd);
}

static long vmstat_of(const char *name)
{
	char *p = strstr(text_or_skip("/proc/vmstat"), name);

	return p ? strtol(p + strlen(name), NULL, 10) : -1;
}

TEST(drops_are_counted)
{
	long pages, slabs, scanned;

	root_only();
	pages = vmstat_of("drop_pagecache ");
	slabs = vmstat_of("drop_slab ");
	scanned = vmstat_of("slabs_scanned ");
	visit("/sys/devices/system", 3);
	ASSERT_EQ(write_file(DROP, "1"), 1);
	EXPECT_EQ(vmstat_of("drop_pagecache "), pages + 1);
	if (on_quire())
		EXPECT_EQ(vmstat_of("drop_slab "), slabs);
	ASSERT_EQ(write_file(DROP, "3"), 1);
	EXPECT_GE(vmstat_of("drop_pagecache "), pages + 2);
	EXPECT_GE(vmstat_of("drop_slab "), slabs + 1);
	EXPECT_GE(vmstat_of("slabs_scanned "), scanned + 1);
}

/* Nobody who reads or walks notices that all caches go all the time. */
TEST(drops_harm_nobody)
{
	int names, status;
	pid_t child;

	root_only();
	names = visit("/sys/devices/system", 2);
	child = fork();
	if (!child) {
		for (int i = 0; i < 200; i++)
			write_file(DROP, "2");
		_exit(0);
	}
	for (int i = 0; i < 15; i++) {
		EXPECT_EQ(visit("/sys/devices/system", 2), names);
		EXPECT_GE(visit("/proc/sys", 2), 10);
		EXPECT_GE(visit("/proc/self", 1), 10);
	}
	ASSERT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0);
}

TEST(vfs_cache_pressure_is_a_percentage)
{
	const char *path = VM "vfs_cache_pressure";
	char *old = strdup(text_or_skip(path));
	long idle;

	root_only();
	EXPECT_EQ(write_file(path, "-1"), -1);
	EXPECT_EQ(write_file(path, "x"), -1);
	EXPECT_STR(read_text(path), old);
	if (!on_quire())
		skip("the rest changes the machine");
	ASSERT_EQ(write_file(path, "0"), 1);
	visit("/sys/devices/system", 2);
	idle = number_of(FS "dentry-state", 1);
	ASSERT_EQ(write_file(DROP, "2"), 1);
	EXPECT_GE(number_of(FS "dentry-state", 1), idle);
	ASSERT_EQ(write_file(path, "200"), 3);
	ASSERT_EQ(write_file(DROP, "2"), 1);
	EXPECT_LE(number_of(FS "dentry-state", 1), idle / 2);
	write_file(path, old);
	EXPECT_STR(read_text(path), old);
}

TEST(percpu_stats_add_up)
{
	long chunks, alive, sum = 0, seen = 0;
	char *text, *p;

	if (on_quire())
		mount("none", "/sys/kernel/debug", "debugfs", 0, NULL);
	text = text_or_skip("/sys/kernel/debug/percpu_stats");

	p = strstr(text, "\nGlobal Stats:\n----");
	ASSERT_EQ(p != NULL, 1);
	EXPECT_EQ(strncmp(text, "Percpu Memory Statistics\nAllocation Info:\n----", 45), 0);
	ASSERT_EQ(sscanf(strstr(p, "  nr_cur_alloc        : "), "  nr_cur_alloc        : %ld",
			 &alive),
		  1);
	ASSERT_EQ(sscanf(strstr(p, "  nr_chunks           : "), "  nr_chunks           : %ld",
			 &chunks),
		  1);
	EXPECT_EQ(strstr(p, "Chunk: <- First Chunk\n") != NULL, 1);
	for (p = strstr(p, "Per Chunk Stats:"); (p = strstr(p, "Chunk:")) != NULL; seen++) {
		p = strstr(p, "  nr_alloc            : ");
		sum += p ? strtol(p + 24, NULL, 10) : 0;
	}
	if (on_quire()) {
		EXPECT_EQ(seen, chunks);
		EXPECT_EQ(sum, alive);
	}
	EXPECT_GE(sum, 1);
}
