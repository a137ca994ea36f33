"""gdb commands for Quire: the memory manager's structures as a person wants to see them.

Loaded by `make gdb`. Every command reads the stopped machine's memory through gdb and changes nothing; a list that does
not close, or a pointer that leads nowhere, is reported at the element instead of being followed for ever. `help q` lists
the commands. tests/boot/test_gdb.py compares what they print with the kernel's own /proc files.
"""
import gdb

PAGE_SHIFT = 12
PAGE_OFFSET = 0xFFFF888000000000
VMEMMAP = 0xFFFFEA0000000000
IMAGE_START, IMAGE_PHYS = 0xFFFFFFFF81000000, 0x200000
FRAME_MASK = 0x000FFFFFFFFFF000
STRUCT_PAGE = 64
LIST_LIMIT = 1 << 20


class Trouble(Exception):
    """Something in the machine's memory is not as it must be, or is not there yet."""


def symbol(name):
    try:
        return gdb.parse_and_eval(name)
    except gdb.error as e:
        raise Trouble(f"{name}: {e}")


def number(value):
    return int(value) & 0xFFFFFFFFFFFFFFFF


def field(value, *names):
    """value.a.b..., through atomic_t and the like to the number inside."""
    for name in names:
        value = value[name]
    while value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        value = value[value.type.strip_typedefs().fields()[0]]
    return int(value)


