/*
 * ext2mutants - nothing that a disk image holds may hurt the kernel: images of ext2 with nonsense in them.
 *
 * 1. Each file /images/NAME.img (tools/ext2image.py makes them) is a good image with one of everything. A mutant is that image with one
 *    to four changes, each in a field that means something: of the super block, a group's descriptor, an inode, an entry of a
 *    directory, an indirect block, a bitmap. The new value is near the old one, extreme, random, or the number of another block.
 * 2. A mutant is written to /dev/ram0, mounted, looked at from end to end, changed (files and names are made, moved,
 *    cut, deleted), and unmounted. What the calls return is of no matter as long as it is one of the errors that such an image
 *    may give; the kernel must not report trouble, hang, keep the disk busy, lose memory, or say more than a few lines.
 * 3. On Linux the suite skips itself: it is no fun to crash the machine that one works on.
 *
 *	MUTANTS=1000 ./ext2mutants			so many of each image; SEED= as always
 *	./ext2mutants --helper one IMAGE SEED		one mutant again; what it changes is printed
 *	make test-images				10,000 of them under KASAN (tools/images.py)
 */
#include "tests/user/test.h"

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statfs.h>

#define DISK	    "/dev/ram0"
#define MAX_ENTRIES 400
#define MAX_DEPTH   8
#define MAX_LINES   60
#define ROOT_INO    2

static struct {
	unsigned char *base, *now; /* the good image, and the mutant */
	size_t size;
	unsigned int bs, first, per_group, inodes_per_group, inode_size, groups, inodes, blocks;
} im;

static char what[400]; /* the changes in words */
static int kmsg = -1;

static unsigned int le(const unsigned char *p, int n)
{
	unsigned int v = 0;

	for (int i = 0; i < n; i++)
		v |= (unsigned int)p[i] << 8 * i;
	return v;
}

/* ---- the good image ---- */

static int image_load(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -1;
	im.size = st.st_size;
	im.base = malloc(im.size);
	im.now = malloc(im.size);
	for (size_t n = 0; n < im.size;) {
		ssize_t r = read(fd, im.base + n, im.size - n);

		if (r <= 0)
			return -1;
		n += r;
	}
	close(fd);

	const unsigned char *sb = im.base + 1024;

	im.inodes = le(sb, 4);
	im.blocks = le(sb + 4, 4);
	im.first = le(sb + 20, 4);
	im.bs = 1024 << le(sb + 24, 4);
	im.per_group = le(sb + 32, 4);
	im.inodes_per_group = le(sb + 40, 4);
	im.inode_size = le(sb + 76, 4) ? le(sb + 88, 2) : 128;
	im.groups = (im.blocks - im.first + im.per_group - 1) / im.per_group;
	return 0;
}

static size_t group_at(unsigned int g)
{
	return (size_t)(im.first + 1) * im.bs + g * 32;
}

static size_t inode_at(unsigned int ino)
{
	unsigned int g = (ino - 1) / im.inodes_per_group, i = (ino - 1) % im.inodes_per_group;

	return (size_t)le(im.base + group_at(g) + 8, 4) * im.bs + (size_t)i * im.inode_size;
}

/* Of an inode that is used; with a kind (S_IFDIR) one of this kind. */
static size_t some_inode(unsigned int kind)
{
	for (int i = 0; i < 1000; i++) {
		size_t at = inode_at(1 + rnd_below(im.inodes));
		unsigned int mode = le(im.base + at, 2);

		if (mode && (!kind || (mode & S_IFMT) == kind))
			return at;
	}
	return inode_at(ROOT_INO);
}

/* ---- what to change ---- */

struct field {
	unsigned char at, len;
};

