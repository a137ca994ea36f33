/*
 * Bit sets in arrays of unsigned long, and searches in single words.
 *
 * Nothing here is atomic (the atomic set_bit, clear_bit and test_and_*_bit are in
 * arch/x86/bitops.h); the caller excludes other writers. Bits past the size given are ignored on
 * reading and left alone on writing, except that bitmap_zero, bitmap_fill, bitmap_copy and the
 * logical operations write whole words.
 *
 * Mirrors Linux's include/linux/{bitmap,find,bitops}.h and lib/{bitmap,find_bit}.c.
 * Exercised by tests/kernel/lib_bitmap.c.
 */
#ifndef LIB_BITMAP_H
#define LIB_BITMAP_H

#include "lib/string.h"
#include "lib/types.h"

/* ---- one word ---- */

/* Lowest and highest set bit; @w must not be 0. */
static __always_inline unsigned int __ffs(unsigned long w)
{
	return __builtin_ctzl(w);
}
static __always_inline unsigned int __fls(unsigned long w)
{
	return 63 - __builtin_clzl(w);
}
/* Lowest clear bit; @w must not be all ones. */
static __always_inline unsigned int ffz(unsigned long w)
{
	return __builtin_ctzl(~w);
}
/* 1-based, 0 for none. */
static __always_inline int ffs(int w)
{
	return w ? __builtin_ctz(w) + 1 : 0;
}
static __always_inline int fls(unsigned int w)
{
	return w ? 32 - __builtin_clz(w) : 0;
}
static __always_inline int fls64(u64 w)
{
	return w ? 64 - __builtin_clzll(w) : 0;
}
static __always_inline int fls_long(unsigned long w)
{
	return fls64(w);
}
/* Number of set bits (by partial sums: the baseline CPU has no popcnt). */
static inline unsigned int hweight_long(unsigned long w)
{
	w -= (w >> 1) & 0x5555555555555555UL;
	w = (w & 0x3333333333333333UL) + ((w >> 2) & 0x3333333333333333UL);
	w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fUL;
	return (w * 0x0101010101010101UL) >> 56;
}
#define hweight64(w) hweight_long(w)
#define hweight32(w) hweight_long((u32)(w))
#define hweight16(w) hweight_long((u16)(w))
#define hweight8(w)  hweight_long((u8)(w))
static __always_inline u64 rol64(u64 w, unsigned int n)
{
	return (w << (n & 63)) | (w >> (-n & 63));
}
static __always_inline u32 rol32(u32 w, unsigned int n)
{
	return (w << (n & 31)) | (w >> (-n & 31));
}
static __always_inline u64 ror64(u64 w, unsigned int n)
{
	return (w >> (n & 63)) | (w << (-n & 63));
}
static __always_inline u32 ror32(u32 w, unsigned int n)
{
	return (w >> (n & 31)) | (w << (-n & 31));
}

/* ---- one bit of a set ---- */

#define BITS_TO_LONGS(n)	      DIV_ROUND_UP(n, BITS_PER_LONG)
#define BIT_WORD(n)		      ((n) / BITS_PER_LONG)
#define BIT_MASK(n)		      (1UL << ((n) % BITS_PER_LONG))
#define DECLARE_BITMAP(name, bits)    unsigned long name[BITS_TO_LONGS(bits)]
#define BITMAP_FIRST_WORD_MASK(start) (~0UL << ((start)&63))
#define BITMAP_LAST_WORD_MASK(bits)   (~0UL >> (-(bits)&63))

#ifndef test_bit
static __always_inline bool lib_test_bit(unsigned long n, const volatile unsigned long *map)
{
	return map[BIT_WORD(n)] >> (n % BITS_PER_LONG) & 1;
}
#define test_bit(n, map) lib_test_bit(n, map)
#endif
static __always_inline void __set_bit(unsigned long n, unsigned long *map)
{
	map[BIT_WORD(n)] |= BIT_MASK(n);
}
static __always_inline void __clear_bit(unsigned long n, unsigned long *map)
{
	map[BIT_WORD(n)] &= ~BIT_MASK(n);
}
static __always_inline void __change_bit(unsigned long n, unsigned long *map)
{
	map[BIT_WORD(n)] ^= BIT_MASK(n);
}
static __always_inline void __assign_bit(unsigned long n, unsigned long *map, bool v)
{
	if (v)
		__set_bit(n, map);
	else
		__clear_bit(n, map);
}
static __always_inline bool __test_and_set_bit(unsigned long n, unsigned long *map)
{
	bool old = map[BIT_WORD(n)] & BIT_MASK(n);

	__set_bit(n, map);
	return old;
}
static __always_inline bool __test_and_clear_bit(unsigned long n, unsigned long *map)
{
	bool old = map[BIT_WORD(n)] & BIT_MASK(n);

	__clear_bit(n, map);
	return old;
}

