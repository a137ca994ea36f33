/*
 * threads.h - eight threads at once, and the bodies that most suites about threads want: one that spins, one that
 * sleeps. Builds with musl and with glibc.
 */
#ifndef TESTS_USER_THREADS_H
#define TESTS_USER_THREADS_H

#include "test.h"
#include <pthread.h>

#define THREADS 8

static pthread_t threads[THREADS];

static unused void start_all(void *(*body)(void *))
{
	for (long i = 0; i < THREADS; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, body, (void *)i), 0);
}

static unused void join_all(void)
{
	for (int i = 0; i < THREADS; i++)
		ASSERT_EQ(pthread_join(threads[i], NULL), 0);
}

static volatile int stop;
static volatile long spins[THREADS];

static unused void *spin(void *arg)
{
	while (!stop)
		spins[(long)arg]++;
	return NULL;
}

static unused void *sleep_long(void *arg unused)
{
	for (;;)
		sleep(100);
	return NULL;
}

static unused int count_tasks(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	int n = 0;

	ASSERT(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

#endif
