/*
 * Faults: bringing in the page that an access wants. The entry points beyond handle_mm_fault (mm.h).
 *
 * Mirrors Linux mm/memory.c and arch/x86/mm/fault.c. Exercised by tests/user/{anon_map,stack,mprotect}.c.
 */
#pragma once

#include "mm/user/mm.h"

struct pt_regs;

/* Hardware error code of #PF, Intel SDM 3A 4.7. */
#define X86_PF_PROT  BIT(0)
#define X86_PF_WRITE BIT(1)
#define X86_PF_USER  BIT(2)
#define X86_PF_RSVD  BIT(3)
#define X86_PF_INSTR BIT(4)

/*
 * The fault handler that arch/x86 calls for user addresses: 0 when the access may be repeated or a signal
 * is on its way; -EFAULT for a kernel-mode access that cannot be satisfied (the caller looks for a fixup).
 */
int do_user_addr_fault(struct pt_regs *regs, unsigned long error_code, unsigned long address);
/* Faults in [start, start + len) for MAP_POPULATE and mlock; errors only stop it. => mmap_lock not held */
void mm_populate(struct mm_struct *mm, unsigned long start, unsigned long len);
/*
 * The same with the answer, for MADV_POPULATE_*: 0, -EFAULT, -ENOMEM, -EINTR (killed)... write: 0 read, 1 write,
 * -1 what each area is likely to see.
 */
int faultin_range(struct mm_struct *mm, unsigned long start, unsigned long len, int write);
/* mm_populate() with the answer: 0, or what the first page that cannot be had gave (-EFAULT, -ENOMEM, -EINTR: killed). */
int __mm_populate(struct mm_struct *mm, unsigned long start, unsigned long len, bool ignore_errors);
/* The part [start, end) of one area. => mmap_lock held */
int populate_vma_range(struct vm_area_struct *vma, unsigned long start, unsigned long end);
void fault_init(void);
