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
# To move one: migrate.sh.
#
# Everything waits for a condition with a deadline of its own; VSCSI_SLOW
# multiplies all of them.

GUEST_RUN=${GUEST_RUN:-/run/vscsi-guest}
GUEST_ACCEL=${GUEST_ACCEL:-kvm}
GUEST_CPU=${GUEST_CPU:-qemu64}
GUEST_QEMU=(qemu-system-x86_64)
GUEST_BOOT_SECONDS=${GUEST_BOOT_SECONDS:-180}
GUEST_COMMAND_SECONDS=${GUEST_COMMAND_SECONDS:-120}
GUEST_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

guest_say()
{
	echo "guest: $*" >&2
}

# until_true SECONDS COMMAND... : poll; the deadline is scaled. What polls must
# not fork: on an emulated processor that would take the guest's own time.
until_true()
{
	local end=$((SECONDS + $1 * ${VSCSI_SLOW:-1}))

	shift
	[ -n "${GUEST_TICK:-}" ] || exec {GUEST_TICK}<> <(:)
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		read -rt 0.1 -u "$GUEST_TICK" || true
	done
}

# guest__count FILE PATTERN: lines that match the glob, in $count
guest__count()
{
	local line lines

	count=0
	mapfile -t lines <"$GUEST_RUN/$1"
	for line in "${lines[@]}"; do
		# shellcheck disable=SC2053 # a glob it is
		[[ $line != $2 ]] || count=$((count + 1))
	done
}

# Make /dev/kvm, by the processor that level 1 has, and keep one virtual machine
# until level 1 ends: see guest-kvm-hold.c. Once per boot.
#
# QEMU's emulated AMD-V loses an interrupt now and then; a level 1 of one processor
# would stand still for ever if it was the timer's. The next interrupt of any kind
# makes up for it: random numbers, which QEMU hands out twenty times a second.
guest_load_kvm()
{
	local held=''

	if grep -qw svm /proc/cpuinfo; then
		modprobe kvm_amd
	else
		modprobe kvm_intel
	fi
	modprobe virtio-rng
	setsid cat /dev/hwrng </dev/null >/dev/null 2>&1 &
	mkdir -p "$GUEST_RUN"
	[ -e "$GUEST_RUN/held" ] || mkfifo "$GUEST_RUN/held"
	setsid "$GUEST_TOP/build/guest/kvm-hold" </dev/null >"$GUEST_RUN/held" 2>&1 &
	read -r held <"$GUEST_RUN/held" || held="does not run"
	[ "$held" = held ] || { guest_say "kvm-hold: $held"; return 1; }
}

guest_alive()
{
	local pid=''

	[ -e "$GUEST_RUN/$1/pid" ] && read -r pid <"$GUEST_RUN/$1/pid"
	[ -n "$pid" ] && kill -0 "$pid" 2>/dev/null
}

