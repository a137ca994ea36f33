/*
 * coherence.c - one file, read and written by several processes through read, mmap and O_DIRECT at once: nobody sees what is old.
 *
 * 1. The file consists of units. Each has one owner, who writes generation after generation into it, by a way chosen at random;
 *    each word of a unit is its number and the generation.
 * 2. The owner says in shared memory which generation it is about to write (begun) and which it has written (done). Who reads a
 *    unit, by any way, finds in each of its words a generation between what was done before he began and what is begun after
 *    he has ended. The owner himself finds exactly his last.
 * 3. On Quire units are sectors, so that one page has several owners, who use the cache and the disk side by side. Linux promises
 *    that only for whole pages, so there units are pages.
 *
 * In $TMPDIR if that is given, else inside Quire on /dev/ram1, whose contents it destroys.
 */
#include "files.h"

#include <sys/mman.h>

#define DISK	"/dev/ram1"
#define WRITERS 4
#define READERS 2
#define PAGES	16
#define WRITES	250 /* of each writer */

static struct shared {
	uint32_t begun[PAGES * 8], done[PAGES * 8];
	int writing; /* writers that are not done */
} * sh;

static unsigned int unit, units;
static int cached, direct;
static unsigned char *map, *buf;

static void open_all(void)
{
	const char *place = DISK;
	int fd;

	test_dir();
	if (!on_quire() || getenv("TMPDIR") || access(DISK, W_OK)) {
		place = "f";
		fd = open(place, O_RDWR | O_CREAT, 0644);
		ASSERT_OK(fd);
		ASSERT_OK(ftruncate(fd, PAGES * PAGE));
		close(fd);
	}
	cached = open(place, O_RDWR);
	ASSERT_OK(cached);
	direct = open(place, O_RDWR | O_DIRECT);
	if (direct < 0)
		skip("no O_DIRECT here");
	map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, cached, 0);
	ASSERT(map != MAP_FAILED);
	buf = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT(buf != MAP_FAILED);
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(sh != MAP_FAILED);
	unit = on_quire() ? 512 : PAGE;
	units = PAGES * PAGE / unit;
}

static uint64_t stamp(unsigned int u, uint32_t gen)
{
	return (uint64_t)(u + 1) << 32 | gen;
}

static void fill(void *to, unsigned int u, uint32_t gen)
{
	volatile uint64_t *w = to;

	for (unsigned int i = 0; i < unit / 8; i++)
		w[i] = stamp(u, gen);
}

/* Also reads the unit by one of the ways; what is wrong with it ends the test. */
static void check(unsigned int u, int way, uint32_t lo, int exact)
{
	static const char *const names[] = { "read", "mmap", "direct" };
	volatile uint64_t *w = (void *)buf;
	off_t at = (off_t)u * unit;
	uint64_t seen[PAGE / 8];

	if (way == 0)
		ASSERT_EQ(pread(cached, buf, unit, at), unit);
	else if (way == 1)
		w = (void *)(map + at);
	else
		ASSERT_EQ(pread(direct, buf, unit, at), unit);
	for (unsigned int i = 0; i < unit / 8; i++)
		seen[i] = w[i];
	uint32_t hi = exact ? lo : __atomic_load_n(&sh->begun[u], __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < unit / 8; i++) {
		uint32_t gen = seen[i];

		if (seen[i] >> 32 == u + 1 && gen >= lo && gen <= hi)
			continue;
		say("# unit %u word %u by %s: %#llx, not a generation from %u to %u\n", u, i,
		    names[way], (unsigned long long)seen[i], lo, hi);
		test_fail();
		_exit(1);
	}
}

static void write_unit(unsigned int u, int way)
{
	uint32_t gen = sh->begun[u] + 1;
	off_t at = (off_t)u * unit;

	__atomic_store_n(&sh->begun[u], gen, __ATOMIC_SEQ_CST);
	if (way == 1) {
		fill(map + at, u, gen);
	} else {
		fill(buf, u, gen);
		ASSERT_EQ(pwrite(way ? direct : cached, buf, unit, at), unit);
	}
	__atomic_store_n(&sh->done[u], gen, __ATOMIC_SEQ_CST);
}

static void writer(unsigned int me)
{
	for (int i = 0; i < WRITES; i++) {
		unsigned int u = rnd_below(units / WRITERS) * WRITERS + me;

		write_unit(u, rnd_below(3));
		if (rnd() % 2)
			check(u, rnd_below(3), sh->done[u], 1);
		if (rnd() % 32 == 0)
			ASSERT_OK(fdatasync(cached));
		if (rnd() % 32 == 0)
			EXPECT_EQ(posix_fadvise(cached, 0, 0, POSIX_FADV_DONTNEED), 0);
	}
	__atomic_fetch_sub(&sh->writing, 1, __ATOMIC_SEQ_CST);
	_exit(test_failed);
}

static void reader(void)
{
	while (__atomic_load_n(&sh->writing, __ATOMIC_SEQ_CST) > 0) {
		unsigned int u = rnd_below(units);

		check(u, rnd_below(3), __atomic_load_n(&sh->done[u], __ATOMIC_SEQ_CST), 0);
	}
	_exit(test_failed);
}

TEST_LIMIT(nobody_sees_what_is_old, 60)
{
	pid_t pid[WRITERS + READERS];

	open_all();
	for (unsigned int u = 0; u < units; u++)
		write_unit(u, 0);
	ASSERT_OK(fsync(cached));
	sh->writing = WRITERS;
	for (int i = 0; i < WRITERS + READERS; i++) {
		uint64_t seed = rnd();

		pid[i] = test_fork();
		if (pid[i])
			continue;
		test_random = seed | 1;
		alarm(60 * test_time_scale());
		if (i < WRITERS)
			writer(i);
		reader();
	}
	for (int i = 0; i < WRITERS; i++) {
		int status = test_wait(pid[i]);

		if (status) {
			__atomic_store_n(&sh->writing, 0, __ATOMIC_SEQ_CST);
			check_failed(__FILE__, __LINE__, "writer %d: status %#x", i, status);
		}
	}
	for (int i = WRITERS; i < WRITERS + READERS; i++)
		EXPECT_EXIT(pid[i], 0);
	for (unsigned int u = 0; u < units; u++)
		for (int way = 0; way < 3; way++)
			check(u, way, sh->done[u], 1);
}
