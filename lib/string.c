/*
 * Memory and string functions; the contracts are in string.h.
 *
 * Cost is counted in executed instructions, where each iteration of a `rep` counts as one. So
 * copies and fills run in units of 8 bytes: one iteration per word and one overlapping word for the
 * tail, never a byte loop. Sizes up to 16 need no loop at all: two overlapping moves cover any size
 * from 8 to 16, 4 to 8 and 2 to 3. The direction flag is clear throughout the kernel.
 *
 * Mirrors Linux's lib/string.c and arch/x86/lib/mem*_64.S. Exercised by tests/kernel/lib_string.c.
 */
#include "lib/string.h"
#include "lib/errno.h"

/* The compiler must not turn these loops into calls of themselves. */
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif
#ifndef QUIRE_HOSTED
#undef memcpy
#undef memmove
#undef memset
#endif

/*
 * In a KASAN kernel the three that the compiler calls by itself are checked elsewhere, and end here: unchecked, under other names.
 */
#ifdef CONFIG_KASAN
#define memcpy	__memcpy
#define memmove __memmove
#define memset	__memset
#endif

typedef u64 __attribute__((__may_alias__, __aligned__(1))) u64_any;
typedef u32 __attribute__((__may_alias__, __aligned__(1))) u32_any;
typedef u16 __attribute__((__may_alias__, __aligned__(1))) u16_any;

#define L64(p, off) (*(const u64_any *)((const u8 *)(p) + (off)))
#define L32(p, off) (*(const u32_any *)((const u8 *)(p) + (off)))
#define L16(p, off) (*(const u16_any *)((const u8 *)(p) + (off)))
#define S64(p, off) (*(u64_any *)((u8 *)(p) + (off)))
#define S32(p, off) (*(u32_any *)((u8 *)(p) + (off)))
#define S16(p, off) (*(u16_any *)((u8 *)(p) + (off)))

/* At most 16 bytes: everything is loaded before anything is stored, so overlap does not matter. */
static __always_inline __no_kasan void copy_small(void *dst, const void *src, size_t n)
{
	if (n >= 8) {
		u64 a = L64(src, 0), b = L64(src, n - 8);

		S64(dst, 0) = a;
		S64(dst, n - 8) = b;
	} else if (n >= 4) {
		u32 a = L32(src, 0), b = L32(src, n - 4);

		S32(dst, 0) = a;
		S32(dst, n - 4) = b;
	} else if (n >= 2) {
		u16 a = L16(src, 0), b = L16(src, n - 2);

		S16(dst, 0) = a;
		S16(dst, n - 2) = b;
	} else if (n) {
		*(u8 *)dst = *(const u8 *)src;
	}
}

__no_kasan void *memcpy(void *dst, const void *src, size_t n)
{
	void *d = dst;
	size_t words;
	u64 tail;

	if (n <= 16) {
		copy_small(dst, src, n);
		return dst;
	}
	/* The last word is fetched first: right also when a forward memmove overlaps. */
	tail = L64(src, n - 8);
	words = (n - 1) / 8;
	u64_any *end = &S64(dst, n - 8);
	__asm__ __volatile__("rep movsq" : "+D"(d), "+S"(src), "+c"(words) : : "memory");
	*end = tail;
	return dst;
}

__no_kasan void *memmove(void *dst, const void *src, size_t n)
{
	u64 head;
	u8 *d;
	const u8 *s;
	size_t words;

	if (n <= 16 || (unsigned long)dst - (unsigned long)src >= n)
		return memcpy(dst, src, n);
	/* dst lies inside src: go downwards, with the first word kept aside for the odd rest. */
	head = L64(src, 0);
	words = (n - 1) / 8;
	d = (u8 *)dst + n;
	s = (const u8 *)src + n;
	while (words >= 4) {
		u64 a = L64(s, -8), b = L64(s, -16), c = L64(s, -24), e = L64(s, -32);

		S64(d, -8) = a;
		S64(d, -16) = b;
		S64(d, -24) = c;
		S64(d, -32) = e;
		d -= 32;
		s -= 32;
		words -= 4;
	}
	while (words--) {
		d -= 8;
		s -= 8;
		S64(d, 0) = L64(s, 0);
	}
	S64(dst, 0) = head;
	return dst;
}

__no_kasan void *memset(void *dst, int c, size_t n)
{
	u64 v = (u8)c * 0x0101010101010101UL;
	void *d = dst;
	size_t words;

	if (n > 16) {
		words = (n - 1) / 8;
		S64(dst, n - 8) = v;
		__asm__ __volatile__("rep stosq" : "+D"(d), "+c"(words) : "a"(v) : "memory");
	} else if (n >= 8) {
		S64(dst, 0) = v;
		S64(dst, n - 8) = v;
	} else if (n >= 4) {
		S32(dst, 0) = v;
		S32(dst, n - 4) = v;
	} else if (n >= 2) {
		S16(dst, 0) = v;
		S16(dst, n - 2) = v;
	} else if (n) {
		*(u8 *)dst = v;
	}
	return dst;
}

#ifdef CONFIG_KASAN
#undef memcpy
#undef memmove
#undef memset
#endif

void *memset16(u16 *dst, u16 v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = v;
	return dst;
}

void *memset32(u32 *dst, u32 v, size_t n)
{
	void *d = dst;

	__asm__ __volatile__("rep stosl" : "+D"(d), "+c"(n) : "a"(v) : "memory");
	return dst;
}

