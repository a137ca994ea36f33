/*
 * procfs: the tree of fixed entries, and the file system itself.
 *
 * Entries are added at boot and stay, so the tree is read without a lock. Mirrors Linux
 * fs/proc/generic.c, inode.c, root.c. Exercised by tests/user/procfs.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

static const struct inode_operations proc_dir_iops;
static const struct file_operations proc_dir_fops, proc_root_fops, proc_single_fops;
static struct inode *proc_new_inode(struct super_block *sb);

struct proc_dir_entry proc_root = {
	.name = "/proc",
	.mode = S_IFDIR | 0555,
	.parent = &proc_root,
	.children = LIST_HEAD_INIT(proc_root.children),
	.ino = 1,
};

static struct proc_dir_entry *proc_register(const char *name, umode_t mode,
					    struct proc_dir_entry *parent)
{
	static u64 last_ino = 0xf0000000;
	struct proc_dir_entry *pde = kzalloc(sizeof(*pde), GFP_KERNEL);

	if (!pde)
		return NULL;
	pde->name = name;
	pde->mode = mode;
	pde->parent = parent ? parent : &proc_root;
	pde->ino = ++last_ino;
	INIT_LIST_HEAD(&pde->children);
	list_add_tail(&pde->sibling, &pde->parent->children);
	return pde;
}

struct proc_dir_entry *proc_mkdir(const char *name, struct proc_dir_entry *parent)
{
	return proc_register(name, S_IFDIR | 0555, parent);
}

struct proc_dir_entry *proc_create_data(const char *name, umode_t mode,
					struct proc_dir_entry *parent,
					const struct file_operations *fops, void *data)
{
	struct proc_dir_entry *pde = proc_register(name, S_IFREG | mode, parent);

	if (pde) {
		pde->fops = fops;
		pde->data = data;
	}
	return pde;
}

struct proc_dir_entry *proc_create_single(const char *name, umode_t mode,
					  struct proc_dir_entry *parent,
					  int (*show)(struct seq_file *, void *))
{
	struct proc_dir_entry *pde = proc_register(name, S_IFREG | mode, parent);

	if (pde) {
		pde->fops = &proc_single_fops;
		pde->show = show;
	}
	return pde;
}

struct proc_dir_entry *proc_symlink(const char *name, struct proc_dir_entry *parent,
				    const char *target)
{
	struct proc_dir_entry *pde = proc_register(name, S_IFLNK | 0777, parent);

	if (pde)
		pde->link = target;
	return pde;
}

static struct proc_dir_entry *pde_of(const struct inode *inode)
{
	return inode->i_private;
}

void *pde_data(const struct inode *inode)
{
	return pde_of(inode)->data;
}

static int proc_single_open(struct inode *inode, struct file *file)
{
	return single_open(file, pde_of(inode)->show, pde_of(inode)->data);
}

static const struct file_operations proc_single_fops = {
	.open = proc_single_open,
	.read = seq_read,
	.read_kernel = seq_read_kernel,
	.llseek = seq_lseek,
	.release = single_release,
};

/* --- integers under /proc/sys --- */

static int proc_int_show(struct seq_file *m, void *v)
{
	const struct proc_int *i = m->private;

	seq_printf(m, "%d\n", READ_ONCE(*i->value));
	return 0;
}

static int proc_int_open(struct inode *inode, struct file *file)
{
	int err = single_open(file, proc_int_show, pde_data(inode));

	/* Unlike other files that seq_file prints, a setting may be written at a position. */
	if (!err)
		file->f_mode |= FMODE_PWRITE;
	return err;
}

static ssize_t proc_int_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	const struct proc_int *i = pde_data(file_inode(file));
	char text[32];
	int v, err;

	if (!count || count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = 0;
	err = kstrtoint(strim(text), 0, &v);
	if (err || v < i->min || v > i->max)
		return -EINVAL;
	WRITE_ONCE(*i->value, v);
	if (i->changed)
		i->changed();
	*ppos += count;
	return count;
}

static const struct file_operations proc_int_fops = {
	.open = proc_int_open,
	.read = seq_read,
	.write = proc_int_write,
	.llseek = seq_lseek,
	.release = single_release,
};

struct proc_dir_entry *proc_create_int(const char *name, umode_t mode,
				       struct proc_dir_entry *parent, int *value, int min, int max)
{
	struct proc_int *i = kmalloc(sizeof(*i), GFP_KERNEL);

	if (!i)
		return NULL;
	*i = (struct proc_int){ .value = value, .min = min, .max = max };
	return proc_create_data(name, mode, parent, &proc_int_fops, i);
}

static struct proc_dir_entry *find_child(struct proc_dir_entry *dir, const char *name,
					 unsigned int len)
{
	struct proc_dir_entry *pde;

	list_for_each_entry(pde, &dir->children, sibling) {
		if (strlen(pde->name) == len && !memcmp(pde->name, name, len))
			return pde;
	}
	return NULL;
}

