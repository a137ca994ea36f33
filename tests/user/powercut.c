/*
 * powercut - a load of writes that says what it has been promised, for a disk whose power goes.
 *
 * 1. The load changes a dozen files by seed: it writes ranges of sectors, stores through mmap, renames, cuts, deletes. Each sector says
 *    whose it is, which one, and of which generation, so that every byte that is found later can be judged.
 * 2. Before each change it prints the change; after an fsync, msync or sync has returned it prints what is promised now, and with
 *    `wait` it reads a line before it goes on. So the other side knows how far the disk's log had come at that moment.
 * 3. What frees blocks (truncate, unlink) is followed by sync before anything is allocated: without a journal a block may otherwise be
 *    in two files after a cut, on any ext2. A file's name is promised when its directory was synced as well.
 *
 *	P c ID DIR		made in directory DIR		P w ID FIRST COUNT GEN	sectors written
 *	P m ID DIR		renamed to directory DIR	P t ID SECTORS		cut or grown
 *	P u ID			deleted				P a ID, P A		promised: of one file, of all
 *
 * tools/powercut.py is the other side. As a suite of its own this program checks that the load does what it says.
 */
#include "tests/user/test.h"

#include <sys/mman.h>

#define NFILES	    12
#define NDIRS	    3
#define SECTOR	    512
#define MAX_SECTORS 3000
#define MAX_RUN	    160

static struct {
	int exists, dir, settled; /* settled: all of it is promised */
	unsigned int size;	  /* sectors */
	unsigned int gen[MAX_SECTORS];
} file[NFILES];

static unsigned int generation;
static int waiting;
static unsigned char data[MAX_RUN * SECTOR];

static void stamp(unsigned char *p, unsigned int id, unsigned int sector, unsigned int gen)
{
	uint64_t first = (uint64_t)(id + 1) << 48 | (uint64_t)sector << 24 | gen, v;

	for (int i = 0; i < SECTOR / 8; i++) {
		v = i ? first * 0x9e3779b97f4a7c15ULL + i * 0x2545f4914f6cdd1dULL : first;
		memcpy(p + 8 * i, &v, 8);
	}
}

static char *path_of(int id, int dir)
{
	static char path[2][40];
	static int turn;

	turn ^= 1;
	sprintf(path[turn], "d%d/file%02d", dir, id);
	return path[turn];
}

static void __attribute__((format(printf, 1, 2))) tell(const char *fmt, ...)
{
	char line[100];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (waiting)
		say("P %s\n", line);
}

static void promised(int id)
{
	char c = 0;

	if (id < 0)
		tell("A");
	else
		tell("a %d", id);
	for (int i = 0; i < NFILES; i++)
		if (id < 0 || i == id)
			file[i].settled = 1;
	while (waiting && read(0, &c, 1) == 1 && c != '\n')
		;
}

static void must(long r, const char *call)
{
	if (r < 0) {
		say("P ! %s: %s\n", call, strerror(errno));
		_exit(1);
	}
}

static void sync_dir(int dir)
{
	char path[10];

	sprintf(path, "d%d", dir);
	int fd = open(path, O_RDONLY | O_DIRECTORY);

	must(fd, "open directory");
	must(fsync(fd), "fsync directory");
	close(fd);
}

static void sync_all(void)
{
	sync();
	promised(-1);
}

static void sync_file(int id, int fd)
{
	must(fsync(fd), "fsync");
	sync_dir(file[id].dir);
	promised(id);
}

static void change_write(int id, int flags)
{
	unsigned int first = rnd_below(4) ? rnd_below(file[id].size + 20)
					  : rnd_below(MAX_SECTORS - MAX_RUN);
	unsigned int n = rnd_below(3) ? 1 + rnd_below(16) : 1 + rnd_below(MAX_RUN - 1);
	int fd = open(path_of(id, file[id].dir), O_WRONLY | flags), settled = file[id].settled;

	must(fd, "open");
	file[id].settled = 0;
	if (first > MAX_SECTORS - MAX_RUN)
		first = MAX_SECTORS - MAX_RUN;
	tell("w %d %u %u %u", id, first, n, ++generation);
	for (unsigned int i = 0; i < n; i++) {
		stamp(data + i * SECTOR, id, first + i, generation);
		file[id].gen[first + i] = generation;
	}
	must(pwrite(fd, data, n * SECTOR, (off_t)first * SECTOR) == (ssize_t)(n * SECTOR) ? 0 : -1,
	     "pwrite");
	if (first + n > file[id].size)
		file[id].size = first + n;
	switch (rnd_below(5)) {
	case 0:
	case 1:
		sync_file(id, fd);
		break;
	case 2:
		must(fdatasync(fd), "fdatasync");
		sync_dir(file[id].dir);
		promised(id);
		break;
	default:
		if ((flags & O_SYNC) &&
		    settled) { /* O_SYNC says nothing about what was written before */
			sync_dir(file[id].dir);
			promised(id);
		}
	}
	close(fd);
}

