/*
 * Detecting the processor and bringing it into the kernel's state. Theory in cpu.h and cpufeature.h.
 *
 * boot_cpu_data is written by the boot CPU alone, before others run; constant afterwards. Mirrors Linux
 * arch/x86/kernel/cpu/{common,cacheinfo}.c. Exercised by tests/boot (-cpu qemu64 and max).
 */
#include "arch/x86/cpufeature.h"

#include "arch/x86/desc.h"
#include "arch/x86/fpu.h"
#include "arch/x86/msr.h"
#include "arch/x86/pgtable.h"
#include "arch/x86/syscall.h"
#include "arch/x86/traps.h"
#include "kernel/printk.h"
#include "lib/string.h"

/* WB, WC, UC-, UC, WB, WP, UC-, WT for the indices 0 to 7: what pgtable.h's cache bits select. */
#define PAT_VALUE 0x0407050600070106ULL

struct cpuinfo_x86 boot_cpu_data __ro_after_init;
u64 __supported_pte_mask __ro_after_init = ~0ULL;

/* Names as in /proc/cpuinfo; a bit without a name is not shown. */
static const char *const cap_names[NCAPINTS][32] = {
	{ "fpu",  "vme",  "de",	  "pse", "tsc",	 "msr", "pae",	 "mce", "cx8",	   "apic", NULL,
	  "sep",  "mtrr", "pge",  "mca", "cmov", "pat", "pse36", "pn",	"clflush", NULL,   "dts",
	  "acpi", "mmx",  "fxsr", "sse", "sse2", "ss",	"ht",	 "tm",	"ia64",	   "pbe" },
	{ [11] = "syscall",
	  [19] = "mp",
	  [20] = "nx",
	  [22] = "mmxext",
	  [25] = "fxsr_opt",
	  [26] = "pdpe1gb",
	  [27] = "rdtscp",
	  [29] = "lm",
	  [30] = "3dnowext",
	  [31] = "3dnow" },
	{ "pni",    "pclmulqdq", "dtes64", "monitor", "ds_cpl",
	  "vmx",    "smx",	 "est",	   "tm2",     "ssse3",
	  "cid",    "sdbg",	 "fma",	   "cx16",    "xtpr",
	  "pdcm",   NULL,	 "pcid",   "dca",     "sse4_1",
	  "sse4_2", "x2apic",	 "movbe",  "popcnt",  "tsc_deadline_timer",
	  "aes",    "xsave",	 NULL,	   "avx",     "f16c",
	  "rdrand", "hypervisor" },
	{ "lahf_lm", "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a", "misalignsse",
	  "3dnowprefetch", "osvw", "ibs", "xop", "skinit",
	  "wdt", [16] = "fma4", [21] = "tbm", [22] = "topoext" },
	{ "fsgsbase",	"tsc_adjust", "sgx",	    "bmi1",	"hle",	    "avx2",	NULL,
	  "smep",	"bmi2",	      "erms",	    "invpcid",	"rtm",	    "cqm",	NULL,
	  "mpx",	"rdt_a",      "avx512f",    "avx512dq", "rdseed",   "adx",	"smap",
	  "avx512ifma", NULL,	      "clflushopt", "clwb",	"intel_pt", "avx512pf", "avx512er",
	  "avx512cd",	"sha_ni",     "avx512bw",   "avx512vl" },
	{ [1] = "avx512vbmi",
	  [2] = "umip",
	  [3] = "pku",
	  [4] = "ospke",
	  [8] = "gfni",
	  [9] = "vaes",
	  [10] = "vpclmulqdq",
	  [14] = "avx512_vpopcntdq",
	  [16] = "la57",
	  [22] = "rdpid" },
	{ [4] = "fsrm" },
	{ "xsaveopt", "xsavec", "xgetbv1", "xsaves" },
	{ [8] = "constant_tsc" },
};

const char *x86_cap_flag(unsigned int feature)
{
	return feature < NCAPINTS * 32 ? cap_names[feature / 32][feature % 32] : NULL;
}

void for_each_cpu_flag(const struct cpuinfo_x86 *c, void (*emit)(const char *name, void *arg),
		       void *arg)
{
	for (unsigned int f = 0; f < NCAPINTS * 32; f++)
		if (cpu_has(c, f) && x86_cap_flag(f))
			emit(x86_cap_flag(f), arg);
}

/* ---- detection ---- */

static void detect_vendor(struct cpuinfo_x86 *c)
{
	u32 id[3];

	cpuid(0, &c->cpuid_level, &id[0], &id[2], &id[1]);
	memcpy(c->x86_vendor_id, id, sizeof(id));
	c->extended_cpuid_level = cpuid_eax(0x80000000);
	if (c->extended_cpuid_level < 0x80000000)
		c->extended_cpuid_level = 0;
}

static void detect_model(struct cpuinfo_x86 *c)
{
	u32 a, b, cx, d, name[12];

	cpuid(1, &a, &b, &cx, &d);
	c->x86 = a >> 8 & 0xf;
	c->x86_model = a >> 4 & 0xf;
	c->x86_stepping = a & 0xf;
	if (c->x86 >= 6)
		c->x86_model += (a >> 16 & 0xf) << 4;
	if (c->x86 == 0xf)
		c->x86 += a >> 20 & 0xff;
	c->x86_clflush_size = (b >> 8 & 0xff) * 8;
	c->apicid = b >> 24;
	c->x86_capability[0] = d;
	c->x86_capability[2] = cx;
	if (c->extended_cpuid_level >= 0x80000004) {
		for (u32 i = 0; i < 3; i++)
			cpuid(0x80000002 + i, &name[i * 4], &name[i * 4 + 1], &name[i * 4 + 2],
			      &name[i * 4 + 3]);
		memcpy(c->x86_model_id, name, sizeof(name));
	}
}

