/*
 * The VFS: names (dentries), mounts, file systems, and the calls the rest of the kernel makes on files.
 *
 * 1. A dentry is one name in one directory; the tree of dentries in memory is the part of the name space
 *    in use. It holds its parent and its inode. A file system without a disk (tmpfs, devtmpfs) pins the
 *    dentries of its files: the tree is its directory. Others (procfs) let them go with the last user.
 * 2. A dentry without inode is negative: the name is known not to exist. It lives while it is held.
 * 3. A mount lays the root of a file system over a directory of another. A path is (mount, dentry).
 * 4. Directory changes hold the directory's i_rwsem for writing; look-ups in the cache run under RCU.
 *
 * Lock order (docs/locking.md): rename mutex, directory i_rwsem (parent first), file i_rwsem, dcache_lock.
 * Mirrors Linux include/linux/{fs,dcache,mount,namei}.h. Exercised by tests/user/{files,names,attrs}.c.
 */
#pragma once

#include "kernel/cred.h"
#include "kernel/mutex.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "mm/cache/backing-dev.h"
#include "mm/cache/file.h"

#define NAME_MAX    255
#define PATH_MAX    4096
#define MAXSYMLINKS 40

#define S_IFMT	    00170000
#define S_IFSOCK    0140000
#define S_IFLNK	    0120000
#define S_IFREG	    0100000
#define S_IFBLK	    0060000
#define S_IFDIR	    0040000
#define S_IFCHR	    0020000
#define S_IFIFO	    0010000
#define S_ISUID	    04000
#define S_ISGID	    02000
#define S_ISVTX	    01000
#define S_ISLNK(m)  (((m)&S_IFMT) == S_IFLNK)
#define S_ISREG(m)  (((m)&S_IFMT) == S_IFREG)
#define S_ISDIR(m)  (((m)&S_IFMT) == S_IFDIR)
#define S_ISCHR(m)  (((m)&S_IFMT) == S_IFCHR)
#define S_ISBLK(m)  (((m)&S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m)&S_IFMT) == S_IFIFO)
#define S_ISSOCK(m) (((m)&S_IFMT) == S_IFSOCK)

#define O_ACCMODE   00000003
#define O_RDONLY    00000000
#define O_WRONLY    00000001
#define O_RDWR	    00000002
#define O_CREAT	    00000100
#define O_EXCL	    00000200
#define O_NOCTTY    00000400
#define O_TRUNC	    00001000
#define O_APPEND    00002000
#define O_NONBLOCK  00004000
#define O_DSYNC	    00010000
#define FASYNC	    00020000
#define O_DIRECT    00040000
#define O_LARGEFILE 00100000
#define O_DIRECTORY 00200000
#define O_NOFOLLOW  00400000
#define O_SYNC	    04010000
#define O_NOATIME   01000000
#define O_CLOEXEC   02000000
#define O_PATH	    010000000
#define O_TMPFILE   020200000

#define AT_FDCWD	    -100
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_REMOVEDIR	    0x200
#define AT_EACCESS	    0x200
#define AT_SYMLINK_FOLLOW   0x400
#define AT_NO_AUTOMOUNT	    0x800
#define AT_EMPTY_PATH	    0x1000

#define MAY_EXEC   1
#define MAY_WRITE  2
#define MAY_READ   4
#define MAY_ACCESS 16

#define DT_UNKNOWN 0
#define DT_FIFO	   1
#define DT_CHR	   2
#define DT_DIR	   4
#define DT_BLK	   6
#define DT_REG	   8
#define DT_LNK	   10
#define DT_SOCK	   12

#define MAJOR(d)      ((unsigned int)((d) >> 20))
#define MINOR(d)      ((unsigned int)((d)&0xfffff))
#define MKDEV(ma, mi) (((dev_t)(ma) << 20) | (mi))

struct qstr {
	const char *name;
	unsigned int len;
	unsigned int hash;
};

struct dentry_operations {
	/* Is this cached dentry still true? 1 yes, 0 no (it is dropped and looked up again). May sleep. */
	int (*d_revalidate)(struct dentry *dentry);
	/* Nobody uses it any more: 1 to let go of it at once, 0 to keep it for the next look-up. dcache_lock held. */
	int (*d_delete)(const struct dentry *dentry);
	/* Text for /proc/PID/fd and maps of objects without a path ("pipe:[12]"). */
	char *(*d_dname)(struct dentry *dentry, char *buf, int len);
};

