/*
 * mm_struct and vm_area_struct: one process's address space, and the calls other rooms make on it.
 *
 * 1. An mm is a maple tree of VMAs (disjoint ranges [vm_start, vm_end)) plus a page-table tree. The
 *    VMAs say what may be there, the tables what is there now; the fault handler turns the first into
 *    the second, page by page.
 * 2. mm_users counts threads and borrowers of the address space: at 0 the mappings go (exit_mmap).
 *    mm_count counts those who need the struct and the top page table (lazy kernel threads): at 0 the
 *    struct goes. All mm_users together hold one mm_count.
 * 3. mmap_lock: for writing whoever changes the set of VMAs or their fields; for reading faults and
 *    look-ups. Page-table entries change under mmap_lock (read is enough) plus the page-table lock of
 *    their table, which lives in the table's struct page.
 * 4. A fault mostly does without mmap_lock: it locks its one area for reading (vma_lock.h), and who changes an area waits for
 *    the faults in it. "mmap_lock for reading" below then means that lock, as far as one area and its tables go.
 *
 * Legend: W mmap_lock for writing, read under it for reading; P page_table_lock; - constant; a atomic.
 * Mirrors Linux include/linux/mm_types.h and mm.h. Exercised by tests/user/{anon_map,fork_cow,...}.c.
 */
#pragma once

#include "arch/x86/atomic.h"
#include "arch/x86/mmu.h"
#include "arch/x86/pgtable.h"
#include "kernel/rwsem.h"
#include "kernel/spinlock.h"
#include "lib/list.h"
#include "lib/maple.h"
#include "lib/rbtree.h"
#include "lib/types.h"
#include "mm/phys/page.h"

struct anon_vma;
struct anon_vma_name;
struct file;
struct mempolicy;
struct seq_file;
struct vm_area_struct;
struct vm_fault;

#define VM_NONE		      0x0UL
#define VM_READ		      0x1UL
#define VM_WRITE	      0x2UL
#define VM_EXEC		      0x4UL
#define VM_SHARED	      0x8UL
#define VM_MAYREAD	      0x10UL
#define VM_MAYWRITE	      0x20UL
#define VM_MAYEXEC	      0x40UL
#define VM_MAYSHARE	      0x80UL
#define VM_GROWSDOWN	      0x100UL
#define VM_PFNMAP	      0x400UL
#define VM_LOCKED	      0x2000UL
#define VM_IO		      0x4000UL
#define VM_SEQ_READ	      0x8000UL
#define VM_RAND_READ	      0x10000UL
#define VM_DONTCOPY	      0x20000UL
#define VM_DONTEXPAND	      0x40000UL
#define VM_LOCKONFAULT	      0x80000UL
#define VM_ACCOUNT	      0x100000UL
#define VM_NORESERVE	      0x200000UL
#define VM_WIPEONFORK	      0x2000000UL
#define VM_DONTDUMP	      0x4000000UL
#define VM_MIXEDMAP	      0x10000000UL
#define VM_SEALED	      0x8000000000000000UL
#define VM_STACK	      VM_GROWSDOWN
#define VM_LOCKED_MASK	      (VM_LOCKED | VM_LOCKONFAULT)
#define VM_ACCESS_FLAGS	      (VM_READ | VM_WRITE | VM_EXEC)
#define VM_SPECIAL	      (VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP)
#define VM_DATA_DEFAULT_FLAGS (VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC)
#define VM_STACK_FLAGS	      (VM_STACK | VM_DATA_DEFAULT_FLAGS | VM_ACCOUNT)

enum { MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES, NR_MM_COUNTERS };

#define AT_VECTOR_SIZE	      48
#define DEFAULT_MAX_MAP_COUNT 65530
#define STACK_GUARD_GAP	      (256UL << PAGE_SHIFT)

struct vm_operations_struct {
	void (*open)(struct vm_area_struct *vma);  /* VMA was copied (fork, split, mremap) */
	void (*close)(struct vm_area_struct *vma); /* VMA goes away */
	/* Finds or makes the folio for vmf->pgoff, sets vmf->page with a reference; VM_FAULT_*. */
	unsigned int (*fault)(struct vm_fault *vmf);
	/* Maps what is cached around the fault, without sleeping; optional. */
	unsigned int (*map_pages)(struct vm_fault *vmf, pgoff_t start, pgoff_t end);
	/* A shared page is about to become writable; 0, VM_FAULT_LOCKED or an error. */
	unsigned int (*page_mkwrite)(struct vm_fault *vmf);
	const char *(*name)(struct vm_area_struct *vma);
	/* A debugger wants bytes of an area without pages: how many, or -errno. */
	int (*access)(struct vm_area_struct *vma, unsigned long addr, void *buf, int len,
		      bool write);
	/* Where a memory policy belongs to what is mapped shared, not to the area: the whole of vma gets pol (NULL: none);
	 * 0, -ENOMEM. And the one that holds at address, with a reference, or NULL. Both may sleep; both or neither. */
	int (*set_policy)(struct vm_area_struct *vma, struct mempolicy *pol);
	struct mempolicy *(*get_policy)(struct vm_area_struct *vma, unsigned long address);
};

