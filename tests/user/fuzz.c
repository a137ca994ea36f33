/*
 * fuzz.c - nothing that a program does may hurt the kernel: random system calls with boundary
 * arguments. (Threads that race for one address space: fuzzrace.c; mutants of ELF headers: fuzzelf.c.)
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
#include "fuzz.h"
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>

#define WORKER_MS 250

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

static int worker_pid;
static volatile int calls_left;

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
	if (on_quire() && below(r, 3) == 0)
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
		return !on_quire() || keep_rights;
	case 103: /* syslog: not the console's level */
		return a[0] >= 6 && a[0] <= 8;
	case 105: /* set*id: not back among others' processes */
	case 113:
	case 117:
		return !keep_rights;
	case 141: /* priorities and classes: a real-time spinner starves the host */
	case 142:
	case 144:
		return !on_quire();
	case 158: /* arch_prctl: rarely; without FS the C library's thread dies */
		return below(r, 10) != 0;
	case 203: /* sched_setaffinity */
		return !on_quire();
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
	if (on_quire())
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
	if (on_quire() && !keep_rights)
		EXPECT_LT(lost, 1024 + rounds / 4);
}
