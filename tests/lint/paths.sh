#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# label: fast
#
# No file names a directory of somebody's machine, or a host that one downloads
# from: what the project needs stands in packages.txt.
. "$(dirname "$0")/lint.sh"

# The brackets keep these lines from matching themselves.
places='(^|[^[:alnum:]_.~-])/(wor[k]|hom[e]|User[s]|roo[t])/'
hosts='(registr[y]|npmj[s]|pyp[i]|pythonhoste[d]|deb[.]debia[n]|crate[s]|'
hosts+='docke[r]|ghc[r])[.](org|com|io|net)'

lint()
{
	(cd "$1" && files . '*' | tr '\n' '\0' |
		xargs -0 -r grep -IHnE "$places|$hosts")
}

plant_home()
{
	printf 'see /%s/me/zeroipc\n' home >"$1/planted"
	echo planted:1
}

plant_root()
{
	printf 'cd "/%s/zeroipc"\n' root >"$1/planted"
	echo planted:1
}

plant_host()
{
	printf 'get https://files.%s.org/x\n' pythonhosted >"$1/planted"
	echo planted:1
}

run_lint
