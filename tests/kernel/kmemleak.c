/*
 * Suite kmemleak: memory that was lost on purpose is found, with address, size and stack, and memory that somebody can still
 * reach, by whatever way, is not. Runs with kmemleak=on.
 *
 * 1. What is planted is remembered as the complement of its address, which is no address. It is planted by a function of its
 *    own, whose frame is overwritten afterwards.
 * 2. A search by kmemleak_check() spares nothing for its youth. Each line of its report is compared with what was planted:
 *    a report of anything else, or of a plant that can be reached, fails the case.
 * 3. A number somewhere in memory may by chance be, or still be, the address of a plant. So of several equal ones it is enough that
 *    most are found; of those that must not be found none may.
 *
 * Each case takes away what it planted; the runner then searches once more, and must find nothing.
 */
#include "arch/x86/irqflags.h"
#include "kernel/kthread.h"
#include "kernel/sched.h"
#include "kernel/smp.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/debug/kmemleak.h"
#include "mm/kva/vmalloc.h"
#include "mm/slab/percpu.h"
#include "mm/slab/slab.h"
#include "tests/kernel/crew.h"
#include "tests/kernel/log.h"

#define MAX_PLANTS 256
#define EACH	   6 /* of a kind */
#define SEARCHES   3

enum kind { BY_KMALLOC, BY_CACHE, BY_VMALLOC, BY_PERCPU };

static struct plant {
	enum kind kind;
	unsigned long hidden; /* ~address; 0: none any more */
	size_t size;	      /* that a report must tell */
	const char *who;      /* its stack must name; NULL: whoever */
	bool found, size_right, stack_right;
} plants[MAX_PLANTS];
static int nr_plants, current_plant;
static unsigned int strangers;
static struct kmem_cache *cache;

static noinline int plant(enum kind kind, const void *p, size_t size, const char *who)
{
	struct plant *new = &plants[nr_plants];

	if (!p || nr_plants == MAX_PLANTS)
		return -1;
	*new = (struct plant){
		.kind = kind, .hidden = ~(unsigned long)p, .size = size, .who = who
	};
	return nr_plants++;
}

static void *planted(int i)
{
	return (void *)~plants[i].hidden;
}

static noinline void uproot(int i)
{
	void *p = planted(i);

	if (!plants[i].hidden)
		return;
	plants[i].hidden = 0;
	switch (plants[i].kind) {
	case BY_KMALLOC:
		kfree(p);
		break;
	case BY_CACHE:
		kmem_cache_free(cache, p);
		break;
	case BY_VMALLOC:
		vfree(p);
		break;
	case BY_PERCPU:
		free_percpu((void __percpu *)p);
		break;
	}
}

static void uproot_all(void)
{
	for (int i = 0; i < nr_plants; i++)
		uproot(i);
	nr_plants = 0;
}

/* No address may be left behind where the stack was. */
static noinline void clobber_stack(void)
{
	volatile unsigned long junk[900];

	for (int i = 0; i < ARRAY_SIZE(junk); i++)
		junk[i] = 0;
}

static void note_line(void *arg, const char *line)
{
	const char *at = strstr(line, " 0x"), *size = strstr(line, "(size ");
	unsigned long addr = 0, bytes = 0;

	if (str_has_prefix(line, "unreferenced object") && at && size) {
		char text[24];

		strscpy(text, at + 1, 19);
		if (kstrtoul(text, 16, &addr))
			addr = 0;
		for (size += 6; *size >= '0' && *size <= '9'; size++)
			bytes = bytes * 10 + *size - '0';
		for (current_plant = 0; current_plant < nr_plants; current_plant++)
			if (plants[current_plant].hidden == ~addr)
				break;
		if (current_plant == nr_plants) {
			strangers++;
			ktest_info(arg, "not planted: %.100s", line);
			return;
		}
		plants[current_plant].found = true;
		plants[current_plant].size_right = bytes == plants[current_plant].size;
	} else if (current_plant < nr_plants && plants[current_plant].who &&
		   strstr(line, plants[current_plant].who)) {
		plants[current_plant].stack_right = true;
	}
}

