/*
 * tmpfs: a file system whose names are dentries and whose data are page-cache pages (mm/cache/shmem.c).
 *
 * 1. Creating a name pins its dentry; removing it unpins. The dentry holds the inode, the inode its pages:
 *    nothing is stored anywhere else, and a file unlinked while open lives until its last close.
 * 2. An instance has a limit of pages and inodes (size=, nr_inodes=; by default half of memory), which
 *    shmem and new inodes are charged to.
 * 3. One internal instance without names serves MAP_SHARED|MAP_ANONYMOUS.
 *
 * Locks: directories' i_rwsem. Mirrors Linux mm/shmem.c (the file-system half). Exercised by
 * tests/user/{files,names,file_map}.c.
 */
#include "kernel/bug.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/seq_file.h"
#include "kernel/fs/splice.h"
#include "kernel/fs/tmpfs.h"
#include "kernel/init.h"
#include "kernel/sched.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/cache/overcommit.h"
#include "mm/cache/shmem.h"
#include "mm/cache/uio.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"
#include "mm/user/file_ops.h"

#define SEEK_DATA 3
#define SEEK_HOLE 4

static const struct inode_operations tmpfs_dir_iops, tmpfs_file_iops, tmpfs_symlink_iops,
	tmpfs_special_iops;
static const struct file_operations tmpfs_file_fops;
static struct mount *shm_mnt;

static struct inode *tmpfs_get_inode(struct super_block *sb, struct inode *dir, umode_t mode,
				     dev_t dev)
{
	struct shmem_sb_info *info = sb->s_fs_info;
	struct inode *inode;

	if (atomic_long_inc_return(&info->used_inodes) > (long)info->max_inodes &&
	    info->max_inodes) {
		atomic_long_dec(&info->used_inodes);
		return ERR_PTR(-ENOSPC);
	}
	inode = new_inode(sb);
	if (!inode) {
		atomic_long_dec(&info->used_inodes);
		return ERR_PTR(-ENOMEM);
	}
	inode_init_owner(inode, dir, mode);
	switch (mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &tmpfs_file_iops;
		inode->i_fop = &tmpfs_file_fops;
		inode->i_seals = F_SEAL_SEAL;
		shmem_init_mapping(inode, info);
		break;
	case S_IFDIR:
		inode->i_op = &tmpfs_dir_iops;
		inode->i_fop = &simple_dir_operations;
		inc_nlink(inode);
		break;
	case S_IFLNK:
		inode->i_op = &tmpfs_symlink_iops;
		break;
	default:
		inode->i_op = &tmpfs_special_iops;
		init_special_inode(inode, inode->i_mode, dev);
		break;
	}
	return inode;
}

/* A new name for a new inode. */
static int tmpfs_add(struct inode *dir, struct dentry *dentry, struct inode *inode)
{
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	d_instantiate(dentry, inode);
	d_pin(dentry);
	dir->i_mtime = dir->i_ctime = current_time(dir);
	return 0;
}

static int tmpfs_mknod(struct inode *dir, struct dentry *dentry, umode_t mode, dev_t dev)
{
	return tmpfs_add(dir, dentry, tmpfs_get_inode(dir->i_sb, dir, mode, dev));
}

static int tmpfs_create(struct inode *dir, struct dentry *dentry, umode_t mode, bool excl)
{
	return tmpfs_mknod(dir, dentry, mode | S_IFREG, 0);
}

static int tmpfs_mkdir(struct inode *dir, struct dentry *dentry, umode_t mode)
{
	int err = tmpfs_mknod(dir, dentry, mode | S_IFDIR, 0);

	if (!err)
		inc_nlink(dir);
	return err;
}

static int tmpfs_symlink(struct inode *dir, struct dentry *dentry, const char *target)
{
	struct inode *inode = tmpfs_get_inode(dir->i_sb, dir, S_IFLNK | 0777, 0);

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	inode->i_link = kstrdup(target, GFP_KERNEL);
	if (!inode->i_link) {
		iput(inode);
		return -ENOMEM;
	}
	inode->i_size = strlen(target);
	return tmpfs_add(dir, dentry, inode);
}

