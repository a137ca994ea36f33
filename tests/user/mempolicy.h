/*
 * mempolicy.h - the system calls of memory policy (musl has no wrappers), and what both suites about it look at.
 */
#ifndef TESTS_USER_MEMPOLICY_H
#define TESTS_USER_MEMPOLICY_H

#include "tests/user/test.h"

#include <sys/mman.h>
#include <sys/syscall.h>

enum { MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE, MPOL_LOCAL, MPOL_PREFERRED_MANY };
#define MPOL_F_STATIC_NODES   (1 << 15)
#define MPOL_F_RELATIVE_NODES (1 << 14)

#define MPOL_F_NODE	    (1 << 0)
#define MPOL_F_ADDR	    (1 << 1)
#define MPOL_F_MEMS_ALLOWED (1 << 2)

#define MPOL_MF_STRICT	 (1 << 0)
#define MPOL_MF_MOVE	 (1 << 1)
#define MPOL_MF_MOVE_ALL (1 << 2)

#define SYS_home_node 450
/* Room for the masks of a Linux with a thousand nodes. */
#define MASK_WORDS 16
#define MAXNODE	   (MASK_WORDS * 64 + 1)

typedef unsigned long word;
typedef struct {
	word w[MASK_WORDS];
} mask;

static unused mask one_node(int n)
{
	mask m = { { 0 } };

	m.w[n / 64] = 1UL << n % 64;
	return m;
}

static unused mask low_nodes(word bits)
{
	mask m = { { bits } };

	return m;
}

static unused long set_mempolicy(int mode, mask m)
{
	return syscall(SYS_set_mempolicy, mode, m.w, MAXNODE);
}

static unused long mbind(void *addr, size_t len, int mode, mask m, unsigned int flags)
{
	return syscall(SYS_mbind, addr, len, mode, m.w, MAXNODE, flags);
}

/* The mode of the policy at addr (NULL: the task's) with its flags, -errno; *bits gets nodes 0 to 63. */
static unused int policy_at(void *addr, word *bits)
{
	mask m = low_nodes(0);
	int mode = -1;

	if (syscall(SYS_get_mempolicy, &mode, m.w, MAXNODE, addr, addr ? MPOL_F_ADDR : 0))
		return -errno;
	if (bits)
		*bits = m.w[0];
	return mode;
}

/* Nodes with memory, as bits. */
static unused word nodes_allowed(void)
{
	mask m = low_nodes(0);

	if (syscall(SYS_get_mempolicy, NULL, m.w, MAXNODE, NULL, MPOL_F_MEMS_ALLOWED))
		return 0;
	return m.w[0];
}

/* The node of the page at addr, or -errno. */
static unused int node_of(void *addr)
{
	int status = -1000;

	if (syscall(SYS_move_pages, 0, 1UL, &addr, NULL, &status, 0))
		return -errno - 2000;
	return status;
}

/* A machine or a container may refuse all of this. */
static unused void need_policies(void)
{
	int mode;

	if (syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) &&
	    (errno == ENOSYS || errno == EPERM))
		skip("no memory policies here");
}

static unused char *map_anon(size_t pages, int flags)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	return p;
}

/*
 * Pages between two pages without access, so that no other area merges with them. Not a multiple of a huge page, which Linux
 * would fill at one touch.
 */
static unused char *map_alone(size_t pages, int flags)
{
	char *p = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(p, MAP_FAILED);
	ASSERT_EQ(mmap(p + PAGE, pages * PAGE, PROT_READ | PROT_WRITE,
		       MAP_ANONYMOUS | MAP_FIXED | flags, -1, 0),
		  p + PAGE);
	return p + PAGE;
}

static unused void touch(char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		((volatile char *)p)[i * PAGE] = 1;
}

/* A new file of this many pages in shared memory: memfd, else a file of a machine where every file is tmpfs. */
static unused int shmem_file(size_t pages)
{
	int fd = memfd_create("policy", 0);

	if (fd < 0) {
		test_dir();
		fd = open("policy", O_RDWR | O_CREAT, 0600);
	}
	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, pages * PAGE));
	return fd;
}

/* The line of numa_maps whose area begins at addr, or NULL. The text is reused. */
static unused char *numa_line(const void *addr)
{
	char *line = read_text("/proc/self/numa_maps"), *end;

	for (; line && *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			return NULL;
		if (strtoul(line, NULL, 16) == (word)addr) {
			*end = 0;
			return line;
		}
	}
	return NULL;
}

/* What numa_maps says of the policy of the area that begins at addr; "" without such an area. */
static unused const char *numa_policy(const void *addr)
{
	static char text[64];
	char *line = numa_line(addr), *at = line ? strchr(line, ' ') : NULL;
	size_t n;

	if (!at)
		return "";
	n = strcspn(at + 1, " ");
	snprintf(text, sizeof(text), "%.*s", (int)n, at + 1);
	return text;
}

/* The number behind " name=" in a line of numa_maps; 0 if it is not there. */
static unused long numa_value(const char *line, const char *name)
{
	char key[32];
	const char *at;

	snprintf(key, sizeof(key), " %s=", name);
	at = line ? strstr(line, key) : NULL;
	return at ? strtol(at + strlen(key), NULL, 10) : 0;
}

#endif
