/*
 * sysfs: the kernel's objects as directories, their attributes as files of one value.
 *
 * show prints into a page with sysfs_emit(); store gets what was written, at most a page, with a
 * zero byte behind it.
 *
 * Mirrors Linux include/linux/sysfs.h, without kobjects. Exercised by tests/user/sysfs.c.
 */
#pragma once

#include "kernel/fs/sysfs/kernfs.h"

/* Bytes printed at buf. => may sleep */
typedef ssize_t (*sysfs_show_t)(char *buf, void *data);
/* Bytes consumed (normally len), or -errno. => may sleep */
typedef ssize_t (*sysfs_store_t)(const char *buf, size_t len, void *data);

/* Directories that other rooms add to; NULL as parent is /sys itself. */
extern struct kernfs_node *sysfs_kernel, *sysfs_kernel_mm, *sysfs_devices, *sysfs_devices_system,
	*sysfs_class; /* => from fs_initcall on */

/* All: ERR_PTR(-EEXIST, -ENOMEM); names are copied; what is made stays. => may sleep */
struct kernfs_node *sysfs_create_dir(struct kernfs_node *parent, const char *name);
/* The same, or the one that another room has made (/sys/class). => initcalls only */
struct kernfs_node *sysfs_get_dir(struct kernfs_node *parent, const char *name);
/* show or store may be NULL: EIO for who tries. */
struct kernfs_node *sysfs_create_file(struct kernfs_node *dir, const char *name, umode_t mode,
				      sysfs_show_t show, sysfs_store_t store, void *data);
struct kernfs_node *sysfs_create_link(struct kernfs_node *dir, const char *name,
				      const struct kernfs_node *target);

/* /sys/module/MODULE/parameters, made; once for each name. ERR_PTR. => may sleep, initcalls only */
struct kernfs_node *sysfs_module_parameters(const char *module);

/* snprintf for show: buf is a page; what does not fit is cut. The length. */
int sysfs_emit(char *buf, const char *fmt, ...) __printf(2, 3);
/* The same at an offset in the page. */
int sysfs_emit_at(char *buf, int at, const char *fmt, ...) __printf(3, 4);
