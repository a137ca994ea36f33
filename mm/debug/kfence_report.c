/*
 * KFENCE's reports, in Linux's words and layout.
 *
 *	==================================================================
 *	BUG: KFENCE: out-of-bounds read in culprit+0x1d/0x40
 *
 *	Out-of-bounds read at 0xffff88801f8a0fff (1B left of kfence-#72):
 *	 culprit+0x1d/0x40
 *	 ...
 *
 *	kfence-#72: 0xffff88801f8a1000-0xffff88801f8a101f, size=32, cache=kmalloc-32
 *
 *	allocated by task 1 on cpu 0 at 0.919330s (0.000120s ago):
 *	 owner+0x12/0x30
 *	 ...
 *
 *	CPU: 0 PID: 1 Comm: init
 *	==================================================================
 *
 * The innermost function is the culprit's: that of the fault, or the first that does not belong to the allocator.
 *
 * Locks: the report's own (oops_begin); the caller has the object's. Mirrors Linux mm/kfence/report.c. Exercised by the
 * kfence suite.
 */
#include "arch/x86/stacktrace.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/kallsyms.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/kfence_internal.h"
#include "mm/slab/slab.h"

/* To a file or to the log. */
static __printf(2, 3) void put(struct seq_file *seq, const char *fmt, ...)
{
	char line[240];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (seq)
		seq_puts(seq, line);
	else
		printk(KERN_ERR "%s", line);
}

/* ---- stacks ---- */

