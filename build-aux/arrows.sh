#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# "Calls run downwards only": every #include of a project header must lead to the same room or to one
# below it. Exit 1 and one line per arrow that points up.
set -euo pipefail
cd "$(dirname "$0")/.."

# room: rooms it may include from
declare -A below=(
	[base]="base"
	[oci]="oci base"
	[runtime]="runtime oci base"
	[metrics]="metrics oci base"
	[sched]="sched runtime metrics oci base"
	[libexec]="libexec base"
	[cli]="cli sched runtime metrics oci base"
)
# Modules with narrower rules than their room's: the policy knows neither kernel nor clock.
declare -A pure=(
	[sched/policy]="sched/policy sched/policy_view metrics/sample"
	[sched/policy_view]="sched/policy sched/policy_view metrics/sample"
	[sched/ladder]="sched/policy sched/ladder metrics/sample"
)
bad=0
for room in "${!below[@]}"; do
	while IFS=: read -r file line text; do
		header=${text#*\"}
		header=${header%%\"*}
		target=${header%%/*}
		[ "$header" = version.h ] && continue
		if [[ " ${below[$room]} " != *" $target "* ]]; then
			echo "$file:$line: $room must not include $header"
			bad=1
		fi
	done < <(grep -HnE '^#include "' "$room"/*.[ch] 2>/dev/null || true)
done
for module in "${!pure[@]}"; do
	for file in "$module".[ch]; do
		[ -e "$file" ] || continue
		while IFS=: read -r line text; do
			header=${text#*\"}
			header=${header%%\"*}
			allowed=0
			for m in ${pure[$module]}; do
				[ "$header" = "$m.h" ] && allowed=1
			done
			[ $allowed = 1 ] || { echo "$file:$line: $module is pure and must not include $header"; bad=1; }
		done < <(grep -nE '^#include "' "$file" || true)
		while IFS= read -r hit; do
			echo "$file:$hit: $module is pure: no I/O, no clock, no allocation"
			bad=1
		done < <(grep -nE '#include <(stdio|stdlib|time|unistd|fcntl|sys/|pthread)' "$file" || true)
	done
done
# Only base/json talks to yajl.
if git ls-files "*.c" "*.h" 2>/dev/null | grep -vE "^(base/json|build-aux/try-musl)" | xargs grep -nE "#include <yajl" /dev/null; then
	echo "yajl belongs to base/json alone"
	bad=1
fi
exit $bad
