#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# Holds a device for a shell test: reads a command per line and answers with 0 or
# the name of an errno. The device goes when the input ends.
#
#   open            /dev/vhost-scsi
#   owner           VHOST_SET_OWNER
#   memory          VHOST_SET_MEM_TABLE with no region
#   set WWN         VHOST_SCSI_SET_ENDPOINT
#   clear WWN       VHOST_SCSI_CLEAR_ENDPOINT
#   user UID        be another user from now on
#   name NAME       be called that
use strict;
use warnings;
use Errno;

my $device;

sub answer {
	my ($ok) = @_;
	my ($errno) = grep { $!{$_} } keys %!;

	print $ok ? "0\n" : "$errno\n";
}

# ioctl() wants an argument that it may write to.
sub call {
	my ($request, $argument) = @_;

	return ioctl($device, $request, $argument);
}

sub target {
	return pack('i a224 S S', 1, $_[0], 0, 0);
}

my %commands = (
	open => sub { open($device, '+<', '/dev/vhost-scsi') },
	owner => sub { call(0xAF01, 0) },
	memory => sub { call(0x4008AF03, pack('L L', 0, 0)) },
	set => sub { call(0x40E8AF40, target(@_)) },
	clear => sub { call(0x40E8AF41, target(@_)) },
	user => sub { $) = "$_[0] $_[0]"; $( = $_[0]; ($<, $>) = ($_[0], $_[0]); $> == $_[0] },
	name => sub { $0 = $_[0]; 1 },
);

$| = 1;
while (my $line = <STDIN>) {
	my ($command, @arguments) = split ' ', $line;

	answer($commands{$command}->(@arguments));
}
