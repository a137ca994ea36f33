/*
 * bench.c - the benchmark program that tools/bench.py boots as process 1.
 *
 * The same static binary is /init of Quire and of Debian's Linux, in the same QEMU (vm_bench.c has the rows of memory).  Every cost is
 * read with RDTSC.  Under QEMU's -icount shift=0 one TSC tick is one guest instruction, so a figure
 * is exact and repeatable; without icount it is time, and tools/bench.py turns ticks into
 * nanoseconds.
 *
 * How one figure is made: a round runs the operation `per_round` times between two RDTSCs; the
 * round's cost, less the cost of an empty RDTSC pair, is divided by `per_round`; the first rounds
 * are thrown away as warm-up, and the median of the others is printed.  Batches keep the rare
 * expensive steps in the figure (a refill of a free list, a new page-table page), the median keeps
 * the timer tick out of it.
 *
 * Output, one line each:
 *	BENCH boot_tsc=N		TSC at the first statement of main
 *	BENCH entry_tsc=N		TSC when the loader handed over, if the log says it
 *	BENCH mem total_kb=N free_kb=N	/proc/meminfo before anything was measured
 *	BENCH op=NAME median=N min=N rounds=N
 *	BENCH end
 *
 * Last it loads /page_alloc_bench.ko and /kmem_bench.ko (the .c files of these names), if the kernel knows modules; their
 * lines have the same form.
 *
 * The word bench=boot on the kernel's command line stops after the first two lines.
 * Run by hand on the host, the program measures the host (and does not try to power it off).
 */
#include "tests/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define WARMUP	   4
#define MAX_ROUNDS 128

static uint64_t empty_pair;
const char *self = "/init";

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

void die(const char *what)
{
	say("BENCH error=%s errno=%d\n", what, errno);
	if (getpid() == 1)
		reboot(RB_POWER_OFF);
	_exit(1);
}

