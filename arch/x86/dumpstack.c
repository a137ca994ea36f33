/*
 * The oops: what the kernel says when it has to stop.
 *
 * In Linux's layout, so that a reader of one reads the other: what happened, for a page fault the walk of the address,
 * processor and task, RIP and the code around it, registers, control registers, backtrace. Then panic().
 *
 * Mirrors Linux arch/x86/kernel/{dumpstack,process_64}.c and arch/x86/mm/fault.c. Exercised by tests/boot (oops).
 */
#include "arch/x86/dumpstack.h"

#include "arch/x86/cpu.h"
#include "arch/x86/msr.h"
#include "arch/x86/pgtable.h"
#include "arch/x86/stacktrace.h"
#include "arch/x86/traps.h"
#include "arch/x86/uaccess.h"
#include "kernel/bug.h"
#include "kernel/current.h"
#include "kernel/printk.h"
#include "kernel/smp.h"
#include "kernel/task.h"
#include "lib/printf.h"

#define CODE_BEFORE 42
#define CODE_BYTES  64

static u64 msr(u32 number)
{
	u64 value = 0;

	rdmsrl_safe(number, &value);
	return value;
}

static void show_code(const struct pt_regs *regs)
{
	char line[CODE_BYTES * 3 + 8];
	int n = 0;

	for (int i = 0; i < CODE_BYTES; i++) {
		unsigned long at = regs->ip - CODE_BEFORE + i;
		u8 byte;

		if (user_mode(regs) ? copy_from_user_nofault(&byte, (void __user *)at, 1)
				    : copy_from_kernel_nofault(&byte, (void *)at, 1))
			n += scnprintf(line + n, sizeof(line) - n, "?? ");
		else
			n += scnprintf(line + n, sizeof(line) - n,
				       i == CODE_BEFORE ? "<%02x> " : "%02x ", byte);
	}
	printk(KERN_DEFAULT "Code: %s\n", line);
}

void show_regs(const struct pt_regs *regs)
{
	const struct pt_regs *r = regs;
	unsigned long cr2 = read_cr2(); /* before show_code(), which may fault */
	char taint[TAINT_TEXT_LEN];

	printk(KERN_DEFAULT "CPU: %u PID: %d Comm: %.15s %s\n", (unsigned int)smp_processor_id(),
	       current->pid, current->comm, print_tainted(taint));
	if (user_mode(r))
		printk(KERN_DEFAULT "RIP: %04x:0x%lx\n", (unsigned int)r->cs, r->ip);
	else
		printk(KERN_DEFAULT "RIP: %04x:%pS\n", (unsigned int)r->cs, (void *)r->ip);
	show_code(r);
	printk(KERN_DEFAULT "RSP: %04x:%016lx EFLAGS: %08lx ORIG_RAX: %016lx\n",
	       (unsigned int)r->ss, r->sp, r->flags, r->orig_ax);
	printk(KERN_DEFAULT "RAX: %016lx RBX: %016lx RCX: %016lx\n", r->ax, r->bx, r->cx);
	printk(KERN_DEFAULT "RDX: %016lx RSI: %016lx RDI: %016lx\n", r->dx, r->si, r->di);
	printk(KERN_DEFAULT "RBP: %016lx R08: %016lx R09: %016lx\n", r->bp, r->r8, r->r9);
	printk(KERN_DEFAULT "R10: %016lx R11: %016lx R12: %016lx\n", r->r10, r->r11, r->r12);
	printk(KERN_DEFAULT "R13: %016lx R14: %016lx R15: %016lx\n", r->r13, r->r14, r->r15);
	printk(KERN_DEFAULT "FS:  %016llx GS:  %016llx knlGS: %016llx\n", msr(MSR_FS_BASE),
	       msr(MSR_GS_BASE), msr(MSR_KERNEL_GS_BASE));
	printk(KERN_DEFAULT "CR0: %016lx CR2: %016lx CR3: %016lx CR4: %016lx\n", read_cr0(), cr2,
	       read_cr3(), read_cr4());
	if (!user_mode(r))
		show_trace_regs(r);
}

/* ---- page walk ---- */

