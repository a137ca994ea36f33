/*
 * seq_file: text files that the kernel writes at the moment they are read.
 *
 * A show function prints into a buffer that grows until everything fits; the reader takes bytes from it.
 * Files made of many records give an iterator: each record is whole, and a reader that comes back finds
 * its place by position. While a record does not fit it is printed again into a larger buffer, so show
 * functions must not have effects.
 *
 * Mirrors Linux fs/seq_file.c. Exercised by tests/user/procfs.c.
 */
#pragma once

#include "kernel/fs/fs.h"
#include "lib/printf.h"

struct seq_file;

struct seq_operations {
	void *(*start)(struct seq_file *m,
		       loff_t *pos); /* record at *pos, or NULL at the end, or ERR_PTR */
	void (*stop)(struct seq_file *m, void *v);
	void *(*next)(struct seq_file *m, void *v, loff_t *pos); /* the one after; raises *pos */
	int (*show)(struct seq_file *m, void *v);
};

struct seq_file {
	char *buf;
	size_t size, from, count; /* bytes in buf: [from, from + count) not yet read */
	loff_t index;		  /* record that comes next */
	loff_t read_pos;	  /* file position that belongs to from */
	struct rw_semaphore lock;
	const struct seq_operations *op;
	struct file *file;
	void *private;
};

static inline bool seq_has_overflowed(const struct seq_file *m)
{
	return m->count == m->size;
}

int seq_open(struct file *file,
	     const struct seq_operations *op); /* private_data becomes the seq_file */
int seq_release(struct inode *inode, struct file *file);
ssize_t seq_read(struct file *file, char __user *buf, size_t size, loff_t *ppos);
ssize_t seq_read_kernel(struct file *file, void *buf, size_t size, loff_t pos);
loff_t seq_lseek(struct file *file, loff_t offset, int whence);
/* One record: show(m, v) with m->private = data. */
int single_open(struct file *file, int (*show)(struct seq_file *, void *), void *data);
int single_release(struct inode *inode, struct file *file);

void seq_printf(struct seq_file *m, const char *fmt, ...) __printf(2, 3);
void seq_puts(struct seq_file *m, const char *s);
void seq_putc(struct seq_file *m, char c);
void seq_write(struct seq_file *m, const void *data, size_t len);
/* "name    number kB", the number ending in column 24: the lines of meminfo and smaps, of which a reader may want thousands. */
void seq_put_kb(struct seq_file *m, const char *name, u64 kb);
/* s with the characters of esc (and backslash) as octal escapes. */
void seq_escape(struct seq_file *m, const char *s, const char *esc);
/* A file's path, escaped; 0 or -1 when the buffer was too small. */
int seq_file_path(struct seq_file *m, struct file *file, const char *esc);
int seq_path(struct seq_file *m, const struct path *path, const char *esc);
