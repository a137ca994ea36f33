/*
 * Floating-point and vector registers of user programs.
 *
 * 1. The kernel does not use them (but for arch/x86/page_ops.S, which restores what it touches), so while
 *    a user task runs, or sits in a system call, its registers are in the CPU. The context switch saves
 *    those of the outgoing task and loads those of the incoming one; kernel threads have none.
 * 2. A save area is 64-byte aligned, of fpu_state_size bytes: 512 for FXSAVE, more with XSAVE. Its first 512
 *    bytes have the FXSAVE layout either way.
 * 3. Areas come from an allocator that a higher floor registers.
 *
 * Facts: Intel SDM volume 1, chapters 10 and 13. Mirrors Linux arch/x86/kernel/fpu/. Exercised by
 * tests/user/fpu.c.
 */
#pragma once

#include "lib/types.h"

struct task_struct;

extern unsigned int fpu_state_size; /* bytes of a save area; known after cpu_detect() */
extern u64 fpu_xfeatures;	    /* components that XSAVE handles here; 0: FXSAVE only */

struct fpu_alloc_ops {
	void *(*alloc)(void); /* fpu_state_size bytes, 64-byte aligned, or NULL; may sleep */
	void (*free)(void *area);
};
extern const struct fpu_alloc_ops *fpu_alloc_ops; /* kernel/fpu_cache.c */

/* This CPU's control registers for it. => cpu_init() */
void fpu_init_cpu(void);
void fpu_detect(void); /* boot CPU, once: sizes and the initial state */

/* Registers -> area, area -> registers. An area must hold a state that was saved, or fpu_init_state(). */
void fpu_save(void *area);
void fpu_restore(const void *area);
/* Writes the state that a program begins with. */
void fpu_init_state(void *area);
/* exec: current begins with clean registers; gives it an area if it had none. -ENOMEM. */
int fpu_flush_current(void);
/* fork: current's registers, as they are now, become those of @p. 0 or -ENOMEM. */
int fpu_clone(struct task_struct *p);
void fpu_free(struct task_struct *p);

/* Signal frames. Bytes that the state takes on the user stack. */
unsigned int fpu_sigframe_size(void);
/* Writes current's state to user memory at @buf, 64-byte aligned. 0 or -EFAULT. */
int fpu_save_to_user(void __user *buf);
/* Loads it back; NULL gives the initial state. What a program may not set is refused. 0, -EFAULT, -EINVAL. */
int fpu_restore_from_user(const void __user *buf);
