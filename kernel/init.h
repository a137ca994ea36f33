/*
 * Boot-time registration: initcalls in levels, and command-line parameters.
 *
 * An initcall runs once, in kernel_init(), in a context that may sleep, after the memory manager, the
 * scheduler and all CPUs are up. Levels run in order; inside a level in link order. A failing initcall
 * (negative errno) is reported in the log and boot goes on.
 *
 * early_param("name", fn) runs while the command line is first parsed: before memblock, so it may only
 * store what it read. fn gets the text after '=', or NULL when there is none.
 *
 * Mirrors Linux include/linux/init.h. Exercised by every boot.
 */
#pragma once

#include "lib/types.h"

typedef int (*initcall_t)(void);

struct initcall {
	initcall_t fn;
	const char *name;
};

#define __define_initcall(f, level)                                                      \
	static const struct initcall __initcall_##f __used __section(".initcall" #level) \
		__aligned(8) = { f, #f }
#define core_initcall(f)   __define_initcall(f, 1)
#define subsys_initcall(f) __define_initcall(f, 2)
#define fs_initcall(f)	   __define_initcall(f, 3)
#define device_initcall(f) __define_initcall(f, 4)
#define late_initcall(f)   __define_initcall(f, 5)

struct early_param {
	const char *name;
	int (*fn)(char *value);
};

#define early_param(str, f)                                                                 \
	static const struct early_param __early_param_##f __used __section(".early_params") \
		__aligned(8) = { str, f }

void parse_early_params(
	const char *cmdline); /* runs every matching early_param, in order of the line */
/* Value of NAME=... on the command line (last wins), copied to buf; false if absent. "name" alone gives "". */
bool cmdline_get(const char *name, char *buf, size_t len);
bool cmdline_has(const char *name);
extern char boot_command_line[2048];
void do_initcalls(void);
