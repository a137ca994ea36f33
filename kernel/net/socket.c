/*
 * sockfs: sockets as open files, and the system calls that make, name and join them.
 *
 * 1. Each socket has an inode of its own (fstat says S_IFSOCK, /proc/PID/fd shows "socket:[inode]") in a file system that no path
 *    leads to. The file's private_data is the struct socket; the last fput() ends both.
 * 2. A family registers itself with a function that fills in the operations. There is one: AF_UNIX; others give EAFNOSUPPORT.
 * 3. A socket gets its descriptor last, when nothing can fail any more.
 *
 * Locks: none of its own. Mirrors Linux net/socket.c. Exercised by tests/user/unix_{stream,names}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/seq_file.h"
#include "kernel/init.h"
#include "kernel/net/sock.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

#define SOCKFS_MAGIC 0x534f434b

int sysctl_somaxconn = SOMAXCONN;
static const struct net_proto_family *families[AF_MAX];
static struct mount *sock_mnt;
static const struct file_operations socket_file_ops;

int sock_register(const struct net_proto_family *family)
{
	families[family->family] = family;
	return 0;
}

struct socket *sock_from_file(const struct file *file)
{
	return file->f_op == &socket_file_ops ? file->private_data : NULL;
}

struct socket *sockfd_lookup(int fd, struct fd *f)
{
	struct socket *sock;

	*f = fdget(fd);
	if (!f->file)
		return ERR_PTR(-EBADF);
	sock = sock_from_file(f->file);
	if (sock)
		return sock;
	fdput(*f);
	return ERR_PTR(-ENOTSOCK);
}

/* ---- addresses ---- */

int move_addr_to_kernel(const void __user *uaddr, int len, struct sockaddr_storage *addr)
{
	if (len < 0 || len > (int)sizeof(*addr))
		return -EINVAL;
	memset(addr, 0, sizeof(*addr));
	return copy_from_user(addr, uaddr, len) ? -EFAULT : 0;
}

int move_addr_to_user(const struct sockaddr_storage *addr, int len, void __user *uaddr,
		      int __user *ulen)
{
	int room;

	if (get_user(room, ulen))
		return -EFAULT;
	room = min(room, len);
	if (room < 0)
		return -EINVAL;
	if (room && copy_to_user(uaddr, addr, room))
		return -EFAULT;
	return put_user(len, ulen);
}

/* ---- the file ---- */

int sock_sendmsg(struct socket *sock, struct msghdr *msg)
{
	return sock->ops->sendmsg(sock, msg, msg->msg_iter.count);
}

int sock_recvmsg(struct socket *sock, struct msghdr *msg, unsigned int flags)
{
	return sock->ops->recvmsg(sock, msg, msg->msg_iter.count, flags);
}

static unsigned int file_msg_flags(const struct file *file)
{
	return file->f_flags & O_NONBLOCK ? MSG_DONTWAIT : 0;
}

static ssize_t sock_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct msghdr msg = { .msg_iter = *to };

	if (!iov_iter_count(to))
		return 0;
	return sock_recvmsg(file->private_data, &msg, file_msg_flags(file));
}

static ssize_t sock_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct msghdr msg = { .msg_flags = file_msg_flags(file), .msg_iter = *from };

	return sock_sendmsg(file->private_data, &msg);
}

static unsigned int sock_poll(struct file *file, struct poll_table *wait)
{
	struct socket *sock = file->private_data;

	return sock->ops->poll(file, sock, wait);
}

static long sock_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct socket *sock = file->private_data;

	return sock->ops->ioctl(sock, cmd, arg);
}

static void sock_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct socket *sock = file->private_data;

	if (sock->ops->show_fdinfo)
		sock->ops->show_fdinfo(m, sock);
}

static void sock_release(struct socket *sock)
{
	if (sock->ops)
		sock->ops->release(sock);
	kfree(sock);
}

static int sock_close(struct inode *inode, struct file *file)
{
	sock_release(file->private_data);
	return 0;
}

static const struct file_operations socket_file_ops = {
	.llseek = no_llseek,
	.read_iter = sock_read_iter,
	.write_iter = sock_write_iter,
	.poll = sock_poll,
	.unlocked_ioctl = sock_ioctl,
	.release = sock_close,
	.show_fdinfo = sock_show_fdinfo,
};

