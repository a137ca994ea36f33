/*
 * mprotect.c - page rights and what a fault tells: si_code, si_addr, the registers, and going on.
 *
 * Proves that each wrong access gives the right signal with the right code and address, that the
 * handler's ucontext holds the interrupted registers, that what the handler changes (the rights of
 * the page, a register, the instruction pointer) takes effect on return, and that a fault which
 * cannot be delivered kills.  A random series of mprotect calls is checked against a model.
 */
#include "fault.h"
#include <sys/mman.h>

#define RW (PROT_READ | PROT_WRITE)
#define RX (PROT_READ | PROT_EXEC)

static char *map_pages(size_t n, int prot)
{
	char *p = mmap(NULL, n * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	return p;
}

#define EXPECT_FAULT(call, want_sig, want_code, want_addr) \
	do {                                               \
		EXPECT_EQ(call, want_sig);                 \
		EXPECT_EQ(fault.code, want_code);          \
		EXPECT_EQ(fault.addr, want_addr);          \
	} while (0)

TEST(a_write_to_a_read_only_page_is_accerr_at_the_byte)
{
	char *p = map_pages(2, PROT_READ);

	catch_faults();
	EXPECT_EQ(read_faults(p + 1234), 0);
	EXPECT_FAULT(write_faults(p + 1234), SIGSEGV, SEGV_ACCERR, p + 1234);
	EXPECT_EQ(fault.trapno, 14);
	EXPECT_EQ(fault.cr2, (uintptr_t)p + 1234);
	EXPECT_EQ(fault.err & 6, 6); /* a write, from user mode */
	EXPECT_FAULT(write_faults(p + PAGE + 4095), SIGSEGV, SEGV_ACCERR, p + PAGE + 4095);
}

TEST(any_access_to_prot_none_is_accerr)
{
	char *p = map_pages(1, PROT_NONE);

	catch_faults();
	EXPECT_FAULT(read_faults(p + 7), SIGSEGV, SEGV_ACCERR, p + 7);
	EXPECT_EQ(fault.err & 6, 4); /* a read, from user mode */
	EXPECT_FAULT(write_faults(p), SIGSEGV, SEGV_ACCERR, p);
	EXPECT_FAULT(call_faults(p), SIGSEGV, SEGV_ACCERR, p);
}

TEST(an_unmapped_address_is_maperr)
{
	char *p = map_pages(3, RW);

	catch_faults();
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_FAULT(read_faults(p + PAGE + 99), SIGSEGV, SEGV_MAPERR, p + PAGE + 99);
	EXPECT_FAULT(write_faults(p + 2 * PAGE - 1), SIGSEGV, SEGV_MAPERR, p + 2 * PAGE - 1);
	EXPECT_FAULT(read_faults(NULL), SIGSEGV, SEGV_MAPERR, NULL);
	EXPECT_FAULT(write_faults((void *)8), SIGSEGV, SEGV_MAPERR, (void *)8);
}

TEST(an_access_over_a_page_border_reports_the_second_page)
{
	char *p = map_pages(2, RW);

	catch_faults();
	ASSERT_OK(munmap(p + PAGE, PAGE));
	fault.sig = 0;
	if (!sigsetjmp(fault_return, 1))
		asm volatile("movq $-1, (%0)" : : "r"(p + PAGE - 4) : "memory");
	EXPECT_EQ(fault.sig, SIGSEGV);
	EXPECT_EQ(fault.addr, p + PAGE);
	EXPECT_EQ(p[PAGE - 1], 0); /* nothing of it was written */
}

TEST(kernel_addresses_are_maperr_to_user_mode)
{
	static const uintptr_t addrs[] = {
		0xffffffff81000000, 0xffff888000000000, 0xffffea0000000000,
		0xffffffffff5ff000, 0xffff800000000000,
	};

	catch_faults();
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		EXPECT_FAULT(read_faults((void *)addrs[i]), SIGSEGV, SEGV_MAPERR, addrs[i]);
		EXPECT_FAULT(write_faults((void *)addrs[i]), SIGSEGV, SEGV_MAPERR, addrs[i]);
		EXPECT_FAULT(call_faults((void *)addrs[i]), SIGSEGV, SEGV_MAPERR, addrs[i]);
	}
}

