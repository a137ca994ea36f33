/*
 * The idle loop: what a CPU does when no task is runnable.
 *
 * Before it halts it passes on what only the next tick would have done: readers of the log are
 * woken, RCU callbacks are handed to their thread. Interrupts stay off from the last look at
 * TIF_NEED_RESCHED until the halt instruction turns them on, so a wake-up that comes in between
 * ends the halt.
 *
 * Mirrors Linux kernel/sched/idle.c. Exercised by every boot.
 */
#include "arch/x86/switch.h"
#include "kernel/printk.h"
#include "kernel/rcu.h"
#include "kernel/sched/sched.h"

void cpu_startup_entry(void)
{
	for (;;) {
		local_irq_disable();
		tick_nohz_idle_enter();
		while (!need_resched()) {
			printk_wake_readers();
			if (need_resched() || rcu_idle_check())
				break;
			arch_cpu_idle();
			local_irq_disable();
		}
		tick_nohz_idle_exit();
		local_irq_enable();
		schedule();
	}
}
