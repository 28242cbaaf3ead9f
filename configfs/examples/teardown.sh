#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# teardown.sh WWN - remove a target and the backstores that only it used
#
# Nothing is removed while a VMM is attached.
set -eu

wwn=$1
target=/sys/kernel/config/target

for tpg in "$target/vhost/$wwn"/tpgt_*; do
	[ -d "$tpg" ] || continue
	user=$(cat "$tpg/attached" 2>/dev/null || true) # the in-tree module has no such file
	if [ -n "$user" ]; then
		echo "$wwn is in use: $user" >&2
		exit 1
	fi
done

stores=
for link in "$target/vhost/$wwn"/tpgt_*/lun/lun_*/*; do
	[ -L "$link" ] || continue
	stores="$stores $(readlink -f "$link")"
	rm "$link"
done
for tpg in "$target/vhost/$wwn"/tpgt_*; do
	[ -d "$tpg" ] || continue
	for lun in "$tpg"/lun/lun_*; do
		[ ! -d "$lun" ] || rmdir "$lun"
	done
	if cat "$tpg/nexus" >/dev/null 2>&1; then
		echo NULL >"$tpg/nexus"
	fi
	rmdir "$tpg"
done
rmdir "$target/vhost/$wwn"

# A backstore that another LUN is linked to stays.
for store in $stores; do
	[ ! -d "$store" ] || rmdir "$store" 2>/dev/null || echo "$store stays" >&2
done
