/*
 * The files that show records: trace, trace_pipe, of all CPUs or of one.
 *
 * 1. An open file has a place in each CPU's buffer and a line in the making. The next line is that of the earliest record of
 *    all places: merging sorted sequences. What was not yet read of a line waits in the file.
 * 2. trace reads without consuming, with a header, and ends at the end. Opened for writing with O_TRUNC (echo > trace) it
 *    empties the buffers; what is written is ignored.
 * 3. trace_pipe consumes: a record is shown once, to whoever comes first. At the end it waits, unless it has shown
 *    something already or is O_NONBLOCK (EAGAIN). Records that were overwritten unread are said: CPU:n [LOST m EVENTS].
 *
 * Locks: the reader's mutex, then trace_print_mutex, then a buffer's reader_mutex. Mirrors Linux kernel/trace/trace.c
 * (tracing_read_pipe, s_show). Exercised by tests/user/tracefs.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/sysfs/kernfs.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/trace/trace.h"
#include "lib/printf.h"
#include "mm/kva/vmalloc.h"
#include "mm/slab/slab.h"

#define LINE_MAX_BYTES 2048

struct reader {
	struct mutex lock;
	int cpu; /* - or -1 */
	bool consume;
	char *line; /* LINE_MAX_BYTES, [from, len) not yet read */
	size_t from, len;
	bool header;		  /* it was shown */
	struct ring_copy *copies; /* one for a CPU that is looked at, one for the earliest */
	struct ring_iter iters[NR_CPUS];
	u64 end[NR_CPUS]; /* trace shows what was there when it was opened: its own reading makes records, too */
};

static void rewind(struct reader *r)
{
	int cpu;

	for_each_online_cpu(cpu) {
		struct ring_buffer *rb = per_cpu_ptr(&trace_rings, cpu);

		ring_iter_reset(rb, &r->iters[cpu]);
		r->end[cpu] = r->consume ? ~0ULL : READ_ONCE(rb->head);
	}
	r->from = r->len = 0;
	r->header = false;
}

static int reader_open(struct inode *inode, struct file *file, bool consume)
{
	struct reader *r =
		kvzalloc(sizeof(*r) + LINE_MAX_BYTES + 2 * sizeof(struct ring_copy), GFP_KERNEL);

	if (!r)
		return -ENOMEM;
	mutex_init(&r->lock);
	r->cpu = (int)(unsigned long)kernfs_of(inode)->priv - 1;
	r->consume = consume;
	r->copies = (struct ring_copy *)(r + 1);
	r->line = (char *)(r->copies + 2);
	rewind(r);
	file->private_data = r;
	return 0;
}

static int trace_open(struct inode *inode, struct file *file)
{
	int cpu = (int)(unsigned long)kernfs_of(inode)->priv - 1;

	if ((file->f_mode & FMODE_WRITE) && (file->f_flags & O_TRUNC)) {
		guard(mutex)(&event_mutex);
		trace_reset(cpu);
	}
	return file->f_mode & FMODE_READ ? reader_open(inode, file, false) : 0;
}

static int trace_pipe_open(struct inode *inode, struct file *file)
{
	file->f_mode &= ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE);
	return reader_open(inode, file, true);
}

static int reader_release(struct inode *inode, struct file *file)
{
	kvfree(file->private_data);
	return 0;
}

/* The earliest record into copies[1]; its CPU, or -1. *lost: records that were missed before it. */
static int earliest(struct reader *r, unsigned long *lost)
{
	unsigned long missed;
	int cpu, best = -1;

	for_each_online_cpu(cpu) {
		struct ring_buffer *rb = per_cpu_ptr(&trace_rings, cpu);

		if (r->cpu >= 0 && cpu != r->cpu)
			continue;
		guard(mutex)(&rb->reader_mutex);
		if (r->consume)
			ring_read_pos(rb, &r->iters[cpu]);
		missed = 0;
		if (!ring_peek(rb, &r->iters[cpu], &r->copies[0], &missed) ||
		    r->iters[cpu].pos >= r->end[cpu])
			continue;
		if (best >= 0 && r->copies[0].rec.ts >= r->copies[1].rec.ts)
			continue;
		best = cpu;
		*lost = missed;
		r->copies[1] = r->copies[0];
	}
	return best;
}

