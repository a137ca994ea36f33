/*
 * procformats.c - the files of /proc/PID about memory, byte for byte in Linux's format: maps, smaps, smaps_rollup, status,
 * statm, numa_maps, limits, oom_score; and the bits of pagemap.
 *
 * Each file has a grammar: one pattern for each line, in order. The same grammar holds on the host's Linux (6.18) and on
 * Quire, so neither has a field that the other puts elsewhere or pads in another way. A line that only some kernels have begins with ?.
 * What the numbers mean is the subject of procfs.c, smaps.c, kpage.c.
 */
#include "memory.h"
#include "mempolicy.h"
#include <regex.h>
#include <sys/resource.h>

/* Does the whole line have this shape? */
static int matches(const char *line, const char *shape)
{
	char whole[512];
	regex_t re;
	int ok;

	snprintf(whole, sizeof(whole), "^%s$", shape);
	if (regcomp(&re, whole, REG_EXTENDED | REG_NOSUB)) {
		check_failed(__FILE__, __LINE__, "bad pattern %s", shape);
		return 0;
	}
	ok = !regexec(&re, line, 0, NULL, 0);
	regfree(&re);
	return ok;
}

static char text[512 * 1024];

static char *whole_file(const char *path)
{
	size_t len = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY);

	ASSERT_OK(fd);
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	close(fd);
	text[len] = 0;
	return text;
}

/* The lines from *at on are those of the grammar, in order; *at goes behind them. */
static void follow(char **at, const char *const *grammar)
{
	for (; *grammar; grammar++) {
		char *end = strchr(*at, '\n');
		int optional = **grammar == '?';

		if (end)
			*end = 0;
		if (!end || !matches(*at, *grammar + optional)) {
			if (end)
				*end = '\n';
			if (optional)
				continue;
			if (end)
				*end = 0;
			check_failed(__FILE__, __LINE__, "\"%s\" is not %s", *at, *grammar);
			_exit(1);
		}
		*at = end + 1;
	}
}

static void follow_all(const char *path, const char *const *grammar)
{
	char *at = whole_file(path);

	ASSERT(*at);
	while (*at)
		follow(&at, grammar);
}

#define NR    "[0-9]+"
#define KB    "[ 0-9]{7}[0-9] kB"
#define HEX16 "[0-9a-f]{16}"

TEST(status_has_these_lines)
{
	static const char *const grammar[] = {
		"Name:\tprocformats",
		"Umask:\t0[0-7]{3}",
		"State:\tR \\(running\\)",
		"Tgid:\t" NR,
		"Ngid:\t0",
		"Pid:\t" NR,
		"PPid:\t" NR,
		"TracerPid:\t0",
		"Uid:(\t" NR "){4}",
		"Gid:(\t" NR "){4}",
		"FDSize:\t" NR,
		"Groups:\t(" NR "( " NR ")*)? ",
		"NStgid:\t" NR "(\t" NR ")*",
		"NSpid:\t" NR "(\t" NR ")*",
		"NSpgid:\t" NR "(\t" NR ")*",
		"NSsid:\t" NR "(\t" NR ")*",
		"?Kthread:\t0", /* Linux 6.8 */
		"VmPeak:\t" KB,
		"VmSize:\t" KB,
		"VmLck:\t" KB,
		"VmPin:\t" KB,
		"VmHWM:\t" KB,
		"VmRSS:\t" KB,
		"RssAnon:\t" KB,
		"RssFile:\t" KB,
		"RssShmem:\t" KB,
		"VmData:\t" KB,
		"VmStk:\t" KB,
		"VmExe:\t" KB,
		"VmLib:\t" KB,
		"VmPTE:\t" KB,
		"VmSwap:\t" KB,
		"?HugetlbPages:\t" KB,
		"CoreDumping:\t0",
		"THP_enabled:\t[01]",
		"?untag_mask:\t0x" HEX16,
		"Threads:\t1",
		"SigQ:\t" NR "/" NR,
		"SigPnd:\t" HEX16,
		"ShdPnd:\t" HEX16,
		"SigBlk:\t" HEX16,
		"SigIgn:\t" HEX16,
		"SigCgt:\t" HEX16,
		"CapInh:\t" HEX16,
		"CapPrm:\t" HEX16,
		"CapEff:\t" HEX16,
		"CapBnd:\t" HEX16,
		"CapAmb:\t" HEX16,
		"NoNewPrivs:\t[01]",
		"?Seccomp:\t[0-2]",
		"?Seccomp_filters:\t" NR,
		"Speculation_Store_Bypass:\t[a-z ]+",
		"SpeculationIndirectBranch:\t[a-z ]+",
		"Cpus_allowed:\t[0-9a-f,]+",
		"Cpus_allowed_list:\t[0-9,-]+",
		"Mems_allowed:\t[0-9a-f,]+",
		"Mems_allowed_list:\t[0-9,-]+",
		"voluntary_ctxt_switches:\t" NR,
		"nonvoluntary_ctxt_switches:\t" NR,
		"?x86_Thread_features:.*",
		"?x86_Thread_features_locked:.*",
		NULL,
	};
	char *at = whole_file("/proc/self/status");

	follow(&at, grammar);
	EXPECT_STR(at, "");
}

