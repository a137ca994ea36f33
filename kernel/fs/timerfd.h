/*
 * What the clock calls for timerfd (kernel/fs/timerfd.c).
 *
 * Mirrors Linux include/linux/timerfd.h. Exercised by tests/user/eventfds.c.
 */
#pragma once

/* The wall clock jumped: timers set to a moment of it move, and those that asked are cancelled. => process context */
void timerfd_clock_was_set(void);
