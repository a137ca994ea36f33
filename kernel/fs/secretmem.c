/*
 * memfd_secret: a file without a name whose pages are secret memory (mm/user/secretmem.c tells what that means).
 *
 * The file can be mapped and given a size, once; it has no read and no write, because those would show its pages to the kernel.
 *
 * Locks: i_rwsem around the size. Mirrors Linux mm/secretmem.c. Exercised by tests/user/{secretmem,errnos_shm}.c.
 */
#include "mm/user/secretmem.h"

#include "kernel/bug.h"
#include "kernel/fs/internal.h"
#include "kernel/init.h"
#include "kernel/params.h"
#include "kernel/syscall.h"
#include "mm/cache/pagemap.h"

#define SECRETMEM_MAGIC 0x5345434d

static struct mount *secretmem_mnt;
static bool secretmem_enable;

static const struct file_operations secretmem_fops = { .mmap = secretmem_mmap };

static int secretmem_setattr(struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);

	if (attr->ia_valid & ATTR_SIZE) {
		if (inode->i_size)
			return -EINVAL;
		WRITE_ONCE(inode->i_size, attr->ia_size);
	}
	setattr_copy(inode, attr);
	return 0;
}

static const struct inode_operations secretmem_iops = { .setattr = secretmem_setattr };

static void secretmem_evict(struct inode *inode)
{
	truncate_inode_pages_range(inode->i_mapping, 0, -1);
}

static const struct super_operations secretmem_sops = { .evict_inode = secretmem_evict,
							.statfs = simple_statfs };

static struct super_block *secretmem_mount(struct file_system_type *type, int flags,
					   const char *dev, char *data)
{
	struct super_block *sb = mount_pseudo(type, flags, SECRETMEM_MAGIC);

	if (!IS_ERR(sb))
		sb->s_op = &secretmem_sops;
	return sb;
}

static struct file_system_type secretmem_fs_type = { .name = "secretmem",
						     .mount = secretmem_mount };

static struct file *secretmem_file_create(void)
{
	struct inode *inode = new_inode(secretmem_mnt->mnt_sb);

	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode_init_owner(inode, NULL, S_IFREG | 0600);
	clear_nlink(inode);
	inode->i_op = &secretmem_iops;
	inode->i_fop = &secretmem_fops;
	secretmem_init_inode(inode);
	return alloc_file_pseudo(inode, secretmem_mnt, "secretmem", O_RDWR | O_LARGEFILE,
				 &secretmem_fops);
}

static long sys_memfd_secret(unsigned int flags)
{
	struct file *file;
	int fd;

	if (!secretmem_enable)
		return -ENOSYS;
	if (flags & ~O_CLOEXEC)
		return -EINVAL;
	fd = get_unused_fd_flags(flags & O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = secretmem_file_create();
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}
SYSCALL(447, memfd_secret);

static int __init secretmem_init(void)
{
	secretmem_enable = cmdline_get_bool("secretmem.enable", true);
	if (!secretmem_enable)
		return 0;
	secretmem_mnt = kern_mount(&secretmem_fs_type);
	if (IS_ERR(secretmem_mnt))
		panic("secretmem: no memory for its mount");
	return 0;
}
fs_initcall(secretmem_init);
