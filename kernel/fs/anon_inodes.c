/*
 * Anonymous inodes: one inode for all files that are nothing but a descriptor.
 *
 * 1. What such a file is lies in its operations and private_data. The VFS wants an inode and a dentry behind every
 *    file: all of them share one inode, of no type and with mode 0600; each has a dentry of its own for its name.
 * 2. They are told apart by the operations table: that is how epoll_ctl knows an epoll file.
 *
 * Locks: none. Mirrors Linux fs/anon_inodes.c. Exercised by tests/user/eventfds.c.
 */
#include "kernel/fs/anon_inodes.h"

#include "kernel/init.h"
#include "lib/printf.h"
#include "lib/string.h"

#define ANON_INODE_FS_MAGIC 0x09041934

static struct mount *anon_mnt;
static struct inode *anon_inode;

static char *anon_dname(struct dentry *dentry, char *buf, int len)
{
	int n = snprintf(buf, len, "anon_inode:%s", dentry->d_name.name);

	return n < len ? buf : ERR_PTR(-ENAMETOOLONG);
}

static const struct dentry_operations anon_d_ops = { .d_dname = anon_dname };

struct file *anon_inode_getfile(const char *name, const struct file_operations *fops, void *priv,
				int flags)
{
	struct qstr q = { .name = name, .len = strlen(name) };
	struct path path = { .mnt = anon_mnt };
	struct file *file;

	path.dentry = d_alloc_pseudo(anon_mnt->mnt_sb, &q);
	if (!path.dentry)
		return ERR_PTR(-ENOMEM);
	path.dentry->d_op = &anon_d_ops;
	ihold(anon_inode);
	d_instantiate(path.dentry, anon_inode);
	file = alloc_file(&path, flags & (O_ACCMODE | O_NONBLOCK), fops);
	dput(path.dentry);
	if (!IS_ERR(file)) {
		file->private_data = priv;
		if (fops->llseek)
			file->f_mode |= FMODE_NOPOS;
	}
	return file;
}

int anon_inode_getfd(const char *name, const struct file_operations *fops, void *priv, int flags)
{
	int fd = get_unused_fd_flags(flags);
	struct file *file;

	if (fd < 0)
		return fd;
	file = anon_inode_getfile(name, fops, priv, flags);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

static struct super_block *anon_mount(struct file_system_type *type, int flags, const char *dev,
				      char *data)
{
	return mount_pseudo(type, flags, ANON_INODE_FS_MAGIC);
}

static struct file_system_type anon_fs_type = { .name = "anon_inodefs", .mount = anon_mount };

static int anon_inode_init(void)
{
	register_filesystem(&anon_fs_type);
	anon_mnt = kern_mount(&anon_fs_type);
	if (IS_ERR(anon_mnt))
		return PTR_ERR(anon_mnt);
	anon_inode = new_inode(anon_mnt->mnt_sb);
	if (!anon_inode)
		return -ENOMEM;
	anon_inode->i_mode = 0600;
	return 0;
}
fs_initcall(anon_inode_init);
