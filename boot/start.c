/*
 * The first C code: what must stand before start_kernel() can rely on the processor.
 *
 * In order: exceptions (so that a mistake prints a report instead of resetting the machine), the processor's
 * features and state, the text patches that depend on them, the first console.
 *
 * Mirrors Linux arch/x86/kernel/head64.c. Exercised by every boot.
 */
#include "boot/start.h"

#include "arch/x86/alternative.h"
#include "arch/x86/cpu.h"
#include "arch/x86/entry.h"
#include "arch/x86/extable.h"
#include "arch/x86/traps.h"
#include "boot/earlycon.h"
#include "kernel/current.h"
#include "kernel/task.h"

void __init x86_64_start_kernel(void)
{
	this_cpu_write(current_task, &init_task);
	idt_setup_early();
	cpu_detect();
	cpu_init(0);
	sort_main_extable();
	apply_alternatives();
	kallsyms_init();
	early_console_init();
	start_kernel();
}
