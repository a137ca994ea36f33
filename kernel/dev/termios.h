/*
 * Terminal settings and requests, with the numbers that user programs know.
 *
 * Mirrors Linux include/uapi/asm-generic/{termbits,ioctls}.h. Exercised by tests/user/{tty,pty}.c.
 */
#pragma once

#include "lib/types.h"

#define NCCS 19

/* The user's struct termios2; struct termios is the same without the speeds. */
struct ktermios {
	u32 c_iflag, c_oflag, c_cflag, c_lflag;
	u8 c_line;
	u8 c_cc[NCCS];
	u32 c_ispeed, c_ospeed;
};
#define TERMIOS_SIZE offsetof(struct ktermios, c_ispeed)
BUILD_BUG_ON(TERMIOS_SIZE != 36);

struct winsize {
	u16 ws_row, ws_col, ws_xpixel, ws_ypixel;
};

/* indices of c_cc */
#define VINTR	 0
#define VQUIT	 1
#define VERASE	 2
#define VKILL	 3
#define VEOF	 4
#define VTIME	 5
#define VMIN	 6
#define VSTART	 8
#define VSTOP	 9
#define VSUSP	 10
#define VEOL	 11
#define VREPRINT 12
#define VDISCARD 13
#define VWERASE	 14
#define VLNEXT	 15
#define VEOL2	 16

/* c_iflag */
#define IGNBRK	0x0001
#define BRKINT	0x0002
#define IGNPAR	0x0004
#define PARMRK	0x0008
#define INPCK	0x0010
#define ISTRIP	0x0020
#define INLCR	0x0040
#define IGNCR	0x0080
#define ICRNL	0x0100
#define IUCLC	0x0200
#define IXON	0x0400
#define IXANY	0x0800
#define IXOFF	0x1000
#define IMAXBEL 0x2000
#define IUTF8	0x4000

/* c_oflag */
#define OPOST  0x01
#define OLCUC  0x02
#define ONLCR  0x04
#define OCRNL  0x08
#define ONOCR  0x10
#define ONLRET 0x20
#define TABDLY 0x1800
#define XTABS  0x1800

/* c_cflag */
#define CBAUD	0x100f
#define B0	0x0000
#define B9600	0x000d
#define B38400	0x000f
#define B57600	0x1001
#define B115200 0x1002
#define BOTHER	0x1000
#define CSIZE	0x0030
#define CS5	0x0000
#define CS6	0x0010
#define CS7	0x0020
#define CS8	0x0030
#define CSTOPB	0x0040
#define CREAD	0x0080
#define PARENB	0x0100
#define PARODD	0x0200
#define HUPCL	0x0400
#define CLOCAL	0x0800

/* c_lflag */
#define ISIG	0x0001
#define ICANON	0x0002
#define ECHO	0x0008
#define ECHOE	0x0010
#define ECHOK	0x0020
#define ECHONL	0x0040
#define NOFLSH	0x0080
#define TOSTOP	0x0100
#define ECHOCTL 0x0200
#define ECHOKE	0x0800
#define IEXTEN	0x8000

/* requests */
#define TCGETS	    0x5401
#define TCSETS	    0x5402
#define TCSETSW	    0x5403
#define TCSETSF	    0x5404
#define TCSBRK	    0x5409
#define TCXONC	    0x540a
#define TCFLSH	    0x540b
#define TIOCEXCL    0x540c
#define TIOCNXCL    0x540d
#define TIOCSCTTY   0x540e
#define TIOCGPGRP   0x540f
#define TIOCSPGRP   0x5410
#define TIOCOUTQ    0x5411
#define TIOCSTI	    0x5412
#define TIOCGWINSZ  0x5413
#define TIOCSWINSZ  0x5414
#define TIOCMGET    0x5415
#define FIONREAD    0x541b
#define TIOCNOTTY   0x5422
#define TIOCSETD    0x5423
#define TIOCGETD    0x5424
#define TCSBRKP	    0x5425
#define TIOCSBRK    0x5427
#define TIOCCBRK    0x5428
#define TIOCGSID    0x5429
#define TCGETS2	    0x802c542aU
#define TCSETS2	    0x402c542bU
#define TCSETSW2    0x402c542cU
#define TCSETSF2    0x402c542dU
#define TIOCGPTN    0x80045430U
#define TIOCSPTLCK  0x40045431U
#define TIOCGDEV    0x80045432U
#define TIOCVHANGUP 0x5437
#define TIOCGPTLCK  0x80045439U
#define TIOCGEXCL   0x80045440U
#define TIOCGPTPEER 0x5441

#define TCIFLUSH  0
#define TCOFLUSH  1
#define TCIOFLUSH 2
#define TCOOFF	  0
#define TCOON	  1
#define TCIOFF	  2
#define TCION	  3

#define TIOCM_DTR 0x002
#define TIOCM_RTS 0x004
#define TIOCM_CTS 0x020
#define TIOCM_CAR 0x040
#define TIOCM_RNG 0x080
#define TIOCM_DSR 0x100
