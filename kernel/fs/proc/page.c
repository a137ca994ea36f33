/*
 * /proc/kpagecount and kpageflags: eight bytes for each page frame, for root.
 *
 * kpagecount tells how often a frame is mapped, kpageflags what it is, with the bit numbers that
 * Linux gave to user space (they are not the kernel's own). Together with /proc/PID/pagemap they
 * answer "where is my page".
 *
 * Locks: none; a page may change while it is looked at. Mirrors Linux fs/proc/page.c. Exercised by
 * tests/user/procfs.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/sched.h"
#include "mm/phys/page.h"
#include "mm/user/memory.h"

enum {
	KPF_LOCKED = 0,
	KPF_REFERENCED = 2,
	KPF_UPTODATE = 3,
	KPF_DIRTY = 4,
	KPF_LRU = 5,
	KPF_ACTIVE = 6,
	KPF_SLAB = 7,
	KPF_WRITEBACK = 8,
	KPF_RECLAIM = 9,
	KPF_BUDDY = 10,
	KPF_MMAP = 11,
	KPF_ANON = 12,
	KPF_SWAPCACHE = 13,
	KPF_SWAPBACKED = 14,
	KPF_COMPOUND_HEAD = 15,
	KPF_COMPOUND_TAIL = 16,
	KPF_UNEVICTABLE = 18,
	KPF_HWPOISON = 19,
	KPF_NOPAGE = 20,
	KPF_ZERO_PAGE = 24,
	KPF_PGTABLE = 26,
	KPF_RESERVED = 32,
	KPF_MLOCKED = 33,
	KPF_PRIVATE = 35,
};

/* Pages whose type says more than their flags. */
static bool mappable(const struct page *page)
{
	return !PageSlab(page) && !PageBuddy(page) && !PageTable(page);
}

static u64 page_kpf_type(const struct page *page, const struct folio *folio)
{
	u64 u = 0;

	if (PageSlab(&folio->page))
		u |= BIT(KPF_SLAB);
	else if (PageBuddy(page))
		u |= BIT(KPF_BUDDY);
	else if (PageTable(page))
		u |= BIT(KPF_PGTABLE);
	else if (page_mapcount(page) > 0)
		u |= BIT(KPF_MMAP);
	if (mappable(&folio->page) && PageAnon(&folio->page))
		u |= BIT(KPF_ANON);
	if (page_to_pfn(page) == zero_pfn)
		u |= BIT(KPF_ZERO_PAGE);
	if (PageTail(page))
		u |= BIT(KPF_COMPOUND_TAIL);
	else if (PageHead(page))
		u |= BIT(KPF_COMPOUND_HEAD);
	return u;
}

static u64 stable_page_flags(const struct page *page)
{
	static const struct {
		u8 own, shown;
	} bits[] = {
		{ PG_locked, KPF_LOCKED },
		{ PG_referenced, KPF_REFERENCED },
		{ PG_uptodate, KPF_UPTODATE },
		{ PG_dirty, KPF_DIRTY },
		{ PG_lru, KPF_LRU },
		{ PG_active, KPF_ACTIVE },
		{ PG_writeback, KPF_WRITEBACK },
		{ PG_reclaim, KPF_RECLAIM },
		{ PG_swapbacked, KPF_SWAPBACKED },
		{ PG_unevictable, KPF_UNEVICTABLE },
		{ PG_hwpoison, KPF_HWPOISON },
		{ PG_reserved, KPF_RESERVED },
		{ PG_mlocked, KPF_MLOCKED },
		{ PG_private, KPF_PRIVATE },
	};
	const struct folio *folio = page_folio(page);
	unsigned long flags = READ_ONCE(folio->flags);
	u64 u = page_kpf_type(page, folio);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		if (flags & BIT(bits[i].own))
			u |= BIT(bits[i].shown);
	}
	/*
	 * Only with both bits is it the swap cache: alone the first one belongs to the page's
	 * owner.
	 */
	if ((flags & BIT(PG_swapcache)) && (flags & BIT(PG_swapbacked)))
		u |= BIT(KPF_SWAPCACHE);
	return u;
}

static u64 pfn_flags(unsigned long pfn)
{
	return pfn_valid(pfn) ? stable_page_flags(pfn_to_page(pfn)) : BIT(KPF_NOPAGE);
}

static u64 pfn_count(unsigned long pfn)
{
	struct page *page = pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;

	return page && mappable(&page_folio(page)->page) ? max(page_mapcount(page), 0) : 0;
}

static ssize_t kpage_read(char __user *buf, size_t count, loff_t *ppos,
			  u64 (*value)(unsigned long pfn))
{
	unsigned long pfn = *ppos / 8, n;

	if ((*ppos | count) & 7)
		return -EINVAL;
	if (pfn >= max_pfn)
		return 0;
	count = min(count / 8, max_pfn - pfn);
	for (n = 0; n < count; n++) {
		u64 v = value(pfn + n);

		if (copy_to_user(buf + n * 8, &v, 8))
			break;
		if (!((pfn + n) & 1023))
			cond_resched();
	}
	*ppos += n * 8;
	return n || !count ? (ssize_t)(n * 8) : -EFAULT;
}

static ssize_t kpageflags_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	return kpage_read(buf, count, ppos, pfn_flags);
}

static ssize_t kpagecount_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	return kpage_read(buf, count, ppos, pfn_count);
}

static const struct file_operations kpageflags_fops = { .read = kpageflags_read,
							.llseek = seq_lseek };
static const struct file_operations kpagecount_fops = { .read = kpagecount_read,
							.llseek = seq_lseek };

static int proc_page_init(void)
{
	proc_create_data("kpagecount", 0400, NULL, &kpagecount_fops, NULL);
	proc_create_data("kpageflags", 0400, NULL, &kpageflags_fops, NULL);
	return 0;
}
fs_initcall(proc_page_init);
