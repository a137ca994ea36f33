/*
 * kmemleak's search: what can still be reached. Colours and records are explained in kmemleak.c.
 *
 * 1. A search is six steps: all records white; roots; gray records until there are none; white ones whose bytes have changed
 *    since the last search turn gray for once, since they are in use; gray records again; what is white now is OBJECT_STABLE, a leak.
 * 2. Roots: the kernel's data (records that are gray from birth, like what memblock gave), per-CPU variables, struct pages in use,
 *    and the stacks of all threads. A thread that sleeps is read from its stack pointer up, below which nothing is
 *    alive; its registers are there, too. One that runs is read whole, and then once more by its own CPU from an interrupt, to
 *    which it has given its registers.
 * 3. Each load may fault (an area may be mapped without access): the exception table then leads to the next page.
 * 4. The machine runs meanwhile. At most MAX_SCAN_SIZE bytes are read under locks, then others have their turn. A record
 *    may end between two pieces; `alive` says so.
 * 5. A pointer that moves from where the search will come to where it has been is not seen. Its object changes as a
 *    rule (a list link, a count), and then waits for the next search.
 *
 * Locks: scan_mutex; record's lock > kmemleak_lock for each piece. The gray list grows under kmemleak_lock, for other CPUs find gray
 * records while they read their stacks; only the searcher takes from it.
 *
 * Mirrors the scanning part of Linux mm/kmemleak.c. Exercised by the kmemleak suite.
 */
#define pr_fmt(fmt) "kmemleak: " fmt

#include "arch/x86/extable.h"
#include "kernel/current.h"
#include "kernel/kthread.h"
#include "kernel/percpu.h"
#include "kernel/pid.h"
#include "kernel/printk.h"
#include "kernel/rcu.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "mm/debug/kmemleak_internal.h"
#include "mm/phys/deferred.h"
#include "mm/phys/mmzone.h"
#include "mm/phys/page.h"

#define MAX_SCAN_SIZE	PAGE_SIZE
#define SECS_MIN_AGE	5
#define SECS_FIRST_SCAN 60
#define SECS_SCAN_WAIT	600

const unsigned long kmemleak_min_age = SECS_MIN_AGE * HZ;
bool kmemleak_stack_scan = true;
unsigned long kmemleak_period = SECS_SCAN_WAIT * HZ;

static LIST_HEAD(gray_list);		/* L */
static unsigned long last_search;	/* S jiffies when it began */
static struct task_struct *scan_thread; /* S */

static bool should_stop(void)
{
	if (!READ_ONCE(kmemleak_enabled))
		return true;
	return current == scan_thread ? kthread_should_stop() : signal_pending(current);
}

/* ---- one word, one piece ---- */

/* => kmemleak_lock held */
static void make_gray(struct kmemleak_object *object)
{
	if (!list_empty(&object->gray_list))
		return;
	atomic_inc(&object->use_count);
	list_add_tail(&object->gray_list, &gray_list);
}

/* => kmemleak_lock held */
static void count_reference(struct kmemleak_object *object)
{
	if (!object || !color_white(object))
		return;
	object->count++;
	if (color_gray(object))
		make_gray(object);
}

/* Where memory that is recorded can lie: the linear map, vmalloc, the kernel image and execmem. */
static __always_inline bool may_be_address(unsigned long value)
{
	return value >= PAGE_OFFSET && (value < VMEMMAP_START || value >= KERNEL_MAP_BASE);
}

/* => kmemleak_lock held */
static __always_inline void look_at(unsigned long value)
{
	if (unlikely(may_be_address(value)))
		count_reference(kmemleak_lookup(value, false));
	if (unlikely(value >= kmemleak_percpu_min && value < kmemleak_percpu_max))
		count_reference(kmemleak_lookup(value, true));
}

