/*
 * Character devices: drivers by number, and the names under /dev.
 *
 * A driver claims a range of device numbers with register_chrdev() (kernel/fs/fs.h) and puts names
 * for them into /dev with device_add_node(). Both may be called from any initcall.
 *
 * Mirrors Linux include/linux/cdev.h, drivers/base/devtmpfs.c. Exercised by tests/user/devices.c.
 */
#pragma once

#include "kernel/fs/fs.h"

#define MEM_MAJOR	       1
#define TTY_MAJOR	       4
#define TTYAUX_MAJOR	       5
#define UNIX98_PTY_SLAVE_MAJOR 136

struct seq_file;

/* The character half of /proc/devices. => may sleep */
int chrdev_show(struct seq_file *m);

/*
 * Makes /dev/NAME (one directory level allowed: "dir/name"): a node when mode has S_IFCHR, a
 * directory with S_IFDIR. 0, -EEXIST, -ENOMEM. => process context, from fs initcalls on
 */
int device_add_node(const char *name, umode_t mode, dev_t dev);
/* /dev/NAME -> target. The same contract. */
int device_add_link(const char *name, const char *target);
/* Takes a block device's node away again, if it is still there and has this number. => process context */
void device_del_node(const char *name, dev_t dev);
/* Lays the instance over /dev; 0 or errno. => after the initramfs is unpacked, before process 1 */
int devtmpfs_mount(void);
