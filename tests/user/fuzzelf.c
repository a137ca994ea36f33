/*
 * fuzzelf.c - mutants of ELF headers, byte by byte: whatever a header says, exec refuses, or a process runs, dies or
 * ends; it never hangs, and the unharmed program still runs afterwards. FUZZ_SECONDS=N runs longer.
 *
 * Each field broken on purpose, with the errno that it must give: badelf.c.
 */
#include "fuzz.h"
#include <elf.h>

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
