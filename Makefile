# Makefile: builds, runs and tests Quire. `make help` lists what one can ask for.
#
# One file, lists of sources from the folders, all output in $(O). The order below: knobs, tools, flags,
# kernel, user programs, initramfs, ISO, and then the commands. Objects live in a folder named after
# compiler and kind of build, so changing LLVM= or DEBUG= mixes nothing.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

# --- knobs -------------------------------------------------------------------------------------------
O       ?= build#               folder for everything that is made
LLVM    ?=#                     1: clang instead of gcc
DEBUG   ?=#                     1: a debug kernel (CONFIG_DEBUG_VM: assertions, lock-order checks)
KASAN   ?=#                     1: each access to memory is checked (CONFIG_KASAN; docs/debugging.md)
UBSAN   ?=#                     1: array indices, shifts and the like are checked (CONFIG_UBSAN)
V       ?=#                     1: show the commands
EXTRA   ?=#                     a folder whose files go over the initramfs root
CMDLINE ?=#                     words for the kernel command line
CROSS_COMPILE ?= $(if $(filter x86_64 amd64,$(shell uname -m)),,x86_64-linux-gnu-)

# The runner's knobs (tools/qemu.sh describes them); only those that are set are handed on.
RUN_VARS := MEM CPUS CPU ACCEL NODES DISK FIRMWARE MACHINE QEMU QEMU_ARGS GDBPORT
$(foreach v,$(RUN_VARS),$(if $(filter command line,$(origin $(v))),$(eval export $(v))))
# The build's knobs, stripped of the blanks that the comments above leave.
$(foreach v,O LLVM DEBUG KASAN UBSAN V EXTRA,$(eval override $(v) := $(strip $($(v)))))

# --- tools -------------------------------------------------------------------------------------------
ifeq ($(LLVM),1)
CC      := clang --target=x86_64-linux-gnu
KIND    := clang
else
CC      := $(CROSS_COMPILE)gcc
KIND    := gcc
endif
LD      := $(CROSS_COMPILE)ld
NM      := $(CROSS_COMPILE)nm
OBJCOPY := $(CROSS_COMPILE)objcopy
HOSTCC  ?= gcc
MUSLCC  ?= musl-gcc
PYTHON  := $(if $(wildcard /usr/bin/python3),/usr/bin/python3,python3)
Q       := $(if $(filter 1,$(V)),,@)
say      = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

# --- flags -------------------------------------------------------------------------------------------
OBJ := $(O)/obj-$(KIND)$(if $(filter 1,$(DEBUG)),-debug)$(if $(filter 1,$(KASAN)),-kasan)$(if $(filter 1,$(UBSAN)),-ubsan)

WARN   := -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare -Wstrict-prototypes -Wmissing-prototypes
CPPFLAGS := -I. -D__KERNEL__ $(if $(filter 1,$(DEBUG)),-DCONFIG_DEBUG_VM=1) $(if $(filter 1,$(KASAN)),-DCONFIG_KASAN=1) \
	$(if $(filter 1,$(UBSAN)),-DCONFIG_UBSAN=1) $(KCPPFLAGS)
# -nostdinc, but with the compiler's own folder: <stdarg.h>, <stddef.h>, <stdint.h>, <stdbool.h>.
CPPFLAGS += -nostdinc -isystem $(shell $(CC) -print-file-name=include 2>/dev/null)
CFLAGS := -std=gnu11 -O2 -g $(WARN) -ffreestanding -fno-strict-aliasing -fno-common -fno-pic -fno-pie \
	-m64 -mno-red-zone -mcmodel=kernel -mgeneral-regs-only -fno-omit-frame-pointer \
	-fno-optimize-sibling-calls -fno-delete-null-pointer-checks -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fcf-protection=none -fwrapv $(KCFLAGS)

# KASAN: a call in front of each access, red zones around variables on the stack and global ones. The files of KASAN_OFF are
# compiled without (mm/debug/kasan_check.c, 5, says why).
KASAN_OFF := mm/debug/kasan%.c mm/debug/ubsan.c mm/slab/slub%.c mm/slab/slab%.c mm/debug/kmemleak%.c arch/x86/stacktrace.c
KASAN_FLAGS_gcc := -fno-sanitize-address-use-after-scope -fasan-shadow-offset=0xdffffc0000000000 --param asan-instrumentation-with-call-threshold=0 \
	--param asan-stack=1 --param asan-globals=1 --param asan-instrument-allocas=1
