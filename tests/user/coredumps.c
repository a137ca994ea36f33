/*
 * coredumps.c - core files: that there is one, what is in it, and when there is none.
 *
 * Each test lets a child die and reads its core as a debugger would: headers, notes, and memory through the program headers.
 * The directory of the test takes the file; on a Linux whose core_pattern sends cores elsewhere the suite is skipped,
 * unless it may set the pattern. A gdb reads one of these cores in tests/boot/test_coredump.py.
 */
#include "test.h"
#include "threads.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>

#define PATTERN "/proc/sys/kernel/core_pattern"

static char old_pattern[256];

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), n = -1;

	if (fd >= 0) {
		n = write(fd, text, strlen(text));
		close(fd);
	}
	return n;
}

static void slurp(const char *path, char *buf, int size)
{
	int fd = open(path, O_RDONLY), n;

	ASSERT(fd >= 0);
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
}

/* In a directory of our own, with cores allowed, under the name "core" unless @pattern says another. */
static void set_up(const char *pattern)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	ASSERT_OK(chdir(test_dir()));
	slurp(PATTERN, old_pattern, sizeof(old_pattern));
	/* The host's setting is not ours to change. */
	if (!on_quire() && (strcmp(old_pattern, "core\n") || strcmp(pattern, "core")))
		skip("cores go elsewhere here");
	if (on_quire())
		ASSERT(write_text(PATTERN, pattern) > 0);
	if (setrlimit(RLIMIT_CORE, &all))
		skip("RLIMIT_CORE is 0 here");
}

static void tear_down(void)
{
	if (on_quire())
		write_text(PATTERN, old_pattern);
}

/* ---- a core as a debugger sees it ---- */

static struct core {
	char *map;
	size_t size;
	Elf64_Ehdr *eh;
	Elf64_Phdr *ph;
} core;

static void open_core(const char *name)
{
	struct stat st;
	int fd = open(name, O_RDONLY);

	ASSERT(fd >= 0);
	ASSERT_OK(fstat(fd, &st));
	core.size = st.st_size;
	core.map = mmap(NULL, core.size, PROT_READ, MAP_PRIVATE, fd, 0);
	ASSERT(core.map != MAP_FAILED);
	close(fd);
	EXPECT_EQ(st.st_mode & 07777, 0600);
	core.eh = (void *)core.map;
	core.ph = (void *)(core.map + core.eh->e_phoff);
}

/* The n-th note of a type; its length in *len. NULL: none */
static void *note(unsigned int type, int n, unsigned int *len)
{
	char *p, *end;

	for (int i = 0; i < core.eh->e_phnum; i++) {
		if (core.ph[i].p_type != PT_NOTE)
			continue;
		p = core.map + core.ph[i].p_offset;
		end = p + core.ph[i].p_filesz;
		while (p < end) {
			Elf64_Nhdr *h = (void *)p;

			p += sizeof(*h) + ((h->n_namesz + 3) & ~3);
			if (h->n_type == type && !n--) {
				if (len)
					*len = h->n_descsz;
				return p;
			}
			p += (h->n_descsz + 3) & ~3;
		}
	}
	return NULL;
}

/* Where the byte at @addr lies in the file; NULL: it was not dumped. */
static char *memory(const void *addr)
{
	uint64_t a = (uintptr_t)addr;

	for (int i = 0; i < core.eh->e_phnum; i++) {
		Elf64_Phdr *p = &core.ph[i];

		if (p->p_type == PT_LOAD && a >= p->p_vaddr && a - p->p_vaddr < p->p_filesz) {
			ASSERT_LE(p->p_offset + p->p_filesz, core.size);
			return core.map + p->p_offset + (a - p->p_vaddr);
		}
	}
	return NULL;
}

