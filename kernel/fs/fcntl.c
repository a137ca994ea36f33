/*
 * fcntl and ioctl: what can be asked of an open file beyond its bytes.
 *
 * Locks: f_lock for flags. Mirrors Linux fs/fcntl.c, fs/ioctl.c. Exercised by tests/user/{files,pipes,vfs}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/fdtable.h"
#include "kernel/fs/locks.h"
#include "kernel/fs/memfd.h"
#include "kernel/fs/pipe.h"
#include "kernel/syscall.h"

#define F_DUPFD		0
#define F_GETFD		1
#define F_SETFD		2
#define F_GETFL		3
#define F_SETFL		4
#define F_GETLK		5
#define F_SETLK		6
#define F_SETLKW	7
#define F_SETOWN	8
#define F_GETOWN	9
#define F_OFD_GETLK	36
#define F_OFD_SETLK	37
#define F_OFD_SETLKW	38
#define F_SETPIPE_SZ	1031
#define F_GETPIPE_SZ	1032
#define F_DUPFD_CLOEXEC 1030
#define F_ADD_SEALS	1033
#define F_GET_SEALS	1034
#define FD_CLOEXEC	1
#define SETFL_MASK	(O_APPEND | O_NONBLOCK | FASYNC | O_DIRECT | O_NOATIME)

#define FIOCLEX	     0x5451
#define FIONCLEX     0x5450
#define FIONBIO	     0x5421
#define FIGETBSZ     0x0002
#define F_GETOWN_EX  16
#define F_OWNER_PID  1
#define F_OWNER_PGRP 2

struct f_owner_ex {
	int type, pid;
};
#define FIOASYNC 0x5452
#define FIONREAD 0x541b

static long setfl(struct file *file, unsigned long arg)
{
	if ((arg & O_NOATIME) && !(file->f_flags & O_NOATIME) &&
	    !inode_owner_or_capable(file_inode(file)))
		return -EPERM;
	/* Of a pipe the flag means something else: packets. */
	if ((arg & O_DIRECT) && !S_ISFIFO(file_inode(file)->i_mode) &&
	    !(file->f_op->fop_flags & FOP_DIRECT))
		return -EINVAL;
	spin_lock(&file->f_lock);
	file->f_flags = (arg & SETFL_MASK) | (file->f_flags & ~SETFL_MASK);
	spin_unlock(&file->f_lock);
	return 0;
}

/* The owner as kind and number; F_SETOWN gives a process group as a negative number. */
static long getown_ex(struct file *file, struct f_owner_ex __user *uowner)
{
	int pid = READ_ONCE(file->f_owner_pid);
	struct f_owner_ex owner = { pid < 0 ? F_OWNER_PGRP : F_OWNER_PID, pid < 0 ? -pid : pid };

	return copy_to_user(uowner, &owner, sizeof(owner)) ? -EFAULT : 0;
}

static long do_fcntl(unsigned int fd, struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case F_DUPFD:
		return f_dupfd(arg, file, 0);
	case F_DUPFD_CLOEXEC:
		return f_dupfd(arg, file, O_CLOEXEC);
	case F_GETFD:
		return get_close_on_exec(fd) ? FD_CLOEXEC : 0;
	case F_SETFD:
		set_close_on_exec(fd, arg & FD_CLOEXEC);
		return 0;
	case F_GETFL:
		return file->f_flags;
	}
	if (file->f_mode & FMODE_PATH)
		return -EBADF;
	switch (cmd) {
	case F_SETFL:
		return setfl(file, arg);
	case F_GETLK:
	case F_OFD_GETLK:
		return fcntl_getlk(file, cmd == F_OFD_GETLK, (struct flock __user *)arg);
	case F_SETLK:
	case F_SETLKW:
		return fcntl_setlk(fd, file, false, cmd == F_SETLKW, (struct flock __user *)arg);
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return fcntl_setlk(fd, file, true, cmd == F_OFD_SETLKW, (struct flock __user *)arg);
	case F_SETOWN:
		file->f_owner_pid = arg;
		return 0;
	case F_GETOWN:
		return file->f_owner_pid;
	case F_GETOWN_EX:
		return getown_ex(file, (struct f_owner_ex __user *)arg);
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
		return pipe_fcntl(file, cmd == F_SETPIPE_SZ, arg);
	case F_ADD_SEALS:
	case F_GET_SEALS:
		return memfd_fcntl(file, cmd == F_ADD_SEALS, arg);
	}
	return -EINVAL;
}

static long sys_fcntl(unsigned int fd, unsigned int cmd, unsigned long arg)
{
	struct file *file = fget_raw(fd);
	long ret;

	if (!file)
		return -EBADF;
	ret = do_fcntl(fd, file, cmd, arg);
	fput(file);
	return ret;
}
SYSCALL(72, fcntl);

/* Requests that mean the same for every file. *done false: ask the file. */
static long file_ioctl(unsigned int fd, struct file *file, unsigned int cmd, unsigned long arg,
		       bool *done)
{
	int on;

	*done = true;
	switch (cmd) {
	case FIOCLEX:
		set_close_on_exec(fd, true);
		return 0;
	case FIONCLEX:
		set_close_on_exec(fd, false);
		return 0;
	case FIONBIO:
		if (get_user(on, (int __user *)arg))
			return -EFAULT;
		return setfl(file, on ? file->f_flags | O_NONBLOCK : file->f_flags & ~O_NONBLOCK);
	case FIGETBSZ:
		if (!file_inode(file)->i_sb)
			return -EBADF;
		return put_user((int)file_inode(file)->i_sb->s_blocksize, (int __user *)arg);
	case FIONREAD:
		if (!S_ISREG(file_inode(file)->i_mode))
			break;
		return put_user((int)(file_inode(file)->i_size - file->f_pos), (int __user *)arg);
	}
	*done = false;
	return 0;
}

static long sys_ioctl(unsigned int fd, unsigned int cmd, unsigned long arg)
{
	struct fd f = fdget(fd);
	bool done;
	long ret;

	if (!f.file)
		return -EBADF;
	ret = file_ioctl(fd, f.file, cmd, arg, &done);
	if (!done)
		ret = f.file->f_op->unlocked_ioctl ? f.file->f_op->unlocked_ioctl(f.file, cmd, arg)
						   : -ENOTTY;
	fdput(f);
	return ret;
}
SYSCALL(16, ioctl);