/* The socket's file; on failure the socket is released. flags: SOCK_NONBLOCK counts. ERR_PTR(-ENFILE, -ENOMEM) */
static struct file *sock_alloc_file(struct socket *sock, int flags)
{
	struct inode *inode = new_inode(sock_mnt->mnt_sb);
	struct file *file = ERR_PTR(-ENFILE);

	if (inode) {
		inode->i_mode = S_IFSOCK | 0777;
		inode->i_uid = current_fsuid();
		inode->i_gid = current_fsgid();
		file = alloc_file_pseudo(inode, sock_mnt, "socket", O_RDWR | (flags & O_NONBLOCK),
					 &socket_file_ops);
	}
	if (IS_ERR(file)) {
		sock_release(sock);
		return file;
	}
	sock->file = file;
	file->private_data = sock;
	return file;
}

/* ---- socket, socketpair ---- */

static int check_type(int type, int *flags)
{
	*flags = type & ~SOCK_TYPE_MASK;
	return *flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK) ? -EINVAL : 0;
}

/* A new socket without a file. */
static struct socket *sock_create(int family, int type, int protocol)
{
	struct socket *sock;
	int err;

	if (family < 0 || family >= AF_MAX)
		return ERR_PTR(-EAFNOSUPPORT);
	if (type < 0 || type >= SOCK_MAX)
		return ERR_PTR(-EINVAL);
	if (!families[family])
		return ERR_PTR(-EAFNOSUPPORT);
	sock = kzalloc(sizeof(*sock), GFP_KERNEL);
	if (!sock)
		return ERR_PTR(-ENFILE);
	sock->type = type;
	err = families[family]->create(sock, protocol);
	if (err) {
		kfree(sock);
		return ERR_PTR(err);
	}
	return sock;
}

/* A new socket with its file. */
static struct file *sock_open(int family, int type, int protocol, int flags)
{
	struct socket *sock = sock_create(family, type, protocol);

	return IS_ERR(sock) ? ERR_CAST(sock) : sock_alloc_file(sock, flags);
}

static long sys_socket(int family, int type, int protocol)
{
	struct file *file;
	int flags, fd;

	fd = check_type(type, &flags);
	if (fd)
		return fd;
	file = sock_open(family, type & SOCK_TYPE_MASK, protocol, flags);
	if (IS_ERR(file))
		return PTR_ERR(file);
	fd = get_unused_fd_flags(flags);
	if (fd < 0)
		fput(file);
	else
		fd_install(fd, file);
	return fd;
}
SYSCALL(41, socket);

/* Two connected sockets in files[]. */
static int open_pair(int family, int type, int protocol, int flags, struct file *files[2])
{
	struct socket *a, *b;
	int err;

	files[0] = sock_open(family, type, protocol, flags);
	if (IS_ERR(files[0]))
		return PTR_ERR(files[0]);
	files[1] = sock_open(family, type, protocol, flags);
	if (IS_ERR(files[1])) {
		fput(files[0]);
		return PTR_ERR(files[1]);
	}
	a = sock_from_file(files[0]);
	b = sock_from_file(files[1]);
	err = a->ops->socketpair ? a->ops->socketpair(a, b) : -EOPNOTSUPP;
	if (err) {
		fput(files[0]);
		fput(files[1]);
	}
	return err;
}

static long sys_socketpair(int family, int type, int protocol, int __user *ufds)
{
	struct file *files[2] = { NULL, NULL };
	int flags, err;

	err = check_type(type, &flags);
	if (err)
		return err;
	err = open_pair(family, type & SOCK_TYPE_MASK, protocol, flags, files);
	return err ? err : fd_install_pair(files, ufds, flags);
}
SYSCALL(53, socketpair);

/* ---- names and connections ---- */

static long sys_bind(int fd, const void __user *uaddr, int len)
{
	struct sockaddr_storage addr;
	struct fd f;
	struct socket *sock = sockfd_lookup(fd, &f);
	long err;

	if (IS_ERR(sock))
		return PTR_ERR(sock);
	err = move_addr_to_kernel(uaddr, len, &addr);
	if (!err)
		err = sock->ops->bind(sock, &addr, len);
	fdput(f);
	return err;
}
SYSCALL(49, bind);

