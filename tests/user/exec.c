/*
 * exec.c - execve and friends: what the new program finds, what is refused, what survives.
 *
 * The suite executes itself as a helper, which looks at its own argv, environment, auxiliary
 * vector, descriptors and stack, and answers by its exit status (0: all as promised).
 */
#include "test.h"
#include <elf.h>
#include <limits.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

extern char **environ;

static int helper_bad;
#define REQUIRE(cond)                                                                              \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			say("# %s:%d: in the executed program: %s is false\n", __FILE__, __LINE__, \
			    #cond);                                                                \
			helper_bad = 1;                                                            \
		}                                                                                  \
	} while (0)

/* Fork, execute, return the status. */
static int run_path(const char *path, char **argv, char **envp)
{
	pid_t pid = test_fork();

	if (!pid) {
		execve(path, argv, envp);
		_exit(200 + (errno == ENOENT));
	}
	return test_wait(pid);
}

static int run_helper(const char *name, const char *arg)
{
	pid_t pid = test_fork();

	if (!pid) {
		exec_helper(name, arg);
		_exit(200);
	}
	return test_wait(pid);
}

#define EXPECT_STATUS(call, code) EXPECT_EQ(call, (code) << 8)

/* ---- what the program finds ---- */

HELPER(arguments)
{
	REQUIRE(argc == 6);
	REQUIRE(!strcmp(argv[3], ""));
	REQUIRE(!strcmp(argv[4], "two words"));
	REQUIRE(!strcmp(argv[5], "\xc3\xa4\xff\x01"));
	REQUIRE(!argv[6]);
	REQUIRE(environ[0] && !strcmp(environ[0], "A=1"));
	REQUIRE(environ[1] && !strcmp(environ[1], "B="));
	REQUIRE(environ[2] && !strcmp(environ[2], "no equals sign"));
	REQUIRE(!environ[3]);
	/* The strings lie in order, just above the pointers. */
	REQUIRE(argv[4] == argv[3] + 1);
	REQUIRE(environ[0] > argv[5]);
	return helper_bad;
}

TEST(arguments_and_environment_arrive)
{
	char *argv[] = {
		"zero", "--helper", "arguments", "", "two words", "\xc3\xa4\xff\x01", NULL
	};
	char *envp[] = { "A=1", "B=", "no equals sign", NULL };

	EXPECT_STATUS(run_path(test_self, argv, envp), 0);
}

HELPER(auxiliary)
{
	extern char _start[];
	const Elf64_Ehdr *eh = NULL;
	const Elf64_Phdr *ph = (void *)getauxval(AT_PHDR);

	REQUIRE(getauxval(AT_PAGESZ) == PAGE);
	REQUIRE(getauxval(AT_ENTRY) == (unsigned long)_start);
	REQUIRE(getauxval(AT_PHENT) == sizeof(*ph));
	REQUIRE(getauxval(AT_PHNUM) > 0 && getauxval(AT_PHNUM) < 30);
	REQUIRE(getauxval(AT_BASE) == 0);
	REQUIRE(getauxval(AT_CLKTCK) == 100);
	REQUIRE(getauxval(AT_UID) == getuid());
	REQUIRE(getauxval(AT_EUID) == geteuid());
	REQUIRE(getauxval(AT_GID) == getgid());
	REQUIRE(getauxval(AT_EGID) == getegid());
	REQUIRE(getauxval(AT_SECURE) == 0);
	REQUIRE(getauxval(AT_HWCAP) != 0);
	REQUIRE(getauxval(AT_RANDOM) != 0);
	REQUIRE(getauxval(AT_EXECFN) && !strcmp((char *)getauxval(AT_EXECFN), test_self));
	REQUIRE(getauxval(AT_PLATFORM) && !strcmp((char *)getauxval(AT_PLATFORM), "x86_64"));
	/* The first loadable segment of a static program holds the ELF header. */
	for (unsigned long i = 0; ph && i < getauxval(AT_PHNUM); i++)
		if (ph[i].p_type == PT_LOAD && !ph[i].p_offset)
			eh = (void *)ph[i].p_vaddr;
	REQUIRE(eh && !memcmp(eh->e_ident, "\177ELF", 4));
	REQUIRE(eh && eh->e_phnum == getauxval(AT_PHNUM));
	return helper_bad;
}

