/*
 * fpu.c - floating-point and vector registers belong to their thread.
 *
 * Proves that a context switch, fork, exec and a signal handler each see the registers they should.
 */
#include "test.h"

#include <pthread.h>

static uint64_t xmm_roundtrip(uint64_t value, void (*between)(void))
{
	uint64_t out;

	__asm__ volatile("movq %0, %%xmm9" : : "r"(value));
	between();
	__asm__ volatile("movq %%xmm9, %0" : "=r"(out));
	return out;
}

static void yield(void)
{
	/* A bare system call: the C library's wrapper must not use the registers in between. */
	long ret;
	__asm__ volatile("syscall" : "=a"(ret) : "a"(24) : "rcx", "r11", "memory");
}

static uint64_t keep_over_yields(uint64_t value)
{
	uint64_t out;

	__asm__ volatile("movq %1, %%xmm9\n\t"
			 "movq %1, %%mm3\n\t"
			 "movl $3000, %%r12d\n"
			 "1:\n\t"
			 "movl $24, %%eax\n\t"
			 "syscall\n\t"
			 "movq %%xmm9, %%r13\n\t"
			 "cmpq %1, %%r13\n\t"
			 "jne 2f\n\t"
			 "movq %%mm3, %%r13\n\t"
			 "cmpq %1, %%r13\n\t"
			 "jne 2f\n\t"
			 "decl %%r12d\n\t"
			 "jnz 1b\n"
			 "2:\n\t"
			 "movq %%r13, %0\n\t"
			 "emms"
			 : "=r"(out)
			 : "r"(value)
			 : "rax", "rcx", "r11", "r12", "r13", "xmm9", "memory");
	return out;
}

static void *thread(void *arg)
{
	uint64_t value = (uintptr_t)arg;

	return (void *)(uintptr_t)keep_over_yields(value);
}

TEST(threads_keep_their_own_registers)
{
	pthread_t t[4];

	for (uintptr_t i = 0; i < 4; i++)
		ASSERT_EQ(pthread_create(&t[i], NULL, thread, (void *)(0x1111 * (i + 1))), 0);
	for (uintptr_t i = 0; i < 4; i++) {
		void *seen;

		pthread_join(t[i], &seen);
		EXPECT_EQ((uintptr_t)seen, 0x1111 * (i + 1));
	}
}

TEST(fork_copies_registers_and_control_words)
{
	uint64_t value = 0xabcdef0123456789, in_child;
	unsigned int mxcsr = 0x1fc0, child_mxcsr;
	int status;
	long pid;

	/* fork by hand, so that nothing runs between the writes and the reads. */
	__asm__ volatile("ldmxcsr %[m]\n\t"
			 "movq %[v], %%xmm9\n\t"
			 "movl $57, %%eax\n\t"
			 "syscall\n\t"
			 "movq %%xmm9, %[out]\n\t"
			 "stmxcsr %[cm]"
			 : "=&a"(pid), [out] "=&r"(in_child), [cm] "=m"(child_mxcsr)
			 : [m] "m"(mxcsr), [v] "r"(value)
			 : "rcx", "r11", "xmm9", "memory");
	if (pid == 0)
		_exit(in_child == value && child_mxcsr == mxcsr ? 0 : 1);
	ASSERT(pid > 0);
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(in_child, value);
}

static void clobber(int sig unused)
{
	__asm__ volatile("movq %0, %%xmm9\n\tldmxcsr %1"
			 :
			 : "r"(0UL), "m"((unsigned int){ 0x1f80 })
			 : "xmm9");
}

static void raise_usr1(void)
{
	long ret, pid;

	__asm__ volatile("syscall" : "=a"(pid) : "a"(39) : "rcx", "r11", "memory");
	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(62), "D"(pid), "S"(SIGUSR1)
			 : "rcx", "r11", "memory");
}

TEST(handler_does_not_disturb_the_program)
{
	signal(SIGUSR1, clobber);
	EXPECT_EQ(xmm_roundtrip(0x5555aaaa, raise_usr1), 0x5555aaaaUL);
	EXPECT_EQ(xmm_roundtrip(0x1234, yield), 0x1234UL);
}

static void set_in_frame(int sig unused, siginfo_t *info unused, void *context)
{
	ucontext_t *uc = context;
	uint64_t v = 0x77777777;

	memcpy(&uc->uc_mcontext.fpregs->_xmm[9], &v, 8);
	/* The extended state says which parts it holds; SSE is bit 1 of its header. */
	if (((uint32_t *)uc->uc_mcontext.fpregs)[464 / 4] == 0x46505853)
		((uint64_t *)uc->uc_mcontext.fpregs)[512 / 8] |= 2;
}

