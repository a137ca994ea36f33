/*
 * tracefs.c - /sys/kernel/tracing: its files have Linux's formats, events that are on record what this program does, and bad
 * commands are refused.
 *
 * Runs on a Linux that lets it mount tracefs; elsewhere each test is skipped. What was set is set back.
 */
#include "test.h"
#include <poll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <time.h>

#define DIR_TRACING "/sys/kernel/tracing"

static char root[64];

#define INSTANCE DIR_TRACING "/instances/quire-test"

/* Finds or mounts it; skips where that is not allowed. */
static void need_tracefs(void)
{
	strcpy(root, DIR_TRACING);
	if (access(DIR_TRACING "/trace_marker", W_OK) &&
	    (mount("tracefs", DIR_TRACING, "tracefs", 0, NULL) ||
	     access(DIR_TRACING "/trace_marker", W_OK)))
		skip("no tracefs here, or no right to use it");
	/* Somebody may be tracing on the host: there, buffers and switches of our own. */
	if (access(DIR_TRACING "/instances", F_OK))
		return;
	if (mkdir(INSTANCE, 0700) && errno != EEXIST)
		skip("no right to an instance of one's own");
	strcpy(root, INSTANCE);
}

static char *path_of(const char *name)
{
	static char path[4][256];
	static int n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s/%s", root, name);
	/* An instance has not all files. */
	if (access(path[n], F_OK))
		snprintf(path[n], sizeof(path[n]), DIR_TRACING "/%s", name);
	return path[n];
}

static char *text_of(const char *name)
{
	char *text = read_text(path_of(name));

	ASSERT(text);
	return strdup(text);
}

static int write_flags(const char *name, const char *text, int flags)
{
	int fd = open(path_of(name), O_WRONLY | flags);
	int err, ret;

	if (fd < 0)
		return -1;
	/* Linux takes a word at a time of some. */
	ret = write_all(fd, text, strlen(text));
	err = errno;
	close(fd);
	errno = err;
	return ret;
}

static int put(const char *name, const char *text)
{
	return write_flags(name, text, 0);
}

/* Everything off, buffers empty, recording on. */
static void quiet(void)
{
	ASSERT_OK(put("events/enable", "0"));
	ASSERT_OK(put("tracing_on", "1"));
	ASSERT_OK(write_flags("trace", "\n", O_TRUNC));
}

static int has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *p = text; (p = strstr(p, line)) != NULL; p += len)
		if ((p == text || p[-1] == '\n') && (p[len] == '\n' || !p[len]))
			return 1;
	return 0;
}

TEST(it_is_a_tracefs)
{
	struct statfs s;

	need_tracefs();
	ASSERT_OK(statfs(root, &s));
	EXPECT_EQ(s.f_type, 0x74726163);
	EXPECT(strstr(text_of("README"), "mini-HOWTO") != NULL);
	EXPECT(strstr(text_of("available_tracers"), "nop") != NULL);
	EXPECT_STR(text_of("current_tracer"), "nop\n");
}

static const char *const kmem_events[] = {
	"kmalloc",
	"kfree",
	"kmem_cache_alloc",
	"kmem_cache_free",
	"mm_page_alloc",
	"mm_page_free",
	"mm_page_free_batched",
	"mm_page_alloc_zone_locked",
	"mm_page_pcpu_drain",
	"mm_page_alloc_extfrag",
};

TEST(the_kmem_events_are_listed)
{
	need_tracefs();
	char *list = text_of("available_events");

	for (size_t i = 0; i < ARRAY_SIZE(kmem_events); i++) {
		char line[64];

		snprintf(line, sizeof(line), "kmem:%s", kmem_events[i]);
		if (!has_line(list, line))
			check_failed(__FILE__, __LINE__, "%s is missing", line);
	}
	EXPECT(has_line(list, "sched:sched_switch"));
}