static long sys_connect(int fd, const void __user *uaddr, int len)
{
	struct sockaddr_storage addr;
	struct fd f;
	struct socket *sock = sockfd_lookup(fd, &f);
	long err;

	if (IS_ERR(sock))
		return PTR_ERR(sock);
	err = move_addr_to_kernel(uaddr, len, &addr);
	if (!err)
		err = sock->ops->connect(sock, &addr, len, f.file->f_flags);
	fdput(f);
	return err;
}
SYSCALL(42, connect);

static long sys_listen(int fd, int backlog)
{
	struct fd f;
	struct socket *sock = sockfd_lookup(fd, &f);
	long err;

	if (IS_ERR(sock))
		return PTR_ERR(sock);
	err = sock->ops->listen(sock, min((unsigned int)backlog, (unsigned int)sysctl_somaxconn));
	fdput(f);
	return err;
}
SYSCALL(50, listen);

/* The accepted socket's file, and the other end's address where the caller wants it. */
static struct file *do_accept(struct socket *sock, struct file *listener, int flags,
			      void __user *uaddr, int __user *ulen)
{
	struct socket *newsock = kzalloc(sizeof(*newsock), GFP_KERNEL);
	struct sockaddr_storage addr;
	struct file *file;
	int err, len;

	if (!newsock)
		return ERR_PTR(-ENFILE);
	newsock->type = sock->type;
	newsock->ops = sock->ops;
	file = sock_alloc_file(newsock, flags);
	if (IS_ERR(file))
		return file;
	err = sock->ops->accept(sock, newsock, listener->f_flags);
	if (!err && uaddr) {
		len = sock->ops->getname(newsock, &addr, true);
		err = len < 0 ? -ECONNABORTED : move_addr_to_user(&addr, len, uaddr, ulen);
	}
	if (!err)
		return file;
	fput(file);
	return ERR_PTR(err);
}

static long sys_accept4(int fd, void __user *uaddr, int __user *ulen, int flags)
{
	struct file *file;
	struct fd f;
	struct socket *sock;
	int newfd;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	sock = sockfd_lookup(fd, &f);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	newfd = get_unused_fd_flags(flags);
	if (newfd >= 0) {
		file = do_accept(sock, f.file, flags, uaddr, ulen);
		if (IS_ERR(file)) {
			put_unused_fd(newfd);
			newfd = PTR_ERR(file);
		} else {
			fd_install(newfd, file);
		}
	}
	fdput(f);
	return newfd;
}
SYSCALL(288, accept4);

static long sys_accept(int fd, void __user *uaddr, int __user *ulen)
{
	return sys_accept4(fd, uaddr, ulen, 0);
}
SYSCALL(43, accept);

static long do_getname(int fd, void __user *uaddr, int __user *ulen, bool peer)
{
	struct sockaddr_storage addr = { 0 };
	struct fd f;
	struct socket *sock = sockfd_lookup(fd, &f);
	long err;

	if (IS_ERR(sock))
		return PTR_ERR(sock);
	err = sock->ops->getname(sock, &addr, peer);
	if (err >= 0)
		err = move_addr_to_user(&addr, err, uaddr, ulen);
	fdput(f);
	return err;
}

static long sys_getsockname(int fd, void __user *uaddr, int __user *ulen)
{
	return do_getname(fd, uaddr, ulen, false);
}
SYSCALL(51, getsockname);

static long sys_getpeername(int fd, void __user *uaddr, int __user *ulen)
{
	return do_getname(fd, uaddr, ulen, true);
}
SYSCALL(52, getpeername);

static long sys_shutdown(int fd, int how)
{
	static const int masks[] = { RCV_SHUTDOWN, SEND_SHUTDOWN, SHUTDOWN_MASK };
	struct fd f;
	struct socket *sock = sockfd_lookup(fd, &f);
	long err;

	if (IS_ERR(sock))
		return PTR_ERR(sock);
	err = how < 0 || how > 2 ? -EINVAL : sock->ops->shutdown(sock, masks[how]);
	fdput(f);
	return err;
}
SYSCALL(48, shutdown);

/* ---- start ---- */

static struct super_block *sockfs_mount(struct file_system_type *type, int flags, const char *dev,
					char *data)
{
	return mount_pseudo(type, flags, SOCKFS_MAGIC);
}

static int sock_init(void)
{
	static struct file_system_type sock_fs_type = { .name = "sockfs", .mount = sockfs_mount };

	register_filesystem(&sock_fs_type);
	sock_mnt = kern_mount(&sock_fs_type);
	return PTR_ERR_OR_ZERO(sock_mnt);
}
fs_initcall(sock_init);
