/*
 * Which memory is mirrored.
 *
 * 1. Some servers keep part of their RAM twice, so that a fault in it costs nothing. UEFI says which, by the attribute
 *    EFI_MEMORY_MORE_RELIABLE in its memory map (which the boot loader hands on if it ended the boot services itself).
 *    kernelcore=mirror then keeps the kernel in it (mm/phys/movable_zone.c).
 * 2. mirror=BASE,SIZE says the same by hand, up to eight times: for machines without UEFI, and for tests.
 * 3. Ranges are marked in whole blocks of 4 MiB, the largest of the page allocator: a block with mirrored and other
 *    pages would belong to two zones. What does not fill a block counts as not mirrored.
 *
 * Boot CPU only. Mirrors Linux arch/x86/platform/efi/efi.c. Exercised by tests/boot/test_numa.py.
 */
#include "mm/boot/mirror.h"

#include "arch/x86/page.h"
#include "boot/bootinfo.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "mm/boot/memblock.h"

#define EFI_MEMORY_MORE_RELIABLE 0x10000ULL
#define MIRROR_ALIGN		 (4UL << 20)
#define MAX_MIRROR_WORDS	 8

static struct {
	u64 base, size;
} words[MAX_MIRROR_WORDS] __initdata;
static unsigned int nr_words __initdata;

static int __init parse_mirror(char *arg)
{
	char *rest = NULL;
	u64 base = arg ? memparse(arg, &rest) : 0, size = 0;
	bool good = arg && rest != arg && *rest == ',';

	if (good) {
		const char *second = rest + 1;

		size = memparse(second, &rest);
		good = rest != second && !*rest && size && base + size > base;
	}
	if (!good || nr_words == MAX_MIRROR_WORDS) {
		pr_warn("mirror=%s: not BASE,SIZE (at most %d of them), ignored\n", arg ? arg : "",
			MAX_MIRROR_WORDS);
		return 0;
	}
	words[nr_words].base = base;
	words[nr_words++].size = size;
	return 0;
}
early_param("mirror", parse_mirror);

/* Bytes marked. */
static u64 __init mark(u64 base, u64 size)
{
	u64 end = size > ~0ULL - base ? ~0ULL : base + size;

	if (base > ~0ULL - MIRROR_ALIGN)
		return 0;
	base = ALIGN(base, MIRROR_ALIGN);
	end = ALIGN_DOWN(end, MIRROR_ALIGN);
	if (base >= end)
		return 0;
	memblock_mark_mirror(base, end - base);
	return end - base;
}

void __init mark_mirrored_memory(void)
{
	u64 base, pages, attribute, sum = 0;
	unsigned int i;

	for (i = 0; boot_efi_mmap_entry(i, &base, &pages, &attribute); i++)
		if ((attribute & EFI_MEMORY_MORE_RELIABLE) && pages <= ~0ULL >> PAGE_SHIFT)
			sum += mark(base, pages << PAGE_SHIFT);
	for (i = 0; i < nr_words; i++)
		sum += mark(words[i].base, words[i].size);
	if (sum)
		pr_info("Memory: %lluM of the address space is mirrored\n", sum >> 20);
}