static noinline void search_only(struct ktest *t)
{
	for (int i = 0; i < nr_plants; i++)
		plants[i].found = plants[i].size_right = plants[i].stack_right = false;
	strangers = 0;
	current_plant = nr_plants;
	clobber_stack();
	kmemleak_check(SEARCHES, note_line, t);
}

static noinline void search(struct ktest *t)
{
	search_only(t);
	KTEST_EXPECT_EQ(t, strangers, 0U);
}

/* Of the plants from .. to - 1, how many were found? Those that were must be told rightly. */
static int count_found(struct ktest *t, int from, int to)
{
	int found = 0;

	for (int i = from; i < to; i++) {
		if (!plants[i].found)
			continue;
		found++;
		if (!plants[i].size_right)
			ktest_fail(t, __FILE__, __LINE__, "plant %d (kind %d): its size is wrong",
				   i, plants[i].kind);
		if (plants[i].who && !plants[i].stack_right)
			ktest_fail(t, __FILE__, __LINE__, "plant %d: its stack does not name %s", i,
				   plants[i].who);
	}
	return found;
}

/* Names the caller's line: both are about what he planted. */
#define EXPECT_FOUND(t, from, to)  expect_found(t, __LINE__, from, to)
#define EXPECT_SILENT(t, from, to) expect_silent(t, __LINE__, from, to)

static void expect_found(struct ktest *t, int line, int from, int to)
{
	int found = count_found(t, from, to);

	if (to <= from || found < (to - from) * 2 / 3)
		ktest_fail(t, __FILE__, line, "%d of %d are found", found, to - from);
}

static void expect_silent(struct ktest *t, int line, int from, int to)
{
	int found = count_found(t, from, to);

	if (to <= from || found)
		ktest_fail(t, __FILE__, line, "%d of %d are found, and none is lost", found,
			   to - from);
}

static bool off(struct ktest *t)
{
	if (!kmemleak_enabled)
		ktest_skip(t, "needs kmemleak=on");
	return !kmemleak_enabled;
}

static int command(const char *text)
{
	char copy[64];

	strscpy(copy, text, sizeof(copy));
	return kmemleak_command(copy);
}

/* ---- what is lost is found ---- */

static noinline void lose_by_kmalloc(void)
{
	plant(BY_KMALLOC, kmalloc(100, GFP_KERNEL), 128, "lose_by_kmalloc");
}

static noinline void lose_by_cache(void)
{
	plant(BY_CACHE, kmem_cache_alloc(cache, GFP_KERNEL), 200, "lose_by_cache");
}

static noinline void lose_by_bulk(void)
{
	void *p[2] = {};

	if (kmem_cache_alloc_bulk(cache, GFP_KERNEL, 2, p) != 2)
		return;
	plant(BY_CACHE, p[0], 200, "lose_by_bulk");
	plant(BY_CACHE, p[1], 200, "lose_by_bulk");
	WRITE_ONCE(p[0], NULL);
	WRITE_ONCE(p[1], NULL);
}

static noinline void lose_large(void)
{
	plant(BY_KMALLOC, kmalloc(5 * PAGE_SIZE, GFP_KERNEL), 5 * PAGE_SIZE, "lose_large");
}

static noinline void lose_by_vmalloc(void)
{
	plant(BY_VMALLOC, vmalloc(PAGE_SIZE + 1), 2 * PAGE_SIZE, "lose_by_vmalloc");
}

static noinline void lose_by_percpu(void)
{
	plant(BY_PERCPU, (const void *)__alloc_percpu(24, 8), 24, "lose_by_percpu");
}

static const struct {
	const char *name;
	void (*lose)(void);
} losers[] = {
	{ "kmalloc", lose_by_kmalloc }, { "cache", lose_by_cache },
	{ "bulk", lose_by_bulk },	{ "large", lose_large },
	{ "vmalloc", lose_by_vmalloc }, { "percpu", lose_by_percpu },
};

/* Most of a kind stay unfound when some table of an earlier suite remembers their addresses: then others are lost as well. */
#define TRIES 4

