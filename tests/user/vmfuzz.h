/*
 * vmfuzz.h - a random program of memory calls whose every visible effect is written down.
 *
 * 1. A seed gives a sequence of mmap, munmap, mprotect, mremap, madvise, mlock, msync, mseal, brk, fork, loads, stores and changes of
 *    files, with good and bad arguments. All of it lies in an arena at a fixed address (and in the heap, whose place does
 *    not matter), so two kernels that behave alike print the same lines.
 * 2. After each step comes one line: the call with its arguments, its result, and a hash of what /proc/self/maps says about the arena: borders
 *    (so merges and splits), rights, offsets, names. Every 256 steps a hash of the contents of every page follows.
 * 3. What a call may not decide is left out: an area that the kernel placed itself is moved into the arena at
 *    once; MADV_FREE is followed by MADV_DONTNEED (when the pages go is the kernel's choice); transparent huge pages are off.
 *
 * The rules of Linux changed over time (the reference is in vmfuzz.c).
 */
#ifndef TESTS_USER_VMFUZZ_H
#define TESTS_USER_VMFUZZ_H

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define ARENA	    0x200000000000UL
#define ARENA_PAGES 2048UL
#define HEAP_PAGES  24UL
#define FILE_PAGES  64UL
#define NFILES	    3 /* two files, and the first once more, opened for reading only */
#define MAX_DEPTH   2
#define DUMP_EVERY  256

struct fuzz {
	uint64_t state; /* random */
	uint64_t hash;	/* of every line so far */
	unsigned long step, every, from, to;
	int depth, fd[NFILES], maps_fd, out;
	char *heap;    /* where it begins, page aligned */
	char text[96]; /* the present step */
};

static struct fuzz fz;
static sigjmp_buf fuzz_jump;
static volatile int fuzz_code;

static uint64_t fuzz_rnd(void)
{
	fz.state ^= fz.state << 13;
	fz.state ^= fz.state >> 7;
	fz.state ^= fz.state << 17;
	return fz.state * 0x2545f4914f6cdd1dULL >> 8;
}

static unsigned long fuzz_below(unsigned long n)
{
	return fuzz_rnd() % n;
}

static int one_in(unsigned long n)
{
	return fuzz_below(n) == 0;
}

static uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
	for (const unsigned char *c = p; n--; c++)
		h = (h ^ *c) * 0x100000001b3ULL;
	return h;
}

/* ---- what can be seen ---- */

static char fuzz_maps[1 << 18];

static size_t read_maps(void)
{
	size_t n = 0;
	ssize_t r;

	lseek(fz.maps_fd, 0, SEEK_SET);
	while ((r = read(fz.maps_fd, fuzz_maps + n, sizeof(fuzz_maps) - 1 - n)) > 0)
		n += r;
	fuzz_maps[n] = 0;
	return n;
}

/* [start, end) cut to a window of the fuzz: -1 if it is in none. */
static int in_window(unsigned long *start, unsigned long *end)
{
	unsigned long base[2] = { ARENA, (unsigned long)fz.heap };
	unsigned long top[2] = { ARENA + ARENA_PAGES * PAGE, base[1] + HEAP_PAGES * PAGE };

	for (int w = 0; w < 2; w++) {
		if (*start >= top[w] || *end <= base[w])
			continue;
		*start = *start < base[w] ? 0 : (*start - base[w]) / PAGE;
		*end = ((*end > top[w] ? top[w] : *end) - base[w]) / PAGE;
		return w;
	}
	return -1;
}

struct maps_line {
	unsigned long start, end, off;
	const char *perms, *name, *next;
	int name_len;
};

/* The line at p; false at the end. By hand, since this is most of what a step costs. */
static int maps_parse(const char *p, struct maps_line *l)
{
	const char *end = strchr(p, '\n'), *c;

	if (!end)
		return 0;
	l->next = end + 1;
	l->start = strtoul(p, (char **)&c, 16);
	l->end = strtoul(c + 1, (char **)&c, 16);
	l->perms = c + 1;
	l->off = strtoul(c + 6, (char **)&c, 16);
	/* A device's and an inode's number need not be the same everywhere; nor where a file is. */
	for (l->name = c; c < end; c++)
		if (*c == '/' || *c == '[')
			l->name = c;
	l->name_len = *l->name == '/' || *l->name == '[' ? end - l->name : 0;
	return 1;
}

