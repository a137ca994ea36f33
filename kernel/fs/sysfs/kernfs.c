/*
 * kernfs: the tree behind sysfs and debugfs, and its face as a file system.
 *
 * 1. Nodes are only added, at the end of their directory's list, so readers walk the list under
 *    RCU and a readdir position is a count.
 * 2. A directory may have its children made when they are first looked for (populate): boot then pays nothing for hundreds
 *    of nodes that few read.
 * 3. A directory whose children come and go has them refreshed whenever somebody looks: those that went are hidden, and
 *    their nodes wait for the name to come again. Names are few, so nothing needs to be freed under a reader.
 * 4. A link knows its target node; its text, relative to the link's directory, is made when it is
 *    read.
 *
 * Locks: kernfs_mutex for adding; populate_mutex, outside of it, while a directory is filled. Mirrors Linux fs/kernfs/{dir,inode,mount,symlink}.c. Exercised by
 * tests/user/sysfs.c.
 */
#include "kernel/fs/sysfs/kernfs.h"

#include "kernel/bug.h"
#include "kernel/fs/internal.h"
#include "kernel/rcu.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

static DEFINE_MUTEX(kernfs_mutex);
static DEFINE_MUTEX(populate_mutex);
static const struct inode_operations kernfs_dir_iops, kernfs_file_iops, kernfs_link_iops;
static const struct file_operations kernfs_dir_fops;

static u32 name_hash(const char *name, unsigned int len)
{
	u32 hash = len;

	while (len--)
		hash = hash * 31 + (u8)*name++;
	return hash;
}

static struct kernfs_node *find_child(struct kernfs_node *dir, const char *name, unsigned int len)
{
	u32 hash = name_hash(name, len);
	struct kernfs_node *kn;

	list_for_each_entry_rcu(kn, &dir->children, sibling) {
		if (kn->hash == hash && strlen(kn->name) == len && !memcmp(kn->name, name, len))
			return kn;
	}
	return NULL;
}

/* Enters new; on -EEXIST and without memory it is not used. */
static struct kernfs_node *kernfs_add(struct kernfs_node *parent, const char *name,
				      struct kernfs_node *template)
{
	static u64 last_ino = 1;
	struct kernfs_node *kn = kmemdup(template, sizeof(*kn), GFP_KERNEL);

	if (!kn)
		return ERR_PTR(-ENOMEM);
	kn->parent = parent;
	kn->hash = name_hash(name, strlen(name));
	kn->name = kstrdup_const(name, GFP_KERNEL);
	INIT_LIST_HEAD(&kn->children);
	if (!kn->name) {
		kfree(kn);
		return ERR_PTR(-ENOMEM);
	}
	guard(mutex)(&kernfs_mutex);
	if (find_child(parent, name, strlen(name))) {
		kfree_const(kn->name);
		kfree(kn);
		return ERR_PTR(-EEXIST);
	}
	kn->ino = ++last_ino;
	list_add_tail_rcu(&kn->sibling, &parent->children);
	return kn;
}

struct kernfs_node *kernfs_create_dir(struct kernfs_node *parent, const char *name, umode_t mode)
{
	struct kernfs_node kn = { .mode = S_IFDIR | mode };

	return kernfs_add(parent, name, &kn);
}

struct kernfs_node *kernfs_create_file(struct kernfs_node *parent, const char *name, umode_t mode,
				       const struct file_operations *fops, void *priv)
{
	struct kernfs_node kn = { .mode = S_IFREG | mode, .fops = fops, .priv = priv };

	return kernfs_add(parent, name, &kn);
}

struct kernfs_node *kernfs_create_link(struct kernfs_node *parent, const char *name,
				       const struct kernfs_node *target)
{
	struct kernfs_node kn = { .mode = S_IFLNK | 0777, .target = target };

	return kernfs_add(parent, name, &kn);
}

