/*
 * splice, tee, vmsplice, sendfile: a pipe as a list of page references.
 *
 * 1. File to pipe: a file with splice_read pushes the pages of its cache; of others pages are made and read into.
 * 2. Pipe to file: the buffers become one vector of page parts for the file's write_iter.
 * 3. Pipe to pipe: buffers move (splice) or are referred to twice (tee). Two pipes are locked in the order of their addresses.
 * 4. sendfile between files is 1 and 2 over and over, with a pipe that nobody else knows.
 * 5. A page that came by reference is never written to through the pipe: it is not PIPE_BUF_OWN. Whoever changes the file (or,
 *    after vmsplice, the memory) before the reader has come changes what he reads, as on Linux.
 *
 * Locks: pipe->lock is held while a file is read or written, so i_rwsem, folio locks and mmap_lock are inside it.
 * Mirrors Linux fs/splice.c and do_sendfile() of fs/read_write.c. Exercised by tests/user/splices.c.
 */
#include "kernel/fs/splice.h"

#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/fs/internal.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/syscall.h"
#include "lib/string.h"
#include "mm/cache/pagemap.h"
#include "mm/cache/uio.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"
#include "mm/user/gup.h"
#include "mm/user/memory.h"

#define MAX_RW_COUNT (0x7fffffffUL & PAGE_MASK)
#define MAX_PARTS    PIPE_DEF_SLOTS /* moved by one call of a file */

/* ---- file to pipe ---- */

/* Pushes the pages as far as they are wanted, and gives the others back: bytes. */
static size_t push_folios(struct pipe_inode_info *pipe, struct folio **batch, int nr, loff_t pos,
			  size_t len)
{
	size_t done = 0;
	int i;

	for (i = 0; i < nr; i++) {
		size_t off = (pos + done) & ~PAGE_MASK, n = min(PAGE_SIZE - off, len - done);

		if (!n || pipe_full(pipe)) {
			folio_put(batch[i]);
			continue;
		}
		pipe_push(pipe, &batch[i]->page, off, n, 0);
		done += n;
	}
	return done;
}

ssize_t filemap_splice_read(struct file *in, loff_t *ppos, struct pipe_inode_info *pipe, size_t len)
{
	struct kiocb iocb = { .ki_filp = in };
	struct folio *batch[FILEMAP_BATCH];
	ssize_t done = 0;

	while (done < len && !pipe_full(pipe) && !fatal_signal_pending(current)) {
		loff_t pos = *ppos, size = READ_ONCE(in->f_mapping->host->i_size);
		size_t n;
		int nr;

		if (pos >= size)
			break;
		n = min((u64)(len - done), (u64)(size - pos));
		nr = filemap_get_pages(&iocb, pos >> PAGE_SHIFT, (pos + n - 1) >> PAGE_SHIFT,
				       batch);
		if (nr == AOP_TRUNCATED_PAGE)
			continue;
		if (nr < 0)
			return done ? done : nr;
		if (!nr) {
			batch[0] = page_folio(pfn_to_page(zero_pfn));
			folio_get(batch[0]);
			nr = 1;
		}
		n = push_folios(pipe, batch, nr, pos, n);
		*ppos += n;
		done += n;
		in->f_ra.prev_pos = *ppos;
	}
	return done;
}

/* A file that can only be read: into new pages, with one call. */
static ssize_t read_pages(struct file *in, loff_t *ppos, struct bio_vec *vec, unsigned int nr,
			  size_t len)
{
	struct iov_iter iter;

	if (!in->f_op->read_iter)
		return kernel_read(in, page_address(vec->bv_page), min(len, PAGE_SIZE), ppos);
	iov_iter_bvec(&iter, ITER_DEST, vec, nr, len);
	return vfs_iter_read(in, &iter, ppos, 0);
}