static void change_store(int id)
{
	size_t len = (size_t)file[id].size * SECTOR;
	int fd = open(path_of(id, file[id].dir), O_RDWR);

	must(fd, "open");
	unsigned char *p = len ? mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
			       : MAP_FAILED;

	if (p != MAP_FAILED) {
		unsigned int first = rnd_below(file[id].size), n = 1 + rnd_below(12);

		if (first + n > file[id].size)
			n = file[id].size - first;
		tell("w %d %u %u %u", id, first, n, ++generation);
		for (unsigned int i = 0; i < n; i++) {
			stamp(p + (size_t)(first + i) * SECTOR, id, first + i, generation);
			file[id].gen[first + i] = generation;
		}
		must(msync(p, len, MS_SYNC), "msync");
		sync_dir(file[id].dir);
		promised(id);
		munmap(p, len);
	}
	close(fd);
}

static void change_create(int id)
{
	int dir = rnd_below(NDIRS);

	tell("c %d %d", id, dir);
	int fd = open(path_of(id, dir), O_WRONLY | O_CREAT | O_EXCL, 0644);

	must(fd, "create");
	close(fd);
	memset(&file[id], 0, sizeof(file[id]));
	file[id].exists = 1;
	file[id].dir = dir;
}

static void change_rename(int id)
{
	int to = rnd_below(NDIRS), from = file[id].dir, fd;

	if (to == from)
		return;
	tell("m %d %d", id, to);
	file[id].settled = 0;
	must(rename(path_of(id, from), path_of(id, to)), "rename");
	file[id].dir = to;
	if (rnd_below(3))
		return;
	fd = open(path_of(id, to), O_RDONLY);
	must(fd, "open");
	must(fsync(fd), "fsync");
	close(fd);
	sync_dir(to);
	sync_dir(from);
	promised(id);
}

static void change_size(int id)
{
	unsigned int n = rnd_below(3) ? rnd_below(file[id].size + 1) : rnd_below(MAX_SECTORS);

	tell("t %d %u", id, n);
	must(truncate(path_of(id, file[id].dir), (off_t)n * SECTOR), "truncate");
	for (unsigned int i = n; i < MAX_SECTORS; i++)
		file[id].gen[i] = 0;
	file[id].size = n;
	sync_all();
}

static void change_delete(int id)
{
	tell("u %d", id);
	must(unlink(path_of(id, file[id].dir)), "unlink");
	file[id].exists = 0;
	sync_all();
}

static void load(uint64_t seed, unsigned long steps)
{
	char path[10];

	test_random = seed * 0x9e3779b97f4a7c15ULL | 1;
	for (int d = 0; d < NDIRS; d++) {
		sprintf(path, "d%d", d);
		must(mkdir(path, 0755), "mkdir");
	}
	sync_all();
	for (unsigned long step = 0; step < steps; step++) {
		int id = rnd_below(NFILES), kind = rnd_below(20);

		if (!file[id].exists)
			change_create(id);
		if (kind < 10)
			change_write(id, rnd_below(8) ? 0 : O_SYNC);
		else if (kind < 13)
			change_store(id);
		else if (kind < 15)
			change_rename(id);
		else if (kind < 17)
			change_size(id);
		else if (kind < 18)
			change_delete(id);
		else if (kind < 19)
			sync_all();
	}
	sync_all();
}

HELPER(load)
{
	if (argc < 6 || chdir(argv[3]))
		return 2;
	waiting = 1;
	load(strtoull(argv[4], NULL, 0), strtoul(argv[5], NULL, 0));
	say("P .\n");
	return 0;
}

static void check_file(int id)
{
	unsigned char want[SECTOR], got[SECTOR];
	int fd = open(path_of(id, file[id].dir), O_RDONLY);

	if (!file[id].exists) {
		for (int d = 0; d < NDIRS; d++)
			EXPECT_ERR(access(path_of(id, d), F_OK), ENOENT);
		return;
	}
	ASSERT_OK(fd);
	EXPECT_EQ(lseek(fd, 0, SEEK_END), (off_t)file[id].size * SECTOR);
	for (unsigned int i = 0; i < file[id].size; i++) {
		if (file[id].gen[i])
			stamp(want, id, i, file[id].gen[i]);
		else
			memset(want, 0, SECTOR);
		ASSERT_EQ(pread(fd, got, SECTOR, (off_t)i * SECTOR), SECTOR);
		ASSERT(!memcmp(want, got, SECTOR));
	}
	close(fd);
}

TEST(files_hold_what_the_load_says)
{
	test_dir();
	load(test_seed | 1, 300);
	for (int id = 0; id < NFILES; id++)
		check_file(id);
}