#define DCACHE_MOUNTED	  BIT(0) /* some mount covers it */
#define DCACHE_PINNED	  BIT(1) /* the file system holds one reference while the file exists */
#define DCACHE_HASHED	  BIT(2)
#define DCACHE_LRU_LIST	  BIT(3) /* on the list of unused ones, or of those being freed */
#define DCACHE_REFERENCED BIT(4) /* used again since it came on the list */
#define DNAME_INLINE_LEN  40

struct dentry {
	atomic_t d_count;	  /* references; 0: kept for later; negative: being freed */
	unsigned int d_flags;	  /* DCACHE_*: dcache_lock */
	struct qstr d_name;	  /* dcache_lock (rename) */
	struct dentry *d_parent;  /* dcache_lock; itself for a root; holds a reference */
	struct inode *d_inode;	  /* set once; NULL: negative */
	struct super_block *d_sb; /* - */
	const struct dentry_operations *d_op;
	struct hlist_node d_hash;   /* dcache_lock, RCU readers */
	struct list_head d_child;   /* in d_parent->d_subdirs: dcache_lock */
	struct list_head d_subdirs; /* dcache_lock */
	struct list_head d_alias;   /* in inode->i_dentry: inode->i_lock */
	struct list_head d_lru;	    /* in dentry_lru: its lock, under dcache_lock */
	void *d_fsdata;
	void *rcu_next[2];
	char d_iname[DNAME_INLINE_LEN];
};

static inline struct inode *d_inode(const struct dentry *d)
{
	return d->d_inode;
}
static inline bool d_is_negative(const struct dentry *d)
{
	return !d->d_inode;
}

struct kstat {
	u64 ino;
	dev_t dev, rdev;
	umode_t mode;
	unsigned int nlink;
	u32 uid, gid;
	loff_t size;
	struct timespec64 atime, mtime, ctime, btime;
	u64 blksize, blocks;
	unsigned int dio_align; /* bytes; filled for statx alone */
};

#define ATTR_MODE  BIT(0)
#define ATTR_UID   BIT(1)
#define ATTR_GID   BIT(2)
#define ATTR_SIZE  BIT(3)
#define ATTR_ATIME BIT(4)
#define ATTR_MTIME BIT(5)
#define ATTR_CTIME BIT(6)

struct iattr {
	unsigned int ia_valid;
	umode_t ia_mode;
	u32 ia_uid, ia_gid;
	loff_t ia_size;
	struct timespec64 ia_atime, ia_mtime, ia_ctime;
};

/* => the directory's i_rwsem held (for writing except lookup); all may sleep; errors negative */
struct inode_operations {
	/* Fills the negative dentry by d_add(); NULL, or another dentry to use, or ERR_PTR. */
	struct dentry *(*lookup)(struct inode *dir, struct dentry *dentry, unsigned int flags);
	int (*create)(struct inode *dir, struct dentry *dentry, umode_t mode, bool excl);
	int (*link)(struct dentry *old, struct inode *dir, struct dentry *dentry);
	int (*unlink)(struct inode *dir, struct dentry *dentry);
	int (*symlink)(struct inode *dir, struct dentry *dentry, const char *target);
	int (*mkdir)(struct inode *dir, struct dentry *dentry, umode_t mode);
	int (*rmdir)(struct inode *dir, struct dentry *dentry);
	int (*mknod)(struct inode *dir, struct dentry *dentry, umode_t mode, dev_t dev);
	int (*rename)(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
		      struct dentry *new, unsigned int flags);
	/* Text of the link: i_link, or in a buffer that *buf returns for kfree. ERR_PTR. */
	const char *(*get_link)(struct dentry *dentry, struct inode *inode, char **buf);
	/* Magic links (/proc/PID/fd/N): jump there directly. 0 or errno; takes references for *path. */
	int (*jump_link)(struct dentry *dentry, struct inode *inode, struct path *path);
	int (*permission)(struct inode *inode, int mask);
	int (*setattr)(struct dentry *dentry, struct iattr *attr);
	int (*getattr)(const struct path *path, struct kstat *stat);
	int (*tmpfile)(struct inode *dir, struct file *file, umode_t mode);
};

