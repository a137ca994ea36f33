/*
 * fuzz.c - nothing that a program does may hurt the kernel: random system calls with boundary
 * arguments, threads that race for one address space, and mutants of ELF headers.
 *
 * 1. A supervisor forks workers. A worker gives up its rights, opens one descriptor of each kind,
 *    lays out an arena of good, read-only, forbidden and missing pages, and calls random numbers
 *    from several threads until its time is up, it dies, or it ends itself.
 * 2. Whoever is left of a worker is killed by its user id. A process that survives SIGKILL, a memory
 *    that does not come back (judged on Quire only, where nobody else runs), or a kernel that says
 *    something in trouble is the failure; what the calls return does not matter.
 * 3. On another kernel than Quire the workers are locked into the scratch directory, and without the
 *    right to change their user id they do not fork.
 *
 * FUZZ_SECONDS=N runs longer, FUZZ_ROOT=1 keeps the rights (on Quire only, in a root of their own with /proc,
 * /sys and /dev; the clock and the name of the machine may change), FUZZ_TRACE=1 writes every call to standard error.
 */
#include "test.h"
#include <elf.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

#define WORKER_UID   54321
#define ARENA	     ((char *)0x200000000UL)
#define ARENA_PAGES  64UL
#define WORKER_MS    250
#define KILL_SECONDS 10

/*
 * Kinds of argument: f descriptor, d directory descriptor, p path, b buffer, l length, o offset, i small
 * number, x any number, s signal, t process, v iovec, a address in the arena, m mode, u user id.
 */
struct call {
	short nr;
	const char *args;
};

static const struct call calls[] = {
	{ 0, "fbl" },	  { 1, "fbl" },	    { 2, "pxm" },      { 3, "f" },	  { 4, "pb" },
	{ 5, "fb" },	  { 6, "pb" },	    { 7, "bii" },      { 8, "foi" },	  { 9, "alxxfo" },
	{ 10, "ali" },	  { 11, "al" },	    { 12, "x" },       { 13, "sbbi" },	  { 14, "ibbi" },
	{ 15, "" },	  { 16, "fib" },    { 17, "fblo" },    { 18, "fblo" },	  { 19, "fvi" },
	{ 20, "fvi" },	  { 21, "pi" },	    { 22, "b" },       { 23, "ibbbb" },	  { 24, "" },
	{ 25, "allia" },  { 26, "ali" },    { 27, "alb" },     { 28, "ali" },	  { 32, "f" },
	{ 33, "ff" },	  { 34, "" },	    { 35, "bb" },      { 36, "ib" },	  { 37, "i" },
	{ 38, "ibb" },	  { 39, "" },	    { 40, "ffbl" },    { 56, "xbbbb" },	  { 57, "" },
	{ 58, "" },	  { 59, "pbb" },    { 60, "i" },       { 61, "tbib" },	  { 62, "ts" },
	{ 63, "b" },	  { 72, "fix" },    { 73, "fi" },      { 74, "f" },	  { 75, "f" },
	{ 76, "po" },	  { 77, "fo" },	    { 79, "bl" },      { 80, "p" },	  { 81, "f" },
	{ 82, "pp" },	  { 83, "pm" },	    { 84, "p" },       { 85, "pm" },	  { 86, "pp" },
	{ 87, "p" },	  { 88, "pp" },	    { 89, "pbl" },     { 90, "pm" },	  { 91, "fm" },
	{ 92, "puu" },	  { 93, "fuu" },    { 94, "puu" },     { 95, "m" },	  { 96, "bb" },
	{ 97, "ib" },	  { 98, "ib" },	    { 99, "b" },       { 100, "b" },	  { 102, "" },
	{ 103, "ibl" },	  { 104, "" },	    { 105, "u" },      { 106, "u" },	  { 107, "" },
	{ 108, "" },	  { 109, "tt" },    { 110, "" },       { 111, "" },	  { 112, "" },
	{ 113, "uu" },	  { 114, "uu" },    { 115, "ib" },     { 116, "ib" },	  { 117, "uuu" },
	{ 118, "bbb" },	  { 119, "uuu" },   { 120, "bbb" },    { 121, "t" },	  { 122, "u" },
	{ 123, "u" },	  { 124, "t" },	    { 125, "bb" },     { 126, "bb" },	  { 127, "bi" },
	{ 128, "bbbi" },  { 129, "tsb" },   { 130, "bi" },     { 131, "bb" },	  { 133, "pmx" },
	{ 135, "x" },	  { 137, "pb" },    { 138, "fb" },     { 140, "it" },	  { 141, "iti" },
	{ 142, "tb" },	  { 143, "tb" },    { 144, "tib" },    { 145, "t" },	  { 146, "i" },
	{ 147, "i" },	  { 148, "tb" },    { 153, "" },       { 157, "ixbbb" },  { 158, "xa" },
	{ 160, "ib" },	  { 161, "p" },	    { 162, "" },       { 164, "bb" },	  { 165, "pppxb" },
	{ 166, "pi" },	  { 169, "xxxb" },  { 170, "bl" },     { 171, "bl" },	  { 186, "" },
	{ 200, "ts" },	  { 201, "b" },	    { 202, "aiibai" }, { 203, "tlb" },	  { 204, "tlb" },
	{ 217, "fbl" },	  { 218, "a" },	    { 219, "" },       { 227, "ib" },	  { 228, "ib" },
	{ 229, "ib" },	  { 230, "iibb" },  { 231, "i" },      { 234, "tts" },	  { 235, "pb" },
	{ 247, "itbib" }, { 257, "dpxm" },  { 258, "dpm" },    { 259, "dpmx" },	  { 260, "dpuui" },
	{ 262, "dpbx" },  { 263, "dpx" },   { 264, "dpdp" },   { 265, "dpdpx" },  { 266, "pdp" },
	{ 267, "dpbl" },  { 268, "dpm" },   { 269, "dpi" },    { 270, "ibbbbb" }, { 271, "bibbl" },
	{ 273, "al" },	  { 274, "tbb" },   { 280, "dpbx" },   { 285, "fioo" },	  { 292, "ffx" },
	{ 293, "bx" },	  { 295, "fvio" },  { 296, "fvio" },   { 297, "ttsb" },	  { 302, "tibb" },
	{ 306, "f" },	  { 309, "bbb" },   { 316, "dpdpi" },  { 318, "bli" },	  { 322, "dpbbx" },
	{ 327, "fvioi" }, { 328, "fvioi" }, { 332, "dpxxb" },  { 435, "bl" },	  { 436, "ffi" },
	{ 439, "dpix" },  { 452, "dpmx" },
};