static ssize_t copy_splice_read(struct file *in, loff_t *ppos, struct pipe_inode_info *pipe,
				size_t len)
{
	unsigned int room = pipe->nslots - (pipe->head - pipe->tail), nr, i, used;
	struct bio_vec vec[MAX_PARTS];
	ssize_t ret;

	if (!in->f_op->read_iter && !in->f_op->read_kernel)
		return -EINVAL;
	nr = min3((size_t)room, DIV_ROUND_UP(len, PAGE_SIZE), (size_t)MAX_PARTS);
	if (!in->f_op->read_iter)
		nr = 1;
	for (i = 0; i < nr; i++) {
		vec[i] = (struct bio_vec){ .bv_page = alloc_page(GFP_USER), .bv_len = PAGE_SIZE };
		if (!vec[i].bv_page)
			break;
	}
	nr = i;
	if (!nr)
		return -ENOMEM;
	ret = read_pages(in, ppos, vec, nr, min(len, nr * PAGE_SIZE));
	used = ret > 0 ? DIV_ROUND_UP(ret, PAGE_SIZE) : 0;
	for (i = 0; i < nr; i++) {
		if (i < used)
			pipe_push(pipe, vec[i].bv_page, 0, min(ret - i * PAGE_SIZE, PAGE_SIZE),
				  PIPE_BUF_OWN);
		else
			put_page(vec[i].bv_page);
	}
	return ret;
}

/* => pipe->lock held, not full */
static ssize_t file_to_pipe(struct file *in, loff_t *ppos, struct pipe_inode_info *pipe, size_t len)
{
	size_t room = (size_t)(pipe->nslots - (pipe->head - pipe->tail)) << PAGE_SHIFT;

	len = min(len, room);
	if (S_ISDIR(file_inode(in)->i_mode))
		return -EINVAL;
	if (in->f_op->splice_read && !(in->f_flags & O_DIRECT))
		return in->f_op->splice_read(in, ppos, pipe, len);
	return copy_splice_read(in, ppos, pipe, len);
}

static ssize_t splice_file_to_pipe(struct file *in, loff_t *ppos, struct pipe_inode_info *pipe,
				   size_t len, bool nonblock)
{
	ssize_t ret;

	mutex_lock(&pipe->lock);
	ret = pipe_wait_writable(pipe, nonblock);
	if (!ret)
		ret = file_to_pipe(in, ppos, pipe, len);
	mutex_unlock(&pipe->lock);
	pipe_wake(pipe);
	return ret;
}

/* ---- pipe to something: what takes the bytes ---- */

struct splice_desc {
	struct file *out;
	loff_t *opos;
	struct iov_iter *user; /* instead of out: vmsplice */
};

/* The first buffers, up to len bytes, as a vector: how many; *bytes in them. */
static unsigned int pipe_to_bvec(struct pipe_inode_info *pipe, struct bio_vec *vec, size_t len,
				 size_t *bytes)
{
	unsigned int i, nr = 0;

	*bytes = 0;
	for (i = pipe->tail; i != pipe->head && nr < MAX_PARTS && *bytes < len; i++) {
		struct pipe_buffer *b = pipe_slot(pipe, i);
		unsigned int n = min((size_t)b->len, len - *bytes);

		vec[nr++] =
			(struct bio_vec){ .bv_page = b->page, .bv_len = n, .bv_offset = b->off };
		*bytes += n;
	}
	return nr;
}

static void pipe_consume_bytes(struct pipe_inode_info *pipe, size_t n)
{
	while (n) {
		unsigned int one = min(n, (size_t)pipe_slot(pipe, pipe->tail)->len);

		pipe_consume(pipe, one);
		n -= one;
	}
}

