/*
 * Runs the initcalls that init.h registers: level after level, inside a level in link order.
 *
 * The linker puts all levels into one array (linker.ld), so the order is already there.
 * `initcall_debug` on the command line prints each with the time it took.
 *
 * Mirrors the end of Linux init/main.c. Exercised by every boot.
 */
#include "kernel/init.h"
#include "kernel/params.h"
#include "kernel/printk.h"
#include "kernel/time.h"
#include "lib/printf.h"

extern const struct initcall __initcall_start[], __initcall_end[];

void __init do_initcalls(void)
{
	bool debug = cmdline_get_bool("initcall_debug", false);
	const struct initcall *ic;

	for (ic = __initcall_start; ic < __initcall_end; ic++) {
		u64 begin = debug ? sched_clock() : 0;
		int err = ic->fn();

		if (debug)
			pr_info("initcall %s returned %d after %llu usecs\n", ic->name, err,
				(sched_clock() - begin) / 1000);
		else if (err)
			pr_warn("initcall %s failed: %d\n", ic->name, err);
	}
}