static uint64_t hash_maps(int print)
{
	uint64_t h = 0xcbf29ce484222325ULL;
	struct maps_line l;

	read_maps();
	for (const char *p = fuzz_maps; maps_parse(p, &l); p = l.next) {
		unsigned long start = l.start, end = l.end;
		int w = in_window(&start, &end);

		if (w < 0)
			continue;
		if (print)
			say("%c%lu-%lu %.4s %lx %.*s\n", "ah"[w], start, end, l.perms, l.off,
			    l.name_len, l.name);
		h = hash_bytes(h, &start, sizeof(start));
		h = hash_bytes(h, &end, sizeof(end));
		h = hash_bytes(h, l.perms, 4);
		h = hash_bytes(h, &l.off, sizeof(l.off));
		h = hash_bytes(h, l.name, l.name_len);
	}
	return h;
}

static void fuzz_fault(int sig, siginfo_t *si, void *ctx unused)
{
	fuzz_code = sig * 100 + si->si_code;
	siglongjmp(fuzz_jump, 1);
}

/* The word at p, or a negative number that names the signal. */
static long fuzz_load(unsigned long p)
{
	volatile long v = 0;

	if (sigsetjmp(fuzz_jump, 0))
		return -fuzz_code;
	v = *(volatile int *)p;
	return (unsigned int)v;
}

static long fuzz_store(unsigned long p, unsigned int v)
{
	if (sigsetjmp(fuzz_jump, 0))
		return -fuzz_code;
	*(volatile int *)p = v;
	return 0;
}

/* First word of each page that can be read. Only what has been there is looked at: loads of holes may make a stack grow. */
static uint64_t hash_contents(void)
{
	uint64_t h = 0xcbf29ce484222325ULL;
	struct maps_line l;

	read_maps();
	for (const char *p = fuzz_maps; maps_parse(p, &l); p = l.next) {
		unsigned long start = l.start, end = l.end;

		if (l.perms[0] != 'r' || in_window(&start, &end))
			continue;
		for (unsigned long a = l.start; a < l.end; a += PAGE) {
			long v = fuzz_load(a);

			h = hash_bytes(h, &v, sizeof(v));
		}
	}
	return h;
}

/* ---- arguments ---- */

/* A page of the arena: mostly the crowded beginning, at times near the border of a table, seldom anywhere. */
static unsigned long some_page(void)
{
	unsigned long n = fuzz_below(16);

	if (n < 11)
		return fuzz_below(48);
	if (n < 14)
		return 504 + fuzz_below(16);
	if (n < 15)
		return 512 * fuzz_below(4);
	return fuzz_below(ARENA_PAGES);
}

static unsigned long some_pages(void)
{
	unsigned long n = fuzz_below(32);

	if (n < 20)
		return 1 + fuzz_below(4);
	if (n < 30)
		return 1 + fuzz_below(16);
	return n == 30 ? 512 : 1 + fuzz_below(600);
}

/* [*addr, *addr + *len) in the arena; one in 40 is odd, and then nothing may come of it outside. */
static void some_range(unsigned long *addr, unsigned long *len)
{
	static const unsigned long bad_len[] = { 0, ~0UL, 0UL - PAGE, 1, PAGE - 1, PAGE + 1 };
	unsigned long first = some_page(), n = some_pages();

	if (n > ARENA_PAGES - first)
		n = ARENA_PAGES - first;
	*addr = ARENA + first * PAGE;
	*len = n * PAGE;
	if (one_in(40))
		*len = bad_len[fuzz_below(ARRAY_SIZE(bad_len))];
	if (one_in(60))
		*addr += 1 + fuzz_below(PAGE - 1);
	if (one_in(200))
		*addr = fuzz_below(2) ? 0x7ffffffff000UL : 0xffff800000000000UL;
}

