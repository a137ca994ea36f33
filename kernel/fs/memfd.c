/*
 * memfd_create: a shmem file without a name, and seals: promises about it that nobody can take back.
 *
 * 1. A seal is a bit in the inode. Whoever changes the file looks at it under i_rwsem, and adding takes i_rwsem: a write
 *    is over before the seal, or fails after it.
 * 2. Writable shared mappings change the file without asking. F_SEAL_WRITE is refused while there is one
 *    (i_mmap_writable > 0), and makes that counter negative, so that none can come. Who has pinned a page (mm/user/gup.h)
 *    may write to it without any mapping; so the seal waits a moment for references that it cannot explain, then gives up.
 * 3. A file that was not made with MFD_ALLOW_SEALING, and every file of a tmpfs, has F_SEAL_SEAL from the start.
 *
 * Locks: i_rwsem. Mirrors Linux mm/memfd.c. Exercised by tests/user/{memfds,gup}.c.
 */
#include "kernel/fs/memfd.h"

#include "arch/x86/uaccess.h"
#include "kernel/fs/tmpfs.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/phys/page.h"
#include "mm/slab/slab.h"

#define MFD_CLOEXEC	  0x01u
#define MFD_ALLOW_SEALING 0x02u
#define MFD_HUGETLB	  0x04u
#define MFD_NOEXEC_SEAL	  0x08u
#define MFD_EXEC	  0x10u
#define MFD_ALL_FLAGS	  (MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC)
#define MFD_HUGE_SIZE	  (0x3fu << 26)

#define MFD_PREFIX	 "memfd:"
#define MFD_NAME_MAX_LEN (NAME_MAX - (sizeof(MFD_PREFIX) - 1))

#define F_ALL_SEALS                                                                       \
	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | \
	 F_SEAL_EXEC)

#define PIN_SCANS 5

/* Has a page references beside the cache's and those of its mappings? */
static bool has_extra_refs(struct address_space *mapping)
{
	struct folio *folio;
	unsigned long index;

	guard(rcu)();
	xa_for_each(&mapping->i_pages, index, folio) {
		if (folio_ref_count(folio) - folio_mapcount(folio) != (int)folio_nr_pages(folio))
			return true;
	}
	return false;
}

/* Readers are quick, pins may be long: 0 when all are gone, -EBUSY after some 150 ms. => no writable mapping can come */
static int wait_for_pins(struct address_space *mapping)
{
	for (int scan = 0; has_extra_refs(mapping); scan++)
		if (scan == PIN_SCANS || schedule_timeout_killable((HZ << scan) / 200))
			return -EBUSY;
	return 0;
}

/* From now on nobody writes to the file but through write(2); -EBUSY: somebody may. => i_rwsem for writing */
static int deny_all_writers(struct address_space *mapping)
{
	if (mapping_deny_writable(mapping))
		return -EBUSY;
	if (!wait_for_pins(mapping))
		return 0;
	mapping_allow_writable(mapping);
	return -EBUSY;
}

static long add_seals(struct inode *inode, unsigned int seals)
{
	guard(rwsem_write)(&inode->i_rwsem);
	if (inode->i_seals & F_SEAL_SEAL)
		return -EPERM;
	if ((seals & F_SEAL_WRITE) && !(inode->i_seals & F_SEAL_WRITE) &&
	    deny_all_writers(inode->i_mapping))
		return -EBUSY;
	/* A program that cannot be made another one must not change either. */
	if ((seals & F_SEAL_EXEC) && (inode->i_mode & 0111))
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	WRITE_ONCE(inode->i_seals, inode->i_seals | seals);
	return 0;
}

long memfd_fcntl(struct file *file, bool add, unsigned long seals)
{
	struct inode *inode = file_inode(file);

	if (add && seals > UINT_MAX)
		return -EINVAL;
	if (add && !(file->f_mode & FMODE_WRITE))
		return -EPERM;
	if ((add && (seals & ~(unsigned long)F_ALL_SEALS)) || !is_shmem_file(file))
		return -EINVAL;
	return add ? add_seals(inode, seals) : (long)READ_ONCE(inode->i_seals);
}

/* The name as /proc shows it, kmalloc'ed; ERR_PTR. */
static char *memfd_name(const char __user *uname)
{
	char *name = kmalloc(NAME_MAX + 1, GFP_KERNEL);
	long len;

	if (!name)
		return ERR_PTR(-ENOMEM);
	strscpy(name, MFD_PREFIX, NAME_MAX + 1);
	len = strncpy_from_user(name + strlen(MFD_PREFIX), uname, MFD_NAME_MAX_LEN + 1);
	if (len >= 0 && len <= (long)MFD_NAME_MAX_LEN)
		return name;
	kfree(name);
	return ERR_PTR(len < 0 ? -EFAULT : -EINVAL);
}

static struct file *memfd_file(const char *name, unsigned int flags)
{
	struct file *file = shmem_file_setup(name, 0);
	struct inode *inode;

	if (IS_ERR(file))
		return file;
	inode = file_inode(file);
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	file->f_flags |= O_LARGEFILE;
	if (flags & MFD_NOEXEC_SEAL) {
		inode->i_mode &= ~0111;
		inode->i_seals = F_SEAL_EXEC;
	} else if (flags & MFD_ALLOW_SEALING) {
		inode->i_seals = 0;
	}
	return file;
}

static long sys_memfd_create(const char __user *uname, unsigned int flags)
{
	struct file *file;
	char *name;
	int fd;

	if (flags & ~(MFD_ALL_FLAGS | (flags & MFD_HUGETLB ? MFD_HUGE_SIZE : 0)))
		return -EINVAL;
	if ((flags & MFD_EXEC) && (flags & MFD_NOEXEC_SEAL))
		return -EINVAL;
	name = memfd_name(uname);
	if (IS_ERR(name))
		return PTR_ERR(name);
	/* There are no files of huge pages. */
	file = flags & MFD_HUGETLB ? ERR_PTR(-ENOSYS) : memfd_file(name, flags);
	kfree(name);
	if (IS_ERR(file))
		return PTR_ERR(file);
	fd = get_unused_fd_flags(flags & MFD_CLOEXEC ? O_CLOEXEC : 0);
	if (fd < 0)
		fput(file);
	else
		fd_install(fd, file);
	return fd;
}
SYSCALL(319, memfd_create);
