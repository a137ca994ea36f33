/*
 * file_map.c - mappings of files: private ones of the root file system, shared ones on tmpfs.
 *
 * Proves that a mapping shows the file's bytes, that a private write stays private and a shared one
 * reaches the file and every other mapping, that access beyond the last page of the file is SIGBUS
 * with BUS_ADRERR, which rights a descriptor gives, and that truncation takes pages away.  The
 * randomised test drives one tmpfs file through write, mmap, ftruncate and read against a model.
 */
#include "fault.h"
#include "memory.h"
#include <sys/vfs.h>

#define RW	    (PROT_READ | PROT_WRITE)
#define TMPFS_MAGIC 0x01021994

/* The current directory becomes a fresh one on a tmpfs. */
static void enter_tmpfs(void)
{
	static const char *const places[] = { "/dev/shm", "/tmp", "/run", "" };
	struct statfs s;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const char *base = places[i];

		if (statfs(*base ? base : "/", &s) || s.f_type != TMPFS_MAGIC ||
		    access(*base ? base : "/", W_OK))
			continue;
		ASSERT_OK(chdir(test_dir_in(base)));
		return;
	}
	skip("no writable tmpfs");
}

static int pattern_file(const char *name, size_t len)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_RDWR, 0644);
	char *data = malloc(len);

	ASSERT_OK(fd);
	for (size_t i = 0; i < len; i++)
		data[i] = i * 7 + i / PAGE;
	ASSERT_OK(write_all(fd, data, len));
	free(data);
	return fd;
}

static char *map_file(int fd, size_t len, int prot, int flags, off_t offset)
{
	char *p = mmap(NULL, len, prot, flags, fd, offset);

	ASSERT_NE(p, MAP_FAILED);
	return p;
}

TEST(a_private_mapping_of_the_program_shows_its_bytes)
{
	int fd = open(test_self, O_RDONLY);
	struct stat st;
	char buf[PAGE];

	ASSERT_OK(fd);
	ASSERT_OK(fstat(fd, &st));
	char *p = map_file(fd, st.st_size, PROT_READ, MAP_PRIVATE, 0);

	for (off_t at = 0; at < st.st_size; at += PAGE) {
		ssize_t n = pread(fd, buf, PAGE, at);

		ASSERT_GT(n, 0);
		if (memcmp(buf, p + at, n))
			check_failed(__FILE__, __LINE__, "bytes at %#lx differ", (long)at);
	}
	/* The rest of the last page is zero. */
	size_t tail = -st.st_size & (PAGE - 1);

	EXPECT(all_equal(p + st.st_size, tail, 0));
	ASSERT_OK(close(fd));
	EXPECT(!memcmp(p, "\177ELF", 4));
}

static void private_write_stays_private(void)
{
	int fd = pattern_file("f", 3 * PAGE);
	char before[3 * PAGE], after[3 * PAGE];

	ASSERT_EQ(pread(fd, before, sizeof(before), 0), sizeof(before));
	char *a = map_file(fd, 3 * PAGE, RW, MAP_PRIVATE, 0);
	char *b = map_file(fd, 3 * PAGE, RW, MAP_PRIVATE, 0);

	EXPECT(!memcmp(a, before, sizeof(before)));
	memset(a + PAGE, 'A', PAGE);
	EXPECT(!memcmp(b, before, sizeof(before)));
	memset(b, 'B', 2 * PAGE);
	EXPECT(all_equal(a + PAGE, PAGE, 'A'));
	EXPECT(!memcmp(a, before, PAGE));
	ASSERT_EQ(pread(fd, after, sizeof(after), 0), sizeof(after));
	EXPECT(!memcmp(before, after, sizeof(after)));
	/* Dropping the private copy shows the file again. */
	ASSERT_OK(madvise(a, 3 * PAGE, MADV_DONTNEED));
	EXPECT(!memcmp(a, before, sizeof(before)));
	close(fd);
}

