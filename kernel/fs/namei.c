/*
 * Path walk: from a name to a dentry, one component at a time, through mounts and symbolic links.
 *
 * 1. A walk holds one path (mount, dentry). Each component is looked up in the dentry cache, else by the
 *    directory's lookup(); the result is stepped into, down through mounts that cover it.
 * 2. A symbolic link puts the rest of the name on a small stack and walks the link's text first; at most
 *    40 links in one walk (ELOOP). Nothing recurses, so no name can exhaust the kernel stack.
 * 3. The last component is left to the caller when LOOKUP_PARENT is set: create, unlink and rename work
 *    on (parent, name).
 *
 * Locks: a directory's i_rwsem around its lookup(). Mirrors Linux fs/namei.c. Exercised by
 * tests/user/names.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/namei.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

static struct kmem_cache *names_cache;

void namei_init(void)
{
	names_cache = kmem_cache_create("names_cache", PATH_MAX + sizeof(struct filename), 0,
					SLAB_PANIC, NULL);
}

struct filename *getname_flags(const char __user *name, unsigned int flags)
{
	struct filename *f = kmem_cache_alloc(names_cache, GFP_KERNEL);
	long len;

	if (!f)
		return ERR_PTR(-ENOMEM);
	f->name = (char *)(f + 1);
	len = strncpy_from_user(f->name, name, PATH_MAX);
	if (len < 0 || len >= PATH_MAX || (!len && !(flags & LOOKUP_EMPTY))) {
		kmem_cache_free(names_cache, f);
		return ERR_PTR(len < 0 ? len : len ? -ENAMETOOLONG : -ENOENT);
	}
	return f;
}

struct filename *getname(const char __user *name)
{
	return getname_flags(name, 0);
}

void putname(struct filename *name)
{
	if (!IS_ERR_OR_NULL(name))
		kmem_cache_free(names_cache, name);
}

int generic_permission(struct inode *inode, int mask)
{
	umode_t mode = inode->i_mode;

	mask &= MAY_READ | MAY_WRITE | MAY_EXEC;
	if (current_fsuid() == inode->i_uid)
		mode >>= 6;
	else if (in_group_p(inode->i_gid))
		mode >>= 3;
	if (!(mask & ~mode))
		return 0;
	if (current_fsuid() == 0) {
		if (S_ISDIR(inode->i_mode) || !(mask & MAY_EXEC) || (inode->i_mode & 0111))
			return 0;
	}
	return -EACCES;
}

int inode_permission(struct inode *inode, int mask)
{
	if ((mask & MAY_WRITE) && (inode->i_sb->s_flags & SB_RDONLY) &&
	    (S_ISREG(inode->i_mode) || S_ISDIR(inode->i_mode) || S_ISLNK(inode->i_mode)))
		return -EROFS;
	if (inode->i_op && inode->i_op->permission)
		return inode->i_op->permission(inode, mask);
	return generic_permission(inode, mask);
}

/* Steps up to the parent, through mount roots, but never above the task's root. */
static void follow_dotdot(struct nameidata *nd)
{
	struct path *p = &nd->path;

	while (p->dentry != nd->root.dentry || p->mnt != nd->root.mnt) {
		struct path up;

		if (p->dentry != p->mnt->mnt_root) {
			struct dentry *parent = dget_parent(p->dentry);

			dput(p->dentry);
			p->dentry = parent;
			break;
		}
		if (p->mnt->mnt_parent == p->mnt)
			break;
		mount_lock_read();
		up.mnt = mntget(p->mnt->mnt_parent);
		up.dentry = dget(p->mnt->mnt_mountpoint);
		mount_unlock_read();
		path_put(p);
		*p = up;
	}
	follow_mount(p);
}

/* Asks the file system. => dir's i_rwsem not held; returns a referenced dentry or ERR_PTR */
static struct dentry *lookup_slow(struct dentry *dir, const struct qstr *name)
{
	struct inode *inode = d_inode(dir);
	struct dentry *dentry;

	/* For writing: two look-ups of one name must not make two dentries. */
	down_write(&inode->i_rwsem);
	dentry = __lookup_hash(name, dir, 0);
	up_write(&inode->i_rwsem);
	return dentry;
}

static struct dentry *d_lookup_valid(struct dentry *dir, const struct qstr *name)
{
	struct dentry *dentry = d_lookup(dir, name);

	if (dentry && unlikely(dentry->d_op && dentry->d_op->d_revalidate) &&
	    !dentry->d_op->d_revalidate(dentry)) {
		d_drop(dentry);
		dput(dentry);
		return NULL;
	}
	return dentry;
}

