/*
 * Extended attributes: none of the file systems here has any, and the calls say so as Linux does for such a file system.
 *
 * The file is looked up and the arguments are checked first, so that a bad name or address gives its own error. A
 * list is empty; getting, setting and removing one is EOPNOTSUPP.
 *
 * Locks: those of a path walk. Mirrors Linux fs/xattr.c. Exercised by tests/user/xattrs.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/fs.h"
#include "kernel/syscall.h"

#define XATTR_NAME_MAX	 255
#define XATTR_SIZE_MAX	 65536
#define XATTR_CREATE_ALL 3 /* XATTR_CREATE, XATTR_REPLACE */

/* 0: the file is there; -errno. */
static long path_there(const char __user *name, unsigned int lookup)
{
	struct path path;
	int err = user_path_at(AT_FDCWD, name, lookup, &path);

	if (!err)
		path_put(&path);
	return err;
}

static long fd_there(int fd)
{
	struct fd f = fdget(fd);

	if (!f.file)
		return -EBADF;
	fdput(f);
	return 0;
}

/* 0, -ERANGE, -EFAULT */
static long name_ok(const char __user *uname)
{
	char name[XATTR_NAME_MAX + 1];
	long len = strncpy_from_user(name, uname, sizeof(name));

	if (len < 0)
		return -EFAULT;
	return !len || len == sizeof(name) ? -ERANGE : 0;
}

/* What getting or removing an attribute of a file comes to; there: was it found? */
static long no_attribute(long there, const char __user *uname)
{
	long err = there ? there : name_ok(uname);

	return err ? err : -EOPNOTSUPP;
}

static long no_set(long there, const char __user *uname, size_t size, int flags)
{
	if (there)
		return there;
	if (flags & ~XATTR_CREATE_ALL)
		return -EINVAL;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	return no_attribute(0, uname);
}

static long sys_setxattr(const char __user *path, const char __user *name, const void __user *value,
			 size_t size, int flags)
{
	return no_set(path_there(path, LOOKUP_FOLLOW), name, size, flags);
}
SYSCALL(188, setxattr);

static long sys_lsetxattr(const char __user *path, const char __user *name,
			  const void __user *value, size_t size, int flags)
{
	return no_set(path_there(path, 0), name, size, flags);
}
SYSCALL(189, lsetxattr);

static long sys_fsetxattr(int fd, const char __user *name, const void __user *value, size_t size,
			  int flags)
{
	return no_set(fd_there(fd), name, size, flags);
}
SYSCALL(190, fsetxattr);

static long sys_getxattr(const char __user *path, const char __user *name)
{
	return no_attribute(path_there(path, LOOKUP_FOLLOW), name);
}
SYSCALL(191, getxattr);

static long sys_lgetxattr(const char __user *path, const char __user *name)
{
	return no_attribute(path_there(path, 0), name);
}
SYSCALL(192, lgetxattr);

static long sys_fgetxattr(int fd, const char __user *name)
{
	return no_attribute(fd_there(fd), name);
}
SYSCALL(193, fgetxattr);

static long sys_listxattr(const char __user *path)
{
	return path_there(path, LOOKUP_FOLLOW);
}
SYSCALL(194, listxattr);

static long sys_llistxattr(const char __user *path)
{
	return path_there(path, 0);
}
SYSCALL(195, llistxattr);

static long sys_flistxattr(int fd)
{
	return fd_there(fd);
}
SYSCALL(196, flistxattr);

static long sys_removexattr(const char __user *path, const char __user *name)
{
	return no_attribute(path_there(path, LOOKUP_FOLLOW), name);
}
SYSCALL(197, removexattr);

static long sys_lremovexattr(const char __user *path, const char __user *name)
{
	return no_attribute(path_there(path, 0), name);
}
SYSCALL(198, lremovexattr);

static long sys_fremovexattr(int fd, const char __user *name)
{
	return no_attribute(fd_there(fd), name);
}
SYSCALL(199, fremovexattr);
