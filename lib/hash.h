/*
 * Hash functions: multiplicative for numbers and addresses, a mixing hash for words and bytes. None
 * is secret-keyed.
 *
 * Mirrors Linux's include/linux/{hash,jhash,stringhash}.h. Exercised by tests/kernel/lib_string.c.
 */
#ifndef LIB_HASH_H
#define LIB_HASH_H

#include "lib/types.h"

/* 2^64 and 2^32 divided by the golden ratio, made odd. */
#define GOLDEN_RATIO_64 0x9e3779b97f4a7c15ULL
#define GOLDEN_RATIO_32 0x9e3779b1U

/* @bits (1..64, 1..32) good bits out of @v: the product's top ones. */
static __always_inline u32 hash_64(u64 v, unsigned int bits)
{
	return v * GOLDEN_RATIO_64 >> (64 - bits);
}
static __always_inline u32 hash_32(u32 v, unsigned int bits)
{
	return v * GOLDEN_RATIO_32 >> (32 - bits);
}
#define hash_long(v, bits) hash_64(v, bits)
static __always_inline u32 hash_ptr(const void *p, unsigned int bits)
{
	return hash_64((unsigned long)p, bits);
}

/* One word's bits spread over all of the result; a bijection. */
static __always_inline u64 hash_mix64(u64 v)
{
	v ^= v >> 32;
	v *= 0xd6e8feb86659fd93ULL;
	v ^= v >> 32;
	v *= 0xd6e8feb86659fd93ULL;
	return v ^ v >> 32;
}

/* Hash of 1..3 words with a start value. */
static inline u32 jhash_3words(u32 a, u32 b, u32 c, u32 init)
{
	return (u32)hash_mix64(hash_mix64(((u64)a << 32 | b) ^ init) + c);
}
static inline u32 jhash_2words(u32 a, u32 b, u32 init)
{
	return jhash_3words(a, b, 0, init);
}
static inline u32 jhash_1word(u32 a, u32 init)
{
	return jhash_3words(a, 0, 0, init);
}

/* Hash of @len bytes, and of @n 32-bit words. */
u32 jhash(const void *key, u32 len, u32 init);
u32 jhash2(const u32 *key, u32 n, u32 init);

/*
 * Hash of a path component of @len bytes, salted with its directory. hashlen_string() hashes up to
 * the terminator and gives the length in the upper half.
 */
unsigned int full_name_hash(const void *salt, const char *name, unsigned int len);
u64 hashlen_string(const void *salt, const char *name);
#define hashlen_hash(hl) ((u32)(hl))
#define hashlen_len(hl)	 ((u32)((hl) >> 32))

#endif /* LIB_HASH_H */