static void lost_memory_is_found(struct ktest *t)
{
	int from[ARRAY_SIZE(losers)], to[ARRAY_SIZE(losers)] = {};

	if (off(t))
		return;
	for (int try = 0; try < TRIES; try++) {
		for (int k = 0; k < ARRAY_SIZE(losers); k++) {
			if (try && count_found(t, from[k], to[k]) >= (to[k] - from[k]) * 2 / 3)
				continue;
			from[k] = nr_plants;
			for (int i = 0; i < EACH; i++)
				losers[k].lose();
			to[k] = nr_plants;
		}
		search(t);
	}
	for (int k = 0; k < ARRAY_SIZE(losers); k++) {
		ktest_info(t, "%s: %d of %d found", losers[k].name, count_found(t, from[k], to[k]),
			   to[k] - from[k]);
		EXPECT_FOUND(t, from[k], to[k]);
	}
	uproot_all();
	search(t);
}

struct node {
	struct list_head list;
	void *payload;
	char filler[40]; /* 64 bytes */
};

static noinline struct node *new_node(void)
{
	struct node *n = kzalloc(sizeof(*n), GFP_KERNEL);

	if (plant(BY_KMALLOC, n, 64, "new_node") < 0)
		return NULL;
	INIT_LIST_HEAD(&n->list);
	return n;
}

static noinline void fill_list(struct list_head *head, int nr)
{
	for (int i = 0; i < nr; i++) {
		struct node *n = new_node();

		if (!n)
			return;
		n->payload = new_node();
		list_add_tail(&n->list, head);
	}
}

/* Lists without their heads: their nodes still point to one another, and each to one more object. */
static void a_list_cut_from_its_head_is_found_whole(struct ktest *t)
{
	static struct list_head heads[EACH];

	if (off(t))
		return;
	for (int i = 0; i < EACH; i++) {
		INIT_LIST_HEAD(&heads[i]);
		fill_list(&heads[i], 3);
	}
	search(t);
	EXPECT_SILENT(t, 0, nr_plants);
	for (int i = 0; i < EACH; i++)
		list_del_init(&heads[i]);
	search(t);
	EXPECT_FOUND(t, 0, nr_plants);
	uproot_all();
}

/* ---- what somebody has is not ---- */

/* volatile: else the compiler sees that nobody ever reads them, and does away with them. */
static void *volatile global_pointer;
static char *volatile global_middle;
static DEFINE_PER_CPU(void *volatile, percpu_pointer);
static void **vmalloced;
static void *__percpu *dynamic_percpu;

static noinline void *new_plant(void)
{
	void *p = kzalloc(64, GFP_KERNEL);

	plant(BY_KMALLOC, p, 64, "new_plant");
	return p;
}

static void memory_that_is_reached_is_not_told(struct ktest *t)
{
	int last_cpu = 0, cpu;

	if (off(t))
		return;
	for_each_possible_cpu(cpu)
		last_cpu = cpu;
	vmalloced = vzalloc(3 * PAGE_SIZE);
	dynamic_percpu = alloc_percpu(void *);
	KTEST_ASSERT_EQ(t, vmalloced && dynamic_percpu, true);
	global_pointer = new_plant();
	global_middle = (char *)new_plant() + 63;
	per_cpu(percpu_pointer, last_cpu) = new_plant();
	vmalloced[2 * PAGE_SIZE / sizeof(void *) + 7] = new_plant();
	*per_cpu_ptr(dynamic_percpu, last_cpu) = new_plant();
	search(t);
	EXPECT_SILENT(t, 0, nr_plants);

	/* The same without the pointers: so it was these that held them. */
	global_pointer = NULL;
	global_middle = NULL;
	per_cpu(percpu_pointer, last_cpu) = NULL;
	vmalloced[2 * PAGE_SIZE / sizeof(void *) + 7] = NULL;
	*per_cpu_ptr(dynamic_percpu, last_cpu) = NULL;
	search(t);
	EXPECT_FOUND(t, 0, nr_plants);
	uproot_all();
	vfree(vmalloced);
	free_percpu(dynamic_percpu);
	vmalloced = NULL;
	dynamic_percpu = NULL;
}

/* A thread whose only pointer is in its frame, asleep, or in a register, running. */
static atomic_t thread_ready;
static bool thread_spins, thread_ends;