/* => vendor and model done */
static void detect_features(struct cpuinfo_x86 *c)
{
	u32 a, b, cx, d;

	if (c->cpuid_level >= 7) {
		cpuid_count(7, 0, &a, &b, &cx, &d);
		c->x86_capability[4] = b;
		c->x86_capability[5] = cx;
		c->x86_capability[6] = d;
	}
	if (c->cpuid_level >= 0xd) {
		cpuid_count(0xd, 1, &a, &b, &cx, &d);
		c->x86_capability[7] = a;
	}
	if (c->extended_cpuid_level >= 0x80000001) {
		cpuid(0x80000001, &a, &b, &cx, &d);
		c->x86_capability[1] = d;
		c->x86_capability[3] = cx;
	}
	if (c->extended_cpuid_level >= 0x80000007)
		c->x86_capability[8] = cpuid_edx(0x80000007);
	c->x86_phys_bits = 36;
	c->x86_virt_bits = 48;
	if (c->extended_cpuid_level >= 0x80000008) {
		a = cpuid_eax(0x80000008);
		c->x86_phys_bits = a & 0xff;
		c->x86_virt_bits = a >> 8 & 0xff;
	}
	if (c->extended_cpuid_level >= 0x80000006)
		c->x86_cache_size = cpuid_ecx(0x80000006) >> 16;
}

void cpu_detect(void)
{
	struct cpuinfo_x86 *c = &boot_cpu_data;

	detect_vendor(c);
	detect_model(c);
	detect_features(c);
	/* XSAVE needs leaf 0xd to tell the size of its area. */
	if (c->cpuid_level < 0xd)
		setup_clear_cpu_cap(X86_FEATURE_XSAVE);
	/* Kernel entries are in no PCID only if they can be global. */
	if (!boot_cpu_has(X86_FEATURE_PGE))
		setup_clear_cpu_cap(X86_FEATURE_PCID);
	/* Switches that this kernel leaves off. */
	setup_clear_cpu_cap(X86_FEATURE_FSGSBASE);
	setup_clear_cpu_cap(X86_FEATURE_PKU);
	setup_clear_cpu_cap(X86_FEATURE_OSXSAVE);
	setup_clear_cpu_cap(X86_FEATURE_LA57);
	if (!boot_cpu_has(X86_FEATURE_NX))
		__supported_pte_mask &= ~_PAGE_NX;
	fpu_detect();
}

/* ---- each CPU ---- */

static void init_control_registers(void)
{
	unsigned long cr4 = X86_CR4_PSE | X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	u64 efer = EFER_SCE;

	if (boot_cpu_has(X86_FEATURE_MCE))
		cr4 |= X86_CR4_MCE;
	if (boot_cpu_has(X86_FEATURE_PGE))
		cr4 |= X86_CR4_PGE;
	if (boot_cpu_has(X86_FEATURE_UMIP))
		cr4 |= X86_CR4_UMIP;
	if (boot_cpu_has(X86_FEATURE_SMEP))
		cr4 |= X86_CR4_SMEP;
	if (boot_cpu_has(X86_FEATURE_SMAP))
		cr4 |= X86_CR4_SMAP;
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		cr4 |= X86_CR4_OSXSAVE;
	if (boot_cpu_has(X86_FEATURE_NX))
		efer |= EFER_NX;
	wrmsrl(MSR_EFER, native_read_msr(MSR_EFER) | efer);
	write_cr0(CR0_STATE);
	write_cr4(cr4);
	if (boot_cpu_has(X86_FEATURE_PAT))
		wrmsrl(MSR_IA32_CR_PAT, PAT_VALUE);
}

/* The kernel has decided on the boot CPU's features: another one should not have fewer. */
static void check_features(int cpu)
{
	struct cpuinfo_x86 c;

	memset(&c, 0, sizeof(c));
	detect_vendor(&c);
	detect_model(&c);
	detect_features(&c);
	for (int w = 0; w < NCAPINTS; w++) {
		u32 missing = boot_cpu_data.x86_capability[w] & ~c.x86_capability[w];

		if (missing)
			pr_warn("CPU%d lacks features of the boot CPU: word %d, bits %08x\n", cpu,
				w, missing);
	}
}

void cpu_init(int cpu)
{
	load_idt();
	init_control_registers();
	cpu_init_percpu(cpu);
	if (cpu == 0)
		idt_setup_final();
	else
		check_features(cpu);
	fpu_init_cpu();
	syscall_init_cpu();
	if (boot_cpu_has(X86_FEATURE_RDTSCP) || boot_cpu_has(X86_FEATURE_RDPID))
		wrmsrl(MSR_TSC_AUX, cpu);
}

bool arch_get_random_long(unsigned long *v)
{
	bool ok = false;

	if (!boot_cpu_has(X86_FEATURE_RDRAND))
		return false;
	for (int tries = 0; tries < 10 && !ok; tries++)
		__asm__ __volatile__("rdrand %0" : "=r"(*v), "=@ccc"(ok));
	return ok;
}