static int tmpfs_tmpfile(struct inode *dir, struct file *file, umode_t mode)
{
	static const struct qstr name = { .name = "#tmpfile", .len = 8 };
	struct inode *inode = tmpfs_get_inode(dir->i_sb, dir, mode, 0);
	struct path path = { .mnt = file->f_path.mnt };
	struct mount *mnt = file->f_path.mnt;
	int err;

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	path.dentry = d_alloc_pseudo(dir->i_sb, &name);
	if (!path.dentry) {
		iput(inode);
		return -ENOMEM;
	}
	clear_nlink(inode);
	set_inode_state(inode, I_LINKABLE);
	d_instantiate(path.dentry, inode);
	err = file_open_on(file, &path);
	dput(path.dentry);
	mntput(mnt);
	return err;
}

static int tmpfs_setattr(struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int err;

	if ((inode->i_seals & F_SEAL_EXEC) && (attr->ia_valid & ATTR_MODE) &&
	    ((inode->i_mode ^ attr->ia_mode) & 0111))
		return -EPERM;
	if ((attr->ia_valid & ATTR_SIZE) && S_ISREG(inode->i_mode)) {
		err = shmem_setsize(inode, attr->ia_size);
		if (err)
			return err;
		inode->i_mtime = current_time(inode);
	}
	setattr_copy(inode, attr);
	return 0;
}

static loff_t tmpfs_llseek(struct file *file, loff_t offset, int whence)
{
	if (whence == SEEK_DATA || whence == SEEK_HOLE) {
		offset = shmem_seek_hole_data(file_inode(file), offset, whence == SEEK_HOLE);
		if (offset >= 0)
			file->f_pos = offset;
		return offset;
	}
	return generic_file_llseek(file, offset, whence);
}

/* After a write: times, and set-id bits go. */
static void tmpfs_wrote(struct inode *inode)
{
	inode->i_mtime = inode->i_ctime = current_time(inode);
	if ((inode->i_mode & (S_ISUID | S_ISGID)) && !capable(CAP_FSETID))
		inode->i_mode &= ~S_ISUID & ~(inode->i_mode & 0010 ? S_ISGID : 0);
}

static ssize_t tmpfs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	ssize_t ret = generic_file_write_iter(iocb, from);

	if (ret > 0)
		tmpfs_wrote(file_inode(iocb->ki_filp));
	return ret;
}

static const struct file_operations tmpfs_file_fops = {
	.fop_flags = FOP_DIRECT, /* there is nothing that O_DIRECT could go past */
	.llseek = tmpfs_llseek,
	.read_iter = generic_file_read_iter,
	.write_iter = tmpfs_write_iter,
	.splice_read = filemap_splice_read,
	.mmap = shmem_mmap,
	.fsync = simple_fsync,
	.fallocate = shmem_fallocate,
};

static const struct inode_operations tmpfs_file_iops = { .setattr = tmpfs_setattr };
static const struct inode_operations tmpfs_special_iops = { .setattr = simple_setattr };
static const struct inode_operations tmpfs_symlink_iops = {
	.get_link = simple_get_link,
	.setattr = simple_setattr,
};
static const struct inode_operations tmpfs_dir_iops = {
	.lookup = simple_lookup,
	.create = tmpfs_create,
	.link = simple_link,
	.unlink = simple_unlink,
	.symlink = tmpfs_symlink,
	.mkdir = tmpfs_mkdir,
	.rmdir = simple_rmdir,
	.mknod = tmpfs_mknod,
	.rename = simple_rename,
	.tmpfile = tmpfs_tmpfile,
	.setattr = simple_setattr,
};

static void tmpfs_evict_inode(struct inode *inode)
{
	struct shmem_sb_info *info = inode->i_sb->s_fs_info;

	if (S_ISREG(inode->i_mode))
		shmem_evict(inode);
	atomic_long_dec(&info->used_inodes);
}

static int tmpfs_statfs(struct super_block *sb, struct kstatfs *buf)
{
	struct shmem_sb_info *info = sb->s_fs_info;
	long used = atomic_long_read(&info->used_blocks),
	     inodes = atomic_long_read(&info->used_inodes);

	simple_statfs(sb, buf);
	buf->f_blocks = info->max_blocks;
	buf->f_bfree = buf->f_bavail =
		info->max_blocks - min_t(unsigned long, used, info->max_blocks);
	buf->f_files = info->max_inodes;
	buf->f_ffree = info->max_inodes - min_t(unsigned long, inodes, info->max_inodes);
	return 0;
}

