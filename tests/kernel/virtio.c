/*
 * Suite virtio: split virtqueues against a device that is played here: it takes chains from the avail ring, checks every descriptor,
 * and gives them back in any order, or breaks the rules on purpose.
 *
 * The driver's side keeps what it put into each slot; whatever comes back must be a slot that is out. Bells and interrupts are
 * compared with what the other side has asked for by its event index.
 */
#include "arch/x86/numa.h"
#include "arch/x86/page.h"
#include "kernel/dev/virtio.h"
#include "kernel/ktest.h"
#include "lib/errno.h"
#include "lib/random.h"
#include "lib/string.h"

#define RING	16
#define MOST	64 /* chains that the played device holds */
#define ROUNDS	3000
#define MANY	200 /* slots, descriptors: more than there is room for */
#define PATTERN 0x1000ULL

static struct toy {
	struct device dev;
	struct virtio_device vdev;
	struct virtqueue vq;
	struct rnd_state rnd;
	u16 bell, taken, used;
	unsigned int held[MOST], nr_held; /* heads that the device has */
	unsigned int nr_descs[MOST], out; /* by slot: its chain; how many are out */
	unsigned int broke;
} toy;

static void toy_broke(struct virtio_device *vdev)
{
	toy.broke++;
}

static bool toy_start(struct ktest *t, unsigned int size, bool indirect, bool event)
{
	memset(&toy, 0, sizeof(toy));
	device_initialize(&toy.dev, "toy", DMA_BIT_MASK(64), NUMA_NO_NODE);
	prandom_seed_state(&toy.rnd, t->seed);
	strscpy(toy.vdev.name, "toy", sizeof(toy.vdev.name));
	toy.vdev.vqs = &toy.vq;
	toy.vdev.nr_vqs = 1;
	toy.vdev.broke = toy_broke;
	toy.vq.vdev = &toy.vdev;
	toy.vq.size = size;
	toy.vq.indirect = indirect;
	toy.vq.event = event;
	toy.vq.notify = &toy.bell;
	KTEST_EXPECT_EQ(t, virtqueue_init(&toy.vq, &toy.dev, MANY, MANY), 0);
	return !t->failed;
}

static void toy_stop(void)
{
	virtqueue_free(&toy.vq, &toy.dev);
}

static u16 *device_event(void)
{
	return (u16 *)&toy.vq.used->ring[toy.vq.size];
}

/* ---- the driver's side ---- */

static void driver_add(struct ktest *t, unsigned int slot)
{
	struct vring_desc *table = virtqueue_table(&toy.vq, slot);
	unsigned int n = 1 + prandom_below(&toy.rnd, toy.vq.slot_descs), i;

	for (i = 0; i < n; i++) {
		table[i].addr = PATTERN * (slot + 1) + i;
		table[i].len = i + 1;
		table[i].flags = i + 1 < n ? VRING_DESC_F_NEXT : VRING_DESC_F_WRITE;
	}
	toy.nr_descs[slot] = n;
	toy.out++;
	KTEST_EXPECT_EQ(t, virtqueue_add(&toy.vq, slot, n, n), 0);
}

static int driver_get(u32 *len, const char **why)
{
	guard(spinlock_irqsave)(&toy.vq.lock);
	return virtqueue_get(&toy.vq, len, why);
}

static bool driver_enable(void)
{
	guard(spinlock_irqsave)(&toy.vq.lock);
	return virtqueue_enable_cb(&toy.vq);
}

/* ---- the device's side ---- */