KASAN_FLAGS_clang := $(addprefix -mllvm -,asan-mapping-offset=0xdffffc0000000000 asan-instrumentation-with-call-threshold=0 \
	asan-stack=1 asan-globals=1 asan-instrument-dynamic-allocas=1 \
	asan-use-after-scope=0)
KASAN_FLAGS := -fsanitize=kernel-address $(KASAN_FLAGS_$(KIND)) -DKASAN_CHECKED
UBSAN_OFF := mm/debug/kasan%.c mm/debug/ubsan.c
UBSAN_FLAGS := -fsanitize=bounds,shift,integer-divide-by-zero,unreachable,bool,enum
# usage: $(call sanitize,file.c)
sanitize = $(if $(filter 1,$(KASAN)),$(if $(filter $(KASAN_OFF),$(1)),,$(KASAN_FLAGS))) \
	$(if $(filter 1,$(UBSAN)),$(if $(filter $(UBSAN_OFF),$(1)),,$(UBSAN_FLAGS)))
ASFLAGS := -D__ASSEMBLY__ -g -m64 -Wa,--noexecstack
LDFLAGS := -m elf_x86_64 -static -nostdlib -z max-page-size=4096 -z noexecstack --build-id=none \
	--orphan-handling=warn -T linker.ld

# --- kernel ------------------------------------------------------------------------------------------
ROOMS := $(wildcard boot arch mm kernel lib tests/kernel)
# tests/bench/page_*.c, kmem_*.c: benchmarks from the inside, suites like those of tests/kernel.
SRCS  := $(sort $(if $(ROOMS),$(shell find $(ROOMS) -name '*.c' -o -name '*.S')) $(wildcard tests/bench/page_*.c tests/bench/kmem_*.c))
# (A KASAN kernel is not measured.)
SRCS  := $(filter-out $(if $(filter 1,$(KASAN)),tests/bench/%,mm/debug/kasan%.c) $(if $(filter 1,$(UBSAN)),,mm/debug/ubsan.c),$(SRCS))
OBJS  := $(SRCS:%=$(OBJ)/%.o)
KERNEL := $(OBJ)/quire.elf

.PHONY: all
all: $(O)/quire.elf $(O)/quire.iso

# A file that changes only when its text does: what depends on it is made anew when flags or lists change.
# usage: $(call remember,file,text)
define remember
$(1): FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$(subst ','\'',$(2))' | cmp -s - $$@ || printf '%s\n' '$(subst ','\'',$(2))' >$$@
endef
.PHONY: FORCE
FORCE:

$(eval $(call remember,$(OBJ)/flags,$(CC) $(CPPFLAGS) $(CFLAGS) $(call sanitize,any.c) $(ASFLAGS) $(LDFLAGS)))
$(eval $(call remember,$(OBJ)/sources,$(SRCS)))
$(eval $(call remember,$(O)/kind,$(OBJ)))

$(OBJ)/%.c.o: %.c $(OBJ)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(call sanitize,$<) -MMD -MP -c $< -o $@

$(OBJ)/%.S.o: %.S $(OBJ)/flags
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ASFLAGS) -MMD -MP -c $< -o $@

# The kernel carries the names of its own functions (tools/kallsyms.py). Three links: with an empty table, with
# a table of the right size, with the right table.
$(KERNEL): $(OBJS) linker.ld tools/kallsyms.py $(OBJ)/sources
	$(call say,LD,$@)
	$(Q)$(PYTHON) tools/kallsyms.py </dev/null >$(OBJ)/kallsyms0.S
	$(Q)for i in 0 1 2; do \
		strip=-S; [ $$i = 2 ] && strip=; \
		$(CC) -m64 -c $(OBJ)/kallsyms$$i.S -o $(OBJ)/kallsyms$$i.o && \
		$(LD) $(LDFLAGS) $$strip -o $@.$$i $(OBJS) $(OBJ)/kallsyms$$i.o && \
		$(NM) -n $@.$$i | $(PYTHON) tools/kallsyms.py >$(OBJ)/kallsyms$$((i + 1)).S || exit 1; \
	done; \
	cmp $(OBJ)/kallsyms2.S $(OBJ)/kallsyms3.S && mv $@.2 $@ && rm -f $@.[01]

$(O)/quire.elf: $(KERNEL) $(O)/kind
	$(Q)cp $< $@

