/*
 * The objects that the page cache, mmap and the VFS share: address_space, inode, file, and their
 * operation tables.
 *
 * 1. An inode is a file whatever names it has; its address_space holds the file's pages, one copy for
 *    read, write and every mapping. A file (open file description) points at the inode's mapping.
 * 2. The memory manager sees files only through this header: it never looks at dentries or mounts.
 *    kernel/fs fills the tables and owns the rest (kernel/fs/fs.h).
 * 3. i_pages maps page index -> folio. Readers hold RCU and take a reference with folio_try_get, then
 *    check that the folio is still there; writers hold i_pages_lock. i_mmap holds every VMA that maps
 *    the file (interval tree by page offset) under i_mmap_rwsem: rmap for files.
 * 4. invalidate_lock excludes faults and reads that would bring pages in while truncate takes them out.
 *
 * Legend: P i_pages_lock; M i_mmap_rwsem; I inode->i_rwsem; L i_lock; - constant once visible.
 * Mirrors Linux include/linux/fs.h (the mm half). Exercised by tests/user/files.c and file_map.c.
 */
#pragma once

#include "arch/x86/atomic.h"
#include "kernel/rwsem.h"
#include "kernel/spinlock.h"
#include "kernel/time.h"
#include "lib/errseq.h"
#include "lib/list.h"
#include "lib/rbtree.h"
#include "lib/types.h"
#include "lib/xarray.h"

/* One element of readv and writev, as user programs pass it. */
struct iovec {
	void __user *iov_base;
	size_t iov_len;
};

struct address_space;
struct backing_dev_info;
struct dentry;
struct dir_context;
struct file;
struct folio;
struct inode;
struct iov_iter;
struct kiocb;
struct kstat;
struct mount;
struct page;
struct pipe_inode_info;
struct poll_table;
struct readahead_control;
struct seq_file;
struct shared_policy;
struct super_block;
struct vm_area_struct;
struct writeback_control;

struct address_space_operations {
	/* Bring one locked, not uptodate folio in; unlocks it. 0 or -EIO... May sleep. */
	int (*read_folio)(struct file *file, struct folio *folio);
	/* Starts reading a run of new, locked folios, each unlocked when it is there: mm/cache/readahead.h. */
	void (*readahead)(struct readahead_control *rac);
	/* A locked, referenced folio ready for a write of len bytes at pos / finish it (returns bytes). */
	int (*write_begin)(struct file *file, struct address_space *mapping, loff_t pos,
			   unsigned int len, struct folio **foliop);
	int (*write_end)(struct file *file, struct address_space *mapping, loff_t pos,
			 unsigned int len, unsigned int copied, struct folio *folio);
	/* Marks a folio dirty; NULL: there is no disk to be newer than. See mm/cache/writeback.h. */
	bool (*dirty_folio)(struct address_space *mapping, struct folio *folio);
	/* Starts writing what is dirty in wbc's range. 0 or -errno; may sleep. */
	int (*writepages)(struct address_space *mapping, struct writeback_control *wbc);
	/* A locked folio has just left mapping's cache. */
	void (*free_folio)(struct folio *folio, struct address_space *mapping);
};

struct address_space {
	struct inode *host;    /* - */
	struct xarray i_pages; /* P for writing, RCU for reading */
	spinlock_t i_pages_lock;
	unsigned long nrpages;			      /* P */
	gfp_t gfp_mask;				      /* - */
	unsigned long flags;			      /* AS_* bits, atomic */
	const struct address_space_operations *a_ops; /* - */
	struct rw_semaphore invalidate_lock;
	atomic_t i_mmap_writable;     /* shared writable mappings; negative: denied */
	struct rb_root_cached i_mmap; /* M */
	struct rw_semaphore i_mmap_rwsem;
	errseq_t wb_err;	      /* failed writes, for whoever has the file open */
	struct backing_dev_info *bdi; /* - where its pages go: mm/cache/backing-dev.h */
	pgoff_t writeback_index;      /* the flusher: where the next pass begins */
	struct list_head cached_list; /* mm/cache/shrink.c, as the next one: cached_lock */
	pgoff_t shrink_index;
	void *private_data;		     /* - the file system's */
	struct shared_policy *shared_policy; /* - once set: mm/cache/mempolicy.h, shmem only */
};

#define MAX_LFS_FILESIZE LLONG_MAX /* largest file, bytes */
#define AS_UNEVICTABLE	 0	   /* pages live only here (tmpfs): never dropped */
#define AS_ACCT_SIZE	 1 /* shmem: all of the file is promised, not only the pages it has */
#define AS_SECRETMEM \
	2 /* not in the linear map, so nobody may pin or copy the pages: memfd_secret(2) */
#define AS_METADATA   4 /* a device's: a file system holds references to pages that it changes */
#define AS_ANON_SHMEM 3 /* the file behind MAP_SHARED | MAP_ANONYMOUS, which nobody can open */

