# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What run and profile share: building what they need, and booting level 1.
#
#   bench_setup SERIES MODULE...   build; sets KVER, BENCH, SRCVERSION
#   bench_boot MODULE SERIES OUT QEMU-ARGS COMMAND...
#                                  run COMMAND there with counted instructions
#
# VSCSI_PARAMS="name=value..." sets parameters of our module before that.  CLOCK is what boot is
# told of processors and time.

export BENCH=$TREE/build/bench/ring-bench
SRCVERSION=''
CLOCK=(--icount)

note() {
	printf '# %s\n' "$*" >&2
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

bench_setup() { # series module...
	local assignments log=$TREE/build/bench/kmod.log

	ensure_packages "${PACKAGES_VM[@]}" "${PACKAGES_BUILD[@]}" libc6-dev
	mkdir -p "$TREE/build/bench"
	locked "$TREE/build/bench/lock" make -s -C "$TREE/tests/bench" >&2 ||
		die "the programs do not build"
	assignments=$("$TREE/tests/vm/kernels" get "$1")
	eval "$assignments"
	KVER=${KVER:?}
	if [[ " ${*:2} " == *" ours "* ]]; then
		make -s -C "$TREE" kmod KDIR="${KDIR:?}" MODROOT="${MODROOT:?}" \
			VMLINUX="${VMLINUX:?}" >"$log" 2>&1 ||
			die "the module does not build: see $log"
		SRCVERSION=$(modinfo -F srcversion "$TREE/build/kmod/$KVER/vhost_scsi.ko")
	fi
}

# Refuses to go on when somebody built another module since bench_setup: figures
# of two modules must not end up under one name.
bench_boot() { # module series out qemu-args command...
	local module=$1 now
	local -a boot=("$TREE/tests/vm/boot" "${CLOCK[@]}" --kernel "$2" --out "$3")

	[[ -z $4 ]] || boot+=(--qemu "$4")
	shift 4
	if [[ $module == ours ]]; then
		now=$(modinfo -F srcversion "$TREE/build/kmod/$KVER/vhost_scsi.ko")
		[[ $now == "$SRCVERSION" ]] || die "the module was built anew meanwhile"
	else
		boot+=(--peer)
	fi
	if [[ $module == ours && -n ${VSCSI_PARAMS:-} ]]; then
		# shellcheck disable=SC2016 # expanded in level 1
		set -- bash -ec 'for p in $1; do
			echo "${p#*=}" >"/sys/module/vhost_scsi/parameters/${p%%=*}"
		done; shift; exec "$@"' - "$VSCSI_PARAMS" "$@"
	fi
	"${boot[@]}" -- "$@"
}
