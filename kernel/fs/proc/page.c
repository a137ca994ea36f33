/*
 * /proc/kpagecount and kpageflags: eight bytes for each page frame, for root.
 *
 * 1. kpagecount tells how often a frame is mapped, kpageflags what it is, with the bit numbers that Linux gave to user space
 *    (they are not the kernel's own). Together with /proc/PID/pagemap they answer "where is my page".
 * 2. The files end with the last section that holds RAM. A frame without a struct page says NOPAGE; a struct page that
 *    describes no RAM says RESERVED.
 * 3. A free block is marked in its first page only; BUDDY is shown for every page of it, so that the bits add up to
 *    /proc/buddyinfo. Pages on per-CPU lists are free too and show nothing: they are in no block.
 *
 * Locks: none; a page may change while it is looked at. Mirrors Linux fs/proc/page.c. Exercised by
 * tests/user/procsys.c and kpage.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/sched.h"
#include "mm/phys/deferred.h"
#include "mm/phys/page.h"
#include "mm/user/memory.h"

/* include/uapi/linux/kernel-page-flags.h; from 32 on "for kernel hackers". */
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
	KPF_HUGE = 17,
	KPF_UNEVICTABLE = 18,
	KPF_HWPOISON = 19,
	KPF_NOPAGE = 20,
	KPF_OFFLINE = 23,
	KPF_ZERO_PAGE = 24,
	KPF_IDLE = 25,
	KPF_PGTABLE = 26,
	KPF_RESERVED = 32,
	KPF_MLOCKED = 33,
	KPF_OWNER_2 = 34,
	KPF_PRIVATE = 35,
	KPF_PRIVATE_2 = 36,
	KPF_OWNER_PRIVATE = 37,
	KPF_ARCH = 38,
};

/* Pages whose words mean something else: no mapping, no map count. */
static bool mappable(const struct page *page)
{
	return !PageSlab(page) && !PageBuddy(page) && !PageTable(page) && !PageOffline(page);
}

/* Inside a free block? Its first page is at the frame number with the low `order` bits cleared. */
static bool is_free_buddy_page(const struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
		const struct page *head = page - (pfn & (BIT(order) - 1));

		if (PageBuddy(head) && READ_ONCE(head->private) >= order)
			return true;
	}
	return false;
}

static u64 page_kpf_type(const struct page *page, const struct folio *folio)
{
	u64 u = 0;

	if (!page_count(page) && is_free_buddy_page(page))
		return BIT(KPF_BUDDY);
	if (PageSlab(&folio->page))
		u |= BIT(KPF_SLAB);
	else if (PageTable(page))
		u |= BIT(KPF_PGTABLE);
	else if (PageOffline(page))
		u |= BIT(KPF_OFFLINE);
	else if (folio_test_hugetlb(folio))
		u |= BIT(KPF_HUGE);
	else if (page_mapcount(page) > 0)
		u |= BIT(KPF_MMAP);
	if (mappable(&folio->page) && folio_test_anon(folio))
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
		{ PG_idle, KPF_IDLE },
		{ PG_reserved, KPF_RESERVED },
		{ PG_mlocked, KPF_MLOCKED },
		{ PG_owner_2, KPF_OWNER_2 },
		{ PG_private, KPF_PRIVATE },
		{ PG_private_2, KPF_PRIVATE_2 },
		{ PG_owner_priv_1, KPF_OWNER_PRIVATE },
		{ PG_arch_1, KPF_ARCH },
	};
	const struct folio *folio = page_folio(page);
	unsigned long flags = READ_ONCE(folio->flags);
	u64 u = page_kpf_type(page, folio);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		if (flags & BIT(bits[i].own))
			u |= BIT(bits[i].shown);
	}
	/* Broken is one page, not the folio. */
	if (PageHWPoison(page))
		u |= BIT(KPF_HWPOISON);
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

/* The last partial section is shown whole: its other frames are NOPAGE, or reserved struct pages. */
static unsigned long max_dump_pfn(void)
{
	return ALIGN(max_pfn, PAGES_PER_SECTION);
}

static ssize_t kpage_read(char __user *buf, size_t count, loff_t *ppos,
			  u64 (*value)(unsigned long pfn))
{
	unsigned long pfn = *ppos / 8, end = max_dump_pfn(), done = 0, left = 0;
	u64 chunk[64];

	if ((*ppos | count) & 7)
		return -EINVAL;
	if (pfn >= end)
		return 0;
	deferred_init_wait();
	count = min(count / 8, end - pfn);
	while (done < count && !left) {
		unsigned long n = min(count - done, ARRAY_SIZE(chunk));

		for (unsigned long i = 0; i < n; i++)
			chunk[i] = value(pfn + done + i);
		left = copy_to_user(buf + done * 8, chunk, n * 8);
		done += n - DIV_ROUND_UP(left, 8);
		cond_resched();
	}
	/* As Linux: a buffer that is bad further on fails the whole read, but the position has moved. */
	*ppos += done * 8;
	return left ? -EFAULT : (ssize_t)(done * 8);
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
