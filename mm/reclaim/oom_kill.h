/*
 * The OOM killer's interface: what it asks of the floor of tasks, and its start.
 *
 * Mirrors Linux include/linux/oom.h. Exercised by tests/user/oom.c (a machine of 64 MiB: tests/boot/test_oom.py).
 */
#pragma once

#include "mm/user/mm.h"

struct task_struct;

#define OOM_SCORE_ADJ_MIN (-1000)

/* A process that owns user memory, as the floor above sees it. */
struct oom_candidate {
	struct task_struct *task; /* its leader */
	struct mm_struct *mm;
	int score_adj; /* /proc/PID/oom_score_adj */
	bool dying;    /* it has been killed or exits */
};

struct oom_task_ops {
	/* Calls fn for every process with an mm but process 1 and kernel threads. fn must not sleep. */
	void (*for_each)(void (*fn)(const struct oom_candidate *c, void *arg), void *arg);
	/* SIGKILL for task's process. => inside for_each's fn, or with a reference on task */
	void (*kill)(struct task_struct *task);
	void (*get)(struct task_struct *task);
	void (*put)(struct task_struct *task);
};

/* From here on an allocation that finds nothing has somebody killed, instead of failing. Once, at boot. */
void oom_init(const struct oom_task_ops *ops);
