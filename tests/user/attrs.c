/*
 * attrs.c - what a file is besides its bytes: mode, owner, times, and who may do what with it.
 *
 * Rights are proven by a child that has become another user. See stat(2), chmod(2), chown(2), utimensat(2), access(2).
 */
#include "files.h"
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/vfs.h>

/* ---- attributes ---- */

TEST(stat_tells_the_truth)
{
	struct stat st, dir;
	struct statfs sf;

	enter();
	make_file("f", "12345", 5);
	ASSERT_OK(stat("f", &st));
	EXPECT_EQ(st.st_size, 5);
	EXPECT_EQ(st.st_nlink, 1);
	EXPECT_EQ(st.st_uid, geteuid());
	EXPECT(S_ISREG(st.st_mode));
	EXPECT_GT(st.st_blksize, 0);
	ASSERT_OK(stat(".", &dir));
	EXPECT_EQ(dir.st_dev, st.st_dev);
	EXPECT_NE(dir.st_ino, st.st_ino);
	EXPECT_ERR(stat("absent", &st), ENOENT);
	EXPECT_ERR(stat("f/x", &st), ENOTDIR);
	EXPECT_ERR(fstat(999, &st), EBADF);
	EXPECT_ERR(syscall(SYS_stat, "f", 8L), EFAULT);
	EXPECT_ERR(syscall(SYS_newfstatat, AT_FDCWD, "f", &st, 0x40000000), EINVAL);
	ASSERT_OK(syscall(SYS_newfstatat, open("f", O_RDONLY), "", &st, AT_EMPTY_PATH));
	EXPECT_EQ(st.st_size, 5);
	ASSERT_OK(statfs(".", &sf));
	EXPECT_GT(sf.f_bsize, 0);
	EXPECT_EQ(sf.f_namelen, 255);
	EXPECT_ERR(statfs("absent", &sf), ENOENT);
	EXPECT_OK(fstatfs(open("f", O_RDONLY), &sf));
}

struct statx_raw {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size, blocks, attributes_mask;
	uint64_t times[8];
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t spare[14];
};

TEST(statx_agrees_with_stat)
{
	struct statx_raw x;
	struct stat st;

	_Static_assert(sizeof(x) == 256, "statx");
	enter();
	make_file("f", "12345", 5);
	ASSERT_OK(symlink("f", "l"));
	ASSERT_OK(stat("f", &st));
	memset(&x, 0xff, sizeof(x));
	ASSERT_OK(syscall(SYS_statx, AT_FDCWD, "l", 0, 0x7ff, &x));
	EXPECT_EQ(x.mask & 0x7ff, 0x7ff);
	EXPECT_EQ(x.size, 5);
	EXPECT_EQ(x.ino, st.st_ino);
	EXPECT_EQ(x.mode, st.st_mode);
	EXPECT_EQ(x.nlink, 1);
	EXPECT_EQ(x.dev_major, major(st.st_dev));
	EXPECT_EQ(x.dev_minor, minor(st.st_dev));
	ASSERT_OK(syscall(SYS_statx, AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, 0x7ff, &x));
	EXPECT_EQ(x.mode & S_IFMT, S_IFLNK);
	EXPECT_ERR(syscall(SYS_statx, AT_FDCWD, "absent", 0, 0x7ff, &x), ENOENT);
	EXPECT_ERR(syscall(SYS_statx, AT_FDCWD, "f", 0x40000000, 0x7ff, &x), EINVAL);
	EXPECT_ERR(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x7ff, 8L), EFAULT);
}

TEST(chmod_and_umask)
{
	enter();
	make_file("f", "", 0);
	int fd = open("f", O_RDWR);

	ASSERT_OK(chmod("f", 06751));
	EXPECT_EQ(mode_of("f"), S_IFREG | 06751);
	ASSERT_OK(fchmod(fd, 0600));
	EXPECT_EQ(mode_of("f"), S_IFREG | 0600);
	ASSERT_OK(syscall(SYS_fchmodat, AT_FDCWD, "f", 0640));
	EXPECT_EQ(mode_of("f"), S_IFREG | 0640);
	EXPECT_EQ(umask(027), 022);
	EXPECT_EQ(umask(027), 027);
	ASSERT_OK(mkdir("d", 0777));
	EXPECT_EQ(mode_of("d"), S_IFDIR | 0750);
	close(open("g", O_CREAT | O_RDWR, 0666));
	EXPECT_EQ(mode_of("g"), S_IFREG | 0640);
	EXPECT_ERR(chmod("absent", 0), ENOENT);
	EXPECT_ERR(fchmod(999, 0), EBADF);
	ASSERT_OK(symlink("f", "l"));
	ASSERT_OK(chmod("l", 0604));
	EXPECT_EQ(mode_of("f"), S_IFREG | 0604);
}

