#!/bin/sh
# Make a bootable ISO: mkiso.sh OUT.iso KERNEL [INITRAMFS|-] [COMMAND LINE]
#
# Hybrid: El Torito for BIOS, an EFI system partition for UEFI, an MBR for a USB stick. It is what grub-mkrescue makes, in two
# parts so that the second takes a tenth of a second: GRUB's two images, holding just the modules that Quire needs, are
# made once per GRUB version and kept in $O/grub; each ISO then adds kernel, initramfs and menu with xorriso.
# shellcheck disable=SC2086  # the lists of GRUB modules are split on purpose
set -eu

out=$1 kernel=$2 initramfs=${3:--} cmdline=${4:-}
O=${O:-build}
here=$(dirname "$0")/..
lib=${GRUB_LIB:-/usr/lib/grub}
images=$O/grub

common="normal configfile multiboot2 boot echo test search search_fs_file iso9660 serial terminal terminfo elf gzio"
bios="$common biosdisk part_msdos"
efi="$common part_gpt part_msdos fat all_video efi_gop"

# Remake the images when GRUB or what is built into them changed.
want="$(grub-mkimage --version) $common $bios $efi $(cksum <"$here/iso/early.cfg")"
if [ "$(cat "$images/made-of" 2>/dev/null)" != "$want" ]; then
	rm -rf "$images"
	mkdir -p "$images"
	grep -v '^#' "$here/iso/early.cfg" >"$images/early.cfg"	# this early, GRUB knows no comments
	if [ ! -d "$lib/i386-pc" ] && [ ! -d "$lib/x86_64-efi" ]; then
		echo "mkiso: no GRUB modules in $lib; run: make deps" >&2
		exit 1
	fi
	if [ -d "$lib/i386-pc" ]; then
		grub-mkimage -O i386-pc-eltorito -d "$lib/i386-pc" -p /boot/grub \
			-c "$images/early.cfg" -o "$images/bios.img" $bios
		cp "$lib/i386-pc/boot_hybrid.img" "$images/mbr.img"
	fi
	if [ -d "$lib/x86_64-efi" ]; then
		grub-mkimage -O x86_64-efi -d "$lib/x86_64-efi" -p /boot/grub \
			-c "$images/early.cfg" -o "$images/bootx64.efi" $efi
		size=$(($(wc -c <"$images/bootx64.efi") / 1024 + 96))
		dd if=/dev/zero of="$images/efi.img" bs=1024 count="$size" 2>/dev/null
		mformat -i "$images/efi.img" -T $((size * 2)) -h 2 -s 32 -N 51554952 ::
		mmd -i "$images/efi.img" ::/EFI ::/EFI/BOOT
		mcopy -i "$images/efi.img" "$images/bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI
	fi
	printf '%s\n' "$want" >"$images/made-of"
fi

tree=$out.tree
rm -rf "$tree"
mkdir -p "$tree/boot/grub"
# GRUB keeps what it has read of a file in memory, beside the file's place: unpacked, a machine of 8 MiB is too small for both.
gzip -n <"$kernel" >"$tree/boot/quire.elf"
[ "$initramfs" = - ] || cp "$initramfs" "$tree/boot/initramfs.cpio"
{
	# In single quotes for GRUB's shell; a quote within is ended, escaped and reopened.
	printf "set quire_cmdline='%s'\n" "$(printf '%s' "$cmdline" | sed "s/'/'\\\\''/g")"
	cat "$here/iso/grub.cfg"
} >"$tree/boot/grub/grub.cfg"

set -- -as mkisofs -quiet -r -V QUIRE -o "$out.new"
if [ -f "$images/bios.img" ]; then
	cp "$images/bios.img" "$tree/boot/grub/bios.img"
	set -- "$@" -b boot/grub/bios.img -no-emul-boot -boot-load-size 4 -boot-info-table \
		--grub2-boot-info --grub2-mbr "$images/mbr.img" -c boot/boot.cat
fi
if [ -f "$images/efi.img" ]; then
	set -- "$@" -append_partition 2 0xef "$images/efi.img" -appended_part_as_gpt \
		-eltorito-alt-boot -e --interval:appended_partition_2:all:: -no-emul-boot
fi
log=$(xorriso "$@" "$tree" 2>&1) || {
	printf '%s\n' "$log" >&2
	exit 1
}
mv "$out.new" "$out"
rm -rf "$tree"