void *map_anon(size_t pages)
{
	void *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* fork(2) itself, without the C library's locks and signal masking. */
pid_t raw_fork(void)
{
	pid_t pid = syscall(SYS_fork);

	if (pid < 0)
		die("fork");
	return pid;
}

void reap(pid_t pid)
{
	int status;

	if (syscall(SYS_wait4, pid, &status, 0, NULL) != pid)
		die("wait4");
}

/* ---- the operations: each runs one round and returns its ticks ---- */

static uint64_t op_getpid(int n)
{
	uint64_t t = rdtsc();

	while (n--) {
		long nr = SYS_getpid;

		asm volatile("syscall" : "+a"(nr) : : "rcx", "r11", "memory");
	}
	return rdtsc() - t;
}

static uint64_t op_anon_fault(int n)
{
	volatile char *p = map_anon(n);
	uint64_t t = rdtsc();

	for (int i = 0; i < n; i++)
		p[i * PAGE] = 1;
	t = rdtsc() - t;
	munmap((void *)p, n * PAGE);
	return t;
}

static uint64_t op_zero_fault(int n)
{
	volatile char *p = map_anon(n);
	uint64_t t = rdtsc();

	for (int i = 0; i < n; i++)
		(void)p[i * PAGE];
	t = rdtsc() - t;
	munmap((void *)p, n * PAGE);
	return t;
}

/* The other owner is alive: every write copies a page. */
static uint64_t op_cow_fault(int n)
{
	volatile char *p = map_anon(n);
	int fd[2];
	char c;

	memset((void *)p, 1, n * PAGE);
	if (pipe(fd))
		die("pipe");
	pid_t pid = raw_fork();

	if (!pid) {
		close(fd[1]);
		_exit(read(fd[0], &c, 1) != 0);
	}
	sched_yield();
	uint64_t t = rdtsc();

	for (int i = 0; i < n; i++)
		p[i * PAGE] = 2;
	t = rdtsc() - t;
	close(fd[1]);
	close(fd[0]);
	reap(pid);
	munmap((void *)p, n * PAGE);
	return t;
}

/* The other owner is gone: every write makes the page writable again. */
static uint64_t op_cow_reuse(int n)
{
	volatile char *p = map_anon(n);

	memset((void *)p, 1, n * PAGE);
	pid_t pid = raw_fork();

	if (!pid)
		_exit(0);
	reap(pid);
	uint64_t t = rdtsc();

	for (int i = 0; i < n; i++)
		p[i * PAGE] = 2;
	t = rdtsc() - t;
	munmap((void *)p, n * PAGE);
	return t;
}

uint64_t op_fork_exit_wait(int n)
{
	uint64_t t = rdtsc();

	while (n--) {
		pid_t pid = raw_fork();

		if (!pid)
			_exit(0);
		reap(pid);
	}
	return rdtsc() - t;
}

/* The same with 1024 pages of anonymous memory to share and to tear down. */
static uint64_t op_fork_4m(int n)
{
	char *p = map_anon(1024);

	memset(p, 1, 1024 * PAGE);
	uint64_t t = op_fork_exit_wait(n);

	munmap(p, 1024 * PAGE);
	return t;
}

static uint64_t op_fork_exec_wait(int n)
{
	char *argv[] = { (char *)self, "exit", NULL };
	char *envp[] = { NULL };
	uint64_t t = rdtsc();

	while (n--) {
		pid_t pid = raw_fork();

		if (!pid) {
			execve(self, argv, envp);
			_exit(127);
		}
		reap(pid);
	}
	return rdtsc() - t;
}

static uint64_t op_pipe_round_trip(int n)
{
	int a[2], b[2];
	char c = 'x';

	if (pipe(a) || pipe(b))
		die("pipe");
	pid_t pid = raw_fork();

	if (!pid) {
		close(a[1]);
		close(b[0]);
		while (read(a[0], &c, 1) == 1 && write(b[1], &c, 1) == 1)
			;
		_exit(0);
	}
	close(a[0]);
	close(b[1]);
	/* One trip outside the measure, so that the child waits in its read. */
	if (write(a[1], &c, 1) != 1 || read(b[0], &c, 1) != 1)
		die("pipe trip");
	uint64_t t = rdtsc();

	for (int i = 0; i < n; i++)
		if (write(a[1], &c, 1) != 1 || read(b[0], &c, 1) != 1)
			die("pipe trip");
	t = rdtsc() - t;
	close(a[1]);
	close(b[0]);
	reap(pid);
	return t;
}

/* Write and read back through one pipe without a second process: no context switch. */
static uint64_t op_pipe_self(int n)
{
	int a[2];
	char c = 'x';

	if (pipe(a))
		die("pipe");
	uint64_t t = rdtsc();

	while (n--)
		if (write(a[1], &c, 1) != 1 || read(a[0], &c, 1) != 1)
			die("pipe");
	t = rdtsc() - t;
	close(a[0]);
	close(a[1]);
	return t;
}

/*
 * Two processes that only yield; the figure is for two switches, there and back: the child counts its turns in shared memory.
 * (Linux's fair class lets the caller go on while a new child pays its debit, so the first turns are outside the measure.)
 */
static uint64_t yield_pair(int n, const struct sched_param *fifo)
{
	volatile unsigned int *turns =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (turns == MAP_FAILED)
		die("mmap");
	turns[0] = turns[1] = 0;
	if (fifo && syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, fifo))
		die("SCHED_FIFO");
	pid_t pid = raw_fork();

	if (!pid) {
		while (!turns[1]) {
			turns[0]++;
			syscall(SYS_sched_yield);
		}
		_exit(0);
	}
	while (turns[0] < 64)
		syscall(SYS_sched_yield);
	unsigned int end = turns[0] + n;
	uint64_t t = rdtsc();

	while (turns[0] < end)
		syscall(SYS_sched_yield);
	t = rdtsc() - t;
	turns[1] = 1;
	reap(pid);
	munmap((void *)turns, PAGE);
	if (fifo && syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &(struct sched_param){ 0 }))
		die("SCHED_OTHER");
	return t;
}

static uint64_t op_yield(int n)
{
	return yield_pair(n, NULL);
}

/* Equal real-time priority: POSIX leaves no choice, each call is a switch. */
static uint64_t op_yield_switch(int n)
{
	return yield_pair(n, &(struct sched_param){ .sched_priority = 1 });
}

static uint64_t op_yield_alone(int n)
{
	uint64_t t = rdtsc();

	while (n--)
		syscall(SYS_sched_yield);
	return rdtsc() - t;
}

static void skip_store(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)info;
	uc->uc_mcontext.gregs[REG_RIP] += 2;
}

/* A store to a read-only page; the handler steps over the two-byte instruction. */
static uint64_t op_segv(int n)
{
	struct sigaction sa = { .sa_sigaction = skip_store, .sa_flags = SA_SIGINFO };
	void *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || sigaction(SIGSEGV, &sa, NULL))
		die("segv");
	uint64_t t = rdtsc();

	while (n--)
		asm volatile(".byte 0x88, 0x01" : : "c"(p), "a"(1) : "memory"); /* mov %al,(%rcx) */
	t = rdtsc() - t;
	signal(SIGSEGV, SIG_DFL);
	munmap(p, PAGE);
	return t;
}

static void on_usr1(int sig)
{
	(void)sig;
}

