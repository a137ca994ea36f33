/*
 * Kernel stacks: THREAD_SIZE bytes of vmalloc space with an unmapped page below and above.
 *
 * Each CPU keeps two free stacks, so a fork that follows an exit takes one with a few instructions.
 * A stack is not cleared: its user must write before it reads.
 *
 * Mirrors the stack part of Linux kernel/fork.c. Exercised by the vmalloc suite.
 */
#pragma once

#include "lib/types.h"

/*
 * Lowest address of a stack of THREAD_SIZE bytes, or NULL. => may sleep when the CPU has none left
 */
void *alloc_thread_stack(int node);
/* Gives a stack back that no CPU runs on. => any context */
void free_thread_stack(void *stack);
unsigned long
nr_kernel_stacks(void); /* in use: KernelStack in /proc/meminfo is this times THREAD_SIZE / 1024 */