/* The word at p; false: nothing can be read there. No sanitizer sees the load. */
static __always_inline bool load_word(const unsigned long *p, unsigned long *value)
{
	unsigned long word;

	__asm__ goto("1: movq (%[p]), %[w]\n\t" _ASM_EXTABLE_STR("1b", "%l[fault]")
		     : [w] "=r"(word)
		     : [p] "r"(p)
		     : "memory"
		     : fault);
	*value = word;
	return true;
fault:
	return false;
}

/* => kmemleak_lock held */
static void scan_words(unsigned long start, unsigned long end)
{
	unsigned long value;

	for (start = ALIGN(start, sizeof(long)); start + sizeof(long) <= end;
	     start += sizeof(long)) {
		if (likely(load_word((const unsigned long *)start, &value)))
			look_at(value);
		else
			start = (start | (PAGE_SIZE - 1)) + 1 - sizeof(long);
	}
}

static void scan_locked(unsigned long start, unsigned long end)
{
	guard(spinlock_irqsave)(&kmemleak_lock);
	scan_words(start, end);
}

/* Memory that nobody frees. */
static void scan_block(unsigned long start, unsigned long end)
{
	while (start < end) {
		unsigned long next = min(start + MAX_SCAN_SIZE, end);

		scan_locked(start, next);
		start = next;
		cond_resched();
	}
}

/* A part of an object, as long as it is there. */
static void scan_part(struct kmemleak_object *object, unsigned long start, unsigned long end)
{
	while (start < end && !should_stop()) {
		unsigned long next = min(start + MAX_SCAN_SIZE, end);

		scoped_guard(spinlock_irqsave, &object->lock) {
			if (!object->alive)
				return;
			scoped_guard(spinlock, &kmemleak_lock)
				scan_words(start, next);
		}
		start = next;
		cond_resched();
	}
}

static void scan_object(struct kmemleak_object *object)
{
	unsigned int flags = READ_ONCE(object->flags);
	struct kmemleak_scan_area *area;
	int cpu;

	if (flags & OBJECT_NO_SCAN)
		return;
	if (flags & OBJECT_PERCPU) {
		for_each_possible_cpu(cpu) {
			unsigned long copy = object->pointer + __per_cpu_offset[cpu];

			scan_part(object, copy, copy + object->size);
		}
	} else if ((flags & OBJECT_FULL_SCAN) || hlist_empty(&object->area_list)) {
		scan_part(object, object->pointer, object->pointer + object->size);
	} else { /* areas come, but go with the record only, which we hold */
		hlist_for_each_entry_rcu(area, &object->area_list, node)
			scan_part(object, area->start, area->start + area->size);
	}
}

/* ---- roots ---- */

extern char __per_cpu_start[], __per_cpu_end[];

static noinline void scan_percpu_variables(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		scan_block((unsigned long)__per_cpu_start + __per_cpu_offset[cpu],
			   (unsigned long)__per_cpu_end + __per_cpu_offset[cpu]);
}

/* Struct pages of [pfn, end), all in one piece of MAX_SCAN_SIZE. */
static void scan_page_run(struct zone *zone, unsigned long pfn, unsigned long end)
{
	guard(spinlock_irqsave)(&kmemleak_lock);
	for (; pfn < end; pfn++) {
		struct page *page = pfn_to_page(pfn);

		/* Free ones only remember. Zones may overlap: each looks at its own. */
		if (page_zone(page) == zone && page_count(page))
			scan_words((unsigned long)page, (unsigned long)(page + 1));
	}
}

static noinline void scan_struct_pages(void)
{
	const unsigned long run = MAX_SCAN_SIZE / sizeof(struct page);
	struct zone *zone;

	BUILD_BUG_ON(PAGES_PER_SUBSECTION % (MAX_SCAN_SIZE / sizeof(struct page)));
	for_each_populated_zone(zone) {
		unsigned long pfn = zone->zone_start_pfn, end = zone_end_pfn(zone), next;

		for (; pfn < end && !should_stop(); pfn = next) {
			next = min(ALIGN(pfn + 1, run), end);
			if (pfn_valid(pfn))
				scan_page_run(zone, pfn, next);
			cond_resched();
		}
	}
}

