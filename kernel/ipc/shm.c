/*
 * System V shared memory: shmget, shmat, shmdt. Control and views are in shmctl.c.
 *
 * 1. A segment is a shmem file with a number. The number's low bits are its index in the table, the others count how often
 *    the index was used: an old number does not name a new segment.
 * 2. An attach is an ordinary shared mapping of that file, through an open file of its own (read-only or not), whose areas
 *    have operations that count them: fork and split raise nattch, munmap and exit lower it.
 * 3. A segment that was removed (SHM_DEST) lives, without a key, until nattch is 0. An attach under way counts as one.
 *
 * Lock: shm_lock, inside mmap_lock. Mirrors Linux ipc/shm.c. Exercised by tests/user/sysvshm.c.
 */
#include "kernel/ipc/shm.h"

#include "kernel/fs/tmpfs.h"
#include "kernel/init.h"
#include "kernel/syscall.h"
#include "lib/printf.h"
#include "mm/cache/shmem.h"
#include "mm/slab/slab.h"
#include "mm/user/fault.h"
#include "mm/user/memory.h"
#include "mm/user/mm.h"
#include "mm/user/mman.h"

#define CAP_IPC_OWNER 15
#define SHMMIN	      1

DEFINE_MUTEX(shm_lock);
struct xarray shm_segments = XARRAY_INIT(shm_segments, 0);
unsigned long shm_total;
unsigned long shm_ctlmax = ULONG_MAX - (1UL << 24), shm_ctlall = ULONG_MAX - (1UL << 24);
int shm_ctlmni = 4096;
static int nr_segments, last_index = -1, sequence;
static struct vm_operations_struct shm_vm_ops __ro_after_init;

/* ---- the table ---- */

struct shm_segment *shm_find(int id)
{
	struct shm_segment *s = id < 0 ? NULL : xa_load(&shm_segments, id & (IPC_MNI - 1));

	return s && s->id == id ? s : NULL;
}

static struct shm_segment *find_key(int key)
{
	struct shm_segment *s;
	unsigned long i;

	xa_for_each(&shm_segments, i, s)
		if (s->key == key)
			return s;
	return NULL;
}

bool shm_permitted(const struct shm_segment *s, unsigned int mode)
{
	unsigned int asked = mode >> 6 | mode >> 3 | mode, granted = s->mode;
	u32 uid = current_euid();

	if (uid == s->cuid || uid == s->uid)
		granted >>= 6;
	else if (in_group_p(s->cgid) || in_group_p(s->gid))
		granted >>= 3;
	return !(asked & ~granted & 7) || capable(CAP_IPC_OWNER);
}

/* Gives the segment a number. 0, -ENOSPC, -ENOMEM. => shm_lock held */
static int shm_link(struct shm_segment *s)
{
	int index = 0, err;

	if (nr_segments >= shm_ctlmni)
		return -ENOSPC;
	while (index < IPC_MNI && xa_load(&shm_segments, index))
		index++;
	if (index == IPC_MNI)
		return -ENOSPC;
	err = xa_err(xa_store(&shm_segments, index, s, GFP_KERNEL));
	if (err)
		return err;
	if (index <= last_index)
		sequence = (sequence + 1) & 0xffff;
	last_index = index;
	s->id = sequence << IPC_INDEX_BITS | index;
	nr_segments++;
	shm_total += PFN_UP(s->size);
	return 0;
}

void shm_unlink(struct shm_segment *s)
{
	xa_erase(&shm_segments, s->id & (IPC_MNI - 1));
	nr_segments--;
	shm_total -= PFN_UP(s->size);
}

void shm_free(struct shm_segment *s)
{
	fput(s->file);
	kfree(s);
}

/* One user less; the last one of a removed segment takes it along. */
static void shm_put(struct shm_segment *s, bool detach)
{
	bool last;

	mutex_lock(&shm_lock);
	if (detach) {
		s->dtime = ktime_get_real_seconds();
		s->lpid = current->tgid;
	}
	last = !--s->nattch && (s->mode & SHM_DEST);
	if (last)
		shm_unlink(s);
	mutex_unlock(&shm_lock);
	if (last)
		shm_free(s);
}

