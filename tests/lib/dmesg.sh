# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the kernel thinks of a test: its log, taint, and what is left behind.
# Level 1 is emulated; to start a program, and to fork, is dear there: hence
# busybox, shell loops where a pipe of programs would read better, and answers in
# a variable.
#
#   kernel_log                  the kernel's log since the running test began
#   kernel_complaint FILE [ALLOWED]
#                               sets COMPLAINT to the first line that no test may
#                               cause; lines that match the extended regular
#                               expression pass
#   taint_beyond MASK           sets COMPLAINT to the taint bits that are set and
#                               not in the mask
#   leftovers_state             sets STATE, a list of what a test might leave behind
#   new_lines OLD NEW           lines of NEW that are not in OLD

KERNEL_COMPLAINTS='WARNING: |BUG: |kernel BUG at|Oops: |general protection fault|'
KERNEL_COMPLAINTS+='Unable to handle|UBSAN: |KASAN: |KFENCE: |KCSAN: |ODEBUG: |DEBUG_LOCKS_WARN_ON|'
KERNEL_COMPLAINTS+='INFO: task .* blocked for more than|INFO: trying to register non-static key|'
KERNEL_COMPLAINTS+='rcu:? .*(self-detected|detected stall|detected expedited)|soft lockup|hard LOCKUP|'
KERNEL_COMPLAINTS+='refcount_t: |kmemleak: [0-9]+ new suspected|(list_add|list_del|rb) corruption|'
KERNEL_COMPLAINTS+='sleeping function called|scheduling while atomic|suspicious RCU usage|'
KERNEL_COMPLAINTS+='Call Trace:|Kernel panic|page allocation failure|segfault at |trap invalid opcode|'
KERNEL_COMPLAINTS+='possible circular locking|inconsistent lock state|lock held when returning|'
KERNEL_COMPLAINTS+='bad unlock balance|Slab corruption|Freeing unallocated|still has objects'

kernel_log() {
	busybox dmesg | sed -n "/vscsi-mark: ${KERNEL_LOG_MARK//\//\\/}\$/,\$p" | tail -n +2
}

kernel_complaint() {
	local text=''

	COMPLAINT=''
	# mostly there is none
	read -rd '' text <"$1" || true
	[[ $text =~ $KERNEL_COMPLAINTS ]] || return 0
	if [[ -n ${2:-} ]]; then
		COMPLAINT=$(busybox grep -E "$KERNEL_COMPLAINTS" "$1" |
			busybox grep -vE "$2" | busybox head -n 1) || true
	else
		COMPLAINT=$(busybox grep -m 1 -E "$KERNEL_COMPLAINTS" "$1") || true
	fi
}

taint_beyond() {
	local bits letters=GFSRMBUDAWCIOELKXTNJ bit

	COMPLAINT=''
	read -r bits </proc/sys/kernel/tainted
	bits=$((bits & ~$1))
	for ((bit = 0; bits && bit < 31; bit++)); do
		if ((bits >> bit & 1)); then
			COMPLAINT+=" $bit${letters:bit:1}"
		fi
	done
	COMPLAINT=${COMPLAINT:+taint bits:$COMPLAINT}
}

leftovers_state() {
	local target=/sys/kernel/config/target file value
	local -a lines

	STATE=''
	file=/sys/module/vhost_scsi/refcnt
	if [[ -e $file ]]; then
		read -r value <"$file"
		# the fabric's directory holds the module; it may stay
		[[ ! -d $target/vhost ]] || value=$((value - 1))
		STATE+="uses of vhost_scsi: $value"$'\n'
	fi
	for file in "$target"/vhost/*/ "$target"/vhost/*/*/ "$target"/core/*/ "$target"/core/*/*/; do
		if [[ -e $file && $file != */discovery_auth/* && $file != */core/alua/* ]]; then
			STATE+="$file"$'\n'
		fi
	done
	find_threads
	for file in /sys/block/{dm-*,sd*,nullb*,loop*/loop}; do
		[[ ! -e $file ]] || STATE+="a block device: $file"$'\n'
	done
	mapfile -t lines </proc/mounts
	printf -v file 'a mount: %s\n' "${lines[@]}"
	STATE+=$file
}

# Adds the threads of ours that there are.  A process that was there the last time
# and had none is not looked at again: there are many, and each is a file to open.
declare -A KNOWN=()
SCAN=1
find_threads() {
	local process file value ours

	SCAN=$((SCAN + 1))
	for process in /proc/[0-9]*; do
		ours=0
		if [[ ${KNOWN[$process]:-} != $((SCAN - 1)) ]]; then
			for file in "$process"/task/*/comm; do
				if read -r value <"$file" && [[ $value == vhost-* ]]; then
					STATE+="a thread: $value"$'\n'
					ours=1
				fi
			done 2>/dev/null
		fi
		((ours)) || KNOWN[$process]=$SCAN
	done
}

new_lines() {
	local line

	while read -r line; do
		[[ $'\n'$1 == *$'\n'"$line"$'\n'* ]] || echo "$line"
	done <<<"${2%$'\n'}"
}
