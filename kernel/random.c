/*
 * The random number generator.
 *
 * 1. ChaCha with eight rounds turns a key of 32 bytes into a stream. Each refill overwrites the key with the first 32 bytes of
 *    its own output, so a key that leaks later tells nothing about bytes that were handed out (fast key erasure).
 * 2. Each CPU has a key and a batch of 224 bytes; a small request is a copy from the batch. Bytes are erased as they are taken.
 * 3. Seed: the processor's generator (RDRAND) where there is one, the time stamp counter, read many times, and whatever
 *    add_device_randomness() got. A CPU stirs the counter in again every 64 refills.
 *
 * Without RDRAND on a machine as deterministic as QEMU with icount, the numbers repeat from boot to boot.
 *
 * Locks: per-CPU state, interrupts off; pool_lock for the common seed. Facts: RFC 8439 for the round function. Mirrors
 * Linux drivers/char/random.c. Exercised by tests/user/exec.c.
 */
#include "kernel/random.h"

#include "arch/x86/cpu.h"
#include "arch/x86/cpufeature.h"
#include "arch/x86/irqflags.h"
#include "arch/x86/tsc.h"
#include "arch/x86/uaccess.h"
#include "kernel/percpu.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "kernel/spinlock.h"
#include "kernel/syscall.h"
#include "lib/errno.h"
#include "lib/string.h"

#define CHACHA_ROUNDS  8
#define KEY_WORDS      8
#define BATCH_BLOCKS   4
#define BATCH_BYTES    (BATCH_BLOCKS * 64)
#define RESEED_REFILLS 64

struct rng {
	u32 key[KEY_WORDS];
	unsigned int refills;
	unsigned int pos; /* next byte of batch; BATCH_BYTES: empty */
	u8 batch[BATCH_BYTES] __aligned(8);
	bool seeded;
};

static DEFINE_PER_CPU(struct rng, cpu_rng);
static DEFINE_SPINLOCK(pool_lock);
static u32 pool_key[KEY_WORDS];
static bool pool_seeded;

static __always_inline u32 rotl(u32 x, int n)
{
	return x << n | x >> (32 - n);
}

#define QUARTER(a, b, c, d)                  \
	do {                                 \
		a += b, d = rotl(d ^ a, 16); \
		c += d, b = rotl(b ^ c, 12); \
		a += b, d = rotl(d ^ a, 8);  \
		c += d, b = rotl(b ^ c, 7);  \
	} while (0)

static void chacha_block(const u32 key[KEY_WORDS], u64 counter, u32 out[16])
{
	u32 in[16] = { 0x61707865, 0x3320646e,	  0x79622d32, 0x6b206574, key[0], key[1],
		       key[2],	   key[3],	  key[4],     key[5],	  key[6], key[7],
		       counter,	   counter >> 32, 0,	      0 };

	memcpy(out, in, sizeof(in));
	for (int i = 0; i < CHACHA_ROUNDS; i += 2) {
		QUARTER(out[0], out[4], out[8], out[12]);
		QUARTER(out[1], out[5], out[9], out[13]);
		QUARTER(out[2], out[6], out[10], out[14]);
		QUARTER(out[3], out[7], out[11], out[15]);
		QUARTER(out[0], out[5], out[10], out[15]);
		QUARTER(out[1], out[6], out[11], out[12]);
		QUARTER(out[2], out[7], out[8], out[13]);
		QUARTER(out[3], out[4], out[9], out[14]);
	}
	for (int i = 0; i < 16; i++)
		out[i] += in[i];
}

/* key = first half of the block made from (key xor data). */
static void mix(u32 key[KEY_WORDS], const u32 data[KEY_WORDS])
{
	u32 block[16];

	for (int i = 0; i < KEY_WORDS; i++)
		key[i] ^= data[i];
	chacha_block(key, ~0ULL, block);
	memcpy(key, block, KEY_WORDS * sizeof(u32));
}

static bool rdrand(u64 *v)
{
	bool ok = false;

	for (int tries = 0; tries < 10 && !ok; tries++)
		__asm__ __volatile__("rdrand %0" : "=r"(*v), "=@ccc"(ok) : : "cc");
	return ok;
}

static void mix_hardware(u32 key[KEY_WORDS])
{
	u64 data[KEY_WORDS / 2];

	for (int i = 0; i < KEY_WORDS / 2; i++) {
		if (!boot_cpu_has(X86_FEATURE_RDRAND) || !rdrand(&data[i]))
			data[i] = 0;
		data[i] += rdtsc();
	}
	mix(key, (const u32 *)data);
}

void add_device_randomness(const void *buf, size_t len)
{
	const u8 *p = buf;

	guard(spinlock_irqsave)(&pool_lock);
	while (len) {
		u32 data[KEY_WORDS] = { 0 };
		size_t n = min(len, sizeof(data));

		memcpy(data, p, n);
		mix(pool_key, data);
		p += n;
		len -= n;
	}
}

/* => interrupts off */
static void seed_cpu(struct rng *rng)
{
	u32 id[KEY_WORDS] = { smp_processor_id() };

	guard(spinlock)(&pool_lock);
	if (!pool_seeded) {
		for (int i = 0; i < 16; i++)
			mix_hardware(pool_key);
		pool_seeded = true;
	}
	mix(pool_key, id);
	memcpy(rng->key, pool_key, sizeof(rng->key));
	mix(pool_key, id);
	mix_hardware(rng->key);
	rng->seeded = true;
}

/* => interrupts off */
static void refill(struct rng *rng)
{
	if (unlikely(!rng->seeded))
		seed_cpu(rng);
	else if (++rng->refills % RESEED_REFILLS == 0)
		mix_hardware(rng->key);
	for (int i = 0; i < BATCH_BLOCKS; i++)
		chacha_block(rng->key, i, (u32 *)(rng->batch + i * 64));
	memcpy(rng->key, rng->batch, sizeof(rng->key));
	memset(rng->batch, 0, sizeof(rng->key));
	rng->pos = sizeof(rng->key);
}

void get_random_bytes(void *buf, size_t len)
{
	u8 *p = buf;

	while (len) {
		unsigned long flags;
		struct rng *rng;
		size_t n;

		local_irq_save(flags);
		rng = this_cpu_ptr(&cpu_rng);
		if (!rng->pos || rng->pos == BATCH_BYTES)
			refill(rng);
		n = min(len, (size_t)BATCH_BYTES - rng->pos);
		memcpy(p, rng->batch + rng->pos, n);
		memset(rng->batch + rng->pos, 0, n);
		rng->pos += n;
		local_irq_restore(flags);
		p += n;
		len -= n;
	}
}

u64 get_random_u64(void)
{
	u64 v;

	get_random_bytes(&v, sizeof(v));
	return v;
}

#define GRND_NONBLOCK 1
#define GRND_RANDOM   2
#define GRND_INSECURE 4

static long sys_getrandom(char __user *ubuf, size_t len, unsigned int flags)
{
	size_t done = 0;
	u8 chunk[256];

	if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) ||
	    (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	len = min(len, (size_t)INT_MAX);
	while (done < len) {
		size_t n = min(len - done, sizeof(chunk));

		get_random_bytes(chunk, n);
		if (copy_to_user(ubuf + done, chunk, n))
			return done ? (long)done : -EFAULT;
		done += n;
		if (signal_pending(current))
			break;
		cond_resched();
	}
	memset(chunk, 0, sizeof(chunk));
	return done;
}
SYSCALL(318, getrandom);