static const struct field sb_fields[] = {
	{ 0, 4 },   { 4, 4 },  { 8, 4 },  { 12, 4 }, { 16, 4 }, { 20, 4 },  { 24, 4 },	{ 28, 4 },
	{ 32, 4 },  { 36, 4 }, { 40, 4 }, { 44, 4 }, { 48, 4 }, { 52, 2 },  { 54, 2 },	{ 56, 2 },
	{ 58, 2 },  { 60, 2 }, { 62, 2 }, { 64, 4 }, { 68, 4 }, { 72, 4 },  { 76, 4 },	{ 80, 2 },
	{ 84, 4 },  { 88, 2 }, { 90, 2 }, { 92, 4 }, { 96, 4 }, { 100, 4 }, { 204, 1 }, { 206, 2 },
	{ 232, 4 }, { 4, 4 },  { 32, 4 }, { 40, 4 },
};
static const struct field gd_fields[] = { { 0, 4 },  { 4, 4 },	{ 8, 4 },
					  { 12, 2 }, { 14, 2 }, { 16, 2 } };
static const struct field inode_fields[] = {
	{ 0, 2 },  { 2, 2 },  { 4, 4 },	  { 4, 4 },   { 16, 4 },  { 20, 4 },  { 24, 2 },  { 26, 2 },
	{ 28, 4 }, { 32, 4 }, { 40, 4 },  { 44, 4 },  { 48, 4 },  { 60, 4 },  { 84, 4 },  { 88, 4 },
	{ 92, 4 }, { 96, 4 }, { 100, 4 }, { 104, 4 }, { 108, 4 }, { 116, 2 }, { 128, 2 },
};

static size_t pick(const struct field *f, size_t n, size_t base, int *len, const char *name)
{
	f += rnd_below(n);
	*len = f->len;
	snprintf(what + strlen(what), sizeof(what) - strlen(what), " %s+%d", name, f->at);
	return base + f->at;
}

static size_t some_dirent(int *len)
{
	static const struct field parts[] = { { 0, 4 }, { 4, 2 }, { 6, 1 },
					      { 7, 1 }, { 8, 1 }, { 9, 1 } };
	const unsigned char *inode = im.base + some_inode(S_IFDIR);
	unsigned int block = le(inode + 40 + 4 * rnd_below(12), 4), off = 0;

	if (!block)
		block = le(inode + 40, 4);
	for (int n = rnd_below(12); n; n--) {
		unsigned int rec = le(im.base + (size_t)block * im.bs + off + 4, 2);

		if (off + rec >= im.bs)
			break;
		off += rec;
	}
	return pick(parts, ARRAY_SIZE(parts), (size_t)block * im.bs + off, len, "dirent");
}

static size_t some_indirect(int *len)
{
	for (int tries = 0; tries < 300; tries++) {
		const unsigned char *inode = im.base + some_inode(S_IFREG);
		int level = rnd_below(3);
		unsigned int block = le(inode + 40 + 4 * (12 + level), 4), n = 0;

		if (!block)
			continue;
		while (level-- && rnd_below(2)) {
			const unsigned char *p = im.base + (size_t)block * im.bs;

			for (n = 0; n < im.bs / 4 && !le(p + 4 * n, 4);)
				n++;
			if (n == im.bs / 4)
				break;
			block = le(p + 4 * n, 4);
		}
		*len = 4;
		n = rnd_below(2) ? rnd_below(8) : rnd_below(im.bs / 4);
		snprintf(what + strlen(what), sizeof(what) - strlen(what), " indirect %u[%u]",
			 block, n);
		return (size_t)block * im.bs + 4 * n;
	}
	*len = 4;
	return inode_at(ROOT_INO) + 40;
}

static size_t some_place(int *len)
{
	unsigned int kind = rnd_below(100), g = rnd_below(im.groups);

	if (kind < 25)
		return pick(sb_fields, ARRAY_SIZE(sb_fields), 1024, len, "super");
	if (kind < 37)
		return pick(gd_fields, ARRAY_SIZE(gd_fields), group_at(g), len, "group");
	if (kind < 42)
		return pick(inode_fields, ARRAY_SIZE(inode_fields), inode_at(ROOT_INO), len,
			    "root");
	if (kind < 62)
		return pick(inode_fields, ARRAY_SIZE(inode_fields), some_inode(0), len, "inode");
	if (kind < 82)
		return some_dirent(len);
	if (kind < 92)
		return some_indirect(len);
	*len = 1 << rnd_below(3);
	if (kind < 96) {
		strcat(what, " bitmap");
		return (size_t)le(im.base + group_at(g) + 4 * rnd_below(2), 4) * im.bs +
		       rnd_below(im.bs - 4);
	}
	strcat(what, " byte");
	return 1024 + rnd_below(64UL * im.bs < im.size / 2 ? 64UL * im.bs : im.size / 2);
}

