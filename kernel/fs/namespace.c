/*
 * Mounts and super blocks: file systems laid over directories.
 *
 * 1. A super block is one instance of a file system; a mount shows it at a place. Bind mounts show the
 *    same super block (or a part of it) at another place. All mounts form one tree under root_mount.
 * 2. A covered dentry carries DCACHE_MOUNTED, so that a walk asks for the mount only where there may be
 *    one; the list is then searched from its end, because the last mount on a place wins.
 * 3. A mount can go when nobody but the tree refers to it (EBUSY), or at once from the tree with
 *    MNT_DETACH, to die with its last user.
 * 4. A dentry that its file system may declare dead (a process's directory in /proc) takes its mounts with it: they are counted
 *    (mortal_mounts), and while there are any, each exit lets a worker look for dead ones.
 *
 * Locks: namespace_sem for changes of the tree; mount_lock for the list and parent links.
 * Mirrors Linux fs/namespace.c, fs/super.c, fs/filesystems.c. Exercised by tests/user/files.c.
 */
#include "arch/x86/uaccess.h"
#include "boot/bootinfo.h"
#include "kernel/block/blkdev.h"
#include "kernel/block/genhd.h"
#include "kernel/bug.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/syscall.h"
#include "kernel/workqueue.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"

struct mount *root_mount;
DECLARE_RWSEM(namespace_sem);
LIST_HEAD(mount_list);
static DEFINE_SPINLOCK(mount_lock);
static LIST_HEAD(file_systems);
static LIST_HEAD(super_blocks);
static atomic_t next_anon_dev = ATOMIC_INIT(1);
static atomic_t next_mnt_id = ATOMIC_INIT(20);

void mount_lock_read(void)
{
	spin_lock(&mount_lock);
}

void mount_unlock_read(void)
{
	spin_unlock(&mount_lock);
}

/* --- file-system types and super blocks --- */

int register_filesystem(struct file_system_type *fs)
{
	if (get_fs_type(fs->name))
		return -EBUSY;
	spin_lock(&mount_lock);
	list_add_tail(&fs->list, &file_systems);
	spin_unlock(&mount_lock);
	return 0;
}

struct file_system_type *get_fs_type(const char *name)
{
	struct file_system_type *fs, *found = NULL;

	spin_lock(&mount_lock);
	list_for_each_entry(fs, &file_systems, list) {
		if (!strcmp(fs->name, name))
			found = fs;
	}
	spin_unlock(&mount_lock);
	return found;
}

void for_each_filesystem(void (*fn)(struct file_system_type *fs, void *arg), void *arg)
{
	struct file_system_type *fs;

	/* Types are only ever added: the list can be walked without the lock. */
	list_for_each_entry(fs, &file_systems, list)
		fn(fs, arg);
}

dev_t get_anon_bdev(void)
{
	return MKDEV(0, atomic_inc_return(&next_anon_dev));
}

struct super_block *alloc_super(struct file_system_type *type, int flags)
{
	struct super_block *sb = kzalloc(sizeof(*sb), GFP_KERNEL);

	if (!sb)
		return NULL;
	sb->s_type = type;
	sb->s_flags = flags & SB_RDONLY;
	sb->s_dev = get_anon_bdev();
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_time_gran = 1;
	sb->s_bdi = &noop_backing_dev_info;
	spin_lock_init(&sb->s_inode_list_lock);
	INIT_LIST_HEAD(&sb->s_inodes);
	spin_lock(&mount_lock);
	list_add_tail(&sb->s_list, &super_blocks);
	spin_unlock(&mount_lock);
	return sb;
}

void deactivate_super(struct super_block *sb)
{
	spin_lock(&mount_lock);
	if (--sb->s_active) {
		spin_unlock(&mount_lock);
		return;
	}
	list_del(&sb->s_list);
	spin_unlock(&mount_lock);
	shrink_dcache_sb(sb);
	sync_filesystem(sb);
	if (sb->s_type->kill_sb)
		sb->s_type->kill_sb(sb);
	evict_inodes(sb);
	if (sb->s_op->put_super)
		sb->s_op->put_super(sb);
	if (sb->s_bdev)
		blkdev_put(sb->s_bdev, sb);
	kfree(sb);
}

struct super_block *get_active_super(dev_t dev)
{
	struct super_block *sb, *found = NULL;

	spin_lock(&mount_lock);
	list_for_each_entry(sb, &super_blocks, s_list) {
		if (sb->s_dev == dev && sb->s_bdev && sb->s_active) {
			sb->s_active++;
			found = sb;
		}
	}
	spin_unlock(&mount_lock);
	return found;
}

