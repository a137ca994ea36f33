/*
 * prctls.c - prctl(2): names of memory, what /proc shows of an address space, the auxiliary vector, inherited settings.
 */
#include "test.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif

static int name_it(void *start, size_t len, const char *name)
{
	return syscall(SYS_prctl, PR_SET_VMA, 0L, start, len, name);
}

static char *map(size_t len, int flags)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	ASSERT(p != MAP_FAILED);
	return p;
}

static void need_names(void)
{
	char *p = map(PAGE, MAP_PRIVATE);

	if (name_it(p, PAGE, "x") && errno == EINVAL)
		skip("no names of memory here");
	munmap(p, PAGE);
}

/* The line of maps that begins at @start: its end, and its last word in @name. 0: no such line */
static unsigned long line_at(void *start, char *name, int size)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long from, to, found = 0;
	char line[512], word[256];

	ASSERT(f);
	while (fgets(line, sizeof(line), f)) {
		word[0] = 0;
		sscanf(line, "%lx-%lx %*s %*s %*s %*s %255[^\n]", &from, &to, word);
		if (from == (uintptr_t)start) {
			found = to;
			snprintf(name, size, "%s", word);
		}
	}
	fclose(f);
	return found;
}

#define EXPECT_AREA(start, len, text)                                                  \
	do {                                                                           \
		char n_[256] = "";                                                     \
		EXPECT_EQ(line_at(start, n_, sizeof(n_)), (uintptr_t)(start) + (len)); \
		EXPECT(!strcmp(n_, text));                                             \
	} while (0)

TEST(a_named_range_is_an_area_of_its_own)
{
	char *p;

	need_names();
	p = map(8 * PAGE, MAP_PRIVATE);
	ASSERT_OK(mprotect(p + 7 * PAGE, PAGE, PROT_NONE));
	ASSERT_OK(mprotect(p, PAGE, PROT_NONE));
	EXPECT_OK(name_it(p + 2 * PAGE, 2 * PAGE, "my heap 1"));
	EXPECT_AREA(p + PAGE, PAGE, "");
	EXPECT_AREA(p + 2 * PAGE, 2 * PAGE, "[anon:my heap 1]");
	EXPECT_AREA(p + 4 * PAGE, 3 * PAGE, "");
	/* The same name merges, and so does none. */
	EXPECT_OK(name_it(p + 4 * PAGE, PAGE, "my heap 1"));
	EXPECT_AREA(p + 2 * PAGE, 3 * PAGE, "[anon:my heap 1]");
	EXPECT_OK(name_it(p + 3 * PAGE, PAGE, "other"));
	EXPECT_AREA(p + 2 * PAGE, PAGE, "[anon:my heap 1]");
	EXPECT_AREA(p + 3 * PAGE, PAGE, "[anon:other]");
	EXPECT_AREA(p + 4 * PAGE, PAGE, "[anon:my heap 1]");
	/* Other changes keep it. */
	ASSERT_OK(mprotect(p + 3 * PAGE, PAGE, PROT_READ));
	EXPECT_AREA(p + 3 * PAGE, PAGE, "[anon:other]");
	ASSERT_OK(mprotect(p + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE));
	EXPECT_OK(name_it(p + PAGE, 6 * PAGE, NULL));
	EXPECT_AREA(p + PAGE, 6 * PAGE, "");
}

TEST(the_name_moves_grows_and_is_inherited)
{
	char *p, *q;
	pid_t pid;

	need_names();
	p = map(4 * PAGE, MAP_PRIVATE);
	q = map(16 * PAGE, MAP_PRIVATE);
	ASSERT_OK(mprotect(q, 16 * PAGE, PROT_NONE));
	memset(p, 1, 4 * PAGE);
	ASSERT_OK(name_it(p, 4 * PAGE, "walker"));
	ASSERT(mremap(p, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + PAGE) == q + PAGE);
	EXPECT_AREA(q + PAGE, 6 * PAGE, "[anon:walker]");
	EXPECT_EQ(q[PAGE], 1);
	pid = test_fork();
	if (!pid) {
		EXPECT_AREA(q + PAGE, 6 * PAGE, "[anon:walker]");
		EXPECT_OK(name_it(q + PAGE, 6 * PAGE, "child"));
		EXPECT_AREA(q + PAGE, 6 * PAGE, "[anon:child]");
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	EXPECT_AREA(q + PAGE, 6 * PAGE, "[anon:walker]");
}

TEST(shared_memory_may_have_a_name_files_not)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	char *p, *f;

	need_names();
	p = map(2 * PAGE, MAP_SHARED);
	if (name_it(p, 2 * PAGE, "pool"))
		skip("no names of shared memory here");
	EXPECT_AREA(p, 2 * PAGE, "[anon_shmem:pool]");
	f = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT(f != MAP_FAILED);
	EXPECT_ERR(name_it(f, PAGE, "no"), EBADF);
}

