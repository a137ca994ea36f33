/*
 * The calls that send and receive: send, recv and their relatives down to recvmmsg.
 *
 * All of them build one struct msghdr and call the family. sendmsg copies the control messages into the kernel first, as they are
 * read more than once; recvmsg leaves them in the user's buffer, piece by piece.
 *
 * Locks: none of its own. Mirrors Linux net/socket.c. Exercised by tests/user/unix_{stream,dgram,rights}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/net/sock.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

#define MAX_RW_COUNT (0x7fffffffUL & PAGE_MASK)

/* One range of user memory. */
static int import_range(void __user *buf, size_t len, unsigned int dir, struct iov_iter *it)
{
	if (len > MAX_RW_COUNT)
		len = MAX_RW_COUNT;
	if (!access_ok(buf, len))
		return -EFAULT;
	iov_iter_ubuf(it, dir, buf, len);
	return 0;
}

static unsigned int file_flags(const struct file *file)
{
	return file->f_flags & O_NONBLOCK ? MSG_DONTWAIT : 0;
}

static long sys_sendto(int fd, void __user *buf, size_t len, unsigned int flags,
		       const void __user *uaddr, int addr_len)
{
	struct sockaddr_storage addr;
	struct msghdr msg = { 0 };
	struct socket *sock;
	struct fd f;
	long err = import_range(buf, len, ITER_SOURCE, &msg.msg_iter);

	if (err)
		return err;
	sock = sockfd_lookup(fd, &f);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	if (uaddr) {
		err = move_addr_to_kernel(uaddr, addr_len, &addr);
		msg.msg_name = &addr;
		msg.msg_namelen = addr_len;
	}
	msg.msg_flags = (flags & ~MSG_CMSG_COMPAT) | file_flags(f.file);
	if (!err)
		err = sock_sendmsg(sock, &msg);
	fdput(f);
	return err;
}
SYSCALL(44, sendto);

static long sys_recvfrom(int fd, void __user *buf, size_t len, unsigned int flags,
			 void __user *uaddr, int __user *addr_len)
{
	struct sockaddr_storage addr = { 0 };
	struct msghdr msg = { .msg_name = uaddr ? &addr : NULL };
	struct socket *sock;
	struct fd f;
	long err, ret = import_range(buf, len, ITER_DEST, &msg.msg_iter);

	if (ret)
		return ret;
	sock = sockfd_lookup(fd, &f);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	ret = sock_recvmsg(sock, &msg, flags | file_flags(f.file));
	if (ret >= 0 && uaddr) {
		err = move_addr_to_user(&addr, msg.msg_namelen, uaddr, addr_len);
		if (err)
			ret = err;
	}
	fdput(f);
	return ret;
}
SYSCALL(45, recvfrom);

/* ---- sendmsg ---- */

/* A user's msghdr in the kernel, with what it points at. */
struct msg_copy {
	struct user_msghdr user;
	struct sockaddr_storage addr;
	struct iovec fast[8], *iov;
	u64 control[8]; /* small ones need no allocation */
	struct msghdr msg;
};

/* Header and vector; free_msg() in any case. */
static int copy_msghdr(struct msg_copy *m, const struct user_msghdr __user *uptr, unsigned int dir)
{
	ssize_t len;

	m->iov = NULL;
	memset(&m->msg, 0, sizeof(m->msg));
	if (copy_from_user(&m->user, uptr, sizeof(m->user)))
		return -EFAULT;
	if (!m->user.msg_name)
		m->user.msg_namelen = 0;
	if (m->user.msg_namelen < 0)
		return -EINVAL;
	if (m->user.msg_namelen > (int)sizeof(m->addr))
		m->user.msg_namelen = sizeof(m->addr);
	if (m->user.msg_iovlen > UIO_MAXIOV)
		return -EMSGSIZE;
	len = import_iovec(m->user.msg_iov, m->user.msg_iovlen, m->fast, &m->iov);
	if (len < 0)
		return len;
	iov_iter_init(&m->msg.msg_iter, dir, m->iov, m->user.msg_iovlen, len);
	return 0;
}

static void free_msg(struct msg_copy *m)
{
	if (m->iov != m->fast)
		kfree(m->iov);
	if (m->msg.control != m->control)
		kfree(m->msg.control);
}

static int copy_control(struct msg_copy *m)
{
	size_t len = m->user.msg_controllen;

	if (!m->user.msg_control || !len)
		return 0;
	if (len > SCM_OPTMEM_MAX)
		return -ENOBUFS;
	m->msg.control = len <= sizeof(m->control) ? (void *)m->control : kmalloc(len, GFP_KERNEL);
	if (!m->msg.control)
		return -ENOBUFS;
	m->msg.msg_controllen = len;
	return copy_from_user(m->msg.control, m->user.msg_control, len) ? -EFAULT : 0;
}

static long do_sendmsg(struct socket *sock, struct user_msghdr __user *uptr, unsigned int flags)
{
	struct msg_copy *m = kmalloc(sizeof(*m), GFP_KERNEL);
	long err;

	if (!m)
		return -ENOMEM;
	err = copy_msghdr(m, uptr, ITER_SOURCE);
	if (!err && m->user.msg_namelen) {
		err = move_addr_to_kernel(m->user.msg_name, m->user.msg_namelen, &m->addr);
		m->msg.msg_name = &m->addr;
		m->msg.msg_namelen = m->user.msg_namelen;
	}
	if (!err)
		err = copy_control(m);
	m->msg.msg_flags = flags | file_flags(sock->file);
	if (!err)
		err = sock_sendmsg(sock, &m->msg);
	free_msg(m);
	kfree(m);
	return err;
}

