/*
 * System V shared memory, as user programs see it, and between shm.c and shmctl.c.
 *
 * Mirrors Linux include/linux/shm.h, uapi linux/{ipc,shm}.h. Exercised by tests/user/sysvshm.c.
 */
#pragma once

#include "kernel/fs/fs.h"
#include "kernel/mutex.h"
#include "lib/xarray.h"

#define IPC_PRIVATE 0
#define IPC_CREAT   01000
#define IPC_EXCL    02000
#define IPC_RMID    0
#define IPC_SET	    1
#define IPC_STAT    2
#define IPC_INFO    3

#define SHM_EXEC      0100000
#define SHM_RDONLY    010000
#define SHM_RND	      020000
#define SHM_REMAP     040000
#define SHM_HUGETLB   04000
#define SHM_NORESERVE 010000
#define SHM_LOCK      11
#define SHM_UNLOCK    12
#define SHM_STAT      13
#define SHM_INFO      14
#define SHM_STAT_ANY  15
#define SHM_DEST      01000 /* in mode: goes with the last detach */
#define SHM_LOCKED    02000

#define IPC_INDEX_BITS 15
#define IPC_MNI	       (1 << IPC_INDEX_BITS)

/* One segment. All fields: shm_lock, but those marked as constant. */
struct shm_segment {
	int id, key;		  /* id - */
	u32 uid, gid, cuid, cgid; /* cuid, cgid - */
	unsigned int mode;
	u32 locker;	      /* who locked it, if mode has SHM_LOCKED */
	struct file *file;    /* - the shmem file */
	size_t size;	      /* - bytes as asked for */
	unsigned long nattch; /* areas that map it, and attaches under way */
	time64_t atime, dtime, ctime;
	pid_t cpid, lpid;
};

extern struct mutex shm_lock;
extern struct xarray shm_segments;	     /* index -> segment */
extern unsigned long shm_total;		     /* pages of all segments */
extern unsigned long shm_ctlmax, shm_ctlall; /* limits: bytes of one, pages of all */
extern int shm_ctlmni;			     /* and number of segments */

/* The segment of an id; NULL. => shm_lock held */
struct shm_segment *shm_find(int id);
/* May current do this (S_IRUGO, S_IWUGO bits)? */
bool shm_permitted(const struct shm_segment *s, unsigned int mode);
/* Out of the table. Then, without the lock: shm_free(). => shm_lock held, nobody attached */
void shm_unlink(struct shm_segment *s);
void shm_free(struct shm_segment *s);