TEST(a_non_canonical_address_is_si_kernel)
{
	catch_faults();
	EXPECT_FAULT(read_faults((void *)0x8000000000000000), SIGSEGV, SI_KERNEL, NULL);
	EXPECT_EQ(fault.trapno, 13);
	EXPECT_FAULT(write_faults((void *)0x0000900000000000), SIGSEGV, SI_KERNEL, NULL);
}

TEST(the_page_above_user_space_is_not_ours)
{
	catch_faults();
	EXPECT_EQ(read_faults((void *)0x00007ffffffff000), SIGSEGV);
	EXPECT_ERR(mmap((void *)0x00007ffffffff000, PAGE, RW,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		   ENOMEM);
}

TEST(code_runs_only_from_executable_pages)
{
	char *p = map_pages(1, RW);

	catch_faults();
	p[64] = (char)0xc3; /* ret */
	EXPECT_FAULT(call_faults(p + 64), SIGSEGV, SEGV_ACCERR, p + 64);
	EXPECT_EQ(fault.rip, (uintptr_t)p + 64);
	EXPECT_EQ(fault.err & 0x14, 0x14); /* an instruction fetch, from user mode */
	ASSERT_OK(mprotect(p, PAGE, RX));
	EXPECT_EQ(call_faults(p + 64), 0);
	EXPECT_FAULT(write_faults(p + 64), SIGSEGV, SEGV_ACCERR, p + 64);
	ASSERT_OK(mprotect(p, PAGE, PROT_READ));
	EXPECT_FAULT(call_faults(p + 64), SIGSEGV, SEGV_ACCERR, p + 64);
}

TEST(the_stack_and_the_data_do_not_execute)
{
	static unsigned char data[16] = { 0xc3 };
	volatile unsigned char stack[16] = { 0xc3 };

	catch_faults();
	EXPECT_FAULT(call_faults(data), SIGSEGV, SEGV_ACCERR, data);
	EXPECT_FAULT(call_faults((void *)stack), SIGSEGV, SEGV_ACCERR, stack);
}

TEST(the_programs_text_and_constants_are_read_only)
{
	static const char constant[] = "constant";

	catch_faults();
	EXPECT_EQ(write_faults((void *)(uintptr_t)constant), SIGSEGV);
	EXPECT_EQ(fault.code, SEGV_ACCERR);
	EXPECT_EQ(write_faults((void *)(uintptr_t)write_faults), SIGSEGV);
	EXPECT_EQ(fault.code, SEGV_ACCERR);
}

/* ---- handlers that repair and return ---- */

static volatile int repairs;
static char *repair_base;

static void repair(int sig unused, siginfo_t *info, void *context unused)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(PAGE - 1);

	if (info->si_code != SEGV_ACCERR || page < (uintptr_t)repair_base)
		_exit(99);
	repairs++;
	if (mprotect((void *)page, PAGE, RW))
		_exit(98);
}

static void on_signal(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	ASSERT_OK(sigaction(sig, &sa, NULL));
}

TEST(a_handler_opens_the_page_and_the_write_goes_on)
{
	volatile char *p = repair_base = map_pages(32, PROT_NONE);

	on_signal(SIGSEGV, repair, 0);
	for (int i = 0; i < 32; i++)
		p[i * PAGE + i] = i + 1;
	EXPECT_EQ(repairs, 32);
	for (int i = 0; i < 32; i++)
		EXPECT_EQ(p[i * PAGE + i], i + 1);
	EXPECT_EQ(repairs, 32);
	/* A dirty-page log: read-only again, one fault for each page written. */
	ASSERT_OK(mprotect((void *)p, 32 * PAGE, PROT_READ));
	for (int i = 0; i < 32; i += 4)
		p[i * PAGE]++;
	EXPECT_EQ(repairs, 40);
}

static struct {
	greg_t gregs[NGREG];
} seen;
static char *good_page;

static void look_and_redirect(int sig unused, siginfo_t *info unused, void *context)
{
	ucontext_t *uc = context;

	memcpy(seen.gregs, uc->uc_mcontext.gregs, sizeof(seen.gregs));
	uc->uc_mcontext.gregs[REG_RAX] = (greg_t)good_page;
	/* The handler may spoil what it likes; the context brings it back. */
	asm volatile("mov $-1, %%r12; mov $-1, %%r13; mov $-1, %%rsi" : : : "r12", "r13", "rsi");
}