static bool of_the_allocator(unsigned long addr)
{
	static const char *const prefixes[] = {
		"kfence_",	"__kfence_",	    "guarded_",	       "slab_",
		"__slab_",	"kmem_cache_alloc", "kmem_cache_free", "__kmem_cache_",
		"kmalloc",	"__kmalloc",	    "kfree",	       "__kfree",
		"check_canary", "krealloc",	    "do_krealloc",     "kvfree",
		"kvmalloc"
	};
	unsigned long size, offset;
	const char *name = kallsyms_lookup(addr - 1, &size, &offset);

	for (int i = 0; name && i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

/* How many innermost frames are the allocator's own. */
static unsigned int allocator_frames(const unsigned long *entries, unsigned int nr)
{
	unsigned int n = 0;

	while (n + 1 < nr && of_the_allocator(entries[n]))
		n++;
	return n;
}

static void print_stack(struct seq_file *seq, const unsigned long *entries, unsigned int nr,
			bool first_is_ip)
{
	for (unsigned int i = 0; i < nr; i++) {
		if (!i && first_is_ip)
			put(seq, " %pS\n", (void *)entries[i]);
		else
			put(seq, " %pB\n", (void *)entries[i]);
	}
}

/* ---- one object ---- */

static void print_track(struct seq_file *seq, const char *what, const struct kfence_track *t)
{
	u64 us = t->ts_nsec / 1000, ago = (local_clock() - t->ts_nsec) / 1000;
	unsigned int skip = allocator_frames(t->entries, t->nr);

	put(seq, "%s by task %d on cpu %d at %llu.%06llus (%llu.%06llus ago):\n", what, t->pid,
	    t->cpu, us / 1000000, us % 1000000, ago / 1000000, ago % 1000000);
	print_stack(seq, t->entries + skip, t->nr - skip, false);
}

static long object_number(const struct kfence_metadata *meta)
{
	return meta - kfence_metadata;
}

void kfence_print_object(struct seq_file *seq, const struct kfence_metadata *meta)
{
	if (meta->state == KFENCE_OBJECT_UNUSED) {
		put(seq, "kfence-#%ld unused\n", object_number(meta));
		return;
	}
	put(seq, "kfence-#%ld: 0x%px-0x%px, size=%zu, cache=%s\n", object_number(meta),
	    (void *)meta->addr, (void *)(meta->addr + meta->size - 1), meta->size,
	    meta->cache ? kmem_cache_name(meta->cache) : "<destroyed>");
	put(seq, "\n");
	print_track(seq, "allocated", &meta->alloc);
	if (meta->state == KFENCE_OBJECT_FREED) {
		put(seq, "\n");
		print_track(seq, "freed", &meta->freed);
	}
}

/* The bytes from address on, up to 16 of this side of the object: a dot for each that is right. */
static void print_wrong_bytes(char *text, size_t size, unsigned long address,
			      const struct kfence_metadata *meta)
{
	unsigned long end = address < meta->addr ? meta->addr : PAGE_ALIGN(address + 1);
	int at = scnprintf(text, size, "[");

	for (unsigned long a = address; a < min(end, address + 16); a++) {
		u8 byte = *(u8 *)a;

		if (byte == KFENCE_CANARY(a))
			at += scnprintf(text + at, size - at, " .");
		else
			at += scnprintf(text + at, size - at, " 0x%02x", byte);
	}
	scnprintf(text + at, size - at, " ]");
}

/* ---- the report ---- */

static void print_what(unsigned long address, bool is_write, const struct kfence_metadata *meta,
		       enum kfence_error_type type, unsigned long culprit, bool culprit_is_ip)
{
	const char *access = is_write ? "write" : "read";
	char where[KSYM_SYMBOL_LEN], bytes[100];

	if (culprit_is_ip)
		sprint_symbol(where, culprit);
	else
		sprint_backtrace(where, culprit);
	switch (type) {
	case KFENCE_ERROR_OOB: {
		bool left = address < meta->addr;
		unsigned long far = left ? meta->addr - address
					 : address - (meta->addr + meta->size) + 1;

		put(NULL, "BUG: KFENCE: out-of-bounds %s in %s\n", access, where);
		put(NULL, "\n");
		put(NULL, "Out-of-bounds %s at 0x%px (%luB %s of kfence-#%ld):\n", access,
		    (void *)address, far, left ? "left" : "right", object_number(meta));
		break;
	}
	case KFENCE_ERROR_UAF:
		put(NULL, "BUG: KFENCE: use-after-free %s in %s\n", access, where);
		put(NULL, "\n");
		put(NULL, "Use-after-free %s at 0x%px (in kfence-#%ld):\n", access, (void *)address,
		    object_number(meta));
		break;
	case KFENCE_ERROR_CORRUPTION:
		print_wrong_bytes(bytes, sizeof(bytes), address, meta);
		put(NULL, "BUG: KFENCE: memory corruption in %s\n", where);
		put(NULL, "\n");
		put(NULL, "Corrupted memory at 0x%px %s (in kfence-#%ld):\n", (void *)address,
		    bytes, object_number(meta));
		break;
	case KFENCE_ERROR_INVALID:
		put(NULL, "BUG: KFENCE: invalid %s in %s\n", access, where);
		put(NULL, "\n");
		put(NULL, "Invalid %s at 0x%px:\n", access, (void *)address);
		break;
	case KFENCE_ERROR_INVALID_FREE:
		put(NULL, "BUG: KFENCE: invalid free in %s\n", where);
		put(NULL, "\n");
		if (meta)
			put(NULL, "Invalid free of 0x%px (in kfence-#%ld):\n", (void *)address,
			    object_number(meta));
		else
			put(NULL, "Invalid free of 0x%px:\n", (void *)address);
		break;
	}
}

void kfence_report_error(unsigned long address, bool is_write, const struct pt_regs *regs,
			 const struct kfence_metadata *meta, enum kfence_error_type type)
{
	unsigned long entries[KFENCE_STACK_DEPTH], irqflags = oops_begin();
	unsigned int nr, skip = 0;

	if (regs) {
		nr = stack_trace_save_regs(regs, entries, KFENCE_STACK_DEPTH);
	} else {
		nr = stack_trace_save(entries, KFENCE_STACK_DEPTH, 0);
		skip = allocator_frames(entries, nr);
	}
	put(NULL, "==================================================================\n");
	print_what(address, is_write, meta, type, nr ? entries[skip] : 0, regs != NULL);
	print_stack(NULL, entries + skip, nr - skip, regs != NULL);
	if (meta) {
		put(NULL, "\n");
		kfence_print_object(NULL, meta);
	}
	put(NULL, "\n");
	put(NULL, "CPU: %d PID: %d Comm: %s\n", smp_processor_id(), current->pid, current->comm);
	put(NULL, "==================================================================\n");
	add_taint(TAINT_BAD_PAGE);
	oops_end(irqflags);
}
