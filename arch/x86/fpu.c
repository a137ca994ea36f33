/*
 * Saving and loading the vector state. Theory in fpu.h.
 *
 * A task's area belongs to the task while it is off the CPU, to nobody while it runs (its contents are old then).
 * Detection writes the few globals before other CPUs run. Mirrors Linux arch/x86/kernel/fpu/{core,init,signal,xstate}.c.
 * Exercised by tests/user/fpu.c.
 */
#include "arch/x86/fpu.h"

#include "arch/x86/cpufeature.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/uaccess.h"
#include "kernel/current.h"
#include "kernel/task.h"
#include "lib/errno.h"
#include "lib/string.h"

#define FXSAVE_SIZE	 512
#define XSAVE_HEADER	 64
#define XFEATURES_WANTED 0xe7ULL /* x87, SSE, AVX, AVX-512 */
#define MXCSR_DEFAULT	 0x1f80
#define FCW_DEFAULT	 0x37f

/* Linux's marks in a signal frame: what lies behind the first 512 bytes. */
#define FP_XSTATE_MAGIC1 0x46505853U
#define FP_XSTATE_MAGIC2 0x46505845U
#define SW_RESERVED	 464

struct fxregs {
	u16 cwd, swd, twd, fop;
	u64 rip, rdp;
	u32 mxcsr, mxcsr_mask;
	u8 rest[480];
};
static_assert(sizeof(struct fxregs) == FXSAVE_SIZE);

struct fpx_sw_bytes {
	u32 magic1;
	u32 extended_size; /* state and magic2 */
	u64 xfeatures;
	u32 xstate_size;
	u32 padding[7];
};
static_assert(sizeof(struct fpx_sw_bytes) == FXSAVE_SIZE - SW_RESERVED);

unsigned int fpu_state_size __ro_after_init = FXSAVE_SIZE;
u64 fpu_xfeatures __ro_after_init;
static u32 mxcsr_mask __ro_after_init = 0xffbf; /* bits that may be set; the rest is reserved */
const struct fpu_alloc_ops *fpu_alloc_ops __ro_after_init;

static void xsetbv(u32 index, u64 value)
{
	__asm__ __volatile__("xsetbv" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)));
}

void __init fpu_detect(void)
{
	static struct fxregs fx __initdata __aligned(16);
	u32 a, b, c, d;

	__asm__ __volatile__("fxsave64 %0" : "=m"(fx));
	if (fx.mxcsr_mask)
		mxcsr_mask = fx.mxcsr_mask;
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return;
	cpuid_count(0xd, 0, &a, &b, &c, &d);
	fpu_xfeatures = ((u64)d << 32 | a) & XFEATURES_WANTED;
	/* The three parts of AVX-512 go together, and need AVX. */
	if ((fpu_xfeatures & 0xe4) != 0xe4)
		fpu_xfeatures &= 0x7;
}

void fpu_init_cpu(void)
{
	u32 a, b, c, d;

	__asm__ __volatile__("clts\n\tfninit");
	if (!fpu_xfeatures)
		return;
	xsetbv(0, fpu_xfeatures);
	/* EBX: size of the area for what is switched on just now. */
	cpuid_count(0xd, 0, &a, &b, &c, &d);
	if (fpu_state_size < b)
		fpu_state_size = ALIGN(b, 64);
}

void fpu_save(void *area)
{
	if (fpu_xfeatures)
		__asm__ __volatile__("xsave64 %0"
				     : "+m"(*(char(*)[FXSAVE_SIZE + XSAVE_HEADER]) area)
				     : "a"((u32)fpu_xfeatures), "d"((u32)(fpu_xfeatures >> 32))
				     : "memory");
	else
		__asm__ __volatile__("fxsave64 %0"
				     : "=m"(*(char(*)[FXSAVE_SIZE])area)
				     :
				     : "memory");
}

void fpu_restore(const void *area)
{
	if (fpu_xfeatures)
		__asm__ __volatile__("xrstor64 %0"
				     :
				     : "m"(*(const char(*)[FXSAVE_SIZE + XSAVE_HEADER]) area),
				       "a"((u32)fpu_xfeatures), "d"((u32)(fpu_xfeatures >> 32))
				     : "memory");
	else
		__asm__ __volatile__("fxrstor64 %0"
				     :
				     : "m"(*(const char(*)[FXSAVE_SIZE])area)
				     : "memory");
}

/* An empty XSAVE header says that every component is in its initial state. */
void fpu_init_state(void *area)
{
	struct fxregs *fx = area;

	memset(area, 0, fpu_state_size);
	fx->cwd = FCW_DEFAULT;
	fx->mxcsr = MXCSR_DEFAULT;
}

/* What XSAVE does not write of its header must be zero when XRSTOR reads it. */
static void *alloc_area(void)
{
	void *area = fpu_alloc_ops ? fpu_alloc_ops->alloc() : NULL;

	if (area && fpu_xfeatures)
		memset((char *)area + FXSAVE_SIZE, 0, XSAVE_HEADER);
	return area;
}