TEST(the_context_holds_the_registers_and_a_changed_one_takes_effect)
{
	char *bad = map_pages(1, PROT_NONE);
	uint64_t rax = (uint64_t)bad, r8 = 0, r12 = 0, rsp = 0, rdi = 0, value = 0, flags = 0;

	good_page = map_pages(1, RW);
	on_signal(SIGSEGV, look_and_redirect, 0);
	asm volatile("mov $0x1111, %%rbx\n\t mov $0x2222, %%rdi\n\t mov $0x3333, %%r8\n\t"
		     "mov $0x4444, %%r12\n\t mov $0x5555, %%r13\n\t mov $0x6666, %%rsi\n\t"
		     "mov %%rsp, %[rsp]\n\t stc\n"
		     "fault_here: movq $0x7777, (%%rax)\n\t"
		     "pushfq\n\t popq %[flags]\n\t"
		     "mov %%r8, %[r8]\n\t mov %%r12, %[r12]\n\t mov %%rdi, %[rdi]\n\t"
		     "mov %%rsi, %[value]\n\t"
		     : "+a"(rax), [r8] "=m"(r8), [r12] "=m"(r12), [rsp] "=m"(rsp), [rdi] "=m"(rdi),
		       [value] "=m"(value), [flags] "=m"(flags)
		     :
		     : "rbx", "rdi", "r8", "r12", "r13", "rsi", "memory", "cc");
	extern char fault_here[];

	EXPECT_EQ(seen.gregs[REG_RIP], (uintptr_t)fault_here);
	EXPECT_EQ(seen.gregs[REG_RAX], (uintptr_t)bad);
	EXPECT_EQ(seen.gregs[REG_RBX], 0x1111);
	EXPECT_EQ(seen.gregs[REG_RDI], 0x2222);
	EXPECT_EQ(seen.gregs[REG_R8], 0x3333);
	EXPECT_EQ(seen.gregs[REG_R12], 0x4444);
	EXPECT_EQ(seen.gregs[REG_R13], 0x5555);
	EXPECT_EQ(seen.gregs[REG_RSI], 0x6666);
	EXPECT_EQ(seen.gregs[REG_RSP], rsp);
	EXPECT_EQ(seen.gregs[REG_EFL] & 1, 1);
	EXPECT_EQ(seen.gregs[REG_CR2], (uintptr_t)bad);
	EXPECT_EQ(rax, (uintptr_t)good_page);
	EXPECT_EQ(*(uint64_t *)good_page, 0x7777);
	EXPECT_EQ(rdi, 0x2222);
	EXPECT_EQ(r8, 0x3333);
	EXPECT_EQ(r12, 0x4444);
	EXPECT_EQ(value, 0x6666);
	EXPECT_EQ(flags & 1, 1);
}

static void step_over(int sig unused, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	fault.sig = sig;
	fault.code = info->si_code;
	fault.addr = info->si_addr;
	fault.rip = uc->uc_mcontext.gregs[REG_RIP];
	uc->uc_mcontext.gregs[REG_RIP] += 2;
}

TEST(ud2_and_division_by_zero_say_where)
{
	extern char ud2_here[], div_here[];

	on_signal(SIGILL, step_over, 0);
	on_signal(SIGFPE, step_over, 0);
	asm volatile("ud2_here: ud2");
	EXPECT_EQ(fault.sig, SIGILL);
	EXPECT_EQ(fault.code, ILL_ILLOPN);
	EXPECT_EQ(fault.addr, ud2_here);
	asm volatile("div_here: div %%ecx" : : "a"(1), "d"(0), "c"(0));
	EXPECT_EQ(fault.sig, SIGFPE);
	EXPECT_EQ(fault.code, FPE_INTDIV);
	EXPECT_EQ(fault.addr, div_here);
}

