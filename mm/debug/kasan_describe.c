/*
 * KASAN: whose memory a bad address is, and what the shadow around it looks like.
 *
 * An address is asked in turn of slab (its object: who allocated it, who freed it), of the stacks (the frame, which the
 * compiler has described in front of its variables), of the global variables, of vmalloc's areas; behind most of them
 * stands a page, which is dumped as well.
 *
 * A frame with red zones begins, at an address that is a multiple of 32, with three words: a magic number, a text, and
 * the function. The text is "N [offset size length-of-name name]..."; its shadow begins with left red zone (0xf1).
 *
 * Locks: none; the list of areas is read only if its lock is free. Mirrors Linux mm/kasan/report{,_generic}.c. Exercised by
 * the kasan suite.
 */
#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "lib/printf.h"
#include "mm/debug/kasan_internal.h"
#include "mm/debug/kfence.h"
#include "mm/kva/kva_internal.h"
#include "mm/slab/slab_internal.h"

/* ---- objects ---- */

static void print_track(const struct kasan_track *t, const char *what)
{
	pr_err("%s by task %u:\n", what, t->pid);
	if (t->stack)
		stack_depot_print(t->stack);
	else
		pr_err("(stack is not available)\n");
	pr_err("\n");
}

static void print_tracks(const struct kasan_meta *meta, u8 shadow)
{
	if (meta->alloc.stack)
		print_track(&meta->alloc, "Allocated");
	if (meta->free.stack && (shadow == KASAN_SLAB_FREE || shadow == KASAN_MEMPOOL_FREE))
		print_track(&meta->free, "Freed");
	for (int i = 0; i < 2; i++) {
		if (!meta->aux[i])
			continue;
		pr_err("%s potentially related work creation:\n", i ? "Second to last" : "Last");
		stack_depot_print(meta->aux[i]);
		pr_err("\n");
	}
}

/* Bytes of the object that may be used; all of a freed one. */
static size_t accessible_size(const void *object, size_t all)
{
	size_t size = 0;
	s8 v;

	while (size < all && kasan_read_shadow((const char *)object + size, &v) && v >= 0) {
		size += v ?: KASAN_GRANULE_SIZE;
		if (v)
			break;
	}
	return size ? min(size, all) : all;
}

static void describe_place(const char *addr, const char *start, size_t size, const char *state)
{
	const char *where = "inside";
	long distance = addr - start;

	if (addr < start) {
		where = "to the left";
		distance = start - addr;
	} else if (addr >= start + size) {
		where = "to the right";
		distance = addr - (start + size);
	}
	pr_err("The buggy address is located %ld bytes %s of\n %s%zu-byte region [%px, %px)\n\n",
	       distance, where, state, size, start, start + size);
}

static void describe_object(struct slab *slab, const char *addr)
{
	struct kmem_cache *s = slab->slab_cache;
	unsigned int n = min(obj_to_index(s, slab, addr), (unsigned int)slab->objects - 1);
	char *object = nth_object(s, slab, n);
	bool freed, pool;
	s8 v = 0;

	/* In front of an object with a left red zone: still this slot. */
	kasan_read_shadow(object, &v);
	pool = (u8)v == KASAN_MEMPOOL_FREE;
	freed = (u8)v == KASAN_SLAB_FREE || pool;
	print_tracks(kasan_get_meta(s, object), v);
	pr_err("The buggy address belongs to the object at %px\n which belongs to the cache %s of "
	       "size %u\n",
	       object, s->name, s->object_size);
	describe_place(addr, object, accessible_size(object, s->object_size),
		       pool	? "pooled "
		       : freed	? "freed "
		       : v >= 0 ? "allocated "
				: "");
}

/* ---- stacks ---- */

#define FRAME_MAGIC 0x41B58AB3

/* The start of the described frame that holds addr, by its shadow; NULL. => addr on the current stack */
static const unsigned long *find_frame(const char *addr, const char *stack)
{
	const char *p = PTR_ALIGN_DOWN(addr, KASAN_GRANULE_SIZE);
	s8 v;

	while (p >= stack && kasan_read_shadow(p, &v) && (u8)v != KASAN_STACK_LEFT)
		p -= KASAN_GRANULE_SIZE;
	while (p >= stack && kasan_read_shadow(p, &v) && (u8)v == KASAN_STACK_LEFT)
		p -= KASAN_GRANULE_SIZE;
	p += KASAN_GRANULE_SIZE;
	if (p < stack || *(const unsigned long *)p != FRAME_MAGIC)
		return NULL;
	return (const unsigned long *)p;
}

