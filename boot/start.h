/*
 * From boot/ into the kernel.
 */
#pragma once

/*
 * The kernel proper (kernel/main.c): boot CPU, init_task's stack, interrupts off, the first page tables, the per-CPU template
 * as per-CPU area (GS base 0). cpu_init(0) is done; boot_info_init() is not.
 */
void start_kernel(void) __attribute__((__noreturn__));
/* kernel/kallsyms.c: printf's %pS knows names from here. */
void kallsyms_init(void);