static unsigned int some_value(unsigned int old, int len)
{
	const unsigned char *gd = im.base + group_at(rnd_below(im.groups));

	switch (rnd_below(16)) {
	case 0:
		return 0;
	case 1:
		return ~0U;
	case 2:
		return 1U << (8 * len - 1);
	case 3:
		return (1U << (8 * len - 1)) - 1;
	case 4:
		return old + 1;
	case 5:
		return old - 1;
	case 6:
	case 7:
		return old ^ 1U << rnd_below(8 * len);
	case 8:
		return rnd_below(64);
	case 9:
		return im.blocks + rnd_below(3) - 1;
	case 10:
		return le(gd + 4 * rnd_below(3), 4);
	case 11:
		return le(im.base + some_inode(0) + 40 + 4 * rnd_below(15), 4);
	case 12:
		return 1 + rnd_below(im.inodes + 2);
	case 13:
		return old * 2;
	case 14:
		return 1U << rnd_below(32);
	default:
		return rnd();
	}
}

static void mutate(uint64_t seed)
{
	test_random = seed * 0x9e3779b97f4a7c15ULL | 1;
	for (int i = 0; i < 8; i++)
		rnd();
	memcpy(im.now, im.base, im.size);
	what[0] = 0;
	for (int n = rnd_below(3) ? 1 : 2 + rnd_below(3); n; n--) {
		int len;
		size_t at = some_place(&len);

		if (at + len > im.size)
			continue;
		unsigned int old = le(im.now + at, len), v = some_value(old, len);

		for (int i = 0; i < len; i++)
			im.now[at + i] = v >> 8 * i;
		snprintf(what + strlen(what), sizeof(what) - strlen(what), ": %#x -> %#x;", old,
			 le(im.now + at, len));
	}
}

/* ---- what is done with a mutant ---- */