static int some_prot(void)
{
	static const int prot[] = { PROT_READ | PROT_WRITE,
				    PROT_READ | PROT_WRITE,
				    PROT_READ | PROT_WRITE,
				    PROT_READ,
				    PROT_READ,
				    PROT_NONE,
				    PROT_READ | PROT_EXEC,
				    PROT_READ | PROT_WRITE | PROT_EXEC,
				    PROT_WRITE,
				    PROT_EXEC };

	return prot[fuzz_below(ARRAY_SIZE(prot))];
}

/* ---- steps: each returns what the call did, and describes it in fz.text ---- */

#define STEP(name) static long step_##name(void)
#define TELL(...)  snprintf(fz.text, sizeof(fz.text), __VA_ARGS__)

static long result(long r)
{
	return r == -1 ? -errno : r;
}

/* Addresses relative to the arena, so that lines are short; what is elsewhere is only "elsewhere". */
static long place(long r)
{
	unsigned long a = r;

	if (r == -1)
		return -errno;
	return a >= ARENA && a < ARENA + ARENA_PAGES * PAGE ? (long)((a - ARENA) / PAGE) : 99999;
}

/* What the kernel placed outside comes to a place in the arena, or goes. */
static long take_in(long r, unsigned long len)
{
	unsigned long to = some_page();

	len = (len + PAGE - 1) & ~(PAGE - 1);
	if (place(r) != 99999)
		return place(r);
	if (to + len / PAGE > ARENA_PAGES ||
	    syscall(SYS_mremap, r, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, ARENA + to * PAGE) ==
		    -1) {
		munmap((void *)r, len);
		return 99998;
	}
	return 100000 + to;
}

STEP(mmap)
{
	static const int type[] = { MAP_PRIVATE, MAP_PRIVATE, MAP_PRIVATE, MAP_SHARED, MAP_SHARED };
	unsigned long addr, len, off = 0;
	int prot = some_prot(), flags = type[fuzz_below(5)], fd = -1;

	some_range(&addr, &len);
	if (one_in(3)) {
		fd = fz.fd[fuzz_below(NFILES)];
		/* Offsets that often fit what lies beside. */
		off = one_in(3) ? fuzz_below(FILE_PAGES)
				: (addr - ARENA) / PAGE % (FILE_PAGES - 16);
		off *= PAGE;
		if (one_in(50))
			off += 512;
	} else {
		flags |= MAP_ANONYMOUS;
	}
	if (!one_in(8))
		flags |= one_in(6) ? MAP_FIXED_NOREPLACE : MAP_FIXED;
	if (one_in(8))
		flags |= MAP_NORESERVE;
	if (one_in(10))
		flags |= MAP_POPULATE;
	if (one_in(24))
		flags |= MAP_LOCKED;
	if (one_in(24))
		flags |= MAP_GROWSDOWN;
	if (one_in(80))
		flags = (flags & ~MAP_TYPE) | MAP_SHARED_VALIDATE;
	if (one_in(150))
		flags = (flags & ~MAP_TYPE) | fuzz_below(8); /* 8 is MAP_DROPPABLE (6.11) */
	TELL("mmap %lx %lx %x %x %d %lx", addr - ARENA, len, prot, flags,
	     fd < 0 ? -1 : fd - fz.fd[0], off);
	return take_in(syscall(SYS_mmap, addr, len, prot, flags, fd, off), len);
}

STEP(munmap)
{
	unsigned long addr, len;

	some_range(&addr, &len);
	TELL("munmap %lx %lx", addr - ARENA, len);
	return result(syscall(SYS_munmap, addr, len));
}

STEP(mprotect)
{
	unsigned long addr, len;
	int prot = some_prot();

	some_range(&addr, &len);
	if (one_in(40))
		prot |= PROT_GROWSDOWN;
	if (one_in(200))
		prot |= one_in(2) ? PROT_GROWSUP : 0x100;
	TELL("mprotect %lx %lx %x", addr - ARENA, len, prot);
	return result(syscall(SYS_mprotect, addr, len, prot));
}

