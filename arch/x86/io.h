/*
 * Devices: I/O ports, and registers in memory (addresses from ioremap() or the fixmap).
 *
 * The volatile accesses keep order among themselves; x86 keeps order on uncached memory.
 * Mirrors Linux arch/x86/include/asm/io.h. Exercised by every boot (the serial port).
 */
#pragma once

#include "lib/types.h"

#define __BUILD_PORT_IO(suffix, type, reg)                                                        \
	static __always_inline void out##suffix(type value, u16 port)                             \
	{                                                                                         \
		__asm__ __volatile__("out" #suffix " %" reg "0, %w1" : : "a"(value), "Nd"(port)); \
	}                                                                                         \
	static __always_inline type in##suffix(u16 port)                                          \
	{                                                                                         \
		type value;                                                                       \
		__asm__ __volatile__("in" #suffix " %w1, %" reg "0" : "=a"(value) : "Nd"(port));  \
		return value;                                                                     \
	}                                                                                         \
	static __always_inline void outs##suffix(u16 port, const void *buf, unsigned long n)      \
	{                                                                                         \
		__asm__ __volatile__("rep outs" #suffix                                           \
				     : "+S"(buf), "+c"(n)                                         \
				     : "d"(port)                                                  \
				     : "memory");                                                 \
	}                                                                                         \
	static __always_inline void ins##suffix(u16 port, void *buf, unsigned long n)             \
	{                                                                                         \
		__asm__ __volatile__("rep ins" #suffix                                            \
				     : "+D"(buf), "+c"(n)                                         \
				     : "d"(port)                                                  \
				     : "memory");                                                 \
	}
__BUILD_PORT_IO(b, u8, "b")
__BUILD_PORT_IO(w, u16, "w")
__BUILD_PORT_IO(l, u32, "k")
#undef __BUILD_PORT_IO

/* About a microsecond: a write to a port that nothing listens to. */
static __always_inline void io_delay(void)
{
	outb(0, 0x80);
}

#define __BUILD_MMIO(suffix, type)                                                         \
	static __always_inline type read##suffix(const volatile void __iomem *addr)        \
	{                                                                                  \
		return *(const volatile type *)addr;                                       \
	}                                                                                  \
	static __always_inline void write##suffix(type value, volatile void __iomem *addr) \
	{                                                                                  \
		*(volatile type *)addr = value;                                            \
	}
__BUILD_MMIO(b, u8)
__BUILD_MMIO(w, u16)
__BUILD_MMIO(l, u32)
__BUILD_MMIO(q, u64)
#undef __BUILD_MMIO

static inline void memcpy_fromio(void *to, const volatile void __iomem *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((u8 *)to)[i] = readb((const volatile u8 *)from + i);
}

static inline void memcpy_toio(volatile void __iomem *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		writeb(((const u8 *)from)[i], (volatile u8 *)to + i);
}
