/*
 * Sockets as user programs see them: numbers and layouts of socket(2), sendmsg(2), recvmsg(2), setsockopt(2).
 *
 * Only what this kernel answers to is listed. Mirrors Linux include/linux/socket.h, include/uapi/linux/un.h and
 * include/uapi/asm-generic/{socket,sockios}.h. Exercised by tests/user/unix_*.c.
 */
#pragma once

#include "lib/types.h"

#define AF_UNSPEC 0
#define AF_UNIX	  1
#define PF_UNIX	  AF_UNIX
#define AF_MAX	  46

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_RAW       3
#define SOCK_SEQPACKET 5
#define SOCK_MAX       11
#define SOCK_TYPE_MASK 0xf
#define SOCK_CLOEXEC   02000000 /* O_CLOEXEC */
#define SOCK_NONBLOCK  04000	/* O_NONBLOCK */

#define MSG_OOB		 0x1u
#define MSG_PEEK	 0x2u
#define MSG_CTRUNC	 0x8u
#define MSG_TRUNC	 0x20u
#define MSG_DONTWAIT	 0x40u
#define MSG_EOR		 0x80u
#define MSG_WAITALL	 0x100u
#define MSG_NOSIGNAL	 0x4000u
#define MSG_WAITFORONE	 0x10000u
#define MSG_CMSG_CLOEXEC 0x40000000u
#define MSG_CMSG_COMPAT	 0x80000000u

#define SOL_SOCKET	1
#define SO_DEBUG	1
#define SO_REUSEADDR	2
#define SO_TYPE		3
#define SO_ERROR	4
#define SO_DONTROUTE	5
#define SO_BROADCAST	6
#define SO_SNDBUF	7
#define SO_RCVBUF	8
#define SO_KEEPALIVE	9
#define SO_OOBINLINE	10
#define SO_PRIORITY	12
#define SO_LINGER	13
#define SO_PASSCRED	16
#define SO_PEERCRED	17
#define SO_RCVLOWAT	18
#define SO_SNDLOWAT	19
#define SO_RCVTIMEO	20
#define SO_SNDTIMEO	21
#define SO_PEERNAME	28
#define SO_TIMESTAMP	29
#define SO_ACCEPTCONN	30
#define SO_SNDBUFFORCE	32
#define SO_RCVBUFFORCE	33
#define SO_PROTOCOL	38
#define SO_DOMAIN	39
#define SO_PEERGROUPS	59
#define SO_RCVTIMEO_NEW 66
#define SO_SNDTIMEO_NEW 67
#define SO_PEERPIDFD	77

#define SCM_RIGHTS	1
#define SCM_CREDENTIALS 2
#define SCM_MAX_FD	253 /* descriptors in one message */

#define SIOCINQ	 0x541b /* FIONREAD */
#define SIOCOUTQ 0x5411

#define UIO_MAXIOV    1024
#define UNIX_PATH_MAX 108
#define SOMAXCONN     4096
#define OVERFLOW_ID   65534 /* the user nobody knows */

struct sockaddr {
	u16 sa_family;
	char sa_data[14];
};

struct sockaddr_un {
	u16 sun_family;
	char sun_path[UNIX_PATH_MAX];
};

/* Room for an address of any family. */
struct sockaddr_storage {
	u16 ss_family;
	char data[126];
};

struct ucred {
	u32 pid, uid, gid;
};

struct linger {
	int l_onoff, l_linger;
};

struct cmsghdr {
	u64 cmsg_len; /* with the header */
	int cmsg_level, cmsg_type;
};

#define CMSG_ALIGN(len) (((len) + sizeof(long) - 1) & ~(sizeof(long) - 1))
#define CMSG_LEN(len)	(sizeof(struct cmsghdr) + (len))
#define CMSG_SPACE(len) (sizeof(struct cmsghdr) + CMSG_ALIGN(len))

struct iovec;

struct user_msghdr {
	void __user *msg_name;
	int msg_namelen;
	struct iovec __user *msg_iov;
	u64 msg_iovlen;
	void __user *msg_control;
	u64 msg_controllen;
	u32 msg_flags;
};

struct mmsghdr {
	struct user_msghdr msg_hdr;
	u32 msg_len;
};
BUILD_BUG_ON(sizeof(struct user_msghdr) != 56);
BUILD_BUG_ON(sizeof(struct mmsghdr) != 64);
