/*
 * Copies of user memory in memory of the kernel's own. Contracts in arch/x86/uaccess.h.
 *
 * Mirrors Linux mm/util.c. Exercised by every user suite (mount, execve).
 */
#include "arch/x86/uaccess.h"
#include "lib/err.h"
#include "mm/slab/slab.h"

void *memdup_user(const void __user *src, size_t len)
{
	void *p = kmalloc(len, GFP_KERNEL);

	if (!p)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(p, src, len)) {
		kfree(p);
		return ERR_PTR(-EFAULT);
	}
	return p;
}

void *memdup_user_nul(const void __user *src, size_t len)
{
	char *p = kmalloc(len + 1, GFP_KERNEL);

	if (!p)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(p, src, len)) {
		kfree(p);
		return ERR_PTR(-EFAULT);
	}
	p[len] = '\0';
	return p;
}

char *strndup_user(const char __user *s, long n)
{
	long len = strnlen_user(s, n);
	char *p;

	if (!len)
		return ERR_PTR(-EFAULT);
	if (len > n)
		return ERR_PTR(-EINVAL);
	p = memdup_user(s, len);
	/* The program may have changed it since it was measured. */
	if (!IS_ERR(p))
		p[len - 1] = '\0';
	return p;
}
