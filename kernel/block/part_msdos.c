/*
 * Partition tables of DOS (MBR): four primary partitions, one of which may hold a chain of logical ones.
 *
 * 1. Sector 0 ends in 55 aa and has four entries from byte 446 on: boot flag, type, first block, number of blocks.
 * 2. An extended partition begins with a table of the same form: one entry for a logical partition, told from that table on, and one
 *    that leads to the next table, told from the start of the extended partition. Logical partitions have the numbers from 5 on.
 * 3. The same 55 aa ends a FAT file system's first sector: where the boot flags are none, it is not taken for a table.
 *
 * A chain may be a circle or lead anywhere: it is followed for 100 steps, and tables behind the end of the disk are not read.
 * Blocks are the device's logical ones. Mirrors Linux block/partitions/msdos.c. Exercised by tests/user/partitions.c.
 */
#include "kernel/block/partitions.h"

#include "lib/string.h"

#define TABLE_AT  446
#define MAX_CHAIN 100

#define DOS_EXTENDED	0x05
#define WIN98_EXTENDED	0x0f
#define LINUX_EXTENDED	0x85
#define EFI_PMBR_OSTYPE 0xee

struct msdos_partition {
	u8 boot_ind, head, sector, cyl, sys_ind, end_head, end_sector, end_cyl;
	u32 start_sect, nr_sects; /* logical blocks */
} __packed;

struct msdos_sector {
	u8 code[TABLE_AT];
	struct msdos_partition entry[4];
	u8 magic[2];
} __packed;

static bool has_magic(const struct msdos_sector *s)
{
	return s->magic[0] == 0x55 && s->magic[1] == 0xaa;
}

static bool is_extended(const struct msdos_partition *p)
{
	return p->sys_ind == DOS_EXTENDED || p->sys_ind == WIN98_EXTENDED ||
	       p->sys_ind == LINUX_EXTENDED;
}

/* Entries 3 and 4 of a logical table are unused by most; what they say is taken only if it lies inside. */
static bool plausible(sector_t offs, sector_t size, sector_t this_size, sector_t next,
		      sector_t first, sector_t first_size)
{
	return offs + size <= this_size && next >= first && next + size <= first + first_size;
}

/* The chain in the extended partition at first; *slot: number of the next logical partition. */
static int parse_extended(struct parsed_partitions *state, sector_t first, sector_t first_size,
			  unsigned int *slot, unsigned int scale)
{
	sector_t this = first, this_size = first_size;
	struct msdos_sector s;
	unsigned int steps, i;

	for (steps = 0; steps < MAX_CHAIN && *slot <= DISK_MAX_PARTNO; steps++) {
		int err = part_read(state, this, &s, 1);

		if (err || !has_magic(&s))
			return err;
		for (i = 0; i < 4; i++) {
			sector_t offs = (sector_t)s.entry[i].start_sect * scale;
			sector_t size = (sector_t)s.entry[i].nr_sects * scale;

			if (!size || is_extended(&s.entry[i]))
				continue;
			if (i >= 2 &&
			    !plausible(offs, size, this_size, this + offs, first, first_size))
				continue;
			put_partition(state, (*slot)++, this + offs, size);
		}
		for (i = 0; i < 4; i++)
			if (s.entry[i].nr_sects && is_extended(&s.entry[i]))
				break;
		if (i == 4)
			break;
		this = first + (sector_t)s.entry[i].start_sect * scale;
		this_size = (sector_t)s.entry[i].nr_sects * scale;
	}
	return 0;
}

/* A FAT's first sector: reserved sectors, copies of the FAT, and a medium that exists. */
static bool is_fat(const struct msdos_sector *s)
{
	return (s->code[14] || s->code[15]) && s->code[16] &&
	       (s->code[21] >= 0xf8 || s->code[21] == 0xf0);
}

/* 1: entries are a table's; 0: it is none. */
static int check_table(const struct msdos_sector *s)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		if (s->entry[i].boot_ind & 0x7f)
			return 0;
		/* A disk with a GPT that was not good enough: its protective entry is not a partition. */
		if (s->entry[i].sys_ind == EFI_PMBR_OSTYPE)
			return 0;
	}
	return 1;
}

int msdos_partition(struct parsed_partitions *state)
{
	unsigned int scale = bdev_limits(state->disk->part0)->logical_block_size >> SECTOR_SHIFT;
	unsigned int i, slot = 5;
	struct msdos_sector s;
	int err = part_read(state, 0, &s, 1);

	if (err || !has_magic(&s))
		return err;
	if (!check_table(&s))
		return 0;
	if (!s.entry[0].nr_sects && !s.entry[1].nr_sects && !s.entry[2].nr_sects &&
	    !s.entry[3].nr_sects && is_fat(&s))
		return 0;
	for (i = 0; i < 4; i++) {
		sector_t from = (sector_t)s.entry[i].start_sect * scale;
		sector_t size = (sector_t)s.entry[i].nr_sects * scale;

		if (!size)
			continue;
		if (!is_extended(&s.entry[i])) {
			put_partition(state, i + 1, from, size);
			continue;
		}
		/* The extended partition itself: two sectors of it, enough for a boot loader, and no more by mistake. */
		put_partition(state, i + 1, from, min(size, (sector_t)max(scale, 2U)));
		part_text(state, " <");
		/* What cannot be read ends the chain, and the rest of the table is as good as before. */
		parse_extended(state, from, size, &slot, scale);
		part_text(state, " >");
	}
	return 1;
}
