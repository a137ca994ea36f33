#!/bin/sh
# Check the machine before it hangs: a line for each tool that Quire uses, with the remedy when it is missing.
#	doctor.sh		all lines
#	doctor.sh quiet		only what is wrong
# Status 1 when something that `make run` needs is missing or too old. Runs in well under half a second.
set -u

quiet=${1:-}
bad=0
qemu=${QEMU:-qemu-system-x86_64}
lib=${GRUB_LIB:-/usr/lib/grub}

ok() { [ -n "$quiet" ] || printf 'ok       %-14s %s\n' "$1" "$2"; }
# needed NAME WHAT: `make run` cannot work without it.  wanted: only some command needs it.
needed() { printf 'MISSING  %-14s %s\n' "$1" "$2"; bad=1; }
wanted() { [ -n "$quiet" ] || printf 'without  %-14s %s\n' "$1" "$2"; }

# The first number with a dot in what a command prints about itself.
version() { "$@" 2>/dev/null | sed -n 's/^.*[ (v]\([0-9][0-9]*\.[0-9.]*\).*/\1/p' | head -n 1; }

# tool needed|wanted NAME PACKAGE REASON: a command, and its version
tool() {
	if command -v "$2" >/dev/null 2>&1; then
		ok "$2" "$(version "$2" --version)"
	else
		"$1" "$2" "$4; remedy: apt install $3"
	fi
}

# path needed|wanted NAME PATH PACKAGE REASON: a file or a folder
path() {
	if [ -e "$3" ]; then ok "$2" "$3"; else "$1" "$2" "$5; remedy: apt install $4"; fi
}

tool needed gcc gcc "compiles the kernel"
tool needed ld binutils "links the kernel"
tool needed musl-gcc musl-tools "compiles what runs inside"
tool needed xorriso xorriso "writes the ISO"
tool needed mformat mtools "writes the EFI partition"
tool needed grub-mkimage grub-common "makes the boot loader's images"
path needed grub-bios "$lib/i386-pc/multiboot2.mod" grub-pc-bin "GRUB for BIOS"
path wanted grub-uefi "$lib/x86_64-efi/multiboot2.mod" grub-efi-amd64-bin "GRUB for UEFI, FIRMWARE=uefi"

if ! command -v "$qemu" >/dev/null 2>&1; then
	needed qemu "the machine to run in; remedy: apt install qemu-system-x86"
else
	v=$(version "$qemu" --version)
	major=${v%%.*} minor=${v#*.} minor=${minor%%.*}
	if [ "${major:-0}" -gt 6 ] || { [ "${major:-0}" = 6 ] && [ "${minor:-0}" -ge 1 ]; }; then
		ok qemu "$v"
	else
		needed qemu "version ${v:-unknown}, at least 6.1 is needed; remedy: a newer system, or QEMU=/path/to/qemu-system-x86_64"
	fi
fi

ovmf=''
for f in ${OVMF:-} /usr/share/ovmf/OVMF.fd /usr/share/OVMF/OVMF.fd /usr/share/qemu/OVMF.fd /usr/share/edk2/x64/OVMF.fd; do
	[ -z "$ovmf" ] && [ -f "$f" ] && ovmf=$f
done
if [ -n "$ovmf" ]; then ok ovmf "$ovmf"; else wanted ovmf "UEFI firmware, FIRMWARE=uefi; remedy: apt install ovmf"; fi

if [ ! -x /bin/busybox ]; then
	needed busybox "the shell inside; remedy: apt install busybox-static"
elif head -c 4096 /bin/busybox | grep -q -a /ld-linux; then
	needed busybox "is dynamic, the static one is wanted; remedy: apt install busybox-static"
else
	ok busybox "$(/bin/busybox 2>/dev/null | sed -n '1s/^BusyBox v\([0-9.]*\).*/\1, static/p')"
fi

if [ -x /usr/bin/python3 ]; then
	ok python3 "$(version /usr/bin/python3 --version) (/usr/bin/python3)"
	for module in $(/usr/bin/python3 -S -c '
import os
for m, p in ("pytest", "pytest"), ("xdist", "pytest-xdist"), ("pexpect", "pexpect"):
    if not os.path.isdir("/usr/lib/python3/dist-packages/" + m): print(p)'); do
		wanted "$module" "make test; remedy: apt install python3-$module"
	done
else
	needed python3 "small build steps; remedy: apt install python3"
fi

if ! command -v gdb >/dev/null 2>&1; then
	wanted gdb "make gdb; remedy: apt install gdb"
elif gdb -nx -batch -ex 'set architecture i386:x86-64' 2>&1 | grep -q -i 'undefined item'; then
	wanted gdb "does not know i386:x86-64; remedy: apt install gdb-multiarch, then GDB=gdb-multiarch"
else
	ok gdb "$(version gdb --version), knows i386:x86-64"
fi

tool wanted clang clang "make LLVM=1, the host tests"
tool wanted clang-format clang-format "make format, make lint"
tool wanted clang-tidy clang-tidy "make lint"
tool wanted cppcheck cppcheck "make lint"

if [ -w /dev/kvm ]; then ok kvm "/dev/kvm (ACCEL=kvm)"; else wanted kvm "ACCEL=kvm (not needed: QEMU's own translator is the default)"; fi
exit $bad
