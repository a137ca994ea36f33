/*
 * shmctl, /proc/sysvipc/shm, and the limits in /proc/sys/kernel.
 *
 * Texts and records are made under shm_lock and go to user memory after it.
 *
 * Lock: shm_lock. Mirrors Linux ipc/{shm,util,ipc_sysctl}.c. Exercised by tests/user/sysvshm.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/ipc/shm.h"
#include "kernel/rlimit.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "lib/string.h"

/* ---- what programs read ---- */

struct ipc64_perm {
	int key;
	u32 uid, gid, cuid, cgid, mode;
	u16 seq, __pad2;
	unsigned long __unused1, __unused2;
};

struct shmid64_ds {
	struct ipc64_perm shm_perm;
	size_t shm_segsz;
	long shm_atime, shm_dtime, shm_ctime;
	int shm_cpid, shm_lpid;
	unsigned long shm_nattch, __unused4, __unused5;
};
BUILD_BUG_ON(sizeof(struct shmid64_ds) != 112);

struct shminfo64 {
	unsigned long shmmax, shmmin, shmmni, shmseg, shmall, reserved[4];
};

struct shm_info {
	int used_ids;
	unsigned long shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};

static void fill_stat(struct shmid64_ds *d, const struct shm_segment *s)
{
	memset(d, 0, sizeof(*d));
	d->shm_perm = (struct ipc64_perm){ .key = s->key,
					   .uid = s->uid,
					   .gid = s->gid,
					   .cuid = s->cuid,
					   .cgid = s->cgid,
					   .mode = s->mode,
					   .seq = s->id >> IPC_INDEX_BITS };
	d->shm_segsz = s->size;
	d->shm_atime = s->atime;
	d->shm_dtime = s->dtime;
	d->shm_ctime = s->ctime;
	d->shm_cpid = s->cpid;
	d->shm_lpid = s->lpid;
	d->shm_nattch = s->nattch;
}

static unsigned long resident(const struct shm_segment *s)
{
	return READ_ONCE(file_inode(s->file)->i_mapping->nrpages);
}

/* The highest index in use, 0 if none is. => shm_lock held */
static long highest_index(void)
{
	struct shm_segment *s;
	unsigned long i, highest = 0;

	xa_for_each(&shm_segments, i, s)
		highest = i;
	return highest;
}

/* ---- the commands ---- */

static long ctl_ipc_info(void __user *buf)
{
	struct shminfo64 info = { 0 };
	long ret;

	mutex_lock(&shm_lock);
	info.shmmax = shm_ctlmax;
	info.shmmin = 1;
	info.shmmni = info.shmseg = shm_ctlmni;
	info.shmall = shm_ctlall;
	ret = highest_index();
	mutex_unlock(&shm_lock);
	return copy_to_user(buf, &info, sizeof(info)) ? -EFAULT : ret;
}

static long ctl_shm_info(void __user *buf)
{
	struct shm_info info;
	struct shm_segment *s;
	unsigned long i;
	long ret;

	memset(&info, 0, sizeof(info));
	mutex_lock(&shm_lock);
	xa_for_each(&shm_segments, i, s) {
		info.used_ids++;
		info.shm_rss += resident(s);
	}
	info.shm_tot = shm_total;
	ret = highest_index();
	mutex_unlock(&shm_lock);
	return copy_to_user(buf, &info, sizeof(info)) ? -EFAULT : ret;
}

/* IPC_STAT takes an id, the others an index, and answer the id. */
static long ctl_stat(int id, int cmd, void __user *buf)
{
	struct shmid64_ds d;
	struct shm_segment *s;
	long ret = -EINVAL;

	mutex_lock(&shm_lock);
	s = cmd == IPC_STAT ? shm_find(id) : id < IPC_MNI ? xa_load(&shm_segments, id) : NULL;
	if (s) {
		ret = cmd == IPC_STAT ? 0 : s->id;
		if (cmd != SHM_STAT_ANY && !shm_permitted(s, 0444))
			ret = -EACCES;
		fill_stat(&d, s);
	}
	mutex_unlock(&shm_lock);
	if (ret < 0)
		return ret;
	return copy_to_user(buf, &d, sizeof(d)) ? -EFAULT : ret;
}

static bool is_owner(const struct shm_segment *s)
{
	return current_euid() == s->cuid || current_euid() == s->uid || capable(CAP_SYS_ADMIN);
}

static long ctl_set(int id, const void __user *buf)
{
	struct shmid64_ds d;
	struct shm_segment *s;

	if (copy_from_user(&d, buf, sizeof(d)))
		return -EFAULT;
	guard(mutex)(&shm_lock);
	s = shm_find(id);
	if (!s)
		return -EINVAL;
	if (!is_owner(s))
		return -EPERM;
	if (d.shm_perm.uid == (u32)-1 || d.shm_perm.gid == (u32)-1)
		return -EINVAL;
	s->uid = d.shm_perm.uid;
	s->gid = d.shm_perm.gid;
	s->mode = (s->mode & ~0777) | (d.shm_perm.mode & 0777);
	s->ctime = ktime_get_real_seconds();
	return 0;
}