struct dentry *__lookup_hash(const struct qstr *name, struct dentry *dir, unsigned int flags)
{
	struct inode *inode = d_inode(dir);
	struct dentry *dentry = d_lookup_valid(dir, name), *old;

	if (dentry)
		return dentry;
	if (name->len > NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	dentry = d_alloc(dir, name);
	if (!dentry)
		return ERR_PTR(-ENOMEM);
	old = inode->i_op->lookup(inode, dentry, flags);
	if (old) {
		dput(dentry);
		dentry = old;
	}
	return dentry;
}

static void nd_jump_root(struct nameidata *nd)
{
	path_put(&nd->path);
	nd->path = nd->root;
	path_get(&nd->path);
}

/* Puts the text of a link in front of the rest of the walk. Consumes dentry. */
static int push_link(struct nameidata *nd, struct dentry *dentry, const char **name)
{
	struct inode *inode = d_inode(dentry);
	struct saved_name *s;
	const char *text;
	char *buf = NULL;
	int err = 0;

	if (nd->total_links++ >= MAXSYMLINKS) {
		dput(dentry);
		return -ELOOP;
	}
	if (inode->i_op->jump_link) {
		struct path path;

		err = inode->i_op->jump_link(dentry, inode, &path);
		dput(dentry);
		if (!err) {
			path_put(&nd->path);
			nd->path = path;
		}
		return err;
	}
	text = inode->i_op->get_link(dentry, inode, &buf);
	if (IS_ERR(text)) {
		dput(dentry);
		return PTR_ERR(text);
	}
	s = &nd->stack[nd->depth++];
	s->rest = *name;
	s->buf = buf;
	s->dentry = dentry;
	if (!*text)
		return -ENOENT;
	if (*text == '/') {
		nd_jump_root(nd);
	}
	*name = text;
	return 0;
}

static void pop_link(struct nameidata *nd, const char **name)
{
	struct saved_name *s = &nd->stack[--nd->depth];

	*name = s->rest;
	kfree(s->buf);
	dput(s->dentry);
}

/* One component that is neither "." nor "..": 0, or an error. follow: a link here is walked. */
static int walk_component(struct nameidata *nd, const struct qstr *q, bool follow,
			  const char **name)
{
	struct dentry *dir = nd->path.dentry;
	struct dentry *dentry = d_lookup_valid(dir, q);
	struct inode *inode;

	if (!dentry) {
		dentry = lookup_slow(dir, q);
		if (IS_ERR(dentry))
			return PTR_ERR(dentry);
	}
	inode = d_inode(dentry);
	if (!inode) {
		dput(dentry);
		return -ENOENT;
	}
	if (unlikely(S_ISLNK(inode->i_mode)) && follow)
		return push_link(nd, dentry, name);
	dput(dir);
	nd->path.dentry = dentry;
	if (unlikely(dentry->d_flags & DCACHE_MOUNTED))
		follow_mount(&nd->path);
	return 0;
}

static const char *skip_slashes(const char *name)
{
	while (*name == '/')
		name++;
	return name;
}

/* Takes the next component off *name. */
static void next_component(const char **name, struct qstr *q)
{
	const char *s = *name;

	q->name = s;
	while (*s && *s != '/')
		s++;
	q->len = s - q->name;
	*name = s;
}

static int may_search(struct nameidata *nd)
{
	struct inode *inode = d_inode(nd->path.dentry);

	if (!S_ISDIR(inode->i_mode) || !inode->i_op || !inode->i_op->lookup)
		return -ENOTDIR;
	return inode_permission(inode, MAY_EXEC);
}

static bool is_dot(const struct qstr *q)
{
	return q->name[0] == '.' && q->len == 1;
}

static bool is_dotdot(const struct qstr *q)
{
	return q->name[0] == '.' && q->name[1] == '.' && q->len == 2;
}

/* Do all links on the stack end where they were met? */
static bool nothing_left(const struct nameidata *nd)
{
	int i;

	for (i = 0; i < nd->depth; i++)
		if (*nd->stack[i].rest)
			return false;
	return true;
}

static int walk_one(struct nameidata *nd, const char **name, bool *done)
{
	bool last, trailing;
	struct qstr q;
	int err = may_search(nd);

	if (err)
		return err;
	next_component(name, &q);
	trailing = **name == '/';
	*name = skip_slashes(*name);
	last = !**name && nothing_left(nd);
	if (last && (nd->flags & LOOKUP_PARENT)) {
		nd->last = q;
		nd->last_type = is_dot(&q) ? LAST_DOT : is_dotdot(&q) ? LAST_DOTDOT : LAST_NORM;
		nd->trailing_slash = trailing;
		*done = true;
		return 0;
	}
	if (last && trailing)
		nd->flags |= LOOKUP_FOLLOW | LOOKUP_DIRECTORY;
	if (is_dot(&q))
		return 0;
	if (is_dotdot(&q)) {
		follow_dotdot(nd);
		return 0;
	}
	/* Of the last component under LOOKUP_PARENT __lookup_hash says it, when all parents are known to exist. */
	if (q.len > NAME_MAX)
		return -ENAMETOOLONG;
	return walk_component(nd, &q, !last || (nd->flags & LOOKUP_FOLLOW), name);
}

/*
 * Walks name from nd->path. A link that ends the name under LOOKUP_PARENT is not followed: it is the last
 * component.
 */
static int link_path_walk(struct nameidata *nd, const char *name)
{
	bool done = false;
	int err = 0;

	name = skip_slashes(name);
	while (!err && !done) {
		name = skip_slashes(name);
		if (*name) {
			err = walk_one(nd, &name, &done);
			continue;
		}
		if (!nd->depth)
			break;
		pop_link(nd, &name);
	}
	/* The last component's text may lie in a link's buffer: it is kept until terminate_walk. */
	if (!err && !done && (nd->flags & LOOKUP_PARENT))
		nd->last_type = LAST_ROOT;
	return err;
}

static int path_init(struct nameidata *nd, int dfd, const char *name)
{
	struct fs_struct *fs = current->fs ? current->fs : &init_fs;

	get_fs_root(fs, &nd->root);
	if (*name == '/') {
		nd->path = nd->root;
		path_get(&nd->path);
	} else if (dfd == AT_FDCWD) {
		get_fs_pwd(fs, &nd->path);
	} else {
		struct fd f = fdget_raw(dfd);

		if (!f.file)
			return -EBADF;
		if (*name && !S_ISDIR(file_inode(f.file)->i_mode)) {
			fdput(f);
			return -ENOTDIR;
		}
		nd->path = f.file->f_path;
		path_get(&nd->path);
		fdput(f);
	}
	return 0;
}

int path_walk(struct nameidata *nd, int dfd, const char *name, unsigned int flags)
{
	int err;

	nd->flags = flags;
	nd->depth = nd->total_links = 0;
	nd->last_type = LAST_NORM;
	nd->path.mnt = NULL;
	nd->path.dentry = NULL;
	if (!*name && !(flags & LOOKUP_EMPTY)) {
		nd->root.mnt = NULL;
		return -ENOENT;
	}
	err = path_init(nd, dfd, name);
	if (!err)
		err = link_path_walk(nd, name);
	if (!err && (nd->flags & LOOKUP_DIRECTORY) && !(nd->flags & LOOKUP_PARENT) &&
	    !S_ISDIR(d_inode(nd->path.dentry)->i_mode))
		err = -ENOTDIR;
	return err;
}

/* Continues a LOOKUP_PARENT walk through the link that its last component turned out to be. Consumes link. */
int path_follow_last(struct nameidata *nd, struct dentry *link)
{
	bool magic = d_inode(link)->i_op->jump_link;
	const char *name = "";
	int err;

	err = push_link(nd, link, &name);
	if (err || !magic)
		return err ? err : link_path_walk(nd, name);
	nd->last_type = LAST_BIND;
	return 0;
}

void terminate_walk(struct nameidata *nd)
{
	const char *unused;

	while (nd->depth)
		pop_link(nd, &unused);
	if (nd->path.mnt)
		path_put(&nd->path);
	if (nd->root.mnt)
		path_put(&nd->root);
}

int filename_lookup(int dfd, const char *name, unsigned int flags, struct path *path)
{
	struct nameidata nd;
	int err = path_walk(&nd, dfd, name, flags);

	if (!err) {
		*path = nd.path;
		path_get(path);
	}
	terminate_walk(&nd);
	return err;
}

int kern_path(const char *name, unsigned int flags, struct path *path)
{
	return filename_lookup(AT_FDCWD, name, flags, path);
}

int user_path_at(int dfd, const char __user *name, unsigned int flags, struct path *path)
{
	struct filename *f = getname_flags(name, flags);
	int err;

	if (IS_ERR(f))
		return PTR_ERR(f);
	err = filename_lookup(dfd, f->name, flags, path);
	putname(f);
	return err;
}
