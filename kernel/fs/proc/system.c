/*
 * /proc files about the whole system: time, load, version, devices, file systems, and CPU time in
 * stat.
 *
 * uptime, top, free and ps read these. Mirrors Linux
 * fs/proc/{uptime,loadavg,stat,version,cmdline,devices, interrupts}.c and fs/filesystems.c.
 * Exercised by tests/user/procfs.c.
 */
#include "kernel/block/genhd.h"
#include "kernel/dev/chrdev.h"
#include "kernel/fork.h"
#include "kernel/fs/internal.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/irq.h"
#include "kernel/pid.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "kernel/version.h"

static int uptime_show(struct seq_file *m, void *v)
{
	u64 up = ktime_get_ns(), idle = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		idle += kcpustat_read(cpu, CPUTIME_IDLE);
	seq_printf(m, "%llu.%02llu %llu.%02llu\n", up / NSEC_PER_SEC,
		   up % NSEC_PER_SEC / (NSEC_PER_SEC / 100), idle / NSEC_PER_SEC,
		   idle % NSEC_PER_SEC / (NSEC_PER_SEC / 100));
	return 0;
}

static int loadavg_show(struct seq_file *m, void *v)
{
	unsigned long avg[3];

	get_avenrun(avg, FIXED_1 / 200, 0);
	seq_printf(m, "%lu.%02lu %lu.%02lu %lu.%02lu %u/%d %d\n", LOAD_INT(avg[0]),
		   LOAD_FRAC(avg[0]), LOAD_INT(avg[1]), LOAD_FRAC(avg[1]), LOAD_INT(avg[2]),
		   LOAD_FRAC(avg[2]), nr_running(), nr_threads_total(), last_pid_nr());
	return 0;
}

static int version_show(struct seq_file *m, void *v)
{
	seq_puts(m, linux_banner);
	return 0;
}

static int cmdline_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s\n", boot_command_line);
	return 0;
}

static void show_filesystem(struct file_system_type *fs, void *arg)
{
	seq_printf(arg, "%s\t%s\n", fs->fs_flags & FS_REQUIRES_DEV ? "" : "nodev", fs->name);
}

static int filesystems_show(struct seq_file *m, void *v)
{
	for_each_filesystem(show_filesystem, m);
	return 0;
}

static int devices_show(struct seq_file *m, void *v)
{
	int err = chrdev_show(m);

	return err ? err : blkdev_show(m);
}

static int swaps_show(struct seq_file *m, void *v)
{
	seq_puts(m, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

/* --- stat --- */

/* user nice system idle iowait irq softirq steal guest guest_nice: no guests here. */
static void show_cpu_times(struct seq_file *m, const u64 *ns)
{
	static const enum cpu_usage_stat columns[] = { CPUTIME_USER,	CPUTIME_NICE,
						       CPUTIME_SYSTEM,	CPUTIME_IDLE,
						       CPUTIME_IOWAIT,	CPUTIME_IRQ,
						       CPUTIME_SOFTIRQ, CPUTIME_STEAL };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(columns); i++)
		seq_printf(m, " %llu", nsec_to_clock_t(ns[columns[i]]));
	seq_puts(m, " 0 0\n");
}

static void show_cpus(struct seq_file *m)
{
	u64 sum[NR_CPUTIME] = { 0 }, one[NR_CPUTIME];
	unsigned int cpu;
	int i;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < NR_CPUTIME; i++)
			sum[i] += kcpustat_read(cpu, i);
	}
	seq_puts(m, "cpu ");
	show_cpu_times(m, sum);
	for_each_online_cpu(cpu) {
		for (i = 0; i < NR_CPUTIME; i++)
			one[i] = kcpustat_read(cpu, i);
		seq_printf(m, "cpu%u", cpu);
		show_cpu_times(m, one);
	}
}

static void show_irqs(struct seq_file *m)
{
	unsigned int cpu, irq;
	u64 sum = 0;

	for_each_possible_cpu(cpu)
		sum += kstat_cpu_irqs_sum(cpu);
	seq_printf(m, "intr %llu", sum);
	for (irq = 0; irq < nr_irqs; irq++)
		seq_printf(m, " %u", kstat_irqs(irq));
	seq_putc(m, '\n');
}

static int stat_show(struct seq_file *m, void *v)
{
	u64 boot = ktime_get_real_ns() - ktime_get_ns();

	show_cpus(m);
	show_irqs(m);
	seq_printf(m, "ctxt %llu\nbtime %llu\nprocesses %lu\nprocs_running %u\nprocs_blocked %u\n",
		   nr_context_switches(), boot / NSEC_PER_SEC, total_forks(), nr_running(),
		   nr_iowait());
	/* There are no soft interrupts: none ever ran. */
	seq_puts(m, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
	return 0;
}

static int proc_system_init(void)
{
	static const struct {
		const char *name;
		int (*show)(struct seq_file *, void *);
	} files[] = {
		{ "uptime", uptime_show },   { "loadavg", loadavg_show },
		{ "stat", stat_show },	     { "version", version_show },
		{ "cmdline", cmdline_show }, { "filesystems", filesystems_show },
		{ "devices", devices_show }, { "interrupts", show_interrupts },
		{ "swaps", swaps_show },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (!proc_create_single(files[i].name, 0444, NULL, files[i].show))
			return -ENOMEM;
	}
	proc_symlink("mounts", NULL, "self/mounts");
	return 0;
}
fs_initcall(proc_system_init);
