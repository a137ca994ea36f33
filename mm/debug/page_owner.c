/*
 * page_owner=on: for each page who allocated it, when, for what, and from where; and who freed it last.
 *
 * 1. The records are page_ext's. Each page of a block has a full record, so split_page() and an address in the middle of a
 *    block are no special cases; `order` tells which pages belong together.
 * 2. PAGE_EXT_OWNER says that a record was ever written, PAGE_EXT_OWNER_ALLOCATED that the page is in use. After a
 *    free the record stays and gets who freed it: that is what one wants to read when a freed page was touched.
 * 3. Records are there before the first page is handed out (page_debug_init() runs before mem_init()), so no page is
 *    without an owner, except those that never went through the allocator: reserved ones.
 * 4. Records are read without a lock: a page that changes hands meanwhile gives a mixed record, which the file's reader has to
 *    bear with; never a bad pointer, as stacks are only handles.
 * 5. /sys/kernel/debug/page_owner has a record of text for each block in use. The file's position is a frame number: each
 *    read() gives one record.
 *
 * Mirrors Linux mm/page_owner.c. Exercised by the pagedebug suite and tests/boot/test_pagedebug.py.
 */
#include "mm/debug/page_owner.h"

#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/fs/sysfs/debugfs.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/debug_internal.h"
#include "mm/debug/page_ext.h"
#include "mm/debug/stackdepot.h"
#include "mm/phys/buddy.h"
#include "mm/phys/deferred.h"
#include "mm/phys/page.h"
#include "mm/slab/slab.h"

#define STACK_DEPTH 16
#define SEEK_SET    0
#define SEEK_CUR    1

static int __init param_page_owner(char *value)
{
	bool on = debug_param_bool("page_owner", value);

	page_debug_set(PAGE_DEBUG_OWNER, on);
	if (on)
		stack_depot_request_early_init();
	return 0;
}
early_param("page_owner", param_page_owner);

static bool page_owner_need(void)
{
	return page_debug_has(PAGE_DEBUG_OWNER);
}

static void page_owner_ready(bool there)
{
	page_debug_set(PAGE_DEBUG_OWNER, there);
}

struct page_ext_operations page_owner_ops = {
	.name = "page_owner",
	.size = sizeof(struct page_owner),
	.need = page_owner_need,
	.ready = page_owner_ready,
};

static struct page_owner *owner_of(struct page_ext *ext)
{
	return page_ext_data(ext, &page_owner_ops);
}

/* ---- hooks ---- */

void page_owner_alloc(struct page *page, unsigned int order, gfp_t gfp)
{
	/* Skipped: this function and the hook that called it. */
	struct page_owner owner = {
		.order = order,
		.last_migrate_reason = -1,
		.gfp_mask = gfp,
		.handle = stack_depot_save_here(STACK_DEPTH, 2),
		.ts_nsec = local_clock(),
		.pid = current->pid,
		.tgid = current->tgid,
	};

	memcpy(owner.comm, current->comm, sizeof(owner.comm));
	for (unsigned long i = 0; i < BIT(order); i++) {
		struct page_ext *ext = page_ext_get(page + i);
		struct page_owner *o;

		if (!ext)
			continue;
		o = owner_of(ext);
		owner.free_handle = o->free_handle;
		owner.free_ts_nsec = o->free_ts_nsec;
		owner.free_pid = o->free_pid;
		owner.free_tgid = o->free_tgid;
		*o = owner;
		ext->flags |= BIT(PAGE_EXT_OWNER) | BIT(PAGE_EXT_OWNER_ALLOCATED);
	}
}

void page_owner_free(struct page *page, unsigned int order)
{
	u32 handle = 0;
	u64 now = local_clock();

	for (unsigned long i = 0; i < BIT(order); i++) {
		struct page_ext *ext = page_ext_peek(page + i);
		struct page_owner *o;

		/* Boot's gift to the allocator: nobody had it before. */
		if (!ext || !(ext->flags & BIT(PAGE_EXT_OWNER)))
			continue;
		if (!handle)
			handle = stack_depot_save_here(STACK_DEPTH, 2);
		o = owner_of(ext);
		o->free_handle = handle;
		o->free_ts_nsec = now;
		o->free_pid = current->pid;
		o->free_tgid = current->tgid;
		ext->flags &= ~BIT(PAGE_EXT_OWNER_ALLOCATED);
	}
}