TEST(a_private_write_does_not_reach_a_file_of_the_root_fs)
{
	test_dir();
	private_write_stays_private();
}

TEST(a_private_write_does_not_reach_a_file_of_tmpfs)
{
	enter_tmpfs();
	private_write_stays_private();
}

TEST(a_read_only_descriptor_allows_private_writes)
{
	enter_tmpfs();
	close(pattern_file("f", PAGE));
	int fd = open("f", O_RDONLY);
	char *p = map_file(fd, PAGE, RW, MAP_PRIVATE, 0);

	p[0] = 'x';
	EXPECT_EQ(p[0], 'x');
	EXPECT_EQ(p[1], 7);
}

TEST(a_shared_write_reaches_the_file_and_other_mappings)
{
	char buf[16] = "";

	enter_tmpfs();
	int fd = pattern_file("f", 4 * PAGE);
	char *a = map_file(fd, 4 * PAGE, RW, MAP_SHARED, 0);
	int again = open("f", O_RDWR);
	char *b = map_file(again, 2 * PAGE, RW, MAP_SHARED, 2 * PAGE);

	strcpy(a + 2 * PAGE, "through a");
	EXPECT_STR(b, "through a");
	ASSERT_EQ(pread(fd, buf, 10, 2 * PAGE), 10);
	EXPECT_STR(buf, "through a");
	strcpy(b + PAGE, "through b");
	EXPECT_STR(a + 3 * PAGE, "through b");
	ASSERT_EQ(pwrite(fd, "by write", 9, 3 * PAGE), 9);
	EXPECT_STR(a + 3 * PAGE, "by write");
	EXPECT_STR(b + PAGE, "by write");
	EXPECT_OK(msync(a, 4 * PAGE, MS_SYNC));
	EXPECT_OK(msync(a, PAGE, MS_ASYNC));
	ASSERT_OK(munmap(a, 4 * PAGE));
	EXPECT_STR(b + PAGE, "by write");
}