struct kstatfs {
	long f_type, f_bsize;
	u64 f_blocks, f_bfree, f_bavail, f_files, f_ffree;
	int f_fsid[2];
	long f_namelen, f_frsize, f_flags;
};

struct seq_file;

struct super_operations {
	/*
	 * The inode's fields to its block: to the device's page cache, or with WB_SYNC_ALL (and not for_sync) to the device itself.
	 * I_SYNC is held; pages have been written before. 0 or -errno; the inode is clean whatever it answers. May sleep.
	 */
	int (*write_inode)(struct inode *inode, struct writeback_control *wbc);
	void (*evict_inode)(
		struct inode *inode); /* it leaves memory; without a link: drop its data */
	void (*put_super)(struct super_block *sb);
	int (*statfs)(struct super_block *sb, struct kstatfs *buf);
	int (*show_options)(struct seq_file *m, struct dentry *root);
	int (*sync_fs)(struct super_block *sb, int wait);
	int (*remount_fs)(struct super_block *sb, int *flags, char *data);
};

struct file_system_type {
	const char *name;
	int fs_flags; /* FS_REQUIRES_DEV */
	/* A super_block with s_root, or ERR_PTR. data: mount options text or NULL. May sleep. */
	struct super_block *(*mount)(struct file_system_type *type, int flags, const char *dev,
				     char *data);
	void (*kill_sb)(struct super_block *sb);
	struct list_head list;
};

#define FS_REQUIRES_DEV 1
#define SB_RDONLY	1
#define SB_I_RO_SOON	4 /* becomes read-only just now: nobody may begin to write */
#define SB_I_NOEXEC	2 /* no file of this file system is a program, however it is mounted */
#define MS_RDONLY	1
#define MS_NOSUID	2
#define MS_NODEV	4
#define MS_NOEXEC	8
#define MS_REMOUNT	32
#define MS_NOATIME	1024
#define MS_BIND		4096
#define MS_MOVE		8192
#define MS_SILENT	32768
#define MS_PRIVATE	(1 << 18)
#define MS_RELATIME	(1 << 21)
#define MNT_FORCE	1
#define MNT_DETACH	2

struct block_device;

struct super_block {
	struct list_head s_list;
	dev_t s_dev;
	unsigned long s_blocksize;
	unsigned int s_blocksize_bits;
	struct block_device *s_bdev; /* file systems on a disk; NULL */
	unsigned long s_flags;	     /* SB_RDONLY */
	unsigned int s_iflags;	     /* SB_I_NOEXEC */
	unsigned long s_magic;
	struct file_system_type *s_type;
	const struct super_operations *s_op;
	const struct dentry_operations *s_d_op;
	struct dentry *s_root;
	u32 s_time_gran;
	void *s_fs_info;
	atomic_long_t s_next_ino;
	int s_active; /* mounts that use it */
	/* File systems with a disk: set before the first inode is made. */
	struct backing_dev_info *s_bdi; /* of all its inodes; noop_backing_dev_info */
	spinlock_t s_inode_list_lock;
	struct list_head s_inodes; /* s_inode_list_lock: those of a file system with a disk */
	atomic_t s_evicting;	   /* of those: on their way out */
	errseq_t s_wb_err;	   /* failed writes, for syncfs */
};

struct mount {
	struct super_block *mnt_sb;
	struct dentry *mnt_root;       /* reference */
	struct mount *mnt_parent;      /* itself for the root mount */
	struct dentry *mnt_mountpoint; /* reference, in mnt_parent */
	struct list_head mnt_list;     /* all mounts in mount order: mount_lock */
	atomic_t mnt_count;	       /* paths that hold it */
	unsigned int mnt_flags;	       /* MS_RDONLY.. of this mount */
	int mnt_id;
	char *mnt_devname;
};

struct fs_struct {
	int users;
	spinlock_t lock;
	int umask;
	struct path root, pwd; /* lock */
};

struct dir_context {
	/* One entry; false: the buffer is full, stop. pos is the cookie of the entry. */
	bool (*actor)(struct dir_context *ctx, const char *name, int len, loff_t pos, u64 ino,
		      unsigned int type);
	loff_t pos;
};

static inline bool dir_emit(struct dir_context *ctx, const char *name, int len, u64 ino,
			    unsigned int type)
{
	return ctx->actor(ctx, name, len, ctx->pos, ino, type);
}
bool dir_emit_dots(struct file *file, struct dir_context *ctx); /* "." and ".." at pos 0 and 1 */

