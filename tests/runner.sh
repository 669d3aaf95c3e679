# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For scripts that make segments zt-NUMBER-..: what runner_begin() and
# runner_end() of harness.h do.
#
#   runner_begin NUMBER   hold the marker of that name as long as this shell,
#                         or what it started, lives
#   runner_end            remove the segments and the marker

runner_begin()
{
	runner_prefix=/dev/shm/zt-$1
	until [ "$runner_prefix.runner" -ef "/proc/self/fd/${runner_marker--}" ]
	do
		exec {runner_marker}>>"$runner_prefix.runner"
		# A runner that tidies up may hold it for a moment.
		if ! flock -w 60 "$runner_marker"; then
			echo "Bail out! $runner_prefix.runner is held"
			exit 1
		fi
	done
}

runner_end()
{
	rm -f "$runner_prefix-"* "$runner_prefix.runner"
}
