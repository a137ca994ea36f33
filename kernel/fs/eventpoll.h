/*
 * What the rest of the VFS calls for epoll (kernel/fs/eventpoll.c).
 *
 * Mirrors Linux include/linux/eventpoll.h. Exercised by tests/user/epolls.c.
 */
#pragma once

#include "kernel/fs/fs.h"

/* The last reference of a file goes: it leaves all sets it is in. => may sleep, no lock of an epoll file held */
void eventpoll_release(struct file *file);