# Did a guest reset itself, though nobody asked it to and its kernel had nothing to
# complain of? That is the emulated processor (docs/testing.md). Told once of each.
guest_reset_itself()
{
	local log found=1

	for log in "$GUEST_RUN"/*/qmp.log; do
		if grep -q '"guest-reset"' "$log" 2>/dev/null &&
		   ! grep -q '"host-qmp-system-reset"' "$log" &&
		   ! grep -qE 'panic|Oops|BUG:|WARNING:|Call Trace|protection fault' \
			"${log%/*}/console.log" 2>/dev/null; then
			mv "$log" "$log.reset"
			found=0
		fi
	done
	return "$found"
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

# guest_image SERIES small|full: fill GUEST_KERNEL and GUEST_INITRD. They are
# built at level 0, where the package mirror is; that leaves a note here.
guest_image()
{
	local note=$GUEST_TOP/build/guest/$1-$2 maker=$GUEST_TOP/tests/vm/guest-init

	if [ ! -e "$note" ] || [ "$maker" -nt "$note" ] ||
	   [ "${maker}ramfs" -nt "$note" ]; then
		guest_say "no fresh initramfs: tests/vm/guest-initramfs --kernel $1 --$2 makes it"
		return 1
	fi
	# shellcheck disable=SC1090
	. "$note"
}

# guest_use_release ROOT: QEMU from a folder with another Debian release's
# programs, by that release's own libc
guest_use_release()
{
	local share=$1/usr/share

	GUEST_QEMU=("$1/usr/lib64/ld-linux-x86-64.so.2"
		--library-path "$1/usr/lib/x86_64-linux-gnu"
		"$1/usr/bin/qemu-system-x86_64" -L "$share/qemu" -L "$share/seabios")
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
	series=6.1 variant=small smp=1 mem=384 queues=2
	bios=no paused=no incoming=no prefix=() given=() devices=() extra=()
	while [ $# -gt 0 ]; do
		case $1 in
		--kernel) series=$2; shift 2 ;;
		--fio) variant=full mem=768; shift ;;
		--smp) smp=$2; shift 2 ;;
		--mem) mem=$2; shift 2 ;;
		--queues) queues=$2; shift 2 ;;
		--give) given+=("$2"); shift 2 ;;
		--bios) bios=yes; shift ;;
		--paused) paused=yes; shift ;;
		--incoming) incoming=yes; shift ;;
		--prefix) read -ra prefix <<<"$2"; shift 2 ;;
		--wwpn)
			devices+=(-device "vhost-scsi-pci,wwpn=$2,num_queues=$queues,id=scsi${#devices[@]}$3")
			shift 3 ;;
		--) shift; extra=("$@"); break ;;
		*) guest_say "guest_start: what is $1?"; return 2 ;;
		esac
	done
	: "$name"
}

# guest_start NAME [--kernel SERIES] [--fio] [--smp N] [--mem MIB]
#	[--give FILE]... [--queues N]
#	[--wwpn WWN ,MORE-PROPERTIES|""]... [--bios] [--incoming] [-- ARG...]
# --give hands the guest a file as /given/<its name>; it runs one named "job".
# --fio takes the large initramfs; --bios boots from the first disk instead;
# --paused waits for "cont"; --prefix puts a command before QEMU's. --incoming
# starts an empty machine, for guest_migrate_begin.
# --queues goes before the --wwpn it is for. Device ids: scsi0, scsi2, ...
guest_start()
{
	local name=$1 dir=$GUEST_RUN/$1
	local series variant smp mem queues bios paused incoming prefix given devices extra
	local boot=() fixed="panic=-1 random.trust_cpu=on norandmaps"

	shift
	guest__options "$name" "$@" || return
	rm -rf "$dir"
	mkdir -p "$dir"
	if [ "$bios" = no ]; then
		guest_image "$series" "$variant" || return 1
		guest__initrd "$dir" "${given[@]}"
		boot=(-kernel "$GUEST_KERNEL" -initrd "$dir/initrd"
		      -append "console=ttyS0 loglevel=${GUEST_LOGLEVEL:-4} $fixed")
	fi
	guest__channels "$name"
	set -- "${prefix[@]}" "${GUEST_QEMU[@]}" -name "$name" -nodefaults -no-user-config \
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
	[ "$paused" = no ] || set -- "$@" -S
	[ "$incoming" = no ] || set -- "$@" -incoming defer
	printf '%q ' "$@" >"$dir/cmdline"
	"$@" </dev/null >>"$dir/qemu.log" 2>&1 &
	echo $! >"$dir/pid"

	guest__send "$name" qmp '{"execute":"qmp_capabilities"}'
	if [ "$bios$paused$incoming" = nonono ]; then
		guest_wait_ready "$name" 1
	fi
}

# The shared initramfs, and a small archive with the given files after it.
guest__initrd()
{
	local dir=$1

	shift
	if [ $# -eq 0 ]; then
		ln -s "$GUEST_INITRD" "$dir/initrd"
		return
	fi
	mkdir -p "$dir/more/given"
	cp "$@" "$dir/more/given/"
	{
		cat "$GUEST_INITRD"
		(cd "$dir/more" && find given | cpio -o -H newc --quiet)
	} >"$dir/initrd"
}

guest__ready_count()
{
	local count

	guest__count "$1/control.log" 'READY *'
	[ "$count" -ge "$2" ] || ! guest_alive "$1"
}

# Until the guest's system has come up for the Nth time since its start.
guest_wait_ready()
{
	until_true "$GUEST_BOOT_SECONDS" guest__ready_count "$1" "$2" &&
		guest_alive "$1" && return
	guest_say "$1 did not come up"
	guest_show_logs "$1"
	return 1
}

guest__answered()
{
	local count

	guest__count "$1/control.log" "$2= *"
	[ "$count" -gt 0 ] || ! guest_alive "$1"
}

# guest_begin NAME COMMAND: send without waiting; the id is in GUEST_ID. A line, so
# the command's ends of lines go as \n. Nothing here or in the guest forks for it: that
# takes a tenth of a second and more on an emulated processor that runs a guest.
guest_begin()
{
	local slash=\\ text

	text=${2//"$slash"/"$slash$slash"}
	text=${text//$'\n'/"${slash}n"}
	GUEST_ID=c$SRANDOM
	guest__send "$1" control "$GUEST_ID $text"
}

# guest_finish NAME ID [SECONDS]: output and status of a command begun
guest_finish()
{
	local line lines rc=''

	until_true "${3:-$GUEST_COMMAND_SECONDS}" guest__answered "$1" "$2" || true
	mapfile -t lines <"$GUEST_RUN/$1/control.log"
	for line in "${lines[@]}"; do
		case $line in
		"$2| "*) printf '%s\n' "${line#*| }" ;;
		"$2= "*) rc=${line#*= } ;;
		esac
	done
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
	local count

	guest__count "$1/qmp.log" "*\"id\": \"$2\"*"
	[ "$count" -gt 0 ] || ! guest_alive "$1"
}

# guest_qmp NAME COMMAND [ARGUMENTS-AS-JSON]
guest_qmp()
{
	local id=q$SRANDOM line='' lines

	guest__send "$1" qmp \
		"{\"execute\":\"$2\",\"id\":\"$id\",\"arguments\":${3:-{\}}}"
	until_true 60 guest__qmp_answered "$1" "$id" || true
	mapfile -t lines <"$GUEST_RUN/$1/qmp.log"
	for line in "${lines[@]}"; do
		[[ $line != *"\"id\": \"$id\""* ]] || break
		line="no answer to $2"
	done
	printf '%s\n' "$line"
	[[ $line == *'"return"'* ]]
}

guest__qmp_event()
{
	local count

	guest__count "$1/qmp.log" "*\"event\": \"$2\"*"
	[ "$count" -ge "$3" ]
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
	[ -z "${VM_OUT:-}" ] || guest__keep_logs "$name"
}

# Where level 0 can read them after the machine is gone.
guest__keep_logs()
{
	mkdir -p "$VM_OUT/guest-$1"
	cp "$GUEST_RUN/$1"/*.log "$GUEST_RUN/$1/cmdline" "$VM_OUT/guest-$1/" || true
}

# Where each task of a process stands, for the reader of a failed test.
guest__show_tasks()
{
	local task

	for task in /proc/"$1"/task/*; do
		echo "--- $(<"$task/comm") $(grep State: "$task/status")" >&2
		cat "$task/stack" >&2
	done
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
		guest__show_tasks "$pid"
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

# guest_disk NAME TARGET LUN: its device in the guest, once it is there
guest_disk()
{
	guest_wait "$1" "set -- /sys/bus/scsi/devices/*:0:$2:$3/block/sd*
		[ -e \"\$1\" ] && echo \"/dev/\${1##*/}\""
}
