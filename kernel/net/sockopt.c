/*
 * setsockopt and getsockopt, level SOL_SOCKET: what every socket has.
 *
 * Switches that mean something to protocols of a network only (SO_REUSEADDR, SO_KEEPALIVE, ...) are kept and shown, as on Linux.
 * Buffer sizes are doubled when they are set: half is for the kernel's own records. Options that are not here: ENOPROTOOPT.
 *
 * Locks: single words; the peer's credentials are read under the protocol's state lock (peer_creds). Mirrors Linux net/core/sock.c.
 * Exercised by tests/user/unix_names.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/init.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/net/unix.h"
#include "kernel/pid.h"
#include "kernel/pidfd.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "lib/string.h"

int sysctl_wmem_max = SK_MEM_DEFAULT, sysctl_rmem_max = SK_MEM_DEFAULT;

/* Options that are one bit of sk_flags. */
static const struct {
	int option;
	enum sock_flags flag;
} switches[] = {
	{ SO_DEBUG, SOCK_DBG },
	{ SO_REUSEADDR, SOCK_REUSE },
	{ SO_DONTROUTE, SOCK_LOCALROUTE },
	{ SO_BROADCAST, SOCK_BROADCAST },
	{ SO_KEEPALIVE, SOCK_KEEPOPEN },
	{ SO_OOBINLINE, SOCK_URGINLINE },
	{ SO_PASSCRED, SOCK_PASSCRED },
	{ SO_TIMESTAMP, SOCK_RCVTSTAMP },
};

/* The switch of an option, or -1. */
static int find_switch(int option)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(switches); i++)
		if (switches[i].option == option)
			return switches[i].flag;
	return -1;
}

/* ---- set ---- */

static int set_timeout(long *to, const void __user *uval, int len)
{
	struct timeval tv;

	if (len < (int)sizeof(tv))
		return -EINVAL;
	if (copy_from_user(&tv, uval, sizeof(tv)))
		return -EFAULT;
	if (tv.tv_usec < 0 || tv.tv_usec >= USEC_PER_SEC)
		return -EDOM;
	if (tv.tv_sec < 0)
		WRITE_ONCE(*to, 0);
	else if ((!tv.tv_sec && !tv.tv_usec) || tv.tv_sec >= MAX_SCHEDULE_TIMEOUT / HZ - 1)
		WRITE_ONCE(*to, MAX_SCHEDULE_TIMEOUT);
	else
		WRITE_ONCE(*to, tv.tv_sec * HZ + DIV_ROUND_UP(tv.tv_usec, USEC_PER_SEC / HZ));
	return 0;
}

static int set_linger(struct sock *sk, const void __user *uval, int len)
{
	struct linger l;

	if (len < (int)sizeof(l))
		return -EINVAL;
	if (copy_from_user(&l, uval, sizeof(l)))
		return -EFAULT;
	sk->sk_linger.l_onoff = !!l.l_onoff;
	if (l.l_onoff)
		sk->sk_linger.l_linger = l.l_linger;
	return 0;
}

static void set_sndbuf(struct sock *sk, int val)
{
	val = min(max(val, 0), INT_MAX / 2);
	WRITE_ONCE(sk->sk_sndbuf, max(val * 2, SOCK_MIN_SNDBUF));
	sk->sk_write_space(sk);
}

static void set_rcvbuf(struct sock *sk, int val)
{
	val = min(max(val, 0), INT_MAX / 2);
	WRITE_ONCE(sk->sk_rcvbuf, max(val * 2, SOCK_MIN_RCVBUF));
}

static int set_switch(struct sock *sk, int option, int flag, int val)
{
	if (option == SO_DEBUG && val && !capable(CAP_NET_ADMIN))
		return -EACCES;
	sock_set_flag(sk, flag, val);
	return 0;
}

static int set_int(struct sock *sk, int option, int val)
{
	int flag = find_switch(option);

	if (flag >= 0)
		return set_switch(sk, option, flag, val);
	switch (option) {
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
		if (!capable(CAP_NET_ADMIN))
			return -EPERM;
		(option == SO_SNDBUFFORCE ? set_sndbuf : set_rcvbuf)(sk, val);
		return 0;
	case SO_SNDBUF:
		set_sndbuf(sk, min((u32)val, (u32)sysctl_wmem_max));
		return 0;
	case SO_RCVBUF:
		set_rcvbuf(sk, min((u32)val, (u32)sysctl_rmem_max));
		return 0;
	case SO_PRIORITY:
		if ((val < 0 || val > 6) && !capable(CAP_NET_ADMIN))
			return -EPERM;
		sk->sk_priority = val;
		return 0;
	case SO_RCVLOWAT:
		WRITE_ONCE(sk->sk_rcvlowat, val < 0 ? INT_MAX : val ? val : 1);
		return 0;
	}
	return -ENOPROTOOPT;
}

