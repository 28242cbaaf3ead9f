# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Level-2 guests: real QEMU on real (nested) KVM inside level 1, with
# vhost-scsi-pci disks. A guest has a name; all it owns is under
# $GUEST_RUN/<name>:
#
#   console.log   kernel log and firmware output (ttyS0)
#   control.log   answers on the control channel
#   acks.log      what a program in the guest wrote to its acks channel
#   qmp.log       QEMU's answers; qemu.log: its standard error; cmdline
#
#   guest_start NAME [option...] [-- QEMU argument...]
#   guest_run NAME COMMAND          run in the guest; its output and status
#   guest_wait NAME COMMAND         until the command succeeds in the guest
#   guest_qmp NAME COMMAND [ARGS]   one QMP command; prints its return value
#   guest_kill NAME                 SIGKILL to the VMM, as a crash would be
#   guest_stop NAME                 end it in an orderly way
#   guest_stop_all                  for a test's cleanup
#
# Everything waits for a condition with a deadline of its own; VSCSI_SLOW
# multiplies all of them.

GUEST_RUN=${GUEST_RUN:-/run/vscsi-guest}
GUEST_ACCEL=${GUEST_ACCEL:-kvm}
GUEST_CPU=${GUEST_CPU:-qemu64}
GUEST_BOOT_SECONDS=${GUEST_BOOT_SECONDS:-120}
GUEST_COMMAND_SECONDS=${GUEST_COMMAND_SECONDS:-120}
GUEST_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

guest_say()
{
	echo "guest: $*" >&2
}

# until_true SECONDS COMMAND... : poll; the deadline is scaled
until_true()
{
	local end=$((SECONDS + $1 * ${VSCSI_SLOW:-1}))

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		read -rt 0.05 <> <(:) || true
	done
}

guest_alive()
{
	local pid

	pid=$(cat "$GUEST_RUN/$1/pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null
}

# The end of a guest's logs, for the reader of a failed test.
guest_show_logs()
{
	local file

	for file in qemu.log console.log control.log qmp.log; do
		[ -s "$GUEST_RUN/$1/$file" ] || continue
		echo "--- $1 $file (end)" >&2
		tail -n 20 "$GUEST_RUN/$1/$file" | tr -d '\r' >&2
	done
}

# Fill GUEST_KERNEL and GUEST_INITRD. They are built at level 0, where the
# package mirror is; inside level 1 this finds them in the cache.
guest_image()
{
	local assignments

	assignments=$("$GUEST_TOP/tests/vm/guest-initramfs" "$@") || return 1
	eval "$assignments"
}

guest__fifo()
{
	mkfifo "$1.in" "$1.out"
}

# A fifo pair has its two ends open here for as long as the test runs, so
# that neither side ever sees an end of file.
guest__channels()
{
	local name=$1 dir=$GUEST_RUN/$1 pid

	guest__fifo "$dir/control"
	guest__fifo "$dir/qmp"
	for pid in control qmp; do
		cat <>"$dir/$pid.out" >"$dir/$pid.log" 2>/dev/null &
		echo $! >>"$dir/readers"
	done
	eval "exec {GUEST_FD_${name}_control}<>$dir/control.in"
	eval "exec {GUEST_FD_${name}_qmp}<>$dir/qmp.in"
}

guest__send()
{
	local fd=GUEST_FD_$1_$2

	printf '%s\n' "$3" >&"${!fd}"
}

guest__options()
{
	local name=$1

	shift
	series=${GUEST_SERIES:-6.1} variant=--small smp=2 mem=384 queues=2
	bios=no job='' devices=() extra=()
	while [ $# -gt 0 ]; do
		case $1 in
		--kernel) series=$2; shift 2 ;;
		--fio) variant='' mem=768; shift ;;
		--smp) smp=$2; shift 2 ;;
		--mem) mem=$2; shift 2 ;;
		--queues) queues=$2; shift 2 ;;
		--job) job=$2; shift 2 ;;
		--bios) bios=yes; shift ;;
		--wwpn)
			devices+=(-device "vhost-scsi-pci,wwpn=$2,num_queues=$queues,id=scsi${#devices[@]}$3")
			shift 3 ;;
		--) shift; extra=("$@"); break ;;
		*) guest_say "guest_start: what is $1?"; return 2 ;;
		esac
	done
	: "$name"
}