static int tmpfs_show_options(struct seq_file *m, struct dentry *root)
{
	struct shmem_sb_info *info = root->d_sb->s_fs_info;

	if (info->max_blocks && info->max_blocks != totalram_pages() / 2)
		seq_printf(m, ",size=%luk", info->max_blocks << (PAGE_SHIFT - 10));
	return 0;
}

static void tmpfs_put_super(struct super_block *sb)
{
	kfree(sb->s_fs_info);
}

struct tmpfs_options {
	unsigned long blocks, inodes;
	umode_t mode;
	u32 uid, gid;
};

/* "size=10m,mode=1777,nr_inodes=1k": unknown words are EINVAL. */
static int tmpfs_parse(char *data, struct tmpfs_options *opt)
{
	char *word, *value, *end;

	while (data && (word = strsep(&data, ",")) != NULL) {
		if (!*word)
			continue;
		value = strchr(word, '=');
		if (!value)
			return -EINVAL;
		*value++ = 0;
		if (!strcmp(word, "size")) {
			unsigned long long size = memparse(value, &end);

			if (*end == '%') {
				size = totalram_pages() * size / 100 << PAGE_SHIFT;
				end++;
			}
			opt->blocks = DIV_ROUND_UP(size, PAGE_SIZE);
		} else if (!strcmp(word, "nr_blocks")) {
			opt->blocks = memparse(value, &end);
		} else if (!strcmp(word, "nr_inodes")) {
			opt->inodes = memparse(value, &end);
		} else if (!strcmp(word, "mode")) {
			opt->mode = simple_strtoul(value, &end, 8) & 07777;
		} else if (!strcmp(word, "uid")) {
			opt->uid = simple_strtoul(value, &end, 10);
		} else if (!strcmp(word, "gid")) {
			opt->gid = simple_strtoul(value, &end, 10);
		} else {
			return -EINVAL;
		}
		if (*end)
			return -EINVAL;
	}
	return 0;
}

/*
 * A directory tree goes depth first, without recursion, as it may be deeper than the stack: each pinned name gives
 * up its inode and its parent.
 */
static void tmpfs_kill_tree(struct dentry *root)
{
	struct dentry *dir = root, *child, *parent;

	for (;;) {
		child = d_first_pinned(dir);
		if (child) {
			dir = child;
			continue;
		}
		if (dir == root)
			return;
		parent = dir->d_parent;
		d_drop(dir);
		d_unpin(dir);
		dput(dir);
		dir = parent;
		cond_resched();
	}
}

/* New limits, which must hold what is there. A limit cannot come to an instance that had none, and so did not count. */
static int tmpfs_remount(struct super_block *sb, int *flags, char *data)
{
	struct shmem_sb_info *info = sb->s_fs_info;
	struct tmpfs_options opt = { .blocks = info->max_blocks, .inodes = info->max_inodes };
	int err = tmpfs_parse(data, &opt);

	if (err)
		return err;
	if (opt.blocks &&
	    (!info->max_blocks || atomic_long_read(&info->used_blocks) > (long)opt.blocks))
		return info->max_blocks == opt.blocks ? 0 : -EINVAL;
	if (opt.inodes && atomic_long_read(&info->used_inodes) > (long)opt.inodes)
		return -EINVAL;
	/* Charges are given back only while there is a limit: one that was set stays, however large. */
	info->max_blocks = info->max_blocks && !opt.blocks ? LONG_MAX : opt.blocks;
	info->max_inodes = opt.inodes;
	return 0;
}

static const struct super_operations tmpfs_sops = {
	.evict_inode = tmpfs_evict_inode,
	.put_super = tmpfs_put_super,
	.statfs = tmpfs_statfs,
	.show_options = tmpfs_show_options,
	.remount_fs = tmpfs_remount,
};

static void tmpfs_kill_sb(struct super_block *sb)
{
	if (!sb->s_root)
		return;
	tmpfs_kill_tree(sb->s_root);
	dput(sb->s_root);
}

