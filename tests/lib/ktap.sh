# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# How a shell test says what came of it, and cleans up after itself.
#
#   fail WHY...        the test has failed; ends it
#   skip WHY...        the test does not apply here; ends it
#   note TEXT...       a line for the test's log
#   defer COMMAND...   run at the end of the test however it ends, last one first
#   await SECONDS COMMAND...
#                      poll until the command succeeds; false when the time (times
#                      VSCSI_SLOW) has passed.  There is no other way to wait.
#   expect_failure COMMAND...
#                      the command must fail
#   expect_equal GOT WANTED WHAT

KTAP_REASON=${KTAP_REASON:-/dev/null}
KTAP_DEFERRED=()

fail() {
	printf '%s\n' "$*" >"$KTAP_REASON"
	note "FAIL: $*"
	exit 1
}

skip() {
	printf '%s\n' "$*" >"$KTAP_REASON"
	note "SKIP: $*"
	exit 4
}

note() {
	printf '# %s\n' "$*" >&2
}

defer() {
	local command

	printf -v command '%q ' "$@"
	KTAP_DEFERRED+=("$command")
}

# A deferred command that fails is a failed test: it left something behind.
ktap_run_deferred() {
	local i rc=0

	for ((i = ${#KTAP_DEFERRED[@]} - 1; i >= 0; i--)); do
		if ! eval "${KTAP_DEFERRED[i]}"; then
			note "cleaning up failed: ${KTAP_DEFERRED[i]}"
			[[ -s $KTAP_REASON ]] ||
				echo "cleaning up failed: ${KTAP_DEFERRED[i]}" >"$KTAP_REASON"
			rc=1
		fi
	done
	KTAP_DEFERRED=()
	return "$rc"
}

await() {
	local end=$((SECONDS + $1 * ${VSCSI_SLOW:-1} + 1))
	shift

	until "$@"; do
		((SECONDS < end)) || return 1
		read -rt 0.05 <> <(:) || true
	done
}

expect_failure() {
	if "$@"; then
		fail "succeeded, but should have failed: $*"
	fi
}

expect_equal() {
	[[ $1 == "$2" ]] || fail "$3: got '$1', expected '$2'"
}

# Leave the test at a command that failed without anybody looking.
ktap_on_error() { # status line command
	[[ -s $KTAP_REASON ]] || printf 'line %s: status %s: %s\n' "$2" "$1" "$3" >"$KTAP_REASON"
	note "line $2: status $1: $3"
}