/* --- references --- */
static inline struct dentry *dget(struct dentry *d)
{
	if (d)
		atomic_inc(&d->d_count);
	return d;
}
void dput(struct dentry *dentry); /* may sleep; NULL is fine */
void mntput(struct mount *mnt);
static inline struct mount *mntget(struct mount *m)
{
	atomic_inc(&m->mnt_count);
	return m;
}
static inline void path_get(const struct path *p)
{
	mntget(p->mnt);
	dget(p->dentry);
}
void path_put(const struct path *p);
void ihold(struct inode *inode);
void iput(struct inode *inode); /* may sleep */
/* A reference to one that somebody else keeps in memory by a lock; NULL: it is being freed. => may not sleep */
struct inode *igrab(struct inode *inode);
/*
 * fn for each inode of sb that want likes, with a reference and no lock; may sleep. want runs under s_inode_list_lock. Inodes that
 * come or go meanwhile are seen or not. For file systems with a disk: others keep no list.
 */
void iterate_inodes(struct super_block *sb, bool (*want)(const struct inode *inode),
		    void (*fn)(struct inode *inode, void *arg), void *arg);

/* --- dirty inodes, and writing them (fs-writeback.c, sync.c); nothing of it does anything without a disk --- */

static inline struct backing_dev_info *inode_to_bdi(const struct inode *inode)
{
	return inode->i_data.bdi;
}
/* Something in the inode has changed that the disk must learn of: I_DIRTY_*. => i_lock not held; does not sleep */
void __mark_inode_dirty(struct inode *inode, int flags);
static inline void mark_inode_dirty(struct inode *inode)
{
	__mark_inode_dirty(inode, I_DIRTY_INODE);
}
/* The change does not matter for the data: fdatasync need not write it. */
static inline void mark_inode_dirty_sync(struct inode *inode)
{
	__mark_inode_dirty(inode, I_DIRTY_SYNC);
}
/* Writes the inode, not its pages; wait: to the disk. 0 or -errno; may sleep. => a reference */
int sync_inode_metadata(struct inode *inode, int wait);
/* The same with its pages. */
int write_inode_now(struct inode *inode, int sync);
/* All dirty pages and inodes: starts (and does not wait for the disk), or writes and waits. => sb stays; may sleep */
void writeback_inodes_sb(struct super_block *sb);
void sync_inodes_sb(struct super_block *sb);
/* All of a file system, down to the disk's own cache. 0, or the first error that is found out now. => sb stays; may sleep */
int sync_filesystem(struct super_block *sb);
/*
 * ->fsync of file systems whose metadata is in the device's page cache: pages; inode, unless it is datasync and nothing that counts has
 * changed; the device's page cache; the disk's own cache. __generic_file_fsync() does the first two.
 */
int __generic_file_fsync(struct file *file, loff_t start, loff_t end, int datasync);
int generic_file_fsync(struct file *file, loff_t start, loff_t end, int datasync);
/* As fsync(2): -EINVAL if the file has none. */
int vfs_fsync_range(struct file *file, loff_t start, loff_t end, int datasync);
int vfs_fsync(struct file *file, int datasync);
/* fn for each super block, which stays meanwhile. => may sleep */
void iterate_supers(void (*fn)(struct super_block *sb, void *arg), void *arg);
/* All flushers write everything, soon. => any context */
void wakeup_flusher_threads(void);

/* --- inodes and super blocks (inode.c, super.c) --- */
/* A fresh inode of sb: i_count 1, i_nlink 1, times now, number from s_next_ino. NULL: no memory. */
struct inode *new_inode(struct super_block *sb);
/*
 * A hashed inode stays in memory, while it has a name, when nobody uses it; ilookup() finds it by its number, with
 * a reference, or NULL. The caller of insert keeps two inodes of one number from being made.
 */
void insert_inode_hash(struct inode *inode);
struct inode *ilookup(struct super_block *sb, u64 ino);
/*
 * The inode with this number, with a reference: in use, kept, or a new one with I_NEW set, which the caller fills and ends with
 * unlock_new_inode() or iget_failed(); others that want it wait for that. One that is being evicted is waited for. NULL: no
 * memory. => may sleep, no locks that evict_inode() takes
 */