/* Hands some of what is in the pipe to its taker: bytes, or -errno. => lock held, not empty */
static ssize_t pipe_feed(struct pipe_inode_info *pipe, struct splice_desc *sd, size_t len)
{
	struct pipe_buffer *b = pipe_slot(pipe, pipe->tail);
	struct bio_vec vec[MAX_PARTS];
	struct iov_iter iter;
	unsigned int nr;
	size_t bytes, n;
	ssize_t ret;

	n = min((size_t)b->len, len);
	if (sd->user) {
		ret = copy_to_iter(page_address(b->page) + b->off, n, sd->user);
		ret = ret ? ret : -EFAULT;
	} else if (sd->out->f_op->write_iter) {
		nr = pipe_to_bvec(pipe, vec, len, &bytes);
		iov_iter_bvec(&iter, ITER_SOURCE, vec, nr, bytes);
		ret = vfs_iter_write(sd->out, &iter, sd->opos, 0);
	} else {
		ret = kernel_write(sd->out, page_address(b->page) + b->off, n, sd->opos);
	}
	if (ret > 0)
		pipe_consume_bytes(pipe, ret);
	return ret;
}

/* What is in the pipe, up to len; waits only for the first byte. */
static ssize_t splice_from_pipe(struct pipe_inode_info *pipe, struct splice_desc *sd, size_t len,
				bool nonblock)
{
	ssize_t done = 0, ret = 0;

	mutex_lock(&pipe->lock);
	while (len) {
		if (done && pipe_empty(pipe))
			break;
		ret = pipe_wait_readable(pipe, nonblock);
		if (ret) {
			ret = min(ret, (ssize_t)0);
			break;
		}
		ret = pipe_feed(pipe, sd, len);
		if (ret <= 0)
			break;
		done += ret;
		len -= ret;
		if (signal_pending(current))
			break;
		cond_resched();
	}
	mutex_unlock(&pipe->lock);
	pipe_wake(pipe);
	return done ? done : ret;
}

/* ---- pipe to pipe ---- */

static void lock_two(struct pipe_inode_info *a, struct pipe_inode_info *b)
{
	if (a > b)
		swap(a, b);
	mutex_lock(&a->lock);
	mutex_lock_nested(&b->lock, 1);
}

static void unlock_two(struct pipe_inode_info *a, struct pipe_inode_info *b)
{
	mutex_unlock(&a->lock);
	mutex_unlock(&b->lock);
}

static int wait_one(struct pipe_inode_info *p, int (*wait)(struct pipe_inode_info *, bool),
		    bool nonblock)
{
	int ret;

	mutex_lock(&p->lock);
	ret = wait(p, nonblock);
	mutex_unlock(&p->lock);
	return ret;
}

/* The same bytes in both pipes. => both locked */
static void refer(struct pipe_inode_info *to, const struct pipe_buffer *b, unsigned int n)
{
	get_page(b->page);
	pipe_push(to, b->page, b->off, n, b->flags & PIPE_BUF_PACKET);
}

/* Moves buffers: bytes. => both locked */
static size_t move_buffers(struct pipe_inode_info *from, struct pipe_inode_info *to, size_t len)
{
	size_t done = 0;

	while (done < len && !pipe_empty(from) && !pipe_full(to)) {
		struct pipe_buffer *b = pipe_slot(from, from->tail);

		if (b->len <= len - done) {
			pipe_push(to, b->page, b->off, b->len, b->flags);
			done += b->len;
			b->page = NULL;
			from->tail++;
		} else {
			refer(to, b, len - done);
			b->off += len - done;
			b->len -= len - done;
			done = len;
		}
	}
	return done;
}

static size_t link_buffers(struct pipe_inode_info *from, struct pipe_inode_info *to, size_t len)
{
	unsigned int i;
	size_t done = 0;

	for (i = from->tail; done < len && i != from->head && !pipe_full(to); i++) {
		struct pipe_buffer *b = pipe_slot(from, i);
		unsigned int n = min((size_t)b->len, len - done);

		refer(to, b, n);
		done += n;
	}
	return done;
}

typedef size_t (*pass_t)(struct pipe_inode_info *from, struct pipe_inode_info *to, size_t len);

