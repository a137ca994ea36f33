/*
 * The last step of boot: nothing of the kernel that need not be written can be written, and the
 * proof.
 *
 * The page tables are built with the right permissions from the start (mm/boot/paging.c).
 * mark_rodata_ro() applies them once more, now that what was __ro_after_init has its final value,
 * takes writing away from the alias in the linear map too, and then tests by force: a store to a
 * constant must fault. The first task's stack, which is part of the image, gets the guard page that
 * the others have from vmalloc.
 *
 * Mirrors Linux arch/x86/mm/init_64.c (mark_rodata_ro) and mm/rodata_test.c. Exercised by every
 * boot.
 */
#include "arch/x86/desc.h"
#include "arch/x86/page.h"
#include "arch/x86/switch.h"
#include "arch/x86/uaccess.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "mm/kva/ptdump.h"
#include "mm/kva/set_memory.h"

extern char _text[], _etext[], __start_rodata[], __end_rodata[], _end[];

#define RODATA_TEST_VALUE 0xC3C3C3C3UL
static const unsigned long rodata_test_data = RODATA_TEST_VALUE;

static bool rodata_test(void)
{
	const volatile unsigned long *where = &rodata_test_data;
	unsigned long zero = 0, *alias = __va(__pa(&rodata_test_data));

	if (*where != RODATA_TEST_VALUE) {
		pr_err("rodata_test: the constant is wrong before the test\n");
		return false;
	}
	if (!copy_to_kernel_nofault((void *)&rodata_test_data, &zero, sizeof(zero)) ||
	    !copy_to_kernel_nofault(alias, &zero, sizeof(zero))) {
		pr_err("rodata_test: read-only data could be written\n");
		return false;
	}
	if (*where != RODATA_TEST_VALUE) {
		pr_err("rodata_test: the constant changed\n");
		return false;
	}
	pr_info("rodata_test: all tests were successful\n");
	return true;
}

static void protect_cpu_tables(void)
{
	unsigned int n;
	int cpu;

	for_each_possible_cpu(cpu) {
		for (n = 0; n < NR_IST_STACKS; n++) {
			if (set_memory_np(ist_guard_page(cpu, n), 1))
				pr_err("CPU %d: an exception stack is without a guard page\n", cpu);
		}
		if (set_memory_ro(gdt_page_of(cpu), 1))
			pr_err("CPU %d: the GDT stays writable\n", cpu);
	}
}

void mark_rodata_ro(void)
{
	unsigned long text = (unsigned long)_text, rodata = (unsigned long)__start_rodata;
	unsigned long end = PAGE_ALIGN(__end_rodata);

	pr_info("Write protecting the kernel read-only data: %luk\n", (end - text) >> 10);
	if (set_memory_ro(text, (end - text) >> PAGE_SHIFT) ||
	    set_memory_nx(rodata, (end - rodata) >> PAGE_SHIFT))
		pr_err("Write protecting the kernel read-only data: failed\n");
	set_kernel_text_ro();
	if (set_memory_np((unsigned long)init_stack - PAGE_SIZE, 1))
		pr_err("The first task's stack is without a guard page\n");
	protect_cpu_tables();
	rodata_test();
	ptdump_check_wx();
}