static unsigned long next_number(const char **p)
{
	unsigned long n = 0;

	while (isdigit(**p))
		n = n * 10 + (*(*p)++ - '0');
	if (**p == ' ')
		++*p;
	return n;
}

static void print_variables(const char *text)
{
	unsigned long n = next_number(&text);

	pr_err("This frame has %lu object%s:\n", n, n == 1 ? "" : "s");
	while (n--) {
		unsigned long offset = next_number(&text), size = next_number(&text);
		unsigned long len = next_number(&text);
		int name = 0;

		/* gcc puts the line of the declaration behind the name, with a colon. */
		while (name < len && text[name] && text[name] != ':')
			name++;
		pr_err(" [%lu, %lu) '%.*s'\n", offset, offset + size, name, text);
		while (len-- && *text)
			text++;
		if (*text == ' ')
			text++;
	}
	pr_err("\n");
}

static void describe_stack(const char *addr)
{
	const unsigned long *frame = find_frame(addr, current->stack);

	pr_err("The buggy address belongs to stack of task %.15s/%d\n", current->comm,
	       current->pid);
	if (!frame) {
		pr_err("\n");
		return;
	}
	pr_err(" and is located at offset %lu in frame:\n %pS\n\n",
	       (unsigned long)(addr - (const char *)frame), (void *)frame[2]);
	print_variables((const char *)frame[1]);
}

/* ---- everything ---- */

static void describe_page(const struct page *page)
{
	pr_err("The buggy address belongs to the physical page:\n");
	dump_page(page, "kasan: bad access detected");
	pr_err("\n");
}

static bool describe_global(const char *addr)
{
	const struct kasan_global *g = kasan_find_global(addr);

	if (!g)
		return false;
	pr_err("The buggy address belongs to the variable:\n %s+%#lx/%#zx (%s)\n\n", g->name,
	       (unsigned long)(addr - (const char *)g->beg), g->size, g->module_name);
	return true;
}

static void describe_vmalloc(const char *addr)
{
	const struct vm_struct *vm = find_vm_area_nowait(addr);
	struct page *page = vmalloc_to_page(addr);

	if (vm)
		pr_err("The buggy address belongs to the virtual mapping at\n [%px, %px) created "
		       "by:\n %pS\n\n",
		       vm->addr, (char *)vm->addr + vm->size, vm->caller);
	else
		pr_err("The buggy address %px belongs to a vmalloc virtual mapping that is "
		       "gone\n\n",
		       addr);
	if (page)
		describe_page(page);
}

void kasan_describe_address(const void *addr, size_t size, u8 shadow)
{
	unsigned long a = (unsigned long)addr;
	struct page *page = NULL;

	if (a >= PAGE_OFFSET && a < VMALLOC_START && pfn_valid(virt_to_pfn(addr)))
		page = virt_to_page(addr);
	if (page && PageSlab(compound_head(page)) && !is_kfence_address(addr))
		describe_object(page_slab(compound_head(page)), addr);
	if (a >= (unsigned long)current->stack && a < (unsigned long)current->stack + THREAD_SIZE)
		describe_stack(addr);
	if (describe_global(addr))
		return;
	if (is_vmalloc_addr(addr))
		describe_vmalloc(addr);
	else if (page)
		describe_page(page);
	else
		pr_err("The buggy address %px is not of memory that somebody allocated\n\n", addr);
}

/* ---- the shadow around it ---- */

#define ROW_BYTES (16 * KASAN_GRANULE_SIZE)
#define ROWS	  2

void kasan_print_memory_state(const void *addr)
{
	unsigned long middle = ALIGN_DOWN((unsigned long)addr, ROW_BYTES);

	pr_err("Memory state around the buggy address:\n");
	for (int i = -ROWS; i <= ROWS; i++) {
		unsigned long row = middle + i * ROW_BYTES;
		char line[16 * 3 + 1];
		int n = 0;

		for (int k = 0; k < 16; k++) {
			s8 v;

			if (kasan_read_shadow((void *)(row + k * KASAN_GRANULE_SIZE), &v))
				n += scnprintf(line + n, sizeof(line) - n, " %02x", (u8)v);
			else
				n += scnprintf(line + n, sizeof(line) - n, " --");
		}
		pr_err("%c%016lx:%s\n", i ? ' ' : '>', row, line);
		if (!i)
			pr_err("%*c\n",
			       (int)(20 + ((unsigned long)addr - middle) / KASAN_GRANULE_SIZE * 3),
			       '^');
	}
}
