/*
 * names.c - names and directories: making, removing, linking and renaming, walking, listing; and the errno that the
 * manual pages promise.
 *
 * Everything happens in a fresh directory of the root file system (ext4, overlay, tmpfs: the tests
 * ask only for what all of them give). The last test drives random calls on a small tree and compares with a model.
 */
#include "files.h"
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

/* ---- names ---- */

TEST(mkdir_and_rmdir)
{
	enter();
	ASSERT_OK(mkdir("d", 0777));
	EXPECT_EQ(mode_of("d"), S_IFDIR | 0755);
	EXPECT_ERR(mkdir("d", 0777), EEXIST);
	EXPECT_ERR(mkdir(".", 0777), EEXIST);
	EXPECT_ERR(mkdir("x/y", 0777), ENOENT);
	EXPECT_ERR(mkdir(long_name, 0777), ENAMETOOLONG);
	make_file("f", "", 0);
	EXPECT_ERR(mkdir("f/x", 0777), ENOTDIR);
	EXPECT_ERR(mkdir("f", 0777), EEXIST);
	EXPECT_OK(mkdir("d/e/", 0777));
	EXPECT_ERR(rmdir("d"), ENOTEMPTY);
	EXPECT_ERR(rmdir("f"), ENOTDIR);
	EXPECT_ERR(rmdir("absent"), ENOENT);
	EXPECT_ERR(rmdir("d/."), EINVAL);
	EXPECT_ERR(rmdir("d/e/.."), ENOTEMPTY);
	EXPECT_OK(rmdir("d/e"));
	EXPECT_OK(rmdir("d"));
	EXPECT_EQ(mode_of("d"), -1);
	ASSERT_OK(mkdirat(AT_FDCWD, "g", 0700));
	EXPECT_ERR(unlinkat(AT_FDCWD, "g", 0), EISDIR);
	EXPECT_OK(unlinkat(AT_FDCWD, "g", AT_REMOVEDIR));
	EXPECT_ERR(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
	EXPECT_ERR(unlinkat(AT_FDCWD, "f", 0x8000), EINVAL);
}

TEST(unlink_removes_the_name_and_open_files_live_on)
{
	char buf[8];
	struct stat st;

	enter();
	make_file("f", "alive", 5);
	int fd = open("f", O_RDWR);

	ASSERT_OK(unlink("f"));
	EXPECT_ERR(open("f", O_RDONLY), ENOENT);
	EXPECT_EQ(read(fd, buf, 8), 5);
	EXPECT_EQ(write(fd, "more", 4), 4);
	ASSERT_OK(fstat(fd, &st));
	EXPECT_EQ(st.st_nlink, 0);
	EXPECT_EQ(st.st_size, 9);
	make_file("f", "x", 1);
	EXPECT_EQ(pread(fd, buf, 5, 0), 5);
	EXPECT(!memcmp(buf, "alive", 5));
	EXPECT_ERR(unlink("absent"), ENOENT);
	EXPECT_ERR(unlink("."), EISDIR);
	EXPECT_ERR(unlink("f/"), ENOTDIR);
	EXPECT_ERR(unlink("f/x"), ENOTDIR);
	EXPECT_ERR(unlink(""), ENOENT);
}

TEST(a_removed_working_directory)
{
	char buf[64];

	enter();
	ASSERT_OK(mkdir("d", 0755));
	ASSERT_OK(chdir("d"));
	ASSERT_OK(rmdir("../d"));
	EXPECT_ERR(open("f", O_CREAT | O_RDWR, 0600), ENOENT);
	EXPECT_ERR(mkdir("e", 0700), ENOENT);
	EXPECT_ERR(syscall(SYS_getcwd, buf, sizeof(buf)), ENOENT);
	EXPECT_OK(chdir(".."));
}

TEST(hard_links)
{
	enter();
	make_file("a", "1", 1);
	ASSERT_OK(link("a", "b"));
	EXPECT_EQ(links_of("a"), 2);
	EXPECT_EQ(inode_of("a"), inode_of("b"));
	make_file("b", "22", 2);
	EXPECT_EQ(size_of("a"), 2);
	EXPECT_ERR(link("a", "b"), EEXIST);
	EXPECT_ERR(link("absent", "c"), ENOENT);
	EXPECT_ERR(link("a", "x/c"), ENOENT);
	EXPECT_ERR(link("a", "b/c"), ENOTDIR);
	ASSERT_OK(mkdir("d", 0755));
	EXPECT_ERR(link("d", "e"), EPERM);
	ASSERT_OK(unlink("a"));
	EXPECT_EQ(links_of("b"), 1);
	EXPECT_EQ(links_of("d"), 2);
	ASSERT_OK(mkdir("d/sub", 0755));
	EXPECT_EQ(links_of("d"), 3);
}

TEST(symbolic_links)
{
	char buf[64], deep[16], to[16];

	enter();
	make_file("target", "text", 4);
	ASSERT_OK(symlink("target", "l"));
	EXPECT_EQ(mode_of("l") & S_IFMT, S_IFLNK);
	EXPECT_EQ(size_of("l"), 4);
	EXPECT_STR(read_text("l"), "text");
	EXPECT_EQ(readlink("l", buf, sizeof(buf)), 6);
	EXPECT(!memcmp(buf, "target", 6));
	EXPECT_EQ(readlink("l", buf, 3), 3);
	EXPECT_ERR(syscall(SYS_readlink, "l", buf, 0), EINVAL);
	EXPECT_ERR(readlink("target", buf, 8), EINVAL);
	EXPECT_ERR(readlink("absent", buf, 8), ENOENT);
	EXPECT_ERR(symlink("x", "l"), EEXIST);
	EXPECT_ERR(symlink("", "m"), ENOENT);
	ASSERT_OK(symlink("absent", "dangling"));
	EXPECT_ERR(open("dangling", O_RDONLY), ENOENT);
	EXPECT_ERR(open("dangling", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	close(open("dangling", O_CREAT | O_RDWR, 0600)); /* makes the target */
	EXPECT_EQ(mode_of("absent") & S_IFMT, S_IFREG);
	ASSERT_OK(symlink("loop2", "loop1"));
	ASSERT_OK(symlink("loop1", "loop2"));
	EXPECT_ERR(open("loop1", O_RDONLY), ELOOP);
	EXPECT_ERR(open("loop1/x", O_RDONLY), ELOOP);
	EXPECT_ERR(chdir("loop1"), ELOOP);
	EXPECT_OK(unlink("loop1"));
	/* Forty links in a row are followed, one more is too many. */
	make_file("n0", "end", 3);
	for (int i = 1; i <= 41; i++) {
		snprintf(deep, sizeof(deep), "n%d", i);
		snprintf(to, sizeof(to), "n%d", i - 1);
		ASSERT_OK(symlink(to, deep));
	}
	EXPECT_STR(read_text("n40"), "end");
	EXPECT_ERR(open("n41", O_RDONLY), ELOOP);
	/* In the middle of a path, absolute, and with dots. */
	ASSERT_OK(mkdir("d", 0755));
	make_file("d/f", "inner", 5);
	ASSERT_OK(symlink("./d/../d", "to-d"));
	EXPECT_STR(read_text("to-d/f"), "inner");
	ASSERT_OK(symlink("/", "root"));
	EXPECT_OK(close(open("root/.", O_RDONLY)));
	EXPECT_ERR(rmdir("to-d"), ENOTDIR);
}

TEST(rename_replaces_and_refuses)
{
	enter();
	make_file("a", "A", 1);
	make_file("b", "BB", 2);
	ino_t a = inode_of("a");

	ASSERT_OK(rename("a", "b"));
	EXPECT_EQ(inode_of("b"), a);
	EXPECT_EQ(mode_of("a"), -1);
	EXPECT_ERR(rename("a", "c"), ENOENT);
	ASSERT_OK(mkdir("d", 0755));
	ASSERT_OK(mkdir("e", 0755));
	make_file("e/f", "", 0);
	EXPECT_ERR(rename("b", "d"), EISDIR);
	EXPECT_ERR(rename("d", "b"), ENOTDIR);
	EXPECT_ERR(rename("d", "e"), ENOTEMPTY);
	EXPECT_ERR(rename("d", "d/inside"), EINVAL);
	EXPECT_ERR(rename("b", "absent/x"), ENOENT);
	EXPECT_ERR(rename("b", long_name), ENAMETOOLONG);
	EXPECT_OK(rename("e", "d")); /* an empty directory may be replaced */
	EXPECT_EQ(mode_of("d/f") & S_IFMT, S_IFREG);
	EXPECT_EQ(links_of("."), 3);
	ASSERT_OK(link("b", "same"));
	EXPECT_OK(rename("b", "same")); /* two names of one file: nothing happens */
	EXPECT_EQ(mode_of("b") & S_IFMT, S_IFREG);
	ASSERT_OK(mkdir("p", 0755));
	ASSERT_OK(mkdir("p/q", 0755));
	ASSERT_OK(rename("p/q", "q")); /* .. follows */
	EXPECT_EQ(inode_of("q/.."), inode_of("."));
	EXPECT_EQ(links_of("p"), 2);
	EXPECT_ERR(rename(".", "x"), EBUSY);
	if (syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "same", 1) == 0)
		test_fail();
	EXPECT_EQ(errno, EEXIST);
	EXPECT_ERR(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "z", 0x1000), EINVAL);
}

TEST(rename_is_seen_whole_by_another_process)
{
	enter();
	make_file("x", "x", 1);
	pid_t pid = test_fork();

	if (!pid) {
		for (int i = 0; i < 500; i++) {
			make_file("new", "y", 1);
			ASSERT_OK(rename("new", "x"));
		}
		_exit(0);
	}
	for (int i = 0; i < 500; i++) {
		int fd = open("x", O_RDONLY);

		EXPECT_OK(fd);
		close(fd);
	}
	EXPECT_EXIT(pid, 0);
}

/* ---- directories ---- */

struct dirent64_raw {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

TEST(getdents_lists_each_name_once)
{
	char name[32], seen[300] = "";
	_Alignas(8) char buf[512];
	int extra = 0, fd;
	long n;

	enter();
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "entry-%03d", i);
		make_file(name, "", 0);
	}
	ASSERT_OK(fd = open(".", O_RDONLY | O_DIRECTORY));
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			struct dirent64_raw *e = (void *)(buf + at);

			EXPECT_EQ(e->reclen % 8, 0);
			EXPECT_NE(e->ino, 0);
			if (!strncmp(e->name, "entry-", 6)) {
				EXPECT_EQ(seen[atoi(e->name + 6)]++, 0);
				EXPECT_EQ(e->type, DT_REG);
				if (!(atoi(e->name + 6) % 50))
					EXPECT_EQ(e->ino, inode_of(e->name));
			} else {
				EXPECT(!strcmp(e->name, ".") || !strcmp(e->name, ".."));
				EXPECT_EQ(e->type, DT_DIR);
				extra++;
			}
			at += e->reclen;
		}
	}
	EXPECT_EQ(n, 0);
	EXPECT_EQ(extra, 2);
	for (int i = 0; i < 300; i++)
		EXPECT_EQ(seen[i], 1);
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
	EXPECT_GT(syscall(SYS_getdents64, fd, buf, sizeof(buf)), 0);
	EXPECT_ERR(syscall(SYS_getdents64, fd, buf, 10), EINVAL);
	EXPECT_ERR(syscall(SYS_getdents64, 999, buf, 512), EBADF);
	int f = open("entry-000", O_RDONLY);

	EXPECT_ERR(syscall(SYS_getdents64, f, buf, 512), ENOTDIR);
}

