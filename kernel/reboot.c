/*
 * reboot(2), and getcpu(2): what a program may ask of the machine itself.
 *
 * Mirrors Linux kernel/reboot.c and sys.c. Exercised by tests/boot (poweroff, reboot) and tests/user/sched.c.
 */
#include "arch/x86/reboot.h"

#include "arch/x86/numa.h"
#include "arch/x86/uaccess.h"
#include "kernel/cred.h"
#include "kernel/smp.h"
#include "kernel/syscall.h"
#include "lib/errno.h"

#define LINUX_REBOOT_MAGIC1	   0xfee1dead
#define LINUX_REBOOT_CMD_RESTART   0x01234567
#define LINUX_REBOOT_CMD_HALT	   0xcdef0123
#define LINUX_REBOOT_CMD_CAD_ON	   0x89abcdef
#define LINUX_REBOOT_CMD_CAD_OFF   0x00000000
#define LINUX_REBOOT_CMD_POWER_OFF 0x4321fedc
#define LINUX_REBOOT_CMD_RESTART2  0xa1b2c3d4

static bool magic2_valid(u32 magic)
{
	return magic == 672274793 || magic == 85072278 || magic == 369367448 || magic == 537993216;
}

long sys_reboot(u32 magic1, u32 magic2, u32 cmd, void __user *arg);
long sys_reboot(u32 magic1, u32 magic2, u32 cmd, void __user *arg)
{
	if (!capable(CAP_SYS_BOOT))
		return -EPERM;
	if (magic1 != LINUX_REBOOT_MAGIC1 || !magic2_valid(magic2))
		return -EINVAL;
	switch (cmd) {
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2:
		machine_restart();
	case LINUX_REBOOT_CMD_HALT:
		machine_halt();
	case LINUX_REBOOT_CMD_POWER_OFF:
		machine_power_off();
	case LINUX_REBOOT_CMD_CAD_ON:
	case LINUX_REBOOT_CMD_CAD_OFF:
		return 0; /* there is no Ctrl-Alt-Del on a serial line */
	}
	return -EINVAL;
}
SYSCALL(169, reboot);

long sys_getcpu(unsigned int __user *cpup, unsigned int __user *nodep, void __user *unused);
long sys_getcpu(unsigned int __user *cpup, unsigned int __user *nodep, void __user *unused)
{
	unsigned int cpu = smp_processor_id(), node = cpu_to_node(cpu);

	if (cpup && put_user(cpu, cpup))
		return -EFAULT;
	if (nodep && put_user(node, nodep))
		return -EFAULT;
	return 0;
}
SYSCALL(309, getcpu);