void free_super(struct super_block *sb)
{
	spin_lock(&mount_lock);
	list_del(&sb->s_list);
	spin_unlock(&mount_lock);
	kfree(sb);
}

void iterate_supers(void (*fn)(struct super_block *sb, void *arg), void *arg)
{
	struct super_block *sb, *last = NULL;

	spin_lock(&mount_lock);
	list_for_each_entry(sb, &super_blocks, s_list) {
		/* Not mounted yet, or not any more. */
		if (!sb->s_active)
			continue;
		sb->s_active++;
		spin_unlock(&mount_lock);
		if (last)
			deactivate_super(last);
		fn(sb, arg);
		last = sb;
		spin_lock(&mount_lock);
	}
	spin_unlock(&mount_lock);
	if (last)
		deactivate_super(last);
}

/* --- mounts --- */

static struct mount *alloc_mount(struct super_block *sb, struct dentry *root, const char *devname,
				 unsigned int flags)
{
	struct mount *m = kzalloc(sizeof(*m), GFP_KERNEL);

	if (!m)
		return NULL;
	m->mnt_devname = kstrdup(devname ? devname : "none", GFP_KERNEL);
	if (!m->mnt_devname) {
		kfree(m);
		return NULL;
	}
	m->mnt_sb = sb;
	m->mnt_root = dget(root);
	m->mnt_parent = m;
	m->mnt_mountpoint = root;
	m->mnt_flags = flags;
	m->mnt_id = atomic_inc_return(&next_mnt_id);
	atomic_set(&m->mnt_count, 1);
	INIT_LIST_HEAD(&m->mnt_list);
	spin_lock(&mount_lock);
	sb->s_active++;
	spin_unlock(&mount_lock);
	return m;
}

void mntput(struct mount *mnt)
{
	if (!mnt || !atomic_dec_and_test(&mnt->mnt_count))
		return;
	dput(mnt->mnt_root);
	deactivate_super(mnt->mnt_sb);
	kfree(mnt->mnt_devname);
	kfree(mnt);
}

bool mnt_is_readonly(const struct mount *mnt)
{
	return (mnt->mnt_flags & MS_RDONLY) || (mnt->mnt_sb->s_flags & SB_RDONLY) ||
	       (mnt->mnt_sb->s_iflags & SB_I_RO_SOON);
}

bool path_noexec(const struct path *path)
{
	return (path->mnt->mnt_flags & MS_NOEXEC) || (path->mnt->mnt_sb->s_iflags & SB_I_NOEXEC);
}

/* => mount_lock held */
static struct mount *__lookup_mnt(const struct mount *parent, const struct dentry *at)
{
	struct mount *m;

	list_for_each_entry_reverse(m, &mount_list, mnt_list) {
		if (m->mnt_parent == parent && m->mnt_mountpoint == at && m != parent)
			return m;
	}
	return NULL;
}

struct mount *lookup_mnt(const struct path *path)
{
	struct mount *m;

	spin_lock(&mount_lock);
	m = __lookup_mnt(path->mnt, path->dentry);
	if (m)
		mntget(m);
	spin_unlock(&mount_lock);
	return m;
}

bool follow_mount(struct path *path)
{
	bool moved = false;

	while (path->dentry->d_flags & DCACHE_MOUNTED) {
		struct mount *m = lookup_mnt(path);

		if (!m)
			break;
		dput(path->dentry);
		mntput(path->mnt);
		path->mnt = m;
		path->dentry = dget(m->mnt_root);
		moved = true;
	}
	return moved;
}

static atomic_t mortal_mounts;

static bool is_mortal(const struct dentry *dentry)
{
	return dentry->d_op && dentry->d_op->d_revalidate;
}

/*
 * Keeps path's directory from going while a mount is put on it: rmdir, unlink and rename look for a mount under the
 * same lock. -ENOENT: it is gone already. => namespace_sem held for writing
 */
static int lock_mountpoint(const struct path *path)
{
	struct dentry *dentry = path->dentry;
	struct inode *inode = d_inode(dentry);

	down_write(&inode->i_rwsem);
	/* Counted before the question: whoever dies after it sees the count. */
	if (is_mortal(dentry))
		atomic_inc(&mortal_mounts);
	smp_mb();
	if (((dentry->d_flags & DCACHE_HASHED) || dentry == path->mnt->mnt_root) &&
	    !(is_mortal(dentry) && !dentry->d_op->d_revalidate(dentry)))
		return 0;
	if (is_mortal(dentry))
		atomic_dec(&mortal_mounts);
	up_write(&inode->i_rwsem);
	return -ENOENT;
}

