/*
 * Formatted output; the conversions are listed in printf.h.
 *
 * A struct out collects bytes and counts all of them, also those past the end of the buffer, so the
 * return value is right for a buffer of any size (snprintf(NULL, 0, ...) measures). Each conversion
 * is parsed into a struct spec.
 *
 * Mirrors Linux's lib/vsprintf.c. Exercised by tests/kernel/lib_printf.c.
 */
#include "lib/printf.h"
#include "lib/err.h"
#include "lib/string.h"

enum { F_LEFT = 1, F_PLUS = 2, F_SPACE = 4, F_ALT = 8, F_ZERO = 16, F_UPPER = 32, F_SIGNED = 64 };

struct out {
	char *pos;
	char *end; /* the byte that the terminator may take */
	size_t total;
};

struct spec {
	unsigned int flags;
	int width; /* 0 when absent */
	int prec;  /* -1 when absent */
	int base;
	int size; /* bytes of the argument */
};

static symbol_resolver_t symbol_resolver;

void printf_set_symbol_resolver(symbol_resolver_t resolver)
{
	WRITE_ONCE(symbol_resolver, resolver);
}

static __always_inline void put(struct out *o, char c)
{
	if (o->pos < o->end)
		*o->pos++ = c;
	o->total++;
}

static void put_mem(struct out *o, const char *s, size_t n)
{
	size_t room = o->end - o->pos, copy = min(n, room);

	memcpy(o->pos, s, copy);
	o->pos += copy;
	o->total += n;
}

static void pad(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_string(struct out *o, const char *s, size_t len, const struct spec *sp)
{
	int fill = sp->width > (long)len ? sp->width - (int)len : 0;

	if (!(sp->flags & F_LEFT))
		pad(o, ' ', fill);
	put_mem(o, s, len);
	if (sp->flags & F_LEFT)
		pad(o, ' ', fill);
}

static void put_cstring(struct out *o, const char *s, const struct spec *sp)
{
	if ((unsigned long)s < 4096)
		s = s ? "(efault)" : "(null)";
	put_string(o, s, strnlen(s, sp->prec < 0 ? SIZE_MAX : (size_t)sp->prec), sp);
}

static void put_number(struct out *o, u64 v, const struct spec *sp)
{
	const char *digits = sp->flags & F_UPPER ? "0123456789ABCDEF" : "0123456789abcdef";
	char tmp[24], *p = tmp + sizeof(tmp), sign = 0;
	char prefix[2];
	int nprefix = 0, len, zeros, fill;

	if (sp->flags & F_SIGNED) {
		if ((s64)v < 0) {
			sign = '-';
			v = -v;
		} else if (sp->flags & F_PLUS) {
			sign = '+';
		} else if (sp->flags & F_SPACE) {
			sign = ' ';
		}
	}
	if ((sp->flags & F_ALT) && sp->base != 10) {
		prefix[nprefix++] = '0';
		if (sp->base == 16)
			prefix[nprefix++] = sp->flags & F_UPPER ? 'X' : 'x';
	}
	if (v || sp->prec != 0) {
		if (sp->base == 16) {
			do
				*--p = digits[v & 15];
			while (v >>= 4);
		} else if (sp->base == 8) {
			do
				*--p = '0' + (v & 7);
			while (v >>= 3);
		} else {
			do
				*--p = '0' + v % 10;
			while (v /= 10);
		}
	}
	len = tmp + sizeof(tmp) - p;
	zeros = sp->prec > len ? sp->prec - len : 0;
	fill = sp->width - len - zeros - nprefix - !!sign;
	if ((sp->flags & F_ZERO) && sp->prec < 0 && !(sp->flags & F_LEFT) && fill > 0) {
		zeros = fill;
		fill = 0;
	}
	if (!(sp->flags & F_LEFT))
		pad(o, ' ', fill);
	if (sign)
		put(o, sign);
	put_mem(o, prefix, nprefix);
	pad(o, '0', zeros);
	put_mem(o, p, len);
	if (sp->flags & F_LEFT)
		pad(o, ' ', fill);
}

static void put_address(struct out *o, const void *ptr, const struct spec *sp)
{
	struct spec hex = { .flags = sp->flags | F_ZERO, .width = 16, .prec = -1, .base = 16 };

	if (sp->flags & F_ALT)
		hex.width = 18;
	put_number(o, (unsigned long)ptr, &hex);
}

static void put_symbol(struct out *o, unsigned long addr, char kind, const struct spec *sp)
{
	symbol_resolver_t resolve = READ_ONCE(symbol_resolver);
	unsigned long offset = 0, size = 0, look = kind == 'B' && addr ? addr - 1 : addr;
	const char *name = resolve ? resolve(look, &offset, &size) : NULL;
	char text[128];
	int len;

	if (!name) {
		put_address(o, (void *)addr, sp);
		return;
	}
	if (kind == 's')
		len = scnprintf(text, sizeof(text), "%s", name);
	else
		len = scnprintf(text, sizeof(text), "%s+0x%lx/0x%lx", name, offset + (addr - look),
				size);
	put_string(o, text, len, sp);
}

const char *errname(int err)
{
	if (err < 0)
		err = -err;
	switch (err) {
#define X(name)    \
	case name: \
		return #name;
		LIB_ERRNO_LIST(X)
#undef X
	}
	return NULL;
}

static void put_error(struct out *o, const void *ptr, const struct spec *sp)
{
	const char *name = IS_ERR(ptr) ? errname(PTR_ERR(ptr)) : NULL;
	struct spec dec = { .flags = F_SIGNED, .prec = -1, .base = 10, .width = sp->width };
	char text[32];

	if (name)
		put_string(o, text, scnprintf(text, sizeof(text), "-%s", name), sp);
	else if (IS_ERR(ptr))
		put_number(o, PTR_ERR(ptr), &dec);
	else
		put_address(o, ptr, sp);
}

static __always_inline bool map_bit(const unsigned long *map, unsigned int n)
{
	return map[n / BITS_PER_LONG] >> (n % BITS_PER_LONG) & 1;
}

static void put_decimal(struct out *o, unsigned int v)
{
	struct spec dec = { .prec = -1, .base = 10 };

	put_number(o, v, &dec);
}

static void put_bitmap_list(struct out *o, const unsigned long *map, unsigned int bits)
{
	bool first = true;

	for (unsigned int a = 0, b; a < bits; a = b + 1) {
		for (b = a; b < bits && map_bit(map, b); b++)
			;
		if (b == a)
			continue;
		if (!first)
			put(o, ',');
		first = false;
		put_decimal(o, a);
		if (b - a > 1) {
			put(o, '-');
			put_decimal(o, b - 1);
		}
	}
}

static void put_bitmap_hex(struct out *o, const unsigned long *map, int bits)
{
	struct spec hex = { .flags = F_ZERO, .prec = -1, .base = 16 };

	for (int low = ALIGN(max(bits, 1), 32) - 32; low >= 0; low -= 32) {
		int chunk = min(bits - low, 32);
		u32 v = chunk ? map[low / BITS_PER_LONG] >> (low % BITS_PER_LONG) : 0;

		if (chunk < 32)
			v &= (1U << chunk) - 1;
		hex.width = DIV_ROUND_UP(chunk, 4);
		put_number(o, v, &hex);
		if (low)
			put(o, ',');
	}
}

static void put_hex_bytes(struct out *o, const u8 *p, int n, char sep)
{
	struct spec hex = { .flags = F_ZERO, .prec = -1, .base = 16, .width = 2 };

	for (int i = 0; i < min(n, 64); i++) {
		if (i && sep)
			put(o, sep);
		put_number(o, p[i], &hex);
	}
}

static void put_uuid(struct out *o, const u8 *p)
{
	struct spec hex = { .flags = F_ZERO, .prec = -1, .base = 16, .width = 2 };

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			put(o, '-');
		put_number(o, p[i], &hex);
	}
}

