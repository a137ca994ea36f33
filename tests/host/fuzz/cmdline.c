/*
 * The command line: kernel/params.c, lib/scanf.c's memparse(), and the words of the memory manager that are read before
 * there is any memory (mem=, memmap=, memblock=, kernelcore=, movablecore=, movable_node).
 *
 * An input becomes a line of those words with numbers, units and rubbish. Parsing it must end, write within the buffers
 * (each has exactly the size that it is said to have) and leave values within their limits; and what
 * cmdline_get() finds must be what a second, simple reader of the line finds.
 */
// needs: lib/string.c lib/scanf.c lib/printf.c lib/random.c
#define HOST_OWN_PRINTK
#include "tests/host/host.h"

/* The handlers, gathered between two symbols as on the machine. */
#undef early_param
#define early_param(str, f)                                      \
	static const struct early_param __early_param_##f __used \
		__attribute__((section("early_params"), aligned(8))) = { str, f }
#define __early_params_start __start_early_params
#define __early_params_end   __stop_early_params

#include "kernel/params.c"
#include "mm/boot/e820.c"
#include "mm/boot/memblock.c"
#include "mm/boot/memblock_boot.c"
#include "mm/phys/movable_zone.c"

struct cpuinfo_x86 boot_cpu_data = { .x86_phys_bits = 40 };
char boot_command_line[2048];

static unsigned long lines, complaints, sizes;

int printk(const char *fmt, ...)
{
	complaints++;
	return 0;
}

static const char *const words[] = { "mem",	    "memmap", "memblock",    "kernelcore",
				     "movablecore", "quiet",  "movable_node" };

static size_t put_value(struct input *in, char *at, size_t room)
{
	static const char letters[] = "0123456789abcdefxKMGTPE%@$#!,.-+\"=";
	size_t n = 0;

	switch (take_below(in, 4)) {
	case 0:
		return snprintf(at, room, "%llu%c", take(in, 1 + take_below(in, 8)),
				"KMGTPE%"[take_below(in, 7)]);
	case 1:
		return snprintf(at, room, "%#llx@%#llx", take(in, 3), take(in, 4));
	case 2:
		return snprintf(at, room, "mirror");
	}
	while (n + 1 < room && n < 30 && take8(in) > 20) {
		u8 c = take8(in);

		at[n++] = c < 240 ? letters[c % (sizeof(letters) - 1)] : c ?: 1;
	}
	return n;
}

static void write_line(struct input *in)
{
	size_t n = 0, room = sizeof(boot_command_line);

	while (!used_up(in) && n + 100 < room) {
		u8 kind = take8(in);

		if (kind < 200)
			n += snprintf(boot_command_line + n, room - n, "%s",
				      words[kind % ARRAY_SIZE(words)]);
		if (kind & 1)
			boot_command_line[n++] = '=';
		n += put_value(in, boot_command_line + n, 90);
		boot_command_line[n++] = kind > 250 ? '\t' : ' ';
	}
	boot_command_line[n] = 0;
}

/* Finds the last `name` or name=value before "--"; false if there is none. No quotes are in the line. */
static bool find_by_model(const char *name, char *value)
{
	const char *p = boot_command_line;
	bool found = false;

	for (;;) {
		size_t len, n = strlen(name);

		while (isspace(*p))
			p++;
		for (len = 0; p[len] && !isspace(p[len]);)
			len++;
		if (!len || (len == 2 && p[0] == '-' && p[1] == '-'))
			return found;
		if (len >= n && !memcmp(p, name, n) && (len == n || p[n] == '=')) {
			found = true;
			memcpy(value, p + n + (len > n), len - n - (len > n));
			value[len - n - (len > n)] = 0;
		}
		p += len;
	}
}

static void compare_words(struct input *in)
{
	static char expected[sizeof(boot_command_line)];
	size_t room = 1 + take_below(in, 100);
	char *got = malloc(room);

	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
		memset(got, 'x', room);
		if (strchr(boot_command_line, '"')) {
			cmdline_get(words[i], got, room);
			continue;
		}
		must(cmdline_get(words[i], got, room) == find_by_model(words[i], expected));
		must(cmdline_has(words[i]) == find_by_model(words[i], expected));
		if (!cmdline_has(words[i]))
			continue;
		must(strnlen(got, room) < room);
		must(!strncmp(got, expected, strlen(got)));
		must(strlen(got) == min(strlen(expected), room - 1));
		cmdline_get_ulong(words[i], 1);
		cmdline_get_bool(words[i], true);
	}
	free(got);
}

/* The end is in the text, and the value that of the digits. */
static void test_memparse(struct input *in)
{
	char text[100], *copy, *end;
	size_t n = put_value(in, text, sizeof(text));
	unsigned long long v;

	copy = malloc(n + 1);
	memcpy(copy, text, n);
	copy[n] = 0;
	v = memparse(copy, &end);
	must(end >= copy && end <= copy + n);
	must(v == 0 || end > copy);
	sizes += end > copy;
	free(copy);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };

	test_memparse(&in);
	write_line(&in);
	kernelcore = movablecore = (struct core_size){};
	nr_user_ranges = 0;
	mem_limit = ULLONG_MAX;
	parse_early_params(boot_command_line);
	lines++;
	must(nr_user_ranges <= MAX_USER_RANGES && mem_limit);
	must(kernelcore.percent <= 100 && movablecore.percent <= 100);
	must(!(kernelcore.pages >> (MAX_PHYSMEM_BITS - PAGE_SHIFT)) ||
	     kernelcore.pages == 1UL << (MAX_PHYSMEM_BITS - PAGE_SHIFT));
	must(!(kernelcore.percent && kernelcore.pages));
	in = (struct input){ data, data + size };
	compare_words(&in);
	return 0;
}

bool fuzz_summary(void)
{
	printf("# %lu lines, %lu complaints, %lu sizes\n", lines, complaints, sizes);
	return complaints > 1000 && sizes > 1000;
}