/* Numbers that nobody has: they must give ENOSYS, and are called now and then. */
static const long odd_numbers[] = { -1, 335, 423, 512, 1000, 0x40000000, 0x7fffffff, 1L << 32 };

static int on_quire, keep_rights, may_fork, trace;
static int worker_pid;
static volatile int calls_left;

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long raw(long nr, const long *a)
{
	long ret;
	register long r10 asm("r10") = a[3];
	register long r8 asm("r8") = a[4];
	register long r9 asm("r9") = a[5];

	asm volatile("syscall"
		     : "=a"(ret)
		     : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	return ret;
}

/* ---- one stream of random numbers a thread ---- */

static uint64_t next(uint64_t *r)
{
	*r ^= *r << 13;
	*r ^= *r >> 7;
	*r ^= *r << 17;
	return *r;
}

static uint64_t below(uint64_t *r, uint64_t n)
{
	return next(r) % n;
}

/* ---- arguments ---- */

static const uint64_t odd_values[] = {
	0,
	1,
	2,
	7,
	PAGE - 1,
	PAGE,
	PAGE + 1,
	0x10000,
	0x7fffffff,
	0x80000000,
	0xffffffff,
	0x100000000,
	0x7fffffffffff,
	0x00007fffffffefff,
	0x00007ffffffff000,
	0x0000800000000000,
	0x7fffffffffffffff,
	0x8000000000000000,
	0xffff800000000000,
	0xffff888000000000,
	0xffffc90000000000,
	0xffffea0000000000,
	0xffffffff80000000,
	0xffffffff81000000,
	0xfffffffffffff000,
	0xffffffffffffff9c,
	~0UL - 6,
	~0UL - 1,
	~0UL,
};

static const char *const paths[] = {
	"",	    ".",     "..",   "file",   "dir",	"dir/x", "dir/../file",
	"link",	    "loop",  "fifo", "none/x", "file/", "new1",	 "new2",
	"dir/new3", "new4/", "exe",  "self",   "dir/",	"hole",	 "script",
};
static const char *const quire_paths[] = {
	"/",
	"/proc",
	"/proc/self",
	"/proc/self/fd/3",
	"/proc/self/maps",
	"/proc/self/exe",
	"/proc/self/cwd",
	"/proc/self/comm",
	"/proc/self/fd",
	"/proc/self/task",
	"/sys",
	"/dev/null",
	"/dev/zero",
	"/dev/full",
	"/dev/tty",
	"/dev/ptmx",
	"/dev/pts/0",
	"/dev/pts",
	"/dev/kmsg",
	"/dev/shm",
	"/dev/console",
	"/dev/shm/x",
	"/proc/1/status",
	"/proc/meminfo",
	"proc",
	"tmpfs",
	"devpts",
	"sysfs",
	"/bin/busybox",
	"/dev/stdin",
	"/proc/self/oom_score_adj",
	"/proc/sys/kernel/pid_max",
	"/proc/self/mem",
};

static long an_address(uint64_t *r)
{
	char *page = ARENA + below(r, ARENA_PAGES) * PAGE;

	switch (below(r, 12)) {
	case 0:
		return odd_values[below(r, ARRAY_SIZE(odd_values))];
	case 1:
		return odd_values[below(r, ARRAY_SIZE(odd_values))] - below(r, 16);
	case 2:
	case 3: /* crosses the end of a page that may be the last good one */
		return (long)page + PAGE - 1 - below(r, 64);
	case 4:
		return (long)page + below(r, PAGE);
	default:
		return (long)page + (below(r, PAGE) & ~7UL);
	}
}

/* A buffer whose content may make sense as a structure: small numbers, addresses, times, lengths. */
static long a_buffer(uint64_t *r)
{
	long at = an_address(r);
	long off = at - (long)ARENA;

	/* The first sixteen pages are always writable unless a racing call took them: write via the kernel's check. */
	if (off >= 0 && off < 16 * (long)PAGE - 256 && below(r, 4)) {
		uint64_t words[24];
		int fd[2];

		for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
			switch (below(r, 5)) {
			case 0:
				words[i] = below(r, 64);
				break;
			case 1:
				words[i] = an_address(r);
				break;
			case 2:
				words[i] = odd_values[below(r, ARRAY_SIZE(odd_values))];
				break;
			case 3:
				words[i] = below(r, 10) | below(r, 10) << 32;
				break;
			default:
				words[i] = 0;
			}
		}
		/* Through a pipe, so that a page that went away is no signal. */
		if (pipe(fd) == 0) {
			if (write(fd[1], words, sizeof(words)) == sizeof(words) &&
			    read(fd[0], (void *)at, sizeof(words)) < 0)
				off = 0;
			close(fd[0]);
			close(fd[1]);
		}
	}
	return at;
}