static struct super_block *tmpfs_mount(struct file_system_type *type, int flags, const char *dev,
				       char *data)
{
	struct super_block *sb = alloc_super(type, flags);
	struct shmem_sb_info *info = kzalloc(sizeof(*info), GFP_KERNEL);
	struct tmpfs_options opt = { .mode = 01777,
				     .uid = current_fsuid(),
				     .gid = current_fsgid() };
	struct inode *root;
	int err = -ENOMEM;

	if (!sb || !info)
		goto fail;
	opt.blocks = opt.inodes = totalram_pages() / 2;
	err = tmpfs_parse(data, &opt);
	if (err)
		goto fail;
	info->max_blocks = opt.blocks;
	info->max_inodes = opt.inodes;
	sb->s_fs_info = info;
	sb->s_op = &tmpfs_sops;
	sb->s_d_op = &simple_dentry_operations;
	sb->s_magic = TMPFS_MAGIC;
	root = tmpfs_get_inode(sb, NULL, S_IFDIR | opt.mode, 0);
	err = PTR_ERR_OR_ZERO(root);
	if (!err) {
		root->i_uid = opt.uid;
		root->i_gid = opt.gid;
		sb->s_root = d_make_root(root);
		err = sb->s_root ? 0 : -ENOMEM;
	}
	if (!err)
		return sb;
fail:
	if (sb)
		free_super(sb);
	kfree(info);
	return ERR_PTR(err);
}

struct file_system_type tmpfs_fs_type = { .name = "tmpfs",
					  .mount = tmpfs_mount,
					  .kill_sb = tmpfs_kill_sb };
static struct file_system_type ramfs_fs_type = { .name = "ramfs",
						 .mount = tmpfs_mount,
						 .kill_sb = tmpfs_kill_sb };

struct file *shmem_file_setup(const char *name, loff_t size)
{
	struct inode *inode = tmpfs_get_inode(shm_mnt->mnt_sb, NULL, S_IFREG | 0777, 0);

	if (IS_ERR(inode))
		return ERR_CAST(inode);
	clear_nlink(inode);
	inode->i_size = size;
	return alloc_file_pseudo(inode, shm_mnt, name, O_RDWR, &tmpfs_file_fops);
}

static struct file *shmem_zero_file(size_t size, bool account)
{
	struct file *file = shmem_file_setup("dev/zero", size);

	if (!IS_ERR(file) && account && shmem_account_size(file_inode(file))) {
		fput(file);
		return ERR_PTR(-ENOMEM);
	}
	if (!IS_ERR(file))
		set_bit(AS_ANON_SHMEM, &file->f_mapping->flags);
	return file;
}

static bool mmap_vm_ops(struct file *file, const struct vm_operations_struct **ops)
{
	*ops = &shmem_vm_ops;
	/* A sealed file asks for each mapping: ->mmap must see it. */
	return file->f_op == &tmpfs_file_fops &&
	       !(READ_ONCE(file_inode(file)->i_seals) & F_SEAL_ANY_WRITE);
}

bool is_shmem_file(const struct file *file)
{
	return file->f_op == &tmpfs_file_fops;
}

static bool capable_rawio(void)
{
	return capable(CAP_SYS_RAWIO);
}

static bool capable_ipc_lock(void)
{
	return capable(CAP_IPC_LOCK);
}

static bool capable_sys_admin(void)
{
	return capable(CAP_SYS_ADMIN);
}

static bool capable_sys_nice(void)
{
	return capable(CAP_SYS_NICE);
}

static struct file *mm_fget(int fd)
{
	return fget(fd);
}

static bool mm_noexec(const struct file *file)
{
	return path_noexec(&file->f_path);
}

static const struct mm_file_ops vfs_mm_ops = {
	.fget = mm_fget,
	.shmem_zero_file = shmem_zero_file,
	.mmap_vm_ops = mmap_vm_ops,
	.noexec = mm_noexec,
	.capable_rawio = capable_rawio,
	.capable_ipc_lock = capable_ipc_lock,
	.capable_sys_nice = capable_sys_nice,
};

void tmpfs_init(void)
{
	overcommit_privileged = capable_sys_admin;
	register_filesystem(&tmpfs_fs_type);
	register_filesystem(&ramfs_fs_type);
	shm_mnt = kern_mount(&tmpfs_fs_type);
	if (IS_ERR(shm_mnt))
		panic("tmpfs: cannot set up shared memory: error %ld", PTR_ERR(shm_mnt));
	((struct shmem_sb_info *)shm_mnt->mnt_sb->s_fs_info)->max_blocks = 0;
	mm_file_ops = &vfs_mm_ops;
}