TEST(the_auxiliary_vector_is_right)
{
	EXPECT_STATUS(run_helper("auxiliary", NULL), 0);
}

HELPER(random_bytes)
{
	return write(atoi(argv[3]), (void *)getauxval(AT_RANDOM), 16) != 16;
}

TEST(each_exec_gets_its_own_random_bytes)
{
	char a[32], arg[16];
	int fd[2];

	ASSERT_OK(pipe(fd));
	snprintf(arg, sizeof(arg), "%d", fd[1]);
	EXPECT_STATUS(run_helper("random_bytes", arg), 0);
	EXPECT_STATUS(run_helper("random_bytes", arg), 0);
	ASSERT_EQ(read(fd[0], a, 32), 32);
	EXPECT(memcmp(a, a + 16, 16));
}

HELPER(stack_shape)
{
	uintptr_t p = (uintptr_t)argv;

	REQUIRE(p % 16 == 8); /* argc stands at a multiple of 16 */
	REQUIRE(*(long *)(p - 8) == argc);
	return helper_bad;
}

TEST(the_first_stack_pointer_is_aligned_for_any_argument)
{
	char arg[40];

	for (int len = 0; len < 20; len++) {
		memset(arg, 'a', len);
		arg[len] = 0;
		EXPECT_STATUS(run_helper("stack_shape", arg), 0);
	}
}

HELPER(clean_registers)
{
	return 0;
}

TEST(no_arguments_at_all)
{
	char *empty[] = { NULL };
	pid_t pid = test_fork();

	/* Linux puts one empty string there; the harness then runs as if with no word: do not let it. */
	if (!pid) {
		execve("/nonexistent", empty, empty);
		_exit(errno);
	}
	EXPECT_EXIT(pid, ENOENT);
	EXPECT_STATUS(run_helper("clean_registers", NULL), 0);
}

/* ---- limits ---- */

HELPER(count_big)
{
	long total = 0;

	for (int i = 3; i < argc; i++)
		total += strlen(argv[i]) + 1;
	for (int i = 0; environ[i]; i++)
		total += strlen(environ[i]) + 1;
	return total == atol(argv[3]) ? 0 : 1;
}

TEST(a_megabyte_of_arguments_fits_and_e2big_beyond)
{
	enum { STRING = 100000 };
	static char big[STRING + 1], total[16];
	char *argv[64] = { test_self, "--helper", "count_big", total }, *envp[64];
	struct rlimit r;

	ASSERT_OK(getrlimit(RLIMIT_STACK, &r));
	memset(big, 'b', STRING);
	for (int i = 0; i < 5; i++) {
		argv[4 + i] = big;
		envp[i] = big;
	}
	argv[9] = envp[5] = NULL;
	snprintf(total, sizeof(total), "%d", 10 * (STRING + 1) + 8);
	EXPECT_EQ(strlen(total), 7);
	EXPECT_STATUS(run_path(test_self, argv, envp), 0);
	/* A quarter of the stack limit is the most: 8 MiB / 4. */
	if (r.rlim_cur == 8 << 20) {
		for (int i = 0; i < 40; i++)
			argv[4 + i] = big;
		argv[44] = NULL;
		EXPECT_ERR(execve(test_self, argv, envp), E2BIG);
	}
	/* One string has at most 32 pages. */
	char *huge = malloc(33 * PAGE);

	memset(huge, 'h', 33 * PAGE);
	huge[32 * PAGE - 1] = 0;
	argv[3] = huge;
	argv[4] = NULL;
	EXPECT_STATUS(run_path(test_self, argv, envp), 1);
	huge[32 * PAGE - 1] = 'h';
	huge[32 * PAGE] = 0;
	EXPECT_ERR(execve(test_self, argv, envp), E2BIG);
}