static long a_length(uint64_t *r)
{
	switch (below(r, 6)) {
	case 0:
		return odd_values[below(r, ARRAY_SIZE(odd_values))];
	case 1:
		return below(r, 16) * PAGE;
	case 2:
		return below(r, 200000);
	default:
		return below(r, 300);
	}
}

static long a_path(uint64_t *r)
{
	static char longest[2][PAGE + 8];

	if (!below(r, 12))
		return an_address(r);
	if (!below(r, 40)) {
		memset(longest[0], below(r, 2) ? 'a' : '/', sizeof(longest[0]) - 1);
		return (long)longest[0] + below(r, sizeof(longest[0]));
	}
	if (on_quire && below(r, 3) == 0)
		return (long)quire_paths[below(r, ARRAY_SIZE(quire_paths))];
	return (long)paths[below(r, ARRAY_SIZE(paths))];
}

static long a_process(uint64_t *r)
{
	/* Nobody outside: with the worker's rights it would be refused, but with all rights it would not. */
	switch (below(r, 8)) {
	case 0:
		return 0x7fffffff - below(r, 3);
	case 1:
		return (int)0x80000000;
	case 2:
		return worker_pid;
	case 3:
		return gettid();
	default:
		return 0;
	}
}

static long argument(char kind, uint64_t *r)
{
	if (kind != 't' && kind != 'a' && !below(r, 25))
		return below(r, 2) ? odd_values[below(r, ARRAY_SIZE(odd_values))] : next(r);
	switch (kind) {
	case 'f':
		return below(r, 10) ? 3 + below(r, 60)
				    : odd_values[below(r, ARRAY_SIZE(odd_values))];
	case 'd':
		return below(r, 3) ? AT_FDCWD : 3 + below(r, 60);
	case 'p':
		return a_path(r);
	case 'b':
	case 'v':
		return below(r, 6) ? a_buffer(r) : 0;
	case 'a':
		if (!below(r, 30))
			return odd_values[below(r, ARRAY_SIZE(odd_values))];
		return (long)ARENA + below(r, ARENA_PAGES * PAGE) / (below(r, 8) ? PAGE : 1) *
					     (below(r, 8) ? PAGE : 1) % (ARENA_PAGES * PAGE);
	case 'l':
		return a_length(r);
	case 'o':
		return below(r, 3) ? below(r, 100000)
				   : odd_values[below(r, ARRAY_SIZE(odd_values))];
	case 'i':
		return (long)below(r, 40) - 2;
	case 's':
		return below(r, 70);
	case 't':
		return a_process(r);
	case 'm':
		return below(r, 3) ? 0700 | below(r, 0200) : below(r, 0200000);
	case 'u':
		return below(r, 3) ? WORKER_UID : (int)below(r, 3) - 1;
	default:
		return below(r, 2) ? 1UL << below(r, 32) | 1UL << below(r, 24) : below(r, 1024);
	}
}

