/*
 * kernfs: a tree of small files in kernel memory, which sysfs and debugfs are made of.
 *
 * Nodes are made by the rooms that own the numbers and stay; each look-up makes a fresh inode
 * that points at its node, so an unused tree costs its nodes only.
 *
 * Mirrors Linux include/linux/kernfs.h. Exercised by tests/user/sysfs.c.
 */
#pragma once

#include "kernel/fs/fs.h"

struct kernfs_node {
	const char *name;	    /* - own copy */
	umode_t mode;		    /* - type and permissions */
	u32 hash;		    /* - of name: a directory may have hundreds of nodes */
	struct kernfs_node *parent; /* - itself for a root */
	struct list_head children;  /* kernfs_mutex for writing, only ever added to; RCU readers */
	struct list_head sibling;
	const struct file_operations *fops; /* - files */
	const struct kernfs_node *target;   /* - links: the node they lead to */
	void *priv;			    /* - what fops work on */
	/* Makes the children when somebody first looks for them; NULL: done, or nothing to do. */
	void (*populate)(struct kernfs_node *dir); /* populate_mutex */
	/* The same, but each time. */
	void (*refresh)(struct kernfs_node *dir); /* - */
	bool hidden; /* populate_mutex; a child that is not there at present */
	u64 ino;     /* - */
};

struct kernfs_root {
	struct kernfs_node kn;
	unsigned long magic;
	struct super_block *sb; /* the one instance; made by the first mount */
};

#define KERNFS_ROOT(root, magic_)                                         \
	{                                                                 \
		.kn = { .name = "",                                       \
			.mode = S_IFDIR | 0755,                           \
			.parent = &(root).kn,                             \
			.ino = 1,                                         \
			.children = LIST_HEAD_INIT((root).kn.children) }, \
		.magic = (magic_)                                         \
	}

/*
 * A node below parent. mode has the type: S_IFDIR, S_IFREG (fops, priv), S_IFLNK (target).
 * ERR_PTR(-EEXIST, -ENOMEM). => may sleep
 */
struct kernfs_node *kernfs_create_dir(struct kernfs_node *parent, const char *name, umode_t mode);
struct kernfs_node *kernfs_create_file(struct kernfs_node *parent, const char *name, umode_t mode,
				       const struct file_operations *fops, void *priv);
struct kernfs_node *kernfs_create_link(struct kernfs_node *parent, const char *name,
				       const struct kernfs_node *target);
/*
 * The rest of dir's children is made by populate, when a look-up or a reader first comes: a large directory that nobody
 * reads costs boot nothing. populate runs once, may sleep, and may add to other directories.
 */
void kernfs_set_populate(struct kernfs_node *dir, void (*populate)(struct kernfs_node *dir));
/*
 * refresh makes dir's children what they must be now, whenever somebody looks for one or lists them: it adds, and hides and shows
 * what is there. A file whose node was found before it was hidden stays readable: its show says -ENODEV.
 */
void kernfs_set_refresh(struct kernfs_node *dir, void (*refresh)(struct kernfs_node *dir));
/* For refresh: the child of this name, hidden or not; NULL. */
struct kernfs_node *kernfs_find(struct kernfs_node *dir, const char *name);
/* For refresh: is the node there at present? A link may change its target with it (else NULL). */
void kernfs_show(struct kernfs_node *kn, bool show, const struct kernfs_node *target);
static inline struct kernfs_node *kernfs_of(const struct inode *inode)
{
	return inode->i_private;
}
/* The instance of the tree, made at the first call. ERR_PTR. For file_system_type.mount. */
struct super_block *kernfs_get_super(struct kernfs_root *root, struct file_system_type *type);
