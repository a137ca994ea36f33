/*
 * start_kernel: from the first C code to process 1, in the order in which Linux does it.
 *
 * Each line of start_kernel() is one stage; the comment at its right says what works from there on. Until
 * mm_core_init() is done memblock is the only allocator; until local_irq_enable() nothing interrupts;
 * until rest_init() there is one thread. Put a breakpoint on any stage (docs/boot.md walks through them).
 *
 * Mirrors Linux init/main.c. Exercised by every boot; error cases by tests/boot.
 */
#include "arch/x86/acpi.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/reboot.h"
#include "arch/x86/smp.h"
#include "arch/x86/tlb.h"
#include "arch/x86/topology.h"
#include "arch/x86/traps.h"
#include "arch/x86/tsc.h"
#include "boot/bootinfo.h"
#include "boot/start.h"
#include "kernel/bug.h"
#include "kernel/dev/chrdev.h"
#include "kernel/exec.h"
#include "kernel/fork.h"
#include "kernel/fs/fs.h"
#include "kernel/init.h"
#include "kernel/irq.h"
#include "kernel/kthread.h"
#include "kernel/ktest.h"
#include "kernel/percpu.h"
#include "kernel/pid.h"
#include "kernel/printk.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/smp.h"
#include "kernel/syscall.h"
#include "kernel/time.h"
#include "kernel/version.h"
#include "kernel/workqueue.h"
#include "lib/string.h"
#include "mm/boot/e820.h"
#include "mm/boot/early_ioremap.h"
#include "mm/boot/fixmap.h"
#include "mm/boot/memtest.h"
#include "mm/boot/paging.h"
#include "mm/boot/realmode.h"
#include "mm/debug/kasan.h"
#include "mm/debug/page_debug.h"
#include "mm/debug/shuffle.h"
#include "mm/kva/ptdump.h"
#include "mm/kva/set_memory.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/mmzone.h"
#include "mm/slab/slab.h"
#include "mm/user/user.h"

/* From a map of the machine to the final page tables; memblock allocates. */
static void __init setup_arch(void)
{
	e820__memory_setup(); /* the BIOS map, made consistent */
	parse_early_params(boot_command_line);
	setup_memory_map();	   /* memblock knows what is RAM and what is taken */
	e820__reserve_resources(); /* /proc/iomem */
	early_fixmap_init();	   /* addresses known at compile time: early_ioremap, APICs */
	early_ioremap_init();
	reserve_real_mode(); /* a page below 1 MiB for the other CPUs' first steps */
	init_mem_mapping();  /* final tables: linear map, kernel image W^X */
	early_memtest();     /* memtest=N */
	acpi_boot_init(boot_info.rsdp_len ? boot_info.rsdp : NULL, boot_info.rsdp_len);
	prefill_possible_map();
	apic_init_early();
	tsc_init();	/* from here on the log has times */
	initmem_init(); /* nodes: their memory, their CPUs */
	kasan_init();	/* KASAN kernels: shadow for all memory, reports begin */
}

/* From memblock to slab and vmalloc: Linux's mm_core_init(). */
static void __init mm_core_init(void)
{
	build_all_zonelists(); /* where an allocation of each node and zone looks */
	page_debug_init();     /* what the debugging tools need, while memblock has it */
	mem_init();	       /* memblock's free memory goes to the buddy allocator */
	shuffle_free_memory();
	kmem_cache_init(); /* kmalloc works */
	kmem_cache_init_late();
	vmalloc_init(); /* kernel addresses beyond the linear map */
}

static int kernel_init(void *unused);
#define MAX_INIT_ARGS 30

static void __init rest_init(void)
{
	user_mode_thread(kernel_init, NULL, CLONE_FS); /* becomes process 1 */
	kernel_thread(kthreadd, NULL, "kthreadd", CLONE_FS | CLONE_FILES);
	cpu_startup_entry();
}

void __init __noreturn start_kernel(void)
{
	boot_info_init();
	pr_notice("%s", linux_banner);
	pr_notice("Command line: %s\n", boot_command_line);
	setup_arch();
	setup_per_cpu_areas(); /* each CPU has its own copy of the per-CPU variables */
	cpu_init_percpu(0);
	smp_prepare_boot_cpu();
	free_area_init(); /* zones and struct pages */
	mm_core_init();
	early_ioremap_check_leaks();
	idt_setup_final(); /* NMI, double fault and machine check on their own stacks */
	syscall_init();
	sched_init();
	rcu_init();
	init_IRQ();
	initialize_tlbstate();
	time_init(); /* clocks run, this CPU ticks */
	local_irq_enable();
	pid_init();
	signals_init();
	mm_user_init();
	fork_init();
	vfs_caches_init(); /* / exists, empty */
	rest_init();
	unreachable();
}

