/*
 * Fault injection: a function that can fail is made to fail, so that its callers' error paths get exercised.
 *
 * A capability ("fail_page_alloc") has one struct fault_attr. Its settings come from the command line and from
 * /sys/kernel/debug/NAME/. should_fail() is asked at the place that could fail.
 *
 * Theory in fault_inject.c. Mirrors Linux include/linux/fault-inject.h. Exercised by the pagedebug suite.
 */
#pragma once

#include "kernel/printk.h"
#include "lib/types.h"

struct kernfs_node;
struct task_struct;

struct fault_attr {
	const char *name;
	unsigned long probability; /* percent; 0: off */
	unsigned long interval;	   /* only each interval-th call may fail */
	int times;		   /* failures left; -1: no limit; atomic */
	int space;		   /* units that still pass before the first failure; atomic */
	unsigned long verbose;	   /* 0: silent, 1: a line for each failure, 2: with a backtrace */
	bool task_filter;	   /* only tasks with /proc/PID/make-it-fail */
	unsigned long count;
	struct ratelimit_state limit;
	void (*changed)(
		struct fault_attr *attr); /* after a change of the settings; NULL: nobody cares */
};

#define FAULT_ATTR_INITIALIZER(name_)                                   \
	{                                                               \
		.name = #name_, .interval = 1, .times = 1, .verbose = 2 \
	}

#define FAULT_NOWARN 1

/* "interval,probability,space,times", the value of attr's word on the command line. What is malformed or out of range is
 * refused with a line in the log, and the capability stays off. Returns 0, so that an early_param may return it. */
int setup_fault_attr(struct fault_attr *attr, const char *str);
/* Must this call, of size units, fail? Any context. */
bool should_fail_ex(struct fault_attr *attr, long size, int flags);
#define should_fail(attr, size) should_fail_ex(attr, size, 0)
/* A file of one number. */
enum fault_value_type { FAULT_ULONG, FAULT_INT, FAULT_BOOL };
struct fault_value {
	const char *name;
	void *value;
	enum fault_value_type type;
	long min, max;		 /* others are refused: EINVAL */
	struct fault_attr *attr; /* whose changed() is called */
};
/* @v is copied. 0 or -ENOMEM, -EEXIST. => may sleep */
int fault_create_value(struct kernfs_node *dir, const struct fault_value *v);
/* The directory /sys/kernel/debug/NAME with the common settings and nr files of the capability's own, which are copied.
 * 0, -ENOMEM, -EEXIST. => may sleep */
int fault_create_debugfs(struct fault_attr *attr, const struct fault_value *own, int nr);

/* /proc/PID/fail-nth was used: from now on all capabilities look at task->fail_nth. */
void fault_inject_nth_used(void);