static void unlock_mountpoint(const struct path *path)
{
	up_write(&d_inode(path->dentry)->i_rwsem);
}

/* Puts m over path (its references are taken). => lock_mountpoint() */
static void attach_mount(struct mount *m, const struct path *path)
{
	m->mnt_mountpoint = dget(path->dentry);
	d_set_mounted(path->dentry, true);
	spin_lock(&mount_lock);
	m->mnt_parent = mntget(path->mnt);
	list_add_tail(&m->mnt_list, &mount_list);
	spin_unlock(&mount_lock);
}

/* => namespace_sem held for writing; the caller drops the tree's reference on m */
static void detach_mount(struct mount *m)
{
	struct mount *parent = m->mnt_parent, *other;
	struct dentry *at = m->mnt_mountpoint;
	bool still = false;

	spin_lock(&mount_lock);
	list_del_init(&m->mnt_list);
	m->mnt_parent = m;
	m->mnt_mountpoint = m->mnt_root;
	list_for_each_entry(other, &mount_list, mnt_list) {
		if (other->mnt_mountpoint == at && other->mnt_parent != other)
			still = true;
	}
	spin_unlock(&mount_lock);
	d_set_mounted(at, still);
	if (is_mortal(at))
		atomic_dec(&mortal_mounts);
	dput(at);
	mntput(parent);
}

/* The newest mount that stands on m, or NULL. => namespace_sem held */
static struct mount *child_of(const struct mount *m)
{
	struct mount *c;

	list_for_each_entry_reverse(c, &mount_list, mnt_list) {
		if (c->mnt_parent == m && c != m)
			return c;
	}
	return NULL;
}

/* m and all that stands on it leave the tree, leaves first, to die with their last users. => namespace_sem for writing */
static void detach_tree(struct mount *m)
{
	struct mount *leaf, *c;

	do {
		for (leaf = m; (c = child_of(leaf)) != NULL;)
			leaf = c;
		detach_mount(leaf);
		mntput(leaf);
	} while (leaf != m);
}

/* A mount whose place is dead, or NULL. => namespace_sem held */
static struct mount *dead_mount(void)
{
	struct mount *m;

	list_for_each_entry(m, &mount_list, mnt_list) {
		struct dentry *at = m->mnt_mountpoint;

		if (m->mnt_parent != m && is_mortal(at) && !at->d_op->d_revalidate(at))
			return m;
	}
	return NULL;
}

static void umount_dead_fn(struct work_struct *work)
{
	struct mount *m;

	down_write(&namespace_sem);
	while ((m = dead_mount()) != NULL) {
		d_drop(m->mnt_mountpoint);
		detach_tree(m);
	}
	up_write(&namespace_sem);
}

void umount_dead(void)
{
	static DECLARE_WORK(work, umount_dead_fn);

	smp_mb();
	if (unlikely(atomic_read(&mortal_mounts)))
		schedule_work(&work);
}

static struct mount *new_fs_mount(struct file_system_type *fs, unsigned long flags, const char *dev,
				  char *data)
{
	struct super_block *sb = fs->mount(fs, flags, dev, data);
	struct mount *m;

	if (IS_ERR(sb))
		return ERR_CAST(sb);
	m = alloc_mount(sb, sb->s_root, dev,
			flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME));
	if (fs->fs_flags & FS_REQUIRES_DEV) {
		/* What mount_bdev() held. */
		deactivate_super(sb);
	} else if (!m && !sb->s_active) {
		/* An instance that is mounted elsewhere (devtmpfs, devpts) stays. */
		sb->s_active = 1;
		deactivate_super(sb);
	}
	return m ? m : ERR_PTR(-ENOMEM);
}

struct mount *kern_mount(struct file_system_type *type)
{
	return new_fs_mount(type, 0, type->name, NULL);
}

/* Puts a new mount over path, or drops it with -ENOENT. => namespace_sem held for writing */
static int graft(struct mount *m, const struct path *path)
{
	int err = lock_mountpoint(path);

	if (err) {
		mntput(m);
		return err;
	}
	attach_mount(m, path);
	unlock_mountpoint(path);
	return 0;
}