TEST(chown_changes_owner_and_drops_set_id_bits)
{
	struct stat st;

	need_root();
	enter();
	make_file("f", "", 0);
	ASSERT_OK(symlink("f", "l"));
	ASSERT_OK(chmod("f", 06755));
	ASSERT_OK(chown("l", 1, 2));
	ASSERT_OK(stat("f", &st));
	EXPECT_EQ(st.st_uid, 1);
	EXPECT_EQ(st.st_gid, 2);
	EXPECT_EQ(st.st_mode, S_IFREG | 0755);
	ASSERT_OK(chown("f", -1, 3));
	ASSERT_OK(stat("f", &st));
	EXPECT_EQ(st.st_uid, 1);
	EXPECT_EQ(st.st_gid, 3);
	ASSERT_OK(lchown("l", 4, 5));
	ASSERT_OK(lstat("l", &st));
	EXPECT_EQ(st.st_uid, 4);
	ASSERT_OK(fchown(open("f", O_RDONLY), 6, -1));
	ASSERT_OK(fchownat(AT_FDCWD, "l", 7, 7, AT_SYMLINK_NOFOLLOW));
	ASSERT_OK(stat("f", &st));
	EXPECT_EQ(st.st_uid, 6);
	AS_NOBODY
	{
		EXPECT_ERR(chown("f", 65534, -1), EPERM);
		EXPECT_ERR(chmod("f", 0777), EPERM);
	}
}

TEST(times_of_files)
{
	struct timespec set[2] = { { 1000, 111 }, { 2000, 222 } };
	struct timespec omit[2] = { { 0, UTIME_OMIT }, { 0, UTIME_NOW } };
	struct stat st, later;

	enter();
	make_file("f", "", 0);
	ASSERT_OK(utimensat(AT_FDCWD, "f", set, 0));
	ASSERT_OK(stat("f", &st));
	EXPECT_EQ(st.st_atim.tv_sec, 1000);
	EXPECT_EQ(st.st_mtim.tv_sec, 2000);
	EXPECT_EQ(st.st_mtim.tv_nsec, 222);
	ASSERT_OK(utimensat(AT_FDCWD, "f", omit, 0));
	ASSERT_OK(stat("f", &later));
	EXPECT_EQ(later.st_atim.tv_sec, 1000);
	EXPECT_GT(later.st_mtim.tv_sec, 2000);
	ASSERT_OK(utimensat(AT_FDCWD, "f", set, 0));
	int fd = open("f", O_WRONLY);

	ASSERT_EQ(write(fd, "x", 1), 1);
	ASSERT_OK(stat("f", &later));
	EXPECT_GT(later.st_mtim.tv_sec, 2000);
	ASSERT_OK(utimensat(fd, NULL, NULL, 0));
	set[0].tv_nsec = 1000000000;
	EXPECT_ERR(utimensat(AT_FDCWD, "f", set, 0), EINVAL);
	EXPECT_ERR(utimensat(AT_FDCWD, "absent", NULL, 0), ENOENT);
	/* Nothing to set: nobody looks whether there is such a file. */
	omit[1].tv_nsec = UTIME_OMIT;
	EXPECT_OK(utimensat(AT_FDCWD, "absent", omit, 0));
	EXPECT_ERR(syscall(SYS_utimensat, fd, NULL, NULL, AT_SYMLINK_NOFOLLOW), EINVAL);
}