static int wait_for(pid_t pid)
{
	int status;

	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

#define EXPECT_DUMPED(pid, sig, dumped)             \
	do {                                        \
		int s_ = wait_for(pid);             \
		EXPECT(WIFSIGNALED(s_));            \
		EXPECT_EQ(WTERMSIG(s_), sig);       \
		EXPECT_EQ(!!WCOREDUMP(s_), dumped); \
	} while (0)

/* ---- what is in it ---- */

static volatile long global = 0x1234;
static char *area;

static __attribute__((noinline)) void crash_at(volatile long *p)
{
	__asm__ __volatile__("movq $0x5ca1ab1e, %%r15\n\t"
			     "movq %0, %%xmm3\n\t"
			     "movq $1, (%1)\n"
			     :
			     : "r"(0x1122334455667788), "r"(p)
			     : "r15", "memory");
}

TEST(headers_registers_and_memory)
{
	struct elf_prstatus *pr;
	struct elf_prpsinfo *ps;
	siginfo_t *si;
	unsigned int len = 0;
	uint64_t *words;
	pid_t pid;

	set_up("core");
	area = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid = fork();
	if (!pid) {
		global = 0x4321;
		strcpy(area + 5 * PAGE, "in the core");
		prctl(PR_SET_NAME, "crasher");
		crash_at((void *)0x10);
		_exit(0);
	}
	EXPECT_DUMPED(pid, SIGSEGV, 1);
	tear_down();
	open_core("core");
	EXPECT(!memcmp(core.eh->e_ident, ELFMAG, SELFMAG));
	EXPECT_EQ(core.eh->e_type, ET_CORE);
	EXPECT_EQ(core.eh->e_machine, EM_X86_64);
	pr = note(NT_PRSTATUS, 0, &len);
	ASSERT(pr);
	EXPECT_EQ(len, sizeof(*pr));
	EXPECT_EQ(pr->pr_cursig, SIGSEGV);
	EXPECT_EQ(pr->pr_pid, pid);
	EXPECT_EQ(pr->pr_ppid, getpid());
	EXPECT_EQ(pr->pr_reg[0], 0x5ca1ab1e);
	EXPECT_GE(pr->pr_reg[16], (uintptr_t)crash_at);
	EXPECT_LE(pr->pr_reg[16], (uintptr_t)crash_at + 200);
	EXPECT(memory((void *)pr->pr_reg[19])); /* the stack */
	EXPECT(!note(NT_PRSTATUS, 1, NULL));
	ps = note(NT_PRPSINFO, 0, &len);
	ASSERT(ps);
	EXPECT_EQ(len, sizeof(*ps));
	EXPECT(!strcmp(ps->pr_fname, "crasher"));
	EXPECT(strstr(ps->pr_psargs, "coredumps"));
	si = note(NT_SIGINFO, 0, &len);
	ASSERT(si);
	EXPECT_EQ(len, 128);
	EXPECT_EQ(si->si_signo, SIGSEGV);
	EXPECT_EQ(si->si_code, SEGV_MAPERR);
	EXPECT_EQ((uintptr_t)si->si_addr, 0x10);
	words = note(NT_AUXV, 0, &len);
	ASSERT(words);
	for (; words[0] && words[0] != AT_ENTRY; words += 2)
		;
	EXPECT_EQ(words[1], getauxval(AT_ENTRY));
	words = note(NT_PRFPREG, 0, &len);
	ASSERT(words);
	EXPECT_EQ(len, 512);
	EXPECT_EQ(words[(160 + 3 * 16) / 8], 0x1122334455667788);
	words = note(NT_FILE, 0, &len);
	ASSERT(words);
	EXPECT_GE(words[0], 2);
	EXPECT_EQ(words[1], PAGE);
	EXPECT(strstr((char *)(words + 2 + 3 * words[0]), "coredumps"));
	ASSERT(memory((void *)&global));
	EXPECT_EQ(*(long *)memory((void *)&global), 0x4321);
	ASSERT(memory(area + 5 * PAGE));
	EXPECT(!strcmp(memory(area + 5 * PAGE), "in the core"));
	ASSERT(memory(area + 63 * PAGE));
	EXPECT_EQ(*memory(area + 63 * PAGE), 0);
}

static void *thread_with_mark(void *arg)
{
	__asm__ __volatile__("movq %0, %%r14\n1:	pause\n	jmp 1b"
			     :
			     : "r"((long)arg + 0x77770000)
			     : "r14");
	return NULL;
}

TEST(every_thread_is_in_it)
{
	int seen[THREADS] = { 0 }, others = 0;
	struct elf_prstatus *pr;
	pid_t pid;

	set_up("core");
	pid = fork();
	if (!pid) {
		start_all(thread_with_mark);
		usleep(300000);
		abort();
	}
	EXPECT_DUMPED(pid, SIGABRT, 1);
	tear_down();
	open_core("core");
	for (int i = 0; (pr = note(NT_PRSTATUS, i, NULL)); i++) {
		unsigned long mark = pr->pr_reg[1] - 0x77770000;

		if (i && mark < THREADS)
			seen[mark]++;
		others += i > 0;
		EXPECT(note(NT_PRFPREG, i, NULL));
	}
	EXPECT_EQ(others, THREADS);
	for (int i = 0; i < THREADS; i++)
		EXPECT_EQ(seen[i], 1);
}

/* ---- what is left out ---- */

static char *private_page(void)
{
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT(p != MAP_FAILED);
	/* A neighbour with other rights, so that it stays an area of its own. */
	mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 'p', PAGE);
	return p;
}