/* The errors that an image may cause. Others (EFAULT, ENOMEM, ENOSYS, EINTR, ...) say that something else is wrong. */
static void note_error(long r, const char *call, const char *path)
{
	static const int good[] = { EIO,	  EUCLEAN, ENOENT, ENOTDIR,    EISDIR,	  ELOOP,
				    ENAMETOOLONG, EINVAL,  EFBIG,  EROFS,      ENOSPC,	  EMLINK,
				    EEXIST,	  EPERM,   EACCES, ENOTEMPTY,  EOVERFLOW, ENXIO,
				    ESTALE,	  EBUSY,   EXDEV,  EOPNOTSUPP, ENODEV };

	if (r >= 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (errno == good[i])
			return;
	check_failed(__FILE__, __LINE__, "%s %s: errno %d (%s)", call, path, errno,
		     strerror(errno));
}

static void read_file(const char *name, off_t size)
{
	static char buf[65536];
	off_t places[] = { 0, 200 << 10, 1 << 20, size - 5000, size + 100000 };
	int fd = open(name, O_RDONLY | O_NONBLOCK);

	note_error(fd, "open", name);
	if (fd < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (places[i] >= 0)
			note_error(pread(fd, buf, sizeof(buf), places[i]), "pread", name);
	close(fd);
}

static int entries;

/* Everything below the working directory: names, inodes, contents. A directory may hold itself now, so depth and number are bounded. */
static void look(int depth)
{
	char target[4100], names[MAX_ENTRIES][256];
	struct dirent *e;
	struct stat st;
	int n = 0;
	DIR *d = opendir(".");

	note_error(d ? 0 : -1, "opendir", ".");
	if (!d)
		return;
	errno = 0;
	while (n < MAX_ENTRIES && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			strcpy(names[n++], e->d_name);
		errno = 0;
	}
	note_error(errno ? -1 : 0, "readdir", ".");
	closedir(d);
	for (int i = 0; i < n && entries++ < MAX_ENTRIES; i++) {
		int r = lstat(names[i], &st);

		note_error(r, "lstat", names[i]);
		if (r)
			continue;
		if (S_ISREG(st.st_mode))
			read_file(names[i], st.st_size);
		if (S_ISLNK(st.st_mode))
			note_error(readlink(names[i], target, sizeof(target)), "readlink",
				   names[i]);
		if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH && !chdir(names[i])) {
			look(depth + 1);
			if (chdir(".."))
				note_error(-1, "chdir ..", names[i]);
		}
	}
}

static void write_file(const char *name, int flags, off_t at, size_t len)
{
	static char buf[40000] = { 1 };
	int fd = open(name, O_WRONLY | O_NONBLOCK | flags, 0644);

	note_error(fd, "open", name);
	if (fd < 0)
		return;
	note_error(pwrite(fd, buf, len, at), "pwrite", name);
	if (flags & O_SYNC)
		note_error(fsync(fd), "fsync", name);
	close(fd);
}

static void store(const char *name)
{
	int fd = open(name, O_RDWR | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < 5000)
		goto out;
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		goto out;
	pid_t pid = fork(); /* a block that cannot be read is a SIGBUS */
	if (!pid) {
		signal(SIGBUS, SIG_DFL);
		p[4500]++;
		_exit(msync(p, 8192, MS_SYNC) != 0);
	}
	waitpid(pid, NULL, 0);
	munmap(p, 8192);
out:
	if (fd >= 0)
		close(fd);
}

static void change(void)
{
	char name[80];

	write_file("new", O_CREAT, 0, 40000);
	write_file("tiny", O_SYNC, 0, 100);
	write_file("single", 0, 20000, 30000);
	write_file("double", 0, 290000, 20000);
	write_file("holes", 0, 100000, 3000);
	store("single");
	store("double");
	note_error(truncate("double", 20000), "truncate", "double");
	note_error(truncate("triple", 100), "truncate", "triple");
	note_error(truncate("block", 3 << 20), "truncate", "block");
	note_error(mkdir("newdir", 0755), "mkdir", "newdir");
	note_error(rename("direct", "newdir/direct"), "rename", "direct");
	note_error(rename("dir/sub", "newdir/sub"), "rename", "dir/sub");
	note_error(link("new", "dir/link"), "link", "new");
	note_error(symlink("new", "newlink"), "symlink", "newlink");
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "many/m%d", i);
		write_file(name, O_CREAT, 0, 100);
	}
	note_error(unlink("holes"), "unlink", "holes");
	note_error(unlink("beyond"), "unlink", "beyond");
	note_error(unlink("slow"), "unlink", "slow");
	note_error(rmdir("empty"), "rmdir", "empty");
	note_error(unlink("dir/inner"), "unlink", "dir/inner");
}

static void use(const char *dir)
{
	struct statfs s;

	entries = 0;
	if (chdir(dir)) {
		note_error(-1, "chdir", dir);
		return;
	}
	note_error(statfs(".", &s), "statfs", ".");
	look(0);
	change();
	entries = 0;
	look(0);
	sync();
}

/* ---- what the kernel says ---- */

static void kmsg_open(void)
{
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);
}

/* => lines since the last call; trouble is a failure */
static int kmsg_lines(void)
{
	static const char *const trouble[] = {
		"BUG", "KASAN", "UBSAN", "WARNING", "Oops", "lockdep", "protection fault", "hung"
	};
	char line[2048];
	int lines = 0;

	for (ssize_t n; kmsg >= 0; lines++) {
		n = read(kmsg, line, sizeof(line) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			break;
		line[n] = 0;
		for (size_t i = 0; i < ARRAY_SIZE(trouble); i++)
			if (strstr(line, trouble[i]))
				check_failed(__FILE__, __LINE__, "the kernel says: %.200s", line);
	}
	return lines;
}

/* ---- one mutant, many mutants ---- */

static int write_disk(void)
{
	int fd = open(DISK, O_WRONLY);
	int r = fd < 0 || pwrite(fd, im.now, im.size, 0) != (ssize_t)im.size ? -1 : 0;

	if (fd >= 0)
		close(fd);
	return r;
}

/* => whether it could be mounted */
static int run_mutant(const char *dir)
{
	int status = 0, r;

	ASSERT_OK(write_disk());
	r = mount(DISK, dir, "ext2", 0, NULL);
	note_error(r, "mount", DISK);
	if (r)
		return 0;
	pid_t pid = fork();
	if (!pid) {
		alarm(60 * test_time_scale());
		use(dir);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		check_failed(__FILE__, __LINE__, "its user ended with status %#x", status);
	if (umount(dir)) {
		check_failed(__FILE__, __LINE__, "umount: %s", strerror(errno));
		umount2(dir, MNT_DETACH);
	}
	return 1;
}

static long free_kilobytes(void)
{
	const char *text = read_text("/proc/meminfo"),
		   *p = text ? strstr(text, "MemAvailable:") : NULL;

	return p ? atol(p + 13) : 0;
}

static int drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY), r = fd < 0 || write(fd, "3\n", 2) != 2;

	if (fd >= 0)
		close(fd);
	return r;
}

