/*
 * /sys/devices/system/cpu: which CPUs there are, and how they sit in packages and cores.
 *
 * nproc, lscpu and the C libraries count CPUs here. Mirrors Linux drivers/base/{cpu,topology}.c.
 * Exercised by tests/user/sysfs.c.
 */
#include "arch/x86/topology.h"
#include "kernel/fs/sysfs/cpu.h"
#include "kernel/fs/sysfs/sysfs.h"
#include "kernel/init.h"
#include "kernel/smp.h"
#include "lib/printf.h"

struct kernfs_node *sysfs_cpu_dirs[NR_CPUS];

static ssize_t mask_list_show(char *buf, void *data)
{
	const cpumask_t *mask = data;

	return sysfs_emit(buf, "%*pbl\n", NR_CPUS, mask);
}

static ssize_t offline_show(char *buf, void *data)
{
	cpumask_t mask = cpu_possible_mask & ~READ_ONCE(cpu_online_mask);

	return sysfs_emit(buf, "%*pbl\n", NR_CPUS, &mask);
}

static ssize_t kernel_max_show(char *buf, void *data)
{
	return sysfs_emit(buf, "%d\n", NR_CPUS - 1);
}

/* --- cpuN/topology --- */

static cpumask_t package_mask(unsigned int cpu)
{
	return topology_core_cpumask(cpu);
}

static cpumask_t core_mask(unsigned int cpu)
{
	cpumask_t mask = 0;
	unsigned int other;

	for_each_cpu(other, topology_core_cpumask(cpu)) {
		if (topology_core_id(other) == topology_core_id(cpu))
			mask |= BIT(other);
	}
	return mask;
}

static unsigned int cpu_of(void *data)
{
	return (unsigned long)data;
}

static ssize_t package_id_show(char *buf, void *data)
{
	return sysfs_emit(buf, "%u\n", topology_physical_package_id(cpu_of(data)));
}

static ssize_t core_id_show(char *buf, void *data)
{
	return sysfs_emit(buf, "%u\n", topology_core_id(cpu_of(data)));
}

static ssize_t emit_mask(char *buf, cpumask_t mask)
{
	return sysfs_emit(buf, "%*pb\n", (int)nr_cpu_ids, &mask);
}

static ssize_t emit_list(char *buf, cpumask_t mask)
{
	return sysfs_emit(buf, "%*pbl\n", (int)nr_cpu_ids, &mask);
}

static ssize_t core_cpus_show(char *buf, void *data)
{
	return emit_mask(buf, core_mask(cpu_of(data)));
}

static ssize_t core_cpus_list_show(char *buf, void *data)
{
	return emit_list(buf, core_mask(cpu_of(data)));
}

static ssize_t package_cpus_show(char *buf, void *data)
{
	return emit_mask(buf, package_mask(cpu_of(data)));
}

static ssize_t package_cpus_list_show(char *buf, void *data)
{
	return emit_list(buf, package_mask(cpu_of(data)));
}

static void add_cpu(struct kernfs_node *cpus, unsigned int cpu)
{
	/* The last four are the names that Linux gave the same sets before. */
	static const struct {
		const char *name;
		sysfs_show_t show;
	} files[] = {
		{ "physical_package_id", package_id_show },
		{ "core_id", core_id_show },
		{ "core_cpus", core_cpus_show },
		{ "core_cpus_list", core_cpus_list_show },
		{ "package_cpus", package_cpus_show },
		{ "package_cpus_list", package_cpus_list_show },
		{ "thread_siblings", core_cpus_show },
		{ "thread_siblings_list", core_cpus_list_show },
		{ "core_siblings", package_cpus_show },
		{ "core_siblings_list", package_cpus_list_show },
	};
	struct kernfs_node *dir, *topology;
	char name[16];
	unsigned int i;

	snprintf(name, sizeof(name), "cpu%u", cpu);
	dir = sysfs_create_dir(cpus, name);
	topology = IS_ERR(dir) ? dir : sysfs_create_dir(dir, "topology");
	if (IS_ERR(topology))
		return;
	sysfs_cpu_dirs[cpu] = dir;
	for (i = 0; i < ARRAY_SIZE(files); i++)
		sysfs_create_file(topology, files[i].name, 0444, files[i].show, NULL,
				  (void *)(unsigned long)cpu);
}

static int cpu_dev_init(void)
{
	struct kernfs_node *dir = sysfs_create_dir(sysfs_devices_system, "cpu");
	unsigned int cpu;

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	sysfs_create_file(dir, "online", 0444, mask_list_show, NULL, &cpu_online_mask);
	sysfs_create_file(dir, "possible", 0444, mask_list_show, NULL, &cpu_possible_mask);
	sysfs_create_file(dir, "present", 0444, mask_list_show, NULL, &cpu_present_mask);
	sysfs_create_file(dir, "offline", 0444, offline_show, NULL, NULL);
	sysfs_create_file(dir, "kernel_max", 0444, kernel_max_show, NULL, NULL);
	for_each_online_cpu(cpu)
		add_cpu(dir, cpu);
	return 0;
}
subsys_initcall(cpu_dev_init);