/* On each CPU, interrupts off: what runs here, from this call up. The clobbers make the registers lie in this frame. */
static noinline void scan_this_stack(void *unused)
{
	unsigned long top = (unsigned long)current->stack + THREAD_SIZE, sp;

	__asm__ __volatile__("movq %%rsp, %0" : "=r"(sp)::"rbx", "r12", "r13", "r14", "r15");
	if (sp >= (unsigned long)current->stack && sp < top)
		scan_locked(sp, top);
}

static void scan_stack_of(struct task_struct *task)
{
	unsigned long stack = (unsigned long)task->stack, from = stack, sp;
	struct kmemleak_object *object = kmemleak_find_get(stack, false, false);

	if (!object)
		return; /* the first one lies in bss */
	sp = READ_ONCE(task->thread.sp);
	if (!READ_ONCE(task->on_cpu) && sp > stack && sp < stack + THREAD_SIZE)
		from = sp;
	scan_part(object, from, stack + THREAD_SIZE);
	kmemleak_put(object);
}

/* The thread with the lowest number from *nr on, with a reference; NULL at the end. */
static struct task_struct *next_thread_from(int *nr)
{
	struct task_struct *task = NULL;
	struct pid *pid;

	guard(rcu)();
	while (!task && (pid = find_ge_pid(*nr)) != NULL) {
		*nr = pid->nr + 1;
		task = pid_task(pid, PIDTYPE_PID);
	}
	return task ? get_task_struct(task) : NULL;
}

static noinline void scan_stacks(void)
{
	struct task_struct *task;
	int nr = 1;

	while (!should_stop() && (task = next_thread_from(&nr)) != NULL) {
		scan_stack_of(task);
		put_task_struct(task);
		cond_resched();
	}
	on_each_cpu(scan_this_stack, NULL, true);
}

/* ---- the search ---- */

static noinline void whiten_all(void)
{
	struct kmemleak_object *object = NULL;

	while ((object = kmemleak_next(object, 0)) != NULL) {
		guard(spinlock_irqsave)(&kmemleak_lock);
		object->count = 0;
		object->flags &= ~OBJECT_STABLE;
		if (color_gray(object) && (object->flags & OBJECT_ALLOCATED))
			make_gray(object);
	}
}

static struct kmemleak_object *take_gray(void)
{
	struct kmemleak_object *object;

	guard(spinlock_irqsave)(&kmemleak_lock);
	object = list_first_entry_or_null(&gray_list, struct kmemleak_object, gray_list);
	if (object)
		list_del_init(&object->gray_list);
	return object;
}

/* Empties the list, whether it is told to stop or not. */
static noinline void scan_gray_list(void)
{
	struct kmemleak_object *object;

	while ((object = take_gray()) != NULL) {
		if (!should_stop())
			scan_object(object);
		kmemleak_put(object);
		cond_resched();
	}
}

/* FNV-1a over words. False: it was freed meanwhile. */
static bool sum_part(struct kmemleak_object *object, unsigned long start, unsigned long end,
		     u64 *sum)
{
	while (start < end) {
		unsigned long next = min(start + MAX_SCAN_SIZE, end), word;

		guard(spinlock_irqsave)(&object->lock);
		if (!object->alive)
			return false;
		for (; start + sizeof(word) <= next; start += sizeof(word))
			if (load_word((const unsigned long *)start, &word))
				*sum = (*sum ^ word) * 0x100000001b3ULL;
		start = next;
	}
	return true;
}

/* Have the bytes changed since they were last looked at? Not 0 from then on. */
static bool update_checksum(struct kmemleak_object *object)
{
	u64 sum = 0xcbf29ce484222325ULL;
	u32 before = object->checksum;
	int cpu;

	if (object->flags & OBJECT_PERCPU) {
		for_each_possible_cpu(cpu) {
			unsigned long copy = object->pointer + __per_cpu_offset[cpu];

			if (!sum_part(object, copy, copy + object->size, &sum))
				return false;
		}
	} else if (!sum_part(object, object->pointer, object->pointer + object->size, &sum)) {
		return false;
	}
	object->checksum = (sum ^ sum >> 32) ?: 1;
	return object->checksum != before;
}