void page_owner_split(struct page *page, unsigned int order)
{
	for (unsigned long i = 0; i < BIT(order); i++) {
		struct page_ext *ext = page_ext_get(page + i);

		if (ext)
			owner_of(ext)->order = 0;
	}
}

void page_owner_copy(struct folio *newfolio, struct folio *old)
{
	for (unsigned long i = 0; i < folio_nr_pages(old); i++) {
		struct page_ext *to = page_ext_get(folio_page(newfolio, i));
		struct page_ext *from = page_ext_get(folio_page(old, i));
		struct page_owner *o, kept;

		if (!to || !from)
			continue;
		/* All but the freeing, which is the frame's and not the contents' history. */
		o = owner_of(to);
		kept = *o;
		*o = *owner_of(from);
		o->free_handle = kept.free_handle;
		o->free_ts_nsec = kept.free_ts_nsec;
		o->free_pid = kept.free_pid;
		o->free_tgid = kept.free_tgid;
		to->flags |= BIT(PAGE_EXT_OWNER) | BIT(PAGE_EXT_OWNER_ALLOCATED);
	}
}

void page_owner_set_migrate_reason(struct page *page, int reason)
{
	struct page_ext *ext = page_ext_get(page);

	if (ext)
		owner_of(ext)->last_migrate_reason = reason;
}

/* ---- reading ---- */

bool page_owner_read(const struct page *page, struct page_owner *out, bool *allocated)
{
	struct page_ext *ext = page_debug_has(PAGE_DEBUG_OWNER) ? page_ext_peek(page) : NULL;

	if (!ext || !(ext->flags & BIT(PAGE_EXT_OWNER)))
		return false;
	*out = *owner_of(ext);
	out->comm[sizeof(out->comm) - 1] = '\0';
	*allocated = ext->flags & BIT(PAGE_EXT_OWNER_ALLOCATED);
	return true;
}

static const char *migrate_reason_name(int reason)
{
	static const char *const names[] = {
		"compaction",	     "memory_failure",	"memory_hotplug",
		"syscall_or_cpuset", "mempolicy_mbind", "numa_misplaced",
		"contig_range",	     "longterm_pin",	"demotion",
	};

	return reason >= 0 && reason < ARRAY_SIZE(names) ? names[reason] : "unknown";
}

static void dump_stack_of(u32 handle, const char *what)
{
	if (!handle)
		pr_alert("page_owner %s stack trace missing\n", what);
	else
		stack_depot_print(handle);
}

void dump_page_owner(const struct page *page)
{
	struct page_owner o;
	char names[160];
	bool allocated;

	if (!page_debug_has(PAGE_DEBUG_OWNER))
		return;
	if (!page_owner_read(page, &o, &allocated)) {
		pr_alert("page_owner info is not present (never set?)\n");
		return;
	}
	pr_alert("page_owner tracks the page as %s\n", allocated ? "allocated" : "freed");
	pr_alert("page last allocated via order %u, migratetype %s, gfp_mask %#x(%s), pid %d, tgid "
		 "%d (%s), ts %llu, free_ts %llu\n",
		 o.order, migratetype_names[gfp_migratetype(o.gfp_mask)], o.gfp_mask,
		 gfp_flags_string(o.gfp_mask, names, sizeof(names)), o.pid, o.tgid, o.comm,
		 o.ts_nsec, o.free_ts_nsec);
	dump_stack_of(o.handle, "allocation");
	if (o.free_handle)
		pr_alert("page last free pid %d tgid %d stack trace:\n", o.free_pid, o.free_tgid);
	dump_stack_of(o.free_handle, "free");
	if (o.last_migrate_reason != -1)
		pr_alert("page has been migrated, last migrate reason: %s\n",
			 migrate_reason_name(o.last_migrate_reason));
}

