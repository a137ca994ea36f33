/*
 * Terminals: the part between a byte stream (a serial line, the master of a pseudo terminal) and
 * the programs on it.
 *
 * 1. A tty has two rings. Output: programs and echo put processed bytes in, the driver takes them
 *    out. Input: the driver hands bytes to n_tty_receive(), which edits lines, echoes and makes
 *    signals; programs read the ring.
 * 2. Input is processed where it comes in, also in an interrupt: everything it needs stands under
 *    tty->lock, and signals are sent after the lock was dropped.
 * 3. A session may have one tty as its controlling terminal (signal->tty), a tty belongs to one
 *    session at most. tty->pgrp is the group in the foreground: it gets the signals that keys make,
 *    and it alone may read.
 * 4. A hang-up makes the files that are open now useless (read 0, write EIO) by raising
 *    tty->generation, which each file remembered as it was opened (f_version). Files of
 *    /dev/console do not mind hang-ups.
 * 5. The master of a pseudo terminal is not a tty here: it is the driver's end of the slave's rings
 *    (pty.c).
 *
 * Locks, outer first: tty_mutex (opening, closing, hang-up, who owns which terminal; sleeps);
 * read_mutex and write_mutex (one reader, one writer at a time; sleep); tasklist_lock; siglock;
 * lock (L), interrupts off; out.lock (O), interrupts off, a leaf: the console writes under it, so
 * nothing may print or wake there; ctrl_lock (C), a leaf.
 *
 * Mirrors Linux include/linux/{tty,tty_driver,tty_ldisc}.h. Exercised by tests/user/{tty,pty}.c,
 * tests/boot/test_shell.py.
 */
#pragma once

#include "kernel/dev/termios.h"
#include "kernel/fs/fs.h"
#include "kernel/mutex.h"
#include "kernel/pid.h"
#include "kernel/spinlock.h"
#include "kernel/wait.h"

#define TTY_BUF_SIZE  4096U /* each ring; a line has at most one byte less, and its end */
#define TTY_BUF_MASK  (TTY_BUF_SIZE - 1)
#define TTY_ECHO_ROOM 256U /* of the output ring, kept free for echo */
#define TTY_CHUNK     512  /* bytes between user memory and a ring at a time, on the stack */
#define DISABLED_CHAR 0	   /* in c_cc: no such character */

struct poll_table;
struct tty_struct;

struct tty_operations {
	/* Bytes are in the output ring, or output goes on after a stop. => lock held */
	void (*start_tx)(struct tty_struct *tty);
	/*
	 * The input ring is nearly full (true), or has room again. => lock held; NULL: the driver
	 * asks itself
	 */
	void (*throttle)(struct tty_struct *tty, bool on);
	/* termios changed. => lock held; NULL */
	void (*set_termios)(struct tty_struct *tty);
	/*
	 * Waits until the line is quiet or a signal comes; NULL: bytes count as sent in the ring.
	 * May sleep
	 */
	void (*wait_until_sent)(struct tty_struct *tty);
	int (*tiocmget)(struct tty_struct *tty);	    /* TIOCM_* bits; NULL: ENOTTY */
	void (*break_ctl)(struct tty_struct *tty, bool on); /* NULL: nothing to break */
	/*
	 * Readers made room, or settings changed: more may be typed. discard: what the other side
	 * has sent and the ring did not take is to be forgotten. => may sleep; NULL
	 */
	void (*input_room)(struct tty_struct *tty, bool discard);
	int (*first_open)(struct tty_struct *tty);   /* => tty_mutex; 0 or errno, NULL */
	void (*last_close)(struct tty_struct *tty);  /* => tty_mutex; NULL */
	bool (*output_dead)(struct tty_struct *tty); /* nobody will ever take output; NULL: false */
	void (*free)(struct tty_struct *tty); /* last reference. => any context; NULL: never */
};

struct tty_ring {
	spinlock_t lock;
	u32 head, tail; /* O run freely; bytes are [tail, head) modulo the size */
	u8 *buf;	/* - */
};

struct tty_struct {
	int kref;			  /* atomic */
	const struct tty_operations *ops; /* - */
	dev_t device;			  /* - */
	char name[16];			  /* - "ttyS0", "pts/3" */
	unsigned int count;		  /* tty_mutex: open files */
	unsigned int generation;	  /* tty_mutex to write: hang-ups so far, and 1 */
	bool exclusive;			  /* tty_mutex: TIOCEXCL */

	spinlock_t lock;
	struct ktermios termios;   /* L */
	bool flow_stopped;	   /* L ^S or TCOOFF */
	bool throttled;		   /* L */
	unsigned int column;	   /* L of the cursor */
	unsigned int canon_column; /* L where the line being typed began on the screen */

	struct tty_ring out;
	u8 *in; /* L bytes [in_tail, in_head); complete lines end at canon_head */
	u32 in_tail, in_head, canon_head; /* L run freely */
	bool lnext;			  /* L the next character is taken as it is */
	bool raw;			  /* L no character is special */
	u64 char_map[4];		  /* L bit c: c is special under termios */
	unsigned long line_end[TTY_BUF_SIZE / BITS_PER_LONG]; /* L byte ends a line */

	struct mutex read_mutex, write_mutex;
	wait_queue_head_t read_wait, write_wait;

	spinlock_t ctrl_lock;
	struct pid *pgrp, *session; /* C references; NULL: nobody's */
	struct winsize winsize;	    /* C */
};

#define I_FLAG(tty, f) ((tty)->termios.c_iflag & (f))
#define O_FLAG(tty, f) ((tty)->termios.c_oflag & (f))
#define L_FLAG(tty, f) ((tty)->termios.c_lflag & (f))

