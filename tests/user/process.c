/*
 * process.c - life and death of processes: statuses, zombies, orphans, sessions, limits, names.
 */
#include "test.h"
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

static int fd[2];

static void make_pipe(void)
{
	ASSERT_OK(pipe(fd));
}

static void need_root(void)
{
	if (getuid())
		skip("needs root");
}

static pid_t sleeper(void)
{
	pid_t pid = test_fork();

	if (!pid)
		for (;;)
			pause();
	return pid;
}

/* ---- wait ---- */

TEST(wait_gives_the_exit_code_and_only_its_low_byte)
{
	static const int codes[] = { 0, 1, 127, 128, 255, 256, 257, -1 };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		pid_t pid = test_fork();

		if (!pid)
			_exit(codes[i]);
		EXPECT_EXIT(pid, codes[i] & 255);
	}
}

TEST(wait_chooses_its_child)
{
	pid_t a = test_fork(), b, c;
	int status;

	if (!a)
		_exit(1);
	b = test_fork();
	if (!b)
		_exit(2);
	c = test_fork();
	if (!c) {
		setpgid(0, 0);
		_exit(3);
	}
	setpgid(c, c);
	EXPECT_EQ(waitpid(b, &status, 0), b);
	EXPECT_EQ(WEXITSTATUS(status), 2);
	EXPECT_EQ(waitpid(-c, &status, 0), c);
	EXPECT_EQ(waitpid(0, &status, 0), a);
	EXPECT_ERR(waitpid(-1, &status, 0), ECHILD);
	EXPECT_ERR(waitpid(b, &status, 0), ECHILD);
	EXPECT_ERR(waitpid(1, &status, WNOHANG), ECHILD);
	EXPECT_ERR(waitpid(-1, &status, 0x1000), EINVAL);
	EXPECT_ERR(syscall(SYS_wait4, -1, 8L, WNOHANG, NULL), ECHILD);
}

TEST(wnohang_does_not_wait)
{
	int status;
	pid_t pid = sleeper();

	EXPECT_EQ(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
}

TEST(waitid_fills_in_siginfo)
{
	siginfo_t info;
	pid_t pid = test_fork();

	if (!pid)
		_exit(200);
	memset(&info, 0xff, sizeof(info));
	ASSERT_OK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	EXPECT_EQ(info.si_signo, SIGCHLD);
	EXPECT_EQ(info.si_code, CLD_EXITED);
	EXPECT_EQ(info.si_pid, pid);
	EXPECT_EQ(info.si_status, 200);
	EXPECT_EQ(info.si_uid, getuid());
	ASSERT_OK(waitid(P_ALL, 0, &info, WEXITED)); /* it was left as a zombie */
	EXPECT_EQ(info.si_pid, pid);
	EXPECT_ERR(waitid(P_PID, pid, &info, WEXITED), ECHILD);
	EXPECT_ERR(waitid(P_ALL, 0, &info, 0), EINVAL);
	EXPECT_ERR(waitid(99, 0, &info, WEXITED), EINVAL);
	EXPECT_ERR(waitid(3 /* P_PIDFD */, 0, &info, WEXITED), EBADF);
	EXPECT_ERR(waitid(3 /* P_PIDFD */, -1, &info, WEXITED), EINVAL);
	pid = sleeper();
	info.si_pid = 77;
	ASSERT_OK(waitid(P_PID, pid, &info, WEXITED | WNOHANG));
	EXPECT_EQ(info.si_pid, 0);
	kill(pid, SIGSTOP);
	ASSERT_OK(waitid(P_PID, pid, &info, WSTOPPED));
	EXPECT_EQ(info.si_code, CLD_STOPPED);
	EXPECT_EQ(info.si_status, SIGSTOP);
	kill(pid, SIGCONT);
	ASSERT_OK(waitid(P_PID, pid, &info, WCONTINUED));
	EXPECT_EQ(info.si_code, CLD_CONTINUED);
	kill(pid, SIGKILL);
	ASSERT_OK(waitid(P_PGID, getpgrp(), &info, WEXITED));
	EXPECT_EQ(info.si_code, CLD_KILLED);
	EXPECT_EQ(info.si_status, SIGKILL);
}

TEST(many_children_are_all_reaped_once)
{
	int left = 60, status;
	char seen[60] = "";
	pid_t pids[60];

	for (int i = 0; i < 60; i++) {
		pids[i] = test_fork();
		if (!pids[i])
			_exit(i);
	}
	while (left--) {
		pid_t pid = wait(&status);

		ASSERT_GT(pid, 0);
		EXPECT_EQ(pids[WEXITSTATUS(status)], pid);
		EXPECT_EQ(seen[WEXITSTATUS(status)]++, 0);
	}
	EXPECT_ERR(wait(NULL), ECHILD);
}

TEST(an_orphan_gets_a_new_parent)
{
	pid_t me = getpid(), ppid = 0;

	make_pipe();
	pid_t pid = test_fork();

	if (!pid) {
		pid_t middle = getpid();

		if (!test_fork()) {
			for (int i = 0; i < 1000 && getppid() == middle; i++)
				usleep(1000);
			ppid = getppid();
			ASSERT_EQ(write(fd[1], &ppid, sizeof(ppid)), sizeof(ppid));
			_exit(0);
		}
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	ASSERT_EQ(read(fd[0], &ppid, sizeof(ppid)), sizeof(ppid));
	EXPECT_NE(ppid, pid);
	EXPECT_NE(ppid, me);
	EXPECT_GT(ppid, 0);
}

TEST(a_subreaper_adopts_orphans)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) && errno == EINVAL)
		skip("no PR_SET_CHILD_SUBREAPER");
	pid_t pid = test_fork(), got;
	int status, codes = 0;

	if (!pid) {
		if (!test_fork()) {
			usleep(20000);
			_exit(2);
		}
		_exit(1);
	}
	while ((got = wait(&status)) > 0)
		codes |= WEXITSTATUS(status);
	EXPECT_EQ(codes, 3);
}