STEP(mremap)
{
	unsigned long old, len, to, new_len, flags = MREMAP_MAYMOVE;

	some_range(&old, &len);
	some_range(&to, &new_len);
	if (!one_in(3))
		new_len = len;
	if (!one_in(3))
		flags |= MREMAP_FIXED;
	if (one_in(8))
		flags |= MREMAP_DONTUNMAP;
	if (one_in(6))
		flags &= ~MREMAP_MAYMOVE;
	if (one_in(100))
		flags |= 8;
	/* What lies behind the arena is not ours to replace. */
	if (to + new_len > ARENA + ARENA_PAGES * PAGE && new_len < ARENA_PAGES * PAGE)
		to = ARENA;
	TELL("mremap %lx %lx %lx %lx %lx", old - ARENA, len, new_len, flags, to - ARENA);
	return take_in(syscall(SYS_mremap, old, len, new_len, flags, to), new_len);
}

STEP(madvise)
{
	static const int advice[] = { MADV_NORMAL,
				      MADV_RANDOM,
				      MADV_SEQUENTIAL,
				      MADV_WILLNEED,
				      MADV_DONTNEED,
				      MADV_DONTNEED,
				      MADV_FREE,
				      MADV_REMOVE,
				      MADV_DONTFORK,
				      MADV_DOFORK,
				      MADV_WIPEONFORK,
				      MADV_KEEPONFORK,
				      MADV_DONTDUMP,
				      MADV_DODUMP,
				      20 /* COLD */,
				      21 /* PAGEOUT */,
				      22 /* POPULATE_READ */,
				      23 /* POPULATE_WRITE */,
				      24 /* DONTNEED_LOCKED */ };
	unsigned long addr, len;
	int what = advice[fuzz_below(ARRAY_SIZE(advice))];
	long r;

	if (one_in(100))
		what = 26 + fuzz_below(50);
	some_range(&addr, &len);
	if (addr >= ARENA + ARENA_PAGES * PAGE)
		addr = ARENA + PAGE;
	r = result(syscall(SYS_madvise, addr, len, what));
	TELL("madvise %lx %lx %d", addr - ARENA, len, what);
	if (what == MADV_FREE)
		syscall(SYS_madvise, addr, len, MADV_DONTNEED);
	return r;
}

STEP(mlock)
{
	unsigned long addr, len, how = fuzz_below(4);
	long r;

	some_range(&addr, &len);
	if (how < 2)
		r = syscall(SYS_munlock, addr, len);
	else if (how == 2)
		r = syscall(SYS_mlock, addr, len);
	else
		r = syscall(SYS_mlock2, addr, len, fuzz_below(one_in(20) ? 4 : 2));
	TELL("mlock %lx %lx %lu", addr - ARENA, len, how);
	return result(r);
}

STEP(mlockall)
{
	static const int how[] = { 0, 1, 2, 3, 5, 6, 7, 4, 8 };
	int flags = how[fuzz_below(ARRAY_SIZE(how))];
	long r = one_in(3) ? syscall(SYS_mlockall, flags) : syscall(SYS_munlockall);

	TELL("mlockall %d", flags);
	r = result(r);
	/* Not for long: with it every new area is locked. */
	if (one_in(2))
		syscall(SYS_munlockall);
	return r;
}

STEP(msync)
{
	unsigned long addr, len;
	int flags = fuzz_below(9);

	some_range(&addr, &len);
	TELL("msync %lx %lx %d", addr - ARENA, len, flags);
	return result(syscall(SYS_msync, addr, len, flags));
}

STEP(mincore)
{
	static unsigned char vec[ARENA_PAGES + 1];
	unsigned long addr, len;

	some_range(&addr, &len);
	if (len > ARENA_PAGES * PAGE)
		len = one_in(2) ? 0 : 1UL << 50;
	TELL("mincore %lx %lx", addr - ARENA, len);
	return result(syscall(SYS_mincore, addr, len, vec));
}