TEST(bad_names_and_ranges)
{
	char longest[81], *p;

	need_names();
	p = map(3 * PAGE, MAP_PRIVATE);
	memset(longest, 'n', sizeof(longest));
	longest[80] = 0;
	EXPECT_ERR(name_it(p, PAGE, longest), EINVAL);
	longest[79] = 0;
	EXPECT_OK(name_it(p, PAGE, longest));
	EXPECT_OK(name_it(p, PAGE, ""));
	EXPECT_AREA(p, PAGE, "[anon:]");
	for (const char *c = "\\`$[]\n\t\x7f\x80"; *c; c++) {
		char bad[] = { 'a', *c, 0 };

		EXPECT_ERR(name_it(p, PAGE, bad), EINVAL);
	}
	EXPECT_ERR(name_it(p, PAGE, (char *)8), EFAULT);
	EXPECT_ERR(name_it(p + 1, PAGE, "x"), EINVAL);
	EXPECT_ERR(name_it(p, -1UL, "x"), EINVAL);
	EXPECT_OK(name_it(p, 0, "x"));
	EXPECT_ERR(syscall(SYS_prctl, PR_SET_VMA, 1L, p, PAGE, "x"), EINVAL);
	munmap(p + PAGE, PAGE);
	EXPECT_ERR(name_it(p, 3 * PAGE, "around"), ENOMEM);
	EXPECT_AREA(p, PAGE, "[anon:around]");
	EXPECT_AREA(p + 2 * PAGE, PAGE, "[anon:around]");
}

/* ---- the auxiliary vector ---- */

TEST(the_auxiliary_vector_comes_back)
{
	unsigned long v[128] = { 0 };
	long n = syscall(SYS_prctl, PR_GET_AUXV, v, sizeof(v), 0L, 0L);
	int i;

	if (n < 0 && errno == EINVAL)
		skip("no PR_GET_AUXV here");
	ASSERT(n > 0 && n <= (long)sizeof(v));
	for (i = 0; v[i] && v[i] != AT_ENTRY; i += 2)
		;
	EXPECT_EQ(v[i + 1], getauxval(AT_ENTRY));
	EXPECT_EQ(syscall(SYS_prctl, PR_GET_AUXV, v, 8L, 0L, 0L), n);
	EXPECT_ERR(syscall(SYS_prctl, PR_GET_AUXV, v, sizeof(v), 1L, 0L), EINVAL);
	EXPECT_ERR(syscall(SYS_prctl, PR_GET_AUXV, 8L, sizeof(v), 0L, 0L), EFAULT);
}

/* ---- PR_SET_MM ---- */

static int set_mm(long which, void *addr, unsigned long len)
{
	return syscall(SYS_prctl, PR_SET_MM, which, addr, len, 0L);
}

TEST(the_command_line_can_be_moved)
{
	char *p = map(PAGE, MAP_PRIVATE), text[64] = "";
	int fd;

	memcpy(p, "new\0name", 9);
	if (set_mm(PR_SET_MM_ARG_START, p, 0) && (errno == EPERM || errno == EINVAL)) {
		/* Its end lies below: one of the two must come first. */
		if (set_mm(PR_SET_MM_ARG_END, p + 9, 0))
			skip("no PR_SET_MM here");
		ASSERT_OK(set_mm(PR_SET_MM_ARG_START, p, 0));
	} else {
		ASSERT_OK(set_mm(PR_SET_MM_ARG_END, p + 9, 0));
	}
	fd = open("/proc/self/cmdline", O_RDONLY);
	EXPECT_EQ(read(fd, text, sizeof(text)), 9);
	EXPECT(!memcmp(text, "new\0name", 9));
	EXPECT_ERR(set_mm(PR_SET_MM_ARG_START, p + 10, 0), EINVAL); /* behind its end */
	EXPECT_ERR(set_mm(PR_SET_MM_ARG_START, (void *)-PAGE, 0), EINVAL);
	EXPECT_ERR(set_mm(99, p, 0), EINVAL);
	EXPECT_ERR(set_mm(PR_SET_MM_ARG_START, p, 5), EINVAL);
	EXPECT_ERR(syscall(SYS_prctl, PR_SET_MM, PR_SET_MM_ARG_START, p, 0L, 1L), EINVAL);
	if (!getuid()) {
		ASSERT_OK(setuid(1234));
		EXPECT_ERR(set_mm(PR_SET_MM_ARG_START, p, 0), EPERM);
	}
}

/* ---- flags that stay with the process ---- */

HELPER(thp)
{
	return prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
}

TEST(thp_disable_survives_fork_and_exec)
{
	pid_t pid;
	int status;

	EXPECT_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
	EXPECT_ERR(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0), EINVAL);
	EXPECT_ERR(prctl(PR_SET_THP_DISABLE, 1, 1, 1, 1), EINVAL);
	EXPECT_OK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	pid = fork();
	if (!pid)
		exec_helper("thp", NULL);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(WEXITSTATUS(status), 1);
	EXPECT_OK(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	EXPECT_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
}

TEST(ambient_capabilities)
{
	EXPECT_OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
	EXPECT_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 1, 0, 0), 0);
	EXPECT_OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, 1, 0, 0));
	EXPECT_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 64, 0, 0), EINVAL);
	EXPECT_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0), EINVAL);
	EXPECT_ERR(prctl(PR_CAP_AMBIENT, 9, 1, 0, 0), EINVAL);
}

TEST(no_new_privs_shows_in_status)
{
	char line[128];
	int found = 0;
	FILE *f;

	ASSERT_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	f = fopen("/proc/self/status", "r");
	ASSERT(f);
	while (fgets(line, sizeof(line), f))
		found |= !strcmp(line, "NoNewPrivs:\t1\n");
	fclose(f);
	EXPECT(found);
}