/* Follows a chain: the descriptors that the driver filled, all of them, in order. */
static unsigned int device_follow(struct ktest *t, unsigned int head)
{
	const struct vring_desc *table = toy.vq.desc, *d = &table[head];
	unsigned int room = toy.vq.size, n = 0, slot, at = head;

	if (d->flags & VRING_DESC_F_INDIRECT) {
		KTEST_EXPECT_EQ(t, d->len % sizeof(*d), 0UL);
		table = phys_to_virt(d->addr);
		room = d->len / sizeof(*d);
		at = 0;
	}
	slot = table[at].addr / PATTERN - 1;
	for (;; at = table[at].next) {
		if (at >= room) {
			KTEST_EXPECT_LT(t, at, room);
			break;
		}
		KTEST_EXPECT_EQ(t, table[at].addr, PATTERN * (slot + 1) + n);
		KTEST_EXPECT_EQ(t, table[at].len, n + 1);
		n++;
		if (!(table[at].flags & VRING_DESC_F_NEXT))
			break;
	}
	KTEST_EXPECT_EQ(t, n, toy.nr_descs[slot]);
	return slot;
}

static void device_take(struct ktest *t)
{
	while (toy.taken != toy.vq.avail->idx) {
		unsigned int head = toy.vq.avail->ring[toy.taken++ & (toy.vq.size - 1)];

		if (head >= toy.vq.size || toy.nr_held == MOST) {
			KTEST_EXPECT_LT(t, head, toy.vq.size);
			return;
		}
		device_follow(t, head);
		toy.held[toy.nr_held++] = head;
	}
}

static void device_put(u32 id, u32 len)
{
	struct vring_used_elem *e = &toy.vq.used->ring[toy.used & (toy.vq.size - 1)];

	e->id = id;
	e->len = len;
	smp_store_release(&toy.vq.used->idx, ++toy.used);
}

static void device_give_one_back(void)
{
	unsigned int i = prandom_below(&toy.rnd, toy.nr_held), head = toy.held[i];

	toy.held[i] = toy.held[--toy.nr_held];
	device_put(head, 1);
}

/* ---- cases ---- */

static void random_order(struct ktest *t, unsigned int size, bool indirect, bool event)
{
	DECLARE_BITMAP(out, MOST) = {};
	const char *why = NULL;
	unsigned int round;
	int slot;
	u32 len;

	if (!toy_start(t, size, indirect, event))
		return;
	for (round = 0; round < ROUNDS && !t->failed; round++) {
		unsigned int n = prandom_below(&toy.rnd, toy.vq.nr_slots - toy.out + 1);

		while (n--) {
			slot = find_first_zero_bit(out, toy.vq.nr_slots);
			__set_bit(slot, out);
			driver_add(t, slot);
		}
		device_take(t);
		for (n = prandom_below(&toy.rnd, toy.nr_held + 1); n; n--)
			device_give_one_back();
		while ((slot = driver_get(&len, &why)) >= 0) {
			KTEST_EXPECT_TRUE(t, __test_and_clear_bit(slot, out));
			KTEST_EXPECT_EQ(t, len, 1U);
			toy.out--;
		}
		KTEST_EXPECT_NULL(t, why);
		KTEST_EXPECT_EQ(t, toy.out, toy.nr_held);
	}
	KTEST_EXPECT_EQ(t, toy.broke, 0U);
	toy_stop();
}

static void chains_come_back_in_any_order(struct ktest *t)
{
	unsigned int way;

	for (way = 0; way < 4; way++) {
		random_order(t, RING, way & 1, way & 2);
		random_order(t, 4, way & 1, way & 2);
		random_order(t, MOST, way & 1, way & 2);
	}
}

static void a_bell_rings_when_it_was_asked_for(struct ktest *t)
{
	unsigned int slot;

	if (!toy_start(t, RING, true, true))
		return;
	/* "Tell me when you pass 2": the third chain, whether it comes alone or with others. */
	*device_event() = 2;
	for (slot = 0; slot < 5; slot++) {
		driver_add(t, slot);
		KTEST_EXPECT_EQ(t, virtqueue_kick_prepare(&toy.vq), slot == 2);
	}
	*device_event() = 6;
	for (; slot < 8; slot++)
		driver_add(t, slot);
	KTEST_EXPECT_TRUE(t, virtqueue_kick_prepare(&toy.vq));
	KTEST_EXPECT_FALSE(t, virtqueue_kick_prepare(&toy.vq)); /* nothing new */
	virtqueue_notify(&toy.vq);
	/* The driver's own wish is the last that it has seen. */
	device_take(t);
	KTEST_EXPECT_TRUE(t, driver_enable());
	KTEST_EXPECT_EQ(t, toy.vq.avail->ring[RING], 0U);
	device_give_one_back();
	KTEST_EXPECT_FALSE(t, driver_enable());
	toy_stop();

	if (!toy_start(t, RING, true, false))
		return;
	driver_add(t, 0);
	KTEST_EXPECT_TRUE(t, virtqueue_kick_prepare(&toy.vq));
	toy.vq.used->flags = 1; /* no bells, please */
	driver_add(t, 1);
	KTEST_EXPECT_FALSE(t, virtqueue_kick_prepare(&toy.vq));
	toy_stop();
}