/* Something that process 1 needs is missing: say what and what to do, then stop as panic= says. */
static void __noreturn __cold init_failed(const char *what, const char *remedy)
{
	pr_emerg("%s %s\n", what, remedy);
	panic("%s", what);
}

/* What stands behind "--" on the command line is for process 1, word by word. */
static void init_arguments(char *words, size_t size, const char **argv)
{
	const char *rest = strstr(boot_command_line, " -- ");
	char *word, *p = words;
	int n = 0;

	if (!rest)
		return;
	strscpy(words, rest + 4, size);
	while (n < MAX_INIT_ARGS && (word = strsep(&p, " ")) != NULL) {
		if (*word)
			argv[n++] = word;
	}
}

static bool run_init_process(const char *path)
{
	static const char *const envp[] = { "HOME=/", "TERM=linux",
					    "PATH=/sbin:/bin:/usr/sbin:/usr/bin", NULL };
	static char words[256];
	const char *argv[MAX_INIT_ARGS + 2] = { path };
	int err;

	init_arguments(words, sizeof(words), argv + 1);
	err = kernel_execve(path, argv, envp);
	if (!err) {
		pr_info("Run %s as init process\n", path);
		return true;
	}
	if (err != -ENOENT)
		pr_err("Starting init: %s exists but could not be executed (error %d)\n", path,
		       err);
	return false;
}

/* Descriptors 0, 1 and 2 of process 1. */
static void __init console_on_rootfs(void)
{
	struct file *file = filp_open("/dev/console", O_RDWR, 0);
	int i;

	if (IS_ERR(file)) {
		pr_err("Warning: unable to open an initial console.\n");
		return;
	}
	for (i = 0; i < 3; i++)
		fd_install(get_unused_fd_flags(0), get_file(file));
	fput(file);
}

static bool on_disk; /* the root is the disk of root= */

static void __init prepare_rootfs(void)
{
	char root[8];
	int err = populate_rootfs();

	if (err == -ENOENT && cmdline_get("root", root, sizeof(root)))
		return;
	if (err == -ENOENT)
		init_failed(
			"VFS: no initramfs: the boot loader gave no module.",
			"Boot the image made by `make iso`, or name a disk (root=/dev/vda); if it "
			"was that, the machine's memory is too small for it (MEM=).");
	if (err == -ENOMEM || err == -ENOSPC)
		init_failed("VFS: not enough memory for the initramfs.",
			    "Give the machine more (MEM=64M, or a larger mem=).");
	if (err)
		init_failed("VFS: the initramfs is corrupt.",
			    "Make the image anew: make clean iso");
}

/* Everything that may sleep on the way to process 1. */
static void __init kernel_init_freeable(void)
{
	smp_prepare_cpus();
	workqueue_init();
	smp_init();
	sched_init_smp();
	do_initcalls();
	prepare_rootfs();
	devtmpfs_mount();
	on_disk = !prepare_namespace();
	console_on_rootfs();
}

static bool try_init(void)
{
	char path[256];

	if (cmdline_get("init", path, sizeof(path)) && path[0]) {
		if (run_init_process(path))
			return true;
		panic("Requested init %s failed: no such program in the %s, or it cannot "
		      "run. Check init=.",
		      path, on_disk ? "root file system" : "initramfs");
	}
	return run_init_process("/init") || run_init_process("/sbin/init") ||
	       run_init_process("/etc/init") || run_init_process("/bin/init") ||
	       run_init_process("/bin/sh");
}

/* Not __init: it frees that memory. */
static int kernel_init(void *unused)
{
	kernel_init_freeable();
	free_initmem();
	mark_rodata_ro();
	if (cmdline_has("selftest"))
		ktest_run_from_cmdline(); /* the kernel is now as it stays */
	if (!try_init())
		init_failed(
			"No working init found: none of /init, /sbin/init, /etc/init, /bin/init, "
			"/bin/sh.",
			on_disk ? "Put one onto the disk, or pass init=."
				: "Put one into the initramfs (make iso EXTRA=DIR) or pass init=.");
	return 0;
}