STEP(remap)
{
	unsigned long addr, len, pgoff = fuzz_below(FILE_PAGES);

	some_range(&addr, &len);
	TELL("remap_file_pages %lx %lx %lx", addr - ARENA, len, pgoff);
	return result(
		syscall(SYS_remap_file_pages, addr, len, one_in(20) ? PROT_READ : 0, pgoff, 0));
}

STEP(brk)
{
	unsigned long to = (unsigned long)fz.heap + fuzz_below(HEAP_PAGES * PAGE);

	TELL("brk %lx", to - (unsigned long)fz.heap);
	return syscall(SYS_brk, to) - (long)fz.heap;
}

STEP(heap)
{
	unsigned long addr = (unsigned long)fz.heap + fuzz_below(HEAP_PAGES) * PAGE,
		      len = (1 + fuzz_below(4)) * PAGE;
	int prot = some_prot();

	if (one_in(3)) {
		TELL("heap munmap %lx %lx", addr - (unsigned long)fz.heap, len);
		return result(syscall(SYS_munmap, addr, len));
	}
	TELL("heap mprotect %lx %lx %x", addr - (unsigned long)fz.heap, len, prot);
	return result(syscall(SYS_mprotect, addr, len, prot));
}

STEP(store)
{
	unsigned long addr = ARENA + some_page() * PAGE, n = 1 + fuzz_below(8);
	long r = 0;

	if (one_in(8))
		addr = (unsigned long)fz.heap + fuzz_below(HEAP_PAGES) * PAGE;
	TELL("store %lx %lu", addr - ARENA > ARENA_PAGES * PAGE ? 1 : addr - ARENA, n);
	for (unsigned long i = 0; i < n && r >= 0; i++) {
		if (addr >= ARENA && addr + i * PAGE >= ARENA + ARENA_PAGES * PAGE)
			break;
		r = fuzz_store(addr + i * PAGE, fuzz_rnd());
	}
	return r;
}

STEP(load)
{
	unsigned long addr = ARENA + some_page() * PAGE;

	TELL("load %lx", addr - ARENA);
	return fuzz_load(addr);
}

STEP(truncate)
{
	int fd = fz.fd[fuzz_below(2)];
	unsigned long size = one_in(2) ? FILE_PAGES * PAGE : fuzz_below(FILE_PAGES * PAGE);

	TELL("truncate %d %lx", fd - fz.fd[0], size);
	return result(ftruncate(fd, size));
}

STEP(pwrite)
{
	unsigned int v = fuzz_rnd();
	unsigned long off = fuzz_below(FILE_PAGES) * PAGE;

	TELL("pwrite %lx", off);
	return result(pwrite(fz.fd[fuzz_below(2)], &v, sizeof(v), off));
}

/* A sealed area stays for ever: only processes that soon end do that. */
STEP(mseal)
{
	unsigned long addr, len;

	some_range(&addr, &len);
	if (!fz.depth)
		addr |= 1;
	TELL("mseal %lx %lx", addr - ARENA, len);
	return result(syscall(462, addr, len, one_in(20)));
}

static void fuzz_run(unsigned long steps);

/* The child goes on for some steps, and then the parent: what one does the other must not see. */
STEP(fork)
{
	unsigned long steps = 1 + fuzz_below(24);
	uint64_t seed = fuzz_rnd() | 1;
	int status, channel[2];
	pid_t pid;

	TELL("fork %lu", steps);
	if (fz.depth >= MAX_DEPTH)
		return 0;
	if (pipe(channel))
		return result(-1);
	pid = fork();
	if (pid == 0) {
		fz.depth++;
		fz.state = seed;
		close(fz.maps_fd);
		fz.maps_fd = open("/proc/self/maps", O_RDONLY);
		fuzz_run(steps);
		if (write(channel[1], &fz.hash, sizeof(fz.hash)) < 0)
			_exit(1);
		_exit(0);
	}
	if (pid < 0)
		return result(-1);
	close(channel[1]);
	waitpid(pid, &status, 0);
	if (read(channel[0], &fz.hash, sizeof(fz.hash)) != sizeof(fz.hash))
		status |= 1 << 20;
	close(channel[0]);
	TELL("fork %lu", steps);
	return status;
}

