/*
 * Formatted text out of values, and values out of text.
 *
 * Mirrors Linux's lib/vsprintf.c, lib/kstrtox.c and lib/cmdline.c. Exercised by
 * tests/kernel/lib_printf.c.
 */
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H

#include "lib/types.h"

/*
 * Format into @size bytes, terminated when @size > 0. Returns the length the whole text has (it was
 * cut when that is >= @size). Flags "-+ #0", width and precision (also '*'), lengths hh h l ll z t
 * j L; conversions d i u x X o c s p %. After %p, Linux's extensions:
 *   %p %px %pK   the address, 16 hexadecimal digits
 *   %pS %ps %pB  symbol+offset/size, symbol alone, symbol of a return address; the address
 *                while no resolver is set
 *   %pe          the errno's name of an ERR_PTR (-ENOMEM), else the address
 *   %*pb %*pbl   a bitmap of width bits as hexadecimal words, or as a list of ranges (0-3,7)
 *   %pV          struct va_format: a nested format and its arguments
 *   %ph          hexadecimal dump of up to 64 bytes, the field width (%*ph) says how
 *                many; C D N: separator : - none
 *   %pU          a UUID of 16 bytes
 * => any context, no locks.
 */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args) __printf(3, 0);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
/* The same, but the result is the length really stored (0 when @size is 0). */
int vscnprintf(char *buf, size_t size, const char *fmt, va_list args) __printf(3, 0);
int scnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int vsprintf(char *buf, const char *fmt, va_list args) __printf(2, 0);
int sprintf(char *buf, const char *fmt, ...) __printf(2, 3);

struct va_format {
	const char *fmt;
	va_list *va;
};

/*
 * How %pS finds names: gives the symbol that holds @addr, with its start offset and size, or NULL
 * when none does. NULL as resolver prints plain addresses.
 */
typedef const char *(*symbol_resolver_t)(unsigned long addr, unsigned long *offset,
					 unsigned long *size);
void printf_set_symbol_resolver(symbol_resolver_t resolver);

/* Name of an errno of either sign ("ENOMEM"), or NULL. */
const char *errname(int err);

/*
 * The whole string must be one number (a trailing newline is allowed). @base 0 takes 0x and 0
 * prefixes. Returns 0, -EINVAL for text that is no number, -ERANGE when it does not fit; *@res
 * changes only on success.
 */
int kstrtoull(const char *s, unsigned int base, unsigned long long *res);
int kstrtoll(const char *s, unsigned int base, long long *res);
int kstrtoul(const char *s, unsigned int base, unsigned long *res);
int kstrtol(const char *s, unsigned int base, long *res);
int kstrtouint(const char *s, unsigned int base, unsigned int *res);
int kstrtoint(const char *s, unsigned int base, int *res);
int kstrtou8(const char *s, unsigned int base, u8 *res);
/* y Y t T 1 on / n N f F 0 off */
int kstrtobool(const char *s, bool *res);
#define kstrtou64 kstrtoull
#define kstrtos64 kstrtoll
#define kstrtou32 kstrtouint

/* As far as the digits go; @end (may be NULL) gets the first byte after them. No overflow check. */
unsigned long long simple_strtoull(const char *s, char **end, unsigned int base);
long long simple_strtoll(const char *s, char **end, unsigned int base);
unsigned long simple_strtoul(const char *s, char **end, unsigned int base);
long simple_strtol(const char *s, char **end, unsigned int base);

/*
 * A number with an optional suffix K M G T P E (powers of 1024). @end as above, past the suffix. What does not fit into 64
 * bits is ULLONG_MAX, where Linux drops the upper bits: a limit that is checked afterwards must not be met by accident.
 */
unsigned long long memparse(const char *s, char **end);
/*
 * An int at *@s, then a comma: 0 none, 1 an int at the end, 2 an int and a comma, 3 an int and a
 * '-'.
 */
int get_option(char **s, int *val);

/*
 * Small sscanf: white space, %d %i %u %x %o with hh h l ll z, %s and %c and %[a-z^] with a width,
 * %n, %% and '*' to skip. Returns the number of values stored.
 */
int vsscanf(const char *s, const char *fmt, va_list args) __scanf(2, 0);
int sscanf(const char *s, const char *fmt, ...) __scanf(2, 3);

#endif /* LIB_PRINTF_H */