static long sys_sendmsg(int fd, struct user_msghdr __user *uptr, unsigned int flags)
{
	struct socket *sock;
	struct fd f;
	long err;

	if (flags & MSG_CMSG_COMPAT)
		return -EINVAL;
	sock = sockfd_lookup(fd, &f);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	err = do_sendmsg(sock, uptr, flags);
	fdput(f);
	return err;
}
SYSCALL(46, sendmsg);

static long sys_sendmmsg(int fd, struct mmsghdr __user *vec, unsigned int nr, unsigned int flags)
{
	unsigned int done = 0;
	struct socket *sock;
	struct fd f;
	long ret = 0;

	if (flags & MSG_CMSG_COMPAT)
		return -EINVAL;
	sock = sockfd_lookup(fd, &f);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	nr = min(nr, (unsigned int)UIO_MAXIOV);
	while (done < nr) {
		ret = do_sendmsg(sock, &vec[done].msg_hdr, flags);
		if (ret >= 0)
			ret = put_user((u32)ret, &vec[done].msg_len);
		if (ret < 0)
			break;
		done++;
		cond_resched();
	}
	fdput(f);
	return done ? done : ret;
}
SYSCALL(307, sendmmsg);

/* ---- recvmsg ---- */

/* Tells the user what came with the bytes. */
static int put_results(struct msg_copy *m, struct user_msghdr __user *uptr)
{
	u64 used = m->msg.msg_control ? m->msg.msg_control - m->user.msg_control : 0;
	int err = 0;

	if (m->user.msg_name)
		err = move_addr_to_user(&m->addr, m->msg.msg_namelen, m->user.msg_name,
					&uptr->msg_namelen);
	if (!err)
		err = put_user(m->msg.msg_flags, &uptr->msg_flags);
	if (!err)
		err = put_user(used, &uptr->msg_controllen);
	return err;
}

static long do_recvmsg(struct socket *sock, struct user_msghdr __user *uptr, unsigned int flags)
{
	struct msg_copy *m = kmalloc(sizeof(*m), GFP_KERNEL);
	long ret, err;

	if (!m)
		return -ENOMEM;
	ret = copy_msghdr(m, uptr, ITER_DEST);
	if (!ret) {
		memset(&m->addr, 0, sizeof(m->addr));
		m->msg.msg_name = m->user.msg_name ? &m->addr : NULL;
		m->msg.msg_control = m->user.msg_control;
		m->msg.msg_controllen = m->user.msg_controllen;
		m->msg.msg_flags = flags & MSG_CMSG_CLOEXEC;
		ret = sock_recvmsg(sock, &m->msg, flags | file_flags(sock->file));
	}
	if (ret >= 0) {
		err = put_results(m, uptr);
		if (err)
			ret = err;
	}
	free_msg(m);
	kfree(m);
	return ret;
}

static long sys_recvmsg(int fd, struct user_msghdr __user *uptr, unsigned int flags)
{
	struct socket *sock;
	struct fd f;
	long ret;

	if (flags & MSG_CMSG_COMPAT)
		return -EINVAL;
	sock = sockfd_lookup(fd, &f);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	ret = do_recvmsg(sock, uptr, flags);
	fdput(f);
	return ret;
}
SYSCALL(47, recvmsg);

/* Receives up to nr messages, until the time end (0: none) is over; how many, or the error of the first. */
static long recv_many(struct socket *sock, struct mmsghdr __user *vec, unsigned int nr,
		      unsigned int flags, u64 end)
{
	unsigned int done = 0;
	long ret = 0;

	while (done < nr) {
		ret = do_recvmsg(sock, &vec[done].msg_hdr, flags & ~MSG_WAITFORONE);
		if (ret >= 0)
			ret = put_user((u32)ret, &vec[done].msg_len);
		if (ret < 0)
			break;
		done++;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (end && ktime_get_ns() >= end)
			break;
		cond_resched();
	}
	if (!done)
		return ret;
	/* What went wrong after that is told next time. */
	if (ret < 0 && ret != -EAGAIN && ret != -EINTR && ret != -ERESTARTSYS)
		WRITE_ONCE(sock->sk->sk_err, -ret);
	return done;
}

static long sys_recvmmsg(int fd, struct mmsghdr __user *vec, unsigned int nr, unsigned int flags,
			 struct timespec64 __user *utimeout)
{
	struct timespec64 t;
	struct socket *sock;
	u64 now, end = 0;
	struct fd f;
	long ret;

	if (flags & MSG_CMSG_COMPAT)
		return -EINVAL;
	now = ktime_get_ns();
	if (utimeout) {
		if (copy_from_user(&t, utimeout, sizeof(t)))
			return -EFAULT;
		if (t.tv_sec < 0 || t.tv_nsec < 0 || t.tv_nsec >= NSEC_PER_SEC)
			return -EINVAL;
		end = t.tv_sec >= KTIME_MAX / NSEC_PER_SEC - 1 - (s64)(now / NSEC_PER_SEC)
			      ? 0
			      : now + t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
	}
	sock = sockfd_lookup(fd, &f);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	ret = sock_error(sock->sk);
	if (!ret)
		ret = recv_many(sock, vec, min(nr, (unsigned int)UIO_MAXIOV), flags, end);
	fdput(f);
	if (ret <= 0 || !end)
		return ret;
	now = ktime_get_ns();
	end = end > now ? end - now : 0;
	t = (struct timespec64){ end / NSEC_PER_SEC, end % NSEC_PER_SEC };
	return copy_to_user(utimeout, &t, sizeof(t)) ? -EFAULT : ret;
}
SYSCALL(299, recvmmsg);
