/*
 * seq_file: text files made at read time. The idea is in seq_file.h.
 *
 * Locks: m->lock around a read. Mirrors Linux fs/seq_file.c. Exercised by tests/user/procfs.c.
 */
#include "kernel/fs/seq_file.h"

#include "arch/x86/uaccess.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

#define SEQ_MAX_BUF (32UL << 20)

int seq_open(struct file *file, const struct seq_operations *op)
{
	struct seq_file *m = kzalloc(sizeof(*m), GFP_KERNEL);

	if (!m)
		return -ENOMEM;
	init_rwsem(&m->lock);
	m->op = op;
	m->file = file;
	file->private_data = m;
	file->f_mode &= ~FMODE_PWRITE;
	return 0;
}

int seq_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	if (m)
		kvfree(m->buf);
	kfree(m);
	return 0;
}

void seq_write(struct seq_file *m, const void *data, size_t len)
{
	if (m->count + len < m->size) {
		memcpy(m->buf + m->count, data, len);
		m->count += len;
	} else {
		m->count = m->size;
	}
}

void seq_puts(struct seq_file *m, const char *s)
{
	seq_write(m, s, strlen(s));
}

void seq_putc(struct seq_file *m, char c)
{
	seq_write(m, &c, 1);
}

void seq_printf(struct seq_file *m, const char *fmt, ...)
{
	va_list args;
	int len;

	if (m->count >= m->size)
		return;
	va_start(args, fmt);
	len = vsnprintf(m->buf + m->count, m->size - m->count, fmt, args);
	va_end(args);
	if (m->count + len < m->size)
		m->count += len;
	else
		m->count = m->size;
}

#define KB_NAME	   16 /* columns of the name, and a blank behind it */
#define KB_COLUMNS 24

void seq_put_kb(struct seq_file *m, const char *name, u64 kb)
{
	char line[KB_COLUMNS + 4], *digit = line + KB_COLUMNS;
	size_t len = strlen(name), first = max(len + 1, (size_t)KB_NAME);
	u64 rest = kb;

	if (first >= KB_COLUMNS)
		goto wide;
	memset(line, ' ', KB_COLUMNS);
	memcpy(line, name, len);
	memcpy(line + KB_COLUMNS, " kB\n", 4);
	do {
		if (unlikely(digit == line + first))
			goto wide;
		*--digit = '0' + rest % 10;
		rest /= 10;
	} while (rest);
	seq_write(m, line, sizeof(line));
	return;
wide:
	seq_printf(m, "%-15s %8llu kB\n", name, kb);
}

void seq_escape(struct seq_file *m, const char *s, const char *esc)
{
	for (; *s; s++) {
		if (*s == '\\' || strchr(esc, *s))
			seq_printf(m, "\\%03o", (u8)*s);
		else
			seq_putc(m, *s);
	}
}

int seq_path(struct seq_file *m, const struct path *path, const char *esc)
{
	char *page = kmalloc(PATH_MAX, GFP_KERNEL), *p;

	if (!page)
		return -1;
	p = d_path(path, page, PATH_MAX);
	if (!IS_ERR(p))
		seq_escape(m, p, esc);
	kfree(page);
	return IS_ERR(p) ? -1 : 0;
}

int seq_file_path(struct seq_file *m, struct file *file, const char *esc)
{
	return seq_path(m, &file->f_path, esc);
}

static int seq_grow(struct seq_file *m)
{
	size_t size = m->size ? m->size * 2 : PAGE_SIZE;
	char *buf = size > SEQ_MAX_BUF ? NULL : kvmalloc(size, GFP_KERNEL);

	if (!buf)
		return -ENOMEM;
	kvfree(m->buf);
	m->buf = buf;
	m->size = size;
	return 0;
}

