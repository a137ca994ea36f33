/*
 * lkdtm: misuse of kernel objects, for the tests of slub_debug= and for who wants to see its reports.
 *
 * Each crime but the leak cleans up behind itself as far as its report has not, so that it may be committed again.
 *
 * Mirrors Linux drivers/misc/lkdtm/heap.c. Exercised by tests/boot/test_slab.py and
 * test_kmemleak.py.
 */
#include "kernel/printk.h"
#include "lib/string.h"
#include "mm/debug/lkdtm.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"

/* The compiler must not know what p is, or it refuses to do wrong with it. */
#define hide(p) __asm__("" : "+r"(p))

/* Not where a free object has its link, or the machine would follow what we wrote. */
#define SECOND 1

void lkdtm_slab_linear_overflow(void)
{
	u32 *data = kmalloc(1024, GFP_KERNEL);

	if (!data)
		return;
	pr_info("lkdtm: Attempting slab linear overflow ...\n");
	hide(data);
	WRITE_ONCE(data[1024 / sizeof(*data)], 0x12345678);
	kfree(data);
}

void lkdtm_write_after_free(void)
{
	u32 *base = kmalloc(1024, GFP_KERNEL), *again;

	if (!base)
		return;
	pr_info("lkdtm: Attempting bad write to freed memory at %px\n", &base[SECOND]);
	kfree(base);
	hide(base);
	WRITE_ONCE(base[SECOND], 0x0abcdef0);
	again = kmalloc(1024, GFP_KERNEL); /* the same object, unless somebody looks */
	if (again != base)
		pr_info("lkdtm: Hmm, didn't get the same memory range.\n");
	kfree(again);
}

void lkdtm_read_after_free(void)
{
	int *base = kmalloc(1024, GFP_KERNEL);

	if (!base)
		return;
	base[SECOND] = 0x12345678;
	kfree(base);
	hide(base);
	pr_info("lkdtm: Attempting bad read from freed memory\n");
	if (READ_ONCE(base[SECOND]) != 0x12345678)
		pr_info("lkdtm: Memory correctly poisoned (%x)\n", READ_ONCE(base[SECOND]));
	else
		pr_err("lkdtm: FAIL: Memory was not poisoned!\n");
}

void lkdtm_slab_free_double(void)
{
	static struct kmem_cache *cache;
	void *p;

	if (!cache)
		cache = kmem_cache_create("lkdtm-heap-double_free", 8, 0, SLAB_NO_MERGE, NULL);
	p = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;
	if (!p)
		return;
	pr_info("lkdtm: Attempting double slab free ...\n");
	kmem_cache_free(cache, p);
	hide(p);
	kmem_cache_free(cache, p);
}

void lkdtm_slab_free_cross(void)
{
	static struct kmem_cache *a, *b;
	void *p;

	if (!a)
		a = kmem_cache_create("lkdtm-heap-a", 8, 0, SLAB_NO_MERGE, NULL);
	if (!b)
		b = kmem_cache_create("lkdtm-heap-b", 8, 0, SLAB_NO_MERGE, NULL);
	p = a && b ? kmem_cache_alloc(a, GFP_KERNEL) : NULL;
	if (!p)
		return;
	pr_info("lkdtm: Attempting cross-cache slab free ...\n");
	kmem_cache_free(b, p);
	kmem_cache_free(a, p); /* the first one was refused */
}

void lkdtm_slab_free_page(void)
{
	unsigned long p = __get_free_page(GFP_KERNEL);

	if (!p)
		return;
	pr_info("lkdtm: Attempting non-Slab slab free ...\n");
	kfree((void *)p);
	free_page(p);
}

void lkdtm_slab_leak(void)
{
	pr_info("lkdtm: Attempting to forget 8 objects\n");
	for (int i = 0; i < 8; i++) {
		char *p = kzalloc(300, GFP_KERNEL);

		if (!p)
			return;
		strscpy(p, "forgotten", 300);
		hide(p);
	}
}
