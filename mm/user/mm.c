/*
 * The life of an address space: made empty by exec, copied by fork, emptied by the last user's exit.
 *
 * 1. mm_users counts those who run in it or work on its areas; the last one out empties it (exit_mmap).
 *    mm_count counts those who only need the struct and the top table to stay: CPUs that run a kernel
 *    thread on borrowed tables. The struct and the top table go with the last of these.
 * 2. fork copies the tree of areas in one go (mtree_dup), then replaces each area by its own copy and
 *    copies the page tables area by area. A failure half way leaves a tree whose later entries still
 *    point at the parent's areas: tearing the copy down passes over them, under the parent's lock.
 *
 * Locks: the parent's mmap_lock for writing during the copy (and around a failed copy's end); the child
 * is not visible yet.
 * Mirrors Linux kernel/fork.c (dup_mmap) and mm/mmap.c (exit_mmap). Exercised by tests/user/fork_cow.c.
 */
#include "arch/x86/tlb.h"
#include "kernel/bug.h"
#include "kernel/sched.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/cache/mempolicy.h"
#include "mm/cache/overcommit.h"
#include "mm/cache/pagemap.h"
#include "mm/slab/slab.h"
#include "mm/user/anon_vma.h"
#include "mm/user/fault.h"
#include "mm/user/lazyfree.h"
#include "mm/user/memory.h"
#include "mm/user/user.h"
#include "mm/user/vma.h"
#include "mm/user/vma_lock.h"

static struct kmem_cache *mm_cachep;

struct mm_struct init_mm = {
	.pgd = swapper_pg_dir,
	.mm_users = ATOMIC_INIT(2),
	.mm_count = ATOMIC_INIT(1),
	.page_table_lock = __SPIN_LOCK_UNLOCKED(init_mm.page_table_lock),
};

void mm_user_init(void)
{
	init_rwsem(&init_mm.mmap_lock);
	mt_init(&init_mm.mm_mt);
	mm_cachep = kmem_cache_create("mm_struct", sizeof(struct mm_struct), 0,
				      SLAB_HWCACHE_ALIGN | SLAB_PANIC | SLAB_ACCOUNT, NULL);
	mapping_ops = &user_mapping_ops;
	numa_policy_init();
	vma_cache_init();
	vma_lock_init();
	overcommit_init();
	anon_vma_init();
	lazyfree_init();
	user_pgtable_init();
	fault_init();
}

/* Gives mm locks, counters and a top table of its own; frees mm on failure. */
static struct mm_struct *mm_init(struct mm_struct *mm)
{
	int i;

	/* Its one thread looks and changes by turns, so nodes may be changed in place: until there is another one. */
	mt_init_flags(&mm->mm_mt, MT_FLAGS_EXCLUSIVE);
	atomic_set(&mm->mm_users, 1);
	atomic_set(&mm->mm_count, 1);
	init_rwsem(&mm->mmap_lock);
	mm->mm_lock_seq = 0;
	spin_lock_init(&mm->page_table_lock);
	spin_lock_init(&mm->arg_lock);
	mm->map_count = 0;
	mm->total_vm = mm->locked_vm = mm->data_vm = mm->exec_vm = mm->stack_vm = 0;
	mm->hiwater_rss = mm->hiwater_vm = 0;
	atomic_long_set(&mm->pgtables_bytes, 0);
	atomic_long_set(&mm->pinned_vm, 0);
	mm->write_protect_seq = 0;
	mm->has_pins = false;
	for (i = 0; i < NR_MM_COUNTERS; i++)
		atomic_long_set(&mm->rss_stat[i], 0);
	mm->pgd = pgd_alloc(mm);
	if (!mm->pgd) {
		kmem_cache_free(mm_cachep, mm);
		return NULL;
	}
	init_new_context(&mm->context, mm->pgd);
	return mm;
}

struct mm_struct *mm_alloc(void)
{
	struct mm_struct *mm = kmem_cache_zalloc(mm_cachep, GFP_KERNEL);

	if (!mm)
		return NULL;
	mm->mmap_base = TASK_SIZE;
	return mm_init(mm);
}

static struct vm_area_struct *dup_vma(struct mm_struct *mm, struct vm_area_struct *old)
{
	struct vm_area_struct *vma = vm_area_dup(old);

	if (!vma)
		return NULL;
	vma->vm_mm = mm;
	vma->vm_flags &= ~VM_LOCKED_MASK;
	if (vma->vm_file)
		get_file(vma->vm_file);
	if (vma->vm_ops && vma->vm_ops->open)
		vma->vm_ops->open(vma);
	return vma;
}

