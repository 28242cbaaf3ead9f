# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What a machine of this group does in each of its boots: the tests of that boot, one after
# the other, the kernel's log looked at after each; then a reboot, or after the last boot
# a poweroff.
set -uo pipefail

# shellcheck source-path=SCRIPTDIR source=../lib/dmesg.sh
. "$TREE/tests/lib/dmesg.sh"
# shellcheck source-path=SCRIPTDIR source=rc
. "$TREE/tests/packaging/rc"
export IN_MACHINE=yes VSCSI_MODULE=none

run_stage() { # test
	local rc=0 out=$VM_OUT/$1

	echo "vscsi-mark: $1" >/dev/kmsg
	KERNEL_LOG_MARK=$1 "$TREE/tests/vm/shell-test" "$TREE/tests/packaging/$1" "$out.why" \
		>"$out.log" 2>&1 </dev/null || rc=$?
	busybox dmesg -c >"$out.kmsg"
	kernel_complaint "$out.kmsg"
	if [[ -n $COMPLAINT ]]; then
		echo "kernel log: $COMPLAINT" >>"$out.why"
		rc=1
	fi
	echo "$rc" >"$out.status.part"
	mv "$out.status.part" "$out.status"
}

next=poweroff
[[ -z ${STAGES[BOOT + 1]:-} ]] || next=reboot
for stage in ${STAGES[BOOT]}; do
	run_stage "$stage"
done
echo "$next" >"$VM_OUT/next"
systemctl --no-block "$next"
