/*
 * Save areas for the floating-point registers of user tasks, from a slab cache.
 *
 * arch/x86 is below the slab, so it asks through fpu_alloc_ops. One area for each user task, made at fork or at the first
 * exec, freed with the task. Mirrors Linux arch/x86/kernel/fpu/init.c. Exercised by tests/user/fpu.c.
 */
#include "arch/x86/fpu.h"
#include "kernel/init.h"
#include "lib/errno.h"
#include "mm/slab/slab.h"

static struct kmem_cache *fpu_cache;

static void *fpu_cache_alloc(void)
{
	return kmem_cache_alloc(fpu_cache, GFP_KERNEL);
}

static void fpu_cache_free(void *area)
{
	kmem_cache_free(fpu_cache, area);
}

static const struct fpu_alloc_ops ops = { .alloc = fpu_cache_alloc, .free = fpu_cache_free };

static int __init fpu_cache_init(void)
{
	fpu_cache = kmem_cache_create("fpu_state", fpu_state_size, 64, 0, NULL);
	if (!fpu_cache)
		return -ENOMEM;
	fpu_alloc_ops = &ops;
	return 0;
}
core_initcall(fpu_cache_init);
