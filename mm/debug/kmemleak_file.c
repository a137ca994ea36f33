/*
 * /sys/kernel/debug/kmemleak: what was found, and the words that steer the search. Theory in kmemleak.c.
 *
 * Reading gives a report for each leak that the last search still took for one, oldest first. The file's position counts
 * records, so that a reader with a small buffer goes on where it was, whatever is allocated meanwhile. Words, as on Linux:
 *
 *	scan			search now
 *	scan=on, scan=off	the thread that searches every ten minutes
 *	scan=SECONDS		every so many seconds; 0 is off
 *	stack=on, stack=off	are the stacks of threads roots?
 *	clear			what was reported is forgotten; after `off`: all records are freed
 *	dump=ADDRESS		what is known of an object, into the log
 *	off			for good
 *
 * Anything else is EINVAL; while kmemleak is off everything but clear is EPERM.
 *
 * Lock: scan_mutex while the file is read and while a word is obeyed. Mirrors the debugfs part of Linux mm/kmemleak.c. Exercised
 * by the kmemleak suite and tests/boot/test_kmemleak.py.
 */
#define pr_fmt(fmt) "kmemleak: " fmt

#include "arch/x86/uaccess.h"
#include "kernel/fs/sysfs/debugfs.h"
#include "kernel/init.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/kmemleak_internal.h"

#define HEX_ROW	  16
#define HEX_BYTES (2 * HEX_ROW)

/* ---- a report ---- */

/* Where its lines go: a file, or a function. */
struct report {
	struct seq_file *m;
	void (*print)(void *arg, const char *line);
	void *arg;
};

static void __printf(2, 3) say(const struct report *r, const char *fmt, ...)
{
	char line[200];
	va_list args;

	va_start(args, fmt);
	vscnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (r->m)
		seq_puts(r->m, line);
	else
		r->print(r->arg, line);
}

/* The first bytes, on this CPU; their number, 0 if there is nothing to read any more. */
static size_t first_bytes(struct kmemleak_object *object, u8 *buf)
{
	unsigned long from = object->pointer;
	size_t len = min_t(size_t, object->size, HEX_BYTES);

	if (object->flags & OBJECT_PERCPU)
		from += __per_cpu_offset[smp_processor_id()];
	/* Switched off, and freeing is not heard of any more: it may be anything by now. */
	if (!READ_ONCE(kmemleak_free_enabled))
		return 0;
	guard(spinlock_irqsave)(&object->lock);
	if (!object->alive || copy_from_kernel_nofault(buf, (void *)from, len))
		return 0;
	return len;
}

static void print_hex_row(const struct report *r, const u8 *p, size_t n)
{
	char hex[HEX_ROW * 3 + 1] = "", ascii[HEX_ROW + 1];

	for (size_t i = 0; i < n; i++) {
		scnprintf(hex + i * 3, 4, "%02x ", p[i]);
		ascii[i] = p[i] >= 0x20 && p[i] < 0x7f ? p[i] : '.';
	}
	ascii[n] = '\0';
	say(r, "    %-49s%s\n", hex, ascii);
}

static void print_hex(const struct report *r, struct kmemleak_object *object)
{
	u8 bytes[HEX_BYTES];
	size_t len = first_bytes(object, bytes);

	if (!len)
		return;
	if (object->flags & OBJECT_PERCPU)
		say(r, "  hex dump (first %zu bytes on cpu %d):\n", len, (int)smp_processor_id());
	else
		say(r, "  hex dump (first %zu bytes):\n", len);
	for (size_t i = 0; i < len; i += HEX_ROW)
		print_hex_row(r, bytes + i, min_t(size_t, HEX_ROW, len - i));
}

static void print_unreferenced(const struct report *r, struct kmemleak_object *object)
{
	const unsigned long *entries;
	unsigned int nr = stack_depot_fetch(object->stack, &entries);

	say(r, "unreferenced object%s 0x%08lx (size %zu):\n",
	    object->flags & OBJECT_PERCPU ? " (percpu)" : "", object->pointer, object->size);
	say(r, "  comm \"%s\", pid %d, jiffies %lu\n", object->comm, object->pid, object->jiffies);
	print_hex(r, object);
	say(r, "  backtrace (crc %x):\n", object->checksum);
	for (unsigned int i = 0; i < nr; i++)
		say(r, "    [<%px>] %pS\n", (void *)entries[i], (void *)entries[i]);
}

/* ---- the file ---- */

/* Goes on to the first record from here on that is to be shown. */
static struct kmemleak_object *next_reported(struct kmemleak_object *object, u64 from)
{
	do {
		object = kmemleak_next(object, from);
	} while (object && !kmemleak_reported(object));
	return object;
}

static void *leaks_start(struct seq_file *m, loff_t *pos)
{
	struct kmemleak_object *object;
	int err = mutex_lock_interruptible(&scan_mutex);

	if (err)
		return ERR_PTR(err);
	object = next_reported(NULL, *pos);
	if (object)
		*pos = object->serial;
	return object;
}

static void *leaks_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct kmemleak_object *object = v;
	u64 after = object->serial + 1;

	object = next_reported(object, 0);
	*pos = object ? object->serial : after;
	return object;
}