/* Calls that would hurt the machine that runs the test, or only end the thread at once. */
static int forbidden(long nr, const long *a, uint64_t *r)
{
	switch (nr) {
	case 60: /* exit, exit_group: rarely, or nothing else happens */
	case 231:
		return below(r, 40) != 0;
	case 15: /* rt_sigreturn */
		return below(r, 60) != 0;
	case 34: /* pause and friends wait until they are killed */
	case 130:
		return below(r, 20) != 0;
	case 56: /* clone and clone3, fork, vfork */
	case 57:
	case 58:
	case 435:
		return !may_fork || below(r, 8) != 0;
	case 62: /* kill: never everybody */
		return a[0] == -1 || a[0] == 0 || a[1] == SIGKILL || a[1] == SIGSTOP;
	case 169: /* reboot */
	case 153: /* vhangup */
		return !on_quire || keep_rights;
	case 103: /* syslog: not the console's level */
		return a[0] >= 6 && a[0] <= 8;
	case 105: /* set*id: not back among others' processes */
	case 113:
	case 117:
		return !keep_rights;
	case 141: /* priorities and classes: a real-time spinner starves the host */
	case 142:
	case 144:
		return !on_quire;
	case 158: /* arch_prctl: rarely; without FS the C library's thread dies */
		return below(r, 10) != 0;
	case 203: /* sched_setaffinity */
		return !on_quire;
	case 202: { /* futex: without waiting for ever */
		return 0;
	}
	case 9: /* mmap: MAP_FIXED into the arena only */
		return (a[3] & MAP_FIXED) &&
		       ((char *)a[0] < ARENA || a[1] > (long)(ARENA_PAGES * PAGE));
	case 25:
		return (char *)a[0] >= (char *)0x700000000000 && below(r, 10) != 0;
	}
	return 0;
}

static void one_call(uint64_t *r)
{
	long a[6] = { 0 };
	long nr;

	if (!below(r, 200)) {
		nr = odd_numbers[below(r, ARRAY_SIZE(odd_numbers))];
		for (int i = 0; i < 6; i++)
			a[i] = next(r);
	} else {
		const struct call *c = &calls[below(r, ARRAY_SIZE(calls))];
		size_t i;

		nr = c->nr;
		for (i = 0; c->args[i]; i++)
			a[i] = argument(c->args[i], r);
		/* ioctl: numbers of terminals mostly. */
		if (nr == 16 && below(r, 4))
			a[1] = 0x5400 + below(r, 0x70);
		if (nr == 16 && !below(r, 6))
			a[1] = 0x80045400 + below(r, 0x50);
		if (forbidden(nr, a, r))
			return;
	}
	if (trace)
		dprintf(2, "fuzz %d: %ld(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)\n", gettid(), nr, a[0],
			a[1], a[2], a[3], a[4], a[5]);
	int before = worker_pid;
	long ret = raw(nr, a);

	/* In a new process: some calls, and out. */
	if ((nr == 57 || nr == 58 || nr == 56 || nr == 435) && ret == 0 && before) {
		long code[6] = { 0 };

		if (nr == 57)
			for (int i = below(r, 10); i; i--)
				one_call(r);
		raw(231, code);
	}
}

/* ---- the worker ---- */

static void on_alarm(int sig unused)
{
}

static void open_everything(void)
{
	static const char *const names[] = {
		"/dev/null",
		"/dev/zero",
		"/dev/full",
		"/dev/random",
		"/dev/kmsg",
		"/dev/ptmx",
		"/dev/tty",
		"/proc",
		"/proc/self/maps",
		"/proc/self/stat",
		"/proc/self/mem",
		"/proc/meminfo",
		"/proc/self/pagemap",
		"/proc/kpageflags",
		"/proc/self/oom_score_adj",
		"/proc/self/fd",
		"/proc/self/task",
		"/proc/mounts",
		"/sys",
		"/sys/devices/system/cpu/online",
		"/proc/self/exe",
		"/proc/slabinfo",
		"/proc/kmsg",
		"/dev/mem",
	};
	int fd[2];

	for (int i = 3; i < 64; i++)
		close(i);
	if (open("file", O_RDWR | O_CREAT, 0644) < 0 || open("dir", O_RDONLY | O_DIRECTORY) < 0)
		_exit(3);
	open("file", O_RDONLY);
	open("file", O_WRONLY | O_APPEND);
	open("hole", O_RDWR);
	open(".", O_PATH);
	if (pipe(fd) || pipe2(fd, O_NONBLOCK))
		_exit(3);
	open("fifo", O_RDWR | O_NONBLOCK);
	if (on_quire)
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			int n = open(names[i], O_RDWR | O_NONBLOCK | O_NOCTTY);

			if (n < 0)
				n = open(names[i], O_RDONLY | O_NONBLOCK | O_NOCTTY);
			int zero = 0, slave = 0;
			char pts[32];

			if (n >= 0 && ioctl(n, TIOCSPTLCK, &zero) == 0 &&
			    ioctl(n, TIOCGPTN, &slave) == 0) {
				snprintf(pts, sizeof(pts), "/dev/pts/%d", slave);
				open(pts, O_RDWR);
			}
		}
}

