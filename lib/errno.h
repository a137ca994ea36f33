/*
 * Error numbers of the Linux x86-64 ABI (errno(3)). The kernel returns them negated.
 *
 * The numbers from 512 on never reach user space: the signal-return path turns them into -EINTR or
 * a restart. LIB_ERRNO_LIST(X) lists name and number once; printf's %pe builds its names from it.
 *
 * Mirrors Linux's include/uapi/asm-generic/errno*.h and include/linux/errno.h. Exercised by
 * tests/kernel/lib_printf.c.
 */
#ifndef LIB_ERRNO_H
#define LIB_ERRNO_H

#define EPERM		1  /* Operation not permitted */
#define ENOENT		2  /* No such file or directory */
#define ESRCH		3  /* No such process */
#define EINTR		4  /* Interrupted system call */
#define EIO		5  /* Input/output error */
#define ENXIO		6  /* No such device or address */
#define E2BIG		7  /* Argument list too long */
#define ENOEXEC		8  /* Not an executable */
#define EBADF		9  /* Bad file number */
#define ECHILD		10 /* No child processes */
#define EAGAIN		11 /* Try again */
#define ENOMEM		12 /* Out of memory */
#define EACCES		13 /* Permission denied */
#define EFAULT		14 /* Bad address */
#define ENOTBLK		15 /* Block device required */
#define EBUSY		16 /* Device or resource busy */
#define EEXIST		17 /* File exists */
#define EXDEV		18 /* Cross-device link */
#define ENODEV		19 /* No such device */
#define ENOTDIR		20 /* Not a directory */
#define EISDIR		21 /* Is a directory */
#define EINVAL		22 /* Invalid argument */
#define ENFILE		23 /* System file table full */
#define EMFILE		24 /* Too many open files */
#define ENOTTY		25 /* Not a terminal */
#define ETXTBSY		26 /* Program file busy */
#define EFBIG		27 /* File too large */
#define ENOSPC		28 /* No space left */
#define ESPIPE		29 /* Not seekable */
#define EROFS		30 /* Read-only file system */
#define EMLINK		31 /* Too many links */
#define EPIPE		32 /* Broken pipe */
#define EDOM		33 /* Argument outside the domain */
#define ERANGE		34 /* Result not representable */
#define EDEADLK		35 /* Would deadlock */
#define ENAMETOOLONG	36 /* File name too long */
#define ENOLCK		37 /* No record locks */
#define ENOSYS		38 /* No such system call */
#define ENOTEMPTY	39 /* Directory not empty */
#define ELOOP		40 /* Too many symbolic links */
#define ENOMSG		42 /* No such message */
#define EIDRM		43 /* Identifier removed */
#define ECHRNG		44
#define EL2NSYNC	45
#define EL3HLT		46
#define EL3RST		47
#define ELNRNG		48
#define EUNATCH		49
#define ENOCSI		50
#define EL2HLT		51
#define EBADE		52
#define EBADR		53
#define EXFULL		54
#define ENOANO		55
#define EBADRQC		56
#define EBADSLT		57
#define EBFONT		59
#define ENOSTR		60
#define ENODATA		61 /* No data */
#define ETIME		62 /* Timer expired */
#define ENOSR		63
#define ENONET		64
#define ENOPKG		65
#define EREMOTE		66
#define ENOLINK		67
#define EADV		68
#define ESRMNT		69
#define ECOMM		70
#define EPROTO		71 /* Protocol error */
#define EMULTIHOP	72
#define EDOTDOT		73
#define EBADMSG		74 /* Not a data message */
#define EOVERFLOW	75 /* Value too large for its type */
#define ENOTUNIQ	76
#define EBADFD		77
#define EREMCHG		78
#define ELIBACC		79
#define ELIBBAD		80
#define ELIBSCN		81
#define ELIBMAX		82
#define ELIBEXEC	83
#define EILSEQ		84 /* Illegal byte sequence */
#define ERESTART	85
#define ESTRPIPE	86
#define EUSERS		87 /* Too many users */
#define ENOTSOCK	88
#define EDESTADDRREQ	89
#define EMSGSIZE	90
#define EPROTOTYPE	91
#define ENOPROTOOPT	92
#define EPROTONOSUPPORT 93
#define ESOCKTNOSUPPORT 94
#define EOPNOTSUPP	95 /* Operation not supported */
#define EPFNOSUPPORT	96
#define EAFNOSUPPORT	97
#define EADDRINUSE	98
#define EADDRNOTAVAIL	99
#define ENETDOWN	100
#define ENETUNREACH	101
#define ENETRESET	102
#define ECONNABORTED	103
#define ECONNRESET	104
#define ENOBUFS		105
#define EISCONN		106
#define ENOTCONN	107
#define ESHUTDOWN	108
#define ETOOMANYREFS	109
#define ETIMEDOUT	110 /* Timed out */
#define ECONNREFUSED	111
#define EHOSTDOWN	112
#define EHOSTUNREACH	113
#define EALREADY	114
#define EINPROGRESS	115
#define ESTALE		116
#define EUCLEAN		117 /* Structure needs cleaning */
#define ENOTNAM		118
#define ENAVAIL		119
#define EISNAM		120
#define EREMOTEIO	121
#define EDQUOT		122 /* Quota exceeded */
#define ENOMEDIUM	123
#define EMEDIUMTYPE	124
#define ECANCELED	125 /* Operation cancelled */
#define ENOKEY		126
#define EKEYEXPIRED	127
#define EKEYREVOKED	128
#define EKEYREJECTED	129
#define EOWNERDEAD	130 /* Lock owner died */
#define ENOTRECOVERABLE 131
#define ERFKILL		132
#define EHWPOISON	133 /* Page has a hardware error */

