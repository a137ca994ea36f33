#!/bin/sh
# Run an ISO in QEMU: qemu.sh [ISO]. The one place that knows QEMU's options; everything is set by variables:
#
#   MEM=512M         memory, also more than the host has (it is reserved only when the guest touches it)
#   CPUS=2           processors
#   CPU=max          model (qemu64, max, host with ACCEL=kvm)
#   NODES=1          NUMA nodes: memory and processors are split evenly; 0: QEMU_ARGS says -object and -numa
#   ACCEL=tcg        or kvm
#   FIRMWARE=bios    or uefi (OVMF)
#   DISK=            a raw disk image, as virtio-blk
#   MACHINE=q35      or pc
#   QEMU_ARGS=       further words for QEMU, split at blanks
#   MODE=            empty: console on this terminal. ^C goes to the guest, ^A x ends QEMU, a reboot reboots.
#                    test: the same without QEMU's monitor keys; a reboot or a triple fault ends QEMU
#                          (unless REBOOT=1). QEMU's own status:
#                          33 the kernel reported success on isa-debug-exit, 35 failure, 0 power off.
#                    gdb: as the empty mode, but paused, with gdb's port on $GDBPORT and the console on a socket
#   QEMU=            the emulator
#
# Status in the empty mode: 0 after power off or a reported success, 1 after a reported failure.
set -eu

O=${O:-build}
iso=${1:-$O/quire.iso}
MEM=${MEM:-512M} CPUS=${CPUS:-2} NODES=${NODES:-1} ACCEL=${ACCEL:-tcg} FIRMWARE=${FIRMWARE:-bios}
MACHINE=${MACHINE:-q35} DISK=${DISK:-} MODE=${MODE:-} QEMU=${QEMU:-qemu-system-x86_64} QEMU_ARGS=${QEMU_ARGS:-}
[ "$ACCEL" = tcg ] && CPU=${CPU:-max} || CPU=${CPU:-host}

fail() {
	echo "qemu.sh: $*" >&2
	exit 2
}

# Memory in MiB; QEMU's suffixes M, G, T; a bare number is MiB.
case $MEM in
*[mM]) mib=${MEM%?} ;;
*[gG]) mib=$((${MEM%?} * 1024)) ;;
*[tT]) mib=$((${MEM%?} * 1048576)) ;;
*[!0-9]* | '') fail "MEM=$MEM: a size is a number with M, G or T" ;;
*) mib=$MEM ;;
esac

set -- -accel "$ACCEL" -cpu "$CPU" -smp "$CPUS" -m "${mib}M" -cdrom "$iso" -boot d -nodefaults -display none \
	-vga none -device isa-debug-exit,iobase=0xf4,iosize=0x04

# Without reserve=off Linux refuses to promise more memory than the machine has.
if [ "$NODES" -gt 1 ]; then
	set -- "$@" -machine "$MACHINE"
	node=0 cpu=0
	while [ $node -lt "$NODES" ]; do
		size=$((mib / NODES)) last=$((CPUS * (node + 1) / NODES - 1))
		[ $node -gt 0 ] || size=$((mib - size * (NODES - 1)))
		set -- "$@" -object "memory-backend-ram,id=ram$node,size=${size}M,reserve=off"
		if [ $last -ge $cpu ]; then
			set -- "$@" -numa "node,nodeid=$node,memdev=ram$node,cpus=$cpu-$last"
		else
			set -- "$@" -numa "node,nodeid=$node,memdev=ram$node"
		fi
		node=$((node + 1)) cpu=$((last + 1))
	done
elif [ "$NODES" -eq 0 ]; then
	set -- "$@" -machine "$MACHINE"
else
	set -- "$@" -object "memory-backend-ram,id=ram0,size=${mib}M,reserve=off" -machine "$MACHINE,memory-backend=ram0"
fi

case $FIRMWARE in
bios) ;;
uefi)
	for ovmf in ${OVMF:-} /usr/share/ovmf/OVMF.fd /usr/share/OVMF/OVMF.fd /usr/share/qemu/OVMF.fd \
		/usr/share/edk2/x64/OVMF.fd ''; do
		[ -f "$ovmf" ] && break
	done
	[ -n "$ovmf" ] || fail "FIRMWARE=uefi: no OVMF.fd found; run: make deps"
	set -- "$@" -bios "$ovmf"
	;;
*) fail "FIRMWARE=$FIRMWARE: bios or uefi" ;;
esac

if [ -n "$DISK" ]; then
	[ -f "$DISK" ] || fail "DISK=$DISK: no such file"
	set -- "$@" -drive "file=$DISK,format=raw,if=none,id=disk0" -device virtio-blk-pci,drive=disk0
fi

# shellcheck disable=SC2086  # split on purpose
case $MODE in
test)
	[ -n "${REBOOT:-}" ] || set -- "$@" -no-reboot
	exec "$QEMU" "$@" -chardev stdio,id=con,signal=off -serial chardev:con $QEMU_ARGS
	;;
gdb)
	exec "$QEMU" "$@" -chardev "socket,id=con,path=$O/console.sock,server=on,wait=off,logfile=$O/console.log" \
		-serial chardev:con -gdb "tcp:127.0.0.1:${GDBPORT:-1234}" -S $QEMU_ARGS
	;;
'')
	echo "qemu.sh: $mib MiB, $CPUS CPUs, $FIRMWARE; ^C goes to the guest, ^A x ends QEMU"
	status=0
	"$QEMU" "$@" -chardev stdio,mux=on,id=con,signal=off -serial chardev:con -mon chardev=con $QEMU_ARGS || status=$?
	case $status in
	33) exit 0 ;;
	35) exit 1 ;;
	*) exit $status ;;
	esac
	;;
*) fail "MODE=$MODE: test, gdb or nothing" ;;
esac