static void put_nested(struct out *o, const struct va_format *vf)
{
	size_t room = o->end - o->pos;
	va_list copy;
	int n;

	va_copy(copy, *vf->va);
	/* The byte at o->end is ours as well: it will hold the terminator. */
	n = vsnprintf(o->end ? o->pos : NULL, o->end ? room + 1 : 0, vf->fmt, copy);
	va_end(copy);
	o->pos += min((size_t)n, room);
	o->total += n;
}

/* @fmt stands behind the 'p'; returns it past the letters of the extension. */
static const char *put_pointer(struct out *o, const char *fmt, const void *ptr, struct spec *sp)
{
	switch (*fmt) {
	case 'S':
	case 's':
	case 'B':
		put_symbol(o, (unsigned long)ptr, *fmt, sp);
		break;
	case 'e':
		put_error(o, ptr, sp);
		break;
	case 'b':
		if (fmt[1] == 'l') {
			put_bitmap_list(o, ptr, sp->width);
			return fmt + 2;
		}
		put_bitmap_hex(o, ptr, sp->width);
		break;
	case 'V':
		put_nested(o, ptr);
		break;
	case 'U':
		put_uuid(o, ptr);
		break;
	case 'h':
		switch (fmt[1]) {
		case 'C':
			put_hex_bytes(o, ptr, sp->width, ':');
			return fmt + 2;
		case 'D':
			put_hex_bytes(o, ptr, sp->width, '-');
			return fmt + 2;
		case 'N':
			put_hex_bytes(o, ptr, sp->width, 0);
			return fmt + 2;
		}
		put_hex_bytes(o, ptr, sp->width, ' ');
		break;
	case 'x':
	case 'K':
		put_address(o, ptr, sp);
		break;
	default:
		put_address(o, ptr, sp);
		return fmt;
	}
	return fmt + 1;
}