static ssize_t pipe_to_pipe(struct pipe_inode_info *from, struct pipe_inode_info *to, size_t len,
			    bool nonblock, pass_t pass)
{
	ssize_t ret;

	/* Between the waits and the locks another may have been faster. */
	do {
		ret = wait_one(from, pipe_wait_readable, nonblock);
		if (ret)
			return min(ret, (ssize_t)0);
		ret = wait_one(to, pipe_wait_writable, nonblock);
		if (ret)
			return ret;
		lock_two(from, to);
		ret = pass(from, to, len);
		unlock_two(from, to);
	} while (!ret);
	pipe_wake(from);
	pipe_wake(to);
	return ret;
}

/* ---- splice(2), tee(2) ---- */

static void account_io(ssize_t ret, bool both)
{
	struct task_struct *me = current;

	if (ret <= 0)
		return;
	me->ioac.rchar += ret;
	me->ioac.wchar += both ? ret : 0;
}

static ssize_t splice_to_file(struct pipe_inode_info *pipe, struct file *out, loff_t *opos,
			      size_t len, bool nonblock)
{
	struct splice_desc sd = { .out = out, .opos = opos };

	if (out->f_flags & O_APPEND)
		return -EINVAL;
	if (*opos < 0 || (!out->f_op->write_iter && !out->f_op->write_kernel))
		return -EINVAL;
	return splice_from_pipe(pipe, &sd, min(len, MAX_RW_COUNT), nonblock);
}

static ssize_t do_splice(struct file *in, loff_t *off_in, struct file *out, loff_t *off_out,
			 size_t len, unsigned int flags)
{
	struct pipe_inode_info *ipipe = get_pipe_info(in), *opipe = get_pipe_info(out);
	bool nonblock = flags & SPLICE_F_NONBLOCK;

	if (!(in->f_mode & FMODE_READ) || !(out->f_mode & FMODE_WRITE))
		return -EBADF;
	if (ipipe && opipe) {
		if (ipipe == opipe)
			return -EINVAL;
		nonblock |= (in->f_flags | out->f_flags) & O_NONBLOCK;
		return pipe_to_pipe(ipipe, opipe, len, nonblock, move_buffers);
	}
	if (ipipe) {
		if (off_out && !(out->f_mode & FMODE_PWRITE))
			return -EINVAL;
		nonblock |= in->f_flags & O_NONBLOCK;
		return splice_to_file(ipipe, out, off_out ? off_out : &out->f_pos, len, nonblock);
	}
	if (!opipe || (off_in && !(in->f_mode & FMODE_PREAD)))
		return -EINVAL;
	if (!off_in)
		off_in = &in->f_pos;
	if (*off_in < 0)
		return -EINVAL;
	nonblock |= out->f_flags & O_NONBLOCK;
	return splice_file_to_pipe(in, off_in, opipe, min(len, MAX_RW_COUNT), nonblock);
}

/* With the offsets of the caller, which go back to him. */
static ssize_t splice_at(struct file *in, loff_t __user *uin, struct file *out, loff_t __user *uout,
			 size_t len, unsigned int flags)
{
	loff_t off_in = 0, off_out = 0;
	ssize_t ret;

	if ((get_pipe_info(in) && uin) || (get_pipe_info(out) && uout))
		return -ESPIPE;
	if ((uout && get_user(off_out, uout)) || (uin && get_user(off_in, uin)))
		return -EFAULT;
	ret = do_splice(in, uin ? &off_in : NULL, out, uout ? &off_out : NULL, len, flags);
	if (ret < 0)
		return ret;
	account_io(ret, true);
	if ((uout && put_user(off_out, uout)) || (uin && put_user(off_in, uin)))
		return -EFAULT;
	return ret;
}

static long sys_splice(int fd_in, loff_t __user *off_in, int fd_out, loff_t __user *off_out,
		       size_t len, unsigned int flags)
{
	struct fd in, out;
	ssize_t ret = -EBADF;

	if (!len)
		return 0;
	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	in = fdget(fd_in);
	out = fdget(fd_out);
	if (in.file && out.file)
		ret = splice_at(in.file, off_in, out.file, off_out, len, flags);
	fdput(out);
	fdput(in);
	return ret;
}
SYSCALL(275, splice);

