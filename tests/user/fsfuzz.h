/*
 * fsfuzz.h - a random program of file operations whose every visible effect is written down.
 *
 * 1. A seed gives a sequence of open, read, write, append, truncate, rename, link, symlink, unlink, mkdir, rmdir, mknod, fallocate,
 *    stores through mmap, fsync and more, with good and bad names. All of it happens below one directory, which is the root of
 *    the process meanwhile, so no name leads out.
 * 2. After each step comes one line: the operation, its result, and what stat and lseek say of what it touched. Every so many
 *    steps a hash of the whole tree follows: names, kinds, modes, links (which names are one inode), sizes, contents.
 * 3. Offsets lie in a few windows: where files begin, where single, double and triple indirect blocks of an ext2 begin (with
 *    blocks of 1, 2 and 4 KiB), beyond 4 GiB. Elsewhere every file is a hole, so a hash need not read terabytes.
 * 4. What the kernel or the kind of file system may choose is left out: the order of names in a directory, its size, blocks, times (but
 *    those that utimensat set), and by letter what not every file system can: f fallocate, a all of it but holes, h SEEK_HOLE, x RENAME_EXCHANGE,
 *    c copies within the kernel, n nodes of devices. Letter d asks for more: before each hash all is written out and the cache dropped.
 */
#ifndef TESTS_USER_FSFUZZ_H
#define TESTS_USER_FSFUZZ_H

#include <setjmp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#define NSLOTS	  6
#define MAX_CHUNK 8192
#define MAX_BULK  (320UL << 10)
#define MAX_TREE  8192

static const unsigned long fs_window[] = {
	0,
	0,
	0,
	44UL << 10,
	260UL << 10,
	4144UL << 10,
	65796UL << 10,
	1049640UL << 10,
	4UL << 30,
	4299161UL << 10,
	(6UL << 30) + 4095,
};

struct fsfuzz {
	uint64_t state, hash;
	unsigned long step, steps;
	int slot[NSLOTS], drop_fd, directory;
	const char *letters;
	char text[1400];
	char buf[MAX_BULK];
};

static struct fsfuzz fs;
static sigjmp_buf fs_jump;

static uint64_t fs_rnd(void)
{
	fs.state ^= fs.state << 13;
	fs.state ^= fs.state >> 7;
	fs.state ^= fs.state << 17;
	return fs.state * 0x2545f4914f6cdd1dULL >> 8;
}

static unsigned long fs_below(unsigned long n)
{
	return fs_rnd() % n;
}

static int fs_chance(unsigned long n)
{
	return fs_below(n) == 0;
}

static uint64_t fs_mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

static uint64_t fs_hash_bytes(uint64_t h, const void *p, size_t n)
{
	const unsigned char *c = p;
	uint64_t v;

	for (; n >= 8; n -= 8, c += 8) {
		memcpy(&v, c, 8);
		h = fs_mix(h, v);
	}
	for (v = n; n--; c++)
		v = v << 8 | *c;
	return fs_mix(h, v);
}

static void __attribute__((format(printf, 1, 2))) fs_note(const char *fmt, ...)
{
	size_t used = strlen(fs.text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fs.text + used, sizeof(fs.text) - used, fmt, ap);
	va_end(ap);
}

static long fs_result(long r)
{
	return r < 0 ? -errno : r;
}

/* ---- names ---- */

/* Directories mostly have the names d, e and a, other things those from b on, so that most names mean something. */
static const char *fs_component(int directory)
{
	static const char *const names[] = { "b", "c", "f", "g", "h", "i" };
	static const char *const dirs[] = { "d", "e", "d", "a" };
	static char longest[2][257];
	unsigned long kind = fs_below(80);

	for (int i = 0; i < 2; i++)
		memset(longest[i], 'l' + i, 255 + i);
	if (kind == 0)
		return ".";
	if (kind == 1)
		return "..";
	if (kind == 2)
		return longest[fs_chance(4)];
	return directory != (kind < 5) ? dirs[fs_below(4)] : names[fs_below(6)];
}

