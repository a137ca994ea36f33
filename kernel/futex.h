/*
 * Futexes: user-space locks' way to sleep in the kernel.
 *
 * 1. A futex is an aligned 32-bit word of user memory. A key names it for all who share it: (mm,
 *    address) for private ones; for shared ones the page decides (mm/user/gup.h): (inode, page index, offset) if it is
 *    a file's, else (mm, address) again, marked, since it is not the same futex as a private one.
 * 2. Waiters sit in hash buckets by key. FUTEX_WAIT compares the word under the bucket's lock, so a
 *    waker that changed the word before FUTEX_WAKE cannot be missed.
 *
 * Lock: bucket locks, two at a time in address order; run-queue locks are taken outside (wake
 * lists).
 * Mirrors Linux kernel/futex/, include/uapi/linux/futex.h. Exercised by tests/user/threads.c and
 * futex.c.
 */
#pragma once

#include "lib/types.h"

struct task_struct;

#define FUTEX_WAIT	       0
#define FUTEX_WAKE	       1
#define FUTEX_FD	       2
#define FUTEX_REQUEUE	       3
#define FUTEX_CMP_REQUEUE      4
#define FUTEX_WAKE_OP	       5
#define FUTEX_LOCK_PI	       6
#define FUTEX_UNLOCK_PI	       7
#define FUTEX_TRYLOCK_PI       8
#define FUTEX_WAIT_BITSET      9
#define FUTEX_WAKE_BITSET      10
#define FUTEX_PRIVATE_FLAG     128
#define FUTEX_CLOCK_REALTIME   256
#define FUTEX_CMD_MASK	       (~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME))
#define FUTEX_BITSET_MATCH_ANY 0xffffffffU
#define FUTEX_WAITERS	       0x80000000U
#define FUTEX_OWNER_DIED       0x40000000U
#define FUTEX_TID_MASK	       0x3fffffffU
#define ROBUST_LIST_LIMIT      2048

struct robust_list {
	struct robust_list *next;
};
struct robust_list_head {
	struct robust_list list;
	long futex_offset;
	struct robust_list *list_op_pending;
};

/* The identity of a word; equal keys are the same futex. */
struct futex_key {
	void *object;	     /* mm_struct, or the number of an inode */
	unsigned long index; /* page address, or page index in the inode */
	unsigned int offset; /* byte in the page; bits 0, 1: KEY_* of futex.c */
};

/*
 * Fills @key for the word at @uaddr of current's mm. @write: the word will be written (breaks COW).
 * 0; -EINVAL not aligned; -EFAULT. => may sleep
 */
int get_futex_key(u32 __user *uaddr, bool shared, struct futex_key *key, bool write);

/*
 * Wakes up to @nr waiters of a word of current's mm: how many, or -errno. (clear_child_tid at exit)
 */
int futex_wake(u32 __user *uaddr, bool shared, int nr, u32 bitset);
/*
 * At exit of current, while its mm is still there: robust locks are marked OWNER_DIED, one waiter
 * each woken.
 */
void exit_robust_list(struct task_struct *curr);
/* All that exit owes to futexes: robust list. => current, mm still there */
void futex_exit_release(struct task_struct *tsk);