/* That an area is in an anon_vma's tree; the idea is in anon_vma.c. R the root's rwsem. */
struct anon_vma_chain {
	struct vm_area_struct *vma;
	struct anon_vma *anon_vma;     /* NULL: an area's inner pair, not in use */
	struct list_head same_vma;     /* mmap_lock and page_table_lock */
	struct rb_node rb;	       /* R */
	unsigned long rb_subtree_last; /* R */
};

struct vm_area_struct {
	unsigned long vm_start;			   /* W first byte */
	unsigned long vm_end;			   /* W first byte past the area */
	unsigned long vm_flags;			   /* W VM_* */
	pgprot_t vm_page_prot;			   /* W entry bits that vm_flags give */
	struct mm_struct *vm_mm;		   /* - */
	const struct vm_operations_struct *vm_ops; /* W NULL: anonymous */
	struct file *vm_file;			   /* W one reference */
	unsigned long vm_pgoff; /* W page offset in vm_file, or virtual page number if anonymous */
	void *vm_private_data;
	struct mempolicy *vm_policy;	 /* W one reference; NULL: the task's */
	struct anon_vma_name *anon_name; /* W one reference; mostly NULL: mm/user/anon_name.h */
	struct vm_area_struct
		*detached_next; /* W chain of areas that munmap took out of the tree */
	/* Of the private pages that are made here; NULL: there are none. W, from NULL: mmap_lock read + page_table_lock */
	struct anon_vma *anon_vma;
	struct { /* file's i_mmap interval tree: i_mmap_rwsem */
		struct rb_node rb;
		unsigned long rb_subtree_last;
	} shared;
	/* vm_area_dup() copies what stands above; the copy is in no tree. */
	int vm_refcnt; /* a 0: in no mm's tree; else 1, its readers, and VMA_LOCK_OFFSET (vma_lock.h) */
	u32 vm_lock_seq; /* W equal to mm_lock_seq: being changed, no fault may begin */
	struct list_head anon_vma_chain; /* W and page_table_lock */
	struct anon_vma_chain first_avc;
};

struct mm_struct {
	struct maple_tree mm_mt;    /* W the VMAs */
	pgd_t *pgd;		    /* - */
	struct mm_context context;  /* arch/x86/tlb: which CPUs use it, TLB generation */
	atomic_t mm_users;	    /* a */
	atomic_t mm_count;	    /* a */
	int map_count;		    /* W number of VMAs */
	spinlock_t page_table_lock; /* P upper levels of the tables; counters below where said */
	struct rw_semaphore mmap_lock;
	u32 mm_lock_seq;	 /* W number of times that mmap_lock was released by a writer */
	unsigned long mmap_base; /* - top-down area starts here */
	bool mmap_legacy;	 /* - bottom-up from there instead */
	unsigned long total_vm;	 /* W pages mapped */
	unsigned long locked_vm, data_vm, exec_vm, stack_vm; /* W pages */
	unsigned long hiwater_rss, hiwater_vm;
	unsigned long def_flags; /* W flags for new VMAs (mlockall) */
	spinlock_t arg_lock;	 /* the fields below */
	unsigned long start_code, end_code, start_data, end_data;
	unsigned long start_brk, brk, start_stack;
	unsigned long arg_start, arg_end, env_start, env_end;
	unsigned long saved_auxv[AT_VECTOR_SIZE];
	atomic_long_t pgtables_bytes;		/* a */
	atomic_long_t rss_stat[NR_MM_COUNTERS]; /* a pages */
	atomic_long_t pinned_vm; /* a pages pinned for long, as far as drivers charge them */
	/* Odd while fork takes write bits away (gup_fast.c): W. And: somebody has pinned pages, once set. */
	unsigned int write_protect_seq;
	bool has_pins;
	struct file *exe_file; /* reference; changed under mmap_lock for writing */
	struct task_struct *owner;
	unsigned long flags;
	u64 exec_id;
};

extern struct mm_struct init_mm;

