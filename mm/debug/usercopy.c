/*
 * Hardened usercopy: a copy to or from user space must stay inside one object of the kernel.
 *
 * 1. A wrong length in a copy is how most kernels leak their memory or lose control of it. Where the compiler does not
 *    know the length, copy_to_user() and copy_from_user() ask here first; a constant length is that of a type, and is
 *    not asked for. Off by `hardened_usercopy=off`; then it is one predicted branch.
 * 2. What the address lies in says how far the copy may go:
 *      the current stack   the locals of one function, found by frame pointers; the registers of the entry as a whole
 *      slab                one object, and of it the part that its cache declares for user space (mm/slab/usercopy.c)
 *      compound page       up to its end; large kmallocs are such pages
 *      vmalloc             up to the end of the area
 *      kernel text         nothing, under either of its addresses
 *    Single pages and static data have no bounds that are known here.
 * 3. A copy that fails the check is not made. The report names the object; the task is killed, as by an oops, and the
 *    machine goes on unless oops=panic or the task is one that it cannot do without.
 *
 * Locks: vmap_area_lock for vmalloc addresses; these are not looked up where faults are off, as the caller may then hold
 * any lock. Mirrors Linux mm/usercopy.c. Exercised by
 * tests/boot/test_usercopy.py.
 */
#include "arch/x86/uaccess.h"

#include "arch/x86/irqflags.h"
#include "arch/x86/stacktrace.h"
#include "kernel/bug.h"
#include "kernel/exit.h"
#include "kernel/init.h"
#include "arch/x86/traps.h"
#include "kernel/printk.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/usercopy.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/page.h"
#include "mm/slab/slab.h"

extern char _text[], _etext[];

bool usercopy_checks __ro_after_init = true;

static int __init hardened_usercopy_param(char *value)
{
	bool on;

	if (!value || kstrtobool(value, &on))
		pr_warn("hardened_usercopy=%s: on or off; it stays on\n", value ? value : "");
	else
		usercopy_checks = on;
	return 0;
}
early_param("hardened_usercopy", hardened_usercopy_param);

void usercopy_abort(const char *name, const char *detail, bool to_user, unsigned long offset,
		    unsigned long len)
{
	unsigned long flags = oops_begin();

	pr_emerg(
		"usercopy: Kernel memory %s attempt detected %s %s%s%s%s (offset %lu, size %lu)!\n",
		to_user ? "exposure" : "overwrite", to_user ? "from" : "to",
		name ? name : "unknown?!", detail ? " '" : "", detail ? detail : "",
		detail ? "'" : "", offset, len);
	pr_emerg("Oops: usercopy: CPU %d PID %d Comm %s\n", smp_processor_id(), current->pid,
		 current->comm);
	dump_stack();
	add_taint(TAINT_DIE);
	oops_end(flags);
	if (panic_on_oops || in_interrupt() || irqs_disabled() || current->pid <= 1 ||
	    (current->flags & PF_KTHREAD))
		panic("Fatal exception");
	make_task_dead(SIGKILL);
}

/* ---- what the address lies in ---- */

static __always_inline bool overlaps(unsigned long ptr, unsigned long n, unsigned long low,
				     unsigned long high)
{
	return ptr < high && ptr + n > low;
}

/*
 * Is [ptr, ptr + n), which lies in the current stack, among the locals of one function? A frame is two words, the caller's
 * frame pointer and the return address; the caller's locals follow, up to its own frame.
 */
static bool within_one_frame(unsigned long ptr, unsigned long n, unsigned long high)
{
	unsigned long frame = (unsigned long)__builtin_frame_address(0), next;

	if (ptr < frame)
		return false; /* below everything that is in use */
	for (;;) {
		next = *(unsigned long *)frame;
		if (next <= frame || next + 16 > high || (next & 7))
			break;
		if (ptr < next)
			return ptr >= frame + 16 && ptr + n <= next;
		frame = next;
	}
	/* The outermost function, or the entry with its registers. */
	return ptr >= frame + 16;
}

static noinline void check_stack_object(unsigned long ptr, unsigned long n, unsigned long low,
					bool to_user)
{
	unsigned long high = low + THREAD_SIZE;

	if (ptr < low || ptr + n > high || !within_one_frame(ptr, n, high))
		usercopy_abort("process stack", NULL, to_user, ptr - low, n);
}

static noinline void check_vmalloc_object(unsigned long ptr, unsigned long n, bool to_user)
{
	unsigned long start, size;
	struct vm_struct *vm;

	if (pagefault_disabled() || irqs_disabled())
		return;
	vm = find_vm_area((void *)ptr);
	if (!vm)
		usercopy_abort("vmalloc", "no area", to_user, 0, n);
	start = (unsigned long)vm->addr;
	size = vm->size - (vm->flags & VM_NO_GUARD ? 0 : PAGE_SIZE);
	if (ptr - start > size || n > size - (ptr - start))
		usercopy_abort("vmalloc", NULL, to_user, ptr - start, n);
}

static __always_inline void check_page_object(unsigned long ptr, unsigned long n, bool to_user)
{
	struct page *page = compound_head(virt_to_page(ptr));

	if (PageSlab(page)) {
		__check_heap_object(ptr, n, page, to_user);
	} else if (PageHead(page)) {
		unsigned long offset = ptr - (unsigned long)page_address(page);

		if (n > page_size(page) - offset)
			usercopy_abort("page alloc", NULL, to_user, offset, n);
	}
}

static void check_text(unsigned long ptr, unsigned long n, bool to_user)
{
	unsigned long low = (unsigned long)_text, high = (unsigned long)_etext;
	unsigned long alias = (unsigned long)__va(__pa_symbol(_text));

	if (overlaps(ptr, n, low, high))
		usercopy_abort("kernel text", NULL, to_user, ptr - low, n);
	if (overlaps(ptr, n, alias, alias + (high - low)))
		usercopy_abort("linear kernel text", NULL, to_user, ptr - alias, n);
}

void __check_object_size(const void *object, unsigned long n, bool to_user)
{
	unsigned long ptr = (unsigned long)object, stack = (unsigned long)current->stack;

	if (!n)
		return;
	if (unlikely(ptr + n - 1 < ptr))
		usercopy_abort("wrapped address", NULL, to_user, 0, ptr + n);
	if (unlikely(ZERO_OR_NULL_PTR(object)))
		usercopy_abort("null address", NULL, to_user, ptr, n);
	if (overlaps(ptr, n, stack, stack + THREAD_SIZE)) {
		check_stack_object(ptr, n, stack, to_user);
		return;
	}
	if (is_vmalloc_addr(object)) {
		check_vmalloc_object(ptr, n, to_user);
		return;
	}
	if (virt_addr_valid(object))
		check_page_object(ptr, n, to_user);
	check_text(ptr, n, to_user);
}