static void lay_out_arena(void)
{
	char *p = mmap(ARENA, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (p != ARENA)
		_exit(4);
	memset(ARENA, 0, 12 * PAGE);
	mprotect(ARENA + 16 * PAGE, 2 * PAGE, PROT_NONE);
	mprotect(ARENA + 18 * PAGE, 2 * PAGE, PROT_READ);
	munmap(ARENA + 20 * PAGE, 2 * PAGE);
	mmap(ARENA + 24 * PAGE, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 3, 0);
	mmap(ARENA + 34 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, 3, 0);
	mmap(ARENA + 40 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
	     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void *fuzz_thread(void *arg)
{
	uint64_t r = (uint64_t)(uintptr_t)arg;
	struct itimerval soon = { { 0, 3000 }, { 0, 3000 } };

	for (int i = 0; __atomic_sub_fetch(&calls_left, 1, __ATOMIC_RELAXED) > 0; i++) {
		if (i % 8 == 0) {
			sigset_t none;

			/* What waits is woken; whatever the calls did to signals is undone now and then. */
			signal(SIGALRM, on_alarm);
			siginterrupt(SIGALRM, 1);
			setitimer(ITIMER_REAL, &soon, NULL);
			sigemptyset(&none);
			sigprocmask(SIG_SETMASK, &none, NULL);
		}
		one_call(&r);
	}
	return NULL;
}

static void limit(int what, unsigned long value)
{
	struct rlimit l = { value, value };

	setrlimit(what, &l);
}

static int become_worker(const char *dir)
{
	if (chdir(dir))
		return -1;
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, 1 << 20);
	limit(RLIMIT_CPU, 3);
	limit(RLIMIT_NPROC, 40);
	limit(RLIMIT_AS, 256UL << 20);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	setsid();
	if (geteuid() == 0) {
		if ((!on_quire || keep_rights) && chroot("."))
			return -1;
		if (!keep_rights && (setgid(WORKER_UID) || setuid(WORKER_UID)))
			return -1;
	}
	return 0;
}

static void __attribute__((noreturn)) worker(const char *dir, uint64_t seed)
{
	pthread_t t[3];
	int threads = seed % 4;
	int null = open("/dev/null", O_RDWR);

	if (null >= 0 && !trace)
		for (int i = 0; i < 3; i++)
			dup2(null, i);
	if (become_worker(dir))
		_exit(2);
	worker_pid = getpid();
	calls_left = 400 + seed % 1600;
	open_everything();
	lay_out_arena();
	for (int i = 0; i < threads; i++)
		if (pthread_create(&t[i], NULL, fuzz_thread, (void *)(seed * (i + 3) | 1)))
			break;
	fuzz_thread((void *)(seed | 1));
	_exit(0);
}

/* ---- the supervisor ---- */

static void make_playground(const char *dir)
{
	char target[512];

	ASSERT_OK(chmod(dir, 0777));
	make_file("file", "0123456789abcdef0123456789abcdef", 32);
	make_file("exe", "\177ELF\2\1\1", 7);
	make_file("script", "#!/nonexistent x\n", 17);
	make_file("hole", "x", 1);
	ASSERT_OK(truncate("hole", 300000));
	ASSERT_OK(mkdir("dir", 0777));
	snprintf(target, sizeof(target), "%s", "file");
	symlink(target, "link");
	symlink("loop", "loop");
	symlink("/proc/self/exe", "self");
	mkfifo("fifo", 0666);
	chmod("file", 0666);
	chmod("dir", 0777);
	chmod("exe", 0777);
	chmod("script", 0777);
	chmod("hole", 0666);
	chmod("fifo", 0666);
	if (keep_rights) {
		static const struct {
			const char *name;
			int major, minor;
		} nodes[] = { { "dev/null", 1, 3 },   { "dev/zero", 1, 5 },  { "dev/full", 1, 7 },
			      { "dev/random", 1, 8 }, { "dev/kmsg", 1, 11 }, { "dev/mem", 1, 1 },
			      { "dev/tty", 5, 0 },    { "dev/ptmx", 5, 2 } };
		static const char *const types[][2] = { { "proc", "proc" },
							{ "sysfs", "sys" },
							{ "devpts", "dev/pts" } };

		mkdir("dev", 0755);
		for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
			mknod(nodes[i].name, S_IFCHR | 0666,
			      makedev(nodes[i].major, nodes[i].minor));
		for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
			mkdir(types[i][1], 0755);
			if (mount(types[i][0], types[i][1], types[i][0], 0, NULL))
				say("# mount %s: %s\n", types[i][1], strerror(errno));
		}
	}
}

/* Unmount what lies below a directory, newest first. */
static void unmount_below(const char *dir)
{
	for (int tries = 0; tries < 200; tries++) {
		char *text = read_text("/proc/mounts"), *line, *save, last[512] = "";

		for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			char at[512];

			if (sscanf(line, "%*s %500s", at) == 1 && !strncmp(at, dir, strlen(dir)))
				strcpy(last, at);
		}
		if (!last[0])
			return;
		if (umount2(last, MNT_DETACH)) {
			say("# umount %s: %s\n", last, strerror(errno));
			return;
		}
	}
	say("# too many mounts\n");
}