static bool is_white(struct kmemleak_object *object)
{
	guard(spinlock_irqsave)(&kmemleak_lock);
	return color_white(object) && (object->flags & OBJECT_ALLOCATED);
}

static noinline void spare_changed(void)
{
	struct kmemleak_object *object = NULL;

	while ((object = kmemleak_next(object, 0)) != NULL) {
		bool changed;

		if (!is_white(object))
			continue;
		changed = update_checksum(object);
		guard(spinlock_irqsave)(&kmemleak_lock);
		if (!color_white(object))
			continue;
		if (changed) {
			object->count = object->min_count;
			make_gray(object);
		} else {
			object->flags |= OBJECT_STABLE;
		}
	}
}

bool kmemleak_search(void)
{
	deferred_init_wait();
	last_search = jiffies;
	whiten_all();
	scan_percpu_variables();
	scan_struct_pages();
	if (kmemleak_stack_scan)
		scan_stacks();
	scan_gray_list();
	spare_changed();
	scan_gray_list();
	if (!should_stop())
		return true;
	whiten_all(); /* counts of half a search say nothing */
	scan_gray_list();
	return false;
}

bool kmemleak_unreferenced(const struct kmemleak_object *object)
{
	return (object->flags & OBJECT_ALLOCATED) && (object->flags & OBJECT_STABLE) &&
	       color_white(object);
}

bool kmemleak_reported(struct kmemleak_object *object)
{
	guard(spinlock_irqsave)(&kmemleak_lock);
	return (object->flags & OBJECT_REPORTED) && kmemleak_unreferenced(object);
}

void kmemleak_report_new(unsigned long min_age)
{
	struct kmemleak_object *object = NULL;
	unsigned int found = 0;

	while ((object = kmemleak_next(object, 0)) != NULL) {
		guard(spinlock_irqsave)(&kmemleak_lock);
		if (!kmemleak_unreferenced(object) || (object->flags & OBJECT_REPORTED) ||
		    time_after(object->jiffies + min_age, last_search))
			continue;
		object->flags |= OBJECT_REPORTED;
		found++;
	}
	if (!found)
		return;
	kmemleak_found_leaks = true;
	pr_info("%u new suspected memory leaks (see /sys/kernel/debug/kmemleak)\n", found);
}

/* ---- the thread ---- */

static void wait_or_stop(unsigned long timeout)
{
	while (timeout) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		timeout = schedule_timeout(timeout);
	}
	__set_current_state(TASK_RUNNING);
}

/* Who stops the thread holds scan_mutex, so it is never waited for. */
static bool lock_or_stop(void)
{
	while (!mutex_trylock(&scan_mutex)) {
		if (kthread_should_stop())
			return false;
		wait_or_stop(1);
	}
	return true;
}

static int scan_thread_fn(void *unused)
{
	static bool first = true;

	set_user_nice(current, 10);
	if (first) {
		first = false;
		wait_or_stop(SECS_FIRST_SCAN * HZ);
	}
	while (!kthread_should_stop()) {
		if (!lock_or_stop())
			break;
		if (kmemleak_search())
			kmemleak_report_new(kmemleak_min_age);
		mutex_unlock(&scan_mutex);
		wait_or_stop(READ_ONCE(kmemleak_period));
	}
	return 0;
}

void kmemleak_start_thread(void)
{
	struct task_struct *task;

	if (scan_thread)
		return;
	task = kthread_create(scan_thread_fn, NULL, "kmemleak");
	if (IS_ERR(task)) {
		pr_warn("Failed to create the scan thread\n");
		return;
	}
	scan_thread = task;
	wake_up_process(task);
}

void kmemleak_stop_thread(void)
{
	if (scan_thread)
		kthread_stop(scan_thread);
	scan_thread = NULL;
}