/* One event's format: every line parsed, fields in order, in their places, none over another. Returns the number of fields. */
static int parse_format(const char *sys, const char *name)
{
	char file[128], got[64], *text, *line, *save = NULL;
	unsigned int id = 0, end = 0, other;
	int fields = 0, prints = 0;

	snprintf(file, sizeof(file), "events/%s/%s/id", sys, name);
	EXPECT_EQ(sscanf(text_of(file), "%u", &other), 1);
	snprintf(file, sizeof(file), "events/%s/%s/format", sys, name);
	text = text_of(file);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned int offset, size, is_signed;
		char decl[128];

		if (sscanf(line, "name: %63s", got) == 1) {
			EXPECT_STR(got, name);
		} else if (sscanf(line, "ID: %u", &id) == 1) {
			EXPECT_EQ(id, other);
		} else if (sscanf(line, "\tfield:%127[^;];\toffset:%u;\tsize:%u;\tsigned:%u;", decl,
				  &offset, &size, &is_signed) == 4) {
			EXPECT_GE(offset, end);
			EXPECT_LE(is_signed, 1);
			EXPECT(size == 1 ||
			       offset % (size < 8 && !strchr(decl, '[') ? size : 1) == 0);
			end = offset + size;
			fields++;
		} else if (!strncmp(line, "print fmt: \"", 12)) {
			int depth = 0;

			prints++;
			EXPECT(strstr(line, "REC->") != NULL);
			EXPECT(strstr(line, "TP_printk") == NULL);
			for (char *p = line; *p; p++)
				depth += (*p == '(') - (*p == ')');
			EXPECT_EQ(depth, 0);
		} else if (strcmp(line, "format:")) {
			check_failed(__FILE__, __LINE__, "%s: strange line '%s'", name, line);
		}
	}
	EXPECT_EQ(prints, 1);
	return fields;
}

TEST(formats_describe_the_records)
{
	need_tracefs();
	for (size_t i = 0; i < ARRAY_SIZE(kmem_events); i++)
		EXPECT_GE(parse_format("kmem", kmem_events[i]), 5);
	EXPECT_EQ(parse_format("sched", "sched_switch"), 4 + 7);
	EXPECT_EQ(parse_format("sched", "sched_wakeup"), 4 + 4);
	EXPECT_EQ(parse_format("kmem", "kfree"), 4 + 2);
	char *f = text_of("events/kmem/kmalloc/format");

	EXPECT(strstr(f, "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n") !=
	       NULL);
	EXPECT(strstr(f, "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n") != NULL);
	EXPECT(strstr(f, "\tfield:unsigned long call_site;\toffset:8;\tsize:8;\tsigned:0;\n") !=
	       NULL);
	EXPECT(strstr(f, "\tfield:const void * ptr;\toffset:16;\tsize:8;\tsigned:0;\n") != NULL);
	EXPECT(strstr(f, "\tfield:size_t bytes_req;\toffset:24;\tsize:8;\tsigned:0;\n") != NULL);
	EXPECT(strstr(f, "\tfield:size_t bytes_alloc;\toffset:32;\tsize:8;\tsigned:0;\n") != NULL);
	EXPECT(strstr(f, "__print_flags(REC->gfp_flags, \"|\"") != NULL);
	EXPECT(strstr(f, "\"GFP_KERNEL\"") != NULL);
}

struct line {
	char comm[64], flags[8], event[64], rest[1024];
	int pid, cpu;
	unsigned long sec, usec;
};

