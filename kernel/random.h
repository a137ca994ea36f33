/*
 * Random bytes: getrandom(2), /dev/urandom, AT_RANDOM, address layout.
 *
 * Mirrors Linux include/linux/random.h, drivers/char/random.c. Exercised by tests/user/exec.c.
 */
#pragma once

#include "lib/types.h"

/* => any context */
void get_random_bytes(void *buf, size_t len);
u64 get_random_u64(void);
static inline u32 get_random_u32(void)
{
	return get_random_u64();
}
#define get_random_long() ((unsigned long)get_random_u64())
/* Stirs in what varies from machine to machine or time to time; it is never trusted to be secret. */
void add_device_randomness(const void *buf, size_t len);
