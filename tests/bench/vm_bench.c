/*
 * vm_bench.c - the rows of the benchmark program that measure address spaces: faults, fork, exec, the mmap family.
 *
 * 1. Each fault row maps memory, faults on every page of it between two readings, and unmaps it outside the measure; the figure
 *    is for one page. What a row needs beforehand (pages of the file, a zero page in the entry) is also outside.
 * 2. The rows of a call (mprotect, mremap, madvise, mincore) measure the call on pages that are present; the figure is for one
 *    call, whatever its size, and the row's name says the size.
 * 3. The three neighbour rows measure an anonymous fault while the process has that many areas beside. Each of these is a page with
 *    a hole behind it, below and above the area that takes the faults.
 *
 * Huge pages are off where this is compared (transparent_hugepage=never). bench.c says how a figure is made.
 */
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB4 1024UL /* pages */

static void write_pages(volatile char *p, long n)
{
	for (long i = 0; i < n; i++)
		p[i * PAGE] = 1;
}

static uint64_t timed_writes(void *p, long n)
{
	uint64_t t = rdtsc();

	write_pages(p, n);
	return rdtsc() - t;
}

static void *touched(size_t pages)
{
	void *p = map_anon(pages);

	write_pages(p, pages);
	return p;
}

static void *map_file(int n, int flags)
{
	int fd = open(file_name, O_RDWR);
	void *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		die("mmap file");
	close(fd);
	return p;
}

/* ---- faults ---- */

/* The zero page is there already: the first write takes its place. */
static uint64_t op_zero_then_write(int n)
{
	volatile char *p = map_anon(n);

	for (int i = 0; i < n; i++)
		(void)p[i * PAGE];
	uint64_t t = timed_writes((void *)p, n);

	munmap((void *)p, n * PAGE);
	return t;
}

static uint64_t op_shared_anon_fault(int n)
{
	void *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap shared");
	uint64_t t = timed_writes(p, n);

	munmap(p, n * PAGE);
	return t;
}

static uint64_t op_file_cow(int n)
{
	void *p = map_file(n, MAP_PRIVATE);
	uint64_t t = timed_writes(p, n);

	munmap(p, n * PAGE);
	return t;
}

static uint64_t op_file_shared_write(int n)
{
	void *p = map_file(n, MAP_SHARED);
	uint64_t t = timed_writes(p, n);

	munmap(p, n * PAGE);
	return t;
}

static uint64_t op_populate(int n)
{
	uint64_t t = rdtsc();
	void *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	t = rdtsc() - t;
	if (p == MAP_FAILED)
		die("mmap populate");
	munmap(p, n * PAGE);
	return t;
}

/* ---- faults with other areas beside ---- */

static char *beside;
static int beside_nr;

