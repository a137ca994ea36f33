/*
 * Suite vma_lock: a fault and a change of its area exclude each other, also when the fault takes long.
 *
 * From a program a fault is too short to be met in the middle. Here readers keep the lock while they sleep, and check that
 * nothing in the area changes meanwhile.
 */
#include "kernel/sched.h"
#include "lib/errno.h"
#include "mm/user/vma.h"
#include "mm/user/vma_lock.h"
#include "tests/kernel/crew.h"

#define AREA 0x10000000UL
#define SIZE (4 * PAGE_SIZE)

static struct mm_struct *mm;
static struct vm_area_struct *area;
static atomic_t broken, seen;
static int state; /* 1: the writer has marked the area */

/* An address space with one area. */
static bool make_area(struct ktest *t)
{
	mm = mm_alloc();
	if (!mm)
		return false;
	area = vm_area_alloc(mm);
	if (area) {
		area->vm_start = AREA;
		area->vm_end = AREA + SIZE;
		area->vm_flags = VM_READ;
		area->vm_pgoff = AREA >> PAGE_SHIFT;
		mmap_write_lock(mm);
		if (vma_link(mm, area)) {
			vm_area_free(area);
			area = NULL;
		} else {
			KTEST_EXPECT_TRUE(t, !lock_vma_under_rcu(mm, AREA));
		}
		mmap_write_unlock(mm);
	}
	if (!area)
		mmput(mm);
	return area;
}

static void a_marked_area_is_refused_until_the_end(struct ktest *t)
{
	struct vm_area_struct *vma;

	if (!make_area(t)) {
		KTEST_EXPECT_TRUE(t, !"memory");
		return;
	}
	vma = lock_vma_under_rcu(mm, AREA + SIZE - 1);
	KTEST_EXPECT_TRUE(t, vma == area);
	KTEST_EXPECT_EQ(t, area->vm_refcnt, 2);
	vma_end_read(area);
	KTEST_EXPECT_TRUE(t, !lock_vma_under_rcu(mm, AREA + SIZE));
	mmap_write_lock(mm);
	/* Nobody is kept from an area that the writer is not at. */
	vma = lock_vma_under_rcu(mm, AREA);
	KTEST_EXPECT_TRUE(t, vma == area);
	vma_end_read(area);
	vma_start_write(area);
	KTEST_EXPECT_TRUE(t, !lock_vma_under_rcu(mm, AREA));
	KTEST_EXPECT_EQ(t, area->vm_refcnt, 1);
	mmap_write_unlock(mm);
	vma = lock_vma_under_rcu(mm, AREA);
	KTEST_EXPECT_TRUE(t, vma == area);
	vma_end_read(area);
	mmput(mm);
}

/* What is found may be another mm's by now, have moved, or be nobody's. */
static void what_was_found_is_looked_at_again(struct ktest *t)
{
	struct mm_struct *other = mm_alloc();

	if (!other || !make_area(t)) {
		KTEST_EXPECT_TRUE(t, !"memory");
		return;
	}
	mmap_write_lock(other);
	KTEST_EXPECT_EQ(t, vma_store(other, area, AREA, AREA + SIZE), 0);
	KTEST_EXPECT_TRUE(t, !lock_vma_under_rcu(other, AREA));
	KTEST_EXPECT_EQ(t, area->vm_refcnt, 1);
	KTEST_EXPECT_EQ(t, vma_store(other, NULL, AREA, AREA + SIZE), 0);
	mmap_write_unlock(other);
	mmput(other);
	mmap_write_lock(mm);
	vma_start_write(area);
	KTEST_EXPECT_EQ(t, vma_store(mm, NULL, AREA, AREA + PAGE_SIZE), 0);
	area->vm_start += PAGE_SIZE;
	KTEST_EXPECT_EQ(t, vma_store(mm, area, AREA, AREA + SIZE), 0);
	mmap_write_unlock(mm);
	KTEST_EXPECT_TRUE(t, !lock_vma_under_rcu(mm, AREA));
	mmap_write_lock(mm);
	vma_start_write(area);
	KTEST_EXPECT_EQ(t, vma_store(mm, NULL, AREA, AREA + PAGE_SIZE), 0);
	vma_mark_detached(area);
	mmap_write_unlock(mm);
	KTEST_EXPECT_TRUE(t, !lock_vma_under_rcu(mm, AREA + PAGE_SIZE));
	KTEST_EXPECT_EQ(t, area->vm_refcnt, 0);
	vma_mark_attached(area);
	mmput(mm);
}