/* ---- attached areas ---- */

static void shm_open(struct vm_area_struct *vma)
{
	struct shm_segment *s = vma->vm_private_data;

	guard(mutex)(&shm_lock);
	s->nattch++;
	s->atime = ktime_get_real_seconds();
	s->lpid = current->tgid;
}

static void shm_close(struct vm_area_struct *vma)
{
	shm_put(vma->vm_private_data, true);
}

static int shm_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &shm_vm_ops;
	vma->vm_private_data = file->private_data;
	shm_open(vma);
	return 0;
}

static const struct file_operations shm_file_operations = {
	.mmap = shm_mmap, .fallocate = shmem_fallocate, /* MADV_REMOVE */
};

/* ---- shmget ---- */

static struct shm_segment *new_segment(int key, size_t size, int flags)
{
	struct shm_segment *s = kzalloc(sizeof(*s), GFP_KERNEL);
	char name[16];

	if (!s)
		return ERR_PTR(-ENOMEM);
	snprintf(name, sizeof(name), "SYSV%08x", key);
	s->file = shmem_file_setup(name, size);
	if (!IS_ERR(s->file) && !(flags & SHM_NORESERVE) &&
	    shmem_account_size(file_inode(s->file))) {
		fput(s->file);
		s->file = ERR_PTR(-ENOMEM);
	}
	if (IS_ERR(s->file)) {
		int err = PTR_ERR(s->file);

		kfree(s);
		return ERR_PTR(err);
	}
	s->key = key;
	s->size = size;
	s->mode = flags & 0777;
	s->uid = s->cuid = current_euid();
	s->gid = s->cgid = current_egid();
	s->cpid = current->tgid;
	s->ctime = ktime_get_real_seconds();
	return s;
}

/* => shm_lock held; the memory of a new segment is got with it, so that two callers do not both make one */
static long shm_create(int key, size_t size, int flags)
{
	unsigned long pages = PFN_UP(size);
	struct shm_segment *s;
	int err;

	if (size < SHMMIN || size > shm_ctlmax || (flags & SHM_HUGETLB))
		return -EINVAL;
	if (pages << PAGE_SHIFT < size || shm_total + pages < shm_total ||
	    shm_total + pages > shm_ctlall)
		return -ENOSPC;
	s = new_segment(key, size, flags);
	if (IS_ERR(s))
		return PTR_ERR(s);
	err = shm_link(s);
	if (err) {
		shm_free(s);
		return err;
	}
	/* As the inode number in /proc/PID/maps. */
	file_inode(s->file)->i_ino = s->id;
	return s->id;
}

static long sys_shmget(int key, size_t size, int flags)
{
	struct shm_segment *s;

	guard(mutex)(&shm_lock);
	if (key == IPC_PRIVATE)
		return shm_create(key, size, flags);
	s = find_key(key);
	if (!s)
		return flags & IPC_CREAT ? shm_create(key, size, flags) : -ENOENT;
	if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
		return -EEXIST;
	if (size > s->size)
		return -EINVAL;
	return shm_permitted(s, flags) ? s->id : -EACCES;
}
SYSCALL(29, shmget);

/* ---- shmat ---- */

/* A segment that current may attach so, counted as a user of it; ERR_PTR. */
static struct shm_segment *shm_get(int id, unsigned int mode)
{
	struct shm_segment *s;

	guard(mutex)(&shm_lock);
	s = shm_find(id);
	if (!s)
		return ERR_PTR(-EINVAL);
	if (!shm_permitted(s, mode))
		return ERR_PTR(-EACCES);
	s->nattch++;
	return s;
}

