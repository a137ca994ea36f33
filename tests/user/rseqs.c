/*
 * rseqs.c - restartable sequences: a thread knows its CPU, and what it does there is done there or begun again.
 *
 * The C library of these programs (musl) leaves rseq alone, so each test registers a struct of its own. A critical
 * section is read-modify-write without a lock prefix, with a delay in the middle: whoever is not sent back when he
 * loses his CPU loses a count.
 */
#include "test.h"
#include "threads.h"
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#ifndef SYS_rseq
#define SYS_rseq 334
#endif
#define SIG	0x53053053
#define STR2(x) #x
#define STR(x)	STR2(x)

struct rseq_area {
	uint32_t cpu_id_start, cpu_id;
	uint64_t rseq_cs;
	uint32_t flags, node_id, mm_cid, pad;
} __attribute__((aligned(32)));

struct rseq_cs {
	uint32_t version, flags;
	uint64_t start_ip, post_commit_offset, abort_ip;
} __attribute__((aligned(32)));

static __thread struct rseq_area area;

static int rseq(struct rseq_area *a, uint32_t len, int flags, uint32_t sig)
{
	return syscall(SYS_rseq, a, len, flags, sig);
}

static void need_rseq(void)
{
	if (rseq(&area, 32, 0, SIG) && errno == ENOSYS)
		skip("no rseq here");
}

static unsigned int my_cpu(void)
{
	unsigned int cpu = -1;

	syscall(SYS_getcpu, &cpu, NULL, NULL);
	return cpu;
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ASSERT_OK(sched_setaffinity(0, sizeof(set), &set));
}

/*
 * Adds 1 to *count with @delay turns between the load and the store, if this still is @cpu. 0: done; 1: sent back to the
 * beginning; 2: another CPU.
 */
static int add_on_cpu(unsigned int cpu, volatile long *count, long delay)
{
	int result;

	__asm__ __volatile__(".pushsection rseq_descriptors, \"aw\"\n\t"
			     ".balign 32\n"
			     "3:	.long 0, 0\n\t"
			     ".quad 1f, 2f - 1f, 4f\n\t"
			     ".popsection\n\t"
			     "leaq 3b(%%rip), %%rax\n\t"
			     "movq %%rax, %[cs]\n"
			     "1:	movl $2, %[result]\n\t"
			     "cmpl %[cpu], %[cpu_id]\n\t"
			     "jne 2f\n\t"
			     "movq %[count], %%rax\n\t"
			     "incq %%rax\n\t"
			     "movq %[delay], %%rcx\n"
			     "5:	subq $1, %%rcx\n\t"
			     "jns 5b\n\t"
			     "xorl %[result], %[result]\n\t"
			     "movq %%rax, %[count]\n"
			     "2:	jmp 6f\n\t"
			     ".byte 0x0f, 0xb9, 0x3d\n\t"
			     ".long " STR(SIG) "\n"
					       "4:	movl $1, %[result]\n"
					       "6:"
			     : [result] "=&r"(result), [cs] "=m"(area.rseq_cs), [count] "+m"(*count)
			     : [cpu] "r"(cpu), [cpu_id] "m"(area.cpu_id), [delay] "r"(delay)
			     : "rax", "rcx", "memory", "cc");
	return result;
}

TEST(the_cpu_follows_the_thread)
{
	cpu_set_t mine;

	need_rseq();
	EXPECT_EQ(area.cpu_id_start, area.cpu_id);
	ASSERT_OK(sched_getaffinity(0, sizeof(mine), &mine));
	for (int round = 0; round < 20; round++)
		for (int cpu = 0; cpu < 16; cpu++) {
			if (!CPU_ISSET(cpu, &mine))
				continue;
			run_on(cpu);
			EXPECT_EQ(area.cpu_id, cpu);
			EXPECT_EQ(area.cpu_id_start, cpu);
			EXPECT_EQ(my_cpu(), cpu);
		}
	EXPECT_OK(rseq(&area, 32, 1, SIG));
	EXPECT_EQ(area.cpu_id, (uint32_t)-1);
	EXPECT_EQ(area.cpu_id_start, 0);
}

TEST(the_auxiliary_vector_says_what_is_filled_in)
{
	need_rseq();
	if (on_quire()) {
		EXPECT_EQ(getauxval(27), 24);
		EXPECT_EQ(getauxval(28), 32);
	} else if (getauxval(27)) {
		EXPECT_GE(getauxval(27), 20);
	}
}

TEST(registration_is_refused_with_the_right_errno)
{
	struct rseq_area other = { 0 };

	need_rseq();
	EXPECT_ERR(rseq(&area, 32, 0, SIG), EBUSY);
	EXPECT_ERR(rseq(&area, 32, 0, SIG + 1), EPERM);
	EXPECT_ERR(rseq(&other, 32, 0, SIG), EINVAL);
	EXPECT_ERR(rseq(&area, 32, 2, SIG), EINVAL);
	EXPECT_ERR(rseq(&area, 32, 3, SIG), EINVAL);
	EXPECT_ERR(rseq(&other, 32, 1, SIG), EINVAL);
	EXPECT_ERR(rseq(&area, 64, 1, SIG), EINVAL);
	EXPECT_ERR(rseq(&area, 32, 1, SIG + 1), EPERM);
	EXPECT_OK(rseq(&area, 32, 1, SIG));
	EXPECT_ERR(rseq(&area, 32, 1, SIG), EINVAL);
	EXPECT_ERR(rseq(&area, 16, 0, SIG), EINVAL);
	EXPECT_ERR(rseq((void *)((char *)&area + 8), 32, 0, SIG), EINVAL);
	EXPECT_ERR(rseq((void *)0xffff800000000000, 32, 0, SIG), EFAULT);
	EXPECT_OK(rseq(&area, 32, 0, SIG));
}