/* A name; now and then an empty one, one with a slash behind, an absolute one. The text says it in short. */
static char *fs_path(char *path)
{
	int depth = 1 + fs_below(2) + fs_below(2) * fs_below(2), len = 0;

	path[0] = 0;
	if (fs_chance(200))
		depth = 0;
	if (fs_chance(16))
		path[len++] = '/';
	for (int i = 0; i < depth; i++)
		len += sprintf(path + len, "%s%s", i ? "/" : "",
			       fs_component(i < depth - 1 || fs.directory));
	if (fs_chance(48))
		path[len++] = '/';
	path[len] = 0;
	for (const char *c = path; *c; c++)
		if (c < path + 2 || (*c != 'l' && *c != 'm') || c[-1] != *c || c[-2] != *c)
			fs_note("%c", *c);
	fs_note(" ");
	return path;
}

static unsigned long fs_offset(void)
{
	unsigned long at = fs_window[fs_below(ARRAY_SIZE(fs_window))];

	switch (fs_below(4)) {
	case 0:
		return at + fs_below(16) * 1024;
	case 1:
		return at + fs_below(5) * 4096;
	default:
		return at + fs_below(24 << 10);
	}
}

static unsigned long fs_length(void)
{
	switch (fs_below(4)) {
	case 0:
		return fs_below(32);
	case 1:
		return 1024 << fs_below(4);
	default:
		return fs_below(MAX_CHUNK + 1);
	}
}

static void fs_fill(size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t v = fs_rnd();

		memcpy(fs.buf + i, &v, 8);
	}
}

/* ---- the tree ---- */

static ino_t fs_seen[MAX_TREE];
static int fs_nseen, fs_entries;

static int fs_inode_number(ino_t ino)
{
	for (int i = 0; i < fs_nseen; i++)
		if (fs_seen[i] == ino)
			return i;
	if (fs_nseen < MAX_TREE)
		fs_seen[fs_nseen++] = ino;
	return fs_nseen - 1;
}

/* What a regular file holds, where it may hold something: in the windows and at its end. */
static uint64_t fs_hash_contents(const char *name, off_t size)
{
	int fd = openat(AT_FDCWD, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	uint64_t h = 1;

	if (fd < 0)
		return errno;
	for (size_t w = 2; w <= ARRAY_SIZE(fs_window); w++) {
		off_t at = w < ARRAY_SIZE(fs_window) ? (off_t)fs_window[w] : size - 4096;
		size_t want = w == 2 ? MAX_BULK : 40 << 10;

		if (at < 0)
			at = 0;
		if (at >= size)
			continue;
		ssize_t n = pread(fd, fs.buf, want, at);

		h = n < 0 ? fs_mix(h, errno) : fs_hash_bytes(h, fs.buf, n);
	}
	close(fd);
	return h;
}

static uint64_t fs_hash_entry(const char *name, const struct stat *st)
{
	uint64_t h = fs_hash_bytes(st->st_mode, name, strlen(name));
	char target[4200];

	h = fs_mix(h, fs_inode_number(st->st_ino));
	h = fs_mix(h, st->st_nlink);
	h = fs_mix(h, (uint64_t)st->st_uid << 32 | st->st_gid);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		h = fs_mix(h, st->st_rdev);
	if (S_ISREG(st->st_mode) || S_ISLNK(st->st_mode))
		h = fs_mix(h, st->st_size);
	if (S_ISREG(st->st_mode))
		h = fs_mix(h, fs_hash_contents(name, st->st_size));
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlink(name, target, sizeof(target));

		h = n < 0 ? fs_mix(h, errno) : fs_hash_bytes(h, target, n);
	}
	return h;
}