# guest_start NAME [--kernel SERIES] [--fio] [--smp N] [--mem MIB] [--job FILE]
#	[--queues N] [--wwpn WWN ,MORE-PROPERTIES|""]... [--bios] [-- ARG...]
# --fio takes the large initramfs; --bios boots from the first disk instead.
# --queues goes before the --wwpn it is for. Device ids: scsi0, scsi2, ...
guest_start()
{
	local name=$1 dir=$GUEST_RUN/$1
	local series variant smp mem queues bios job devices extra boot=()

	shift
	guest__options "$name" "$@" || return
	rm -rf "$dir"
	mkdir -p "$dir"
	if [ "$bios" = no ]; then
		# shellcheck disable=SC2086 # no variant: no word
		guest_image --kernel "$series" $variant || return 1
		guest__initrd "$dir" "$job"
		boot=(-kernel "$GUEST_KERNEL" -initrd "$dir/initrd"
		      -append "console=ttyS0 loglevel=${GUEST_LOGLEVEL:-4} panic=-1 random.trust_cpu=on")
	fi
	guest__channels "$name"
	set -- qemu-system-x86_64 -name "$name" -nodefaults -no-user-config \
		-M pc -accel "$GUEST_ACCEL" -cpu "$GUEST_CPU" -smp "$smp" \
		-m "$mem" -display none -serial "file:$dir/console.log" \
		-chardev "pipe,id=qmp,path=$dir/qmp" \
		-mon chardev=qmp,mode=control \
		-device virtio-serial-pci \
		-chardev "pipe,id=control,path=$dir/control" \
		-device virtserialport,chardev=control,name=control \
		-chardev "file,id=acks,path=$dir/acks.log" \
		-device virtserialport,chardev=acks,name=acks \
		"${boot[@]}" "${devices[@]}" "${extra[@]}"
	printf '%q ' "$@" >"$dir/cmdline"
	"$@" </dev/null >>"$dir/qemu.log" 2>&1 &
	echo $! >"$dir/pid"

	guest__send "$name" qmp '{"execute":"qmp_capabilities"}'
	if [ "$bios" = no ]; then
		guest_wait_ready "$name" 1
	fi
}

# The shared initramfs, and a small archive with the job after it.
guest__initrd()
{
	local dir=$1 job=$2

	if [ -z "$job" ]; then
		ln -s "$GUEST_INITRD" "$dir/initrd"
		return
	fi
	mkdir "$dir/job"
	install "$job" "$dir/job/job"
	{
		cat "$GUEST_INITRD"
		(cd "$dir/job" && echo job | cpio -o -H newc --quiet)
	} >"$dir/initrd"
}

guest__ready_count()
{
	[ "$(grep -c '^READY ' "$GUEST_RUN/$1/control.log")" -ge "$2" ] ||
		! guest_alive "$1"
}

# Until the guest's system has come up for the Nth time since its start.
guest_wait_ready()
{
	until_true "$GUEST_BOOT_SECONDS" guest__ready_count "$1" "$2"
	guest_alive "$1" &&
		[ "$(grep -c '^READY ' "$GUEST_RUN/$1/control.log")" -ge "$2" ] &&
		return
	guest_say "$1 did not come up"
	guest_show_logs "$1"
	return 1
}

guest__answered()
{
	grep -q "^$2= " "$GUEST_RUN/$1/control.log" || ! guest_alive "$1"
}

