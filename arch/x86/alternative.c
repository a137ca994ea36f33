/*
 * Writes STAC and CLAC over the NOPs that hold their places. Theory in alternative.h.
 *
 * Mirrors Linux arch/x86/kernel/alternative.c. Exercised by tests/boot (-cpu max).
 */
#include "arch/x86/alternative.h"

#include "arch/x86/cpufeature.h"
#include "lib/string.h"

struct alt_instr {
	s32 where; /* relative to itself */
	u32 kind;
};

extern struct alt_instr __altinstructions_start[], __altinstructions_end[];

void __init apply_alternatives(void)
{
	static const u8 insn[][3] = {
		[ALT_STAC] = { 0x0f, 0x01, 0xcb },
		[ALT_CLAC] = { 0x0f, 0x01, 0xca },
	};

	if (!boot_cpu_has(X86_FEATURE_SMAP))
		return;
	for (struct alt_instr *a = __altinstructions_start; a < __altinstructions_end; a++)
		memcpy((u8 *)&a->where + a->where, insn[a->kind], sizeof(insn[0]));
	/* Serialises: what was prefetched of the old bytes is dropped. */
	cpuid_eax(0);
}
