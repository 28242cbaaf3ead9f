# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts that run on the machine itself share (level 0): where the
# tree and the cache are, packages, time limits.  Source it; it sets TREE.

TREE=${TREE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}

# Kernels, initramfs and whatever else is costly and outlives the tree.
vscsi_cache() {
	local dir=${VSCSI_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vhost-scsi}

	mkdir -p "$dir"
	echo "$dir"
}

# A time limit in seconds, scaled for slow or busy machines.
scaled() { # seconds
	echo $(($1 * ${VSCSI_SLOW:-1}))
}

# Run a command while holding a lock, so that two callers in the same tree or
# with the same cache do not build the same thing at the same time.
locked() { # lockfile command...
	local lock=$1 fd rc=0
	shift

	mkdir -p "$(dirname "$lock")"
	exec {fd}>"$lock"
	flock "$fd"
	"$@" {fd}>&- || rc=$?
	exec {fd}>&-
	return "$rc"
}

package_is_installed() {
	[[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

apt_install() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install "$@" 2>&1
}

# Install what is lacking of the named packages, and say so; else be silent.
ensure_packages() { # package...
	local package output
	local -a lacking=()

	for package; do
		package_is_installed "$package" || lacking+=("$package")
	done
	if ((${#lacking[@]} == 0)); then
		return
	fi
	echo "installing ${lacking[*]}" >&2
	if ! apt_install "${lacking[@]}" >/dev/null; then
		# no lists, or old ones
		apt-get -qq update >&2 || true
		output=$(apt_install "${lacking[@]}") || { echo "$output" >&2; return 1; }
	fi
}

# shellcheck disable=SC2034 # read by who sources this
# What it takes to boot level 1, and what the tests use inside it.
PACKAGES_VM=(qemu-system-x86 busybox-static xz-utils zstd kmod)
# shellcheck disable=SC2034
PACKAGES_TESTS=(sg3-utils fio jq targetcli-fb dbus python3-dbus e2fsprogs dosfstools mtools cpio
	bash-builtins libaio-dev libc6-dev gcc make libvirt-daemon-system libvirt-clients
	nbd-server nbd-client tcmu-runner qemu-utils)
# shellcheck disable=SC2034
PACKAGES_BUILD=(gcc make bc bison flex libelf-dev libssl-dev binutils pahole libjson-c-dev libkmod-dev libudev-dev)
# shellcheck disable=SC2034
PACKAGES_CHECK=(sparse shellcheck clang-format perl git xz-utils kmod mandoc groff-base)
# What is tested on the machine itself, by "make check" and by tests/run.
# shellcheck disable=SC2034
PACKAGES_UNIT=(clang libclang-rt-14-dev libcmocka-dev)
