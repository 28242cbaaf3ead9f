# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The packages of another Debian release than the machine's, from the machine's
# own mirror. apt gets a configuration of its own, with its own lists and with
# no package installed, so that nothing of the machine is changed, and asks for
# signatures as ever: the keyring of a Debian 12 that is kept up to date has the
# keys of Debian 13.

APT_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# The machine's Debian sources with the release's name in place of the own one.
apt_sources() { # release
	local own signed='' uri name

	# shellcheck disable=SC1091
	own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[[ ! -e $APT_KEYRING ]] || signed="[signed-by=$APT_KEYRING] "
	# shellcheck disable=SC2016 # for apt to expand
	apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI) $(CODENAME)' \
		'Created-By: Packages' | sed -n 's/^Debian main //p' | sort -u |
	while read -r uri name; do
		[[ $name == "$own" || $name == "$own-updates" || $name == "$own-security" ]] ||
			continue
		echo "deb $signed$uri $1${name#"$own"} main"
	done
}

# From here on apt-get and apt-cache know that release only; sets APT_LISTS. The
# lists are to be fetched when there are none, or older ones than the machine's.
apt_use_release() { # release dir
	mkdir -p "$2"/{lists/partial,cache/archives/partial}
	apt_sources "$1" >"$2/sources.part"
	[[ -s $2/sources.part ]] || { echo "apt: no Debian mirror in apt's sources" >&2; return 1; }
	mv "$2/sources.part" "$2/sources.list"
	: >"$2/status"
	cat >"$2/apt.conf" <<-CONF
		Dir::State "$2";
		Dir::State::lists "$2/lists";
		Dir::State::status "$2/status";
		Dir::Cache "$2/cache";
		Dir::Etc::sourcelist "$2/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Acquire::Languages "none";
		APT::Install-Recommends "false";
		APT::Sandbox::User "root";
	CONF
	export APT_CONFIG=$2/apt.conf
	# shellcheck disable=SC2034 # for who uses this
	APT_LISTS=$2/lists
}

# The packages and nothing that they need, downloaded and unpacked into a folder.
apt_unpack() { # dir package...
	local dir=$1 deb

	shift
	mkdir -p "$dir/debs"
	(cd "$dir/debs" && apt-get -qq -o APT::Sandbox::User=root download "$@" >&2) || return 1
	for deb in "$dir"/debs/*.deb; do
		dpkg -x "$deb" "$dir" || return 1
	done
	rm -rf "$dir/debs"
}

# All that the packages need, downloaded and unpacked: nothing is configured, no
# script of a package is run.
apt_unpack_closure() { # root package...
	local root=$1 deb

	shift
	apt-get -qq clean
	apt-get -qq -y -o Dpkg::Use-Pty=0 --download-only install "$@" >&2 || return 1
	# the links of a merged /usr come first, or dpkg makes directories of them
	mkdir -p "$root"/usr/{bin,sbin,lib,lib64} "$root"/{dev,proc,sys,tmp,run,root,etc}
	ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root/"
	for deb in "$APT_LISTS"/../cache/archives/*.deb; do
		dpkg -x "$deb" "$root" || return 1
	done
	apt-get -qq clean
}