static int do_new_mount(const struct path *path, const char *type, unsigned long flags,
			const char *dev, char *data)
{
	struct file_system_type *fs = type ? get_fs_type(type) : NULL;
	struct mount *m;

	if (!type)
		return -EINVAL;
	if (!fs)
		return -ENODEV;
	m = new_fs_mount(fs, flags, dev, data);
	if (IS_ERR(m))
		return PTR_ERR(m);
	if (m->mnt_sb == path->mnt->mnt_sb && path->dentry == path->mnt->mnt_root) {
		mntput(m);
		return -EBUSY;
	}
	return graft(m, path);
}

static int do_bind(const struct path *path, const char *from, unsigned long flags)
{
	struct path src;
	struct mount *m;
	int err;

	if (!from || !*from)
		return -EINVAL;
	err = kern_path(from, LOOKUP_FOLLOW, &src);
	if (err)
		return err;
	err = -ENOTDIR;
	if (S_ISDIR(d_inode(src.dentry)->i_mode) == S_ISDIR(d_inode(path->dentry)->i_mode)) {
		m = alloc_mount(src.mnt->mnt_sb, src.dentry, src.mnt->mnt_devname,
				src.mnt->mnt_flags | (flags & MS_RDONLY));
		err = m ? graft(m, path) : -ENOMEM;
	}
	path_put(&src);
	return err;
}

/* Is there a file that is open for writing, or one without a name that still has to be freed on the disk? */
static bool has_writers(struct super_block *sb)
{
	struct inode *inode;

	guard(spinlock)(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		if (S_ISREG(inode->i_mode) && atomic_read(&inode->i_writecount) > 0)
			return true;
		if (!inode->i_nlink && atomic_read(&inode->i_count))
			return true;
	}
	return false;
}

/* The super block, for all its mounts. -EBUSY: it shall be read only, and somebody writes. => namespace_sem for writing */
static int remount_super(struct super_block *sb, int sbflags, char *data)
{
	bool stop = sbflags & SB_RDONLY && !(sb->s_flags & SB_RDONLY) && sb->s_bdev;
	int err = 0;

	if (sb->s_bdev && !(sbflags & SB_RDONLY) && bdev_read_only(sb->s_bdev))
		return -EACCES;
	if (stop) {
		/* Whoever opens for writing counts himself first and then looks here. */
		sb->s_iflags |= SB_I_RO_SOON;
		smp_mb();
		err = has_writers(sb) ? -EBUSY : sync_filesystem(sb);
	}
	if (!err && sb->s_op->remount_fs)
		err = sb->s_op->remount_fs(sb, &sbflags, data);
	if (stop)
		sb->s_iflags &= ~SB_I_RO_SOON;
	return err;
}

static int do_remount(const struct path *path, unsigned long flags, char *data)
{
	int err = 0;

	if (path->dentry != path->mnt->mnt_root)
		return -EINVAL;
	if (!(flags & MS_BIND))
		err = remount_super(path->mnt->mnt_sb, flags & SB_RDONLY, data);
	if (!err)
		path->mnt->mnt_flags = flags &
				       (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME);
	return err;
}

/* Does path lie inside the tree that starts at m? => namespace_sem held */
static bool inside_mount(const struct path *path, const struct mount *m)
{
	const struct mount *p = path->mnt;

	while (p != m && p->mnt_parent != p)
		p = p->mnt_parent;
	return p == m;
}

static int do_move(const struct path *path, const char *from)
{
	struct path src;
	int err = from ? kern_path(from, LOOKUP_FOLLOW, &src) : -EINVAL;

	if (err)
		return err;
	if (src.dentry != src.mnt->mnt_root || src.mnt->mnt_parent == src.mnt)
		err = -EINVAL;
	else if (S_ISDIR(d_inode(src.dentry)->i_mode) != S_ISDIR(d_inode(path->dentry)->i_mode))
		err = -EINVAL;
	else if (inside_mount(path, src.mnt))
		err = -ELOOP;
	else
		err = lock_mountpoint(path);
	if (!err) {
		detach_mount(src.mnt);
		attach_mount(src.mnt, path);
		unlock_mountpoint(path);
	}
	path_put(&src);
	return err;
}