/* "            comm-pid     [cpu] flags  sec.usec: event: rest" */
static int parse_line(const char *text, struct line *l)
{
	const char *bracket = strstr(text, " [");
	const char *dash = bracket;
	int len = 0;

	memset(l, 0, sizeof(*l));
	if (!bracket)
		return 0;
	while (dash > text && *dash != '-')
		dash--;
	if (dash < text + 16 || dash - text >= (int)sizeof(l->comm))
		return 0;
	while (*text == ' ')
		text++;
	memcpy(l->comm, text, dash - text);
	if (sscanf(dash, "-%d [%d] %7s %lu.%lu: %63[^:]: %n", &l->pid, &l->cpu, l->flags, &l->sec,
		   &l->usec, l->event, &len) != 6 ||
	    !len)
		return 0;
	snprintf(l->rest, sizeof(l->rest), "%s", dash + len);
	return strlen(l->flags) == 5;
}

static int my_markers(const char *text, const char *mark)
{
	char *copy = strdup(text), *save = NULL;
	struct line l;
	int n = 0;

	for (char *p = strtok_r(copy, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		if (*p == '#')
			continue;
		if (!parse_line(p, &l)) {
			check_failed(__FILE__, __LINE__, "not a line of trace: '%s'", p);
			continue;
		}
		n += l.pid == getpid() && !strcmp(l.event, "tracing_mark_write") &&
		     !strcmp(l.rest, mark);
	}
	free(copy);
	return n;
}

TEST(what_trace_marker_takes_stands_in_trace)
{
	need_tracefs();
	quiet();
	ASSERT_OK(put("trace_marker", "here I am"));
	ASSERT_OK(put("trace_marker", "with newline\n"));
	char *text = text_of("trace");

	EXPECT_EQ(strncmp(text, "# tracer: nop\n#\n# entries-in-buffer/entries-written: ", 53), 0);
	EXPECT(strstr(text, "\n#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n") !=
	       NULL);
	EXPECT_EQ(my_markers(text, "here I am"), 1);
	EXPECT_EQ(my_markers(text, "with newline"), 1);
	/* Reading consumes nothing; emptying does. */
	EXPECT_EQ(my_markers(text_of("trace"), "here I am"), 1);
	ASSERT_OK(write_flags("trace", "\n", O_TRUNC));
	EXPECT_EQ(my_markers(text_of("trace"), "here I am"), 0);
	ASSERT_OK(put("tracing_on", "0"));
	EXPECT_STR(text_of("tracing_on"), "0\n");
	put("trace_marker", "nobody hears");
	ASSERT_OK(put("tracing_on", "1"));
	EXPECT_EQ(my_markers(text_of("trace"), "nobody hears"), 0);
}

/* Lines of one event that this process caused, in trace. */
static int count_mine(const char *event, const char *word)
{
	FILE *f = fopen(path_of("trace"), "r");
	char buf[2048];
	struct line l;
	int n = 0;

	ASSERT(f);
	while (fgets(buf, sizeof(buf), f))
		if (*buf != '#' && parse_line(buf, &l) && l.pid == getpid() &&
		    !strcmp(l.event, event) && strstr(l.rest, word))
			n++;
	fclose(f);
	return n;
}

TEST(kmem_events_show_the_allocations_of_this_process)
{
	int fds[2];

	need_tracefs();
	quiet();
	ASSERT_OK(put("events/kmem/enable", "1"));
	EXPECT_STR(text_of("events/kmem/enable"), "1\n");
	ASSERT_OK(pipe(fds));
	close(fds[0]);
	close(fds[1]);
	char *m = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(m, 64 * PAGE, MADV_NOHUGEPAGE);
	memset(m, 1, 64 * PAGE);
	munmap(m, 64 * PAGE);
	ASSERT_OK(put("events/enable", "0"));
	EXPECT_GE(count_mine("kmalloc", "bytes_req="), 1);
	EXPECT_GE(count_mine("kfree", "call_site="), 1);
	EXPECT_GE(count_mine("kmem_cache_alloc", "gfp_flags=GFP_"), 1);
	EXPECT_GE(count_mine("kmem_cache_free", "name="), 1);
	EXPECT_GE(count_mine("mm_page_alloc",
			     "order=0 migratetype=1 gfp_flags=GFP_HIGHUSER_MOVABLE"),
		  60);
	EXPECT_GE(count_mine("mm_page_free", "page="), 1);
	quiet();
}

TEST(an_event_that_is_off_records_nothing)
{
	need_tracefs();
	quiet();
	ASSERT_OK(put("events/kmem/kfree/enable", "1"));
	EXPECT_STR(text_of("events/kmem/kfree/enable"), "1\n");
	EXPECT_STR(text_of("events/kmem/enable"), "X\n");
	EXPECT_STR(text_of("set_event"), "kmem:kfree\n");
	for (int i = 0; i < 50; i++) {
		int fds[2];

		ASSERT_OK(pipe(fds));
		close(fds[0]);
		close(fds[1]);
	}
	ASSERT_OK(put("events/kmem/kfree/enable", "0"));
	EXPECT_GE(count_mine("kfree", ""), 50);
	EXPECT_EQ(count_mine("kmalloc", ""), 0);
	EXPECT_STR(text_of("set_event"), "");
	quiet();
}

TEST(set_event_takes_patterns)
{
	need_tracefs();
	quiet();
	ASSERT_OK(write_flags("set_event", "kmem:mm_page_alloc kmem:mm_page_free\n", O_TRUNC));
	char *set = text_of("set_event");

	EXPECT(has_line(set, "kmem:mm_page_alloc"));
	EXPECT(has_line(set, "kmem:mm_page_free"));
	EXPECT(!has_line(set, "kmem:kmalloc"));
	ASSERT_OK(write_flags("set_event", "kmem:kmalloc", O_APPEND));
	ASSERT_OK(write_flags("set_event", "!kmem:mm_page_alloc !kmem:mm_page_free", O_APPEND));
	EXPECT_STR(text_of("set_event"), "kmem:kmalloc\n");
	ASSERT_OK(write_flags("set_event", "kmem:kfree", O_TRUNC));
	EXPECT_STR(text_of("set_event"), "kmem:kfree\n");
	EXPECT_ERR(write_flags("set_event", "kmem:no_such_event", O_APPEND), EINVAL);
	EXPECT_ERR(write_flags("set_event", "no_such_system:", O_APPEND), EINVAL);
	EXPECT_STR(text_of("set_event"), "kmem:kfree\n");
	quiet();
}

TEST(bad_commands_are_refused)
{
	need_tracefs();
	quiet();
	EXPECT_ERR(put("events/kmem/kmalloc/enable", "2"), EINVAL);
	EXPECT_ERR(put("events/kmem/kmalloc/enable", "yes!"), EINVAL);
	EXPECT_ERR(put("events/kmem/enable", "2"), EINVAL);
	EXPECT_ERR(put("events/enable", "-1"), EINVAL);
	EXPECT_ERR(put("current_tracer", "no_such_tracer"), EINVAL);
	EXPECT_OK(put("current_tracer", "nop"));
	EXPECT_ERR(put("trace_clock", "sundial"), EINVAL);
	EXPECT_ERR(put("trace_options", "no_such_option"), EINVAL);
	EXPECT_ERR(put("options/overwrite", "2"), EINVAL);
	EXPECT_ERR(put("buffer_size_kb", "0"), EINVAL);
	EXPECT_ERR(put("buffer_size_kb", "much"), EINVAL);
	EXPECT_ERR(put("events/kmem/kmalloc/filter", "no_such_field == 1"), EINVAL);
	int fd = open(path_of("trace_marker"), O_RDONLY);
	char c;

	ASSERT_OK(fd);
	EXPECT_ERR(read(fd, &c, 1), EINVAL);
	close(fd);
	EXPECT_ERR(open(path_of("events/kmem/nothing"), O_RDONLY), ENOENT);
	EXPECT_STR(text_of("events/kmem/kmalloc/enable"), "0\n");
}

TEST(clocks_are_chosen_by_name)
{
	need_tracefs();
	quiet();
	char *before = text_of("trace_clock");

	EXPECT(strchr(before, '[') != NULL);
	ASSERT_OK(put("trace_clock", "global"));
	EXPECT(strstr(text_of("trace_clock"), "[global]") != NULL);
	ASSERT_OK(put("trace_clock", "counter"));
	ASSERT_OK(put("trace_marker", "counted"));
	EXPECT(strstr(text_of("trace"), "tracing_mark_write: counted") != NULL);
	ASSERT_OK(put("trace_clock", "local"));
	EXPECT(strstr(text_of("trace_clock"), "[local]") != NULL);
}

TEST(stamps_are_seconds_since_boot)
{
	struct timespec a, b;
	struct line l;

	need_tracefs();
	quiet();
	ASSERT_OK(put("trace_clock", "mono"));
	clock_gettime(CLOCK_MONOTONIC, &a);
	ASSERT_OK(put("trace_marker", "now"));
	clock_gettime(CLOCK_MONOTONIC, &b);
	char *text = text_of("trace"), *last = strrchr(text, '#');

	ASSERT(last && (last = strchr(last, '\n')));
	ASSERT(parse_line(last + 1, &l));
	double t = l.sec + l.usec / 1e6;

	EXPECT(t >= a.tv_sec + a.tv_nsec / 1e9 - 1e-5);
	EXPECT(t <= b.tv_sec + b.tv_nsec / 1e9 + 1e-5);
	ASSERT_OK(put("trace_clock", "local"));
}

TEST(the_size_of_the_buffers_can_be_set)
{
	unsigned long kb;

	need_tracefs();
	quiet();
	ASSERT_OK(put("trace_marker", "expand"));
	char *before = text_of("buffer_size_kb");

	ASSERT_OK(put("buffer_size_kb", "64"));
	ASSERT_EQ(sscanf(text_of("buffer_size_kb"), "%lu", &kb), 1);
	EXPECT_GE(kb, 64);
	EXPECT_LE(kb, 72);
	quiet();
	for (int i = 0; i < 3000; i++)
		ASSERT_OK(put("trace_marker", "0123456789012345678901234567890123456789"));
	int entries = 0, overrun = 0, cpus = sysconf(_SC_NPROCESSORS_CONF);

	for (int cpu = 0; cpu < cpus; cpu++) {
		char name[64], *p;
		int e, o;

		snprintf(name, sizeof(name), "per_cpu/cpu%d/stats", cpu);
		if (access(path_of(name), R_OK))
			continue;
		p = text_of(name);
		ASSERT_EQ(sscanf(p, "entries: %d overrun: %d", &e, &o), 2);
		EXPECT(strstr(p, "\ndropped events: ") && strstr(p, "\nread events: "));
		entries += e;
		overrun += o;
	}
	EXPECT_EQ(entries + overrun, 3000);
	EXPECT_GT(entries, 300);
	before[strcspn(before, "\n ")] = 0;
	EXPECT_OK(put("buffer_size_kb", before));
	quiet();
}

TEST(trace_pipe_waits_and_consumes)
{
	char buf[4096];
	ssize_t n;
	pid_t pid;

	need_tracefs();
	quiet();
	int fd = open(path_of("trace_pipe"), O_RDONLY | O_NONBLOCK);

	ASSERT_OK(fd);
	EXPECT_ERR(read(fd, buf, sizeof(buf)), EAGAIN);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	EXPECT_EQ(poll(&p, 1, 50), 0);
	pid = test_fork();
	if (!pid) {
		usleep(200000);
		_exit(put("trace_marker", "wake up") != 0);
	}
	EXPECT_EQ(poll(&p, 1, 5000), 1);
	EXPECT(p.revents & POLLIN);
	n = read(fd, buf, sizeof(buf) - 1);
	ASSERT_GT(n, 0);
	buf[n] = 0;
	EXPECT(strstr(buf, "tracing_mark_write: wake up\n") != NULL);
	EXPECT_EQ(test_wait(pid), 0);
	EXPECT_ERR(read(fd, buf, sizeof(buf)), EAGAIN);
	EXPECT(strstr(text_of("trace"), "wake up") == NULL);
	close(fd);

	fd = open(path_of("trace_pipe"), O_RDONLY);
	ASSERT_OK(fd);
	pid = test_fork();
	if (!pid) {
		usleep(200000);
		_exit(put("trace_marker", "and again") != 0);
	}
	n = read(fd, buf, sizeof(buf) - 1);
	ASSERT_GT(n, 0);
	buf[n] = 0;
	EXPECT(strstr(buf, "and again\n") != NULL);
	EXPECT_EQ(test_wait(pid), 0);
	close(fd);
}

TEST(sched_events_show_a_child)
{
	need_tracefs();
	quiet();
	ASSERT_OK(put("events/sched/sched_process_fork/enable", "1"));
	ASSERT_OK(put("events/sched/sched_process_exit/enable", "1"));
	ASSERT_OK(put("events/sched/sched_switch/enable", "1"));
	pid_t pid = test_fork();

	if (!pid) {
		usleep(1000);
		_exit(0);
	}
	EXPECT_EQ(test_wait(pid), 0);
	ASSERT_OK(put("events/enable", "0"));
	char want[64];

	snprintf(want, sizeof(want), "child_pid=%d", pid);
	EXPECT_EQ(count_mine("sched_process_fork", want), 1);
	char *text = text_of("trace");

	snprintf(want, sizeof(want), " pid=%d prio=120", pid);
	EXPECT(strstr(text, want) != NULL);
	snprintf(want, sizeof(want), " ==> next_comm=");
	EXPECT(strstr(text, want) != NULL);
	quiet();
}

/* Everybody changes and reads at once; afterwards all is in order. */
TEST_LIMIT(switching_and_reading_at_once, 60)
{
	static const char *const files[] = { "trace",
					     "per_cpu/cpu0/trace",
					     "set_event",
					     "per_cpu/cpu0/stats",
					     "events/kmem/enable",
					     "saved_cmdlines" };
	pid_t pids[6];

	need_tracefs();
	quiet();
	ASSERT_OK(put("buffer_size_kb", "32"));
	for (int c = 0; c < 6; c++) {
		pids[c] = test_fork();
		if (pids[c])
			continue;
		test_random += c * 7919 + 1;
		for (int i = 0; i < 60; i++) {
			char buf[4096];
			int fd;

			switch (rnd_below(5)) {
			case 0:
				EXPECT_OK(put("events/kmem/enable", rnd_below(2) ? "1" : "0"));
				break;
			case 1:
				EXPECT_OK(write_flags("trace", "\n", O_TRUNC));
				break;
			case 2:
				/* Linux does not resize under a reader. */
				EXPECT(!put("buffer_size_kb", rnd_below(2) ? "16" : "40") ||
				       errno == EBUSY);
				break;
			default:
				fd = open(path_of(files[rnd_below(ARRAY_SIZE(files))]), O_RDONLY);
				EXPECT_OK(fd);
				for (int k = 0; k < 8 && read(fd, buf, sizeof(buf)) > 0; k++)
					;
				close(fd);
			}
		}
		_exit(test_failed);
	}
	for (int c = 0; c < 6; c++)
		EXPECT_EQ(test_wait(pids[c]), 0);
	ASSERT_OK(put("buffer_size_kb", "1408"));
	quiet();
	ASSERT_OK(put("trace_marker", "still here"));
	EXPECT_EQ(my_markers(text_of("trace"), "still here"), 1);
}

/* The last one: nothing of ours stays on a host. */
TEST(the_instance_goes)
{
	need_tracefs();
	if (!strcmp(root, INSTANCE))
		EXPECT_OK(rmdir(INSTANCE));
}
