/*
 * xattrs.c - extended attributes on a file system that has none of its own: /proc, on Linux as here.
 */
#include "test.h"
#include <sys/xattr.h>

#define FILE_NAME "/proc/self/stat"

TEST(there_are_none)
{
	int fd = open(FILE_NAME, O_RDONLY);
	char buf[16];

	ASSERT_OK(fd);
	EXPECT_EQ(listxattr(FILE_NAME, buf, sizeof(buf)), 0);
	EXPECT_EQ(llistxattr(FILE_NAME, NULL, 0), 0);
	EXPECT_EQ(flistxattr(fd, buf, sizeof(buf)), 0);
	EXPECT_ERR(getxattr(FILE_NAME, "user.x", buf, sizeof(buf)), EOPNOTSUPP);
	EXPECT_ERR(lgetxattr(FILE_NAME, "user.x", buf, sizeof(buf)), EOPNOTSUPP);
	EXPECT_ERR(fgetxattr(fd, "user.x", buf, sizeof(buf)), EOPNOTSUPP);
}

TEST(bad_arguments_come_first)
{
	char buf[16], name[300];

	memset(name, 'x', sizeof(name));
	name[299] = 0;
	EXPECT_ERR(getxattr("/proc/self/none", "user.x", buf, 16), ENOENT);
	EXPECT_ERR(listxattr("/proc/self/none", buf, 16), ENOENT);
	EXPECT_ERR(fgetxattr(999, "user.x", buf, 16), EBADF);
	EXPECT_ERR(flistxattr(999, buf, 16), EBADF);
	EXPECT_ERR(getxattr(FILE_NAME, "", buf, 16), ERANGE);
	EXPECT_ERR(getxattr(FILE_NAME, name, buf, 16), ERANGE);
	EXPECT_ERR(getxattr(FILE_NAME, (void *)8, buf, 16), EFAULT);
	EXPECT_ERR(setxattr(FILE_NAME, "user.x", "1", 1, 8), EINVAL);
	EXPECT_ERR(setxattr(FILE_NAME, "user.x", "1", 65537, 0), E2BIG);
	EXPECT_ERR(fsetxattr(999, "user.x", "1", 1, 0), EBADF);
	EXPECT_ERR(fremovexattr(999, "user.x"), EBADF);
	EXPECT_ERR(removexattr("/proc/self/none", "user.x"), ENOENT);
}
