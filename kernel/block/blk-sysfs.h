/*
 * Disks in /sys, for drivers that have something to add.
 *
 * Mirrors Linux block/blk-sysfs.c. Exercised by tests/user/blocksys.c.
 */
#pragma once

#include "kernel/block/genhd.h"
#include "kernel/fs/sysfs/sysfs.h"

/*
 * The block device behind the data of an attribute's show or store, with a reference; ERR_PTR(-ENODEV): it has gone. Attributes made
 * by block_device_operations.sysfs_attrs get this data. => may sleep
 */
struct block_device *blk_sysfs_bdev(void *data);