static const char *entry_flags(u64 e, char buf[64])
{
	snprintf(buf, 64, "%s%s%s%s%s%s%s", e & _PAGE_RW ? "RW " : "RO ",
		 e & _PAGE_USER ? "user " : "kernel ", e & _PAGE_NX ? "NX " : "X ",
		 e & _PAGE_ACCESSED ? "A " : "", e & _PAGE_DIRTY ? "D " : "",
		 e & _PAGE_GLOBAL ? "G " : "", e & (_PAGE_PCD | _PAGE_PWT) ? "uncached " : "");
	return buf;
}

/* One level: prints the entry; true if it leads to a table, whose address is then in *table. */
static bool walk_level(const char *name, phys_addr_t *table, unsigned int index, bool last)
{
	const u64 *entry = (const u64 *)__va(*table) + index;
	char flags[64];
	u64 e;

	if (copy_from_kernel_nofault(&e, entry, sizeof(e))) {
		printk(KERN_DEFAULT "  %s[%u] at phys 0x%lx: cannot be read\n", name, index,
		       *table);
		return false;
	}
	if (!(e & _PAGE_PRESENT)) {
		printk(KERN_DEFAULT "  %s[%u] = %016llx: not present\n", name, index, e);
		return false;
	}
	if (last || (e & _PAGE_PSE && name[1] != 'G')) {
		printk(KERN_DEFAULT "  %s[%u] = %016llx: %s page at phys 0x%llx %s\n", name, index,
		       e,
		       last		? "4K"
		       : name[1] == 'M' ? "2M"
					: "1G",
		       e & PTE_PFN_MASK & ~_PAGE_PAT_LARGE, entry_flags(e, flags));
		return false;
	}
	printk(KERN_DEFAULT "  %s[%u] = %016llx: table at phys 0x%llx %s\n", name, index, e,
	       e & PTE_PFN_MASK, entry_flags(e, flags));
	*table = e & PTE_PFN_MASK;
	return true;
}

void dump_pagetable(unsigned long address)
{
	phys_addr_t table = read_cr3() & PTE_PFN_MASK;

	printk(KERN_DEFAULT "Page walk of %016lx, top table at phys 0x%lx:\n", address, table);
	if (walk_level("PGD", &table, pgd_index(address), false) &&
	    walk_level("PUD", &table, pud_index(address), false) &&
	    walk_level("PMD", &table, pmd_index(address), false))
		walk_level("PTE", &table, pte_index(address), true);
}

/* ---- the end ---- */

bool (*die_explain_address)(unsigned long address);
static unsigned int die_counter;

static __noreturn void die_end(const char *what, struct pt_regs *regs, unsigned long error_code,
			       unsigned long flags)
{
	printk(KERN_EMERG "Oops: %s: %04lx [#%u] SMP\n", what, error_code, ++die_counter);
	show_regs(regs);
	add_taint(TAINT_DIE);
	oops_end(flags);
	if (in_interrupt())
		panic("Fatal exception in interrupt");
	panic("Fatal exception");
}

void die(const char *what, struct pt_regs *regs, unsigned long error_code)
{
	unsigned long flags = oops_begin();

	die_end(what, regs, error_code, flags);
}

void die_page_fault(struct pt_regs *regs, unsigned long error_code, unsigned long address)
{
	unsigned long flags = oops_begin();

	if (address < PAGE_SIZE)
		printk(KERN_ALERT "BUG: kernel NULL pointer dereference, address: %016lx\n",
		       address);
	else
		printk(KERN_ALERT "BUG: unable to handle page fault for address: %016lx\n",
		       address);
	printk(KERN_ALERT "#PF: %s %s in %s mode\n",
	       error_code & X86_PF_USER ? "user" : "supervisor",
	       error_code & X86_PF_INSTR   ? "instruction fetch"
	       : error_code & X86_PF_WRITE ? "write access"
					   : "read access",
	       user_mode(regs) ? "user" : "kernel");
	printk(KERN_ALERT "#PF: error_code(0x%04lx) - %s\n", error_code,
	       !(error_code & X86_PF_PROT) ? "not-present page"
	       : error_code & X86_PF_RSVD  ? "reserved bit violation"
					   : "permissions violation");
	if (address < TASK_SIZE && !(error_code & X86_PF_INSTR))
		printk(KERN_ALERT "a user address outside uaccess, or without a fixup\n");
	dump_pagetable(address);
	if (die_explain_address)
		die_explain_address(address);
	die_end("page fault", regs, error_code, flags);
}
