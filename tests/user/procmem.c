/*
 * procmem.c - /proc/PID/mem: memory as a file, with a debugger's rights.
 */
#include "memory.h"
#include <sys/prctl.h>
#include <sys/uio.h>

static int mem_of(pid_t pid, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	return open(path, flags);
}

static off_t at(const void *p)
{
	return (off_t)(uintptr_t)p;
}

static pid_t holder(void)
{
	pid_t pid = test_fork();

	if (!pid)
		for (;;)
			pause();
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
}

TEST(bytes_of_another_process_are_read_and_written)
{
	char *p = map_pages(3), got[64] = "";
	pid_t pid;
	int fd;

	memcpy(p + PAGE - 3, "abcdef", 6);
	pid = holder();
	memset(p, 0, 3 * PAGE);
	fd = mem_of(pid, O_RDWR);
	ASSERT_OK(fd);
	EXPECT_EQ(pread(fd, got, 6, at(p + PAGE - 3)), 6);
	EXPECT_STR(got, "abcdef");
	EXPECT_EQ(pwrite(fd, "UVW", 3, at(p + PAGE - 1)), 3);
	/* The position is the address. */
	EXPECT_EQ(lseek(fd, at(p + PAGE - 4), SEEK_SET), at(p + PAGE - 4));
	EXPECT_EQ(read(fd, got, 4), 4);
	EXPECT_EQ(lseek(fd, 0, SEEK_CUR), at(p + PAGE));
	EXPECT_EQ(read(fd, got + 4, 4), 4);
	EXPECT(!memcmp(got, "\0abUVWf\0", 8));
	EXPECT_ERR(lseek(fd, 0, SEEK_END), EINVAL);
	EXPECT_EQ(p[PAGE], 0);
	end(pid);
	/* Its memory is gone; the file is not. */
	EXPECT_EQ(pread(fd, got, 6, at(p)), 0);
	EXPECT_EQ(pwrite(fd, got, 6, at(p)), 0);
	close(fd);
}

TEST(holes_are_io_errors)
{
	char *p = map_pages(3), *buf = map_pages(2);
	int fd = mem_of(getpid(), O_RDWR);

	ASSERT_OK(fd);
	memset(p, 'x', PAGE);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_EQ(pread(fd, buf, 2 * PAGE, at(p + PAGE - 5)), 5);
	EXPECT_ERR(pread(fd, buf, 1, at(p + PAGE)), EIO);
	EXPECT_ERR(pwrite(fd, buf, 1, at(p + PAGE)), EIO);
	EXPECT_ERR(pread(fd, buf, 1, 0), EIO);
	EXPECT_EQ(pread(fd, buf, 0, at(p + PAGE)), 0);
	EXPECT_ERR(pread(fd, (void *)8, 1, at(p)), EFAULT);
	EXPECT_ERR(pwrite(fd, (void *)8, 1, at(p)), EFAULT);
	close(fd);
}

/* What mprotect could give back the file gives: private memory, whatever its rights now. */
TEST(rights_of_areas_do_not_bind_a_debugger)
{
	char *p = map_pages(4), buf[8] = "", *ro, *shared;
	int fd = mem_of(getpid(), O_RDWR), file = memfd_create("mem", 0);

	ASSERT_OK(fd);
	ASSERT_OK(file);
	memset(p, 'x', 3 * PAGE);
	ASSERT_OK(mprotect(p, 4 * PAGE, PROT_READ));
	ASSERT_OK(mprotect(p + PAGE, PAGE, PROT_NONE));
	EXPECT_EQ(pread(fd, buf, 1, at(p + PAGE)), 1);
	EXPECT_EQ(buf[0], 'x');
	EXPECT_EQ(pwrite(fd, "N", 1, at(p + PAGE)), 1);
	EXPECT_EQ(pwrite(fd, "R", 1, at(p)), 1);
	EXPECT_EQ(pwrite(fd, "H", 1, at(p + 3 * PAGE)), 1); /* nothing there before */
	EXPECT_EQ(p[0], 'R');
	EXPECT_EQ(p[3 * PAGE], 'H');
	ASSERT_OK(mprotect(p, 4 * PAGE, RW));
	EXPECT_EQ(p[PAGE], 'N');
	/* A private file area gets a copy, the file keeps its bytes. */
	ASSERT_OK(write_all(file, "file", 4));
	ro = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0);
	shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);
	ASSERT(ro != MAP_FAILED && shared != MAP_FAILED);
	EXPECT_EQ(ro[0], 'f');
	EXPECT_EQ(pwrite(fd, "F", 1, at(ro)), 1);
	EXPECT_EQ(ro[0], 'F');
	EXPECT_EQ(ro[1], 'i');
	EXPECT_EQ(shared[0], 'f');
	/* What is shared and read-only stays so. */
	EXPECT_ERR(pwrite(fd, "S", 1, at(shared)), EIO);
	EXPECT_EQ(shared[0], 'f');
	close(fd);
}

