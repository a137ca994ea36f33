/*
 * Bit sets; the contracts are in bitmap.h.
 *
 * All searches are one loop over words: the first word is masked below the start, a hit past the
 * end is the end.
 *
 * Mirrors Linux's lib/bitmap.c, lib/bitmap-str.c and lib/find_bit.c. Exercised by
 * tests/kernel/lib_bitmap.c.
 */
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/printf.h"

/* WORD is an expression of the word index w. */
#define FIND_NEXT(size, from, WORD)                                                  \
	({                                                                           \
		unsigned long __size = (size), __from = (from), __at = __size;       \
		if (__from < __size) {                                               \
			unsigned long w = BIT_WORD(__from);                          \
			unsigned long bits = (WORD)&BITMAP_FIRST_WORD_MASK(__from);  \
			unsigned long last = BIT_WORD(__size - 1);                   \
			while (!bits && w < last) {                                  \
				w++;                                                 \
				bits = (WORD);                                       \
			}                                                            \
			if (bits)                                                    \
				__at = min(w * BITS_PER_LONG + __ffs(bits), __size); \
		}                                                                    \
		__at;                                                                \
	})

unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long from)
{
	return FIND_NEXT(size, from, map[w]);
}

unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size, unsigned long from)
{
	return FIND_NEXT(size, from, ~map[w]);
}

unsigned long find_next_and_bit(const unsigned long *a, const unsigned long *b, unsigned long size,
				unsigned long from)
{
	return FIND_NEXT(size, from, a[w] & b[w]);
}

unsigned long find_next_andnot_bit(const unsigned long *a, const unsigned long *b,
				   unsigned long size, unsigned long from)
{
	return FIND_NEXT(size, from, a[w] & ~b[w]);
}

unsigned long find_last_bit(const unsigned long *map, unsigned long size)
{
	unsigned long w, bits;

	if (!size)
		return size;
	w = BIT_WORD(size - 1);
	bits = map[w] & BITMAP_LAST_WORD_MASK(size);
	while (!bits && w)
		bits = map[--w];
	return bits ? w * BITS_PER_LONG + __fls(bits) : size;
}

/* Calls for each word that [start, start + len) touches, with the mask of the bits in it. */
#define FOR_EACH_WORD(start, len, w, mask)                                                     \
	for (unsigned long __s = (start), __e = __s + (len), w, mask;                          \
	     __s < __e && (w = BIT_WORD(__s),                                                  \
			  mask = BITMAP_FIRST_WORD_MASK(__s) &                                 \
				 (w == BIT_WORD(__e - 1) ? BITMAP_LAST_WORD_MASK(__e) : ~0UL), \
			  true);                                                               \
	     __s = (w + 1) * BITS_PER_LONG)

void bitmap_set(unsigned long *map, unsigned int start, unsigned int len)
{
	FOR_EACH_WORD(start, len, w, mask)
	map[w] |= mask;
}

void bitmap_clear(unsigned long *map, unsigned int start, unsigned int len)
{
	FOR_EACH_WORD(start, len, w, mask)
	map[w] &= ~mask;
}

bool bitmap_and(unsigned long *dst, const unsigned long *a, const unsigned long *b,
		unsigned int bits)
{
	unsigned long any = 0;

	FOR_EACH_WORD(0, bits, w, mask)
	any |= dst[w] = a[w] & b[w] & mask;
	return any;
}

bool bitmap_andnot(unsigned long *dst, const unsigned long *a, const unsigned long *b,
		   unsigned int bits)
{
	unsigned long any = 0;

	FOR_EACH_WORD(0, bits, w, mask)
	any |= dst[w] = a[w] & ~b[w] & mask;
	return any;
}

void bitmap_or(unsigned long *dst, const unsigned long *a, const unsigned long *b,
	       unsigned int bits)
{
	for (unsigned long w = 0; w < BITS_TO_LONGS(bits); w++)
		dst[w] = a[w] | b[w];
}

