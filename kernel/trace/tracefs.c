/*
 * tracefs: the files of tracing, at /sys/kernel/tracing and /sys/kernel/debug/tracing.
 *
 * 1. A small file prints itself whole when it is read, and takes each write as one command: a bad one is EINVAL and changes
 *    nothing. trace and trace_pipe are in trace_read.c.
 * 2. The directories of events and CPUs are made when somebody first looks into them.
 * 3. What is not there is not pretended: filter says "none" and takes only "0"; there are no triggers, and of tracers only
 *    nop.
 *
 * Lock: event_mutex for each command. Mirrors Linux fs/tracefs/inode.c, kernel/trace/{trace,trace_events}.c (files).
 * Exercised by tests/user/tracefs.c; docs/tracing.md explains the files.
 */
#include "arch/x86/uaccess.h"
#include "kernel/fs/seq_file.h"
#include "kernel/fs/sysfs/debugfs.h"
#include "kernel/fs/sysfs/kernfs.h"
#include "kernel/fs/sysfs/sysfs.h"
#include "kernel/init.h"
#include "kernel/smp.h"
#include "kernel/trace/trace.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/buddy.h"
#include "mm/slab/slab.h"

#define TRACEFS_MAGIC 0x74726163

static struct kernfs_root tracefs_root = KERNFS_ROOT(tracefs_root, TRACEFS_MAGIC);

/* ---- small files ---- */

struct small_file {
	const char *name;
	umode_t mode;
	int (*show)(struct seq_file *m, void *arg); /* NULL: write only */
	int (*store)(char *text,
		     void *arg); /* 0 or errno; text without white space around. NULL: read only */
	int (*truncate)(void);	 /* opened for writing with O_TRUNC; may be NULL */
};

#define FILE_RO(n, s)                                   \
	{                                               \
		.name = (n), .mode = 0440, .show = (s), \
	}
#define FILE_RW(n, s, st)                                              \
	{                                                              \
		.name = (n), .mode = 0640, .show = (s), .store = (st), \
	}

struct small_node {
	const struct small_file *file;
	void *arg;
};

static int small_show(struct seq_file *m, void *v)
{
	const struct small_node *node = m->private;

	guard(mutex)(&event_mutex);
	return node->file->show(m, node->arg);
}

static int small_open(struct inode *inode, struct file *file)
{
	struct small_node *node = kernfs_of(inode)->priv;

	if ((file->f_mode & FMODE_WRITE) && (file->f_flags & O_TRUNC) && node->file->truncate) {
		guard(mutex)(&event_mutex);
		node->file->truncate();
	}
	if (!node->file->show && (file->f_mode & FMODE_READ))
		return -EINVAL;
	return single_open(file, small_show, node);
}

static ssize_t small_write(struct file *file, const char __user *buf, size_t size, loff_t *ppos)
{
	const struct small_node *node = kernfs_of(file_inode(file))->priv;
	char text[256];
	int err;

	if (!node->file->store || size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, size))
		return -EFAULT;
	text[size] = '\0';
	if (strlen(text) != size)
		return -EINVAL;
	mutex_lock(&event_mutex);
	err = node->file->store(strim(skip_spaces(text)), node->arg);
	mutex_unlock(&event_mutex);
	if (err)
		return err;
	*ppos += size;
	return size;
}