TEST(advice_and_filter_leave_memory_out)
{
	char *hidden, *plain, *shared, text[32];
	pid_t pid;

	set_up("core");
	hidden = private_page();
	plain = private_page();
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(shared, 's', PAGE);
	slurp("/proc/self/coredump_filter", text, sizeof(text));
	EXPECT(!strcmp(text, "00000033\n"));
	pid = fork();
	if (!pid) {
		madvise(hidden, PAGE, MADV_DONTDUMP);
		abort();
	}
	EXPECT_DUMPED(pid, SIGABRT, 1);
	open_core("core");
	EXPECT(!memory(hidden));
	ASSERT(memory(plain));
	EXPECT_EQ(*memory(plain), 'p');
	ASSERT(memory(shared));
	EXPECT_EQ(*memory(shared), 's');
	unlink("core");
	pid = fork();
	if (!pid) {
		write_text("/proc/self/coredump_filter", "0x1");
		/* A child has it from its parent. */
		if (!(pid = fork()))
			abort();
		EXPECT_DUMPED(pid, SIGABRT, 1);
		_exit(0);
	}
	EXPECT_EQ(wait_for(pid), 0);
	tear_down();
	open_core("core");
	EXPECT(memory(plain));
	EXPECT(!memory(shared));
}

TEST(no_core_without_leave)
{
	struct rlimit none = { 0, RLIM_INFINITY };
	pid_t pid;

	set_up("core");
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		abort();
	}
	EXPECT_DUMPED(pid, SIGABRT, 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_DUMPABLE, 0);
		abort();
	}
	EXPECT_DUMPED(pid, SIGABRT, 0);
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	kill(pid, SIGTERM); /* not a signal that dumps */
	EXPECT_DUMPED(pid, SIGTERM, 0);
	tear_down();
	EXPECT_ERR(access("core", F_OK), ENOENT);
}

TEST(the_limit_cuts_the_file)
{
	struct rlimit small = { 16 * PAGE, RLIM_INFINITY };
	struct stat st;
	pid_t pid;

	set_up("core");
	pid = fork();
	if (!pid) {
		memset(mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0),
		       1, 64 * PAGE);
		setrlimit(RLIMIT_CORE, &small);
		abort();
	}
	wait_for(pid);
	tear_down();
	ASSERT_OK(stat("core", &st));
	EXPECT_LE(st.st_blocks * 512, 17 * PAGE);
}

/* Newer kernels put a file of their own in the place of what is there; core(5) knows no core then. */
static void expect_no_core_or_new(pid_t pid)
{
	struct stat st;
	int status = wait_for(pid);

	EXPECT(WIFSIGNALED(status));
	if (WCOREDUMP(status)) {
		EXPECT(!on_quire());
		ASSERT_OK(lstat("core", &st));
		EXPECT(S_ISREG(st.st_mode) && st.st_nlink == 1);
	}
}

TEST(a_file_of_somebody_else_is_not_overwritten)
{
	pid_t pid;
	int fd;

	set_up("core");
	fd = open("target", O_CREAT | O_RDWR, 0600);
	ASSERT(fd >= 0);
	ASSERT_OK(symlink("target", "core"));
	pid = fork();
	if (!pid)
		abort();
	expect_no_core_or_new(pid);
	EXPECT_EQ(lseek(fd, 0, SEEK_END), 0);
	unlink("core");
	ASSERT_OK(link("target", "core"));
	pid = fork();
	if (!pid)
		abort();
	expect_no_core_or_new(pid);
	EXPECT_EQ(lseek(fd, 0, SEEK_END), 0);
	tear_down();
}

TEST(the_pattern_makes_the_name)
{
	char name[64], text[64];
	pid_t pid;

	set_up("c.%e.%p.%s.%u.%%.%z.x");
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, "a/b");
		abort();
	}
	EXPECT_DUMPED(pid, SIGABRT, 1);
	snprintf(name, sizeof(name), "c.a!b.%d.6.%d.%%..x", pid, getuid());
	EXPECT_OK(access(name, F_OK));
	write_text(PATTERN, "plain\n");
	write_text("/proc/sys/kernel/core_uses_pid", "1");
	pid = fork();
	if (!pid)
		abort();
	EXPECT_DUMPED(pid, SIGABRT, 1);
	write_text("/proc/sys/kernel/core_uses_pid", "0");
	snprintf(name, sizeof(name), "plain.%d", pid);
	EXPECT_OK(access(name, F_OK));
	slurp(PATTERN, text, sizeof(text));
	EXPECT(!strcmp(text, "plain\n"));
	EXPECT_ERR(write_text(PATTERN, "|/bin/cat"), EINVAL);
	tear_down();
}

TEST(sigkill_ends_a_dump)
{
	pid_t pid;
	int status;

	set_up("core");
	pid = fork();
	if (!pid) {
		size_t size = 64UL << 20;
		char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);

		memset(p, 1, size);
		abort();
	}
	/* Before the dump, in it or after it: it must end at once either way. */
	usleep(100000 + test_seed % 100000);
	kill(pid, SIGKILL);
	status = wait_for(pid);
	EXPECT(WIFSIGNALED(status));
	tear_down();
}
