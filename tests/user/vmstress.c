/*
 * vmstress - address spaces under stress: random sequences of mmap, munmap, mprotect, mremap, madvise, fork and
 * truncate against a model, by one process, by threads, and by processes that share a file.
 *
 * A page is known by its first word: who wrote it, where, and when. The model is small enough to be obviously right; what
 * threads do at once is checked by each thread for the pages that are its own.
 */
#include "tests/user/test.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <time.h>

typedef unsigned long word;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

/* ---- areas that merge ---- */

TEST(fork_copies_what_lies_in_merged_areas)
{
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	/* Cut in two; only the upper part gets a page; then the parts are alike again. */
	ASSERT_OK(mprotect(p, 2 * PAGE, PROT_READ));
	strcpy(p + 3 * PAGE, "upper");
	ASSERT_OK(mprotect(p, 2 * PAGE, PROT_READ | PROT_WRITE));
	pid_t pid = test_fork();

	if (pid == 0) {
		EXPECT_STR(p + 3 * PAGE, "upper");
		strcpy(p + 3 * PAGE, "child");
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
	EXPECT_STR(p + 3 * PAGE, "upper");
	/* The same with a new area that joins two. */
	ASSERT_OK(munmap(p, 4 * PAGE));
	p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_OK(munmap(p + PAGE, PAGE));
	strcpy(p + 3 * PAGE, "joined");
	ASSERT_NE(mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		  MAP_FAILED);
	pid = test_fork();
	if (pid == 0) {
		EXPECT_STR(p + 3 * PAGE, "joined");
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(mremap_of_nothing_maps_a_shared_area_twice)
{
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	strcpy(p + 2 * PAGE, "both");
	char *q = mremap(p + PAGE, 0, 3 * PAGE, MREMAP_MAYMOVE);

	ASSERT_NE(q, MAP_FAILED);
	EXPECT_STR(q + PAGE, "both");
	q[2 * PAGE] = 'Q';
	EXPECT_EQ(p[3 * PAGE], 'Q');
	EXPECT_OK(munmap(p, 4 * PAGE));
	EXPECT_STR(q + PAGE, "both");
	p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT_ERR(mremap(p, 0, PAGE, MREMAP_MAYMOVE), EINVAL);
}

/* ---- one process against a model ---- */

#define ARENA	   64 /* pages */
#define FILE_PAGES 32

enum { HOLE, ANON, PRIVATE_FILE, SHARED_FILE };

/* What one page of the arena is. */
struct model_page {
	int kind, prot;
	int index; /* in the file */
	int own;   /* private: the page was written, value is its own */
	word value;
};

static struct model_page model[ARENA];
static word file_value[FILE_PAGES];
static int file_len; /* pages */
static char *arena;
static int file_fd, probe[2];
static word serial;

/* What the first word of page i must be; -1: it cannot be read. */
static long model_value(int i, word *value)
{
	struct model_page *m = &model[i];

	if (m->kind == HOLE || !(m->prot & PROT_READ))
		return -1;
	if (m->kind != ANON && m->index >= file_len)
		return -1;
	*value = m->kind == SHARED_FILE || (m->kind == PRIVATE_FILE && !m->own)
			 ? file_value[m->index]
			 : m->value;
	return 0;
}

/* Reads through the kernel, so that a bad page is an errno. */
static long actual_value(int i, word *value)
{
	if (write(probe[1], arena + i * PAGE, sizeof(*value)) != sizeof(*value))
		return -1;
	if (read(probe[0], value, sizeof(*value)) != sizeof(*value))
		_exit(3);
	return 0;
}

static int check_page(int i, const char *when)
{
	word want = 0, got = 0;
	long w = model_value(i, &want), g = actual_value(i, &got);

	if (w == g && want == got)
		return 0;
	check_failed(__FILE__, __LINE__,
		     "%s: page %d (kind %d, index %d of %d): %ld %#lx, model %ld %#lx", when, i,
		     model[i].kind, model[i].index, file_len, g, got, w, want);
	return 1;
}

static void check_all(const char *when)
{
	int bad = 0;

	for (int i = 0; i < ARENA && bad < 5; i++)
		bad += check_page(i, when);
	if (bad)
		_exit(1);
}

static void pick_range(int *from, int *n)
{
	*from = rnd_below(ARENA);
	*n = 1 + rnd_below(rnd_below(3) ? 4 : 20);
	if (*n > ARENA - *from)
		*n = ARENA - *from;
}

static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE };

static void do_map(void)
{
	int from, n, kind = 1 + rnd_below(3), prot = prots[rnd_below(4)];
	int index = rnd_below(FILE_PAGES - 8);
	int flags = MAP_FIXED | (kind == SHARED_FILE ? MAP_SHARED : MAP_PRIVATE);

	pick_range(&from, &n);
	if (kind == ANON)
		flags |= MAP_ANONYMOUS;
	else if (n > FILE_PAGES - index)
		n = FILE_PAGES - index;
	if (rnd_below(8) == 0)
		flags |= MAP_POPULATE;
	void *p = mmap(arena + from * PAGE, n * PAGE, prot, flags, kind == ANON ? -1 : file_fd,
		       kind == ANON ? 0 : index * PAGE);

	ASSERT_EQ(p, arena + from * PAGE);
	for (int i = 0; i < n; i++) {
		struct model_page *m = &model[from + i];

		*m = (struct model_page){ .kind = kind, .prot = prot, .index = index + i };
		/* Populating a private writable page makes the copy at once. */
		if ((flags & MAP_POPULATE) && (prot & PROT_WRITE) && kind == PRIVATE_FILE &&
		    m->index < file_len) {
			m->own = 1;
			m->value = file_value[m->index];
		}
	}
}

static void do_unmap(void)
{
	int from, n;

	pick_range(&from, &n);
	ASSERT_OK(munmap(arena + from * PAGE, n * PAGE));
	memset(&model[from], 0, n * sizeof(model[0]));
}

static void do_protect(void)
{
	int from, n, prot = prots[rnd_below(4)], fails = 0;

	pick_range(&from, &n);
	for (int i = 0; i < n; i++)
		fails |= model[from + i].kind == HOLE;
	int ret = mprotect(arena + from * PAGE, n * PAGE, prot);

	EXPECT_EQ(ret, fails ? -1 : 0);
	/* Up to the first hole it was done. */
	for (int i = 0; i < n && model[from + i].kind != HOLE; i++)
		model[from + i].prot = prot;
}

static void do_dontneed(void)
{
	int from, n;

	pick_range(&from, &n);
	madvise(arena + from * PAGE, n * PAGE, MADV_DONTNEED);
	for (int i = from; i < from + n; i++)
		if (model[i].kind == ANON || model[i].kind == PRIVATE_FILE)
			model[i].own = model[i].value = 0;
}

static void do_write(void)
{
	int i = rnd_below(ARENA);
	struct model_page *m = &model[i];

	if (m->kind == HOLE || !(m->prot & PROT_WRITE) || (m->kind != ANON && m->index >= file_len))
		return;
	*(word *)(arena + i * PAGE) = ++serial;
	if (m->kind == SHARED_FILE)
		file_value[m->index] = serial;
	else
		m->value = serial, m->own = 1;
}

/* Moves a range whose pages belong to one area. */
static void do_move(void)
{
	int from, n, to;

	pick_range(&from, &n);
	to = rnd_below(ARENA - n + 1);
	for (int i = 1; i < n; i++) {
		const struct model_page *a = &model[from + i - 1], *b = &model[from + i];

		if (a->kind != b->kind || a->prot != b->prot ||
		    (a->kind != ANON && a->index + 1 != b->index)) {
			n = i;
			break;
		}
	}
	if (model[from].kind == HOLE || (to < from + n && from < to + n))
		return;
	void *p = mremap(arena + from * PAGE, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			 arena + to * PAGE);

	/* Anonymous neighbours that look alike to the model may be two areas to the kernel. */
	if (p == MAP_FAILED) {
		EXPECT_EQ(errno, EFAULT);
		memset(&model[to], 0, n * sizeof(model[0]));
		munmap(arena + to * PAGE, n * PAGE);
		return;
	}
	memcpy(&model[to], &model[from], n * sizeof(model[0]));
	memset(&model[from], 0, n * sizeof(model[0]));
}

static void do_truncate(void)
{
	int len = rnd_below(FILE_PAGES + 1);

	ASSERT_OK(ftruncate(file_fd, len * PAGE));
	for (int i = len; i < FILE_PAGES; i++)
		file_value[i] = 0;
	/* Private copies of what is cut off go as well. */
	for (int i = 0; i < ARENA; i++)
		if (model[i].kind == PRIVATE_FILE && model[i].index >= len)
			model[i].own = model[i].value = 0;
	file_len = len;
}

static void do_file_write(void)
{
	int i = rnd_below(FILE_PAGES);

	if (i >= file_len)
		return;
	file_value[i] = ++serial;
	ASSERT_EQ(pwrite(file_fd, &serial, sizeof(serial), i * PAGE), sizeof(serial));
}

/* The child sees what the model says, changes private pages, and the parent does not notice. */
static void do_fork(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		check_all("child");
		for (int i = 0; i < ARENA; i++) {
			struct model_page *m = &model[i];

			if ((m->kind == ANON || (m->kind == PRIVATE_FILE && m->index < file_len)) &&
			    m->prot & PROT_WRITE) {
				*(word *)(arena + i * PAGE) = m->value = ~serial;
				m->own = 1;
			}
		}
		check_all("child, after its writes");
		_exit(test_failed);
	}
	EXPECT_EXIT(pid, 0);
}

TEST_LIMIT(a_random_life_agrees_with_a_model, 30)
{
	static void (*const ops[])(void) = { do_map,	 do_map,      do_unmap,	   do_protect,
					     do_protect, do_dontneed, do_write,	   do_write,
					     do_write,	 do_write,    do_write,	   do_write,
					     do_move,	 do_move,     do_truncate, do_file_write };
	double end = now() + 1.5;
	int steps = 0;

	test_dir();
	file_fd = open("file", O_CREAT | O_RDWR, 0644);
	ASSERT_OK(file_fd);
	ASSERT_OK(pipe(probe));
	arena = mmap(NULL, (ARENA + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(arena, MAP_FAILED);
	arena += PAGE;
	ASSERT_OK(munmap(arena, ARENA * PAGE));
	while (now() < end) {
		ops[rnd_below(ARRAY_SIZE(ops))]();
		if (++steps % 16 == 0)
			check_all("parent");
		if (steps % 100 == 0)
			do_fork();
		if (test_failed)
			break;
	}
	check_all("at the end");
	say("# %d steps\n", steps);
}

/* ---- threads in one address space ---- */

#define THREADS 4
#define GROUP	4  /* neighbouring pages of one thread: its areas border on those of the others */
#define GROUPS	16 /* for each thread */
#define T_PAGES (THREADS * GROUP * GROUPS)

static char *t_arena, *t_scratch;
static volatile int t_stop, t_failed;
static __thread uint64_t t_random;
static __thread sigjmp_buf *t_escape;

static unsigned int t_rnd(unsigned int n)
{
	t_random ^= t_random << 13;
	t_random ^= t_random >> 7;
	t_random ^= t_random << 17;
	return (t_random >> 11) % n;
}

/* Page k of thread who's group g. */
static word *t_page(int who, int g, int k)
{
	return (word *)(t_arena + ((g * THREADS + who) * GROUP + k) * PAGE);
}

static void t_check(word got, word want, const char *what)
{
	if (got != want) {
		t_failed = 1;
		check_failed(__FILE__, __LINE__, "%s: %#lx, expected %#lx", what, got, want);
	}
}

static void t_step(int who, word value[GROUPS][GROUP])
{
	int g = t_rnd(GROUPS), k = t_rnd(GROUP);
	char *base = (char *)t_page(who, g, 0), *aside = t_scratch + who * GROUP * PAGE;

	switch (t_rnd(8)) {
	case 0:
		if (mmap(base, GROUP * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != base)
			t_check(errno, 0, "mmap");
		memset(value[g], 0, sizeof(value[g]));
		break;
	case 1:
		t_check(mprotect(base + k * PAGE, PAGE, PROT_READ), 0, "mprotect r");
		t_check(*t_page(who, g, k), value[g][k], "read-only page");
		t_check(mprotect(base + k * PAGE, PAGE, PROT_READ | PROT_WRITE), 0, "mprotect rw");
		break;
	case 2:
		t_check(madvise(base + k * PAGE, PAGE, MADV_DONTNEED), 0, "madvise");
		value[g][k] = 0;
		break;
	case 3: /* away and back */
		if (mremap(base + k * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, aside) !=
			    aside ||
		    mremap(aside, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + k * PAGE) !=
			    base + k * PAGE)
			t_check(errno, 0, "mremap");
		break;
	default:
		*t_page(who, g, k) = value[g][k] = (word)(who + 1) << 48 |
						   (word)(g * GROUP + k) << 32 | t_rnd(1 << 30);
		break;
	}
	g = t_rnd(GROUPS);
	for (k = 0; k < GROUP; k++)
		t_check(*t_page(who, g, k), value[g][k], "own page");
}

static void *t_body(void *arg)
{
	word value[GROUPS][GROUP] = { { 0 } };
	int who = (long)arg;

	t_random = (test_random ^ ((word)who << 40)) | 1;
	while (!t_stop && !t_failed)
		t_step(who, value);
	return NULL;
}

static void t_fault(int sig unused)
{
	if (!t_escape)
		_exit(98);
	siglongjmp(*t_escape, 1);
}

/* The child has one moment of all threads: each page is empty, or holds a word that was written there. */
static void t_child(void)
{
	struct sigaction sa = { .sa_handler = t_fault };
	volatile int bad = 0;
	sigjmp_buf env;

	sigaction(SIGSEGV, &sa, NULL);
	for (volatile int i = 0; i < T_PAGES; i++) {
		int who = i / GROUP % THREADS, page = i / GROUP / THREADS * GROUP + i % GROUP;

		t_escape = &env;
		if (sigsetjmp(env, 1) == 0) {
			word v = *(volatile word *)(t_arena + i * PAGE);

			if (v && (v >> 48 != (word)who + 1 || (v >> 32 & 0xffff) != (word)page))
				bad++;
		}
	}
	_exit(bad != 0);
}

TEST_LIMIT(threads_change_one_address_space, 30)
{
	pthread_t t[THREADS];
	double end = now() + 1.5;
	int forks = 0;

	t_arena = mmap(NULL, T_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	t_scratch =
		mmap(NULL, THREADS * GROUP * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(t_arena, MAP_FAILED);
	ASSERT_NE(t_scratch, MAP_FAILED);
	rnd();
	for (long i = 0; i < THREADS; i++)
		ASSERT_EQ(pthread_create(&t[i], NULL, t_body, (void *)i), 0);
	while (now() < end && !t_failed) {
		pid_t pid = test_fork();

		if (pid == 0)
			t_child();
		EXPECT_EXIT(pid, 0);
		forks++;
	}
	t_stop = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	say("# %d forks\n", forks);
}

/* ---- processes that share a file which shrinks and grows ---- */

#define S_PAGES 16

struct shared_state {
	volatile word generation; /* odd while the file changes */
	volatile int stop;
	volatile long compared;
};

/* What the mapping shows and what read gives are the same, whenever nothing changes in between. */
static void s_reader(struct shared_state *s, int fd, volatile word *map)
{
	struct sigaction sa = { .sa_handler = t_fault };
	sigjmp_buf env;
	word v;

	sigaction(SIGBUS, &sa, NULL);
	while (!s->stop) {
		volatile word seen = 0;
		volatile int fault = 0;
		int i = rnd_below(S_PAGES);
		word gen = s->generation;

		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		t_escape = &env;
		if (sigsetjmp(env, 1) == 0)
			seen = map[i * PAGE / sizeof(word)];
		else
			fault = 1;
		ssize_t n = pread(fd, &v, sizeof(v), i * PAGE);

		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (gen & 1 || s->generation != gen)
			continue;
		s->compared++;
		if (fault ? n != 0 : n != sizeof(v) || seen != v) {
			check_failed(__FILE__, __LINE__,
				     "page %d: mapping %s%#lx, read gives %zd %#lx", i,
				     fault ? "faults " : "", seen, n, v);
			s->stop = 1;
		}
	}
	_exit(test_failed);
}

TEST_LIMIT(a_file_shrinks_under_its_mappings, 30)
{
	struct shared_state *s =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double end = now() + 1.5;
	pid_t pid[3];

	test_dir();
	int fd = open("file", O_CREAT | O_RDWR, 0644);

	ASSERT_OK(fd);
	word *map = mmap(NULL, S_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ASSERT_NE(map, MAP_FAILED);
	for (int i = 0; i < 3; i++) {
		pid[i] = test_fork();
		if (pid[i] == 0) {
			test_random += i * 77777;
			s_reader(s, fd, map);
		}
	}
	for (word round = 1; now() < end && !s->stop; round++) {
		int len = rnd_below(S_PAGES + 1);

		s->generation++;
		ASSERT_OK(ftruncate(fd, 0));
		ASSERT_OK(ftruncate(fd, S_PAGES * PAGE));
		for (int i = 0; i < S_PAGES; i++)
			EXPECT_EQ(map[i * PAGE / sizeof(word)], 0);
		for (int i = 0; i < S_PAGES; i++)
			map[i * PAGE / sizeof(word)] = round << 8 | i;
		ASSERT_OK(ftruncate(fd, len * PAGE));
		s->generation++;
		if (rnd_below(4) == 0)
			usleep(200);
		if (test_failed)
			break;
	}
	s->stop = 1;
	for (int i = 0; i < 3; i++)
		EXPECT_EXIT(pid[i], 0);
	say("# %ld comparisons\n", s->compared);
}