static uint64_t op_signal_self(int n)
{
	struct sigaction sa = { .sa_handler = on_usr1 };
	pid_t pid = getpid();

	sigaction(SIGUSR1, &sa, NULL);
	uint64_t t = rdtsc();

	while (n--)
		syscall(SYS_kill, pid, SIGUSR1);
	return rdtsc() - t;
}

static uint64_t op_mmap_munmap(int n)
{
	uint64_t t = rdtsc();

	while (n--)
		munmap(map_anon(16), 16 * PAGE);
	return rdtsc() - t;
}

static uint64_t op_mmap_touch_munmap(int n)
{
	uint64_t t = rdtsc();

	while (n--) {
		volatile char *p = map_anon(16);

		for (int i = 0; i < 16; i++)
			p[i * PAGE] = 1;
		munmap((void *)p, 16 * PAGE);
	}
	return rdtsc() - t;
}

static uint64_t op_mprotect(int n)
{
	volatile char *p = map_anon(1);

	p[0] = 1;
	uint64_t t = rdtsc();

	while (n--) {
		mprotect((void *)p, PAGE, PROT_READ);
		mprotect((void *)p, PAGE, PROT_READ | PROT_WRITE);
	}
	t = rdtsc() - t;
	munmap((void *)p, PAGE);
	return t;
}

static uint64_t op_brk(int n)
{
	uintptr_t old = syscall(SYS_brk, 0);
	uint64_t t = rdtsc();

	while (n--) {
		syscall(SYS_brk, old + 16 * PAGE);
		syscall(SYS_brk, old);
	}
	return rdtsc() - t;
}

const char *const file_name = "/bench.file";
static char file_page[4096];

static uint64_t op_open_close(int n)
{
	uint64_t t = rdtsc();

	while (n--)
		close(open(file_name, O_RDONLY));
	return rdtsc() - t;
}

static uint64_t op_stat(int n)
{
	struct stat st;
	uint64_t t = rdtsc();

	while (n--)
		if (stat(file_name, &st))
			die("stat");
	return rdtsc() - t;
}

static uint64_t op_read_4k(int n)
{
	int fd = open(file_name, O_RDONLY);
	uint64_t t = rdtsc();

	while (n--)
		if (pread(fd, file_page, sizeof(file_page), 0) != sizeof(file_page))
			die("pread");
	t = rdtsc() - t;
	close(fd);
	return t;
}

static uint64_t op_write_4k(int n)
{
	int fd = open(file_name, O_WRONLY);
	uint64_t t = rdtsc();

	while (n--)
		if (pwrite(fd, file_page, sizeof(file_page), 0) != sizeof(file_page))
			die("pwrite");
	t = rdtsc() - t;
	close(fd);
	return t;
}

static uint64_t op_create_unlink(int n)
{
	uint64_t t = rdtsc();

	while (n--) {
		close(open("/bench.new", O_CREAT | O_WRONLY, 0600));
		unlink("/bench.new");
	}
	return rdtsc() - t;
}