static int fs_by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The working directory and all below; prints each entry when asked. mkfs's own folder is no part of it. */
static uint64_t fs_hash_tree(int depth, int print)
{
	char **names = malloc(MAX_TREE * sizeof(*names));
	uint64_t h = 7;
	int n = 0;
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(".");

	while (d && (e = readdir(d)) && n < MAX_TREE)
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
		    (depth || strcmp(e->d_name, "lost+found")))
			names[n++] = strdup(e->d_name);
	if (!d || closedir(d))
		h = fs_mix(h, errno);
	qsort(names, n, sizeof(*names), fs_by_name);
	for (int i = 0; i < n; i++) {
		uint64_t one = lstat(names[i], &st) ? (uint64_t)errno
						    : fs_hash_entry(names[i], &st);

		if (print)
			say("%*s%.40s %o links %lu size %ld hash %016llx\n", depth * 2, "",
			    names[i], (int)st.st_mode, (unsigned long)st.st_nlink,
			    S_ISDIR(st.st_mode) ? 0L : (long)st.st_size, (unsigned long long)one);
		h = fs_mix(h, one);
		fs_entries++;
		if (S_ISDIR(st.st_mode) && !chdir(names[i])) {
			h = fs_mix(h, fs_hash_tree(depth + 1, print));
			if (chdir(".."))
				h = fs_mix(h, errno);
		}
		free(names[i]);
	}
	free(names);
	return h;
}

static void fs_drop_caches(void)
{
	if (fs.drop_fd < 0)
		return;
	sync();
	if (write(fs.drop_fd, "3\n", 2) < 0)
		fs_note("drop %d ", errno);
}

static uint64_t fs_tree(int print)
{
	fs_nseen = fs_entries = 0;
	if (chdir("/"))
		return errno;
	fs_drop_caches();
	return fs_hash_tree(0, print);
}

/* ---- steps on names ---- */

static void fs_say_path(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		fs_note("stat %d", errno);
	else
		fs_note("%o links %lu size %ld", st.st_mode, (unsigned long)st.st_nlink,
			S_ISDIR(st.st_mode) ? 0L : (long)st.st_size);
}

static void fs_say_fd(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		fs_note("fstat %d", errno);
	else
		fs_note("%o links %lu size %ld at %ld", st.st_mode, (unsigned long)st.st_nlink,
			S_ISDIR(st.st_mode) ? 0L : (long)st.st_size,
			S_ISREG(st.st_mode) ? (long)lseek(fd, 0, SEEK_CUR) : 0L);
}

static void step_open(int i)
{
	static const int mode[] = { O_RDONLY, O_WRONLY, O_RDWR };
	int flags = mode[fs_chance(4) ? fs_below(2) : 2];
	char path[2000];

	if (!fs_chance(4))
		flags |= O_CREAT;
	flags |= (fs_chance(10) ? O_TRUNC : 0) | (fs_chance(4) ? O_APPEND : 0) |
		 (fs_chance(8) ? O_EXCL : 0) | (fs_chance(8) ? O_NOFOLLOW : 0) |
		 (fs_chance(16) ? O_DIRECTORY : 0) | (fs_chance(16) ? O_SYNC : 0);
	if ((flags & O_DIRECTORY) && (flags & O_CREAT))
		flags &= ~O_CREAT; /* together they changed meaning in 6.4 */
	if (!(flags & O_CREAT))
		flags &= ~O_EXCL;
	fs_note("open %#x ", flags);
	fs_path(path);
	if (fs.slot[i] >= 0)
		close(fs.slot[i]);
	fs.slot[i] = -1;
	int fd = open(path, flags | O_NONBLOCK, 0600 | fs_below(0100));

	fs_note("slot %d = %ld ", i, fd < 0 ? -(long)errno : 0L);
	if (fd >= 0)
		fs_say_fd(fd);
	fs.slot[i] = fd;
}

static void step_two_names(void)
{
	char old[2000], new[2000];
	long r;

	switch (fs_below(8)) {
	case 0:
	case 1:
		fs_note("link ");
		fs_path(old), fs_path(new);
		r = fs_result(link(old, new));
		break;
	case 2:
		fs_note("linkat follow ");
		fs_path(old), fs_path(new);
		r = fs_result(linkat(AT_FDCWD, old, AT_FDCWD, new, AT_SYMLINK_FOLLOW));
		break;
	case 3: {
		unsigned int flag = strchr(fs.letters, 'x') || fs_chance(2) ? 1 : 2;

		fs_note("renameat2 %u ", flag);
		fs_path(old), fs_path(new);
		r = fs_result(syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, flag));
		break;
	}
	default:
		fs_note("rename ");
		fs_path(old), fs_path(new);
		r = fs_result(rename(old, new));
	}
	fs_note("= %ld ", r);
	fs_say_path(old);
	fs_note(", ");
	fs_say_path(new);
}