static void run_image(const char *path, uint64_t seed, unsigned long count, const char *dir)
{
	unsigned long mounted = 0, loud = 0;
	long before;

	if (image_load(path)) {
		check_failed(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
		return;
	}
	memcpy(im.now, im.base, im.size);
	EXPECT_EQ(run_mutant(dir), 1); /* the good one */
	kmsg_lines();
	drop_caches();
	before = free_kilobytes();
	for (unsigned long i = 0; i < count; i++) {
		int failed = test_failed;

		mutate(seed + i);
		test_failed = 0;
		mounted += run_mutant(dir);
		int lines = kmsg_lines();

		if (lines > MAX_LINES && !loud++)
			check_failed(__FILE__, __LINE__, "the kernel said %d lines", lines);
		if (test_failed)
			say("# repeat with: %s --helper one %s %llu   #%s\n", test_self, path,
			    (unsigned long long)(seed + i), what);
		test_failed |= failed;
	}
	drop_caches();
	say("# %s: %lu mutants from seed %llu, %lu could be mounted\n", path, count,
	    (unsigned long long)seed, mounted);
	/* Some must be good enough to be used and some too bad, or the mutants are worth nothing. */
	EXPECT_GT(mounted * 4, count);
	EXPECT_LT(mounted, count);
	EXPECT_LT(before - free_kilobytes(), 4096);
	free(im.base);
	free(im.now);
}

static void on_images(uint64_t seed, unsigned long count, const char *only)
{
	char path[300];
	struct dirent *e;
	DIR *d = opendir("/images");

	kmsg_open();
	mkdir("/mnt/mutant", 0755);
	while (d && (e = readdir(d))) {
		if (!strstr(e->d_name, ".img") || (only && strcmp(only, e->d_name)))
			continue;
		snprintf(path, sizeof(path), "/images/%s", e->d_name);
		run_image(path, seed, count, "/mnt/mutant");
	}
	if (d)
		closedir(d);
}

/* many FIRST COUNT NAME.img: for tools/images.py. */
HELPER(many)
{
	if (argc < 6)
		return 2;
	test_pipe[1] = open("/dev/null", O_WRONLY);
	on_images(strtoull(argv[3], NULL, 0), strtoul(argv[4], NULL, 0), argv[5]);
	say("# done, %s\n", test_failed ? "failed" : "good");
	return test_failed;
}

HELPER(one)
{
	if (argc < 5 || !on_quire() || image_load(argv[3]))
		return 2;
	test_pipe[1] = open("/dev/null", O_WRONLY);
	kmsg_open();
	mkdir("/mnt/mutant", 0755);
	mutate(strtoull(argv[4], NULL, 0));
	say("#%s\n", what);
	say("# mounted: %d", run_mutant("/mnt/mutant"));
	say(", %d lines of the kernel\n", kmsg_lines());
	return test_failed;
}

TEST_LIMIT(mutants_of_every_image_do_no_harm, 110)
{
	const char *filesystems;

	if (!on_quire())
		skip("only Quire is asked to mount broken images");
	filesystems = read_text("/proc/filesystems");
	if (!filesystems || !strstr(filesystems, "ext2") || access("/images", R_OK))
		skip("needs ext2 and /images");
	on_images(test_seed, getenv("MUTANTS") ? strtoul(getenv("MUTANTS"), NULL, 0) : 40, NULL);
}