/* Read every page of a private file mapping that is in the page cache. */
static uint64_t op_file_fault(int n)
{
	int fd = open(file_name, O_RDONLY);
	volatile char *p = mmap(NULL, n * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		die("mmap file");
	uint64_t t = rdtsc();

	for (int i = 0; i < n; i++)
		(void)p[i * PAGE];
	t = rdtsc() - t;
	munmap((void *)p, n * PAGE);
	close(fd);
	return t;
}

/* ---- the table ---- */

static const struct op ops[] = {
	{ "getpid", op_getpid, 256, 101 },
	{ "anon_fault", op_anon_fault, 256, 41 },
	{ "zero_fault", op_zero_fault, 256, 41 },
	{ "cow_fault", op_cow_fault, 128, 41 },
	{ "fork_exit_wait", op_fork_exit_wait, 1, 61 },
	{ "pipe_round_trip", op_pipe_round_trip, 32, 61 },
	{ "segv", op_segv, 32, 61 },
	{ "cow_reuse", op_cow_reuse, 128, 41 },
	{ "file_fault", op_file_fault, 64, 41 },
	{ "fork_4m", op_fork_4m, 1, 31 },
	{ "fork_exec_wait", op_fork_exec_wait, 1, 41 },
	{ "signal_self", op_signal_self, 32, 61 },
	{ "pipe_self", op_pipe_self, 64, 41 },
	{ "sched_yield", op_yield, 64, 41 },
	{ "yield_switch", op_yield_switch, 64, 41 },
	{ "yield_alone", op_yield_alone, 64, 41 },
	{ "mmap_munmap", op_mmap_munmap, 32, 41 },
	{ "mmap_touch16_munmap", op_mmap_touch_munmap, 8, 41 },
	{ "mprotect_pair", op_mprotect, 32, 41 },
	{ "brk_grow_shrink", op_brk, 32, 41 },
	{ "open_close", op_open_close, 32, 41 },
	{ "create_unlink", op_create_unlink, 16, 41 },
	{ "stat", op_stat, 32, 41 },
	{ "read_4k", op_read_4k, 32, 41 },
	{ "write_4k", op_write_4k, 32, 41 },
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t sample[MAX_ROUNDS];

static void run_op(const struct op *op)
{
	for (int i = -WARMUP; i < op->rounds; i++) {
		uint64_t t = op->round(op->per_round);

		if (i >= 0)
			sample[i] = t > empty_pair ? (t - empty_pair) / op->per_round : 0;
	}
	qsort(sample, op->rounds, sizeof(sample[0]), by_value);
	say("BENCH op=%s median=%llu min=%llu rounds=%d\n", op->name,
	    (unsigned long long)sample[op->rounds / 2], (unsigned long long)sample[0], op->rounds);
}

static void calibrate_empty_pair(void)
{
	empty_pair = ~0ULL;
	for (int i = 0; i < 64; i++) {
		uint64_t t = rdtsc();

		t = rdtsc() - t;
		if (t < empty_pair)
			empty_pair = t;
	}
}

static int read_file(const char *path, char *buf, int size)
{
	int fd = open(path, O_RDONLY), len = 0, n;

	if (fd < 0)
		return -1;
	while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	buf[len] = 0;
	close(fd);
	return len;
}

static long field_kb(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? atol(p + strlen(name)) : -1;
}

static void report_memory(void)
{
	char text[4096];

	if (read_file("/proc/meminfo", text, sizeof(text)) < 0)
		die("meminfo");
	say("BENCH mem total_kb=%ld free_kb=%ld\n", field_kb(text, "MemTotal:"),
	    field_kb(text, "MemFree:"));
}

/* A benchmark of the kernel's inside, as a module; it measures while it loads, and prints to the console. */
static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return;
	/* Quire has no modules; there the same source is part of the kernel. */
	if (syscall(SYS_finit_module, fd, "", 0) && errno != ENOSYS)
		say("BENCH error=finit_module errno=%d\n", errno);
	close(fd);
}

static void make_file(void)
{
	int fd = open(file_name, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	for (int i = 0; i < 64; i++)
		if (write(fd, file_page, sizeof(file_page)) != sizeof(file_page))
			die("make file");
	close(fd);
}

/* Print the host's TSC frequency; tools/bench.py asks for it in its wall-clock mode. */
static int print_tsc_hz(void)
{
	struct timespec a, b, nap = { 0, 200000000 };

	clock_gettime(CLOCK_MONOTONIC, &a);
	uint64_t t = rdtsc();

	nanosleep(&nap, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	t = rdtsc() - t;
	double seconds = (b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) * 1e-9;

	printf("%.0f\n", t / seconds);
	return 0;
}

/* Quire's log says when the loader handed over; Linux's does not. */
static void report_entry(void)
{
	static char log[1 << 16];
	long len = syscall(SYS_syslog, 3 /* SYSLOG_ACTION_READ_ALL */, log, sizeof(log) - 1);
	const char *at = len > 0 ? strstr(log, "the kernel was entered at cycle ") : NULL;

	if (at)
		say("BENCH entry_tsc=%llu\n", strtoull(at + 32, NULL, 10));
}

int main(int argc, char **argv)
{
	uint64_t boot = rdtsc();
	int init = getpid() == 1;
	char cmdline[2048] = "";

	if (argc > 1 && !strcmp(argv[1], "exit"))
		_exit(0);
	if (argc > 1 && !strcmp(argv[1], "tsc-hz"))
		return print_tsc_hz();
	if (init && fcntl(1, F_GETFD) < 0) {
		open("/dev/console", O_RDWR);
		dup(0);
		dup(0);
	}
	say("BENCH boot_tsc=%llu\n", (unsigned long long)boot);
	if (init)
		report_entry();
	if (init) {
		mkdir("/proc", 0755);
		mount("proc", "/proc", "proc", 0, NULL);
	} else {
		self = argv[0];
	}
	report_memory();
	read_file("/proc/cmdline", cmdline, sizeof(cmdline));
	if (!strstr(cmdline, "bench=boot")) {
		calibrate_empty_pair();
		make_file();
		for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
			run_op(&ops[i]);
		for (const struct op *op = vm_ops; op->name; op++)
			run_op(op);
		unlink(file_name);
		load_module("/page_alloc_bench.ko");
		load_module("/kmem_bench.ko");
	}
	say("BENCH end\n");
	if (init) {
		reboot(RB_POWER_OFF);
		say("BENCH error=reboot errno=%d\n", errno);
		for (;;)
			pause();
	}
	return 0;
}
