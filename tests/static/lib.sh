# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Sourced by every check: where the tree is, which files it has, how to say
# what is wrong. A check prints a line per finding and ends with the status of
# verdict().
set -euo pipefail

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$tree"
findings=0

# Files of the project that match any of the patterns, by their path in the
# tree: what git knows or would add. A pattern's * also matches slashes.
files() { # PATTERN...
	local file

	git -c safe.directory='*' ls-files -co --exclude-standard -- "$@" | sort -u |
		while read -r file; do
			[[ ! -f $file || -L $file ]] || printf '%s\n' "$file"
		done
}

finding() {
	printf '%s\n' "$*"
	findings=$((findings + 1))
}

# Each line of standard input is a finding.
all_findings() {
	local line

	while IFS= read -r line; do
		finding "$line"
	done
}

verdict() {
	[[ $findings -eq 0 ]]
}

need() { # COMMAND PACKAGE
	command -v "$1" >/dev/null || { echo "$1 is needed: install $2"; exit 1; }
}

# Functions of the given C files, one line each:
#   file TAB line TAB lines TAB name TAB the comment before it TAB text
# with newlines of the last two as \001. A function is what starts and ends
# with a brace in the first column.
functions() { # FILE...
	[[ $# -eq 0 ]] || perl -e '
	local $/;
	for my $file (@ARGV) {
		open my $in, "<", $file or die "$file: $!\n";
		my $text = <$in>;
		while ($text =~ m{((?:^/\*(?:(?!\*/).)*\*/\n)?)^((?:\w[^;{}=\n#]*\n|[ \t][^;{}=\n]*\n)*?\w?[^;{}=\n]*\)[^;{}=\n]*\n)(\{\n.*?^\}$)}gms) {
			my ($comment, $head, $body) = ($1, $2, $3);
			my $line = 1 + (substr($text, 0, $-[2]) =~ tr/\n//);
			my $count = ($head . $body) =~ tr/\n// + 1;
			my ($name) = $head =~ /(\w+)\s*\(/;
			next if !defined $name;
			my $all = $head . $body;
			s/\n/\001/g for $comment, $all;
			print join("\t", $file, $line, $count, $name, $comment =~ tr/\t/ /r,
				$all =~ tr/\t/ /r), "\n";
		}
	}' "$@"
}