static int sock_setsockopt(struct sock *sk, int option, const void __user *uval, int len)
{
	int val;

	if (len < (int)sizeof(int))
		return -EINVAL;
	switch (option) {
	case SO_LINGER:
		return set_linger(sk, uval, len);
	case SO_RCVTIMEO:
	case SO_RCVTIMEO_NEW:
		return set_timeout(&sk->sk_rcvtimeo, uval, len);
	case SO_SNDTIMEO:
	case SO_SNDTIMEO_NEW:
		return set_timeout(&sk->sk_sndtimeo, uval, len);
	}
	if (get_user(val, (const int __user *)uval))
		return -EFAULT;
	return set_int(sk, option, val);
}

static long sys_setsockopt(int fd, int level, int option, const void __user *uval, int len)
{
	struct socket *sock;
	struct fd f;
	long err;

	if (len < 0)
		return -EINVAL;
	sock = sockfd_lookup(fd, &f);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	err = level == SOL_SOCKET ? sock_setsockopt(sock->sk, option, uval, len) : -EOPNOTSUPP;
	fdput(f);
	return err;
}
SYSCALL(54, setsockopt);

/* ---- get ---- */

/* The value in v, its length; or errno. */
union sockopt_value {
	int val;
	struct linger linger;
	struct timeval tv;
	struct ucred ucred;
	struct sockaddr_storage addr;
};

static struct timeval get_timeout(long jiffies)
{
	if (jiffies == MAX_SCHEDULE_TIMEOUT)
		return (struct timeval){ 0, 0 };
	return (struct timeval){ jiffies / HZ, jiffies % HZ * (USEC_PER_SEC / HZ) };
}

/* Who is at the other end, with references, which may be NULL. */
static void peer_creds(struct sock *sk, struct pid **pid, const struct cred **cred)
{
	unix_state_lock(sk);
	*pid = get_pid(sk->sk_peer_pid);
	*cred = sk->sk_peer_cred ? get_cred(sk->sk_peer_cred) : NULL;
	unix_state_unlock(sk);
}

static int get_peercred(struct sock *sk, struct ucred *to)
{
	const struct cred *cred;
	struct pid *pid;

	peer_creds(sk, &pid, &cred);
	*to = (struct ucred){ pid_nr(pid), cred ? cred->euid : ~0u, cred ? cred->egid : ~0u };
	put_pid(pid);
	if (cred)
		put_cred(cred);
	return sizeof(*to);
}

/* The peer's supplementary groups, all or none: the length needed is told with -ERANGE. */
static int get_peergroups(struct sock *sk, void __user *uval, int len, int __user *ulen)
{
	const struct group_info *groups;
	const struct cred *cred;
	struct pid *pid;
	int need, err = 0;

	peer_creds(sk, &pid, &cred);
	put_pid(pid);
	if (!cred)
		return -ENODATA;
	groups = cred->group_info;
	need = groups ? groups->ngroups * sizeof(u32) : 0;
	if (len < need)
		err = -ERANGE;
	else if (need && copy_to_user(uval, groups->gid, need))
		err = -EFAULT;
	put_cred(cred);
	if (put_user(need, ulen))
		return -EFAULT;
	return err;
}

/* A descriptor for the process at the other end. */
static int get_peerpidfd(struct sock *sk, void __user *uval, int len, int __user *ulen)
{
	const struct cred *cred;
	struct file *file;
	struct pid *pid;
	int fd;

	peer_creds(sk, &pid, &cred);
	if (cred)
		put_cred(cred);
	if (!pid)
		return -ENODATA;
	fd = pidfd_prepare(pid, 0, &file);
	put_pid(pid);
	if (fd < 0)
		return fd;
	len = min(len, (int)sizeof(fd));
	if (copy_to_user(uval, &fd, len) || put_user(len, ulen)) {
		put_unused_fd(fd);
		fput(file);
		return -EFAULT;
	}
	fd_install(fd, file);
	return 0;
}