#define EWOULDBLOCK EAGAIN
#define EDEADLOCK   EDEADLK
#define ENOTSUP	    EOPNOTSUPP

/* Kernel only: what to do with a call that a signal interrupted. */
#define ERESTARTSYS	      512 /* restart if the handler has SA_RESTART, else EINTR */
#define ERESTARTNOINTR	      513 /* always restart */
#define ERESTARTNOHAND	      514 /* restart only if no handler ran */
#define ENOIOCTLCMD	      515 /* the ioctl is not known here; becomes ENOTTY */
#define ERESTART_RESTARTBLOCK 516 /* restart through restart_syscall with saved arguments */
#define EPROBE_DEFER	      517
#define EOPENSTALE	      518
#define ENOPARAM	      519
#define ENOTSUPP	      524

/* clang-format off */
#define LIB_ERRNO_LIST(X) \
	X(EPERM) X(ENOENT) X(ESRCH) X(EINTR) X(EIO) X(ENXIO) X(E2BIG) X(ENOEXEC) X(EBADF) \
	X(ECHILD) X(EAGAIN) X(ENOMEM) X(EACCES) X(EFAULT) X(ENOTBLK) X(EBUSY) X(EEXIST) \
	X(EXDEV) X(ENODEV) X(ENOTDIR) X(EISDIR) X(EINVAL) X(ENFILE) X(EMFILE) X(ENOTTY) \
	X(ETXTBSY) X(EFBIG) X(ENOSPC) X(ESPIPE) X(EROFS) X(EMLINK) X(EPIPE) X(EDOM) \
	X(ERANGE) X(EDEADLK) X(ENAMETOOLONG) X(ENOLCK) X(ENOSYS) X(ENOTEMPTY) X(ELOOP) \
	X(ENOMSG) X(EIDRM) X(ECHRNG) X(EL2NSYNC) X(EL3HLT) X(EL3RST) X(ELNRNG) X(EUNATCH) \
	X(ENOCSI) X(EL2HLT) X(EBADE) X(EBADR) X(EXFULL) X(ENOANO) X(EBADRQC) X(EBADSLT) \
	X(EBFONT) X(ENOSTR) X(ENODATA) X(ETIME) X(ENOSR) X(ENONET) X(ENOPKG) X(EREMOTE) \
	X(ENOLINK) X(EADV) X(ESRMNT) X(ECOMM) X(EPROTO) X(EMULTIHOP) X(EDOTDOT) \
	X(EBADMSG) X(EOVERFLOW) X(ENOTUNIQ) X(EBADFD) X(EREMCHG) X(ELIBACC) X(ELIBBAD) \
	X(ELIBSCN) X(ELIBMAX) X(ELIBEXEC) X(EILSEQ) X(ERESTART) X(ESTRPIPE) X(EUSERS) \
	X(ENOTSOCK) X(EDESTADDRREQ) X(EMSGSIZE) X(EPROTOTYPE) X(ENOPROTOOPT) \
	X(EPROTONOSUPPORT) X(ESOCKTNOSUPPORT) X(EOPNOTSUPP) X(EPFNOSUPPORT) \
	X(EAFNOSUPPORT) X(EADDRINUSE) X(EADDRNOTAVAIL) X(ENETDOWN) X(ENETUNREACH) \
	X(ENETRESET) X(ECONNABORTED) X(ECONNRESET) X(ENOBUFS) X(EISCONN) X(ENOTCONN) \
	X(ESHUTDOWN) X(ETOOMANYREFS) X(ETIMEDOUT) X(ECONNREFUSED) X(EHOSTDOWN) \
	X(EHOSTUNREACH) X(EALREADY) X(EINPROGRESS) X(ESTALE) X(EUCLEAN) X(ENOTNAM) \
	X(ENAVAIL) X(EISNAM) X(EREMOTEIO) X(EDQUOT) X(ENOMEDIUM) X(EMEDIUMTYPE) \
	X(ECANCELED) X(ENOKEY) X(EKEYEXPIRED) X(EKEYREVOKED) X(EKEYREJECTED) \
	X(EOWNERDEAD) X(ENOTRECOVERABLE) X(ERFKILL) X(EHWPOISON) X(ERESTARTSYS) \
	X(ERESTARTNOINTR) X(ERESTARTNOHAND) X(ENOIOCTLCMD) X(ERESTART_RESTARTBLOCK) \
	X(EPROBE_DEFER) X(EOPENSTALE) X(ENOPARAM) X(ENOTSUPP)
/* clang-format on */

#endif /* LIB_ERRNO_H */
