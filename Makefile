# SPDX-License-Identifier: GPL-2.0
# Everything is done by the makefiles and scripts below; here are only the names.

TREE := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
SERIES ?= 6.1 6.12
KVER ?= $(shell uname -r)
# Given on the command line: that one kernel, not those of SERIES.
KDIR ?=
MODROOT ?= /
VMLINUX ?=

programs := $(wildcard tests/vring/Makefile tests/aio/Makefile tests/scale/Makefile userland/Makefile)
# Groups that a run of everything leaves out (KERNELS in their rc).
LONG_GROUPS := packaging hosts
# Two builds of one kernel at a time would spoil each other's objects.
alone = mkdir -p $(TREE)build/kmod && flock $(TREE)build/kmod/.lock
kmod_one = $(alone) $(MAKE) -C $(TREE)kmod KDIR=$(1) MODROOT=$(MODROOT) VMLINUX=$(VMLINUX)

.PHONY: all kmod userland install uninstall deb check test test-trixie test-long test-debug fuzz demo \
	bench bench-guest bench-profile bench-smp clean help

## all: the module for both kernel series, and the programs
all: kmod userland

## kmod: vhost_scsi.ko into build/kmod/; KDIR=<headers> builds for that kernel only
ifneq ($(KDIR),)
kmod:
	+@$(call kmod_one,$(KDIR))
else
kmod: $(addprefix kmod-,$(SERIES))

.PHONY: $(addprefix kmod-,$(SERIES))
$(addprefix kmod-,$(SERIES)): kmod-%:
	+@eval "$$($(TREE)tests/vm/kernels get $*)" && $(alone) \
	$${RELEASE_ROOT:+$(TREE)tests/vm/in-release "$$RELEASE_ROOT"} $(MAKE) -C $(TREE)kmod KDIR="$$KDIR" MODROOT="$$MODROOT" VMLINUX="$$VMLINUX"
endif

## userland: the programs
userland: $(programs:%=program-%)

.PHONY: $(programs:%=program-%)
$(programs:%=program-%): program-%/Makefile:
	+@$(MAKE) -C $*

## install: build for the running kernel (or KDIR=) and install under updates/
install:
	+$(call kmod_one,$(or $(KDIR),/lib/modules/$(KVER)/build)) modules
	+$(call kmod_one,$(or $(KDIR),/lib/modules/$(KVER)/build)) install

## uninstall: take it away again; the in-tree module is back
uninstall:
	+$(call kmod_one,$(or $(KDIR),/lib/modules/$(KVER)/build)) uninstall

## deb: Debian packages into build/deb/
deb:
	@$(TREE)userland/debian/build-packages

## check: style, static analysis and unit tests; runs no kernel
check:
	+@tests/static/check

## test: all tests on both kernel series (installs what it lacks)
test:
	@tests/run $(addprefix -k ,$(SERIES))

## test-trixie: load, io and a guest on the kernel and the QEMU of Debian 13
test-trixie:
	@tests/run -k trixie load io guest-smp/serve-newer-qemu

## test-long: what takes too long for each run, on both series: the packages, two hosts at a time
test-long:
	@tests/run $(addprefix -k ,$(SERIES)) $(LONG_GROUPS)

## test-debug: the tests on the debug kernel (KASAN, lockdep, kmemleak)
test-debug:
	@tests/run -k debug

## fuzz: the fuzzers on the debug kernel, 50 times as long, a new seed (SEED=, SCALE=)
fuzz:
	@VSCSI_FUZZ_SCALE=$(or $(SCALE),50) \
		VSCSI_FUZZ_SEED=$(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')) \
		tests/run -k debug fuzz

## demo: a real guest does verified I/O through our module
demo:
	@tests/demo

## bench: instruction-counted benchmarks, our module and the in-tree one
bench:
	@tests/bench/run
	@tests/bench/run --only ours --case '*-qd*' --params strict_accounting=1

## bench-smp: with four emulated processors, requests a second of either module in turns
bench-smp:
	@tests/bench/smp

## bench-guest: fio in a guest, with either module and with QEMU's own virtio-scsi
bench-guest:
	@tests/bench/guest

## bench-profile: instructions of one case by function (CASE=read-4k-qd32)
bench-profile:
	@tests/bench/profile $(if $(CASE),--case $(CASE))

## clean: remove build/; the cache of kernels stays
clean:
	rm -rf build

## help: this list
help:
	@sed -n 's/^## \([a-z-]*\): /\1\t/p' $(TREE)Makefile | \
		while IFS="$$(printf '\t')" read -r name text; do \
			printf '  %-12s %s\n' "$$name" "$$text"; done
