#!/usr/bin/env python3
"""Turn `nm -n` of a kernel link into an assembly file with its function names.

usage: nm -n quire.elf | kallsyms.py > kallsyms.S        (no input: an empty table, for the first link)

The table lets an oops print `name+0x12/0x34` for an address. Three symbols, all in section .kallsyms
(the end of .rodata):
    u32  kallsyms_num        how many entries
    u32  kallsyms_offsets[]  address - _text, ascending; one entry more than kallsyms_num, the end of
                             the last function, so that sizes are differences
    char kallsyms_names[]    the names in the same order, each ended by a zero byte
Only functions of the high kernel (text and init text) are listed. The size depends on the names alone, so
a second link with the real offsets moves nothing. Mirrors scripts/kallsyms.c of Linux.
"""
import sys

SKIP = ("__pfx_", ".L", "$")
# Marks that linker.ld puts at the address of a function: the function's own name is wanted.
LINKER = {"_stext", "_etext", "_sinittext", "__init_begin", "__entry_text_start", "__entry_text_end"}


def read_symbols(lines):
    """=> (address of _text, end of init text, [(address, name)] ascending, one name per address)."""
    marks, funcs = {}, {}
    for line in lines:
        fields = line.split()
        if len(fields) != 3:
            continue
        addr, kind, name = int(fields[0], 16), fields[1], fields[2]
        if name in ("_text", "_einittext"):
            marks[name] = addr
            continue
        if kind not in "tTwW" or name.startswith(SKIP) or name in LINKER or addr < 0xFFFFFFFF80000000:
            continue
        # An alias keeps the global name: it is the one that a reader greps for.
        if addr not in funcs or kind in "TW":
            funcs[addr] = name
    return marks, sorted(funcs.items())


def main():
    marks, funcs = read_symbols(sys.stdin)
    base = marks.get("_text", 0)
    inside = [(a, n) for a, n in funcs if base <= a < marks.get("_einittext", 0)]
    end = marks.get("_einittext", base)
    out = ["/* Made by tools/kallsyms.py from the symbol table of the previous link. */",
           '\t.section .kallsyms, "a", @progbits',
           "\t.globl kallsyms_num, kallsyms_offsets, kallsyms_names",
           "\t.balign 8", "kallsyms_num:", f"\t.long {len(inside)}",
           "\t.balign 4", "kallsyms_offsets:"]
    out += [f"\t.long {addr - base:#x}" for addr, _ in inside]
    out += [f"\t.long {end - base:#x}", "kallsyms_names:"]
    out += [f'\t.asciz "{name}"' for _, name in inside]
    out += ["\t.byte 0", '\t.section .note.GNU-stack, "", @progbits', ""]
    sys.stdout.write("\n".join(out))


if __name__ == "__main__":
    main()
