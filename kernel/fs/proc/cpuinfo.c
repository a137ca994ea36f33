/*
 * /proc/cpuinfo: what each processor is and can do.
 *
 * Model and features are those of the boot CPU: the others were checked against it when they came
 * up.
 * Mirrors Linux arch/x86/kernel/cpu/proc.c. Exercised by tests/user/procfs.c.
 */
#include "arch/x86/apic.h"
#include "arch/x86/cpufeature.h"
#include "arch/x86/topology.h"
#include "arch/x86/tsc.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/smp.h"

static void *cpu_at(loff_t *pos)
{
	unsigned int cpu = cpumask_next(*pos - 1, cpu_online_mask);

	*pos = cpu;
	return cpu < NR_CPUS ? (void *)(unsigned long)(cpu + 1) : NULL;
}

static void *cpuinfo_start(struct seq_file *m, loff_t *pos)
{
	return *pos < NR_CPUS ? cpu_at(pos) : NULL;
}

static void *cpuinfo_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return cpuinfo_start(m, pos);
}

static void cpuinfo_stop(struct seq_file *m, void *v)
{
}

static void show_flag(const char *name, void *arg)
{
	seq_printf(arg, " %s", name);
}

/* Cores of the CPU's package: threads of one core count once. */
static unsigned int cores_in_package(unsigned int cpu)
{
	unsigned long left = topology_core_cpumask(cpu), seen = 0;
	unsigned int other;

	for_each_cpu(other, left) {
		if (topology_core_id(other) < BITS_PER_LONG)
			seen |= BIT(topology_core_id(other));
	}
	return hweight_long(seen);
}

static int cpuinfo_show(struct seq_file *m, void *v)
{
	const struct cpuinfo_x86 *c = &boot_cpu_data;
	unsigned int cpu = (unsigned long)v - 1, khz = tsc_khz;

	seq_printf(m,
		   "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel "
		   "name\t: %s\n",
		   cpu, c->x86_vendor_id, c->x86, c->x86_model,
		   c->x86_model_id[0] ? c->x86_model_id : "unknown");
	seq_printf(m, "stepping\t: %u\n", c->x86_stepping);
	if (khz)
		seq_printf(m, "cpu MHz\t\t: %u.%03u\n", khz / 1000, khz % 1000);
	if (c->x86_cache_size)
		seq_printf(m, "cache size\t: %u KB\n", c->x86_cache_size);
	seq_printf(m,
		   "physical id\t: %u\nsiblings\t: %lu\ncore id\t\t: %u\ncpu cores\t: "
		   "%u\napicid\t\t: %u\n",
		   topology_physical_package_id(cpu),
		   (unsigned long)hweight_long(topology_core_cpumask(cpu)), topology_core_id(cpu),
		   cores_in_package(cpu), cpu_apicid[cpu]);
	seq_printf(m,
		   "initial apicid\t: %u\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: "
		   "%u\nwp\t\t: yes\nflags\t\t:",
		   cpu_apicid[cpu], c->cpuid_level);
	for_each_cpu_flag(c, show_flag, m);
	seq_printf(m, "\nbogomips\t: %u.%02u\nclflush size\t: %u\ncache_alignment\t: %u\n",
		   khz / 500, khz / 5 % 100, c->x86_clflush_size, c->x86_clflush_size);
	seq_printf(m, "address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n",
		   c->x86_phys_bits, c->x86_virt_bits);
	return 0;
}

static const struct seq_operations cpuinfo_ops = {
	.start = cpuinfo_start,
	.next = cpuinfo_next,
	.stop = cpuinfo_stop,
	.show = cpuinfo_show,
};

static int cpuinfo_open(struct inode *inode, struct file *file)
{
	return seq_open(file, &cpuinfo_ops);
}

static const struct file_operations cpuinfo_fops = {
	.open = cpuinfo_open,
	.read = seq_read,
	.read_kernel = seq_read_kernel,
	.llseek = seq_lseek,
	.release = seq_release,
};

static int proc_cpuinfo_init(void)
{
	return proc_create_data("cpuinfo", 0444, NULL, &cpuinfo_fops, NULL) ? 0 : -ENOMEM;
}
fs_initcall(proc_cpuinfo_init);