TEST(bad_pointers)
{
	char *argv[] = { (char *)8, NULL }, *fine[] = { "x", NULL };

	EXPECT_ERR(execve(test_self, argv, fine), EFAULT);
	EXPECT_ERR(execve(test_self, fine, argv), EFAULT);
	EXPECT_ERR(syscall(SYS_execve, test_self, 8L, fine), EFAULT);
	EXPECT_ERR(syscall(SYS_execve, test_self, fine, 8L), EFAULT);
	EXPECT_ERR(syscall(SYS_execve, 8L, fine, fine), EFAULT);
	EXPECT_ERR(syscall(SYS_execve, test_self, -4096L, fine), EFAULT);
}

TEST(files_that_cannot_be_executed)
{
	char *argv[] = { "x", NULL };
	static char name[300], path[5000];

	test_dir();
	EXPECT_ERR(execve("absent", argv, argv), ENOENT);
	EXPECT_ERR(execve("", argv, argv), ENOENT);
	EXPECT_ERR(execve(".", argv, argv), EACCES);
	EXPECT_ERR(execve("/dev/null", argv, argv), EACCES);
	make_file("plain", "#!/bin/sh\n", 10);
	EXPECT_ERR(execve("plain", argv, argv), EACCES);
	EXPECT_ERR(execve("plain/x", argv, argv), ENOTDIR);
	ASSERT_OK(chmod("plain", 0100));
	make_file("garbage", "no program", 10);
	ASSERT_OK(chmod("garbage", 0755));
	EXPECT_ERR(execve("garbage", argv, argv), ENOEXEC);
	memset(name, 'n', 256);
	EXPECT_ERR(execve(name, argv, argv), ENAMETOOLONG);
	memset(path, '/', 4998);
	EXPECT_ERR(execve(path, argv, argv), ENAMETOOLONG);
	ASSERT_OK(symlink("loop", "loop"));
	EXPECT_ERR(execve("loop", argv, argv), ELOOP);
}

/* ---- scripts ---- */

HELPER(script_target)
{
	/* interpreter, optional argument (--helper), script path, the caller's arguments */
	return argc;
}

static void script(const char *name, const char *text)
{
	make_file(name, text, strlen(text));
	ASSERT_OK(chmod(name, 0755));
}

/* What a script's interpreter was started with: the helper prints it into a file. */
HELPER(show)
{
	int fd = open("shown", O_CREAT | O_TRUNC | O_WRONLY, 0600);

	for (int i = 0; i < argc; i++) {
		ASSERT_OK(write_all(fd, argv[i], strlen(argv[i])));
		ASSERT_OK(write_all(fd, "|", 1));
	}
	return 0;
}

TEST(a_script_runs_its_interpreter)
{
	char text[700], want[1500], *argv[] = { "ignored", "show", "last", NULL },
				    *envp[] = { NULL };

	test_dir();
	/* #! self --helper: argv becomes self, --helper, ./show, show, last; a link names the helper. */
	snprintf(text, sizeof(text), "#! %s --helper  \nrest\n", test_self);
	script("show", text);
	EXPECT_STATUS(run_path("show", argv, envp), 0);
	snprintf(want, sizeof(want), "%s|--helper|show|show|last|", test_self);
	EXPECT_STR(read_text("shown"), want);
	/* No newline at the end of the file is fine. */
	snprintf(text, sizeof(text), "#!%s\t--helper", test_self);
	script("show", text);
	unlink("shown");
	EXPECT_STATUS(run_path("show", argv, envp), 0);
	EXPECT_STR(read_text("shown"), want);
}

