# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Walking through a page of documentation: its fenced blocks are run in their order, and
# what a page shows under a block must be what came out.
#
#   walk PAGE
#
# A block of commands begins with "```sh" and perhaps a word that says how it is run:
#
#   fails        the last command's status is not 0
#   background   it runs beside the next block, and must end by itself after that
#   guest        it starts QEMU; here that is a guest with the page's devices that has a
#                place in level 1, and its name is "walk"
#   inside       it is run in that guest
#   host         it is not run: the caller says why in walk_host
#
# The block right after it, without a word, is what comes out. There "…" stands for any
# text, as a line of its own for any lines, and a blank for any blanks.
#
# A heading is passed to the caller's function walk_heading, if there is one.

# The lines that must come out, as an extended regular expression for all of them
walk__pattern() { # text
	local line all=''

	while IFS= read -r line; do
		if [[ $line == '…' ]]; then
			all+=$'(.*\n)?'
			continue
		fi
		# shellcheck disable=SC2001,SC2016 # a set of characters, none to be expanded
		line=$(sed 's/[][\.*^$()+?{}|]/\\&/g; s/…/[^\n]*/g; s/ \{2,\}/ /g' <<<"$line")
		all+="${line%' '}"$'\n'
	done <<<"$1"
	printf '^%s$' "$all"
}

walk__compare() { # place got wanted
	local got pattern

	got=$(sed 's/ \{2,\}/ /g; s/ $//' <<<"$2")$'\n'
	pattern=$(walk__pattern "$3")
	[[ $got =~ $pattern ]] || fail "$1: what came out is not what is shown: $2"
}

walk__end_background() { # place
	local rc=0

	[[ -n $WALK_JOB ]] || return 0
	await 60 walk__job_ended || fail "$1: what runs in the background does not end: $(<"$WALK_OUT.background")"
	wait "$WALK_JOB" || rc=$?
	WALK_JOB=''
	((rc == 0)) || fail "$1: what ran in the background ended with status $rc"
	walk__compare "$1" "$(<"$WALK_OUT.background")" "$WALK_WANTED"
}

walk__job_ended() {
	! kill -0 "$WALK_JOB" 2>/dev/null
}

# Evaluates the block, with a QEMU that takes the page's devices and no more.
# shellcheck disable=SC2317 # what is evaluated calls it
walk__guest() { # commands
	qemu-system-x86_64() {
		while (($#)) && [[ $1 != -device ]]; do
			shift
		done
		(($#)) || fail "the page gives its guest no device"
		# guest_start wants the real one
		unset -f qemu-system-x86_64
		guest_start walk -- "$@"
	}
	eval "$1"
}

# Run one block; what came out is in $WALK_OUT.
walk__run() { # place kind commands
	local rc=0

	note "$1: ${3//$'\n'/; }"
	case $2 in
	guest)
		walk__guest "$3" >"$WALK_OUT" ;;
	inside)
		guest_run walk "$3" >"$WALK_OUT" || fail "$1: fails in the guest: $(<"$WALK_OUT")" ;;
	*)
		bash -ec "$3" >"$WALK_OUT" 2>&1 </dev/null || rc=$?
		note "status $rc: $(<"$WALK_OUT")"
		if [[ $2 == fails ]]; then
			((rc > 0 && rc < 126)) || fail "$1: ends with status $rc, but should fail"
		else
			((rc == 0)) || fail "$1: status $rc: $(tail -n 1 "$WALK_OUT")"
		fi ;;
	esac
}

walk__block() { # place kind commands output
	WALK_COUNT=$((WALK_COUNT + 1))
	case $2 in
	host)
		walk_host "$3" ;;
	background)
		bash -ec "exec $3" >"$WALK_OUT.background" 2>&1 </dev/null &
		WALK_JOB=$! WALK_WANTED=$4
		defer walk__kill "$WALK_JOB" ;;
	''|fails|guest|inside)
		walk__run "$1" "$2" "$3"
		[[ -z $4 ]] || walk__compare "$1" "$(<"$WALK_OUT")" "$4"
		walk__end_background "$1" ;;
	*)
		fail "$1: what is a block of kind '$2'?" ;;
	esac
}

walk__kill() { # pid
	kill "$1" 2>/dev/null || true
}

# A block and what is shown under it are taken together; a block without output is
# run when the next one, or a heading, comes.
walk() { # page
	local line number=0 page=$TREE/$1 state=text kind='' text='' commands='' output='' place=''
	local pending=0

	WALK_OUT=$(mktemp)
	WALK_JOB='' WALK_WANTED='' WALK_COUNT=0
	defer rm -f "$WALK_OUT" "$WALK_OUT.background"
	while IFS= read -r line || [[ -n $line ]]; do
		number=$((number + 1))
		if [[ $state == text && $line == '```'* ]]; then
			if [[ $line == '```sh'* || $line != '```' ]]; then
				((!pending)) || walk__block "$place" "$kind" "$commands" ''
				pending=0
				state=other
				if [[ $line == '```sh'* ]]; then
					state=commands kind=${line#'```sh'} place="$1:$number"
					kind=${kind# }
				fi
			else
				state=output
			fi
			text=''
		elif [[ $line == '```' ]]; then
			if [[ $state == commands ]]; then
				commands=$text pending=1
			elif [[ $state == output ]]; then
				((pending)) || fail "$1:$number: output of no block"
				output=$text pending=0
				walk__block "$place" "$kind" "$commands" "$output"
			fi
			state=text
		elif [[ $state != text ]]; then
			text+="${text:+$'\n'}$line"
		elif [[ $line == '#'* ]]; then
			((!pending)) || walk__block "$place" "$kind" "$commands" ''
			pending=0
			! declare -F walk_heading >/dev/null || walk_heading "${line##*# }"
		fi
	done <"$page"
	((!pending)) || walk__block "$place" "$kind" "$commands" ''
	[[ $state == text ]] || fail "$1: a block does not end"
	((WALK_COUNT > 0)) || fail "$1 has no block of commands"
}