static char *status_line(const char *name)
{
	static char line[256];
	char *at = strstr(whole_file("/proc/self/status"), name);

	ASSERT(at);
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
	return line;
}

TEST(status_follows_what_the_process_is)
{
	sigset_t set;
	char want[64];

	if (!getuid()) {
		gid_t groups[] = { 7, 8, 9 };

		ASSERT_OK(syscall(SYS_setgroups, 0, NULL));
		EXPECT_STR(status_line("Groups:"), "Groups:\t ");
		ASSERT_OK(syscall(SYS_setgroups, 3, groups));
		EXPECT_STR(status_line("Groups:"), "Groups:\t7 8 9 ");
	}
	EXPECT_STR(status_line("NoNewPrivs:"), "NoNewPrivs:\t0");
	ASSERT_OK(syscall(SYS_prctl, 38 /* PR_SET_NO_NEW_PRIVS */, 1, 0, 0, 0));
	EXPECT_STR(status_line("NoNewPrivs:"), "NoNewPrivs:\t1");
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	ASSERT_OK(sigprocmask(SIG_BLOCK, &set, NULL));
	/* Three entries are queued, and there is one bit. */
	for (int i = 0; i < 3; i++)
		ASSERT_OK(sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = i }));
	EXPECT_GE(atoi(status_line("SigQ:") + 6), 3);
	snprintf(want, sizeof(want), "ShdPnd:\t%016llx", 1ULL << (SIGRTMIN + 2));
	EXPECT_STR(status_line("ShdPnd:"), want);
	snprintf(want, sizeof(want), "SigBlk:\t%016llx", 1ULL << (SIGRTMIN + 2));
	EXPECT_STR(status_line("SigBlk:"), want);
	snprintf(want, sizeof(want), "NSpid:\t%d", getpid());
	EXPECT(strstr(status_line("NSpid:"), want));
	/* exec gives the stack 128 KiB beyond what it needs. */
	EXPECT_GE(atoi(status_line("VmStk:") + 6), 132);
}

TEST(a_zombie_has_a_short_status)
{
	char path[64];
	pid_t pid = fork();
	siginfo_t info;

	if (!pid)
		_exit(0);
	ASSERT_OK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	whole_file(path);
	EXPECT(strstr(text, "\nState:\tZ (zombie)\nTgid:"));
	EXPECT(!strstr(text, "Umask:"));
	EXPECT(!strstr(text, "VmSize:"));
	EXPECT(!strstr(text, "CoreDumping:"));
	EXPECT(strstr(text, "\nFDSize:\t0\n"));
	EXPECT(strstr(text, "\nThreads:\t1\n"));
	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	EXPECT_STR(whole_file(path), "0 0 0 0 0 0 0\n");
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	EXPECT_STR(whole_file(path), "");
	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	EXPECT_STR(whole_file(path), "");
	snprintf(path, sizeof(path), "/proc/%d/numa_maps", pid);
	EXPECT_STR(whole_file(path), "");
	EXPECT_EXIT(pid, 0);
}

/* Start, end, rights, offset, device, inode; and a name that begins in column 73. */
#define AREA                                                             \
	"[0-9a-f]{8,16}-[0-9a-f]{8,16} [r-][w-][x-][ps] [0-9a-f]{8,16} " \
	"[0-9a-f]{2,}:[0-9a-f]{2,} " NR "( +[^ ].*| )"

