/*
 * /proc/PID/mounts and mountinfo: the tree of mounts, in mount order, as the reader sees it.
 *
 * There is one name space, so every process has the same list; paths are told from the reader's
 * root.
 *
 * Locks: namespace_sem for reading while a buffer is filled. Mirrors Linux fs/proc_namespace.c.
 * Exercised by tests/user/procfs.c.
 */
#include "kernel/fs/proc/proc.h"
#include "lib/string.h"

#define ESCAPED " \t\n\\#"

static void *mounts_start(struct seq_file *m, loff_t *pos)
{
	struct mount *mnt;
	loff_t n = *pos;

	down_read(&namespace_sem);
	list_for_each_entry(mnt, &mount_list, mnt_list) {
		if (!n--)
			return mnt;
	}
	return NULL;
}

static void *mounts_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct mount *mnt = v;

	++*pos;
	return list_is_last(&mnt->mnt_list, &mount_list) ? NULL : list_next_entry(mnt, mnt_list);
}

static void mounts_stop(struct seq_file *m, void *v)
{
	up_read(&namespace_sem);
}

static void show_mnt_flags(struct seq_file *m, const struct mount *mnt)
{
	seq_puts(m, mnt->mnt_flags & MS_RDONLY ? "ro" : "rw");
	if (mnt->mnt_flags & MS_NOSUID)
		seq_puts(m, ",nosuid");
	if (mnt->mnt_flags & MS_NODEV)
		seq_puts(m, ",nodev");
	if (mnt->mnt_flags & MS_NOEXEC)
		seq_puts(m, ",noexec");
	if (mnt->mnt_flags & MS_NOATIME)
		seq_puts(m, ",noatime");
}

static int show_sb_options(struct seq_file *m, const struct mount *mnt)
{
	const struct super_operations *op = mnt->mnt_sb->s_op;

	return op->show_options ? op->show_options(m, mnt->mnt_root) : 0;
}

static int mounts_show(struct seq_file *m, void *v)
{
	struct mount *mnt = v;
	const struct path path = { .mnt = mnt, .dentry = mnt->mnt_root };
	int err;

	seq_escape(m, mnt->mnt_devname, ESCAPED);
	seq_putc(m, ' ');
	seq_path(m, &path, ESCAPED);
	seq_printf(m, " %s ", mnt->mnt_sb->s_type->name);
	if (mnt_is_readonly(mnt) && !(mnt->mnt_flags & MS_RDONLY)) {
		seq_puts(m, "ro");
	} else {
		show_mnt_flags(m, mnt);
	}
	err = show_sb_options(m, mnt);
	seq_puts(m, " 0 0\n");
	return err;
}

/* Where the mount's root lies inside its file system: not "/" for a bind mount of a part. */
static void show_mnt_root(struct seq_file *m, struct mount *mnt)
{
	struct dentry *d = mnt->mnt_root, *parts[32];
	unsigned int n = 0;

	for (; d->d_parent != d && n < ARRAY_SIZE(parts); d = d->d_parent)
		parts[n++] = d;
	if (!n)
		seq_putc(m, '/');
	while (n) {
		seq_putc(m, '/');
		seq_escape(m, parts[--n]->d_name.name, ESCAPED);
	}
}

static int mountinfo_show(struct seq_file *m, void *v)
{
	struct mount *mnt = v;
	const struct path path = { .mnt = mnt, .dentry = mnt->mnt_root };
	struct super_block *sb = mnt->mnt_sb;
	int err;

	seq_printf(m, "%d %d %u:%u ", mnt->mnt_id, mnt->mnt_parent->mnt_id, MAJOR(sb->s_dev),
		   MINOR(sb->s_dev));
	show_mnt_root(m, mnt);
	seq_putc(m, ' ');
	seq_path(m, &path, ESCAPED);
	seq_putc(m, ' ');
	show_mnt_flags(m, mnt);
	seq_printf(m, " - %s ", sb->s_type->name);
	seq_escape(m, mnt->mnt_devname, ESCAPED);
	seq_puts(m, sb->s_flags & SB_RDONLY ? " ro" : " rw");
	err = show_sb_options(m, mnt);
	seq_putc(m, '\n');
	return err;
}

static const struct seq_operations mounts_ops = {
	.start = mounts_start,
	.next = mounts_next,
	.stop = mounts_stop,
	.show = mounts_show,
};

static const struct seq_operations mountinfo_ops = {
	.start = mounts_start,
	.next = mounts_next,
	.stop = mounts_stop,
	.show = mountinfo_show,
};

static int mounts_open(struct inode *inode, struct file *file)
{
	return seq_open(file, &mounts_ops);
}

static int mountinfo_open(struct inode *inode, struct file *file)
{
	return seq_open(file, &mountinfo_ops);
}

const struct file_operations proc_mounts_fops = {
	.open = mounts_open,
	.read = seq_read,
	.read_kernel = seq_read_kernel,
	.llseek = seq_lseek,
	.release = seq_release,
};

const struct file_operations proc_mountinfo_fops = {
	.open = mountinfo_open,
	.read = seq_read,
	.read_kernel = seq_read_kernel,
	.llseek = seq_lseek,
	.release = seq_release,
};
