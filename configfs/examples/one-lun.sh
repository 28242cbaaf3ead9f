#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# one-lun.sh WWN FILE [SIZE] - a target with one LUN, on a file
#
# FILE is made with SIZE bytes (64 MiB if not given) if it does not exist.
# Afterwards: qemu-system-x86_64 ... -device vhost-scsi-pci,wwpn=WWN
set -eu

wwn=$1
file=$2
size=${3:-67108864}
name=${file##*/}
target=/sys/kernel/config/target

[ -e "$file" ] || truncate -s "$size" "$file"
size=$(stat -c %s "$file")
modprobe vhost_scsi
modprobe target_core_file

# The backstore. The serial number is what the guest knows the disk by.
mkdir -p "$target/core/fileio_0/$name"
echo "fd_dev_name=$file,fd_dev_size=$size" >"$target/core/fileio_0/$name/control"
echo "$wwn-$name" >"$target/core/fileio_0/$name/wwn/vpd_unit_serial"
echo 1 >"$target/core/fileio_0/$name/enable"

# The target: SCSI target 1 of the guest, LUN 0.
mkdir -p "$target/vhost/$wwn/tpgt_1/lun/lun_0"
echo "$wwn" >"$target/vhost/$wwn/tpgt_1/nexus"
ln -s "$target/core/fileio_0/$name" "$target/vhost/$wwn/tpgt_1/lun/lun_0/$name"
