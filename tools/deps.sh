#!/bin/sh
# Install the packages that are missing: deps.sh [run|test|gdb|bench|debian|lint|all] (default all).
#
# Plain sh and nothing else, since on a bare machine there is neither a compiler nor Python yet. A package is missing when the
# file or command that it is wanted for is not there, so tools installed in another way are respected. Nothing missing: silent
# and at once. Otherwise says what and why, then asks apt (through sudo when not root). Without apt: the list, and status 1.
# The names are those of Debian 12 and later and of Ubuntu 22.04 and later.
set -u

purpose=${1:-all}

# purposes | what must be there (a command or a path) | package | why
table() {
	cat <<-'END'
	run test gdb bench lint|gcc|gcc|compiles the kernel
	run test gdb bench|ld|binutils|links the kernel
	run test gdb bench lint|/usr/include/stdio.h|libc6-dev|C library for the programs that run on the host
	run test gdb bench lint|/usr/bin/python3|python3|small build steps and the test runner
	run test gdb bench|qemu-system-x86_64|qemu-system-x86|the machine that Quire runs in
	run test gdb bench|/usr/share/seabios/bios-256k.bin|seabios|its BIOS
	run test gdb bench|grub-mkimage|grub-common|makes the boot loader's images
	run test gdb bench|/usr/lib/grub/i386-pc/multiboot2.mod|grub-pc-bin|the boot loader for BIOS
	run test gdb bench|/usr/lib/grub/x86_64-efi/multiboot2.mod|grub-efi-amd64-bin|the boot loader for UEFI
	run test gdb bench|xorriso|xorriso|writes the ISO
	run test gdb bench|mformat|mtools|writes the EFI partition of the ISO
	run test gdb bench lint|musl-gcc|musl-tools|C library for the programs that run inside
	run test gdb bench|busybox|busybox-static|shell and tools inside
	run test|/usr/share/ovmf/OVMF.fd|ovmf|UEFI firmware for QEMU
	bench|linux-headers|linux-headers-amd64|compiles the module that measures Linux from the inside
	test bench debian|/sbin/mke2fs|e2fsprogs|makes and checks disk images
	test debian|/usr/sbin/debootstrap|debootstrap|installs Debian into a folder
	test gdb|gdb|gdb|looks into the running kernel
	test|/usr/lib/python3/dist-packages/pytest|python3-pytest|runs the boot tests
	test|/usr/lib/python3/dist-packages/xdist|python3-pytest-xdist|runs several of them at once
	test|/usr/lib/python3/dist-packages/pexpect|python3-pexpect|talks to the console in the boot tests
	test lint|clang|clang|the second compiler (make LLVM=1), and libFuzzer's
	test|libfuzzer|libclang-rt-dev|libFuzzer, for the host tests
	lint|clang-format|clang-format|checks the format
	lint|clang-tidy|clang-tidy|checks the code
	lint|cppcheck|cppcheck|checks the code
	END
}

present() {
	case $1 in
	/*) [ -e "$1" ] ;;
	busybox) # the static one: a dynamic busybox cannot run inside
		[ -x /bin/busybox ] && ! head -c 4096 /bin/busybox | grep -q -a /ld-linux ;;
	libfuzzer) # in Ubuntu 22.04 it comes with clang
		ls "$(clang -print-runtime-dir 2>/dev/null)"/libclang_rt.fuzzer* >/dev/null 2>&1 ||
			grep -q '^VERSION_ID="22.04"' /etc/os-release 2>/dev/null ;;
	linux-headers) # the kernel that `make bench` compares with is Debian's; elsewhere there is nothing to compile for
		! grep -q '^ID=debian' /etc/os-release 2>/dev/null || ls -d /usr/src/linux-headers-*-amd64 >/dev/null 2>&1 ;;
	*) command -v "$1" >/dev/null 2>&1 ;;
	esac
}

packages='' reasons=''
while IFS='|' read -r purposes what package why; do
	case " $purposes all " in
	*" $purpose "*) ;;
	*) continue ;;
	esac
	present "$what" && continue
	packages="$packages $package"
	reasons="$reasons$(printf '  %-20s %s' "$package" "$why")
"
done <<END
$(table)
END

[ -n "$packages" ] || exit 0

echo "Quire needs packages that are not installed:"
printf '%s' "$reasons"
if ! command -v apt-get >/dev/null 2>&1; then
	echo "There is no apt here: install these, or what this system calls them, and try again."
	exit 1
fi

sudo=''
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "Not root and no sudo. As root, run: apt-get install --no-install-recommends$packages"
		exit 1
	fi
	sudo=sudo
fi
echo "Installing them now: ${sudo:+$sudo }apt-get install --no-install-recommends$packages"
$sudo apt-get update -q || echo "apt-get update failed; trying with the package lists that are here"
# shellcheck disable=SC2086  # a list of words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages || {
	echo "apt could not install them; see its messages above, then try again: make deps"
	exit 1
}
