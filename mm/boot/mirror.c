/*
 * Which memory is mirrored.
 *
 * 1. Some servers keep part of their RAM twice, so that a fault in it costs nothing. UEFI says which, by the attribute
 *    EFI_MEMORY_MORE_RELIABLE in its memory map (which the boot loader hands on if it ended the boot services itself).
 *    kernelcore=mirror then keeps the kernel in it (mm/phys/movable_zone.c).
 * 2. mirror=BASE,SIZE says the same by hand, up to eight times: for machines without UEFI, and for tests.
 * 3. Firmware cuts its map into hundreds of pieces of any size, so pages are marked one by one. Then each block of 4 MiB, the
 *    largest of the page allocator, which has RAM that is not mirrored loses its mark: it would belong to two zones.
 * 4. A descriptor that makes no sense costs nothing: only what is RAM already can be marked.
 *
 * Boot CPU only. Mirrors Linux arch/x86/platform/efi/efi.c. Exercised by tests/boot/test_numa.py and
 * tests/host/fuzz/mirror.c.
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
#define EFI_DESCRIPTOR_VERSION	 1
#define MIRROR_BLOCK		 (4ULL << 20)
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

/* Whole pages only; what is not RAM stays nothing. */
static void __init mark(u64 base, u64 size)
{
	u64 end = size > ~0ULL - base ? ~0ULL : base + size;

	base = base > ~0ULL - PAGE_SIZE ? ~0ULL : PAGE_ALIGN(base);
	end &= PAGE_MASK;
	if (base < end && memblock_mark_mirror(base, end - base))
		pr_warn("mirror: no memory to note that [mem %#018llx-%#018llx] is mirrored\n",
			base, end - 1);
}

/*
 * Takes the mark from one block that has RAM without it; false: there is none. Both neighbours of an unmarked region are all
 * that needs a look: a mark farther away in the same block has another unmarked region next to it.
 */
static bool __init clear_mixed_block(void)
{
	struct memblock_region *rgn, *first = memblock.memory.regions;

	for_each_mem_region(rgn) {
		u64 start = ALIGN_DOWN(rgn->base, MIRROR_BLOCK);
		u64 end = ALIGN(rgn->base + rgn->size, MIRROR_BLOCK);
		struct memblock_region *prev = rgn - 1, *next = rgn + 1;

		if (rgn->flags & MEMBLOCK_MIRROR)
			continue;
		if ((rgn > first && (prev->flags & MEMBLOCK_MIRROR) &&
		     prev->base + prev->size > start) ||
		    (next < first + memblock.memory.cnt && (next->flags & MEMBLOCK_MIRROR) &&
		     next->base < end))
			return !memblock_clear_mirror(start, end - start);
	}
	return false;
}

static u64 __init mirrored_size(void)
{
	struct memblock_region *rgn;
	u64 sum = 0;

	for_each_mem_region(rgn)
		if (rgn->flags & MEMBLOCK_MIRROR)
			sum += rgn->size;
	return sum;
}

static void __init mark_what_firmware_says(void)
{
	u64 base, pages, attribute;
	unsigned int i, marked = 0;

	if (!boot_info.nr_efi_mmap)
		return;
	for (i = 0; boot_efi_mmap_entry(i, &base, &pages, &attribute); i++) {
		if (!(attribute & EFI_MEMORY_MORE_RELIABLE) || pages > ~0ULL >> PAGE_SHIFT)
			continue;
		mark(base, pages << PAGE_SHIFT);
		marked++;
	}
	if (boot_info.efi_mmap_version != EFI_DESCRIPTOR_VERSION)
		pr_warn("efi: descriptors of the memory map are of version %u, read as version "
			"%u\n",
			boot_info.efi_mmap_version, EFI_DESCRIPTOR_VERSION);
	pr_info("efi: memory map of %u descriptors, %u of them mirrored\n", i, marked);
}

void __init mark_mirrored_memory(void)
{
	u64 size;

	mark_what_firmware_says();
	for (unsigned int i = 0; i < nr_words; i++)
		mark(words[i].base, words[i].size);
	while (clear_mixed_block())
		;
	size = mirrored_size();
	if (size)
		pr_info("Memory: %lluM/%luM mirrored memory\n", size >> 20,
			memblock_phys_mem_size() >> 20);
}
