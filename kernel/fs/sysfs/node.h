/*
 * The directories of the nodes in sysfs, for links from other directories and files of other rooms.
 *
 * Mirrors node_devices[] of Linux include/linux/node.h. Exercised by tests/user/memnodes.c.
 */
#pragma once

#include "arch/x86/numa.h"
#include "kernel/fs/sysfs/kernfs.h"

extern struct kernfs_node
	*sysfs_node_dirs[MAX_NUMNODES]; /* NULL: no node. => from device_initcall on */