/* ---- aborts ---- */

static volatile long handled;

static void count_handler(int sig unused)
{
	handled++;
}

TEST(a_signal_sends_the_section_back)
{
	struct sigaction sa = { .sa_handler = count_handler };
	struct itimerval_ {
		long v[4];
	} soon = { { 0, 0, 0, 20000 } };
	long count = 0;

	need_rseq();
	sigaction(SIGALRM, &sa, NULL);
	ASSERT_OK(syscall(SYS_setitimer, 0, &soon, NULL));
	/* It never ends by itself: only the abort leads out. */
	while (!handled) {
		int r = add_on_cpu(area.cpu_id_start, &count, 1L << 62);

		ASSERT_NE(r, 0);
	}
	EXPECT_EQ(count, 0);
	EXPECT_EQ(area.rseq_cs, 0);
	run_on(my_cpu());
	EXPECT_EQ(add_on_cpu(area.cpu_id_start, &count, 0) == 0, count == 1);
}

TEST(losing_the_cpu_sends_the_section_back)
{
	long count = 0, aborts = 0;
	pid_t other;

	need_rseq();
	run_on(my_cpu());
	other = fork();
	if (!other)
		for (;;)
			;
	while (aborts < 3)
		aborts += add_on_cpu(area.cpu_id_start, &count, 1L << 62) == 1;
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	EXPECT_EQ(count, 0);
}

#define PER_CPU 2000
static struct {
	volatile long n;
	long pad[7];
} per_cpu[64];
static long wanted;

static void *count_with_rseq(void *arg)
{
	uint64_t x = test_seed + (long)arg * 77777 + 1;

	if (rseq(&area, 32, 0, SIG))
		test_fail();
	for (int done = 0; done < PER_CPU;) {
		unsigned int cpu = *(volatile uint32_t *)&area.cpu_id_start;

		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		if (!add_on_cpu(cpu, &per_cpu[cpu % 64].n, x >> 54))
			done++;
		if (!(x >> 60))
			sched_yield();
	}
	__atomic_add_fetch(&wanted, PER_CPU, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Threads that share CPUs: without aborts, a load before a switch and a store after it would lose counts. */
TEST_LIMIT(counters_of_cpus_lose_nothing, 60)
{
	long sum = 0;

	need_rseq();
	start_all(count_with_rseq);
	join_all();
	for (int i = 0; i < 64; i++)
		sum += per_cpu[i].n;
	EXPECT_EQ(sum, wanted);
	EXPECT_EQ(sum, (long)THREADS * PER_CPU);
}

/* ---- what is wrong ends the program ---- */

static struct rseq_cs bad_cs;

/* The child goes through the kernel with the descriptor set: it must die of SIGSEGV, or live if @lives. */
static void run_bad(uint64_t ptr, int lives)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		area.rseq_cs = ptr;
		for (int i = 0; i < 3; i++) {
			struct timespec_ {
				long s, ns;
			} t = { 0, 1000000 };

			syscall(SYS_nanosleep, &t, NULL);
			sched_yield();
		}
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	if (lives)
		EXPECT_EQ(status, 0);
	else
		EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static const uint32_t no_signature[16], signature[16] = { SIG, SIG, SIG, SIG };

TEST(bad_descriptors_are_a_segmentation_fault)
{
	need_rseq();
	bad_cs = (struct rseq_cs){ 0, 0, 0x10000, 16, (uintptr_t)&no_signature[2] };
	run_bad((uintptr_t)&bad_cs, 0);
	bad_cs.abort_ip = (uintptr_t)&signature[2];
	run_bad((uintptr_t)&bad_cs, 1);
	bad_cs.version = 1;
	run_bad((uintptr_t)&bad_cs, 0);
	bad_cs.version = 0;
	bad_cs.start_ip = bad_cs.abort_ip - 4; /* it would abort into itself */
	run_bad((uintptr_t)&bad_cs, 0);
	bad_cs.start_ip = ~0UL << 40;
	run_bad((uintptr_t)&bad_cs, 0);
	run_bad(8, 0);
	run_bad(0xffff888000000000, 0);
}

TEST(memory_that_is_gone_is_a_segmentation_fault)
{
	struct rseq_area *a;
	pid_t pid = fork();
	int status;

	if (!pid) {
		a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (rseq(a, 32, 0, SIG))
			_exit(9);
		munmap(a, PAGE);
		for (int i = 0; i < 100; i++)
			usleep(1000);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 9)
		skip("no rseq here");
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* ---- life ---- */

HELPER(fresh)
{
	return rseq(&area, 32, 0, SIG) ? errno : 0;
}

static void *thread_registers(void *arg unused)
{
	return (void *)(long)rseq(&area, 32, 1, SIG);
}

TEST(fork_keeps_it_threads_and_exec_do_not)
{
	pthread_t t;
	void *ret;
	pid_t pid;
	int status;

	need_rseq();
	pid = fork();
	if (!pid) {
		run_on(my_cpu());
		_exit(area.cpu_id == my_cpu() && rseq(&area, 32, 0, SIG) && errno == EBUSY ? 0 : 1);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	/* The new thread has none to give back. */
	ASSERT_EQ(pthread_create(&t, NULL, thread_registers, NULL), 0);
	ASSERT_EQ(pthread_join(t, &ret), 0);
	EXPECT_EQ((long)ret, -1);
	pid = fork();
	if (!pid)
		exec_helper("fresh", NULL);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}