static const char *parse_flags(const char *fmt, struct spec *sp)
{
	for (;; fmt++) {
		switch (*fmt) {
		case '-':
			sp->flags |= F_LEFT;
			break;
		case '+':
			sp->flags |= F_PLUS;
			break;
		case ' ':
			sp->flags |= F_SPACE;
			break;
		case '#':
			sp->flags |= F_ALT;
			break;
		case '0':
			sp->flags |= F_ZERO;
			break;
		default:
			return fmt;
		}
	}
}

static const char *parse_int(const char *fmt, int *val)
{
	for (*val = 0; isdigit(*fmt); fmt++)
		if (*val < 1 << 20)
			*val = *val * 10 + *fmt - '0';
	return fmt;
}

static const char *parse_size(const char *fmt, struct spec *sp)
{
	sp->size = 4;
	switch (*fmt) {
	case 'h':
		sp->size = fmt[1] == 'h' ? 1 : 2;
		return fmt + (sp->size == 1 ? 2 : 1);
	case 'l':
		sp->size = 8;
		return fmt + (fmt[1] == 'l' ? 2 : 1);
	case 'z':
	case 't':
	case 'j':
	case 'L':
		sp->size = 8;
		return fmt + 1;
	}
	return fmt;
}

/* Cut an argument that was passed as a whole register to its size. */
static u64 narrow(u64 v, const struct spec *sp)
{
	bool sign = sp->flags & F_SIGNED;

	switch (sp->size) {
	case 1:
		return sign ? (u64)(s8)v : (u8)v;
	case 2:
		return sign ? (u64)(s16)v : (u16)v;
	case 4:
		return sign ? (u64)(s32)v : (u32)v;
	}
	return v;
}

static bool number_conversion(char c, struct spec *sp)
{
	switch (c) {
	case 'd':
	case 'i':
		sp->flags |= F_SIGNED;
		fallthrough;
	case 'u':
		sp->base = 10;
		return true;
	case 'X':
		sp->flags |= F_UPPER;
		fallthrough;
	case 'x':
		sp->base = 16;
		return true;
	case 'o':
		sp->base = 8;
		return true;
	}
	return false;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size ? buf + size - 1 : buf, 0 };
	va_list args;

	va_copy(args, ap);
	while (*fmt) {
		struct spec sp = { .prec = -1 };
		const char *text = fmt;

		while (*fmt && *fmt != '%')
			fmt++;
		if (fmt != text)
			put_mem(&o, text, fmt - text);
		if (!*fmt)
			break;
		text = fmt;
		fmt = parse_flags(fmt + 1, &sp);
		if (*fmt == '*') {
			sp.width = va_arg(args, int);
			fmt++;
			if (sp.width < 0) {
				sp.flags |= F_LEFT;
				sp.width = -sp.width;
			}
		} else {
			fmt = parse_int(fmt, &sp.width);
		}
		if (*fmt == '.') {
			if (*++fmt == '*') {
				sp.prec = va_arg(args, int);
				fmt++;
			} else {
				fmt = parse_int(fmt, &sp.prec);
			}
		}
		fmt = parse_size(fmt, &sp);
		if (number_conversion(*fmt, &sp)) {
			u64 v = sp.size == 8 ? va_arg(args, unsigned long)
					     : va_arg(args, unsigned int);

			put_number(&o, narrow(v, &sp), &sp);
			fmt++;
			continue;
		}
		switch (*fmt) {
		case 'c': {
			char c = va_arg(args, int);

			put_string(&o, &c, 1, &sp);
			fmt++;
			break;
		}
		case 's':
			put_cstring(&o, va_arg(args, const char *), &sp);
			fmt++;
			break;
		case 'p':
			fmt = put_pointer(&o, fmt + 1, va_arg(args, void *), &sp);
			break;
		case '%':
			put(&o, '%');
			fmt++;
			break;
		default:
			/* Not a conversion of ours: the text appears as it was written. */
			if (*fmt)
				fmt++;
			put_mem(&o, text, fmt - text);
		}
	}
	va_end(args);
	if (size)
		*o.pos = '\0';
	return (int)min(o.total, (size_t)INT_MAX);
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(buf, size, fmt, args);
	va_end(args);
	return n;
}

int vscnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	int n = vsnprintf(buf, size, fmt, args);

	if ((size_t)n < size)
		return n;
	return size ? size - 1 : 0;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vscnprintf(buf, size, fmt, args);
	va_end(args);
	return n;
}

int vsprintf(char *buf, const char *fmt, va_list args)
{
	return vsnprintf(buf, INT_MAX, fmt, args);
}

int sprintf(char *buf, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(buf, INT_MAX, fmt, args);
	va_end(args);
	return n;
}
