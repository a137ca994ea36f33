/*
 * A program with two threads that dies of SIGSEGV with known values in a register, a variable and its frames:
 * test_coredump.py lets a gdb of the host look for them in its core.
 */
#include <pthread.h>
#include <unistd.h>

char said_in_core[] = "hello, post mortem";

__attribute__((noinline)) void crash_innermost(volatile long *p)
{
	__asm__ __volatile__("movq $0x5ca1ab1e, %%r15\n\t"
			     "movq $1, (%0)"
			     :
			     : "r"(p)
			     : "r15", "memory");
}

__attribute__((noinline)) void crash_outer(volatile long *p)
{
	crash_innermost(p);
	__asm__ __volatile__("");
}

static void *sleeper(void *arg)
{
	pause();
	return arg;
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, sleeper, NULL);
	usleep(100000);
	said_in_core[0] = 'H';
	crash_outer((void *)0x10);
	return 0;
}