/* 0 has the area for reading; 1 wants to change it. */
static int patient_crew(struct crew *c, int me)
{
	if (me == 0) {
		struct vm_area_struct *vma = lock_vma_under_rcu(mm, AREA);

		KTEST_EXPECT_TRUE(c->t, vma == area);
		WRITE_ONCE(state, 1);
		/* Until the writer has given up spinning and sleeps. */
		while (READ_ONCE(area->vm_refcnt) > 0 && READ_ONCE(state) == 1)
			yield();
		KTEST_EXPECT_EQ(c->t, READ_ONCE(state), 1);
		if (READ_ONCE(state) == 1)
			KTEST_EXPECT_TRUE(c->t, !lock_vma_under_rcu(mm, AREA));
		vma_end_read(area);
		return 0;
	}
	while (READ_ONCE(state) != 1)
		yield();
	mmap_write_lock(mm);
	vma_start_write(area);
	WRITE_ONCE(state, 2);
	KTEST_EXPECT_EQ(c->t, area->vm_refcnt, 1);
	mmap_write_unlock(mm);
	return 0;
}

static void a_writer_waits_for_the_fault(struct ktest *t)
{
	if (!make_area(t)) {
		KTEST_EXPECT_TRUE(t, !"memory");
		return;
	}
	state = 0;
	run_crew_of(t, 2, patient_crew);
	KTEST_EXPECT_EQ(t, state, 2);
	mmput(mm);
}

/* The area's offset is even, but for the time that the writer is at it. */
static void write_area(int round)
{
	mmap_write_lock(mm);
	vma_start_write(area);
	area->vm_pgoff |= 1;
	if (round % 8 == 0)
		yield();
	else
		spin_a_little(50);
	area->vm_pgoff++;
	mmap_write_unlock(mm);
}

static void read_area(int round)
{
	struct vm_area_struct *vma = lock_vma_under_rcu(mm, AREA + PAGE_SIZE);
	unsigned long pgoff;

	if (!vma) {
		yield();
		return;
	}
	pgoff = READ_ONCE(vma->vm_pgoff);
	if (round % 8 == 0)
		yield();
	else
		spin_a_little(20);
	if ((pgoff & 1) || READ_ONCE(vma->vm_pgoff) != pgoff)
		atomic_inc(&broken);
	atomic_inc(&seen);
	vma_end_read(vma);
}

static int storm_crew(struct crew *c, int me)
{
	for (int i = 0; i < ROUNDS / 10; i++) {
		if (me == 0)
			write_area(i);
		else
			read_area(i);
	}
	return 0;
}

static void nothing_changes_under_a_fault(struct ktest *t)
{
	if (!make_area(t)) {
		KTEST_EXPECT_TRUE(t, !"memory");
		return;
	}
	atomic_set(&broken, 0);
	atomic_set(&seen, 0);
	run_crew(t, storm_crew);
	KTEST_EXPECT_EQ(t, atomic_read(&broken), 0);
	KTEST_EXPECT_EQ(t, area->vm_refcnt, 1);
	KTEST_EXPECT_TRUE(t, !(area->vm_pgoff & 1));
	/* The last who runs finds the area free in any case. */
	KTEST_EXPECT_TRUE(t, atomic_read(&seen) > 0);
	mmput(mm);
}

static const struct ktest_case cases[] = {
	KTEST_CASE(a_marked_area_is_refused_until_the_end),
	KTEST_CASE(what_was_found_is_looked_at_again),
	KTEST_CASE(a_writer_waits_for_the_fault),
	KTEST_CASE(nothing_changes_under_a_fault),
	{},
};
KTEST_SUITE(vma_lock, cases);
