/*
 * ZONE_MOVABLE: how much memory the kernel may keep for itself.
 *
 * 1. Pages of programs can be moved elsewhere, most pages of the kernel cannot. Memory from which the kernel's own pages
 *    are kept out stays free to be made into huge pages, or to be unplugged. That is ZONE_MOVABLE, the upper part of
 *    each node; it is empty unless the command line asks for it.
 * 2. kernelcore=SIZE says how much memory stays for everybody, movablecore=SIZE how much becomes movable; SIZE may be N%
 *    of RAM. With both, the one that leaves more to the kernel counts.
 * 3. The kernel's part is spread over the nodes so that each has the same amount, a level, as far as that goes: a
 *    node with less than the level gives all it has, and memory below the highest zone (DMA under DMA32, both under Normal)
 *    is the kernel's in any case. The level is the lowest for which the parts make up the total; we find it by bisection.
 * 4. A node's movable part starts where its first `level` pages of RAM end, rounded up to a block of MAX_PAGE_ORDER, so
 *    that no pageblock belongs to two zones.
 * 5. kernelcore=mirror: RAM that the memory controller keeps twice (EFI_MEMORY_MORE_RELIABLE, or mirror=BASE,SIZE) is the
 *    kernel's, what lies above 4 GiB and is not mirrored is movable. Then the two zones' spans overlap, and only the
 *    range of a frame says which one it is in.
 * 6. movable_node: RAM that firmware calls hot-pluggable is movable. Boot allocates from the bottom until SRAT has said which
 *    that is, and around it afterwards (nodes.c). Without such RAM the other words count.
 *
 * Boot CPU only. Mirrors Linux mm/mm_init.c (find_zone_movable_pfns_for_nodes). Exercised by
 * tests/boot/test_numa.py and the zones suite.
 */
#include "kernel/init.h"
#include "kernel/printk.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/boot/memblock.h"
#include "mm/phys/boot.h"

unsigned long zone_movable_pfn[MAX_NUMNODES];
bool mirrored_kernelcore;
enum zone_type movable_zone;

/* A word's value: pages, or percent of RAM if that is not 0. */
struct core_size {
	unsigned long pages;
	unsigned int percent;
};

static struct core_size kernelcore __initdata, movablecore __initdata;
static bool want_mirror __initdata;
bool movable_node_enabled __initdata;

/* ---- the words ---- */

static int __init parse_core(const char *word, const char *arg, struct core_size *core)
{
	char *rest = NULL;
	unsigned long long size = arg ? memparse(arg, &rest) : 0;

	if (!arg || rest == arg || !size) {
		pr_warn("%s=%s: not a size (number with K, M or G) or N%%, ignored\n", word,
			arg ? arg : "");
		return 0;
	}
	if (streq(rest, "%")) {
		if (size > 100) {
			pr_warn("%s=%s: more than 100%%, ignored\n", word, arg);
			return 0;
		}
		*core = (struct core_size){ .percent = size };
		return 0;
	}
	if (*rest || size >> MAX_PHYSMEM_BITS) {
		pr_warn("%s=%s: not a size up to %lluT or N%%, ignored\n", word, arg,
			1ULL << (MAX_PHYSMEM_BITS - 40));
		return 0;
	}
	*core = (struct core_size){ .pages = PFN_UP(size) };
	return 0;
}

static int __init early_kernelcore(char *arg)
{
	if (arg && streq(arg, "mirror")) {
		want_mirror = true;
		return 0;
	}
	return parse_core("kernelcore", arg, &kernelcore);
}
early_param("kernelcore", early_kernelcore);

static int __init early_movablecore(char *arg)
{
	return parse_core("movablecore", arg, &movablecore);
}
early_param("movablecore", early_movablecore);

static int __init early_movable_node(char *arg)
{
	movable_node_enabled = true;
	memblock_set_bottom_up(true);
	return 0;
}
early_param("movable_node", early_movable_node);

/* ---- sizes ---- */

static unsigned long __init node_ram_below(int nid, unsigned long limit)
{
	unsigned long start, end, pages = 0;
	int i;

	for_each_mem_pfn_range(i, nid, &start, &end, NULL)
		if (start < limit)
			pages += min(end, limit) - start;
	return pages;
}

/* The frame after the first `pages` pages of RAM of a node. */
static unsigned long __init pfn_after(int nid, unsigned long pages)
{
	unsigned long start, end, last = 0;
	int i;

	for_each_mem_pfn_range(i, nid, &start, &end, NULL) {
		if (pages <= end - start)
			return start + pages;
		pages -= end - start;
		last = end;
	}
	return last;
}