TEST(handler_can_change_registers_through_its_frame)
{
	struct sigaction sa = { .sa_sigaction = set_in_frame, .sa_flags = SA_SIGINFO };

	sigaction(SIGUSR1, &sa, NULL);
	EXPECT_EQ(xmm_roundtrip(1, raise_usr1), 0x77777777UL);
}

static void bad_frame(int sig unused, siginfo_t *info unused, void *context)
{
	ucontext_t *uc = context;

	uc->uc_mcontext.fpregs->mxcsr = 0xffffffff; /* reserved bits: loading it is refused */
}

TEST(frame_with_reserved_bits_kills_the_program)
{
	int status;
	pid_t pid = fork();

	ASSERT(pid >= 0);
	if (!pid) {
		struct sigaction sa = { .sa_sigaction = bad_frame, .sa_flags = SA_SIGINFO };

		sigaction(SIGUSR1, &sa, NULL);
		raise_usr1();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	EXPECT(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGSEGV);
}

HELPER(fresh_registers)
{
	uint64_t v;
	unsigned int mxcsr;
	unsigned short cw;

	__asm__ volatile("movq %%xmm15, %0\n\tstmxcsr %1\n\tfnstcw %2"
			 : "=r"(v), "=m"(mxcsr), "=m"(cw));
	return v == 0 && mxcsr == 0x1f80 && cw == 0x37f ? 0 : 1;
}

TEST(exec_begins_with_clean_registers)
{
	int status;
	pid_t pid = fork();

	ASSERT(pid >= 0);
	if (!pid) {
		unsigned int mxcsr = 0x1fc0;

		__asm__ volatile("movq %0, %%xmm15\n\tldmxcsr %1" : : "r"(0x1234UL), "m"(mxcsr));
		exec_helper("fresh_registers", NULL);
	}
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
}

static void on_fpe(int sig unused, siginfo_t *info, void *context unused)
{
	_exit(info->si_code);
}

static int code_of(void (*fault)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct sigaction sa = { .sa_sigaction = on_fpe, .sa_flags = SA_SIGINFO };

		sigaction(SIGFPE, &sa, NULL);
		fault();
		_exit(99);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void divide_integers(void)
{
	__asm__ volatile("xorl %%ecx, %%ecx\n\tmovl $1, %%eax\n\tcltd\n\tidivl %%ecx"
			 :
			 :
			 : "rax", "rcx", "rdx");
}

static void divide_sse(void)
{
	unsigned int mxcsr = 0x1f80 & ~0x200u; /* division by zero unmasked */
	volatile double zero = 0.0, result;

	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	result = 1.0 / zero;
	(void)result;
}

static void divide_x87(void)
{
	unsigned short cw = 0x37f & ~4;

	__asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" : : "m"(cw));
}

TEST(division_by_zero_says_which)
{
	int sse = code_of(divide_sse);

	EXPECT_EQ(code_of(divide_integers), FPE_INTDIV);
	/* QEMU's TCG raises no SIMD exceptions: the program goes on then. */
	EXPECT(sse == FPE_FLTDIV || sse == 99);
	EXPECT_EQ(code_of(divide_x87), FPE_FLTDIV);
}

/* Loads a null selector, which clears the base, and makes 200 calls that switch: no C library from here on. */
static void __attribute__((noreturn)) drop_segment_bases(void)
{
	__asm__ volatile("xorl %%eax, %%eax\n\t"
			 "movl %%eax, %%fs\n\t"
			 "movl %%eax, %%gs\n\t"
			 "movl $200, %%r12d\n"
			 "1:\n\t"
			 "movl $24, %%eax\n\t"
			 "syscall\n\t"
			 "decl %%r12d\n\t"
			 "jnz 1b\n\t"
			 "xorl %%edi, %%edi\n\t"
			 "movl $231, %%eax\n\t"
			 "syscall\n\t"
			 "ud2"
			 :
			 :
			 : "memory");
	__builtin_unreachable();
}

TEST(clearing_the_segment_bases_harms_no_other_process)
{
	static __thread int mine = 1234;
	volatile int *p = &mine;
	cpu_set_t one;
	int bad = 0;

	/* The child has the same TLS address; on one CPU the two take turns. */
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	ASSERT_OK(sched_setaffinity(0, sizeof(one), &one));
	pid_t pid = test_fork();

	if (!pid)
		drop_segment_bases();
	for (int i = 0; i < 400; i++) {
		uint64_t self = 0;
		/* Word 0 of the thread block is its own address; with a base of 0 the read faults. */
		yield();
		__asm__ volatile("movq %%fs:0, %0" : "=r"(self));
		bad += *(uint64_t *)self != self || *p != 1234;
	}
	EXPECT_EQ(bad, 0);
	EXPECT_EXIT(pid, 0);
}
