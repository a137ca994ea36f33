/*
 * numa=fake=: nodes cut out of the machine's real ones. Theory in numa_emulation.c.
 *
 * Mirrors Linux mm/numa_emulation.c. Exercised by tests/boot/test_numa.py.
 */
#pragma once

/* Replaces the table of nodes by what numa=fake= asks for, if it does and if that can be. => memblock complete,
 * numa_memblks[] holds the real nodes, CPUs have no nodes yet */
void numa_emulation(void);