TEST(a_shared_file_mapping_is_shared_over_fork)
{
	enter_tmpfs();
	int fd = pattern_file("f", 2 * PAGE);
	volatile char *p = map_file(fd, 2 * PAGE, RW, MAP_SHARED, 0);

	p[0] = 'p';
	pid_t pid = test_fork();

	if (!pid) {
		EXPECT_EQ(p[0], 'p');
		p[0] = 'c';
		p[PAGE] = 'd';
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_EQ(p[0], 'c');
	EXPECT_EQ(p[PAGE], 'd');
}

TEST(a_mapping_outlives_close_and_unlink)
{
	enter_tmpfs();
	int fd = pattern_file("f", 2 * PAGE);
	char *p = map_file(fd, 2 * PAGE, RW, MAP_SHARED, 0);

	ASSERT_OK(close(fd));
	ASSERT_OK(unlink("f"));
	EXPECT_EQ(p[1], 7);
	p[PAGE] = 'u';
	EXPECT_EQ(p[PAGE], 'u');
	EXPECT_ERR(open("f", O_RDONLY), ENOENT);
}

static void beyond_eof(int flags)
{
	int fd = pattern_file("f", PAGE + 100);
	char *p = map_file(fd, 4 * PAGE, RW, flags, 0);

	catch_faults();
	EXPECT_EQ(read_faults(p + PAGE + 50), 0);
	EXPECT_EQ(read_faults(p + 2 * PAGE - 1), 0);
	EXPECT(all_equal(p + PAGE + 100, PAGE - 100, 0));
	EXPECT_EQ(read_faults(p + 2 * PAGE), SIGBUS);
	EXPECT_EQ(fault.code, BUS_ADRERR);
	EXPECT_EQ(fault.addr, p + 2 * PAGE);
	EXPECT_EQ(write_faults(p + 3 * PAGE + 123), SIGBUS);
	EXPECT_EQ(fault.code, BUS_ADRERR);
	EXPECT_EQ(fault.addr, p + 3 * PAGE + 123);
	/* The file grows: the same mapping now reaches it. */
	ASSERT_OK(ftruncate(fd, 3 * PAGE));
	EXPECT_EQ(read_faults(p + 2 * PAGE), 0);
	EXPECT_EQ(p[2 * PAGE], 0);
	EXPECT_EQ(read_faults(p + 3 * PAGE), SIGBUS);
	close(fd);
}

TEST(beyond_the_end_a_shared_mapping_gives_sigbus)
{
	enter_tmpfs();
	beyond_eof(MAP_SHARED);
}

TEST(beyond_the_end_a_private_mapping_gives_sigbus)
{
	test_dir();
	beyond_eof(MAP_PRIVATE);
}

TEST(truncation_takes_mapped_pages_away)
{
	enter_tmpfs();
	int fd = pattern_file("f", 4 * PAGE);
	char *p = map_file(fd, 4 * PAGE, RW, MAP_SHARED, 0);
	char *q = map_file(fd, 4 * PAGE, RW, MAP_PRIVATE, 0);

	catch_faults();
	memset(p, 't', 4 * PAGE);
	q[3 * PAGE] = 'q';
	ASSERT_OK(ftruncate(fd, PAGE + 10));
	EXPECT_EQ(read_faults(p + 2 * PAGE), SIGBUS);
	EXPECT_EQ(fault.code, BUS_ADRERR);
	EXPECT_EQ(read_faults(q + 3 * PAGE), SIGBUS); /* the private copy goes as well */
	EXPECT(all_equal(p, PAGE + 10, 't'));
	EXPECT(all_equal(p + PAGE + 10, PAGE - 10, 0));
	ASSERT_OK(ftruncate(fd, 4 * PAGE));
	EXPECT(all_equal(p + PAGE + 10, 3 * PAGE - 10, 0));
}

TEST(the_kernel_gets_efault_where_the_program_gets_sigbus)
{
	int fds[2];

	enter_tmpfs();
	int fd = pattern_file("f", 10);
	char *p = map_file(fd, 2 * PAGE, RW, MAP_SHARED, 0);

	ASSERT_OK(pipe(fds));
	EXPECT_ERR(write(fds[1], p + PAGE, 1), EFAULT);
	ASSERT_EQ(write(fds[1], "abc", 3), 3);
	EXPECT_ERR(read(fds[0], p + PAGE, 3), EFAULT);
}

TEST(rights_follow_the_descriptor)
{
	enter_tmpfs();
	close(pattern_file("f", PAGE));
	int ro = open("f", O_RDONLY), wo = open("f", O_WRONLY), rw = open("f", O_RDWR);

	EXPECT_ERR(mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0), EACCES);
	EXPECT_ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, wo, 0), EACCES);
	EXPECT_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
	char *p = map_file(ro, PAGE, PROT_READ, MAP_SHARED, 0);

	EXPECT_ERR(mprotect(p, PAGE, RW), EACCES);
	p = map_file(ro, PAGE, PROT_READ, MAP_PRIVATE, 0);
	EXPECT_OK(mprotect(p, PAGE, RW));
	p = map_file(rw, PAGE, PROT_READ, MAP_SHARED, 0);
	EXPECT_OK(mprotect(p, PAGE, RW));
}

TEST(mmap_of_the_wrong_thing)
{
	int fds[2];

	enter_tmpfs();
	int fd = pattern_file("f", 2 * PAGE), dir = open(".", O_RDONLY | O_DIRECTORY);

	ASSERT_OK(pipe(fds));
	EXPECT_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
	EXPECT_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fds[0], 0), ENODEV);
	EXPECT_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 999, 0), EBADF);
	EXPECT_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 100), EINVAL);
	EXPECT_ERR(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0), EINVAL);
}

TEST(dev_zero_maps_zero_pages)
{
	int fd = open("/dev/zero", O_RDWR);
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);

	ASSERT_NE(p, MAP_FAILED);
	EXPECT(all_equal(p, 4 * PAGE, 0));
	memset(p, 1, 4 * PAGE);
	EXPECT(all_equal(p, 4 * PAGE, 1));
}