void *memset64(u64 *dst, u64 v, size_t n)
{
	void *d = dst;

	__asm__ __volatile__("rep stosq" : "+D"(d), "+c"(n) : "a"(v) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n >= 8; n -= 8, x += 8, y += 8) {
		u64 p = L64(x, 0), q = L64(y, 0);

		if (p != q) {
			p = swab64(p);
			q = swab64(q);
			return p < q ? -1 : 1;
		}
	}
	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	const u8 *p = s;

	for (; n; n--, p++)
		if (*p == (u8)c)
			return (void *)p;
	return NULL;
}

void *memchr_inv(const void *s, int c, size_t n)
{
	const u8 *p = s;
	u64 v = (u8)c * 0x0101010101010101UL;

	for (; n >= 8; n -= 8, p += 8)
		if (L64(p, 0) != v)
			break;
	for (; n; n--, p++)
		if (*p != (u8)c)
			return (void *)p;
	return NULL;
}

void *memscan(void *s, int c, size_t n)
{
	void *p = memchr(s, c, n);

	return p ? p : (u8 *)s + n;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p)
		p++;
	return p - s;
}

size_t strnlen(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i])
		i++;
	return i;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (int)(u8)*a - (int)(u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return (int)(u8)*a - (int)(u8)*b;
		if (!*a)
			break;
	}
	return 0;
}

int strcasecmp(const char *a, const char *b)
{
	return strncasecmp(a, b, SIZE_MAX);
}

int strncasecmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		int x = tolower((u8)*a), y = tolower((u8)*b);

		if (x != y)
			return x - y;
		if (!x)
			break;
	}
	return 0;
}

char *stpcpy(char *dst, const char *src)
{
	while ((*dst = *src++))
		dst++;
	return dst;
}

char *strcpy(char *dst, const char *src)
{
	stpcpy(dst, src);
	return dst;
}

char *strncpy(char *dst, const char *src, size_t n)
{
	size_t len = strnlen(src, n);

	memcpy(dst, src, len);
	memset(dst + len, 0, n - len);
	return dst;
}

char *strcat(char *dst, const char *src)
{
	stpcpy(dst + strlen(dst), src);
	return dst;
}

char *strncat(char *dst, const char *src, size_t n)
{
	char *end = dst + strlen(dst);
	size_t len = strnlen(src, n);

	memcpy(end, src, len);
	end[len] = '\0';
	return dst;
}

ssize_t strscpy(char *dst, const char *src, size_t n)
{
	size_t len;

	if (!n || n > SSIZE_MAX)
		return -E2BIG;
	len = strnlen(src, n);
	if (len == n) {
		memcpy(dst, src, n - 1);
		dst[n - 1] = '\0';
		return -E2BIG;
	}
	memcpy(dst, src, len + 1);
	return len;
}

ssize_t strscpy_pad(char *dst, const char *src, size_t n)
{
	ssize_t len = strscpy(dst, src, n);

	if (len >= 0)
		memset(dst + len, 0, n - len);
	return len;
}

size_t strlcpy(char *dst, const char *src, size_t n)
{
	size_t len = strlen(src);

	if (n) {
		size_t copy = len >= n ? n - 1 : len;

		memcpy(dst, src, copy);
		dst[copy] = '\0';
	}
	return len;
}

size_t strlcat(char *dst, const char *src, size_t n)
{
	size_t used = strnlen(dst, n);

	return used + (used < n ? strlcpy(dst + used, src, n - used) : strlen(src));
}

char *strchrnul(const char *s, int c)
{
	while (*s && *s != (char)c)
		s++;
	return (char *)s;
}

char *strchr(const char *s, int c)
{
	s = strchrnul(s, c);
	return *s == (char)c ? (char *)s : NULL;
}

char *strnchr(const char *s, size_t n, int c)
{
	for (; n; n--, s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			break;
	}
	return NULL;
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	do {
		if (*s == (char)c)
			last = s;
	} while (*s++);
	return (char *)last;
}

char *strnstr(const char *s, const char *sub, size_t n)
{
	size_t len = strlen(sub);

	n = strnlen(s, n);
	for (; n >= len; n--, s++)
		if (!memcmp(s, sub, len))
			return (char *)s;
	return NULL;
}

char *strstr(const char *s, const char *sub)
{
	return strnstr(s, sub, SIZE_MAX);
}

size_t strspn(const char *s, const char *accept)
{
	size_t i = 0;

	while (s[i] && strchr(accept, s[i]))
		i++;
	return i;
}

size_t strcspn(const char *s, const char *reject)
{
	size_t i = 0;

	while (s[i] && !strchr(reject, s[i]))
		i++;
	return i;
}

char *strpbrk(const char *s, const char *accept)
{
	s += strcspn(s, accept);
	return *s ? (char *)s : NULL;
}

char *strsep(char **s, const char *delim)
{
	char *word = *s, *end;

	if (!word)
		return NULL;
	end = strpbrk(word, delim);
	if (end)
		*end++ = '\0';
	*s = end;
	return word;
}

char *skip_spaces(const char *s)
{
	while (isspace((u8)*s))
		s++;
	return (char *)s;
}

char *strim(char *s)
{
	size_t n = strlen(s);

	while (n && isspace((u8)s[n - 1]))
		n--;
	s[n] = '\0';
	return skip_spaces(s);
}

char *strreplace(char *s, char old, char new_char)
{
	for (; *s; s++)
		if (*s == old)
			*s = new_char;
	return s;
}

bool sysfs_streq(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (*a == '\n' && !a[1])
		a++;
	if (*b == '\n' && !b[1])
		b++;
	return !*a && !*b;
}

int match_string(const char *const *array, size_t n, const char *s)
{
	for (size_t i = 0; i < n && array[i]; i++)
		if (!strcmp(array[i], s))
			return i;
	return -EINVAL;
}
