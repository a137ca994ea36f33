/*
 * KASAN: what is said about a bad access, in Linux's layout.
 *
 *	==================================================================
 *	BUG: KASAN: slab-out-of-bounds in who_did_it+0x6c/0x120
 *	Write of size 1 at addr ffff888003c2a07b by task sh/31
 *
 *	CPU: 0 PID: 31 Comm: sh
 *	Call Trace: ...
 *
 *	Allocated by task 31: ...
 *	The buggy address belongs to the object at ffff888003c2a000
 *	 which belongs to the cache kmalloc-128 of size 128
 *	The buggy address is located 0 bytes to the right of
 *	 allocated 123-byte region [ffff888003c2a000, ffff888003c2a07b)
 *
 *	Memory state around the buggy address:
 *	>ffff888003c2a000: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 03
 *	                                                                ^
 *
 * 1. The kind follows from the shadow byte of the first bad address. The access itself is made afterwards, whatever it does;
 *    a bad free is not made. The kernel goes on, tainted, and does not report again: what follows is often nonsense.
 *    kasan_multi_shot on the command line: each is reported. kasan.fault=panic: the first is the end (tests).
 * 2. What the report itself reads is not checked, nor is anything else that this CPU does meanwhile.
 *
 * Locks: the report's own (oops_begin). Mirrors Linux mm/kasan/report.c. Exercised by the kasan suite.
 */
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "mm/debug/debug_internal.h"
#include "mm/debug/kasan_internal.h"

static bool multi_shot, fault_panics;
static unsigned int reported; /* anything yet? */

static int __init param_multi_shot(char *value)
{
	multi_shot = true;
	return 0;
}
early_param("kasan_multi_shot", param_multi_shot);

static int __init param_fault(char *value)
{
	return param_report_or_panic("kasan.fault", value, &fault_panics);
}
early_param("kasan.fault", param_fault);

bool kasan_save_enable_multi_shot(void)
{
	return __atomic_exchange_n(&multi_shot, true, __ATOMIC_RELAXED);
}

void kasan_restore_multi_shot(bool enabled)
{
	WRITE_ONCE(multi_shot, enabled);
}

bool kasan_save_fault_report(void)
{
	return __atomic_exchange_n(&fault_panics, false, __ATOMIC_RELAXED);
}

void kasan_restore_fault(bool panic)
{
	WRITE_ONCE(fault_panics, panic);
}

/* ---- what kind ---- */

/*
 * The first bad byte, and the shadow that says why: of a granule that is accessible in part, the next one's.
 * NULL: the range is fine.
 */
static const void *first_bad(const void *addr, size_t size, u8 *value)
{
	const char *p = addr, *end = p + size, *granule;
	s8 v;

	for (; p < end; p = granule + KASAN_GRANULE_SIZE) {
		granule = PTR_ALIGN_DOWN(p, KASAN_GRANULE_SIZE);
		*value = KASAN_VMALLOC_INVALID;
		if (!kasan_read_shadow(granule, &v))
			return p;
		*value = v;
		if (v < 0)
			return p;
		if (!v || end <= granule + v)
			continue;
		if (kasan_read_shadow(granule + KASAN_GRANULE_SIZE, &v))
			*value = v;
		return max(p, granule + *(s8 *)kasan_mem_to_shadow(granule));
	}
	return NULL;
}

static const char *kind_of_shadow(u8 value)
{
	switch (value) {
	case KASAN_PAGE_REDZONE:
	case KASAN_SLAB_REDZONE:
		return "slab-out-of-bounds";
	case KASAN_SLAB_FREE:
		return "slab-use-after-free";
	case KASAN_MEMPOOL_FREE:
	case KASAN_FREE_PAGE:
		return "use-after-free";
	case KASAN_GLOBAL_REDZONE:
		return "global-out-of-bounds";
	case KASAN_STACK_LEFT:
	case KASAN_STACK_MID:
	case KASAN_STACK_RIGHT:
	case KASAN_STACK_PARTIAL:
		return "stack-out-of-bounds";
	case KASAN_ALLOCA_LEFT:
	case KASAN_ALLOCA_RIGHT:
		return "alloca-out-of-bounds";
	case KASAN_VMALLOC_INVALID:
		return "vmalloc-out-of-bounds";
	default:
		return "out-of-bounds";
	}
}

static const char *kind_without_shadow(unsigned long addr)
{
	if (addr < PAGE_SIZE)
		return "null-ptr-deref";
	return addr < TASK_SIZE ? "user-memory-access" : "wild-memory-access";
}

/* ---- the report ---- */

/* May there be a report, and is it this CPU that makes it? */
static bool may_report(void)
{
	if (!kasan_ready || kasan_is_off())
		return false;
	return !__atomic_exchange_n(&reported, 1, __ATOMIC_RELAXED) || READ_ONCE(multi_shot);
}

static unsigned long start_report(void)
{
	unsigned long flags = oops_begin();

	kasan_disable_current();
	pr_err("==================================================================\n");
	return flags;
}

static void end_report(unsigned long flags)
{
	pr_err("==================================================================\n");
	add_taint(TAINT_BAD_PAGE);
	if (READ_ONCE(fault_panics))
		panic("kasan.fault=panic set ...");
	kasan_enable_current();
	oops_end(flags);
}

bool kasan_report(const void *addr, size_t size, bool write, unsigned long ip)
{
	const void *bad = addr;
	const char *kind;
	unsigned long flags;
	u8 value = 0;

	if (!may_report())
		return false;
	flags = start_report();
	if ((long)size < 0) {
		kind = "negative-size-param";
	} else if (!addr_has_shadow(addr)) {
		kind = kind_without_shadow((unsigned long)addr);
	} else {
		bad = first_bad(addr, size, &value) ?: addr;
		kind = kind_of_shadow(value);
	}
	pr_err("BUG: KASAN: %s in %pS\n", kind, (void *)ip);
	pr_err("%s of size %zu at addr %px by task %.15s/%d\n\n", write ? "Write" : "Read", size,
	       addr, current->comm, current->pid);
	dump_stack();
	pr_err("\n");
	if (addr_has_shadow(addr) && (long)size >= 0) {
		kasan_describe_address(bad, 1, value);
		kasan_print_memory_state(bad);
	}
	end_report(flags);
	return true;
}

void kasan_report_invalid_free(const void *addr, unsigned long ip, bool twice)
{
	unsigned long flags;
	s8 value = 0;

	if (!may_report())
		return;
	flags = start_report();
	pr_err("BUG: KASAN: %s in %pS\n", twice ? "double-free" : "invalid-free", (void *)ip);
	pr_err("Free of addr %px by task %.15s/%d\n\n", addr, current->comm, current->pid);
	dump_stack();
	pr_err("\n");
	kasan_read_shadow(addr, &value);
	kasan_describe_address(addr, 0, value);
	kasan_print_memory_state(addr);
	end_report(flags);
}