struct inode {
	umode_t i_mode; /* I type and permissions */
	unsigned int i_flags;
	u32 i_uid, i_gid;			     /* I */
	u64 i_ino;				     /* - */
	dev_t i_rdev;				     /* - device nodes: major << 20 | minor */
	unsigned int i_nlink;			     /* I */
	loff_t i_size;				     /* I written; read with READ_ONCE */
	u64 i_blocks;				     /* L 512-byte blocks */
	struct timespec64 i_atime, i_mtime, i_ctime; /* L */
	unsigned int i_blkbits;
	const struct inode_operations *i_op; /* - */
	const struct file_operations *i_fop; /* - default for open */
	struct super_block *i_sb;	     /* - */
	struct address_space *i_mapping;     /* - usually &i_data */
	struct address_space i_data;
	u64 i_sequence;	      /* a futex asked; 0: none yet */
	unsigned int i_seals; /* I F_SEAL_* of a shmem file */
	struct rw_semaphore i_rwsem;
	spinlock_t i_lock;
	atomic_t i_count;      /* references */
	atomic_t i_writecount; /* writers; negative: being executed (ETXTBSY) */
	unsigned long
		i_state; /* L I_*; I_FREEING and I_REFERENCED of hashed ones: also inode_hash_lock */
	struct hlist_node i_hash;   /* by number: inode_hash_lock */
	struct list_head i_lru;	    /* unused: its lock, under inode_hash_lock */
	struct list_head i_sb_list; /* sb->s_inode_list_lock: all of a file system with a disk */
	struct list_head i_io_list; /* wb->list_lock: mm/cache/backing-dev.h */
	unsigned long dirtied_when; /* wb->list_lock: jiffies */
	unsigned long dirtied_time_when; /* wb->list_lock: jiffies, of I_DIRTY_TIME */
	struct list_head i_dentry;	 /* L aliases */
	char *i_link;			 /* - symlink text, if kept in memory */
	struct pipe_inode_info *i_pipe;
	void *i_flctx;	 /* L advisory locks */
	void *i_private; /* - the file system's */
	void *rcu_next[2];
};

#define I_LINKABLE BIT(0) /* I no name yet, but may get one: O_TMPFILE */
/* Of hashed inodes, which are never without a name: inode_hash_lock. */
#define I_FREEING    BIT(1) /* on its way out */
#define I_NEW	     BIT(8) /* being filled by whoever made it: iget_locked() */
#define I_REFERENCED BIT(2) /* looked up since it came on the list of unused ones */
/* What of it is newer than on the disk: mark_inode_dirty(). */
#define I_DIRTY_SYNC	 BIT(3) /* something that fdatasync need not write: times */
#define I_DIRTY_DATASYNC BIT(4) /* something that reading the data needs: size, blocks */
#define I_DIRTY_PAGES	 BIT(5)
#define I_DIRTY_TIME	 BIT(6) /* times alone, and they may wait (lazytime) */
#define __I_SYNC	 7
#define I_SYNC		 BIT(__I_SYNC) /* being written: it stays */
#define I_DIRTY_INODE	 (I_DIRTY_SYNC | I_DIRTY_DATASYNC)
#define I_DIRTY		 (I_DIRTY_INODE | I_DIRTY_PAGES)
#define I_DIRTY_ALL	 (I_DIRTY | I_DIRTY_TIME)

/* What may not be done to a shmem file any more: fcntl(F_ADD_SEALS). */
#define F_SEAL_SEAL	    0x01u /* further seals */
#define F_SEAL_SHRINK	    0x02u
#define F_SEAL_GROW	    0x04u
#define F_SEAL_WRITE	    0x08u
#define F_SEAL_FUTURE_WRITE 0x10u /* as WRITE, but writable mappings that are there stay */
#define F_SEAL_EXEC	    0x20u /* changing the execute bits */
#define F_SEAL_ANY_WRITE    (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

/* Modes of ->fallocate. */
#define FALLOC_FL_KEEP_SIZE	 0x01
#define FALLOC_FL_PUNCH_HOLE	 0x02
#define FALLOC_FL_COLLAPSE_RANGE 0x08
#define FALLOC_FL_ZERO_RANGE	 0x10
#define FALLOC_FL_INSERT_RANGE	 0x20
#define FALLOC_FL_UNSHARE_RANGE	 0x40

/* file_operations.fop_flags */
#define FOP_DIRECT \
	BIT(0) /* may be opened with O_DIRECT: read_iter and write_iter heed IOCB_DIRECT */
#define FOP_NOWAIT BIT(1) /* read_iter and write_iter heed IOCB_NOWAIT */