/* Copies one area into mm's tree, at the place where the duplicated tree (and mas) holds old. */
static int dup_one_vma(struct mm_struct *mm, struct ma_state *mas, struct vm_area_struct *old)
{
	struct vm_area_struct *vma;
	int err;

	/* What another thread's fault puts into the parent's tables now would be neither shared nor write-protected. */
	if (!mm_tree_is_exclusive(old->vm_mm))
		vma_start_write(old);
	if (old->vm_flags & VM_DONTCOPY) {
		vm_stat_account(mm, old->vm_flags, -(long)vma_pages(old));
		return mas_store_gfp(mas, NULL, GFP_KERNEL);
	}
	if ((old->vm_flags & VM_ACCOUNT) && vm_enough_memory(old->vm_mm->total_vm, vma_pages(old)))
		return -ENOMEM;
	vma = dup_vma(mm, old);
	if (!vma) {
		err = -ENOMEM;
		goto out_unacct;
	}
	/* Before any page is shared: each must be found from both sides at any time. */
	if (old->vm_flags & VM_WIPEONFORK)
		vma->anon_vma = NULL;
	else if (anon_vma_fork(vma, old)) {
		err = -ENOMEM;
		goto out_remove;
	}
	err = mas_store_gfp(mas, vma, GFP_KERNEL);
	if (err) {
		unlink_anon_vmas(vma);
		goto out_remove;
	}
	vma_mark_attached(vma);
	/* From here on tearing the copy down takes back what was promised. */
	vma_link_file(vma);
	mm->map_count++;
	if (vma->vm_flags & VM_WIPEONFORK)
		return 0;
	return copy_page_range(vma, old);
out_remove:
	remove_vma(vma);
out_unacct:
	if (old->vm_flags & VM_ACCOUNT)
		vm_unacct_memory(vma_pages(old));
	return err;
}

static int dup_mmap(struct mm_struct *mm, struct mm_struct *oldmm)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *old;
	int err;

	mm->total_vm = oldmm->total_vm;
	mm->data_vm = oldmm->data_vm;
	mm->exec_vm = oldmm->exec_vm;
	mm->stack_vm = oldmm->stack_vm;
	mm->brk = oldmm->brk;
	if (oldmm->exe_file)
		mm->exe_file = get_file(oldmm->exe_file);
	err = mtree_dup(&oldmm->mm_mt, &mm->mm_mt, GFP_KERNEL);
	/* Who pins without a lock sees the odd number, or has said so before: copy_page_range() looks at has_pins. */
	WRITE_ONCE(oldmm->write_protect_seq, oldmm->write_protect_seq + 1);
	smp_mb();
	while (!err && (old = mas_find(&mas, ULONG_MAX)) != NULL) {
		err = dup_one_vma(mm, &mas, old);
		cond_resched();
	}
	smp_wmb();
	WRITE_ONCE(oldmm->write_protect_seq, oldmm->write_protect_seq + 1);
	/* The parent's entries lost their write bits. */
	flush_tlb_mm_range(&oldmm->context, 0, TLB_FLUSH_ALL, PAGE_SHIFT, false);
	return err;
}

struct mm_struct *dup_mm(struct mm_struct *oldmm)
{
	struct mm_struct *mm = kmem_cache_alloc(mm_cachep, GFP_KERNEL);

	if (!mm)
		return NULL;
	*mm = *oldmm;
	mm->exe_file = NULL;
	mm->owner = NULL;
	mm->def_flags = 0;
	if (!mm_init(mm))
		return NULL;
	mmap_write_lock(oldmm);
	/* The rest of a failed copy points at the parent's areas: it goes before they can. */
	if (dup_mmap(mm, oldmm)) {
		mmput(mm);
		mm = NULL;
	} else {
		vma_end_write_all(mm);
	}
	mmap_write_unlock(oldmm);
	return mm;
}

static void exit_mmap(struct mm_struct *mm)
{
	MA_STATE(mas, &mm->mm_mt, 0, 0);
	struct vm_area_struct *vma;
	unsigned long accounted = 0;

	down_write_nested(&mm->mmap_lock, 1);
	unmap_all(mm);
	while ((vma = mas_find(&mas, ULONG_MAX)) != NULL) {
		if (vma->vm_mm != mm)
			continue;
		if (vma->vm_flags & VM_ACCOUNT)
			accounted += vma_pages(vma);
		vma_mark_detached(vma);
		remove_vma(vma);
		cond_resched();
	}
	vm_unacct_memory(accounted);
	mm_tree_exclusive(mm);
	mtree_destroy(&mm->mm_mt);
	mmap_write_unlock(mm);
}

void mmput(struct mm_struct *mm)
{
	if (!atomic_dec_and_test(&mm->mm_users))
		return;
	exit_mmap(mm);
	if (mm->exe_file)
		fput(mm->exe_file);
	mm->exe_file = NULL;
	mmdrop(mm);
}

void __mmdrop(struct mm_struct *mm)
{
	WARN_ON_ONCE(mm == &init_mm);
	destroy_context(&mm->context);
	pgd_free(mm, mm->pgd);
	kmem_cache_free(mm_cachep, mm);
}

struct mm_struct *get_task_mm(struct task_struct *task)
{
	struct mm_struct *mm;

	task_lock(task);
	mm = task->flags & PF_KTHREAD ? NULL : task->mm;
	if (mm)
		mmget(mm);
	task_unlock(task);
	return mm;
}
