# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Completion of vhost-scsi(8): commands and options from its own --help, names of
# targets, LUNs and backstores from the live tree, files from where they are.

# Words that are there: the command, with the root that was typed.
_vhost_scsi_ask() # words of the command
{
	local -a root=()
	local i

	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == --root && ${COMP_WORDS[i + 1]:-} == '=' ]]; then
			root=(--root "${COMP_WORDS[i + 2]:-}")
		elif [[ ${COMP_WORDS[i]} == --root ]]; then
			root=(--root "${COMP_WORDS[i + 1]:-}")
		fi
	done
	"${COMP_WORDS[0]}" "${root[@]}" --color=never "$@" 2>/dev/null
}

_vhost_scsi_commands()
{
	_vhost_scsi_ask --help | sed -nE '/^Commands:/,/^$/s/^  ([a-z]+([ -][a-z]+)?)  +.*/\1/p'
}

# Names and WWNs of targets; $1 is a column of "list targets"'s JSON.
_vhost_scsi_targets()
{
	_vhost_scsi_ask -j list targets |
		sed -nE 's/^ *"(name|wwn)": ?"([^"]*)",?$/\2/p'
}

_vhost_scsi_backstores()
{
	_vhost_scsi_ask -j list backstores | awk -F '"' '
		$2 == "kind" { kind = $4 }
		$2 == "name" { name = $4 }
		/}/ && kind != "" && name != "" { print kind "/" name; kind = name = "" }'
}

_vhost_scsi_luns() # target
{
	_vhost_scsi_ask -j show "$1" | sed -nE 's/^ *"lun": ?([0-9]+),?$/\1/p'
}

_vhost_scsi_options() # words of the command
{
	_vhost_scsi_ask "$@" --help | sed -nE 's/^  (-[a-z], )?(--[a-z-]+).*/\2/p'
	[[ ${1:-} == "" ]] || printf '%s\n' --json --verbose --root --color --help
}

# The command's words and those after it, without options and their values.
_vhost_scsi_words()
{
	local i word

	WORDS=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--root|--color|--size|--file|--block|--pscsi|--user|--backstore|--wwn|--nexus|--tpg|\
		--owner|--num-queues|--lun|--name|--qemu|--count|--ramdisk|--wait)
			[[ ${COMP_WORDS[i + 1]:-} != '=' ]] || i=$((i + 1))
			i=$((i + 1)) ;;
		-*|=) ;;
		*) WORDS+=("$word") ;;
		esac
	done
}

# What begins with the word, of the lines that are read. Names are whatever somebody
# gave, so nothing in them is expanded, and each is offered as one word of the shell.
_vhost_scsi_offer() # word
{
	local plain=${1//\\/} name word quoted=''

	case $plain in
	[\"\']*) plain=${plain:1} quoted=yes ;;
	esac
	while IFS= read -r name; do
		[[ -n $name && $name == "$plain"* ]] || continue
		printf -v word %q "$name"
		# within quotes only what means the same there
		[[ -n $quoted && $word != "$name" ]] || COMPREPLY+=("$word")
	done
}

# What may come after the command's words.
_vhost_scsi_argument() # word
{
	local first=${WORDS[0]:-} n=${#WORDS[@]} names=''

	case $first in
	'')
		names=$(_vhost_scsi_commands | cut -d ' ' -f 1 | sort -u) ;;
	lun)
		if ((n == 1)); then
			names=$'add\nremove\nresize'
		elif ((n == 2)); then
			names=$(_vhost_scsi_targets)
		elif ((n == 3)) && [[ ${WORDS[1]} != add ]]; then
			names=$(_vhost_scsi_luns "${WORDS[2]}")
		fi ;;
	delete|show|adopt|qemu-args)
		((n > 1)) || names=$(_vhost_scsi_targets) ;;
	list)
		((n > 1)) || names=$'targets\nluns\nbackstores' ;;
	apply|diff|export)
		((n > 1)) || compopt -o filenames 2>/dev/null || true
		((n > 1)) || mapfile -t COMPREPLY < <(compgen -f -- "$1" || true)
		return ;;
	esac
	_vhost_scsi_offer "$1" <<<"$names"
}

_vhost_scsi()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local -a WORDS

	COMPREPLY=()
	# "--option=value" comes as three words
	if [[ $word == '=' ]]; then
		word=''
	elif [[ $before == '=' ]]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	_vhost_scsi_words
	case $before in
	--color)
		_vhost_scsi_offer "$word" <<<$'auto\nalways\nnever'
		return ;;
	--backstore)
		_vhost_scsi_offer "$word" < <(_vhost_scsi_backstores)
		return ;;
	--file|--block|--pscsi|--qemu)
		compopt -o filenames 2>/dev/null || true
		mapfile -t COMPREPLY < <(compgen -f -- "$word" || true)
		return ;;
	--root)
		compopt -o filenames 2>/dev/null || true
		mapfile -t COMPREPLY < <(compgen -d -- "$word" || true)
		return ;;
	--size|--user|--wwn|--nexus|--tpg|--owner|--num-queues|--lun|--name|--count|--ramdisk|--wait)
		return ;;
	esac
	if [[ $word == -* ]]; then
		local -a command=("${WORDS[@]:0:1}")

		[[ ${WORDS[0]:-} != lun ]] || command=("${WORDS[@]:0:2}")
		_vhost_scsi_offer "$word" < <(_vhost_scsi_options "${command[@]}")
	else
		_vhost_scsi_argument "$word"
	fi
}

complete -F _vhost_scsi vhost-scsi
