/*
 * Pipes and FIFOs.
 *
 * 1. A pipe is a ring of up to nslots pages. Each slot holds a page with bytes [off, off + len); readers
 *    take from the tail, writers fill the slot at the head and then new ones. One spare page is kept, so
 *    that a ping-pong of small messages allocates nothing. What splice.c puts in is read the same way.
 * 2. A write of at most PIPE_BUF bytes is one piece: it waits until it fits whole. Larger ones may be cut.
 * 3. Readers sleep while the pipe is empty and has writers, writers while it is full and has readers.
 *    A wake-up is sent only when emptiness or fullness changed.
 *
 * Locks: pipe->lock (sleeping: user memory is copied under it). Mirrors Linux fs/pipe.c.
 * Exercised by tests/user/{pipes,vfs}.c.
 */
#include "kernel/fs/pipe.h"

#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/poll.h"
#include "kernel/init.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "kernel/wait.h"
#include "lib/string.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"

#define PIPE_MAX_SIZE (1UL << 20)
#define FIONREAD      0x541b

static struct mount *pipe_mnt;

struct pipe_inode_info *alloc_pipe_info(void)
{
	struct pipe_inode_info *p = kzalloc(sizeof(*p), GFP_KERNEL);

	if (!p)
		return NULL;
	p->bufs = kcalloc(PIPE_DEF_SLOTS, sizeof(*p->bufs), GFP_KERNEL);
	if (!p->bufs) {
		kfree(p);
		return NULL;
	}
	p->nslots = PIPE_DEF_SLOTS;
	mutex_init(&p->lock);
	init_waitqueue_head(&p->rd_wait);
	init_waitqueue_head(&p->wr_wait);
	return p;
}

void free_pipe_info(struct pipe_inode_info *p)
{
	for (; p->tail != p->head; p->tail++)
		put_page(pipe_slot(p, p->tail)->page);
	if (p->spare)
		put_page(p->spare);
	kvfree(p->bufs);
	kfree(p);
}

static void put_pipe_info(struct inode *inode, struct pipe_inode_info *p)
{
	bool last;

	spin_lock(&inode->i_lock);
	last = !--p->files;
	if (last)
		inode->i_pipe = NULL;
	spin_unlock(&inode->i_lock);
	if (last)
		free_pipe_info(p);
}

static void pipe_release_slot(struct pipe_inode_info *p, struct pipe_buffer *b)
{
	/* Shared by tee, or by splice with whoever the page comes from: not ours to write into. */
	if (likely(b->flags & PIPE_BUF_OWN) && !p->spare && page_count(b->page) == 1)
		p->spare = b->page;
	else
		put_page(b->page);
	b->page = NULL;
	p->tail++;
}

void pipe_consume(struct pipe_inode_info *p, unsigned int n)
{
	struct pipe_buffer *b = pipe_slot(p, p->tail);

	b->off += n;
	b->len -= n;
	if (!b->len || (b->flags & PIPE_BUF_PACKET))
		pipe_release_slot(p, b);
}

static ssize_t pipe_read_available(struct pipe_inode_info *p, char __user *buf, size_t count)
{
	ssize_t done = 0;
	bool packet;

	while (count && !pipe_empty(p)) {
		struct pipe_buffer *b = pipe_slot(p, p->tail);
		size_t n = min_t(size_t, b->len, count);

		if (_copy_to_user(buf + done, (char *)page_address(b->page) + b->off, n))
			return done ? done : -EFAULT;
		done += n;
		count -= n;
		packet = b->flags & PIPE_BUF_PACKET;
		pipe_consume(p, n);
		if (packet)
			break;
	}
	return done;
}

static ssize_t pipe_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct pipe_inode_info *p = file->private_data;
	bool was_full;
	ssize_t ret;

	if (!count)
		return 0;
	mutex_lock(&p->lock);
	for (;;) {
		was_full = pipe_full(p) || READ_ONCE(p->watched);
		ret = pipe_read_available(p, buf, count);
		if (ret || !p->writers)
			break;
		ret = -EAGAIN;
		if (file->f_flags & O_NONBLOCK)
			break;
		mutex_unlock(&p->lock);
		ret = wait_event_interruptible_exclusive(p->rd_wait,
							 !pipe_empty(p) || !READ_ONCE(p->writers));
		if (ret)
			return ret;
		mutex_lock(&p->lock);
	}
	mutex_unlock(&p->lock);
	if (was_full && !pipe_full(p))
		wake_up_interruptible_poll(&p->wr_wait, EPOLLOUT | EPOLLWRNORM);
	if (!pipe_empty(p))
		wake_up_interruptible_poll(&p->rd_wait, EPOLLIN | EPOLLRDNORM);
	return ret;
}

