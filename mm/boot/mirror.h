/*
 * Mirrored memory: RAM that the memory controller keeps twice. Theory in mirror.c.
 *
 * Mirrors Linux arch/x86/platform/efi (efi_find_mirror). Exercised by tests/boot/test_numa.py.
 */
#pragma once

/* Marks the ranges that firmware or the command line calls mirrored in memblock. => memblock's memory complete */
void mark_mirrored_memory(void);
