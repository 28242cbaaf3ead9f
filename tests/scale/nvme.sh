# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# An NVMe subsystem of the kernel's own target, by TCP on the loopback interface, and
# the kernel's initiator of it.

NVMET=/sys/kernel/config/nvmet
NQN=nqn.2026-11.test.scale

nvme_serve() {
	local space=$NVMET/subsystems/$NQN/namespaces/1 port=$NVMET/ports/1

	modprobe nvmet-tcp
	modprobe nvme-tcp
	truncate -s "$DISK_BYTES" "$STORAGE/disk"
	LOOP=$(losetup -f --show "$STORAGE/disk")
	mkdir -p "$space" "$port"
	echo 1 >"$NVMET/subsystems/$NQN/attr_allow_any_host"
	echo "$LOOP" >"$space/device_path"
	echo 1 >"$space/enable"
	echo ipv4 >"$port/addr_adrfam"
	echo tcp >"$port/addr_trtype"
	echo 127.0.0.1 >"$port/addr_traddr"
	echo 4420 >"$port/addr_trsvcid"
	nvme_open_port
}

nvme_open_port() {
	ln -s "$NVMET/subsystems/$NQN" "$NVMET/ports/1/subsystems/$NQN"
}

# The connection is cut, and no new one is taken.
nvme_close_port() {
	rm "$NVMET/ports/1/subsystems/$NQN"
}

# What "nvme connect" does; sets NVME to the controller.
nvme_connect() { # options
	echo "transport=tcp,traddr=127.0.0.1,trsvcid=4420,nqn=$NQN,$1" >/dev/nvme-fabrics
	await 20 nvme_is_there || fail "no NVMe namespace appears"
	target_iblock nvme "/dev/$NVME"
	export_store 1 nvme
}

nvme_is_there() {
	for NVME in /sys/block/nvme*n1; do
		NVME=${NVME##*/}
		[[ ! -b /dev/$NVME || $(<"/sys/block/$NVME/size") == 0 ]] || return 0
	done
	return 1
}

nvme_disconnect() {
	local controller

	for controller in /sys/class/nvme/nvme*/delete_controller; do
		[[ ! -e $controller ]] || echo 1 >"$controller"
	done
	await 20 nvme_is_gone || fail "the NVMe namespace does not go away"
}

nvme_is_gone() {
	! nvme_is_there
}

nvme_end() {
	local sub=$NVMET/subsystems/$NQN

	nvme_disconnect
	rm -f "$NVMET/ports/1/subsystems/$NQN"
	[[ ! -d $NVMET/ports/1 ]] || rmdir "$NVMET/ports/1"
	if [[ -d $sub ]]; then
		echo 0 >"$sub/namespaces/1/enable"
		rmdir "$sub/namespaces/1" "$sub"
	fi
	[[ -z ${LOOP:-} ]] || losetup -d "$LOOP"
	rm -f "$STORAGE/disk" "$STORAGE/acks" "$STORAGE/said"
}
