/*
 * May current look into another process, as its debugger could?
 *
 * Mirrors Linux include/linux/ptrace.h (PTRACE_MODE_ATTACH_REALCREDS). Exercised by tests/user/{processvm,pidfds}.c.
 */
#pragma once

#include "lib/types.h"

struct task_struct;

/* The same user and group in all ids and a memory that may be dumped, or privilege. => any context, task held */
bool task_may_attach(struct task_struct *task);
