/*
 * The initramfs: a newc cpio archive, unpacked into the root at boot.
 *
 * Every number in the archive is checked against what is left of it before it is used; the first thing
 * that cannot be true stops the unpacking with one line that says where. Hard links share their inode by
 * (inode number, device) of the archive; a hash table finds the first name, made when the first link comes.
 *
 * Format: cpio(5), "New ASCII Format". Mirrors Linux init/initramfs.c. Exercised by tests/boot.
 */
#include "boot/bootinfo.h"
#include "kernel/bug.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/internal.h"
#include "kernel/printk.h"
#include "lib/hash.h"
#include "lib/list.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/cache/pagemap.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"

#define CPIO_HEADER  110
#define CPIO_FIELDS  13
#define LINK_BITS    11
#define LINK_BUCKETS (1 << LINK_BITS)

enum {
	C_INO,
	C_MODE,
	C_UID,
	C_GID,
	C_NLINK,
	C_MTIME,
	C_FILESIZE,
	C_MAJ,
	C_MIN,
	C_RMAJ,
	C_RMIN,
	C_NAMESIZE,
	C_CHECK
};

struct cpio {
	const char *data;
	size_t size, pos;
	const char *error;
	struct hlist_head *links; /* LINK_BUCKETS, or NULL */
};

struct hardlink {
	struct hlist_node node;
	u32 ino, maj, min;
	char *name;
};

struct cpio_entry {
	u32 f[CPIO_FIELDS];
	const char *name, *body;
};