/* End everybody of the workers' user id, by one of them. */
static void kill_workers(void)
{
	if (geteuid() != 0)
		return;
	if (keep_rights) { /* whoever was born after the supervisor */
		DIR *d = opendir("/proc");
		struct dirent *e;

		while (d && (e = readdir(d)))
			if (atoi(e->d_name) > getpid())
				kill(atoi(e->d_name), SIGKILL);
		if (d)
			closedir(d);
		return;
	}
	pid_t pid = fork();

	if (pid == 0) {
		if (setuid(WORKER_UID) == 0)
			kill(-1, SIGKILL);
		_exit(0);
	}
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
}

/* All children gone, killed again and again. => 0, or the number of a process that does not die. */
static int reap_all(void)
{
	long end = now_ms() + KILL_SECONDS * 1000;
	int status;

	while (1) {
		pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);

		if (pid < 0 && errno == ECHILD)
			return 0;
		if (pid > 0)
			continue;
		kill_workers();
		if (now_ms() > end)
			return 1;
		usleep(2000);
	}
}

static void run_worker(const char *base, uint64_t seed)
{
	static int number;
	char dir[200];

	/* With all rights a worker can make a directory that stays; so each has its own. */
	snprintf(dir, sizeof(dir), "%s/play%d", base, number++);
	ASSERT_OK(mkdir(dir, 0777));
	ASSERT_OK(chdir(dir));
	make_playground(dir);

	long end = now_ms() + WORKER_MS;
	pid_t pid = fork();
	int status;

	ASSERT_OK(pid);
	if (pid == 0)
		worker(dir, seed);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (now_ms() > end) {
			kill(pid, SIGKILL);
			EXPECT_EQ(waitpid(pid, &status, 0), pid);
			break;
		}
		usleep(1000);
	}
	if (reap_all())
		check_failed(__FILE__, __LINE__, "seed %#llx: a worker survives SIGKILL",
			     (unsigned long long)seed);
	/* What a worker made of the files goes too, or memory grows. */
	ASSERT_OK(chdir("/"));
	if (keep_rights)
		unmount_below(dir);
	remove_tree(dir);
}

static long free_kib(void)
{
	struct sysinfo si;

	sysinfo(&si);
	return si.freeram * (unsigned long)si.mem_unit / 1024;
}

