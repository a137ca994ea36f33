/*
 * Strings, fault-tolerant copies and futex operations on user memory. Contracts in uaccess.h.
 *
 * Strings go eight bytes at a time as long as the eight do not cross into another page, which might be missing
 * although the string ends before it. Mirrors Linux lib/{strncpy_from_user,strnlen_user}.c, mm/maccess.c,
 * arch/x86/include/asm/futex.h. Exercised by tests/kernel/uaccess.c.
 */
#include "arch/x86/uaccess.h"

#include "lib/string.h"

#define ONES  0x0101010101010101UL
#define HIGHS 0x8080808080808080UL

unsigned long copy_from_user_failed(void *to, unsigned long n, unsigned long left)
{
	memset((char *)to + (n - left), 0, left);
	return left;
}

/* The high bit of each zero byte (and perhaps of bytes above the first one); 0 if there is none. */
static __always_inline unsigned long zero_bytes(unsigned long w)
{
	return (w - ONES) & ~w & HIGHS;
}

static __always_inline bool word_in_page(unsigned long addr)
{
	return (addr & (PAGE_SIZE - 1)) <= PAGE_SIZE - 8;
}

static long do_strncpy(char *dst, const char __user *src, unsigned long max)
{
	unsigned long n = 0, zeroes;
	u64 word;
	u8 c;

	while (n < max) {
		if (likely(max - n >= 8 && word_in_page((unsigned long)src + n))) {
			unsafe_get_user(word, (const u64 __user *)(src + n), fault);
			__builtin_memcpy(dst + n, &word, 8);
			zeroes = zero_bytes(word);
			if (zeroes)
				return n + (__builtin_ctzl(zeroes) >> 3);
			n += 8;
			continue;
		}
		unsafe_get_user(c, (const u8 __user *)(src + n), fault);
		dst[n] = c;
		if (!c)
			return n;
		n++;
	}
	return n;
fault:
	return -EFAULT;
}

long strncpy_from_user(char *dst, const char __user *src, long count)
{
	unsigned long addr = (unsigned long)src, max;
	long len;

	if (unlikely(count <= 0))
		return 0;
	if (unlikely(addr >= TASK_SIZE))
		return -EFAULT;
	max = min((unsigned long)count, TASK_SIZE - addr);
	stac();
	len = do_strncpy(dst, src, max);
	clac();
	/* It ran into the end of user space, not into the caller's limit. */
	if (unlikely(len == (long)max && max < (unsigned long)count))
		return -EFAULT;
	return len;
}

static long do_strnlen(const char __user *src, unsigned long max)
{
	unsigned long n = 0, zeroes;
	u64 word;
	u8 c;

	while (n < max) {
		if (likely(max - n >= 8 && word_in_page((unsigned long)src + n))) {
			unsafe_get_user(word, (const u64 __user *)(src + n), fault);
			zeroes = zero_bytes(word);
			if (zeroes)
				return n + (__builtin_ctzl(zeroes) >> 3) + 1;
			n += 8;
			continue;
		}
		unsafe_get_user(c, (const u8 __user *)(src + n), fault);
		n++;
		if (!c)
			return n;
	}
	return n + 1;
fault:
	return 0;
}

long strnlen_user(const char __user *str, long count)
{
	unsigned long addr = (unsigned long)str, max;
	long len;

	if (unlikely(count <= 0 || addr >= TASK_SIZE))
		return 0;
	max = min((unsigned long)count, TASK_SIZE - addr);
	stac();
	len = do_strnlen(str, max);
	clac();
	if (unlikely(len > (long)max && max < (unsigned long)count))
		return 0;
	return len;
}

/* ---- copies that never sleep ---- */

/* The bad address of a kernel range is not user's: the fault handler goes straight to the fixup. */
int copy_from_kernel_nofault(void *dst, const void *src, size_t size)
{
	if ((unsigned long)src < TASK_SIZE)
		return -EFAULT;
	return __copy_user(dst, src, size) ? -EFAULT : 0;
}

int copy_to_kernel_nofault(void *dst, const void *src, size_t size)
{
	if ((unsigned long)dst < TASK_SIZE)
		return -EFAULT;
	return __copy_user(dst, src, size) ? -EFAULT : 0;
}

static int copy_user_nofault(void *dst, const void *src, size_t size)
{
	unsigned long left;

	pagefault_disable();
	left = __copy_user(dst, src, size);
	pagefault_enable();
	return left ? -EFAULT : 0;
}

int copy_from_user_nofault(void *dst, const void __user *src, size_t size)
{
	return access_ok(src, size) ? copy_user_nofault(dst, (const void *)src, size) : -EFAULT;
}

int copy_to_user_nofault(void __user *dst, const void *src, size_t size)
{
	return access_ok(dst, size) ? copy_user_nofault((void *)dst, src, size) : -EFAULT;
}

int copy_struct_from_user(void *dst, size_t ksize, const void __user *src, size_t usize)
{
	size_t size = min(ksize, usize);

	if (usize < ksize)
		memset((char *)dst + size, 0, ksize - size);
	for (size_t at = ksize; at < usize; at++) {
		u8 byte;

		if (get_user(byte, (const u8 __user *)src + at))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	return copy_from_user(dst, src, size) ? -EFAULT : 0;
}

/* ---- futex ---- */

static __always_inline int cmpxchg_user(u32 *found, u32 __user *uaddr, u32 oldval, u32 newval)
{
	int err = 0;

	stac();
	__asm__ __volatile__("1: lock; cmpxchgl %[new], %[mem]\n"
			     "2:\n\t"
			     ".pushsection .fixup, \"ax\"\n"
			     "3: movl %[efault], %[e]\n\t"
			     "jmp 2b\n\t"
			     ".popsection\n\t" _ASM_EXTABLE(1b, 3b)
			     : "+a"(oldval), [mem] "+m"(*uaddr), [e] "+r"(err)
			     : [new] "r"(newval), [efault] "i"(-EFAULT)
			     : "memory", "cc");
	clac();
	*found = oldval;
	return err;
}

int futex_atomic_cmpxchg_inatomic(u32 *uval, u32 __user *uaddr, u32 oldval, u32 newval)
{
	if (!access_ok(uaddr, sizeof(*uaddr)))
		return -EFAULT;
	return cmpxchg_user(uval, uaddr, oldval, newval);
}

int arch_futex_atomic_op_inuser(int op, u32 oparg, int *oval, u32 __user *uaddr)
{
	u32 old, found, new;
	int err;

	if (!access_ok(uaddr, sizeof(*uaddr)))
		return -EFAULT;
	err = __get_user(old, uaddr);
	while (!err) {
		switch (op) {
		case 0:
			new = oparg;
			break;
		case 1:
			new = old + oparg;
			break;
		case 2:
			new = old | oparg;
			break;
		case 3:
			new = old & ~oparg;
			break;
		case 4:
			new = old ^ oparg;
			break;
		default:
			return -ENOSYS;
		}
		err = cmpxchg_user(&found, uaddr, old, new);
		if (found == old)
			break;
		old = found;
	}
	*oval = old;
	return err;
}