def container_of(node, typename, member):
    typ = gdb.lookup_type(typename)
    for f in typ.fields():
        if f.name == member:
            return gdb.Value(number(node) - f.bitpos // 8).cast(typ.pointer())
    raise Trouble(f"{typename} has no member {member}")


def walk_list(head, typename, member):
    """The elements of a list_head; a broken link ends the walk with a report that names it."""
    head_addr = number(head.address)
    prev, node, seen = head_addr, head["next"], 0
    while number(node) != head_addr:
        if not number(node):
            if seen == 0:
                return  # never initialised: too early in boot
            raise Trouble(f"list broken after element {seen}: {prev:#x}->next is NULL")
        if number(node["prev"]) != prev:
            raise Trouble(f"list broken at {number(node):#x}: ->prev is {number(node['prev']):#x}, not {prev:#x}")
        yield container_of(node, typename, member)
        prev, node, seen = number(node), node["next"], seen + 1
        if seen > LIST_LIMIT:
            raise Trouble(f"list does not end after {LIST_LIMIT} elements")


def read_u64(addr):
    try:
        data = gdb.selected_inferior().read_memory(addr, 8)
    except gdb.MemoryError:
        raise Trouble(f"no memory at {addr:#x}")
    return int.from_bytes(bytes(data), "little")


def text(value):
    return value.string() if number(value) else "-"


def size(n):
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if n >= 1 << shift and not n & ((1 << shift) - 1):
            return f"{n >> shift} {unit}"
    return f"{n} bytes" if n < 1024 else f"{n / 1024:.1f} KiB"


class Command(gdb.Command):
    """One command: the first line of its own __doc__ is what `help q` shows."""

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        try:
            self.run(gdb.string_to_argv(argument))
        except Trouble as trouble:
            print(f"{trouble}")
        except gdb.MemoryError as e:
            print(f"cannot read the machine's memory: {e}")

    def address(self, args, usage):
        if len(args) != 1:
            raise Trouble(f"usage: {usage}")
        try:
            value = gdb.parse_and_eval(args[0])
            if value.type.strip_typedefs().code in (gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_ARRAY):
                value = value.address
            return number(value)
        except gdb.error as e:
            raise Trouble(f"{args[0]}: {e}")


class Prefix(gdb.Command):
    """Quire's commands: q-memblock, q-zones, q-buddy, q-page PFN, q-walk ADDRESS, q-ps.

q-memblock       what memblock knows as memory and as reserved
q-zones          nodes and zones: extent, pages, watermarks
q-buddy          free blocks of each zone by order
q-page PFN       one struct page: flags, counts, owner
q-walk ADDRESS   the page-table walk of an address, level by level
q-ps             the tasks, with their state and kernel stack pointer"""

    def __init__(self):
        super().__init__("q", gdb.COMMAND_DATA, prefix=True)


class Memblock(Command):
    """What memblock knows as memory and as reserved; constant once mem_init() has handed memory over."""

    def run(self, args):
        memblock = symbol("memblock")
        for name in ("memory", "reserved"):
            kind = memblock[name]
            count = int(kind["cnt"])
            print(f"memblock.{name}: {count} regions, {size(number(kind['total_size']))}")
            if not number(kind["regions"]):
                print("  (the array was given back: boot is over)")
                continue
            for i in range(min(count, 4096)):
                r = kind["regions"][i]
                base, length = number(r["base"]), number(r["size"])
                print(f"  [{i:3}] [{base:#018x}-{base + length - 1:#018x}] {size(length):>12} "
                      f"node {int(r['nid'])} flags {int(r['flags']):#x}")


def nodes():
    table = symbol("node_data")
    for nid in range(table.type.range()[1] + 1):
        if number(table[nid]):
            yield nid, table[nid].dereference()


def zones(populated=True):
    for nid, node in nodes():
        array = node["node_zones"]
        for i in range(array.type.range()[1] + 1):
            zone = array[i]
            if not populated or number(zone["present_pages"]):
                yield nid, zone


class Zones(Command):
    """Nodes and zones: extent, pages with and without holes, watermarks."""

    def run(self, args):
        found = False
        for nid, zone in zones():
            found = True
            start = number(zone["zone_start_pfn"])
            end = start + number(zone["spanned_pages"])
            marks = [int(zone["_watermark"][i]) for i in range(3)]
            free = field(zone["vm_stat"][0])
            print(f"Node {nid}, zone {text(zone['name']):>8}  pfn {start:#x}-{end:#x}  spanned {end - start}  "
                  f"present {number(zone['present_pages'])}  managed {field(zone, 'managed_pages')}  free {free}  "
                  f"min/low/high {marks[0]}/{marks[1]}/{marks[2]}")
        if not found:
            print("no zone yet: free_area_init() has not run")


class Buddy(Command):
    """Free blocks of each zone by order, as /proc/buddyinfo; q-buddy -v checks every list."""

    def run(self, args):
        for nid, zone in zones():
            areas = zone["free_area"]
            orders = range(areas.type.range()[1] + 1)
            counts = [number(areas[o]["nr_free"]) for o in orders]
            print(f"Node {nid}, zone {text(zone['name']):>8} " + " ".join(f"{n:6}" for n in counts))
            if "-v" in args:
                self.check(zone, areas, orders, counts)

    def check(self, zone, areas, orders, counts):
        for order in orders:
            lists, found = areas[order]["free_list"], 0
            for kind in range(lists.type.range()[1] + 1):
                for page in walk_list(lists[kind], "struct page", "lru"):
                    found += 1
                    if number(page["private"]) != order:
                        print(f"  order {order}: page {number(page):#x} says it is of order {number(page['private'])}")
            if found != counts[order]:
                print(f"  order {order}: {found} blocks on the lists, nr_free says {counts[order]}")


def enum_names(typename):
    """Value to name for an enum: the first name of a value wins."""
    names = {}
    for f in gdb.lookup_type(typename).fields():
        names.setdefault(f.enumval, f.name)
    return names


class Page(Command):
    """One struct page by frame number: flags by name, counts, what it is used for."""

    def run(self, args):
        pfn = self.address(args, "q-page PFN")
        if not self.written(pfn):
            raise Trouble(f"frame {pfn:#x} has no struct page: no RAM, or boot has not written it yet (mm/phys/deferred.c)")
        addr = VMEMMAP + pfn * STRUCT_PAGE
        read_u64(addr)
        page = gdb.Value(addr).cast(gdb.lookup_type("struct page").pointer()).dereference()
        flags = number(page["flags"])
        names = [n[3:] for v, n in sorted(enum_names("enum pageflags").items()) if n.startswith("PG_") and flags >> v & 1]
        print(f"page {addr:#x}  pfn {pfn:#x}  physical {pfn << PAGE_SHIFT:#x}  virtual {PAGE_OFFSET + (pfn << PAGE_SHIFT):#x}")
        print(f"  flags {flags:#x} ({'|'.join(names) or 'none'})  refcount {field(page, '_refcount')}")
        print(f"  {self.use(page, flags)}")

    def written(self, pfn):
        """pfn_valid() of mm/phys/mmzone.h; before sparse_init() nothing is."""
        per_section, bits = 1 << 27 >> PAGE_SHIFT, 64
        section = pfn // per_section
        if section >= number(gdb.parse_and_eval("nr_mem_sections")):
            return False
        present = number(gdb.parse_and_eval(f"mem_sections[{section}].subsection_map"))
        return present >> (pfn % per_section // (per_section // bits)) & 1

    def use(self, page, flags):
        kind = number(page["page_type"]) & 0xFFFFFFFF
        types = {v: n[5:] for v, n in enum_names("enum pagetype").items()}
        if number(page["compound_head"]) & 1:
            return f"tail of the compound page {number(page['compound_head']) - 1:#x}"
        if kind >> 24 in types and kind != 0xFFFFFFFF:
            name = types[kind >> 24]
            return "free: first of a block of order " + str(number(page["private"])) if name == "buddy" else f"type {name}"
        mapping, mapcount = number(page["mapping"]), field(page, "_mapcount") + 1
        if mapping & 1:
            return f"anonymous, mapped {mapcount} times, index {number(page['index']):#x}, owner {mapping & ~3:#x}"
        if mapping:
            return f"page cache of address_space {mapping:#x}, index {number(page['index']):#x}, mapped {mapcount} times"
        return f"no owner recorded, mapcount {mapcount}"


FLAGS = ((0, "P"), (1, "RW"), (2, "US"), (3, "PWT"), (4, "PCD"), (5, "A"), (6, "D"), (8, "G"), (9, "SPECIAL"), (63, "NX"))


def entry_flags(entry, large):
    words = [name for bit, name in FLAGS if entry >> bit & 1]
    return " ".join(words + (["PSE"] if large else []))


def virtual(physical):
    """An address at which gdb can read this frame: the image's own mapping before the linear map stands."""
    return PAGE_OFFSET + physical


class Walk(Command):
    """The page-table walk of an address, each level decoded; q-walk ADDRESS."""

    def run(self, args):
        addr = self.address(args, "q-walk ADDRESS")
        if not addr >> 47 in (0, 0x1FFFF):
            raise Trouble(f"{addr:#x} is not canonical: bits 63..47 differ")
        table = number(gdb.parse_and_eval("$cr3")) & FRAME_MASK
        print(f"cr3 {table:#x}")
        for name, shift in (("PGD", 39), ("PUD", 30), ("PMD", 21), ("PTE", 12)):
            index = addr >> shift & 511
            entry = read_u64(virtual(table) + 8 * index)
            large = bool(entry >> 7 & 1) and name in ("PUD", "PMD")
            print(f"  {name}[{index:3}] at {table + 8 * index:#x}: {entry:#018x} {entry_flags(entry, large)}")
            if not entry & 1:
                print(f"  not present: {addr:#x} is not mapped" + (" (PROT_NONE)" if entry >> 8 & 1 and name == "PTE" else ""))
                return
            if large or name == "PTE":
                base = entry & FRAME_MASK & ~((1 << shift) - 1)
                print(f"{addr:#x} -> physical {base | addr & ((1 << shift) - 1):#x}, page of {size(1 << shift)}")
                return
            table = entry & FRAME_MASK


STATES = ((0x2, "D"), (0x1, "S"), (0x4, "T"), (0x8, "t"))


def state_letter(task):
    exit_state, state = int(task["exit_state"]), int(task["__state"])
    if exit_state & 0x20:
        return "Z"
    if exit_state & 0x10:
        return "X"
    return next((letter for bit, letter in STATES if state & bit), "R")


class Tasks(Command):
    """The tasks: pid, parent, state, CPU, name; threads follow their leader."""

    def run(self, args):
        init = symbol("init_task")
        print("    PID   PPID S CPU COMMAND          mm                 task")
        self.show(init.address)
        for leader in walk_list(init["tasks"], "struct task_struct", "tasks"):
            signal = leader["signal"]
            threads = [leader]
            if number(signal):
                threads = list(walk_list(signal["thread_head"], "struct task_struct", "thread_node")) or threads
            for task in threads:
                self.show(task)

    def show(self, task):
        parent = task["real_parent"]
        ppid = int(parent["tgid"]) if number(parent) else 0
        print(f"{int(task['pid']):7}{ppid:7} {state_letter(task)} {int(task['cpu']):3} {task['comm'].string():<16} "
              f"{number(task['mm']):#018x} {number(task):#x}")


Prefix()
for command, cls in (("q-memblock", Memblock), ("q-zones", Zones), ("q-buddy", Buddy), ("q-page", Page), ("q-walk", Walk), ("q-ps", Tasks)):
    cls(command)