static void step_symlink(void)
{
	char target[5000], path[2000];
	size_t n;

	fs_note("symlink ");
	if (fs_chance(4)) { /* where an inode cannot hold it, and where a block cannot */
		static const int around[] = { 59, 60, 61, 500, 1023, 1024, 2047, 2048, 4094, 4095 };

		n = around[fs_below(strchr(fs.letters, 'l') ? 4 : ARRAY_SIZE(around))];
		memset(target, 't', n);
		target[n] = 0;
		for (size_t i = 200; i < n; i += 200)
			target[i] = '/';
		fs_note("%zu ", n);
	} else {
		fs_path(target);
	}
	fs_path(path);
	fs_note("= %ld ", fs_result(symlink(target, path)));
	fs_say_path(path);
}

static void step_node(void)
{
	static const mode_t kind[] = { S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK, S_IFREG };
	mode_t mode = kind[fs_below(strchr(fs.letters, 'n') ? 2 : 5)];
	unsigned int major = 3000 + fs_below(1000), minor = fs_below(1000);
	char path[2000];

	fs_note("mknod %o %u:%u ", mode, major, minor);
	fs_path(path);
	fs_note("= %ld ", fs_result(mknod(path, mode | 0640, makedev(major, minor))));
	fs_say_path(path);
}

static void step_name(void)
{
	char path[2000], target[4200];
	long r = 0, n;

	switch (fs_below(12)) {
	case 0:
	case 1:
		fs_note("unlink ");
		r = fs_result(unlink(fs_path(path)));
		break;
	case 2:
		fs_note("rmdir ");
		r = fs_result(rmdir(fs_path(path)));
		break;
	case 3:
	case 4:
	case 5:
		fs_note("mkdir ");
		fs.directory = 1;
		r = fs_result(mkdir(fs_path(path), 0700 | fs_below(0100)));
		fs.directory = 0;
		break;
	case 6:
		fs_note("truncate ");
		n = fs_offset();
		fs_note("%ld ", n);
		r = fs_result(truncate(fs_path(path), n));
		break;
	case 7:
		n = fs_below(010000) & ~01000; /* what sticky forbids is a setting */
		fs_note("chmod %lo ", n);
		r = fs_result(chmod(fs_path(path), n));
		break;
	case 8:
		n = fs_below(70000);
		fs_note("lchown %ld ", n);
		r = fs_result(lchown(fs_path(path), n, fs_below(70000)));
		break;
	case 9: {
		struct timespec ts[2] = { { .tv_sec = fs_below(1UL << 31) },
					  { .tv_sec = fs_below(1UL << 31) } };
		struct stat st;

		fs_note("utimensat ");
		r = fs_result(utimensat(AT_FDCWD, fs_path(path), ts, AT_SYMLINK_NOFOLLOW));
		if (!r && !lstat(path, &st))
			fs_note("mtime %d ", st.st_mtim.tv_sec == ts[1].tv_sec &&
						     !st.st_mtim.tv_nsec &&
						     st.st_atim.tv_sec == ts[0].tv_sec);
		break;
	}
	default:
		fs_note("readlink ");
		r = fs_result(readlink(fs_path(path), target, sizeof(target)));
		if (r > 0)
			fs_note("%llx ", (unsigned long long)fs_hash_bytes(0, target, r));
	}
	fs_note("= %ld ", r);
	fs_say_path(path);
}

/* Forty names at once, or their end: directories grow over several blocks and get gaps. */
static void step_crowd(void)
{
	int from = fs_below(4) * 40, len = 8 << fs_below(5), kind = fs_below(3), good = 0;
	char dir[2000], path[2400];

	fs_note("crowd %d %d %d ", kind, from, len);
	fs_path(dir);
	if (strlen(dir) > 400)
		dir[0] = 0;
	for (int i = from; i < from + 40; i++) {
		int n = sprintf(path, "%s%sn%d", dir, *dir ? "/" : "", i);

		memset(path + n, 'x', len);
		path[n + len] = 0;
		if (kind == 0)
			good += !unlink(path);
		else if (kind == 1 && i % 2)
			good += !unlink(path);
		else if (kind == 2)
			good += !mknod(path, S_IFREG | 0600, 0);
	}
	fs_note("= %d ", good);
	fs_say_path(*dir ? dir : "/");
}