/* A program's own code: what breakpoints are made of. Not executed, so nothing is in the way. */
static int answer(void)
{
	return 42;
}

TEST(code_can_be_written_and_the_other_process_keeps_its_own)
{
	int (*volatile call)(void) = answer;
	unsigned char code[16], *where;
	int fd = mem_of(getpid(), O_RDWR);
	pid_t pid;

	ASSERT_OK(fd);
	EXPECT_EQ(pread(fd, code, sizeof(code), at((void *)call)), 16);
	where = memchr(code, 42, sizeof(code));
	ASSERT(where);
	pid = test_fork();
	if (!pid) {
		int self = mem_of(getpid(), O_RDWR);

		ASSERT_EQ(pwrite(self, "\x2b", 1, at((char *)(void *)call + (where - code))), 1);
		_exit(call() != 43);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(call(), 42);
	close(fd);
}

TEST(a_sleeping_parents_pages_are_copied_before_the_write)
{
	char *p = map_pages(2), got[2];
	pid_t pid;
	int fd;

	memset(p, 'o', 2 * PAGE);
	pid = holder();
	fd = mem_of(pid, O_RDWR);
	ASSERT_OK(fd);
	EXPECT_EQ(pwrite(fd, "c", 1, at(p)), 1);
	p[PAGE] = 'p';
	EXPECT_EQ(pread(fd, got, 1, at(p)), 1);
	EXPECT_EQ(pread(fd, got + 1, 1, at(p + PAGE)), 1);
	EXPECT_EQ(got[0], 'c');
	EXPECT_EQ(got[1], 'o');
	EXPECT_EQ(p[0], 'o');
	end(pid);
}

TEST(only_who_may_debug_may_open)
{
	pid_t pid, other;

	if (getuid())
		skip("not root");
	pid = holder();
	other = test_fork();
	if (!other) {
		int fd;

		if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
			_exit(2);
		EXPECT_ERR(mem_of(pid, O_RDONLY), EACCES);
		ASSERT_OK(prctl(PR_SET_DUMPABLE, 1));
		fd = mem_of(getpid(), O_RDWR);
		EXPECT_OK(fd);
		_exit(0);
	}
	EXPECT_EXIT(other, 0);
	end(pid);
	EXPECT_ERR(mem_of(pid, O_RDONLY), ENOENT);
}

HELPER(replaced)
{
	char c;

	return read(0, &c, 1) != 1;
}

TEST(an_open_file_does_not_follow_exec)
{
	char *p = map_pages(1), got;
	int go[2], fd;
	pid_t pid;

	*p = 'b';
	ASSERT_OK(pipe(go));
	pid = test_fork();
	if (!pid) {
		char c;

		ASSERT_EQ(read(go[0], &c, 1), 1);
		dup2(go[0], 0);
		exec_helper("replaced", NULL);
	}
	fd = mem_of(pid, O_RDONLY);
	ASSERT_OK(fd);
	EXPECT_EQ(pread(fd, &got, 1, at(p)), 1);
	ASSERT_EQ(write(go[1], "", 1), 1);
	/* The old memory ends within exec. */
	while (pread(fd, &got, 1, at(p)) == 1)
		usleep(1000);
	EXPECT_EQ(pread(fd, &got, 1, at(p)), 0);
	ASSERT_EQ(write(go[1], "", 1), 1);
	EXPECT_EXIT(pid, 0);
}

/* Random pieces, written and read back, beside a model. */
TEST_LIMIT(random_transfers_match_a_model, 60)
{
	enum { LEN = 20 * PAGE };
	char *p = map_pages(20), *model = map_pages(20), *buf = map_pages(20);
	pid_t pid = holder();
	int fd = mem_of(pid, O_RDWR);

	ASSERT_OK(fd);
	for (int step = 0; step < 500; step++) {
		size_t off = rnd_below(LEN), len = 1 + rnd_below(LEN - off);

		if (rnd_below(2)) {
			memset(buf, step, len);
			memset(model + off, step, len);
			ASSERT_EQ(pwrite(fd, buf, len, at(p + off)), (long)len);
		} else {
			ASSERT_EQ(pread(fd, buf, len, at(p + off)), (long)len);
			ASSERT(!memcmp(buf, model + off, len));
		}
	}
	end(pid);
}