void kernfs_set_populate(struct kernfs_node *dir, void (*populate)(struct kernfs_node *dir))
{
	smp_store_release(&dir->populate, populate);
}

void kernfs_set_refresh(struct kernfs_node *dir, void (*refresh)(struct kernfs_node *dir))
{
	smp_store_release(&dir->refresh, refresh);
}

struct kernfs_node *kernfs_find(struct kernfs_node *dir, const char *name)
{
	guard(rcu)();
	return find_child(dir, name, strlen(name));
}

void kernfs_show(struct kernfs_node *kn, bool show, const struct kernfs_node *target)
{
	if (target)
		WRITE_ONCE(kn->target, target);
	WRITE_ONCE(kn->hidden, !show);
}

static void fill_dir(struct kernfs_node *dir)
{
	if (smp_load_acquire(&dir->refresh)) {
		guard(mutex)(&populate_mutex);
		dir->refresh(dir);
	}
	if (!smp_load_acquire(&dir->populate))
		return;
	guard(mutex)(&populate_mutex);
	if (dir->populate) {
		dir->populate(dir);
		smp_store_release(&dir->populate, NULL);
	}
}

/* --- links --- */

static bool is_root(const struct kernfs_node *kn)
{
	return kn->parent == kn;
}

static bool is_ancestor(const struct kernfs_node *above, const struct kernfs_node *kn)
{
	while (kn != above && !is_root(kn))
		kn = kn->parent;
	return kn == above;
}

/* Appends the names from below top down to kn. */
static void append_path(char *buf, const struct kernfs_node *top, const struct kernfs_node *kn)
{
	if (kn == top)
		return;
	append_path(buf, top, kn->parent);
	if (kn->parent != top)
		strlcat(buf, "/", PATH_MAX);
	strlcat(buf, kn->name, PATH_MAX);
}

static const char *kernfs_get_link(struct dentry *dentry, struct inode *inode, char **buf)
{
	const struct kernfs_node *link = kernfs_of(inode), *top = link->parent;
	const struct kernfs_node *target = READ_ONCE(link->target);
	char *text = kzalloc(PATH_MAX, GFP_KERNEL);

	if (!text)
		return ERR_PTR(-ENOMEM);
	for (; !is_ancestor(top, target); top = top->parent)
		strlcat(text, "../", PATH_MAX);
	append_path(text, top, target);
	*buf = text;
	return text;
}

/* --- directories --- */

/* What stands below a directory whose children come and go may be gone the next time: it is not kept. */
static bool may_be_kept(const struct kernfs_node *kn)
{
	for (; !is_root(kn); kn = kn->parent) {
		if (kn->parent->refresh)
			return false;
	}
	return true;
}

static unsigned int count_links(struct kernfs_node *dir)
{
	struct kernfs_node *child;
	unsigned int nlink = 2;

	guard(rcu)();
	list_for_each_entry_rcu(child, &dir->children, sibling)
		nlink += S_ISDIR(child->mode) && !READ_ONCE(child->hidden);
	return nlink;
}

/* => the directory's i_rwsem held for writing (or the tree is being made): one inode for each node */
static struct inode *kernfs_get_inode(struct super_block *sb, struct kernfs_node *kn)
{
	struct inode *inode = ilookup(sb, kn->ino);

	if (!inode)
		inode = new_inode(sb);
	if (!inode || inode->i_private)
		return inode;
	inode->i_ino = kn->ino;
	inode->i_mode = kn->mode;
	inode->i_private = kn;
	if (S_ISDIR(kn->mode)) {
		inode->i_op = &kernfs_dir_iops;
		inode->i_fop = &kernfs_dir_fops;
		inode->i_nlink = 2;
	} else if (S_ISLNK(kn->mode)) {
		inode->i_op = &kernfs_link_iops;
	} else {
		inode->i_op = &kernfs_file_iops;
		inode->i_fop = kn->fops;
		inode->i_size = PAGE_SIZE;
	}
	if (may_be_kept(kn))
		insert_inode_hash(inode);
	return inode;
}

