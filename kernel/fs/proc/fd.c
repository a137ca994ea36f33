/*
 * /proc/PID/fd: one magic link per open descriptor, which leads to the open file itself. /proc/PID/fdinfo: one text
 * per open descriptor: position, flags, and what the file itself adds (show_fdinfo).
 *
 * Locks: RCU in the descriptor table; the table is held by a reference taken under task_lock.
 * Mirrors Linux fs/proc/fd.c. Exercised by tests/user/procfs.c.
 */
#include "kernel/fs/fdtable.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/pid.h"
#include "kernel/sched.h"
#include "lib/bitmap.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

/* The task's table with a reference; NULL when it is gone. */
static struct files_struct *get_proc_files(const struct inode *inode)
{
	struct task_struct *task = get_proc_task(inode);
	struct files_struct *files;

	if (!task)
		return NULL;
	task_lock(task);
	files = task->files;
	if (files)
		atomic_inc(&files->count);
	task_unlock(task);
	put_task_struct(task);
	return files;
}

static struct file *proc_get_fd(const struct inode *inode, unsigned int fd)
{
	struct files_struct *files = get_proc_files(inode);
	struct file *file = NULL;

	if (files) {
		file = files_lookup_fd(files, fd);
		put_files_struct(files);
	}
	return file;
}

static unsigned int fd_of(const struct dentry *dentry)
{
	return simple_strtoul(dentry->d_name.name, NULL, 10);
}

static int fd_jump_link(struct dentry *dentry, struct inode *inode, struct path *path)
{
	struct file *file = proc_get_fd(inode, fd_of(dentry));

	if (!file)
		return -ENOENT;
	*path = file->f_path;
	path_get(path);
	fput(file);
	return 0;
}

static const char *fd_get_link(struct dentry *dentry, struct inode *inode, char **buf)
{
	struct file *file = proc_get_fd(inode, fd_of(dentry));
	char *page, *p;

	if (!file)
		return ERR_PTR(-ENOENT);
	page = kmalloc(PATH_MAX, GFP_KERNEL);
	p = page ? file_path(file, page, PATH_MAX) : ERR_PTR(-ENOMEM);
	fput(file);
	if (IS_ERR(p)) {
		kfree(page);
		return p;
	}
	memmove(page, p, strlen(p) + 1);
	*buf = page;
	return page;
}

static const struct inode_operations fd_link_iops = { .get_link = fd_get_link,
						      .jump_link = fd_jump_link };

static int fd_revalidate(struct dentry *dentry)
{
	struct file *file = d_inode(dentry) ? proc_get_fd(d_inode(dentry), fd_of(dentry)) : NULL;

	if (file)
		fput(file);
	return file != NULL;
}

static const struct dentry_operations fd_dentry_ops = { .d_revalidate = fd_revalidate,
							.d_delete = pid_delete_dentry };

/* --- fdinfo --- */

struct fdinfo {
	struct inode *inode; /* of the file of procfs: lives while it is open */
	unsigned int fd;
};

static bool fd_cloexec(struct files_struct *files, unsigned int fd)
{
	guard(spinlock)(&files->file_lock);
	return fd < files->fdt->max_fds && test_bit(fd, files->fdt->close_on_exec);
}

static int fdinfo_show(struct seq_file *m, void *v)
{
	struct fdinfo *info = m->private;
	struct files_struct *files = get_proc_files(info->inode);
	struct file *file = files ? files_lookup_fd(files, info->fd) : NULL;
	unsigned int flags;

	if (file) {
		flags = file->f_flags & ~O_CLOEXEC;
		if (fd_cloexec(files, info->fd))
			flags |= O_CLOEXEC;
		seq_printf(m, "pos:\t%lli\nflags:\t0%o\nmnt_id:\t%i\nino:\t%llu\n", file->f_pos,
			   flags, file->f_path.mnt->mnt_id, file_inode(file)->i_ino);
		if (file->f_op->show_fdinfo)
			file->f_op->show_fdinfo(m, file);
		fput(file);
	}
	put_files_struct(files);
	return file ? 0 : -ENOENT;
}

