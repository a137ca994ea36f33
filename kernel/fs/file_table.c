/*
 * Open files: struct file, from the first reference to the last.
 *
 * A file may be referenced by descriptors of several processes, by mappings and by calls under way. The
 * last fput() runs ->release, drops the path and frees the struct after a grace period, because look-ups
 * of descriptors run under RCU.
 *
 * Locks: f_count atomic; f_pos_lock around read, write and lseek of a shared file. Mirrors Linux
 * fs/file_table.c. Exercised by tests/user/{files,vfs}.c.
 */
#include "kernel/bug.h"
#include "kernel/fs/eventpoll.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/locks.h"
#include "kernel/rcu.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

static struct kmem_cache *filp_cachep;
static atomic_long_t nr_files = ATOMIC_LONG_INIT(0);

#define NR_FILE_MAX 65536

struct file *alloc_empty_file(int flags)
{
	struct file *f;

	if (atomic_long_read(&nr_files) >= NR_FILE_MAX && !capable(CAP_SYS_ADMIN))
		return ERR_PTR(-ENFILE);
	f = kmem_cache_zalloc(filp_cachep, GFP_KERNEL);
	if (!f)
		return ERR_PTR(-ENOMEM);
	atomic_long_inc(&nr_files);
	atomic_long_set(&f->f_count, 1);
	f->f_flags = flags & ~(O_CREAT | O_CLOEXEC);
	f->f_mode = (flags + 1) & O_ACCMODE;
	if ((flags & O_ACCMODE) == O_ACCMODE)
		f->f_mode = 0;
	init_rwsem(&f->f_pos_lock);
	spin_lock_init(&f->f_lock);
	f->f_cred = get_cred(current_cred());
	return f;
}

static void file_free_rcu(struct rcu_head *head)
{
	kmem_cache_free(filp_cachep, container_of((void **)head, struct file, rcu_next[0]));
}

void file_free(struct file *file)
{
	put_cred(file->f_cred);
	atomic_long_dec(&nr_files);
	call_rcu((struct rcu_head *)file->rcu_next, file_free_rcu);
}

void fput(struct file *file)
{
	struct inode *inode = file->f_inode;

	if (!atomic_long_dec_and_test(&file->f_count))
		return;
	if (file->f_op && file->f_version) {
		locks_remove_file(file);
		if (unlikely(!hlist_empty(&file->f_ep)))
			eventpoll_release(file);
		if (file->f_op->release)
			file->f_op->release(inode, file);
	}
	if (file->f_mode & FMODE_WRITER)
		put_write_access(inode);
	if (file->f_mode & FMODE_EXEC)
		allow_write_access(file);
	if (file->f_path.dentry)
		dput(file->f_path.dentry);
	if (file->f_path.mnt)
		mntput(file->f_path.mnt);
	file_free(file);
}

struct file *alloc_file(const struct path *path, int flags, const struct file_operations *fop)
{
	struct file *file = alloc_empty_file(flags);

	if (IS_ERR(file))
		return file;
	file->f_path = *path;
	path_get(path);
	file->f_inode = d_inode(path->dentry);
	file->f_mapping = file->f_inode->i_mapping;
	file->f_wb_err = errseq_sample(&file->f_mapping->wb_err);
	file->f_op = fop;
	file->f_version = 1;
	if ((file->f_mode & FMODE_WRITE) && S_ISREG(file->f_inode->i_mode)) {
		atomic_inc(&file->f_inode->i_writecount);
		file->f_mode |= FMODE_WRITER;
	}
	return file;
}

static char *pseudo_dname(struct dentry *dentry, char *buf, int len)
{
	int n = snprintf(buf, len, "%s:[%llu]", dentry->d_name.name, d_inode(dentry)->i_ino);

	return n < len ? buf : ERR_PTR(-ENAMETOOLONG);
}

static char *shmem_dname(struct dentry *dentry, char *buf, int len)
{
	int n = snprintf(buf, len, "/%s (deleted)", dentry->d_name.name);

	return n < len ? buf : ERR_PTR(-ENAMETOOLONG);
}

static const struct dentry_operations pseudo_d_ops = { .d_dname = pseudo_dname };
static const struct dentry_operations shmem_d_ops = { .d_dname = shmem_dname };

struct file *alloc_file_pseudo(struct inode *inode, struct mount *mnt, const char *name, int flags,
			       const struct file_operations *fop)
{
	struct qstr q = { .name = name, .len = strlen(name) };
	struct path path = { .mnt = mnt };
	struct file *file;

	path.dentry = d_alloc_pseudo(mnt->mnt_sb, &q);
	if (!path.dentry) {
		iput(inode);
		return ERR_PTR(-ENOMEM);
	}
	path.dentry->d_op = S_ISREG(inode->i_mode) ? &shmem_d_ops : &pseudo_d_ops;
	d_instantiate(path.dentry, inode);
	file = alloc_file(&path, flags, fop);
	dput(path.dentry);
	return file;
}

void file_table_init(void)
{
	filp_cachep = kmem_cache_create("filp", sizeof(struct file), 0,
					SLAB_HWCACHE_ALIGN | SLAB_PANIC, NULL);
}