/* One object that has all the others. */
static noinline unsigned long plant_star(void)
{
	void **first = new_plant();

	for (int i = 0; first && i < EACH; i++)
		first[i] = new_plant();
	return (unsigned long)first;
}

static int hold_plant(void *unused)
{
	unsigned long p = plant_star();

	/* In one register that calls preserve, or where the compiler then keeps it. */
	__asm__ __volatile__("" : "+b"(p));
	atomic_set(&thread_ready, 1);
	while (!READ_ONCE(thread_ends)) {
		if (READ_ONCE(thread_spins)) {
			for (int i = 0; i < 100000 && !READ_ONCE(thread_ends); i++)
				__asm__ __volatile__("pause" : "+b"(p));
			cond_resched();
		} else {
			msleep(1);
		}
		__asm__ __volatile__("" : "+b"(p));
	}
	p = 0;
	__asm__ __volatile__("" : "+b"(p));
	return 0;
}

static void check_thread(struct ktest *t, bool spins)
{
	struct task_struct *thread;

	atomic_set(&thread_ready, 0);
	WRITE_ONCE(thread_spins, spins);
	WRITE_ONCE(thread_ends, false);
	thread = kthread_run(hold_plant, NULL, "holder");
	KTEST_ASSERT_EQ(t, IS_ERR(thread), false);
	get_task_struct(thread);
	while (!atomic_read(&thread_ready))
		msleep(1);
	for (int i = 0; i < 3; i++) {
		search(t);
		EXPECT_SILENT(t, 0, nr_plants);
	}
	if (!spins) { /* without stacks nobody has it */
		command("stack=off");
		search_only(t); /* and finds what others have on theirs */
		EXPECT_FOUND(t, 0, nr_plants);
		command("stack=on");
		search(t);
		EXPECT_SILENT(t, 0, nr_plants);
	}
	WRITE_ONCE(thread_ends, true);
	kthread_stop(thread);
	put_task_struct(thread);
	uproot_all();
}

static void pointers_of_threads_count(struct ktest *t)
{
	if (off(t))
		return;
	check_thread(t, false);
	check_thread(t, true);
}

/* A global array of pointers, some of whose objects point on: with and without half of the roots. */
#define NR_OBJECTS 120
#define NR_ROOTS   8
#define NR_EDGES   4 /* of an object, at most */

static void *volatile graph_roots[NR_ROOTS];
static struct {
	short to[NR_EDGES];
	bool reached;
} model[NR_OBJECTS];

static void reach(int i)
{
	if (i < 0 || model[i].reached)
		return;
	model[i].reached = true;
	for (int e = 0; e < NR_EDGES; e++)
		reach(model[i].to[e]);
}

static noinline void build_graph(struct ktest *t)
{
	static const u16 sizes[] = { 32, 64, 96, 128, 256, 512, 2048 };

	for (int i = 0; i < NR_OBJECTS; i++) {
		size_t size = sizes[ktest_random_below(t, ARRAY_SIZE(sizes))];

		plant(BY_KMALLOC, kzalloc(size, GFP_KERNEL), size, "build_graph");
	}
	for (int i = 0; i < nr_plants; i++) {
		for (int e = 0; e < NR_EDGES; e++) {
			int to = ktest_random_below(t, 3) ? -1 : ktest_random_below(t, nr_plants);
			/* The words of an object are dealt out to its edges. */
			unsigned long words = plants[i].size / sizeof(long) / NR_EDGES;
			unsigned long word = e * words + ktest_random_below(t, words);

			model[i].to[e] = to;
			if (to >= 0)
				((char **)planted(i))[word] =
					(char *)planted(to) +
					ktest_random_below(t, plants[to].size);
		}
	}
}

static int nr_reached(void)
{
	int nr = 0;

	for (int i = 0; i < nr_plants; i++)
		nr += model[i].reached;
	return nr;
}

/*
 * Of the objects that the model takes for lost: how many numbers that are addresses by chance, at least, explain that
 * the others were not found? Each keeps what its object leads to. Greedy: the most telling one first.
 */