/* Where the bytes come from: user or kernel memory. */
static bool pipe_copy_in(void *to, const char __user *ubuf, const char *kbuf, size_t n)
{
	if (kbuf) {
		memcpy(to, kbuf, n);
		return true;
	}
	return !_copy_from_user(to, ubuf, n);
}

/* Appends to the last slot's page if all of n fits behind its bytes. */
static bool pipe_append(struct pipe_inode_info *p, const char __user *ubuf, const char *kbuf,
			size_t n, bool *fault)
{
	struct pipe_buffer *b;

	if (pipe_empty(p))
		return false;
	b = pipe_slot(p, p->head - 1);
	if (!(b->flags & PIPE_BUF_CAN_MERGE) || b->off + b->len + n > PAGE_SIZE)
		return false;
	if (!pipe_copy_in((char *)page_address(b->page) + b->off + b->len, ubuf, kbuf, n)) {
		*fault = true;
		return false;
	}
	b->len += n;
	return true;
}

/* One page's worth into a new slot. => not full. 0, -ENOMEM, -EFAULT */
static int pipe_new_slot(struct pipe_inode_info *p, const char __user *ubuf, const char *kbuf,
			 size_t n, bool packet)
{
	struct page *page = p->spare;

	p->spare = NULL;
	if (!page)
		page = alloc_page(GFP_HIGHUSER);
	if (!page)
		return -ENOMEM;
	if (!pipe_copy_in(page_address(page), ubuf, kbuf, n)) {
		p->spare = page;
		return -EFAULT;
	}
	pipe_push(p, page, 0, n, PIPE_BUF_OWN | (packet ? PIPE_BUF_PACKET : PIPE_BUF_CAN_MERGE));
	return 0;
}

/* Fills what is free; bytes, or errno when nothing went in. */
static ssize_t pipe_write_available(struct pipe_inode_info *p, const char __user *ubuf,
				    const char *kbuf, size_t count, bool packet)
{
	size_t part = count & (PAGE_SIZE - 1);
	bool fault = false;
	ssize_t done = 0;

	if (part && !packet && pipe_append(p, ubuf, kbuf, part, &fault)) {
		done = part;
		count -= part;
	}
	if (fault)
		return -EFAULT;
	while (count && !pipe_full(p)) {
		size_t n = min_t(size_t, count, PAGE_SIZE);
		int err = pipe_new_slot(p, ubuf + done, kbuf ? kbuf + done : NULL, n, packet);

		if (err)
			return done ? done : err;
		done += n;
		count -= n;
	}
	return done;
}

static ssize_t pipe_do_write(struct file *file, const char __user *ubuf, const char *kbuf,
			     size_t count)
{
	struct pipe_inode_info *p = file->private_data;
	ssize_t done = 0, ret = 0;
	bool was_empty = false;

	if (!count)
		return 0;
	mutex_lock(&p->lock);
	for (;;) {
		if (!p->readers) {
			send_sig(SIGPIPE, current, 0);
			ret = -EPIPE;
			break;
		}
		was_empty |= pipe_empty(p) || READ_ONCE(p->watched);
		ret = pipe_write_available(p, ubuf + done, kbuf ? kbuf + done : NULL, count - done,
					   file->f_flags & O_DIRECT);
		if (ret < 0)
			break;
		done += ret;
		if ((size_t)done == count)
			break;
		ret = -EAGAIN;
		if (file->f_flags & O_NONBLOCK)
			break;
		mutex_unlock(&p->lock);
		if (was_empty)
			wake_up_interruptible_poll(&p->rd_wait, EPOLLIN | EPOLLRDNORM);
		was_empty = false;
		ret = wait_event_interruptible_exclusive(p->wr_wait,
							 !pipe_full(p) || !READ_ONCE(p->readers));
		if (ret)
			return done ? done : ret;
		mutex_lock(&p->lock);
	}
	mutex_unlock(&p->lock);
	if (was_empty && done)
		wake_up_interruptible_poll(&p->rd_wait, EPOLLIN | EPOLLRDNORM);
	if (!pipe_full(p))
		wake_up_interruptible_poll(&p->wr_wait, EPOLLOUT | EPOLLWRNORM);
	return done ? done : ret;
}

