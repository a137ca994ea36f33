/*
 * badelf.c - exec of broken ELF files: -ENOEXEC or a killed process, never a hurt parent.
 *
 * A tiny good program is built in memory (two segments, it exits with status 77) and proven to run.
 * Then each header field is broken in turn, program headers overlap, lie about sizes, ask for
 * kernel addresses, and at the end random bytes of the headers are replaced.  Whatever happens to
 * the child, it must end, and a good program must still run afterwards.
 */
#include "test.h"
#include <elf.h>

enum { CODE_AT = 0x1000, DATA_AT = 0x2000, FILE_SIZE = 0x3000 };
#define BASE 0x400000UL

struct image {
	union {
		struct {
			Elf64_Ehdr eh;
			Elf64_Phdr ph[4];
		};
		unsigned char bytes[FILE_SIZE];
	};
};

static struct image good, img;
static char victim[256];

/* mov data(%rip), %edi; mov $60, %eax; syscall: exit with the byte that the data segment holds. */
static void build(struct image *m)
{
	static const unsigned char code[] = {
		0x0f, 0xb6, 0x3c, 0x25, 0x00, 0x20, 0x40, 0x00, /* movzbl 0x402000, %edi */
		0xb8, 60,   0,	  0,	0,    0x0f, 0x05,
	};

	memset(m, 0, sizeof(*m));
	memcpy(m->eh.e_ident, "\177ELF\2\1\1", 7);
	m->eh.e_type = ET_EXEC;
	m->eh.e_machine = EM_X86_64;
	m->eh.e_version = 1;
	m->eh.e_entry = BASE + CODE_AT;
	m->eh.e_phoff = sizeof(m->eh);
	m->eh.e_ehsize = sizeof(m->eh);
	m->eh.e_phentsize = sizeof(m->ph[0]);
	m->eh.e_phnum = 2;
	m->ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				 .p_flags = PF_R | PF_X,
				 .p_offset = 0,
				 .p_vaddr = BASE,
				 .p_paddr = BASE,
				 .p_filesz = CODE_AT + sizeof(code),
				 .p_memsz = CODE_AT + sizeof(code),
				 .p_align = PAGE };
	m->ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
				 .p_flags = PF_R | PF_W,
				 .p_offset = DATA_AT,
				 .p_vaddr = BASE + DATA_AT,
				 .p_paddr = BASE + DATA_AT,
				 .p_filesz = 16,
				 .p_memsz = 16 + PAGE,
				 .p_align = PAGE };
	memcpy(m->bytes + CODE_AT, code, sizeof(code));
	m->bytes[DATA_AT] = 77;
}

static void setup(void)
{
	snprintf(victim, sizeof(victim), "%s/victim", test_dir());
	build(&good);
	img = good;
}

/* Run the image; => the child's wait status, or 0x10000 | errno when execve itself failed. */
static int run_size(size_t size)
{
	int fd[2], error = 0, status;

	unlink(victim);
	make_file(victim, &img, size);
	ASSERT_OK(chmod(victim, 0755));
	ASSERT_OK(pipe2(fd, O_CLOEXEC));
	pid_t pid = test_fork();

	if (!pid) {
		char *argv[] = { victim, NULL };

		alarm(5);
		execve(victim, argv, argv + 1);
		error = errno;
		if (write(fd[1], &error, sizeof(error)) != sizeof(error))
			_exit(1);
		_exit(0);
	}
	close(fd[1]);
	ssize_t n = read(fd[0], &error, sizeof(error));

	close(fd[0]);
	status = test_wait(pid);
	return n == sizeof(error) ? 0x10000 | error : status;
}

static int run(void)
{
	return run_size(FILE_SIZE);
}

#define RUNS_WELL (77 << 8)
#define FAILED(e) (0x10000 | (e))

static void check(const char *what, int status, int want)
{
	if (status != want)
		check_failed(__FILE__, __LINE__, "%s: %#x, not %#x", what, status, want);
	img = good;
}

/* Refused with any errno, or killed by a signal; but not exit 77 and not a hang. */
static void check_bad(const char *what, int status)
{
	int fine = status & 0x10000 || (WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM);

	if (!fine)
		check_failed(__FILE__, __LINE__, "%s: status %#x", what, status);
	img = good;
}