struct inode *iget_locked(struct super_block *sb, u64 ino);
void unlock_new_inode(struct inode *inode);
void iget_failed(struct inode *inode); /* drops the reference */
void init_special_inode(struct inode *inode, umode_t mode, dev_t rdev);
void inode_init_owner(struct inode *inode, const struct inode *dir, umode_t mode);
void inc_nlink(struct inode *inode);
void drop_nlink(struct inode *inode);
void clear_nlink(struct inode *inode);
void set_nlink(struct inode *inode, unsigned int n);
/* Bits of i_state, under i_lock. */
void set_inode_state(struct inode *inode, unsigned long bits);
void clear_inode_state(struct inode *inode, unsigned long bits);
struct timespec64 current_time(struct inode *inode);
void generic_fillattr(struct inode *inode, struct kstat *stat);
int setattr_prepare(struct dentry *dentry,
		    struct iattr *attr); /* permission rules of chmod, chown, utimes */
void setattr_copy(struct inode *inode, const struct iattr *attr);
struct super_block *alloc_super(struct file_system_type *type, int flags);
dev_t get_anon_bdev(void);
int register_filesystem(struct file_system_type *fs);
struct file_system_type *get_fs_type(const char *name);

/* --- dcache --- */
struct dentry *d_alloc(struct dentry *parent,
		       const struct qstr *name); /* negative, unhashed; NULL */
struct dentry *d_alloc_name(struct dentry *parent, const char *name);
struct dentry *d_alloc_pseudo(struct super_block *sb, const struct qstr *name);
struct dentry *
d_make_root(struct inode *root_inode); /* consumes the inode, even on failure (NULL) */
void d_instantiate(struct dentry *dentry, struct inode *inode); /* takes over the inode reference */
void d_add(struct dentry *dentry,
	   struct inode *inode);   /* the same, and hashes it; inode may be NULL */
void d_pin(struct dentry *dentry); /* DCACHE_PINNED: one reference for the file system */
void d_unpin(struct dentry *dentry);
void d_drop(struct dentry *dentry); /* out of the hash: later look-ups do not find it */
/* A directory has been removed: names that were looked up in it in vain go, since each holds its inode. */
void shrink_dcache_parent(struct dentry *dir);
void d_delete(struct dentry *dentry); /* the name is gone: d_drop; the inode stays for its users */
/* d_op of file systems whose names are pinned: what is not pinned is no use keeping. */
extern const struct dentry_operations simple_dentry_operations;
struct dentry *d_lookup(struct dentry *parent,
			const struct qstr *name);	   /* with reference, or NULL */
void d_move(struct dentry *dentry, struct dentry *target); /* rename; both dirs locked */
void d_exchange(struct dentry *a, struct dentry *b);
bool is_subdir(struct dentry *a, struct dentry *b); /* a is b or below it */
/* Path text from root (current's when NULL) at the end of buf; ERR_PTR(-ENAMETOOLONG). " (deleted)" is added. */
char *d_path(const struct path *path, char *buf, int len);
unsigned int full_name_hash_dir(const struct dentry *parent, const char *name, unsigned int len);

/* --- name look-up (namei.c); name is kernel memory --- */
#define LOOKUP_FOLLOW	     0x1u
#define LOOKUP_DIRECTORY     0x2u
#define LOOKUP_PARENT	     0x10u
#define LOOKUP_EMPTY	     0x4000u
#define LOOKUP_CREATE	     0x200u
#define LOOKUP_EXCL	     0x400u
#define LOOKUP_RENAME_TARGET 0x800u
struct filename {
	char *name; /* kernel copy */
};
struct filename *getname(const char __user *name); /* ERR_PTR; putname() */
struct filename *getname_flags(const char __user *name, unsigned int flags);
void putname(struct filename *name);
int kern_path(const char *name, unsigned int flags, struct path *path);
int user_path_at(int dfd, const char __user *name, unsigned int flags, struct path *path);
int filename_lookup(int dfd, const char *name, unsigned int flags, struct path *path);
/* The parent of the last component, its i_rwsem held for writing, and the (negative) dentry; ERR_PTR(-EEXIST). */
struct dentry *kern_path_create(int dfd, const char *name, struct path *parent, unsigned int flags);
void done_path_create(struct path *parent, struct dentry *dentry);
int inode_permission(struct inode *inode, int mask); /* -EACCES, -EROFS */
int generic_permission(struct inode *inode, int mask);
bool inode_owner_or_capable(const struct inode *inode);
int vfs_create(struct inode *dir, struct dentry *dentry, umode_t mode, bool excl);
int vfs_mkdir(struct inode *dir, struct dentry *dentry, umode_t mode);
int vfs_mknod(struct inode *dir, struct dentry *dentry, umode_t mode, dev_t dev);
int vfs_symlink(struct inode *dir, struct dentry *dentry, const char *target);
int vfs_link(struct dentry *old, struct inode *dir, struct dentry *new);
int vfs_unlink(struct inode *dir, struct dentry *dentry);
int vfs_rmdir(struct inode *dir, struct dentry *dentry);
int vfs_getattr(const struct path *path, struct kstat *stat);
int notify_change(struct dentry *dentry, struct iattr *attr); /* => i_rwsem for writing */

