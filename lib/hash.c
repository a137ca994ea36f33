/*
 * Hashes of byte strings: eight bytes are folded in per multiplication, the odd rest with its
 * length.
 *
 * Mirrors Linux's include/linux/jhash.h and fs/namei.c (full_name_hash). Exercised by
 * tests/kernel/lib_string.c.
 */
#include "lib/hash.h"
#include "lib/string.h"

static u64 hash_bytes(const void *key, size_t len, u64 h)
{
	const u8 *p = key;
	u64 w;

	h ^= len * GOLDEN_RATIO_64;
	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&w, p, 8);
		h = (h ^ w) * GOLDEN_RATIO_64;
		h ^= h >> 29;
	}
	for (w = 0; len; len--)
		w = w << 8 | *p++;
	return hash_mix64(h ^ w);
}

u32 jhash(const void *key, u32 len, u32 init)
{
	return hash_bytes(key, len, init);
}

u32 jhash2(const u32 *key, u32 n, u32 init)
{
	return hash_bytes(key, (size_t)n * 4, init);
}

unsigned int full_name_hash(const void *salt, const char *name, unsigned int len)
{
	return hash_bytes(name, len, (unsigned long)salt);
}

u64 hashlen_string(const void *salt, const char *name)
{
	size_t len = strlen(name);

	return (u64)len << 32 | full_name_hash(salt, name, len);
}