/* It may even run; it must only end. */
static void check_any(const char *what, int status)
{
	if (!(status & 0x10000) && WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		check_failed(__FILE__, __LINE__, "%s: never ended", what);
	img = good;
}

TEST(the_good_program_runs)
{
	setup();
	check("good", run(), RUNS_WELL);
	/* What is only cosmetics does not matter. */
	img.eh.e_shoff = 0xdeadbeef;
	img.eh.e_shnum = 99;
	img.eh.e_shstrndx = 98;
	img.ph[0].p_paddr = img.ph[1].p_paddr = 0xdeadbeefdeadbeef;
	check("section headers are not read", run(), RUNS_WELL);
}

TEST(files_that_are_no_elf_are_enoexec)
{
	setup();
	for (int i = 0; i < 4; i++) {
		img.bytes[i] ^= 1;
		check("magic", run(), FAILED(ENOEXEC));
	}
	check("empty", run_size(0), FAILED(ENOEXEC));
	check("one byte", run_size(1), FAILED(ENOEXEC));
	memset(&img, 0, sizeof(img));
	check("zeros", run(), FAILED(ENOEXEC));
	memset(&img, 'x', sizeof(img));
	check("text", run(), FAILED(ENOEXEC));
}

TEST(a_short_file_does_not_run)
{
	static const size_t sizes[] = { 4, 16, 32, 63, 64, 100, 119, 120, 150, 175 };

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		check_bad("short", run_size(sizes[i]));
	check_bad("no code", run_size(CODE_AT));
	check_any("no data", run_size(DATA_AT));
}

TEST(each_field_of_the_elf_header)
{
	setup();
	img.eh.e_type = ET_REL;
	check("e_type REL", run(), FAILED(ENOEXEC));
	img.eh.e_type = ET_CORE;
	check("e_type CORE", run(), FAILED(ENOEXEC));
	img.eh.e_type = 0xffff;
	check("e_type 0xffff", run(), FAILED(ENOEXEC));
	img.eh.e_machine = EM_AARCH64;
	check("e_machine", run(), FAILED(ENOEXEC));
	img.eh.e_machine = 0;
	check("e_machine 0", run(), FAILED(ENOEXEC));
	img.eh.e_phentsize = 55;
	check("e_phentsize 55", run(), FAILED(ENOEXEC));
	img.eh.e_phentsize = 0;
	check("e_phentsize 0", run(), FAILED(ENOEXEC));
	img.eh.e_phnum = 0;
	check("e_phnum 0", run(), FAILED(ENOEXEC));
	img.eh.e_phnum = 0xffff;
	check_bad("e_phnum 0xffff", run());
	img.eh.e_phnum = 1171; /* more than 64 KiB of headers */
	check("e_phnum 1171", run(), FAILED(ENOEXEC));
	img.eh.e_phoff = 0x7fffffffffffffff;
	check_bad("e_phoff huge", run());
	img.eh.e_phoff = -1UL;
	check_bad("e_phoff -1", run());
	img.eh.e_phoff = FILE_SIZE;
	check_bad("e_phoff at the end", run());
	img.eh.e_phoff = 3;
	check_bad("e_phoff odd", run());
}

TEST(each_bad_entry_point_kills)
{
	static const uint64_t entries[] = {
		0,
		1,
		BASE - 1,
		BASE + DATA_AT,
		BASE + 0x100000,
		0x00007fffffffffff,
		0x00007ffffffff000,
		0x0000800000000000,
		0x8000000000000000,
		0xffff800000000000,
		0xffffffff81000000,
		0xffffffffffffffff,
		0xffff888000000000,
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		img.eh.e_entry = entries[i];
		check_bad("e_entry", run());
	}
}

TEST(each_field_of_a_program_header)
{
	static const uint64_t bad_addresses[] = {
		0x00007ffffffff000, 0x00007fffffffe000 + PAGE, 0x0000800000000000,
		0xffff800000000000, 0xffff888000000000,	       0xffffffff81000000,
		0xfffffffffffff000,
	};
	static const uint64_t bad_sizes[] = {
		0x00007ffffffff000, 0x0000800000000000, 0x7fffffffffffffff,
		0x8000000000000000, 0xfffffffffffff000, 0xffffffffffffffff,
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(bad_addresses); i++) {
		img.ph[1].p_vaddr = bad_addresses[i];
		check_bad("p_vaddr of data", run());
		img.ph[0].p_vaddr = bad_addresses[i];
		check_bad("p_vaddr of code", run());
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_sizes); i++) {
		img.ph[1].p_memsz = bad_sizes[i];
		check_bad("p_memsz", run());
		img.ph[1].p_filesz = img.ph[1].p_memsz = bad_sizes[i];
		check_bad("p_filesz and p_memsz", run());
		img.ph[0].p_filesz = img.ph[0].p_memsz = bad_sizes[i];
		check_bad("code sizes", run());
		img.ph[1].p_offset = bad_sizes[i] & -PAGE;
		check_bad("p_offset", run());
	}
	img.ph[1].p_filesz = img.ph[1].p_memsz + 1;
	check_bad("p_filesz > p_memsz", run());
	img.ph[1].p_vaddr += 8;
	check_bad("p_vaddr and p_offset disagree", run());
	img.ph[0].p_type = img.ph[1].p_type = PT_NOTE;
	check_bad("nothing to load", run());
	img.ph[0].p_flags = 0;
	check_bad("code without rights", run());
	img.ph[0].p_flags = PF_R;
	check_bad("code without X", run());
	img.ph[1].p_filesz = 0;
	check("data all bss", run(), 0); /* the byte is zero: it exits with 0 */
	img.ph[1].p_flags = PF_R;
	check_any("read-only data with bss", run());
	img.ph[1].p_flags = 0;
	check_bad("data without rights", run());
	img.ph[1].p_align = 3;
	check_any("p_align 3", run());
	img.ph[1].p_align = 1UL << 63;
	check_any("p_align huge", run());
}