static ssize_t pipe_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	return pipe_do_write(file, buf, NULL, count);
}

static ssize_t pipe_write_kernel(struct file *file, const void *buf, size_t count)
{
	return pipe_do_write(file, NULL, buf, count);
}

/* What fits into PIPE_BUF is gathered first: it must go in as one piece. */
static ssize_t pipe_writev(struct file *file, const struct iovec *iov, unsigned long nr,
			   loff_t *ppos)
{
	size_t total = 0, at = 0;
	ssize_t ret = 0, done = 0;
	unsigned long i;
	char *buf;

	for (i = 0; i < nr; i++)
		total += iov[i].iov_len;
	if (total > PAGE_SIZE) {
		for (i = 0; i < nr; i++) {
			ret = pipe_do_write(file, iov[i].iov_base, NULL, iov[i].iov_len);
			if (ret > 0)
				done += ret;
			if (ret != iov[i].iov_len)
				break;
		}
		return done ? done : ret;
	}
	buf = kmalloc(total, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	for (i = 0; i < nr && !ret; i++) {
		if (copy_from_user(buf + at, iov[i].iov_base, iov[i].iov_len))
			ret = -EFAULT;
		at += iov[i].iov_len;
	}
	if (!ret)
		ret = pipe_do_write(file, NULL, buf, total);
	kfree(buf);
	return ret;
}

/* ---- for splice.c: not exclusive waiters, who may go on to wait for another pipe and leave this one as it was ---- */

int pipe_wait_readable(struct pipe_inode_info *p, bool nonblock)
{
	while (pipe_empty(p)) {
		int err;

		if (!p->writers)
			return 1;
		if (nonblock)
			return -EAGAIN;
		mutex_unlock(&p->lock);
		err = wait_event_interruptible(p->rd_wait,
					       !pipe_empty(p) || !READ_ONCE(p->writers));
		mutex_lock(&p->lock);
		if (err)
			return err;
	}
	return 0;
}

int pipe_wait_writable(struct pipe_inode_info *p, bool nonblock)
{
	for (;;) {
		int err;

		if (!p->readers) {
			send_sig(SIGPIPE, current, 0);
			return -EPIPE;
		}
		if (!pipe_full(p))
			return 0;
		if (nonblock)
			return -EAGAIN;
		mutex_unlock(&p->lock);
		err = wait_event_interruptible(p->wr_wait, !pipe_full(p) || !READ_ONCE(p->readers));
		mutex_lock(&p->lock);
		if (err)
			return err;
	}
}

void pipe_wake(struct pipe_inode_info *p)
{
	if (!pipe_empty(p))
		wake_up_interruptible_poll(&p->rd_wait, EPOLLIN | EPOLLRDNORM);
	if (!pipe_full(p))
		wake_up_interruptible_poll(&p->wr_wait, EPOLLOUT | EPOLLWRNORM);
}

static unsigned int pipe_poll(struct file *file, struct poll_table *wait)
{
	struct pipe_inode_info *p = file->private_data;
	unsigned int mask = 0;

	WRITE_ONCE(p->watched, true);
	if (file->f_mode & FMODE_READ)
		poll_wait(file, &p->rd_wait, wait);
	if (file->f_mode & FMODE_WRITE)
		poll_wait(file, &p->wr_wait, wait);
	if (file->f_mode & FMODE_READ) {
		if (!pipe_empty(p))
			mask |= EPOLLIN | EPOLLRDNORM;
		if (!p->writers && file->f_version != p->w_counter + 2)
			mask |= EPOLLHUP;
	}
	if (file->f_mode & FMODE_WRITE) {
		if (!pipe_full(p))
			mask |= EPOLLOUT | EPOLLWRNORM;
		if (!p->readers)
			mask |= EPOLLERR;
	}
	return mask;
}

static long pipe_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct pipe_inode_info *p = file->private_data;
	unsigned int i;
	int count = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&p->lock);
	for (i = p->tail; i != p->head; i++)
		count += pipe_slot(p, i)->len;
	mutex_unlock(&p->lock);
	return put_user(count, (int __user *)arg);
}