/* ---- searches; each gives @size when there is no such bit ---- */

unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long from);
unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size, unsigned long from);
unsigned long find_next_and_bit(const unsigned long *a, const unsigned long *b, unsigned long size,
				unsigned long from);
unsigned long find_next_andnot_bit(const unsigned long *a, const unsigned long *b,
				   unsigned long size, unsigned long from);
unsigned long find_last_bit(const unsigned long *map, unsigned long size);
#define find_first_bit(map, size)      find_next_bit(map, size, 0)
#define find_first_zero_bit(map, size) find_next_zero_bit(map, size, 0)
#define find_first_and_bit(a, b, size) find_next_and_bit(a, b, size, 0)

#define for_each_set_bit(bit, map, size)                        \
	for ((bit) = find_first_bit(map, size); (bit) < (size); \
	     (bit) = find_next_bit(map, size, (bit) + 1))
#define for_each_set_bit_from(bit, map, size)                       \
	for ((bit) = find_next_bit(map, size, bit); (bit) < (size); \
	     (bit) = find_next_bit(map, size, (bit) + 1))
#define for_each_clear_bit(bit, map, size)                           \
	for ((bit) = find_first_zero_bit(map, size); (bit) < (size); \
	     (bit) = find_next_zero_bit(map, size, (bit) + 1))

/* ---- whole sets of @bits bits ---- */

static inline void bitmap_zero(unsigned long *map, unsigned int bits)
{
	memset(map, 0, BITS_TO_LONGS(bits) * sizeof(long));
}
static inline void bitmap_fill(unsigned long *map, unsigned int bits)
{
	memset(map, 0xff, BITS_TO_LONGS(bits) * sizeof(long));
}
static inline void bitmap_copy(unsigned long *dst, const unsigned long *src, unsigned int bits)
{
	memcpy(dst, src, BITS_TO_LONGS(bits) * sizeof(long));
}
/* @len bits from @start on. */
void bitmap_set(unsigned long *map, unsigned int start, unsigned int len);
void bitmap_clear(unsigned long *map, unsigned int start, unsigned int len);
/* bitmap_and and bitmap_andnot tell whether the result has a bit. */
bool bitmap_and(unsigned long *dst, const unsigned long *a, const unsigned long *b,
		unsigned int bits);
bool bitmap_andnot(unsigned long *dst, const unsigned long *a, const unsigned long *b,
		   unsigned int bits);
void bitmap_or(unsigned long *dst, const unsigned long *a, const unsigned long *b,
	       unsigned int bits);
void bitmap_xor(unsigned long *dst, const unsigned long *a, const unsigned long *b,
		unsigned int bits);
void bitmap_complement(unsigned long *dst, const unsigned long *src, unsigned int bits);
bool bitmap_equal(const unsigned long *a, const unsigned long *b, unsigned int bits);
bool bitmap_intersects(const unsigned long *a, const unsigned long *b, unsigned int bits);
bool bitmap_subset(const unsigned long *a, const unsigned long *b, unsigned int bits);
unsigned int bitmap_weight(const unsigned long *map, unsigned int bits);
static inline bool bitmap_empty(const unsigned long *map, unsigned int bits)
{
	return find_first_bit(map, bits) == bits;
}
static inline bool bitmap_full(const unsigned long *map, unsigned int bits)
{
	return find_first_zero_bit(map, bits) == bits;
}
/*
 * First run of @nr clear bits at or after @start whose first bit, plus @offset, has no bit of
 * @align_mask. Returns its first bit; a value above @size - @nr (in fact @size) when there is none.
 */
unsigned long bitmap_find_next_zero_area_off(const unsigned long *map, unsigned long size,
					     unsigned long start, unsigned int nr,
					     unsigned long align_mask, unsigned long offset);
#define bitmap_find_next_zero_area(map, size, start, nr, align_mask) \
	bitmap_find_next_zero_area_off(map, size, start, nr, align_mask, 0)

/*
 * "0-3,7,8-15:2/8 all" style lists: ranges, with an optional group (used/size) behind a colon.
 * Writes all of @map. Returns 0, -EINVAL for bad text, -ERANGE for a bit number past the end or a
 * range backwards.
 */
int bitmap_parselist(const char *text, unsigned long *map, unsigned int bits);
/* Print as a list ("0-3,7") or in hexadecimal words, without a newline; the length stored. */
int bitmap_print_list(char *buf, size_t size, const unsigned long *map, unsigned int bits);
int bitmap_print_hex(char *buf, size_t size, const unsigned long *map, unsigned int bits);

#endif /* LIB_BITMAP_H */
