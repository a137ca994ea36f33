/* Capabilities: parts of root's power are given up for good, follow the user IDs, and come back by exec. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "files.h"
#include "test.h"

#define SETUID	7
#define SETPCAP 8
#define SYSLOG	34
#define CHOWN	0
#define BIT(n)	(1ULL << (n))

struct sets {
	uint64_t effective, permitted, inheritable;
};

struct header {
	uint32_t version;
	int pid;
};

struct data {
	uint32_t effective, permitted, inheritable;
};

static struct sets get(void)
{
	struct header head = { 0x20080522, 0 };
	struct data d[2];

	ASSERT_OK(syscall(SYS_capget, &head, d));
	return (struct sets){ d[0].effective | (uint64_t)d[1].effective << 32,
			      d[0].permitted | (uint64_t)d[1].permitted << 32,
			      d[0].inheritable | (uint64_t)d[1].inheritable << 32 };
}

static int set(struct sets s)
{
	struct header head = { 0x20080522, 0 };
	struct data d[2] = { { s.effective, s.permitted, s.inheritable },
			     { s.effective >> 32, s.permitted >> 32, s.inheritable >> 32 } };

	return syscall(SYS_capset, &head, d);
}

/* The effective or permitted set as /proc/self/status tells it. */
static uint64_t status(const char *name)
{
	static char text[8192];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	char *at;

	close(fd);
	ASSERT_GT(n, 0);
	text[n] = 0;
	at = strstr(text, name);
	ASSERT(at);
	return strtoull(at + strlen(name) + 1, NULL, 16);
}

/* Root's own file, or another's, is given away: asks for CAP_CHOWN alone. */
static void give_away(int expected)
{
	static int uid = 1000;

	if (expected)
		EXPECT_ERR(chown("file", ++uid, -1), expected);
	else
		EXPECT_OK(chown("file", ++uid, -1));
}

TEST(a_part_given_up_is_gone)
{
	need_root();
	struct sets s = get(), less = s;

	test_dir();
	close(open("file", O_CREAT | O_WRONLY, 0600));
	EXPECT_EQ(status("CapEff:"), s.effective);
	give_away(0);
	less.effective &= ~BIT(CHOWN);
	ASSERT_OK(set(less));
	EXPECT_EQ(get().effective, less.effective);
	EXPECT_EQ(get().permitted, s.permitted);
	EXPECT_EQ(status("CapEff:"), less.effective);
	EXPECT_EQ(status("CapPrm:"), s.permitted);
	give_away(EPERM);
	ASSERT_OK(set(s)); /* only put aside, still permitted */
	give_away(0);
	less.permitted &= ~BIT(CHOWN);
	ASSERT_OK(set(less));
	EXPECT_ERR(set(s), EPERM);
	give_away(EPERM);
	EXPECT_EQ(geteuid(), 0);
}

TEST(effective_is_part_of_permitted)
{
	need_root();
	struct sets s = get();

	s.permitted &= ~(BIT(SETUID) | BIT(SYSLOG));
	EXPECT_ERR(set(s), EPERM);
	s.effective = 0;
	ASSERT_OK(set(s));
	EXPECT_ERR(setresuid(5, 6, 7), EPERM);
	s.permitted = 0;
	ASSERT_OK(set(s));
	s.inheritable |= BIT(CHOWN);
	EXPECT_ERR(set(s), EPERM);
	EXPECT_EQ(get().permitted, 0);
}

TEST(inheritable_is_kept)
{
	need_root();
	struct sets s = get();

	s.inheritable = BIT(CHOWN) | BIT(SYSLOG);
	ASSERT_OK(set(s));
	EXPECT_EQ(status("CapInh:"), s.inheritable);
	ASSERT_OK(setuid(65534));
	s = get();
	EXPECT_EQ(s.inheritable, BIT(CHOWN) | BIT(SYSLOG));
	EXPECT_EQ(s.permitted, 0);
	EXPECT_EQ(s.effective, 0);
}

TEST(sets_follow_the_user_ids)
{
	need_root();
	const struct sets all = get();

	ASSERT_OK(seteuid(65534));
	EXPECT_EQ(get().effective, 0);
	EXPECT_EQ(get().permitted, all.permitted);
	ASSERT_OK(set((struct sets){ all.effective & BIT(SETUID), all.permitted, 0 }));
	EXPECT_EQ(get().effective, all.effective & BIT(SETUID)); /* without being root */
	ASSERT_OK(setresuid(-1, 0, -1));
	EXPECT_EQ(get().effective, all.permitted);
	ASSERT_OK(setresuid(65534, 65534, 0));
	EXPECT_EQ(get().permitted, all.permitted); /* the saved ID is still 0 */
	EXPECT_EQ(get().effective, 0);
	ASSERT_OK(setresuid(-1, 0, -1));
	ASSERT_OK(setresuid(65534, 65534, 65534));
	EXPECT_EQ(get().permitted, 0);
	EXPECT_EQ(get().effective, 0);
	EXPECT_ERR(seteuid(0), EPERM);
}

TEST(the_file_systems_id_takes_the_rights_over_files)
{
	need_root();
	const struct sets all = get();

	setfsuid(65534);
	EXPECT_EQ(get().effective & BIT(CHOWN), 0);
	EXPECT_EQ(get().effective & BIT(SETUID), all.effective & BIT(SETUID));
	setfsuid(0);
	EXPECT_EQ(get().effective, all.effective);
}

/* 0 when permitted and effective are the set in argv[3]. */
HELPER(sees)
{
	const uint64_t wanted = strtoull(argv[3], NULL, 16);

	return get().permitted != wanted || get().effective != wanted;
}

static void expect_after_exec(uint64_t wanted)
{
	char text[32];
	pid_t pid = test_fork();

	snprintf(text, sizeof(text), "%llx", (unsigned long long)wanted);
	if (!pid)
		exec_helper("sees", text);
	EXPECT_EXIT(pid, 0);
}

TEST(exec_gives_root_all_that_it_may_have)
{
	need_root();
	struct sets s = get();

	s.permitted = s.effective = BIT(SETUID) | BIT(SETPCAP);
	ASSERT_OK(set(s));
	expect_after_exec(status("CapBnd:"));
	ASSERT_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	expect_after_exec(BIT(SETUID) | BIT(SETPCAP));
	ASSERT_OK(setuid(65534));
	expect_after_exec(0);
}

TEST(exec_leaves_others_nothing)
{
	need_root();
	const struct sets all = get();

	ASSERT_OK(setresuid(65534, 65534, 0));
	ASSERT_OK(set((struct sets){ all.permitted, all.permitted, 0 }));
	expect_after_exec(0);
}

TEST(who_gave_them_up_does_not_enter_who_has_them)
{
	static int value = 42;
	int copy = 0;
	struct iovec here = { &copy, sizeof(copy) }, there = { &value, sizeof(value) };
	struct sets none = { 0, 0, 0 };
	char path[40];
	pid_t pid;

	if (!get().permitted)
		skip("has none to give up");
	pid = test_fork();
	if (!pid)
		for (;;)
			pause();
	EXPECT_EQ(process_vm_readv(pid, &here, 1, &there, 1, 0), (ssize_t)sizeof(copy));
	EXPECT_EQ(copy, 42);
	ASSERT_OK(set(none));
	EXPECT_ERR(process_vm_readv(pid, &here, 1, &there, 1, 0), EPERM);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	EXPECT_ERR(open(path, O_RDONLY), EACCES);
	/* Itself it may. */
	EXPECT_EQ(process_vm_readv(getpid(), &here, 1, &there, 1, 0), (ssize_t)sizeof(copy));
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
}
