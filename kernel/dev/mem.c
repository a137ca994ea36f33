/*
 * Memory devices: null, zero, full, random, urandom, kmsg.
 *
 *	null     reads end of file, takes everything
 *	zero     reads zeroes, takes everything; mapped it is anonymous memory
 *	full     reads zeroes, takes nothing (ENOSPC)
 *	random   random bytes without end (urandom is the same); what is written stirs the generator
 *	kmsg     the kernel log: each read gives one record, each write adds one
 *
 * Lock: a kmsg reader's own mutex. Mirrors Linux drivers/char/mem.c, random.c, kernel/printk.
 * Exercised by tests/user/{devices,kmsg}.c.
 */
#include "arch/x86/uaccess.h"
#include "kernel/dev/chrdev.h"
#include "kernel/fs/poll.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/printk_internal.h"
#include "kernel/random.h"
#include "kernel/sched.h"
#include "lib/string.h"
#include "mm/cache/shmem.h"
#include "mm/slab/slab.h"
#include "mm/user/file_ops.h"
#include "mm/user/mm.h"

#define MEM_CHUNK     4096UL
#define KMSG_LINE_MAX 992
#define SEEK_SET      0
#define SEEK_END      2
#define SEEK_DATA     3

/* ---- null, zero, full ---- */

static ssize_t read_null(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	return 0;
}

static ssize_t write_null(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	return count;
}

static ssize_t write_null_kernel(struct file *file, const void *buf, size_t count)
{
	return count;
}

static ssize_t read_zero(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	size_t done = 0;

	while (done < count) {
		size_t n = min(count - done, MEM_CHUNK), left = clear_user(buf + done, n);

		done += n - left;
		if (left)
			return done ? done : -EFAULT;
		if (signal_pending(current))
			break;
		cond_resched();
	}
	return done || !count ? (ssize_t)done : -ERESTARTSYS;
}

static ssize_t read_zero_kernel(struct file *file, void *buf, size_t len, loff_t pos)
{
	memset(buf, 0, len);
	return len;
}

static ssize_t write_full(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	return -ENOSPC;
}

static int mmap_zero(struct file *file, struct vm_area_struct *vma)
{
	struct file *shared = NULL;

	if (vma->vm_flags & VM_MAYSHARE) {
		shared = mm_file_ops->shmem_zero_file(vma->vm_end - vma->vm_start,
						      !(vma->vm_flags & VM_NORESERVE));
		if (IS_ERR(shared))
			return PTR_ERR(shared);
		vma->vm_pgoff = 0;
	} else {
		vma->vm_pgoff = vma->vm_start >> PAGE_SHIFT;
	}
	/* The area's reference on the device goes; without a file it is anonymous. */
	fput(vma->vm_file);
	vma->vm_file = shared;
	return shared ? shmem_mmap(shared, vma) : 0;
}

static const struct file_operations null_fops = {
	.llseek = noop_llseek,
	.read = read_null,
	.write = write_null,
	.write_kernel = write_null_kernel,
};

static const struct file_operations zero_fops = {
	.llseek = noop_llseek,
	.read = read_zero,
	.read_kernel = read_zero_kernel,
	.write = write_null,
	.write_kernel = write_null_kernel,
	.mmap = mmap_zero,
};

static const struct file_operations full_fops = {
	.llseek = noop_llseek,
	.read = read_zero,
	.read_kernel = read_zero_kernel,
	.write = write_full,
};

/* ---- random ---- */

static ssize_t read_random(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	u8 chunk[256];
	size_t done = 0;

	while (done < count) {
		size_t n = min(count - done, sizeof(chunk)), left;

		get_random_bytes(chunk, n);
		left = copy_to_user(buf + done, chunk, n);
		done += n - left;
		if (left)
			return done ? done : -EFAULT;
		if (done % MEM_CHUNK == 0) {
			if (signal_pending(current))
				break;
			cond_resched();
		}
	}
	return done;
}

static ssize_t read_random_kernel(struct file *file, void *buf, size_t len, loff_t pos)
{
	get_random_bytes(buf, len);
	return len;
}

static ssize_t write_random(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	u8 chunk[256];
	size_t done = 0;

	while (done < count) {
		size_t n = min(count - done, sizeof(chunk));

		if (copy_from_user(chunk, buf + done, n))
			return done ? done : -EFAULT;
		add_device_randomness(chunk, n);
		done += n;
		if (signal_pending(current))
			break;
		cond_resched();
	}
	return done;
}