/* ---- steps on open files ---- */

static void fs_on_signal(int sig)
{
	siglongjmp(fs_jump, sig);
}

/* Stores into a page or two; beyond the end of the file they must raise SIGBUS. */
static void step_map(int fd)
{
	unsigned long at = fs_offset() & -4096UL, len = (1 + fs_below(3)) * 4096;
	struct stat st;
	int sig;

	fs_note("map %lu %lu ", at, len);
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);

	if (p == MAP_FAILED || fstat(fd, &st)) {
		fs_note("= %d ", -errno);
		return;
	}
	unsigned long v = fs_rnd(), where = fs_below(len) & -8UL, last = fs_below(8) + 1;

	sig = sigsetjmp(fs_jump, 1);
	if (!sig) {
		for (unsigned long i = 0; i < last * 8 && where + i + 8 <= len; i += 8) {
			unsigned long pos = at + where + i;

			/* In the page of the end, what is behind the end may or may not stay until it grows. */
			if (pos / 4096 == (unsigned long)st.st_size / 4096 &&
			    pos + 8 > (unsigned long)st.st_size)
				break;
			*(volatile unsigned long *)(p + where + i) = v + i;
		}
	}
	fs_note("signal %d ", sig);
	if (fs_chance(2))
		fs_note("msync %ld ", fs_result(msync(p, len, fs_chance(2) ? MS_SYNC : MS_ASYNC)));
	munmap(p, len);
}

static void step_write(int fd)
{
	unsigned long len = fs_length(), at = fs_offset();
	int kind = fs_below(5);
	long r;

	if (fs_chance(24)) {
		len = fs_below(MAX_BULK);
		at = fs_below(MAX_BULK - len);
		kind = 0;
	}
	fs_fill(len);
	if (kind == 0) {
		r = fs_result(pwrite(fd, fs.buf, len, at));
	} else if (kind == 1) {
		struct iovec v[3] = { { fs.buf, len / 3 },
				      { fs.buf + 100, 0 },
				      { fs.buf + len / 3, len - len / 3 } };

		r = fs_result(pwritev(fd, v, 3, at));
	} else {
		if (lseek(fd, at, SEEK_SET) < 0)
			fs_note("lseek %d ", errno);
		r = fs_result(write(fd, fs.buf, len));
	}
	fs_note("write %d %lu at %lu = %ld ", kind, len, at, r);
}

static void step_read(int fd)
{
	unsigned long len = fs_chance(16) ? MAX_BULK : fs_length(), at = fs_offset();
	long r = fs_result(pread(fd, fs.buf, len, at));

	fs_note("read %lu at %lu = %ld ", len, at, r);
	if (r > 0)
		fs_note("%llx ", (unsigned long long)fs_hash_bytes(0, fs.buf, r));
}

static void step_allocate(int fd)
{
	static const int mode[] = { 0, 1, 3, 3, 3, 2, 0, 1 };
	int m = mode[fs_below(ARRAY_SIZE(mode))];
	unsigned long at = fs_offset(), len = fs_length() * (1 + fs_below(8));

	if (strchr(fs.letters, 'f')) {
		fs_note("fsync = %ld ", fs_result(fsync(fd)));
		return;
	}
	if (strchr(fs.letters, 'a'))
		m |= 2;
	fs_note("fallocate %d %lu %lu = %ld ", m, at, len, fs_result(fallocate(fd, m, at, len)));
}

static void step_seek(int fd)
{
	int whence = strchr(fs.letters, 'h') ? SEEK_END : SEEK_DATA + (int)fs_below(2);
	long at = fs_offset();
	struct stat st;

	if (fstat(fd, &st) || S_ISDIR(st.st_mode)) {
		fs_note("directory "); /* where those end is the file system's choice */
		return;
	}
	fs_note("lseek %d %ld = %ld ", whence, at, fs_result(lseek(fd, at, whence)));
}