static int fdinfo_open(struct inode *inode, struct file *file)
{
	struct fdinfo *info = kmalloc(sizeof(*info), GFP_KERNEL);
	int err;

	if (!info)
		return -ENOMEM;
	*info = (struct fdinfo){ inode, fd_of(file->f_path.dentry) };
	err = single_open(file, fdinfo_show, info);
	if (err)
		kfree(info);
	return err;
}

static int fdinfo_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	kfree(m->private);
	return single_release(inode, file);
}

static const struct file_operations fdinfo_fops = {
	.open = fdinfo_open,
	.read = seq_read,
	.read_kernel = seq_read_kernel,
	.llseek = seq_lseek,
	.release = fdinfo_release,
};

static const struct inode_operations fdinfo_iops = { 0 };

/* --- the two directories --- */

/* The entry of a descriptor that is open just now: an inode of mode, made ready by prepare. */
static struct dentry *lookup_open_fd(struct inode *dir, struct dentry *dentry, umode_t mode,
				     void (*prepare)(struct inode *inode, const struct file *file))
{
	struct inode *inode;
	struct file *file;
	unsigned int fd;

	if (kstrtouint(dentry->d_name.name, 10, &fd))
		return ERR_PTR(-ENOENT);
	file = proc_get_fd(dir, fd);
	if (!file)
		return ERR_PTR(-ENOENT);
	inode = proc_pid_make_inode(dir->i_sb, proc_pid(dir), mode);
	if (inode)
		prepare(inode, file);
	fput(file);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	dentry->d_op = &fd_dentry_ops;
	d_add(dentry, inode);
	return NULL;
}

static void prepare_fdinfo(struct inode *inode, const struct file *file)
{
	inode->i_op = &fdinfo_iops;
	inode->i_fop = &fdinfo_fops;
}

static struct dentry *fdinfo_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	return lookup_open_fd(dir, dentry, S_IFREG | 0444, prepare_fdinfo);
}

static void prepare_fd(struct inode *inode, const struct file *file)
{
	inode->i_op = &fd_link_iops;
	inode->i_mode |= (file->f_mode & FMODE_READ ? 0500 : 0) |
			 (file->f_mode & FMODE_WRITE ? 0300 : 0);
	inode->i_size = 64;
}

static struct dentry *fd_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	return lookup_open_fd(dir, dentry, S_IFLNK, prepare_fd);
}

static int iterate_fds(struct file *dir, struct dir_context *ctx, unsigned int type)
{
	struct files_struct *files;
	unsigned int fd;

	if (!dir_emit_dots(dir, ctx))
		return 0;
	files = get_proc_files(file_inode(dir));
	if (!files)
		return -ENOENT;
	for (fd = ctx->pos - 2;; fd++) {
		struct file *file = files_next_fd(files, &fd);
		char name[12];
		int len;

		if (!file)
			break;
		fput(file);
		ctx->pos = fd + 2;
		len = snprintf(name, sizeof(name), "%u", fd);
		if (!dir_emit(ctx, name, len, fd + 1000, type))
			break;
		ctx->pos++;
	}
	put_files_struct(files);
	return 0;
}

static int fd_iterate(struct file *dir, struct dir_context *ctx)
{
	return iterate_fds(dir, ctx, DT_LNK);
}

static int fdinfo_iterate(struct file *dir, struct dir_context *ctx)
{
	return iterate_fds(dir, ctx, DT_REG);
}

static int fd_permission(struct inode *inode, int mask)
{
	struct task_struct *task = get_proc_task(inode);
	bool own = task && same_thread_group(task, current);

	if (task)
		put_task_struct(task);
	return own ? 0 : generic_permission(inode, mask);
}

const struct inode_operations proc_fd_iops = { .lookup = fd_lookup, .permission = fd_permission };
const struct file_operations proc_fd_fops = { .iterate_shared = fd_iterate };
const struct inode_operations proc_fdinfo_iops = { .lookup = fdinfo_lookup,
						   .permission = fd_permission };
const struct file_operations proc_fdinfo_fops = { .iterate_shared = fdinfo_iterate };