/* => mmap_lock for writing */
static unsigned long shm_map(struct shm_segment *s, struct file *file, unsigned long addr,
			     unsigned long prot, int flags)
{
	struct vm_area_struct *vma;

	if (addr && !(flags & SHM_REMAP)) {
		if (addr + s->size < addr)
			return -EINVAL;
		vma = find_vma(current->mm, addr);
		if (vma && vma->vm_start < addr + s->size)
			return -EINVAL;
	}
	return do_mmap(file, addr, s->size, prot, MAP_SHARED | (addr ? MAP_FIXED : 0), 0, 0);
}

static unsigned long do_shmat(struct shm_segment *s, unsigned long addr, unsigned long prot,
			      int flags)
{
	struct mm_struct *mm = current->mm;
	struct file *file;
	unsigned long ret;
	bool locked;

	file = alloc_file(&s->file->f_path, flags & SHM_RDONLY ? O_RDONLY : O_RDWR,
			  &shm_file_operations);
	if (IS_ERR(file))
		return PTR_ERR(file);
	file->private_data = s;
	ret = -EINTR;
	if (!mmap_write_lock_killable(mm)) {
		ret = shm_map(s, file, addr, prot, flags);
		locked = mm->def_flags & VM_LOCKED;
		mmap_write_unlock(mm);
		if (!IS_ERR_VALUE(ret) && locked)
			mm_populate(mm, ret, PAGE_ALIGN(s->size));
	}
	fput(file);
	return ret;
}

static long sys_shmat(int id, unsigned long addr, int flags)
{
	unsigned long prot = PROT_READ, mode = 0444, ret;
	struct shm_segment *s;

	if (id < 0)
		return -EINVAL;
	if (addr & ~PAGE_MASK) {
		if (!(flags & SHM_RND))
			return -EINVAL;
		addr &= PAGE_MASK;
	}
	if (!addr && (flags & SHM_REMAP))
		return -EINVAL;
	if (!(flags & SHM_RDONLY)) {
		prot |= PROT_WRITE;
		mode |= 0222;
	}
	if (flags & SHM_EXEC) {
		prot |= PROT_EXEC;
		mode |= 0111;
	}
	s = shm_get(id, mode);
	if (IS_ERR(s))
		return PTR_ERR(s);
	ret = do_shmat(s, addr, prot, flags);
	shm_put(s, false);
	return ret;
}
SYSCALL(30, shmat);

/* ---- shmdt ---- */

/* Is the area what an attach of @file (NULL: any) at @addr left there? */
static bool is_attached(const struct vm_area_struct *vma, unsigned long addr,
			const struct file *file)
{
	return vma->vm_ops == &shm_vm_ops && (!file || vma->vm_file == file) &&
	       vma->vm_start >= addr && (vma->vm_start - addr) >> PAGE_SHIFT == vma->vm_pgoff;
}

/* => mmap_lock for writing */
static int shm_detach(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = find_vma(mm, addr);
	unsigned long start, end, limit;
	struct file *file;
	int err = 0;

	while (vma && !is_attached(vma, addr, NULL))
		vma = vma_next(mm, vma);
	if (!vma)
		return -EINVAL;
	/* What mprotect, say, cut into pieces goes as a whole. */
	file = get_file(vma->vm_file);
	limit = PAGE_ALIGN(((struct shm_segment *)file->private_data)->size);
	while (vma && vma->vm_end - addr <= limit && !err) {
		start = vma->vm_start;
		end = vma->vm_end;
		if (is_attached(vma, addr, file))
			err = do_munmap(mm, start, end - start);
		vma = find_vma(mm, end);
	}
	fput(file);
	return err;
}

static long sys_shmdt(unsigned long addr)
{
	struct mm_struct *mm = current->mm;
	int err;

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	err = shm_detach(mm, addr);
	mmap_write_unlock(mm);
	return err;
}
SYSCALL(67, shmdt);

static int shm_init(void)
{
	shm_vm_ops = shmem_vm_ops;
	shm_vm_ops.open = shm_open;
	shm_vm_ops.close = shm_close;
	return 0;
}
core_initcall(shm_init);