static void leaks_stop(struct seq_file *m, void *v)
{
	if (IS_ERR(v))
		return;
	kmemleak_end_walk(v);
	mutex_unlock(&scan_mutex);
}

static int leaks_show(struct seq_file *m, void *v)
{
	const struct report r = { .m = m };

	print_unreferenced(&r, v);
	return 0;
}

static const struct seq_operations leaks_ops = {
	.start = leaks_start,
	.next = leaks_next,
	.stop = leaks_stop,
	.show = leaks_show,
};

static int leaks_open(struct inode *inode, struct file *file)
{
	return seq_open(file, &leaks_ops);
}

/* ---- words ---- */

static int dump_object(const char *text)
{
	struct kmemleak_object *object;
	unsigned long addr;

	if (kstrtoul(text, 0, &addr))
		return -EINVAL;
	object = kmemleak_find_get(addr, false, false) ?: kmemleak_find_get(addr, false, true);
	if (!object) {
		pr_info("Unknown object at 0x%08lx\n", addr);
		return -EINVAL;
	}
	pr_notice("Object%s 0x%08lx (size %zu):\n",
		  object->flags & OBJECT_PERCPU ? " (percpu)" : "", object->pointer, object->size);
	pr_notice("  comm \"%s\", pid %d, jiffies %lu\n", object->comm, object->pid,
		  object->jiffies);
	pr_notice("  min_count = %d\n", object->min_count);
	pr_notice("  count = %d\n", object->count);
	pr_notice("  flags = 0x%x\n", object->flags);
	pr_notice("  checksum = %u\n", object->checksum);
	pr_notice("  backtrace:\n");
	stack_depot_print(object->stack);
	kmemleak_put(object);
	return 0;
}

static int set_period(const char *text)
{
	unsigned int secs;

	if (kstrtouint(text, 0, &secs))
		return -EINVAL;
	kmemleak_stop_thread();
	if (secs) {
		WRITE_ONCE(kmemleak_period, min_t(unsigned long, secs, UINT_MAX / 1000) * HZ);
		kmemleak_start_thread();
	}
	return 0;
}

/* => scan_mutex held, kmemleak on */
static int obey(const char *word)
{
	if (!strcmp(word, "off"))
		kmemleak_disable();
	else if (!strcmp(word, "stack=on"))
		kmemleak_stack_scan = true;
	else if (!strcmp(word, "stack=off"))
		kmemleak_stack_scan = false;
	else if (!strcmp(word, "scan=on"))
		kmemleak_start_thread();
	else if (!strcmp(word, "scan=off"))
		kmemleak_stop_thread();
	else if (str_has_prefix(word, "scan="))
		return set_period(word + 5);
	else if (str_has_prefix(word, "dump="))
		return dump_object(word + 5);
	else if (strcmp(word, "scan"))
		return -EINVAL;
	else if (kmemleak_search())
		kmemleak_report_new(kmemleak_min_age);
	return 0;
}

int kmemleak_command(char *text)
{
	char *word = strim(text);
	int err = mutex_lock_interruptible(&scan_mutex);

	if (err)
		return err;
	if (!strcmp(word, "clear"))
		kmemleak_clear();
	else if (!READ_ONCE(kmemleak_enabled))
		err = -EPERM;
	else
		err = obey(word);
	mutex_unlock(&scan_mutex);
	return err;
}

static ssize_t leaks_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	char text[64];
	int err;

	if (!count || count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = '\0';
	err = kmemleak_command(text);
	return err ? err : (ssize_t)count;
}

static const struct file_operations leaks_fops = {
	.open = leaks_open,
	.read = seq_read,
	.write = leaks_write,
	.llseek = seq_lseek,
	.release = seq_release,
};

static int kmemleak_debugfs(void)
{
	return PTR_ERR_OR_ZERO(debugfs_create_file("kmemleak", 0644, NULL, NULL, &leaks_fops));
}
late_initcall(kmemleak_debugfs);

/* ---- for tests ---- */

static bool is_leak(struct kmemleak_object *object)
{
	guard(spinlock_irqsave)(&kmemleak_lock);
	return kmemleak_unreferenced(object);
}

/* => scan_mutex held */
static unsigned int count_leaks(const struct report *r)
{
	struct kmemleak_object *object = NULL;
	unsigned int found = 0;

	while ((object = kmemleak_next(object, 0)) != NULL) {
		if (!is_leak(object))
			continue;
		found++;
		if (r)
			print_unreferenced(r, object);
	}
	return found;
}

unsigned int kmemleak_check(unsigned int rounds, void (*print)(void *arg, const char *line),
			    void *arg)
{
	const struct report r = { .print = print, .arg = arg };
	unsigned int found = 0;

	guard(mutex)(&scan_mutex);
	if (!READ_ONCE(kmemleak_enabled))
		return 0;
	for (unsigned int i = 0; i < max(rounds, 2U); i++) {
		if (i >= 2)
			msleep(20);
		if (kmemleak_search())
			found = count_leaks(NULL);
		if (i && !found)
			return 0;
	}
	kmemleak_report_new(0);
	return print ? count_leaks(&r) : found;
}
