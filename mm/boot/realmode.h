/*
 * The page below 1 MiB in which other CPUs take their first steps.
 *
 * Mirrors Linux arch/x86/realmode/init.c. Exercised by boots with more than one CPU.
 */
#pragma once

/* Takes the page from memblock and tells arch/x86/smp.c. Without one, the machine runs on one CPU. => memblock stands */
void reserve_real_mode(void);