static int pipe_release(struct inode *inode, struct file *file)
{
	struct pipe_inode_info *p = file->private_data;

	mutex_lock(&p->lock);
	if (file->f_mode & FMODE_READ)
		p->readers--;
	if (file->f_mode & FMODE_WRITE)
		p->writers--;
	mutex_unlock(&p->lock);
	wake_up_interruptible_all(&p->rd_wait);
	wake_up_interruptible_all(&p->wr_wait);
	put_pipe_info(inode, p);
	return 0;
}

/* A FIFO's inode gets its ring with the first opener. */
static struct pipe_inode_info *fifo_get_pipe(struct inode *inode)
{
	struct pipe_inode_info *p, *new = NULL;

	spin_lock(&inode->i_lock);
	if (!inode->i_pipe) {
		spin_unlock(&inode->i_lock);
		new = alloc_pipe_info();
		if (!new)
			return NULL;
		spin_lock(&inode->i_lock);
		if (!inode->i_pipe) {
			inode->i_pipe = new;
			new = NULL;
		}
	}
	p = inode->i_pipe;
	p->files++;
	spin_unlock(&inode->i_lock);
	if (new)
		free_pipe_info(new);
	return p;
}

static int fifo_wait(struct pipe_inode_info *p, unsigned int *counter, wait_queue_head_t *wq)
{
	unsigned int seen = *counter;
	int err;

	mutex_unlock(&p->lock);
	err = wait_event_interruptible(*wq, READ_ONCE(*counter) != seen);
	mutex_lock(&p->lock);
	return err;
}

/* Opening a FIFO waits for the other side, unless both ends are opened or O_NONBLOCK says not to. */
static int fifo_open_ends(struct pipe_inode_info *p, struct inode *inode, struct file *file)
{
	const unsigned int mode = file->f_mode & (FMODE_READ | FMODE_WRITE);
	/* A pipe that is opened through /proc/PID/fd has met its other side already, gone or not. */
	const bool waits = inode->i_sb != pipe_mnt->mnt_sb;

	if (waits && mode == FMODE_WRITE && (file->f_flags & O_NONBLOCK) && !p->readers)
		return -ENXIO;
	if (mode & FMODE_READ) {
		p->r_counter++;
		if (!p->readers++)
			wake_up_interruptible_all(&p->wr_wait);
	}
	if (mode & FMODE_WRITE) {
		p->w_counter++;
		if (!p->writers++)
			wake_up_interruptible_all(&p->rd_wait);
	}
	if (waits && mode == FMODE_READ && !p->writers) {
		if (!(file->f_flags & O_NONBLOCK))
			return fifo_wait(p, &p->w_counter, &p->rd_wait);
		/* No writer yet is not the same as hung up: poll tells them apart by this. */
		file->f_version = p->w_counter + 2;
	}
	if (waits && mode == FMODE_WRITE && !p->readers)
		return fifo_wait(p, &p->r_counter, &p->wr_wait);
	return 0;
}

static int fifo_open(struct inode *inode, struct file *file)
{
	struct pipe_inode_info *p = fifo_get_pipe(inode);
	int err;

	if (!p)
		return -ENOMEM;
	file->private_data = p;
	nonseekable_open(inode, file);
	mutex_lock(&p->lock);
	err = fifo_open_ends(p, inode, file);
	if (err && err != -ENXIO) {
		/* The other side may count on this end by now. */
		if ((file->f_mode & FMODE_READ) && !--p->readers)
			wake_up_interruptible_all(&p->wr_wait);
		if ((file->f_mode & FMODE_WRITE) && !--p->writers)
			wake_up_interruptible_all(&p->rd_wait);
	}
	mutex_unlock(&p->lock);
	if (err)
		put_pipe_info(inode, p);
	return err;
}

