/*
 * Memory and string functions.
 *
 * The mem* names are also what the compiler calls by itself. Calls whose size is a small constant
 * are expanded in place by the compiler (the macros below); the rest goes to string.c, which moves
 * 8 bytes per instruction.
 *
 * Mirrors Linux's include/linux/string.h and lib/string.c. Exercised by tests/kernel/lib_string.c.
 */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include "lib/types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#ifdef CONFIG_KASAN
/* Without a look at the shadow: what the three above end in (mm/debug/kasan_check.c), and what files get that are not checked. */
void *__memcpy(void *dst, const void *src, size_t n);
void *__memmove(void *dst, const void *src, size_t n);
void *__memset(void *dst, int c, size_t n);
#endif

#if defined(CONFIG_KASAN) && !defined(KASAN_CHECKED)
#define memcpy(d, s, n)	 __memcpy(d, s, n)
#define memmove(d, s, n) __memmove(d, s, n)
#define memset(d, c, n)	 __memset(d, c, n)
#elif !defined(QUIRE_HOSTED)
#define memcpy(d, s, n)	 __builtin_memcpy(d, s, n)
#define memmove(d, s, n) __builtin_memmove(d, s, n)
#define memset(d, c, n)	 __builtin_memset(d, c, n)
#endif

/* Fill @n units of 16, 32 or 64 bits; pointers for memset_p-like use go through memset64. */
void *memset16(u16 *dst, u16 v, size_t n);
void *memset32(u32 *dst, u32 v, size_t n);
void *memset64(u64 *dst, u64 v, size_t n);
void *memchr(const void *s, int c, size_t n);
/* First byte of @n that is not @c, or NULL. */
void *memchr_inv(const void *s, int c, size_t n);
/* First byte equal to @c, or @s + @n. */
void *memscan(void *s, int c, size_t n);

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
/* ASCII case is ignored. */
int strcasecmp(const char *a, const char *b);
int strncasecmp(const char *a, const char *b, size_t n);
char *strcpy(char *dst, const char *src);
char *strncpy(char *dst, const char *src, size_t n);
char *stpcpy(char *dst, const char *src);
char *strcat(char *dst, const char *src);
char *strncat(char *dst, const char *src, size_t n);
/*
 * Copy into @n bytes, always terminated when @n > 0, cut when too long. Returns the length copied,
 * or -E2BIG when @n is 0 or the string was cut. The source is not read past the cut.
 */
ssize_t strscpy(char *dst, const char *src, size_t n);
/* strscpy() that also clears the rest of @dst. */
ssize_t strscpy_pad(char *dst, const char *src, size_t n);
size_t strlcpy(char *dst, const char *src, size_t n);
size_t strlcat(char *dst, const char *src, size_t n);
char *strchr(const char *s, int c);
/* Like strchr, but gives the terminator when @c is absent. */
char *strchrnul(const char *s, int c);
char *strnchr(const char *s, size_t n, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *sub);
char *strnstr(const char *s, const char *sub, size_t n);
size_t strspn(const char *s, const char *accept);
size_t strcspn(const char *s, const char *reject);
char *strpbrk(const char *s, const char *accept);
/*
 * Cuts *@s at the next byte of @delim; returns the word (perhaps empty), *@s becomes the rest or
 * NULL.
 */
char *strsep(char **s, const char *delim);
/* First byte that is not white space; strim() also cuts white space at the end. */
char *skip_spaces(const char *s);
char *strim(char *s);
char *strreplace(char *s, char old, char new_char);
/* Equal, when one trailing newline of either is ignored (what users echo into sysfs files). */
bool sysfs_streq(const char *a, const char *b);
/* Index of @s in @array of @n strings (a NULL ends it earlier), or -EINVAL. */
int match_string(const char *const *array, size_t n, const char *s);

/* Length of @prefix if @s begins with it, else 0. */
static inline size_t str_has_prefix(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) == 0 ? len : 0;
}

/* What follows the last slash; the whole string without one. */
static inline const char *kbasename(const char *path)
{
	const char *tail = strrchr(path, '/');

	return tail ? tail + 1 : path;
}

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* ---- characters, ASCII only ---- */

static __always_inline bool isdigit(int c)
{
	return (unsigned int)c - '0' < 10;
}
static __always_inline bool isupper(int c)
{
	return (unsigned int)c - 'A' < 26;
}
static __always_inline bool islower(int c)
{
	return (unsigned int)c - 'a' < 26;
}
static __always_inline bool isalpha(int c)
{
	return (unsigned int)(c | 32) - 'a' < 26;
}
static __always_inline bool isalnum(int c)
{
	return isalpha(c) || isdigit(c);
}
static __always_inline bool isspace(int c)
{
	return c == ' ' || (unsigned int)c - '\t' < 5;
}
static __always_inline bool isprint(int c)
{
	return (unsigned int)c - 32 < 95;
}
static __always_inline bool isgraph(int c)
{
	return (unsigned int)c - 33 < 94;
}
static __always_inline bool ispunct(int c)
{
	return isgraph(c) && !isalnum(c);
}
static __always_inline bool iscntrl(int c)
{
	return (unsigned int)c < 32 || c == 127;
}
static __always_inline bool isxdigit(int c)
{
	return isdigit(c) || (unsigned int)(c | 32) - 'a' < 6;
}
static __always_inline int tolower(int c)
{
	return isupper(c) ? c + 32 : c;
}
static __always_inline int toupper(int c)
{
	return islower(c) ? c - 32 : c;
}
/* Value of a hexadecimal digit, or -1. */
static inline int hex_to_bin(unsigned char c)
{
	if (isdigit(c))
		return c - '0';
	c |= 32;
	return (unsigned int)c - 'a' < 6 ? c - 'a' + 10 : -1;
}

#endif /* LIB_STRING_H */
