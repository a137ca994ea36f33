/*
 * One page in words, flag words by name, and the report of a page whose state is wrong.
 *
 * Linux's console lines, so that whoever knows those can read these: dump_page() prints what every page has, then
 * what its head has, then the reason. Any context, no locks: what is printed may change while it is read.
 *
 * Mirrors Linux mm/debug.c, mm/page_alloc.c (bad_page), include/trace/events/mmflags.h. Exercised by the page_check suite.
 */
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/printk.h"
#include "kernel/task.h"
#include "lib/printf.h"
#include "mm/debug/page_owner.h"
#include "mm/phys/internal.h"

/* ---- names ---- */

static const struct {
	gfp_t bits;
	const char *name;
} gfp_names[] = {
	{ GFP_HIGHUSER_MOVABLE, "GFP_HIGHUSER_MOVABLE" },
	{ GFP_HIGHUSER, "GFP_HIGHUSER" },
	{ GFP_USER, "GFP_USER" },
	{ GFP_KERNEL_ACCOUNT, "GFP_KERNEL_ACCOUNT" },
	{ GFP_KERNEL, "GFP_KERNEL" },
	{ GFP_NOFS, "GFP_NOFS" },
	{ GFP_ATOMIC, "GFP_ATOMIC" },
	{ GFP_NOIO, "GFP_NOIO" },
	{ GFP_NOWAIT, "GFP_NOWAIT" },
	{ __GFP_DMA, "GFP_DMA" },
	{ __GFP_HIGHMEM, "__GFP_HIGHMEM" },
	{ __GFP_DMA32, "GFP_DMA32" },
	{ __GFP_MOVABLE, "__GFP_MOVABLE" },
	{ __GFP_RECLAIMABLE, "__GFP_RECLAIMABLE" },
	{ __GFP_HIGH, "__GFP_HIGH" },
	{ __GFP_IO, "__GFP_IO" },
	{ __GFP_FS, "__GFP_FS" },
	{ __GFP_ZERO, "__GFP_ZERO" },
	{ __GFP_DIRECT_RECLAIM, "__GFP_DIRECT_RECLAIM" },
	{ __GFP_KSWAPD_RECLAIM, "__GFP_KSWAPD_RECLAIM" },
	{ __GFP_WRITE, "__GFP_WRITE" },
	{ __GFP_NOWARN, "__GFP_NOWARN" },
	{ __GFP_RETRY_MAYFAIL, "__GFP_RETRY_MAYFAIL" },
	{ __GFP_NOFAIL, "__GFP_NOFAIL" },
	{ __GFP_NORETRY, "__GFP_NORETRY" },
	{ __GFP_MEMALLOC, "__GFP_MEMALLOC" },
	{ __GFP_COMP, "__GFP_COMP" },
	{ __GFP_NOMEMALLOC, "__GFP_NOMEMALLOC" },
	{ __GFP_HARDWALL, "__GFP_HARDWALL" },
	{ __GFP_THISNODE, "__GFP_THISNODE" },
	{ __GFP_ACCOUNT, "__GFP_ACCOUNT" },
};

/* Combinations first, then what single bits are left. */
char *gfp_flags_string(gfp_t gfp, char *buf, size_t len)
{
	size_t n = 0;

	buf[0] = '\0';
	for (int i = 0; i < ARRAY_SIZE(gfp_names); i++) {
		if ((gfp & gfp_names[i].bits) != gfp_names[i].bits)
			continue;
		n += scnprintf(buf + n, len - n, "%s%s", n ? "|" : "", gfp_names[i].name);
		gfp &= ~gfp_names[i].bits;
	}
	if (gfp)
		n += scnprintf(buf + n, len - n, "%s%#x", n ? "|" : "", gfp);
	if (!n)
		scnprintf(buf, len, "none");
	return buf;
}

static const char *const page_flag_names[__NR_PAGEFLAGS] = {
	"locked",      "writeback", "referenced", "uptodate",	"dirty",	"lru",
	"head",	       "waiters",   "active",	  "workingset", "owner_priv_1", "owner_2",
	"arch_1",      "reserved",  "private",	  "private_2",	"reclaim",	"swapbacked",
	"unevictable", "mlocked",   "hwpoison",	  "young",	"idle",
};

char *page_flags_string(unsigned long flags, char *buf, size_t len)
{
	size_t n = 0;

	buf[0] = '\0';
	for (int i = 0; i < __NR_PAGEFLAGS; i++)
		if (flags & BIT(i))
			n += scnprintf(buf + n, len - n, "%s%s", n ? "|" : "", page_flag_names[i]);
	return buf;
}

static const char *page_type_name(const struct page *page)
{
	static const char *const names[] = {
		[PGTY_buddy & 0xf] = "buddy",	    [PGTY_offline & 0xf] = "offline",
		[PGTY_table & 0xf] = "table",	    [PGTY_guard & 0xf] = "guard",
		[PGTY_hugetlb & 0xf] = "hugetlb",   [PGTY_slab & 0xf] = "slab",
		[PGTY_zsmalloc & 0xf] = "zsmalloc",
	};
	unsigned int type = (page->page_type >> 24) - PGTY_buddy;

	return type < ARRAY_SIZE(names) ? names[type] : NULL;
}

/* ---- one page ---- */

void dump_page(const struct page *page, const char *reason)
{
	const struct page *head = compound_head(page);
	char flags[128];

	pr_warn("page: refcount:%d mapcount:%d mapping:%px index:%#lx pfn:%#lx\n",
		page_ref_count(head), page_mapcount(page), head->mapping, head->index,
		page_to_pfn(page));
	if (PageHead(head))
		pr_warn("head: order:%u entire_mapcount:%d pincount:%d\n",
			compound_order((struct page *)head),
			atomic_read(&((struct folio *)head)->_entire_mapcount) + 1,
			atomic_read(&((struct folio *)head)->_pincount));
	pr_warn("flags: %#lx(%s|node=%d|zone=%d)\n", head->flags,
		page_flags_string(head->flags, flags, sizeof(flags)), page_to_nid(head),
		page_zonenum(head));
	if (page_type_name(head))
		pr_warn("page_type: %s\n", page_type_name(head));
	pr_warn("raw: %016lx %016lx %016lx %016lx\n", page->flags, page->_any[0], page->_any[1],
		page->_any[2]);
	pr_warn("raw: %016lx %016lx %08x%08x %016lx\n", page->_any[3], page->_any[4],
		page_ref_count(page), page->page_type, page->memcg_data);
	if (reason)
		pr_warn("page dumped because: %s\n", reason);
	if (unlikely(page_debug))
		dump_page_owner(page);
}

void bad_page(struct page *page, const char *reason)
{
	pr_alert("BUG: Bad page state in process %s  pfn:%05lx\n", current->comm,
		 page_to_pfn(page));
	dump_page(page, reason);
	dump_stack();
	add_taint(TAINT_BAD_PAGE);
	__atomic_fetch_add(&nr_bad_pages, 1, __ATOMIC_RELAXED);
}
