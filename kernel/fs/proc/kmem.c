/*
 * /proc/slabinfo, vmallocinfo, iomem and ioports: who holds kernel memory and physical addresses.
 *
 * slabinfo and vmallocinfo are for root: they show what the kernel does for whom. iomem shows
 * others the names without the addresses. vmallocinfo has all areas in order of address, then the
 * ranges that wait for their TLB flush. "huge", which Linux does not print, marks an area that uses
 * 2 MiB pages as far as there were any.
 *
 * Locks: those of the walks (slab list, vmap areas, resource tree); the callbacks only print.
 * Mirrors parts of Linux mm/slab_common.c, mm/vmalloc.c, kernel/resource.c. Exercised by
 * tests/user/procfs.c.
 */
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "mm/boot/resource.h"
#include "mm/kva/vmalloc.h"
#include "mm/phys/page.h"
#include "mm/slab/slab.h"

static int show_cache(struct kmem_cache *s, const struct slabinfo *i, void *arg)
{
	seq_printf(arg,
		   "%-17s %6lu %6lu %6u %4u %4u : tunables %4u %4u %4u : slabdata %6lu %6lu %6u\n",
		   kmem_cache_name(s), i->active_objs, i->num_objs, i->objsize, i->objects_per_slab,
		   i->pages_per_slab, 0, 0, 0, i->active_slabs, i->num_slabs, 0);
	return 0;
}

static int slabinfo_show(struct seq_file *m, void *v)
{
	seq_puts(m, "slabinfo - version: 2.1\n");
	seq_puts(m,
		 "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
		 " : tunables <limit> <batchcount> <sharedfactor>"
		 " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	return kmem_cache_for_each(show_cache, m);
}

/* " N0=5 N1=3": how many of the area's pages lie on which node. */
static void show_numa_info(struct seq_file *m, const struct vm_struct *area)
{
	unsigned int count[MAX_NUMNODES] = { 0 };
	int nid;

	for (unsigned int i = 0; area->pages && i < area->nr_pages; i++)
		count[page_to_nid(area->pages[i])]++;
	for (nid = 0; nid < MAX_NUMNODES; nid++)
		if (count[nid])
			seq_printf(m, " N%d=%u", nid, count[nid]);
}

static int show_area(const struct vm_struct *area, void *arg)
{
	static const struct {
		unsigned long flag;
		const char *name;
	} words[] = {
		{ VM_IOREMAP, " ioremap" },
		{ VM_ALLOC, " vmalloc" },
		{ VM_MAP, " vmap" },
		{ VM_USERMAP, " user" },
	};
	struct seq_file *m = arg;

	seq_printf(m, "0x%px-0x%px %7lu", area->addr, (char *)area->addr + area->size, area->size);
	if (area->caller)
		seq_printf(m, " %pS", area->caller);
	if (area->nr_pages)
		seq_printf(m, " pages=%u", area->nr_pages);
	if (area->phys_addr)
		seq_printf(m, " phys=0x%016llx", (u64)area->phys_addr);
	for (int i = 0; i < ARRAY_SIZE(words); i++)
		if (area->flags & words[i].flag)
			seq_puts(m, words[i].name);
	if (is_vmalloc_addr(area->pages))
		seq_puts(m, " vpages");
	if (area->page_order)
		seq_puts(m, " huge");
	show_numa_info(m, area);
	seq_putc(m, '\n');
	return seq_has_overflowed(m);
}

static int show_unpurged(unsigned long start, unsigned long end, void *arg)
{
	struct seq_file *m = arg;

	seq_printf(m, "0x%px-0x%px %7lu unpurged vm_area\n", (void *)start, (void *)end,
		   end - start);
	return seq_has_overflowed(m);
}

static int vmallocinfo_show(struct seq_file *m, void *v)
{
	if (!vmalloc_for_each(show_area, m))
		vmap_for_each_unpurged(show_unpurged, m);
	return 0;
}

static int show_resource(struct resource *res, int depth, void *arg)
{
	struct seq_file *m = arg;
	int width = m->private == &ioport_resource ? 4 : 8;
	bool hide = !capable(CAP_SYS_ADMIN);

	seq_printf(m, "%*s%0*llx-%0*llx : %s\n", min(depth, 8) * 2, "", width,
		   hide ? 0ULL : (u64)res->start, width, hide ? 0ULL : (u64)res->end,
		   res->name ? res->name : "<BAD>");
	return 0;
}

static int resource_show(struct seq_file *m, void *v)
{
	return walk_resources(m->private, show_resource, m);
}

static int proc_kmem_init(void)
{
	struct proc_dir_entry *iomem, *ioports;

	proc_create_single("slabinfo", 0400, NULL, slabinfo_show);
	proc_create_single("vmallocinfo", 0400, NULL, vmallocinfo_show);
	iomem = proc_create_single("iomem", 0444, NULL, resource_show);
	ioports = proc_create_single("ioports", 0444, NULL, resource_show);
	if (!iomem || !ioports)
		return -ENOMEM;
	iomem->data = &iomem_resource;
	ioports->data = &ioport_resource;
	return 0;
}
fs_initcall(proc_kmem_init);