static int chance_references(void)
{
	static bool before[NR_OBJECTS];
	int nr = 0;

	for (;; nr++) {
		int best = -1, best_gain = 0, reached = nr_reached();

		for (int i = 0; i < nr_plants; i++)
			before[i] = model[i].reached;
		for (int i = 0; i < nr_plants; i++) {
			if (before[i] || plants[i].found)
				continue;
			reach(i);
			if (nr_reached() - reached > best_gain) {
				best_gain = nr_reached() - reached;
				best = i;
			}
			for (int k = 0; k < nr_plants; k++)
				model[k].reached = before[k];
		}
		if (best < 0)
			return nr;
		reach(best);
	}
}

static void compare_graph(struct ktest *t, const int *roots)
{
	int lost = 0, found = 0, chance;

	for (int i = 0; i < nr_plants; i++)
		model[i].reached = false;
	for (int r = 0; r < NR_ROOTS; r++)
		reach(roots[r]);
	search(t);
	for (int i = 0; i < nr_plants; i++) {
		if (model[i].reached && plants[i].found)
			ktest_fail(t, __FILE__, __LINE__, "object %d can be reached", i);
		lost += !model[i].reached;
		found += !model[i].reached && plants[i].found;
	}
	chance = chance_references();
	ktest_info(t, "%d objects, %d lost, %d of them found, %d hidden by chance", nr_plants, lost,
		   found, chance);
	KTEST_EXPECT_LE(t, chance, 1 + lost / 10);
	for (int i = 0; i < nr_plants; i++)
		if (model[i].reached && plants[i].found)
			ktest_fail(t, __FILE__, __LINE__, "object %d has one of those", i);
}

static noinline void set_root(int r, int to)
{
	graph_roots[r] = to < 0 ? NULL : planted(to);
}

static void a_random_graph_agrees_with_its_model(struct ktest *t)
{
	int roots[NR_ROOTS];

	if (off(t))
		return;
	build_graph(t);
	KTEST_ASSERT_EQ(t, nr_plants, NR_OBJECTS);
	for (int r = 0; r < NR_ROOTS; r++) {
		roots[r] = ktest_random_below(t, nr_plants);
		set_root(r, roots[r]);
	}
	for (int r = 0; r <= NR_ROOTS; r += 2) {
		compare_graph(t, roots);
		for (int k = r; k < min(r + 2, NR_ROOTS); k++)
			set_root(k, roots[k] = -1);
	}
	uproot_all();
}

/* ---- what owners say ---- */

/* Object 2n points to object 2n + 1, which nobody else does. */
static noinline void plant_pair(void (*say)(const void *ptr))
{
	void **first = new_plant(), *second = new_plant();

	if (!first || !second)
		return;
	first[3] = second;
	if (say)
		say(first);
}

static int count_parity(struct ktest *t, int parity)
{
	int found = 0;

	for (int i = parity; i < nr_plants; i += 2)
		found += count_found(t, i, i + 1);
	return found;
}

static void say_not_leak(const void *p)
{
	kmemleak_not_leak(p);
}

static void say_ignore(const void *p)
{
	kmemleak_ignore(p);
}

static void *volatile held[EACH];

static noinline void hold_without_scan(int i)
{
	held[i] = new_plant();
	*(void **)held[i] = new_plant();
	kmemleak_no_scan(held[i]);
}

/* Three objects: the first has an area with a pointer to the second; beside it one to the third. */
static noinline void hold_with_area(int i)
{
	void **first = held[i] = new_plant();

	first[2] = new_plant();
	first[5] = new_plant();
	kmemleak_scan_area(&first[2], 2 * sizeof(void *), GFP_KERNEL);
}

static void what_owners_say_is_heeded(struct ktest *t)
{
	if (off(t))
		return;
	for (int i = 0; i < EACH; i++)
		plant_pair(say_not_leak);
	search(t);
	EXPECT_SILENT(t, 0, nr_plants);
	uproot_all();

	for (int i = 0; i < EACH; i++)
		plant_pair(say_ignore);
	search(t);
	KTEST_EXPECT_EQ(t, count_parity(t, 0), 0);
	KTEST_EXPECT_GE(t, count_parity(t, 1), EACH * 2 / 3);
	uproot_all();

	for (int i = 0; i < EACH; i++)
		hold_without_scan(i);
	search(t);
	KTEST_EXPECT_EQ(t, count_parity(t, 0), 0);
	KTEST_EXPECT_GE(t, count_parity(t, 1), EACH * 2 / 3);
	uproot_all();

	for (int i = 0; i < EACH; i++)
		hold_with_area(i);
	search(t);
	for (int i = 0; i < nr_plants; i++)
		if (i % 3 != 2)
			EXPECT_SILENT(t, i, i + 1);
	KTEST_EXPECT_GE(t, count_found(t, 0, nr_plants), EACH * 2 / 3);
	uproot_all();
	for (int i = 0; i < EACH; i++)
		held[i] = NULL;
}