/* The kernel's part of a node for this level. */
static unsigned long __init kernel_part(int nid, unsigned long level, unsigned long floor_pfn)
{
	return clamp(level, node_ram_below(nid, floor_pfn), node_ram_below(nid, ~0UL));
}

static unsigned long __init kernel_total(unsigned long level, unsigned long floor_pfn)
{
	unsigned long total = 0;
	int nid;

	for_each_node_state(nid, N_MEMORY) total += kernel_part(nid, level, floor_pfn);
	return total;
}

static unsigned long __init find_level(unsigned long want, unsigned long floor_pfn)
{
	unsigned long low = 0, high = want;

	while (low < high) {
		unsigned long mid = low + (high - low) / 2;

		if (kernel_total(mid, floor_pfn) >= want)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static unsigned long __init core_pages(const struct core_size *core, unsigned long total)
{
	return core->percent ? total / 100 * core->percent + total % 100 * core->percent / 100
			     : min(core->pages, total);
}

/* Pages that the kernel keeps; 0: all. */
static unsigned long __init wanted_kernelcore(void)
{
	unsigned long total = PHYS_PFN(memblock_phys_mem_size());
	unsigned long kernel = core_pages(&kernelcore, total);
	unsigned long movable = core_pages(&movablecore, total);

	if (movable)
		kernel = max(kernel, total - min(total, ALIGN(movable, MAX_ORDER_NR_PAGES)));
	else if (!kernel)
		return 0;
	if (!kernel) /* all movable: what must be the kernel's stays so in any case */
		return 1;
	return kernel < total ? kernel : 0;
}

/* ---- attributes of ranges ---- */

/* The lowest frame of a node that is RAM without this flag (wanted false) or with it. */
static void __init movable_by_flag(enum memblock_flags flag, bool wanted, unsigned long floor_pfn)
{
	struct memblock_region *rgn;

	for_each_mem_region(rgn) {
		unsigned long pfn = max(PFN_UP(rgn->base), floor_pfn), *first;

		if (!!(rgn->flags & flag) != wanted || PFN_PHYS(pfn) >= rgn->base + rgn->size)
			continue;
		first = &zone_movable_pfn[rgn->nid];
		*first = *first ? min(*first, pfn) : pfn;
	}
}

static bool __init any_region(enum memblock_flags flag, bool wanted, phys_addr_t below)
{
	struct memblock_region *rgn;

	for_each_mem_region(rgn)
		if (!!(rgn->flags & flag) == wanted && rgn->base < below)
			return true;
	return false;
}

static void __init movable_by_mirror(void)
{
	if (!any_region(MEMBLOCK_MIRROR, true, ~(phys_addr_t)0)) {
		pr_warn("kernelcore=mirror: the system has no mirrored memory, ignored\n");
		return;
	}
	if (any_region(MEMBLOCK_MIRROR, false, SZ_4G))
		pr_warn("kernelcore=mirror: memory below 4 GiB is not mirrored, and the kernel's "
			"all the same\n");
	mirrored_kernelcore = true;
	movable_by_flag(MEMBLOCK_MIRROR, false, PHYS_PFN(SZ_4G));
}

/* ---- the result ---- */

/* Starts on a block of the highest order, and nothing if no RAM is left above. */
static void __init round_starts(void)
{
	int nid;

	for (nid = 0; nid < MAX_NUMNODES; nid++) {
		unsigned long pfn = ALIGN(zone_movable_pfn[nid], MAX_ORDER_NR_PAGES);

		if (pfn && node_ram_below(nid, ~0UL) == node_ram_below(nid, pfn))
			pfn = 0;
		zone_movable_pfn[nid] = pfn;
	}
}

void __init find_zone_movable_pfns(void)
{
	unsigned long want, floor_pfn, level;
	int nid;

	movable_zone = max_pfn > PHYS_PFN(SZ_4G)    ? ZONE_NORMAL
		       : max_pfn > PHYS_PFN(SZ_16M) ? ZONE_DMA32
						    : ZONE_DMA;
	floor_pfn = zone_low(movable_zone);
	if (movable_node_enabled && any_region(MEMBLOCK_HOTPLUG, true, ~(phys_addr_t)0)) {
		movable_by_flag(MEMBLOCK_HOTPLUG, true, floor_pfn);
	} else if (want_mirror) {
		movable_by_mirror();
	} else {
		want = wanted_kernelcore();
		if (!want)
			return;
		level = find_level(want, floor_pfn);
		for_each_node_state(nid, N_MEMORY)
			zone_movable_pfn[nid] = pfn_after(nid, kernel_part(nid, level, floor_pfn));
	}
	round_starts();
}
