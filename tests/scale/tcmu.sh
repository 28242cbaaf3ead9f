# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A qcow2 image that tcmu-runner serves to a backstore of the kind "user".
#
# Its handler asks the image's file system for a kind of fallocate() that a tmpfs has
# not: there each write to a new cluster fails (MEDIUM ERROR, seen). So it is on ext4.

IMAGE_BYTES=$((64 * 1024 * 1024))
MOUNT=$STORAGE/fs
IMAGE=$MOUNT/disk.qcow2

image_make() {
	truncate -s 160M "$STORAGE/fs.img"
	mkfs.ext4 -q "$STORAGE/fs.img"
	mkdir -p "$MOUNT"
	mount -o loop "$STORAGE/fs.img" "$MOUNT"
	qemu-img create -q -f qcow2 "$IMAGE" "$IMAGE_BYTES"
}

image_remove() {
	! mountpoint -q "$MOUNT" || umount "$MOUNT"
	rm -f "$STORAGE/fs.img" "$STORAGE/raw" "$STORAGE/acks" "$STORAGE/said"
}

runner_start() {
	modprobe target_core_user
	setsid tcmu-runner --tcmu-log-dir "$VM_OUT" >"$VM_OUT/tcmu-runner.out" 2>&1 &
	RUNNER=$!
	await 30 runner_is_ready || fail "tcmu-runner is not ready"
}

# It has its name on the system bus.
runner_is_ready() {
	dbus-send --system --print-reply --dest=org.freedesktop.DBus / \
		org.freedesktop.DBus.GetNameOwner string:org.kernel.TCMUService1 >/dev/null 2>&1
}

runner_stop() {
	[[ -n ${RUNNER:-} ]] || return 0
	kill "$RUNNER"
	wait "$RUNNER" || true
}

# The backstore "qcow", which gives up on a command after so many seconds.
qcow_store() { # seconds
	local dir=$TARGET_CFS/core/user_0/qcow

	mkdir -p "$dir"
	echo -n "dev_config=qcow/$IMAGE,dev_size=$IMAGE_BYTES" >"$dir/control"
	echo 5c41e0a1 >"$dir/wwn/vpd_unit_serial"
	echo 1 >"$dir/enable"
	echo "$1" >"$dir/attrib/cmd_time_out"
}

qcow_clean_up_afterwards() {
	defer image_remove
	defer runner_stop
	defer target_clear
}