/* Single pages, every other one, in two halves with a gap of 1024 pages in the middle; where that is. */
static void *areas_beside(int nr)
{
	if (nr != beside_nr) {
		size_t half = nr / 2, old = (2 * (beside_nr / 2) * 2 + MIB4) * PAGE;

		if (beside_nr)
			munmap(beside, old);
		beside_nr = nr;
		beside = mmap(NULL, (2 * half * 2 + MIB4) * PAGE, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (beside == MAP_FAILED || munmap(beside, (2 * half * 2 + MIB4) * PAGE))
			die("areas beside");
		for (size_t i = 0; i < 2 * half; i++) {
			char *at = beside + (i * 2 + (i >= half ? MIB4 : 0)) * PAGE;

			if (mmap(at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				 0) != at)
				die("area beside");
		}
	}
	return beside + (nr / 2 * 2 + 256) * PAGE;
}

static uint64_t fault_beside(int n, int nr)
{
	void *p = areas_beside(nr);

	if (mmap(p, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != p)
		die("mmap beside");
	uint64_t t = timed_writes(p, n);

	munmap(p, n * PAGE);
	return t;
}

static uint64_t op_fault_10(int n)
{
	return fault_beside(n, 10);
}

static uint64_t op_fault_1000(int n)
{
	return fault_beside(n, 1000);
}

static uint64_t op_fault_50000(int n)
{
	return fault_beside(n, 50000);
}

/* ---- processes ---- */

static uint64_t fork_with(size_t pages, int n)
{
	void *p = touched(pages);
	uint64_t t = op_fork_exit_wait(n);

	munmap(p, pages * PAGE);
	return t;
}

static uint64_t op_fork_16m(int n)
{
	return fork_with(4 * MIB4, n);
}

static uint64_t op_fork_64m(int n)
{
	return fork_with(16 * MIB4, n);
}

static uint64_t op_vfork_exec_wait(int n)
{
	char *argv[] = { (char *)self, "exit", NULL };
	char *envp[] = { NULL };
	uint64_t t = rdtsc();

	while (n--) {
		pid_t pid = vfork();

		if (!pid) {
			execve(self, argv, envp);
			_exit(127);
		}
		if (pid < 0)
			die("vfork");
		reap(pid);
	}
	return rdtsc() - t;
}

/* ---- the mmap family ---- */

static uint64_t mmap_pairs(int n, size_t pages, size_t touch)
{
	uint64_t t = rdtsc();

	while (n--) {
		void *p = map_anon(pages);

		write_pages(p, touch);
		munmap(p, pages * PAGE);
	}
	return rdtsc() - t;
}

static uint64_t op_mmap_1(int n)
{
	return mmap_pairs(n, 1, 0);
}

static uint64_t op_mmap_1_touched(int n)
{
	return mmap_pairs(n, 1, 1);
}

static uint64_t op_mmap_4m(int n)
{
	return mmap_pairs(n, MIB4, 0);
}

static uint64_t op_mmap_4m_touched(int n)
{
	return mmap_pairs(n, MIB4, MIB4);
}

/* One page out of the middle of three, all present: the area splits. */
static uint64_t op_munmap_middle(int n)
{
	char *at[64];
	uint64_t t;

	for (int i = 0; i < n; i++) {
		/* Every other one is read-only: these neighbours do not merge. */
		at[i] = touched(3);
		if (i & 1)
			mprotect(at[i], 3 * PAGE, PROT_READ);
	}
	t = rdtsc();
	for (int i = 0; i < n; i++)
		munmap(at[i] + PAGE, PAGE);
	t = rdtsc() - t;
	for (int i = 0; i < n; i++)
		munmap(at[i], 3 * PAGE);
	return t;
}

static uint64_t op_brk_touch(int n)
{
	uintptr_t old = syscall(SYS_brk, 0), start = (old + PAGE - 1) & ~(PAGE - 1);
	uint64_t t = rdtsc();

	while (n--) {
		syscall(SYS_brk, start + 16 * PAGE);
		write_pages((char *)start, 16);
		syscall(SYS_brk, old);
	}
	return rdtsc() - t;
}

static uint64_t mprotect_pairs(int n, size_t pages)
{
	void *p = touched(pages);
	uint64_t t = rdtsc();

	while (n--) {
		mprotect(p, pages * PAGE, PROT_READ);
		mprotect(p, pages * PAGE, PROT_READ | PROT_WRITE);
	}
	t = rdtsc() - t;
	munmap(p, pages * PAGE);
	return t;
}

static uint64_t op_mprotect_1024(int n)
{
	return mprotect_pairs(n, 1024);
}

/* 4 MiB there and back; the second place lies `off` pages behind one that the first is aligned with. */
static uint64_t mremap_pairs(int n, size_t off)
{
	char *hole = map_anon(6 * MIB4);
	char *a = (char *)(((uintptr_t)hole + (2UL << 20) - 1) & ~((2UL << 20) - 1));
	char *b = a + (2 * MIB4 + off) * PAGE;

	munmap(hole, 6 * MIB4 * PAGE);
	if (mmap(a, MIB4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) != a)
		die("mmap for mremap");
	write_pages(a, MIB4);
	uint64_t t = rdtsc();

	while (n--)
		if (mremap(a, MIB4 * PAGE, MIB4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, b) != b ||
		    mremap(b, MIB4 * PAGE, MIB4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, a) != a)
			die("mremap");
	t = rdtsc() - t;
	munmap(a, MIB4 * PAGE);
	return t;
}

static uint64_t op_mremap_aligned(int n)
{
	return mremap_pairs(n, 0);
}

static uint64_t op_mremap_unaligned(int n)
{
	return mremap_pairs(n, 1);
}

static uint64_t op_dontneed(int n)
{
	void *p = map_anon(MIB4);
	uint64_t sum = 0;

	while (n--) {
		write_pages(p, MIB4);
		uint64_t t = rdtsc();

		madvise(p, MIB4 * PAGE, MADV_DONTNEED);
		sum += rdtsc() - t;
	}
	munmap(p, MIB4 * PAGE);
	return sum;
}

static uint64_t op_mincore(int n)
{
	static unsigned char vec[MIB4];
	void *p = touched(MIB4);
	uint64_t t = rdtsc();

	while (n--)
		mincore(p, MIB4 * PAGE, vec);
	t = rdtsc() - t;
	munmap(p, MIB4 * PAGE);
	return t;
}

const struct op vm_ops[] = {
	{ "zero_then_write", op_zero_then_write, 256, 31 },
	{ "shared_anon_fault", op_shared_anon_fault, 256, 31 },
	{ "file_cow", op_file_cow, 64, 31 },
	{ "file_shared_write", op_file_shared_write, 64, 31 },
	{ "populate", op_populate, 1024, 15 },
	{ "fork_16m", op_fork_16m, 1, 11 },
	{ "fork_64m", op_fork_64m, 1, 7 },
	{ "vfork_exec_wait", op_vfork_exec_wait, 1, 41 },
	{ "mmap_munmap_1", op_mmap_1, 32, 41 },
	{ "mmap_touch_munmap_1", op_mmap_1_touched, 32, 41 },
	{ "mmap_munmap_4m", op_mmap_4m, 32, 41 },
	{ "mmap_touch_munmap_4m", op_mmap_4m_touched, 2, 11 },
	{ "munmap_middle", op_munmap_middle, 32, 31 },
	{ "brk_touch_shrink", op_brk_touch, 8, 31 },
	{ "mprotect_1024", op_mprotect_1024, 4, 31 },
	{ "mremap_4m_aligned", op_mremap_aligned, 4, 31 },
	{ "mremap_4m_unaligned", op_mremap_unaligned, 4, 31 },
	{ "dontneed_4m", op_dontneed, 2, 15 },
	{ "mincore_4m", op_mincore, 8, 31 },
	{ "fault_beside_10", op_fault_10, 256, 31 },
	{ "fault_beside_1000", op_fault_1000, 256, 31 },
	{ "fault_beside_50000", op_fault_50000, 256, 15 },
	{ 0 },
};
