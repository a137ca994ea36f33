/*
 * pidfd: a descriptor for a process, which never comes to mean another one.
 *
 * 1. The file holds the struct pid, which outlives the process and its number (kernel/pid.h). Whoever asks it later finds
 *    that process or nobody.
 * 2. It is readable, for poll, when the process has ended: all its threads, reaped or not. Then do_notify_parent()
 *    wakes pid->wait_pidfd. Sets of epoll go with the file, which holds the pid and so the queue.
 * 3. pidfd_getfd() copies a descriptor out of the process, as its debugger could.
 *
 * Locks: RCU to find the task; wait_pidfd's lock, inside tasklist_lock. Mirrors Linux kernel/pid.c, fs/pidfs.c.
 * Exercised by tests/user/pidfds.c.
 */
#include "kernel/pidfd.h"

#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/fs/anon_inodes.h"
#include "kernel/fs/fdtable.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/seq_file.h"
#include "kernel/pid.h"
#include "kernel/process_vm.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"

static int pidfd_release(struct inode *inode, struct file *file)
{
	put_pid(file->private_data);
	return 0;
}

static unsigned int pidfd_poll(struct file *file, struct poll_table *wait)
{
	struct pid *pid = file->private_data;
	struct task_struct *task;

	poll_wait(file, &pid->wait_pidfd, wait);
	guard(rcu)();
	task = pid_task(pid, PIDTYPE_TGID);
	if (!task)
		return EPOLLIN | EPOLLRDNORM | EPOLLHUP;
	return READ_ONCE(task->exit_state) && thread_group_empty(task) ? EPOLLIN | EPOLLRDNORM : 0;
}

static void pidfd_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct pid *pid = file->private_data;
	int nr;

	rcu_read_lock();
	nr = pid_task(pid, PIDTYPE_TGID) ? pid_nr(pid) : -1;
	rcu_read_unlock();
	seq_printf(m, "Pid:\t%d\nNSpid:\t%d\n", nr, nr);
}

static const struct file_operations pidfd_fops = {
	.release = pidfd_release,
	.poll = pidfd_poll,
	.show_fdinfo = pidfd_show_fdinfo,
};

struct pid *pidfd_pid(const struct file *file)
{
	return file->f_op == &pidfd_fops ? file->private_data : NULL;
}

int pidfd_prepare(struct pid *pid, unsigned int flags, struct file **file)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;
	*file = anon_inode_getfile("[pidfd]", &pidfd_fops, get_pid(pid), O_RDWR | flags);
	if (IS_ERR(*file)) {
		put_pid(pid);
		put_unused_fd(fd);
		return PTR_ERR(*file);
	}
	return fd;
}

static long sys_pidfd_open(pid_t nr, unsigned int flags)
{
	struct file *file;
	struct pid *pid;
	bool leader;
	int fd;

	if ((flags & ~O_NONBLOCK) || nr <= 0)
		return -EINVAL;
	pid = find_get_pid(nr);
	if (!pid)
		return -ESRCH;
	rcu_read_lock();
	leader = pid_task(pid, PIDTYPE_TGID) != NULL;
	rcu_read_unlock();
	fd = leader ? pidfd_prepare(pid, flags, &file) : -EINVAL;
	put_pid(pid);
	if (fd >= 0)
		fd_install(fd, file);
	return fd;
}
SYSCALL(434, pidfd_open);

/* The process of a descriptor, with a reference; ERR_PTR(-EBADF). */
static struct pid *get_pidfd_pid(int fd)
{
	struct fd f = fdget(fd);
	struct pid *pid = f.file ? get_pid(pidfd_pid(f.file)) : NULL;

	if (f.file)
		fdput(f);
	return pid ? pid : ERR_PTR(-EBADF);
}

struct task_struct *pidfd_get_task(int fd)
{
	struct pid *pid = get_pidfd_pid(fd);
	struct task_struct *task;

	if (IS_ERR(pid))
		return ERR_CAST(pid);
	task = get_pid_task(pid, PIDTYPE_TGID);
	put_pid(pid);
	return task ? task : ERR_PTR(-ESRCH);
}

/* What is sent: the program's own words, within limits, or "from current". */
static int signal_info(struct kernel_siginfo *info, int sig, const void __user *uinfo,
		       const struct pid *pid)
{
	if (!uinfo) {
		*info = (struct kernel_siginfo){ .si_signo = sig, .si_code = SI_USER };
		info->si_pid = current->tgid;
		info->si_uid = current_uid();
		return 0;
	}
	if (copy_from_user(info, uinfo, sizeof(*info)))
		return -EFAULT;
	if (info->si_signo != sig)
		return -EINVAL;
	if ((info->si_code >= 0 || info->si_code == SI_TKILL) && task_pid(current) != pid)
		return -EPERM;
	return 0;
}

static long sys_pidfd_send_signal(int fd, int sig, const void __user *uinfo, unsigned int flags)
{
	struct kernel_siginfo info;
	struct pid *pid;
	long ret;

	if (flags)
		return -EINVAL;
	pid = get_pidfd_pid(fd);
	if (IS_ERR(pid))
		return PTR_ERR(pid);
	ret = signal_info(&info, sig, uinfo, pid);
	if (!ret)
		ret = kill_pid_info(sig, &info, pid);
	put_pid(pid);
	return ret;
}
SYSCALL(424, pidfd_send_signal);

/* Another task's open file, with a reference; ERR_PTR(-EPERM, -EBADF). */
static struct file *file_of_task(struct task_struct *task, int fd)
{
	struct files_struct *files;
	struct file *file = NULL;

	if (!task_may_attach(task))
		return ERR_PTR(-EPERM);
	task_lock(task);
	files = task->files;
	if (files)
		atomic_inc(&files->count);
	task_unlock(task);
	if (files) {
		file = files_lookup_fd(files, fd);
		put_files_struct(files);
	}
	return file ? file : ERR_PTR(-EBADF);
}

static long sys_pidfd_getfd(int pidfd, int fd, unsigned int flags)
{
	struct task_struct *task;
	struct file *file;
	struct pid *pid;
	int ret;

	if (flags)
		return -EINVAL;
	pid = get_pidfd_pid(pidfd);
	if (IS_ERR(pid))
		return PTR_ERR(pid);
	task = get_pid_task(pid, PIDTYPE_PID);
	put_pid(pid);
	if (!task)
		return -ESRCH;
	file = file_of_task(task, fd);
	put_task_struct(task);
	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = get_unused_fd_flags(O_CLOEXEC);
	if (ret < 0)
		fput(file);
	else
		fd_install(ret, file);
	return ret;
}
SYSCALL(438, pidfd_getfd);
