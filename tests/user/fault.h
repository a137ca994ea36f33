/*
 * fault.h - touch memory that may fault, and learn what the kernel said about it.
 *
 * catch_faults() once, then read_faults(p) / write_faults(p) / call_faults(p) return 0 or the
 * signal's number; `fault` holds the siginfo and the registers of the last one.  The handler
 * leaves by siglongjmp, so it works with a blocked or an alternate stack as well.
 */
#ifndef TESTS_USER_FAULT_H
#define TESTS_USER_FAULT_H

#include "test.h"
#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf fault_return;
static volatile struct {
	int sig, code;
	volatile void *addr;
	greg_t rip, err, trapno, cr2;
} fault;

static unused void fault_handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	fault.sig = sig;
	fault.code = info->si_code;
	fault.addr = info->si_addr;
	fault.rip = uc->uc_mcontext.gregs[REG_RIP];
	fault.err = uc->uc_mcontext.gregs[REG_ERR];
	fault.trapno = uc->uc_mcontext.gregs[REG_TRAPNO];
	fault.cr2 = uc->uc_mcontext.gregs[REG_CR2];
	siglongjmp(fault_return, 1);
}

static unused void catch_faults(void)
{
	struct sigaction sa = { .sa_sigaction = fault_handler,
				.sa_flags = SA_SIGINFO | SA_ONSTACK };
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };

	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
}

static unused int __attribute__((noinline)) read_faults(const volatile void *p)
{
	fault.sig = 0;
	if (!sigsetjmp(fault_return, 1))
		(void)*(const volatile char *)p;
	return fault.sig;
}

static unused int __attribute__((noinline)) write_faults(volatile void *p)
{
	fault.sig = 0;
	if (!sigsetjmp(fault_return, 1))
		*(volatile char *)p = 0x5a;
	return fault.sig;
}

static unused int __attribute__((noinline)) call_faults(const void *p)
{
	fault.sig = 0;
	if (!sigsetjmp(fault_return, 1))
		((void (*)(void))(uintptr_t)p)();
	return fault.sig;
}

#endif