/* ---- words, clear, and freeing ---- */

static void freed_ones_vanish_and_clear_forgets(struct ktest *t)
{
	if (off(t))
		return;
	for (int i = 0; i < 2 * EACH; i++)
		plant_pair(NULL);
	search(t);
	EXPECT_FOUND(t, 0, nr_plants);
	for (int i = 0; i < 2 * EACH; i++)
		uproot(i);
	search(t);
	EXPECT_SILENT(t, 0, 2 * EACH);
	EXPECT_FOUND(t, 2 * EACH, nr_plants);
	KTEST_EXPECT_EQ(t, command("clear\n"), 0);
	search(t);
	EXPECT_SILENT(t, 0, nr_plants);
	plant_pair(NULL);
	plant_pair(NULL);
	plant_pair(NULL);
	search(t);
	EXPECT_SILENT(t, 0, 4 * EACH);
	EXPECT_FOUND(t, 4 * EACH, nr_plants);
	uproot_all();
}

static void words_are_obeyed_or_refused(struct ktest *t)
{
	static const char *const bad[] = {
		"",	    "scam",	 "scans",   "scan=",	   "scan=x", "scan=-1",
		"scan=on1", "stack",	 "stack=",  "stack=maybe", "dump",   "dump=",
		"dump=zz",  "dump=0x10", "cleared", "on",	   "off1"
	};
	char text[40];
	u64 seq;

	if (!kmemleak_enabled) {
		KTEST_EXPECT_EQ(t, command("scan"), -EPERM);
		KTEST_EXPECT_EQ(t, command("nonsense"), -EPERM);
		KTEST_EXPECT_EQ(t, command("clear"), 0);
		return;
	}
	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		if (command(bad[i]) != -EINVAL)
			ktest_fail(t, __FILE__, __LINE__, "\"%s\" was obeyed", bad[i]);
	KTEST_EXPECT_EQ(t, command("scan=off"), 0);
	KTEST_EXPECT_EQ(t, command("scan=off\n"), 0);
	KTEST_EXPECT_EQ(t, command("scan=on"), 0);
	KTEST_EXPECT_EQ(t, command("scan=600"), 0);
	KTEST_EXPECT_EQ(t, command("scan=0"), 0);
	KTEST_EXPECT_EQ(t, command("scan=4294967295"), 0);
	KTEST_EXPECT_EQ(t, command(" scan=600 "), 0);

	lose_by_cache();
	KTEST_ASSERT_EQ(t, nr_plants, 1);
	seq = log_next_seq();
	snprintf(text, sizeof(text), "dump=0x%lx", ~plants[0].hidden);
	KTEST_EXPECT_EQ(t, command(text), 0);
	snprintf(text, sizeof(text), "Object 0x%08lx (size 200):", ~plants[0].hidden);
	KTEST_EXPECT_EQ(t, logged(seq, text), 1);
	KTEST_EXPECT_EQ(t, logged(seq, "lose_by_cache+"), 1);
	memset(text, 0, sizeof(text));
	uproot_all();
}

/* ---- beside everything else ---- */

static bool storm_ends;

static void one_step(struct ktest *t, void **slot, u64 rnd)
{
	if (*slot) {
		kvfree(*slot);
		*slot = NULL;
	} else if (rnd % 16 == 0) {
		*slot = vmalloc(1 + rnd / 16 % (4 * PAGE_SIZE));
	} else if (rnd % 64 == 1) {
		*slot = kmalloc(PAGE_SIZE * 3, GFP_KERNEL);
	} else {
		*slot = kmalloc(1 + rnd / 16 % 3000, GFP_KERNEL);
	}
	if (*slot)
		*(void **)*slot = NULL;
}

