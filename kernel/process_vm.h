/*
 * May current look into another process, as its debugger could?
 *
 * Mirrors Linux include/linux/ptrace.h (PTRACE_MODE_ATTACH_REALCREDS). Exercised by tests/user/{processvm,pidfds}.c.
 */
#pragma once

#include "lib/types.h"

struct mm_struct;
struct task_struct;

/* The same user and group in all ids and a memory that may be dumped, or privilege. => any context, task held */
bool task_may_attach(struct task_struct *task);
/*
 * The memory of task, with a reference (mmput), if current may look into it. ERR_PTR(-ESRCH): it has none (any more); -EPERM.
 * => may sleep, task held
 */
struct mm_struct *mm_access(struct task_struct *task);