TEST(names_that_stay_are_listed_once_while_others_go)
{
	char name[32], seen[100] = "";
	struct dirent *e;
	int n = 0;

	enter();
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		make_file(name, "", 0);
	}
	DIR *d = opendir(".");

	ASSERT(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] != 'e')
			continue;
		int i = atoi(e->d_name + 1);

		EXPECT_EQ(seen[i]++, 0);
		if (n++ % 3 == 0)
			EXPECT_OK(unlink(e->d_name)); /* the one just read */
	}
	closedir(d);
	EXPECT_EQ(n, 100);
}

TEST(chdir_getcwd_and_fchdir)
{
	char here[400], there[500], buf[500];

	enter();
	ASSERT(getcwd(here, sizeof(here)));
	ASSERT_OK(mkdir("d", 0755));
	ASSERT_OK(symlink("d", "l"));
	ASSERT_OK(chdir("l"));
	ASSERT(getcwd(there, sizeof(there)));
	snprintf(buf, sizeof(buf), "%s/d", here);
	EXPECT_STR(there, buf);
	EXPECT_OK(chdir("../d/./../."));
	EXPECT_STR(getcwd(buf, sizeof(buf)), here);
	EXPECT_ERR(syscall(SYS_getcwd, buf, 2), ERANGE);
	make_file("f", "", 0);
	EXPECT_ERR(chdir("f"), ENOTDIR);
	EXPECT_ERR(chdir("absent"), ENOENT);
	int fd = open("d", O_RDONLY), f = open("f", O_RDONLY);

	ASSERT_OK(fchdir(fd));
	EXPECT_STR(getcwd(buf, sizeof(buf)), there);
	EXPECT_ERR(fchdir(f), ENOTDIR);
	EXPECT_ERR(fchdir(999), EBADF);
	ASSERT_OK(chdir("/"));
	EXPECT_STR(getcwd(buf, sizeof(buf)), "/");
	EXPECT_OK(chdir("../.."));
	EXPECT_STR(getcwd(buf, sizeof(buf)), "/");
}

