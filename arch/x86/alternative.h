/*
 * Instructions that are written into the kernel's text at boot when the processor has them.
 *
 * The text holds a NOP of the same length; apply_alternatives() replaces it while the text is still
 * writable and only one CPU runs. STAC and CLAC (open and close user memory under SMAP) are all we need.
 *
 * Mirrors Linux arch/x86/include/asm/alternative.h. Exercised by tests/boot (-cpu qemu64 and max).
 */
#pragma once

#define ALT_STAC 1
#define ALT_CLAC 2

#ifdef __ASSEMBLY__

/* clang-format off */
.macro __ALTERNATIVE kind
771:	.byte 0x0f, 0x1f, 0x00 /* a three-byte NOP */
	.pushsection .altinstructions, "a"
	.long 771b - .
	.long \kind
	.popsection
.endm
/* clang-format on */
#define STAC __ALTERNATIVE ALT_STAC
#define CLAC __ALTERNATIVE ALT_CLAC

#else

#include "lib/types.h"

#define __ALTERNATIVE(kind)                        \
	"771: .byte 0x0f, 0x1f, 0x00\n\t"          \
	".pushsection .altinstructions, \"a\"\n\t" \
	".long 771b - .\n\t"                       \
	".long " __stringify(kind) "\n\t"          \
				   ".popsection\n\t"
#define ASM_STAC __ALTERNATIVE(ALT_STAC)
#define ASM_CLAC __ALTERNATIVE(ALT_CLAC)

static __always_inline void stac(void)
{
	__asm__ __volatile__(ASM_STAC : : : "memory");
}

static __always_inline void clac(void)
{
	__asm__ __volatile__(ASM_CLAC : : : "memory");
}

/* => boot CPU, once, features known, text writable */
void apply_alternatives(void);

#endif