int do_mount(const char *dev, const char *dir, const char *type, unsigned long flags, char *data)
{
	struct path path;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	err = kern_path(dir, LOOKUP_FOLLOW, &path);
	if (err)
		return err;
	down_write(&namespace_sem);
	follow_mount(&path);
	if (flags & MS_REMOUNT)
		err = do_remount(&path, flags, data);
	else if (flags & MS_BIND)
		err = do_bind(&path, dev, flags);
	else if (flags & MS_MOVE)
		err = do_move(&path, dev);
	else if (flags & (MS_PRIVATE | (1 << 17) | (1 << 19) | (1 << 20)))
		err = 0; /* there is one name space: every propagation type means the same */
	else if (!S_ISDIR(d_inode(path.dentry)->i_mode))
		err = -ENOTDIR;
	else
		err = do_new_mount(&path, type, flags, dev, data);
	up_write(&namespace_sem);
	path_put(&path);
	return err;
}

/* A user string of an argument that may be NULL; *out is to be freed. */
static int copy_mount_string(const char __user *u, char **out)
{
	*out = NULL;
	if (!u)
		return 0;
	*out = strndup_user(u, PATH_MAX);
	if (IS_ERR(*out)) {
		int err = PTR_ERR(*out);

		*out = NULL;
		return err;
	}
	return 0;
}

static long sys_mount(const char __user *dev, const char __user *dir, const char __user *type,
		      unsigned long flags, const char __user *data)
{
	char *kdev = NULL, *ktype = NULL, *kdata = NULL;
	struct filename *kdir = NULL;
	long err;

	if ((flags & 0xffff0000) == 0xc0ed0000)
		flags &= 0xffff;
	err = copy_mount_string(type, &ktype);
	if (!err)
		err = copy_mount_string(dev, &kdev);
	if (!err)
		err = copy_mount_string(data, &kdata);
	if (!err) {
		kdir = getname(dir);
		err = IS_ERR(kdir) ? PTR_ERR(kdir)
				   : do_mount(kdev, kdir->name, ktype, flags, kdata);
	}
	kfree(ktype);
	kfree(kdev);
	kfree(kdata);
	putname(kdir);
	return err;
}
SYSCALL(165, mount);

static int do_umount(struct path *path, int flags)
{
	struct mount *m = path->mnt;

	if (path->dentry != m->mnt_root)
		return -EINVAL;
	/* What everything stands on stays; a disk under it is left as if it had gone: all written, and marked so. */
	if (m->mnt_parent == m)
		return m->mnt_sb->s_bdev && !(flags & MNT_DETACH)
			       ? remount_super(m->mnt_sb, SB_RDONLY, NULL)
			       : -EINVAL;
	/* One reference is the tree's, one this call's. */
	if (!(flags & MNT_DETACH) && (atomic_read(&m->mnt_count) > 2 || child_of(m)))
		return -EBUSY;
	sync_filesystem(m->mnt_sb);
	detach_tree(m);
	return 0;
}

static long sys_umount2(const char __user *name, int flags)
{
	struct path path;
	long err;

	if (flags & ~(MNT_FORCE | MNT_DETACH | 4 | 8))
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	err = user_path_at(AT_FDCWD, name, flags & 8 ? 0 : LOOKUP_FOLLOW, &path);
	if (err)
		return err;
	down_write(&namespace_sem);
	err = do_umount(&path, flags);
	up_write(&namespace_sem);
	path_put(&path);
	return err;
}
SYSCALL(166, umount2);

/*
 * The first mount of all: becomes / of everybody. Its device is called tmpfs, not rootfs as on Linux: df takes
 * "rootfs" for something hidden under the real root and does not show it.
 */
static void init_mount_tree(void)
{
	const struct boot_module *initramfs = boot_info.nr_modules ? boot_info.modules : NULL;
	unsigned long pages = totalram_pages();
	char options[48];
	struct file_system_type *fs = get_fs_type("tmpfs");
	struct mount *m;

	/* Half of memory, as for any tmpfs, but of all: what the packed initramfs takes now comes back. */
	if (initramfs)
		pages += PHYS_PFN(initramfs->end - initramfs->start);
	scnprintf(options, sizeof(options), "mode=755,nr_blocks=%lu", pages / 2);
	m = fs ? new_fs_mount(fs, 0, "tmpfs", options) : ERR_PTR(-ENODEV);
	if (IS_ERR(m))
		panic("VFS: cannot create the root file system: error %ld", PTR_ERR(m));
	root_mount = m;
	list_add_tail(&m->mnt_list, &mount_list);
	init_fs.root.mnt = mntget(m);
	init_fs.root.dentry = dget(m->mnt_root);
	init_fs.pwd.mnt = mntget(m);
	init_fs.pwd.dentry = dget(m->mnt_root);
}

void mount_init(void)
{
	init_mount_tree();
}