/* The inode may be older than some of its children. */
static int kernfs_dir_getattr(const struct path *path, struct kstat *stat)
{
	struct inode *inode = d_inode(path->dentry);

	generic_fillattr(inode, stat);
	fill_dir(kernfs_of(inode));
	stat->nlink = count_links(kernfs_of(inode));
	return 0;
}

static int kernfs_delete_dentry(const struct dentry *dentry)
{
	return d_is_negative(dentry) || !may_be_kept(kernfs_of(d_inode(dentry)));
}

static const struct dentry_operations kernfs_dentry_ops = { .d_delete = kernfs_delete_dentry };

static struct dentry *kernfs_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct kernfs_node *kn;
	struct inode *inode;

	fill_dir(kernfs_of(dir));
	rcu_read_lock();
	kn = find_child(kernfs_of(dir), dentry->d_name.name, dentry->d_name.len);
	if (kn && READ_ONCE(kn->hidden))
		kn = NULL;
	rcu_read_unlock();
	/* A negative dentry, not cached: a node of this name may come. mkdir on it finds that it may not. */
	if (!kn)
		return NULL;
	inode = kernfs_get_inode(dir->i_sb, kn);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	d_add(dentry, inode);
	return NULL;
}

/* The n-th child, or NULL. Nodes never go, so it stays valid. */
static struct kernfs_node *nth_child(struct kernfs_node *dir, loff_t n)
{
	struct kernfs_node *kn;

	guard(rcu)();
	list_for_each_entry_rcu(kn, &dir->children, sibling) {
		if (!READ_ONCE(kn->hidden) && !n--)
			return kn;
	}
	return NULL;
}

static int kernfs_iterate(struct file *file, struct dir_context *ctx)
{
	struct kernfs_node *dir = kernfs_of(file_inode(file)), *kn;

	if (!dir_emit_dots(file, ctx))
		return 0;
	fill_dir(dir);
	while ((kn = nth_child(dir, ctx->pos - 2)) != NULL) {
		if (!dir_emit(ctx, kn->name, strlen(kn->name), kn->ino, (kn->mode & S_IFMT) >> 12))
			break;
		ctx->pos++;
	}
	return 0;
}

/* Owners and modes are what the kernel gave; truncation (a shell's "> file") is harmless. */
static int kernfs_setattr(struct dentry *dentry, struct iattr *attr)
{
	return attr->ia_valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static const struct inode_operations kernfs_dir_iops = { .lookup = kernfs_lookup,
							 .getattr = kernfs_dir_getattr,
							 .setattr = kernfs_setattr };
static const struct inode_operations kernfs_file_iops = { .setattr = kernfs_setattr };
static const struct inode_operations kernfs_link_iops = { .get_link = kernfs_get_link,
							  .setattr = kernfs_setattr };
static const struct file_operations kernfs_dir_fops = { .iterate_shared = kernfs_iterate };

/* --- the file system --- */

static const struct super_operations kernfs_sops = { .statfs = simple_statfs };

struct super_block *kernfs_get_super(struct kernfs_root *root, struct file_system_type *type)
{
	struct super_block *sb;

	guard(mutex)(&kernfs_mutex);
	if (root->sb)
		return root->sb;
	sb = alloc_super(type, 0);
	if (!sb)
		return ERR_PTR(-ENOMEM);
	sb->s_op = &kernfs_sops;
	sb->s_d_op = &kernfs_dentry_ops;
	sb->s_magic = root->magic;
	sb->s_iflags |= SB_I_NOEXEC;
	sb->s_root = d_make_root(kernfs_get_inode(sb, &root->kn));
	if (!sb->s_root) {
		free_super(sb);
		return ERR_PTR(-ENOMEM);
	}
	/* The instance outlives its mounts. */
	sb->s_active = 1;
	root->sb = sb;
	return sb;
}