# guest_begin NAME COMMAND: send without waiting; the id is in GUEST_ID
guest_begin()
{
	GUEST_ID=c$SRANDOM
	guest__send "$1" control "$GUEST_ID $(printf '%s\n' "$2" | base64 -w0)"
}

# guest_finish NAME ID [SECONDS]: output and status of a command begun
guest_finish()
{
	local log=$GUEST_RUN/$1/control.log rc

	until_true "${3:-$GUEST_COMMAND_SECONDS}" guest__answered "$1" "$2" || true
	sed -n "s/^$2| //p" "$log"
	rc=$(sed -n "s/^$2= //p" "$log")
	if [ -z "$rc" ]; then
		guest_say "$1 gave no answer to $2"
		guest_show_logs "$1"
		return 125
	fi
	return "$rc"
}

# guest_run NAME COMMAND [SECONDS]
guest_run()
{
	guest_begin "$1" "$2"
	guest_finish "$1" "$GUEST_ID" "${3:-}"
}

# guest_wait NAME COMMAND [SECONDS]: the guest itself polls
guest_wait()
{
	local ticks=$((${3:-60} * ${VSCSI_SLOW:-1} * 10))

	guest_run "$1" "n=0
		until { $2
		}; do
			n=\$((n + 1))
			[ \$n -lt $ticks ] || exit 1
			usleep 100000
		done" $((${3:-60} * 2 + 60))
}

guest__qmp_answered()
{
	grep -q "\"id\": \"$2\"" "$GUEST_RUN/$1/qmp.log" || ! guest_alive "$1"
}

# guest_qmp NAME COMMAND [ARGUMENTS-AS-JSON]
guest_qmp()
{
	local id=q$SRANDOM line

	guest__send "$1" qmp \
		"{\"execute\":\"$2\",\"id\":\"$id\",\"arguments\":${3:-{\}}}"
	until_true 60 guest__qmp_answered "$1" "$id" || true
	line=$(grep "\"id\": \"$id\"" "$GUEST_RUN/$1/qmp.log" || true)
	printf '%s\n' "${line:-no answer to $2}"
	[[ $line == *'"return"'* ]]
}

guest__qmp_event()
{
	[ "$(grep -c "\"event\": \"$2\"" "$GUEST_RUN/$1/qmp.log")" -ge "$3" ]
}

# guest_wait_event NAME EVENT [COUNT]
guest_wait_event()
{
	until_true 60 guest__qmp_event "$1" "$2" "${3:-1}"
}

guest__close()
{
	local name=$1 dir=$GUEST_RUN/$1 pid fd

	for fd in control qmp; do
		fd=GUEST_FD_${name}_$fd
		[ -z "${!fd:-}" ] || eval "exec ${!fd}>&-"
		unset "$fd"
	done
	while read -r pid; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done <"$dir/readers"
	rm -f "$dir/pid" "$dir/readers"
}

guest__gone()
{
	! guest_alive "$1"
}

guest_kill()
{
	local pid

	pid=$(cat "$GUEST_RUN/$1/pid") || return 0
	kill -9 "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	guest__close "$1"
}

# An orderly end: the VMM gets "quit", and must be gone by itself.
guest_stop()
{
	local pid rc=0

	pid=$(cat "$GUEST_RUN/$1/pid" 2>/dev/null) || return 0
	guest_alive "$1" && guest__send "$1" qmp '{"execute":"quit"}'
	if ! until_true 60 guest__gone "$1"; then
		guest_say "$1 does not end"
		guest_kill "$1"
		return 1
	fi
	wait "$pid" 2>/dev/null || rc=$?
	guest__close "$1"
	return "$rc"
}

guest_stop_all()
{
	local dir rc=0

	for dir in "$GUEST_RUN"/*/; do
		[ -e "$dir/pid" ] || continue
		guest_stop "$(basename "$dir")" || rc=1
	done
	return $rc
}