TEST(overlapping_and_reversed_segments_end)
{
	setup();
	img.ph[1].p_vaddr = BASE; /* over the code */
	check_any("data over code", run());
	img.ph[1] = img.ph[0];
	check_any("the same twice", run());
	Elf64_Phdr t = img.ph[0];

	img.ph[0] = img.ph[1];
	img.ph[1] = t;
	check_any("descending order", run());
	img.ph[0].p_memsz = 0x100000000;
	check_any("code with four gigabytes of bss", run());
	img.ph[1].p_vaddr = 0;
	img.ph[1].p_offset = DATA_AT;
	check_any("data at zero", run());
}

TEST(a_bad_interpreter)
{
	setup();
	img.eh.e_phnum = 3;
	img.ph[2] = (Elf64_Phdr){
		.p_type = PT_INTERP, .p_offset = 0x800, .p_filesz = 20, .p_memsz = 20
	};
	struct image with = img;

	strcpy((char *)with.bytes + 0x800, "/nonexistent/ld.so");
	with.ph[2].p_filesz = strlen("/nonexistent/ld.so") + 1;
	img = with;
	check("absent", run(), FAILED(ENOENT));
	img = with;
	memset(img.bytes + 0x800, 'a', 0x400);
	check("not terminated", run(), FAILED(ENOEXEC));
	img = with;
	img.ph[2].p_filesz = 0;
	check("empty", run(), FAILED(ENOEXEC));
	img = with;
	img.ph[2].p_filesz = 1;
	check("one byte", run(), FAILED(ENOEXEC));
	img = with;
	img.ph[2].p_filesz = 0x100000;
	check("longer than a path", run(), FAILED(ENOEXEC));
	img = with;
	img.ph[2].p_offset = 0x7ffffffffffff000;
	check_bad("offset", run());
	img = with;
	img.ph[2].p_offset = -16UL;
	check_bad("offset -16", run());
	img = with;
	strcpy((char *)img.bytes + 0x800, "/");
	img.ph[2].p_filesz = 2;
	check_bad("a directory", run());
	img = with;
	strcpy((char *)img.bytes + 0x800, "/dev/null");
	img.ph[2].p_filesz = 10;
	check_bad("a device", run());
	img = with;
	strcpy((char *)img.bytes + 0x800, victim);
	img.ph[2].p_filesz = strlen(victim) + 1;
	check_any("itself", run());
}

TEST(bad_stack_and_tls_headers)
{
	setup();
	img.eh.e_phnum = 4;
	img.ph[2] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = 0xffffffff, .p_memsz = -1UL };
	img.ph[3] = (Elf64_Phdr){ .p_type = PT_TLS, .p_vaddr = -1UL, .p_memsz = -1UL };
	check("odd but ignored", run(), RUNS_WELL);
	img.eh.e_phnum = 3;
	img.ph[2] = (Elf64_Phdr){ .p_type = PT_PHDR, .p_vaddr = 0xffffffffff000000 };
	check_any("PT_PHDR in the kernel", run());
}

TEST(position_independent_images_run_and_break_too)
{
	/* The code needs its absolute address, so moved it may fault; it must only end. */
	setup();
	img.eh.e_type = ET_DYN;
	check_any("ET_DYN", run());
	img.eh.e_type = ET_DYN;
	img.ph[0].p_vaddr -= BASE;
	img.ph[1].p_vaddr -= BASE;
	img.eh.e_entry -= BASE;
	check_bad("ET_DYN at zero", run()); /* 0x402000 is not mapped there */
	img.eh.e_type = ET_DYN;
	img.ph[1].p_vaddr = 0x00007ffffffff000;
	check_bad("ET_DYN spanning everything", run());
	img.eh.e_type = ET_DYN;
	img.ph[0].p_align = 1UL << 62;
	check_any("ET_DYN with a huge alignment", run());
}

static uint64_t interesting(void)
{
	static const uint64_t values[] = {
		0,
		1,
		8,
		PAGE - 1,
		PAGE,
		PAGE + 1,
		BASE,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		0x00007ffffffff000,
		0x0000800000000000,
		0x7fffffffffffffff,
		0x8000000000000000,
		0xffff800000000000,
		0xffffffff81000000,
		0xfffffffffffff000,
		~0UL,
	};

	return rnd_below(4) ? values[rnd_below(ARRAY_SIZE(values))] : rnd();
}

TEST_LIMIT(random_headers_end_and_a_good_program_still_runs, 100)
{
	setup();
	for (int n = 0; n < 250; n++) {
		for (int k = 1 + rnd_below(3); k; k--) {
			uint64_t value = interesting();
			size_t width = 1 << rnd_below(4);
			size_t at = 16 + rnd_below((64 + 2 * 56 - 16) / width) * width;

			memcpy(img.bytes + at, &value, width);
		}
		check_any("random", run());
	}
	check("good again", run(), RUNS_WELL);
}