/* Fault flags, Linux's names. */
#define FAULT_FLAG_WRITE	0x1u
#define FAULT_FLAG_ALLOW_RETRY	0x4u
#define FAULT_FLAG_RETRY_NOWAIT 0x8u /* VM_FAULT_RETRY instead of waiting for a locked page */
#define FAULT_FLAG_KILLABLE	0x10u
#define FAULT_FLAG_TRIED	0x20u
#define FAULT_FLAG_USER		0x40u
#define FAULT_FLAG_REMOTE	0x80u
#define FAULT_FLAG_INSTRUCTION	0x100u
#define FAULT_FLAG_UNSHARE	0x400u	/* make the page exclusive, but not writable */
#define FAULT_FLAG_VMA_LOCK	0x1000u /* the area's lock is held, and not mmap_lock */

#define VM_FAULT_OOM	  0x1u
#define VM_FAULT_SIGBUS	  0x2u
#define VM_FAULT_MAJOR	  0x4u
#define VM_FAULT_SIGSEGV  0x40u
#define VM_FAULT_NOPAGE	  0x100u /* ->fault installed the entry itself */
#define VM_FAULT_LOCKED	  0x200u /* ->fault returned the folio locked */
#define VM_FAULT_RETRY	  0x400u
#define VM_FAULT_DONE_COW 0x1000u
#define VM_FAULT_ERROR	  (VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV)

struct vm_fault {
	struct vm_area_struct *vma;
	gfp_t gfp_mask;
	pgoff_t pgoff;	       /* page offset in the file */
	unsigned long address; /* page aligned */
	unsigned int flags;    /* FAULT_FLAG_* */
	pmd_t *pmd;
	pte_t *pte; /* valid while ptl is held */
	pte_t orig_pte;
	spinlock_t *ptl;
	struct page *page;     /* what ->fault found */
	struct page *cow_page; /* the private copy to be */
	struct page *prealloc_pte;
};

/* --- life of an mm (mm/user/mm.c; all may sleep) --- */
struct mm_struct *mm_alloc(void);		   /* empty, mm_users 1; NULL: no memory */
struct mm_struct *dup_mm(struct mm_struct *oldmm); /* fork: COW copy; NULL: no memory */
void mmput(struct mm_struct *mm);		   /* drops mm_users */
void __mmdrop(struct mm_struct *mm);
/* clone(CLONE_VM): from here on others may walk the tree while it is changed. => by the mm's only thread */
static inline void mm_tree_shared(struct mm_struct *mm)
{
	mm->mm_mt.ma_flags &= ~MT_FLAGS_EXCLUSIVE;
}
/* exec: the caller is the mm's only thread, and looks at the tree only while he does not change it. */
static inline void mm_tree_exclusive(struct mm_struct *mm)
{
	mm->mm_mt.ma_flags |= MT_FLAGS_EXCLUSIVE;
}
/* Does nobody but the caller, the mm's only thread, fault in it? */
static inline bool mm_tree_is_exclusive(const struct mm_struct *mm)
{
	return mm->mm_mt.ma_flags & MT_FLAGS_EXCLUSIVE;
}
static inline void mmgrab(struct mm_struct *mm)
{
	atomic_inc(&mm->mm_count);
}
static inline void mmdrop(struct mm_struct *mm)
{
	if (atomic_dec_and_test(&mm->mm_count))
		__mmdrop(mm);
}
static inline void mmget(struct mm_struct *mm)
{
	atomic_inc(&mm->mm_users);
}
static inline bool mmget_not_zero(struct mm_struct *mm)
{
	return atomic_inc_not_zero(&mm->mm_users);
}
struct task_struct;
struct mm_struct *get_task_mm(struct task_struct *task); /* NULL for kernel threads; mmput() it */

static inline void mmap_read_lock(struct mm_struct *mm)
{
	down_read(&mm->mmap_lock);
}
static inline void mmap_read_unlock(struct mm_struct *mm)
{
	up_read(&mm->mmap_lock);
}
static inline void mmap_write_lock(struct mm_struct *mm)
{
	down_write(&mm->mmap_lock);
}
static inline int mmap_write_lock_killable(struct mm_struct *mm)
{
	return down_write_killable(&mm->mmap_lock);
}
/* All areas that were marked as being changed can be locked by faults again (vma_lock.h). */
static inline void vma_end_write_all(struct mm_struct *mm)
{
	__atomic_store_n(&mm->mm_lock_seq, mm->mm_lock_seq + 1, __ATOMIC_RELEASE);
}
static inline void mmap_write_unlock(struct mm_struct *mm)
{
	vma_end_write_all(mm);
	up_write(&mm->mmap_lock);
}

