# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What ./check and ./demo share; source it from the top of the source tree:
#
#   install_missing build check   packages.txt's packages marked so
#   configure_in build/demo ...   autoreconf and configure, where needed

# Ask apt only for what is missing, so that it works offline afterwards.
install_missing()
{
	local wanted missing=() package sudo=()

	wanted=$(awk -v marks=" $* " '!/^#/ && index(marks, " " $2 " ") \
		{ print $1 }' packages.txt)
	for package in $wanted; do
		# shellcheck disable=SC2016 # the braces are dpkg-query's
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
			grep -q 'ok installed' || missing+=("$package")
	done
	if [ ${#missing[@]} -eq 0 ]; then
		echo "all packages of packages.txt are installed"
		return 0
	fi
	echo "installing: ${missing[*]}"
	if [ "$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null; then
			echo "neither root nor sudo; as root, run:" >&2
			echo "  apt-get install ${missing[*]}" >&2
			return 1
		fi
		sudo=(sudo)
	fi
	# Without a network apt may still have what is needed, so it decides by
	# installing. Another ./check may be doing so: wait for its lock.
	"${sudo[@]}" apt-get update -q ||
		echo "apt-get update failed: trying with what apt knows" >&2
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get \
		-o DPkg::Lock::Timeout=600 \
		install -q -y --no-install-recommends "${missing[@]}" </dev/null
}

# autoreconf, when configure is missing or older than what it is made from.
make_configure()
{
	if [ ! -e configure ] || [ ! -e Makefile.in ] ||
	   [ -n "$(find . -path ./build -prune -o -newer Makefile.in \
			\( -name configure.ac -o -name Makefile.am -o \
			-name Makefile.inc \) -print)" ]; then
		mkdir -p m4 && autoreconf --install --force
	else
		echo "configure is up to date"
	fi
}

# configure in a build directory, unless that was done with the same words.
configure_in()
{
	local dir=$1

	shift
	mkdir -p "$dir"
	if [ -e "$dir/Makefile" ] && [ "$dir/Makefile" -nt configure ] &&
	   [ "$(cat "$dir/.configured-as" 2>/dev/null)" = "$*" ]; then
		echo "$dir is configured"
		return 0
	fi
	rm -f "$dir/.configured-as"
	(cd "$dir" && ../../configure "$@") &&
		echo "$*" >"$dir/.configured-as"
}