TEST(chroot_closes_the_way_up)
{
	char buf[64];

	need_root();
	enter();
	ASSERT_OK(mkdir("jail", 0755));
	make_file("jail/inside", "in", 2);
	pid_t pid = test_fork();

	if (!pid) {
		ASSERT_OK(chroot("jail"));
		ASSERT_OK(chdir("/"));
		EXPECT_STR(read_text("/inside"), "in");
		EXPECT_STR(read_text("/../../inside"), "in");
		EXPECT_STR(getcwd(buf, sizeof(buf)), "/");
		EXPECT_ERR(open("/proc/self/exe", O_RDONLY), ENOENT);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	AS_NOBODY
	EXPECT_ERR(chroot("jail"), EPERM);
}

/* ---- the model: names in one directory, each absent, a file with a size, or a directory ---- */

enum { NAMES = 12 };

static struct {
	char kind;
	int size, target;
} tree[NAMES];

static const char *name_of(int i)
{
	static char names[4][8];
	static int next;
	char *s = names[next++ & 3];

	snprintf(s, 8, "n%d", i);
	return s;
}

static void model_matches(int i)
{
	struct stat st;
	int r = lstat(name_of(i), &st);

	if (tree[i].kind == 0) {
		EXPECT_EQ(r, -1);
		return;
	}
	EXPECT_EQ(r, 0);
	EXPECT_EQ(S_ISDIR(st.st_mode), tree[i].kind == 'd');
	if (tree[i].kind == 'f')
		EXPECT_EQ(st.st_size, tree[i].size);
}

/* Is there a mount at this place? */
static int mounted(const char *place)
{
	char line[80];

	snprintf(line, sizeof(line), " %s ", place);
	return strstr(read_text("/proc/self/mounts"), line) != NULL;
}

TEST(a_mount_goes_with_the_process_it_stands_on)
{
	char dir[32], task[40];
	int fd, i;

	need_root();
	if (unshare(CLONE_NEWNS) && errno != ENOSYS)
		skip("no mounts allowed here");
	pid_t pid = test_fork();

	if (!pid)
		for (;;)
			pause();
	snprintf(dir, sizeof(dir), "/proc/%d", pid);
	snprintf(task, sizeof(task), "/proc/%d/task/%d", pid, pid);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	ASSERT_OK(fd);
	ASSERT_OK(fchdir(fd));
	if (mount("none", task, "tmpfs", 0, NULL) && errno == EPERM) {
		kill(pid, SIGKILL);
		skip("no mounts allowed here");
	}
	ASSERT_OK(mount("none", dir, "tmpfs", 0, NULL));
	EXPECT(mounted(dir));
	char name[60];

	snprintf(name, sizeof(name), "%s/inside", dir);
	make_file(name, "x", 1);
	kill(pid, SIGKILL);
	EXPECT_KILLED(pid, SIGKILL);
	for (i = 0; i < 200 && (mounted(dir) || mounted(task)); i++)
		usleep(10000);
	EXPECT(!mounted(dir));
	EXPECT(!mounted(task));
	EXPECT_ERR(open(name, O_RDONLY), ENOENT);
	/* Nor can one mount there any more, though the directory is still open. */
	EXPECT_EQ(mount("none", ".", "tmpfs", 0, NULL), -1);
	EXPECT(errno == ENOENT || errno == ESRCH);
}

TEST_LIMIT(random_calls_agree_with_a_model, 60)
{
	enter();
	for (int n = 0; n < 4000; n++) {
		int i = rnd_below(NAMES), k = rnd_below(NAMES), fd, r;
		const char *a = name_of(i), *b = name_of(k);

		switch (rnd_below(7)) {
		case 0:
			fd = open(a, O_CREAT | O_EXCL | O_RDWR, 0600);
			EXPECT_EQ(fd >= 0, !tree[i].kind);
			if (fd >= 0) {
				tree[i].kind = 'f';
				tree[i].size = 0;
				close(fd);
			}
			break;
		case 1:
			r = mkdir(a, 0700);
			EXPECT_EQ(r == 0, !tree[i].kind);
			if (!r)
				tree[i].kind = 'd';
			break;
		case 2:
			r = unlink(a);
			EXPECT_EQ(r == 0, tree[i].kind == 'f');
			if (r)
				EXPECT_EQ(errno, tree[i].kind ? EISDIR : ENOENT);
			else
				tree[i].kind = 0;
			break;
		case 3:
			r = rmdir(a);
			EXPECT_EQ(r == 0, tree[i].kind == 'd');
			if (r)
				EXPECT_EQ(errno, tree[i].kind ? ENOTDIR : ENOENT);
			else
				tree[i].kind = 0;
			break;
		case 4:
			r = rename(a, b);
			EXPECT_EQ(r == 0,
				  tree[i].kind && (!tree[k].kind || tree[k].kind == tree[i].kind));
			if (!r && i != k) {
				tree[k] = tree[i];
				tree[i].kind = 0;
			}
			break;
		default:
			r = truncate(a, k * 1000);
			EXPECT_EQ(r == 0, tree[i].kind == 'f');
			if (!r)
				tree[i].size = k * 1000;
		}
		model_matches(i);
		model_matches(k);
	}
	for (int i = 0; i < NAMES; i++)
		model_matches(i);
}