static ssize_t do_tee(struct file *in, struct file *out, size_t len, unsigned int flags)
{
	struct pipe_inode_info *ipipe = get_pipe_info(in), *opipe = get_pipe_info(out);
	bool nonblock = (flags & SPLICE_F_NONBLOCK) || ((in->f_flags | out->f_flags) & O_NONBLOCK);

	if (!(in->f_mode & FMODE_READ) || !(out->f_mode & FMODE_WRITE))
		return -EBADF;
	if (!ipipe || !opipe || ipipe == opipe)
		return -EINVAL;
	return pipe_to_pipe(ipipe, opipe, len, nonblock, link_buffers);
}

static long sys_tee(int fd_in, int fd_out, size_t len, unsigned int flags)
{
	struct fd in, out;
	ssize_t ret = -EBADF;

	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	if (!len)
		return 0;
	in = fdget(fd_in);
	out = fdget(fd_out);
	if (in.file && out.file)
		ret = do_tee(in.file, out.file, len, flags);
	fdput(out);
	fdput(in);
	return ret;
}
SYSCALL(276, tee);

/* ---- vmsplice(2) ---- */

/* The pages of [addr, addr + len), by reference, as many as there is room for: bytes or -errno. => lock held, not full */
static ssize_t push_user_pages(struct pipe_inode_info *pipe, unsigned long addr, size_t len)
{
	struct page *pages[MAX_PARTS];
	size_t done = 0;

	while (done < len && !pipe_full(pipe)) {
		unsigned int off = (addr + done) % PAGE_SIZE;
		int want = min3(DIV_ROUND_UP(off + (len - done), PAGE_SIZE), (size_t)MAX_PARTS,
				(size_t)(pipe->nslots - (pipe->head - pipe->tail)));
		int got = get_user_pages_fast((addr + done) & PAGE_MASK, want, 0, pages);

		if (got <= 0)
			return done ? done : got ? got : -EFAULT;
		for (int i = 0; i < got; i++) {
			size_t n = min(len - done, PAGE_SIZE - off);

			pipe_push(pipe, pages[i], off, n, 0);
			done += n;
			off = 0;
		}
	}
	return done;
}

static ssize_t vmsplice_to_pipe(struct pipe_inode_info *pipe, struct iov_iter *iter, bool nonblock)
{
	ssize_t done = 0, ret;

	mutex_lock(&pipe->lock);
	ret = pipe_wait_writable(pipe, nonblock);
	while (!ret && iov_iter_count(iter) && !pipe_full(pipe)) {
		unsigned long addr;
		size_t n = iov_iter_element(iter, &addr);
		ssize_t got = push_user_pages(pipe, addr, n);

		if (got < 0) {
			ret = got;
			break;
		}
		iov_iter_advance(iter, got);
		done += got;
		if ((size_t)got < n)
			break;
	}
	mutex_unlock(&pipe->lock);
	pipe_wake(pipe);
	return done ? done : ret;
}

static ssize_t do_vmsplice(struct file *file, struct iov_iter *iter, unsigned int flags)
{
	struct pipe_inode_info *pipe = get_pipe_info(file);
	bool nonblock = flags & SPLICE_F_NONBLOCK; /* the file's O_NONBLOCK does not count */
	struct splice_desc sd = { .user = iter };

	if (!pipe)
		return -EBADF;
	return iter->data_source ? vmsplice_to_pipe(pipe, iter, nonblock)
				 : splice_from_pipe(pipe, &sd, iov_iter_count(iter), nonblock);
}

