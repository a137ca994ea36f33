/*
 * CRC-32 of IEEE 802.3: polynomial 0x04c11db7, bits reflected. Tables on disks carry it (GPT).
 *
 * Mirrors Linux include/linux/crc32.h. Exercised by tests/user/partitions.c, whose tables must be right to be taken.
 */
#pragma once

#include "lib/types.h"

/* Goes on from crc; the usual checksum of a whole is ~crc32_le(~0U, p, len). */
u32 crc32_le(u32 crc, const void *p, size_t len);