void bitmap_xor(unsigned long *dst, const unsigned long *a, const unsigned long *b,
		unsigned int bits)
{
	for (unsigned long w = 0; w < BITS_TO_LONGS(bits); w++)
		dst[w] = a[w] ^ b[w];
}

void bitmap_complement(unsigned long *dst, const unsigned long *src, unsigned int bits)
{
	for (unsigned long w = 0; w < BITS_TO_LONGS(bits); w++)
		dst[w] = ~src[w];
}

bool bitmap_equal(const unsigned long *a, const unsigned long *b, unsigned int bits)
{
	FOR_EACH_WORD(0, bits, w, mask)
	if ((a[w] ^ b[w]) & mask)
		return false;
	return true;
}

bool bitmap_intersects(const unsigned long *a, const unsigned long *b, unsigned int bits)
{
	FOR_EACH_WORD(0, bits, w, mask)
	if (a[w] & b[w] & mask)
		return true;
	return false;
}

bool bitmap_subset(const unsigned long *a, const unsigned long *b, unsigned int bits)
{
	FOR_EACH_WORD(0, bits, w, mask)
	if (a[w] & ~b[w] & mask)
		return false;
	return true;
}

unsigned int bitmap_weight(const unsigned long *map, unsigned int bits)
{
	unsigned int n = 0;

	FOR_EACH_WORD(0, bits, w, mask)
	n += hweight_long(map[w] & mask);
	return n;
}

unsigned long bitmap_find_next_zero_area_off(const unsigned long *map, unsigned long size,
					     unsigned long start, unsigned int nr,
					     unsigned long align_mask, unsigned long offset)
{
	for (;;) {
		unsigned long busy;

		start = find_next_zero_bit(map, size, start);
		start = __ALIGN_MASK(start + offset, align_mask) - offset;
		if (start >= size || nr > size - start)
			return size;
		busy = find_next_bit(map, start + nr, start);
		if (busy >= start + nr)
			return start;
		start = busy + 1;
	}
}

/* One element of a list at *@sp: a number, a range, or a range with a group. */
static int parse_range(const char **sp, unsigned long *map, unsigned int bits)
{
	const char *s = *sp;
	unsigned long a, b, used = 1, group = 1;
	char *end;

	if (!strncmp(s, "all", 3)) {
		a = 0;
		b = bits ? bits - 1 : 0;
		s += 3;
	} else {
		if (!isdigit(*s))
			return -EINVAL;
		a = b = simple_strtoul(s, &end, 10);
		s = end;
		if (*s == '-') {
			s++;
			if (*s == 'N') {
				b = bits ? bits - 1 : 0;
				s++;
			} else if (isdigit(*s)) {
				b = simple_strtoul(s, &end, 10);
				s = end;
			} else {
				return -EINVAL;
			}
		}
	}
	if (*s == ':') {
		if (!isdigit(s[1]))
			return -EINVAL;
		used = simple_strtoul(s + 1, &end, 10);
		if (*end != '/' || !isdigit(end[1]))
			return -EINVAL;
		group = simple_strtoul(end + 1, &end, 10);
		s = end;
		if (!used || !group || used > group)
			return -EINVAL;
	}
	if (a > b || b >= bits)
		return -ERANGE;
	for (unsigned long n = a; n <= b; n += group)
		bitmap_set(map, n, min(used, b - n + 1));
	*sp = s;
	return 0;
}

int bitmap_parselist(const char *text, unsigned long *map, unsigned int bits)
{
	bitmap_zero(map, bits);
	for (;;) {
		int err;

		while (*text == ',' || isspace((u8)*text))
			text++;
		if (!*text)
			return 0;
		err = parse_range(&text, map, bits);
		if (err)
			return err;
		if (*text && *text != ',' && !isspace((u8)*text))
			return -EINVAL;
	}
}

int bitmap_print_list(char *buf, size_t size, const unsigned long *map, unsigned int bits)
{
	return scnprintf(buf, size, "%*pbl", (int)bits, map);
}

int bitmap_print_hex(char *buf, size_t size, const unsigned long *map, unsigned int bits)
{
	return scnprintf(buf, size, "%*pb", (int)bits, map);
}