static void named_in_its_column(const char *line)
{
	const char *name = strpbrk(line, "/[");

	if (name)
		EXPECT_EQ(name - line, 73);
}

TEST(maps_has_these_lines)
{
	static const char *const grammar[] = { AREA, NULL };
	int seen = 0;
	char *at;

	map_pages(1);
	for (at = whole_file("/proc/self/maps"); *at;) {
		char *line = at;

		follow(&at, grammar);
		named_in_its_column(line);
		seen++;
		if (strstr(line, "[heap]"))
			EXPECT(matches(
				line,
				"[0-9a-f]{8,16}-[0-9a-f]{8,16} rw-p 00000000 00:00 0 +\\[heap\\]"));
		if (strstr(line, "[stack]"))
			EXPECT(matches(line, "7ff[0-9a-f]{9}-7ff[0-9a-f]{9} rw-p 00000000 00:00 0 "
					     "+\\[stack\\]"));
	}
	EXPECT_GE(seen, 5);
}

#define SIZE(name, blanks) name ":" blanks KB

TEST(smaps_has_these_lines)
{
	static const char *const grammar[] = {
		AREA,
		SIZE("Size", "           "),
		SIZE("KernelPageSize", " "),
		SIZE("MMUPageSize", "    "),
		SIZE("Rss", "            "),
		SIZE("Pss", "            "),
		SIZE("Pss_Dirty", "      "),
		SIZE("Shared_Clean", "   "),
		SIZE("Shared_Dirty", "   "),
		SIZE("Private_Clean", "  "),
		SIZE("Private_Dirty", "  "),
		SIZE("Referenced", "     "),
		SIZE("Anonymous", "      "),
		"?" SIZE("KSM", "            "), /* Linux 6.7 */
		SIZE("LazyFree", "       "),
		SIZE("AnonHugePages", "  "),
		SIZE("ShmemPmdMapped", " "),
		SIZE("FilePmdMapped", "  "),
		SIZE("Shared_Hugetlb", " "),
		"Private_Hugetlb: [ 0-9]{6}[0-9] kB",
		SIZE("Swap", "           "),
		SIZE("SwapPss", "        "),
		SIZE("Locked", "         "),
		"THPeligible:    [ 0-9]{7}[01]",
		"?ProtectionKey:  [ 0-9]{7}[0-9]",
		"VmFlags:( [a-z]{2})* ",
		NULL,
	};

	map_pages(1);
	follow_all("/proc/self/smaps", grammar);
}

TEST(smaps_rollup_has_these_lines)
{
	static const char *const grammar[] = {
		"[0-9a-f]{8,16}-[0-9a-f]{8,16} ---p 00000000 00:00 0 +\\[rollup\\]",
		SIZE("Rss", "            "),
		SIZE("Pss", "            "),
		SIZE("Pss_Dirty", "      "),
		SIZE("Pss_Anon", "       "),
		SIZE("Pss_File", "       "),
		SIZE("Pss_Shmem", "      "),
		SIZE("Shared_Clean", "   "),
		SIZE("Shared_Dirty", "   "),
		SIZE("Private_Clean", "  "),
		SIZE("Private_Dirty", "  "),
		SIZE("Referenced", "     "),
		SIZE("Anonymous", "      "),
		"?" SIZE("KSM", "            "),
		SIZE("LazyFree", "       "),
		SIZE("AnonHugePages", "  "),
		SIZE("ShmemPmdMapped", " "),
		SIZE("FilePmdMapped", "  "),
		SIZE("Shared_Hugetlb", " "),
		"Private_Hugetlb: [ 0-9]{6}[0-9] kB",
		SIZE("Swap", "           "),
		SIZE("SwapPss", "        "),
		SIZE("Locked", "         "),
		NULL,
	};
	char *at = whole_file("/proc/self/smaps_rollup");

	named_in_its_column(at);
	follow(&at, grammar);
	EXPECT_STR(at, "");
}

/* The letters of VmFlags of the area at p. */
static char *flags_at(const void *p)
{
	static char flags[128];
	char head[32], *at;

	snprintf(head, sizeof(head), "%08lx-", (unsigned long)p);
	at = strstr(whole_file("/proc/self/smaps"), head);
	ASSERT(at);
	at = strstr(at, "VmFlags: ");
	ASSERT(at);
	snprintf(flags, sizeof(flags), "%.*s", (int)strcspn(at + 9, "\n"), at + 9);
	/* What a kernel that tracks soft dirtiness adds for each new area. */
	at = strstr(flags, "sd ");
	if (at)
		memmove(at, at + 3, strlen(at + 3) + 1);
	return flags;
}