static int get_int(struct socket *sock, int option)
{
	struct sock *sk = sock->sk;

	switch (option) {
	case SO_TYPE:
		return sk->sk_type;
	case SO_DOMAIN:
		return sock->ops->family;
	case SO_PROTOCOL:
		return 0;
	case SO_ERROR:
		return -sock_error(sk);
	case SO_SNDBUF:
		return sk->sk_sndbuf;
	case SO_RCVBUF:
		return sk->sk_rcvbuf;
	case SO_RCVLOWAT:
		return sk->sk_rcvlowat;
	case SO_SNDLOWAT:
		return 1;
	case SO_ACCEPTCONN:
		return READ_ONCE(sk->sk_state) == TCP_LISTEN;
	}
	return -ENOPROTOOPT;
}

/* Length of the value, or errno. */
static int get_value(struct socket *sock, int option, union sockopt_value *v)
{
	struct sock *sk = sock->sk;
	int flag = find_switch(option);

	switch (option) {
	case SO_LINGER:
		v->linger = sk->sk_linger;
		return sizeof(v->linger);
	case SO_PRIORITY: /* may be negative, which is no error */
		v->val = sk->sk_priority;
		return sizeof(v->val);
	case SO_RCVTIMEO:
	case SO_RCVTIMEO_NEW:
		v->tv = get_timeout(READ_ONCE(sk->sk_rcvtimeo));
		return sizeof(v->tv);
	case SO_SNDTIMEO:
	case SO_SNDTIMEO_NEW:
		v->tv = get_timeout(READ_ONCE(sk->sk_sndtimeo));
		return sizeof(v->tv);
	case SO_PEERCRED:
		return get_peercred(sk, &v->ucred);
	case SO_PEERNAME:
		return sock->ops->getname(sock, &v->addr, true);
	}
	v->val = flag >= 0 ? sock_flag(sk, flag) : get_int(sock, option);
	return v->val < 0 ? v->val : (int)sizeof(v->val);
}

static int sock_getsockopt(struct socket *sock, int option, void __user *uval, int __user *ulen)
{
	union sockopt_value v = { .addr = { 0 } };
	int len, need;

	if (get_user(len, ulen))
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	if (option == SO_PEERGROUPS)
		return get_peergroups(sock->sk, uval, len, ulen);
	if (option == SO_PEERPIDFD)
		return get_peerpidfd(sock->sk, uval, len, ulen);
	need = get_value(sock, option, &v);
	if (need < 0)
		return need;
	/* An address is given whole or not at all. */
	if (option == SO_PEERNAME && need < len)
		len = need;
	else if (option == SO_PEERNAME && need > len)
		return -EINVAL;
	len = min(len, need);
	if (copy_to_user(uval, &v, len))
		return -EFAULT;
	return put_user(len, ulen);
}

static long sys_getsockopt(int fd, int level, int option, void __user *uval, int __user *ulen)
{
	struct fd f;
	struct socket *sock = sockfd_lookup(fd, &f);
	long err;

	if (IS_ERR(sock))
		return PTR_ERR(sock);
	err = level == SOL_SOCKET ? sock_getsockopt(sock, option, uval, ulen) : -EOPNOTSUPP;
	fdput(f);
	return err;
}
SYSCALL(55, getsockopt);

/* ---- /proc/sys/net/core ---- */

static int net_core_init(void)
{
	struct proc_dir_entry *dir = proc_sys_dir("net");

	dir = dir ? proc_mkdir("core", dir) : NULL;
	if (!dir)
		return -ENOMEM;
	proc_create_int("somaxconn", 0644, dir, &sysctl_somaxconn, 0, INT_MAX);
	proc_create_int("wmem_max", 0644, dir, &sysctl_wmem_max, SOCK_MIN_SNDBUF, INT_MAX);
	proc_create_int("rmem_max", 0644, dir, &sysctl_rmem_max, SOCK_MIN_RCVBUF, INT_MAX);
	proc_create_int("wmem_default", 0644, dir, &sysctl_wmem_default, SOCK_MIN_SNDBUF, INT_MAX);
	proc_create_int("rmem_default", 0644, dir, &sysctl_rmem_default, SOCK_MIN_RCVBUF, INT_MAX);
	return 0;
}
fs_initcall(net_core_init);