TEST(read_and_write_between_two_mappings_of_one_file)
{
	enter_tmpfs();
	int fd = pattern_file("f", 4 * PAGE);
	char *p = map_file(fd, 4 * PAGE, RW, MAP_SHARED, 0);
	char want[100];

	memcpy(want, p, 100);
	/* write() whose source is the file itself; read() whose target is the file itself. */
	ASSERT_EQ(pwrite(fd, p, 100, 2 * PAGE), 100);
	EXPECT(!memcmp(p + 2 * PAGE, want, 100));
	ASSERT_EQ(pread(fd, p + 3 * PAGE, 100, 0), 100);
	EXPECT(!memcmp(p + 3 * PAGE, want, 100));
}

TEST(file_lines_in_maps_name_file_offset_and_inode)
{
	char line[256], want[256];
	struct stat st;

	enter_tmpfs();
	int fd = pattern_file("mapped", 4 * PAGE);

	fstat(fd, &st);
	char *p = map_file(fd, 2 * PAGE, PROT_READ, MAP_SHARED, PAGE);
	char *text = read_text("/proc/self/maps");

	ASSERT(text);
	snprintf(want, sizeof(want), "%lx-%lx r--s %08lx ", (long)p, (long)p + 2 * PAGE, PAGE);
	char *at = strstr(text, want);

	if (!at) {
		check_failed(__FILE__, __LINE__, "no line starts with %s", want);
		return;
	}
	snprintf(line, sizeof(line), "%.*s", (int)(strchr(at, '\n') - at), at);
	unsigned int major, minor;
	unsigned long ino;

	EXPECT_EQ(sscanf(line + strlen(want), "%x:%x %lu", &major, &minor, &ino), 3);
	EXPECT_EQ(ino, st.st_ino);
	EXPECT(strstr(line, "/mapped"));
}

/* ---- the model ---- */

#define MODEL_PAGES 24
#define MODEL_SIZE  (MODEL_PAGES * PAGE)

TEST_LIMIT(random_writes_maps_and_truncates_agree_with_a_model, 60)
{
	static char model[MODEL_SIZE], back[MODEL_SIZE];
	size_t size = 0;

	enter_tmpfs();
	int fd = open("f", O_CREAT | O_RDWR, 0600);
	char *shared = map_file(fd, MODEL_SIZE, RW, MAP_SHARED, 0);

	for (int n = 0; n < 2000; n++) {
		size_t at = rnd_below(MODEL_SIZE), len = 1 + rnd_below(3 * PAGE);
		char value = rnd();

		if (at + len > MODEL_SIZE)
			len = MODEL_SIZE - at;
		switch (rnd_below(5)) {
		case 0:
			memset(back, value, len);
			ASSERT_EQ(pwrite(fd, back, len, at), len);
			memset(model + at, value, len);
			if (at + len > size)
				size = at + len;
			break;
		case 1:
			if (rnd_below(4))
				break;
			ASSERT_OK(ftruncate(fd, at));
			if (at < size)
				memset(model + at, 0, size - at);
			size = at;
			break;
		case 2:
			ASSERT_EQ(pread(fd, back, len, at), at >= size	      ? 0
							    : at + len > size ? size - at
									      : len);
			if (at < size)
				EXPECT(!memcmp(back, model + at,
					       at + len > size ? size - at : len));
			break;
		case 3:
			ASSERT_OK(madvise(shared, MODEL_SIZE, MADV_DONTNEED));
			break;
		default:
			if (at >= size)
				break;
			if (at + len > size)
				len = size - at;
			memset(shared + at, value, len);
			memset(model + at, value, len);
		}
		if (n % 32 == 0 && size)
			EXPECT(!memcmp(shared, model, size));
	}
	ASSERT_EQ(pread(fd, back, MODEL_SIZE, 0), size);
	EXPECT(!memcmp(back, model, size));
}