TEST(permissions_by_user)
{
	need_root();
	enter();
	ASSERT_OK(chmod(".", 0755));
	make_file("secret", "s", 1);
	ASSERT_OK(chmod("secret", 0600));
	make_file("readable", "r", 1);
	ASSERT_OK(mkdir("closed", 0700));
	make_file("closed/f", "", 0);
	ASSERT_OK(mkdir("noread", 0711));
	make_file("noread/f", "n", 1);
	ASSERT_OK(mkdir("nosearch", 0744));
	make_file("nosearch/f", "", 0);
	ASSERT_OK(mkdir("sticky", 01777));
	ASSERT_OK(chmod("sticky", 01777));
	make_file("sticky/f", "", 0);
	make_file("group", "g", 1);
	ASSERT_OK(chown("group", 0, 65534));
	ASSERT_OK(chmod("group", 0640));
	make_file("none", "n", 1);
	ASSERT_OK(chmod("none", 0));
	EXPECT_OK(close(open("none", O_RDWR))); /* root may */
	EXPECT_OK(access("none", R_OK | W_OK));
	EXPECT_ERR(access("none", X_OK), EACCES);
	AS_NOBODY
	{
		EXPECT_ERR(open("secret", O_RDONLY), EACCES);
		EXPECT_OK(close(open("readable", O_RDONLY)));
		EXPECT_ERR(open("readable", O_WRONLY), EACCES);
		EXPECT_ERR(open("readable", O_RDONLY | O_TRUNC), EACCES);
		EXPECT_ERR(truncate("readable", 0), EACCES);
		EXPECT_ERR(open("new", O_CREAT | O_RDWR, 0600), EACCES);
		EXPECT_ERR(mkdir("new", 0700), EACCES);
		EXPECT_ERR(symlink("x", "new"), EACCES);
		EXPECT_ERR(unlink("readable"), EACCES);
		EXPECT_ERR(rename("readable", "x"), EACCES);
		EXPECT_ERR(rmdir("closed"), EACCES);
		EXPECT_ERR(open("closed/f", O_RDONLY), EACCES);
		EXPECT_ERR(open("closed", O_RDONLY), EACCES);
		EXPECT_ERR(chdir("closed"), EACCES);
		EXPECT_STR(read_text("noread/f"), "n");
		EXPECT_ERR(open("noread", O_RDONLY), EACCES);
		EXPECT_ERR(open("nosearch/f", O_RDONLY), EACCES);
		EXPECT_OK(close(open("nosearch", O_RDONLY)));
		EXPECT_ERR(unlink("sticky/f"), EPERM);
		EXPECT_OK(close(open("sticky/mine", O_CREAT | O_RDWR, 0600)));
		EXPECT_OK(unlink("sticky/mine"));
		EXPECT_STR(read_text("group"), "g");
		EXPECT_ERR(open("group", O_RDWR), EACCES);
		EXPECT_ERR(access("secret", R_OK), EACCES);
		EXPECT_OK(access("readable", R_OK));
		EXPECT_OK(access("secret", F_OK));
		EXPECT_ERR(access("readable", 99), EINVAL);
		EXPECT_ERR(mknod("sticky/dev", S_IFCHR | 0600, makedev(1, 3)), EPERM);
	}
}

TEST(access_uses_the_real_and_faccessat2_the_effective_user)
{
	need_root();
	enter();
	ASSERT_OK(chmod(".", 0755));
	make_file("secret", "", 0);
	ASSERT_OK(chmod("secret", 0600));
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(syscall(SYS_setresuid, 65534, 0, 0));
		EXPECT_ERR(access("secret", R_OK), EACCES);
		EXPECT_OK(syscall(SYS_faccessat2, AT_FDCWD, "secret", R_OK, AT_EACCESS));
		EXPECT_OK(close(open("secret", O_RDONLY)));
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(set_group_id_directories_hand_their_group_down)
{
	struct stat st;

	need_root();
	enter();
	ASSERT_OK(mkdir("d", 0755));
	ASSERT_OK(chown("d", 0, 77));
	ASSERT_OK(chmod("d", 02755));
	make_file("d/f", "", 0);
	ASSERT_OK(mkdir("d/e", 0755));
	ASSERT_OK(stat("d/f", &st));
	EXPECT_EQ(st.st_gid, 77);
	ASSERT_OK(stat("d/e", &st));
	EXPECT_EQ(st.st_gid, 77);
	EXPECT_EQ(st.st_mode & 02000, 02000);
}
