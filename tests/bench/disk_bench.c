/*
 * disk_bench.c - the benchmark of disks and their file system, which tools/bench_disk.py boots as process 1.
 *
 * The same static binary is /init of Quire and of Debian's Linux, in the same QEMU with the same ext2 image behind virtio-blk.
 *
 * 1. A row does its work several times and prints the median cost of one unit: a page, a file, or an entry of a directory. What the
 *    work needs first (a mount, an empty cache) is outside the measure.
 * 2. Cold means: unmounted, all caches dropped, mounted again.
 * 3. What is counted are the instructions of the whole CPU, interrupts and kernel threads included, but not those of waiting. A CPU
 *    that is idle under -icount jumps to its next timer, and the jump would be in the figure. So (word "spin" on the kernel's command
 *    line) a process of SCHED_IDLE never lets it be idle: it counts its own rounds of two instructions, and they are taken off.
 * 4. Without that word the figure is time as the program sees it, with all waiting.
 *
 * Linux has its drivers as modules: the file /modules/order lists them, and they are loaded first. Quire has none.
 *
 * Output as in bench.c: BENCH op=NAME median=N min=N rounds=N, at last BENCH end.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE	   4096L
#define CHUNK	   (128 * 1024)
#define BIG_PAGES  8192L /* the file /big of the image, and what is read of the raw disk */
#define NEW_PAGES  4096L /* what is written */
#define RANDOM	   1024L /* reads of single pages of /big */
#define SMALL	   500	 /* files that are made and deleted */
#define ROUNDS	   5
#define BLKFLSBUF_ _IO(0x12, 97)

static const char *const disk = "/dev/vda";
static volatile uint64_t *spun; /* rounds of the process that spins, or NULL */
static char chunk[CHUNK];
static int mounted;

static uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

/* Ticks, without those that were only spun away. */
static uint64_t now(void)
{
	return rdtsc() - (spun ? 2 * *spun : 0);
}

static void say(const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (write(1, line, n) < 0)
		_exit(3);
}

static void leave(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void die(const char *what)
{
	say("BENCH error=%s errno=%d\n", what, errno);
	leave();
}

static void put_word(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, word, strlen(word)) < 0)
		die(path);
	close(fd);
}

static void detach(void)
{
	if (mounted && umount("/mnt"))
		die("umount");
	mounted = 0;
}

static void attach(void)
{
	if (!mounted && mount(disk, "/mnt", "ext2", 0, NULL))
		die("mount");
	mounted = 1;
}

static void drop(void)
{
	detach();
	sync();
	put_word("/proc/sys/vm/drop_caches", "3");
}

static void cold(void)
{
	drop();
	attach();
}

/* The device alone, nothing of it in memory. */
static void cold_disk(void)
{
	drop();
	int fd = open(disk, O_RDONLY);

	if (fd < 0)
		die("open disk");
	ioctl(fd, BLKFLSBUF_, 0);
	close(fd);
}

/* ---- the rows: each does its work and returns how many units that were ---- */

static long read_all(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		die(path);
	for (long left = BIG_PAGES * PAGE; left > 0; left -= CHUNK)
		if (read(fd, chunk, CHUNK) != CHUNK)
			die("read");
	close(fd);
	return BIG_PAGES;
}