TEST(a_parent_death_signal_arrives)
{
	char c = 0;

	make_pipe();
	pid_t pid = test_fork();

	if (!pid) {
		int ready[2];

		ASSERT_OK(pipe(ready));
		if (!test_fork()) {
			sigset_t s;
			int sig = 0;

			sigemptyset(&s);
			sigaddset(&s, SIGUSR1);
			sigprocmask(SIG_BLOCK, &s, NULL);
			ASSERT_OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
			ASSERT_EQ(write(ready[1], "r", 1), 1);
			ASSERT_EQ(sig = sigwaitinfo(&s, NULL), SIGUSR1);
			ASSERT_EQ(write(fd[1], "d", 1), 1);
			_exit(0);
		}
		ASSERT_EQ(read(ready[0], &c, 1), 1);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	close(fd[1]);
	EXPECT_EQ(read(fd[0], &c, 1), 1);
	EXPECT_EQ(c, 'd');
}

TEST(wait4_gives_the_childs_usage)
{
	struct rusage u;
	int status;
	pid_t pid = test_fork();

	if (!pid) {
		char *p = mmap(NULL, 500 * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (madvise(p, 500 * PAGE, MADV_NOHUGEPAGE) && errno != EINVAL)
			_exit(2);
		memset(p, 1, 500 * PAGE);
		_exit(0);
	}
	EXPECT_EQ(wait4(pid, &status, 0, &u), pid);
	EXPECT_GE(u.ru_minflt, 500);
	EXPECT_GE(u.ru_maxrss, 1000); /* in KiB; Linux may lag by some pages */
	ASSERT_OK(getrusage(RUSAGE_CHILDREN, &u));
	EXPECT_GE(u.ru_minflt, 500);
	EXPECT_ERR(getrusage(99, &u), EINVAL);
	EXPECT_ERR(syscall(SYS_getrusage, RUSAGE_SELF, 8L), EFAULT);
}

/* ---- groups and sessions ---- */

TEST(process_groups)
{
	ASSERT_OK(setpgid(0, 0)); /* whatever started this suite may be in group 0 */
	pid_t pid = sleeper();

	EXPECT_EQ(getpgid(pid), getpgrp());
	EXPECT_OK(setpgid(pid, pid));
	EXPECT_EQ(getpgid(pid), pid);
	EXPECT_EQ(getpgid(0), getpgrp());
	EXPECT_OK(setpgid(pid, getpgrp()));
	EXPECT_EQ(getpgid(pid), getpgrp());
	EXPECT_ERR(setpgid(pid, 0x3ffffff), EPERM);
	EXPECT_ERR(setpgid(pid, -1), EINVAL);
	EXPECT_ERR(setpgid(0x3ffffff, 0), ESRCH);
	EXPECT_ERR(setpgid(getppid(), 0), ESRCH); /* not a child */
	EXPECT_ERR(getpgid(0x3ffffff), ESRCH);
	EXPECT_ERR(getsid(0x3ffffff), ESRCH);
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
}

TEST(a_session_of_its_own)
{
	pid_t pid = test_fork();

	if (!pid) {
		EXPECT_EQ(setsid(), getpid());
		EXPECT_EQ(getsid(0), getpid());
		EXPECT_EQ(getpgrp(), getpid());
		EXPECT_ERR(setsid(), EPERM);
		EXPECT_ERR(setpgid(0, getppid()), EPERM);
		EXPECT_ERR(open("/dev/tty", O_RDWR), ENXIO);
		pid_t child = test_fork();

		if (!child) {
			EXPECT_EQ(getsid(0), getppid());
			EXPECT_EQ(setsid(), getpid());
			_exit(0);
		}
		EXPECT_EXIT(child, 0);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

HELPER(be_setpgid_target)
{
	char c;

	if (write(atoi(argv[3]), "x", 1) != 1)
		return 1;
	for (;;)
		if (read(0, &c, 1) <= 0)
			pause();
}

TEST(setpgid_after_exec_is_eacces)
{
	char arg[16], c;

	make_pipe();
	snprintf(arg, sizeof(arg), "%d", fd[1]);
	pid_t pid = test_fork();

	if (!pid) {
		exec_helper("be_setpgid_target", arg);
		_exit(1);
	}
	ASSERT_EQ(read(fd[0], &c, 1), 1);
	EXPECT_ERR(setpgid(pid, pid), EACCES);
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
}

/* ---- clone ---- */

TEST(clone_with_memory_shared_and_files_shared)
{
	static char stack[16384];
	static volatile int value;
	long pid;

	/* CLONE_VM | CLONE_FILES | SIGCHLD; the child runs on its own stack and only makes calls. */
	register long r10 asm("r10") = 0;
	register long r8 asm("r8") = 0;
	char *top = stack + sizeof(stack) - 64;

	int before = dup(0);

	close(before);
	asm volatile("syscall\n\t"
		     "test %%rax, %%rax\n\t"
		     "jnz 1f\n\t"
		     "movl $99, (%[value])\n\t"
		     "mov $32, %%eax\n\t xor %%edi, %%edi\n\t syscall\n\t" /* dup(0) */
		     "mov %%eax, %%edi\n\t mov $60, %%eax\n\t syscall\n"   /* exit(that) */
		     "1:"
		     : "=a"(pid)
		     : "a"(SYS_clone), "D"(0x100 | 0x400 | SIGCHLD), "S"(top), "d"(0), "r"(r10),
		       "r"(r8), [value] "b"(&value)
		     : "rcx", "r11", "memory");
	ASSERT_GT(pid, 0);
	EXPECT_EXIT(pid, before);
	EXPECT_EQ(value, 99);
	EXPECT_OK(fcntl(before, F_GETFD)); /* its descriptor is ours too */
	EXPECT_ERR(syscall(SYS_clone, 0x10000 | SIGCHLD, 0, 0, 0, 0),
		   EINVAL); /* THREAD without VM */
	EXPECT_ERR(syscall(SYS_clone, 0x800 | SIGCHLD, 0, 0, 0, 0),
		   EINVAL); /* SIGHAND without VM */
}

TEST(clone3_makes_a_child)
{
	uint64_t args[8] = { 0 };
	int tid = 0;

	args[0] = 0x00100000; /* CLONE_PARENT_SETTID */
	args[3] = (uintptr_t)&tid;
	args[4] = SIGCHLD;
	long pid = syscall(SYS_clone3, args, sizeof(args));

	if (pid < 0 && errno == ENOSYS)
		skip("clone3 is filtered here");
	if (!pid)
		_exit(tid == 0 || tid == getpid() ? 31 : 1);
	ASSERT_GT(pid, 0);
	EXPECT_EQ(tid, pid);
	EXPECT_EXIT(pid, 31);
	EXPECT_ERR(syscall(SYS_clone3, args, 8), EINVAL);
	args[4] = 200;
	EXPECT_ERR(syscall(SYS_clone3, args, sizeof(args)), EINVAL);
	EXPECT_ERR(syscall(SYS_clone3, 8L, 64), EFAULT);
}

TEST(rlimit_nproc_stops_fork)
{
	need_root();
	pid_t pid = test_fork();

	if (!pid) {
		struct rlimit r = { 0, 0 };

		ASSERT_OK(setrlimit(RLIMIT_NPROC, &r));
		ASSERT_OK(setgid(54321));
		ASSERT_OK(setuid(54321));
		EXPECT_ERR(fork(), EAGAIN);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

/* ---- identity ---- */

TEST(user_ids_change_as_they_should)
{
	uid_t r, e, s;

	need_root();
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(syscall(SYS_setresuid, 10, 11, 12));
		ASSERT_OK(syscall(SYS_getresuid, &r, &e, &s));
		EXPECT(r == 10 && e == 11 && s == 12);
		EXPECT_OK(syscall(SYS_setreuid, -1, 12));
		EXPECT_EQ(geteuid(), 12);
		EXPECT_ERR(syscall(SYS_setuid, 0), EPERM);
		EXPECT_ERR(syscall(SYS_setresuid, 13, -1, -1), EPERM);
		EXPECT_OK(syscall(SYS_setuid, 10));
		EXPECT_EQ(geteuid(), 10);
		EXPECT_EQ(syscall(SYS_setfsuid, 12), 10);
		EXPECT_EQ(syscall(SYS_setfsuid, 77), 12);
		EXPECT_EQ(syscall(SYS_setfsuid, -1), 12);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	pid = test_fork();
	if (!pid) {
		gid_t groups[4] = { 5, 6, 7 }, got[4];

		ASSERT_OK(syscall(SYS_setgroups, 3, groups));
		EXPECT_EQ(getgroups(0, NULL), 3);
		EXPECT_EQ(getgroups(4, got), 3);
		EXPECT(!memcmp(groups, got, 12));
		EXPECT_ERR(getgroups(2, got), EINVAL);
		ASSERT_OK(syscall(SYS_setresgid, 20, 21, 22));
		EXPECT_EQ(getegid(), 21);
		ASSERT_OK(syscall(SYS_setuid, 9));
		EXPECT_EQ(getuid(), 9);
		EXPECT_EQ(geteuid(), 9);
		EXPECT_ERR(syscall(SYS_setuid, 0), EPERM); /* root gave everything up */
		EXPECT_ERR(syscall(SYS_setgroups, 1, groups), EPERM);
		EXPECT_ERR(syscall(SYS_setgid, 5), EPERM);
		EXPECT_OK(syscall(SYS_setgid, 22));
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(names_and_numbers)
{
	struct utsname un;
	struct sysinfo si;
	char name[17] = "";
	unsigned int cpu = 999, node = 999;

	ASSERT_OK(uname(&un));
	EXPECT_STR(un.sysname, "Linux");
	EXPECT_STR(un.machine, "x86_64");
	EXPECT(un.release[0] >= '3');
	EXPECT_ERR(syscall(SYS_uname, 8L), EFAULT);
	ASSERT_OK(sysinfo(&si));
	EXPECT_GT(si.totalram, 0);
	EXPECT_GE(si.totalram, si.freeram);
	EXPECT_GT(si.procs, 0);
	EXPECT_GE(si.uptime, 0);
	EXPECT_GT(si.mem_unit, 0);
	EXPECT_ERR(syscall(SYS_sysinfo, 8L), EFAULT);
	ASSERT_OK(prctl(PR_SET_NAME, "a name that is too long"));
	ASSERT_OK(prctl(PR_GET_NAME, name));
	EXPECT_STR(name, "a name that is ");
	EXPECT_ERR(prctl(12345), EINVAL);
	ASSERT_OK(syscall(SYS_getcpu, &cpu, &node, NULL));
	EXPECT_LT(cpu, 1024);
	EXPECT_LT(node, 64);
	EXPECT_EQ(syscall(SYS_personality, 0xffffffff), 0);
	EXPECT_EQ(syscall(SYS_gettid), getpid());
	EXPECT_ERR(syscall(99999), ENOSYS);
	EXPECT_ERR(syscall(-1L), ENOSYS);
	EXPECT_ERR(syscall(0x7fffffffL), ENOSYS);
	/* Only the low half of the number counts. */
	EXPECT_EQ(syscall(0xdead0000ffff0000L << 16 | SYS_getpid), getpid());
	EXPECT_ERR(syscall(0x7fffffff00000000L | 0x7fffffff), ENOSYS);
	EXPECT_EQ(syscall(SYS_prctl, PR_GET_TIMING), PR_TIMING_STATISTICAL);
	EXPECT_ERR(syscall(SYS_prctl, PR_SET_TIMING, PR_TIMING_TIMESTAMP), EINVAL);
	ASSERT_OK(prctl(PR_GET_TSC, &cpu));
	EXPECT_EQ(cpu, PR_TSC_ENABLE);
}

/* Each load makes the processor look at the GDT, which the kernel keeps read-only. */
TEST(segments_of_user_mode_can_be_loaded)
{
	unsigned int cs, ds, limit = 0;

	asm volatile("mov %%cs, %0" : "=r"(cs));
	EXPECT_EQ(cs, 0x33);
	asm volatile("mov %1, %%ds\n\tmov %1, %%es\n\tmov %%ds, %0\n\tmov %2, %%ds\n\tmov %2, %%es"
		     : "=&r"(ds)
		     : "r"(0x2b), "r"(0));
	EXPECT_EQ(ds, 0x2b);
	asm volatile("lsl %1, %0" : "+r"(limit) : "r"(0x7b));
	EXPECT_LT(limit & 0xfff, 1024); /* the number of this CPU */
}

TEST(the_pid_is_reported_alike_everywhere)
{
	pid_t told;

	make_pipe();
	pid_t pid = test_fork();

	if (!pid) {
		told = getpid();
		ASSERT_EQ(write(fd[1], &told, sizeof(told)), sizeof(told));
		_exit(0);
	}
	ASSERT_EQ(read(fd[0], &told, sizeof(told)), sizeof(told));
	EXPECT_EQ(told, pid);
	EXPECT_NE(pid, getpid());
	EXPECT_EXIT(pid, 0);
}

TEST(pids_are_not_reused_at_once)
{
	pid_t last = 0;

	for (int i = 0; i < 50; i++) {
		pid_t pid = test_fork();

		if (!pid)
			_exit(0);
		EXPECT_NE(pid, last);
		last = pid;
		EXPECT_EXIT(pid, 0);
	}
}

/* ---- limits and scheduling ---- */

static volatile sig_atomic_t warnings;

static void warned(int sig unused)
{
	warnings++;
}

static void __attribute__((noreturn)) burn(void)
{
	for (;;)
		asm volatile("" ::: "memory");
}

TEST_LIMIT(cpu_time_is_limited, 60)
{
	struct rlimit r = { 1, RLIM_INFINITY };
	pid_t pid = test_fork();

	if (!pid) {
		alarm(50);
		ASSERT_OK(setrlimit(RLIMIT_CPU, &r));
		burn();
	}
	EXPECT_KILLED(pid, SIGXCPU);
	/* Warned at one second and at two, killed at three. */
	pid = test_fork();
	if (!pid) {
		alarm(50);
		signal(SIGXCPU, warned);
		r.rlim_max = 3;
		ASSERT_OK(setrlimit(RLIMIT_CPU, &r));
		while (warnings < 2)
			;
		ASSERT_OK(getrlimit(RLIMIT_CPU, &r));
		EXPECT_EQ(r.rlim_cur, 3);
		EXPECT_GE(clock(), CLOCKS_PER_SEC); /* the tick only samples: no exact bound */
		burn();
	}
	EXPECT_KILLED(pid, SIGKILL);
}

TEST(limits_can_be_lowered_and_are_inherited)
{
	struct rlimit r, old;

	ASSERT_OK(getrlimit(RLIMIT_NOFILE, &old));
	r = (struct rlimit){ 30, 40 };
	ASSERT_OK(setrlimit(RLIMIT_NOFILE, &r));
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(getrlimit(RLIMIT_NOFILE, &r));
		_exit(r.rlim_cur == 30 && r.rlim_max == 40 ? 0 : 1);
	}
	EXPECT_EXIT(pid, 0);
	r = (struct rlimit){ 50, 40 };
	EXPECT_ERR(setrlimit(RLIMIT_NOFILE, &r), EINVAL);
	EXPECT_ERR(getrlimit(99, &r), EINVAL);
	EXPECT_ERR(syscall(SYS_getrlimit, RLIMIT_NOFILE, 8L), EFAULT);
	pid = sleeper();
	ASSERT_OK(syscall(SYS_prlimit64, pid, RLIMIT_CORE, NULL, &r));
	r = (struct rlimit){ 123, 456 };
	ASSERT_OK(syscall(SYS_prlimit64, pid, RLIMIT_CORE, &r, NULL));
	ASSERT_OK(syscall(SYS_prlimit64, pid, RLIMIT_CORE, NULL, &old));
	EXPECT(old.rlim_cur == 123 && old.rlim_max == 456);
	EXPECT_ERR(syscall(SYS_prlimit64, 0x3ffffff, RLIMIT_CORE, NULL, &r), ESRCH);
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
	if (getuid())
		return;
	pid = test_fork();
	if (!pid) {
		ASSERT_OK(setuid(65534));
		r = (struct rlimit){ 30, 50 };
		EXPECT_ERR(setrlimit(RLIMIT_NOFILE, &r), EPERM);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(nice_values)
{
	EXPECT_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 20);
	EXPECT_OK(setpriority(PRIO_PROCESS, 0, 5));
	EXPECT_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 15);
	EXPECT_OK(setpriority(PRIO_PROCESS, 0, 100));
	EXPECT_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 1);
	EXPECT_ERR(syscall(SYS_getpriority, 9, 0), EINVAL);
	EXPECT_ERR(syscall(SYS_getpriority, PRIO_PROCESS, 0x3ffffff), ESRCH);
	pid_t pid = test_fork();

	if (!pid)
		_exit(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	EXPECT_EXIT(pid, 1);
	if (!getuid()) {
		pid = test_fork();
		if (!pid) {
			ASSERT_OK(setuid(65534));
			EXPECT_ERR(setpriority(PRIO_PROCESS, 0, 0), EACCES);
			_exit(0);
		}
		EXPECT_EXIT(pid, 0);
	}
}

TEST(affinity_pins_a_process)
{
	unsigned long mask[16] = { 0 }, one[16] = { 0 };
	long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	unsigned int cpu;
	int pinned = -1;

	ASSERT_GT(bytes, 0);
	for (int i = 0; i < 64; i++)
		if (mask[0] >> i & 1)
			pinned = i;
	ASSERT_GE(pinned, 0);
	one[0] = 1UL << pinned;
	ASSERT_OK(syscall(SYS_sched_setaffinity, 0, sizeof(one), one));
	for (int i = 0; i < 20; i++) {
		ASSERT_OK(syscall(SYS_getcpu, &cpu, NULL, NULL));
		EXPECT_EQ(cpu, pinned);
		sched_yield();
	}
	memset(mask, 0, sizeof(mask));
	ASSERT_GT(syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask), 0);
	EXPECT_EQ(mask[0], one[0]);
	memset(one, 0, sizeof(one));
	EXPECT_ERR(syscall(SYS_sched_setaffinity, 0, sizeof(one), one), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getaffinity, 0, 1, mask), EINVAL);
	EXPECT_ERR(syscall(SYS_sched_getaffinity, 0x3ffffff, sizeof(mask), mask), ESRCH);
	EXPECT_ERR(syscall(SYS_sched_getaffinity, 0, sizeof(mask), 8L), EFAULT);
}

TEST(busy_processes_share_the_cpu)
{
	volatile long *counts =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[4];

	for (int i = 0; i < 4; i++) {
		pids[i] = test_fork();
		if (!pids[i])
			for (;;)
				counts[i * 8]++;
	}
	for (int i = 0; i < 150; i++) {
		usleep(100000);
		if (counts[0] && counts[8] && counts[16] && counts[24])
			break;
	}
	for (int i = 0; i < 4; i++) {
		EXPECT_GT(counts[i * 8], 0);
		kill(pids[i], SIGKILL);
		EXPECT_KILLED(pids[i], SIGKILL);
	}
}

TEST(capabilities_of_root_and_of_nobody)
{
	struct {
		uint32_t version;
		int pid;
	} head = { 0x20080522, 0 };
	struct {
		uint32_t effective, permitted, inheritable;
	} data[2];

	need_root();
	ASSERT_OK(syscall(SYS_capget, &head, data));
	EXPECT(data[0].effective & 1 << 7); /* CAP_SETUID */
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(setuid(65534));
		ASSERT_OK(syscall(SYS_capget, &head, data));
		EXPECT_EQ(data[0].effective, 0);
		EXPECT_EQ(data[1].effective, 0);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	head.version = 1;
	EXPECT_ERR(syscall(SYS_capget, &head, data), EINVAL);
	EXPECT_EQ(head.version, 0x20080522);
}