extern struct mutex tty_mutex;
extern const struct ktermios tty_std_termios;
extern const struct file_operations tty_fops;

/* ---- tty_io.c ---- */
/* Fills a zeroed struct (one reference, default settings); -ENOMEM. => may sleep */
int tty_init_struct(struct tty_struct *tty, const struct tty_operations *ops, dev_t dev);
void tty_free_buffers(struct tty_struct *tty);
static inline struct tty_struct *tty_kref_get(struct tty_struct *tty)
{
	if (tty)
		__atomic_add_fetch(&tty->kref, 1, __ATOMIC_RELAXED);
	return tty;
}
void tty_kref_put(struct tty_struct *tty);    /* NULL is fine. => any context */
bool tty_is_console(const struct file *file); /* opened by the name /dev/console */
bool tty_hung_up(const struct file *file);
/*
 * A write of count bytes from ubuf, or from kbuf if that is not NULL, in chunks: put() takes a chunk, sleeps as
 * it must, and answers how many bytes it took, or errno. Ends at the first short one, and between two
 * when a signal is pending. Bytes written, or errno if none. => may sleep
 */
ssize_t tty_write_chunks(struct file *file, const char __user *ubuf, const u8 *kbuf, size_t count,
			 ssize_t (*put)(struct file *file, const u8 *chunk, size_t n));
/* exit_session: the session leader of this terminal exits. => tty_mutex held */
void __tty_hangup(struct tty_struct *tty, bool exit_session);
void tty_vhangup(struct tty_struct *tty); /* => may sleep, tty_mutex not held */
/* The serial driver found its port: /dev/ttySn, and /dev/console. => initcall */
void tty_register_serial(struct tty_struct *tty, unsigned int line);

/* ---- n_tty.c: input ---- */
/*
 * Bytes from the line or the master. How many were taken: fewer when the ring is full of lines or
 * raw bytes nobody reads. => any context, no locks
 */
size_t n_tty_receive(struct tty_struct *tty, const u8 *p, size_t n);
void n_tty_break(struct tty_struct *tty); /* the line was held low. => any context */
ssize_t n_tty_read(struct tty_struct *tty, struct file *file, char __user *buf, size_t count);
/* Is there what a read waits for? poll counts VMIN. */
bool n_tty_input_available(struct tty_struct *tty, bool poll);
void n_tty_flush_input(struct tty_struct *tty);		    /* => may sleep */
unsigned int n_tty_chars_in_buffer(struct tty_struct *tty); /* FIONREAD */
/* After a change of termios from @old (NULL: first time). => lock held */
void n_tty_set_termios(struct tty_struct *tty, const struct ktermios *old);

/* ---- n_tty_output.c: output and echo ---- */
/* Processes p[0..n) into the output ring; how many bytes of p fitted. => no locks */
size_t n_tty_write(struct tty_struct *tty, const u8 *p, size_t n);
bool n_tty_write_ready(struct tty_struct *tty); /* at most half full, not stopped */
void n_tty_flush_output(struct tty_struct *tty);
/* Takes up to @n bytes out of the ring (the master reads). => no locks */
size_t tty_ring_get(struct tty_ring *r, u8 *to, size_t n);
static inline u32 tty_ring_used(const struct tty_ring *r)
{
	return READ_ONCE(r->head) - READ_ONCE(r->tail);
}
/* Echo. => lock and out.lock held; what does not fit is lost */
void n_tty_echo_raw(struct tty_struct *tty, u8 c); /* as output, with OPOST */
void n_tty_echo(struct tty_struct *tty, u8 c);	   /* control characters as ^X with ECHOCTL */
void n_tty_echo_plain(struct tty_struct *tty,
		      const char *s); /* bytes that move the cursor by themselves */
static inline bool tty_is_continuation(const struct tty_struct *tty, u8 c)
{
	return I_FLAG(tty, IUTF8) && (c & 0xc0) == 0x80;
}

/* ---- tty_ioctl.c ---- */
long tty_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
/*
 * What slave and master share; -ENOIOCTLCMD: not one of them. from_master: no job control, no
 * ENOTTY for strangers
 */
long tty_common_ioctl(struct tty_struct *tty, struct file *file, unsigned int cmd,
		      unsigned long arg, bool from_master);

/* ---- tty_jobctrl.c ---- */
/*
 * May current change (SIGTTOU) or read (SIGTTIN) its terminal now? 0, -EIO, -ERESTARTSYS (stopped
 * meanwhile).
 */
int __tty_check_change(struct tty_struct *tty, int sig);
static inline int tty_check_change(struct tty_struct *tty);
struct tty_struct *get_current_tty(void);	       /* reference or NULL */
struct pid *tty_get_pgrp(struct tty_struct *tty);      /* reference or NULL. => any context */
void tty_signal_pgrp(struct tty_struct *tty, int sig); /* => any context, no locks */
/* open: current may get tty as its controlling terminal. => tty_mutex */
void tty_open_proc_set_tty(struct file *file, struct tty_struct *tty);
long tty_jobctrl_ioctl(struct tty_struct *tty, struct file *file, unsigned int cmd,
		       unsigned long arg, bool from_master);
/* Nobody has it open any more: its session loses it. => tty_mutex */
void tty_leave_session(struct tty_struct *tty);
/* SIGHUP and SIGCONT for the session's leader, everyone loses the terminal. => tty_mutex */
void tty_signal_session_leader(struct tty_struct *tty, bool exit_session);

static inline int tty_check_change(struct tty_struct *tty)
{
	return __tty_check_change(tty, 22 /* SIGTTOU */);
}

/* ---- pty.c ---- */
/* The slave of a number with a reference; ERR_PTR(-EIO: locked or closing, -ENXIO). => tty_mutex */
struct tty_struct *pty_get_slave(unsigned int index);
