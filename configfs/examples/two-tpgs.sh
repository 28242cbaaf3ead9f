#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# two-tpgs.sh WWN DEVICE DEVICE - a target with two TPGs, each with a block device
#
# The guest sees two SCSI targets, 1 and 2, with LUN 0 each; one device of the
# VMM attaches to both.
set -eu

wwn=$1
shift
target=/sys/kernel/config/target

modprobe vhost_scsi
modprobe target_core_iblock

tpg=1
for device in "$1" "$2"; do
	name=${device##*/}
	mkdir -p "$target/core/iblock_0/$name"
	echo "udev_path=$device" >"$target/core/iblock_0/$name/control"
	echo "$wwn-$name" >"$target/core/iblock_0/$name/wwn/vpd_unit_serial"
	echo 1 >"$target/core/iblock_0/$name/enable"

	mkdir -p "$target/vhost/$wwn/tpgt_$tpg/lun/lun_0"
	echo "$wwn" >"$target/vhost/$wwn/tpgt_$tpg/nexus"
	ln -s "$target/core/iblock_0/$name" "$target/vhost/$wwn/tpgt_$tpg/lun/lun_0/$name"
	tpg=$((tpg + 1))
done