static long sys_vmsplice(int fd, const struct iovec __user *uvec, unsigned long nr,
			 unsigned int flags)
{
	struct iovec fast[8], *iov = fast;
	struct iov_iter iter;
	ssize_t ret = -EBADF;
	struct fd f;

	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	f = fdget(fd);
	if (f.file && (f.file->f_mode & (FMODE_READ | FMODE_WRITE))) {
		ret = import_iovec(uvec, nr, fast, &iov);
		iov_iter_init(&iter, f.file->f_mode & FMODE_WRITE ? ITER_SOURCE : ITER_DEST, iov,
			      nr, max(ret, (ssize_t)0));
		if (ret > 0)
			ret = do_vmsplice(f.file, &iter, flags);
		if (iov != fast)
			kfree(iov);
	}
	fdput(f);
	return ret;
}
SYSCALL(278, vmsplice);

/* ---- sendfile(2), and for copy_file_range(2) ---- */

/* All len bytes that are in our own pipe go out: how many did; *err: why not the rest. */
static size_t drain(struct pipe_inode_info *pipe, struct splice_desc *sd, size_t len, ssize_t *err)
{
	size_t done = 0;

	*err = 0;
	while (done < len) {
		ssize_t ret = pipe_feed(pipe, sd, len - done);

		if (ret <= 0) {
			*err = ret ? ret : -EIO;
			break;
		}
		done += ret;
	}
	return done;
}

ssize_t do_splice_direct(struct file *in, loff_t *ppos, struct file *out, loff_t *opos, size_t len)
{
	struct splice_desc sd = { .out = out, .opos = opos };
	struct pipe_inode_info *pipe;
	ssize_t done = 0, ret = 0;

	if (!out->f_op->write_iter && !out->f_op->write_kernel)
		return -EINVAL;
	pipe = alloc_pipe_info();
	if (!pipe)
		return -ENOMEM;
	while (len) {
		loff_t start = *ppos;
		size_t put;

		ret = file_to_pipe(in, ppos, pipe, len);
		if (ret <= 0)
			break;
		put = drain(pipe, &sd, ret, &ret);
		done += put;
		len -= put;
		if (ret) {
			/* What was read and not written was not moved. */
			*ppos = min(*ppos, start + (loff_t)put);
			break;
		}
		if (signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	free_pipe_info(pipe);
	return done ? done : ret;
}

static ssize_t sendfile_files(struct file *out, struct file *in, loff_t *ppos, size_t count)
{
	struct pipe_inode_info *pipe = get_pipe_info(out);

	if (*ppos < 0 || (ssize_t)count < 0)
		return -EINVAL;
	count = min(count, MAX_RW_COUNT);
	if (pipe)
		return splice_file_to_pipe(in, ppos, pipe, count, out->f_flags & O_NONBLOCK);
	if ((out->f_flags & O_APPEND) || !(in->f_mode & FMODE_LSEEK))
		return -EINVAL;
	return count ? do_splice_direct(in, ppos, out, &out->f_pos, count) : 0;
}

static ssize_t do_sendfile(struct file *out, struct file *in, loff_t __user *offset, size_t count)
{
	loff_t pos = 0;
	ssize_t ret;

	if (offset && get_user(pos, offset))
		return -EFAULT;
	if (!(in->f_mode & FMODE_READ))
		return -EBADF;
	if (offset && !(in->f_mode & FMODE_PREAD))
		return -ESPIPE;
	if (!(out->f_mode & FMODE_WRITE))
		return -EBADF;
	ret = sendfile_files(out, in, offset ? &pos : &in->f_pos, count);
	account_io(ret, true);
	if (ret > 0 && offset && put_user(pos, offset))
		ret = -EFAULT;
	return ret;
}

static long sys_sendfile(int out_fd, int in_fd, loff_t __user *offset, size_t count)
{
	struct fd in = fdget(in_fd), out = fdget(out_fd);
	ssize_t ret = -EBADF;

	if (in.file && out.file)
		ret = do_sendfile(out.file, in.file, offset, count);
	fdput(out);
	fdput(in);
	return ret;
}
SYSCALL(40, sendfile);
