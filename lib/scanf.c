/*
 * Values out of text: kstrto*, simple_strto*, memparse, sscanf. The contracts are in printf.h.
 *
 * Mirrors Linux's lib/kstrtox.c, lib/cmdline.c and the scanning half of lib/vsprintf.c.
 * Exercised by tests/kernel/lib_printf.c.
 */
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

/* Step over 0x (base 16 or 0) and settle a base of 0. */
static const char *number_prefix(const char *s, unsigned int *base)
{
	bool hex = s[0] == '0' && (s[1] | 32) == 'x' && isxdigit((u8)s[2]);

	if (*base == 0)
		*base = hex ? 16 : s[0] == '0' ? 8 : 10;
	return *base == 16 && hex ? s + 2 : s;
}

/* Reads at most @max digits; returns how many, with *@over set when the value left 64 bits. */
static size_t digits(const char *s, size_t max, unsigned int base, u64 *val, bool *over)
{
	size_t n;

	*val = 0;
	*over = false;
	for (n = 0; n < max; n++) {
		unsigned int c = (u8)s[n], d;

		if (isdigit(c))
			d = c - '0';
		else if (isalpha(c))
			d = (c | 32) - 'a' + 10;
		else
			break;
		if (d >= base)
			break;
		if (__builtin_mul_overflow(*val, (u64)base, val) ||
		    __builtin_add_overflow(*val, (u64)d, val))
			*over = true;
	}
	return n;
}

int kstrtoull(const char *s, unsigned int base, unsigned long long *res)
{
	bool over;
	size_t n;
	u64 v;

	if (*s == '+')
		s++;
	s = number_prefix(s, &base);
	n = digits(s, SIZE_MAX, base, &v, &over);
	if (!n)
		return -EINVAL;
	if (s[n] == '\n')
		n++;
	if (s[n])
		return -EINVAL;
	if (over)
		return -ERANGE;
	*res = v;
	return 0;
}

int kstrtoll(const char *s, unsigned int base, long long *res)
{
	bool neg = *s == '-';
	unsigned long long v;
	int err;

	if (neg && s[1] == '+')
		return -EINVAL;
	err = kstrtoull(s + neg, base, &v);
	if (err)
		return err;
	if (v > (u64)S64_MAX + neg)
		return -ERANGE;
	*res = neg ? -v : v;
	return 0;
}

int kstrtoul(const char *s, unsigned int base, unsigned long *res)
{
	unsigned long long v;
	int err = kstrtoull(s, base, &v);

	if (!err)
		*res = v;
	return err;
}

int kstrtol(const char *s, unsigned int base, long *res)
{
	long long v;
	int err = kstrtoll(s, base, &v);

	if (!err)
		*res = v;
	return err;
}

int kstrtouint(const char *s, unsigned int base, unsigned int *res)
{
	unsigned long long v;
	int err = kstrtoull(s, base, &v);

	if (!err && v > UINT_MAX)
		err = -ERANGE;
	if (!err)
		*res = v;
	return err;
}

int kstrtoint(const char *s, unsigned int base, int *res)
{
	long long v;
	int err = kstrtoll(s, base, &v);

	if (!err && (v > INT_MAX || v < INT_MIN))
		err = -ERANGE;
	if (!err)
		*res = v;
	return err;
}

int kstrtou8(const char *s, unsigned int base, u8 *res)
{
	unsigned long long v;
	int err = kstrtoull(s, base, &v);

	if (!err && v > U8_MAX)
		err = -ERANGE;
	if (!err)
		*res = v;
	return err;
}

int kstrtobool(const char *s, bool *res)
{
	switch (*s | 32) {
	case 'y':
	case 't':
		*res = true;
		return 0;
	case 'n':
	case 'f':
		*res = false;
		return 0;
	case 'o':
		if ((s[1] | 32) == 'n')
			*res = true;
		else if ((s[1] | 32) == 'f')
			*res = false;
		else
			return -EINVAL;
		return 0;
	}
	if (*s != '0' && *s != '1')
		return -EINVAL;
	*res = *s == '1';
	return 0;
}

unsigned long long simple_strtoull(const char *s, char **end, unsigned int base)
{
	bool over;
	u64 v;

	s = number_prefix(s, &base);
	s += digits(s, SIZE_MAX, base, &v, &over);
	if (end)
		*end = (char *)s;
	return v;
}

long long simple_strtoll(const char *s, char **end, unsigned int base)
{
	if (*s == '-')
		return -simple_strtoull(s + 1, end, base);
	return simple_strtoull(s, end, base);
}

unsigned long simple_strtoul(const char *s, char **end, unsigned int base)
{
	return simple_strtoull(s, end, base);
}

long simple_strtol(const char *s, char **end, unsigned int base)
{
	return simple_strtoll(s, end, base);
}