static const struct file_operations random_fops = {
	.llseek = noop_llseek,
	.read = read_random,
	.read_kernel = read_random_kernel,
	.write = write_random,
};

/* ---- kmsg ---- */

struct kmsg_reader {
	struct mutex lock;
	u64 seq;			   /* lock; the record that comes next */
	char buf[CONSOLE_EXT_LOG_MAX * 2]; /* lock */
};

static int kmsg_open(struct inode *inode, struct file *file)
{
	struct kmsg_reader *r;

	if (!(file->f_mode & FMODE_READ))
		return 0;
	r = kmalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	mutex_init(&r->lock);
	r->seq = log_first_seq();
	file->private_data = r;
	return 0;
}

static int kmsg_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

/* => r->lock held */
static ssize_t kmsg_read_one(struct kmsg_reader *r, struct file *file, char __user *buf,
			     size_t count)
{
	u64 before = r->seq;
	ssize_t n;

	for (;;) {
		n = kmsg_read_record(&r->seq, r->buf, sizeof(r->buf));
		if (n)
			break;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		n = wait_event_interruptible(log_wait, log_next_seq() != r->seq);
		if (n)
			return n;
	}
	if (n < 0)
		return n;
	if ((size_t)n > count) {
		r->seq = before;
		return -EINVAL;
	}
	return copy_to_user(buf, r->buf, n) ? -EFAULT : n;
}

static ssize_t kmsg_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct kmsg_reader *r = file->private_data;
	ssize_t ret;

	if (mutex_lock_interruptible(&r->lock))
		return -ERESTARTSYS;
	ret = kmsg_read_one(r, file, buf, count);
	mutex_unlock(&r->lock);
	return ret;
}

static ssize_t kmsg_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	char *line;

	if (count > KMSG_LINE_MAX)
		return -EINVAL;
	line = kmalloc(count + 1, GFP_KERNEL);
	if (!line)
		return -ENOMEM;
	if (copy_from_user(line, buf, count)) {
		kfree(line);
		return -EFAULT;
	}
	line[count] = 0;
	kmsg_write_line(line, count);
	kfree(line);
	return count;
}

static loff_t kmsg_llseek(struct file *file, loff_t offset, int whence)
{
	struct kmsg_reader *r = file->private_data;

	if (!r)
		return -EBADF;
	if (offset)
		return -ESPIPE;
	guard(mutex)(&r->lock);
	switch (whence) {
	case SEEK_SET:
		r->seq = log_first_seq();
		return 0;
	case SEEK_DATA:
		r->seq = log_clear_seq(false);
		return 0;
	case SEEK_END:
		r->seq = log_next_seq();
		return 0;
	}
	return -EINVAL;
}

static unsigned int kmsg_poll(struct file *file, struct poll_table *wait)
{
	struct kmsg_reader *r = file->private_data;
	u64 seq;

	if (!r)
		return EPOLLERR | EPOLLNVAL;
	poll_wait(file, &log_wait, wait);
	seq = READ_ONCE(r->seq);
	if (seq >= log_next_seq())
		return 0;
	return EPOLLIN | EPOLLRDNORM | (seq < log_first_seq() ? EPOLLERR | EPOLLPRI : 0);
}

static const struct file_operations kmsg_fops = {
	.llseek = kmsg_llseek,
	.open = kmsg_open,
	.release = kmsg_release,
	.read = kmsg_read,
	.write = kmsg_write,
	.poll = kmsg_poll,
};

static const struct {
	const char *name;
	unsigned int minor;
	umode_t mode;
	const struct file_operations *fops;
} mem_devices[] = {
	{ "null", 3, 0666, &null_fops },      { "zero", 5, 0666, &zero_fops },
	{ "full", 7, 0666, &full_fops },      { "random", 8, 0666, &random_fops },
	{ "urandom", 9, 0666, &random_fops }, { "kmsg", 11, 0644, &kmsg_fops },
};

static int __init mem_init_devices(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mem_devices); i++) {
		register_chrdev(MEM_MAJOR, mem_devices[i].minor, 1, "mem", mem_devices[i].fops);
		device_add_node(mem_devices[i].name, S_IFCHR | mem_devices[i].mode,
				MKDEV(MEM_MAJOR, mem_devices[i].minor));
	}
	return 0;
}
device_initcall(mem_init_devices);