static char *map_kind(int prot, int flags)
{
	/* Alone between two areas of another kind. */
	char *p = mmap(NULL, 3 * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	ASSERT_EQ(mmap(p + PAGE, PAGE, prot, MAP_FIXED | MAP_ANONYMOUS | flags, -1, 0), p + PAGE);
	return p + PAGE;
}

TEST(vm_flags_are_named_as_on_linux)
{
	static const struct {
		int advice;
		const char *flags;
	} advised[] = {
		{ MADV_RANDOM, "rd wr mr mw me rr ac " },
		{ MADV_SEQUENTIAL, "rd wr mr mw me sr ac " },
		{ MADV_DONTFORK, "rd wr mr mw me dc ac " },
		{ MADV_DONTDUMP, "rd wr mr mw me ac dd " },
		{ 18 /* MADV_WIPEONFORK */, "rd wr mr mw me ac wf " },
	};
	char *p;

	EXPECT_STR(flags_at(map_kind(PROT_READ, MAP_PRIVATE)), "rd mr mw me ");
	EXPECT_STR(flags_at(map_kind(RW, MAP_PRIVATE)), "rd wr mr mw me ac ");
	EXPECT_STR(flags_at(map_kind(PROT_READ | PROT_EXEC, MAP_PRIVATE)), "rd ex mr mw me ");
	EXPECT_STR(flags_at(map_kind(RW, MAP_SHARED)), "rd wr sh mr mw me ms ");
	EXPECT_STR(flags_at(map_kind(PROT_READ, MAP_SHARED)), "rd sh mr mw me ms ");
	EXPECT_STR(flags_at(map_kind(RW, MAP_PRIVATE | MAP_NORESERVE)), "rd wr mr mw me nr ");
	EXPECT_STR(flags_at(map_kind(RW, MAP_PRIVATE | MAP_GROWSDOWN)), "rd wr mr mw me gd ac ");
	p = map_kind(RW, MAP_PRIVATE);
	if (!mlock(p, PAGE))
		EXPECT_STR(flags_at(p), "rd wr mr mw me lo ac ");
	for (size_t i = 0; i < ARRAY_SIZE(advised); i++) {
		p = map_kind(RW, MAP_PRIVATE);
		ASSERT_OK(madvise(p, PAGE, advised[i].advice));
		EXPECT_STR(flags_at(p), advised[i].flags);
	}
	p = map_kind(RW, MAP_PRIVATE);
	if (!syscall(462 /* mseal */, p, PAGE, 0))
		EXPECT_STR(flags_at(p), "rd wr mr mw me ac sl ");
}

TEST(statm_is_seven_numbers)
{
	static const char *const grammar[] = { NR " " NR " " NR " " NR " 0 " NR " 0", NULL };
	unsigned long size, rss, shared, code, zero, data;
	char *at = whole_file("/proc/self/statm");

	follow(&at, grammar);
	EXPECT_STR(at, "");
	ASSERT_EQ(sscanf(whole_file("/proc/self/statm"), "%lu %lu %lu %lu %lu %lu", &size, &rss,
			 &shared, &code, &zero, &data),
		  6);
	EXPECT_EQ(atol(status_line("VmSize:") + 8), size * 4);
	EXPECT_EQ(atol(status_line("VmExe:") + 7), code * 4);
	EXPECT_EQ(atol(status_line("VmData:") + 8) + atol(status_line("VmStk:") + 7), data * 4);
}

TEST(limits_is_a_table)
{
	struct rlimit r = { 12345, 23456 };
#define VALUE "(unlimited|" NR ") +(unlimited|" NR ") +"
	static const char *const grammar[] = {
		"Limit                     Soft Limit           Hard Limit           Units     ",
		"Max cpu time              " VALUE "seconds   ",
		"Max file size             " VALUE "bytes     ",
		"Max data size             " VALUE "bytes     ",
		"Max stack size            " VALUE "bytes     ",
		"Max core file size        12345                23456                bytes     ",
		"Max resident set          unlimited            unlimited            bytes     ",
		"Max processes             " VALUE "processes ",
		"Max open files            " VALUE "files     ",
		"Max locked memory         " VALUE "bytes     ",
		"Max address space         unlimited            unlimited            bytes     ",
		"Max file locks            unlimited            unlimited            locks     ",
		"Max pending signals       " VALUE "signals   ",
		"Max msgqueue size         " VALUE "bytes     ",
		"Max nice priority         [0-9 ]{41} ",
		"Max realtime priority     [0-9 ]{41} ",
		"Max realtime timeout      unlimited            unlimited            us        ",
		NULL,
	};
	char *at;

	ASSERT_OK(setrlimit(RLIMIT_CORE, &r));
	for (at = whole_file("/proc/self/limits"); *at; at = strchr(at, '\n') + 1) {
		size_t len = strcspn(at, "\n");

		ASSERT(at[len]);
		EXPECT(len == 78 || len == 68);
	}
	at = text;
	follow(&at, grammar);
	EXPECT_STR(at, "");
}

TEST(oom_files_are_numbers)
{
	char *at = whole_file("/proc/self/oom_score");
	long before, after;

	EXPECT(matches(strtok(at, "\n"), NR));
	before = atol(at);
	EXPECT_LE(before, 2000);
	EXPECT_STR(whole_file("/proc/self/oom_score_adj"), "0\n");
	make_file("/proc/self/oom_score_adj", "500", 3);
	EXPECT_STR(whole_file("/proc/self/oom_score_adj"), "500\n");
	after = atol(whole_file("/proc/self/oom_score"));
	/* The score is two thirds of (badness in thousandths of memory + 1000). */
	EXPECT_GE(after - before, 332);
	EXPECT_LE(after - before, 335);
}

/* ---- numa_maps ---- */

#define COUNT(name) "( " name "=" NR ")?"

TEST(numa_maps_has_these_lines)
{
	static const char *const grammar[] = {
		"[0-9a-f]{8,} default( file=[^ ]+)?( heap)?( stack)?( huge)?" COUNT("anon")
			COUNT("dirty") COUNT("mapped") COUNT("mapmax") COUNT("swapcache")
				COUNT("active") COUNT("writeback") "( N[0-9]+=" NR
								   ")*( kernelpagesize_kB=4)?",
		NULL,
	};
	struct stat st;

	if (stat("/proc/self/numa_maps", &st))
		skip("no numa_maps here");
	follow_all("/proc/self/numa_maps", grammar);
}

/* The line of the area at p, without its address. */
static char *policy_line(const void *p)
{
	char *line = numa_line(p);

	ASSERT(line && strchr(line, ' '));
	return strchr(line, ' ') + 1;
}

TEST(numa_maps_tells_policies_and_pages)
{
	static const struct {
		int mode;
		const char *text;
	} kinds[] = {
		{ MPOL_BIND, "bind:0" },
		{ MPOL_BIND | MPOL_F_STATIC_NODES, "bind=static:0" },
		{ MPOL_BIND | MPOL_F_RELATIVE_NODES, "bind=relative:0" },
		{ MPOL_INTERLEAVE, "interleave:0" },
		{ MPOL_PREFERRED, "prefer:0" },
		{ MPOL_PREFERRED_MANY, "prefer (many):0" },
	};
	struct stat st;
	char *p;

	if (stat("/proc/self/numa_maps", &st))
		skip("no numa_maps here");
	p = map_kind(RW, MAP_PRIVATE);
	EXPECT_STR(policy_line(p), "default");
	*p = 1;
	/* On which list a new page lies is up to the kernel. */
	EXPECT(matches(policy_line(p),
		       "default anon=1 dirty=1( active=0)? N[0-9]+=1 kernelpagesize_kB=4"));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		p = map_kind(RW, MAP_PRIVATE);
		ASSERT_OK(mbind(p, PAGE, kinds[i].mode, one_node(0), 0));
		EXPECT_STR(policy_line(p), kinds[i].text);
	}
	p = map_kind(RW, MAP_PRIVATE);
	ASSERT_OK(mbind(p, PAGE, MPOL_LOCAL, low_nodes(0), 0));
	EXPECT_STR(policy_line(p), "local");
}

