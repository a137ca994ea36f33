/*
 * CRC-32, four bits at a time: a table of 16 numbers is enough for what is only computed when a disk appears.
 *
 * Mirrors Linux lib/crc32.c. Exercised by tests/user/partitions.c.
 */
#include "lib/crc32.h"

/* What the remainder of n in the lowest four bits is. */
static const u32 nibbles[16] = {
	0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
	0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
	0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

u32 crc32_le(u32 crc, const void *p, size_t len)
{
	const u8 *byte = p;

	while (len--) {
		crc ^= *byte++;
		crc = crc >> 4 ^ nibbles[crc & 15];
		crc = crc >> 4 ^ nibbles[crc & 15];
	}
	return crc;
}