/* ---- /sys/kernel/debug/page_owner ---- */

static int format_record(char *buf, size_t size, const struct page *page,
			 const struct page_owner *o)
{
	unsigned long pfn = page_to_pfn(page);
	char names[160];
	int n;

	n = scnprintf(
		buf, size,
		"Page allocated via order %u, mask %#x(%s), pid %d, tgid %d (%s), ts %llu ns\n",
		o->order, o->gfp_mask, gfp_flags_string(o->gfp_mask, names, sizeof(names)), o->pid,
		o->tgid, o->comm, o->ts_nsec);
	n += scnprintf(buf + n, size - n,
		       "PFN 0x%lx type %s Block %lu type %s Flags %#lx(%s|node=%d|zone=%d)\n", pfn,
		       migratetype_names[gfp_migratetype(o->gfp_mask)], pfn >> pageblock_order,
		       migratetype_names[get_pfnblock_migratetype(pfn)], page->flags,
		       page_flags_string(page->flags, names, sizeof(names)), page_to_nid(page),
		       page_zonenum(page));
	n += stack_depot_snprint(o->handle, buf + n, size - n, 0);
	if (o->last_migrate_reason != -1)
		n += scnprintf(buf + n, size - n,
			       "Page has been migrated, last migrate reason: %s\n",
			       migrate_reason_name(o->last_migrate_reason));
	return n + scnprintf(buf + n, size - n, "\n");
}

/* The first block in use at or behind *pfn: its record, and *pfn behind its first page. NULL: there is none. */
static struct page *next_block(unsigned long *pfn, struct page_owner *o)
{
	unsigned long at = *pfn;

	for (unsigned long seen = 0; at < max_pfn; at++, seen++) {
		struct page *page;
		bool allocated;

		if (!(seen & 1023))
			cond_resched();
		if (!pfn_valid(at)) {
			at |= MAX_ORDER_NR_PAGES - 1;
			continue;
		}
		page = pfn_to_page(at);
		if (PageBuddy(page)) {
			/* Without the lock it may be free no longer, and private anything. */
			unsigned long order = READ_ONCE(page->private);

			if (order <= MAX_PAGE_ORDER)
				at += BIT(order) - 1;
			continue;
		}
		if (PageReserved(page) || !page_owner_read(page, o, &allocated) || !allocated ||
		    !o->handle || !IS_ALIGNED(at, BIT(o->order)))
			continue;
		*pfn = at + 1;
		return page;
	}
	return NULL;
}

static ssize_t page_owner_file_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	unsigned long pfn = *ppos;
	struct page_owner owner;
	struct page *page;
	char *text;
	int n;

	if (*ppos < 0)
		return -EINVAL;
	deferred_init_wait();
	page = next_block(&pfn, &owner);
	if (!page)
		return 0;
	text = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	n = format_record(text, PAGE_SIZE, page, &owner);
	if (n > count)
		n = -ENOMEM; /* as on Linux: a record is read whole or not at all */
	else if (copy_to_user(buf, text, n))
		n = -EFAULT;
	else
		*ppos = pfn;
	kfree(text);
	return n;
}

static loff_t page_owner_llseek(struct file *file, loff_t offset, int whence)
{
	if (whence == SEEK_CUR)
		offset += file->f_pos;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (offset < 0)
		return -EINVAL;
	file->f_pos = offset;
	return offset;
}

static const struct file_operations page_owner_fops = {
	.read = page_owner_file_read,
	.llseek = page_owner_llseek,
};

static int page_owner_debugfs(void)
{
	if (!page_debug_has(PAGE_DEBUG_OWNER))
		return 0;
	return PTR_ERR_OR_ZERO(
		debugfs_create_file("page_owner", 0400, NULL, NULL, &page_owner_fops));
}
late_initcall(page_owner_debugfs);