const struct file_operations pipefifo_fops = {
	.open = fifo_open,
	.llseek = no_llseek,
	.read = pipe_read,
	.write = pipe_write,
	.writev = pipe_writev,
	.write_kernel = pipe_write_kernel,
	.poll = pipe_poll,
	.unlocked_ioctl = pipe_ioctl,
	.release = pipe_release,
};

static struct inode *pipe_get_inode(void)
{
	struct inode *inode = new_inode(pipe_mnt->mnt_sb);
	struct pipe_inode_info *p = inode ? alloc_pipe_info() : NULL;

	if (!p) {
		iput(inode);
		return NULL;
	}
	inode->i_pipe = p;
	p->files = 2;
	p->readers = p->writers = 1;
	inode->i_mode = S_IFIFO | 0600;
	inode->i_uid = current_fsuid();
	inode->i_gid = current_fsgid();
	inode->i_fop = &pipefifo_fops;
	return inode;
}

/* Both ends share one inode and one nameless dentry. */
static int create_pipe_files(struct file **res, int flags)
{
	struct inode *inode = pipe_get_inode();
	struct pipe_inode_info *p;
	struct file *w, *r;

	if (!inode)
		return -ENFILE;
	p = inode->i_pipe;
	w = alloc_file_pseudo(inode, pipe_mnt, "pipe", O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)),
			      &pipefifo_fops);
	if (IS_ERR(w)) {
		free_pipe_info(p);
		return PTR_ERR(w);
	}
	w->private_data = p;
	r = alloc_file(&w->f_path, O_RDONLY | (flags & O_NONBLOCK), &pipefifo_fops);
	if (IS_ERR(r)) {
		put_pipe_info(inode, p);
		fput(w);
		return PTR_ERR(r);
	}
	r->private_data = p;
	res[0] = r;
	res[1] = w;
	return 0;
}

static long do_pipe2(int __user *ufds, int flags)
{
	struct file *files[2] = { NULL, NULL };
	int err;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	err = create_pipe_files(files, flags);
	return err ? err : fd_install_pair(files, ufds, flags);
}

static long sys_pipe2(int __user *fds, int flags)
{
	return do_pipe2(fds, flags);
}
SYSCALL(293, pipe2);

static long sys_pipe(int __user *fds)
{
	return do_pipe2(fds, 0);
}
SYSCALL(22, pipe);

static long pipe_set_size(struct pipe_inode_info *p, unsigned long size)
{
	unsigned int slots = roundup_pow_of_two(max(PFN_UP(size), 1UL)), used = p->head - p->tail,
		     i;
	struct pipe_buffer *bufs;

	if (size > PIPE_MAX_SIZE && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	if (size > 1UL << 31)
		return -EINVAL;
	if (used > slots)
		return -EBUSY;
	bufs = kvmalloc_array(slots, sizeof(*bufs), GFP_KERNEL | __GFP_ZERO);
	if (!bufs)
		return -ENOMEM;
	for (i = 0; i < used; i++)
		bufs[i] = *pipe_slot(p, p->tail + i);
	kvfree(p->bufs);
	p->bufs = bufs;
	p->tail = 0;
	p->head = used;
	p->nslots = slots;
	return slots * PAGE_SIZE;
}

long pipe_fcntl(struct file *file, bool set, unsigned long size)
{
	struct pipe_inode_info *p = file->private_data;
	long ret;

	if (file->f_op != &pipefifo_fops)
		return -EBADF;
	mutex_lock(&p->lock);
	ret = set ? pipe_set_size(p, size) : (long)(p->nslots * PAGE_SIZE);
	mutex_unlock(&p->lock);
	if (set && ret > 0)
		wake_up_interruptible_all(&p->wr_wait);
	return ret;
}

static struct super_block *pipefs_mount(struct file_system_type *type, int flags, const char *dev,
					char *data)
{
	return mount_pseudo(type, flags, PIPEFS_MAGIC);
}

static struct file_system_type pipe_fs_type = { .name = "pipefs", .mount = pipefs_mount };

static int pipefs_init(void)
{
	register_filesystem(&pipe_fs_type);
	pipe_mnt = kern_mount(&pipe_fs_type);
	return PTR_ERR_OR_ZERO(pipe_mnt);
}
fs_initcall(pipefs_init);
