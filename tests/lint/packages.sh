#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# packages.txt: each row is a package, who installs it (build, check, demo or
# bench) and a word by which something in the tree uses it. Rows are sorted,
# within the blocks that blank lines make, and no package stands twice.
. "$(dirname "$0")/lint.sh"

lint()
{
	local root=$1 package mark word rest before='' seen=' '

	while read -r package mark word rest; do
		case $package in
		'') before= ;;
		\#*) continue ;;
		esac
		[ -n "$package" ] || continue
		[[ $mark =~ ^(build|check|demo|bench)$ ]] && [ -n "$word" ] &&
			[ -z "$rest" ] ||
			echo "$package: not a package, who, and a word"
		[ "$before" = "$(printf '%s\n%s\n' "$before" "$package" |
			LC_ALL=C sort | head -n 1)" ] ||
			echo "$package: stands behind $before"
		[[ $seen != *" $package "* ]] || echo "$package: stands twice"
		seen+="$package "
		before=$package
		(cd "$root" && files . '*' |
			grep -vE '^packages.txt$|\.md$' | tr '\n' '\0' |
			xargs -0 -r grep -qFe "${word:-$package}") ||
			echo "$package: nothing names ${word:-it}"
	done <"$root/packages.txt"
}

plant()
{
	echo 'one; two' >"$1/user"
	cat >"$1/packages.txt"
	echo "$2"
}

plant_package_that_nothing_uses()
{
	plant "$1" 'three: nothing names third' <<-'END'
		one    build   one
		three  build   third
	END
}

plant_package_without_a_word()
{
	plant "$1" 'one: not a package' <<<'one  build'
}

plant_wrong_mark()
{
	plant "$1" 'one: not a package' <<<'one  tests  one'
}

plant_wrong_order()
{
	plant "$1" 'one: stands behind two' <<-'END'
		two  build   two
		one  build   one
	END
}

plant_package_twice()
{
	plant "$1" 'one: stands twice' <<-'END'
		one  build   one

		one  check   one
	END
}

run_lint
