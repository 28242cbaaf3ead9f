# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# LIO backstores and vhost targets by configfs alone: mkdir, echo, ln. What a
# test makes here it need not remember: target_clear takes away every vhost
# target and every backstore in the tree.
#
#   target_fileio NAME FILE BYTES [BUFFERED]   backstore on a file (made if absent)
#   target_iblock NAME DEVICE                  backstore on a block device
#   target_ramdisk NAME PAGES                  backstore in memory (rd_mcp)
#   target_drop NAME                           take a backstore away
#   target_create WWN [TPGT]                   target, TPG and nexus
#   target_lun WWN LUN NAME [TPGT]             link a backstore
#   target_unlun WWN LUN [TPGT]                unlink it
#   target_delete WWN                          all of a target
#   target_clear                               all of everything

TARGET_CFS=${TARGET_CFS:-/sys/kernel/config/target}

target__store()
{
	local kind=$1 name=$2 control=$3 dir=$TARGET_CFS/core/$1/$2 serial

	mkdir -p "$dir" || return 1
	if ! echo -n "$control" >"$dir/control"; then
		rmdir "$dir"
		return 1
	fi
	serial=$(printf '%s/%s' "$kind" "$name" | sha256sum | cut -c1-32)
	echo "$serial" >"$dir/wwn/vpd_unit_serial" &&
		echo 1 >"$dir/enable"
}

target_fileio()
{
	local name=$1 file=$2 bytes=$3 control

	[ -e "$file" ] || truncate -s "$bytes" "$file" || return 1
	control="fd_dev_name=$file,fd_dev_size=$bytes"
	[ -z "${4:-}" ] || control+=,fd_buffered_io=1
	target__store fileio_0 "$name" "$control"
}

target_iblock()
{
	target__store iblock_0 "$1" "udev_path=$2"
}

target_ramdisk()
{
	target__store rd_mcp_0 "$1" "rd_pages=$2"
}

# The directory of a backstore, by its name.
target_store_dir()
{
	local dir

	for dir in "$TARGET_CFS"/core/*/"$1"; do
		[ -d "$dir" ] || continue
		echo "$dir"
		return 0
	done
	echo "no backstore $1" >&2
	return 1
}

target_drop()
{
	rmdir "$(target_store_dir "$1")"
}

target_create()
{
	local tpg=$TARGET_CFS/vhost/$1/tpgt_${2:-1}

	mkdir -p "$tpg" && echo "$1" >"$tpg/nexus"
}

target_lun()
{
	local lun=$TARGET_CFS/vhost/$1/tpgt_${4:-1}/lun/lun_$2 store

	store=$(target_store_dir "$3") || return 1
	mkdir -p "$lun" && ln -s "$store" "$lun/$3"
}

target_unlun()
{
	target__unlun "$TARGET_CFS/vhost/$1/tpgt_${3:-1}/lun/lun_$2"
}

target__unlun()
{
	local link

	for link in "$1"/*; do
		[ ! -L "$link" ] || rm "$link" || return 1
	done
	rmdir "$1"
}

target_delete()
{
	local wwn=$TARGET_CFS/vhost/$1 tpg lun acl

	for tpg in "$wwn"/tpgt_*; do
		[ -d "$tpg" ] || continue
		for lun in "$tpg"/acls/*/lun_*; do
			[ -d "$lun" ] || continue
			target__unlun "$lun" || return 1
		done
		for lun in "$tpg"/lun/lun_*; do
			[ -d "$lun" ] || continue
			target__unlun "$lun" || return 1
		done
		! read -r _ <"$tpg/nexus" 2>/dev/null ||
			echo NULL >"$tpg/nexus" || return 1
		for acl in "$tpg"/acls/*; do
			[ -d "$acl" ] || continue
			rmdir "$acl" || return 1
		done
		rmdir "$tpg" || return 1
	done
	rmdir "$wwn"
}

target_clear()
{
	local dir rc=0

	for dir in "$TARGET_CFS"/vhost/*.*; do
		[ ! -d "$dir" ] || target_delete "${dir##*/}" || rc=1
	done
	for dir in "$TARGET_CFS"/core/*_*/*/; do
		[ ! -e "$dir/enable" ] || rmdir "$dir" || rc=1
	done
	for dir in "$TARGET_CFS"/core/*_*/; do
		[ ! -d "$dir" ] || rmdir "$dir" || rc=1
	done
	return $rc
}
