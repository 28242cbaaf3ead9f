#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/hosts/agent.sh NAME - what a host of the group "hosts" does: the commands that
# the test puts into $VM_OUT, one after the other, in this shell. do.N has a command,
# out.N what it printed, did.N its status.
set -uo pipefail

NAME=$1
for lib in "$TREE"/tests/lib/{ktap,dmesg,target,guest,migrate}.sh; do
	# shellcheck disable=SC1090
	. "$lib"
done
# shellcheck source-path=SCRIPTDIR source=../guest/rc
. "$TREE/tests/guest/rc"

# All of a guest goes through two emulated machines and their wire.
# shellcheck disable=SC2034 # for migrate.sh
GUEST_MIGRATE_SECONDS=600

# Ends the command, not this shell.
fail() {
	note "FAIL: $*"
	return 1
}

set_up() {
	set -e
	modprobe virtio_net
	# the first wire is the storage's
	ip link set eth0 up
	ip addr add 10.0.2.15/24 dev eth0
	ip link set eth1 up
	ip addr add "192.168.77.$([[ $NAME == a ]] && echo 1 || echo 2)/24" dev eth1
	modprobe nbd max_part=0
	guest_load_kvm
	mkdir -p "$GUEST_IMAGES"
	set +e
}

finished() { # number status
	echo "$2" >"$VM_OUT/did.part"
	mv "$VM_OUT/did.part" "$VM_OUT/did.$1"
}

# In this shell, so that what a command opens or sets is there for the next.
set_up >"$VM_OUT/out.0" 2>&1
finished 0 $?
for ((number = 1;; number++)); do
	until [[ -e $VM_OUT/do.$number ]]; do
		read -rt 0.2 <> <(:) || true
	done
	# shellcheck disable=SC1090
	. "$VM_OUT/do.$number" >"$VM_OUT/out.$number" 2>&1
	finished "$number" $?
done