/* ---- pagemap ---- */

#define PM_PRESENT   (1ULL << 63)
#define PM_SWAP	     (1ULL << 62)
#define PM_FILE	     (1ULL << 61)
#define PM_EXCLUSIVE (1ULL << 56)
/* Soft dirtiness (55) is an option; the rest is the frame's number. */
#define PM_FRAME ((1ULL << 55) - 1)
#define PM_KIND	 (~(PM_FRAME | 1ULL << 55))

static uint64_t pagemap(const void *p)
{
	uint64_t e = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	ASSERT_OK(fd);
	EXPECT_EQ(pread(fd, &e, 8, (unsigned long)p / PAGE * 8), 8);
	close(fd);
	return e;
}

TEST(pagemap_tells_what_kind_of_page)
{
	char *anon = map_pages(2), *zero = map_pages(1), *none = map_pages(1), *shared, *file;
	int fd;
	pid_t pid;

	/* The huge zero page and huge pages tell another story. */
	madvise(anon, 2 * PAGE, 15 /* MADV_NOHUGEPAGE */);
	madvise(zero, PAGE, 15);
	anon[0] = 1;
	EXPECT_EQ(pagemap(anon) & PM_KIND, PM_PRESENT | PM_EXCLUSIVE);
	EXPECT_EQ(pagemap(anon + PAGE), 0);
	EXPECT_EQ(*(volatile char *)zero, 0);
	EXPECT_EQ(pagemap(zero) & PM_KIND, PM_PRESENT);
	none[0] = 1;
	ASSERT_OK(mprotect(none, PAGE, PROT_NONE));
	EXPECT_EQ(pagemap(none) & PM_KIND, PM_PRESENT | PM_EXCLUSIVE);
	shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(shared, MAP_FAILED);
	EXPECT_EQ(pagemap(shared), 0);
	shared[0] = 1;
	EXPECT_EQ(pagemap(shared) & PM_KIND, PM_PRESENT | PM_FILE | PM_EXCLUSIVE);
	test_dir();
	make_file("file", "contents", 8);
	fd = open("file", O_RDWR);
	file = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	ASSERT_NE(file, MAP_FAILED);
	EXPECT_EQ(*(volatile char *)file, 'c');
	EXPECT_EQ(pagemap(file) & PM_KIND, PM_PRESENT | PM_FILE | PM_EXCLUSIVE);
	file[0] = 'C';
	EXPECT_EQ(pagemap(file) & PM_KIND, PM_PRESENT | PM_EXCLUSIVE);
	/* A child shares the page: nobody has it alone. */
	pid = test_fork();
	if (!pid) {
		EXPECT_EQ(pagemap(anon) & PM_KIND, PM_PRESENT);
		EXPECT_EQ(pagemap(shared) & (PM_FILE | PM_SWAP),
			  pagemap(shared) & PM_PRESENT ? PM_FILE : 0);
		anon[0] = 2;
		EXPECT_EQ(pagemap(anon) & PM_KIND, PM_PRESENT | PM_EXCLUSIVE);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	ASSERT_OK(munmap(anon, 2 * PAGE));
	EXPECT_EQ(pagemap(anon), 0);
}

TEST(pagemap_is_read_in_whole_entries)
{
	uint64_t e[4];
	int fd = open("/proc/self/pagemap", O_RDONLY);
	char *p = map_pages(1);

	ASSERT_OK(fd);
	p[0] = 1;
	EXPECT_ERR(pread(fd, e, 7, 0), EINVAL);
	EXPECT_ERR(pread(fd, e, 12, 0), EINVAL);
	EXPECT_ERR(pread(fd, e, 8, 4), EINVAL);
	EXPECT_ERR(pread(fd, (void *)8, 8, 0), EFAULT);
	EXPECT_EQ(pread(fd, e, 0, 0), 0);
	EXPECT_EQ(pread(fd, e, 8, 1L << 60), 0);
	EXPECT_EQ(pread(fd, e, sizeof(e), 0), sizeof(e));
	EXPECT_EQ(e[0], 0);
	if (getuid())
		skip("frame numbers are for root");
	EXPECT_NE(pagemap(p) & PM_FRAME, 0);
	pid_t pid = test_fork();

	if (!pid) {
		/* Open for nobody too, after exec or PR_SET_DUMPABLE: but without the numbers. */
		ASSERT_OK(setuid(65534));
		ASSERT_OK(syscall(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0));
		p[0] = 2;
		EXPECT_EQ(pagemap(p) & ~(1ULL << 55), PM_PRESENT | PM_EXCLUSIVE);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}