static volatile char *map_all(const char *path, int *fd)
{
	*fd = open(path, O_RDONLY);
	void *p = mmap(NULL, BIG_PAGES * PAGE, PROT_READ, MAP_SHARED, *fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static long touch_all(const char *path)
{
	int fd;
	volatile char *p = map_all(path, &fd);

	for (long i = 0; i < BIG_PAGES; i++)
		(void)p[i * PAGE];
	munmap((void *)p, BIG_PAGES * PAGE);
	close(fd);
	return BIG_PAGES;
}

static long disk_read(void)
{
	return read_all(disk);
}

static long disk_map(void)
{
	return touch_all(disk);
}

static long file_read(void)
{
	return read_all("/mnt/big");
}

static long file_map(void)
{
	return touch_all("/mnt/big");
}

/* No page comes twice: the factor is odd, the number of pages a power of two. */
static long random_page(long i)
{
	return (i * 5039 + 77) % BIG_PAGES;
}

static long random_pread(void)
{
	int fd = open("/mnt/big", O_RDONLY);

	for (long i = 0; i < RANDOM; i++)
		if (pread(fd, chunk, PAGE, random_page(i) * PAGE) != PAGE)
			die("pread");
	close(fd);
	return RANDOM;
}

static long random_map(void)
{
	int fd;
	volatile char *p = map_all("/mnt/big", &fd);

	for (long i = 0; i < RANDOM; i++)
		(void)p[random_page(i) * PAGE];
	munmap((void *)p, BIG_PAGES * PAGE);
	close(fd);
	return RANDOM;
}

static void no_new(void)
{
	attach();
	unlink("/mnt/new");
	cold();
}

static long write_fsync(void)
{
	int fd = open("/mnt/new", O_CREAT | O_EXCL | O_WRONLY, 0644);

	if (fd < 0)
		die("create");
	for (long left = NEW_PAGES * PAGE; left > 0; left -= CHUNK)
		if (write(fd, chunk, CHUNK) != CHUNK)
			die("write");
	if (fsync(fd) || close(fd))
		die("fsync");
	return NEW_PAGES;
}

static void small_name(char *name, int i)
{
	sprintf(name, "/mnt/small/file%03d", i);
}

static long delete_small(void)
{
	char name[64];

	for (int i = 0; i < SMALL; i++) {
		small_name(name, i);
		if (unlink(name))
			die("unlink");
	}
	return SMALL;
}

static long create_small(void)
{
	char name[64];

	for (int i = 0; i < SMALL; i++) {
		small_name(name, i);
		int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);

		if (fd < 0 || write(fd, chunk, 1000) != 1000 || close(fd))
			die("create small");
	}
	return SMALL;
}

static void no_small(void)
{
	char name[64];

	attach();
	mkdir("/mnt/small", 0755);
	for (int i = 0; i < SMALL; i++) {
		small_name(name, i);
		unlink(name);
	}
	sync();
}

static void some_small(void)
{
	no_small();
	create_small();
	sync();
}

/* What find does: each entry of each directory, and lstat of it. */
static long walk(int dir)
{
	DIR *d = fdopendir(dir);
	struct dirent *e;
	struct stat st;
	long seen = 0;

	if (!d)
		die("opendir");
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			die("lstat");
		seen++;
		if (S_ISDIR(st.st_mode))
			seen += walk(openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY));
	}
	closedir(d);
	return seen;
}

static long find(void)
{
	long seen = walk(open("/mnt/tree", O_RDONLY | O_DIRECTORY));

	if (seen < 1000)
		die("the tree is incomplete");
	return seen;
}

static void read_once(void)
{
	attach();
	file_read();
}

static void find_once(void)
{
	attach();
	find();
}

static const struct {
	const char *name;
	void (*prepare)(void);
	long (*work)(void);
} ops[] = {
	{ "disk_read", cold_disk, disk_read },
	{ "disk_map", cold_disk, disk_map },
	{ "file_read_cold", cold, file_read },
	{ "file_read_hot", read_once, file_read },
	{ "file_map_cold", cold, file_map },
	{ "file_map_hot", read_once, file_map },
	{ "random_pread", cold, random_pread },
	{ "random_map", cold, random_map },
	{ "write_fsync", no_new, write_fsync },
	{ "create_small", no_small, create_small },
	{ "delete_small", some_small, delete_small },
	{ "find_cold", cold, find },
	{ "find_hot", find_once, find },
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void run_op(int which)
{
	uint64_t sample[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		ops[which].prepare();
		uint64_t t = now();
		long units = ops[which].work();

		sample[i] = (now() - t) / units;
	}
	qsort(sample, ROUNDS, sizeof(sample[0]), by_value);
	say("BENCH op=%s median=%llu min=%llu rounds=%d\n", ops[which].name,
	    (unsigned long long)sample[ROUNDS / 2], (unsigned long long)sample[0], ROUNDS);
}

static void start_spinning(void)
{
	struct sched_param none = { 0 };
	volatile uint64_t *rounds =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (rounds == MAP_FAILED)
		die("mmap");
	*rounds = 0;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		if (syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &none))
			_exit(1);
		asm volatile("1: incq (%0); jmp 1b" : : "r"(rounds) : "memory");
	}
	while (!*rounds)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	spun = rounds;
}

static void load_modules(void)
{
	char path[256];
	FILE *order = fopen("/modules/order", "r");

	while (order && fscanf(order, "%255s", path) == 1) {
		int fd = open(path, O_RDONLY);

		if (fd < 0)
			die("open module");
		if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST && errno != ENOSYS)
			die("finit_module");
		close(fd);
	}
	if (order)
		fclose(order);
}

static void wait_for_disk(void)
{
	for (int i = 0; access(disk, F_OK) && i < 500; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

static int has_word(const char *word)
{
	char line[2048];
	int fd = open("/proc/cmdline", O_RDONLY), len = read(fd, line, sizeof(line) - 1);

	close(fd);
	line[len > 0 ? len : 0] = 0;
	return strstr(line, word) != NULL;
}

int main(void)
{
	if (getpid() != 1)
		return fprintf(stderr, "disk_bench is a process 1: see tools/bench_disk.py\n"), 1;
	if (fcntl(1, F_GETFD) < 0) {
		open("/dev/console", O_RDWR);
		dup(0);
		dup(0);
	}
	mkdir("/proc", 0755);
	mkdir("/mnt", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	load_modules();
	wait_for_disk();
	if (has_word("spin"))
		start_spinning();
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		run_op(i);
	detach();
	say("BENCH end\n");
	leave();
}