TEST(bad_scripts)
{
	char *argv[] = { "x", NULL };

	test_dir();
	script("a", "#!/nonexistent/sh\n");
	EXPECT_ERR(execve("a", argv, argv), ENOENT);
	script("b", "#!\n");
	EXPECT_ERR(execve("b", argv, argv), ENOEXEC);
	script("c", "#!   \n");
	EXPECT_ERR(execve("c", argv, argv), ENOEXEC);
	script("d", "#!./d\n"); /* its own interpreter, for ever */
	EXPECT_ERR(execve("d", argv, argv), ELOOP);
	script("e", "#!./plain\n");
	make_file("plain", "x", 1);
	EXPECT_ERR(execve("e", argv, argv), EACCES);
	char text[400];

	memset(text, 'l', sizeof(text)); /* a first line longer than the kernel reads */
	memcpy(text, "#!/", 3);
	text[399] = 0;
	script("f", text);
	EXPECT_ERR(execve("f", argv, argv), ENOEXEC);
}

/* ---- what survives and what does not ---- */

HELPER(descriptors)
{
	REQUIRE(fcntl(60, F_GETFD) == 0);
	REQUIRE(fcntl(61, F_GETFD) == -1 && errno == EBADF);
	REQUIRE(fcntl(62, F_GETFD) == -1 && errno == EBADF);
	REQUIRE(lseek(60, 0, SEEK_CUR) == 3);
	return helper_bad;
}

TEST(close_on_exec)
{
	test_dir();
	make_file("f", "123456", 6);
	int fd = open("f", O_RDONLY);

	ASSERT_EQ(dup2(fd, 60), 60);
	ASSERT_EQ(dup3(fd, 61, O_CLOEXEC), 61);
	ASSERT_EQ(dup2(fd, 62), 62);
	ASSERT_OK(fcntl(62, F_SETFD, FD_CLOEXEC));
	ASSERT_EQ(lseek(fd, 3, SEEK_SET), 3);
	EXPECT_STATUS(run_helper("descriptors", NULL), 0);
	EXPECT_EQ(fcntl(61, F_GETFD), FD_CLOEXEC);
}

