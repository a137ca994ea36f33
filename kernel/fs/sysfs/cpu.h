/*
 * The directories of the CPUs in sysfs, for links from other directories.
 *
 * Mirrors get_cpu_device() of Linux include/linux/cpu.h. Exercised by tests/user/sysfs.c.
 */
#pragma once

#include "kernel/fs/sysfs/kernfs.h"
#include "kernel/smp.h"

extern struct kernfs_node
	*sysfs_cpu_dirs[NR_CPUS]; /* NULL: not online at boot. => from fs_initcall on */