unsigned long long memparse(const char *s, char **end)
{
	static const char suffixes[] = "kmgtpe";
	unsigned int base = 0;
	const char *p = number_prefix(s, &base), *suffix;
	bool over;
	u64 v;

	p += digits(p, SIZE_MAX, base, &v, &over);
	suffix = *p ? strchr(suffixes, *p | 32) : NULL;
	if (suffix) {
		over |= __builtin_mul_overflow(v, 1ULL << (10 * (suffix - suffixes + 1)), &v);
		p++;
	}
	if (end)
		*end = (char *)p;
	return over ? ULLONG_MAX : v;
}

int get_option(char **s, int *val)
{
	char *start = *s;

	if (!start || !*start)
		return 0;
	*val = simple_strtol(start, s, 0);
	if (*s == start)
		return 0;
	if (**s == ',') {
		(*s)++;
		return 2;
	}
	return **s == '-' ? 3 : 1;
}

/* Store an integer of @size bytes through the next pointer argument's value @p. */
static void store_int(void *p, int size, u64 v)
{
	switch (size) {
	case 1:
		*(u8 *)p = v;
		break;
	case 2:
		*(u16 *)p = v;
		break;
	case 4:
		*(u32 *)p = v;
		break;
	default:
		*(u64 *)p = v;
	}
}

/* Number at *@sp in at most @width characters; false when there is none. */
static bool scan_number(const char **sp, size_t width, unsigned int base, bool sign, u64 *val)
{
	const char *s = skip_spaces(*sp), *start = s;
	bool neg = false, over;
	size_t n, used;

	if (sign && (*s == '-' || *s == '+'))
		neg = *s++ == '-';
	s = number_prefix(s, &base);
	used = s - start;
	if (used >= width)
		return false;
	n = digits(s, width - used, base, val, &over);
	if (!n)
		return false;
	if (neg)
		*val = -*val;
	*sp = s + n;
	return true;
}

/* @set stands behind '[': is @c in it? *@end gets the byte after the closing bracket. */
static bool in_set(const char *set, char c, const char **end)
{
	bool negate = *set == '^', found = false;
	const char *p = set + negate;

	do {
		if (p[1] == '-' && p[2] && p[2] != ']') {
			found |= (u8)p[0] <= (u8)c && (u8)c <= (u8)p[2];
			p += 3;
		} else {
			found |= *p == c;
			p++;
		}
	} while (*p && *p != ']');
	*end = *p ? p + 1 : p;
	return found != negate;
}

/* Characters of %s, %c or %[: stores into @dst when not NULL, returns how many were taken. */
static size_t scan_chars(const char *s, char kind, const char *set, size_t width, char *dst)
{
	const char *ignored;
	size_t n = 0;

	while (n < width && s[n]) {
		if (kind == 's' && isspace((u8)s[n]))
			break;
		if (kind == '[' && !in_set(set, s[n], &ignored))
			break;
		if (dst)
			dst[n] = s[n];
		n++;
	}
	if (dst && kind != 'c')
		dst[n] = '\0';
	return n;
}

int vsscanf(const char *s, const char *fmt, va_list args)
{
	const char *start = s;
	int stored = 0;

	while (*fmt) {
		bool skip = false;
		size_t width = 0, n;
		int size = 4;
		u64 v;

		if (isspace((u8)*fmt)) {
			fmt = skip_spaces(fmt);
			s = skip_spaces(s);
			continue;
		}
		if (*fmt != '%' || fmt[1] == '%') {
			fmt += *fmt == '%';
			if (*fmt++ != *s++)
				break;
			continue;
		}
		if (*++fmt == '*') {
			skip = true;
			fmt++;
		}
		while (isdigit(*fmt))
			width = width * 10 + *fmt++ - '0';
		for (; *fmt == 'h' || *fmt == 'l' || *fmt == 'z'; fmt++)
			size = *fmt == 'h' ? size / 2 : 8;

		unsigned int base = 10;
		bool sign = false;

		switch (*fmt++) {
		case 'n':
			store_int(va_arg(args, void *), size, s - start);
			continue;
		case 's':
			s = skip_spaces(s);
			fallthrough;
		case 'c':
		case '[': {
			char kind = fmt[-1], *dst = skip ? NULL : va_arg(args, char *);
			const char *set = fmt;

			if (kind == '[')
				in_set(set, 0, &fmt);
			n = scan_chars(s, kind, set,
				       width	     ? width
				       : kind == 'c' ? 1
						     : SIZE_MAX,
				       dst);
			if (!n)
				return stored;
			s += n;
			stored += !skip;
			continue;
		}
		case 'i':
			base = 0;
			fallthrough;
		case 'd':
			sign = true;
			break;
		case 'u':
			break;
		case 'x':
		case 'X':
			base = 16;
			break;
		case 'o':
			base = 8;
			break;
		default:
			return stored;
		}
		if (!scan_number(&s, width ? width : SIZE_MAX, base, sign, &v))
			return stored;
		if (!skip) {
			store_int(va_arg(args, void *), size, v);
			stored++;
		}
	}
	return stored;
}

int sscanf(const char *s, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsscanf(s, fmt, args);
	va_end(args);
	return n;
}
