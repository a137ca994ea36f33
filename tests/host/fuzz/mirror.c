/*
 * From the boot loader's tag with UEFI's memory map to marks in memblock: boot/bootinfo.c and mm/boot/mirror.c, against one
 * flag a page.
 *
 * An input is a map of RAM, then tags: descriptors of several sizes, that overlap, are not aligned, reach beyond the top of
 * all addresses or are cut off by the end of the tag or of the block; tags of the wrong size or version, and two of them; and
 * ranges of the command line. The model marks each whole page of RAM in a range with the attribute; then each block of 4 MiB
 * with a page of RAM that is not marked is not marked at all.
 *
 * The block of information ends where a forbidden page begins.
 */
// needs: lib/string.c lib/scanf.c lib/printf.c lib/random.c
#include "tests/host/host.h"
#undef __va
#define __va(x) ((void *)(unsigned long)(x))
#include "boot/bootinfo.c"
#undef EARLY_MAP_END

#include "mm/boot/memblock.c"
#include "mm/boot/memblock_boot.c"
#include "mm/boot/mirror.c"

#define BLOCK_PAGES 1024U
#define UNITS	    (12 * BLOCK_PAGES)
#define REGIONS	    16
#define INFO_AT	    0x50000000UL /* below 4 GiB, as on the machine */

static struct unit {
	bool ram, mirrored;
} model[UNITS];

static struct memblock_region *arrays[64];
static unsigned int nr_arrays;
static unsigned long maps, marked_maps, mixed, refused, odd_versions;

static struct memblock_region *grow(size_t size)
{
	must(nr_arrays < ARRAY_SIZE(arrays));
	return arrays[nr_arrays++] = malloc(size);
}

/* Often on or near the border of a block, as real maps are. */
static u32 a_page(struct input *in)
{
	u32 page = take_below(in, UNITS / BLOCK_PAGES) * BLOCK_PAGES;

	return take8(in) & 1 ? page : page + take_below(in, BLOCK_PAGES);
}

static void read_ram(struct input *in)
{
	memset(model, 0, sizeof(model));
	for (u32 n = 1 + take_below(in, 6); n; n--) {
		u32 from = a_page(in), to = min(UNITS, from + 1 + take_below(in, 5 * BLOCK_PAGES));

		memblock_add(PFN_PHYS(from), PFN_PHYS(to - from));
		for (u32 u = from; u < to; u++)
			model[u].ram = true;
	}
}

static void mark_model(u64 base, u64 size)
{
	for (u32 u = 0; u < UNITS; u++)
		if (PFN_PHYS(u) >= base && PFN_PHYS(u) - base < size &&
		    size - (PFN_PHYS(u) - base) >= PAGE_SIZE)
			model[u].mirrored = model[u].ram;
}

static struct efi_descriptor a_descriptor(struct input *in)
{
	struct efi_descriptor d = { .type = take8(in), .phys = PFN_PHYS(a_page(in)) };
	u8 kind = take8(in);

	d.pages = take_below(in, 3 * BLOCK_PAGES);
	d.attribute = (take8(in) & 3) * 0x8000ULL | 0xf;
	if (kind < 20)
		d.phys += take_below(in, PAGE_SIZE);
	else if (kind < 30)
		d.phys = take(in, 8);
	if (kind % 16 == 15)
		d.pages = take(in, 8);
	return d;
}

/*
 * A tag 17 at *at. Its size may be wrong: then it is not read, and
 * with it nothing behind it. False: that.
 */
static bool put_map(struct input *in, u8 *block, u32 *at, u32 room, bool *first)
{
	static const u32 strides[] = { 40, 48, 56, 80, 0, 8, 39, 44, 0xfffffff8 };
	u32 stride = strides[take_below(in, 256) < 200 ? take_below(in, 4) : take_below(in, 9)];
	bool good = stride >= 40 && stride % 8 == 0 && stride < 4096;
	u32 n = take_below(in, 12), step = good ? stride : 48, size = 16 + n * step;
	u32 head[4] = { 17, size, stride, take8(in) < 230 ? 1 : take8(in) };

	if (size + 16 > room)
		return false;
	/* The last descriptor is not all there. */
	if (n && take8(in) < 20)
		head[1] = size -= 1 + take_below(in, step - 1), n--;
	if (take8(in) < 8)
		head[1] = take8(in) & 1 ? take_below(in, 8) : 0x7fffffff;
	memcpy(block + *at, head, sizeof(head));
	for (u32 i = 0; i < n; i++) {
		struct efi_descriptor d = a_descriptor(in);

		memcpy(block + *at + 16 + i * step, &d, sizeof(d));
		if (good && *first && head[1] == size && (d.attribute & 0x10000) &&
		    d.pages <= ~0ULL >> PAGE_SHIFT)
			mark_model(d.phys, d.pages << PAGE_SHIFT);
	}
	if (head[1] != size)
		return false;
	if (good && *first && n) {
		*first = false;
		odd_versions += head[3] != 1;
	}
	refused += !good;
	*at += ALIGN(size, 8);
	return true;
}