/* Prints records from m->index on: at least one whole record, then as many as fit. 0: end of file. */
static int seq_fill(struct seq_file *m)
{
	size_t whole = 0;
	loff_t pos;
	void *v;
	int err;

	m->from = 0;
retry:
	m->count = 0;
	pos = m->index;
	v = m->op->start(m, &pos);
	while (v && !IS_ERR(v)) {
		err = m->op->show(m, v);
		if (err < 0) {
			m->op->stop(m, v);
			m->count = whole;
			return err;
		}
		/* A positive answer: this record is to be left out. */
		if (err > 0)
			m->count = whole;
		if (seq_has_overflowed(m)) {
			m->count = whole;
			break;
		}
		v = m->op->next(m, v, &pos);
		m->index = pos;
		whole = m->count;
		if (whole >= PAGE_SIZE)
			break;
	}
	m->op->stop(m, v);
	if (IS_ERR(v))
		return PTR_ERR(v);
	if (v && !whole && m->size <= SEQ_MAX_BUF && !m->count) {
		/* The first record alone is larger than the buffer (or printed nothing and goes on). */
		err = seq_grow(m);
		if (err)
			return err;
		goto retry;
	}
	return 0;
}

/* Runs the file from its start up to position pos. */
static int seq_traverse(struct seq_file *m, loff_t pos)
{
	loff_t at = 0;
	int err;

	m->index = 0;
	m->from = m->count = 0;
	while (at < pos) {
		err = seq_fill(m);
		if (err)
			return err;
		if (!m->count)
			break;
		if (at + (loff_t)m->count > pos) {
			m->from = pos - at;
			m->count -= m->from;
			at = pos;
			break;
		}
		at += m->count;
		m->count = 0;
	}
	m->read_pos = pos;
	return 0;
}

static ssize_t seq_do_read(struct file *file, char __user *ubuf, char *kbuf, size_t size,
			   loff_t *ppos)
{
	struct seq_file *m = file->private_data;
	ssize_t done = 0;
	int err = 0;

	down_write(&m->lock);
	if (!m->buf)
		err = seq_grow(m);
	if (!err && *ppos != m->read_pos)
		err = seq_traverse(m, *ppos);
	while (!err && size) {
		size_t n;

		if (!m->count) {
			err = seq_fill(m);
			if (err || !m->count)
				break;
		}
		n = min(m->count, size);
		if (kbuf)
			memcpy(kbuf + done, m->buf + m->from, n);
		else if (copy_to_user(ubuf + done, m->buf + m->from, n))
			err = -EFAULT;
		if (err)
			break;
		m->from += n;
		m->count -= n;
		done += n;
		size -= n;
	}
	*ppos += done;
	m->read_pos = *ppos;
	up_write(&m->lock);
	return done ? done : err;
}

ssize_t seq_read(struct file *file, char __user *buf, size_t size, loff_t *ppos)
{
	return seq_do_read(file, buf, NULL, size, ppos);
}

ssize_t seq_read_kernel(struct file *file, void *buf, size_t size, loff_t pos)
{
	return seq_do_read(file, NULL, buf, size, &pos);
}

loff_t seq_lseek(struct file *file, loff_t offset, int whence)
{
	if (whence == 1)
		offset += file->f_pos;
	else if (whence != 0)
		return -EINVAL;
	if (offset < 0)
		return -EINVAL;
	file->f_pos = offset;
	return offset;
}

static void *single_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? NULL : (void *)1;
}

static void *single_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return NULL;
}

static void single_stop(struct seq_file *m, void *v)
{
}

int single_open(struct file *file, int (*show)(struct seq_file *, void *), void *data)
{
	struct seq_operations *op = kmalloc(sizeof(*op), GFP_KERNEL);
	int err;

	if (!op)
		return -ENOMEM;
	op->start = single_start;
	op->next = single_next;
	op->stop = single_stop;
	op->show = show;
	err = seq_open(file, op);
	if (err)
		kfree(op);
	else
		((struct seq_file *)file->private_data)->private = data;
	return err;
}

int single_release(struct inode *inode, struct file *file)
{
	const struct seq_operations *op = ((struct seq_file *)file->private_data)->op;

	seq_release(inode, file);
	kfree(op);
	return 0;
}
