/*
 * devpts: the directory of pseudo terminal slaves, /dev/pts.
 *
 * One instance, however often it is mounted. Names come and go with the masters (pty.c); nobody
 * else makes any. The mount options gid=, uid= and mode= say who owns new slaves, and ptmxmode= the
 * rights of the ptmx in it.
 *
 * Locks: the root directory's i_rwsem. Mirrors Linux fs/devpts/inode.c. Exercised by
 * tests/user/tty.c.
 */
#include "kernel/dev/devpts.h"

#include "kernel/bug.h"
#include "kernel/dev/chrdev.h"
#include "kernel/fs/seq_file.h"
#include "kernel/init.h"
#include "lib/printf.h"
#include "lib/string.h"

struct mount *devpts_kern_mount;

static struct super_block *devpts_sb;
static struct dentry *ptmx_dentry;
/* Options of the last mount that gave any: namespace_sem for writing; -1: the opener's. */
static int opt_uid = -1, opt_gid = -1;
static umode_t opt_mode = 0600, opt_ptmxmode = 0;

static const struct inode_operations devpts_dir_iops = { .lookup = simple_lookup,
							 .setattr = simple_setattr };
static const struct inode_operations devpts_node_iops = { .setattr = simple_setattr };

static int devpts_show_options(struct seq_file *m, struct dentry *root)
{
	if (opt_uid >= 0)
		seq_printf(m, ",uid=%d", opt_uid);
	if (opt_gid >= 0)
		seq_printf(m, ",gid=%d", opt_gid);
	seq_printf(m, ",mode=%03o,ptmxmode=%03o", opt_mode, opt_ptmxmode);
	return 0;
}

static const struct super_operations devpts_sops = {
	.statfs = simple_statfs,
	.show_options = devpts_show_options,
};

/* A new pinned name in the root, with one reference for the caller; ERR_PTR(-ENOMEM). */
static struct dentry *add_node(const char *name, umode_t mode, dev_t dev, u32 uid, u32 gid)
{
	struct dentry *root = devpts_sb->s_root, *dentry;
	struct inode *inode = new_inode(devpts_sb);

	if (!inode)
		return ERR_PTR(-ENOMEM);
	init_special_inode(inode, S_IFCHR | mode, dev);
	inode->i_op = &devpts_node_iops;
	inode->i_uid = uid;
	inode->i_gid = gid;
	dentry = d_alloc_name(root, name);
	if (!dentry) {
		iput(inode);
		return ERR_PTR(-ENOMEM);
	}
	down_write(&d_inode(root)->i_rwsem);
	/* Somebody may just hold the knowledge that the name does not exist. */
	struct dentry *old = d_lookup(root, &dentry->d_name);

	if (old)
		d_drop(old);
	dput(old);
	d_add(dentry, inode);
	d_pin(dentry);
	d_inode(root)->i_mtime = d_inode(root)->i_ctime = current_time(d_inode(root));
	up_write(&d_inode(root)->i_rwsem);
	return dentry;
}

struct dentry *devpts_new(unsigned int index, dev_t dev)
{
	char name[12];

	snprintf(name, sizeof(name), "%u", index);
	return add_node(name, opt_mode, dev, opt_uid >= 0 ? (u32)opt_uid : current_fsuid(),
			opt_gid >= 0 ? (u32)opt_gid : current_fsgid());
}

void devpts_kill(struct dentry *dentry)
{
	struct inode *dir = d_inode(dentry->d_parent);

	down_write(&dir->i_rwsem);
	drop_nlink(d_inode(dentry));
	d_delete(dentry);
	d_unpin(dentry);
	dir->i_mtime = dir->i_ctime = current_time(dir);
	up_write(&dir->i_rwsem);
	dput(dentry);
}

static int devpts_parse(char *data)
{
	char *word, *value, *end;
	unsigned long n;

	while (data && (word = strsep(&data, ",")) != NULL) {
		if (!*word || !strcmp(word, "newinstance"))
			continue;
		value = strchr(word, '=');
		if (!value)
			return -EINVAL;
		*value++ = 0;
		n = simple_strtoul(value, &end, strstr(word, "mode") ? 8 : 10);
		if (*end || end == value)
			return -EINVAL;
		if (!strcmp(word, "uid"))
			opt_uid = n;
		else if (!strcmp(word, "gid"))
			opt_gid = n;
		else if (!strcmp(word, "mode"))
			opt_mode = n & 0777;
		else if (!strcmp(word, "ptmxmode"))
			opt_ptmxmode = n & 0777;
		else if (strcmp(word, "max"))
			return -EINVAL;
	}
	return 0;
}

static struct super_block *devpts_mount(struct file_system_type *type, int flags, const char *dev,
					char *data)
{
	int err = devpts_parse(data);

	if (err)
		return ERR_PTR(err);
	d_inode(ptmx_dentry)->i_mode = S_IFCHR | opt_ptmxmode;
	return devpts_sb;
}

static struct file_system_type devpts_fs_type = { .name = "devpts", .mount = devpts_mount };

static int __init devpts_make_root(void)
{
	struct inode *root;

	devpts_sb = alloc_super(&devpts_fs_type, 0);
	if (!devpts_sb)
		return -ENOMEM;
	devpts_sb->s_op = &devpts_sops;
	devpts_sb->s_d_op = &simple_dentry_operations;
	devpts_sb->s_magic = DEVPTS_SUPER_MAGIC;
	root = new_inode(devpts_sb);
	if (!root)
		return -ENOMEM;
	root->i_mode = S_IFDIR | 0755;
	root->i_op = &devpts_dir_iops;
	root->i_fop = &simple_dir_operations;
	inc_nlink(root);
	devpts_sb->s_root = d_make_root(root);
	return devpts_sb->s_root ? 0 : -ENOMEM;
}

static int __init devpts_init(void)
{
	int err = devpts_make_root();

	if (err)
		panic("devpts: no memory for its root");
	ptmx_dentry = add_node("ptmx", opt_ptmxmode, MKDEV(TTYAUX_MAJOR, 2), 0, 0);
	if (IS_ERR(ptmx_dentry))
		panic("devpts: no memory for ptmx");
	register_filesystem(&devpts_fs_type);
	devpts_kern_mount = kern_mount(&devpts_fs_type);
	if (IS_ERR(devpts_kern_mount))
		panic("devpts: no memory for its mount");
	return 0;
}
fs_initcall(devpts_init);