static void read_tags(struct input *in)
{
	u32 room = PAGE_SIZE, at = 8, tags = 1 + take_below(in, 3);
	u8 *block = malloc(room), *copy;
	bool first = true;

	memset(block, 0, room);
	while (tags-- && put_map(in, block, &at, room - at, &first))
		;
	*(u32 *)block = room = at + 16 <= room ? at + 16 : at;
	copy = (u8 *)INFO_AT + PAGE_SIZE - room;
	memcpy(copy, block, room);
	free(block);
	memset(&boot_info, 0, sizeof(boot_info));
	mmap_first = efi_first = NULL;
	boot_info_phys = (phys_addr_t)copy;
	boot_info_init();
}

static void read_words(struct input *in)
{
	char text[64];

	nr_words = 0;
	for (u32 n = take_below(in, 3); n; n--) {
		u64 base = PFN_PHYS(a_page(in)) + (take8(in) < 40 ? take8(in) : 0);
		u64 size = PFN_PHYS(1 + take_below(in, 2 * BLOCK_PAGES));

		snprintf(text, sizeof(text), "%#llx,%lluK", base, size >> 10);
		parse_mirror(text);
		mark_model(base, size);
	}
}

/* A block with RAM of both kinds has no mirrored page in the end. */
static void settle_model(void)
{
	for (u32 b = 0; b < UNITS; b += BLOCK_PAGES) {
		bool plain = false, any = false;

		for (u32 u = b; u < b + BLOCK_PAGES; u++) {
			plain |= model[u].ram && !model[u].mirrored;
			any |= model[u].mirrored;
		}
		mixed += plain && any;
		for (u32 u = b; u < b + BLOCK_PAGES; u++)
			model[u].mirrored &= !plain;
	}
}

static void compare(void)
{
	unsigned long i = 0;
	bool any = false;

	must(memblock_type_is_sane(&memblock.memory));
	for (u32 u = 0; u < UNITS; u++) {
		const struct memblock_region *r;

		while (i < memblock.memory.cnt &&
		       memblock_region_end(&memblock.memory.regions[i]) <= PFN_PHYS(u))
			i++;
		r = &memblock.memory.regions[i];
		if (i == memblock.memory.cnt || r->base > PFN_PHYS(u)) {
			must(!model[u].ram);
			continue;
		}
		must(model[u].ram);
		must(!!(r->flags & MEMBLOCK_MIRROR) == model[u].mirrored);
		any |= model[u].mirrored;
	}
	maps++;
	marked_maps += any;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct memblock_region own[2][REGIONS];
	struct input in = { data, data + size };
	static bool mapped;

	if (!mapped) {
		must(mmap((void *)INFO_AT, PAGE_SIZE, 3, MAP_HERE, -1, 0) == (void *)INFO_AT);
		must(mmap((void *)(INFO_AT + PAGE_SIZE), PAGE_SIZE, 0, MAP_HERE, -1, 0) ==
		     (void *)(INFO_AT + PAGE_SIZE));
		mapped = true;
	}
	memset(&memblock, 0, sizeof(memblock));
	memblock.memory =
		(struct memblock_type){ .max = REGIONS, .regions = own[0], .name = "memory" };
	memblock.reserved =
		(struct memblock_type){ .max = REGIONS, .regions = own[1], .name = "reserved" };
	memblock.alloc_array = grow;
	read_ram(&in);
	read_tags(&in);
	read_words(&in);
	settle_model();
	mark_mirrored_memory();
	compare();
	while (nr_arrays)
		free(arrays[--nr_arrays]);
	return 0;
}

bool fuzz_summary(void)
{
	printf("# %lu maps, %lu with marks, %lu blocks of both kinds, %lu tags refused, %lu of "
	       "another version\n",
	       maps, marked_maps, mixed, refused, odd_versions);
	return maps > 1000 && marked_maps > 100 && mixed > 100 && refused > 100 &&
	       odd_versions > 10;
}
