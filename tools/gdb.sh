#!/bin/sh
# QEMU paused before its first instruction, and gdb on the kernel's symbols with the project's commands. $O is the build folder;
# the variables of tools/qemu.sh apply. The guest's console goes to $O/console.log and to `make console` in another terminal.
# Leaving gdb ends the machine. GDB= names another gdb, GDB_ARGS= more words for it (`-batch -x script`).
set -eu

O=${O:-build}
gdb=${GDB:-gdb}
export GDBPORT="${GDBPORT:-1234}" MODE=gdb

rm -f "$O/console.sock" "$O/console.log"
tools/qemu.sh "$O/quire.iso" </dev/null >"$O/gdb-qemu.log" 2>&1 &
qemu=$!
trap 'kill $qemu 2>/dev/null || :' EXIT INT TERM
trap '' INT	# ^C is gdb's: it stops the guest

not_started() {
	cat "$O/gdb-qemu.log" >&2
	echo "gdb.sh: QEMU did not start; is port $GDBPORT taken? GDBPORT= chooses another" >&2
	exit 1
}

tries=0
while [ ! -S "$O/console.sock" ]; do
	tries=$((tries + 1))
	if [ $tries -gt 100 ] || ! kill -0 $qemu 2>/dev/null; then not_started; fi
	sleep 0.1
done
# QEMU opens gdb's port after the console, and ends when it cannot.
sleep 0.3
kill -0 $qemu 2>/dev/null || not_started

echo "The guest is paused before its first instruction. Try: break start_kernel, continue, q-memblock."
echo "Its console: tail -f $O/console.log, or in another terminal: make console"

set -- -q "$O/quire.elf" -ex 'set architecture i386:x86-64' -ex "target remote 127.0.0.1:$GDBPORT"
if [ -f tools/gdb/quire.py ]; then
	set -- "$@" -x tools/gdb/quire.py
else
	for script in tools/gdb/*.py; do
		[ -f "$script" ] && set -- "$@" -x "$script"
	done
fi
# shellcheck disable=SC2086  # split on purpose
"$gdb" "$@" ${GDB_ARGS:-}