static const struct file_operations small_fops = {
	.open = small_open,
	.read = seq_read,
	.read_kernel = seq_read_kernel,
	.write = small_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static void make_file(struct kernfs_node *dir, const struct small_file *file, void *arg)
{
	struct small_node *node;

	if (IS_ERR(dir) || !(node = kmalloc(sizeof(*node), GFP_KERNEL)))
		return;
	*node = (struct small_node){ .file = file, .arg = arg };
	if (IS_ERR(kernfs_create_file(dir, file->name, file->mode, &small_fops, node)))
		kfree(node);
}

static struct kernfs_node *make_dir(struct kernfs_node *parent, const char *name, void *arg,
				    void (*populate)(struct kernfs_node *dir))
{
	struct kernfs_node *dir = kernfs_create_dir(parent, name, 0750);

	if (!IS_ERR(dir)) {
		dir->priv = arg;
		if (populate)
			kernfs_set_populate(dir, populate);
	}
	return dir;
}

/* Text of one file that show prints with a snprintf-like function. */
static int show_text(struct seq_file *m,
		     int (*format)(char *, size_t, const struct trace_event_call *),
		     const struct trace_event_call *call)
{
	size_t size = 2 * PAGE_SIZE;
	char *buf = kvmalloc(size, GFP_KERNEL);

	if (!buf)
		return -ENOMEM;
	seq_write(m, buf, format(buf, size, call));
	kvfree(buf);
	return 0;
}

/* ---- README, tracers, clock ---- */

static int readme_show(struct seq_file *m, void *arg)
{
	seq_puts(m, "tracing mini-HOWTO:\n\n"
		    "# echo 1 > events/kmem/enable : records every event of kmem\n"
		    "# echo 'kmem:mm_page_*' >> set_event : some of them ('!' before it: off)\n"
		    "# cat trace_pipe : shows records as they come, each once\n"
		    "# echo 0 > tracing_on : stops recording; cat trace : shows what is there\n\n"
		    "  available_events\t- all events, SYSTEM:EVENT\n"
		    "  set_event\t\t- events that are on; writing sets, appending adds\n"
		    "  events/\t\t- a directory for each system and event: enable, format, id\n"
		    "  trace\t\t\t- the records; echo > trace : empties the buffers\n"
		    "  trace_pipe\t\t- consumes records, waits for more\n"
		    "  tracing_on\t\t- recording at all\n"
		    "  trace_marker\t\t- what is written becomes a record\n"
		    "  trace_clock\t\t- what stamps the records\n"
		    "  buffer_size_kb\t- size of a CPU's buffer\n"
		    "  buffer_total_size_kb\t- of all buffers\n"
		    "  per_cpu/\t\t- the buffer of each CPU\n"
		    "  options/, trace_options - settings: overwrite irq-info markers\n"
		    "  saved_cmdlines\t- names of processes that were recorded\n"
		    "  available_tracers, current_tracer - nop\n");
	return 0;
}

static int tracer_show(struct seq_file *m, void *arg)
{
	seq_puts(m, "nop\n");
	return 0;
}

static int tracer_store(char *text, void *arg)
{
	return strcmp(text, "nop") ? -EINVAL : 0;
}

static int clock_show(struct seq_file *m, void *arg)
{
	for (int i = 0; i < TRACE_NR_CLOCKS; i++)
		seq_printf(m, i == trace_clock_id ? "%s[%s]" : "%s%s", i ? " " : "",
			   trace_clock_names[i]);
	seq_putc(m, '\n');
	return 0;
}

static int clock_store(char *text, void *arg)
{
	return trace_clock_set(text);
}

/* ---- switches: tracing_on, options/ ---- */

static void overwrite_changed(bool on)
{
	trace_set_overwrite(on);
}

static bool trace_overwrite = true;

static const struct option {
	const char *name;
	bool *value;
	void (*changed)(bool on);
} options[] = {
	{ "irq-info", &trace_irq_info, NULL },
	{ "markers", &trace_markers, NULL },
	{ "overwrite", &trace_overwrite, overwrite_changed },
};

static int parse_switch(const char *text, bool *on)
{
	unsigned int value;

	*on = false;
	if (kstrtouint(text, 10, &value) || value > 1)
		return -EINVAL;
	*on = value;
	return 0;
}

static void set_option(const struct option *o, bool on)
{
	WRITE_ONCE(*o->value, on);
	if (o->changed)
		o->changed(on);
}

static int option_show(struct seq_file *m, void *arg)
{
	const struct option *o = arg;

	seq_printf(m, "%d\n", *o->value);
	return 0;
}

static int option_store(char *text, void *arg)
{
	bool on;
	int err = parse_switch(text, &on);

	if (!err)
		set_option(arg, on);
	return err;
}

static int options_show(struct seq_file *m, void *arg)
{
	for (int i = 0; i < ARRAY_SIZE(options); i++)
		seq_printf(m, "%s%s\n", *options[i].value ? "" : "no", options[i].name);
	return 0;
}

static int options_store(char *text, void *arg)
{
	bool on = strncmp(text, "no", 2) != 0;

	for (int i = 0; i < ARRAY_SIZE(options); i++) {
		if (!strcmp(text + (on ? 0 : 2), options[i].name)) {
			set_option(&options[i], on);
			return 0;
		}
	}
	return -EINVAL;
}

static const struct option tracing_on_option = { "tracing_on", &tracing_is_on, NULL };

/* ---- sizes ---- */

static unsigned long cpu_kb(int cpu)
{
	return per_cpu(trace_rings, cpu).size >> 10;
}

/* arg: CPU + 1, 0 for all. */
static int size_show(struct seq_file *m, void *arg)
{
	int only = (int)(unsigned long)arg - 1, cpu;
	unsigned int first = only >= 0 ? (unsigned int)only : cpumask_first(cpu_online_mask);

	for_each_online_cpu(cpu) {
		if (only >= 0 && cpu != only)
			continue;
		if (cpu_kb(cpu) != cpu_kb(first)) {
			seq_puts(m, "X\n");
			return 0;
		}
	}
	if (cpu_kb(first))
		seq_printf(m, "%lu\n", cpu_kb(first));
	else
		seq_printf(m, "0 (expanded: %lu)\n", trace_buffer_size >> 10);
	return 0;
}

static int size_store(char *text, void *arg)
{
	int cpu = (int)(unsigned long)arg - 1, err;
	unsigned long kb;

	if (kstrtoul(text, 10, &kb) || !kb || kb > ULONG_MAX >> 10)
		return -EINVAL;
	err = trace_resize(cpu, kb << 10);
	return err || cpu >= 0 ? err : trace_expand();
}

static int total_show(struct seq_file *m, void *arg)
{
	unsigned long total = 0;
	int cpu;

	for_each_online_cpu(cpu)
		total += cpu_kb(cpu);
	if (total)
		seq_printf(m, "%lu\n", total);
	else
		seq_printf(m, "0 (expanded: %lu)\n", (trace_buffer_size >> 10) * num_online_cpus());
	return 0;
}

/* ---- names, marker ---- */

static void show_cmdline(int pid, const char *comm, void *arg)
{
	seq_printf(arg, "%d %s\n", pid, comm);
}

static int cmdlines_show(struct seq_file *m, void *arg)
{
	trace_for_each_cmdline(show_cmdline, m);
	return 0;
}

static ssize_t tracing_mark_write(struct file *file, const char __user *buf, size_t size,
				  loff_t *ppos)
{
	size_t len = min(size, (size_t)RING_MAX_BYTES - 64);
	ssize_t ret = -EFAULT;
	char *text;

	if (!trace_markers)
		return -EINVAL;
	if (!size)
		return 0;
	text = kmalloc(len + 1, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	if (copy_from_user(text, buf, len))
		goto out;
	text[len] = '\0';
	mutex_lock(&event_mutex);
	ret = trace_expand();
	mutex_unlock(&event_mutex);
	if (!ret)
		ret = trace_mark((unsigned long)tracing_mark_write, text) ? (ssize_t)len : -EBADF;
out:
	kfree(text);
	return ret;
}

static const struct file_operations marker_fops = {
	.open = stream_open,
	.write = tracing_mark_write,
};

/* ---- events ---- */

static int available_show(struct seq_file *m, void *arg)
{
	struct trace_event_call *const *p;

	for_each_event(p) seq_printf(m, "%s:%s\n", (*p)->system, (*p)->name);
	return 0;
}

static int set_event_show(struct seq_file *m, void *arg)
{
	struct trace_event_call *const *p;

	for_each_event(p) if ((*p)->enabled) seq_printf(m, "%s:%s\n", (*p)->system, (*p)->name);
	return 0;
}

static int set_event_store(char *text, void *arg)
{
	char *word;

	while ((word = strsep(&text, " \t\n,")) != NULL) {
		bool off = *word == '!';
		int err = *word ? trace_set_events(word + off, !off) : 0;

		if (err)
			return err;
	}
	return 0;
}

static int all_events_off(void)
{
	return trace_set_events("*:*", false);
}

/* arg: a system, NULL for all. */
static int enable_many_show(struct seq_file *m, void *arg)
{
	struct trace_event_call *const *p;
	bool on = false, off = false;

	for_each_event(p)
	{
		if (arg && strcmp((*p)->system, arg))
			continue;
		on |= (*p)->enabled;
		off |= !(*p)->enabled;
	}
	seq_printf(m, "%c\n", on && off ? 'X' : on ? '1' : '0');
	return 0;
}

static int enable_many_store(char *text, void *arg)
{
	struct trace_event_call *const *p;
	bool on;
	int err = parse_switch(text, &on);

	for_each_event(p) if (!err && (!arg || !strcmp((*p)->system, arg)))
		err = trace_enable_event(*p, on);
	return err;
}

static int enable_show(struct seq_file *m, void *arg)
{
	const struct trace_event_call *call = arg;

	seq_printf(m, "%d\n", call->enabled);
	return 0;
}

static int enable_store(char *text, void *arg)
{
	bool on;
	int err = parse_switch(text, &on);

	return err ? err : trace_enable_event(arg, on);
}

static int id_show(struct seq_file *m, void *arg)
{
	const struct trace_event_call *call = arg;

	seq_printf(m, "%u\n", call->id);
	return 0;
}

static int format_show(struct seq_file *m, void *arg)
{
	return show_text(m, trace_format_event, arg);
}

static int filter_show(struct seq_file *m, void *arg)
{
	seq_puts(m, "none\n");
	return 0;
}

static int filter_store(char *text, void *arg)
{
	return strcmp(text, "0") ? -EINVAL : 0;
}

static const struct small_file format_file = FILE_RO("format", format_show),
			       id_file = FILE_RO("id", id_show),
			       enable_file = FILE_RW("enable", enable_show, enable_store),
			       filter_file = FILE_RW("filter", filter_show, filter_store),
			       enable_many_file =
				       FILE_RW("enable", enable_many_show, enable_many_store);

static void fill_event(struct kernfs_node *dir)
{
	make_file(dir, &enable_file, dir->priv);
	make_file(dir, &id_file, dir->priv);
	make_file(dir, &filter_file, dir->priv);
	make_file(dir, &format_file, dir->priv);
}

static void fill_system(struct kernfs_node *dir)
{
	struct trace_event_call *const *p;

	make_file(dir, &enable_many_file, dir->priv);
	for_each_event(p) if (!strcmp((*p)->system, dir->priv))
		make_dir(dir, (*p)->name, *p, fill_event);
}

static void fill_ftrace(struct kernfs_node *dir)
{
	struct kernfs_node *print = make_dir(dir, "print", NULL, NULL);

	make_file(print, &id_file, &trace_event_print);
	make_file(print, &format_file, &trace_event_print);
}

static void fill_events(struct kernfs_node *dir)
{
	struct trace_event_call *const *p;

	make_file(dir, &enable_many_file, NULL);
	make_dir(dir, "ftrace", NULL, fill_ftrace);
	/* A system that is there already is -EEXIST. */
	for_each_event(p) make_dir(dir, (*p)->system, (void *)(*p)->system, fill_system);
}

/* ---- per_cpu ---- */

static void show_stamp(struct seq_file *m, const char *what, u64 ts)
{
	if (trace_clock_in_ns())
		seq_printf(m, "%s: %5llu.%06llu\n", what, ts / NSEC_PER_SEC,
			   ts / NSEC_PER_USEC % USEC_PER_SEC);
	else
		seq_printf(m, "%s: %llu\n", what, ts);
}

/* arg: CPU + 1. */
static int stats_show(struct seq_file *m, void *arg)
{
	struct ring_buffer *rb = per_cpu_ptr(&trace_rings, (int)(unsigned long)arg - 1);
	struct ring_copy *copy = kmalloc(sizeof(*copy), GFP_KERNEL);
	struct ring_iter it;
	unsigned long lost = 0, bytes;

	if (!copy)
		return -ENOMEM;
	mutex_lock(&rb->reader_mutex);
	ring_iter_reset(rb, &it);
	copy->rec.ts = 0;
	ring_peek(rb, &it, copy, &lost);
	bytes = READ_ONCE(rb->head) - min(it.pos, READ_ONCE(rb->head));
	mutex_unlock(&rb->reader_mutex);
	seq_printf(m, "entries: %lu\noverrun: %llu\ncommit overrun: 0\nbytes: %lu\n",
		   ring_entries(rb), READ_ONCE(rb->overrun), bytes);
	show_stamp(m, "oldest event ts", copy->rec.ts);
	show_stamp(m, "now ts", trace_clock_now());
	seq_printf(m, "dropped events: %llu\nread events: %llu\n", READ_ONCE(rb->dropped),
		   READ_ONCE(rb->read_count));
	kfree(copy);
	return 0;
}

static const struct small_file stats_file = FILE_RO("stats", stats_show),
			       size_file = FILE_RW("buffer_size_kb", size_show, size_store);

static void fill_cpu(struct kernfs_node *dir)
{
	kernfs_create_file(dir, "trace", 0640, &trace_fops, dir->priv);
	kernfs_create_file(dir, "trace_pipe", 0440, &trace_pipe_fops, dir->priv);
	make_file(dir, &stats_file, dir->priv);
	make_file(dir, &size_file, dir->priv);
}

static void fill_per_cpu(struct kernfs_node *dir)
{
	char name[16];
	int cpu;

	for_each_online_cpu(cpu) {
		snprintf(name, sizeof(name), "cpu%d", cpu);
		make_dir(dir, name, (void *)(cpu + 1UL), fill_cpu);
	}
}

/* ---- the top ---- */

static const struct small_file top_files[] = {
	FILE_RO("README", readme_show),
	FILE_RO("available_events", available_show),
	FILE_RO("available_tracers", tracer_show),
	FILE_RW("current_tracer", tracer_show, tracer_store),
	{ .name = "set_event",
	  .mode = 0640,
	  .show = set_event_show,
	  .store = set_event_store,
	  .truncate = all_events_off },
	FILE_RW("trace_clock", clock_show, clock_store),
	FILE_RW("trace_options", options_show, options_store),
	FILE_RO("buffer_total_size_kb", total_show),
	FILE_RO("saved_cmdlines", cmdlines_show),
};
static const struct small_file tracing_on_file = FILE_RW("tracing_on", option_show, option_store);

static void fill_options(struct kernfs_node *dir)
{
	static struct small_file files[ARRAY_SIZE(options)];

	for (int i = 0; i < ARRAY_SIZE(options); i++) {
		files[i] = (struct small_file)FILE_RW(options[i].name, option_show, option_store);
		make_file(dir, &files[i], (void *)&options[i]);
	}
}

static void fill_top(struct kernfs_node *dir)
{
	for (int i = 0; i < ARRAY_SIZE(top_files); i++)
		make_file(dir, &top_files[i], NULL);
	make_file(dir, &tracing_on_file, (void *)&tracing_on_option);
	make_file(dir, &size_file, NULL);
	kernfs_create_file(dir, "trace", 0640, &trace_fops, NULL);
	kernfs_create_file(dir, "trace_pipe", 0440, &trace_pipe_fops, NULL);
	kernfs_create_file(dir, "trace_marker", 0220, &marker_fops, NULL);
	make_dir(dir, "events", NULL, fill_events);
	make_dir(dir, "options", NULL, fill_options);
	make_dir(dir, "per_cpu", NULL, fill_per_cpu);
}

static struct super_block *tracefs_mount(struct file_system_type *type, int flags, const char *dev,
					 char *data)
{
	return kernfs_get_super(&tracefs_root, type);
}

static struct file_system_type tracefs_fs_type = { .name = "tracefs", .mount = tracefs_mount };

static int tracefs_init(void)
{
	struct kernfs_node *old = debugfs_create_dir("tracing", NULL);

	kernfs_set_populate(&tracefs_root.kn, fill_top);
	/* To mount on. In debugfs, where programs looked first once, the files are without a mount. */
	if (IS_ERR(sysfs_create_dir(sysfs_kernel, "tracing")) || IS_ERR(old))
		return -ENOMEM;
	kernfs_set_populate(old, fill_top);
	return register_filesystem(&tracefs_fs_type);
}
fs_initcall(tracefs_init);
