#!/usr/bin/env python3
"""Check the floors of the house: a file includes only rooms on its own floor or below. Also: every file opens with a comment.

usage: floors.py        (from the root of the tree; status 1 and one line for each fault)

The floors are those of the design (README.md, "The map of the house"). A few small headers (PRIMITIVES) are needed by everybody and
count as floor 1. mm/debug/ observes all rooms, so it may include any of them, and any room from floor 2 on may call into its headers.
A lower floor that must call an upper one declares an ops table in which the upper one registers.
"""
import os
import re
import sys

FLOORS = {"lib": 0, "arch": 1, "boot": 1, "mm/boot": 2, "mm/phys": 3, "mm/slab": 4, "mm/kva": 5, "mm/cache": 6, "mm/user": 7,
          "mm/reclaim": 8, "mm": 8, "kernel": 9, "tests/kernel": 10, "tests/bench": 10}

PRIMITIVES = {f"kernel/{name}.h" for name in (
    "printk bug init spinlock lockdep percpu current task rcu wait mutex rwsem sched timer syscall smp time ktest params uaccess rlimit cleanup kthread workqueue random "
    "trace trace/kmem trace/sched trace/exceptions").split()}
# Linux has these two in its arch folder: drivers of floor 1 reach their registers and tables through them.
PRIMITIVES |= {"mm/boot/fixmap.h", "mm/boot/early_ioremap.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def floor_of(path):
    """The floor of the deepest room that holds the path; None outside the house."""
    if path in PRIMITIVES:
        return 1
    room = os.path.dirname(path)
    while room:
        if room in FLOORS:
            return FLOORS[room]
        room = os.path.dirname(room)
    return None


def check(path, text):
    own = floor_of(path)
    if path.startswith("mm/debug/"):
        return
    for match in INCLUDE.finditer(text):
        target = match.group(1)
        line = text.count("\n", 0, match.start(1)) + 1
        if target.startswith("mm/debug/"):
            needed = 2
        else:
            needed = floor_of(target)
        if needed is None:
            yield f'{path}:{line}: "{target}": includes are written from the root and name a room'
        elif needed > own:
            yield f"{path}:{line}: floor {own} includes {target} of floor {needed}"


def opens_with_comment(path, text):
    text = text.lstrip()
    if path.endswith((".c", ".h", ".S", ".ld")):
        return text.startswith(("/*", "//"))
    if path.endswith(".py"):
        return re.match(r'(#!.*\n)?(#|""")', text) is not None
    return True


def main():
    faults = []
    for top in ("lib", "arch", "boot", "mm", "kernel", "tests", "user", "tools"):
        for folder, dirs, names in os.walk(top):
            dirs.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                if not name.endswith((".c", ".h", ".S", ".py", ".ld")):
                    continue
                with open(path, encoding="utf-8") as f:
                    text = f.read()
                if not opens_with_comment(path, text):
                    faults.append(f"{path}:1: a file opens with a comment that says what it is")
                if name.endswith((".c", ".h", ".S")) and floor_of(path) is not None:
                    faults += check(path, text)
    print("\n".join(faults), end="\n" if faults else "")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
