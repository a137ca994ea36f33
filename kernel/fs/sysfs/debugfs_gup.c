/*
 * /sys/kernel/debug/gup_test: get_user_pages and pins, called from a program, for tests. Linux's interface, so that its gup_test
 * program and selftests run.
 *
 *	GUP_FAST, PIN_FAST, PIN_LONGTERM_BENCHMARK	how long it takes, in microseconds
 *	GUP_BASIC_TEST, PIN_BASIC_TEST			once, with checks
 *	DUMP_USER_PAGES_TEST				says in the log what the pages are
 *	PIN_LONGTERM_TEST_START, _READ, _STOP		pages stay pinned as long as the file is open; READ gives what is in them,
 *							as a device would see it
 *
 * What is pinned with START is charged to the process's RLIMIT_MEMLOCK, as by a driver (VmPin).
 *
 * Lock: one pin at a time in an open file, its mutex. Mirrors Linux mm/gup_test.c. Exercised by tests/user/gup.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/fs/sysfs/debugfs.h"
#include "kernel/init.h"
#include "kernel/mutex.h"
#include "kernel/rlimit.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "lib/err.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"
#include "mm/user/gup.h"
#include "mm/user/memory.h"
#include "mm/user/rmap.h"

#define MAX_DUMPED 8

struct gup_test {
	u64 get_delta_usec, put_delta_usec;
	u64 addr, size;
	u32 nr_pages_per_call;
	u32 gup_flags;	/* FOLL_* */
	u32 test_flags; /* 1: DUMP uses pins */
	u32 which_pages[MAX_DUMPED];
};

struct pin_longterm_test {
	u64 addr, size;
	u32 flags; /* 1: write, 2: fast */
};

#define _IOC_GUP(dir, nr, size) ((u32)(dir) << 30 | (u32)(size) << 16 | 'g' << 8 | (nr))
#define GUP_FAST_BENCHMARK	_IOC_GUP(3, 1, sizeof(struct gup_test))
#define PIN_FAST_BENCHMARK	_IOC_GUP(3, 2, sizeof(struct gup_test))
#define PIN_LONGTERM_BENCHMARK	_IOC_GUP(3, 3, sizeof(struct gup_test))
#define GUP_BASIC_TEST		_IOC_GUP(3, 4, sizeof(struct gup_test))
#define PIN_BASIC_TEST		_IOC_GUP(3, 5, sizeof(struct gup_test))
#define DUMP_USER_PAGES_TEST	_IOC_GUP(3, 6, sizeof(struct gup_test))
#define PIN_LONGTERM_TEST_START _IOC_GUP(1, 7, sizeof(struct pin_longterm_test))
#define PIN_LONGTERM_TEST_STOP	_IOC_GUP(0, 8, 0)
#define PIN_LONGTERM_TEST_READ	_IOC_GUP(1, 9, sizeof(u64))

struct gup_file {
	struct mutex lock;
	struct page **pages;  /* lock; NULL: nothing is pinned */
	unsigned long nr;     /* lock */
	struct mm_struct *mm; /* lock; charged */
};

static bool is_pinning(unsigned int cmd, const struct gup_test *t)
{
	return cmd == PIN_FAST_BENCHMARK || cmd == PIN_LONGTERM_BENCHMARK ||
	       cmd == PIN_BASIC_TEST || (cmd == DUMP_USER_PAGES_TEST && (t->test_flags & 1));
}

/* One call of what cmd measures. */
static long get_some(unsigned int cmd, const struct gup_test *t, unsigned long addr, int nr,
		     struct page **pages)
{
	switch (cmd) {
	case GUP_FAST_BENCHMARK:
		return get_user_pages_fast(addr, nr, t->gup_flags, pages);
	case PIN_FAST_BENCHMARK:
		return pin_user_pages_fast(addr, nr, t->gup_flags, pages);
	case PIN_LONGTERM_BENCHMARK:
		return pin_user_pages_unlocked(addr, nr, pages, t->gup_flags | FOLL_LONGTERM);
	}
	if (is_pinning(cmd, t))
		return pin_user_pages_unlocked(addr, nr, pages, t->gup_flags);
	return get_user_pages_unlocked(addr, nr, pages, t->gup_flags);
}