HELPER(same_process)
{
	struct rlimit r;
	char cwd[300];

	REQUIRE(getppid() == atoi(argv[3]));
	REQUIRE(getsid(0) == getpid());
	REQUIRE(umask(0) == 0123);
	REQUIRE(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/"));
	REQUIRE(!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur == 77);
	REQUIRE(alarm(0) > 10);
	return helper_bad;
}

TEST(process_attributes_survive)
{
	char parent[16];

	snprintf(parent, sizeof(parent), "%d", getpid());
	pid_t pid = test_fork();

	if (!pid) {
		struct rlimit r = { 77, 80 };

		setsid();
		umask(0123);
		ASSERT_OK(chdir("/"));
		setrlimit(RLIMIT_NOFILE, &r);
		alarm(15);
		exec_helper("same_process", parent);
		_exit(99);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(the_old_memory_is_gone_and_the_parent_keeps_its_own)
{
	char *map = mmap((void *)0x10000000000, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(map, MAP_FAILED);
	map[0] = 'm';
	EXPECT_STATUS(run_helper("clean_registers", NULL), 0);
	EXPECT_EQ(map[0], 'm');
}

HELPER(fresh_bss)
{
	static char bss[8 * 4096];

	for (size_t i = 0; i < sizeof(bss); i++)
		if (bss[i])
			return 1;
	memset(bss, 1, sizeof(bss));
	return 0;
}

TEST(data_and_bss_are_fresh_each_time)
{
	for (int i = 0; i < 5; i++)
		EXPECT_STATUS(run_helper("fresh_bss", NULL), 0);
}

TEST(a_failed_exec_leaves_the_process_whole)
{
	char *argv[] = { "x", NULL };
	char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	map[0] = 'k';
	for (int i = 0; i < 50; i++)
		EXPECT_ERR(execve("/nonexistent", argv, argv), ENOENT);
	EXPECT_EQ(map[0], 'k');
}

TEST(a_running_program_cannot_be_written)
{
	char buf[65536], path[200];
	int in, out;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/copy", test_dir());
	ASSERT_OK(in = open(test_self, O_RDONLY));
	ASSERT_OK(out = open(path, O_CREAT | O_WRONLY, 0755));
	while ((n = read(in, buf, sizeof(buf))) > 0)
		ASSERT_OK(write_all(out, buf, n));
	char *argv[] = { path, "--helper", "wait_for_eof", NULL };
	int fd[2], begun[2];
	char c;

	EXPECT_ERR(execve(path, argv, environ), ETXTBSY); /* still open for writing */
	close(out);
	ASSERT_OK(pipe(fd));
	ASSERT_OK(pipe2(begun, O_CLOEXEC));
	pid_t pid = test_fork();

	if (!pid) {
		dup2(fd[0], 0);
		close(fd[1]);
		close(fd[0]);
		execve(path, argv, environ);
		_exit(99);
	}
	close(fd[0]);
	/* exec closes the other end; to try by writing would make it fail. */
	close(begun[1]);
	EXPECT_EQ(read(begun[0], &c, 1), 0);
	EXPECT_ERR(open(path, O_WRONLY), ETXTBSY);
	EXPECT_OK(unlink(path));
	close(fd[1]);
	EXPECT_EXIT(pid, 44);
}

HELPER(wait_for_eof)
{
	char c;

	return read(0, &c, 1) == 0 ? 44 : 1;
}

/* ---- vfork, execveat ---- */

TEST(vfork_suspends_the_parent_and_shares_its_memory)
{
	static volatile int value;
	pid_t pid = vfork();

	if (!pid) {
		value = 5;
		_exit(3);
	}
	EXPECT_EQ(value, 5);
	EXPECT_EXIT(pid, 3);
}

TEST(vfork_releases_the_parent_at_exec)
{
	int fd[2];
	char *argv[] = { test_self, "--helper", "wait_for_eof", NULL };

	ASSERT_OK(pipe(fd));
	pid_t pid = vfork();

	if (!pid) {
		dup2(fd[0], 0);
		close(fd[1]);
		execve(test_self, argv, environ);
		_exit(99);
	}
	/* The new program waits for us, so getting here before its end is the proof. */
	close(fd[0]);
	close(fd[1]);
	EXPECT_EXIT(pid, 44);
}

TEST(execveat_by_descriptor_and_by_directory)
{
	char *argv[] = { "name", "--helper", "clean_registers", NULL };
	char dir[512], *slash;
	int fd = open(test_self, O_RDONLY), dfd;

	ASSERT_OK(fd);
	pid_t pid = test_fork();

	if (!pid) {
		syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
		_exit(99);
	}
	EXPECT_EXIT(pid, 0);
	strcpy(dir, test_self);
	slash = strrchr(dir, '/');
	*slash = 0;
	ASSERT_OK(dfd = open(dir[0] ? dir : "/", O_RDONLY | O_DIRECTORY));
	pid = test_fork();
	if (!pid) {
		syscall(SYS_execveat, dfd, slash + 1, argv, environ, 0);
		_exit(99);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_ERR(syscall(SYS_execveat, fd, "", argv, environ, 0), ENOENT);
	EXPECT_ERR(syscall(SYS_execveat, 999, "x", argv, environ, 0), EBADF);
	EXPECT_ERR(syscall(SYS_execveat, fd, "x", argv, environ, 0), ENOTDIR);
	EXPECT_ERR(syscall(SYS_execveat, dfd, slash + 1, argv, environ, 0x8000000), EINVAL);
	test_dir();
	ASSERT_OK(symlink(test_self, "link"));
	EXPECT_ERR(syscall(SYS_execveat, AT_FDCWD, "link", argv, environ, AT_SYMLINK_NOFOLLOW),
		   ELOOP);
}

/* ---- set-user-ID and permissions by user ---- */

TEST(the_execute_bit_counts_for_each_user)
{
	if (getuid())
		skip("needs root");
	char *argv[] = { "x", NULL };

	test_dir();
	script("s", "#!/nonexistent\n");
	ASSERT_OK(chmod("s", 0100));
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(setuid(65534));
		EXPECT_ERR(execve("s", argv, argv), EACCES);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_ERR(execve("s", argv, argv), ENOENT);
	ASSERT_OK(chmod("s", 0644));
	EXPECT_ERR(execve("s", argv, argv), EACCES); /* root needs one x bit as well */
}