/* Consumes what was found, if nobody was faster. */
static bool take(struct reader *r, int cpu)
{
	struct ring_buffer *rb = per_cpu_ptr(&trace_rings, cpu);
	struct ring_iter now;

	guard(mutex)(&rb->reader_mutex);
	ring_read_pos(rb, &now);
	if (r->consume && (now.gen != r->iters[cpu].gen || now.pos > r->iters[cpu].pos))
		return false;
	ring_advance(&r->iters[cpu], &r->copies[1]);
	if (r->consume)
		ring_consume(rb, &r->iters[cpu]);
	return true;
}

/* The next line. False: there is none now. => r->lock */
static bool next_line(struct reader *r)
{
	unsigned long lost = 0;
	int cpu, n = 0;

	r->from = r->len = 0;
	if (!r->consume && !r->header) {
		r->len = trace_format_header(r->line, LINE_MAX_BYTES, r->cpu);
		r->header = true;
		return true;
	}
	do {
		cpu = earliest(r, &lost);
		if (cpu < 0)
			return false;
	} while (!take(r, cpu));
	if (r->consume && lost)
		n = scnprintf(r->line, LINE_MAX_BYTES, "CPU:%d [LOST %lu EVENTS]\n", cpu, lost);
	mutex_lock(&trace_print_mutex);
	r->len = n + trace_format_line(r->line + n, LINE_MAX_BYTES - n, cpu, &r->copies[1]);
	mutex_unlock(&trace_print_mutex);
	return true;
}

static bool has_records(const struct reader *r)
{
	int cpu;

	if (READ_ONCE(r->from) < READ_ONCE(r->len))
		return true;
	for_each_online_cpu(cpu)
		if ((r->cpu < 0 || cpu == r->cpu) &&
		    ring_has_unread(per_cpu_ptr(&trace_rings, cpu)))
			return true;
	return false;
}

/* What there is, up to size bytes; 0: nothing. => r->lock */
static ssize_t read_lines(struct reader *r, char __user *buf, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t n;

		if (r->from == r->len && !next_line(r))
			break;
		n = min(size - done, r->len - r->from);
		if (copy_to_user(buf + done, r->line + r->from, n))
			return done ? (ssize_t)done : -EFAULT;
		r->from += n;
		done += n;
		if (done && (signal_pending(current) || (r->consume && done >= PAGE_SIZE)))
			break;
		cond_resched();
	}
	return done;
}

static ssize_t trace_read(struct file *file, char __user *buf, size_t size, loff_t *ppos)
{
	struct reader *r = file->private_data;
	ssize_t n;

	mutex_lock(&r->lock);
	n = read_lines(r, buf, size);
	mutex_unlock(&r->lock);
	if (n > 0)
		*ppos += n;
	return n;
}

static int wait_for_records(struct reader *r)
{
	DEFINE_WAIT(wait);
	int err = 0;

	while (!has_records(r) && !err) {
		err = prepare_to_wait_event(&trace_wait, &wait, TASK_INTERRUPTIBLE);
		if (!err && !has_records(r)) {
			trace_wait_arm();
			schedule();
		}
	}
	finish_wait(&trace_wait, &wait);
	return err;
}

static ssize_t trace_pipe_read(struct file *file, char __user *buf, size_t size, loff_t *ppos)
{
	struct reader *r = file->private_data;
	ssize_t n;

	if (!size)
		return 0;
	for (;;) {
		mutex_lock(&r->lock);
		n = read_lines(r, buf, size);
		mutex_unlock(&r->lock);
		if (n)
			return n;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		n = wait_for_records(r);
		if (n)
			return n;
	}
}

static unsigned int trace_pipe_poll(struct file *file, struct poll_table *pt)
{
	struct reader *r = file->private_data;

	poll_wait(file, &trace_wait, pt);
	if (has_records(r))
		return EPOLLIN | EPOLLRDNORM;
	trace_wait_arm();
	return 0;
}

static ssize_t trace_write(struct file *file, const char __user *buf, size_t size, loff_t *ppos)
{
	return size;
}

/* Back to the beginning; other places mean nothing. */
static loff_t trace_llseek(struct file *file, loff_t offset, int whence)
{
	struct reader *r = file->private_data;

	if (!r)
		return 0;
	if (whence == 1 && !offset)
		return file->f_pos;
	if (whence || offset)
		return -EINVAL;
	guard(mutex)(&r->lock);
	rewind(r);
	file->f_pos = 0;
	return 0;
}

const struct file_operations trace_fops = {
	.open = trace_open,
	.read = trace_read,
	.write = trace_write,
	.llseek = trace_llseek,
	.release = reader_release,
};

const struct file_operations trace_pipe_fops = {
	.open = trace_pipe_open,
	.read = trace_pipe_read,
	.poll = trace_pipe_poll,
	.release = reader_release,
};