int fpu_flush_current(void)
{
	unsigned long flags;

	if (!current->thread.fpu) {
		void *area = alloc_area();

		if (!area)
			return -ENOMEM;
		fpu_init_state(area);
		current->thread.fpu = area;
	}
	/* No context switch may save the old registers between the two. */
	local_irq_save(flags);
	fpu_init_state(current->thread.fpu);
	fpu_restore(current->thread.fpu);
	local_irq_restore(flags);
	return 0;
}

int fpu_clone(struct task_struct *p)
{
	p->thread.fpu = NULL;
	if (!current->thread.fpu)
		return 0;
	p->thread.fpu = alloc_area();
	if (!p->thread.fpu)
		return -ENOMEM;
	fpu_save(p->thread.fpu);
	return 0;
}

void fpu_free(struct task_struct *p)
{
	if (p->thread.fpu)
		fpu_alloc_ops->free(p->thread.fpu);
	p->thread.fpu = NULL;
}

/* ---- signal frames: the instructions work on user memory directly ---- */

unsigned int fpu_sigframe_size(void)
{
	return fpu_xfeatures ? fpu_state_size + sizeof(u32) : FXSAVE_SIZE;
}

/* One instruction on *buf with a fixup; err is -EFAULT after any fault, a refused state included. */
#define USER_FPU_OP(insn, buf, err)                                                           \
	do {                                                                                  \
		stac();                                                                       \
		__asm__ __volatile__("1: " insn " (%[p])\n"                                   \
				     "2:\n\t"                                                 \
				     ".pushsection .fixup, \"ax\"\n"                          \
				     "3: movl %[efault], %[e]\n\t"                            \
				     "jmp 2b\n\t"                                             \
				     ".popsection\n\t" _ASM_EXTABLE(1b, 3b)                   \
				     : [e] "+r"(err)                                          \
				     : [p] "r"(buf), "a"((u32)fpu_xfeatures),                 \
				       "d"((u32)(fpu_xfeatures >> 32)), [efault] "i"(-EFAULT) \
				     : "memory");                                             \
		clac();                                                                       \
	} while (0)

int fpu_save_to_user(void __user *buf)
{
	struct fpx_sw_bytes sw = {
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = fpu_state_size + sizeof(u32),
		.xfeatures = fpu_xfeatures,
		.xstate_size = fpu_state_size,
	};
	int err = 0;

	if (!access_ok(buf, fpu_sigframe_size()))
		return -EFAULT;
	if (!fpu_xfeatures) {
		USER_FPU_OP("fxsave64", buf, err);
		/* magic1 must not look like ours. */
		return err || __put_user(0, (u32 __user *)((char __user *)buf + SW_RESERVED))
			       ? -EFAULT
			       : 0;
	}
	if (__clear_user((char __user *)buf + FXSAVE_SIZE, XSAVE_HEADER))
		return -EFAULT;
	USER_FPU_OP("xsave64", buf, err);
	if (err || __copy_to_user((char __user *)buf + SW_RESERVED, &sw, sizeof(sw)) ||
	    __put_user(FP_XSTATE_MAGIC2, (u32 __user *)((char __user *)buf + fpu_state_size)))
		return -EFAULT;
	return 0;
}

/* Does the frame hold the extended state, whole? */
static bool has_xstate(const void __user *buf)
{
	u32 magic1, magic2;

	return fpu_xfeatures && access_ok(buf, fpu_sigframe_size()) &&
	       !__get_user(magic1, (const u32 __user *)((const char __user *)buf + SW_RESERVED)) &&
	       magic1 == FP_XSTATE_MAGIC1 &&
	       !__get_user(magic2,
			   (const u32 __user *)((const char __user *)buf + fpu_state_size)) &&
	       magic2 == FP_XSTATE_MAGIC2;
}

int fpu_restore_from_user(const void __user *buf)
{
	const struct fxregs __user *fx = buf;
	u32 mxcsr;
	int err = 0;

	if (!buf)
		return fpu_flush_current();
	if (!access_ok(buf, FXSAVE_SIZE) || !IS_ALIGNED((unsigned long)buf, 16))
		return -EFAULT;
	/* A processor refuses these itself; emulators may not. */
	if (__get_user(mxcsr, &fx->mxcsr) || (mxcsr & ~mxcsr_mask))
		return -EFAULT;
	if (has_xstate(buf) && IS_ALIGNED((unsigned long)buf, 64)) {
		USER_FPU_OP("xrstor64", buf, err);
		return err;
	}
	/* The old part alone; the others get their initial state. */
	if (fpu_xfeatures && fpu_flush_current())
		return -ENOMEM;
	USER_FPU_OP("fxrstor64", buf, err);
	return err;
}
