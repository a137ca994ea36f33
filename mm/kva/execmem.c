/*
 * Memory for code.
 *
 * 1. The pages are an area of vmalloc, taken from execmem space. Their alias in the linear map is
 *    read-only with them (set_memory.c), and is made as it was when the area is freed.
 * 2. Writing into code that stays executable goes through one fixmap slot: the slot is pointed at the
 *    frame, written through, and cleared, on one CPU with interrupts off. Another CPU could have
 *    fetched the slot's entry on a guess, but it uses the slot only after flushing it itself.
 * 3. A CPU that fetched the old bytes must not run them: after a write each CPU executes a serialising
 *    instruction (SDM 3A, 9.1.3).
 *
 * Lock: text_mutex, the slot's. Mirrors Linux mm/execmem.c, arch/x86/kernel/alternative.c (text_poke).
 * Exercised by the execmem suite.
 */
#include "mm/kva/execmem.h"

#include "arch/x86/irqflags.h"
#include "kernel/bug.h"
#include "kernel/mutex.h"
#include "kernel/smp.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/boot/fixmap.h"
#include "mm/kva/set_memory.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/mmzone.h"
#include "mm/phys/page.h"

#define INT3 0xcc

static DEFINE_MUTEX(text_mutex); /* FIX_TEXT_POKE0 */

static bool is_execmem(const void *ptr, size_t size)
{
	unsigned long addr = (unsigned long)ptr;

	return addr >= EXECMEM_START && addr < EXECMEM_END && size <= EXECMEM_END - addr;
}

void *execmem_alloc(enum execmem_type type, size_t size)
{
	bool code = type != EXECMEM_MODULE_DATA;
	void *p;

	if (WARN_ONCE(!size || size > EXECMEM_END - EXECMEM_START || type >= EXECMEM_TYPE_MAX,
		      "execmem_alloc(%d, %zu) from %pS: there is no such memory\n", type, size,
		      __builtin_return_address(0)))
		return NULL;
	p = __vmalloc_node_range(size, PAGE_SIZE, EXECMEM_START, EXECMEM_END, GFP_KERNEL,
				 PAGE_KERNEL, 0, NUMA_NO_NODE, __builtin_return_address(0));
	if (!p)
		return NULL;
	memset(p, code ? INT3 : 0, PAGE_ALIGN(size));
	if (code && execmem_restore_rox(p, size)) {
		vfree(p);
		return NULL;
	}
	return p;
}

void execmem_free(void *ptr)
{
	if (!ptr || WARN_ONCE(!is_execmem(ptr, 1), "execmem_free(%px): not execmem\n", ptr))
		return;
	vfree(ptr);
}

static void do_sync_core(void *unused)
{
	u32 eax = 0, ebx, ecx = 0, edx;

	__asm__ __volatile__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx) : : "memory");
}

/* Part of one page. => text_mutex held */
static void poke(unsigned long pfn, unsigned long offset, const void *src, size_t size)
{
	unsigned long flags;

	local_irq_save(flags);
	set_fixmap(FIX_TEXT_POKE0, PFN_PHYS(pfn));
	memcpy((char *)fix_to_virt(FIX_TEXT_POKE0) + offset, src, size);
	clear_fixmap(FIX_TEXT_POKE0);
	local_irq_restore(flags);
}

void *execmem_update_copy(void *dst, const void *src, size_t size)
{
	size_t done, n;

	if (WARN_ONCE(!is_execmem(dst, size), "execmem_update_copy(%px): not execmem\n", dst))
		return NULL;
	mutex_lock(&text_mutex);
	for (done = 0; done < size; done += n) {
		char *to = (char *)dst + done;
		unsigned long offset = (unsigned long)to & ~PAGE_MASK;
		unsigned long pfn = vmalloc_to_pfn(to);

		if (WARN_ONCE(!pfn, "execmem_update_copy(%px): nothing is there\n", to))
			break;
		n = min(size - done, PAGE_SIZE - offset);
		poke(pfn, offset, (const char *)src + done, n);
	}
	mutex_unlock(&text_mutex);
	on_each_cpu(do_sync_core, NULL, true);
	return done < size ? NULL : dst;
}

static int pages_around(const void *ptr, size_t size)
{
	return (PAGE_ALIGN((unsigned long)ptr + size) - ((unsigned long)ptr & PAGE_MASK)) >>
	       PAGE_SHIFT;
}

int execmem_make_temp_rw(void *ptr, size_t size)
{
	unsigned long addr = (unsigned long)ptr & PAGE_MASK;
	int err;

	if (!is_execmem(ptr, size))
		return -EINVAL;
	err = set_memory_nx(addr, pages_around(ptr, size));
	return err ? err : set_memory_rw(addr, pages_around(ptr, size));
}

int execmem_restore_rox(void *ptr, size_t size)
{
	if (!is_execmem(ptr, size))
		return -EINVAL;
	return set_memory_rox((unsigned long)ptr & PAGE_MASK, pages_around(ptr, size));
}
