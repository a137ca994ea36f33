/*
 * GUID partition tables (GPT), as the UEFI specification has them.
 *
 * 1. Block 0 is a DOS table with one entry of type 0xee over all of the disk, so that old programs keep away. Block 1 is the header, its
 *    copy is the last block. The header says where the array of entries is; both have a CRC-32.
 * 2. A table is good if all of that is right: signature, sizes, both checksums, the header's own place, and a range of usable blocks
 *    that lies on the disk. If the first one is not, the copy is taken, with a line in the log; if that is not either,
 *    the disk has no partitions. (Linux wants "gpt" on the command line before it looks at the copy alone.)
 * 3. An entry with a type is partition n + 1; one whose blocks are not on the disk is left out.
 *
 * Blocks are the device's logical ones. Mirrors Linux block/partitions/efi.c. Exercised by tests/user/partitions.c.
 */
#include "kernel/block/partitions.h"
#include "kernel/printk.h"
#include "lib/crc32.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

#define GPT_SIGNATURE	0x5452415020494645ULL /* "EFI PART" */
#define GPT_MAX_ENTRIES 8192
#define PMBR_TYPE	0xee

struct gpt_header {
	u64 signature;
	u32 revision, header_size, header_crc32, reserved;
	u64 my_lba, alternate_lba, first_usable_lba, last_usable_lba;
	u8 disk_guid[16];
	u64 partition_entry_lba;
	u32 num_partition_entries, sizeof_partition_entry, partition_entry_array_crc32;
} __packed;

struct gpt_entry {
	u8 type_guid[16], unique_guid[16];
	u64 starting_lba, ending_lba; /* the last one included */
	u64 attributes;
	u16 name[36];
} __packed;

struct gpt {
	struct parsed_partitions *state;
	unsigned int scale; /* sectors in a block */
	u64 last_lba;
	struct gpt_header header;
	struct gpt_entry *entries; /* kvmalloc */
};

static bool has_pmbr(struct parsed_partitions *state)
{
	u8 s[SECTOR_SIZE];
	unsigned int i;

	if (part_read(state, 0, s, 1) || s[510] != 0x55 || s[511] != 0xaa)
		return false;
	for (i = 0; i < 4; i++) {
		const u8 *entry = s + 446 + i * 16;

		/* Its first block is number 1. */
		if (entry[4] == PMBR_TYPE && entry[8] == 1 && !entry[9] && !entry[10] && !entry[11])
			return true;
	}
	return false;
}

/* Why the header is not one; NULL: it is. block: the block that it is in */
static const char *header_fault(const struct gpt *gpt, void *block, u64 lba)
{
	const struct gpt_header *h = &gpt->header;
	u32 size = h->header_size;

	if (h->signature != GPT_SIGNATURE)
		return "no signature";
	if (size < sizeof(*h) || size > gpt->scale << SECTOR_SHIFT)
		return "size of the header";
	memset(block + offsetof(struct gpt_header, header_crc32), 0, sizeof(u32));
	if (~crc32_le(~0U, block, size) != h->header_crc32)
		return "checksum of the header";
	if (h->my_lba != lba)
		return "the header is another block's";
	if (h->last_usable_lba > gpt->last_lba || h->first_usable_lba > h->last_usable_lba)
		return "usable blocks";
	if (h->sizeof_partition_entry != sizeof(struct gpt_entry) || !h->num_partition_entries ||
	    h->num_partition_entries > GPT_MAX_ENTRIES)
		return "number or size of the entries";
	if (h->partition_entry_lba > gpt->last_lba)
		return "place of the entries";
	return NULL;
}

static const char *read_entries(struct gpt *gpt)
{
	const struct gpt_header *h = &gpt->header;
	size_t bytes = h->num_partition_entries * sizeof(struct gpt_entry);
	unsigned int sectors = DIV_ROUND_UP(bytes, SECTOR_SIZE);

	gpt->entries = kvmalloc(sectors * SECTOR_SIZE, GFP_KERNEL);
	if (!gpt->entries)
		return "no memory for the entries";
	if (part_read(gpt->state, h->partition_entry_lba * gpt->scale, gpt->entries, sectors))
		return "entries cannot be read";
	if (~crc32_le(~0U, gpt->entries, bytes) != h->partition_entry_array_crc32)
		return "checksum of the entries";
	return NULL;
}

/* The table whose header is block lba; entries are to be freed if it is one. */
static bool read_gpt(struct gpt *gpt, u64 lba, const char *which)
{
	void *block = kmalloc(gpt->scale << SECTOR_SHIFT, GFP_KERNEL);
	const char *fault = "cannot be read";

	if (!block)
		return false;
	if (!part_read(gpt->state, lba * gpt->scale, block, gpt->scale)) {
		memcpy(&gpt->header, block, sizeof(gpt->header));
		fault = header_fault(gpt, block, lba);
		if (!fault)
			fault = read_entries(gpt);
	}
	kfree(block);
	if (!fault)
		return true;
	pr_warn("%s: GPT: %s table is bad: %s\n", gpt->state->disk->disk_name, which, fault);
	kvfree(gpt->entries);
	gpt->entries = NULL;
	return false;
}

static void put_entries(struct gpt *gpt)
{
	static const u8 unused[16];
	unsigned int i;

	for (i = 0; i < gpt->header.num_partition_entries && i < DISK_MAX_PARTNO; i++) {
		const struct gpt_entry *e = &gpt->entries[i];

		if (!memcmp(e->type_guid, unused, sizeof(unused)))
			continue;
		if (e->starting_lba > e->ending_lba || e->ending_lba > gpt->last_lba) {
			pr_warn("%s: GPT: partition %u is not on the disk: left out\n",
				gpt->state->disk->disk_name, i + 1);
			continue;
		}
		put_partition(gpt->state, i + 1, e->starting_lba * gpt->scale,
			      (e->ending_lba - e->starting_lba + 1) * gpt->scale);
	}
}

int efi_partition(struct parsed_partitions *state)
{
	struct gpt gpt = { .state = state };
	sector_t blocks;

	gpt.scale = bdev_limits(state->disk->part0)->logical_block_size >> SECTOR_SHIFT;
	blocks = bdev_nr_sectors(state->disk->part0) / gpt.scale;
	if (blocks < 3 || !has_pmbr(state))
		return 0;
	gpt.last_lba = blocks - 1;
	if (!read_gpt(&gpt, 1, "primary")) {
		if (!read_gpt(&gpt, gpt.last_lba, "backup"))
			return 0;
		pr_warn("%s: GPT: the backup is used\n", state->disk->disk_name);
	}
	put_entries(&gpt);
	kvfree(gpt.entries);
	return 1;
}