/* --- open files (file_table.c, open.c) --- */
/* A file on path with these flags and operations; takes over no reference but path's own gets. ERR_PTR. */
struct file *alloc_file(const struct path *path, int flags, const struct file_operations *fop);
/* An open file without a name (pipes, anonymous shmem): inode is consumed. name is shown as "name:[ino]". */
struct file *alloc_file_pseudo(struct inode *inode, struct mount *mnt, const char *name, int flags,
			       const struct file_operations *fop);
struct file *filp_open(const char *name, int flags, umode_t mode);
struct file *file_open_path(const struct path *path, int flags); /* dentry_open */
struct file *do_filp_open(int dfd, const char *name, int flags, umode_t mode);
struct file *
open_exec(const char *name); /* for execve: MAY_EXEC, regular, denies writers. ERR_PTR */
struct file *do_open_execat(int fd, const char *name, int at_flags);
int deny_write_access(struct file *file); /* -ETXTBSY */
void allow_write_access(struct file *file);
int get_write_access(struct inode *inode);
void put_write_access(struct inode *inode);
ssize_t kernel_read(struct file *file, void *buf, size_t count, loff_t *pos);
ssize_t kernel_write(struct file *file, const void *buf, size_t count, loff_t *pos);
/* The file's read_iter or write_iter at *pos, with IOCB_ flags besides its own; -EINVAL: it has none. => may sleep */
ssize_t vfs_iter_read(struct file *file, struct iov_iter *iter, loff_t *pos, int flags);
ssize_t vfs_iter_write(struct file *file, struct iov_iter *iter, loff_t *pos, int flags);
ssize_t vfs_read(struct file *file, char __user *buf, size_t count, loff_t *pos);
ssize_t vfs_write(struct file *file, const char __user *buf, size_t count, loff_t *pos);
loff_t generic_file_llseek(struct file *file, loff_t offset, int whence);
loff_t no_llseek(struct file *file, loff_t offset, int whence);
loff_t noop_llseek(struct file *file, loff_t offset, int whence);
int generic_file_open(struct inode *inode, struct file *file);
int nonseekable_open(struct inode *inode, struct file *file);
int stream_open(struct inode *inode, struct file *file);
int do_truncate(struct dentry *dentry, loff_t length);

/*
 * A user's vector of at most 1024 elements, copied and checked, in fast[8] or in memory at *out: free that if it is not
 * fast, also after an error. Total length or -errno.
 */
ssize_t import_iovec(const struct iovec __user *uvec, unsigned long nr, struct iovec *fast,
		     struct iovec **out);

/* --- descriptors (fdtable.c) --- */
struct files_struct;
struct file *fget(unsigned int fd);	/* reference; NULL: bad or O_PATH */
struct file *fget_raw(unsigned int fd); /* O_PATH as well */
/* Cheap pair for the length of a system call: no reference while the table is not shared. */
struct fd {
	struct file *file;
	bool ref;
};
struct fd fdget(unsigned int fd);
struct fd fdget_raw(unsigned int fd);
static inline void fdput(struct fd f)
{
	if (f.ref)
		fput(f.file);
}
struct file *files_lookup_fd(struct files_struct *files,
			     unsigned int fd); /* another task's; reference */
int get_unused_fd_flags(unsigned int flags);   /* -EMFILE */
void put_unused_fd(unsigned int fd);
void fd_install(unsigned int fd, struct file *file); /* takes over the reference */
/*
 * Descriptors for both files, told to the program at ufds; O_CLOEXEC in flags. Takes over both references, also when it fails:
 * -EMFILE, -ENOMEM, -EFAULT, and nothing is left open. => may sleep
 */