/* What must be true of pages that were pinned just now. */
static void verify_pinned(unsigned int cmd, struct page **pages, unsigned long nr)
{
	for (unsigned long i = 0; i < nr; i++) {
		struct folio *folio = page_folio(pages[i]);

		if (page_to_pfn(pages[i]) == zero_pfn)
			continue;
		WARN_ON_ONCE(!folio_maybe_dma_pinned(folio));
		WARN_ON_ONCE(PageAnon(pages[i]) && !PageAnonExclusive(pages[i]));
		WARN_ON_ONCE(cmd == PIN_LONGTERM_BENCHMARK && !folio_is_longterm_pinnable(folio));
	}
}

static void dump_some(const struct gup_test *t, struct page **pages, unsigned long nr)
{
	for (int i = 0; i < MAX_DUMPED; i++)
		if (t->which_pages[i] && t->which_pages[i] <= nr)
			dump_page(pages[t->which_pages[i] - 1], "gup_test: dump_pages() test");
}

static long gup_test_run(unsigned int cmd, struct gup_test *t)
{
	unsigned long addr = t->addr, end = addr + t->size, nr = 0;
	struct page **pages;
	ktime_t start;
	long got = 0;

	if (t->size > TASK_SIZE || end < addr || !t->nr_pages_per_call)
		return -EINVAL;
	if (t->size >> PAGE_SHIFT > totalram_pages())
		return -ENOMEM;
	pages = kvmalloc((t->size >> PAGE_SHIFT) * sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	start = ktime_get();
	while (end - addr >= PAGE_SIZE) {
		got = get_some(cmd, t, addr,
			       min((end - addr) >> PAGE_SHIFT, (unsigned long)t->nr_pages_per_call),
			       pages + nr);
		if (got <= 0)
			break;
		nr += got;
		addr += (unsigned long)got << PAGE_SHIFT;
		if (fatal_signal_pending(current))
			break;
	}
	t->get_delta_usec = (ktime_get() - start) / 1000;
	t->size = addr - t->addr;
	if (is_pinning(cmd, t))
		verify_pinned(cmd, pages, nr);
	if (cmd == DUMP_USER_PAGES_TEST)
		dump_some(t, pages, nr);
	start = ktime_get();
	if (is_pinning(cmd, t))
		unpin_user_pages(pages, nr);
	else
		for (unsigned long i = 0; i < nr; i++)
			put_page(pages[i]);
	t->put_delta_usec = (ktime_get() - start) / 1000;
	kvfree(pages);
	return nr || got >= 0 ? 0 : got;
}

/* ---- pins that stay ---- */

static void longterm_stop(struct gup_file *g)
{
	if (!g->pages)
		return;
	unpin_user_pages(g->pages, g->nr);
	account_pinned_vm(g->mm, -(long)g->nr, 0, true);
	mmdrop(g->mm);
	kvfree(g->pages);
	g->pages = NULL;
}

/* Pins all or nothing. */
static long pin_all(struct gup_file *g, const struct pin_longterm_test *t, unsigned long nr)
{
	unsigned int flags = FOLL_LONGTERM | (t->flags & 1 ? FOLL_WRITE : 0);

	for (g->nr = 0; g->nr < nr;) {
		unsigned long addr = t->addr + (g->nr << PAGE_SHIFT);
		struct page **pages = g->pages + g->nr;
		int ask = min(nr - g->nr, 1024UL);
		long got = t->flags & 2 ? pin_user_pages_fast(addr, ask, flags, pages)
					: pin_user_pages_unlocked(addr, ask, pages, flags);

		if (got <= 0)
			return got ? got : -EFAULT;
		g->nr += got;
		cond_resched();
	}
	return 0;
}

static long longterm_start(struct gup_file *g, const struct pin_longterm_test __user *arg)
{
	struct pin_longterm_test t;
	unsigned long nr;
	long err;

	if (g->pages)
		return -EINVAL;
	if (copy_from_user(&t, arg, sizeof(t)))
		return -EFAULT;
	if ((t.flags & ~3u) || !t.size || ((t.addr | t.size) & ~PAGE_MASK) || t.size > TASK_SIZE)
		return -EINVAL;
	nr = t.size >> PAGE_SHIFT;
	if (nr > totalram_pages())
		return -ENOMEM;
	err = account_pinned_vm(current->mm, nr, rlimit(RLIMIT_MEMLOCK), capable(CAP_IPC_LOCK));
	if (err)
		return err;
	g->pages = kvmalloc(nr * sizeof(*g->pages), GFP_KERNEL);
	if (!g->pages) {
		account_pinned_vm(current->mm, -(long)nr, 0, true);
		return -ENOMEM;
	}
	g->mm = current->mm;
	mmgrab(g->mm);
	err = pin_all(g, &t, nr);
	if (err) {
		account_pinned_vm(g->mm, -(long)(nr - g->nr), 0, true);
		longterm_stop(g);
	}
	return err;
}

static long longterm_read(struct gup_file *g, const u64 __user *arg)
{
	u64 to;

	if (!g->pages)
		return -EINVAL;
	if (copy_from_user(&to, arg, sizeof(to)))
		return -EFAULT;
	for (unsigned long i = 0; i < g->nr; i++, to += PAGE_SIZE)
		if (_copy_to_user((void __user *)to, page_address(g->pages[i]), PAGE_SIZE))
			return -EFAULT;
	return 0;
}

/* ---- the file ---- */

static long gup_test_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct gup_file *g = file->private_data;
	struct gup_test t;
	long err;

	switch (cmd) {
	case PIN_LONGTERM_TEST_START:
	case PIN_LONGTERM_TEST_STOP:
	case PIN_LONGTERM_TEST_READ: {
		guard(mutex)(&g->lock);
		if (cmd == PIN_LONGTERM_TEST_START)
			return longterm_start(g, (const void __user *)arg);
		if (cmd == PIN_LONGTERM_TEST_READ)
			return longterm_read(g, (const u64 __user *)arg);
		longterm_stop(g);
		return 0;
	}
	case GUP_FAST_BENCHMARK:
	case PIN_FAST_BENCHMARK:
	case PIN_LONGTERM_BENCHMARK:
	case GUP_BASIC_TEST:
	case PIN_BASIC_TEST:
	case DUMP_USER_PAGES_TEST:
		break;
	default:
		return -EINVAL;
	}
	if (copy_from_user(&t, (const void __user *)arg, sizeof(t)))
		return -EFAULT;
	err = gup_test_run(cmd, &t);
	if (err)
		return err;
	return copy_to_user((void __user *)arg, &t, sizeof(t)) ? -EFAULT : 0;
}

static int gup_test_open(struct inode *inode, struct file *file)
{
	struct gup_file *g = kzalloc(sizeof(*g), GFP_KERNEL);

	if (!g)
		return -ENOMEM;
	mutex_init(&g->lock);
	file->private_data = g;
	return 0;
}

static int gup_test_release(struct inode *inode, struct file *file)
{
	longterm_stop(file->private_data);
	kfree(file->private_data);
	return 0;
}

static const struct file_operations gup_test_fops = {
	.open = gup_test_open,
	.release = gup_test_release,
	.unlocked_ioctl = gup_test_ioctl,
};

static int __init gup_test_init(void)
{
	return PTR_ERR_OR_ZERO(debugfs_create_file("gup_test", 0600, NULL, NULL, &gup_test_fops));
}
late_initcall(gup_test_init);