# GRUB hands non-loaded sections to the kernel too: debug information would cost a small machine its memory.
$(O)/quire.stripped: $(O)/quire.elf
	$(Q)$(OBJCOPY) --strip-all $< $@

-include $(OBJS:.o=.d)

# --- user programs: each file is one static program --------------------------------------------------
USER_CFLAGS := -std=gnu11 -O2 -g0 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare -I. -static -pthread
USER_BINS  := $(patsubst user/%.c,$(O)/user/%,$(wildcard user/*.c))
# The thread suites once more with glibc, whose start-up and threads ask more of a kernel than musl's.
USER_TESTS := $(patsubst tests/user/%.c,$(O)/usertest/%,$(wildcard tests/user/*.c)) \
	$(O)/usertest/threads_glibc $(O)/usertest/threadends_glibc

$(O)/user/%: user/%.c
	$(call say,MUSL,$<)
	@mkdir -p $(@D)
	$(Q)$(MUSLCC) $(USER_CFLAGS) -MMD -MP -MF $@.d -s $< -o $@

$(O)/usertest/%: tests/user/%.c
	$(call say,MUSL,$<)
	@mkdir -p $(@D)
	$(Q)$(MUSLCC) $(USER_CFLAGS) -MMD -MP -MF $@.d -s $< -o $@

$(O)/usertest/%_glibc: tests/user/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(USER_CFLAGS) -MMD -MP -MF $@.d -s $< -o $@

-include $(USER_BINS:%=%.d) $(USER_TESTS:%=%.d)

# Pure parts of the kernel on the host, under sanitizers: tests/host/*.c, with the sources that a file names in a line
# `// needs: lib/a.c ...`. Those of tests/host/fuzz are made twice: with random inputs (build/host/NAME_random) and as a
# target of libFuzzer (build/fuzz/NAME). What they include is rebuilt with them; what nobody calls there need not exist.
HOST_FUZZ  := $(filter-out driver,$(patsubst tests/host/fuzz/%.c,%,$(wildcard tests/host/fuzz/*.c)))
HOST_TESTS := $(patsubst tests/host/%.c,$(O)/host/%,$(wildcard tests/host/*.c)) $(HOST_FUZZ:%=$(O)/host/%_random) \
	$(HOST_FUZZ:%=$(O)/fuzz/%)
HOST_CFLAGS := -std=gnu11 -O1 -g -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare -I. -DQUIRE_HOSTED \
	-fno-strict-aliasing -fwrapv -fno-sanitize-recover=undefined
FUZZ_CFLAGS := $(HOST_CFLAGS) -fno-pie -Wno-unused-function -Wno-unused-const-variable
FUZZ_LDFLAGS := -no-pie -Wl,--unresolved-symbols=ignore-all
HOSTCLANG ?= clang
needs = $$(sed -n 's,^.*needs: *,,p' tests/host/fuzz/$*.c)

$(O)/host/%: tests/host/%.c $(wildcard lib/*.c lib/*.h tests/host/*.h)
	$(call say,HOST,$<)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_CFLAGS) -fsanitize=address,undefined -MMD -MP -MF $@.d -MT $@ $$(sed -n 's,^.*needs: *,,p' $<) $< -o $@

$(O)/host/%_random.o: tests/host/fuzz/%.c Makefile
	$(call say,HOST,$<)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(FUZZ_CFLAGS) -fsanitize=address,undefined -MMD -MP -c $< -o $@

$(O)/host/%_random: $(O)/host/%_random.o tests/host/fuzz/driver.c $(wildcard lib/*.[ch])
	$(Q)$(HOSTCC) $(FUZZ_CFLAGS) -fsanitize=address,undefined $< tests/host/fuzz/driver.c $(needs) $(FUZZ_LDFLAGS) -o $@

$(O)/fuzz/%.o: tests/host/fuzz/%.c Makefile
	$(call say,FUZZ,$<)
	@mkdir -p $(@D)
	$(Q)$(HOSTCLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined -MMD -MP -c $< -o $@

$(O)/fuzz/%: $(O)/fuzz/%.o $(wildcard lib/*.[ch])
	$(Q)$(HOSTCLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined $< $(needs) $(FUZZ_LDFLAGS) -o $@

.PRECIOUS: $(O)/host/%_random.o $(O)/fuzz/%.o
-include $(HOST_TESTS:%=%.d) $(HOST_FUZZ:%=$(O)/host/%_random.d) $(HOST_FUZZ:%=$(O)/fuzz/%.d)

# --- initramfs ---------------------------------------------------------------------------------------
BUSYBOX := $(firstword $(wildcard /bin/busybox /usr/bin/busybox) /bin/busybox)
EXTRA_FILES := $(if $(EXTRA),$(shell find $(EXTRA) ! -type d 2>/dev/null | sed 's/ /\\ /g'))
$(eval $(call remember,$(O)/extra,$(EXTRA) $(EXTRA_FILES)))
$(eval $(call remember,$(O)/cmdline,$(CMDLINE)))

$(O)/initramfs.cpio: tools/mkinitramfs.py $(BUSYBOX) $(O)/user/init $(EXTRA_FILES) $(O)/extra
	$(call say,CPIO,$@)
	$(Q)$(PYTHON) tools/mkinitramfs.py --output $@ --busybox $(BUSYBOX) --file /init=$(O)/user/init \
		$(if $(EXTRA),--overlay $(EXTRA))

# The same with the test programs in /tests and a script that init runs in place of a shell.
$(O)/initramfs-test.cpio: tools/mkinitramfs.py $(BUSYBOX) $(O)/user/init $(USER_TESTS) tests/boot/rc $(O)/ext2-1k.img
	$(call say,CPIO,$@)
	$(Q)$(PYTHON) tools/mkinitramfs.py --output $@ --busybox $(BUSYBOX) --file /init=$(O)/user/init \
		--file /etc/rc=tests/boot/rc --file /images/1k.img=$(O)/ext2-1k.img $(foreach t,$(USER_TESTS),--file /tests/$(notdir $(t))=$(t))

# A small file system with one of everything, for tests/user/ext2mutants.c.
$(O)/ext2-1k.img: tools/ext2image.py
	$(call say,EXT2,$@)
	$(Q)$(PYTHON) tools/ext2image.py --output $@ --block 1024 --size 1536K --group 512

# --- ISO ---------------------------------------------------------------------------------------------
ISO_DEPS := tools/mkiso.sh iso/early.cfg iso/grub.cfg

$(O)/quire.iso: $(O)/quire.stripped $(O)/initramfs.cpio $(O)/cmdline $(ISO_DEPS)
	$(call say,ISO,$@)
	$(Q)O=$(O) tools/mkiso.sh $@ $(O)/quire.stripped $(O)/initramfs.cpio "$$(cat $(O)/cmdline)"

# --- commands ----------------------------------------------------------------------------------------
.PHONY: help iso run gdb console test fuzz vmfuzz fsfuzz test-powercut test-images bench bench-disk debian-root clean format lint deps doctor user-tests host-tests

help:
	@sed -n 's/^#: *//p' Makefile

#: make              build $(O)/quire.elf and $(O)/quire.iso
#: make run          install what is missing, build, boot in QEMU; you are at the shell (^A x leaves QEMU)
#: make test         the same up to a finished test run; ONLY="host user kernel quire boot" picks kinds, T= a pattern
#: make iso          build the ISO; EXTRA=DIR puts DIR's files over the root, CMDLINE="..." adds kernel parameters
#: make fuzz         libFuzzer on the pure parts, TIME=60 seconds each, T= a pattern; what it learns stays in $(O)/fuzz
#: make gdb          QEMU paused before the first instruction, gdb with the project's commands (tools/gdb)
#: make console      the serial console of the machine that `make gdb` started, in another terminal
#: make vmfuzz       random memory calls on Quire and on this Linux, line by line; SEEDS="1 2" STEPS=20000
#: make fsfuzz       random file operations, likewise, in tmpfs and on images of ext2; FS=tmpfs SEEDS= STEPS=
#: make test-powercut the power goes during writes: is all there that fsync promised? SEEDS= STEPS= CUTS=
#: make test-images  10,000 broken images of ext2, under KASAN; COUNT=10000 SEED=1
#: make bench        the same programs on Quire and on Linux 6.1, in guest instructions; BENCH=time: in seconds,
#:                   BENCH=smp: single pages a second on 1, 2 and 4 CPUs
#: make bench-disk   the same for an ext2 image behind virtio-blk; BENCH=time as above
#: make debian-root  an ext2 image with Debian in it, to be run with DISK=$(O)/debian.img CMDLINE="root=/dev/vda rw";
#:                   DEBIAN_PKGS="..." names packages
#: make lint         formatting, clang-tidy, cppcheck, floors (who may include whom)
#: make format       rewrite the C files in the project's format
#: make deps         install the packages that are missing (apt)
#: make doctor       check tools and versions, a line each, with the remedy
#: make clean        remove $(O)
#: make help         this list
#: knobs: MEM=512M CPUS=2 CPU=max ACCEL=tcg NODES=1 DISK=file FIRMWARE=bios|uefi QEMU_ARGS= (run, gdb)
#:        KASAN=1 (each access to memory is checked) UBSAN=1 (indices, shifts, bools are), also together
#:        LLVM=1 (clang) DEBUG=1 (assertions) V=1 (show commands) O=build (output folder)

iso: $(O)/quire.iso

user-tests: $(USER_TESTS)
host-tests: $(HOST_TESTS)

deps:
	@tools/deps.sh all

doctor:
	@tools/doctor.sh

# deps before everything else: on a bare machine there is no compiler until it ran.
run:
	@tools/deps.sh run
	@tools/doctor.sh quiet
	@$(MAKE) all
	@O=$(O) tools/qemu.sh $(O)/quire.iso

gdb:
	@tools/deps.sh gdb
	@tools/doctor.sh quiet
	@$(MAKE) all
	@O=$(O) tools/gdb.sh

console:
	@$(PYTHON) tools/console.py $(O)/console.sock

test:
	@tools/deps.sh test
	@tools/doctor.sh quiet
	@$(MAKE) all user-tests host-tests $(O)/initramfs-test.cpio
	@O=$(O) $(PYTHON) tools/test.py

fuzz:
	@tools/deps.sh test
	@$(MAKE) host-tests
	@O=$(O) ONLY=fuzz $(PYTHON) tools/test.py

# Random memory calls, compared line by line with the Linux that this runs on.
vmfuzz:
	@tools/doctor.sh quiet
	@$(MAKE) all user-tests
	@O=$(O) $(PYTHON) tools/vmfuzz.py $(addprefix --seed ,$(SEEDS)) $(addprefix --steps ,$(STEPS))

# Random file operations, in the same way: in tmpfs and on images of ext2.
fsfuzz:
	@tools/doctor.sh quiet
	@$(MAKE) all user-tests
	@O=$(O) $(PYTHON) tools/fsfuzz.py $(addprefix --seed ,$(SEEDS)) $(addprefix --steps ,$(STEPS)) $(addprefix --fs ,$(FS))

# Loads of writes whose disk loses its power, a hundred times each.
test-powercut:
	@tools/deps.sh test
	@$(MAKE) all user-tests
	@O=$(O) $(PYTHON) tools/powercut.py $(addprefix --seed ,$(SEEDS)) $(addprefix --steps ,$(STEPS)) $(addprefix --cuts ,$(CUTS))

# 10,000 broken images of ext2 in a kernel that checks each access.
test-images:
	@tools/deps.sh test
	@$(MAKE) KASAN=1 UBSAN=1 O=$(O)-kasan all user-tests
	@O=$(O)-kasan $(PYTHON) tools/images.py $(addprefix --count ,$(COUNT)) $(addprefix --first ,$(SEED))

bench:
	@tools/deps.sh bench
	@tools/doctor.sh quiet
	@$(MAKE) all
	@O=$(O) $(PYTHON) tools/bench.py

# A Debian on a disk; the packages stay in $(O)/debs.
DEBIAN_PKGS ?= python3-minimal gcc libc6-dev
debian-root: $(O)/user/init
	@tools/deps.sh debian
	@O=$(O) $(PYTHON) tools/debimage.py --output $(O)/debian.img --init $(O)/user/init $(DEBIAN_PKGS)
	@echo "  make run DISK=$(O)/debian.img CMDLINE=\"root=/dev/vda rw\" MEM=1G"

bench-disk:
	@tools/deps.sh bench
	@tools/doctor.sh quiet
	@$(MAKE) all
	@O=$(O) $(PYTHON) tools/bench_disk.py

C_FILES := $(sort $(shell find $(wildcard boot arch mm kernel lib user tests) -name '*.[ch]' 2>/dev/null))

format:
	@clang-format -i $(C_FILES)

lint:
	@tools/deps.sh lint
	@O=$(O) tools/lint.sh

clean:
	@rm -rf $(O)
