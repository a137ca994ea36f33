/*
 * Waiting by address: hashed wait queues for bits and variables.
 *
 * Queues are shared by whatever hashes alike, so each waiter's function compares the address and
 * the bit before it wakes. The cost is borne by waiters; an object that nobody waits for has no
 * queue at all.
 *
 * Mirrors Linux kernel/sched/wait_bit.c. Exercised by the locks suite.
 */
#include "kernel/sched.h"
#include "kernel/wait.h"

#define WAIT_TABLE_BITS 8

static wait_queue_head_t bit_wait_table[1 << WAIT_TABLE_BITS] __cacheline_aligned;

void __init wait_bit_init(void)
{
	for (int i = 0; i < ARRAY_SIZE(bit_wait_table); i++)
		init_waitqueue_head(&bit_wait_table[i]);
}

wait_queue_head_t *bit_waitqueue(void *word, int bit)
{
	unsigned long v = (unsigned long)word << 6 | (bit & 63);

	return &bit_wait_table[v * 0x61c8864680b583ebUL >> (64 - WAIT_TABLE_BITS)];
}

static bool bit_is_set(const struct wait_bit_key *key)
{
	const unsigned long *word = key->flags;

	return key->bit_nr >= 0 && __test_bit_acquire(word, key->bit_nr);
}

static int wake_bit_function(wait_queue_entry_t *e, unsigned int mode, int flags, void *arg)
{
	struct wait_bit_queue_entry *wbq = container_of(e, struct wait_bit_queue_entry, wq_entry);
	struct wait_bit_key *key = arg;

	if (!key || key->flags != wbq->key.flags || key->bit_nr != wbq->key.bit_nr ||
	    bit_is_set(key))
		return 0;
	return autoremove_wake_function(e, mode, flags, arg);
}

static void wake_key(void *word, int bit)
{
	struct wait_bit_key key = { word, bit };

	__wake_up(bit_waitqueue(word, bit), TASK_NORMAL, 1, &key);
}

void wake_up_bit(void *word, int bit)
{
	wake_key(word, bit);
}

void wake_up_var(void *var)
{
	wake_key(var, -1);
}

#define DEFINE_WAIT_BIT(name, word, bit)                                      \
	struct wait_bit_queue_entry name = {                                  \
		.key = { (word), (bit) },                                     \
		.wq_entry = { .private = current,                             \
			      .func = wake_bit_function,                      \
			      .entry = LIST_HEAD_INIT(name.wq_entry.entry) }, \
	}

/* Sleeps once, in the state already set. */
static int sleep_once(unsigned int mode, bool io, long *timeout)
{
	if (io)
		io_schedule();
	else
		*timeout = schedule_timeout(*timeout);
	if (signal_pending_state(mode, current))
		return -EINTR;
	return *timeout ? 0 : -EAGAIN;
}

int out_of_line_wait_on_bit(void *word, int bit, unsigned int mode, bool io, long timeout)
{
	wait_queue_head_t *wq = bit_waitqueue(word, bit);
	DEFINE_WAIT_BIT(wbq, word, bit);
	int ret = 0;

	might_sleep();
	do {
		prepare_to_wait(wq, &wbq.wq_entry, mode);
		if (bit_is_set(&wbq.key))
			ret = sleep_once(mode, io, &timeout);
	} while (bit_is_set(&wbq.key) && !ret);
	finish_wait(wq, &wbq.wq_entry);
	return bit_is_set(&wbq.key) ? ret : 0;
}

int out_of_line_wait_on_bit_lock(void *word, int bit, unsigned int mode, bool io)
{
	wait_queue_head_t *wq = bit_waitqueue(word, bit);
	unsigned long *w = (unsigned long *)word + bit / 64, mask = BIT(bit & 63);
	long forever = MAX_SCHEDULE_TIMEOUT;
	DEFINE_WAIT_BIT(wbq, word, bit);
	int ret = 0;

	might_sleep();
	for (;;) {
		prepare_to_wait_exclusive(wq, &wbq.wq_entry, mode);
		if (bit_is_set(&wbq.key))
			ret = sleep_once(mode, io, &forever);
		if (!(__atomic_fetch_or(w, mask, __ATOMIC_SEQ_CST) & mask)) {
			finish_wait(wq, &wbq.wq_entry);
			return 0;
		}
		if (ret) {
			finish_wait(wq, &wbq.wq_entry);
			/* A wake-up meant for one waiter may have come to us: pass it on. */
			wake_up_bit(word, bit);
			return ret;
		}
	}
}
