/*
 * Fault injection: when a call fails.
 *
 * 1. In this order: a task with fail_nth counts down, and its N-th call fails, nothing else decides. Else a call may
 *    fail if the capability has a probability, if the task is marked when task-filter is set, if failures are left
 *    (times), if the first `space` units have passed, if it is the interval-th call; and then with the probability.
 * 2. A failure prints what verbose asks for, rate-limited, so that a log can be read that goes with a broken error path.
 * 3. The settings may change while calls are being made: each is one word, and a mix of old and new ones makes one call
 *    fail or not. times and space are counted atomically, so exactly `times` calls fail, on any number of CPUs.
 *
 * Mirrors Linux lib/fault-inject.c. Exercised by the pagedebug suite and tests/boot/test_pagedebug.py.
 */
#include "mm/debug/fault_inject.h"

#include "arch/x86/traps.h"
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/fs/sysfs/debugfs.h"
#include "kernel/random.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

int setup_fault_attr(struct fault_attr *attr, const char *str)
{
	long v[4] = { 1, 0, 0, 1 }; /* interval, probability, space, times */
	static const long min[4] = { 1, 0, 0, -1 };
	static const long max[4] = { INT_MAX, 100, INT_MAX, INT_MAX };
	static const char *const names[4] = { "interval", "probability", "space", "times" };
	char text[64], *p = text, *word;
	int n = 0;

	strscpy(text, str ? str : "", sizeof(text));
	while ((word = strsep(&p, ",")) != NULL) {
		if (n == 4 || kstrtol(word, 0, &v[n])) {
			pr_warn("%s=%s: not interval,probability,space,times; off\n", attr->name,
				str ? str : "");
			return 0;
		}
		if (v[n] < min[n] || v[n] > max[n]) {
			pr_warn("%s=%s: %s must be %ld..%ld; off\n", attr->name, str, names[n],
				min[n], max[n]);
			return 0;
		}
		n++;
	}
	if (n < 4) {
		pr_warn("%s=%s: not interval,probability,space,times; off\n", attr->name, str);
		return 0;
	}
	attr->interval = v[0];
	attr->space = v[2];
	attr->times = v[3];
	attr->probability = v[1];
	if (attr->changed)
		attr->changed(attr);
	return 0;
}

static void fail_dump(struct fault_attr *attr)
{
	if (!attr->verbose || !___ratelimit(&attr->limit, __func__))
		return;
	pr_notice("FAULT_INJECTION: forcing a failure.\n"
		  "name %s, interval %lu, probability %lu, space %d, times %d\n",
		  attr->name, attr->interval, attr->probability, READ_ONCE(attr->space),
		  READ_ONCE(attr->times));
	if (attr->verbose > 1)
		dump_stack();
}

/* Takes n from *v unless that would go below 0; did it? */
static bool take(int *v, long n)
{
	int old = READ_ONCE(*v);

	do {
		if (old < n)
			return false;
	} while (!__atomic_compare_exchange_n(v, &old, old - (int)n, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return true;
}

static bool may_fail(struct fault_attr *attr, long size)
{
	unsigned long probability = READ_ONCE(attr->probability);
	unsigned long interval = READ_ONCE(attr->interval);
	int times;

	if (!probability)
		return false;
	if (attr->task_filter && (in_interrupt() || !current->make_it_fail))
		return false;
	if (!READ_ONCE(attr->times))
		return false;
	if (READ_ONCE(attr->space) > size) {
		__atomic_fetch_sub(&attr->space, size, __ATOMIC_RELAXED);
		return false;
	}
	if (interval > 1 && __atomic_add_fetch(&attr->count, 1, __ATOMIC_RELAXED) % interval)
		return false;
	if (get_random_u32() % 100 >= probability)
		return false;
	times = READ_ONCE(attr->times);
	return times < 0 || take(&attr->times, 1);
}

bool should_fail_ex(struct fault_attr *attr, long size, int flags)
{
	if (!in_interrupt() && unlikely(READ_ONCE(current->fail_nth))) {
		WRITE_ONCE(current->fail_nth, current->fail_nth - 1);
		if (current->fail_nth)
			return false;
	} else if (!may_fail(attr, size)) {
		return false;
	}
	if (!(flags & FAULT_NOWARN))
		fail_dump(attr);
	return true;
}

/* ---- files ---- */

static int value_show(struct seq_file *m, void *unused)
{
	const struct fault_value *v = m->private;

	if (v->type == FAULT_BOOL)
		seq_printf(m, "%c\n", *(bool *)v->value ? 'Y' : 'N');
	else
		seq_printf(m, "%ld\n",
			   v->type == FAULT_INT ? (long)READ_ONCE(*(int *)v->value)
						: (long)READ_ONCE(*(unsigned long *)v->value));
	return 0;
}

static int value_open(struct inode *inode, struct file *file)
{
	return single_open(file, value_show, kernfs_of(inode)->priv);
}

static int value_store(const struct fault_value *v, const char *text)
{
	bool on;
	long n;

	if (v->type == FAULT_BOOL) {
		if (kstrtobool(text, &on))
			return -EINVAL;
		WRITE_ONCE(*(bool *)v->value, on);
	} else {
		if (kstrtol(text, 0, &n) || n < v->min || n > v->max)
			return -EINVAL;
		if (v->type == FAULT_INT)
			WRITE_ONCE(*(int *)v->value, n);
		else
			WRITE_ONCE(*(unsigned long *)v->value, n);
	}
	if (v->attr && v->attr->changed)
		v->attr->changed(v->attr);
	return 0;
}

static ssize_t value_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	char text[32];
	int err;

	if (!count || count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = '\0';
	err = value_store(kernfs_of(file_inode(file))->priv, strim(text));
	return err ? err : (ssize_t)count;
}

static const struct file_operations value_fops = {
	.open = value_open,
	.read = seq_read,
	.write = value_write,
	.llseek = seq_lseek,
	.release = single_release,
};

int fault_create_value(struct kernfs_node *dir, const struct fault_value *v)
{
	struct fault_value *copy = kmalloc(sizeof(*copy), GFP_KERNEL);
	struct kernfs_node *kn;

	if (!copy)
		return -ENOMEM;
	*copy = *v;
	kn = debugfs_create_file(v->name, 0600, dir, copy, &value_fops);
	if (IS_ERR(kn))
		kfree(copy);
	return PTR_ERR_OR_ZERO(kn);
}

int fault_create_debugfs(struct fault_attr *attr, const struct fault_value *own, int nr)
{
	const struct fault_value common[] = {
		{ "probability", &attr->probability, FAULT_ULONG, 0, 100, attr },
		{ "interval", &attr->interval, FAULT_ULONG, 0, LONG_MAX, attr },
		{ "times", &attr->times, FAULT_INT, -1, INT_MAX, attr },
		{ "space", &attr->space, FAULT_INT, 0, INT_MAX, attr },
		{ "verbose", &attr->verbose, FAULT_ULONG, 0, LONG_MAX, attr },
		{ "task-filter", &attr->task_filter, FAULT_BOOL, 0, 1, attr },
	};
	struct kernfs_node *dir = debugfs_create_dir(attr->name, NULL);
	int err = PTR_ERR_OR_ZERO(dir);

	for (int i = 0; !err && i < ARRAY_SIZE(common); i++)
		err = fault_create_value(dir, &common[i]);
	for (int i = 0; !err && i < nr; i++)
		err = fault_create_value(dir, &own[i]);
	return err;
}