int fd_install_pair(struct file *files[2], int __user *ufds, int flags);
int close_fd(unsigned int fd);
/* fork/exit/exec of tables; may sleep */
struct files_struct *dup_fd(struct files_struct *old, int *err);
void put_files_struct(struct files_struct *files);
void exit_files(struct task_struct *tsk);
void do_close_on_exec(struct files_struct *files);
int unshare_files(void); /* exec: a table of its own */
/* Calls fn for each open descriptor from *fd on (procfs); the next one at or after, with reference, or NULL. */
struct file *files_next_fd(struct files_struct *files, unsigned int *fd);
extern struct files_struct init_files;
extern struct fs_struct init_fs;
struct fs_struct *copy_fs_struct(struct fs_struct *old); /* NULL: no memory */
void exit_fs(struct task_struct *tsk);
void get_fs_root(struct fs_struct *fs, struct path *root);
void get_fs_pwd(struct fs_struct *fs, struct path *pwd);

/* --- character devices (kernel/dev/chrdev.c) --- */
int register_chrdev(unsigned int major, unsigned int minor, unsigned int count, const char *name,
		    const struct file_operations *fops);
/* Looks the operations of a device number up; NULL: ENXIO. */
const struct file_operations *chrdev_fops(dev_t dev);
extern const struct file_operations def_chr_fops; /* open: finds the driver's, replaces f_op */
extern const struct file_operations pipefifo_fops;

/* --- helpers for simple file systems (libfs.c) --- */
extern const struct file_operations simple_dir_operations; /* readdir over pinned dentries */
struct dentry *simple_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags);
int simple_fsync(struct file *file, loff_t start, loff_t end,
		 int datasync); /* memory: nothing to do */
int simple_link(struct dentry *old, struct inode *dir, struct dentry *dentry);
int simple_unlink(struct inode *dir, struct dentry *dentry);
int simple_rmdir(struct inode *dir, struct dentry *dentry);
int simple_rename(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
		  struct dentry *new, unsigned int flags);
bool simple_empty(struct dentry *dentry);
int simple_setattr(struct dentry *dentry, struct iattr *attr);
int simple_statfs(struct super_block *sb, struct kstatfs *buf);
/* For file_system_type.mount of what no path leads to (pipes, anonymous inodes): an empty root. ERR_PTR(-ENOMEM). */
struct super_block *mount_pseudo(struct file_system_type *type, int flags, unsigned long magic);
const char *simple_get_link(struct dentry *dentry, struct inode *inode, char **buf);
ssize_t simple_read_from_buffer(void __user *to, size_t count, loff_t *ppos, const void *from,
				size_t available);

/* --- mounts (namespace.c) --- */
int do_mount(const char *dev, const char *dir, const char *type, unsigned long flags, char *data);
/* A process has left /proc: mounts on its directory go, soon. => any context, after the pid is unhashed */
void umount_dead(void);
struct mount *kern_mount(struct file_system_type *type); /* a mount in no tree (pipefs, shm) */
extern struct mount *root_mount;
extern struct rw_semaphore namespace_sem;
extern struct list_head mount_list;
bool follow_mount(struct path *path); /* goes down through mounts on path */
bool mnt_is_readonly(const struct mount *mnt);
/* Nothing below this path may be run or mapped PROT_EXEC: the mount says so, or the file system. */
bool path_noexec(const struct path *path);

/* --- start --- */
void vfs_caches_init(void); /* caches, rootfs mounted, init_fs set; before the first process */
int populate_rootfs(void);  /* unpacks the initramfs; -EINVAL after a message when it is corrupt */
/*
 * Goes to the disk of root=: 0; -ENOENT: the initramfs has an /init, whose work that is, or there is no root=. A disk that cannot be
 * mounted ends in a panic that lists those there are. => devtmpfs on /dev; may sleep
 */
int prepare_namespace(void);
#define TMPFS_MAGIC	   0x01021994
#define PROC_SUPER_MAGIC   0x9fa0
#define SYSFS_MAGIC	   0x62656572
#define DEVPTS_SUPER_MAGIC 0x1cd1
#define PIPEFS_MAGIC	   0x50495045