static const struct {
	long (*run)(void);
	int weight;
} fuzz_steps[] = {
	{ step_mmap, 24 },    { step_munmap, 8 }, { step_mprotect, 20 }, { step_mremap, 14 },
	{ step_madvise, 16 }, { step_mlock, 5 },  { step_mlockall, 1 },	 { step_msync, 2 },
	{ step_mincore, 1 },  { step_remap, 1 },  { step_brk, 4 },	 { step_heap, 3 },
	{ step_store, 24 },   { step_load, 8 },	  { step_truncate, 1 },	 { step_pwrite, 1 },
	{ step_mseal, 2 },    { step_fork, 1 },
};

static void fuzz_line(const char *line, int n)
{
	fz.hash = hash_bytes(fz.hash, line, n);
	if (fz.step < fz.from || fz.step > fz.to)
		return;
	if (write(fz.out, line, n) < 0)
		_exit(1);
}

static void fuzz_step(void)
{
	unsigned long total = 0, pick;
	char line[256];
	long r;
	int i;

	for (i = 0; i < (int)ARRAY_SIZE(fuzz_steps); i++)
		total += fuzz_steps[i].weight;
	pick = fuzz_below(total);
	for (i = 0; pick >= (unsigned long)fuzz_steps[i].weight; i++)
		pick -= fuzz_steps[i].weight;
	r = fuzz_steps[i].run();
	fz.step++;
	fuzz_line(line, snprintf(line, sizeof(line), "%lu.%d %s = %ld maps %016llx\n", fz.step,
				 fz.depth, fz.text, r,
				 fz.step % fz.every ? 0ULL : (unsigned long long)hash_maps(0)));
	if (fz.step % DUMP_EVERY == 0)
		fuzz_line(line, snprintf(line, sizeof(line), "contents %016llx\n",
					 (unsigned long long)hash_contents()));
}

static void fuzz_run(unsigned long steps)
{
	while (steps--)
		fuzz_step();
}

/* Files are tmpfs's: /dev/shm on Linux, /tmp in Quire. */
static int fuzz_open_files(void)
{
	static const char *const dir[] = { "/dev/shm", "/tmp" };
	char name[64];

	for (int d = 0; d < 2; d++) {
		for (int i = 0; i < NFILES; i++) {
			snprintf(name, sizeof(name), "%s/vmfuzz%d", dir[d], i % 2);
			fz.fd[i] = open(name, i == 2 ? O_RDONLY : O_RDWR | O_CREAT | O_TRUNC, 0600);
			if (fz.fd[i] < 0)
				break;
			if (i < 2 && ftruncate(fz.fd[i], FILE_PAGES * PAGE))
				return -1;
		}
		for (int i = 0; i < 2; i++) {
			snprintf(name, sizeof(name), "%s/vmfuzz%d", dir[d], i);
			unlink(name);
		}
		if (fz.fd[NFILES - 1] >= 0)
			return 0;
	}
	return -1;
}

/* Steps of one seed; prints those from `from` to `to`. The hash of all lines, or 0. Changes this process for good. */
static unused uint64_t fuzz_seed(uint64_t seed, unsigned long steps, unsigned long every,
				 unsigned long from, unsigned long to)
{
	struct sigaction sa = { .sa_sigaction = fuzz_fault,
				.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK };
	static char stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };

	fz = (struct fuzz){ .state = seed * 2 + 1,
			    .hash = seed,
			    .every = every,
			    .from = from,
			    .to = to,
			    .out = 1 };
	setrlimit(RLIMIT_STACK, &(struct rlimit){ 8 << 20, RLIM_INFINITY });
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	fz.maps_fd = open("/proc/self/maps", O_RDONLY);
	if (fz.maps_fd < 0 || fuzz_open_files())
		return 0;
	fz.heap = (char *)(((unsigned long)syscall(SYS_brk, 0) + PAGE - 1) & ~(PAGE - 1));
	syscall(SYS_brk, fz.heap);
	fuzz_run(steps);
	return fz.hash;
}

#endif
