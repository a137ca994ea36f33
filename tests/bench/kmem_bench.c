/*
 * kmem_bench.c - what objects and kernel addresses cost: kmalloc, a cache of its own, vmalloc, seen from inside the kernel.
 *
 * inside.h says how it is measured, and that this source is a module for Linux and a suite of Quire (selftest=bench_kmem).
 *
 * 1. kmalloc_N and cache_hot: an object is had and given back at once, again and again: the per-CPU way.
 * 2. batch_N_alloc and _free: 1000 objects of N bytes are taken, then given back in the order in which they were taken. More
 *    than a CPU keeps, so slabs come and go through partial lists and the page allocator. Two figures, each for one object.
 * 3. vmalloc_N: one pair. What is freed is flushed out of the TLBs in batches; that is part of the pair's price.
 */
#include "tests/bench/inside.h"

#ifdef MODULE
#include <linux/vmalloc.h>
#else
#include "mm/kva/vmalloc.h"
#include "mm/slab/slab.h"
#endif

#define BATCH	    1000
#define OBJECT_SIZE 256

static void *objects[BATCH];
static struct kmem_cache *cache;

static u64 kmalloc_round(const struct op *op)
{
	size_t size = op->arg;
	u64 t = ticks();

	for (int i = 0; i < op->per_round; i++) {
		void *p = kmalloc(size, GFP_KERNEL);

		if (!p)
			refused++;
		kfree(p);
	}
	return ticks() - t;
}

/* The cache stays: on either kernel its name is gone with the machine. */
static struct kmem_cache *bench_cache(void)
{
	if (!cache)
		cache = kmem_cache_create("bench_object", OBJECT_SIZE, 0, 0, NULL);
	return cache;
}

static u64 hot_round(const struct op *op)
{
	struct kmem_cache *s = bench_cache();
	u64 t;

	if (!s) {
		refused++;
		return 0;
	}
	t = ticks();
	for (int i = 0; i < op->per_round; i++) {
		void *p = kmem_cache_alloc(s, GFP_KERNEL);

		if (p)
			kmem_cache_free(s, p);
		else
			refused++;
	}
	return ticks() - t;
}

static u64 batch_round(const struct op *op)
{
	size_t size = op->arg;
	u64 t = ticks(), cost;

	for (int i = 0; i < BATCH; i++)
		objects[i] = kmalloc(size, GFP_KERNEL);
	cost = ticks() - t;
	for (int i = 0; i < BATCH; i++)
		if (!objects[i])
			refused++;
	t = ticks();
	for (int i = 0; i < BATCH; i++)
		kfree(objects[i]);
	second_cost = ticks() - t;
	memset(objects, 0, sizeof(objects)); /* a leak detector would take them for references */
	return cost;
}

static u64 vmalloc_round(const struct op *op)
{
	unsigned long size = op->arg;
	u64 t = ticks();

	for (int i = 0; i < op->per_round; i++) {
		void *p = vmalloc(size);

		if (p)
			vfree(p);
		else
			refused++;
	}
	return ticks() - t;
}

static const struct op ops[] = {
	{ "kmalloc_8", kmalloc_round, 8, 256, 61, NULL },
	{ "kmalloc_16", kmalloc_round, 16, 256, 61, NULL },
	{ "kmalloc_32", kmalloc_round, 32, 256, 61, NULL },
	{ "kmalloc_64", kmalloc_round, 64, 256, 61, NULL },
	{ "kmalloc_96", kmalloc_round, 96, 256, 61, NULL },
	{ "kmalloc_128", kmalloc_round, 128, 256, 61, NULL },
	{ "kmalloc_192", kmalloc_round, 192, 256, 61, NULL },
	{ "kmalloc_256", kmalloc_round, 256, 256, 61, NULL },
	{ "kmalloc_512", kmalloc_round, 512, 256, 61, NULL },
	{ "kmalloc_1024", kmalloc_round, 1024, 256, 61, NULL },
	{ "kmalloc_2048", kmalloc_round, 2048, 256, 61, NULL },
	{ "kmalloc_4096", kmalloc_round, 4096, 256, 61, NULL },
	{ "kmalloc_8192", kmalloc_round, 8192, 256, 61, NULL },
	{ "cache_hot", hot_round, OBJECT_SIZE, 256, 61, NULL },
	{ "batch_8_alloc", batch_round, 8, BATCH, 41, "batch_8_free" },
	{ "batch_64_alloc", batch_round, 64, BATCH, 41, "batch_64_free" },
	{ "batch_256_alloc", batch_round, 256, BATCH, 41, "batch_256_free" },
	{ "batch_1024_alloc", batch_round, 1024, BATCH, 41, "batch_1024_free" },
	{ "batch_4096_alloc", batch_round, 4096, BATCH, 41, "batch_4096_free" },
	{ "vmalloc_4k", vmalloc_round, 4096, 64, 61, NULL },
	{ "vmalloc_64k", vmalloc_round, 64 << 10, 64, 61, NULL },
	{ "vmalloc_4m", vmalloc_round, 4 << 20, 16, 41, NULL },
};

BENCH_INSIDE(bench_kmem, ops, "cost of kernel objects and addresses");
