/*
 * lkdtm: copies that hardened usercopy must stop.
 *
 * Lengths are read from a variable, as the compiler would else take them for constants, which are not checked. A copy that
 * succeeds although it should not says so in the log. Mirrors Linux drivers/misc/lkdtm/usercopy.c. Exercised by
 * tests/boot/test_usercopy.py.
 */
#include "arch/x86/uaccess.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "lib/err.h"
#include "lib/string.h"
#include "mm/debug/lkdtm.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"
#include "mm/user/mm.h"
#include "mm/user/mman.h"

static volatile unsigned long unconst; /* 0 */

#define ROOM (4 * PAGE_SIZE)

static void __user *user_room(void)
{
	unsigned long addr =
		vm_mmap(NULL, 0, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);

	if (IS_ERR_VALUE(addr)) {
		pr_info("lkdtm: no user memory\n");
		return NULL;
	}
	return (void __user *)addr;
}

/* The right copy of @good bytes at @p, then the wrong one of @bad bytes at @q. */
static noinline void copy_twice(bool to_user, void *p, unsigned long good, void *q,
				unsigned long bad)
{
	void __user *user = user_room();

	if (!user)
		return;
	pr_info("lkdtm: attempting good copy of %lu bytes\n", good);
	if (to_user ? copy_to_user(user, p, good + unconst)
		    : copy_from_user(p, user, good + unconst))
		pr_info("lkdtm: the good copy failed\n");
	pr_info("lkdtm: attempting bad copy of %lu bytes\n", bad);
	if (to_user ? copy_to_user(user, q, bad + unconst) : copy_from_user(q, user, bad + unconst))
		pr_info("lkdtm: the bad copy failed, but not by the check\n");
	pr_info("lkdtm: FAIL: the bad copy was not stopped\n");
	vm_munmap((unsigned long)user, ROOM);
}

/* ---- slab ---- */

static void do_slab_size(bool to_user)
{
	char *p = kzalloc(64, GFP_KERNEL);

	if (p)
		copy_twice(to_user, p + 16, 48, p, 128);
	kfree(p);
}

void lkdtm_usercopy_slab_size_to(void)
{
	do_slab_size(true);
}

void lkdtm_usercopy_slab_size_from(void)
{
	do_slab_size(false);
}

/* Of objects of 1024 bytes, 64 at offset 256 are user space's business. */
static void do_slab_whitelist(bool to_user)
{
	static struct kmem_cache *cache;
	char *p;

	if (!cache)
		cache = kmem_cache_create_usercopy("lkdtm-usercopy", 1024, 0, 0, 256, 64, NULL);
	p = cache ? kmem_cache_zalloc(cache, GFP_KERNEL) : NULL;
	if (!p)
		return;
	copy_twice(to_user, p + 256, 64, p + 255, 64);
	kmem_cache_free(cache, p);
}

void lkdtm_usercopy_slab_whitelist_to(void)
{
	do_slab_whitelist(true);
}

void lkdtm_usercopy_slab_whitelist_from(void)
{
	do_slab_whitelist(false);
}

/* ---- stack ---- */

/* The address of a local of a function that has returned: below all frames in use. */
static noinline char *dead_frame(void)
{
	char buf[64];
	unsigned long addr = (unsigned long)buf;

	__asm__ __volatile__("" : "+r"(addr) : "r"(buf) : "memory");
	return (char *)addr;
}

static noinline void do_stack_frame(bool to_user)
{
	char good[64];

	memset(good, 0x5a, sizeof(good));
	/* A page below is a frame of nobody, whatever copy_twice() itself needs. */
	copy_twice(to_user, good, sizeof(good), dead_frame() - 1024, sizeof(good));
}

void lkdtm_usercopy_stack_frame_to(void)
{
	do_stack_frame(true);
}

void lkdtm_usercopy_stack_frame_from(void)
{
	do_stack_frame(false);
}

void lkdtm_usercopy_stack_beyond(void)
{
	char good[64];

	memset(good, 0x5a, sizeof(good));
	copy_twice(true, good, sizeof(good), (char *)current->stack + THREAD_SIZE - 8, 64);
}

/* ---- pages, areas, text ---- */

void lkdtm_usercopy_pages(void)
{
	char *p = kzalloc(3 * PAGE_SIZE, GFP_KERNEL); /* larger than any class: whole pages */
	unsigned long size = p ? ksize(p) : 0;

	if (p)
		copy_twice(true, p, 3 * PAGE_SIZE, p + size - 64, 65);
	kfree(p);
}

void lkdtm_usercopy_vmalloc(void)
{
	char *p = vzalloc(2 * PAGE_SIZE);

	if (p)
		copy_twice(true, p, 2 * PAGE_SIZE, p + PAGE_SIZE, PAGE_SIZE + 1);
	vfree(p);
}

void lkdtm_usercopy_kernel(void)
{
	static char data[64];

	copy_twice(true, data, sizeof(data), (void *)vm_mmap, 64);
}
