/*
 * Suite remap_vmalloc: kernel memory in a process, remap_vmalloc_range() and vm_insert_page() (mm/user/memory.c). The process is
 * an address space that nobody runs in, with one area; its entries are read from the tables.
 */
#include "kernel/ktest.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"
#include "mm/user/memory.h"
#include "mm/user/mm.h"
#include "mm/user/vma.h"

#define WHERE 0x10000000UL
#define PAGES 5

/* An area of so many pages, shared and writable. NULL: a failure, reported. */
static struct vm_area_struct *new_area(struct ktest *t, struct mm_struct *mm, unsigned int pages)
{
	struct vm_area_struct *vma = vm_area_alloc(mm);

	KTEST_EXPECT_NOT_NULL(t, vma);
	if (!vma)
		return NULL;
	vma->vm_start = WHERE;
	vma->vm_end = WHERE + pages * PAGE_SIZE;
	vma->vm_flags = VM_READ | VM_WRITE | VM_SHARED | VM_MAYREAD | VM_MAYWRITE | VM_MAYSHARE;
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	return vma;
}

static void drop_area(struct mm_struct *mm, struct vm_area_struct *vma)
{
	unmap_region(mm, vma, vma->vm_start, vma->vm_end);
	remove_vma(vma);
}

/* The frame behind page number n of the area; 0: none. */
static unsigned long mapped_pfn(struct mm_struct *mm, unsigned int n, bool *writable)
{
	unsigned long pfn = 0;
	spinlock_t *ptl;
	pte_t *pte = get_locked_pte(mm, WHERE + n * PAGE_SIZE, &ptl);

	if (!pte)
		return 0;
	if (pte_present(*pte)) {
		pfn = pte_pfn(*pte);
		*writable = pte_write(*pte);
	}
	spin_unlock(ptl);
	return pfn;
}

/* Page i of the area shows page `first + i` of the memory; the pages live until both are gone. */
static void check_mapping(struct ktest *t, struct mm_struct *mm, unsigned long first)
{
	u8 *memory = vmalloc_user(8 * PAGE_SIZE);
	struct vm_area_struct *vma = new_area(t, mm, PAGES);
	struct page *page;
	bool writable;

	KTEST_ASSERT_NOT_NULL(t, memory);
	KTEST_ASSERT_NOT_NULL(t, vma);
	page = vmalloc_to_page(memory + first * PAGE_SIZE);
	KTEST_EXPECT_EQ(t, remap_vmalloc_range(vma, memory, first), 0);
	for (unsigned int i = 0; i < PAGES; i++) {
		writable = false;
		KTEST_EXPECT_EQ(t, mapped_pfn(mm, i, &writable),
				vmalloc_to_pfn(memory + (first + i) * PAGE_SIZE));
		KTEST_EXPECT_TRUE(t, writable);
	}
	KTEST_EXPECT_EQ(t, page_ref_count(page), 2);
	KTEST_EXPECT_EQ(t, get_mm_counter(mm, MM_FILEPAGES), (unsigned long)PAGES);
	KTEST_EXPECT_EQ(t, vma->vm_flags & (VM_DONTEXPAND | VM_DONTDUMP | VM_MIXEDMAP),
			VM_DONTEXPAND | VM_DONTDUMP | VM_MIXEDMAP);
	/* A second time: the entries are there. */
	KTEST_EXPECT_EQ(t, remap_vmalloc_range(vma, memory, first), -EBUSY);
	memory[first * PAGE_SIZE] = 0x5a;
	vfree(memory);
	/* The process still has it. */
	KTEST_EXPECT_EQ(t, page_ref_count(page), 1);
	KTEST_EXPECT_EQ(t, *(u8 *)page_address(page), 0x5a);
	drop_area(mm, vma);
	KTEST_EXPECT_EQ(t, get_mm_counter(mm, MM_FILEPAGES), 0UL);
}

static void area_shows_the_kernels_pages(struct ktest *t)
{
	struct mm_struct *mm = mm_alloc();

	KTEST_ASSERT_NOT_NULL(t, mm);
	mmap_write_lock(mm);
	check_mapping(t, mm, 0);
	check_mapping(t, mm, 3);
	mmap_write_unlock(mm);
	mmput(mm);
}

static void what_is_not_for_users_is_refused(struct ktest *t)
{
	struct mm_struct *mm = mm_alloc();
	u8 *memory = vmalloc_user(4 * PAGE_SIZE), *secret = vmalloc(8 * PAGE_SIZE);
	struct vm_area_struct *vma;
	void *object = kmalloc(64, GFP_KERNEL);
	bool writable;

	KTEST_ASSERT_NOT_NULL(t, mm);
	KTEST_ASSERT_NOT_NULL(t, memory);
	KTEST_ASSERT_NOT_NULL(t, secret);
	mmap_write_lock(mm);
	vma = new_area(t, mm, PAGES);
	if (vma) {
		KTEST_EXPECT_EQ(t, remap_vmalloc_range(vma, secret, 0), -EINVAL);
		KTEST_EXPECT_EQ(t, remap_vmalloc_range(vma, object, 0), -EINVAL);
		/* Five pages of four; beyond the end; numbers that wrap. */
		KTEST_EXPECT_EQ(t, remap_vmalloc_range(vma, memory, 0), -EINVAL);
		KTEST_EXPECT_EQ(t,
				remap_vmalloc_range_partial(vma, WHERE, memory, 2, 3 * PAGE_SIZE),
				-EINVAL);
		KTEST_EXPECT_EQ(t, remap_vmalloc_range_partial(vma, WHERE, memory, ~0UL, PAGE_SIZE),
				-EINVAL);
		KTEST_EXPECT_EQ(
			t, remap_vmalloc_range_partial(vma, WHERE, memory, 1, ~0UL - PAGE_SIZE),
			-EINVAL);
		KTEST_EXPECT_EQ(t,
				remap_vmalloc_range_partial(vma, WHERE + 1, memory, 0, PAGE_SIZE),
				-EINVAL);
		KTEST_EXPECT_EQ(t,
				remap_vmalloc_range_partial(vma, WHERE - PAGE_SIZE, memory, 0,
							    PAGE_SIZE),
				-EINVAL);
		KTEST_EXPECT_EQ(t, vm_insert_page(vma, WHERE, virt_to_page(object)), -EINVAL);
		KTEST_EXPECT_EQ(t, vm_insert_page(vma, vma->vm_end, vmalloc_to_page(memory)),
				-EINVAL);
		KTEST_EXPECT_EQ(t, mapped_pfn(mm, 0, &writable), 0UL);
		/* A part that fits. */
		KTEST_EXPECT_EQ(t,
				remap_vmalloc_range_partial(vma, WHERE + PAGE_SIZE, memory, 3,
							    PAGE_SIZE),
				0);
		KTEST_EXPECT_EQ(t, mapped_pfn(mm, 1, &writable),
				vmalloc_to_pfn(memory + 3 * PAGE_SIZE));
		drop_area(mm, vma);
	}
	mmap_write_unlock(mm);
	mmput(mm);
	kfree(object);
	vfree(secret);
	vfree(memory);
}

static const struct ktest_case cases[] = {
	KTEST_CASE(area_shows_the_kernels_pages),
	KTEST_CASE(what_is_not_for_users_is_refused),
	{},
};
KTEST_SUITE(remap_vmalloc, cases);