static inline void add_mm_counter(struct mm_struct *mm, int which, long n)
{
	atomic_long_add(n, &mm->rss_stat[which]);
}

static inline unsigned long get_mm_counter(struct mm_struct *mm, int which)
{
	long v = atomic_long_read(&mm->rss_stat[which]);

	return v < 0 ? 0 : v;
}

static inline unsigned long get_mm_rss(struct mm_struct *mm)
{
	return get_mm_counter(mm, MM_FILEPAGES) + get_mm_counter(mm, MM_ANONPAGES) +
	       get_mm_counter(mm, MM_SHMEMPAGES);
}

/* --- VMAs (mm/user/vma.c) => mmap_lock held, for writing where they change something --- */
struct vm_area_struct *find_vma(struct mm_struct *mm,
				unsigned long addr); /* first with vm_end > addr */
struct vm_area_struct *vma_lookup(struct mm_struct *mm,
				  unsigned long addr); /* the one holding addr */
struct vm_area_struct *find_extend_vma_locked(struct mm_struct *mm, unsigned long addr);
struct vm_area_struct *vma_next(struct mm_struct *mm,
				struct vm_area_struct *vma); /* in address order */
static inline bool vma_is_anonymous(const struct vm_area_struct *vma)
{
	return !vma->vm_ops;
}
/* Is, or may become by mprotect(2), a way to change the file. */
static inline bool vma_shared_maywrite(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE);
}
/* Where something below vma must end: a stack keeps its guard gap. */
static inline unsigned long vm_start_gap(const struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_GROWSDOWN))
		return vma->vm_start;
	return vma->vm_start > STACK_GUARD_GAP ? vma->vm_start - STACK_GUARD_GAP : 0;
}
static inline unsigned long vma_pages(const struct vm_area_struct *vma)
{
	return (vma->vm_end - vma->vm_start) >> PAGE_SHIFT;
}
pgprot_t vm_get_page_prot(unsigned long vm_flags);
int expand_stack(struct vm_area_struct *vma,
		 unsigned long address); /* -ENOMEM; mmap_lock for writing */

#define for_each_vma_mm(mm, vma) for ((vma) = find_vma(mm, 0); (vma); (vma) = vma_next(mm, vma))

/* --- mmap family (mm/user/mmap.c); addresses or negative errno as long --- */
unsigned long vm_mmap(struct file *file, unsigned long addr, unsigned long len, unsigned long prot,
		      unsigned long flags, unsigned long offset); /* takes mmap_lock */
unsigned long do_mmap(struct file *file, unsigned long addr, unsigned long len, unsigned long prot,
		      unsigned long flags, unsigned long vm_flags,
		      unsigned long pgoff);			      /* => mmap_lock for writing */
int do_munmap(struct mm_struct *mm, unsigned long start, size_t len); /* => mmap_lock for writing */
int vm_munmap(unsigned long start, size_t len);
/* madvise(2) on any address space; takes mmap_lock. */
int do_madvise(struct mm_struct *mm, unsigned long start, size_t len, int advice);
int vm_brk_flags(unsigned long addr, unsigned long len,
		 unsigned long flags); /* exec's bss; takes mmap_lock */
int mprotect_fixup_range(struct mm_struct *mm, unsigned long start, unsigned long end,
			 unsigned long prot);
unsigned long get_unmapped_area(struct file *file, unsigned long addr, unsigned long len,
				unsigned long pgoff, unsigned long flags);
/* exec: a stack VMA [top - PAGE_SIZE, top) in a new mm, grown by expand_stack as arguments are copied. */
int setup_new_stack(struct mm_struct *mm, unsigned long top, unsigned long vm_flags);
/*
 * exec and ptrace-like readers: copies to or from another mm's memory; bytes done, stops at a bad page. FOLL_WRITE, FOLL_FORCE:
 * mm/user/gup.h. Takes mmap_lock.
 */
int access_remote_vm(struct mm_struct *mm, unsigned long addr, void *buf, int len,
		     unsigned int gup_flags);
/* Length of the line is enough for the file name; the body of /proc/PID/maps lines comes from these. */
const char *arch_vma_name(struct vm_area_struct *vma); /* "[heap]", "[stack]", NULL */

/* --- faults (mm/user/fault.c) --- */
unsigned int handle_mm_fault(struct vm_area_struct *vma, unsigned long address, unsigned int flags);
int fixup_user_fault(struct mm_struct *mm, unsigned long address,
		     bool write); /* => mmap_lock read; 0/-EFAULT */
