# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For scripts that test what has a segment name of its own, as README's
# programs: source it first, and the script goes on with an empty /dev/shm that
# nobody else sees. Where mount namespaces are refused it goes on with the real
# one; must_be_free NAME.. then ends a test that would touch others' segments.

in_private_shm()
{
	unshare --map-root-user --mount \
		bash -c 'mount -t tmpfs shm /dev/shm && exec "$@"' mount "$@"
}

if [ -z "${private_shm-}" ]; then
	export private_shm=no
	if in_private_shm true 2>/dev/null; then
		private_shm=yes
		in_private_shm "$0" "$@"
		exit
	fi
fi

must_be_free()
{
	local name

	for name in "$@"; do
		if [ -e "/dev/shm/$name" ]; then
			echo "Bail out! /dev/shm/$name exists"
			exit 1
		fi
	done
}