static bool parse_hex8(const char *s, u32 *out)
{
	u32 v = 0;
	int i;

	for (i = 0; i < 8; i++) {
		char c = s[i] | 0x20;

		if (s[i] >= '0' && s[i] <= '9')
			v = v << 4 | (s[i] - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (c - 'a' + 10);
		else
			return false;
	}
	*out = v;
	return true;
}

static bool bad(struct cpio *c, const char *why)
{
	c->error = why;
	return false;
}

/* The next entry, or false: at the trailer, or with c->error set. */
static bool next_entry(struct cpio *c, struct cpio_entry *e)
{
	const char *h = c->data + c->pos;
	size_t name_end, body_end;
	int i;

	if (c->size - c->pos < CPIO_HEADER)
		return bad(c, "archive is truncated");
	if (memcmp(h, "070701", 6) && memcmp(h, "070702", 6))
		return bad(c, "bad cpio magic");
	for (i = 0; i < CPIO_FIELDS; i++) {
		if (!parse_hex8(h + 6 + 8 * i, &e->f[i]))
			return bad(c, "bad cpio header");
	}
	if (!e->f[C_NAMESIZE] || e->f[C_NAMESIZE] > PATH_MAX)
		return bad(c, "bad length of a name in the cpio archive");
	name_end = c->pos + CPIO_HEADER + e->f[C_NAMESIZE];
	if (name_end > c->size)
		return bad(c, "archive is truncated in a name");
	e->name = h + CPIO_HEADER;
	if (e->name[e->f[C_NAMESIZE] - 1])
		return bad(c, "a name in the cpio archive does not end");
	name_end = ALIGN(name_end, 4);
	body_end = name_end + e->f[C_FILESIZE];
	if (name_end > c->size || e->f[C_FILESIZE] > c->size - name_end)
		return bad(c, "archive is truncated in a file");
	e->body = c->data + name_end;
	c->pos = min(ALIGN(body_end, 4), c->size);
	return strcmp(e->name, "TRAILER!!!") != 0;
}

/* The earlier name of the same file, or NULL (then this name is remembered). */
static const char *find_link(struct cpio *c, const struct cpio_entry *e)
{
	struct hlist_head *bucket;
	struct hardlink *l;

	if (!c->links)
		c->links = kcalloc(LINK_BUCKETS, sizeof(*c->links), GFP_KERNEL);
	if (!c->links)
		return NULL;
	bucket = &c->links[hash_32(e->f[C_INO] ^ e->f[C_MAJ] << 20 ^ e->f[C_MIN] << 12, LINK_BITS)];
	hlist_for_each_entry(l, bucket, node) {
		if (l->ino == e->f[C_INO] && l->maj == e->f[C_MAJ] && l->min == e->f[C_MIN])
			return l->name;
	}
	l = kmalloc(sizeof(*l), GFP_KERNEL);
	if (!l)
		return NULL;
	l->ino = e->f[C_INO];
	l->maj = e->f[C_MAJ];
	l->min = e->f[C_MIN];
	l->name = kstrdup(e->name, GFP_KERNEL);
	if (!l->name)
		kfree(l);
	else
		hlist_add_head(&l->node, bucket);
	return NULL;
}

static int write_body(const struct cpio_entry *e, int flags)
{
	struct file *file = filp_open(e->name, O_WRONLY | O_CREAT | flags, e->f[C_MODE] & 07777);
	loff_t pos = 0;
	ssize_t n;

	if (IS_ERR(file))
		return PTR_ERR(file);
	n = kernel_write(file, e->body, e->f[C_FILESIZE], &pos);
	fput(file);
	return n < 0 ? n : (u32)n != e->f[C_FILESIZE] ? -ENOSPC : 0;
}

static int make_link(const char *old, const char *new)
{
	struct path from, parent;
	struct dentry *dentry;
	int err = kern_path(old, 0, &from);

	if (err)
		return err;
	dentry = kern_path_create(AT_FDCWD, new, &parent, 0);
	err = PTR_ERR_OR_ZERO(dentry);
	if (!err) {
		err = vfs_link(from.dentry, d_inode(parent.dentry), dentry);
		done_path_create(&parent, dentry);
	}
	path_put(&from);
	return err;
}

static int make_regular(struct cpio *c, const struct cpio_entry *e)
{
	const char *old = e->f[C_NLINK] > 1 ? find_link(c, e) : NULL;
	int err;

	if (!old)
		return write_body(e, O_TRUNC);
	err = make_link(old, e->name);
	/* The body comes with the last name of the file. */
	return err || !e->f[C_FILESIZE] ? err : write_body(e, O_TRUNC);
}

static int make_node(const struct cpio_entry *e)
{
	umode_t mode = e->f[C_MODE];
	struct path parent;
	struct dentry *dentry;
	struct inode *dir;
	char *target;
	int err;

	dentry = kern_path_create(AT_FDCWD, e->name, &parent, S_ISDIR(mode) ? LOOKUP_DIRECTORY : 0);
	if (IS_ERR(dentry))
		return PTR_ERR(dentry) == -EEXIST && S_ISDIR(mode) ? 0 : PTR_ERR(dentry);
	dir = d_inode(parent.dentry);
	if (S_ISDIR(mode)) {
		err = vfs_mkdir(dir, dentry, mode);
	} else if (S_ISLNK(mode)) {
		if (!e->f[C_FILESIZE] || e->f[C_FILESIZE] >= PATH_MAX) {
			err = -ENAMETOOLONG;
		} else {
			target = kmemdup_nul(e->body, e->f[C_FILESIZE], GFP_KERNEL);
			err = target ? vfs_symlink(dir, dentry, target) : -ENOMEM;
			kfree(target);
		}
	} else {
		err = vfs_mknod(dir, dentry, mode, MKDEV(e->f[C_RMAJ], e->f[C_RMIN]));
	}
	done_path_create(&parent, dentry);
	return err;
}

/* Owner, exact mode and time, which creation did not set. */
static int set_attributes(const struct cpio_entry *e)
{
	struct path path;
	struct inode *inode;
	int err = kern_path(e->name, 0, &path);

	if (err)
		return err;
	inode = d_inode(path.dentry);
	inode->i_uid = e->f[C_UID];
	inode->i_gid = e->f[C_GID];
	if (!S_ISLNK(inode->i_mode))
		inode->i_mode = (inode->i_mode & S_IFMT) | (e->f[C_MODE] & 07777);
	inode->i_atime = inode->i_mtime = (struct timespec64){ .tv_sec = e->f[C_MTIME] };
	path_put(&path);
	return 0;
}

static int unpack_entry(struct cpio *c, const struct cpio_entry *e)
{
	int err;

	if (!*e->name || !strcmp(e->name, "."))
		return 0;
	if (S_ISREG(e->f[C_MODE]))
		err = make_regular(c, e);
	else
		err = make_node(e);
	return err ? err : set_attributes(e);
}

static int unpack(struct cpio *c)
{
	struct cpio_entry e;
	int files = 0, err;

	while (next_entry(c, &e)) {
		err = unpack_entry(c, &e);
		if (err == -ENOSPC || err == -ENOMEM) {
			pr_err("initramfs: no memory left for %s: give the machine more (MEM=)\n",
			       e.name);
			return err;
		}
		if (err)
			pr_warn("initramfs: %s: error %d\n", e.name, err);
		files++;
	}
	if (c->error) {
		pr_err("initramfs: corrupt cpio archive at byte %zu: %s; make it anew (make iso)\n",
		       c->pos, c->error);
		return -EINVAL;
	}
	return files;
}

static void free_links(struct cpio *c)
{
	struct hlist_node *n;
	struct hardlink *l;

	for (int i = 0; c->links && i < LINK_BUCKETS; i++) {
		hlist_for_each_entry_safe(l, n, &c->links[i], node) {
			kfree(l->name);
			kfree(l);
		}
	}
	kfree(c->links);
}

int populate_rootfs(void)
{
	const struct boot_module *mod = boot_info.nr_modules ? &boot_info.modules[0] : NULL;
	struct cpio c = { 0 };
	int ret;

	if (!mod)
		return -ENOENT;
	c.data = __va(mod->start);
	c.size = mod->end - mod->start;
	if (!c.size)
		return -ENOMEM; /* it lay outside of the memory we may use */
	ret = unpack(&c);
	free_links(&c);
	if (ret >= 0) {
		pr_info("Unpacked initramfs: %d files, %zuK\n", ret, c.size >> 10);
		free_reserved_area((void *)PAGE_ALIGN(c.data),
				   (void *)((unsigned long)(c.data + c.size) & PAGE_MASK), -1,
				   "initrd");
		ret = 0;
	}
	return ret;
}