static void step_copy(int fd)
{
	int to = fs.slot[fs_below(NSLOTS)];
	off_t from = fs_offset(), at = fs_offset();
	size_t len = fs_length();
	long r;

	if (to < 0 || strchr(fs.letters, 'c')) {
		fs_note("none ");
		return;
	}
	if (fs_chance(2)) {
		if (lseek(to, at, SEEK_SET) < 0)
			fs_note("lseek %d ", errno);
		r = fs_result(sendfile(to, fd, &from, len));
		fs_note("sendfile %zu to %ld = %ld %ld ", len, (long)at, r, (long)from);
	} else {
		r = fs_result(syscall(SYS_copy_file_range, fd, &from, to, &at, len, 0));
		fs_note("copy %zu = %ld %ld %ld ", len, r, (long)from, (long)at);
	}
}

static void step_fd(void)
{
	int i = fs_below(NSLOTS), fd = fs.slot[i];

	if (fd < 0) {
		step_open(i);
		return;
	}
	fs_note("slot %d ", i);
	switch (fs_below(16)) {
	case 0:
	case 1:
	case 2:
	case 3:
		step_write(fd);
		break;
	case 4:
	case 5:
		step_read(fd);
		break;
	case 6: {
		unsigned long n = fs_chance(3) ? 0 : fs_offset();

		fs_note("ftruncate %lu = %ld ", n, fs_result(ftruncate(fd, n)));
		break;
	}
	case 7:
	case 8:
	case 9:
		step_map(fd);
		break;
	case 10:
		step_allocate(fd);
		break;
	case 11:
		step_seek(fd);
		break;
	case 12:
		step_copy(fd);
		break;
	case 13:
		fs_note("fsync %ld ", fs_result(fs_chance(2) ? fsync(fd) : fdatasync(fd)));
		break;
	case 14: {
		struct stat st;

		if (fstat(fd, &st) || !S_ISREG(st.st_mode))
			break;
		fs_note("append %ld ", fs_result(fcntl(fd, F_SETFL, fs_chance(2) ? O_APPEND : 0)));
		break;
	}
	default:
		fs_note("close = %ld", fs_result(close(fd)));
		fs.slot[i] = -1;
		return;
	}
	fs_say_fd(fd);
}

static void fs_step(void)
{
	unsigned long kind = fs_below(64);

	if (kind < 4)
		step_open(fs_below(NSLOTS));
	else if (kind < 38)
		step_fd();
	else if (kind < 46)
		step_two_names();
	else if (kind < 49)
		step_symlink();
	else if (kind < 51)
		step_node();
	else if (kind < 52)
		step_crowd();
	else if (kind == 52 && fs_chance(4))
		sync();
	else
		step_name();
}

/* ---- a run ---- */

/*
 * `steps` steps of a seed below `dir`, which becomes the root of this process. The hash of the tree every `every` steps; lines on
 * standard output when `out`; at the end the tree itself when `print`. => the hash of all lines
 */
static uint64_t fs_run(const char *dir, uint64_t seed, unsigned long steps, unsigned long every,
		       const char *letters, int out, int print)
{
	struct sigaction sa = { .sa_handler = fs_on_signal };

	fs.letters = letters;
	fs.drop_fd = strchr(letters, 'd') ? open("/proc/sys/vm/drop_caches", O_WRONLY) : -1;
	fs.state = (seed + 1) * 0x9e3779b97f4a7c15ULL | 1;
	fs.hash = seed;
	for (int i = 0; i < NSLOTS; i++)
		fs.slot[i] = -1;
	sigaction(SIGBUS, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	if (chdir(dir) || chroot(".")) {
		say("# %s: %s\n", dir, strerror(errno));
		return 0;
	}
	for (fs.step = 1; fs.step <= steps; fs.step++) {
		fs.text[0] = 0;
		fs_step();
		if (fs.step % every == 0 || fs.step == steps)
			fs_note(" tree %016llx",
				(unsigned long long)fs_tree(print && fs.step == steps));
		fs.hash = fs_hash_bytes(fs.hash, fs.text, strlen(fs.text));
		if (out)
			say("%lu %s\n", fs.step, fs.text);
	}
	for (int i = 0; i < NSLOTS; i++)
		if (fs.slot[i] >= 0)
			close(fs.slot[i]);
	return fs.hash;
}

#endif