static void start(void)
{
	struct utsname u;

	uname(&u);
	on_quire = strstr(u.release, "quire") != NULL;
	keep_rights = on_quire && getenv("FUZZ_ROOT");
	may_fork = geteuid() == 0;
	trace = getenv("FUZZ_TRACE") != NULL;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

static long run_ms(long usual)
{
	const char *s = getenv("FUZZ_SECONDS");

	return s ? atol(s) * 1000 : usual;
}

TEST_LIMIT(random_calls_leave_the_kernel_whole, 4000)
{
	char dir[200];

	start();
	snprintf(dir, sizeof(dir), "%s", test_dir());
	chmod(dir, 0777);
	/* Caches fill first. */
	for (int i = 0; i < 15; i++)
		run_worker(dir, rnd());
	long before = free_kib(), end = now_ms() + run_ms(2500), rounds = 0;

	while (now_ms() < end || rounds < 3) {
		uint64_t seed = rnd();

		if (getenv("FUZZ_SECONDS"))
			say("# round %ld seed %#llx free %ld KiB\n", rounds,
			    (unsigned long long)seed, free_kib());
		run_worker(dir, seed);
		rounds++;
	}
	usleep(50000);
	long lost = before - free_kib();

	say("# %ld rounds, %ld KiB less free memory\n", rounds, lost);
	if (on_quire && !keep_rights)
		EXPECT_LT(lost, 1024 + rounds / 4);
}

/* ---- threads that race for one address space and one table of files ---- */

static __thread sigjmp_buf back;
static __thread volatile int armed;

static void on_fault(int sig unused)
{
	if (armed)
		siglongjmp(back, 1);
	_exit(9);
}

static void touch(volatile char *p, int write_it)
{
	armed = 1;
	if (!sigsetjmp(back, 1)) {
		if (write_it)
			*p = 1;
		else
			(void)*p;
	}
	armed = 0;
}

static void race_step(uint64_t *r)
{
	char *at = ARENA + below(r, ARENA_PAGES) * PAGE;
	size_t len = (1 + below(r, 8)) * PAGE;
	char *to = ARENA + below(r, ARENA_PAGES) * PAGE;
	char buffer[100];
	int status;
	pid_t pid;

	switch (below(r, 16)) {
	case 0:
		mmap(at, len, PROT_READ | PROT_WRITE,
		     MAP_FIXED | MAP_ANONYMOUS | (below(r, 2) ? MAP_PRIVATE : MAP_SHARED), -1, 0);
		break;
	case 1:
		mmap(at, len, PROT_READ | PROT_WRITE,
		     MAP_FIXED | (below(r, 2) ? MAP_PRIVATE : MAP_SHARED), 3, 0);
		break;
	case 2:
		munmap(at, len);
		break;
	case 3:
		mremap(at, len, (1 + below(r, 8)) * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
		break;
	case 4:
		mremap(at, len, (1 + below(r, 8)) * PAGE, below(r, 2));
		break;
	case 5:
		mprotect(at, len, below(r, 4));
		break;
	case 6:
		madvise(at, len, MADV_DONTNEED);
		break;
	case 7:
		ftruncate(3, below(r, 20) * 1000);
		break;
	case 8:
		pid = may_fork && !below(r, 4) ? fork() : -1;
		if (pid == 0) {
			touch(at, 1);
			if (below(r, 2))
				munmap(ARENA, ARENA_PAGES * PAGE);
			_exit(0);
		}
		if (pid > 0)
			waitpid(pid, &status, 0);
		break;
	case 9:
		pread(3, at, len, below(r, 20000));
		break;
	case 10:
		pwrite(3, at, len, below(r, 20000));
		break;
	case 11: /* the table of files */
		dup2(below(r, 2) ? 3 : 4, 10 + below(r, 20));
		close(10 + below(r, 20));
		break;
	case 12:
		if (read(10 + below(r, 20), buffer, sizeof(buffer)) < 0)
			break;
		break;
	case 13:
		msync(at, len, MS_SYNC);
		mincore(at, PAGE, (unsigned char *)buffer);
		break;
	default:
		touch(at + below(r, PAGE), below(r, 2));
	}
}

static long race_end;

static void *racer(void *arg)
{
	uint64_t r = (uint64_t)(uintptr_t)arg;

	while (now_ms() < race_end)
		for (int i = 0; i < 20; i++)
			race_step(&r);
	return NULL;
}

static void __attribute__((noreturn)) race(const char *dir, uint64_t seed, long ms)
{
	pthread_t t[3];

	if (become_worker(dir))
		_exit(2);
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	for (int i = 3; i < 64; i++)
		close(i);
	if (open("file", O_RDWR) != 3 || open("hole", O_RDWR) != 4)
		_exit(3);
	race_end = now_ms() + ms;
	for (int i = 0; i < 3; i++)
		if (pthread_create(&t[i], NULL, racer, (void *)(seed * (i + 3) | 1)))
			_exit(5);
	racer((void *)(seed | 1));
	/* exec with the other threads still at it. */
	char *argv[] = { test_self, "--helper", "exit_zero", NULL };

	if (seed & 2)
		execv(test_self, argv);
	_exit(0);
}

HELPER(exit_zero)
{
	return 0;
}

TEST_LIMIT(threads_race_for_one_address_space, 4000)
{
	char dir[200];
	long ms = run_ms(1500), before = 0, rounds = 0;

	start();
	snprintf(dir, sizeof(dir), "%s/play", test_dir());
	ASSERT_OK(mkdir(dir, 0777));
	chmod(".", 0777);
	ASSERT_OK(chdir(dir));
	make_playground(dir);
	for (long end = now_ms() + ms; now_ms() < end || rounds < 2; rounds++) {
		pid_t pid = test_fork();

		if (pid == 0)
			race(dir, rnd() + rounds * 4 + rounds, 300);
		int status = test_wait(pid);

		rnd();
		EXPECT(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM);
		if (reap_all())
			check_failed(__FILE__, __LINE__, "a racer survives SIGKILL");
		ASSERT_OK(truncate("file", 32));
		if (!rounds)
			before = free_kib();
	}
	usleep(50000);
	long lost = before - free_kib();

	say("# %ld rounds, %ld KiB less free memory\n", rounds, lost);
	if (on_quire)
		EXPECT_LT(lost, 1024);
}

/* ---- ELF headers, byte by byte ---- */

static const unsigned char position_independent[] = {
	0x8b, 0x3d, 0xfa, 0x0f, 0x00, 0x00,	  /* mov 0xffa(%rip), %edi: the word at 0x2000 */
	0xb8, 60,   0,	  0,	0,    0x0f, 0x05, /* exit */
};

static unsigned char *build_elf(int type)
{
	static unsigned char image[0x3000];
	Elf64_Ehdr *eh = (Elf64_Ehdr *)image;
	Elf64_Phdr *ph = (Elf64_Phdr *)(eh + 1);
	unsigned long base = type == ET_DYN ? 0 : 0x400000;

	memset(image, 0, sizeof(image));
	memcpy(eh->e_ident, "\177ELF\2\1\1", 7);
	eh->e_type = type;
	eh->e_machine = EM_X86_64;
	eh->e_version = 1;
	eh->e_entry = base + 0x1000;
	eh->e_phoff = eh->e_ehsize = sizeof(*eh);
	eh->e_phentsize = sizeof(*ph);
	eh->e_phnum = 3;
	ph[0] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_X, 0, base, base, 0x1020, 0x1020, PAGE };
	ph[1] = (Elf64_Phdr){ PT_LOAD,	     PF_R | PF_W, 0x2000, base + 0x2000,
			      base + 0x2000, 16,	  5000,	  PAGE };
	ph[2] = (Elf64_Phdr){ PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16 };
	memcpy(image + 0x1000, position_independent, sizeof(position_independent));
	image[0x2000] = 77;
	return image;
}

static int run_elf(const unsigned char *image)
{
	unlink("mutant");
	make_file("mutant", image, 0x3000);
	ASSERT_OK(chmod("mutant", 0755));
	pid_t pid = test_fork();

	if (pid == 0) {
		char *argv[] = { "mutant", NULL };

		limit(RLIMIT_CORE, 0);
		alarm(5);
		execve("mutant", argv, argv + 1);
		_exit(1);
	}
	return test_wait(pid);
}

static void mutate_elf(int type, long ms)
{
	static const unsigned char values[] = { 0x00, 0xff, 0x7f, 0x80 };
	unsigned char *image = build_elf(type);
	size_t bytes = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr);
	long end = now_ms() + ms, runs = 0;

	EXPECT_EQ(run_elf(image), 77 << 8);
	/* All bytes in a run that is long enough; else a random part of them. */
	for (size_t at = 0; at < bytes && now_ms() < end; at += 1 + (ms < 5000 ? rnd_below(8) : 0))
		for (size_t v = 0; v < ARRAY_SIZE(values) + 1; v++) {
			unsigned char old = image[at];

			image[at] = v < ARRAY_SIZE(values) ? values[v] : old ^ (1 << rnd_below(8));
			int status = run_elf(image);

			if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
				check_failed(__FILE__, __LINE__, "byte %zu = %#x: never ended", at,
					     image[at]);
			image[at] = old;
			runs++;
		}
	while (ms >= 5000 && now_ms() < end) {
		unsigned char saved[512];

		memcpy(saved, image, sizeof(saved));
		for (int k = 2 + rnd_below(6); k; k--)
			image[rnd_below(bytes)] = rnd_below(3) ? rnd() : values[rnd_below(4)];
		run_elf(image);
		memcpy(image, saved, sizeof(saved));
		runs++;
	}
	say("# %ld mutants\n", runs);
	EXPECT_EQ(run_elf(image), 77 << 8);
}

TEST_LIMIT(mutants_of_a_static_program, 4000)
{
	start();
	test_dir();
	mutate_elf(ET_EXEC, run_ms(700));
}

TEST_LIMIT(mutants_of_a_position_independent_program, 4000)
{
	start();
	test_dir();
	mutate_elf(ET_DYN, run_ms(700));
}