static long ctl_remove(int id)
{
	struct shm_segment *s;
	long ret = 0;

	mutex_lock(&shm_lock);
	s = shm_find(id);
	if (!s || !is_owner(s)) {
		ret = s ? -EPERM : -EINVAL;
		s = NULL;
	} else if (s->nattch) {
		s->mode |= SHM_DEST;
		s->key = IPC_PRIVATE;
		s = NULL;
	} else {
		shm_unlink(s);
	}
	mutex_unlock(&shm_lock);
	if (s)
		shm_free(s);
	return ret;
}

/* May current's user lock a segment of that size, with what is locked by the same user already? => shm_lock held */
static bool may_lock_more(size_t size)
{
	unsigned long i, pages = PFN_UP(size), limit = rlimit(RLIMIT_MEMLOCK);
	struct shm_segment *s;

	if (limit == RLIM_INFINITY || capable(CAP_IPC_LOCK))
		return true;
	xa_for_each(&shm_segments, i, s)
		if ((s->mode & SHM_LOCKED) && s->locker == current_uid())
			pages += PFN_UP(s->size);
	return pages <= limit >> PAGE_SHIFT;
}

/* The pages of shmem files cannot be given up as long as there is no swap: the lock is only counted. */
static long ctl_lock(int id, bool lock)
{
	struct shm_segment *s;

	guard(mutex)(&shm_lock);
	s = shm_find(id);
	if (!s)
		return -EINVAL;
	if (!capable(CAP_IPC_LOCK)) {
		if (current_euid() != s->uid && current_euid() != s->cuid)
			return -EPERM;
		if (lock && !rlimit(RLIMIT_MEMLOCK))
			return -EPERM;
	}
	if (lock && !(s->mode & SHM_LOCKED)) {
		if (!may_lock_more(s->size))
			return -ENOMEM;
		s->mode |= SHM_LOCKED;
		s->locker = current_uid();
	} else if (!lock) {
		s->mode &= ~SHM_LOCKED;
	}
	return 0;
}

static long sys_shmctl(int id, int cmd, void __user *buf)
{
	if (cmd < 0 || id < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
		return ctl_ipc_info(buf);
	case SHM_INFO:
		return ctl_shm_info(buf);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		return ctl_stat(id, cmd, buf);
	case IPC_SET:
		return ctl_set(id, buf);
	case IPC_RMID:
		return ctl_remove(id);
	case SHM_LOCK:
	case SHM_UNLOCK:
		return ctl_lock(id, cmd == SHM_LOCK);
	}
	return -EINVAL;
}
SYSCALL(31, shmctl);

/* ---- /proc ---- */

static int sysvipc_show(struct seq_file *m, void *v)
{
	struct shm_segment *s;
	unsigned long i;

	seq_printf(m, "%10s %10s %s %21s %5s %5s %s %5s %5s %5s %5s %10s %10s %10s %21s %21s\n",
		   "key", "shmid", "perms", "size", "cpid", "lpid", "nattch", "uid", "gid", "cuid",
		   "cgid", "atime", "dtime", "ctime", "rss", "swap");
	guard(mutex)(&shm_lock);
	xa_for_each(&shm_segments, i, s)
		seq_printf(m,
			   "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10llu %10llu "
			   "%10llu %21lu %21lu\n",
			   s->key, s->id, s->mode, s->size, s->cpid, s->lpid, s->nattch, s->uid,
			   s->gid, s->cuid, s->cgid, (u64)s->atime, (u64)s->dtime, (u64)s->ctime,
			   resident(s) << PAGE_SHIFT, 0UL);
	return 0;
}

static int limit_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%lu\n", READ_ONCE(*(unsigned long *)m->private));
	return 0;
}

static int limit_open(struct inode *inode, struct file *file)
{
	return single_open(file, limit_show, pde_data(inode));
}

static ssize_t limit_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	unsigned long value;
	char text[32];
	int err;

	if (!count || count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = 0;
	err = kstrtoul(strim(text), 0, &value);
	if (err)
		return err;
	WRITE_ONCE(*(unsigned long *)pde_data(file_inode(file)), value);
	return count;
}

static const struct file_operations limit_fops = {
	.open = limit_open,
	.read = seq_read,
	.write = limit_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int shm_proc_init(void)
{
	struct proc_dir_entry *kernel = proc_sys_dir("kernel"), *dir = proc_mkdir("sysvipc", NULL);

	if (!kernel || !dir)
		return -ENOMEM;
	proc_create_single("shm", 0444, dir, sysvipc_show);
	proc_create_data("shmmax", 0644, kernel, &limit_fops, &shm_ctlmax);
	proc_create_data("shmall", 0644, kernel, &limit_fops, &shm_ctlall);
	proc_create_int("shmmni", 0644, kernel, &shm_ctlmni, 0, IPC_MNI);
	return 0;
}
fs_initcall(shm_proc_init);
