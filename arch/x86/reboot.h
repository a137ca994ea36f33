/*
 * The ends of a run: power off, restart, halt, and leaving QEMU with a status.
 *
 * Mirrors Linux arch/x86/kernel/reboot.c and drivers/acpi/sleep.c. Exercised by tests/boot (poweroff, reboot, selftest).
 */
#pragma once

#include "lib/types.h"

void machine_power_off(void) __noreturn; /* ACPI S5, then QEMU's port, then halt */
void machine_restart(void)
	__noreturn; /* FADT reset register, port 0xcf9, keyboard controller, triple fault */
void machine_halt(void) __noreturn; /* all CPUs stop; the machine stays on */
/* QEMU's isa-debug-exit device: QEMU ends with status 2*code+1. Returns when there is no such device. */
void qemu_exit(unsigned int code);