struct file_operations {
	unsigned int fop_flags;
	loff_t (*llseek)(struct file *, loff_t, int);
	ssize_t (*read)(struct file *, char __user *, size_t, loff_t *);
	ssize_t (*write)(struct file *, const char __user *, size_t, loff_t *);
	/* Read and write of any memory, in one piece (mm/cache/uio.h); a file has them or the two above. */
	ssize_t (*read_iter)(struct kiocb *, struct iov_iter *);
	ssize_t (*write_iter)(struct kiocb *, struct iov_iter *);
	/* writev in one piece; NULL: element by element, each a write of its own. */
	ssize_t (*writev)(struct file *, const struct iovec *, unsigned long nr, loff_t *);
	int (*iterate_shared)(struct file *, struct dir_context *);
	unsigned int (*poll)(struct file *, struct poll_table *);
	long (*unlocked_ioctl)(struct file *, unsigned int, unsigned long);
	int (*mmap)(struct file *, struct vm_area_struct *);
	int (*open)(struct inode *, struct file *);
	int (*flush)(struct file *);
	int (*release)(struct inode *, struct file *);
	int (*fsync)(struct file *, loff_t, loff_t, int datasync);
	int (*fasync)(int, struct file *, int);
	/* Further lines of /proc/PID/fdinfo/N. */
	void (*show_fdinfo)(struct seq_file *, struct file *);
	long (*fallocate)(struct file *, int mode, loff_t offset, loff_t len);
	/* Pages by reference into a pipe (kernel/fs/splice.h); NULL: new pages are read into. */
	ssize_t (*splice_read)(struct file *, loff_t *, struct pipe_inode_info *, size_t);
	/* Reads file bytes at pos into kernel memory (sendfile); files with a read_iter need none. */
	ssize_t (*read_kernel)(struct file *, void *buf, size_t len, loff_t pos);
	/* Kernel bytes into a stream (sendfile to a pipe or terminal); NULL: EINVAL. May sleep. */
	ssize_t (*write_kernel)(struct file *, const void *buf, size_t len);
};

#define FMODE_READ    0x1u
#define FMODE_WRITE   0x2u
#define FMODE_LSEEK   0x4u
#define FMODE_PREAD   0x8u
#define FMODE_PWRITE  0x10u
#define FMODE_EXEC    0x20u
#define FMODE_NOPOS   0x80u  /* lseek may be called, but reads and writes have no position */
#define FMODE_WRITER  0x40u  /* counted in i_writecount */
#define FMODE_EXCL    0x100u /* a block device that nobody else may have alone */
#define FMODE_RANDOM  0x200u /* POSIX_FADV_RANDOM: no readahead; f_lock */
#define FMODE_NOREUSE 0x400u /* POSIX_FADV_NOREUSE; f_lock */
#define FMODE_PATH    0x4000u

struct path {
	struct mount *mnt;
	struct dentry *dentry;
};

/* What an open file was last seen to read: mm/cache/readahead.h. Pages. */
struct file_ra_state {
	pgoff_t start;		  /* the last window */
	unsigned long size;	  /* of it */
	unsigned long async_size; /* so many of its end are left when the next one starts */
	unsigned long ra_pages;	  /* largest window; 0: none */
	int mmap_miss;		  /* faults that found nothing, less those that found their page */
	loff_t prev_pos;	  /* bytes: where the last read ended */
};

struct file {
	atomic_long_t f_count;		    /* references; the last one releases */
	unsigned int f_mode;		    /* FMODE_*, - */
	unsigned int f_flags;		    /* O_*, f_lock */
	const struct file_operations *f_op; /* - */
	struct inode *f_inode;		    /* - */
	struct address_space *f_mapping;    /* - */
	struct path f_path;		    /* - */
	loff_t f_pos;			    /* f_pos_lock */
	struct rw_semaphore f_pos_lock;
	spinlock_t f_lock;
	const struct cred *f_cred; /* - */
	struct hlist_head f_ep;	   /* its entries in epoll sets: f_lock */
	int f_owner_pid, f_owner_sig;
	unsigned int f_version;
	errseq_t f_wb_err; /* f_lock: which failed writes it has heard of */
	errseq_t f_sb_err; /* f_lock: the same of its whole file system, for syncfs */
	void *private_data;
	struct file_ra_state f_ra;
	void *rcu_next[2];
};

/* One more writable shared mapping, 0; or -1: they are denied. */
static inline int mapping_map_writable(struct address_space *mapping)
{
	int n = atomic_read(&mapping->i_mmap_writable);

	while (n >= 0)
		if (atomic_try_cmpxchg(&mapping->i_mmap_writable, &n, n + 1))
			return 0;
	return -1;
}

static inline void mapping_unmap_writable(struct address_space *mapping)
{
	atomic_dec(&mapping->i_mmap_writable);
}

/* From now on there will be no writable shared mapping, 0; or -1: there are some. */
static inline int mapping_deny_writable(struct address_space *mapping)
{
	int n = 0;

	while (!atomic_try_cmpxchg(&mapping->i_mmap_writable, &n, n - 1))
		if (n > 0)
			return -1;
	return 0;
}

/* Takes mapping_deny_writable() back. */
static inline void mapping_allow_writable(struct address_space *mapping)
{
	atomic_inc(&mapping->i_mmap_writable);
}

static inline struct inode *file_inode(const struct file *f)
{
	return f->f_inode;
}

static inline struct file *get_file(struct file *f)
{
	atomic_long_inc(&f->f_count);
	return f;
}

/* Drops a reference; the last one calls ->release and frees. May sleep. (kernel/fs/file_table.c) */
void fput(struct file *f);
/* Absolute path of f in the current root, as in /proc/PID/maps; ERR_PTR(-ENAMETOOLONG). (kernel/fs) */
char *file_path(struct file *f, char *buf, int len);
