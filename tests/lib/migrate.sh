# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Live migration of a guest of guest.sh, held in its first phase until a test wants
# it to end. It does not end by itself if the guest dirties its memory faster than
# it is sent, and that is made slow.
#
# Between two QEMUs of one host:
#
#   guest_migrate_begin FROM TO     returns when each page has been sent once
#   guest_migrate_end FROM TO       returns when the guest runs in TO
#
# Between two hosts, each of which does its part:
#
#   guest_migrate_listen TO URI     TO, started with --incoming, listens
#   guest_migrate_send FROM URI     returns when each page has been sent once
#   guest_migrate_leave FROM        returns when all of the guest has left
#   guest_migrate_arrive TO         returns when it runs there

GUEST_MIGRATE_SECONDS=${GUEST_MIGRATE_SECONDS:-120}

guest__migration()
{
	local count

	guest__count "$1/qmp.log" "*\"event\": \"$2\"*$3*"
	[ "$count" -gt 0 ]
}

guest__migration_events()
{
	guest_qmp "$1" migrate-set-capabilities \
		'{"capabilities":[{"capability":"events","state":true}]}'
}

guest_migrate_listen()
{
	guest__migration_events "$1" && guest_qmp "$1" migrate-incoming "{\"uri\":\"$2\"}"
}

guest_migrate_send()
{
	guest__migration_events "$1" || return
	guest_qmp "$1" migrate-set-parameters \
		'{"max-bandwidth":10000000,"downtime-limit":1}' || return
	guest_qmp "$1" migrate "{\"uri\":\"$2\"}" || return
	until_true "$GUEST_MIGRATE_SECONDS" guest__migration "$1" MIGRATION_PASS '"pass": 2}' &&
		guest_qmp "$1" migrate-set-parameters '{"max-bandwidth":1000000}' && return
	guest_say "$1 does not send its memory: $(guest_qmp "$1" query-migrate)"
	return 1
}

guest_migrate_leave()
{
	guest_qmp "$1" migrate-set-parameters \
		'{"max-bandwidth":10000000000,"downtime-limit":60000}' || return
	until_true "$GUEST_MIGRATE_SECONDS" guest__migration "$1" MIGRATION '"completed"' && return
	guest_say "$1 does not move: $(guest_qmp "$1" query-migrate)"
	guest_show_logs "$1"
	return 1
}

guest_migrate_arrive()
{
	until_true 60 guest__migration "$1" RESUME '' && return
	guest_say "$1 does not run: $(guest_qmp "$1" query-migrate)"
	guest_show_logs "$1"
	return 1
}

guest_migrate_begin()
{
	local uri=unix:$GUEST_RUN/$2/migration

	guest_migrate_listen "$2" "$uri" && guest_migrate_send "$1" "$uri"
}

guest_migrate_end()
{
	guest_migrate_leave "$1" && guest_migrate_arrive "$2" && return
	guest_show_logs "$2"
	return 1
}
