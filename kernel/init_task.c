/*
 * init_task: the first thread, number 0, which was never born.
 *
 * It runs start_kernel() on the boot stack and becomes the idle task of CPU 0. It is the root of the list of processes and of the
 * family tree, and the pattern that the first forks copy.
 *
 * Mirrors Linux init/init_task.c. Exercised by every boot.
 */
#include "arch/x86/switch.h"
#include "kernel/cred.h"
#include "kernel/fs/fs.h"
#include "kernel/pid.h"
#include "kernel/rlimit.h"
#include "kernel/signal.h"
#include "mm/user/mm.h"

#define INIT_RLIMIT(which, cur, max) [RLIMIT_##which] = { cur, max }

struct signal_struct init_signals = {
	.sigcnt = 1,
	.live = 1,
	.nr_threads = 1,
	.thread_head = LIST_HEAD_INIT(init_task.thread_node),
	.wait_chldexit = __WAIT_QUEUE_HEAD_INITIALIZER(init_signals.wait_chldexit),
	.shared_pending = { .list = LIST_HEAD_INIT(init_signals.shared_pending.list) },
	.pids = {
		[PIDTYPE_TGID] = &init_struct_pid,
		[PIDTYPE_PGID] = &init_struct_pid,
		[PIDTYPE_SID] = &init_struct_pid,
	},
	/* fork_init() sets those that depend on the size of memory. */
	.rlim = {
		INIT_RLIMIT(CPU, RLIM_INFINITY, RLIM_INFINITY),
		INIT_RLIMIT(FSIZE, RLIM_INFINITY, RLIM_INFINITY),
		INIT_RLIMIT(DATA, RLIM_INFINITY, RLIM_INFINITY),
		INIT_RLIMIT(STACK, 8UL << 20, RLIM_INFINITY),
		INIT_RLIMIT(CORE, 0, RLIM_INFINITY),
		INIT_RLIMIT(RSS, RLIM_INFINITY, RLIM_INFINITY),
		INIT_RLIMIT(NPROC, 0, 0),
		INIT_RLIMIT(NOFILE, 1024, 4096),
		INIT_RLIMIT(MEMLOCK, 8UL << 20, 8UL << 20),
		INIT_RLIMIT(AS, RLIM_INFINITY, RLIM_INFINITY),
		INIT_RLIMIT(LOCKS, RLIM_INFINITY, RLIM_INFINITY),
		INIT_RLIMIT(SIGPENDING, 0, 0),
		INIT_RLIMIT(MSGQUEUE, 819200, 819200),
		INIT_RLIMIT(NICE, 0, 0),
		INIT_RLIMIT(RTPRIO, 0, 0),
		INIT_RLIMIT(RTTIME, RLIM_INFINITY, RLIM_INFINITY),
	},
};

struct sighand_struct init_sighand = {
	.siglock = __SPIN_LOCK_UNLOCKED(init_sighand.siglock),
	.signalfd_wqh = __WAIT_QUEUE_HEAD_INITIALIZER(init_sighand.signalfd_wqh),
	.count = 1,
};

struct task_struct init_task __aligned(64) = {
	.stack = init_stack,
	.flags = PF_KTHREAD | PF_IDLE,
	.__state = TASK_RUNNING,
	.cpus_mask = ~0UL,
	.nr_cpus_allowed = 64,
	.on_cpu = 1,
	.se = {
		.run_list = LIST_HEAD_INIT(init_task.se.run_list),
		.scale = 1024,
	},
	.usage = 2,
	.active_mm = &init_mm,
	.thread_pid = &init_struct_pid,
	.real_parent = &init_task,
	.parent = &init_task,
	.children = LIST_HEAD_INIT(init_task.children),
	.sibling = LIST_HEAD_INIT(init_task.sibling),
	.group_leader = &init_task,
	.thread_node = LIST_HEAD_INIT(init_signals.thread_head),
	.tasks = LIST_HEAD_INIT(init_task.tasks),
	.timer_slack_ns = 50000,
	.signal = &init_signals,
	.sighand = &init_sighand,
	.pending = { .list = LIST_HEAD_INIT(init_task.pending.list) },
	.restart_block = { .fn = do_no_restart_syscall },
	.fs = &init_fs,
	.files = &init_files,
	.cred = &init_cred,
	.comm = "swapper",
	.held_locks = LIST_HEAD_INIT(init_task.held_locks),
};