TEST(privileged_instructions_are_sigsegv)
{
	on_signal(SIGSEGV, step_over, 0);
	asm volatile("cli; nop"); /* one byte; the handler skips two */
	EXPECT_EQ(fault.sig, SIGSEGV);
	EXPECT_EQ(fault.code, SI_KERNEL);
	fault.sig = 0;
	asm volatile("hlt; nop");
	EXPECT_EQ(fault.sig, SIGSEGV);
	fault.sig = 0;
	asm volatile("wrmsr" : : "c"(0x1b), "a"(0), "d"(0));
	EXPECT_EQ(fault.sig, SIGSEGV);
	fault.sig = 0;
	asm volatile("in %%dx, %%al; nop" : : "d"(0x60) : "rax");
	EXPECT_EQ(fault.sig, SIGSEGV);
}

static void note(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	fault.sig = sig;
	fault.code = info->si_code;
	fault.rip = uc->uc_mcontext.gregs[REG_RIP];
	uc->uc_mcontext.gregs[REG_EFL] &= ~0x100;
}

TEST(int3_and_single_step_are_sigtrap)
{
	extern char after_int3[], after_step[];

	on_signal(SIGTRAP, note, 0);
	asm volatile("int3; after_int3:");
	EXPECT_EQ(fault.sig, SIGTRAP);
	EXPECT_EQ(fault.rip, (uintptr_t)after_int3);
	fault.sig = 0;
	asm volatile("sub $128, %%rsp; pushfq; orq $0x100, (%%rsp); popfq; nop; after_step: "
		     "add $128, %%rsp"
		     :
		     :
		     : "memory", "cc");
	EXPECT_EQ(fault.sig, SIGTRAP);
	EXPECT_EQ(fault.code, TRAP_TRACE);
	EXPECT_EQ(fault.rip, (uintptr_t)after_step);
}

static void spoil_vectors(int sig unused, siginfo_t *info, void *context unused)
{
	asm volatile("pcmpeqd %%xmm0, %%xmm0; movdqa %%xmm0, %%xmm7; movdqa %%xmm0, %%xmm15"
		     :
		     :
		     : "xmm0", "xmm7", "xmm15");
	mprotect((void *)((uintptr_t)info->si_addr & ~(PAGE - 1)), PAGE, RW);
}

TEST(vector_registers_survive_a_handler)
{
	char *p = map_pages(1, PROT_NONE);
	uint64_t in[2] = { 0x0123456789abcdef, 0xfedcba9876543210 }, out7[2], out15[2];

	on_signal(SIGSEGV, spoil_vectors, 0);
	asm volatile("movdqu %[in], %%xmm7; movdqu %[in], %%xmm15; movb $1, (%[p]);"
		     "movdqu %%xmm7, %[a]; movdqu %%xmm15, %[b]"
		     : [a] "=m"(out7), [b] "=m"(out15)
		     : [in] "m"(in), [p] "r"(p)
		     : "xmm7", "xmm15", "memory");
	EXPECT_EQ(out7[0], in[0]);
	EXPECT_EQ(out7[1], in[1]);
	EXPECT_EQ(out15[0], in[0]);
	EXPECT_EQ(out15[1], in[1]);
}

/* ---- faults that cannot be delivered ---- */

static volatile char *volatile nowhere = (char *)8;

static void fault_again(int sig unused, siginfo_t *info unused, void *context unused)
{
	*nowhere = 1;
}

TEST(a_fault_that_cannot_be_delivered_kills)
{
	sigset_t segv;
	pid_t pid;

	sigemptyset(&segv);
	sigaddset(&segv, SIGSEGV);
	pid = test_fork();
	if (!pid) { /* blocked */
		on_signal(SIGSEGV, step_over, 0);
		sigprocmask(SIG_BLOCK, &segv, NULL);
		*nowhere = 1;
		_exit(0);
	}
	EXPECT_KILLED(pid, SIGSEGV);
	pid = test_fork();
	if (!pid) { /* ignored */
		signal(SIGSEGV, SIG_IGN);
		*nowhere = 1;
		_exit(0);
	}
	EXPECT_KILLED(pid, SIGSEGV);
	pid = test_fork();
	if (!pid) { /* in its own handler */
		on_signal(SIGSEGV, fault_again, 0);
		*nowhere = 1;
		_exit(0);
	}
	EXPECT_KILLED(pid, SIGSEGV);
	pid = test_fork();
	if (!pid) { /* the handler itself is nowhere */
		on_signal(SIGSEGV, (void (*)(int, siginfo_t *, void *))(uintptr_t)16, 0);
		*nowhere = 1;
		_exit(0);
	}
	EXPECT_KILLED(pid, SIGSEGV);
	pid = test_fork();
	if (!pid) { /* no stack to put the frame on */
		on_signal(SIGSEGV, step_over, 0);
		asm volatile("mov $64, %rsp; push %rax");
		_exit(0);
	}
	EXPECT_KILLED(pid, SIGSEGV);
}