struct proc_dir_entry *proc_sys_dir(const char *name)
{
	struct proc_dir_entry *sys = find_child(&proc_root, "sys", 3), *dir;

	if (!sys)
		sys = proc_mkdir("sys", NULL);
	dir = sys ? find_child(sys, name, strlen(name)) : NULL;
	return dir || !sys ? dir : proc_mkdir(name, sys);
}

/* --- inodes --- */

static const char *proc_get_link(struct dentry *dentry, struct inode *inode, char **buf)
{
	return pde_of(inode)->link;
}

static int proc_no_setattr(struct dentry *dentry, struct iattr *attr)
{
	if (attr->ia_valid & (ATTR_MODE | ATTR_UID | ATTR_GID))
		return -EPERM;
	return 0;
}

static const struct inode_operations proc_link_iops = { .get_link = proc_get_link,
							.setattr = proc_no_setattr };
static const struct inode_operations proc_file_iops = { .setattr = proc_no_setattr };

struct inode *proc_get_inode(struct super_block *sb, struct proc_dir_entry *pde)
{
	struct inode *inode = proc_new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_ino = pde->ino;
	inode->i_mode = pde->mode;
	inode->i_private = pde;
	if (S_ISDIR(pde->mode)) {
		struct proc_dir_entry *child;

		inode->i_op = &proc_dir_iops;
		inode->i_fop = pde == &proc_root ? &proc_root_fops : &proc_dir_fops;
		inode->i_nlink = 2;
		list_for_each_entry(child, &pde->children, sibling)
			inode->i_nlink += S_ISDIR(child->mode);
	} else if (S_ISLNK(pde->mode)) {
		inode->i_op = &proc_link_iops;
	} else {
		inode->i_op = &proc_file_iops;
		inode->i_fop = pde->fops;
	}
	return inode;
}

static struct inode *proc_new_inode(struct super_block *sb)
{
	struct inode *inode = new_inode(sb);

	if (inode)
		inode->i_blkbits = 10;
	return inode;
}

static struct dentry *proc_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct proc_dir_entry *pde =
		find_child(pde_of(dir), dentry->d_name.name, dentry->d_name.len);
	struct inode *inode;

	if (pde) {
		inode = proc_get_inode(dir->i_sb, pde);
		if (!inode)
			return ERR_PTR(-ENOMEM);
		d_add(dentry, inode);
		return NULL;
	}
	if (pde_of(dir) == &proc_root)
		return proc_pid_lookup(dir, dentry);
	return ERR_PTR(-ENOENT);
}

static int proc_readdir(struct file *file, struct dir_context *ctx)
{
	struct proc_dir_entry *dir = pde_of(file_inode(file)), *pde;
	loff_t pos = 2;

	if (!dir_emit_dots(file, ctx))
		return 0;
	list_for_each_entry(pde, &dir->children, sibling) {
		if (pos++ < ctx->pos)
			continue;
		if (!dir_emit(ctx, pde->name, strlen(pde->name), pde->ino,
			      (pde->mode & S_IFMT) >> 12))
			return 0;
		ctx->pos++;
	}
	return 1;
}

static int proc_dir_iterate(struct file *file, struct dir_context *ctx)
{
	proc_readdir(file, ctx);
	return 0;
}

static int proc_root_iterate(struct file *file, struct dir_context *ctx)
{
	if (ctx->pos < FIRST_PID_POS) {
		if (!proc_readdir(file, ctx))
			return 0;
		ctx->pos = FIRST_PID_POS;
	}
	return proc_pid_readdir(file, ctx);
}

static const struct inode_operations proc_dir_iops = { .lookup = proc_lookup,
						       .setattr = proc_no_setattr };
static const struct file_operations proc_dir_fops = { .iterate_shared = proc_dir_iterate };
static const struct file_operations proc_root_fops = { .iterate_shared = proc_root_iterate };

/* --- the file system: one instance, however often it is mounted --- */

static const struct super_operations proc_sops = {
	.evict_inode = proc_pid_evict,
	.statfs = simple_statfs,
};

static struct super_block *proc_sb;

static struct super_block *proc_mount(struct file_system_type *type, int flags, const char *dev,
				      char *data)
{
	struct super_block *sb = proc_sb;

	if (sb)
		return sb;
	sb = alloc_super(type, 0);
	if (!sb)
		return ERR_PTR(-ENOMEM);
	sb->s_op = &proc_sops;
	sb->s_magic = PROC_SUPER_MAGIC;
	sb->s_iflags |= SB_I_NOEXEC;
	sb->s_root = d_make_root(proc_get_inode(sb, &proc_root));
	if (!sb->s_root) {
		free_super(sb);
		return ERR_PTR(-ENOMEM);
	}
	/* The instance outlives its mounts. */
	sb->s_active = 1;
	proc_sb = sb;
	return sb;
}

static struct file_system_type proc_fs_type = { .name = "proc", .mount = proc_mount };

static int proc_init(void)
{
	return register_filesystem(&proc_fs_type);
}
core_initcall(proc_init);