/* One chain of slot 3 is out when the device does this. */
static void expect_broken(struct ktest *t, bool indirect, u32 id, u32 len, unsigned int ahead)
{
	unsigned int head = indirect ? 3 : 3 * 3;
	const char *why = NULL;
	u32 got;

	if (!toy_start(t, RING, indirect, true))
		return;
	driver_add(t, 3);
	device_take(t);
	KTEST_EXPECT_EQ(t, toy.held[0], head);
	device_put(id == U32_MAX ? head : id, len);
	if (ahead)
		toy.vq.used->idx += ahead;
	KTEST_EXPECT_EQ(t, driver_get(&got, &why), -1);
	KTEST_EXPECT_NOT_NULL(t, why);
	if (why)
		virtio_break(&toy.vdev, why);
	virtio_break(&toy.vdev, "twice");
	KTEST_EXPECT_EQ(t, toy.broke, 1U);
	KTEST_EXPECT_EQ(t, virtqueue_add(&toy.vq, 0, 1, 0), -EIO);
	KTEST_EXPECT_FALSE(t, virtqueue_kick_prepare(&toy.vq));
	KTEST_EXPECT_EQ(t, driver_get(&got, &why), -1);
	/* The chain is still the driver's to end. */
	spin_lock_irq(&toy.vq.lock);
	KTEST_EXPECT_EQ(t, virtqueue_take_back(&toy.vq), 3);
	KTEST_EXPECT_EQ(t, virtqueue_take_back(&toy.vq), -1);
	spin_unlock_irq(&toy.vq.lock);
	toy_stop();
}

static void broken_rules_are_found(struct ktest *t)
{
	expect_broken(t, true, 4, 0, 0);    /* not out */
	expect_broken(t, true, RING, 0, 0); /* no such slot */
	expect_broken(t, true, 1U << 31, 0, 0);
	expect_broken(t, true, U32_MAX, 1000, 0); /* more than the chain may be written */
	expect_broken(t, true, U32_MAX, 0, 1);	  /* two given back, one was out */
	expect_broken(t, true, U32_MAX, 0, 0xfffe);
	expect_broken(t, false, 10, 0, 0); /* the middle of a chain */
	expect_broken(t, false, 12, 0, 0); /* the next slot */
	expect_broken(t, false, 15, 0, 0); /* the ring's end, no slot */
}

static void rings_too_small_for_a_chain(struct ktest *t)
{
	memset(&toy, 0, sizeof(toy));
	device_initialize(&toy.dev, "toy", DMA_BIT_MASK(64), NUMA_NO_NODE);
	toy.vq.size = 2;
	KTEST_EXPECT_EQ(t, virtqueue_init(&toy.vq, &toy.dev, 1, 3), -EINVAL);
	toy.vq.indirect = true;
	KTEST_EXPECT_EQ(t, virtqueue_init(&toy.vq, &toy.dev, 1, 3), -EINVAL);
}

static const struct ktest_case virtio_cases[] = {
	KTEST_CASE(chains_come_back_in_any_order),
	KTEST_CASE(a_bell_rings_when_it_was_asked_for),
	KTEST_CASE(broken_rules_are_found),
	KTEST_CASE(rings_too_small_for_a_chain),
	{},
};
KTEST_SUITE(virtio, virtio_cases);