TEST(a_kill_with_sigsegv_has_si_user)
{
	on_signal(SIGSEGV, note, 0);
	ASSERT_OK(kill(getpid(), SIGSEGV));
	EXPECT_EQ(fault.sig, SIGSEGV);
	EXPECT_EQ(fault.code, SI_USER);
}

/* ---- the calls ---- */

TEST(mprotect_over_a_hole_is_enomem_and_changes_the_part_before)
{
	char *p = map_pages(3, RW);

	catch_faults();
	ASSERT_OK(munmap(p + PAGE, PAGE));
	EXPECT_ERR(mprotect(p, 3 * PAGE, PROT_READ), ENOMEM);
	EXPECT_EQ(write_faults(p), SIGSEGV);
	EXPECT_EQ(write_faults(p + 2 * PAGE), 0);
}

TEST(rights_lost_and_regained_keep_the_bytes)
{
	char *p = map_pages(4, RW);

	catch_faults();
	memset(p, 'k', 4 * PAGE);
	ASSERT_OK(mprotect(p, 4 * PAGE, PROT_NONE));
	EXPECT_EQ(read_faults(p + 2 * PAGE), SIGSEGV);
	ASSERT_OK(mprotect(p, 4 * PAGE, PROT_READ));
	EXPECT_EQ(p[3 * PAGE + 17], 'k');
	ASSERT_OK(mprotect(p, 4 * PAGE, RW));
	p[0] = 'l';
	EXPECT_EQ(p[0], 'l');
	EXPECT_EQ(p[1], 'k');
}

TEST(opening_a_page_that_was_shared_by_fork_still_copies)
{
	char *p = map_pages(1, RW);

	p[0] = 'a';
	ASSERT_OK(mprotect(p, PAGE, PROT_READ));
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(mprotect(p, PAGE, RW));
		p[0] = 'b';
		_exit(p[0] != 'b');
	}
	EXPECT_EXIT(pid, 0);
	ASSERT_OK(mprotect(p, PAGE, RW));
	EXPECT_EQ(p[0], 'a');
}

TEST(the_kernel_respects_the_rights_too)
{
	char *p = map_pages(1, PROT_READ);
	int fd[2];

	ASSERT_OK(pipe(fd));
	EXPECT_EQ(write(fd[1], p, 10), 10);
	EXPECT_ERR(read(fd[0], p, 10), EFAULT);
	ASSERT_OK(mprotect(p, PAGE, PROT_NONE));
	EXPECT_ERR(write(fd[1], p, 10), EFAULT);
}

#define ARENA 40

TEST_LIMIT(random_rights_agree_with_a_model, 60)
{
	static const int prots[] = { PROT_NONE, PROT_READ, RW, RX };
	int model[ARENA];
	char *p = map_pages(ARENA, RW);

	catch_faults();
	for (int i = 0; i < ARENA; i++) {
		p[i * PAGE] = (char)0xc3;
		model[i] = RW;
	}
	for (int n = 0; n < 1500; n++) {
		int first = rnd_below(ARENA), count = 1 + rnd_below(ARENA - first);
		int prot = prots[rnd_below(4)];

		ASSERT_OK(mprotect(p + first * PAGE, count * PAGE, prot));
		for (int i = first; i < first + count; i++)
			model[i] = prot;
		for (int k = 0; k < 6; k++) {
			int i = rnd_below(ARENA);
			char *at = p + i * PAGE;

			EXPECT_EQ(read_faults(at), model[i] & PROT_READ ? 0 : SIGSEGV);
			EXPECT_EQ(write_faults(at + 8), model[i] & PROT_WRITE ? 0 : SIGSEGV);
			EXPECT_EQ(call_faults(at), model[i] & PROT_EXEC ? 0 : SIGSEGV);
		}
	}
}