static int churn(struct crew *c, int me)
{
	u64 rnd = c->t->seed + me;
	void *slots[40] = {};

	if (!me) {
		for (int i = 0; i < 6; i++)
			kmemleak_check(8, note_line, c->t);
		WRITE_ONCE(storm_ends, true);
		return 0;
	}
	while (!READ_ONCE(storm_ends)) {
		void __percpu *p = __alloc_percpu(16, 8);

		for (int i = 0; i < 200; i++) {
			rnd = rnd * 6364136223846793005ULL + 1442695040888963407ULL;
			one_step(c->t, &slots[(rnd >> 33) % ARRAY_SIZE(slots)], rnd >> 40);
		}
		free_percpu(p);
		cond_resched();
	}
	for (int i = 0; i < ARRAY_SIZE(slots); i++)
		kvfree(slots[i]);
	return 0;
}

static void searches_beside_a_storm_find_nothing(struct ktest *t)
{
	if (off(t))
		return;
	strangers = 0;
	current_plant = nr_plants;
	WRITE_ONCE(storm_ends, false);
	run_crew(t, churn);
	KTEST_EXPECT_EQ(t, strangers, 0U);
	KTEST_EXPECT_EQ(t, kmemleak_enabled, true);
}

/*
 * What is free is given out last in, first out: addresses that were in use a moment ago, and that stale memory is full of. These
 * take them, so that plants get others.
 */
#define NR_DECOYS 100
static const u16 decoy_sizes[] = { 32, 64, 96, 128, 200, 256, 512, 2048 };

static struct decoys {
	void *objects[ARRAY_SIZE(decoy_sizes)][NR_DECOYS];
	void *large[EACH], *areas[2 * EACH];
	void __percpu *percpu[2 * EACH];
} * decoys;

static void free_decoys(void)
{
	for (int k = 0; k < ARRAY_SIZE(decoy_sizes); k++)
		for (int i = 0; i < NR_DECOYS; i++)
			kfree(decoys->objects[k][i]);
	for (int i = 0; i < EACH; i++)
		kfree(decoys->large[i]);
	for (int i = 0; i < 2 * EACH; i++) {
		vfree(decoys->areas[i]);
		free_percpu(decoys->percpu[i]);
	}
	vfree(decoys);
	decoys = NULL;
}

static int suite_init(void)
{
	cache = kmem_cache_create("test_leak", 200, 8, SLAB_NO_MERGE, NULL);
	decoys = vzalloc(sizeof(*decoys));
	if (!cache || !decoys)
		return -ENOMEM;
	for (int k = 0; k < ARRAY_SIZE(decoy_sizes); k++)
		for (int i = 0; i < NR_DECOYS; i++)
			decoys->objects[k][i] = kzalloc(decoy_sizes[k], GFP_KERNEL);
	for (int i = 0; i < EACH; i++)
		decoys->large[i] = kzalloc(5 * PAGE_SIZE, GFP_KERNEL);
	for (int i = 0; i < 2 * EACH; i++) {
		decoys->areas[i] = vmalloc(2 * PAGE_SIZE);
		decoys->percpu[i] = __alloc_percpu(24, 8);
	}
	return 0;
}

static void suite_exit(void)
{
	free_decoys();
	kmem_cache_destroy(cache);
	cache = NULL;
}

static const struct ktest_case cases[] = {
	KTEST_CASE(lost_memory_is_found),
	KTEST_CASE(a_list_cut_from_its_head_is_found_whole),
	KTEST_CASE(memory_that_is_reached_is_not_told),
	KTEST_CASE(pointers_of_threads_count),
	KTEST_CASE(a_random_graph_agrees_with_its_model),
	KTEST_CASE(what_owners_say_is_heeded),
	KTEST_CASE(freed_ones_vanish_and_clear_forgets),
	KTEST_CASE(words_are_obeyed_or_refused),
	KTEST_CASE(searches_beside_a_storm_find_nothing),
	{},
};
KTEST_SUITE_FULL(kmemleak, cases, suite_init, suite_exit);
