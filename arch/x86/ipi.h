/*
 * What a CPU does when another one calls. Between kernel/smp.h's functions and CPU bring-up; nobody else's business.
 */
#pragma once

/* Installs the vectors. => boot CPU, once, before other CPUs run */
void ipi_init(void);
/* Runs what is queued for this CPU. => interrupts off */
void flush_smp_call_function_queue(void);
/* Interrupts off for good and halted; the last thing a stopped CPU does. */
void stop_this_cpu(void) __attribute__((__noreturn__));
/* From the NMI handler: does not return if smp_send_stop() asks this CPU to stop. */
void nmi_stop_this_cpu(void);
